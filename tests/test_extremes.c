/* Composites at the ends of the range and at their corners: norms and deviations of what is so large or so small that its
 * square is no number, clipping of such gradients, infinite logits; and second derivatives where a first one is 0 by
 * convention. */
#include "support.h"

#include <criterion/criterion.h>
#include <float.h>

static tg_graph *g;
static const double inf = (double)INFINITY;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(extremes, .init = setup, .fini = teardown, .timeout = 60);

/* The values of `count` nodes by the tape (mode -1) or by a program. */
static void values_of(const tg_node *node, size_t count, int mode, double **value) {
    tg_program *p = NULL;
    if (mode < 0)
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    else
        p = tg_compile(g, node, count, (tg_compile_options){.mode = (tg_mode)mode});
    cr_assert(mode < 0 || (p && tg_program_run(p) == TG_OK), "%s", tg_message(g));
    for (size_t k = 0; k < count; k++) {
        value[k] = malloc((tg_size(node[k]) + 1) * sizeof(double));
        for (size_t i = 0; i < tg_size(node[k]); i++)
            value[k][i] = !p ? tg_item(node[k], i)
                          : tg_dtype_of(node[k]) == TG_F32 ? (double)((const float *)tg_program_value(p, node[k]))[i]
                                                           : ((const double *)tg_program_value(p, node[k]))[i];
    }
}

static void near(double ours, double want, double units, tg_dtype dtype, const char *what, double scale) {
    const double unit = dtype == TG_F64 ? 0x1p-53 : 0x1p-24;
    cr_expect(fabs(ours - want) <= units * unit * fabs(want), "%s at a scale of %g: %.9g, not %.9g", what, scale, ours,
              want);
}

/* ------------------------------------------------------------------------------------------------ norms, deviations */

enum { N = 5 };
static const double shape_of_x[N] = {0.75, -0.5, 0.25, 1, -0.125};

static tg_node norm_of(tg_node x) { return tg_norm(x, 2, tg_axes_all()); }
static tg_node std_of(tg_node x) { return tg_std(x, tg_axes_all(), 1); }

/* Both are homogeneous: of s·x the value is s times that of x, and the gradient is that of x. Exact ones of x, by closed
 * form in long double; s a power of two, so that s·x is exact. */
static void exact(bool deviation, double *value, double *slope) {
    long double mean = 0, sum = 0;
    for (int i = 0; i < N; i++) mean += deviation ? (long double)shape_of_x[i] / N : 0;
    for (int i = 0; i < N; i++) sum += (shape_of_x[i] - mean) * (shape_of_x[i] - mean) / (deviation ? N - 1 : 1);
    *value = (double)sqrtl(sum);
    for (int i = 0; i < N; i++) slope[i] = (double)((shape_of_x[i] - mean) / (deviation ? N - 1 : 1) / sqrtl(sum));
}

/* The scales go from the smallest normal number of which the fractions above are normal, to the largest power of two.
 * 16 units of roundoff: 5 squares, their sum, a root, two products. The squared deviations of x - mean add one more. */
static void check_length(tg_node (*of)(tg_node), tg_dtype dtype, int mode) {
    const int low = dtype == TG_F64 ? -1018 : -122, high = dtype == TG_F64 ? 1022 : 126, step = dtype == TG_F64 ? 60 : 8;
    double value, slope[N], x[N];
    exact(of == std_of, &value, slope);
    for (int e = low; e <= high; e += mode < 0 ? step : 6 * step) {
        tg_graph_free(g);
        g = tg_graph_new();
        for (int i = 0; i < N; i++) x[i] = ldexp(shape_of_x[i], e);
        TG_LET(leaf, tg_input(g, dtype, tg_shape1(N)));
        const tg_node z = of(leaf), c = tg_scalar(g, dtype, -1.625);
        const tg_node node[] = {z, tg_grad(tg_backward(z, c), leaf)};
        double *ours[2];
        cr_assert_eq(set_doubles(leaf, x), TG_OK);
        values_of(node, 2, mode, ours);
        near(ours[0][0], ldexp(value, e), 16, dtype, of == std_of ? "std" : "norm", ldexp(1, e));
        for (int i = 0; i < N; i++)
            near(ours[1][i], -1.625 * slope[i], 16, dtype, of == std_of ? "std'" : "norm'", ldexp(1, e));
        free(ours[0]);
        free(ours[1]);
    }
}

