/* Fast mode: what each node means, and the nodes that are built for it when somebody needs its value. */
#include "form.h"

/* ------------------------------------------------------------------------------------------------------ what it keeps
 */

bool tg__algebraist_open(struct tg__algebraist *a, struct tg__builder *b, tg_graph *old, unsigned flags,
                         struct tg__shared_calls *calls) {
    *a = (struct tg__algebraist){.old = old, .b = b, .flags = flags, .calls = calls};
    a->made.size = sizeof(uint32_t);
    a->defined.size = sizeof(struct tg__form);
    a->ranges.size = sizeof(struct tg__range);
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
    tg__table_free(a->b->g, &a->ranges);
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

struct tg__laid tg__core(struct tg__algebraist *a, uint32_t id) {
    struct tg__meant *m = &a->meant[a->same[id]];
    const struct tg__node *n = tg__node_of(a->old, id);
    if (!m->core.node)
        m->core = tg__is_atom(&m->form) ? m->form.factor[0].at
                                        : tg__multiplied(a, &m->form, n->shape->dims.rank, (tg_dtype)n->dtype);
    return m->core;
}

uint32_t tg__full(struct tg__algebraist *a, uint32_t id) {
    struct tg__meant *m = &a->meant[a->same[id]];
    if (m->full) return m->full;
    const struct tg__laid core = tg__core(a, id);
    return m->full = tg__filled(a, &core, &tg__node_of(a->old, id)->shape->dims);
}

/* A node as it is; a constant of one element is a number. */
bool tg__set_atom(struct tg__algebraist *a, uint32_t id, struct tg__laid at) {
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

/* ------------------------------------------------------------------------------------- what is not computed here */

bool tg__mean_leaf(struct tg__algebraist *a, uint32_t id, uint32_t node) {
    a->meant[id].full = node;
    return node && tg__set_atom(a, id, tg__whole(a->b->g, node));
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
