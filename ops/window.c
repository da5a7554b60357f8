/* Windows over pictures: what each of their taps sees, copied out, and the way back. */
#include "window.h"
#include "ops.h"

#include <limits.h>
#include <math.h>

/* ---------------------------------------------------------------------------------------------- where windows stand */

const char *tg__window(const struct tg__attr *attr, struct tg__window *w) {
    for (int i = 0; i < 2; i++) {
        w->size[i] = attr->size[2 + i];
        w->taps[i] = attr->size[i];
        w->padding[i] = attr->first[i];
        w->stride[i] = attr->step[i];
        w->dilation[i] = attr->step[2 + i];
        int64_t span;
        if (w->taps[i] < 1) return "a window has at least one element";
        if (__builtin_mul_overflow(w->taps[i] - 1, w->dilation[i], &span) || span == INT64_MAX) span = INT64_MAX - 1;
        const int64_t left = w->size[i] + 2 * w->padding[i] - (span + 1);
        if (left < 0) return "the window is larger than the padded picture";
        w->count[i] = left / w->stride[i] + 1;
    }
    return NULL;
}

const struct tg__attr *tg__window_attr(const struct tg_op *op, tg_node of, const tg_shape *x, const tg_shape *y,
                                       tg_window how, int64_t number) {
    struct tg__attr attr = {.number = number};
    for (int i = 0; i < 2; i++) {
        if (how.stride[i] < 1 || how.dilation[i] < 1 || how.padding[i] < 0 || how.stride[i] > INT_MAX ||
            how.dilation[i] > INT_MAX || how.padding[i] > INT_MAX) {
            tg__fail(
                of.graph, TG_ARGUMENT, op, &of, 1,
                "stride %lld, padding %lld, dilation %lld: stride and dilation are at least 1, padding at least 0, and "
                "all below 2^31",
                (long long)how.stride[i], (long long)how.padding[i], (long long)how.dilation[i]);
            return NULL;
        }
        attr.first[i] = how.padding[i];
        attr.step[i] = how.stride[i];
        attr.step[2 + i] = how.dilation[i];
        attr.size[i] = y->dim[2 + i];
        attr.size[2 + i] = x->dim[2 + i];
    }
    return tg__intern(of.graph, &attr, sizeof attr);
}

tg_window tg_window_of(int64_t stride, int64_t padding, int64_t dilation) {
    return (tg_window){{stride, stride}, {padding, padding}, {dilation, dilation}};
}

/* ------------------------------------------------------------------------------------------------------ the kernels */

/* Positions first to last - 1 are those at which a tap sees the picture. */
struct seen {
    int64_t at, first, last; /* at: where it is at position 0 */
};

static struct seen seen_by(const struct tg__window *w, int axis, int64_t tap) {
    const int64_t at = tap * w->dilation[axis] - w->padding[axis], step = w->stride[axis], n = w->count[axis];
    struct seen s = {.at = at, .first = at < 0 ? (step - 1 - at) / step : 0};
    s.last = w->size[axis] > at ? (w->size[axis] - at + step - 1) / step : 0;
    if (s.first > n) s.first = n;
    if (s.last > n) s.last = n;
    if (s.last < s.first) s.last = s.first;
    return s;
}

#define KERNELS(suffix, T)                                                                                             \
    static void unfold_##suffix(const struct tg__window *w, const T *x, T fill, T *to) {                               \
        for (int64_t i = 0; i < w->taps[0]; i++)                                                                       \
            for (int64_t j = 0; j < w->taps[1]; j++) {                                                                 \
                const struct seen down = seen_by(w, 0, i), across = seen_by(w, 1, j);                                  \
                for (int64_t r = 0; r < w->count[0]; r++, to += w->count[1]) {                                         \
                    const bool inside = r >= down.first && r < down.last;                                              \
                    const int64_t first = inside ? across.first : w->count[1], last = inside ? across.last : first;    \
                    const T *from = x;                                                                                 \
                    if (last > first) from += (down.at + r * w->stride[0]) * w->size[1];                               \
                    for (int64_t c = 0; c < first; c++) to[c] = fill;                                                  \
                    if (w->stride[1] == 1)                                                                             \
                        for (int64_t c = first; c < last; c++) to[c] = from[across.at + c];                            \
                    else                                                                                               \
                        for (int64_t c = first; c < last; c++) to[c] = from[across.at + c * w->stride[1]];             \
                    for (int64_t c = last; c < w->count[1]; c++) to[c] = fill;                                         \
                }                                                                                                      \
            }                                                                                                          \
    }                                                                                                                  \
    static void fold_##suffix(const struct tg__window *w, const T *from, T *x) {                                       \
        for (int64_t i = 0; i < w->taps[0]; i++)                                                                       \
            for (int64_t j = 0; j < w->taps[1]; j++, from += w->count[0] * w->count[1]) {                              \
                const struct seen down = seen_by(w, 0, i), across = seen_by(w, 1, j);                                  \
                for (int64_t r = down.first; r < down.last; r++) {                                                     \
                    T *to = x + (down.at + r * w->stride[0]) * w->size[1];                                             \
                    const T *row = from + r * w->count[1];                                                             \
                    if (w->stride[1] == 1)                                                                             \
                        for (int64_t c = across.first; c < across.last; c++) to[across.at + c] += row[c];              \
                    else                                                                                               \
                        for (int64_t c = across.first; c < across.last; c++)                                           \
                            to[across.at + c * w->stride[1]] += row[c];                                                \
                }                                                                                                      \
            }                                                                                                          \
    }

