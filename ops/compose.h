/* What composites share; made of the public header alone, as they are. */
#ifndef TG_COMPOSE_H
#define TG_COMPOSE_H

#include "tapegrad.h"

#include <math.h>

/* How many elements of x meet in each result of a reduction over axes, which are read as tg_sum reads them; -1 with the
 * reason recorded in the name of `who`. some: none at all is a reason, unless there is no result either. */
int64_t tg__extent(tg_node x, tg_axes axes, bool some, const char *who);
/* Whether a is a node of g. Otherwise the reason is recorded, and in g, wherever a is from. */
bool tg__is_of(tg_graph *g, tg_node a, const char *what, const char *who);
/* Whether a, laid along the last axes of x, has only those, and broadcasts to them: what is added to x or multiplied
 * with it must not make it larger in silence. Otherwise the reason is recorded. */
bool tg__lies_along(tg_node x, tg_node a, int last, const char *what, const char *who);
const char *tg__described(tg_node x, char *text, size_t room); /* 'x' [4, 3] */

/* √(share Σx²) along axes. At 0 as tg_root. */
tg_node tg__length(tg_node x, tg_axes axes, double share);
/* By what numbers of which the sum of squares, which may have overflowed or vanished, is `squares` are to be divided
 * before they are squared: 1, or a power of two. */
tg_node tg__divisor(tg_node squares);

/* The end of a composite without names, which was begun by tg_composite_open with the scope NULL. */
static inline tg_node tg__closed(tg_node z) {
    tg_scope_close(z.graph);
    return z;
}

/* 1/n; of nothing the mean is no number. */
static inline double tg__share(int64_t n) { return n > 0 ? 1 / (double)n : (double)NAN; }

#endif
