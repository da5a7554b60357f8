/* Comparisons in compiled programs: two values that stand for one node must have one set of bits, wherever each is
 * computed. Max, for example, finds its element again by equality; if the operand had other last digits there than where
 * the maximum was taken, the gradient would vanish. Each operator that can be computed in several nests stands before
 * each comparison, and as many elements get a gradient as in tg_run; so do second derivatives. */
#include "ops.h"
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

#if defined(_OPENMP)
#include <omp.h>
#define THREADS(n) omp_set_num_threads(n)
#else
#define THREADS(n) (void)(n)
#endif

TestSuite(compares, .timeout = 3600);

/* ---------------------------------------------------------------------------------------------- what is compared */

static const struct tg_op *const rows[] = {
#define OP(name) &tg__op_##name,
#include "elementwise.def"
#undef OP
};
enum { ROWS = sizeof rows / sizeof *rows };

enum { ALONE, LINE, FRACTION, SHIFTED, PRODUCTS, FORMS }; /* what is made of a row's result: a sum with a product, … */

struct source {
    tg_graph *g;
    tg_dtype dtype;
    tg_shape shape;
    tg_node leaf[4];
    tg_node x; /* the leaf that gradients go to */
};

static tg_node leaf(struct source *s, int i, tg_shape shape) { return s->leaf[i] = tg_input(s->g, s->dtype, shape); }

static tg_node produce(struct source *s, const struct tg_op *row, int form) {
    const tg_shape line = tg_shape1(s->shape.dim[1]);
    const tg_node x = s->x = leaf(s, 0, s->shape), a = leaf(s, 1, line), b = leaf(s, 2, s->shape);
    const bool later = row->gradient && strncmp(row->gradient, "none,", 5) == 0; /* x is no condition, but a choice */
    const tg_node first[] = {x, a, b}, second[] = {b, x, a};
    const tg_node y = tg__apply(row, later ? second : first, NULL);
    switch (form) {
    case LINE: return tg_add(tg_mul(y, a), b);
    case FRACTION: /* nowhere flat: there another rounding may make equals of unlike elements */
        return tg_div(tg_add(y, b), tg_add(tg_square(b), tg_scalar_like(y, 1)));
    case SHIFTED: return tg_sub(tg_mul(x, tg_flip(y, tg_axis(1))), tg_mul(a, tg_mean(y, tg_axis(0))));
    case PRODUCTS: return tg_add(tg_mul(y, a), tg_mul(tg_flip(y, tg_axis(0)), x));
    default: return y;
    }
}

/* --------------------------------------------------------------------------------------------------- who compares */

static tg_node max_columns(tg_node y) { return tg_max(y, tg_axis(0)); }
static tg_node max_rows(tg_node y) { return tg_max(y, tg_axis(1)); }
static tg_node max_all(tg_node y) { return tg_max(y, tg_axes_all()); }
static tg_node min_columns(tg_node y) { return tg_min(y, tg_axis(0)); }
static tg_node min_rows(tg_node y) { return tg_min(y, tg_keep(tg_axis(1))); }
static tg_node max_norm(tg_node y) { return tg_norm(y, (double)INFINITY, tg_axis(0)); }
static tg_node chosen(tg_node y) { return tg_gather(y, tg_argmax(y, tg_axis(1))); }
static tg_node pooled(tg_node y) {
    const tg_shape s = tg_dims(y);
    return tg_max_pool2d(tg_reshape(y, tg_shape4(1, 1, s.dim[0], s.dim[1])), 3, 2, tg_window_of(2, 1, 1));
}
static tg_node larger(tg_node y) { return tg_maximum(y, tg_flip(y, tg_axis(1))); }
static tg_node smaller(tg_node y) { return tg_minimum(y, tg_mean(y, tg_axis(0))); }
static tg_node tied(tg_node y) { return tg_maximum(y, tg_max(y, tg_keep(tg_axis(1)))); }
static tg_node masked(tg_node y) { return tg_mul(y, tg_eq(y, tg_min(y, tg_axis(0)))); }
static tg_node below(tg_node y) { return tg_where(tg_lt(y, tg_max(y, tg_axis(0))), tg_square(y), y); }
static tg_node chosen_side(tg_node y) { return tg_where(tg_gt(y, tg_mean(y, tg_axis(0))), tg_mul(y, y), y); }
static tg_node bounded(tg_node y) { return tg_clamp(y, 0.5, 1); }
static tg_node neighbours(tg_node y) { /* the elements of one row, each beside the next */
    const int64_t n = tg_dims(y).dim[1];
    const tg_node left = tg_slice(y, 1, 0, n - 1, 1), right = tg_slice(y, 1, 1, n, 1);
    return tg_where(tg_eq(left, right), tg_mul(left, left), right);
}
static tg_node rectified(tg_node y) { return tg_relu(tg_sub(y, tg_scalar_like(y, 0.5))); }
static tg_node leaky(tg_node y) { return tg_leaky_relu(tg_sub(y, tg_max(y, tg_axis(0))), 0.25); }
static tg_node softened(tg_node y) {
    char scope[24];
    snprintf(scope, sizeof scope, "top%u", y.id); /* one graph may have several */
    return tg_softmax(y, 0, scope);
}
static tg_node summed(tg_node y) { return tg_logsumexp(y, tg_axis(1)); }
static tg_node spread(tg_node y) { return tg_std(y, tg_axis(0), 1); }

