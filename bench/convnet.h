/* The convolutional network of examples/11_convnet.c as work: a step of training on a batch of pictures, by Adam. */
#ifndef BENCH_CONVNET_H
#define BENCH_CONVNET_H

#include "work.h"

enum { SIDE = 8, FIRST = 12, SECOND = 24, FLAT = SECOND * SIDE * SIDE / 16 };

static inline tg_node block(struct work *w, tg_node x, int64_t filters, uint64_t seed, const char *scope) {
    tg_graph *g = w->g;
    const tg_shape each = tg_shape1(filters);
    tg_scope_open(g, scope);
    tg_node weight = tg_param(g, w->dtype, tg_shape4(filters, tg_dims(x).dim[1], 3, 3));
    tg_node gamma = tg_param(g, w->dtype, each), beta = tg_param(g, w->dtype, each);
    tg_node mean = tg_input(g, w->dtype, each), var = tg_input(g, w->dtype, each);
    const bool ok = fill_param(weight, seed, 0) && fill_param(gamma, seed + 1, 1) && fill_param(beta, seed + 2, 0) &&
                    tg_fill(mean, 0) == TG_OK && tg_fill(var, 1) == TG_OK;
    tg_node conv = tg_conv2d(x, weight, tg_window_of(1, 1, 1));
    tg_node y = tg_batchnorm_running(conv, gamma, beta, mean, var, tg_axes3(0, 2, 3), tg_batchnorm_defaults(), "bn");
    tg_node pool = tg_max_pool2d(tg_relu(y), 2, 2, tg_window_of(2, 0, 1));
    tg_scope_close(g);
    return ok ? pool : tg_nil(g);
}

static inline bool open_convnet(struct work *w, int64_t rows, tg_dtype dtype) {
    *w = (struct work){.kind = STEP, .dtype = dtype, .g = tg_graph_new(), .rows = (size_t)rows};
    tg_graph *g = w->g;
    if (!g || !digits(w, tg_shape4(rows, 1, SIDE, SIDE))) return false;
    tg_node first = block(w, tg_detach(w->leaf[0]), FIRST, 2, "first");
    tg_node second = block(w, first, SECOND, 5, "second");
    tg_node weight = tg_param(g, dtype, tg_shape2(FLAT, CLASSES)), bias = tg_param(g, dtype, tg_shape1(CLASSES));
    tg_node scores = tg_linear(tg_reshape(second, tg_shape2(rows, FLAT)), weight, bias, "last");
    w->result = tg_softmax_loss(scores, w->leaf[1], "loss");
    tg_node p[8], dp[8];
    const size_t count = tg_params(g, p, 8);
    tg_gradients(tg_backward(w->result, tg_nil(g)), p, count, dp);
    tg_adam(p, dp, count, tg_scalar(g, dtype, RATE), tg_adam_defaults(), "adam");
    return fill_param(weight, 8, 0) && fill_param(bias, 9, 0) && count == 8 && once(w);
}

#endif
