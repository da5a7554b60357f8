/* The compiler: tape -> simplify -> fuse -> plan -> emit -> jit. Each stage makes something new and reads what is before
 * it; none knows an operator by name.
 *
 *   goal      which nodes of a tape are wanted
 *   small     the smaller tape that computes them
 *   machine   the small tape as machine code, ready to run
 *   program   all of it, with the memory of the results: tapegrad.h
 */
#ifndef TG_COMPILE_H
#define TG_COMPILE_H

#include "graph.h"

/* --------------------------------------------------------------------------------------------------- simplify.c */

struct tg__goal {
    tg_graph *graph;
    const uint32_t *wanted, *given; /* given: not computed, but leaves of the small tape; algebra may still know what
                                       they were computed from */
    size_t count, givens;
    tg_mode mode;
    unsigned flags;
};

/* Names are those of the original; a node that serves several has them all. Leaves have no value of their own. */
struct tg__small {
    tg_graph *graph;
    uint32_t *result; /* for each that is wanted, its node; two may share one, and one may be a leaf or a constant */
    uint32_t *origin; /* for each node of the small tape one that it stands for in the original, 0: none. A leaf (but
                         constants) takes its value there */
    size_t count, nodes; /* nodes: how many of the original there are to compute, before anything is made smaller */
    size_t rows;         /* of origin: the small tape's length when it was made */
};

bool tg__simplify(const struct tg__goal *goal, struct tg__small *s); /* false: a run error is in goal->graph */
void tg__small_free(struct tg__small *s, tg_graph *g);

/* ---------------------------------------------------------------------------------------------------- machine.c */

struct tg__machine;

/* Writes, compiles and loads. NULL: out of memory, an error in g. A machine that could not be compiled says so. */
struct tg__machine *tg__machine_new(tg_graph *g, const struct tg__small *s, tg_mode mode, bool compile);
void tg__machine_free(tg_graph *g, struct tg__machine *m);
const char *tg__machine_source(const struct tg__machine *m);
bool tg__machine_runs(const struct tg__machine *m);        /* it was compiled and loaded */
const char *tg__machine_note(const struct tg__machine *m); /* why it does not run, or is not kept; "": neither */
void tg__machine_stats(const struct tg__machine *m, tg_stats *stats);

/* at[id]: the data of the leaves (constants too) and room for the results of the small tape, by node. 0: done; otherwise
 * the data are not what a kernel takes (a label out of range), and the interpreter will say what it is. */
int tg__machine_run(const struct tg__machine *m, void *const *at);

/* ------------------------------------------------------------------------------------------------- jit.c (jit.h) */

struct tg__object; /* machine code in this process */

/* Compiles a C file of one translation unit and finds `symbol` in it, or takes it from the cache. NULL: `why` says in one
 * line what was in the way; nothing is in g unless memory is out. With an object `why` is "", or says what is wrong with
 * the cache. */
struct tg__object *tg__jit(tg_graph *g, const char *source, size_t length, const char *symbol, void **function,
                           char *why, size_t room);
void tg__jit_free(tg_graph *g, struct tg__object *object);

#endif
