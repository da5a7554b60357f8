/* How well a gradient is known. Where it is a sum that cancels, as that of an all-ones cotangent through batchnorm, what
 * is left is rounding, and differences of the same rounded function agree with it. So the sweep is run again on leaves
 * that are off by a rounding error each: what then moves by its own size means nothing. */
#include "inspect.h"
#include "random.h"

#include <float.h>
#include <math.h>

enum { ROUNDS = 4 };

static bool save(tg_graph *g, uint32_t last, double *saved) {
    for (uint32_t id = 1; id <= last; id++) {
        const size_t count = tg__node_of(g, id)->shape->count;
        if (!tg__is_subject(g, id) || !count) continue;
        memcpy(saved, tg_value(tg__handle(g, id)), count * sizeof *saved);
        saved += count;
    }
    return true;
}

/* off: in units of the last place; 0 puts the saved values back. */
static bool disturb(tg_graph *g, uint32_t last, const double *saved, double off, uint64_t *random) {
    for (uint32_t id = 1; id <= last; id++) {
        const size_t count = tg__node_of(g, id)->shape->count;
        if (!tg__is_subject(g, id)) continue;
        if (tg_set(tg__handle(g, id), saved)) return false;
        double *x = (double *)(uintptr_t)tg__value_of(g, id)->data;
        for (size_t i = 0; i < count; i++) x[i] *= 1 + tg__random_uniform(random, -off, off) * DBL_EPSILON;
        saved += count;
    }
    return true;
}

static void compare(tg_grads d, uint32_t last, const double *ours, double *doubt) {
    for (uint32_t id = 1; id <= last; id++) {
        const tg_node leaf = tg__handle(d.graph, id);
        if (!tg__is_subject(d.graph, id) || !tg_has_grad(d, leaf)) continue;
        const double *other = tg_value(tg_grad(d, leaf));
        const size_t count = tg_size(leaf);
        for (size_t i = 0; i < count; i++) doubt[i] = fmax(doubt[i], fabs(other[i] - ours[i]));
        ours += count;
        doubt += count;
    }
}
