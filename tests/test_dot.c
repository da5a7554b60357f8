/* DOT: Graphviz reads every file, and finds in it the nodes, names and edges of the tape. */
#include "draw.h"
#include "drawn.h"

TestSuite(dot, .init = setup, .fini = teardown, .timeout = 120);

/* What Graphviz should find: each node and the first line of its label, and the number of different edges. */
static void write_names(tg_grads d, tg_draw_options options) {
    struct tg__circuit c;
    char text[TG__CAPTION];
    size_t edges = 0;
    cr_assert(tg__circuit_new(&c, g, d, &options));
    FILE *file = fopen(place("names"), "wb");
    cr_assert_not_null(file);
    for (uint32_t id = 1; id <= c.last; id++) {
        const struct tg__node *n = tg__node_of(g, id);
        if (!c.shown[id]) continue;
        const bool named = tg_name(tg_node_at(g, id))[0] || tg__is_leaf(n);
        fprintf(file, "n%u\t%s\n", id, named ? tg__caption_leaf(&c, id, text) : tg__caption_gate(&c, id, text));
        for (int i = 0; i < n->operands; i++) {
            bool again = !c.shown[n->in[i]];
            for (int j = 0; j < i; j++) again |= n->in[j] == n->in[i];
            edges += !again;
        }
    }
    fprintf(file, "edges\t%zu\n", edges);
    fclose(file);
    tg__circuit_free(&c);
}

static char *drawn(tg_grads d, tg_draw_options options) {
    if (!options.folded) write_names(d, options);
    cr_assert_eq(tg_write_dot(g, d, place("a.dot"), &options), TG_OK, "%s", tg_message(g));
    if (!options.folded) reads_well("dot", "a.dot");
    return read_whole(place("a.dot"));
}

Test(dot, batchnorm) {
    const tg_grads d = batchnorm_4x2();
    char *text = drawn(d, (tg_draw_options){0});
    golden(text, SOURCE "/tests/golden/batchnorm.dot");
    cr_assert_eq(count_in(text, "subgraph cluster_"), 9);
    free(text);
    text = drawn(d, (tg_draw_options){.whole = true});
    cr_assert_not_null(strstr(text, "backward of out"));
    free(text);
    text = drawn(d, (tg_draw_options){.bare = true});
    cr_assert_null(strstr(text, "value"));
    cr_assert_null(strstr(text, "gradient"));
    free(text);
}

Test(dot, several_mistakes_at_one_edge) {
    const tg_node factor = tg_let(tg_input(g, TG_F64, tg_shape0()), "factor", "f", 1);
    const tg_grads d = batchnorm_4x2(), flipped = tg_mutate(d, tg_find(g, "sq"), 0, TG_FLIP, tg_nil(g));
    char *text = drawn(tg_mutate(flipped, tg_find(g, "sq"), 0, TG_SCALE, factor), (tg_draw_options){0});
    cr_assert_eq(count_in(text, "label=\"flipped, times factor\""), 1, "%s", text);
    free(text);
}

Test(dot, scopes) {
    const tg_node x = leaf("x", tg_shape2(4, 2), 1);
    tg_scope_open(g, "net");
    const tg_node y = scoped_norms(x, 2);
    tg_scope_close(g);
    const tg_grads d = tg_backward(tg_let(tg_sum(y, tg_axes_all()), "loss", "f", 1), tg_nil(g));
    char *text = drawn(d, (tg_draw_options){0});
    cr_assert_not_null(strstr(text, "label=\"bn1/: "));
    free(text);
    text = drawn(d, (tg_draw_options){.folded = true});
    cr_assert_null(strstr(text, "label=\"bn1/"));
    cr_assert_eq(count_in(text, "label=\"net/"), 1);
    free(text);
}

