/* The first node with a NaN or an infinity: which it is, how it came about, and what it says in little room. */
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(nonfinite, .init = setup, .fini = teardown, .timeout = 60);

static void set(tg_node a, const void *data) { cr_assert_eq(tg_set(a, data), TG_OK, "%s", tg_message(g)); }

static void first(tg_node want, const char *says) {
    char text[1000] = "old", cut[1000];
    tg_node a = tg_first_nonfinite(g, text, sizeof text);
    cr_expect_eq(a.id, want.id, "#%u: %s", a.id, text);
    cr_expect_eq(tg_first_nonfinite(g, NULL, 0).id, want.id);
    cr_expect(*says ? strstr(text, says) != NULL : !*text, "'%s' is not in: %s", says, text);
    for (size_t room = 1; room <= strlen(text); room++) {
        memset(cut, 'z', sizeof cut);
        tg_first_nonfinite(g, cut, room);
        cr_assert(strlen(cut) < room && strncmp(cut, text, strlen(cut)) == 0 && cut[room] == 'z');
        cr_assert_neq((unsigned char)text[strlen(cut)] & 0xc0, 0x80, "a character is cut: %s", cut);
    }
}

Test(nonfinite, where_it_began) {
    tg_node x = tg_let(tg_input(g, TG_F64, tg_shape1(3)), "wört…", NULL, 0);
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(3)));
    const tg_node two = tg_scalar(g, TG_F64, 2); /* C leaves open which argument comes first */
    tg_node y = tg_let(tg_mul(tg_log(x), two), "y", "dir/\033file.c", 12);
    TG_LET(z, tg_sum(tg_sqrt(x), tg_axis(0)));
    tg_grads d = tg_backward(z, tg_nil(g));
    TG_LET(later, tg_exp(x));
    first(tg_nil(g), "");
    set(label, (int32_t[]){INT32_MIN, INT32_MAX, 0});
    set(x, (double[]){1, 2, 3});
    first(tg_nil(g), "");
    cr_assert_eq(tg_run(g), TG_OK);
    first(tg_nil(g), "");
    set(x, (double[]){1, NAN, 3});
    first(x, "given: input 'wört…': element [1] is nan (input)");
    set(x, (double[]){1, 4, -1});
    first(tg_nil(g), ""); /* what was computed is not valid any more */
    cr_assert_eq(tg_run(g), TG_OK);
    first(tg_operand(y, 0), "forward: #4 (log): element [2] is nan (log(wört…))");
    first(tg_operand(y, 0), "(log(wört…))\n  at ?file.c:12 in stage 'y'\n"
                            "  there: log(-1) = nan\n  'wört…' [3] from -1 to 4, there -1\n");
    TG_LET(root, tg_input(g, TG_F64, tg_shape2(2, 2)));
    TG_LET(r, tg_sum(tg_sqrt(root), tg_axes_all()));
    d = tg_backward(r, tg_nil(g));
    set(x, (double[]){1, 2, 3});
    set(root, (double[]){1, 4, 0, 9});
    cr_assert_eq(tg_run(g), TG_OK);
    first(tg_grad(d, root), "backward (gradient of 'root'): div 's2/droot': element [1, 0] is inf");
    set(x, (double[]){1, 1e3, 3});
    cr_assert_eq(tg_run(g), TG_OK);
    first(later, "forward: exp 'later': element [1] is inf (exp(wört…))");
}

/* Of operands it tells what they range over, and how many elements have no place in a range. */
Test(nonfinite, operands) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(none, tg_input(g, TG_F64, tg_shape2(0, 2)));
    TG_LET(y, tg_max(tg_expand(tg_reshape(x, tg_shape2(1, 2)), tg_shape2(2, 2)), tg_axis(0)));
    set(none, NULL);
    set(x, (double[]){1e308, -1e308});
    TG_LET(z, tg_mul(tg_add(x, x), tg_sum(none, tg_axis(0))));
    cr_assert_eq(tg_run(g), TG_OK);
    first(tg_operand(z, 0), "\n  'x' [2] from -1e+308 to 1e+308, there 1e+308\n  'x' [2]");
    tg_node w = tg_add(x, y);
    set(x, (double[]){3, INFINITY});
    cr_assert_eq(tg_run_to(w), TG_OK);
    first(x, "input 'x': element [1] is inf (input)\n");
}

/* ------------------------------------------------------------------------------------------------- made for whom */

