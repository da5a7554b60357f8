/* The softmax loss written by hand, for a compiler of tapes to be held against, with the rules of batchnorm.h.
 *
 *     scores, dscores [n, d]     label [n], each from 0 to d - 1, which is not checked     top, norm [n]
 *
 *     top = max scores, norm = sum exp(scores - top), loss = sum (log norm + top - scores[label]) / n
 *
 *   order      A row is summed as lanes.inc says, and so are the losses of the rows. It does not depend on the threads.
 *   rounding   exp and log are the C library's for vectors, within 4 units in the last place; each instruction set has
 *              its own.
 *   special    A row whose largest score is infinite, or that has a NaN, makes the loss NaN. n = 0: the loss is 0.
 */
#ifndef TG_FUSED_ENTROPY_H
#define TG_FUSED_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

/* The loss. Traffic: scores once, for a row stays near. */
float tg_fused_softmax_loss_f32(size_t n, size_t d, const float *scores, const int32_t *label, float *top, float *norm);
double tg_fused_softmax_loss_f64(size_t n, size_t d, const double *scores, const int32_t *label, double *top,
                                 double *norm);

/* Its gradient, from training's top and norm: dscores = (exp(scores - top) / norm - onehot(label)) dloss / n.
 * Traffic: scores and dscores once. */
void tg_fused_softmax_loss_backward_f32(size_t n, size_t d, const float *scores, const int32_t *label, const float *top,
                                        const float *norm, float dloss, float *dscores);
void tg_fused_softmax_loss_backward_f64(size_t n, size_t d, const double *scores, const int32_t *label,
                                        const double *top, const double *norm, double dloss, double *dscores);

/* Both at once: each exp once, and a row is scaled where it lies. Traffic: scores and dscores once. */
float tg_fused_softmax_loss_both_f32(size_t n, size_t d, const float *scores, const int32_t *label, float dloss,
                                     float *top, float *norm, float *dscores);
double tg_fused_softmax_loss_both_f64(size_t n, size_t d, const double *scores, const int32_t *label, double dloss,
                                      double *top, double *norm, double *dscores);

#endif
