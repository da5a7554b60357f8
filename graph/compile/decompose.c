/* Rows that are made of others, where one call of the C library can serve several of them: sigmoid(x), sigmoid(-x) and
 * silu(x) need one exponential. A first pass of the simplifier takes all of them apart to see what they have in common;
 * in the second only those stay apart that share their call. */
#include "builder.h"

enum { WORTH = 64 }; /* elements from which on a call costs more than the nodes that take its place */

static const struct tg__decomposition *decomposition_of(const struct tg_op *op) {
    for (const struct tg__decomposition *d = tg__decompositions; d->op; d++)
        if (d->op == op) return d;
    return NULL;
}

static bool can(const tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    return n->operands == 1 && n->shape->count >= WORTH && decomposition_of(n->op);
}

bool tg__can_decompose(const tg_graph *g) {
    for (uint32_t id = 1; id < g->nodes.length; id++)
        if (can(g, id)) return true;
    return false;
}

bool tg__shared_calls_open(struct tg__shared_calls *c, tg_graph *g) {
    *c = (struct tg__shared_calls){.g = g, .rows = g->nodes.length};
    c->apart = tg__alloc(g, c->rows);
    c->node = tg__alloc(g, c->rows * sizeof *c->node);
    c->call = tg__alloc(g, c->rows * sizeof *c->call);
    if (!c->apart || !c->node || !c->call) return false;
    memset(c->apart, 1, c->rows);
    memset(c->node, 0, c->rows * sizeof *c->node);
    memset(c->call, 0, c->rows * sizeof *c->call);
    return true;
}

void tg__shared_calls_close(struct tg__shared_calls *c) {
    if (!c->g) return;
    tg__release(c->g, c->apart, c->rows);
    tg__release(c->g, c->node, c->rows * sizeof *c->node);
    tg__release(c->g, c->call, c->rows * sizeof *c->call);
}

/* An even function of -x is one of x. */
static uint32_t without_sign(const tg_graph *g, const struct tg_op *op, uint32_t x) {
    const struct tg__node *n = tg__node_of(g, x);
    for (const struct tg__even *e = tg__evens; e->op; e++)
        if (e->op == op && e->neg == n->op) return n->in[0];
    return x;
}

static uint32_t built_step(struct tg__builder *b, const struct tg__step *s, uint32_t x, const uint32_t *step) {
    const tg_dtype dtype = (tg_dtype)tg__node_of(b->g, x)->dtype;
    uint32_t in[TG__OPERANDS] = {0};
    for (int i = 0; i < s->op->operands; i++) {
        const int from = s->in[i];
        in[i] = from == TG__X ? x : from == TG__NUMBER ? tg__built_number(b, dtype, s->number) : step[from];
        if (!in[i]) return 0;
    }
    in[0] = without_sign(b->g, s->op, in[0]);
    return tg__built_of(b, s->op, in, NULL, NULL);
}

bool tg__is_apart(const struct tg__shared_calls *c, uint32_t id) { return c && c->apart[id] && can(c->g, id); }

uint32_t tg__built_apart(struct tg__shared_calls *c, struct tg__builder *b, uint32_t id, uint32_t x) {
    const struct tg__decomposition *d = decomposition_of(tg__node_of(c->g, id)->op);
    uint32_t step[TG__STEPS] = {0}, z = 0;
    for (int k = 0; k < d->steps; k++) {
        z = step[k] = built_step(b, &d->step[k], x, step);
        if (!z) return 0;
        if (d->step[k].op->transcendent && !c->call[id]) c->call[id] = z;
    }
    return c->node[id] = z;
}

void tg__note_call(struct tg__shared_calls *c, uint32_t id, uint32_t node) {
    if (c && !c->node[id] && tg__node_of(c->g, id)->op->transcendent) c->node[id] = c->call[id] = node;
}

/* uses: by node of the new tape. Equal rows are one, and share nothing with one another. */
static void count_calls(const struct tg__shared_calls *c, unsigned char *uses, unsigned char *seen) {
    for (uint32_t id = 1; id < c->rows; id++) {
        if (!c->node[id] || seen[c->node[id]]) continue;
        seen[c->node[id]] = 1;
        if (uses[c->call[id]] < 2) uses[c->call[id]]++;
    }
}

bool tg__choose_shared_calls(struct tg__shared_calls *c, bool *again) {
    size_t built = 1;
    for (uint32_t id = 1; id < c->rows; id++)
        if (c->node[id] >= built) built = (size_t)c->node[id] + 1;
    unsigned char *uses = tg__alloc(c->g, built), *seen = tg__alloc(c->g, built);
    const bool done = uses && seen;
    *again = false;
    if (done) {
        memset(uses, 0, built);
        memset(seen, 0, built);
        count_calls(c, uses, seen);
        for (uint32_t id = 1; id < c->rows; id++) {
            const bool apart = c->node[id] && can(c->g, id);
            c->apart[id] = apart && uses[c->call[id]] > 1;
            *again |= apart && !c->apart[id];
        }
        memset(c->node, 0, c->rows * sizeof *c->node);
        memset(c->call, 0, c->rows * sizeof *c->call);
    }
    tg__release(c->g, uses, built);
    tg__release(c->g, seen, built);
    return done;
}
