/* Batch normalization in both modes, with running statistics, beside NumPy (golden/make_batchnorm.py), beside the fused
 * kernel, and where there is little or nothing to normalize. */
#include "batchnorm.h"
#include "golden_arrays.h"

#include <criterion/criterion.h>
#include <stdio.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(running, .init = setup, .fini = teardown, .timeout = 120);

static void says(tg_status status, const char *text) {
    cr_assert_eq(tg_error(g), status, "status %d: %s", tg_error(g), tg_message(g));
    cr_assert(strstr(tg_message(g), text), "\"%s\" is not in \"%s\"", text, tg_message(g));
}

/* ---------------------------------------------------------------------------------------------------- beside NumPy */

static tg_axes all_but_channels(int rank) {
    int axis[TG_MAX_RANK] = {0};
    for (int i = 1; i + 1 < rank; i++) axis[i] = i + 1;
    return tg_axes_n(rank - 1, axis);
}

static void check_case(const char *of, tg_dtype dtype, bool unbiased) {
    tg_graph_free(g);
    g = tg_graph_new();
    const struct golden golden = golden_open(g, SOURCE "/tests/golden/batchnorm.npz", of);
    tg_node x = golden_leaf(&golden, "x", dtype), dout = golden_leaf(&golden, "dout", dtype),
            mean = golden_leaf(&golden, "mean", dtype);
    tg_node gamma = golden_leaf(&golden, "gamma", dtype), beta = golden_leaf(&golden, "beta", dtype),
            var = golden_leaf(&golden, "var", dtype);
    const tg_axes axes = all_but_channels(tg_dims(x).rank);
    tg_batchnorm_options options = tg_batchnorm_defaults();
    options.unbiased = unbiased;
    tg_node train = tg_batchnorm_running(x, gamma, beta, mean, var, axes, options, "train");
    tg_grads d = tg_backward(train, dout);
    options.mode = "test";
    tg_node test = tg_batchnorm_running(x, gamma, beta, mean, var, axes, options, "test");
    tg_grads t = tg_backward(test, dout);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));

    golden_same(&golden, train, "out");
    golden_same(&golden, tg_grad(d, x), "dx");
    golden_same(&golden, tg_grad(d, gamma), "dgamma");
    golden_same(&golden, tg_grad(d, beta), "dbeta");
    golden_same(&golden, test, "test_out");
    golden_same(&golden, tg_grad(t, x), "test_dx");
    golden_same(&golden, tg_grad(t, gamma), "test_dgamma");
    golden_same(&golden, tg_grad(t, beta), "dbeta");
    golden_same(&golden, mean, "mean");
    cr_assert_eq(tg_commit(g), TG_OK);
    golden_same(&golden, mean, "mean_next");
    golden_same(&golden, var, unbiased ? "var_unbiased" : "var_next");
}

Test(running, beside_numpy) {
    static const char *const cases[] = {"rows", "one", "signal", "image", "volume"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int k = 0; k < 4; k++) check_case(cases[i], k % 2 ? TG_F32 : TG_F64, k / 2);
}

/* ------------------------------------------------------------------------------------------ beside the fused kernel */

static tg_node random_leaf(const char *name, tg_shape shape, uint64_t *state) {
    tg_node a = tg_let(tg_param(g, TG_F64, shape), name, __FILE__, __LINE__);
    double *v = random_array(state, tg_size(a), 0.5, 2.5);
    cr_assert_eq(tg_set(a, v), TG_OK);
    free(v);
    return a;
}

