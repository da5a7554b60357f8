/* Every way in which an operand can be broadcast. */
#ifndef TESTS_BROADCAST_SHAPES_H
#define TESTS_BROADCAST_SHAPES_H

#include "tapegrad.h"

static const int64_t dims[] = {2, 3, 4, 2};

/* Every shape that broadcasts to the first `rank` of dims: the first axes are missing, any of the others has length 1. */
static inline size_t patterns(int rank, tg_shape *to) {
    size_t count = 0;
    for (int missing = 0; missing <= rank; missing++)
        for (unsigned ones = 0; ones < 1u << (rank - missing); ones++) {
            tg_shape s = {.rank = rank - missing};
            for (int i = 0; i < s.rank; i++) s.dim[i] = ones >> i & 1 ? 1 : dims[missing + i];
            to[count++] = s;
        }
    return count;
}

enum { MOST = 31 }; /* of rank 4 */

#endif
