/* Whole slices by an index: take picks them, scatter_add puts them back and adds up what comes to the same place; each
 * is the other's vjp. Of x the index's axes stand where z's one axis was, or the other way round. */
#include "kernel.h"
#include "ops.h"

static bool index_fits(struct tg__rule *r, int rank) {
    char a[80], b[80];
    if (r->from[1]->dtype != TG_I32) {
        tg__fail(r->graph, TG_DTYPE, r->op, r->in, 2, "index %s is %s, not i32",
                 tg__quote(r->graph, r->in[1].id, a, sizeof a), tg__dtype_name((tg_dtype)r->from[1]->dtype));
        return false;
    }
    r->dtype = (tg_dtype)r->from[0]->dtype;
    if (rank <= TG_MAX_RANK) return true;
    tg__fail(r->graph, TG_SHAPE, r->op, r->in, 2, "%s at index %s would have rank %d",
             tg__quote(r->graph, r->in[0].id, a, sizeof a), tg__quote(r->graph, r->in[1].id, b, sizeof b), rank);
    return false;
}

static bool take_shape(struct tg__rule *r) {
    const tg_shape *x = &r->from[0]->shape->dims, *y = &r->from[1]->shape->dims;
    const int axis = (int)r->attr->number;
    tg_shape z = {.rank = 0};
    if (!index_fits(r, x->rank - 1 + y->rank)) return false;
    for (int i = 0; i < axis; i++) z.dim[z.rank++] = x->dim[i];
    for (int i = 0; i < y->rank; i++) z.dim[z.rank++] = y->dim[i];
    for (int i = axis + 1; i < x->rank; i++) z.dim[z.rank++] = x->dim[i];
    r->shape = tg__shape_of(r->graph, &z, r->op->name);
    return r->shape != NULL;
}

static bool scatter_add_shape(struct tg__rule *r) {
    const tg_shape *x = &r->from[0]->shape->dims, *y = &r->from[1]->shape->dims;
    const int axis = (int)r->attr->number;
    tg_shape z = {.rank = 0};
    char a[80], b[80], as[200], bs[200];
    if (!index_fits(r, 0)) return false;
    if (r->dtype == TG_I32) {
        tg__fail(r->graph, TG_DTYPE, r->op, r->in, 2, "%s is i32; only floating-point values are added up",
                 tg__quote(r->graph, r->in[0].id, a, sizeof a));
        return false;
    }
    for (int i = 0; i < axis; i++) z.dim[z.rank++] = x->dim[i];
    z.dim[z.rank++] = r->attr->size[axis];
    for (int i = axis + y->rank; i < x->rank; i++) z.dim[z.rank++] = x->dim[i];
    bool fits = axis + y->rank <= x->rank;
    for (int i = 0; fits && i < y->rank; i++) fits = x->dim[axis + i] == y->dim[i];
    if (fits) r->shape = tg__shape_of(r->graph, &z, r->op->name);
    if (fits) return r->shape != NULL;
    tg__fail(r->graph, TG_SHAPE, r->op, r->in, 2, "%s %s has not the axes of index %s %s from axis %d on",
             tg__quote(r->graph, r->in[0].id, a, sizeof a), tg__shape_text(x, as, sizeof as),
             tg__quote(r->graph, r->in[1].id, b, sizeof b), tg__shape_text(y, bs, sizeof bs), axis);
    return false;
}

/* ------------------------------------------------------------------------------------------------------ kernels */

/* Both go over the blocks before the axis, the index, and the block behind. */
struct plan {
    size_t blocks, picks, run, length; /* run: elements behind the axis; length: of the axis that is indexed */
};

static struct plan plan_of(const struct tg__call *c, const tg_shape *indexed) {
    struct plan p = {.blocks = 1, .picks = c->shape[1]->count, .run = 1};
    const int64_t axis = c->node->attr->number;
    p.length = (size_t)indexed->dim[axis];
    for (int i = 0; i < indexed->rank; i++) {
        if (i < axis) p.blocks *= (size_t)indexed->dim[i];
        if (i > axis) p.run *= (size_t)indexed->dim[i];
    }
    return p;
}

static tg_status take_run(struct tg__call *c) {
    const struct plan p = plan_of(c, &c->shape[0]->dims);
    const tg_status status = tg__check_labels(c, (int64_t)p.length);
    const size_t bytes = p.run * tg__item_size((tg_dtype)c->node->dtype);
    const int32_t *index = c->in[1];
    char *to = c->out;
    if (status || c->node->shape->count == 0) return status;
    for (size_t i = 0; i < p.blocks; i++)
        for (size_t k = 0; k < p.picks; k++, to += bytes)
            memcpy(to, (const char *)c->in[0] + (i * p.length + (size_t)index[k]) * bytes, bytes);
    return TG_OK;
}

/* In the order of the index, whatever the number of threads. */
#define ADD(name, type)                                                                                                \
    static void name(void *out, const void *in, const int32_t *index, struct plan p) {                                 \
        const type *x = in;                                                                                            \
        for (size_t i = 0; i < p.blocks; i++)                                                                          \
            for (size_t k = 0; k < p.picks; k++, x += p.run) {                                                         \
                type *z = (type *)out + (i * p.length + (size_t)index[k]) * p.run;                                     \
                for (size_t j = 0; j < p.run; j++) z[j] += x[j];                                                       \
            }                                                                                                          \
    }
ADD(add_f32, float)
ADD(add_f64, double)

static tg_status scatter_add_run(struct tg__call *c) {
    const struct plan p = plan_of(c, &c->node->shape->dims);
    const tg_status status = tg__check_labels(c, (int64_t)p.length);
    tg__fill(c->out, (tg_dtype)c->node->dtype, c->node->shape->count, 0);
    if (status || c->shape[0]->count == 0) return status;
    (c->node->dtype == TG_F64 ? add_f64 : add_f32)(c->out, c->in[0], c->in[1], p);
    return TG_OK;
}

