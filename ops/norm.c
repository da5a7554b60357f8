/* Vector norms: of order 1, 2, or infinity. At 0, where they have a corner, the gradient is 0. */
#include "compose.h"

tg_node tg_norm(tg_node x, double order, tg_axes axes) {
    char text[300];
    const bool largest = isinf(order) && order > 0;
    if (tg__extent(x, axes, largest, "norm") < 0) return tg_nil(x.graph);
    if (largest) return tg_max(tg_abs(x), axes);
    if (order == 2) return tg__length(x, axes, 1);
    if (order == 1) return tg_sum(tg_abs(x), axes);
    return tg_fail(x.graph, TG_ARGUMENT, "norm: order %g of %s; there are 1, 2 and infinity", order,
                   tg__described(x, text, sizeof text));
}
