/* Names and stages: who is called what, where it was written, and what a rewind gives back. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(names, .init = setup, .fini = teardown, .timeout = 60);

static tg_node input(void) { return tg_input(g, TG_F64, tg_shape0()); }

static void says(tg_status status, const char *text) {
    cr_assert_eq(tg_error(g), status, "status %d: %s", tg_error(g), tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), text), "'%s' is not in: %s", text, tg_message(g));
}

static void is(const char *name, tg_node a) {
    cr_assert_eq(tg_find(g, name).id, a.id, "%s is #%u, not #%u", name, tg_find(g, name).id, a.id);
}

/* The stage of a name, which for an alias is not its node's. */
static int stage_of(const char *name) {
    for (size_t k = 0; k < tg_moments(g); k++) {
        tg_moment m = tg_moment_at(g, k);
        if (m.kind == TG_NAMED && strcmp(m.name, name) == 0) return m.stage;
    }
    return -2;
}

/* ------------------------------------------------------------------------------------------------------- stages */

Test(names, let_closes_a_stage) {
    TG_LET(x, input());
    const int x_line = __LINE__ - 1;
    tg_node early = tg_exp(x);
    cr_assert_eq(tg_stage(early), -1);
    cr_assert_null(tg_where_is(early).file);
    TG_LET(y, tg_add(early, x));
    const int y_line = __LINE__ - 1;
    TG_LET(z, tg_mul(y, tg_scalar(g, TG_F64, 2)));

    cr_assert_str_eq(tg_name(x), "x");
    cr_assert_eq(tg_stage(x), 0);
    cr_assert_eq(tg_where_is(x).line, x_line);
    cr_assert_not_null(strstr(tg_where_is(x).file, "test_names.c"));
    cr_assert_str_eq(tg_name(early), "");
    cr_assert_null(tg_alias(early, 0));
    for (int k = 0; k < 2; k++) { /* both nodes of the stage */
        tg_place p = tg_where_is(k ? y : early);
        cr_assert_eq(p.stage, 1);
        cr_assert_eq(p.line, y_line);
        cr_assert_str_eq(p.name, "y");
        cr_assert_str_eq(p.scope, "");
    }
    cr_assert_eq(tg_stage(z), 2);
    cr_assert_eq(tg_stage(tg_operand(z, 1)), 0);
}

Test(names, aliases) {
    TG_LET(x, input());
    TG_LET(also, x);
    tg_node again = tg_let(x, "x", __FILE__, __LINE__); /* its own name is no clash */
    cr_assert_eq(also.id, x.id);
    cr_assert_eq(again.id, x.id);
    cr_assert_eq(tg_error(g), TG_OK);
    cr_assert_str_eq(tg_alias(x, 0), "x");
    cr_assert_str_eq(tg_alias(x, 1), "also");
    cr_assert_null(tg_alias(x, 2));
    is("x", x);
    is("also", x);
    cr_assert(tg_is_nil(tg_find(g, "")) && tg_is_nil(tg_find(g, "nobody")) && tg_is_nil(tg_find(g, NULL)));
    cr_assert_eq(tg_let(x, "", NULL, 0).id, x.id);
    cr_assert_eq(tg_let(x, NULL, NULL, 0).id, x.id);
    cr_assert_eq(tg_error(g), TG_OK);
}

/* What has its name already gets no second one: the step that is closed stays without. */
Test(names, a_name_given_again) {
    TG_LET(a, tg_neg(input()));
    const tg_node b = tg_exp(a);
    cr_assert_eq(tg_let(a, "a", __FILE__, __LINE__).id, a.id);
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    is("a", a);
    cr_assert_null(tg_alias(a, 1));
    cr_assert_str_eq(tg_where_is(b).name, "");
    cr_assert_gt(tg_where_is(b).stage, tg_where_is(a).stage);
}

