/* What a node means, by what its operator's row means: a product of powers, or what is built for it. */
#include "form.h"

#include <math.h>

static const struct tg__node *old_node(const struct tg__algebraist *a, uint32_t id) { return tg__node_of(a->old, id); }

/* -------------------------------------------------------------------------------------------------------- products */

/* A number that far from 1 decides what overflows or underflows, so it keeps its place. */
static bool is_mild(double by) {
    const double most = 16777216.0; /* 2^24 */
    return by == 0 || (fabs(by) <= most && fabs(by) >= 1 / most);
}

/* Is an operand looked into? Not for its own sake: the tape's products and powers are known not to over- or underflow,
 * others are not. But where its factors lie along different axes, so that some can be multiplied first or leave a sum;
 * and where it is one factor. What others need too is computed once, number and all. */
static bool is_open(const struct tg__form *f, bool shared) {
    unsigned whole = 0;
    bool apart = false;
    for (int i = 0; i < f->factors; i++) whole |= tg__mask(&f->factor[i].at);
    for (int i = 0; i < f->factors; i++) apart |= tg__mask(&f->factor[i].at) != whole;
    if (f->factors == 0 || tg__is_atom(f)) return true;
    if (!is_mild(f->by.value)) return false;
    return apart || (!shared && f->factors == 1);
}

/* What is multiplied in for the operand: what it means; its number, with the rest as one node; or its node. */
static bool operand_form(struct tg__algebraist *a, uint32_t x, bool looks, bool squared, struct tg__form *f) {
    const struct tg__meant *m = tg__meant_of(a, x);
    const struct tg__node *n = old_node(a, x);
    const bool shared = a->uses[a->same[x]] > 1;
    *f = m->form;
    if (f->factors == 0 || (looks && is_open(f, shared) && !(squared && f->factors > 1))) return true;
    if (looks && !shared && f->by.value != 1 && f->by.value != 0 && is_mild(f->by.value) && !m->core.node) {
        struct tg__form rest = *f;
        rest.by = (struct tg__number){1, 1, 1};
        const struct tg__laid at = tg__multiplied(a, &rest, n->shape->dims.rank, (tg_dtype)n->dtype);
        const struct tg__number by = f->by;
        *f = tg__form_at(at);
        f->by = by;
        return at.node != 0;
    }
    const struct tg__laid core = tg__core(a, x);
    *f = tg__form_at(core);
    return core.node != 0;
}

static bool times_operand(struct tg__algebraist *a, struct tg__form *z, const struct tg__node *n, int slot, int power,
                          bool looks, bool squared) {
    const uint32_t x = n->in[slot];
    const struct tg__axes axes = tg__broadcast_axes(old_node(a, x)->shape->dims.rank, n->shape->dims.rank);
    struct tg__form f;
    return operand_form(a, x, looks, squared, &f) &&
           tg__form_times(z, &f, power, &axes, (tg_dtype)n->dtype, a->flags);
}

static int powers_of(const struct tg__form *f) {
    int all = 0;
    for (int i = 0; i < f->factors; i++) all += f->factor[i].power < 0 ? -f->factor[i].power : f->factor[i].power;
    return all;
}

/* The product of all that the operands are made of, if something of it cancels. */
static bool cancels(struct tg__algebraist *a, const struct tg__node *n, const struct tg__algebra *row,
                    struct tg__form *z) {
    int all = 0;
    *z = tg__form_number(row->by);
    for (int i = 0; i < n->operands && tg__may(TG__CANCEL, a->flags); i++) {
        const struct tg__form *f = &tg__meant_of(a, n->in[i])->form;
        const struct tg__axes axes =
            tg__broadcast_axes(old_node(a, n->in[i])->shape->dims.rank, n->shape->dims.rank);
        if (!tg__form_times(z, f, row->power[i], &axes, (tg_dtype)n->dtype, a->flags)) return false;
        all += powers_of(f) * (row->power[i] < 0 ? -row->power[i] : row->power[i]);
    }
    return powers_of(z) < all;
}

