/* First divergence: arrays laid beside the nodes that have their names, step by step, to name the first that parts. */
#include "inspect.h"

#include <math.h>

/* --------------------------------------------------------------------------------------------- the order of the steps
 */

struct step {
    size_t array;       /* which of the arrays */
    uint32_t node, row; /* and the name it goes by */
    uint32_t after;     /* the node behind which it comes */
    bool backward;
};

/* A sweep's names come behind its output, even where the adjoint is an older node, as the user's cotangent is. */
static uint32_t comes_after(const tg_graph *g, uint32_t node, uint32_t row) {
    const uint32_t of = tg__name_of(g, row);
    uint32_t after = node;
    for (uint32_t id = 1; of && id < g->sweeps.length; id++) {
        const struct tg__sweep *s = tg__row(&g->sweeps, id);
        const struct tg__adjoint *a = tg__adjoint_of(s, of);
        const bool gave = row >= s->first_name && row < s->last_name;
        if ((gave || (a && a->node == node)) && s->out > after) after = s->out;
        if (gave) break;
    }
    return after;
}

static bool find_step(tg_graph *g, const tg_array *other, struct step *s) {
    char clean[80];
    s->node = other->name ? tg__name_find(g, other->name) : 0;
    if (!s->node) {
        tg__fail_run(g, TG_NAME, 0, "diverge: no node is named '%s'",
                     tg__clean(other->name ? other->name : "", clean, sizeof clean));
        return false;
    }
    for (s->row = tg__fact_of(g, s->node)->name; strcmp(tg__name_text(g, s->row), other->name) != 0;)
        s->row = tg__name_next(g, s->row);
    s->backward = tg__name_of(g, s->row) != 0;
    s->after = comes_after(g, s->node, s->row);
    return true;
}

/* The order of the tape, so that nothing comes before what it was made of; names of one node, as they were given. */
static bool comes_before(const struct step *a, const struct step *b) {
    if (a->after != b->after) return a->after < b->after;
    if (a->backward != b->backward) return b->backward;
    return a->row < b->row;
}

static bool order(tg_graph *g, const tg_array *others, size_t count, struct step *steps) {
    for (size_t i = 0; i < count; i++) {
        struct step s = {.array = i};
        if (!find_step(g, &others[i], &s)) return false;
        size_t at = i;
        for (; at > 0 && comes_before(&s, &steps[at - 1]); at--) steps[at] = steps[at - 1];
        steps[at] = s;
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------------- laying beside */

/* A step of the wrong shape is a wrong step, not a wrong question. */
static bool is_misshapen(tg_node a, const tg_array *other, tg_difference *row) {
    const tg_shape own = tg_dims(a);
    if (other->shape.rank < 0 || other->shape.rank > TG_MAX_RANK || tg__same_dims(&own, &other->shape)) return false;
    *row = (tg_difference){.name = other->name, .error = INFINITY, .ours = NAN, .theirs = NAN, .scale = NAN};
    row->parts = row->misshapen = true;
    row->shape = other->shape;
    return true;
}

static tg_status compare(tg_graph *g, const tg_array *others, const struct step *steps, const struct tg__floor *floors,
                         size_t count, double tolerance, tg_difference *rows, size_t *first) {
    for (size_t i = 0; i < count; i++) {
        const tg_node a = tg__handle(g, steps[i].node);
        const tg_array *other = &others[steps[i].array];
        tg_status status =
            is_misshapen(a, other, &rows[i]) ? TG_OK : tg_compare(a, *other, tolerance, floors[i].column, &rows[i]);
        if (status) return status;
        rows[i].stage = tg__step_of(g, steps[i].row);
        if (rows[i].parts && *first == count) *first = i;
    }
    return TG_OK;
}

/* If one step was kept in f32, then the others were made from f32 as well, whatever they are kept in. */
static tg_dtype coarsest_of(const tg_array *others, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (others[i].dtype == TG_F32) return TG_F32;
    return TG_F64;
}

tg_status tg_diverge(tg_graph *g, const tg_array *others, size_t count, double tolerance, tg_difference *rows,
                     size_t *first) {
    if (!g) return TG_HANDLE;
    if (!first || (count && (!others || !rows)))
        return tg__fail_null(g, "diverge", !first ? "first" : others ? "rows" : "others");
    tg__clear_run(g);
    if (g->error.status) return g->error.status;
    *first = count;
    const size_t step_bytes = count * sizeof(struct step), floor_bytes = count * sizeof(struct tg__floor);
    g->busy = true;
    struct step *steps = tg__alloc(g, step_bytes);
    struct tg__floor *floors = tg__alloc(g, floor_bytes);
    tg_status status = steps && floors && order(g, others, count, steps) ? TG_OK : g->error.status;
    const bool ordered = !status;
    for (size_t i = 0; i < count && ordered; i++) floors[i] = (struct tg__floor){.node = steps[i].node};
    if (ordered) status = tg__floors(g, coarsest_of(others, count), floors, count);
    g->busy = false;
    if (!status) status = compare(g, others, steps, floors, count, tolerance, rows, first);
    if (ordered) tg__floors_free(g, floors, count);
    tg__release(g, floors, floor_bytes);
    tg__release(g, steps, step_bytes);
    return status;
}
