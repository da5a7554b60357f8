/* The circuit's clusters and items: which nodes are shown, and in which boxes. */
#include "draw.h"

void *tg__circuit_room(struct tg__circuit *c, size_t count, size_t size) {
    if (count >= SIZE_MAX / 2 / size) return tg__fail_memory(c->graph, SIZE_MAX), NULL;
    void *room = tg__keep(c->graph, &c->blocks, count * size + 1);
    return room ? memset(room, 0, count * size) : NULL;
}

uint32_t tg__item_add(struct tg__circuit *c, enum tg__kind kind, uint32_t ref, uint32_t cluster) {
    struct tg__item *item = tg__push(c->graph, &c->items);
    if (!item) return UINT32_MAX;
    *item = (struct tg__item){.kind = (uint8_t)kind, .ref = ref, .cluster = cluster};
    return c->items.length - 1;
}

uint32_t tg__cluster_add(struct tg__circuit *c, uint32_t parent, enum tg__sort sort, uint32_t key) {
    struct tg__cluster *k = tg__push(c->graph, &c->clusters);
    if (!k) return UINT32_MAX;
    *k = (struct tg__cluster){.parent = parent, .sort = (uint8_t)sort, .key = key, .first_node = UINT32_MAX};
    const uint32_t id = c->clusters.length - 1;
    if (sort == TG__ROOT) return id;
    const uint32_t item = tg__item_add(c, TG__BOX, id, parent);
    k->item = item;
    return item == UINT32_MAX ? item : id;
}

/* ------------------------------------------------------------------------------------------------ what is shown */

/* A nameless number is written into the gate that takes it. */
static void hide_numbers(struct tg__circuit *c) {
    double v;
    for (uint32_t id = 1; id <= c->last; id++) {
        const struct tg__node *n = tg__node_of(c->graph, id);
        for (int i = 0; c->shown[id] && i < n->operands; i++)
            if (!tg__fact_of(c->graph, n->in[i])->name && tg__is_scalar_const(c->graph, n->in[i], &v))
                c->shown[n->in[i]] = false;
    }
}

static void choose(struct tg__circuit *c, const struct tg__sweep *s) {
    const bool all = !s || c->options.whole;
    if (all) memset(c->shown, 1, c->last + 1);
    if (!all) c->shown[s->out] = true;
    for (uint32_t id = c->last; id > 0 && !all; id--) {
        const struct tg__node *n = tg__node_of(c->graph, id);
        for (int i = 0; c->shown[id] && i < n->operands; i++) c->shown[n->in[i]] = true;
    }
    hide_numbers(c);
}

/* A sweep appends its nodes in one go, from its seed on; the last is the adjoint of something. */
static void find_regions(struct tg__circuit *c) {
    const tg_graph *g = c->graph;
    for (uint32_t sweep = 1; sweep < g->sweeps.length; sweep++) {
        const struct tg__sweep *s = tg__row(&g->sweeps, sweep);
        const struct tg__adjoint *out = tg__adjoint_of(s, s->out);
        uint32_t last = 0;
        for (uint32_t id = s->out; id > 0; id--) {
            const struct tg__adjoint *a = tg__adjoint_of(s, id);
            if (a && a->node > last) last = a->node;
        }
        for (uint32_t id = out ? tg__event_of(g, out->first)->length : 1; id <= last && id <= c->last; id++)
            c->region[id] = sweep;
    }
}

/* ------------------------------------------------------------------------------------------------------ clusters */

struct path {
    int length;
    struct {
        enum tg__sort sort;
        uint32_t key;
    } at[TG__NESTED + 2];
};

/* Scopes deeper than anyone would unfold have no box of their own. */
static struct path path_of(const struct tg__circuit *c, uint32_t node) {
    const tg_graph *g = c->graph;
    struct path p = {.length = 0};
    const uint32_t row = tg__fact_of(g, node)->site, region = c->region[node];
    const struct tg__site *site = tg__site_of(g, row);
    int deep = 0;
    for (uint32_t s = site->scope; s > 1; s = tg__outer_scope(g, s)) deep++;
    if (region) p.at[p.length].sort = TG__SWEEP, p.at[p.length++].key = region;
    const int begin = p.length;
    for (uint32_t s = site->scope; s > 1; s = tg__outer_scope(g, s)) {
        if (--deep >= TG__NESTED) continue;
        p.at[begin + deep].sort = TG__SCOPE, p.at[begin + deep].key = s;
        p.length++;
    }
    if (tg__place(g, row).stage > 0) p.at[p.length].sort = TG__STAGE, p.at[p.length++].key = row;
    return p;
}

struct stack {
    int length;
    uint32_t cluster[TG__NESTED + 3];
};

static bool follow(struct tg__circuit *c, struct stack *stack, const struct path *p) {
    int same = 0;
    while (same < p->length && same + 1 < stack->length) {
        const struct tg__cluster *k = tg__cluster_at(c, stack->cluster[same + 1]);
        if (k->sort != p->at[same].sort || k->key != p->at[same].key) break;
        same++;
    }
    for (stack->length = same + 1; same < p->length; same++) {
        const uint32_t k = tg__cluster_add(c, stack->cluster[same], p->at[same].sort, p->at[same].key);
        if (k == UINT32_MAX) return false;
        stack->cluster[stack->length++] = k;
    }
    return true;
}

