/* Where a function has a corner, a tie, a NaN, no elements, or operands that do not fit. */
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(edges, .init = setup, .fini = teardown, .timeout = 60);

static tg_node vector(int64_t n, const double *v) {
    tg_node x = tg_input(g, TG_F64, tg_shape1(n));
    cr_assert_eq(tg_set(x, v), TG_OK);
    return x;
}

/* The gradient of Σ z with respect to x, element i. */
static double slope(tg_node z, tg_node x, size_t i) {
    tg_grads d = tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    return tg_item(tg_grad(d, x), i);
}

static void says(tg_status status, const char *text) {
    cr_assert_eq(tg_error(g), status, "status %d: %s", tg_error(g), tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), text), "'%s' is not in: %s", text, tg_message(g));
}

/* --------------------------------------------------------------------------------------------- corners and NaN */

Test(edges, relu_at_zero_and_nan) {
    const double v[] = {0.0, -0.0, NAN, 1, -1, INFINITY, -INFINITY}, want[] = {0, 0, 0, 1, 0, 1, 0};
    tg_node x = vector(7, v), z = tg_relu(x);
    for (size_t i = 0; i < 7; i++) cr_assert_eq(slope(z, x, i), want[i], "relu'(%g)", v[i]);
    cr_assert(isnan(tg_item(z, 2)));
    cr_assert_eq(tg_item(z, 0), 0);
    cr_assert_eq(tg_item(z, 5), INFINITY);
    cr_assert_eq(tg_item(z, 6), 0);
}

Test(edges, max_shares_ties) {
    const double v[] = {3, 1, 3, 3, /**/ 2, 2, 1, 0, /**/ -1, -2, -3, -4, /**/ 0.0, -0.0, -1, -1};
    const double want[] = {1. / 3, 0, 1. / 3, 1. / 3, 0.5, 0.5, 0, 0, 1, 0, 0, 0, 0.5, 0.5, 0, 0};
    tg_node x = tg_input(g, TG_F64, tg_shape2(4, 4)), z = tg_max(x, tg_axis(1));
    cr_assert_eq(tg_set(x, v), TG_OK);
    for (size_t i = 0; i < 16; i++) cr_assert_eq(slope(z, x, i), want[i], "element %zu", i);
    cr_assert_eq(tg_item(z, 0), 3);
    cr_assert_eq(tg_item(z, 2), -1);
}

Test(edges, max_sees_nan_wherever_it_is) {
    for (int64_t n = 1; n < 40; n++)
        for (int64_t at = 0; at < n; at++) {
            double v[40];
            for (int i = 0; i < 40; i++) v[i] = i % 5;
            v[at] = NAN;
            tg_node x = vector(n, v), rows = tg_max(tg_reshape(x, tg_shape2(n, 1)), tg_axis(0));
            tg_node z = tg_max(x, tg_axes_all()), kept = tg_max(tg_expand(x, tg_shape2(2, n)), tg_axis(0));
            cr_assert_eq(tg_run(g), TG_OK);
            cr_assert(isnan(tg_item(z, 0)) && isnan(tg_item(rows, 0)), "NaN at %d of %d", (int)at, (int)n);
            cr_assert(isnan(tg_item(kept, (size_t)at)));
        }
}

Test(edges, where_does_not_leak_from_the_other_branch) {
    const double v[] = {-1, 0, 4};
    tg_node x = vector(3, v), safe = tg_gt(x, tg_scalar(g, TG_F64, 0));
    tg_node root = tg_where(safe, tg_sqrt(x), x), z = tg_where(safe, root, tg_scalar(g, TG_F64, 7));
    cr_assert_eq(slope(z, x, 2), 0.25);
    cr_assert_eq(tg_item(z, 0), 7);
    cr_assert_eq(tg_item(z, 2), 2);

    /* Chosen NaNs and infinities pass; the others leave neither value nor gradient. */
    const double c[] = {1, 0, NAN}, a[] = {2, NAN, 3}, b[] = {INFINITY, 5, NAN};
    tg_node cond = vector(3, c), p = vector(3, a), q = vector(3, b), w = tg_where(cond, p, q);
    const double of_p[] = {1, 0, 1};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(slope(w, p, i), of_p[i]);
        cr_assert_eq(slope(w, q, i), 1 - of_p[i]);
    }
    cr_assert_eq(tg_item(w, 0), 2);
    cr_assert_eq(tg_item(w, 1), 5);
    cr_assert_eq(tg_item(w, 2), 3);
}

