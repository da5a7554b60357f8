/* Slices, padding, putting together and picking: every small case against index arithmetic, and what is refused. */
#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>

TestSuite(movement, .timeout = 60);

static const int32_t counting[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                     16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static tg_node numbers(tg_graph *g, tg_shape shape) { return tg_const(g, TG_I32, shape, counting); }

static void says(tg_graph *g, tg_status status, const char *part) {
    cr_expect_eq(tg_error(g), status, "%s", tg_message(g));
    cr_expect_not_null(strstr(tg_message(g), part), "'%s' is not in: %s", part, tg_message(g));
}

/* --------------------------------------------------------------------------------------------------------- repeating
 */

/* Pieces that double, up to where a copy stops growing and to where threads share the work. */
Test(movement, what_is_repeated_often) {
    static const struct {
        tg_shape x, z;
        size_t length, inner; /* of x, and how often an element stands before the next does */
    } cases[] = {{{0, {0}}, {2, {3, 70001}}, 1, 1},          {{1, {3}}, {2, {100003, 3}}, 3, 1},
                 {{1, {3}}, {3, {7, 241, 3}}, 3, 1},         {{2, {1, 8192}}, {2, {65, 8192}}, 8192, 1},
                 {{2, {5, 1}}, {2, {5, 3000}}, 5, 3000},     {{2, {5, 1}}, {3, {401, 5, 33}}, 5, 33},
                 {{3, {1, 32, 1}}, {3, {9, 32, 64}}, 32, 64}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
            tg_graph *g = tg_graph_new();
            tg_node x = tg_input(g, dtype, cases[i].x), z = tg_expand(x, cases[i].z);
            cr_assert_eq(tg_fill_uniform(x, -1, 1, i + 1), TG_OK);
            cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
            for (size_t k = 0; k < tg_size(z); k++)
                if (tg_item(z, k) != tg_item(x, k / cases[i].inner % cases[i].length))
                    cr_assert_fail("case %zu: element %zu", i, k);
            tg_graph_free(g);
        }
}

/* ---------------------------------------------------------------------------------------------------------- slices */

/* Python's own words (slice.indices), without a closed form. */
static size_t walk(int64_t n, int64_t start, int64_t stop, int64_t step, int64_t *at) {
    const int64_t low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
    size_t count = 0;
    if (start < 0) start = start < -n ? low : start + n;
    if (stop < 0) stop = stop < -n ? low : stop + n;
    if (start > high) start = high;
    if (stop > high) stop = high;
    if (start < low) start = low;
    if (stop < low) stop = low;
    for (int64_t i = start; step < 0 ? i > stop : i < stop; i += step) at[count++] = i;
    return count;
}

static void check_slice(tg_graph *g, tg_node x, int64_t n, int64_t start, int64_t stop, int64_t step) {
    int64_t at[8];
    const size_t count = walk(n, start, stop, step, at);
    tg_node z = tg_slice(x, 0, start, stop, step), back = tg_pad(x, tg_shape1(0), tg_shape1(0), 0);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert(tg_dims(z).rank == 1 && tg_size(z) == count && tg_size(back) == (size_t)n);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(tg_item(z, i), (double)at[i], "%lld[%lld:%lld:%lld]", (long long)n, (long long)start,
                     (long long)stop, (long long)step);
}

Test(movement, every_small_slice_is_numpys) {
    static const int64_t ends[] = {-7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
    static const int64_t steps[] = {-7, -3, -2, -1, 1, 2, 3, 7};
    for (int64_t n = 0; n <= 5; n++) {
        tg_graph *g = tg_graph_new();
        tg_node x = numbers(g, tg_shape1(n));
        const tg_mark mark = tg_mark_now(g);
        for (size_t i = 0; i < 15; i++)
            for (size_t j = 0; j < 15; j++)
                for (size_t k = 0; k < 8; k++) {
                    check_slice(g, x, n, ends[i], ends[j], steps[k]);
                    cr_assert_eq(tg_rewind(g, mark), TG_OK);
                }
        tg_graph_free(g);
    }
}

Test(movement, ends_and_extremes) {
    tg_graph *g = tg_graph_new();
    tg_node x = numbers(g, tg_shape1(5));
    tg_node whole = tg_slice(x, 0, TG_BEGIN, TG_END, 1), back = tg_slice(x, 0, TG_END, TG_BEGIN, -1);
    tg_node first = tg_slice(x, 0, 0, TG_END, INT64_MAX), last = tg_slice(x, 0, TG_END, TG_BEGIN, INT64_MIN);
    tg_node none = tg_slice(x, 0, TG_END, TG_BEGIN, 1), flipped = tg_flip(x, tg_axes_all());
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert(tg_size(whole) == 5 && tg_size(first) == 1 && tg_size(last) == 1 && tg_size(none) == 0);
    cr_assert(tg_item(first, 0) == 0 && tg_item(last, 0) == 4);
    for (size_t i = 0; i < 5; i++)
        cr_assert(tg_item(whole, i) == (double)i && tg_item(back, i) == 4 - (double)i &&
                  tg_item(flipped, i) == 4 - (double)i);
    cr_assert_eq(tg__get(back)->attr, tg__get(flipped)->attr, "the same elements have the same attributes");
    cr_assert(tg_dtype_of(back) == TG_I32);
    tg_graph_free(g);
}

/* The gradient of a slice puts the cotangent where its elements came from, and 0 elsewhere. */
Test(movement, every_small_slice_has_its_adjoint) {
    for (int64_t n = 0; n <= 4; n++)
        for (int64_t start = -5; start <= 5; start++)
            for (int64_t step = -3; step <= 3; step++) {
                if (!step) continue;
                int64_t at[8];
                const int64_t stop = step < 0 ? TG_BEGIN : TG_END;
                const size_t count = walk(n, start, step < 0 ? -9 : 9, step, at);
                tg_graph *g = tg_graph_new();
                tg_node x = tg_input(g, TG_F64, tg_shape1(n)), z = tg_slice(x, 0, start, stop, step);
                double seed[8], want[8] = {0};
                for (size_t i = 0; i < count; i++) want[at[i]] = seed[i] = 1.5 + (double)i;
                tg_node dx = tg_grad(tg_backward(z, tg_const(g, TG_F64, tg_shape1((int64_t)count), seed)), x);
                cr_assert_eq(tg_set(x, want), TG_OK);
                cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
                for (size_t i = 0; i < (size_t)n; i++) cr_assert_eq(tg_item(dx, i), want[i]);
                tg_graph_free(g);
            }
}

Test(movement, formulas) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(5, 4)));
    TG_LET(v, tg_input(g, TG_F64, tg_shape1(4)));
    const struct {
        tg_node node;
        const char *text;
    } cases[] = {{tg_slice_n(x, 2, (tg_range[]){{1, 4, 2}, {TG_END, TG_BEGIN, -1}}), "x[1::2, ::-1]"},
                 {tg_slice(x, 0, 0, 4, 2), "x[:3:2]"},
                 {tg_slice(x, 0, 1, TG_END, 1), "x[1:]"},
                 {tg_slice(x, 1, 0, -1, 1), "x[:, :3]"},
                 {tg_slice(x, 0, 3, 0, -2), "x[3::-2]"},
                 {tg_slice(x, 0, 3, 3, 1), "x[0:0]"},
                 {tg_slice(x, 0, 0, 5, 1), "x[:]"},
                 {tg_slice(tg_add(v, v), 0, 2, 3, 1), "(v + v)[2:3]"},
                 {tg_slice_n(tg_sum(x, tg_axes_all()), 0, NULL), "sum(x, axis=(0, 1))[()]"},
                 {tg_pad(x, tg_shape2(1, 0), tg_shape2(0, 2), -0.5), "pad(x, [6, 6], [1:, :4], -0.5)"},
                 {tg_concat((tg_node[]){x, x}, 2, -1), "concat(x, x, axis=1)"},
                 {tg_take(x, tg_scalar(g, TG_I32, 2), -2), "take(x, 2, axis=0)"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[100];
        cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
        tg_formula(cases[i].node, text, sizeof text);
        cr_expect_str_eq(text, cases[i].text);
    }
    tg_graph_free(g);
}

