/* Elementwise operators where a random number never falls: at kinks, ties, zeros and infinities, on the branch that is
 * not taken; and how accurate they are. */
#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>
#include <float.h>

static tg_graph *g;
static const double inf = (double)INFINITY, nan_ = (double)NAN;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(elementwise, .init = setup, .fini = teardown, .timeout = 60);

static const struct tg_op *row(const char *name) {
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++)
        if (strcmp((*op)->name, name) == 0) return *op;
    cr_assert_fail("no operator %s", name);
    return NULL;
}

/* z, dz/d slot, and d²z/d slot d also: of numbers in f64, by the tape. */
enum { VALUE = -1 };
static double at(const char *name, const double *v, int slot, int also) {
    const struct tg_op *op = row(name);
    const tg_mark mark = tg_mark_now(g);
    tg_node in[3], z;
    for (int k = 0; k < op->operands; k++) {
        in[k] = tg_input(g, TG_F64, tg_shape0());
        cr_assert_eq(tg_set(in[k], &v[k]), TG_OK);
    }
    z = tg__apply(op, in, NULL);
    if (slot != VALUE) z = tg_grad(tg_backward(z, tg_nil(g)), in[slot]);
    if (also != VALUE) {
        tg_grads d = tg_backward(z, tg_nil(g));
        z = tg_has_grad(d, in[also]) ? tg_grad(d, in[also]) : tg_scalar(g, TG_F64, 0);
    }
    cr_assert_eq(tg_run(g), TG_OK, "%s: %s", name, tg_message(g));
    const double value = tg_item(z, 0);
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    return value;
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

/* ------------------------------------------------------------------------------------------------ kinks and ties */

static const struct point {
    const char *op;
    double v[3], z, slope[3];
} points[] = {
    {"abs", {0}, 0, {0}},
    {"abs", {-0.0}, 0, {0}},
    {"relu", {0}, 0, {0}},
    {"relu", {-0.0}, 0, {0}},
    {"leaky_relu", {0, 0.25}, 0, {0.25, 0}},
    {"leaky_relu", {-2, 0.25}, -0.5, {0.25, -2}},
    {"leaky_relu", {2, 0.25}, 2, {1, 0}},
    {"elu", {0, 3}, 0, {3, 0}},
    {"elu", {5, 3}, 5, {1, 0}},
    {"maximum", {2, 2}, 2, {0.5, 0.5}},
    {"minimum", {2, 2}, 2, {0.5, 0.5}},
    {"maximum", {-0.0, 0}, 0, {0.5, 0.5}},
    {"minimum", {inf, inf}, inf, {0.5, 0.5}},
    {"maximum", {3, 2}, 3, {1, 0}},
    {"minimum", {3, 2}, 2, {0, 1}},
    {"clamp", {-1, -1, 2}, -1, {1, 0, 0}},
    {"clamp", {2, -1, 2}, 2, {1, 0, 0}},
    {"clamp", {1, -1, 2}, 1, {1, 0, 0}},
    {"clamp", {-3, -1, 2}, -1, {0, 1, 0}},
    {"clamp", {3, -1, 2}, 2, {0, 0, 1}},
    {"clamp", {0, 2, -1}, -1, {0, 0, 1}}, /* low above high: high, as min(max()) says */
    {"clamp", {3, 2, -1}, -1, {0, 0, 1}},
    {"clamp", {5, -inf, inf}, 5, {1, 0, 0}},
    {"clamp", {0, 1, 1}, 1, {0, 1, 0}},
    {"clamp", {1, 1, 1}, 1, {1, 0, 0}},
    {"clamp", {2, 1, 1}, 1, {0, 0, 1}},
    {"pow", {0, 0}, 1, {0, 0}},
    {"pow", {0, 1}, 0, {1, 0}},
    {"pow", {0, 2}, 0, {0, 0}},
    {"pow", {0, 0.5}, 0, {inf, 0}},
    {"pow", {0, -1}, inf, {-inf, -inf}},
    {"pow", {0x1p-1024, 0}, 1, {0, -709.78271289338397}}, /* 1/x is infinite */
    {"pow", {3, 0}, 1, {0, 1.0986122886681098}},
    {"pow", {-2, 3}, -8, {12, nan_}},
    {"pow", {-2, -1}, -0.5, {-0.25, nan_}},
    {"pow", {-2, 0}, 1, {0, nan_}},
    {"atan2", {0, 0}, 0, {0, 0}},
    {"atan2", {1, 0}, 1.5707963267948966, {0, -1}},
    {"atan2", {0, -1}, 3.1415926535897931, {-1, 0}},
    {"atan2", {-0.0, -1}, -3.1415926535897931, {-1, 0}},
    {"sqrt", {0}, 0, {inf}},
    {"where", {0, nan_, 7}, 7, {nan_, 0, 1}},
    {"where", {1, 7, nan_}, 7, {nan_, 1, 0}},
    {"where", {nan_, 7, 8}, 7, {nan_, 1, 0}},
};

Test(elementwise, kinks_ties_and_zeros) {
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        const struct point *p = &points[i];
        const double z = at(p->op, p->v, VALUE, VALUE), near = 1e-15 * fabs(p->z);
        cr_expect(same(z, p->z) || fabs(z - p->z) <= near, "%s(%g, %g, %g) = %.17g, not %.17g", p->op, p->v[0], p->v[1],
                  p->v[2], z, p->z);
        const bool condition = strcmp(p->op, "where") == 0;
        for (int k = condition; k < row(p->op)->operands; k++) {
            const double slope = at(p->op, p->v, k, VALUE);
            cr_expect(same(slope, p->slope[k]) || fabs(slope - p->slope[k]) <= 1e-15 * fabs(slope),
                      "%s(%g, %g, %g): slope %d is %.17g, not %.17g", p->op, p->v[0], p->v[1], p->v[2], k, slope,
                      p->slope[k]);
        }
    }
}

