/* The classic mistakes: which check sees them, and where a forward parts from the kernel written by hand. */
#include "batchnorm.h"
#include "check_leaves.h"

TestSuite(mistakes, .init = setup, .fini = teardown, .timeout = 120);

/* ------------------------------------------------------------------------------------------------ wrong backwards */

struct edge {
    const char *sender; /* "mean": the sum inside mu */
    int slot;
    tg_mutation kind;
    double factor; /* 0: 1/gamma */
};

static const struct mistake {
    const char *name, *leaf;
    struct edge edge[2];
    bool seen_by_ones;
} ten[] = {
    {"variance path missing", "x", {{"sq", 0, TG_DROP, 1}}, false},
    {"variance path doubled", "x", {{"sq", 0, TG_SCALE, 2}}, false},
    {"variance path flipped", "x", {{"sq", 0, TG_FLIP, 1}}, false},
    {"variance over N - 1", "x", {{"sq", 0, TG_SCALE, N / (N - 1.)}}, false},
    {"gamma forgotten", "x", {{"gammax", 1, TG_SCALE, 0}}, false},
    {"dx = 0", "x", {{"xmu", 0, TG_DROP, 1}, {"mean", 0, TG_DROP, 1}}, false},
    {"dgamma = 0", "gamma", {{"gammax", 0, TG_DROP, 1}}, false},
    {"dgamma flipped", "gamma", {{"gammax", 0, TG_FLIP, 1}}, false},
    {"mean path missing", "x", {{"xmu", 1, TG_DROP, 1}}, true},
    {"statistics detached", "x", {{"xmu", 1, TG_DROP, 1}, {"xhat", 1, TG_DROP, 1}}, true},
};
enum { TEN = sizeof ten / sizeof *ten };

static tg_grads make(tg_grads d, const struct mistake *m, tg_node gamma) {
    for (const struct edge *e = m->edge; e < m->edge + 2 && e->sender; e++) {
        tg_node sender = tg_find(g, e->sender), factor = tg_nil(g);
        if (tg_is_nil(sender)) sender = tg_operand(tg_find(g, "mu"), 0);
        if (e->kind == TG_SCALE) factor = e->factor != 0 ? tg_scalar_like(gamma, e->factor) : tg_reciprocal(gamma);
        d = tg_mutate(d, sender, e->slot, e->kind, factor);
    }
    return d;
}

static size_t failing(void) {
    size_t n = 0;
    for (size_t i = 0; i < leaves; i++) n += checks[i].verdict == TG_FAIL;
    return n;
}

static void ten_mistakes(tg_dtype dtype) {
    double ones[N * D];
    size_t unseen = 0;
    for (int i = 0; i < N * D; i++) ones[i] = 1;
    struct norm b = norm_of(dtype, N, D);
    const tg_grads d = tg_backward(b.out, drawn(dtype, tg_shape2(N, D), -1, 1));
    for (int i = 0; i < TEN; i++) {
        const tg_mark before = tg_mark_now(g);
        const tg_grads wrong = make(d, &ten[i], b.gamma);
        const tg_node leaf = *ten[i].leaf == 'x' ? b.x : b.gamma;
        for (uint64_t seed = 1; seed <= 3; seed++) {
            check(b.out, &(tg_check_options){.sweep = wrong, .seed = seed});
            expect(leaf, TG_FAIL);
            cr_assert_eq(failing(), 1, "%s spoils one gradient", ten[i].name);
        }
        check(b.out, &(tg_check_options){.sweep = wrong, .cotangent = ones});
        cr_assert(dtype == TG_F32 || failing() == ten[i].seen_by_ones, "%s", ten[i].name);
        cr_assert(dtype == TG_F32 || ten[i].seen_by_ones || of(leaf)->verdict == TG_VACUOUS, "%s", ten[i].name);
        unseen += failing() == 0;
        check(b.out, &(tg_check_options){.sweep = d}); /* the right one, beside it */
        expect_all(TG_PASS);
        cr_assert_eq(tg_rewind(g, before), TG_OK);
    }
    cr_assert(dtype == TG_F32 || unseen == 8); /* 1/N in f32 is no 1/N: behind ones dx is not quite 0 */
}

