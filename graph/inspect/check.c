/* The gradient check: a backward sweep against differences, on the f64 twin of the tape. */
#include "inspect.h"
#include "random.h"

#include <math.h>

struct job {
    tg_graph *of, *twin;
    struct tg__sweep bent; /* a sweep of out: its mistakes are repeated */
    tg_check_options options;
    tg_check *checks;
    size_t leaves, room; /* found, and room in checks */
    struct tg__objective f;
    double *block, *cotangent, *base;
    double *ours, *doubt, *saved, *scratch; /* of all leaves, one behind the other */
    struct tg__slope *slope;                /* of one column */
    size_t elements, done;
};

/* ------------------------------------------------------------------------------------------------- the own gradient */

static size_t block_size(const struct job *j, size_t *all, size_t *largest) {
    *all = tg__given(j->twin, j->f.out.id);
    *largest = 0;
    for (uint32_t id = 1; id <= j->f.out.id; id++) {
        const size_t count = tg__node_of(j->twin, id)->shape->count;
        if (tg__is_subject(j->twin, id) && count > *largest) *largest = count;
    }
    return (3 * j->f.outputs + 4 * *all + *largest) * sizeof(double) + *largest * sizeof(struct tg__slope) +
           j->f.outputs * sizeof(bool);
}

static bool make_room(struct job *j) {
    size_t all, largest, bytes = block_size(j, &all, &largest);
    j->block = tg__alloc(j->twin, bytes);
    if (!j->block) return false;
    double **const part[] = {&j->cotangent, &j->base, &j->f.high, &j->ours, &j->doubt, &j->saved, &j->scratch, &j->f.x};
    double *at = j->block;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        *part[i] = at;
        at += i < 3 ? j->f.outputs : i < 7 ? all : largest;
    }
    j->slope = (struct tg__slope *)(void *)at;
    j->f.moved = (bool *)(j->slope + largest);
    j->f.cotangent = j->cotangent;
    j->f.base = j->base;
    return true;
}

/* Magnitudes near 1, so that every output is seen, and random signs, so that sums which are constant do not hide. A
 * single output has nothing to hide behind: its gradient comes as it is. */
static void choose_cotangent(struct job *j) {
    uint64_t state = j->options.seed;
    for (size_t i = 0; i < j->f.outputs; i++) {
        const double c = tg__random_uniform(&state, -1, 1);
        j->cotangent[i] = j->options.cotangent ? j->options.cotangent[i]
                          : j->f.outputs == 1  ? 1
                                               : c + (c < 0 ? -0.5 : 0.5);
    }
}

static void copy(double *to, tg_node a) {
    if (tg_size(a)) memcpy(to, tg_value(a), tg_size(a) * sizeof *to);
}

/* Which elements of a leaf are looked at: every so many columns, and in each every so many rows. */
struct sample {
    size_t columns, every_column, rows, every_row; /* rows: looked at in a column */
};

static size_t parts(size_t whole, size_t every) { return whole / every + (whole % every > 0); }

static struct sample sample_of(const struct job *j, tg_node leaf) {
    const tg_shape dims = tg_dims(leaf);
    struct sample s = {.every_column = 1, .every_row = 1, .columns = dims.rank ? (size_t)dims.dim[dims.rank - 1] : 1};
    const size_t limit = j->options.limit;
    const size_t rows = s.rows = s.columns ? tg_size(leaf) / s.columns : 0;
    if (limit == 0 || tg_size(leaf) <= limit) return s;
    if (limit < s.columns) s.every_column = parts(s.columns, limit);
    s.rows = limit / parts(s.columns, s.every_column);
    if (s.rows > rows) s.rows = rows;
    s.every_row = rows / s.rows;
    return s;
}

