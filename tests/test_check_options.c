/* The gradient check: its options, its refusals, and the graph that it leaves as it was, with memory or without. */
#include "check_leaves.h"

TestSuite(check_options, .init = setup, .fini = teardown, .timeout = 60);

struct reports {
    size_t calls, done, total;
};
static void progress(void *user, size_t done, size_t all) {
    struct reports *r = user;
    cr_assert_geq(done, r->done);
    *r = (struct reports){r->calls + 1, done, all};
}

Test(check_options, options_and_room) {
    struct norm b = norm_of(TG_F64, N, D);
    struct reports r = {0, 0, 0};
    check(b.out, &(tg_check_options){.progress = progress, .user = &r});
    cr_assert_eq(r.done, N * D + 2 * D);
    cr_assert_eq(r.total, r.done);
    cr_assert_geq(r.calls, 2);
    tg_check first = checks[0], again[2] = {{.index = 77}, {.index = 77}};
    size_t count = 0;
    cr_assert_eq(tg_check_gradient(b.out, NULL, again, 1, &count), TG_OK);
    cr_assert_eq(count, 3);
    cr_assert_eq(again[0].numeric, first.numeric); /* the same seed, the same bits */
    cr_assert_eq(again[1].index, 77);
    cr_assert_eq(tg_check_gradient(b.out, NULL, NULL, 0, &count), TG_OK);
    cr_assert_eq(count, 3);
    cr_assert_eq(tg_check_gradient(b.out, &(tg_check_options){.seed = 1}, again, 1, NULL), TG_OK);
    cr_assert_neq(again[0].numeric, first.numeric);
}

Test(check_options, a_single_output_keeps_its_own_gradient) {
    tg_node x = given(TG_F64, tg_shape0(), (double[]){3});
    check(tg_square(x), &(tg_check_options){.seed = 99});
    cr_assert_eq(of(x)->ours, 6);
    check(tg_square(x), &(tg_check_options){.cotangent = (double[]){-2}});
    cr_assert_eq(of(x)->ours, -12);
    expect(x, TG_PASS);
}

Test(check_options, nothing_to_check) {
    tg_node empty = drawn(TG_F64, tg_shape2(0, 3), 0, 1), x = row(2, (double[]){1, 2});
    check(tg_square(empty), NULL);
    expect(empty, TG_VACUOUS);
    check(tg_add(total(tg_square(empty)), total(tg_square(x))), NULL);
    expect(empty, TG_VACUOUS);
    expect(x, TG_PASS);
    check(x, NULL);
    expect(x, TG_PASS);
}

Test(check_options, refusals) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(y, tg_square(x));
    refused(y, NULL, TG_VALUE, "'x' has no value");
    cr_assert_eq(tg_set(x, (double[]){1, 2, 3}), TG_OK);
    refused(tg_nil(g), NULL, TG_HANDLE, "nil");
    refused(tg_scalar(g, TG_F64, 1), NULL, TG_GRADIENT, "constant");
    refused(y, &(tg_check_options){.tolerance = -1}, TG_ARGUMENT, "tolerance");
    refused(y, &(tg_check_options){.tolerance = INFINITY}, TG_ARGUMENT, "tolerance inf is not positive");
    refused(y, &(tg_check_options){.tolerance = NAN}, TG_ARGUMENT, "tolerance");
    cr_assert_eq(tg_check_gradient(tg_nil(NULL), NULL, NULL, 0, NULL), TG_HANDLE);
    check(y, NULL); /* none of these stays */
    cr_assert_eq(tg_error(g), TG_OK);
    tg_mark mark = tg_mark_now(g);
    tg_add(x, tg_nil(g));
    refused(y, NULL, TG_HANDLE, "operand 2 is nil"); /* an error of the tape does */
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    check(y, NULL);
}

Test(check_options, errors_of_the_twin_are_handed_over) {
    tg_node unused = tg_input(g, TG_F64, tg_shape1(2)), scores, labels;
    tg_node loss = softmax_loss(TG_F32, &scores, &labels);
    TG_LET(label, labels);
    int32_t bad[N] = {0, 1, 2, 7};
    cr_assert_eq(tg_set(label, bad), TG_OK);
    cr_assert_eq(tg_run_to(loss), TG_VALUE);
    char said[400];
    snprintf(said, sizeof said, "%s", tg_message(g));
    refused(loss, NULL, TG_VALUE, "'label'[3] = 7");
    cr_assert_str_eq(tg_message(g), said); /* the very words that a run would have, with the place */
    cr_assert_not_null(strstr(said, "compose.c"));
    bad[3] = 0;
    cr_assert_eq(tg_set(label, bad), TG_OK);
    check(loss, NULL);
    expect_all(TG_PASS);
    (void)unused;
}

