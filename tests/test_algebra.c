/* The algebra of fast programs: each identity where it applies and where its guard forbids it; that the numbers agree
 * with the tape's, NaN included; and what comes out for whole layers, which no rule knows. */
#include "simplified.h"

#include "algebra.h"
#include "api.h"
#include "random_tape.h"

TestSuite(algebra, .timeout = 60);

static tg_graph *g;
static struct simplified z;

static void begin(void) { g = tg_graph_new(); }
static void end(void) {
    simplified_free(&z);
    tg_graph_free(g);
}

static void give_all(tg_graph *graph, uint64_t seed, double low, double high) {
    uint64_t state = seed;
    for (uint32_t id = 1; id <= tg_count(graph); id++) {
        const tg_node a = tg_node_at(graph, id);
        if (!tg__is_leaf(tg__node_of(graph, id)) || tg_value(a)) continue;
        double *v = random_array(&state, tg_size(a), low, high);
        int32_t *label = calloc(tg_size(a) + 1, sizeof *label);
        for (size_t i = 0; i < tg_size(a); i++) label[i] = (int32_t)random_below(&state, 2);
        cr_assert_eq(tg_dtype_of(a) == TG_I32 ? tg_set(a, label) : set_doubles(a, v), TG_OK);
        free(v);
        free(label);
    }
}

/* ------------------------------------------------------------------------------------------------ the numbers agree
 * Error over the largest value of a column, or over `floor` where that is smaller. */

static double distance(tg_node a, tg_node b, double floor) {
    const size_t n = tg_size(a);
    double *x = doubles_of(a), *y = doubles_of(b), *scale = malloc((n + 1) * sizeof *scale);
    cr_assert_eq(tg_size(b), n);
    for (size_t i = 0; i < n; i++) scale[i] = isfinite(x[i]) ? fmax(fabs(x[i]), floor) : floor;
    for (size_t i = 0; i < n; i++)
        if (isinf(x[i]) && x[i] == y[i]) x[i] = y[i] = 0;
    const double error = column_error(x, y, scale, n, columns_of(a), 0);
    free(x);
    free(y);
    free(scale);
    return error;
}

static void expect_close(const tg_node *wanted, size_t count, double tolerance, double floor, const char *where) {
    cr_assert_eq(tg_run(z.of), TG_OK, "%s: %s", where, tg_message(z.of));
    cr_assert_eq(run_small(&z), TG_OK, "%s: %s", where, tg_message(z.s.graph));
    for (size_t i = 0; i < count; i++) {
        const double error = distance(wanted[i], small_node(&z, i), floor);
        cr_expect(error <= tolerance, "%s: '%s' #%u is off by %g", where, tg_name(wanted[i]), wanted[i].id, error);
    }
}

/* Simplifies `a` with random leaves, and expects the same numbers to a few roundings. */
static void of(tg_node a, unsigned flags) {
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    z = simplify(&a, 1, NULL, 0, TG_FAST, flags);
    give_all(g, 7, 0.5, 2);
    expect_close(&a, 1, 1e-13, 1, "");
}

static size_t ops(const char *op) { return count_op(z.s.graph, op, 0); }

static tg_node matrix(const char *name) { return tg_let(tg_input(g, TG_F64, tg_shape2(6, 4)), name, NULL, 0); }
static tg_node column(const char *name) { return tg_let(tg_input(g, TG_F64, tg_shape1(4)), name, NULL, 0); }
static tg_node mean_of(tg_node x) { return tg_mul(tg_sum(x, tg_axis(0)), tg_scalar_like(x, 1.0 / 6)); }
static tg_node times(double v, tg_node x) { return tg_mul(tg_scalar_like(x, v), x); }

/* --------------------------------------------------------------------------------------------- products of powers */

Test(algebra, powers_add_up, .init = begin, .fini = end) {
    const tg_node x = matrix("x");
    of(tg_mul(tg_mul(x, times(2, x)), times(0.5, tg_square(x))), 0); /* x⁴ */
    cr_expect_eq(ops("square"), 2);
    cr_expect_eq(ops("mul"), 0);
}

