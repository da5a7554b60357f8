/* Linear algebra: products of matrices, many at a time, either of them transposed where it lies. */
#include "kernel.h"
#include "ops.h"
#include "product.h"

enum { PARALLEL = 1 << 22 }; /* multiplications: about 100 us, below which a second thread costs more than it brings */

/* -------------------------------------------------------------------------------------------------------- the rule */

static bool is_turned(const struct tg__node *n, int slot) { return n->attr && n->attr->axis[slot]; }

static bool refuse(struct tg__rule *r, const char *why) {
    char a[80], b[80], as[200], bs[200];
    tg__fail(r->graph, TG_SHAPE, r->op, r->in, 2, "%s %s%s times %s %s%s: %s",
             tg__quote(r->graph, r->in[0].id, a, sizeof a), tg__shape_text(&r->from[0]->shape->dims, as, sizeof as),
             r->attr && r->attr->axis[0] ? " transposed" : "", tg__quote(r->graph, r->in[1].id, b, sizeof b),
             tg__shape_text(&r->from[1]->shape->dims, bs, sizeof bs), r->attr && r->attr->axis[1] ? " transposed" : "",
             why);
    return false;
}

/* As it would be written: by its name, if that can be a variable's. */
static const char *word(tg_node a, const char *otherwise) {
    const char *name = tg_name(a);
    return *name && strlen(name) < 30 && !strpbrk(name, "/. -") ? name : otherwise;
}

/* Which dimensions, and of the ways to transpose the operands one that fits, if there is one. */
static bool refuse_inner(struct tg__rule *r, int tx, int ty) {
    static const int order[] = {0, 2, 1, 3}; /* neither, y, x, both */
    static const char *const yes[] = {"false", "true"};
    const tg_shape *x = &r->from[0]->shape->dims, *y = &r->from[1]->shape->dims;
    const int64_t last = x->dim[x->rank - 1 - tx], first = y->dim[y->rank == 1 ? 0 : y->rank - 2 + ty];
    char why[240];
    int n = snprintf(why, sizeof why, "the inner dimensions differ, %lld against %lld", (long long)last,
                     (long long)first);
    for (int way = 0; way < 4 && x->rank >= 2 && y->rank >= 2; way++) {
        const int ax = order[way] & 1, ay = order[way] >> 1;
        if (x->dim[x->rank - 1 - ax] != y->dim[y->rank - 2 + ay]) continue;
        snprintf(why + n, sizeof why - (size_t)n, "; tg_matmul_t(%s, %s, %s, %s) fits", word(r->in[0], "x"),
                 word(r->in[1], "y"), yes[ax], yes[ay]);
        break;
    }
    return refuse(r, why);
}

/* The axes before the last two, as NumPy broadcasts them. */
static bool broadcast_batch(struct tg__rule *r, tg_shape *z) {
    const tg_shape *x = &r->from[0]->shape->dims, *y = &r->from[1]->shape->dims;
    z->rank = x->rank > y->rank ? x->rank : y->rank;
    for (int back = 3; back <= z->rank; back++) {
        const int64_t a = back <= x->rank ? x->dim[x->rank - back] : 1,
                      b = back <= y->rank ? y->dim[y->rank - back] : 1;
        char why[100];
        snprintf(why, sizeof why, "the axes before the last two do not broadcast, %lld against %lld in axis %d",
                 (long long)a, (long long)b, -back);
        if (a != b && a != 1 && b != 1) return refuse(r, why);
        z->dim[z->rank - back] = a == 1 ? b : a;
    }
    return true;
}