Test(elementwise, second_derivatives_of_powers_at_zero) {
    cr_expect_eq(at("pow", (double[]){0, 2}, 0, 0), 2);
    cr_expect_eq(at("pow", (double[]){0, 1}, 0, 0), 0);
    cr_expect_eq(at("pow", (double[]){0, 0}, 0, 0), 0);
    cr_expect_eq(at("pow", (double[]){0, 3}, 0, 0), 0);
    cr_expect_eq(at("pow", (double[]){-3, 2}, 0, 0), 2);
    cr_expect_eq(at("pow", (double[]){2, 0}, 0, 1), 0.5); /* d/dy of y xʸ⁻¹ */
    cr_expect_eq(at("pow", (double[]){2, 0}, 1, 0), 0.5);
    cr_expect_eq(at("pow", (double[]){0, 2}, 1, 1), 0);
    cr_expect_eq(at("elu", (double[]){0, 3}, 0, 0), 3);
    cr_expect_eq(at("elu", (double[]){1000, 3}, 0, 1), 0);
}

/* What is constant but for jumps has no gradient, and asking for it is an error that says why. */
Test(elementwise, steps_have_no_gradient) {
    static const char *const steps[] = {"sign", "floor", "ceil", "round", "eq", "ne", "lt", "le", "gt", "ge"};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        tg_graph_free(g);
        g = tg_graph_new();
        TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
        tg_grads d = tg_backward(tg__apply(row(steps[i]), (tg_node[]){x, tg_scalar_like(x, 1)}, NULL), tg_nil(g));
        cr_expect(!tg_has_grad(d, x) && tg_error(g) == TG_GRADIENT);
        cr_expect_not_null(strstr(tg_message(g), "passes no gradient on"), "%s", tg_message(g));
    }
}

