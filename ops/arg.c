/* Where the largest and the smallest element stand: over one axis, or over all as they lie in memory. */
#include "along.h"
#include "kernel.h"
#include "ops.h"

static bool arg_shape(struct tg__rule *r, const char *extreme) {
    if (!tg__rule_extreme(r, extreme)) return false;
    const struct tg__shape *x = r->from[0]->shape;
    char name[80], shape[200];
    r->dtype = TG_I32;
    if (x->count == 0 || tg__along(&x->dims, r->attr->number).length <= INT32_MAX) return true;
    tg__fail(r->graph, TG_SHAPE, r->op, r->in, 1, "%s %s has more elements along the axis than an i32 counts",
             tg__quote(r->graph, r->in[0].id, name, sizeof name), tg__shape_text(&x->dims, shape, sizeof shape));
    return false;
}

static bool argmax_shape(struct tg__rule *r) { return arg_shape(r, "maximum"); }
static bool argmin_shape(struct tg__rule *r) { return arg_shape(r, "minimum"); }

/* The first of ties; the first NaN before anything. sign: -1 looks for the smallest. */
#define ARG(T)                                                                                                         \
    static int32_t arg_##T(const T *x, size_t length, size_t step, int sign) {                                         \
        size_t best = 0;                                                                                               \
        T m = x[0];                                                                                                    \
        for (size_t k = 1; k < length && m == m; k++) {                                                                \
            const T v = x[k * step];                                                                                   \
            if (v != v || (sign > 0 ? v > m : v < m)) {                                                                \
                best = k;                                                                                              \
                m = v;                                                                                                 \
            }                                                                                                          \
        }                                                                                                              \
        return (int32_t)best;                                                                                          \
    }
ARG(float)
ARG(double)

static tg_status run(struct tg__call *c, int sign) {
    if (c->node->shape->count == 0) return TG_OK;
    const struct tg__along a = tg__along(&c->shape[0]->dims, c->node->attr->number);
    const bool f64 = tg__node_of(c->graph, c->node->in[0])->dtype == TG_F64;
#pragma omp parallel for schedule(static) if (c->shape[0]->count >= TG__PARALLEL)
    for (size_t i = 0; i < a.outer * a.inner; i++) {
        const size_t at = i / a.inner * a.length * a.inner + i % a.inner;
        ((int32_t *)c->out)[i] = f64 ? arg_double((const double *)c->in[0] + at, a.length, a.inner, sign)
                                     : arg_float((const float *)c->in[0] + at, a.length, a.inner, sign);
    }
    return TG_OK;
}

static tg_status argmax_run(struct tg__call *c) { return run(c, 1); }
static tg_status argmin_run(struct tg__call *c) { return run(c, -1); }

#define TEXT(name, less)                                                                                               \
    "/* Along the middle of x [outer, length, inner]: the first of ties, the first NaN before anything. */\n"          \
    "static void " name "$(int32_t *z, const T *x, size_t outer, size_t length, size_t inner) {\n"                     \
    "    for (size_t i = 0; i < outer * inner; i++) {\n"                                                               \
    "        const T *at = x + i / inner * length * inner + i % inner;\n"                                              \
    "        size_t best = 0;\n"                                                                                       \
    "        for (size_t k = 1; k < length; k++) {\n"                                                                  \
    "            const T m = at[best * inner], v = at[k * inner];\n"                                                   \
    "            if (m == m && (v != v || v " less " m)) best = k;\n"                                                  \
    "        }\n"                                                                                                      \
    "        z[i] = (int32_t)best;\n"                                                                                  \
    "    }\n"                                                                                                          \
    "}\n"

static const struct tg__helper argmax_helper = {"argmax", TEXT("argmax", ">")},
                               argmin_helper = {"argmin", TEXT("argmin", "<")};

static void emit(struct tg__emit *e, const struct tg__helper *helper) {
    const struct tg__along a = tg__along(&e->in[0]->shape->dims, e->node->attr->number);
    tg__emit_call(e, helper, 3, (int64_t[]){(int64_t)a.outer, (int64_t)a.length, (int64_t)a.inner});
}

static void argmax_emit(struct tg__emit *e) { emit(e, &argmax_helper); }
static void argmin_emit(struct tg__emit *e) { emit(e, &argmin_helper); }

static int form(const struct tg__node *n) {
    bool keeps = false;
    for (int i = 0; i < TG_MAX_RANK; i++) keeps |= n->attr->axis[i] == TG__KEPT;
    return keeps + (n->attr->number < 0 ? 2 : 0);
}

const struct tg_op tg__op_argmax = {.name = "argmax",
                                    .formula = "z = argmax(x, axis=number); z = argmax(x, axis=number, keepdims=True); "
                                               "z = argmax(x); z = argmax(x, keepdims=True)",
                                    .gradient = "none",
                                    .symbol = "argmax",
                                    .numpy = "np.asarray(np.argmax(x, number), dtype); "
                                             "np.asarray(np.argmax(x, number, keepdims=True), dtype); "
                                             "np.asarray(np.argmax(x), dtype); "
                                             "np.asarray(np.argmax(x, keepdims=True), dtype)",
                                    .tex = "\\mathrm{argmax}_{axes}\\left(x\\right)",
                                    .operands = 1,
                                    .form = form,
                                    .shape = argmax_shape,
                                    .run = argmax_run,
                                    .emit = argmax_emit,
                                    .low = -2,
                                    .high = 2};
const struct tg_op tg__op_argmin = {.name = "argmin",
                                    .formula = "z = argmin(x, axis=number); z = argmin(x, axis=number, keepdims=True); "
                                               "z = argmin(x); z = argmin(x, keepdims=True)",
                                    .gradient = "none",
                                    .symbol = "argmin",
                                    .numpy = "np.asarray(np.argmin(x, number), dtype); "
                                             "np.asarray(np.argmin(x, number, keepdims=True), dtype); "
                                             "np.asarray(np.argmin(x), dtype); "
                                             "np.asarray(np.argmin(x, keepdims=True), dtype)",
                                    .tex = "\\mathrm{argmin}_{axes}\\left(x\\right)",
                                    .operands = 1,
                                    .form = form,
                                    .shape = argmin_shape,
                                    .run = argmin_run,
                                    .emit = argmin_emit,
                                    .low = -2,
                                    .high = 2};

static tg_node apply(const struct tg_op *op, tg_node x, tg_axes axes) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg__apply(op, &x, NULL);
    const int rank = n->shape->dims.rank;
    struct tg__attr attr;
    char name[80];
    if (!tg__fates(x.graph, op, x, rank, axes, &attr)) return tg_nil(x.graph);
    if (axes.count != -1 && axes.count != 1)
        return tg__fail(x.graph, TG_ARGUMENT, op, &x, 1, "%d axes of %s: one or all of them can be meant",
                        axes.count > 0 ? axes.count : 0, tg__quote(x.graph, x.id, name, sizeof name));
    attr.number = axes.count == -1 ? -1 : axes.axis[0] < 0 ? axes.axis[0] + rank : axes.axis[0];
    const struct tg__attr *kept = tg__intern(x.graph, &attr, sizeof attr);
    return kept ? tg__apply(op, &x, kept) : tg_nil(x.graph);
}

tg_node tg_argmax(tg_node x, tg_axes axes) { return apply(&tg__op_argmax, x, axes); }
tg_node tg_argmin(tg_node x, tg_axes axes) { return apply(&tg__op_argmin, x, axes); }
