/* Reductions over any axes: how they are walked, and sum. Neighbouring axes of the same fate are one; what remains is
 * walked as rows. */
#include "ops.h"
#include "reduce.h"

enum { ROWS_STACK = 24576, GROUPS = 16, TOGETHER = 1024 }; /* ROWS_STACK: bytes of a task; threads may have little */

struct plan {
    bool inner_reduced;
    size_t run;         /* length of the innermost axis */
    size_t rows, outer; /* reduced and kept combinations of the other axes */
    int reduced_axes, kept_axes;
    size_t reduced_dim[TG_MAX_RANK], reduced_stride[TG_MAX_RANK];
    size_t kept_dim[TG_MAX_RANK], kept_stride[TG_MAX_RANK];
};

/* One piece of work: rows first to last - 1 of the result(s) at offset, in columns of the innermost axis. */
struct task {
    size_t offset, first, last, column, columns;
    size_t results; /* one behind another, of short runs; otherwise 1 */
    bool folds;     /* the lanes of a stream become one number: it is not one of several groups */
};

typedef void reducer(const struct plan *p, const struct task *t, const void *in, void *out);

static size_t offset_of(size_t index, int axes, const size_t *dim, const size_t *stride) {
    if (axes == 1) return index * stride[0];
    size_t offset = 0;
    for (int i = axes - 1; i >= 0; i--) {
        offset += index % dim[i] * stride[i];
        index /= dim[i];
    }
    return offset;
}

static size_t reduced_offset(const struct plan *p, size_t row) {
    return offset_of(row, p->reduced_axes, p->reduced_dim, p->reduced_stride);
}

#define N(f) f##_f32
#define T    float
#include "reduce.inc"
#undef N
#undef T
#define N(f) f##_f64
#define T    double
#include "reduce.inc"
#undef N
#undef T

static void add_axis(struct plan *p, bool reduced, size_t dim, size_t stride) {
    int *axes = reduced ? &p->reduced_axes : &p->kept_axes;
    size_t *dims = reduced ? p->reduced_dim : p->kept_dim, *strides = reduced ? p->reduced_stride : p->kept_stride;
    for (int i = (*axes)++; i > 0; i--) { /* found from the innermost outwards */
        dims[i] = dims[i - 1];
        strides[i] = strides[i - 1];
    }
    dims[0] = dim;
    strides[0] = stride;
    *(reduced ? &p->rows : &p->outer) *= dim;
}

static struct plan plan_of(const struct tg__shape *shape, const struct tg__attr *fates) {
    struct plan p = {.rows = 1, .outer = 1, .run = 1};
    size_t stride = 1;
    bool innermost = true;
    for (int i = shape->dims.rank - 1; i >= 0;) {
        bool reduced = fates->axis[i] != TG__STAYS;
        size_t dim = 1;
        for (; i >= 0 && reduced == (fates->axis[i] != TG__STAYS); i--) dim *= (size_t)shape->dims.dim[i];
        if (dim == 1) continue;
        if (innermost) {
            p.inner_reduced = reduced;
            p.run = dim;
        } else {
            add_axis(&p, reduced, dim, stride);
        }
        innermost = false;
        stride *= dim;
    }
    if (shape->count == 0) p.rows = 0; /* the operand is empty: do not loop over rows without elements */
    return p;
}

/* How the work is cut: by shape alone, never by the number of threads. */
struct cut {
    size_t columns, blocks; /* of the innermost axis */
    size_t length, groups;  /* of the rows, or of the innermost axis where that is all there is */
    size_t results;         /* of a task, where one is too little work */
};

/* Sums in flight: the digits of a counter of units of 16 rows, and those of a last, shorter unit. */
static size_t levels(size_t units) {
    size_t n = 6;
    for (; units; units /= 2) n++;
    return n;
}

/* Runs no longer than a row of lanes, one behind another. */
static bool is_short(const struct plan *p) {
    return p->inner_reduced && p->rows == 1 && p->run <= TG__SUM_LANES && p->kept_axes == 1 &&
           p->kept_stride[0] == p->run;
}