Test(check_options, the_graph_stays_as_it_is) {
    struct norm b = norm_of(TG_F32, N, D);
    float *bound = calloc(N * D, sizeof *bound);
    for (int i = 0; i < N * D; i++) bound[i] = (float)(i * i % 17);
    cr_assert_eq(tg_bind(b.x, bound), TG_OK);
    tg_node later = tg_square(b.out);
    tg_mark before = tg_mark_now(g);
    check(b.out, NULL);
    expect_all(TG_PASS);
    tg_mark after = tg_mark_now(g);
    cr_assert_eq(memcmp(before.at, after.at, sizeof before.at), 0);
    cr_assert_eq(before.strings, after.strings);
    cr_assert_null(tg_value(b.out)); /* never run */
    cr_assert_null(tg_value(later));
    cr_assert_eq(tg_value(b.x), bound);
    for (int i = 0; i < N * D; i++) cr_assert_eq(bound[i], (float)(i * i % 17));
    free(bound);
}

/* --------------------------------------------------------------------------------------------- every allocation */

Test(check_options, out_of_memory) {
    struct heap heap = {0};
    tg_graph_free(g);
    g = tg_graph_new_with(heap_allocator(&heap));
    struct norm b = norm_of(TG_F32, 3, 2);
    check(b.out, NULL);
    const size_t live = heap.live, start = heap.calls;
    tg_check right[LEAVES];
    memcpy(right, checks, sizeof right);
    check(b.out, NULL);
    const size_t points = heap.calls - start;
    cr_assert_gt(points, 5);
    for (int onward = 0; onward < 2; onward++)
        for (size_t k = 1; k <= points; k++) {
            tg_mark before = tg_mark_now(g);
            heap.onward = onward;
            heap.fail_at = heap.calls + k;
            refused(b.out, NULL, TG_MEMORY, "out of memory");
            heap.fail_at = 0;
            cr_assert_eq(heap.live, live);
            cr_assert_eq(tg_count(g), before.at[0] - 1);
            check(b.out, NULL); /* a second try, with memory, is as if nothing had been */
            for (size_t i = 0; i < leaves; i++) cr_assert_eq(checks[i].numeric, right[i].numeric);
        }
    cr_log_info("%zu allocations failed in turn, once and from there on", points);
    tg_graph_free(g);
    g = NULL;
    cr_assert_eq(heap.blocks, 0);
    cr_assert_eq(heap.wrong, 0);
}

/* ---------------------------------------------------------------------------------------- a kernel that refuses */

static int runs, refused_run; /* of the kernel below; the one that fails, 0: none */

static tg_status moody_run(tg_call *c) {
    const tg_node z = tg_call_node(c);
    if (++runs == refused_run) return tg_call_fail(c, TG_VALUE, "not today");
    for (size_t i = 0; i < tg_size(z); i++)
        if (tg_dtype_of(z) == TG_F64)
            ((double *)tg_call_output(c))[i] = sin(((const double *)tg_call_input(c, 0))[i]);
        else
            ((float *)tg_call_output(c))[i] = sinf(((const float *)tg_call_input(c, 0))[i]);
    return TG_OK;
}

static tg_node moody_vjp(tg_node z, tg_node dz, int slot) {
    (void)slot;
    return tg_mul(dz, tg_cos(tg_operand(z, 0)));
}

static const tg_op moody = {
    .name = "moody", .operands = 1, .shape = tg_rule_first, .run = moody_run, .vjp = moody_vjp};

/* It may refuse at any of the runs of a check, which then hands over what it said, and can be made again. */
Test(check_options, a_kernel_refuses_at_any_run) {
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        refused_run = 0;
        const double v[] = {0.5, -1, 2};
        tg_node x = given(dtype, tg_shape1(3), v), w = given(dtype, tg_shape1(3), v);
        if (dtype == TG_F32) cr_assert_eq(tg_register(g, &moody), TG_OK, "%s", tg_message(g));
        TG_LET(z, tg_mul(tg_apply(&moody, &x), tg_exp(w)));
        runs = 0;
        check(z, NULL);
        expect_all(TG_PASS);
        const int all = runs;
        cr_assert_gt(all, 20);
        for (int i = 1; i <= all; i++) {
            runs = 0, refused_run = i;
            refused(z, NULL, TG_VALUE, "moody #");
            cr_assert_not_null(strstr(tg_message(g), ": not today"), "run %d: %s", i, tg_message(g));
        }
        refused_run = 0;
        check(z, NULL);
        expect_all(TG_PASS);
        tg_graph_free(g);
        g = tg_graph_new();
        cr_assert_eq(tg_register(g, &moody), TG_OK);
    }
}
