/* Arrays put together along an axis: two by the operator, any number by a balanced tree of it. */
#include "kernel.h"
#include "ops.h"

/* --------------------------------------------------------------------------------------------------------- the row */

/* The constructors have checked that the operands differ in no other axis. */
static bool concat_shape(struct tg__rule *r) {
    const tg_shape *x = &r->from[0]->shape->dims, *y = &r->from[1]->shape->dims;
    tg_shape z = *x;
    char a[80], b[80];
    if (r->from[0]->dtype != r->from[1]->dtype) {
        tg__fail(r->graph, TG_DTYPE, r->op, r->in, 2, "%s is %s, but %s is %s",
                 tg__quote(r->graph, r->in[0].id, a, sizeof a), tg__dtype_name((tg_dtype)r->from[0]->dtype),
                 tg__quote(r->graph, r->in[1].id, b, sizeof b), tg__dtype_name((tg_dtype)r->from[1]->dtype));
        return false;
    }
    if (__builtin_add_overflow(z.dim[r->attr->number], y->dim[r->attr->number], &z.dim[r->attr->number]))
        z.dim[r->attr->number] = INT64_MAX; /* more than memory can hold */
    r->shape = tg__shape_of(r->graph, &z, r->op->name);
    r->dtype = (tg_dtype)r->from[0]->dtype;
    return r->shape != NULL;
}

static tg_status concat_run(struct tg__call *c) {
    const int64_t axis = c->node->attr->number;
    struct tg__walk w = {.to_at = 0};
    tg__strides(&c->node->shape->dims, w.to);
    for (int k = 0; k < 2; k++) {
        w.dims = c->shape[k]->dims;
        tg__strides(&w.dims, w.from);
        tg__copy(c->out, c->in[k], &w, tg__item_size((tg_dtype)c->node->dtype));
        w.to_at += w.dims.dim[axis] * w.to[axis];
    }
    return TG_OK;
}

static void concat_emit(struct tg__emit *e) {
    const int axis = (int)e->node->attr->number;
    const int64_t n = e->in[0]->shape->dims.dim[axis], m = e->in[1]->shape->dims.dim[axis];
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < e->loops; i++) tg__loop_along(e, e->at[k], i, i);
    e->along = axis;
    e->number = n;
    e->from[1][axis] = -n;
    e->code = n == 0 ? "b" : m == 0 ? "a" : "along < number ? a : b";
}

static tg_node concat_vjp(tg_node z, tg_node g, int slot) {
    const int axis = (int)tg__node_of(z.graph, z.id)->attr->number;
    const int64_t border = tg_dims(tg_operand(z, 0)).dim[axis];
    return slot ? tg_slice(g, axis, border, TG_END, 1) : tg_slice(g, axis, 0, border, 1);
}

const struct tg_op tg__op_concat = {.name = "concat",
                                    .formula = "z = concat(x, y, axis=number)",
                                    .gradient = "g as far as x reaches, g behind x",
                                    .symbol = "concat",
                                    .numpy = "np.concatenate((x, y), axis=number)",
                                    .tex = "\\mathrm{concat}\\left(x, y\\right)",
                                    .tex_back = "\\mathrm{head}\\left(g\\right), \\mathrm{tail}\\left(g\\right)",
                                    .operands = 2,
                                    .shape = concat_shape,
                                    .run = concat_run,
                                    .emit = concat_emit,
                                    .vjp = concat_vjp,
                                    .nature = TG__MOVES | TG__LINEAR | TG__LIKE,
                                    .low = -2,
                                    .high = 2};

/* ------------------------------------------------------------------------------------------------------ any number */

static tg_node pair(tg_node x, tg_node y, const struct tg__attr *attr) {
    return tg__apply(&tg__op_concat, (tg_node[]){x, y}, attr);
}

static const struct tg_op stack_op = {.name = "stack"}; /* for what it says: it is a concat */

