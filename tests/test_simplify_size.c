/* A simplified tape is never larger or dearer than the tape: chains of numbers, layers, random tapes. */
#include "random_tape.h"
#include "simplified.h"
#include "whole_tapes.h"

TestSuite(simplify_size, .timeout = 120);

/* What there is to compute: nodes; and elements times what one costs, with four for each node. */
struct size {
    size_t nodes;
    double cost;
};

static double weight(const struct tg_op *op) {
    if (op->transcendent) return 16;
    return strcmp(op->name, "div") == 0 || strcmp(op->name, "reciprocal") == 0 ? 4 : 1;
}

static void add(const tg_graph *g, uint32_t id, struct size *z) {
    const struct tg__node *n = tg__node_of(g, id);
    double elements = (double)n->shape->count;
    if (tg__is_leaf(n) || n->op->view) return;
    for (int i = 0; i < n->operands; i++) elements = fmax(elements, (double)tg__node_of(g, n->in[i])->shape->count);
    z->nodes++;
    z->cost += 4 + elements * weight(n->op);
}

static struct size size_of(const tg_graph *g) {
    struct size z = {0};
    for (uint32_t id = 1; id < g->nodes.length; id++) add(g, id, &z);
    return z;
}

/* Of what these nodes need of the tape, as it is. */
static struct size needed(const tg_node *wanted, size_t count) {
    const tg_graph *g = wanted[0].graph;
    bool *needs = calloc(g->nodes.length, sizeof *needs);
    struct size z = {0};
    for (size_t i = 0; i < count; i++) needs[wanted[i].id] = true;
    for (uint32_t id = g->nodes.length - 1; id > 0; id--) {
        const struct tg__node *n = tg__node_of(g, id);
        for (int i = 0; needs[id] && i < n->operands; i++) needs[n->in[i]] = true;
        if (needs[id]) add(g, id, &z);
    }
    free(needs);
    return z;
}

/* more: how many nodes more there may be. */
static void compare(const tg_node *wanted, size_t count, struct size most, size_t more, const char *what, bool says) {
    for (unsigned flags = 0; flags <= TG_ASSUME_FINITE; flags++) {
        struct simplified fast = simplify(wanted, count, NULL, 0, TG_FAST, flags);
        const struct size z = size_of(fast.s.graph);
        if (says)
            printf("%-18s %5zu nodes of cost %7g in TG_EXACT, %5zu of %7g in TG_FAST%s\n", what, most.nodes, most.cost,
                   z.nodes, z.cost, flags ? ", all finite" : "");
        cr_expect_leq(z.cost, most.cost, "%s: cost %g of %g", what, z.cost, most.cost);
        cr_expect_leq(z.nodes, most.nodes + more, "%s: nodes %zu of %zu", what, z.nodes, most.nodes);
        simplified_free(&fast);
    }
}

/* With what is left in TG_EXACT, where nothing is there twice and constants are folded. parts: how many nodes more there
 * may be, where a row is decomposed to save a call of the C library. */
static void compare_exact(const tg_node *wanted, size_t count, size_t more, size_t parts, const char *what) {
    struct simplified exact = simplify(wanted, count, NULL, 0, TG_EXACT, 0);
    const struct size most = size_of(exact.s.graph), all = needed(wanted, count);
    cr_expect_leq(most.cost, all.cost, "%s", what);
    cr_expect_leq(most.nodes, all.nodes + parts, "%s: nodes %zu of %zu", what, most.nodes, all.nodes);
    compare(wanted, count, most, more, what, true);
    simplified_free(&exact);
}

/* ------------------------------------------------------------------------------------------------ chains of numbers */

static tg_node number(tg_graph *g, double v) { return tg_scalar(g, TG_F64, v); }

/* dx/dt = x (a - b y), dy/dt = -y (c - d x) by the method of Runge and Kutta, and back. */
static void predators(const tg_node *z, const tg_node *p, tg_node *slope) {
    slope[0] = tg_mul(z[0], tg_sub(p[0], tg_mul(p[1], z[1])));
    slope[1] = tg_neg(tg_mul(z[1], tg_sub(p[2], tg_mul(p[3], z[0]))));
}

static void pendulum(const tg_node *z, const tg_node *p, tg_node *slope) {
    slope[0] = z[1];
    slope[1] = tg_sub(tg_neg(tg_mul(p[0], tg_sin(z[0]))), tg_div(tg_mul(p[1], z[1]), p[2]));
}

static void relaxation(const tg_node *z, const tg_node *p, tg_node *slope) { /* van der Pol's */
    slope[0] = z[1];
    slope[1] = tg_sub(tg_mul(tg_mul(p[0], tg_sub(tg_scalar_like(z[0], 1), tg_square(z[0]))), z[1]), z[0]);
}