Test(extremes, lengths_at_every_scale) {
    for (tg_dtype t = TG_F32; t <= TG_F64; t++) {
        check_length(norm_of, t, -1);
        check_length(std_of, t, -1);
    }
}

Test(extremes, lengths_at_every_scale_compiled) {
    for (int mode = TG_FAST; mode <= TG_EXACT; mode++)
        for (tg_dtype t = TG_F32; t <= TG_F64; t++) {
            check_length(norm_of, t, mode);
            check_length(std_of, t, mode);
        }
}

Test(extremes, lengths_of_infinities_and_of_nothing) {
    TG_LET(x, tg_const(g, TG_F64, tg_shape2(3, 2), (double[]){inf, 1, -inf, inf, (double)NAN, 1}));
    TG_LET(nothing, tg_const(g, TG_F64, tg_shape2(2, 0), NULL));
    TG_LET(norm, tg_norm(x, 2, tg_axis(1)));
    TG_LET(none, tg_norm(nothing, 2, tg_axis(1)));
    TG_LET(itself, tg_norm(x, 2, tg_axes_n(0, NULL)));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_expect(tg_item(norm, 0) == inf && tg_item(norm, 1) == inf && isnan(tg_item(norm, 2)));
    cr_expect(tg_item(none, 0) == 0 && tg_item(none, 1) == 0);
    cr_expect(tg_item(itself, 1) == 1 && tg_item(itself, 2) == inf);
}

/* --------------------------------------------------------------------------------------------- second derivatives at 0 */

/* hvp of f at x with v, f a function of the norm, std, hypot or angle. */
static tg_node f_norm(tg_node x) { return tg_square(tg_norm(x, 2, tg_axes_all())); }
static tg_node f_std(tg_node x) { return tg_square(tg_std(x, tg_axes_all(), 0)); }
static tg_node f_root(tg_node x) { return tg_square(tg_root(tg_sum(tg_square(x), tg_axes_all()))); }
static tg_node part(tg_node x, int i) { return tg_slice(x, 0, i, i + 1, 1); }
static tg_node f_hypot(tg_node x) { return tg_sum(tg_square(tg_hypot(part(x, 0), part(x, 1))), tg_axes_all()); }
static tg_node f_angle(tg_node x) {
    return tg_sum(tg_mul(f_hypot(x), tg_atan2(part(x, 0), part(x, 1))), tg_axes_all());
}

/* At the corner the curvature is infinite, so that no second derivative can be had by the chain rule: a NaN says so,
 * whatever the function made of it does there. The value and the first derivative are what they are said to be, 0. */
Test(extremes, no_second_derivative_at_a_corner_is_a_silent_zero) {
    tg_node (*const f[])(tg_node) = {f_norm, f_std, f_root, f_hypot, f_angle};
    for (size_t k = 0; k < sizeof f / sizeof *f; k++)
        for (int mode = -1; mode <= TG_EXACT; mode++) {
            tg_graph_free(g);
            g = tg_graph_new();
            TG_LET(x, tg_const(g, TG_F64, tg_shape1(3), (double[]){0, 0, 0}));
            TG_LET(v, tg_const(g, TG_F64, tg_shape1(3), (double[]){1, 2, 3}));
            TG_LET(leaf, tg_param(g, TG_F64, tg_shape1(3)));
            cr_assert_eq(tg_set(leaf, (double[]){0, 0, 0}), TG_OK);
            const tg_node z = f[k](leaf);
            const tg_node node[] = {z, tg_grad(tg_backward(z, tg_nil(g)), leaf), tg_hvp(f[k](leaf), leaf, v)};
            double *ours[3];
            cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
            values_of(node, 3, mode, ours);
            cr_expect_eq(ours[0][0], 0);
            for (int i = 0; i < 2; i++) {
                cr_expect_eq(ours[1][i], 0, "%zu, mode %d: gradient %g", k, mode, ours[1][i]);
                cr_expect(isnan(ours[2][i]), "%zu, mode %d: hvp %g", k, mode, ours[2][i]);
            }
            for (int i = 0; i < 3; i++) free(ours[i]);
        }
}

