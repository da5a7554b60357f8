/* Small tapes of every structured row of the operator table, and shapes for the elementwise ones. */
#ifndef TESTS_ROW_TAPES_H
#define TESTS_ROW_TAPES_H

#include "graph.h"

#include <math.h>
#include <string.h>

static inline tg_node input(tg_graph *g, tg_dtype t, tg_shape shape) { return tg_input(g, t, shape); }

static const tg_shape pairs[][3] = {
    {{2, {4, 3}}, {2, {4, 3}}, {2, {4, 3}}},
    {{2, {4, 3}}, {1, {3}}, {2, {4, 1}}},
    {{0, {0}}, {0, {0}}, {0, {0}}},
    {{1, {1}}, {2, {3, 1}}, {2, {1, 4}}},
    {{3, {2, 1, 4}}, {3, {1, 3, 1}}, {0, {0}}},
    {{2, {0, 3}}, {1, {3}}, {0, {0}}},
};

static tg_node x23(tg_graph *g, tg_dtype t) { return tg_input(g, t, tg_shape2(2, 3)); }
static tg_node x234(tg_graph *g, tg_dtype t) { return tg_input(g, t, tg_shape3(2, 3, 4)); }
static tg_node labels(tg_graph *g, tg_shape s) { return tg_input(g, TG_I32, s); }

static const tg_window usual = {{1, 1}, {0, 0}, {1, 1}}, uneven = {{2, 1}, {1, 1}, {1, 3}};
static tg_node pictures(tg_graph *g, tg_dtype t) { return tg_input(g, t, tg_shape4(2, 3, 5, 4)); }
static tg_node patches(tg_graph *g, tg_dtype t) { return tg_neg(tg_input(g, t, tg_shape4(2, 3, 3, 2))); }

#define MAKE(id, e)                                                                                                    \
    static tg_node m_##id(tg_graph *g, tg_dtype t TG_UNUSED_) { return e; }
MAKE(sum, tg_sum(x234(g, t), tg_axes2(0, 2)))
MAKE(sum_first, tg_sum(x234(g, t), tg_keep(tg_axes2(0, 1))))
MAKE(sum_none, tg_sum(tg_input(g, t, tg_shape2(0, 3)), tg_axis(0)))
MAKE(sum_empty, tg_add(tg_sum(tg_input(g, t, tg_shape2(3, 0)), tg_axis(1)), tg_input(g, t, tg_shape1(3))))
MAKE(sum_ones, tg_sum(tg_input(g, t, tg_shape3(1, 4, 1)), tg_axes2(0, 2)))
MAKE(max, tg_max(x234(g, t), tg_axis(1)))
MAKE(max_all, tg_max(x234(g, t), tg_keep(tg_axes_all())))
MAKE(max_ones, tg_max(tg_input(g, t, tg_shape2(3, 1)), tg_axis(1)))
MAKE(min, tg_min(x234(g, t), tg_axes2(0, 2)))
MAKE(min_all, tg_min(x234(g, t), tg_keep(tg_axes_all())))
MAKE(argmax, tg_cast(tg_argmax(x234(g, t), tg_axis(1)), t))
MAKE(argmax_all, tg_cast(tg_argmax(tg_neg(x234(g, t)), tg_keep(tg_axes_all())), t))
MAKE(argmin, tg_gather(x23(g, t), tg_argmin(x23(g, t), tg_axis(1))))
MAKE(argmin_scalar, tg_argmin(tg_input(g, t, tg_shape0()), tg_axes_all()))
MAKE(cumsum, tg_cumsum(x234(g, t), 1, false))
MAKE(cumsum_back, tg_cumsum(tg_neg(x234(g, t)), -1, true))
MAKE(cumsum_first, tg_cumsum(x23(g, t), 0, true))
MAKE(cumsum_none, tg_cumsum(tg_input(g, t, tg_shape2(3, 0)), 0, false))
MAKE(identity, tg_identity(x23(g, t)))
MAKE(detach, tg_detach(tg_exp(x23(g, t))))
MAKE(cast, tg_cast(x23(g, t), t == TG_F32 ? TG_F64 : TG_F32))
MAKE(cast_same, tg_cast(x23(g, t), t))
MAKE(cast_i32, tg_cast(tg_mul(x23(g, t), tg_scalar(g, t, 7)), TG_I32))
MAKE(cast_label, tg_cast(labels(g, tg_shape1(4)), t))
MAKE(reshape, tg_reshape(x234(g, t), tg_shape2(-1, 2)))
MAKE(reshape_ones, tg_reshape(x23(g, t), tg_shape4(1, 2, 1, 3)))
MAKE(reshape_scalar, tg_reshape(tg_input(g, t, tg_shape2(1, 1)), tg_shape0()))
MAKE(reshape_sum, tg_exp(tg_reshape(tg_neg(x23(g, t)), tg_shape1(6))))
MAKE(transpose, tg_transpose(x234(g, t), tg_axes3(2, 0, 1)))
MAKE(transpose_ones, tg_transpose(tg_input(g, t, tg_shape3(2, 1, 4)), tg_axes_all()))
MAKE(expand, tg_expand(tg_input(g, t, tg_shape2(3, 1)), tg_shape3(2, 3, 4)))
MAKE(expand_axes, tg_expand_axes(tg_neg(tg_input(g, t, tg_shape1(3))), tg_shape2(3, 3), tg_axis(1)))
MAKE(expand_scalar, tg_expand(tg_input(g, t, tg_shape0()), tg_shape2(3, 3)))
MAKE(matmul, tg_matmul(x23(g, t), tg_input(g, t, tg_shape2(3, 5))))
MAKE(matmul_thin, tg_matmul(tg_input(g, t, tg_shape2(4, 1)), tg_input(g, t, tg_shape2(1, 4))))
MAKE(matmul_empty,
     tg_add(tg_matmul(tg_input(g, t, tg_shape2(4, 0)), tg_input(g, t, tg_shape2(0, 3))), tg_input(g, t, tg_shape1(3))))
