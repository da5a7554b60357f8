/* Kernels as C. A row does not write loops, it describes them: which there are, which element each operand is read at,
 * and the C of one element. The emitter makes statements out of that, and later may put several into one nest.
 *
 *     z[out…] = code(a[at[0]…], b[at[1]…], …)            elementwise work, movement
 *     begin;  for the loops that out does not have: step;  z[out…] = code          reductions, products
 *     z[…] = fill;  for the loops of a: z[to + pace * out…] = code, or += code      padding, scattering
 *     call(z, a, b, c, argument…)                                                  what no such nest can say: a helper
 *                                                                                  that is given whole arrays
 *
 * In the pieces of C the letters a b c d are operands, and these words are filled in:
 *     T  the result's type      $  its suffix, "f" for float: sum$ is sumf
 *     term  the number of the turn that step is in      terms  how many turns      digits  how many binary digits or
 *     what else a row needs room for      number  the node's attribute, or what the row has put there
 *     last  the last loop's variable      along  the variable of the loop that the row has put there
 *     value  the number that the row has put there, as a literal of the result's type
 */
#ifndef TG_KERNEL_H
#define TG_KERNEL_H

#include "graph.h"

enum { TG__LOOPS = TG_MAX_RANK + 1, TG__ARGUMENTS = 32 };
enum { TG__FIRST = -1, TG__LABEL = -2 }; /* no loop, but element 0; or the one that operand 1 names */

/* A function that goes with a kernel, once a file and type. */
struct tg__helper {
    const char *name, *text;
};

struct tg__emit {
    /* given */
    const struct tg__node *node, *in[TG__OPERANDS];
    /* filled in by the row where it differs from an elementwise kernel with the row's code */
    int loops;
    int64_t extent[TG__LOOPS];
    int8_t out[TG_MAX_RANK], at[TG__OPERANDS][TG_MAX_RANK];                 /* the loop along each axis */
    int64_t from[TG__OPERANDS][TG_MAX_RANK], by[TG__OPERANDS][TG_MAX_RANK]; /* element from + by * loop; 0 and 1 */
    bool onto;        /* the loops are those of a, and the result's elements are to + pace * loop, or at TG__LABEL */
    bool adds;        /* onto: += */
    const char *fill; /* onto: what all elements are before that; NULL: every element is reached */
    int64_t to[TG_MAX_RANK], pace[TG_MAX_RANK];
    double value;
    const char *code, *begin, *step;
    const char *summand; /* a sum and no more: what each step adds to it; otherwise NULL */
    const char *combine, *neutral; /* a reduction of one operand, otherwise NULL: what an older a and a newer b become,
                                      in the order of reduce.h; and what may fill up */
    bool first;        /* of equals the first is taken, although they may differ: 0 and -0 */
    const char *call; /* the helper's name; it has the result's type, for an integer the first operand's */
    int64_t argument[TG__ARGUMENTS];
    int arguments;
    bool checks;       /* the helper returns 1 where it cannot go on, otherwise 0 */
    bool math;         /* the pieces or the helpers need <tgmath.h>, beyond the functions that code and step call */
    bool rounds;       /* the tape may have summed in another order: the bits may differ */
    int along;
    const char *guard; /* where this is true the function returns 1: the kernel cannot go on */
    const struct tg__helper *helper[2];
    int64_t terms, digits, number;
    bool copy; /* all elements in their order, whatever the shapes */
};

/* ---------------------------------------------------------------------------------------------------- kernel.c */

bool tg__kernel(const tg_graph *g, uint32_t id, struct tg__emit *e);      /* false: the row says nothing of C */
void tg__loop_along(struct tg__emit *e, int8_t *map, int axis, int loop); /* that loop has this axis's length */
void tg__loops_over(struct tg__emit *e, const tg_shape *dims);            /* and nothing lies along them yet */
void tg__loops_onto(struct tg__emit *e); /* over operand 0, which lies along them; out is still to be laid */
void tg__emit_call(struct tg__emit *e, const struct tg__helper *helper, int arguments, const int64_t *argument);
tg_dtype tg__helper_type(const struct tg__emit *e);
bool tg__reduces(const struct tg__emit *e);
bool tg__is_inner(const struct tg__emit *e, int loop); /* a loop that the result does not have */
int tg__reads(const char *piece, int slot);            /* how often a piece of C reads an operand */
size_t tg__word(const char *s);                        /* length of the word or number at s; 0: neither */
static inline bool tg__is_operand(const char *s, size_t length) { return length == 1 && *s >= 'a' && *s <= 'd'; }

#endif
