/* A training step of a convolutional network with batch normalization, dropout and Adam on one tape: nothing but a
 * commit changes a leaf, and its bits do not depend on the number of threads. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

static tg_graph *g;
static tg_grads d;
static tg_node loss, x, label;

static void enter(void) { g = tg_graph_new(); }
static void leave(void) { tg_graph_free(g); }

TestSuite(training, .timeout = 120, .init = enter, .fini = leave);

static void threads(int n) {
#ifdef _OPENMP
    omp_set_num_threads(n);
#endif
    (void)n;
}

enum { CLASSES = 5 };

/* Pictures [n, 2, side, side]; `filters` windows of 3 x 3; behind pooling a hidden layer. */
static void network(tg_dtype dtype, int64_t n, int64_t side, int64_t filters, int64_t hidden) {
    const int64_t flat = filters * (side / 2) * (side / 2);
    x = tg_let(tg_input(g, dtype, tg_shape4(n, 2, side, side)), "x", __FILE__, __LINE__);
    label = tg_let(tg_input(g, TG_I32, tg_shape1(n)), "label", __FILE__, __LINE__);
    TG_LET(w, tg_param(g, dtype, tg_shape4(filters, 2, 3, 3)));
    TG_LET(gamma, tg_state(g, dtype, tg_shape3(filters, 1, 1), 1));
    TG_LET(beta, tg_state(g, dtype, tg_shape3(filters, 1, 1), 0));
    TG_LET(mean, tg_state(g, dtype, tg_shape1(filters), 0));
    TG_LET(var, tg_state(g, dtype, tg_shape1(filters), 1));
    TG_LET(W1, tg_param(g, dtype, tg_shape2(flat, hidden)));
    TG_LET(b1, tg_state(g, dtype, tg_shape1(hidden), 0));
    TG_LET(W2, tg_param(g, dtype, tg_shape2(hidden, CLASSES)));
    TG_LET(b2, tg_state(g, dtype, tg_shape1(CLASSES), 0));
    TG_LET(count, tg_counter(g));

    TG_LET(seen, tg_conv2d(x, w, tg_window_of(1, 1, 1)));
    TG_LET(bn, tg_batchnorm_running(seen, tg_reshape(gamma, tg_shape1(filters)), tg_reshape(beta, tg_shape1(filters)),
                                    mean, var, tg_axes3(0, 2, 3), tg_batchnorm_defaults(), "norm"));
    TG_LET(pool, tg_max_pool2d(tg_relu(bn), 2, 2, tg_window_of(2, 0, 1)));
    TG_LET(h, tg_gelu(tg_linear(tg_reshape(pool, tg_shape2(n, flat)), W1, b1, "one")));
    TG_LET(kept, tg_dropout(h, 0.25, count, 17, "drop"));
    loss =
        tg_let(tg_cross_entropy(tg_linear(kept, W2, b2, "two"), label, tg_nil(g), TG_MEAN, "loss"), "error", NULL, 0);
    d = tg_backward(loss, tg_nil(g));

    tg_node p[7] = {w, gamma, beta, W1, b1, W2, b2}, dp[7];
    tg_gradients(d, p, 7, dp);
    tg_clip_global_norm(dp, 7, 1, "clip");
    tg_adam(p, dp, 7, tg_rate_warmup(count, tg_rate_cosine(count, 0.01, 0, 100), 5), tg_adam_defaults(), "adam");
    const tg_node drawn[] = {w, W1, W2};
    for (uint64_t i = 0; i < 3; i++) cr_assert_eq(tg_fill_normal(drawn[i], 0, 0.2, i), TG_OK);
    cr_assert_eq(tg_fill_uniform(x, -1, 1, 9), TG_OK);
    int32_t *truth = calloc((size_t)n, sizeof *truth);
    for (int64_t i = 0; i < n; i++) truth[i] = (int32_t)(i % CLASSES);
    cr_assert_eq(tg_set(label, truth), TG_OK, "%s", tg_message(g));
    free(truth);
}

static void train(int steps) {
    for (int i = 0; i < steps; i++) {
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        cr_assert_eq(tg_commit(g), TG_OK, "%s", tg_message(g));
    }
}

/* The bits of all leaves, or of all nodes. */
static uint64_t bits(bool leaves) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node a = tg_node_at(g, id);
        if (leaves && !tg_is_nil(tg_operand(a, 0))) continue;
        const unsigned char *value = tg_value(a);
        cr_assert_not_null(value, "#%u", id);
        const size_t bytes = tg_size(a) * (tg_dtype_of(a) == TG_F64 ? 8 : 4);
        for (size_t i = 0; i < bytes; i++) hash = (hash ^ value[i]) * 0x100000001b3u; /* FNV-1a */
    }
    return hash;
}

/* ----------------------------------------------------------------------------------------------- leaves do not change
 */

