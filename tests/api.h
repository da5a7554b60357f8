/* Every function of the public interface that makes nodes, as a table of small programs: what it is called, the leaves
 * it is given, and the call. Tests walk over it: no memory, wrong operands, nothing in them, gradients, writers. */
#ifndef TESTS_API_H
#define TESTS_API_H

#include "support.h"

#include <stdio.h>

/* Leaves, as "f43 p3 i4": f an input, p a param, i labels, each with its dimensions; n a counter. */
struct program {
    const char *name, *leaves;
    tg_node (*make)(const tg_node *a);
    bool smooth; /* a gradient check has something to say */
};

enum { API_LEAVES = 6 };

/* --------------------------------------------------------------------------------------- what takes several lines */

static tg_node api_pair(const tg_node *a, bool stacked) { return stacked ? tg_stack(a, 3, -1) : tg_concat(a, 3, 1); }

static const tg_range api_ranges[2] = {{TG_END, TG_BEGIN, -2}, {1, TG_END, 1}};

static tg_node api_slices(const tg_node *a) { return tg_slice_n(a[0], 2, api_ranges); }

static tg_node api_mlp(const tg_node *a) {
    const tg_node w[] = {a[1], a[2]}, b[] = {a[3], a[4]};
    return tg_mlp(a[0], w, b, 2, "mlp");
}

static tg_node api_running(const tg_node *a, const char *mode, bool unbiased) {
    tg_batchnorm_options o = tg_batchnorm_defaults();
    o.mode = mode;
    o.unbiased = unbiased;
    return tg_batchnorm_running(a[0], a[1], a[2], a[3], a[4], tg_axis(0), o, "bn");
}

/* A loss of the parameter a[0], and a step down from it. */
static tg_node api_train(const tg_node *a, int which) {
    tg_graph *g = a[0].graph;
    const tg_node loss = tg_sum(tg_square(tg_mul(a[0], a[1])), tg_axes_all());
    const tg_node rate = which % 2 ? tg_rate_cosine(tg_counter(g), 0.1, 0.01, 10) : tg_scalar(g, TG_F64, 0.1);
    tg_node p[2], dp[2];
    if (tg_params(g, p, 2) < 1) return tg_nil(g);
    tg_gradients(tg_backward(loss, tg_nil(g)), p, 1, dp);
    tg_adam_options o = tg_adam_defaults();
    o.weight_decay = 0.1;
    if (which == 0) tg_sgd(p, dp, 1, rate, (tg_sgd_options){0.9, 0.01, true}, "sgd");
    if (which == 1) tg_adam(p, dp, 1, rate, o, "adam");
    if (which == 2) tg_adamw(p, dp, 1, rate, o, "adamw");
    if (which == 3) tg_clip_global_norm(dp, 1, 0.5, "clip");
    return tg_error(g) == TG_OK ? loss : tg_nil(g);
}

static tg_node api_loss(tg_node x) { return tg_sum(tg_mul(tg_square(x), tg_exp(x)), tg_axes_all()); }

static tg_node api_cube(const tg_node *in, void *user) {
    (void)user;
    return tg_mul(tg_square(in[0]), in[0]);
}

static tg_node api_cube_vjp(tg_node z, tg_node g, const tg_node *in, int slot, void *user) {
    (void)z, (void)slot, (void)user;
    return tg_mul(g, tg_mul(tg_scalar_like(in[0], 3), tg_square(in[0])));
}

static const tg_custom_op api_custom = {"cube", api_cube, api_cube_vjp};

static tg_status api_double(tg_call *c) {
    const tg_node z = tg_call_node(c);
    const double *x = tg_call_input(c, 0);
    const float *narrow = tg_call_input(c, 0);
    for (size_t i = 0; i < tg_size(z); i++) {
        if (tg_dtype_of(z) == TG_F64)
            ((double *)tg_call_output(c))[i] = 2 * x[i];
        else
            ((float *)tg_call_output(c))[i] = 2 * narrow[i];
    }
    return TG_OK;
}

