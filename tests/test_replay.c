/* Leaves saved and loaded: the same bits in a tape that was built alike, and nothing at all in one that was not. */
#include "npy_bytes.h"

TestSuite(replay, .init = setup, .fini = teardown, .timeout = 60);

/* Leaves with and without names, of every dtype, one in a scope, one without elements. */
struct tape {
    tg_graph *graph;
    tg_node x, w, label, none, bare, loss, dx;
};

static struct tape tape_of(tg_graph *graph) {
    struct tape t = {.graph = graph};
    t.x = tg_let(tg_input(graph, TG_F64, tg_shape2(2, 3)), "x", NULL, 0);
    tg_scope_open(graph, "head");
    t.w = tg_let(tg_param(graph, TG_F64, tg_shape2(3, 4)), "W", NULL, 0);
    tg_scope_close(graph);
    t.label = tg_let(tg_input(graph, TG_I32, tg_shape1(2)), "#label", NULL, 0);
    t.none = tg_let(tg_input(graph, TG_F32, tg_shape2(0, 2)), "../none", NULL, 0);
    t.bare = tg_param(graph, TG_F64, tg_shape0());
    t.loss = tg_softmax_loss(tg_mul(tg_matmul(t.x, t.w), t.bare), t.label, "loss");
    t.dx = tg_grad(tg_backward(t.loss, tg_nil(graph)), t.x);
    return t;
}

static void fill(const struct tape *t, uint64_t seed) {
    double *x = random_array(&seed, 6, -1, 1), *w = random_array(&seed, 12, -1, 1), bare = random_between(&seed, 1, 2);
    cr_assert_eq(tg_set(t->x, x), TG_OK);
    cr_assert_eq(tg_set(t->w, w), TG_OK);
    cr_assert_eq(tg_set(t->label, (int32_t[]){3, (int32_t)(seed % 4)}), TG_OK);
    cr_assert_eq(tg_set(t->none, NULL), TG_OK);
    cr_assert_eq(tg_set(t->bare, &bare), TG_OK);
    free(x), free(w);
}

static void equal(tg_node a, tg_node b) {
    const size_t bytes = tg_size(a) * (tg_dtype_of(a) == TG_F64 ? 8 : 4);
    cr_assert(tg_value(a) && tg_value(b));
    cr_assert_eq(memcmp(tg_value(a), tg_value(b), bytes), 0);
}

static void equal_leaves(const struct tape *a, const struct tape *b) {
    equal(a->x, b->x), equal(a->w, b->w), equal(a->label, b->label), equal(a->none, b->none), equal(a->bare, b->bare);
}

Test(replay, the_same_bits) {
    struct tape t = tape_of(g), again = tape_of(tg_graph_new());
    fill(&t, 5);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_save_leaves(g, "r.npz"), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_load_leaves(again.graph, "r.npz"), TG_OK, "%s", tg_message(again.graph));
    equal_leaves(&t, &again);
    cr_assert_eq(tg_run(again.graph), TG_OK);
    equal(t.dx, again.dx);
    cr_assert_eq(tg_save_leaves(again.graph, "again.npz"), TG_OK);
    static char first[4096], second[4096];
    cr_assert_eq(get("r.npz", first, sizeof first), get("again.npz", second, sizeof second));
    cr_assert_eq(memcmp(first, second, sizeof first), 0);
    tg_graph_free(again.graph);
}

Test(replay, keys) {
    static const char *const keys[] = {"x", "head/W", "##label", "../none", "#5"};
    struct tape t = tape_of(g);
    const tg_array *a;
    size_t count;
    fill(&t, 1);
    cr_assert_eq(tg_save_leaves(g, "r.npz"), TG_OK);
    cr_assert_eq(tg_read_npz(g, "r.npz", &a, &count), TG_OK);
    cr_assert_eq(count, 5);
    for (size_t i = 0; i < 5; i++) cr_assert_str_eq(a[i].name, keys[i]);
}

/* A leaf that had no value has none afterwards; what was borrowed is ours; what depends on it is computed anew. */
Test(replay, into_a_tape_that_is_in_use) {
    struct tape t = tape_of(g);
    TG_LET(unused, tg_input(g, TG_F32, tg_shape1(1)));
    fill(&t, 2);
    cr_assert_eq(tg_save_leaves(g, "r.npz"), TG_OK);
    cr_assert_eq(tg_run_to(t.dx), TG_OK);
    const double before = tg_item(t.dx, 0), *held = tg_value(t.w);
    double borrowed[6] = {9, 9, 9, 9, 9, 9};
    fill(&t, 3);
    cr_assert_eq(tg_bind(t.x, borrowed), TG_OK);
    cr_assert_eq(tg_run_to(t.dx), TG_OK);
    cr_assert_neq(tg_item(t.dx, 0), before);
    cr_assert_eq(tg_load_leaves(g, "r.npz"), TG_OK, "%s", tg_message(g));
    cr_assert_null(tg_value(t.dx));
    cr_assert_eq(borrowed[0], 9);
    cr_assert_eq(tg_value(t.w), held); /* pointers that were handed out still hold */
    cr_assert_null(tg_value(unused));
    cr_assert_eq(tg_run_to(t.dx), TG_OK);
    cr_assert_eq(tg_item(t.dx, 0), before);
}

