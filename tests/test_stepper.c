/* The stepper: every moment of a sweep is told, with the numbers that the tape has, and no other. */
#include "inspect.h" /* before g is a name */

#include "printed.h"

TestSuite(stepper, .init = setup, .fini = teardown, .timeout = 60);

static bool stops;

static const char *moment(tg_grads d, size_t k) {
    FILE *file = sheet();
    const size_t calls = heap.calls;
    stops = tg_print_moment(d, k, file);
    cr_assert_eq(heap.calls, calls, "printing needs no memory");
    return text_of(file);
}

/* The moment at which sweep d delivered term number `which` to a. */
static size_t delivery(tg_grads d, tg_node a, uint32_t which) {
    for (size_t k = 0; k < tg_moments(g); k++) {
        const struct tg__stop stop = tg__stop_at(d, k);
        if (stop.kind == TG__ARRIVED && stop.node == a.id && stop.arrived == which) return k;
    }
    cr_assert_fail("no such delivery");
    return 0;
}

static tg_node x, gamma_, out;

static tg_grads normalization(const char *scope) {
    x = tg_let(tg_input(g, TG_F64, tg_shape2(2, 2)), "x", "here.c", 1);
    gamma_ = tg_let(row(2), "gamma", "here.c", 2);
    out = tg_batchnorm(x, gamma_, gamma_, tg_axis(0), 9, scope);
    TG_LET(seed, tg_input(g, TG_F64, tg_shape2(2, 2)));
    const tg_grads d = tg_backward(out, seed);
    cr_assert(!tg_set(x, (double[]){1, 20, 9, 12}) && !tg_set(gamma_, (double[]){5, 10}));
    cr_assert(!tg_set(seed, (double[]){1, 0, 0, 1}));
    return d;
}

Test(stepper, every_stop_and_no_other) {
    const tg_grads d = normalization(NULL), second = tg_backward(out, tg_grad(d, out));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    size_t told[2] = {0};
    for (size_t k = 0; k < tg_moments(g) + 3; k++)
        for (int i = 0; i < 2; i++) {
            const tg_grads s = i ? second : d;
            const char *text = moment(s, k);
            cr_assert_eq(stops, tg__stop_at(s, k).kind != TG__PASSED);
            cr_assert_eq(stops, *text != 0);
            is_tame(text);
            told[i] += stops;
        }
    cr_assert_gt(told[0], 25);
    cr_assert_eq(told[0], told[1]);
}

/* The numbers are those of 03_by_hand.c. */
Test(stepper, a_contribution) {
    const tg_grads d = normalization(NULL);
    cr_assert_eq(tg_run(g), TG_OK);
    const char *text = moment(d, delivery(d, tg_find(g, "xmu"), 1));
    has(text, "backward, step 7   dxmu += dxhat*ivar   from xhat, term 1 of 2; pending: sq\n");
    has(line_of(text, "upstream"), "g = dxhat");
    has(line_of(text, "upstream"), "[2, 2]      5 0 | 0 10");
    has(line_of(text, "local"), "to xmu: g*ivar");
    has(line_of(text, "contribution"), "dxmu1");
    has(line_of(text, "contribution"), "[2, 2]      1 0 | 0 2");
    lacks(text, "complete");
    text = moment(d, delivery(d, tg_find(g, "xmu"), 2));
    has(text, "dxmu += 2*xmu*dsq   from sq, term 2 of 2\n");
    has(line_of(text, "complete"), "dxmu = dxmu1 + dxmu2");
    has(line_of(text, "complete"), "0.68 0.64 | 0.32 1.36");
    text = moment(d, delivery(d, tg_find(g, "ivar"), 1));
    has(text, "backward, step 7   divar = sum(dxhat*xmu, axis=0)   from xhat\n");
    has(text, "to ivar: g*xmu, summed over axis 0\n");
    lacks(text, "term");
    text = moment(d, delivery(d, out, 1));
    has(text, "backward, step 9   dout = seed   the seed\n");
    has(text, "1 0 | 0 1\n");
    text = moment(d, delivery(d, tg_find(g, "gammax"), 1));
    has(text, "dgammax = seed   from out\n");
}

