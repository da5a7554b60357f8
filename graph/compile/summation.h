/* What the files about sums along axes share. */
#ifndef TG_SUMMATION_H
#define TG_SUMMATION_H

#include "form.h"

enum { TG__SUMMANDS = 8 };

enum tg__known_as {
    TG__NEW,    /* no such sum is there */
    TG__FOUND,  /* a reduction that is there already, times what is constant */
    TG__EVEN,   /* constant along the axes, so a number of times itself */
    TG__CENTRED /* NEW, of values less their mean, times what is constant: it is as small as rounding makes it */
};

struct tg__summand {
    struct tg__form f;       /* as it is under the sum */
    struct tg__form outside; /* what is constant along the axes, with the number of times that it is added up */
    struct tg__laid sum;     /* FOUND: of the rest */
    struct tg__form known;   /* the whole sum, with what is given looked into */
    enum tg__known_as kind;
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
struct tg__number tg__times(const struct tg__summation *s, unsigned varies);
unsigned tg__mask_of_form(const struct tg__form *f);
bool tg__times_laid(const struct tg__summation *s, struct tg__form *z, struct tg__laid x); /* z *= x */
/* What leaves a sum must not be infinite there: c, or what 1/c is, becomes NaN where it is infinite, for what it is
 * multiplied with on the tape, one by one, may have both signs. */
bool tg__guard(const struct tg__summation *s, struct tg__form *outside);

/* -------------------------------------------------------------------------------------------------------- terms.c */

/* The old node that a lone node of the new tape was built for, if it means this; 0: there is none. */
uint32_t tg__old_of(const struct tg__summation *s, const struct tg__form *f, enum tg__meaning meaning);
struct tg__axes tg__axes_under(const struct tg__summation *s, const struct tg__laid *x,
                               uint32_t id);        /* where its axes lie */
bool tg__open_term(struct tg__summation *s, int i); /* a sum's node becomes two terms; false: it is none, or no room */
void tg__look_up(const struct tg__summation *s, struct tg__summand *t); /* finds, and builds nothing */
/* Are these values less their own mean along the axes, times what is constant there? */
bool tg__is_centred(const struct tg__summation *s, const struct tg__form *f);

#endif
