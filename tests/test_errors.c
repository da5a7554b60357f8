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

/* Those named, and no others, are said to be from here. */
static void places(const char *first, const char *second) {
    const char *const name[] = {first, second};
    size_t want = 0, n = 0;
    for (const char *at = tg_message(g); (at = strstr(at, " from test_errors.c:")); at++) n++;
    for (int i = 0; i < 2; i++) {
        char from[80];
        snprintf(from, sizeof from, "'%s' from test_errors.c:", name[i] ? name[i] : "");
        want += name[i] != NULL;
        cr_assert(!name[i] || strstr(tg_message(g), from), "'%s' is from nowhere: %s", name[i], tg_message(g));
    }
    cr_assert_eq(n, want, "%zu places, not %zu: %s", n, want, tg_message(g));
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
    says(TG_SHAPE, "batchnorm: mul: shapes do not broadcast: 'bn1/gamma' [2] with 'bn1/xhat' [4, 3]");
    char want[100];
    snprintf(want, sizeof want, " axis)\n  at test_errors.c:%d in stage 'out'", line);
    says(TG_SHAPE, want);
    says(TG_SHAPE, "\n  noticed at normalize.c:");
    says(TG_SHAPE, " in stage 'bn1/gammax'");
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

/* ------------------------------------------------------------------------------------------- what to do about it */

static void fresh(void) {
    teardown();
    setup();
}

/* A name of a loop's second round, and of a composite's second call, in no scope and in the same scope. */
Test(errors, a_name_is_taken) {
    TG_LET(x, input(tg_shape2(4, 3)));
    for (int i = 0; i < 2; i++) {
        TG_LET(h, tg_exp(x));
        (void)h;
    }
    says(TG_NAME, "name 'h' for #3 (exp) is taken: #2 (exp) from test_errors.c:");
    says(TG_NAME, " has it; in a loop, and for each call of a composite, open a scope\n  at test_errors.c:");
    for (int named = 0; named < 2; named++) {
        fresh();
        TG_LET(s, input(tg_shape2(4, 3)));
        TG_LET(first, tg_softmax(s, 1, named ? "soft" : NULL));
        const int line = __LINE__ + 1;
        TG_LET(second, tg_softmax(first, 1, named ? "soft" : NULL));
        (void)second;
        char want[300];
        snprintf(want, sizeof want, "softmax: name '%s' for #", named ? "soft/x" : "top");
        says(TG_NAME, want);
        says(TG_NAME, " has it; give each call a scope of its own\n");
        snprintf(want, sizeof want, "of its own\n  at test_errors.c:%d in stage 'second'", line);
        says(TG_NAME, want);
    }
}

/* What no TG_LET is around: the one before. */
Test(errors, without_a_let_around_it) {
    const int line = __LINE__ + 1;
    TG_LET(x, input(tg_shape2(4, 3)));
    const tg_mark m = tg_mark_now(g);
    char after[100], from[200];
    snprintf(after, sizeof after, "\n  after test_errors.c:%d", line);
    snprintf(from, sizeof from, "%s; 'x' from test_errors.c:%d", after, line);
    tg_softmax(tg_softmax(x, 1, NULL), 1, NULL);
    says(TG_NAME, after);
    says(TG_NAME, "\n  noticed at softmax.c:");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_scope_close(g);
    says(TG_ARGUMENT, "scope_close: no scope is open");
    says(TG_ARGUMENT, after);
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_backward(x, tg_nil(g));
    says(TG_SHAPE, "backward: 'x' [4, 3] is not a single number");
    says(TG_SHAPE, from);
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_matmul(x, x);
    says(TG_SHAPE, from);
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_batchnorm_options o = tg_batchnorm_defaults();
    o.mode = "trian";
    tg_batchnorm_running(x, x, x, tg_nil(g), tg_nil(g), tg_axis(0), o, "bn");
    says(TG_ARGUMENT, "batchnorm: mode \"trian\" is neither \"train\" nor \"test\"");
    says(TG_ARGUMENT, after);
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    TG_LET(y, tg_exp(x));
    cr_assert_eq(tg_set(y, NULL), TG_ARGUMENT);
    snprintf(from, sizeof from, "set: 'y' from test_errors.c:%d is no input or param", __LINE__ - 2);
    says(TG_ARGUMENT, from);
    cr_assert_eq(tg_bind(x, NULL), TG_ARGUMENT);
    snprintf(from, sizeof from, "bind: data for 'x' from test_errors.c:%d is NULL", line);
    says(TG_ARGUMENT, from);
}

Test(errors, inner_dimensions) {
    static const struct {
        int64_t x[2], y[2];
        bool tx, ty;
        const char *text;
    } wrong[] = {{{8, 64}, {10, 64}, 0, 0, "differ, 64 against 10; tg_matmul_t(x, W, false, true) fits\n"},
                 {{64, 8}, {64, 10}, 0, 0, "differ, 8 against 64; tg_matmul_t(x, W, true, false) fits\n"},
                 {{64, 8}, {10, 64}, 0, 0, "differ, 8 against 10; tg_matmul_t(x, W, true, true) fits\n"},
                 {{8, 64}, {64, 10}, 1, 0, "differ, 8 against 64; tg_matmul_t(x, W, false, false) fits\n"},
                 {{8, 8}, {4, 8}, 1, 0, "differ, 8 against 4; tg_matmul_t(x, W, false, true) fits\n"},
                 {{2, 3}, {4, 5}, 0, 0, "differ, 3 against 4\n"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        TG_LET(x, input(tg_shape_n(2, wrong[i].x)));
        TG_LET(W, input(tg_shape_n(2, wrong[i].y)));
        tg_matmul_t(x, W, wrong[i].tx, wrong[i].ty);
        says(TG_SHAPE, "matmul: 'x' [");
        says(TG_SHAPE, wrong[i].text);
        fresh();
    }
    tg_node row = input(tg_shape1(3)), table = input(tg_shape2(4, 3)), deep = input(tg_shape3(2, 3, 5));
    const tg_mark m = tg_mark_now(g);
    tg_matmul(row, table);
    says(TG_SHAPE, "matmul: #1 (input) [3] times #2 (input) [4, 3]: the inner dimensions differ, 3 against 4");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_matmul(table, tg_let(input(tg_shape1(2)), "s/v", NULL, 0));
    says(TG_SHAPE, "times 's/v' [2]: the inner dimensions differ, 3 against 2");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_matmul(deep, input(tg_shape3(3, 5, 1)));
    says(TG_SHAPE, "the axes before the last two do not broadcast, 2 against 3 in axis -3");
}

Test(errors, a_name_with_a_mistake_in_it) {
    TG_LET(xhat, input(tg_shape1(3)));
    const tg_mark m = tg_mark_now(g);
    tg_exp(tg_nil(g));
    cr_assert_null(strstr(tg_message(g), "tg_find"), "nobody has asked for a name");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_exp(tg_find(g, "x_hat"));
    says(TG_HANDLE, "exp: operand 1 is nil (tg_find found nothing called 'x_hat')");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_softmax(tg_find(g, "\033[2J"), 0, NULL);
    says(TG_HANDLE, "softmax: x is nil (tg_find found nothing called '?[2J')");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_add(tg_find(g, "xhat"), tg_find(g, "gamma"));
    says(TG_HANDLE, "add: operand 2 is nil (tg_find found nothing called 'gamma')");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_eq(tg_set(tg_find(g, "X"), NULL), TG_HANDLE);
    says(TG_HANDLE, "set: the handle is nil (tg_find found nothing called 'X')");
    tg_input(tg_find(g, "X").graph, TG_F64, tg_shape1(-2));
    cr_assert_null(strstr(tg_message(g), "tg_find"), "%s", tg_message(g));
    (void)xhat;
}

Test(errors, shapes) {
    TG_LET(x, input(tg_shape2(2, 3)));
    const tg_mark m = tg_mark_now(g);
    input(tg_shape2(-1, 3));
    says(TG_SHAPE, "input: shape [-1, 3] has a negative dimension\n");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    input(tg_shape2(INT64_MAX, 3));
    says(TG_SHAPE, "input: shape [9223372036854775807, 3] has more elements than memory can hold\n");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_reshape(x, tg_shape2(-1, -1));
    says(TG_SHAPE, "reshape: 'x' [2, 3] to [-1, -1], in which only one dimension may be -1, what the others leave\n");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_reshape(x, tg_shape2(-2, -3));
    says(TG_SHAPE, "reshape: 'x' [2, 3] to [-2, -3], which has a negative dimension\n");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_reshape(x, tg_shape2(-1, 4));
    says(TG_SHAPE, "reshape: 'x' [2, 3] has 6 elements, which do not make [-1, 4]\n");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_max_pool2d(input(tg_shape4(1, 1, 4, 4)), 2, 2, tg_window_of(1, 2, 1));
    says(TG_ARGUMENT, "max_pool2d: padding 2 fills a window of 2 over #2 (input) [1, 1, 4, 4]\n");
}

/* A number that no i32 is, given where one is made of it; and an i32 where a function wants floating-point numbers is
 * refused as that, not for a number which the function brings along. */
Test(errors, numbers_that_are_no_i32) {
    const double bad[] = {2.5, -0.5, 2147483648.0, -2147483649.0, 1e300, NAN, INFINITY, -INFINITY};
    tg_node x = tg_input(g, TG_I32, tg_shape2(2, 2));
    const tg_mark m = tg_mark_now(g);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (int way = 0; way < 5; way++) {
            char want[80];
            const tg_node a = way == 0   ? tg_scalar(g, TG_I32, bad[i])
                              : way == 1 ? tg_scalar_like(x, bad[i])
                              : way == 2 ? tg_state(g, TG_I32, tg_shape1(2), bad[i])
                              : way == 3 ? tg_pad(x, tg_shape2(1, 1), tg_shape2(0, 0), bad[i])
                                         : x;
            if (way == 4) cr_assert_eq(tg_fill(x, bad[i]), TG_ARGUMENT);
            cr_assert(way == 4 || tg_is_nil(a), "%g, way %d", bad[i], way);
            snprintf(want, sizeof want, way < 2 ? "scalar: %.17g is no i32" : way == 2 ? "state: %.17g is no i32" : "i32", bad[i]);
            says(TG_ARGUMENT, want);
            cr_assert_eq(tg_rewind(g, m), TG_OK);
        }
    }
    cr_assert_eq(tg_item(tg_scalar(g, TG_I32, -2147483648.0), 0), -2147483648.0);
    cr_assert_eq(tg_item(tg_scalar(g, TG_I32, -0.0), 0), 0);
    tg_node (*const with_number[])(tg_node, double) = {tg_leaky_relu, tg_elu};
    for (size_t i = 0; i < 2; i++) {
        with_number[i](x, 0.25);
        says(TG_DTYPE, i ? "elu: #1 (input) is i32" : "leaky_relu: #1 (input) is i32");
        cr_assert_eq(tg_rewind(g, m), TG_OK);
    }
    tg_clamp(x, 0.25, 0.5);
    says(TG_DTYPE, "clamp: #1 (input) is i32");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_sgd(&x, &x, 1, tg_scalar(g, TG_F64, 0.1), (tg_sgd_options){.weight_decay = 0.5}, NULL);
    says(TG_DTYPE, "sgd: parameter 1, #1 (input) [2, 2], is i32, and has no gradient");
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
    cr_assert_eq(tg_backward(sign, tg_nil(g)).id, 0);
    says(TG_GRADIENT, "backward: 'sign' is the result of gt, which passes no gradient on");
    places("sign", NULL);
    cr_assert_eq(tg_rewind(g, m), TG_OK);

    TG_LET(more, tg_add(loss, tg_sum(tg_where(apart, one, x), tg_axes_all())));
    tg_grads d = tg_backward(more, tg_nil(g));
    m = tg_mark_now(g);
    const struct {
        tg_node node;
        const char *text, *also;
    } missing[] = {{apart, "grad: 'apart' reaches 'more' only as an operand that has no gradient", "more"},
                   {y, "grad: 'y' reaches 'more' only behind gt 'sign', which passes no gradient on", "more"},
                   {label, "grad: 'label' is i32: integers carry no gradient", NULL},
                   {one, "grad: 'one' is a constant", NULL},
                   {frozen, "grad: 'frozen' is the result of detach, which passes no gradient on", NULL},
                   {sign, "grad: 'sign' is the result of gt, which passes no gradient on", NULL},
                   {path, "grad: 'more' does not depend on 'path', so the sweep did not reach it", "more"}};
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    cr_assert(tg_has_grad(d, x) && tg_has_grad(d, more));
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        cr_assert_not(tg_has_grad(d, missing[i].node));
        cr_assert_eq(tg_grad_terms(d, missing[i].node, NULL, 0), 0);
        cr_assert_eq(tg_error(g), TG_OK, "asking is no error");
        cr_assert(tg_is_nil(tg_grad(d, missing[i].node)));
        says(TG_GRADIENT, missing[i].text);
        places(tg_name(missing[i].node), missing[i].also);
        cr_assert_eq(tg_rewind(g, m), TG_OK);
    }
}