Test(movement, attributes_as_json) {
    static char text[1 << 16];
    const char *const path = "/tmp/tapegrad-movement.json";
    tg_graph *g = tg_graph_new();
    tg_node x = tg_input(g, TG_F64, tg_shape2(5, 4)), index = tg_scalar(g, TG_I32, 0);
    tg_slice(x, 0, 3, TG_BEGIN, -2);
    tg_pad(x, tg_shape2(1, 0), tg_shape2(0, 2), -0.5);
    tg_scatter_add(x, index, -1, 7);
    cr_assert_eq(tg_write_json(g, path), TG_OK, "%s", tg_message(g));
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    remove(path);
    static const char *const parts[] = {"\"first\":[3,0],\"step\":[-2,1],",
                                        "\"first\":[1,0],\"step\":[1,1],\"fill\":-0.5,",
                                        "\"number\":2,\"size\":[0,0,7],"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect_not_null(strstr(text, parts[i]), "%s is not in %s", parts[i], text);
    tg_graph_free(g);
}

/* ------------------------------------------------------------------------------------------------- pads and concats */

static void check_pad(int64_t n, int64_t m, const int64_t *pad) {
    tg_graph *g = tg_graph_new();
    tg_node z = tg_pad(numbers(g, tg_shape2(n, m)), tg_shape2(pad[0], pad[1]), tg_shape2(pad[2], pad[3]), -9);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    const int64_t rows = n + pad[0] + pad[2], columns = m + pad[1] + pad[3];
    cr_assert(tg_dims(z).dim[0] == rows && tg_dims(z).dim[1] == columns);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            const int64_t own = i - pad[0], beside = j - pad[1];
            const bool within = own >= 0 && own < n && beside >= 0 && beside < m;
            cr_assert_eq(tg_item(z, (size_t)(i * columns + j)), within ? (double)(own * m + beside) : -9);
        }
    tg_graph_free(g);
}

