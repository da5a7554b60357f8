/* The tape as a table: a line for each node with its value and, below it, one with the gradient of the latest sweep. */
#include "inspect.h"

enum column { ID, STAGE, NAME, FORMULA, SHAPE, MIN, MEAN, MAX, NORM, ODD, COLUMNS };

static const enum tg__style value_row[TG__COLUMNS] = {[ID] = TG__FAINT, [NAME] = TG__NAME, [ODD] = TG__ALARM},
                            gradient_row[TG__COLUMNS] = {[NAME] = TG__GRADIENT, [ODD] = TG__ALARM};

struct table {
    struct tg__grid grid;
    tg_graph *g;
    tg_grads d;
    const struct tg__fold *fold;       /* NULL: every node has a line */
    uint32_t first, end, scope, sweep; /* sweep: the next that begins */
    char stage[TG__CELL];
};

/* ---------------------------------------------------------------------------------------------------------- cells */

/* One number is its own mean; the column is called "value" where there is nothing else. */
static void number_cells(tg__cells cells, tg_node a) {
    struct tg__summary s;
    if (!tg__summarize(a, &s)) { /* nothing has run: not the same as 0 */
        for (int i = MIN; i <= NORM; i++)
            if (i == MEAN || s.count != 1) strcpy(cells[i], "–");
        return;
    }
    if (s.count == 0) strcpy(cells[MEAN], "empty");
    if (s.nonfinite && s.nonfinite == s.count)
        strcpy(cells[ODD], "not finite");
    else if (s.nonfinite)
        snprintf(cells[ODD], TG__CELL, "%zu not finite", s.nonfinite);
    if (s.count == s.nonfinite) return;
    tg__number_cell(cells[MEAN], s.mean);
    if (s.count == 1) return;
    tg__number_cell(cells[MIN], s.min);
    tg__number_cell(cells[MAX], s.max);
    if (tg_dtype_of(a) != TG_I32) tg__number_cell(cells[NORM], s.norm);
}

/* A stage is told where it begins. */
static void stage_cell(struct table *t, char *cell, int first, int last) {
    char text[TG__CELL] = "–";
    if (first >= 0) snprintf(text, sizeof text, first == last ? "%d" : "%d–%d", first, last);
    if (strcmp(text, t->stage) == 0) return;
    strcpy(cell, text);
    strcpy(t->stage, text);
}

static void put(struct table *t, tg__cells cells, const enum tg__style *style, enum tg__style numbers) {
    memcpy(t->grid.style, style, sizeof t->grid.style);
    for (int i = MIN; i <= NORM; i++) t->grid.style[i] = numbers;
    tg__grid_row(&t->grid, cells);
}

/* A node that is named as an adjoint, or a term of one, is a gradient. */
static enum tg__style numbers_of(const tg_graph *g, uint32_t id) {
    const uint32_t name = tg__fact_of(g, id)->name;
    return name && tg__name_of(g, name) ? TG__GRADIENT : TG__VALUE;
}

static void gradient(struct table *t, uint32_t id) {
    const struct tg__sweep *s = tg__sweep_get(t->d);
    const struct tg__adjoint *a = s ? tg__adjoint_of(s, id) : NULL;
    tg__cells cells = {{0}};
    char name[40];
    if (!a || !a->node) return; /* memory was out */
    if (tg__term_name(t->d, id, a->node))
        snprintf(cells[NAME], TG__CELL, "  %s", tg__term_label(t->d, id, a->node, name, sizeof name));
    else
        snprintf(cells[NAME], TG__CELL, "  #%u", a->node);
    tg__term_formula(t->d, id, a->node, cells[FORMULA], 52);
    number_cells(cells, tg__handle(t->g, a->node));
    put(t, cells, gradient_row, TG__GRADIENT);
}

static void node(struct table *t, uint32_t id) {
    const tg_node a = tg__handle(t->g, id);
    const int stage = tg_stage(a);
    tg__cells cells = {{0}};
    char text[160];
    snprintf(cells[ID], TG__CELL, "%u", id);
    stage_cell(t, cells[STAGE], stage, stage);
    tg__clean(tg_name(a), cells[NAME], 40);
    tg_formula(a, text, sizeof text);
    tg__clean(text, cells[FORMULA], 52);
    tg__shape_text(&tg__node_of(t->g, id)->shape->dims, cells[SHAPE], TG__CELL);
    number_cells(cells, a);
    put(t, cells, value_row, numbers_of(t->g, id));
    gradient(t, id);
}

