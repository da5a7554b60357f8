/* Sums and maxima over every choice of axes, products; the order of graph/reduce.h, bit for bit; several threads. */
#include "support.h"

#include <criterion/criterion.h>
#ifdef _OPENMP
#include <omp.h>
#endif

TestSuite(reduce, .timeout = 300);

static void threads(int n) {
#ifdef _OPENMP
    omp_set_num_threads(n);
#endif
    (void)n;
}

/* ------------------------------------------------------------------------- the order, written down a second time
 * Recursive where the engine counts: a tree whose left part is the largest power of two, which is what a binary counter
 * builds. x: the reduced elements of one result in order, dealt into 16 lanes where the innermost axis is reduced. */

#define ORDER(T)                                                                                                       \
    static T tree_##T(const T *x, size_t n, size_t step) {                                                             \
        if (n == 1) return x[0];                                                                                       \
        size_t left = 1;                                                                                               \
        while (left * 2 < n) left *= 2;                                                                                \
        return tree_##T(x, left, step) + tree_##T(x + left * step, n - left, step);                                    \
    }                                                                                                                  \
    static T sum_##T(const T *x, size_t n, bool stream) {                                                              \
        const size_t lanes = stream ? 16 : 1, rows = (n + lanes - 1) / lanes;                                          \
        if (n == 0) return 0;                                                                                          \
        T *row = calloc(rows * lanes, sizeof *row), lane[16];                                                          \
        memcpy(row, x, n * sizeof *row);                                                                               \
        for (size_t i = 0; i < lanes; i++) lane[i] = tree_##T(row + i, rows, lanes);                                   \
        for (size_t half = lanes / 2; half > 0; half /= 2)                                                             \
            for (size_t i = 0; i < half; i++) lane[i] = lane[i] + lane[i + half];                                      \
        free(row);                                                                                                     \
        return lane[0];                                                                                                \
    }
ORDER(float)
ORDER(double)

/* ---------------------------------------------------------------------------------------------- one set of axes */

struct problem {
    tg_shape shape;
    unsigned axes; /* a bit each */
    size_t results, reduced;
    bool stream; /* the innermost axis longer than 1 is reduced */
};

static size_t dim(const struct problem *p, int axis) { return (size_t)p->shape.dim[axis]; }

static struct problem problem_of(tg_shape shape, unsigned axes) {
    struct problem p = {.shape = shape, .axes = axes, .results = 1, .reduced = 1};
    for (int i = 0; i < shape.rank; i++) {
        *(axes >> i & 1 ? &p.reduced : &p.results) *= dim(&p, i);
        if (shape.dim[i] != 1) p.stream = axes >> i & 1;
    }
    return p;
}

/* Element k of result j, both counted row-major over their own axes. */
static size_t place(const struct problem *p, size_t j, size_t k) {
    size_t at = 0, stride = 1;
    for (int i = p->shape.rank - 1; i >= 0; i--) {
        size_t *index = p->axes >> i & 1 ? &k : &j;
        at += *index % dim(p, i) * stride;
        *index /= dim(p, i);
        stride *= dim(p, i);
    }
    return at;
}

static tg_axes axes_of(const struct problem *p, bool keep, bool negative) {
    int axis[TG_MAX_RANK], count = 0;
    for (int i = p->shape.rank - 1; i >= 0; i--) /* their order does not matter */
        if (p->axes >> i & 1) axis[count++] = negative ? i - p->shape.rank : i;
    const tg_axes axes = tg_axes_n(count, axis);
    return keep ? tg_keep(axes) : axes;
}

static void check_dims(const struct problem *p, tg_node z, bool keep) {
    tg_shape s = tg_dims(z);
    int rank = 0;
    for (int i = 0; i < p->shape.rank; i++) {
        if (p->axes >> i & 1 && !keep) continue;
        cr_assert_eq(s.dim[rank++], p->axes >> i & 1 ? 1 : p->shape.dim[i]);
    }
    cr_assert_eq(s.rank, rank);
}

