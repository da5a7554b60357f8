/* Indexing by labels: gather picks one element a row, scatter puts it back into zeros; each is the other's vjp. */
#include "kernel.h"
#include "ops.h"

static bool labels_fit(struct tg__rule *r, const tg_shape *rows, const char *needed) {
    const struct tg__node *label = r->from[1];
    char a[80], b[80], as[200], bs[200];
    tg__quote(r->graph, r->in[1].id, a, sizeof a);
    tg__quote(r->graph, r->in[0].id, b, sizeof b);
    if (r->from[0]->dtype == TG_I32 || label->dtype != TG_I32) {
        const bool values = r->from[0]->dtype == TG_I32;
        tg__fail(r->graph, TG_DTYPE, r->op, r->in, 2, "values are floating-point and labels i32, but %s %s are %s",
                 values ? "values" : "labels", values ? b : a,
                 tg__dtype_name(values ? TG_I32 : (tg_dtype)label->dtype));
        return false;
    }
    r->dtype = (tg_dtype)r->from[0]->dtype;
    if (tg__same_dims(rows, &label->shape->dims)) return true;
    tg__fail(r->graph, TG_SHAPE, r->op, r->in, 2, "labels %s %s do not fit %s %s: %s", a,
             tg__shape_text(&label->shape->dims, as, sizeof as), b,
             tg__shape_text(&r->from[0]->shape->dims, bs, sizeof bs), needed);
    return false;
}

static bool gather_shape(struct tg__rule *r) {
    tg_shape rows = r->from[0]->shape->dims;
    if (rows.rank == 0) {
        char name[80];
        tg__fail(r->graph, TG_SHAPE, r->op, r->in, 2, "%s is a scalar and has no axis to pick from",
                 tg__quote(r->graph, r->in[0].id, name, sizeof name));
        return false;
    }
    rows.dim[--rows.rank] = 0;
    if (!labels_fit(r, &rows, "one label for each row of its last axis is needed")) return false;
    r->shape = r->from[1]->shape;
    return true;
}

static bool scatter_shape(struct tg__rule *r) {
    tg_shape z = r->from[0]->shape->dims;
    if (!labels_fit(r, &z, "one label for each element is needed")) return false;
    if (z.rank == TG_MAX_RANK) {
        tg__fail(r->graph, TG_SHAPE, r->op, r->in, 2, "the result would have rank %d", z.rank + 1);
        return false;
    }
    z.dim[z.rank++] = r->attr->number;
    r->shape = tg__shape_of(r->graph, &z, r->op->name);
    return r->shape != NULL;
}

/* Its place is told as one subscript for each axis; a scalar has none. */
static tg_status refuse_label(const struct tg__call *c, size_t row, int64_t classes) {
    const tg_shape *dims = &c->shape[1]->dims;
    const int32_t label = ((const int32_t *)c->in[1])[row];
    char name[80], place[200];
    tg_shape at = {.rank = dims->rank};
    for (int i = dims->rank - 1; i >= 0; i--) {
        at.dim[i] = (int64_t)(row % (size_t)dims->dim[i]);
        row /= (size_t)dims->dim[i];
    }
    tg__quote(c->graph, c->node->in[1], name, sizeof name);
    if (dims->rank == 0) place[0] = 0;
    if (dims->rank > 0) tg__shape_text(&at, place, sizeof place);
    if (classes == 0)
        return tg__fail_run(c->graph, TG_VALUE, c->id, "%s%s = %d, but there is nothing to choose from", name, place,
                            label);
    return tg__fail_run(c->graph, TG_VALUE, c->id, "%s%s = %d is outside 0 to %lld", name, place, label,
                        (long long)classes - 1);
}

tg_status tg__check_labels(const struct tg__call *c, int64_t classes) {
    const int32_t *label = c->in[1];
    for (size_t i = 0; i < c->shape[1]->count; i++)
        if (label[i] < 0 || label[i] >= classes) return refuse_label(c, i, classes);
    return TG_OK;
}

static tg_status gather_run(struct tg__call *c) {
    const size_t item = tg__item_size((tg_dtype)c->node->dtype);
    const int64_t classes = c->shape[0]->dims.dim[c->shape[0]->dims.rank - 1];
    const tg_status status = tg__check_labels(c, classes);
    for (size_t i = 0; i < c->node->shape->count && !status; i++) {
        size_t at = i * (size_t)classes + (size_t)((const int32_t *)c->in[1])[i];
        memcpy((char *)c->out + i * item, (const char *)c->in[0] + at * item, item);
    }
    return status;
}