Test(movement, every_small_pad) {
    for (int64_t n = 0; n <= 2; n++)
        for (int64_t m = 0; m <= 2; m++)
            for (int k = 0; k < 81; k++) check_pad(n, m, (int64_t[]){k % 3, k / 3 % 3, k / 9 % 3, k / 27});
}

/* 0 to 20 operands of various lengths, one of them empty, along each axis of three. */
Test(movement, any_number_is_put_together) {
    for (int axis = 0; axis < 3; axis++)
        for (size_t count = 1; count <= 20; count++) {
            tg_graph *g = tg_graph_new();
            tg_node in[20];
            int64_t begins[21] = {0};
            for (size_t i = 0; i < count; i++) {
                tg_shape shape = tg_shape3(2, 2, 2);
                shape.dim[axis] = (int64_t)(i * i % 4);
                begins[i + 1] = begins[i] + shape.dim[axis];
                in[i] = numbers(g, shape);
            }
            tg_node z = tg_concat(in, count, axis - 3);
            cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
            const tg_shape dims = tg_dims(z);
            cr_assert_eq(dims.dim[axis], begins[count]);
            for (size_t at = 0; at < tg_size(z); at++) {
                int64_t p[3] = {(int64_t)at / (dims.dim[2] * dims.dim[1]), (int64_t)at / dims.dim[2] % dims.dim[1],
                                (int64_t)at % dims.dim[2]};
                size_t i = 0;
                while (p[axis] >= begins[i + 1]) i++;
                p[axis] -= begins[i];
                const tg_shape own = tg_dims(in[i]);
                cr_assert_eq(tg_item(z, at), (double)((p[0] * own.dim[1] + p[1]) * own.dim[2] + p[2]));
            }
            tg_graph_free(g);
        }
    cr_assert(tg_is_nil(tg_concat(NULL, 0, 0)) && tg_is_nil(tg_stack(NULL, 0, 0)));
}

