/* Reverse mode: one walk from the output down the tape, appending. When a node is visited, all its consumers have been,
 * for they are newer; so its terms are complete, and their sum is its adjoint. */
#include "graph.h"

bool tg__deliver(tg_graph *g, struct tg__sweep *s, uint32_t to, tg_node term, uint32_t sender, int slot) {
    struct tg__adjoint *a = tg__adjoint_make(g, s, to);
    uint32_t row = g->log.length;
    struct tg__event *e = a ? tg__log(g, TG_DELIVERED, to, term.id) : NULL;
    if (!e) return false;
    e->sender = sender;
    e->slot = (uint8_t)slot;
    e->number = 1;
    if (a->last) {
        struct tg__event *before = tg__event_of(g, a->last);
        before->next = row;
        e->number = before->number + 1;
    } else {
        a->first = row;
    }
    a->last = row;
    return true;
}

/* Ours do. What a vjp of the user's own gives is looked at before anything trusts it. */
TG__APART static bool refuse_term(tg_node z, int slot, tg_node term, int said) {
    tg_graph *g = z.graph;
    const struct tg__node *n = tg__node_of(g, z.id), *x = tg__node_of(g, n->in[slot]), *t = tg__get(term);
    const tg_node operand = tg__handle(g, n->in[slot]);
    char name[80], a[200], b[200];
    tg__quote(g, operand.id, name, sizeof name);
    if (!t || term.graph != g)
        tg__fail(g, TG_HANDLE, n->op, &operand, 1,
                 "its vjp gave operand %d, %s, a node that is stale or of another graph", said, name);
    else
        tg__fail(g, t->dtype == x->dtype ? TG_SHAPE : TG_DTYPE, n->op, &operand, 1,
                 "its vjp gave operand %d a gradient that is %s %s, but %s is %s %s", said,
                 tg__dtype_name((tg_dtype)t->dtype), tg__shape_text(&t->shape->dims, a, sizeof a), name,
                 tg__dtype_name((tg_dtype)x->dtype), tg__shape_text(&x->shape->dims, b, sizeof b));
    return false;
}

static inline bool is_alike(const struct tg__node *x, tg_node term, const tg_graph *g) {
    const struct tg__node *t = tg__get(term);
    return t && term.graph == g && t->shape == x->shape && t->dtype == x->dtype;
}

TG__APART bool tg__is_term(tg_node z, int slot, tg_node term, int said) {
    const struct tg__node *x = tg__node_of(z.graph, tg__node_of(z.graph, z.id)->in[slot]), *t = tg__get(term);
    const bool fits =
        t && term.graph == z.graph && t->dtype == x->dtype && tg__broadcasts_to(&x->shape->dims, &t->shape->dims);
    if (!fits) return refuse_term(z, slot, term, said);
    return true;
}

/* The only place where broadcasting is undone: a term has the shape of the result, its operand may be smaller. */
static tg_node unbroadcast(tg_graph *g, tg_node term, const struct tg__shape *operand) {
    const struct tg__shape *shape = tg__node_of(g, term.id)->shape;
    if (shape == operand) return term;
    struct tg__attr fates;
    tg__fates_between(operand, shape, &fates);
    return g->calculus.sum(term, &fates);
}

/* Where a sweep is wrong on purpose. */
static tg_node bent(const struct tg__sweep *s, tg_node term, uint32_t sender, int slot) {
    for (uint32_t i = 0; i < s->bends && !tg_is_nil(term); i++) {
        const struct tg__bend *b = &s->bend[i];
        if (b->sender == sender && b->slot == slot) term = b->apply(term, tg__handle(term.graph, b->factor));
    }
    return term;
}

bool tg__accumulate(tg_graph *g, uint32_t node, struct tg__adjoint *a) {
    g->site = tg__fact_of(g, node)->site;
    const struct tg__event *e = tg__event_of(g, a->first);
    tg_node sum = tg__handle(g, e->term);
    while (e->next && !tg_is_nil(sum)) {
        e = tg__event_of(g, e->next);
        sum = g->calculus.add(sum, tg__handle(g, e->term));
    }
    a->node = sum.id;
    return a->node != 0;
}

static bool is_on_way(const struct tg__sweep *s, uint32_t node) {
    return !s->goal || (node >= s->goal && s->way[node - s->goal]);
}

