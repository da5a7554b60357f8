/* Rows are taken in groups; rownorm.inc has the kernels, once for each type. */
#include "rownorm.h"

#include "lanes.h"

#include <stdbool.h>
#include <string.h>

enum {
    ROWS = 64,         /* of a group */
    AT_ONCE = 4,       /* rows whose sums are done before anything else */
    STREAM = 1 << 20,  /* bytes of x that do not stay in a core's own cache */
    AHEAD = 1024,      /* bytes of a row that are fetched while as many of an earlier one are worked on */
    PARALLEL = 1 << 18 /* bytes of x that are worth waking the threads */
};

INLINE void fetch(const void *at) {
    for (size_t i = 0; i < AHEAD; i += 64) FETCH((const char *)at + i);
}

typedef enum row_sum { SUM_X, SUM_SQUARES, SUM_BACK } row_sum; /* SUM_BACK: of dout gamma, and of that times xhat */

static size_t groups_of(size_t n) { return n / ROWS + (n % ROWS != 0); }

size_t tg_fused_layernorm_room(size_t n, size_t d) { return groups_of(n) * 2 * d; }

#define KIND             row_sum
#define SUMS(kind)       ((size_t)((kind) == SUM_BACK) + 1)
#define MEET(kind, a, b) ((a) + (b))
#define EMPTY(kind)      0
#define ROW              FN(row)
#define JOB              FN(job)

#define T        float
#define FN(name) name##_f32
#define SQRT     sqrtf
#include "rownorm.inc"
#undef T
#undef FN
#undef SQRT

#define T        double
#define FN(name) name##_f64
#define SQRT     sqrt
#include "rownorm.inc"
