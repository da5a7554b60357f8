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

/* Where a slope is the mean of those on both sides of a corner, the derivative of the mean is no derivative: |x|², the square
 * of the larger of x and -x, … are x² and have 2, |x²| too. Nothing here may be a number that is not right. */
static tg_node first(tg_node x) { return tg_sum(part(x, 0), tg_axes_all()); }
static tg_node other(tg_node x) { return tg_sum(part(x, 1), tg_axes_all()); }
static tg_node both(tg_node x) {
    const tg_node a = part(x, 0), b = tg_neg(part(x, 0));
    return tg_concat((tg_node[]){a, b}, 2, 0);
}
static tg_node k_abs(tg_node x) { return tg_square(tg_abs(first(x))); }
static tg_node k_abs_of_square(tg_node x) { return tg_abs(tg_square(first(x))); }
static tg_node k_maximum(tg_node x) { return tg_square(tg_maximum(first(x), tg_neg(first(x)))); }
static tg_node k_minimum(tg_node x) { return tg_square(tg_minimum(first(x), tg_neg(first(x)))); }
static tg_node k_larger_square(tg_node x) { return tg_maximum(tg_square(first(x)), tg_neg(tg_square(first(x)))); }
static tg_node k_max(tg_node x) { return tg_square(tg_max(both(x), tg_axes_all())); }
static tg_node k_min(tg_node x) { return tg_square(tg_min(both(x), tg_axis(0))); }
static tg_node k_sum_of_abs(tg_node x) { return tg_square(tg_norm(part(x, 0), 1, tg_axes_all())); }
static tg_node k_largest(tg_node x) { return tg_square(tg_norm(part(x, 0), inf, tg_axes_all())); }
static tg_node k_l1(tg_node x) { return tg_square(tg_l1_loss(part(x, 0), tg_mul(part(x, 0), tg_scalar_like(x, 2)), TG_SUM, NULL)); }
static tg_node k_two_of_them(tg_node x) { /* (|x| + 1)² - 2|x| = x² + 1 */
    const tg_node size = tg_abs(first(x)), once = tg_add(size, tg_scalar_like(x, 1)), twice = tg_mul(tg_scalar_like(x, 2), tg_abs(first(x)));
    return tg_sub(tg_square(once), twice);
}
static tg_node k_pow(tg_node x) { return tg_pow(first(x), tg_add(other(x), tg_scalar_like(x, 1))); } /* -∞, at 0, 1 */
static tg_node k_power_0(tg_node x) { return tg_pow(first(x), other(x)); }

Test(extremes, no_second_derivative_of_a_mean_slope_is_a_silent_number) {
    tg_node (*const f[])(tg_node) = {k_abs, k_abs_of_square, k_maximum, k_minimum, k_larger_square, k_max,     k_min,
                                     k_l1,  k_sum_of_abs,    k_largest, k_pow,     k_power_0,       k_two_of_them};
    for (size_t k = 0; k < sizeof f / sizeof *f; k++)
        for (int mode = -1; mode <= TG_EXACT; mode++)
            for (int away = 0; away < (mode < 0 ? 2 : 1); away++) {
                tg_graph_free(g);
                g = tg_graph_new();
                TG_LET(v, tg_const(g, TG_F64, tg_shape1(2), (double[]){1.5, 0.75}));
                TG_LET(leaf, tg_param(g, TG_F64, tg_shape1(2)));
                cr_assert_eq(tg_set(leaf, (double[]){away ? 0.5 : 0, away ? 2 : 0}), TG_OK);
                const tg_node z = f[k](leaf), hv = tg_hvp(z, leaf, v);
                const tg_node node[] = {z, tg_grad(tg_backward(z, tg_nil(g)), leaf), hv};
                double *ours[3];
                cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
                values_of(node, 3, mode, ours);
                cr_expect(isfinite(ours[0][0]) && isfinite(ours[1][0]), "%zu: the gradient stays what it is", k);
                cr_expect(!!isnan(ours[2][0]) == !away, "%zu, mode %d: %g", k, mode, ours[2][0]);
                if (!away && mode < 0) { /* and it can be told why */
                    char text[2000];
                    tg_first_nonfinite(g, text, sizeof text);
                    cr_expect(strstr(text, "there: 0/") && strstr(text, "0 = nan") && strstr(text, " is 0 there"), "%s", text);
                }
                for (int i = 0; i < 3; i++) free(ours[i]);
            }
}

/* What goes on as one of its pieces has the derivatives of the piece, of every order: right wherever the whole has them. So
 * have ties that move alike, and what has no corner after all. */
