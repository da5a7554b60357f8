/* The same digits as pictures: a small convolutional network with batch normalization, trained by Adam.
 *
 *     1 × 8 × 8 → conv 3 × 3 → 12 × 8 × 8 → pool → 12 × 4 × 4 → conv 3 × 3 → 24 × 4 × 4 → pool → 96 → 10
 *
 *     11_convnet [--compile[=exact]] */
#include "training/training.h"

#include <math.h>

enum { SIDE = 8, FIRST = 12, SECOND = 24, FLAT = SECOND * SIDE * SIDE / 16, EPOCHS = 6 };
static struct digits digits;

/* Convolution, batch normalization over all places of all pictures (a mean for each of the filters), relu, and of each
 * 2 × 2 places the largest. The convolution has no bias: a mean that is subtracted takes it along. */
static tg_node block(tg_node x, int64_t filters, const char *mode, const char *scope) {
    tg_graph *g = x.graph;
    tg_scope_open(g, scope);
    const tg_shape each = tg_shape1(filters);
    TG_LET(w, tg_param(g, TG_F64, tg_shape4(filters, tg_dims(x).dim[1], 3, 3)));
    TG_LET(gamma, tg_state(g, TG_F64, each, 1));
    TG_LET(beta, tg_state(g, TG_F64, each, 0));
    TG_LET(mean, tg_state(g, TG_F64, each, 0));
    TG_LET(var, tg_state(g, TG_F64, each, 1));
    TG_LET(conv, tg_conv2d(x, w, tg_window_of(1, 1, 1)));
    tg_batchnorm_options options = tg_batchnorm_defaults();
    options.mode = mode;
    tg_node y = tg_batchnorm_running(conv, gamma, beta, mean, var, tg_axes3(0, 2, 3), options, "bn");
    TG_LET(pool, tg_max_pool2d(tg_relu(y), 2, 2, tg_window_of(2, 0, 1)));
    tg_scope_close(g);
    return pool;
}

static struct net build(int64_t rows, const char *mode) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape4(rows, 1, SIDE, SIDE)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(rows)));
    TG_LET(first, block(tg_detach(x), FIRST, mode, "first"));
    TG_LET(second, block(first, SECOND, mode, "second"));
    TG_LET(flat, tg_reshape(second, tg_shape2(rows, FLAT)));
    TG_LET(W, tg_param(g, TG_F64, tg_shape2(FLAT, CLASSES)));
    TG_LET(b, tg_state(g, TG_F64, tg_shape1(CLASSES), 0));
    TG_LET(scores, tg_linear(flat, W, b, NULL));
    struct net n = {.g = g, .x = x, .label = label};
    judge(&n, scores);
    return n;
}

static bool prepare(const struct net *n) {
    tg_graph *g = n->g;
    tg_node p[16], dp[16];
    const size_t count = tg_params(g, p, 16);
    size_t numbers = 0;
    for (size_t i = 0; i < count; i++) numbers += tg_size(p[i]);
    printf("%zu numbers to learn from %d pictures\n", numbers, TRAIN);
    tg_gradients(tg_backward(n->loss, tg_nil(g)), p, count, dp);
    TG_LET(rate, tg_rate_cosine(tg_counter(g), 0.03, 0, EPOCHS * BATCHES)); /* long strides first, none at the end */
    tg_adam(p, dp, count, rate, tg_adam_defaults(), "adam");
    return !tg_fill_normal(tg_find(g, "first/w"), 0, sqrt(2. / 9), 1) &&
           !tg_fill_normal(tg_find(g, "second/w"), 0, sqrt(2. / (9 * FIRST)), 2) &&
           !tg_fill_normal(tg_find(g, "W"), 0, sqrt(1. / FLAT), 3);
}

int main(int argc, char **argv) {
    read_options(&argc, argv);
    if (!read_digits(&digits, 1)) return 1;
    struct net n = build(BATCH, "train"), tested = build(TEST, "test");
    const struct progress progress = {"convolutions", EPOCHS};
    bool ok = (prepare(&n) || complain(&n)) && borrow(&tested, &n) && compile(&n, tg_nil(n.g), TG_WITH_ASSIGNS) &&
              compile(&tested, tg_nil(tested.g), 0);
    for (int epoch = 1; epoch <= EPOCHS && ok; epoch++) {
        struct score s;
        ok = train_epoch(&n, &digits, &progress, epoch, &s) && test(&tested, &digits, &s.test);
        if (ok) show_epoch(&progress, epoch, &s);
    }
    tg_graph_free(tested.g);
    tg_graph_free(n.g);
    return ok ? 0 : 1;
}
