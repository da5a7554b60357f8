/* A program from inside: its parts, and what it needs of the graph that it was made from. */
#ifndef TG_PROGRAM_H
#define TG_PROGRAM_H

#include "compile.h"

/* A leaf of the small tape, and the node of the graph whose value it takes. */
struct tg__feed {
    uint32_t leaf, from;
    const void *given; /* by tg_program_give; NULL: as the graph holds it */
};

struct tg_program {
    struct tg__tenant tenant; /* of the graph; first, so that one is the other */
    tg_graph *graph;
    uint32_t epoch;                 /* of the graph, when all that is needed was there */
    tg_node newest;                 /* of what is wanted: while it is on the tape, all before it is */
    uint32_t assigns, assign_epoch; /* the rows of the graph below this one are carried out; of the last of them */

    uint32_t *wanted; /* the outputs, then what is assigned */
    uint32_t *given;
    tg_node *output;
    size_t count, outputs, givens;

    struct tg__small small;
    struct tg__machine *machine;
    uint32_t length; /* of the small tape as it was compiled; its user may append to it */
    struct tg__feed *feed;
    size_t feeds;
    void **at, **room; /* by node of the small tape: for the machine; memory of results, of compiled programs */

    tg_stats stats;
    tg_mode mode;
    bool compiled, steps, ran; /* steps: TG_WITH_ASSIGNS */
    bool due;                  /* what the last run computed has not been committed */
};

bool tg__stands(tg_program *p, const char *who); /* whether all that it reads and assigns is still on the tape */
tg_status tg__program_run(tg_program *p, const char *who);
void *tg__result(const tg_program *p, size_t i); /* memory of what is wanted; interpreted: NULL before the first run */

/* ------------------------------------------------------------------------------------------------------- feed.c */

bool tg__feeds_new(tg_program *p);
bool tg__feed(tg_program *p);           /* at[] of the leaves; false: one has no value, as a run error */
tg_status tg__interpret(tg_program *p); /* the small tape, from what tg__feed has found */

/* ---------------------------------------------------------------------------------------------------- traffic.c */

bool tg__traffic(tg_program *p); /* stats of the tape, and of the small tape as the interpreter runs it */

#endif
