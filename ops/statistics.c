/* Mean, variance and standard deviation: two passes, never E[x²] - E[x]². */
#include "compose.h"

tg_node tg_mean(tg_node x, tg_axes axes) {
    const int64_t n = tg__extent(x, axes, false, "mean");
    if (n < 0) return tg_nil(x.graph);
    const tg_node share = tg_scalar_like(x, tg__share(n));
    return tg_mul(tg_sum(x, axes), share);
}

static tg_node variance(tg_node x, tg_axes axes, int ddof, const char *who) {
    const int64_t n = tg__extent(x, axes, false, who);
    if (n < 0) return tg_nil(x.graph);
    if (ddof < 0) return tg_fail(x.graph, TG_ARGUMENT, "%s: ddof = %d must not be negative", who, ddof);
    tg_node away = tg_sub(x, tg_mean(x, tg_keep(axes)));
    const tg_node share = tg_scalar_like(x, tg__share(n - ddof));
    return tg_mul(tg_sum(tg_square(away), axes), share);
}

tg_node tg_var(tg_node x, tg_axes axes, int ddof) { return variance(x, axes, ddof, "var"); }

tg_node tg_std(tg_node x, tg_axes axes, int ddof) {
    tg_node var = variance(x, axes, ddof, "std");
    return tg_is_nil(var) ? var : tg__root(var);
}