static bool mean_product(struct tg__algebraist *a, uint32_t id, const struct tg__algebra *row) {
    const struct tg__node *n = old_node(a, id);
    const bool same = n->operands == 2 && a->same[n->in[0]] == a->same[n->in[1]];
    const bool squared = same || row->power[0] > 1 || row->power[0] < -1;
    struct tg__form z;
    bool fits = cancels(a, n, row, &z);
    for (int looks = 3; looks >= 0 && !fits; looks--) { /* into both operands, one of them, neither */
        z = tg__form_number(row->by);
        fits = true;
        for (int i = 0; i < n->operands && fits; i++)
            fits = times_operand(a, &z, n, i, row->power[i], looks & (1 << i), squared);
        if (a->b->g->error.status) return false;
    }
    if (!fits) return false;
    if (z.factors == 1) z.factor[0].made = (int8_t)(z.factor[0].power < 0 ? -z.factor[0].power : z.factor[0].power);
    a->meant[id].form = z;
    return true;
}

/* --------------------------------------------------------------------------------------------------------- the others
 */

/* Elementwise work is done where its operands vary, and repeated afterwards. */
static bool mean_elementwise(struct tg__algebraist *a, uint32_t id, const struct tg_op *op, const struct tg__laid *in) {
    struct tg__laid z = in[0];
    if (tg__is_decomposed(a->calls, id)) {
        z.node = tg__built_decomposed(a->calls, a->b, id, z.node);
    } else {
        z = tg__apply_laid(a, op, in, old_node(a, id)->shape->dims.rank);
        tg__note_call(a->calls, id, z.node);
    }
    return tg__set_atom(a, id, z) && tg__made(a, z.node, id);
}

static struct tg__laid laid_operand(struct tg__algebraist *a, const struct tg__node *n, int slot) {
    const struct tg__axes axes = tg__broadcast_axes(old_node(a, n->in[slot])->shape->dims.rank, n->shape->dims.rank);
    const struct tg__laid core = tg__core(a, n->in[slot]);
    return core.node ? tg__move(&core, &axes) : core;
}

static bool operands_of(struct tg__algebraist *a, const struct tg__node *n, struct tg__laid *in) {
    bool all = true;
    for (int i = 0; i < n->operands && all; i++) {
        in[i] = laid_operand(a, n, i);
        all = in[i].node != 0;
    }
    return all;
}

/* An operand that would be added with a negative number is built with the positive one: the sign is the sum's. Not if
 * others need it as it is, and it would be there twice. */
static int take_sign(struct tg__algebraist *a, const struct tg__node *n, int slot, struct tg__laid *x) {
    const struct tg__meant *m = tg__meant_of(a, n->in[slot]);
    const struct tg__node *old = old_node(a, n->in[slot]);
    const struct tg__axes axes = tg__broadcast_axes(old->shape->dims.rank, n->shape->dims.rank);
    struct tg__form f = m->form;
    f.by = tg__number_times(f.by, (struct tg__number){-1, -1, 1});
    const bool once = a->uses[a->same[n->in[slot]]] == 1 && !m->core.node;
    const bool takes = m->form.by.value < 0 && f.factors && (once || tg__is_atom(&f));
    const struct tg__laid core = !takes            ? tg__core(a, n->in[slot])
                                 : tg__is_atom(&f) ? f.factor[0].at
                                                   : tg__multiplied(a, &f, old->shape->dims.rank, (tg_dtype)n->dtype);
    *x = core.node ? tg__move(&core, &axes) : core;
    return takes ? -1 : 1;
}

static bool mean_sum(struct tg__algebraist *a, uint32_t id, const struct tg__algebra *row) {
    const struct tg__node *n = old_node(a, id);
    const struct tg__form *first = &tg__meant_of(a, n->in[0])->form;
    const bool turns = row->power[1] > 0 && first->by.value < 0; /* -x + y = y - x */
    struct tg__laid in[2];
    int sign[2] = {1, row->power[1]};
    for (int i = 0; i < 2; i++) {
        if (i == 1 || turns)
            sign[i] *= take_sign(a, n, i, &in[i]);
        else
            in[i] = laid_operand(a, n, i);
        if (!in[i].node) return false;
    }
    if (sign[0] < 0 && sign[1] < 0) { /* -x - y: the first keeps its own */
        in[0] = laid_operand(a, n, 0);
        sign[0] = 1;
    }
    const bool swap = sign[0] < 0, minus = sign[0] * sign[1] < 0;
    if (minus && tg__same_laid(&in[0], &in[1]) && tg__may(TG__DIFFERENCE, a->flags)) {
        a->meant[id].form = tg__form_number(0);
        return true;
    }
    return mean_elementwise(a, id, minus ? tg__notation.sub : tg__notation.add,
                            (struct tg__laid[]){in[swap], in[!swap]});
}

