/* Optimizers beside plain loops, bit for bit in f64; clipping, schedules, refusals; a million steps in flat memory. */
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(optimize, .init = setup, .fini = teardown, .timeout = 120);

static void step(void) {
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_commit(g), TG_OK, "%s", tg_message(g));
}

static void refused(tg_mark mark, const char *text) {
    cr_assert_neq(tg_error(g), TG_OK, "no error: %s", text);
    cr_assert(strstr(tg_message(g), text), "\"%s\" is not in \"%s\"", text, tg_message(g));
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
}

/* ------------------------------------------------------------------------------------------------ beside plain loops
 * The loss Σ a²·w + Σ b⁴/4: gradients 2aw and b³, of a vector and a matrix. */

enum { A = 3, B = 4, STEPS = 50 };
static const double weight[A] = {1, 0.5, 3}, start[A + B] = {1, -2, 0.5, 1.5, -1, 0.25, 2};

struct problem {
    tg_node p[2], dp[2];
};

static struct problem problem(tg_dtype dtype) {
    TG_LET(a, tg_param(g, dtype, tg_shape1(A)));
    TG_LET(b, tg_param(g, dtype, tg_shape2(2, 2)));
    TG_LET(w, tg_cast(tg_const(g, TG_F64, tg_shape1(A), weight), dtype));
    tg_node fourth = tg_mul(tg_square(tg_square(b)), tg_scalar(g, dtype, 0.25));
    TG_LET(loss, tg_add(tg_sum(tg_mul(tg_square(a), w), tg_axes_all()), tg_sum(fourth, tg_axes_all())));
    struct problem q = {.p = {a, b}};
    cr_assert_eq(set_doubles(a, start) | set_doubles(b, start + A), TG_OK);
    tg_node found[3];
    cr_assert_eq(tg_params(g, found, 3), 2);
    cr_assert(found[0].id == a.id && found[1].id == b.id);
    tg_gradients(tg_backward(loss, tg_nil(g)), q.p, 2, q.dp);
    return q;
}

static double slope(const double *x, int i) { return i < A ? 2 * x[i] * weight[i] : x[i] * x[i] * x[i]; }

/* f64: 50 steps of a contraction keep within 1e-13 of the loop, which only adds in another order. */
static void same(const struct problem *q, const double *x, double tolerance) {
    for (int i = 0; i < A + B; i++) {
        const double ours = i < A ? tg_item(q->p[0], (size_t)i) : tg_item(q->p[1], (size_t)(i - A));
        cr_assert_leq(fabs(ours - x[i]), tolerance * (1 + fabs(x[i])), "%d: %.17g, not %.17g", i, ours, x[i]);
    }
}

static void check_sgd(tg_sgd_options o, tg_dtype dtype) {
    teardown(), setup();
    struct problem q = problem(dtype);
    tg_sgd(q.p, q.dp, 2, tg_scalar(g, TG_F64, 0.05), o, "sgd");
    cr_assert_eq(tg_params(g, NULL, 0), 0, "all have an assign");
    double x[A + B], v[A + B] = {0};
    memcpy(x, start, sizeof x);
    for (int t = 0; t < STEPS; t++) {
        step();
        for (int i = 0; i < A + B; i++) {
            double d = slope(x, i) + o.weight_decay * x[i];
            v[i] = o.momentum * v[i] + d;
            x[i] -= 0.05 * (o.nesterov ? d + o.momentum * v[i] : v[i]);
        }
    }
    same(&q, x, dtype == TG_F64 ? 1e-13 : 2e-5);
    cr_assert_eq(tg_is_nil(tg_find(g, "sgd/b/velocity")), o.momentum == 0);
}

Test(optimize, sgd) {
    static const tg_sgd_options options[] = {
        {0}, {.momentum = 0.9}, {.momentum = 0.9, .nesterov = true}, {.weight_decay = 0.1}, {0.5, 0.01, true}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) check_sgd(options[i], dtype);
}

static void check_adam(bool decoupled, double decay, tg_dtype dtype) {
    teardown(), setup();
    struct problem q = problem(dtype);
    tg_adam_options o = tg_adam_defaults();
    o.weight_decay = decay;
    (decoupled ? tg_adamw : tg_adam)(q.p, q.dp, 2, tg_scalar(g, dtype, 0.1), o, "adam");
    double x[A + B], m[A + B] = {0}, v[A + B] = {0};
    memcpy(x, start, sizeof x);
    for (int t = 1; t <= STEPS; t++) {
        step();
        for (int i = 0; i < A + B; i++) {
            const double d = slope(x, i) + (decoupled ? 0 : decay * x[i]);
            m[i] = 0.9 * m[i] + 0.1 * d;
            v[i] = 0.999 * v[i] + 0.001 * d * d;
            if (decoupled) x[i] -= 0.1 * decay * x[i];
            x[i] -= 0.1 * (m[i] / (1 - pow(0.9, t))) / (sqrt(v[i] / (1 - pow(0.999, t))) + 1e-8);
        }
    }
    same(&q, x, dtype == TG_F64 ? 1e-12 : 1e-4); /* 1 - beta2 has three digits fewer */
}

