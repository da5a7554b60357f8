/* Lengths √Σx² of numbers whose squares may be none. What is very large or very small is divided by a power of two first:
 * bits and gradients of everything else stay as they are. */
#include "compose.h"

/* Beyond `large` and below `small` a sum of squares is not safe. The powers are such that the squares of what is divided
 * by them are, with the products that the backward sweep makes of a cotangent of about 1: it is multiplied with the
 * power, divided by the scaled length, and then by the power again. */
struct range {
    double small, large, down, up;
};

tg_node tg__divisor(tg_node squares) {
    const struct range r = tg_dtype_of(squares) == TG_F32 ? (struct range){0x1p-100, 0x1p100, 0x1p-70, 0x1p65}
                                                          : (struct range){0x1p-800, 0x1p800, 0x1p-560, 0x1p520};
    const tg_node up = tg_scalar_like(squares, r.up), down = tg_scalar_like(squares, r.down);
    const tg_node one = tg_scalar_like(squares, 1), small = tg_lt(squares, tg_scalar_like(squares, r.small));
    const tg_node usual = tg_where(small, down, one), large = tg_gt(squares, tg_scalar_like(squares, r.large));
    return tg_detach(tg_where(large, up, usual));
}

/* The power's reciprocal is exact, and a product is quicker than a quotient. It stays inside of the square, for the
 * simplifier forms no power that the tape does not form. */
tg_node tg__length(tg_node x, tg_axes axes, double share) {
    const tg_node scale = tg__divisor(tg_sum(tg_square(tg_detach(x)), tg_keep(axes)));
    const tg_node safe = tg_mul(x, tg_reciprocal(scale)), squares = tg_sum(tg_square(safe), axes);
    const tg_node by = tg_scalar_like(x, share);
    const tg_node root = tg_root(share == 1 ? squares : tg_mul(squares, by));
    return tg_mul(root, tg_reshape(scale, tg_dims(root)));
}
