/* Movement and conversion: operators that copy, each element to its place. */
#include "kernel.h"
#include "ops.h"

/* ---------------------------------------------------------------------------------------------------------- cast */

static bool cast_shape(struct tg__rule *r) {
    r->shape = r->from[0]->shape;
    return true; /* the dtype was given */
}

static tg_status cast_run(struct tg__call *c) {
    const tg_dtype from = (tg_dtype)tg__node_of(c->graph, c->node->in[0])->dtype, to = (tg_dtype)c->node->dtype;
    if (from == to) {
        if (c->node->shape->count) memcpy(c->out, c->in[0], c->node->shape->count * tg__item_size(to));
        return TG_OK;
    }
    for (size_t i = 0; i < c->node->shape->count; i++) {
        double v = tg__load(from, c->in[0], i);
        if (to == TG_I32 && !tg__fits_i32(v))
            return tg__fail_run(c->graph, TG_VALUE, c->id, "element %zu is %g, which does not fit i32", i, v);
        tg__store(to, c->out, i, v);
    }
    return TG_OK;
}

static void cast_emit(struct tg__emit *e) {
    const bool narrows = e->node->dtype == TG_I32 && e->in[0]->dtype != TG_I32;
    e->code = e->node->dtype == e->in[0]->dtype ? "a" : "(T)a";
    e->guard = narrows ? "!(a > -2147483649.0 && a < 2147483648.0)" : NULL;
}

static tg_node cast_vjp(tg_node z, tg_node g, int slot) { return tg_cast(g, tg_dtype_of(tg_operand(z, slot))); }

const struct tg_op tg__op_cast = {.name = "cast",
                                  .formula = "z = cast(x, dtype)",
                                  .gradient = "g cast back",
                                  .symbol = "cast",
                                  .numpy = "np.asarray(x, dtype)",
                                  .tex = "\\mathrm{dtype}\\left(x\\right)",
                                  .tex_back = "\\mathrm{cast}\\left(g\\right)",
                                  .operands = 1,
                                  .shape = cast_shape,
                                  .run = cast_run,
                                  .emit = cast_emit,
                                  .vjp = cast_vjp,
                                  .through = true,
                                  .nature = TG__MOVES | TG__LINEAR | TG__LIKE,
                                  .low = -2,
                                  .high = 2};

tg_node tg_cast(tg_node x, tg_dtype dtype) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg__apply(&tg__op_cast, &x, NULL);
    if (!tg__is_dtype(dtype)) return tg__fail(x.graph, TG_DTYPE, &tg__op_cast, &x, 1, "%d is no dtype", (int)dtype);
    return tg__apply_shaped(&tg__op_cast, &x, NULL, n->shape, dtype);
}

/* ------------------------------------------------------------------------------------ transpose and expand: copies */

/* z's element at (i, j, …) is x's at the sum of i, j, … times a stride each. */
static tg_status copy_strided(const struct tg__call *c, struct tg__walk *w) {
    w->dims = c->node->shape->dims;
    tg__strides(&w->dims, w->to);
    tg__copy(c->out, c->in[0], w, tg__item_size((tg_dtype)c->node->dtype));
    return TG_OK;
}

/* Strides of x laid along the axes of z that `axis` names, 0 along the others. */
static tg_status transpose_run(struct tg__call *c) {
    struct tg__walk w = {.to_at = 0};
    int64_t own[TG_MAX_RANK];
    tg__strides(&c->shape[0]->dims, own);
    for (int i = 0; i < c->shape[0]->dims.rank; i++) w.from[i] = own[c->node->attr->axis[i]];
    return copy_strided(c, &w);
}

static void transpose_emit(struct tg__emit *e) {
    for (int i = 0; i < e->node->shape->dims.rank; i++) tg__loop_along(e, e->at[0], e->node->attr->axis[i], i);
    e->code = "a";
}

static tg_node transpose_vjp(tg_node z, tg_node g, int slot) {
    (void)slot;
    const struct tg__attr *order = tg__node_of(z.graph, z.id)->attr;
    tg_axes back = {.count = tg_dims(z).rank};
    for (int i = 0; i < back.count; i++) back.axis[order->axis[i]] = i;
    return tg_transpose(g, back);
}

const struct tg_op tg__op_transpose = {.name = "transpose",
                                       .formula = "z = transpose(x, order)",
                                       .gradient = "g transposed back",
                                       .symbol = "ᵀ",
                                       .numpy = "np.transpose(x, order)",
                                       .tex = "{x}^{order}",
                                       .tex_back = "{g}^{\\top}",
                                       .operands = 1,
                                       .shape = tg__rule_any,
                                       .run = transpose_run,
                                       .emit = transpose_emit,
                                       .vjp = transpose_vjp,
                                       .through = true,
                                       .nature = TG__MOVES | TG__LINEAR | TG__LIKE,
                                       .low = -2,
                                       .high = 2};

