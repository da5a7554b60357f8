/* Programs that cannot be, or cannot run: the reason is in the graph, in the words of a run of the tape. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

static tg_graph *g, *other;
static tg_node x, y;

static void setup(void) {
    g = tg_graph_new();
    other = tg_graph_new();
    x = tg_let(tg_input(g, TG_F64, tg_shape1(2)), "x", "x.c", 1);
    y = tg_let(tg_square(x), "y", "y.c", 2);
}
static void teardown(void) {
    tg_graph_free(g);
    tg_graph_free(other);
}
TestSuite(program_refusals, .init = setup, .fini = teardown, .timeout = 60);

static void says(tg_status status, const char *text) {
    cr_assert_eq(tg_error(g), status, "%d: %s", (int)tg_error(g), tg_message(g));
    cr_assert(strstr(tg_message(g), text), "\"%s\" is not in \"%s\"", text, tg_message(g));
}

static void refused(const tg_node *outputs, size_t count, tg_compile_options o, tg_status status, const char *text) {
    cr_assert_null(tg_compile(g, outputs, count, o));
    says(status, text);
    cr_assert_eq(tg_set(x, (double[]){1, 2}), TG_OK, "it is forgotten: %s", tg_message(g));
}

static tg_program *compile(tg_node out, unsigned flags) {
    tg_program *p = tg_compile(g, &out, 1, (tg_compile_options){.mode = TG_EXACT, .flags = must_compile(flags)});
    cr_assert_not_null(p, "%s", tg_message(g));
    return p;
}

Test(program_refusals, compiling) {
    const tg_mark mark = tg_mark_now(g);
    const tg_node lost = tg_neg(y), foreign = tg_input(other, TG_F64, tg_shape0());
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    const tg_compile_options o = {0}, assigns = {.flags = TG_WITH_ASSIGNS};
    cr_assert_null(tg_compile(NULL, &y, 1, o));
    refused(NULL, 0, o, TG_ARGUMENT, "nothing to compute: no outputs");
    refused(NULL, 0, assigns, TG_ARGUMENT, "nothing is assigned");
    refused(NULL, 1, o, TG_HANDLE, "output 1 is NULL");
    refused((tg_node[]){y, tg_nil(g)}, 2, o, TG_HANDLE, "compile: output 2 is nil");
    refused(&foreign, 1, o, TG_HANDLE, "output 1 is of another graph");
    refused(&lost, 1, o, TG_HANDLE, "output 1 is stale");
    refused(&y, 1, (tg_compile_options){.given = (tg_node[]){y, lost}, .givens = 2}, TG_HANDLE,
            "given node 2 is stale");
    refused(&y, 1, (tg_compile_options){.givens = 1}, TG_HANDLE, "given node 1 is NULL");
    refused(&y, 1, (tg_compile_options){.flags = 64}, TG_ARGUMENT, "0x40 is no flag");
    refused(&y, 1, (tg_compile_options){.flags = TG_INTERPRET | TG_MUST_COMPILE}, TG_ARGUMENT, "exclude each other");
    refused(&y, 1, (tg_compile_options){.mode = (tg_mode)7}, TG_ARGUMENT, "7 is no mode");
    tg_add(y, tg_input(g, TG_F64, tg_shape1(3)));
    cr_assert_null(tg_compile(g, &y, 1, o));
    says(TG_SHAPE, "shapes do not broadcast");
}

/* Without machine code the interpreter computes the same, and says so where it is asked; or it is an error. */
static void not_compiled(const char *reason) {
    const tg_compile_options may = {.mode = TG_EXACT}, must = {.mode = TG_EXACT, .flags = TG_MUST_COMPILE};
    tg_program *p = tg_compile(g, &y, 1, may);
    cr_assert_not_null(p, "%s", tg_message(g));
    cr_expect_not(tg_program_stats(p).compiled);
    cr_expect(strstr(tg_program_note(p), reason), "'%s' does not say '%s'", tg_program_note(p), reason);
    cr_assert_eq(tg_program_run(p), TG_OK, "%s", tg_message(g));
    cr_expect_eq(((const double *)tg_program_value(p, y))[1], 4);
    refused(&y, 1, must, TG_COMPILER, "compile: no machine code: ");
    cr_assert_null(tg_compile(g, &y, 1, must));
    says(TG_COMPILER, reason);
}