Test(movement, squeezed_and_stacked) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape4(1, 3, 1, 2)));
    tg_node all = tg_squeeze(x, tg_axes_all()), one = tg_squeeze(x, tg_axis(-2)), same = tg_squeeze(all, tg_axes_all());
    tg_node more = tg_unsqueeze(all, tg_axes3(0, -1, 2)), scalar = tg_unsqueeze(tg_sum(x, tg_axes_all()), tg_axis(0));
    tg_node piled = tg_stack((tg_node[]){all, all, all}, 3, -1);
    cr_assert(tg_dims(all).rank == 2 && tg_dims(one).rank == 3 && tg_dims(same).rank == 2);
    const tg_shape m = tg_dims(more), p = tg_dims(piled), s = tg_dims(scalar);
    cr_assert(m.rank == 5 && m.dim[0] == 1 && m.dim[1] == 3 && m.dim[2] == 1 && m.dim[3] == 2 && m.dim[4] == 1);
    cr_assert(p.rank == 3 && p.dim[2] == 3 && s.rank == 1 && s.dim[0] == 1);
    tg_node seed = tg_const(g, TG_F64, m, (double[]){1, 2, 3, 4, 5, 6});
    tg_node dx = tg_grad(tg_backward(more, seed), x);
    cr_assert_eq(tg_set(x, (double[]){0, 1, 2, 3, 4, 5}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg__get(dx)->shape, tg__get(x)->shape);
    for (size_t i = 0; i < 6; i++) cr_assert(tg_item(dx, i) == 1 + (double)i && tg_item(piled, 3 * i + 1) == (double)i);
    tg_graph_free(g);
}

/* -------------------------------------------------------------------------------------------- indices and triangles */

Test(movement, the_order_of_the_index_is_that_of_the_sum) {
    tg_graph *g = tg_graph_new();
    const float x[] = {1e8f, 1, -1e8f, 1};
    tg_node index = tg_const(g, TG_I32, tg_shape1(4), (int32_t[]){1, 1, 1, 1});
    tg_node z = tg_scatter_add(tg_const(g, TG_F32, tg_shape1(4), x), index, 0, 3);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert(tg_item(z, 0) == 0 && tg_item(z, 1) == 1 && tg_item(z, 2) == 0); /* ((1e8 + 1) - 1e8) + 1 */
    tg_graph_free(g);
}

Test(movement, one_hot) {
    tg_graph *g = tg_graph_new();
    TG_LET(label, tg_const(g, TG_I32, tg_shape2(2, 2), (int32_t[]){2, 0, 1, 2}));
    tg_node z = tg_one_hot(label, 3, TG_F32), none = tg_one_hot(tg_const(g, TG_I32, tg_shape1(0), NULL), 3, TG_F64);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert(tg_dims(z).rank == 3 && tg_dtype_of(z) == TG_F32 && tg_dims(none).dim[1] == 3);
    for (size_t i = 0; i < 12; i++) cr_assert_eq(tg_item(z, i), (int)(i % 3) == ((const int *)tg_value(label))[i / 3]);
    tg_graph_free(g);
}

/* What is cut away is 0 and its gradient 0, even where it is NaN. */
Test(movement, triangles) {
    for (int64_t n = 0; n <= 3; n++)
        for (int64_t m = 0; m <= 4; m++)
            for (int k = -5; k <= 5; k++)
                for (int upper = 0; upper < 2; upper++) {
                    tg_graph *g = tg_graph_new();
                    tg_node x = tg_input(g, TG_F64, tg_shape3(2, n, m));
                    tg_node z = upper ? tg_triu(x, k) : tg_tril(x, k);
                    tg_node dx = tg_grad(tg_backward(z, tg_expand(tg_scalar(g, TG_F64, 3), tg_dims(x))), x);
                    double v[32];
                    for (size_t i = 0; i < 32; i++) v[i] = 1;
                    for (int64_t i = 0; i < 2 * n * m; i++)
                        if (upper ? i % m < i / m % n + k : i % m > i / m % n + k) v[i] = (double)NAN;
                    cr_assert_eq(tg_set(x, v), TG_OK);
                    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
                    for (size_t i = 0; i < tg_size(x); i++)
                        cr_assert(tg_item(z, i) == !isnan(v[i]) && tg_item(dx, i) == 3 * !isnan(v[i]));
                    tg_graph_free(g);
                }
}

/* ---------------------------------------------------------------------------------------------------------- errors */

#define REFUSED(expression, status, part)                                                                              \
    do {                                                                                                               \
        tg_graph *g = tg_graph_new();                                                                                  \
        TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 3)));                                                               \
        TG_LET(y, tg_input(g, TG_F64, tg_shape2(2, 2)));                                                               \
        TG_LET(f, tg_input(g, TG_F32, tg_shape2(4, 3)));                                                               \
        TG_LET(deep, tg_input(g, TG_F64, tg_shape_n(8, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1})));                         \
        TG_LET(index, tg_input(g, TG_I32, tg_shape2(2, 2)));                                                           \
        cr_expect(tg_is_nil(expression));                                                                              \
        says(g, status, part);                                                                                         \
        (void)y, (void)f, (void)deep, (void)index;                                                                     \
        tg_graph_free(g);                                                                                              \
    } while (0)

