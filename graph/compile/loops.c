/* Loops that are one: where every array goes on from the end of an inner loop as it goes on within, the two need but one
 * counter. */
#include "source.h"

/* Row-major: what a step along an axis of a node is. */
static int64_t stride_of(const tg_shape *dims, int axis) {
    int64_t stride = 1;
    for (int i = dims->rank - 1; i > axis; i--) stride *= dims->dim[i];
    return stride;
}

int64_t tg__stride(const struct tg__fused *f, const struct tg__term *t, int loop) {
    const tg_shape *dims = &tg__node_of(f->g, t->node)->shape->dims;
    int64_t stride = 0;
    for (int axis = 0; axis < dims->rank; axis++)
        if (t->at[axis].loop == loop) stride += t->at[axis].by * stride_of(dims, axis);
    return stride;
}

int64_t tg__start(const struct tg__fused *f, const struct tg__term *t) {
    const tg_shape *dims = &tg__node_of(f->g, t->node)->shape->dims;
    int64_t start = 0;
    for (int axis = 0; axis < dims->rank; axis++) start += t->at[axis].from * stride_of(dims, axis);
    return start;
}

/* A kernel that asks which turn of a loop it is in needs that loop. */
static bool asks(const struct tg__fused *f, const struct tg__term *t, int loop) {
    const tg_shape *dims = &tg__node_of(f->g, t->node)->shape->dims;
    struct tg__emit e;
    if (t->array || t->numeral || !tg__kernel(f->g, t->node, &e)) return false;
    if (!strstr(e.code, "last") && !strstr(e.code, "along")) return false;
    for (int axis = 0; axis < dims->rank; axis++)
        if (t->at[axis].loop == loop) return true;
    return false;
}

static bool is_one(const struct tg__fused *f, const struct tg__nest *n, int outer) {
    const uint16_t both = (uint16_t)(3u << outer);
    if ((n->rows & both) != 0 && (n->rows & both) != both) return false;
    if ((n->across & both) != 0 && (n->across & both) != both) return false;
    for (int i = 0; i < (int)n->terms; i++) {
        const struct tg__term *t = tg__term_of(f, n, i);
        const bool root = !t->array && !t->numeral; /* it may be stored, or read a label */
        if (asks(f, t, outer) || asks(f, t, outer + 1)) return false;
        if (root || t->array)
            if (tg__stride(f, t, outer) != n->extent[outer + 1] * tg__stride(f, t, outer + 1)) return false;
    }
    return true;
}

void tg__collapse(const struct tg__fused *f, const struct tg__nest *n, struct tg__loops *l) {
    *l = (struct tg__loops){.count = 0};
    for (int loop = 0; loop < n->loops; loop++) {
        const bool more = loop > 0 && is_one(f, n, loop - 1);
        if (!more) l->extent[l->count++] = 1;
        l->extent[l->count - 1] *= n->extent[loop];
        l->members[l->count - 1] |= (uint16_t)(1u << loop);
        l->last[l->count - 1] = loop;
    }
}

const char *tg__variable(int loop) {
    static const char *const name[] = {"i_", "k_", "l_", "m_", "n_", "p_", "q_", "u_"};
    return name[loop];
}
