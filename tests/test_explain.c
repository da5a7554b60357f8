/* One node in full: leaves, views, scalars, nothing, not run; and every path, however many there are. */
#include "graph.h"
#include "printed.h"

TestSuite(explain, .init = setup, .fini = teardown, .timeout = 60);

static const char *explain(tg_node a) {
    FILE *file = sheet();
    const size_t calls = heap.calls;
    tg_explain(a, file);
    cr_assert_eq(heap.calls, calls, "explaining needs no memory");
    const char *text = text_of(file);
    is_clean(text);
    return text;
}

Test(explain, a_node) {
    tg_node x = tg_let(tg_input(g, TG_F64, tg_shape2(2, 3)), "x", "dir/here.c", 11);
    tg_node y = tg_let(tg_input(g, TG_F64, tg_shape1(3)), "y", "dir/here.c", 12);
    tg_node z = tg_let(tg_mul(x, y), "z", "dir/here.c", 13);
    tg_let(z, "zed", "dir/here.c", 14);
    TG_LET(s, tg_sum(tg_square(z), tg_axes_all()));
    const tg_grads d = tg_backward(s, tg_nil(g)), e = tg_backward(s, tg_nil(g));
    cr_assert_eq(tg_label_columns(x, (const char *const[]){"one", "two", "thr\033ee"}, 3), TG_OK);
    cr_assert(!tg_set(x, (double[]){1, 2, 3, 4, 5, 6}) && !tg_set(y, (double[]){1, 0, -1}));
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert(tg_has_grad(d, z) && tg_has_grad(e, z));
    const char *text = explain(z);
    has(text, "z = x*y\n");
    has(line_of(text, "also"), "zed");
    has(line_of(text, "written"), "here.c:13, step 1 'z', #3 on the tape");
    lacks(text, "dir/");
    has(line_of(text, "operator"), "mul, z = x*y");
    has(line_of(text, "shape"), "[2, 3] f64, 6 elements");
    has(line_of(text, "operands"), "1 2 3 | 4 5 6");
    has(text, "to x: g*y\n");
    has(text, "to y: g*x, summed over axis 0\n");
    has(line_of(text, "consumers"), " = square(z)");
    has(line_of(text, "value"), "min -6, mean -0.6667, max 4, norm 7.874");
    has(text, "one  two  thr?ee\n");
    has(text, "  4    0      -6\n");
    cr_assert_eq(count_of(text, "gradient "), 2);
    has(line_of(text, "gradient"), "dz = 2*z*expand(ds, [2, 3])");
    has(text, "s2/dz = ");
    has(line_of(text, "ledger"), "dz  100.0 %  ← s ← seed");
    text = explain(x);
    has(text, "x = input\n");
    has(line_of(text, "written"), "here.c:11, step 0, #1");
    lacks(text, "operands");
    lacks(text, "derivative");
}

Test(explain, whatever_there_is) {
    TG_LET(x, row(3));
    TG_LET(none, tg_input(g, TG_F64, tg_shape3(2, 0, 3)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape0()));
    TG_LET(big, tg_input(g, TG_F64, tg_shape3(4, 5, 30)));
    const tg_node nodes[] = {x,
                             none,
                             label,
                             big,
                             tg_scalar(g, TG_F64, 0.1),
                             tg_detach(x),
                             tg_reshape(x, tg_shape2(3, 1)),
                             tg_gt(x, x),
                             tg_sum(none, tg_axes_all()),
                             tg_neg(none),
                             tg_cast(x, TG_I32),
                             tg_exp(big)};
    enum { COUNT = sizeof nodes / sizeof *nodes };
    const tg_grads d = tg_backward(tg_sum(tg_mul(nodes[6], tg_neg(nodes[6])), tg_axes_all()), tg_nil(g));
    for (int i = 0; i < COUNT; i++)
        if (i != 4) has(line_of(explain(nodes[i]), "value"), "– (not run)");
    has(line_of(explain(x), "gradient"), "dx = ");
    double *values = calloc(600, sizeof *values);
    values[1] = NAN;
    cr_assert(!tg_set(x, (double[]){1, NAN, 3}) && !tg_set(none, NULL) && !tg_set(label, &(int32_t){7}));
    cr_assert(!tg_set(big, values) && tg_run_to(nodes[6]) == TG_OK && tg_has_grad(d, x));
    has(line_of(explain(x), "value"), "min 1, mean 2, max 3, norm 3.162, 1 of 3 not finite");
    has(line_of(explain(none), "value"), "empty");
    has(line_of(explain(label), "value"), "value       7");
    has(line_of(explain(nodes[4]), "value"), "value       0.1");
    has(explain(nodes[4]), "#5 = 0.1\n");
    has(line_of(explain(nodes[5]), "derivative"), "none: ");
    has(line_of(explain(nodes[6]), "shape   "), "the memory of its operand");
    has(line_of(explain(big), "min"), "1 of 600 not finite");
    has(explain(big), "of 20 × 30\n");
    free(values);
    cr_assert_str_eq(explain(tg_nil(g)), "");
    cr_assert_str_eq(explain((tg_node){0}), "");
}

