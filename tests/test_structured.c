/* Every row with a shape rule of its own, against loops: value, first and second derivative, both dtypes. A row that
 * this file does not know fails. */
#include "operator_check.h"

TestSuite(structured, .timeout = 120);

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
        return tg_fold(x[0], shape_of_x(&sliding_##id), sliding_##id.taps[0], sliding_##id.taps[1], sliding_##id.how); \
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

static size_t check_structured(const struct tg_op *op, uint64_t *state) {
    size_t known = 0;
    for (size_t i = 0; i < sizeof structured / sizeof *structured; i++) {
        if (strcmp(structured[i].op, op->name) != 0) continue;
        check_one(op, &structured[i], state);
        known++;
    }
    return known;
}

Test(structured, every_row) {
    uint64_t state = 20240608;
    tg_graph *g = tg_graph_new();
    size_t rows = 0;
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++) {
        if ((*op)->code) continue;
        cr_expect(check_structured(*op, &state) > 0, "%s: no formula in this test", (*op)->name);
        rows++;
    }
    cr_assert_geq(rows, 20);
    tg_graph_free(g);
}