static struct cut cut_of(const struct plan *p, size_t item, bool may_split) {
    struct cut c = {.columns = p->run, .blocks = 1, .length = p->rows, .groups = 1, .results = 1};
    if (is_short(p)) c.results = TOGETHER;
    if (!p->inner_reduced) {
        size_t fits = ROWS_STACK / item / levels(p->rows / TG__SUM_ROWS);
        if (c.columns > fits) c.columns = fits;
        c.blocks = c.columns ? (p->run + c.columns - 1) / c.columns : 0;
    }
    bool one_run = p->inner_reduced && p->rows == 1;
    size_t all = one_run ? p->run : p->rows;
    if (one_run) c.length = all;
    if (!may_split || p->outer * c.blocks >= GROUPS || p->rows * p->run < TG__PARALLEL) return c;
    if (p->inner_reduced && !one_run) return c;
    size_t group = TG__SUM_ROWS * (one_run ? TG__SUM_LANES : 1);
    while ((all + group - 1) / group > GROUPS) group *= 2;
    c.length = group;
    c.groups = (all + group - 1) / group;
    return c;
}

static struct task task_of(const struct plan *p, const struct cut *c, size_t index) {
    size_t group = index % c->groups, block = index / c->groups % c->blocks;
    size_t outer = index / c->groups / c->blocks * c->results;
    struct task t = {.offset = offset_of(outer, p->kept_axes, p->kept_dim, p->kept_stride), .last = p->rows};
    t.results = p->outer - outer < c->results ? p->outer - outer : c->results;
    t.folds = c->groups == 1;
    t.column = block * c->columns;
    t.columns = p->run - t.column < c->columns ? p->run - t.column : c->columns;
    size_t first = group * c->length, left;
    if (p->inner_reduced && p->rows == 1) {
        left = p->run - first;
        t.column = first;
        t.columns = left < c->length ? left : c->length;
    } else {
        left = p->rows - first;
        t.first = first;
        t.last = first + (left < c->length ? left : c->length);
    }
    return t;
}

/* A reduction on its way: its tasks are independent of one another. */
struct work {
    const struct plan *plan;
    const struct cut *cut;
    reducer *f;
    const void *in;
    char *sums;
    size_t item, group_size, lanes; /* lanes: in sums, for one result */
};

static void run_task(const struct work *w, size_t i) {
    const struct plan *p = w->plan;
    const struct task t = task_of(p, w->cut, i);
    const size_t group = i % w->cut->groups, outer = i / w->cut->groups / w->cut->blocks * w->cut->results;
    const size_t at = group * w->group_size + outer * (p->inner_reduced ? 1 : p->run) * w->lanes;
    w->f(p, &t, w->in, w->sums + (at + (p->inner_reduced ? 0 : t.column)) * w->item);
}

static void run_tasks(const struct work *w, size_t tasks) {
    const struct plan *p = w->plan;
    if (p->outer * p->rows * p->run < TG__PARALLEL) { /* a team of one costs as much as a small sum */
        for (size_t i = 0; i < tasks; i++) run_task(w, i);
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < tasks; i++) run_task(w, i);
}

static tg_status reduce(struct tg__call *call, const struct plan *p, reducer *f, bool may_split) {
    const bool f64 = call->node->dtype == TG_F64;
    const size_t results = call->node->shape->count;
    if (results == 0) return TG_OK;
    struct work w = {.plan = p, .f = f, .in = call->in[0], .sums = call->out, .item = f64 ? 8 : 4};
    const struct cut c = cut_of(p, w.item, may_split);
    w.cut = &c;
    w.lanes = c.groups > 1 && p->inner_reduced ? TG__SUM_LANES : 1;
    w.group_size = results * w.lanes;
    const size_t bytes = c.groups * w.group_size * w.item;
    if (c.groups > 1 && !(w.sums = tg__alloc(call->graph, bytes))) return TG_MEMORY;
    run_tasks(&w, (p->outer + c.results - 1) / c.results * c.blocks * c.groups);
    if (c.groups == 1) return TG_OK;
    (f64 ? join_f64 : join_f32)(w.sums, c.groups, w.group_size);
    if (p->inner_reduced)
        (f64 ? fold_f64 : fold_f32)(w.sums, results, call->out);
    else
        memcpy(call->out, w.sums, results * w.item);
    tg__release(call->graph, w.sums, bytes);
    return TG_OK;
}

