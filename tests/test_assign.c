/* State: leaves change at a commit and at no other time, all at once, and not before a complete run. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(assign, .init = setup, .fini = teardown, .timeout = 120);

static tg_node scalar(const char *name, double v) {
    tg_node a = tg_let(tg_input(g, TG_F64, tg_shape0()), name, __FILE__, __LINE__);
    cr_assert_eq(tg_set(a, &v), TG_OK);
    return a;
}

static void step(void) {
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_commit(g), TG_OK, "%s", tg_message(g));
}

static void says(const char *text) {
    cr_assert_neq(tg_error(g), TG_OK, "no error: %s", text);
    cr_assert(strstr(tg_message(g), text), "\"%s\" is not in \"%s\"", text, tg_message(g));
}

/* --------------------------------------------------------------------------------------------------- what it does */

Test(assign, all_at_once) {
    tg_node a = scalar("a", 1), b = scalar("b", 2), c = scalar("c", 3);
    tg_assign(b, c);              /* the leaf itself */
    tg_assign(a, tg_identity(b)); /* a view of what has just changed */
    tg_assign(c, tg_add(a, b));
    cr_assert_eq(tg_assigned(b).id, c.id);
    for (double x = 1, y = 2, z = 3, turn = 0; turn < 5; turn++) {
        step();
        const double sum = x + y;
        x = y, y = z, z = sum;
        cr_assert_eq(tg_item(a, 0), x);
        cr_assert_eq(tg_item(b, 0), y);
        cr_assert_eq(tg_item(c, 0), z);
    }
}

/* Nesterov's momentum as nodes against the same as a loop, bit for bit. */
Test(assign, descent_with_momentum) {
    enum { N = 5 };
    double x[N] = {1, -2, 3, -4, 5}, v[N] = {0}, slope[N];
    TG_LET(w, tg_param(g, TG_F64, tg_shape1(N)));
    TG_LET(m, tg_input(g, TG_F64, tg_shape1(N)));
    TG_LET(loss, tg_sum(tg_square(tg_square(w)), tg_axes_all()));
    tg_grads d = tg_backward(loss, tg_nil(g));
    TG_LET(m_next, tg_assign(m, tg_add(tg_mul(m, tg_scalar(g, TG_F64, 0.9)), tg_grad(d, w))));
    TG_LET(w_next, tg_assign(w, tg_sub(w, tg_mul(m_next, tg_scalar(g, TG_F64, 1e-3)))));
    cr_assert_eq(tg_set(w, x) | tg_set(m, v), TG_OK);
    for (int turn = 0; turn < 100; turn++) {
        step();
        for (int i = 0; i < N; i++) {
            const double square = x[i] * x[i];
            slope[i] = 2 * x[i] * (2 * square * 1);
            v[i] = v[i] * 0.9 + slope[i];
            x[i] = x[i] - v[i] * 1e-3;
        }
    }
    for (size_t i = 0; i < N; i++) cr_assert_eq(tg_item(w, i), x[i], "%g %g", tg_item(w, i), x[i]);
}

Test(assign, gradients_are_of_the_value_before) {
    tg_node w = scalar("w", 3);
    TG_LET(loss, tg_square(w));
    tg_grads d = tg_backward(loss, tg_nil(g));
    tg_assign(w, tg_sub(w, tg_grad(d, w)));
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_item(tg_grad(d, w), 0), 6);
    cr_assert_eq(tg_item(w, 0), 3);
    cr_assert_eq(tg_commit(g), TG_OK);
    cr_assert_eq(tg_item(w, 0), -3);
    cr_assert_null(tg_value(loss), "stale");
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_item(loss, 0), 9);
}

/* What does not depend on the leaf stays valid and keeps its value, also where the leaf took just that. */
Test(assign, what_does_not_depend_stays) {
    tg_node x = scalar("x", 2), w = scalar("w", 1);
    TG_LET(double_x, tg_add(x, x));
    TG_LET(alias, tg_identity(double_x));
    TG_LET(y, tg_mul(w, x));
    tg_assign(w, double_x);
    step();
    cr_assert_eq(tg_item(alias, 0), 4);
    cr_assert_eq(tg_item(w, 0), 4);
    cr_assert_null(tg_value(y));
}

