/* Rows of results, for people or as JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "contest.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

struct report {
    bool json;
    size_t rows, fields;
};

static inline void open_report(struct report *r, bool json) {
    *r = (struct report){.json = json};
    if (json) printf("[");
}

static inline void close_report(struct report *r) {
    if (r->json) printf("%s]\n", r->rows ? "\n" : "");
}

static inline void open_row(struct report *r) {
    r->fields = 0;
    if (r->json) printf("%s\n  {", r->rows ? "," : "");
    r->rows++;
}

static inline void close_row(struct report *r) {
    printf(r->json ? "}" : "\n");
    fflush(stdout);
}

static inline void key(struct report *r, const char *name) {
    const char *between = r->fields++ ? (r->json ? ", " : "  ") : "";
    if (r->json)
        printf("%s\"%s\": ", between, name);
    else
        printf("%s", between);
}

/* Only texts that need no escape. */
static inline void put_text(struct report *r, const char *name, const char *text) {
    key(r, name);
    printf(r->json ? "\"%s\"" : "%-8s", text);
}

static inline void put_shape(struct report *r, const int64_t *dim, int rank) {
    key(r, "shape");
    if (r->json) printf("[");
    int n = 0;
    for (int i = 0; i < rank; i++) n += printf("%s%lld", i == 0 ? "" : r->json ? ", " : "x", (long long)dim[i]);
    if (r->json)
        printf("]");
    else
        printf("%*s", n < 12 ? 12 - n : 0, "");
}

static inline void put_number(struct report *r, const char *name, double v) {
    key(r, name);
    if (!r->json) printf("%s ", name);
    printf("%.15g", v);
}

/* Microseconds, and the quartiles around them. */
static inline void put_time(struct report *r, const struct contestant *c) {
    if (c->out || c->turns == 0) return;
    char name[80];
    snprintf(name, sizeof name, "%s_us", c->name);
    key(r, name);
    if (r->json)
        printf("%.3f, \"%s_range\": [%.3f, %.3f]", c->median / 1e3, name, c->low / 1e3, c->high / 1e3);
    else
        printf("%s %.1f (%.1f-%.1f)", c->name, c->median / 1e3, c->low / 1e3, c->high / 1e3);
}

/* ------------------------------------------------------------------------------------------------------ geometric
 * means */

struct mean {
    double logs, worst;
    int count;
};

static inline void add_ratio(struct mean *m, const struct contestant *over, const struct contestant *under) {
    if (over->out || under->out || !(over->median > 0) || !(under->median > 0)) return;
    const double ratio = over->median / under->median;
    m->logs += log(ratio);
    m->worst = m->count++ ? fmax(m->worst, ratio) : ratio;
}

static inline void put_mean(FILE *to, const char *what, const struct mean *m) {
    if (m->count) fprintf(to, "  %s %.2f (worst %.2f)", what, exp(m->logs / m->count), m->worst);
}

#endif
