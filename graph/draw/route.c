/* Wires: from every node to the nodes that take its value, through a port in each border on the way. Where too many
 * would cross a border, one port takes them all. */
#include "draw.h"

#include <stdlib.h>

enum { CABLE = 24 }; /* so many wires through a border stay wires */

struct side {                /* the ports on one side of each cluster */
    uint32_t *port, *source; /* by cluster: the newest port, and for whom it was made; 0: none */
    uint32_t *count;
    bool *cable;
    enum tg__kind kind;
};

struct router {
    struct tg__circuit *circuit;
    struct side in, out;
    bool counting; /* the first pass makes nothing */
};

static bool side_new(struct tg__circuit *c, struct side *s, enum tg__kind kind) {
    const uint32_t n = c->clusters.length;
    s->kind = kind;
    s->port = tg__circuit_room(c, n, sizeof *s->port);
    s->source = tg__circuit_room(c, n, sizeof *s->source);
    s->count = tg__circuit_room(c, n, sizeof *s->count);
    s->cable = tg__circuit_room(c, n, sizeof *s->cable);
    return s->port && s->source && s->count && s->cable;
}

/* The port of a cluster for a source. *fresh: the source had none there yet. */
static bool port_of(struct router *r, struct side *s, uint32_t cluster, uint32_t source, uint32_t *port, bool *fresh) {
    *fresh = s->source[cluster] != source;
    s->source[cluster] = source;
    if (*fresh && r->counting) s->count[cluster]++;
    if (*fresh && !r->counting && !(s->cable[cluster] && s->port[cluster])) {
        s->port[cluster] = tg__item_add(r->circuit, s->kind, s->cable[cluster] ? 0 : source, cluster);
        if (s->port[cluster] == UINT32_MAX) return false;
    }
    *port = s->port[cluster];
    return true;
}

static bool wire(struct router *r, uint32_t source, uint32_t cluster, uint32_t from, uint32_t to) {
    if (r->counting) return true;
    struct tg__wire *w = tg__push(r->circuit->graph, &r->circuit->wires);
    if (w) *w = (struct tg__wire){.source = source, .cluster = cluster, .from = from, .to = to};
    return w != NULL;
}

static bool encloses(const struct tg__circuit *c, uint32_t outer, uint32_t inner) {
    const struct tg__cluster *a = tg__cluster_at(c, outer), *b = tg__cluster_at(c, inner);
    return outer == 0 || outer == inner ||
           (a->depth < b->depth && a->first_node <= b->first_node && b->last_node <= a->last_node);
}

/* From the consumer outwards until the source is inside, or somebody was here before for the same source; then from the
 * source outwards to the same cluster. */
static bool route(struct router *r, uint32_t source, uint32_t consumer) {
    struct tg__circuit *c = r->circuit;
    uint32_t to = c->item_of[consumer], from = c->item_of[source];
    uint32_t k = tg__item_at(c, to)->cluster, at = tg__item_at(c, from)->cluster, port;
    bool fresh;
    for (; !encloses(c, k, at); k = tg__cluster_at(c, k)->parent) {
        if (!port_of(r, &r->in, k, source, &port, &fresh)) return false;
        if (!wire(r, source, k, port, to)) return false;
        if (!fresh) return true;
        to = port;
    }
    for (; at != k; at = tg__cluster_at(c, at)->parent) {
        if (!port_of(r, &r->out, at, source, &port, &fresh)) return false;
        if (fresh && !wire(r, source, at, from, port)) return false;
        from = port;
    }
    return wire(r, source, k, from, to);
}

/* Consumers grouped by source: list[start[x]] to list[start[x + 1] - 1]. */
static bool consumers(struct tg__circuit *c, uint32_t **start, uint32_t **list) {
    *start = tg__circuit_room(c, (size_t)c->last + 3, sizeof **start);
    *list = tg__circuit_room(c, (size_t)TG__OPERANDS * c->last, sizeof **list);
    if (!*start || !*list) return false;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t id = 1; id <= c->last; id++) {
            const struct tg__node *n = tg__node_of(c->graph, id);
            for (int i = 0; c->shown[id] && i < n->operands; i++) {
                bool twice = !c->shown[n->in[i]];
                for (int j = 0; j < i; j++) twice |= n->in[j] == n->in[i];
                if (twice) continue;
                if (pass) (*list)[(*start)[n->in[i] + 1]] = id;
                (*start)[n->in[i] + (pass ? 1 : 2)]++;
            }
        }
        for (uint32_t x = 1; !pass && x <= c->last + 2; x++) (*start)[x] += (*start)[x - 1];
    }
    return true;
}

