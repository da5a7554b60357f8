/* Composites: public operators only. Nothing in the engine or the compiler knows them. */
#include "compose.h"

tg_node tg_linear(tg_node x, tg_node w, tg_node b, const char *scope) {
    tg_graph *g = x.graph;
    tg_composite_open(g, "linear", scope);
    x = tg_scope_operand(x, "x");
    w = tg_scope_operand(w, "w");
    b = tg_scope_operand(b, "b");
    TG_LET(xw, tg_matmul(x, w));
    const bool fits = tg_is_nil(xw) || tg_is_nil(b) || tg__lies_along(xw, b, 1, "b", "linear");
    TG_LET(scores, fits ? tg_add(xw, b) : tg_nil(g));
    tg_scope_close(g);
    return scores;
}

tg_node tg_softmax_loss(tg_node scores, tg_node label, const char *scope) {
    tg_graph *g = scores.graph;
    const tg_shape dims = tg_dims(scores);
    char text[300];
    if (!tg__is_of(g, scores, "scores", "softmax_loss")) return tg_nil(g);
    if (dims.rank != 2 || dims.dim[0] == 0)
        return tg_fail(g, TG_SHAPE, "softmax_loss: scores %s must be [N, C] with N > 0",
                       tg__described(scores, text, sizeof text));
    tg_composite_open(g, "softmax_loss", scope);
    scores = tg_scope_operand(scores, "scores");
    const tg_axes row = tg_axis(1);
    TG_LET(top, tg_detach(tg_max(scores, tg_keep(row))));
    TG_LET(shifted, tg_sub(scores, top));
    TG_LET(lognorm, tg_log(tg_sum(tg_exp(shifted), row)));
    TG_LET(logp, tg_sub(tg_gather(shifted, label), lognorm));
    const tg_node share = tg_scalar_like(scores, 1 / (double)dims.dim[0]);
    TG_LET(loss, tg_mul(tg_sum(tg_neg(logp), tg_axes_all()), share));
    tg_scope_close(g);
    return loss;
}

tg_node tg_mlp(tg_node x, const tg_node *w, const tg_node *b, int layers, const char *scope) {
    tg_graph *g = x.graph;
    if (layers < 1 || !w || !b)
        return tg_fail(g, TG_ARGUMENT, "mlp: %d layers; at least one is needed, with weights and biases", layers);
    tg_composite_open(g, "mlp", scope);
    x = tg_scope_operand(x, "x");
    for (int i = 0; i < layers; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer%d", i + 1);
        x = tg_linear(x, w[i], b[i], name);
        snprintf(name, sizeof name, "hidden%d", i + 1);
        if (i + 1 < layers) x = tg_let(tg_relu(x), name, __FILE__, __LINE__);
    }
    tg_scope_close(g);
    return x;
}