static tg_node r_leaky(tg_node x) { return tg_square(tg_leaky_relu(first(x), -1)); }                            /* x² */
static tg_node r_relu(tg_node x) { /* (x + relu(x)) (x + relu(x)) - 3 relu(x) relu(x) = x² */
    const tg_node rise = tg_relu(first(x)), sum = tg_add(first(x), rise);
    return tg_sub(tg_square(sum), tg_mul(tg_scalar_like(x, 3), tg_square(rise)));
}
static tg_node r_clamp(tg_node x) { /* 2 low² + … = x² above and below 0 */
    const tg_node low = tg_clamp(first(x), -inf, 0), high = tg_sub(first(x), low);
    return tg_add(tg_square(low), tg_square(high));
}
static tg_node r_where(tg_node x) {
    const tg_node at = first(x), minus = tg_neg(at);
    return tg_square(tg_where(tg_gt(at, tg_scalar_like(x, 0)), at, minus));
}
static tg_node r_huber(tg_node x) { return tg_mul(tg_scalar_like(x, 2), tg_huber_loss(first(x), tg_scalar_like(x, 0), 1, TG_SUM, NULL)); }
static tg_node r_tied(tg_node x) {
    const tg_node a = part(x, 0);
    return tg_square(tg_max(tg_concat((tg_node[]){a, a, a}, 3, 0), tg_axes_all()));
}
static tg_node r_tied_rows(tg_node x) {
    const tg_node rows = tg_expand(tg_reshape(x, tg_shape2(2, 1)), tg_shape2(2, 3)), most = tg_max(rows, tg_axis(1));
    return first(tg_square(most));
}
static tg_node r_pow(tg_node x) { return tg_pow(first(x), tg_scalar_like(x, 2)); }
static tg_node r_pow_higher(tg_node x) { return tg_pow(first(x), tg_add(other(x), tg_scalar_like(x, 2))); }
static tg_node r_prod(tg_node x) { /* x·x·1 */
    const tg_node a = part(x, 0), one = tg_exp(tg_mul(tg_scalar_like(x, 0), a));
    return tg_prod(tg_concat((tg_node[]){a, one, a}, 3, 0), tg_axes_all());
}

Test(extremes, second_derivatives_at_a_corner_that_is_none) {
    tg_node (*const f[])(tg_node) = {r_leaky, r_relu,      r_clamp, r_where,      r_huber,
                                     r_tied,  r_tied_rows, r_pow,   r_pow_higher, r_prod};
    for (size_t k = 0; k < sizeof f / sizeof *f; k++)
        for (int mode = -1; mode <= TG_EXACT; mode++) {
            tg_graph_free(g);
            g = tg_graph_new();
            TG_LET(v, tg_const(g, TG_F64, tg_shape1(2), (double[]){1.5, 0.75}));
            TG_LET(leaf, tg_param(g, TG_F64, tg_shape1(2)));
            cr_assert_eq(tg_set(leaf, (double[]){0, 0}), TG_OK);
            const tg_node hv = tg_hvp(f[k](leaf), leaf, v);
            double *ours[1];
            cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
            values_of(&hv, 1, mode, ours);
            cr_expect_eq(ours[0][0], 3, "%zu, mode %d: %g", k, mode, ours[0][0]);
            free(ours[0]);
        }
}

/* What is not taken is not asked: relu lets nothing through at 0, so that equals behind it do no harm. */
Test(extremes, no_corner_behind_a_selection) {
    TG_LET(x, tg_param(g, TG_F64, tg_shape1(4)));
    TG_LET(v, tg_const(g, TG_F64, tg_shape1(4), (double[]){1.5, -2, 0.75, 1.25}));
    const tg_node rise = tg_relu(x), back = tg_flip(rise, tg_axes_all()), lower = tg_abs(rise);
    const tg_node most = tg_max(tg_reshape(rise, tg_shape2(2, 2)), tg_axis(1)), larger = tg_maximum(rise, back);
    const tg_node squares = tg_add(tg_square(larger), tg_square(lower)), all = tg_sum(squares, tg_axes_all());
    const tg_node loss = tg_add(all, tg_sum(tg_square(most), tg_axes_all()));
    const tg_node hv = tg_hvp(loss, x, v);
    cr_assert_eq(tg_set(x, (double[]){-1, -2, -3, 4}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    for (size_t i = 0; i < 4; i++) /* the last is the larger twice, is itself, and the largest of its row */
        cr_expect_eq(tg_item(hv, i), i == 3 ? 8 * 1.25 : 0, "%zu: %g", i, tg_item(hv, i));
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
