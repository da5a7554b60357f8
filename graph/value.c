/* Values: data and validity of each node. A node is valid when it was computed from what its leaves hold now. */
#include "graph.h"

#include <math.h>

bool tg__values_grow(tg_graph *g) {
    while (g->values.length < g->nodes.length) {
        struct tg__value *v = tg__push(g, &g->values);
        if (!v) return false;
        *v = (struct tg__value){0};
    }
    return true;
}

/* For runs: out of memory here is cured by a second try, not by a rewind. */
bool tg__values_ready(tg_graph *g) {
    g->busy = true;
    bool grown = tg__values_grow(g);
    g->busy = false;
    return grown;
}

bool tg__value_room(tg_graph *g, uint32_t id) {
    if (!tg__values_grow(g)) return false;
    struct tg__value *v = tg__value_of(g, id);
    if (v->owned) return true;
    void *data = tg__data_new(g, tg__bytes(tg__node_of(g, id)));
    if (!data) return false;
    v->data = data;
    v->owned = true;
    return true;
}

void tg__values_cut(tg_graph *g, uint32_t length) {
    for (uint32_t id = g->values.length; id > length;) {
        id--;
        struct tg__value *v = tg__value_of(g, id);
        if (v->owned) tg__data_free(g, (void *)(uintptr_t)v->data, tg__bytes(tg__node_of(g, id)));
        g->bound -= v->bound;
    }
    tg__table_cut(&g->values, length);
    if (g->stale > length && length > 0) g->stale = length;
}

uint32_t tg__settling(tg_graph *g) {
    if (g->touched == UINT32_MAX) return 0;
    if (g->touched + 1 < g->stale) g->stale = g->touched + 1;
    g->touched = UINT32_MAX;
    if (++g->settled == 0) g->settled = 1;
    return g->settled;
}

void tg__settle_from(tg_graph *g, uint32_t first, uint32_t now) {
    for (uint32_t id = first; now && id < g->values.length; id++)
        if (tg__is_stale(g, id, now)) tg__value_of(g, id)->valid = false;
}

void tg__settle(tg_graph *g) {
    uint32_t now = tg__settling(g);
    tg__settle_from(g, g->stale, now);
}

void tg__invalidate(tg_graph *g) {
    for (uint32_t id = 1; id < g->values.length; id++)
        if (!tg__is_leaf(tg__node_of(g, id))) tg__value_of(g, id)->valid = false;
    g->stale = 1;
}

bool tg__valid(tg_graph *g, uint32_t id) {
    tg__settle(g);
    return id < g->values.length && tg__value_of(g, id)->valid;
}

/* ----------------------------------------------------------------------------------------------------- reading */

const void *tg_value(tg_node a) {
    return tg__get(a) && tg__valid(a.graph, a.id) ? tg__value_of(a.graph, a.id)->data : NULL;
}

double tg_item(tg_node a, size_t i) {
    const void *data = tg_value(a);
    return data && i < tg_size(a) ? tg__load(tg_dtype_of(a), data, i) : NAN;
}

tg_shape tg_dims(tg_node a) {
    const struct tg__node *n = tg__get(a);
    return n ? n->shape->dims : tg_shape0();
}

size_t tg_size(tg_node a) {
    const struct tg__node *n = tg__get(a);
    return n ? n->shape->count : 0;
}

tg_dtype tg_dtype_of(tg_node a) {
    const struct tg__node *n = tg__get(a);
    return n ? (tg_dtype)n->dtype : TG_F64;
}

const char *tg_op_of(tg_node a) {
    const struct tg__node *n = tg__get(a);
    return n ? n->op->name : "";
}

tg_node tg_operand(tg_node a, int slot) {
    const struct tg__node *n = tg__get(a);
    return n && slot >= 0 && slot < n->operands ? tg__handle(a.graph, n->in[slot]) : tg_nil(a.graph);
}