Test(algebra, powers_of_both_signs_do_not_cancel, .init = begin, .fini = end) {
    const tg_node x = matrix("x");
    of(tg_div(x, x), 0);
    cr_expect_eq(ops("div"), 1);
    cr_assert_eq(tg_set(x, (double[24]){0}), TG_OK);
    cr_assert_eq(run_small(&z), TG_OK);
    cr_expect(isnan(tg_item(small_node(&z, 0), 0)), "0/0");
}

Test(algebra, powers_cancel_where_all_is_finite, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y");
    of(tg_mul(tg_div(x, y), tg_mul(y, y)), TG_ASSUME_FINITE); /* x y */
    cr_expect_eq(ops("mul"), 1);
    cr_expect_eq(ops("div") + ops("square") + ops("reciprocal"), 0);
}

Test(algebra, a_number_that_would_overflow_stays_two, .init = begin, .fini = end) {
    const tg_node x = matrix("x");
    of(times(1e200, times(1e200, x)), 0);
    cr_expect_eq(ops("mul"), 2);
    simplified_free(&z);
    of(times(1e-200, times(1e-200, x)), 0);
    cr_expect_eq(ops("mul"), 2);
}

Test(algebra, numbers_are_one, .init = begin, .fini = end) {
    const tg_node x = matrix("x");
    of(tg_neg(times(2, tg_neg(times(3, x)))), 0);
    cr_expect_eq(ops("mul"), 1);
    cr_expect_eq(ops("neg"), 0);
}

Test(algebra, a_number_over_itself_is_one, .init = begin, .fini = end) {
    uint64_t state = 5;
    tg_node all = matrix("x");
    for (int i = 0; i < 50; i++) { /* v * (1/v) is not always 1 */
        const tg_node v = tg_scalar(g, TG_F64, random_between(&state, 1, 2));
        all = tg_mul(all, tg_floor(tg_div(v, v)));
    }
    of(all, 0);
    cr_expect_eq(tg_count(z.s.graph), 1);
}

Test(algebra, zero_has_a_sign, .init = begin, .fini = end) {
    const tg_node x = matrix("x");
    of(tg_atan2(tg_neg(tg_scalar(g, TG_F64, 0)), tg_neg(x)), 0); /* -π, not π */
}

Test(algebra, a_count_times_its_share_is_one, .init = begin, .fini = end) {
    const tg_node x = matrix("x");
    of(times(49, times(1.0 / 49, x)), 0); /* 49 * round(1/49) is not 1 */
    cr_expect_eq(tg_count(z.s.graph), 1);
}

Test(algebra, what_is_no_share_is_none, .init = begin, .fini = end) {
    const tg_node x = matrix("x");
    of(times(49, times(1.0000001 / 49, x)), 0);
    cr_expect_eq(ops("mul"), 1);
}

Test(algebra, what_is_small_is_multiplied_first, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), c = column("c"), d = column("d");
    of(tg_mul(tg_mul(tg_mul(c, x), d), tg_scalar_like(x, 3)), 0);
    cr_expect_eq(count_op(z.s.graph, "mul", 24), 1, "one product for each element");
    cr_expect_eq(ops("mul"), 3);
}

Test(algebra, a_small_divisor_is_inverted_once, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), c = column("c");
    of(tg_div(x, c), 0);
    cr_expect_eq(ops("div"), 0);
    cr_expect_eq(ops("reciprocal"), 1);
}

Test(algebra, a_large_divisor_is_not, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y");
    of(tg_div(x, y), 0);
    cr_expect_eq(ops("div"), 1);
    cr_expect_eq(ops("reciprocal"), 0);
}

