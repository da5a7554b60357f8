/* The ledger: paths however long, terms however many, and shares that never pretend. */
#include "printed.h"

TestSuite(ledger, .init = setup, .fini = teardown, .timeout = 60);

Test(ledger, a_long_path) {
    TG_LET(x, scalar());
    tg_node a = x;
    for (int i = 0; i < 1000; i++) {
        char name[20];
        snprintf(name, sizeof name, "n%d…", i);
        a = tg_let(tg_neg(a), i % 3 ? name : "", NULL, 0);
    }
    tg_grads d = tg_backward(a, tg_nil(g));
    cr_assert_eq(tg_set(x, &(double){1}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    const char *text = ledger(d, x);
    is_tame(text);
    has(text, "x ← n1… ← n2… ← n4…");
    has(text, " ← …  100.0 %");
    cr_assert_eq(lines(text), 3);
}

/* Names of all lengths: how the path ends is never cut, neither its number nor its last character. */
Test(ledger, paths_that_just_fit) {
    TG_LET(x, scalar());
    const tg_mark mark = tg_mark_now(g);
    for (int length = 1; length < 40; length++)
        for (int more = 1; more < 40; more++) {
            char name[3][48];
            memset(name, 'n', sizeof name);
            for (int i = 0; i < 3; i++) name[i][0] = (char)('a' + i), name[i][i < 2 ? length : more] = 0;
            tg_node a = tg_let(tg_neg(x), name[0], NULL, 0), b = tg_let(tg_neg(a), name[1], NULL, 0);
            tg_node c = tg_let(tg_neg(b), name[2], NULL, 0), z = tg_mul(c, c);
            for (int i = 0; i < 10; i++) z = tg_add(z, c);
            const char *text = ledger(tg_backward(z, tg_nil(g)), x);
            is_tame(text);
            cr_assert(strstr(text, " (12 paths)") || strstr(text, " ← … "), "%d %d:\n%s", length, more, text);
            cr_assert_eq(tg_rewind(g, mark), TG_OK);
        }
}

/* A fork of few ways tells where they lead, and with which shares. */
Test(ledger, forks) {
    TG_LET(x, scalar());
    TG_LET(a, tg_neg(x));
    TG_LET(b, tg_mul(a, tg_scalar(g, TG_F64, 3)));
    TG_LET(z, tg_add(tg_mul(b, tg_scalar(g, TG_F64, 2)), tg_neg(a)));
    const tg_grads d = tg_backward(z, tg_nil(g));
    has(ledger(d, x), "x ← a ← (z, b)  ");
    cr_assert(!tg_set(x, &(double){1}) && !tg_run(g));
    has(ledger(d, x), "x ← a ← (14.3 % z, 85.7 % b)  100.0 %");
}

Test(ledger, many_terms) {
    TG_LET(x, scalar());
    tg_node z = x;
    for (int i = 0; i < 1000; i++) z = tg_add(z, tg_mul(x, tg_scalar(g, TG_F64, i % 2 ? 3 : -3)));
    TG_LET(out, tg_mul(tg_scalar(g, TG_F64, 2), z));
    tg_grads d = tg_backward(out, tg_nil(g));
    cr_assert_eq(tg_set(x, &(double){1}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    const char *text = ledger(d, x);
    is_tame(text);
    cr_assert_eq(lines(text), 2 + 1001);
    cr_assert_eq(count_of(text, " 0.1 %"), 1001);
    cr_assert_eq(count_of(text, "< 0.1 %"), 1, "x itself: 1 of 3001");
    has(text, "dx1001");
}

Test(ledger, shares) {
    TG_LET(a, row(2));
    TG_LET(b, row(2));
    TG_LET(z, tg_sum(tg_sub(tg_mul(a, b), tg_mul(a, b)), tg_axis(0)));
    tg_grads d = tg_backward(z, tg_nil(g));
    cr_assert_eq(tg_set(a, (double[]){1, 2}), TG_OK);
    const struct {
        double b[2];
        const char *says;
    } cases[] = {{{1, 4}, " 50.0 %"}, {{1, NAN}, "1 not finite"}, {{INFINITY, NAN}, "2 not finite"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(tg_set(b, cases[i].b), TG_OK);
        cr_assert_eq(tg_run(g), TG_OK);
        cr_assert_eq(count_of(ledger(d, a), cases[i].says), 2, "%s", printed);
        lacks(printed, " 0.0 %");
    }
    cr_assert_eq(tg_set(b, (double[]){0, 0}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    lacks(ledger(d, a), "nan");
    cr_assert_eq(tg_set(b, (double[]){1e308, 1e308}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    lacks(ledger(d, a), "nan");
    cr_assert_str_eq(ledger(d, tg_mul(a, b)), "", "nothing arrived there");
}

/* With one of two terms computed neither share is known. */
Test(ledger, before_all_has_run) {
    TG_LET(a, row(2));
    TG_LET(b, row(2));
    TG_LET(z, tg_sum(tg_add(tg_mul(a, b), tg_mul(a, b)), tg_axis(0)));
    tg_grads d = tg_backward(z, tg_nil(g));
    tg_term terms[2];
    cr_assert_eq(tg_grad_terms(d, a, terms, 2), 2);
    cr_assert(!tg_set(a, (double[]){1, 2}) && !tg_set(b, (double[]){1, 2}));
    cr_assert_eq(tg_run_to(terms[0].term), TG_OK);
    cr_assert(tg_value(terms[0].term) && !tg_value(terms[1].term));
    lacks(ledger(d, a), "%");
    cr_assert_eq(count_of(printed, "–\n"), 2, "%s", printed);
}

Test(ledger, long_formulas_say_that_they_are_cut) {
    tg_node x = tg_let(scalar(), "längst…", NULL, 0), y = tg_let(row(2), "breit……", NULL, 0);
    tg_node z = tg_mul(x, tg_sum(tg_exp(tg_mul(tg_sub(y, tg_square(y)), tg_add(y, y))), tg_axis(0)));
    const char *text = ledger(tg_backward(z, tg_nil(g)), x);
    is_tame(text);
    has(text, "...");
}

/* What has another's value has a name of its own: h0 is not sent anything by h0. */
Test(ledger, a_view_sends_under_its_own_name) {
    TG_LET(h0, tg_input(g, TG_F64, tg_shape2(2, 3)));
    TG_LET(gamma, row(3));
    TG_LET(z, tg_sum(tg_add(tg_layernorm(h0, gamma, gamma, 1, 1e-5, "ln1"), h0), tg_axes_all()));
    const char *text = ledger(tg_backward(z, tg_nil(g)), h0);
    has(text, " ln1/x ");
    lacks(text, " h0    ");
}

/* Two ways that lead to one name are told apart by what they go through. */
Test(ledger, ways_to_one_name) {
    TG_LET(x, row(2));
    TG_LET(h, tg_exp(x));
    const tg_node minus = tg_neg(h), square = tg_square(h);
    TG_LET(e, tg_add(square, minus));
    TG_LET(t, tg_mul(e, e));
    tg_grads d = tg_backward(tg_sum(t, tg_axis(0)), tg_nil(g));
    cr_assert(!tg_set(x, (double[]){0, 1}) && !tg_run(g));
    has(ledger(d, x), " e by square(h), ");
    has(printed, " e by -h)");
    has(ledger(d, h), " (50.0 % t as operand 0, 50.0 % t as operand 1)");
}