static void runge_kutta(void (*f)(const tg_node *, const tg_node *, tg_node *), int steps, bool second,
                        const char *what) {
    tg_graph *g = tg_graph_new();
    tg_node p[4], z[2], wanted[6];
    for (int i = 0; i < 4; i++) p[i] = tg_param(g, TG_F64, tg_shape0());
    for (int i = 0; i < 2; i++) z[i] = tg_param(g, TG_F64, tg_shape0());
    const tg_node start[] = {z[0], z[1]};
    for (int step = 0; step < steps; step++) {
        tg_node k[4][2], at[2];
        for (int s = 0; s < 4; s++) {
            for (int i = 0; i < 2; i++)
                at[i] = s ? tg_add(z[i], tg_mul(k[s - 1][i], number(g, s == 3 ? 0.01 : 0.005))) : z[i];
            f(at, p, k[s]);
        }
        for (int i = 0; i < 2; i++) {
            const tg_node middle = tg_mul(number(g, 2), tg_add(k[1][i], k[2][i]));
            z[i] = tg_add(z[i], tg_mul(number(g, 0.01 / 6), tg_add(tg_add(k[0][i], middle), k[3][i])));
        }
    }
    tg_grads d = tg_backward(tg_add(tg_square(z[0]), tg_square(z[1])), tg_nil(g));
    for (int i = 0; i < 4; i++) wanted[i] = tg_has_grad(d, p[i]) ? tg_grad(d, p[i]) : z[0];
    for (int i = 0; i < 2; i++) wanted[4 + i] = tg_grad(d, start[i]);
    if (second) {
        d = tg_backward(tg_add(wanted[4], wanted[5]), tg_nil(g));
        for (int i = 0; i < 2; i++) wanted[4 + i] = tg_grad(d, start[i]);
    }
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    compare_exact(wanted, 6, 0, 0, what);
    tg_graph_free(g);
}

Test(simplify_size, chains_of_numbers) {
    runge_kutta(predators, 50, false, "predators");
    runge_kutta(predators, 10, true, "predators, twice");
    runge_kutta(pendulum, 50, false, "pendulum");
    runge_kutta(pendulum, 10, true, "pendulum, twice");
    runge_kutta(relaxation, 50, false, "relaxation");
}

/* A camera's projection, and its gradient by each of its parameters: one division for each point, as it is written. */
Test(simplify_size, a_reciprocal_with_several_users) {
    tg_graph *g = tg_graph_new();
    tg_node p[9], wanted[18];
    for (int i = 0; i < 9; i++) p[i] = tg_param(g, TG_F64, tg_shape1(100));
    const tg_node per = tg_reciprocal(tg_add(tg_mul(p[0], p[2]), p[3]));
    const tg_node u = tg_mul(tg_add(tg_mul(p[1], p[4]), p[5]), per), v = tg_mul(tg_sub(p[6], p[1]), per);
    const tg_node r = tg_add(tg_square(u), tg_square(v)), bent = tg_add(tg_mul(p[7], r), tg_mul(p[8], tg_square(r)));
    const tg_node out[] = {tg_mul(u, bent), tg_mul(v, bent)};
    for (int k = 0; k < 2; k++) {
        const tg_grads d = tg_backward(tg_sum(out[k], tg_axes_all()), tg_nil(g));
        for (int i = 0; i < 9; i++) wanted[9 * k + i] = tg_has_grad(d, p[i]) ? tg_grad(d, p[i]) : out[k];
    }
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    compare_exact(wanted, 18, 0, 0, "projection");
    struct simplified fast = simplify(wanted, 18, NULL, 0, TG_FAST, 0);
    cr_expect_eq(count_op(fast.s.graph, "div", 0), 0);
    cr_expect_eq(count_op(fast.s.graph, "reciprocal", 0), 1);
    simplified_free(&fast);
    tg_graph_free(g);
}

/* ------------------------------------------------------------------------------------------------- layers and others */

static struct whole layer(int which) {
    switch (which) {
    case 0: return batchnorm(TG_F32, tg_shape2(178, 13), tg_axis(0), 13, NULL);
    case 1: return batchnorm(TG_F64, tg_shape4(3, 5, 4, 6), tg_axes3(0, 2, 3), 5, "train");
    case 2: return layernorm(TG_F32, 17, 300);
    case 3: return softmax_loss(TG_F64, 33, 31);
    case 4: return reductions(TG_F32, tg_shape2(257, 5), tg_axis(0));
    case 5: return reductions(TG_F64, tg_shape3(3, 100, 4), tg_axes2(0, 2));
    case 6: return digits_step(TG_F32, 12, 9, 17, 0);
    default: return losses(TG_F64, 40, 11);
    }
}

/* Three nodes more where they are small: what is large is computed from them. */
Test(simplify_size, layers) {
    for (int i = 0; i < 8; i++) {
        const struct whole w = layer(i);
        char what[24];
        snprintf(what, sizeof what, "layer %d", i);
        compare_exact(w.out, w.outs, 3, 3, what);
        tg_graph_free(w.g);
    }
}

/* To take a centred sum apart is dearer here, and saves nothing: the tape that is left is TG_EXACT's. */
Test(simplify_size, algebra_that_is_dearer_is_done_without) {
    tg_graph *g = tg_graph_new();
    const tg_node x = tg_input(g, TG_F64, tg_shape2(2, 4)), c = tg_input(g, TG_F64, tg_shape1(4));
    const tg_node off = tg_mul(c, tg_sub(x, tg_mean(x, tg_axis(0))));
    const tg_node all = tg_sum(tg_add(tg_square(x), off), tg_axis(0));
    struct simplified fast = simplify(&all, 1, NULL, 0, TG_FAST, 0), exact = simplify(&all, 1, NULL, 0, TG_EXACT, 0);
    cr_expect_eq(tg_count(fast.s.graph), tg_count(exact.s.graph));
    cr_expect_eq(count_op(fast.s.graph, "sum", 0), 2);
    simplified_free(&fast);
    simplified_free(&exact);
    tg_graph_free(g);
}

Test(simplify_size, random_tapes) {
    for (uint64_t seed = 1; seed <= (SANITIZED ? 100 : 600); seed++) {
        struct tape t = build(seed);
        char what[40];
        snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
        const size_t few = t.nodes < 8 ? t.nodes : 8;
        const tg_node *last = &t.node[t.nodes - 1], *some = &t.node[t.nodes - few];
        compare(last, 1, needed(last, 1), few, what, false);
        compare(some, few, needed(some, few), few, what, false);
        tg_graph_free(t.g);
    }
}