static bool route_all(struct router *r, const uint32_t *start, const uint32_t *list) {
    const size_t bytes = r->circuit->clusters.length * sizeof *r->in.source;
    memset(r->in.source, 0, bytes);
    memset(r->out.source, 0, bytes);
    for (uint32_t x = 1; x <= r->circuit->last; x++)
        for (uint32_t i = start[x]; i < start[x + 1]; i++)
            if (!route(r, x, list[i])) return false;
    return true;
}

/* ------------------------------------------------------------------------------------------------------- in order */

static int order(uint32_t a, uint32_t b) { return (a > b) - (a < b); }

struct item_rank {
    uint32_t cluster, class, node, was;
};

static int by_item(const void *a, const void *b) {
    const struct item_rank *x = a, *y = b;
    if (x->cluster != y->cluster) return order(x->cluster, y->cluster);
    if (x->class != y->class) return order(x->class, y->class);
    return order(x->node, y->node);
}

/* Items of a cluster one behind the other: ports in, leaves, the tape, ports out. */
static bool sort_items(struct tg__circuit *c) {
    const uint32_t n = c->items.length;
    struct item_rank *ranks = tg__circuit_room(c, n, sizeof *ranks);
    struct tg__item *old = tg__circuit_room(c, n, sizeof *old);
    uint32_t *now = tg__circuit_room(c, n, sizeof *now);
    if (!ranks || !old || !now) return false;
    for (uint32_t i = 0; i < n; i++) {
        const struct tg__item *item = tg__item_at(c, i);
        const bool box = item->kind == TG__BOX;
        old[i] = *item;
        ranks[i] = (struct item_rank){item->cluster, item->kind == TG__BOX ? TG__GATE : item->kind,
                                      box ? tg__cluster_at(c, item->ref)->first_node : item->ref, i};
    }
    qsort(ranks, n, sizeof *ranks, by_item);
    for (uint32_t i = 0; i < n; i++) {
        const struct tg__item *item = &old[ranks[i].was];
        struct tg__cluster *k = tg__cluster_at(c, item->cluster);
        now[ranks[i].was] = i;
        *tg__item_at(c, i) = *item;
        if (!k->items++) k->first = i;
        if (item->kind == TG__BOX) tg__cluster_at(c, item->ref)->item = i;
        if (item->kind == TG__GATE || item->kind == TG__LEAF) c->item_of[item->ref] = i;
    }
    for (uint32_t i = 0; i < c->wires.length; i++) {
        struct tg__wire *w = tg__wire_at(c, i);
        w->from = now[w->from];
        w->to = now[w->to];
    }
    return true;
}

static int by_wire(const void *a, const void *b) {
    const struct tg__wire *x = a, *y = b;
    if (x->cluster != y->cluster) return order(x->cluster, y->cluster);
    if (x->first != y->first) return order(x->first, y->first);
    if (x->from != y->from) return order(x->from, y->from);
    if (x->to != y->to) return order(x->to, y->to);
    return order(x->source, y->source);
}

/* Wires of a cluster one behind the other, in the order of the items they come from (kept in `first`, which has no
 * bends yet); what lies in one cable, once. */
static bool sort_wires(struct tg__circuit *c) {
    const uint32_t n = c->wires.length;
    struct tg__wire *wires = tg__circuit_room(c, n, sizeof *wires), *last = NULL;
    if (!wires) return false;
    for (uint32_t i = 0; i < n; i++) {
        wires[i] = *tg__wire_at(c, i);
        wires[i].first = tg__within(c, wires[i].from, wires[i].cluster);
    }
    qsort(wires, n, sizeof *wires, by_wire);
    tg__table_cut(&c->wires, 0);
    for (uint32_t i = 0; i < n; i++) {
        struct tg__cluster *k = tg__cluster_at(c, wires[i].cluster);
        if (last && last->cluster == wires[i].cluster && last->from == wires[i].from && last->to == wires[i].to) {
            last->source = 0; /* a source has one wire from here to there: this is of another */
            continue;
        }
        last = tg__push(c->graph, &c->wires);
        *last = wires[i]; /* there was room for more */
        if (!k->wires++) k->first_wire = c->wires.length - 1;
    }
    return true;
}

bool tg__circuit_route(struct tg__circuit *c) {
    struct router r = {.circuit = c, .counting = true};
    uint32_t *start, *list;
    if (!side_new(c, &r.in, TG__IN) || !side_new(c, &r.out, TG__OUT) || !consumers(c, &start, &list)) return false;
    route_all(&r, start, list); /* which makes nothing that could fail */
    for (uint32_t k = 0; k < c->clusters.length; k++) {
        r.in.cable[k] = r.in.count[k] > CABLE;
        r.out.cable[k] = r.out.count[k] > CABLE;
    }
    r.counting = false;
    return route_all(&r, start, list) && sort_items(c) && sort_wires(c);
}