static bool matmul_shape(struct tg__rule *r) {
    if (!tg__rule_floats(r)) return false;
    const tg_shape *x = &r->from[0]->shape->dims, *y = &r->from[1]->shape->dims;
    const int tx = r->attr && r->attr->axis[0], ty = r->attr && r->attr->axis[1];
    if (x->rank == 0 || y->rank == 0) return refuse(r, "a scalar has no axis to multiply along");
    if ((x->rank < 2 || y->rank < 2) && tx + ty) return refuse(r, "a vector has no axes to swap");
    if (x->rank < 2 || y->rank < 2 || x->dim[x->rank - 1 - tx] != y->dim[y->rank - 2 + ty])
        return refuse_inner(r, tx, ty);
    tg_shape z = {.rank = 0};
    if (!broadcast_batch(r, &z)) return false;
    z.dim[z.rank - 2] = x->dim[x->rank - 2 + tx];
    z.dim[z.rank - 1] = y->dim[y->rank - 1 - ty];
    r->shape = tg__shape_of(r->graph, &z, r->op->name);
    return r->shape != NULL;
}

/* ------------------------------------------------------------------------------------------------------ the kernel */

/* Where matrix number `index` of the result finds its operand's, in elements. */
static size_t matrix_at(const tg_shape *x, const tg_shape *z, size_t index) {
    size_t stride = (size_t)x->dim[x->rank - 1] * (size_t)x->dim[x->rank - 2], at = 0;
    for (int back = 3; back <= z->rank; back++) {
        const size_t here = index % (size_t)z->dim[z->rank - back];
        index /= (size_t)z->dim[z->rank - back];
        if (back > x->rank) break;
        const size_t d = (size_t)x->dim[x->rank - back];
        at += d == 1 ? 0 : here * stride;
        stride *= d;
    }
    return at;
}

/* Rows of all matrices of x that one y is multiplied with, which are those of a single higher one; otherwise of one. */
static size_t rows_at_once(const struct tg__node *n, const struct tg__shape *y) {
    const tg_shape *z = &n->shape->dims, *ys = &y->dims;
    bool shared = !is_turned(n, 0);
    for (int axis = 0; axis + 2 < ys->rank; axis++) shared &= ys->dim[axis] == 1;
    size_t rows = (size_t)z->dim[z->rank - 2];
    for (int axis = 0; shared && axis + 2 < z->rank; axis++) rows *= (size_t)z->dim[axis];
    return rows;
}

static struct tg__matrix matrix_of(const tg_shape *x, bool turn) {
    return (struct tg__matrix){.stride = (size_t)x->dim[x->rank - 1], .turn = turn};
}

/* One block of one of the matrices. */
struct work {
    const struct tg__call *call;
    struct tg__product product;
    struct tg__cut cut;
    size_t blocks;
};

static void run_task(const struct work *w, size_t i) {
    const struct tg__call *c = w->call;
    const tg_shape *x = &c->shape[0]->dims, *y = &c->shape[1]->dims, *z = &c->node->shape->dims;
    const size_t item = tg__item_size((tg_dtype)c->node->dtype), matrix = i / w->blocks;
    struct tg__product own = w->product;
    own.x.data = (const char *)own.x.data + matrix_at(x, z, matrix) * item;
    own.y.data = (const char *)own.y.data + matrix_at(y, z, matrix) * item;
    own.z = (char *)own.z + matrix * own.rows * own.columns * item;
    tg__product_block(&own, &w->cut, i % w->blocks);
}

/* A parallel region whose condition is false costs a team of one all the same. */
static void run_tasks(const struct work *w, size_t tasks, double multiplications) {
    if (tasks == 1 || multiplications < PARALLEL) {
        for (size_t i = 0; i < tasks; i++) run_task(w, i);
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < tasks; i++) run_task(w, i);
}

static tg_status matmul_run(struct tg__call *c) {
    const tg_shape *x = &c->shape[0]->dims, *y = &c->shape[1]->dims, *z = &c->node->shape->dims;
    const size_t count = c->node->shape->count;
    if (count == 0) return TG_OK;
    struct tg__product p = {.dtype = (tg_dtype)c->node->dtype, .rows = rows_at_once(c->node, c->shape[1])};
    p.columns = p.stride = (size_t)z->dim[z->rank - 1];
    p.inner = (size_t)x->dim[is_turned(c->node, 0) ? x->rank - 2 : x->rank - 1];
    p.x = matrix_of(x, is_turned(c->node, 0)), p.y = matrix_of(y, is_turned(c->node, 1));
    p.x.data = c->in[0], p.y.data = c->in[1], p.z = c->out;
    struct work w = {.call = c, .product = p, .cut = tg__cut_of(c->graph, &p)};
    w.blocks = w.cut.down * w.cut.across;
    run_tasks(&w, count / (p.rows * p.columns) * w.blocks, (double)count * (double)p.inner);
    return TG_OK;
}