/* ---------------------------------------------------------------------------------------------------------- masks
 * A selection sends exact zeros to what it has not taken. Where such a zero would meet a slope that is infinite or NaN,
 * the term is selected too: the mask is what the sweep makes of ones on the way from the selection down. It does not
 * depend on the cotangent, so that a 0 which happens to arrive where something was taken keeps its derivatives. */

static tg_node mask_of(tg_graph *g, const struct tg__node *z, uint32_t mask) {
    if (mask) return tg__handle(g, mask);
    return g->calculus.expand(tg_scalar(g, (tg_dtype)z->dtype, 1), z->shape->dims);
}

/* Of an operand at risk; nil: it has none. */
static tg_node mask_below(tg_graph *g, uint32_t node, uint32_t mask, int slot) {
    const struct tg__node *n = tg__node_of(g, node), *operand = tg__node_of(g, n->in[slot]);
    const bool selects = n->op->nature & TG__SELECTS, moves = n->op->nature & TG__MOVES;
    if (!(mask || selects) || !(moves || n->op->loop[0])) return tg_nil(g);
    tg_node below = mask_of(g, n, mask);
    if (selects || moves) below = n->op->vjp(tg__handle(g, node), below, slot);
    return tg_is_nil(below) ? below : unbroadcast(g, below, operand->shape);
}

static tg_node masked(tg_graph *g, uint32_t node, uint32_t mask, tg_node term) {
    const struct tg__node *n = tg__node_of(g, node);
    if (!mask || !(n->known & TG__STEEP) || tg__node_of(g, term.id)->shape != n->shape) return term;
    return g->calculus.where(tg__handle(g, mask), term, tg_scalar(g, (tg_dtype)n->dtype, 0));
}

/* Masks of several terms: what any of them has taken. One that failed is an error that stops what is built next. */
static void merge_mask(tg_graph *g, struct tg__adjoint *a, tg_node mask) {
    if (a->first == a->last || !a->mask || tg_is_nil(mask))
        a->mask = a->first == a->last && !tg_is_nil(mask) ? mask.id : 0;
    else if (a->mask != mask.id)
        a->mask = g->calculus.add(tg__handle(g, a->mask), mask).id;
}

bool tg__send(tg_graph *g, struct tg__sweep *s, uint32_t node, uint32_t adjoint) {
    const struct tg__node *n = tg__node_of(g, node);
    const uint32_t mask = tg__adjoint_of(s, node)->mask;
    for (int slot = 0; slot < n->operands; slot++) {
        const struct tg__node *operand = tg__node_of(g, n->in[slot]);
        if (!(operand->flags & TG__DIFFERENTIABLE) || !is_on_way(s, n->in[slot])) continue;
        tg_node term = n->op->vjp(tg__handle(g, node), tg__handle(g, adjoint), slot);
        if (tg_is_nil(term)) {
            if (tg__is_broken(g)) return false;
            continue; /* the operator has no gradient for this operand */
        }
        if (!is_alike(operand, term, g) && !tg__is_term(tg__handle(g, node), slot, term, slot + 1)) return false;
        term = masked(g, node, mask, term);
        if (!tg_is_nil(term)) term = bent(s, unbroadcast(g, term, operand->shape), node, slot);
        if (tg_is_nil(term) || !tg__deliver(g, s, n->in[slot], term, node, slot)) return false;
        if (!(operand->known & TG__AT_RISK)) continue;
        merge_mask(g, tg__adjoint_of(s, n->in[slot]), mask_below(g, node, mask, slot));
    }
    return true;
}

static bool visit(tg_graph *g, struct tg__sweep *s, uint32_t sweep, uint32_t node) {
    struct tg__adjoint *a = tg__adjoint_of(s, node);
    return !a || (tg__accumulate(g, node, a) && tg__name_adjoint(g, sweep, node, a) && tg__send(g, s, node, a->node));
}

