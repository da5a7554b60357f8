/* A step of a program is a run and a commit of the tape: the same bits, all at once, and nothing else changes. */
#include "programs.h"

TestSuite(program_step, .init = setup, .fini = teardown, .timeout = 120);

enum { N = 12, D = 5, C = 3, STEPS = 20 };

/* ---------------------------------------------------------------------------------------------- a step of training
 * Two layers with batch normalization between them, running statistics, dropout, and Adam: 9 leaves that are assigned,
 * and a counter. */
struct net {
    tg_node x, label, loss, guess;
};

static struct net build(tg_dtype dtype) {
    struct net n;
    n.x = tg_let(tg_input(g, dtype, tg_shape2(N, D)), "x", __FILE__, __LINE__);
    n.label = tg_let(tg_input(g, TG_I32, tg_shape1(N)), "label", __FILE__, __LINE__);
    const tg_node w = leaf("w", dtype, tg_shape2(D, D)), v = leaf("v", dtype, tg_shape2(D, C));
    TG_LET(gamma, tg_state(g, dtype, tg_shape1(D), 1));
    TG_LET(beta, tg_state(g, dtype, tg_shape1(D), 0));
    TG_LET(mean, tg_state(g, dtype, tg_shape1(D), 0));
    TG_LET(var, tg_state(g, dtype, tg_shape1(D), 1));
    tg_node y =
        tg_batchnorm_running(tg_matmul(n.x, w), gamma, beta, mean, var, tg_axis(0), tg_batchnorm_defaults(), "bn");
    y = tg_dropout(tg_tanh(y), 0.25, tg_counter(g), 3, "drop");
    TG_LET(scores, tg_matmul(y, v));
    n.loss = tg_softmax_loss(scores, n.label, "loss");
    n.guess = tg_let(tg_argmax(scores, tg_axis(1)), "guess", __FILE__, __LINE__);
    tg_node p[8], dp[8];
    const size_t count = tg_params(g, p, 8);
    tg_gradients(tg_backward(n.loss, tg_nil(g)), p, count, dp);
    tg_adam(p, dp, count, tg_scalar(g, dtype, 0.01), tg_adam_defaults(), "adam");
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    return n;
}

static void deal(const struct net *n) {
    int32_t label[N];
    for (int i = 0; i < N; i++) label[i] = (int32_t)random_below(&state, C);
    draw(n->x);
    cr_assert_eq(tg_set(n->label, label), TG_OK);
}

/* Every value that a leaf ends with, in one piece. */
static size_t leaves(unsigned char *to) {
    size_t bytes = 0;
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node a = tg_node_at(g, id);
        if (tg_is_nil(tg_assigned(a))) continue;
        memcpy(to + bytes, tg_value(a), bytes_of(a));
        bytes += bytes_of(a);
    }
    return bytes;
}

static void train(tg_dtype dtype, unsigned flags) {
    static unsigned char end[2][1 << 14];
    size_t bytes[2];
    double loss[2][STEPS];
    int32_t guess[2][STEPS][N];
    for (int way = 0; way < 2; way++) {
        setup();
        const struct net n = build(dtype);
        const tg_node outputs[] = {n.loss, n.guess};
        tg_program *p = way ? compile(outputs, 2, TG_EXACT, flags | TG_WITH_ASSIGNS) : NULL;
        for (int t = 0; t < STEPS; t++) {
            deal(&n);
            cr_assert_eq(way ? tg_program_step(p) : tg_run(g), TG_OK, "%s", tg_message(g));
            const void *value = way ? tg_program_value(p, n.loss) : tg_value(n.loss);
            loss[way][t] = dtype == TG_F64 ? *(const double *)value : *(const float *)value;
            memcpy(guess[way][t], way ? tg_program_value(p, n.guess) : tg_value(n.guess), sizeof guess[way][t]);
            if (!way) cr_assert_eq(tg_commit(g), TG_OK, "%s", tg_message(g));
        }
        bytes[way] = leaves(end[way]);
        teardown();
    }
    setup();
    cr_assert_gt(loss[0][0], loss[0][STEPS - 1]);
    cr_assert_eq(memcmp(loss[0], loss[1], sizeof loss[0]), 0, "the losses differ");
    cr_assert_eq(memcmp(guess[0], guess[1], sizeof guess[0]), 0, "the guesses differ");
    cr_assert(bytes[0] == bytes[1] && bytes[0] > 500);
    cr_assert_eq(memcmp(end[0], end[1], bytes[0]), 0, "the leaves differ");
}

Test(program_step, a_step_is_run_and_commit) {
    teardown();
    train(TG_F64, TG_INTERPRET);
    teardown();
    train(TG_F32, 0);
}

Test(program_step, runs_leave_the_tape_alone) {
    const struct net n = build(TG_F64);
    tg_program *p = compile(&n.loss, 1, TG_EXACT, TG_INTERPRET | TG_WITH_ASSIGNS);
    deal(&n);
    static unsigned char before[1 << 14], after[1 << 14];
    const size_t bytes = leaves(before);
    for (int i = 0; i < 2; i++) run(p); /* no step */
    cr_assert_eq(leaves(after), bytes);
    cr_assert_eq(memcmp(before, after, bytes), 0, "a run has trained");
    cr_assert_null(tg_value(n.loss), "the tape was run");
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    same_bits(p, n.loss);
    cr_assert_eq(tg_program_step(p), TG_OK);
    cr_assert_null(tg_value(n.loss), "it is stale after a step");
    cr_assert_not_null(tg_value(n.x));
}

/* ---------------------------------------------------------------------------------------------- what is assigned */

/* Two leaves change places, one takes a view, one has no value before; all of them at once. */
Test(program_step, steps_commit_all_at_once) {
    for (int k = 0; k < 2; k++) {
        teardown();
        setup();
        const tg_node a = leaf("a", TG_F64, tg_shape1(2)), b = leaf("b", TG_F64, tg_shape1(2));
        const tg_node c = tg_input(g, TG_F64, tg_shape1(2)), y = leaf("y", TG_F64, tg_shape1(2));
        tg_assign(a, b);
        tg_assign(b, tg_identity(a));
        tg_assign(c, tg_add(a, b));
        tg_program *p = compile(NULL, 0, TG_EXACT, TG_WITH_ASSIGNS | (k ? TG_INTERPRET : 0));
        const double first[] = {tg_item(a, 0), tg_item(b, 0), tg_item(y, 0)};
        for (int turn = 1; turn < 4; turn++) {
            cr_assert_eq(tg_program_step(p), TG_OK, "%s", tg_message(g));
            cr_assert_eq(tg_item(a, 0), first[turn % 2]);
            cr_assert_eq(tg_item(b, 0), first[1 - turn % 2]);
            cr_assert_eq(tg_item(c, 0), first[0] + first[1]);
        }
        cr_assert_eq(tg_item(y, 0), first[2]);
    }
}
