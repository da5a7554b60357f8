/* Messages: they name the operator, the user's names and shapes, the clash, and where each was written. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(errors, .init = setup, .fini = teardown, .timeout = 60);

static tg_node input(tg_shape shape) { return tg_input(g, TG_F64, shape); }

static void says(tg_status status, const char *text) {
    cr_assert_eq(tg_error(g), status, "status %d: %s", tg_error(g), tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), text), "'%s' is not in: %s", text, tg_message(g));
}

/* ------------------------------------------------------------------------------------------------ where and what */

Test(errors, a_clash_is_located) {
    const int line = __LINE__;
    TG_LET(gamma, input(tg_shape1(2)));
    TG_LET(x, input(tg_shape2(4, 3)));
    TG_LET(xhat, tg_exp(x));
    TG_LET(gammax, tg_mul(gamma, xhat));
    cr_assert(tg_is_nil(gammax));
    char want[400];
    snprintf(want, sizeof want,
             "mul: shapes do not broadcast: 'gamma' [2] with 'xhat' [4, 3] (2 against 3 in the last axis)\n"
             "  at test_errors.c:%d in stage 'gammax'; 'gamma' from test_errors.c:%d; 'xhat' from test_errors.c:%d",
             line + 4, line + 1, line + 3);
    cr_assert_str_eq(tg_message(g), want);

    TG_LET(out, tg_add(gammax, x)); /* what follows is silent, and the first message stays */
    cr_assert(tg_is_nil(out));
    cr_assert_str_eq(tg_message(g), want);
    cr_assert_eq(tg_run(g), TG_SHAPE);
    cr_assert_eq(tg_set(x, (double[12]){0}), TG_OK, "a leaf can still be set");
    cr_assert_str_eq(tg_message(g), want);
}

Test(errors, inside_a_composite) {
    TG_LET(x, input(tg_shape2(4, 3)));
    TG_LET(gamma, input(tg_shape1(2)));
    TG_LET(out, tg_batchnorm(x, gamma, gamma, tg_axis(0), 1e-5, "bn1"));
    const int line = __LINE__ - 1;
    cr_assert(tg_is_nil(out));
    says(TG_SHAPE, "mul: shapes do not broadcast: 'bn1/gamma' [2] with 'bn1/xhat' [4, 3]");
    says(TG_SHAPE, "\n  at normalize.c:");
    says(TG_SHAPE, " in stage 'bn1/gammax'");
    char want[100];
    snprintf(want, sizeof want, "\n  from test_errors.c:%d in stage 'out'", line);
    says(TG_SHAPE, want);
    cr_assert_str_eq(tg_message(g) + strlen(tg_message(g)) - strlen(want), want);
}

Test(errors, of_composites) {
    tg_node x = input(tg_shape2(4, 3)), c = input(tg_shape1(3)), label = tg_input(g, TG_I32, tg_shape1(4));
    const double bad[] = {0, -1, NAN, INFINITY, -INFINITY};
    tg_mark m = tg_mark_now(g);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert(tg_is_nil(tg_batchnorm(x, c, c, tg_axis(0), bad[i], "bn")));
        says(TG_ARGUMENT, "batchnorm: eps = ");
        cr_assert_eq(tg_rewind(g, m), TG_OK);
    }
    cr_assert(tg_is_nil(tg_softmax_loss(c, label, NULL)));
    says(TG_SHAPE, "softmax_loss: scores #2 (input) [3] must be [N, C]");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert(tg_is_nil(tg_softmax_loss(x, c, "loss")));
    says(TG_DTYPE, "gather: values are floating-point and labels i32, but labels #2 (input) are f64");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert(tg_is_nil(tg_linear(x, x, c, NULL)));
    says(TG_SHAPE, "matmul: #1 (input) [4, 3] times #1 (input) [4, 3]: the inner dimensions differ");
}

/* ------------------------------------------------------------------------------------------- gradients that are not */

