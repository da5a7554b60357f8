"""batchnorm: forward and backward, written by tapegrad from its tape."""

import numpy as np


def batchnorm_forward(x, gamma, beta):
    """Gives out, and what the backward needs.

    x: f64 [2, 2], gamma: f64 [2], beta: f64 [2]
    """

    # step 1
    mu = np.sum(x, axis=0)*0.5

    # step 2
    xmu = x - mu

    # step 3
    sq = np.square(xmu)

    # step 4
    var = np.sum(sq, axis=0)*0.5

    # step 5
    sqrtvar = np.sqrt(var + 9.0)

    # step 6
    ivar = np.reciprocal(sqrtvar)

    # step 7
    xhat = xmu*ivar

    # step 8
    gammax = gamma*xhat

    # step 9
    out = gammax + beta

    cache = (gamma, xmu, sqrtvar, ivar, xhat)
    return out, cache


def batchnorm_backward(dout, cache):
    """Gives the gradients of the arguments, from the cotangent of out.

    dout: f64 [2, 2]
    """
    (gamma, xmu, sqrtvar, ivar, xhat) = cache

    # step 9
    dgammax = dout
    dbeta = np.sum(dout, axis=0)

    # step 8
    dgamma = np.sum(dgammax*xhat, axis=0)
    dxhat = dgammax*gamma

    # step 7
    dxmu1 = dxhat*ivar
    divar = np.sum(dxhat*xmu, axis=0)

    # step 6
    dsqrtvar = -divar*ivar*ivar

    # step 5
    dvar = 0.5*dsqrtvar/sqrtvar

    # step 4
    dsq = np.broadcast_to(dvar*0.5, (2, 2))

    # step 3
    dxmu2 = 2.0*xmu*dsq

    # step 2
    dxmu = dxmu1 + dxmu2
    dx1 = dxmu
    dmu = np.sum(-dxmu, axis=0)

    # step 1
    dx2 = np.broadcast_to(dmu*0.5, (2, 2))

    # step 0
    dx = dx1 + dx2

    return dx, dgamma, dbeta
