/* Tables for people: what they say of values, how they end, and that no name, however hostile, reaches a terminal as it
 * is. */
#include "printed.h"

#include <ctype.h>

TestSuite(print, .init = setup, .fini = teardown, .timeout = 60);

/* Lines that begin with a node's number. */
static size_t rows(const char *text) {
    size_t n = 0;
    for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n')
        n += isdigit((unsigned char)s[strspn(s, " ")]) != 0;
    return n;
}

/* What stands in a line, whatever blanks there are between. */
static void fields(const char *line, const char *expected) {
    char text[400];
    size_t used = 0;
    for (const char *s = line + strspn(line, " "); *s; s++)
        if (*s != ' ' || (s[1] && s[1] != ' ')) text[used++] = *s;
    text[used] = 0;
    cr_expect_str_eq(text, expected);
}

/* ------------------------------------------------------------------------------------------------------- the tape */

Test(print, nothing_has_run) {
    TG_LET(x, row(3));
    TG_LET(y, tg_sum(tg_exp(x), tg_axis(0)));
    tg_grads d = tg_backward(y, tg_nil(g));
    const char *text = part(1, UINT32_MAX);
    is_tame(text);
    cr_assert_eq(rows(text), tg_count(g));
    cr_assert_str_eq(line_of(text, "sum(exp(x), axis=0)"), "3         y     sum(exp(x), axis=0)     []             –");
    cr_assert_str_eq(line_of(text, "  exp(x)  "),
                     "2      1        exp(x)                  [3]      –     –    –     –");
    cr_assert_eq(count_of(text, " 0 "), 2, "the stages of x and dy");
    text = steps(d, NULL);
    is_tame(strstr(text, "\nbackward\n") + 10);
    has(line_of(text, "exp(x)"), "–     –    –");
    lacks(text, " 0 ");
    text = ledger(d, x);
    has(text, "–");
    lacks(text, "%");
}

Test(print, values) {
    TG_LET(none, tg_input(g, TG_F64, tg_shape2(0, 3)));
    TG_LET(one, scalar());
    TG_LET(some, row(4));
    TG_LET(all, row(2));
    TG_LET(big, row(2));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(3)));
    TG_LET(minus, tg_neg(one));
    TG_LET(empty, tg_neg(none));
    TG_LET(sum, tg_sum(tg_add(some, minus), tg_axis(0)));
    cr_assert_eq(tg_set(none, NULL), TG_OK);
    cr_assert_eq(tg_set(one, &(double){0}), TG_OK);
    cr_assert_eq(tg_set(some, (double[]){1, NAN, -2, INFINITY}), TG_OK);
    cr_assert_eq(tg_set(all, (double[]){NAN, -INFINITY}), TG_OK);
    cr_assert_eq(tg_set(big, (double[]){1.5e308, -1.5e308}), TG_OK);
    cr_assert_eq(tg_set(label, (int32_t[]){INT32_MIN, 0, 7}), TG_OK);
    TG_LET(moved, tg_add(big, one));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    const char *text = part(1, 100);
    is_tame(text);
    fields(line_of(text, " none "), "1 0 none input [0, 3] empty");
    fields(line_of(text, " one "), "2 one input [] 0");
    fields(line_of(text, " some "), "3 some input [4] -2 -0.5 1 2.236 2 not finite");
    fields(line_of(text, " all "), "4 all input [2] not finite");
    fields(line_of(text, " big "), "5 big input [2] -1.5e+308 0 1.5e+308 inf");
    fields(line_of(text, " label "), "6 label input [3] -2.147e+09 -7.158e+08 7");
    lacks(line_of(text, "-one"), "-0");

    tg_grads d = tg_backward(empty, tg_neg(empty));
    cr_assert_eq(tg_run(g), TG_OK);
    has(line_of(steps(d, NULL), "-none"), "empty");
    d = tg_backward(moved, tg_add(big, big));
    cr_assert_eq(tg_run(g), TG_OK);
    has(line_of(steps(d, NULL), "big + one"), "-1.5e+308     0  1.5e+308");
    d = tg_backward(sum, tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK);
    has(line_of(steps(d, NULL), " sum "), "1 not finite");
}

