/* A small tape as machine code: written, compiled, and called with pointers to all that is outside. */
#include "source.h"

#include <math.h>

enum { WHY = 512 };
static const char entry[] = "tapegrad_program";

typedef int program(void *const *at, char *work, tg_loop *const *loop, int (*call)(void *self, unsigned node),
                    void *self);

struct tg__machine {
    tg_graph *tape; /* the small one, borrowed */
    struct tg__fused fused;
    struct tg__code code;
    struct tg__object *object;
    program *run;
    struct tg__written source;
    char *work;
    void **slot; /* what is outside, by number */
    tg_traffic traffic;
    char why[WHY];
    bool failed;
};

/* ---------------------------------------------------------------------------------------------------------- making */

static void measure(struct tg__machine *m);

static bool make(struct tg__machine *m, const struct tg__small *s, tg_mode mode, bool compile) {
    tg_graph *g = s->graph;
    if (!tg__fuse(&m->fused, g, g->nodes.length, s->result, s->count, mode)) return false;
    m->code.slot = tg__alloc(g, g->nodes.length * sizeof *m->code.slot);
    if (!m->code.slot) return false;
    struct tg__sheet sheet = tg__sheet_written(&m->source);
    const struct tg__point point = tg__point_open();
    const bool written = tg__source(&sheet, &m->fused, entry, &m->code);
    tg__point_close(point);
    if (written) measure(m);
    if (!written || m->failed || m->source.failed) return false;
    if (!compile || m->code.stray) {
        snprintf(m->why, sizeof m->why, "%s", m->code.stray ? tg__stray : "TG_INTERPRET was asked for");
        return true;
    }
    void *function = NULL;
    m->object = tg__jit(g, m->source.text, m->source.length, entry, &function, m->why, sizeof m->why);
    if (!m->object) return !g->error.status;
    memcpy(&m->run, &function, sizeof m->run);
    if (m->fused.work) m->work = tg__data_new(g, m->fused.work);
    m->slot = tg__alloc(g, (m->code.slots + (size_t)1) * sizeof *m->slot);
    return (m->work || !m->fused.work) && m->slot;
}

struct tg__machine *tg__machine_new(tg_graph *g, const struct tg__small *s, tg_mode mode, bool compile) {
    struct tg__machine *m = tg__alloc(g, sizeof *m);
    if (!m) return NULL;
    *m = (struct tg__machine){.tape = s->graph, .source.graph = s->graph};
    s->graph->busy = true;
    const bool made = make(m, s, mode, compile);
    s->graph->busy = false;
    if (made) return m;
    tg__machine_free(g, m);
    if (!g->error.status) tg__fail_run(g, TG_MEMORY, 0, "compile: out of memory");
    return NULL;
}

void tg__machine_free(tg_graph *g, struct tg__machine *m) {
    if (!m) return;
    tg_graph *tape = m->tape;
    if (m->object) tg__jit_free(tape, m->object);
    if (m->work) tg__data_free(tape, m->work, m->fused.work);
    if (m->slot) tg__release(tape, m->slot, (m->code.slots + (size_t)1) * sizeof *m->slot);
    if (m->code.slot) tg__release(tape, m->code.slot, tape->nodes.length * sizeof *m->code.slot);
    tg__written_free(&m->source);
    if (m->fused.g) tg__fused_free(&m->fused);
    tg__release(g, m, sizeof *m);
}

const char *tg__machine_source(const struct tg__machine *m) { return m->source.text ? m->source.text : ""; }
bool tg__machine_runs(const struct tg__machine *m) { return m->object != NULL; }
const char *tg__machine_note(const struct tg__machine *m) { return m->why; }

/* --------------------------------------------------------------------------------------------------------- running */

static void *place_of(const struct tg__machine *m, uint32_t id) {
    if (tg__node_of(m->tape, id)->shape->count == 0)
        return (void *)(uintptr_t)m; /* it is never read, but must not be NULL */
    id = tg__base_of(&m->fused, id);
    const struct tg__item *x = &m->fused.item[id];
    if (m->code.slot[id]) return m->slot[m->code.slot[id] - 1];
    return x->stored ? m->work + x->offset : NULL;
}

static int call(void *self, unsigned id) {
    const struct tg__machine *m = self;
    const struct tg__node *n = tg__node_of(m->tape, id);
    struct tg__call c = {.graph = m->tape, .id = id, .node = n};
    for (int i = 0; i < n->operands; i++) {
        c.in[i] = place_of(m, n->in[i]);
        c.shape[i] = tg__node_of(m->tape, n->in[i])->shape;
    }
    c.out = place_of(m, id);
    return n->op->run(&c) != TG_OK;
}

