/* Elementwise operators: everything that a row of elementwise.def stands for, and the one driver that broadcasts. */
#include "ops.h"

#include <tgmath.h>

/* -------------------------------------------------------------------------------------------------------- loops
 * out[i] = forward(a[i*s], b[i*t], c[i*u]) with steps 0 or 1; a step that the compiler can see vectorizes. */

#define LOOP(T, sa, sb, sc, forward)                                                                                   \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        const T a = x[i * (sa)], b = y[i * (sb)], c = w[i * (sc)];                                                     \
        (void)a, (void)b, (void)c;                                                                                     \
        z[i] = forward;                                                                                                \
    }

#define LOOPS(name, suffix, T, operands, forward)                                                                      \
    TG__HOT static void name##_##suffix(void *out, const void *const *in, const size_t *step, size_t n) {              \
        T *restrict z = out;                                                                                           \
        const T *x = in[0], *y = (operands) > 1 ? in[1] : x, *w = (operands) > 2 ? in[2] : x;                          \
        const size_t sy = (operands) > 1 ? step[1] : 1, sw = (operands) > 2 ? step[2] : 1;                             \
        if (n == 1)                                                                                                    \
            LOOP(T, 0, 0, 0, forward)                                                                                  \
        else if (step[0] == 1 && sy == 1 && sw == 1)                                                                   \
            LOOP(T, 1, 1, 1, forward)                                                                                  \
        else if (step[0] == 1 && sy == 0 && sw == 1)                                                                   \
            LOOP(T, 1, 0, 1, forward)                                                                                  \
        else if (step[0] == 0 && sy == 1 && sw == 1)                                                                   \
            LOOP(T, 0, 1, 1, forward)                                                                                  \
        else                                                                                                           \
            LOOP(T, step[0], sy, sw, forward)                                                                          \
    }

/* A transcendental computes the same bits for an element wherever it stands: always in full blocks, the tail padded. */
enum { LANES = 16 };

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) && defined(__OPTIMIZE__)
#define VECTOR_MATH(f)                                                                                                 \
    __attribute__((simd("notinbranch"))) double(f)(double);                                                            \
    __attribute__((simd("notinbranch"))) float(f##f)(float);
#else
#define VECTOR_MATH(f)
#endif

#define BLOCKS(name, suffix, T, forward)                                                                               \
    TG__HOT static void name##_block_##suffix(T *restrict z, const T *restrict x) {                                    \
        for (size_t i = 0; i < LANES; i++) {                                                                           \
            const T a = x[i];                                                                                          \
            z[i] = forward;                                                                                            \
        }                                                                                                              \
    }                                                                                                                  \
    static void name##_##suffix(void *out, const void *const *in, const size_t *step, size_t n) {                      \
        const T *x = in[0];                                                                                            \
        T *z = out, from[LANES], to[LANES];                                                                            \
        size_t whole = step[0] ? n - n % LANES : 0;                                                                    \
        for (size_t i = 0; i < whole; i += LANES) name##_block_##suffix(z + i, x + i);                                 \
        for (size_t i = whole; i < n; i += LANES) {                                                                    \
            size_t left = n - i < LANES ? n - i : LANES;                                                               \
            for (size_t j = 0; j < LANES; j++) from[j] = j < left ? x[(i + j) * step[0]] : (T)1;                       \
            name##_block_##suffix(to, from);                                                                           \
            memcpy(z + i, to, left * sizeof *z);                                                                       \
        }                                                                                                              \
    }

/* ------------------------------------------------------------------------------------------------ a row unfolded
 * #forward stands in the first macro that sees the row: one later, sqrt would be what tgmath.h makes of it. */

#define SELF    .magnitude = NULL
#define SUM(op) .magnitude = &tg__op_##op
#define SCALES  .through = true

#define ROW(id, n, tokens, back, lo, hi, rounding, text, gradient_text, sign, in_numpy, in_tex, back_in_tex)           \
    const struct tg_op tg__op_##id = {.name = #id, .formula = text, .gradient = gradient_text, .symbol = sign,         \
                                      .numpy = in_numpy, .tex = in_tex, .tex_back = back_in_tex,                       \
                                      .code = tokens, .operands = n, .shape = tg__rule_broadcast,                      \
                                      .run = tg__run_elementwise, .loop = {id##_f32, id##_f64}, .vjp = back,           \
                                      .low = lo, .high = hi, rounding};

#define VJP(id, to_x, to_y, to_w)                                                                                      \
    static tg_node id##_vjp(tg_node z, tg_node g, int slot) {                                                          \
        const tg_node x = tg__in(z, 0), y = tg__in(z, 1), w = tg__in(z, 2);                                            \
        (void)x, (void)y, (void)w;                                                                                     \
        return slot == 0 ? (to_x) : slot == 1 ? (to_y) : (to_w);                                                       \
    }

#define LOOPS_OF(id, n, forward) LOOPS(id, f32, float, n, forward) LOOPS(id, f64, double, n, forward)

#define UNARY(id, forward, to_x, lo, hi, ...)                                                                          \
    LOOPS_OF(id, 1, forward)                                                                                           \
    VJP(id, to_x, tg_nil(g.graph), tg_nil(g.graph))                                                                    \
    ROW(id, 1, #forward, id##_vjp, lo, hi, __VA_ARGS__)                                                                \
    tg_node tg_##id(tg_node x) { return tg__apply(&tg__op_##id, &x, NULL); }

#define TRANSCENDENT(id, forward, to_x, lo, hi, ...)                                                                   \
    VECTOR_MATH(id)                                                                                                    \
    BLOCKS(id, f32, float, forward)                                                                                    \
    BLOCKS(id, f64, double, forward)                                                                                   \
    VJP(id, to_x, tg_nil(g.graph), tg_nil(g.graph))                                                                    \
    ROW(id, 1, #forward, id##_vjp, lo, hi, __VA_ARGS__)                                                                \
    tg_node tg_##id(tg_node x) { return tg__apply(&tg__op_##id, &x, NULL); }

#define BINARY(id, forward, to_x, to_y, lo, hi, ...)                                                                   \
    LOOPS_OF(id, 2, forward)                                                                                           \
    VJP(id, to_x, to_y, tg_nil(g.graph))                                                                               \
    ROW(id, 2, #forward, id##_vjp, lo, hi, __VA_ARGS__)                                                                \
    tg_node tg_##id(tg_node x, tg_node y) { return tg__apply(&tg__op_##id, (tg_node[]){x, y}, NULL); }

#define COMPARISON(id, forward, lo, hi, ...)                                                                           \
    LOOPS_OF(id, 2, forward)                                                                                           \
    ROW(id, 2, #forward, NULL, lo, hi, __VA_ARGS__)                                                                    \
    tg_node tg_##id(tg_node x, tg_node y) { return tg__apply(&tg__op_##id, (tg_node[]){x, y}, NULL); }

#define TERNARY(id, forward, to_x, to_y, to_w, lo, hi, ...)                                                            \
    LOOPS_OF(id, 3, forward)                                                                                           \
    VJP(id, to_x, to_y, to_w)                                                                                          \
    ROW(id, 3, #forward, id##_vjp, lo, hi, __VA_ARGS__)                                                                \
    tg_node tg_##id(tg_node x, tg_node y, tg_node w) {                                                                 \
        return tg__apply(&tg__op_##id, (tg_node[]){x, y, w}, NULL);                                                    \
    }

#include "elementwise.def"
