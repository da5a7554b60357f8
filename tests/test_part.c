/* Parts of a tape: who is given, who is computed, and what each is called. */
#include "export.h"
#include "support.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>

static tg_graph *g;
static struct heap heap;
static struct tg__part p;

static void setup(void) { g = tg_graph_new_with(heap_allocator(&heap)); }
static void teardown(void) {
    tg_graph_free(g);
    cr_assert_eq(heap.live, 0);
    cr_assert_eq(heap.wrong, 0);
}
TestSuite(part, .init = setup, .fini = teardown, .timeout = 60);

static tg_node row(int64_t n) { return tg_input(g, TG_F64, tg_shape1(n)); }
static int role(tg_node a) { return a.id <= p.last ? p.role[a.id] : TG__ABSENT; }
static const char *ident(tg_node a) { return tg__ident(&p, a.id); }

#define ROLE(a, r) cr_expect_eq(role(a), r, "%s is %d", tg_name(a), role(a))

static void cut(tg_grads d, tg_node out) { cr_assert(tg__part_new(&p, d, out, "f", "test"), "%s", tg_message(g)); }

static const char *refused(tg_grads d, tg_node out) {
    tg__clear_run(g);
    cr_assert_not(tg__part_new(&p, d, out, "f", "test"));
    return tg_message(g);
}

/* -------------------------------------------------------------------------------------------------------- roles */

Test(part, of_the_whole_sweep) {
    TG_LET(x, row(3));
    TG_LET(W, tg_const(g, TG_F64, tg_shape1(3), (double[]){1, 2, 3}));
    TG_LET(other, tg_exp(x));
    TG_LET(y, tg_mul(x, W));
    TG_LET(z, tg_square(y));
    TG_LET(c, row(3));
    tg_grads d = tg_backward(z, c);
    cut(d, tg_nil(g));
    ROLE(x, TG__ARGUMENT);
    ROLE(W, TG__FORWARD);
    ROLE(other, TG__ABSENT);
    ROLE(y, TG__FORWARD);
    ROLE(c, TG__COTANGENT);
    ROLE(tg_grad(d, y), TG__BACKWARD);
    cr_assert_eq(tg__part_gradient(&p, x.id), tg_grad(d, x).id);
    cr_assert_eq(tg__part_gradient(&p, W.id), 0);
    tg__part_free(&p);
}

/* The loss is none of the part's business; what x gets from elsewhere is given, whatever it was made of. */
Test(part, in_the_middle) {
    TG_LET(x, row(3));
    TG_LET(W, row(3));
    TG_LET(h, tg_exp(x));
    TG_LET(out, tg_square(h));
    TG_LET(skip, tg_mul(x, W));
    TG_LET(loss, tg_sum(tg_log(tg_add(out, skip)), tg_axes_all()));
    tg_grads d = tg_backward(loss, tg_nil(g));
    cut(d, out);
    ROLE(W, TG__ABSENT);
    ROLE(skip, TG__ABSENT);
    ROLE(loss, TG__ABSENT);
    ROLE(tg_grad(d, out), TG__COTANGENT);
    ROLE(tg_grad(d, loss), TG__ABSENT);
    ROLE(tg_find(g, "dx1"), TG__EXTRA);
    ROLE(tg_find(g, "dx2"), TG__BACKWARD);
    ROLE(tg_grad(d, x), TG__BACKWARD);
    cr_assert_str_eq(ident(tg_find(g, "dx1")), "dx1");
    tg__part_free(&p);
}

/* Here the adjoint of skip is the cotangent too. */
Test(part, a_way_around_with_the_same_cotangent) {
    TG_LET(x, row(3));
    TG_LET(out, tg_square(x));
    TG_LET(loss, tg_sum(tg_log(tg_add(out, x)), tg_axes_all()));
    tg_grads d = tg_backward(loss, tg_nil(g));
    cut(d, out);
    ROLE(tg_find(g, "dx1"), TG__COTANGENT);
    ROLE(tg_grad(d, x), TG__BACKWARD);
    tg__part_free(&p);
}

Test(part, a_leaf_that_only_others_lead_to_has_no_gradient) {
    TG_LET(x, row(3));
    TG_LET(y, row(3));
    TG_LET(out, tg_mul(tg_detach(x), y));
    TG_LET(loss, tg_sum(tg_mul(out, tg_exp(x)), tg_axes_all()));
    tg_grads d = tg_backward(loss, tg_nil(g));
    cut(d, out);
    ROLE(x, TG__ARGUMENT);
    cr_assert_eq(tg__part_gradient(&p, x.id), 0);
    ROLE(tg_grad(d, x), TG__ABSENT);
    cr_assert_eq(tg__part_gradient(&p, y.id), tg_grad(d, y).id);
    tg__part_free(&p);
}

