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

/* ------------------------------------------------------------------------------------------------------ steps.c */

int tg__step_of(const tg_graph *g, uint32_t row); /* the stage that a name is shown at */

/* ----------------------------------------------------------------------------------------------------- origin.c */

uint32_t tg__made_for(const tg_graph *g, uint32_t id); /* the node whose gradient a sweep made it for; 0: forward */

/* ------------------------------------------------------------------------------------------------------ scale.c */

/* The formula's outermost operation on absolute values, one double an element. false: no value, or no memory. */
bool tg__scale(tg_graph *g, uint32_t id, double *scale);

/* ------------------------------------------------------------------------------------------------------- twin.c */

/* What the wanted nodes depend on, as a graph of its own in f64; the nodes have the same ids. NULL: g knows why.
 * who: what asked, for messages. */
tg_graph *tg__twin_new(tg_graph *g, const uint32_t *wanted, size_t count, const char *who);
tg_status tg__twin_free(tg_graph *twin, tg_graph *g, const char *who); /* hands an error of the twin over to g */

/* ------------------------------------------------------------------------------------------------------ floor.c */

struct tg__floor {
    uint32_t node;
    size_t count, columns; /* of the node */
    double *base, *column; /* its value; the floor of each column */
};
tg_status tg__run_nudged(const tg_graph *g, tg_graph *twin, uint64_t *random); /* every result off by g's roundoff */
tg_status tg__floors(tg_graph *g, struct tg__floor *floors, size_t count);
void tg__floors_free(tg_graph *g, struct tg__floor *floors, size_t count);

/* ---------------------------------------------------------------- gradient.c difference.c verdict.c: for check.c */

static inline bool tg__is_subject(const tg_graph *g, uint32_t id) { /* a leaf that has adjoints */
    const struct tg__node *n = tg__node_of(g, id);
    return tg__is_leaf(n) && (n->flags & TG__DIFFERENTIABLE);
}

/* The gradients of the subjects up to `last` that d reaches, one behind the other; how many elements. */
size_t tg__gradients(tg_grads d, uint32_t last, double *to);
size_t tg__given(const tg_graph *twin, uint32_t last); /* how many numbers its floating-point leaves have */

struct tg__doubt {
    const tg_graph *of; /* what the twin is the twin of */
    uint32_t last;
    const double *ours;      /* from tg__gradients */
    double *saved, *scratch; /* room for tg__given numbers each */
};
bool tg__doubt(tg_grads d, const struct tg__doubt *t, double *doubt); /* by how much rounding alone moves ours */

/* f(x) = sum of cotangent*out, as a function of one leaf. */
struct tg__objective {
    tg_node leaf, out;
    size_t outputs;
    const double *cotangent, *base; /* base: out as it is */
    double *high;                   /* room for out at x + h */
    bool *moved;                    /* room for a mark on each output */
    double *x;                      /* the leaf's value */
    double rounding;                /* how far f moves when every result on the way moves by a unit of roundoff */
};
struct tg__slope {
    double value;
    double noise; /* how well it is known; infinite: not at all */
    double inner; /* what rounding on the way to out may do to it */
    double jump;  /* the difference of the slopes on either side; 0: there is one */
};

/* A kink explains a deviation of at most this many times its jump: the slopes on either side may be large sums that
 * happen to be close, but a tiny kink must not excuse a mistake. */
enum { TG__SLOPES = 1000 };

/* reach: a power of two, the longest step. tolerance*scale: the error up to which it is worth while to look; deeper
 * where the slope is not `ours`. */
tg_status tg__difference(const struct tg__objective *f, size_t element, double reach, double ours, double tolerance,
                         double scale, struct tg__slope *slope);

/* One column of a leaf: elements first, first + stride, … of ours and doubt; slopes one after the other. */
struct tg__column {
    const double *ours, *doubt;
    const struct tg__slope *slope;
    size_t first, stride, rows;
    double tolerance;
};
void tg__judge(tg_check *check, const struct tg__column *c);

#endif
