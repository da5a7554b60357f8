/* What need not be copied: a function of the library writes where its result is stored, and a stream is summed from
 * where its numbers lie. */
#include "source.h"

static const struct tg__term *term(const struct tg__source *s, int i) { return tg__term_of(s->f, s->nest, i); }

static bool has_labels(const struct tg__source *s, const struct tg__term *t) {
    for (int axis = 0; axis < tg__node_of(s->f->g, t->node)->shape->dims.rank; axis++)
        if (t->at[axis].label != TG__NONE) return true;
    return false;
}

static bool is_dense(const struct tg__source *s, const struct tg__term *t) {
    const int last = s->loops.count - 1;
    if (last < 0 || tg__stride(s->f, s->nest, t, s->loops.last[last]) != 1 || !tg__is_steady(s, t, last)) return false;
    if (s->block == 1) return true;
    if (has_labels(s, t)) return false; /* the labels are read row by row */
    const int row = tg__row_loop(s);
    return tg__item_of(s->f, t->node)->local != TG__NONE ||
           tg__stride(s->f, s->nest, t, s->loops.last[row]) == s->loops.extent[last];
}

/* A function of the library writes straight into the array that its result is stored in. */
bool tg__is_in_place(const struct tg__source *s, const struct tg__anchor *a) {
    const struct tg__item *x = tg__item_of(s->f, a->node);
    const struct tg__term *t = term(s, a->root);
    if (x->kind != TG__MAP || x->inside || !tg__is_call(s, t) || !tg__varies(s, t)) return false;
    return is_dense(s, t) && !tg__is_around(s, a);
}

/* An anchor of the nest that stores a term where it can be read again. */
static const struct tg__anchor *stored_as(const struct tg__source *s, int root) {
    for (int32_t i = s->nest->newest; i != TG__NONE && s->block == 1; i = tg__anchor_of(s->f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(s->f, i);
        const struct tg__item *x = tg__item_of(s->f, a->node);
        if (a->root != root || x->kind != TG__MAP || x->inside || tg__is_around(s, a)) continue;
        if (is_dense(s, term(s, root))) return a;
    }
    return NULL;
}

/* The numbers of a stream lie in memory or in a buffer, one behind the other. */
bool tg__lies(const struct tg__source *s, const struct tg__anchor *a) {
    const struct tg__term *t = term(s, a->root);
    if (!tg__varies(s, t)) return false;
    return t->array ? is_dense(s, t) : tg__is_call(s, t) || stored_as(s, a->root) != NULL;
}

bool tg__is_elsewhere(const struct tg__source *s, const struct tg__anchor *a) {
    if (tg__item_of(s->f, a->node)->kind == TG__REDUCTION)
        return s->lies && tg__lies(s, a) && a->reduced >> (s->nest->loops - 1) & 1;
    return tg__is_in_place(s, a);
}

/* Opens a scope in which the variables of loops say where the strip begins. */
static void put_start(struct tg__source *s) {
    const int row = s->place ? tg__row_loop(s) : TG__NONE;
    tg__putf(s->sheet, "; { const size_t %s = j0_; ", tg__variable(s->loops.count - 1));
    if (row != TG__NONE) tg__putf(s->sheet, "const size_t %s = block_; ", tg__variable(row));
}

void tg__put_source(struct tg__source *s, const struct tg__anchor *a) {
    const struct tg__term *t = term(s, a->root);
    if (tg__is_call(s, t)) {
        tg__put_buffer(s, a->root);
        return;
    }
    tg__putf(s->sheet, "%s_x_", tg__ident(s->names, a->node));
}

void tg__put_pointers(struct tg__source *s) {
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(s->f, i);
        const struct tg__term *t = term(s, a->root);
        const char *type = tg__c_type((tg_dtype)tg__node_of(s->f->g, t->node)->dtype);
        const bool sum = tg__item_of(s->f, a->node)->kind == TG__REDUCTION;
        if (!tg__is_elsewhere(s, a) || (sum && tg__is_call(s, t))) continue;
        const struct tg__anchor *stored = sum && !t->array ? stored_as(s, a->root) : NULL;
        tg__line(s, sum ? "const %s *%s_x_" : "%s *", type, tg__ident(s->names, a->node));
        if (!sum) tg__put_buffer(s, a->root);
        put_start(s);
        if (sum)
            tg__putf(s->sheet, "%s_x_", tg__ident(s->names, a->node));
        else
            tg__put_buffer(s, a->root);
        tg__put(s->sheet, " = &");
        tg__put_array_at(s, stored ? stored->node : sum ? t->array : a->node, t);
        tg__put(s->sheet, "; }\n");
    }
}

bool tg__has_own_buffer(const struct tg__source *s, int i) {
    for (int32_t k = s->nest->newest; k != TG__NONE; k = tg__anchor_of(s->f, k)->older)
        if (tg__anchor_of(s->f, k)->root == i && tg__is_in_place(s, tg__anchor_of(s->f, k))) return false;
    return true;
}
