/* Convolutions and pooling against loops in NumPy (golden/make_conv.py), and what else must hold of them. */
#include "golden/conv.h"
#include "support.h"

#include <criterion/criterion.h>
#ifdef _OPENMP
#include <omp.h>
#endif

TestSuite(conv, .timeout = 120);

static void threads(int count) {
#ifdef _OPENMP
    omp_set_num_threads(count);
#endif
    (void)count;
}

/* ---------------------------------------------------------------------------------------------------------- golden */

struct golden {
    const char *name;
    const double *x, *w, *g, *z, *dx, *dw, *h, *most, *dmost, *mean, *dmean;
    int64_t size[4], filters, taps[2];
    tg_window how;
};

#define CASE(id, n, c, height, width, f, i, j, s, t, p, q, d, e)                                                       \
    {#id,                                                                                                              \
     id##_x,                                                                                                           \
     id##_w,                                                                                                           \
     id##_g,                                                                                                           \
     id##_z,                                                                                                           \
     id##_dx,                                                                                                          \
     id##_dw,                                                                                                          \
     id##_h,                                                                                                           \
     id##_most,                                                                                                        \
     id##_dmost,                                                                                                       \
     id##_mean,                                                                                                        \
     id##_dmean,                                                                                                       \
     {n, c, height, width},                                                                                            \
     f,                                                                                                                \
     {i, j},                                                                                                           \
     {{s, t}, {p, q}, {d, e}}},
static const struct golden golden[] = {CONV_CASES(CASE)};

/* All in 100 roundings of numbers of at most 4. */
static void near(tg_node a, const double *want, const char *name, const char *what) {
    const double unit = tg_dtype_of(a) == TG_F64 ? 0x1p-53 : 0x1p-24;
    cr_assert_not_null(tg_value(a), "%s %s: %s", name, what, tg_message(a.graph));
    for (size_t i = 0; i < tg_size(a); i++)
        cr_assert_leq(fabs(tg_item(a, i) - want[i]), 400 * unit * (1 + fabs(want[i])), "%s %s[%zu] = %.17g, not %.17g",
                      name, what, i, tg_item(a, i), want[i]);
}

static tg_node leaf(tg_graph *g, tg_dtype dtype, tg_shape s, const double *data) {
    tg_node a = tg_input(g, dtype, s);
    cr_assert_eq(set_doubles(a, data), TG_OK);
    return a;
}

static void check(const struct golden *c, tg_dtype dtype) {
    tg_graph *g = tg_graph_new();
    tg_node x = leaf(g, dtype, tg_shape_n(4, c->size), c->x);
    tg_node w = leaf(g, dtype, tg_shape4(c->filters, c->size[1], c->taps[0], c->taps[1]), c->w);
    tg_node z = tg_conv2d(x, w, c->how), most = tg_max_pool2d(x, c->taps[0], c->taps[1], c->how);
    tg_node mean = tg_avg_pool2d(x, c->taps[0], c->taps[1], c->how);
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", c->name, tg_message(g));
    tg_node seed = leaf(g, dtype, tg_dims(z), c->g), pooled = leaf(g, dtype, tg_dims(most), c->h);
    tg_grads d = tg_backward(z, seed), m = tg_backward(most, pooled), a = tg_backward(mean, pooled);
    cr_assert_eq(tg_run(g), TG_OK, "%s: %s", c->name, tg_message(g));
    near(z, c->z, c->name, "z"), near(tg_grad(d, x), c->dx, c->name, "dx"), near(tg_grad(d, w), c->dw, c->name, "dw");
    near(most, c->most, c->name, "most"), near(tg_grad(m, x), c->dmost, c->name, "dmost");
    near(mean, c->mean, c->name, "mean"), near(tg_grad(a, x), c->dmean, c->name, "dmean");
    tg_graph_free(g);
}

Test(conv, as_loops_in_numpy) {
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) check(&golden[i], TG_F64), check(&golden[i], TG_F32);
}

/* ---------------------------------------------------------------------------------------------------------- corners */

