/* Mutations that cannot be made, and what is said of them. */
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(mutate_refusals, .init = setup, .fini = teardown, .timeout = 60);

static void refuses(tg_grads d, tg_node sender, int slot, int kind, tg_node factor, tg_status status,
                    const char *says) {
    const tg_mark before = tg_mark_now(g);
    const tg_grads m = tg_mutate(d, sender, slot, (tg_mutation)kind, factor);
    cr_expect(m.id == 0 && m.graph == g);
    cr_expect_eq(tg_error(g), status);
    cr_expect_eq(strncmp(tg_message(g), says, strlen(says)), 0, "%s", tg_message(g)); /* then where */
    cr_assert_eq(tg_mutate(d, sender, slot, (tg_mutation)kind, factor).id, 0, "the first error stays");
    cr_assert_eq(tg_rewind(g, before), TG_OK);
}

Test(mutate_refusals, edges_kinds_and_factors) {
    tg_graph *other = tg_graph_new();
    const tg_node foreign = tg_scalar(other, TG_F64, 1), nil = tg_nil(g);
    TG_LET(a, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(c, tg_gt(a, tg_scalar(g, TG_F64, 0)));
    TG_LET(picked, tg_where(a, a, c));
    TG_LET(y, tg_mul(picked, tg_scalar(g, TG_F64, 2)));
    TG_LET(z, tg_exp(y));
    const tg_grads d = tg_backward(y, tg_const(g, TG_F64, tg_shape1(2), (double[]){1, 2}));
    const tg_mark before = tg_mark_now(g);
    const tg_node gone = tg_neg(y), narrow = tg_scalar(g, TG_F32, 2);
    refuses((tg_grads){g, 0, 0}, y, 0, TG_DROP, nil, TG_HANDLE, "mutate: the sweep is nil");
    refuses(d, nil, 0, TG_DROP, nil, TG_HANDLE,
            "mutate: the sender is nil; the seed, which nobody sends, is yours to give another");
    refuses(d, foreign, 0, TG_DROP, nil, TG_HANDLE, "mutate: the sender belongs to another graph");
    refuses(d, a, 0, TG_FLIP, nil, TG_ARGUMENT,
            "mutate: 'a' is a leaf (input): it has no operands to send anything to");
    refuses(d, y, 2, TG_FLIP, nil, TG_ARGUMENT,
            "mutate: 'y' (mul) has 2 operands, counted from 0; there is no operand 2");
    refuses(d, y, -1, TG_FLIP, nil, TG_ARGUMENT,
            "mutate: 'y' (mul) has 2 operands, counted from 0; there is no operand -1");
    refuses(d, y, 1, TG_FLIP, nil, TG_GRADIENT, "mutate: 'y' sends nothing to its operand 1: 2 is a constant");
    refuses(d, z, 0, TG_FLIP, nil, TG_GRADIENT, "mutate: 'z' was not reached by the sweep of 'y', so it sends nothing");
    refuses(d, picked, 0, TG_FLIP, nil, TG_GRADIENT,
            "mutate: 'picked' sends nothing to its operand 0, 'a': where has no gradient for it");
    refuses(d, y, 0, 7, nil, TG_ARGUMENT, "mutate: 7 is no mutation: TG_DROP, TG_FLIP and TG_SCALE are");
    refuses(d, y, 0, TG_FLIP, a, TG_ARGUMENT, "mutate: a factor is for TG_SCALE; to drop or flip a term, give nil");
    refuses(d, y, 0, TG_SCALE, nil, TG_HANDLE, "mutate: TG_SCALE needs a factor, but it is nil");
    refuses(d, y, 0, TG_SCALE, foreign, TG_HANDLE, "mutate: the factor belongs to another graph");
    refuses(d, y, 0, TG_SCALE, narrow, TG_DTYPE, "mutate: factor 2 is f32, but what is sent to 'picked' is f64");
    cr_assert_eq(tg_rewind(g, before), TG_OK);
    refuses(d, gone, 0, TG_DROP, nil, TG_HANDLE,
            "mutate: the handle of node #11 is stale: the tape was rewound below it");
    refuses(d, y, 0, TG_SCALE, gone, TG_HANDLE,
            "mutate: the handle of node #11 is stale: the tape was rewound below it");
    cr_assert_null(tg_mutate((tg_grads){NULL, 0, 0}, y, 0, TG_DROP, nil).graph);
    tg_graph_free(other);
}