KERNELS(f32, float)
KERNELS(f64, double)

void tg__unfold(const struct tg__window *w, tg_dtype dtype, const void *x, double fill, void *rows) {
    if (dtype == TG_F64)
        unfold_f64(w, x, fill, rows);
    else
        unfold_f32(w, x, (float)fill, rows);
}

void tg__fold(const struct tg__window *w, tg_dtype dtype, const void *rows, void *x) {
    if (dtype == TG_F64)
        fold_f64(w, rows, x);
    else
        fold_f32(w, rows, x);
}

/* --------------------------------------------------------------------------------------------- the rows: windows */

static bool refuse(struct tg__rule *r, const char *why) {
    char name[80], shape[200];
    tg__fail(r->graph, TG_SHAPE, r->op, r->in, 1, "windows of %lld x %lld over %s %s: %s", (long long)r->attr->size[0],
             (long long)r->attr->size[1], tg__quote(r->graph, r->in[0].id, name, sizeof name),
             tg__shape_text(&r->from[0]->shape->dims, shape, sizeof shape), why);
    return false;
}

/* [N, C, H, W] has windows [N, C, taps, rows of them, columns of them]. */
static bool shape_of_windows(struct tg__rule *r, const tg_shape *x, tg_shape *z) {
    struct tg__window w;
    const char *why = x->rank != 4 ? "pictures are [N, C, H, W]" : tg__window(r->attr, &w);
    if (why) return refuse(r, why);
    const tg_shape taps = tg_shape2(w.taps[0], w.taps[1]);
    const struct tg__shape *all = tg__shape_of(r->graph, &taps, r->op->name);
    if (!all) return false;
    *z = (tg_shape){5, {x->dim[0], x->dim[1], (int64_t)all->count, w.count[0], w.count[1]}};
    return true;
}

static bool windows_shape(struct tg__rule *r) {
    tg_shape z;
    if (!tg__rule_floats(r) || !shape_of_windows(r, &r->from[0]->shape->dims, &z)) return false;
    r->shape = tg__shape_of(r->graph, &z, r->op->name);
    return r->shape != NULL;
}

static bool fold_shape(struct tg__rule *r) {
    tg_shape z;
    char text[200];
    if (!tg__rule_floats(r) || !shape_of_windows(r, &r->shape->dims, &z)) return false;
    if (tg__same_dims(&z, &r->from[0]->shape->dims)) return true;
    snprintf(text, sizeof text, "pictures of that shape have others");
    return refuse(r, text);
}

static double fill_of(const struct tg__attr *attr) { return attr->number == 0 ? 0 : (double)attr->number * INFINITY; }

static tg_status windows_run(struct tg__call *c) {
    const tg_shape *x = &c->shape[0]->dims;
    struct tg__window w;
    if (c->node->shape->count == 0 || tg__window(c->node->attr, &w)) return TG_OK;
    const tg_dtype dtype = (tg_dtype)c->node->dtype;
    const size_t item = tg__item_size(dtype), planes = (size_t)x->dim[0] * (size_t)x->dim[1];
    const size_t from = c->shape[0]->count / planes * item, to = c->node->shape->count / planes * item;
#pragma omp parallel for schedule(static) if (c->node->shape->count >= TG__PARALLEL)
    for (size_t i = 0; i < planes; i++)
        tg__unfold(&w, dtype, (const char *)c->in[0] + i * from, fill_of(c->node->attr), (char *)c->out + i * to);
    return TG_OK;
}

