/* Why topological order: a sweep once more on a twin, in the order in which naive recursion visits. A node is read as
 * soon as it is reached, with the terms that have arrived by then; what arrives later is never passed on. The terms are
 * those of backward.c; only the order is another. */
#include "inspect.h"

#include <math.h>

enum { ROWS = 40 }; /* of a table that a person reads */

struct visit {
    uint32_t node, read; /* read: how many terms had arrived */
    uint32_t parent;     /* the visit that reached it */
    int slot;            /* which of its operands is looked at next */
};

struct walk {
    tg_graph *g, *twin; /* the same ids up to the output */
    struct tg__sweep *wrong;
    tg_grads right;
    struct visit *visit; /* in their order; 0 is none */
    uint32_t *when;      /* of a node: its visit, 0 for none */
    uint32_t visits, early;
};

/* -------------------------------------------------------------------------------------------------------- the walk */

static uint32_t arrived(const struct walk *w, uint32_t node) {
    uint32_t n = 0;
    for (uint32_t e = tg__adjoint_of(w->wrong, node)->first; e; e = tg__event_of(w->twin, e)->next) n++;
    return n;
}

/* Sends to all operands at once, on the strength of what has arrived. */
static bool visit(struct walk *w, uint32_t node, uint32_t parent) {
    struct tg__adjoint *a = tg__adjoint_of(w->wrong, node);
    w->when[node] = ++w->visits;
    w->visit[w->visits] = (struct visit){.node = node, .read = arrived(w, node), .parent = parent};
    return tg__accumulate(w->twin, node, a) && tg__send(w->twin, w->wrong, node, a->node);
}

/* An operand that has got something, can pass it on, and has not been visited; 0: there is none left. */
static uint32_t next_operand(const struct walk *w, struct visit *v) {
    const struct tg__node *n = tg__node_of(w->twin, v->node);
    while (v->slot < n->operands) {
        const uint32_t operand = n->in[v->slot++];
        if (!w->when[operand] && tg__adjoint_of(w->wrong, operand) && !tg__is_leaf(tg__node_of(w->twin, operand)))
            return operand;
    }
    return 0;
}

/* The visits themselves are the stack: each knows which one to go back to. */
static bool depth_first(struct walk *w, uint32_t out) {
    uint32_t at = 1;
    if (tg__is_leaf(tg__node_of(w->twin, out))) return true;
    if (!visit(w, out, 0)) return false;
    while (at) {
        const uint32_t operand = next_operand(w, &w->visit[at]);
        if (operand && !visit(w, operand, at)) return false;
        at = operand ? w->visits : w->visit[at].parent;
    }
    for (uint32_t i = 1; i <= w->visits; i++) w->early += w->visit[i].read < arrived(w, w->visit[i].node);
    return true;
}

/* A leaf sends to nobody: all that arrives there is in its gradient. */
static bool sum_leaves(struct walk *w, uint32_t out) {
    for (uint32_t id = 1; id <= out; id++) {
        struct tg__adjoint *a = tg__adjoint_of(w->wrong, id);
        if (a && tg__is_leaf(tg__node_of(w->twin, id)) && !tg__accumulate(w->twin, id, a)) return false;
    }
    return true;
}

static bool sweep_both(struct walk *w, const struct tg__sweep *s, uint32_t seed) {
    const tg_node out = tg__handle(w->twin, s->out);
    w->right = tg__backward(out, tg__handle(w->twin, seed), s->bend, s->bends);
    w->wrong = w->right.id ? tg__sweep_new(w->twin, out.id) : NULL;
    if (!w->wrong) return false;
    w->wrong->bend = s->bend;
    w->wrong->bends = s->bends;
    return tg__deliver(w->twin, w->wrong, out.id, tg__handle(w->twin, seed), 0, 0) && depth_first(w, out.id) &&
           sum_leaves(w, out.id) && tg_run(w->twin) == TG_OK;
}

/* ------------------------------------------------------------------------------------------------------ the leaves */

