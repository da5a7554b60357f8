/* The rounding floor: how far a column moves when every result on the way to it moves by some units of roundoff, up or
 * down at random (CESTAC: Vignes 1974). Two ways of computing one formula may differ by that much however well they are
 * done, so it is held against neither. For data in good condition the floor is far below any tolerance; in a column
 * that is constant it is all there is. The units are those of the less precise of the two, the tape and the array. */
#include "inspect.h"
#include "random.h"

#include <math.h>

enum { SHARES = 8, ROUNDS = 2 * SHARES, MARGIN = 4, UNITS = 4 };

static double *new_array(tg_graph *g, size_t count) {
    double *a = tg__alloc(g, count * sizeof *a);
    for (size_t i = 0; a && i < count; i++) a[i] = 0;
    return a;
}

static bool open_floor(tg_graph *g, const tg_graph *twin, struct tg__floor *f) {
    const struct tg__shape *s = tg__node_of(g, f->node)->shape;
    f->count = s->count;
    f->columns = s->dims.rank ? (size_t)s->dims.dim[s->dims.rank - 1] : 1;
    f->base = new_array(g, f->count);
    f->column = new_array(g, f->columns);
    if (!f->base || !f->column) return false;
    for (size_t i = 0; i < f->count; i++)
        f->base[i] = tg__load((tg_dtype)tg__node_of(twin, f->node)->dtype, tg__value_of(twin, f->node)->data, i);
    return true;
}

static void raise(const tg_graph *twin, struct tg__floor *f) {
    for (size_t i = 0; i < f->count; i++) {
        double v = tg__load((tg_dtype)tg__node_of(twin, f->node)->dtype, tg__value_of(twin, f->node)->data, i);
        double moved = MARGIN * fabs(v - f->base[i]), *column = &f->column[i % f->columns];
        if (moved > *column) *column = moved;
    }
}

static double unit_of(const struct tg__node *n, tg_dtype coarsest) {
    return n->dtype == TG_F32 || coarsest == TG_F32 ? 0x1p-24 : 0x1p-53;
}

/* The twin's own value changes; nothing else reads it. */
static double *value_in(const tg_graph *twin, uint32_t id) {
    return (double *)(uintptr_t)tg__value_of(twin, id)->data;
}

/* By a few units of roundoff. */
static void nudge(const tg_graph *g, tg_graph *twin, uint32_t id, uint64_t *random) {
    const struct tg__node *n = tg__node_of(g, id);
    if (n->dtype == TG_I32 || n->op->view) return;
    const double unit = unit_of(n, n->dtype);
    double *v = value_in(twin, id);
    for (size_t i = 0; i < n->shape->count; i++) v[i] += v[i] * unit * tg__random_uniform(random, -UNITS, UNITS);
}

tg_status tg__run_nudged(const tg_graph *g, tg_graph *twin, uint64_t *random) {
    tg__invalidate(twin);
    for (tg_node a = tg_next(twin); !tg_is_nil(a); a = tg_next(twin)) {
        tg_status status = tg_step(twin);
        if (status) return status;
        nudge(g, twin, a.id, random);
    }
    return TG_OK;
}

/* ------------------------------------------------------------------------------- what another implementation rounds
 * It may add the terms of a sum one after the other. Each addition then rounds what has been summed so far, which may
 * be as large as Σ|terms|, and where the terms are alike all of them err to the same side: by n/4 units for n terms. An
 * array in f32 was computed from leaves that had been rounded to f32. The rounds take different shares of all this, for
 * a step may be less sensitive to a large error than to a small one: d/(d² + eps) is. */

/* By at least half, up or down. */
static double jolt_by(uint64_t *random) {
    const double v = tg__random_uniform(random, -0.5, 0.5);
    return v < 0 ? v - 0.5 : v + 0.5;
}

static bool jolt_sums(const struct tg__node *n, tg_graph *twin, uint32_t id, double unit, uint64_t *random) {
    const size_t bytes = n->shape->count * sizeof(double);
    double *size = tg__alloc(twin, bytes), *terms = tg__alloc(twin, bytes), *v = value_in(twin, id);
    const bool summed = size && terms && tg__sum_scale(twin, id, size, terms);
    for (size_t i = 0; summed && i < n->shape->count; i++)
        v[i] += size[i] * unit * (UNITS + terms[i] / 4) * jolt_by(random);
    tg__release(twin, size, bytes);
    tg__release(twin, terms, bytes);
    return summed;
}

