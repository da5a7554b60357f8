/* What the function is given and gives, and what that is called. */
#include "ahead.h"

static void *zeros(tg_graph *g, size_t count, size_t size) {
    void *block = tg__alloc(g, (count + 1) * size);
    return block ? memset(block, 0, (count + 1) * size) : NULL;
}

static void give_back(tg_graph *g, void *block, size_t count, size_t size) {
    if (block) tg__release(g, block, (count + 1) * size);
}

bool tg__has_elements(const struct tg__ahead *a, uint32_t node) { return tg__node_of(a->g, node)->shape->count > 0; }

uint32_t tg__result_node(const struct tg__ahead *a, size_t i) {
    const tg_program *p = a->p;
    return i < p->outputs ? p->wanted[i] : tg__assign_of(a->g, (uint32_t)(i - p->outputs) + 1)->leaf;
}

void tg__put_result_member(struct tg__ahead *a, struct tg__sheet *s, size_t i) {
    tg__putf(s, i < a->p->outputs ? "out_->%s" : "next_->%s", tg__ident(&a->ports.part, tg__result_node(a, i)));
}

/* What the optimizer has computed is no node of the graph, and nobody could give it. */
bool tg__is_static(const struct tg__ahead *a, uint32_t leaf) {
    const struct tg__node *n = tg__node_of(a->small, leaf);
    if (n->op != &tg__op_const) return false;
    return n->shape->count <= TG__WRITTEN_OUT || a->p->small.origin[leaf] == 0;
}

/* ---------------------------------------------------------------------------------------------------- who is in it */

static void add_input(struct tg__ahead *a, uint32_t leaf) {
    const struct tg__item *x = tg__item_of(&a->fused, leaf);
    if (x->kind != TG__DATA || tg__is_static(a, leaf) || (!x->loaded && !a->ports.holder[leaf])) return;
    const uint32_t node = a->p->small.origin[leaf];
    a->ports.port[node] |= TG__IN;
    a->ports.leaf[node] = leaf;
}

static void add_result(struct tg__ahead *a, size_t i) {
    struct tg__ports *q = &a->ports;
    const uint32_t node = tg__result_node(a, i);
    const enum tg__port port = i < a->p->outputs ? TG__OUT : TG__NEXT;
    if (!tg__has_elements(a, node)) return;
    q->again[i] = q->port[node] & port;
    q->port[node] |= (unsigned char)port;
    uint32_t *holder = &q->holder[a->p->small.result[i]];
    if (!*holder) *holder = (uint32_t)i + 1;
}

/* A label is looked at before anything else, perhaps by nobody else. */
static void note_labels(struct tg__ahead *a) {
    struct tg__emit e;
    for (uint32_t id = 1; id <= a->fused.last; id++) {
        if (a->fused.item[id].kind != TG__MAP || !tg__kernel(a->small, id, &e) || !e.guard) continue;
        a->fused.item[e.node->in[1]].loaded = true;
        a->checks = true;
    }
}

static size_t nodes_of(const struct tg__ahead *a) { return a->ports.part.last + (size_t)1; }

static bool name(struct tg__ahead *a, const char *function) {
    struct tg__part *part = &a->ports.part;
    for (uint32_t id = 1; id <= part->last; id++) part->role[id] = a->ports.port[id] ? TG__FORWARD : TG__ABSENT;
    return tg__idents_new(part, function ? function : "network");
}

bool tg__ports_new(struct tg__ahead *a, const char *function) {
    struct tg__ports *q = &a->ports;
    q->part = (struct tg__part){.graph = a->g, .last = a->g->nodes.length - 1};
    q->part.bytes = nodes_of(a);
    q->part.role = zeros(a->g, q->part.bytes, 1);
    q->port = zeros(a->g, nodes_of(a), sizeof *q->port);
    q->leaf = zeros(a->g, nodes_of(a), sizeof *q->leaf);
    q->holder = zeros(a->g, a->p->length, sizeof *q->holder);
    q->again = zeros(a->g, a->p->count, sizeof *q->again);
    if (!q->part.role || !q->port || !q->leaf || !q->holder || !q->again) return false;
    note_labels(a);
    for (size_t i = 0; i < a->p->count; i++) add_result(a, i);
    for (uint32_t id = 1; id <= a->fused.last; id++) add_input(a, id);
    return name(a, function);
}

void tg__ports_free(struct tg__ahead *a) {
    struct tg__ports *q = &a->ports;
    tg__idents_free(&q->part);
    give_back(a->g, q->part.role, q->part.bytes, 1);
    give_back(a->g, q->port, nodes_of(a), sizeof *q->port);
    give_back(a->g, q->leaf, nodes_of(a), sizeof *q->leaf);
    give_back(a->g, q->holder, a->p->length, sizeof *q->holder);
    give_back(a->g, q->again, a->p->count, sizeof *q->again);
}
