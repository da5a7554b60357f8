/* Sums along axes: what is constant there comes out; what is left is split only where that saves a pass, and never a
 * product: E[x²] - E[x]² is not a variance. */
#include "form.h"

enum { TERMS = 8 };

enum kind {
    NEW,     /* it would be one more pass */
    FOUND,   /* a reduction that is there already, times what is constant */
    EVEN,    /* constant along the axes, so a number of times itself */
    VANISHED /* 0, but for NaN */
};

struct term {
    struct tg__form f; /* as it stands under the sum */
    struct tg__form z; /* what its sum is, unless it is NEW */
    enum kind kind;
    bool live; /* FOUND: and is needed */
};

/* One sum: over which axes of which shape. */
struct sum {
    struct tg__algebraist *a;
    const tg_shape *dims;
    const struct tg__attr *fates;
    unsigned axes;
    tg_dtype dtype;
    struct term term[TERMS];
    int terms;
};

/* ------------------------------------------------------------------------------------------------- one reduction */

static unsigned axes_of(const struct tg__attr *fates, const tg_shape *dims) {
    unsigned axes = 0;
    for (int i = 0; i < dims->rank; i++) axes |= fates->axis[i] != TG__STAYS && dims->dim[i] != 1 ? 1u << i : 0;
    return axes;
}

enum { LIVE = 1 << TG_MAX_RANK }; /* beside the axes: more than a definition of something given needs it */

static uint32_t own_axes(const struct sum *s, const struct tg__laid *x) {
    uint32_t axes = 0;
    for (int i = 0; i < s->dims->rank; i++) axes |= x->axis[i] >= 0 && (s->axes & 1u << i) ? 1u << x->axis[i] : 0;
    return axes;
}

static bool is_live(const struct sum *s, const struct tg__laid *x) {
    return tg__built_known(s->a->b, tg__notation.sum, x->node, own_axes(s, x) | LIVE) != 0;
}

static bool remember(const struct sum *s, const struct tg__laid *x, uint32_t node) {
    struct tg__builder *b = s->a->b;
    const uint32_t axes = own_axes(s, x);
    if (b->finds || tg__is_const(b->g, node)) return true;
    return tg__built_know(b, tg__notation.sum, x->node, axes, node) &&
           (!s->a->live || tg__built_know(b, tg__notation.sum, x->node, axes | LIVE, node));
}

