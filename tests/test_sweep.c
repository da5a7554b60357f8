/* Sweeps upon sweeps: several on one tape, from any node, and of what other sweeps have written. */
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(sweep, .init = setup, .fini = teardown, .timeout = 60);

static tg_node input(void) { return tg_input(g, TG_F64, tg_shape0()); }

static double run(tg_node a) {
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    return tg_item(a, 0);
}

static void set(tg_node a, double v) { cr_assert_eq(tg_set(a, &v), TG_OK, "%s", tg_message(g)); }

Test(sweep, derivatives_of_derivatives) {
    TG_LET(x, input());
    TG_LET(p, tg_mul(tg_square(tg_square(x)), tg_exp(x))); /* x^4 e^x */
    tg_node d = p;
    const double c[][5] = {{0, 0, 0, 0, 1}, {0, 0, 0, 4, 1}, {0, 0, 12, 8, 1}, {0, 24, 36, 12, 1}, {24, 96, 72, 16, 1}};
    for (int order = 0; order < 5; order++) {
        for (double at = -1.5; at < 2; at += 0.5) {
            set(x, at);
            double want = 0;
            for (int i = 4; i >= 0; i--) want = want * at + c[order][i];
            want *= exp(at);
            cr_assert_leq(fabs(run(d) - want), 1e-13 * (1 + fabs(want)) * pow(10, order), "order %d at %g", order, at);
        }
        d = tg_grad(tg_backward(d, tg_nil(g)), x);
    }
    cr_assert_eq(tg_find(g, "s3/dx").id, tg_grad((tg_grads){g, 3, 1}, x).id);
}

Test(sweep, several_sweeps_and_inner_nodes) {
    TG_LET(x, input());
    TG_LET(u, tg_square(x));
    TG_LET(v, tg_exp(u));
    TG_LET(w, tg_mul(u, v));
    tg_grads dv = tg_backward(v, tg_nil(g)), dw = tg_backward(w, tg_nil(g));
    tg_grads du = tg_backward(u, tg_scalar(g, TG_F64, 3));
    set(x, 0.5);
    double e = exp(0.25);
    cr_assert_leq(fabs(run(tg_grad(dv, u)) - e), 1e-15);
    cr_assert_leq(fabs(run(tg_grad(dw, u)) - 1.25 * e), 1e-15);
    cr_assert_leq(fabs(run(tg_grad(dw, v)) - 0.25), 1e-15);
    cr_assert_eq(run(tg_grad(du, x)), 3);
    cr_assert_eq(run(tg_grad(dw, w)), 1);
    cr_assert_not(tg_has_grad(dv, w));
    cr_assert_eq(tg_find(g, "s2/du").id, tg_grad(dw, u).id);
    tg_grads of_adjoint = tg_backward(tg_grad(dw, u), tg_nil(g)); /* d(v + u v)/dx = 2x e^u (2 + u) */
    cr_assert_leq(fabs(run(tg_grad(of_adjoint, x)) - 2.25 * e), 1e-14);
}

/* An operand twice, and a thousand consumers: every path counts once. */
Test(sweep, fan_out) {
    TG_LET(x, input());
    tg_node sum = tg_mul(x, x);
    for (int i = 0; i < 1000; i++) sum = tg_add(sum, tg_mul(x, tg_scalar(g, TG_F64, i)));
    tg_grads d = tg_backward(sum, tg_nil(g));
    set(x, 3);
    cr_assert_eq(run(tg_grad(d, x)), 6 + 999 * 1000 / 2);
    static tg_term terms[1002];
    cr_assert_eq(tg_grad_terms(d, x, NULL, 0), 1002);
    cr_assert_eq(tg_grad_terms(d, x, terms, 1002), 1002);
    cr_assert_eq(terms[1000].slot, 0);
    cr_assert_eq(terms[1001].slot, 1);
    cr_assert_eq(terms[1001].sender.id, terms[1000].sender.id);
    cr_assert_str_eq(tg_name(terms[1001].term), "dx1002");
}

/* Whatever else stands on the tape below, between and above the nodes that a sweep is about. */
Test(sweep, nodes_far_apart) {
    static const uint32_t first[] = {1, 2, 1022, 1023, 1024, 1025, 2046, 2047, 2048, 3000};
    static const uint32_t gap[] = {1, 2, 1022, 1023, 1024, 1025, 2047, 2048, 2500};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        for (size_t k = 0; k < sizeof gap / sizeof *gap; k++) {
            tg_graph *tape = tg_graph_new();
            while (tg_count(tape) < first[i] - 1) tg_input(tape, TG_F64, tg_shape0());
            const tg_node x = tg_input(tape, TG_F64, tg_shape0()), y = tg_square(x);
            while (tg_count(tape) < first[i] + gap[k]) tg_input(tape, TG_F64, tg_shape0());
            const tg_node z = tg_mul(tg_sin(y), x);
            const tg_grads d = tg_backward(z, tg_nil(tape)); /* sin x² + 2x² cos x² */
            cr_assert_eq(tg_grad_terms(d, x, NULL, 0), 2);
            cr_assert_eq(tg_set(x, (double[]){0.5}) | tg_run_to(tg_grad(d, x)), TG_OK, "%s", tg_message(tape));
            cr_assert_float_eq(tg_item(tg_grad(d, x), 0), sin(0.25) + 0.5 * cos(0.25), 1e-15, "x is #%u, and then %u",
                               first[i], gap[k]);
            tg_graph_free(tape);
        }
}

/* ------------------------------------------------------------------------------------------------------ out of memory
 * Tables grow by a chunk of rows. With so much on the tape before that the first chunk is full somewhere in the sweep,
 * each of its steps in turn is the one that needs the next. */