static void check_result(const struct problem *p, const double *x, tg_node sum, tg_node narrow, tg_node max, size_t j) {
    double *part = malloc((p->reduced + 1) * sizeof *part);
    float *thin = malloc((p->reduced + 1) * sizeof *thin);
    long double exact = 0, size = 0;
    double largest = -INFINITY;
    for (size_t k = 0; k < p->reduced; k++) {
        part[k] = x[place(p, j, k)];
        thin[k] = (float)part[k];
        exact += part[k];
        size += fabs(part[k]);
        largest = fmax(largest, part[k]);
    }
    double got = tg_item(sum, j);
    cr_assert_leq(fabsl(got - exact), 24 * 0x1p-53L * size, "sum %zu = %.17g, not %.17Lg", j, got, exact);
    cr_assert_eq(got, sum_double(part, p->reduced, p->stream), "sum %zu: not the order of reduce.h", j);
    cr_assert_eq((float)tg_item(narrow, j), sum_float(thin, p->reduced, p->stream), "f32 sum %zu: not the order", j);
    if (p->reduced) cr_assert_eq(tg_item(max, j), largest);
    free(part);
    free(thin);
}

static void check(tg_shape shape, unsigned axes, uint64_t *state) {
    const struct problem p = problem_of(shape, axes);
    const bool keep = random_bits(state) >> 63, negative = random_bits(state) >> 63;
    double *data = random_array(state, p.results * p.reduced, -1, 2);
    tg_graph *g = tg_graph_new();
    tg_node x = tg_input(g, TG_F64, shape), sum = tg_sum(x, axes_of(&p, keep, negative));
    tg_node narrow = tg_sum(tg_cast(x, TG_F32), axes_of(&p, !keep, !negative));
    tg_node max = p.reduced ? tg_max(x, axes_of(&p, !keep, negative)) : sum;
    cr_assert_eq(tg_set(x, data), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    check_dims(&p, sum, keep);
    check_dims(&p, narrow, !keep);
    for (size_t j = 0; j < p.results; j++) check_result(&p, data, sum, narrow, max, j);
    tg_graph_free(g);
    free(data);
}

Test(reduce, every_set_of_axes) {
    static const struct {
        int rank;
        int64_t dim[5];
    } shapes[] = {{0, {0}},           {1, {1}},          {1, {0}},       {1, {17}},         {1, {5000}},
                  {2, {4, 3}},        {2, {1, 7}},       {2, {9, 1}},    {2, {0, 3}},       {2, {3, 0}},
                  {2, {300, 5}},      {2, {5, 300}},     {3, {2, 3, 4}}, {3, {5, 1, 6}},    {3, {1, 8, 1}},
                  {3, {70, 40, 50}},  {3, {40, 1, 300}}, {3, {2, 0, 4}}, {4, {3, 4, 5, 6}}, {5, {3, 1, 4, 7, 2}},
                  {4, {2, 33, 1, 17}}};
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (unsigned axes = 0; axes < 1u << shapes[i].rank; axes++)
            check(tg_shape_n(shapes[i].rank, shapes[i].dim), axes, &state);
}

/* Nothing to add, in as many empty rows as an axis is long: it takes no longer than any other sum of nothing. */
Test(reduce, many_rows_without_elements) {
    tg_graph *g = tg_graph_new();
    const tg_node x = tg_input(g, TG_F64, tg_shape4(46341, (int64_t)1 << 40, 2, 0)), y = tg_sum(x, tg_axes2(1, 3));
    cr_assert(tg_set(x, NULL) == TG_OK && tg_run(g) == TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_size(y), 2 * 46341);
    for (size_t i = 0; i < tg_size(y); i++) cr_assert(tg_item(y, i) == 0);
    tg_graph_free(g);
}

/* Sizes at which the work is cut into groups, blocks of columns, and threads. */
Test(reduce, large) {
    static const int64_t shapes[][2] = {{SANITIZED ? 1100 : 5000, 300}, {SANITIZED ? 30000 : 100000, 3}, {1, 200000},
                                        {3, SANITIZED ? 30000 : 100000}, {200001, 1}, {17, 5001}};
    uint64_t state = 2;
    for (int n = 1; n <= 4; n *= SANITIZED ? 4 : 2) {
        threads(n);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (unsigned axes = 1; axes < 4; axes++) check(tg_shape2(shapes[i][0], shapes[i][1]), axes, &state);
        for (unsigned axes = 1; axes < 8; axes++) check(tg_shape3(70, 40, 50), axes, &state);
    }
}

/* Columns of one value: the mean is off by at most 4 units of roundoff for any number of rows, so that the variance of
 * batch normalization stays below (4 u |mu|)²; 3.4 is the worst that was seen. 1/n and the product make up to two of
 * them. */
Test(reduce, mean_of_a_constant_column) {
    uint64_t state = 11;
    for (int64_t n = 1; n <= 5000; n += n < 300 ? 1 : 97)
        for (int trial = 0; trial < 12; trial++) {
            const double v = random_between(&state, 1, 2) * pow(10, trial - 4);
            const bool stream = trial % 2;
            tg_graph *g = tg_graph_new();
            tg_node column = tg_expand(tg_scalar(g, TG_F64, v), stream ? tg_shape1(n) : tg_shape2(n, 3));
            tg_node mean = tg_mul(tg_sum(column, tg_axis(0)), tg_scalar(g, TG_F64, 1 / (double)n));
            cr_assert_eq(tg_run(g), TG_OK);
            double off = fabs(tg_item(mean, 0) - v) / (0x1p-53 * v);
            cr_assert_leq(off, 4, "%.17g is off by %g units, %d rows", v, off, (int)n);
            tg_graph_free(g);
        }
}

/* ------------------------------------------------------------------------------------------------------- product */

static void check_product(size_t m, size_t k, size_t n, uint64_t *state) {
    double *a = random_array(state, m * k, -1, 1), *b = random_array(state, k * n, -1, 1);
    tg_graph *g = tg_graph_new();
    tg_node x = tg_input(g, TG_F64, tg_shape2((int64_t)m, (int64_t)k));
    tg_node y = tg_input(g, TG_F64, tg_shape2((int64_t)k, (int64_t)n));
    tg_node z = tg_matmul(x, y), thin = tg_matmul(tg_cast(x, TG_F32), tg_cast(y, TG_F32));
    cr_assert_eq(tg_set(x, a), TG_OK);
    cr_assert_eq(tg_set(y, b), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            float narrow = 0;
            for (size_t l = 0; l < k; l++) {
                sum += a[i * k + l] * b[l * n + j];
                float product = (float)a[i * k + l] * (float)b[l * n + j];
                narrow += product;
            }
            cr_assert_eq(tg_item(z, i * n + j), sum, "[%zu,%zu] times [%zu,%zu]", m, k, k, n);
            cr_assert_eq((float)tg_item(thin, i * n + j), narrow, "f32 [%zu,%zu] times [%zu,%zu]", m, k, k, n);
        }
    tg_graph_free(g);
    free(a);
    free(b);
}

Test(reduce, products_in_the_order_of_the_inner_axis) {
    uint64_t state = 3;
    for (size_t m = 0; m <= 8; m++)
        for (size_t k = 0; k <= 8; k++)
            for (size_t n = 0; n <= 8; n++) check_product(m, k, n, &state);
    static const size_t odd[][3] = {{1, 1000, 1}, {131, 67, 259}, {9, 300, 513}, {257, 1, 257}, {33, 129, 3}};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) check_product(odd[i][0], odd[i][1], odd[i][2], &state);
}

