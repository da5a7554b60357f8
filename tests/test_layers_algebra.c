/* What the identities make of whole layers: passes counted, numbers compared with the tape's in f64, and where there is
 * a NaN on the tape there is one here. Nothing in the engine knows these layers. */
#include "simplified.h"

TestSuite(layers_algebra, .timeout = 60);

enum { OUTPUTS = 8 };

/* A layer, forward and backward from a random cotangent: out, then the gradients of the leaves. */
struct layer {
    tg_graph *g;
    tg_node leaf[8], wanted[OUTPUTS];
    size_t leaves, count;
};

static tg_node add_leaf(struct layer *l, const char *name, tg_node leaf) {
    return l->leaf[l->leaves++] = tg_let(leaf, name, NULL, 0);
}

static tg_node input(struct layer *l, const char *name, tg_dtype t, tg_shape shape) {
    return add_leaf(l, name, tg_input(l->g, t, shape));
}

static void sweep(struct layer *l, tg_node out) {
    const size_t leaves = l->leaves;
    const bool number = tg_size(out) == 1;
    const tg_grads d = tg_backward(out, number ? tg_nil(l->g) : input(l, "dout", tg_dtype_of(out), tg_dims(out)));
    l->wanted[l->count++] = out;
    for (size_t i = 0; i < leaves; i++)
        if (tg_dtype_of(l->leaf[i]) != TG_I32) l->wanted[l->count++] = tg_grad(d, l->leaf[i]);
    cr_assert_eq(tg_error(l->g), TG_OK, "%s", tg_message(l->g));
}

static struct layer batchnorm(tg_dtype t, tg_shape shape, tg_axes axes, int64_t kept) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node x = input(&l, "x", t, shape), gamma = input(&l, "gamma", t, tg_shape1(kept));
    const tg_node beta = input(&l, "beta", t, tg_shape1(kept));
    sweep(&l, tg_batchnorm(x, gamma, beta, axes, 1e-5, NULL));
    return l;
}

static struct layer columns(tg_dtype t) { return batchnorm(t, tg_shape2(40, 6), tg_axis(0), 6); }
static struct layer pictures(tg_dtype t) { return batchnorm(t, tg_shape4(4, 3, 5, 2), tg_axes3(0, 2, 3), 3); }
static struct layer square_pictures(tg_dtype t) { return batchnorm(t, tg_shape3(4, 4, 4), tg_axes2(0, 2), 4); }

static struct layer layernorm(tg_dtype t) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node x = input(&l, "x", t, tg_shape2(30, 8)), gamma = input(&l, "gamma", t, tg_shape1(8));
    const tg_node beta = input(&l, "beta", t, tg_shape1(8));
    sweep(&l, tg_layernorm(x, gamma, beta, 1, 1e-5, NULL));
    return l;
}

static struct layer softmax_loss(tg_dtype t) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node scores = input(&l, "scores", t, tg_shape2(30, 5)), label = input(&l, "label", TG_I32, tg_shape1(30));
    sweep(&l, tg_softmax_loss(scores, label, NULL));
    return l;
}

static struct layer chain(tg_dtype t) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node x = input(&l, "x", t, tg_shape2(40, 6)), w = input(&l, "w", t, tg_shape2(6, 6));
    const tg_node b = input(&l, "b", t, tg_shape1(6)), gamma = input(&l, "gamma", t, tg_shape1(6));
    const tg_node label = input(&l, "label", TG_I32, tg_shape1(40));
    const tg_node h = tg_batchnorm(tg_linear(x, w, b, "linear"), gamma, b, tg_axis(0), 1e-5, "bn");
    sweep(&l, tg_softmax_loss(tg_add(tg_relu(h), x), label, "loss"));
    return l;
}