Test(print, norms_of_what_squares_cannot_hold) {
    TG_LET(big, row(2));
    TG_LET(small, row(2));
    TG_LET(zero, row(2));
    TG_LET(mixed, row(3));
    cr_assert(!tg_set(big, (double[]){3e200, 4e200}) && !tg_set(small, (double[]){3e-200, 4e-200}));
    cr_assert(!tg_set(zero, (double[]){0, 0}) && !tg_set(mixed, (double[]){-3, NAN, 4}));
    const char *text = part(1, 100);
    fields(line_of(text, " big "), "1 0 big input [2] 3e+200 3.5e+200 4e+200 5e+200");
    fields(line_of(text, " small "), "2 small input [2] 3e-200 3.5e-200 4e-200 5e-200");
    fields(line_of(text, " zero "), "3 zero input [2] 0 0 0 0");
    fields(line_of(text, " mixed "), "4 mixed input [3] -3 0.5 4 5 1 not finite");
}

/* A gradient stands below its value, a rule where a sweep or a scope begins, a stage where it begins. */
Test(print, gradients_and_sections) {
    TG_LET(x, row(2));
    tg_scope_open(g, "in");
    TG_LET(y, tg_square(x));
    TG_LET(z, tg_sum(tg_exp(y), tg_axis(0)));
    tg_scope_close(g);
    TG_LET(out, tg_neg(z));
    cr_assert(!tg_set(x, (double[]){1, 2}));
    (void)tg_backward(out, tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK);
    const char *text = part(1, UINT32_MAX);
    is_tame(text);
    fields(line_of(text, "  in/dy  "), "in/dy expand(in/dz, [2])*exp(in/y) -54.6 -28.66 -2.718 54.67");
    has(text, "── in/ ──");
    has(text, "── backward from out ──");
    cr_assert_lt(strstr(text, "── in/ ──"), strstr(text, "square(x)"));
    cr_assert_lt(strstr(text, "-in/z"), strstr(text, "── backward"));
    fields(line_of(text, "sum(exp(in/y), axis=0)"), "4 in/z sum(exp(in/y), axis=0) [] 57.32");
    fields(line_of(text, "  exp(in/y)"), "3 2 exp(in/y) [2] 2.718 28.66 54.6 54.67");
}

/* A title that is wider than the table has no rule behind it. */
Test(print, a_title_wider_than_the_table) {
    char name[400] = "";
    memset(name, 'n', sizeof name - 1);
    TG_LET(x, scalar());
    tg_scope_open(g, name);
    TG_LET(y, tg_neg(x));
    tg_scope_close(g);
    const char *text = part(1, 10);
    const size_t width = strcspn(text, "\n");
    const char *title = line_of(text, "nnnn");
    cr_assert_gt(strlen(title), width);
    cr_assert_eq(title[strlen(title) - 1] == ' ' || strstr(title, "n ") != NULL, true, "%s", title);
}

Test(print, parts) {
    for (int i = 0; i < 5; i++) (void)scalar();
    const struct {
        uint32_t first, count;
        size_t rows;
    } cases[] = {{0, 0, 0},          {1, 0, 0}, {0, 1, 1},
                 {1, 5, 5},          {1, 6, 5}, {5, 1, 1},
                 {5, UINT32_MAX, 1}, {6, 1, 0}, {UINT32_MAX, UINT32_MAX, 0},
                 {3, 2, 2},          {3, 5, 3}, {0, UINT32_MAX, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(lines(part(cases[i].first, cases[i].count)), 2 + cases[i].rows, "case %zu", i);
    FILE *file = sheet();
    tg_print(g, file);
    cr_assert_eq(lines(text_of(file)), 7);
}

/* --------------------------------------------------------------------------------------------------------- steps */

Test(print, steps_of_a_scope) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 2)));
    TG_LET(gamma, row(2));
    tg_node a = tg_batchnorm(x, gamma, gamma, tg_axis(0), 1e-5, "bn1");
    TG_LET(out, tg_batchnorm(tg_relu(a), gamma, gamma, tg_axis(0), 1e-5, "bn2"));
    TG_LET(seed, tg_input(g, TG_F64, tg_shape2(4, 2)));
    tg_grads d = tg_backward(out, seed), s2 = tg_backward(out, seed);
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    const char *text = steps(d, "bn1/");
    has(text, "bn1/xhat");
    has(text, "bn1/dxmu1");
    lacks(text, "  bn2/dxmu ");
    lacks(text, "s2/");
    lacks(steps(d, "bn2/"), "  bn1/dxmu ");
    lacks(steps(d, ""), "  bn1/dxmu ");
    has(steps(d, ""), "dgamma");
    text = steps(d, NULL);
    has(text, "bn1/dxmu1");
    has(text, "bn2/dxmu1");
    lacks(text, "s2/");
    text = steps(s2, "bn1/");
    has(text, "s2/bn1/dxmu1");
    lacks(text, "  bn1/dxmu1 ");
    static const char *const unknown[] = {"bn3/", "bn1", "/", "bn1/bn1/", "\033[31m"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        cr_expect_eq(lines(steps(d, unknown[i])), 7, "%s: two heads and nothing else", unknown[i]);
}