/* First divergence in test mode; a mistake in the kernel's dgamma is named. */
Test(running, test_mode_beside_the_fused_kernel) {
    enum { N = 178, D = 13 };
    uint64_t state = 5;
    tg_node x = random_leaf("x", tg_shape2(N, D), &state), dout = random_leaf("dout", tg_shape2(N, D), &state);
    tg_node gamma = random_leaf("gamma", tg_shape1(D), &state), beta = random_leaf("beta", tg_shape1(D), &state);
    tg_node mean = random_leaf("mean", tg_shape1(D), &state), var = random_leaf("running_var", tg_shape1(D), &state);
    tg_batchnorm_options options = tg_batchnorm_defaults();
    options.mode = "test";
    tg_backward(tg_batchnorm_running(x, gamma, beta, mean, var, tg_axis(0), options, NULL), dout);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));

    static double out[N * D], dx[N * D], dgamma[D], dbeta[D];
    tg_fused_batchnorm_test_f64(N, D, tg_value(x), tg_value(gamma), tg_value(beta), tg_value(mean), tg_value(var), 1e-5,
                                out);
    tg_fused_batchnorm_test_backward_f64(N, D, tg_value(dout), tg_value(x), tg_value(gamma), tg_value(mean),
                                         tg_value(var), 1e-5, dx, dgamma, dbeta);
    const tg_array fused[] = {{"out", TG_F64, tg_shape2(N, D), out},
                              {"dbeta", TG_F64, tg_shape1(D), dbeta},
                              {"dgamma", TG_F64, tg_shape1(D), dgamma},
                              {"dx", TG_F64, tg_shape2(N, D), dx}};
    tg_difference rows[4];
    size_t first;
    cr_assert_eq(tg_diverge(g, fused, 4, 1e-12, rows, &first), TG_OK, "%s", tg_message(g));
    cr_assert_eq(first, 4, "%s parts by %g", rows[first % 4].name, rows[first % 4].error);
    dgamma[3] *= 1.001;
    cr_assert_eq(tg_diverge(g, fused, 4, 1e-12, rows, &first), TG_OK);
    cr_assert_str_eq(rows[first].name, "dgamma");
}

/* ------------------------------------------------------------------------------------------------ little or nothing */

struct state {
    tg_node x, mean, var, out;
};

static struct state build(int64_t n, tg_batchnorm_options options) {
    struct state s = {.x = tg_input(g, TG_F64, tg_shape2(n, 2))};
    s.mean = tg_param(g, TG_F64, tg_shape1(2));
    s.var = tg_param(g, TG_F64, tg_shape1(2));
    tg_node gamma = tg_const(g, TG_F64, tg_shape1(2), (double[]){2, 3});
    tg_node beta = tg_const(g, TG_F64, tg_shape1(2), (double[]){-1, 5});
    s.out = tg_batchnorm_running(s.x, gamma, beta, s.mean, s.var, tg_axis(0), options, "bn");
    return s;
}

static void commit(struct state s, const double *x, const double *mean, const double *var) {
    cr_assert_eq(tg_set(s.x, x) | tg_set(s.mean, mean) | tg_set(s.var, var), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_commit(g), TG_OK, "%s", tg_message(g));
}

