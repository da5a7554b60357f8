/* A student's batch normalization in `real`, right or with one classic mistake, laid beside the tape. The sums are
 * NumPy's along axis 0, row after row, or pairwise; nothing is rounded more carefully than a `real`.
 * A source that includes this defines real, DTYPE and TOLERANCE. */
#ifndef TESTS_DIVERGE_STUDENT_H
#define TESTS_DIVERGE_STUDENT_H

#include "support.h"

#include <criterion/criterion.h>

/* ------------------------------------------------------------------------------------------------------- the steps */

enum { X, GAMMA, BETA, MU, XMU, SQ, VAR, SQRTVAR, IVAR, XHAT, GAMMAX, OUT, DOUT, DBETA, DGAMMAX, DGAMMA, DXHAT, DIVAR,
       DXMU1, DSQRTVAR, DVAR, DSQ, DXMU2, DXMU, DX1, DMU, DX2, DX, STEPS };
static const char *const names[STEPS] = {"x",     "gamma", "beta",     "mu",   "xmu",   "sq",      "var",
                                         "sqrtvar", "ivar", "xhat",    "gammax", "out", "dout",    "dbeta",
                                         "dgammax", "dgamma", "dxhat", "divar", "dxmu1", "dsqrtvar", "dvar",
                                         "dsq",   "dxmu2", "dxmu",     "dx1",  "dmu",   "dx2",     "dx"};

enum mistake { NONE, SUM_FOR_MEAN, NO_MU, OVER_N_1, EPS_OUTSIDE, NO_EPS, MINUS, EXCHANGED, DBETA_MEAN, GAMMA_FORGOTTEN,
               DGAMMA_SIGN, DGAMMA_OF_GAMMAX, DIVAR_OF_XHAT, DXMU1_BY_ROOT, NO_MINUS, HALF_FORGOTTEN, DSQ_OVER_N_1,
               TWO_FORGOTTEN, VARIANCE_PATH_MISSING, VARIANCE_PATH_SIGN, DMU_SIGN, DX2_NOT_OVER_N, MEAN_PATH_MISSING,
               MISTAKES };
static const struct {
    const char *name;
    int step; /* where it is made */
} told[MISTAKES] = {{"none", STEPS},
                    {"sum instead of mean", MU},
                    {"mu not subtracted", XMU},
                    {"variance over N - 1", VAR},
                    {"eps outside of the root", SQRTVAR},
                    {"no eps", SQRTVAR},
                    {"minus instead of divide", XHAT},
                    {"gamma and beta exchanged", GAMMAX},
                    {"dbeta is a mean", DBETA},
                    {"gamma forgotten in dxhat", DXHAT},
                    {"dgamma, wrong sign", DGAMMA},
                    {"dgamma of gammax", DGAMMA},
                    {"divar of xhat", DIVAR},
                    {"dxmu1 times the root", DXMU1},
                    {"dsqrtvar without its minus", DSQRTVAR},
                    {"dvar without its half", DVAR},
                    {"dsq over N - 1", DSQ},
                    {"dxmu2 without its 2", DXMU2},
                    {"variance path missing", DXMU},
                    {"variance path, wrong sign", DXMU},
                    {"dmu, wrong sign", DMU},
                    {"dx2 not over N", DX2},
                    {"mean path missing", DX}};

struct student {
    size_t n, d;
    enum mistake mistake;
    bool pairwise;
    const double *given[STEPS]; /* x, gamma, beta and dout in f64, as the tape has them */
    real *v[STEPS];
};

static inline bool is_row(int step) {
    return step == GAMMA || step == BETA || step == MU || step == VAR || step == SQRTVAR || step == IVAR ||
           step == DBETA || step == DGAMMA || step == DIVAR || step == DSQRTVAR || step == DVAR || step == DMU;
}

static inline real root(real v) { return (real)sqrt((double)v); } /* exact to the last bit in f32 too */

static inline real pairs(const real *a, const real *b, size_t stride, size_t n) {
    if (n == 1) return b ? *a * *b : *a;
    const size_t half = n / 2 * stride;
    return pairs(a, b, stride, n / 2) + pairs(a + half, b ? b + half : NULL, stride, n - n / 2);
}