static const struct {
    const char *name;
    tg_node (*of)(tg_node y);
} comparisons[] = {{"max of columns", max_columns}, {"max of rows", max_rows},   {"max of all", max_all},
                   {"min of columns", min_columns}, {"min of rows", min_rows},   {"norm", max_norm},
                   {"argmax", chosen},              {"max_pool2d", pooled},      {"maximum", larger},
                   {"minimum", smaller},            {"tied maximum", tied},      {"eq", masked},
                   {"lt", below},                   {"where", chosen_side},      {"clamp", bounded},
                   {"eq of neighbours", neighbours}, {"relu", rectified},        {"leaky_relu", leaky},
                   {"softmax", softened},           {"logsumexp", summed},       {"std", spread}};
enum { COMPARISONS = sizeof comparisons / sizeof *comparisons };

/* ------------------------------------------------------------------------------------------------------- one tape */

struct trial {
    struct source s;
    const char *row, *comparison;
    int form;
    bool ties;
    tg_node out[3]; /* the comparison, its gradient, the gradient of that */
    size_t outs;
};

/* Some numbers are drawn many times: then equal elements must stay equal. */
static void give(tg_node a, const struct tg_op *row, bool ties, uint64_t seed) {
    const size_t n = tg_size(a);
    double few[7], *v = random_array(&seed, n, row->low, row->high);
    for (int k = 0; k < 7; k++) few[k] = random_between(&seed, row->low, row->high);
    for (size_t i = 0; ties && i < n; i++) v[i] = few[random_below(&seed, 7)];
    cr_assert_eq(set_doubles(a, v), TG_OK);
    free(v);
}

static struct trial lay(tg_graph *g, tg_dtype dtype, tg_shape shape, int row, int form, int comparison, bool ties) {
    struct trial t = {.s = {.g = g, .dtype = dtype, .shape = shape},
                      .row = rows[row]->name,
                      .comparison = comparisons[comparison].name,
                      .form = form,
                      .ties = ties};
    const tg_node y = produce(&t.s, rows[row], form), z = comparisons[comparison].of(y);
    const tg_node seed = t.s.leaf[3] = tg_input(g, dtype, tg_dims(z));
    t.out[t.outs++] = z;
    if (rows[row]->vjp) {
        const tg_node dx = t.out[t.outs++] = tg_grad(tg_backward(tg_square(z), seed), t.s.x);
        const tg_grads d = tg_backward(tg_sum(tg_mul(tg_square(dx), t.s.x), tg_axes_all()), tg_nil(g));
        t.out[t.outs++] = tg_grad(d, t.s.x);
    }
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    for (int i = 0; i < 4; i++) give(t.s.leaf[i], rows[row], ties && i < 3, 7 + (uint64_t)i);
    return t;
}

/* Which elements are 0 and which are finite has to agree to the last; what rounding may do to the others is other
 * tests' matter, and here only has to stay below what one lost term would make. */
static void check(const struct trial *t, const tg_program *p, const char *mode) {
    for (size_t k = 0; k < t->outs; k++) {
        const tg_node a = t->out[k];
        const void *ours = tg_program_value(p, a);
        size_t got = 0, needed = 0, finite = 0, odd = 0;
        double off = 0, size = 0;
        for (size_t i = 0; i < tg_size(a); i++) {
            const double x = tg__load(tg_dtype_of(a), ours, i), y = tg_item(a, i);
            got += x != 0, needed += y != 0;
            finite += isfinite(y), odd += isfinite(x) != isfinite(y);
            if (isfinite(x) && isfinite(y)) off = fmax(off, fabs(x - y)), size = fmax(size, fabs(y));
        }
        cr_expect(got == needed && odd == 0 && off <= (t->s.dtype == TG_F64 ? 1e-9 : 1e-3) * size,
                  "%s, %s of %s form %d%s, %s, derivative %zu: %zu elements are not 0, in tg_run %zu; %zu finite, %zu "
                  "differ; off by %g of %g",
                  mode, t->comparison, t->row, t->form, t->ties ? " with ties" : "", tg__dtype_name(t->s.dtype), k, got,
                  needed, finite, odd, off, size);
    }
}

