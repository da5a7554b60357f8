/* The loops that the rows of elementwise.def stand for: z[i] = forward(a[i*s], b[i*t], c[i*u]) with steps 0 or 1. In
 * `forward` the letters a b c are operands and T is their type. */
#ifndef TG_LOOPS_H
#define TG_LOOPS_H

#include "ops.h"

#include <tgmath.h>

/* ------------------------------------------------------------------------------------------------- one at a time
 * A step that the compiler can see vectorizes; those that broadcasting brings are seen. */

#define LOOP(sa, sb, sc, forward)                                                                                      \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        const T a = x[i * (sa)], b = y[i * (sb)], c = w[i * (sc)];                                                     \
        (void)a, (void)b, (void)c;                                                                                     \
        z[i] = forward;                                                                                                \
    }

#define LOOPS(name, suffix, type, operands, forward, ways)                                                             \
    TG__HOT static void name##_##suffix(void *out, const void *const *in, const size_t *step, size_t n) {              \
        typedef type T;                                                                                                \
        T *restrict z = out;                                                                                           \
        const T *x = in[0], *y = (operands) > 1 ? in[1] : x, *w = (operands) > 2 ? in[2] : x;                          \
        const size_t sx = step[0], sy = (operands) > 1 ? step[1] : 0, sw = (operands) > 2 ? step[2] : 0;               \
        (void)sy, (void)sw;                                                                                            \
        if (n == 1) {                                                                                                  \
            LOOP(0, 0, 0, forward)                                                                                     \
            return;                                                                                                    \
        }                                                                                                              \
        ways(forward) LOOP(sx, sy, sw, forward)                                                                        \
    }

#define WAY(here, sa, sb, sc, forward)                                                                                 \
    if (here) {                                                                                                        \
        LOOP(sa, sb, sc, forward)                                                                                      \
        return;                                                                                                        \
    }

#define WAYS_1(forward) WAY(sx, 1, 0, 0, forward)
#define WAYS_2(forward) WAY(sx && sy, 1, 1, 0, forward) WAY(sx, 1, 0, 0, forward) WAY(sy, 0, 1, 0, forward)
#define WAYS_3(forward)                                                                                                \
    WAY(sx && sy && sw, 1, 1, 1, forward) WAY(sx && sy, 1, 1, 0, forward) WAY(sx && sw, 1, 0, 1, forward)              \
    WAY(sx, 1, 0, 0, forward)

/* ------------------------------------------------------------------------------------------------------- in blocks
 * A transcendental computes the same bits for an element wherever it stands: always in full blocks, the tail padded. */

enum { LANES = 16 };

/* Unrolled before it is vectorized, the loop over a block would be sixteen calls. */
#if defined(__GNUC__) && !defined(__clang__)
#define KEEP_LOOP _Pragma("GCC unroll 1")
#else
#define KEEP_LOOP
#endif

