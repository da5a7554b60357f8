/* Every row of the operator table by itself: value, first and second derivative, both dtypes. A row that this file does
 * not know fails, so that a new one cannot be forgotten. */
#define _XOPEN_SOURCE 700 /* M_PI */
#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>

TestSuite(operators, .timeout = 120);

/* ---------------------------------------------------------------------------------------- formulas of our own */

static double f_neg(const double *v) { return 0 - v[0]; }
static double f_abs(const double *v) { return sqrt(v[0] * v[0]); }
static double f_sign(const double *v) { return (v[0] > 0) - (v[0] < 0); }
static double f_square(const double *v) { return pow(v[0], 2); }
static double f_sqrt(const double *v) { return pow(v[0], 0.5); }
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
static double f_pow(const double *v) { return exp(v[1] * log(v[0])); }
static double f_maximum(const double *v) { return (v[0] + v[1] + fabs(v[0] - v[1])) / 2; }
static double f_minimum(const double *v) { return (v[0] + v[1] - fabs(v[0] - v[1])) / 2; }
static double f_atan2(const double *v) { return 2 * atan(v[0] / (hypot(v[0], v[1]) + v[1])); }
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
                {"pow", f_pow},
                {"maximum", f_maximum},
                {"minimum", f_minimum},
                {"atan2", f_atan2},
                {"eq", f_eq},
                {"ne", f_ne},
                {"lt", f_lt},
                {"le", f_le},
                {"gt", f_gt},
                {"ge", f_ge},
                {"where", f_where}};

/* A structured operator: how the element z[at] comes about, from operands of the shapes given. */
struct structured {
    const char *op;
    int rank[3];
    int64_t dim[3][5];
    tg_node (*build)(const tg_node *in);
    double (*f)(const double *const *in, size_t at);
};

static tg_node labels(tg_node like) { /* one for each element of [4] */
    return tg_const(like.graph, TG_I32, tg_shape1(4), (int32_t[]){2, 0, 0, 1});
}
static const size_t label_of[] = {2, 0, 0, 1};

static tg_node b_sum(const tg_node *x) { return tg_sum(x[0], tg_axis(0)); }
static double s_sum(const double *const *x, size_t j) { return x[0][j] + x[0][3 + j] + x[0][6 + j] + x[0][9 + j]; }
static tg_node b_sum_keep(const tg_node *x) { return tg_sum(x[0], tg_keep(tg_axes2(0, -1))); }
static double s_sum_keep(const double *const *x, size_t j) {
    double sum = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 4; k++) sum += x[0][i * 12 + j * 4 + k];
    return sum;
}
static tg_node b_max(const tg_node *x) { return tg_max(x[0], tg_axis(1)); }
static double s_max(const double *const *x, size_t i) {
    return fmax(fmax(x[0][3 * i], x[0][3 * i + 1]), x[0][3 * i + 2]);
}
static tg_node b_max_first(const tg_node *x) { return tg_max(x[0], tg_axis(0)); }
static double s_max_first(const double *const *x, size_t j) { return fmax(x[0][j], x[0][12 + j]); }
static tg_node b_min(const tg_node *x) { return tg_min(x[0], tg_keep(tg_axes2(-1, 0))); }
static double s_min(const double *const *x, size_t j) {
    double least = INFINITY;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 4; k++) least = fmin(least, x[0][i * 12 + j * 4 + k]);
    return least;
}
static size_t place_of(const double *x, size_t length, size_t step, int sign) {
    size_t at = 0;
    for (size_t k = 1; k < length; k++)
        if (sign * x[k * step] > sign * x[at * step]) at = k;
    return at;
}
static tg_node b_argmax(const tg_node *x) { return tg_argmax(x[0], tg_axis(1)); }
static double s_argmax(const double *const *x, size_t j) {
    return (double)place_of(x[0] + j / 4 * 12 + j % 4, 3, 4, 1);
}
static tg_node b_argmin(const tg_node *x) { return tg_argmin(x[0], tg_keep(tg_axes_all())); }
static double s_argmin(const double *const *x, size_t j) { return (double)place_of(x[0] + j, 24, 1, -1); }
static tg_node b_cumsum(const tg_node *x) { return tg_cumsum(x[0], 1, false); }
static double s_cumsum(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t k = 0; k <= at / 4 % 3; k++) sum += x[0][at / 12 * 12 + k * 4 + at % 4];
    return sum;
}
static tg_node b_cumsum_back(const tg_node *x) { return tg_cumsum(x[0], -1, true); }
static double s_cumsum_back(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t k = at; k < at / 5 * 5 + 5; k++) sum += x[0][k];
    return sum;
}
static tg_node b_identity(const tg_node *x) { return tg_identity(x[0]); }
static tg_node b_detach(const tg_node *x) { return tg_detach(x[0]); }
static tg_node b_reshape(const tg_node *x) { return tg_reshape(x[0], tg_shape2(-1, 2)); }
static double s_same(const double *const *x, size_t at) { return x[0][at]; }
static tg_node b_cast(const tg_node *x) { return tg_cast(tg_cast(x[0], TG_F64), tg_dtype_of(x[0])); }
static tg_node b_transpose(const tg_node *x) { return tg_transpose(x[0], tg_axes3(2, 0, 1)); }
static double s_transpose(const double *const *x, size_t at) { return x[0][at / 3 % 2 * 12 + at % 3 * 4 + at / 6]; }
static tg_node b_expand(const tg_node *x) { return tg_expand(x[0], tg_shape3(2, 4, 3)); }
static double s_expand(const double *const *x, size_t at) { return x[0][at / 3 % 4]; }
static tg_node b_expand_axes(const tg_node *x) { return tg_expand_axes(x[0], tg_shape2(3, 3), tg_axis(1)); }
static double s_expand_axes(const double *const *x, size_t at) { return x[0][at / 3]; }
static tg_node b_matmul(const tg_node *x) { return tg_matmul(x[0], x[1]); }
static double s_matmul(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t k = 0; k < 3; k++) sum += x[0][at / 5 * 3 + k] * x[1][k * 5 + at % 5];
    return sum;
}
#define MATMUL(id, tx, ty)                                                                                             \
    static tg_node b_matmul_##id(const tg_node *x) { return tg_matmul_t(x[0], x[1], tx, ty); }                         \
    static double s_matmul_##id(const double *const *x, size_t at) {                                                   \
        double sum = 0;                                                                                                \
        for (size_t k = 0; k < 3; k++)                                                                                 \
            sum += x[0][(tx) ? k * 4 + at / 5 : at / 5 * 3 + k] * x[1][(ty) ? at % 5 * 3 + k : k * 5 + at % 5];        \
        return sum;                                                                                                    \
    }
