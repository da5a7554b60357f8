/* Reductions where they are decided by convention: ties, NaN, infinities, nothing to reduce; axes; what is refused. */
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(reductions, .init = setup, .fini = teardown, .timeout = 60);

static const double inf = (double)INFINITY, nan_ = (double)NAN;

static tg_node matrix(int64_t rows, int64_t columns, const double *v) {
    tg_node x = tg_input(g, TG_F64, tg_shape2(rows, columns));
    cr_assert_eq(tg_set(x, v), TG_OK);
    return x;
}

static void run(void) { cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g)); }

static void gives(tg_node a, const double *want, double tolerance) {
    for (size_t i = 0; i < tg_size(a); i++) {
        const double v = tg_item(a, i);
        cr_assert(isnan(want[i]) ? isnan(v) : v == want[i] || fabs(v - want[i]) <= tolerance,
                  "[%zu] = %.17g, not %.17g", i, v, want[i]);
    }
}

/* The gradient of Σ c·z for cotangents 1, 2, 3 … */
static tg_node slope(tg_node z, tg_node x) {
    double c[32];
    for (size_t i = 0; i < 32; i++) c[i] = (double)(i + 1);
    tg_grads d = tg_backward(z, tg_const(g, TG_F64, tg_dims(z), c));
    return tg_grad(d, x);
}

static void refused(tg_node z, tg_mark mark, tg_status status, const char *text) {
    cr_assert(tg_is_nil(z) && z.graph == g, "accepted: %s", text);
    cr_assert_eq(tg_error(g), status, "status %d: %s", tg_error(g), tg_message(g));
    cr_assert(strstr(tg_message(g), text), "\"%s\" is not in \"%s\"", text, tg_message(g));
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
}

/* ------------------------------------------------------------------------------------------------------- the rows */

Test(reductions, ties_and_NaN) {
    const double v[] = {1, -3, -3, 2, /**/ 5, 5, 5, 5, /**/ 0, nan_, -inf, nan_, /**/ inf, -inf, inf, -inf};
    tg_node x = matrix(4, 4, v), least = tg_min(x, tg_axis(1)), dx = slope(least, x);
    tg_node high = tg_argmax(x, tg_axis(1)), low = tg_argmin(x, tg_axis(-1)), down = tg_argmin(x, tg_axis(0));
    run();
    gives(least, (double[]){-3, 5, nan_, -inf}, 0);
    gives(dx, (double[]){0, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0, 2, 0, 2}, 0);
    gives(high, (double[]){3, 0, 1, 0}, 0);
    gives(low, (double[]){1, 0, 1, 1}, 0);
    gives(down, (double[]){2, 2, 2, 2}, 0);
    cr_assert_eq(tg_dtype_of(high), TG_I32);
}

/* From the end backwards, so that the first of equals is found last. */
static size_t first_of(const double *at, size_t length, size_t step, int sign) {
    size_t best = length - 1;
    bool nan = false;
    for (size_t k = length; k-- > 0;)
        if (isnan(at[k * step]) || (!nan && sign * at[k * step] >= sign * at[best * step])) {
            nan |= isnan(at[k * step]) != 0;
            best = k;
        }
    return best;
}

/* Against a search of our own, ties and NaN among them, in both dtypes and over every axis. */
Test(reductions, where_it_stands) {
    uint64_t state = 3;
    for (int turn = 0; turn < 60; turn++) {
        const tg_dtype dtype = turn % 2 ? TG_F32 : TG_F64;
        const size_t d[] = {1 + random_below(&state, 4), 1 + random_below(&state, 5), 1 + random_below(&state, 4)};
        const size_t n = d[0] * d[1] * d[2];
        double v[80];
        for (size_t i = 0; i < n; i++) v[i] = random_below(&state, 12) ? (double)random_below(&state, 5) - 2 : nan_;
        tg_node x = tg_input(g, dtype, tg_shape3((int64_t)d[0], (int64_t)d[1], (int64_t)d[2]));
        cr_assert_eq(set_doubles(x, v), TG_OK);
        for (int axis = -1; axis < 3; axis++) {
            const tg_axes axes = axis < 0 ? tg_keep(tg_axes_all()) : turn % 4 < 2 ? tg_axis(axis) : tg_axis(axis - 3);
            tg_node high = tg_argmax(x, axes), low = tg_argmin(x, tg_keep(axes));
            run();
            const size_t step = axis < 0 || axis == 2 ? 1
                                : axis == 1           ? d[2]
                                                      : d[1] * d[2],
                         length = axis < 0 ? n : d[axis];
            cr_assert_eq(tg_dims(low).rank, 3);
            cr_assert_eq(tg_dims(high).rank, axis < 0 ? 3 : 2);
            cr_assert_eq(tg_size(high), n / length);
            for (size_t j = 0; j < n / length; j++) {
                const double *at = v + j / step * step * length + j % step;
                const size_t most = first_of(at, length, step, 1), least = first_of(at, length, step, -1);
                cr_assert_eq(tg_item(high, j), (double)most, "axis %d, %zu: %g, not %zu", axis, j, tg_item(high, j),
                             most);
                cr_assert_eq(tg_item(low, j), (double)least, "axis %d, %zu: %g, not %zu", axis, j, tg_item(low, j),
                             least);
            }
        }
        teardown();
        setup();
    }
}

