/* The limit: memcpy of as many bytes as a program has to move, between arrays as large as the program's own, so that
 * it finds them in the same caches. A copy of B bytes moves 2 B. */
#ifndef BENCH_COPY_H
#define BENCH_COPY_H

#include "threads.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { COPIES = 4 };

struct copy {
    double moved; /* bytes, read and written together */
    size_t size;  /* of an array */
    int pairs, threads;
    const void *from[COPIES];
    void *to[COPIES];
};

static inline void copy_part(const struct copy *c, int pair, size_t bytes, size_t part, size_t parts) {
    const size_t line = 64, lines = bytes / line, first = lines * part / parts * line;
    const size_t end = part + 1 == parts ? bytes : lines * (part + 1) / parts * line;
    memcpy((char *)c->to[pair] + first, (const char *)c->from[pair] + first, end - first);
}

static inline bool copy_once(void *self) {
    const struct copy *c = self;
    size_t left = (size_t)(c->moved / 2);
    for (int k = 0; left > 0 && c->size > 0; k = (k + 1) % c->pairs) {
        const size_t bytes = left < c->size ? left : c->size;
        left -= bytes;
        const bool shared = c->threads > 1 && bytes >= 1 << 18;
        const int parts = shared ? c->threads : 1;
        if (!shared) copy_part(c, k, bytes, 0, 1);
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (shared)
#endif
        for (int i = 0; i < (shared ? parts : 0); i++) copy_part(c, k, bytes, (size_t)i, (size_t)parts);
    }
    return true;
}

#endif
