/* Tapes as people write them, each a function of dtype and shape: reductions and what broadcasts back, layers, losses,
 * steps of training. What a program may be asked for stands in `out`. */
#ifndef TESTS_WHOLE_TAPES_H
#define TESTS_WHOLE_TAPES_H

#include "graph.h"
#include "support.h"

enum { OUTS = 24 };

struct whole {
    tg_graph *g;
    tg_node out[OUTS];
    size_t outs;
};

static inline void want(struct whole *w, tg_node a) {
    if (!tg_is_nil(a) && w->outs < OUTS) w->out[w->outs++] = a;
}

static inline void want_gradient(struct whole *w, tg_grads d, tg_node leaf) {
    if (tg_has_grad(d, leaf)) want(w, tg_grad(d, leaf));
}

/* Every gradient of a leaf under a cotangent that is an input. */
static inline tg_grads sweep(struct whole *w, tg_node out) {
    const tg_dtype t = tg_dtype_of(out);
    tg_node leaf[16];
    const size_t params = tg_params(w->g, leaf, 16);
    tg_grads d = tg_backward(out, tg_dims(out).rank ? tg_input(w->g, t, tg_dims(out)) : tg_nil(w->g));
    want(w, out);
    for (size_t i = 0; i < params; i++) want_gradient(w, d, leaf[i]);
    return d;
}

/* What leaves take at a commit. */
static inline void want_assigned(struct whole *w) {
    for (uint32_t row = 1; row < w->g->assigns.length; row++)
        want(w, tg__handle(w->g, tg__assign_of(w->g, row)->value));
}

static inline tg_node near_one(tg_node sum, double n) { return tg_mul(sum, tg_scalar_like(sum, 1 / (n + 1))); }

static inline double extent_of(tg_shape s, tg_axes axes) {
    double n = 1;
    for (int i = 0; i < axes.count; i++) n *= (double)s.dim[axes.axis[i]];
    return n;
}

/* Sums, a maximum and a minimum over the same axes; what goes back to the elements is reduced again. */
static inline struct whole reductions(tg_dtype t, tg_shape shape, tg_axes axes) {
    struct whole w = {.g = tg_graph_new()};
    const double n = extent_of(shape, axes);
    TG_LET(x, tg_param(w.g, t, shape));
    TG_LET(y, tg_param(w.g, t, shape));
    TG_LET(v, tg_mul(x, y));
    TG_LET(sum, tg_sum(v, tg_keep(axes)));
    TG_LET(most, tg_max(tg_sub(x, y), axes));
    TG_LET(least, tg_min(y, tg_keep(axes)));
    TG_LET(c, tg_sub(v, near_one(sum, n)));
    TG_LET(sq, tg_sum(tg_square(c), tg_keep(axes)));
    TG_LET(e, tg_exp(tg_sub(least, y)));
    TG_LET(all, tg_sum(e, tg_keep(axes)));
    TG_LET(root, tg_sqrt(tg_add(near_one(sq, n), tg_scalar(w.g, t, 0.5))));
    TG_LET(out, tg_add(tg_div(c, root), tg_mul(e, near_one(all, n))));
    want(&w, most);
    want(&w, all);
    sweep(&w, out);
    return w;
}

/* Operands of a reduction that are turned round, spread out, cut out. */
static inline struct whole moved(tg_dtype t, int64_t rows, int64_t columns) {
    struct whole w = {.g = tg_graph_new()};
    TG_LET(x, tg_param(w.g, t, tg_shape2(rows, columns)));
    TG_LET(y, tg_param(w.g, t, tg_shape1(rows)));
    TG_LET(turned, tg_transpose(tg_square(x), tg_axes_all()));
    TG_LET(both, tg_sum(tg_mul(turned, y), tg_axis(1)));
    TG_LET(down, tg_sum(tg_add(turned, y), tg_axis(0)));
    TG_LET(back, tg_flip(tg_mul(x, both), tg_axes_all()));
    TG_LET(part, tg_sum(tg_slice(back, 0, rows / 2, TG_END, 1), tg_axis(0)));
    TG_LET(odd, tg_max(tg_slice(tg_neg(back), 1, TG_END, TG_BEGIN, -2), tg_axis(1)));
    TG_LET(wide, tg_expand_axes(tg_add(down, y), tg_shape2(rows, columns), tg_axis(1)));
    TG_LET(flat, tg_reshape(tg_sub(back, wide), tg_shape1(-1)));
    TG_LET(twice, tg_add(tg_mul(flat, tg_flip(flat, tg_axis(0))), tg_scalar(w.g, t, 1)));
    TG_LET(narrow, tg_cast(tg_cast(twice, t == TG_F64 ? TG_F32 : TG_F64), t));
    TG_LET(out, tg_sum(tg_reshape(narrow, tg_shape2(rows, columns)), tg_axis(0)));
    want(&w, odd);
    want(&w, part);
    sweep(&w, tg_add(out, part));
    return w;
}

