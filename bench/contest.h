/* Contestants that do the same, in turns, so that noise hits all. */
#ifndef BENCH_CONTEST_H
#define BENCH_CONTEST_H

#include "clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum { TURNS = 41, FEWEST = 3 };

struct contestant {
    const char *name;
    bool (*once)(void *self);    /* what is timed here; or */
    double (*timed)(void *self); /* what times itself: nanoseconds a call */
    void *self;
    bool out; /* is not there, was wrong, or has failed */
    int calls, turns;
    double turn[TURNS], low, median, high; /* nanoseconds a call; the quartiles */
};

/* Of a sample of about two milliseconds, before which its data have come near. */
static inline double take_turn(struct contestant *c) {
    if (c->timed) return c->timed(c->self);
    double start = now();
    if (!c->once(c->self)) return 0;
    if (c->calls == 0) {
        const double each = now() - start;
        c->calls = each < 2e6 ? (int)(2e6 / (each + 1)) + 1 : 1;
        for (int i = 1; i < c->calls; i++)
            if (!c->once(c->self)) return 0;
    }
    start = now();
    for (int i = 0; i < c->calls; i++)
        if (!c->once(c->self)) return 0;
    return (now() - start) / c->calls;
}

static inline void settle(struct contestant *c) {
    const int n = c->turns;
    if (n == 0) return;
    qsort(c->turn, (size_t)n, sizeof(double), by_size);
    c->low = c->turn[n / 4], c->median = c->turn[n / 2], c->high = c->turn[n - 1 - n / 4];
}

/* As many turns as fit into `seconds`, between FEWEST and TURNS, after one that warms up. False: one of them failed. */
static inline bool compete(struct contestant *c, size_t count, double seconds) {
    bool ok = true;
    const double end = now() + seconds * 1e9;
    for (int t = -1; t < TURNS && (t < FEWEST || now() < end); t++)
        for (size_t i = 0; i < count; i++) {
            if (c[i].out) continue;
            const double ns = take_turn(&c[i]);
            if (!(ns > 0)) c[i].out = true, ok = ok && c[i].timed;
            if (t >= 0) c[i].turn[c[i].turns++] = ns;
        }
    for (size_t i = 0; i < count; i++)
        if (!c[i].out) settle(&c[i]);
    return ok;
}

#endif
