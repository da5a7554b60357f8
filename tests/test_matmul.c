/* Products of matrices: every small shape with every way of lying in memory, batches, vectors, blocks that BLAS does,
 * and what may not be lost on the way. */
#include "product.h"
#include "support.h"

#include <criterion/criterion.h>
#ifdef _OPENMP
#include <omp.h>
#endif

TestSuite(matmul, .timeout = 120);

static void threads(int count) {
#ifdef _OPENMP
    omp_set_num_threads(count);
#else
    (void)count;
#endif
}

/* --------------------------------------------------------------------------------------------- every small product */

/* Where an operand comes from: a leaf, a transposed copy of one, every second column of a wider one, backwards, a
 * repeated row. */
enum source { LEAF, TURNED, STRIDED, REPEATED, SOURCES };

static tg_node operand(tg_graph *g, tg_dtype dtype, int64_t rows, int64_t columns, enum source from, uint64_t *state) {
    tg_shape s = tg_shape2(rows, columns);
    if (from == TURNED) s = tg_shape2(columns, rows);
    if (from == STRIDED) s = tg_shape2(rows, 2 * columns);
    if (from == REPEATED) s = tg_shape2(1, columns);
    tg_node leaf = tg_input(g, dtype, s);
    double *v = random_array(state, tg_size(leaf), -2, 2);
    cr_assert_eq(set_doubles(leaf, v), TG_OK);
    free(v);
    if (from == TURNED) return tg_transpose(leaf, tg_axes_all());
    if (from == REPEATED) return tg_expand(leaf, tg_shape2(rows, columns));
    if (from == LEAF) return leaf;
    return tg_slice(leaf, 1, TG_END, TG_BEGIN, -2); /* the odd ones, from the end */
}

/* The triple loop, each sum in the order of k in the dtype itself. */
static size_t mismatches(tg_node x, tg_node y, bool tx, bool ty, tg_node z) {
    const size_t m = (size_t)tg_dims(z).dim[0], n = (size_t)tg_dims(z).dim[1], k = (size_t)tg_dims(x).dim[tx ? 0 : 1];
    size_t wrong = 0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            float narrow = 0;
            for (size_t l = 0; l < k; l++) {
                const double a = tg_item(x, tx ? l * m + i : i * k + l), b = tg_item(y, ty ? j * k + l : l * n + j);
                const float product = (float)a * (float)b;
                sum += a * b;
                narrow += product;
            }
            wrong += tg_item(z, i * n + j) != (tg_dtype_of(z) == TG_F64 ? sum : (double)narrow);
        }
    return wrong;
}

static void every_flag(tg_dtype dtype, int64_t m, int64_t k, int64_t n, enum source from, uint64_t *state) {
    tg_graph *g = tg_graph_new();
    tg_node x[4], y[4], z[4];
    for (int t = 0; t < 4; t++) {
        const bool tx = t & 1, ty = t & 2;
        x[t] = operand(g, dtype, tx ? k : m, tx ? m : k, from, state);
        y[t] = operand(g, dtype, ty ? n : k, ty ? k : n, (enum source)((from + 1) % SOURCES), state);
        z[t] = tg_matmul_t(x[t], y[t], tx, ty);
    }
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    for (int t = 0; t < 4; t++) {
        cr_assert(tg_dims(z[t]).rank == 2 && tg_dims(z[t]).dim[0] == m && tg_dims(z[t]).dim[1] == n);
        const size_t wrong = mismatches(x[t], y[t], t & 1, t & 2, z[t]);
        cr_expect_eq(wrong, 0, "[%d,%d,%d] turned %d, source %d: %zu are wrong", (int)m, (int)k, (int)n, t, from,
                     wrong);
    }
    tg_graph_free(g);
}

Test(matmul, every_small_product) {
    uint64_t state = 11;
    for (int64_t m = 1; m <= 8; m++)
        for (int64_t k = 1; k <= 8; k++)
            for (int64_t n = 1; n <= 8; n++) {
                const int only = SANITIZED ? (int)(random_bits(&state) >> 20 & 3) : SOURCES;
                for (int from = 0; from < SOURCES; from++) {
                    if (only != SOURCES && only != from) continue;
                    every_flag(TG_F32, m, k, n, (enum source)from, &state);
                    every_flag(TG_F64, m, k, n, (enum source)from, &state);
                }
            }
}

