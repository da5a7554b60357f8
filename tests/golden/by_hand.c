/* batchnorm, forward and backward, step by step as on the tape. Written by tapegrad 0.1.0.
 *
 *     static struct batchnorm t;  holds everything: 640 bytes
 *     set t.x, t.gamma, t.beta
 *     batchnorm_forward(&t);      computes t.out
 *     set t.dout
 *     batchnorm_backward(&t);     computes t.dx, t.dgamma, t.dbeta
 *
 * Self-contained C99: compile it, or #include it. Every member gets the bits that it has on the tape, from any
 * compiler that keeps to IEEE 754 (-ffp-contract=off, no -ffast-math). exp, tanh and their like are libm's, and within 4
 * units in the last place. */

/* A product is rounded before anything is added to it. gcc 12 vectorizes some loops into wrong ones. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off", "no-tree-vectorize")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#include <stddef.h>
#include <tgmath.h>

struct batchnorm {
    /* given to forward */
    double x[2][2];  /* its gradient: dx */
    double gamma[2]; /* its gradient: dgamma */
    double beta[2];  /* its gradient: dbeta */

    /* computed by forward */
    double mu[2];
    double xmu[2][2];
    double sq[2][2];
    double var[2];
    double sqrtvar[2];
    double ivar[2];
    double xhat[2][2];
    double gammax[2][2];
    double out[2][2]; /* the result */

    /* given to backward */
    double dout[2][2];

    /* computed by backward */
    double dbeta[2];
    double dgamma[2];
    double dxhat[2][2];
    double dxmu1[2][2];
    double divar[2];
    double dsqrtvar[2];
    double dvar[2];
    double dsq[2][2];
    double dxmu2[2][2];
    double dxmu[2][2];
    double dmu[2];
    double dx2[2][2];
    double dx[2][2];
};

#ifndef TG_ADD
#define TG_ADD
/* Sums in pairs, the pairs in pairs, like a binary counter: where digit k of the number of terms is 1, sum[k] is
 * the sum of 2^k of them. More exact than one after the other, and the one order that tapegrad has. */
static void add(double *sum, ptrdiff_t term, double x) {
    int k = 0;
    for (; term >> k & 1; k++) x += sum[k];
    sum[k] = x;
}

static double total(const double *sum, ptrdiff_t terms) {
    int k = 0;
    while (!(terms >> k & 1)) k++;
    double x = sum[k];
    while (terms >> ++k)
        if (terms >> k & 1) x += sum[k];
    return x;
}
#endif

void batchnorm_forward(struct batchnorm *t) {
    /* step 1: mu = sum(x, axis=0)*0.5 */
    for (int j = 0; j < 2; j++) {
        double sum[2] = {0};
        for (int i = 0; i < 2; i++) add(sum, i, t->x[i][j]);
        t->mu[j] = total(sum, 2) * 0.5;
    }

    /* step 2: xmu = x - mu */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->xmu[i][j] = t->x[i][j] - t->mu[j];

    /* step 3: sq = square(xmu) */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->sq[i][j] = t->xmu[i][j] * t->xmu[i][j];

    /* step 4: var = sum(sq, axis=0)*0.5 */
    for (int j = 0; j < 2; j++) {
        double sum[2] = {0};
        for (int i = 0; i < 2; i++) add(sum, i, t->sq[i][j]);
        t->var[j] = total(sum, 2) * 0.5;
    }

    /* step 5: sqrtvar = sqrt(var + 9) */
    for (int j = 0; j < 2; j++) t->sqrtvar[j] = sqrt(t->var[j] + 9.0);

    /* step 6: ivar = 1/sqrtvar */
    for (int j = 0; j < 2; j++) t->ivar[j] = 1 / t->sqrtvar[j];

    /* step 7: xhat = xmu*ivar */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->xhat[i][j] = t->xmu[i][j] * t->ivar[j];

    /* step 8: gammax = gamma*xhat */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->gammax[i][j] = t->gamma[j] * t->xhat[i][j];

    /* step 9: out = gammax + beta */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->out[i][j] = t->gammax[i][j] + t->beta[j];
}

void batchnorm_backward(struct batchnorm *t) {
    /* step 9: dgammax is dout */

    /* step 9: dbeta = sum(dout, axis=0) */
    for (int j = 0; j < 2; j++) {
        double sum[2] = {0};
        for (int i = 0; i < 2; i++) add(sum, i, t->dout[i][j]);
        t->dbeta[j] = total(sum, 2);
    }

    /* step 8: dgamma = sum(dgammax*xhat, axis=0) */
    for (int j = 0; j < 2; j++) {
        double sum[2] = {0};
        for (int i = 0; i < 2; i++) add(sum, i, t->dout[i][j] * t->xhat[i][j]);
        t->dgamma[j] = total(sum, 2);
    }

    /* step 8: dxhat = dgammax*gamma */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->dxhat[i][j] = t->dout[i][j] * t->gamma[j];

    /* step 7: dxmu1 = dxhat*ivar */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->dxmu1[i][j] = t->dxhat[i][j] * t->ivar[j];

    /* step 7: divar = sum(dxhat*xmu, axis=0) */
    for (int j = 0; j < 2; j++) {
        double sum[2] = {0};
        for (int i = 0; i < 2; i++) add(sum, i, t->dxhat[i][j] * t->xmu[i][j]);
        t->divar[j] = total(sum, 2);
    }

    /* step 6: dsqrtvar = -divar*ivar*ivar */
    for (int j = 0; j < 2; j++) t->dsqrtvar[j] = -((t->divar[j] * t->ivar[j]) * t->ivar[j]);

    /* step 5: dvar = 0.5*dsqrtvar/sqrtvar */
    for (int j = 0; j < 2; j++) t->dvar[j] = (0.5 * t->dsqrtvar[j]) / t->sqrtvar[j];

    /* step 4: dsq = expand(dvar*0.5, [2, 2]) */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->dsq[i][j] = t->dvar[j] * 0.5;

    /* step 3: dxmu2 = 2*xmu*dsq */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->dxmu2[i][j] = (2.0 * t->xmu[i][j]) * t->dsq[i][j];

    /* step 2: dxmu = dxmu1 + dxmu2 */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->dxmu[i][j] = t->dxmu1[i][j] + t->dxmu2[i][j];

    /* step 2: dx1 is dxmu */

    /* step 2: dmu = sum(-dxmu, axis=0) */
    for (int j = 0; j < 2; j++) {
        double sum[2] = {0};
        for (int i = 0; i < 2; i++) add(sum, i, -t->dxmu[i][j]);
        t->dmu[j] = total(sum, 2);
    }

    /* step 1: dx2 = expand(dmu*0.5, [2, 2]) */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->dx2[i][j] = t->dmu[j] * 0.5;

    /* step 0: dx = dx1 + dx2 */
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) t->dx[i][j] = t->dxmu[i][j] + t->dx2[i][j];
}