MATMUL(tn, true, false)
MATMUL(nt, false, true)
MATMUL(tt, true, true)
static tg_node b_matmul_batch(const tg_node *x) { return tg_matmul_t(x[0], x[1], false, true); }
static double s_matmul_batch(const double *const *x, size_t at) { /* [2,1,2,3] and [3,2,3] transposed: [2,3,2,2] */
    double sum = 0;
    for (size_t k = 0; k < 3; k++)
        sum += x[0][at / 12 * 6 + at / 2 % 2 * 3 + k] * x[1][at / 4 % 3 * 6 + at % 2 * 3 + k];
    return sum;
}
static double s_matmul_shared(const double *const *x, size_t at) { /* [2,2,3] and [2,3] transposed: [2,2,2] */
    double sum = 0;
    for (size_t k = 0; k < 3; k++) sum += x[0][at / 2 * 3 + k] * x[1][at % 2 * 3 + k];
    return sum;
}
static tg_node b_matmul_vector(const tg_node *x) { return tg_matmul(x[0], x[1]); }
static double s_matmul_vector(const double *const *x, size_t i) {
    return x[0][3 * i] * x[1][0] + x[0][3 * i + 1] * x[1][1] + x[0][3 * i + 2] * x[1][2];
}

/* A window over pictures: sizes of the picture, of the window, of its positions; stride, padding, dilation. The element
 * that tap (i, j) sees at (r, c): its place in the picture, -1 for padding. */
struct sliding {
    int64_t size[2], taps[2], count[2];
    tg_window how;
};
static int64_t seen(const struct sliding *s, size_t tap, size_t position) {
    const int64_t y = (int64_t)position / s->count[1] * s->how.stride[0] +
                      (int64_t)tap / s->taps[1] * s->how.dilation[0] - s->how.padding[0];
    const int64_t x = (int64_t)position % s->count[1] * s->how.stride[1] +
                      (int64_t)tap % s->taps[1] * s->how.dilation[1] - s->how.padding[1];
    return y < 0 || x < 0 || y >= s->size[0] || x >= s->size[1] ? -1 : y * s->size[1] + x;
}
#define AREA(a) ((size_t)((a)[0] * (a)[1]))

/* All three convolutions by one sum over everything: z, x, or w. Two pictures and channels, three filters. */
enum { PICTURES = 2, CHANNELS = 2, FILTERS = 3 };
static double all_products(const struct sliding *s, const double *z, const double *x, const double *w, size_t at) {
    const size_t P = AREA(s->count), T = AREA(s->taps), S = AREA(s->size);
    double sum = 0;
    for (size_t n = 0; n < PICTURES; n++)
        for (size_t f = 0; f < FILTERS; f++)
            for (size_t p = 0; p < P; p++)
                for (size_t c = 0; c < CHANNELS; c++)
                    for (size_t t = 0; t < T; t++) {
                        const int64_t where = seen(s, t, p);
                        const size_t i = (n * FILTERS + f) * P + p, k = (f * CHANNELS + c) * T + t;
                        if (where < 0) continue;
                        const size_t j = (n * CHANNELS + c) * S + (size_t)where;
                        if ((!z && i == at) || (!x && j == at) || (!w && k == at))
                            sum += (z ? z[i] : 1) * (x ? x[j] : 1) * (w ? w[k] : 1);
                    }
    return sum;
}
static tg_shape shape_of_x(const struct sliding *s) { return tg_shape4(PICTURES, CHANNELS, s->size[0], s->size[1]); }
static tg_shape shape_of_w(const struct sliding *s) { return tg_shape4(FILTERS, CHANNELS, s->taps[0], s->taps[1]); }