/* The search for the reason allocates memory. It is freed, nothing is written past its end, and if there is none, that is
 * the error. Asked for are the first node of the tape, a node newer than out, and one cut off by an operator. */
Test(errors, missing_gradients_without_memory) {
    for (size_t k = 0; k < 2; k++)
        for (int which = 0; which < 3; which++) {
            struct heap heap = {0};
            tg_graph *own = tg_graph_new_with(heap_allocator(&heap));
            const tg_node x = tg_input(own, TG_F64, tg_shape1(3)), y = tg_input(own, TG_F64, tg_shape1(3));
            const tg_node sign = tg_gt(x, y), out = tg_sum(tg_where(sign, y, x), tg_axes_all());
            const tg_node cut = tg_sum(tg_mul(y, tg_floor(x)), tg_axes_all()), later = tg_exp(x);
            const tg_grads d = tg_backward(which ? cut : out, tg_nil(own));
            const tg_node asked[] = {sign, x, later};
            cr_assert_eq(tg_error(own), TG_OK, "%s", tg_message(own));
            heap.fail_at = k ? heap.calls + 1 : 0;
            cr_assert(tg_is_nil(tg_grad(d, asked[which])));
            const bool failed = k && heap.calls >= heap.fail_at;
            cr_assert_eq(failed, k && which < 2);
            cr_assert_eq(tg_error(own), failed ? TG_MEMORY : TG_GRADIENT, "%s", tg_message(own));
            static const char *const why[] = {"is the result of gt", "only behind floor", "does not depend on"};
            cr_assert(failed || strstr(tg_message(own), why[which]), "%s", tg_message(own));
            tg_graph_free(own);
            cr_assert(heap.live == 0 && heap.wrong == 0, "%d", which);
        }
}