Test(algebra, a_reciprocal_that_is_there_is_used, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y");
    of(tg_add(tg_exp(tg_reciprocal(y)), tg_div(x, tg_square(y))), 0);
    cr_expect_eq(ops("div"), 0);
    cr_expect_eq(ops("reciprocal"), 1);
}

Test(algebra, signs_are_the_sums, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y");
    of(tg_add(tg_sub(x, tg_neg(y)), tg_neg(tg_mul(x, y))), 0); /* x + y - x y */
    cr_expect_eq(ops("neg"), 0);
    cr_expect_eq(ops("add"), 1);
    cr_expect_eq(ops("sub"), 1);
}

Test(algebra, negative_first_terms, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y");
    of(tg_sub(tg_add(tg_neg(x), y), tg_add(tg_neg(x), tg_neg(y))), 0);
    cr_expect_leq(ops("neg"), 1);
}

Test(algebra, elementwise_work_is_done_before_it_is_repeated, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), c = column("c");
    const tg_node wide = tg_expand(c, tg_shape2(6, 4));
    of(tg_mul(x, tg_exp(tg_add(wide, tg_sqrt(wide)))), 0);
    cr_expect_eq(count_op(z.s.graph, "exp", 24) + count_op(z.s.graph, "sqrt", 24) + ops("expand"), 0);
}

/* Along which axis a vector lies is not for broadcasting to guess. */
Test(algebra, axes_of_equal_length_are_told_apart, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 4)));
    const tg_node c = column("c"), d = column("d");
    const tg_node down = tg_expand_axes(c, tg_shape2(4, 4), tg_axis(1)),
                  along = tg_expand_axes(d, tg_shape2(4, 4), tg_axis(0));
    of(tg_mul(tg_mul(tg_mul(down, x), along), tg_add(down, tg_exp(along))), 0);
}

/* A vector of the first axis and a column of the second: side by side they would broadcast, but to the transpose. */
Test(algebra, axes_stay_in_their_order, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape3(4, 4, 4)));
    TG_LET(d, tg_input(g, TG_F64, tg_shape2(4, 1)));
    const tg_node first = tg_expand_axes(column("c"), tg_shape3(4, 4, 4), tg_axes2(1, 2));
    of(tg_mul(tg_mul(first, d), x), 0);
    cr_expect_eq(count_op(z.s.graph, "mul", 64), 1);
}

/* -------------------------------------------------------------------------------------------------------- sums */

Test(algebra, what_is_constant_leaves_a_sum, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y"), c = column("c");
    const tg_node a = tg_sum(tg_mul(tg_mul(c, x), y), tg_axis(0)), b = tg_sum(tg_mul(x, tg_div(y, c)), tg_axis(0));
    of(tg_mul(a, tg_exp(b)), 0);
    cr_expect_eq(ops("sum"), 1, "both are Σxy times a column");
}

Test(algebra, what_varies_along_the_axis_does_not, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), c = column("c");
    of(tg_sum(tg_mul(x, c), tg_axis(1)), 0);
    cr_expect_eq(count_op(z.s.graph, "mul", 24), 1);
}

Test(algebra, nothing_leaves_a_sum_of_nothing, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(0, 4)));
    const tg_node c = column("c");
    of(tg_sum(tg_mul(x, c), tg_axis(0)), 0);
    const double odd[4] = {(double)NAN, (double)INFINITY, 1, 1};
    cr_assert_eq(tg_set(c, odd), TG_OK);
    cr_assert_eq(run_small(&z), TG_OK);
    for (size_t i = 0; i < 4; i++) cr_expect_eq(tg_item(small_node(&z, 0), i), 0);
}

Test(algebra, a_sum_of_what_is_repeated_is_a_product, .init = begin, .fini = end) {
    const tg_node c = column("c");
    of(tg_sum(tg_expand(c, tg_shape2(6, 4)), tg_axis(0)), 0);
    cr_expect_eq(ops("sum") + ops("expand"), 0);
    cr_expect_eq(ops("mul"), 1);
}