MAKE(matmul_dot, tg_matmul(tg_input(g, t, tg_shape2(1, 4)), tg_neg(tg_input(g, t, tg_shape2(4, 1)))))
MAKE(matmul_turned, tg_matmul_t(tg_input(g, t, tg_shape2(3, 4)), tg_input(g, t, tg_shape2(5, 3)), true, true))
MAKE(matmul_batch, tg_matmul_t(tg_input(g, t, tg_shape4(2, 1, 3, 4)), tg_input(g, t, tg_shape3(3, 5, 4)), false, true))
MAKE(matmul_vector, tg_matmul(tg_input(g, t, tg_shape1(3)), tg_input(g, t, tg_shape3(2, 3, 4))))
MAKE(conv2d, tg_conv2d(pictures(g, t), patches(g, t), uneven))
MAKE(conv2d_many, tg_conv2d(tg_input(g, t, tg_shape4(19, 1, 3, 3)), tg_input(g, t, tg_shape4(2, 1, 2, 2)), usual))
MAKE(conv2d_none, tg_conv2d(tg_input(g, t, tg_shape4(0, 2, 3, 3)), tg_input(g, t, tg_shape4(2, 2, 2, 2)), usual))
MAKE(conv2d_data, tg_conv2d_data(tg_input(g, t, tg_shape4(2, 2, 3, 3)), patches(g, t), tg_shape4(2, 3, 5, 4), uneven))
MAKE(conv2d_weight,
     tg_conv2d_weight(pictures(g, t), tg_input(g, t, tg_shape4(2, 2, 3, 3)), tg_shape4(2, 3, 3, 2), uneven))
MAKE(windows, tg_windows(pictures(g, t), 3, 2, uneven, 0))
MAKE(windows_low, tg_max(tg_windows(pictures(g, t), 3, 2, uneven, -INFINITY), tg_axis(2)))
MAKE(fold, tg_fold(tg_input(g, t, tg_shape_n(5, (int64_t[]){2, 3, 6, 3, 3})), tg_shape4(2, 3, 5, 4), 3, 2, uneven))
MAKE(gather, tg_gather(tg_input(g, t, tg_shape3(2, 4, 3)), labels(g, tg_shape2(2, 4))))
MAKE(gather_one, tg_gather(tg_input(g, t, tg_shape1(3)), tg_scalar(g, TG_I32, 2)))
MAKE(gather_seen, tg_gather(tg_input(g, t, tg_shape2(4, 3)), tg_reshape(labels(g, tg_shape2(2, 2)), tg_shape1(4))))
MAKE(gather_spread, tg_gather(tg_input(g, t, tg_shape2(4, 3)), tg_expand(labels(g, tg_shape1(1)), tg_shape1(4))))
MAKE(scatter, tg_scatter(tg_input(g, t, tg_shape1(5)), labels(g, tg_shape1(5)), 3))
MAKE(scatter_scalar, tg_scatter(tg_input(g, t, tg_shape0()), labels(g, tg_shape0()), 4))
MAKE(uniform, tg_mul(tg_uniform(tg_scalar(g, TG_F64, 5), 42, t, tg_shape2(5, 7)), tg_input(g, t, tg_shape1(7))))
MAKE(uniform_counted, tg_mul(tg_uniform(tg_counter(g), INT64_MAX, t, tg_shape0()), x23(g, t)))
MAKE(uniform_wrong, tg_mul(tg_uniform(tg_scalar(g, TG_F64, 0.5), 1, t, tg_shape2(2, 3)), x23(g, t)))
MAKE(uniform_empty, tg_mul(tg_uniform(tg_scalar(g, TG_F64, 1), 1, t, tg_shape2(0, 3)), tg_input(g, t, tg_shape1(3))))

