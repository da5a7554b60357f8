/* Fast mode, node by node: what each means as a product of powers, and the nodes that are built for it. A node is
 * built when one that is no product needs it. */
#include "form.h"

enum tg__meaning tg__meaning_of(const struct tg_op *op, const struct tg__algebra **row) {
    for (*row = tg__algebra; (*row)->op; (*row)++)
        if ((*row)->op == op) return (*row)->meaning;
    return TG__OPAQUE;
}

/* ------------------------------------------------------------------------------------------------------ what it keeps
 */

bool tg__algebraist_open(struct tg__algebraist *a, struct tg__builder *b, tg_graph *old, unsigned flags) {
    *a = (struct tg__algebraist){.old = old, .b = b, .flags = flags};
    a->made.size = sizeof(uint32_t);
    a->defined.size = sizeof(struct tg__form);
    const size_t rows = old->nodes.length;
    a->meant = tg__alloc(b->g, rows * sizeof *a->meant);
    a->same = tg__alloc(b->g, rows * sizeof *a->same);
    a->uses = tg__alloc(b->g, rows * sizeof *a->uses);
    if (!a->meant || !a->same || !a->uses) return false;
    memset(a->meant, 0, rows * sizeof *a->meant);
    memset(a->uses, 0, rows * sizeof *a->uses);
    for (uint32_t id = 0; id < rows; id++) {
        const struct tg__node *n = tg__node_of(old, id);
        const bool view = id && n->operands && n->op->view && !n->op->drawn;
        const bool same = view && tg__node_of(old, n->in[0])->shape == n->shape;
        a->same[id] = same ? a->same[n->in[0]] : id;
    }
    return true;
}

void tg__algebraist_close(struct tg__algebraist *a) {
    if (!a->b || !a->b->g) return;
    const size_t rows = a->old->nodes.length;
    tg__release(a->b->g, a->meant, rows * sizeof *a->meant);
    tg__release(a->b->g, a->same, rows * sizeof *a->same);
    tg__release(a->b->g, a->uses, rows * sizeof *a->uses);
    tg__table_free(a->b->g, &a->made);
    tg__table_free(a->b->g, &a->defined);
}

bool tg__made(struct tg__algebraist *a, uint32_t node, uint32_t id) {
    while (a->made.length <= node) {
        uint32_t *row = tg__push(a->b->g, &a->made);
        if (!row) return false;
        *row = 0;
    }
    uint32_t *own = tg__row(&a->made, node);
    if (!*own) *own = id;
    return true;
}

/* ------------------------------------------------------------------------------------------------- values when needed
 */

static const struct tg__node *old_node(const struct tg__algebraist *a, uint32_t id) { return tg__node_of(a->old, id); }

struct tg__laid tg__core(struct tg__algebraist *a, uint32_t id) {
    struct tg__meant *m = &a->meant[a->same[id]];
    const struct tg__node *n = old_node(a, id);
    if (!m->core.node)
        m->core = tg__is_atom(&m->form) ? m->form.factor[0].at
                                        : tg__multiplied(a, &m->form, n->shape->dims.rank, (tg_dtype)n->dtype);
    return m->core;
}

uint32_t tg__full(struct tg__algebraist *a, uint32_t id) {
    struct tg__meant *m = &a->meant[a->same[id]];
    if (m->full) return m->full;
    const struct tg__laid core = tg__core(a, id);
    return m->full = tg__filled(a, &core, &old_node(a, id)->shape->dims);
}

/* A node as it is; a constant of one element is a number. */
static bool set_atom(struct tg__algebraist *a, uint32_t id, struct tg__laid at) {
    struct tg__meant *m = &a->meant[id];
    double v;
    if (!at.node) return false;
    m->core = at;
    m->form = tg__form_at(at);
    const tg_dtype dtype = (tg_dtype)tg__node_of(a->b->g, at.node)->dtype;
    if (dtype == TG_I32 || !tg__is_scalar_const(a->b->g, at.node, &v)) return true;
    struct tg__form number = tg__form_number(1);
    number.by = tg__number_of(v, dtype);
    if (!tg__form_by(&(struct tg__form){.by = {1, 1, 1}}, number.by, dtype)) return true; /* infinite, or all but 0 */
    m->form = number;
    if (tg__node_of(a->b->g, at.node)->shape->dims.rank) m->core.node = 0;
    return true;
}

