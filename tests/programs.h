/* What the tests of programs share: a graph, leaves with random values, and the comparison with the tape. */
#ifndef TESTS_PROGRAMS_H
#define TESTS_PROGRAMS_H

#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

static tg_graph *g;
static uint64_t state;
static inline void setup(void) {
    g = tg_graph_new();
    state = 5;
}
static inline void teardown(void) { tg_graph_free(g); }

static inline tg_program *compile(const tg_node *outputs, size_t count, tg_mode mode, unsigned flags) {
    tg_program *p = tg_compile(g, outputs, count, (tg_compile_options){.mode = mode, .flags = must_compile(flags)});
    cr_assert_not_null(p, "%s", tg_message(g));
    if (!(flags & TG_INTERPRET)) cr_assert_str_empty(tg_program_note(p), "%s", tg_program_note(p));
    return p;
}

static inline void run(tg_program *p) { cr_assert_eq(tg_program_run(p), TG_OK, "%s", tg_message(g)); }

static inline size_t bytes_of(tg_node a) { return tg_size(a) * (tg_dtype_of(a) == TG_F64 ? 8 : 4); }

/* What the program has is what the tape has, bit for bit; NaN is NaN. */
static inline void same_bits(const tg_program *p, tg_node a) {
    const void *ours = tg_program_value(p, a), *tape = tg_value(a);
    cr_assert(ours && tape, "'%s' has no value", tg_name(a));
    cr_assert_neq(ours, tape, "'%s' is lent", tg_name(a));
    cr_assert(same_bits_or_nan(tg_dtype_of(a), ours, tape, tg_size(a)), "'%s' differs", tg_name(a));
}

static inline void draw(tg_node leaf) {
    double *v = random_array(&state, tg_size(leaf), -1, 1);
    cr_assert_eq(set_doubles(leaf, v), TG_OK);
    free(v);
}

static inline tg_node leaf(const char *name, tg_dtype dtype, tg_shape shape) {
    const tg_node a = tg_let(tg_param(g, dtype, shape), name, __FILE__, __LINE__);
    draw(a);
    return a;
}

#endif
