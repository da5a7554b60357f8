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
static bool define(const struct tg__summation *s, struct tg__summand *t) {
    t->known = tg__form_number(1);
    if (!tg__form_by(&t->known, t->z.by, s->dtype)) return false;
    for (int i = 0; i < t->z.factors; i++) {
        const struct tg__factor *x = &t->z.factor[i];
        const uint32_t id = built_for(s, x->at.node);
        const struct tg__form *defined = id ? s->a->meant[id].defined : NULL;
        const struct tg__form own = tg__form_at(x->at);
        const struct tg__axes axes =
            defined ? tg__axes_under(s, &x->at, id) : tg__broadcast_axes(TG_MAX_RANK, TG_MAX_RANK);
        if (!tg__form_times(&t->known, defined ? defined : &own, x->power, &axes, s->dtype, s->a->flags)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------- what vanishes */

static bool are_alike(const struct tg__summation *s, int i, int j) {
    return tg__same_factors(&s->term[i].known, &s->term[j].known);
}

/* Do the sums of all terms cancel, exactly? */
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

bool tg__vanishes(const struct tg__summation *s, const struct tg__form *f, struct tg__summation *terms) {
    *terms = *s;
    terms->term[0].f = *f;
    terms->terms = 1;
    if (!tg__open_term(terms, 0)) return false;
    for (int i = 0; i < terms->terms; i++) {
        tg__look_up(terms, &terms->term[i]);
        if (terms->term[i].kind == TG__NEW && tg__open_term(terms, i)) i--;
    }
    return cancel(terms);
}

/* Of terms that cancel one another one speaks for all: which is constant along the axes, or else the first. */
static bool speaks(const struct tg__summation *s, int i) {
    const bool even = s->term[i].kind == TG__EVEN;
    for (int j = 0; j < s->terms; j++)
        if (j != i && are_alike(s, i, j) && (s->term[j].kind == TG__EVEN ? !even || j < i : !even && j < i))
            return false;
    return true;
}

/* Σ q - q over those that speak: NaN where a NaN or an infinity was summed. */
bool tg__nothing(struct tg__summation *s, struct tg__form *z) {
    struct tg__laid all = {.node = 0};
    const int rank = s->dims->rank;
    if (tg__may(TG__CENTRED_ZERO, s->a->flags)) {
        *z = tg__form_number(0);
        return true;
    }
    for (int i = 0; i < s->terms; i++) {
        struct tg__form q = s->term[i].kind == TG__EVEN ? s->term[i].f : s->term[i].z;
        if (!speaks(s, i)) continue;
        if (q.by.value < 0) q.by = tg__number_times(q.by, (struct tg__number){-1, -1, 1});
        const struct tg__laid x = tg__multiplied(s->a, &q, rank, s->dtype);
        const struct tg__laid nan = tg__apply_laid(s->a, tg__notation.sub, (struct tg__laid[]){x, x}, rank);
        all = all.node ? tg__apply_laid(s->a, tg__notation.add, (struct tg__laid[]){all, nan}, rank) : nan;
        if (!all.node) return false;
    }
    return tg__times_laid(s, z, all);
}

bool tg__look_closer(struct tg__summation *s, struct tg__summand *t) {
    struct tg__form inside, outside;
    struct tg__summation terms;
    tg__look_up(s, t);
    if (t->kind == TG__FOUND && !t->live) t->kind = TG__NEW;
    tg__part_form(s, &t->f, &inside, &outside);
    if (t->kind != TG__NEW || !tg__vanishes(s, &inside, &terms)) return true;
    t->kind = TG__VANISHED;
    t->z = outside;
    return tg__nothing(&terms, &t->z);
}
