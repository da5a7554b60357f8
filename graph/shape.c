/* Shapes and axes: the one place where sizes are multiplied, broadcasting is decided and axes are read. */
#include "graph.h"

#include <limits.h>

size_t tg__item_size(tg_dtype dtype) { return dtype == TG_F64 ? 8 : 4; }

const char *tg__dtype_name(tg_dtype dtype) {
    return dtype == TG_F32 ? "f32" : dtype == TG_F64 ? "f64" : dtype == TG_I32 ? "i32" : "an unknown dtype";
}

const char *tg__shape_text(const tg_shape *s, char *text, size_t room) {
    size_t n = (size_t)snprintf(text, room, "[");
    for (int i = 0; i < s->rank && i < TG_MAX_RANK && n < room; i++)
        n += (size_t)snprintf(text + n, room - n, "%s%lld", i ? ", " : "", (long long)s->dim[i]);
    if (n < room) snprintf(text + n, room - n, "]");
    return text;
}

/* A zero dimension must not hide a product that overflows: strides are made of the others. */
static bool count_elements(const tg_shape *s, size_t *count) {
    size_t product = 1;
    bool empty = false;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0) return false;
        if (s->dim[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(product, (uint64_t)s->dim[i], &product))
            return false;
    }
    if (product > PTRDIFF_MAX / 32) return false; /* bytes, and twice that, still fit */
    *count = empty ? 0 : product;
    return true;
}

const struct tg__shape *tg__shape_of(tg_graph *g, const tg_shape *dims, const char *who) {
    if (dims->rank < 0 || dims->rank > TG_MAX_RANK) {
        tg_fail(g, TG_SHAPE, "%s: rank %d is outside 0 to %d", who, dims->rank, TG_MAX_RANK);
        return NULL;
    }
    struct tg__shape s;
    memset(&s, 0, sizeof s);
    s.dims.rank = dims->rank;
    for (int i = 0; i < dims->rank; i++) s.dims.dim[i] = dims->dim[i];
    if (!count_elements(&s.dims, &s.count)) {
        char text[200];
        bool negative = false;
        for (int i = 0; i < dims->rank; i++) negative |= dims->dim[i] < 0;
        tg_fail(g, TG_SHAPE, "%s: shape %s has %s", who, tg__shape_text(dims, text, sizeof text),
                negative ? "a negative dimension" : "more elements than memory can hold");
        return NULL;
    }
    return tg__intern(g, &s, sizeof s);
}

tg_shape tg_shape_n(int rank, const int64_t *dim) {
    tg_shape s = {.rank = rank};
    for (int i = 0; i < rank && i < TG_MAX_RANK; i++) s.dim[i] = dim ? dim[i] : INT64_MIN; /* refused, like the rank */
    return s;
}
tg_shape tg_shape0(void) { return (tg_shape){.rank = 0}; }
tg_shape tg_shape1(int64_t a) { return (tg_shape){1, {a}}; }
tg_shape tg_shape2(int64_t a, int64_t b) { return (tg_shape){2, {a, b}}; }
tg_shape tg_shape3(int64_t a, int64_t b, int64_t c) { return (tg_shape){3, {a, b, c}}; }
tg_shape tg_shape4(int64_t a, int64_t b, int64_t c, int64_t d) { return (tg_shape){4, {a, b, c, d}}; }

/* ------------------------------------------------------------------------------------------------ broadcasting */

/* Size of the axis `back` places from the end; 1 where there is none. */
static int64_t from_end(const struct tg__shape *s, int back) {
    return back < s->dims.rank ? s->dims.dim[s->dims.rank - 1 - back] : 1;
}

static void clash(struct tg__rule *r, int i, int j, int back) {
    char a[80], b[80], as[200], bs[200], where[40];
    const struct tg__shape *x = r->from[i]->shape, *y = r->from[j]->shape;
    snprintf(where, sizeof where, back ? "in axis %d" : "in the last axis", -1 - back);
    tg__fail(r->graph, TG_SHAPE, r->op, r->in, r->op->operands,
             "shapes do not broadcast: %s %s with %s %s (%lld against %lld %s)",
             tg__quote(r->graph, r->in[i].id, a, sizeof a), tg__shape_text(&x->dims, as, sizeof as),
             tg__quote(r->graph, r->in[j].id, b, sizeof b), tg__shape_text(&y->dims, bs, sizeof bs),
             (long long)from_end(x, back), (long long)from_end(y, back), where);
}

const struct tg__shape *tg__broadcast(struct tg__rule *r) {
    int rank = 0;
    for (int i = 0; i < r->op->operands; i++)
        if (r->from[i]->shape->dims.rank > rank) rank = r->from[i]->shape->dims.rank;
    tg_shape z = {.rank = rank};
    for (int back = 0; back < rank; back++) {
        int64_t d = 1;
        int by = 0;
        for (int i = 0; i < r->op->operands; i++) {
            int64_t n = from_end(r->from[i]->shape, back);
            if (n == 1 || n == d) continue;
            if (d != 1) {
                clash(r, by, i, back);
                return NULL;
            }
            d = n;
            by = i;
        }
        z.dim[rank - 1 - back] = d;
    }
    return tg__shape_of(r->graph, &z, r->op->name);
}

