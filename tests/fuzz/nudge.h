/* How far a value moves when every result on the way to it is rounded otherwise: the f64 twin of a tape is run some
 * times with each result moved by a few units of roundoff. Two ways of computing one formula may differ by that much,
 * but not in what rounds nothing: a maximum is one of its operands to the last bit, whatever rounds. */
#ifndef TESTS_FUZZ_NUDGE_H
#define TESTS_FUZZ_NUDGE_H

#include "inspect.h"
#include "target.h"

enum { ROUNDS = 6, UNITS = 4, MOST_FLOORS = 256 };

static inline bool rounds_nothing(const struct tg__node *n) {
    static const char *const exact[] = {
        "neg",    "abs",      "sign",   "floor",   "ceil",      "round",  "relu",  "clamp", "maximum", "minimum", "eq",
        "ne",     "lt",       "le",     "gt",      "ge",        "where",  "max",   "min",   "argmax",  "argmin",  "take",
        "detach", "identity", "expand", "reshape", "transpose", "concat", "slice", "pad",   "gather",  "scatter", "windows"};
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
        if (strcmp(n->op->name, exact[i]) == 0) return true;
    return n->dtype == TG_I32 || n->op->view;
}

static inline bool run_nudged(const tg_graph *g, tg_graph *twin, uint64_t *state) {
    tg__invalidate(twin);
    for (tg_node a = tg_next(twin); !tg_is_nil(a); a = tg_next(twin)) {
        if (tg_step(twin) != TG_OK) return false;
        const struct tg__node *n = tg__node_of(g, a.id);
        if (rounds_nothing(n)) continue;
        double *v = (double *)(uintptr_t)tg__value_of(twin, a.id)->data;
        const double unit = n->dtype == TG_F32 ? 0x1p-24 : 0x1p-53;
        for (size_t i = 0; i < n->shape->count; i++) v[i] += v[i] * unit * random_between(state, -UNITS, UNITS);
    }
    return true;
}

/* For each column of each output how far it moves; infinite where it becomes NaN. false: the twin does not run. */
static inline bool measure_floors(tg_graph *g, const tg_node *out, size_t count, double **floor) {
    uint32_t wanted[MOST_FLOORS] = {0};
    uint64_t state = 1;
    for (size_t k = 0; k < count; k++) wanted[k] = out[k].id;
    tg_graph *twin = tg__twin_new(g, wanted, count, "fuzz");
    double *base[MOST_FLOORS] = {NULL};
    bool runs = twin && tg_run(twin) == TG_OK;
    for (size_t k = 0; runs && k < count; k++) base[k] = doubles_of(tg_node_at(twin, out[k].id));
    for (int round = 0; round < ROUNDS && runs; round++) {
        runs = run_nudged(g, twin, &state);
        for (size_t k = 0; runs && k < count; k++)
            for (size_t i = 0, columns = columns_of(out[k]); i < tg_size(out[k]); i++) {
                const double moved = fabs(tg_item(tg_node_at(twin, out[k].id), i) - base[k][i]);
                floor[k][i % columns] = isnan(moved) ? (double)INFINITY : fmax(floor[k][i % columns], moved);
            }
    }
    for (size_t k = 0; k < count; k++) free(base[k]);
    if (twin) tg__twin_free(twin, g, "fuzz");
    return runs;
}

#endif
