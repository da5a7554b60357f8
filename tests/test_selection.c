/* What is not taken sends nothing, however steep it is: behind every operator that selects, over every function that is
 * infinite or NaN somewhere, first and second order, by the tape and by programs. The truth is that of the function alone
 * where it was taken, and 0 where it was not, which is what one gets from the same with harmless operands there. */
#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>
#include <float.h>

static tg_graph *g;
static const double inf = (double)INFINITY, nan_ = (double)NAN;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(selection, .init = setup, .fini = teardown, .timeout = 120);

/* ----------------------------------------------------------------------------------------------------- the functions */

static tg_node number(tg_node like, double v) { return tg_scalar_like(like, v); }
static tg_node f_sqrt(tg_node x) { return tg_sqrt(x); }
static tg_node f_rsqrt(tg_node x) { return tg_rsqrt(x); }
static tg_node f_reciprocal(tg_node x) { return tg_reciprocal(x); }
static tg_node f_log(tg_node x) { return tg_log(x); }
static tg_node f_log2(tg_node x) { return tg_log2(x); }
static tg_node f_log1p(tg_node x) { return tg_log1p(tg_sub(x, number(x, 1))); }
static tg_node f_exp(tg_node x) { return tg_exp(x); }
static tg_node f_expm1(tg_node x) { return tg_expm1(x); }
static tg_node f_sinh(tg_node x) { return tg_sinh(x); }
static tg_node f_cosh(tg_node x) { return tg_cosh(x); }
static tg_node f_asin(tg_node x) { return tg_asin(x); }
static tg_node f_acos(tg_node x) { return tg_acos(x); }
static tg_node f_div(tg_node x) { return tg_div(tg_add(x, number(x, 2)), x); }
static tg_node f_ratio(tg_node x) { return tg_ratio(tg_add(x, number(x, 2)), x); }
static tg_node f_pow(tg_node x) { return tg_pow(x, number(x, 0.5)); }
static tg_node f_pow_of(tg_node x) { return tg_pow(tg_add(tg_square(x), number(x, 1)), x); }
static tg_node f_entropy(tg_node x) { return tg_mul(x, tg_log(x)); }
static tg_node f_product(tg_node x) { return tg_mul(number(x, 0.25), tg_mul(x, tg_exp(x))); }
static tg_node f_square(tg_node x) { return tg_square(tg_exp(x)); }
static tg_node f_sine(tg_node x) { return tg_sin(tg_reciprocal(x)); }
static tg_node f_tanh(tg_node x) { return tg_tanh(tg_log(x)); }
static tg_node f_shape(tg_node x) { /* across what moves elements about */
    const tg_node a = tg_reshape(tg_sqrt(x), tg_shape2(-1, 1));
    return tg_reshape(tg_transpose(tg_concat((tg_node[]){a, a}, 2, 1), tg_axes_all()), tg_shape1(-1));
}
static tg_node f_broadcast(tg_node x) { /* [2n] from [n] */
    const tg_node two = tg_const(x.graph, TG_F64, tg_shape2(2, 1), (double[]){1, 1});
    return tg_reshape(tg_mul(two, tg_sqrt(x)), tg_shape1(-1));
}

static const struct function {
    const char *name;
    tg_node (*f)(tg_node x);
    double steep; /* where it, or its slope, is no number, or infinite */
} functions[] = {{"sqrt", f_sqrt, 0},          {"sqrt", f_sqrt, -1},        {"rsqrt", f_rsqrt, 0},
                 {"reciprocal", f_reciprocal, 0}, {"log", f_log, 0},        {"log", f_log, -1},
                 {"log2", f_log2, 0},          {"log1p", f_log1p, 0},       {"exp", f_exp, 800},
                 {"expm1", f_expm1, 800},      {"sinh", f_sinh, 800},       {"cosh", f_cosh, 800},
                 {"asin", f_asin, 1},          {"asin", f_asin, 2},         {"acos", f_acos, 1},
                 {"div", f_div, 0},            {"ratio", f_ratio, 0},       {"pow", f_pow, 0},
                 {"pow", f_pow, -2},           {"pow", f_pow_of, 800},      {"x log x", f_entropy, 0},
                 {"x exp x", f_product, 800},  {"square", f_square, 400},   {"sin 1/x", f_sine, 0},
                 {"tanh log", f_tanh, 0},      {"reshaped", f_shape, 0},    {"broadcast", f_broadcast, 0}};