/* Every edge of tiles, of the depth that is gone through at a time, of the blocks; no element or many. */
Test(matmul, edges_of_tiles_and_blocks) {
    static const int64_t odd[][3] = {{13, 127, 9}, {12, 128, 17}, {7, 129, 33}, {11, 300, 31},
                                     {97, 5, 40},  {200, 20, 65}, {1, 64, 50},  {50, 64, 1},
                                     {3, 0, 5},    {0, 4, 5},     {5, 4, 0}};
    uint64_t state = 12;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        every_flag(TG_F32, odd[i][0], odd[i][1], odd[i][2], LEAF, &state);
        every_flag(TG_F64, odd[i][0], odd[i][1], odd[i][2], LEAF, &state);
    }
}

/* The version for each vector unit that this machine has is compared through the one it takes: a block that adds. */
Test(matmul, a_product_can_be_added) {
    uint64_t state = 13;
    enum { M = 14, K = 130, N = 19 };
    double *x = random_array(&state, M * K, -1, 1), *y = random_array(&state, K * N, -1, 1), z[M * N], want[M * N];
    for (size_t i = 0; i < M * N; i++) {
        z[i] = want[i] = 0.5 * (double)i;
        for (size_t k = 0; k < K; k++) want[i] += x[i / N * K + k] * y[k * N + i % N];
    }
    tg__product_loop(&(struct tg__product){TG_F64, M, K, N, {x, K, false}, {y, N, false}, z, N, true});
    cr_assert_arr_eq(z, want, sizeof z);
    tg__product_loop(&(struct tg__product){TG_F64, M, 0, N, {x, K, false}, {y, N, false}, z, N, true});
    cr_assert_arr_eq(z, want, sizeof z);
    free(x), free(y);
}

/* ---------------------------------------------------------------------------------------------- batches and vectors */

/* NumPy's rule, by counting: where element (batch, row, column) of a matrix lies. */
static double element(tg_node x, const size_t *batch, int axes, size_t row, size_t column) {
    const tg_shape s = tg_dims(x);
    size_t at = 0;
    for (int i = 0; i + 2 < s.rank; i++) {
        const size_t d = (size_t)s.dim[i], here = batch[axes - (s.rank - 2) + i];
        at = at * d + (d == 1 ? 0 : here);
    }
    return tg_item(x, (at * (size_t)s.dim[s.rank - 2] + row) * (size_t)s.dim[s.rank - 1] + column);
}

static void check_batch(tg_shape xs, tg_shape ys, tg_shape want, bool tx, bool ty) {
    uint64_t state = 14;
    tg_graph *g = tg_graph_new();
    tg_node x = tg_input(g, TG_F64, xs), y = tg_input(g, TG_F64, ys), z = tg_matmul_t(x, y, tx, ty);
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    double *a = random_array(&state, tg_size(x), -2, 2), *b = random_array(&state, tg_size(y), -2, 2);
    cr_assert(tg_set(x, a) == TG_OK && tg_set(y, b) == TG_OK && tg_run(g) == TG_OK);
    const tg_shape s = tg_dims(z);
    cr_assert(have_same_shape(s, want));
    const size_t m = (size_t)s.dim[s.rank - 2], n = (size_t)s.dim[s.rank - 1], k = (size_t)xs.dim[xs.rank - 1 - tx];
    for (size_t i = 0; i < tg_size(z); i++) {
        size_t batch[TG_MAX_RANK] = {0}, rest = i / (m * n);
        for (int axis = s.rank - 3; axis >= 0; axis--) {
            batch[axis] = rest % (size_t)s.dim[axis];
            rest /= (size_t)s.dim[axis];
        }
        const size_t row = i / n % m, column = i % n;
        double sum = 0;
        for (size_t l = 0; l < k; l++)
            sum += element(x, batch, s.rank - 2, tx ? l : row, tx ? row : l) *
                   element(y, batch, s.rank - 2, ty ? column : l, ty ? l : column);
        cr_assert_eq(tg_item(z, i), sum);
    }
    free(a), free(b);
    tg_graph_free(g);
}

