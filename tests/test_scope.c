/* Scopes: prefixes, stages that number within them, views of operands, and what a rewind restores. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(scope, .init = setup, .fini = teardown, .timeout = 60);

static tg_node input(void) { return tg_input(g, TG_F64, tg_shape0()); }

static void is(const char *name, tg_node a) {
    cr_assert_eq(tg_find(g, name).id, a.id, "%s is #%u, not #%u", name, tg_find(g, name).id, a.id);
}

static tg_node half(tg_node x, const char *scope) {
    tg_scope_open(g, scope);
    x = tg_scope_operand(x, "x");
    TG_LET(h, tg_mul(x, tg_scalar(g, TG_F64, 0.5)));
    TG_LET(e, tg_exp(h));
    tg_scope_close(g);
    return e;
}

Test(scope, scopes) {
    TG_LET(x, input());
    TG_LET(first, tg_square(x));
    tg_node inside = half(first, "one");
    tg_scope_open(g, "out");
    tg_node deep = half(first, "in");
    TG_LET(last, tg_add(deep, inside));
    tg_scope_close(g);
    TG_LET(z, tg_neg(last));

    is("one/e", inside);
    is("out/in/e", deep);
    is("out/last", last);
    cr_assert_eq(tg_find(g, "one/x").id, first.id + 1);
    cr_assert_str_eq(tg_op_of(tg_find(g, "one/x")), "identity");
    cr_assert_eq(tg_stage(tg_find(g, "one/x")), 0);
    cr_assert_eq(tg_stage(tg_find(g, "one/h")), 1);
    cr_assert_eq(tg_stage(inside), 2);
    cr_assert_eq(tg_stage(deep), 2);
    cr_assert_eq(tg_stage(last), 1);
    cr_assert_eq(tg_stage(z), 2);
    cr_assert_str_eq(tg_where_is(deep).scope, "out/in/");
    cr_assert_str_eq(tg_where_is(deep).name, "e");
    cr_assert_str_eq(tg_where_is(z).scope, "");

    tg_grads d = tg_backward(z, tg_nil(g));
    is("one/dx", tg_grad(d, tg_find(g, "one/x")));
    is("out/in/dh", tg_grad(d, tg_find(g, "out/in/h")));
    is("dfirst", tg_grad(d, first));
    is("dfirst1", tg_grad(d, tg_find(g, "out/in/x")));
    cr_assert_eq(tg_set(x, &(double){0.3}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_value(tg_find(g, "one/x")), tg_value(first), "a view copies nothing");
    cr_assert_leq(fabs(tg_item(tg_grad(d, x), 0) + 2 * 0.3 * exp(0.045)), 1e-15);
}

/* NULL opens the scope that is open: names, stages and operands are those of around it. */
Test(scope, unnamed_scopes) {
    TG_LET(x, input());
    TG_LET(a, tg_exp(x));
    tg_node e = half(a, NULL);
    is("h", tg_operand(e, 0));
    cr_assert_eq(tg_operand(tg_operand(e, 0), 0).id, a.id, "no view");
    cr_assert_eq(tg_stage(e), 3);
    tg_scope_open(g, "s");
    tg_node f = half(a, NULL);
    cr_assert_eq(tg_stage(f), 2);
    cr_assert_eq(tg_operand(tg_operand(f, 0), 0).id, a.id);
    tg_scope_close(g);
    is("s/e", f);
    TG_LET(z, tg_add(e, f));
    cr_assert_eq(tg_stage(z), 4);
    cr_assert_eq(tg_error(g), TG_OK);
    tg_scope_close(g);
    cr_assert_eq(tg_error(g), TG_ARGUMENT);
    cr_assert_not_null(strstr(tg_message(g), "scope_close: no scope is open\n  after test_scope.c:"));
}

/* A scope opened in the middle of a stage does not take the stage's nodes; the stage goes on behind it. */
Test(scope, a_scope_inside_a_stage) {
    TG_LET(x, input());
    tg_node early = tg_exp(x), inner = half(early, "s");
    TG_LET(y, tg_mul(early, inner));
    cr_assert_eq(tg_stage(early), 1);
    cr_assert_eq(tg_stage(y), 1);
    cr_assert_str_eq(tg_where_is(early).name, "y");
    cr_assert_eq(tg_stage(inner), 2);
}

static void stands(tg_node a, int stage, const char *name, int line) {
    const tg_place at = tg_where_is(a);
    cr_assert_eq(at.stage, stage, "#%u is in stage %d, not %d", a.id, at.stage, stage);
    cr_assert_str_eq(at.name, name, "#%u is in stage '%s', not '%s'", a.id, at.name, name);
    cr_assert_eq(at.line, line, "#%u is at line %d, not %d", a.id, at.line, line);
}

