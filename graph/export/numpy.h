/* NumPy for formulas and constants. */
#ifndef TG_NUMPY_H
#define TG_NUMPY_H

#include "lines.h"

extern const struct tg__dialect tg__numpy_dialect; /* user: the lines of a part */

/* by: the operator whose operand it is; NULL: it stands alone. tight: see formula.h. */
void tg__put_numpy_number(struct tg__sheet *s, const struct tg__lines *l, const struct tg__node *by, uint32_t id,
                          int tight);
void tg__put_numpy_array(struct tg__sheet *s, tg_node a);

#endif