Test(matmul, batches_broadcast) {
    check_batch(tg_shape3(5, 2, 3), tg_shape3(5, 3, 4), tg_shape3(5, 2, 4), false, false);
    check_batch(tg_shape3(5, 2, 3), tg_shape2(3, 4), tg_shape3(5, 2, 4), false, false);
    check_batch(tg_shape4(2, 3, 7, 5), tg_shape3(1, 6, 5), tg_shape4(2, 3, 7, 6), false, true);
    check_batch(tg_shape2(2, 3), tg_shape3(5, 3, 4), tg_shape3(5, 2, 4), false, false);
    check_batch(tg_shape4(5, 1, 3, 2), tg_shape4(1, 6, 4, 3), tg_shape4(5, 6, 2, 4), true, true);
    check_batch(tg_shape4(2, 5, 3, 2), tg_shape3(1, 3, 4), tg_shape4(2, 5, 2, 4), true, false);
    check_batch(tg_shape3(0, 2, 3), tg_shape2(3, 4), tg_shape3(0, 2, 4), false, false);
    check_batch(tg_shape3(1, 2, 3), tg_shape3(0, 4, 3), tg_shape3(0, 2, 4), false, true);
    check_batch(tg_shape3(3, 2, 0), tg_shape2(0, 4), tg_shape3(3, 2, 4), false, false);
    const int64_t a[] = {2, 1, 2, 1, 2, 1, 2, 3}, b[] = {1, 2, 1, 2, 1, 2, 3, 2}, c[] = {2, 2, 2, 2, 2, 2, 2, 2};
    check_batch(tg_shape_n(8, a), tg_shape_n(8, b), tg_shape_n(8, c), false, false);
}

Test(matmul, vectors_as_numpy_has_them) {
    tg_graph *g = tg_graph_new();
    const double three[] = {1, 10, 100}, two[] = {1, -1}, six[] = {1, 2, 3, 4, 5, 6};
    tg_node v = tg_const(g, TG_F64, tg_shape1(3), three), u = tg_const(g, TG_F64, tg_shape1(2), two);
    tg_node w = tg_const(g, TG_F64, tg_shape2(2, 3), six), b = tg_reshape(w, tg_shape3(3, 2, 1));
    tg_node dot = tg_matmul(v, v), mv = tg_matmul(w, v), vm = tg_matmul(u, w), outer = tg_outer(u, v);
    tg_node batch = tg_matmul(u, b), same = tg_dot(v, v);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert(tg_dims(dot).rank == 0 && tg_item(dot, 0) == 10101 && tg_item(same, 0) == 10101);
    cr_assert(tg_dims(mv).rank == 1 && tg_item(mv, 0) == 321 && tg_item(mv, 1) == 654);
    cr_assert(tg_dims(vm).rank == 1 && tg_dims(vm).dim[0] == 3 && tg_item(vm, 2) == -3);
    cr_assert(tg_dims(outer).rank == 2 && tg_dims(outer).dim[0] == 2 && tg_item(outer, 4) == -10);
    cr_assert(tg_dims(batch).rank == 2 && tg_dims(batch).dim[0] == 3 && tg_dims(batch).dim[1] == 1);
    cr_assert_eq(tg_item(batch, 1), -1);
    tg_graph_free(g);
}

/* No transposed copy is on the tape, and the formulas say how an operand lies. */
Test(matmul, its_gradients_are_products) {
    tg_graph *g = tg_graph_new();
    for (int t = 0; t < 4; t++) {
        const bool tx = t & 1, ty = t & 2;
        tg_node x = tg_input(g, TG_F64, tx ? tg_shape2(3, 2) : tg_shape2(2, 3));
        tg_node y = tg_input(g, TG_F64, ty ? tg_shape2(4, 3) : tg_shape2(3, 4));
        tg_node z = tg_matmul_t(x, y, tx, ty), seed = tg_input(g, TG_F64, tg_dims(z));
        tg_grads d = tg_backward(z, seed);
        cr_assert_str_eq(tg_op_of(tg_grad(d, x)), "matmul");
        cr_assert_str_eq(tg_op_of(tg_grad(d, y)), "matmul");
        cr_assert(have_same_shape(tg_dims(tg_grad(d, x)), tg_dims(x)));
    }
    tg_graph_free(g);
    g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 3)));
    TG_LET(w, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(y, tg_matmul_t(x, w, false, true));
    TG_LET(seed, tg_input(g, TG_F64, tg_shape2(2, 4)));
    tg_grads d = tg_backward(y, seed);
    char text[80];
    tg_formula(y, text, sizeof text);
    cr_assert_str_eq(text, "x @ w.T");
    tg_formula(tg_grad(d, w), text, sizeof text);
    cr_assert_str_eq(text, "dy.T @ x");
    tg_formula(tg_matmul_t(tg_add(x, x), x, false, true), text, sizeof text);
    cr_assert_str_eq(text, "(x + x) @ x.T");
    tg_formula(tg_matmul_t(tg_add(x, x), x, true, false), text, sizeof text);
    cr_assert_str_eq(text, "(x + x).T @ x");
    tg_graph_free(g);
}