static void try(const struct trial *t, size_t count, bool exact) {
    tg_graph *g = t[0].s.g;
    tg_node wanted[64];
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < t[i].outs; k++) wanted[n++] = t[i].out[k];
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    for (int mode = 0; mode < 1 + exact; mode++) {
        tg_program *p = tg_compile(g, wanted, n, (tg_compile_options){.mode = mode ? TG_EXACT : TG_FAST});
        cr_assert_not_null(p, "%s", tg_message(g));
        cr_assert_str_empty(tg_program_note(p));
        for (int threads = 1; threads <= 2; threads++) {
            THREADS(threads);
            cr_assert_eq(tg_program_run(p), TG_OK, "%s", tg_message(g));
            for (size_t i = 0; i < count; i++) check(&t[i], p, mode ? "exact" : "fast");
        }
        tg_program_free(p);
    }
}

/* ------------------------------------------------------------------------------------------------------ all of it */

static const tg_shape shapes[] = {{2, {67, 65}}, {2, {3, 300}}, {2, {700, 203}}, {2, {41, 1}}, {2, {1, 37}}, {2, {128, 5}}};
enum { SHAPES = sizeof shapes / sizeof *shapes, TOGETHER = 4, TRIALS = 1 };

static bool fits(int comparison, tg_shape shape) {
    return comparisons[comparison].of != neighbours || shape.dim[1] > 1;
}

static bool is_defined(int row, int comparison) { /* nothing may be 0/0 on the tape: std has no derivative where it is 0 */
    return comparisons[comparison].of != spread || rows[row]->vjp;
}

/* A few drawn at random, together in programs; in the long run all, each in its own. */
static void check_dtype(tg_dtype dtype) {
    uint64_t state = 11 + dtype;
    for (int k = 0; k < (is_long() ? ROWS * COMPARISONS : TRIALS); k++) {
        tg_graph *g = tg_graph_new();
        struct trial t[TOGETHER];
        size_t count = 0;
        for (size_t i = 0; i < (is_long() ? 1 : TOGETHER); i++) {
            const size_t which = is_long() ? (size_t)k : random_below(&state, ROWS * COMPARISONS);
            const int row = (int)(which / COMPARISONS), comparison = (int)(which % COMPARISONS);
            const int form = (int)random_below(&state, FORMS);
            const tg_shape shape = shapes[random_below(&state, i ? 2 : SHAPES)];
            const bool ties = random_below(&state, 3) == 0;
            if (!fits(comparison, shape) || !is_defined(row, comparison)) continue;
            t[count++] = lay(g, dtype, shape, row, form, comparison, ties);
        }
        if (count) try(t, count, is_long() ? k % 8 == 0 : k == 0);
        tg_graph_free(g);
    }
}

Test(compares, f32) { check_dtype(TG_F32); }
Test(compares, f64) { check_dtype(TG_F64); }

/* The two tapes that were measured first, with the numbers that they had. */
Test(compares, max_keeps_its_gradient) {
    for (int k = 0; k < 2; k++) {
        tg_graph *g = tg_graph_new();
        const tg_node x = tg_input(g, TG_F64, k ? tg_shape2(64, 65) : tg_shape1(300));
        const tg_node y = k ? tg_div(x, tg_add(tg_square(x), tg_scalar(g, TG_F64, 1))) : tg_sin(x);
        const tg_node z = tg_max(y, tg_axis(0));
        const tg_node dx = tg_grad(tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g)), x);
        cr_assert_eq(tg_fill_normal(x, 0, 1, 1), TG_OK);
        cr_assert_eq(tg_run(g), TG_OK);
        tg_program *p = tg_compile(g, &dx, 1, (tg_compile_options){.mode = TG_FAST});
        cr_assert_not_null(p);
        cr_assert_eq(tg_program_run(p), TG_OK);
        size_t got = 0;
        for (size_t i = 0; i < tg_size(dx); i++) got += ((const double *)tg_program_value(p, dx))[i] != 0;
        cr_expect_eq(got, tg_size(z), "%zu of %zu maxima", got, tg_size(z));
        tg_graph_free(g);
    }
}
