/* First divergence: the order of the rows, what parts and what does not, on data that is hard on rounding. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

static tg_graph *g;
static struct heap heap;
static void setup(void) { g = tg_graph_new_with(heap_allocator(&heap)); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(diverge, .init = setup, .fini = teardown, .timeout = 120);

static const char *const names[] = {"mu", "var", "ivar", "xhat", "out", "dbeta", "dgamma", "dx"};
enum { MU, VAR, IVAR, XHAT, OUT, DBETA, DGAMMA, DX, COUNT };

/* ------------------------------------------------------------------------------ batch normalization by its textbook */

struct student {
    size_t n, d;
    double *x, *gamma, *beta, *dout, *v[COUNT];
    bool forgets_dmu;
};

static void work_out(const struct student *s, size_t k) {
    const double n = (double)s->n;
    double mu = 0, var = 0, dbeta = 0, dgamma = 0;
    for (size_t i = k; i < s->n * s->d; i += s->d) mu += s->x[i] / n;
    for (size_t i = k; i < s->n * s->d; i += s->d) var += (s->x[i] - mu) * (s->x[i] - mu) / n;
    const double ivar = 1 / sqrt(var + 1e-5);
    for (size_t i = k; i < s->n * s->d; i += s->d) {
        s->v[XHAT][i] = (s->x[i] - mu) * ivar;
        s->v[OUT][i] = s->gamma[k] * s->v[XHAT][i] + s->beta[k];
        dbeta += s->dout[i];
        dgamma += s->dout[i] * s->v[XHAT][i];
    }
    for (size_t i = k; i < s->n * s->d; i += s->d)
        s->v[DX][i] = s->gamma[k] * ivar * (s->dout[i] - (s->forgets_dmu ? 0 : dbeta / n) - s->v[XHAT][i] * dgamma / n);
    s->v[MU][k] = mu, s->v[VAR][k] = var, s->v[IVAR][k] = ivar, s->v[DBETA][k] = dbeta, s->v[DGAMMA][k] = dgamma;
}

static void compute(const struct student *s) {
    for (size_t k = 0; k < s->d; k++) work_out(s, k);
}

static struct student new_student(size_t n, size_t d) {
    uint64_t state = 11;
    struct student s = {.n = n, .d = d};
    s.x = random_array(&state, n * d, -1, 1);
    s.gamma = random_array(&state, d, 0.5, 1.5);
    s.beta = random_array(&state, d, -0.5, 0.5);
    s.dout = random_array(&state, n * d, -1, 1);
    for (int i = 0; i < COUNT; i++) s.v[i] = calloc(n * d, sizeof(double));
    return s;
}

static void forget(struct student *s) {
    for (int i = 0; i < COUNT; i++) free(s->v[i]);
    free(s->x), free(s->gamma), free(s->beta), free(s->dout);
}

static void build(const struct student *s) {
    const tg_shape shape = tg_shape2((int64_t)s->n, (int64_t)s->d);
    TG_LET(dout, tg_input(g, TG_F64, shape));
    TG_LET(x, tg_input(g, TG_F64, shape));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1((int64_t)s->d)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1((int64_t)s->d)));
    tg_node out = tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, NULL);
    tg_backward(out, dout);
    cr_assert(!tg_set(x, s->x) && !tg_set(gamma, s->gamma) && !tg_set(beta, s->beta) && !tg_set(dout, s->dout));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
}

static tg_array array(const char *name, const double *data) {
    tg_node a = tg_find(g, name);
    return (tg_array){name, TG_F64, tg_dims(a), data};
}

static size_t lay(const struct student *s, tg_difference *rows) {
    tg_array others[COUNT];
    size_t first = 99;
    compute(s);
    for (int i = 0; i < COUNT; i++) others[i] = array(names[i], s->v[i]);
    cr_assert_eq(tg_diverge(g, others, COUNT, 1e-12, rows, &first), TG_OK, "%s", tg_message(g));
    return first;
}

static void agree(const struct student *s) {
    tg_difference rows[COUNT];
    const size_t first = lay(s, rows);
    cr_assert_eq(first, (size_t)COUNT, "%s parts: %g", rows[first % COUNT].name, rows[first % COUNT].error);
}