/* ------------------------------------------------------------------------------------------------------- threads */

enum { ROWS = 700, COLUMNS = 301 };

/* Elementwise with and without broadcasting, transcendentals, sums along every axis, a product: checked as one hash. */
static uint64_t bits(int count) {
    uint64_t state = 4, hash = 0;
    double *data = random_array(&state, ROWS * COLUMNS, 0.5, 2);
    tg_graph *g = tg_graph_new();
    threads(count);
    tg_node x = tg_input(g, TG_F64, tg_shape2(ROWS, COLUMNS)), row = tg_sum(x, tg_axis(0));
    tg_node all[] = {row,
                     tg_sum(x, tg_axis(1)),
                     tg_sum(x, tg_axes_all()),
                     tg_exp(x),
                     tg_log(x),
                     tg_div(x, row),
                     tg_mul(tg_exp(tg_neg(x)), tg_sum(x, tg_keep(tg_axis(1)))),
                     tg_max(x, tg_axis(0)),
                     tg_matmul(tg_transpose(x, tg_axes_all()), x)};
    cr_assert_eq(tg_set(x, data), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t k = 0; k < tg_size(all[i]); k++) {
            uint64_t word;
            memcpy(&word, (const double *)tg_value(all[i]) + k, sizeof word);
            hash = (hash ^ word) * UINT64_C(1099511628211); /* FNV-1a */
        }
    tg_graph_free(g);
    free(data);
    return hash;
}

Test(reduce, same_bits_for_any_number_of_threads) {
    const uint64_t one = bits(1);
    for (int n = 2; n <= 8; n++) cr_assert_eq(bits(n), one, "%d threads", n);
}