/* --------------------------------------------------------------------------------------------------------- the row */

static void lay_operand(struct tg__emit *e, int slot, int row, int column) {
    const tg_shape *x = &e->in[slot]->shape->dims, *z = &e->node->shape->dims;
    const int turn = is_turned(e->node, slot);
    for (int axis = 0; axis + 2 < x->rank; axis++) {
        e->at[slot][axis] = TG__FIRST;
        if (x->dim[axis] != 1) tg__loop_along(e, e->at[slot], axis, axis + z->rank - x->rank);
    }
    tg__loop_along(e, e->at[slot], x->rank - 2 + turn, row);
    tg__loop_along(e, e->at[slot], x->rank - 1 - turn, column);
}

static void matmul_emit(struct tg__emit *e) {
    const tg_shape *x = &e->in[0]->shape->dims;
    const int rank = e->node->shape->dims.rank, inner = rank;
    e->loops = rank + 1;
    e->extent[inner] = e->terms = x->dim[x->rank - 1 - is_turned(e->node, 0)];
    lay_operand(e, 0, rank - 2, inner), lay_operand(e, 1, inner, rank - 1);
    const tg_shape *z = &e->node->shape->dims;
    e->rounds =
        tg__is_large((double)rows_at_once(e->node, e->in[1]->shape), (double)e->terms, (double)z->dim[rank - 1]);
    e->begin = "T sum = 0;";
    e->step = "sum += a * b;";
    e->code = "sum";
    e->summand = "a * b;";
}

static int matmul_form(const struct tg__node *n) { return is_turned(n, 0) + 2 * is_turned(n, 1); }

/* All matrices, one below the other. */
static tg_node stacked(tg_node a) {
    const tg_shape s = tg_dims(a);
    int64_t rows = 1;
    for (int axis = 0; axis + 1 < s.rank; axis++) rows *= s.dim[axis];
    return tg_reshape(a, tg_shape2(rows, s.dim[s.rank - 1]));
}

/* Where one matrix y multiplies many matrices x, its gradient is one product over the rows of all of them, not a sum of
 * as many products. */
static tg_node matmul_vjp(tg_node z, tg_node g, int slot) {
    tg_node x = tg__in(z, 0);
    const tg_node y = tg__in(z, 1);
    const bool tx = is_turned(tg__node_of(z.graph, z.id), 0), ty = is_turned(tg__node_of(z.graph, z.id), 1);
    if (slot == 1 && !tx && tg_dims(y).rank == 2 && tg_dims(x).rank > 2) x = stacked(x), g = stacked(g);
    if (slot == 0) return tx ? tg_matmul_t(y, g, ty, true) : tg_matmul_t(g, y, false, !ty);
    return ty ? tg_matmul_t(g, x, true, tx) : tg_matmul_t(x, g, !tx, false);
}

const struct tg_op tg__op_matmul = {
    .name = "matmul",
    .formula = "z = x @ y; z = x.T @ y; z = x @ y.T; z = x.T @ y.T",
    .gradient = "g @ y.T, x.T @ g; y @ g.T, x @ g; g @ y, g.T @ x; y.T @ g.T, g.T @ x.T",
    .symbol = "@",
    .numpy = "x @ y; x.T @ y; x @ y.T; x.T @ y.T",
    .tex = "x \\, y; {x}^{\\top} \\, y; x \\, {y}^{\\top}; {x}^{\\top} \\, {y}^{\\top}",
    .tex_back = "g \\, {y}^{\\top}, {x}^{\\top} \\, g; y \\, {g}^{\\top}, x \\, g; g \\, y, {g}^{\\top} \\, x; "
                "{y}^{\\top} \\, {g}^{\\top}, {g}^{\\top} \\, {x}^{\\top}",
    .operands = 2,
    .form = matmul_form,
    .batches = true,
    .shape = matmul_shape,
    .run = matmul_run,
    .emit = matmul_emit,
    .vjp = matmul_vjp,
    .magnitude = &tg__op_matmul,
    .nature = TG__SMOOTH | TG__LIKE,
    .low = -2,
    .high = 2};