static void misfit(tg_graph *other, const char *const *says, size_t count) {
    cr_assert_eq(tg_load_leaves(other, "r.npz"), TG_FILE);
    cr_assert_not_null(strstr(tg_message(other), "r.npz: does not fit this tape, and nothing was set:"));
    for (size_t i = 0; i < count; i++)
        cr_assert_not_null(strstr(tg_message(other), says[i]), "'%s' is not in: %s", says[i], tg_message(other));
}

Test(replay, what_does_not_fit_is_listed) {
    struct tape t = tape_of(g);
    fill(&t, 2);
    cr_assert_eq(tg_save_leaves(g, "r.npz"), TG_OK);
    tg_graph *h = tg_graph_new();
    tg_node x = tg_let(tg_input(h, TG_F64, tg_shape2(3, 2)), "x", NULL, 0);
    tg_node w = tg_let(tg_param(h, TG_F32, tg_shape2(3, 4)), "head/W", NULL, 0);
    tg_let(tg_scalar(h, TG_F64, 1), "../none", NULL, 0);
    tg_node extra = tg_let(tg_input(h, TG_F64, tg_shape0()), "extra\033", NULL, 0);
    cr_assert_eq(tg_set(extra, &(double){4}), TG_OK);
    static const char *const says[] = {"\n  'x' is f64 [2, 3] in the file, f64 [3, 2] here",
                                       "\n  'head/W' is f64 [3, 4] in the file, f32 [3, 4] here",
                                       "\n  '##label' is in the file, but nothing here has that name",
                                       "\n  '../none' is in the file, but here it is no input or param",
                                       "\n  '#5' is in the file, but nothing here has that name",
                                       "\n  'extra?' has a value here, but is not in the file"};
    misfit(h, says, 6);
    cr_assert(tg_value(x) == NULL && tg_value(w) == NULL && tg_item(extra, 0) == 4);
    cr_assert_eq(tg_error(h), TG_FILE);
    cr_assert_eq(tg_run(h), TG_OK, "%s", tg_message(h)); /* forgotten is what went wrong before */
    tg_graph_free(h);
}

Test(replay, long_lists_and_names) {
    static char name[1 << 20];
    tg_graph *h = tg_graph_new();
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "a rather long name for a leaf, the number of which is %d", i);
        cr_assert_eq(tg_set(tg_let(tg_input(g, TG_F64, tg_shape0()), name, NULL, 0), &(double){i}), TG_OK);
    }
    memset(name, 'n', sizeof name - 1); /* no archive has room for it: it goes by its number */
    tg_node a = tg_let(tg_input(g, TG_F64, tg_shape0()), name, NULL, 0);
    cr_assert_eq(tg_set(a, &(double){7}), TG_OK);
    cr_assert_eq(tg_save_leaves(g, "r.npz"), TG_OK, "%s", tg_message(g));
    static const char *const says[] = {"the number of which is 0' is in the file, but nothing here", "\n  and 43 more"};
    misfit(h, says, 2);
    cr_assert_lt(strlen(tg_message(h)), 1200);
    cr_assert_eq(tg_set(a, &(double){8}), TG_OK);
    cr_assert_eq(tg_load_leaves(g, "r.npz"), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_item(a, 0), 7);
    tg_graph_free(h);
}

/* One leaf under two keys, its name and an alias; a number that is no leaf's, or a named one's. */
Test(replay, foreign_keys) {
    TG_LET(x, tg_input(g, TG_I32, tg_shape0()));
    tg_let(x, "also", NULL, 0);
    const int32_t one = 1;
    const tg_array alias = {"also", TG_I32, tg_shape0(), &one};
    cr_assert_eq(tg_write_npz(g, "r.npz", &alias, 1), TG_OK);
    cr_assert_eq(tg_load_leaves(g, "r.npz"), TG_OK);
    cr_assert_eq(tg_item(x, 0), 1);
    cr_assert_eq(tg_write_npz(g, "r.npz", (tg_array[]){alias, {"x", TG_I32, tg_shape0(), &one}}, 2), TG_OK);
    misfit(g, (const char *const[]){"'x' is in the file under two names"}, 1);
    static const char *const numbers[] = {"#1", "#0", "#2", "#", "#1x", "#99999999999999999999999999", "##", "#-1"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        cr_assert_eq(tg_write_npz(g, "r.npz", &(tg_array){numbers[i], TG_I32, tg_shape0(), &one}, 1), TG_OK);
        misfit(g, (const char *const[]){"is in the file, but nothing here has that name"}, 1);
    }
}

