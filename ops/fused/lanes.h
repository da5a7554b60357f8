/* What lanes.inc counts with, once for all types. */
#ifndef TG_FUSED_LANES_H
#define TG_FUSED_LANES_H

#include "hot.h"

#include <stddef.h>

enum {
    LANES = 16,
    LEVELS = 60 /* of a counter of rows, more than memory can hold */
};

#define PAIR  FN(pair)
#define PAIRS FN(pairs)

#endif
