/* Losses over labels: the negative logarithm of what the true class was given. */
#include "compose.h"

/* How many rows there are, or -1 with the reason recorded. */
static int64_t rows_of(tg_node x, tg_node weight, tg_reduction how, const char *who) {
    char xs[300], ws[300];
    if (!tg_is_nil(weight) && x.graph && !tg__is_of(x.graph, weight, "the weight", who)) return -1;
    if (tg__extent(x, tg_axis(-1), true, who) < 0) return -1; /* a row without classes has no largest */
    const tg_shape dims = tg_dims(x), classes = tg_dims(weight);
    int64_t rows = 1;
    for (int i = 0; i + 1 < dims.rank; i++) rows *= dims.dim[i];
    tg__described(x, xs, sizeof xs);
    if (!tg_is_nil(weight) && (classes.rank != 1 || classes.dim[0] != dims.dim[dims.rank - 1]))
        tg_fail(x.graph, TG_SHAPE, "%s: weights %s do not fit %s: one for each class is needed", who,
                tg__described(weight, ws, sizeof ws), xs);
    else if (how != TG_MEAN && how != TG_SUM && how != TG_NONE)
        tg_fail(x.graph, TG_ARGUMENT, "%s: %d is no reduction", who, (int)how);
    else if (how == TG_MEAN && rows == 0)
        tg_fail(x.graph, TG_SHAPE, "%s: %s has no rows, and their loss no mean", who, xs);
    else
        return rows;
    return -1;
}

static tg_node weigh(tg_node logp, tg_node label, tg_node weight, tg_shape dims, tg_reduction how) {
    TG_LET(taken, tg_gather(tg_expand(weight, dims), label));
    TG_LET(each, tg_mul(taken, tg_neg(logp)));
    tg_node all = how == TG_NONE ? each : tg_sum(each, tg_axes_all());
    TG_LET(loss, how == TG_MEAN ? tg_div(all, tg_sum(taken, tg_axes_all())) : all);
    return loss;
}

/* logp: of the labels, a number for each row. */
static tg_node reduce(tg_node logp, tg_node label, tg_node weight, tg_shape dims, int64_t rows, tg_reduction how) {
    if (!tg_is_nil(weight)) return weigh(logp, label, weight, dims, how);
    TG_LET(each, tg_neg(logp));
    tg_node all = how == TG_NONE ? each : tg_sum(each, tg_axes_all());
    TG_LET(loss, how == TG_MEAN ? tg_mul(all, tg_scalar_like(logp, tg__share(rows))) : all);
    return loss;
}

tg_node tg_nll_loss(tg_node logp, tg_node label, tg_node weight, tg_reduction how, const char *scope) {
    tg_graph *g = logp.graph;
    const int64_t rows = rows_of(logp, weight, how, "nll_loss");
    if (rows < 0) return tg_nil(g);
    tg_composite_open(g, "nll_loss", scope);
    logp = tg_scope_operand(logp, "logp");
    TG_LET(picked, tg_gather(logp, label));
    tg_node loss = reduce(picked, label, weight, tg_dims(logp), rows, how);
    tg_scope_close(g);
    return loss;
}

tg_node tg_cross_entropy(tg_node scores, tg_node label, tg_node weight, tg_reduction how, const char *scope) {
    tg_graph *g = scores.graph;
    const int64_t rows = rows_of(scores, weight, how, "cross_entropy");
    if (rows < 0) return tg_nil(g);
    tg_composite_open(g, "cross_entropy", scope);
    scores = tg_scope_operand(scores, "scores");
    TG_LET(top, tg_detach(tg_max(scores, tg_keep(tg_axis(-1)))));
    TG_LET(shifted, tg_sub(scores, top));
    TG_LET(lognorm, tg_log(tg_sum(tg_exp(shifted), tg_axis(-1))));
    TG_LET(logp, tg_sub(tg_gather(shifted, label), lognorm));
    tg_node loss = reduce(logp, label, weight, tg_dims(scores), rows, how);
    tg_scope_close(g);
    return loss;
}