Test(dot, names) {
    static const char *const names[] = {"\\N\\G\\L\\",
                                        "a\"b",
                                        "<b>bold</b>",
                                        "&lt;&amp;&#34;",
                                        "a\nb\tc\033[31m",
                                        "\xff\xfe\xc3",
                                        "\xe2\x80\xae"
                                        "desrever",
                                        "//* \\n \\l",
                                        "node",
                                        "digraph",
                                        "µ → ∞"};
    static char huge[1 << 20];
    memset(huge, 'w', sizeof huge - 1);
    tg_node x = leaf("x", tg_shape1(2), 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tg_scope_open(g, names[i]);
        x = tg_let(tg_mul(x, tg_let(tg_neg(x), names[i], names[i], 1)), huge + i, "f", 2);
        tg_scope_close(g);
    }
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    char *text = drawn((tg_grads){g, 0, 0}, (tg_draw_options){0});
    cr_assert_null(strstr(text, "\xe2\x80\xae"));
    cr_assert_lt(strlen(text), 100000);
    free(text);
}

Test(dot, a_mutated_edge_is_marked) {
    const tg_grads right = batchnorm_4x2(), d = tg_mutate(right, tg_find(g, "sq"), 0, TG_FLIP, tg_nil(g));
    char *text = drawn(d, (tg_draw_options){0}), want[100];
    snprintf(want, sizeof want, "n%u -> n%u [color=\"#c2410c\", style=dashed, label=\"flipped\"];", tg_find(g, "xmu").id,
             tg_find(g, "sq").id);
    cr_assert_eq(count_in(text, want), 1, "%s", text);
    cr_assert_eq(count_in(text, "style=dashed, label=\""), 1);
    free(text);
}

Test(dot, nothing) {
    free(drawn((tg_grads){g, 0, 0}, (tg_draw_options){0}));
    TG_LET(x, tg_input(g, TG_I32, tg_shape1(3)));
    char *text = drawn((tg_grads){g, 0, 0}, (tg_draw_options){0});
    cr_assert_not_null(strstr(text, "value –"));
    free(text);
}

Test(dot, random) {
    const tg_grads d = random_tape(11, 60, 9, 9, 2);
    free(drawn(d, (tg_draw_options){0}));
    char *a = drawn(d, (tg_draw_options){.whole = true}), *b = drawn(d, (tg_draw_options){.whole = true});
    cr_assert_str_eq(a, b);
    free(a), free(b);
}

Test(dot, groups_are_not_there) {
    const tg_grads d = random_tape(12, 150, 3, 0, 0);
    char *text = drawn(d, (tg_draw_options){0});
    cr_assert_eq(count_in(text, "subgraph"), 0);
    free(text);
}

Test(dot, out_of_memory) {
    const tg_grads d = random_tape(4, 40, 9, 9, 2);
    const size_t blocks = heap.blocks;
    for (size_t n = 1;; n++) {
        heap.calls = 0;
        heap.fail_at = n;
        const tg_status status = tg_write_dot(g, d, place("a.dot"), NULL);
        heap.fail_at = 0;
        cr_assert_eq(heap.blocks, blocks);
        if (status == TG_OK) break;
        cr_assert_eq(status, TG_MEMORY);
    }
}

/* A row of gates, of which so many have a further operand, and that no scope divides. */
static void row_of_gates(int gates, int operands) {
    const tg_node x = leaf("x", tg_shape0(), 1), y = operands ? leaf("y", tg_shape0(), 2) : x;
    tg_node z = x;
    for (int i = 0; i < gates; i++) z = i < operands ? tg_add(z, y) : tg_neg(z);
}

/* Tables grow by a thousand rows: each kind of row is the one for which there is no room. */
Test(dot, no_memory_for_a_further_row) {
    static const int rows[][2] = {{1024, 0}, {1003, 0}, {1002, 0}, {1001, 0}, {960, 37}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const tg_mark mark = tg_mark_now(g);
        row_of_gates(rows[i][0], rows[i][1]);
        const size_t blocks = heap.blocks;
        bool built = false;
        g->busy = true; /* as while a file is written */
        for (size_t k = 1; !built; k++) {
            struct tg__circuit c;
            heap.fail_at = heap.calls + k;
            built = tg__circuit_new(&c, g, (tg_grads){g, 0, 0}, NULL);
            heap.fail_at = 0;
            cr_assert_eq(tg_error(g), built ? TG_OK : TG_MEMORY, "%s", tg_message(g));
            if (built) cr_assert(c.items.length > 1024 || c.wires.length > 1024);
            if (built) tg__circuit_free(&c);
            cr_assert_eq(heap.blocks, blocks);
            tg__clear_run(g);
        }
        g->busy = false;
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
}
