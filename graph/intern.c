/* Hash-consing: equal bytes are stored once, so equality is equality of pointers. */
#include "hash.h"

struct tg__interned {
    UT_hash_handle hh;
    unsigned char bytes[];
};

const void *tg__intern(tg_graph *g, const void *bytes, size_t count) {
    struct tg__interned *e = NULL;
    HASH_FIND(hh, g->by_bytes, bytes, count, e);
    if (e) return e->bytes;
    e = tg__carve(g, &g->interned, sizeof *e + count);
    if (!e) return NULL;
    memcpy(e->bytes, bytes, count);
    HASH_ADD_KEYPTR(hh, g->by_bytes, e->bytes, count, e);
    return e->hh.tbl ? e->bytes : NULL;
}

const char *tg__intern_text(tg_graph *g, const char *text) { return tg__intern(g, text, strlen(text) + 1); }

void tg__intern_free(tg_graph *g) { HASH_CLEAR(hh, g->by_bytes); }