Test(movement, what_is_refused_in_building) {
    REFUSED(tg_slice(x, 2, 0, 1, 1), TG_SHAPE, "slice: axis 2 is outside 'x' [4, 3]");
    REFUSED(tg_slice(x, -1, 0, 1, 0), TG_ARGUMENT, "slice: the step along axis 1 of 'x' [4, 3] is 0");
    REFUSED(tg_slice_n(x, 3, NULL), TG_SHAPE, "slice: 3 ranges were given for 'x' [4, 3]");
    REFUSED(tg_slice_n(x, -1, NULL), TG_SHAPE, "slice: -1 ranges were given for 'x' [4, 3]");
    REFUSED(tg_flip(x, tg_axes2(1, -1)), TG_SHAPE, "flip: axis -1 of 'x' [4, 3] is given twice");
    REFUSED(tg_pad(x, tg_shape1(1), tg_shape2(0, 0), 0), TG_SHAPE, "pad: [1] before and [0, 0] after are no padding");
    REFUSED(tg_pad(x, tg_shape2(0, -1), tg_shape2(0, 0), 0), TG_SHAPE, "no padding for 'x' [4, 3]");
    REFUSED(tg_pad(x, tg_shape2(INT64_MAX, 0), tg_shape2(0, 0), 0), TG_SHAPE, "no padding for 'x' [4, 3]");
    REFUSED(tg_pad(x, tg_shape2(INT64_MAX / 4, 0), tg_shape2(0, 0), 0), TG_SHAPE, "pad: shape [");
    REFUSED(tg_pad(index, tg_shape2(0, 1), tg_shape2(0, 0), 0.5), TG_ARGUMENT, "pad: 'index' is i32, which 0.5");
    REFUSED(tg_concat((tg_node[]){x, x, y}, 3, 0), TG_SHAPE, "concat: operand 1 'x' [4, 3] and operand 3 'y' [2, 2]");
    REFUSED(tg_concat((tg_node[]){x, deep}, 2, 0), TG_SHAPE, "differ in rank");
    REFUSED(tg_concat((tg_node[]){x, f}, 2, 0), TG_DTYPE, "concat: 'x' is f64, but 'f' is f32");
    REFUSED(tg_concat((tg_node[]){x, x}, 2, 2), TG_SHAPE, "concat: axis 2 is outside 'x' [4, 3]");
    REFUSED(tg_concat((tg_node[]){x, tg_nil(g)}, 2, 0), TG_HANDLE, "concat: operand 2 is nil");
    REFUSED(tg_concat((tg_node[]){tg_sum(x, tg_axes_all())}, 1, 0), TG_SHAPE, "concat: axis 0 is outside");
    REFUSED(tg_stack((tg_node[]){x, y}, 2, 0), TG_SHAPE, "stack: operand 1 'x' [4, 3] and operand 2 'y' [2, 2] differ");
    REFUSED(tg_stack((tg_node[]){x, x}, 2, 3), TG_SHAPE, "stack: axis 3 is outside what 'x' [4, 3] becomes, of rank 3");
    REFUSED(tg_squeeze(x, tg_axis(1)), TG_SHAPE, "squeeze: axis 1 of 'x' [4, 3] has not length 1");
    REFUSED(tg_squeeze(x, tg_axis(5)), TG_SHAPE, "squeeze: axis 5 is outside 'x' [4, 3]");
    REFUSED(tg_unsqueeze(x, tg_axes2(1, 1)), TG_SHAPE, "unsqueeze: axis 1 of 'x' [4, 3] is given twice");
    REFUSED(tg_unsqueeze(x, tg_axes_all()), TG_SHAPE, "unsqueeze: which axes 'x' [4, 3] is to have");
    REFUSED(tg_unsqueeze(deep, tg_axis(0)), TG_SHAPE, "unsqueeze: 'deep' [1, 1, 1, 1, 1, 1, 1, 1] cannot have 1 more");
    REFUSED(tg_take(x, y, 0), TG_DTYPE, "take: index 'y' is f64, not i32");
    REFUSED(tg_take(x, index, -3), TG_SHAPE, "take: axis -3 is outside 'x' [4, 3]");
    REFUSED(tg_take(deep, index, 0), TG_SHAPE, "take: 'deep' at index 'index' would have rank 9");
    REFUSED(tg_scatter_add(x, index, 0, 4), TG_SHAPE,
            "scatter_add: 'x' [4, 3] has not the axes of index 'index' [2, 2]");
    REFUSED(tg_scatter_add(y, index, 0, -1), TG_ARGUMENT, "scatter_add: the axis is to have length -1");
    REFUSED(tg_scatter_add(index, index, 0, 1), TG_DTYPE, "scatter_add: 'index' is i32");
    REFUSED(tg_scatter_add(tg_sum(x, tg_axes_all()), index, 0, 1), TG_SHAPE, "has not the axes of index");
    REFUSED(tg_scatter_add(deep, tg_scalar(g, TG_I32, 0), 0, 1), TG_SHAPE, "the result would have rank 9");
    REFUSED(tg_one_hot(x, 3, TG_F64), TG_DTYPE, "labels 'x' are f64");
    REFUSED(tg_one_hot(index, -3, TG_F64), TG_ARGUMENT, "-3 classes");
    REFUSED(tg_tril(tg_sum(x, tg_axis(0)), 0), TG_SHAPE, "tril: ");
    REFUSED(tg_triu(index, 0), TG_DTYPE, "triu: 'index' is i32");
    REFUSED(tg_triu(tg_nil(g), 0), TG_HANDLE, "operand 1 is nil");
    REFUSED(tg_squeeze(tg_nil(g), tg_axes_all()), TG_HANDLE, "operand 1 is nil");
}