/* ------------------------------------------------------------------------------------------- what should not come */

Test(print, hostile_names) {
    static char huge[1 << 20];
    memset(huge, 0xe2, sizeof huge - 1);
    const char *const names[] = {"\033[2J\033]0;owned\a",
                                 huge,
                                 "\xff\xfe\xc0\x80",
                                 "two\nlines\r\t",
                                 "'quo\"te`",
                                 "/",
                                 "bn1/",
                                 "\u202eover\u2028\u200b",
                                 "\xc2\x9b"
                                 "31m",
                                 "\x7f",
                                 "über",
                                 "–",
                                 "%s%n%s%n",
                                 "a|b",
                                 "\xe2\x80",
                                 "\xf0\x9f\x98\x80\xf0\x9f\x98\x80"};
    enum { COUNT = sizeof names / sizeof *names };
    tg_node last = tg_nil(g);
    for (size_t i = 0; i < COUNT; i++) {
        tg_node x = tg_let(scalar(), names[i], names[i], 7);
        tg_scope_open(g, names[i]);
        x = tg_scope_operand(x, names[i]);
        tg_node y = tg_let(tg_exp(tg_mul(x, x)), names[COUNT - 1 - i], names[i], 8);
        tg_scope_close(g);
        last = tg_let(i ? tg_add(last, y) : tg_neg(y), i ? "" : "start", names[i], 9);
    }
    tg_grads d = tg_backward(last, tg_nil(g));
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    for (int run = 0; run < 2; run++) {
        is_tame(part(1, UINT32_MAX));
        cr_assert_eq(rows(printed), tg_count(g));
        const char *text = steps(d, NULL);
        *strstr(strstr(text, "forward\n"), "\n\nbackward") = 0;
        is_tame(text);
        is_tame(text + strlen(text) + 1);
        for (uint32_t id = 1; id <= tg_count(g); id++) is_tame(ledger(d, tg_node_at(g, id)));
        for (size_t i = 0; i < COUNT; i++)
            cr_assert_eq(tg_set(tg_find(g, names[i]), &(double){i == 9 ? (double)NAN : 0.5}), TG_OK);
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        char text_room[400];
        tg_first_nonfinite(g, text_room, sizeof text_room);
        is_tame(text_room);
    }
}

Test(print, nil_stale_and_pending) {
    FILE *file = sheet();
    TG_LET(x, row(2));
    const tg_mark mark = tg_mark_now(g);
    TG_LET(y, tg_sum(x, tg_axis(0)));
    const tg_grads d = tg_backward(y, tg_nil(g));
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    const tg_node nodes[] = {{0}, tg_nil(g), y, {g, 1u << 30, 1}};
    const tg_grads sweeps[] = {{0}, {g, 0, 0}, d, {g, 1u << 30, 1}};
    char text[20] = "";
    for (int i = 0; i < 4; i++) {
        tg_print_steps(sweeps[i], NULL, file);
        for (int k = 0; k < 4; k++) tg_print_ledger(sweeps[i], nodes[k], file);
        tg_print_ledger(sweeps[i], x, file);
        cr_assert_eq(tg_formula(nodes[i], text, sizeof text), 0);
    }
    tg_print(NULL, file);
    tg_print_part(NULL, file, 1, 1);
    cr_assert(tg_is_nil(tg_first_nonfinite(NULL, text, sizeof text)));
    cr_assert(tg_is_nil(tg_first_nonfinite(g, NULL, 0)));
    cr_assert_eq(tg_error(g), TG_OK);
    cr_assert_str_eq(text_of(file), "");

    tg_grads e = tg_backward(tg_let(tg_sum(x, tg_axis(0)), "s", NULL, 0), tg_nil(g));
    tg_fail(g, TG_ARGUMENT, "mine");
    has(part(1, 99), "error: mine\n");
    has(steps(e, NULL), "ds");
    has(ledger(e, x), "sum(x, axis=0)");
}