/* Elsewhere they are right: |x|² = Σx², var, and the same of a row beside a row of zeros. */
Test(extremes, second_derivatives_beside_a_corner) {
    TG_LET(x, tg_param(g, TG_F64, tg_shape2(2, 3)));
    TG_LET(v, tg_const(g, TG_F64, tg_shape2(2, 3), (double[]){1, 2, 3, -1, 0.5, 2}));
    const tg_node f = tg_sum(tg_square(tg_norm(x, 2, tg_axis(1))), tg_axes_all());
    const tg_node hv = tg_hvp(f, x, v);
    cr_assert_eq(tg_set(x, (double[]){1e-200, 2, -3e-7, 0, 0, 0}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    for (size_t i = 0; i < 3; i++) cr_expect_float_eq(tg_item(hv, i), 2 * (double)(i + 1), 1e-14);
    for (size_t i = 3; i < 6; i++) cr_expect(isnan(tg_item(hv, i)));
}

/* ---------------------------------------------------------------------------------------------------------- clipping */

static void check_clip(tg_dtype dtype, tg_dtype other, double size, double most, int mode) {
    tg_graph_free(g);
    g = tg_graph_new();
    double a[60], b[40];
    for (int i = 0; i < 60; i++) a[i] = i % 2 ? size : -size;
    for (int i = 0; i < 40; i++) b[i] = size;
    const tg_node x = tg_input(g, dtype, tg_shape1(60)), y = tg_input(g, other, tg_shape2(4, 10));
    const tg_node empty = tg_const(g, dtype, tg_shape1(0), NULL);
    tg_node grad[] = {x, y, empty};
    cr_assert_eq(set_doubles(x, a) | set_doubles(y, b), TG_OK);
    const tg_node norm = tg_clip_global_norm(grad, 3, most, "clip"), node[] = {norm, grad[0], grad[1]};
    double *ours[3];
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    values_of(node, 3, mode, ours);
    const double clipped = 10 * size > most ? most / 10 : size; /* 100 numbers: the norm is 10 times each */
    near(ours[0][0], 10 * size, 8, dtype == other ? dtype : TG_F32, "the norm", size);
    for (int i = 0; i < 60; i++) near(ours[1][i], i % 2 ? clipped : -clipped, 8, TG_F32, "clipped", size);
    for (int i = 0; i < 40; i++) near(ours[2][i], clipped, 8, TG_F32, "clipped", size);
    for (int i = 0; i < 3; i++) free(ours[i]);
}

Test(extremes, clipping_of_gradients_of_any_size) {
    for (int mode = -1; mode <= TG_EXACT; mode++) {
        check_clip(TG_F32, TG_F32, 1e20f, 1, mode);
        check_clip(TG_F32, TG_F64, 1e20f, 1, mode);
        check_clip(TG_F64, TG_F64, 1e200, 1, mode);
    }
    check_clip(TG_F32, TG_F32, 2e37f, 1, -1);
    check_clip(TG_F32, TG_F32, 1e-30f, 1e-32, -1);
    check_clip(TG_F32, TG_F32, 1e-30f, 1, -1);
    check_clip(TG_F32, TG_F32, 1e30f, 3e38, -1);
    check_clip(TG_F32, TG_F32, 0.25f, 1, -1);
    check_clip(TG_F64, TG_F64, 1e-250, 1e-252, -1);
    check_clip(TG_F64, TG_F32, 1e20f, 1, -1);
}

/* ------------------------------------------------------------------------------------------------------ infinite logits */

Test(extremes, binary_cross_entropy_of_infinite_logits) {
    enum { M = 6 };
    const double logit[M] = {-inf, inf, inf, -inf, 1e300, inf}, target[M] = {0, 1, 0, 1, 1, 0.5};
    const double want[M] = {0, 0, inf, inf, 0, inf}, slope[M] = {0, 0, 1, -1, 0, 0.5};
    for (int mode = -1; mode <= TG_EXACT; mode++)
        for (int weighted = 0; weighted < 2; weighted++) {
            tg_graph_free(g);
            g = tg_graph_new();
            TG_LET(x, tg_input(g, TG_F64, tg_shape1(M)));
            TG_LET(y, tg_input(g, TG_F64, tg_shape1(M)));
            TG_LET(w, tg_const(g, TG_F64, tg_shape1(M), (double[]){2, 2, 2, 2, 2, 2}));
            TG_LET(c, tg_const(g, TG_F64, tg_shape1(M), (double[]){1.5, -2, 0.75, 1.25, -1.5, 2}));
            const tg_node loss = tg_bce_with_logits(x, y, weighted ? w : tg_nil(g), TG_NONE, "bce");
            const tg_node node[] = {loss, tg_grad(tg_backward(loss, c), x)};
            const double cotangent[M] = {1.5, -2, 0.75, 1.25, -1.5, 2};
            double *ours[2];
            cr_assert_eq(tg_set(x, logit) | tg_set(y, target), TG_OK);
            values_of(node, 2, mode, ours);
            for (int i = 0; i < M; i++) {
                const double by = weighted && i == 3 ? 2 : 1; /* the weight is that of the first part */
                cr_expect_eq(ours[0][i], want[i], "mode %d, logit %g, target %g: loss %g", mode, logit[i], target[i],
                             ours[0][i]);
                cr_expect_eq(ours[1][i], by * slope[i] * cotangent[i], "mode %d, logit %g, target %g: slope %g", mode,
                             logit[i], target[i], ours[1][i]);
            }
            free(ours[0]);
            free(ours[1]);
        }
}

/* A weight of 0 says that the first part does not count, however wrong it is. */
Test(extremes, a_part_without_weight_costs_nothing) {
    TG_LET(x, tg_const(g, TG_F64, tg_shape1(2), (double[]){-inf, -3}));
    TG_LET(y, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(w, tg_const(g, TG_F64, tg_shape1(2), (double[]){0, 0}));
    TG_LET(loss, tg_bce_with_logits(x, y, w, TG_NONE, NULL));
    TG_LET(c, tg_const(g, TG_F64, tg_shape1(2), (double[]){1.5, -2}));
    const tg_node dy = tg_grad(tg_backward(loss, c), y);
    cr_assert_eq(tg_set(y, (double[]){1, 1}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_expect(tg_item(loss, 0) == 0 && tg_item(loss, 1) == 0);
    cr_expect_float_eq(tg_item(dy, 1), 2 * log1p(exp(-3)), 1e-15); /* the target's own slope is not lost at 1 */
}

/* -------------------------------------------------------------------------------------------------------- activations */

Test(extremes, activations_at_infinity_and_at_minus_zero) {
    tg_node (*const f[])(tg_node) = {tg_silu, tg_gelu, tg_gelu_tanh};
    const double at[] = {-inf, -1e300, -1e22, 1e22, 1e300, inf};
    for (size_t k = 0; k < 3; k++)
        for (int mode = -1; mode <= TG_EXACT; mode++) {
            tg_graph_free(g);
            g = tg_graph_new();
            TG_LET(x, tg_input(g, TG_F64, tg_shape1(6)));
            TG_LET(c, tg_const(g, TG_F64, tg_shape1(6), (double[]){1.5, -2, 0.75, 1.25, -1.5, 2}));
            const tg_node z = f[k](x), d = tg_grad(tg_backward(z, c), x), dd = tg_grad(tg_backward(d, c), x);
            const tg_node node[] = {z, d, dd};
            const double cotangent[] = {1.5, -2, 0.75, 1.25, -1.5, 2};
            double *ours[3];
            cr_assert_eq(tg_set(x, at), TG_OK);
            values_of(node, 3, mode, ours);
            for (int i = 0; i < 6; i++) {
                cr_expect_eq(ours[0][i], fmax(at[i], 0), "%zu, mode %d: f(%g) = %g", k, mode, at[i], ours[0][i]);
                cr_expect_eq(ours[1][i], at[i] > 0 ? cotangent[i] : 0, "%zu, mode %d: f'(%g) = %g", k, mode, at[i],
                             ours[1][i]);
                cr_expect_eq(ours[2][i], 0, "%zu, mode %d: f''(%g) = %g", k, mode, at[i], ours[2][i]);
            }
            for (int i = 0; i < 3; i++) free(ours[i]);
        }
    tg_graph_free(g);
    g = tg_graph_new();
    const tg_node minus = tg_scalar(g, TG_F64, -0.0), low = tg_elu(minus, 0.5), narrow = tg_elu(tg_scalar(g, TG_F32, -0.0), 2);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_expect(signbit(tg_item(low, 0)) && signbit(tg_item(narrow, 0)), "elu(-0) is -0");
}
