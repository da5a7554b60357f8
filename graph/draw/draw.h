/* The picture of a circuit. Nothing here changes the tape.
 *
 *   items     gates and leaves, boxes of clusters, ports on the borders of clusters, and bends of long wires
 *   clusters  root > scopes > stages; each is a run of the tape, so that its items in the order of the tape are in
 *             topological order; too many items in one are cut into groups. Numbered so that a box comes after the box
 *             that it is in
 *   wires     from item to item within one cluster; what leaves a cluster does so through a port, one for each source
 *
 * Each cluster is laid out by itself, on integers: columns (layers.c), an order in each (crossings.c), rows (rows.c).
 * Pixels are sums over that grid (place.c), done again whenever a box is folded; fold.js does the same sums.
 */
#ifndef TG_DRAW_H
#define TG_DRAW_H

#include "export.h"

enum tg__kind { TG__IN, TG__LEAF, TG__GATE, TG__BOX, TG__OUT, TG__BEND };
enum tg__sort { TG__ROOT, TG__SWEEP, TG__SCOPE, TG__STAGE, TG__GROUP };
enum { TG__MANY = 150, TG__NESTED = 32 };
/* Pixels. head: of a box, over its content; line gap: between two items; legend: under the whole. */
enum { TG__GATE_HEIGHT = 34, TG__PORT_HEIGHT = 14, TG__HEAD = 42, TG__FOOT = 10, TG__LINE_GAP = 10, TG__MARGIN = 24,
       TG__LEGEND = 24 };
/* Wide: of the whole and of a box in it, before it is continued below. Turn: from one wire to the next, on their way
 * there. */
enum { TG__WIDE = 1500, TG__WIDE_INNER = 1200, TG__BANDS = 8, TG__TURN = 9, TG__INSET = 40 };

struct tg__item {
    uint32_t ref;     /* gate, leaf: the node; box: the cluster; port, bend: the node whose value passes, 0: several */
    uint32_t cluster; /* that it is in */
    uint32_t column, row;
    int32_t width, height; /* of a gate or leaf, with the room for what is written on its wire */
    int32_t body;          /* of a gate or leaf, without it */
    int32_t x, y;          /* the upper left corner; of ports and bends: the point */
    int32_t turn;          /* what leaves here for the next band is the turn-th to do so, from above */
    uint8_t kind;
    bool main; /* a port that the straightest wire goes through */
};

struct tg__wire {
    uint32_t source;      /* the node whose value it carries; 0: several */
    uint32_t cluster;     /* that it lies in */
    uint32_t from, to;    /* items of that cluster, or ports of a cluster in it */
    uint32_t first, bends; /* its bends: items first to first + bends - 1 */
};

struct tg__cluster {
    uint32_t parent, item, depth;     /* item: its box in the parent */
    uint32_t key;                     /* of a sweep, scope or stage: its row in the graph's table */
    uint32_t first_node, last_node;   /* the run of the tape */
    uint32_t gates;                   /* in it, and in what is in it */
    uint32_t first, items;            /* all it contains: bends come last */
    uint32_t first_wire, wires;
    uint32_t columns, rows, spine;    /* spine: the row that lies in its row of the parent */
    uint32_t first_column, first_row; /* in the circuit's table of edges and lines */
    int32_t least;                    /* what its label needs */
    int32_t width, height, anchor, x, y; /* anchor: the y of its spine */
    uint32_t bands;                   /* too wide a box is continued below, like a line of text */
    uint8_t sort;
    bool open, visible; /* visible: all around it are open */
};

struct tg__track { /* of a cluster */
    int32_t gap; /* in front of it */
    int32_t left, right;
    int32_t floor; /* of what has been put into it */
    uint32_t band;
};

struct tg__line { /* a row of a cluster, in one band */
    int32_t y;
    int32_t floor, turns; /* of the band: where it ends, how many wires go on in the next */
};

struct tg__circuit {
    tg_graph *graph;
    tg_grads sweep;
    tg_draw_options options;
    uint32_t last;           /* nodes up to here may be shown */
    unsigned char *shown;    /* by node */
    uint32_t *region;        /* by node: the sweep that it is of; 0: forward */
    uint32_t *item_of;       /* by node */
    uint32_t *by_row;        /* a cluster's items in the order of its rows, from its first on */
    struct tg__table items, clusters, wires, columns, lines;
    struct tg__block *blocks; /* arrays that live as long as the circuit */
    int32_t width, height;
};

static inline struct tg__item *tg__item_at(const struct tg__circuit *c, uint32_t i) { return tg__row(&c->items, i); }
static inline struct tg__wire *tg__wire_at(const struct tg__circuit *c, uint32_t i) { return tg__row(&c->wires, i); }
static inline struct tg__cluster *tg__cluster_at(const struct tg__circuit *c, uint32_t i) {
    return tg__row(&c->clusters, i);
}
static inline struct tg__track *tg__track_at(const struct tg__circuit *c, uint32_t i) {
    return tg__row(&c->columns, i);
}
static inline struct tg__line *tg__line_at(const struct tg__circuit *c, uint32_t i) { return tg__row(&c->lines, i); }

