/* The terms of a sum under a reduction: what is known of the sum of each, without one more pass. */
#include "summation.h"

/* The old node that a lone node of the new tape was built for, if that means this; 0: there is none. */
uint32_t tg__old_of(const struct tg__sum *s, const struct tg__form *f, enum tg__meaning meaning) {
    const struct tg__algebra *row;
    if (f->factors != 1 || f->factor[0].power != 1) return 0;
    const uint32_t id = tg__made_for(s->a, f->factor[0].at.node);
    return id && tg__meaning_of(tg__node_of(s->a->old, id)->op, &row) == meaning ? id : 0;
}

/* Where the axes of the old node lie that x was built for. */
struct tg__axes tg__axes_under(const struct tg__sum *s, const struct tg__laid *x, uint32_t id) {
    const struct tg__laid *core = &s->a->meant[id].core;
    struct tg__axes axes;
    memset(axes.to, -1, sizeof axes.to);
    for (int j = 0; j < TG_MAX_RANK; j++)
        for (int i = 0; i < TG_MAX_RANK; i++)
            if (core->axis[j] >= 0 && core->axis[j] == x->axis[i]) axes.to[j] = (int8_t)i;
    return axes;
}

/* An operand of that old node, as a form under the sum, times by. */
static bool operand(const struct tg__sum *s, const struct tg__laid *x, uint32_t id, int slot, struct tg__number by,
                    struct tg__form *f) {
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

/* The terms of a sum's node in place of it. false: there is no room, or it is none. */
bool tg__open_term(struct tg__sum *s, int i) {
    struct tg__term_of *t = &s->term[i];
    const struct tg__algebra *row;
    const uint32_t id = tg__old_of(s, &t->f, TG__IS_SUM);
    struct tg__form f[2];
    if (!id || s->terms == TG__TERMS) return false;
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

/* Finds, and builds nothing. */
void tg__look_up(const struct tg__sum *s, struct tg__term_of *t) {
    struct tg__builder *b = s->a->b;
    struct tg__form inside, outside;
    tg__part_form(s, &t->f, &inside, &outside);
    t->kind = inside.factors ? TG__NEW : TG__EVEN;
    t->z = outside;
    if (!tg__form_by(&t->z, tg__times(s, tg__mask_of_form(&inside)), s->dtype)) t->kind = TG__NEW;
    if (t->kind == TG__EVEN || !inside.factors) return;
    b->finds = true;
    const struct tg__laid x = tg__built_inside(s, &inside);
    const struct tg__laid z = x.node ? tg__reduced_laid(s, &x) : x;
    b->finds = false;
    if (z.node && tg__times_laid(s, &t->z, z)) t->kind = TG__FOUND;
    t->live = z.node && tg__is_live(s, &x);
}

/* What is given may be looked into for comparison. */
static bool define(const struct tg__sum *s, struct tg__form *f) {
    struct tg__form z = tg__form_number(1);
    if (!tg__form_by(&z, f->by, s->dtype)) return false;
    for (int i = 0; i < f->factors; i++) {
        const struct tg__factor *x = &f->factor[i];
        const uint32_t id = tg__made_for(s->a, x->at.node);
        const struct tg__form *defined = id ? s->a->meant[id].defined : NULL;
        const struct tg__form own = tg__form_at(x->at);
        const struct tg__axes axes =
            defined ? tg__axes_under(s, &x->at, id) : tg__broadcast_axes(TG_MAX_RANK, TG_MAX_RANK);
        if (!tg__form_times(&z, defined ? defined : &own, x->power, &axes, s->dtype, s->a->flags)) return false;
    }
    *f = z;
    return true;
}

/* Do the sums of all terms cancel, exactly? */
static bool cancel(struct tg__sum *s) {
    for (int i = 0; i < s->terms; i++)
        if (s->term[i].kind == TG__NEW || !define(s, &s->term[i].z)) return false;
    for (int i = 0; i < s->terms; i++) {
        struct tg__number all = {0, 0, 1};
        for (int j = 0; j < s->terms; j++)
            if (tg__same_factors(&s->term[i].z, &s->term[j].z)) all = tg__number_plus(all, s->term[j].z.by);
        if (all.value != 0) return false;
    }
    return s->terms > 1;
}

/* ------------------------------------------------------------------------------------------------- what vanishes */

/* Is the sum of that node made of sums that cancel? q: a term that is constant along the axes, else any term's sum. */
bool tg__vanishes(const struct tg__sum *whole, const struct tg__form *f, struct tg__form *q) {
    struct tg__sum s = {whole->a, whole->dims, whole->fates, whole->axes, whole->dtype, {{.f = *f}}, 1};
    if (!tg__open_term(&s, 0)) return false;
    for (int i = 0; i < s.terms; i++) {
        tg__look_up(&s, &s.term[i]);
        if (s.term[i].kind == TG__NEW && tg__open_term(&s, i)) i--;
    }
    *q = s.term[0].z;
    for (int i = 0; i < s.terms; i++)
        if (s.term[i].kind == TG__EVEN) *q = s.term[i].f;
    return cancel(&s);
}

/* q - q: 0, and NaN where a NaN or an infinity was summed. */
bool tg__nothing(const struct tg__sum *s, const struct tg__form *q, struct tg__form *z) {
    if (tg__may(TG__CENTRED_ZERO, s->a->flags)) {
        *z = tg__form_number(0);
        return true;
    }
    struct tg__form positive = *q;
    if (positive.by.value < 0) positive.by = tg__number_times(positive.by, (struct tg__number){-1, -1, 1});
    const struct tg__laid x = tg__multiplied(s->a, &positive, s->dims->rank, s->dtype);
    return tg__times_laid(s, z, tg__apply_laid(s->a, tg__notation.sub, (struct tg__laid[]){x, x}, s->dims->rank));
}

bool tg__look_closer(struct tg__sum *s, struct tg__term_of *t) {
    struct tg__form inside, outside, q;
    tg__look_up(s, t);
    if (t->kind == TG__FOUND && !t->live) t->kind = TG__NEW;
    tg__part_form(s, &t->f, &inside, &outside);
    if (t->kind != TG__NEW || !tg__vanishes(s, &inside, &q)) return true;
    t->kind = TG__VANISHED;
    t->z = outside;
    return tg__nothing(s, &q, &t->z);
}