Test(optimize, adam) {
    for (int k = 0; k < 8; k++) check_adam(k & 1, k & 2 ? 0.1 : 0, k & 4 ? TG_F32 : TG_F64);
}

/* -------------------------------------------------------------------------------------------------------- clipping */

Test(optimize, clipping) {
    for (int k = 0; k < 2; k++) {
        teardown(), setup();
        struct problem q = problem(TG_F64);
        const double most = k ? 0.5 : 1e3;
        double norm = 0;
        for (int i = 0; i < A + B; i++) norm += slope(start, i) * slope(start, i);
        norm = sqrt(norm);
        tg_node raw = q.dp[1], size = tg_clip_global_norm(q.dp, 2, most, "clip");
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        cr_assert_float_eq(tg_item(size, 0), norm, 1e-14 * norm);
        for (size_t i = 0; i < B; i++)
            cr_assert_float_eq(tg_item(q.dp[1], i), tg_item(raw, i) * (k ? most / norm : 1), 1e-15);
    }
}

Test(optimize, nothing_to_clip) {
    struct problem q = problem(TG_F32);
    const float zero[4] = {0};
    cr_assert_eq(tg_set(q.p[0], zero) | tg_set(q.p[1], zero), TG_OK);
    tg_clip_global_norm(q.dp, 2, 1, NULL);
    cr_assert_eq(tg_run(g), TG_OK);
    for (size_t i = 0; i < A; i++) cr_assert_eq(tg_item(q.dp[0], i), 0);
}

/* ------------------------------------------------------------------------------------------------------- schedules */

Test(optimize, schedules) {
    TG_LET(t, tg_counter(g));
    TG_LET(steps, tg_rate_steps(t, 0.8, 0.5, 3));
    TG_LET(cosine, tg_rate_cosine(t, 1, 0.1, 8));
    TG_LET(warm, tg_rate_warmup(t, cosine, 4));
    for (int i = 0; i < 12; i++) {
        const double part = fmin(i / 8., 1), wave = 0.1 + 0.9 * (1 + cos(acos(-1) * part)) / 2;
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        cr_assert_float_eq(tg_item(steps, 0), 0.8 * pow(0.5, i / 3), 1e-15);
        cr_assert_float_eq(tg_item(cosine, 0), wave, 1e-15);
        cr_assert_float_eq(tg_item(warm, 0), wave * fmin((i + 1) / 4., 1), 1e-15);
        cr_assert_eq(tg_commit(g), TG_OK);
    }
}

/* A rate that goes down is seen by the parameters, in their own dtype. */
Test(optimize, a_scheduled_rate) {
    struct problem q = problem(TG_F32);
    tg_sgd(q.p, q.dp, 2, tg_rate_steps(tg_counter(g), 0.1, 0.5, 1), (tg_sgd_options){0}, "sgd");
    double x = start[0];
    for (int t = 0; t < 10; t++) {
        step();
        x -= 0.1 * pow(0.5, t) * 2 * x * weight[0];
    }
    cr_assert_float_eq(tg_item(q.p[0], 0), x, 1e-6);
}

/* -------------------------------------------------------------------------------------------------------- refusals */

