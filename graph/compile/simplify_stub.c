/* A stand-in for simplify.c: a plain copy of the nodes that are needed. */
#include "compile.h"

struct copying {
    const struct tg__goal *goal;
    const tg_graph *g;
    tg_graph *small;
    uint32_t *map; /* new numbers by old; before that 1: needed, 2: given */
    uint32_t last;
};

static bool name(const struct copying *c, uint32_t id, tg_node a) {
    const char *alias;
    for (size_t i = 0; (alias = tg_alias(tg__handle(c->g, id), i)) != NULL; i++)
        if (tg_is_nil(tg_let(a, alias, NULL, 0))) return false;
    return true;
}

static bool copy(struct copying *c, uint32_t id) {
    tg_graph *small = c->small;
    const struct tg__node *from = tg__node_of(c->g, id);
    struct tg__node n = *from;
    if (c->map[id] & 2) n = (struct tg__node){.op = &tg__op_input, .dtype = from->dtype};
    const bool bare = n.attr == NULL;
    n.shape = tg__shape_of(small, &from->shape->dims, "compile");
    n.attr = bare ? NULL : tg__intern(small, from->attr, sizeof *from->attr);
    if (!n.shape || (!bare && !n.attr)) return false;
    for (int i = 0; i < n.operands; i++) n.in[i] = c->map[n.in[i]];
    n.flags &= (uint8_t)~TG__ASSIGNED;
    n.epoch = small->epoch;
    struct tg__node *row = tg__append(small, TG__LEAF_SITE);
    if (!row) return false;
    *row = n;
    const tg_node a = tg__newest(small);
    c->map[id] = a.id;
    if (!name(c, id, a)) return false;
    if (n.op != &tg__op_const) return true;
    if (!tg__value_room(small, a.id)) return false;
    struct tg__value *v = tg__value_of(small, a.id);
    if (n.shape->count) memcpy((void *)(uintptr_t)v->data, tg__value_of(c->g, id)->data, tg__bytes(row));
    v->valid = true;
    return true;
}

static bool build(struct copying *c, struct tg__small *s) {
    const struct tg__goal *goal = c->goal;
    for (size_t i = 0; i < goal->count; i++) c->map[goal->wanted[i]] = 1;
    for (size_t i = 0; i < goal->givens; i++)
        if (goal->given[i] <= c->last) c->map[goal->given[i]] |= 2;
    for (uint32_t id = c->last; id > 0; id--) {
        const struct tg__node *n = tg__node_of(c->g, id);
        for (int i = 0; c->map[id] == 1 && i < n->operands; i++) c->map[n->in[i]] |= 1;
    }
    for (uint32_t id = 1; id <= c->last; id++) {
        if (!(c->map[id] & 1)) continue;
        s->nodes += c->map[id] == 1 && !tg__is_leaf(tg__node_of(c->g, id));
        if (!copy(c, id)) return false;
        s->origin[c->map[id]] = tg__node_of(c->small, c->map[id])->op == &tg__op_const ? 0 : id;
    }
    for (size_t i = 0; i < goal->count; i++) s->result[i] = c->map[goal->wanted[i]];
    return true;
}

bool tg__simplify(const struct tg__goal *goal, struct tg__small *s) {
    tg_graph *g = goal->graph;
    struct copying c = {.goal = goal, .g = g};
    for (size_t i = 0; i < goal->count; i++)
        if (goal->wanted[i] > c.last) c.last = goal->wanted[i];
    const size_t bytes = (c.last + (size_t)1) * sizeof *c.map;
    *s = (struct tg__small){.count = goal->count};
    s->graph = c.small = tg__graph_new(&g->calculus, g->allocator);
    if (!s->graph) {
        tg__fail_run(g, TG_MEMORY, 0, "compile: out of memory");
        return false;
    }
    s->result = tg__alloc(s->graph, goal->count * sizeof *s->result);
    s->origin = tg__alloc(s->graph, bytes);
    c.map = tg__alloc(s->graph, bytes);
    bool ok = s->result && s->origin && c.map;
    if (ok) memset(c.map, 0, bytes), memset(s->origin, 0, bytes);
    ok = ok && tg__share_rows(s->graph, g) && build(&c, s);
    if (!ok) tg__fail_as(g, s->graph, NULL, "compile");
    if (c.map) tg__release(s->graph, c.map, bytes);
    s->nodes = ok ? s->nodes : 0;
    if (s->origin && !ok) tg__release(s->graph, s->origin, bytes);
    if (s->result && !ok) tg__release(s->graph, s->result, goal->count * sizeof *s->result);
    if (!ok) tg_graph_free(s->graph), s->graph = NULL;
    if (ok) s->graph->guests = c.last + 1; /* the stand-in's only place for the size of origin */
    return ok;
}

void tg__small_free(struct tg__small *s, tg_graph *g) {
    const size_t bytes = s->graph->guests * sizeof *s->origin;
    tg__release(g, s->origin, bytes);
    tg__release(g, s->result, s->count * sizeof *s->result);
    tg_graph_free(s->graph);
}