/* Both ways through a diamond, with shares that are known: of dx = 3 + 1 + 1, of da = 3 + 5. */
/* Labels are looked for on the way back through what is made element by element, but not without end. */
Test(explain, labels_from_afar_and_a_long_row) {
    TG_LET(x, row(40));
    const char *labels[40];
    for (int i = 0; i < 40; i++) labels[i] = "label";
    cr_assert_eq(tg_label_columns(x, labels, 40), TG_OK);
    tg_node a = x, near = tg_nil(g);
    for (int i = 0; i < 64; i++) {
        a = tg_neg(a);
        if (i == 62) near = a;
    }
    cr_assert_eq(tg_set(x, (double[40]){1, 2}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    has(explain(near), "label  label");
    const char *text = explain(a);
    lacks(text, "label");
    has(text, "of 40\n");
}

Test(explain, a_tree) {
    TG_LET(x, scalar());
    TG_LET(a, tg_neg(x));
    TG_LET(b, tg_mul(a, tg_scalar(g, TG_F64, 3)));
    TG_LET(c, tg_mul(a, tg_scalar(g, TG_F64, -5)));
    TG_LET(z, tg_add(tg_add(b, c), x));
    tg_backward(z, tg_nil(g));
    cr_assert(!tg_set(x, &(double){1}) && !tg_run(g));
    const char *text = explain(x);
    has(text, "ledger      dx1  33.3 %  ← z ← seed\n");
    has(text, "            dx2  66.7 %  ← a\n");
    has(text, "            ├─ 62.5 %  ← c ← z ← seed\n");
    has(text, "            └─ 37.5 %  ← b ← z ← seed\n");
    has(explain(z), "ledger      dz  100.0 %  ← seed\n");
}

/* 2^500 paths, a path of 100000 steps, a thousand terms: a few dozen lines each, at once. */
Test(explain, more_paths_than_lines) {
    TG_LET(x, scalar());
    tg_node a = x;
    for (int i = 0; i < 500; i++)
        a = tg_let(tg_mul(a, a), (char[]){'p', (char)('a' + i % 26), (char)('a' + i / 26), 0}, NULL, 0);
    tg_backward(a, tg_nil(g));
    const char *text = explain(x);
    has(text, " more\n");
    cr_assert_lt(lines(text), 50, "%zu", lines(text));

    TG_LET(y, scalar());
    a = y;
    for (int i = 0; i < 100000; i++) {
        char name[20];
        snprintf(name, sizeof name, "n%d", i);
        a = tg_let(tg_neg(a), name, NULL, 0);
    }
    tg_backward(a, tg_nil(g));
    text = explain(y);
    has(text, " ← n0 ← n1");
    has(text, " ← …\n");
    cr_assert_lt(lines(text), 50);

    TG_LET(w, scalar());
    a = w;
    for (int i = 0; i < 1000; i++) a = tg_add(a, w);
    tg_backward(a, tg_nil(g));
    text = explain(w);
    has(text, "… 977 more\n");
    has(text, "… 992 more\n");
}

Test(explain, hostile) {
    static char huge[1 << 20];
    memset(huge, 'h', sizeof huge - 1);
    tg_node a = tg_let(row(2), huge, huge, 1), b = tg_let(tg_mul(a, a), "\033]0;x\a\n\xff", "\033[2J.c", 2);
    tg_let(b, "\xe2\x80\xae", NULL, 0);
    cr_assert_eq(tg_label_columns(a, (const char *const[]){huge, "\n"}, 2), TG_OK);
    cr_assert_eq(tg_set(a, (double[]){1, INFINITY}), TG_OK);
    tg_backward(tg_sum(b, tg_axis(0)), tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK);
    for (uint32_t id = 1; id <= tg_count(g); id++) cr_assert_lt(strlen(explain(tg_node_at(g, id))), 4000);
}

/* A sweep that memory broke off is still there to be looked at: all readers do, and say what happened. */
Test(explain, a_sweep_that_broke_off) {
    bool done = false;
    for (size_t n = 1; !done; n += is_long() ? 1 : 4) {
        TG_LET(x, row(2));
        tg_node a = x;
        for (int i = 0; i < (TG__CHUNK > 16 ? 700 : 30); i++) a = tg_add(tg_mul(a, x), tg_exp(a));
        TG_LET(z, tg_sum(a, tg_axis(0)));
        heap.fail_at = heap.calls + n;
        done = !tg_is_nil(tg_grad(tg_backward(z, tg_nil(g)), x));
        heap.fail_at = 0;
        FILE *file = sheet();
        const tg_grads d = {g, 1, z.epoch};
        tg_print_part(g, file, 1, 200);
        tg_print_part(g, file, z.id - 50, 200);
        tg_print_folded(g, file, NULL);
        tg_print_steps(d, NULL, file);
        for (uint32_t id = 1; id <= z.id; id += id < 700 ? 1 : 13) {
            tg_explain(tg_node_at(g, id), file);
            tg_print_ledger(d, tg_node_at(g, id), file);
        }
        for (size_t k = 0; k < tg_moments(g); k += 7) tg_print_moment(d, k, file);
        fclose(file);
        teardown();
        setup();
    }
}
