/* Windows over pictures: where they stand, and the two kernels that pooling and convolutions are made of. */
#ifndef TG_WINDOW_H
#define TG_WINDOW_H

#include "kernel.h"

/* Along each of the two axes, window position o looks with its tap i at element o*stride + i*dilation - padding; what
 * lies outside is padding. */
struct tg__window {
    int64_t size[2], taps[2], count[2]; /* of the picture, of the window, of its positions */
    int64_t stride[2], padding[2], dilation[2];
};

/* In a node's attribute: first padding, step stride and (from 2 on) dilation, size taps and (from 2 on) the picture's.
 * x: pictures, y: taps, of whatever shapes; NULL: how is out of range. */
const struct tg__attr *tg__window_attr(const struct tg_op *op, tg_node of, const tg_shape *x, const tg_shape *y,
                                       tg_window how, int64_t number);
const char *tg__window(const struct tg__attr *attr, struct tg__window *w); /* NULL, or why it cannot stand anywhere */

/* One channel of a picture to rows of taps, [taps, positions], and their sums back into the picture. */
void tg__unfold(const struct tg__window *w, tg_dtype dtype, const void *x, double fill, void *rows);
void tg__fold(const struct tg__window *w, tg_dtype dtype, const void *rows, void *x);

/* conv_run.c */
tg_status tg__run_conv2d(struct tg__call *c);
tg_status tg__run_conv2d_data(struct tg__call *c);
tg_status tg__run_conv2d_weight(struct tg__call *c);

/* window_c.c */
void tg__emit_windows(struct tg__emit *e);
void tg__emit_fold(struct tg__emit *e);
void tg__emit_conv2d(struct tg__emit *e);
void tg__emit_conv2d_data(struct tg__emit *e);
void tg__emit_conv2d_weight(struct tg__emit *e);

/* Pictures that are added up together in a convolution's gradient: a function of their number alone. */
enum { TG__GROUPS = 8 };
static inline int64_t tg__group(int64_t pictures) { return (pictures + TG__GROUPS - 1) / TG__GROUPS; }

#endif