Test(algebra, a_sum_partly_of_what_is_repeated, .init = begin, .fini = end) {
    const tg_node c = column("c");
    of(tg_sum(tg_expand(c, tg_shape2(6, 4)), tg_axes_all()), 0);
    cr_expect_eq(count_op(z.s.graph, "sum", 5), 0, "over the column alone");
}

Test(algebra, a_sum_of_a_scatter_is_its_source, .init = begin, .fini = end) {
    const tg_node c = column("c");
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(4)));
    of(tg_sum(times(3, tg_scatter(c, label, 5)), tg_axis(1)), 0);
    cr_expect_eq(ops("sum") + ops("scatter"), 0);
}

Test(algebra, along_the_other_axis_it_is_not, .init = begin, .fini = end) {
    const tg_node c = column("c");
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(4)));
    of(tg_sum(tg_scatter(c, label, 5), tg_axis(0)), 0);
    cr_expect_eq(ops("sum"), 1);
    cr_expect_eq(ops("scatter"), 1);
}

Test(algebra, a_sum_of_all_of_a_scatter, .init = begin, .fini = end) {
    const tg_node c = column("c");
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(4)));
    of(tg_sum(tg_scatter(c, label, 5), tg_axes_all()), 0);
    cr_expect_eq(count_op(z.s.graph, "sum", 5), 0);
}

Test(algebra, sums_that_are_there_make_a_sum, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y"), c = column("c");
    const tg_node there = tg_mul(tg_sum(x, tg_axis(0)), tg_tanh(tg_sum(y, tg_axis(0))));
    of(tg_add(there, tg_sum(tg_add(x, tg_mul(c, y)), tg_axis(0))), 0);
    cr_expect_eq(ops("sum"), 2);
}

Test(algebra, a_sum_is_not_split_for_nothing, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y");
    const tg_node there = tg_sum(x, tg_axis(0));
    of(tg_add(there, tg_tanh(tg_sum(tg_add(x, y), tg_axis(0)))), 0);
    cr_expect_eq(ops("sum"), 2, "Σx is there, Σy would be one more");
    cr_expect_eq(count_op(z.s.graph, "add", 24), 1);
}

/* Σ(x - s) = Σx - n s would lose what x and s have in common. */
Test(algebra, a_shift_is_not_undone, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), s = column("s");
    const tg_node there = tg_sum(x, tg_axis(0));
    of(tg_add(there, tg_exp(tg_sum(tg_sub(x, s), tg_axis(0)))), 0);
    cr_expect_eq(ops("sum"), 2);
}

Test(algebra, a_centred_sum_is_nothing_but_nan, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), m = mean_of(x);
    double data[24];
    of(tg_add(m, tg_sum(tg_sub(x, m), tg_axis(0))), 0);
    cr_expect_eq(ops("sum"), 1);
    for (int i = 0; i < 24; i++) data[i] = i;
    data[5] = (double)NAN;
    data[6] = (double)INFINITY;
    cr_assert_eq(tg_set(x, data), TG_OK);
    cr_assert_eq(run_small(&z), TG_OK);
    for (size_t i = 0; i < 4; i++) cr_expect_eq(!isfinite(tg_item(small_node(&z, 0), i)), i == 1 || i == 2);
}

Test(algebra, an_axis_is_counted_once, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), c = column("c"), off = tg_add(tg_sub(x, mean_of(x)), c);
    of(tg_sum(tg_expand(off, tg_shape3(5, 6, 4)), tg_axes2(0, 1)), 0);
    cr_expect_eq(count_op(z.s.graph, "sum", 24), 1, "Σx, for the mean");
}

