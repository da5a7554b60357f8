/* State: leaves that take the value of a node at a commit. A run never changes a leaf, so stepping, checking and
 * drawing never train by accident; a commit changes all of them at once, after a run that left nothing undone. */
#include "graph.h"

#include <math.h>

/* The row of a leaf, 0 for none. The flag spares those that have none the search. */
static uint32_t row_of(const tg_graph *g, uint32_t leaf) {
    if (!(tg__node_of(g, leaf)->flags & TG__ASSIGNED)) return 0;
    uint32_t row = g->assigns.length - 1;
    while (row && tg__assign_of(g, row)->leaf != leaf) row--;
    return row;
}

tg_node tg_assigned(tg_node leaf) {
    const uint32_t row = tg__get(leaf) ? row_of(leaf.graph, leaf.id) : 0;
    return row ? tg__handle(leaf.graph, tg__assign_of(leaf.graph, row)->value) : tg_nil(leaf.graph);
}

void tg__assigns_cut(tg_graph *g, uint32_t length) {
    for (uint32_t row = g->assigns.length; row-- > length;)
        tg__node_of(g, tg__assign_of(g, row)->leaf)->flags &= (uint8_t)~TG__ASSIGNED;
    tg__table_cut(&g->assigns, length);
}

/* ------------------------------------------------------------------------------------------------------ building */

static const struct tg_op assign = {.name = "assign"}; /* for messages; it is no node */

static bool fits(tg_graph *g, const tg_node *in) {
    const struct tg__node *leaf = tg__get(in[0]), *value = tg__get(in[1]);
    char name[80], other[80], as[200], bs[200];
    tg__quote(g, in[0].id, name, sizeof name);
    tg__quote(g, in[1].id, other, sizeof other);
    const uint32_t row = row_of(g, in[0].id);
    if (leaf->op != &tg__op_input && leaf->op != &tg__op_param)
        tg__fail(g, TG_ARGUMENT, &assign, in, 2, "%s is no input or param: only those can take a value", name);
    else if (row)
        tg__fail(g, TG_ARGUMENT, &assign, in, 2, "%s takes the value of %s already; a leaf has one assign", name,
                 tg__quote(g, tg__assign_of(g, row)->value, other, sizeof other));
    else if (leaf->dtype != value->dtype)
        tg__fail(g, TG_DTYPE, &assign, in, 2, "%s is %s but %s is %s; tg_cast it", name,
                 tg__dtype_name((tg_dtype)leaf->dtype), other, tg__dtype_name((tg_dtype)value->dtype));
    else if (leaf->shape != value->shape)
        tg__fail(g, TG_SHAPE, &assign, in, 2, "%s is %s but %s is %s", name,
                 tg__shape_text(&leaf->shape->dims, as, sizeof as), other,
                 tg__shape_text(&value->shape->dims, bs, sizeof bs));
    else
        return true;
    return false;
}

tg_node tg_assign(tg_node leaf, tg_node value) {
    tg_graph *g = leaf.graph ? leaf.graph : value.graph;
    const tg_node in[] = {leaf, value};
    if (!g || tg__is_broken(g)) return tg_nil(g);
    for (int i = 0; i < 2; i++) {
        if (in[i].graph == g && tg__get(in[i])) continue;
        return tg__fail(g, TG_HANDLE, &assign, in, 2, "%s is %s", i == 0 ? "the leaf" : "the value",
                        in[i].id == 0      ? "nil"
                        : in[i].graph != g ? "of another graph"
                                           : "stale: the tape was rewound below it");
    }
    if (!fits(g, in)) return tg_nil(g);
    struct tg__assign *a = tg__push(g, &g->assigns);
    if (!a) return tg_nil(g);
    *a = (struct tg__assign){leaf.id, value.id, g->epoch};
    tg__node_of(g, leaf.id)->flags |= TG__ASSIGNED;
    return value;
}

/* ---------------------------------------------------------------------------------------------------- committing */

/* Whether a commit would change the memory that a value lies in: that of another leaf, or a view of it. */
static bool is_moving(const tg_graph *g, uint32_t id) {
    while (tg__node_of(g, id)->op->view) id = tg__node_of(g, id)->in[0];
    return tg__is_leaf(tg__node_of(g, id)) && (tg__node_of(g, id)->flags & TG__ASSIGNED);
}

static size_t bytes_of(const tg_graph *g, const struct tg__assign *a) { return tg__bytes(tg__node_of(g, a->leaf)); }

