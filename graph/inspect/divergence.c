/* First divergence: arrays laid beside the nodes that have their names, step by step, to name the first that parts. */
#include "inspect.h"

/* --------------------------------------------------------------------------------------------- the order of the steps */

struct step {
    size_t array; /* which of the arrays */
    uint32_t node, row; /* and the name it goes by */
    bool backward;
    int stage;
};

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
    s->stage = tg__site_of(g, tg__name_site(g, s->row))->stage;
    return true;
}

/* Forward by rising stage, then backward by falling stage; in a stage, as the names were given. */
static bool comes_before(const struct step *a, const struct step *b) {
    if (a->backward != b->backward) return b->backward;
    if (a->stage != b->stage) return a->backward ? a->stage > b->stage : a->stage < b->stage;
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

static tg_status compare(tg_graph *g, const tg_array *others, const struct step *steps, const struct tg__floor *floors,
                         size_t count, double tolerance, tg_difference *rows, size_t *first) {
    for (size_t i = 0; i < count; i++) {
        tg_status status = tg_compare(tg__handle(g, steps[i].node), others[steps[i].array], tolerance, floors[i].column,
                                      &rows[i]);
        if (status) return status;
        if (rows[i].parts && *first == count) *first = i;
    }
    return TG_OK;
}

tg_status tg_diverge(tg_graph *g, const tg_array *others, size_t count, double tolerance, tg_difference *rows,
                     size_t *first) {
    if (!g) return TG_HANDLE;
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
    if (ordered) status = tg__floors(g, floors, count);
    g->busy = false;
    if (!status) status = compare(g, others, steps, floors, count, tolerance, rows, first);
    if (ordered) tg__floors_free(g, floors, count);
    tg__release(g, floors, floor_bytes);
    tg__release(g, steps, step_bytes);
    return status;
}