/* -------------------------------------------------------------------------------------------------------- products */

/* Is it worth to look into a factor that others need too? If parts of it can go elsewhere. */
static bool is_worth(const struct tg__form *f, const struct tg__axes *axes, unsigned whole) {
    bool worth = f->by.value != 1;
    for (int i = 0; i < f->factors; i++) {
        const struct tg__laid at = tg__move(&f->factor[i].at, axes);
        worth |= f->factor[i].power != 1 || tg__mask(&at) != whole;
    }
    return worth;
}

static bool times_operand(struct tg__algebraist *a, struct tg__form *z, const struct tg__node *n, int slot, int power,
                          bool looks) {
    const uint32_t x = n->in[slot];
    const struct tg__axes axes = tg__broadcast_axes(old_node(a, x)->shape->dims.rank, n->shape->dims.rank);
    const struct tg__form *f = &tg__meant_of(a, x)->form;
    const bool shared = a->uses[a->same[x]] > 1 && !is_worth(f, &axes, tg__mask_of(&n->shape->dims));
    if (looks && !shared) return tg__form_times(z, f, power, &axes, (tg_dtype)n->dtype, a->flags);
    const struct tg__laid core = tg__core(a, x);
    const struct tg__form atom = f->factors ? tg__form_at(core) : *f;
    return core.node && tg__form_times(z, &atom, power, &axes, (tg_dtype)n->dtype, a->flags);
}

static bool mean_product(struct tg__algebraist *a, uint32_t id, const struct tg__algebra *row) {
    const struct tg__node *n = old_node(a, id);
    for (int looks = 3; looks >= 0; looks--) { /* into both operands, one of them, neither */
        struct tg__form z = tg__form_number(row->by);
        bool fits = true;
        for (int i = 0; i < n->operands && fits; i++)
            fits = times_operand(a, &z, n, i, row->power[i], looks & (1 << i));
        if (a->b->g->error.status) return false;
        if (!fits) continue;
        a->meant[id].form = z;
        return true;
    }
    return false;
}

/* --------------------------------------------------------------------------------------------------------- the others
 */

/* Elementwise work is done where its operands vary, and repeated afterwards. */
static bool mean_elementwise(struct tg__algebraist *a, uint32_t id, const struct tg_op *op, const struct tg__laid *in) {
    const struct tg__laid z = tg__apply_laid(a, op, in, old_node(a, id)->shape->dims.rank);
    return set_atom(a, id, z) && tg__made(a, z.node, id);
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
 * it stands already. */
static int take_sign(struct tg__algebraist *a, const struct tg__node *n, int slot, struct tg__laid *x) {
    const struct tg__meant *m = tg__meant_of(a, n->in[slot]);
    const struct tg__node *old = old_node(a, n->in[slot]);
    const struct tg__axes axes = tg__broadcast_axes(old->shape->dims.rank, n->shape->dims.rank);
    const bool takes = m->form.by.value < 0 && m->form.factors && (!m->core.node || m->form.by.value == -1);
    struct tg__form f = m->form;
    if (takes) f.by = tg__number_times(f.by, (struct tg__number){-1, -1, 1});
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
    return node && set_atom(a, id, tg__whole(a->b->g, node)) && tg__made(a, node, id);
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

/* ---------------------------------------------------------------------------------------------------------- for all */

/* What no form has room for stays as it is. */
bool tg__mean(struct tg__algebraist *a, uint32_t id) {
    if (a->same[id] != id || mean_by_meaning(a, id)) return true;
    return !a->b->g->error.status && mean_opaque(a, id);
}

bool tg__mean_leaf(struct tg__algebraist *a, uint32_t id, uint32_t node) {
    a->meant[id].full = node;
    return node && set_atom(a, id, tg__whole(a->b->g, node));
}

/* It is one node to those behind it, whatever it is made of. */
bool tg__mean_given(struct tg__algebraist *a, uint32_t id) {
    struct tg__meant *m = &a->meant[a->same[id]];
    const uint32_t node = tg__full(a, id);
    if (!node || tg__is_leaf(tg__node_of(a->b->g, node)) || m->defined) return node != 0;
    struct tg__form *defined = tg__push(a->b->g, &a->defined);
    if (!defined) return false;
    *defined = m->form;
    m->defined = defined;
    m->core = tg__whole(a->b->g, node);
    m->form = tg__form_at(m->core);
    return tg__made(a, node, a->same[id]);
}