TG__APART static bool refuse(tg_graph *g, const struct tg__assign *a, bool bound) {
    char name[80];
    tg__quote(g, a->value, name, sizeof name);
    if (!bound)
        tg__fail_run(g, TG_VALUE, a->leaf, "commit: %s has no value: tg_set or tg_bind it first", name);
    else
        tg__fail_run(g, TG_ARGUMENT, a->leaf,
                     "commit: it is to take the value of %s, but its memory is borrowed and not ours to write: tg_set "
                     "it instead of tg_bind",
                     name);
    return false;
}

bool tg__may_take(tg_graph *g, const struct tg__assign *a) {
    return tg__value_of(g, a->leaf)->bound ? refuse(g, a, true) : tg__value_room(g, a->leaf);
}

/* Everything that could fail, before anything changes. */
static bool may_commit(tg_graph *g, size_t *aside) {
    char name[80];
    const tg_node next = tg_next(g);
    if (g->assigns.length == 1) {
        tg__fail_run(g, TG_ARGUMENT, 0,
                     "commit: nothing is assigned on this tape: tg_assign, or an optimizer, says what a leaf takes");
        return false;
    }
    if (!tg_is_nil(next)) {
        tg__fail_run(g, TG_VALUE, 0, "commit: %s is not up to date: tg_run the whole tape first",
                     tg__quote(g, next.id, name, sizeof name));
        return false;
    }
    for (uint32_t row = 1; row < g->assigns.length; row++) {
        const struct tg__assign *a = tg__assign_of(g, row);
        const struct tg__value *value = tg__value_of(g, a->value);
        if (!value->valid) return refuse(g, a, false);
        if (!tg__may_take(g, a) || !tg__may_take_value(g, a, value->data)) return false;
        if (is_moving(g, a->value)) *aside += bytes_of(g, a);
    }
    return true;
}

/* Element `at` of what the leaf would take. */
TG__APART static bool refuse_nonfinite(tg_graph *g, const struct tg__assign *a, const void *data, size_t at) {
    char name[80];
    const tg_dtype dtype = (tg_dtype)tg__node_of(g, a->leaf)->dtype;
    tg__fail_run(g, TG_VALUE, a->leaf,
                 "commit: element %zu of %s, whose value it is to take, is %g, and tg_require_finite is on: nothing was "
                 "committed; tg_run, then tg_first_nonfinite say where it began",
                 at, tg__quote(g, a->value, name, sizeof name), tg__load(dtype, data, at));
    return false;
}

bool tg__may_take_value(tg_graph *g, const struct tg__assign *a, const void *data) {
    const struct tg__node *n = tg__node_of(g, a->leaf);
    for (size_t i = 0; g->finite_only && n->dtype != TG_I32 && i < n->shape->count; i++)
        if (!isfinite(tg__load((tg_dtype)n->dtype, data, i))) return refuse_nonfinite(g, a, data, i);
    return true;
}

static void copy(void *to, const void *from, size_t bytes) {
    if (bytes) memmove(to, from, bytes);
}

void tg__take(tg_graph *g, const struct tg__assign *a, const void *data) {
    struct tg__value *leaf = tg__value_of(g, a->leaf);
    copy((void *)(uintptr_t)leaf->data, data, bytes_of(g, a));
    leaf->valid = true;
    tg__touch(g, a->leaf);
}

/* What lies in memory that is about to change is put aside first: two leaves may change places. A leaf without elements
 * puts nothing aside, and there may be no memory for it. */
static void commit(tg_graph *g, char *aside) {
    size_t used = 0;
    for (uint32_t row = 1; row < g->assigns.length; row++) {
        const struct tg__assign *a = tg__assign_of(g, row);
        if (bytes_of(g, a) == 0 || !is_moving(g, a->value)) continue;
        copy(aside + used, tg__value_of(g, a->value)->data, bytes_of(g, a));
        used += bytes_of(g, a);
    }
    used = 0;
    for (uint32_t row = 1; row < g->assigns.length; row++) {
        const struct tg__assign *a = tg__assign_of(g, row);
        const bool moving = bytes_of(g, a) > 0 && is_moving(g, a->value);
        tg__take(g, a, moving ? aside + used : tg__value_of(g, a->value)->data);
        if (moving) used += bytes_of(g, a);
    }
}

void tg_require_finite(tg_graph *g, bool require) {
    if (g) g->finite_only = require;
}

tg_status tg_commit(tg_graph *g) {
    if (!g) return TG_HANDLE;
    tg__clear_run(g);
    if (g->error.status) return g->error.status;
    size_t bytes = 0;
    char *aside = NULL;
    g->busy = true; /* what fails here can be tried again */
    bool ready = tg__values_grow(g) && may_commit(g, &bytes);
    if (ready && bytes) ready = (aside = tg__alloc(g, bytes)) != NULL;
    g->busy = false;
    if (!ready) return g->error.status;
    commit(g, aside);
    if (aside) tg__release(g, aside, bytes);
    return TG_OK;
}