static tg_node api_double_vjp(tg_node z, tg_node g, int slot) {
    (void)slot;
    return tg_mul(g, tg_scalar_like(z, 2));
}

static const tg_op api_row = {
    .name = "twice", .operands = 1, .shape = tg_rule_first, .run = api_double, .vjp = api_double_vjp};

static tg_node api_registered(const tg_node *a) {
    return tg_register(a[0].graph, &api_row) == TG_OK ? tg_apply(&api_row, a) : tg_nil(a[0].graph);
}

static tg_node api_state(const tg_node *a) {
    const tg_node leaf = tg_let(tg_state(a[0].graph, TG_F64, tg_dims(a[0]), 0.5), "state", __FILE__, __LINE__);
    return tg_assign(leaf, tg_add(leaf, a[0]));
}

static tg_node api_fill(const tg_node *a) {
    const tg_node u = tg_param(a[0].graph, TG_F64, tg_dims(a[0])), n = tg_param(a[0].graph, TG_F64, tg_dims(a[0]));
    if (tg_is_nil(u) || tg_is_nil(n)) return n;
    if (tg_fill_uniform(u, -1, 1, 3) != TG_OK || tg_fill_normal(n, 0, 1, 4) != TG_OK) return tg_nil(u.graph);
    return tg_fill(n, 2) == TG_OK ? tg_add(tg_mul(u, a[0]), n) : tg_nil(u.graph);
}

static tg_node api_mutant(const tg_node *a) {
    const tg_node y = tg_sum(tg_exp(a[0]), tg_axes_all());
    const tg_grads d = tg_backward(y, tg_nil(y.graph));
    return tg_grad(tg_mutate(d, tg_operand(y, 0), 0, TG_SCALE, tg_scalar_like(y, 2)), a[0]);
}

/* ----------------------------------------------------------------------------------------------------- the table
 * X(name, leaves, smooth, call); E(name): elementwise, of one operand. */

#define API_ONE(E)                                                                                                     \
    E(neg, 1)                                                                                                          \
    E(abs, 1)                                                                                                          \
    E(sign, 0)                                                                                                         \
    E(square, 1) E(sqrt, 1) E(root, 1) E(rsqrt, 1) E(reciprocal, 1) E(floor, 0) E(ceil, 0) E(round, 0) E(exp, 1) E(expm1, 1)      \
        E(log, 1) E(log1p, 1) E(log2, 1) E(sin, 1) E(cos, 1) E(tan, 1) E(asin, 1) E(acos, 1) E(atan, 1) E(sinh, 1)     \
            E(cosh, 1) E(tanh, 1) E(erf, 1) E(erfc, 1) E(relu, 1) E(sigmoid, 1) E(softplus, 1) E(silu, 1) E(gelu, 1)   \
                E(gelu_tanh, 1) E(identity, 1) E(detach, 0)
#define API_TWO(E)                                                                                                     \
    E(add, 1)                                                                                                          \
    E(sub, 1)                                                                                                          \
    E(mul, 1)                                                                                                          \
    E(div, 1) E(pow, 1) E(maximum, 1) E(minimum, 1) E(atan2, 1) E(hypot, 1) E(ratio, 1) E(turn, 1) E(eq, 0) E(ne, 0) E(lt, 0) E(le, 0) E(gt, 0) E(ge, 0)

