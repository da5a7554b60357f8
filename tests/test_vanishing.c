/* exp where it becomes subnormal, and then 0: the kernels do not ask the C library for what is 0
 * to the last digit, and nothing but that may be lost. Against exp in long double. */
#include "programs.h"

#include <float.h>

TestSuite(vanishing, .init = setup, .fini = teardown, .timeout = 60);

enum { N = 4001 };

/* From well inside of the normal numbers to far beyond the smallest, and the ends of the line. */
static double argument(size_t i, double smallest) {
    static const double odd[] = {-1e9, -(double)INFINITY, -1e30, 0, -0.0, 3};
    if (i < sizeof odd / sizeof *odd) return odd[i];
    return smallest * (0.8 + 0.3 * (double)i / N);
}

static void check(tg_dtype t, tg_node y, tg_node x, long double (*f)(long double)) {
    const double least = t == TG_F64 ? 0x1p-1074 : 0x1p-149, epsilon = t == TG_F64 ? DBL_EPSILON : FLT_EPSILON;
    size_t subnormal = 0, zero = 0;
    for (size_t i = 0; i < N; i++) {
        const long double right = f((long double)tg_item(x, i));
        const double got = tg_item(y, i), unit = fmax((double)right * epsilon, least);
        cr_expect_leq(fabs(got - (double)right), 4 * unit, "%s of %.9g is %g, not %Lg", tg_op_of(y), tg_item(x, i), got,
                      right);
        subnormal += got != 0 && got < (t == TG_F64 ? DBL_MIN : (double)FLT_MIN);
        zero += got == 0;
    }
    cr_expect_gt(subnormal, N / 20); /* they are kept, */
    cr_expect_gt(zero, N / 20);      /* and there are some that vanish */
}

static void check_all(tg_dtype t, tg_node (*op)(tg_node), long double (*f)(long double)) {
    const tg_node x = tg_input(g, t, tg_shape1(N)), y = op(x);
    double *v = malloc(N * sizeof *v);
    for (size_t i = 0; i < N; i++) v[i] = argument(i, t == TG_F64 ? -745.2 : -104);
    cr_assert_eq(set_doubles(x, v), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    check(t, y, x, f);
    for (int mode = 0; mode < 2; mode++) {
        tg_program *p = compile(&y, 1, mode ? TG_EXACT : TG_FAST, 0);
        run(p);
        same_bits(p, y);
    }
    free(v);
}

Test(vanishing, exp_f32) { check_all(TG_F32, tg_exp, expl); }
Test(vanishing, exp_f64) { check_all(TG_F64, tg_exp, expl); }

Test(vanishing, nan_stays) {
    for (int k = 0; k < 2; k++) {
        const tg_node x = tg_scalar(g, k ? TG_F64 : TG_F32, (double)NAN), y = tg_exp(x);
        cr_assert_eq(tg_run(g), TG_OK);
        cr_expect(isnan(tg_item(y, 0)));
    }
}