/* Whoever's sum it was. */
Test(algebra, a_sum_of_centred_ones_keeps_every_nan, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y");
    double data[24];
    of(tg_sum(tg_add(tg_sub(x, mean_of(x)), tg_sub(y, mean_of(y))), tg_axis(0)), 0);
    cr_expect_eq(ops("sum"), 2);
    for (int leaf = 0; leaf < 2; leaf++) {
        for (int i = 0; i < 24; i++) data[i] = i;
        cr_assert_eq(tg_set(leaf ? y : x, data), TG_OK);
        data[5] = (double)NAN;
        cr_assert_eq(tg_set(leaf ? x : y, data), TG_OK);
        cr_assert_eq(run_small(&z), TG_OK);
        for (size_t i = 0; i < 4; i++) cr_expect_eq(isnan(tg_item(small_node(&z, 0), i)), i == 1);
    }
}

/* What is given is built in its own shape, and elsewhere in a smaller one. */
Test(algebra, a_given_sum_of_what_is_repeated, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 4)));
    const tg_node c = column("c"), d = column("d");
    const tg_node down = tg_expand_axes(c, tg_shape2(4, 4), tg_axis(0));
    const tg_node given = tg_let(tg_add(down, tg_expand_axes(d, tg_shape2(4, 4), tg_axis(0))), "given", NULL, 0);
    const tg_node both = tg_add(c, d), sums = tg_mul(tg_sum(c, tg_axes_all()), tg_exp(tg_sum(d, tg_axes_all())));
    const tg_node out = tg_add(tg_mul(tg_sum(tg_mul(x, given), tg_axis(0)), sums), tg_sum(both, tg_axes_all()));
    z = simplify(&out, 1, &given, 1, TG_FAST, 0);
    give_all(g, 3, 1, 2);
    expect_close(&out, 1, 1e-13, 1, "");
}

Test(algebra, and_nothing_at_all_where_all_is_finite, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), m = mean_of(x);
    of(tg_add(m, tg_sum(tg_sub(x, m), tg_axis(0))), TG_ASSUME_FINITE);
    cr_expect_eq(ops("sub"), 0);
}

Test(algebra, along_other_axes_nothing_is_centred, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), m = mean_of(x);
    of(tg_sum(tg_sub(x, m), tg_axis(1)), 0);
    cr_expect_eq(ops("sum"), 2);
}

Test(algebra, nor_with_another_share, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), m = times(1.0 / 7, tg_sum(x, tg_axis(0)));
    of(tg_sum(tg_sub(x, m), tg_axis(0)), 0);
    cr_expect_eq(ops("sum"), 2);
}

Test(algebra, a_mean_by_division_centres_too, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), m = tg_div(tg_sum(x, tg_keep(tg_axis(0))), tg_scalar_like(x, 6));
    of(tg_add(m, tg_sum(tg_sub(x, m), tg_axis(0))), 0);
    cr_expect_eq(ops("sum"), 1);
}

/* E[x²] - E[x]² is what this must never become. */
Test(algebra, a_square_of_a_difference_is_not_multiplied_out, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y"), m = mean_of(x), off = tg_sub(x, m);
    const tg_node there = tg_add(tg_sum(tg_square(x), tg_axis(0)), tg_sum(tg_mul(x, y), tg_axis(0)));
    const tg_node var = tg_sum(tg_square(off), tg_axis(0)), cov = tg_sum(tg_mul(off, y), tg_axis(0));
    of(tg_add(tg_add(there, tg_sum(y, tg_axis(0))), tg_mul(tg_exp(var), cov)), 0);
    cr_expect_eq(ops("sum"), 6, "Σx Σx² Σxy Σy, and those of the squares and products of differences");
}

Test(algebra, a_given_mean_is_known_as_one, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), m = tg_let(mean_of(x), "m", NULL, 0), out = tg_sum(tg_sub(x, m), tg_axis(0));
    z = simplify(&out, 1, &m, 1, TG_FAST, 0);
    give_all(g, 3, 1, 2);
    expect_close(&out, 1, 1e-13, 1, "");
    cr_expect_eq(ops("sum"), 0);
    cr_expect_eq(tg_count(z.s.graph), 2, "m - m");
    cr_expect_str_eq(tg_op_of(tg_find(z.s.graph, "m")), "input");
}

