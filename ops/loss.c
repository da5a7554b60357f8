/* Losses over numbers. Prediction and target have one shape: broadcasting [N, 1] with [N] would be a mistake unseen. */
#include "compose.h"

static bool fits(tg_node x, tg_node y, tg_reduction how, const char *who) {
    char xs[300], ys[300];
    const tg_shape a = tg_dims(x), b = tg_dims(y);
    if (!tg__is_of(x.graph, x, "the prediction", who) || !tg__is_of(x.graph, y, "the target", who)) return false;
    if (tg__extent(x, tg_axes_all(), false, who) < 0 || tg__extent(y, tg_axes_all(), false, who) < 0) return false;
    bool same = a.rank == b.rank;
    for (int i = 0; same && i < a.rank; i++) same = a.dim[i] == b.dim[i];
    tg__described(x, xs, sizeof xs);
    if (!same)
        tg_fail(x.graph, TG_SHAPE, "%s: %s and %s are not of one shape", who, xs, tg__described(y, ys, sizeof ys));
    else if (how != TG_MEAN && how != TG_SUM && how != TG_NONE)
        tg_fail(x.graph, TG_ARGUMENT, "%s: %d is no reduction", who, (int)how);
    else if (how == TG_MEAN && tg_size(x) == 0)
        tg_fail(x.graph, TG_SHAPE, "%s: %s is empty and has no mean", who, xs);
    else
        return true;
    return false;
}

static void open(tg_node *x, tg_node *y, const char *who, const char *scope) {
    tg_composite_open(x->graph, who, scope);
    *x = tg_scope_operand(*x, "prediction");
    *y = tg_scope_operand(*y, "target");
}

static tg_node close(tg_node each, tg_reduction how) {
    tg_node all = how == TG_NONE ? each : how == TG_SUM ? tg_sum(each, tg_axes_all()) : tg_mean(each, tg_axes_all());
    TG_LET(loss, all);
    tg_scope_close(each.graph);
    return loss;
}

tg_node tg_mse_loss(tg_node x, tg_node y, tg_reduction how, const char *scope) {
    if (!fits(x, y, how, "mse_loss")) return tg_nil(x.graph);
    open(&x, &y, "mse_loss", scope);
    TG_LET(off, tg_sub(x, y));
    TG_LET(sq, tg_square(off));
    return close(sq, how);
}

tg_node tg_l1_loss(tg_node x, tg_node y, tg_reduction how, const char *scope) {
    if (!fits(x, y, how, "l1_loss")) return tg_nil(x.graph);
    open(&x, &y, "l1_loss", scope);
    TG_LET(off, tg_sub(x, y));
    TG_LET(size, tg_abs(off));
    return close(size, how);
}

/* near·(off - near/2), with near held within ±delta: half a square up to there, a line beyond. */
tg_node tg_huber_loss(tg_node x, tg_node y, double delta, tg_reduction how, const char *scope) {
    tg_graph *g = x.graph;
    if (!(delta > 0) || !isfinite(delta))
        return tg_fail(g, TG_ARGUMENT, "huber_loss: delta = %g must be positive", delta);
    if (!fits(x, y, how, "huber_loss")) return tg_nil(g);
    open(&x, &y, "huber_loss", scope);
    TG_LET(off, tg_sub(x, y));
    TG_LET(near, tg_clamp(off, -delta, delta));
    const tg_node half = tg_mul(tg_scalar_like(x, 0.5), near);
    TG_LET(each, tg_mul(near, tg_sub(off, half)));
    return close(each, how);
}

/* weight·cost; a weight of 0 makes nothing of an infinite cost. */
static tg_node weighed(tg_node weight, tg_node cost) {
    const tg_node zero = tg_scalar_like(cost, 0), infinite = tg_eq(cost, tg_scalar_like(cost, (double)INFINITY));
    const tg_node nothing = tg_mul(infinite, tg_eq(weight, zero));
    return tg_where(nothing, zero, tg_mul(weight, cost));
}

/* ln sigmoid(x) = -softplus(-x): what is certain costs nothing, and nothing cancels. */
tg_node tg_bce_with_logits(tg_node x, tg_node y, tg_node weight, tg_reduction how, const char *scope) {
    if (!fits(x, y, how, "bce_with_logits") ||
        (!tg_is_nil(weight) && (!tg__is_of(x.graph, weight, "the weight", "bce_with_logits") ||
                                !tg__lies_along(x, weight, tg_dims(x).rank, "the weight", "bce_with_logits"))))
        return tg_nil(x.graph);
    open(&x, &y, "bce_with_logits", scope);
    tg_node miss = tg_softplus(tg_neg(x));
    const tg_node counted = tg_is_nil(weight) ? miss : weighed(weight, miss), one = tg_scalar_like(x, 1);
    TG_LET(yes, weighed(y, counted));
    const tg_node wrong = tg_sub(one, y), other = tg_softplus(x);
    TG_LET(no, weighed(wrong, other));
    TG_LET(each, tg_add(yes, no));
    return close(each, how);
}
