/* Sums along axes: what is constant there comes out. A sum is split only where that makes it independent of other sums,
 * and never a product: E[x²] - E[x]² is not a variance. */
#include "summation.h"

/* ------------------------------------------------------------------------------------------------------- splitting */

/* A sum of centred values waits for their mean alone, and what they are multiplied with often waits for other sums: apart
 * they save a pass. They are of both signs, so that apart they lose no digit that together they have. That is not so of
 * any two terms: Σ(x - y) is better than Σx - Σy where x and y are nearly equal. */
static bool is_better_apart(const struct tg__summation *s) {
    bool waits = false;
    for (int i = 0; i < s->terms; i++) waits |= s->term[i].kind == TG__CENTRED && s->term[i].outside.factors;
    return waits;
}

static void look_closer(const struct tg__summation *s, struct tg__summand *t) {
    tg__look_up(s, t);
    if (t->kind == TG__NEW && tg__is_centred(s, &t->f)) t->kind = TG__CENTRED;
}

/* The terms, the sums' nodes among them opened where that helps. */
static void find_terms(struct tg__summation *s) {
    for (int i = 0; i < s->terms; i++) {
        look_closer(s, &s->term[i]);
        if (s->term[i].kind != TG__NEW || s->terms == TG__SUMMANDS) continue;
        struct tg__summation inner = *s;
        inner.term[0].f = s->term[i].f;
        inner.terms = 1;
        if (!tg__open_term(&inner, 0)) continue;
        look_closer(&inner, &inner.term[0]);
        look_closer(&inner, &inner.term[1]);
        if (!is_better_apart(&inner)) continue;
        s->term[i] = inner.term[0];
        s->term[s->terms++] = inner.term[1];
        i--;
    }
}

/* z = Σ of the term */
static bool sum_of_term(const struct tg__summation *s, const struct tg__summand *t, struct tg__form *z) {
    struct tg__form inside;
    struct tg__laid sum = t->sum;
    tg__part_form(s, &t->f, &inside, z);
    if (t->kind == TG__EVEN) {
        *z = t->outside;
        return true;
    }
    if (!sum.node) {
        const struct tg__laid x = tg__built_inside(s, &inside);
        if (x.node) sum = tg__reduced_laid(s, &x);
    }
    return sum.node && tg__guard(s, z) && tg__form_by(z, tg__times(s, tg__mask_of_form(&inside)), s->dtype) &&
           tg__times_laid(s, z, sum);
}