Test(part, a_seed_that_is_more_than_a_seed) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
    tg_grads d = tg_backward(tg_square(x), tg_scalar(g, TG_F64, 2)); /* which is the 2 of 2*x */
    cut(d, tg_nil(g));
    ROLE(tg_scalar(g, TG_F64, 2), TG__BACKWARD);
    tg__part_free(&p);
    cut(tg_backward(tg_exp(x), x), tg_nil(g));
    ROLE(x, TG__ARGUMENT);
    tg__part_free(&p);
    TG_LET(leaf, row(2));
    TG_LET(c, row(2));
    cut(tg_backward(leaf, c), tg_nil(g));
    ROLE(leaf, TG__ARGUMENT);
    ROLE(c, TG__COTANGENT);
    cr_assert_eq(tg__part_gradient(&p, leaf.id), c.id);
    tg__part_free(&p);
}

Test(part, a_large_constant_is_given) {
    static double data[1001];
    TG_LET(x, row(1001));
    TG_LET(k, tg_const(g, TG_F64, tg_shape1(1001), data));
    TG_LET(z, tg_sum(tg_mul(x, k), tg_axes_all()));
    cut(tg_backward(z, tg_nil(g)), tg_nil(g));
    ROLE(k, TG__ARGUMENT);
    cr_assert_eq(tg__part_gradient(&p, k.id), 0);
    tg__part_free(&p);
}

Test(part, second_order) {
    TG_LET(x, row(3));
    TG_LET(z, tg_sum(tg_exp(x), tg_axes_all()));
    tg_grads first = tg_backward(z, tg_nil(g));
    TG_LET(slope, tg_sum(tg_square(tg_grad(first, x)), tg_axes_all()));
    tg_grads second = tg_backward(slope, tg_nil(g));
    cut(second, tg_nil(g));
    ROLE(tg_grad(first, x), TG__FORWARD);
    ROLE(tg_grad(first, z), TG__FORWARD);
    ROLE(tg_grad(second, x), TG__BACKWARD);
    cr_assert_eq(strncmp(ident(tg_grad(second, x)), "s2_dx", 5), 0, "%s", ident(tg_grad(second, x)));
    tg__part_free(&p);
}

/* ----------------------------------------------------------------------------------------------------- refusals */

Test(part, refusals_teach) {
    TG_LET(x, row(3));
    TG_LET(aside, tg_exp(x));
    TG_LET(z, tg_sum(x, tg_axes_all()));
    tg_grads d = tg_backward(z, tg_nil(g));
    cr_assert_str_eq(refused((tg_grads){g, 0, 0}, z),
                     "test: the sweep is nil: there is nothing backward to write; see tg_backward");
    cr_assert_str_eq(refused(d, aside),
                     "test: the sweep of 'z' did not pass 'aside', so nothing leads backward from there");
    cr_assert_str_eq(refused(d, (tg_node){g, 1, 77}), "test: the handle of out is stale: the tape was rewound");
    tg_graph *h = tg_graph_new();
    cr_assert_str_eq(refused(d, tg_scalar(h, TG_F64, 1)), "test: the handle of out belongs to another graph");
    tg_graph_free(h);
    cr_assert_str_eq(refused((tg_grads){g, 5, 5}, z), "test: the sweep is stale: the tape was rewound");
    tg__clear_run(g);
    cut(d, z);
    tg__part_free(&p);
}

/* -------------------------------------------------------------------------------------------------- identifiers */

static tg_node chain(const char *const *names, size_t count) {
    tg_node z = tg_let(tg_exp(row(1)), "begin", NULL, 0);
    for (size_t i = 0; i < count; i++) z = tg_let(tg_exp(z), names[i], NULL, 0);
    return z;
}

Test(part, identifiers) {
    static const char *const names[] = {"head/xw",  "head.xw",   "lambda", "np",  "sqrt",   "2x",   "γ",
                                        "__init__", "a b",       "a*/b",   "t9",  "dx",     "main", "x\"y\n",
                                        "f",        "f_forward", "cache",  "int", "a__b__", "_",    "double"};
    static const char *const want[] = {"head_xw", "head_xw_2",   "lambda_2", "np_2",  "sqrt_2", "t8",     "t9_2",
                                       "init",    "a_b",         "a_b_2",    "t9",    "dx",     "main_2", "x_y",
                                       "f",       "f_forward_2", "cache_2",  "int_2", "a_b_3",  "t22",    "double_2"};
    const size_t count = sizeof names / sizeof *names;
    tg_node z = tg_sum(chain(names, count), tg_axes_all());
    cut(tg_backward(z, tg_nil(g)), tg_nil(g));
    for (size_t i = 0; i < count; i++) cr_expect_str_eq(ident(tg_find(g, names[i])), want[i], "%s", names[i]);
    cr_expect_str_eq(p.function, "f");
    tg__part_free(&p);
}

