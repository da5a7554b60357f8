/* Every elementwise row by itself: value, first and second derivative, both dtypes, every way to broadcast. A row that
 * no test knows fails, so that a new one cannot be forgotten; the others are in test_structured.c. */
#define _XOPEN_SOURCE 700 /* M_PI */
#include "operator_check.h"

TestSuite(operators, .timeout = 120);

/* ---------------------------------------------------------------------------------------- formulas of our own */

static double f_neg(const double *v) { return 0 - v[0]; }
static double f_abs(const double *v) { return sqrt(v[0] * v[0]); }
static double f_sign(const double *v) { return (v[0] > 0) - (v[0] < 0); }
static double f_square(const double *v) { return pow(v[0], 2); }
static double f_sqrt(const double *v) { return pow(v[0], 0.5); }
static double f_root(const double *v) { return exp(log(v[0]) / 2); }
static double f_rsqrt(const double *v) { return pow(v[0], -0.5); }
static double f_reciprocal(const double *v) { return pow(v[0], -1); }
static double f_floor(const double *v) { return (int)(v[0] + 10) - 10; }
static double f_ceil(const double *v) { return 10 - (int)(10 - v[0]); }
static double f_round(const double *v) { return (int)(v[0] + 10.5) - 10; }

static double f_exp(const double *v) { return expm1(v[0]) + 1; }
static double f_expm1(const double *v) { return 2 * exp(v[0] / 2) * sinh(v[0] / 2); }
static double f_log(const double *v) { return log1p(v[0] - 1); }
static double f_log1p(const double *v) { return 2 * atanh(v[0] / (2 + v[0])); }
static double f_log2(const double *v) { return log10(v[0]) / log10(2); }
static double f_sin(const double *v) { return cos(v[0] - M_PI / 2); }
static double f_cos(const double *v) { return 1 - 2 * pow(sin(v[0] / 2), 2); }
static double f_tan(const double *v) { return sin(2 * v[0]) / (1 + cos(2 * v[0])); }
static double f_asin(const double *v) { return atan(v[0] / sqrt(1 - v[0] * v[0])); }
static double f_acos(const double *v) { return 2 * atan(sqrt((1 - v[0]) / (1 + v[0]))); }
static double f_atan(const double *v) { return asin(v[0] / hypot(1, v[0])); }
static double f_sinh(const double *v) { return (exp(v[0]) - exp(-v[0])) / 2; }
static double f_cosh(const double *v) { return (exp(v[0]) + exp(-v[0])) / 2; }
static double f_tanh(const double *v) { return 1 - 2 / (exp(2 * v[0]) + 1); }
static double f_erf(const double *v) { /* its Taylor series */
    double sum = 0, term = v[0];
    for (int n = 0; n < 60; n++, term *= -v[0] * v[0] / n) sum += term / (2 * n + 1);
    return 2 / sqrt(M_PI) * sum;
}
static double f_erfc(const double *v) { return 1 - f_erf(v); }

static double f_relu(const double *v) { return (v[0] + fabs(v[0])) / 2; }
static double f_leaky_relu(const double *v) { return f_relu(v) - v[1] * f_relu(&(double){-v[0]}); }
static double f_elu(const double *v) { return f_relu(v) + v[1] * (exp(-f_relu(&(double){-v[0]})) - 1); }
static double f_sigmoid(const double *v) { return (1 + tanh(v[0] / 2)) / 2; }
static double f_softplus(const double *v) { return log(1 + exp(v[0])); }
static double f_silu(const double *v) { return v[0] * f_sigmoid(v); }
static double f_gelu(const double *v) { return v[0] * (1 + f_erf(&(double){v[0] / sqrt(2)})) / 2; }
static double f_gelu_tanh(const double *v) {
    return v[0] / 2 * (1 + tanh(sqrt(2 / M_PI) * (v[0] + 0.044715 * pow(v[0], 3))));
}
static double f_clamp(const double *v) { return fmin(fmax(v[0], v[1]), v[2]); }

static double f_add(const double *v) { return v[0] - -v[1]; }
static double f_sub(const double *v) { return v[0] + -v[1]; }
static double f_mul(const double *v) { return (pow(v[0] + v[1], 2) - pow(v[0] - v[1], 2)) / 4; }
static double f_div(const double *v) { return v[0] * pow(v[1], -1); }
static double f_ratio(const double *v) { return v[0] / v[1]; }
static double f_pow(const double *v) { return exp(v[1] * log(v[0])); }
static double f_maximum(const double *v) { return (v[0] + v[1] + fabs(v[0] - v[1])) / 2; }
static double f_minimum(const double *v) { return (v[0] + v[1] - fabs(v[0] - v[1])) / 2; }
static double f_atan2(const double *v) { return 2 * atan(v[0] / (hypot(v[0], v[1]) + v[1])); }
static double f_hypot(const double *v) { return sqrt(v[0] * v[0] + v[1] * v[1]); }
static double f_turn(const double *v) { return copysign(1, v[1]) * v[0]; }
static double f_larger(const double *v) { return (v[0] - v[1] + fabs(v[0] - v[1])) / 2 / (v[0] - v[1]) * v[2]; }
static double f_tied(const double *v) { return v[0] < v[1] || v[0] > v[1] ? 0 : v[2]; }
static double f_eq(const double *v) { return !(v[0] < v[1] || v[0] > v[1]); }
static double f_ne(const double *v) { return 1 - f_eq(v); }
static double f_lt(const double *v) { return signbit(v[0] - v[1]) != 0; }
static double f_gt(const double *v) { return signbit(v[1] - v[0]) != 0; }
static double f_le(const double *v) { return 1 - f_gt(v); }
static double f_ge(const double *v) { return 1 - f_lt(v); }
static double f_where(const double *v) { return v[v[0] < 0 || v[0] > 0 ? 1 : 2]; }

