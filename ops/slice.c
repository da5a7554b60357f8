/* Slices and padding, each the other's vjp: both know where along each axis of the larger side the elements of the
 * smaller one are, at first + i*step. */
#include "kernel.h"
#include "ops.h"

/* ---------------------------------------------------------------------------------------------------------- copies */

/* The smaller side's elements along their places in the larger one. */
static int64_t lay(const struct tg__attr *attr, const tg_shape *large, int64_t *stride) {
    int64_t at = 0;
    tg__strides(large, stride);
    for (int i = 0; i < large->rank; i++) {
        at += attr->first[i] * stride[i];
        stride[i] *= attr->step[i];
    }
    return at;
}

static tg_status slice_run(struct tg__call *c) {
    struct tg__walk w = {.dims = c->node->shape->dims};
    tg__strides(&w.dims, w.to);
    w.from_at = lay(c->node->attr, &c->shape[0]->dims, w.from);
    tg__copy(c->out, c->in[0], &w, tg__item_size((tg_dtype)c->node->dtype));
    return TG_OK;
}

static tg_status pad_run(struct tg__call *c) {
    struct tg__walk w = {.dims = c->shape[0]->dims};
    const size_t count = c->node->shape->count;
    tg__strides(&w.dims, w.from);
    w.to_at = lay(c->node->attr, &c->node->shape->dims, w.to);
    if (count > c->shape[0]->count) tg__fill(c->out, (tg_dtype)c->node->dtype, count, c->node->attr->value);
    tg__copy(c->out, c->in[0], &w, tg__item_size((tg_dtype)c->node->dtype));
    return TG_OK;
}

static void slice_emit(struct tg__emit *e) {
    for (int i = 0; i < e->node->shape->dims.rank; i++) {
        tg__loop_along(e, e->at[0], i, i);
        e->from[0][i] = e->node->attr->first[i];
        e->by[0][i] = e->node->attr->step[i];
    }
    e->code = "a";
}

static void pad_emit(struct tg__emit *e) {
    e->value = e->node->attr->value;
    e->code = e->in[0]->shape->count ? "a" : "value";
    if (e->in[0]->shape->count == 0) return; /* there is nothing to put into it */
    tg__loops_onto(e);
    for (int i = 0; i < e->loops; i++) {
        tg__loop_along(e, e->out, i, i);
        e->to[i] = e->node->attr->first[i];
        e->pace[i] = e->node->attr->step[i];
    }
    e->fill = e->node->shape->count > e->in[0]->shape->count ? "value" : NULL;
}

/* ----------------------------------------------------------------------------------------------------- the rows */

static tg_node slice_vjp(tg_node z, tg_node g, int slot) {
    const tg_shape x = tg_dims(tg_operand(z, slot));
    return tg__apply_to_shape(&tg__op_pad, g, &x, tg__node_of(z.graph, z.id)->attr);
}

static tg_node pad_vjp(tg_node z, tg_node g, int slot) {
    const tg_shape x = tg_dims(tg_operand(z, slot));
    struct tg__attr attr = *tg__node_of(z.graph, z.id)->attr;
    attr.value = 0;
    const struct tg__attr *kept = tg__intern(z.graph, &attr, sizeof attr);
    return kept ? tg__apply_to_shape(&tg__op_slice, g, &x, kept) : tg_nil(z.graph);
}

/* The second where elements are not one step apart. */
static int pad_form(const struct tg__node *n) {
    int spread = 0;
    for (int i = 0; i < n->shape->dims.rank; i++) spread |= n->attr->step[i] != 1;
    return spread;
}

const struct tg_op tg__op_slice = {.name = "slice",
                                   .formula = "z = x[slices]",
                                   .gradient = "g in zeros of x's shape",
                                   .symbol = "x[i:j]",
                                   .numpy = "x[slices]",
                                   .tex = "{x}_{slices}",
                                   .tex_back = "\\mathrm{pad}\\left(g\\right)",
                                   .operands = 1,
                                   .shape = tg_rule_any,
                                   .run = slice_run,
                                   .emit = slice_emit,
                                   .vjp = slice_vjp,
                                   .through = true,
                                   .nature = TG__MOVES | TG__LINEAR | TG__LIKE,
                                   .low = -2,
                                   .high = 2};
const struct tg_op tg__op_pad = {.name = "pad",
                                 .formula = "z = pad(x, shape, [slices], fill)",
                                 .gradient = "g[slices]",
                                 .symbol = "pad",
                                 .numpy = "np.pad(x, widths, constant_values=fill); "
                                          "np.pad(spread(x)apart, widths, constant_values=fill)",
                                 .tex = "\\mathrm{pad}_{slices}\\left(x\\right)",
                                 .tex_back = "{g}_{slices}",
                                 .operands = 1,
                                 .form = pad_form,
                                 .shape = tg_rule_any,
                                 .run = pad_run,
                                 .emit = pad_emit,
                                 .vjp = pad_vjp,
                                 .through = true,
                                 .nature = TG__MOVES | TG__LINEAR,
                                 .low = -2,
                                 .high = 2};

/* ---------------------------------------------------------------------------------------------------- constructors */

tg_range tg_whole(void) { return (tg_range){0, TG_END, 1}; }

/* NumPy's rule: counted from the end if negative, and then cut to what a walk forwards or backwards can come to. */
static int64_t cut(int64_t at, int64_t n, bool back) {
    if (at < 0) at += n;
    if (at < 0) return back ? -1 : 0;
    return at < n ? at : back ? n - 1 : n;
}