static void take_emit(struct tg__emit *e) {
    const int axis = (int)e->node->attr->number, picks = e->in[1]->shape->dims.rank;
    for (int i = 0; i < e->in[0]->shape->dims.rank; i++)
        if (i != axis) tg__loop_along(e, e->at[0], i, i < axis ? i : i + picks - 1);
    for (int i = 0; i < picks; i++) tg__loop_along(e, e->at[1], i, axis + i);
    e->at[0][axis] = TG__LABEL;
    e->number = e->in[0]->shape->dims.dim[axis];
    e->guard = e->number ? "b < 0 || b >= number" : "b < 0 || 1"; /* compilers warn of b < 0 || b >= 0 */
    e->code = e->in[0]->shape->count ? "a" : "0";
}

static void scatter_add_emit(struct tg__emit *e) {
    const int axis = (int)e->node->attr->number, picks = e->in[1]->shape->dims.rank;
    e->code = e->in[0]->shape->count ? "a" : "0";
    tg__loops_onto(e);
    for (int i = 0; i < picks; i++) tg__loop_along(e, e->at[1], i, axis + i);
    for (int i = 0; i < e->node->shape->dims.rank; i++)
        if (i != axis) tg__loop_along(e, e->out, i, i < axis ? i : i + picks - 1);
    e->out[axis] = TG__LABEL;
    e->number = e->node->shape->dims.dim[axis];
    e->guard = "b < 0 || b >= number";
    e->fill = "0";
    e->adds = true;
}

/* ----------------------------------------------------------------------------------------------------- the rows */

static tg_node take_vjp(tg_node z, tg_node g, int slot) {
    const int axis = (int)tg__node_of(z.graph, z.id)->attr->number;
    return tg_scatter_add(g, tg_operand(z, 1), axis, tg_dims(tg_operand(z, slot)).dim[axis]);
}

static tg_node scatter_add_vjp(tg_node z, tg_node g, int slot) {
    (void)slot;
    return tg_take(g, tg_operand(z, 1), (int)tg__node_of(z.graph, z.id)->attr->number);
}

const struct tg_op tg__op_take = {.name = "take",
                                  .formula = "z = take(x, y, axis=number)",
                                  .gradient = "scatter_add(g, y)",
                                  .symbol = "take",
                                  .numpy = "np.take(x, y, axis=number)",
                                  .tex = "\\mathrm{take}\\left(x, y\\right)",
                                  .tex_back = "\\mathrm{scatter}\\left(g, y\\right)",
                                  .operands = 2,
                                  .shape = take_shape,
                                  .run = take_run,
                                  .emit = take_emit,
                                  .vjp = take_vjp,
                                  .nature = TG__MOVES | TG__LINEAR,
                                  .low = -2,
                                  .high = 2};
const struct tg_op tg__op_scatter_add = {.name = "scatter_add",
                                         .formula = "z = scatter_add(x, y, shape, axis=number)",
                                         .gradient = "take(g, y)",
                                         .symbol = "scatter +",
                                         .numpy = "np.reshape(np.bincount(np.ravel(np.take(np.reshape(np.arange("
                                                  "elements), shape), y, axis=number)), np.ravel(x), elements)"
                                                  ".astype(dtype), shape)",
                                         .tex = "\\mathrm{scatter}\\left(x, y\\right)",
                                         .tex_back = "\\mathrm{take}\\left(g, y\\right)",
                                         .operands = 2,
                                         .shape = scatter_add_shape,
                                         .run = scatter_add_run,
                                         .emit = scatter_add_emit,
                                         .vjp = scatter_add_vjp,
                                         .magnitude = &tg__op_scatter_add,
                                         .nature = TG__MOVES | TG__LINEAR,
                                         .low = -2,
                                         .high = 2};

tg_node tg_take(tg_node x, tg_node index, int axis) {
    const struct tg__node *n = tg__get(x);
    struct tg__attr attr = {.number = 0};
    if (!n) return tg__apply(&tg__op_take, (tg_node[]){x, index}, NULL);
    if (!tg__axis(x.graph, &tg__op_take, x, n->shape->dims.rank, axis, &attr.number)) return tg_nil(x.graph);
    const struct tg__attr *kept = tg__intern(x.graph, &attr, sizeof attr);
    return kept ? tg__apply(&tg__op_take, (tg_node[]){x, index}, kept) : tg_nil(x.graph);
}

tg_node tg_scatter_add(tg_node x, tg_node index, int axis, int64_t size) {
    const struct tg__node *n = tg__get(x), *m = tg__get(index);
    struct tg__attr attr = {.number = 0};
    if (!n || !m) return tg__apply(&tg__op_scatter_add, (tg_node[]){x, index}, NULL);
    const int rank = n->shape->dims.rank - m->shape->dims.rank + 1;
    if (rank > TG_MAX_RANK)
        return tg__fail(x.graph, TG_SHAPE, &tg__op_scatter_add, (tg_node[]){x, index}, 2,
                        "the result would have rank %d", rank);
    if (size < 0)
        return tg__fail(x.graph, TG_ARGUMENT, &tg__op_scatter_add, &x, 1, "the axis is to have length %lld",
                        (long long)size);
    if (rank > 0 && !tg__axis(x.graph, &tg__op_scatter_add, x, rank, axis, &attr.number)) return tg_nil(x.graph);
    attr.size[attr.number] = size;
    const struct tg__attr *kept = tg__intern(x.graph, &attr, sizeof attr);
    return kept ? tg__apply(&tg__op_scatter_add, (tg_node[]){x, index}, kept) : tg_nil(x.graph);
}
