/* A list of equal chunks: rows never move, and only the list of chunks is ever copied. Chunks come in blocks, each
 * half of what is there: few allocations, and large ones, which the system can back with large pages. */
#include "graph.h"

enum { FEW = 16, LARGE_PAGE = 1 << 21 }; /* chunks; bytes */

static bool list_grow(tg_graph *g, struct tg__table *t, uint32_t chunks) {
    uint32_t room = t->room ? t->room * 2 : 8;
    if (room < chunks) room = chunks;
    void **list = tg__alloc(g, room * sizeof *list);
    if (!list) return false;
    if (t->chunks) memcpy(list, t->chunk, t->chunks * sizeof *list);
    tg__release(g, t->chunk, t->room * sizeof *list);
    t->chunk = list;
    t->room = room;
    return true;
}

/* From some tens of thousands of rows on, a block is at least a large page. */
static uint32_t next_block(const struct tg__table *t) {
    uint32_t half = t->chunks / 2, page = LARGE_PAGE / (TG__CHUNK * t->size) + 1;
    if (t->chunks >= FEW && half < page) half = page;
    return half < 1 ? 1 : half > TG__CHUNKS ? TG__CHUNKS : half;
}

bool tg__table_grow(tg_graph *g, struct tg__table *t) {
    if (t->length > UINT32_MAX - 2 * TG__CHUNKS * TG__CHUNK) {
        tg__fail_memory(g, SIZE_MAX); /* 2^32 rows are what an id can count */
        return false;
    }
    uint32_t more = next_block(t);
    if (t->chunks + more > t->room && !list_grow(g, t, t->chunks + more)) return false;
    const size_t bytes = (size_t)TG__CHUNK * t->size;
    char *block = tg__keep(g, &t->blocks, more * bytes);
    if (!block) return false;
    tg__hide(block, more * bytes);
    for (uint32_t i = 0; i < more; i++) t->chunk[t->chunks++] = block + i * bytes;
    return true;
}

void tg__table_free(tg_graph *g, struct tg__table *t) {
    tg__blocks_free(g, &t->blocks);
    tg__release(g, t->chunk, t->room * sizeof *t->chunk);
    *t = (struct tg__table){.size = t->size};
}
