/* Every allocation of compiling, running and stepping fails in turn: a status and a message, no leak, nothing half
 * done, and with memory back the same bits. In the steady state there are none. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(program_memory, .timeout = 120);

enum { N = 40, D = 6, LARGE = 2000 };

static struct heap heap;
static double data[N * D], steps[N * D], large[LARGE];

struct tape {
    tg_graph *g;
    tg_node w, loss, y, wide;
};

/* A layer with batch normalization that is trained, a given node, and a value too large for the pools. */
static struct tape build(void) {
    tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(N, D)));
    TG_LET(w, tg_state(g, TG_F64, tg_shape2(D, D), 0.5));
    TG_LET(gamma, tg_state(g, TG_F64, tg_shape1(D), 1));
    TG_LET(much, tg_input(g, TG_F64, tg_shape1(LARGE)));
    TG_LET(y, tg_batchnorm(tg_matmul(x, w), gamma, gamma, tg_axis(0), 1e-5, "bn"));
    TG_LET(loss, tg_sum(tg_mul(y, tg_const(g, TG_F64, tg_shape2(N, D), steps)), tg_axes_all()));
    TG_LET(wide, tg_mul(much, loss));
    const tg_node p[] = {w, gamma};
    tg_node dp[2];
    tg_gradients(tg_backward(loss, tg_nil(g)), p, 2, dp);
    tg_sgd(p, dp, 2, tg_scalar(g, TG_F64, 0.01), (tg_sgd_options){.momentum = 0.9}, "sgd");
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_set(x, data) | tg_set(much, large), TG_OK);
    return (struct tape){g, w, loss, y, wide};
}

static tg_program *compile(const struct tape *t, unsigned flags) {
    const tg_node outputs[] = {t->loss, t->w, t->wide, tg_find(t->g, "bn/mu")};
    return tg_compile(t->g, outputs, 4, (tg_compile_options){TG_EXACT, must_compile(flags) | TG_WITH_ASSIGNS, NULL, 0});
}

static void mix(uint64_t *hash, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) *hash = (*hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
}

static uint64_t story(const struct tape *t, const tg_program *p) {
    uint64_t hash = 7;
    mix(&hash, tg_program_value(p, t->loss), sizeof(double));
    mix(&hash, tg_program_value(p, t->wide), 100 * sizeof(double));
    mix(&hash, tg_program_value(p, t->w), D * D * sizeof(double));
    mix(&hash, tg_value(t->w), D * D * sizeof(double));
    return hash;
}

static void failed(const struct tape *t, size_t point) {
    cr_assert_eq(tg_error(t->g), TG_MEMORY, "point %zu: %d %s", point, (int)tg_error(t->g), tg_message(t->g));
    cr_assert(strstr(tg_message(t->g), "out of memory"), "point %zu: '%s'", point, tg_message(t->g));
}

/* True if allocation `point`, counted from when the tape stands, was reached. Two steps must be done, in order. */
static bool fails_at(size_t point, bool onward, unsigned flags, uint64_t want) {
    heap = (struct heap){0};
    struct tape t = build();
    heap.calls = 0;
    heap.fail_at = point;
    heap.onward = onward;
    int done = 0;
    tg_program *p = compile(&t, flags);
    if (!p) failed(&t, point);
    for (int i = 0; p && i < 2; i++) {
        if (tg_program_step(p) == TG_OK)
            done++;
        else
            failed(&t, point);
    }
    const bool reached = heap.calls >= point;
    cr_assert(done == 2 || reached);
    heap.fail_at = 0;
    if (!p) p = compile(&t, flags);
    cr_assert_not_null(p, "point %zu: a second try: %s", point, tg_message(t.g));
    for (; done < 2; done++) cr_assert_eq(tg_program_step(p), TG_OK, "point %zu: %s", point, tg_message(t.g));
    cr_assert_eq(story(&t, p), want, "point %zu: the second try differs", point);
    if (point % 2) tg_program_free(p);
    tg_graph_free(t.g);
    cr_assert_eq(heap.live, 0, "point %zu: %zu bytes leak", point, heap.live);
    cr_assert_eq(heap.blocks, 0);
    cr_assert_eq(heap.wrong, 0, "point %zu: a block was given back with another size", point);
    return reached;
}

static uint64_t succeed(unsigned flags) {
    heap = (struct heap){0};
    const struct tape t = build();
    tg_program *p = compile(&t, flags);
    cr_assert_not_null(p, "%s", tg_message(t.g));
    for (int i = 0; i < 2; i++) cr_assert_eq(tg_program_step(p), TG_OK, "%s", tg_message(t.g));
    const uint64_t hash = story(&t, p);
    tg_graph_free(t.g);
    return hash;
}

static void draw(void) {
    uint64_t state = 42;
    for (int i = 0; i < N * D; i++) data[i] = random_between(&state, -2, 2);
    for (int i = 0; i < N * D; i++) steps[i] = random_between(&state, -1, 1);
    for (int i = 0; i < LARGE; i++) large[i] = random_between(&state, -1, 1);
}

Test(program_memory, every_allocation_fails) {
    draw();
    size_t points = 0;
    for (int way = 0; way < 3; way++) { /* interpreted, once and onward; compiled */
        const unsigned flags = way < 2 ? TG_INTERPRET : 0;
        const uint64_t want = succeed(flags);
        size_t n = 0;
        while (fails_at(n + 1, way == 1, flags, want)) n++;
        cr_assert_gt(n, 15);
        points += n;
    }
    printf("allocations failed in turn: %zu\n", points);
    fflush(stdout);
}

Test(program_memory, none_in_the_steady_state) {
    draw();
    for (unsigned flags = 0; flags <= TG_INTERPRET; flags += TG_INTERPRET) {
        heap = (struct heap){0};
        const struct tape t = build();
        tg_program *p = compile(&t, flags);
        cr_assert_not_null(p, "%s", tg_message(t.g));
        cr_assert_eq(tg_program_step(p), TG_OK, "%s", tg_message(t.g));
        const size_t calls = heap.calls;
        for (int i = 0; i < 10; i++) cr_assert_eq(tg_program_step(p) | tg_program_run(p), TG_OK, "%s", tg_message(t.g));
        cr_assert_eq(heap.calls, calls, "%zu allocations in ten steps", heap.calls - calls);
        tg_graph_free(t.g);
    }
}