static const tg_range odd[] = {{1, TG_END, 2}, {TG_END, TG_BEGIN, -1}, {3, 0, -2}};
MAKE(slice, tg_slice_n(tg_exp(x234(g, t)), 3, odd))
MAKE(slice_twice, tg_slice(tg_slice(tg_neg(x234(g, t)), 2, 3, TG_BEGIN, -1), 2, 1, TG_END, 2))
MAKE(slice_one, tg_slice(x23(g, t), 0, 1, 2, 1))
MAKE(slice_turned, tg_slice(tg_transpose(tg_square(x23(g, t)), tg_axes_all()), 0, 1, TG_END, 1))
MAKE(slice_label, tg_slice(labels(g, tg_shape1(5)), 0, TG_END, TG_BEGIN, -2))
MAKE(flip_sum, tg_flip(tg_sum(x234(g, t), tg_axis(0)), tg_axes_all())) /* the sum is not where it is read */
MAKE(flip_view, tg_neg(tg_flip(tg_reshape(x23(g, t), tg_shape3(2, 1, 3)), tg_axes2(0, 2))))
MAKE(pad, tg_pad(tg_neg(x23(g, t)), tg_shape2(1, 0), tg_shape2(0, 2), -0.1))
MAKE(pad_one, tg_pad(tg_input(g, t, tg_shape2(1, 3)), tg_shape2(2, 0), tg_shape2(0, 0), (double)INFINITY))
MAKE(pad_empty, tg_pad(tg_input(g, t, tg_shape2(0, 3)), tg_shape2(2, 1), tg_shape2(0, 0), 0.25))
MAKE(pad_label, tg_pad(labels(g, tg_shape1(3)), tg_shape1(1), tg_shape1(1), -7))
MAKE(pad_read, tg_square(tg_pad(tg_sum(x23(g, t), tg_axis(0)), tg_shape1(2), tg_shape1(1), 1)))
MAKE(concat, tg_concat((tg_node[]){tg_mul(x23(g, t), x23(g, t)), tg_exp(tg_input(g, t, tg_shape2(2, 4)))}, 2, 1))
MAKE(concat_many, tg_concat((tg_node[]){x23(g, t), x23(g, t), tg_input(g, t, tg_shape2(1, 3)), x23(g, t)}, 4, 0))
MAKE(concat_empty, tg_concat((tg_node[]){tg_input(g, t, tg_shape1(0)), tg_input(g, t, tg_shape1(3))}, 2, 0))
MAKE(concat_one, tg_concat((tg_node[]){tg_input(g, t, tg_shape1(1)), tg_input(g, t, tg_shape1(0))}, 2, 0))
MAKE(concat_turned,
     tg_flip(tg_transpose(tg_stack((tg_node[]){x23(g, t), x23(g, t), x23(g, t)}, 3, 0), tg_axes_all()), tg_axis(2)))
