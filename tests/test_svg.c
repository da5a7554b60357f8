/* The SVG file: well-formed whatever a name contains, the same bytes for the same tape, and what it says of values. */
#include "drawn.h"

TestSuite(svg, .init = setup, .fini = teardown, .timeout = 120);

static char *drawn(tg_grads d, tg_draw_options options) {
    cr_assert_eq(tg_write_svg(g, d, place("a.svg"), &options), TG_OK, "%s", tg_message(g));
    reads_well("svg", "a.svg");
    return read_whole(place("a.svg"));
}

static void has(const char *text, const char *what) {
    cr_assert_not_null(strstr(text, what), "'%s' is not there", what);
}
static void lacks(const char *text, const char *what) { cr_assert_null(strstr(text, what), "'%s' is there", what); }

Test(svg, batchnorm) {
    const tg_grads d = batchnorm_4x2();
    char *text = drawn(d, (tg_draw_options){0});
    golden(text, SOURCE "/tests/golden/batchnorm.svg");
    cr_assert_eq(count_in(text, "class=\"cluster stage\""), 9);
    cr_assert_eq(count_in(text, "class=\"node leaf\""), 3);
    cr_assert_eq(count_in(text, "class=\"value\" data-node"), 15, "each of 12 gates and 3 leaves has its value");
    cr_assert_eq(count_in(text, "class=\"gradient\" data-node"), 15);
    has(text, " 0.25</text>");
    free(text);
}

/* The whole way of the edge: from xmu out of its box, to the next box, to the square. */
Test(svg, a_mutated_edge_is_marked) {
    tg_grads d = batchnorm_4x2();
    char *text = drawn(d, (tg_draw_options){0});
    lacks(text, " bent\"");
    lacks(text, "mutated");
    free(text);
    text = drawn(tg_mutate(d, tg_find(g, "sq"), 0, TG_FLIP, tg_nil(g)), (tg_draw_options){0});
    cr_assert_eq(count_in(text, "class=\"wire bent\""), 2);
    cr_assert_eq(count_in(text, "class=\"wire arrives bent\""), 1);
    has(text, "dotted: mutated");
    free(text);
}

/* Where too many values cross a border they share a wire, which is no single edge's: marked is the way behind it, into
 * the consumer's box and to the consumer. */
Test(svg, a_mutated_edge_within_a_cable) {
    enum { WIRES = 30 };
    tg_node a[WIRES], sum = tg_nil(g);
    const tg_node x = leaf("x", tg_shape1(3), 1);
    tg_scope_open(g, "a");
    for (int i = 0; i < WIRES; i++) a[i] = tg_exp(x);
    tg_scope_close(g);
    tg_scope_open(g, "b");
    for (int i = 0; i < WIRES; i++) {
        const tg_node b = tg_let(tg_neg(a[i]), i ? "" : "first", NULL, 0);
        sum = i ? tg_add(sum, b) : b;
    }
    tg_scope_close(g);
    const tg_grads d = tg_backward(tg_sum(sum, tg_axes_all()), tg_nil(g));
    char *text = drawn(tg_mutate(d, tg_find(g, "b/first"), 0, TG_FLIP, tg_nil(g)), (tg_draw_options){0});
    cr_assert_eq(count_in(text, "class=\"wire bent\""), 1);
    cr_assert_eq(count_in(text, "class=\"wire arrives bent\""), 1);
    free(text);
}

Test(svg, the_output_is_named_with_its_scope) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    char *text = drawn(tg_backward(tg_mse_loss(x, tg_square(x), TG_MEAN, "mse"), tg_nil(g)), (tg_draw_options){0});
    has(text, "gradient of mse/loss<");
    has(text, "<title>Circuit of mse/loss</title>");
    free(text);
}

Test(svg, same_bytes) {
    const tg_grads d = random_tape(5, 150, 9, 9, 2);
    char *a = drawn(d, (tg_draw_options){.whole = true}), *b = drawn(d, (tg_draw_options){.whole = true});
    cr_assert_str_eq(a, b);
    free(a), free(b);
}

Test(svg, not_run) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(y, tg_sum(x, tg_axes_all()));
    char *text = drawn(tg_backward(y, tg_nil(g)), (tg_draw_options){0});
    cr_assert_eq(count_in(text, ">–</text>"), 3, "two values and a gradient; the seed of the other is known");
    lacks(text, ">0</text>");
    free(text);
}