Test(algebra, powers_become_those_of_a_given_reciprocal, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), c = column("c"), s = tg_sqrt(c), r = tg_let(tg_reciprocal(s), "r", NULL, 0);
    const tg_node out = tg_div(tg_mul(tg_div(x, s), tg_square(r)), s);
    z = simplify(&out, 1, &r, 1, TG_FAST, 0);
    give_all(g, 3, 1, 2);
    expect_close(&out, 1, 1e-13, 1, "");
    cr_expect_eq(ops("sqrt") + ops("reciprocal") + ops("div"), 0);
    cr_expect_eq(count_op(z.s.graph, "mul", 24), 1);
}

/* ---------------------------------------------------------------------------------- what waits for TG_ASSUME_FINITE */

static void waits(tg_node a, size_t nodes, size_t assumed) {
    of(a, 0);
    cr_expect_eq(tg_count(z.s.graph), nodes);
    simplified_free(&z);
    of(a, TG_ASSUME_FINITE);
    cr_expect_eq(tg_count(z.s.graph), assumed);
}

Test(algebra, a_difference_to_itself, .init = begin, .fini = end) {
    const tg_node x = matrix("x");
    waits(tg_sub(x, x), 2, 2); /* 0, repeated */
}
Test(algebra, nothing_times_something, .init = begin, .fini = end) { waits(times(0, matrix("x")), 3, 2); }
Test(algebra, exp_of_log, .init = begin, .fini = end) { waits(tg_exp(tg_log(matrix("x"))), 3, 1); }
Test(algebra, log_of_exp, .init = begin, .fini = end) { waits(tg_log(tg_exp(matrix("x"))), 3, 1); }
Test(algebra, a_quotient_by_itself, .init = begin, .fini = end) {
    const tg_node x = matrix("x");
    waits(tg_div(x, x), 2, 2);
}

Test(algebra, every_law_says_what_it_is) {
    for (int i = 0; i < TG__IDENTITIES; i++) {
        cr_expect(tg__laws[i].math && tg__laws[i].condition, "%d", i);
        cr_expect(tg__may((enum tg__identity)i, TG_ASSUME_FINITE));
    }
}

/* ----------------------------------------------------------------------------------------------------- everything */

Test(algebra, every_constructor_and_its_gradient) {
    for (size_t p = 0; p < PROGRAMS; p++) {
        g = tg_graph_new();
        tg_node leaf[API_LEAVES], wanted[WANTED];
        size_t n = 0;
        api_leaves(g, programs[p].leaves, leaf);
        const tg_node out = tg_let(programs[p].make(leaf), "the result", NULL, 0);
        if (tg__node_of(g, out.id)->flags & TG__DIFFERENTIABLE)
            tg_backward(out, tg_input(g, tg_dtype_of(out), tg_dims(out)));
        for (uint32_t id = tg_count(g); id > 0 && n < WANTED; id--)
            if (tg_name(tg_node_at(g, id))[0]) wanted[n++] = tg_node_at(g, id);
        give_all(g, p + 1, 0.25, 0.9);
        for (unsigned flags = 0; flags <= TG_ASSUME_FINITE; flags++) {
            z = simplify(wanted, n, NULL, 0, TG_FAST, flags);
            expect_close(wanted, n, tg_dtype_of(out) == TG_F32 ? 1e-5 : 1e-11, 1e-2, programs[p].name);
            simplified_free(&z);
        }
        tg_graph_free(g);
    }
}

/* Finite, and no number so small that its product with another has fewer digits. */
static bool is_tame(tg_node a) {
    bool tame = true;
    for (size_t i = 0; i < tg_size(a); i++) {
        const double v = fabs(tg_item(a, i));
        tame &= v == 0 || (v > 1e-100 && v < 1e100);
    }
    return tame;
}

