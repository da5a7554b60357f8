#!/usr/bin/env python3
"""make_conv.py > conv.h: convolutions, max and average pooling with their gradients, by loops over every index in f64.
What tests/test_conv.c compares with."""

import itertools

import numpy as np

CASES = [  # name, pictures, windows, stride, padding, dilation
    ("plain", (2, 1, 5, 5), (2, 1, 3, 3), (1, 1), (0, 0), (1, 1)),
    ("same", (2, 3, 4, 4), (2, 3, 3, 3), (1, 1), (1, 1), (1, 1)),
    ("strided", (1, 2, 7, 6), (3, 2, 3, 2), (2, 3), (1, 0), (1, 1)),
    ("dilated", (2, 2, 6, 7), (2, 2, 2, 3), (1, 2), (2, 1), (3, 2)),
    ("many", (11, 1, 3, 3), (2, 1, 2, 2), (1, 1), (0, 0), (1, 1)),
]


def positions(x, w, stride, padding, dilation):
    count = [(x[2 + a] + 2 * padding[a] - (w[2 + a] - 1) * dilation[a] - 1) // stride[a] + 1 for a in (0, 1)]
    for r, s, i, j in itertools.product(range(count[0]), range(count[1]), range(w[2]), range(w[3])):
        y = r * stride[0] + i * dilation[0] - padding[0]
        x_ = s * stride[1] + j * dilation[1] - padding[1]
        yield (r, s), (i, j), (y, x_) if 0 <= y < x[2] and 0 <= x_ < x[3] else None


def shape(x, w, stride, padding, dilation):
    last = max(p for p, _, _ in positions(x, w, stride, padding, dilation))
    return x[0], w[0], last[0] + 1, last[1] + 1


def convolution(x, w, g, *how):
    z, dx, dw = np.zeros(g.shape), np.zeros(x.shape), np.zeros(w.shape)
    for p, t, at in positions(x.shape, w.shape, *how):
        if at is None:
            continue
        for n, f, c in itertools.product(range(x.shape[0]), range(w.shape[0]), range(x.shape[1])):
            z[n, f, p[0], p[1]] += x[n, c, at[0], at[1]] * w[f, c, t[0], t[1]]
            dx[n, c, at[0], at[1]] += g[n, f, p[0], p[1]] * w[f, c, t[0], t[1]]
            dw[f, c, t[0], t[1]] += g[n, f, p[0], p[1]] * x[n, c, at[0], at[1]]
    return z, dx, dw


def pooling(x, w, g, *how):
    """Of windows as large as w's. Ties share equally; an average counts the padding."""
    most, dmost = np.full(g.shape, -np.inf), np.zeros(x.shape)
    mean, dmean = np.zeros(g.shape), np.zeros(x.shape)
    sees = {}
    for p, _, at in positions(x.shape, w.shape, *how):
        sees.setdefault(p, []).append(at)
    for n, c in itertools.product(range(x.shape[0]), range(x.shape[1])):
        for p, taps in sees.items():
            inside = [at for at in taps if at is not None]
            values = [x[n, c, a, b] for a, b in inside]
            most[n, c, p[0], p[1]] = max(values)
            mean[n, c, p[0], p[1]] = sum(values) / len(taps)
            ties = [at for at, v in zip(inside, values) if v == max(values)]
            for a, b in ties:
                dmost[n, c, a, b] += g[n, c, p[0], p[1]] / len(ties)
            for a, b in inside:
                dmean[n, c, a, b] += g[n, c, p[0], p[1]] / len(taps)
    return most, dmost, mean, dmean


def put(name, what, array):
    print(f"static const double {name}_{what}[] = {{")
    text = [repr(float(v)) for v in array.ravel()]
    for i in range(0, len(text), 6):
        print("    " + ", ".join(text[i:i + 6]) + ",")
    print("};")


def main():
    random = np.random.default_rng(20250801)
    print("/* Written by make_conv.py. */")
    print("#ifndef TESTS_GOLDEN_CONV_H\n#define TESTS_GOLDEN_CONV_H\n")
    for name, xs, ws, *how in CASES:
        x = np.round(random.uniform(-2, 2, xs), 1)  # so that there are ties
        w = random.uniform(-2, 2, ws)
        g = random.uniform(-2, 2, shape(xs, ws, *how))
        h = random.uniform(-2, 2, (xs[0], xs[1]) + g.shape[2:])
        z, dx, dw = convolution(x, w, g, *how)
        most, dmost, mean, dmean = pooling(x, w, h, *how)
        for what, array in [("x", x), ("w", w), ("g", g), ("z", z), ("dx", dx), ("dw", dw), ("h", h), ("most", most),
                            ("dmost", dmost), ("mean", mean), ("dmean", dmean)]:
            put(name, what, array)
        print()
    print("#define CONV_CASES(CASE)" + "".join(
        " \\\n    CASE({}, {})".format(name, ", ".join(str(v) for v in (*xs, *ws[:1], *ws[2:], *sum(how, ()))))
        for name, xs, ws, *how in CASES))
    print("\n#endif")


main()
