/* TG_FAST overflows and vanishes only where README says so: formulas whose every step on the tape is an ordinary number,
 * though some product of their factors is not. The truth is the same tape in f64. */
#include "simplified.h"

TestSuite(fast_range, .timeout = 60);

enum { ROWS = 6, COLUMNS = 4 };

struct leaves {
    tg_graph *g;
    tg_dtype t;
    tg_node x, y, c, d; /* two matrices, two rows */
};

static tg_node number(const struct leaves *l, double v) { return tg_scalar(l->g, l->t, v); }
static tg_node all(tg_node x) { return tg_sum(x, tg_axes_all()); }
static tg_node slope(tg_node y, tg_node x) { return tg_grad(tg_backward(all(y), tg_nil(x.graph)), x); }

/* ---------------------------------------------------------------------------------------------------------- formulas */

static tg_node twice_divided(const struct leaves *l) { return tg_div(tg_div(l->x, l->y), l->y); }
static tg_node twice_divided_and_scaled(const struct leaves *l) {
    return tg_neg(tg_div(tg_mul(tg_div(tg_mul(l->d, l->x), l->y), number(l, 3)), l->y));
}
static tg_node divided_by_two(const struct leaves *l) {
    return tg_div(tg_div(tg_mul(l->d, l->x), l->y), tg_mul(number(l, 2), tg_add(l->y, l->y)));
}
static tg_node twice_by_a_row(const struct leaves *l) { return tg_div(tg_div(l->x, l->c), l->c); }
static tg_node by_two_rows(const struct leaves *l) { return tg_div(tg_div(l->x, l->c), tg_add(l->c, l->c)); }
static tg_node times_reciprocals(const struct leaves *l) {
    const tg_node r = tg_reciprocal(l->c);
    return tg_add(tg_mul(tg_mul(l->x, r), r), tg_mul(tg_mul(l->d, tg_mul(l->x, r)), r));
}
static tg_node sum_of_quotients(const struct leaves *l) {
    return tg_sum(tg_div(tg_div(l->x, l->c), l->c), tg_axis(0));
}
static tg_node times_itself(const struct leaves *l) {
    return tg_mul(tg_mul(tg_div(number(l, 1), l->y), tg_mul(tg_div(l->d, l->y), l->x)), l->y);
}
static tg_node scaled_norm(const struct leaves *l) {
    const tg_node top = tg_detach(tg_max(tg_abs(l->x), tg_keep(tg_axis(0)))), part = tg_div(l->x, top);
    return tg_mul(top, tg_sqrt(tg_sum(tg_mul(part, part), tg_keep(tg_axis(0)))));
}
static tg_node scaled_norm_by_square(const struct leaves *l) {
    const tg_node top = tg_detach(tg_max(tg_abs(l->x), tg_keep(tg_axis(0))));
    return tg_mul(top, tg_sqrt(tg_sum(tg_square(tg_div(l->x, top)), tg_keep(tg_axis(0)))));
}
static tg_node bell(const struct leaves *l) { /* of width c: its logarithm, less what is constant, and its slope */
    return slope(tg_mul(number(l, -0.5), tg_square(tg_div(tg_sub(l->x, l->c), l->c))), l->x);
}
static tg_node small_number(const struct leaves *l) {
    const tg_node x = tg_mul(l->x, l->d);
    return tg_mul(tg_div(tg_mul(tg_mul(number(l, 1e-25), x), x), x), x);
}

/* ln(1 + e^x) in three ways, up to x = 80: its second derivative is s(x)(1 - s(x)). */
static tg_node softplus(const struct leaves *l, tg_node w) {
    const tg_node x = tg_mul(tg_mul(l->d, number(l, 80)), w);
    return slope(tg_mul(slope(tg_log1p(tg_exp(x)), l->d), w), l->d);
}
static tg_node softplus_of_rows(const struct leaves *l) { return softplus(l, tg_add(l->d, l->d)); }
static tg_node softplus_of_numbers(const struct leaves *l) { return softplus(l, number(l, 1)); }
static tg_node softplus_of_matrices(const struct leaves *l) {
    const tg_node x = tg_mul(tg_expand(l->d, tg_shape2(ROWS, COLUMNS)), number(l, 80));
    const tg_node e = tg_exp(x), q = tg_div(e, tg_add(e, number(l, 1)));
    return tg_sub(tg_mul(q, l->d), tg_mul(tg_mul(tg_div(tg_mul(e, e), tg_add(e, number(l, 1))), l->d),
                                          tg_reciprocal(tg_add(e, number(l, 1)))));
}
static tg_node softplus_by_quotients(const struct leaves *l) {
    const tg_node x = tg_mul(tg_expand(l->d, tg_shape2(ROWS, COLUMNS)), number(l, 80));
    const tg_node e = tg_exp(x), one = tg_add(e, number(l, 1));
    return tg_mul(tg_div(tg_mul(tg_mul(tg_div(e, one), l->d), e), one), l->d);
}