Test(assign, every_dtype_and_shape) {
    static const tg_dtype dtypes[] = {TG_F32, TG_F64, TG_I32};
    for (size_t t = 0; t < 3; t++) {
        tg_node a = tg_input(g, dtypes[t], tg_shape2(3, 2)), empty = tg_param(g, dtypes[t], tg_shape2(0, 2));
        tg_node b = tg_const(g, dtypes[t], tg_shape2(3, 2), (double[6]){1, 2, 3, 4, 5, 6});
        tg_assign(a, b);
        tg_assign(empty, tg_const(g, dtypes[t], tg_shape2(0, 2), NULL));
        step(); /* `a` had no value before */
        cr_assert_eq(memcmp(tg_value(a), tg_value(b), 6 * (dtypes[t] == TG_F64 ? 8 : 4)), 0);
    }
}

Test(assign, another_graph_borrows_what_is_committed) {
    tg_node w = scalar("w", 1);
    tg_assign(w, tg_add(w, w));
    tg_graph *test = tg_graph_new();
    tg_node borrowed = tg_input(test, TG_F64, tg_shape0()), y = tg_neg(borrowed);
    cr_assert_eq(tg_bind(borrowed, tg_value(w)), TG_OK);
    for (double want = 2; want < 1000; want *= 2) {
        step();
        cr_assert_eq(tg_run(test), TG_OK);
        cr_assert_eq(tg_item(y, 0), -want);
    }
    tg_graph_free(test);
}

/* ------------------------------------------------------------------------------------------------ readers say so */

static bool written(const char *path, const char *text) {
    static char all[1 << 16];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    all[fread(all, 1, sizeof all - 1, file)] = 0;
    fclose(file);
    return strstr(all, text) != NULL;
}

Test(assign, readers_say_so) {
    tg_node a = scalar("a", 1), b = scalar("b", 2);
    TG_LET(next, tg_assign(a, tg_neg(b)));
    tg_assign(b, tg_square(a));
    char text[80], number[40], path[] = "test_assign.XXXXXX";
    cr_assert_eq(tg_formula(a, text, sizeof text), strlen("input := next"));
    cr_assert_str_eq(text, "input := next");
    snprintf(number, sizeof number, "input := #%u", tg_assigned(b).id);
    tg_formula(b, text, sizeof text);
    cr_assert_str_eq(text, number);
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    tg_explain(a, file);
    tg_explain(next, file);
    fclose(file);
    cr_assert(written(path, "takes       next"));
    cr_assert(written(path, "goes to     a"));
    cr_assert_eq(tg_write_json(g, path), TG_OK);
    snprintf(number, sizeof number, "\"assigned\":%u,", next.id);
    cr_assert(written(path, number));
    remove(path);
}

/* ---------------------------------------------------------------------------------------- nothing else changes it */

Test(assign, stepping_checking_and_drawing_do_not_train) {
    tg_node w = scalar("w", 3);
    TG_LET(loss, tg_square(w));
    tg_grads d = tg_backward(loss, tg_nil(g));
    TG_LET(next, tg_assign(w, tg_sub(w, tg_grad(d, w))));
    while (!tg_is_nil(tg_next(g))) cr_assert_eq(tg_step(g), TG_OK);
    tg_check check;
    size_t count;
    FILE *nowhere = fopen("/dev/null", "w");
    cr_assert_eq(tg_check_gradient(loss, NULL, &check, 1, &count), TG_OK);
    cr_assert_eq(check.verdict, TG_PASS);
    tg_print(g, nowhere);
    tg_explain(w, nowhere);
    cr_assert_eq(tg_write_html(g, d, "assign.html", NULL), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_item(w, 0), 3);
    cr_assert_eq(tg_item(next, 0), -3);
    remove("assign.html");
    fclose(nowhere);
}

