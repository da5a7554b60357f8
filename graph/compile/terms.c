/* The terms of a sum under a reduction: what is known of the sum of each, without one more pass. */
#include "summation.h"

/* What is given is built in full, and known as that alone. */
static uint32_t built_for(const struct tg__summation *s, uint32_t node) {
    const uint32_t id = tg__made_for(s->a, node);
    return id && s->a->meant[id].core.node == node ? id : 0;
}

uint32_t tg__old_of(const struct tg__summation *s, const struct tg__form *f, enum tg__meaning meaning) {
    const struct tg__algebra *row;
    if (f->factors != 1 || f->factor[0].power != 1) return 0;
    const uint32_t id = built_for(s, f->factor[0].at.node);
    return id && tg__meaning_of(tg__node_of(s->a->old, id)->op, &row) == meaning ? id : 0;
}

struct tg__axes tg__axes_under(const struct tg__summation *s, const struct tg__laid *x, uint32_t id) {
    const struct tg__laid *core = &s->a->meant[id].core;
    struct tg__axes axes;
    memset(axes.to, -1, sizeof axes.to);
    for (int j = 0; j < TG_MAX_RANK; j++)
        for (int i = 0; i < TG_MAX_RANK; i++)
            if (core->axis[j] >= 0 && core->axis[j] == x->axis[i]) axes.to[j] = (int8_t)i;
    return axes;
}

/* An operand of that old node, as a form under the sum, times by. */
static bool operand(const struct tg__summation *s, const struct tg__laid *x, uint32_t id, int slot,
                    struct tg__number by, struct tg__form *f) {
    const struct tg__node *n = tg__node_of(s->a->old, id);
    const struct tg__axes under = tg__axes_under(s, x, id);
    struct tg__axes axes =
        tg__broadcast_axes(tg__node_of(s->a->old, n->in[slot])->shape->dims.rank, n->shape->dims.rank);
    for (int i = 0; i < TG_MAX_RANK; i++)
        if (axes.to[i] >= 0) axes.to[i] = under.to[axes.to[i]];
    *f = tg__form_number(1);
    return tg__form_by(f, by, s->dtype) &&
           tg__form_times(f, &tg__meant_of(s->a, n->in[slot])->form, 1, &axes, s->dtype, s->a->flags);
}

bool tg__open_term(struct tg__summation *s, int i) {
    struct tg__summand *t = &s->term[i];
    const struct tg__algebra *row;
    const uint32_t id = tg__old_of(s, &t->f, TG__IS_SUM);
    struct tg__form f[2];
    if (!id || s->terms == TG__SUMMANDS) return false;
    const struct tg__laid at = t->f.factor[0].at;
    tg__meaning_of(tg__node_of(s->a->old, id)->op, &row);
    for (int k = 0; k < 2; k++) {
        const struct tg__number sign = {row->power[k], row->power[k], 1};
        if (!operand(s, &at, id, k, tg__number_times(t->f.by, sign), &f[k])) return false;
    }
    t->f = f[0];
    s->term[s->terms++].f = f[1];
    return true;
}

/* ----------------------------------------------------------------------------------------------------- what is there
 */

void tg__look_up(const struct tg__summation *s, struct tg__summand *t) {
    struct tg__builder *b = s->a->b;
    struct tg__form inside;
    tg__part_form(s, &t->f, &inside, &t->outside);
    t->sum = (struct tg__laid){.node = 0};
    t->kind = inside.factors ? TG__NEW : TG__EVEN;
    if (!tg__form_by(&t->outside, tg__times(s, tg__mask_of_form(&inside)), s->dtype)) t->kind = TG__NEW;
    if (t->kind == TG__EVEN || !inside.factors) return;
    b->finds = true;
    const struct tg__laid x = tg__built_inside(s, &inside);
    if (x.node) t->sum = tg__reduced_laid(s, &x);
    b->finds = false;
    if (t->sum.node) t->kind = TG__FOUND;
}

/* What is given may be looked into for comparison. */
static bool define(const struct tg__summation *s, struct tg__summand *t) {
    struct tg__form z = t->outside;
    t->known = tg__form_number(1);
    if (t->sum.node && !tg__times_laid(s, &z, t->sum)) return false;
    if (!tg__form_by(&t->known, z.by, s->dtype)) return false;
    for (int i = 0; i < z.factors; i++) {
        const struct tg__factor *x = &z.factor[i];
        const uint32_t id = built_for(s, x->at.node);
        const struct tg__form *defined = id ? s->a->meant[id].defined : NULL;
        const struct tg__form own = tg__form_at(x->at);
        const struct tg__axes axes =
            defined ? tg__axes_under(s, &x->at, id) : tg__broadcast_axes(TG_MAX_RANK, TG_MAX_RANK);
        if (!tg__form_times(&t->known, defined ? defined : &own, x->power, &axes, s->dtype, s->a->flags)) return false;
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------- what is centred */

static bool are_alike(const struct tg__summation *s, int i, int j) {
    return tg__same_factors(&s->term[i].known, &s->term[j].known);
}

/* Do the sums of all terms cancel in exact arithmetic? */
static bool cancel(struct tg__summation *s) {
    for (int i = 0; i < s->terms; i++)
        if (s->term[i].kind == TG__NEW || !define(s, &s->term[i])) return false;
    for (int i = 0; i < s->terms; i++) {
        struct tg__number all = {0, 0, 1};
        for (int j = 0; j < s->terms; j++)
            if (are_alike(s, i, j)) all = tg__number_plus(all, s->term[j].known.by);
        if (all.value != 0) return false;
    }
    return s->terms > 1;
}

bool tg__is_centred(const struct tg__summation *s, const struct tg__form *f) {
    struct tg__summation terms = *s;
    tg__part_form(s, f, &terms.term[0].f, &(struct tg__form){.factors = 0});
    terms.terms = 1;
    if (!tg__open_term(&terms, 0)) return false;
    for (int i = 0; i < terms.terms; i++) {
        tg__look_up(&terms, &terms.term[i]);
        if (terms.term[i].kind == TG__NEW && tg__open_term(&terms, i)) i--;
    }
    return cancel(&terms);
}
