/* What the tests of TG_EXACT share: compilers, and which part of a long list is tried in the short run. */
#ifndef TESTS_EXACT_H
#define TESTS_EXACT_H

#include "compiled.h"
#include "whole_tapes.h"

/* ------------------------------------------------------------------------------------------------------- compilers */

/* A compiler is what takes longest, so the short run leaves most to one that does not optimize: what the writer wrote
 * is the same. `users`: the flags of graph/compile/compiler.c. */
static const char *const quick = "cc -O0 -ffp-contract=off", *const other = "clang -O2 -march=native -ffp-contract=off";
static const char *const users = "cc -O2 -ftree-loop-vectorize -fno-tree-slp-vectorize -fvect-cost-model=dynamic "
                                 "-fpeel-loops -fno-thread-jumps -fno-trapping-math -fno-tree-pre -march=native "
                                 "-fopenmp -ffp-contract=off";

static inline bool has_other(void) { return system("command -v clang >/dev/null") == 0; }

static inline void check_with(const char *compiler) {
    void *library = build_all(compiler);
    for (int k = 0; k < count; k++) check_case(library, &cases[k]);
    dlclose(library);
}

/* Now and then one of n is left out of the short run. */
static inline bool is_turn(unsigned n) {
    static unsigned turn;
    return turn++ % n == 0 || is_long();
}

static inline void check_all(void) {
    write_all();
    check_with(is_long() ? users : quick);
    if (is_long() && has_other()) check_with(other);
    free_cases();
}

/* Everything on the tape, or what somebody would ask for: with few outputs fusion does most. */
static inline void add_whole(struct whole w, const char *what) {
    static unsigned turn;
    if (is_long() || ++turn % 3 == 0) add_all(w.g, TG_EXACT, what);
    if (is_long() || turn % 3 != 0) add_case(w.g, w.out, w.outs, TG_EXACT, what);
}

#endif