static void dx_parts_in(const struct student *s, size_t column) {
    tg_array dx = array("dx", s->v[DX]);
    tg_difference row;
    size_t first;
    cr_assert_eq(tg_diverge(g, &dx, 1, 1e-12, &row, &first), TG_OK, "%s", tg_message(g));
    cr_assert(first == 0 && row.parts && row.index % s->d == column, "column %zu: error %g", column, row.error);
}

static void zeros_part(const struct student *s, size_t column) {
    compute(s);
    for (size_t i = column; i < s->n * s->d; i += s->d) s->v[DX][i] = 0;
    dx_parts_in(s, column);
}

/* ------------------------------------------------------------------------------------------------- what parts where */

Test(diverge, hard_columns) {
    struct student s = new_student(200, 5);
    for (size_t i = 0; i < s.n; i++) {
        s.x[i * 5 + 1] += 1e8;
        s.x[i * 5 + 2] = 0.1;
        s.x[i * 5 + 3] *= 1e-9;
        s.dout[i * 5 + 4] *= 1e-9;
    }
    (void)tg_input(g, TG_F64, tg_shape0()); /* has no value, and nobody asks for it */
    build(&s);
    agree(&s);
    tg_difference rows[COUNT];
    s.forgets_dmu = true;
    cr_assert_eq(lay(&s, rows), (size_t)DX, "none of the others parts");
    s.forgets_dmu = false;
    for (size_t k = 0; k < s.d; k++) { /* in one column only */
        compute(&s);
        s.forgets_dmu = true;
        work_out(&s, k);
        s.forgets_dmu = false;
        dx_parts_in(&s, k);
        zeros_part(&s, k);
    }
    forget(&s);
}

Test(diverge, zero_dx_on_wine) {
    tg_table t;
    cr_assert_eq(tg_read_csv(g, SOURCE "/examples/data/wine.csv", &t), TG_OK, "%s", tg_message(g));
    struct student s = new_student(t.rows, t.columns - 1);
    for (size_t i = 0; i < s.n * s.d; i++) s.x[i] = t.data[i / s.d * t.columns + i % s.d];
    build(&s);
    agree(&s);
    for (size_t k = 0; k < s.d; k++) zeros_part(&s, k);
    forget(&s);
}

/* ----------------------------------------------------------------------------------------------------------- order */

static void order_is(const char *const *want, size_t count, uint64_t seed) {
    tg_array others[16];
    tg_difference rows[16];
    size_t first;
    for (size_t i = 0; i < count; i++) others[i] = array(want[i], tg_value(tg_find(g, want[i])));
    for (size_t i = count; i > 1; i--) {
        const size_t k = random_below(&seed, i);
        tg_array a = others[i - 1];
        others[i - 1] = others[k];
        others[k] = a;
    }
    cr_assert_eq(tg_diverge(g, others, count, 0, rows, &first), TG_OK, "%s", tg_message(g));
    cr_assert_eq(first, count);
    for (size_t i = 0; i < count; i++) cr_assert_str_eq(rows[i].name, want[i], "row %zu", i);
}

/* Forward and then backward, along the tape: an inner stage 1 that comes later in time comes later here. */
Test(diverge, order) {
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(4, 2)));
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 2)));
    TG_LET(gamma, tg_input(g, TG_F64, tg_shape1(2)));
    tg_node hidden = tg_batchnorm(x, gamma, gamma, tg_axis(0), 1e-5, "b");
    TG_LET(out, tg_batchnorm(tg_relu(hidden), gamma, gamma, tg_axis(0), 1e-5, "a"));
    tg_grads d = tg_backward(out, dout);
    TG_LET(next, tg_sub(x, tg_grad(d, x)));
    cr_assert(!tg_set(x, (double[]){1, 2, 3, 5, 8, 13, 21, 34}) && !tg_set(gamma, (double[]){1, 2}));
    cr_assert(!tg_set(dout, (double[]){1, 0, 2, 3, -1, 4, 0, 1}) && !tg_run(g), "%s", tg_message(g));
    static const char *const want[] = {"x",         "b/mu",    "b/xhat", "b/out",   "a/mu",  "a/xhat", "out", "dout",
                                       "a/dgammax", "a/dxhat", "a/dx",   "b/dxhat", "b/dmu", "dx",     "next"};
    for (uint64_t seed = 1; seed < 20; seed++) order_is(want, sizeof want / sizeof *want, seed);

    double wrong[8] = {0};
    tg_difference rows[3];
    size_t first;
    tg_array others[] = {array("a/mu", wrong), array("b/xhat", wrong), array("dx", wrong)};
    cr_assert_eq(tg_diverge(g, others, 3, 1e-12, rows, &first), TG_OK);
    cr_assert(first == 0 && rows[1].parts && rows[2].parts);
    cr_assert_str_eq(rows[0].name, "b/xhat", "and not what was made of it");
}