/* The fate of big's axes on the way to small, which broadcasts to it. */
void tg__fates_between(const struct tg__shape *small, const struct tg__shape *big, struct tg__attr *attr) {
    *attr = (struct tg__attr){0};
    int missing = big->dims.rank - small->dims.rank;
    for (int i = 0; i < big->dims.rank; i++)
        attr->axis[i] = i < missing                                        ? TG__DROPPED
                        : small->dims.dim[i - missing] == big->dims.dim[i] ? TG__STAYS
                                                                           : TG__KEPT;
}

/* -------------------------------------------------------------------------------------------------------- axes */

tg_axes tg_axes_n(int count, const int *axis) {
    if (count == 0) return (tg_axes){.count = -2};
    tg_axes a = {.count = count < 0 || count > TG_MAX_RANK ? TG_MAX_RANK + 1 : count}; /* refused by the operator */
    for (int i = 0; i < a.count && i < TG_MAX_RANK && i < count; i++) a.axis[i] = axis ? axis[i] : INT_MIN;
    return a;
}
tg_axes tg_axis(int a) { return (tg_axes){.count = 1, .axis = {a}}; }
tg_axes tg_axes2(int a, int b) { return (tg_axes){.count = 2, .axis = {a, b}}; }
tg_axes tg_axes3(int a, int b, int c) { return (tg_axes){.count = 3, .axis = {a, b, c}}; }
tg_axes tg_axes_all(void) { return (tg_axes){.count = -1}; }
tg_axes tg_keep(tg_axes a) {
    a.keep = true;
    return a;
}

tg_axes tg_empty(tg_axes a) {
    a.empty = true;
    return a;
}

/* Reads axes against a rank: negative ones count from the end; each at most once. */
bool tg__fates(tg_graph *g, const struct tg_op *op, tg_node x, int rank, tg_axes axes, struct tg__attr *attr) {
    *attr = (struct tg__attr){0};
    uint8_t fate = axes.keep ? TG__KEPT : TG__DROPPED;
    if (axes.count == -1) {
        for (int i = 0; i < rank; i++) attr->axis[i] = fate;
        return true;
    }
    if (axes.count == 0 && rank > 0) {
        tg__fail(g, TG_ARGUMENT, op, &x, 1,
                 "no axes are given: tg_axis(0) is the first, tg_axes_all() all, tg_axes_n(0, NULL) none");
        return false;
    }
    if (axes.count < -2 || axes.count > TG_MAX_RANK) {
        tg__fail(g, TG_SHAPE, op, &x, 1, "more than %d axes were given", TG_MAX_RANK);
        return false;
    }
    const tg_shape has = tg_dims(x);
    char name[80], shape[200];
    for (int i = 0; i < axes.count; i++) {
        int a = axes.axis[i] < 0 ? axes.axis[i] + rank : axes.axis[i];
        if (a < 0 || a >= rank) {
            tg__fail(
                g, TG_SHAPE, op, &x, 1,
                has.rank == rank ? "axis %d is outside %s %s" : "axis %d is outside what %s %s becomes, of rank %d",
                axes.axis[i], tg__quote(g, x.id, name, sizeof name), tg__shape_text(&has, shape, sizeof shape), rank);
            return false;
        }
        if (attr->axis[a] != TG__STAYS) {
            tg__fail(g, TG_SHAPE, op, &x, 1, "axis %d of %s %s is given twice", axes.axis[i],
                     tg__quote(g, x.id, name, sizeof name), tg__shape_text(&has, shape, sizeof shape));
            return false;
        }
        attr->axis[a] = fate;
    }
    return true;
}

/* One axis, counted from 0. */
bool tg__axis(tg_graph *g, const struct tg_op *op, tg_node x, int rank, int axis, int64_t *number) {
    struct tg__attr attr;
    *number = axis < 0 ? axis + rank : axis;
    return tg__fates(g, op, x, rank, tg_axis(axis), &attr);
}

/* The product has been checked with the shape. */
size_t tg__bytes(const struct tg__node *n) { return n->shape->count * tg__item_size((tg_dtype)n->dtype); }

bool tg__broadcasts_to(const tg_shape *small, const tg_shape *big) {
    const int missing = big->rank - small->rank;
    bool fits = missing >= 0;
    for (int i = 0; fits && i < small->rank; i++) fits = small->dim[i] == 1 || small->dim[i] == big->dim[i + missing];
    return fits;
}

bool tg__same_dims(const tg_shape *a, const tg_shape *b) {
    return a->rank == b->rank && memcmp(a->dim, b->dim, sizeof a->dim) == 0;
}

tg_shape tg__reduced(const tg_shape *dims, const struct tg__attr *fates) {
    tg_shape z = {.rank = 0};
    for (int i = 0; i < dims->rank; i++)
        if (fates->axis[i] != TG__DROPPED) z.dim[z.rank++] = fates->axis[i] == TG__KEPT ? 1 : dims->dim[i];
    return z;
}