Test(svg, values) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(none, tg_input(g, TG_F64, tg_shape2(0, 3)));
    TG_LET(y, tg_log(x));
    TG_LET(z,
           tg_mul(tg_max(tg_where(tg_gt(x, tg_scalar(g, TG_F64, 0)), x, tg_scalar(g, TG_F64, -1e300)), tg_axes_all()),
                  tg_scalar(g, TG_F64, 1e-20)));
    TG_LET(e, tg_neg(none));
    cr_assert_eq(tg_set(x, (double[]){-1, 2, 1e10}), TG_OK);
    cr_assert_eq(tg_set(none, NULL), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    char *text = drawn((tg_grads){g, 0, 0}, (tg_draw_options){0});
    has(text, ">1 not finite</text>");
    has(text, ">−1 … 1e10</text>");
    has(text, ">1e−10</text>");
    cr_assert_eq(count_in(text, ">empty</text>"), 2);
    lacks(text, "class=\"gradient\" data-node");
    free(text);
    text = drawn((tg_grads){g, 0, 0}, (tg_draw_options){.bare = true});
    lacks(text, "class=\"value\"");
    free(text);
}

Test(svg, names) {
    static const char *const names[] = {"</text></svg><script>alert(1)</script>",
                                        "a\"b'c&d",
                                        "*/ -->]]>",
                                        "a\nb\tc\033[31m",
                                        "\xff\xfe\xc3",
                                        "\xe2\x80\xae"
                                        "desrever",
                                        "?"
                                        "?/",
                                        "{}|<>\\N\\G\\L",
                                        "",
                                        "-"};
    static char huge[1 << 20];
    memset(huge, 'w', sizeof huge - 1);
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tg_scope_open(g, names[i]);
        x = tg_let(tg_mul(x, tg_let(tg_neg(x), names[i], names[i], 1)), i ? huge + i : huge, "f", 2);
        tg_scope_close(g);
    }
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    char *text = drawn((tg_grads){g, 0, 0}, (tg_draw_options){0});
    lacks(text, "<script");
    lacks(text, "\xe2\x80\xae");
    lacks(text, "\033");
    cr_assert_lt(strlen(text), 100000, "a name of a megabyte is cut");
    free(text);
}

Test(svg, nothing) {
    char *text = drawn((tg_grads){g, 0, 0}, (tg_draw_options){0});
    has(text, "0 operators");
    free(text);
}

Test(svg, folds) {
    const tg_grads d = random_tape(9, 1000, 20, 12, 3);
    const double start = seconds();
    char *text = drawn(d, (tg_draw_options){0});
    const double took = seconds() - start;
    if (!SANITIZED) cr_assert_lt(took, 1, "1000 operators took %g s", took);
    has(text, " folded\"");
    lacks(text, "display=");
    free(text);
}

Test(svg, errors) {
    TG_LET(x, leaf("x", tg_shape0(), 1));
    cr_assert_eq(tg_write_svg(g, (tg_grads){g, 0, 0}, "/nowhere/at/all.svg", NULL), TG_FILE);
    cr_assert_eq(tg_write_svg(g, (tg_grads){g, 7, 0}, place("a.svg"), NULL), TG_HANDLE);
    cr_assert_eq(tg_write_svg(NULL, (tg_grads){0}, place("a.svg"), NULL), TG_HANDLE);
}

/* Every allocation fails in turn: a status, no file, no leak; then the same bytes. */
Test(svg, out_of_memory) {
    const tg_grads d = random_tape(4, 60, 9, 9, 2);
    char *want = drawn(d, (tg_draw_options){.whole = true});
    unlink(place("a.svg"));
    const size_t blocks = heap.blocks, calls = heap.calls;
    for (size_t n = 1;; n++) {
        heap.calls = 0;
        heap.fail_at = n;
        const tg_status status = tg_write_svg(g, d, place("a.svg"), &(tg_draw_options){.whole = true});
        heap.fail_at = 0;
        cr_assert_eq(heap.blocks, blocks);
        if (status == TG_OK) break;
        cr_assert_eq(status, TG_MEMORY, "%s", tg_message(g));
        cr_assert_neq(access(place("a.svg"), F_OK), 0);
    }
    cr_assert_gt(heap.calls, 20);
    heap.calls = calls;
    char *text = read_whole(place("a.svg"));
    cr_assert_str_eq(text, want);
    free(text), free(want);
}