enum { ROOM = 1024, STEPS = 90 };

/* Nodes and names that fill the tables; then roots behind selections, of a scalar, in two dimensions, and twice. */
static tg_node filled(tg_graph *tape, int nodes, int names) {
    char name[16];
    const tg_node first = tg_input(tape, TG_F64, tg_shape0());
    for (int i = 1; i < nodes; i++) tg_input(tape, TG_F64, tg_shape0());
    for (int i = 0; i < names; i++) {
        snprintf(name, sizeof name, "n%d", i);
        tg_let(first, name, __FILE__, __LINE__);
    }
    TG_LET(x, tg_input(tape, TG_F64, tg_shape1(2)));
    TG_LET(c, tg_const(tape, TG_F64, tg_shape2(3, 2), (double[]){1, 0, 1, 1, 0, 1}));
    TG_LET(root, tg_sqrt(x));
    const tg_node none = tg_scalar(tape, TG_F64, 0), spread = tg_add(root, c);
    TG_LET(some, tg_where(c, spread, none));
    TG_LET(more, tg_where(tg_gt(x, none), tg_mul(root, x), none));
    TG_LET(loss, tg_add(tg_sum(some, tg_axes_all()), tg_sum(more, tg_axes_all())));
    return loss;
}

/* What came of the sweep: how long the tape is, the number of moments, and the gradient, d/dx Σ c·√x + x√x. */
static void is_whole(tg_graph *tape, tg_node loss, tg_grads d, uint32_t length, size_t moments) {
    const tg_node x = tg_find(tape, "x");
    cr_assert_eq(tg_error(tape), TG_OK, "%s", tg_message(tape));
    cr_assert(tg_count(tape) == length && tg_moments(tape) == moments);
    cr_assert_eq(tg_set(x, (double[]){4, 9}) | tg_run_to(loss) | tg_run_to(tg_grad(d, x)), TG_OK);
    cr_assert_float_eq(tg_item(tg_grad(d, x), 0), 2 / 4. + 3, 1e-14);
    cr_assert_float_eq(tg_item(tg_grad(d, x), 1), 2 / 6. + 4.5, 1e-14);
}

/* The number of allocations in the sweep, each of which failed. */
static size_t fails_everywhere(int nodes, int names) {
    for (size_t k = 1;; k++) {
        struct heap heap = {0};
        tg_graph *tape = tg_graph_new_with(heap_allocator(&heap));
        const tg_node loss = filled(tape, nodes, names);
        cr_assert_eq(tg_error(tape), TG_OK, "%s", tg_message(tape));
        const tg_mark mark = tg_mark_now(tape);
        heap.fail_at = heap.calls + k;
        tg_grads d = tg_backward(loss, tg_nil(tape));
        const bool failed = heap.calls >= heap.fail_at;
        heap.fail_at = 0;
        cr_assert_eq(tg_error(tape), failed ? TG_MEMORY : TG_OK, "%d nodes, %d names, allocation %zu: %s", nodes, names,
                     k, tg_message(tape));
        cr_assert_eq(d.id, failed ? 0 : 1, "%d nodes, %d names, allocation %zu: a sweep", nodes, names, k);
        const uint32_t length = tg_count(tape);
        const size_t moments = tg_moments(tape);
        cr_assert_eq(tg_rewind(tape, mark), TG_OK);
        d = tg_backward(loss, tg_nil(tape));
        is_whole(tape, loss, d, failed ? tg_count(tape) : length, failed ? tg_moments(tape) : moments);
        tg_graph_free(tape);
        cr_assert(heap.live == 0 && heap.wrong == 0);
        if (!failed) return k - 1;
    }
}

Test(sweep, no_memory_at_any_step) {
    const tg_node loss = filled(g, 1, 1);
    const int nodes = (int)tg_count(g), events = (int)tg_moments(g) - nodes;
    size_t failures = 0;
    for (int step = 0; step < STEPS; step++) {
        failures += fails_everywhere(ROOM - nodes - step, 1);
        failures += fails_everywhere(1, ROOM - events - step);
    }
    cr_assert_gt(failures, 2 * STEPS);
    cr_assert_eq(tg_error(g), TG_OK);
    cr_assert_not(tg_is_nil(loss));
}

/* More than a thousand sweeps: there is no room for another, then there is. A table that has grown stays so after a
 * rewind, so the second allocation is another one each time. */
Test(sweep, no_memory_for_another) {
    enum { SWEEPS = 1100, TRIES = 8 };
    struct heap heap = {0};
    tg_graph *tape = tg_graph_new_with(heap_allocator(&heap));
    TG_LET(x, tg_input(tape, TG_F64, tg_shape0()));
    TG_LET(y, tg_square(x));
    for (uint32_t i = 1; i <= SWEEPS; i++) {
        const tg_mark mark = tg_mark_now(tape);
        for (int k = 0; k < TRIES; k++) {
            heap.fail_at = heap.calls + (k ? 2 : 1);
            const tg_grads d = tg_backward(y, tg_nil(tape));
            const bool failed = heap.calls >= heap.fail_at;
            heap.fail_at = 0;
            cr_assert_eq(d.id, failed ? 0 : i);
            cr_assert_eq(tg_error(tape), failed ? TG_MEMORY : TG_OK, "%s", tg_message(tape));
            cr_assert_eq(tg_rewind(tape, mark), TG_OK);
        }
        cr_assert_eq(tg_backward(y, tg_nil(tape)).id, i, "%s", tg_message(tape));
    }
    tg_graph_free(tape);
    cr_assert(heap.live == 0 && heap.wrong == 0);
}