static struct layer statistics(tg_dtype t) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node x = input(&l, "x", t, tg_shape2(40, 6)), y = input(&l, "y", t, tg_shape2(40, 6));
    const tg_node a = tg_sub(x, tg_mean(x, tg_axis(0))), b = tg_sub(y, tg_mean(y, tg_keep(tg_axis(0))));
    const tg_node both = tg_mul(tg_std(x, tg_axis(0), 1), tg_std(y, tg_axis(0), 1));
    sweep(&l, tg_div(tg_mean(tg_mul(a, b), tg_axis(0)), both));
    return l;
}

static struct layer attention(tg_dtype t) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node q = input(&l, "q", t, tg_shape3(2, 5, 4)), k = input(&l, "k", t, tg_shape3(2, 5, 4));
    const tg_node v = input(&l, "v", t, tg_shape3(2, 5, 4));
    const tg_node scores = tg_mul(tg_matmul_t(q, k, false, true), tg_scalar_like(q, 0.5));
    sweep(&l, tg_matmul(tg_softmax(scores, -1, NULL), v));
    return l;
}

/* The gradient of a gradient. */
static struct layer twice(tg_dtype t) {
    struct layer l = columns(t);
    const tg_node v = input(&l, "v", t, tg_dims(l.wanted[1]));
    const tg_node along = tg_sum(tg_mul(v, l.wanted[1]), tg_axes_all());
    const tg_grads d = tg_backward(along, tg_nil(l.g));
    for (size_t i = 0; i < 2; i++) l.wanted[l.count++] = tg_grad(d, l.leaf[i]);
    return l;
}

static struct layer (*const layers[])(tg_dtype) = {columns, pictures,   square_pictures, layernorm, softmax_loss,
                                                   chain,   statistics, attention,       twice};
enum { LAYERS = sizeof layers / sizeof *layers };

/* The same numbers for any dtype: offset is added to x. */
static void give(const struct layer *l, uint64_t seed, double offset) {
    uint64_t state = seed;
    for (size_t i = 0; i < l->leaves; i++) {
        const size_t n = tg_size(l->leaf[i]);
        double *v = random_array(&state, n, -2, 2);
        int32_t *label = calloc(n + 1, sizeof *label);
        for (size_t k = 0; k < n; k++) label[k] = (int32_t)random_below(&state, 3);
        for (size_t k = 0; k < n; k++) v[k] = (double)(float)(v[k] + (strcmp(tg_name(l->leaf[i]), "x") ? 0 : offset));
        cr_assert_eq(tg_dtype_of(l->leaf[i]) == TG_I32 ? tg_set(l->leaf[i], label) : set_doubles(l->leaf[i], v), TG_OK);
        free(v);
        free(label);
    }
}

static void layer_free(struct layer *l) { tg_graph_free(l->g); }

/* Over the largest of the column and, for what cancels to nothing (the gradient of a bias in front of a batchnorm),
 * of all. */
static double error_of(tg_node truth, tg_node a) {
    const size_t n = tg_size(truth);
    double *x = doubles_of(truth), *y = doubles_of(a), *scale = malloc((n + 1) * sizeof *scale), all = 0;
    for (size_t i = 0; i < n; i++) all = fmax(all, isfinite(x[i]) ? fabs(x[i]) : 0);
    for (size_t i = 0; i < n; i++) scale[i] = fmax(isfinite(x[i]) ? fabs(x[i]) : 0, 1e-2 * all);
    const double error = column_error(x, y, scale, n, columns_of(truth), 1e-15);
    free(x);
    free(y);
    free(scale);
    return error;
}

/* The layer in dtype t, made smaller, against the tape in f64. f64: the few roundings by which the two differ, each
 * 1e-16, over cancellations of two or three digits. f32: the same with 6e-8. */
static double worst(struct layer (*make)(tg_dtype), tg_dtype t, tg_mode mode, unsigned flags, double offset) {
    struct layer l = make(t), truth = make(TG_F64);
    struct simplified z = simplify(l.wanted, l.count, NULL, 0, mode, flags);
    double error = 0;
    give(&l, 3, offset);
    give(&truth, 3, offset);
    cr_assert_eq(tg_run(truth.g), TG_OK);
    cr_assert_eq(run_small(&z), TG_OK, "%s", tg_message(z.s.graph));
    for (size_t i = 0; i < l.count; i++) error = fmax(error, error_of(truth.wanted[i], small_node(&z, i)));
    simplified_free(&z);
    layer_free(&l);
    layer_free(&truth);
    return error;
}