Test(errors, missing_gradients_say_why) {
    TG_LET(x, input(tg_shape1(3)));
    TG_LET(y, input(tg_shape1(3)));
    TG_LET(apart, input(tg_shape1(3)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape0()));
    TG_LET(one, tg_scalar(g, TG_F64, 1));
    TG_LET(aside, tg_detach(apart));
    TG_LET(frozen, tg_detach(x));
    TG_LET(sign, tg_gt(y, one));
    TG_LET(loss, tg_sum(tg_where(apart, frozen, sign), tg_axes_all()));
    TG_LET(path, tg_gather(tg_mul(x, tg_add(sign, frozen)), label));
    (void)aside;
    tg_mark m = tg_mark_now(g);
    cr_assert_eq(tg_backward(tg_sum(frozen, tg_axes_all()), tg_nil(g)).id, 0);
    says(TG_GRADIENT, "backward: #14 (sum) depends on no input or param through differentiable operators");
    cr_assert_eq(tg_rewind(g, m), TG_OK);

    TG_LET(more, tg_add(loss, tg_sum(tg_where(apart, one, x), tg_axes_all())));
    tg_grads d = tg_backward(more, tg_nil(g));
    m = tg_mark_now(g);
    const struct {
        tg_node node;
        const char *text;
    } missing[] = {{apart, "grad: 'apart' reaches 'more' only as an operand that has no gradient"},
                   {y, "grad: 'y' reaches 'more' only behind gt 'sign', which passes no gradient on"},
                   {label, "grad: 'label' is i32: integers carry no gradient"},
                   {one, "grad: 'one' is a constant"},
                   {frozen, "grad: 'frozen' is the result of detach, which passes no gradient on"},
                   {sign, "grad: 'sign' is the result of gt, which passes no gradient on"},
                   {path, "grad: 'more' does not depend on 'path', so the sweep did not reach it"}};
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    cr_assert(tg_has_grad(d, x) && tg_has_grad(d, more));
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        cr_assert_not(tg_has_grad(d, missing[i].node));
        cr_assert_eq(tg_grad_terms(d, missing[i].node, NULL, 0), 0);
        cr_assert_eq(tg_error(g), TG_OK, "asking is no error");
        cr_assert(tg_is_nil(tg_grad(d, missing[i].node)));
        says(TG_GRADIENT, missing[i].text);
        cr_assert_eq(tg_rewind(g, m), TG_OK);
    }
}

Test(errors, seeds) {
    TG_LET(x, input(tg_shape2(2, 3)));
    TG_LET(y, tg_exp(x));
    tg_mark m = tg_mark_now(g);
    cr_assert_eq(tg_backward(y, tg_nil(g)).id, 0);
    says(TG_SHAPE, "backward: 'y' [2, 3] is not a single number; give a seed of its shape, the cotangent dL/dy");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    TG_LET(seed, input(tg_shape1(3)));
    cr_assert_eq(tg_backward(y, seed).id, 0);
    says(TG_SHAPE, "backward: seed 'seed' is f64 [3], but 'y' is f64 [2, 3]");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_eq(tg_backward(y, tg_input(g, TG_F32, tg_shape2(2, 3))).id, 0);
    says(TG_DTYPE, "is f32 [2, 3], but 'y' is f64 [2, 3]");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_eq(tg_backward(y, seed).id, 0);
    says(TG_HANDLE, "backward: the seed is stale or belongs to another graph");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_eq(tg_backward(tg_nil(g), tg_nil(g)).id, 0);
    says(TG_HANDLE, "backward: the node is nil");
}

/* ----------------------------------------------------------------------------------------------- how long they last */

