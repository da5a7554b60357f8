/* From a tape to nests, in the order in which they are carried out. */
#include "nest.h"

void tg__fused_free(struct tg__fused *f) {
    struct tg__table *const tables[] = {&f->anchors, &f->reads, &f->nests, &f->terms, &f->order, &f->groups};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) tg__table_free(f->g, tables[i]);
    if (f->item) tg__release(f->g, f->item, (f->last + (size_t)1) * sizeof *f->item);
    f->item = NULL;
}

bool tg__fuse(struct tg__fused *f, tg_graph *g, uint32_t length, const uint32_t *wanted, size_t count, tg_mode mode) {
    *f = (struct tg__fused){.g = g, .mode = mode, .last = length - 1};
    f->anchors.size = sizeof(struct tg__anchor);
    f->reads.size = sizeof(struct tg__read);
    f->nests.size = sizeof(struct tg__nest);
    f->terms.size = sizeof(struct tg__term);
    f->order.size = sizeof(int32_t);
    f->groups.size = sizeof(struct tg__group);
    f->item = tg__alloc(g, (f->last + (size_t)1) * sizeof *f->item);
    if (f->item) memset(f->item, 0, sizeof *f->item);
    return f->item && tg__kinds(f, wanted, count) && tg__anchors(f) && tg__schedule(f) && tg__groups(f);
}
