/* Anchors: what has to be made, what each reads, and how early and how late it can be made. */
#include "nest.h"

/* ------------------------------------------------------------------------------------------------- what each reads */

bool tg__is_same_element(const struct tg__fused *f, const struct tg__term *t, int loops) {
    const tg_shape *dims = &tg__node_of(f->g, t->node)->shape->dims;
    int loop = 0;
    for (int axis = 0; axis < dims->rank; axis++) {
        if (dims->dim[axis] == 1) continue;
        const struct tg__index i = t->at[axis];
        if (i.loop != loop || i.from != 0 || i.by != 1) return false;
        loop++;
    }
    return loop == loops;
}

static bool note_read(struct tg__fused *f, struct tg__anchor *a, uint32_t node, bool apart, bool big) {
    for (uint32_t i = 0; i < a->reads; i++) {
        struct tg__read *r = tg__row(&f->reads, a->read + i);
        if (r->node != node) continue;
        r->apart |= apart;
        return true;
    }
    struct tg__read *r = tg__push(f->g, &f->reads);
    if (!r) return false;
    *r = (struct tg__read){node, apart, big};
    a->reads++;
    return true;
}

static size_t points(const struct tg__nest *n) {
    size_t count = 1;
    for (int i = 0; i < n->loops; i++) count *= (size_t)n->extent[i];
    return count;
}

void tg__loops_of(const struct tg__fused *f, const struct tg__anchor *a, struct tg__nest *n) {
    const struct tg__node *node = tg__node_of(f->g, a->node);
    if (f->item[a->node].kind == TG__REDUCTION) node = tg__node_of(f->g, node->in[0]);
    const tg_shape *dims = &node->shape->dims;
    n->loops = 0;
    for (int axis = 0; axis < dims->rank; axis++)
        if (dims->dim[axis] != 1) n->extent[n->loops++] = dims->dim[axis];
}

static bool reads_of_nest(struct tg__fused *f, int32_t number, struct tg__anchor *a) {
    struct tg__nest alone = {.newest = number};
    const uint32_t terms = f->terms.length;
    tg__loops_of(f, a, &alone);
    a->nest = TG__ALONE;
    bool ok = tg__terms(f, &alone, TG__ALONE);
    a->nest = TG__NONE;
    for (int i = 0; ok && i < (int)alone.terms; i++) {
        const struct tg__term *t = tg__term_of(f, &alone, i);
        if (!t->array) continue;
        const struct tg__item *x = &f->item[t->array];
        const bool apart = x->kind != TG__MAP || t->array != t->node || !tg__is_same_element(f, t, alone.loops);
        ok = note_read(f, a, t->array, apart, tg__node_of(f->g, t->array)->shape->count >= points(&alone));
    }
    a->size = alone.terms;
    tg__table_cut(&f->terms, terms);
    return ok;
}

static bool reads_of_call(struct tg__fused *f, struct tg__anchor *a) {
    const struct tg__node *n = tg__node_of(f->g, a->node);
    for (int k = 0; k < n->operands; k++)
        if (!note_read(f, a, tg__base_of(f, n->in[k]), true, true)) return false;
    return true;
}

static bool add(struct tg__fused *f, uint32_t id) {
    struct tg__anchor *a = tg__push(f->g, &f->anchors);
    if (!a) return false;
    *a = (struct tg__anchor){.node = id, .read = f->reads.length, .nest = TG__NONE, .older = TG__NONE};
    const int32_t number = (int32_t)f->anchors.length - 1;
    f->item[id].anchor = number;
    if (f->item[id].kind == TG__CALLED) return reads_of_call(f, a);
    if (f->item[id].kind == TG__REDUCTION) {
        struct tg__emit e;
        tg__kernel(f->g, id, &e);
        a->reduced = tg__reduced_loops(&e);
    }
    return reads_of_nest(f, number, a);
}

/* -------------------------------------------------------------------------------------------------------- levels */

static struct tg__anchor *maker(const struct tg__fused *f, const struct tg__read *r) {
    const int32_t anchor = f->item[r->node].anchor;
    return anchor == TG__NONE ? NULL : tg__anchor_of(f, anchor);
}

static void set_levels(struct tg__fused *f) {
    int32_t height = 0;
    for (uint32_t i = 0; i < f->anchors.length; i++) {
        struct tg__anchor *a = tg__anchor_of(f, (int32_t)i);
        for (uint32_t k = 0; k < a->reads; k++) {
            const struct tg__read *r = tg__row(&f->reads, a->read + k);
            const struct tg__anchor *d = maker(f, r);
            if (d && a->early < d->early + r->apart) a->early = d->early + r->apart;
        }
        if (height < a->early) height = a->early;
    }
    for (uint32_t i = 0; i < f->anchors.length; i++) tg__anchor_of(f, (int32_t)i)->late = height;
    for (uint32_t i = f->anchors.length; i > 0;) {
        i--;
        const struct tg__anchor *a = tg__anchor_of(f, (int32_t)i);
        for (uint32_t k = 0; k < a->reads; k++) {
            const struct tg__read *r = tg__row(&f->reads, a->read + k);
            struct tg__anchor *d = maker(f, r);
            if (d && d->late > a->late - r->apart) d->late = a->late - r->apart;
        }
    }
    f->levels = height + 1;
}

bool tg__anchors(struct tg__fused *f) {
    for (uint32_t id = 1; id <= f->last; id++)
        if (f->item[id].stored && !add(f, id)) return false;
    set_levels(f);
    return true;
}