/* dL/dy = Σ of x's row times dz's row, over all rows of all matrices of x. */
static void check_single(tg_shape xs, bool ty) {
    uint64_t state = 21;
    enum { K = 3, N = 4 };
    tg_graph *g = tg_graph_new();
    const tg_node x = tg_input(g, TG_F64, xs), y = tg_param(g, TG_F64, ty ? tg_shape2(N, K) : tg_shape2(K, N));
    const tg_node z = tg_matmul_t(x, y, false, ty), seed = tg_input(g, TG_F64, tg_dims(z));
    const tg_node dy = tg_grad(tg_backward(z, seed), y);
    double *a = random_array(&state, tg_size(x), -2, 2), *b = random_array(&state, tg_size(seed), -2, 2);
    cr_assert(tg_fill(y, 1) == TG_OK && tg_set(x, a) == TG_OK && tg_set(seed, b) == TG_OK && tg_run(g) == TG_OK, "%s",
              tg_message(g));
    cr_expect_str_eq(tg_op_of(dy), "matmul");
    for (size_t i = 0; i < K * N; i++) { /* some 30 terms of at most 4 */
        double sum = 0;
        for (size_t row = 0; row < tg_size(x) / K; row++) sum += a[row * K + i / N] * b[row * N + i % N];
        cr_expect_float_eq(tg_item(dy, ty ? i % N * K + i / N : i), sum, 1e-13);
    }
    free(a), free(b);
    tg_graph_free(g);
}

Test(matmul, a_single_matrix_behind_many_has_one_product_for_a_gradient) {
    for (int ty = 0; ty < 2; ty++) {
        check_single(tg_shape3(5, 2, 3), ty);
        check_single(tg_shape4(3, 2, 5, 3), ty);
        check_single(tg_shape3(1, 7, 3), ty);
        check_single(tg_shape2(6, 3), ty);
        check_single(tg_shape3(0, 7, 3), ty);
    }
}

/* --------------------------------------------------------------------------------------------- large ones, and BLAS */

enum { SIDE = 300 };

static void large(tg_dtype dtype, int count, bool tx, bool ty, double *z, tg_shape *shape) {
    uint64_t state = 15;
    tg_graph *g = tg_graph_new();
    threads(count);
    double *a = random_array(&state, SIDE * 200, -1, 1), *b = random_array(&state, SIDE * 200, -1, 1);
    tg_node x = tg_input(g, dtype, tx ? tg_shape2(200, SIDE) : tg_shape2(SIDE, 200));
    tg_node y = tg_input(g, dtype, ty ? tg_shape2(SIDE, 200) : tg_shape2(200, SIDE));
    tg_node out = tg_matmul_t(x, y, tx, ty);
    cr_assert(set_doubles(x, a) == TG_OK && set_doubles(y, b) == TG_OK && tg_run(g) == TG_OK, "%s", tg_message(g));
    *shape = tg_dims(out);
    for (size_t i = 0; i < tg_size(out); i++) z[i] = tg_item(out, i);
    for (size_t i = 0; i < SIDE * SIDE; i += 97) { /* 200 terms of at most 1: far below 1e-5, 1e-13 */
        double sum = 0;
        for (size_t k = 0; k < 200; k++)
            sum += tg_item(x, tx ? k * SIDE + i / SIDE : i / SIDE * 200 + k) *
                   tg_item(y, ty ? i % SIDE * 200 + k : k * SIDE + i % SIDE);
        cr_assert_leq(fabs(sum - z[i]), dtype == TG_F64 ? 1e-13 : 1e-5);
    }
    free(a), free(b);
    tg_graph_free(g);
}

Test(matmul, the_same_bits_whatever_the_threads) {
    static double one[SIDE * SIDE], other[SIDE * SIDE];
    tg_shape shape;
    for (int t = 0; t < 4; t++)
        for (int f64 = 0; f64 < 2; f64++) {
            large(f64 ? TG_F64 : TG_F32, 1, t & 1, t & 2, one, &shape);
            for (int count = 2; count <= 4; count += 2) {
                large(f64 ? TG_F64 : TG_F32, count, t & 1, t & 2, other, &shape);
                cr_expect_eq(memcmp(one, other, sizeof one), 0, "%d threads, turned %d", count, t);
            }
        }
}