Test(reductions, cumsum) {
    const double v[] = {1, 2, 3, /**/ 4, nan_, 6};
    tg_node x = matrix(2, 3, v), along = tg_cumsum(x, -1, false), back = tg_cumsum(x, 1, true);
    tg_node down = tg_cumsum(x, 0, false), dx = slope(along, x), none = tg_cumsum(matrix(0, 3, NULL), 0, true);
    run();
    gives(along, (double[]){1, 3, 6, 4, nan_, nan_}, 0);
    gives(back, (double[]){6, 5, 3, nan_, nan_, 6}, 0);
    gives(down, (double[]){1, 2, 3, 5, nan_, 9}, 0);
    gives(dx, (double[]){6, 5, 3, 15, 11, 6}, 0);
    cr_assert_eq(tg_dims(none).dim[1], 3);
    cr_assert_eq(tg_size(none), 0);
}

/* ------------------------------------------------------------------------------------------------- the composites */

/* Whatever the axes, a composite's result has the shape of the sum, and the number that long double gives. */
Test(reductions, every_set_of_axes) {
    const size_t d[] = {2, 3, 4};
    uint64_t state = 5;
    double *v = random_array(&state, 24, -2, 2);
    for (unsigned set = 0; set < 8; set++)
        for (int way = 0; way < 4; way++) {
            int axis[3], count = 0;
            for (int i = 0; i < 3; i++)
                if (set >> i & 1) axis[count++] = way > 1 ? i - 3 : i;
            tg_axes axes = set == 7 && way > 1 ? tg_axes_all() : tg_axes_n(count, axis);
            axes.keep = way % 2;
            tg_node x = tg_input(g, TG_F64, tg_shape3(2, 3, 4)), sum = tg_sum(x, axes);
            tg_node z[] = {tg_mean(x, axes), tg_var(x, axes, 0), tg_std(x, axes, 0), tg_logsumexp(x, axes),
                           tg_prod(x, axes)};
            cr_assert_eq(tg_set(x, v), TG_OK);
            run();
            const size_t results = tg_size(sum), n = 24 / results;
            for (size_t j = 0; j < results; j++) {
                long double mean = 0, var = 0, power = 0, product = 1;
                for (int pass = 0; pass < 2; pass++)
                    for (size_t i = 0; i < 24; i++) {
                        size_t own = 0; /* which result it belongs to */
                        for (int a = 0; a < 3; a++) {
                            const size_t at = a == 0 ? i / 12 : a == 1 ? i / 4 % 3 : i % 4;
                            if (!(set >> a & 1)) own = own * d[a] + at;
                        }
                        if (own != j) continue;
                        if (pass == 0)
                            mean += (long double)v[i] / n, power += expl(v[i]), product *= v[i];
                        else
                            var += (v[i] - mean) * (v[i] - mean) / n;
                    }
                const long double want[] = {mean, var, sqrtl(var), logl(power), product};
                for (size_t k = 0; k < 5; k++)
                    cr_assert_leq(fabsl(tg_item(z[k], j) - want[k]), 4e-15L, "%zu of axes %u: %g", k, set,
                                  tg_item(z[k], j));
            }
            for (size_t k = 0; k < 5; k++) {
                const tg_shape has = tg_dims(z[k]), needed = tg_dims(sum);
                cr_assert(have_same_shape(has, needed), "%zu of axes %u", k, set);
            }
            teardown();
            setup();
        }
    free(v);
}

