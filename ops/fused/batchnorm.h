/* Batch normalization written by hand: the fastest plain C we can write, for a compiler of tapes to be held against.
 *
 * Source: S. Ioffe, C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
 * Shift", ICML 2015: algorithm 1 and the derivatives at the end of its section 3.
 *
 *     x, dout, out, dx, xhat    [n, d] row-major, without gaps
 *     everything else           [d], one number a column
 *     _f32 float, _f64 double   all arrays and eps of one type, the arithmetic too
 *
 * Rules that hold for all functions
 *   memory     Nothing is allocated, nothing fails, nothing global is touched. Outputs overlap neither inputs nor each
 *              other. Less than 48 KiB of stack.
 *   order      A column is summed over its rows in pairs, the pairs in pairs, and so on, like the bits of a binary
 *              counter, the older on the left: row k is pushed, and for every trailing 1 bit of k the two newest sums
 *              become one. What is left in the end has no partner and joins from the newest to the oldest. That keeps
 *              the mean of a constant column within 4 units of roundoff. The bits depend on neither threads nor
 *              instruction set (compile without contraction or -ffast-math).
 *   rounding   1/n is rounded first and multiplied with; every difference, product and sum rounds once.
 *   empty      d = 0 does nothing. n = 0 writes mu = var = 0, ivar = 1 / sqrt(eps), dgamma = dbeta = 0.
 *   threads    OpenMP's, for large arrays only.
 */
#ifndef TG_FUSED_BATCHNORM_H
#define TG_FUSED_BATCHNORM_H

#include <stddef.h>

/* What training publishes on its way. xhat may be NULL: then it is not stored, which saves a fifth of the traffic. */
typedef struct tg_fused_batchnorm_stages_f32 {
    float *mu, *var, *ivar, *xhat;
} tg_fused_batchnorm_stages_f32;

typedef struct tg_fused_batchnorm_stages_f64 {
    double *mu, *var, *ivar, *xhat;
} tg_fused_batchnorm_stages_f64;

/* mu = sum x / n, var = sum (x - mu)^2 / n, ivar = 1 / sqrt(var + eps), xhat = (x - mu) ivar, out = xhat gamma + beta.
 * Traffic: x three times, out once (and xhat). */
void tg_fused_batchnorm_train_f32(size_t n, size_t d, const float *x, const float *gamma, const float *beta, float eps,
                                  float *out, tg_fused_batchnorm_stages_f32 stages);
void tg_fused_batchnorm_train_f64(size_t n, size_t d, const double *x, const double *gamma, const double *beta,
                                  double eps, double *out, tg_fused_batchnorm_stages_f64 stages);

/* The gradients through mu and var, which are training's stages; xhat is computed again.
 *     dbeta = sum dout, dgamma = sum dout xhat, dx = gamma ivar (dout - dbeta / n - xhat dgamma / n)
 * Traffic: dout and x twice, dx once. */
void tg_fused_batchnorm_backward_f32(size_t n, size_t d, const float *dout, const float *x, const float *gamma,
                                     const float *mu, const float *ivar, float *dx, float *dgamma, float *dbeta);
void tg_fused_batchnorm_backward_f64(size_t n, size_t d, const double *dout, const double *x, const double *gamma,
                                     const double *mu, const double *ivar, double *dx, double *dgamma, double *dbeta);

/* Training's out, with statistics that are given, not measured. Traffic: x and out once. */
void tg_fused_batchnorm_test_f32(size_t n, size_t d, const float *x, const float *gamma, const float *beta,
                                 const float *mean, const float *var, float eps, float *out);
void tg_fused_batchnorm_test_f64(size_t n, size_t d, const double *x, const double *gamma, const double *beta,
                                 const double *mean, const double *var, double eps, double *out);

/* Its gradients, mean and var being constants: dbeta and dgamma as above, dx = dout gamma ivar.
 * Traffic: dout, x and dx once. */
void tg_fused_batchnorm_test_backward_f32(size_t n, size_t d, const float *dout, const float *x, const float *gamma,
                                          const float *mean, const float *var, float eps, float *dx, float *dgamma,
                                          float *dbeta);
void tg_fused_batchnorm_test_backward_f64(size_t n, size_t d, const double *dout, const double *x, const double *gamma,
                                          const double *mean, const double *var, double eps, double *dx, double *dgamma,
                                          double *dbeta);

#endif
