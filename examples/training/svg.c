/* The chart as a picture, for light and dark. */
#include "training.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 640, HEIGHT = 340, LEFT = 64, RIGHT = 24, TOP = 56, BOTTOM = 48 };

static const char style[] =
    "<style>\n"
    ".chart{--paper:#fff;--ink:#1f2933;--soft:#64748b;--grid:#e2e8f0;--first:#c2410c;--second:#00695c;"
    "font-family:system-ui,-apple-system,\"Segoe UI\",\"Noto Sans\",\"DejaVu Sans\",sans-serif;font-size:13px}\n"
    "@media(prefers-color-scheme:dark){.chart{--paper:#11161d;--ink:#e6edf3;--soft:#94a3b8;--grid:#2b3745;"
    "--first:#ff9466;--second:#4fd1b5}}\n"
    ".chart text{fill:var(--soft)}\n"
    ".chart .title{fill:var(--ink);font-size:15px;font-weight:600}\n"
    ".chart .paper{fill:var(--paper)}\n"
    ".chart .grid{stroke:var(--grid)}\n"
    ".chart .end{text-anchor:end}\n"
    ".chart .middle{text-anchor:middle}\n"
    ".chart .curve{fill:none;stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}\n"
    ".chart .c0{stroke:var(--first)}\n"
    ".chart .c1{stroke:var(--second)}\n"
    "</style>\n";

static double x_of(const struct chart *c, int i) {
    return LEFT + (WIDTH - LEFT - RIGHT) * (c->count > 1 ? i / (c->count - 1.) : 0);
}

static double y_of(double height) { return TOP + (HEIGHT - TOP - BOTTOM) * (1 - height); }

static void axes(const struct chart *c, FILE *file) {
    for (int tick = c->low; tick <= c->high; tick++) {
        const double y = y_of((tick - c->low) / (double)(c->high - c->low));
        fprintf(file, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, y, WIDTH - RIGHT);
        fprintf(file, "<text class=\"end\" x=\"%d\" y=\"%.1f\">%g</text>\n", LEFT - 10, y + 4, pow(10, tick));
    }
    const int every = c->count <= 12 ? 1 : 5;
    for (int i = 0; i < c->count; i++)
        if (i == 0 || (i + 1) % every == 0)
            fprintf(file, "<text class=\"middle\" x=\"%.1f\" y=\"%d\">%d</text>\n", x_of(c, i), HEIGHT - BOTTOM + 20,
                    i + 1);
    fprintf(file, "<text class=\"middle\" x=\"%d\" y=\"%d\">%s</text>\n", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10,
            c->across);
}

static void curves(const struct chart *c, FILE *file) {
    for (int k = 1, x = WIDTH - RIGHT; k >= 0; k--) {
        fprintf(file, "<path class=\"curve c%d\" d=\"", k);
        for (int i = 0; i < c->count; i++)
            fprintf(file, "%c%.1f %.1f", i ? 'L' : 'M', x_of(c, i), y_of(height(c, c->curve[k].y[i])));
        fprintf(file, "\"/>\n");
        x -= 46 + 7 * (int)strlen(c->curve[k].name); /* the legend, from right to left */
        fprintf(file, "<path class=\"curve c%d\" d=\"M%d 24h20\"/><text x=\"%d\" y=\"28\">%s</text>\n", k, x, x + 28,
                c->curve[k].name);
    }
}

bool write_chart(const struct chart *c, const char *path) {
    FILE *file = fopen(path, "w");
    if (file == NULL) return perror(path), false;
    fprintf(file,
            "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 %d %d\" "
            "width=\"%d\" height=\"%d\">\n<title>%s</title>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT, c->title);
    for (int k = 0; k < 2; k++)
        fprintf(file, "%s%s: from %.3g to %.3g%s", k ? "; " : "<desc>", c->curve[k].name, c->curve[k].y[0],
                c->curve[k].y[c->count - 1], k ? "</desc>\n" : "");
    fprintf(file, "%s<rect class=\"paper\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", style, WIDTH, HEIGHT);
    fprintf(file, "<text class=\"title\" x=\"20\" y=\"28\">%s</text>\n", c->title);
    axes(c, file);
    curves(c, file);
    fprintf(file, "</svg>\n");
    const bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) return perror(path), false;
    return true;
}
