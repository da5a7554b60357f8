/* Naive recursion beside topological order, against derivatives that are worked out by hand for either. */
#include "printed.h"

TestSuite(wrong_order, .init = setup, .fini = teardown, .timeout = 120);

static const char *order(tg_grads d) {
    FILE *file = sheet();
    cr_assert_eq(tg_print_wrong_order(d, file), TG_OK, "%s", tg_message(g));
    return text_of(file);
}

static tg_node given(double v) {
    const tg_node a = scalar();
    cr_assert_eq(tg_set(a, &v), TG_OK);
    return a;
}

/* The row that begins with these words, with one blank between words. */
static const char *row_of(const char *text, const char *start) {
    static char words[400];
    char line[1000];
    for (const char *at = text; *at; at += strcspn(at, "\n") + 1) {
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        words[0] = 0;
        for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
            snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s", *words ? " " : "", word);
        if (strncmp(words, start, strlen(start)) == 0) return words;
        if (!at[strcspn(at, "\n")]) break;
    }
    cr_assert_fail("no row '%s' in:\n%s", start, text);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------- diamonds */

Test(wrong_order, diamond_that_is_read_too_early) {
    TG_LET(x, given(1.5));
    TG_LET(a, tg_square(x));
    TG_LET(b, tg_exp(a));
    TG_LET(y, tg_mul(a, b)); /* a comes first: it is visited with b still to come */
    const char *text = order(tg_backward(y, tg_nil(g)));
    is_tame(text);
    const double e = exp(2.25), right = 3 * (e + 2.25 * e), wrong = 3 * e;
    char want[200];
    cr_assert_str_eq(row_of(text, "1 y"), "1 y 1 of 1");
    cr_assert_str_eq(row_of(text, "2 a"), "2 a 1 of 2 b (visit 3)");
    cr_assert_str_eq(row_of(text, "3 b"), "3 b 1 of 1");
    snprintf(want, sizeof want, "x [0] %.4g %.4g %.2g wrong", right, wrong, (right - wrong) / right);
    cr_assert_str_eq(row_of(text, "x "), want);
    has(text, "Why topological order?");
    has(text, "1 of 3 nodes too early");
    has(text, "1 of 1 leaves came out wrong");
}

/* Of many that come too late, as many are named as there is room for. */
Test(wrong_order, many_that_are_late) {
    enum { LATE = 12 };
    TG_LET(x, given(0.5));
    TG_LET(a, tg_square(x));
    tg_node y = a;
    for (int i = 0; i < LATE; i++) {
        char name[40];
        snprintf(name, sizeof name, "consumer_number_%d", i);
        y = tg_add(y, tg_let(tg_exp(a), name, NULL, 0));
    }
    const char *text = order(tg_backward(y, tg_nil(g))), *row = row_of(text, "13 a 1");
    has(row, "a 1 of 13 consumer_number_");
    cr_assert_str_eq(row + strlen(row) - strlen(", …"), ", …", "%s", row);
    cr_assert_lt(strlen(row), 160);
}

Test(wrong_order, diamond_that_happens_to_be_right) {
    TG_LET(x, given(1.5));
    TG_LET(a, tg_square(x));
    TG_LET(b, tg_exp(a));
    TG_LET(y, tg_mul(b, a)); /* b comes first, and has sent by the time that a is visited */
    const char *text = order(tg_backward(y, tg_nil(g)));
    cr_assert_str_eq(row_of(text, "2 b"), "2 b 1 of 1");
    cr_assert_str_eq(row_of(text, "3 a"), "3 a 2 of 2");
    has(text, "depth first happens to be right");
    lacks(text, "Why topological order?");
    lacks(text, "wrong\n");
}

Test(wrong_order, a_chain_is_right) {
    TG_LET(x, given(0.5));
    tg_node y = x;
    double z = 0.5, slope = 1;
    for (int i = 0; i < 5; i++) {
        y = tg_sqrt(tg_exp(y));
        z = exp(z / 2);
        slope *= z / 2;
    }
    const char *text = order(tg_backward(y, tg_nil(g)));
    has(text, "depth first happens to be right");
    char want[100];
    snprintf(want, sizeof want, "x [0] %.4g %.4g 0", slope, slope);
    cr_assert_str_eq(row_of(text, "x "), want);
    cr_assert_str_eq(row_of(text, "10 exp"), "10 exp(x) 1 of 1");
}

/* Diamonds in a row: each loses one of its two terms, so 2ⁿ paths become one. */
Test(wrong_order, diamonds_in_a_row) {
    TG_LET(x, given(1));
    tg_node y = tg_neg(x);
    for (int i = 0; i < 10; i++) y = tg_add(y, tg_neg(tg_neg(y))); /* y stands first: it is read too early */
    const char *text = order(tg_backward(y, tg_nil(g)));
    cr_assert_str_eq(row_of(text, "x "), "x [0] -1024 -1 1 wrong");
    has(text, "10 of 31 nodes too early");
}

/* The late term is 0, or what is late leads to no leaf that is asked for: nothing is wrong. */
Test(wrong_order, too_early_without_harm) {
    TG_LET(x, given(1.5));
    TG_LET(a, tg_square(x));
    TG_LET(b, tg_exp(a));
    TG_LET(y, tg_mul(a, b));
    const char *text =
        order(tg_mutate(tg_backward(y, tg_nil(g)), b, 0, TG_DROP, tg_nil(g))); /* mistakes are repeated */
    cr_assert_str_eq(row_of(text, "2 a"), "2 a 1 of 2 b (visit 3)");
    has(text, "what came late was 0");
    lacks(text, "Why topological order?");
}

/* --------------------------------------------------------------------------------------------- batch normalization */

enum { N = 6, D = 2 };

/* Depth first reads xmu before the variance's term: what is left of dx is dxmu1 - mean(dxmu1). */
Test(wrong_order, batchnorm_loses_its_variance_path) {
    TG_LET(x, tg_input(g, TG_F32, tg_shape2(N, D)));
    TG_LET(gamma, tg_param(g, TG_F32, tg_shape1(D)));
    TG_LET(beta, tg_param(g, TG_F32, tg_shape1(D)));
    TG_LET(dout, tg_input(g, TG_F32, tg_shape2(N, D)));
    float v[N * D], s[N * D], scale[D] = {1.5F, -0.5F};
    uint64_t state = 5;
    for (int i = 0; i < N * D; i++)
        v[i] = (float)random_between(&state, -3, 5), s[i] = (float)random_between(&state, -1, 1);
    cr_assert(!tg_set(x, v) && !tg_set(dout, s) && !tg_set(gamma, scale) && !tg_set(beta, scale));
    const tg_grads d = tg_backward(tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-3, NULL), dout);
    const uint32_t nodes = tg_count(g);
    const size_t moments = tg_moments(g), live = heap.live;
    const char *text = order(d);
    cr_assert(tg_count(g) == nodes && tg_moments(g) == moments && heap.live == live, "the graph stays as it is");
    cr_assert_null(tg_value(tg_grad(d, x)));
    const double eps = (double)1e-3F, share = (double)(float)(1. / N);
    double worst = -1, right_there = 0, wrong_there = 0;
    int at = 0;
    for (int k = 0; k < D; k++) {
        double mu = 0, var = 0, dvar = 0, mean1 = 0, mean2 = 0, error = 0, size = 0, r_there = 0, w_there = 0;
        int i_there = 0;
        for (int i = k; i < N * D; i += D) mu += (double)v[i] * share;
        for (int i = k; i < N * D; i += D) var += ((double)v[i] - mu) * ((double)v[i] - mu) * share;
        const double ivar = 1 / sqrt(var + eps), c = (double)scale[k] * ivar;
        for (int i = k; i < N * D; i += D) dvar -= 0.5 * c * ivar * ivar * (double)s[i] * ((double)v[i] - mu);
        for (int i = k; i < N * D; i += D)
            mean1 += c * (double)s[i] * share, mean2 += 2 * ((double)v[i] - mu) * dvar * share * share;
        for (int i = k; i < N * D; i += D) {
            const double wrong = c * (double)s[i] - mean1,
                         dxmu = c * (double)s[i] + 2 * ((double)v[i] - mu) * dvar * share;
            const double right = dxmu - mean1 - mean2;
            size = fmax(size, fabs(dxmu) + fabs(mean1 + mean2));
            if (fabs(right - wrong) > error) error = fabs(right - wrong), i_there = i, r_there = right, w_there = wrong;
        }
        if (error / size > worst) worst = error / size, at = i_there, right_there = r_there, wrong_there = w_there;
    }
    char want[200];
    snprintf(want, sizeof want, "x [%d] %.4g %.4g %.2g wrong", at, right_there, wrong_there, worst);
    cr_assert_str_eq(row_of(text, "x "), want);
    cr_assert_str_eq(row_of(text, "4 xmu"), "4 xmu 1 of 2 sq (visit 12)");
    cr_assert_str_eq(row_of(text, "9 var"), "9 var + 0.001 1 of 1");
    lacks(row_of(text, "gamma "), "wrong");
    lacks(row_of(text, "beta "), "wrong");
    cr_assert_eq(count_of(text, "1 of 2"), 1);
    is_tame(text);
}

