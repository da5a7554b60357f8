/* Layers beside NumPy (golden/make_layers.py), where they are extreme, what they are called, and what they refuse. */
#include "golden_arrays.h"

#include <criterion/criterion.h>
#include <stdio.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(layers, .init = setup, .fini = teardown, .timeout = 60);

static void restart(void) {
    teardown();
    setup();
}

static void refused(tg_node z, tg_mark mark, tg_status status, const char *text) {
    cr_assert(tg_is_nil(z) && z.graph == g, "accepted: %s", text);
    cr_assert_eq(tg_error(g), status, "status %d: %s", tg_error(g), tg_message(g));
    cr_assert(strstr(tg_message(g), text), "\"%s\" is not in \"%s\"", text, tg_message(g));
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
}

/* ---------------------------------------------------------------------------------------------------- beside NumPy */

static void check_layernorm(const char *of, int last, tg_dtype dtype) {
    restart();
    const struct golden golden = golden_open(g, SOURCE "/tests/golden/layers.npz", of);
    tg_node x = golden_leaf(&golden, "x", dtype), dout = golden_leaf(&golden, "dout", dtype);
    tg_node gamma = golden_leaf(&golden, "gamma", dtype), beta = golden_leaf(&golden, "beta", dtype);
    tg_node out = tg_layernorm(x, gamma, beta, last, 1e-5, "ln");
    tg_grads d = tg_backward(out, dout);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    golden_same(&golden, out, "out");
    golden_same(&golden, tg_grad(d, x), "dx");
    golden_same(&golden, tg_grad(d, gamma), "dgamma");
    golden_same(&golden, tg_grad(d, beta), "dbeta");
}

Test(layers, layernorm) {
    for (tg_dtype t = TG_F32; t <= TG_F64; t++) {
        check_layernorm("rows", 1, t);
        check_layernorm("two", 1, t);
        check_layernorm("one", 1, t);
        check_layernorm("image", 3, t);
        check_layernorm("all", 2, t);
    }
}

static void check_entropy(const char *of, tg_dtype dtype, bool weighted, tg_reduction how) {
    restart();
    const struct golden golden = golden_open(g, SOURCE "/tests/golden/layers.npz", of);
    tg_node scores = golden_leaf(&golden, "scores", dtype), label = golden_leaf(&golden, "label", TG_I32),
            weight = golden_leaf(&golden, "weight", dtype);
    tg_node none = tg_nil(g), own = weighted ? weight : none;
    tg_node loss = tg_cross_entropy(scores, label, own, how, "direct");
    tg_node other = tg_nll_loss(tg_log_softmax(scores, -1, "ls"), label, own, how, "nll");
    tg_node each = tg_cross_entropy(scores, label, none, TG_NONE, "each");
    tg_grads d = tg_backward(loss, none), e = tg_backward(other, none);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    const char *name = how == TG_MEAN ? "mean" : "sum";
    char key[30], dkey[60];
    snprintf(key, sizeof key, "%s%s", weighted ? "weighted_" : "", name);
    snprintf(dkey, sizeof dkey, "dscores_%s", key);
    golden_same(&golden, loss, key);
    golden_same(&golden, other, key);
    golden_same(&golden, each, "each");
    golden_same(&golden, tg_grad(d, scores), dkey);
    golden_same(&golden, tg_grad(e, scores), dkey);
    snprintf(dkey, sizeof dkey, "dweight_%s", name);
    if (!weighted || tg_dims(scores).dim[0] == 1) return; /* the mean of one row does not depend on its weight */
    golden_same(&golden, tg_grad(d, weight), dkey);
    golden_same(&golden, tg_grad(e, weight), dkey);
}

Test(layers, cross_entropy) {
    for (tg_dtype t = TG_F32; t <= TG_F64; t++)
        for (int way = 0; way < 8; way++)
            check_entropy(way & 1 ? "entropy" : "pair", t, way & 2, way & 4 ? TG_MEAN : TG_SUM);
}