struct leaf {
    uint32_t node;
    tg_difference d; /* ours: the right gradient, theirs: the wrong one */
};

static bool is_reached_leaf(const struct walk *w, uint32_t id) {
    return tg__is_leaf(tg__node_of(w->twin, id)) && tg__adjoint_of(w->wrong, id);
}

static bool compare_leaves(struct walk *w, uint32_t out, struct leaf *leaf) {
    for (uint32_t id = 1; id <= out; id++) {
        if (!is_reached_leaf(w, id)) continue;
        const tg_node right = tg_grad(w->right, tg__handle(w->twin, id));
        const tg_node wrong = tg__handle(w->twin, tg__adjoint_of(w->wrong, id)->node);
        const tg_array other = {"", TG_F64, tg_dims(wrong), tg_value(wrong)};
        leaf->node = id;
        if (tg_compare(right, other, 1e-12, NULL, &leaf->d)) return false;
        leaf++;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------- the tables */

static void name_cell(const struct walk *w, uint32_t id, char *cell, size_t room) {
    const tg_node a = tg__handle(w->g, id);
    char formula[160];
    if (tg_name(a)[0])
        tg__clean(tg_name(a), cell, room);
    else if (tg__is_leaf(tg__node_of(w->g, id)))
        tg__quote(w->g, id, cell, room);
    else
        tg_formula(a, formula, sizeof formula), tg__clean(formula, cell, room);
}

/* Whose terms came too late, and when. */
static void late_cell(const struct walk *w, const struct visit *v, char *cell) {
    uint32_t n = 0;
    size_t used = 0;
    char name[32];
    for (uint32_t e = tg__adjoint_of(w->wrong, v->node)->first; e; e = tg__event_of(w->twin, e)->next) {
        const uint32_t sender = tg__event_of(w->twin, e)->sender;
        if (n++ < v->read) continue;
        name_cell(w, sender, name, sizeof name);
        if (used + strlen(name) + sizeof ", visit 4294967295, …" > TG__CELL) {
            strcpy(cell + used, ", …");
            return;
        }
        used +=
            (size_t)snprintf(cell + used, TG__CELL - used, "%s%s (visit %u)", used ? ", " : "", name, w->when[sender]);
    }
}

/* Of a long tape only what was read too early. */
static void print_visits(const struct walk *w, struct tg__pen *pen) {
    struct tg__grid grid = {.pen = pen, .columns = 4, .right = 1};
    const bool all = w->visits <= ROWS;
    uint32_t shown = 0;
    for (int pass = 0; pass < 2; pass++) {
        grid.writing = pass == 1;
        tg__cells head = {"visit", "node", "terms read", "missing, for it is sent later"};
        tg__grid_head(&grid, head);
        shown = 0;
        for (uint32_t i = 1; i <= w->visits && shown < ROWS; i++) {
            const struct visit *v = &w->visit[i];
            const uint32_t due = arrived(w, v->node);
            if (!all && v->read == due) continue;
            tg__cells cells = {{0}};
            snprintf(cells[0], TG__CELL, "%u", i);
            name_cell(w, v->node, cells[1], 40);
            snprintf(cells[2], TG__CELL, "%u of %u", v->read, due);
            late_cell(w, v, cells[3]);
            tg__grid_row(&grid, cells);
            shown++;
        }
    }
    if (shown < w->visits) tg__say(pen, TG__PLAIN, "… of %u visits, %u of them too early\n", w->visits, w->early);
}

static void print_leaves(const struct walk *w, const struct leaf *leaf, size_t count, struct tg__pen *pen) {
    struct tg__grid grid = {.pen = pen, .columns = 6, .right = 1u << 2 | 1u << 3 | 1u << 4};
    for (int pass = 0; pass < 2; pass++) {
        grid.writing = pass == 1;
        tg__cells head = {"leaf", "element", "right", "wrong", "error / scale"};
        tg__grid_head(&grid, head);
        for (size_t i = 0; i < count && i < ROWS; i++) {
            const tg_difference *d = &leaf[i].d;
            tg__cells cells = {{0}};
            name_cell(w, leaf[i].node, cells[0], 40);
            if (tg__node_of(w->g, leaf[i].node)->shape->count) {
                snprintf(cells[1], TG__CELL, "[%zu]", d->index);
                tg__number_cell(cells[2], d->ours), tg__number_cell(cells[3], d->theirs);
                snprintf(cells[4], TG__CELL, "%.2g", d->parts ? d->error : 0);
                strcpy(cells[5], d->parts ? "wrong" : "");
            } else {
                strcpy(cells[1], "empty");
            }
            tg__grid_row(&grid, cells);
        }
    }
    if (count > ROWS) tg__say(pen, TG__PLAIN, "… of %zu leaves\n", count);
}

static void conclude(const struct walk *w, const struct leaf *leaf, size_t count, struct tg__pen *pen) {
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) wrong += leaf[i].d.parts;
    if (!w->early)
        tg__say(pen, TG__PLAIN,
                "Here depth first happens to be right: every node had all its terms when it was read.\n"
                "From the newest to the oldest, as the tape goes, that is so on every tape.\n");
    else if (!wrong)
        tg__say(pen, TG__PLAIN, "No leaf is wrong, though %u of %u nodes were read too early: what came late was 0.\n",
                w->early, w->visits);
    else
        tg__say(pen, TG__PLAIN,
                "Why topological order? A node must not pass its gradient on before the last term has arrived.\n"
                "Depth first read %u of %u nodes too early, and %zu of %zu leaves came out wrong. From the newest\n"
                "to the oldest, as the tape goes, whoever sends to a node comes before it.\n",
                w->early, w->visits, wrong, count);
}

static void print(const struct walk *w, const struct leaf *leaf, size_t count, struct tg__pen *pen) {
    print_visits(w, pen);
    tg__say(pen, TG__PLAIN, "\n");
    print_leaves(w, leaf, count, pen);
    tg__say(pen, TG__PLAIN, "\n");
    conclude(w, leaf, count, pen);
}

/* ---------------------------------------------------------------------------------------------------------- public */

static void walk_and_print(struct walk *w, const struct tg__sweep *s, uint32_t seed, FILE *file) {
    const size_t room = s->out + (size_t)2, visits = room * sizeof *w->visit, whens = room * sizeof *w->when;
    w->visit = tg__alloc(w->twin, visits);
    w->when = tg__alloc(w->twin, whens);
    if (w->when) memset(w->when, 0, whens);
    if (w->visit && w->when && sweep_both(w, s, seed)) {
        size_t count = 0;
        for (uint32_t id = 1; id <= s->out; id++) count += is_reached_leaf(w, id);
        struct leaf *leaf = tg__alloc(w->twin, count * sizeof *leaf);
        if (leaf && compare_leaves(w, s->out, leaf)) {
            struct tg__pen pen;
            tg__pen_open(&pen, file);
            print(w, leaf, count, &pen);
            tg__pen_close(&pen);
        }
        tg__release(w->twin, leaf, count * sizeof *leaf);
    }
    tg__release(w->twin, w->when, whens);
    tg__release(w->twin, w->visit, visits);
}

tg_status tg_print_wrong_order(tg_grads d, FILE *file) {
    static const char who[] = "print_wrong_order";
    tg_graph *g = d.graph;
    if (!g) return TG_HANDLE;
    tg__clear_run(g);
    if (g->error.status) return g->error.status;
    const struct tg__sweep *s = tg__sweep_get(d);
    if (!s)
        return tg__fail_run(g, TG_HANDLE, 0, "%s: the sweep is %s", who, d.id ? "stale: the tape was rewound" : "nil");
    const uint32_t seed = tg__event_of(g, tg__adjoint_of(s, s->out)->first)->term;
    struct walk w = {.g = g, .twin = tg__twin_of_sweep(g, s, seed, who)};
    if (!w.twin) return g->error.status;
    walk_and_print(&w, s, seed, file);
    return tg__twin_free(w.twin, g, who);
}