/* ------------------------------------------------------------------------------------- what the operators share */

bool tg__rule_reduced(struct tg__rule *r) {
    if (!tg__rule_floats(r)) return false;
    tg_shape z = tg__reduced(&r->from[0]->shape->dims, r->attr);
    r->shape = tg__shape_of(r->graph, &z, r->op->name);
    return r->shape != NULL;
}

tg_node tg__apply_reduction(const struct tg_op *op, tg_node x, tg_axes axes) {
    const struct tg__node *n = tg__get(x);
    struct tg__attr fates = {0};
    if (n && !tg__fates(x.graph, op, x, n->shape->dims.rank, axes, &fates)) return tg_nil(x.graph);
    const struct tg__attr *attr = x.graph ? tg__intern(x.graph, &fates, sizeof fates) : NULL;
    return attr ? tg__apply(op, &x, attr) : tg_nil(x.graph);
}

static tg_status sum_run(struct tg__call *c) {
    const struct plan p = plan_of(c->shape[0], c->node->attr);
    if (c->node->dtype == TG_F64) return reduce(c, &p, p.inner_reduced ? sum_stream_f64 : sum_rows_f64, true);
    return reduce(c, &p, p.inner_reduced ? sum_stream_f32 : sum_rows_f32, true);
}

static tg_status pick(struct tg__call *c, reducer *f32, reducer *f64) {
    const struct plan p = plan_of(c->shape[0], c->node->attr);
    return reduce(c, &p, c->node->dtype == TG_F64 ? f64 : f32, false);
}

tg_status tg__run_max(struct tg__call *c) { return pick(c, max_any_f32, max_any_f64); }
tg_status tg__run_min(struct tg__call *c) { return pick(c, min_any_f32, min_any_f64); }

static tg_node sum_vjp(tg_node z, tg_node g, int slot) {
    tg_node x = tg_operand(z, slot);
    return tg__expand(g, tg__node_of(x.graph, x.id)->shape, tg__node_of(z.graph, z.id)->attr);
}

/* Where broadcasting is undone, some axes are kept and others dropped: no keepdims says that. */
static int sum_form(const struct tg__node *n) {
    bool kept = false, dropped = false;
    for (int i = 0; i < TG_MAX_RANK; i++) {
        kept |= n->attr->axis[i] == TG__KEPT;
        dropped |= n->attr->axis[i] == TG__DROPPED;
    }
    return kept && dropped;
}

const struct tg_op tg__op_sum = {.name = "sum",
                                 .formula = "z = sum(x, axes); z = reshape(sum(x, axes), shape)",
                                 .gradient = "g repeated along the axes",
                                 .symbol = "Σ",
                                 .numpy = "np.sum(x, axes); np.sum(x, axes).reshape(shape)",
                                 .tex = "\\sum_{axes} x",
                                 .tex_back = "\\mathrm{repeat}\\left(g\\right)",
                                 .operands = 1,
                                 .form = sum_form,
                                 .shape = tg__rule_reduced,
                                 .run = sum_run,
                                 .emit = tg__emit_sum,
                                 .vjp = sum_vjp,
                                 .magnitude = &tg__op_sum,
                                 .nature = TG__MOVES | TG__LINEAR | TG__LIKE,
                                 .low = -2,
                                 .high = 2};

tg_node tg_sum(tg_node x, tg_axes axes) { return tg__apply_reduction(&tg__op_sum, x, axes); }

tg_node tg__sum(tg_node x, const struct tg__attr *fates) {
    const struct tg__attr *attr = tg__intern(x.graph, fates, sizeof *fates);
    return attr ? tg__apply(&tg__op_sum, &x, attr) : tg_nil(x.graph);
}
