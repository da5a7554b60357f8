"""Writes layers.npz: layer normalization and cross-entropy with all their gradients, from the definitions, in f64. Layers
are differentiated through dense Jacobians, softmax is a quotient of differences: nothing here is shared with the library.
Run with the folder to write to; needs NumPy."""

import sys

import numpy as np

EPS = 1e-5


def layernorm(random, shape, last):
    x, dout = random.normal(3, 2, shape), random.normal(size=shape)
    own = shape[len(shape) - last:]
    gamma, beta = random.uniform(0.5, 2, own), random.normal(size=own)
    n = int(np.prod(own))
    rows, cotangent = x.reshape(-1, n), (dout * gamma).reshape(-1, n)
    xhat, dx = np.empty_like(rows), np.empty_like(rows)
    centring = np.eye(n) - np.full((n, n), 1 / n)
    for i, row in enumerate(rows):
        centred = centring @ row
        std = np.sqrt(centred @ centred / n + EPS)
        xhat[i] = centred / std
        dx[i] = (centring / std - np.outer(centred, centred) / (n * std**3)).T @ cotangent[i]
    xhat = xhat.reshape(shape)
    before = tuple(range(len(shape) - last))
    return {
        "x": x, "dout": dout, "gamma": gamma, "beta": beta,
        "out": gamma * xhat + beta, "dx": dx.reshape(shape),
        "dgamma": (dout * xhat).sum(before), "dbeta": dout.sum(before),
    }


def cross_entropy(random, rows, classes):
    """p_k = 1/Σ_j exp(x_j - x_k), and the loss of a row is ln Σ_j exp(x_j - x_label)."""
    scores = random.normal(0, 3, (rows, classes))
    label = random.integers(0, classes, rows).astype(np.int32)
    weight = random.uniform(0.25, 2, classes)
    odds = np.exp(scores[:, None, :] - scores[:, :, None]).sum(-1)
    each = np.log(odds[np.arange(rows), label])
    toward = 1 / odds - np.eye(classes)[label]
    taken = weight[label]
    mean = (taken * each).sum() / taken.sum()
    of_class = np.eye(classes)[label]
    return {
        "scores": scores, "label": label, "weight": weight, "each": each,
        "mean": each.mean(), "dscores_mean": toward / rows,
        "sum": each.sum(), "dscores_sum": toward,
        "weighted_mean": mean, "dscores_weighted_mean": taken[:, None] * toward / taken.sum(),
        "dweight_mean": of_class.T @ (each - mean) / taken.sum(),
        "weighted_sum": (taken * each).sum(), "dscores_weighted_sum": taken[:, None] * toward,
        "dweight_sum": of_class.T @ each,
    }


def main():
    random = np.random.default_rng(2016)
    cases = {
        "rows": layernorm(random, (6, 5), 1), "two": layernorm(random, (4, 2), 1), "one": layernorm(random, (3, 1), 1),
        "image": layernorm(random, (3, 2, 4, 3), 3), "all": layernorm(random, (3, 4), 2),
        "entropy": cross_entropy(random, 9, 4), "pair": cross_entropy(random, 1, 2),
    }
    arrays = {f"{name}/{key}": value for name, case in cases.items() for key, value in case.items()}
    np.savez_compressed(sys.argv[1] + "/layers.npz", **arrays)


main()