Test(errors, seeds) {
    TG_LET(x, input(tg_shape2(2, 3)));
    TG_LET(y, tg_exp(x));
    tg_mark m = tg_mark_now(g);
    cr_assert_eq(tg_backward(y, tg_nil(g)).id, 0);
    says(TG_SHAPE, "backward: 'y' [2, 3] is not a single number; give a seed of its shape, the cotangent dL/dy");
    places("y", NULL);
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_eq(tg_backward(tg_neg(y), tg_nil(g)).id, 0);
    says(TG_SHAPE, " [2, 3] is not a single number; give a seed of its shape, the cotangent dL/dout");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    TG_LET(seed, input(tg_shape1(3)));
    cr_assert_eq(tg_backward(y, seed).id, 0);
    says(TG_SHAPE, "backward: seed 'seed' is f64 [3], but 'y' is f64 [2, 3]");
    places("y", "seed");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_eq(tg_backward(y, tg_input(g, TG_F32, tg_shape2(2, 3))).id, 0);
    says(TG_DTYPE, "is f32 [2, 3], but 'y' is f64 [2, 3]");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_eq(tg_backward(y, seed).id, 0);
    says(TG_HANDLE, "backward: the seed is stale: the tape was rewound below it");
    places("y", NULL);
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

/* Only what is a control character becomes a question mark, not the first byte of another letter or of half a one. */
Test(errors, letters_of_two_bytes) {
    cr_assert(tg_is_nil(tg_fail(g, TG_ARGUMENT, "a µ, half a \xc2 and a \xc2\x85")));
    cr_assert_str_eq(tg_message(g), "a µ, half a \xc2 and a ?\x85");
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
