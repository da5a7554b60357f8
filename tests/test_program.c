/* Programs: the same numbers as the tape's, in memory of their own, from leaves as they are at each run. */
#include "programs.h"

TestSuite(program, .init = setup, .fini = teardown, .timeout = 120);

enum { N = 12, D = 5 };

/* ------------------------------------------------------------------------------------------------ what is asked for */

/* Leaves, constants, views, labels, nothing at all, and the same twice: each is an output like any other. */
Test(program, outputs_of_every_kind) {
    static const unsigned flags[] = {TG_INTERPRET, 0};
    const tg_node x = leaf("x", TG_F64, tg_shape2(3, 2)), empty = leaf("empty", TG_F32, tg_shape2(0, 4));
    const tg_node two = tg_scalar(g, TG_F64, 2), table = tg_const(g, TG_F64, tg_shape1(3), (double[]){1, 2, 3});
    TG_LET(flat, tg_reshape(x, tg_shape1(6)));
    TG_LET(again, tg_reshape(tg_mul(x, x), tg_shape1(6)));
    TG_LET(one, tg_exp(x));
    TG_LET(other, tg_exp(x)); /* may become the same node */
    TG_LET(best, tg_argmax(x, tg_axis(1)));
    TG_LET(none, tg_exp(empty));
    TG_LET(sum, tg_sum(empty, tg_axis(0)));
    TG_LET(fixed, tg_add(two, two));
    const tg_node outputs[] = {x, two, table, flat, again, one, other, best, none, sum, fixed, empty, one, x};
    const size_t count = sizeof outputs / sizeof *outputs;
    for (int k = 0; k < 2; k++) {
        tg_program *p = compile(outputs, count, TG_EXACT, flags[k]);
        for (int turn = 0; turn < 2; turn++) {
            draw(x);
            run(p);
            cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
            for (size_t i = 0; i < count; i++) same_bits(p, outputs[i]);
        }
        const double before = *(const double *)tg_program_value(p, x);
        draw(x);
        cr_assert_eq(*(const double *)tg_program_value(p, x), before, "of the last run");
        cr_assert_neq(tg_item(x, 0), before);
        cr_assert_null(tg_program_value(p, tg_operand(again, 0)), "no output");
    }
}

Test(program, values_only_after_a_run_that_succeeds) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape0()));
    TG_LET(y, tg_gather(x, label));
    tg_program *p = compile(&y, 1, TG_FAST, 0);
    cr_assert_null(tg_program_value(p, y));
    cr_assert_eq(tg_set(x, (double[]){3, 4}) | tg_set(label, &(int32_t){1}), TG_OK);
    run(p);
    const double *value = tg_program_value(p, y);
    cr_assert_eq(*value, 4);
    cr_assert_eq(tg_set(label, &(int32_t){2}), TG_OK);
    cr_assert_eq(tg_program_run(p), TG_VALUE);
    cr_assert_null(tg_program_value(p, y));
    cr_assert_eq(tg_set(label, &(int32_t){0}), TG_OK);
    run(p);
    cr_assert_eq(tg_program_value(p, y), value, "its memory stays where it is");
    cr_assert_eq(*value, 3);
}

/* ------------------------------------------------------------------------------------------------- what it reads */

Test(program, leaves_bound_and_set_anew) {
    const tg_node x = leaf("x", TG_F64, tg_shape1(4));
    TG_LET(y, tg_square(x));
    tg_program *p = compile(&y, 1, TG_EXACT, 0);
    double batch[2][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
    for (int turn = 0; turn < 4; turn++) {
        cr_assert_eq(tg_bind(x, batch[turn % 2]), TG_OK);
        batch[turn % 2][3] += 0.5; /* behind the library's back */
        run(p);
        for (int i = 0; i < 4; i++)
            cr_assert_eq(((const double *)tg_program_value(p, y))[i], batch[turn % 2][i] * batch[turn % 2][i]);
    }
    cr_assert_eq(tg_set(x, batch[0]), TG_OK);
    cr_assert_eq(tg_program_give(p, x, batch[1]), TG_OK, "%s", tg_message(g));
    run(p);
    cr_assert_eq(((const double *)tg_program_value(p, y))[0], 25);
    cr_assert_eq(tg_item(x, 0), 1, "the graph holds what it held");
    cr_assert_eq(tg_program_give(p, x, NULL), TG_OK);
    run(p);
    cr_assert_eq(((const double *)tg_program_value(p, y))[0], 1);
}

/* A backward pass alone: from the statistics that the tape holds, or that another program computed. */
Test(program, given_nodes) {
    const tg_node x = leaf("x", TG_F64, tg_shape2(N, D)), dout = leaf("dout", TG_F64, tg_shape2(N, D));
    const tg_node gamma = leaf("gamma", TG_F64, tg_shape1(D)), beta = leaf("beta", TG_F64, tg_shape1(D));
    TG_LET(out, tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, "bn"));
    const tg_grads d = tg_backward(out, dout);
    const tg_node dx = tg_grad(d, x), xhat = tg_find(g, "bn/xhat"), ivar = tg_find(g, "bn/ivar");
    const tg_node forward[] = {out, xhat, ivar}, back[] = {dx, tg_grad(d, gamma), xhat};
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    tg_program *f = compile(forward, 3, TG_EXACT, 0);
    tg_program *b = tg_compile(g, back, 3, (tg_compile_options){TG_EXACT, TG_MUST_COMPILE, forward + 1, 2});
    cr_assert_not_null(b, "%s", tg_message(g));
    cr_assert_str_empty(tg_program_note(b), "%s", tg_program_note(b));
    cr_assert_lt(tg_program_stats(b).tape_nodes, tg_program_stats(f).tape_nodes + 30);

    cr_assert_eq(tg_program_run(b), TG_VALUE);
    cr_assert(strstr(tg_message(g), "is given but has no value"), "%s", tg_message(g));
    run(f);
    for (int i = 1; i < 3; i++) cr_assert_eq(tg_program_give(b, forward[i], tg_program_value(f, forward[i])), TG_OK);
    run(b);
    cr_assert_eq(tg_run(g), TG_OK);
    for (int i = 0; i < 3; i++) same_bits(b, back[i]);

    for (int i = 1; i < 3; i++) cr_assert_eq(tg_program_give(b, forward[i], NULL), TG_OK);
    run(b);
    for (int i = 0; i < 3; i++) same_bits(b, back[i]);
    draw(x);
    cr_assert_eq(tg_program_run(b), TG_VALUE, "what is given is stale");
    cr_assert_eq(tg_run_to(out), TG_OK);
    run(b);
}