/* exp and log give an element the same bits wherever it stands, alone or among others. */
Test(edges, transcendentals_do_not_depend_on_the_place) {
    uint64_t state = 5;
    double *v = random_array(&state, 100, 0.01, 9);
    tg_node x = vector(100, v), all[2] = {tg_exp(x), tg_log(x)};
    tg_node one = tg_input(g, TG_F64, tg_shape0()), each[2] = {tg_exp(one), tg_log(one)};
    for (size_t i = 0; i < 100; i++) {
        cr_assert_eq(tg_set(one, &v[i]), TG_OK);
        cr_assert_eq(tg_run(g), TG_OK);
        for (int k = 0; k < 2; k++) cr_assert_eq(tg_item(all[k], i), tg_item(each[k], 0), "element %zu", i);
    }
    free(v);
}

/* ------------------------------------------------------------------------------------------------ sizes 0 and 8 */

Test(edges, nothing_at_all) {
    tg_node x = tg_input(g, TG_F64, tg_shape2(0, 3)), y = tg_input(g, TG_F64, tg_shape2(3, 0));
    tg_node sum = tg_sum(x, tg_axis(0)), product = tg_matmul(x, y), outer = tg_matmul(y, x);
    tg_node kept = tg_max(x, tg_axis(1)), turned = tg_transpose(x, tg_axes_all());
    cr_assert_eq(tg_set(x, NULL), TG_OK);
    cr_assert_eq(tg_bind(y, NULL), TG_OK);
    tg_node all = tg_sum(outer, tg_axes_all());
    tg_grads d = tg_backward(all, tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_size(product), 0);
    cr_assert_eq(tg_size(kept), 0);
    cr_assert_eq(tg_dims(turned).dim[1], 0);
    for (size_t i = 0; i < 3; i++) cr_assert_eq(tg_item(sum, i), 0);
    for (size_t i = 0; i < 9; i++) cr_assert_eq(tg_item(outer, i), 0);
    cr_assert_eq(tg_item(all, 0), 0);
    cr_assert_not_null(tg_value(tg_grad(d, x)));
    cr_assert(isnan(tg_item(tg_grad(d, x), 0)), "an element of nothing");

    cr_assert(tg_is_nil(tg_max(x, tg_axis(0))));
    says(TG_SHAPE, "nothing along the axes");
}

Test(edges, rank_8) {
    const int64_t dims[] = {2, 1, 3, 1, 2, 2, 1, 3};
    const int order[] = {7, 6, 5, 4, 3, 2, 1, 0};
    uint64_t state = 8;
    double *v = random_array(&state, 72, -2, 2);
    tg_node x = tg_input(g, TG_F64, tg_shape_n(8, dims));
    cr_assert_eq(tg_set(x, v), TG_OK);
    tg_node back = tg_transpose(tg_transpose(x, tg_axes_n(8, order)), tg_axes_all());
    tg_node sum = tg_sum(x, tg_keep(tg_axes3(0, -4, -1))), z = tg_mul(tg_sub(back, sum), x);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_dims(sum).rank, 8);
    cr_assert_eq(memcmp(tg_value(back), v, 72 * sizeof *v), 0);
    cr_assert_eq(tg_size(sum), 6);
    for (size_t i = 0; i < 72; i++) {
        double want = v[i];
        size_t mid = i / 12 % 3, last = i / 3 % 2; /* the axes that stay are 2 and 5 */
        for (size_t k = 0; k < 72; k++)
            if (k / 12 % 3 == mid && k / 3 % 2 == last) want -= v[k];
        cr_assert_leq(fabs(tg_item(z, i) - want * v[i]), 1e-13);
    }
    free(v);
    int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    cr_assert(tg_is_nil(tg_input(g, TG_F64, tg_shape_n(9, nine))));
    says(TG_SHAPE, "rank 9");
}

/* ------------------------------------------------------------------------------------------------- what is refused */