static bool sweep(tg_graph *g, struct tg__sweep *s, uint32_t id, tg_node seed) {
    if (!tg__deliver(g, s, s->out, seed, 0, 0)) return false;
    for (uint32_t end = s->out + 1; end > 1;) { /* the nodes from end on have been visited */
        const uint32_t node = end - 1;
        const bool reached = s->chunk[node / TG__CHUNK] != NULL;
        if (reached && !visit(g, s, id, node)) return false;
        end = reached ? node : node - node % TG__CHUNK; /* nothing arrived in this chunk */
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ asking for it */

static const struct tg_op backward = {.name = "backward"}; /* for messages */

static tg_node seed_of(tg_node out, const struct tg__node *n, tg_node seed) {
    tg_graph *g = out.graph;
    char name[80], other[80], a[200], b[200];
    if (seed.id == 0 && n->shape->count == 1) { /* a node of its own: it will be named as the adjoint of out */
        const double one = 1;
        const float one_f32 = 1;
        return tg_const(g, (tg_dtype)n->dtype, n->shape->dims, n->dtype == TG_F32 ? (const void *)&one_f32 : &one);
    }
    if (seed.id == 0)
        return tg__fail(g, TG_SHAPE, &backward, &out, 1,
                        "%s %s is not a single number; give a seed of its shape, the cotangent dL/d%s",
                        tg__quote(g, out.id, name, sizeof name), tg__shape_text(&n->shape->dims, a, sizeof a),
                        tg_name(out)[0] ? tg__clean(tg_name(out), other, sizeof other) : "out");
    const struct tg__node *s = seed.graph == g ? tg__get(seed) : NULL;
    if (!s)
        return tg__fail(g, TG_HANDLE, &backward, &out, 1, "the seed is %s",
                        seed.graph == g ? "stale: the tape was rewound below it" : "of another graph");
    if (s->shape != n->shape || s->dtype != n->dtype)
        return tg__fail(g, s->dtype == n->dtype ? TG_SHAPE : TG_DTYPE, &backward, (tg_node[]){out, seed}, 2,
                        "seed %s is %s %s, but %s is %s %s", tg__quote(g, seed.id, other, sizeof other),
                        tg__dtype_name((tg_dtype)s->dtype), tg__shape_text(&s->shape->dims, b, sizeof b),
                        tg__quote(g, out.id, name, sizeof name), tg__dtype_name((tg_dtype)n->dtype),
                        tg__shape_text(&n->shape->dims, a, sizeof a));
    return seed;
}

/* how: bends, and a goal. */
static tg_grads ask(tg_node out, tg_node seed, const struct tg__sweep *how) {
    tg_graph *g = out.graph;
    tg_grads none = {.graph = g};
    if (!g || tg__is_broken(g)) return none;
    const struct tg__node *n = tg__want(out, "backward");
    if (!n) return none;
    if (!(n->flags & TG__DIFFERENTIABLE)) {
        char reason[200];
        tg__fail(g, TG_GRADIENT, &backward, &out, 1, "%s", tg__why_constant(g, out.id, reason, sizeof reason));
        return none;
    }
    seed = seed_of(out, n, seed);
    struct tg__sweep *s = tg_is_nil(seed) ? NULL : tg__sweep_new(g, out.id);
    if (!s) return none;
    s->bend = how->bend;
    s->bends = how->bends;
    s->goal = how->goal;
    s->way = how->way;
    tg_grads d = tg__sweep_latest(g);
    uint32_t open = g->site;
    g->guests++;
    bool done = sweep(g, s, d.id, seed);
    g->guests--;
    g->site = open;
    s->last_name = g->names.length;
    s->way = NULL;
    return done ? d : none;
}

tg_grads tg_backward(tg_node out, tg_node seed) { return ask(out, seed, &(struct tg__sweep){0}); }

tg_grads tg__backward(tg_node out, tg_node seed, const struct tg__bend *bend, uint32_t bends) {
    return ask(out, seed, &(struct tg__sweep){.bend = bend, .bends = bends});
}

tg_grads tg__backward_to(tg_node out, tg_node seed, tg_node x) {
    tg_graph *g = out.graph;
    const size_t bytes = x.id < out.id ? out.id - x.id : 1;
    unsigned char *way = tg__alloc(g, bytes);
    if (!way) return (tg_grads){.graph = g};
    memset(way, 0, bytes);
    way[0] = 1;
    for (uint32_t id = x.id + 1; id < out.id; id++) {
        const struct tg__node *n = tg__node_of(g, id);
        for (int i = 0; i < n->operands; i++) way[id - x.id] |= n->in[i] >= x.id && way[n->in[i] - x.id];
    }
    tg_grads d = ask(out, seed, &(struct tg__sweep){.goal = x.id, .way = way});
    tg__release(g, way, bytes);
    return d;
}
