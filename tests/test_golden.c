/* The same tape gives the same bytes: every exporter's output for the batch normalization of examples/03_by_hand.c is
 * that of tests/golden. TAPEGRAD_GOLDEN=1 writes it anew; look at the difference before you commit it. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

TestSuite(golden, .timeout = 60);

static char folder[] = "/tmp/golden.XXXXXX";

static tg_grads by_hand(tg_graph *g, tg_node *out) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 2)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(2, 2)));
    static const char *const labels[] = {"left", "right"};
    *out = tg_batchnorm(x, gamma, beta, tg_axis(0), 9, NULL);
    tg_grads d = tg_backward(*out, dout);
    cr_assert(!tg_set(x, (double[]){1, 20, 9, 12}) && !tg_set(gamma, (double[]){5, 10}) &&
              !tg_set(beta, (double[]){1, 0}) && !tg_set(dout, (double[]){1, 0, 0, 1}));
    cr_assert(!tg_label_columns(x, labels, 2) && !tg_run(g), "%s", tg_message(g));
    return d;
}

static tg_status write_as(const char *kind, tg_graph *g, tg_grads d, tg_node out, const char *path) {
    const tg_page_options page = {.title = "Batch normalization", .function = "batchnorm", .out = out};
    if (strcmp(kind, "py") == 0) return tg_write_numpy(d, out, "batchnorm", path);
    if (strcmp(kind, "c") == 0) return tg_write_c_staged(d, out, "batchnorm", path);
    if (strcmp(kind, "tex") == 0) return tg_write_latex(d, out, "batchnorm", path);
    if (strcmp(kind, "json") == 0) return tg_write_json(g, path);
    if (strcmp(kind, "dot") == 0) return tg_write_dot(g, d, path, NULL);
    if (strcmp(kind, "svg") == 0) return tg_write_svg(g, d, path, NULL);
    if (strcmp(kind, "npz") == 0) return tg_save_leaves(g, path);
    return tg_write_html(g, d, path, &page);
}

static char *read_all(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s cannot be read", path);
    char *text = malloc(1 << 22);
    *length = fread(text, 1, 1 << 22, file);
    fclose(file);
    return text;
}

static void write_new(const char *kind, const char *path) {
    tg_graph *g = tg_graph_new();
    tg_node out;
    tg_grads d = by_hand(g, &out);
    cr_assert_eq(write_as(kind, g, d, out, path), TG_OK, "%s", tg_message(g));
    tg_graph_free(g);
}

static void same_bytes(const char *a, const char *b) {
    size_t n, m;
    char *ours = read_all(a, &n), *theirs = read_all(b, &m);
    size_t at = 0, line = 1;
    for (; at < n && at < m && ours[at] == theirs[at]; at++) line += ours[at] == '\n';
    cr_assert(n == m && at == n, "%s and %s part at byte %zu, line %zu", a, b, at, line);
    free(ours);
    free(theirs);
}

static void check(const char *kind, bool kept) {
    char path[200], again[200], golden[400];
    snprintf(path, sizeof path, "%s/batchnorm.%s", folder, kind);
    snprintf(again, sizeof again, "%s/again.%s", folder, kind);
    snprintf(golden, sizeof golden, SOURCE "/tests/golden/by_hand.%s", kind);
    write_new(kind, path);
    write_new(kind, again);
    same_bytes(path, again);
    if (kept && getenv("TAPEGRAD_GOLDEN")) write_new(kind, golden);
    if (kept) same_bytes(path, golden);
    unlink(path);
    unlink(again);
}

Test(golden, exporters) {
    static const char *const kinds[] = {"py", "c", "tex", "json", "npz"};
    cr_assert_not_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) check(kinds[i], true);
    check("dot", false); /* these three have tests of their own */
    check("svg", false);
    check("html", false);
    cr_assert_eq(rmdir(folder), 0, "an exporter left a file behind");
}
