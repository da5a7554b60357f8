/* Batch normalization out of seven primitives: every stage forward, every gradient back, by name, by number and by
 * value, against the staged formulas worked out here column by column in long double. */
#include "support.h"

#include <criterion/criterion.h>

TestSuite(batchnorm, .timeout = 300);

/* In the order in which they are worked out. step: where each is in the textbook's staging, 1 to 9 and 9 to 0. */
#define STAGES(S)                                                                                                      \
    S(mu, 1) S(xmu, 2) S(sq, 3) S(var, 4) S(sqrtvar, 5) S(ivar, 6) S(xhat, 7) S(gammax, 8) S(out, 9)                   \
    S(dbeta, 9) S(dgammax, 9) S(dgamma, 8) S(dxhat, 8) S(divar, 7) S(dxmu1, 7) S(dsqrtvar, 6) S(dvar, 5) S(dsq, 4)     \
    S(dxmu2, 3) S(dxmu, 2) S(dx1, 2) S(dmu, 2) S(dx2, 1) S(dx, 0)

typedef long double real;

/* One number of each stage, or its scale: the outermost operation on absolute values, where scaling passes the scale of
 * what is scaled on. */
struct stages {
#define MEMBER(name, step) real name;
    STAGES(MEMBER)
};

static const struct {
    const char *name;
    size_t at;
    int step;
} stages[] = {
#define ROW(name, step) {#name, offsetof(struct stages, name), step},
    STAGES(ROW)};

enum { COUNT = sizeof stages / sizeof *stages };

static double part(const struct stages *s, size_t k) { return (double)*(const real *)((const char *)s + stages[k].at); }

/* ------------------------------------------------------------------------------------------------------ the problem
 * Data laid out [outer, columns, inner]; row r of a column is its element (r / inner, r % inner). */

struct problem {
    tg_shape shape;
    tg_axes axes;
    size_t outer, columns, inner, rows, size;
    double *x, *gamma, *beta, *dout, eps;
};

static size_t place(const struct problem *p, size_t row, size_t column) {
    return (row / p->inner * p->columns + column) * p->inner + row % p->inner;
}

static double *as(tg_dtype dtype, double *a, size_t n) { /* the numbers that a leaf of the dtype holds */
    for (size_t i = 0; i < n && dtype == TG_F32; i++) a[i] = (float)a[i];
    return a;
}

static struct problem problem_of(tg_dtype dtype, size_t outer, size_t columns, size_t inner, uint64_t *state) {
    struct problem p = {.outer = outer, .columns = columns, .inner = inner, .rows = outer * inner, .eps = 1e-5};
    p.size = p.rows * columns;
    p.shape = tg_shape2((int64_t)outer, (int64_t)columns);
    p.axes = tg_axis(0);
    p.x = as(dtype, random_array(state, p.size, -3, 3), p.size);
    p.dout = as(dtype, random_array(state, p.size, -1, 1), p.size);
    p.gamma = as(dtype, random_array(state, columns, 0.5, 2), columns);
    p.beta = as(dtype, random_array(state, columns, -1, 1), columns);
    return p;
}

static void drop(struct problem *p) {
    free(p->x);
    free(p->dout);
    free(p->gamma);
    free(p->beta);
}