/* The local derivative is the right one; what the sweep does to it on purpose is said beside it. */
Test(stepper, a_mutated_contribution) {
    const tg_grads right = normalization(NULL), d = tg_mutate(right, tg_find(g, "sq"), 0, TG_FLIP, tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    has(moment(d, delivery(d, tg_find(g, "xmu"), 2)), "to xmu: 2*xmu*g; mutated: flipped\n");
    lacks(moment(right, delivery(right, tg_find(g, "xmu"), 2)), "mutated");
}

Test(stepper, a_computation) {
    const tg_grads d = normalization("bn");
    for (int run = 0; run < 2; run++) {
        const char *text = NULL;
        for (size_t k = 0; k < tg_moments(g); k++)
            if (tg_moment_at(g, k).kind == TG_APPENDED && tg_moment_at(g, k).node.id == tg_find(g, "bn/xhat").id)
                text = moment(d, k);
        has(text, "forward, bn/ step 7  bn/xhat = bn/xmu*bn/ivar\n");
        has(line_of(text, "from"), "bn/xmu");
        has(line_of(text, "   bn/ivar"), run ? "0.2 0.2" : "–");
        has(line_of(text, "value"), run ? "-0.8 0.8 | 0.8 -0.8" : "–");
        cr_assert_eq(tg_run(g), TG_OK);
    }
}

Test(stepper, unnamed_nodes_many_terms_and_scalars) {
    tg_node a = scalar(), b = scalar(), z = tg_mul(a, b);
    for (int i = 0; i < 9; i++) z = tg_add(z, a);
    const tg_grads d = tg_backward(z, tg_nil(g));
    cr_assert(!tg_set(a, &(double){2}) && !tg_set(b, &(double){3}) && !tg_run(g));
    const char *text = moment(d, delivery(d, a, 1));
    has(text, "term 1 of 10; pending: ");
    has(text, " and 5 more\n");
    text = moment(d, delivery(d, a, 10));
    has(line_of(text, "contribution"), " 3");
    has(line_of(text, "complete"), " 12");
    has(text, "g*#2");
    text = moment(d, delivery(d, z, 1));
    has(text, "the seed");
}

/* A shape that was repeated is told over which axes it is summed. */
Test(stepper, axes) {
    TG_LET(a, tg_input(g, TG_F64, tg_shape3(2, 1, 4)));
    TG_LET(b, tg_input(g, TG_F64, tg_shape4(5, 2, 3, 4)));
    TG_LET(z, tg_mul(a, b));
    TG_LET(s, tg_sum(tg_square(z), tg_axes_all()));
    const tg_grads d = tg_backward(s, tg_nil(g));
    has(moment(d, delivery(d, a, 1)), "to a: g*b, summed over axes 0, 2\n");
    lacks(moment(d, delivery(d, b, 1)), "summed");
    lacks(moment(d, delivery(d, tg_operand(s, 0), 1)), "summed");
}

/* So are the batches that one matrix was multiplied with. */
Test(stepper, axes_of_batches) {
    TG_LET(a, tg_input(g, TG_F64, tg_shape4(5, 1, 2, 3)));
    TG_LET(b, tg_input(g, TG_F64, tg_shape2(3, 3)));
    TG_LET(z, tg_matmul(a, b));
    TG_LET(s, tg_sum(z, tg_axes_all()));
    const tg_grads d = tg_backward(s, tg_nil(g));
    has(moment(d, delivery(d, b, 1)), "to b: a.T @ g, summed over axes 0, 1\n");
    lacks(moment(d, delivery(d, a, 1)), "summed");
}

Test(stepper, every_operator_speaks_of_its_own_operands) {
    TG_LET(apple, tg_input(g, TG_F64, tg_shape2(2, 2)));
    TG_LET(pear, tg_input(g, TG_F64, tg_shape2(2, 2)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(2)));
    const struct {
        tg_node z;
        int slot;
        const char *says;
    } cases[] = {{tg_div(apple, pear), 1, "-g*(apple/pear)/pear"},
                 {tg_matmul(apple, pear), 0, "g @ pear.T"},
                 {tg_matmul(apple, pear), 1, "apple.T @ g"},
                 {tg_matmul_t(apple, pear, false, true), 1, "g.T @ apple"},
                 {tg_matmul_t(apple, pear, true, true), 0, "pear.T @ g.T"},
                 {tg_where(apple, pear, apple), 1, "g where apple"},
                 {tg_max(apple, tg_axis(0)), 0, "g, shared equally by the ties"},
                 {tg_gather(apple, label), 0, "scatter(g, label)"},
                 {tg_mul(tg_add(apple, pear), pear), 1, "g*(apple + pear)"},
                 {tg_mul(tg_exp(apple), pear), 1, "g*exp(apple)"},
                 {tg_reshape(apple, tg_shape1(4)), 0, "g in apple's shape"},
                 {tg_neg(pear), 0, "-g"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[100], small[12];
        cr_expect_str_eq(tg__derivative(g, cases[i].z.id, cases[i].slot, text, sizeof text), cases[i].says);
        tg__derivative(g, cases[i].z.id, cases[i].slot, small, sizeof small);
    }
}

Test(stepper, hostile_names_nil_and_stale) {
    const tg_mark mark = tg_mark_now(g);
    tg_node a = tg_let(row(20), "\033[2J\xff\n", NULL, 0);
    tg_scope_open(g, "\033[2J");
    tg_node b = tg_let(tg_mul(a, tg_exp(a)), "\xe2\x80\xae", NULL, 0);
    tg_scope_close(g);
    tg_node z = tg_let(tg_sum(b, tg_axis(0)), "%s%n", NULL, 0);
    const tg_grads d = tg_backward(z, tg_nil(g));
    for (size_t k = 0; k < tg_moments(g); k++) is_tame(moment(d, k));
    cr_assert_str_eq(moment((tg_grads){0}, 0), "");
    cr_assert_str_eq(moment((tg_grads){g, 0, 0}, 0), "");
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    cr_assert_str_eq(moment(d, 0), "");
    cr_assert_not(stops);
}
