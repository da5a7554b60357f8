/* The gradient check on real data: features that differ by four orders of magnitude, and gradients that do too. */
#include "random.h"
#include "support.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(wine, .timeout = 300);

enum { N = 178, D = 13, CLASSES = 3 };

struct net {
    tg_graph *g;
    tg_node x, gamma, beta, out, loss;
};

static void set_random(tg_node a, double low, double high, uint64_t seed) {
    double v[N * D];
    for (size_t i = 0; i < tg_size(a); i++) v[i] = tg__random_uniform(&seed, low, high);
    cr_assert_eq(tg_set(a, v), TG_OK);
}

static struct net build(void) {
    struct net n = {.g = tg_graph_new()};
    tg_table t;
    cr_assert_eq(tg_read_csv(n.g, SOURCE "/examples/data/wine.csv", &t), TG_OK, "%s", tg_message(n.g));
    cr_assert(t.rows == N && t.columns == D + 1);
    double x[N * D];
    int32_t label[N];
    for (size_t r = 0; r < N; r++) {
        for (size_t c = 0; c < D; c++) x[r * D + c] = t.data[r * (D + 1) + c];
        label[r] = (int32_t)t.data[r * (D + 1) + D];
    }
    n.x = tg_let(tg_input(n.g, TG_F64, tg_shape2(N, D)), "x", __FILE__, __LINE__);
    n.gamma = tg_let(tg_param(n.g, TG_F64, tg_shape1(D)), "gamma", __FILE__, __LINE__);
    n.beta = tg_let(tg_param(n.g, TG_F64, tg_shape1(D)), "beta", __FILE__, __LINE__);
    tg_node w = tg_param(n.g, TG_F64, tg_shape2(D, CLASSES)), b = tg_param(n.g, TG_F64, tg_shape1(CLASSES));
    tg_node labels = tg_input(n.g, TG_I32, tg_shape1(N));
    cr_assert_eq(tg_set(n.x, x), TG_OK);
    cr_assert_eq(tg_set(labels, label), TG_OK);
    set_random(n.gamma, 0.5, 1.5, 1);
    set_random(n.beta, -0.5, 0.5, 2);
    set_random(w, -0.5, 0.5, 3);
    set_random(b, -0.1, 0.1, 4);
    n.out = tg_batchnorm(n.x, n.gamma, n.beta, tg_axis(0), 1e-5, NULL);
    n.loss = tg_softmax_loss(tg_linear(n.out, w, b, "linear"), labels, "head");
    return n;
}

/* Every element; of large leaves a sample under the sanitizers, which look for other things than digits. */
static void passes(tg_node out, double tolerance, size_t leaves) {
    tg_check c[8];
    size_t count = 0;
    tg_check_options o = {.tolerance = tolerance, .seed = 3, .limit = SANITIZED && !is_long() ? 400 : 0};
    cr_assert_eq(tg_check_gradient(out, &o, c, 8, &count), TG_OK, "%s", tg_message(out.graph));
    cr_assert_eq(count, leaves);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(c[i].verdict, TG_PASS, "%s: %s, error %g, noise %g, element %zu: %.17g against %.17g",
                     tg_name(c[i].leaf), tg_verdict_name(c[i].verdict), c[i].error, c[i].noise, c[i].index, c[i].ours,
                     c[i].numeric);
        cr_expect_eq(c[i].vacuous, 0);
        cr_expect(c[i].checked == tg_size(c[i].leaf) || (o.limit && c[i].checked > o.limit * 9 / 10));
    }
}

Test(wine, batchnorm_passes_at_1e_8) {
    struct net n = build();
    passes(n.out, 1e-8, 3);
    tg_graph_free(n.g);
}

Test(wine, whole_network_passes_at_1e_8) {
    struct net n = build();
    passes(n.loss, 1e-8, 5);
    tg_graph_free(n.g);
}

/* The gradient of Σ v·dx: a second sweep, over a gradient. dbeta does not depend on it, so beta is not among them. */
Test(wine, hessian_vector_product_passes_at_1e_6) {
    struct net n = build();
    tg_node dout = tg_input(n.g, TG_F64, tg_shape2(N, D)), v = tg_input(n.g, TG_F64, tg_shape2(N, D));
    set_random(dout, -1, 1, 5);
    set_random(v, -1, 1, 6);
    tg_node dx = tg_grad(tg_backward(n.out, dout), n.x);
    passes(tg_sum(tg_mul(v, dx), tg_axes_all()), 1e-6, 4); /* x, gamma, dout, v */
    tg_graph_free(n.g);
}

Test(wine, hessian_vector_product_of_the_network_passes_at_1e_6) {
    struct net n = build();
    tg_node v = tg_input(n.g, TG_F64, tg_shape2(N, D));
    set_random(v, -1, 1, 6);
    tg_node dx = tg_grad(tg_backward(n.loss, tg_nil(n.g)), n.x);
    passes(tg_sum(tg_mul(v, dx), tg_axes_all()), 1e-6, 6); /* x, gamma, beta, w, b, v */
    tg_graph_free(n.g);
}

/* A sample sees every column. */
Test(wine, a_limit_spreads_over_the_columns) {
    struct net n = build();
    tg_check c[5];
    size_t count;
    tg_check_options o = {.limit = 40};
    cr_assert_eq(tg_check_gradient(n.loss, &o, c, 5, &count), TG_OK);
    cr_assert_eq(c[0].checked, 39); /* three in each of 13 columns */
    cr_assert_eq(c[0].columns, D);
    cr_assert_eq(c[0].verdict, TG_PASS);
    tg_graph_free(n.g);
}
