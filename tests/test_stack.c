/* How much stack programs need: those in this process little enough for a small thread, those written as C no more than
 * their header says. */
#include "folder.h"
#include "random_chain.h"
#include "whole_tapes.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

TestSuite(stack, .timeout = 600);

/* ------------------------------------------------------------------------------------------------- in this process */

enum { SMALL = SANITIZED ? 1 << 20 : 128 << 10 };

static void *run_program(void *p) { return tg_program_run(p) == TG_OK ? p : NULL; }

/* The library is entered before, so that what the system allots at the first call is no part of it. */
static void runs_in_a_small_thread(tg_graph *g, const tg_node *out, size_t n, tg_mode mode, const char *what) {
    pthread_attr_t attributes;
    pthread_t thread;
    void *ran = NULL;
    tg_program *p = tg_compile(g, out, n, (tg_compile_options){.mode = mode});
    cr_assert_not_null(p, "%s: %s", what, tg_message(g));
    cr_assert_str_empty(tg_program_note(p), "%s: %s", what, tg_program_note(p));
    cr_assert_eq(tg_program_run(p), TG_OK, "%s: %s", what, tg_message(g));
    cr_assert_eq(pthread_attr_init(&attributes), 0);
    cr_assert_eq(pthread_attr_setstacksize(&attributes, SMALL), 0);
    cr_assert_eq(pthread_create(&thread, &attributes, run_program, p), 0);
    cr_assert_eq(pthread_join(thread, &ran), 0);
    pthread_attr_destroy(&attributes);
    cr_assert_eq(ran, p, "%s", tg_message(g));
    cr_assert_eq(tg_run(g), TG_OK);
    for (size_t i = 0; i < n; i++) {
        const double *ours = tg_program_value(p, out[i]), *tape = tg_value(out[i]);
        if (mode == TG_EXACT) cr_assert(same_bits_or_nan(TG_F64, ours, tape, tg_size(out[i])), "%s: other bits", what);
        for (size_t k = 0; k < tg_size(out[i]); k++) /* 1000 roundings of numbers below 1000 are below 1e-10 */
            cr_assert(fabs(ours[k] - tape[k]) <= 1e-9, "%s: %.17g, on the tape %.17g", what, ours[k], tape[k]);
    }
    tg_graph_free(g);
}

/* One after the other, or beside one another: sin x, sin 2x, sin 3x …, whose sum is wanted, and its sums. */
static void sines(int count, int64_t rows, int64_t columns, bool beside, tg_mode mode) {
    tg_graph *g = tg_graph_new();
    const tg_shape s = rows ? tg_shape2(rows, columns) : tg_shape1(columns);
    const tg_node x = tg_input(g, TG_F64, s);
    tg_node y = x;
    cr_assert_eq(tg_fill_normal(x, 0, 1, 3), TG_OK);
    for (int i = 1; i <= count; i++)
        y = beside ? tg_add(y, tg_sin(tg_mul(x, tg_scalar(g, TG_F64, i)))) : tg_sin(y);
    const tg_node out[] = {tg_sum(y, tg_axis(-1)), tg_max(y, tg_axis(-1)), y};
    runs_in_a_small_thread(g, out, count < 100 ? 2 : 3, mode, beside ? "sines beside one another" : "sines of sines");
}

Test(stack, a_thousand_sines) {
    for (int i = 0; i < 4; i++) sines(1000, 0, 3, i & 1, i & 2 ? TG_FAST : TG_EXACT);
    sines(1000, 0, 3000, true, TG_EXACT);
    sines(300, 5, 300, true, TG_EXACT);
}

/* As many buffers as make strips shorter than the units that are summed. */
Test(stack, sums_of_short_strips) {
    for (int n = 15; n < 25; n += 3)
        for (int mode = 0; mode < 2; mode++) {
            sines(n, 5, 300, true, mode ? TG_EXACT : TG_FAST);
            sines(n, 3, 1000, true, mode ? TG_EXACT : TG_FAST);
        }
}

Test(stack, columns_that_wait_for_their_like) {
    tg_graph *g = tg_graph_new();
    const tg_node x = tg_input(g, TG_F64, tg_shape2(300, 900)), y = tg_input(g, TG_F64, tg_shape2(300, 900));
    const tg_node out[] = {tg_sum(tg_mul(x, y), tg_axis(0)), tg_max(tg_sin(x), tg_axis(0)), tg_sum(y, tg_axes_all())};
    cr_assert_eq(tg_fill_normal(x, 0, 1, 3) | tg_fill_normal(y, 0, 1, 4), TG_OK);
    runs_in_a_small_thread(g, out, 3, TG_EXACT, "wide columns");
}

/* ----------------------------------------------------------------------------------------------------- ahead of time */

static char folder[64];
static int written;

static const char *in_folder(const char *end) {
    static char text[2][160];
    static unsigned turn;
    char *to = text[turn++ % 2];
    snprintf(to, sizeof text[0], "%s/f%d%s", folder, written, end);
    return to;
}

