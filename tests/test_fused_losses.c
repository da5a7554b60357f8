/* The softmax loss and the small kernels of a network, written by hand, beside the tape's. */
#include "beside.h"
#include "entropy.h"
#include "pointwise.h"

#define TEST(name) Test(fused_losses, name, .timeout = 60)

/* --------------------------------------------------------------------------------------------------- the softmax loss
 */

enum { TOP, NORM, DSCORES, BOTH_TOP, BOTH_NORM, BOTH_DSCORES, LOSS, BOTH_LOSS, ARRAYS };
static const char *const names[ARRAYS] = {"top",        "norm",          "dscores", "both: top",
                                          "both: norm", "both: dscores", "loss",    "both: loss"};

struct softmax {
    tg_graph *g;
    tg_node scores, label, dloss;
    tg_dtype dtype;
    size_t n, d;
    void *v[ARRAYS];
};

static size_t size_of(const struct softmax *s, int i) {
    return i == LOSS || i == BOTH_LOSS ? 1 : i % 3 == 2 ? s->n * s->d : s->n;
}

static struct softmax lay(tg_dtype dtype, size_t n, size_t d) {
    struct softmax s = {.g = tg_graph_new(), .dtype = dtype, .n = n, .d = d};
    uint64_t state = 5 + n;
    s.scores = random_leaf(s.g, "scores", dtype, tg_shape2((int64_t)n, (int64_t)d), &state);
    s.label = random_labels(s.g, (int64_t)n, (int64_t)d, &state);
    s.dloss = random_leaf(s.g, "seed", dtype, tg_shape0(), &state);
    for (int i = 0; i < ARRAYS; i++) s.v[i] = room_for(dtype, size_of(&s, i));
    return s;
}

static void run(struct softmax *s) {
    const void *x = tg_value(s->scores), *label = tg_value(s->label), *dloss = tg_value(s->dloss);
    void **v = s->v;
    if (s->dtype == TG_F32) {
        const float seed = *(const float *)dloss;
        *(float *)v[LOSS] = tg_fused_softmax_loss_f32(s->n, s->d, x, label, v[TOP], v[NORM]);
        tg_fused_softmax_loss_backward_f32(s->n, s->d, x, label, v[TOP], v[NORM], seed, v[DSCORES]);
        *(float *)v[BOTH_LOSS] =
            tg_fused_softmax_loss_both_f32(s->n, s->d, x, label, seed, v[BOTH_TOP], v[BOTH_NORM], v[BOTH_DSCORES]);
    } else {
        const double seed = *(const double *)dloss;
        *(double *)v[LOSS] = tg_fused_softmax_loss_f64(s->n, s->d, x, label, v[TOP], v[NORM]);
        tg_fused_softmax_loss_backward_f64(s->n, s->d, x, label, v[TOP], v[NORM], seed, v[DSCORES]);
        *(double *)v[BOTH_LOSS] =
            tg_fused_softmax_loss_both_f64(s->n, s->d, x, label, seed, v[BOTH_TOP], v[BOTH_NORM], v[BOTH_DSCORES]);
    }
}

static void done(struct softmax *s) {
    for (int i = 0; i < ARRAYS; i++) free(s->v[i]);
    tg_graph_free(s->g);
}

TEST(softmax) {
    static const size_t shapes[][2] = {{1, 1},   {1, 2},    {64, 10},  {3, 16},   {5, 17},  {300, 33},
                                       {7, 256}, {9, 1000}, {2, 1024}, {3, 5003}, {513, 1}, {30, 2100}};
    for (size_t k = 0; k < 2 * sizeof shapes / sizeof *shapes; k++) {
        struct softmax s = lay(k % 2 ? TG_F64 : TG_F32, shapes[k / 2][0], shapes[k / 2][1]);
        tg_node loss = tg_softmax_loss(s.scores, s.label, NULL);
        tg_node norm = tg_sum(tg_exp(tg_sub(s.scores, tg_max(s.scores, tg_keep(tg_axis(1))))), tg_axis(1));
        tg_node top = tg_max(s.scores, tg_axis(1)), dscores = tg_grad(tg_backward(loss, s.dloss), s.scores);
        cr_assert_eq(tg_run(s.g), TG_OK, "%s", tg_message(s.g));
        run(&s);
        const tg_node beside[ARRAYS] = {top, norm, dscores, top, norm, dscores, loss, loss};
        for (int i = 0; i < ARRAYS; i++) assert_beside(beside[i], s.v[i], names[i]);
        done(&s);
    }
}

/* Scores so far apart that exp of them would be no number. */
TEST(softmax_of_large_scores) {
    struct softmax s = lay(TG_F32, 2, 3);
    const float scores[] = {1e4f, 0, -1e4f, 500, 500, -3e38f};
    const int32_t label[] = {1, 0};
    cr_assert(tg_set(s.scores, scores) == TG_OK && tg_set(s.label, label) == TG_OK);
    run(&s);
    const float loss = *(float *)s.v[LOSS], *d = s.v[DSCORES], seed = *(const float *)tg_value(s.dloss);
    cr_assert_float_eq(loss, (1e4 + log(2)) / 2, 1e-2);
    const float want[] = {1, -1, 0, -0.5f, 0.5f, 0};
    for (int i = 0; i < 6; i++) cr_assert_float_eq(d[i], want[i] * seed / 2, 1e-6);
    done(&s);
}

