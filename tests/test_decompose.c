/* Rows that are decomposed so that one call of the C library serves several: which ones, and that their bits stay. */
#include "algebra.h"
#include "support.h"

#include <criterion/criterion.h>

TestSuite(decompose, .timeout = 120);

enum { N = 4096 };

/* All magnitudes of both signs, and where the rows change their ways. */
static double number(tg_dtype dtype, size_t i) {
    static const double edge[] = {0, 40, 800, 88.73, 103.98, 709.79, 745.2, 10.1, 27.25, 14.2, 38.6, 1, 0.5};
    enum { EDGES = sizeof edge / sizeof *edge };
    const double sign = i & 1 ? -1 : 1, span = dtype == TG_F64 ? 1074 : 149;
    i /= 2;
    if (i < 3 * EDGES) {
        const double v = edge[i / 3];
        return sign * (i % 3 == 0 ? v : i % 3 == 1 ? v * (1 + 0x1p-20) : v * (1 - 0x1p-20));
    }
    if (i == 3 * EDGES) return sign * (double)INFINITY;
    if (i == 3 * EDGES + 1) return (double)NAN;
    if (i % 2) return sign * (double)i * 0.05;
    return sign * ldexp(1 + (double)(i % 7) / 8, (int)(fmod((double)i * 0.7, 2 * span) - span));
}

static tg_node numbers(tg_graph *g, tg_dtype dtype, int64_t n) {
    static double f64[N];
    static float f32[N];
    const tg_node x = tg_input(g, dtype, tg_shape1(n));
    for (size_t i = 0; i < N; i++) f32[i] = (float)(f64[i] = number(dtype, i));
    cr_assert_eq(tg_set(x, dtype == TG_F64 ? (const void *)f64 : f32), TG_OK, "%s", tg_message(g));
    return x;
}

static size_t calls(const tg_program *p, const char *function) {
    char call[40];
    size_t n = 0;
    snprintf(call, sizeof call, "/* %s */", function);
    for (const char *s = tg_program_source(p); (s = strstr(s, call)); s++) n++;
    return n;
}

static void expect_same_bits(tg_node a, const tg_program *p) {
    const size_t item = tg_dtype_of(a) == TG_F64 ? 8 : 4;
    const char *tape = tg_value(a), *made = tg_program_value(p, a);
    for (size_t i = 0; i < tg_size(a); i++) {
        const double x = item == 8 ? ((const double *)(const void *)tape)[i] : ((const float *)(const void *)tape)[i];
        const double z = item == 8 ? ((const double *)(const void *)made)[i] : ((const float *)(const void *)made)[i];
        const bool same = memcmp(tape + i * item, made + i * item, item) == 0 || (isnan(x) && isnan(z));
        cr_expect(same, "%s of %a: %a on the tape, %a decomposed", tg_op_of(a),
                  number(tg_dtype_of(a), i), x, z);
    }
}

/* Beside its gradient, which needs the same call, the row is decomposed. */
static void check_row(const struct tg__decomposition *d, tg_dtype dtype) {
    tg_graph *g = tg_graph_new();
    const tg_node x = numbers(g, dtype, N), z = tg__apply(d->op, &x, NULL);
    const tg_node wanted[] = {z, tg_grad(tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g)), x)};
    tg_program *p = tg_compile(g, wanted, 2, (tg_compile_options){.mode = TG_EXACT, .flags = TG_MUST_COMPILE});
    cr_assert_not_null(p, "%s", tg_message(g));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_program_run(p), TG_OK, "%s", tg_message(g));
    cr_expect_eq(calls(p, d->op->name), 0, "%s is called whole", d->op->name);
    for (int i = 0; i < 2; i++) expect_same_bits(wanted[i], p);
    tg_graph_free(g);
}

Test(decompose, the_bits_are_the_rows) {
    for (const struct tg__decomposition *d = tg__decompositions; d->op; d++)
        for (int f64 = 0; f64 < 2; f64++) check_row(d, f64 ? TG_F64 : TG_F32);
}

static void expect_calls(tg_node (*row)(tg_node), tg_mode mode, bool back, int64_t n, const char *function,
                         size_t expected) {
    tg_graph *g = tg_graph_new();
    const tg_node x = numbers(g, TG_F32, n), z = row(x);
    const tg_node wanted[] = {z, back ? tg_grad(tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g)), x) : z};
    tg_program *p = tg_compile(g, wanted, 2, (tg_compile_options){.mode = mode});
    cr_assert_not_null(p, "%s", tg_message(g));
    cr_expect_eq(calls(p, function), expected, "%zu calls of %s, not %zu:\n%s", calls(p, function), function, expected,
                 tg_program_source(p));
    tg_graph_free(g);
}

/* The logistic function of x and of -x, and all that is made of them, need e^-|x| alone. */
Test(decompose, forward_and_backward_share_their_calls) {
    for (int mode = TG_FAST; mode <= TG_EXACT; mode++) {
        expect_calls(tg_sigmoid, (tg_mode)mode, true, N, "exp", 1);
        expect_calls(tg_silu, (tg_mode)mode, true, N, "exp", 1);
        expect_calls(tg_softplus, (tg_mode)mode, true, N, "exp", 1);
        expect_calls(tg_gelu, (tg_mode)mode, true, N, "erfc", 1);
        expect_calls(tg_silu, (tg_mode)mode, true, N, "sigmoid", 0);
    }
}

Test(decompose, what_shares_nothing_stays_whole) {
    for (int mode = TG_FAST; mode <= TG_EXACT; mode++) {
        expect_calls(tg_sigmoid, (tg_mode)mode, false, N, "sigmoid", 1);
        expect_calls(tg_sigmoid, (tg_mode)mode, false, N, "exp", 0);
        expect_calls(tg_gelu, (tg_mode)mode, false, N, "gelu", 1);
        expect_calls(tg_sigmoid, (tg_mode)mode, true, 3, "sigmoid", 2); /* too few elements */
    }
}
