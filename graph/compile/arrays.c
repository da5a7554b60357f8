/* The arrays that a function of a group is handed: what its nests read, each once, then what they make. */
#include "source.h"

struct list {
    struct tg__source *s;
    bool declare, row;    /* row: for the function of a few rows, which leaves sums to its caller */
    uint32_t nest, nests; /* whose arrays, in the order of nests */
    int count;
};

static const struct tg__nest *nest_at(const struct list *l, uint32_t i) {
    return tg__nest_of(l->s->f, *(const int32_t *)tg__row(&l->s->f->order, l->nest + i));
}

static bool makes(const struct list *l, uint32_t node) {
    const struct tg__item *x = tg__item_of(l->s->f, node);
    if (x->anchor == TG__NONE) return false;
    const int32_t made = tg__anchor_of(l->s->f, x->anchor)->nest;
    for (uint32_t i = 0; i < l->nests; i++)
        if (*(const int32_t *)tg__row(&l->s->f->order, l->nest + i) == made) return true;
    return false;
}

static void put_one(struct list *l, uint32_t node, bool written) {
    struct tg__source *s = l->s;
    if (l->count++) tg__put(s->sheet, ", ");
    if (l->declare)
        tg__putf(s->sheet, written ? "%s *restrict " : "const %s *restrict ",
                 tg__c_type((tg_dtype)tg__node_of(s->f->g, node)->dtype));
    tg__put(s->sheet, tg__ident(s->names, node));
}

/* What is read comes first, each once, in the order of the tape; then what is made. */
static void put_word(struct list *l, const char *type, const char *name) {
    if (l->count++) tg__put(l->s->sheet, ", ");
    if (l->declare) tg__put(l->s->sheet, type);
    tg__put(l->s->sheet, name);
}

static bool is_listed(const struct list *l, const struct tg__anchor *a) {
    const struct tg__item *x = tg__item_of(l->s->f, a->node);
    return !x->inside && x->local == TG__NONE && !(l->row && x->kind == TG__REDUCTION);
}

static void put_scratch(struct list *l, const struct tg__group *g) {
    char text[40];
    if (g->own == 0) return;
    snprintf(text, sizeof text, "work_ + %zu", g->scratch);
    put_word(l, "char *", l->declare ? "scratch_" : text);
}

static void put_list(struct list *l) {
    const struct tg__fused *f = l->s->f;
    if (l->s->blocks) put_word(l, "loop_t_ *const *", "loop_");
    for (uint32_t i = 0; i < l->nests; i++) {
        const struct tg__nest *n = nest_at(l, i);
        for (int k = 0; k < (int)n->terms; k++) {
            const uint32_t node = tg__term_of(f, n, k)->array;
            bool seen = node == 0 || !tg__term_of(f, n, k)->used || makes(l, node) || f->item[node].local != TG__NONE;
            for (uint32_t j = 0; j <= i && !seen; j++)
                for (int m = 0; m < (j < i ? (int)nest_at(l, j)->terms : k) && !seen; m++) {
                    const struct tg__term *t = tg__term_of(f, nest_at(l, j), m);
                    seen = t->array == node && t->used;
                }
            if (!seen) put_one(l, node, false);
        }
    }
    for (uint32_t i = 0; i < l->nests; i++)
        for (int32_t k = nest_at(l, i)->newest; k != TG__NONE; k = tg__anchor_of(f, k)->older)
            if (is_listed(l, tg__anchor_of(f, k))) put_one(l, tg__anchor_of(f, k)->node, true);
    if (l->declare && l->count == 0) tg__put(l->s->sheet, "void");
}

void tg__put_arrays(struct tg__source *s, bool declare) {
    const struct tg__group *g = tg__row(&s->f->groups, (uint32_t)s->nest->group);
    struct list l = {.s = s, .declare = declare, .nest = g->nest, .nests = g->nests};
    put_scratch(&l, g);
    put_list(&l);
}

void tg__put_row_arrays(struct tg__source *s, bool declare) {
    const struct tg__group *g = tg__row(&s->f->groups, (uint32_t)s->nest->group);
    struct list l = {.s = s, .declare = declare, .row = true, .nest = g->nest, .nests = g->nests, .count = 1};
    put_list(&l);
}