Test(layers_algebra, the_numbers_are_the_tapes) {
    for (size_t i = 0; i < LAYERS; i++)
        for (unsigned flags = 0; flags <= TG_ASSUME_FINITE; flags++) {
            cr_expect_leq(worst(layers[i], TG_F64, TG_FAST, flags, 0), 1e-12, "layer %zu", i);
            cr_expect_leq(worst(layers[i], TG_F32, TG_FAST, flags, 0), 2e-4, "layer %zu", i);
        }
}

/* x around 1e4, in f32, where x² - mean² has no digit left: as good as the tape in f32 is. */
Test(layers_algebra, an_offset_costs_no_more_than_on_the_tape) {
    for (size_t i = 0; i < 4; i++) {
        const double fast = worst(layers[i], TG_F32, TG_FAST, 0, 1e4),
                     exact = worst(layers[i], TG_F32, TG_EXACT, 0, 1e4);
        cr_expect_leq(fast, 2 * exact + 1e-6, "layer %zu: %g against %g", i, fast, exact);
        cr_expect_leq(exact, 0.1, "the test itself");
    }
}

/* ----------------------------------------------------------------------------------------------------- NaN stays */

static void expect_nan_stays(struct layer (*make)(tg_dtype), size_t which, double odd) {
    struct layer l = make(TG_F64);
    struct simplified z = simplify(l.wanted, l.count, NULL, 0, TG_FAST, 0);
    for (size_t leaf = 0; leaf < l.leaves; leaf++) {
        give(&l, 3, 0);
        if (tg_dtype_of(l.leaf[leaf]) == TG_I32) continue;
        double *v = doubles_of(l.leaf[leaf]);
        v[tg_size(l.leaf[leaf]) / 2] = odd;
        cr_assert_eq(set_doubles(l.leaf[leaf], v), TG_OK);
        free(v);
        cr_assert_eq(tg_run(l.g), TG_OK);
        cr_assert_eq(run_small(&z), TG_OK);
        for (size_t i = 0; i < l.count; i++)
            for (size_t k = 0; k < tg_size(l.wanted[i]); k++) {
                const double a = tg_item(l.wanted[i], k), b = tg_item(small_node(&z, i), k);
                if (isnan(a))
                    cr_expect(isnan(b), "layer %zu, %g in leaf %zu: output %zu[%zu] is %g", which, odd, leaf, i, k, b);
                if (isfinite(a))
                    cr_expect(isfinite(b), "layer %zu, %g in leaf %zu: output %zu[%zu] is %g, not %g", which, odd, leaf,
                              i, k, b, a);
            }
    }
    simplified_free(&z);
    layer_free(&l);
}

Test(layers_algebra, nan_stays) {
    for (size_t i = 0; i < LAYERS; i++) expect_nan_stays(layers[i], i, (double)NAN);
}

Test(layers_algebra, infinity_stays) {
    for (size_t i = 0; i < LAYERS; i++) expect_nan_stays(layers[i], i, (double)INFINITY);
}

/* --------------------------------------------------------------------------------------------------- what it costs */

static size_t computed(const tg_graph *g, size_t least) {
    size_t n = 0;
    for (uint32_t id = 1; id < g->nodes.length; id++) {
        const struct tg__node *a = tg__node_of(g, id);
        n += !tg__is_leaf(a) && !a->op->view && a->shape->count >= least;
    }
    return n;
}

