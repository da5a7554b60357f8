"""Writes philox.h: what NumPy draws from its Philox generator, for test_random.c."""

import numpy as np

CASES = [(0, 0), (0, 1), (42, 0), (42, 1), (2**63 - 1, 2**53), (123456789012345678, 4294967297)]
COUNT = 13


def draw(seed, counter, dtype):
    bits = np.random.Philox(key=[seed, 0], counter=[0, counter, 0, 0])
    return np.random.Generator(bits).random(COUNT, dtype)


print("/* Written by philox.py, with NumPy: the first numbers of random(). */")
print("enum { DRAWN = %d };" % COUNT)
print("static const struct {\n    uint64_t seed;\n    double counter, f64[DRAWN], f32[DRAWN];\n} drawn[] = {")
for seed, counter in CASES:
    print("    {UINT64_C(%d)," % seed)
    print("     %d," % counter)
    for dtype in (np.float64, np.float32):
        print("     {" + ", ".join(float(v).hex() for v in draw(seed, counter, dtype)) + "},")
    print("    },")
print("};")
