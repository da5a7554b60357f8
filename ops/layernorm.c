/* Layer normalization (Ba, Kiros and Hinton 2016): every row by its own mean and variance. */
#include "compose.h"

tg_node tg_layernorm(tg_node x, tg_node gamma, tg_node beta, int last, double eps, const char *scope) {
    tg_graph *g = x.graph;
    const tg_shape dims = tg_dims(x);
    char text[300];
    if (!tg__is_of(g, x, "x", "layernorm") || !tg__is_of(g, gamma, "gamma", "layernorm") ||
        !tg__is_of(g, beta, "beta", "layernorm"))
        return tg_nil(g);
    if (!(eps > 0) || !isfinite(eps)) return tg_fail(g, TG_ARGUMENT, "layernorm: eps = %g must be positive", eps);
    tg_axes axes = {.count = last, .keep = true};
    for (int i = 0; i < last && i < TG_MAX_RANK; i++) axes.axis[i] = -1 - i;
    if (last < 1 || last > dims.rank)
        return tg_fail(g, TG_SHAPE, "layernorm: %d last axes of %s cannot be normalized", last,
                       tg__described(x, text, sizeof text));
    const int64_t n = tg__extent(x, axes, false, "layernorm");
    if (n < 0 || !tg__lies_along(x, gamma, last, "gamma", "layernorm") ||
        !tg__lies_along(x, beta, last, "beta", "layernorm"))
        return tg_nil(g);

    tg_composite_open(g, "layernorm", scope);
    x = tg_scope_operand(x, "x");
    gamma = tg_scope_operand(gamma, "gamma");
    beta = tg_scope_operand(beta, "beta");
    tg_node share = tg_scalar_like(x, n ? tg__share(n) : 0), small = tg_scalar_like(x, eps);

    TG_LET(mu, tg_mul(tg_sum(x, axes), share));
    TG_LET(xmu, tg_sub(x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(tg_sum(sq, axes), share));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, small)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, ivar));
    TG_LET(gammax, tg_mul(gamma, xhat));
    TG_LET(out, tg_add(gammax, beta));
    tg_scope_close(g);
    return out;
}
