/* Comparing a value with an array: what counts as equal, against which scale, and what is refused. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

static tg_graph *g;
static struct heap heap;
static void setup(void) { g = tg_graph_new_with(heap_allocator(&heap)); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(compare, .init = setup, .fini = teardown, .timeout = 60);

static tg_node row(int64_t n) { return tg_input(g, TG_F64, tg_shape1(n)); }

static tg_node set(tg_node a, const void *data) {
    cr_assert_eq(tg_set(a, data), TG_OK, "%s", tg_message(g));
    return a;
}

static tg_array array_of(tg_node a, const void *data) { return (tg_array){"other", tg_dtype_of(a), tg_dims(a), data}; }

static tg_difference against(tg_node a, const void *data, double tolerance) {
    tg_difference d = {.error = -1};
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_compare(a, array_of(a, data), tolerance, NULL, &d), TG_OK, "%s", tg_message(g));
    return d;
}

/* ------------------------------------------------------------------------------------------------------- equality */

Test(compare, pairs) {
    const struct {
        double ours, theirs, error;
    } cases[] = {{1, 1, 0}, {2, 1, 0.5}, {0, -0.0, 0}, {0, 0, 0}, {0, 5e-324, INFINITY}, {NAN, NAN, 0},
                 {NAN, -(double)NAN, 0}, {NAN, 0, INFINITY}, {0, NAN, INFINITY}, {INFINITY, INFINITY, 0},
                 {INFINITY, -INFINITY, INFINITY}, {INFINITY, NAN, INFINITY}, {1, INFINITY, INFINITY},
                 {1.7e308, -1.7e308, INFINITY}};
    tg_node alone = tg_input(g, TG_F64, tg_shape0()), x = row(3), deep = tg_input(g, TG_F64, tg_shape3(2, 1, 2));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double a = cases[i].ours, b = cases[i].theirs;
        tg_difference d = against(set(alone, &a), &b, 1e-3);
        cr_expect_eq(d.error, cases[i].error, "%g %g: %g", a, b, d.error);
        cr_expect_eq(d.parts, cases[i].error > 1e-3);
        cr_expect_str_eq(d.name, "other");
        d = against(set(x, (double[]){7, a, 9}), (double[]){7, b, 9}, 1e-3);
        cr_expect_eq(d.error, cases[i].error, "%g %g in a row: %g", a, b, d.error);
        cr_expect_eq(d.index, cases[i].error > 0 ? 1 : 0);
        set(deep, (double[]){1, 2, 3, a});
        (void)against(deep, (double[]){1, 2, 3, b}, 1e-3);
        d = against(deep, (double[]){1, 2, 3, b}, INFINITY);
        cr_expect_not(d.parts, "nothing is larger than infinity");
    }
}

Test(compare, columns_have_their_own_scale) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 3)));
    set(x, (double[]){1, 1e-6, 5, 1, -2e-6, 5});
    tg_difference d = against(x, (double[]){1, 0, 5, 1, 0, 5}, 1e-12);
    cr_assert(d.parts && d.index == 4 && d.error == 1 && d.scale == 2e-6 && d.theirs == 0 && d.ours == -2e-6);
    d = against(x, (double[]){1, 1e-6, 5, 1, -2e-6 * (1 + 1e-13), 5}, 1e-12);
    cr_assert(!d.parts && d.error > 0);
    double floor[] = {0, 3e-6, 0};
    cr_assert_eq(tg_compare(x, array_of(x, (double[]){1, 0, 5, 1, 0, 5}), 1e-12, floor, &d), TG_OK);
    cr_assert_not(d.parts, "the floor is above: %g", d.error);
    cr_assert_eq(tg_compare(x, array_of(x, (double[]){1, 0, 5, 1, 0, 5}), 0, floor, &d), TG_OK);
    cr_assert_not(d.parts, "and without tolerance");
    cr_assert_eq(tg_compare(x, array_of(x, (double[]){1, 9, 5, 1, 0, 5}), 1e-12, floor, &d), TG_OK);
    cr_assert(d.parts);
    floor[1] = INFINITY;
    cr_assert_eq(tg_compare(x, array_of(x, (double[]){1, NAN, 5, 1, 0, 5}), 1e-12, floor, &d), TG_OK);
    cr_assert(d.parts && d.error == INFINITY, "a NaN parts, and no column behind it hides that");
    set(x, (double[]){INFINITY, 0, 0, 2, 0, 0});
    d = against(x, (double[]){INFINITY, 0, 0, 1, 0, 0}, 1e-12);
    cr_assert(d.error == 0.5 && d.scale == 2, "an infinity is no scale for the others");
}

/* Columns that are off by as much up to rounding, as by the factor N/(N - 1): the first is named, but where a later one
 * alone parts, that. */
