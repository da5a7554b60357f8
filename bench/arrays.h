/* Arrays of numbers that PyTorch is given too. */
#ifndef BENCH_ARRAYS_H
#define BENCH_ARRAYS_H

#include "tapegrad.h"

#include <stdlib.h>
#include <string.h>

static inline size_t item_of(tg_dtype dtype) { return dtype == TG_F64 ? sizeof(double) : 4; }

/* Without order, the same as numbers() in interpreter_torch.py: from -0.5 to 0.5. The mixing is of C. Wellons' hash
 * prospector, 2018. */
static inline double number_at(uint64_t seed, size_t i) {
    uint32_t h = (uint32_t)(i + seed * 2654435761u);
    h = (h ^ h >> 16) * 0x7feb352d;
    h = (h ^ h >> 15) * 0x846ca68b;
    return (double)(h ^ h >> 16) / 0x1p32 - 0.5;
}

/* Aligned to a cache line; NULL: out of memory. */
static inline void *room_for(tg_dtype dtype, size_t n) {
    const size_t bytes = (n * item_of(dtype) / 64 + 1) * 64;
    void *v = aligned_alloc(64, bytes);
    if (v) memset(v, 0, bytes); /* the pages are there */
    return v;
}

static inline void *typed_numbers(tg_dtype dtype, uint64_t seed, size_t n, double shift) {
    void *v = room_for(dtype, n);
    for (size_t i = 0; v && i < n; i++)
        if (dtype == TG_F64)
            ((double *)v)[i] = number_at(seed, i) + shift;
        else
            ((float *)v)[i] = (float)number_at(seed, i) + (float)shift;
    return v;
}

static inline int32_t *labels_below(size_t classes, size_t n) {
    int32_t *v = room_for(TG_I32, n);
    for (size_t i = 0; v && i < n; i++) v[i] = (int32_t)(i * 7 % classes);
    return v;
}

#endif