static const struct formula {
    const char *op;
    double (*f)(const double *v);
} formulas[] = {{"neg", f_neg},
                {"abs", f_abs},
                {"sign", f_sign},
                {"square", f_square},
                {"sqrt", f_sqrt},
                {"root", f_root},
                {"rsqrt", f_rsqrt},
                {"reciprocal", f_reciprocal},
                {"floor", f_floor},
                {"ceil", f_ceil},
                {"round", f_round},
                {"exp", f_exp},
                {"expm1", f_expm1},
                {"log", f_log},
                {"log1p", f_log1p},
                {"log2", f_log2},
                {"sin", f_sin},
                {"cos", f_cos},
                {"tan", f_tan},
                {"asin", f_asin},
                {"acos", f_acos},
                {"atan", f_atan},
                {"sinh", f_sinh},
                {"cosh", f_cosh},
                {"tanh", f_tanh},
                {"erf", f_erf},
                {"erfc", f_erfc},
                {"relu", f_relu},
                {"leaky_relu", f_leaky_relu},
                {"elu", f_elu},
                {"sigmoid", f_sigmoid},
                {"softplus", f_softplus},
                {"silu", f_silu},
                {"gelu", f_gelu},
                {"gelu_tanh", f_gelu_tanh},
                {"clamp", f_clamp},
                {"add", f_add},
                {"sub", f_sub},
                {"mul", f_mul},
                {"div", f_div},
                {"ratio", f_ratio},
                {"pow", f_pow},
                {"maximum", f_maximum},
                {"minimum", f_minimum},
                {"hypot", f_hypot},
                {"atan2", f_atan2},
                {"turn", f_turn},
                {"larger", f_larger},
                {"tied", f_tied},
                {"eq", f_eq},
                {"ne", f_ne},
                {"lt", f_lt},
                {"le", f_le},
                {"gt", f_gt},
                {"ge", f_ge},
                {"where", f_where}};

/* ------------------------------------------------------------------------------------------------------ the tests */

/* Operand i of an elementwise operator has the shape i, counted round; every order of them is tried. */
static const struct pattern {
    int rank[2];
    int64_t dim[2][TG_MAX_RANK];
} patterns[] = {
    {{2, 2}, {{4, 3}, {4, 3}}},
    {{2, 1}, {{4, 3}, {3}}},
    {{2, 2}, {{4, 3}, {4, 1}}},
    {{2, 2}, {{4, 3}, {1, 3}}},
    {{2, 1}, {{4, 3}, {1}}},
    {{2, 0}, {{4, 3}}},
    {{2, 1}, {{1, 3}, {3}}},
    {{1, 2}, {{1}, {1, 1}}},
    {{3, 1}, {{1, 1, 1}, {1}}},
    {{0, 0}, {{0}}},
    {{2, 2}, {{3, 1}, {1, 4}}},
    {{3, 2}, {{2, 3, 4}, {3, 1}}},
    {{3, 3}, {{2, 1, 4}, {1, 3, 1}}},
    {{3, 3}, {{2, 3, 4}, {2, 1, 4}}},
    {{2, 1}, {{0, 3}, {3}}},
    {{1, 1}, {{0}, {1}}},
    {{2, 2}, {{1, 1}, {1, 1}}},
    {{1, 1}, {{37}, {37}}},
    {{8, 8}, {{1, 2, 1, 2, 1, 2, 1, 2}, {2, 1, 2, 1, 2, 1, 2, 1}}},
};

static size_t check_elementwise(const struct tg_op *op, uint64_t *state) {
    struct subject s = {.op = op, .operands = op->operands};
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        if (strcmp(formulas[i].op, op->name) == 0) s.f = formulas[i].f;
    if (!s.f) return 0;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        for (int turn = 0; turn < op->operands; turn++) {
            for (int k = 0; k < op->operands; k++) {
                const int which = (k + turn) % op->operands == 1; /* exactly one has the second shape */
                s.shape[k] = tg_shape_n(patterns[i].rank[which], patterns[i].dim[which]);
            }
            check(&s, state);
        }
    return 1;
}

Test(operators, every_elementwise_row) {
    uint64_t state = 20240607;
    tg_graph *g = tg_graph_new();
    size_t rows = 0;
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++) {
        for (const struct tg_op *const *other = g->calculus.operators; other < op; other++)
            cr_expect_str_neq((*op)->name, (*other)->name);
        cr_expect((*op)->formula && (*op)->gradient && (*op)->low < (*op)->high, "%s: a column is empty", (*op)->name);
        if (!(*op)->code) continue;
        cr_expect(check_elementwise(*op, &state) > 0, "%s: no formula in this test", (*op)->name);
        rows++;
    }
    cr_assert_geq(rows, 50);
    tg_graph_free(g);
}