/* ----------------------------------------------------------------------------------------------------------- layers */

static inline struct whole batchnorm(tg_dtype t, tg_shape shape, tg_axes axes, int64_t kept, const char *mode) {
    struct whole w = {.g = tg_graph_new()};
    TG_LET(x, tg_param(w.g, t, shape));
    TG_LET(gamma, tg_param(w.g, t, tg_shape1(kept)));
    TG_LET(beta, tg_param(w.g, t, tg_shape1(kept)));
    if (!mode) {
        sweep(&w, tg_batchnorm(x, gamma, beta, axes, 1e-5, "bn"));
        return w;
    }
    TG_LET(mean, tg_state(w.g, t, tg_shape1(kept), 0.5));
    TG_LET(var, tg_state(w.g, t, tg_shape1(kept), 2));
    tg_batchnorm_options o = tg_batchnorm_defaults();
    o.mode = mode;
    sweep(&w, tg_relu(tg_batchnorm_running(x, gamma, beta, mean, var, axes, o, "bn")));
    want_assigned(&w);
    return w;
}

static inline struct whole layernorm(tg_dtype t, int64_t rows, int64_t columns) {
    struct whole w = {.g = tg_graph_new()};
    TG_LET(x, tg_param(w.g, t, tg_shape2(rows, columns)));
    TG_LET(gamma, tg_param(w.g, t, tg_shape1(columns)));
    TG_LET(beta, tg_param(w.g, t, tg_shape1(columns)));
    sweep(&w, tg_gelu(tg_layernorm(x, gamma, beta, 1, 1e-5, "ln")));
    return w;
}

static inline struct whole softmax_loss(tg_dtype t, int64_t rows, int64_t classes) {
    struct whole w = {.g = tg_graph_new()};
    TG_LET(x, tg_param(w.g, t, tg_shape2(rows, classes)));
    TG_LET(label, tg_input(w.g, TG_I32, tg_shape1(rows)));
    want(&w, tg_softmax(x, 0, "down"));
    sweep(&w, tg_softmax_loss(x, label, "loss"));
    return w;
}

static inline struct whole losses(tg_dtype t, int64_t rows, int64_t classes) {
    struct whole w = {.g = tg_graph_new()};
    TG_LET(x, tg_param(w.g, t, tg_shape2(rows, classes)));
    TG_LET(y, tg_input(w.g, t, tg_shape2(rows, classes)));
    TG_LET(weight, tg_input(w.g, t, tg_shape1(classes)));
    TG_LET(label, tg_input(w.g, TG_I32, tg_shape1(rows)));
    TG_LET(dropped, tg_dropout(x, 0.25, tg_counter(w.g), 7, "drop"));
    tg_node sum = tg_cross_entropy(dropped, label, weight, TG_MEAN, "ce");
    sum = tg_add(sum, tg_huber_loss(x, y, 0.2, TG_MEAN, "huber"));
    sum = tg_add(sum, tg_bce_with_logits(x, tg_sigmoid(y), weight, TG_MEAN, "bce"));
    sum = tg_add(sum, tg_mse_loss(tg_log_softmax(dropped, 1, "p"), y, TG_SUM, "mse"));
    sweep(&w, tg_add(sum, tg_mean(tg_logsumexp(tg_mul(x, y), tg_axis(0)), tg_axes_all())));
    want_assigned(&w);
    return w;
}

/* ---------------------------------------------------------------------------------------------- steps of training */