tg_node tg_transpose(tg_node x, tg_axes order) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg__apply(&tg__op_transpose, &x, NULL);
    const tg_shape *dims = &n->shape->dims;
    if (order.count == -1) {
        order.count = dims->rank;
        for (int i = 0; i < dims->rank; i++) order.axis[i] = dims->rank - 1 - i;
    }
    struct tg__attr attr;
    if (!tg__fates(x.graph, &tg__op_transpose, x, dims->rank, order, &attr)) return tg_nil(x.graph);
    char name[80];
    if (order.count != dims->rank)
        return tg__fail(x.graph, TG_SHAPE, &tg__op_transpose, &x, 1, "%d axes were given for %s of rank %d",
                        order.count, tg__quote(x.graph, x.id, name, sizeof name), dims->rank);
    tg_shape z = {.rank = dims->rank};
    for (int i = 0; i < dims->rank; i++) {
        int a = order.axis[i] < 0 ? order.axis[i] + dims->rank : order.axis[i];
        attr.axis[i] = (uint8_t)a;
        z.dim[i] = dims->dim[a];
    }
    const struct tg__attr *kept = tg__intern(x.graph, &attr, sizeof attr);
    return kept ? tg__apply_to_shape(&tg__op_transpose, x, &z, kept) : tg_nil(x.graph);
}

static tg_status expand_run(struct tg__call *c) {
    struct tg__walk w = {.to_at = 0};
    int64_t s = 1;
    const tg_shape *z = &c->node->shape->dims;
    for (int i = z->rank - 1; i >= 0; i--)
        if (c->node->attr->axis[i] == TG__STAYS) {
            w.from[i] = s;
            s *= z->dim[i];
        }
    return copy_strided(c, &w);
}

static void expand_emit(struct tg__emit *e) {
    for (int i = 0, own = 0; i < e->node->shape->dims.rank; i++) {
        const int fate = e->node->attr->axis[i];
        if (fate == TG__STAYS) tg__loop_along(e, e->at[0], own, i);
        if (fate == TG__KEPT) e->at[0][own] = TG__FIRST;
        own += fate != TG__DROPPED;
    }
    e->code = "a";
}

static tg_node expand_vjp(tg_node z, tg_node g, int slot) {
    (void)slot;
    return tg__sum(g, tg__node_of(z.graph, z.id)->attr);
}

/* NumPy's broadcasting puts new axes in front; new ones elsewhere are made first. */
static int expand_form(const struct tg__node *n) {
    bool dropped = false, after = false;
    for (int i = n->shape->dims.rank - 1; i >= 0; i--) {
        dropped |= n->attr->axis[i] == TG__DROPPED;
        after |= dropped && n->attr->axis[i] != TG__DROPPED;
    }
    return after;
}

const struct tg_op tg__op_expand = {.name = "expand",
                                    .formula = "z = expand(x, shape)",
                                    .gradient = "sum of g along the axes",
                                    .symbol = "repeat",
                                    .numpy = "np.broadcast_to(x, shape); "
                                             "np.broadcast_to(np.expand_dims(x, dropped), shape)",
                                    .tex = "\\mathrm{repeat}_{shape}\\left(x\\right)",
                                    .tex_back = "\\sum_{axes} g",
                                    .operands = 1,
                                    .form = expand_form,
                                    .shape = tg__rule_any,
                                    .run = expand_run,
                                    .emit = expand_emit,
                                    .vjp = expand_vjp,
                                    .through = true,
                                    .nature = TG__MOVES | TG__LINEAR | TG__LIKE,
                                    .low = -2,
                                    .high = 2};

tg_node tg__expand(tg_node x, const struct tg__shape *shape, const struct tg__attr *fates) {
    const struct tg__attr *kept = x.graph ? tg__intern(x.graph, fates, sizeof *fates) : NULL;
    return kept ? tg__apply_to_shape(&tg__op_expand, x, &shape->dims, kept) : tg_nil(x.graph);
}

static tg_node refuse_expand(tg_node x, const tg_shape *shape) {
    char name[80], from[200], to[200];
    tg_shape has = tg_dims(x);
    return tg__fail(x.graph, TG_SHAPE, &tg__op_expand, &x, 1, "%s %s does not broadcast to %s",
                    tg__quote(x.graph, x.id, name, sizeof name), tg__shape_text(&has, from, sizeof from),
                    tg__shape_text(shape, to, sizeof to));
}

tg_node tg_expand(tg_node x, tg_shape shape) {
    const struct tg__node *n = tg__get(x);
    const struct tg__shape *z = n ? tg__shape_of(x.graph, &shape, "expand") : NULL;
    if (!z) return tg__apply(&tg__op_expand, &x, NULL);
    if (!tg__broadcasts_to(&n->shape->dims, &shape)) return refuse_expand(x, &shape);
    struct tg__attr fates;
    tg__fates_between(n->shape, z, &fates);
    return tg__expand(x, z, &fates);
}

tg_node tg_expand_axes(tg_node x, tg_shape shape, tg_axes axes) {
    const struct tg__node *n = tg__get(x);
    const struct tg__shape *z = n ? tg__shape_of(x.graph, &shape, "expand") : NULL;
    if (!z) return tg__apply(&tg__op_expand, &x, NULL);
    struct tg__attr fates;
    if (!tg__fates(x.graph, &tg__op_expand, x, shape.rank, axes, &fates)) return tg_nil(x.graph);
    tg_shape needed = tg__reduced(&z->dims, &fates);
    if (!tg__same_dims(&needed, &n->shape->dims)) return refuse_expand(x, &shape);
    return tg__expand(x, z, &fates);
}