Test(program_refusals, not_compiled) {
    cr_assert_eq(tg_set(x, (double[]){1, 2}), TG_OK);
    setenv("TAPEGRAD_CACHE", "", 1);
    setenv("CC", "/bin/false", 1);
    not_compiled("the compiler '/bin/false' failed (exit status 1)");
    setenv("CC", "cc --no-such-option", 1);
    not_compiled("--no-such-option");
    setenv("CC", "no-such-compiler", 1);
    not_compiled("there is no C compiler: 'no-such-compiler'");
    setenv("TAPEGRAD_JIT", "0", 1);
    not_compiled("TAPEGRAD_JIT=0");
}

/* A cache that cannot be used is worth a note, but the program was compiled, and runs so. */
Test(program_refusals, no_cache) {
    setenv("TAPEGRAD_CACHE", "/proc/nowhere", 1);
    cr_assert_eq(tg_set(x, (double[]){1, 2}), TG_OK);
    tg_program *p = compile(y, 0);
    cr_expect(tg_program_stats(p).compiled);
    cr_expect(strstr(tg_program_note(p), "/proc/nowhere"), "%s", tg_program_note(p));
    cr_assert_eq(tg_program_run(p), TG_OK, "%s", tg_message(g));
    cr_expect_eq(((const double *)tg_program_value(p, y))[1], 4);
    cr_expect_null(tg_value(tg_find(tg_program_graph(p), "y")), "the interpreter ran it");
    setenv("TAPEGRAD_CACHE", "", 1);
    cr_expect_str_empty(tg_program_note(compile(y, 0)));
}

Test(program_refusals, no_program) {
    cr_assert_eq(tg_program_run(NULL), TG_HANDLE);
    cr_assert_eq(tg_program_step(NULL), TG_HANDLE);
    cr_assert_eq(tg_program_give(NULL, x, NULL), TG_HANDLE);
    cr_assert_null(tg_program_value(NULL, x));
    cr_assert_null(tg_program_graph(NULL));
    cr_assert_str_eq(tg_program_source(NULL), "");
    cr_assert_str_not_empty(tg_program_note(NULL));
}

/* ------------------------------------------------------------------------------------------------ as a run says it */

/* The program and the tape fail alike, to the letter. */
static void fails_alike(tg_program *p, tg_node out) {
    char text[1024];
    const tg_status status = tg_program_run(p);
    snprintf(text, sizeof text, "%s", tg_message(g));
    cr_assert_neq(status, TG_OK);
    cr_assert_eq(tg_error(g), status);
    cr_assert_eq(tg_run_to(out), status);
    cr_assert_str_eq(text, tg_message(g));
    cr_assert_null(tg_program_value(p, out));
}

