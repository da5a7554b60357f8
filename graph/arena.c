/* Where a graph's memory comes from. Four lifetimes: chunked tables (table.c), rewound strings, kept records, and
 * values, which are recycled by size class because a rewind gives them back in another order than they were made. */
#include "graph.h"

enum { POOL = 16384, LARGEST_POOL = 1 << 25, LARGEST_POOLED = 4096, ALIGN = 64, HEADER = 64 };

struct tg__block {
    struct tg__block *next;
    size_t bytes;
    size_t before; /* of an arena: bytes used in the blocks below this one */
};

void *tg__alloc(tg_graph *g, size_t bytes) {
    void *p = g->allocator.alloc(g->allocator.user, bytes ? bytes : 1);
    if (!p) tg__fail_memory(g, bytes);
    return p;
}

void tg__release(tg_graph *g, void *block, size_t bytes) {
    if (block) g->allocator.free(g->allocator.user, block, bytes ? bytes : 1);
}

static struct tg__block *block_new(tg_graph *g, size_t room, struct tg__block *next) {
    if (room > PTRDIFF_MAX - HEADER) {
        tg__fail_memory(g, room);
        return NULL;
    }
    struct tg__block *b = tg__alloc(g, room + HEADER);
    if (b) *b = (struct tg__block){.next = next, .bytes = room + HEADER};
    return b;
}

static struct tg__block *block_drop(tg_graph *g, struct tg__block *b) {
    struct tg__block *next = b->next;
    tg__show(b, b->bytes);
    tg__release(g, b, b->bytes);
    return next;
}

void *tg__carve(tg_graph *g, struct tg__arena *a, size_t bytes) {
    bytes = (bytes + 7) & ~(size_t)7;
    if (!a->block || a->used + bytes > a->block->bytes - HEADER) {
        struct tg__block *b = block_new(g, bytes > TG__ARENA ? bytes : TG__ARENA, a->block);
        if (!b) return NULL;
        b->before = tg__arena_total(a);
        *a = (struct tg__arena){.block = b};
    }
    void *p = (char *)a->block + HEADER + a->used;
    a->used += bytes;
    return p;
}

size_t tg__arena_total(const struct tg__arena *a) { return a->block ? a->block->before + a->used : 0; }

void tg__arena_cut(tg_graph *g, struct tg__arena *a, size_t total) {
    while (a->block && (a->block->before > total || total == 0)) {
        a->used = a->block->before;
        a->block = block_drop(g, a->block);
    }
    a->used = a->block ? total - a->block->before : 0;
}

void *tg__keep(tg_graph *g, struct tg__block **list, size_t bytes) {
    struct tg__block *b = block_new(g, bytes, *list);
    if (!b) return NULL;
    *list = b;
    return (char *)b + HEADER;
}

void tg__blocks_cut(tg_graph *g, struct tg__block **list, const struct tg__block *last) {
    while (*list != last) *list = block_drop(g, *list);
}

void tg__blocks_free(tg_graph *g, struct tg__block **list) { tg__blocks_cut(g, list, NULL); }

/* ---------------------------------------------------------------------------------------------- values' memory */

/* Multiples of 8 up to 64 bytes, powers of two above. */
static unsigned size_class(size_t *bytes) {
    if (*bytes <= 64) {
        *bytes = *bytes ? (*bytes + 7) & ~(size_t)7 : 8;
        return (unsigned)(*bytes / 8);
    }
    unsigned class = 9;
    size_t size = 128;
    for (; size < *bytes; size *= 2) class ++;
    *bytes = size;
    return class;
}

static char *aligned(char *p) { return p + (ALIGN - (uintptr_t)p % ALIGN) % ALIGN; }

static void *pool_take(tg_graph *g, size_t bytes) {
    size_t align = bytes < ALIGN ? 8 : ALIGN;
    size_t at = (g->pool_used + align - 1) & ~(align - 1);
    if (!g->pools || at + bytes + TG__GAP > g->pool_size) {
        size_t size = !g->pools ? POOL : g->pool_size < LARGEST_POOL ? g->pool_size * 2 : g->pool_size;
        if (!tg__keep(g, &g->pools, size + ALIGN)) return NULL;
        g->pool_size = size;
        tg__hide((char *)g->pools + HEADER, size + ALIGN);
        at = 0;
    }
    g->pool_used = at + bytes + TG__GAP;
    return aligned((char *)g->pools + HEADER) + at;
}

static void *piece_new(tg_graph *g, size_t bytes) {
    const size_t asked = bytes;
    void **spare = &g->spare[size_class(&bytes)], *p = *spare;
    if (!p) p = pool_take(g, bytes);
    if (!p) return NULL;
    tg__show(p, bytes);
    if (*spare) memcpy(spare, p, sizeof *spare); /* a spare piece starts with the address of the next */
    tg__hide(p, bytes);
    tg__show(p, asked);
    return p;
}

static void piece_free(tg_graph *g, void *p, size_t bytes) {
    void **spare = &g->spare[size_class(&bytes)];
    tg__show(p, bytes);
    memcpy(p, spare, sizeof *spare);
    tg__hide(p, bytes);
    *spare = p;
}

void *tg__data_new(tg_graph *g, size_t bytes) {
    if (bytes <= LARGEST_POOLED) return piece_new(g, bytes);
    if (bytes > PTRDIFF_MAX - 2 * ALIGN) {
        tg__fail_memory(g, bytes);
        return NULL;
    }
    char *base = tg__alloc(g, bytes + 2 * ALIGN);
    if (!base) return NULL;
    char *data = aligned(base + sizeof base);
    memcpy(data - sizeof base, &base, sizeof base);
    return data;
}

void tg__data_free(tg_graph *g, void *data, size_t bytes) {
    if (bytes <= LARGEST_POOLED) {
        piece_free(g, data, bytes);
        return;
    }
    char *base;
    memcpy(&base, (char *)data - sizeof base, sizeof base);
    tg__release(g, base, bytes + 2 * ALIGN);
}

void tg__memory_free(tg_graph *g) {
    tg__blocks_free(g, &g->pools);
    tg__blocks_free(g, &g->kept);
    tg__arena_cut(g, &g->strings, 0);
    tg__arena_cut(g, &g->interned, 0);
}
