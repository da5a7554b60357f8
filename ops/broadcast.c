/* Shape rule and driver of elementwise operators: what every row of elementwise.def shares. */
#include "ops.h"

/* ---------------------------------------------------------------------------------------------------- the rules */

bool tg__rule_floats(struct tg__rule *r) {
    const struct tg__node *const *x = r->from;
    char a[80], b[80];
    for (int i = 0; i < r->op->operands; i++) {
        if (x[i]->dtype == TG_I32) {
            tg__fail(r->graph, TG_DTYPE, r->op, r->in, r->op->operands,
                     "%s is i32, which is for labels and indices; tg_cast it to f32 or f64 first",
                     tg__quote(r->graph, r->in[i].id, a, sizeof a));
            return false;
        }
        if (x[i]->dtype != x[0]->dtype) {
            tg__fail(r->graph, TG_DTYPE, r->op, r->in, r->op->operands, "%s is %s but %s is %s; tg_cast one of them",
                     tg__quote(r->graph, r->in[0].id, a, sizeof a), tg__dtype_name((tg_dtype)x[0]->dtype),
                     tg__quote(r->graph, r->in[i].id, b, sizeof b), tg__dtype_name((tg_dtype)x[i]->dtype));
            return false;
        }
    }
    r->dtype = (tg_dtype)x[0]->dtype;
    return true;
}

bool tg__rule_unary(struct tg__rule *r) {
    if (!tg__rule_floats(r)) return false;
    if (!r->shape) r->shape = r->from[0]->shape;
    return true;
}

bool tg__rule_broadcast(struct tg__rule *r) {
    if (!tg__rule_floats(r)) return false;
    const struct tg__shape *z = r->from[0]->shape;
    for (int i = 1; i < r->op->operands; i++) { /* the usual cases need no look-up */
        const struct tg__shape *x = r->from[i]->shape;
        if (x == z || x->dims.rank == 0) continue;
        if (z->dims.rank > 0) {
            r->shape = tg__broadcast(r);
            return r->shape != NULL;
        }
        z = x;
    }
    r->shape = z;
    return true;
}

/* --------------------------------------------------------------------------------------------------- the driver */

/* The axes of the result, neighbours merged where no operand minds; strides in elements, 0 along a broadcast. */
struct nest {
    int axes, operands;
    size_t dim[TG_MAX_RANK], stride[TG_MAX_RANK][TG__OPERANDS];
    size_t rows, row; /* the innermost axis and how often it is gone through */
    size_t size;      /* of an element */
};

static void strides_of(const struct tg__shape *x, int rank, int operand, struct nest *n, const tg_shape *z) {
    size_t stride = 1;
    for (int axis = rank - 1; axis >= 0; axis--) {
        int own = axis - (rank - x->dims.rank);
        int64_t d = own >= 0 ? x->dims.dim[own] : 1;
        n->stride[axis][operand] = d == 1 && z->dim[axis] != 1 ? 0 : stride;
        stride *= (size_t)d;
    }
}

/* Axis i runs on into axis i + 1 if a step of i is a full round of i + 1, for every operand. */
static bool merges(const struct nest *n, int i, size_t inner) {
    for (int k = 0; k < n->operands; k++)
        if (n->stride[i][k] != n->stride[i + 1][k] * inner) return false;
    return true;
}

static void drop_axis(struct nest *n, int i) {
    for (int j = i; j + 1 < n->axes; j++) {
        n->dim[j] = n->dim[j + 1];
        memcpy(n->stride[j], n->stride[j + 1], sizeof n->stride[j]);
    }
    n->axes--;
}

