/* The first stage: a smaller tape for what is wanted. */
#include "form.h"

enum {
    LIVE = 1,
    GIVEN = 2,
    BEHIND = 4
}; /* marks of a node: it is needed; it is not computed; it is needed to know
      what something given is made of */

struct simplifier {
    const struct tg__goal *goal;
    struct tg__small *small;
    struct tg__builder b;
    struct tg__algebraist a; /* fast: */
    struct tg__shared_calls *calls;
    uint32_t last;           /* no wanted or given node is newer */
    unsigned char *mark;     /* by node of the tape */
    uint32_t *to;            /* the node that stands for it; 0: none */
};

/* ---------------------------------------------------------------------------------------------------- what is needed
 */

static void raise_last(struct simplifier *s, const uint32_t *id, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (id[i] > s->last) s->last = id[i];
}

static bool is_computed(const struct simplifier *s, uint32_t id) {
    return !tg__is_leaf(tg__node_of(s->goal->graph, id)) && !(s->mark[id] & GIVEN);
}

static void mark(struct simplifier *s) {
    const struct tg__goal *goal = s->goal;
    for (size_t i = 0; i < goal->givens; i++) s->mark[goal->given[i]] |= GIVEN;
    for (size_t i = 0; i < goal->count; i++) s->mark[goal->wanted[i]] |= LIVE;
    for (uint32_t id = s->last; id > 0; id--) {
        const struct tg__node *n = tg__node_of(goal->graph, id);
        const bool live = (s->mark[id] & LIVE) && is_computed(s, id);
        if (!live && (goal->mode == TG_EXACT || !(s->mark[id] & (LIVE | BEHIND)))) continue;
        s->small->nodes += live;
        for (int i = 0; i < n->operands; i++) s->mark[n->in[i]] |= live ? LIVE : BEHIND;
    }
}

static void count_uses(struct simplifier *s) {
    struct tg__algebraist *a = &s->a;
    for (uint32_t id = 1; id <= s->last; id++) {
        const struct tg__node *n = tg__node_of(s->goal->graph, id);
        for (int i = 0; s->mark[id] && a->same[id] == id && i < n->operands; i++) a->uses[a->same[n->in[i]]]++;
    }
    for (size_t i = 0; i < s->goal->count; i++) a->uses[a->same[s->goal->wanted[i]]]++;
}

/* -------------------------------------------------------------------------------------------------------- node by node
 */

static uint32_t leaf(struct simplifier *s, uint32_t id, const struct tg__shape *shape) {
    const tg_graph *g = s->goal->graph;
    const struct tg__node *n = tg__node_of(g, id);
    const bool known = id < g->values.length && tg__value_of(g, id)->valid;
    if (n->op == &tg__op_const && known)
        return tg__built_constant(&s->b, (tg_dtype)n->dtype, shape, tg__value_of(g, id)->data);
    return tg__built_leaf(&s->b, n->op == &tg__op_param ? n->op : &tg__op_input, (tg_dtype)n->dtype, shape);
}

static uint32_t built(struct simplifier *s, uint32_t id, struct tg__node n) {
    if (tg__is_decomposed(s->calls, id)) return tg__built_decomposed(s->calls, &s->b, id, n.in[0]);
    const uint32_t node = tg__built(&s->b, n);
    tg__note_call(s->calls, id, node);
    return node;
}

static bool copy(struct simplifier *s, uint32_t id) {
    const tg_graph *g = s->goal->graph;
    const struct tg__node *from = tg__node_of(g, id);
    struct tg__node n = *from;
    n.shape = tg__shape_of(s->b.g, &from->shape->dims, from->op->name);
    if (from->attr) n.attr = tg__intern(s->b.g, from->attr, sizeof *from->attr);
    if (!n.shape || (from->attr && !n.attr)) return false;
    for (int i = 0; i < n.operands; i++) n.in[i] = s->to[n.in[i]];
    s->b.site = tg__fact_of(g, id)->site;
    s->to[id] = is_computed(s, id) ? built(s, id, n) : leaf(s, id, n.shape);
    struct tg__fact *fact = s->to[id] ? tg__fact_of(s->b.g, s->to[id]) : NULL;
    if (fact && fact->site == TG__LEAF_SITE) fact->site = s->b.site;
    return fact != NULL;
}

static bool mean(struct simplifier *s, uint32_t id) {
    const struct tg__node *n = tg__node_of(s->goal->graph, id);
    s->b.site = tg__fact_of(s->goal->graph, id)->site;
    if (!tg__is_leaf(n)) return tg__mean(&s->a, id) && (is_computed(s, id) || tg__mean_given(&s->a, id));
    return copy(s, id) && tg__mean_leaf(&s->a, id, s->to[id]);
}

