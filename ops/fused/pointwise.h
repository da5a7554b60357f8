/* The small kernels of a network, as C libraries have them: each a call, each goes through its arrays once. For a
 * compiler of tapes to be held against, which needs no such calls. With the rules of batchnorm.h; an output may be one
 * of the inputs.
 *
 *   order      mse_loss cuts its numbers into at most 256 equal groups, sums each as lanes.inc says, and the groups in
 *              pairs. It does not depend on the threads.
 */
#ifndef TG_FUSED_POINTWISE_H
#define TG_FUSED_POINTWISE_H

#include <stddef.h>

/* out = max(x, 0), NaN stays NaN; dx = dout where out > 0, else 0. */
void tg_fused_relu_f32(size_t n, const float *x, float *out);
void tg_fused_relu_f64(size_t n, const double *x, double *out);
void tg_fused_relu_backward_f32(size_t n, const float *dout, const float *out, float *dx);
void tg_fused_relu_backward_f64(size_t n, const double *dout, const double *out, double *dx);

/* out = x + y. Its gradients are dout itself. */
void tg_fused_add_f32(size_t n, const float *x, const float *y, float *out);
void tg_fused_add_f64(size_t n, const double *x, const double *y, double *out);

/* sum (x - target)^2 / n, of nothing 0; dx = 2 (x - target) dloss / n. */
float tg_fused_mse_loss_f32(size_t n, const float *x, const float *target);
double tg_fused_mse_loss_f64(size_t n, const double *x, const double *target);
void tg_fused_mse_loss_backward_f32(size_t n, const float *x, const float *target, float dloss, float *dx);
void tg_fused_mse_loss_backward_f64(size_t n, const double *x, const double *target, double dloss, double *dx);

#endif
