/* The tape as a table: a line for each node, with its value and the gradient of the latest sweep. */
#include "inspect.h"

enum column { ID, STAGE, NAME, FORMULA, SHAPE, VALUE, GRADIENT, COLUMNS };

static void range_cell(char *cell, tg_node a) {
    struct tg__summary s;
    if (tg_is_nil(a) || !tg__summarize(a, &s)) {
        strcpy(cell, "–"); /* nothing has run: not the same as 0 */
        return;
    }
    if (s.count == 0)
        strcpy(cell, "empty");
    else if (s.count == s.nonfinite)
        strcpy(cell, "not finite");
    else if (s.count == 1)
        tg__number_cell(cell, s.min);
    else
        snprintf(cell, TG__CELL, "%.4g … %.4g", s.min == 0 ? 0 : s.min, s.max == 0 ? 0 : s.max);
    if (s.nonfinite && s.nonfinite < s.count) {
        size_t n = strlen(cell);
        snprintf(cell + n, TG__CELL - n, ", %zu not finite", s.nonfinite);
    }
}

static void stage_cell(char *cell, tg_node a) {
    tg_place at = tg_where_is(a);
    char scope[48];
    if (at.stage < 0)
        strcpy(cell, "–");
    else
        snprintf(cell, TG__CELL, "%s%d", tg__clean(at.scope, scope, sizeof scope), at.stage);
}

static void fill(tg__cells cells, tg_grads d, tg_node a) {
    char text[160], clean[40];
    tg_shape dims = tg_dims(a);
    snprintf(cells[ID], TG__CELL, "%u", a.id);
    stage_cell(cells[STAGE], a);
    strcpy(cells[NAME], tg_name(a)[0] ? tg__clean(tg_name(a), clean, sizeof clean) : "");
    tg_formula(a, text, sizeof text);
    tg__clean(text, cells[FORMULA], 60);
    tg__shape_text(&dims, cells[SHAPE], TG__CELL);
    range_cell(cells[VALUE], a);
    if (tg_has_grad(d, a))
        range_cell(cells[GRADIENT], tg_grad(d, a));
    else
        cells[GRADIENT][0] = 0;
}

static void head(struct tg__grid *grid) {
    tg__cells cells = {"#", "stage", "name", "formula", "shape", "value", "gradient"};
    tg__grid_row(grid, cells);
    if (grid->writing) tg__grid_rule(grid);
}

void tg_print_part(tg_graph *g, FILE *file, uint32_t first, uint32_t count) {
    if (!g) return;
    if (first < 1) first = 1;
    uint32_t last = first > tg_count(g) ? first - 1 : count > tg_count(g) - first ? tg_count(g) : first + count - 1;
    struct tg__grid grid = {.file = file, .columns = COLUMNS, .right = 1u << ID};
    tg_grads d = tg__sweep_latest(g);
    for (int pass = 0; pass < 2; pass++) {
        grid.writing = pass == 1;
        head(&grid);
        for (uint32_t id = first; id <= last; id++) {
            tg__cells cells;
            fill(cells, d, tg__handle(g, id));
            tg__grid_row(&grid, cells);
        }
    }
    if (tg_error(g)) fprintf(file, "error: %s\n", tg_message(g));
}

void tg_print(tg_graph *g, FILE *file) { tg_print_part(g, file, 1, tg_count(g)); }
