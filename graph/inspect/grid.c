/* Tables of text whose columns line up. */
#include "inspect.h"

#include <math.h>

enum { GAP = 2 };

static size_t total(const struct tg__grid *grid) {
    size_t n = 0;
    for (int i = 0; i < grid->columns; i++) n += grid->width[i] ? grid->width[i] + (n ? GAP : 0) : 0;
    return n;
}

static void measure(struct tg__grid *grid, tg__cells cells) {
    for (int i = 0; i < grid->columns; i++) {
        const size_t n = tg__width(grid->pen, cells[i]);
        if (n > grid->width[i]) grid->width[i] = n;
    }
}

static void blanks(const struct tg__grid *grid, size_t n) { tg__say_padded(grid->pen, TG__PLAIN, "", n); }

void tg__grid_row(struct tg__grid *grid, tg__cells cells) {
    if (!grid->writing) {
        measure(grid, cells);
        return;
    }
    size_t due = 0; /* blanks before what comes next, so that none end a line */
    for (int i = 0; i < grid->columns; i++) {
        if (!grid->width[i]) continue;
        const size_t pad = grid->width[i] - tg__width(grid->pen, cells[i]);
        const bool right = grid->right >> i & 1;
        if (cells[i][0]) {
            blanks(grid, due + (right ? pad : 0));
            tg__say(grid->pen, grid->style[i], "%s", cells[i]);
            due = right ? 0 : pad;
        } else {
            due += pad;
        }
        due += GAP;
    }
    tg__say(grid->pen, TG__PLAIN, "\n");
}

static void rule(const struct tg__grid *grid, size_t n) {
    while (n > 0) {
        char piece[32 * sizeof "─"] = "";
        for (int i = 0; i < 32 && n > 0; i++, n--) strcat(piece, "─");
        tg__say(grid->pen, TG__FAINT, "%s", piece);
    }
}

void tg__grid_head(struct tg__grid *grid, tg__cells cells) {
    enum tg__style rows[TG__COLUMNS];
    memcpy(rows, grid->style, sizeof rows);
    for (int i = 0; i < TG__COLUMNS; i++) grid->style[i] = TG__FAINT;
    tg__grid_row(grid, cells);
    memcpy(grid->style, rows, sizeof rows);
    tg__grid_title(grid, "");
}

void tg__grid_title(const struct tg__grid *grid, const char *title) {
    if (!grid->writing) return;
    size_t used = 0;
    if (*title) {
        used = tg__width(grid->pen, title) + 4;
        rule(grid, 2);
        tg__say(grid->pen, TG__PLAIN, " %s ", title);
    }
    if (total(grid) > used) rule(grid, total(grid) - used);
    tg__say(grid->pen, TG__PLAIN, "\n");
}

/* Four digits are what an eye compares; -0 is 0 to it. */
void tg__number_cell(char *cell, double v) {
    if (v == 0) v = 0;
    if (isnan(v)) v = fabs(v); /* no machine's "-nan" */
    snprintf(cell, TG__CELL, "%.4g", v);
}