Test(mistakes, ten_are_caught_and_eight_pass_behind_ones) { ten_mistakes(TG_F64); }
Test(mistakes, in_f32_too) { ten_mistakes(TG_F32); }

/* A factor that is younger than the output, made of leaves of its own, and of f32. */
Test(mistakes, factors_of_their_own) {
    const tg_node x = drawn(TG_F32, tg_shape2(3, 2), 0.5, 2), y = tg_square(x);
    const tg_node later = drawn(TG_F32, tg_shape1(2), 2, 3), factor = tg_exp(later);
    const tg_grads d = tg_backward(y, drawn(TG_F32, tg_shape2(3, 2), 1, 2));
    const tg_grads wrong = tg_mutate(d, y, 0, TG_SCALE, factor),
                   less = tg_mutate(wrong, y, 0, TG_SCALE, tg_reciprocal(factor));
    check(y, &(tg_check_options){.sweep = wrong, .cotangent = (double[]){1, 1, 1, 1, 1, 1}});
    expect(x, TG_FAIL);
    const tg_check *c = of(x);
    const double at = tg_item(x, c->index), by = exp(tg_item(later, c->index % 2));
    cr_assert_float_eq(c->ours, 2 * at * by, 1e-12 * c->ours);
    cr_assert_float_eq(c->numeric, 2 * at, 1e-9);
    check(y, &(tg_check_options){.sweep = less}); /* two mistakes that make up for one another */
    expect(x, TG_PASS);
    cr_assert_eq(leaves, 1);
    const tg_node unset = tg_input(g, TG_F32, tg_shape0());
    refused(y, &(tg_check_options){.sweep = tg_mutate(d, y, 0, TG_SCALE, unset)}, TG_VALUE, "has no value");
}

Test(mistakes, sweeps_that_do_not_fit) {
    tg_graph *other = tg_graph_new();
    TG_LET(x, given(TG_F64, tg_shape0(), (double[]){3}));
    TG_LET(y, tg_exp(x));
    TG_LET(z, tg_square(y));
    const tg_grads d = tg_backward(y, tg_nil(g));
    const tg_node p = tg_input(other, TG_F64, tg_shape0());
    const tg_grads foreign = tg_backward(tg_exp(p), tg_nil(other));
    refused(z, &(tg_check_options){.sweep = d}, TG_ARGUMENT, "check_gradient: the sweep is one of 'y', not of 'z'");
    refused(y, &(tg_check_options){.sweep = foreign}, TG_HANDLE, "check_gradient: the sweep belongs to another graph");
    refused(y, &(tg_check_options){.sweep = {g, 7, 1}}, TG_HANDLE, "check_gradient: the sweep is stale");
    check(z, &(tg_check_options){.sweep = {g, 0, 0}});
    expect(x, TG_PASS);
    const tg_mark before = tg_mark_now(g);
    const tg_grads wrong = tg_mutate(d, y, 0, TG_FLIP, tg_nil(g));
    check(y, &(tg_check_options){.sweep = wrong});
    expect(x, TG_FAIL);
    cr_assert_float_eq(of(x)->ours, -exp(3), 1e-12);
    cr_assert_eq(tg_rewind(g, before), TG_OK);
    refused(y, &(tg_check_options){.sweep = wrong}, TG_HANDLE,
            "check_gradient: the sweep is stale: the tape was rewound");
    tg_graph_free(other);
}

Test(mistakes, out_of_memory) {
    struct heap heap = {0};
    tg_graph_free(g);
    g = tg_graph_new_with(heap_allocator(&heap));
    struct norm b = norm_of(TG_F64, 3, 2);
    const tg_grads d = tg_backward(b.out, drawn(TG_F64, tg_shape2(3, 2), -1, 1));
    const tg_check_options o = {.sweep = tg_mutate(d, tg_find(g, "sq"), 0, TG_SCALE, tg_reciprocal(b.gamma))};
    check(b.out, &o);
    const size_t live = heap.live, start = heap.calls;
    check(b.out, &o);
    const size_t points = heap.calls - start;
    for (int onward = 0; onward < 2; onward++)
        for (size_t k = 1; k <= points; k++) {
            heap.onward = onward;
            heap.fail_at = heap.calls + k;
            refused(b.out, &o, TG_MEMORY, "out of memory");
            heap.fail_at = 0;
            cr_assert_eq(heap.live, live);
            check(b.out, &o);
            expect(b.x, TG_FAIL);
        }
    tg_graph_free(g);
    g = NULL;
    cr_assert(heap.blocks == 0 && heap.wrong == 0);
}

