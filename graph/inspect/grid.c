/* Tables of text whose columns line up. */
#include "inspect.h"

#include <math.h>

static size_t code_points(const char *s) {
    size_t n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void blanks(FILE *file, size_t n) { fprintf(file, "%*s", (int)n, ""); }

void tg__grid_row(struct tg__grid *grid, tg__cells cells) {
    int last = grid->columns - 1;
    while (last > 0 && !cells[last][0]) last--;
    for (int i = 0; i < grid->columns; i++) {
        size_t n = code_points(cells[i]);
        if (!grid->writing) {
            if (n > grid->width[i]) grid->width[i] = n;
            continue;
        }
        if (i > last) break;
        size_t pad = grid->width[i] - n;
        if (i) fputs("  ", grid->file);
        if (grid->right >> i & 1) blanks(grid->file, pad);
        fputs(cells[i], grid->file);
        if (!(grid->right >> i & 1) && i < last) blanks(grid->file, pad);
    }
    if (grid->writing) fputc('\n', grid->file);
}

void tg__grid_rule(const struct tg__grid *grid) {
    size_t n = 0;
    for (int i = 0; i < grid->columns; i++) n += grid->width[i] + (i ? 2 : 0);
    while (n-- > 0) fputs("─", grid->file);
    fputc('\n', grid->file);
}

/* Four digits are what an eye compares; -0 is 0 to it. */
void tg__number_cell(char *cell, double v) {
    if (v == 0) v = 0;
    snprintf(cell, TG__CELL, isfinite(v) ? "%.4g" : "%g", v);
}