/* -------------------------------------------------------------------------------------------------------- extremes */

/* A shift is exact where scores are multiples of it, and then changes not one bit. */
Test(layers, softmax_far_from_zero) {
    static const double row[] = {0, 1, -2, 4, 0.5, 0.5};
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 3)));
    TG_LET(c, tg_const(g, TG_F64, tg_shape2(2, 3), (double[]){1, -2, 3, 0.5, 1, -1}));
    tg_node p = tg_softmax(x, 1, "p"), logp = tg_log_softmax(x, -1, "logp");
    tg_grads d = tg_backward(p, c), e = tg_backward(logp, c);
    tg_node all[] = {p, logp, tg_grad(d, x), tg_grad(e, x)};
    double want[4][6];
    static const double shift[] = {0, 1e4, -1e4, 0x1p40, -0x1p40};
    for (size_t k = 0; k < sizeof shift / sizeof *shift; k++) {
        double at[6];
        for (size_t i = 0; i < 6; i++) at[i] = row[i] + shift[k];
        cr_assert(!tg_set(x, at) && !tg_run(g), "%s", tg_message(g));
        for (size_t a = 0; a < 4; a++)
            for (size_t i = 0; i < 6; i++) {
                if (k == 0) want[a][i] = tg_item(all[a], i);
                cr_assert_eq(tg_item(all[a], i), want[a][i], "%g: %zu[%zu]", shift[k], a, i);
            }
    }
    for (size_t i = 0; i < 2; i++)
        cr_assert_leq(fabs(tg_item(p, 3 * i) + tg_item(p, 3 * i + 1) + tg_item(p, 3 * i + 2) - 1), 1e-15);
}

Test(layers, softmax_of_masked_scores) {
    const double inf = (double)INFINITY, at[] = {1e4, -1e4, -inf, /**/ -inf, 3, -inf};
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 3)));
    TG_LET(p, tg_softmax(x, 1, "softmax"));
    tg_grads d = tg_backward(p, tg_const(g, TG_F64, tg_shape2(2, 3), (double[]){1, 2, 3, 4, 5, 6}));
    cr_assert(!tg_set(x, at) && !tg_run(g));
    static const double want[] = {1, 0, 0, 0, 1, 0};
    for (size_t i = 0; i < 6; i++) cr_assert_eq(tg_item(p, i), want[i]);
    for (size_t i = 0; i < 6; i++) cr_assert_eq(tg_item(tg_grad(d, x), i), 0, "%zu", i);
}

Test(layers, nothing) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(0, 3)));
    TG_LET(y, tg_input(g, TG_F64, tg_shape2(3, 0)));
    TG_LET(one, tg_param(g, TG_F64, tg_shape0()));
    tg_node z[] = {tg_softmax(x, 1, "a"),
                   tg_softmax(y, 1, "b"),
                   tg_log_softmax(x, -1, "c"),
                   tg_log_softmax(y, 1, "d"),
                   tg_softmax(y, 0, "e"),
                   tg_layernorm(x, one, one, 1, 1, "f"),
                   tg_layernorm(y, one, one, 1, 1, "g"),
                   tg_layernorm(y, one, one, 2, 1, "h")};
    cr_assert(!tg_set(x, NULL) && !tg_set(y, NULL) && !tg_set(one, (double[]){2}));
    for (size_t i = 0; i < sizeof z / sizeof *z; i++) {
        cr_assert(tg_size(z[i]) == 0 && tg_dims(z[i]).rank == 2, "%zu: %s", i, tg_message(g));
        tg_grads d = tg_backward(tg_sum(z[i], tg_axes_all()), tg_nil(g));
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        cr_assert_eq(tg_size(tg_grad(d, tg_has_grad(d, x) ? x : y)), 0);
        if (i > 4) cr_assert_eq(tg_item(tg_grad(d, one), 0), 0);
    }
}

/* ----------------------------------------------------------------------------------------------- names, refusals */