Test(elementwise, steps) {
    static const struct {
        double x, floor, ceil, round, sign;
    } at_[] = {{0.5, 0, 1, 0, 1},
               {1.5, 1, 2, 2, 1},
               {2.5, 2, 3, 2, 1},
               {-0.5, -1, 0, 0, -1},
               {-1.5, -2, -1, -2, -1},
               {2, 2, 2, 2, 1},
               {0, 0, 0, 0, 0},
               {1e300, 1e300, 1e300, 1e300, 1},
               {5e-324, 0, 1, 0, 1},
               {-5e-324, -1, 0, 0, -1},
               {0x1p52 + 1, 0x1p52 + 1, 0x1p52 + 1, 0x1p52 + 1, 1}};
    for (size_t i = 0; i < sizeof at_ / sizeof *at_; i++) {
        cr_expect_eq(at("floor", &at_[i].x, VALUE, VALUE), at_[i].floor);
        cr_expect_eq(at("ceil", &at_[i].x, VALUE, VALUE), at_[i].ceil);
        cr_expect_eq(at("round", &at_[i].x, VALUE, VALUE), at_[i].round, "round(%g)", at_[i].x);
        cr_expect_eq(at("sign", &at_[i].x, VALUE, VALUE), at_[i].sign);
    }
}

/* ----------------------------------------------------------------------------------------------------- extremes */

static double run_one(const struct tg_op *op, tg_dtype dtype, const double *v) {
    static const size_t step[TG__OPERANDS] = {1, 1, 1};
    double in[TG__OPERANDS] = {0}, z = 0;
    for (int k = 0; k < op->operands; k++) tg__store(dtype, &in[k], 0, v[k]);
    op->loop[dtype == TG_F64](&z, (const void *[]){&in[0], &in[1], &in[2]}, step, 1);
    return tg__load(dtype, &z, 0);
}

/* NaN in any place comes out again; but comparisons, with what is made of them, say no, where takes what it is told, and
 * x⁰ = 1ʸ = 1. */
Test(elementwise, nan_propagates) {
    static const char *const not_so[] = {"eq", "ne", "lt", "le", "gt", "ge", "where", "larger", "tied"};
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++) {
        bool propagates = (*op)->code != NULL;
        for (size_t i = 0; i < sizeof not_so / sizeof *not_so; i++) propagates &= strcmp((*op)->name, not_so[i]) != 0;
        for (int k = 0; propagates && k < (*op)->operands; k++)
            for (int way = 0; way < 4; way++) { /* the others low, high, or in and out of order */
                double v[3] = {way & 1 ? 3 : -3, way & 2 ? 2 : -2, way & 1 ? 1 : 4};
                if (strcmp((*op)->name, "leaky_relu") == 0) v[0] = -3; /* where x > 0 the slope is not used */
                v[k] = nan_;
                cr_expect(isnan(run_one(*op, TG_F64, v)), "%s(%g, %g, %g)", (*op)->name, v[0], v[1], v[2]);
                cr_expect(isnan(run_one(*op, TG_F32, v)), "f32 %s(%g, %g, %g)", (*op)->name, v[0], v[1], v[2]);
            }
    }
    cr_expect_eq(run_one(row("pow"), TG_F64, (double[]){nan_, 0}), 1);
    cr_expect_eq(run_one(row("ne"), TG_F64, (double[]){nan_, nan_}), 1);
    cr_expect_eq(run_one(row("eq"), TG_F64, (double[]){nan_, nan_}), 0);
    cr_expect_eq(run_one(row("ge"), TG_F64, (double[]){nan_, 1}), 0);
    cr_expect_eq(run_one(row("le"), TG_F64, (double[]){nan_, 1}), 0);
}

