/* Sheets: where text goes. */
#include "sheet.h"

void tg__put_n(struct tg__sheet *s, const char *text, size_t length) {
    if (length > 0) s->put(s, text, length);
}

void tg__put(struct tg__sheet *s, const char *text) { tg__put_n(s, text, strlen(text)); }

void tg__putf(struct tg__sheet *s, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tg__put(s, text);
}

/* ------------------------------------------------------------------------------------------------------- kinds */

static void put_file(struct tg__sheet *s, const char *text, size_t length) { fwrite(text, 1, length, s->to); }
static void put_writer(struct tg__sheet *s, const char *text, size_t length) { tg__write(s->to, text, length); }

static void put_html(struct tg__sheet *s, const char *text, size_t length) {
    static const char special[] = "&<>\"'";
    static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    size_t from = 0;
    for (size_t i = 0; i < length; i++) {
        const char *at = memchr(special, text[i], sizeof special - 1);
        if (!at) continue;
        tg__put_n(s->to, text + from, i - from);
        tg__put(s->to, entity[at - special]);
        from = i + 1;
    }
    tg__put_n(s->to, text + from, length - from);
}

struct tg__sheet tg__sheet_file(FILE *file) { return (struct tg__sheet){.put = put_file, .to = file}; }
struct tg__sheet tg__sheet_writer(struct tg__writer *w) { return (struct tg__sheet){.put = put_writer, .to = w}; }
struct tg__sheet tg__sheet_html(struct tg__sheet *inner) { return (struct tg__sheet){.put = put_html, .to = inner}; }

/* -------------------------------------------------------------------------------------------------------- files */

static bool fill(tg_graph *g, const char *path, bool (*write)(struct tg__sheet *s, void *user), void *user) {
    struct tg__writer w;
    if (!tg__write_open(&w, g, path)) return false;
    struct tg__sheet s = tg__sheet_writer(&w);
    if (write(&s, user)) return tg__write_commit(&w);
    tg__write_abandon(&w);
    return false;
}

tg_status tg__write_sheet(tg_graph *g, const char *path, bool (*write)(struct tg__sheet *s, void *user), void *user) {
    if (!g) return TG_HANDLE;
    tg__clear_run(g);
    g->busy = true; /* out of memory here is cured by a second try, not by a rewind */
    const struct tg__point point = tg__point_open();
    const bool written = fill(g, path, write, user);
    tg__point_close(point);
    g->busy = false;
    return written ? TG_OK : tg_error(g);
}