/* ----------------------------------------------------------------------------------------------------- the selections
 * Of y, which is f of one half good and one half steep operands; `taken` is 1 at the good ones. Each gives y there and
 * something else elsewhere. */

static tg_node s_where(tg_node y, tg_node taken) { return tg_where(taken, y, number(y, 0.5)); }
static tg_node s_where_not(tg_node y, tg_node taken) {
    return tg_where(tg_eq(taken, number(y, 0)), number(y, 0.5), y);
}
static tg_node s_nested(tg_node y, tg_node taken) {
    const tg_node inner = tg_where(taken, y, number(y, 3));
    return tg_where(tg_ge(taken, number(y, 1)), inner, number(y, 0.5));
}
static tg_node s_after(tg_node y, tg_node taken) { /* with work between the selection and the function */
    return tg_where(taken, tg_neg(tg_mul(tg_add(y, number(y, 0.25)), number(y, 3))), number(y, 0.5));
}
static tg_node s_twice(tg_node y, tg_node taken) { /* two consumers, each by a mask of its own */
    const tg_node a = tg_where(taken, y, number(y, 0.5)), b = tg_where(tg_gt(taken, number(y, 0.5)), y, number(y, 2));
    return tg_add(a, b);
}
static tg_node s_sum(tg_node y, tg_node taken) { /* rows of two, of which one is taken */
    const tg_node rows = tg_reshape(tg_where(taken, y, number(y, 0)), tg_shape2(-1, 2));
    return tg_sum(rows, tg_axis(1));
}

static const struct selection {
    const char *name;
    tg_node (*s)(tg_node y, tg_node taken);
} selections[] = {{"where", s_where}, {"where not", s_where_not}, {"nested", s_nested},
                  {"after", s_after}, {"twice", s_twice},         {"sum", s_sum}};

enum { N = 8 };

/* The gradient and a second derivative of Σ c·s(f(x)), at good points and at steep ones, beside those that come of
 * harmless operands in the place of the steep ones. */
struct answer {
    double *d, *dd;
};

static struct answer answer(const struct function *f, const struct selection *s, const double *x, int mode) {
    tg_graph_free(g);
    g = tg_graph_new();
    TG_LET(leaf, tg_input(g, TG_F64, tg_shape1(N)));
    const tg_node y = f->f(leaf);
    const size_t m = tg_size(y), copies = m / N;
    double *taken = malloc(m * sizeof *taken), v[N];
    for (size_t i = 0; i < m; i++) taken[i] = (strcmp(f->name, "reshaped") ? i % N : i % (m / copies)) % 2 == 0;
    uint64_t state = 11;
    for (size_t i = 0; i < N; i++) v[i] = random_between(&state, 0.5, 2) * (i % 3 ? 1 : -1);
    const tg_node z = s->s(y, tg_const(g, TG_F64, tg_shape1((int64_t)m), taken));
    double *c = random_array(&state, tg_size(z), 0.5, 2);
    const tg_node d = tg_grad(tg_backward(z, tg_const(g, TG_F64, tg_dims(z), c)), leaf);
    const tg_node t = tg_const(g, TG_F64, tg_shape1(N), v);
    const tg_grads second = tg_backward(d, t);
    const tg_node dd = tg_has_grad(second, leaf) ? tg_grad(second, leaf) : tg_mul(d, number(d, 0)), node[] = {d, dd};
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_set(leaf, x), TG_OK);
    tg_program *p = mode < 0 ? NULL : tg_compile(g, node, 2, (tg_compile_options){.mode = (tg_mode)mode});
    cr_assert_eq(mode < 0 ? tg_run(g) : tg_program_run(p), TG_OK, "%s", tg_message(g));
    struct answer a = {malloc(N * sizeof(double)), malloc(N * sizeof(double))};
    for (size_t i = 0; i < N; i++) {
        a.d[i] = p ? ((const double *)tg_program_value(p, d))[i] : tg_item(d, i);
        a.dd[i] = p ? ((const double *)tg_program_value(p, dd))[i] : tg_item(dd, i);
    }
    free(taken);
    free(c);
    return a;
}

static bool alike(double a, double b) { return fabs(a - b) <= 1e-13 * fabs(b); }