/* For each node of the tape that has one the node in its shape; what nobody has asked for may be there all the same. */
static void tell_nodes(struct simplifier *s) {
    const tg_graph *g = s->goal->graph;
    s->b.finds = true;
    for (uint32_t id = 1; id <= s->last; id++) {
        const struct tg__meant *m = tg__meant_of(&s->a, id);
        const uint32_t node = !s->mark[id] ? 0 : m->full ? m->full : tg__core(&s->a, id).node;
        const tg_shape *dims = node ? &tg__node_of(s->b.g, node)->shape->dims : NULL;
        s->to[id] = node && tg__same_dims(dims, &tg__node_of(g, id)->shape->dims) ? node : 0;
    }
    s->b.finds = false;
}

/* Only now: what is given has been known by what it was made of. */
static void close_given(struct simplifier *s) {
    for (size_t i = 0; i < s->goal->givens; i++) {
        const uint32_t node = s->to[s->goal->given[i]];
        struct tg__node *n = tg__node_of(s->b.g, node);
        if (!node || tg__is_leaf(n)) continue;
        *n = (struct tg__node){.op = &tg__op_input, .shape = n->shape, .dtype = n->dtype, .epoch = n->epoch};
    }
}

static bool build_fast(struct simplifier *s) {
    if (!tg__algebraist_open(&s->a, &s->b, s->goal->graph, s->goal->flags, s->calls)) return false;
    count_uses(s);
    for (uint32_t id = 1; id <= s->last; id++)
        if ((s->mark[id] & (LIVE | BEHIND)) && !mean(s, id)) return false;
    for (size_t i = 0; i < s->goal->count; i++)
        if (!tg__full(&s->a, s->goal->wanted[i])) return false;
    tell_nodes(s);
    close_given(s);
    return true;
}

static bool build(struct simplifier *s) {
    if (s->goal->mode == TG_FAST) return build_fast(s);
    for (uint32_t id = 1; id <= s->last; id++)
        if ((s->mark[id] & LIVE) && !copy(s, id)) return false;
    return true;
}

/* --------------------------------------------------------------------------------------------------- what it costs
 */

/* In elements that are added: a node by itself costs as much as four. */
static double cost_of(const tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    const struct tg__algebra *row;
    size_t elements = n->shape->count;
    if (tg__is_leaf(n) || n->op->view) return 0;
    for (int i = 0; i < n->operands; i++) {
        const size_t count = tg__node_of(g, n->in[i])->shape->count;
        if (count > elements) elements = count;
    }
    tg__meaning_of(n->op, &row);
    return 4 + (double)elements * (n->op->transcendent ? 16 : row->op ? row->cost : 1);
}

static double cost_before(const struct simplifier *s) {
    double cost = 0;
    for (uint32_t id = 1; id <= s->last; id++)
        if ((s->mark[id] & LIVE) && is_computed(s, id)) cost += cost_of(s->goal->graph, id);
    return cost;
}

static double cost_after(const struct simplifier *s) {
    double cost = 0;
    for (uint32_t id = 1; id < s->b.g->nodes.length; id++) cost += cost_of(s->b.g, id);
    return cost;
}

/* ----------------------------------------------------------------------------------------------------------- the end
 */

static void mark_built(const struct simplifier *s, unsigned char *needed) {
    const tg_graph *g = s->b.g;
    for (size_t i = 0; i < s->goal->count; i++) needed[s->to[s->goal->wanted[i]]] = 1;
    for (uint32_t id = g->nodes.length - 1; id > 0; id--) {
        const struct tg__node *n = tg__node_of(g, id);
        for (int i = 0; needed[id] && i < n->operands; i++) needed[n->in[i]] = 1;
    }
}

/* Of several the oldest; a leaf's origin is a leaf, or what was given: there its value is. A node that was built when
 * somebody needed it belongs to the stage that it is from. */
static bool tell_origins(struct simplifier *s) {
    struct tg__small *small = s->small;
    const size_t bytes = small->graph->nodes.length * sizeof *small->origin;
    small->origin = tg__alloc(s->goal->graph, bytes);
    if (!small->origin) return false;
    small->rows = small->graph->nodes.length;
    memset(small->origin, 0, bytes);
    for (uint32_t id = s->last; id > 0; id--)
        if (s->to[id]) small->origin[s->to[id]] = id;
    for (uint32_t id = s->last; id > 0; id--)
        if (s->to[id] && !is_computed(s, id)) small->origin[s->to[id]] = id;
    for (uint32_t id = 1; id < small->rows; id++)
        if (small->origin[id])
            tg__fact_of(small->graph, id)->site = tg__fact_of(s->goal->graph, small->origin[id])->site;
    return true;
}

