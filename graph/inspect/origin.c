/* Where a node of the backward pass comes from: the node whose gradient it was made for. */
#include "inspect.h"

/* Whose gradient the sum is that node id is part of; 0: none. */
static uint32_t summed_for(const struct tg__sweep *s, const tg_graph *g, uint32_t id) {
    for (uint32_t node = s->out; node > 0; node--) {
        const struct tg__adjoint *a = tg__adjoint_of(s, node);
        if (!a || a->node < id) continue;
        uint32_t sums = 0;
        for (uint32_t e = tg__event_of(g, a->first)->next; e; e = tg__event_of(g, e)->next) sums++;
        if (id > a->node - sums) return node;
    }
    return 0;
}

/* A sweep makes terms, each delivered as soon as it is there, and sums of them. Between the sweeps nothing is
 * delivered: what comes next is the seed of another one, which has no sender. */
uint32_t tg__made_for(const tg_graph *g, uint32_t id) {
    uint32_t low = 0, high = g->log.length; /* the first event behind id is in (low, high] */
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (tg__event_of(g, middle)->length <= id)
            low = middle;
        else
            high = middle;
    }
    const struct tg__event *e = NULL;
    for (uint32_t row = high; row < g->log.length && !e; row++)
        if (tg__event_of(g, row)->kind == TG_DELIVERED) e = tg__event_of(g, row);
    for (uint32_t sweep = g->sweeps.length; sweep-- > 1;) {
        const struct tg__sweep *s = tg__row(&g->sweeps, sweep);
        const struct tg__adjoint *seed = tg__adjoint_of(s, s->out);
        if (!seed || tg__event_of(g, seed->first)->length > id) continue;
        const uint32_t summed = summed_for(s, g, id);
        return summed ? summed : e && e->sender ? e->node : 0;
    }
    return 0;
}
