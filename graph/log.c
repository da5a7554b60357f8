/* The event log. Appends are not written down: every event remembers how long the tape was, and the moments between two
 * events are the nodes that came between them. */
#include "graph.h"

struct tg__event *tg__log(tg_graph *g, tg_moment_kind kind, uint32_t node, uint32_t term) {
    struct tg__event *e = tg__push(g, &g->log);
    if (!e) return NULL;
    e->length = g->nodes.length;
    e->node = node;
    e->term = term;
    e->sender = e->next = e->number = 0;
    e->kind = (uint8_t)kind;
    e->slot = 0;
    return e;
}

size_t tg_moments(const tg_graph *g) { return g ? (size_t)(g->nodes.length - 1) + (g->log.length - 1) : 0; }

/* Nodes and events that came before event e. */
static size_t moment_of(const tg_graph *g, uint32_t e) { return (size_t)(tg__event_of(g, e)->length - 1) + (e - 1); }

/* The last event at or before moment k, 0 if none. */
static uint32_t event_before(const tg_graph *g, size_t k) {
    uint32_t low = 0, high = g->log.length; /* low is at or before k, high behind it */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (moment_of(g, middle) <= k)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t tg__event_at(const tg_graph *g, size_t k) {
    const uint32_t e = event_before(g, k);
    return e && moment_of(g, e) == k ? e : 0;
}

tg_moment tg_moment_at(tg_graph *g, size_t k) {
    tg_moment m = {.node = tg_nil(g), .term = tg_nil(g), .sender = tg_nil(g)};
    if (k >= tg_moments(g)) return m;
    const uint32_t e = tg__event_at(g, k);
    if (!e) {
        m.node = tg__handle(g, (uint32_t)(k - event_before(g, k)) + 1);
        m.stage = tg_stage(m.node);
        return m;
    }
    const struct tg__event *event = tg__event_of(g, e);
    m.kind = event->kind;
    m.node = tg__handle(g, event->node);
    if (m.kind == TG_NAMED) {
        m.name = tg__name_text(g, event->term);
        m.stage = tg__place(g, tg__name_site(g, event->term)).stage;
    } else {
        m.term = tg__handle(g, event->term);
        if (event->sender) m.sender = tg__handle(g, event->sender);
        m.slot = event->slot;
        m.stage = tg_stage(event->sender ? m.sender : m.node);
    }
    return m;
}
