/* The rounding floor: how far a column moves when every result on the way to it moves by a unit of roundoff, up or down
 * at random (CESTAC: Vignes 1974). Two ways of computing one formula may differ by that much however well they are
 * done, so it is held against neither. For data in good condition it lies far below any tolerance; in a column that is
 * constant it is all there is. */
#include "inspect.h"
#include "random.h"

#include <math.h>

enum { ROUNDS = 4, MARGIN = 4, UNITS = 4 };

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

/* By a few units of the roundoff that the graph computes with. The twin's own value changes; nobody else reads it. */
static void nudge(const tg_graph *g, tg_graph *twin, uint32_t id, uint64_t *random) {
    const struct tg__node *n = tg__node_of(g, id);
    if (n->dtype == TG_I32 || n->op->view) return;
    const double unit = n->dtype == TG_F32 ? 0x1p-24 : 0x1p-53;
    double *v = (double *)(uintptr_t)tg__value_of(twin, id)->data;
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

static tg_status measure(tg_graph *g, tg_graph *twin, struct tg__floor *f, size_t count) {
    uint64_t seed = 1;
    tg_status status = tg_run(twin);
    for (size_t i = 0; i < count && !status; i++)
        if (!open_floor(g, twin, &f[i])) return g->error.status;
    for (int round = 0; round < ROUNDS && !status; round++) {
        status = tg__run_nudged(g, twin, &seed);
        for (size_t i = 0; i < count && !status; i++) raise(twin, &f[i]);
    }
    return status;
}

tg_status tg__floors(tg_graph *g, struct tg__floor *f, size_t count) {
    const size_t bytes = count * sizeof(uint32_t);
    uint32_t *wanted = tg__alloc(g, bytes);
    if (!wanted) return g->error.status;
    for (size_t i = 0; i < count; i++) wanted[i] = f[i].node;
    tg_graph *twin = tg__twin_new(g, wanted, count, "diverge");
    tg__release(g, wanted, bytes);
    if (!twin) return g->error.status;
    tg_status status = measure(g, twin, f, count);
    return tg__twin_free(twin, g, "diverge") ? g->error.status : status;
}

void tg__floors_free(tg_graph *g, struct tg__floor *f, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tg__release(g, f[i].base, f[i].count * sizeof *f[i].base);
        tg__release(g, f[i].column, f[i].columns * sizeof *f[i].column);
    }
}
