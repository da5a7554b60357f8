/* What the readers share. Nothing here changes what it reads. */
#ifndef TG_INSPECT_H
#define TG_INSPECT_H

#include "graph.h"

enum tg__style { TG__PLAIN, TG__NAME, TG__VALUE, TG__GRADIENT, TG__ALARM, TG__FAINT };

/* ---------------------------------------------------------------------------------------------------- summary.c */

struct tg__summary {
    size_t count, nonfinite; /* the others are over the finite elements */
    double min, mean, max, l1;
    double norm; /* the Euclidean one */
};
bool tg__summarize(tg_node a, struct tg__summary *s); /* false: nothing valid to read */

/* "–", "empty", all numbers where they are few ("1 2 | 3 4"), else "-3.679 … 4.371". */
const char *tg__value_text(tg_node a, char *text, size_t room);
enum tg__style tg__value_style(tg_node a, enum tg__style style); /* the same, or TG__ALARM where not all is finite */

/* ------------------------------------------------------------------------------------------------------ style.c
 * A pen writes for one reader, to one file: colour where there is some, ASCII where there is no more, and while it is
 * open numbers have a point, whatever the locale of the program. */

struct tg__pen {
    FILE *file;
    bool colour, unicode;
    locale_t letters;
    struct tg__point point;
};
void tg__pen_open(struct tg__pen *pen, FILE *file);
void tg__pen_close(struct tg__pen *pen);
void tg__say(const struct tg__pen *pen, enum tg__style style, const char *format, ...) TG_FORMAT_(3, 4);
/* With blanks behind it. */
void tg__say_padded(const struct tg__pen *pen, enum tg__style style, const char *text, size_t width);
size_t tg__width(const struct tg__pen *pen, const char *text); /* how many columns it takes up there */
const char *tg__in_ascii(const char *s, size_t length);        /* what stands for the character at s */

/* ------------------------------------------------------------------------------------------------------ width.c */

locale_t tg__letters_open(void); /* of UTF-8; 0: none is installed, and widths are rough */
void tg__letters_close(locale_t letters);
int tg__char_width(locale_t letters, const char *s, size_t length); /* columns of one character: 0 combining, 2 wide */

/* ------------------------------------------------------------------------------------------------------- grid.c
 * A table of text: every row is measured, then every row is written. Columns in which nothing stands are left out. */

enum { TG__COLUMNS = 10, TG__CELL = 128 };

struct tg__grid {
    const struct tg__pen *pen;
    int columns;
    unsigned right; /* bit i: column i is flush right */
    size_t width[TG__COLUMNS];
    enum tg__style style[TG__COLUMNS]; /* of the rows to come */
    bool writing;                      /* false: measuring */
};
typedef char tg__cells[TG__COLUMNS][TG__CELL];
void tg__grid_row(struct tg__grid *grid, tg__cells cells);
void tg__grid_head(struct tg__grid *grid, tg__cells cells);            /* a row with a rule below */
void tg__grid_title(const struct tg__grid *grid, const char *title);   /* a rule with words in it */
void tg__number_cell(char *cell, double v);

/* ------------------------------------------------------------------------------------------------------ label.c
 * What readers call a node. */

const char *tg__label(const tg_graph *g, uint32_t id, char *text, size_t room); /* name, number, formula, or "#12" */
/* The name that sweep d gave to `term` as the adjoint of `node` or as a term of it; 0: none. */
uint32_t tg__term_name(tg_grads d, uint32_t node, uint32_t term);
const char *tg__term_label(tg_grads d, uint32_t node, uint32_t term, char *text, size_t room); /* that, or its label */
/* What it is equal to: its formula, or where that name is an alias the name that it has already. */
const char *tg__term_formula(tg_grads d, uint32_t node, uint32_t term, char *text, size_t room);
const char *tg__adjoint_label(tg_grads d, uint32_t node, char *text, size_t room); /* "dxhat", or "d(exp(x))" */
const char *tg__step_label(tg_place at, char *text, size_t room);                  /* "bn1/ step 7" */

/* ------------------------------------------------------------------------------------------------- derivative.c */

/* What a node sends to its operand `slot`, for g = its gradient, in its own names: "g*ivar". */
const char *tg__derivative(const tg_graph *g, uint32_t id, int slot, char *text, size_t room);
/* ", summed over axis 0" where broadcasting is undone, else "". */
int tg__unbroadcast_axes(const tg_graph *g, uint32_t id, int slot, struct tg__attr *fates); /* the rank; 0: none */
const char *tg__unbroadcast_text(const tg_graph *g, uint32_t id, int slot, char *text, size_t room);

/* ----------------------------------------------------------------------------------------------------- mutate.c */