Test(replay, nothing_and_nowhere) {
    cr_assert_eq(tg_save_leaves(g, "r.npz"), TG_OK);
    cr_assert_eq(tg_load_leaves(g, "r.npz"), TG_OK);
    cr_assert_eq(tg_save_leaves(NULL, "r.npz"), TG_HANDLE);
    cr_assert_eq(tg_load_leaves(NULL, "r.npz"), TG_HANDLE);
    cr_assert_eq(tg_save_leaves(g, NULL), TG_FILE);
    cr_assert_eq(tg_load_leaves(g, NULL), TG_FILE);
    cr_assert_eq(tg_load_leaves(g, "missing.npz"), TG_FILE);
    cr_assert_eq(tg_save_leaves(g, "missing/r.npz"), TG_FILE);
    cr_assert_eq(files(NULL), 1);
}

/* Memory is out at each allocation in turn: all leaves are set, or none; the next try does it. */
Test(replay, all_or_nothing) {
    struct tape t = tape_of(g);
    size_t calls = 0;
    fill(&t, 2);
    cr_assert_eq(tg_save_leaves(g, "r.npz"), TG_OK);
    for (size_t fail = 1; fail <= calls + 1; fail++) {
        struct heap heap = {0};
        struct tape own = tape_of(tg_graph_new_with(heap_allocator(&heap)));
        double borrowed[6] = {9};
        cr_assert_eq(tg_bind(own.x, borrowed), TG_OK);
        heap.calls = 0;
        heap.fail_at = fail;
        if (tg_load_leaves(own.graph, "r.npz") != TG_OK) {
            calls = fail;
            cr_assert_eq(tg_error(own.graph), TG_MEMORY, "%s", tg_message(own.graph));
            cr_assert_eq(tg_item(own.x, 0), 9);
            cr_assert(!tg_value(own.w) && !tg_value(own.label) && !tg_value(own.none) && !tg_value(own.bare));
            heap.fail_at = 0;
            cr_assert_eq(tg_load_leaves(own.graph, "r.npz"), TG_OK, "%s", tg_message(own.graph));
        }
        equal_leaves(&t, &own);
        heap.calls = 0;
        heap.fail_at = 1;
        cr_assert_eq(tg_save_leaves(own.graph, "other.npz"), TG_MEMORY);
        tg_graph_free(own.graph);
        cr_assert(heap.live == 0 && heap.wrong == 0);
    }
    cr_assert_gt(calls, 10);
    cr_assert_eq(files(NULL), 1);
}

/* Of leaves so large that each has memory of its own. */
Test(replay, all_or_nothing_of_large_leaves) {
    enum { COUNT = 4, SIZE = 2000 };
    static double saved[SIZE] = {7}, borrowed[SIZE] = {9};
    tg_node a[COUNT];
    for (int i = 0; i < COUNT; i++) cr_assert_eq(tg_set(tg_param(g, TG_F64, tg_shape1(SIZE)), saved), TG_OK);
    cr_assert_eq(tg_save_leaves(g, "r.npz"), TG_OK);
    size_t calls = 0;
    for (size_t fail = 1; fail <= calls + 1; fail++) {
        struct heap heap = {0};
        tg_graph *own = tg_graph_new_with(heap_allocator(&heap));
        for (int i = 0; i < COUNT; i++) a[i] = tg_param(own, TG_F64, tg_shape1(SIZE));
        cr_assert_eq(tg_bind(a[0], borrowed), TG_OK);
        cr_assert_eq(tg_bind(a[3], borrowed), TG_OK);
        heap.calls = 0;
        heap.fail_at = fail;
        const bool loaded = tg_load_leaves(own, "r.npz") == TG_OK;
        if (!loaded) calls = fail;
        cr_assert_eq(tg_item(a[0], 0), loaded ? 7 : 9, "call %zu", fail);
        cr_assert_eq(tg_item(a[3], 0), loaded ? 7 : 9, "call %zu", fail);
        cr_assert((tg_value(a[1]) != NULL) == loaded && (tg_value(a[2]) != NULL) == loaded);
        cr_assert(loaded || tg_error(own) == TG_MEMORY);
        tg_graph_free(own);
        cr_assert(heap.live == 0 && heap.wrong == 0);
    }
    cr_assert_gt(calls, 15);
}

/* A loop of loads does not grow. */
Test(replay, what_was_read_is_given_back) {
    struct heap heap = {0};
    struct tape t = tape_of(tg_graph_new_with(heap_allocator(&heap)));
    fill(&t, 2);
    cr_assert_eq(tg_save_leaves(t.graph, "r.npz"), TG_OK);
    cr_assert_eq(tg_load_leaves(t.graph, "r.npz"), TG_OK);
    const size_t live = heap.live;
    for (int i = 0; i < 20; i++) cr_assert_eq(tg_load_leaves(t.graph, "r.npz"), TG_OK);
    cr_assert_eq(heap.live, live);
    tg_graph_free(t.graph);
}
