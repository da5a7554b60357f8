/* Between which numbers the values of a node are, as far as its operator's range tells (ops/algebra.c). */
#include "form.h"

#include <float.h>
#include <math.h>

static const struct tg__range anything = {-(double)INFINITY, (double)INFINITY};

/* Rounding may move a bound, so what is near the largest number counts as infinite, and what is near the smallest one
 * as 0. */
static struct tg__range settled(struct tg__range x, tg_dtype dtype) {
    const double most = (dtype == TG_F32 ? (double)FLT_MAX : DBL_MAX) / 16;
    const double least = (dtype == TG_F32 ? (double)FLT_MIN : DBL_MIN) * 16;
    if (!(x.least >= -most)) x.least = -(double)INFINITY;
    if (!(x.most <= most)) x.most = (double)INFINITY;
    if (x.least > 0 && x.least < least) x.least = 0;
    if (x.most < 0 && x.most > -least) x.most = 0;
    return x;
}

static struct tg__range range_of_constant(const tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    const struct tg__value *v = tg__value_of(g, id);
    if (!v->valid || n->shape->count == 0) return anything;
    struct tg__range z = {(double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < n->shape->count; i++) {
        const double x = tg__load((tg_dtype)n->dtype, v->data, i);
        z.least = fmin(z.least, x);
        z.most = fmax(z.most, x);
    }
    return z.least <= z.most ? z : anything;
}

static struct tg__range range_of(const struct tg__algebraist *a, uint32_t id) {
    const tg_graph *g = a->b->g;
    const struct tg__node *n = tg__node_of(g, id);
    struct tg__range in[TG__OPERANDS];
    if (n->dtype == TG_I32 || id == 0) return anything;
    if (tg__is_const(g, id)) return settled(range_of_constant(g, id), (tg_dtype)n->dtype);
    const struct tg__ranged *row = tg__ranges;
    while (row->op && row->op != n->op) row++;
    if (!row->op) return anything;
    for (int i = 0; i < n->operands; i++) in[i] = *(struct tg__range *)tg__row(&a->ranges, n->in[i]);
    const size_t below = n->shape->count ? tg__node_of(g, n->in[0])->shape->count / n->shape->count : 0;
    return settled(row->of(in, (double)below), (tg_dtype)n->dtype);
}

bool tg__is_bounded(struct tg__algebraist *a, uint32_t node, bool inverse) {
    while (a->ranges.length <= node) {
        const uint32_t id = a->ranges.length;
        const struct tg__range z = range_of(a, id);
        struct tg__range *row = tg__push(a->b->g, &a->ranges);
        if (!row) return false;
        *row = z;
    }
    const struct tg__range x = *(struct tg__range *)tg__row(&a->ranges, node);
    return inverse ? x.least > 0 || x.most < 0 : isfinite(x.least) && isfinite(x.most);
}
