/* The product over any axes, as a tree of pairwise products: with any number of zeros in it every derivative is exact,
 * for nothing is divided. */
#include "compose.h"

/* The reduced axes in front, as one; the result's shape. */
struct layout {
    tg_axes order;
    tg_shape merged, result;
    bool turned; /* order is not that of x */
};

static struct layout layout_of(const tg_shape *x, tg_axes axes, int64_t n) {
    struct layout l = {.merged = {.rank = 1, .dim = {n}}};
    bool reduced[TG_MAX_RANK];
    for (int i = 0; i < x->rank; i++) reduced[i] = axes.count == -1;
    for (int i = 0; i < axes.count; i++) reduced[axes.axis[i] < 0 ? axes.axis[i] + x->rank : axes.axis[i]] = true;
    for (int front = 1; front >= 0; front--)
        for (int i = 0; i < x->rank; i++) {
            if (reduced[i] != front) continue;
            l.turned |= l.order.count != i;
            l.order.axis[l.order.count++] = i;
            if (!front) l.merged.dim[l.merged.rank++] = x->dim[i];
        }
    for (int i = 0; i < x->rank; i++)
        if (!reduced[i] || axes.keep) l.result.dim[l.result.rank++] = reduced[i] ? 1 : x->dim[i];
    return l;
}

/* The first half times the second, until one is left; what does not pair waits for the end. */
static tg_node product(tg_node x, int64_t n) {
    tg_node odd = tg_nil(x.graph);
    for (; n > 1; n /= 2) {
        if (n % 2) {
            tg_node last = tg_slice(x, 0, n - 1, n, 1);
            odd = tg_is_nil(odd) ? last : tg_mul(odd, last);
        }
        const tg_node second = tg_slice(x, 0, n / 2, n / 2 * 2, 1), first = tg_slice(x, 0, 0, n / 2, 1);
        x = tg_mul(first, second);
    }
    return tg_is_nil(odd) ? x : tg_mul(x, odd);
}

tg_node tg_prod(tg_node x, tg_axes axes) {
    const int64_t n = tg__extent(x, axes, false, "prod");
    if (n < 0) return tg_nil(x.graph);
    if (axes.count == 0 || axes.count == -2) return tg_identity(x);
    if (n == 0) { /* of nothing: 1 */
        const tg_node one = tg_scalar_like(x, 1);
        return tg_add(tg_sum(x, axes), one);
    }
    const tg_shape dims = tg_dims(x);
    const struct layout l = layout_of(&dims, axes, n);
    if (l.turned) x = tg_transpose(x, l.order);
    return tg_reshape(product(tg_reshape(x, l.merged), n), l.result);
}