/* Σ x. Along the same axes it is the same, whether they are kept or dropped. */
static struct tg__laid reduced(const struct sum *s, const struct tg__laid *x) {
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
static void part(const struct sum *s, const struct tg__form *f, struct tg__form *inside, struct tg__form *outside) {
    *inside = *outside = tg__form_number(1);
    outside->by = f->by;
    for (int i = 0; i < f->factors; i++) {
        struct tg__form *to = tg__mask(&f->factor[i].at) & s->axes ? inside : outside;
        to->factor[to->factors++] = f->factor[i];
    }
}

/* How often a number is added up that varies along none of these axes. */
static struct tg__number times(const struct sum *s, unsigned varies) {
    struct tg__number n = {1, 1, 1};
    for (int i = 0; i < s->dims->rank; i++)
        if (s->axes & ~varies & 1u << i)
            n = tg__number_times(n, (struct tg__number){(double)s->dims->dim[i], s->dims->dim[i], 1});
    return n;
}

static unsigned mask_of_form(const struct tg__form *f) {
    unsigned mask = 0;
    for (int i = 0; i < f->factors; i++) mask |= tg__mask(&f->factor[i].at);
    return mask;
}

static bool times_laid(const struct sum *s, struct tg__form *z, struct tg__laid x) {
    const struct tg__axes same = tg__broadcast_axes(TG_MAX_RANK, TG_MAX_RANK);
    const struct tg__form f = tg__form_at(x);
    return x.node && tg__form_times(z, &f, 1, &same, s->dtype, s->a->flags);
}

/* --------------------------------------------------------------------------------------- what is under a sum's node */

/* The old node that a lone node of the new tape was built for, if that means this; 0: there is none. */
static uint32_t old_of(const struct sum *s, const struct tg__form *f, enum tg__meaning meaning) {
    const struct tg__algebra *row;
    if (f->factors != 1 || f->factor[0].power != 1) return 0;
    const uint32_t id = tg__made_for(s->a, f->factor[0].at.node);
    return id && tg__meaning_of(tg__node_of(s->a->old, id)->op, &row) == meaning ? id : 0;
}

/* Where the axes of the old node lie that x was built for. */
static struct tg__axes axes_under(const struct sum *s, const struct tg__laid *x, uint32_t id) {
    const struct tg__laid *core = &s->a->meant[id].core;
    struct tg__axes axes;
    memset(axes.to, -1, sizeof axes.to);
    for (int j = 0; j < TG_MAX_RANK; j++)
        for (int i = 0; i < TG_MAX_RANK; i++)
            if (core->axis[j] >= 0 && core->axis[j] == x->axis[i]) axes.to[j] = (int8_t)i;
    return axes;
}

/* An operand of that old node, as a form under the sum, times by. */
static bool operand(const struct sum *s, const struct tg__laid *x, uint32_t id, int slot, struct tg__number by,
                    struct tg__form *f) {
    const struct tg__node *n = tg__node_of(s->a->old, id);
    const struct tg__axes under = axes_under(s, x, id);
    struct tg__axes axes =
        tg__broadcast_axes(tg__node_of(s->a->old, n->in[slot])->shape->dims.rank, n->shape->dims.rank);
    for (int i = 0; i < TG_MAX_RANK; i++)
        if (axes.to[i] >= 0) axes.to[i] = under.to[axes.to[i]];
    *f = tg__form_number(1);
    return tg__form_by(f, by, s->dtype) &&
           tg__form_times(f, &tg__meant_of(s->a, n->in[slot])->form, 1, &axes, s->dtype, s->a->flags);
}

/* The terms of a sum's node in place of it. false: there is no room, or it is none. */
static bool open_term(struct sum *s, int i) {
    struct term *t = &s->term[i];
    const struct tg__algebra *row;
    const uint32_t id = old_of(s, &t->f, TG__IS_SUM);
    struct tg__form f[2];
    if (!id || s->terms == TERMS) return false;
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

static struct tg__laid built_inside(const struct sum *s, const struct tg__form *inside) {
    return tg__is_atom(inside) ? inside->factor[0].at : tg__multiplied(s->a, inside, s->dims->rank, s->dtype);
}

/* Finds, and builds nothing. */
static void look_up(const struct sum *s, struct term *t) {
    struct tg__builder *b = s->a->b;
    struct tg__form inside, outside;
    part(s, &t->f, &inside, &outside);
    t->kind = inside.factors ? NEW : EVEN;
    t->z = outside;
    if (!tg__form_by(&t->z, times(s, mask_of_form(&inside)), s->dtype)) t->kind = NEW;
    if (t->kind == EVEN || !inside.factors) return;
    b->finds = true;
    const struct tg__laid x = built_inside(s, &inside);
    const struct tg__laid z = x.node ? reduced(s, &x) : x;
    b->finds = false;
    if (z.node && times_laid(s, &t->z, z)) t->kind = FOUND;
    t->live = z.node && is_live(s, &x);
}

/* What is given may be looked into for comparison. */
static bool define(const struct sum *s, struct tg__form *f) {
    struct tg__form z = tg__form_number(1);
    if (!tg__form_by(&z, f->by, s->dtype)) return false;
    for (int i = 0; i < f->factors; i++) {
        const struct tg__factor *x = &f->factor[i];
        const uint32_t id = tg__made_for(s->a, x->at.node);
        const struct tg__form *defined = id ? s->a->meant[id].defined : NULL;
        const struct tg__form own = tg__form_at(x->at);
        const struct tg__axes axes = defined ? axes_under(s, &x->at, id) : tg__broadcast_axes(TG_MAX_RANK, TG_MAX_RANK);
        if (!tg__form_times(&z, defined ? defined : &own, x->power, &axes, s->dtype, s->a->flags)) return false;
    }
    *f = z;
    return true;
}

/* Do the sums of all terms cancel, exactly? */
static bool cancel(struct sum *s) {
    for (int i = 0; i < s->terms; i++)
        if (s->term[i].kind == NEW || !define(s, &s->term[i].z)) return false;
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
static bool vanishes(const struct sum *whole, const struct tg__form *f, struct tg__form *q) {
    struct sum s = {whole->a, whole->dims, whole->fates, whole->axes, whole->dtype, {{.f = *f}}, 1};
    if (!open_term(&s, 0)) return false;
    for (int i = 0; i < s.terms; i++) {
        look_up(&s, &s.term[i]);
        if (s.term[i].kind == NEW && open_term(&s, i)) i--;
    }
    *q = s.term[0].z;
    for (int i = 0; i < s.terms; i++)
        if (s.term[i].kind == EVEN) *q = s.term[i].f;
    return cancel(&s);
}

/* q - q: 0, and NaN where a NaN or an infinity was summed. */
static bool nothing(const struct sum *s, const struct tg__form *q, struct tg__form *z) {
    if (tg__may(TG__CENTRED_ZERO, s->a->flags)) {
        *z = tg__form_number(0);
        return true;
    }
    struct tg__form positive = *q;
    if (positive.by.value < 0) positive.by = tg__number_times(positive.by, (struct tg__number){-1, -1, 1});
    const struct tg__laid x = tg__multiplied(s->a, &positive, s->dims->rank, s->dtype);
    return times_laid(s, z, tg__apply_laid(s->a, tg__notation.sub, (struct tg__laid[]){x, x}, s->dims->rank));
}

static bool look_closer(struct sum *s, struct term *t) {
    struct tg__form inside, outside, q;
    look_up(s, t);
    if (t->kind == FOUND && !t->live) t->kind = NEW;
    part(s, &t->f, &inside, &outside);
    if (t->kind != NEW || !vanishes(s, &inside, &q)) return true;
    t->kind = VANISHED;
    t->z = outside;
    return nothing(s, &q, &t->z);
}

/* ------------------------------------------------------------------------------------------------------- splitting */

static bool is_better_apart(const struct sum *s, int first, int last) {
    bool all = true, one = false;
    for (int i = first; i < last; i++) {
        all &= s->term[i].kind == FOUND || s->term[i].kind == VANISHED;
        one |= s->term[i].kind == VANISHED;
    }
    return all || one;
}

/* The terms, the sums' nodes among them opened where that helps; false: memory is out. */
static bool find_terms(struct sum *s) {
    for (int i = 0; i < s->terms; i++) {
        if (!look_closer(s, &s->term[i])) return false;
        if (s->term[i].kind != NEW) continue;
        struct sum inner = *s;
        inner.term[0].f = s->term[i].f;
        inner.terms = 1;
        if (s->terms == TERMS || !open_term(&inner, 0)) continue;
        if (!look_closer(&inner, &inner.term[0]) || !look_closer(&inner, &inner.term[1])) return false;
        if (!is_better_apart(&inner, 0, 2)) continue;
        s->term[i] = inner.term[0];
        s->term[s->terms++] = inner.term[1];
        i--;
    }
    return true;
}

static bool sum_of_term(const struct sum *s, struct term *t) {
    struct tg__form inside;
    if (t->kind != NEW) return true;
    part(s, &t->f, &inside, &t->z);
    const struct tg__laid x = built_inside(s, &inside);
    return tg__form_by(&t->z, times(s, mask_of_form(&inside)), s->dtype) && x.node &&
           times_laid(s, &t->z, reduced(s, &x));
}

/* All the sums, added. */
static bool add_up(struct sum *s, struct tg__form *z) {
    struct tg__laid all = {.node = 0};
    for (int i = 0; i < s->terms; i++) {
        if (!sum_of_term(s, &s->term[i])) return false;
        struct tg__form f = s->term[i].z;
        if (f.by.value == 0 && !f.factors) continue;
        const bool minus = all.node && f.by.value < 0;
        if (minus) f.by = tg__number_times(f.by, (struct tg__number){-1, -1, 1});
        const struct tg__laid x = tg__multiplied(s->a, &f, s->dims->rank, s->dtype);
        all = all.node ? tg__apply_laid(s->a, minus ? tg__notation.sub : tg__notation.add, (struct tg__laid[]){all, x},
                                        s->dims->rank)
                       : x;
        if (!all.node) return false;
    }
    if (!all.node) *z = tg__form_number(0);
    return !all.node || times_laid(s, z, all);
}

/* z *= Σ inside. */
static bool sum_inside(struct sum *s, const struct tg__form *inside, struct tg__form *z) {
    struct tg__form q;
    struct term known = {.f = *inside};
    look_up(s, &known);
    s->term[0].f = *inside;
    s->terms = 1;
    if (known.kind == NEW && vanishes(s, inside, &q)) return nothing(s, &q, z);
    if (known.kind == NEW && open_term(s, 0)) {
        if (!find_terms(s)) return false;
        if (is_better_apart(s, 0, s->terms)) return add_up(s, z);
    }
    const struct tg__laid x = built_inside(s, inside);
    return x.node && times_laid(s, z, reduced(s, &x));
}

/* A scatter's own axis goes, and leaves its source. */
static bool is_source(const struct sum *s, const struct tg__form *inside, struct tg__form *source, unsigned *axes) {
    const uint32_t id = old_of(s, inside, TG__PLACES);
    if (!id) return false;
    const struct tg__laid *x = &inside->factor[0].at;
    const int last = tg__node_of(s->a->old, id)->shape->dims.rank - 1, own = s->a->meant[id].core.axis[last];
    const uint32_t in = tg__node_of(s->a->old, id)->in[0];
    struct tg__axes under = axes_under(s, x, id);
    int along = -1;
    for (int i = 0; i < s->dims->rank; i++)
        if (own >= 0 && x->axis[i] == own) along = i;
    if (along < 0 || !(s->axes & 1u << along)) return false;
    *axes = s->axes & ~(1u << along);
    *source = tg__form_number(1);
    return tg__form_times(source, &tg__meant_of(s->a, in)->form, 1, &under, s->dtype, s->a->flags);
}

/* ------------------------------------------------------------------------------------------------------- the whole */

static struct tg__axes axes_left(const tg_shape *dims, const struct tg__attr *fates) {
    struct tg__axes axes;
    memset(axes.to, -1, sizeof axes.to);
    for (int i = 0, own = 0; i < dims->rank; i++) {
        if (fates->axis[i] == TG__STAYS) axes.to[i] = (int8_t)own;
        own += fates->axis[i] != TG__DROPPED;
    }
    return axes;
}

/* In the axes of x: z = Σ f. */
static bool sum_form(struct sum *s, const struct tg__form *f, struct tg__form *z) {
    struct tg__form inside, source = *f;
    for (;;) {
        struct tg__form outside, next;
        unsigned axes;
        part(s, &source, &inside, &outside);
        if (!inside.factors || !is_source(s, &inside, &next, &axes)) {
            *z = outside;
            break;
        }
        const struct tg__axes same = tg__broadcast_axes(TG_MAX_RANK, TG_MAX_RANK);
        if (!tg__form_times(&next, &outside, 1, &same, s->dtype, s->a->flags)) return false;
        s->axes = axes;
        source = next;
    }
    if (!tg__form_by(z, times(s, mask_of_form(&inside)), s->dtype)) return false;
    return !inside.factors || sum_inside(s, &inside, z);
}

/* As it stands: where nothing is summed, or no form has room. */
static bool sum_whole(struct sum *s, uint32_t x, struct tg__form *z) {
    const uint32_t node = tg__full(s->a, x);
    const struct tg__laid whole = node ? tg__whole(s->a->b->g, node) : (struct tg__laid){.node = 0};
    *z = tg__form_number(1);
    return node && times_laid(s, z, reduced(s, &whole));
}

bool tg__summed(struct tg__algebraist *a, uint32_t x, const struct tg__attr *fates, struct tg__form *z) {
    const struct tg__node *n = tg__node_of(a->old, x);
    const tg_shape *dims = &n->shape->dims;
    struct sum s = {.a = a, .dims = dims, .fates = fates, .axes = axes_of(fates, dims), .dtype = (tg_dtype)n->dtype};
    const unsigned axes = s.axes;
    struct tg__form sum;
    const struct tg__axes left = axes_left(dims, fates);
    bool done = n->shape->count > 0 && sum_form(&s, &tg__meant_of(a, x)->form, &sum);
    s.axes = axes;
    if (!done && !a->b->g->error.status) done = sum_whole(&s, x, &sum);
    *z = tg__form_number(1);
    return done && tg__form_times(z, &sum, 1, &left, s.dtype, a->flags);
}
