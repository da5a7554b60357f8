/* Vector norms: of order 1, 2, or infinity. At 0, where they have a corner, the gradient is 0. */
#include "compose.h"

/* What the root would do to a gradient at 0 is kept away from it. */
static tg_node euclidean(tg_node x, tg_axes axes) {
    tg_node sum = tg_sum(tg_square(x), axes), zero = tg_scalar_like(x, 0), nothing = tg_eq(sum, zero);
    return tg_where(nothing, zero, tg_sqrt(tg_where(nothing, tg_scalar_like(x, 1), sum)));
}

tg_node tg_norm(tg_node x, double order, tg_axes axes) {
    char text[300];
    const bool largest = isinf(order) && order > 0;
    if (tg__extent(x, axes, largest, "norm") < 0) return tg_nil(x.graph);
    if (largest) return tg_max(tg_abs(x), axes);
    if (order == 2) return euclidean(x, axes);
    if (order == 1) return tg_sum(tg_abs(x), axes);
    return tg_fail(x.graph, TG_ARGUMENT, "norm: order %g of %s; there are 1, 2 and infinity", order,
                   tg__described(x, text, sizeof text));
}