Test(elementwise, infinities_and_zeros) {
    static const double half_pi = 1.5707963267948966;
    static const struct {
        const char *op;
        double low, high, zero; /* at -inf, inf, and 0 */
    } ends[] = {{"neg", inf, -inf, 0},
                {"abs", inf, inf, 0},
                {"sign", -1, 1, 0},
                {"square", inf, inf, 0},
                {"sqrt", nan_, inf, 0},
                {"rsqrt", nan_, 0, inf},
                {"reciprocal", 0, 0, inf},
                {"floor", -inf, inf, 0},
                {"ceil", -inf, inf, 0},
                {"round", -inf, inf, 0},
                {"exp", 0, inf, 1},
                {"expm1", -1, inf, 0},
                {"log", nan_, inf, -inf},
                {"log1p", nan_, inf, 0},
                {"log2", nan_, inf, -inf},
                {"sin", nan_, nan_, 0},
                {"cos", nan_, nan_, 1},
                {"tan", nan_, nan_, 0},
                {"asin", nan_, nan_, 0},
                {"acos", nan_, nan_, half_pi},
                {"atan", -half_pi, half_pi, 0},
                {"sinh", -inf, inf, 0},
                {"cosh", inf, inf, 1},
                {"tanh", -1, 1, 0},
                {"erf", -1, 1, 0},
                {"erfc", 2, 0, 1},
                {"relu", 0, inf, 0},
                {"sigmoid", 0, 1, 0.5},
                {"softplus", 0, inf, 0.69314718055994529}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (tg_dtype t = TG_F32; t <= TG_F64; t = t == TG_F32 ? TG_F64 : TG_I32) {
            const struct tg_op *op = row(ends[i].op);
            const double unit = t == TG_F32 ? 0x1p-23 : 0x1p-52, zero = run_one(op, t, &(double){0});
            const double low = run_one(op, t, &(double){-inf}), high = run_one(op, t, &(double){inf});
            cr_expect(same(low, ends[i].low) || fabs(low - ends[i].low) <= 2 * unit, "%s(-inf) = %g", op->name, low);
            cr_expect(same(high, ends[i].high) || fabs(high - ends[i].high) <= 2 * unit, "%s(inf) = %g", op->name,
                      high);
            cr_expect(same(zero, ends[i].zero) || fabs(zero - ends[i].zero) <= 2 * unit, "%s(0) = %g", op->name, zero);
        }
    static const char *const odd[] = {"neg", "expm1", "log1p", "sin", "tan", "asin", "atan", "sinh", "tanh", "erf"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) { /* and the smallest number is not lost, nor a sign */
        const bool turned = i == 0;
        cr_expect_eq(!signbit(run_one(row(odd[i]), TG_F64, &(double){-0.0})), turned, "%s(-0)", odd[i]);
        if (i > 0 && i < 9) cr_expect_eq(run_one(row(odd[i]), TG_F64, &(double){1e-310}), 1e-310, "%s", odd[i]);
        if (i > 0 && i < 9) cr_expect_eq(run_one(row(odd[i]), TG_F32, &(double){0x1p-140}), 0x1p-140, "%s", odd[i]);
    }
}

/* Far out, values and both derivatives are finite, and what they tend to. */
Test(elementwise, far_out) {
    static const struct {
        const char *op;
        double low, high, slope_low, slope_high; /* at -1000 and 1000 */
    } far[] = {
        {"sigmoid", 0, 1, 0, 0},      {"softplus", 0, 1000, 0, 1},
        {"silu", 0, 1000, 0, 1},      {"gelu", 0, 1000, 0, 1},
        {"gelu_tanh", 0, 1000, 0, 1}, {"tanh", -1, 1, 0, 0},
        {"elu", -2, 1000, 0, 1},      {"erf", -1, 1, 0, 0},
        {"erfc", 2, 0, 0, 0},         {"atan", -1.5697963271282298, 1.5697963271282298, 1 / 1000001.0, 1 / 1000001.0}};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++)
        for (int side = 0; side < 2; side++) {
            const double v[2] = {side ? 1000 : -1000, 2};
            const double z = at(far[i].op, v, VALUE, VALUE), slope = at(far[i].op, v, 0, VALUE);
            const double want = side ? far[i].high : far[i].low, rise = side ? far[i].slope_high : far[i].slope_low;
            cr_expect(fabs(z - want) <= 4 * DBL_EPSILON * fabs(want), "%s(%g) = %g", far[i].op, v[0], z);
            cr_expect(fabs(slope - rise) <= 4 * DBL_EPSILON * fabs(rise), "%s'(%g) = %g", far[i].op, v[0], slope);
            cr_expect_leq(fabs(at(far[i].op, v, 0, 0)), 1e-8, "%s''(%g)", far[i].op, v[0]);
            const struct tg_op *op = row(far[i].op);
            const double narrow = run_one(op, TG_F32, v);
            cr_expect(fabs(narrow - want) <= 4 * (double)FLT_EPSILON * fabs(want), "f32 %s(%g) = %g", op->name, v[0],
                      narrow);
        }
    /* No cancellation where a slope is small. */
    const double s = at("sigmoid", &(double){40}, 0, VALUE), tail = at("gelu", &(double){-20}, VALUE, VALUE);
    cr_expect_float_eq(s / exp(-40), 1, 1e-14);
    cr_expect_float_eq(tail / -5.507248237212467e-88, 1, 1e-12); /* -20 erfc(20/√2)/2 */
    cr_expect_float_eq(at("softplus", &(double){-700}, VALUE, VALUE) / exp(-700), 1, 1e-14);
    cr_expect_float_eq(at("asin", &(double){1 - 0x1p-53}, 0, VALUE) / 0x1p26, 1, 1e-14); /* 1/√(2^-52 - 2^-106) */
}