/* Of the function, the deepest of those that it calls, and the deepest that those may call. */
static size_t usage_of(void) {
    char line[400], name[40];
    size_t own = 0, nest = 0, helper = 0, bytes;
    snprintf(name, sizeof name, "f%d", written);
    FILE *file = fopen(in_folder(".su"), "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file)) {
        char *tab = strchr(line, '\t');
        cr_assert(tab && sscanf(tab, "%zu", &bytes) == 1, "%s", line);
        cr_assert_null(strstr(tab, "\tdynamic\n"), "%s", line);
        *tab = 0;
        const char *function = strrchr(line, ':') + 1;
        size_t *most = &helper;
        if (strcmp(function, name) == 0) most = &own;
        if (strncmp(function, name, strlen(name)) == 0 && function[strlen(name)] == '_') most = &nest;
        if (bytes > *most) *most = bytes;
    }
    fclose(file);
    return own + nest + helper;
}

static size_t stated(void) {
    char text[4000];
    size_t kilobytes = 0;
    FILE *file = fopen(in_folder(".h"), "r");
    cr_assert_not_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    const char *at = strstr(text, "less than ");
    cr_assert(at && sscanf(at, "less than %zu kB", &kilobytes) == 1, "%s", text);
    return 1024 * kilobytes;
}

static void measure(tg_graph *g, const tg_node *out, size_t n, tg_mode mode, const char *what) {
    char name[20], command[600];
    tg_program *p = tg_compile(g, out, n, (tg_compile_options){.mode = mode, .flags = TG_INTERPRET});
    cr_assert_not_null(p, "%s: %s", what, tg_message(g));
    snprintf(name, sizeof name, "f%d", written);
    cr_assert_eq(tg_write_c(p, name, folder), TG_OK, "%s: %s", what, tg_message(g));
    snprintf(command, sizeof command,
             "cd %s && cc -std=c99 -O3 -march=native -fno-math-errno -ffp-contract=off -fstack-usage -c %s.c", folder,
             name);
    cr_assert_eq(system(command), 0, "%s: %s", what, command);
    const size_t used = usage_of(), said = stated();
    if (is_long()) printf("%s: %zu bytes, %zu stated\n", what, used, said);
    cr_expect_lt(used, said, "%s: %zu bytes of stack, the header says less than %zu", what, used, said);
    static const char *const end[] = {".c", ".h", ".o", ".su"};
    for (int i = 0; i < 4; i++) unlink(in_folder(end[i]));
    tg_graph_free(g);
    written++;
}

static void measure_whole(struct whole w, tg_mode mode, const char *what) { measure(w.g, w.out, w.outs, mode, what); }

static void measure_network(bool training) {
    struct whole w = {.g = tg_graph_new()};
    const tg_node x = tg_input(w.g, TG_F32, tg_shape2(1, 16));
    const tg_node weight[] = {tg_param(w.g, TG_F32, tg_shape2(16, 24)), tg_param(w.g, TG_F32, tg_shape2(24, 4))};
    const tg_node bias[] = {tg_param(w.g, TG_F32, tg_shape1(24)), tg_param(w.g, TG_F32, tg_shape1(4))};
    const tg_node out = tg_mlp(x, weight, bias, 2, "mlp");
    if (training)
        sweep(&w, out);
    else
        want(&w, out);
    measure_whole(w, TG_FAST, training ? "a small network's training" : "a small network");
}

static void measure_wholes(void) {
    measure_whole(reductions(TG_F64, tg_shape2(300, 1000), tg_axis(0)), TG_EXACT, "wide columns");
    measure_whole(reductions(TG_F64, tg_shape2(7, 1000), tg_axis(1)), TG_FAST, "long rows");
    measure_whole(reductions(TG_F32, tg_shape2(3, 4), tg_axis(0)), TG_FAST, "short columns");
    measure_whole(softmax_loss(TG_F64, 30, 10), TG_EXACT, "softmax");
    measure_whole(batchnorm(TG_F64, tg_shape2(64, 30), tg_axis(0), 30, NULL), TG_FAST, "batch normalization");
}

Test(stack, no_more_than_the_header_says) {
    const bool longer = is_long();
    folder_new(folder, "stack");
    measure_network(false);
    measure_network(true);
    const bool few = SANITIZED && !longer; /* a compiler measures, and it reads the same text in both builds */
    if (!few) measure_wholes();
    for (uint64_t seed = 1; seed < (longer ? 200 : few ? 2 : 4); seed++) {
        struct chain c = chain_build(seed);
        char what[24];
        snprintf(what, sizeof what, "chain %d", (int)seed);
        measure(c.g, c.out, c.outs, seed % 2 ? TG_EXACT : TG_FAST, what);
    }
    cr_assert_eq(rmdir(folder), 0);
}