Test(reductions, statistics_of_little) {
    tg_node x = matrix(2, 3, (double[]){2, 3, 4, 5, 5, 5}), none = matrix(0, 2, NULL),
            one = matrix(1, 2, (double[]){7, -7});
    tg_node var = tg_var(x, tg_axis(1), 1), std = tg_std(x, tg_axis(1), 0), ds = slope(std, x);
    tg_node twice = slope(ds, x), lone = tg_std(one, tg_axis(0), 0), d_lone = slope(lone, one);
    tg_node empty = tg_mean(none, tg_axis(0)), flat = tg_mean(none, tg_axis(1)), spread = tg_var(none, tg_axis(0), 0);
    tg_node few = tg_var(one, tg_axis(0), 1), fewer = tg_std(one, tg_axis(0), 5),
            nans = tg_std(matrix(1, 2, (double[]){nan_, 1}), tg_axis(1), 0);
    run();
    const double s = sqrt(2. / 3);
    gives(var, (double[]){1, 0}, 1e-15);
    gives(std, (double[]){s, 0}, 1e-15);
    gives(ds, (double[]){-1 / (3 * s), 0, 1 / (3 * s), 0, 0, 0}, 1e-15);
    for (size_t i = 3; i < 6; i++) cr_assert(isnan(tg_item(twice, i)), "there is no second derivative at a corner");
    gives(lone, (double[]){0, 0}, 0);
    gives(d_lone, (double[]){0, 0}, 0);
    gives(empty, (double[]){nan_, nan_}, 0);
    gives(spread, (double[]){nan_, nan_}, 0);
    gives(few, (double[]){nan_, nan_}, 0);
    gives(fewer, (double[]){nan_, nan_}, 0);
    gives(nans, (double[]){nan_}, 0);
    cr_assert_eq(tg_size(flat), 0);
}

Test(reductions, variance_far_from_zero) {
    tg_node x = matrix(1, 4, (double[]){1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16});
    tg_node var = tg_var(x, tg_axes_all(), 1), std = tg_std(x, tg_axes_all(), 0);
    run();
    gives(var, (double[]){30}, 1e-13);
    gives(std, (double[]){sqrt(22.5)}, 1e-14);
}

Test(reductions, logsumexp_at_its_ends) {
    const double v[] = {1e4,  1e4,  -1e4, /**/ -1e4, -1e4,      -1e4, /**/ -inf, -inf,       -inf,   /**/ inf, 3,
                        -inf, -inf, 0,    -1e308,    /**/ nan_, inf,  1,         /**/ 1e308, -1e308, 0};
    tg_node x = matrix(7, 3, v), z = tg_logsumexp(x, tg_axis(1)), dx = slope(z, x),
            flat = tg_logsumexp(x, tg_axes_all());
    tg_node twice = slope(dx, x);
    run();
    gives(z, (double[]){1e4 + log(2), -1e4 + log(3), -inf, inf, 0, nan_, 1e308}, 4e-12);
    const double want[] = {0.5, 0.5, 0, /**/ 2. / 3, 2. / 3,    2. / 3, /**/ 0, 0,      0, /**/ 0, 0,
                           0,   0,   5, 0,           /**/ nan_, nan_,   nan_,   /**/ 7, 0, 0};
    gives(dx, want, 1e-15);
    cr_assert(isnan(tg_item(flat, 0)));
    for (size_t i = 0; i < 21; i++)
        if (i / 3 != 5) cr_assert(isfinite(tg_item(twice, i)), "second derivative %zu", i);
}

/* Equal elements are no corner of logsumexp: its second derivative is that of anywhere. */
Test(reductions, logsumexp_of_ties) {
    tg_node x = matrix(1, 2, (double[]){0, 0}), z = tg_logsumexp(x, tg_axis(1));
    tg_grads d = tg_backward(z, tg_const(g, TG_F64, tg_shape1(1), (double[]){1}));
    tg_node curve = slope(tg_grad(d, x), x);
    run();
    gives(curve, (double[]){-0.25, 0.25}, 1e-16); /* diag(p) - ppᵀ times (1, 2) */
}

/* Small integers, so that everything is exact: with no, one, two and three zeros. ∂ is the product of the others, and
 * the second derivative in the direction 1, 2, 3 … that of the others but one. */
