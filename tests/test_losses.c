/* Losses by closed formulas, far out, with class weights, over nothing, and what they refuse. */
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(losses, .init = setup, .fini = teardown, .timeout = 60);

static tg_node given(tg_shape shape, const double *v) {
    tg_node x = tg_input(g, TG_F64, shape);
    cr_assert_eq(tg_set(x, v), TG_OK);
    return x;
}

static void run(void) { cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g)); }

static void gives(tg_node a, const double *want, double tolerance) {
    for (size_t i = 0; i < tg_size(a); i++)
        cr_assert(tg_item(a, i) == want[i] || fabs(tg_item(a, i) - want[i]) <= tolerance * fabs(want[i]) ||
                      (isnan(want[i]) && isnan(tg_item(a, i))),
                  "[%zu] = %.17g, not %.17g", i, tg_item(a, i), want[i]);
}

/* The gradient of a loss; of one for each element, with the cotangents 1, 2, 3 … */
static tg_node slope(tg_node z, tg_node x) {
    double c[32];
    for (size_t i = 0; i < 32; i++) c[i] = (double)(i + 1);
    return tg_grad(tg_backward(z, tg_const(g, TG_F64, tg_dims(z), c)), x);
}

static void refused(tg_node z, tg_mark mark, tg_status status, const char *text) {
    cr_assert(tg_is_nil(z) && z.graph == g, "accepted: %s", text);
    cr_assert_eq(tg_error(g), status, "status %d: %s", tg_error(g), tg_message(g));
    cr_assert(strstr(tg_message(g), text), "\"%s\" is not in \"%s\"", text, tg_message(g));
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
}

/* ---------------------------------------------------------------------------------------------------- over numbers */

Test(losses, mse) {
    tg_node x = given(tg_shape2(2, 2), (double[]){1, 2, -3, 1e200}),
            y = given(tg_shape2(2, 2), (double[]){1, 4, 5, -1e200});
    tg_node each = tg_mse_loss(x, y, TG_NONE, "each"), dx = slope(each, x), dy = slope(each, y);
    tg_node near = given(tg_shape1(3), (double[]){1, 2, -3}), far = given(tg_shape1(3), (double[]){1, 4, 5});
    tg_node mean = tg_mse_loss(near, far, TG_MEAN, "mean"), sum = tg_mse_loss(near, far, TG_SUM, "sum");
    tg_node dmean = slope(mean, near), dsum = slope(sum, far);
    run();
    gives(each, (double[]){0, 4, 64, (double)INFINITY}, 0);
    gives(dx, (double[]){0, -8, -48, 16e200}, 0);
    gives(dy, (double[]){0, 8, 48, -16e200}, 0);
    gives(mean, (double[]){68. / 3}, 1e-15);
    gives(sum, (double[]){68}, 0);
    gives(dmean, (double[]){0, -4. / 3, -16. / 3}, 1e-15);
    gives(dsum, (double[]){0, 4, 16}, 0);
    cr_assert(tg_find(g, "sum/target").id && tg_find(g, "each/off").id && tg_find(g, "mean/loss").id);
}

/* l1'(0) = 0; Huber's halves meet in value and slope, and its second derivative at 0 is 1. */
Test(losses, l1_and_huber) {
    const double inf = (double)INFINITY, off[] = {0, 0.5, -0.5, 2, -2, 3, -1e200, inf};
    tg_node x = given(tg_shape1(8), off), y = given(tg_shape1(8), (double[]){0, 0, 0, 0, 0, 0, 0, 0});
    tg_node size = tg_l1_loss(x, y, TG_NONE, "l1"), dsize = slope(size, x);
    tg_node huber = tg_huber_loss(x, y, 2, TG_NONE, "huber"), dhuber = slope(huber, x), curve = slope(dhuber, x);
    tg_node mean = tg_l1_loss(given(tg_shape1(2), off + 3), given(tg_shape1(2), off), TG_MEAN, "mean");
    run();
    gives(size, (double[]){0, 0.5, 0.5, 2, 2, 3, 1e200, inf}, 0);
    gives(dsize, (double[]){0, 2, -3, 4, -5, 6, -7, 8}, 0);
    gives(huber, (double[]){0, 0.125, 0.125, 2, 2, 4, 2e200, inf}, 1e-15);
    gives(dhuber, (double[]){0, 1, -1.5, 8, -10, 12, -14, 16}, 1e-15);
    gives(curve, (double[]){1, 4, 9, 16, 25, 0, 0, 0}, 1e-15);
    gives(mean, (double[]){2.25}, 0);
}