/* -------------------------------------------------------------------------------------------- several, and their end
 */

Test(program, two_on_one_tape) {
    const tg_node x = leaf("x", TG_F64, tg_shape1(3));
    TG_LET(y, tg_exp(x));
    TG_LET(z, tg_mul(y, x));
    tg_program *p = compile(&y, 1, TG_EXACT, 0), *q = compile(&z, 1, TG_EXACT, 0), *r = compile(&z, 1, TG_FAST, 0);
    for (int turn = 0; turn < 3; turn++) {
        draw(x);
        run(p);
        run(q);
        cr_assert_eq(tg_run(g), TG_OK);
        same_bits(p, y);
        same_bits(q, z);
        if (turn == 0) tg_program_free(r); /* from the middle of the list; p and q go with the graph */
    }
    tg_program_free(NULL);
}

/* The simplified tape is a tape: with values, where the interpreter ran it, in whatever the graph did since. */
Test(program, its_tape_is_for_every_reader) {
    const tg_node x = leaf("x", TG_F64, tg_shape1(3));
    TG_LET(y, tg_square(x));
    tg_program *p = compile(&y, 1, TG_EXACT, TG_INTERPRET);
    run(p);
    static const double own[] = {1, 2, 3};
    cr_assert_eq(tg_bind(x, own), TG_OK); /* its own memory is gone */
    tg_graph *small = tg_program_graph(p);
    const tg_node sx = tg_find(small, "x"), sy = tg_find(small, "y");
    cr_assert(!tg_is_nil(sx) && !tg_is_nil(sy));
    cr_assert_eq(tg_item(sy, 2), tg_item(sx, 2) * tg_item(sx, 2));
    FILE *sink = tmpfile();
    tg_print(small, sink);
    cr_assert_gt(ftell(sink), 100);
    fclose(sink);
    TG_LET(more, tg_neg(sy)); /* is not run with it */
    run(p);
    cr_assert_null(tg_value(more));
    cr_assert_str_not_empty(tg_program_note(p));
}

Test(program, counts) {
    const tg_node x = leaf("x", TG_F64, tg_shape2(10, 4)), w = leaf("w", TG_F32, tg_shape1(4));
    TG_LET(wide, tg_cast(w, TG_F64));
    TG_LET(y, tg_mul(x, wide));
    TG_LET(z, tg_mul(y, y));
    TG_LET(flat, tg_reshape(z, tg_shape1(40)));
    TG_LET(s, tg_sum(flat, tg_axes_all()));
    TG_LET(unused, tg_exp(s));
    const tg_stats staged = tg_program_stats(compile(&s, 1, TG_EXACT, TG_INTERPRET));
    cr_assert_eq(staged.tape_nodes, 5);
    cr_assert_eq(staged.staged.nests, 4); /* a view is none */
    cr_assert_eq(staged.staged.passes, 3);
    cr_assert_eq(staged.staged.read, 16 + (320 + 32) + 320 + 320);
    cr_assert_eq(staged.staged.written, 32 + 320 + 320 + 8);
    cr_assert_eq(staged.staged.peak, 32 + 320 + 320);
    cr_assert_leq(staged.nodes, 5);
    cr_assert_leq(staged.fused.read, staged.staged.read);
    cr_assert_eq(tg_program_stats(NULL).nodes, 0);
}
