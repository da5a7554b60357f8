/* Text that is kept in memory. */
#include "source.h"

static void put(struct tg__sheet *s, const char *text, size_t length) {
    struct tg__written *w = s->to;
    if (w->failed) return;
    if (w->length + length + 1 > w->room) {
        const size_t room = 2 * w->room + length + 4096;
        char *more = tg__alloc(w->graph, room);
        w->failed = !more;
        if (!more) return;
        if (w->text) memcpy(more, w->text, w->length);
        if (w->text) tg__release(w->graph, w->text, w->room);
        w->text = more;
        w->room = room;
    }
    memcpy(w->text + w->length, text, length);
    w->length += length;
    w->text[w->length] = 0;
}

struct tg__sheet tg__sheet_written(struct tg__written *w) {
    return (struct tg__sheet){.put = put, .to = w};
}

void tg__written_free(struct tg__written *w) {
    if (w->text) tg__release(w->graph, w->text, w->room);
    w->text = NULL;
}
