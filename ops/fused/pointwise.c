/* Arrays are taken in blocks; pointwise.inc has the kernels, once for each type. */
#include "pointwise.h"

#include "lanes.h"

#include <stdbool.h>

enum {
    BLOCK = 1 << 14,    /* numbers */
    PARALLEL = 1 << 18, /* bytes of an array that are worth waking the threads */
    GROUPS = 256
};

typedef enum array_sum { SUM_OFF } array_sum;

#define KIND             array_sum
#define SUMS(kind)       ((size_t)1)
#define MEET(kind, a, b) ((a) + (b))
#define EMPTY(kind)      0
#define ROW              FN(row)
#define JOB              FN(job)

#define T        float
#define FN(name) name##_f32
#include "pointwise.inc"
#undef T
#undef FN

#define T        double
#define FN(name) name##_f64
#include "pointwise.inc"
