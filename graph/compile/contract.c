/* Which products are rounded together with the sum that reads them. */
#include "algebra.h"
#include "nest.h"

static const struct tg__algebra *row_of(const struct tg__fused *f, uint32_t id, enum tg__meaning meaning) {
    const struct tg__algebra *row;
    return tg__meaning_of(tg__node_of(f->g, id)->op, &row) == meaning ? row : NULL;
}

/* Two factors, x*y or x*x. */
static bool is_product(const struct tg__fused *f, uint32_t id) {
    const struct tg__algebra *row = row_of(f, id, TG__IS_PRODUCT);
    if (!row || f->item[id].kind != TG__MAP || row->by != 1) return false;
    return (row->power[0] == 1 && row->power[1] == 1) || row->power[0] == 2;
}

/* Its rounded value is needed nowhere: not in memory, and not by another reader, who could compare it with this one. */
static bool is_free(const struct tg__fused *f, uint32_t id, const uint32_t *readers) {
    const struct tg__item *x = &f->item[id];
    return is_product(f, id) && !x->stored && !x->uniform && readers[id] == 1;
}

/* Of two products one would be rounded and the other not, so that the difference of equal ones was not 0. */
static int8_t contracts(const struct tg__fused *f, uint32_t id, const uint32_t *readers) {
    const struct tg__node *n = tg__node_of(f->g, id);
    if (row_of(f, id, TG__SUMS) && f->item[id].kind == TG__REDUCTION) return is_free(f, n->in[0], readers) ? 0 : TG__NONE;
    if (f->item[id].kind != TG__MAP || n->dtype == TG_I32 || !row_of(f, id, TG__IS_SUM)) return TG__NONE;
    const bool both = is_product(f, n->in[0]) && is_product(f, n->in[1]);
    for (int8_t slot = 0; slot < 2 && !both; slot++)
        if (is_free(f, n->in[slot], readers)) return slot;
    return TG__NONE;
}

void tg__contract(struct tg__fused *f, const uint32_t *readers) {
    for (uint32_t id = 1; id <= f->last; id++) f->item[id].contracts = TG__NONE;
    for (uint32_t id = 1; id <= f->last && f->mode == TG_FAST; id++) {
        struct tg__item *x = &f->item[id];
        x->contracts = contracts(f, id, readers);
    }
}

struct tg__sum tg__sum_of(const struct tg__fused *f, uint32_t id) {
    const struct tg__algebra *row = row_of(f, id, TG__IS_SUM);
    const int slot = f->item[id].contracts, other = 1 - slot;
    return (struct tg__sum){tg__node_of(f->g, id)->in[slot], slot, other, {row->power[slot], row->power[other]}};
}
