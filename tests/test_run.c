/* The interpreter: what is computed, when, and what happens when it fails. */
#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(run, .init = setup, .fini = teardown, .timeout = 60);

static tg_node input(void) { return tg_input(g, TG_F64, tg_shape0()); }

static void set(tg_node a, double v) { cr_assert_eq(tg_set(a, &v), TG_OK, "%s", tg_message(g)); }

static void run(void) { cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g)); }

static void says(tg_status status, const char *text) {
    cr_assert_eq(tg_error(g), status, "status %d: %s", tg_error(g), tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), text), "'%s' is not in: %s", text, tg_message(g));
}

/* An operator of our own: z = x + y, counting how often its kernel is called. */
static int calls;

static bool counted_shape(struct tg__rule *r) {
    r->shape = r->from[0]->shape;
    r->dtype = (tg_dtype)r->from[0]->dtype;
    return true;
}
static tg_status counted_run(struct tg__call *c) {
    calls++;
    *(double *)c->out = *(const double *)c->in[0] + *(const double *)c->in[1];
    return TG_OK;
}
static const struct tg_op counted_op = {.name = "counted", .operands = 2, .shape = counted_shape, .run = counted_run};

static tg_node counted(tg_node x, tg_node y) { return tg__apply(&counted_op, (tg_node[]){x, y}, NULL); }

/* How many kernels the next run calls. */
static int cost(void) {
    calls = 0;
    run();
    return calls;
}

/* ----------------------------------------------------------------------------------------------------- incremental */

Test(run, only_what_is_not_valid) {
    tg_node x = input(), y = input(), a = counted(x, x), b = counted(y, y), c = counted(a, b), d = counted(c, x);
    set(x, 1);
    set(y, 10);
    cr_assert_null(tg_value(a));
    cr_assert(isnan(tg_item(a, 0)));
    cr_assert_eq(cost(), 4);
    cr_assert_eq(tg_item(d, 0), 23);
    cr_assert_eq(cost(), 0);
    set(y, 20);
    cr_assert_not_null(tg_value(a), "a does not depend on y");
    cr_assert_null(tg_value(b));
    cr_assert_null(tg_value(d));
    cr_assert_eq(tg_item(y, 0), 20);
    cr_assert_eq(cost(), 3);
    cr_assert_eq(tg_item(d, 0), 43);
    set(x, 2);
    cr_assert_eq(cost(), 3);
    tg_node e = counted(d, d);
    cr_assert_eq(cost(), 1);
    cr_assert_eq(tg_item(e, 0), 92);
}

Test(run, up_to_a_node) {
    tg_node x = input(), a = counted(x, x), b = counted(a, a), c = counted(b, b);
    set(x, 1);
    calls = 0;
    cr_assert_eq(tg_run_to(b), TG_OK);
    cr_assert_eq(calls, 2);
    cr_assert_null(tg_value(c));
    cr_assert_eq(tg_next(g).id, c.id);
    set(x, 2);
    cr_assert_eq(tg_next(g).id, a.id);
    cr_assert_eq(tg_run_to(a), TG_OK);
    cr_assert_eq(calls, 3);
    cr_assert_null(tg_value(b), "the old value of b is not to be read");
    cr_assert_eq(cost(), 2);
    cr_assert_eq(tg_item(c, 0), 16);
}

Test(run, step_by_step) {
    tg_node x = input(), a = counted(x, x), y = input(), b = counted(a, y);
    set(x, 1);
    set(y, 5);
    cr_assert_eq(tg_next(g).id, a.id);
    cr_assert_eq(tg_step(g), TG_OK);
    cr_assert_eq(tg_item(a, 0), 2);
    cr_assert_eq(tg_next(g).id, b.id);
    cr_assert_eq(tg_step(g), TG_OK);
    cr_assert_eq(tg_item(b, 0), 7);
    cr_assert(tg_is_nil(tg_next(g)));
    cr_assert_eq(tg_step(g), TG_OK);
    set(y, 6);
    cr_assert_eq(tg_next(g).id, b.id);
    calls = 0;
    cr_assert_eq(tg_step(g), TG_OK);
    cr_assert_eq(calls, 1);
    cr_assert(tg_is_nil(tg_next(g)));
    tg_node c = counted(b, b);
    cr_assert_eq(tg_next(g).id, c.id);
}

