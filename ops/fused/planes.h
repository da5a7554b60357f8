/* Batch normalization of pictures written by hand, with the rules of batchnorm.h: one mean and one variance a channel,
 * over all pictures and all of their places.
 *
 *     x, dout, out, dx [n, c, hw]     everything else [c]
 *
 *   order      A plane of hw numbers is summed as lanes.inc says, and the n planes of a channel in pairs. A channel is
 *              one thread's.
 *   traffic    A channel's planes are gone through as often as the columns of batchnorm.h, but come from afar only once
 *              if they fit a core's cache.
 *   empty      c = 0 does nothing. n hw = 0 writes mu = var = 0, ivar = 1 / sqrt(eps), dgamma = dbeta = 0.
 */
#ifndef TG_FUSED_PLANES_H
#define TG_FUSED_PLANES_H

#include <stddef.h>

typedef struct tg_fused_planes_stages_f32 {
    float *mu, *var, *ivar;
} tg_fused_planes_stages_f32;

typedef struct tg_fused_planes_stages_f64 {
    double *mu, *var, *ivar;
} tg_fused_planes_stages_f64;

/* With m = n hw: mu = sum x / m, var = sum (x - mu)^2 / m, ivar = 1 / sqrt(var + eps), out = (x - mu) ivar gamma +
 * beta. */
void tg_fused_planes_train_f32(size_t n, size_t c, size_t hw, const float *x, const float *gamma, const float *beta,
                               float eps, float *out, tg_fused_planes_stages_f32 stages);
void tg_fused_planes_train_f64(size_t n, size_t c, size_t hw, const double *x, const double *gamma, const double *beta,
                               double eps, double *out, tg_fused_planes_stages_f64 stages);

/* dbeta = sum dout, dgamma = sum dout xhat, dx = gamma ivar (dout - dbeta / m - xhat dgamma / m), xhat = (x - mu) ivar.
 */
void tg_fused_planes_backward_f32(size_t n, size_t c, size_t hw, const float *dout, const float *x, const float *gamma,
                                  const float *mu, const float *ivar, float *dx, float *dgamma, float *dbeta);
void tg_fused_planes_backward_f64(size_t n, size_t c, size_t hw, const double *dout, const double *x,
                                  const double *gamma, const double *mu, const double *ivar, double *dx, double *dgamma,
                                  double *dbeta);

#endif
