/* Comparing a node's value with an array: error over scale, a column at a time. */
#include "inspect.h"

#include <math.h>

static const double ALIKE = 1e-6; /* of two columns that are off by as much, the first is named */

struct column {
    double error, scale; /* largest difference, largest scale */
    size_t index;        /* of the largest difference */
};

static double difference(double a, double b) {
    if (a == b || (isnan(a) && isnan(b))) return 0;
    double d = fabs(a - b);
    return isnan(d) ? INFINITY : d;
}

static struct column measure(const tg_array *ours, const tg_array *theirs, const double *scale, size_t rows,
                             size_t columns, size_t k) {
    struct column c = {.index = k};
    for (size_t r = 0; r < rows; r++) {
        size_t i = r * columns + k;
        double d = difference(tg__load(ours->dtype, ours->data, i), tg__load(theirs->dtype, theirs->data, i));
        if (d > c.error) {
            c.error = d;
            c.index = i;
        }
        if (isfinite(scale[i]) && scale[i] > c.scale) c.scale = scale[i];
    }
    return c;
}

static void compare_columns(const tg_array *ours, const tg_array *theirs, const double *scale, double tolerance,
                            const double *floor, tg_difference *result) {
    const tg_shape *s = &ours->shape;
    size_t columns = s->rank ? (size_t)s->dim[s->rank - 1] : 1, rows = 1;
    double worst = -1;
    for (int i = 0; i + 1 < s->rank; i++) rows *= (size_t)s->dim[i];
    for (size_t k = 0; rows > 0 && k < columns; k++) {
        struct column c = measure(ours, theirs, scale, rows, columns, k);
        if (floor && tolerance > 0) c.scale += floor[k] / tolerance;
        if (floor && !(tolerance > 0) && c.error <= floor[k]) c.error = 0;
        const double error = c.error == 0 ? 0 : c.scale > 0 && isfinite(c.error) ? c.error / c.scale : INFINITY;
        const bool parts = !(error <= tolerance);
        if (error <= worst * (1 + ALIKE) && (!parts || result->parts)) continue;
        worst = result->error = error;
        result->index = c.index;
        result->ours = tg__load(ours->dtype, ours->data, c.index);
        result->theirs = tg__load(theirs->dtype, theirs->data, c.index);
        result->scale = c.scale;
        result->parts = parts;
    }
}

static tg_status refuse(tg_node a, const tg_array *ours, const tg_array *other, double tolerance) {
    tg_graph *g = a.graph;
    char name[80], as[200], bs[200];
    if (!tg__get(a))
        return tg__fail_run(g, TG_HANDLE, 0, "compare: the handle is %s", a.id ? "stale: the tape was rewound" : "nil");
    tg__quote(g, a.id, name, sizeof name);
    if (!ours->data) return tg__fail_run(g, TG_VALUE, 0, "compare: %s has no value: run the graph first", name);
    if (!(tolerance >= 0)) return tg__fail_run(g, TG_ARGUMENT, 0, "compare: tolerance %g is not 0 or more", tolerance);
    if (other->shape.rank < 0 || other->shape.rank > TG_MAX_RANK)
        return tg__fail_run(g, TG_SHAPE, 0, "compare: rank %d is outside 0 to %d", other->shape.rank, TG_MAX_RANK);
    if (!tg__same_dims(&ours->shape, &other->shape))
        return tg__fail_run(g, TG_SHAPE, 0, "compare: %s is %s, but what it is compared with is %s", name,
                            tg__shape_text(&ours->shape, as, sizeof as), tg__shape_text(&other->shape, bs, sizeof bs));
    if (!tg__is_dtype(other->dtype))
        return tg__fail_run(g, TG_DTYPE, 0, "compare: %d is no dtype: TG_F32, TG_F64 and TG_I32 are",
                            (int)other->dtype);
    if (!other->data && tg_size(a))
        return tg__fail_run(g, TG_ARGUMENT, 0, "compare: what %s is compared with is NULL", name);
    return TG_OK;
}

tg_status tg_compare(tg_node a, tg_array other, double tolerance, const double *floor, tg_difference *result) {
    tg_graph *g = a.graph;
    if (!g) return TG_HANDLE;
    if (!result) return tg__fail_null(g, "compare", "result");
    tg__clear_run(g);
    *result = (tg_difference){.name = other.name, .stage = tg_stage(a), .shape = other.shape};
    tg_array ours = {.dtype = tg_dtype_of(a), .shape = tg_dims(a), .data = tg_value(a)};
    tg_status status = refuse(a, &ours, &other, tolerance);
    if (status) return status;
    size_t bytes = tg_size(a) * sizeof(double);
    g->busy = true;
    double *scale = tg__alloc(g, bytes);
    bool measured = scale && tg__scale(g, a.id, scale);
    if (measured) compare_columns(&ours, &other, scale, tolerance, floor, result);
    tg__release(g, scale, bytes);
    g->busy = false;
    return measured ? TG_OK : g->error.status;
}
