/* What a sequence of calls has at hand: two graphs whose memory is counted and may fail, and handles of both, good ones
 * and those that are nil, stale, foreign or never were. */
#ifndef TESTS_FUZZ_SESSION_H
#define TESTS_FUZZ_SESSION_H

#include "bytes.h"

#include <unistd.h>

enum { NODES = 48, SWEEPS = 8, MARKS = 6, HELD = 4, MEMORY = 1 << 24, LENT = 1 << 12 };

struct session {
    struct bytes in;
    struct heap heap;
    tg_graph *g, *other;
    tg_node node[NODES];
    tg_grads sweep[SWEEPS];
    tg_mark mark[MARKS], good; /* good: of a tape without a build error */
    tg_program *program[HELD];
    size_t nodes, sweeps, marks; /* how many there were: the tables go round */
    bool nowhere; /* a handle without a graph was used in this call: there is no place for a message */
};

/* As heap_alloc, but without memory that would make a machine swap, or a kernel run for minutes. */
static inline void *session_alloc(void *user, size_t bytes) {
    struct heap *h = user;
    if (bytes > MEMORY || h->live + bytes > MEMORY) return NULL;
    return heap_alloc(h, bytes);
}

static inline tg_allocator session_allocator(struct heap *h) {
    return (tg_allocator){.alloc = session_alloc, .free = heap_free, .user = h};
}

/* -------------------------------------------------------------------------------------------------------- handles */

static inline void hold(struct session *s, tg_node a) {
    if (!tg_is_nil(a)) s->node[s->nodes++ % NODES] = a;
}
static inline void hold_sweep(struct session *s, tg_grads d) {
    if (d.id) s->sweep[s->sweeps++ % SWEEPS] = d;
}

static inline tg_node odd_node(struct session *s) {
    switch (choose(&s->in, 6)) {
    case 0: return tg_nil(s->g);
    case 1: return tg_nil(NULL);
    case 2: return tg_node_at(s->other, 1);
    case 3: return (tg_node){s->g, 4000000000u, 0};
    case 4: return (tg_node){s->g, 1, (uint32_t)choose(&s->in, 256)};
    default: return tg_node_at(s->g, (uint32_t)choose(&s->in, 65536));
    }
}

/* Mostly one of the newest that are held; a rewind has made some of them stale. */
static inline tg_node any_node(struct session *s) {
    const size_t held = s->nodes < NODES ? s->nodes : NODES, back = choose(&s->in, 256);
    const tg_node a = !held || back >= 248 ? odd_node(s) : s->node[(s->nodes - 1 - back % held) % NODES];
    s->nowhere |= a.graph == NULL;
    return a;
}

static inline tg_grads any_sweep(struct session *s) {
    const size_t held = s->sweeps < SWEEPS ? s->sweeps : SWEEPS, back = choose(&s->in, 64);
    const tg_grads none = {back == 63 ? NULL : s->g, (uint32_t)back % 4, 0};
    const tg_grads d = !held || back >= 60 ? none : s->sweep[(s->sweeps - 1 - back % held) % SWEEPS];
    s->nowhere |= d.graph == NULL;
    return d;
}

static inline tg_dtype any_dtype(struct session *s) {
    const size_t kind = choose(&s->in, 16);
    return kind < 10 ? TG_F64 : kind < 13 ? TG_F32 : kind < 15 ? TG_I32 : (tg_dtype)7;
}

static inline const char *any_name(struct session *s) {
    static const char *const names[] = {
        "x",   "y",   "mu",   "dx",       "a b", "</script>", "\"q\"",       "*/", "", "s2", "1", "dx1",
        "a/b", "int", "../x", "\x1b[31m", "def", "\xff",      "\\input{x}"};
    const size_t k = choose(&s->in, sizeof names / sizeof *names + 1);
    return k < sizeof names / sizeof *names ? names[k] : NULL;
}

/* ------------------------------------------------------------------------------------------------------ attributes */

static inline int64_t any_integer(struct session *s) {
    static const int64_t odd[] = {INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, -1,         -2,     -3, 46341,
                                  65536,     (int64_t)1 << 31, (int64_t)1 << 32, (int64_t)1 << 61, 1000, 4, 5, 7};
    const size_t k = choose(&s->in, 64);
    return k < 48 ? (int64_t)(k % 4) : odd[k - 48];
}

static inline double any_number(struct session *s) {
    static const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, -0.0, 5e-324, 1e308, 2, -1,
                                 0.5,         1e-5,             2147483648.0,      0.25, 3,      0.9,   1, 0};
    return odd[choose(&s->in, sizeof odd / sizeof *odd)];
}

static inline tg_shape any_shape_of(struct session *s) {
    tg_shape shape = tg_shape0();
    const size_t kind = choose(&s->in, 32);
    const int rank = kind < 24 ? (int)(kind % 4) : kind < 30 ? (int)(kind - 21) : kind == 30 ? 9 : -1;
    for (int i = 0; i < rank && i < TG_MAX_RANK; i++)
        shape.dim[i] = kind == 23 ? any_integer(s) : (int64_t)choose(&s->in, 8) % (rank > 4 ? 3 : 5);
    shape.rank = rank;
    return shape;
}

static inline tg_axes any_axes_of(struct session *s) {
    const size_t kind = choose(&s->in, 16);
    tg_axes axes = kind < 5 ? tg_axes_all() : tg_axis((int)choose(&s->in, 8) - 3);
    if (kind > 10) axes = tg_axes2(axes.axis[0], (int)choose(&s->in, 8) - 3);
    if (kind == 15) axes.count = (int)any_integer(s);
    return kind % 2 ? tg_keep(axes) : axes;
}

static inline tg_window any_window(struct session *s) {
    tg_window how = tg_window_of(1, 0, 1);
    if (choose(&s->in, 3) == 0)
        for (int i = 0; i < 2; i++)
            how.stride[i] = any_integer(s), how.padding[i] = any_integer(s), how.dilation[i] = any_integer(s);
    return how;
}

#endif
