/* What the tests share: random numbers, the comparison of columns, numeric derivatives, and an allocator that fails. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "tapegrad.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* `tests/check --long` runs everything; the short run, which is everybody's, takes a part of the long lists. */
static inline bool is_long(void) { return getenv("TAPEGRAD_LONG") != NULL; }

/* --------------------------------------------------------------------------------------------------------- random */

/* xorshift64*; Vigna 2016. The state must not be 0. */
static inline uint64_t random_bits(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static inline double random_between(uint64_t *state, double low, double high) {
    return low + (high - low) * ((double)(random_bits(state) >> 11) * 0x1p-53);
}

static inline size_t random_below(uint64_t *state, size_t n) { return (size_t)(random_bits(state) >> 33) % n; }

static inline double *random_array(uint64_t *state, size_t n, double low, double high) {
    double *a = malloc((n + 1) * sizeof *a);
    for (size_t i = 0; i < n; i++) a[i] = random_between(state, low, high);
    return a;
}

/* ----------------------------------------------------------------------------------------------- leaves and values */

/* Gives a leaf doubles in its own dtype. */
static inline tg_status set_doubles(tg_node leaf, const double *values) {
    if (tg_dtype_of(leaf) == TG_F64) return tg_set(leaf, values);
    size_t n = tg_size(leaf);
    float *narrow = malloc((n + 1) * sizeof *narrow);
    for (size_t i = 0; i < n; i++) narrow[i] = (float)values[i];
    tg_status status = tg_set(leaf, narrow);
    free(narrow);
    return status;
}

/* The same bits, for which -0 is not 0; but NaN is NaN, for its sign and payload are the compiler's affair. */
static inline bool same_bits_or_nan(tg_dtype dtype, const void *a, const void *b, size_t count) {
    const size_t size = dtype == TG_F64 ? sizeof(double) : sizeof(float);
    for (size_t i = 0; i < count; i++) {
        const char *x = (const char *)a + i * size, *y = (const char *)b + i * size;
        double u = 0, v = 0;
        float s = 0, t = 0;
        if (memcmp(x, y, size) == 0) continue;
        if (dtype == TG_F64) memcpy(&u, x, size), memcpy(&v, y, size);
        if (dtype == TG_F32) memcpy(&s, x, size), memcpy(&t, y, size), u = (double)s, v = (double)t;
        if (!isnan(u) || !isnan(v)) return false;
    }
    return true;
}

static inline double *doubles_of(tg_node a) {
    size_t n = tg_size(a);
    double *values = malloc((n + 1) * sizeof *values);
    for (size_t i = 0; i < n; i++) values[i] = tg_item(a, i);
    return values;
}

/* Not by memcmp of the whole: between rank and dim there are bytes that are nobody's. */
static inline bool have_same_shape(tg_shape a, tg_shape b) {
    return a.rank == b.rank && memcmp(a.dim, b.dim, sizeof a.dim) == 0;
}

static inline size_t columns_of(tg_node a) {
    tg_shape s = tg_dims(a);
    return s.rank == 0 || s.dim[s.rank - 1] == 0 ? 1 : (size_t)s.dim[s.rank - 1];
}

/* ----------------------------------------------------------------------------------------------------- comparison */

/* The worst column's largest |difference| over its largest scale; a NaN or a difference without scale is infinite.
 * floor: an absolute difference that is not held against a column. */
static inline double column_error(const double *a, const double *b, const double *scale, size_t n, size_t columns,
                                  double floor) {
    double worst = 0;
    for (size_t j = 0; j < columns; j++) {
        double error = 0, size = 0;
        for (size_t i = j; i < n; i += columns) {
            double e = fabs(a[i] - b[i]);
            if (isnan(a[i]) && isnan(b[i])) e = 0;
            if (!(e <= floor)) error = isnan(e) ? INFINITY : fmax(error, e);
            size = fmax(size, fabs(scale[i]));
        }
        if (error > 0) worst = fmax(worst, size > 0 ? error / size : INFINITY);
    }
    return worst;
}

/* ---------------------------------------------------------------------------------------------- numeric derivative */

/* d out / d leaf by fourth-order central differences; out is an f64 scalar, the leaf's values are `at`. The step is a
 * power of two, 1e-3: the truncation error is then 1e-13 of the fifth derivative, rounding about as much. */
static inline double *differences(tg_node out, tg_node leaf, const double *at) {
    const double h = 0x1p-10;
    const size_t n = tg_size(leaf);
    double *x = malloc((n + 1) * sizeof *x), *slope = malloc((n + 1) * sizeof *slope);
    if (n) memcpy(x, at, n * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        double f[5];
        for (int k = -2; k <= 2; k++) {
            x[i] = at[i] + k * h;
            f[k + 2] = tg_set(leaf, x) == TG_OK && tg_run_to(out) == TG_OK ? tg_item(out, 0) : (double)NAN;
        }
        x[i] = at[i];
        slope[i] = (8 * (f[3] - f[1]) - (f[4] - f[0])) / (12 * h);
    }
    if (tg_set(leaf, at) != TG_OK) slope[0] = NAN;
    free(x);
    return slope;
}

/* ------------------------------------------------------------------------------------------------------- programs */

/* Flags of tg_compile_options with which a program that was not compiled is a failure of the test. */
static inline unsigned must_compile(unsigned flags) {
    return flags & TG_INTERPRET ? flags : flags | TG_MUST_COMPILE;
}

/* -------------------------------------------------------------------------------------------- an allocator to fail */

struct heap {
    size_t calls, live, blocks, wrong; /* wrong: frees with another size than was asked for, or written past its end */
    size_t fail_at;                    /* which call fails, 0: none */
    bool onward;                       /* and all behind it */
};

enum { HEAP_HEADER = 16, HEAP_GUARD = 16, HEAP_FILL = 0x5a }; /* new memory and the bytes after it are not 0 */

static inline void *heap_alloc(void *user, size_t bytes) {
    struct heap *h = user;
    h->calls++;
    if (h->fail_at && (h->onward ? h->calls >= h->fail_at : h->calls == h->fail_at)) return NULL;
    char *p = bytes < SIZE_MAX / 2 ? malloc(HEAP_HEADER + bytes + HEAP_GUARD) : NULL;
    if (!p) return NULL;
    memset(p + HEAP_HEADER, HEAP_FILL, bytes + HEAP_GUARD);
    memcpy(p, &bytes, sizeof bytes);
    h->live += bytes;
    h->blocks++;
    return p + HEAP_HEADER;
}

static inline void heap_free(void *user, void *block, size_t bytes) {
    struct heap *h = user;
    size_t asked;
    memcpy(&asked, (char *)block - HEAP_HEADER, sizeof asked);
    const unsigned char *guard = (const unsigned char *)block + asked;
    bool whole = asked == bytes;
    for (int i = 0; whole && i < HEAP_GUARD; i++) whole = guard[i] == HEAP_FILL;
    h->wrong += !whole;
    h->live -= asked;
    h->blocks--;
    free((char *)block - HEAP_HEADER);
}

static inline tg_allocator heap_allocator(struct heap *h) {
    return (tg_allocator){.alloc = heap_alloc, .free = heap_free, .user = h};
}

#endif