/* All the sums, added. */
static bool add_up(struct tg__summation *s, struct tg__form *z) {
    struct tg__laid all = {.node = 0};
    for (int i = 0; i < s->terms; i++) {
        struct tg__form f;
        if (!sum_of_term(s, &s->term[i], &f)) return false;
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
    return !all.node || tg__times_laid(s, z, all);
}

/* z *= Σ inside. */
static bool sum_inside(struct tg__summation *s, const struct tg__form *inside, struct tg__form *z) {
    s->term[0].f = *inside;
    s->terms = 1;
    tg__look_up(s, &s->term[0]);
    if (s->term[0].kind == TG__NEW && tg__open_term(s, 0)) {
        find_terms(s);
        if (is_better_apart(s)) return add_up(s, z);
    }
    const struct tg__laid x = tg__built_inside(s, inside);
    return x.node && tg__times_laid(s, z, tg__reduced_laid(s, &x));
}

/* A scatter's own axis goes, and leaves its source. */
static bool is_source(const struct tg__summation *s, const struct tg__form *inside, struct tg__form *source,
                      unsigned *axes) {
    const uint32_t id = tg__old_of(s, inside, TG__PLACES);
    if (!id) return false;
    const struct tg__laid *x = &inside->factor[0].at;
    const int last = tg__node_of(s->a->old, id)->shape->dims.rank - 1, own = s->a->meant[id].core.axis[last];
    const uint32_t in = tg__node_of(s->a->old, id)->in[0];
    struct tg__axes under = tg__axes_under(s, x, id);
    int along = -1;
    for (int i = 0; i < s->dims->rank; i++)
        if (own >= 0 && x->axis[i] == own) along = i;
    if (along < 0 || !(s->axes & 1u << along)) return false;
    *axes = s->axes & ~(1u << along);
    *source = tg__form_number(1);
    return tg__form_times(source, &tg__meant_of(s->a, in)->form, 1, &under, s->dtype, s->a->flags);
}

/* ------------------------------------------------------------------------------------------------------- the whole */

static unsigned axes_of(const struct tg__attr *fates, const tg_shape *dims) {
    unsigned axes = 0;
    for (int i = 0; i < dims->rank; i++) axes |= fates->axis[i] != TG__STAYS && dims->dim[i] != 1 ? 1u << i : 0;
    return axes;
}

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
static bool sum_form(struct tg__summation *s, const struct tg__form *f, struct tg__form *z) {
    struct tg__form inside, source = *f;
    for (;;) {
        struct tg__form outside, next;
        unsigned axes;
        tg__part_form(s, &source, &inside, &outside);
        if (!inside.factors || !is_source(s, &inside, &next, &axes)) {
            *z = outside;
            break;
        }
        const struct tg__axes same = tg__broadcast_axes(TG_MAX_RANK, TG_MAX_RANK);
        if (!tg__guard(s, &outside)) return false;
        if (!tg__form_times(&next, &outside, 1, &same, s->dtype, s->a->flags)) return false;
        s->axes = axes;
        source = next;
    }
    if (!tg__form_by(z, tg__times(s, tg__mask_of_form(&inside)), s->dtype)) return false;
    s->axes &= tg__mask_of_form(&inside); /* the others have been counted */
    return !inside.factors || (tg__guard(s, z) && sum_inside(s, &inside, z));
}

/* As it stands: where nothing is summed, or no form has room. */
static bool sum_whole(struct tg__summation *s, uint32_t x, struct tg__form *z) {
    const uint32_t node = tg__full(s->a, x);
    const struct tg__laid whole = node ? tg__whole(s->a->b->g, node) : (struct tg__laid){.node = 0};
    *z = tg__form_number(1);
    return node && tg__times_laid(s, z, tg__reduced_laid(s, &whole));
}

/* A product from which nothing leaves the sum is summed as the tape has it: an operand that others need too is one node
 * for all of them. */
static void close_operands(const struct tg__summation *s, uint32_t x, struct tg__form *f) {
    struct tg__algebraist *a = s->a;
    const struct tg__node *n = tg__node_of(a->old, x);
    const struct tg__algebra *row;
    struct tg__form inside, outside, z;
    tg__part_form(s, f, &inside, &outside);
    if (outside.factors || tg__meaning_of(n->op, &row) != TG__IS_PRODUCT || n->operands < 2) return;
    if (a->same[n->in[0]] == a->same[n->in[1]]) return;
    z = tg__form_number(row->by);
    for (int i = 0; i < n->operands; i++) {
        const uint32_t in = n->in[i];
        const struct tg__node *from = tg__node_of(a->old, in);
        const struct tg__axes axes = tg__broadcast_axes(from->shape->dims.rank, n->shape->dims.rank);
        const struct tg__form *own = &tg__meant_of(a, in)->form;
        const bool shared = a->uses[a->same[in]] > 1 && own->factors > 1;
        const struct tg__form atom = shared ? tg__form_at(tg__core(a, in)) : *own;
        if (shared && !atom.factor[0].at.node) return;
        if (!tg__form_times(&z, &atom, row->power[i], &axes, s->dtype, a->flags)) return;
    }
    *f = z;
}

bool tg__summed(struct tg__algebraist *a, uint32_t x, const struct tg__attr *fates, struct tg__form *z) {
    const struct tg__node *n = tg__node_of(a->old, x);
    const tg_shape *dims = &n->shape->dims;
    struct tg__summation s = {
        .a = a, .dims = dims, .fates = fates, .axes = axes_of(fates, dims), .dtype = (tg_dtype)n->dtype};
    const unsigned axes = s.axes;
    struct tg__form sum, f = tg__meant_of(a, x)->form;
    const struct tg__axes left = axes_left(dims, fates);
    if (a->uses[a->same[x]] == 1) close_operands(&s, a->same[x], &f);
    bool done = n->shape->count > 0 && sum_form(&s, &f, &sum);
    s.axes = axes;
    if (!done && !a->b->g->error.status) done = sum_whole(&s, x, &sum);
    *z = tg__form_number(1);
    return done && tg__form_times(z, &sum, 1, &left, s.dtype, a->flags);
}
