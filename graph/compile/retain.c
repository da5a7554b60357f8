/* What a group keeps from one of its nests for another: what is dear to compute and would be computed again; and what
 * nobody else reads has room for a single row. */
#include "nest.h"

enum { DEAR = 8 };

static struct tg__nest *nest_at(const struct tg__fused *f, const struct tg__group *g, uint32_t i) {
    return tg__nest_of(f, *(const int32_t *)tg__row(&f->order, g->nest + i));
}

/* The term that computes a node at the very element of its nest. */
static const struct tg__term *computes(const struct tg__fused *f, const struct tg__nest *n, uint32_t node) {
    for (int i = 0; i < (int)n->terms; i++) {
        const struct tg__term *t = tg__term_of(f, n, i);
        if (t->node == node && !t->array) return tg__is_same_element(f, t, n->loops) ? t : NULL;
    }
    return NULL;
}

static bool is_computed_again(const struct tg__fused *f, const struct tg__group *g, uint32_t from, uint32_t node) {
    for (uint32_t i = from + 1; i < g->nests; i++)
        if (computes(f, nest_at(f, g, i), node)) return true;
    return false;
}

static bool keep(struct tg__fused *f, const struct tg__group *g, uint32_t from, uint32_t node) {
    const int32_t nest = *(const int32_t *)tg__row(&f->order, g->nest + from);
    struct tg__nest *n = tg__nest_of(f, nest);
    struct tg__anchor *a = tg__push(f->g, &f->anchors);
    if (!a) return false;
    *a = (struct tg__anchor){.node = node, .nest = nest, .older = n->newest};
    n->newest = f->item[node].anchor = (int32_t)f->anchors.length - 1;
    n->anchors++;
    f->item[node].stored = true;
    return true;
}

static bool keep_dear(struct tg__fused *f, const struct tg__group *g, bool *any) {
    for (uint32_t i = 0; i + 1 < g->nests; i++) {
        const struct tg__nest *n = nest_at(f, g, i);
        for (int k = 0; k < (int)n->terms; k++) {
            const struct tg__term *t = tg__term_of(f, n, k);
            const struct tg__item *x = &f->item[t->node];
            if (t->array || t->numeral || x->stored || x->uniform || x->cost < DEAR) continue;
            if (!computes(f, n, t->node) || !is_computed_again(f, g, i, t->node)) continue;
            if (!keep(f, g, i, t->node)) return false;
            *any = true;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------------- room for a single row */

static void note_reader(struct tg__fused *f, uint32_t node, int32_t group) {
    const int32_t maker = f->item[node].anchor;
    f->item[node].loaded = true;
    if (maker != TG__NONE && tg__nest_of(f, tg__anchor_of(f, maker)->nest)->group != group) f->item[node].shared = true;
}

static void note_readers(struct tg__fused *f, const struct tg__nest *n) {
    if (n->work == TG__BY_KERNEL) {
        const struct tg__node *node = tg__node_of(f->g, tg__anchor_of(f, n->newest)->node);
        for (int k = 0; k < node->operands; k++) note_reader(f, tg__base_of(f, node->in[k]), n->group);
    }
    for (int i = 0; i < (int)n->terms; i++) {
        const struct tg__term *t = tg__term_of(f, n, i);
        if (t->array && t->used) note_reader(f, t->array, n->group);
        if (t->array && t->array != t->node) f->item[t->array].shared = true;
    }
}

static void shrink(struct tg__fused *f, const struct tg__group *g, int32_t number) {
    for (uint32_t i = 0; i < g->nests && g->nests > 1; i++)
        for (int32_t k = nest_at(f, g, i)->newest; k != TG__NONE; k = tg__anchor_of(f, k)->older) {
            struct tg__item *x = &f->item[tg__anchor_of(f, k)->node];
            if (x->kind == TG__MAP && !x->wanted && !x->inside && !x->shared && nest_at(f, g, i)->loops > g->rows)
                x->local = number;
        }
}

bool tg__retain(struct tg__fused *f, bool (*set_terms)(struct tg__fused *f, int32_t nest)) {
    for (uint32_t i = 0; i < f->groups.length; i++) {
        const struct tg__group *g = tg__row(&f->groups, i);
        bool any = false;
        if (g->nests > 1 && !keep_dear(f, g, &any)) return false;
        for (uint32_t k = 0; any && k < g->nests; k++)
            if (!set_terms(f, *(const int32_t *)tg__row(&f->order, g->nest + k))) return false;
    }
    for (uint32_t i = 0; i < f->nests.length; i++) note_readers(f, tg__nest_of(f, (int32_t)i));
    for (uint32_t i = 0; i < f->groups.length; i++) shrink(f, tg__row(&f->groups, i), (int32_t)i);
    return true;
}