/* Random programs, random settings, random ways of running: what is valid is always what a fresh run would give. */
Test(run, never_stale) {
    enum { NODES = 60 };
    uint64_t state = 99;
    for (int trial = 0; trial < 300; trial++) {
        tg_graph_free(g);
        g = tg_graph_new();
        tg_node node[NODES] = {input()};
        double truth[NODES] = {0}, lent[NODES];
        set(node[0], 0);
        size_t length = 1;
        for (int turn = 0; turn < 120; turn++) {
            const size_t some = random_below(&state, length), other = random_below(&state, length);
            const bool leaf = tg_is_nil(tg_operand(node[some], 0));
            const double v = random_between(&state, -1, 1);
            switch (random_below(&state, 8)) {
            case 0: cr_assert_eq(tg_run_to(node[some]), TG_OK); break;
            case 1: cr_assert_eq(tg_step(g), TG_OK); break;
            case 2: run(); break;
            case 3:
            case 4:
                if (length == NODES) break;
                node[length] = v > 0.5 ? input() : v > 0 ? tg_identity(node[some]) : tg_sub(node[some], node[other]);
                if (v > 0.5) set(node[length], truth[length] = v);
                length++;
                break;
            case 5:
                if (!leaf) break;
                lent[some] = truth[some] = v;
                cr_assert_eq(tg_bind(node[some], &lent[some]), TG_OK);
                break;
            default:
                if (leaf) set(node[some], truth[some] = v);
            }
            for (size_t i = 0; i < length; i++) {
                const tg_node x = tg_operand(node[i], 0), y = tg_operand(node[i], 1);
                if (!tg_is_nil(x)) truth[i] = truth[x.id - 1] - (tg_is_nil(y) ? 0 : truth[y.id - 1]);
                if (turn % 3) continue; /* to read is to settle: several things happen in between */
                const double *value = tg_value(node[i]);
                if (value) cr_assert_eq(*value, truth[i], "trial %d, turn %d, node %zu", trial, turn, i);
            }
        }
        run();
        for (size_t i = 0; i < length; i++) cr_assert_eq(tg_item(node[i], 0), truth[i]);
    }
}

/* ------------------------------------------------------------------------------------------------- leaves' values */

Test(run, set_copies_and_bind_borrows) {
    tg_node x = tg_param(g, TG_F64, tg_shape1(2)), z = tg_sum(x, tg_axes_all());
    double data[] = {1, 2};
    cr_assert_eq(tg_set(x, data), TG_OK);
    data[0] = 100;
    run();
    cr_assert_eq(tg_item(z, 0), 3);
    cr_assert_eq(tg_bind(x, data), TG_OK);
    run();
    cr_assert_eq(tg_item(z, 0), 102);
    data[1] = 7; /* seen without another word */
    run();
    cr_assert_eq(tg_item(z, 0), 107);
    cr_assert_eq(tg_value(x), (const void *)data);
    cr_assert_eq(tg_set(x, data), TG_OK);
    data[1] = 8;
    run();
    cr_assert_eq(tg_item(z, 0), 107);
    cr_assert_eq(tg_set(x, tg_value(x)), TG_OK, "its own value");
    run();
    cr_assert_eq(tg_item(z, 0), 107);
}

Test(run, a_view_follows_its_operand) {
    tg_node x = tg_input(g, TG_F64, tg_shape1(2)), v = tg_reshape(tg_identity(x), tg_shape2(2, 1));
    double data[2][2] = {{1, 2}, {3, 4}};
    for (int turn = 0; turn < 4; turn++) {
        cr_assert_eq(turn % 2 ? tg_bind(x, data[turn / 2]) : tg_set(x, data[turn / 2]), TG_OK);
        cr_assert_null(tg_value(v));
        run();
        cr_assert_eq(tg_value(v), tg_value(x));
        cr_assert_eq(tg_item(v, 1), data[turn / 2][1]);
    }
    tg_mark m = tg_mark_now(g);
    tg_node y = tg_input(g, TG_F64, tg_shape1(2));
    cr_assert_eq(tg_bind(y, data[0]), TG_OK);
    run();
    cr_assert_eq(tg_rewind(g, m), TG_OK); /* a lent leaf goes */
    run();
}