/* On tapes of any operators: numbers agree where the tape is tame, and a NaN does not vanish. */
Test(algebra, random_tapes) {
    size_t compared = 0;
    for (uint64_t seed = 1; seed <= (SANITIZED ? 100 : 400); seed++) {
        struct tape t = build(seed);
        const tg_node out = t.node[t.nodes - 1];
        g = t.g;
        z = simplify(&out, 1, NULL, 0, TG_FAST, 0);
        give_all(g, seed, 0.25, 2);
        if (tg_run_to(out) == TG_OK) {
            cr_assert_eq(run_small(&z), TG_OK, "seed %llu: %s", (unsigned long long)seed, tg_message(z.s.graph));
            const tg_node small = small_node(&z, 0);
            bool tame = true;
            for (uint32_t id = 1; id <= tg_count(z.s.graph); id++) tame &= is_tame(tg_node_at(z.s.graph, id));
            if (tame) cr_expect_leq(distance(out, small, 1), 1e-4, "seed %llu", (unsigned long long)seed);
            compared += tame;
            for (size_t i = 0; i < tg_size(out); i++)
                if (isnan(tg_item(out, i)))
                    cr_expect(!isfinite(tg_item(small, i)), "seed %llu: [%zu]", (unsigned long long)seed, i);
        }
        simplified_free(&z);
        tg_graph_free(g);
    }
    cr_expect_geq(compared, SANITIZED ? 20 : 80, "%zu", compared);
}

/* ------------------------------------------------------------------------------------- random products and sums
 * Of few shapes, so that much is shared, on axes of equal length, so that a wrong one is not noticed by its shape. */

static tg_node any_of(uint64_t *state, const tg_node *pool, size_t n) { return pool[random_below(state, n)]; }

/* Clear of poles: there the last digit of a sum that cancels is all of a quotient. */
static bool is_divisor(tg_node a) {
    bool clear = true;
    for (size_t i = 0; i < tg_size(a); i++) clear &= fabs(tg_item(a, i)) > 0.05;
    return clear;
}

static tg_node formula(uint64_t *state, const tg_node *pool, size_t n) {
    const tg_node x = any_of(state, pool, n), y = any_of(state, pool, n);
    const tg_shape s = tg_dims(x);
    const int rank = s.rank, axis = rank ? (int)random_below(state, (size_t)rank) : 0;
    static const double numbers[] = {-1, 2, 0.5, 1.0 / 3, -3, 1.0 / 9};
    tg_shape wide = tg_shape3(3, 3, 3), flat = s;
    switch (random_below(state, 16)) {
    case 0:
    case 1: return tg_mul(x, y);
    case 2: return is_divisor(y) ? tg_div(x, y) : x;
    case 3: return tg_add(x, y);
    case 4: return tg_sub(x, y);
    case 5: return tg_neg(x);
    case 6: return tg_square(x);
    case 7: return is_divisor(x) ? tg_reciprocal(x) : y;
    case 8: return times(numbers[random_below(state, 6)], x);
    case 9: return rank && rank < 4 ? tg_sum(x, random_below(state, 2) ? tg_keep(tg_axis(axis)) : tg_axis(axis)) : x;
    case 10: return rank ? tg_mean(x, random_below(state, 2) ? tg_keep(tg_axis(axis)) : tg_axis(axis)) : x;
    case 11: return rank ? tg_sub(x, tg_mean(x, tg_keep(tg_axis(axis)))) : tg_tanh(x);
    case 12: return rank == 2 ? tg_expand_axes(x, wide, tg_axis((int)random_below(state, 3))) : x;
    case 13:
        if (rank == 4) return tg_sum(x, tg_axes2(1, 3));
        for (int i = rank; i > axis; i--) flat.dim[i] = flat.dim[i - 1];
        flat.dim[axis] = 1;
        flat.rank++;
        return tg_reshape(x, flat);
    case 14: return tg_size(x) == 1 ? x : tg_tanh(x);
    default: return rank == 1 ? tg_expand_axes(x, tg_shape2(3, 3), tg_axis((int)random_below(state, 2))) : x;
    }
}

