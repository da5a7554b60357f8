/* A tape beside kernels written by hand: leaves of random numbers, and the comparison of arrays with nodes. */
#ifndef TESTS_BESIDE_H
#define TESTS_BESIDE_H

#include "support.h"

#include <criterion/criterion.h>
#ifdef _OPENMP
#include <omp.h>
#endif

static inline void set_threads(int threads) {
#ifdef _OPENMP
    omp_set_num_threads(threads);
#else
    (void)threads;
#endif
}

static inline tg_node random_leaf(tg_graph *g, const char *name, tg_dtype dtype, tg_shape shape, uint64_t *state) {
    tg_node a = tg_let(tg_input(g, dtype, shape), name, __FILE__, __LINE__);
    double *v = random_array(state, tg_size(a), -2, 2);
    cr_assert_eq(set_doubles(a, v), TG_OK);
    free(v);
    return a;
}

static inline tg_node random_labels(tg_graph *g, int64_t rows, int64_t classes, uint64_t *state) {
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(rows)));
    int32_t *v = malloc(((size_t)rows + 1) * sizeof *v);
    for (int64_t i = 0; i < rows; i++) v[i] = (int32_t)random_below(state, (size_t)classes);
    cr_assert_eq(tg_set(label, v), TG_OK);
    free(v);
    return label;
}

/* Room for what a kernel writes, not a byte to spare; NaN, so that what it leaves out is seen. */
static inline void *room_for(tg_dtype dtype, size_t n) {
    const size_t item = dtype == TG_F64 ? sizeof(double) : sizeof(float);
    void *v = malloc(n * item + (n == 0));
    for (size_t i = 0; i < n; i++)
        if (dtype == TG_F64)
            ((double *)v)[i] = NAN;
        else
            ((float *)v)[i] = NAN;
    return v;
}

/* Units of roundoff of sums in another order, over the scale of what is summed: DESIGN's bounds for f64 and f32. */
static inline void assert_beside(tg_node a, const void *data, const char *what) {
    tg_difference r;
    const tg_array other = {what, tg_dtype_of(a), tg_dims(a), data};
    const tg_shape s = tg_dims(a);
    const tg_status status = tg_compare(a, other, tg_dtype_of(a) == TG_F64 ? 1e-12 : 2e-5, NULL, &r);
    cr_assert(status == TG_OK && !r.parts, "%s of %lld x %lld: off by %g at %zu: %g, not %g", what, (long long)s.dim[0],
              (long long)s.dim[1], r.error, r.index, r.theirs, r.ours);
}

#endif
