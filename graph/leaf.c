/* Leaves: what the graph is given. Inputs and parameters have adjoints, constants have none. */
#include "hash.h"

/* A scalar constant that later requests for the same number share. */
struct tg__scalar {
    UT_hash_handle hh;
    struct {
        uint64_t bits;
        uint64_t dtype;
    } key;
    uint32_t node;
};

const struct tg_op tg__op_input = {.name = "input", .formula = "given"};
const struct tg_op tg__op_param = {.name = "param", .formula = "given"};
const struct tg_op tg__op_const = {.name = "const", .formula = "given"};

bool tg_is_param(tg_node a) {
    const struct tg__node *n = tg__get(a);
    return n && n->op == &tg__op_param;
}

uint32_t tg__scalar_size(void) { return sizeof(struct tg__scalar); }

double tg__load(tg_dtype dtype, const void *data, size_t i) {
    if (dtype == TG_F32) return (double)((const float *)data)[i];
    if (dtype == TG_F64) return ((const double *)data)[i];
    return ((const int32_t *)data)[i];
}

void tg__store(tg_dtype dtype, void *data, size_t i, double v) {
    switch (dtype) {
    case TG_F32: ((float *)data)[i] = (float)v; break;
    case TG_F64: ((double *)data)[i] = v; break;
    case TG_I32: ((int32_t *)data)[i] = (int32_t)v; break;
    }
}

static tg_node leaf(tg_graph *g, const struct tg_op *op, tg_dtype dtype, const tg_shape *dims) {
    if (!g || tg__is_broken(g)) return tg_nil(g);
    if (!tg__is_dtype(dtype))
        return tg_fail(g, TG_DTYPE, "%s: %d is no dtype: TG_F32, TG_F64 and TG_I32 are", op->name, (int)dtype);
    const struct tg__shape *shape = tg__shape_of(g, dims, op->name);
    if (!shape) return tg_nil(g);
    struct tg__node *n = tg__append(g, TG__LEAF_SITE);
    if (!n) return tg_nil(g);
    *n = (struct tg__node){.op = op, .shape = shape, .dtype = (uint8_t)dtype, .epoch = g->epoch, .known = TG__FINITE};
    if (op != &tg__op_const && dtype != TG_I32) n->flags = TG__DIFFERENTIABLE;
    return tg__newest(g);
}

tg_node tg_input(tg_graph *g, tg_dtype dtype, tg_shape shape) { return leaf(g, &tg__op_input, dtype, &shape); }
tg_node tg_param(tg_graph *g, tg_dtype dtype, tg_shape shape) { return leaf(g, &tg__op_param, dtype, &shape); }

static bool fill(tg_node a, const void *data) {
    tg_graph *g = a.graph;
    const struct tg__node *n = tg__node_of(g, a.id);
    if (!tg__value_room(g, a.id)) return false;
    struct tg__value *v = tg__value_of(g, a.id);
    if (n->shape->count) memmove((void *)(uintptr_t)v->data, data, n->shape->count * tg__item_size(n->dtype));
    v->valid = true;
    if (n->shape->count == 1) tg__node_of(g, a.id)->known = tg__known_number(tg__load((tg_dtype)n->dtype, data, 0));
    return true;
}

tg_node tg_const(tg_graph *g, tg_dtype dtype, tg_shape shape, const void *data) {
    tg_node a = leaf(g, &tg__op_const, dtype, &shape);
    if (tg_is_nil(a)) return a;
    if (!data && tg_size(a)) return tg_fail(g, TG_ARGUMENT, "const: data is NULL");
    return fill(a, data) ? a : tg_nil(g);
}

tg_node tg_scalar(tg_graph *g, tg_dtype dtype, double v) {
    if (!g || tg__is_broken(g)) return tg_nil(g);
    union {
        float f;
        double d;
        int32_t i;
    } data = {.d = 0};
    if (dtype == TG_I32 && !tg__is_i32(v)) return tg_fail(g, TG_ARGUMENT, "scalar: %.17g is no i32", v);
    tg__store(dtype, &data, 0, v);
    struct tg__scalar key, *s = NULL;
    memset(&key, 0, sizeof key);
    memcpy(&key.key.bits, &data, sizeof data); /* what is stored: 0.1 and 0.1f are the same f32 */
    key.key.dtype = dtype;
    HASH_FIND(hh, g->by_scalar, &key.key, sizeof key.key, s);
    if (s) return tg__handle(g, s->node);

    tg_node a = tg_const(g, dtype, tg_shape0(), &data);
    if (tg_is_nil(a)) return a;
    s = tg__push(g, &g->scalars);
    if (!s) return tg_nil(g);
    *s = key;
    s->node = a.id;
    HASH_ADD(hh, g->by_scalar, key, sizeof s->key, s);
    if (s->hh.tbl) return a;
    g->scalars.length--;
    return tg_nil(g);
}