/* ---------------------------------------------------------------------------------------------------------- errors */

Test(assign, refusals) {
    tg_node a = scalar("a", 1);
    TG_LET(b, tg_neg(a));
    tg_node wide = tg_let(tg_input(g, TG_F64, tg_shape2(4, 3)), "wide", __FILE__, __LINE__);
    tg_node narrow = tg_let(tg_input(g, TG_F32, tg_shape0()), "narrow", __FILE__, __LINE__);
    tg_node four = tg_scalar(g, TG_F64, 4);
    tg_graph *other = tg_graph_new();
    const tg_mark mark = tg_mark_now(g);
    const struct {
        tg_node leaf, value;
        const char *text;
    } wrong[] = {
        {b, a, "assign: 'b' is no input or param"},
        {four, a, "is no input or param"},
        {a, wide, "assign: 'a' is [] but 'wide' is [4, 3]"},
        {narrow, a, "assign: 'narrow' is f32 but 'a' is f64"},
        {tg_nil(g), a, "assign: the leaf is nil"},
        {a, tg_nil(g), "assign: the value is nil"},
        {a, tg_input(other, TG_F64, tg_shape0()), "assign: the value is of another graph"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert(tg_is_nil(tg_assign(wrong[i].leaf, wrong[i].value)), "%s", wrong[i].text);
        says(wrong[i].text);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
    TG_LET(c, tg_assign(a, b));
    cr_assert_neq(tg_error(g), TG_NAME);
    TG_LET(twice, tg_assign(a, tg_square(a)));
    says("assign: 'a' takes the value of 'b' already; a leaf has one assign");
    says("test_assign.c:"); /* where */
    cr_assert_eq(tg_assign(tg_nil(NULL), tg_nil(NULL)).id, 0);
    tg_graph_free(other);
}

Test(assign, a_rewind_takes_it_back) {
    tg_node a = scalar("a", 1);
    const tg_mark mark = tg_mark_now(g);
    tg_assign(a, tg_scalar(g, TG_F64, 7));
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    cr_assert(tg_is_nil(tg_assigned(a)));
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_commit(g), TG_ARGUMENT);
    says("commit: nothing is assigned on this tape: tg_assign, or an optimizer, says what a leaf takes");
    cr_assert_eq(tg_item(a, 0), 1);
    tg_assign(a, tg_scalar(g, TG_F64, 8));
    step();
    cr_assert_eq(tg_item(a, 0), 8);
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
}

Test(assign, not_before_a_complete_run) {
    tg_node a = scalar("a", 1);
    TG_LET(b, tg_neg(a));
    TG_LET(last, tg_square(a));
    tg_assign(a, b);
    cr_assert_eq(tg_commit(g), TG_VALUE);
    says("commit: 'b' is not up to date");
    cr_assert_eq(tg_run_to(b), TG_OK);
    cr_assert_eq(tg_commit(g), TG_VALUE);
    says("commit: 'last' is not up to date");
    cr_assert_eq(tg_item(a, 0), 1);
    step();
    cr_assert_eq(tg_commit(g), TG_VALUE, "a second commit needs a second run");
    cr_assert_eq(tg_item(a, 0), -1);
    step();
    cr_assert_eq(tg_item(a, 0), 1);
    cr_assert_eq(tg_commit(NULL), TG_HANDLE);
}

Test(assign, borrowed_memory_is_not_written) {
    double own = 1, other = 5;
    tg_node a = scalar("a", 0), first = scalar("first", 3);
    tg_assign(first, tg_scalar(g, TG_F64, 4));
    tg_assign(a, tg_scalar(g, TG_F64, 7));
    cr_assert_eq(tg_bind(a, &own), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_commit(g), TG_ARGUMENT);
    says("its memory is borrowed");
    cr_assert_eq(own, 1);
    cr_assert_eq(tg_item(first, 0), 3, "nothing is committed in part");
    cr_assert_eq(tg_set(a, &other), TG_OK);
    step();
    cr_assert_eq(tg_item(a, 0), 7);
    tg_node empty = tg_input(g, TG_F64, tg_shape0());
    tg_assign(scalar("z", 1), empty);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_commit(g), TG_VALUE);
    says("has no value");
}