#define BLOCKS(name, suffix, type, operands, forward)                                                                  \
    TG__HOT static void name##_blocks_##suffix(type *restrict z, const type *const *in, const size_t *step,            \
                                               size_t blocks) {                                                        \
        typedef type T;                                                                                                \
        const T *x = in[0], *y = (operands) > 1 ? in[1] : x, *w = (operands) > 2 ? in[2] : x;                          \
        const size_t sx = step[0], sy = (operands) > 1 ? step[1] : 0, sw = (operands) > 2 ? step[2] : 0;               \
        for (size_t k = 0; k < blocks; k++, x += sx, y += sy, w += sw) {                                               \
            KEEP_LOOP for (size_t i = 0; i < LANES; i++) {                                                             \
                const T a = x[i], b = y[i], c = w[i];                                                                  \
                (void)a, (void)b, (void)c;                                                                             \
                z[k * LANES + i] = forward;                                                                            \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void name##_##suffix(void *out, const void *const *in, const size_t *step, size_t n) {                      \
        in_blocks_##suffix(name##_blocks_##suffix, operands, out, in, step, n);                                        \
    }

/* A repeated operand is spread over a block once; what is left behind the last whole block is padded with ones. */
#define IN_BLOCKS(suffix, type)                                                                                        \
    typedef void blocks_##suffix(type *restrict z, const type *const *in, const size_t *step, size_t blocks);          \
    static void in_blocks_##suffix(blocks_##suffix *run, int operands, type *z, const void *const *in,                 \
                                   const size_t *step, size_t n) {                                                     \
        const size_t whole = n - n % LANES;                                                                            \
        const type *at[TG__OPERANDS];                                                                                  \
        type from[TG__OPERANDS][LANES], to[LANES];                                                                     \
        size_t stride[TG__OPERANDS];                                                                                   \
        for (int k = 0; k < operands; k++) {                                                                           \
            stride[k] = step[k] * LANES;                                                                               \
            at[k] = step[k] ? in[k] : from[k];                                                                         \
            for (size_t i = 0; i < LANES; i++) from[k][i] = step[k] ? (type)1 : *(const type *)in[k];                  \
        }                                                                                                              \
        if (whole) run(z, at, stride, whole / LANES);                                                                  \
        if (whole == n) return;                                                                                        \
        for (int k = 0; k < operands; k++) {                                                                           \
            if (step[k]) memcpy(from[k], (const type *)in[k] + whole, (n - whole) * sizeof *z);                        \
            at[k] = from[k];                                                                                           \
        }                                                                                                              \
        run(to, at, stride, 1);                                                                                        \
        memcpy(z + whole, to, (n - whole) * sizeof *z);                                                                \
    }

IN_BLOCKS(f32, float)
IN_BLOCKS(f64, double)

/* What the C library has for a whole vector. The compiler is told so here, for math.h tells it only under -ffast-math.
 * All of these give within 4 units in the last place. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) && defined(__OPTIMIZE__)
#define SIMD __attribute__((simd("notinbranch")))
#define VECTOR_MATH(name)                                                                                              \
    SIMD double(name)(double);                                                                                         \
    SIMD float(name##f)(float);
#define VECTOR_MATH_2(name)                                                                                            \
    SIMD double(name)(double, double);                                                                                 \
    SIMD float(name##f)(float, float);
VECTOR_MATH(exp)
VECTOR_MATH(log)
VECTOR_MATH(sin)
VECTOR_MATH(cos)
VECTOR_MATH_2(pow)
#if __GLIBC_PREREQ(2, 35)
VECTOR_MATH(expm1)
VECTOR_MATH(log1p)
VECTOR_MATH(log2)
VECTOR_MATH(tan)
VECTOR_MATH(asin)
VECTOR_MATH(acos)
VECTOR_MATH(atan)
VECTOR_MATH(sinh)
VECTOR_MATH(cosh)
VECTOR_MATH(tanh)
VECTOR_MATH(erf)
VECTOR_MATH(erfc)
VECTOR_MATH_2(atan2)
VECTOR_MATH_2(hypot)
#endif
#endif

/* Where a result vanishes the C library's vectors leave their loop, and take ten times as long for that one number. Half
 * of masked attention vanishes. So what is 0 to the last digit is not asked for: beyond `edge`, where the result is
 * below half of the smallest number, the argument becomes 0, and then the result. (By their bits: two selects the
 * compiler would join, and ask all the same.) */
#define OR_0(name, type, bits_of, suffix, function, vanishes, edge)                                                    \
    static inline type name##_or_0_##suffix(type x) {                                                                  \
        union {                                                                                                        \
            type x;                                                                                                    \
            bits_of bits;                                                                                              \
        } in = {x}, out;                                                                                               \
        const bits_of mask = -(bits_of)!vanishes(x, edge);                                                             \
        in.bits &= mask;                                                                                               \
        out.x = (function)(in.x);                                                                                      \
        out.bits &= mask;                                                                                              \
        return out.x;                                                                                                  \
    }
OR_0(exp, float, int32_t, f32, expf, isless, -104)
OR_0(exp, double, int64_t, f64, exp, isless, -746)
OR_0(erfc, float, int32_t, f32, erfcf, isgreater, 10.2f)
OR_0(erfc, double, int64_t, f64, erfc, isgreater, 27.3)
#undef exp
#define exp(x) _Generic((x), float: exp_or_0_f32, default: exp_or_0_f64)(x)
#undef erfc
#define erfc(x) _Generic((x), float: erfc_or_0_f32, default: erfc_or_0_f64)(x)

#endif