/* The constants in the rows, to the last digit: differences would not see it. */
Test(elementwise, constants) {
    static const struct {
        const char *op;
        double x;
        int twice;
        double want;
    } slopes[] = {{"log2", 1, VALUE, 1.4426950408889634},     {"erf", 0, VALUE, 1.1283791670955126},
                  {"erfc", 0, VALUE, -1.1283791670955126},    {"gelu", 0, 0, 0.79788456080286536},
                  {"gelu_tanh", 0, 0, 0.79788456080286536},   {"gelu", 1, VALUE, 1.0833154705876864},
                  {"gelu_tanh", 1, VALUE, 1.0829640838457826}};
    for (size_t i = 0; i < sizeof slopes / sizeof *slopes; i++) {
        const double slope = at(slopes[i].op, &slopes[i].x, 0, slopes[i].twice);
        cr_expect_leq(fabs(slope - slopes[i].want), 4 * DBL_EPSILON, "%s at %g: %.17g, not %.17g", slopes[i].op,
                      slopes[i].x, slope, slopes[i].want);
    }
}

/* ----------------------------------------------------------------------------------------------------- accuracy */

static long double l_sigmoid(long double x) { return 1 / (1 + expl(-x)); }
static long double l_softplus(long double x) { return fmaxl(x, 0) + log1pl(expl(-fabsl(x))); }
static long double l_silu(long double x) { return x / (1 + expl(-x)); }
static long double l_gelu(long double x) { return x * erfcl(-x * sqrtl(0.5L)) / 2; }
static long double l_gelu_tanh(long double x) {
    return x / (1 + expl(-x * (2 * sqrtl(2 / acosl(-1)) * (1 + 0.044715L * x * x))));
}
static long double l_elu(long double x) { return x > 0 ? x : 1.5L * expm1l(x); }

/* The worst error in units in the last place, over a range and in both types. The C library's vector functions promise
 * 4; what is made of them adds the roundings of its own, and gelu has the argument's: x² relative units. */
static const struct accuracy {
    const char *op;
    long double (*f)(long double x);
    double low, high, units;
} accuracies[] = {{"exp", expl, -80, 80, 4},
                  {"expm1", expm1l, -5, 5, 4},
                  {"log", logl, 1e-3, 10, 4},
                  {"log1p", log1pl, -0.9, 3, 4},
                  {"log2", log2l, 1e-3, 10, 4},
                  {"sin", sinl, -20, 20, 4},
                  {"cos", cosl, -20, 20, 4},
                  {"tan", tanl, -20, 20, 4},
                  {"asin", asinl, -1, 1, 4},
                  {"acos", acosl, -1, 1, 4},
                  {"atan", atanl, -20, 20, 4},
                  {"sinh", sinhl, -20, 20, 4},
                  {"cosh", coshl, -20, 20, 4},
                  {"tanh", tanhl, -5, 5, 4},
                  {"erf", erfl, -3, 3, 4},
                  {"erfc", erfcl, -3, 5, 4},
                  {"sigmoid", l_sigmoid, -40, 40, 6},
                  {"softplus", l_softplus, -40, 40, 8},
                  {"silu", l_silu, -40, 40, 7},
                  {"elu", l_elu, -5, 5, 6},
                  {"gelu", l_gelu, -2, 4, 16},
                  {"gelu_tanh", l_gelu_tanh, -2, 4, 16}};