Test(names, a_taken_name) {
    TG_LET(x, input());
    TG_LET(y, tg_exp(x));
    const int y_line = __LINE__ - 1;
    cr_assert(tg_is_nil(tg_let(tg_log(x), "y", "here/other.c", 77)));
    char want[200];
    snprintf(want, sizeof want, "name 'y' for #3 (log) is taken: #2 (exp) from test_names.c:%d has it; in a loop", y_line);
    says(TG_NAME, want);
    says(TG_NAME, "\n  at other.c:77");
}

/* ---------------------------------------------------------------------------------------------- adjoints and terms */

Test(names, terms_are_numbered_by_arrival) {
    TG_LET(x, input());
    TG_LET(a, tg_exp(x));
    TG_LET(b, tg_mul(x, a));
    tg_node seed = tg_let(input(), "db", __FILE__, __LINE__);
    tg_grads d = tg_backward(b, seed);
    is("db", seed);
    is("dx", tg_grad(d, x));
    is("da", tg_grad(d, a));
    tg_term terms[2];
    cr_assert_eq(tg_grad_terms(d, x, terms, 2), 2);
    is("dx1", terms[0].term);
    is("dx2", terms[1].term);
    cr_assert_eq(terms[0].sender.id, b.id);
    cr_assert_eq(terms[1].sender.id, a.id);
    cr_assert_eq(stage_of("dx1"), 2);
    cr_assert_eq(stage_of("dx2"), 1);
    cr_assert_eq(stage_of("dx"), 0);
    cr_assert_eq(stage_of("da"), 2);
    cr_assert_eq(tg_where_is(terms[0].term).line, tg_where_is(b).line);

    tg_grads again = tg_backward(b, seed), third = tg_backward(tg_grad(d, x), tg_nil(g));
    is("s2/dx", tg_grad(again, x));
    is("s3/da", tg_grad(third, a));
    is("s3/ddx", tg_grad(third, tg_grad(d, x)));
    cr_assert_str_eq(tg_name(tg_scalar(g, TG_F64, 1)), ""); /* the seed does not lend its name to every other 1 */
    cr_assert_eq(tg_error(g), TG_OK);
}

/* With itself as the cotangent a node is its own adjoint: named once, not for ever. */
Test(names, a_node_that_is_its_own_adjoint) {
    TG_LET(x, input());
    tg_grads d = tg_backward(x, x);
    is("dx", x);
    cr_assert_eq(tg_grad(d, x).id, x.id);
    cr_assert_null(tg_alias(x, 2));
    tg_term term;
    cr_assert_eq(tg_grad_terms(d, x, &term, 1), 1);
    cr_assert(tg_is_nil(term.sender));
}

/* A user's name beats an adjoint's, an adjoint's beats a term's; the loser gets a number, and a clash never fails. */
Test(names, who_wins_a_string) {
    TG_LET(x, input());
    TG_LET(x1, tg_exp(x)); /* its adjoint dx1 is also what the first term of x wants to be called */
    TG_LET(dx2, tg_mul(x, x1));
    tg_mark before = tg_mark_now(g);
    for (int turn = 0; turn < 3; turn++) {
        tg_grads d = tg_backward(dx2, tg_nil(g));
        cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
        tg_term terms[2];
        cr_assert_eq(tg_grad_terms(d, x, terms, 2), 2);
        is("dx2", dx2);
        is("dx1", tg_grad(d, x1));
        is("dx1.1", terms[0].term);
        is("dx2.1", terms[1].term);
        tg_mark after = tg_mark_now(g);
        for (int again = 0; again < 3; again++) {
            TG_LET(dx1, tg_log(x)); /* later, and still the user wins */
            is("dx1", dx1);
            is("dx1.2", tg_grad(d, x1));
            cr_assert_str_eq(tg_name(tg_grad(d, x1)), "dx1.2");
            cr_assert_eq(tg_rewind(g, after), TG_OK);
            (void)tg_let(tg_log(x), "a name that takes the bytes of the one that went", NULL, 0);
            cr_assert_eq(tg_rewind(g, after), TG_OK);
            is("dx1", tg_grad(d, x1));
            cr_assert_str_eq(tg_name(tg_grad(d, x1)), "dx1");
            cr_assert(tg_is_nil(tg_find(g, "dx1.2")));
        }
        cr_assert_eq(tg_rewind(g, before), TG_OK);
        cr_assert(tg_is_nil(tg_find(g, "dx1")) && tg_is_nil(tg_find(g, "dx")));
        is("x1", x1);
    }
}