Test(nonfinite, forward_and_backward) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(big, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(y, tg_add(tg_mul(x, big), tg_mul(x, big)));
    TG_LET(dy, tg_input(g, TG_F64, tg_shape0()));
    tg_grads d = tg_backward(y, dy);
    TG_LET(between, tg_mul(tg_grad(d, x), big));
    TG_LET(seed, tg_input(g, TG_F64, tg_shape0()));
    tg_backward(between, seed);
    TG_LET(after, tg_exp(seed));
    const struct {
        double big, dy, seed;
        const char *node, *says;
    } cases[] = {
        {1e308, 1, 0, "dx", "backward (gradient of 'x'): add 'dx': the value is inf (dx1 + dx2)\n"},
        {1e308, 1e10, 0, "dx1", "backward (gradient of 'x'): mul 'dx1': the value is inf (dy*big)\n"},
        {1e200, 1, 0, "between", "forward: mul 'between': the value is inf (dx*big)\n"},
        {1e100, 1, 1e300, "s2/ddx", "backward (gradient of 'dx'): mul 's2/ddx': the value is inf (s2/dbetween*big)\n"},
        {1, 1, 1000, "after", "forward: exp 'after': the value is inf (exp(seed))\n"},
        {NAN, 1, 1000, "big", "given: input 'big': the value is nan (input)\n"},
    };
    set(x, &(double){0});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set(big, &cases[i].big), set(dy, &cases[i].dy), set(seed, &cases[i].seed);
        cr_assert_eq(tg_run(g), TG_OK);
        first(tg_find(g, cases[i].node), cases[i].says);
    }
    cr_assert_eq(tg_find(g, "after").id, after.id);
}

/* Nodes in the middle of a term have no name; the one it is made for has. Several sweeps over one tape. */
Test(nonfinite, within_a_term) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(v, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(y, tg_reciprocal(v));
    TG_LET(z, tg_sum(tg_mul(y, x), tg_axes_all()));
    tg_backward(z, tg_nil(g));
    tg_backward(z, tg_nil(g));
    set(x, (double[]){1, 2});
    set(v, (double[]){1, 1e-170});
    cr_assert_eq(tg_run(g), TG_OK);
    char text[1000];
    tg_node product = tg_first_nonfinite(g, text, sizeof text);
    cr_assert_str_eq(tg_op_of(product), "mul");
    cr_assert_str_eq(tg_name(product), "");
    first(product, "backward (gradient of 'v'): #");
    first(product, ": element [1] is inf (dy*y*y)\n  at test_nonfinite.c:");
    first(product, " in stage 'y'\n  there: 2e+170*1e+170 = inf\n");
}

/* ------------------------------------------------------------------------------------------------- which, and why */

Test(nonfinite, element_and_operands_there) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape3(2, 3, 2)));
    TG_LET(s, tg_input(g, TG_F64, tg_shape2(3, 1)));
    TG_LET(k, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(y, tg_div(tg_mul(x, k), s));
    static const char *const columns[] = {"mass", "ash\033"};
    cr_assert_eq(tg_label_columns(y, columns, 2), TG_OK);
    set(x, (double[]){0, 1, 2, 3, 0, 0, 6, 7, 8, 9, 10, 11});
    set(s, (double[]){1, 0, 2});
    set(k, &(double){-3});
    cr_assert_eq(tg_run(g), TG_OK);
    first(y, "div 'y': element [0, 1, 0], column 'mass', is -inf (x*k/s); 4 of 12 elements are not finite\n");
    first(y, "\n  there: -6/0 = -inf\n"
             "  #4 (mul) [2, 3, 2] from -33 to -0, there -6\n  's' [3, 1] from 0 to 2, there 0\n"
             "  all operands are finite: this node made it, because 's' is 0 there\n"
             "  to see it again: tg_save_leaves(g, \"replay.npz\")");
    set(s, (double[]){1, 0x1p-1000, 2});
    set(x, (double[]){0, 1, 2, 1e300, 0, 0, 6, 7, 8, 9, 10, 11});
    cr_assert_eq(tg_run(g), TG_OK);
    first(y, "div 'y': element [0, 1, 1], column 'ash?', is -inf (x*k/s)\n");
    first(y, "\n  there: -3e+300/9.33264e-302 = -inf\n");
    set(s, (double[]){1, 1, 2});
    set(x, (double[]){0, 1, 2, 3, 0, 0, 6, 7, 8, NAN, 10, 11});
    cr_assert_eq(tg_run(g), TG_OK);
    first(x, "given: input 'x': element [1, 1, 1] is nan (input)\n");
    first(x, "\n  no operator made it: the value was given\n");
}