static double units(tg_dtype dtype, double z, long double want) {
    int exponent;
    frexpl(want, &exponent);
    return (double)(fabsl((long double)z - want) / ldexpl(1, exponent - (dtype == TG_F32 ? 24 : 53)));
}

Test(elementwise, accuracy) {
    enum { COUNT = 20000 };
    if (LDBL_MANT_DIG < 64) cr_skip_test("long double is no wider than double");
    uint64_t state = 20240613;
    double *x = malloc(COUNT * sizeof *x);
    for (size_t i = 0; i < sizeof accuracies / sizeof *accuracies; i++)
        for (tg_dtype t = TG_F32; t <= TG_F64; t = t == TG_F32 ? TG_F64 : TG_I32) {
            const struct accuracy *a = &accuracies[i];
            tg_graph *h = tg_graph_new();
            tg_node in = tg_input(h, t, tg_shape1(COUNT)), alpha = tg_scalar(h, t, 1.5);
            for (size_t k = 0; k < COUNT; k++) {
                x[k] = random_between(&state, a->low, a->high);
                if (k % 4 == 0 && a->low < 0) x[k] *= pow(2, -random_between(&state, 0, 30));
                if (t == TG_F32) x[k] = (double)(float)x[k];
            }
            cr_assert_eq(set_doubles(in, x), TG_OK);
            tg_node z = tg__apply(row(a->op), (tg_node[]){in, alpha}, NULL);
            cr_assert_eq(tg_run(h), TG_OK, "%s", tg_message(h));
            double worst = 0, where = 0;
            for (size_t k = 0; k < COUNT; k++) {
                const double error = units(t, tg_item(z, k), a->f((long double)x[k]));
                if (!(error <= worst)) worst = error, where = x[k];
            }
            cr_expect_leq(worst, a->units, "%s(%.17g) is off by %g units (%s)", a->op, where, worst,
                          t == TG_F32 ? "f32" : "f64");
            tg_graph_free(h);
        }
    free(x);
}

/* Alone, among others, at any place of a vector, repeated by broadcasting, with NaN, ties and zeros among them: an
 * element has the same bits. */
static void stands_anywhere(const struct tg_op *op, tg_dtype t, uint64_t *state) {
    enum { COUNT = 37 };
    const size_t size = tg__item_size(t);
    const double often[] = {nan_, 0, op->low, op->high, 1};
    double v[TG__OPERANDS][COUNT], z[COUNT] = {0}, one[2] = {0};
    for (int k = 0; k < TG__OPERANDS; k++)
        for (size_t i = 0; i < COUNT; i++) {
            const size_t which = random_below(state, 10);
            tg__store(t, v[k], i, which < 5 ? often[which] : random_between(state, op->low, op->high));
        }
    for (int way = 0; way < 1 << op->operands; way++) { /* which operands are repeated */
        size_t step[TG__OPERANDS];
        for (int k = 0; k < TG__OPERANDS; k++) step[k] = !(way >> k & 1);
        op->loop[t == TG_F64](z, (const void *[]){v[0], v[1], v[2]}, step, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            const void *in[TG__OPERANDS];
            for (int k = 0; k < TG__OPERANDS; k++) in[k] = (const char *)v[k] + step[k] * i * size;
            op->loop[t == TG_F64](one, in, (const size_t[]){1, 1, 1}, 1);
            cr_assert(same_bits_or_nan(t, one, (const char *)z + i * size, 1), "%s[%zu], way %d", op->name, i, way);
        }
    }
}

Test(elementwise, the_same_bits_wherever_it_stands) {
    uint64_t state = 5;
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++)
        for (int round = 0; (*op)->code && round < 40; round++) stands_anywhere(*op, round % 2 ? TG_F64 : TG_F32, &state);
}