/* A sum that may cancel: 4 units of roundoff of its terms, or what is below the normal numbers. */
static void near(tg_node a, long double one, long double other) {
    cr_assert_leq(fabsl(tg_item(a, 0) - (one + other)), 0x1p-51L * (fabsl(one) + fabsl(other)) + 0x1p-1022L,
                  "%.17g, not %.17Lg", tg_item(a, 0), one + other);
}

/* Against long double, for every logit and target: nothing is lost where the loss is small, nor where it is large. */
Test(losses, bce_far_out) {
    static const double logit[] = {0, 1e-9, 0.5, -0.5, 30, -30, 700, -700, 1000, -1000, 1e300, -1e300};
    static const double target[] = {0, 1, 0.25};
    for (size_t i = 0; i < sizeof logit / sizeof *logit; i++)
        for (size_t k = 0; k < 3; k++) {
            const long double a = logit[i], t = target[k], e = expl(-fabsl(a));
            const long double up = log1pl(e) + (a > 0 ? a : 0),
                              down = log1pl(e) + (a < 0 ? -a : 0); /* -ln of 1 - p, p */
            const long double p = a >= 0 ? 1 / (1 + e) : e / (1 + e), q = a >= 0 ? e / (1 + e) : 1 / (1 + e);
            tg_node x = given(tg_shape0(), &logit[i]), y = given(tg_shape0(), &target[k]),
                    w = given(tg_shape0(), (double[]){3});
            tg_node loss = tg_bce_with_logits(x, y, tg_nil(g), TG_MEAN, "plain"), dx = slope(loss, x),
                    dy = slope(loss, y);
            tg_node more = tg_bce_with_logits(x, y, w, TG_SUM, "weighted"), dmore = slope(more, x);
            run();
            gives(loss, (double[]){(double)(t * down + (1 - t) * up)}, 1e-15);
            near(dx, (1 - t) * p, -t * q);
            near(dy, down, -up);
            gives(more, (double[]){(double)(3 * t * down + (1 - t) * up)}, 1e-15);
            near(dmore, (1 - t) * p, -3 * t * q);
            teardown();
            setup();
        }
}

/* ----------------------------------------------------------------------------------------------------- over labels */

Test(losses, scores_far_out) {
    const double v[] = {1e4, 0, -1e4, /**/ -1e300, -1e300, -1e300, /**/ 800, 800, 0};
    tg_node scores = given(tg_shape2(3, 3), v), label = tg_const(g, TG_I32, tg_shape1(3), (int32_t[]){2, 0, 1});
    tg_node loss = tg_cross_entropy(scores, label, tg_nil(g), TG_NONE, NULL), d = slope(loss, scores);
    tg_node same = tg_cross_entropy(scores, label, tg_nil(g), TG_MEAN, "mean"),
            known = tg_softmax_loss(scores, label, "known");
    run();
    gives(loss, (double[]){2e4, log(3), log(2)}, 1e-15);
    gives(d, (double[]){1, 0, -1, -4. / 3, 2. / 3, 2. / 3, 1.5, -1.5, 0}, 1e-15);
    cr_assert_eq(tg_item(same, 0), tg_item(known, 0));
}