static tg_status fold_run(struct tg__call *c) {
    const tg_shape *x = &c->node->shape->dims;
    struct tg__window w;
    const tg_dtype dtype = (tg_dtype)c->node->dtype;
    const size_t item = tg__item_size(dtype), planes = (size_t)x->dim[0] * (size_t)x->dim[1];
    if (c->node->shape->count == 0 || tg__window(c->node->attr, &w)) return TG_OK;
    const size_t from = c->shape[0]->count / planes * item, to = c->node->shape->count / planes * item;
    memset(c->out, 0, planes * to);
#pragma omp parallel for schedule(static) if (c->shape[0]->count >= TG__PARALLEL)
    for (size_t i = 0; i < planes; i++) tg__fold(&w, dtype, (const char *)c->in[0] + i * from, (char *)c->out + i * to);
    return TG_OK;
}

static tg_node windows_vjp(tg_node z, tg_node g, int slot) {
    const struct tg__attr *own = tg__node_of(z.graph, z.id)->attr;
    const tg_window how = {{own->step[0], own->step[1]}, {own->first[0], own->first[1]}, {own->step[2], own->step[3]}};
    return tg_fold(g, tg_dims(tg_operand(z, slot)), own->size[0], own->size[1], how);
}

static tg_node fold_vjp(tg_node z, tg_node g, int slot) {
    const struct tg__attr *own = tg__node_of(z.graph, z.id)->attr;
    (void)slot;
    return tg__apply(&tg__op_windows, &g, own);
}

#define PADDED "np.pad(x, margin, constant_values=outside)"
#define VIEW   "np.lib.stride_tricks.sliding_window_view(" PADDED ", span, (2, 3))every"

const struct tg_op tg__op_windows = {.name = "windows",
                                     .formula = "z = windows(x, extent, steps)",
                                     .gradient = "fold(g)",
                                     .symbol = "windows",
                                     .numpy = "np.reshape(np.moveaxis(" VIEW ", (4, 5), (2, 3)), shape)",
                                     .tex = "\\mathrm{windows}\\left(x\\right)",
                                     .tex_back = "\\mathrm{fold}\\left(g\\right)",
                                     .operands = 1,
                                     .shape = windows_shape,
                                     .run = windows_run,
                                     .emit = tg__emit_windows,
                                     .vjp = windows_vjp,
                                     .through = true,
                                     .nature = TG__MOVES | TG__LINEAR,
                                     .low = -2,
                                     .high = 2};

const struct tg_op tg__op_fold = {.name = "fold",
                                  .formula = "z = fold(x, shape, extent, steps)",
                                  .gradient = "windows(g)",
                                  .symbol = "fold",
                                  .numpy = "np.einsum('ncijhw,ihy,jwx->ncyx', np.reshape(x, taps), down, across, "
                                           "optimize=True)",
                                  .tex = "\\mathrm{fold}\\left(x\\right)",
                                  .tex_back = "\\mathrm{windows}\\left(g\\right)",
                                  .operands = 1,
                                  .shape = fold_shape,
                                  .run = fold_run,
                                  .emit = tg__emit_fold,
                                  .vjp = fold_vjp,
                                  .magnitude = &tg__op_fold,
                                  .nature = TG__MOVES | TG__LINEAR,
                                  .low = -2,
                                  .high = 2};

/* ------------------------------------------------------------------------------------------------ the constructors */

tg_node tg_windows(tg_node x, int64_t height, int64_t width, tg_window how, double fill) {
    if (!tg__get(x)) return tg__apply(&tg__op_windows, &x, NULL);
    if (fill != 0 && !isinf(fill))
        return tg__fail(x.graph, TG_ARGUMENT, &tg__op_windows, &x, 1, "fill %g is neither 0 nor infinite", fill);
    const int64_t number = fill == 0 ? 0 : fill > 0 ? 1 : -1;
    const tg_shape taps = tg_shape4(1, 1, height, width);
    const struct tg__attr *attr = tg__window_attr(&tg__op_windows, x, &tg__get(x)->shape->dims, &taps, how, number);
    return attr ? tg__apply(&tg__op_windows, &x, attr) : tg_nil(x.graph);
}

tg_node tg_fold(tg_node x, tg_shape shape, int64_t height, int64_t width, tg_window how) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg__apply(&tg__op_fold, &x, NULL);
    const struct tg__shape *z = tg__shape_of(x.graph, &shape, "fold");
    const tg_shape taps = tg_shape4(1, 1, height, width);
    const struct tg__attr *attr = z ? tg__window_attr(&tg__op_fold, x, &shape, &taps, how, 0) : NULL;
    return attr ? tg__apply_shaped(&tg__op_fold, &x, attr, z, (tg_dtype)n->dtype) : tg_nil(x.graph);
}
