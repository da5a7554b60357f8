/* Layer normalization written by hand, for a compiler of tapes to be held against, with the rules of batchnorm.h.
 *
 * Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization", 2016: every row by its own mean and variance.
 *
 *     x, dout, out, dx [n, d]     gamma, beta, dgamma, dbeta [d]     mu, ivar [n]
 *
 *   order      A row is summed as lanes.inc says. A column is summed over 64 rows in fours, one after the other, and
 *              these sums in pairs. Neither depends on the threads.
 *   empty      d = 0 writes mu = 0, ivar = 1 / sqrt(eps). n = 0 writes dgamma = dbeta = 0.
 */
#ifndef TG_FUSED_ROWNORM_H
#define TG_FUSED_ROWNORM_H

#include <stddef.h>

/* mu = sum x / d, var = sum (x - mu)^2 / d, ivar = 1 / sqrt(var + eps), out = (x - mu) ivar gamma + beta.
 * Traffic: x and out once, for a row stays near. */
void tg_fused_layernorm_train_f32(size_t n, size_t d, const float *x, const float *gamma, const float *beta, float eps,
                                  float *out, float *mu, float *ivar);
void tg_fused_layernorm_train_f64(size_t n, size_t d, const double *x, const double *gamma, const double *beta,
                                  double eps, double *out, double *mu, double *ivar);

/* With xhat = (x - mu) ivar and s = dout gamma, whose means over a row are written m():
 *     dbeta = sum dout, dgamma = sum dout xhat, dx = ivar (s - m(s) - xhat m(s xhat))
 * room: as many numbers as tg_fused_layernorm_room says, for sums over some rows.
 * Traffic: dout, x and dx once. */
size_t tg_fused_layernorm_room(size_t n, size_t d);
void tg_fused_layernorm_backward_f32(size_t n, size_t d, const float *dout, const float *x, const float *gamma,
                                     const float *mu, const float *ivar, float *dx, float *dgamma, float *dbeta,
                                     float *room);
void tg_fused_layernorm_backward_f64(size_t n, size_t d, const double *dout, const double *x, const double *gamma,
                                     const double *mu, const double *ivar, double *dx, double *dgamma, double *dbeta,
                                     double *room);

#endif