Test(losses, class_weights) {
    const double v[] = {-1, -2, -3, /**/ -4, -5, -6, /**/ -7, -8, -9, /**/ -10, -11, -12};
    tg_node logp = given(tg_shape3(2, 2, 3), v), weight = given(tg_shape1(3), (double[]){0.5, 2, 0});
    tg_node label = tg_const(g, TG_I32, tg_shape2(2, 2), (int32_t[]){0, 1, 2, 1}); /* 1, 5, 9, 11 */
    tg_node mean = tg_nll_loss(logp, label, weight, TG_MEAN, "mean"),
            sum = tg_nll_loss(logp, label, weight, TG_SUM, "sum");
    tg_node each = tg_nll_loss(logp, label, weight, TG_NONE, "each"), d = slope(mean, logp), dw = slope(sum, weight);
    tg_node bare = tg_nll_loss(logp, label, (tg_node){0}, TG_MEAN, "bare");
    tg_node only = tg_const(g, TG_I32, tg_shape2(2, 2), (int32_t[]){2, 2, 2, 2});
    tg_node nothing = tg_nll_loss(logp, only, weight, TG_MEAN, "nothing");
    run();
    gives(each, (double[]){0.5, 10, 0, 22}, 0);
    gives(sum, (double[]){32.5}, 0);
    gives(mean, (double[]){32.5 / 4.5}, 1e-15);
    gives(bare, (double[]){6.5}, 0);
    gives(d, (double[]){-0.5 / 4.5, 0, 0, 0, -2 / 4.5, 0, 0, 0, 0, 0, -2 / 4.5, 0}, 1e-15);
    gives(dw, (double[]){1, 16, 9}, 0);
    gives(nothing, (double[]){(double)NAN}, 0);
    cr_assert(tg_find(g, "mean/taken").id && tg_find(g, "each/loss").id == tg_find(g, "each/each").id);
}

Test(losses, labels_out_of_range) {
    TG_LET(scores, given(tg_shape2(2, 3), (double[]){1, 2, 3, 4, 5, 6}));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(2)));
    tg_node loss = tg_cross_entropy(scores, label, tg_nil(g), TG_MEAN, "ce");
    cr_assert_eq(tg_set(label, (int32_t[]){0, 3}), TG_OK);
    cr_assert_eq(tg_run(g), TG_VALUE);
    cr_assert(strstr(tg_message(g), "gather") && strstr(tg_message(g), "'label'[1] = 3 is outside 0 to 2"), "%s",
              tg_message(g));
    cr_assert_eq(tg_set(label, (int32_t[]){0, 2}), TG_OK);
    run();
    cr_assert(isfinite(tg_item(loss, 0)));
}

/* ------------------------------------------------------------------------------------------------ nothing, refusals */

Test(losses, nothing) {
    tg_node x = given(tg_shape2(0, 3), NULL), label = tg_input(g, TG_I32, tg_shape1(0)), none = tg_nil(g);
    cr_assert_eq(tg_set(label, NULL), TG_OK);
    tg_node sums[] = {tg_mse_loss(x, x, TG_SUM, "a"), tg_nll_loss(x, label, none, TG_SUM, "b"),
                      tg_cross_entropy(x, label, none, TG_SUM, "c")};
    tg_node each[] = {tg_mse_loss(x, x, TG_NONE, "d"), tg_nll_loss(x, label, none, TG_NONE, "e"),
                      tg_cross_entropy(x, label, none, TG_NONE, "f")};
    run();
    for (size_t i = 0; i < 3; i++)
        cr_assert(tg_item(sums[i], 0) == 0 && tg_size(sums[i]) == 1 && tg_size(each[i]) == 0);
}