Test(optimize, refusals) {
    struct problem q = problem(TG_F64);
    const tg_node rate = tg_scalar(g, TG_F64, 1);
    tg_adam_options o = tg_adam_defaults();
    const tg_mark mark = tg_mark_now(g);
    tg_sgd(q.p, q.dp, 2, rate, (tg_sgd_options){.momentum = 1}, NULL);
    refused(mark, "sgd: momentum = 1 must be from 0 to less than 1");
    tg_sgd(q.p, q.dp, 2, rate, (tg_sgd_options){.weight_decay = -1}, NULL);
    refused(mark, "sgd: weight_decay = -1 must be 0 or more");
    tg_sgd(q.p, q.dp, 2, rate, (tg_sgd_options){.nesterov = true}, NULL);
    refused(mark, "sgd: nesterov needs a momentum");
    tg_sgd(q.p, q.dp, 2, q.dp[0], (tg_sgd_options){0}, NULL);
    refused(mark, "sgd: the rate 'da' [3] is no floating scalar");
    tg_sgd(q.p, q.dp, 2, tg_scalar(g, TG_I32, 1), (tg_sgd_options){0}, NULL);
    refused(mark, "(const) [] is no floating scalar");
    tg_sgd(q.p, (tg_node[]){q.dp[1], q.dp[0]}, 2, rate, (tg_sgd_options){0}, "sgd");
    refused(mark, "sgd: gradient 1, 'db' [2, 2], is not of the shape of its parameter 'a' [3]");
    tg_sgd(q.p, (tg_node[]){q.dp[0], tg_nil(g)}, 2, rate, (tg_sgd_options){0}, "sgd");
    refused(mark, "sgd: gradient 2 is nil");
    tg_sgd(q.p, (tg_node[]){tg_expand(rate, tg_shape1(4)), q.dp[1]}, 2, rate, (tg_sgd_options){0}, "sgd");
    refused(mark, " [4], is not of the shape of its parameter 'a' [3]");
    tg_adam(q.p, q.dp, 2, tg_nil(g), o, "adam");
    refused(mark, "adam: the rate is nil");
    tg_adamw(q.p, NULL, 2, rate, o, "adam");
    refused(mark, "adamw: the gradients are NULL");
    tg_gradients((tg_grads){g, 0, 0}, q.p, 2, NULL);
    refused(mark, "gradients: grads is NULL");
    tg_sgd((tg_node[]){q.p[0], q.p[0]}, (tg_node[]){q.dp[0], q.dp[0]}, 2, rate, (tg_sgd_options){0}, "sgd");
    refused(mark, "a' takes the value of");
    o.beta2 = NAN;
    tg_adamw(q.p, q.dp, 2, rate, o, NULL);
    refused(mark, "adamw: beta2 = nan");
    tg_adamw(q.p, q.dp, 2, rate, (tg_adam_options){.weight_decay = 0.01}, NULL);
    refused(mark, "adamw: eps = 0 must be positive: begin with tg_adam_defaults()");
    tg_adam(q.p, q.dp, 2, rate, (tg_adam_options){.eps = INFINITY}, NULL);
    refused(mark, "adam: eps = inf must be positive: begin with tg_adam_defaults()");
    tg_clip_global_norm(q.dp, 2, 0, NULL);
    refused(mark, "clip_global_norm: the largest norm 0 must be positive");
    tg_rate_cosine(rate, 1, 0, 0);
    refused(mark, "rate_cosine: 0 steps");
    tg_sgd(NULL, NULL, 0, rate, (tg_sgd_options){0}, NULL);
    refused(mark, "sgd: there are no parameters to train: tg_params counts those made by tg_param that take no value");
    tg_adam(NULL, NULL, 0, rate, tg_adam_defaults(), NULL);
    refused(mark, "adam: there are no parameters to train");
    tg_adamw(NULL, NULL, 0, rate, tg_adam_defaults(), NULL);
    refused(mark, "adamw: there are no parameters to train");
}

/* ---------------------------------------------------------------------------------------------------------- memory */

static tg_node tiny(void) {
    TG_LET(x, tg_const(g, TG_F64, tg_shape2(2, 2), (double[]){0.5, -1, 2, 0.25}));
    TG_LET(w, tg_state(g, TG_F64, tg_shape2(2, 1), 0.5));
    TG_LET(loss, tg_sum(tg_square(tg_sub(tg_tanh(tg_matmul(x, w)), tg_scalar(g, TG_F64, 0.5))), tg_axes_all()));
    tg_node dw = tg_grad(tg_backward(loss, tg_nil(g)), w);
    tg_adam(&w, &dw, 1, tg_scalar(g, TG_F64, 1e-3), tg_adam_defaults(), "adam");
    return loss;
}

static struct heap heap; /* outlives the graph, which is freed behind the test */

Test(optimize, a_million_steps_in_flat_memory) {
    teardown();
    g = tg_graph_new_with(heap_allocator(&heap));
    tg_node loss = tiny();
    for (int i = 0; i < 10; i++) step();
    const size_t live = heap.live, calls = heap.calls;
    const int steps = SANITIZED ? 100000 : 1000000;
    for (int i = 0; i < steps; i++)
        if (tg_run(g) != TG_OK || tg_commit(g) != TG_OK) cr_assert_fail("%s", tg_message(g));
    cr_assert_eq(heap.live, live);
    cr_assert_eq(heap.calls, calls, "nothing is allocated in a step");
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert(isfinite(tg_item(loss, 0)));
}

Test(optimize, every_allocation_fails_in_turn) {
    for (size_t fail = 1, done = 0; !done; fail++) {
        teardown();
        heap = (struct heap){.fail_at = fail};
        g = tg_graph_new_with(heap_allocator(&heap));
        if (!g) continue;
        tiny();
        if (tg_error(g) == TG_OK && (tg_run(g) != TG_OK || tg_commit(g) != TG_OK))
            step(); /* memory is back */
        else if (tg_error(g) != TG_OK)
            cr_assert_eq(tg_error(g), TG_MEMORY, "%zu: %s", fail, tg_message(g));
        done = heap.calls < fail;
        cr_assert_eq(heap.wrong, 0);
    }
}
