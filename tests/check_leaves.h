/* What the tests of the gradient check share: leaves with values, two layers to try, and verdicts on leaves. */
#ifndef TESTS_CHECK_LEAVES_H
#define TESTS_CHECK_LEAVES_H

#include "support.h"

#include <criterion/criterion.h>

enum { N = 20, D = 4, LEAVES = 8 };

static tg_graph *g;
static uint64_t random_state;
static inline void setup(void) {
    g = tg_graph_new();
    random_state = 7;
}
static inline void teardown(void) { tg_graph_free(g); }

/* ------------------------------------------------------------------------------------------------------- verdicts */

static tg_check checks[LEAVES];
static size_t leaves;

static inline void check(tg_node out, const tg_check_options *options) {
    cr_assert_eq(tg_check_gradient(out, options, checks, LEAVES, &leaves), TG_OK, "%s", tg_message(out.graph));
    cr_assert_leq(leaves, LEAVES);
}

static inline const tg_check *of(tg_node leaf) {
    for (size_t i = 0; i < leaves; i++)
        if (checks[i].leaf.id == leaf.id) return &checks[i];
    cr_assert_fail("%s is not among the %zu leaves", tg_name(leaf), leaves);
    return NULL;
}

static inline void expect(tg_node leaf, tg_verdict v) {
    const tg_check *c = of(leaf);
    cr_assert_eq(c->verdict, v, "%s: %s, not %s: error %g, noise %g, [%zu] ours %.17g numeric %.17g", tg_name(leaf),
                 tg_verdict_name(c->verdict), tg_verdict_name(v), c->error, c->noise, c->index, c->ours, c->numeric);
}

static inline void expect_all(tg_verdict v) {
    cr_assert_gt(leaves, 0);
    for (size_t i = 0; i < leaves; i++) expect(checks[i].leaf, v);
}

static inline void refused(tg_node out, const tg_check_options *o, tg_status status, const char *says) {
    size_t count = 9;
    cr_assert_eq(tg_check_gradient(out, o, checks, LEAVES, &count), status, "%s", tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), says), "'%s' is not in: %s", says, tg_message(g));
    cr_assert_eq(count, 0);
}

/* --------------------------------------------------------------------------------------------------------- leaves */

static inline tg_node given(tg_dtype dtype, tg_shape shape, const double *values) {
    tg_node a = tg_input(g, dtype, shape);
    cr_assert_eq(set_doubles(a, values), TG_OK);
    return a;
}

static inline tg_node row(size_t n, const double *values) { return given(TG_F64, tg_shape1((int64_t)n), values); }

static inline tg_node drawn(tg_dtype dtype, tg_shape shape, double low, double high) {
    tg_node a = tg_input(g, dtype, shape);
    double *values = random_array(&random_state, tg_size(a), low, high);
    cr_assert_eq(set_doubles(a, values), TG_OK);
    free(values);
    return a;
}

static inline tg_node total(tg_node a) { return tg_sum(a, tg_axes_all()); }

/* --------------------------------------------------------------------------------------------------------- layers */

static inline tg_node softmax_loss(tg_dtype dtype, tg_node *scores, tg_node *label) {
    *scores = drawn(dtype, tg_shape2(N, 3), -2, 2);
    *label = tg_input(g, TG_I32, tg_shape1(N));
    int32_t labels[N];
    for (int i = 0; i < N; i++) labels[i] = i % 3;
    cr_assert_eq(tg_set(*label, labels), TG_OK);
    return tg_softmax_loss(*scores, *label, NULL);
}

struct norm {
    tg_node x, gamma, beta, out;
};

static inline struct norm norm_of(tg_dtype dtype, int64_t n, int64_t d) {
    struct norm b = {drawn(dtype, tg_shape2(n, d), -3, 5), drawn(dtype, tg_shape1(d), 0.5, 2),
                     drawn(dtype, tg_shape1(d), -1, 1), tg_nil(g)};
    b.out = tg_batchnorm(b.x, b.gamma, b.beta, tg_axis(0), 1e-5, NULL);
    return b;
}

#endif