static bool add_gates(struct tg__circuit *c) {
    struct stack stack = {.length = 1};
    struct path path = {.length = 0};
    uint32_t site = 0, region = 0;
    for (uint32_t id = 1; id <= c->last; id++) {
        if (!c->shown[id] || tg__is_leaf(tg__node_of(c->graph, id))) continue;
        const uint32_t own = tg__fact_of(c->graph, id)->site;
        if (own != site || c->region[id] != region) path = path_of(c, id);
        site = own, region = c->region[id];
        if (!follow(c, &stack, &path)) return false;
        c->item_of[id] = tg__item_add(c, TG__GATE, id, stack.cluster[stack.length - 1]);
        if (c->item_of[id] == UINT32_MAX) return false;
        for (int i = 0; i < stack.length; i++) {
            struct tg__cluster *k = tg__cluster_at(c, stack.cluster[i]);
            if (k->first_node > id) k->first_node = id;
            k->last_node = id;
            k->gates++;
        }
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------- open */

static uint32_t visible_gates(struct tg__circuit *c) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->clusters.length; i++) {
        struct tg__cluster *k = tg__cluster_at(c, i);
        const struct tg__cluster *parent = tg__cluster_at(c, k->parent);
        k->visible = i == 0 || (parent->visible && parent->open);
    }
    for (uint32_t i = 0; i < c->items.length; i++) {
        const struct tg__item *item = tg__item_at(c, i);
        const struct tg__cluster *k = tg__cluster_at(c, item->cluster);
        count += item->kind == TG__GATE && k->visible && k->open;
    }
    return count;
}

/* Folds scopes, and then stages, where more would show than anyone can look at. */
static void fold(struct tg__circuit *c) {
    for (uint32_t i = 0; i < c->clusters.length; i++) {
        struct tg__cluster *k = tg__cluster_at(c, i);
        k->open = k->sort != TG__GROUP && !(c->options.folded && k->sort == TG__SCOPE);
    }
    const enum tg__sort sorts[] = {TG__SCOPE, TG__STAGE};
    for (int pass = 0; pass < 2 && visible_gates(c) > TG__MANY; pass++)
        for (uint32_t i = 0; i < c->clusters.length; i++)
            if (tg__cluster_at(c, i)->sort == sorts[pass]) tg__cluster_at(c, i)->open = false;
    visible_gates(c);
}

/* ------------------------------------------------------------------------------------------------------- the whole */

static bool build(struct tg__circuit *c, const struct tg__sweep *s) {
    c->shown = tg__circuit_room(c, c->last + 1, sizeof *c->shown);
    c->region = tg__circuit_room(c, c->last + 1, sizeof *c->region);
    c->item_of = tg__circuit_room(c, c->last + 1, sizeof *c->item_of);
    if (!c->shown || !c->region || !c->item_of) return false;
    choose(c, s);
    find_regions(c);
    return tg__cluster_add(c, 0, TG__ROOT, 0) == 0 && add_gates(c) && tg__circuit_groups(c) && tg__circuit_leaves(c);
}

bool tg__circuit_new(struct tg__circuit *c, tg_graph *g, tg_grads d, const tg_draw_options *options) {
    const struct tg__sweep *s = d.graph == g ? tg__sweep_get(d) : NULL;
    *c = (struct tg__circuit){.graph = g, .sweep = s ? d : (tg_grads){.graph = g}};
    if (options) c->options = *options;
    c->last = s && !c->options.whole ? s->out : tg_count(g);
    c->items.size = sizeof(struct tg__item);
    c->clusters.size = sizeof(struct tg__cluster);
    c->wires.size = sizeof(struct tg__wire);
    c->columns.size = sizeof(struct tg__track);
    c->lines.size = sizeof(struct tg__line);
    bool built = build(c, s);
    if (built) fold(c);
    built = built && tg__circuit_route(c);
    if (built) tg__measure(c);
    built = built && tg__circuit_layers(c) && tg__circuit_grid(c);
    if (built)
        tg__circuit_place(c);
    else
        tg__circuit_free(c);
    return built;
}

void tg__circuit_free(struct tg__circuit *c) {
    struct tg__table *t[] = {&c->items, &c->clusters, &c->wires, &c->columns, &c->lines};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) tg__table_free(c->graph, t[i]);
    tg__blocks_free(c->graph, &c->blocks);
}

bool tg__may_draw(tg_graph *g, tg_grads d, const char *who) {
    const bool foreign = d.graph && d.graph != g, stale = d.id && !tg__sweep_get(d);
    if (foreign || stale)
        tg__fail_run(g, TG_HANDLE, 0, "%s: the sweep %s", who,
                     foreign ? "belongs to another graph" : "is stale: the tape was rewound");
    return !foreign && !stale;
}

tg_status tg__write_circuit(tg_graph *g, tg_grads d, const char *path, const tg_draw_options *options,
                            bool (*write)(struct tg__sheet *s, void *circuit)) {
    struct tg__circuit c;
    if (!g) return TG_HANDLE;
    tg__clear_run(g);
    if (!tg__may_draw(g, d, "draw")) return tg_error(g);
    g->busy = true; /* out of memory here is cured by a second try */
    const bool built = tg__circuit_new(&c, g, d, options);
    g->busy = false;
    if (!built) return tg_error(g);
    const tg_status status = tg__write_sheet(g, path, write, &c);
    tg__circuit_free(&c);
    return status;
}
