/* Columns: an item stands behind all that it takes from; ports stand on the borders. A wire that passes columns has a
 * bend in each, which all wires of one source share. */
#include "draw.h"

static uint32_t *column_of(const struct tg__circuit *c, uint32_t i, uint32_t k) {
    return &tg__item_at(c, tg__within(c, i, k))->column;
}

/* Consumers come after what they take in the order of items, so one pass is enough. */
static void push_right(const struct tg__circuit *c, const struct tg__cluster *k, uint32_t id) {
    for (uint32_t w = k->first_wire; w < k->first_wire + k->wires; w++) {
        const struct tg__wire *wire = tg__wire_at(c, w);
        const uint32_t from = *column_of(c, wire->from, id);
        uint32_t *to = column_of(c, wire->to, id);
        if (*to <= from) *to = from + 1;
    }
}

/* What has one operand or none stands right before the first that takes it. */
static void pull_right(const struct tg__circuit *c, const struct tg__cluster *k, uint32_t id, uint32_t *taken) {
    for (uint32_t i = 0; i < k->items; i++) taken[i] = 0;
    for (uint32_t w = k->first_wire; w < k->first_wire + k->wires; w++)
        taken[tg__within(c, tg__wire_at(c, w)->to, id) - k->first]++;
    for (uint32_t w = k->first_wire + k->wires; w > k->first_wire;) {
        const uint32_t item = tg__within(c, tg__wire_at(c, --w)->from, id);
        uint32_t nearest = *column_of(c, tg__wire_at(c, w)->to, id);
        while (w > k->first_wire && tg__within(c, tg__wire_at(c, w - 1)->from, id) == item) {
            const uint32_t column = *column_of(c, tg__wire_at(c, --w)->to, id);
            nearest = column < nearest ? column : nearest;
        }
        if (taken[item - k->first] <= 1 && tg__item_at(c, item)->kind != TG__IN)
            tg__item_at(c, item)->column = nearest - 1;
    }
}

static void layer(const struct tg__circuit *c, uint32_t id, uint32_t *taken) {
    struct tg__cluster *k = tg__cluster_at(c, id);
    uint32_t last = 0;
    for (uint32_t i = k->first; i < k->first + k->items; i++)
        tg__item_at(c, i)->column = id && tg__item_at(c, i)->kind != TG__IN;
    push_right(c, k, id);
    for (uint32_t i = k->first; i < k->first + k->items; i++)
        if (tg__item_at(c, i)->kind != TG__OUT && tg__item_at(c, i)->column > last) last = tg__item_at(c, i)->column;
    for (uint32_t i = k->first; id && i < k->first + k->items; i++)
        if (tg__item_at(c, i)->kind == TG__OUT) tg__item_at(c, i)->column = last + 1;
    k->columns = id ? last + 2 : last + 1;
    pull_right(c, k, id, taken);
}

/* --------------------------------------------------------------------------------------------------------- bends */

/* How many wires from w on leave from the same place, and the column that the farthest of them reaches. */
static uint32_t bundle(const struct tg__circuit *c, const struct tg__cluster *k, uint32_t id, uint32_t w,
                       uint32_t *farthest) {
    uint32_t n = 0;
    *farthest = 0;
    for (; w + n < k->first_wire + k->wires && tg__wire_at(c, w + n)->from == tg__wire_at(c, w)->from; n++) {
        const uint32_t column = *column_of(c, tg__wire_at(c, w + n)->to, id);
        if (column > *farthest) *farthest = column;
    }
    return n;
}

static bool bend(struct tg__circuit *c, uint32_t id) {
    struct tg__cluster *k = tg__cluster_at(c, id);
    uint32_t farthest, n;
    for (uint32_t w = k->first_wire; w < k->first_wire + k->wires; w += n) {
        n = bundle(c, k, id, w, &farthest);
        const uint32_t first = c->items.length, start = *column_of(c, tg__wire_at(c, w)->from, id) + 1;
        uint32_t source = tg__wire_at(c, w)->source;
        for (uint32_t i = 0; i < n; i++) {
            struct tg__wire *wire = tg__wire_at(c, w + i);
            const uint32_t column = *column_of(c, wire->to, id);
            wire->first = first;
            wire->bends = column - start;
            if (wire->source != source) source = 0;
        }
        for (uint32_t column = start; column < farthest; column++) {
            const uint32_t item = tg__item_add(c, TG__BEND, source, id);
            if (item == UINT32_MAX) return false;
            tg__item_at(c, item)->column = column;
            tg__item_at(c, item)->height = TG__PORT_HEIGHT;
        }
    }
    return true;
}

/* Bends go behind the other items of their cluster, so that a cluster's items stay together. */
static bool gather(struct tg__circuit *c, uint32_t own) {
    const uint32_t n = c->items.length;
    struct tg__item *old = tg__circuit_room(c, n, sizeof *old);
    uint32_t *now = tg__circuit_room(c, n, sizeof *now);
    if (!old || !now) return false;
    for (uint32_t i = 0; i < n; i++) old[i] = *tg__item_at(c, i);
    uint32_t at = 0, bends = own;
    for (uint32_t id = 0; id < c->clusters.length; id++) {
        struct tg__cluster *k = tg__cluster_at(c, id);
        const uint32_t first = k->first, items = k->items;
        k->first = at;
        for (uint32_t i = 0; i < items; i++) now[first + i] = at++;
        for (; bends < n && old[bends].cluster == id; bends++) now[bends] = at++;
        k->items = at - k->first;
    }
    for (uint32_t i = 0; i < n; i++) {
        *tg__item_at(c, now[i]) = old[i];
        if (old[i].kind == TG__BOX) tg__cluster_at(c, old[i].ref)->item = now[i];
        if (old[i].kind == TG__GATE || old[i].kind == TG__LEAF) c->item_of[old[i].ref] = now[i];
    }
    for (uint32_t w = 0; w < c->wires.length; w++) {
        struct tg__wire *wire = tg__wire_at(c, w);
        wire->from = now[wire->from];
        wire->to = now[wire->to];
        wire->first = wire->bends ? now[wire->first] : 0;
    }
    return true;
}

bool tg__circuit_layers(struct tg__circuit *c) {
    const uint32_t own = c->items.length;
    uint32_t *taken = tg__circuit_room(c, own, sizeof *taken);
    if (!taken) return false;
    for (uint32_t id = 0; id < c->clusters.length; id++) layer(c, id, taken);
    for (uint32_t id = 0; id < c->clusters.length; id++)
        if (!bend(c, id)) return false;
    return gather(c, own);
}
