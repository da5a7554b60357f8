/* Every allocation of compiling, running and stepping fails in turn: a status and a message, no leak, nothing half
 * done, and with memory back the same bits. In the steady state there are none. */
#include "graph.h"
#include "random_chain.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(program_memory, .timeout = 120);

enum { N = 40, D = 6, LARGE = 2000 };

static struct heap heap;
static double data[N * D], steps[N * D], large[LARGE];
static int32_t truth[N];

struct way {
    tg_mode mode;
    unsigned flags;
    bool onward;
};

struct tape {
    tg_graph *g;
    tg_node w, loss, y, wide;
};

/* What an optimizer has something to do with: statistics of rows and columns, moves, selections, sums of products. */
static tg_node more(tg_node x, tg_node gamma) {
    tg_graph *g = x.graph;
    const tg_node label = tg_const(g, TG_I32, tg_shape1(N), truth);
    const tg_node rows = tg_layernorm(x, gamma, gamma, 1, 1e-5, "ln"), turned = tg_transpose(rows, tg_axes_all());
    const tg_node loss = tg_softmax_loss(tg_mul(tg_reshape(turned, tg_shape2(N, D)), gamma), label, "ce");
    const tg_node far = tg_norm(tg_sub(rows, tg_max(rows, tg_keep(tg_axis(0)))), 2, tg_axis(0));
    const tg_node spread = tg_std(tg_mul(rows, gamma), tg_axes_all(), 1), long_way = tg_flip(far, tg_axes_all());
    const tg_node picked = tg_take(tg_concat((tg_node[]){rows, x}, 2, 1), label, 1);
    const tg_node all = tg_logsumexp(tg_cumsum(tg_pad(picked, tg_shape2(0, 1), tg_shape2(1, 0), 0), 1, false), tg_axis(0));
    const tg_node mean = tg_mean(tg_mul(tg_mean(tg_div(rows, spread), tg_axis(0)), long_way), tg_axes_all());
    return tg_add(tg_add(loss, mean), tg_mean(tg_where(tg_gt(all, spread), all, spread), tg_axes_all()));
}

/* A layer with batch normalization and rows that share a call, a given node, and a value too large for the pools. */
static struct tape build(tg_mode mode) {
    tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(N, D)));
    TG_LET(w, tg_state(g, TG_F64, tg_shape2(D, D), 0.5));
    TG_LET(gamma, tg_state(g, TG_F64, tg_shape1(D), 1));
    TG_LET(much, tg_input(g, TG_F64, tg_shape1(LARGE)));
    TG_LET(y, tg_silu(tg_batchnorm(tg_matmul(x, w), gamma, gamma, tg_axis(0), 1e-5, "bn")));
    TG_LET(total, tg_sum(tg_mul(y, tg_const(g, TG_F64, tg_shape2(N, D), steps)), tg_axes_all()));
    TG_LET(loss, mode == TG_EXACT ? total : tg_add(total, more(tg_add(x, y), gamma)));
    TG_LET(wide, tg_mul(much, loss));
    const tg_node p[] = {w, gamma};
    tg_node dp[2];
    tg_gradients(tg_backward(loss, tg_nil(g)), p, 2, dp);
    tg_sgd(p, dp, 2, tg_scalar(g, TG_F64, 0.01), (tg_sgd_options){.momentum = 0.9}, "sgd");
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_set(x, data) | tg_set(much, large), TG_OK);
    return (struct tape){g, w, loss, y, wide};
}

static tg_program *compile(const struct tape *t, const struct way *way) {
    const tg_node outputs[] = {t->loss, t->w, t->wide, tg_find(t->g, "bn/mu")};
    const unsigned flags = must_compile(way->flags) | TG_WITH_ASSIGNS;
    return tg_compile(t->g, outputs, 4, (tg_compile_options){way->mode, flags, NULL, 0});
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
static bool fails_at(size_t point, const struct way *way, uint64_t want) {
    heap = (struct heap){0};
    const struct tape t = build(way->mode);
    heap.calls = 0;
    heap.fail_at = point;
    heap.onward = way->onward;
    int done = 0;
    tg_program *p = compile(&t, way);
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
    if (!p) p = compile(&t, way);
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

static uint64_t succeed(const struct way *way) {
    heap = (struct heap){0};
    const struct tape t = build(way->mode);
    tg_program *p = compile(&t, way);
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
    for (int i = 0; i < N; i++) truth[i] = i % D;
}

Test(program_memory, every_allocation_fails) {
    draw();
    static const struct way ways[] = {{TG_EXACT, TG_INTERPRET, false}, {TG_EXACT, TG_INTERPRET, true},
                                      {TG_EXACT, 0, false},            {TG_FAST, 0, false}};
    size_t points = 0;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const uint64_t want = succeed(&ways[i]);
        const size_t step = is_long() || ways[i].mode == TG_EXACT ? 1 : 5;
        size_t n = 0;
        while (fails_at(n * step + 1, &ways[i], want)) n++;
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
        const struct way *way = &(struct way){TG_EXACT, flags, false};
        const struct tape t = build(way->mode);
        tg_program *p = compile(&t, way);
        cr_assert_not_null(p, "%s", tg_message(t.g));
        cr_assert_eq(tg_program_step(p), TG_OK, "%s", tg_message(t.g));
        const size_t calls = heap.calls;
        for (int i = 0; i < 10; i++) cr_assert_eq(tg_program_step(p) | tg_program_run(p), TG_OK, "%s", tg_message(t.g));
        cr_assert_eq(heap.calls, calls, "%zu allocations in ten steps", heap.calls - calls);
        tg_graph_free(t.g);
    }
}

/* True if allocation `point` was reached: the compiler says so, and compiles at a second try. */
static bool chain_fails_at(const struct chain *c, size_t point, bool again) {
    const tg_compile_options options = {TG_FAST, TG_INTERPRET, NULL, 0};
    heap.calls = 0;
    heap.fail_at = point;
    tg_program *p = tg_compile(c->g, c->out, c->outs, options);
    const bool reached = heap.calls >= point;
    heap.fail_at = 0;
    cr_assert_eq(p == NULL, reached, "point %zu: %s", point, tg_message(c->g));
    if (!p) cr_assert(tg_error(c->g) == TG_MEMORY && strstr(tg_message(c->g), "out of memory"), "%s", tg_message(c->g));
    if (!p && again) p = tg_compile(c->g, c->out, c->outs, options);
    cr_assert(p || (reached && !again), "point %zu: %s", point, tg_message(c->g));
    tg_program_free(p);
    return reached;
}

/* What the optimizer makes of many tapes: not each step of each, for there are too many. */
Test(program_memory, of_random_chains) {
    enum { STRIDE = 7 };
    size_t points = 0;
    for (uint64_t seed = 1; seed <= (is_long() ? 600 : SANITIZED ? 30 : 100); seed++) {
        heap = (struct heap){0};
        const struct chain c = chain_build_on(tg_graph_new_with(heap_allocator(&heap)), seed);
        for (size_t point = 1 + seed % STRIDE; chain_fails_at(&c, point, point % 11 == 0); point += STRIDE) points++;
        tg_graph_free(c.g);
        cr_assert_eq(heap.live + heap.blocks + heap.wrong, 0, "seed %d: %zu bytes leak", (int)seed, heap.live);
    }
    printf("allocations for random chains failed in turn: %zu\n", points);
    fflush(stdout);
}