Test(running, one_row) {
    struct state s = build(1, tg_batchnorm_defaults());
    tg_node dx = tg_grad(tg_backward(s.out, tg_const(g, TG_F64, tg_shape2(1, 2), (double[]){1, 2})), s.x);
    cr_assert_eq(tg_set(s.x, (double[]){7, -4}) | tg_set(s.mean, (double[]){1, 1}) | tg_set(s.var, (double[]){1, 1}),
                 TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert(tg_item(s.out, 0) == -1 && tg_item(s.out, 1) == 5, "beta");
    cr_assert(tg_item(dx, 0) == 0 && tg_item(dx, 1) == 0, "one row has no freedom");
    cr_assert_eq(tg_commit(g), TG_OK);
    cr_assert_float_eq(tg_item(s.mean, 0), 0.9 + 0.7, 1e-15);
    cr_assert_float_eq(tg_item(s.var, 0), 0.9, 1e-15);
}

Test(running, no_rows) {
    struct state s = build(0, tg_batchnorm_defaults());
    commit(s, NULL, (double[]){3, 4}, (double[]){5, 6});
    cr_assert_eq(tg_size(s.out), 0);
    cr_assert(tg_item(s.mean, 0) == 3 && tg_item(s.var, 1) == 6, "an empty batch teaches nothing");
}

Test(running, momentum_at_its_ends) {
    const double x[] = {1, 10, 3, 30}, old[] = {100, 200};
    for (int k = 0; k < 2; k++) {
        tg_batchnorm_options options = tg_batchnorm_defaults();
        options.momentum = k;
        struct state s = build(2, options);
        commit(s, x, old, old);
        cr_assert_eq(tg_item(s.mean, 0), k ? 100 : 2);
        cr_assert_eq(tg_item(s.var, 1), k ? 200 : 100);
        teardown();
        setup();
    }
}

/* Two thousand steps on the same batch: the running statistics come to be those of the batch. */
Test(running, settles) {
    const double x[] = {1, 10, 3, 30}, zero[] = {0, 0};
    struct state s = build(2, tg_batchnorm_defaults());
    commit(s, x, zero, zero);
    for (int i = 0; i < 2000; i++) {
        cr_assert_eq(tg_run(g), TG_OK);
        cr_assert_eq(tg_commit(g), TG_OK);
    }
    cr_assert_float_eq(tg_item(s.mean, 1), 20, 20 * 1e-14);
    cr_assert_float_eq(tg_item(s.var, 1), 100, 100 * 1e-14);
}

/* ---------------------------------------------------------------------------------------------------------- errors */

static void refuses(tg_batchnorm_options options, int64_t n, const char *text) {
    build(n, options);
    says(TG_ARGUMENT, text);
    teardown();
    setup();
}

Test(running, refusals) {
    const tg_batchnorm_options right = tg_batchnorm_defaults();
    tg_batchnorm_options o = right;
    o.mode = "eval";
    refuses(o, 3, "batchnorm: mode \"eval\" is neither \"train\" nor \"test\"");
    o.mode = NULL;
    refuses(o, 3, "batchnorm: mode NULL is neither");
    o.mode = "Train\x1b[2J";
    refuses(o, 3, "mode \"Train?[2J\"");
    o = right, o.eps = 0;
    refuses(o, 3, "batchnorm: eps = 0 must be positive");
    o.eps = NAN;
    refuses(o, 3, "must be positive");
    o = right, o.momentum = 1.5;
    refuses(o, 3, "batchnorm: momentum = 1.5 must be from 0 to 1");
    o = right, o.unbiased = true;
    refuses(o, 1, "one number has no unbiased variance");
}

Test(running, statistics_that_do_not_fit) {
    tg_batchnorm_options test = tg_batchnorm_defaults();
    test.mode = "test";
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(3)));
    TG_LET(m, tg_param(g, TG_F64, tg_shape1(4)));
    const tg_mark mark = tg_mark_now(g);
    const tg_node nil = tg_nil(g);
    TG_LET(a, tg_batchnorm_running(x, gamma, gamma, nil, nil, tg_axis(0), test, NULL));
    says(TG_ARGUMENT, "batchnorm: test mode needs running statistics, mean and variance; both are nil");
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    TG_LET(b, tg_batchnorm_running(x, gamma, gamma, m, nil, tg_axis(0), tg_batchnorm_defaults(), NULL));
    says(TG_ARGUMENT, "the variance is nil");
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    TG_LET(c, tg_batchnorm_running(x, gamma, gamma, m, m, tg_axis(0), test, NULL));
    says(TG_SHAPE, "batchnorm: the running mean 'm' [4] is not of the shape of 'x' [4, 3] without the axes");
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    TG_LET(e, tg_batchnorm_running(x, gamma, gamma, m, m, tg_axis(0), tg_batchnorm_defaults(), "bn"));
    says(TG_SHAPE, "the running mean 'm' [4] is not");
}

/* What would broaden the result, or scale each element by itself, is not multiplied in silence. */
Test(running, scales_that_do_not_lie_along_the_statistics) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 2)));
    TG_LET(each, tg_param(g, TG_F64, tg_shape2(4, 2)));
    TG_LET(one, tg_param(g, TG_F64, tg_shape1(2)));
    const tg_mark mark = tg_mark_now(g);
    cr_assert(tg_is_nil(tg_batchnorm(x, each, one, tg_axis(0), 1e-5, "bn")));
    says(TG_SHAPE, "batchnorm: gamma 'each' [4, 2] has more axes than the statistics of 'x' [4, 2]");
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    cr_assert(tg_is_nil(tg_batchnorm(x, one, each, tg_axis(0), 1e-5, "bn")));
    says(TG_SHAPE, "batchnorm: beta 'each'");
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    cr_assert(tg_is_nil(tg_batchnorm(x, one, one, tg_axis(2), 1e-5, "bn")));
    says(TG_SHAPE, "batchnorm: axis 2 is outside 'x' [4, 2]");
}

Test(running, statistics_are_constants_to_the_gradient) {
    tg_batchnorm_options o = tg_batchnorm_defaults();
    o.mode = "test";
    struct state s = build(3, o);
    tg_grads d = tg_backward(s.out, tg_const(g, TG_F64, tg_shape2(3, 2), (double[]){1, 2, 3, 4, 5, 6}));
    cr_assert(tg_has_grad(d, s.x));
    cr_assert_not(tg_has_grad(d, s.mean));
    cr_assert(tg_is_nil(tg_grad(d, s.var)));
    says(TG_GRADIENT, "detach");
}
