/* One axis of an operand, whatever lies around it: [outer, length, inner], with the axis in the middle. */
#ifndef TG_ALONG_H
#define TG_ALONG_H

#include "graph.h"

struct tg__along {
    size_t outer, length, inner;
};

/* axis -1: all axes, as they lie in memory. */
static inline struct tg__along tg__along(const tg_shape *x, int64_t axis) {
    struct tg__along a = {1, 1, 1};
    for (int i = 0; i < x->rank; i++)
        *(axis < 0 || i == axis ? &a.length : i < axis ? &a.outer : &a.inner) *= (size_t)x->dim[i];
    return a;
}

#endif