/* ------------------------------------------------------------------------------------------------- wrong forwards */

enum forward { RIGHT, SUM, WHOLE, EPS_OUTSIDE, MINUS, NO_MU, EXCHANGED, FORWARDS };

static void student(enum forward m, const struct norm *b) {
    const tg_axes rows = tg_axis(0);
    const tg_node share = tg_scalar(g, TG_F64, 1. / N), eps = tg_scalar(g, TG_F64, 1e-5);
    TG_LET(mu, m == SUM ? tg_sum(b->x, rows) : tg_mul(tg_sum(b->x, rows), share));
    TG_LET(xmu, m == NO_MU ? tg_identity(b->x) : tg_sub(b->x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, m == WHOLE ? tg_mul(tg_sum(sq, tg_axes_all()), tg_scalar(g, TG_F64, 1. / (N * D)))
                           : tg_mul(tg_sum(sq, rows), share));
    TG_LET(sqrtvar, m == EPS_OUTSIDE ? tg_add(tg_sqrt(var), eps) : tg_sqrt(tg_add(var, eps)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, m == MINUS ? tg_sub(xmu, sqrtvar) : tg_mul(xmu, ivar));
    TG_LET(out, tg_add(tg_mul(m == EXCHANGED ? b->beta : b->gamma, xhat), m == EXCHANGED ? b->gamma : b->beta));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
}

Test(mistakes, a_forward_parts_at_its_mistake) {
    static const char *const parts[FORWARDS] = {"", "mu", "var", "ivar", "xhat", "var", "out"};
    double mu[D], var[D], ivar[D], xhat[N * D], out[N * D];
    const tg_shape row = tg_shape1(D), all = tg_shape2(N, D);
    const tg_array kernel[] = {{"mu", TG_F64, row, mu},
                               {"var", TG_F64, row, var},
                               {"ivar", TG_F64, row, ivar},
                               {"xhat", TG_F64, all, xhat},
                               {"out", TG_F64, all, out}};
    struct norm b = {drawn(TG_F64, all, -3, 5), drawn(TG_F64, row, 0.5, 2), drawn(TG_F64, row, -1, 1), tg_nil(g)};
    tg_fused_batchnorm_stages_f64 stages = {mu, var, ivar, xhat};
    tg_fused_batchnorm_train_f64(N, D, tg_value(b.x), tg_value(b.gamma), tg_value(b.beta), 1e-5, out, stages);
    for (int m = RIGHT; m < FORWARDS; m++) {
        const tg_mark before = tg_mark_now(g);
        tg_difference r[5];
        size_t first;
        student((enum forward)m, &b);
        cr_assert_eq(tg_diverge(g, kernel, 5, 1e-12, r, &first), TG_OK, "%s", tg_message(g));
        cr_assert_str_eq(first < 5 ? r[first].name : "", parts[m]);
        for (size_t i = 0; i < 5; i++) cr_assert_eq(r[i].misshapen, m == WHOLE && (i == 1 || i == 2), "%d %zu", m, i);
        if (m == WHOLE) {
            cr_assert(isinf(r[1].error) && isnan(r[1].ours) && isnan(r[1].theirs) && isnan(r[1].scale) && r[1].parts);
            cr_assert(r[1].stage == 4 && r[1].shape.rank == 1 && r[1].shape.dim[0] == D);
            cr_assert(tg_dims(tg_find(g, "var")).rank == 0 && !r[0].parts && r[0].shape.dim[0] == D);
        }
        cr_assert_eq(tg_rewind(g, before), TG_OK);
    }
}
