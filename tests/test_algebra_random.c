/* Fast programs of anything: every constructor and its gradient, random tapes of all operators, random formulas of
 * products, sums and reductions. */
#include "api.h"
#include "random_tape.h"

#include "algebra_support.h"

TestSuite(algebra_random, .timeout = 60);

Test(algebra_random, every_constructor_and_its_gradient) {
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
Test(algebra_random, random_tapes) {
    size_t compared = 0;
    for (uint64_t seed = 1; seed <= (is_long() ? 8000 : SANITIZED ? 60 : 400); seed++) {
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
                    cr_expect(isnan(tg_item(small, i)), "seed %llu: [%zu]", (unsigned long long)seed, i);
        }
        simplified_free(&z);
        tg_graph_free(g);
    }
    cr_expect_geq(compared, SANITIZED ? 12 : 80, "%zu", compared);
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

static size_t compared_odd, lost_finite;

/* What cancels to 0 on the tape may be a rounding here, and 0 times an infinity is another thing. */
static bool has_zeros(void) {
    bool zeros = false;
    for (uint32_t id = 1; id <= tg_count(g); id++)
        for (size_t k = 0; k < tg_size(tg_node_at(g, id)); k++) zeros |= tg_item(tg_node_at(g, id), k) == 0;
    return zeros;
}

/* An infinity or a zero in a leaf: a NaN of the tape is one here. An infinity may have become a NaN, and what is
 * computed from it; nothing else may. */
static void expect_no_nan_lost(const tg_node *wanted, size_t count, tg_node leaf, double odd, const char *where) {
    double *sane = doubles_of(leaf), *v = doubles_of(leaf);
    v[tg_size(leaf) / 2] = odd;
    cr_assert_eq(set_doubles(leaf, v), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(run_small(&z), TG_OK);
    bool infinite = false;
    for (uint32_t id = 1; id <= tg_count(g); id++)
        for (size_t k = 0; k < tg_size(tg_node_at(g, id)); k++) infinite |= isinf(tg_item(tg_node_at(g, id), k)) != 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < tg_size(wanted[i]); k++) {
            const double tape = tg_item(wanted[i], k), fast = tg_item(small_node(&z, i), k);
            if (isnan(tape)) cr_expect(isnan(fast), "%s, %g: #%u[%zu] is %g", where, odd, wanted[i].id, k, fast);
            if (isfinite(tape) && !infinite)
                cr_expect(isfinite(fast), "%s, %g: #%u[%zu] is %g", where, odd, wanted[i].id, k, fast);
            lost_finite += isfinite(tape) && !isfinite(fast);
            compared_odd++;
        }
    cr_assert_eq(set_doubles(leaf, sane), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    free(sane);
    free(v);
}

Test(algebra_random, random_formulas) {
    const uint64_t all = is_long() ? 30000 : SANITIZED ? 120 : 1500;
    const double odd[] = {0, (double)INFINITY, -(double)INFINITY};
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
            for (int i = 0; i < 3 && seed % 2 == 0 && !has_zeros(); i++)
                expect_no_nan_lost(wanted, 3, pool[seed / 2 % 4], odd[i], where);
            simplified_free(&z);
        }
        tg_graph_free(g);
    }
    cr_expect_geq(compared, (size_t)all / 2, "%zu", compared);
    printf("of %zu elements %zu became NaN for an infinity on the tape\n", compared_odd, lost_finite);
}
