/* A tape that is built of nodes that are not on it yet: equal nodes are one, what has only constants below it is a
 * constant, and what nobody needs is dropped at the end. */
#ifndef TG_BUILDER_H
#define TG_BUILDER_H

#include "algebra.h"
#include "compile.h"

struct tg__cell; /* a node by what it is made of; private to builder.c */

struct tg__builder {
    tg_graph *g;   /* the new tape */
    uint32_t site; /* the stage that what is built now belongs to */
    bool finds;    /* only what is there already: what is not is 0, without an error */
    struct tg__table cells;
    struct tg__cell *by_key;
};

/* --------------------------------------------------------------------------------------------------- builder.c
 * 0 everywhere: memory is out, which is recorded in b->g. */

bool tg__builder_open(struct tg__builder *b, const tg_graph *like); /* a graph with its rows; false: memory is out */
void tg__builder_close(struct tg__builder *b);                      /* the graph stays */
uint32_t tg__built(struct tg__builder *b,
                   struct tg__node n); /* n, or what it is equal to; shape and attr are of b->g */
uint32_t tg__built_leaf(struct tg__builder *b, const struct tg_op *op, tg_dtype dtype, const struct tg__shape *shape);
uint32_t tg__built_constant(struct tg__builder *b, tg_dtype dtype, const struct tg__shape *shape, const void *data);
uint32_t tg__built_number(struct tg__builder *b, tg_dtype dtype, double v);
/* The same of an operator and its operands, by the row's own shape rule. shape: NULL, or for a row that is given one.
 */
uint32_t tg__built_of(struct tg__builder *b, const struct tg_op *op, const uint32_t *in, const struct tg__attr *attr,
                      const tg_shape *shape);
/* A node that is op of x in a way that `bits` tell, remembered beside what it is made of; 0: none. */
uint32_t tg__built_known(const struct tg__builder *b, const struct tg_op *op, uint32_t x, uint32_t bits);
bool tg__built_know(struct tg__builder *b, const struct tg_op *op, uint32_t x, uint32_t bits, uint32_t node);
bool tg__built_merge(struct tg__builder *b, uint32_t *id); /* constant `id`, the newest node: is there one like it? */
/* Keeps what is marked, in its order; to: where each has gone, 0: nowhere. */
bool tg__builder_prune(struct tg__builder *b, const unsigned char *needed, uint32_t *to);

/* --------------------------------------------------------------------------------------------------- folding.c */

bool tg__fold_constant(struct tg__builder *b,
                       uint32_t *id); /* the newest node becomes a constant if it can; false: memory */

/* ------------------------------------------------------------------------------------------------- decompose.c */

/* Which rows of a tape are decomposed: those that share a call of the C library with others. */
struct tg__shared_calls {
    tg_graph *g; /* the tape that is simplified; the arrays are by its nodes */
    size_t rows;
    unsigned char *decomposed; /* of rows that can be */
    uint32_t *node;            /* the node of the new tape that replaces a row with such a call, 0: none yet */
    uint32_t *call;            /* the new tape's node that is the call */
};

bool tg__can_decompose(const tg_graph *g); /* is there any row that can be decomposed? */
bool tg__shared_calls_open(struct tg__shared_calls *c, tg_graph *g); /* every row that can be is; false: memory is out */
void tg__shared_calls_close(struct tg__shared_calls *c);
bool tg__is_decomposed(const struct tg__shared_calls *c, uint32_t id); /* c NULL: no */
uint32_t tg__built_decomposed(struct tg__shared_calls *c, struct tg__builder *b, uint32_t id, uint32_t x); /* of new node x */
void tg__note_call(struct tg__shared_calls *c, uint32_t id, uint32_t node); /* row id was built as one node; c NULL: no note */
/* After a pass of the simplifier: decomposes only rows whose call serves others too, from now on. again: that are fewer
 * than before. false: memory is out. */
bool tg__choose_shared_calls(struct tg__shared_calls *c, bool *again);

/* ---------------------------------------------------------------------------------------------------- served.c */

/* The scopes and the stages of `from`, before there is anything in them; then the names of its nodes, on those that
 * stand for them: to. */
bool tg__serve_places(tg_graph *g, const tg_graph *from);
bool tg__serve_names(tg_graph *g, const tg_graph *from, const uint32_t *to);

static inline bool tg__is_const(const tg_graph *g, uint32_t id) { return tg__node_of(g, id)->op == &tg__op_const; }

#endif