int tg__machine_run(const struct tg__machine *m, void *const *at) {
    for (uint32_t id = 1; id <= m->fused.last; id++)
        if (m->code.slot[id]) m->slot[m->code.slot[id] - 1] = at[id];
    m->tape->busy = true;
    const int status = m->run(m->slot, m->work, m->code.functions.loop, call, (void *)(uintptr_t)m);
    m->tape->busy = false;
    return status;
}

/* ------------------------------------------------------------------------------------------------- what it moves */

static double bytes_of(const struct tg__machine *m, uint32_t id) {
    const struct tg__node *n = tg__node_of(m->tape, id);
    return (double)n->shape->count * (double)tg__item_size((tg_dtype)n->dtype);
}

static double points_of(const struct tg__machine *m, const struct tg__nest *n) {
    double points = 1;
    for (int i = 0; i < n->loops; i++) points *= (double)n->extent[i];
    if (n->work != TG__BY_KERNEL) return points;
    const struct tg__node *node = tg__node_of(m->tape, tg__anchor_of(&m->fused, n->newest)->node);
    points = (double)node->shape->count;
    for (int k = 0; k < node->operands; k++)
        points = fmax(points, (double)tg__node_of(m->tape, node->in[k])->shape->count);
    return points;
}

/* Of an array, what a term can read: an element for each turn of its loops, at most. */
static double bytes_read(const struct tg__machine *m, const struct tg__nest *n, const struct tg__term *t) {
    double turns = (double)tg__item_size((tg_dtype)tg__node_of(m->tape, t->array)->dtype);
    for (int i = 0; i < n->loops; i++)
        if (t->loops >> i & 1) turns *= (double)n->extent[i];
    return fmin(turns, bytes_of(m, t->array));
}

/* What comes from memory: each array once a group, and nothing that the group itself has made. `seen`, by node: the
 * last group in which it was counted. */
static void count_read(const struct tg__machine *m, uint32_t node, double bytes, int32_t group, int32_t *seen,
                       tg_traffic *t) {
    const struct tg__fused *f = &m->fused;
    const int32_t maker = f->item[node].anchor;
    if (seen[node] == group + 1 || (maker != TG__NONE && tg__nest_of(f, tg__anchor_of(f, maker)->nest)->group == group))
        return;
    seen[node] = group + 1;
    t->read += bytes;
}

static void count_nest(const struct tg__machine *m, const struct tg__nest *n, int32_t *seen, tg_traffic *t) {
    const struct tg__fused *f = &m->fused;
    for (int i = 0; i < (int)n->terms && n->work != TG__BY_KERNEL; i++) {
        const struct tg__term *x = tg__term_of(f, n, i);
        if (x->array) count_read(m, x->array, bytes_read(m, n, x), n->group, seen, t);
    }
    for (int32_t i = n->newest; i != TG__NONE; i = tg__anchor_of(f, i)->older) {
        const uint32_t id = tg__anchor_of(f, i)->node;
        const struct tg__node *node = tg__node_of(m->tape, id);
        if (!f->item[id].inside && f->item[id].local == TG__NONE) t->written += bytes_of(m, id);
        for (int k = 0; k < node->operands && n->work == TG__BY_KERNEL; k++) {
            const uint32_t from = tg__base_of(f, node->in[k]);
            count_read(m, from, bytes_of(m, from), n->group, seen, t);
        }
    }
}

static void count(const struct tg__machine *m, int32_t *seen, tg_traffic *t) {
    const struct tg__fused *f = &m->fused;
    double most = 0;
    for (uint32_t i = 0; i < f->nests.length; i++) {
        const struct tg__nest *n = tg__nest_of(f, (int32_t)i);
        count_nest(m, n, seen, t);
        most = fmax(most, points_of(m, n));
    }
    for (uint32_t i = 0; i < f->groups.length; i++) {
        const struct tg__group *g = tg__row(&f->groups, i);
        bool passes = false;
        for (uint32_t k = 0; k < g->nests; k++)
            passes |= points_of(m, tg__nest_of(f, *(const int32_t *)tg__row(&f->order, g->nest + k))) >= most;
        t->passes += passes;
    }
}

static void measure(struct tg__machine *m) {
    const struct tg__fused *f = &m->fused;
    const size_t bytes = (f->last + (size_t)1) * sizeof(int32_t);
    m->traffic = (tg_traffic){.nests = f->nests.length, .peak = f->work};
    int32_t *seen = tg__alloc(m->tape, bytes);
    m->failed |= !seen;
    if (!seen) return;
    memset(seen, 0, bytes);
    count(m, seen, &m->traffic);
    tg__release(m->tape, seen, bytes);
}

void tg__machine_stats(const struct tg__machine *m, tg_stats *stats) { stats->fused = m->traffic; }
