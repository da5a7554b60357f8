/* Composites on data that break careless formulas: large offsets, constant columns, one row, huge scores. */
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(composites, .init = setup, .fini = teardown, .timeout = 120);

/* Batch normalization of [n, d] data over the rows, with a backward sweep from a cotangent that is no constant. */
static tg_grads normalize(tg_dtype dtype, size_t n, size_t d, const double *data) {
    TG_LET(x, tg_input(g, dtype, tg_shape2((int64_t)n, (int64_t)d)));
    TG_LET(gamma, tg_param(g, dtype, tg_shape1((int64_t)d)));
    TG_LET(dout, tg_input(g, dtype, tg_dims(x)));
    TG_LET(out, tg_batchnorm(x, gamma, gamma, tg_axis(0), 1e-5, NULL));
    tg_grads grads = tg_backward(out, dout);
    uint64_t state = 77;
    double *cotangent = random_array(&state, n * d, -1, 1), *scale = random_array(&state, d, 0.5, 2);
    cr_assert_eq(set_doubles(x, data) | set_doubles(dout, cotangent) | set_doubles(gamma, scale), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    free(cotangent);
    free(scale);
    return grads;
}

static void all_finite(void) {
    for (uint32_t id = 1; id <= tg_count(g); id++)
        for (size_t i = 0; i < tg_size(tg_node_at(g, id)); i++)
            cr_assert(isfinite(tg_item(tg_node_at(g, id), i)), "%s[%zu]", tg_name(tg_node_at(g, id)), i);
}

static void restart(void) {
    tg_graph_free(g);
    g = tg_graph_new();
}

/* -------------------------------------------------------------------------------------------------------- offsets */

/* The exact variance of the same data: an offset is no rounding. Differences from the first row are exact or nearly so,
 * which leaves a shifted problem of size 1 for long double. */
static double exact_variance(const double *data, size_t n, size_t d, size_t column) {
    long double mean = 0, var = 0;
    for (size_t i = 0; i < n; i++) mean += ((long double)data[i * d + column] - data[column]) / n;
    for (size_t i = 0; i < n; i++) var += powl((long double)data[i * d + column] - data[column] - mean, 2) / n;
    return (double)var;
}

static void check_offset(tg_dtype dtype, double offset, double tolerance) {
    static const size_t shapes[][2] = {{178, 13}, {200, 3}, {5000, 2}, {4096, 8}, {33, 40}};
    uint64_t state = 12;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t n = shapes[s][0], d = shapes[s][1];
        double *data = random_array(&state, n * d, offset - sqrt(3), offset + sqrt(3)); /* standard deviation 1 */
        for (size_t i = 0; i < n * d && dtype == TG_F32; i++) data[i] = (float)data[i];
        normalize(dtype, n, d, data);
        for (size_t c = 0; c < d; c++) {
            double want = exact_variance(data, n, d, c), got = tg_item(tg_find(g, "var"), c);
            cr_assert_leq(fabs(got - want), tolerance * want, "column %zu: %.17g, not %.17g", c, got, want);
        }
        free(data);
        restart();
    }
}

Test(composites, variance_of_data_with_an_offset) {
    check_offset(TG_F64, 1e8, 1e-11);
    check_offset(TG_F64, -1e8, 1e-11);
    check_offset(TG_F32, 1e4, 1e-4);
}

/* ----------------------------------------------------------------------------------------- columns without variance */

Test(composites, constant_columns) {
    static const size_t rows[] = {1, 2, 3, 7, 13, 64, 100, 178, 200, 246, 1000, 4096};
    uint64_t state = 5;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
            enum { COLUMNS = 40 };
            const double unit = dtype == TG_F64 ? 0x1p-53 : 0x1p-24;
            double *data = malloc(rows[r] * COLUMNS * sizeof *data);
            for (size_t c = 0; c < COLUMNS; c++) {
                double v = random_between(&state, 1, 2) * pow(10, (double)(c % 17) - 8) * (c % 2 ? 1 : -1);
                if (dtype == TG_F32) v = (float)v;
                for (size_t i = 0; i < rows[r]; i++) data[i * COLUMNS + c] = v;
            }
            normalize(dtype, rows[r], COLUMNS, data);
            all_finite();
            for (size_t c = 0; c < COLUMNS; c++) {
                double var = tg_item(tg_find(g, "var"), c), bound = 4 * unit * fabs(tg_item(tg_find(g, "mu"), c));
                cr_assert_leq(var, bound * bound, "%zu rows of %.17g: variance %g", rows[r], data[c], var);
                if (rows[r] == 1) cr_assert_eq(var, 0);
            }
            free(data);
            restart();
        }
}

