/* Composites: public operators only. Nothing in the engine or the compiler knows them. */
#include "tapegrad.h"

#include <math.h>

static int64_t dim_along(const tg_shape *x, tg_axes axes, bool *reduced) {
    int64_t count = 1;
    for (int i = 0; i < x->rank; i++) reduced[i] = axes.count == -1;
    for (int i = 0; i < axes.count && i < TG_MAX_RANK; i++) {
        int a = axes.axis[i] < 0 ? axes.axis[i] + x->rank : axes.axis[i];
        if (a >= 0 && a < x->rank) reduced[a] = true; /* others are refused by the sum */
    }
    for (int i = 0; i < x->rank; i++) count *= reduced[i] ? x->dim[i] : 1;
    return count;
}

/* A statistic lies along x's last axes by itself unless a reduced axis follows a kept one. */
static tg_node align(tg_node statistic, const tg_shape *x, const bool *reduced) {
    tg_shape aligned = {.rank = 0};
    bool trailing = false;
    for (int i = 0; i < x->rank; i++) {
        if (!reduced[i] || aligned.rank > 0) aligned.dim[aligned.rank++] = reduced[i] ? 1 : x->dim[i];
        trailing |= reduced[i] && aligned.rank > 0;
    }
    return trailing ? tg_reshape(statistic, aligned) : statistic;
}

tg_node tg_batchnorm(tg_node x, tg_node gamma, tg_node beta, tg_axes axes, double eps, const char *scope) {
    tg_graph *g = x.graph;
    if (!(eps > 0) || !isfinite(eps)) return tg_fail(g, TG_ARGUMENT, "batchnorm: eps = %g must be positive", eps);
    bool reduced[TG_MAX_RANK];
    const tg_shape dims = tg_dims(x);
    const int64_t count = dim_along(&dims, axes, reduced);
    axes.keep = false;

    tg_scope_open(g, scope);
    x = tg_scope_operand(x, "x");
    gamma = tg_scope_operand(gamma, "gamma");
    beta = tg_scope_operand(beta, "beta");
    tg_node share = tg_scalar_like(x, count ? 1 / (double)count : 0), small = tg_scalar_like(x, eps);

    TG_LET(mu, tg_mul(tg_sum(x, axes), share));
    TG_LET(xmu, tg_sub(x, align(mu, &dims, reduced)));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(tg_sum(sq, axes), share));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, small)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, align(ivar, &dims, reduced)));
    TG_LET(gammax, tg_mul(align(gamma, &dims, reduced), xhat));
    TG_LET(out, tg_add(gammax, align(beta, &dims, reduced)));
    tg_scope_close(g);
    return out;
}

tg_node tg_linear(tg_node x, tg_node w, tg_node b, const char *scope) {
    tg_graph *g = x.graph;
    tg_scope_open(g, scope);
    x = tg_scope_operand(x, "x");
    w = tg_scope_operand(w, "w");
    b = tg_scope_operand(b, "b");
    TG_LET(xw, tg_matmul(x, w));
    TG_LET(scores, tg_add(xw, b));
    tg_scope_close(g);
    return scores;
}

tg_node tg_softmax_loss(tg_node scores, tg_node label, const char *scope) {
    tg_graph *g = scores.graph;
    const tg_shape dims = tg_dims(scores);
    if (!tg_is_nil(scores) && (dims.rank != 2 || dims.dim[0] == 0))
        return tg_fail(g, TG_SHAPE, "softmax_loss: scores '%.60s' must be [N, C] with N > 0; rank %d, N = %lld",
                       tg_name(scores), dims.rank, (long long)dims.dim[0]);
    tg_scope_open(g, scope);
    scores = tg_scope_operand(scores, "scores");
    const tg_axes row = tg_axis(1);
    TG_LET(top, tg_detach(tg_max(scores, tg_keep(row))));
    TG_LET(shifted, tg_sub(scores, top));
    TG_LET(lognorm, tg_log(tg_sum(tg_exp(shifted), row)));
    TG_LET(logp, tg_sub(tg_gather(shifted, label), lognorm));
    TG_LET(loss, tg_mul(tg_sum(tg_neg(logp), tg_axes_all()), tg_scalar_like(scores, 1 / (double)dims.dim[0])));
    tg_scope_close(g);
    return loss;
}