static char path[64];

static void step_through(void) {
    double *same = doubles_of(x);
    cr_assert_eq(tg_set(x, same), TG_OK); /* all behind it is stale now */
    free(same);
    while (!tg_is_nil(tg_next(g))) cr_assert_eq(tg_step(g), TG_OK, "%s", tg_message(g));
}

static void check_gradient(void) {
    const tg_check_options few = {.limit = 3, .tolerance = 1e-6};
    tg_check checks[40];
    size_t count, passed = 0;
    cr_assert_eq(tg_check_gradient(loss, &few, checks, 40, &count), TG_OK, "%s", tg_message(g));
    for (size_t i = 0; i < count; i++) {
        cr_expect_neq(checks[i].verdict, TG_FAIL, "%s: %g, not %g", tg_name(checks[i].leaf), checks[i].ours,
                      checks[i].numeric);
        passed += checks[i].verdict == TG_PASS;
    }
    cr_expect_geq(passed, 5);
}

static void diverge(void) {
    const tg_node bn = tg_find(g, "norm/xhat"), dw = tg_grad(d, tg_find(g, "w"));
    const tg_array others[] = {{"norm/xhat", tg_dtype_of(bn), tg_dims(bn), tg_value(bn)},
                               {tg_name(dw), tg_dtype_of(dw), tg_dims(dw), tg_value(dw)}};
    tg_difference rows[2];
    size_t first;
    cr_assert_eq(tg_diverge(g, others, 2, 1e-12, rows, &first), TG_OK, "%s", tg_message(g));
    cr_expect_eq(first, 2);
}

static void print_all(void) {
    FILE *sink = fopen("/dev/null", "w");
    char text[300];
    tg_print(g, sink);
    tg_print_folded(g, sink, NULL);
    tg_print_steps(d, NULL, sink);
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        tg_explain(tg_node_at(g, id), sink);
        tg_print_ledger(d, tg_node_at(g, id), sink);
    }
    for (size_t k = 0; k < tg_moments(g); k++) tg_print_moment(d, k, sink);
    cr_expect(tg_is_nil(tg_first_nonfinite(g, text, sizeof text)), "%s", text);
    cr_assert_eq(tg_print_wrong_order(d, sink), TG_OK, "%s", tg_message(g));
    fclose(sink);
}

static void write_all(void) {
    const tg_status all[] = {tg_write_html(g, d, path, NULL),
                             tg_write_svg(g, d, path, NULL),
                             tg_write_dot(g, d, path, NULL),
                             tg_write_json(g, path),
                             tg_write_c_staged(d, loss, "f", path),
                             tg_write_numpy(d, loss, "f", path),
                             tg_write_latex(d, loss, "f", path),
                             tg_save_leaves(g, path),
                             tg_save_state(g, path)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) cr_assert_eq(all[i], TG_OK, "%zu: %s", i, tg_message(g));
    unlink(path);
}

Test(training, only_a_commit_changes_a_leaf) {
    static const struct {
        const char *name;
        void (*look)(void);
    } looks[] = {{"stepping", step_through},
                 {"the gradient check", check_gradient},
                 {"divergence", diverge},
                 {"printing", print_all},
                 {"writing", write_all}};
    snprintf(path, sizeof path, "/tmp/tapegrad.training.%d", (int)getpid());
    network(TG_F64, 4, 4, 2, 3);
    train(3);
    cr_assert_eq(tg_run(g), TG_OK);
    const uint64_t leaves = bits(true), all = bits(false);
    const uint32_t count = tg_count(g);
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        looks[i].look();
        cr_expect_eq(bits(true), leaves, "%s changes a leaf", looks[i].name);
        cr_expect_eq(tg_run(g), TG_OK);
        cr_expect_eq(bits(false), all, "%s changes a value", looks[i].name);
        cr_expect_eq(tg_count(g), count, "%s appends", looks[i].name);
    }
    train(1);
    cr_expect_eq(tg_run(g), TG_OK);
    cr_expect_neq(bits(true), leaves);
}

/* ------------------------------------------------------------------------------------------------- the same bits */

/* Large enough that elementwise work, reductions and windows are shared between threads, and products go through BLAS.
 */
Test(training, same_bits_for_any_number_of_threads) {
    uint64_t one = 0;
    for (int n = 1; n <= 4; n *= 2) {
        threads(n);
        leave();
        enter();
        network(TG_F32, 32, 32, 16, 48);
        cr_assert_geq(tg_size(tg_find(g, "seen")), 1 << 19);
        train(SANITIZED ? 1 : 2);
        cr_assert_eq(tg_run_to(loss), TG_OK);
        const uint64_t hash = bits(true);
        if (n == 1) one = hash;
        cr_expect_eq(hash, one, "%d threads", n);
        cr_expect(isfinite(tg_item(loss, 0)));
    }
    threads(1);
}