/* ------------------------------------------------------------------------------------------------- large, and hostile
 */

Test(wrong_order, deep) {
    const int depth = 200000;
    TG_LET(x, given(1));
    tg_node y = tg_neg(x);
    for (int i = 0; i < depth; i++) y = tg_neg(y);
    TG_LET(out, tg_mul(y, tg_neg(y))); /* y is read too early, and only y */
    const char *text = order(tg_backward(out, tg_nil(g)));
    cr_assert_eq(lines(text), 12, "%s", text);
    has(text, "… of 200003 visits, 1 of them too early");
    cr_assert_str_eq(row_of(text, "x "), "x [0] -2 -1 0.5 wrong");
}

Test(wrong_order, many_of_everything) {
    tg_node sum = given(1), leaf = sum;
    for (int i = 0; i < 100; i++) {
        const tg_node a = tg_neg(leaf), b = tg_exp(a);
        sum = tg_add(sum, tg_mul(a, b));
        leaf = given(i);
    }
    const char *text = order(tg_backward(sum, tg_nil(g)));
    is_tame(text);
    cr_assert_lt(lines(text), 100);
    has(text, "… of 400 visits, 100 of them too early");
    has(text, "… of 100 leaves");
}

Test(wrong_order, nothing_in_it) {
    TG_LET(x, row(0));
    cr_assert_eq(tg_set(x, &(double){0}), TG_OK);
    const tg_node y = tg_neg(x);
    const char *text = order(tg_backward(tg_mul(y, tg_neg(y)), tg_const(g, TG_F64, tg_shape1(0), NULL)));
    cr_assert_str_eq(row_of(text, "x "), "x empty");
    has(text, "what came late was 0");
}

