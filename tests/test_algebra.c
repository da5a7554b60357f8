/* The algebra of fast programs: each identity where it applies and where its guard forbids it; that the numbers agree
 * with the tape's, NaN included. */
#include "algebra.h"
#include "algebra_support.h"

TestSuite(algebra, .timeout = 60);

static void begin(void) { g = tg_graph_new(); }
static void end(void) {
    simplified_free(&z);
    tg_graph_free(g);
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

/* Counts, their shares, products of them that no double tells apart or that 64 bits do not hold, and other numbers. The
 * error is held against the largest term. */
Test(algebra, numbers_of_any_kind) {
    static const double v[] = {3, -5, 1.0 / 2147483647, -1.0 / 1048573, 2147483647, 1048573, 0.30000001, 0};
    enum { N = sizeof v / sizeof *v };
    uint64_t state = 3;
    for (int round = 0; round < 400; round++) {
        begin();
        const tg_node x = matrix("x");
        tg_node sum = x;
        double largest = 0;
        for (int i = 0; i < 1 + round % 3; i++) {
            tg_node term = x;
            double size = 1;
            for (int k = 0; k < 1 + round % 4; k++) {
                const double c = v[random_below(&state, N)], d = v[random_below(&state, 2)];
                const bool over = random_below(&state, 3) == 0;
                term = over ? tg_div(term, tg_scalar_like(x, d)) : times(c, term);
                size *= over ? 1 / fabs(d) : fabs(c);
            }
            sum = i == 0 ? term : round % 2 ? tg_add(sum, term) : tg_sub(sum, term);
            largest = fmax(largest, size);
        }
        z = simplify(&sum, 1, NULL, 0, TG_FAST, round % 5 ? 0 : TG_ASSUME_FINITE);
        give_all(g, 7, 0.5, 2);
        expect_close(&sum, 1, 1e-14, largest, "");
        end();
    }
}

/* A number that overflows and a power that is too high stay apart, wherever they meet: in a product, in a term of a sum,
 * before a sum, and after one. */
static tg_node extreme(tg_node x, tg_node c, uint64_t *state) {
    static const double v[] = {1e200, 1e-200, 1e-170, -1e170, 0.5, 1.0 / 6};
    tg_node y = random_below(state, 2) ? x : tg_mul(x, c);
    for (int i = 0; i < 3; i++) {
        const double number = v[random_below(state, 6)];
        const size_t which = random_below(state, 9);
        if (which == 0) y = times(number, y);
        if (which == 1) y = tg_div(y, tg_scalar_like(y, number));
        if (which == 2) y = tg_mul(y, tg_mul(x, c));
        if (which == 3) y = tg_div(y, tg_square(c));
        if (which == 4) y = tg_sub(y, tg_mul(c, tg_sum(y, tg_keep(tg_axis(0)))));
        if (which == 5) y = tg_sub(y, tg_mul(tg_sum(y, tg_axis(0)), tg_scalar_like(y, 1.0 / 6)));
        if (which == 6) y = tg_add(times(number, y), times(-number, tg_expand(c, tg_shape2(6, 4))));
        for (int k = 0; which >= 7 && k < 7; k++) y = tg_square(y);
    }
    return y;
}

Test(algebra, what_overflows_stays_apart) {
    uint64_t state = 9;
    for (int round = 0; round < 600; round++) {
        begin();
        const tg_node x = matrix("x"), c = column("c");
        const tg_node a = extreme(x, c, &state), b = tg_sum(tg_mul(extreme(a, c, &state), c), tg_axis(round % 2));
        const tg_node wanted[] = {tg_sum(a, tg_axis(0)), b};
        cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
        z = simplify(wanted, 2, NULL, 0, TG_FAST, round % 5 ? 0 : TG_ASSUME_FINITE);
        give_all(g, 7 + (uint64_t)round, 0.999, 1.001);
        cr_assert_eq(tg_run(g) | run_small(&z), TG_OK, "%s", tg_message(z.s.graph));
        for (size_t i = 0; i < 2; i++) {
            const tg_node ours = small_node(&z, i);
            for (size_t k = 0; k < tg_size(ours); k++) /* a finite number may overflow in another order */
                if (isnan(tg_item(wanted[i], k))) cr_expect(!isfinite(tg_item(ours, k)), "round %d: NaN is lost", round);
        }
        end();
    }
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

/* Σ(x - y) = Σx - Σy has no digit left where x and y are nearly equal, though both sums are there. */
Test(algebra, sums_that_are_there_make_no_sum, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y");
    const tg_node there = tg_mul(tg_sum(x, tg_axis(0)), tg_tanh(tg_sum(y, tg_axis(0))));
    const tg_node wanted[] = {there, tg_sum(tg_sub(x, y), tg_axis(0))};
    double near[2][24];
    z = simplify(wanted, 2, NULL, 0, TG_FAST, 0);
    for (int i = 0; i < 24; i++) near[0][i] = 1e12 + i, near[1][i] = 1e12 + i - 1e-3 * (i % 5 + 1);
    cr_assert_eq(tg_set(x, near[0]), TG_OK);
    cr_assert_eq(tg_set(y, near[1]), TG_OK);
    cr_assert_eq(run_small(&z), TG_OK);
    for (int c = 0; c < 4; c++) {
        double sum = 0; /* of differences that are exact */
        for (int i = c; i < 24; i += 4) sum += near[0][i] - near[1][i];
        cr_expect_float_eq(tg_item(small_node(&z, 1), (size_t)c), sum, 1e-13);
    }
    cr_expect_eq(ops("sum"), 3);
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

/* It is as small as rounding makes it, and the digits that a second centring has. */
Test(algebra, a_centred_sum_is_summed, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), m = mean_of(x);
    double data[24];
    of(tg_add(m, tg_sum(tg_sub(x, m), tg_axis(0))), 0);
    cr_expect_eq(ops("sum"), 2);
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
    cr_expect_eq(count_op(z.s.graph, "sum", 24), 2, "Σx, for the mean, and that of off");
}

/* Whoever's sum it was. */
Test(algebra, a_sum_of_centred_ones_keeps_every_nan, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y");
    double data[24];
    of(tg_sum(tg_add(tg_sub(x, mean_of(x)), tg_sub(y, mean_of(y))), tg_axis(0)), 0);
    cr_expect_eq(ops("sum"), 3);
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

/* What it is multiplied with waits for another sum; apart from that, both are sums of one pass. */
Test(algebra, a_centred_sum_leaves_what_waits, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), y = matrix("y"), m = mean_of(x), off = tg_sub(x, m);
    const tg_node c = tg_tanh(tg_sum(tg_square(off), tg_axis(0)));
    of(tg_sum(tg_add(y, tg_mul(off, c)), tg_axis(0)), 0);
    cr_expect_eq(ops("sum"), 4, "Σx, Σ off², Σy, Σ off");
    cr_expect_eq(count_op(z.s.graph, "mul", 24) + count_op(z.s.graph, "add", 24), 0);
}

/* No digit is given away for want of a NaN. */
Test(algebra, nor_does_a_centred_sum_vanish_where_all_is_finite, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), m = mean_of(x);
    of(tg_add(m, tg_sum(tg_sub(x, m), tg_axis(0))), TG_ASSUME_FINITE);
    cr_expect_eq(ops("sum"), 2);
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
    const tg_node x = matrix("x"), m = tg_div(tg_sum(x, tg_keep(tg_axis(0))), tg_scalar_like(x, 6)), c = column("c");
    of(tg_sum(tg_add(tg_square(x), tg_mul(c, tg_sub(x, m))), tg_axis(0)), 0);
    cr_expect_eq(ops("sum"), 3, "Σx, Σx², Σ(x - m)");
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
    const tg_node x = matrix("x"), c = column("c"), m = tg_let(mean_of(x), "m", NULL, 0);
    const tg_node off = tg_mul(tg_mul(c, tg_sub(x, m)), tg_exp(c));
    const tg_node out = tg_sum(tg_add(tg_square(x), off), tg_axis(0));
    z = simplify(&out, 1, &m, 1, TG_FAST, 0);
    give_all(g, 3, 1, 2);
    expect_close(&out, 1, 1e-13, 1, "");
    cr_expect_eq(ops("sum"), 2, "Σx², Σ(x - m)");
    cr_expect_str_eq(tg_op_of(tg_find(z.s.graph, "m")), "input");
}

Test(algebra, powers_become_those_of_a_given_reciprocal, .init = begin, .fini = end) {
    const tg_node x = matrix("x"), c = column("c"), s = tg_sqrt(c), r = tg_let(tg_reciprocal(s), "r", NULL, 0);
    const tg_node out = tg_div(tg_mul(tg_div(x, s), tg_square(r)), s);
    z = simplify(&out, 1, &r, 1, TG_FAST, 0);
    give_all(g, 3, 1, 2);
    expect_close(&out, 1, 1e-13, 1, "");
    cr_expect_eq(ops("sqrt") + ops("reciprocal") + ops("div"), 0);
    cr_expect_eq(count_op(z.s.graph, "mul", 24), 2, "x r² r²: the tape has no r⁴, which may vanish alone");
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
