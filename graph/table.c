/* A list of equal chunks: rows never move, growth costs one chunk, and only the list of chunks is ever copied. */
#include "graph.h"

static bool list_grow(tg_graph *g, struct tg__table *t) {
    uint32_t room = t->room ? t->room * 2 : 8;
    void **list = tg__alloc(g, room * sizeof *list);
    if (!list) return false;
    if (t->chunks) memcpy(list, t->chunk, t->chunks * sizeof *list);
    tg__release(g, t->chunk, t->room * sizeof *list);
    t->chunk = list;
    t->room = room;
    return true;
}

bool tg__table_grow(tg_graph *g, struct tg__table *t) {
    if (t->length > UINT32_MAX - 2 * TG__CHUNK) {
        tg__fail_memory(g, SIZE_MAX); /* 2^32 rows are what an id can count */
        return false;
    }
    if (t->chunks == t->room && !list_grow(g, t)) return false;
    void *chunk = tg__alloc(g, (size_t)TG__CHUNK * t->size);
    if (!chunk) return false;
    t->chunk[t->chunks++] = chunk;
    return true;
}

/* One chunk beyond the need stays, so that a loop of mark and rewind does not allocate. */
void tg__table_cut(tg_graph *g, struct tg__table *t, uint32_t length) {
    uint32_t need = length / TG__CHUNK + 2;
    while (t->chunks > need) tg__release(g, t->chunk[--t->chunks], (size_t)TG__CHUNK * t->size);
    if (t->length > length) t->length = length;
}

void tg__table_free(tg_graph *g, struct tg__table *t) {
    while (t->chunks) tg__release(g, t->chunk[--t->chunks], (size_t)TG__CHUNK * t->size);
    tg__release(g, t->chunk, t->room * sizeof *t->chunk);
    *t = (struct tg__table){.size = t->size};
}
