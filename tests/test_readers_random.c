/* Random tapes through every reader: none fails where nothing is wrong, none changes the tape, and the same tape gives
 * the same bytes. */
#include "folder.h"
#include "random_tape.h"

#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(readers_random, .timeout = 240);

enum { MOST = SANITIZED ? 90 : 200 };

static uint64_t tapes(void) { return is_long() ? MOST : MOST / 3; }

/* ------------------------------------------------------------------------------------------------ what must not change
 */

static uint64_t mix(uint64_t hash, const void *bytes, size_t n) { /* FNV-1a */
    for (size_t i = 0; i < n; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t print_of(const struct tape *t) {
    uint64_t h = 0xcbf29ce484222325u;
    const uint32_t count = tg_count(t->g);
    const size_t moments = tg_moments(t->g);
    for (uint32_t id = 1; id <= count; id++) {
        const tg_node a = tg_node_at(t->g, id);
        const char *name;
        for (size_t i = 0; (name = tg_alias(a, i)); i++) h = mix(h, name, strlen(name) + 1);
        const void *value = tg_value(a);
        h = mix(h, &(int){value != NULL}, sizeof(int));
        if (value) h = mix(h, value, tg_size(a) * (tg_dtype_of(a) == TG_F64 ? 8 : 4));
    }
    for (size_t k = 0; k < moments; k++) {
        const tg_moment m = tg_moment_at(t->g, k);
        const uint32_t row[] = {m.kind, m.node.id, m.term.id, m.sender.id, (uint32_t)m.slot, (uint32_t)m.stage};
        h = mix(h, row, sizeof row);
    }
    return mix(h, &count, sizeof count) + moments;
}

/* ------------------------------------------------------------------------------------------------------- every reader
 */

static char folder[40], path[64];

static void enter(void) {
    folder_new(folder, "readers");
    snprintf(path, sizeof path, "%s/file", folder);
}

static void leave(void) { cr_expect_eq(rmdir(folder), 0, "something was left behind"); }

/* The bytes of the file that was written, which is gone then. */
static uint64_t taken(const struct tape *t, uint64_t h, tg_status status, const char *what) {
    cr_assert_eq(status, TG_OK, "%s: %s", what, tg_message(t->g));
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s wrote nothing", what);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) h = mix(h, part, n);
    fclose(file);
    cr_assert_eq(remove(path), 0);
    return h;
}

static void print_all(const struct tape *t, tg_grads d, FILE *file) {
    char text[600];
    for (uint32_t id = 0; id <= tg_count(t->g); id++) {
        const tg_node a = tg_node_at(t->g, id);
        tg_explain(a, file);
        tg_print_ledger(d, a, file);
        tg_formula(a, text, sizeof text);
        fprintf(file, "%s\n", text);
        if (id % 5 == 0) tg_print_folded(t->g, file, tg_where_is(a).scope);
        if (id % 5 == 1) tg_print_steps(d, tg_where_is(a).scope, file);
    }
    tg_print(t->g, file);
    tg_print_folded(t->g, file, NULL);
    tg_print_steps(d, NULL, file);
    for (size_t k = 0; k <= tg_moments(t->g); k++) tg_print_moment(d, k, file);
    fprintf(file, "%u %s\n", tg_first_nonfinite(t->g, text, sizeof text).id, text);
    cr_assert_eq(tg_error(t->g), TG_OK, "%s", tg_message(t->g));
}

static bool has_unset(const struct tape *t) {
    for (uint32_t id = 1; id <= tg_count(t->g); id++)
        if (!tg_value(tg_node_at(t->g, id))) return true;
    return false;
}

static uint64_t read_all(const struct tape *t) {
    uint64_t h = 1;
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    for (size_t i = 0; i <= t->sweeps; i++) {
        const tg_grads d = i < t->sweeps ? t->d[i] : (tg_grads){t->g, 0, 0};
        const tg_draw_options how = {.bare = i & 1, .whole = i & 2, .folded = t->nodes & 1};
        h = taken(t, h, tg_write_dot(t->g, d, path, i ? &how : NULL), "dot");
        h = taken(t, h, tg_write_svg(t->g, d, path, i ? &how : NULL), "svg");
        h = taken(t, h, tg_write_html(t->g, d, path, NULL), "html");
        print_all(t, d, file); /* behind a writer: it forgets the error of a run that failed */
        if (i == t->sweeps) continue;
        h = taken(t, h, tg_write_numpy(d, tg_nil(t->g), words[i], path), "numpy");
        h = taken(t, h, tg_write_c_staged(d, tg_nil(t->g), words[i], path), "C");
        h = taken(t, h, tg_write_latex(d, tg_nil(t->g), words[i], path), "LaTeX");
        const tg_status told = tg_print_wrong_order(d, file);
        cr_assert(told == TG_OK || (told == TG_VALUE && has_unset(t)), "%s", tg_message(t->g));
    }
    h = taken(t, h, tg_write_json(t->g, path), "JSON");
    h = taken(t, h, tg_save_leaves(t->g, path), "leaves");
    rewind(file);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;) h = mix(h, part, n);
    fclose(file);
    return h;
}

Test(readers_random, change_nothing, .init = enter, .fini = leave) {
    size_t sweeps = 0, ran = 0;
    for (uint64_t seed = 1; seed <= tapes(); seed++) {
        const struct tape t = build(seed);
        const uint64_t before = print_of(&t), first = read_all(&t), behind = print_of(&t);
        cr_assert_eq(before, behind, "tape %d was changed", (int)seed);
        cr_assert_eq(read_all(&t), first, "tape %d reads otherwise the second time", (int)seed);
        cr_assert_eq(print_of(&t), before);
        if (seed % 4 == 0) {
            const struct tape twin = build(seed);
            cr_assert_eq(read_all(&twin), first, "tape %d, built again, reads otherwise", (int)seed);
            tg_graph_free(twin.g);
        }
        sweeps += t.sweeps;
        ran += t.ran;
        tg_graph_free(t.g);
    }
    cr_expect(sweeps > tapes() && ran > tapes() / 4, "%zu sweeps, %zu ran", sweeps, ran);
}

/* What was saved comes back, bit by bit. */
Test(readers_random, replay, .init = enter, .fini = leave) {
    for (uint64_t seed = 1; seed <= tapes(); seed++) {
        const struct tape t = build(seed);
        const uint64_t before = print_of(&t);
        const tg_status saved = tg_save_leaves(t.g, path), loaded = tg_load_leaves(t.g, path);
        taken(&t, 0, saved ? saved : loaded, "leaves");
        cr_assert(!t.ran || tg_run(t.g) == TG_OK);
        if (t.ran) cr_assert_eq(print_of(&t), before, "tape %d has other values", (int)seed);
        tg_graph_free(t.g);
    }
}

/* ------------------------------------------------------------------------------------------------ a decimal comma */

/* One of the machine's, or one made here for as long as the test runs. */
static bool set_comma(void) {
    char command[200];
    if (setlocale(LC_ALL, "de_DE.UTF-8")) return true;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/out 2>&1", folder, folder);
    const bool made = system(command) == 0;
    snprintf(command, sizeof command, "%s/out", folder);
    remove(command);
    const bool set = made && setenv("LOCPATH", folder, 1) == 0 && setlocale(LC_ALL, "de_DE.UTF-8");
    unsetenv("LOCPATH"); /* glibc's newlocale leaks what it makes of it */
    return set;
}

static void leave_comma(void) {
    char command[100];
    setlocale(LC_ALL, "C");
    snprintf(command, sizeof command, "rm -rf %s/de_DE.*", folder);
    cr_expect_eq(system(command), 0);
    leave();
}

/* Criterion does not call .fini when a test is skipped, so the folder is removed here. */
static void need_comma(void) {
    if (set_comma()) return;
    leave_comma();
    cr_skip_test("there is no locale with a decimal comma, nor a way to make one");
}

Test(readers_random, comma, .init = enter, .fini = leave_comma) {
    enum { FEW = 20 };
    uint64_t plain[FEW];
    for (uint64_t seed = 0; seed < FEW; seed++) {
        const struct tape t = build(seed);
        plain[seed] = read_all(&t);
        tg_graph_free(t.g);
    }
    need_comma();
    char text[20];
    snprintf(text, sizeof text, "%g", 1.5);
    cr_assert_str_eq(text, "1,5");
    for (uint64_t seed = 0; seed < FEW; seed++) {
        const struct tape t = build(seed);
        cr_expect_eq(read_all(&t), plain[seed], "tape %d reads otherwise", (int)seed);
        tg_graph_free(t.g);
    }
    snprintf(text, sizeof text, "%g", 1.5);
    cr_expect_str_eq(text, "1,5", "the locale of the program was changed");
}

static void says(tg_graph *g, const char *what) {
    cr_expect_not_null(strstr(tg_message(g), what), "'%s' is not in: %s", what, tg_message(g));
}

Test(readers_random, messages_with_comma, .init = enter, .fini = leave_comma) {
    need_comma();
    tg_graph *g = tg_graph_new();
    const tg_mark mark = tg_mark_now(g);
    char text[200];
    tg_scalar(g, TG_I32, 2.5);
    says(g, "scalar: 2.5 ");
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    tg_node x = tg_input(g, TG_F64, tg_shape1(2));
    tg_batchnorm(x, x, x, tg_axis(0), -0.5, NULL);
    says(g, "eps = -0.5 ");
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    x = tg_input(g, TG_F64, tg_shape1(2));
    cr_assert(tg_set(x, (double[]){2.5e10, -0.5}) == TG_OK);
    tg_node half = tg_mul(tg_scalar(g, TG_F64, 0.25), x), root = tg_sqrt(x);
    cr_expect_eq(tg_run(g), TG_OK);
    tg_formula(half, text, sizeof text);
    cr_expect_not_null(strstr(text, "0.25"), "%s", text);
    cr_expect_eq(tg_first_nonfinite(g, text, sizeof text).id, root.id);
    cr_expect_not_null(strstr(text, "-0.5"), "%s", text);
    tg_cast(x, TG_I32);
    cr_expect_eq(tg_run(g), TG_VALUE);
    says(g, "2.5e+10");
    tg_difference row;
    const tg_array a = {"a", TG_F64, tg_shape1(2), (double[2]){0}};
    cr_expect_eq(tg_compare(x, a, -0.5, NULL, &row), TG_ARGUMENT);
    says(g, "-0.5");
    tg_add(tg_scalar(g, TG_F64, 0.5), tg_scalar(g, TG_F32, 1));
    says(g, "0.5");
    tg_graph_free(g);
}