/* 0 times infinity is NaN, a NaN stays, and nothing else is touched; the large one is BLAS's. */
Test(matmul, nothing_is_skipped) {
    static const int64_t side[] = {3, 17, 256};
    for (size_t s = 0; s < sizeof side / sizeof *side; s++) {
        const size_t n = (size_t)side[s];
        tg_graph *g = tg_graph_new();
        tg_node x = tg_input(g, TG_F64, tg_shape2(side[s], side[s])),
                y = tg_input(g, TG_F64, tg_shape2(side[s], side[s]));
        tg_node z = tg_matmul(x, y);
        double *a = calloc(n * n, sizeof *a), *b = calloc(n * n, sizeof *b);
        b[1 * n + 2] = INFINITY; /* times a zero: column 2 is NaN */
        a[2 * n + 0] = NAN;      /* row 2 is NaN */
        cr_assert(tg_set(x, a) == TG_OK && tg_set(y, b) == TG_OK && tg_run(g) == TG_OK);
        for (size_t i = 0; i < n * n; i++)
            cr_assert_eq(isnan(tg_item(z, i)) != 0, i / n == 2 || i % n == 2, "%zu of %zu", i, n);
        free(a), free(b);
        tg_graph_free(g);
    }
}

/* A BLAS that cannot be held to one thread may be allowed for a graph; the values are right either way. */
Test(matmul, any_blas_may_be_allowed) {
    static double z[SIDE * SIDE];
    tg_shape shape;
    tg_graph *g = tg_graph_new();
    tg_allow_any_blas(g, true);
    tg_allow_any_blas(NULL, true);
    large(TG_F64, 2, false, false, z, &shape);
    tg_graph_free(g);
}

/* ---------------------------------------------------------------------------------------------------------- refusals
 */

static void refused(tg_node z, tg_mark m, const char *message) {
    cr_expect(tg_is_nil(z));
    cr_expect_eq(strncmp(tg_message(m.graph), message, strlen(message)), 0, "%s", tg_message(m.graph));
    cr_assert_eq(tg_rewind(m.graph, m), TG_OK);
}

Test(matmul, refusals) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 3)));
    TG_LET(v, tg_input(g, TG_F64, tg_shape1(4)));
    TG_LET(b, tg_input(g, TG_F64, tg_shape3(5, 3, 2)));
    TG_LET(c, tg_input(g, TG_F64, tg_shape3(4, 2, 3)));
    TG_LET(s, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(f, tg_input(g, TG_F32, tg_shape1(3)));
    const tg_mark m = tg_mark_now(g);
    refused(tg_matmul(x, x), m, "matmul: 'x' [2, 3] times 'x' [2, 3]: the inner dimensions differ");
    refused(tg_matmul_t(x, x, true, true), m,
            "matmul: 'x' [2, 3] transposed times 'x' [2, 3] transposed: the inner dimensions differ");
    refused(tg_matmul(x, v), m, "matmul: 'x' [2, 3] times 'v' [4]: the inner dimensions differ");
    refused(tg_matmul(v, x), m, "matmul: 'v' [4] times 'x' [2, 3]: the inner dimensions differ");
    refused(tg_matmul(b, c), m,
            "matmul: 'b' [5, 3, 2] times 'c' [4, 2, 3]: the axes before the last two do not broadcast");
    refused(tg_matmul(s, v), m, "matmul: 's' [] times 'v' [4]: a scalar has no axis to multiply along");
    refused(tg_matmul(x, s), m, "matmul: 'x' [2, 3] times 's' []: a scalar has no axis to multiply along");
    refused(tg_matmul_t(v, x, true, false), m,
            "matmul: 'v' [4] transposed times 'x' [2, 3]: a vector has no axes to swap");
    refused(tg_matmul(x, f), m, "matmul: 'x' is f64 but 'f' is f32; tg_cast one of them");
    refused(tg_dot(x, v), m, "dot: 'x' [2, 3] with 'v' [4]: both must be vectors");
    refused(tg_outer(v, s), m, "outer: 'v' [4] with 's' []: both must be vectors");
    refused(tg_dot(v, tg_reshape(f, tg_shape1(3))), m,
            "dot: matmul: 'v' is f64 but #7 (reshape) is f32; tg_cast one of them");
    cr_assert(tg_is_nil(tg_outer(tg_nil(g), v)));
    tg_graph_free(g);
}