static void check(const struct function *f, const struct selection *s, int mode) {
    double x[N], safe[N];
    const bool narrow = f->f == f_asin || f->f == f_acos;
    for (size_t i = 0; i < N; i++) {
        safe[i] = narrow ? 0.1 + 0.09 * (double)i : 1.1 + 0.21 * (double)i;
        x[i] = i % 2 ? f->steep : safe[i];
    }
    struct answer ours = answer(f, s, x, mode), want = answer(f, s, safe, -1);
    for (size_t i = 0; i < N; i++) {
        const double d = i % 2 ? 0 : want.d[i], dd = i % 2 ? 0 : want.dd[i];
        cr_expect(alike(ours.d[i], d), "%s of %s at %g, mode %d: gradient %g, not %g", s->name, f->name, x[i], mode,
                  ours.d[i], d);
        cr_expect(alike(ours.dd[i], dd), "%s of %s at %g, mode %d: second derivative %g, not %g", s->name, f->name, x[i],
                  mode, ours.dd[i], dd);
    }
    free(ours.d), free(ours.dd), free(want.d), free(want.dd);
}

Test(selection, steep_functions_that_are_not_taken) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        for (size_t k = 0; k < sizeof selections / sizeof *selections; k++) check(&functions[i], &selections[k], -1);
}

Test(selection, steep_functions_that_are_not_taken_compiled) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i += 5)
        for (int mode = TG_FAST; mode <= TG_EXACT; mode++) check(&functions[i], &selections[i % 6], mode);
}

/* --------------------------------------------------------------------------------------- selections by the value itself */