static void check_product(size_t n, const double *v) {
    double slopes[8], curves[8], product = 1;
    for (size_t i = 0; i < n; i++) {
        product *= v[i];
        slopes[i] = 1;
        curves[i] = 0;
        for (size_t j = 0; j < n; j++) {
            double others = 1;
            for (size_t k = 0; k < n; k++) others *= k == i || k == j ? 1 : v[k];
            if (j == i)
                slopes[i] = others;
            else
                curves[i] += others * (double)(j + 1);
        }
    }
    tg_node x = matrix(1, (int64_t)n, v), z = tg_prod(x, tg_axes_all()), dx = slope(z, x), ddx = slope(dx, x);
    run();
    gives(z, &product, 0);
    gives(dx, slopes, 0);
    gives(ddx, curves, 0);
}

Test(reductions, products_with_zeros) {
    check_product(2, (double[]){0, 0});
    check_product(3, (double[]){2, 0, -3});
    check_product(5, (double[]){0, 2, 3, 0, 5});
    check_product(6, (double[]){1, 2, 3, 4, 5, 6});
    check_product(7, (double[]){1, 2, 3, 4, 5, 6, 0});
    check_product(7, (double[]){0, 2, 0, 4, 0, 6, 7});
    check_product(8, (double[]){1, -2, 3, -4, 0, 6, 7, 0});
}

/* Every length, along the first axis and along the last, beside a product in long double. */
Test(reductions, products_of_every_length) {
    uint64_t state = 8;
    for (size_t n = 0; n <= 40; n++) {
        double *v = random_array(&state, 3 * n, 0.5, 2), across[3], down[3];
        for (size_t j = 0; j < 3; j++) {
            long double a = 1, d = 1;
            for (size_t i = 0; i < n; i++) a *= v[j * n + i], d *= v[i * 3 + j];
            across[j] = (double)a, down[j] = (double)d;
        }
        tg_node rows = tg_prod(matrix(3, (int64_t)n, v), tg_axis(-1));
        tg_node columns = tg_prod(matrix((int64_t)n, 3, v), tg_keep(tg_axis(0)));
        run();
        cr_assert(tg_dims(rows).rank == 1 && tg_dims(columns).rank == 2 && tg_dims(columns).dim[1] == 3);
        for (size_t j = 0; j < 3; j++) {
            cr_assert_leq(fabs(tg_item(rows, j) - across[j]), 0x1p-52 * (double)n * across[j], "%zu", n);
            cr_assert_leq(fabs(tg_item(columns, j) - down[j]), 0x1p-52 * (double)n * down[j], "%zu", n);
        }
        free(v);
    }
}

Test(reductions, products_of_nothing) {
    tg_node none = matrix(2, 0, NULL), v = matrix(1, 2, (double[]){3, nan_}), lone = tg_prod(v, tg_axes_n(0, NULL));
    tg_node z = tg_prod(none, tg_axis(1)), all = tg_prod(none, tg_keep(tg_axes_all())),
            flat = tg_prod(none, tg_axis(0));
    tg_node dx = slope(z, none), dv = slope(lone, v);
    run();
    gives(z, (double[]){1, 1}, 0);
    gives(all, (double[]){1}, 0);
    gives(lone, (double[]){3, nan_}, 0);
    gives(dv, (double[]){1, 2}, 0);
    cr_assert(tg_size(flat) == 0 && tg_size(dx) == 0 && tg_dims(all).rank == 2 && tg_dims(lone).rank == 2);
}

/* An error unless it is asked for; then the identity, and no gradient to speak of. Elsewhere the option changes nothing. */
Test(reductions, extremes_of_nothing) {
    tg_node none = matrix(0, 2, NULL), x = matrix(2, 2, (double[]){1, -3, 2, 5});
    tg_node z[] = {tg_max(none, tg_empty(tg_axis(0))), tg_min(none, tg_empty(tg_axis(0))),
                   tg_logsumexp(none, tg_empty(tg_axis(0)))};
    tg_node kept = tg_max(none, tg_keep(tg_empty(tg_axis(0)))), flat = tg_min(none, tg_empty(tg_axis(1)));
    tg_node all = tg_max(none, tg_empty(tg_axes_all())), some = tg_max(x, tg_empty(tg_axis(1))), dz[3];
    for (size_t k = 0; k < 3; k++) dz[k] = slope(z[k], none);
    run();
    gives(z[0], (double[]){-inf, -inf}, 0);
    gives(z[1], (double[]){inf, inf}, 0);
    gives(z[2], (double[]){-inf, -inf}, 0);
    gives(kept, (double[]){-inf, -inf}, 0);
    gives(all, (double[]){-inf}, 0);
    gives(some, (double[]){1, 5}, 0);
    for (size_t k = 0; k < 3; k++) cr_assert(tg_dims(dz[k]).rank == 2 && tg_size(dz[k]) == 0);
    cr_assert(tg_dims(kept).rank == 2 && tg_size(kept) == 2 && tg_size(flat) == 0 && tg_size(z[0]) == 2);
    const tg_node label = tg_const(g, TG_I32, tg_shape1(0), NULL);
    const tg_mark m = tg_mark_now(g);
    refused(tg_max(none, tg_axis(0)), m, TG_SHAPE, "has nothing along the axes to take the maximum of");
    refused(tg_max(label, tg_empty(tg_axis(0))), m, TG_DTYPE, "max: ");
    refused(tg_min(none, tg_empty(tg_axis(2))), m, TG_SHAPE, "min: ");
    refused(tg_logsumexp(none, tg_axis(0)), m, TG_SHAPE, "logsumexp: ");
}