/* which: 0 plain descent, 1 with momentum on a schedule, 2 Adam with clipped gradients, 3 AdamW. */
static inline void train(struct whole *w, tg_node loss, int which) {
    tg_graph *g = w->g;
    const tg_dtype t = tg_dtype_of(loss);
    tg_node p[16], dp[16];
    const size_t params = tg_params(g, p, 16);
    tg_gradients(tg_backward(loss, tg_nil(g)), p, params, dp);
    if (which == 2) tg_clip_global_norm(dp, params, 0.5, "clip");
    const tg_node rate = which && t == TG_F64 ? tg_rate_cosine(tg_counter(g), 0.1, 0.01, 10) : tg_scalar(g, t, 0.1);
    if (which < 2)
        tg_sgd(p, dp, params, rate, which ? (tg_sgd_options){0.9, 0.01, true} : (tg_sgd_options){0}, "sgd");
    else if (which == 2)
        tg_adam(p, dp, params, rate, tg_adam_defaults(), "adam");
    else
        tg_adamw(p, dp, params, rate, tg_adam_defaults(), "adam");
    want(w, loss);
    want_assigned(w);
}

/* The digits of the examples, with fewer of everything. */
static inline struct whole digits_step(tg_dtype t, int64_t rows, int64_t pixels, int64_t hidden, int which) {
    struct whole w = {.g = tg_graph_new()};
    tg_graph *g = w.g;
    TG_LET(x, tg_input(g, t, tg_shape2(rows, pixels)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(rows)));
    TG_LET(W1, tg_param(g, t, tg_shape2(pixels, hidden)));
    TG_LET(W2, tg_param(g, t, tg_shape2(hidden, 10)));
    TG_LET(beta, tg_state(g, t, tg_shape1(hidden), 0));
    TG_LET(b2, tg_state(g, t, tg_shape1(10), 0));
    TG_LET(gamma, tg_state(g, t, tg_shape1(hidden), 1));
    TG_LET(mean, tg_state(g, t, tg_shape1(hidden), 0));
    TG_LET(var, tg_state(g, t, tg_shape1(hidden), 1));
    TG_LET(xw, tg_matmul(tg_detach(x), W1));
    TG_LET(active,
           tg_relu(tg_batchnorm_running(xw, gamma, beta, mean, var, tg_axis(0), tg_batchnorm_defaults(), "bn")));
    tg_node ever = tg_gt(tg_max(active, tg_axis(0)), tg_scalar(g, t, 0));
    TG_LET(alive, tg_sum(ever, tg_axes_all()));
    tg_node scores = tg_linear(active, W2, b2, "head");
    TG_LET(loss, tg_softmax_loss(scores, label, "loss"));
    tg_node right = tg_eq(tg_cast(tg_argmax(scores, tg_axis(1)), t), tg_cast(label, t));
    want(&w, alive);
    want(&w, tg_mean(right, tg_axes_all()));
    train(&w, loss, which);
    return w;
}

static inline struct whole convnet_step(tg_dtype t, int64_t rows, int64_t filters, int which) {
    struct whole w = {.g = tg_graph_new()};
    tg_graph *g = w.g;
    TG_LET(x, tg_input(g, t, tg_shape4(rows, 1, 8, 8)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(rows)));
    TG_LET(k, tg_param(g, t, tg_shape4(filters, 1, 3, 3)));
    TG_LET(gamma, tg_state(g, t, tg_shape1(filters), 1));
    TG_LET(beta, tg_state(g, t, tg_shape1(filters), 0));
    TG_LET(mean, tg_state(g, t, tg_shape1(filters), 0));
    TG_LET(var, tg_state(g, t, tg_shape1(filters), 1));
    TG_LET(conv, tg_conv2d(tg_detach(x), k, tg_window_of(1, 1, 1)));
    tg_node y = tg_batchnorm_running(conv, gamma, beta, mean, var, tg_axes3(0, 2, 3), tg_batchnorm_defaults(), "bn");
    TG_LET(pool, tg_max_pool2d(tg_relu(y), 2, 2, tg_window_of(2, 0, 1)));
    TG_LET(flat, tg_reshape(pool, tg_shape2(rows, filters * 16)));
    TG_LET(W, tg_param(g, t, tg_shape2(filters * 16, 10)));
    TG_LET(b, tg_state(g, t, tg_shape1(10), 0));
    TG_LET(loss, tg_softmax_loss(tg_linear(flat, W, b, NULL), label, "loss"));
    train(&w, loss, which);
    return w;
}

#define EACH_DTYPE(t) (tg_dtype t = TG_F32; t <= TG_F64; t = t == TG_F32 ? TG_F64 : TG_I32)

#endif