/* In a chain of sums one node is the adjoint of all: it carries every name, at a flat cost. */
Test(names, one_node_with_many_names) {
    enum { LENGTH = 20000 };
    char name[32];
    tg_node x = input(), c = input(), y = x;
    tg_mark m = tg_mark_now(g);
    for (int i = 0; i < LENGTH; i++) {
        snprintf(name, sizeof name, "y%d", i);
        y = tg_let(tg_add(y, c), name, __FILE__, __LINE__);
    }
    tg_grads d = tg_backward(y, tg_nil(g));
    tg_node one = tg_grad(d, x);
    is("dy0", one);
    snprintf(name, sizeof name, "dy%d", LENGTH - 1);
    is(name, one);
    cr_assert_str_eq(tg_name(one), name);
    cr_assert_not_null(tg_alias(one, LENGTH - 1));
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert(tg_is_nil(tg_find(g, name)));
}

Test(names, labels_of_columns) {
    static const char *const labels[] = {"alpha", "beta", "gamma"};
    tg_node x = tg_input(g, TG_F64, tg_shape2(2, 3));
    cr_assert_null(tg_column(x, 0));
    tg_mark m = tg_mark_now(g);
    cr_assert_eq(tg_label_columns(x, labels, 3), TG_OK);
    cr_assert_str_eq(tg_column(x, 2), "gamma");
    cr_assert_null(tg_column(x, 3));
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_null(tg_column(x, 0));
    cr_assert_eq(tg_label_columns(x, labels, 2), TG_SHAPE);
    says(TG_SHAPE, "label_columns: 2 names for a node of shape [2, 3]");
}

/* Long labels, each of which needs memory of its own: the node has all of them or none. */
Test(names, no_memory_for_labels) {
    static char labels[3][20000];
    const char *const names[] = {labels[0], labels[1], labels[2]};
    struct heap heap = {0};
    tg_graph *tape = tg_graph_new_with(heap_allocator(&heap));
    for (size_t i = 0; i < 3; i++) memset(labels[i], 'a' + (int)i, sizeof labels[i] - 1);
    const tg_node x = tg_input(tape, TG_F64, tg_shape2(2, 3));
    size_t k = 0;
    for (bool done = false; !done; k++) {
        const tg_mark m = tg_mark_now(tape);
        heap.fail_at = heap.calls + k + 1;
        const tg_status status = tg_label_columns(x, names, 3);
        done = heap.calls < heap.fail_at;
        heap.fail_at = 0;
        cr_assert_eq(status, done ? TG_OK : TG_MEMORY);
        cr_assert(done ? strcmp(tg_column(x, 2), labels[2]) == 0 : tg_column(x, 0) == NULL);
        if (!done) cr_assert_eq(tg_rewind(tape, m), TG_OK);
    }
    cr_assert_gt(k, 3);
    tg_graph_free(tape);
    cr_assert_eq(heap.live, 0);
}

/* The adjoint goes by "dx" again, and by no other name: the table of names has it once, or it would lose some when it
 * grows. */
