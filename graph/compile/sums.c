/* The sums of a nest: which they are, and the names that their code has. */
#include "rows.h"

struct tg__anchor *tg__next_sum(const struct tg__source *s, int32_t *i) {
    while (*i != TG__NONE) {
        struct tg__anchor *a = tg__anchor_of(s->f, *i);
        *i = a->older;
        if (tg__item_of(s->f, a->node)->kind == TG__REDUCTION) return a;
    }
    return NULL;
}

const char *tg__anchor_type(const struct tg__source *s, const struct tg__anchor *a) {
    return tg__c_type((tg_dtype)tg__node_of(s->f->g, a->node)->dtype);
}

const char *tg__anchor_name(const struct tg__source *s, const struct tg__anchor *a) {
    return tg__ident(s->names, a->node);
}

/* name_sum_f32_, with which the names of its functions begin; alone it joins two numbers. */
void tg__put_reducer(struct tg__source *s, const struct tg__anchor *a) {
    const struct tg__node *n = tg__node_of(s->f->g, a->node);
    tg__putf(s->sheet, "%s_%s_%s_", s->name, n->op->name, tg__dtype_name((tg_dtype)n->dtype));
}

/* Columns are added up from the factors of their elements, where nothing else reads those. */
bool tg__adds_products(const struct tg__source *s, const struct tg__anchor *a) {
    const struct tg__item *x = tg__item_of(s->f, a->node);
    if (x->kind != TG__REDUCTION || x->contracts == TG__NONE || tg__term_of(s->f, s->nest, a->root)->array) return false;
    return s->nest->work == TG__BY_COLUMN ? tg__stages(s) == 0 : tg__adds_in_place(s, a);
}

/* The first, or the second factor of the elements. */
void tg__put_factor(struct tg__source *s, const struct tg__anchor *a, int which) {
    const struct tg__term *t = tg__term_of(s->f, s->nest, a->root);
    tg__put_term(s, t->in[t->in[which] == TG__NONE ? 0 : which]);
}

bool tg__takes_first(const struct tg__source *s, const struct tg__anchor *a) {
    struct tg__emit e;
    tg__kernel(s->f->g, a->node, &e);
    return e.first;
}