static bool is_sane(tg_node a, double *largest) {
    bool sane = true;
    for (size_t i = 0; i < tg_size(a); i++) {
        const double v = fabs(tg_item(a, i));
        sane &= v < 1e3;
        *largest = fmax(*largest, v);
    }
    return sane;
}

/* With a NaN in a leaf: where one comes out of the tape, one comes out here, and nowhere else. */
static void expect_same_nan(const tg_node *wanted, size_t count, tg_node leaf, const char *where) {
    double *sane = doubles_of(leaf), *odd = doubles_of(leaf);
    odd[tg_size(leaf) / 2] = (double)NAN;
    cr_assert_eq(tg_set(leaf, odd), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(run_small(&z), TG_OK);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < tg_size(wanted[i]); k++)
            cr_expect_eq(isnan(tg_item(wanted[i], k)), isnan(tg_item(small_node(&z, i), k)), "%s: #%u[%zu]", where,
                         wanted[i].id, k);
    cr_assert_eq(tg_set(leaf, sane), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    free(sane);
    free(odd);
}

Test(algebra, random_formulas) {
    const uint64_t all = SANITIZED ? 250 : 1500;
    size_t compared = 0;
    for (uint64_t seed = 1; seed <= all; seed++) {
        uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15);
        tg_node pool[40], given[2];
        size_t n = 0;
        double largest = 1;
        g = tg_graph_new();
        pool[n++] = tg_input(g, TG_F64, tg_shape2(3, 3));
        pool[n++] = tg_input(g, TG_F64, tg_shape1(3));
        pool[n++] = tg_input(g, TG_F64, tg_shape3(3, 3, 3));
        pool[n++] = tg_input(g, TG_F64, tg_shape2(3, 1));
        give_all(g, seed, 0.5, 1.5);
        while (n < 40 && tg_error(g) == TG_OK) {
            const tg_mark mark = tg_mark_now(g);
            const tg_node a = formula(&state, pool, n);
            double most = 0;
            if (tg_dims(a).rank <= 4 && tg_size(a) <= 81 && tg_run_to(a) == TG_OK && is_sane(a, &most))
                pool[n++] = a, largest = fmax(largest, most);
            else
                cr_assert_eq(tg_rewind(g, mark), TG_OK);
        }
        const tg_node out = tg_let(pool[n - 1], "out", NULL, 0);
        tg_node wanted[3] = {out, pool[n - 2], pool[n - 3]};
        if (tg_size(out) > 0 && (tg__node_of(g, out.id)->flags & TG__DIFFERENTIABLE)) {
            const tg_grads d = tg_backward(tg_sum(tg_square(out), tg_axes_all()), tg_nil(g));
            if (tg_has_grad(d, pool[0])) wanted[1] = tg_grad(d, pool[0]);
            if (tg_has_grad(d, pool[2])) wanted[2] = tg_grad(d, pool[2]);
        }
        given[0] = any_of(&state, pool, n);
        given[1] = any_of(&state, pool, n);
        cr_assert_eq(tg_run(g), TG_OK);
        for (uint32_t id = 1; id <= tg_count(g); id++)
            if (!is_sane(tg_node_at(g, id), &largest)) largest = (double)INFINITY;
        for (size_t givens = 0; givens <= 2 && isfinite(largest); givens += 2) {
            z = simplify(wanted, 3, given, givens, TG_FAST, seed % 2 ? TG_ASSUME_FINITE : 0);
            char where[40];
            snprintf(where, sizeof where, "seed %llu, %zu given", (unsigned long long)seed, givens);
            expect_close(wanted, 3, 1e-11, largest, where);
            compared++;
            if (seed % 2 == 0) expect_same_nan(wanted, 3, pool[seed / 2 % 4], where);
            simplified_free(&z);
        }
        tg_graph_free(g);
    }
    cr_expect_geq(compared, (size_t)all / 2, "%zu", compared);
}
