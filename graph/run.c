/* The interpreter: one kernel call per node, in tape order, every value kept. */
#include "graph.h"

TG__APART tg_status tg__missing(tg_graph *g, uint32_t id, uint32_t operand) {
    char name[80], from[120];
    return tg__fail_run(g, TG_VALUE, id, "%s%s has no value: tg_set or tg_bind it before a run",
                        tg__quote(g, operand, name, sizeof name),
                        tg__from(tg__handle(g, operand), from, sizeof from));
}

static tg_status compute(tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    struct tg__call c;
    c.graph = g;
    c.id = id;
    c.node = n;
    for (int i = 0; i < n->operands; i++) {
        const struct tg__value *x = tg__value_of(g, n->in[i]);
        if (!x->valid) return tg__missing(g, id, n->in[i]);
        c.in[i] = x->data;
        c.shape[i] = n->flags & TG__SAME_SHAPE ? n->shape : tg__node_of(g, n->in[i])->shape;
    }
    struct tg__value *v = tg__value_of(g, id);
    if (n->op->view) {
        v->data = c.in[0];
    } else {
        if (!v->owned && !tg__value_room(g, id)) return g->error.status;
        c.out = (void *)(uintptr_t)v->data;
        tg_status status = n->op->run(&c);
        if (status) return status;
    }
    v->valid = true;
    return TG_OK;
}

static bool waits(const tg_graph *g, uint32_t id) {
    return !tg__value_of(g, id)->valid && !tg__is_leaf(tg__node_of(g, id));
}

static tg_status begin(tg_graph *g) {
    tg__clear_run(g);
    if (g->error.status) return g->error.status;
    return tg__values_ready(g) ? TG_OK : g->error.status;
}

static tg_status run(tg_graph *g, uint32_t last) {
    tg_status status = begin(g);
    if (status) return status;
    tg__touch_bound(g);
    const uint32_t now = tg__settling(g);
    uint32_t id = g->stale;
    g->busy = true;
    for (; id <= last; id++) {
        if (!tg__is_stale(g, id, now)) continue;
        if ((status = compute(g, id)) != TG_OK) break;
        tg__value_of(g, id)->fresh = now;
    }
    g->busy = false;
    g->stale = id;
    tg__settle_from(g, id, now);
    return status;
}

tg_status tg_run(tg_graph *g) { return g ? run(g, g->nodes.length - 1) : TG_HANDLE; }

tg_status tg_run_to(tg_node a) {
    if (!a.graph) return TG_HANDLE;
    tg__clear_run(a.graph);
    if (tg__get(a)) {
        tg_status status = run(a.graph, a.id);
        return status || tg__valid(a.graph, a.id) ? status : tg__missing(a.graph, 0, a.id);
    }
    return tg__fail_run(a.graph, TG_HANDLE, 0, "run_to: the handle is %s",
                        a.id ? "stale: the tape was rewound" : "nil");
}

/* The oldest node that is not up to date; 0 if there is none. */
static uint32_t next(tg_graph *g) {
    while (g->stale < g->values.length && !waits(g, g->stale)) g->stale++;
    if (g->stale < g->values.length) return g->stale;
    uint32_t id = g->values.length;
    while (id < g->nodes.length && tg__is_leaf(tg__node_of(g, id))) id++;
    return id < g->nodes.length ? id : 0;
}

tg_node tg_next(tg_graph *g) {
    if (!g || tg__is_broken(g)) return tg_nil(g);
    tg__settle(g);
    uint32_t id = next(g);
    return id ? tg__handle(g, id) : tg_nil(g);
}

tg_status tg_step(tg_graph *g) {
    if (!g) return TG_HANDLE;
    tg_status status = begin(g);
    if (!status) tg__settle(g);
    uint32_t id = status ? 0 : next(g);
    if (!id) return status;
    g->busy = true;
    status = compute(g, id);
    g->busy = false;
    return status;
}