/* The same elements have the same attributes, however they were asked for. */
static int64_t take_range(struct tg__attr *attr, int axis, tg_range r, int64_t n) {
    const bool back = r.step < 0;
    const int64_t step = r.step == INT64_MIN ? INT64_MAX : back ? -r.step : r.step;
    const int64_t start = cut(r.start, n, back), stop = cut(r.stop, n, back), gap = back ? start - stop : stop - start;
    const int64_t count = gap > 0 ? (gap - 1) / step + 1 : 0;
    attr->first[axis] = count ? start : 0;
    attr->step[axis] = count < 2 ? 1 : back ? -step : step;
    return count;
}

static tg_node refuse_step(const struct tg_op *op, tg_node x, int axis) {
    char name[80], shape[200];
    const tg_shape dims = tg_dims(x);
    return tg__fail(x.graph, TG_ARGUMENT, op, &x, 1, "the step along axis %d of %s %s is 0", axis,
                    tg__quote(x.graph, x.id, name, sizeof name), tg__shape_text(&dims, shape, sizeof shape));
}

/* A range for each axis. */
static tg_node slice(tg_node x, const tg_range range[TG_MAX_RANK]) {
    struct tg__attr attr = {.number = 0};
    tg_shape z = tg_dims(x);
    for (int i = 0; i < z.rank; i++) {
        if (range[i].step == 0) return refuse_step(&tg__op_slice, x, i);
        z.dim[i] = take_range(&attr, i, range[i], z.dim[i]);
    }
    const struct tg__attr *kept = tg__intern(x.graph, &attr, sizeof attr);
    return kept ? tg__apply_to_shape(&tg__op_slice, x, &z, kept) : tg_nil(x.graph);
}

static void whole(tg_range range[TG_MAX_RANK]) {
    for (int i = 0; i < TG_MAX_RANK; i++) range[i] = tg_whole();
}

tg_node tg_slice(tg_node x, int axis, int64_t start, int64_t stop, int64_t step) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg__apply(&tg__op_slice, &x, NULL);
    tg_range range[TG_MAX_RANK];
    int64_t at;
    if (!tg__axis(x.graph, &tg__op_slice, x, n->shape->dims.rank, axis, &at)) return tg_nil(x.graph);
    whole(range);
    range[at] = (tg_range){start, stop, step};
    return slice(x, range);
}

tg_node tg_slice_n(tg_node x, int count, const tg_range *of) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg__apply(&tg__op_slice, &x, NULL);
    tg_range range[TG_MAX_RANK];
    char name[80], shape[200];
    if (count < 0 || count > n->shape->dims.rank)
        return tg__fail(x.graph, TG_SHAPE, &tg__op_slice, &x, 1, "%d ranges were given for %s %s", count,
                        tg__quote(x.graph, x.id, name, sizeof name),
                        tg__shape_text(&n->shape->dims, shape, sizeof shape));
    if (!of && count > 0) return tg__fail(x.graph, TG_ARGUMENT, &tg__op_slice, &x, 1, "the ranges are NULL");
    whole(range);
    for (int i = 0; i < count; i++) range[i] = of[i];
    return slice(x, range);
}

static const struct tg_op flip = {.name = "flip"}; /* for what it says: it is a slice */

tg_node tg_flip(tg_node x, tg_axes axes) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg__apply(&tg__op_slice, &x, NULL);
    struct tg__attr fates;
    tg_range range[TG_MAX_RANK];
    if (!tg__fates(x.graph, &flip, x, n->shape->dims.rank, axes, &fates)) return tg_nil(x.graph);
    whole(range);
    for (int i = 0; i < n->shape->dims.rank; i++)
        if (fates.axis[i] != TG__STAYS) range[i] = (tg_range){TG_END, TG_BEGIN, -1};
    return slice(x, range);
}

/* The value as the dtype has it. */
static bool fits(tg_dtype dtype, double *value) {
    if (dtype == TG_F32) *value = (double)(float)*value;
    return dtype != TG_I32 || tg__is_i32(*value);
}

tg_node tg_pad(tg_node x, tg_shape before, tg_shape after, double value) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg__apply(&tg__op_pad, &x, NULL);
    struct tg__attr attr = {.value = value};
    tg_shape z = n->shape->dims;
    char name[80], has[200], b[200], a[200];
    bool good = before.rank == z.rank && after.rank == z.rank;
    for (int i = 0; good && i < z.rank; i++) {
        good = before.dim[i] >= 0 && after.dim[i] >= 0 && !__builtin_add_overflow(z.dim[i], before.dim[i], &z.dim[i]) &&
               !__builtin_add_overflow(z.dim[i], after.dim[i], &z.dim[i]);
        attr.first[i] = n->shape->dims.dim[i] ? before.dim[i] : 0;
        attr.step[i] = 1;
    }
    tg__quote(x.graph, x.id, name, sizeof name);
    if (!good)
        return tg__fail(x.graph, TG_SHAPE, &tg__op_pad, &x, 1,
                        "%s before and %s after are no padding for %s %s: a count from 0 on is needed for each axis",
                        tg__shape_text(&before, b, sizeof b), tg__shape_text(&after, a, sizeof a), name,
                        tg__shape_text(&n->shape->dims, has, sizeof has));
    if (!fits((tg_dtype)n->dtype, &attr.value))
        return tg__fail(x.graph, TG_ARGUMENT, &tg__op_pad, &x, 1, "%s is i32, which %g does not fit", name, value);
    const struct tg__attr *kept = tg__intern(x.graph, &attr, sizeof attr);
    return kept ? tg__apply_to_shape(&tg__op_pad, x, &z, kept) : tg_nil(x.graph);
}
