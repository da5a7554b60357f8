/* What the tests of algebra share: a tape and what was made of it, random leaves, and how far two values are apart. */
#ifndef TESTS_ALGEBRA_SUPPORT_H
#define TESTS_ALGEBRA_SUPPORT_H

#include "simplified.h"

static tg_graph *g;
static struct simplified z;

static inline void give_all(tg_graph *graph, uint64_t seed, double low, double high) {
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

static inline double distance(tg_node a, tg_node b, double floor) {
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

static inline void expect_close(const tg_node *wanted, size_t count, double tolerance, double floor,
                                const char *where) {
    cr_assert_eq(tg_run(z.of), TG_OK, "%s: %s", where, tg_message(z.of));
    cr_assert_eq(run_small(&z), TG_OK, "%s: %s", where, tg_message(z.s.graph));
    for (size_t i = 0; i < count; i++) {
        const double error = distance(wanted[i], small_node(&z, i), floor);
        cr_expect(error <= tolerance, "%s: '%s' #%u is off by %g", where, tg_name(wanted[i]), wanted[i].id, error);
    }
}

static inline tg_node times(double v, tg_node x) { return tg_mul(tg_scalar_like(x, v), x); }

#endif
