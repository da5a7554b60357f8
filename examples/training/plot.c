/* The chart for a terminal: a character is two dots wide and four high (Unicode's braille), or a letter in ASCII. */
#include "training.h"

#include <math.h>

enum { COLUMNS = 46, DECADE = 3, ROWS = 25, ACROSS = 2 * COLUMNS, DOWN = 4 * ROWS };

struct canvas {
    unsigned char dot[DOWN][ACROSS]; /* bit k: curve k */
};

double height(const struct chart *c, double y) {
    const double h = (log10(y) - c->low) / (c->high - c->low);
    return h > 0 ? fmin(h, 1) : h <= 0 ? 0 : 1; /* a loss that is no number has left at the top */
}

static int rows_of(const struct chart *c) {
    const int rows = DECADE * (c->high - c->low) + 1;
    return rows < ROWS ? rows : ROWS;
}

/* 10^high is in the middle of the first character, 10^low in that of the last. */
static int dot_of(const struct chart *c, double height) {
    return (int)lround(1.5 + (1 - height) * 4 * (rows_of(c) - 1));
}

/* Straight lines from point to point; a column is filled from where the line was in the one before. */
static void draw(const struct chart *c, int k, struct canvas *canvas) {
    const double *y = c->curve[k].y;
    for (int column = 0, before = 0; column < ACROSS; column++) {
        const double at = column * (c->count - 1.) / (ACROSS - 1);
        const int i = (int)at, next = i + 1 < c->count ? i + 1 : i;
        const double from = height(c, y[i]), to = height(c, y[next]);
        const int here = dot_of(c, from + (at - i) * (to - from));
        if (column == 0) before = here;
        for (int r = here < before ? here : before; r <= here || r <= before; r++)
            if (r == here || r != before) canvas->dot[r][column] |= (unsigned char)(1 << k);
        before = here;
    }
}

/* The dots of a character, in Unicode's order: the upper six column by column, then the last two. */
static int dots_of(const struct canvas *canvas, int row, int column, int *curves) {
    static const int bit[4][2] = {{0, 3}, {1, 4}, {2, 5}, {6, 7}};
    int dots = 0;
    *curves = 0;
    for (int r = 0; r < 4; r++)
        for (int i = 0; i < 2; i++) {
            const int passing = canvas->dot[4 * row + r][2 * column + i];
            if (passing) dots |= 1 << bit[r][i];
            *curves |= passing;
        }
    return dots;
}

static void ink(int curves, const char *text) {
    if (tg_has_colour(stdout))
        printf("\033[%dm%s\033[0m", curves & 2 ? 36 : 33, text);
    else
        fputs(text, stdout);
}

static void print_character(int dots, int curves) {
    char text[4] = {(char)0xe2, (char)(0xa0 | dots >> 6), (char)(0x80 | (dots & 0x3f))}; /* U+2800 + dots, in UTF-8 */
    ink(curves, tg_has_unicode() ? text : curves & 2 ? "o" : "*");
}

/* The name of a curve stands behind its end. Nothing stands behind the last dot, and no blanks either. */
static void print_row(const struct chart *c, const struct canvas *canvas, int row) {
    int blanks = 0;
    for (int column = 0; column < COLUMNS; column++) {
        int curves;
        const int dots = dots_of(canvas, row, column, &curves);
        if (!dots) blanks++;
        if (!dots) continue;
        printf("%*s", blanks, "");
        print_character(dots, curves);
        blanks = 0;
    }
    for (int k = 0; k < 2; k++) {
        if (dot_of(c, height(c, c->curve[k].y[c->count - 1])) / 4 != row) continue;
        printf(" ");
        ink(1 << k, c->curve[k].name);
    }
    printf("\n");
}

void print_chart(const struct chart *c) {
    const bool unicode = tg_has_unicode();
    struct canvas canvas = {0};
    for (int k = 0; k < 2; k++) draw(c, k, &canvas);
    printf("%s\n", c->title);
    for (int row = 0; row < rows_of(c); row++) {
        if (row % DECADE == 0)
            printf("%7g %s", pow(10, c->high - row / DECADE), unicode ? "┤" : "+");
        else
            printf("%7s %s", "", unicode ? "│" : "|");
        print_row(c, &canvas, row);
    }
    printf("%7s %s", "", unicode ? "└" : "+");
    for (int column = 0; column < COLUMNS; column++) fputs(unicode ? "─" : "-", stdout);
    printf("\n%8s %-*d%*d  %s\n", "", COLUMNS / 2, 1, COLUMNS - COLUMNS / 2, c->count, c->across);
}