/* The item of cluster k that item i is, or is a port of. */
static inline uint32_t tg__within(const struct tg__circuit *c, uint32_t i, uint32_t k) {
    const struct tg__item *item = tg__item_at(c, i);
    return item->cluster == k ? i : tg__cluster_at(c, item->cluster)->item;
}

/* ---------------------------------------------------------------------------------------------------- circuit.c */

bool tg__may_draw(tg_graph *g, tg_grads d, const char *who); /* false, and recorded: a stale sweep or a foreign one */
bool tg__circuit_new(struct tg__circuit *c, tg_graph *g, tg_grads d, const tg_draw_options *options);
void tg__circuit_free(struct tg__circuit *c);
tg_status tg__write_circuit(tg_graph *g, tg_grads d, const char *path, const tg_draw_options *options,
                            bool (*write)(struct tg__sheet *s, void *circuit));
void *tg__circuit_room(struct tg__circuit *c, size_t count, size_t size); /* zeros, until the circuit is freed */
uint32_t tg__cluster_add(struct tg__circuit *c, uint32_t parent, enum tg__sort sort, uint32_t key);
uint32_t tg__item_add(struct tg__circuit *c, enum tg__kind kind, uint32_t ref, uint32_t cluster);

static inline uint32_t tg__outer_scope(const tg_graph *g, uint32_t scope) { /* the named one around it; 0: none */
    const uint32_t parent = tg__scope_of(g, scope)->parent;
    return parent ? tg__scope_of(g, parent)->owner : 0;
}

/* --------------------------------------- groups.c homes.c route.c layers.c drawing.c crossings.c rows.c place.c */

bool tg__circuit_groups(struct tg__circuit *c);
bool tg__circuit_leaves(struct tg__circuit *c);
bool tg__circuit_route(struct tg__circuit *c);
bool tg__circuit_layers(struct tg__circuit *c);
bool tg__circuit_grid(struct tg__circuit *c);
void tg__circuit_place(struct tg__circuit *c); /* again whenever a box was opened or closed */

/* One cluster while it is being laid out; indices are local: its first item has 0. */
struct tg__segment {
    uint32_t from, to; /* in neighbouring columns */
};
struct tg__drawing {
    struct tg__circuit *circuit;
    uint32_t cluster, first, count, columns;
    struct tg__segment *segment; /* by column of `from` */
    uint32_t segments;
    uint32_t *start;    /* by column: where its items begin in order; one more at the end */
    uint32_t *order;    /* items by column, from above */
    uint32_t *place;    /* by item: which it is in its column */
    uint32_t *in, *out; /* by item: where its neighbours begin in before and after; one more at the end */
    uint32_t *before, *after;
    uint32_t *scratch, *best; /* as long as order */
    int64_t *weight;
    uint32_t *leader, *next;  /* rows.c: blocks of items that lie in one row */
};
void tg__uncross(struct tg__drawing *d);
void tg__assign_rows(struct tg__drawing *d);

/* ---------------------------------------------------------------------------------------------------- caption.c */

enum { TG__CAPTION = 128 };

int tg__text_width(const char *text, int size); /* an estimate in pixels, rather too wide */
bool tg__is_pill(const struct tg__circuit *c, uint32_t node); /* a leaf, or what a scope calls one of its operands */
const char *tg__caption_gate(const struct tg__circuit *c, uint32_t node, char *text);  /* "× 1/178" */
const char *tg__caption_whole(const struct tg__circuit *c, uint32_t node, char *text); /* "mse/loss" */
const char *tg__caption_leaf(const struct tg__circuit *c, uint32_t node, char *text);  /* "gamma" */
const char *tg__caption_value(const struct tg__circuit *c, uint32_t node, char *text); /* "-1.2 … 3"; "" if bare */
const char *tg__caption_gradient(const struct tg__circuit *c, uint32_t node, char *text);
const char *tg__caption_shape(const struct tg__circuit *c, uint32_t node, char *text);
const char *tg__caption_title(const struct tg__circuit *c, uint32_t cluster, char *text);   /* "xhat", "head/" */
const char *tg__caption_formula(const struct tg__circuit *c, uint32_t cluster, char *text); /* under the title */
int tg__caption_step(const struct tg__circuit *c, uint32_t cluster); /* 0: it has no number */
uint32_t tg__stage_node(const struct tg__circuit *c, uint32_t cluster); /* that the stage was closed with; 0: none */
void tg__measure(struct tg__circuit *c); /* what every item and box needs for its text */

/* ------------------------------------------------------------------------------------------------------- bent.c */

bool tg__is_bent(const struct tg__circuit *c, const struct tg__wire *w); /* of an edge that was mutated */

/* ------------------------------------------------------------------------------------- svg.c circuit_json.c dot.c */

bool tg__circuit_svg(struct tg__sheet *s, const struct tg__circuit *c, bool all); /* all: folded things too, hidden */
void tg__circuit_json(struct tg__sheet *s, const struct tg__circuit *c);          /* the grid, for fold.js */
void tg__wire_path(struct tg__sheet *s, const struct tg__circuit *c, const struct tg__wire *w);

#endif