static tg_node f32, f64, i32;
static void operands(void) {
    f32 = tg_input(g, TG_F32, tg_shape2(4, 3));
    f64 = tg_input(g, TG_F64, tg_shape2(4, 3));
    i32 = tg_input(g, TG_I32, tg_shape1(4));
}

static void refused(tg_node z, tg_mark mark, tg_status status, const char *text) {
    cr_assert(tg_is_nil(z), "accepted: %s", text);
    cr_assert_eq(z.graph, g);
    says(status, text);
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    cr_assert_eq(tg_error(g), TG_OK);
}

Test(edges, dtypes) {
    operands();
    tg_mark m = tg_mark_now(g);
    refused(tg_add(f32, f64), m, TG_DTYPE, "add: #1 (input) is f32 but #2 (input) is f64; tg_cast one of them");
    refused(tg_where(f64, f64, f32), m, TG_DTYPE, "where: ");
    refused(tg_neg(i32), m, TG_DTYPE, "neg: #3 (input) is i32");
    refused(tg_sum(i32, tg_axis(0)), m, TG_DTYPE, "sum: ");
    refused(tg_max(i32, tg_axis(0)), m, TG_DTYPE, "max: ");
    refused(tg_matmul(f32, f64), m, TG_DTYPE, "matmul: ");
    refused(tg_gather(f64, f64), m, TG_DTYPE, "gather: ");
    refused(tg_gather(i32, i32), m, TG_DTYPE, "gather: ");
    refused(tg_scatter(f64, f64, 3), m, TG_DTYPE, "scatter: ");
    refused(tg_cast(f64, (tg_dtype)3), m, TG_DTYPE, "cast: 3 is no dtype");
    refused(tg_input(g, (tg_dtype)-1, tg_shape0()), m, TG_DTYPE, "input: -1 is no dtype");
    refused(tg_scalar(g, (tg_dtype)7, 1), m, TG_DTYPE, "const: 7 is no dtype");
    refused(tg_scalar(g, TG_I32, 2147483648.0), m, TG_ARGUMENT, "is no i32");
    refused(tg_scalar(g, TG_I32, NAN), m, TG_ARGUMENT, "is no i32");
}

/* An integer leaf takes whole numbers only, and no random ones; what it held it still holds. */
Test(edges, integers_are_filled_with_integers) {
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(2)));
    static const struct {
        double v;
        const char *said;
    } wrong[] = {{2.5, "fill: 2.5 is no i32, which 'label' is"},
                 {2147483648.0, "fill: 2147483648 is no i32"},
                 {-2147483649.0, "fill: -2147483649 is no i32"},
                 {(double)NAN, "nan is no i32"},
                 {(double)INFINITY, "fill: inf is no i32"}};
    cr_assert_eq(tg_fill(label, -2147483648.0), TG_OK, "%s", tg_message(g));
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        cr_expect_eq(tg_fill(label, wrong[k].v), TG_ARGUMENT, "%g is taken", wrong[k].v);
        cr_expect_not_null(strstr(tg_message(g), wrong[k].said), "%s", tg_message(g));
    }
    cr_expect_eq(tg_fill_uniform(label, 0, 3, 1), TG_DTYPE);
    cr_expect_not_null(strstr(tg_message(g), "fill_uniform: 'label' is i32; random numbers are floating-point"));
    cr_expect_eq(tg_fill_normal(label, 0, 3, 1), TG_DTYPE);
    cr_expect_not_null(strstr(tg_message(g), "fill_normal: 'label' is i32; random numbers are floating-point"));
    cr_expect_eq(tg_item(label, 1), -2147483648.0);
    cr_assert_eq(tg_fill(label, 2147483647.0), TG_OK, "%s", tg_message(g));
    cr_expect_eq(tg_item(label, 0), 2147483647.0);
}