/* d/dx Σ c·f(x), for one operand. */
static double slope_at(tg_node (*f)(tg_node), tg_dtype dtype, double x, int order) {
    tg_graph_free(g);
    g = tg_graph_new();
    const tg_node leaf = tg_input(g, dtype, tg_shape1(1)), c = tg_scalar(g, dtype, -1.75);
    tg_node d = tg_grad(tg_backward(tg_sum(tg_mul(c, f(leaf)), tg_axes_all()), tg_nil(g)), leaf);
    if (order == 2) d = tg_grad(tg_backward(tg_sum(d, tg_axes_all()), tg_nil(g)), leaf);
    cr_assert_eq(set_doubles(leaf, &x), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    return tg_item(d, 0) / -1.75;
}

static tg_node v_clamp(tg_node x) { return tg_clamp(tg_exp(x), -inf, 1); }
static tg_node v_minimum(tg_node x) { return tg_minimum(tg_exp(x), number(x, 1)); }
static tg_node v_maximum(tg_node x) { return tg_maximum(tg_neg(tg_exp(x)), number(x, -1)); }
static tg_node v_relu(tg_node x) { return tg_relu(tg_neg(tg_exp(x))); }
static tg_node v_log(tg_node x) { return tg_maximum(tg_log(x), number(x, -3)); }
static tg_node v_relu_log(tg_node x) { return tg_relu(tg_log(x)); }
static tg_node v_max(tg_node x) {
    return tg_max(tg_concat((tg_node[]){tg_log(x), tg_sub(x, x)}, 2, 0), tg_axis(0));
}
static tg_node v_min(tg_node x) {
    return tg_min(tg_concat((tg_node[]){tg_exp(x), tg_sub(x, x)}, 2, 0), tg_axis(0));
}
static tg_node v_where(tg_node x) { return tg_where(tg_gt(x, number(x, 0)), tg_sqrt(x), number(x, 0)); }

Test(selection, by_the_value) {
    for (tg_dtype t = TG_F32; t <= TG_F64; t++) {
        const double far = t == TG_F32 ? 90 : 800;
        for (int order = 1; order <= 2; order++) {
            cr_expect_eq(slope_at(v_clamp, t, far, order), 0);
            cr_expect_eq(slope_at(v_minimum, t, far, order), 0);
            cr_expect_eq(slope_at(v_maximum, t, far, order), 0);
            cr_expect_eq(slope_at(v_relu, t, far, order), 0);
            cr_expect_eq(slope_at(v_log, t, 0, order), 0);
            cr_expect_eq(slope_at(v_relu_log, t, 0, order), 0);
            cr_expect_eq(slope_at(v_max, t, 0, order), 0);
            cr_expect_eq(slope_at(v_min, t, far, order), 0);
            cr_expect_eq(slope_at(v_where, t, 0, order), 0);
        }
        cr_expect_float_eq(slope_at(v_clamp, t, -1, 1), exp(-1), 1e-6);
        cr_expect_float_eq(slope_at(v_log, t, 0.5, 1), 2, 1e-6);
        cr_expect_float_eq(slope_at(v_log, t, 0.5, 2), -4, 1e-6);
        cr_expect_float_eq(slope_at(v_where, t, 4, 2), -1. / 32, 1e-6);
    }
}

/* --------------------------------------------------------------------------------------------- what must not be lost */

/* What was taken is infinite or NaN where it is, and a NaN that arrives is not swallowed. */
Test(selection, what_is_taken_keeps_its_infinities) {
    TG_LET(x, tg_const(g, TG_F64, tg_shape1(3), (double[]){0, -1, 4}));
    TG_LET(leaf, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(all, tg_ge(x, tg_scalar(g, TG_F64, -5)));
    TG_LET(c, tg_const(g, TG_F64, tg_shape1(3), (double[]){1.5, 1, nan_}));
    const tg_node d = tg_grad(tg_backward(tg_where(all, tg_sqrt(leaf), x), c), leaf);
    cr_assert_eq(tg_set(leaf, (double[]){0, -1, 4}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_expect(tg_item(d, 0) == inf && isnan(tg_item(d, 1)) && isnan(tg_item(d, 2)));
}

/* Another consumer that is not selected needs the slope, whatever the selection does. */
Test(selection, a_consumer_beside_the_selection) {
    TG_LET(leaf, tg_input(g, TG_F64, tg_shape1(2)));
    const tg_node y = tg_sqrt(leaf), some = tg_where(tg_gt(leaf, tg_scalar(g, TG_F64, 0)), y, tg_scalar(g, TG_F64, 0));
    TG_LET(c, tg_const(g, TG_F64, tg_shape1(2), (double[]){1.5, 2}));
    const tg_node d = tg_grad(tg_backward(tg_add(some, y), c), leaf);
    cr_assert_eq(tg_set(leaf, (double[]){0, 4}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_expect(tg_item(d, 0) == inf && fabs(tg_item(d, 1) - 1) < 1e-15);
}

/* A cotangent that happens to be 0 where something was taken: the derivative with respect to it is the slope. */
Test(selection, a_zero_that_happens_keeps_its_derivative) {
    TG_LET(leaf, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(c, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(t, tg_const(g, TG_F64, tg_shape1(2), (double[]){3, 5}));
    const tg_node z = tg_where(tg_gt(leaf, tg_scalar(g, TG_F64, 0)), tg_sqrt(leaf), tg_scalar(g, TG_F64, 0));
    const tg_node dc = tg_grad(tg_backward(tg_grad(tg_backward(z, c), leaf), t), c);
    cr_assert_eq(tg_set(leaf, (double[]){0, 4}) | tg_set(c, (double[]){0, 0}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_expect(tg_item(dc, 0) == 0 && fabs(tg_item(dc, 1) - 5. / 4) < 1e-15, "%g %g", tg_item(dc, 0), tg_item(dc, 1));
}

/* Forward derivatives are a derivative of the sweep by its cotangent, so they are selected too. */
Test(selection, forward_derivatives) {
    TG_LET(leaf, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(v, tg_const(g, TG_F64, tg_shape1(2), (double[]){3, -5}));
    const tg_node z = tg_where(tg_gt(leaf, tg_scalar(g, TG_F64, 0)), tg_sqrt(leaf), tg_scalar(g, TG_F64, 0));
    const tg_node dz = tg_jvp(z, leaf, v);
    cr_assert_eq(tg_set(leaf, (double[]){0, 4}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_expect(tg_item(dz, 0) == 0 && fabs(tg_item(dz, 1) + 1.25) < 1e-15, "%g %g", tg_item(dz, 0), tg_item(dz, 1));
}

/* ------------------------------------------------------------------------------------------------------- what it costs */

static size_t selects(void) {
    size_t n = 0;
    for (uint32_t id = 1; id <= tg_count(g); id++) n += strcmp(tg_op_of(tg_node_at(g, id)), "where") == 0;
    return n;
}

/* Nothing where no zero can meet an infinity: relu over batch and layer normalization, whose root and quotient are those
 * of a positive number, dropout and max pooling over a convolution. */
Test(selection, networks_get_no_selection_more) {
    TG_LET(x, tg_input(g, TG_F32, tg_shape2(6, 4)));
    TG_LET(w, tg_param(g, TG_F32, tg_shape2(4, 4)));
    TG_LET(b, tg_param(g, TG_F32, tg_shape1(4)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(6)));
    tg_node h = tg_batchnorm(tg_matmul(x, w), b, b, tg_axis(0), 1e-5, "bn");
    h = tg_layernorm(tg_relu(h), b, b, 1, 1e-5, "ln");
    h = tg_relu(tg_softplus(tg_relu(h)));
    const tg_node loss = tg_cross_entropy(h, label, tg_nil(g), TG_MEAN, "ce");
    const size_t before = selects();
    tg_backward(loss, tg_nil(g));
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    cr_expect_eq(selects() - before, 3, "%zu: one for each relu", selects() - before);
}

static tg_node one_more(tg_node x) { return tg_add(tg_square(x), number(x, 1)); } /* above 0, and finite */
static tg_node k_moved(tg_node x) { return tg_neg(tg_add(tg_reshape(tg_sqrt(x), tg_shape1(-1)), number(x, 0.25))); }
static tg_node k_plus_one(tg_node x) { return tg_sqrt(one_more(x)); }
static tg_node k_one_plus(tg_node x) { return tg_sqrt(tg_add(number(x, 1), tg_square(x))); }
static tg_node k_size(tg_node x) { return tg_log(tg_add(tg_abs(x), number(x, 1))); }
static tg_node k_plus_zero(tg_node x) { return tg_sqrt(tg_add(tg_square(x), number(x, 0))); }
static tg_node k_minus_one(tg_node x) { return tg_sqrt(tg_add(tg_square(x), number(x, -1))); }
static tg_node k_plus_x(tg_node x) { return tg_sqrt(tg_add(one_more(x), x)); }
static tg_node k_x_plus(tg_node x) { return tg_sqrt(tg_add(x, number(x, 1))); }
static tg_node k_twice(tg_node x) { return tg_sqrt(tg_mul(one_more(x), number(x, 2))); }
static tg_node k_by_square(tg_node x) { return tg_sqrt(tg_mul(one_more(x), tg_square(x))); }
static tg_node k_negative(tg_node x) { return tg_sqrt(tg_mul(one_more(x), number(x, -2))); }
static tg_node k_difference(tg_node x) { return tg_sqrt(tg_sub(one_more(x), number(x, 2))); }
static tg_node k_sum(tg_node x) { return tg_sqrt(tg_add(tg_sum(one_more(x), tg_axis(0)), tg_square(x))); }
static tg_node k_infinite(tg_node x) { return tg_sqrt(tg_add(tg_square(x), number(x, inf))); }
static tg_node k_exp_plus(tg_node x) { return tg_sqrt(tg_add(tg_exp(x), number(x, 1))); }
static tg_node k_by(tg_node x) { return tg_div(x, one_more(x)); }
static tg_node k_over(tg_node x) { return tg_div(one_more(x), x); }
static tg_node k_quotient(tg_node x) { return tg_sqrt(tg_div(one_more(x), one_more(x))); }
static tg_node k_after_pole(tg_node x) { return tg_square(tg_log(x)); }
static tg_node k_safe_after_pole(tg_node x) { return tg_sqrt(tg_add(tg_square(tg_log(x)), number(x, 1))); }
static tg_node k_plus_one_zero(tg_node x) { return tg_sqrt(tg_add(one_more(x), number(x, 0))); }
static tg_node k_infinite_times(tg_node x) { return tg_mul(x, number(x, -inf)); }
static tg_node k_exp_of(tg_node x) { return tg_exp(one_more(x)); }
static tg_node k_sum_after_pole(tg_node x) { return tg_mul(x, tg_sum(tg_log(x), tg_axes_all())); }
static tg_node k_constant(tg_node x) { return tg_add(x, tg_sqrt(number(x, 0.5))); }
static tg_node k_by_constant(tg_node x) { return tg_mul(x, tg_sqrt(number(x, -1))); }
static tg_node k_detached(tg_node x) { return tg_sub(x, tg_detach(tg_sqrt(x))); }
static tg_node k_mixed(tg_node x) { /* a mask of a product's result says nothing of one element of its operand */
    const tg_node same = tg_const(x.graph, TG_F64, tg_shape2(3, 3), (double[]){1, 0, 0, 0, 1, 0, 0, 0, 1});
    return tg_reshape(tg_matmul(tg_reshape(tg_sqrt(x), tg_shape2(1, 3)), same), tg_shape1(3));
}

/* A selection gives one where for its term, and one more for its mask if anything below is steep; below it each steep
 * term is selected, and nothing else: what is known of signs and of what is finite keeps the rest as it is. */
static const struct {
    const char *name;
    tg_node (*f)(tg_node x);
    int steep; /* how many terms; 0: and no mask */
} costs[] = {{"moved", k_moved, 1},
             {"√(x² + 1)", k_plus_one, 0},
             {"√(1 + x²)", k_one_plus, 0},
             {"ln(|x| + 1)", k_size, 0},
             {"√(x² + 0)", k_plus_zero, 1},
             {"√(x² - 1)", k_minus_one, 1},
             {"√(x² + 1 + x)", k_plus_x, 1},
             {"√(x + 1)", k_x_plus, 1},
             {"√2(x² + 1)", k_twice, 0},
             {"√(x² + 1)x²", k_by_square, 1},
             {"√-2(x² + 1)", k_negative, 1},
             {"√(x² + 1 - 2)", k_difference, 1},
             {"√(Σ(x² + 1) + x²)", k_sum, 0},
             {"√(x² + ∞)", k_infinite, 1},
             {"√(eˣ + 1)", k_exp_plus, 2},
             {"x/(x² + 1)", k_by, 0},
             {"(x² + 1)/x", k_over, 2},
             {"√(x² + 1)/(x² + 1)", k_quotient, 0},
             {"ln² x", k_after_pole, 2},
             {"√(ln² x + 1)", k_safe_after_pole, 3},
             {"√(x² + 1 + 0)", k_plus_one_zero, 0},
             {"-∞ x", k_infinite_times, 1},
             {"e^(x² + 1)", k_exp_of, 1},
             {"x Σ ln x", k_sum_after_pole, 3},
             {"x + √½", k_constant, 0},
             {"x √-1", k_by_constant, 1},
             {"x - detach √x", k_detached, 0},
             {"√x @ 1", k_mixed, 0}};

Test(selection, only_what_is_steep_is_selected) {
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        tg_graph_free(g);
        g = tg_graph_new();
        TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
        TG_LET(c, tg_const(g, TG_F64, tg_shape1(3), (double[]){1, 0, 1}));
        const tg_node out = tg_sum(tg_where(c, costs[i].f(x), number(x, 0.5)), tg_axes_all());
        const size_t before = selects();
        tg_backward(out, tg_nil(g));
        cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
        const size_t want = costs[i].steep ? 2 + (size_t)costs[i].steep : 1;
        cr_expect_eq(selects() - before, want, "%s: %zu, not %zu", costs[i].name, selects() - before, want);
    }
}

/* Two selections of one function: an element that any of them has taken keeps its gradient, one that none has gets 0.
 * d/dx (Σ where(p, √x, 0) + 3 Σ where(q, √x, 0)) = (p + 3q)/2√x, and at x = 0 neither has taken it. */
Test(selection, two_selections_of_one_function) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(5)));
    const double at[] = {0, 1, 4, 9, 16}, first[] = {0, 1, 0, 1, 0}, second[] = {0, 0, 1, 1, 0};
    const tg_node p = tg_const(g, TG_F64, tg_shape1(5), first), q = tg_const(g, TG_F64, tg_shape1(5), second);
    const tg_node nothing = number(x, 0), root = tg_sqrt(x);
    const tg_node one = tg_sum(tg_where(p, root, nothing), tg_axes_all());
    const tg_node other = tg_sum(tg_where(q, root, nothing), tg_axes_all());
    const tg_node loss = tg_add(one, tg_mul(number(x, 3), other));
    const tg_node dx = tg_grad(tg_backward(loss, tg_nil(g)), x);
    cr_assert_eq(tg_set(x, at), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    for (size_t i = 0; i < 5; i++) {
        const double slope = first[i] + 3 * second[i];
        const double right = slope ? slope / (2 * sqrt(at[i])) : 0;
        cr_expect_float_eq(tg_item(dx, i), right, 1e-15, "[%zu] is %g, not %g", i, tg_item(dx, i), right);
    }
}
