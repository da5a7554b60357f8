"""Writes batchnorm.npz: batch normalization of three layouts in both modes, from the definition, in f64 and by sums of
outer products: nothing here is shared with the library. Run with the folder to write to; needs NumPy."""

import sys

import numpy as np

EPS, MOMENTUM = 1e-5, 0.9


def flat(a):
    """[N, C, ...] as [numbers of a channel, C]."""
    return np.moveaxis(a, 1, -1).reshape(-1, a.shape[1])


def unflat(a, shape):
    back = a.reshape((shape[0],) + shape[2:] + (shape[1],))
    return np.moveaxis(back, -1, 1)


def jacobian_product(x, dout, gamma, eps):
    """dx column by column through the dense Jacobian d xhat / d x of one column."""
    n, channels = x.shape
    dx = np.empty_like(x)
    for c in range(channels):
        centred = x[:, c] - x[:, c].mean()
        var = np.mean(centred * centred)
        std = np.sqrt(var + eps)
        centring = np.eye(n) - np.full((n, n), 1 / n)
        jacobian = centring / std - np.outer(centred, centred) / (n * std**3)
        dx[:, c] = jacobian.T @ (gamma[c] * dout[:, c])
    return dx


def case(random, name, shape):
    channels = shape[1]
    x = random.normal(3, 2, shape)
    dout = random.normal(size=shape)
    gamma, beta = random.uniform(0.5, 2, channels), random.normal(size=channels)
    mean, var = random.normal(3, 1, channels), random.uniform(1, 6, channels)
    columns, cotangent = flat(x), flat(dout)
    n = len(columns)

    mu, batch_var = columns.mean(0), columns.var(0)
    xhat = (columns - mu) / np.sqrt(batch_var + EPS)
    fixed = (columns - mean) / np.sqrt(var + EPS)
    return {
        "x": x, "dout": dout, "gamma": gamma, "beta": beta, "mean": mean, "var": var,
        "out": unflat(gamma * xhat + beta, shape),
        "dx": unflat(jacobian_product(columns, cotangent, gamma, EPS), shape),
        "dgamma": (cotangent * xhat).sum(0), "dbeta": cotangent.sum(0),
        "mean_next": MOMENTUM * mean + (1 - MOMENTUM) * mu,
        "var_next": MOMENTUM * var + (1 - MOMENTUM) * batch_var,
        "var_unbiased": MOMENTUM * var + (1 - MOMENTUM) * columns.var(0, ddof=1) if n > 1 else var,
        "test_out": unflat(gamma * fixed + beta, shape),
        "test_dx": unflat(cotangent * gamma / np.sqrt(var + EPS), shape),
        "test_dgamma": (cotangent * fixed).sum(0),
    }


def main():
    random = np.random.default_rng(2015)
    shapes = {"rows": (12, 5), "one": (2, 3), "signal": (4, 3, 7), "image": (3, 4, 5, 2), "volume": (2, 3, 2, 3, 2)}
    arrays = {}
    for name, shape in shapes.items():
        arrays.update({f"{name}/{key}": value for key, value in case(random, name, shape).items()})
    np.savez_compressed(sys.argv[1] + "/batchnorm.npz", **arrays)


main()