#define API_MORE(X)                                                                                                    \
    X(leaky_relu, "f23", 1, tg_leaky_relu(a[0], 0.1))                                                                  \
    X(elu, "f23", 1, tg_elu(a[0], 0.5))                                                                                \
    X(clamp, "f23", 1, tg_clamp(a[0], 0, 0.5))                                                                         \
    X(where, "f23 f23 f3", 1, tg_where(tg_gt(a[0], a[2]), a[1], a[2]))                                                 \
    X(larger, "f23 f3 f23", 1, tg_larger(a[0], a[1], a[2]))                                                            \
    X(tied, "f23 f3", 1, tg_tied(a[0], a[0], a[1]))                                                                    \
    X(sum, "f23", 1, tg_sum(a[0], tg_keep(tg_axis(0))))                                                                \
    X(max, "f23", 1, tg_max(a[0], tg_axis(1)))                                                                         \
    X(min, "f23", 1, tg_min(a[0], tg_axes_all()))                                                                      \
    X(argmax, "f23", 0, tg_argmax(a[0], tg_axis(1)))                                                                   \
    X(argmin, "f23", 0, tg_argmin(a[0], tg_axes_all()))                                                                \
    X(cumsum, "f23", 1, tg_cumsum(a[0], 1, true))                                                                      \
    X(cast, "f23", 1, tg_cast(tg_cast(a[0], TG_F32), TG_F64))                                                          \
    X(reshape, "f23", 1, tg_reshape(a[0], tg_shape1(-1)))                                                              \
    X(transpose, "f23", 1, tg_transpose(a[0], tg_axes_all()))                                                          \
    X(expand, "f13", 1, tg_expand(a[0], tg_shape2(2, 3)))                                                              \
    X(expand_axes, "f3", 1, tg_expand_axes(a[0], tg_shape2(2, 3), tg_axis(0)))                                         \
    X(squeeze, "f13", 1, tg_squeeze(a[0], tg_axis(0)))                                                                 \
    X(unsqueeze, "f23", 1, tg_unsqueeze(a[0], tg_axis(1)))                                                             \
    X(slice, "f43", 1, tg_slice(a[0], 0, -1, TG_BEGIN, -2))                                                            \
    X(slice_n, "f43", 1, api_slices(a))                                                                                \
    X(flip, "f23", 1, tg_flip(a[0], tg_axes_all()))                                                                    \
    X(pad, "f23", 1, tg_pad(a[0], tg_shape2(1, 0), tg_shape2(0, 2), 0.5))                                              \
    X(concat, "f21 f22 f23", 1, api_pair(a, false))                                                                    \
    X(stack, "f23 f23 f23", 1, api_pair(a, true))                                                                      \
    X(matmul, "f243 f32", 1, tg_matmul(a[0], a[1]))                                                                    \
    X(matmul_t, "f34 f23", 1, tg_matmul_t(a[0], a[1], true, true))                                                     \
    X(dot, "f4 f4", 1, tg_dot(a[0], a[1]))                                                                             \
    X(outer, "f4 f3", 1, tg_outer(a[0], a[1]))                                                                         \
    X(conv2d, "f1243 f2222", 1, tg_conv2d(a[0], a[1], tg_window_of(1, 1, 1)))                                          \
    X(conv2d_data, "f1232 f2222", 1, tg_conv2d_data(a[0], a[1], tg_shape4(1, 2, 4, 3), tg_window_of(1, 0, 1)))         \
    X(conv2d_weight, "f1243 f1232", 1, tg_conv2d_weight(a[0], a[1], tg_shape4(2, 2, 2, 2), tg_window_of(1, 0, 1)))     \
    X(windows, "f1143", 1, tg_windows(a[0], 2, 2, tg_window_of(1, 1, 1), 0))                                           \
    X(fold, "f11432", 1, tg_fold(a[0], tg_shape4(1, 1, 4, 3), 2, 2, tg_window_of(1, 0, 1)))                            \
    X(max_pool2d, "f1144", 1, tg_max_pool2d(a[0], 2, 2, tg_window_of(2, 0, 1)))                                        \
    X(avg_pool2d, "f1144", 1, tg_avg_pool2d(a[0], 2, 2, tg_window_of(2, 0, 1)))                                        \
    X(gather, "f43 i4", 1, tg_gather(a[0], a[1]))                                                                      \
    X(scatter, "f4 i4", 1, tg_scatter(a[0], a[1], 3))                                                                  \
    X(take, "f33 i2", 1, tg_take(a[0], a[1], 0))                                                                       \
    X(scatter_add, "f43 i4", 1, tg_scatter_add(a[0], a[1], 0, 3))                                                      \
    X(one_hot, "i4", 0, tg_one_hot(a[0], 3, TG_F64))                                                                   \
    X(tril, "f33", 1, tg_tril(a[0], 0))                                                                                \
    X(triu, "f33", 1, tg_triu(a[0], 1))                                                                                \
    X(counter, "f", 1, tg_mul(a[0], tg_counter(a[0].graph)))                                                           \
    X(uniform, "n", 0, tg_uniform(a[0], 7, TG_F64, tg_shape2(2, 3)))                                                   \
    X(normal, "n", 0, tg_normal(a[0], 7, TG_F32, tg_shape2(2, 3)))                                                     \
    X(bernoulli, "n", 0, tg_bernoulli(a[0], 7, 0.5, TG_F64, tg_shape2(2, 3)))                                          \
    X(dropout, "f43 n", 1, tg_dropout(a[0], 0.25, a[1], 7, "drop"))                                                    \
    X(batchnorm, "f43 f3 f3", 1, tg_batchnorm(a[0], a[1], a[2], tg_axis(0), 1e-5, "bn"))                               \
    X(batchnorm_running, "f43 f3 f3 p3 p3", 1, api_running(a, "train", true))                                          \
    X(batchnorm_test, "f43 f3 f3 p3 p3", 0, api_running(a, "test", false))                                             \
    X(linear, "f43 f32 f2", 1, tg_linear(a[0], a[1], a[2], "layer"))                                                   \
    X(softmax_loss, "f43 i4", 1, tg_softmax_loss(a[0], a[1], "loss"))                                                  \
    X(mlp, "f23 f32 f22 f2 f2", 1, api_mlp(a))                                                                         \
    X(layernorm, "f43 f3 f3", 1, tg_layernorm(a[0], a[1], a[2], 1, 1e-5, "ln"))                                        \
    X(softmax, "f43", 1, tg_softmax(a[0], -1, "sm"))                                                                   \
    X(log_softmax, "f43", 1, tg_log_softmax(a[0], 0, "sm"))                                                            \
    X(mean, "f23", 1, tg_mean(a[0], tg_axis(0)))                                                                       \
    X(var, "f43", 1, tg_var(a[0], tg_axis(0), 1))                                                                      \
    X(std, "f43 f43", 1, tg_std(tg_mul(a[0], a[1]), tg_axis(0), 0))                                                    \
    X(logsumexp, "f43", 1, tg_logsumexp(a[0], tg_axis(1)))                                                             \
    X(prod, "f43", 1, tg_prod(a[0], tg_axis(1)))                                                                       \
    X(norm, "f43", 1, tg_norm(a[0], 2, tg_axis(1)))                                                                    \
    X(norm_most, "f43", 1, tg_norm(a[0], (double)INFINITY, tg_axis(1)))                                                \
    X(mse_loss, "f43 f43", 1, tg_mse_loss(a[0], a[1], TG_MEAN, "loss"))                                                \
    X(l1_loss, "f43 f43", 1, tg_l1_loss(a[0], a[1], TG_SUM, "loss"))                                                   \
    X(huber_loss, "f43 f43", 1, tg_huber_loss(a[0], a[1], 0.2, TG_MEAN, "loss"))                                       \
    X(bce_with_logits, "f43 f43 f3", 1, tg_bce_with_logits(a[0], a[1], a[2], TG_NONE, "loss"))                         \
    X(nll_loss, "f43 i4", 1, tg_nll_loss(a[0], a[1], tg_nil(a[0].graph), TG_MEAN, "loss"))                             \
    X(cross_entropy, "f43 i4 f3", 1, tg_cross_entropy(a[0], a[1], a[2], TG_MEAN, "loss"))                              \
    X(vjp, "f3 f3", 1, tg_vjp(tg_exp(a[0]), a[0], a[1]))                                                               \
    X(jvp, "f3 f3", 1, tg_jvp(tg_exp(a[0]), a[0], a[1]))                                                               \
    X(jacobian, "f2", 1, tg_jacobian(tg_exp(a[0]), a[0]))                                                              \
    X(hvp, "f3 f3", 1, tg_hvp(api_loss(a[0]), a[0], a[1]))                                                             \
    X(hessian, "f2", 1, tg_hessian(api_loss(a[0]), a[0]))                                                              \
    X(assign, "f3", 1, api_state(a))                                                                                   \
    X(fill, "f3", 1, api_fill(a))                                                                                      \
    X(sgd, "p3 f3", 1, api_train(a, 0))                                                                                \
    X(adam, "p3 f3", 1, api_train(a, 1))                                                                               \
    X(adamw, "p3 f3", 1, api_train(a, 2))                                                                              \
    X(clip_global_norm, "p3 f3", 1, api_train(a, 3))                                                                   \
    X(rate_steps, "f", 0, tg_rate_steps(a[0], 0.1, 0.5, 2))                                                            \
    X(rate_cosine, "f", 1, tg_rate_cosine(a[0], 0.1, 0.01, 4))                                                         \
    X(rate_warmup, "f f", 1, tg_rate_warmup(a[0], a[1], 4))                                                            \
    X(custom, "f23", 1, tg_custom(&api_custom, a, 1, NULL))                                                            \
    X(apply, "f23", 1, api_registered(a))                                                                              \
    X(mutate, "f3", 1, api_mutant(a))                                                                                  \
    X(scope_operand, "f3", 1, tg_scope_operand(a[0], "view"))