static tg_status scatter_run(struct tg__call *c) {
    const size_t item = tg__item_size((tg_dtype)c->node->dtype);
    const int64_t classes = c->node->attr->number;
    memset(c->out, 0, c->node->shape->count * item); /* all-zero bytes are 0.0 */
    const tg_status status = tg__check_labels(c, classes);
    for (size_t i = 0; i < c->shape[0]->count && !status; i++) {
        size_t at = i * (size_t)classes + (size_t)((const int32_t *)c->in[1])[i];
        memcpy((char *)c->out + at * item, (const char *)c->in[0] + i * item, item);
    }
    return status;
}

static void gather_emit(struct tg__emit *e) {
    const tg_shape *x = &e->in[0]->shape->dims;
    for (int axis = 0; axis + 1 < x->rank; axis++) tg__loop_along(e, e->at[0], axis, axis);
    e->at[0][x->rank - 1] = TG__LABEL;
    e->number = x->dim[x->rank - 1];
    e->guard = "b < 0 || b >= number";
    e->code = "a";
}

/* The last loop is that of the classes. */
static void scatter_emit(struct tg__emit *e) {
    for (int axis = 0; axis < e->in[0]->shape->dims.rank; axis++) {
        tg__loop_along(e, e->at[0], axis, axis);
        tg__loop_along(e, e->at[1], axis, axis);
    }
    e->guard = "b < 0 || b >= number";
    e->code = "last == b ? a : 0";
}

static tg_node gather_vjp(tg_node z, tg_node g, int slot) {
    tg_shape x = tg_dims(tg_operand(z, slot));
    return tg_scatter(g, tg_operand(z, 1), x.dim[x.rank - 1]);
}

static tg_node scatter_vjp(tg_node z, tg_node g, int slot) {
    (void)slot;
    return tg_gather(g, tg_operand(z, 1));
}

const struct tg_op tg__op_gather = {.name = "gather",
                                    .formula = "z = x[y]",
                                    .gradient = "scatter(g, y)",
                                    .symbol = "x[y]",
                                    .numpy = "np.take_along_axis(x, y[..., np.newaxis], -1)[..., 0]",
                                    .tex = "{x}_{y}",
                                    .tex_back = "\\mathrm{scatter}\\left(g, y\\right)",
                                    .operands = 2,
                                    .shape = gather_shape,
                                    .run = gather_run,
                                    .emit = gather_emit,
                                    .vjp = gather_vjp,
                                    .nature = TG__MOVES | TG__LINEAR,
                                    .low = -2,
                                    .high = 2};
const struct tg_op tg__op_scatter = {.name = "scatter",
                                     .formula = "z = scatter(x, y, number)",
                                     .gradient = "g[y]",
                                     .symbol = "scatter",
                                     .numpy = "np.where(np.arange(number) == y[..., np.newaxis], "
                                              "x[..., np.newaxis], zero)",
                                     .tex = "\\mathrm{scatter}\\left(x, y\\right)",
                                     .tex_back = "{g}_{y}",
                                     .operands = 2,
                                     .shape = scatter_shape,
                                     .run = scatter_run,
                                     .emit = scatter_emit,
                                     .vjp = scatter_vjp,
                                     .nature = TG__MOVES | TG__LINEAR,
                                     .low = -2,
                                     .high = 2};

tg_node tg_gather(tg_node x, tg_node label) { return tg__apply(&tg__op_gather, (tg_node[]){x, label}, NULL); }

tg_node tg_scatter(tg_node x, tg_node label, int64_t classes) {
    if (!x.graph) return tg_nil(x.graph);
    if (classes < 0)
        return tg__fail(x.graph, TG_ARGUMENT, &tg__op_scatter, &x, 1, "%lld classes; there cannot be fewer than none",
                        (long long)classes);
    const struct tg__attr *attr = tg__intern(x.graph, &(struct tg__attr){.number = classes}, sizeof *attr);
    return attr ? tg__apply(&tg__op_scatter, (tg_node[]){x, label}, attr) : tg_nil(x.graph);
}

tg_node tg_one_hot(tg_node label, int64_t classes, tg_dtype dtype) {
    tg_graph *g = label.graph;
    if (dtype != TG_F32 && dtype != TG_F64)
        return tg_fail(g, TG_DTYPE, "one_hot: dtype %s is neither f32 nor f64", tg__dtype_name(dtype));
    tg_composite_open(g, "one_hot", NULL);
    const tg_node ones = tg__get(label) ? tg_expand(tg_scalar(g, dtype, 1), tg_dims(label)) : label;
    const tg_node z = tg_scatter(ones, label, classes);
    tg_scope_close(g);
    return z;
}
