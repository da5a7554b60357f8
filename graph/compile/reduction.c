/* One reduction: what is under it, what leaves it, and whether it is there. */
#include "summation.h"

static uint32_t own_axes(const struct tg__summation *s, const struct tg__laid *x) {
    uint32_t axes = 0;
    for (int i = 0; i < s->dims->rank; i++) axes |= x->axis[i] >= 0 && (s->axes & 1u << i) ? 1u << x->axis[i] : 0;
    return axes;
}

static bool remember(const struct tg__summation *s, const struct tg__laid *x, uint32_t node) {
    struct tg__builder *b = s->a->b;
    const uint32_t axes = own_axes(s, x);
    if (b->finds || tg__is_const(b->g, node)) return true;
    return tg__built_know(b, tg__notation.sum, x->node, axes, node);
}

/* Σ x. Along the same axes it is the same, whether they are kept or dropped. */
struct tg__laid tg__reduced_laid(const struct tg__summation *s, const struct tg__laid *x) {
    struct tg__builder *b = s->a->b;
    const int rank = tg__node_of(b->g, x->node)->shape->dims.rank;
    struct tg__attr fates = {0};
    struct tg__laid z = {.node = tg__built_known(b, tg__notation.sum, x->node, own_axes(s, x))};
    for (int i = 0; i < s->dims->rank; i++)
        if (x->axis[i] >= 0 && (s->axes & 1u << i)) fates.axis[x->axis[i]] = s->fates->axis[i];
    if (z.node)
        fates = *tg__node_of(b->g, z.node)->attr;
    else
        z.node = tg__built_of(b, tg__notation.sum, &x->node, &fates, NULL);
    if (!z.node || !remember(s, x, z.node)) return (struct tg__laid){.node = 0};
    int8_t left[TG_MAX_RANK];
    for (int k = 0, own = 0; k < rank; k++) {
        left[k] = (int8_t)(fates.axis[k] == TG__STAYS ? own : -1);
        own += fates.axis[k] != TG__DROPPED;
    }
    for (int i = 0; i < TG_MAX_RANK; i++) z.axis[i] = (int8_t)(x->axis[i] < 0 ? -1 : left[x->axis[i]]);
    return z;
}

/* What varies along the axes, and what does not. */
void tg__part_form(const struct tg__summation *s, const struct tg__form *f, struct tg__form *inside,
                   struct tg__form *outside) {
    *inside = *outside = tg__form_number(1);
    outside->by = f->by;
    for (int i = 0; i < f->factors; i++) {
        struct tg__form *to = tg__mask(&f->factor[i].at) & s->axes ? inside : outside;
        to->factor[to->factors++] = f->factor[i];
    }
}

/* How often a number is added up that varies along none of these axes. */
struct tg__number tg__times(const struct tg__summation *s, unsigned varies) {
    struct tg__number n = {1, 1, 1};
    for (int i = 0; i < s->dims->rank; i++)
        if (s->axes & ~varies & 1u << i)
            n = tg__number_times(n, (struct tg__number){(double)s->dims->dim[i], s->dims->dim[i], 1});
    return n;
}

unsigned tg__mask_of_form(const struct tg__form *f) {
    unsigned mask = 0;
    for (int i = 0; i < f->factors; i++) mask |= tg__mask(&f->factor[i].at);
    return mask;
}

bool tg__times_laid(const struct tg__summation *s, struct tg__form *z, struct tg__laid x) {
    const struct tg__axes same = tg__broadcast_axes(TG_MAX_RANK, TG_MAX_RANK);
    const struct tg__form f = tg__form_at(x);
    return x.node && tg__form_times(z, &f, 1, &same, s->dtype, s->a->flags);
}

struct tg__laid tg__built_inside(const struct tg__summation *s, const struct tg__form *inside) {
    return tg__is_atom(inside) ? inside->factor[0].at : tg__multiplied(s->a, inside, s->dims->rank, s->dtype);
}

/* NaN where c is infinite: c - (c - c). */
static struct tg__laid never_infinite(const struct tg__summation *s, struct tg__laid c) {
    struct tg__laid z = c;
    for (int i = 0; i < 2 && z.node; i++)
        z = tg__apply_laid(s->a, tg__notation.sub, (struct tg__laid[]){c, z}, s->dims->rank);
    return z;
}

bool tg__guard(const struct tg__summation *s, struct tg__form *outside) {
    const struct tg__axes same = tg__broadcast_axes(TG_MAX_RANK, TG_MAX_RANK);
    struct tg__form z = tg__form_number(1);
    if (s->a->flags & TG_ASSUME_FINITE) return true;
    z.by = outside->by;
    for (int i = 0; i < outside->factors; i++) {
        struct tg__factor c = outside->factor[i];
        if (!tg__is_bounded(s->a, c.at.node, c.power < 0)) {
            if (c.power < 0) c.at = tg__apply_laid(s->a, tg__notation.reciprocal, &c.at, s->dims->rank);
            c.power = (int8_t)(c.power < 0 ? -c.power : c.power);
            if (c.at.node) c.at = never_infinite(s, c.at);
        }
        const struct tg__form f = tg__form_at(c.at);
        if (!c.at.node || !tg__form_times(&z, &f, c.power, &same, s->dtype, s->a->flags)) return false;
    }
    *outside = z;
    return true;
}