/* Of the products of two steps along the rows of column k; of one step, where b is negative. */
static inline real total(const struct student *s, int a, int b, size_t k) {
    if (s->pairwise) return pairs(s->v[a] + k, b < 0 ? NULL : s->v[b] + k, s->d, s->n);
    real sum = 0;
    for (size_t i = k; i < s->n * s->d; i += s->d) sum += b < 0 ? s->v[a][i] : s->v[a][i] * s->v[b][i];
    return sum;
}

static inline void forward(const struct student *s, size_t k) {
    real *const *v = s->v;
    const enum mistake m = s->mistake;
    const real n = (real)s->n, eps = (real)1e-5;
    v[MU][k] = m == SUM_FOR_MEAN ? total(s, X, -1, k) : total(s, X, -1, k) / n;
    for (size_t i = k; i < s->n * s->d; i += s->d) {
        v[XMU][i] = m == NO_MU ? v[X][i] : v[X][i] - v[MU][k];
        v[SQ][i] = v[XMU][i] * v[XMU][i];
    }
    v[VAR][k] = total(s, SQ, -1, k) / (m == OVER_N_1 ? n - 1 : n);
    v[SQRTVAR][k] = m == EPS_OUTSIDE ? root(v[VAR][k]) + eps : root(v[VAR][k] + (m == NO_EPS ? 0 : eps));
    v[IVAR][k] = 1 / v[SQRTVAR][k];
    for (size_t i = k; i < s->n * s->d; i += s->d) {
        v[XHAT][i] = m == MINUS ? v[XMU][i] - v[SQRTVAR][k] : v[XMU][i] * v[IVAR][k];
        v[GAMMAX][i] = v[m == EXCHANGED ? BETA : GAMMA][k] * v[XHAT][i];
        v[OUT][i] = v[GAMMAX][i] + v[m == EXCHANGED ? GAMMA : BETA][k];
    }
}

static inline void backward(const struct student *s, size_t k) {
    real *const *v = s->v;
    const enum mistake m = s->mistake;
    const real n = (real)s->n;
    v[DBETA][k] = total(s, DOUT, -1, k) / (m == DBETA_MEAN ? n : 1);
    for (size_t i = k; i < s->n * s->d; i += s->d) v[DGAMMAX][i] = v[DOUT][i];
    v[DGAMMA][k] = total(s, DGAMMAX, m == DGAMMA_OF_GAMMAX ? GAMMAX : XHAT, k) * (m == DGAMMA_SIGN ? -1 : 1);
    for (size_t i = k; i < s->n * s->d; i += s->d) {
        v[DXHAT][i] = m == GAMMA_FORGOTTEN ? v[DGAMMAX][i] : v[DGAMMAX][i] * v[GAMMA][k];
        v[DXMU1][i] = v[DXHAT][i] * v[m == DXMU1_BY_ROOT ? SQRTVAR : IVAR][k];
    }
    v[DIVAR][k] = total(s, DXHAT, m == DIVAR_OF_XHAT ? XHAT : XMU, k);
    v[DSQRTVAR][k] = (m == NO_MINUS ? 1 : -1) * v[DIVAR][k] / (v[SQRTVAR][k] * v[SQRTVAR][k]);
    v[DVAR][k] = (m == HALF_FORGOTTEN ? 1 : (real)0.5) * v[DSQRTVAR][k] / v[SQRTVAR][k];
    for (size_t i = k; i < s->n * s->d; i += s->d) {
        v[DSQ][i] = v[DVAR][k] / (m == DSQ_OVER_N_1 ? n - 1 : n);
        v[DXMU2][i] = (m == TWO_FORGOTTEN ? 1 : 2) * v[XMU][i] * v[DSQ][i];
        const real path = m == VARIANCE_PATH_MISSING ? 0 : m == VARIANCE_PATH_SIGN ? -v[DXMU2][i] : v[DXMU2][i];
        v[DX1][i] = v[DXMU][i] = v[DXMU1][i] + path;
    }
    v[DMU][k] = total(s, DXMU, -1, k) * (m == DMU_SIGN ? 1 : -1);
    for (size_t i = k; i < s->n * s->d; i += s->d) {
        v[DX2][i] = v[DMU][k] / (m == DX2_NOT_OVER_N ? 1 : n);
        v[DX][i] = m == MEAN_PATH_MISSING ? v[DX1][i] : v[DX1][i] + v[DX2][i];
    }
}