static bool prune(struct simplifier *s) {
    tg_graph *g = s->goal->graph;
    const uint32_t built = s->b.g->nodes.length;
    const size_t moves = built * sizeof(uint32_t);
    unsigned char *needed = tg__alloc(g, built);
    uint32_t *moved = tg__alloc(g, moves);
    bool done = needed && moved;
    if (done) {
        memset(needed, 0, built);
        memset(moved, 0, moves);
        mark_built(s, needed);
        done = tg__builder_prune(&s->b, needed, moved);
    }
    for (uint32_t id = 1; done && id <= s->last; id++) s->to[id] = moved[s->to[id]];
    tg__release(g, needed, built);
    tg__release(g, moved, moves);
    return done;
}

static bool finish(struct simplifier *s) {
    struct tg__small *small = s->small;
    const struct tg__goal *goal = s->goal;
    if (!prune(s) || !tg__serve_names(small->graph, goal->graph, s->to) || !tell_origins(s)) return false;
    small->result = tg__alloc(goal->graph, goal->count * sizeof *small->result);
    if (!small->result) return false;
    for (size_t i = 0; i < goal->count; i++) small->result[i] = s->to[goal->wanted[i]];
    small->count = goal->count;
    return true;
}

static bool run(struct simplifier *s) {
    tg_graph *g = s->goal->graph;
    const size_t rows = g->nodes.length;
    s->mark = tg__alloc(g, rows);
    s->to = tg__alloc(g, rows * sizeof *s->to);
    if (!s->mark || !s->to) return false;
    memset(s->mark, 0, rows);
    memset(s->to, 0, rows * sizeof *s->to);
    mark(s);
    return tg__serve_places(s->b.g, g) && build(s) && finish(s);
}

static bool simplify(const struct tg__goal *goal, struct tg__shared_calls *calls, struct tg__small *small,
                     bool *costs_more) {
    tg_graph *g = goal->graph;
    struct simplifier s = {.goal = goal, .small = small, .calls = calls};
    *small = (struct tg__small){0};
    raise_last(&s, goal->wanted, goal->count);
    raise_last(&s, goal->given, goal->givens);
    const bool busy = g->busy, opened = tg__builder_open(&s.b, g);
    small->graph = s.b.g;
    g->busy = true;
    const bool done = opened && run(&s) && !s.b.g->error.status;
    const size_t rows = g->nodes.length;
    *costs_more = done && cost_after(&s) > cost_before(&s);
    tg__release(g, s.mark, rows);
    tg__release(g, s.to, rows * sizeof *s.to);
    tg__algebraist_close(&s.a);
    tg__builder_close(&s.b);
    g->busy = busy;
    if (done) return true;
    if (small->graph && small->graph->error.status)
        tg__fail_run(g, small->graph->error.status, 0, "compile: %s", small->graph->error.text);
    else
        tg__fail_run(g, TG_MEMORY, 0, "compile: out of memory");
    tg__small_free(small, g);
    return false;
}

/* The second pass, for the calls that rows turned out to share; small: what the first pass made. */
static bool simplify_again(const struct tg__goal *goal, struct tg__shared_calls *calls, struct tg__small *small,
                           bool *costs_more) {
    bool again;
    const bool chosen = tg__choose_shared_calls(calls, &again);
    if (chosen && !again) return true;
    tg__small_free(small, goal->graph);
    if (chosen) return simplify(goal, calls, small, costs_more);
    tg__fail_run(goal->graph, TG_MEMORY, 0, "compile: out of memory");
    return false;
}

static bool simplify_sharing(const struct tg__goal *goal, struct tg__small *small, bool *costs_more) {
    struct tg__shared_calls calls;
    bool done = false;
    if (!tg__can_decompose(goal->graph)) return simplify(goal, NULL, small, costs_more);
    if (!tg__shared_calls_open(&calls, goal->graph))
        tg__fail_run(goal->graph, TG_MEMORY, 0, "compile: out of memory");
    else
        done = simplify(goal, &calls, small, costs_more) && simplify_again(goal, &calls, small, costs_more);
    tg__shared_calls_close(&calls);
    return done;
}

/* Where algebra would make the tape more expensive than the given one, it is left out. */
bool tg__simplify(const struct tg__goal *goal, struct tg__small *small) {
    struct tg__goal plain = *goal;
    bool costs_more;
    *small = (struct tg__small){0};
    if (!simplify_sharing(goal, small, &costs_more)) return false;
    if (goal->mode == TG_EXACT || !costs_more) return true;
    plain.mode = TG_EXACT;
    tg__small_free(small, goal->graph);
    return simplify_sharing(&plain, small, &costs_more);
}

void tg__small_free(struct tg__small *small, tg_graph *g) {
    tg__release(g, small->result, small->count * sizeof *small->result);
    tg__release(g, small->origin, small->rows * sizeof *small->origin);
    tg_graph_free(small->graph);
    *small = (struct tg__small){0};
}