tg_mutation tg__bend_kind(const struct tg__bend *b);
/* The first bend of that edge from the sweep's bend number `from` on; NULL: there is none. */
const struct tg__bend *tg__bend_of(const struct tg__sweep *s, uint32_t sender, int slot, uint32_t from);
/* What the sweep does on purpose to what is sent there: "dropped", "flipped, times 2"; "": nothing. */
const char *tg__bent_text(tg_grads d, uint32_t sender, int slot, char *text, size_t room);

/* ----------------------------------------------------------------------------------------------------- ledger.c */

double tg__weigh_terms(tg_grads d, uint32_t node);  /* Σ|term| over all terms; NaN: one of them has not run */
void tg__share_cell(char *cell, tg_node term, double all); /* "61.0 %" */

/* ------------------------------------------------------------------------------------------------------- path.c */

/* All paths by which a gradient came to node, as a tree of a few dozen lines. first: what stands in the margin. */
void tg__paths(const struct tg__pen *pen, tg_grads d, uint32_t node, const char *first, size_t margin);

/* ------------------------------------------------------------------------------------------------------- fold.c */

/* Outermost scopes as one line each: for every node which outermost scope it folds into, and what goes in and out. */
struct tg__fold {
    tg_graph *graph;
    uint32_t *scope;       /* by node: the row of the scope that it is folded into, 0 for none */
    unsigned char *use;    /* by node: who uses it */
    size_t bytes;
};
bool tg__fold_new(struct tg__fold *f, tg_graph *g, const char *open);
void tg__fold_free(struct tg__fold *f);
uint32_t tg__fold_end(const struct tg__fold *f, uint32_t first); /* behind the nodes in a row that fold with `first` */
const char *tg__fold_text(const struct tg__fold *f, uint32_t first, uint32_t end, char *text, size_t room);
uint32_t tg__fold_out(const struct tg__fold *f, uint32_t first, uint32_t end); /* what goes out; 0: not exactly one */
uint32_t tg__sweep_begin(const tg_graph *g, uint32_t sweep); /* its first node on the tape; UINT32_MAX: no such sweep */

/* ------------------------------------------------------------------------------------------------------ steps.c */

int tg__step_of(const tg_graph *g, uint32_t row); /* the stage that a name is shown at */

/* ----------------------------------------------------------------------------------------------------- moment.c
 * What a moment of the log is to one sweep: where steppers and sliders stop. */

enum tg__stop_kind {
    TG__PASSED,   /* nothing of this sweep */
    TG__COMPUTED, /* an operator node was appended that the sweep's output depends on */
    TG__ARRIVED   /* a term of this sweep was delivered */
};
struct tg__stop {
    enum tg__stop_kind kind;
    uint32_t node;             /* what was computed, or where it arrived */
    uint32_t term, sender;     /* ARRIVED; sender 0: the seed */
    uint32_t arrived, awaited; /* ARRIVED: terms at node with this one, of how many there will be */
    int slot;                  /* ARRIVED: node's place among the sender's operands */
    uint32_t next;             /* ARRIVED: the row of the next of them, 0 behind the last */
};
/* Needs no memory, and no time but for a look along the tape where no adjoint arrived. */
struct tg__stop tg__stop_at(tg_grads d, size_t k);

/* ----------------------------------------------------------------------------------------------------- origin.c */

uint32_t tg__made_for(const tg_graph *g, uint32_t id); /* the node whose gradient a sweep made it for; 0: forward */

/* ------------------------------------------------------------------------------------------------------ scale.c */

/* The formula's outermost operation on absolute values, one double an element. false: no value, or no memory. */
bool tg__scale(tg_graph *g, uint32_t id, double *scale);
/* Of an f64 node whose operator has a magnitude: Σ|terms|, and how many terms there are. */
bool tg__sum_scale(tg_graph *g, uint32_t id, double *size, double *terms);

/* ------------------------------------------------------------------------------------------------------- twin.c */

/* What the wanted nodes depend on, as a graph of its own in f64; the nodes have the same ids. NULL: g knows why.
 * who: what asked, for messages. */
tg_graph *tg__twin_new(tg_graph *g, const uint32_t *wanted, size_t count, const char *who);
/* The same of a sweep's output, of what its mistakes multiply with, and of `also` (0: nothing). */
tg_graph *tg__twin_of_sweep(tg_graph *g, const struct tg__sweep *s, uint32_t also, const char *who);
tg_status tg__twin_free(tg_graph *twin, tg_graph *g, const char *who); /* hands an error of the twin over to g */

/* ------------------------------------------------------------------------------------------------------ floor.c */

struct tg__floor {
    uint32_t node;
    size_t count, columns; /* of the node */
    double *base, *column; /* its value; the floor of each column */
};
tg_status tg__run_nudged(const tg_graph *g, tg_graph *twin, uint64_t *random); /* every result off by g's roundoff */
/* coarsest: the dtype of the least precise array that is laid beside the nodes. */
tg_status tg__floors(tg_graph *g, tg_dtype coarsest, struct tg__floor *floors, size_t count);
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