static inline void work_out(struct student *s, enum mistake m, bool pairwise) {
    s->mistake = m, s->pairwise = pairwise;
    for (int i = 0; i < STEPS; i++)
        for (size_t k = 0; s->given[i] && k < (is_row(i) ? s->d : s->n * s->d); k++) s->v[i][k] = (real)s->given[i][k];
    for (size_t k = 0; k < s->d; k++) forward(s, k), backward(s, k);
}

/* -------------------------------------------------------------------------------------------------------- the tape */

static inline tg_graph *tape(const struct student *s, tg_dtype dtype) {
    tg_graph *g = tg_graph_new();
    const tg_shape all = tg_shape2((int64_t)s->n, (int64_t)s->d), row = tg_shape1((int64_t)s->d);
    const tg_node share = tg_scalar(g, dtype, 1 / (double)s->n), eps = tg_scalar(g, dtype, 1e-5);
    TG_LET(x, tg_input(g, dtype, all));
    TG_LET(gamma, tg_param(g, dtype, row));
    TG_LET(beta, tg_param(g, dtype, row));
    TG_LET(dout, tg_input(g, dtype, all));
    TG_LET(mu, tg_mul(tg_sum(x, tg_axis(0)), share));
    TG_LET(xmu, tg_sub(x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(tg_sum(sq, tg_axis(0)), share));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, eps)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, ivar));
    TG_LET(gammax, tg_mul(gamma, xhat));
    TG_LET(out, tg_add(gammax, beta));
    tg_backward(out, dout);
    cr_assert(!set_doubles(x, s->given[X]) && !set_doubles(gamma, s->given[GAMMA]) &&
              !set_doubles(beta, s->given[BETA]) && !set_doubles(dout, s->given[DOUT]));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    return g;
}

static inline struct student new_student(size_t n, size_t d) {
    struct student s = {.n = n, .d = d};
    for (int i = 0; i < STEPS; i++) s.v[i] = malloc(n * d * sizeof *s.v[i]);
    return s;
}

static inline void forget(struct student *s) {
    for (int i = 0; i < STEPS; i++) free(s->v[i]), free((void *)(uintptr_t)s->given[i]);
}

/* The first of the steps that parts from the tape; STEPS: none. */
static inline int first_that_parts(tg_graph *g, const struct student *s, double *error) {
    tg_array others[STEPS];
    tg_difference rows[STEPS];
    size_t first;
    for (int i = 0; i < STEPS; i++) others[i] = (tg_array){names[i], DTYPE, tg_dims(tg_find(g, names[i])), s->v[i]};
    cr_assert_eq(tg_diverge(g, others, STEPS, TOLERANCE, rows, &first), TG_OK, "%s", tg_message(g));
    *error = first < STEPS ? rows[first].error : 0;
    for (int i = 0; i < STEPS; i++)
        if (first < STEPS && strcmp(rows[first].name, names[i]) == 0) return i;
    return STEPS;
}

/* -------------------------------------------------------------------------------------------------------- the data */

static inline double ten_to(uint64_t *state, double low, double high) {
    return pow(10, random_between(state, low, high));
}

/* A column as data sets have them: of any size, far from 0, constant, all but constant, counted, mostly 0, with an
 * outlier, or close to the column before it. */
static inline void fill_column(double *x, size_t n, size_t d, size_t k, uint64_t *state) {
    const size_t kind = random_below(state, 8);
    const double size = ten_to(state, -6, 6), far = size * ten_to(state, 0, 7), noise = ten_to(state, -7, -1);
    for (size_t i = 0; i < n; i++) {
        const double u = random_between(state, -1, 1);
        double *v = &x[i * d + k];
        *v = kind == 0   ? size * u
             : kind == 1 ? far + size * u
             : kind == 2 ? far
             : kind == 3 ? far * (1 + noise * u)
             : kind == 4 ? floor(100 * u)
             : kind == 5 ? (random_below(state, 10) ? 0 : size * u)
             : kind == 6 ? (i == n / 2 ? far : size * u)
                         : (k ? x[i * d + k - 1] * (1 + noise * u) : 1e5 + size * u);
    }
}