Test(errors, build_errors_last_until_a_rewind_below) {
    tg_node x = input(tg_shape0());
    cr_assert_eq(tg_set(x, &(double){1}), TG_OK);
    tg_mark before = tg_mark_now(g);
    cr_assert(tg_is_nil(tg_add(x, tg_nil(g))));
    tg_mark behind = tg_mark_now(g);
    cr_assert_eq(tg_rewind(g, behind), TG_OK);
    says(TG_HANDLE, "operand 2 is nil");
    cr_assert_eq(tg_run(g), TG_HANDLE);
    cr_assert_eq(tg_run(g), TG_HANDLE, "a run does not clear it");
    cr_assert(tg_is_nil(tg_next(g)));
    cr_assert_eq(tg_rewind(g, before), TG_OK);
    cr_assert_eq(tg_error(g), TG_OK);
    cr_assert_str_eq(tg_message(g), "");
    cr_assert_eq(tg_run(g), TG_OK);
}

/* A run error waits until the next run, but gives way to a build error, which would outlive it. */
Test(errors, a_build_error_displaces_a_run_error) {
    tg_node x = input(tg_shape0()), y = tg_exp(x);
    tg_mark m = tg_mark_now(g);
    cr_assert_eq(tg_run(g), TG_VALUE);
    cr_assert_not(tg_is_nil(tg_neg(y)));
    cr_assert(tg_is_nil(tg_mul(y, tg_nil(g))));
    says(TG_HANDLE, "mul: operand 2 is nil");
    cr_assert_eq(tg_set(x, NULL), TG_HANDLE);
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_eq(tg_error(g), TG_OK);
    cr_assert_eq(tg_run(g), TG_VALUE);
    says(TG_VALUE, "exp #2: #1 (input) has no value");
}

Test(errors, of_ones_own) {
    cr_assert(tg_is_nil(tg_fail(g, TG_ARGUMENT, "layer: width %d", 3)));
    cr_assert_str_eq(tg_message(g), "layer: width 3");
    cr_assert_eq(tg_error(g), TG_ARGUMENT);
    cr_assert(tg_is_nil(tg_fail(g, TG_SHAPE, "second")));
    cr_assert_str_eq(tg_message(g), "layer: width 3");
}

/* -------------------------------------------------------------------------------------------------- hostile names */

Test(errors, nothing_that_a_terminal_obeys) {
    static const char *const evil[] = {"\033[2J", "a\nb", "\x9b", "\xc2\x9b", "\xff\xfe", "\xed\xa0\x80", "\x7f"};
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++)
        for (int where = 0; where < 4; where++) {
            tg_graph *h = tg_graph_new();
            if (where == 1) tg_scope_open(h, evil[i]);
            tg_node x = tg_let(tg_input(h, TG_F64, tg_shape2(4, 3)), where == 0 ? evil[i] : "x", evil[i], 1);
            if (where == 2) (void)tg_let(tg_add(x, tg_nil(h)), evil[i], evil[i], 2);
            if (where == 3) (void)tg_softmax_loss(tg_sum(x, tg_axis(0)), x, evil[i]);
            (void)tg_let(tg_matmul(x, x), "z", "file.c", 3);
            cr_assert_neq(tg_error(h), TG_OK);
            for (const unsigned char *s = (const unsigned char *)tg_message(h); *s; s++) {
                cr_assert(*s == '\n' || (*s >= 0x20 && *s != 0x7f), "byte %d in: %s", *s, tg_message(h));
                cr_assert_not(*s == 0xc2 && s[1] < 0xa0, "a control character in: %s", tg_message(h));
            }
            tg_graph_free(h);
        }
}

Test(errors, long_names_and_long_messages) {
    char name[5000];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    tg_node x = tg_let(input(tg_shape2(4, 3)), name, name, 1);
    cr_assert_str_eq(tg_name(x), name);
    for (int i = 0; i < 20; i++) tg_scope_open(g, name);
    cr_assert(tg_is_nil(tg_let(tg_matmul(x, x), name, name, 2)));
    for (int i = 0; i < 40; i++) {
        tg_scope_close(g);
        (void)tg_let(tg_nil(g), name, name, i);
    }
    says(TG_SHAPE, "matmul: 'nnnnnnnn");
    cr_assert_lt(strlen(tg_message(g)), 2000);
}
