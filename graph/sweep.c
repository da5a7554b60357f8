/* What one backward sweep knows of each node: its adjoint and the chain of its terms. Sparse by chunks, so that a
 * sweep over a corner of a large tape stays small. */
#include "graph.h"

static uint32_t chunk_count(uint32_t out) { return out / TG__CHUNK + 1; }

static struct tg__sweep *sweep_row(const tg_graph *g, uint32_t id) { return tg__row(&g->sweeps, id); }

struct tg__sweep *tg__sweep_new(tg_graph *g, uint32_t out) {
    size_t bytes = chunk_count(out) * sizeof(struct tg__adjoint *);
    struct tg__adjoint **chunk = tg__alloc(g, bytes);
    if (!chunk) return NULL;
    struct tg__sweep *s = tg__push(g, &g->sweeps);
    if (!s) {
        tg__release(g, chunk, bytes);
        return NULL;
    }
    memset(chunk, 0, bytes);
    *s = (struct tg__sweep){.out = out, .epoch = g->epoch, .first_name = g->names.length, .chunk = chunk};
    return s;
}

struct tg__sweep *tg__sweep_get(tg_grads d) {
    if (!d.graph || d.id == 0 || d.id >= d.graph->sweeps.length) return NULL;
    struct tg__sweep *s = sweep_row(d.graph, d.id);
    return s->epoch == d.epoch ? s : NULL;
}

tg_grads tg__sweep_latest(tg_graph *g) {
    uint32_t id = g->sweeps.length - 1;
    return (tg_grads){g, id, id ? sweep_row(g, id)->epoch : 0};
}

struct tg__adjoint *tg__adjoint_of(const struct tg__sweep *s, uint32_t node) {
    struct tg__adjoint *chunk = node <= s->out ? s->chunk[node / TG__CHUNK] : NULL;
    struct tg__adjoint *a = chunk ? &chunk[node % TG__CHUNK] : NULL;
    return a && a->first ? a : NULL;
}

struct tg__adjoint *tg__adjoint_make(tg_graph *g, struct tg__sweep *s, uint32_t node) {
    struct tg__adjoint **chunk = &s->chunk[node / TG__CHUNK];
    if (!*chunk) {
        *chunk = tg__alloc(g, TG__CHUNK * sizeof **chunk);
        if (!*chunk) return NULL;
        memset(*chunk, 0, TG__CHUNK * sizeof **chunk);
    }
    return &(*chunk)[node % TG__CHUNK];
}

void tg__sweeps_cut(tg_graph *g, uint32_t length) {
    for (uint32_t id = g->sweeps.length; id > length && id > 1;) {
        struct tg__sweep *s = sweep_row(g, --id);
        uint32_t chunks = chunk_count(s->out);
        for (uint32_t i = 0; i < chunks; i++) tg__release(g, s->chunk[i], TG__CHUNK * sizeof **s->chunk);
        tg__release(g, s->chunk, chunks * sizeof *s->chunk);
    }
    tg__table_cut(&g->sweeps, length);
}