static void lacking(unsigned flags) {
    TG_LET(w, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(z, tg_mul(y, w));
    tg_program *p = compile(z, flags), *q = compile(w, flags);
    fails_alike(p, z);
    cr_assert_eq(tg_set(x, (double[]){1, 2}), TG_OK);
    fails_alike(p, z);
    fails_alike(q, w);
    static const double three[] = {3, 4};
    cr_assert_eq(tg_program_give(p, w, three), TG_OK);
    cr_assert_eq(tg_program_run(p), TG_OK, "%s", tg_message(g));
    cr_assert_eq(((const double *)tg_program_value(p, z))[1], 4 * 4);
}

Test(program_refusals, leaves_without_a_value) {
    lacking(0);
    teardown();
    setup();
    lacking(TG_INTERPRET);
}

Test(program_refusals, labels_out_of_range) {
    const tg_node skipped = tg_input(g, TG_F64, tg_shape0()), label = tg_input(g, TG_I32, tg_shape0());
    TG_LET(never, tg_exp(skipped)); /* so that numbers differ */
    TG_LET(picked, tg_gather(y, label));
    const tg_node unnamed = tg_gather(y, label);
    tg_program *named = compile(picked, 0), *nameless = compile(unnamed, TG_INTERPRET);
    cr_assert_eq(tg_set(x, (double[]){1, 2}) | tg_set(label, &(int32_t){7}) | tg_set(skipped, (double[]){1}), TG_OK);
    fails_alike(named, picked);
    says(TG_VALUE, "(input) = 7 is outside 0 to 1");
    cr_assert_eq(tg_program_run(nameless), TG_VALUE);
    char of[40];
    snprintf(of, sizeof of, "#%u (input) = 7", label.id);
    says(TG_VALUE, of);
}

/* ---------------------------------------------------------------------------------------------------------- stale */

Test(program_refusals, rewinding_below_it) {
    cr_assert_eq(tg_set(x, (double[]){1, 2}), TG_OK);
    tg_program *low = compile(y, 0);
    const tg_mark mark = tg_mark_now(g);
    TG_LET(w, tg_state(g, TG_F64, tg_shape1(2), 1));
    TG_LET(z, tg_mul(y, w));
    tg_program *high = compile(z, 0);
    const tg_mark assigning = tg_mark_now(g);
    tg_assign(w, z);
    tg_program *step = compile(y, TG_WITH_ASSIGNS);
    cr_assert_eq(tg_program_step(step), TG_OK, "%s", tg_message(g));

    cr_assert_eq(tg_rewind(g, assigning), TG_OK);
    cr_assert_eq(tg_program_step(step), TG_HANDLE);
    says(TG_HANDLE, "program_step: the program is stale");
    tg_assign(w, y); /* another assign in the same row */
    cr_assert_eq(tg_program_step(step), TG_HANDLE);
    cr_assert_eq(tg_program_run(high), TG_OK, "%s", tg_message(g));

    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    TG_LET(other_w, tg_state(g, TG_F64, tg_shape1(2), 1)); /* the same ids, other nodes */
    TG_LET(other_z, tg_mul(y, other_w));
    cr_assert_eq(tg_program_run(high), TG_HANDLE);
    says(TG_HANDLE, "program_run: the program is stale");
    cr_assert_null(tg_program_value(high, z));
    cr_assert_null(tg_program_value(high, other_z));
    cr_assert_eq(tg_program_run(low), TG_OK, "what is below stands: %s", tg_message(g));
    cr_assert_eq(((const double *)tg_program_value(low, y))[1], 4);
    tg_program_free(high);
}

/* ------------------------------------------------------------------------------------------------- giving, stepping */

Test(program_refusals, giving) {
    TG_LET(w, tg_state(g, TG_F64, tg_shape1(2), 1));
    TG_LET(z, tg_mul(y, w));
    tg_assign(w, z);
    tg_program *p = tg_compile(g, &z, 1, (tg_compile_options){TG_EXACT, TG_WITH_ASSIGNS | TG_MUST_COMPILE, &y, 1});
    static const double data[] = {1, 2};
    cr_assert_eq(tg_program_give(p, tg_nil(g), data), TG_HANDLE);
    says(TG_HANDLE, "program_give: the node is nil");
    cr_assert_eq(tg_program_give(p, tg_input(other, TG_F64, tg_shape0()), data), TG_HANDLE);
    cr_assert_eq(tg_program_give(p, z, data), TG_ARGUMENT);
    says(TG_ARGUMENT, "'z' is no input, no param and not among the given");
    cr_assert_eq(tg_program_give(p, w, data), TG_ARGUMENT);
    says(TG_ARGUMENT, "'w' takes a value at each step");
    cr_assert_eq(tg_program_give(p, x, data), TG_OK, "not needed, but no mistake");
    cr_assert_eq(tg_program_step(p), TG_VALUE);
    says(TG_VALUE, "'y' is given but has no value");
    cr_assert_eq(tg_program_give(p, y, data), TG_OK);
    cr_assert_eq(tg_program_step(p), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_item(w, 1), 2);
    cr_assert_null(tg_value(y));
}

/* What comes out cannot go in again at the same place; from one program to another and back it can. */
Test(program_refusals, results_as_leaves) {
    cr_assert_eq(tg_set(x, (double[]){2, 3}), TG_OK);
    tg_program *p = compile(y, 0), *q = compile(y, 0);
    cr_assert_eq(tg_program_run(p) | tg_program_run(q), TG_OK);
    const double *ours = tg_program_value(p, y);
    cr_assert_eq(tg_program_give(p, x, ours), TG_OK);
    cr_assert_eq(tg_program_run(p), TG_ARGUMENT);
    says(TG_ARGUMENT, "'x' lies in memory that this program writes");
    cr_assert_eq(tg_program_give(p, x, NULL) | tg_bind(x, ours), TG_OK);
    cr_assert_eq(tg_program_run(p), TG_ARGUMENT);
    says(TG_ARGUMENT, "'x' lies in memory that this program writes");
    cr_assert_eq(tg_program_run(q), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_program_give(p, x, tg_program_value(q, y)), TG_OK);
    cr_assert_eq(tg_program_run(p), TG_OK, "%s", tg_message(g));
    cr_assert_eq(ours[1], 81 * 81);
}

/* A step that is refused leaves every leaf as it was. */
Test(program_refusals, leaves_that_are_borrowed) {
    TG_LET(a, tg_state(g, TG_F64, tg_shape1(2), 1));
    TG_LET(b, tg_state(g, TG_F64, tg_shape1(2), 1));
    tg_assign(a, y);
    tg_assign(b, tg_neg(y));
    const double mine[] = {5, 6};
    cr_assert_eq(tg_set(x, mine) | tg_bind(b, mine), TG_OK);
    tg_program *p = compile(y, TG_WITH_ASSIGNS);
    char text[1024];
    cr_assert_eq(tg_program_step(p), TG_ARGUMENT);
    snprintf(text, sizeof text, "%s", tg_message(g));
    cr_assert_eq(tg_item(a, 0), 1);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_commit(g), TG_ARGUMENT);
    cr_assert_str_eq(text, tg_message(g));
    cr_assert_eq(tg_set(b, mine), TG_OK);
    cr_assert_eq(tg_program_step(p), TG_OK);
    cr_assert_eq(tg_item(a, 1), 36);
    cr_assert_eq(tg_item(b, 1), -36);
}

