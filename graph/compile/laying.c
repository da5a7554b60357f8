/* Nodes along axes: brought side by side for an operator, and filled up to a shape. Broadcasting counts axes from the
 * end, so a node that is to lie elsewhere is reshaped. */
#include "form.h"

/* An axis of a node, counted from the end: 1 is the last. */
typedef int8_t places[TG_MAX_RANK];

static const tg_shape *dims_of(const struct tg__algebraist *a, const struct tg__laid *x) {
    return &tg__node_of(a->b->g, x->node)->shape->dims;
}

struct tg__laid tg__whole(const tg_graph *g, uint32_t node) {
    struct tg__laid x = {.node = node};
    if (!node) return x;
    const tg_shape *dims = &tg__node_of(g, node)->shape->dims;
    for (int i = 0; i < TG_MAX_RANK; i++) x.axis[i] = (int8_t)(i < dims->rank && dims->dim[i] != 1 ? i : -1);
    return x;
}

static int place(const struct tg__algebraist *a, const struct tg__laid *x, int i) {
    return x->axis[i] < 0 ? 0 : dims_of(a, x)->rank - x->axis[i];
}

/* x as a node that broadcasts to those places. */
static struct tg__laid put(struct tg__algebraist *a, const struct tg__laid *x, const places at) {
    const tg_shape *dims = dims_of(a, x);
    struct tg__laid z = *x;
    tg_shape wanted = tg_shape0();
    bool there = true;
    for (int i = 0; i < TG_MAX_RANK; i++) {
        if (x->axis[i] < 0) continue;
        there &= place(a, x, i) == at[i];
        if (at[i] > wanted.rank) wanted.rank = at[i];
    }
    if (there) return z;
    for (int i = 0; i < wanted.rank; i++) wanted.dim[i] = 1;
    for (int i = 0; i < TG_MAX_RANK; i++) {
        if (x->axis[i] < 0) continue;
        wanted.dim[wanted.rank - at[i]] = dims->dim[x->axis[i]];
        z.axis[i] = (int8_t)(wanted.rank - at[i]);
    }
    z.node = tg__built_of(a->b, tg__notation.reshape, &x->node, NULL, &wanted);
    return z;
}

/* Do the operands broadcast as they are laid, each axis in one place, and all in their order? at: the places. */
static bool side_by_side(const struct tg__algebraist *a, const struct tg__laid *in, int operands, places at) {
    int last = TG_MAX_RANK + 1;
    memset(at, 0, TG_MAX_RANK);
    for (int i = 0; i < TG_MAX_RANK; i++) {
        for (int k = 0; k < operands; k++) {
            const int p = place(a, &in[k], i);
            if (p && at[i] && at[i] != p) return false;
            if (p) at[i] = (int8_t)p;
        }
        if (at[i] >= last) return false;
        if (at[i]) last = at[i];
    }
    return true;
}

/* Where all can lie: as the one that varies along all their axes does, of several the one of least rank; otherwise as
 * the whole has its axes. */
static void common_places(const struct tg__algebraist *a, const struct tg__laid *in, int operands, int rank,
                          places at) {
    unsigned all = 0;
    int best = -1;
    for (int k = 0; k < operands; k++) all |= tg__mask(&in[k]);
    for (int k = 0; k < operands; k++)
        if (tg__mask(&in[k]) == all && (best < 0 || dims_of(a, &in[k])->rank < dims_of(a, &in[best])->rank)) best = k;
    for (int i = 0; i < TG_MAX_RANK; i++)
        at[i] = (int8_t)(best >= 0 ? place(a, &in[best], i) : i < rank ? rank - i : 0);
}

struct tg__laid tg__apply_laid(struct tg__algebraist *a, const struct tg_op *op, const struct tg__laid *in, int rank) {
    struct tg__laid z = {.node = 0};
    struct tg__laid own[TG__OPERANDS];
    uint32_t node[TG__OPERANDS];
    places at;
    for (int k = 0; k < op->operands; k++) {
        if (!in[k].node) return z;
        own[k] = in[k];
    }
    if (!side_by_side(a, own, op->operands, at)) {
        common_places(a, in, op->operands, rank, at);
        for (int k = 0; k < op->operands; k++) {
            own[k] = put(a, &in[k], at);
            if (!own[k].node) return z;
        }
        side_by_side(a, own, op->operands, at);
    }
    for (int k = 0; k < op->operands; k++) node[k] = own[k].node;
    z.node = tg__built_of(a->b, op, node, NULL, NULL);
    const int own_rank = z.node ? dims_of(a, &z)->rank : 0;
    for (int i = 0; i < TG_MAX_RANK; i++) z.axis[i] = (int8_t)(z.node && at[i] ? own_rank - at[i] : -1);
    return z;
}

/* Without axes of length 1. */
static struct tg__laid packed(struct tg__algebraist *a, const struct tg__laid *x) {
    places at = {0};
    int left = 0;
    for (int i = TG_MAX_RANK - 1; i >= 0; i--)
        if (x->axis[i] >= 0) at[i] = (int8_t)++left;
    struct tg__laid z = put(a, x, at);
    if (!z.node || dims_of(a, &z)->rank == left) return z;
    tg_shape dims = tg_shape0();
    for (int i = 0; i < TG_MAX_RANK; i++)
        if (z.axis[i] >= 0) {
            dims.dim[dims.rank] = dims_of(a, &z)->dim[z.axis[i]];
            z.axis[i] = (int8_t)dims.rank++;
        }
    z.node = tg__built_of(a->b, tg__notation.reshape, &z.node, NULL, &dims);
    return z;
}

uint32_t tg__filled(struct tg__algebraist *a, const struct tg__laid *x, const tg_shape *dims) {
    if (!x->node) return 0;
    const struct tg__shape *shape = tg__shape_of(a->b->g, dims, "expand");
    const struct tg__shape *own = tg__node_of(a->b->g, x->node)->shape;
    if (!shape || own == shape) return shape ? x->node : 0;
    if (tg__mask(x) == tg__mask_of(dims)) return tg__built_of(a->b, tg__notation.reshape, &x->node, NULL, dims);
    struct tg__attr fates = {0};
    struct tg__laid from = *x;
    bool aligned = tg__broadcasts_to(&own->dims, dims);
    for (int i = 0; i < dims->rank; i++) aligned &= x->axis[i] < 0 || place(a, x, i) == dims->rank - i;
    if (aligned) {
        tg__fates_between(own, shape, &fates);
    } else {
        from = packed(a, x);
        for (int i = 0; i < dims->rank; i++) fates.axis[i] = from.axis[i] < 0 ? TG__DROPPED : TG__STAYS;
    }
    return from.node ? tg__built_of(a->b, tg__notation.expand, &from.node, &fates, dims) : 0;
}