Test(part, no_reserved_word_is_an_identifier) {
    static const char words[] =
        "auto break case char const continue default do double else enum extern float for goto if inline int long "
        "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
        "and as assert async await class def del elif except finally from global import in is lambda nonlocal not or "
        "pass raise try with yield True False None np cache sqrt exp log memcpy memset main size_t int32_t NULL NAN "
        "INFINITY bool true false INT_MAX LLONG_MIN CHAR_BIT";
    char word[40];
    const char *s = words;
    tg_node z = row(1);
    for (int n = 0; sscanf(s, "%39s%n", word, &n) == 1; s += n) z = tg_let(tg_exp(z), word, NULL, 0);
    cut(tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g)), tg_nil(g));
    s = words;
    for (int n = 0; sscanf(s, "%39s%n", word, &n) == 1; s += n) {
        char want[50];
        snprintf(want, sizeof want, "%s_2", word);
        cr_expect_str_eq(ident(tg_find(g, word)), want);
    }
    tg__part_free(&p);
}

Test(part, aliases_have_identifiers) {
    TG_LET(x, row(3));
    TG_LET(h, tg_exp(x));
    TG_LET(again, h);
    TG_LET(out, tg_add(h, tg_scalar(g, TG_F64, 1)));
    TG_LET(dout, row(3));
    cut(tg_backward(out, dout), tg_nil(g));
    size_t found = 0;
    for (uint32_t r = 1; r < p.aliases; r++) {
        const bool further = tg__fact_of(g, tg__name_owner(g, r))->name != r;
        cr_expect_eq(*tg__ident_alias(&p, r) != 0, further, "%s", tg__name_text(g, r));
        if (further) cr_expect_str_eq(tg__ident_alias(&p, r), tg__name_text(g, r));
        found += further;
    }
    cr_assert_eq(found, 3); /* again, dh, dagain */
    tg__part_free(&p);
}

/* A thousand names that are nothing but underscores, or the same 60 letters. */
Test(part, no_two_identifiers_are_alike) {
    char name[200];
    tg_node z = row(1);
    for (int i = 0; i < 1000; i++) {
        memset(name, 'n', 90);
        snprintf(name + (i % 2 ? 90 : 0), 100, "ÄÖÜ%d", i);
        for (char *s = name; *s; s++)
            if (i % 4 == 0 && isdigit((unsigned char)*s)) *s = (char)('!' + *s - '0');
        z = tg_let(tg_exp(z), name, NULL, 0);
    }
    cut(tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g)), tg_nil(g));
    for (uint32_t a = 1; a <= p.last; a++) {
        const char *word = tg__ident(&p, a);
        if (p.role[a] == TG__ABSENT) continue;
        cr_assert(isalpha((unsigned char)*word) && strlen(word) < 85 && word[strlen(word) - 1] != '_', "%s", word);
        for (const char *s = word; *s; s++) cr_assert(isalnum((unsigned char)*s) || *s == '_');
        for (uint32_t b = 1; b < a; b++) cr_assert_str_neq(word, tg__ident(&p, b));
    }
    tg__part_free(&p);
}

/* --------------------------------------------------------------------------------------------------- allocation */

/* The number of allocations of a part, each of which failed. */
static size_t fails_anywhere(tg_grads d, const char *function) {
    const size_t live = heap.live;
    size_t k = 0;
    g->busy = true; /* as while a file is written */
    for (bool done = false; !done; k++) {
        heap.fail_at = heap.calls + k + 1;
        done = tg__part_new(&p, d, tg_nil(g), function, "test");
        heap.fail_at = 0;
        if (!done) cr_assert_eq(tg_error(g), TG_MEMORY);
        if (done) tg__part_free(&p);
        cr_assert_eq(heap.live, live);
        tg__clear_run(g);
    }
    g->busy = false;
    return k - 1;
}

Test(part, any_allocation_may_fail) {
    TG_LET(x, row(3));
    tg_node z = x;
    for (int i = 0; i < 40; i++) z = tg_exp(z);
    fails_anywhere(tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g)), "f");
}

/* Names of every length: the text has to grow for those of functions, of nodes, or of the nameless. */
Test(part, no_memory_for_long_names) {
    enum { NAMED = 30, LONGEST = 60, FUNCTION = 50 };
    char name[LONGEST], function[FUNCTION];
    memset(function, 'f', sizeof function - 1);
    function[sizeof function - 1] = 0;
    size_t points = 0;
    for (int length = 10; length < LONGEST; length++)
        for (int last = 2; last < LONGEST; last += 6) {
            const tg_mark mark = tg_mark_now(g);
            tg_node z = row(3);
            for (int i = 0; i < NAMED; i++) {
                memset(name, 'n', sizeof name);
                snprintf(name, 4, "%c%c_", 'A' + i % 26, 'a' + i / 26);
                name[3] = 'n';
                name[i + 1 < NAMED ? length : last] = 0;
                z = tg_let(tg_exp(z), name, NULL, 0);
            }
            for (int i = 0; i < 30; i++) z = tg_exp(z);
            points += fails_anywhere(tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g)), "f");
            cr_assert_eq(tg_rewind(g, mark), TG_OK);
        }
    TG_LET(x, row(3));
    points += fails_anywhere(tg_backward(x, row(3)), function);
    cr_assert_gt(points, 3000);
}
