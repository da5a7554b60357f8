/* What the simplifier may know of operators, and which identities it may use: the tables are ops/algebra.c. */
#ifndef TG_ALGEBRA_H
#define TG_ALGEBRA_H

#include "graph.h"

enum tg__meaning {
    TG__OPAQUE,
    TG__IS_PRODUCT, /* by * x^power[0] * y^power[1] */
    TG__IS_SUM,     /* power[0] x + power[1] y: the powers are signs */
    TG__SUMS,       /* of operand 0 along the axes that the attribute's fates name */
    TG__REPEATS,    /* the other way round */
    TG__RESHAPES,   /* operand 0's memory */
    TG__PLACES      /* operand 0 among zeros along a new last axis */
};

struct tg__algebra {
    const struct tg_op *op;
    enum tg__meaning meaning;
    double by;
    int8_t power[2];
    int8_t cost; /* of an element, in additions */
};
extern const struct tg__algebra tg__algebra[]; /* op NULL at the end */
enum tg__meaning tg__meaning_of(const struct tg_op *op, const struct tg__algebra **row);

/* What algebra writes in. */
struct tg__notation {
    const struct tg_op *neg, *square, *reciprocal, *add, *sub, *mul, *div, *sum, *expand, *reshape;
};
extern const struct tg__notation tg__notation;

enum tg__identity {
    TG__POWERS,
    TG__CANCEL,
    TG__SHARE,
    TG__SMALL_FIRST,
    TG__RECIPROCAL,
    TG__ONCE,
    TG__SIGN,
    TG__TAKE_OUT,
    TG__COUNT,
    TG__SOURCE,
    TG__SPLIT,
    TG__DIFFERENCE,
    TG__ZERO,
    TG__INVERSE,
    TG__IDENTITIES
};

struct tg__law {
    const char *math, *condition;
    bool finite; /* waits for TG_ASSUME_FINITE */
};
extern const struct tg__law tg__laws[TG__IDENTITIES];

static inline bool tg__may(enum tg__identity i, unsigned flags) {
    return !tg__laws[i].finite || (flags & TG_ASSUME_FINITE);
}

/* What lies between which numbers: of an operator's result, from those of its operands. A NaN is outside of all; -0 is
 * 0. number: how many elements of the first operand there are for one of the result. */
struct tg__range {
    double least, most;
};
struct tg__ranged {
    const struct tg_op *op;
    struct tg__range (*of)(const struct tg__range *in, double number);
};
extern const struct tg__ranged tg__ranges[]; /* op NULL at the end: of others nothing is known */

/* outer(inner(x)) = x, as far as TG__INVERSE may be used. */
struct tg__inverse {
    const struct tg_op *outer, *inner;
};
extern const struct tg__inverse tg__inverses[]; /* outer NULL at the end */

/* A row in simpler operators that give the same bits. The operands of a part are x, a number, or earlier parts. */
enum { TG__PARTS = 12, TG__X = -1, TG__NUMBER = -2 };
struct tg__part_of_row {
    const struct tg_op *op;
    int8_t in[TG__OPERANDS];
    double number;
};
struct tg__decomposition {
    const struct tg_op *op;
    int parts;
    struct tg__part_of_row part[TG__PARTS]; /* the last one is the result */
};
extern const struct tg__decomposition tg__decompositions[]; /* op NULL at the end */
const struct tg__decomposition *tg__decomposition_of(const struct tg_op *op); /* NULL: it has none */

bool tg__is_even(const struct tg_op *op); /* op(-x) = op(x) */

bool tg__is_elementwise(const struct tg_op *op); /* it broadcasts, and an element is made of those at its place */

#endif
