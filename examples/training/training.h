/* What the examples that train share: the digits, an epoch of training, a progress bar, and a chart of how it went.
 * Functions that give false have said why on stderr. */
#ifndef TRAINING_H
#define TRAINING_H

#include "compiled.h"

/* Handwritten digits, 8 × 8 pixels from 0 to 1 each, shuffled once: the first TRAIN are to learn from, the others to
 * test with. */
enum { DIGITS = 1797, TRAIN = 1437, TEST = DIGITS - TRAIN, PIXELS = 64, CLASSES = 10 };
struct digits {
    double pixel[DIGITS][PIXELS];
    int32_t label[DIGITS];
};
bool read_digits(struct digits *d, uint64_t seed);
bool shuffle(size_t *order, size_t count, uint64_t seed); /* 0 … count - 1, in the same order for the same seed */

/* A tape to train, with BATCH rows, or to test, with TEST rows. */
enum { BATCH = 64, BATCHES = TRAIN / BATCH };
struct net {
    tg_graph *g;
    tg_node x, label, loss, accuracy;
    tg_program *program; /* NULL: the interpreter runs the tape */
};
struct score {
    double loss, accuracy, test;
};
void judge(struct net *n, tg_node scores); /* loss and accuracy of scores [rows, CLASSES] */
bool complain(const struct net *n);        /* what the tape says, on stderr; false */

/* Its program, for loss, accuracy and `also`, if the command line says so; flags: TG_WITH_ASSIGNS to train by it. */
bool compile(struct net *n, tg_node also, unsigned flags);

struct progress {
    const char *name;
    int epochs;
};
bool train_epoch(const struct net *n, const struct digits *d, const struct progress *p, int epoch, struct score *mean);
bool borrow(const struct net *test, const struct net *trained);
bool test(const struct net *n, const struct digits *d, double *accuracy);

/* A bar that grows, on a terminal; anywhere else nothing, and then a line at the end of each epoch. */
void show_batch(const struct progress *p, int epoch, int batch, double loss, double accuracy);
void show_epoch(const struct progress *p, int epoch, const struct score *s);

/* Two curves y(1), y(2) … y(count) on a logarithmic scale. */
struct curve {
    const char *name;
    const double *y;
};
struct chart {
    const char *title, *across; /* what is counted from 1 to count */
    struct curve curve[2];
    int count, low, high; /* the scale goes from 10^low to 10^high */
};
double height(const struct chart *c, double y);            /* 0 to 1 on that scale; what is off it is put on its edge */
void print_chart(const struct chart *c);                   /* on stdout, in braille dots or in ASCII */
bool write_chart(const struct chart *c, const char *path); /* SVG */

#endif
