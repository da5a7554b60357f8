/* A cluster with too many items is cut into groups of consecutive ones, and those into groups again. */
#include "draw.h"

#include <stdlib.h>

enum { MOST = 60, GROUP = 50, LEVELS = 8 };

struct cut {
    uint32_t items, seen;
    uint32_t group[LEVELS]; /* the open one at each level, 0 the innermost */
    int levels;
};

/* The next item of cluster k opens new groups where the old are full. */
static bool next_group(struct tg__circuit *c, struct cut *cut, uint32_t k) {
    int fresh = 0;
    for (uint32_t n = cut->seen; fresh < cut->levels && n % GROUP == 0; n /= GROUP) fresh++;
    for (int level = fresh - 1; level >= 0; level--) {
        const uint32_t parent = level + 1 < cut->levels ? cut->group[level + 1] : k;
        cut->group[level] = tg__cluster_add(c, parent, TG__GROUP, 0);
        if (cut->group[level] == UINT32_MAX) return false;
    }
    cut->seen++;
    return true;
}

static void widen(struct tg__circuit *c, uint32_t k, uint32_t first, uint32_t last, uint32_t gates) {
    for (; tg__cluster_at(c, k)->sort == TG__GROUP; k = tg__cluster_at(c, k)->parent) {
        struct tg__cluster *group = tg__cluster_at(c, k);
        if (group->first_node > first) group->first_node = first;
        group->last_node = last;
        group->gates += gates;
    }
}

static bool cut_all(struct tg__circuit *c) {
    const uint32_t clusters = c->clusters.length, items = c->items.length;
    struct cut *cuts = tg__circuit_room(c, clusters, sizeof *cuts);
    if (!cuts) return false;
    for (uint32_t i = 0; i < items; i++) cuts[tg__item_at(c, i)->cluster].items++;
    for (uint32_t k = 0; k < clusters; k++)
        for (uint32_t n = cuts[k].items; n > MOST; n = (n + GROUP - 1) / GROUP) cuts[k].levels++;
    for (uint32_t i = 0; i < items; i++) {
        struct tg__item *item = tg__item_at(c, i);
        struct cut *cut = &cuts[item->cluster];
        if (!cut->levels) continue;
        if (!next_group(c, cut, item->cluster)) return false;
        item->cluster = cut->group[0];
        uint32_t first = item->ref, last = first, gates = 1;
        if (item->kind == TG__BOX) {
            struct tg__cluster *box = tg__cluster_at(c, item->ref);
            box->parent = item->cluster;
            first = box->first_node, last = box->last_node, gates = box->gates;
        }
        widen(c, item->cluster, first, last, gates);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------- numbers anew */

struct rank {
    uint32_t first_node, depth, was;
};

static int by_rank(const void *a, const void *b) {
    const struct rank *x = a, *y = b;
    if (x->first_node != y->first_node) return x->first_node < y->first_node ? -1 : 1;
    return x->depth < y->depth ? -1 : x->depth > y->depth;
}

/* Two clusters that begin with the same node lie in each other: so these numbers are a walk from outside in. */
static bool renumber(struct tg__circuit *c) {
    const uint32_t n = c->clusters.length;
    struct rank *ranks = tg__circuit_room(c, n, sizeof *ranks);
    struct tg__cluster *old = tg__circuit_room(c, n, sizeof *old);
    uint32_t *now = tg__circuit_room(c, n, sizeof *now);
    if (!ranks || !old || !now) return false;
    for (uint32_t k = 0; k < n; k++) {
        old[k] = *tg__cluster_at(c, k);
        for (uint32_t at = k; at; at = tg__cluster_at(c, at)->parent) old[k].depth++;
        ranks[k] = (struct rank){k ? old[k].first_node : 0, old[k].depth, k};
    }
    qsort(ranks, n, sizeof *ranks, by_rank);
    for (uint32_t k = 0; k < n; k++) now[ranks[k].was] = k;
    for (uint32_t k = 0; k < n; k++) {
        old[k].parent = now[old[k].parent];
        *tg__cluster_at(c, now[k]) = old[k];
    }
    for (uint32_t i = 0; i < c->items.length; i++) {
        struct tg__item *item = tg__item_at(c, i);
        item->cluster = now[item->cluster];
        if (item->kind == TG__BOX) item->ref = now[item->ref];
    }
    return true;
}

bool tg__circuit_groups(struct tg__circuit *c) { return cut_all(c) && renumber(c); }