TEST(softmax_of_nan_and_infinity) {
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        struct softmax s = lay(TG_F32, 1, 40);
        float *scores = malloc(40 * sizeof *scores);
        for (int i = 0; i < 40; i++) scores[i] = k == 2 || i == 23 ? bad[k] : (float)i;
        cr_assert_eq(tg_set(s.scores, scores), TG_OK);
        run(&s);
        cr_assert(isnan(*(float *)s.v[LOSS]) && isnan(*(float *)s.v[BOTH_LOSS]));
        free(scores);
        done(&s);
    }
}

TEST(threads_change_no_bit) {
    static const size_t shapes[][2] = {{700, 130}, {40000, 3}, {5, 40000}};
    for (size_t k = 0; k < 6; k++) {
        struct softmax s = lay(k % 2 ? TG_F64 : TG_F32, shapes[k / 2][0], shapes[k / 2][1]);
        const size_t item = s.dtype == TG_F64 ? sizeof(double) : sizeof(float);
        set_threads(1);
        run(&s);
        for (int threads = 2; threads <= 8; threads *= 2) {
            struct softmax q = lay(s.dtype, s.n, s.d);
            set_threads(threads);
            run(&q);
            for (int i = 0; i < ARRAYS; i++)
                cr_assert_eq(memcmp(s.v[i], q.v[i], size_of(&s, i) * item), 0, "%s", names[i]);
            done(&q);
        }
        done(&s);
    }
}

/* ------------------------------------------------------------------------------------------------------- pointwise */

enum { RELU, DRELU, ADD, OFF, SQUARES, SMALL };
static const char *const small_names[SMALL] = {"relu", "relu backward", "add", "mse backward", "mse"};

/* x, y and g of length n; v: room for the results. */
static void run_small(tg_dtype dtype, size_t n, const void *x, const void *y, const void *g, void *v[SMALL]) {
    if (dtype == TG_F32) {
        tg_fused_relu_f32(n, x, v[RELU]);
        tg_fused_relu_backward_f32(n, g, v[RELU], v[DRELU]);
        tg_fused_add_f32(n, x, y, v[ADD]);
        *(float *)v[SQUARES] = tg_fused_mse_loss_f32(n, x, y);
        tg_fused_mse_loss_backward_f32(n, x, y, 0.7f, v[OFF]);
    } else {
        tg_fused_relu_f64(n, x, v[RELU]);
        tg_fused_relu_backward_f64(n, g, v[RELU], v[DRELU]);
        tg_fused_add_f64(n, x, y, v[ADD]);
        *(double *)v[SQUARES] = tg_fused_mse_loss_f64(n, x, y);
        tg_fused_mse_loss_backward_f64(n, x, y, 0.7, v[OFF]);
    }
}

TEST(pointwise) {
    static const size_t sizes[] = {1, 15, 16, 17, 1000, 16384, 16385, 70001, 150000};
    for (size_t k = 0; k < 2 * sizeof sizes / sizeof *sizes; k++) {
        const size_t n = sizes[k / 2];
        const tg_dtype dtype = k % 2 ? TG_F64 : TG_F32;
        const size_t item = dtype == TG_F64 ? sizeof(double) : sizeof(float);
        uint64_t state = 3 + n;
        tg_graph *g = tg_graph_new();
        tg_node in[3];
        for (int i = 0; i < 3; i++)
            in[i] = random_leaf(g, (const char *[]){"x", "y", "g"}[i], dtype, tg_shape1((int64_t)n), &state);
        tg_node relu = tg_relu(in[0]), loss = tg_mse_loss(in[0], in[1], TG_MEAN, NULL);
        tg_node drelu = tg_grad(tg_backward(relu, in[2]), in[0]);
        tg_node off = tg_grad(tg_backward(loss, tg_scalar(g, dtype, 0.7)), in[0]);
        const tg_node beside[SMALL] = {relu, drelu, tg_add(in[0], in[1]), off, loss};
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        void *v[2][SMALL];
        for (int t = 0; t < 2; t++) {
            set_threads(t ? 4 : 1);
            for (int i = 0; i < SMALL; i++) v[t][i] = room_for(dtype, i == SQUARES ? 1 : n);
            run_small(dtype, n, tg_value(in[0]), tg_value(in[1]), tg_value(in[2]), v[t]);
        }
        for (int i = 0; i < SMALL; i++) {
            assert_beside(beside[i], v[0][i], small_names[i]);
            cr_assert_eq(memcmp(v[0][i], v[1][i], (i == SQUARES ? 1 : n) * item), 0, "threads: %s", small_names[i]);
            free(v[0][i]), free(v[1][i]);
        }
        tg_graph_free(g);
    }
}

TEST(an_output_may_be_an_input) {
    double x[100], y[100], want[100];
    for (int i = 0; i < 100; i++) x[i] = i % 7 - 3, y[i] = i % 5 - 2;
    tg_fused_relu_backward_f64(100, x, y, want);
    tg_fused_relu_backward_f64(100, x, y, x);
    cr_assert_eq(memcmp(x, want, sizeof x), 0);
    tg_fused_add_f64(100, x, y, want);
    tg_fused_add_f64(100, x, y, y);
    cr_assert_eq(memcmp(y, want, sizeof y), 0);
    tg_fused_relu_f64(100, y, want);
    tg_fused_relu_f64(100, y, y);
    cr_assert_eq(memcmp(y, want, sizeof y), 0);
}

TEST(nothing) {
    cr_assert_eq(tg_fused_mse_loss_f32(0, NULL, NULL), 0);
    cr_assert_eq(tg_fused_softmax_loss_f64(0, 3, NULL, NULL, NULL, NULL), 0);
    tg_fused_relu_f32(0, NULL, NULL);
    const float nan = NAN;
    float out;
    tg_fused_relu_f32(1, &nan, &out);
    cr_assert(isnan(out));
}