static void list(struct job *j, tg_grads d) {
    for (uint32_t id = 1; id <= j->f.out.id; id++) {
        const tg_node leaf = tg__handle(j->twin, id);
        if (!tg__is_subject(j->twin, id) || !tg_has_grad(d, leaf) || j->leaves++ >= j->room) continue;
        const struct sample s = sample_of(j, leaf);
        j->elements += parts(s.columns, s.every_column) * s.rows;
        j->checks[j->leaves - 1] = (tg_check){.leaf = tg__handle(j->of, id), .verdict = TG_VACUOUS};
    }
}

/* How far f moves when every result on the way to it moves by a unit of roundoff: the twin's, for it does the work. */
static bool feel_rounding(struct job *j) {
    enum { ROUNDS = 3 };
    uint64_t random = 1;
    for (int round = 0; round < ROUNDS; round++) {
        if (tg__run_nudged(j->twin, j->twin, &random)) return false;
        double moved = 0;
        for (size_t i = 0; i < j->f.outputs; i++) moved += j->cotangent[i] * (tg_item(j->f.out, i) - j->base[i]);
        if (isfinite(moved)) j->f.rounding = fmax(j->f.rounding, fabs(moved));
    }
    tg__invalidate(j->twin);
    return true;
}

/* The sweep is taken back afterwards, so that differences only run what is in front of it. */
static bool sweep(struct job *j) {
    const uint32_t last = j->f.out.id;
    const tg_mark mark = tg_mark_now(j->twin);
    const tg_node seed = tg_const(j->twin, TG_F64, tg_dims(j->f.out), j->cotangent);
    const tg_grads d = tg__backward(j->f.out, seed, j->bent.bend, j->bent.bends);
    if (j->twin->error.status || tg_run(j->twin)) return false;
    list(j, d);
    copy(j->base, j->f.out);
    tg__gradients(d, last, j->ours);
    const struct tg__doubt t = {j->of, last, j->ours, j->saved, j->scratch};
    return tg__doubt(d, &t, j->doubt) && !tg_rewind(j->twin, mark) && feel_rounding(j);
}

/* -------------------------------------------------------------------------------------------------- the differences */

/* The longest step for a column: a power of two, so that x + h is exact almost always, a quarter of its range or less;
 * of a column that is constant but for rounding, its size or less. */
static double reach_of(const double *x, size_t rows, size_t stride) {
    double low = INFINITY, high = -INFINITY, size = 0;
    for (size_t i = 0; i < rows; i++) {
        const double v = x[i * stride];
        if (!isfinite(v)) continue;
        low = fmin(low, v);
        high = fmax(high, v);
        size = fmax(size, fabs(v));
    }
    double reach = high / 4 - low / 4;
    if (!(reach > size * 0x1p-34)) reach = size > 0 ? size : 1;
    int exponent;
    frexp(reach, &exponent);
    return ldexp(1, exponent - 1);
}

static void report(struct job *j) {
    j->done++;
    if (j->options.progress && (j->done % 64 == 0 || j->done == j->elements))
        j->options.progress(j->options.user, j->done, j->elements);
}

static bool check_column(struct job *j, tg_check *check, struct tg__column *c) {
    const double reach = reach_of(j->f.x + c->first, c->rows, c->stride);
    double scale = 0;
    for (size_t i = 0; i < c->rows; i++) {
        const double ours = fabs(c->ours[c->first + i * c->stride]);
        if (isfinite(ours)) scale = fmax(scale, ours);
    }
    for (size_t i = 0; i < c->rows; i++) {
        const size_t element = c->first + i * c->stride;
        struct tg__slope *s = &j->slope[i];
        if (tg__difference(&j->f, element, reach, c->ours[element], c->tolerance, scale, s)) return false;
        if (isfinite(s->noise)) scale = fmax(scale, fabs(s->value) - s->noise);
        report(j);
    }
    tg__judge(check, c);
    return true;
}

