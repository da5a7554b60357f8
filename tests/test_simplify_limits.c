/* The simplifier at its limits: no memory, and long tapes. */
#include "simplified.h"

#include <time.h>

TestSuite(simplify_limits, .timeout = 120);

/* ------------------------------------------------------------------------------------------------------- no memory */

static struct heap heap;

static tg_node network(tg_graph *g, tg_node *given) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(6, 4)));
    TG_LET(w, tg_param(g, TG_F64, tg_shape1(4)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(6)));
    const tg_node h = tg_batchnorm(x, w, tg_square(tg_scalar(g, TG_F64, 3)), tg_axis(0), 1e-5, "bn");
    TG_LET(loss, tg_softmax_loss(tg_relu(h), label, "loss"));
    tg_grads d = tg_backward(loss, tg_nil(g));
    *given = tg_find(g, "bn/mu");
    return tg_grad(d, x);
}

/* Whose algebra is dearer than the tape, which is then simplified once more without. */
static tg_node dearer(tg_graph *g, tg_node *given) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 4)));
    TG_LET(c, tg_param(g, TG_F64, tg_shape1(4)));
    TG_LET(xmu, tg_sub(x, tg_mean(x, tg_axis(0))));
    *given = tg_square(c);
    return tg_sum(tg_add(tg_square(x), tg_mul(c, xmu)), tg_axis(0));
}

/* Fails the first, the second, … allocation, until all succeed. */
static void starve(tg_node (*make)(tg_graph *, tg_node *), tg_mode mode, bool onward) {
    heap = (struct heap){0};
    tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
    tg_node given;
    const tg_node out = make(g, &given);
    cr_assert_eq(tg_error(g), TG_OK);
    const size_t live = heap.live, blocks = heap.blocks;
    const struct tg__goal goal = {g, &out.id, &given.id, 1, 1, mode, 0};
    struct tg__small s;
    size_t failures = 0;
    for (;; failures++) {
        heap.fail_at = heap.calls + failures + 1;
        heap.onward = onward;
        const bool done = tg__simplify(&goal, &s);
        heap.fail_at = 0;
        if (done) break;
        cr_assert_eq(tg_error(g), TG_MEMORY, "allocation %zu", failures + 1);
        cr_assert(!g->busy && g->error.running);
        cr_assert_eq(heap.live, live, "allocation %zu leaves %zu bytes", failures + 1, heap.live - live);
        cr_assert_eq(heap.blocks, blocks);
        tg__clear_run(g);
    }
    cr_expect_geq(failures, 20);
    tg__small_free(&s, g);
    cr_expect_eq(heap.live, live);
    tg_graph_free(g);
    cr_expect_eq(heap.live, 0);
    cr_expect_eq(heap.wrong, 0);
}

Test(simplify_limits, any_allocation_may_fail) {
    for (int onward = 0; onward < 2; onward++) {
        starve(network, TG_EXACT, onward);
        starve(network, TG_FAST, onward);
        starve(dearer, TG_FAST, onward);
    }
}

/* ------------------------------------------------------------------------------------------------------ long tapes */

/* Of this process alone: the machine may be busy. */
static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Layers of several kinds, and back. */
static double time_of(int layers, tg_mode mode, size_t *nodes) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(6, 4)));
    TG_LET(w, tg_param(g, TG_F64, tg_shape1(4)));
    tg_node h = x;
    for (int i = 0; i < layers; i++) {
        char scope[20];
        snprintf(scope, sizeof scope, "bn%d", i);
        h = tg_add(tg_batchnorm(h, w, w, tg_axis(0), 1e-5, scope), x);
        h = tg_mul(tg_mul(h, tg_tanh(h)), tg_mul(w, h));
    }
    tg_grads d = tg_backward(tg_sum(h, tg_axes_all()), tg_nil(g));
    const tg_node out = tg_grad(d, x);
    cr_assert_eq(tg_error(g), TG_OK);
    const double begin = seconds();
    struct simplified z = simplify(&out, 1, NULL, 0, mode, 0);
    const double took = seconds() - begin;
    *nodes = tg_count(g);
    simplified_free(&z);
    tg_graph_free(g);
    return took;
}

/* Eight times the nodes, less than thirty times the time: a square would be 64. The fastest of four. */
Test(simplify_limits, time_is_linear) {
    for (int mode = 0; mode < 2; mode++) {
        double least[2] = {(double)INFINITY, (double)INFINITY};
        size_t nodes[2];
        for (int i = 0; i < 8; i++)
            least[i % 2] = fmin(least[i % 2], time_of(i % 2 ? 200 : 25, (tg_mode)mode, &nodes[i % 2]));
        cr_expect_geq(nodes[1], 10000);
        cr_expect_leq(least[1], 30 * least[0], "%g s for %zu nodes, %g s for %zu", least[0], nodes[0], least[1],
                      nodes[1]);
    }
}