Test(edges, shapes) {
    operands();
    tg_mark m = tg_mark_now(g);
    refused(tg_add(f64, tg_input(g, TG_F64, tg_shape1(4))), m, TG_SHAPE, "[4, 3] with #4 (input) [4] (3 against 4");
    refused(tg_mul(f64, tg_input(g, TG_F64, tg_shape2(2, 1))), m, TG_SHAPE, "(4 against 2 in axis -2)");
    refused(tg_sum(f64, tg_axis(2)), m, TG_SHAPE, "axis 2 is outside #2 (input) [4, 3]");
    refused(tg_sum(f64, tg_axis(-3)), m, TG_SHAPE, "axis -3 is outside");
    refused(tg_sum(f64, tg_axes2(1, -1)), m, TG_SHAPE, "axis -1 of #2 (input) [4, 3] is given twice");
    refused(tg_sum(f64, (tg_axes){.count = 99}), m, TG_SHAPE, "more than 8 axes");
    refused(tg_batchnorm(f64, f64, f64, (tg_axes){.count = 99}, 1, "bn"), m, TG_SHAPE, "more than 8 axes");
    refused(tg_reshape(f64, tg_shape2(5, -1)), m, TG_SHAPE, "has 12 elements, which do not make [5, -1]");
    refused(tg_reshape(f64, tg_shape3(INT64_MAX, 4, 3)), m, TG_SHAPE, "which do not make [9223372036854775807, 4, 3]");
    refused(tg_reshape(tg_input(g, TG_F64, tg_shape2(0, 3)), tg_shape2(0, -1)), m, TG_SHAPE,
            "has 0 elements, which do not make [0, -1]");
    refused(tg_reshape(f64, tg_shape2(-1, -1)), m, TG_SHAPE, "only one dimension may be -1");
    refused(tg_reshape(f64, tg_shape2(-2, -6)), m, TG_SHAPE, "a negative dimension");
    refused(tg_transpose(f64, tg_axis(0)), m, TG_SHAPE, "1 axes were given for #2 (input) of rank 2");
    refused(tg_transpose(f64, tg_axes2(0, 0)), m, TG_SHAPE, "twice");
    refused(tg_expand(f64, tg_shape1(3)), m, TG_SHAPE, "does not broadcast to [3]");
    refused(tg_expand(f64, tg_shape3(2, 4, 2)), m, TG_SHAPE, "does not broadcast to [2, 4, 2]");
    refused(tg_expand_axes(f64, tg_shape3(4, 2, 3), tg_axis(0)), m, TG_SHAPE, "does not broadcast to");
    refused(tg_matmul(f64, f64), m, TG_SHAPE, "the inner dimensions differ");
    refused(tg_gather(f64, tg_input(g, TG_I32, tg_shape1(3))), m, TG_SHAPE, "one label for each row");
    refused(tg_scatter(tg_input(g, TG_F64, tg_shape1(3)), i32, 2), m, TG_SHAPE, "one label for each element");
    refused(tg_scatter(tg_input(g, TG_F64, tg_shape1(4)), i32, -1), m, TG_ARGUMENT, "-1 classes");
    refused(tg_input(g, TG_F64, tg_shape2(-1, 3)), m, TG_SHAPE, "negative dimension");
    refused(tg_input(g, TG_F64, tg_shape3(INT64_MAX, 3, 0)), m, TG_SHAPE, "more elements than memory");
    refused(tg_input(g, TG_F64, tg_shape4(1 << 20, 1 << 20, 1 << 20, 16)), m, TG_SHAPE, "more elements than memory");
}

Test(edges, casts) {
    const double v[] = {2.9, -2.9, 0.1, -2147483648.9};
    tg_node x = vector(4, v), narrow = tg_cast(x, TG_F32), whole = tg_cast(x, TG_I32), again = tg_cast(whole, TG_F64);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    for (size_t i = 0; i < 4; i++) cr_assert_eq(tg_item(again, i), trunc(v[i]));
    cr_assert_eq(tg_item(narrow, 2), (double)0.1f);
    cr_assert_eq(tg_set(x, (double[]){0, 1, NAN, 3}), TG_OK);
    cr_assert_eq(tg_run(g), TG_VALUE);
    says(TG_VALUE, "element 2 is nan, which does not fit i32");
    cr_assert_eq(tg_set(x, (double[]){0, 1, 2, 2147483648.0}), TG_OK);
    cr_assert_eq(tg_run(g), TG_VALUE);
    cr_assert_eq(tg_set(x, v), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_backward(tg_sum(again, tg_axes_all()), tg_nil(g)).id, 0);
    says(TG_GRADIENT, "backward: ");
}
