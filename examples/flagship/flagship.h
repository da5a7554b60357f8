/* The parts of the flagship: options, data, the model, the reports. */
#ifndef FLAGSHIP_H
#define FLAGSHIP_H

#include "tapegrad.h"

struct options {
    const char *x, *labels, *label_column, *gamma, *beta, *dout, *dump, *against, *html, *export;
    double eps;
    tg_dtype dtype;
    bool quiet;
};
/* 0 to go on; 1 when help was asked for; 2 for a mistake, which has been told on stderr. */
int read_options(int argc, char **argv, struct options *o);

/* What is to be normalized, in the dtype of the computation. */
struct data {
    const char *source;
    int64_t rows, columns, classes; /* classes 0: no labels */
    void *x;
    int32_t *label;
    const char *const *names; /* of the columns, or NULL */
    void *memory[4];          /* freed by free_data */
};
bool read_data(tg_graph *g, const struct options *o, struct data *d);
bool read_leaf(tg_graph *g, const char *path, tg_node leaf); /* a .npy file into a leaf, converted to its dtype */
void free_data(struct data *d);

/* The computation and its sweep. */
struct model {
    tg_graph *g;
    tg_node x, gamma, beta, out, loss; /* loss: nil where a cotangent is given instead */
    tg_grads d;
    double eps;
};

/* What the comparisons found: for the verdict, and for the page. */
struct findings {
    tg_difference fused[8];
    tg_check checks[8];
    size_t differences, checked;
    bool agree, proved; /* nothing disagrees; nothing was too noisy to tell */
};

void report_steps(const struct model *m);

/* Each says on stdout what it found (unless quiet) and adds it to f; false: it could not look, and said why. */
bool report_fused(const struct model *m, bool quiet, struct findings *f);
bool report_check(const struct model *m, bool quiet, struct findings *f);
bool report_against(const struct model *m, const char *folder, bool quiet, struct findings *f);
bool dump(const struct model *m, const char *folder);
bool export_all(const struct model *m, const char *folder);
bool write_page(const struct model *m, const char *path, const struct findings *f);

double tolerance_of(tg_dtype dtype);
void tell_rows(const struct model *m, const tg_difference *rows, size_t count, double tolerance, bool quiet);

bool complain(const char *format, ...); /* one line on stderr; false */
char *harmless(char *text);             /* what a terminal would obey, in a file's or a column's name, becomes '?' */

#endif
