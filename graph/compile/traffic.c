/* What it moves to run a tape node by node: every node is a nest that reads its operands and writes its value. A view
 * has its operand's memory and costs nothing. */
#include "program.h"

enum { COMPUTED = 1, OUTPUT = 2, GIVEN = 4 };

static bool costs(const struct tg__node *n, unsigned char mark) {
    return (mark & COMPUTED) && !(mark & GIVEN) && !tg__is_leaf(n) && !n->op->view;
}

/* Operands that are one array are read once. */
static double read_by(const tg_graph *g, const struct tg__node *n, size_t *largest) {
    uint32_t seen[TG__OPERANDS];
    double bytes = 0;
    for (int i = 0; i < n->operands; i++) {
        bool again = false;
        seen[i] = n->in[i];
        while (tg__node_of(g, seen[i])->op->view) seen[i] = tg__node_of(g, seen[i])->in[0];
        for (int k = 0; k < i; k++) again |= seen[k] == seen[i];
        const struct tg__node *x = tg__node_of(g, seen[i]);
        if (x->shape->count > *largest) *largest = x->shape->count;
        if (!again) bytes += (double)tg__bytes(x);
    }
    return bytes;
}

static void measure(const tg_graph *g, const unsigned char *mark, uint32_t length, tg_traffic *t) {
    size_t most = 0;
    *t = (tg_traffic){0};
    for (uint32_t id = 1; id < length; id++) {
        const struct tg__node *n = tg__node_of(g, id);
        size_t largest = n->shape->count;
        if (!costs(n, mark[id])) continue;
        t->nests++;
        t->read += read_by(g, n, &largest);
        t->written += (double)tg__bytes(n);
        t->passes = largest > most ? 1 : t->passes + (largest == most);
        if (largest > most) most = largest;
        if (!(mark[id] & OUTPUT)) t->peak += tg__bytes(n);
    }
}

/* From the newest to the oldest: what is computed needs its operands. */
static void mark_needed(const tg_graph *g, unsigned char *mark, uint32_t length) {
    for (uint32_t id = length - 1; id > 0; id--) {
        const struct tg__node *n = tg__node_of(g, id);
        for (int i = 0; (mark[id] & COMPUTED) && !(mark[id] & GIVEN) && i < n->operands; i++)
            mark[n->in[i]] |= COMPUTED;
    }
}

static bool count(tg_graph *g, const tg_graph *of, const tg_program *p, uint32_t length, tg_traffic *t) {
    const bool small = of != p->graph;
    const uint32_t *output = small ? p->small.result : p->wanted;
    unsigned char *mark = tg__alloc(g, length);
    if (!mark) return false;
    memset(mark, 0, length);
    for (size_t i = 0; i < p->count; i++) mark[output[i]] |= COMPUTED | OUTPUT;
    for (size_t i = 0; i < p->givens && !small; i++)
        if (p->given[i] < length) mark[p->given[i]] |= GIVEN;
    mark_needed(of, mark, length);
    measure(of, mark, length, t);
    tg__release(g, mark, length);
    return true;
}

bool tg__traffic(tg_program *p) {
    const tg_graph *small = p->small.graph;
    p->stats.tape_nodes = p->small.nodes;
    for (uint32_t id = 1; id < p->length; id++) p->stats.nodes += !tg__is_leaf(tg__node_of(small, id));
    return count(p->graph, p->graph, p, p->newest.id + 1, &p->stats.staged) &&
           count(p->graph, small, p, p->length, &p->stats.fused);
}
