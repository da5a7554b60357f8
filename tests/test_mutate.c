/* Wrong backwards on purpose, against formulas with the same mistakes in plain loops. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { N = 7, D = 3, LEAVES = 3 };

static tg_graph *g;
static struct heap heap;
static void setup(void) { g = tg_graph_new_with(heap_allocator(&heap)); }
static void teardown(void) {
    tg_graph_free(g);
    cr_assert(heap.blocks == 0 && heap.wrong == 0);
}
TestSuite(mutate, .init = setup, .fini = teardown, .timeout = 60);

/* -------------------------------------------------------------------------------- batch normalization with mistakes */

/* Factors on what goes over an edge; 1: as it should be. */
struct factors {
    double square, mean, ivar, gamma, gammax, direct, sum; /* sq→xmu, xmu→mu, xhat→ivar, gammax→gamma, gammax→xhat,
                                                              xmu→x, sum→x */
};

static double x[N * D], gamma_[D], beta_[D], dout[N * D];
static double dx[N * D], dx_scale[N * D], dgamma[D], dgamma_scale[D];

static void draw(void) {
    uint64_t state = 3;
    for (int i = 0; i < N * D; i++) x[i] = random_between(&state, -3, 5), dout[i] = random_between(&state, -2, 2);
    for (int k = 0; k < D; k++) gamma_[k] = random_between(&state, 0.5, 2), beta_[k] = random_between(&state, -1, 1);
}

static void work_out(const struct factors *f, int k) {
    double mu = 0, var = 0, divar = 0, dmu = 0, dmu_scale = 0, term1[N], term2[N];
    for (int i = k; i < N * D; i += D) mu += x[i] / N;
    for (int i = k; i < N * D; i += D) var += (x[i] - mu) * (x[i] - mu) / N;
    const double ivar = 1 / sqrt(var + 1e-5);
    dgamma[k] = dgamma_scale[k] = 0;
    for (int i = k; i < N * D; i += D) {
        dgamma[k] += f->gamma * dout[i] * (x[i] - mu) * ivar;
        dgamma_scale[k] += fabs(dout[i] * (x[i] - mu) * ivar);
        divar += f->ivar * f->gammax * dout[i] * gamma_[k] * (x[i] - mu);
    }
    const double dvar = -0.5 * ivar * ivar * ivar * divar;
    for (int r = 0, i = k; r < N; r++, i += D) {
        term1[r] = f->gammax * dout[i] * gamma_[k] * ivar;
        term2[r] = f->square * 2 * (x[i] - mu) * dvar / N;
        dmu -= f->mean * (term1[r] + term2[r]);
        dmu_scale += fabs(term1[r]) + fabs(term2[r]);
    }
    for (int r = 0, i = k; r < N; r++, i += D) {
        dx[i] = f->direct * (term1[r] + term2[r]) + f->sum * dmu / N;
        dx_scale[i] = fabs(term1[r]) + fabs(term2[r]) + dmu_scale / N;
    }
}

static tg_grads batchnorm(tg_dtype dtype) {
    const tg_node a = tg_let(tg_input(g, dtype, tg_shape2(N, D)), "x", NULL, 0);
    const tg_node b = tg_let(tg_param(g, dtype, tg_shape1(D)), "gamma", NULL, 0);
    const tg_node c = tg_let(tg_param(g, dtype, tg_shape1(D)), "beta", NULL, 0);
    const tg_node s = tg_let(tg_input(g, dtype, tg_shape2(N, D)), "dout", NULL, 0);
    draw();
    cr_assert(!set_doubles(a, x) && !set_doubles(b, gamma_) && !set_doubles(c, beta_) && !set_doubles(s, dout));
    return tg_backward(tg_batchnorm(a, b, c, tg_axis(0), 1e-5, NULL), s);
}

static tg_node named(const char *name) { return tg_find(g, name); }

static void agrees(tg_grads d, const struct factors *f, double tolerance, const char *what) {
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    for (int k = 0; k < D; k++) work_out(f, k);
    double *ours = doubles_of(tg_grad(d, named("x"))), *scales = doubles_of(tg_grad(d, named("gamma")));
    double error = column_error(ours, dx, dx_scale, N * D, D, 0);
    cr_assert_lt(error, tolerance, "%s: dx is off by %g", what, error);
    error = column_error(scales, dgamma, dgamma_scale, D, D, 0);
    cr_assert_lt(error, tolerance, "%s: dgamma is off by %g", what, error);
    free(ours), free(scales);
}

/* Every edge that has a place in the formula, with every mutation. */
static const struct {
    const char *sender;
    int slot;
    size_t factor; /* its place in struct factors */
} edges[] = {{"sq", 0, offsetof(struct factors, square)},     {"xmu", 1, offsetof(struct factors, mean)},
             {"xhat", 1, offsetof(struct factors, ivar)},     {"gammax", 0, offsetof(struct factors, gamma)},
             {"gammax", 1, offsetof(struct factors, gammax)}, {"xmu", 0, offsetof(struct factors, direct)},
             {"Σ", 0, offsetof(struct factors, sum)}};