Test(names, what_was_displaced_comes_back) {
    enum { NAMES = 1000 };
    char name[16];
    TG_LET(x, input());
    tg_node dx = tg_grad(tg_backward(tg_exp(x), tg_nil(g)), x);
    const tg_mark m = tg_mark_now(g);
    for (int turn = 0; turn < 3; turn++) {
        is("dx", dx);
        cr_assert(tg_is_nil(tg_find(g, "dx.1")), "turn %d", turn);
        tg_node mine = tg_let(tg_neg(x), "dx", __FILE__, __LINE__);
        is("dx", mine);
        is("dx.1", dx);
        cr_assert_eq(tg_rewind(g, m), TG_OK, "%s", tg_message(g));
    }
    tg_node first = tg_let(tg_neg(x), "dx.1", __FILE__, __LINE__);
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "n%d", i);
        cr_assert_eq(tg_let(tg_neg(x), name, __FILE__, __LINE__).id, first.id + 1 + (uint32_t)i, "%s", tg_message(g));
    }
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "n%d", i);
        cr_assert_eq(tg_find(g, name).id, first.id + 1 + (uint32_t)i, "%s is lost", name);
    }
    is("dx.1", first);
    is("dx", dx);
    cr_assert(tg_is_nil(tg_find(g, "dx.2")));
}

/* What a terminal obeys, what turns a line around, what has no width, and what is no character is a "?" for each byte. */
Test(names, every_kind_of_character) {
    static const struct {
        const char *name, *told;
    } names[] = {{"\x1f", "?"},
                 {"\x7f", "?"},
                 {"\xc1\x80", "??"},         /* overlong */
                 {"\xc2", "?"},              /* cut off */
                 {"\xc2\x80", "??"},         /* U+0080, a control */
                 {"\xc2\x9f", "??"},
                 {"\xc2\xa0", "\xc2\xa0"},
                 {"\xdf\xbf", "\xdf\xbf"},
                 {"\xe0\x9f\xbf", "???"},    /* overlong */
                 {"\xe0\xa0\x80", "\xe0\xa0\x80"},
                 {"\xe2\x80\x8a", "\xe2\x80\x8a"},
                 {"\xe2\x80\x8b", "???"},    /* U+200B, without width */
                 {"\xe2\x80\x8f", "???"},
                 {"\xe2\x80\x90", "\xe2\x80\x90"},
                 {"\xe2\x80\xa7", "\xe2\x80\xa7"},
                 {"\xe2\x80\xa8", "???"},    /* U+2028, another line */
                 {"\xe2\x80\xae", "???"},    /* U+202E, from right to left */
                 {"\xe2\x80\xaf", "\xe2\x80\xaf"},
                 {"\xe2\x81\x9f", "\xe2\x81\x9f"},
                 {"\xe2\x81\xa0", "???"},    /* U+2060 */
                 {"\xe2\x81\xaf", "???"},
                 {"\xe2\x81\xb0", "\xe2\x81\xb0"},
                 {"\xe2\x82\xac", "\xe2\x82\xac"},
                 {"\xe2\x82", "??"},         /* cut off */
                 {"\xed\x9f\xbf", "\xed\x9f\xbf"},
                 {"\xed\xa0\x80", "???"},    /* half of a pair of UTF-16 */
                 {"\xef\xba\xbf", "\xef\xba\xbf"},
                 {"\xef\xbb\xbe", "\xef\xbb\xbe"},
                 {"\xef\xbb\xbf", "???"},    /* U+FEFF */
                 {"\xf0\x8f\x80\x80", "????"}, /* overlong */
                 {"\xf0\x90\x80\x80", "\xf0\x90\x80\x80"},
                 {"\xf4\x8f\x80\x80", "\xf4\x8f\x80\x80"},
                 {"\xf4\x90\x80\x80", "????"}, /* beyond U+10FFFF */
                 {"\xf5\x80\x80\x80", "????"}};
    const tg_node y = tg_input(g, TG_F64, tg_shape1(2)), z = tg_input(g, TG_F64, tg_shape1(3));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const tg_mark mark = tg_mark_now(g);
        char told[80];
        snprintf(told, sizeof told, "shapes do not broadcast: '%s' [2] with", names[i].told);
        tg_add(tg_let(y, names[i].name, __FILE__, __LINE__), z);
        says(TG_SHAPE, told);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
}
