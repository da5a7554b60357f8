/* What is known of a node when it is appended, from its operator's nature and what is known of its operands: whether its
 * values are finite and of one sign where the leaves are finite and no sum, product or square overflows; and whether a
 * cotangent of 0 that arrives at it, or below it, may meet a slope that is infinite or NaN. */
#include "graph.h"

uint8_t tg__known_number(double v) {
    const bool finite = v - v == 0;
    return (uint8_t)((finite ? TG__FINITE : 0) | (v >= 0 ? TG__NOT_NEGATIVE : 0) | (v > 0 ? TG__ABOVE_ZERO : 0));
}

static unsigned sign_of(unsigned nature, unsigned all, unsigned any) {
    if (nature & TG__GIVES_NOT_NEGATIVE) return TG__NOT_NEGATIVE;
    if (nature & TG__LIKE) return all & (TG__NOT_NEGATIVE | TG__ABOVE_ZERO);
    if (!(nature & TG__ADDS) || !(all & TG__NOT_NEGATIVE)) return 0;
    return TG__NOT_NEGATIVE | (any & TG__ABOVE_ZERO);
}

uint8_t tg__known_of(const struct tg_op *op, const struct tg__node *const *from, bool differentiable) {
    unsigned all = ~0U, any = 0, last = 0;
    bool below = false;
    for (int i = 0; i < op->operands; i++) {
        all &= last = from[i]->known;
        any |= last;
        below |= (from[i]->flags & TG__DIFFERENTIABLE) && (last & TG__AT_RISK);
    }
    const bool elementwise = op->loop[0] != NULL, safe = op->nature & TG__SAFE_ABOVE_ZERO && last & TG__ABOVE_ZERO;
    const bool pole = !(op->nature & (TG__SMOOTH | TG__LINEAR)) && !safe, finite = all & TG__FINITE;
    const bool steep = elementwise && (pole || (!finite && !(op->nature & TG__LINEAR)));
    const bool risk = differentiable && (steep || (below && (elementwise || op->nature & TG__MOVES)));
    return (uint8_t)((finite && !pole ? TG__FINITE : 0) | sign_of(op->nature, all, any) | (steep ? TG__STEEP : 0) |
                     (risk ? TG__AT_RISK : 0));
}