static const struct formula {
    const char *name;
    tg_node (*make)(const struct leaves *l);
    double x, y, c, d; /* how large the leaves are */
    double terms;      /* how large the terms are of which a result is the difference */
} formulas[] = {
    {"x/y/y", twice_divided, 1e30, 1e25, 1, 1, 0},
    {"x/y/y", twice_divided, 1e-30, 1e-25, 1, 1, 0},
    {"-3 d x/y/y", twice_divided_and_scaled, 1e30, 1e25, 1, 1, 0},
    {"-3 d x/y/y", twice_divided_and_scaled, 1e-30, 1e-25, 1, 1, 0},
    {"d x/y/(4 y)", divided_by_two, 1e30, 1e25, 1, 1, 0},
    {"d x/y/(4 y)", divided_by_two, 1e-30, 1e-25, 1, 1, 0},
    {"x/c/c", twice_by_a_row, 1e30, 1, 1e25, 1, 0},
    {"x/c/c", twice_by_a_row, 1e-30, 1, 1e-25, 1, 0},
    {"x/c/(2 c)", by_two_rows, 1e30, 1, 1e25, 1, 0},
    {"x/c/(2 c)", by_two_rows, 1e-30, 1, 1e-25, 1, 0},
    {"x r r", times_reciprocals, 1e30, 1, 1e25, 1, 0},
    {"x r r", times_reciprocals, 1e-30, 1, 1e-25, 1, 0},
    {"sum x/c/c", sum_of_quotients, 1e30, 1, 1e25, 1, 0},
    {"sum x/c/c", sum_of_quotients, 1e-30, 1, 1e-25, 1, 0},
    {"1/y d/y x y", times_itself, 1e30, 1e25, 1, 1, 0},
    {"1/y d/y x y", times_itself, 1e-30, 1e-25, 1, 1, 0},
    {"scaled norm", scaled_norm, 1e30, 1, 1, 1, 0},
    {"scaled norm", scaled_norm_by_square, 1e30, 1, 1, 1, 0},
    {"scaled norm", scaled_norm_by_square, 1e-30, 1, 1, 1, 0},
    {"bell", bell, 1e-22, 1, 1e-20, 1, 0},
    {"1e-25 x x/x x", small_number, 1e25, 1, 1, 1, 0},
    {"softplus", softplus_of_rows, 1, 1, 1, 0.7, 100},
    {"softplus", softplus_of_numbers, 1, 1, 1, 1, 100},
    {"softplus", softplus_of_matrices, 1, 1, 1, 0.54, 100},
    {"softplus", softplus_by_quotients, 1, 1, 1, 1, 100},
};
enum { FORMULAS = sizeof formulas / sizeof *formulas };

static struct leaves leaves_of(tg_dtype t) {
    struct leaves l = {.g = tg_graph_new(), .t = t};
    l.x = tg_input(l.g, t, tg_shape2(ROWS, COLUMNS));
    l.y = tg_input(l.g, t, tg_shape2(ROWS, COLUMNS));
    l.c = tg_input(l.g, t, tg_shape1(COLUMNS));
    l.d = tg_input(l.g, t, tg_shape1(COLUMNS));
    return l;
}

static void give(tg_node leaf, uint64_t seed, double size) {
    uint64_t state = seed;
    double *v = random_array(&state, tg_size(leaf), 0.5, 1);
    for (size_t i = 0; i < tg_size(leaf); i++) v[i] = (double)(float)(v[i] * size);
    cr_assert_eq(set_doubles(leaf, v), TG_OK);
    free(v);
}

static tg_node run(const struct formula *f, const struct leaves *l) {
    const tg_node z = f->make(l);
    give(l->x, 1, f->x);
    give(l->y, 2, f->y);
    give(l->c, 3, f->c);
    give(l->d, 4, f->d);
    cr_assert_eq(tg_run(l->g), TG_OK, "%s: %s", f->name, tg_message(l->g));
    return z;
}

/* In f32: FAST is off by at most twice what the tape is, and a few roundings of the largest; or by no more than the
 * smallest number that has all its digits. */
Test(fast_range, quotients_and_powers_stay_ordinary) {
    for (size_t k = 0; k < FORMULAS; k++) {
        struct leaves l = leaves_of(TG_F32), exact = leaves_of(TG_F64);
        const tg_node a = run(&formulas[k], &l), truth = run(&formulas[k], &exact);
        for (unsigned flags = 0; flags <= TG_ASSUME_FINITE; flags++) {
            struct simplified z = simplify(&a, 1, NULL, 0, TG_FAST, flags);
            double most = formulas[k].terms, tape = 0, fast = 0;
            cr_assert_eq(run_small(&z), TG_OK);
            for (size_t i = 0; i < tg_size(a); i++) {
                const double t = tg_item(truth, i), own = fabs(tg_item(a, i) - t);
                const double other = fabs(tg_item(small_node(&z, 0), i) - t);
                most = fmax(most, fabs(t));
                tape = own <= tape ? tape : own;
                fast = other <= fast ? fast : other; /* a NaN is the largest */
            }
            cr_assert_leq(tape, 1e-4 * most + 1e-37, "%s: the test itself, off by %g of %g", formulas[k].name, tape, most);
            cr_expect_leq(fast, 2 * tape + 1e-6 * most + 1e-38, "%s of %g %g: off by %g, the tape by %g of %g",
                          formulas[k].name, formulas[k].x, formulas[k].c, fast, tape, most);
            simplified_free(&z);
        }
        tg_graph_free(l.g);
        tg_graph_free(exact.g);
    }
}