static void expect_cost(struct layer l, const char *given, size_t first, size_t count, size_t sums, size_t whole) {
    tg_node nodes[4];
    size_t n = 0;
    char name[16];
    for (int length; sscanf(given, " %15s%n", name, &length) == 1; given += length) nodes[n++] = tg_find(l.g, name);
    struct simplified z = simplify(l.wanted + first, count, nodes, n, TG_FAST, 0);
    const size_t size = tg_size(l.leaf[0]);
    cr_expect_eq(count_op(z.s.graph, "sum", size), sums, "given '%s'", given);
    cr_expect_leq(computed(z.s.graph, size), whole);
    simplified_free(&z);
    layer_free(&l);
}

Test(layers_algebra, batchnorm_needs_five_sums) { /* Σx; Σxmu, Σxmu²; Σdout, Σ dout xmu */
    expect_cost(columns(TG_F64), "", 0, 4, 5, 9);
    expect_cost(pictures(TG_F32), "", 0, 4, 5, 9);
    expect_cost(columns(TG_F64), "", 0, 1, 2, 4);
    expect_cost(columns(TG_F64), "", 1, 3, 5, 8);
    expect_cost(columns(TG_F64), "mu ivar", 1, 3, 3, 6);
    expect_cost(pictures(TG_F64), "mu ivar", 1, 3, 3, 6);
    expect_cost(columns(TG_F64), "mu var", 1, 3, 3, 6);
}

Test(layers_algebra, layernorm_needs_seven_sums) { /* two of rows and three back, and two down the columns */
    expect_cost(layernorm(TG_F64), "", 0, 4, 7, 13);
}

Test(layers_algebra, softmax_loss_needs_one_sum) { expect_cost(softmax_loss(TG_F64), "", 0, 2, 1, 6); }

/* ------------------------------------------------------------------------------------------------------- its names */

Test(layers_algebra, names_are_kept) {
    struct layer l = columns(TG_F64);
    struct simplified z = simplify(l.wanted, l.count, NULL, 0, TG_FAST, 0);
    const char *names[] = {"x",    "mu",      "xmu",   "var",    "sqrtvar", "ivar", "gammax", "out",
                           "dout", "dgammax", "dbeta", "dgamma", "dxmu1",   "dxmu", "dx1",    "dx"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const tg_node a = tg_find(z.s.graph, names[i]), was = tg_find(l.g, names[i]);
        cr_expect(!tg_is_nil(a), "%s", names[i]);
        cr_expect_eq(tg_size(a), tg_size(was), "%s", names[i]);
        if (!tg_is_nil(a)) cr_expect_eq(tg_stage(a), tg_stage(was), "%s", names[i]);
    }
    cr_expect_eq(tg_find(z.s.graph, "dgammax").id, tg_find(z.s.graph, "dout").id);
    cr_expect(tg_is_nil(tg_find(z.s.graph, "xhat")), "which nobody computes");
    simplified_free(&z);
    layer_free(&l);
}

/* The third power of 1/√eps is infinite in f32, but not what it is multiplied with. */
Test(layers_algebra, powers_do_not_overflow_alone) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node x = input(&l, "x", TG_F32, tg_shape2(40, 6)), gamma = input(&l, "gamma", TG_F32, tg_shape1(6));
    sweep(&l, tg_batchnorm(x, gamma, gamma, tg_axis(0), 1e-30, NULL));
    struct simplified z = simplify(l.wanted, l.count, NULL, 0, TG_FAST, 0);
    float v[40 * 6];
    give(&l, 3, 0);
    for (size_t i = 0; i < 40 * 6; i++) v[i] = (float)(1e-15 * tg_item(x, i));
    cr_assert_eq(tg_set(x, v), TG_OK);
    cr_assert_eq(tg_run(l.g), TG_OK);
    cr_assert_eq(run_small(&z), TG_OK);
    for (size_t i = 0; i < l.count; i++) {
        const double error = error_of(l.wanted[i], small_node(&z, i));
        cr_expect_leq(error, 2e-4, "%s: %g", tg_name(l.wanted[i]), error);
    }
    simplified_free(&z);
    layer_free(&l);
}