Test(nonfinite, reasons) {
    TG_LET(a, tg_input(g, TG_F32, tg_shape1(1)));
    TG_LET(b, tg_input(g, TG_F32, tg_shape1(1)));
    const tg_mark mark = tg_mark_now(g);
    const struct {
        tg_node (*binary)(tg_node, tg_node);
        tg_node (*unary)(tg_node);
        float a, b;
        const char *says;
    } cases[] = {
        {tg_div, NULL, 0, 0, "there: 0/0 = nan\n  'a' [1] is 0\n  'b' [1] is 0\n"
                             "  all operands are finite: this node made it, because 'b' is 0 there\n"},
        {tg_div, NULL, -1, 0, "there: -1/0 = -inf\n"},
        {tg_div, NULL, 1, -1e-40F, "made it, because the result is beyond the largest f32, 3.40282e+38 (in f64"},
        {tg_mul, NULL, 1e20F, -1e20F, "there: 1e+20*(-1e+20) = -inf\n"},
        {tg_mul, NULL, 1e20F, -1e20F, "the largest f32, 3.40282e+38 (in f64 it would be -1e+40)\n"},
        {tg_sub, NULL, -3e38F, 3e38F, "there: -3e+38 - 3e+38 = -inf\n"},
        {tg_sub, NULL, -3e38F, 3e38F, "because the result is beyond the largest f32"},
        {NULL, tg_log, -2, 0, "there: log(-2) = nan\n"},
        {NULL, tg_log, -2, 0, "this node made it, because 'a' is negative there\n"},
        {NULL, tg_log, 0, 0, "this node made it, because 'a' is 0 there\n"},
        {NULL, tg_sqrt, -2, 0, "this node made it, because 'a' is negative there\n"},
        {NULL, tg_reciprocal, 0, 0, "there: 1/0 = inf\n"},
        {NULL, tg_exp, 100, 0, "(in f64 it would be 2.68812e+43)\n"},
        {NULL, tg_exp, 1000, 0, "because the result is beyond the largest f32, 3.40282e+38\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tg_node z = cases[i].binary ? cases[i].binary(a, b) : cases[i].unary(a);
        set(a, &cases[i].a), set(b, &cases[i].b);
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        first(z, cases[i].says);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
}

Test(nonfinite, not_elementwise) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 2)));
    TG_LET(total, tg_sum(x, tg_axis(0)));
    set(x, (double[]){1, 1e308, 2, 1e308});
    cr_assert_eq(tg_run(g), TG_OK);
    first(total, "forward: sum 'total': element [1] is inf (sum(x, axis=0))\n  at test_nonfinite.c:");
    first(total, " in stage 'total'\n  'x' [2, 2] from 1 to 1e+308\n"
                 "  all operands are finite: this node made it, out of numbers of the size above\n");
}

/* Neither a name nor a column label puts anything into the text that a terminal obeys. */
Test(nonfinite, hostile_names) {
    static char name[1 << 20];
    char text[4000];
    memset(name, '\033', sizeof name - 1);
    memcpy(name, "a\nb\xe2\x80\xae\xff", 7);
    tg_node x = tg_let(tg_input(g, TG_F64, tg_shape1(1)), name, name, 3);
    const char *const column = name;
    cr_assert_eq(tg_label_columns(x, &column, 1), TG_OK);
    set(x, (double[]){INFINITY});
    cr_assert_eq(tg_first_nonfinite(g, text, sizeof text).id, x.id);
    cr_assert_not_null(strstr(text, "column 'a?b?"));
    for (const char *s = text; *s; s++) cr_assert((unsigned char)*s >= 0x20 || *s == '\n');
    cr_assert(!strstr(text, "\xe2\x80\xae") && !strchr(text, '\xff') && strlen(text) < 1000);
}

/* An infinity that was written down is no accident, as long as nothing is made of it. */
Test(nonfinite, infinite_constants) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(y, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(mask, tg_const(g, TG_F64, tg_shape1(3), (double[]){0, -(double)INFINITY, 0}));
    TG_LET(lse, tg_logsumexp(x, tg_axes_all()));
    TG_LET(bce, tg_bce_with_logits(x, y, tg_nil(g), TG_SUM, "bce"));
    const tg_grads d = tg_backward(bce, tg_nil(g));
    TG_LET(high, tg_clamp(x, 0, (double)INFINITY));
    TG_LET(quotient, tg_div(x, y));
    const tg_mark m = tg_mark_now(g);
    set(x, (double[]){1, 2, 3});
    set(y, (double[]){0.5, 1, 0.25});
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    first(tg_nil(g), "");
    set(y, (double[]){0.5, 0, 0.25});
    cr_assert_eq(tg_run(g), TG_OK);
    first(quotient, "there: 2/0 = inf");
    set(y, (double[]){0.5, 1, 0.25});
    TG_LET(masked, tg_add(x, mask));
    cr_assert_eq(tg_run(g), TG_OK);
    first(masked, "element [1] is -inf (x + mask)");
    first(masked, "\n  'mask' is a constant that is infinite\n");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    TG_LET(missing, tg_const(g, TG_F64, tg_shape1(2), (double[]){(double)INFINITY, (double)NAN}));
    first(missing, "given: const 'missing': element [1] is nan");
    (void)d;
}

/* Where the room ends within a character of four bytes, the text ends before it; without room nothing is written. */
Test(nonfinite, in_little_room) {
    char text[8] = "old";
    tg_node x = tg_let(tg_input(g, TG_F64, tg_shape1(2)), "𝄞𝄢", "a.c", 3);
    set(x, (double[]){INFINITY, 1});
    first(x, "'𝄞𝄢'");
    cr_assert_eq(tg_first_nonfinite(g, text, 0).id, x.id);
    cr_assert_str_eq(text, "old");
}