/* ------------------------------------------------------------------------------------------------ the constructors */

/* A vector is one row, or one column, and that axis is dropped from the result. */
static tg_node as_matrix(tg_node v, int64_t rows, int64_t columns) { return tg_reshape(v, tg_shape2(rows, columns)); }

static tg_node without_axis(tg_node z, int axis) {
    tg_shape dims = tg_dims(z);
    if (tg_is_nil(z)) return z;
    axis += dims.rank--;
    for (int i = axis; i < dims.rank; i++) dims.dim[i] = dims.dim[i + 1];
    dims.dim[dims.rank] = 0;
    return tg_reshape(z, dims);
}

static tg_node apply(tg_node x, tg_node y, const struct tg__attr *attr) {
    return tg__apply(&tg__op_matmul, (tg_node[]){x, y}, attr);
}

tg_node tg_matmul(tg_node x, tg_node y) {
    const struct tg__node *a = tg__get(x), *b = tg__get(y);
    if (!a || !b || x.graph != y.graph) return apply(x, y, NULL);
    const tg_shape *xs = &a->shape->dims, *ys = &b->shape->dims;
    const bool row = xs->rank == 1, column = ys->rank == 1;
    if ((!row && !column) || xs->rank == 0 || ys->rank == 0) return apply(x, y, NULL);
    if (xs->dim[xs->rank - 1] != ys->dim[column ? 0 : ys->rank - 2] || a->dtype != b->dtype)
        return tg__apply(&tg__op_matmul, (tg_node[]){x, y}, NULL); /* refuses them as they are */
    if (row) x = as_matrix(x, 1, xs->dim[0]);
    if (column) y = as_matrix(y, ys->dim[0], 1);
    tg_node z = apply(x, y, NULL);
    if (column) z = without_axis(z, -1);
    return row ? without_axis(z, column ? -1 : -2) : z;
}

tg_node tg_matmul_t(tg_node x, tg_node y, bool transpose_x, bool transpose_y) {
    if (!transpose_x && !transpose_y) return tg_matmul(x, y);
    if (!x.graph) return apply(x, y, NULL);
    const struct tg__attr attr = {.axis = {transpose_x, transpose_y}}, *kept = tg__intern(x.graph, &attr, sizeof attr);
    return kept ? apply(x, y, kept) : tg_nil(x.graph);
}

static bool are_vectors(const char *who, tg_node x, tg_node y) {
    const tg_shape xs = tg_dims(x), ys = tg_dims(y);
    char a[80], b[80], as[200], bs[200];
    if (!tg__get(x) || !tg__get(y) || (xs.rank == 1 && ys.rank == 1)) return true; /* an operator says what is wrong */
    tg_fail(x.graph, TG_SHAPE, "%s: %s %s with %s %s: both must be vectors", who, tg__quote(x.graph, x.id, a, sizeof a),
            tg__shape_text(&xs, as, sizeof as), tg__quote(y.graph, y.id, b, sizeof b),
            tg__shape_text(&ys, bs, sizeof bs));
    return false;
}

tg_node tg_dot(tg_node x, tg_node y) {
    if (!are_vectors("dot", x, y)) return tg_nil(x.graph);
    tg_graph *g = x.graph ? x.graph : y.graph;
    tg_composite_open(g, "dot", NULL);
    const tg_node z = tg_matmul(x, y);
    tg_scope_close(g);
    return z;
}

tg_node tg_outer(tg_node x, tg_node y) {
    if (!are_vectors("outer", x, y)) return tg_nil(x.graph);
    tg_graph *g = x.graph ? x.graph : y.graph;
    tg_composite_open(g, "outer", NULL);
    const tg_node z = tg_mul(tg_reshape(x, tg_shape2(-1, 1)), y);
    tg_scope_close(g);
    return z;
}