/* Like a binary counter: where digit k of how many there were is 1, heap[…] holds the concat of 2^k of them. */
static tg_node join(const tg_node *in, size_t n, const struct tg__attr *attr, bool apart) {
    tg_node heap[64];
    int height = 0;
    for (size_t i = 0; i < n; i++) {
        heap[height++] = apart ? tg_unsqueeze(in[i], tg_axis((int)attr->number)) : in[i];
        for (size_t k = i + 1; k % 2 == 0; k /= 2, height--)
            heap[height - 2] = pair(heap[height - 2], heap[height - 1], attr);
    }
    for (; height > 1; height--) heap[height - 2] = pair(heap[height - 2], heap[height - 1], attr);
    return heap[0];
}

static tg_graph *graph_of(const tg_node *in, size_t n) {
    tg_graph *g = NULL;
    for (size_t i = 0; in && i < n && !g; i++) g = in[i].graph;
    return g;
}

/* All alike, but for the length of the axis; stacked, in that too. */
static bool fit(tg_graph *g, const struct tg_op *op, const tg_node *in, size_t n, int64_t axis) {
    const tg_shape first = tg_dims(in[0]);
    char a[80], b[80], as[200], bs[200];
    for (size_t i = 1; i < n; i++) {
        const tg_shape x = tg_dims(in[i]);
        tg_shape like = x;
        if (axis >= 0 && x.rank == first.rank) like.dim[axis] = first.dim[axis];
        if (tg__same_dims(&like, &first)) continue;
        tg__fail(g, TG_SHAPE, op, (tg_node[]){in[0], in[i]}, 2, "operand 1 %s %s and operand %zu %s %s differ%s",
                 tg__quote(g, in[0].id, a, sizeof a), tg__shape_text(&first, as, sizeof as), i + 1,
                 tg__quote(g, in[i].id, b, sizeof b), tg__shape_text(&x, bs, sizeof bs),
                 axis < 0               ? " in shape"
                 : x.rank == first.rank ? " in more than the axis"
                                        : " in rank");
        return false;
    }
    return true;
}

static tg_node put_together(const struct tg_op *op, const tg_node *in, size_t n, int axis, bool apart) {
    tg_graph *g = graph_of(in, n);
    struct tg__attr attr = {.number = 0};
    char name[80];
    if (!g || tg__is_broken(g)) return tg_nil(g);
    for (size_t i = 0; i < n; i++)
        if (in[i].graph != g || !tg__get(in[i]))
            return tg__fail(g, TG_HANDLE, op, in + i, 1, "operand %zu is %s", i + 1,
                            in[i].graph != g && in[i].graph ? "of another graph"
                            : in[i].id                      ? "stale"
                                                            : "nil");
    if (tg_dims(in[0]).rank + apart > TG_MAX_RANK)
        return tg__fail(g, TG_SHAPE, op, in, 1, "%s cannot have an axis more: rank %d is the highest",
                        tg__quote(g, in[0].id, name, sizeof name), TG_MAX_RANK);
    if (!tg__axis(g, op, in[0], tg_dims(in[0]).rank + apart, axis, &attr.number)) return tg_nil(g);
    if (!fit(g, op, in, n, apart ? -1 : attr.number)) return tg_nil(g);
    const struct tg__attr *kept = tg__intern(g, &attr, sizeof attr);
    if (!kept) return tg_nil(g);
    return n == 1 && !apart ? tg_identity(in[0]) : join(in, n, kept, apart);
}

tg_node tg_concat(const tg_node *in, size_t n, int axis) { return put_together(&tg__op_concat, in, n, axis, false); }
tg_node tg_stack(const tg_node *in, size_t n, int axis) {
    tg_graph *g = graph_of(in, n);
    tg_composite_open(g, "stack", NULL);
    const tg_node z = put_together(&stack_op, in, n, axis, true);
    tg_scope_close(g);
    return z;
}
