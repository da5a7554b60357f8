/* The tape: one append for everything, forward or backward. */
#include "graph.h"

static bool reserve_nothing(tg_graph *g) { /* id 0 of every table */
    struct tg__table *t[] = {&g->nodes,  &g->values, &g->facts,  &g->names,  &g->sites,
                             &g->scopes, &g->log,    &g->sweeps, &g->assigns};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        void *row = tg__push(g, t[i]);
        if (!row) return false;
        memset(row, 0, t[i]->size);
    }
    return true;
}

tg_graph *tg__graph_new(const struct tg__calculus *calculus, tg_allocator allocator) {
    tg_graph *g = allocator.alloc(allocator.user, sizeof *g);
    if (!g) return NULL;
    tg__survive_forks();
    memset(g, 0, sizeof *g);
    g->allocator = allocator;
    g->calculus = *calculus;
    g->epoch = 1;
    g->touched = UINT32_MAX;
    g->stale = 1;
    g->nodes.size = sizeof(struct tg__node);
    g->values.size = sizeof(struct tg__value);
    g->facts.size = sizeof(struct tg__fact);
    g->names.size = tg__label_size();
    g->sites.size = sizeof(struct tg__site);
    g->scopes.size = sizeof(struct tg__scope);
    g->log.size = sizeof(struct tg__event);
    g->sweeps.size = sizeof(struct tg__sweep);
    g->assigns.size = sizeof(struct tg__assign);
    g->scalars.size = tg__scalar_size();
    g->own.size = sizeof(struct tg__own);
    if (!reserve_nothing(g) || !tg__names_init(g) || !tg__scopes_init(g)) {
        tg_graph_free(g);
        return NULL;
    }
    return g;
}

void tg__tenant_enter(tg_graph *g, struct tg__tenant *t) {
    t->next = g->tenants;
    t->link = &g->tenants;
    if (t->next) t->next->link = &t->next;
    g->tenants = t;
}

void tg__tenant_go(struct tg__tenant *t) {
    *t->link = t->next;
    if (t->next) t->next->link = t->link;
}

void tg_graph_free(tg_graph *g) {
    if (!g) return;
    while (g->tenants) g->tenants->leave(g->tenants);
    tg__sweeps_cut(g, 0);
    tg__values_cut(g, 0);
    tg__names_free(g);
    tg__scalars_free(g);
    tg__intern_free(g);
    struct tg__table *t[] = {&g->nodes, &g->values, &g->facts,   &g->names,   &g->sites, &g->scopes,
                             &g->log,   &g->sweeps, &g->assigns, &g->scalars, &g->own};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) tg__table_free(g, t[i]);
    tg__memory_free(g);
    g->allocator.free(g->allocator.user, g, sizeof *g);
}

/* ----------------------------------------------------------------------------------------------------- handles */

tg_node tg_nil(tg_graph *g) { return (tg_node){.graph = g}; }
bool tg_is_nil(tg_node a) { return a.id == 0; }

const struct tg__node *tg__want(tg_node a, const char *who) {
    const struct tg__node *n = tg__get(a);
    if (n || !a.graph) return n;
    if (a.id == 0)
        tg_fail(a.graph, TG_HANDLE, "%s: the node is nil", who);
    else
        tg_fail(a.graph, TG_HANDLE, "%s: the handle of node #%u is stale: the tape was rewound below it", who, a.id);
    return NULL;
}

uint32_t tg_count(const tg_graph *g) { return g ? g->nodes.length - 1 : 0; }

tg_node tg_node_at(tg_graph *g, uint32_t id) {
    return g && id > 0 && id < g->nodes.length ? tg__handle(g, id) : tg_nil(g);
}

/* -------------------------------------------------------------------------------------------------- appending */

struct tg__node *tg__append(tg_graph *g, uint32_t site) {
    struct tg__node *n = tg__push(g, &g->nodes);
    if (!n) return NULL;
    struct tg__fact *fact = tg__push(g, &g->facts);
    if (!fact) {
        g->nodes.length--;
        return NULL;
    }
    n->epoch = g->epoch;
    fact->site = site;
    fact->name = 0;
    return n;
}

tg_graph *tg__common_graph(const tg_node *in, int operands) {
    tg_graph *g = NULL;
    for (int i = 0; i < operands && i < TG__OPERANDS && !g; i++) g = in[i].graph;
    return g;
}

static void refuse_operand(tg_graph *g, const struct tg_op *op, const tg_node *in, int i) {
    if (in[i].id == 0)
        tg__fail(g, TG_HANDLE, op, in, op->operands, "operand %d is nil", i + 1);
    else if (in[i].graph != g)
        tg__fail(g, TG_HANDLE, op, in, op->operands, "operand %d belongs to another graph", i + 1);
    else
        tg__fail(g, TG_HANDLE, op, in, op->operands,
                 "the handle of operand %d (node #%u) is stale: the tape was rewound below it", i + 1, in[i].id);
}

/* The nodes behind the operands, or false with the reason recorded. */
bool tg__open_operands(tg_graph *g, const struct tg_op *op, const tg_node *in, const struct tg__node **from) {
    if (tg__is_broken(g)) return false;
    for (int i = 0; i < op->operands; i++) {
        from[i] = in[i].graph == g ? tg__get(in[i]) : NULL;
        if (from[i]) continue;
        refuse_operand(g, op, in, i);
        return false;
    }
    return true;
}

static tg_node apply(tg_graph *g, struct tg__rule *r) {
    const struct tg_op *op = r->op;
    const struct tg__node *from[TG__OPERANDS];
    if (!tg__open_operands(g, op, r->in, from)) return tg_nil(g);
    r->graph = g;
    r->from = from;
    if (!op->shape(r) || !r->shape) return tg_nil(g);
    uint32_t site = tg__site_open(g);
    struct tg__node *n = site ? tg__append(g, site) : NULL;
    if (!n) return tg_nil(g);

    bool reached = false, same = true;
    for (int i = 0; i < TG__OPERANDS; i++) n->in[i] = i < op->operands ? r->in[i].id : 0;
    for (int i = 0; i < op->operands; i++) {
        reached |= (from[i]->flags & TG__DIFFERENTIABLE) != 0;
        same &= from[i]->shape == r->shape;
    }
    n->op = op;
    n->shape = r->shape;
    n->attr = r->attr;
    n->dtype = (uint8_t)r->dtype;
    n->operands = (uint8_t)op->operands;
    n->flags = (reached && op->vjp && r->dtype != TG_I32 ? TG__DIFFERENTIABLE : 0) | (same ? TG__SAME_SHAPE : 0);
    n->known = tg__known_of(op, from, n->flags & TG__DIFFERENTIABLE);
    return tg__newest(g);
}

tg_node tg__apply(const struct tg_op *op, const tg_node *in, const struct tg__attr *attr) {
    tg_graph *g = tg__common_graph(in, op->operands);
    if (!g) return (tg_node){0};
    return apply(g, &(struct tg__rule){.op = op, .in = in, .attr = attr});
}

tg_node tg__apply_shaped(const struct tg_op *op, const tg_node *in, const struct tg__attr *attr,
                         const struct tg__shape *shape, tg_dtype dtype) {
    tg_graph *g = tg__common_graph(in, op->operands);
    if (!g || !shape) return tg_nil(g);
    return apply(g, &(struct tg__rule){.op = op, .in = in, .attr = attr, .shape = shape, .dtype = dtype});
}