MAKE(concat_label, tg_concat((tg_node[]){labels(g, tg_shape1(2)), labels(g, tg_shape1(1))}, 2, 0))
MAKE(take, tg_take(tg_input(g, t, tg_shape3(2, 4, 3)), labels(g, tg_shape2(2, 5)), 1))
MAKE(take_scalar, tg_take(tg_neg(x234(g, t)), tg_scalar(g, TG_I32, 2), 1))
MAKE(take_of_one, tg_take(tg_input(g, t, tg_shape2(3, 1)), labels(g, tg_shape1(2)), 0))
MAKE(take_label, tg_take(labels(g, tg_shape1(3)), labels(g, tg_shape1(2)), 0))
MAKE(scatter_add, tg_scatter_add(tg_mul(x234(g, t), x234(g, t)), labels(g, tg_shape1(3)), 1, 5))
MAKE(scatter_add_table, tg_scatter_add(x23(g, t), tg_const(g, TG_I32, tg_shape1(2), (int32_t[]){1, 1}), 0, 2))
MAKE(scatter_add_scalar, tg_scatter_add(x23(g, t), tg_scalar(g, TG_I32, 1), 1, 2))
MAKE(scatter_add_all, tg_neg(tg_scatter_add(x23(g, t), labels(g, tg_shape2(2, 3)), 0, 3)))
MAKE(scatter_add_empty, tg_scatter_add(tg_input(g, t, tg_shape2(0, 3)), labels(g, tg_shape1(0)), 0, 2))

static const struct {
    const char *op;
    tg_node (*make)(tg_graph *g, tg_dtype t);
} made[] = {{"sum", m_sum},
            {"sum", m_sum_first},
            {"sum", m_sum_none},
            {"sum", m_sum_empty},
            {"sum", m_sum_ones},
            {"max", m_max},
            {"max", m_max_all},
            {"max", m_max_ones},
            {"min", m_min},
            {"min", m_min_all},
            {"argmax", m_argmax},
            {"argmax", m_argmax_all},
            {"argmin", m_argmin},
            {"argmin", m_argmin_scalar},
            {"cumsum", m_cumsum},
            {"cumsum", m_cumsum_back},
            {"cumsum", m_cumsum_first},
            {"cumsum", m_cumsum_none},
            {"identity", m_identity},
            {"detach", m_detach},
            {"cast", m_cast},
            {"cast", m_cast_same},
            {"cast", m_cast_i32},
            {"cast", m_cast_label},
            {"reshape", m_reshape},
            {"reshape", m_reshape_ones},
            {"reshape", m_reshape_scalar},
            {"reshape", m_reshape_sum},
            {"transpose", m_transpose},
            {"transpose", m_transpose_ones},
            {"expand", m_expand},
            {"expand", m_expand_axes},
            {"expand", m_expand_scalar},
            {"matmul", m_matmul},
            {"matmul", m_matmul_thin},
            {"matmul", m_matmul_empty},
            {"matmul", m_matmul_dot},
            {"matmul", m_matmul_turned},
            {"matmul", m_matmul_batch},
            {"matmul", m_matmul_vector},
            {"conv2d", m_conv2d},
            {"conv2d", m_conv2d_many},
            {"conv2d", m_conv2d_none},
            {"conv2d_data", m_conv2d_data},
            {"conv2d_weight", m_conv2d_weight},
            {"windows", m_windows},
            {"windows", m_windows_low},
            {"fold", m_fold},
            {"gather", m_gather},
            {"gather", m_gather_one},
            {"gather", m_gather_seen},
            {"gather", m_gather_spread},
            {"scatter", m_scatter},
            {"scatter", m_scatter_scalar},
            {"uniform", m_uniform},
            {"uniform", m_uniform_counted},
            {"uniform", m_uniform_wrong},
            {"uniform", m_uniform_empty},
            {"slice", m_slice},
            {"slice", m_slice_twice},
            {"slice", m_slice_one},
            {"slice", m_slice_turned},
            {"slice", m_slice_label},
            {"slice", m_flip_sum},
            {"slice", m_flip_view},
            {"pad", m_pad},
            {"pad", m_pad_one},
            {"pad", m_pad_empty},
            {"pad", m_pad_label},
            {"pad", m_pad_read},
            {"concat", m_concat},
            {"concat", m_concat_many},
            {"concat", m_concat_empty},
            {"concat", m_concat_one},
            {"concat", m_concat_turned},
            {"concat", m_concat_label},
            {"take", m_take},
            {"take", m_take_scalar},
            {"take", m_take_of_one},
            {"take", m_take_label},
            {"scatter_add", m_scatter_add},
            {"scatter_add", m_scatter_add_table},
            {"scatter_add", m_scatter_add_scalar},
            {"scatter_add", m_scatter_add_all},
            {"scatter_add", m_scatter_add_empty}};

#endif