static bool jolt(const tg_graph *g, tg_graph *twin, uint32_t id, tg_dtype coarsest, double share, uint64_t *random) {
    const struct tg__node *n = tg__node_of(g, id);
    if (n->dtype == TG_I32 || n->op->view) return true;
    const double unit = share * unit_of(n, coarsest);
    if (n->op->magnitude && !n->op->code) return jolt_sums(n, twin, id, unit, random);
    double *v = value_in(twin, id);
    for (size_t i = 0; i < n->shape->count; i++) v[i] += v[i] * unit * UNITS * jolt_by(random);
    return true;
}

static tg_status run_jolted(const tg_graph *g, tg_graph *twin, tg_dtype coarsest, double share, uint64_t *random) {
    tg__invalidate(twin);
    for (tg_node a = tg_next(twin); !tg_is_nil(a); a = tg_next(twin)) {
        tg_status status = tg_step(twin);
        if (status) return status;
        if (!jolt(g, twin, a.id, coarsest, share, random)) return twin->error.status;
    }
    return TG_OK;
}

/* 1/178 as a constant of an f32 tape is the float next to it; a division by 178 does not round it. */
static double meant(const tg_graph *g, uint32_t id, double v) {
    const struct tg__node *n = tg__node_of(g, id);
    if (n->op != &tg__op_const || n->dtype != TG_F32 || n->shape->count != 1) return v;
    const double exact = 1 / round(1 / v);
    return (double)(float)exact == v ? exact : v;
}

/* The twin's leaves, exact as they are meant or rounded as the less precise side has them. */
static void set_leaves(const tg_graph *g, tg_graph *twin, bool exact, tg_dtype coarsest) {
    for (uint32_t id = 1; id < twin->nodes.length; id++) {
        const struct tg__node *n = tg__node_of(twin, id);
        if (!tg__is_leaf(n) || n->dtype != TG_F64 || !tg__valid(twin, id)) continue;
        double *v = value_in(twin, id);
        for (size_t i = 0; i < n->shape->count; i++) {
            const double own = tg__load((tg_dtype)tg__node_of(g, id)->dtype, tg__value_of(g, id)->data, i);
            v[i] = exact ? meant(g, id, own) : coarsest == TG_F32 ? (double)(float)own : own;
        }
    }
}

static tg_status measure(tg_graph *g, tg_graph *twin, tg_dtype coarsest, struct tg__floor *f, size_t count) {
    uint64_t seed = 1;
    set_leaves(g, twin, true, coarsest);
    tg_status status = tg_run(twin);
    for (size_t i = 0; i < count && !status; i++)
        if (!open_floor(g, twin, &f[i])) return g->error.status;
    set_leaves(g, twin, false, coarsest);
    for (int round = 0; round < ROUNDS && !status; round++) {
        status = run_jolted(g, twin, coarsest, ldexp(1, -(round % SHARES)), &seed);
        for (size_t i = 0; i < count && !status; i++) raise(twin, &f[i]);
    }
    return status;
}

tg_status tg__floors(tg_graph *g, tg_dtype coarsest, struct tg__floor *f, size_t count) {
    const size_t bytes = count * sizeof(uint32_t);
    uint32_t *wanted = tg__alloc(g, bytes);
    if (!wanted) return g->error.status;
    for (size_t i = 0; i < count; i++) wanted[i] = f[i].node;
    tg_graph *twin = tg__twin_new(g, wanted, count, "diverge");
    tg__release(g, wanted, bytes);
    if (!twin) return g->error.status;
    tg_status status = measure(g, twin, coarsest, f, count);
    return tg__twin_free(twin, g, "diverge") ? g->error.status : status;
}

void tg__floors_free(tg_graph *g, struct tg__floor *f, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tg__release(g, f[i].base, f[i].count * sizeof *f[i].base);
        tg__release(g, f[i].column, f[i].columns * sizeof *f[i].column);
    }
}
