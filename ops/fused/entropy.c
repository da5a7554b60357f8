/* A row stays near while it is worked on; entropy.inc has the kernels, once for each type. */
#include "entropy.h"

#include "lanes.h"

#include <stdbool.h>
#include <string.h>

enum {
    SHARE = 1 << 15,    /* numbers that a thread takes at once, about */
    STRIP = 1024,       /* numbers whose exp is kept only until they are added up; a power of two of rows of lanes */
    SHORT = 128,        /* numbers of a row below which several are worked on at once */
    PARALLEL = 1 << 16, /* numbers that are worth waking the threads */
    BLOCK = 256         /* rows whose losses are computed at once */
};

typedef enum row_sum { SUM_X, TOP } row_sum;

#define KIND             row_sum
#define SUMS(kind)       ((size_t)1)
#define MEET(kind, a, b) ((kind) == TOP ? ((b) > (a) ? (b) : (a)) : (a) + (b))
#define EMPTY(kind)      ((kind) == TOP ? -(T)INFINITY : 0)
#define ROW              FN(row)
#define JOB              FN(job)

#define T        float
#define FN(name) name##_f32
#define EXP      expf
#define LOG      logf
#include "entropy.inc"
#undef T
#undef FN
#undef EXP
#undef LOG

#define T        double
#define FN(name) name##_f64
#define EXP      exp
#define LOG      log
#include "entropy.inc"
