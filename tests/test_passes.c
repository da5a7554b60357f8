/* What fusing makes of whole layers: how often a program goes through the data, what it moves, and that nothing as
 * large as the data is kept between. */
#include "support.h"

#include <criterion/criterion.h>

TestSuite(passes, .timeout = 60);

enum { N = 96, D = 130, SIDE = 5 };

struct layer {
    tg_graph *g;
    tg_node wanted[6], given[2];
    size_t count, givens;
};

static tg_node input(tg_graph *g, const char *name, tg_shape shape) {
    return tg_let(tg_input(g, TG_F32, shape), name, NULL, 0);
}

static void want(struct layer *l, tg_node a) { l->wanted[l->count++] = a; }

/* All of it moved once, in units of the data; a program may move small things besides. */
static void check(struct layer *l, size_t passes, double units, size_t staged) {
    const size_t all = tg_size(tg_find(l->g, "x"));
    tg_compile_options options = {.flags = TG_MUST_COMPILE, .given = l->given, .givens = l->givens};
    cr_assert_eq(tg_error(l->g), TG_OK, "%s", tg_message(l->g));
    tg_program *p = tg_compile(l->g, l->wanted, l->count, options);
    cr_assert_not_null(p, "%s", tg_message(l->g));
    const tg_stats s = tg_program_stats(p);
    cr_expect_eq(s.fused.passes, passes, "%zu passes", s.fused.passes);
    const double moved = (s.fused.read + s.fused.written) / ((double)all * sizeof(float));
    cr_expect(moved >= units && moved < units + 1, "%g units", moved);
    cr_expect_lt(s.fused.peak, all * sizeof(float), "%zu bytes are kept", s.fused.peak);
    cr_expect_geq(s.staged.passes, staged, "%zu passes of the tape", s.staged.passes);
    tg_graph_free(l->g);
}

static struct layer batchnorm(tg_shape shape, tg_shape row, tg_axes axes, bool forward, bool backward) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node x = input(l.g, "x", shape), dout = input(l.g, "dout", shape);
    const tg_node gamma = input(l.g, "gamma", row), beta = input(l.g, "beta", row);
    const tg_node out = tg_batchnorm(x, gamma, beta, axes, 1e-5, NULL);
    const tg_grads d = tg_backward(out, dout);
    if (forward) want(&l, out);
    if (!backward) return l;
    want(&l, tg_grad(d, x));
    want(&l, tg_grad(d, gamma));
    want(&l, tg_grad(d, beta));
    return l;
}

static struct layer of_rows(bool forward, bool backward) {
    return batchnorm(tg_shape2(N, D), tg_shape1(D), tg_axis(0), forward, backward);
}

/* Mean; variance and both sums of the way back; out and dx: x three times, dout twice, two written. */
Test(passes, batchnorm_needs_three) {
    struct layer l = of_rows(true, true);
    check(&l, 3, 7, 20);
}

Test(passes, batchnorm_forward_needs_three) {
    struct layer l = of_rows(true, false);
    check(&l, 3, 4, 7);
}

/* Both sums; dx: x and dout twice, one written. */
Test(passes, batchnorm_backward_needs_two) {
    struct layer l = of_rows(false, true);
    l.given[l.givens++] = tg_find(l.g, "mu");
    l.given[l.givens++] = tg_find(l.g, "ivar");
    check(&l, 2, 5, 10);
}

/* A channel's pictures stay near. */
Test(passes, batchnorm_of_pictures_needs_one) {
    struct layer l = batchnorm(tg_shape4(4, 6, SIDE, SIDE), tg_shape1(6), tg_axes3(0, 2, 3), true, true);
    check(&l, 1, 4, 20);
}

Test(passes, layernorm_needs_one) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node x = input(l.g, "x", tg_shape2(N, D)), dout = input(l.g, "dout", tg_shape2(N, D));
    const tg_node gamma = input(l.g, "gamma", tg_shape1(D)), beta = input(l.g, "beta", tg_shape1(D));
    const tg_node out = tg_layernorm(x, gamma, beta, 1, 1e-5, NULL);
    const tg_grads d = tg_backward(out, dout);
    want(&l, out);
    want(&l, tg_grad(d, x));
    want(&l, tg_grad(d, gamma));
    want(&l, tg_grad(d, beta));
    check(&l, 1, 4, 20);
}

Test(passes, softmax_loss_needs_one) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node x = input(l.g, "x", tg_shape2(N, D)), label = tg_input(l.g, TG_I32, tg_shape1(N));
    const tg_node loss = tg_softmax_loss(x, label, NULL);
    want(&l, loss);
    want(&l, tg_grad(tg_backward(loss, tg_nil(l.g)), x));
    check(&l, 1, 2, 7);
}

/* A recurrence reads each state in several nests. */
Test(passes, functions_are_called_once) {
    enum { STEPS = 12 };
    tg_graph *g = tg_graph_new();
    const tg_node x = tg_input(g, TG_F32, tg_shape2(N, D)), w = tg_input(g, TG_F32, tg_shape2(D, D));
    tg_node h = x;
    size_t tanhs = 0;
    for (int t = 0; t < STEPS; t++) h = tg_tanh(tg_add(tg_matmul(h, w), tg_mul(tg_tanh(h), x)));
    const tg_node dw = tg_grad(tg_backward(tg_sum(tg_square(h), tg_axes_all()), tg_nil(g)), w);
    tg_program *p = tg_compile(g, &dw, 1, (tg_compile_options){0});
    cr_assert_not_null(p, "%s", tg_message(g));
    for (const char *s = tg_program_source(p); (s = strstr(s, "/* tanh */")); s++) tanhs++;
    cr_expect_eq(tanhs, 2 * STEPS, "%zu calls of tanh for %d nodes", tanhs, 2 * STEPS);
    tg_graph_free(g);
}

/* Mean; variance; the loss and both sums; dx. */
Test(passes, a_chain_needs_four) {
    struct layer l = {.g = tg_graph_new()};
    const tg_node x = input(l.g, "x", tg_shape2(N, D)), beside = input(l.g, "beside", tg_shape2(N, D));
    const tg_node target = input(l.g, "target", tg_shape2(N, D));
    const tg_node gamma = input(l.g, "gamma", tg_shape1(D)), beta = input(l.g, "beta", tg_shape1(D));
    const tg_node out = tg_add(tg_relu(tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, "bn")), beside);
    const tg_node loss = tg_mse_loss(out, target, TG_MEAN, "loss");
    const tg_grads d = tg_backward(loss, tg_nil(l.g));
    want(&l, loss);
    want(&l, tg_grad(d, x));
    want(&l, tg_grad(d, gamma));
    want(&l, tg_grad(d, beta));
    want(&l, tg_grad(d, beside));
    check(&l, 4, 9, 25);
}
