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
