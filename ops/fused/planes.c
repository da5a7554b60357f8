/* Channel by channel; planes.inc has the kernels, once for each type. */
#include "planes.h"

#include "lanes.h"

#include <stdbool.h>

enum { PARALLEL = 1 << 18 }; /* bytes of x that are worth waking the threads */

typedef enum plane_sum { SUM_X, SUM_SQUARES, SUM_DOUT } plane_sum; /* SUM_DOUT: of dout and of dout xhat */

#define KIND             plane_sum
#define SUMS(kind)       ((size_t)((kind) == SUM_DOUT) + 1)
#define MEET(kind, a, b) ((a) + (b))
#define EMPTY(kind)      0
#define ROW              FN(row)
#define JOB              FN(job)

#define T        float
#define FN(name) name##_f32
#define SQRT     sqrtf
#include "planes.inc"
#undef T
#undef FN
#undef SQRT

#define T        double
#define FN(name) name##_f64
#define SQRT     sqrt
#include "planes.inc"
