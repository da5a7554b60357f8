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
