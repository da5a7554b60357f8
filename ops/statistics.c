/* Mean, variance and standard deviation: two passes, never E[x²] - E[x]². */
#include "compose.h"

tg_node tg_mean(tg_node x, tg_axes axes) {
    const int64_t n = tg__extent(x, axes, false, "mean");
    if (n < 0) return tg_nil(x.graph);
    const tg_node share = tg_scalar_like(x, tg__share(n));
    return tg_mul(tg_sum(x, axes), share);
}

/* x - mean, of n numbers each; n < 0: refused. */
static tg_node deviation(tg_node x, tg_axes axes, int ddof, const char *who, int64_t *n) {
    *n = tg__extent(x, axes, false, who);
    if (*n >= 0 && ddof < 0) {
        tg_fail(x.graph, TG_ARGUMENT, "%s: ddof = %d must not be negative", who, ddof);
        *n = -1;
    }
    return *n < 0 ? tg_nil(x.graph) : tg_sub(x, tg_mean(x, tg_keep(axes)));
}

tg_node tg_var(tg_node x, tg_axes axes, int ddof) {
    int64_t n;
    const tg_node away = deviation(x, axes, ddof, "var", &n);
    if (n < 0) return away;
    const tg_node share = tg_scalar_like(x, tg__share(n - ddof));
    return tg_mul(tg_sum(tg_square(away), axes), share);
}

tg_node tg_std(tg_node x, tg_axes axes, int ddof) {
    int64_t n;
    const tg_node away = deviation(x, axes, ddof, "std", &n);
    return n < 0 ? away : tg__length(away, axes, tg__share(n - ddof));
}
