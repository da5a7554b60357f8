/* Which wires are those of an edge that a sweep has bent on purpose: every piece of it, from the operand through the
 * borders of boxes to the operator that sends the term. */
#include "draw.h"

static bool is_node(const struct tg__item *item) { return item->kind == TG__GATE || item->kind == TG__LEAF; }

/* The piece that carries x's value to a node, or to a port of a cluster: from inside it (border) or from outside. */
static const struct tg__wire *piece(const struct tg__circuit *c, uint32_t x, uint32_t to, bool node, bool border) {
    for (uint32_t i = 0; i < c->wires.length; i++) {
        const struct tg__wire *w = tg__wire_at(c, i);
        const struct tg__item *end = tg__item_at(c, w->to);
        if (w->source != x || is_node(end) != node) continue;
        if (node ? end->ref == to : end->cluster == to && (end->cluster == w->cluster) == border) return w;
    }
    return NULL;
}

/* Is w on the way to the sender? The number of pieces is bounded by how deep boxes may be nested. */
static bool leads(const struct tg__circuit *c, const struct tg__wire *w, uint32_t sender) {
    const struct tg__wire *p = piece(c, w->source, sender, true, false);
    for (int i = 0; p && i < 2 * TG__NESTED + 8; i++) {
        if (p == w) return true;
        const struct tg__item *from = tg__item_at(c, p->from);
        if (is_node(from)) return false;
        p = piece(c, w->source, from->cluster, false, from->cluster != p->cluster);
    }
    return false;
}

bool tg__is_bent(const struct tg__circuit *c, const struct tg__wire *w) {
    const struct tg__sweep *s = tg__sweep_get(c->sweep);
    for (uint32_t i = 0; s && i < s->bends; i++) {
        const struct tg__bend *b = &s->bend[i];
        if (w->source && tg__node_of(c->graph, b->sender)->in[b->slot] == w->source && leads(c, w, b->sender))
            return true;
    }
    return false;
}