/* At 0 every norm has a corner, and the gradient is 0; elsewhere the largest share theirs. */
Test(reductions, norms) {
    const double v[] = {0, -0.0, 0, /**/ 3, -4, 0, /**/ -2, 2, 1, /**/ nan_, 1, 2, /**/ -inf, 1, 2};
    const double order[] = {1, 2, inf}, share[] = {0, 0, 0, 3, -4, 0};
    tg_node x = matrix(5, 3, v), z[3], dx[3], none = matrix(0, 2, NULL), flat[2];
    for (size_t k = 0; k < 3; k++) {
        z[k] = tg_norm(x, order[k], tg_axis(-1));
        dx[k] = slope(z[k], x);
    }
    tg_node twice = slope(dx[1], x);
    for (size_t k = 0; k < 2; k++) flat[k] = tg_norm(none, order[k], tg_keep(tg_axis(0)));
    run();
    gives(z[0], (double[]){0, 7, 5, nan_, inf}, 0);
    gives(z[1], (double[]){0, 5, 3, nan_, inf}, 0);
    gives(z[2], (double[]){0, 4, 2, nan_, inf}, 0);
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) cr_assert_eq(tg_item(dx[k], i), 0, "order %g", order[k]);
        cr_assert(isnan(tg_item(twice, i)), "there is no second derivative at a corner");
    }
    for (size_t i = 3; i < 6; i++) {
        cr_assert_eq(tg_item(dx[0], i), i == 3 ? 2 : i == 4 ? -2 : 0);
        cr_assert_leq(fabs(tg_item(dx[1], i) - 2 * share[i] / 5), 1e-15);
        cr_assert_eq(tg_item(dx[2], i), i == 4 ? -2 : 0);
    }
    cr_assert(tg_item(dx[2], 6) == -1.5 && tg_item(dx[2], 7) == 1.5 && tg_item(dx[2], 8) == 0, "the largest share");
    for (size_t k = 0; k < 2; k++) gives(flat[k], (double[]){0, 0}, 0);
}

/* ------------------------------------------------------------------------------------------------------- refusals */