static uint32_t folded(struct table *t, uint32_t first) {
    const uint32_t end = tg__fold_end(t->fold, first), out = tg__fold_out(t->fold, first, end);
    int low = -1, high = -1;
    for (uint32_t id = first; id < end; id++) {
        const int stage = tg_stage(tg__handle(t->g, id));
        if (stage > 0 && (low < 0 || stage < low)) low = stage;
        if (stage > high) high = stage;
    }
    tg__cells cells = {{0}};
    snprintf(cells[ID], TG__CELL, end - first == 1 ? "%u" : "%u–%u", first, end - 1);
    stage_cell(t, cells[STAGE], low, high);
    tg__clean(tg__scope_of(t->g, t->fold->scope[first])->prefix, cells[NAME], 40);
    tg__fold_text(t->fold, first, end, cells[FORMULA], TG__CELL);
    if (out) tg__shape_text(&tg__node_of(t->g, out)->shape->dims, cells[SHAPE], TG__CELL);
    if (out) number_cells(cells, tg__handle(t->g, out));
    put(t, cells, value_row, out ? numbers_of(t->g, out) : TG__VALUE);
    if (out) gradient(t, out);
    return end;
}

/* ---------------------------------------------------------------------------------------------------------- lines */

/* A rule where a sweep or another scope begins. Leaves that nobody has placed are in none. */
static void section(struct table *t, uint32_t id) {
    char name[64], title[96];
    const struct tg__fact *fact = tg__fact_of(t->g, id);
    const uint32_t scope = fact->site == TG__LEAF_SITE ? t->scope : tg__site_of(t->g, fact->site)->scope;
    const bool moved = scope != t->scope && !(t->fold && t->fold->scope[id]), within = id > t->first;
    bool swept = false;
    for (; tg__sweep_begin(t->g, t->sweep) <= id; t->sweep++) swept = tg__sweep_begin(t->g, t->sweep) == id;
    if (swept) {
        const struct tg__sweep *s = tg__row(&t->g->sweeps, t->sweep - 1);
        snprintf(title, sizeof title, "backward from %s", tg__label(t->g, s->out, name, sizeof name));
    }
    if (moved && !swept) tg__clean(tg__scope_of(t->g, scope)->prefix, title, sizeof title);
    if (swept || (moved && (within || *title))) tg__grid_title(&t->grid, title);
    if (swept || moved) t->stage[0] = 0;
    t->scope = moved ? scope : t->scope;
}

static void body(struct table *t) {
    t->scope = 1;
    t->sweep = 1;
    t->stage[0] = 0;
    for (uint32_t id = t->first; id < t->end;) {
        section(t, id);
        if (t->fold && t->fold->scope[id])
            id = folded(t, id);
        else
            node(t, id++);
    }
}

static void head(struct table *t) {
    static const char *const names[COLUMNS] = {
        [ID] = "#",    [STAGE] = "stage", [NAME] = "name", [FORMULA] = "formula", [SHAPE] = "shape",
        [MIN] = "min", [MEAN] = "mean",   [MAX] = "max",   [NORM] = "norm",       [ODD] = ""};
    tg__cells cells = {{0}};
    for (int i = 0; i < COLUMNS; i++)
        if (i < MIN || t->grid.width[i]) strcpy(cells[i], i == MEAN && !t->grid.width[MIN] ? "value" : names[i]);
    tg__grid_head(&t->grid, cells);
}

static void print(struct table *t, FILE *file) {
    struct tg__pen pen;
    tg__pen_open(&pen, file);
    t->d = tg__sweep_latest(t->g);
    t->grid = (struct tg__grid){.pen = &pen, .columns = COLUMNS};
    t->grid.right = 1u << ID | 1u << STAGE | 1u << MIN | 1u << MEAN | 1u << MAX | 1u << NORM;
    body(t);
    head(t);
    t->grid.writing = true;
    head(t);
    body(t);
    if (tg_error(t->g)) tg__say(&pen, TG__PLAIN, "error: %s\n", tg_message(t->g));
    tg__pen_close(&pen);
}

void tg_print_part(tg_graph *g, FILE *file, uint32_t first, uint32_t count) {
    if (!g) return;
    const uint32_t length = tg_count(g) + 1;
    struct table t = {.g = g, .first = first < 1 ? 1 : first};
    t.end = t.first >= length ? t.first : count < length - t.first ? t.first + count : length;
    print(&t, file);
}

void tg_print(tg_graph *g, FILE *file) { tg_print_part(g, file, 1, tg_count(g)); }

void tg_print_folded(tg_graph *g, FILE *file, const char *open) {
    if (!g) return;
    struct tg__fold fold;
    g->busy = true; /* out of memory here is cured by a second try, not by a rewind */
    const bool ready = tg__fold_new(&fold, g, open);
    g->busy = false;
    struct table t = {.g = g, .first = 1, .end = ready ? tg_count(g) + 1 : 1, .fold = ready ? &fold : NULL};
    print(&t, file);
    if (ready) tg__fold_free(&fold);
}
