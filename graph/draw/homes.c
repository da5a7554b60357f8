/* Where leaves stand: in the innermost box that has all their consumers in it, but not deeper than they were written.
 */
#include "draw.h"

static bool contains(const struct tg__cluster *k, uint32_t gate) {
    return k->sort == TG__ROOT || (k->first_node <= gate && gate <= k->last_node);
}

/* The innermost scope's box that encloses cluster k, and that has the leaf's own scope in it or around it. */
static uint32_t home(const struct tg__circuit *c, uint32_t leaf, uint32_t k) {
    const tg_graph *g = c->graph;
    for (;; k = tg__cluster_at(c, k)->parent) {
        uint32_t at = k;
        while (tg__cluster_at(c, at)->sort == TG__GROUP) at = tg__cluster_at(c, at)->parent;
        const struct tg__cluster *box = tg__cluster_at(c, at);
        if (box->sort == TG__ROOT) return k;
        if (box->sort == TG__SWEEP && c->region[leaf]) return k;
        uint32_t s = box->sort == TG__SCOPE ? tg__site_of(g, tg__fact_of(g, leaf)->site)->scope : 0;
        while (s && s != box->key) s = tg__outer_scope(g, s);
        if (s) return k;
    }
}

bool tg__circuit_leaves(struct tg__circuit *c) {
    uint32_t *at = tg__circuit_room(c, c->last + 1, sizeof *at);
    bool *used = tg__circuit_room(c, c->last + 1, sizeof *used);
    if (!at || !used) return false;
    for (uint32_t id = 1; id <= c->last; id++) {
        const struct tg__node *n = tg__node_of(c->graph, id);
        for (int i = 0; c->shown[id] && i < n->operands; i++) {
            const uint32_t x = n->in[i];
            if (!used[x]) at[x] = tg__item_at(c, c->item_of[id])->cluster;
            while (!contains(tg__cluster_at(c, at[x]), id)) at[x] = tg__cluster_at(c, at[x])->parent;
            used[x] = true;
        }
    }
    for (uint32_t id = 1; id <= c->last; id++) {
        if (!c->shown[id] || !tg__is_leaf(tg__node_of(c->graph, id))) continue;
        c->item_of[id] = tg__item_add(c, TG__LEAF, id, used[id] ? home(c, id, at[id]) : 0);
        if (c->item_of[id] == UINT32_MAX) return false;
    }
    return true;
}
