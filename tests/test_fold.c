/* The folded tape: every node is in one line, scopes are opened by name, and what goes in and out is true. */
#include "printed.h"

TestSuite(fold, .init = setup, .fini = teardown, .timeout = 60);

static const char *folded(const char *open) {
    FILE *file = sheet();
    tg_print_folded(g, file, open);
    return text_of(file);
}

/* Lines begin with a node or "first–last"; together they are the tape, each node once and in order. */
static void covers_the_tape(const char *text) {
    uint32_t next = 1;
    for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        char *rest;
        const char *at = s + strspn(s, " ");
        if (*at < '0' || *at > '9') continue;
        const unsigned long first = strtoul(at, &rest, 10);
        const unsigned long last = !strncmp(rest, "–", 3) ? strtoul(rest + 3, NULL, 10) : first;
        cr_assert_eq(first, next, "%s", text);
        next = (uint32_t)last + 1;
    }
    cr_assert_eq(next, tg_count(g) + 1);
}

static tg_grads two_layers(void) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 2)));
    TG_LET(gamma, row(2));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(4)));
    tg_node a = tg_batchnorm(x, gamma, gamma, tg_axis(0), 1e-5, "bn1");
    TG_LET(act, tg_exp(a));
    tg_scope_open(g, "deep");
    tg_node b = tg_batchnorm(act, gamma, gamma, tg_axis(0), 1e-5, "bn");
    TG_LET(z, tg_neg(b));
    tg_scope_close(g);
    const tg_grads d = tg_backward(tg_softmax_loss(z, label, "head"), tg_nil(g));
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    return d;
}

Test(fold, all_and_some) {
    two_layers();
    static const char *const open[] = {NULL, "", "bn1/", "deep/", "deep/bn/", "head/", "none/", "bn1", "deep/b"};
    static const size_t inner[] = {0, 0, 1, 0, 1, 0, 0, 0, 0};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        const char *text = folded(open[i]);
        is_tame(text);
        covers_the_tape(text);
        cr_expect_eq(count_of(text, " nodes: ") > 0, true);
        cr_expect_eq(strstr(text, "square(") != NULL, inner[i], "'%s'", open[i] ? open[i] : "NULL");
    }
    const char *text = folded(NULL);
    has(line_of(text, " bn1/ "), "x, gamma → bn1/out");
    has(line_of(text, " deep/ "), "act, gamma → deep/z");
    has(line_of(text, " head/ "), "deep/z, label → head/loss");
    has(text, "── backward from head/loss ──");
    has(strstr(text, "── backward"), ": head/dshifted → deep/bn/dbeta, deep/bn/dgamma, deep/bn/dx");
    text = folded("deep/");
    has(line_of(text, " deep/bn/ "), "act, gamma → deep/bn/out");
    has(text, "-deep/bn/out");
    has(text, "── deep/ ──");
    text = folded("deep/bn/");
    lacks(text, "nodes: act");
    has(text, "1/deep/bn/sqrtvar");
}

/* A sweep begins a line of its own, also where what it begins with stands in the scope that the tape had come to. */
Test(fold, forward_and_backward_of_one_scope) {
    TG_LET(x, row(2));
    TG_LET(seed, row(2));
    tg_scope_open(g, "s");
    TG_LET(a, tg_exp(x));
    TG_LET(b, tg_mul(a, a));
    tg_scope_close(g);
    tg_backward(b, seed);
    const char *text = folded(NULL);
    covers_the_tape(text);
    has(text, "2 nodes: x → s/b ");
    has(strstr(text, "── backward from s/b ──"), "4 nodes: seed → dx");
    cr_assert_eq(count_of(text, " s/ "), 2);
}

/* What goes out is what others use, or what nobody does; numbers stand there if it is one. */
Test(fold, out) {
    TG_LET(x, row(2));
    tg_scope_open(g, "s");
    TG_LET(a, tg_exp(x));
    TG_LET(b, tg_mul(a, tg_scalar(g, TG_F64, 3)));
    tg_scope_close(g);
    TG_LET(c, tg_neg(b));
    cr_assert(!tg_set(x, (double[]){0, 0}) && !tg_run(g) && !tg_is_nil(c));
    const char *text = folded(NULL);
    has(line_of(text, " s/ "), "3 nodes: x → s/b");
    has(line_of(text, " s/ "), "[2]      3     3    3  4.243");
    TG_LET(e, tg_neg(a));
    cr_assert(!tg_is_nil(e));
    text = folded(NULL);
    has(line_of(text, " s/ "), "3 nodes: x → s/a, s/b");
    lacks(line_of(text, " s/ "), "4.243");
}

Test(fold, many_ways_in_and_hostile_names) {
    tg_node sum = scalar(), in[20];
    for (int i = 0; i < 20; i++) in[i] = tg_let(scalar(), (char[]){'\033', (char)('a' + i), 0}, NULL, 0);
    tg_scope_open(g, "\033[2J\n\xe2\x80\xae");
    for (int i = 0; i < 20; i++) sum = tg_add(sum, in[i]);
    tg_scope_close(g);
    const char *text = folded(NULL);
    is_tame(text);
    covers_the_tape(text);
    has(text, "20 nodes: ");
    has(text, ", …");
}

Test(fold, out_of_memory_is_told) {
    two_layers();
    heap.fail_at = heap.calls + 1;
    has(folded(NULL), "error: out of memory");
    heap.fail_at = 0;
    FILE *file = sheet();
    tg_print_folded(NULL, file, NULL);
    cr_assert_str_eq(text_of(file), "");
}
