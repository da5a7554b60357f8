/* Axes of length 1, taken away and put in: reshapes. */
#include "graph.h"

static const struct tg_op squeeze = {.name = "squeeze"}, unsqueeze = {.name = "unsqueeze"}; /* for what they say */

tg_node tg_squeeze(tg_node x, tg_axes axes) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg_reshape(x, tg_shape0());
    const tg_shape *dims = &n->shape->dims;
    struct tg__attr fates;
    tg_shape z = {.rank = 0};
    char name[80], shape[200];
    if (!tg__fates(x.graph, &squeeze, x, dims->rank, axes, &fates)) return tg_nil(x.graph);
    for (int i = 0; i < dims->rank; i++) {
        const bool away = fates.axis[i] != TG__STAYS;
        if (away && dims->dim[i] != 1 && axes.count != -1)
            return tg__fail(x.graph, TG_SHAPE, &squeeze, &x, 1, "axis %d of %s %s has not length 1", i,
                            tg__quote(x.graph, x.id, name, sizeof name), tg__shape_text(dims, shape, sizeof shape));
        if (!away || dims->dim[i] != 1) z.dim[z.rank++] = dims->dim[i];
    }
    return tg_reshape(x, z);
}

tg_node tg_unsqueeze(tg_node x, tg_axes axes) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg_reshape(x, tg_shape0());
    struct tg__attr fates;
    char name[80], shape[200];
    if (axes.count == -2) return tg_reshape(x, n->shape->dims);
    if (axes.count < 0 || axes.count > TG_MAX_RANK - n->shape->dims.rank)
        return tg__fail(x.graph, TG_SHAPE, &unsqueeze, &x, 1,
                        axes.count < 0 ? "which axes %s %s is to have must be said"
                                       : "%s %s cannot have %d more axes: rank 8 is the highest",
                        tg__quote(x.graph, x.id, name, sizeof name),
                        tg__shape_text(&n->shape->dims, shape, sizeof shape), axes.count);
    tg_shape z = {.rank = n->shape->dims.rank + axes.count};
    if (!tg__fates(x.graph, &unsqueeze, x, z.rank, axes, &fates)) return tg_nil(x.graph);
    for (int i = 0, own = 0; i < z.rank; i++) z.dim[i] = fates.axis[i] != TG__STAYS ? 1 : n->shape->dims.dim[own++];
    return tg_reshape(x, z);
}