/* ---------------------------------------------------------------------------------------------------------- memory */

Test(assign, flat_memory) {
    static struct heap heap; /* the graph outlives this block */
    tg_graph_free(g);
    heap = (struct heap){0};
    g = tg_graph_new_with(heap_allocator(&heap));
    tg_node a = scalar("a", 0), b = scalar("b", 0.5);
    tg_assign(a, b);
    tg_assign(b, tg_add(a, tg_mul(b, tg_scalar(g, TG_F64, 0.5))));
    step();
    const size_t live = heap.live;
    for (int i = 0; i < 100000; i++) step();
    cr_assert_eq(heap.live, live);
}

/* A tape that has an error gives nothing to its leaves. */
Test(assign, not_of_a_broken_tape) {
    tg_node a = scalar("a", 1);
    TG_LET(b, tg_neg(a));
    tg_assign(a, b);
    cr_assert_eq(tg_run(g), TG_OK);
    tg_add(a, tg_nil(g));
    cr_assert_eq(tg_commit(g), TG_HANDLE);
    says("add: operand 2 is nil");
    cr_assert_eq(tg_item(a, 0), 1);
}

/* Where there is no room for a further assign, the leaf has none, and takes one as soon as there is. */
Test(assign, no_room_for_another) {
    enum { LEAVES = 1100 };
    static struct heap heap; /* the graph outlives this block */
    tg_graph_free(g);
    g = tg_graph_new_with(heap_allocator(&heap));
    static tg_node leaf[LEAVES];
    for (size_t i = 0; i < LEAVES; i++) leaf[i] = tg_input(g, TG_F64, tg_shape0());
    const tg_node value = tg_neg(leaf[0]);
    size_t failures = 0;
    for (size_t i = 0; i < LEAVES; i++) {
        const tg_mark mark = tg_mark_now(g);
        heap.fail_at = heap.calls + 1;
        const bool failed = tg_is_nil(tg_assign(leaf[i], value));
        heap.fail_at = 0;
        if (!failed) continue;
        failures++;
        cr_assert_eq(tg_error(g), TG_MEMORY);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
        cr_assert(tg_is_nil(tg_assigned(leaf[i])));
        cr_assert_eq(tg_assign(leaf[i], value).id, value.id);
    }
    cr_assert_gt(failures, 0);
    for (size_t i = 0; i < LEAVES; i++) cr_assert_eq(tg_assigned(leaf[i]).id, value.id);
}

Test(assign, every_allocation_fails_in_turn) {
    for (size_t fail = 1, done = 0; !done; fail++) {
        static struct heap heap; /* the graph outlives this block */
        tg_graph_free(g);
        heap = (struct heap){0};
        g = tg_graph_new_with(heap_allocator(&heap));
        tg_node a = scalar("a", 1), b = scalar("b", 2), c = tg_input(g, TG_F64, tg_shape1(100));
        heap.fail_at = heap.calls + fail;
        tg_assign(a, b);
        tg_assign(b, tg_neg(a));
        tg_assign(c, tg_expand(a, tg_shape1(100)));
        const bool built = tg_error(g) == TG_OK;
        if (built && (tg_run(g) != TG_OK || tg_commit(g) != TG_OK)) {
            cr_assert_eq(tg_error(g), TG_MEMORY);
            cr_assert_eq(tg_item(a, 0), 1);
            cr_assert_eq(tg_item(b, 0), 2);
            step(); /* memory is back */
        }
        if (built) cr_assert_eq(tg_item(a, 0), 2);
        if (built) cr_assert_eq(tg_item(b, 0), -1);
        if (!built) cr_assert_eq(tg_error(g), TG_MEMORY);
        done = heap.calls < heap.fail_at;
        cr_assert_eq(heap.wrong, 0);
    }
}