static void nest_of(const struct tg__call *c, struct nest *n) {
    const tg_shape *z = &c->node->shape->dims;
    *n = (struct nest){.axes = z->rank, .operands = c->node->op->operands, .rows = 1, .row = 1};
    for (int i = 0; i < z->rank; i++) n->dim[i] = (size_t)z->dim[i];
    for (int k = 0; k < n->operands; k++) strides_of(c->shape[k], z->rank, k, n, z);
    for (int i = n->axes - 1; i >= 0; i--)
        if (n->dim[i] == 1) drop_axis(n, i);
    for (int i = n->axes - 2; i >= 0; i--)
        if (merges(n, i, n->dim[i + 1])) {
            n->dim[i + 1] *= n->dim[i];
            drop_axis(n, i);
        }
    if (n->axes) n->row = n->dim[n->axes - 1];
    for (int i = 0; i + 1 < n->axes; i++) n->rows *= n->dim[i];
    n->size = tg__item_size((tg_dtype)c->node->dtype);
}

/* Rows first to last - 1: an odometer over the outer axes. */
static void run_rows(const struct tg__call *c, const struct nest *n, size_t first, size_t last) {
    tg_loop *loop = c->node->op->loop[c->node->dtype == TG_F64];
    const int outer = n->axes - 1;
    size_t at[TG_MAX_RANK] = {0}, step[TG__OPERANDS] = {0};
    const char *in[TG__OPERANDS] = {0};
    for (int k = 0; k < n->operands; k++) in[k] = c->in[k];
    for (int i = outer - 1; i >= 0; i--) {
        size_t below = 1;
        for (int j = i + 1; j < outer; j++) below *= n->dim[j];
        at[i] = first / below % n->dim[i];
        for (int k = 0; k < n->operands; k++) in[k] += at[i] * n->stride[i][k] * n->size;
    }
    for (int k = 0; k < n->operands && outer >= 0; k++) step[k] = n->stride[outer][k];
    char *out = (char *)c->out + first * n->row * n->size;
    for (size_t r = first; r < last; r++, out += n->row * n->size) {
        loop(out, (const void *const *)in, step, n->row);
        for (int i = outer - 1; i >= 0; i--) {
            for (int k = 0; k < n->operands; k++) in[k] += n->stride[i][k] * n->size;
            if (++at[i] < n->dim[i]) break;
            for (int k = 0; k < n->operands; k++) in[k] -= at[i] * n->stride[i][k] * n->size;
            at[i] = 0;
        }
    }
}

/* Short rows: what repeats along a row or from row to row is written out, so that the loop goes over many at once. */
enum { TILE = 512, SHORT = 128, VERY_SHORT = 12 };

union tile {
    float f32[TILE];
    double f64[TILE];
};

static bool is_whole(const struct nest *n, int k) { return n->stride[0][k] == n->row && n->stride[1][k] == 1; }
static bool is_one(const struct nest *n, int k) { return n->stride[0][k] == 0 && n->stride[1][k] == 0; }
static bool is_row(const struct nest *n, int k) { return n->stride[0][k] == 0 && n->stride[1][k] == 1; }
static bool is_column(const struct nest *n, int k) { return n->stride[0][k] == 1 && n->stride[1][k] == 0; }

/* To write out a column costs more than it saves, unless the rows are very short. */
static bool is_short(const struct nest *n) {
    bool columns = false;
    for (int k = 0; n->axes == 2 && k < n->operands; k++) {
        columns |= is_column(n, k);
        if (!is_whole(n, k) && !is_one(n, k) && !is_row(n, k) && !is_column(n, k)) return false;
    }
    return n->axes == 2 && n->row <= (columns ? VERY_SHORT : SHORT);
}

static void write_row(union tile *to, const void *from, const struct nest *n, size_t rows) {
    const size_t all = rows * n->row * n->size;
    size_t done = n->row * n->size;
    memcpy(to, from, done);
    for (size_t more; done < all; done += more) {
        more = all - done < done ? all - done : done;
        memcpy((char *)to + done, to, more);
    }
}