static void out_of_range(int32_t bad, bool scatters, const char *part) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 2)));
    TG_LET(index, tg_const(g, TG_I32, tg_shape2(2, 2), (int32_t[]){0, 1, bad, 0}));
    TG_LET(z, scatters ? tg_scatter_add(x, index, 0, 2) : tg_take(x, index, 1));
    cr_assert_eq(tg_set(x, (double[]){1, 2, 3, 4}), TG_OK);
    cr_assert_eq(tg_run(g), TG_VALUE);
    says(g, TG_VALUE, part);
    cr_assert_null(tg_value(z));
    tg_graph_free(g);
}

Test(movement, an_index_out_of_range_fails_the_run) {
    out_of_range(2, false, "take 'z': 'index'[1, 0] = 2 is outside 0 to 1");
    out_of_range(-1, false, "take 'z': 'index'[1, 0] = -1 is outside 0 to 1");
    out_of_range(INT32_MIN, true, "scatter_add 'z': 'index'[1, 0] = -2147483648 is outside 0 to 1");
    tg_graph *g = tg_graph_new();
    TG_LET(z, tg_take(tg_const(g, TG_F64, tg_shape1(0), NULL), tg_scalar(g, TG_I32, 0), 0));
    cr_assert_eq(tg_run(g), TG_VALUE);
    says(g, TG_VALUE, "= 0, but there is nothing to choose from");
    tg_graph_free(g);
}

Test(movement, memory_may_run_out_anywhere) {
    for (size_t k = 1;; k++) {
        struct heap heap = {.fail_at = k};
        tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
        if (g) {
            tg_node x = tg_param(g, TG_F64, tg_shape2(2, 2)), index = tg_scalar(g, TG_I32, 1);
            tg_node z = tg_concat((tg_node[]){tg_flip(x, tg_axes_all()), x, tg_tril(x, 0)}, 3, 0);
            z = tg_stack((tg_node[]){tg_take(z, index, 0), tg_take(z, index, 0)}, 2, 0);
            z = tg_pad(tg_scatter_add(z, index, 1, 3), tg_shape3(0, 1, 0), tg_shape3(0, 0, 1), 1);
            tg_grads d = tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g));
            tg_status status = tg_error(g) ? tg_error(g) : tg_set(x, (double[]){1, 2, 3, 4});
            if (!status) status = tg_run(g);
            cr_assert(status == (heap.calls >= k ? TG_MEMORY : TG_OK), "%s", tg_message(g));
            (void)d;
            tg_graph_free(g);
        }
        cr_assert(heap.live == 0 && heap.wrong == 0);
        if (heap.calls < k) break;
    }
}
