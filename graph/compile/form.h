/* Products as numbers times powers: what the simplifier computes with.
 *
 *   laid     a node of the new tape along some axes of a shape: axis[i] of the node lies along axis i, -1: it is constant
 *            there. Axes of length 1 lie nowhere
 *   number   a real, and the fraction that it represents
 *   form     by * Π factor^power, sorted
 *   meant    what a node of the old tape means: a form in its own axes; it is built when its value is needed
 */
#ifndef TG_FORM_H
#define TG_FORM_H

#include "algebra.h"
#include "builder.h"

enum { TG__FACTORS = 8, TG__HIGHEST = 16 }; /* of a form; power */

struct tg__laid {
    uint32_t node;
    int8_t axis[TG_MAX_RANK];
};

struct tg__number {
    double value;
    int64_t up, down; /* down 0: it stands for no fraction */
};

struct tg__factor {
    struct tg__laid at;
    int8_t power, made; /* made: the highest power of it that the tape computes, at least 1 */
};

struct tg__form {
    struct tg__number by;
    int factors;
    struct tg__factor factor[TG__FACTORS];
};

struct tg__axes {
    int8_t to[TG_MAX_RANK]; /* where each axis of one shape lies in another, -1: nowhere */
};

struct tg__meant {
    struct tg__form form;
    const struct tg__form *defined; /* of what is given: what it would be computed from; NULL: not given */
    struct tg__laid core;           /* the form as a node, without the axes along which it is constant; 0: not built */
    uint32_t full;                  /* the same in the node's shape */
};

struct tg__algebraist {
    tg_graph *old;
    struct tg__builder *b;
    unsigned flags;
    struct tg__shared_calls *calls; /* NULL: no row is decomposed */
    struct tg__meant *meant;        /* by node of the old tape */
    uint32_t *same;                 /* the node that it is a mere view of, or itself */
    uint32_t *uses;
    struct tg__table made;    /* by node of the new tape: the node of the old one that it was built for, 0: none */
    struct tg__table defined; /* forms */
    struct tg__table ranges;  /* by node of the new tape */
};

/* ------------------------------------------------------------------------------------------------------ number.c */

struct tg__number tg__number_of(double v, tg_dtype dtype);
struct tg__number tg__number_times(struct tg__number a, struct tg__number b);
struct tg__number tg__number_plus(struct tg__number a, struct tg__number b);
struct tg__number tg__number_over(struct tg__number a, struct tg__number b); /* a/b, b not 0 */
struct tg__number tg__number_power(struct tg__number a, int power);          /* power at least 0 */

/* -------------------------------------------------------------------------------------------------------- form.c */

unsigned tg__mask(const struct tg__laid *a); /* a bit for each axis that it varies along */
unsigned tg__mask_of(const tg_shape *dims);  /* that have another length than 1 */
bool tg__same_laid(const struct tg__laid *a, const struct tg__laid *b);
struct tg__laid tg__move(const struct tg__laid *a, const struct tg__axes *axes);
struct tg__axes tg__broadcast_axes(int rank, int into);
struct tg__form tg__form_number(double by);
struct tg__form tg__form_at(struct tg__laid at);
/* z *= x^power, moved to z's axes. false: it does not fit, and z is of no use. */
bool tg__form_times(struct tg__form *z, const struct tg__form *x, int power, const struct tg__axes *axes,
                    tg_dtype dtype, unsigned flags);
bool tg__form_by(struct tg__form *z, struct tg__number by, tg_dtype dtype);
bool tg__same_factors(const struct tg__form *a, const struct tg__form *b);
static inline bool tg__is_atom(const struct tg__form *f) { /* one node, and nothing else */
    return f->factors == 1 && f->factor[0].power == 1 && f->by.value == 1;
}

/* ------------------------------------------------------------------------------------------------------ laying.c
 * node 0: memory is out, or it is not there and the builder only finds. */

struct tg__laid tg__whole(const tg_graph *g, uint32_t node); /* along its own axes */
struct tg__laid tg__apply_laid(struct tg__algebraist *a, const struct tg_op *op, const struct tg__laid *in, int rank);
uint32_t tg__filled(struct tg__algebraist *a, const struct tg__laid *x, const tg_shape *dims); /* in that shape */

/* ---------------------------------------------------------------------------------------------------- multiply.c */

struct tg__laid tg__multiplied(struct tg__algebraist *a, const struct tg__form *f, int rank, tg_dtype dtype);

/* ------------------------------------------------------------------------------------------------------- range.c */

/* Is it known of every element of that node of the new tape, or of 1/it, that it is not infinite? It may be NaN. */
bool tg__is_bounded(struct tg__algebraist *a, uint32_t node, bool inverse);

/* --------------------------------------------------------------------------------------------------- summation.c */

/* The sum of old node x along the axes that the fates name. false: memory is out. */
bool tg__summed(struct tg__algebraist *a, uint32_t x, const struct tg__attr *fates, struct tg__form *z);

/* ----------------------------------------------------------------------------------------------------- meaning.c */

bool tg__mean(struct tg__algebraist *a, uint32_t id); /* what a computed node means; its operands are known */

/* -------------------------------------------------------------------------------------------------- algebraist.c */

bool tg__algebraist_open(struct tg__algebraist *a, struct tg__builder *b, tg_graph *old, unsigned flags,
                         struct tg__shared_calls *calls);
void tg__algebraist_close(struct tg__algebraist *a);
bool tg__set_atom(struct tg__algebraist *a, uint32_t id, struct tg__laid at); /* what id means is that node */
bool tg__mean_leaf(struct tg__algebraist *a, uint32_t id, uint32_t node);
bool tg__mean_given(struct tg__algebraist *a, uint32_t id);
uint32_t tg__full(struct tg__algebraist *a, uint32_t id); /* in the node's own shape */
struct tg__laid tg__core(struct tg__algebraist *a, uint32_t id);
static inline const struct tg__meant *tg__meant_of(const struct tg__algebraist *a, uint32_t id) {
    return &a->meant[a->same[id]];
}
static inline uint32_t tg__made_for(const struct tg__algebraist *a, uint32_t node) {
    return node < a->made.length ? *(uint32_t *)tg__row(&a->made, node) : 0;
}
bool tg__made(struct tg__algebraist *a, uint32_t node, uint32_t id);

#endif
