/* The data: 1797 handwritten digits, and the order in which they are dealt. */
#include "training.h"

#include <stdlib.h>

/* A shuffle is a sort by random keys, and the library's keys are the same on every machine. */
struct card {
    double key;
    size_t number;
};

static int by_key(const void *a, const void *b) {
    const double x = ((const struct card *)a)->key, y = ((const struct card *)b)->key;
    return (x > y) - (x < y);
}

bool shuffle(size_t *order, size_t count, uint64_t seed) {
    tg_graph *g = tg_graph_new();
    tg_node keys = tg_param(g, TG_F64, tg_shape1((int64_t)count));
    struct card *card = malloc(count * sizeof *card);
    const bool ok = card != NULL && !tg_fill_uniform(keys, 0, 1, seed);
    for (size_t i = 0; i < count && ok; i++) card[i] = (struct card){tg_item(keys, i), i};
    if (ok) qsort(card, count, sizeof *card, by_key);
    for (size_t i = 0; i < count && ok; i++) order[i] = card[i].number;
    free(card);
    tg_graph_free(g);
    return ok || (fputs("out of memory\n", stderr), false);
}

static bool deal(const tg_table *t, struct digits *d, uint64_t seed) {
    size_t order[DIGITS];
    if (!shuffle(order, DIGITS, seed)) return false;
    for (size_t i = 0; i < DIGITS; i++) {
        const double *line = t->data + order[i] * t->columns;
        for (size_t k = 0; k < PIXELS; k++) d->pixel[i][k] = line[k] / 16;
        d->label[i] = (int32_t)line[PIXELS];
    }
    return true;
}

bool read_digits(struct digits *d, uint64_t seed) {
    tg_graph *g = tg_graph_new();
    tg_table t;
    bool ok = false;
    if (tg_read_csv(g, EXAMPLE_DATA "/digits.csv.gz", &t))
        fprintf(stderr, "%s\n", tg_message(g));
    else if (t.rows != DIGITS || t.columns != PIXELS + 1)
        fprintf(stderr, "digits.csv.gz: %zu lines of %zu numbers are not the digits\n", t.rows, t.columns);
    else
        ok = deal(&t, d, seed);
    tg_graph_free(g);
    return ok;
}