static bool check_leaf(struct job *j, tg_check *check, size_t at) {
    j->f.leaf = tg__handle(j->twin, check->leaf.id);
    copy(j->f.x, j->f.leaf);
    const struct sample s = sample_of(j, j->f.leaf);
    struct tg__column c = {.ours = j->ours + at, .doubt = j->doubt + at, .slope = j->slope};
    c.tolerance = j->options.tolerance;
    c.stride = s.columns * s.every_row;
    c.rows = s.rows;
    for (size_t column = 0; column < s.columns; column += s.every_column) {
        c.first = column + column % s.every_row * s.columns; /* other rows in the next column */
        if (!check_column(j, check, &c)) return false;
    }
    return !tg_set(j->f.leaf, j->f.x);
}

static bool check_leaves(struct job *j) {
    size_t at = 0;
    for (size_t i = 0; i < j->leaves && i < j->room; i++) {
        if (!check_leaf(j, &j->checks[i], at)) return false;
        at += tg_size(j->checks[i].leaf);
    }
    return true;
}

static tg_status run(struct job *j, tg_node out) {
    const struct tg__sweep *s = tg__sweep_get(j->options.sweep);
    j->bent = s ? *s : (struct tg__sweep){.out = out.id};
    j->twin = tg__twin_of_sweep(j->of, &j->bent, 0, "check_gradient");
    if (!j->twin) return j->of->error.status;
    j->f.out = tg__handle(j->twin, out.id);
    j->f.outputs = tg_size(out);
    if (make_room(j)) {
        choose_cotangent(j);
        if (sweep(j)) check_leaves(j);
        size_t all, largest;
        tg__release(j->twin, j->block, block_size(j, &all, &largest));
    }
    return tg__twin_free(j->twin, j->of, "check_gradient");
}

/* ------------------------------------------------------------------------------------------------------- asking */

/* Another output's mistakes have nothing to do with this one. */
static tg_status refuse_sweep(tg_node out, tg_grads d) {
    tg_graph *g = out.graph;
    const struct tg__sweep *s = tg__sweep_get(d);
    char name[80], other[80];
    if (d.id && (d.graph != g || !s))
        return tg__fail_run(g, TG_HANDLE, 0, "check_gradient: the sweep %s",
                            s ? "belongs to another graph" : "is stale: the tape was rewound");
    if (s && s->out != out.id)
        return tg__fail_run(g, TG_ARGUMENT, 0, "check_gradient: the sweep is one of %s, not of %s",
                            tg__quote(g, s->out, other, sizeof other), tg__quote(g, out.id, name, sizeof name));
    return TG_OK;
}

static tg_status refuse(tg_node out, const tg_check_options *o, const tg_check *checks, size_t room) {
    tg_graph *g = out.graph;
    const struct tg__node *n = tg__get(out);
    char reason[200];
    if (!n)
        return tg__fail_run(g, TG_HANDLE, 0, "check_gradient: the handle is %s",
                            out.id ? "stale: the tape was rewound" : "nil");
    if (!(n->flags & TG__DIFFERENTIABLE))
        return tg__fail_run(g, TG_GRADIENT, 0, "check_gradient: %s",
                            tg__why_constant(g, out.id, reason, sizeof reason));
    if (!(o->tolerance > 0) || !isfinite(o->tolerance))
        return tg__fail_run(g, TG_ARGUMENT, 0, "check_gradient: tolerance %g is not positive", o->tolerance);
    if (!checks && room) return tg__fail_run(g, TG_ARGUMENT, 0, "check_gradient: checks is NULL");
    return refuse_sweep(out, o->sweep);
}

tg_status tg_check_gradient(tg_node out, const tg_check_options *options, tg_check *checks, size_t room,
                            size_t *count) {
    struct job j = {.of = out.graph, .checks = checks, .room = room};
    if (count) *count = 0;
    if (!j.of) return TG_HANDLE;
    if (options) j.options = *options;
    if (j.options.tolerance == 0) j.options.tolerance = 1e-8;
    tg__clear_run(j.of);
    tg_status status = j.of->error.status;
    if (!status) status = refuse(out, &j.options, checks, room);
    if (!status) status = run(&j, out);
    if (!status && count) *count = j.leaves;
    return status;
}