static bool mean_repeated(struct tg__algebraist *a, uint32_t id) {
    const struct tg__node *n = old_node(a, id);
    struct tg__axes axes;
    memset(axes.to, -1, sizeof axes.to);
    for (int i = 0, own = 0; i < n->shape->dims.rank; i++) {
        if (n->attr->axis[i] == TG__STAYS) axes.to[own] = (int8_t)i;
        own += n->attr->axis[i] != TG__DROPPED;
    }
    a->meant[id].form = tg__form_number(1);
    return tg__form_times(&a->meant[id].form, &tg__meant_of(a, n->in[0])->form, 1, &axes, (tg_dtype)n->dtype, a->flags);
}

static bool mean_opaque(struct tg__algebraist *a, uint32_t id) {
    struct tg__node n = *old_node(a, id);
    const struct tg__attr *attr = n.attr;
    for (int i = 0; i < n.operands; i++)
        if (!(n.in[i] = tg__full(a, n.in[i]))) return false;
    n.shape = tg__shape_of(a->b->g, &n.shape->dims, n.op->name);
    if (attr) n.attr = tg__intern(a->b->g, attr, sizeof *attr);
    const uint32_t node = n.shape && (!attr || n.attr) ? tg__built(a->b, n) : 0;
    return node && tg__set_atom(a, id, tg__whole(a->b->g, node)) && tg__made(a, node, id);
}

/* Axes of length 1 come and go. */
static bool mean_reshaped(struct tg__algebraist *a, uint32_t id) {
    const struct tg__node *n = old_node(a, id);
    const tg_shape *x = &old_node(a, n->in[0])->shape->dims, *z = &n->shape->dims;
    struct tg__axes axes;
    int i = 0;
    memset(axes.to, -1, sizeof axes.to);
    for (int k = 0; k < x->rank; k++) {
        if (x->dim[k] == 1) continue;
        while (i < z->rank && z->dim[i] == 1) i++;
        if (i == z->rank || z->dim[i] != x->dim[k]) return mean_opaque(a, id);
        axes.to[k] = (int8_t)i++;
    }
    for (; i < z->rank; i++)
        if (z->dim[i] != 1) return mean_opaque(a, id);
    a->meant[id].form = tg__form_number(1);
    return tg__form_times(&a->meant[id].form, &tg__meant_of(a, n->in[0])->form, 1, &axes, (tg_dtype)n->dtype, a->flags);
}

static bool is_undone(const struct tg__algebraist *a, const struct tg__node *n, uint32_t *x) {
    const struct tg__node *inner = n->operands == 1 ? old_node(a, a->same[n->in[0]]) : NULL;
    for (const struct tg__inverse *i = tg__inverses; inner && i->outer && tg__may(TG__INVERSE, a->flags); i++)
        if (i->outer == n->op && i->inner == inner->op) {
            *x = inner->in[0];
            return true;
        }
    return false;
}

static bool mean_by_meaning(struct tg__algebraist *a, uint32_t id) {
    const struct tg__node *n = old_node(a, id);
    const struct tg__algebra *row;
    struct tg__laid in[TG__OPERANDS];
    uint32_t x;
    if (n->dtype == TG_I32) return mean_opaque(a, id);
    if (is_undone(a, n, &x)) {
        a->meant[id] = *tg__meant_of(a, x);
        a->meant[id].defined = NULL;
        return true;
    }
    switch (tg__meaning_of(n->op, &row)) {
    case TG__IS_PRODUCT: return mean_product(a, id, row);
    case TG__IS_SUM: return mean_sum(a, id, row);
    case TG__SUMS: return tg__summed(a, n->in[0], n->attr, &a->meant[id].form);
    case TG__REPEATS: return mean_repeated(a, id);
    case TG__RESHAPES: return mean_reshaped(a, id);
    case TG__PLACES:
    case TG__OPAQUE: break;
    }
    if (!tg__is_elementwise(n->op)) return mean_opaque(a, id);
    return operands_of(a, n, in) && mean_elementwise(a, id, n->op, in);
}

/* ------------------------------------------------------------------------------------------------------ any of them */

/* What no form has room for stays as it is. */
bool tg__mean(struct tg__algebraist *a, uint32_t id) {
    if (a->same[id] != id || mean_by_meaning(a, id)) return true;
    return !a->b->g->error.status && mean_opaque(a, id);
}