/* One column: v[row] the values, a[row] the scales. What a column has only one of is repeated in every row. */
static void work_out(const struct problem *p, size_t c, struct stages *v, struct stages *a) {
    const size_t n = p->rows;
    const real gamma = p->gamma[c], beta = p->beta[c], eps = p->eps;
    struct stages s = {0}, t = {0};
    for (size_t r = 0; r < n; r++) s.mu += p->x[place(p, r, c)] / (real)n, t.mu += fabs(p->x[place(p, r, c)]) / (real)n;
    for (size_t r = 0; r < n; r++) s.var += powl(p->x[place(p, r, c)] - s.mu, 2) / (real)n;
    s.sqrtvar = sqrtl(s.var + eps);
    s.ivar = 1 / s.sqrtvar;
    for (size_t r = 0; r < n; r++) {
        const real x = p->x[place(p, r, c)], dout = p->dout[place(p, r, c)], xmu = x - s.mu, xhat = xmu * s.ivar;
        s.dbeta += dout, t.dbeta += fabsl(dout);
        s.dgamma += dout * xhat, t.dgamma += fabsl(dout * xhat);
        s.divar += dout * gamma * xmu, t.divar += fabsl(dout * gamma * xmu);
    }
    s.dsqrtvar = -s.divar / powl(s.sqrtvar, 2), t.dsqrtvar = t.divar / powl(s.sqrtvar, 2);
    s.dvar = s.dsqrtvar / (2 * s.sqrtvar), t.dvar = t.dsqrtvar / (2 * s.sqrtvar);
    s.dsq = s.dvar / (real)n, t.dsq = t.dvar / (real)n;
    t.var = s.var, t.sqrtvar = s.sqrtvar, t.ivar = s.ivar;
    for (size_t r = 0; r < n; r++) {
        const real x = p->x[place(p, r, c)], xmu = x - s.mu, dxhat = p->dout[place(p, r, c)] * gamma;
        s.dmu -= dxhat * s.ivar + 2 * xmu * s.dsq, t.dmu += fabsl(dxhat * s.ivar) + fabsl(2 * xmu) * t.dsq;
    }
    s.dx2 = s.dmu / (real)n, t.dx2 = t.dmu / (real)n;
    for (size_t r = 0; r < n; r++) {
        const real x = p->x[place(p, r, c)];
        s.xmu = x - s.mu, t.xmu = fabsl(x) + fabsl(s.mu);
        s.sq = s.xmu * s.xmu, t.sq = s.sq;
        s.xhat = s.xmu * s.ivar, t.xhat = t.xmu * s.ivar;
        s.gammax = gamma * s.xhat, t.gammax = fabsl(gamma) * t.xhat;
        s.out = s.gammax + beta, t.out = fabsl(s.gammax) + fabsl(beta);
        s.dgammax = t.dgammax = p->dout[place(p, r, c)];
        s.dxhat = t.dxhat = s.dgammax * gamma;
        s.dxmu1 = t.dxmu1 = s.dxhat * s.ivar;
        s.dxmu2 = 2 * s.xmu * s.dsq, t.dxmu2 = fabsl(2 * s.xmu) * t.dsq;
        s.dx1 = s.dxmu = s.dxmu1 + s.dxmu2, t.dx1 = t.dxmu = fabsl(s.dxmu1) + t.dxmu2;
        s.dx = s.dx1 + s.dx2, t.dx = fabsl(s.dx1) + t.dx2;
        v[r] = s;
        a[r] = t;
    }
}

/* -------------------------------------------------------------------------------------------------------- the tape */

struct tape {
    tg_graph *g;
    tg_node x, gamma, beta, dout, out;
    tg_grads d;
};

static tg_node by_hand(tg_node x, tg_node gamma, tg_node beta, double eps) {
    tg_graph *g = x.graph;
    tg_node share = tg_scalar_like(x, 1 / (double)tg_dims(x).dim[0]);
    TG_LET(mu, tg_mul(share, tg_sum(x, tg_axis(0))));
    TG_LET(xmu, tg_sub(x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(share, tg_sum(sq, tg_axis(0))));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, tg_scalar_like(x, eps))));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, ivar));
    TG_LET(gammax, tg_mul(gamma, xhat));
    TG_LET(out, tg_add(gammax, beta));
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    return out;
}

static struct tape tape_of(const struct problem *p, tg_dtype dtype, bool hand, const char *scope) {
    struct tape t = {.g = tg_graph_new()};
    const tg_shape statistic = tg_shape1((int64_t)p->columns);
    TG_LET(x, tg_input(t.g, dtype, p->shape));
    TG_LET(gamma, tg_param(t.g, dtype, statistic));
    TG_LET(beta, tg_param(t.g, dtype, statistic));
    TG_LET(dout, tg_input(t.g, dtype, p->shape));
    t.x = x, t.gamma = gamma, t.beta = beta, t.dout = dout;
    t.out = hand ? by_hand(x, gamma, beta, p->eps) : tg_batchnorm(x, gamma, beta, p->axes, p->eps, scope);
    t.d = tg_backward(t.out, dout);
    cr_assert_eq(set_doubles(x, p->x) | set_doubles(gamma, p->gamma) | set_doubles(beta, p->beta), TG_OK);
    cr_assert_eq(set_doubles(dout, p->dout), TG_OK);
    cr_assert_eq(tg_run(t.g), TG_OK, "%s", tg_message(t.g));
    return t;
}

/* Stage k as [rows, columns], or as one row of columns; returns how many elements. */
static size_t read(const struct problem *p, const struct tape *t, size_t k, const char *scope, double *values) {
    char name[40];
    snprintf(name, sizeof name, "%s%s", scope, stages[k].name);
    tg_node a = tg_find(t->g, name);
    cr_assert_not(tg_is_nil(a), "nothing is called %s", name);
    cr_assert_not_null(tg_value(a), "%s has no value", name);
    const bool full = tg_size(a) == p->size && tg_dims(a).rank == p->shape.rank;
    cr_assert(full || tg_size(a) == p->columns, "%s has the wrong size", name);
    for (size_t i = 0; i < tg_size(a); i++)
        values[i] = tg_item(a, full ? place(p, i / p->columns, i % p->columns) : i);
    return tg_size(a);
}

