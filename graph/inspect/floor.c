/* The rounding floor: how far a column moves when every element of the data moves by a unit of roundoff. Two ways of
 * computing one formula may differ by that much however well they are done, so it is held against neither. For data in
 * good condition it lies far below any tolerance; in a column that is constant it is all there is. */
#include "inspect.h"
#include "random.h"

#include <math.h>

enum { ROUNDS = 2, MARGIN = 4 };

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

/* Each element up or down by a unit of the roundoff that the graph computes with. */
static tg_status nudge(tg_graph *g, tg_graph *twin, uint32_t x, uint64_t *seed) {
    const struct tg__node *n = tg__node_of(g, x);
    const double unit = n->dtype == TG_F32 ? 0x1p-23 : 0x1p-52;
    double *moved = tg__alloc(twin, n->shape->count * sizeof *moved);
    if (!moved) return TG_MEMORY;
    for (size_t i = 0; i < n->shape->count; i++) {
        double v = tg__load((tg_dtype)n->dtype, tg__value_of(g, x)->data, i);
        moved[i] = v + (tg__random_bits(seed) & 1 ? v : -v) * unit;
    }
    tg_status status = tg_set(tg__handle(twin, x), moved);
    tg__release(twin, moved, n->shape->count * sizeof *moved);
    return status;
}

static tg_status measure(tg_graph *g, tg_graph *twin, uint32_t x, struct tg__floor *f, size_t count) {
    uint64_t seed = 1;
    tg_status status = tg_run(twin);
    for (size_t i = 0; i < count && !status; i++)
        if (!open_floor(g, twin, &f[i])) return g->error.status;
    for (int round = 0; round < ROUNDS && !status; round++) {
        status = nudge(g, twin, x, &seed);
        if (!status) status = tg_run(twin);
        for (size_t i = 0; i < count && !status; i++) raise(twin, &f[i]);
    }
    return status;
}

tg_status tg__floors(tg_graph *g, uint32_t x, struct tg__floor *f, size_t count) {
    const size_t bytes = (count + 1) * sizeof(uint32_t);
    uint32_t *wanted = tg__alloc(g, bytes);
    if (!wanted) return g->error.status;
    for (size_t i = 0; i < count; i++) wanted[i] = f[i].node;
    wanted[count] = x;
    tg_graph *twin = tg__twin_new(g, wanted, count + 1, "diverge");
    tg__release(g, wanted, bytes);
    if (!twin) return g->error.status;
    tg_status status = measure(g, twin, x, f, count);
    return tg__twin_free(twin, g, "diverge") ? g->error.status : status;
}

void tg__floors_free(tg_graph *g, struct tg__floor *f, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tg__release(g, f[i].base, f[i].count * sizeof *f[i].base);
        tg__release(g, f[i].column, f[i].columns * sizeof *f[i].column);
    }
}
