/* A large result that nobody reads again goes past the caches: it would push out what is needed, and be read before it
 * is written. Strips of it wait in a buffer. */
#include "source.h"

/* Only in strips, which put it away in the end. */
bool tg__is_around(const struct tg__source *s, const struct tg__anchor *a) {
    const struct tg__item *x = tg__item_of(s->f, a->node);
    const struct tg__node *n = tg__node_of(s->f->g, a->node);
    const int last = s->loops.count - 1;
    if (!s->blocks || s->block > 1 || x->kind == TG__REDUCTION || !x->wanted || x->loaded) return false;
    if (n->dtype == TG_I32 || tg__bytes(n) < TG__AROUND || last < 0 || s->loops.extent[last] < 64) return false;
    if (s->nest->work == TG__BY_COLUMN || (s->loops.members[last] & s->nest->rows)) return false;
    return tg__stride(s->f, s->nest, tg__term_of(s->f, s->nest, a->root), s->loops.last[last]) == 1;
}

static const struct tg__anchor *next(const struct tg__source *s, int32_t *i) {
    while (*i != TG__NONE) {
        const struct tg__anchor *a = tg__anchor_of(s->f, *i);
        *i = a->older;
        if (tg__is_around(s, a)) return a;
    }
    return NULL;
}

bool tg__goes_around(const struct tg__source *s) {
    int32_t at = s->nest->newest;
    return next(s, &at) != NULL;
}

static tg_dtype dtype_of(const struct tg__source *s, const struct tg__anchor *a) {
    return (tg_dtype)tg__node_of(s->f->g, a->node)->dtype;
}

void tg__put_around_buffers(struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = next(s, &at));) {
        tg__line(s, "%s %s_o_", tg__c_type(dtype_of(s, a)), tg__ident(s->names, a->node));
        tg__put_room(s, dtype_of(s, a), s->strip);
        tg__put(s->sheet, ";\n");
    }
}

void tg__put_around(struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = next(s, &at));) {
        tg__line(s, "{ const size_t %s = j0_; stream_%s_(&", tg__variable(s->loops.count - 1),
                 tg__dtype_name(dtype_of(s, a)));
        tg__put_array_at(s, a->node, tg__term_of(s->f, s->nest, a->root));
        tg__putf(s->sheet, ", %s_o_, w_); }\n", tg__ident(s->names, a->node));
    }
}

/* -------------------------------------------------------------------------------------------------- from far away
 * Where a row is made of pieces, the next one lies where no prefetcher looks: it is asked for in time. */

static bool is_read_before(const struct tg__source *s, uint32_t array) {
    const struct tg__group *g = tg__row(&s->f->groups, (uint32_t)s->nest->group);
    for (uint32_t i = 0; i < g->nests; i++) {
        const int32_t nest = *(const int32_t *)tg__row(&s->f->order, g->nest + i);
        if (nest == s->number) return false;
        for (int k = 0; k < (int)tg__nest_of(s->f, nest)->terms; k++)
            if (tg__term_of(s->f, tg__nest_of(s->f, nest), k)->array == array) return true;
    }
    return false;
}

void tg__put_fetches(struct tg__source *s) {
    const int last = s->loops.count - 1, before = last - 1;
    if (!s->blocks || before < 0 || ((s->loops.members[before] | s->loops.members[last]) & s->nest->rows)) return;
    for (int i = 0; i < (int)s->nest->terms; i++) {
        const struct tg__term *t = tg__term_of(s->f, s->nest, i);
        if (!t->array || !t->used || s->f->item[t->array].kind != TG__DATA || is_read_before(s, t->array)) continue;
        const int64_t step = tg__stride(s->f, s->nest, t, s->loops.last[before]);
        if (tg__stride(s->f, s->nest, t, s->loops.last[last]) != 1 || step <= s->loops.extent[last]) continue;
        if (!tg__is_steady(s, t, last)) continue; /* the label is read inside the loop only */
        tg__line(s, "for (size_t j_ = 0; j_ < w_; j_ += 64 / sizeof *%s) {\n", tg__ident(s->names, t->array));
        tg__line(s, "    const size_t %s = j0_ + j_;\n", tg__variable(last));
        tg__line(s, "    FETCH_(&");
        tg__put_array_at(s, t->array, t);
        tg__putf(s->sheet, ", %lld);\n", (long long)step);
        tg__line(s, "}\n");
    }
}

/* One element, to its place or to the buffer. */
void tg__put_store(struct tg__source *s, const struct tg__anchor *a) {
    tg__line(s, "%s", "");
    if (tg__is_around(s, a))
        tg__putf(s->sheet, "%s_o_[j_]", tg__ident(s->names, a->node));
    else
        tg__put_array_at(s, a->node, tg__term_of(s->f, s->nest, a->root));
    tg__put(s->sheet, " = ");
    tg__put_term(s, a->root);
    tg__put(s->sheet, ";\n");
}