/* ------------------------------------------------------------------------------------------------------- what fails */

static void refuses(tg_array a, tg_status status, const char *says) {
    tg_difference row;
    size_t first;
    cr_expect_eq(tg_diverge(g, &a, 1, 1e-12, &row, &first), status, "%s", tg_message(g));
    cr_expect_eq(strncmp(tg_message(g), says, strlen(says)), 0, "%s", tg_message(g)); /* then where */
}

Test(diverge, refusals) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(y, tg_exp(x));
    const double v[2] = {0};
    size_t first = 7;
    cr_expect(!tg_diverge(g, NULL, 0, 1e-12, NULL, &first) && first == 0, "%s", tg_message(g));
    refuses((tg_array){"z", TG_F64, tg_shape1(2), v}, TG_NAME, "diverge: no node is named 'z'");
    refuses((tg_array){NULL, TG_F64, tg_shape1(2), v}, TG_NAME, "diverge: no node is named ''");
    refuses((tg_array){"\033[31m\n", TG_F64, tg_shape1(2), v}, TG_NAME, "diverge: no node is named '?[31m?'");
    refuses((tg_array){"y", TG_F64, tg_shape1(2), v}, TG_VALUE,
            "diverge: 'x' has no value: tg_set or tg_bind it first");
    cr_assert_eq(tg_set(x, v), TG_OK);
    refuses((tg_array){"y", TG_F64, tg_shape1(2), v}, TG_VALUE, "compare: 'y' has no value: run the graph first");
    cr_assert_eq(tg_run(g), TG_OK);
    refuses((tg_array){"y", TG_F64, {9, {2}}, v}, TG_SHAPE, "compare: rank 9 is outside 0 to 8");
    cr_expect_eq(tg_diverge(NULL, NULL, 0, 1, NULL, &first), TG_HANDLE);
    tg_fail(g, TG_ARGUMENT, "pending");
    refuses((tg_array){"y", TG_F64, tg_shape1(2), v}, TG_ARGUMENT, "pending");
}

/* Each allocation fails in turn, alone or with all behind it; nothing in the graph moves, a second try is right. */
Test(diverge, out_of_memory) {
    struct student s = new_student(6, 2);
    build(&s);
    tg_difference want[COUNT], rows[COUNT];
    cr_assert_eq(lay(&s, want), (size_t)COUNT);
    const size_t live = heap.live, blocks = heap.blocks;
    double *before = doubles_of(tg_find(g, "dx"));
    size_t points = 0;
    for (size_t point = 1;; point++) {
        tg_array others[COUNT];
        size_t first;
        for (int i = 0; i < COUNT; i++) others[i] = array(names[i], s.v[i]);
        heap.calls = 0;
        heap.fail_at = point;
        heap.onward = false;
        tg_status status = tg_diverge(g, others, COUNT, 1e-12, rows, &first);
        points = heap.calls;
        cr_assert_eq(status, points >= heap.fail_at ? TG_MEMORY : TG_OK, "point %zu: %s", heap.fail_at, tg_message(g));
        heap.onward = true;
        heap.calls = 0;
        cr_assert_eq(tg_diverge(g, others, COUNT, 1e-12, rows, &first), status, "%s", tg_message(g));
        cr_assert_eq(tg_error(g), status);
        cr_assert(!status || strstr(tg_message(g), "out of memory"), "%s", tg_message(g));
        heap.fail_at = 0;
        cr_assert(heap.live == live && heap.blocks == blocks && heap.wrong == 0, "point %zu leaks", point);
        cr_assert(memcmp(tg_value(tg_find(g, "dx")), before, 12 * sizeof *before) == 0);
        cr_assert_eq(lay(&s, rows), (size_t)COUNT);
        for (int i = 0; i < COUNT; i++) cr_assert(rows[i].error == want[i].error && rows[i].index == want[i].index);
        if (!status) break;
    }
    cr_assert_gt(points, 30);
    free(before);
    forget(&s);
}