Test(layers, names) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(w, tg_param(g, TG_F64, tg_shape2(3, 3)));
    TG_LET(b, tg_param(g, TG_F64, tg_shape1(3)));
    tg_node y = tg_mlp(x, (tg_node[]){w, w, w}, (tg_node[]){b, b, b}, 3, "net");
    y = tg_layernorm(y, b, b, 1, 1e-5, "ln");
    y = tg_log_softmax(tg_softmax(y, 1, "p"), 1, "logp");
    (void)tg_backward(tg_sum(y, tg_axes_all()), tg_nil(g));
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    static const char *const names[] = {
        "net/x",        "net/layer1/xw", "net/layer3/scores", "net/hidden1", "net/hidden2", "net/layer2/dw",
        "net/dx",       "ln/mu",         "ln/xhat",           "ln/out",      "ln/dgamma",   "ln/divar",
        "ln/dx",        "p/top",         "p/power",           "p/norm",      "p/share",     "p/dpower",
        "logp/shifted", "logp/lognorm",  "logp/logp",         "logp/dx"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert(tg_find(g, names[i]).id, "nothing is called %s", names[i]);
    cr_assert_eq(tg_find(g, "net/hidden3").id, 0);
    cr_assert_eq(tg_stage(tg_find(g, "ln/xhat")), 7);
}

Test(layers, what_is_refused) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(b, tg_param(g, TG_F64, tg_shape1(3)));
    TG_LET(k, tg_input(g, TG_I32, tg_shape1(3)));
    tg_mark m = tg_mark_now(g);
    refused(tg_layernorm(x, b, b, 1, 0, NULL), m, TG_ARGUMENT, "layernorm: eps = 0 must be positive");
    refused(tg_layernorm(x, b, b, 1, (double)NAN, NULL), m, TG_ARGUMENT, "layernorm: eps = ");
    refused(tg_layernorm(x, b, b, 0, 1, NULL), m, TG_SHAPE, "layernorm: 0 last axes of 'x' [4, 3]");
    refused(tg_layernorm(x, b, b, 3, 1, NULL), m, TG_SHAPE, "layernorm: 3 last axes of 'x' [4, 3]");
    refused(tg_layernorm(x, x, b, 1, 1, NULL), m, TG_SHAPE,
            "gamma 'x' [4, 3] does not lie along the last axis of 'x' [4, 3]");
    refused(tg_layernorm(tg_transpose(x, tg_axes_all()), b, b, 1, 1, NULL), m, TG_SHAPE, "gamma 'b' [3] does not");
    refused(tg_layernorm(k, b, b, 1, 1, NULL), m, TG_DTYPE, "layernorm: 'k' [3] is i32");
    refused(tg_layernorm(tg_nil(g), b, b, 1, 1, NULL), m, TG_HANDLE, "layernorm: x is nil");
    refused(tg_softmax(x, 2, "s"), m, TG_SHAPE, "softmax: axis 2 is outside 'x' [4, 3]");
    refused(tg_log_softmax(x, -3, "s"), m, TG_SHAPE, "log_softmax: axis -3 is outside 'x' [4, 3]");
    refused(tg_softmax(tg_input(g, TG_F64, tg_shape0()), 0, "s"), m, TG_SHAPE,
            "softmax: axis 0 is outside #4 (input) []");
    refused(tg_softmax(tg_nil(g), 0, "s"), m, TG_HANDLE, "nil");
    refused(tg_mlp(x, &x, &b, 0, NULL), m, TG_ARGUMENT, "mlp: 0 layers");
    refused(tg_mlp(x, NULL, &b, 1, NULL), m, TG_ARGUMENT, "mlp: 1 layers");
    refused(tg_mlp(x, &x, &b, 1, "net"), m, TG_SHAPE, "matmul: ");
    cr_assert(tg_is_nil(tg_softmax(tg_nil(NULL), 0, "s")) && tg_is_nil(tg_layernorm(tg_nil(NULL), b, b, 1, 1, "s")));
    cr_assert_eq(tg_error(g), TG_OK);
}
