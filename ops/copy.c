/* Copies between two arrays that have a stride of their own along every axis each: what all movement comes down to. */
#include "ops.h"

#include <math.h>

void tg__strides(const tg_shape *dims, int64_t *stride) {
    int64_t s = 1;
    for (int i = dims->rank - 1; i >= 0; i--) {
        stride[i] = s;
        s *= dims->dim[i];
    }
}

/* An axis that goes on where the one behind it ends, in both arrays, is one with it: the runs become longer. */
static struct tg__walk merged(const struct tg__walk *w) {
    struct tg__walk m = {.to_at = w->to_at, .from_at = w->from_at};
    for (int i = 0; i < w->dims.rank; i++) {
        const int64_t n = w->dims.dim[i];
        int last = m.dims.rank - 1;
        if (n == 1) continue;
        if (last < 0 || m.to[last] != n * w->to[i] || m.from[last] != n * w->from[i]) {
            last = m.dims.rank++;
            m.dims.dim[last] = 1;
        }
        m.dims.dim[last] *= n;
        m.to[last] = w->to[i];
        m.from[last] = w->from[i];
    }
    return m;
}

#define RUN(name, type)                                                                                                \
    static void name(void *to, int64_t to_step, const void *from, int64_t from_step, int64_t n) {                      \
        type *z = to;                                                                                                  \
        const type *x = from;                                                                                          \
        if (to_step == 1)                                                                                              \
            for (int64_t j = 0; j < n; j++) z[j] = x[j * from_step];                                                   \
        else                                                                                                           \
            for (int64_t j = 0; j < n; j++) z[j * to_step] = x[j * from_step];                                         \
    }
RUN(run_4, uint32_t)
RUN(run_8, uint64_t)

/* What is left to repeat where the first axis does, the elements lying one behind another: its length; otherwise 1. */
static int64_t repeated(struct tg__walk *w) {
    const int last = w->dims.rank - 1;
    if (last < 0 || w->from[0] != 0 || w->to[last] != 1) return 1;
    for (int i = 0; i < last; i++)
        if (w->to[i] != w->dims.dim[i + 1] * w->to[i + 1]) return 1;
    const int64_t times = w->dims.dim[0];
    w->dims.dim[0] = 1;
    return times;
}

enum { WORTHWHILE = 1 << 14, SHARED = TG__PARALLEL * 4 }; /* bytes: for a call, still in the cache; for threads */

/* The first piece of z again and again: doubled until it is worth a call, then as often as it takes. */
static void repeat(char *z, size_t piece, size_t all) {
    for (; piece < WORTHWHILE && 2 * piece <= all; piece *= 2) memcpy(z + piece, z, piece);
    const size_t pieces = all / piece;
    if (all < SHARED) {
        for (size_t i = 1; i < pieces; i++) memcpy(z + i * piece, z, piece);
    } else {
#pragma omp parallel for schedule(static)
        for (size_t i = 1; i < pieces; i++) memcpy(z + i * piece, z, piece);
    }
    memcpy(z + pieces * piece, z, all - pieces * piece);
}

void tg__copy(void *to, const void *from, const struct tg__walk *walk, size_t item) {
    for (int i = 0; i < walk->dims.rank; i++)
        if (walk->dims.dim[i] == 0) return;
    struct tg__walk w = merged(walk);
    char *const begin = (char *)to + w.to_at * (int64_t)item;
    const int64_t times = repeated(&w);
    const int last = w.dims.rank - 1;
    const int64_t n = last < 0 ? 1 : w.dims.dim[last], size = (int64_t)item;
    const int64_t to_step = last < 0 ? 1 : w.to[last], from_step = last < 0 ? 1 : w.from[last];
    int64_t at[TG_MAX_RANK] = {0};
    for (int k = 0; k >= 0;) {
        char *z = (char *)to + w.to_at * size;
        const char *x = (const char *)from + w.from_at * size;
        if (to_step == 1 && from_step == 1)
            memcpy(z, x, (size_t)n * item);
        else
            (item == 8 ? run_8 : run_4)(z, to_step, x, from_step, n);
        for (k = last - 1; k >= 0; k--) {
            w.to_at += w.to[k];
            w.from_at += w.from[k];
            if (++at[k] < w.dims.dim[k]) break;
            w.to_at -= at[k] * w.to[k];
            w.from_at -= at[k] * w.from[k];
            at[k] = 0;
        }
    }
    if (times > 1) repeat(begin, (size_t)w.to[0] * item, (size_t)(times * w.to[0]) * item);
}

void tg__fill(void *to, tg_dtype dtype, size_t count, double value) {
    if (value == 0 && !signbit(value)) {
        if (count) memset(to, 0, count * tg__item_size(dtype)); /* all-zero bytes are 0.0 */
        return;
    }
    for (size_t i = 0; i < count; i++) tg__store(dtype, to, i, value);
}