Test(compare, of_columns_alike_the_first) {
    TG_LET(x, row(3));
    set(x, (double[]){0.3, 0.7, 0.1});
    const tg_difference d = against(x, (double[]){0.3 * (8 / 7.), 0.7 * (8 / 7.) * (1 + 1e-12), 0.1 * (8 / 7.)}, 1e-12);
    cr_assert(d.parts && d.index == 0, "%zu", d.index);
    const double more = 0.7 * (1 + 0.1 * (1 + 1e-9));
    const tg_difference late = against(x, (double[]){0.3 * 1.1, more, 0.1 * 1.1}, 0.1 * (1 + 5e-10));
    cr_assert(late.parts && late.index == 1, "%zu", late.index);
}

Test(compare, empty_and_integers) {
    TG_LET(none, tg_input(g, TG_F64, tg_shape2(0, 3)));
    TG_LET(nothing, tg_input(g, TG_F32, tg_shape2(3, 0)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(3)));
    set(none, NULL);
    set(nothing, NULL);
    set(label, (int32_t[]){0, -3, INT32_MIN});
    cr_assert_not(against(none, NULL, 0).parts);
    cr_assert_not(against(nothing, NULL, 0).parts);
    cr_assert_not(against(label, (int32_t[]){0, -3, INT32_MIN}, 0).parts);
    cr_assert_eq(against(label, (int32_t[]){0, -4, INT32_MIN}, 1e-5).error, 1.0 / 3);
    cr_assert_eq(against(label, (int32_t[]){1, -3, INT32_MIN}, 1e-5).error, INFINITY);
}

Test(compare, single_beside_double) {
    TG_LET(x, tg_input(g, TG_F32, tg_shape1(2)));
    set(x, (float[]){0.1f, 3});
    tg_array other = {"x", TG_F64, tg_shape1(2), (double[]){0.1, 3}};
    tg_difference d;
    cr_assert_eq(tg_compare(x, other, 2e-5, NULL, &d), TG_OK);
    cr_assert(!d.parts && d.error > 1e-9 && d.error < 1e-7);
    cr_assert_eq(tg_compare(x, other, 1e-12, NULL, &d), TG_OK);
    cr_assert(d.parts);
}

/* --------------------------------------------------------------------------------------------------------- scales */

static double scale_of(tg_node a) {
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    double *own = doubles_of(a);
    tg_difference d;
    for (size_t i = 0; i < tg_size(a); i++) own[i] = own[i] / 2 + 1;
    tg_array other = {"other", TG_F64, tg_dims(a), own};
    cr_assert_eq(tg_compare(a, other, 1, NULL, &d), TG_OK, "%s", tg_message(g));
    free(own);
    return d.scale;
}

Test(compare, scales) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 1)));
    TG_LET(y, tg_input(g, TG_F64, tg_shape2(2, 1)));
    set(x, (double[]){1e10, 3});
    set(y, (double[]){1e10 - 2, -3});
    const tg_node two = tg_scalar(g, TG_F64, 2);
    cr_expect_eq(scale_of(tg_sub(x, y)), 2e10 - 2, "|x| + |y|");
    cr_expect_eq(scale_of(tg_mul(tg_sub(x, y), two)), 4e10 - 4, "what scales an unnamed sum");
    cr_expect_eq(scale_of(tg_sum(tg_sub(y, y), tg_axes_all())), 0, "terms, as they are");
    cr_expect_eq(scale_of(tg_sum(y, tg_axes_all())), 1e10 + 1);
    cr_expect_eq(scale_of(tg_neg(tg_transpose(tg_sum(y, tg_keep(tg_axes_all())), tg_axes_all()))), 1e10 + 1);
    cr_expect_eq(scale_of(tg_matmul(tg_transpose(x, tg_axes_all()), y)), 1e10 * (1e10 - 2) + 9);
    cr_expect_eq(scale_of(tg_div(two, tg_sub(x, y))), 1, "2/(x - y) is larger than 2/(|x| + |y|)");
    cr_expect_eq(scale_of(tg_cast(tg_sub(x, y), TG_I32)), 6, "though |x| + |y| is beyond any i32");
    cr_expect_eq(scale_of(tg_exp(tg_sub(tg_scalar(g, TG_F64, 0), tg_scalar(g, TG_F64, 0)))), 1);
    TG_LET(named, tg_sub(x, y));
    cr_expect_eq(scale_of(tg_mul(named, two)), 12, "a named sum is a step of its own");
    cr_expect_eq(scale_of(tg_identity(x)), 1e10);
    TG_LET(huge, tg_input(g, TG_F64, tg_shape1(1)));
    set(huge, (double[]){1.5e308});
    TG_LET(half, tg_mul(huge, tg_scalar(g, TG_F64, 0.5)));
    cr_expect_eq(scale_of(tg_sub(huge, half)), 0.75e308, "|a| + |b| is beyond any double");
    cr_expect_eq(tg_error(g), TG_OK, "%s", tg_message(g));
}