#define API_F1(id, smooth)                                                                                             \
    static tg_node api_make_##id(const tg_node *a) { return tg_##id(a[0]); }
#define API_F2(id, smooth)                                                                                             \
    static tg_node api_make_##id(const tg_node *a) { return tg_##id(a[0], a[1]); }
#define API_FX(id, leaves, smooth, ...)                                                                                \
    static tg_node api_make_##id(const tg_node *a) { return __VA_ARGS__; }
API_ONE(API_F1)
API_TWO(API_F2)
API_MORE(API_FX)

#define API_R1(id, smooth)              {#id, "f23", api_make_##id, smooth},
#define API_R2(id, smooth)              {#id, "f23 f3", api_make_##id, smooth},
#define API_RX(id, leaves, smooth, ...) {#id, leaves, api_make_##id, smooth},
static const struct program programs[] = {API_ONE(API_R1) API_TWO(API_R2) API_MORE(API_RX)};
enum { PROGRAMS = sizeof programs / sizeof *programs };

/* ----------------------------------------------------------------------------------------------------- the leaves */

/* How many: named a, b, c … in the order of the text, without values. */
static inline int api_leaves(tg_graph *g, const char *text, tg_node *a) {
    int n = 0;
    for (; *text; n++) {
        const char kind = *text++, name[] = {(char)('a' + n), 0};
        tg_shape s = tg_shape0();
        for (; *text >= '0' && *text <= '9'; text++) s.dim[s.rank++] = *text - '0';
        a[n] = kind == 'n'   ? tg_counter(g)
               : kind == 'i' ? tg_input(g, TG_I32, s)
               : kind == 'p' ? tg_param(g, TG_F64, s)
                             : tg_input(g, TG_F64, s);
        a[n] = tg_let(a[n], name, __FILE__, __LINE__);
        text += *text == ' ';
    }
    return n;
}

/* Numbers from 0.25 to 0.9, in which every function here is at home, and labels below 3. */
static inline tg_status api_give(tg_node leaf, uint64_t *state) {
    double v[64];
    int32_t label[64];
    for (int i = 0; i < 64; i++) {
        v[i] = random_between(state, 0.25, 0.9);
        label[i] = (int32_t)random_below(state, 3);
    }
    return tg_dtype_of(leaf) == TG_I32 ? tg_set(leaf, label) : set_doubles(leaf, v);
}

#endif
