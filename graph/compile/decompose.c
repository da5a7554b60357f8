/* Rows that can be decomposed so that they share a call of the C library: sigmoid(x), sigmoid(-x) and silu(x) need one
 * exponential. A first pass of the simplifier decomposes every such row to see which calls they have in common; a second
 * one decomposes only those that share theirs. */
#include "builder.h"

enum { WORTH = 64 }; /* elements from which on a call costs more than the nodes that replace it */

static bool can(const tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    return n->operands == 1 && n->shape->count >= WORTH && tg__decomposition_of(n->op);
}

bool tg__can_decompose(const tg_graph *g) {
    for (uint32_t id = 1; id < g->nodes.length; id++)
        if (can(g, id)) return true;
    return false;
}

static void forget(struct tg__shared_calls *c) {
    memset(c->node, 0, c->rows * sizeof *c->node);
    memset(c->call, 0, c->rows * sizeof *c->call);
}

bool tg__shared_calls_open(struct tg__shared_calls *c, tg_graph *g) {
    *c = (struct tg__shared_calls){.g = g, .rows = g->nodes.length};
    c->decomposed = tg__alloc(g, c->rows);
    c->node = tg__alloc(g, c->rows * sizeof *c->node);
    c->call = tg__alloc(g, c->rows * sizeof *c->call);
    if (!c->decomposed || !c->node || !c->call) return false;
    memset(c->decomposed, 1, c->rows);
    forget(c);
    return true;
}

void tg__shared_calls_close(struct tg__shared_calls *c) {
    tg__release(c->g, c->decomposed, c->rows);
    tg__release(c->g, c->node, c->rows * sizeof *c->node);
    tg__release(c->g, c->call, c->rows * sizeof *c->call);
}

/* ---------------------------------------------------------------------------------------------------- building a row */

static uint32_t built_part(struct tg__builder *b, const struct tg__part_of_row *p, uint32_t x, const uint32_t *part) {
    const tg_dtype dtype = (tg_dtype)tg__node_of(b->g, x)->dtype;
    uint32_t in[TG__OPERANDS] = {0};
    for (int i = 0; i < p->op->operands; i++) {
        const int from = p->in[i];
        in[i] = from == TG__X ? x : from == TG__NUMBER ? tg__built_number(b, dtype, p->number) : part[from];
        if (!in[i]) return 0;
    }
    const struct tg__node *first = tg__node_of(b->g, in[0]);
    if (tg__is_even(p->op) && first->op == tg__notation.neg) in[0] = first->in[0];
    return tg__built_of(b, p->op, in, NULL, NULL);
}

bool tg__is_decomposed(const struct tg__shared_calls *c, uint32_t id) {
    return c && c->decomposed[id] && can(c->g, id);
}

uint32_t tg__built_decomposed(struct tg__shared_calls *c, struct tg__builder *b, uint32_t id, uint32_t x) {
    const struct tg__decomposition *d = tg__decomposition_of(tg__node_of(c->g, id)->op);
    uint32_t part[TG__PARTS] = {0}, z = 0;
    for (int k = 0; k < d->parts; k++) {
        z = part[k] = built_part(b, &d->part[k], x, part);
        if (!z) return 0;
        if (d->part[k].op->transcendent && !c->call[id]) c->call[id] = z;
    }
    return c->node[id] = z;
}

void tg__note_call(struct tg__shared_calls *c, uint32_t id, uint32_t node) {
    if (c && tg__node_of(c->g, id)->op->transcendent) c->node[id] = c->call[id] = node;
}

/* ---------------------------------------------------------------------------------------------------------- choosing */

/* uses: by node of the new tape. Equal rows are one node, and share nothing with one another. */
static void count_calls(const struct tg__shared_calls *c, unsigned char *uses, unsigned char *seen) {
    for (uint32_t id = 1; id < c->rows; id++) {
        if (!c->node[id] || seen[c->node[id]]) continue;
        seen[c->node[id]] = 1;
        if (uses[c->call[id]] < 2) uses[c->call[id]]++;
    }
}

bool tg__choose_shared_calls(struct tg__shared_calls *c, bool *again) {
    size_t built = 1; /* nodes of the new tape, as far as they matter */
    for (uint32_t id = 1; id < c->rows; id++)
        if (c->node[id] >= built) built = (size_t)c->node[id] + 1;
    unsigned char *uses = tg__alloc(c->g, 2 * built);
    *again = false;
    if (!uses) return false;
    memset(uses, 0, 2 * built);
    count_calls(c, uses, uses + built);
    for (uint32_t id = 1; id < c->rows; id++) {
        if (!c->node[id] || !can(c->g, id)) continue;
        c->decomposed[id] = uses[c->call[id]] > 1;
        *again |= !c->decomposed[id];
    }
    tg__release(c->g, uses, 2 * built);
    forget(c);
    return true;
}