Test(composites, one_row) {
    const double row[] = {1e8, -0.1, 0, 3};
    tg_grads d = normalize(TG_F64, 1, 4, row);
    all_finite();
    for (size_t c = 0; c < 4; c++) {
        cr_assert_eq(tg_item(tg_find(g, "var"), c), 0);
        cr_assert_eq(tg_item(tg_grad(d, tg_find(g, "x")), c), 0, "one row has no freedom");
    }
    restart();
    (void)normalize(TG_F64, 0, 3, row);
    cr_assert_eq(tg_size(tg_find(g, "dx")), 0);
    all_finite();
}

/* --------------------------------------------------------------------------------------------- linear, softmax loss */

enum { N = 7, D = 4, C = 3 };
static const int32_t truth[N] = {0, 2, 1, 1, 0, 2, 2};

static double row_loss(const double *score, int32_t label) {
    double top = fmax(fmax(score[0], score[1]), score[2]), sum = 0;
    for (int k = 0; k < C; k++) sum += exp(score[k] - top);
    return log(sum) + top - score[label];
}

Test(composites, a_linear_layer_and_its_loss) {
    uint64_t state = 9;
    double *x = random_array(&state, N * D, -2, 2), *w = random_array(&state, D * C, -2, 2);
    double *b = random_array(&state, C, -2, 2), score[N * C], want = 0, slope[N * C];
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < C; k++) {
            score[i * C + k] = b[k];
            for (int j = 0; j < D; j++) score[i * C + k] += x[i * D + j] * w[j * C + k];
        }
        want += row_loss(score + i * C, truth[i]) / N;
        for (int k = 0; k < C; k++) /* (softmax - 1[label]) / N */
            slope[i * C + k] = (exp(-row_loss(score + i * C, k)) - (k == truth[i])) / N;
    }
    TG_LET(xs, tg_input(g, TG_F64, tg_shape2(N, D)));
    TG_LET(ws, tg_param(g, TG_F64, tg_shape2(D, C)));
    TG_LET(bs, tg_param(g, TG_F64, tg_shape1(C)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(N)));
    TG_LET(scores, tg_linear(xs, ws, bs, "fc"));
    TG_LET(loss, tg_softmax_loss(scores, label, "ce"));
    tg_grads d = tg_backward(loss, tg_nil(g));
    cr_assert_eq(tg_set(xs, x) | tg_set(ws, w) | tg_set(bs, b) | tg_set(label, truth), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_leq(fabs(tg_item(loss, 0) - want), 1e-14);
    for (size_t i = 0; i < N * C; i++)
        cr_assert_leq(fabs(tg_item(tg_grad(d, scores), i) - slope[i]), 1e-15, "score %zu", i);
    cr_assert_eq(tg_find(g, "ce/dscores").id, tg_grad(d, tg_find(g, "ce/scores")).id);

    struct {
        tg_node leaf;
        double *at;
    } leaf[] = {{xs, x}, {ws, w}, {bs, b}};
    for (size_t k = 0; k < 3; k++) {
        double *numeric = differences(loss, leaf[k].leaf, leaf[k].at);
        cr_assert_eq(tg_run(g), TG_OK);
        double *ours = doubles_of(tg_grad(d, leaf[k].leaf));
        size_t n = tg_size(leaf[k].leaf), columns = columns_of(leaf[k].leaf);
        cr_assert_leq(column_error(ours, numeric, numeric, n, columns, 1e-11), 1e-9);
        free(numeric);
        free(ours);
    }
    free(x);
    free(w);
    free(b);
}

/* Three numbers for one column would make three of it. */
Test(composites, a_bias_that_does_not_fit) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 2)));
    TG_LET(w, tg_param(g, TG_F64, tg_shape2(2, 1)));
    TG_LET(bias, tg_param(g, TG_F64, tg_shape1(4)));
    cr_assert(tg_is_nil(tg_linear(x, w, bias, NULL)));
    cr_assert_not_null(strstr(tg_message(g), "linear: b 'bias' [4] does not lie along the last axis of 'xw' [4, 1]"),
                       "%s", tg_message(g));
}

Test(composites, scores_that_overflow_exp) {
    const double data[] = {1e4, 0, -1e4, /**/ -1e300, -1e300, -1e300, /**/ 800, 800, 0};
    TG_LET(scores, tg_input(g, TG_F64, tg_shape2(3, 3)));
    TG_LET(label, tg_const(g, TG_I32, tg_shape1(3), (int32_t[]){2, 0, 1}));
    TG_LET(loss, tg_softmax_loss(scores, label, NULL));
    tg_grads d = tg_backward(loss, tg_nil(g));
    cr_assert_eq(tg_set(scores, data), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_leq(fabs(tg_item(loss, 0) - (2e4 + log(3) + log(2)) / 3), 1e-12 * 2e4);
    const double want[] = {1, 0, -1, -2. / 3, 1. / 3, 1. / 3, 0.5, -0.5, 0};
    for (size_t i = 0; i < 9; i++) cr_assert_leq(fabs(tg_item(tg_grad(d, scores), i) - want[i] / 3), 1e-15);
}
