/* The computation in the steps in which it was written: named nodes stage by stage forward, and the names that a sweep
 * gave, stage by stage backward. An alias has a line of its own: it is a step of the derivation too. */
#include "inspect.h"

#include <stdlib.h>

enum column { STEP, NAME, FORMULA, SHAPE, MIN, MEAN, MAX, COLUMNS };

static void fill(tg__cells cells, const tg_graph *g, uint32_t row, int stage, bool alias) {
    char text[160];
    tg_node a = tg__handle(g, tg__name_owner(g, row));
    tg_shape dims = tg_dims(a);
    struct tg__summary s;
    memset(cells, 0, sizeof(tg__cells));
    snprintf(cells[STEP], TG__CELL, "%d", stage);
    tg__clean(tg__name_text(g, row), cells[NAME], 40);
    if (alias)
        tg__clean(tg_name(a), cells[FORMULA], 40);
    else
        tg_formula(a, text, sizeof text), tg__clean(text, cells[FORMULA], 60);
    tg__shape_text(&dims, cells[SHAPE], TG__CELL);
    if (!tg__summarize(a, &s)) {
        strcpy(cells[MIN], "–"), strcpy(cells[MEAN], "–"), strcpy(cells[MAX], "–");
    } else if (s.nonfinite) {
        snprintf(cells[MIN], TG__CELL, "%zu not finite", s.nonfinite);
    } else if (!s.count) {
        strcpy(cells[MIN], "empty");
    } else {
        tg__number_cell(cells[MIN], s.min), tg__number_cell(cells[MEAN], s.mean), tg__number_cell(cells[MAX], s.max);
    }
}

static void put(struct tg__grid *grid, const tg_graph *g, uint32_t row, int stage) {
    tg__cells cells;
    const bool alias = tg__fact_of(g, tg__name_owner(g, row))->name != row;
    const enum tg__style style = grid->style[MIN];
    fill(cells, g, row, stage, alias);
    grid->style[MIN] = tg__value_style(tg__handle(g, tg__name_owner(g, row)), style);
    tg__grid_row(grid, cells);
    grid->style[MIN] = style;
}

static void head(struct tg__grid *grid, enum tg__style style) {
    tg__cells cells = {"step", "name", "formula", "shape", "min", "mean", "max"};
    tg__grid_head(grid, cells);
    grid->style[NAME] = TG__NAME;
    grid->style[MIN] = grid->style[MEAN] = grid->style[MAX] = style;
}

/* --------------------------------------------------------------------------------------- which and in what order */

static const struct tg__site *site_of(const tg_graph *g, uint32_t node) {
    return tg__site_of(g, tg__fact_of(g, node)->site);
}

/* A name belongs to the scope of the node it speaks of: its own, or the one whose adjoint it is. */
static uint32_t scope_of(const tg_graph *g, uint32_t row) {
    uint32_t of = tg__name_of(g, row);
    return site_of(g, of ? of : tg__name_owner(g, row))->scope;
}

/* A term that comes in from another scope is where this scope's backward begins: it has its target's stage. */
int tg__step_of(const tg_graph *g, uint32_t row) {
    const struct tg__site *sent = tg__site_of(g, tg__name_site(g, row));
    uint32_t of = tg__name_of(g, row);
    return of && sent->scope != site_of(g, of)->scope ? site_of(g, of)->stage : sent->stage;
}

static bool wanted(const tg_graph *g, uint32_t row, const char *scope) {
    return !scope || strcmp(tg__scope_of(g, scope_of(g, row))->prefix, scope) == 0;
}

/* Names of nodes that the sweep passed through, in the order in which they were given. */
static void forward(struct tg__grid *grid, tg_graph *g, const struct tg__sweep *s, const char *scope) {
    for (uint32_t row = 1; row < s->first_name; row++) {
        uint32_t node = tg__name_owner(g, row);
        if (tg__adjoint_of(s, node) && !tg__is_leaf(tg__node_of(g, node)) && wanted(g, row, scope))
            put(grid, g, row, tg__step_of(g, row));
    }
}

/* The sweep's names scope by scope, in the order in which it came upon them, and in each from the newest stage down. */
struct order {
    size_t bytes, count;
    struct place {
        uint32_t scope, row; /* scope: the how-manieth */
        int32_t stage;
    } * at;
};

static int compare(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    if (x->scope != y->scope) return x->scope < y->scope ? -1 : 1;
    if (x->stage != y->stage) return x->stage > y->stage ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static bool sorted(struct order *o, tg_graph *g, const struct tg__sweep *s, const char *scope) {
    const size_t names = s->last_name - s->first_name, scopes = g->scopes.length;
    *o = (struct order){.bytes = names * sizeof *o->at + scopes * sizeof(uint32_t)};
    o->at = tg__alloc(g, o->bytes);
    if (!o->at) return false;
    uint32_t *rank = (uint32_t *)(o->at + names), ranks = 0;
    memset(rank, 0, scopes * sizeof *rank);
    for (uint32_t row = s->first_name; row < s->last_name; row++) {
        if (!wanted(g, row, scope)) continue;
        uint32_t *own = &rank[scope_of(g, row)];
        if (!*own) *own = ++ranks;
        o->at[o->count++] = (struct place){.scope = *own, .stage = tg__step_of(g, row), .row = row};
    }
    qsort(o->at, o->count, sizeof *o->at, compare);
    return true;
}

static void print(struct tg__pen *pen, tg_graph *g, const struct tg__sweep *s, const char *scope,
                  const struct order *o) {
    struct tg__grid grid = {.pen = pen, .columns = COLUMNS, .right = 1u << STEP | 1u << MIN | 1u << MEAN | 1u << MAX};
    for (int pass = 0; pass < 2; pass++) {
        grid.writing = pass == 1;
        if (grid.writing) tg__say(pen, TG__PLAIN, "forward\n");
        head(&grid, TG__VALUE);
        forward(&grid, g, s, scope);
        if (grid.writing) tg__say(pen, TG__PLAIN, "\nbackward\n");
        head(&grid, TG__GRADIENT);
        for (size_t i = 0; i < o->count; i++) put(&grid, g, o->at[i].row, o->at[i].stage);
    }
}

void tg_print_steps(tg_grads d, const char *scope, FILE *file) {
    const struct tg__sweep *s = tg__sweep_get(d);
    if (!s) return;
    tg_graph *g = d.graph;
    struct tg__pen pen;
    struct order o;
    g->busy = true; /* out of memory here is cured by a second try, not by a rewind */
    const bool ready = sorted(&o, g, s, scope);
    g->busy = false;
    tg__pen_open(&pen, file);
    if (ready)
        print(&pen, g, s, scope, &o);
    else
        tg__say(&pen, TG__ALARM, "error: %s\n", tg_message(g));
    tg__pen_close(&pen);
    if (ready) tg__release(g, o.at, o.bytes);
}
