/* What a moment of the log is to one sweep: where a stepper stops. Nothing is kept from call to call. */
#include "inspect.h"

enum { FRONTIER = 64 };

/* What depends on a node and has no adjoint of its own, oldest first. */
struct frontier {
    uint32_t node[FRONTIER];
    int count;
};

static bool meets(const struct frontier *f, const struct tg__node *n) {
    for (int slot = 0; slot < n->operands; slot++)
        for (int i = 0; i < f->count; i++)
            if (n->in[slot] == f->node[i]) return true;
    return false;
}

/* Where an adjoint arrived, the output is ahead. Where none did, as at the condition of a where, the tape is followed
 * until it comes to a node that has one. A node that feeds more than FRONTIER others without is taken to be of use. */
static bool feeds(const tg_graph *g, const struct tg__sweep *s, uint32_t node) {
    if (tg__adjoint_of(s, node)) return true;
    struct frontier f = {.node = {node}, .count = 1};
    for (uint32_t id = node + 1; id <= s->out; id++) {
        if (!meets(&f, tg__node_of(g, id))) continue;
        if (f.count == FRONTIER || tg__adjoint_of(s, id)) return true;
        f.node[f.count++] = id;
    }
    return false;
}

static struct tg__stop computed(const tg_graph *g, const struct tg__sweep *s, uint32_t node) {
    if (node > s->out || tg__is_leaf(tg__node_of(g, node)) || !feeds(g, s, node)) return (struct tg__stop){0};
    return (struct tg__stop){.kind = TG__COMPUTED, .node = node};
}

/* The same node may have terms of other sweeps. One sweep is finished before the next begins, so that what arrived at
 * the node between its first and its last term are its terms. */
static struct tg__stop arrived(const tg_graph *g, const struct tg__sweep *s, uint32_t row) {
    const struct tg__event *event = tg__event_of(g, row);
    const struct tg__adjoint *a = tg__adjoint_of(s, event->node);
    if (!a || !a->node || row < a->first || row > a->last) return (struct tg__stop){0}; /* no adjoint: memory was out */
    return (struct tg__stop){.kind = TG__ARRIVED,
                             .node = event->node,
                             .term = event->term,
                             .sender = event->sender,
                             .arrived = event->number,
                             .awaited = tg__event_of(g, a->last)->number,
                             .slot = event->slot,
                             .next = event->next};
}

struct tg__stop tg__stop_at(tg_grads d, size_t k) {
    const struct tg__sweep *s = tg__sweep_get(d);
    if (!s || k >= tg_moments(d.graph)) return (struct tg__stop){0};
    const uint32_t row = tg__event_at(d.graph, k);
    if (!row) return computed(d.graph, s, tg_moment_at(d.graph, k).node.id);
    return tg__event_of(d.graph, row)->kind == TG_DELIVERED ? arrived(d.graph, s, row) : (struct tg__stop){0};
}
