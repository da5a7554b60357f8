/* What the readers share. Nothing here changes what it reads. */
#ifndef TG_INSPECT_H
#define TG_INSPECT_H

#include "graph.h"

/* ---------------------------------------------------------------------------------------------------- summary.c */

struct tg__summary {
    size_t count, nonfinite; /* the others are over the finite elements */
    double min, mean, max, l1;
};
bool tg__summarize(tg_node a, struct tg__summary *s); /* false: nothing valid to read */

/* ------------------------------------------------------------------------------------------------------- grid.c
 * A table of text: every row is measured, then every row is written. Widths count code points. */

enum { TG__COLUMNS = 9, TG__CELL = 96 };

struct tg__grid {
    FILE *file;
    int columns;
    unsigned right; /* bit i: column i is flush right */
    size_t width[TG__COLUMNS];
    bool writing; /* false: measuring */
};
typedef char tg__cells[TG__COLUMNS][TG__CELL];
void tg__grid_row(struct tg__grid *grid, tg__cells cells);
void tg__grid_rule(const struct tg__grid *grid);
void tg__number_cell(char *cell, double v);

/* ------------------------------------------------------------------------------------------------------ scale.c */

/* The formula's outermost operation on absolute values, one double an element. false: no value, or no memory. */
bool tg__scale(tg_graph *g, uint32_t id, double *scale);

/* ---------------------------------------------------------------------- twin.c difference.c verdict.c: for check.c */

/* What out depends on, as a graph of its own in f64; the nodes have the same ids. NULL: out's graph knows why. */
tg_graph *tg__twin_new(tg_node out);
tg_status tg__twin_free(tg_graph *twin, tg_graph *g); /* hands an error of the twin over to g */

/* f(x) = sum of cotangent*out, as a function of one leaf. */
struct tg__objective {
    tg_node leaf, out;
    size_t outputs;
    const double *cotangent, *base; /* base: out as it is */
    double *high;                   /* room for out at x + h */
    double *x;                      /* the leaf's value */
};
struct tg__slope {
    double value;
    double noise; /* how well it is known; infinite: not at all */
    double jump;  /* the difference of the slopes on either side; 0: there is one */
};
/* reach: a power of two, the longest step. tolerance*scale: the error up to which it is worth while to look. */
tg_status tg__difference(const struct tg__objective *f, size_t element, double reach, double tolerance, double scale,
                         struct tg__slope *best);

/* One column of a leaf: elements first, first + stride, … of ours; slopes one after the other. */
struct tg__column {
    const double *ours;
    const struct tg__slope *slope;
    size_t first, stride, rows;
    double tolerance;
};
void tg__judge(tg_check *check, const struct tg__column *c);

#endif
