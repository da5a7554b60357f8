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
    tg_node y = tg_let(tg_mul(tg_log(x), tg_scalar(g, TG_F64, 2)), "y", "dir/\033file.c", 12);
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
    first(tg_operand(y, 0), "forward: log #4 (log): element [2] is nan (log(wört…))");
    first(tg_operand(y, 0), "(log(wört…))\n  at ?file.c:12 in stage 'y'\n  there: log(-1) = nan\n  'wört…' [3] from -1 to 4, there -1\n");
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
