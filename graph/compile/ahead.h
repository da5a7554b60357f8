/* A program as C ahead of time: NAME.c with the nests that a jit would compile, and NAME.h with what it is given and
 * gives. Functions of the library are libm's, kernels that are called are written out, and memory is the caller's. */
#ifndef TG_AHEAD_H
#define TG_AHEAD_H

#include "program.h"
#include "source.h"

/* ------------------------------------------------------------------------------------------------------ ports.c
 * A node of the graph is a member of up to three structs: what is read, what is computed, and for a leaf that takes a
 * value at a step what that is. All go by the names that they have in the graph. */

enum tg__port { TG__IN = 1, TG__OUT = 2, TG__NEXT = 4 };

struct tg__ports {
    struct tg__part part; /* names of members, by node of the graph */
    unsigned char *port;  /* by node of the graph: of which structs it is a member */
    uint32_t *leaf;       /* by node of the graph: the leaf of the small tape that has its value, of TG__IN */
    uint32_t *holder;     /* by node of the small tape: 1 + the first of the program's results that it is; 0: none */
    bool *again;          /* by result: it is an output twice */
};

struct tg__ahead {
    tg_program *p;
    tg_graph *g, *small;
    struct tg__fused fused; /* of the small tape once more: the program's own is as its machine code knows it */
    struct tg__ports ports;
    struct tg__part names; /* of nodes of the small tape, in the C */
    struct tg__places places;
    struct tg__c c;
    struct tg__source source;
    bool checks, rounds, math; /* it can return 1; a BLAS may have had a part in it; libm has */
};

bool tg__ports_new(struct tg__ahead *a, const char *function); /* behind tg__fuse */
void tg__ports_free(struct tg__ahead *a);
bool tg__has_elements(const struct tg__ahead *a, uint32_t node);  /* node of the graph */
uint32_t tg__result_node(const struct tg__ahead *a, size_t i);    /* of the graph: where a result is a member */
void tg__put_result_member(struct tg__ahead *a, struct tg__sheet *s, size_t i); /* out_->x, next_->x */
bool tg__is_static(const struct tg__ahead *a, uint32_t leaf); /* of the small tape: a constant that is in the file */

/* -------------------------------------------------------------------------------------------- header.c entry.c */

void tg__put_header(struct tg__ahead *a, struct tg__sheet *s);
void tg__put_prototype(struct tg__ahead *a, struct tg__sheet *s, const char *end); /* end: behind parameters' names */
bool tg__put_program(struct tg__ahead *a, struct tg__sheet *s);

/* ------------------------------------------------------------------------------------------------------- wrap.c */

struct tg__wrap {
    struct tg__sheet sheet, *inner;
    char line[4096];
    size_t used, margin; /* margin: of what was broken off */
    bool begun, comment;
};
void tg__wrap_open(struct tg__wrap *w, struct tg__sheet *inner);

#endif
