/* Handwritten digits, and a network 64 → 100 → 10 that learns to read them: without batch normalization and with it, at
 * the same high learning rate. The one that can read is saved, loaded into a tape for testing, and tested there.
 *
 *     10_digits [--compile[=exact]] [CURVES.svg [STATE.npz]] */
#include "training/training.h"

#include <math.h>

enum { HIDDEN = 100, EPOCHS = 20 };
static const double rate = 3;
static struct digits digits;

/* mode: "train" or "test"; NULL: without batch normalization. */
static struct net build(int64_t rows, const char *mode) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(rows, PIXELS)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(rows)));
    TG_LET(W1, tg_param(g, TG_F64, tg_shape2(PIXELS, HIDDEN)));
    TG_LET(W2, tg_param(g, TG_F64, tg_shape2(HIDDEN, CLASSES)));
    TG_LET(beta, tg_state(g, TG_F64, tg_shape1(HIDDEN), 0)); /* a bias, too */
    TG_LET(b2, tg_state(g, TG_F64, tg_shape1(CLASSES), 0));
    TG_LET(xw, tg_matmul(tg_detach(x), W1)); /* nobody wants dx */
    tg_node hidden;
    if (mode != NULL) {
        TG_LET(gamma, tg_state(g, TG_F64, tg_shape1(HIDDEN), 1));
        TG_LET(mean, tg_state(g, TG_F64, tg_shape1(HIDDEN), 0));
        TG_LET(var, tg_state(g, TG_F64, tg_shape1(HIDDEN), 1));
        tg_batchnorm_options options = tg_batchnorm_defaults();
        options.mode = mode;
        hidden = tg_batchnorm_running(xw, gamma, beta, mean, var, tg_axis(0), options, "bn");
    } else {
        hidden = tg_add(xw, beta);
    }
    TG_LET(active, tg_relu(hidden));
    tg_node none = tg_scalar(g, TG_F64, 0), ever = tg_gt(tg_max(active, tg_axis(0)), none);
    TG_LET(alive, tg_sum(ever, tg_axes_all())); /* hidden neurons that any of the digits wakes */
    struct net n = {.g = g, .x = x, .label = label};
    judge(&n, tg_linear(active, W2, b2, "head"));
    return n;
}

/* Gradients, and what the parameters shall be after a step. Normal random numbers to begin with, whose deviation keeps
 * the size of what goes through (He et al. 2015). */
static bool prepare(const struct net *n) {
    tg_node p[8], dp[8];
    const size_t count = tg_params(n->g, p, 8); /* not mean and var: batchnorm assigns to them */
    tg_gradients(tg_backward(n->loss, tg_nil(n->g)), p, count, dp);
    tg_sgd(p, dp, count, tg_scalar(n->g, TG_F64, rate), (tg_sgd_options){0}, "sgd");
    return !tg_fill_normal(tg_find(n->g, "W1"), 0, sqrt(2. / PIXELS), 1) &&
           !tg_fill_normal(tg_find(n->g, "W2"), 0, sqrt(2. / HIDDEN), 2);
}

/* Keeps the loss of each epoch, and the state that it ends in, where there is a path. */
static bool train(const char *name, const char *mode, double *loss, const char *path) {
    struct net n = build(BATCH, mode), tested = build(TEST, mode ? "test" : NULL);
    const struct progress progress = {name, EPOCHS};
    const tg_node alive = tg_find(tested.g, "alive");
    bool ok =
        (prepare(&n) || complain(&n)) && borrow(&tested, &n) && compile(&n, tg_nil(n.g), TG_WITH_ASSIGNS) &&
        compile(&tested, alive, 0);
    for (int epoch = 1; epoch <= EPOCHS && ok; epoch++) {
        struct score s;
        ok = train_epoch(&n, &digits, &progress, epoch, &s) && test(&tested, &digits, &s.test);
        if (!ok) break;
        loss[epoch - 1] = s.loss;
        show_epoch(&progress, epoch, &s);
    }
    if (ok) printf("%-17s  %g of %d hidden neurons are alive\n\n", name, item_of(tested.program, alive), HIDDEN);
    if (ok && path != NULL) ok = !tg_save_state(n.g, path) || complain(&n);
    tg_graph_free(tested.g);
    tg_graph_free(n.g);
    return ok;
}

/* A new tape in test mode, which knows nothing but the file: mean and var are the running ones. The file may have more
 * than it needs (true), as moments of an optimizer. */
static bool test_saved(const char *path) {
    struct net n = build(TEST, "test");
    double accuracy;
    const bool ok = (!tg_load_state(n.g, path, true) || complain(&n)) && test(&n, &digits, &accuracy);
    if (ok)
        printf("\nLoaded from %s, in test mode: %.1f %% of %d digits never seen before\n", path, 100 * accuracy, TEST);
    tg_graph_free(n.g);
    return ok;
}

int main(int argc, char **argv) {
    read_options(&argc, argv);
    const char *picture = argc > 1 ? argv[1] : "digits.svg", *state = argc > 2 ? argv[2] : "digits.npz";
    static double without[EPOCHS], with[EPOCHS];
    if (!read_digits(&digits, 1) || !train("without batchnorm", NULL, without, NULL) ||
        !train("with batchnorm", "train", with, state))
        return 1;
    const struct chart chart = {.title = "Loss at learning rate 3",
                                .across = "epoch",
                                .curve = {{"without batchnorm", without}, {"with batchnorm", with}},
                                .count = EPOCHS,
                                .low = -3,
                                .high = 1};
    print_chart(&chart);
    return write_chart(&chart, picture) && test_saved(state) ? 0 : 1;
}
