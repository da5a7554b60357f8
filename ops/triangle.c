/* Triangles of matrices: what lies on the other side of a diagonal is 0, whatever it was. In public operators: where
 * the number of the column is beyond that of the row. */
#include "graph.h"

static const struct tg_op tril = {.name = "tril"}, triu = {.name = "triu"}; /* for what they say */

/* first, first + 1, … along one of the last two axes. */
static tg_node count_up(tg_node x, tg_shape dims, double first) {
    const struct tg__shape *shape = tg__shape_of(x.graph, &dims, "tril");
    const tg_dtype dtype = tg_dtype_of(x);
    const size_t bytes = shape ? shape->count * tg__item_size(dtype) : 0;
    void *data = shape ? tg__alloc(x.graph, bytes) : NULL;
    if (!data) return tg_nil(x.graph);
    for (size_t i = 0; i < shape->count; i++) tg__store(dtype, data, i, first + (double)i);
    tg_node numbers = tg_const(x.graph, dtype, dims, data);
    tg__release(x.graph, data, bytes);
    return numbers;
}

static tg_node triangle(const struct tg_op *op, tg_node x, int k, bool upper) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg_where(x, x, x); /* says what is wrong with it */
    const tg_shape *dims = &n->shape->dims;
    char name[80], shape[200];
    if (dims->rank < 2)
        return tg__fail(x.graph, TG_SHAPE, op, &x, 1, "%s %s is no matrix", tg__quote(x.graph, x.id, name, sizeof name),
                        tg__shape_text(dims, shape, sizeof shape));
    if (n->dtype == TG_I32)
        return tg__fail(x.graph, TG_DTYPE, op, &x, 1, "%s is i32, not floating-point",
                        tg__quote(x.graph, x.id, name, sizeof name));
    tg_node row = count_up(x, tg_shape2(dims->dim[dims->rank - 2], 1), (double)k);
    tg_node column = count_up(x, tg_shape1(dims->dim[dims->rank - 1]), 0);
    tg_node away = upper ? tg_gt(row, column) : tg_gt(column, row);
    return tg_where(away, tg_scalar_like(x, 0), x);
}

tg_node tg_tril(tg_node x, int k) { return triangle(&tril, x, k, false); }
tg_node tg_triu(tg_node x, int k) { return triangle(&triu, x, k, true); }