Test(wrong_order, names_stay_names) {
    const tg_node x = tg_let(given(1), "x\033[31m\n\xe2\x80\xae", NULL, 0);
    char *longest = malloc(1 << 20);
    memset(longest, 'n', (1 << 20) - 1);
    longest[(1 << 20) - 1] = 0;
    const tg_node a = tg_let(tg_neg(x), longest, NULL, 0), b = tg_let(tg_exp(a), "b'\"</script>*/\x80", NULL, 0);
    is_tame(order(tg_backward(tg_mul(a, b), tg_nil(g))));
    free(longest);
}

/* -------------------------------------------------------------------------------------------------- what fails */

static void refuses(tg_grads d, tg_status status, const char *says) {
    FILE *file = sheet();
    cr_assert_eq(tg_print_wrong_order(d, file), status);
    cr_assert_str_eq(text_of(file), "", "nothing is printed");
    if (d.graph) cr_assert_str_eq(tg_message(g), says);
}

Test(wrong_order, refusals) {
    TG_LET(x, scalar());
    TG_LET(y, tg_exp(x));
    const tg_mark before = tg_mark_now(g);
    const tg_grads d = tg_backward(y, tg_nil(g));
    refuses(d, TG_VALUE, "print_wrong_order: 'x' has no value: tg_set or tg_bind it first");
    refuses((tg_grads){g, 0, 0}, TG_HANDLE, "print_wrong_order: the sweep is nil");
    refuses((tg_grads){NULL, 0, 0}, TG_HANDLE, "");
    cr_assert(!tg_set(x, &(double){1}));
    has(order(d), "happens to be right");
    cr_assert_eq(tg_rewind(g, before), TG_OK);
    refuses(d, TG_HANDLE, "print_wrong_order: the sweep is stale: the tape was rewound");
    has(order(tg_backward(x, tg_nil(g))), "happens to be right"); /* a leaf of itself */
}

Test(wrong_order, out_of_memory) {
    TG_LET(x, given(1.5));
    TG_LET(a, tg_square(x));
    TG_LET(y, tg_mul(a, tg_exp(a)));
    const tg_grads d = tg_mutate(tg_backward(y, tg_nil(g)), y, 1, TG_SCALE, tg_exp(x));
    char want[4000];
    snprintf(want, sizeof want, "%s", order(d));
    const size_t live = heap.live, start = heap.calls;
    order(d);
    const size_t points = heap.calls - start;
    cr_assert_gt(points, 20);
    for (int onward = 0; onward < 2; onward++)
        for (size_t k = 1; k <= points; k++) {
            FILE *file = sheet();
            heap.onward = onward;
            heap.fail_at = heap.calls + k;
            cr_assert_eq(tg_print_wrong_order(d, file), TG_MEMORY, "point %zu: %s", k, tg_message(g));
            heap.fail_at = 0;
            has(tg_message(g), "out of memory");
            cr_assert_str_eq(text_of(file), "");
            cr_assert_eq(heap.live, live);
            cr_assert_str_eq(order(d), want);
        }
}

/* So many nodes that a table is full before the twin is there, before its right sweep, or within the wrong one. */
Test(wrong_order, no_memory_for_a_further_node) {
    for (uint32_t nodes = 900; nodes < 1030; nodes += is_long() ? 1 : 5) {
        const tg_mark mark = tg_mark_now(g);
        const tg_node x = given(0.5);
        tg_node y = tg_mul(tg_square(x), tg_exp(x));
        while (tg_count(g) < nodes) tg_scalar(g, TG_F64, tg_count(g));
        y = tg_mul(y, tg_neg(y));
        const tg_grads d = tg_backward(y, tg_nil(g));
        cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
        const size_t live = heap.live;
        tg_status status = TG_MEMORY;
        for (size_t k = 1; status != TG_OK; k++) {
            FILE *file = sheet();
            heap.fail_at = heap.calls + k;
            status = tg_print_wrong_order(d, file);
            heap.fail_at = 0;
            fclose(file);
            cr_assert(status == TG_OK || status == TG_MEMORY, "%u nodes, point %zu: %s", nodes, k, tg_message(g));
            cr_assert_eq(heap.live, live, "%u nodes, point %zu", nodes, k);
        }
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
}
