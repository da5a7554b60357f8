/* A value in a few numbers. */
#include "inspect.h"

#include <math.h>

bool tg__summarize(tg_node a, struct tg__summary *s) {
    const void *data = tg_value(a);
    *s = (struct tg__summary){.count = tg_size(a), .min = INFINITY, .max = -INFINITY};
    if (!data) return false;
    tg_dtype dtype = tg_dtype_of(a);
    double mean = 0, seen = 0;
    for (size_t i = 0; i < s->count; i++) {
        double v = tg__load(dtype, data, i);
        if (!isfinite(v)) {
            s->nonfinite++;
            continue;
        }
        if (v < s->min) s->min = v;
        if (v > s->max) s->max = v;
        s->l1 += fabs(v);
        seen++;
        mean += (v / 2 - mean / 2) / seen * 2; /* halves, so that no difference overflows */
    }
    s->mean = seen > 0 ? mean : NAN;
    return true;
}