Test(reductions, what_is_refused) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(none, tg_input(g, TG_F64, tg_shape2(0, 3)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape2(4, 3)));
    tg_mark m = tg_mark_now(g);
    refused(tg_min(none, tg_axis(0)), m, TG_SHAPE,
            "min: 'none' [0, 3] has nothing along the axes to take the minimum of");
    refused(tg_argmax(none, tg_axis(0)), m, TG_SHAPE,
            "argmax: 'none' [0, 3] has nothing along the axes to take the maximum");
    refused(tg_argmin(none, tg_axes_all()), m, TG_SHAPE, "argmin: 'none' [0, 3] has nothing along the axes");
    refused(tg_logsumexp(none, tg_axis(0)), m, TG_SHAPE, "logsumexp: 'none' [0, 3] has nothing along the axes");
    refused(tg_norm(none, inf, tg_axis(0)), m, TG_SHAPE, "norm: 'none' [0, 3] has nothing along the axes");
    refused(tg_prod(x, tg_axis(2)), m, TG_SHAPE, "prod: axis 2 is outside 'x' [4, 3]");
    refused(tg_prod(x, tg_axes2(0, 0)), m, TG_SHAPE, "prod: axis 0 of 'x' [4, 3] is given twice");
    refused(tg_prod(label, tg_axis(0)), m, TG_DTYPE, "prod: 'label' [4, 3] is i32");
    refused(tg_norm(x, 3, tg_axis(0)), m, TG_ARGUMENT, "norm: order 3 of 'x' [4, 3]; there are 1, 2 and infinity");
    refused(tg_norm(x, nan_, tg_axis(0)), m, TG_ARGUMENT, "norm: order ");
    refused(tg_norm(x, -inf, tg_axis(0)), m, TG_ARGUMENT, "norm: order -inf");
    refused(tg_argmax(x, tg_axes2(0, 1)), m, TG_ARGUMENT, "argmax: 2 axes of 'x': one or all");
    refused(tg_argmax(x, tg_axis(2)), m, TG_SHAPE, "argmax: axis 2 is outside 'x' [4, 3]");
    refused(tg_argmin(label, tg_axis(0)), m, TG_DTYPE, "argmin: 'label' is i32");
    refused(tg_argmin(tg_nil(g), tg_axis(0)), m, TG_HANDLE, "argmin: operand 1 is nil");
    refused(tg_cumsum(x, 2, false), m, TG_SHAPE, "cumsum: axis 2 is outside 'x' [4, 3]");
    refused(tg_cumsum(tg_input(g, TG_F64, tg_shape0()), 0, false), m, TG_SHAPE, "cumsum: axis 0 is outside");
    refused(tg_cumsum(label, 0, false), m, TG_DTYPE, "cumsum: 'label' is i32");
    refused(tg_mean(x, tg_axis(-3)), m, TG_SHAPE, "mean: axis -3 is outside 'x' [4, 3]");
    refused(tg_var(x, tg_axes2(1, -1), 0), m, TG_SHAPE, "var: axis -1 of 'x' [4, 3] is given twice");
    refused(tg_std(x, (tg_axes){.count = 99}, 0), m, TG_SHAPE, "std: more than 8 axes");
    refused(tg_std(x, (tg_axes){.count = -7}, 0), m, TG_SHAPE, "std: more than 8 axes");
    const int nine[9] = {0};
    refused(tg_std(x, tg_axes_n(9, nine), 0), m, TG_SHAPE, "std: more than 8 axes");
    refused(tg_std(x, tg_axes_n(-1, nine), 0), m, TG_SHAPE, "std: more than 8 axes");
    refused(tg_prod(x, tg_axes_n(1, NULL)), m, TG_SHAPE, "prod: axis -2147483648 is outside 'x' [4, 3]");
    refused(tg_var(x, tg_axis(0), -1), m, TG_ARGUMENT, "var: ddof = -1");
    refused(tg_mean(label, tg_axis(0)), m, TG_DTYPE, "mean: 'label' [4, 3] is i32");
    refused(tg_std(tg_nil(g), tg_axis(0), 0), m, TG_HANDLE, "std: x is nil");
    cr_assert(tg_is_nil(tg_mean(tg_nil(NULL), tg_axes_all())) && tg_is_nil(tg_argmax(tg_nil(NULL), tg_axes_all())));
    tg_node old = tg_neg(x);
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    refused(tg_logsumexp(old, tg_axis(0)), m, TG_HANDLE, "stale");
    (void)tg_backward(tg_cast(tg_argmax(x, tg_axis(0)), TG_F64), tg_input(g, TG_F64, tg_shape1(3)));
    cr_assert_eq(tg_error(g), TG_GRADIENT, "%s", tg_message(g));
}

/* The largest index is 2^31 - 2, of a length that an i32 can also say. */
Test(reductions, as_many_as_an_i32_counts) {
    const tg_node most = tg_input(g, TG_F32, tg_shape1(INT32_MAX));
    const tg_node more = tg_input(g, TG_F32, tg_shape1((int64_t)INT32_MAX + 1));
    const tg_mark m = tg_mark_now(g);
    cr_expect_not(tg_is_nil(tg_argmax(most, tg_axis(0))), "%s", tg_message(g));
    refused(tg_argmax(more, tg_axis(0)), m, TG_SHAPE, "more elements along the axis than an i32 counts");
}

Test(reductions, formulas_of_places) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape3(2, 3, 4)));
    for (int axis = 0; axis < 3; axis++)
        for (int keep = 0; keep < 2; keep++) {
            char text[80], expected[80];
            tg_formula(tg_argmax(x, keep ? tg_keep(tg_axis(axis)) : tg_axis(axis)), text, sizeof text);
            snprintf(expected, sizeof expected, "argmax(x, axis=%d%s)", axis, keep ? ", keepdims=True" : "");
            cr_expect_str_eq(text, expected);
        }
}
