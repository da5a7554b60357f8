/* NumPy for formulas and constants. */
#ifndef TG_NUMPY_H
#define TG_NUMPY_H

#include "lines.h"

extern const struct tg__dialect tg__numpy_dialect; /* user: the lines of a part */

/* by: the operator whose operand it is; NULL: it stands alone. tight: see formula.h. */
void tg__put_numpy_number(struct tg__sheet *s, const struct tg__lines *l, const struct tg__node *by, uint32_t id,
                          int tight);
void tg__put_numpy_array(struct tg__sheet *s, tg_node a);
struct tg__number tg__numpy_number(tg_dtype dtype, double v); /* exact */

/* numpy_pad.c: the words fill, widths, spread and apart; false: it is none of them */
bool tg__put_numpy_pad(struct tg__sheet *s, const tg_graph *g, const struct tg__node *n, const char *at, size_t length);

#endif