/* ------------------------------------------------------------------------------------------------- what is refused */

static void refuses(tg_node a, tg_array other, double tolerance, tg_status status, const char *says) {
    tg_difference d;
    cr_expect_eq(tg_compare(a, other, tolerance, NULL, &d), status, "%s", tg_message(g));
    cr_expect_not_null(strstr(tg_message(g), says), "'%s' is not in: %s", says, tg_message(g));
}

Test(compare, refusals) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 3)));
    const tg_mark mark = tg_mark_now(g);
    TG_LET(gone, tg_exp(x));
    const double v[6] = {0};
    tg_array ok = array_of(x, v), a = ok;
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    refuses(x, ok, 1, TG_VALUE, "compare: 'x' has no value: run the graph first");
    set(x, v);
    refuses(gone, ok, 1, TG_HANDLE, "compare: the handle is stale");
    refuses(tg_nil(g), ok, 1, TG_HANDLE, "compare: the handle is nil");
    a.shape = tg_shape2(3, 2);
    refuses(x, a, 1, TG_SHAPE, "compare: 'x' is [2, 3], but what it is compared with is [3, 2]");
    a.shape = tg_shape1(6);
    refuses(x, a, 1, TG_SHAPE, "with is [6]");
    a.shape = tg_shape_n(100, (const int64_t[100]){1});
    refuses(x, a, 1, TG_SHAPE, "rank 100 is outside 0 to 8");
    a.shape.rank = -1;
    refuses(x, a, 1, TG_SHAPE, "rank -1");
    a = ok;
    a.data = NULL;
    refuses(x, a, 1, TG_ARGUMENT, "what 'x' is compared with is NULL");
    a = ok;
    memset(&a.dtype, 77, sizeof a.dtype);
    refuses(x, a, 1, TG_DTYPE, "is no dtype");
    refuses(x, ok, NAN, TG_ARGUMENT, "tolerance nan is not 0 or more");
    refuses(x, ok, -1, TG_ARGUMENT, "tolerance -1 is not 0 or more");
    tg_difference d;
    cr_expect_eq(tg_compare((tg_node){0}, ok, 1, NULL, &d), TG_HANDLE);

    memset(&a, 0xff, sizeof a); /* what lies between the fields of a shape is nobody's business */
    a.name = "x", a.dtype = TG_F64, a.data = v, a.shape.rank = 2;
    for (int i = 0; i < TG_MAX_RANK; i++) a.shape.dim[i] = i == 0 ? 2 : i == 1 ? 3 : 0;
    cr_expect_eq(tg_compare(x, a, 1, NULL, &d), TG_OK, "%s", tg_message(g));
    cr_expect_eq(tg_error(g), TG_OK, "a second try clears what the first one said");
    tg_fail(g, TG_ARGUMENT, "pending");
    refuses(tg_nil(g), ok, 1, TG_ARGUMENT, "pending");
}

/* Each allocation fails in turn: one message, nothing leaks, nothing of the user's moves, a second try succeeds. */
Test(compare, out_of_memory) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(3, 2)));
    TG_LET(mean, tg_mul(tg_sum(tg_sub(x, tg_square(x)), tg_axis(0)), tg_scalar(g, TG_F64, 1.0 / 3)));
    set(x, (double[]){1, 2, 3, 4, 5, 6});
    const tg_difference want = against(mean, (double[]){1, 2}, 1e-12);
    const double before[] = {tg_item(mean, 0), tg_item(mean, 1)};
    const size_t live = heap.live, blocks = heap.blocks;
    for (size_t point = 1;; point++) {
        tg_difference d;
        heap.calls = 0;
        heap.fail_at = point;
        tg_status status = tg_compare(mean, array_of(mean, (double[]){1, 2}), 1e-12, NULL, &d);
        const bool reached = heap.calls >= point;
        heap.fail_at = 0;
        cr_assert_eq(status, reached ? TG_MEMORY : TG_OK);
        cr_assert_eq(tg_error(g), status);
        cr_assert(!reached || strstr(tg_message(g), "out of memory"));
        cr_assert(heap.live == live && heap.blocks == blocks && heap.wrong == 0, "point %zu", point);
        cr_assert(memcmp(tg_value(mean), before, sizeof before) == 0);
        d = against(mean, (double[]){1, 2}, 1e-12);
        cr_assert(d.error == want.error && d.index == want.index && d.scale == want.scale && d.parts);
        if (!reached) {
            cr_assert_gt(point, 5);
            return;
        }
    }
}
