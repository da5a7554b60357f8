/* One cluster after the other, from outside in, as a layered drawing: how wires arrive at a box from outside says in
 * which order its ports stand. */
#include "draw.h"

static uint32_t local(const struct tg__drawing *d, uint32_t item) {
    return tg__within(d->circuit, item, d->cluster) - d->first;
}

/* Wires as steps between neighbouring columns. A bundle of wires shares its bends: so do its steps. */
static void split(struct tg__drawing *d) {
    const struct tg__circuit *c = d->circuit;
    const struct tg__cluster *k = tg__cluster_at(c, d->cluster);
    uint32_t drawn = 0; /* bends of this bundle that have a step already */
    d->segments = 0;
    for (uint32_t w = k->first_wire; w < k->first_wire + k->wires; w++) {
        const struct tg__wire *wire = tg__wire_at(c, w);
        if (w == k->first_wire || wire[0].from != tg__wire_at(c, w - 1)->from) drawn = 0;
        const uint32_t from = local(d, wire->from);
        for (uint32_t b = drawn; b < wire->bends; b++)
            d->segment[d->segments++] =
                (struct tg__segment){b ? wire->first + b - 1 - d->first : from, wire->first + b - d->first};
        if (wire->bends > drawn) drawn = wire->bends;
        d->segment[d->segments++] =
            (struct tg__segment){wire->bends ? wire->first + wire->bends - 1 - d->first : from, local(d, wire->to)};
    }
}

/* Lists of neighbours, by item. */
static void connect(struct tg__drawing *d) {
    memset(d->in, 0, (d->count + 2) * sizeof *d->in);
    memset(d->out, 0, (d->count + 2) * sizeof *d->out);
    for (uint32_t s = 0; s < d->segments; s++) d->in[d->segment[s].to + 2]++, d->out[d->segment[s].from + 2]++;
    for (uint32_t i = 1; i <= d->count + 1; i++) d->in[i] += d->in[i - 1], d->out[i] += d->out[i - 1];
    for (uint32_t s = 0; s < d->segments; s++) {
        const struct tg__segment *e = &d->segment[s];
        d->before[d->in[e->to + 1]++] = e->from;
        d->after[d->out[e->from + 1]++] = e->to;
    }
}

/* Bends above, then the rest; ports as the wires outside come (their row says it). */
static int64_t first_weight(const struct tg__drawing *d, uint32_t i) {
    const struct tg__item *item = tg__item_at(d->circuit, d->first + i);
    if (item->kind == TG__IN || item->kind == TG__OUT) return item->row;
    return item->kind == TG__BEND ? -1 : item->kind == TG__LEAF ? 1 : 0;
}

static void fill(struct tg__drawing *d) {
    memset(d->start, 0, (d->columns + 2) * sizeof *d->start);
    for (uint32_t i = 0; i < d->count; i++) d->start[tg__item_at(d->circuit, d->first + i)->column + 2]++;
    for (uint32_t x = 1; x <= d->columns + 1; x++) d->start[x] += d->start[x - 1];
    for (uint32_t i = 0; i < d->count; i++) {
        d->order[d->start[tg__item_at(d->circuit, d->first + i)->column + 1]++] = i;
        d->weight[i] = first_weight(d, i);
    }
}

/* The row in which a wire comes to a port, and whether it lies in the box's own: then the way on is straight. */
static void tell_port(const struct tg__drawing *d, uint32_t port, uint32_t neighbour) {
    const struct tg__circuit *c = d->circuit;
    struct tg__item *item = tg__item_at(c, port);
    if (item->cluster == d->cluster) return;
    const struct tg__item *box = tg__item_at(c, tg__cluster_at(c, item->cluster)->item);
    const struct tg__item *other = tg__item_at(c, neighbour);
    item->row = other->row * 2 + (other->kind != TG__BEND && other->row != box->row);
    item->main |= other->row == box->row;
}

static void tell_ports(const struct tg__drawing *d) {
    const struct tg__circuit *c = d->circuit;
    const struct tg__cluster *k = tg__cluster_at(c, d->cluster);
    for (uint32_t w = k->first_wire; w < k->first_wire + k->wires; w++) {
        const struct tg__wire *wire = tg__wire_at(c, w);
        tell_port(d, wire->to, wire->bends ? wire->first + wire->bends - 1 : tg__within(c, wire->from, d->cluster));
        tell_port(d, wire->from, wire->bends ? wire->first : tg__within(c, wire->to, d->cluster));
    }
}