/* Rows short and long, more of them than are done at once, repeated this way and that. */
static void broadcast_three(tg_dtype t, int64_t rows, int64_t length, uint64_t *state) {
    const tg_shape shapes[] = {tg_shape2(rows, length), tg_shape1(length), tg_shape2(rows, 1), tg_shape0()};
    for (int way = 0; way < 64; way++) {
        const int which[3] = {way & 3, way >> 2 & 3, way >> 4};
        const tg_mark mark = tg_mark_now(g);
        tg_node in[3];
        for (int k = 0; k < 3; k++) {
            in[k] = tg_input(g, t, shapes[which[k]]);
            double *v = random_array(state, tg_size(in[k]), -1, 1);
            cr_assert_eq(set_doubles(in[k], v), TG_OK);
            free(v);
        }
        tg_node z = tg__apply(row("clamp"), in, NULL);
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        const tg_shape dims = tg_dims(z);
        const size_t width = dims.rank == 0 ? 1 : (size_t)dims.dim[dims.rank - 1];
        for (size_t i = 0; i < tg_size(z); i++) {
            double v[3];
            for (int k = 0; k < 3; k++) {
                const size_t place[] = {i, i % width, i / width, 0};
                v[k] = tg_item(in[k], place[which[k]]);
            }
            cr_assert_eq(tg_item(z, i), fmin(fmax(v[0], v[1]), v[2]), "[%lld, %lld], way %d: element %zu",
                         (long long)rows, (long long)length, way, i);
        }
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
}

Test(elementwise, rows_of_every_length) {
    static const int64_t lengths[] = {2, 3, 7, 8, 9, 17, 64, 65, 300};
    uint64_t state = 11;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (tg_dtype t = TG_F32; t <= TG_F64; t = t == TG_F32 ? TG_F64 : TG_I32)
            broadcast_three(t, lengths[i] < 10 ? 200 : 40, lengths[i], &state);
}

/* What lies between the bounds, or on one of them, comes out as it is, the sign of a zero too. */
Test(elementwise, clamp_keeps_what_is_inside) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    const tg_node z[] = {tg_clamp(x, 0, 1), tg_clamp(x, -1, 0), tg_clamp(x, -0.0, 1), tg_clamp(x, -1, -0.0)};
    cr_assert_eq(tg_set(x, (double[]){-0.0, 0}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    for (int k = 0; k < 4; k++) {
        cr_expect(tg_item(z[k], 0) == 0 && signbit(tg_item(z[k], 0)), "clamp %d of -0", k);
        cr_expect(tg_item(z[k], 1) == 0 && !signbit(tg_item(z[k], 1)), "clamp %d of 0", k);
    }
}

/* ------------------------------------------------------------------------------------------- numbers as operands */

Test(elementwise, numbers_are_operands) {
    TG_LET(x, tg_input(g, TG_F32, tg_shape1(3)));
    tg_node z[] = {tg_leaky_relu(x, 0.25), tg_elu(x, 2), tg_clamp(x, -1, 1.5)};
    cr_assert_eq(tg_set(x, (float[]){-2, 0, 2}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    static const double want[3][3] = {{-0.5, 0, 2}, {-1.7293294335267746, 0, 2}, {-1, 0, 1.5}};
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < 3; i++) cr_expect_float_eq(tg_item(z[k], i), want[k][i], 1e-6);
    char text[80];
    tg_formula(z[2], text, sizeof text);
    cr_expect_str_eq(text, "clamp(x, -1, 1.5)");
    cr_expect(tg_is_nil(tg_clamp(tg_nil(g), 0, 1)));
    cr_expect(tg_is_nil(tg_elu((tg_node){0}, 1)));
    cr_expect_eq(tg_error(g), TG_HANDLE);
}

Test(elementwise, integers_are_refused) {
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(3)));
    cr_expect(tg_is_nil(tg_leaky_relu(label, 0.5)));
    cr_expect_not_null(strstr(tg_message(g), "leaky_relu: 'label' is i32"), "%s", tg_message(g));
}
