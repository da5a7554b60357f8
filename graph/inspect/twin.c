/* The f64 twin of a tape: the nodes that the wanted ones depend on, operator by operator, in a graph of their own.
 * Their ids are those of the original, so that a message about #12 is about the user's #12. What was drawn at random is
 * a leaf there: the same numbers, not others of another dtype. */
#include "inspect.h"

static bool is_leaf(const struct tg__node *n) { return tg__is_leaf(n) || n->op->drawn; }

/* One byte for each node up to the last: is it needed? */
static unsigned char *needed_by(tg_graph *twin, const tg_graph *g, const uint32_t *wanted, size_t count,
                                uint32_t last) {
    unsigned char *needed = tg__alloc(twin, last + (size_t)1);
    if (!needed) return NULL;
    memset(needed, 0, last + (size_t)1);
    for (size_t i = 0; i < count; i++) needed[wanted[i]] = 1;
    for (uint32_t id = last; id > 0; id--) {
        const struct tg__node *n = tg__node_of(g, id);
        for (int i = 0; needed[id] && !is_leaf(n) && i < n->operands; i++) needed[n->in[i]] = 1;
    }
    return needed;
}

static bool fill(tg_graph *twin, const tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    if (!tg__value_room(twin, id)) return false;
    struct tg__value *v = tg__value_of(twin, id);
    const void *from = tg__value_of(g, id)->data;
    const tg_dtype dtype = (tg_dtype)tg__node_of(twin, id)->dtype;
    for (size_t i = 0; i < n->shape->count; i++)
        tg__store(dtype, (void *)(uintptr_t)v->data, i, tg__load((tg_dtype)n->dtype, from, i));
    v->valid = true;
    return true;
}

static bool copy(tg_graph *twin, const tg_graph *g, uint32_t id) {
    const struct tg__node *from = tg__node_of(g, id);
    struct tg__node n = *from;
    if (from->op->drawn) n = (struct tg__node){.op = &tg__op_const, .dtype = from->dtype};
    const bool bare = n.attr == NULL;
    n.shape = tg__shape_of(twin, &from->shape->dims, from->op->name);
    n.attr = bare ? NULL : tg__intern(twin, from->attr, sizeof *from->attr);
    if (!n.shape || (!bare && !n.attr)) return false;
    if (n.dtype == TG_F32) n.dtype = TG_F64;
    if (n.op == &tg__op_const) n.op = &tg__op_input; /* still without adjoint, but it can be set: see gradient.c */
    n.epoch = twin->epoch;
    struct tg__node *row = tg__append(twin, TG__LEAF_SITE);
    if (!row) return false;
    *row = n;
    tg_node a = tg__newest(twin);
    const char *name = tg_name(tg__handle(g, id));
    if (*name && tg_is_nil(tg_let(a, name, NULL, 0))) return false;
    return !is_leaf(from) || fill(twin, g, id);
}

static bool has_value(tg_graph *g, uint32_t id, const char *who) {
    char name[80];
    const struct tg__node *n = tg__node_of(g, id);
    if (!is_leaf(n) || tg__valid(g, id)) return true;
    tg__fail_run(g, TG_VALUE, 0,
                 tg__is_leaf(n) ? "%s: %s has no value: tg_set or tg_bind it first"
                                : "%s: %s has not been drawn: tg_run first",
                 who, tg__quote(g, id, name, sizeof name));
    return false;
}

static bool build(tg_graph *twin, tg_graph *g, const uint32_t *wanted, size_t count, const char *who) {
    uint32_t last = 0;
    for (size_t i = 0; i < count; i++)
        if (wanted[i] > last) last = wanted[i];
    unsigned char *needed = needed_by(twin, g, wanted, count, last);
    bool built = needed != NULL;
    for (uint32_t id = 1; built && id <= last; id++) {
        if (needed[id])
            built = has_value(g, id, who) && copy(twin, g, id);
        else
            built = !tg_is_nil(tg_input(twin, TG_I32, tg_shape1(0))); /* keeps the place */
    }
    tg__release(twin, needed, last + (size_t)1);
    return built;
}

tg_graph *tg__twin_new(tg_graph *g, const uint32_t *wanted, size_t count, const char *who) {
    tg_graph *twin = tg__graph_new(&g->calculus, g->allocator);
    if (!twin) {
        tg__fail_run(g, TG_MEMORY, 0, "%s: out of memory", who);
        return NULL;
    }
    if (tg__share_rows(twin, g) && build(twin, g, wanted, count, who)) return twin;
    tg__twin_free(twin, g, who);
    return NULL;
}

tg_graph *tg__twin_of_sweep(tg_graph *g, const struct tg__sweep *s, uint32_t also, const char *who) {
    const size_t bytes = (s->bends + (size_t)2) * sizeof(uint32_t);
    size_t count = 0;
    g->busy = true;
    uint32_t *wanted = tg__alloc(g, bytes);
    g->busy = false;
    if (!wanted) return NULL;
    wanted[count++] = s->out;
    if (also) wanted[count++] = also;
    for (uint32_t i = 0; i < s->bends; i++)
        if (s->bend[i].factor) wanted[count++] = s->bend[i].factor;
    tg_graph *twin = tg__twin_new(g, wanted, count, who);
    tg__release(g, wanted, bytes);
    return twin;
}

tg_status tg__twin_free(tg_graph *twin, tg_graph *g, const char *who) {
    if (twin->error.status) tg__fail_as(g, twin, NULL, who);
    tg_graph_free(twin);
    return g->error.status;
}
