/* Sums of exponentials, and what is divided by them. The largest is taken out first, behind detach: nothing changes by
 * a shift, so neither does a gradient. */
#include "compose.h"

/* A row whose largest element is infinite is not shifted: it is as large as that, and constant. */
tg_node tg_logsumexp(tg_node x, tg_axes axes) {
    if (tg__extent(x, axes, !axes.empty, "logsumexp") < 0) return tg_nil(x.graph);
    tg_node top = tg_detach(tg_max(x, tg_keep(axes)));
    tg_node most = tg_scalar_like(x, (double)INFINITY), least = tg_scalar_like(x, -(double)INFINITY);
    tg_node lowest = tg_eq(top, least), highest = tg_eq(top, most), infinite = tg_add(highest, lowest);
    tg_node finite = tg_sub(x, top), shifted = tg_where(infinite, tg_scalar_like(x, 0), finite);
    tg_node lognorm = tg_log(tg_sum(tg_exp(shifted), axes));
    return tg_add(lognorm, tg_reshape(top, tg_dims(lognorm)));
}

/* Where a row has no elements there is nothing to shift by either. */
static tg_node top_of(tg_node x, int axis, int64_t n) {
    return n > 0 ? tg_detach(tg_max(x, tg_keep(tg_axis(axis)))) : tg_scalar_like(x, 0);
}

tg_node tg_softmax(tg_node x, int axis, const char *scope) {
    const int64_t n = tg__extent(x, tg_axis(axis), false, "softmax");
    if (n < 0) return tg_nil(x.graph);
    tg_graph *g = x.graph;
    tg_composite_open(g, "softmax", scope);
    x = tg_scope_operand(x, "x");
    TG_LET(top, top_of(x, axis, n));
    TG_LET(power, tg_exp(tg_sub(x, top)));
    TG_LET(norm, tg_sum(power, tg_keep(tg_axis(axis))));
    TG_LET(share, tg_div(power, norm));
    tg_scope_close(g);
    return share;
}

tg_node tg_log_softmax(tg_node x, int axis, const char *scope) {
    const int64_t n = tg__extent(x, tg_axis(axis), false, "log_softmax");
    if (n < 0) return tg_nil(x.graph);
    tg_graph *g = x.graph;
    tg_composite_open(g, "log_softmax", scope);
    x = tg_scope_operand(x, "x");
    TG_LET(top, top_of(x, axis, n));
    TG_LET(shifted, tg_sub(x, top));
    TG_LET(lognorm, tg_log(tg_sum(tg_exp(shifted), tg_keep(tg_axis(axis)))));
    TG_LET(logp, tg_sub(shifted, lognorm));
    tg_scope_close(g);
    return logp;
}