tg_node tg_scalar_like(tg_node x, double v) {
    const struct tg__node *n = tg__get(x);
    return n ? tg_scalar(x.graph, (tg_dtype)n->dtype, v) : tg_nil(x.graph);
}

tg_node tg__free_cotangent(tg_node out) {
    tg_graph *g = out.graph;
    const struct tg__node *n = tg__get(out);
    tg_node a = n ? leaf(g, &tg__op_const, (tg_dtype)n->dtype, &n->shape->dims) : tg_nil(g);
    if (tg_is_nil(a) || !tg__value_room(g, a.id)) return tg_nil(g);
    struct tg__value *v = tg__value_of(g, a.id);
    if (tg_size(a)) memset((void *)(uintptr_t)v->data, 0, tg__bytes(tg__node_of(g, a.id)));
    v->valid = true;
    tg__node_of(g, a.id)->flags = TG__DIFFERENTIABLE;
    return a;
}

void tg__scalars_cut(tg_graph *g, uint32_t nodes) {
    for (; g->scalars.length > 0; g->scalars.length--) {
        struct tg__scalar *s = tg__row(&g->scalars, g->scalars.length - 1);
        if (s->node < nodes) break;
        HASH_DEL(g->by_scalar, s);
    }
}

void tg__scalars_free(tg_graph *g) { HASH_CLEAR(hh, g->by_scalar); }

bool tg__is_scalar_const(const tg_graph *g, uint32_t id, double *v) {
    const struct tg__node *n = tg__node_of(g, id);
    if (n->op != &tg__op_const || n->shape->count != 1) return false;
    if (id >= g->values.length || !tg__value_of(g, id)->valid) return false; /* memory ran out while it was made */
    *v = tg__load((tg_dtype)n->dtype, tg__value_of(g, id)->data, 0);
    return true;
}

bool tg__is_shared_scalar(const tg_graph *g, uint32_t id) {
    if (tg__node_of(g, id)->op != &tg__op_const || tg__node_of(g, id)->shape->dims.rank > 0) return false;
    for (uint32_t i = 0; i < g->scalars.length; i++)
        if (((const struct tg__scalar *)tg__row(&g->scalars, i))->node == id) return true;
    return false;
}

/* ------------------------------------------------------------------------------------------------- their values */

const struct tg__node *tg__settable(tg_node a, const void *data, const char *who) {
    const struct tg__node *n = tg__get(a);
    char name[80], from[120];
    if (!n)
        tg__fail_run(a.graph, TG_HANDLE, 0, "%s: the handle is %s", who, a.id ? "stale: the tape was rewound" : "nil");
    else if (n->op != &tg__op_input && n->op != &tg__op_param)
        tg__fail_run(a.graph, TG_ARGUMENT, 0, "%s: %s%s is no input or param", who,
                     tg__quote(a.graph, a.id, name, sizeof name), tg__from(a, from, sizeof from));
    else if (!data && n->shape->count)
        tg__fail_run(a.graph, TG_ARGUMENT, 0, "%s: data for %s%s is NULL", who,
                     tg__quote(a.graph, a.id, name, sizeof name), tg__from(a, from, sizeof from));
    else if (tg__values_ready(a.graph))
        return n;
    return NULL;
}

void tg__touch(tg_graph *g, uint32_t id) {
    tg__value_of(g, id)->fresh = g->settled + 1;
    if (id < g->touched) g->touched = id;
}

tg_status tg_set(tg_node a, const void *data) {
    tg_graph *g = a.graph;
    if (!g) return TG_HANDLE;
    tg__clear_run(g);
    if (!tg__settable(a, data, "set")) return g->error.status;
    struct tg__value *v = tg__value_of(g, a.id);
    if (v->bound) {
        *v = (struct tg__value){0};
        g->bound--;
    }
    g->busy = true;
    bool filled = fill(a, data);
    g->busy = false;
    tg__touch(g, a.id);
    return filled ? TG_OK : g->error.status;
}

tg_status tg_bind(tg_node a, const void *data) {
    tg_graph *g = a.graph;
    if (!g) return TG_HANDLE;
    tg__clear_run(g);
    const struct tg__node *n = tg__settable(a, data, "bind");
    if (!n) return g->error.status;
    struct tg__value *v = tg__value_of(g, a.id);
    if (v->owned) tg__data_free(g, (void *)(uintptr_t)v->data, n->shape->count * tg__item_size((tg_dtype)n->dtype));
    if (!v->bound) g->bound++;
    static const double nothing = 0; /* a valid value is never NULL, of no elements either */
    *v = (struct tg__value){.data = data ? data : &nothing, .valid = true, .bound = true};
    tg__touch(g, a.id);
    return TG_OK;
}

void tg__touch_bound(tg_graph *g) {
    if (!g->bound) return;
    for (uint32_t id = 1; id < g->values.length; id++)
        if (tg__value_of(g, id)->bound) tg__touch(g, id);
}