Test(losses, what_is_refused) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(y, tg_input(g, TG_F64, tg_shape2(4, 1)));
    TG_LET(none, tg_input(g, TG_F64, tg_shape2(0, 3)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(4)));
    TG_LET(w, tg_input(g, TG_F64, tg_shape1(4)));
    TG_LET(narrow, tg_input(g, TG_F32, tg_shape1(3)));
    tg_node nil = tg_nil(g);
    tg_mark m = tg_mark_now(g);
    refused(tg_mse_loss(x, y, TG_MEAN, "a"), m, TG_SHAPE, "mse_loss: 'x' [4, 3] and 'y' [4, 1] are not of one shape");
    refused(tg_mse_loss(none, none, TG_MEAN, "a"), m, TG_SHAPE, "mse_loss: 'none' [0, 3] is empty and has no mean");
    refused(tg_mse_loss(x, x, (tg_reduction)7, "a"), m, TG_ARGUMENT, "mse_loss: 7 is no reduction");
    refused(tg_mse_loss(label, label, TG_MEAN, "a"), m, TG_DTYPE, "mse_loss: 'label' [4] is i32");
    refused(tg_l1_loss(x, y, TG_MEAN, "a"), m, TG_SHAPE, "l1_loss: 'x' [4, 3] and 'y' [4, 1] are not of one shape");
    refused(tg_huber_loss(x, x, 0, TG_MEAN, "a"), m, TG_ARGUMENT, "huber_loss: delta = 0 must be positive");
    refused(tg_huber_loss(x, x, (double)INFINITY, TG_MEAN, "a"), m, TG_ARGUMENT, "huber_loss: delta = inf");
    refused(tg_huber_loss(none, none, 1, TG_MEAN, "a"), m, TG_SHAPE, "huber_loss: 'none' [0, 3] is empty");
    refused(tg_bce_with_logits(x, x, w, TG_MEAN, "a"), m, TG_SHAPE, "'w' [4]");
    refused(tg_bce_with_logits(x, w, nil, TG_MEAN, "a"), m, TG_SHAPE, "bce_with_logits: 'x' [4, 3] and 'w' [4]");
    refused(tg_mse_loss(x, nil, TG_MEAN, "a"), m, TG_HANDLE, "nil");
    refused(tg_cross_entropy(none, label, nil, TG_MEAN, "a"), m, TG_SHAPE, "cross_entropy: 'none' [0, 3] has no rows");
    refused(tg_cross_entropy(x, label, w, TG_MEAN, "a"), m, TG_SHAPE,
            "weights 'w' [4] do not fit 'x' [4, 3]: one for each class");
    refused(tg_cross_entropy(x, label, narrow, TG_MEAN, "a"), m, TG_DTYPE, "f32");
    refused(tg_cross_entropy(x, w, nil, TG_MEAN, "a"), m, TG_DTYPE, "labels i32");
    refused(tg_cross_entropy(tg_transpose(x, tg_axes_all()), label, nil, TG_SUM, "a"), m, TG_SHAPE,
            "one label for each row");
    refused(tg_cross_entropy(tg_input(g, TG_F64, tg_shape2(4, 0)), label, nil, TG_SUM, "a"), m, TG_SHAPE,
            "cross_entropy: #7 (input) [4, 0] has nothing along the axes");
    refused(tg_nll_loss(tg_input(g, TG_F64, tg_shape0()), label, nil, TG_SUM, "a"), m, TG_SHAPE,
            "nll_loss: axis -1 is outside");
    refused(tg_nll_loss(x, label, nil, (tg_reduction)-1, "a"), m, TG_ARGUMENT, "nll_loss: -1 is no reduction");
    refused(tg_nll_loss(nil, label, nil, TG_SUM, "a"), m, TG_HANDLE, "nil");
    cr_assert(tg_is_nil(tg_nll_loss(tg_nil(NULL), label, nil, TG_SUM, "a")));
    cr_assert_eq(tg_error(g), TG_OK);
}

/* --------------------------------------------------------------------------------------------------------- memory */

static tg_status train(struct heap *heap) {
    g = tg_graph_new_with(heap_allocator(heap));
    if (!g) return TG_MEMORY;
    tg_node x = tg_input(g, TG_F64, tg_shape2(4, 3)), label = tg_argmax(x, tg_axis(1));
    tg_node w = tg_param(g, TG_F64, tg_shape1(3)), v = tg_param(g, TG_F64, tg_shape2(3, 3));
    tg_node y = tg_layernorm(tg_mlp(x, (tg_node[]){v, v}, (tg_node[]){w, w}, 2, "net"), w, w, 1, 1, "ln");
    tg_node loss = tg_cross_entropy(tg_cumsum(y, 0, true), label, tg_std(x, tg_axis(0), 1), TG_MEAN, "ce");
    loss = tg_add(loss, tg_mse_loss(tg_softmax(y, 0, "s"), x, TG_MEAN, "mse"));
    (void)tg_backward(tg_add(loss, tg_logsumexp(tg_min(x, tg_axis(0)), tg_axes_all())), tg_nil(g));
    static const double at[] = {1, 2, -1, 0.5, 3, -2, 1.5, 0, 2, -1, 1, 0};
    tg_status status = tg_set(x, at);
    if (!status) status = tg_set(w, at);
    if (!status) status = tg_set(v, at);
    return status ? status : tg_run(g);
}

Test(losses, memory_may_run_out_anywhere) {
    for (size_t k = 1;; k++) {
        teardown();
        struct heap heap = {.fail_at = k};
        const tg_status status = train(&heap);
        const bool reached = heap.calls >= k;
        cr_assert_eq(status, reached ? TG_MEMORY : TG_OK, "%zu: %s", k, g ? tg_message(g) : "");
        if (g) teardown();
        cr_assert(heap.live == 0 && heap.wrong == 0);
        g = tg_graph_new();
        if (!reached) break;
    }
}
