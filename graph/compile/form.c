/* Forms: products of powers of nodes, each laid along some axes of a shape. */
#include "form.h"

#include <float.h>
#include <math.h>

unsigned tg__mask(const struct tg__laid *a) {
    unsigned mask = 0;
    for (int i = 0; i < TG_MAX_RANK; i++) mask |= a->axis[i] >= 0 ? 1u << i : 0;
    return mask;
}

unsigned tg__mask_of(const tg_shape *dims) {
    unsigned mask = 0;
    for (int i = 0; i < dims->rank; i++) mask |= dims->dim[i] != 1 ? 1u << i : 0;
    return mask;
}

bool tg__same_laid(const struct tg__laid *a, const struct tg__laid *b) {
    return a->node == b->node && memcmp(a->axis, b->axis, sizeof a->axis) == 0;
}

struct tg__laid tg__move(const struct tg__laid *a, const struct tg__axes *axes) {
    struct tg__laid z = {.node = a->node};
    memset(z.axis, -1, sizeof z.axis);
    for (int i = 0; i < TG_MAX_RANK; i++)
        if (a->axis[i] >= 0 && axes->to[i] >= 0) z.axis[axes->to[i]] = a->axis[i];
    return z;
}

struct tg__axes tg__broadcast_axes(int rank, int into) {
    struct tg__axes axes;
    for (int i = 0; i < TG_MAX_RANK; i++) axes.to[i] = (int8_t)(i < rank ? i + into - rank : -1);
    return axes;
}

/* -------------------------------------------------------------------------------------------------------- products */

struct tg__form tg__form_number(double by) {
    return (struct tg__form){.by = tg__number_of(by, TG_F64)};
}

struct tg__form tg__form_at(struct tg__laid at) {
    struct tg__form f = tg__form_number(1);
    f.factors = 1;
    f.factor[0] = (struct tg__factor){at, 1, 1};
    return f;
}

static int order(const struct tg__factor *a, const struct tg__factor *b) {
    if (a->at.node != b->at.node) return a->at.node < b->at.node ? -1 : 1;
    const int axes = memcmp(a->at.axis, b->at.axis, sizeof a->at.axis);
    return axes ? axes : (a->power < 0) - (b->power < 0);
}

/* Where powers of both signs meet, 0/0 must stay what it is. */
static bool include(struct tg__form *z, struct tg__factor f, unsigned flags) {
    const bool cancels = tg__may(TG__CANCEL, flags);
    int i = 0;
    for (; i < z->factors; i++) {
        struct tg__factor *own = &z->factor[i];
        if (tg__same_laid(&own->at, &f.at) && (cancels || (own->power < 0) == (f.power < 0))) {
            if (own->power + f.power > TG__HIGHEST || own->power + f.power < -TG__HIGHEST) return false;
            own->power = (int8_t)(own->power + f.power);
            own->made = own->made > f.made ? own->made : f.made;
            if (own->power) return true;
            memmove(own, own + 1, (size_t)(--z->factors - i) * sizeof *own);
            return true;
        }
        if (order(own, &f) > 0) break;
    }
    if (z->factors == TG__FACTORS) return false;
    memmove(&z->factor[i + 1], &z->factor[i], (size_t)(z->factors++ - i) * sizeof f);
    z->factor[i] = f;
    return true;
}

/* A number that is lost in its dtype would be 0 or infinite where the numbers it is made of were not. */
static bool is_kept(struct tg__number z, tg_dtype dtype) {
    const double size = fabs(z.value);
    return dtype == TG_F32 ? size >= (double)FLT_MIN && size <= (double)FLT_MAX : size >= DBL_MIN && size <= DBL_MAX;
}

bool tg__form_by(struct tg__form *z, struct tg__number by, tg_dtype dtype) {
    const bool nothing = z->by.value == 0 || by.value == 0;
    z->by = tg__number_times(z->by, by);
    return nothing || is_kept(z->by, dtype);
}

bool tg__form_times(struct tg__form *z, const struct tg__form *x, int power, const struct tg__axes *axes,
                    tg_dtype dtype, unsigned flags) {
    if (power < 0 && x->by.value == 0) return false;
    const bool nothing = z->by.value == 0;
    if (power < 0) {
        z->by = tg__number_over(z->by, tg__number_power(x->by, -power));
        if (!nothing && !is_kept(z->by, dtype)) return false;
    } else if (!tg__form_by(z, tg__number_power(x->by, power), dtype)) {
        return false;
    }
    for (int i = 0; i < x->factors; i++) {
        const int p = x->factor[i].power * power;
        if (p > TG__HIGHEST || p < -TG__HIGHEST) return false;
        const struct tg__factor own = {tg__move(&x->factor[i].at, axes), (int8_t)p, x->factor[i].made};
        if (!include(z, own, flags)) return false;
    }
    if (z->by.value == 0 && tg__may(TG__ZERO, flags)) z->factors = 0;
    return true;
}

bool tg__same_factors(const struct tg__form *a, const struct tg__form *b) {
    bool same = a->factors == b->factors;
    for (int i = 0; same && i < a->factors; i++)
        same = a->factor[i].power == b->factor[i].power && tg__same_laid(&a->factor[i].at, &b->factor[i].at);
    return same;
}
