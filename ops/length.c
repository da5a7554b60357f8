/* Lengths √Σx² of numbers whose squares may be none. What is very large or very small is divided by a power of two first:
 * bits and gradients of everything else stay as they are. */
#include "compose.h"

/* Beyond 2^±usual the sum of squares is no longer safe. The powers are such that the squares of what is divided by them
 * are, with the products that the backward sweep makes of a cotangent of about 1: it is multiplied with the power, divided
 * by the scaled length, and then by the power again. */
struct range {
    double usual, up, down;
};

tg_node tg__divisor(tg_node top) {
    const struct range r = tg_dtype_of(top) == TG_F32 ? (struct range){0x1p50, 0x1p65, 0x1p-70}
                                                      : (struct range){0x1p400, 0x1p520, 0x1p-560};
    const tg_node small = tg_lt(top, tg_scalar_like(top, 1 / r.usual));
    const tg_node up = tg_scalar_like(top, r.up), down = tg_scalar_like(top, r.down), one = tg_scalar_like(top, 1);
    const tg_node usual = tg_where(small, down, one), large = tg_gt(top, tg_scalar_like(top, r.usual));
    return tg_detach(tg_where(large, up, usual));
}

/* tg_ratio, and not a product: that one the simplifier would take out of the sum, and undo it. */
tg_node tg__length(tg_node x, tg_axes axes, int64_t extent, double share) {
    const tg_node scale = extent ? tg__divisor(tg_max(tg_abs(tg_detach(x)), tg_keep(axes))) : tg_scalar_like(x, 1);
    const tg_node squares = tg_sum(tg_square(extent ? tg_ratio(x, scale) : x), axes);
    const tg_node root = tg_root(share == 1 ? squares : tg_mul(squares, tg_scalar_like(x, share)));
    return extent ? tg_mul(root, tg_reshape(scale, tg_dims(root))) : root;
}
