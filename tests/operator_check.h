/* One operator on one case: value in both dtypes, first and second derivative, against a formula of the test's own. */
#ifndef TESTS_OPERATOR_CHECK_H
#define TESTS_OPERATOR_CHECK_H

#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>

/* A structured operator: how the element z[at] comes about, from operands of the shapes given. */
struct structured {
    const char *op;
    int rank[3];
    int64_t dim[3][5];
    tg_node (*build)(const tg_node *in);
    double (*f)(const double *const *in, size_t at);
};

static inline tg_node labels(tg_node like) { /* one for each element of [4] */
    return tg_const(like.graph, TG_I32, tg_shape1(4), (int32_t[]){2, 0, 0, 1});
}
static const size_t label_of[] = {2, 0, 0, 1};

/* --------------------------------------------------------------------------------------- one operator on one case */

struct subject {
    const struct tg_op *op;
    const struct structured *how; /* NULL: elementwise */
    double (*f)(const double *v);
    int operands;
    tg_shape shape[3];
    double *at[3];
};

static tg_node build(const struct subject *s, const tg_node *in) {
    return s->how ? s->how->build(in) : tg__apply(s->op, in, NULL);
}

/* NumPy's rule: where element `at` of z comes from in x. */
static size_t source(const tg_shape *x, const tg_shape *z, size_t at) {
    size_t index = 0, stride = 1;
    for (int back = 0; back < z->rank; back++) {
        size_t here = at % (size_t)z->dim[z->rank - 1 - back];
        at /= (size_t)z->dim[z->rank - 1 - back];
        if (back >= x->rank) continue;
        size_t d = (size_t)x->dim[x->rank - 1 - back];
        index += d == 1 ? 0 : here * stride;
        stride *= d;
    }
    return index;
}

static double expected(const struct subject *s, const tg_shape *z, size_t at) {
    if (s->how) return s->how->f((const double *const *)s->at, at);
    double v[3];
    for (int k = 0; k < s->operands; k++) v[k] = s->at[k][source(&s->shape[k], z, at)];
    return s->f(v);
}

/* 4 units of roundoff of everything that goes in: nothing here is longer than 8 terms. */
static void check_value(const struct subject *s, tg_dtype dtype) {
    const double unit = dtype == TG_F64 ? 0x1p-53 : 0x1p-24;
    tg_graph *g = tg_graph_new();
    tg_node in[3];
    for (int k = 0; k < s->operands; k++) {
        in[k] = tg_input(g, dtype, s->shape[k]);
        cr_assert_eq(set_doubles(in[k], s->at[k]), TG_OK);
    }
    tg_node z = build(s, in);
    cr_assert_eq(tg_run(g), TG_OK, "%s: %s", s->op->name, tg_message(g));
    cr_assert(tg_dtype_of(z) == dtype || (tg_dtype_of(z) == TG_I32 && !s->op->vjp), "%s: the dtype", s->op->name);
    const tg_shape shape = tg_dims(z);
    for (size_t i = 0; i < tg_size(z); i++) {
        double want = expected(s, &shape, i);
        cr_assert_leq(fabs(tg_item(z, i) - want), 32 * unit * (2 + fabs(want)), "%s[%zu] = %.17g, not %.17g",
                      s->op->name, i, tg_item(z, i), want);
    }
    tg_graph_free(g);
}

/* The adjoint of `leaf` against differences of `out`. A missing one stands for zero, or for no derivative at all. */
static void check_adjoint(const struct subject *s, tg_grads d, tg_node out, tg_node leaf, const double *at,
                          double noise, double tolerance) {
    if (!s->op->vjp && strcmp(tg_name(leaf), "c") != 0) {
        cr_assert_not(tg_has_grad(d, leaf), "%s passes a gradient", s->op->name);
        return;
    }
    double *numeric = differences(out, leaf, at), *ours = calloc(tg_size(leaf) + 1, sizeof *ours);
    if (tg_has_grad(d, leaf)) {
        free(ours);
        cr_assert_eq(tg_run(leaf.graph), TG_OK, "%s: %s", s->op->name, tg_message(leaf.graph));
        cr_assert_not_null(tg_value(tg_grad(d, leaf)));
        cr_assert_eq(tg__get(tg_grad(d, leaf))->shape, tg__get(leaf)->shape, "%s: the gradient's shape", s->op->name);
        ours = doubles_of(tg_grad(d, leaf));
    }
    double error = column_error(ours, numeric, numeric, tg_size(leaf), columns_of(leaf), noise);
    cr_assert_leq(error, tolerance, "%s: gradient is off by %g of its column", s->op->name, error);
    free(ours);
    free(numeric);
}