static inline struct student hard_data(uint64_t *state) {
    const size_t rows = 2 + random_below(state, random_below(state, 4) ? 40 : 400);
    struct student s = new_student(rows, 1 + random_below(state, 6));
    double *x = random_array(state, s.n * s.d, 0, 1), *dout = random_array(state, s.n * s.d, -1, 1);
    for (size_t k = 0; k < s.d; k++) {
        const double size = random_below(state, 3) ? 1 : ten_to(state, -8, 3);
        fill_column(x, s.n, s.d, k, state);
        for (size_t i = k; i < s.n * s.d; i += s.d) dout[i] *= size;
    }
    s.given[X] = x, s.given[DOUT] = dout;
    s.given[GAMMA] = random_array(state, s.d, 0.5, 1.5), s.given[BETA] = random_array(state, s.d, -0.5, 0.5);
    return s;
}

/* What a loss sends back, and wine: columns from 0.3 to 750. */
static inline struct student wine(void) {
    uint64_t state = 3;
    tg_graph *g = tg_graph_new();
    tg_table t;
    cr_assert_eq(tg_read_csv(g, SOURCE "/examples/data/wine.csv", &t), TG_OK, "%s", tg_message(g));
    struct student s = new_student(t.rows, t.columns - 1);
    double *x = random_array(&state, s.n * s.d, 0, 1);
    for (size_t i = 0; i < s.n * s.d; i++) x[i] = t.data[i / s.d * t.columns + i % s.d];
    s.given[X] = x, s.given[DOUT] = random_array(&state, s.n * s.d, -0.01, 0.01);
    s.given[GAMMA] = random_array(&state, s.d, 0.5, 1.5), s.given[BETA] = random_array(&state, s.d, -0.5, 0.5);
    tg_graph_free(g);
    return s;
}

static inline struct student easy_data(uint64_t *state) {
    struct student s = new_student(4 + random_below(state, 30), 1 + random_below(state, 5));
    s.given[X] = random_array(state, s.n * s.d, -0.02, 0.03); /* so that eps matters */
    s.given[DOUT] = random_array(state, s.n * s.d, -1, 1);
    s.given[GAMMA] = random_array(state, s.d, 0.5, 1.5), s.given[BETA] = random_array(state, s.d, -0.5, -0.1);
    return s;
}

/* ---------------------------------------------------------------------------------------------------- what parts */

/* In how many of the two ways of summing something parts. */
static inline int false_alarms(struct student *s, tg_dtype dtype, const char *what, size_t number) {
    tg_graph *g = tape(s, dtype);
    int alarms = 0;
    double error;
    for (int pairwise = 0; pairwise < 2; pairwise++) {
        work_out(s, NONE, pairwise);
        const int first = first_that_parts(g, s, &error);
        if (first < STEPS)
            fprintf(stderr, "%s %zu (%zu x %zu, %s): %s parts by %g\n", what, number, s->n, s->d,
                    pairwise ? "pairwise" : "row by row", names[first], error);
        alarms += first < STEPS;
    }
    tg_graph_free(g);
    return alarms;
}

/* On a tape in f64; beside arrays in f32, on one in f32 as well. */
static inline void right_work_agrees(void) {
    uint64_t state = 2025;
    struct student s = wine();
    int alarms = false_alarms(&s, TG_F64, "wine", 0) + false_alarms(&s, DTYPE, "wine", 0);
    forget(&s);
    for (size_t i = 0; i < (is_long() ? 10000 : 250); i++) {
        s = hard_data(&state);
        alarms += false_alarms(&s, i % 4 ? TG_F64 : DTYPE, "set", i);
        forget(&s);
    }
    cr_assert_eq(alarms, 0, "%d false alarms", alarms);
}

static inline void each_mistake_in(struct student *s, const char *what) {
    tg_graph *g = tape(s, TG_F64);
    double error;
    for (int m = NONE + 1; m < MISTAKES; m++)
        for (int pairwise = 0; pairwise < 2; pairwise++) {
            work_out(s, (enum mistake)m, pairwise);
            const int first = first_that_parts(g, s, &error);
            cr_expect_eq(first, told[m].step, "%s, %s: %s is named", what, told[m].name,
                         first < STEPS ? names[first] : "nothing");
        }
    tg_graph_free(g);
}

static inline void mistakes_are_named(void) {
    uint64_t state = 77;
    struct student s = wine();
    each_mistake_in(&s, "wine");
    forget(&s);
    for (int i = 0; i < 20; i++) {
        s = easy_data(&state);
        each_mistake_in(&s, "small columns");
        forget(&s);
    }
}

#endif
