/* The order in which nests are carried out, and which of them share their rows. */
#include "nest.h"

static bool add_group(struct tg__fused *f, int32_t nest) {
    struct tg__nest *n = tg__nest_of(f, nest);
    struct tg__group *g = tg__push(f->g, &f->groups);
    int32_t *order = g ? tg__push(f->g, &f->order) : NULL;
    if (!order) return false;
    *order = nest;
    *g = (struct tg__group){.nest = f->order.length - 1, .nests = 1};
    for (int loop = 0; loop < n->loops && n->work == TG__BY_STREAM; loop++)
        if (n->rows >> loop & 1) g->extent[g->rows++] = n->extent[loop];
    n->group = (int32_t)f->groups.length - 1;
    return true;
}

static bool set_terms(struct tg__fused *f, int32_t nest, int32_t *anchor) {
    struct tg__nest *n = tg__nest_of(f, nest);
    size_t count = 0;
    if (n->work == TG__BY_KERNEL) return true;
    for (int32_t i = n->newest; i != TG__NONE; i = tg__anchor_of(f, i)->older) anchor[count++] = i;
    return tg__terms(f, n, nest, anchor, count);
}

bool tg__groups(struct tg__fused *f) {
    const size_t bytes = (f->anchors.length + (size_t)1) * sizeof(int32_t);
    int32_t *anchor = tg__alloc(f->g, bytes);
    bool ok = anchor != NULL;
    for (int32_t i = 0; ok && i < (int32_t)f->nests.length; i++) ok = add_group(f, i) && set_terms(f, i, anchor);
    if (anchor) tg__release(f->g, anchor, bytes);
    return ok;
}