Test(conv, ties_share_and_padding_never_wins) {
    tg_graph *g = tg_graph_new();
    const double x[] = {-1, -1, -2, -3}, one[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    tg_node a = leaf(g, TG_F64, tg_shape4(1, 1, 2, 2), x);
    tg_node z = tg_max_pool2d(a, 2, 2, tg_window_of(1, 1, 1));
    tg_grads d = tg_backward(z, leaf(g, TG_F64, tg_dims(z), one));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    const double want[] = {-1, -1, -1, -1, -1, -1, -2, -2, -3}, back[] = {2 + 2 * 0.5, 2 + 2 * 0.5, 2, 1};
    near(z, want, "ties", "z");
    near(tg_grad(d, a), back, "ties", "dx");
    tg_graph_free(g);
}

/* NaN is a value, and a window of one element is the picture. */
Test(conv, a_nan_is_seen) {
    tg_graph *g = tg_graph_new();
    const double x[] = {1, NAN, 3, 4}, w[] = {0};
    tg_node a = leaf(g, TG_F64, tg_shape4(1, 1, 2, 2), x), k = leaf(g, TG_F64, tg_shape4(1, 1, 1, 1), w);
    tg_node z = tg_conv2d(a, k, tg_window_of(1, 0, 1)), m = tg_max_pool2d(a, 2, 2, tg_window_of(1, 0, 1));
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert(tg_item(z, 0) == 0 && isnan(tg_item(z, 1)) && isnan(tg_item(m, 0)));
    tg_graph_free(g);
}

/* Nothing to look at, no filter, no channel: all of it has a shape, a value and a gradient. */
Test(conv, sizes_of_zero) {
    static const int64_t sizes[][3] = {{0, 2, 3}, {2, 0, 3}, {2, 3, 0}}; /* pictures, channels, filters */
    for (size_t i = 0; i < 3; i++) {
        tg_graph *g = tg_graph_new();
        double zeros[600] = {0};
        for (size_t k = 0; k < 600; k++) zeros[k] = 1;
        tg_node x = leaf(g, TG_F64, tg_shape4(sizes[i][0], sizes[i][1], 4, 4), zeros);
        tg_node w = leaf(g, TG_F64, tg_shape4(sizes[i][2], sizes[i][1], 2, 2), zeros);
        tg_node z = tg_conv2d(x, w, tg_window_of(1, 0, 1)), m = tg_max_pool2d(x, 2, 2, tg_window_of(2, 0, 1));
        tg_grads d = tg_backward(z, leaf(g, TG_F64, tg_dims(z), zeros));
        tg_grads e = tg_backward(m, leaf(g, TG_F64, tg_dims(m), zeros));
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        tg_node made[] = {tg_grad(d, x), tg_grad(d, w), tg_grad(e, x)};
        cr_assert(tg_size(made[0]) == tg_size(x) && tg_size(made[1]) == tg_size(w) && tg_size(made[2]) == tg_size(x));
        for (size_t k = 0; k < tg_size(z); k++) cr_assert_eq(tg_item(z, k), 0);
        for (size_t k = 0; k < tg_size(made[1]); k++) cr_assert_eq(tg_item(made[1], k), 0);
        tg_graph_free(g);
    }
    tg_graph *g = tg_graph_new(); /* a picture of nothing but padding */
    tg_node x = tg_input(g, TG_F64, tg_shape4(1, 1, 0, 3)), z = tg_windows(x, 2, 2, tg_window_of(1, 1, 1), -INFINITY);
    double none;
    cr_assert(tg_set(x, &none) == TG_OK && tg_run(g) == TG_OK && tg_size(z) == 16 && tg_item(z, 0) == -INFINITY);
    tg_graph_free(g);
}

/* ---------------------------------------------------------------------------------------------- threads and memory */

static double *everything(int count, size_t *size) {
    uint64_t state = 31;
    tg_graph *g = tg_graph_new();
    threads(count);
    double *a = random_array(&state, 20 * 3 * 17 * 17, -1, 1), *b = random_array(&state, 16 * 3 * 9, -1, 1);
    tg_node x = leaf(g, TG_F32, tg_shape4(20, 3, 17, 17), a), w = leaf(g, TG_F32, tg_shape4(16, 3, 3, 3), b);
    tg_node z = tg_max_pool2d(tg_conv2d(x, w, tg_window_of(1, 1, 1)), 2, 2, tg_window_of(2, 0, 1));
    tg_grads d = tg_backward(tg_sum(tg_square(z), tg_axes_all()), tg_nil(g));
    const tg_node made[] = {z, tg_grad(d, x), tg_grad(d, w)};
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    *size = tg_size(made[0]) + tg_size(made[1]) + tg_size(made[2]);
    double *all = calloc(*size, sizeof *all);
    for (size_t i = 0, k = 0; i < 3; i++)
        for (size_t j = 0; j < tg_size(made[i]); j++) all[k++] = tg_item(made[i], j);
    free(a), free(b);
    tg_graph_free(g);
    return all;
}

Test(conv, the_same_bits_whatever_the_threads) {
    size_t size;
    double *one = everything(1, &size);
    for (int count = 2; count <= 4; count++) {
        double *other = everything(count, &size);
        cr_assert_eq(memcmp(one, other, size * sizeof *one), 0, "%d threads", count);
        free(other);
    }
    free(one);
}

Test(conv, any_allocation_may_fail) {
    struct heap heap = {0};
    uint64_t state = 32;
    double *v = random_array(&state, 100, -1, 1);
    tg_status status = TG_MEMORY;
    for (size_t k = 1; status != TG_OK; k++) {
        heap.fail_at = 0;
        tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
        heap.fail_at = heap.calls + k;
        tg_node x = tg_input(g, TG_F64, tg_shape4(3, 1, 4, 4)), w = tg_param(g, TG_F64, tg_shape4(2, 1, 2, 2));
        tg_node z = tg_conv2d(x, w, tg_window_of(1, 1, 1)), m = tg_avg_pool2d(z, 2, 2, tg_window_of(1, 0, 1));
        tg_grads d = tg_backward(tg_sum(m, tg_axes_all()), tg_nil(g));
        status = tg_error(g);
        if (!status) status = set_doubles(x, v);
        if (!status) status = set_doubles(w, v);
        if (!status) status = tg_run(g);
        cr_assert(status == TG_OK || status == TG_MEMORY, "%s", tg_message(g));
        if (!status) cr_assert(tg_has_grad(d, w));
        heap.fail_at = 0;
        if (status && !tg_error(g)) cr_assert_eq(tg_run(g), TG_OK); /* what failed in running can be tried again */
        tg_graph_free(g);
        cr_assert_eq(heap.live, 0);
    }
    free(v);
    cr_assert_eq(heap.wrong, 0);
}

/* ---------------------------------------------------------------------------------------------------------- refusals
 */

static void refused(tg_node z, tg_mark m, const char *message) {
    cr_expect(tg_is_nil(z));
    cr_expect_eq(strncmp(tg_message(m.graph), message, strlen(message)), 0, "%s", tg_message(m.graph));
    cr_assert_eq(tg_rewind(m.graph, m), TG_OK);
}

Test(conv, refusals) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape4(2, 3, 4, 4)));
    TG_LET(w, tg_input(g, TG_F64, tg_shape4(5, 2, 3, 3)));
    TG_LET(k, tg_input(g, TG_F64, tg_shape4(5, 3, 5, 3)));
    TG_LET(v, tg_input(g, TG_F64, tg_shape1(4)));
    TG_LET(f, tg_input(g, TG_F32, tg_shape4(5, 3, 3, 3)));
    const tg_window usual = tg_window_of(1, 0, 1);
    const tg_mark m = tg_mark_now(g);
    refused(tg_conv2d(x, w, usual), m,
            "conv2d: pictures [2, 3, 4, 4] and windows [5, 2, 3, 3], from 'x' and 'w': they have different numbers of");
    refused(tg_conv2d(x, k, usual), m,
            "conv2d: pictures [2, 3, 4, 4] and windows [5, 3, 5, 3], from 'x' and 'k': the window is larger than the");
    refused(tg_conv2d(x, v, usual), m,
            "conv2d: pictures [2, 3, 4, 4] and windows [4], from 'x' and 'v': pictures are [N, C, H, W] and windows");
    refused(tg_conv2d(x, f, usual), m, "conv2d: 'x' is f64 but 'f' is f32");
    refused(tg_conv2d(x, k, tg_window_of(0, 0, 1)), m, "conv2d: stride 0, padding 0, dilation 1: stride and dilation");
    refused(tg_conv2d(x, k, tg_window_of(1, -1, 1)), m, "conv2d: stride 1, padding -1, dilation 1: stride and");
    refused(tg_conv2d(x, k, tg_window_of(1, 0, INT64_MAX)), m, "conv2d: stride 1, padding 0, dilation 92233720368547");
    refused(tg_conv2d_data(x, k, tg_shape4(2, 3, 6, 6), tg_window_of(1, 0, 1)), m,
            "conv2d_data: 'x' [2, 3, 4, 4] is not the [2, 5, 2, 4] that these pictures and windows have");
    refused(tg_conv2d_weight(x, k, tg_shape4(5, 3, 2, 2), usual), m,
            "conv2d_weight: 'k' [5, 3, 5, 3] is not the [2, 5, 3, 3] that these pictures and windows have");
    refused(tg_windows(x, 5, 1, usual, 0), m, "windows: windows of 5 x 1 over 'x' [2, 3, 4, 4]: the window is larger");
    refused(tg_windows(x, 0, 1, usual, 0), m, "windows: windows of 0 x 1 over 'x' [2, 3, 4, 4]: a window has at least");
    refused(tg_windows(v, 1, 1, usual, 0), m, "windows: windows of 1 x 1 over 'v' [4]: pictures are [N, C, H, W]");
    refused(tg_windows(x, 1, 1, usual, 0.5), m, "windows: fill 0.5 is neither 0 nor infinite");
    refused(tg_windows(x, INT64_MAX, 1, usual, 0), m, "windows: windows of 9223372036854775807 x 1 over 'x'");
    refused(tg_fold(x, tg_shape4(2, 3, 4, 4), 2, 2, usual), m, "fold: windows of 2 x 2 over 'x' [2, 3, 4, 4]");
    refused(tg_max_pool2d(x, 2, 2, tg_window_of(1, 2, 1)), m, "max_pool2d: padding 2 fills a window of 2 over 'x'");
    refused(tg_conv2d(x, tg_nil(g), usual), m, "conv2d: operand 2 is nil");
    refused(tg_avg_pool2d(tg_nil(g), 2, 2, usual), m, "avg_pool2d: windows: operand 1 is nil");
    tg_graph_free(g);
}