enum { EDGES = sizeof edges / sizeof *edges };
static const double factors[] = {[TG_DROP] = 0, [TG_FLIP] = -1, [TG_SCALE] = 1.7};

static tg_grads mutant(tg_grads d, int e, tg_mutation kind, struct factors *f) {
    const tg_node sender = *edges[e].sender == '\xce' ? tg_operand(named("mu"), 0) : named(edges[e].sender);
    const tg_node factor = kind == TG_SCALE ? tg_scalar_like(sender, factors[kind]) : tg_nil(g);
    *(double *)(void *)((char *)f + edges[e].factor) *= factors[kind];
    return tg_mutate(d, sender, edges[e].slot, kind, factor);
}

static const struct factors right = {1, 1, 1, 1, 1, 1, 1};

static void every_edge(tg_dtype dtype, double tolerance) {
    const tg_grads d = batchnorm(dtype);
    agrees(d, &right, tolerance, "right");
    for (int e = 0; e < EDGES; e++)
        for (int kind = TG_DROP; kind <= TG_SCALE; kind++) {
            struct factors f = right;
            const tg_mark before = tg_mark_now(g);
            const tg_grads m = mutant(d, e, (tg_mutation)kind, &f);
            agrees(m, &f, tolerance, edges[e].sender);
            agrees(d, &right, tolerance, "the right one beside it");
            cr_assert_eq(tg_rewind(g, before), TG_OK);
            cr_assert_not(tg_has_grad(m, named("x")));
        }
}

Test(mutate, every_edge_f64) { every_edge(TG_F64, 1e-13); }
Test(mutate, every_edge_f32) { every_edge(TG_F32, 1e-5); }

Test(mutate, a_mutant_of_a_mutant_makes_both_mistakes) {
    const tg_grads d = batchnorm(TG_F64);
    for (int first = 0; first < EDGES; first++)
        for (int second = 0; second < EDGES; second++)
            for (int kinds = 0; kinds < 9; kinds++) {
                struct factors f = right;
                const tg_mark before = tg_mark_now(g);
                tg_grads m = mutant(d, first, (tg_mutation)(kinds % 3), &f);
                m = mutant(m, second, (tg_mutation)(kinds / 3), &f);
                agrees(m, &f, 1e-13, "both");
                cr_assert_eq(tg_rewind(g, before), TG_OK);
            }
}

/* ---------------------------------------------------------------------------------------------- names and ledgers */

Test(mutate, keeps_names_terms_and_stages) {
    const tg_grads d = batchnorm(TG_F64);
    const uint32_t count = tg_count(g);
    const tg_mark before = tg_mark_now(g);
    const tg_grads m = tg_mutate(d, named("sq"), 0, TG_DROP, tg_nil(g));
    static const char *const all[] = {"dout",     "dbeta", "dgammax", "dgamma", "dxhat", "divar", "dxmu1", "dxmu2",
                                      "dsqrtvar", "dvar",  "dsq",     "dxmu",   "dmu",   "dx1",   "dx2",   "dx"};
    char name[20];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(name, sizeof name, "s2/%s", all[i]);
        cr_assert_not(tg_is_nil(named(name)), "%s", name);
    }
    cr_assert_eq(named("s2/dout").id, named("dout").id, "the seed is the same");
    cr_assert_eq(tg_stage(named("s2/dxmu2")), 3);
    tg_term a[2], b[2];
    cr_assert(tg_grad_terms(d, named("xmu"), a, 2) == 2 && tg_grad_terms(m, named("xmu"), b, 2) == 2);
    for (int i = 0; i < 2; i++) cr_assert(a[i].sender.id == b[i].sender.id && a[i].slot == b[i].slot);
    cr_assert_eq(tg_run(g), TG_OK);
    for (size_t i = 0; i < N * D; i++) cr_assert_eq(tg_item(b[1].term, i), 0);
    cr_assert_eq(tg_rewind(g, before), TG_OK);
    cr_assert_eq(tg_count(g), count);
    cr_assert(tg_is_nil(named("s2/dx")));
    tg_mutate(m, named("sq"), 0, TG_DROP, tg_nil(g));
    cr_assert_str_eq(tg_message(g), "mutate: the sweep is stale: the tape was rewound");
}