static void check_values(const struct problem *p, const struct tape *t, const char *scope, double tolerance) {
    struct stages *v = malloc(p->size * sizeof *v), *a = malloc(p->size * sizeof *a); /* a column after the other */
    for (size_t c = 0; c < p->columns; c++) work_out(p, c, v + c * p->rows, a + c * p->rows);
    double *ours = malloc(p->size * sizeof *ours), *want = malloc(p->size * sizeof *want);
    double *scale = malloc(p->size * sizeof *scale);
    for (size_t k = 0; k < COUNT; k++) {
        size_t n = read(p, t, k, scope, ours);
        for (size_t i = 0; i < n; i++) {
            size_t at = i % p->columns * p->rows + i / p->columns;
            want[i] = part(v + at, k);
            scale[i] = part(a + at, k);
        }
        double error = column_error(ours, want, scale, n, p->columns, 0);
        cr_assert_leq(error, tolerance, "%s of %zu rows, %zu columns is off by %g of its scale", stages[k].name,
                      p->rows, p->columns, error);
        if (strcmp(stages[k].name, "dx") != 0 || p->rows < 3) continue;
        for (size_t c = 0; c < p->columns; c++) { /* each column by itself must see that nothing came */
            for (size_t r = 0; r < p->rows; r++) ours[r] = 0, want[r] = part(v + c * p->rows + r, k);
            for (size_t r = 0; r < p->rows; r++) scale[r] = part(a + c * p->rows + r, k);
            cr_assert_gt(column_error(ours, want, scale, p->rows, 1, 0), 1e-3, "an all-zero dx passes");
        }
    }
    free(v);
    free(a);
    free(ours);
    free(want);
    free(scale);
}

/* Each name has the step of the textbook; dxmu and dx1 are one node, dgammax and the seed too. */
static void check_steps(const struct tape *t, const char *scope) {
    char name[40];
    for (size_t k = 0; k < COUNT; k++) {
        int found = -2;
        snprintf(name, sizeof name, "%s%s", scope, stages[k].name);
        for (size_t i = 0; i < tg_moments(t->g); i++) {
            tg_moment m = tg_moment_at(t->g, i);
            if (m.kind == TG_NAMED && strcmp(m.name, name) == 0) found = m.stage;
        }
        cr_assert_eq(found, stages[k].step, "%s is in step %d, not %d", name, found, stages[k].step);
    }
    cr_assert_eq(tg_find(t->g, "dgammax").id, *scope ? 0 : t->dout.id);
    snprintf(name, sizeof name, "%sdxmu", scope);
    tg_node dxmu = tg_find(t->g, name);
    snprintf(name, sizeof name, "%sdx1", scope);
    cr_assert_eq(tg_find(t->g, name).id, dxmu.id);
}

static void check(struct problem *p, tg_dtype dtype) {
    static const char *const scopes[] = {NULL, NULL, "bn1"}, *const prefixes[] = {"", "", "bn1/"};
    for (int way = p->shape.rank == 2 && p->axes.axis[0] == 0 ? 0 : 1; way < 3; way++) {
        struct tape t = tape_of(p, dtype, way == 0, scopes[way]);
        check_steps(&t, prefixes[way]);
        check_values(p, &t, prefixes[way], dtype == TG_F64 ? 1e-12 : 2e-5);
        cr_assert_eq(tg_find(t.g, "dx").id, tg_grad(t.d, t.x).id);
        tg_graph_free(t.g);
    }
}

Test(batchnorm, every_stage_and_gradient) {
    static const size_t shapes[][2] = {{1, 1}, {1, 7}, {9, 1}, {4, 5}, {178, 13}, {200, 3}, {SANITIZED ? 1100 : 4096, 64}};
    uint64_t state = 1789;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
            struct problem p = problem_of(dtype, shapes[i][0], shapes[i][1], 1, &state);
            check(&p, dtype);
            drop(&p);
        }
}

Test(batchnorm, images_and_rows) {
    uint64_t state = 31;
    struct problem image = problem_of(TG_F64, 3, 4, 30, &state); /* N C H W over N, H and W */
    image.shape = tg_shape4(3, 4, 5, 6);
    image.axes = tg_axes3(0, 2, -1);
    check(&image, TG_F64);
    drop(&image);
    struct problem row = problem_of(TG_F64, 1, 6, 9, &state); /* [N, D] over D: every row a column of its own */
    row.shape = tg_shape2(6, 9);
    row.axes = tg_axis(1);
    check(&row, TG_F64);
    drop(&row);
    struct problem first = problem_of(TG_F64, 1, 5, 8, &state);
    first.shape = tg_shape3(5, 2, 4);
    first.axes = tg_axes2(-1, 1);
    check(&first, TG_F64);
    drop(&first);
}
