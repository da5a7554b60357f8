/* What the files about sums along axes share. */
#ifndef TG_SUMMATION_H
#define TG_SUMMATION_H

#include "form.h"

enum { TG__SUMMANDS = 8 };

enum tg__known_as {
    TG__NEW,     /* it would be one more pass */
    TG__FOUND,   /* a reduction that is there already, times what is constant */
    TG__EVEN,    /* constant along the axes, so a number of times itself */
    TG__VANISHED /* 0, but for NaN */
};

struct tg__summand {
    struct tg__form f;     /* as it stands under the sum */
    struct tg__form z;     /* what its sum is, unless it is NEW */
    struct tg__form known; /* the same, with what is given looked into */
    enum tg__known_as kind;
    bool live; /* FOUND: and is needed */
};

/* One sum: over which axes of which shape. */
struct tg__summation {
    struct tg__algebraist *a;
    const tg_shape *dims;
    const struct tg__attr *fates;
    unsigned axes;
    tg_dtype dtype;
    struct tg__summand term[TG__SUMMANDS];
    int terms;
};

/* ---------------------------------------------------------------------------------------------------- reduction.c
 * node 0 and false: memory is out, or a form has no room, or the builder only finds. */

/* f in two: what varies along the axes; what does not, with the number. */
void tg__part_form(const struct tg__summation *s, const struct tg__form *f, struct tg__form *inside,
                   struct tg__form *outside);
struct tg__laid tg__built_inside(const struct tg__summation *s, const struct tg__form *inside);
struct tg__laid tg__reduced_laid(const struct tg__summation *s, const struct tg__laid *x); /* Σ x */
bool tg__is_live(const struct tg__summation *s, const struct tg__laid *x); /* Σ x is there, and needed */
struct tg__number tg__times(const struct tg__summation *s, unsigned varies);
unsigned tg__mask_of_form(const struct tg__form *f);
bool tg__times_laid(const struct tg__summation *s, struct tg__form *z, struct tg__laid x); /* z *= x */

/* -------------------------------------------------------------------------------------------------------- terms.c */

/* The old node that a lone node of the new tape was built for, if it means this; 0: there is none. */
uint32_t tg__old_of(const struct tg__summation *s, const struct tg__form *f, enum tg__meaning meaning);
struct tg__axes tg__axes_under(const struct tg__summation *s, const struct tg__laid *x,
                               uint32_t id);        /* where its axes lie */
bool tg__open_term(struct tg__summation *s, int i); /* a sum's node becomes two terms; false: it is none, or no room */
void tg__look_up(const struct tg__summation *s, struct tg__summand *t); /* finds, and builds nothing */
bool tg__look_closer(struct tg__summation *s,
                     struct tg__summand *t); /* the same, and what vanishes; false: memory is out */
/* Is the sum of that node made of sums that cancel? They are then in `terms`. */
bool tg__vanishes(const struct tg__summation *s, const struct tg__form *f, struct tg__summation *terms);
bool tg__nothing(struct tg__summation *terms, struct tg__form *z); /* z *= 0, but for NaN */

#endif