static void write_column(union tile *to, const void *from, const struct nest *n, size_t rows) {
    const float *f32 = from;
    const double *f64 = from;
    for (size_t r = 0, at = 0; r < rows && n->size == sizeof *f32; r++)
        for (size_t i = 0; i < n->row; i++) to->f32[at++] = f32[r];
    for (size_t r = 0, at = 0; r < rows && n->size == sizeof *f64; r++)
        for (size_t i = 0; i < n->row; i++) to->f64[at++] = f64[r];
}

static void run_short(const struct tg__call *c, const struct nest *n, size_t first, size_t last) {
    tg_loop *loop = c->node->op->loop[c->node->dtype == TG_F64];
    union tile tile[TG__OPERANDS];
    const void *in[TG__OPERANDS];
    size_t step[TG__OPERANDS], most = TILE / n->row;
    if (most > last - first) most = last - first;
    for (int k = 0; k < n->operands; k++) {
        step[k] = !is_one(n, k);
        in[k] = is_one(n, k) ? c->in[k] : &tile[k];
        if (is_row(n, k)) write_row(&tile[k], c->in[k], n, most);
    }
    for (size_t r = first, rows; r < last; r += rows) {
        rows = last - r < most ? last - r : most;
        for (int k = 0; k < n->operands; k++) {
            const char *from = (const char *)c->in[k] + r * n->stride[0][k] * n->size;
            if (is_whole(n, k)) in[k] = from;
            if (is_column(n, k)) write_column(&tile[k], from, n, rows);
        }
        loop((char *)c->out + r * n->row * n->size, in, step, rows * n->row);
    }
}

static void run_piece(const struct tg__call *c, const size_t *step, size_t first, size_t count) {
    const size_t size = tg__item_size((tg_dtype)c->node->dtype);
    const void *in[TG__OPERANDS];
    for (int k = 0; k < c->node->operands; k++) in[k] = (const char *)c->in[k] + first * step[k] * size;
    c->node->op->loop[c->node->dtype == TG_F64]((char *)c->out + first * size, in, step, count);
}

/* One axis for all: pieces of it, in parallel where that pays. */
static void run_flat(const struct tg__call *c, const size_t *step, size_t count) {
    if (count < TG__PARALLEL) {
        run_piece(c, step, 0, count);
        return;
    }
    const size_t pieces = (count + TG__BLOCK - 1) / TG__BLOCK;
#pragma omp parallel for schedule(static)
    for (size_t p = 0; p < pieces; p++) {
        size_t first = p * TG__BLOCK;
        run_piece(c, step, first, count - first < TG__BLOCK ? count - first : TG__BLOCK);
    }
}

static const size_t together[TG__OPERANDS] = {1, 1, 1, 1};

TG__APART static tg_status run_many(const struct tg__call *c, size_t count) {
    if (c->node->flags & TG__SAME_SHAPE) {
        run_flat(c, together, count);
        return TG_OK;
    }
    struct nest n;
    nest_of(c, &n);
    if (n.rows == 1) {
        run_flat(c, n.stride[n.axes - 1], count);
        return TG_OK;
    }
    const size_t rows = n.row < TG__BLOCK ? TG__BLOCK / n.row : 1, pieces = (n.rows + rows - 1) / rows;
    void (*const run)(const struct tg__call *, const struct nest *, size_t, size_t) =
        is_short(&n) ? run_short : run_rows;
    if (count < TG__PARALLEL) { /* a team of one costs as much as a small result */
        run(c, &n, 0, n.rows);
        return TG_OK;
    }
#pragma omp parallel for schedule(static)
    for (size_t p = 0; p < pieces; p++) run(c, &n, p * rows, n.rows - p * rows < rows ? n.rows : (p + 1) * rows);
    return TG_OK;
}

tg_status tg__run_elementwise(struct tg__call *c) {
    const size_t count = c->node->shape->count;
    if (count > 1) return run_many(c, count);
    if (count == 1) c->node->op->loop[c->node->dtype == TG_F64](c->out, c->in, together, 1);
    return TG_OK;
}