/* An operand twice: each place is an edge of its own. */
Test(mutate, one_of_two_places) {
    TG_LET(a, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(y, tg_mul(a, a));
    const tg_grads d = tg_backward(y, tg_nil(g));
    const tg_grads first = tg_mutate(d, y, 0, TG_DROP, tg_nil(g)), both = tg_mutate(first, y, 1, TG_FLIP, tg_nil(g));
    const tg_grads none = tg_mutate(first, y, 1, TG_DROP, tg_nil(g));
    cr_assert(!tg_set(a, &(double){3}) && !tg_run(g), "%s", tg_message(g));
    cr_assert_eq(tg_item(tg_grad(first, a), 0), 3);
    cr_assert_eq(tg_item(tg_grad(both, a), 0), -3);
    cr_assert_eq(tg_item(tg_grad(none, a), 0), 0);
    const tg_grads second = tg_backward(tg_grad(both, a), tg_nil(g)); /* a gradient of a wrong gradient */
    cr_assert(!tg_run(g) && tg_item(tg_grad(second, a), 0) == -1, "%s", tg_message(g));
}

/* What is dropped is 0, whatever it was. */
Test(mutate, drops_nan_and_infinity) {
    TG_LET(a, tg_input(g, TG_F32, tg_shape1(3)));
    TG_LET(y, tg_log(a));
    const tg_grads d = tg_backward(y, tg_const(g, TG_F32, tg_shape1(3), (float[]){1, 0, 1}));
    tg_grads m = tg_mutate(d, y, 0, TG_SCALE, tg_const(g, TG_F32, tg_shape1(1), (float[]){INFINITY}));
    m = tg_mutate(m, y, 0, TG_DROP, tg_nil(g));
    cr_assert(!tg_set(a, (float[]){0, 0, NAN}) && !tg_run(g), "%s", tg_message(g));
    cr_assert(isinf(tg_item(tg_grad(d, a), 0)) && isnan(tg_item(tg_grad(d, a), 1)));
    for (size_t i = 0; i < 3; i++) cr_assert_eq(tg_item(tg_grad(m, a), i), 0);
}

/* A factor has the operand's shape or broadcasts to it, never the other way. */
Test(mutate, shapes_of_factors) {
    TG_LET(w, tg_input(g, TG_F64, tg_shape2(2, 1)));
    TG_LET(v, tg_input(g, TG_F64, tg_shape2(2, 3)));
    TG_LET(y, tg_mul(w, v));
    const tg_grads d = tg_backward(y, tg_const(g, TG_F64, tg_shape2(2, 3), (double[]){1, 2, 3, 4, 5, 6}));
    const tg_node column = tg_const(g, TG_F64, tg_shape2(2, 1), (double[]){10, 100});
    const tg_node rank1 = tg_const(g, TG_F64, tg_shape1(3), (double[]){1, 0, -1});
    const tg_grads a = tg_mutate(d, y, 0, TG_SCALE, column), b = tg_mutate(d, y, 1, TG_SCALE, rank1);
    cr_assert(!tg_set(w, (double[]){2, 3}) && !tg_set(v, (double[]){1, 1, 1, 1, 1, 2}) && !tg_run(g));
    cr_assert(tg_item(tg_grad(a, w), 0) == 60 && tg_item(tg_grad(a, w), 1) == 2100, "Σ g v, then the factor");
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(tg_item(tg_grad(b, v), i), (double)(i + 1) * (i < 3 ? 2 : 3) * (1. - (double)(i % 3)));
    tg_mutate(d, y, 0, TG_SCALE, rank1);
    cr_assert_not_null(strstr(tg_message(g), "mutate: factor #9 (const) [3] does not broadcast to what is sent to 'w', "
                                             "which is [2, 1]\n"));
}

/* ---------------------------------------------------------------------------------------------------------- memory */

/* Each allocation fails in turn, alone or with all behind it; what is rewound is as if it had never been. */
Test(mutate, out_of_memory) {
    const tg_grads d = batchnorm(TG_F64);
    const tg_mark before = tg_mark_now(g);
    double want[N * D] = {0};
    size_t points = 0;
    for (size_t k = 0;; k++) { /* the first time with all the memory there is */
        heap.fail_at = k ? heap.calls + (k + 1) / 2 : 0;
        heap.onward = k % 2 == 0;
        const size_t at = heap.fail_at;
        tg_grads m = d;
        struct factors f = right;
        for (int i = 0; i < 60 && tg_error(g) == TG_OK; i++) m = mutant(m, i % EDGES, TG_SCALE, &f);
        const tg_status status = tg_error(g) ? tg_error(g) : tg_run(g);
        const bool reached = at && heap.calls >= at;
        cr_assert_eq(status, reached ? TG_MEMORY : TG_OK, "point %zu: %s", k, tg_message(g));
        heap.fail_at = 0;
        points += reached;
        for (size_t i = 0; i < N * D && !reached; i++) {
            if (!k) want[i] = tg_item(tg_grad(m, named("x")), i);
            cr_assert_eq(tg_item(tg_grad(m, named("x")), i), want[i]);
        }
        cr_assert_eq(tg_rewind(g, before), TG_OK, "%s", tg_message(g));
        cr_assert(tg_error(g) == TG_OK && tg_is_nil(named("s2/dx")));
        agrees(d, &right, 1e-13, "after the rewind");
        if (k && !reached) break;
    }
    cr_log_info("%zu points", points);
}