/* First order: Σ c·z. Second order: Σ over operands of v·dx, a function of the operands and of c. */
static void check_gradients(const struct subject *s, uint64_t *state) {
    tg_graph *g = tg_graph_new();
    tg_node in[3];
    for (int k = 0; k < s->operands; k++) in[k] = tg_input(g, TG_F64, s->shape[k]);
    tg_node z = build(s, in);
    if (tg_dtype_of(z) == TG_I32) z = tg_cast(z, TG_F64);
    TG_LET(c, tg_input(g, TG_F64, tg_dims(z)));
    tg_node loss = tg_sum(tg_mul(c, z), tg_axes_all());
    double *cotangent = random_array(state, tg_size(z), 0.5, 2), noise = 1e-11;
    for (int k = 0; k < s->operands; k++) cr_assert_eq(tg_set(in[k], s->at[k]), TG_OK);
    cr_assert_eq(tg_set(c, cotangent), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s: %s", s->op->name, tg_message(g));
    double size = 0; /* of the sum: a few units of its roundoff over the step of the differences are noise */
    for (size_t i = 0; i < tg_size(z); i++) size += fabs(cotangent[i] * tg_item(z, i));
    noise = fmax(noise, 16 * 0x1p-53 / 0x1p-10 * size);

    tg_grads first = tg_backward(loss, tg_nil(g));
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", s->op->name, tg_message(g));
    for (int k = 0; k < s->operands; k++) check_adjoint(s, first, loss, in[k], s->at[k], noise, 1e-9);

    tg_node slope = tg_sum(tg_mul(c, tg_scalar(g, TG_F64, 0)), tg_axes_all());
    for (int k = 0; k < s->operands; k++) {
        if (!tg_has_grad(first, in[k])) continue;
        double *v = random_array(state, tg_size(in[k]), -2, 2);
        tg_node dx = tg_grad(first, in[k]);
        slope = tg_add(slope, tg_sum(tg_mul(tg_const(g, TG_F64, s->shape[k], v), dx), tg_axes_all()));
        free(v);
    }
    tg_grads second = tg_backward(slope, tg_nil(g));
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", s->op->name, tg_message(g));
    for (int k = 0; k < s->operands; k++) check_adjoint(s, second, slope, in[k], s->at[k], 10 * noise, 1e-7);
    check_adjoint(s, second, slope, c, cotangent, 10 * noise, 1e-7);
    free(cotangent);
    tg_graph_free(g);
}

/* Random numbers away from kinks, which are at the multiples of 1/32 and where two operands are equal: each operand has
 * a third of every 32nd for itself. The differences step 2^-9 to either side. */
static double *draw(const struct subject *s, int k, uint64_t *state) {
    size_t n = 1;
    for (int i = 0; i < s->shape[k].rank; i++) n *= (size_t)s->shape[k].dim[i];
    double *at = random_array(state, n, s->op->low, s->op->high);
    for (size_t i = 0; i < n; i++) at[i] = (floor(at[i] * 32) + (3 * k + 1 + random_between(state, 0.3, 0.7)) / 9) / 32;
    return at;
}

static inline void check(struct subject *s, uint64_t *state) {
    for (int k = 0; k < s->operands; k++) s->at[k] = draw(s, k, state);
    check_value(s, TG_F64);
    check_value(s, TG_F32);
    check_gradients(s, state);
    for (int k = 0; k < s->operands; k++) free(s->at[k]);
}

static inline void check_one(const struct tg_op *op, const struct structured *how, uint64_t *state) {
    struct subject s = {.op = op, .how = how, .operands = how->rank[2] ? 3 : how->rank[1] ? 2 : 1};
    for (int k = 0; k < s.operands; k++) s.shape[k] = tg_shape_n(how->rank[k], how->dim[k]);
    check(&s, state);
}

#endif