Test(program_refusals, steps_without_assigns) {
    TG_LET(w, tg_state(g, TG_F64, tg_shape1(2), 1));
    tg_assign(w, y);
    cr_assert_eq(tg_set(x, (double[]){1, 2}), TG_OK);
    tg_program *p = compile(y, 0);
    cr_assert_eq(tg_program_step(p), TG_ARGUMENT);
    says(TG_ARGUMENT, "compiled without TG_WITH_ASSIGNS");
    cr_assert_eq(tg_item(w, 0), 1);
    cr_assert_eq(tg_program_run(p), TG_OK);
}

/* After a rewind its assigns are gone, or others have their place: it is the whole program that is stale. */
Test(program_refusals, giving_to_a_stale_program) {
    TG_LET(w, tg_state(g, TG_F64, tg_shape1(2), 1));
    const tg_mark m = tg_mark_now(g);
    tg_assign(w, tg_mul(y, w));
    const double mine[] = {5, 6};
    tg_program *p = compile(y, TG_WITH_ASSIGNS);
    cr_assert_eq(tg_program_give(p, x, mine), TG_OK, "%s", tg_message(g));
    for (int again = 0; again < 2; again++) {
        cr_assert_eq(tg_rewind(g, m), TG_OK);
        if (again) tg_assign(w, tg_mul(y, x));
        cr_assert_eq(tg_program_give(p, x, mine), TG_HANDLE);
        says(TG_HANDLE, "program_give: the program is stale");
        cr_assert_eq(tg_program_run(p), TG_HANDLE);
    }
}
