/* Where values lie that are neither data nor results: in one work space, from the group that makes them to the last
 * that reads them. */
#include "nest.h"

enum { ALIGNED = 64 };

struct span {
    size_t from, to; /* bytes */
    int32_t last;    /* the group after which it is free */
};

struct plan {
    struct tg__fused *f;
    int32_t *last;     /* by node: the last group that reads it */
    struct span *live; /* by place */
    size_t spans, room;
};

static size_t round_up(size_t bytes) { return (bytes + ALIGNED - 1) / ALIGNED * ALIGNED; }

static bool needs_room(const struct tg__item *x) {
    return x->stored && !x->wanted && !x->inside && x->local == TG__NONE;
}

static void note(struct plan *p, uint32_t node, int32_t group) {
    node = tg__base_of(p->f, node);
    if (p->last[node] < group) p->last[node] = group;
}

static void note_reads(struct plan *p, const struct tg__nest *n) {
    if (n->work == TG__BY_KERNEL) {
        const struct tg__node *node = tg__node_of(p->f->g, tg__anchor_of(p->f, n->newest)->node);
        for (int k = 0; k < node->operands; k++) note(p, node->in[k], n->group);
        return;
    }
    for (int i = 0; i < (int)n->terms; i++)
        if (tg__term_of(p->f, n, i)->array) note(p, tg__term_of(p->f, n, i)->array, n->group);
}

static void free_before(struct plan *p, int32_t group) {
    size_t left = 0;
    for (size_t i = 0; i < p->spans; i++)
        if (p->live[i].last >= group) p->live[left++] = p->live[i];
    p->spans = left;
}

/* The first gap that is large enough. */
static size_t take(struct plan *p, size_t bytes, int32_t last) {
    size_t at = 0, i = 0;
    bytes = round_up(bytes);
    for (; i < p->spans && p->live[i].from < at + bytes; i++) at = p->live[i].to;
    memmove(p->live + i + 1, p->live + i, (p->spans - i) * sizeof *p->live);
    p->live[i] = (struct span){at, at + bytes, last};
    p->spans++;
    if (p->f->work < at + bytes) p->f->work = at + bytes;
    return at;
}

static void place_group(struct plan *p, int32_t number, size_t scratch) {
    struct tg__fused *f = p->f;
    struct tg__group *g = tg__row(&f->groups, (uint32_t)number);
    free_before(p, number);
    g->scratch = take(p, scratch, number);
    for (uint32_t k = 0; k < g->nests; k++) {
        const struct tg__nest *n = tg__nest_of(f, *(int32_t *)tg__row(&f->order, g->nest + k));
        for (int32_t i = n->newest; i != TG__NONE; i = tg__anchor_of(f, i)->older) {
            const uint32_t node = tg__anchor_of(f, i)->node;
            if (!needs_room(&f->item[node])) continue;
            const int32_t last = p->last[node] < number ? number : p->last[node];
            f->item[node].offset = take(p, tg__bytes(tg__node_of(f->g, node)), last);
        }
    }
}

bool tg__plan(struct tg__fused *f, const size_t *scratch) {
    struct plan p = {.f = f, .room = f->anchors.length + f->groups.length + (size_t)1};
    const size_t nodes = (f->last + (size_t)1) * sizeof *p.last, spans = p.room * sizeof *p.live;
    p.last = tg__alloc(f->g, nodes);
    p.live = p.last ? tg__alloc(f->g, spans) : NULL;
    if (p.live) {
        memset(p.last, 0xff, nodes); /* TG__NONE */
        for (uint32_t i = 0; i < f->nests.length; i++) note_reads(&p, tg__nest_of(f, (int32_t)i));
        for (uint32_t i = 0; i < f->groups.length; i++) place_group(&p, (int32_t)i, scratch[i]);
        tg__release(f->g, p.live, spans);
    }
    if (p.last) tg__release(f->g, p.last, nodes);
    return p.live != NULL;
}
