/* Whose column labels fit which node. A label belongs to a place on the last axis, so it goes on only where that axis
 * is certainly the same one. */
#include "page.h"

static const struct tg__node *node(const struct tg__page *p, uint32_t id) { return tg__node_of(p->graph, id); }

static bool is_elementwise(const struct tg__node *n) { return n->op->loop[0] != NULL; }

static bool same_last(const tg_shape *x, const tg_shape *z) {
    return x->rank && z->rank && x->dim[x->rank - 1] == z->dim[z->rank - 1];
}

/* Elementwise; or of one operand that has no other axis as long. */
static bool keeps_last(const struct tg__page *p, const struct tg__node *n, uint32_t operand) {
    const tg_shape *x = &node(p, operand)->shape->dims;
    bool kept = same_last(x, &n->shape->dims) && (is_elementwise(n) || n->operands == 1);
    for (int i = 0; i + 1 < x->rank && !is_elementwise(n); i++) kept &= x->dim[i] != x->dim[x->rank - 1];
    return kept;
}

static void take(struct tg__page *p, uint32_t to, uint32_t from) {
    if (!p->labels[to]) p->labels[to] = p->labels[from];
}

static void forward(struct tg__page *p) {
    for (uint32_t id = 1; id < p->graph->nodes.length; id++) {
        const struct tg__node *n = node(p, id);
        for (int i = 0; i < n->operands; i++)
            if (keeps_last(p, n, n->in[i])) take(p, id, n->in[i]);
    }
}

/* What is combined with labelled columns has the same: beta with gammax. */
static void backward(struct tg__page *p) {
    for (uint32_t id = p->graph->nodes.length; id-- > 1;) {
        const struct tg__node *n = node(p, id);
        for (int i = 0; i < n->operands; i++)
            if (keeps_last(p, n, n->in[i])) take(p, n->in[i], id);
    }
}

/* An adjoint has the shape of its node, axis by axis. */
static void adjoints(struct tg__page *p) {
    for (uint32_t id = p->passed ? p->passed->out : 0; id > 0; id--) {
        const struct tg__adjoint *a = tg__adjoint_of(p->passed, id);
        for (uint32_t e = a ? a->first : 0; e; e = tg__event_of(p->graph, e)->next)
            take(p, tg__event_of(p->graph, e)->term, id);
        if (a) take(p, a->node, id);
    }
}

void tg__page_labels(struct tg__page *p) {
    for (uint32_t id = 1; id < p->graph->nodes.length; id++)
        if (tg_column(tg__handle(p->graph, id), 0)) p->labels[id] = id;
    forward(p);
    backward(p);
    adjoints(p);
    forward(p);
}
