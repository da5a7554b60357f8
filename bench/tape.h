/* A tape as three contestants: the interpreter, the exact program and the fast one; and what holds another's results
 * against the tape's. */
#ifndef BENCH_TAPE_H
#define BENCH_TAPE_H

#include "arrays.h"
#include "contest.h"

#include <stdio.h>
#include <string.h>

enum { OUTPUTS = 8 };

struct tape {
    tg_graph *g;
    tg_node out[OUTPUTS], given[OUTPUTS];
    size_t outs, givens;
    tg_program *exact, *fast;
};

static inline tg_node bound(tg_graph *g, tg_dtype dtype, tg_shape shape, const void *data) {
    tg_node a = tg_input(g, dtype, shape);
    return tg_bind(a, data) == TG_OK ? a : tg_nil(g); /* what is bound is new at every run */
}

static inline bool complain(const struct tape *t, const char *who, const char *what) {
    fprintf(stderr, "%s: %s\n", who, t->g && tg_error(t->g) ? tg_message(t->g) : what);
    return false;
}

static inline tg_program *compile_tape(struct tape *t, tg_mode mode, unsigned flags) {
    const tg_compile_options options = {.mode = mode, .flags = flags | TG_MUST_COMPILE, .given = t->given, .givens = t->givens};
    return tg_compile(t->g, t->out, t->outs, options);
}

/* Runs the tape once, for the values that are given, and compiles it. */
static inline bool prepare_tape(struct tape *t, const char *who, unsigned flags) {
    if (tg_run(t->g) != TG_OK) return complain(t, who, "the tape does not run");
    t->exact = compile_tape(t, TG_EXACT, flags);
    t->fast = compile_tape(t, TG_FAST, flags);
    if (!t->exact || !t->fast) return complain(t, who, "the tape does not compile");
    return true;
}

static inline bool interpret_once(void *self) { return tg_run(((struct tape *)self)->g) == TG_OK; }
static inline bool exact_once(void *self) { return tg_program_run(((struct tape *)self)->exact) == TG_OK; }
static inline bool fast_once(void *self) { return tg_program_run(((struct tape *)self)->fast) == TG_OK; }

/* Another's array beside a node, by the error over its scale. */
static inline bool is_beside(tg_node a, const void *data, const char *who) {
    const double tolerance = tg_dtype_of(a) == TG_F64 ? 1e-12 : 2e-5;
    tg_difference r;
    if (data && tg_compare(a, (tg_array){who, tg_dtype_of(a), tg_dims(a), data}, tolerance, NULL, &r) == TG_OK &&
        !r.parts)
        return true;
    fprintf(stderr, "%s is wrong: '%s' is off by %g: %g, not %g\n", who, tg_name(a) ? tg_name(a) : "",
            data ? r.error : NAN, data ? r.theirs : NAN, data ? r.ours : NAN);
    return false;
}

static inline bool is_same(tg_node a, const void *data) {
    return data && memcmp(tg_value(a), data, tg_size(a) * item_of(tg_dtype_of(a))) == 0;
}

/* The exact program has the interpreter's bits, the fast one its numbers. */
static inline bool exact_is_right(struct tape *t) {
    bool same = exact_once(t);
    for (size_t i = 0; i < t->outs && same; i++) same = is_same(t->out[i], tg_program_value(t->exact, t->out[i]));
    if (!same) fprintf(stderr, "exact is wrong: it has other bits than the interpreter\n");
    return same;
}

static inline bool fast_is_right(struct tape *t) {
    bool right = fast_once(t);
    for (size_t i = 0; i < t->outs && right; i++)
        right = is_beside(t->out[i], tg_program_value(t->fast, t->out[i]), "fast");
    return right;
}

static inline void close_tape(struct tape *t) {
    tg_graph_free(t->g); /* and its programs */
    t->g = NULL;
}

#endif