/* The wider the more wires change their row there. */
static bool space(struct tg__drawing *d) {
    enum { CLOSE = 16, WIDER = 6, MOST = 9 };
    struct tg__circuit *c = d->circuit;
    struct tg__cluster *k = tg__cluster_at(c, d->cluster);
    k->first_column = c->columns.length;
    k->first_row = c->lines.length;
    for (uint32_t x = 0; x < k->columns; x++) {
        struct tg__track *column = tg__push(c->graph, &c->columns);
        if (!column) return false;
        *column = (struct tg__track){0};
    }
    for (uint32_t y = 0; y < k->rows * (k->sort == TG__STAGE ? 1 : TG__BANDS); y++)
        if (!tg__push(c->graph, &c->lines)) return false;
    for (uint32_t s = 0; s < d->segments; s++) {
        const struct tg__item *from = tg__item_at(c, d->first + d->segment[s].from);
        const struct tg__item *to = tg__item_at(c, d->first + d->segment[s].to);
        struct tg__track *column = tg__track_at(c, k->first_column + to->column);
        const uint32_t jump = from->row < to->row ? to->row - from->row : from->row - to->row;
        column->gap += jump ? 1 + (jump > 2) : 0;
    }
    for (uint32_t x = 0; x < k->columns; x++) {
        struct tg__track *column = tg__track_at(c, k->first_column + x);
        column->gap = x ? CLOSE + WIDER * (column->gap < MOST ? column->gap : MOST) : 0;
    }
    return true;
}

static void find_spine(struct tg__drawing *d) {
    const struct tg__circuit *c = d->circuit;
    struct tg__cluster *k = tg__cluster_at(c, d->cluster);
    int best = -1;
    for (uint32_t i = 0; i < d->count; i++) {
        const struct tg__item *item = tg__item_at(c, d->first + i);
        const int rank = (item->kind == TG__IN ? 2 : item->kind == TG__OUT ? 4 : 0) + (item->main ? 3 : 0);
        if (rank <= best) continue;
        best = rank;
        k->spine = item->row;
    }
}

/* The cluster's items by row: a counting sort. */
static void list_rows(struct tg__drawing *d) {
    const struct tg__circuit *c = d->circuit;
    uint32_t *start = d->scratch;
    memset(start, 0, (d->count + 2) * sizeof *start);
    for (uint32_t i = 0; i < d->count; i++) start[tg__item_at(c, d->first + i)->row + 1]++;
    for (uint32_t y = 1; y <= d->count; y++) start[y] += start[y - 1];
    for (uint32_t i = 0; i < d->count; i++)
        c->by_row[d->first + start[tg__item_at(c, d->first + i)->row]++] = d->first + i;
}

static bool layout(struct tg__drawing *d, uint32_t id) {
    struct tg__cluster *k = tg__cluster_at(d->circuit, id);
    d->cluster = id;
    d->first = k->first;
    d->count = k->items;
    d->columns = k->columns;
    split(d);
    connect(d);
    fill(d);
    tg__uncross(d);
    tg__assign_rows(d);
    for (uint32_t i = 0; i < d->count; i++)
        if (tg__item_at(d->circuit, d->first + i)->row >= k->rows)
            k->rows = tg__item_at(d->circuit, d->first + i)->row + 1;
    find_spine(d);
    list_rows(d);
    tell_ports(d);
    return space(d);
}

bool tg__circuit_grid(struct tg__circuit *c) {
    struct tg__drawing d = {.circuit = c};
    uint32_t items = 0, columns = 0, segments = 0;
    for (uint32_t id = 0; id < c->clusters.length; id++) {
        const struct tg__cluster *k = tg__cluster_at(c, id);
        if (k->items > items) items = k->items;
        if (k->columns > columns) columns = k->columns;
        if (k->items + k->wires > segments)
            segments = k->items + k->wires; /* a step into each bend, a last one a wire */
    }
    c->by_row = tg__circuit_room(c, c->items.length, sizeof *c->by_row);
    if (!c->by_row) return false;
    uint32_t **by_item[] = {&d.order, &d.place, &d.in, &d.out, &d.scratch, &d.best, &d.leader, &d.next};
    for (size_t i = 0; i < sizeof by_item / sizeof *by_item; i++)
        if (!(*by_item[i] = tg__circuit_room(c, (size_t)items + 3, sizeof **by_item[i]))) return false;
    d.start = tg__circuit_room(c, (size_t)columns + 3, sizeof *d.start);
    d.weight = tg__circuit_room(c, (size_t)items + 1, sizeof *d.weight);
    d.segment = tg__circuit_room(c, segments, sizeof *d.segment);
    d.before = tg__circuit_room(c, segments, sizeof *d.before);
    d.after = tg__circuit_room(c, segments, sizeof *d.after);
    if (!d.start || !d.weight || !d.segment || !d.before || !d.after) return false;
    for (uint32_t id = 0; id < c->clusters.length; id++)
        if (!layout(&d, id)) return false;
    return true;
}
