/* The gradients of all leaves, one behind the other, and how well they are known. Where a gradient is a sum that
 * cancels, as that of batchnorm is for an all-ones cotangent, what is left is rounding, and differences of the same
 * rounded function agree with it. So the twin is run again on leaves that are off by a rounding error each, in the
 * dtype that the user gave them: what then changes by its own size means nothing. */
#include "inspect.h"
#include "random.h"

#include <float.h>
#include <math.h>

enum { ROUNDS = 4 };

static size_t append(double *to, tg_node a) {
    const size_t count = tg_size(a);
    if (count) memcpy(to, tg_value(a), count * sizeof *to);
    return count;
}

size_t tg__gradients(tg_grads d, uint32_t last, double *to) {
    size_t count = 0;
    for (uint32_t id = 1; id <= last; id++) {
        const tg_node leaf = tg__handle(d.graph, id);
        if (tg__is_subject(d.graph, id) && tg_has_grad(d, leaf)) count += append(to + count, tg_grad(d, leaf));
    }
    return count;
}

/* The twin's values are all f64; what is not is a label, or keeps a place. */
static bool is_given(const tg_graph *twin, uint32_t id) {
    return tg__is_leaf(tg__node_of(twin, id)) && tg__node_of(twin, id)->dtype == TG_F64;
}

size_t tg__given(const tg_graph *twin, uint32_t last) {
    size_t count = 0;
    for (uint32_t id = 1; id <= last; id++)
        if (is_given(twin, id)) count += tg__node_of(twin, id)->shape->count;
    return count;
}

static void save(tg_graph *twin, uint32_t last, double *to) {
    for (uint32_t id = 1; id <= last; id++)
        if (is_given(twin, id)) to += append(to, tg__handle(twin, id));
}

/* 0, 1, 2 or 0.5 as a constant is meant exactly, and so is what was drawn; 1/3 is not. */
static bool is_short(double v) {
    int exponent;
    double mantissa = frexp(v, &exponent) * 0x1p16;
    return mantissa == floor(mantissa);
}

/* Up to so many units in the last place of the original's dtype. */
static double off_by(const struct tg__node *original, double v, double units, uint64_t *random) {
    if (original->op->drawn || (original->op == &tg__op_const && is_short(v))) return v;
    const double unit = original->dtype == TG_F32 ? FLT_EPSILON : DBL_EPSILON;
    return v * (1 + tg__random_uniform(random, -units, units) * unit);
}

static bool disturb(tg_graph *twin, const struct tg__doubt *t, double units, uint64_t *random) {
    const double *saved = t->saved;
    for (uint32_t id = 1; id <= t->last; id++) {
        if (!is_given(twin, id)) continue;
        const tg_node leaf = tg__handle(twin, id);
        const size_t count = tg_size(leaf);
        for (size_t i = 0; i < count; i++) t->scratch[i] = off_by(tg__node_of(t->of, id), saved[i], units, random);
        if (tg_set(leaf, t->scratch)) return false;
        saved += count;
    }
    return true;
}

bool tg__doubt(tg_grads d, const struct tg__doubt *t, double *doubt) {
    uint64_t random = 0;
    save(d.graph, t->last, t->saved);
    for (int round = 0; round < ROUNDS; round++) {
        if (!disturb(d.graph, t, 1, &random) || tg_run(d.graph)) return false;
        const size_t count = tg__gradients(d, t->last, t->scratch);
        for (size_t i = 0; i < count; i++) {
            const double off = fabs(t->scratch[i] - t->ours[i]);
            doubt[i] = round ? fmax(doubt[i], off) : off;
        }
    }
    return disturb(d.graph, t, 0, &random);
}
