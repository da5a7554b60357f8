/* Everything that reads, called wrongly: nil, stale and foreign handles, no graph, no path, no file, before a run, in a
 * graph with an error, under names that no language takes. */
#include "folder.h"
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static tg_graph *g, *other;
static tg_grads d, foreign, stale;
static tg_node x, y, lost;
static FILE *sink;
static char folder[40], path[60];

static void enter(void) {
    folder_new(folder, "misuse");
    snprintf(path, sizeof path, "%s/file", folder);
    sink = tmpfile();
    g = tg_graph_new();
    other = tg_graph_new();
    x = tg_let(tg_input(g, TG_F64, tg_shape1(2)), "x", __FILE__, __LINE__);
    y = tg_let(tg_sum(tg_exp(x), tg_axes_all()), "y", __FILE__, __LINE__);
    d = tg_backward(y, tg_nil(g));
    const tg_mark mark = tg_mark_now(g);
    lost = tg_neg(y);
    stale = tg_backward(lost, tg_nil(g));
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    tg_node z = tg_input(other, TG_F64, tg_shape0());
    foreign = tg_backward(tg_exp(z), tg_nil(other));
}

static void leave(void) {
    fclose(sink);
    tg_graph_free(g);
    tg_graph_free(other);
    cr_expect_eq(rmdir(folder), 0, "something was left behind");
}

TestSuite(readers_misuse, .timeout = 60, .init = enter, .fini = leave);

/* A clean answer: a file, or an error with a message and no file. */
static void answers(tg_status status, tg_status wanted, const char *what) {
    cr_expect_eq(status, wanted, "%s: %d %s", what, (int)status, tg_message(g));
    cr_expect_eq(unlink(path) == 0, wanted == TG_OK, "%s: the file", what);
    if (wanted != TG_OK) cr_expect_str_not_empty(tg_message(g), "%s fails without a word", what);
}

Test(readers_misuse, sweeps) {
    const tg_grads nil = {g, 0, 0}, wild = {g, 4000000000u, d.epoch}, sweeps[] = {nil, wild, stale};
    for (size_t i = 0; i < 3; i++) {
        answers(tg_write_numpy(sweeps[i], tg_nil(g), "f", path), TG_HANDLE, "numpy");
        answers(tg_write_latex(sweeps[i], tg_nil(g), "f", path), TG_HANDLE, "latex");
        answers(tg_write_c_staged(sweeps[i], tg_nil(g), "f", path), TG_HANDLE, "c");
        answers(tg_write_dot(g, sweeps[i], path, NULL), i ? TG_HANDLE : TG_OK, "dot");
        answers(tg_write_svg(g, sweeps[i], path, NULL), i ? TG_HANDLE : TG_OK, "svg");
        answers(tg_print_wrong_order(sweeps[i], sink), TG_HANDLE, "wrong order");
        cr_expect_not(tg_print_moment(sweeps[i], 1, sink));
        tg_print_steps(sweeps[i], NULL, sink);
        tg_print_ledger(sweeps[i], x, sink);
    }
    answers(tg_write_dot(g, foreign, path, NULL), TG_HANDLE, "dot of a foreign sweep");
    answers(tg_write_svg(g, foreign, path, NULL), TG_HANDLE, "svg of a foreign sweep");
    cr_expect_eq(ftell(sink), 0);
    answers(tg_write_dot(g, d, path, NULL), TG_OK, "dot");
}

Test(readers_misuse, nodes) {
    const tg_node wrong[] = {lost, {g, 4000000000u, x.epoch}, tg_node_at(other, 1)};
    for (size_t i = 0; i < 3; i++) {
        answers(tg_write_numpy(d, wrong[i], "f", path), TG_HANDLE, "numpy");
        answers(tg_write_html(g, d, path, &(tg_page_options){.out = wrong[i]}), TG_HANDLE, "html");
        if (i < 2) tg_explain(wrong[i], sink);
        tg_print_ledger(d, wrong[i], sink);
        const tg_mark mark = tg_mark_now(g);
        cr_expect_eq(tg_mutate(d, wrong[i], 0, TG_FLIP, tg_nil(g)).id, 0);
        cr_expect_eq(tg_error(g), TG_HANDLE);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
    cr_expect_eq(ftell(sink), 0);
}

Test(readers_misuse, no_file) {
    cr_assert_eq(tg_set(x, (double[]){1, 2}), TG_OK);
    tg_print(g, NULL);
    tg_print_folded(g, NULL, NULL);
    tg_print_steps(d, NULL, NULL);
    tg_print_ledger(d, x, NULL);
    tg_explain(x, NULL);
    tg_print_operators(NULL);
    cr_expect(tg_print_moment(d, 2, NULL));
    cr_expect_eq(tg_print_wrong_order(d, NULL), TG_OK);
}

/* What is wrong with an array is no reason to take anything on the tape back. */
Test(readers_misuse, bad_arrays_are_forgotten) {
    const tg_array bad = {.name = "a", .dtype = TG_F64, .shape = {.rank = 99}, .data = path};
    answers(tg_write_npz(g, path, &bad, 1), TG_SHAPE, "npz");
    answers(tg_write_npy(g, path, TG_F64, (tg_shape){.rank = 1, .dim = {-3}}, path), TG_SHAPE, "npy");
    answers(tg_write_json(g, path), TG_OK, "json");
    cr_expect_eq(tg_error(g), TG_OK, "%s", tg_message(g));
}

static bool holds(const char *what) {
    static char text[1 << 16];
    FILE *file = fopen(path, "r");
    text[file ? fread(text, 1, sizeof text - 1, file) : 0] = 0;
    if (file) fclose(file);
    return strstr(text, what) != NULL;
}

Test(readers_misuse, names) {
    char *huge = calloc(1, (1 << 20) + 1);
    memset(huge, 'a', 1 << 20);
    const char *const odd[] = {"", "1", "\xff", "*/", "f\nimport os", huge, NULL};
    static const char *const would_do[] = {"network", "network", "network", "network", "f_import_os", "aaaa"};
    for (size_t i = 0; odd[i]; i++) {
        char proposed[40];
        snprintf(proposed, sizeof proposed, i == 5 ? "'%s" : "'%s' would do", would_do[i]);
        answers(tg_write_numpy(d, tg_nil(g), odd[i], path), TG_ARGUMENT, "numpy");
        answers(tg_write_latex(d, tg_nil(g), odd[i], path), TG_ARGUMENT, "latex");
        answers(tg_write_c_staged(d, tg_nil(g), odd[i], path), TG_ARGUMENT, "c");
        cr_expect_not_null(strstr(tg_message(g), proposed), "%s", tg_message(g));
    }
    free(huge);
    answers(tg_write_c_staged(d, tg_nil(g), "int", path), TG_ARGUMENT, "c");
    cr_expect_not_null(strstr(tg_message(g), "'int_network' would do"), "%s", tg_message(g));
    cr_expect(tg_write_c_staged(d, tg_nil(g), NULL, path) == TG_OK && holds("struct network {"), "a name is wanted");
    cr_expect_eq(unlink(path), 0);
    tg_node i = tg_let(tg_sum(tg_mul(tg_let(tg_neg(x), "I", NULL, 0), x), tg_axes_all()), "M_E", NULL, 0);
    const tg_grads macros = tg_backward(i, tg_nil(g));
    cr_expect(tg_write_c_staged(macros, tg_nil(g), "f", path) == TG_OK && !holds(" I[") && !holds(" M_E;"),
              "I is a macro");
    cr_expect_eq(unlink(path), 0);
}