/* What is appended before a loop of scopes, and read by the first of them only, is no part of what is named after it. */
Test(scope, an_unnamed_node_before_a_loop_of_scopes) {
    TG_LET(x, input());
    TG_LET(first, tg_exp(x));
    const tg_mark m = tg_mark_now(g);
    for (int turn = 0; turn < 3; turn++) {
        const tg_node start = tg_abs(first), unread = tg_neg(first), early = tg_exp(first);
        tg_node h = start, between = tg_nil(g);
        for (int i = 0; i < 3; i++) {
            char name[16];
            snprintf(name, sizeof name, "t%d", i);
            h = half(h, name);
            if (i == 1) between = h = tg_square(h);
            if (i == 1 && turn == 2) (void)tg_backward(between, tg_nil(g));
        }
        cr_assert_eq(tg_stage(start), -1, "nothing has closed its stage yet");
        const tg_mark inside = tg_mark_now(g);
        for (int again = 0; again < 2; again++) {
            if (turn != 1) {
                TG_LET(pred, tg_neg(h));
                stands(start, 2, "", __LINE__ - 1);
                stands(unread, 2, "", __LINE__ - 2);
                stands(between, 3, "", __LINE__ - 3);
                stands(pred, 4, "pred", __LINE__ - 4);
                TG_LET(next, tg_exp(pred));
                cr_assert_eq(tg_stage(next), 5);
            } else { /* early was in one stage with start */
                TG_LET(pred, tg_mul(early, h));
                stands(early, 2, "pred", __LINE__ - 1);
                stands(start, 2, "pred", __LINE__ - 2);
                stands(between, 3, "", __LINE__ - 3);
                stands(pred, 2, "pred", __LINE__ - 4);
                TG_LET(next, tg_exp(pred));
                cr_assert_eq(tg_stage(next), 4);
            }
            cr_assert_eq(tg_stage(h), 2, "a scope numbers its own");
            if (again || turn == 2) break;
            cr_assert_eq(tg_rewind(g, inside), TG_OK);
            cr_assert_eq(tg_stage(start), -1);
            cr_assert_eq(tg_stage(between), -1);
        }
        cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
        cr_assert_eq(tg_rewind(g, m), TG_OK);
    }
    TG_LET(second, tg_log(first));
    cr_assert_eq(tg_stage(second), 2);
}

/* What is held joins through others that are held; what is named is held itself; names alone close. */
Test(scope, stages_that_are_held) {
    TG_LET(x, input());
    const tg_node a = tg_exp(x), one = half(x, "one"), b = tg_mul(a, one), two = half(x, "two");
    TG_LET(y, tg_add(b, two));
    stands(a, 1, "y", __LINE__ - 1);
    stands(b, 1, "y", __LINE__ - 2);
    stands(y, 1, "y", __LINE__ - 3);
    const tg_node c = tg_exp(y), three = half(x, "three");
    TG_LET(named, c);
    stands(c, 2, "named", __LINE__ - 1);
    const tg_node e = tg_exp(named), four = half(e, "four");
    TG_LET(alias, four);
    stands(e, 3, "", __LINE__ - 1);
    cr_assert_eq(alias.id, four.id);
    (void)three;
    TG_LET(z, tg_exp(alias));
    cr_assert_eq(tg_stage(z), 4);
    tg_scope_open(g, "open");
    const tg_node lost = tg_exp(z);
    tg_scope_close(g);
    cr_assert_eq(tg_stage(lost), -1, "a scope that is closed closes no stage");
}

Test(scope, rewind_restores_scope_and_stage) {
    TG_LET(x, input());
    tg_scope_open(g, "s");
    TG_LET(a, tg_exp(x));
    tg_node half_way = tg_neg(a);
    tg_mark m = tg_mark_now(g);
    for (int turn = 0; turn < 3; turn++) {
        tg_scope_close(g);
        tg_scope_open(g, "t");
        TG_LET(other, tg_exp(x));
        tg_scope_close(g);
        is("t/other", other);
        cr_assert_eq(tg_rewind(g, m), TG_OK);
        cr_assert_eq(tg_stage(half_way), -1);
        TG_LET(b, tg_neg(half_way));
        is("s/b", b);
        cr_assert_eq(tg_stage(b), 2);
        cr_assert_eq(tg_stage(half_way), 2);
        cr_assert_eq(tg_rewind(g, m), TG_OK);
        cr_assert_eq(tg_stage(half_way), -1);
        cr_assert_null(tg_where_is(half_way).file);
    }
    tg_scope_close(g);
    tg_node leaf = tg_let(input(), "leaf", "a.c", 5);
    m = tg_mark_now(g);
    (void)tg_let(leaf, "leaf2", "b.c", 6);
    cr_assert_eq(tg_where_is(leaf).line, 5, "written where it was first named");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_null(tg_alias(leaf, 1));
}