#define CONV(id, ...)                                                                                                  \
    static const struct sliding sliding_##id = __VA_ARGS__;                                                            \
    static tg_node b_conv_##id(const tg_node *x) { return tg_conv2d(x[0], x[1], sliding_##id.how); }                   \
    static double s_conv_##id(const double *const *x, size_t at) {                                                     \
        return all_products(&sliding_##id, NULL, x[0], x[1], at);                                                      \
    }                                                                                                                  \
    static tg_node b_data_##id(const tg_node *x) {                                                                     \
        return tg_conv2d_data(x[0], x[1], shape_of_x(&sliding_##id), sliding_##id.how);                                \
    }                                                                                                                  \
    static double s_data_##id(const double *const *x, size_t at) {                                                     \
        return all_products(&sliding_##id, x[0], NULL, x[1], at);                                                      \
    }                                                                                                                  \
    static tg_node b_weight_##id(const tg_node *x) {                                                                   \
        return tg_conv2d_weight(x[0], x[1], shape_of_w(&sliding_##id), sliding_##id.how);                              \
    }                                                                                                                  \
    static double s_weight_##id(const double *const *x, size_t at) {                                                   \
        return all_products(&sliding_##id, x[1], x[0], NULL, at);                                                      \
    }                                                                                                                  \
    static tg_node b_windows_##id(const tg_node *x) {                                                                  \
        return tg_windows(x[0], sliding_##id.taps[0], sliding_##id.taps[1], sliding_##id.how, 0);                      \
    }                                                                                                                  \
    static double s_windows_##id(const double *const *x, size_t at) {                                                  \
        const size_t P = AREA(sliding_##id.count), T = AREA(sliding_##id.taps);                                        \
        const int64_t where = seen(&sliding_##id, at / P % T, at % P);                                                 \
        return where < 0 ? 0 : x[0][at / (P * T) * AREA(sliding_##id.size) + (size_t)where];                           \
    }                                                                                                                  \
    static tg_node b_fold_##id(const tg_node *x) {                                                                     \
        return tg_fold(x[0], shape_of_x(&sliding_##id), sliding_##id.taps[0], sliding_##id.taps[1],                    \
                       sliding_##id.how);                                                                              \
    }                                                                                                                  \
    static double s_fold_##id(const double *const *x, size_t at) {                                                     \
        const size_t P = AREA(sliding_##id.count), T = AREA(sliding_##id.taps), S = AREA(sliding_##id.size);           \
        double sum = 0;                                                                                                \
        for (size_t i = 0; i < T * P; i++)                                                                             \
            sum += seen(&sliding_##id, i / P, i % P) == (int64_t)(at % S) ? x[0][at / S * T * P + i] : 0;              \
        return sum;                                                                                                    \
    }
CONV(plain, {{4, 3}, {2, 2}, {3, 2}, {{1, 1}, {0, 0}, {1, 1}}})
CONV(padded, {{3, 3}, {3, 2}, {3, 4}, {{1, 1}, {1, 1}, {1, 1}}})
CONV(strided, {{5, 4}, {2, 3}, {2, 2}, {{2, 3}, {0, 2}, {1, 1}}})
CONV(dilated, {{5, 4}, {2, 2}, {3, 3}, {{2, 1}, {1, 1}, {2, 3}}})
CONV(one, {{2, 3}, {1, 1}, {2, 3}, {{1, 1}, {0, 0}, {1, 1}}})

static tg_node b_gather(const tg_node *x) { return tg_gather(x[0], labels(x[0])); }
static double s_gather(const double *const *x, size_t i) { return x[0][3 * i + label_of[i]]; }
static tg_node b_scatter(const tg_node *x) { return tg_scatter(x[0], labels(x[0]), 3); }
static double s_scatter(const double *const *x, size_t at) { return label_of[at / 3] == at % 3 ? x[0][at / 3] : 0; }

/* Its values have a test of their own; here that it broadcasts with what has a gradient, and gets none. */
static tg_node b_uniform(const tg_node *x) {
    const tg_node u = tg_uniform(tg_scalar(x[0].graph, TG_F64, 3), 7, tg_dtype_of(x[0]), tg_shape2(4, 3));
    return tg_mul(tg_detach(x[0]), tg_gt(u, tg_scalar_like(x[0], -1)));
}

static tg_node b_slice(const tg_node *x) { /* x[:, ::-1, 1::2] */
    return tg_slice_n(x[0], 3, (tg_range[]){tg_whole(), {TG_END, TG_BEGIN, -1}, {1, TG_END, 2}});
}
static double s_slice(const double *const *x, size_t at) {
    return x[0][at / 6 * 12 + (2 - at / 2 % 3) * 4 + 1 + at % 2 * 2];
}
static tg_node b_slice_back(const tg_node *x) { return tg_slice(x[0], -1, -1, TG_BEGIN, -2); }
static double s_slice_back(const double *const *x, size_t at) { return x[0][4 - 2 * at]; }
static tg_node b_slice_none(const tg_node *x) { return tg_slice(x[0], 0, 3, 1, 1); }
static tg_node b_slice_0d(const tg_node *x) { return tg_slice_n(x[0], 0, NULL); }
static tg_node b_flip(const tg_node *x) { return tg_flip(x[0], tg_axis(0)); }
static double s_flip(const double *const *x, size_t at) { return x[0][(3 - at / 3) * 3 + at % 3]; }
static tg_node b_pad(const tg_node *x) { return tg_pad(x[0], tg_shape2(1, 0), tg_shape2(0, 2), -0.5); }
static double s_pad(const double *const *x, size_t at) {
    return at / 5 >= 1 && at % 5 < 3 ? x[0][(at / 5 - 1) * 3 + at % 5] : -0.5;
}
static tg_node b_pad_none(const tg_node *x) { return tg_pad(x[0], tg_shape1(1), tg_shape1(2), 3); }
static double s_three(const double *const *x, size_t at) { return (void)x, (void)at, 3; }
static tg_node b_pad_0d(const tg_node *x) { return tg_pad(x[0], tg_shape0(), tg_shape0(), 3); }
static tg_node b_concat(const tg_node *x) { return tg_concat(x, 2, -1); }
static double s_concat(const double *const *x, size_t at) {
    return at % 5 < 3 ? x[0][at / 5 * 3 + at % 5] : x[1][at / 5 * 2 + at % 5 - 3];
}
static tg_node b_concat_five(const tg_node *x) { return tg_concat((tg_node[]){x[1], x[0], x[0], x[1], x[0]}, 5, 0); }
static double s_concat_five(const double *const *x, size_t at) { /* 1 2 2 1 2 rows of 3 */
    const size_t row = at / 3, j = at % 3;
    return row % 5 == 0 ? x[1][j] : x[0][(row > 5 ? row - 6 : (row - 1) % 2) * 3 + j];
}
static tg_node b_stack(const tg_node *x) { return tg_stack((tg_node[]){x[0], x[1], x[0]}, 3, 1); }
static double s_stack(const double *const *x, size_t at) { return x[at / 3 % 3 == 1][at / 9 * 3 + at % 3]; }
static const int32_t rows_of[] = {3, 0, 0, 1};
static tg_node picks(tg_node like) { return tg_const(like.graph, TG_I32, tg_shape2(2, 2), rows_of); }
static tg_node b_take(const tg_node *x) { return tg_take(x[0], picks(x[0]), 0); }
static double s_take(const double *const *x, size_t at) { return x[0][(size_t)rows_of[at / 3] * 3 + at % 3]; }
static tg_node b_take_within(const tg_node *x) { return tg_take(x[0], picks(x[0]), 1); }
static double s_take_within(const double *const *x, size_t at) { /* [2, 4, 3] -> [2, 2, 2, 3] */
    return x[0][at / 12 * 12 + (size_t)rows_of[at / 3 % 4] * 3 + at % 3];
}
static tg_node b_take_one(const tg_node *x) { return tg_take(x[0], tg_scalar(x[0].graph, TG_I32, 2), -1); }
static double s_take_one(const double *const *x, size_t at) { return x[0][at * 3 + 2]; }
static tg_node b_scatter_add(const tg_node *x) { return tg_scatter_add(x[0], labels(x[0]), -1, 5); }
static double s_scatter_add(const double *const *x, size_t at) { /* [2, 4] -> [2, 5] */
    double sum = 0;
    for (size_t k = 0; k < 4; k++)
        if (label_of[k] == at % 5) sum += x[0][at / 5 * 4 + k];
    return sum;
}
static tg_node b_scatter_add_rows(const tg_node *x) { return tg_scatter_add(x[0], picks(x[0]), 0, 4); }
static double s_scatter_add_rows(const double *const *x, size_t at) { /* [2, 2, 3] -> [4, 3] */
    double sum = 0;
    for (size_t k = 0; k < 4; k++)
        if ((size_t)rows_of[k] == at / 3) sum += x[0][k * 3 + at % 3];
    return sum;
}

static const struct structured structured[] = {
    {"sum", {2}, {{4, 3}}, b_sum, s_sum},
    {"sum", {3}, {{2, 3, 4}}, b_sum_keep, s_sum_keep},
    {"max", {2}, {{4, 3}}, b_max, s_max},
    {"max", {3}, {{2, 3, 4}}, b_max_first, s_max_first},
    {"min", {3}, {{2, 3, 4}}, b_min, s_min},
    {"argmax", {3}, {{2, 3, 4}}, b_argmax, s_argmax},
    {"argmin", {3}, {{2, 3, 4}}, b_argmin, s_argmin},
    {"cumsum", {3}, {{2, 3, 4}}, b_cumsum, s_cumsum},
    {"cumsum", {2}, {{3, 5}}, b_cumsum_back, s_cumsum_back},
    {"identity", {2}, {{4, 3}}, b_identity, s_same},
    {"detach", {2}, {{4, 3}}, b_detach, s_same},
    {"cast", {1}, {{5}}, b_cast, s_same},
    {"reshape", {2}, {{4, 3}}, b_reshape, s_same},
    {"transpose", {3}, {{2, 3, 4}}, b_transpose, s_transpose},
    {"expand", {2}, {{4, 1}}, b_expand, s_expand},
    {"expand", {1}, {{3}}, b_expand_axes, s_expand_axes},
    {"matmul", {2, 2}, {{4, 3}, {3, 5}}, b_matmul, s_matmul},
    {"matmul", {2, 2}, {{3, 4}, {3, 5}}, b_matmul_tn, s_matmul_tn},
    {"matmul", {2, 2}, {{4, 3}, {5, 3}}, b_matmul_nt, s_matmul_nt},
    {"matmul", {2, 2}, {{3, 4}, {5, 3}}, b_matmul_tt, s_matmul_tt},
    {"matmul", {4, 3}, {{2, 1, 2, 3}, {3, 2, 3}}, b_matmul_batch, s_matmul_batch},
    {"matmul", {3, 2}, {{2, 2, 3}, {2, 3}}, b_matmul_batch, s_matmul_shared},
    {"matmul", {2, 1}, {{4, 3}, {3}}, b_matmul_vector, s_matmul_vector},
    {"conv2d", {4, 4}, {{2, 2, 4, 3}, {3, 2, 2, 2}}, b_conv_plain, s_conv_plain},
    {"conv2d_data", {4, 4}, {{2, 3, 3, 2}, {3, 2, 2, 2}}, b_data_plain, s_data_plain},
    {"conv2d_weight", {4, 4}, {{2, 2, 4, 3}, {2, 3, 3, 2}}, b_weight_plain, s_weight_plain},
    {"windows", {4}, {{2, 2, 4, 3}}, b_windows_plain, s_windows_plain},
    {"fold", {5}, {{2, 2, 4, 3, 2}}, b_fold_plain, s_fold_plain},
    {"conv2d", {4, 4}, {{2, 2, 3, 3}, {3, 2, 3, 2}}, b_conv_padded, s_conv_padded},
    {"conv2d_data", {4, 4}, {{2, 3, 3, 4}, {3, 2, 3, 2}}, b_data_padded, s_data_padded},
    {"conv2d_weight", {4, 4}, {{2, 2, 3, 3}, {2, 3, 3, 4}}, b_weight_padded, s_weight_padded},
    {"windows", {4}, {{2, 2, 3, 3}}, b_windows_padded, s_windows_padded},
    {"fold", {5}, {{2, 2, 6, 3, 4}}, b_fold_padded, s_fold_padded},
    {"conv2d", {4, 4}, {{2, 2, 5, 4}, {3, 2, 2, 3}}, b_conv_strided, s_conv_strided},
    {"conv2d_data", {4, 4}, {{2, 3, 2, 2}, {3, 2, 2, 3}}, b_data_strided, s_data_strided},
    {"conv2d_weight", {4, 4}, {{2, 2, 5, 4}, {2, 3, 2, 2}}, b_weight_strided, s_weight_strided},
    {"windows", {4}, {{2, 2, 5, 4}}, b_windows_strided, s_windows_strided},
    {"fold", {5}, {{2, 2, 6, 2, 2}}, b_fold_strided, s_fold_strided},
    {"conv2d", {4, 4}, {{2, 2, 5, 4}, {3, 2, 2, 2}}, b_conv_dilated, s_conv_dilated},
    {"conv2d_data", {4, 4}, {{2, 3, 3, 3}, {3, 2, 2, 2}}, b_data_dilated, s_data_dilated},
    {"conv2d_weight", {4, 4}, {{2, 2, 5, 4}, {2, 3, 3, 3}}, b_weight_dilated, s_weight_dilated},
    {"windows", {4}, {{2, 2, 5, 4}}, b_windows_dilated, s_windows_dilated},
    {"fold", {5}, {{2, 2, 4, 3, 3}}, b_fold_dilated, s_fold_dilated},
    {"conv2d", {4, 4}, {{2, 2, 2, 3}, {3, 2, 1, 1}}, b_conv_one, s_conv_one},
    {"conv2d_data", {4, 4}, {{2, 3, 2, 3}, {3, 2, 1, 1}}, b_data_one, s_data_one},
    {"conv2d_weight", {4, 4}, {{2, 2, 2, 3}, {2, 3, 2, 3}}, b_weight_one, s_weight_one},
    {"windows", {4}, {{2, 2, 2, 3}}, b_windows_one, s_windows_one},
    {"fold", {5}, {{2, 2, 1, 2, 3}}, b_fold_one, s_fold_one},
    {"gather", {2}, {{4, 3}}, b_gather, s_gather},
    {"scatter", {1}, {{4}}, b_scatter, s_scatter},
    {"uniform", {2}, {{4, 3}}, b_uniform, s_same},
    {"slice", {3}, {{2, 3, 4}}, b_slice, s_slice},
    {"slice", {1}, {{5}}, b_slice_back, s_slice_back},
    {"slice", {2}, {{4, 3}}, b_slice_none, NULL},
    {"slice", {0}, {{0}}, b_slice_0d, s_same},
    {"slice", {2}, {{4, 3}}, b_flip, s_flip},
    {"pad", {2}, {{2, 3}}, b_pad, s_pad},
    {"pad", {1}, {{0}}, b_pad_none, s_three},
    {"pad", {0}, {{0}}, b_pad_0d, s_same},
    {"concat", {2, 2}, {{4, 3}, {4, 2}}, b_concat, s_concat},
    {"concat", {2, 2}, {{2, 3}, {1, 3}}, b_concat_five, s_concat_five},
    {"concat", {2, 2}, {{2, 3}, {2, 3}}, b_stack, s_stack},
    {"take", {2}, {{4, 3}}, b_take, s_take},
    {"take", {3}, {{2, 4, 3}}, b_take_within, s_take_within},
    {"take", {2}, {{4, 3}}, b_take_one, s_take_one},
    {"scatter_add", {2}, {{2, 4}}, b_scatter_add, s_scatter_add},
    {"scatter_add", {3}, {{2, 2, 3}}, b_scatter_add_rows, s_scatter_add_rows},
};

/* ------------------------------------------------------------------------------- composites, as one operator each */

static tg_node b_mean(const tg_node *x) { return tg_mean(x[0], tg_keep(tg_axes2(0, -1))); }
static double s_mean(const double *const *x, size_t j) { return s_sum_keep(x, j) / 8; }
static tg_node b_var(const tg_node *x) { return tg_var(x[0], tg_axis(-1), 1); }
static double s_var(const double *const *x, size_t i) { /* half of the mean square of all differences */
    double sum = 0;
    for (size_t k = 0; k < 4; k++)
        for (size_t l = 0; l < k; l++) sum += pow(x[0][4 * i + k] - x[0][4 * i + l], 2);
    return sum / 12;
}
static tg_node b_std(const tg_node *x) { return tg_std(x[0], tg_keep(tg_axis(2)), 0); }
static double s_std(const double *const *x, size_t i) { return sqrt(s_var(x, i) * 3 / 4); }
static tg_node b_logsumexp(const tg_node *x) { return tg_logsumexp(x[0], tg_axis(1)); }
static double s_logsumexp(const double *const *x, size_t i) {
    return log(exp(x[0][3 * i]) + exp(x[0][3 * i + 1]) + exp(x[0][3 * i + 2]));
}
static tg_node b_softmax(const tg_node *x) { return tg_softmax(x[0], -1, "s"); }
static double s_softmax(const double *const *x, size_t at) { return exp(x[0][at] - s_logsumexp(x, at / 3)); }
static tg_node b_log_softmax(const tg_node *x) { return tg_log_softmax(x[0], 1, NULL); }
static double s_log_softmax(const double *const *x, size_t at) { return x[0][at] - s_logsumexp(x, at / 3); }
static tg_node b_layernorm(const tg_node *x) { return tg_layernorm(x[0], x[1], x[2], 2, 0.5, NULL); }
static double s_layernorm(const double *const *x,
                          size_t at) { /* the last two axes of [2, 2, 3], scale [2, 3], shift [3] */
    const double *row = x[0] + at / 6 * 6;
    double mean = 0, var = 0;
    for (size_t k = 0; k < 6; k++) mean += row[k] / 6;
    for (size_t k = 0; k < 6; k++) var += row[k] * row[k] / 6;
    return x[1][at % 6] * (row[at % 6] - mean) / sqrt(var - mean * mean + 0.5) + x[2][at % 3];
}
static tg_node b_mse(const tg_node *x) { return tg_mse_loss(x[0], x[1], TG_MEAN, "mse"); }
static double s_mse(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t i = at; i < 12; i++) sum += x[0][i] * x[0][i] - 2 * x[0][i] * x[1][i] + x[1][i] * x[1][i];
    return sum / 12;
}
static tg_node b_norm1(const tg_node *x) { return tg_norm(x[0], 1, tg_axis(1)); }
static double s_norm1(const double *const *x, size_t i) {
    return fabs(x[0][3 * i]) + fabs(x[0][3 * i + 1]) + fabs(x[0][3 * i + 2]);
}
static tg_node b_norm2(const tg_node *x) { return tg_norm(x[0], 2, tg_keep(tg_axis(-1))); }
static double s_norm2(const double *const *x, size_t i) {
    return hypot(hypot(x[0][3 * i], x[0][3 * i + 1]), x[0][3 * i + 2]);
}
static tg_node b_norm_max(const tg_node *x) { return tg_norm(x[0], (double)INFINITY, tg_axis(1)); }
static double s_norm_max(const double *const *x, size_t i) {
    return fmax(fmax(fabs(x[0][3 * i]), fabs(x[0][3 * i + 1])), fabs(x[0][3 * i + 2]));
}
static tg_node b_l1(const tg_node *x) { return tg_l1_loss(x[0], x[1], TG_MEAN, "l1"); }
static double s_l1(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t i = at; i < 12; i++) sum += fmax(x[0][i], x[1][i]) - fmin(x[0][i], x[1][i]);
    return sum / 12;
}
static tg_node b_huber(const tg_node *x) { return tg_huber_loss(x[0], x[1], 0.75, TG_NONE, "huber"); }
static double s_huber(const double *const *x, size_t at) { /* the near part's height and the rest at its slope */
    const double off = fabs(x[0][at] - x[1][at]), near = fmin(off, 0.75);
    return near * near / 2 + 0.75 * (off - near);
}
static tg_node b_bce(const tg_node *x) { return tg_bce_with_logits(x[0], x[1], x[2], TG_SUM, NULL); }
static double s_bce(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t i = at; i < 12; i++) {
        const double p = 1 / (1 + exp(-x[0][i]));
        sum -= x[2][i % 3] * x[1][i] * log(p) + (1 - x[1][i]) * log(1 - p);
    }
    return sum;
}
static tg_node b_nll(const tg_node *x) { return tg_nll_loss(x[0], labels(x[0]), x[1], TG_MEAN, NULL); }
static double s_nll(const double *const *x, size_t at) {
    double sum = 0, weight = 0;
    for (size_t i = at; i < 4; i++) {
        sum -= x[1][label_of[i]] * x[0][3 * i + label_of[i]];
        weight += x[1][label_of[i]];
    }
    return sum / weight;
}
static tg_node b_entropy(const tg_node *x) {
    return tg_cross_entropy(x[0], labels(x[0]), tg_nil(x[0].graph), TG_MEAN, "ce");
}
static double s_entropy(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t i = at; i < 4; i++) sum -= s_log_softmax(x, 3 * i + label_of[i]);
    return sum / 4;
}
static tg_node b_entropies(const tg_node *x) { return tg_cross_entropy(x[0], labels(x[0]), x[1], TG_NONE, NULL); }
static double s_entropies(const double *const *x, size_t i) {
    return -x[1][label_of[i]] * s_log_softmax(x, 3 * i + label_of[i]);
}
static tg_node
b_mlp(const tg_node *x) { /* all biases are x[2]'s sum; the second layer's weights are the first's turned */
    tg_node b = tg_sum(x[2], tg_axes_all()), w[] = {x[1], tg_transpose(x[1], tg_axes_all())};
    return tg_mlp(x[0], w, (tg_node[]){b, b}, 2, "net");
}
static double s_mlp(const double *const *x, size_t at) { /* [4, 3] through [3, 2] and back */
    const double b = x[2][0] + x[2][1];
    double sum = b;
    for (size_t h = 0; h < 2; h++) {
        double hidden = b;
        for (size_t k = 0; k < 3; k++) hidden += x[0][at / 3 * 3 + k] * x[1][k * 2 + h];
        sum += fmax(hidden, 0) * x[1][at % 3 * 2 + h];
    }
    return sum;
}

static const struct structured composites[] = {
    {"mean", {3}, {{2, 3, 4}}, b_mean, s_mean},
    {"var", {3}, {{2, 3, 4}}, b_var, s_var},
    {"std", {3}, {{2, 3, 4}}, b_std, s_std},
    {"logsumexp", {2}, {{4, 3}}, b_logsumexp, s_logsumexp},
    {"softmax", {2}, {{4, 3}}, b_softmax, s_softmax},
    {"log_softmax", {2}, {{4, 3}}, b_log_softmax, s_log_softmax},
    {"layernorm", {3, 2, 1}, {{2, 2, 3}, {2, 3}, {3}}, b_layernorm, s_layernorm},
    {"mse_loss", {2, 2}, {{4, 3}, {4, 3}}, b_mse, s_mse},
    {"norm", {2}, {{4, 3}}, b_norm1, s_norm1},
    {"norm", {2}, {{4, 3}}, b_norm2, s_norm2},
    {"norm", {2}, {{4, 3}}, b_norm_max, s_norm_max},
    {"l1_loss", {2, 2}, {{4, 3}, {4, 3}}, b_l1, s_l1},
    {"huber_loss", {2, 2}, {{4, 3}, {4, 3}}, b_huber, s_huber},
    {"bce_with_logits", {2, 2, 1}, {{4, 3}, {4, 3}, {3}}, b_bce, s_bce},
    {"nll_loss", {2, 1}, {{4, 3}, {3}}, b_nll, s_nll},
    {"cross_entropy", {2}, {{4, 3}}, b_entropy, s_entropy},
    {"cross_entropy", {2, 1}, {{4, 3}, {3}}, b_entropies, s_entropies},
    {"mlp", {2, 2, 1}, {{4, 3}, {3, 2}, {2}}, b_mlp, s_mlp},
};

/* --------------------------------------------------------------------------------------- one operator on one case */

struct subject {
    const struct tg_op *op;
    const struct structured *how; /* NULL: elementwise */
    double (*f)(const double *v);
    int operands;
    tg_shape shape[3];
    double *at[3];
};

static tg_node build(const struct subject *s, const tg_node *in) {
    return s->how ? s->how->build(in) : tg__apply(s->op, in, NULL);
}

/* NumPy's rule: where element `at` of z comes from in x. */
static size_t source(const tg_shape *x, const tg_shape *z, size_t at) {
    size_t index = 0, stride = 1;
    for (int back = 0; back < z->rank; back++) {
        size_t here = at % (size_t)z->dim[z->rank - 1 - back];
        at /= (size_t)z->dim[z->rank - 1 - back];
        if (back >= x->rank) continue;
        size_t d = (size_t)x->dim[x->rank - 1 - back];
        index += d == 1 ? 0 : here * stride;
        stride *= d;
    }
    return index;
}

static double expected(const struct subject *s, const tg_shape *z, size_t at) {
    if (s->how) return s->how->f((const double *const *)s->at, at);
    double v[3];
    for (int k = 0; k < s->operands; k++) v[k] = s->at[k][source(&s->shape[k], z, at)];
    return s->f(v);
}

/* 4 units of roundoff of everything that goes in: nothing here is longer than 8 terms. */
static void check_value(const struct subject *s, tg_dtype dtype) {
    const double unit = dtype == TG_F64 ? 0x1p-53 : 0x1p-24;
    tg_graph *g = tg_graph_new();
    tg_node in[3];
    for (int k = 0; k < s->operands; k++) {
        in[k] = tg_input(g, dtype, s->shape[k]);
        cr_assert_eq(set_doubles(in[k], s->at[k]), TG_OK);
    }
    tg_node z = build(s, in);
    cr_assert_eq(tg_run(g), TG_OK, "%s: %s", s->op->name, tg_message(g));
    cr_assert(tg_dtype_of(z) == dtype || (tg_dtype_of(z) == TG_I32 && !s->op->vjp), "%s: the dtype", s->op->name);
    const tg_shape shape = tg_dims(z);
    for (size_t i = 0; i < tg_size(z); i++) {
        double want = expected(s, &shape, i);
        cr_assert_leq(fabs(tg_item(z, i) - want), 32 * unit * (2 + fabs(want)), "%s[%zu] = %.17g, not %.17g",
                      s->op->name, i, tg_item(z, i), want);
    }
    tg_graph_free(g);
}

/* The adjoint of `leaf` against differences of `out`. A missing one stands for zero, or for no derivative at all. */
static void check_adjoint(const struct subject *s, tg_grads d, tg_node out, tg_node leaf, const double *at,
                          double noise, double tolerance) {
    if (!s->op->vjp && strcmp(tg_name(leaf), "c") != 0) {
        cr_assert_not(tg_has_grad(d, leaf), "%s passes a gradient", s->op->name);
        return;
    }
    double *numeric = differences(out, leaf, at), *ours = calloc(tg_size(leaf) + 1, sizeof *ours);
    if (tg_has_grad(d, leaf)) {
        free(ours);
        cr_assert_eq(tg_run(leaf.graph), TG_OK, "%s: %s", s->op->name, tg_message(leaf.graph));
        cr_assert_not_null(tg_value(tg_grad(d, leaf)));
        cr_assert_eq(tg__get(tg_grad(d, leaf))->shape, tg__get(leaf)->shape, "%s: the gradient's shape", s->op->name);
        ours = doubles_of(tg_grad(d, leaf));
    }
    double error = column_error(ours, numeric, numeric, tg_size(leaf), columns_of(leaf), noise);
    cr_assert_leq(error, tolerance, "%s: gradient is off by %g of its column", s->op->name, error);
    free(ours);
    free(numeric);
}

/* First order: Σ c·z. Second order: Σ over operands of v·dx, a function of the operands and of c. */
static void check_gradients(const struct subject *s, uint64_t *state) {
    tg_graph *g = tg_graph_new();
    tg_node in[3];
    for (int k = 0; k < s->operands; k++) in[k] = tg_input(g, TG_F64, s->shape[k]);
    tg_node z = build(s, in);
    if (tg_dtype_of(z) == TG_I32) z = tg_cast(z, TG_F64);
    TG_LET(c, tg_input(g, TG_F64, tg_dims(z)));
    tg_node loss = tg_sum(tg_mul(c, z), tg_axes_all());
    double *cotangent = random_array(state, tg_size(z), 0.5, 2), noise = 1e-11;
    for (int k = 0; k < s->operands; k++) cr_assert_eq(tg_set(in[k], s->at[k]), TG_OK);
    cr_assert_eq(tg_set(c, cotangent), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s: %s", s->op->name, tg_message(g));
    double size = 0; /* of the sum: a few units of its roundoff over the step of the differences are noise */
    for (size_t i = 0; i < tg_size(z); i++) size += fabs(cotangent[i] * tg_item(z, i));
    noise = fmax(noise, 16 * 0x1p-53 / 0x1p-10 * size);

    tg_grads first = tg_backward(loss, tg_nil(g));
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", s->op->name, tg_message(g));
    for (int k = 0; k < s->operands; k++) check_adjoint(s, first, loss, in[k], s->at[k], noise, 1e-9);

    tg_node slope = tg_sum(tg_mul(c, tg_scalar(g, TG_F64, 0)), tg_axes_all());
    for (int k = 0; k < s->operands; k++) {
        if (!tg_has_grad(first, in[k])) continue;
        double *v = random_array(state, tg_size(in[k]), -2, 2);
        tg_node dx = tg_grad(first, in[k]);
        slope = tg_add(slope, tg_sum(tg_mul(tg_const(g, TG_F64, s->shape[k], v), dx), tg_axes_all()));
        free(v);
    }
    tg_grads second = tg_backward(slope, tg_nil(g));
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", s->op->name, tg_message(g));
    for (int k = 0; k < s->operands; k++) check_adjoint(s, second, slope, in[k], s->at[k], 10 * noise, 1e-7);
    check_adjoint(s, second, slope, c, cotangent, 10 * noise, 1e-7);
    free(cotangent);
    tg_graph_free(g);
}

/* Random numbers away from kinks, which are at the multiples of 1/32 and where two operands are equal: each operand has
 * a third of every 32nd for itself. The differences step 2^-9 to either side. */
static double *draw(const struct subject *s, int k, uint64_t *state) {
    size_t n = 1;
    for (int i = 0; i < s->shape[k].rank; i++) n *= (size_t)s->shape[k].dim[i];
    double *at = random_array(state, n, s->op->low, s->op->high);
    for (size_t i = 0; i < n; i++) at[i] = (floor(at[i] * 32) + (3 * k + 1 + random_between(state, 0.3, 0.7)) / 9) / 32;
    return at;
}

static void check(struct subject *s, uint64_t *state) {
    for (int k = 0; k < s->operands; k++) s->at[k] = draw(s, k, state);
    check_value(s, TG_F64);
    check_value(s, TG_F32);
    check_gradients(s, state);
    for (int k = 0; k < s->operands; k++) free(s->at[k]);
}

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

static void check_one(const struct tg_op *op, const struct structured *how, uint64_t *state) {
    struct subject s = {.op = op, .how = how, .operands = how->rank[2] ? 3 : how->rank[1] ? 2 : 1};
    for (int k = 0; k < s.operands; k++) s.shape[k] = tg_shape_n(how->rank[k], how->dim[k]);
    check(&s, state);
}

static size_t check_structured(const struct tg_op *op, uint64_t *state) {
    size_t known = 0;
    for (size_t i = 0; i < sizeof structured / sizeof *structured; i++) {
        if (strcmp(structured[i].op, op->name) != 0) continue;
        check_one(op, &structured[i], state);
        known++;
    }
    return known;
}

Test(operators, every_row) {
    uint64_t state = 20240607;
    tg_graph *g = tg_graph_new();
    size_t rows = 0;
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++, rows++) {
        size_t known = (*op)->code ? check_elementwise(*op, &state) : check_structured(*op, &state);
        cr_expect(known > 0, "%s: no formula in this test", (*op)->name);
        cr_expect((*op)->formula && (*op)->gradient && (*op)->low < (*op)->high, "%s: a column is empty", (*op)->name);
        for (const struct tg_op *const *other = g->calculus.operators; other < op; other++)
            cr_expect_str_neq((*op)->name, (*other)->name);
    }
    cr_assert_geq(rows, 61);
    tg_graph_free(g);
}

Test(operators, composites) {
    uint64_t state = 20240608;
    tg_graph *g = tg_graph_new();
    const struct tg_op *const *row = g->calculus.operators, *as;
    while (strcmp((*row)->name, "sum") != 0) row++;
    as = *row; /* differentiable, from -2 to 2 */
    tg_graph_free(g);
    for (size_t i = 0; i < sizeof composites / sizeof *composites; i++) {
        struct tg_op op = *as;
        op.name = composites[i].op;
        check_one(&op, &composites[i], &state);
    }
}