Test(run, a_leaf_without_value) {
    TG_LET(x, input());
    TG_LET(y, input());
    TG_LET(z, tg_add(x, y));
    set(x, 1);
    cr_assert_eq(tg_run(g), TG_VALUE);
    says(TG_VALUE, "add 'z': 'y' from test_run.c:");
    says(TG_VALUE, " has no value: tg_set or tg_bind it before a run\n  at test_run.c:");
    cr_assert_eq(tg_step(g), TG_VALUE);
    cr_assert_null(tg_value(z));
    set(y, 2);
    cr_assert_eq(tg_error(g), TG_OK);
    run();
    cr_assert_eq(tg_item(z, 0), 3);
}

Test(run, what_cannot_be_set) {
    tg_node x = input(), c = tg_scalar(g, TG_F64, 1), z = tg_add(x, c);
    cr_assert_eq(tg_set(c, &(double){2}), TG_ARGUMENT);
    says(TG_ARGUMENT, "set: 1 is no input or param");
    cr_assert_eq(tg_bind(z, &(double){2}), TG_ARGUMENT);
    cr_assert_eq(tg_set(x, NULL), TG_ARGUMENT);
    says(TG_ARGUMENT, "set: data for #1 (input) is NULL");
    cr_assert_eq(tg_set(tg_nil(g), &(double){2}), TG_HANDLE);
    says(TG_HANDLE, "set: the handle is nil");
    set(x, 2);
    run();
    cr_assert_eq(tg_item(z, 0), 3);
    cr_assert_eq(tg_item(c, 0), 1);
}

/* -------------------------------------------------------------------------------------------------- failed runs */

Test(run, a_label_out_of_range_can_be_mended) {
    TG_LET(x, tg_input(g, TG_F32, tg_shape2(3, 2)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(3)));
    TG_LET(picked, tg_gather(x, label));
    TG_LET(spread, tg_scatter(picked, label, 2));
    TG_LET(twice, tg_add(spread, spread));
    cr_assert_eq(tg_set(x, (float[]){1, 2, 3, 4, 5, 6}), TG_OK);
    const int32_t bad[][3] = {{0, 2, 0}, {-1, 0, 0}, {0, 0, INT32_MAX}, {0, 0, INT32_MIN}};
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(tg_set(label, bad[i]), TG_OK);
        cr_assert_eq(tg_run(g), TG_VALUE);
        says(TG_VALUE, i ? "is outside 0 to 1" : "gather 'picked': 'label'[1] = 2 is outside 0 to 1");
        cr_assert_null(tg_value(picked));
        cr_assert_null(tg_value(twice));
        cr_assert_not(tg_is_nil(tg_neg(x)), "a run error does not stop building");
    }
    cr_assert_eq(tg_set(label, (int32_t[]){1, 0, 1}), TG_OK);
    run();
    const double want[] = {0, 4, 6, 0, 0, 12};
    for (size_t i = 0; i < 6; i++) cr_assert_eq(tg_item(twice, i), want[i]);
}

Test(run, leaves_never_change) {
    uint64_t state = 3;
    double *data = random_array(&state, 12, 0.5, 2);
    tg_node x = tg_param(g, TG_F64, tg_shape2(4, 3)), gamma = tg_param(g, TG_F64, tg_shape1(3));
    tg_node out = tg_batchnorm(x, gamma, gamma, tg_axis(0), 1e-5, NULL);
    tg_grads d = tg_backward(tg_sum(tg_square(out), tg_axes_all()), tg_nil(g));
    cr_assert_eq(tg_set(x, data), TG_OK);
    cr_assert_eq(tg_set(gamma, data), TG_OK);
    run();
    cr_assert_not_null(tg_value(tg_grad(d, gamma)));
    cr_assert_eq(memcmp(tg_value(x), data, 12 * sizeof *data), 0);
    cr_assert_eq(memcmp(tg_value(gamma), data, 3 * sizeof *data), 0);
    free(data);
}
