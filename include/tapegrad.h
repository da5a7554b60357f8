/* tapegrad: write a computation out of primitive operators, get its backward pass as a graph you can see into.
 *
 *     tg_graph *g = tg_graph_new();
 *     TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
 *     TG_LET(y, tg_mul(x, tg_exp(x)));                      // y = x e^x
 *     tg_grads d = tg_backward(y, tg_nil(g));               // appends dy/dx to the same tape
 *     if (tg_set(x, &(double){1.0}) || tg_run(g)) puts(tg_message(g));
 *     printf("%g\n", tg_item(tg_grad(d, x), 0));            // (1 + x) e^x
 *     tg_graph_free(g);
 *
 * Contents, in the order of need: types, graph, leaves, names, operators, composites (layers, losses), backward,
 * derivatives, run, state, optimizers, read, errors, people (tables, checks, comparisons, mistakes on purpose),
 * programs, pictures and texts, files, undo, log, operators of your own, build, memory.
 *
 * Rules that hold everywhere
 *   ownership  The graph owns everything. Names and data are copied in; a returned pointer is borrowed until the
 *              graph is freed or rewound. Nodes are small values, copied freely, never freed.
 *   errors     A constructor that fails returns the nil node of its graph; operators on nil do nothing; the first
 *              error wins and waits in the graph (tg_message). tg_run reports it. Nothing aborts, exits or prints.
 *              What went wrong in building stays: operators do nothing and runs fail, until tg_rewind to a mark before
 *              it; what is on the tape can still be read. What went wrong in running, setting, reading files or checking
 *              is forgotten by the next such call: try again.
 *   shapes     Rank 0 to 8, row-major, dimensions may be 0. Binary operators broadcast by NumPy's rules.
 *   threads    A graph belongs to one thread at a time. Different graphs share nothing.
 *   fork       A child of fork may go on with its copies of the graphs and programs, and use as many threads. (Before a
 *              fork the OpenMP threads of the thread that forks are ended; the next parallel region starts new ones.)
 */
#ifndef TAPEGRAD_H
#define TAPEGRAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TG_VERSION "0.1.0"

#if defined(__GNUC__)
#define TG_API __attribute__((visibility("default")))
#define TG_CHECK __attribute__((warn_unused_result))
#define TG_UNUSED_ __attribute__((unused))
#define TG_FORMAT_(text, first) __attribute__((format(printf, text, first)))
#else
#define TG_API
#define TG_CHECK
#define TG_UNUSED_
#define TG_FORMAT_(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------- types */

typedef struct tg_graph tg_graph;

typedef enum tg_dtype {
    TG_F32, /* float   */
    TG_F64, /* double  */
    TG_I32  /* int32_t: labels and indices; carries no gradient */
} tg_dtype;

typedef enum tg_status {
    TG_OK = 0,
    TG_MEMORY,    /* an allocation failed */
    TG_SHAPE,     /* shapes or axes do not fit */
    TG_DTYPE,     /* element types do not fit */
    TG_ARGUMENT,  /* a value outside its documented range */
    TG_HANDLE,    /* a nil, stale or foreign node */
    TG_NAME,      /* a name that is taken or unknown */
    TG_GRADIENT,  /* a gradient that does not exist */
    TG_VALUE,     /* a leaf without a value, a label out of range */
    TG_FILE,      /* a file that cannot be read, written or understood */
    TG_COMPILER   /* TG_MUST_COMPILE, and there is no machine code */
} tg_status;

/* A node of the tape, by value. id 0 is nil. A handle from before a tg_rewind below it is stale: an error. */
typedef struct tg_node {
    tg_graph *graph;
    uint32_t id, epoch;
} tg_node;

/* One backward sweep, by value. */
typedef struct tg_grads {
    tg_graph *graph;
    uint32_t id, epoch;
} tg_grads;

#define TG_MAX_RANK 8

typedef struct tg_shape {
    int rank;
    int64_t dim[TG_MAX_RANK]; /* beyond rank: 0 */
} tg_shape;

/* Axes of a reduction. Negative axes count from the end. keep: a reduced axis stays with length 1. empty: what is an
 * error where there is nothing along the axes is the identity instead, which for a max is -INFINITY. */
typedef struct tg_axes {
    int count; /* -1: all axes; -2: none. 0, from (tg_axes){0}, says none of these, and is refused: axis 0 is tg_axis(0) */
    int axis[TG_MAX_RANK];
    bool keep, empty;
} tg_axes;

TG_API tg_shape tg_shape0(void); /* a scalar */
TG_API tg_shape tg_shape1(int64_t a);
TG_API tg_shape tg_shape2(int64_t a, int64_t b);
TG_API tg_shape tg_shape3(int64_t a, int64_t b, int64_t c);
TG_API tg_shape tg_shape4(int64_t a, int64_t b, int64_t c, int64_t d);
TG_API tg_shape tg_shape_n(int rank, const int64_t *dim); /* a rank outside 0..8 is refused by whoever receives it */

TG_API tg_axes tg_axis(int a);
TG_API tg_axes tg_axes2(int a, int b);
TG_API tg_axes tg_axes3(int a, int b, int c);
TG_API tg_axes tg_axes_n(int count, const int *axis); /* tg_axes_n(0, NULL): none; tg_sum over none is x */
TG_API tg_axes tg_axes_all(void);
TG_API tg_axes tg_keep(tg_axes axes);  /* the same axes, kept with length 1 */
TG_API tg_axes tg_empty(tg_axes axes); /* the same axes, along which there may be nothing: for max, min and logsumexp */

/* start, start + step, … as far as stop, which is left out: NumPy's start:stop:step. Negative ones count from the end,
 * and what is outside is cut. To an end: TG_BEGIN before the first, TG_END behind the last. step: not 0. */
typedef struct tg_range {
    int64_t start, stop, step;
} tg_range;
#define TG_BEGIN INT64_MIN
#define TG_END INT64_MAX
TG_API tg_range tg_whole(void); /* {0, TG_END, 1}: the whole axis; {TG_END, TG_BEGIN, -1} is the same backwards */

/* ------------------------------------------------------------------------------------------------------- graph */

TG_API tg_graph *tg_graph_new(void); /* NULL only if memory is out */
TG_API void tg_graph_free(tg_graph *g);
TG_API tg_node tg_nil(tg_graph *g);
TG_API bool tg_is_nil(tg_node a);

/* ------------------------------------------------------------------------------------------------------ leaves */

TG_API tg_node tg_input(tg_graph *g, tg_dtype dtype, tg_shape shape); /* data; has an adjoint; no value until set */
TG_API tg_node tg_param(tg_graph *g, tg_dtype dtype, tg_shape shape); /* what training changes; otherwise as input */
TG_API tg_node tg_const(tg_graph *g, tg_dtype dtype, tg_shape shape, const void *data); /* copied; has no adjoint */
TG_API tg_node tg_state(tg_graph *g, tg_dtype dtype, tg_shape shape, double v); /* a param that begins with v everywhere:
                                                            running statistics, moments, whatever is assigned to */
TG_API tg_node tg_scalar(tg_graph *g, tg_dtype dtype, double v); /* equal scalars are one node */
TG_API tg_node tg_scalar_like(tg_node x, double v);              /* a scalar of x's graph and dtype */

/* Gives a leaf its value: as many elements as its shape has, row-major, of its dtype. tg_set copies; tg_bind borrows
 * until the next tg_set or tg_bind and counts as changed at every tg_run. Input and param leaves only. */
TG_API TG_CHECK tg_status tg_set(tg_node leaf, const void *data);
TG_API TG_CHECK tg_status tg_bind(tg_node leaf, const void *data);

/* The same number everywhere, or random ones: from seed alone, the same on every machine but for the last digit of a
 * normal's logarithm and cosine. For a layer of n inputs behind relu: normal, deviation sqrt(2/n) (He et al. 2015). */
TG_API TG_CHECK tg_status tg_fill(tg_node leaf, double v);
TG_API TG_CHECK tg_status tg_fill_uniform(tg_node leaf, double low, double high, uint64_t seed);
TG_API TG_CHECK tg_status tg_fill_normal(tg_node leaf, double mean, double deviation, uint64_t seed);

/* ------------------------------------------------------------------------------------------------------- names */

/* TG_LET(mu, expr) declares `tg_node mu`, names it "mu" and closes a stage: the operator nodes appended in this scope
 * since the stage before join it and take its file:line; those that another scope was opened after only where it reads
 * them, otherwise they stay a stage without a name. Leaves are stage 0. A node that has a name gets an alias. A
 * name that another node has is an error: two calls of one composite want two scopes. In an inner block
 * TG_LET(h, f(h)) reads the h of the block around it: expr is evaluated before the new h is declared. */
#define TG_LET(name, expr)                                                                                             \
    tg_node tg_let_##name##_ = (expr), name TG_UNUSED_ = tg_let(tg_let_##name##_, #name, __FILE__, __LINE__)
TG_API tg_node tg_let(tg_node a, const char *name, const char *file, int line);

TG_API tg_node tg_find(tg_graph *g, const char *name); /* full name, "bn1/xhat"; nil where nothing has it (no error) */

/* Scopes prefix names, number their stages from 1, and fold in drawings. NULL: the scope that is open stays so.
 * tg_scope_operand, called right behind tg_scope_open, gives a named scope its own view of an operand, so that
 * "bn1/dx" exists even where x has other consumers; in an unnamed scope, or for an integer, it returns x itself. */
TG_API void tg_scope_open(tg_graph *g, const char *name);
TG_API void tg_scope_close(tg_graph *g);
TG_API tg_node tg_scope_operand(tg_node x, const char *name);

/* --------------------------------------------------------------------------------------------------- operators
 * One line each with its math; g = dL/dz. Floating-point unless said otherwise; operands of one dtype. */

/* elementwise, one operand                                     gradient */
TG_API tg_node tg_neg(tg_node x);        /* z = -x              -g */
TG_API tg_node tg_abs(tg_node x);        /* z = |x|             g sign(x); abs'(0) = 0, abs''(0) NaN */
TG_API tg_node tg_sign(tg_node x);       /* z = -1, 0 or 1      none */
TG_API tg_node tg_square(tg_node x);     /* z = x²              2x g */
TG_API tg_node tg_sqrt(tg_node x);       /* z = √x              g / 2z */
TG_API tg_node tg_root(tg_node x);       /* z = √x              g / 2z, 0 where z = 0, and there its derivatives are NaN */
TG_API tg_node tg_rsqrt(tg_node x);      /* z = 1/√x            -z g / 2x */
TG_API tg_node tg_reciprocal(tg_node x); /* z = 1/x             -z² g */
TG_API tg_node tg_floor(tg_node x);      /* z = ⌊x⌋             none */
TG_API tg_node tg_ceil(tg_node x);       /* z = ⌈x⌉             none */
TG_API tg_node tg_round(tg_node x);      /* z = nearest integer, halves to even   none */

TG_API tg_node tg_exp(tg_node x);        /* z = eˣ              z g */
TG_API tg_node tg_expm1(tg_node x);      /* z = eˣ - 1          eˣ g; accurate near 0 */
TG_API tg_node tg_log(tg_node x);        /* z = ln x            g / x */
TG_API tg_node tg_log1p(tg_node x);      /* z = ln(1 + x)       g / (1 + x); accurate near 0 */
TG_API tg_node tg_log2(tg_node x);       /* z = log₂ x          g / (x ln 2) */

TG_API tg_node tg_sin(tg_node x);        /* z = sin x           cos(x) g */
TG_API tg_node tg_cos(tg_node x);        /* z = cos x           -sin(x) g */
TG_API tg_node tg_tan(tg_node x);        /* z = tan x           (1 + z²) g */
TG_API tg_node tg_asin(tg_node x);       /* z = arcsin x        g / √(1 - x²) */
TG_API tg_node tg_acos(tg_node x);       /* z = arccos x        -g / √(1 - x²) */
TG_API tg_node tg_atan(tg_node x);       /* z = arctan x        g / (1 + x²) */
TG_API tg_node tg_sinh(tg_node x);       /* z = sinh x          cosh(x) g */
TG_API tg_node tg_cosh(tg_node x);       /* z = cosh x          sinh(x) g */
TG_API tg_node tg_tanh(tg_node x);       /* z = tanh x          (1 - z²) g */
TG_API tg_node tg_erf(tg_node x);        /* z = 2/√π ∫₀ˣ e^-t²  2/√π e^-x² g */
TG_API tg_node tg_erfc(tg_node x);       /* z = 1 - erf x       -2/√π e^-x² g; accurate where it is small */

/* activations; slope, alpha, low and high are numbers */
TG_API tg_node tg_relu(tg_node x);       /* z = max(x, 0)       g where x > 0; relu'(0) = 0; NaN stays NaN */
TG_API tg_node tg_leaky_relu(tg_node x, double slope); /* z = x where x > 0, else slope x       at 0: slope g */
TG_API tg_node tg_elu(tg_node x, double alpha); /* z = x where x > 0, else alpha (eˣ - 1)       (z + alpha) g there, and
                                                                                                alpha g at 0 */
TG_API tg_node tg_sigmoid(tg_node x);    /* z = 1/(1 + e⁻ˣ)     z sigmoid(-x) g */
TG_API tg_node tg_softplus(tg_node x);   /* z = ln(1 + eˣ)      sigmoid(x) g */
TG_API tg_node tg_silu(tg_node x);       /* z = x sigmoid(x)    (sigmoid(x) + z sigmoid(-x)) g */
TG_API tg_node tg_gelu(tg_node x);       /* z = x Φ(x)          (Φ(x) + x φ(x)) g; Φ, φ of the normal distribution */
TG_API tg_node tg_gelu_tanh(tg_node x);  /* z = x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))    its derivative times g */
TG_API tg_node tg_clamp(tg_node x, double low, double high); /* z = min(max(x, low), high)   g where low ≤ x ≤ high */

/* elementwise, broadcasting                                                     gradient wrt x, wrt y */
TG_API tg_node tg_add(tg_node x, tg_node y); /* z = x + y                        g, g */
TG_API tg_node tg_sub(tg_node x, tg_node y); /* z = x - y                        g, -g */
TG_API tg_node tg_mul(tg_node x, tg_node y); /* z = x y                          y g, x g */
TG_API tg_node tg_div(tg_node x, tg_node y); /* z = x / y                        g / y, -z g / y */
TG_API tg_node tg_ratio(tg_node x, tg_node y); /* z = x / y, 0 x where y = 0     g / y, 0 g where y = 0; -z g / y, NaN where
                                                y = 0 */
TG_API tg_node tg_pow(tg_node x, tg_node y); /* z = xʸ, 0⁰ = 1                   y xʸ⁻¹ g, z ln(x) g; both 0 for 0⁰; for
                                                x = 0, y > 0 the second is 0, for x < 0 it is NaN */
TG_API tg_node tg_maximum(tg_node x, tg_node y); /* z = the larger, or NaN       g to the larger, equals half each;
                                                second derivatives are NaN where they are equal */
TG_API tg_node tg_minimum(tg_node x, tg_node y); /* z = the smaller, or NaN      g to the smaller, the same */
TG_API tg_node tg_hypot(tg_node x, tg_node y); /* z = √(x² + y²)                 g x / z, g y / z; 0 at the origin, where
                                                second derivatives are NaN; no square overflows or vanishes */
TG_API tg_node tg_atan2(tg_node x, tg_node y); /* z = angle of the point (y, x), as atan2(x, y) of C
                                                                                 y g / (x² + y²), -x g / (x² + y²);
                                                                                 0 at the origin, where second derivatives
                                                                                 are NaN */
TG_API tg_node tg_turn(tg_node x, tg_node y);  /* z = x sign(y)                  sign(y) g; 0 / y: NaN where y = 0 */
TG_API tg_node tg_larger(tg_node x, tg_node y, tg_node w); /* z = w where x > y, half of it where x = y, else 0
                                                0 / (x - y) to both: NaN where they are equal; w gets of g what z has of w */
TG_API tg_node tg_tied(tg_node x, tg_node y, tg_node w); /* z = w where x = y, else 0   w: g where x = y; x, y: none */
TG_API tg_node tg_eq(tg_node x, tg_node y);  /* z = 1 where x = y, else 0        none */
TG_API tg_node tg_ne(tg_node x, tg_node y);  /* z = 1 where x ≠ y, else 0        none */
TG_API tg_node tg_lt(tg_node x, tg_node y);  /* z = 1 where x < y, else 0        none */
TG_API tg_node tg_le(tg_node x, tg_node y);  /* z = 1 where x ≤ y, else 0        none */
TG_API tg_node tg_gt(tg_node x, tg_node y);  /* z = 1 where x > y, else 0        none */
TG_API tg_node tg_ge(tg_node x, tg_node y);  /* z = 1 where x ≥ y, else 0        none */
TG_API tg_node tg_where(tg_node c, tg_node x, tg_node y); /* z = x where c ≠ 0, else y   g where taken, 0 elsewhere,
                 whatever value is there, and however steep: see the README's limits */

/* reductions */
TG_API tg_node tg_sum(tg_node x, tg_axes axes); /* z = Σ x    g repeated along the axes */
TG_API tg_node tg_max(tg_node x, tg_axes axes); /* z = max x  g shared equally by the ties; NaN wins, and then no
                                                   gradient is sent (0); nothing to reduce is an error,
                                                   or with tg_empty -INFINITY */
TG_API tg_node tg_min(tg_node x, tg_axes axes); /* z = min x  as max; of nothing INFINITY */
TG_API tg_node tg_argmax(tg_node x, tg_axes axes); /* i32: where the maximum stands, over one axis, or over all in the
                                                      order of memory; the first of ties, the first NaN before anything;
                                                      nothing to reduce is an error   none. How many are right:
                                                      tg_mean(tg_eq(tg_cast(argmax, t), tg_cast(label, t)), …) */
TG_API tg_node tg_argmin(tg_node x, tg_axes axes); /* the same for the minimum */
TG_API tg_node tg_cumsum(tg_node x, int axis, bool reverse); /* z_k = Σ_{i≤k} x_i along the axis; reverse: i ≥ k
                                                                cumsum of g from the other end */
/* movement */
TG_API tg_node tg_identity(tg_node x);                    /* z = x, no copy          g */
TG_API tg_node tg_detach(tg_node x);                      /* z = x, no copy          none: a constant to the gradient */
TG_API tg_node tg_cast(tg_node x, tg_dtype dtype);        /* z = (dtype) x           g cast back; none for an integer.
                                                             To i32: towards zero; outside its range: an error */
TG_API tg_node tg_reshape(tg_node x, tg_shape shape);     /* same elements, no copy; one dimension may be -1 */
TG_API tg_node tg_transpose(tg_node x, tg_axes order);    /* z's axis i is x's axis order[i]; all: reversed */
TG_API tg_node tg_expand(tg_node x, tg_shape shape);      /* repeats x by NumPy's broadcasting rule; Σ g */
TG_API tg_node tg_expand_axes(tg_node x, tg_shape shape, tg_axes axes); /* the adjoint of tg_sum over `axes` of shape */
TG_API tg_node tg_squeeze(tg_node x, tg_axes axes);       /* x without these axes of length 1; all: every such axis */
TG_API tg_node tg_unsqueeze(tg_node x, tg_axes axes);     /* x with axes of length 1 more; counted in the result */

/* Any dtype, an integer without gradient. A slice's gradient is g in zeros, a pad's the slice of g. */
TG_API tg_node tg_slice(tg_node x, int axis, int64_t start, int64_t stop, int64_t step); /* z = x[…, start:stop:step] */
TG_API tg_node tg_slice_n(tg_node x, int count, const tg_range *range); /* of the first `count` axes: x[1:4, ::2] */
TG_API tg_node tg_flip(tg_node x, tg_axes axes);                        /* these axes backwards: x[::-1] */
TG_API tg_node tg_pad(tg_node x, tg_shape before, tg_shape after, double value); /* so many of value around x, in the
                                                             order of its axes; for an i32 value must be an integer */

/* in[0], …, in[n - 1] one behind the other along an axis; they differ in no other, and have one dtype. Operators of two
 * operands, in a balanced tree. Gradient: to each its part of g. n = 1: x itself, no copy. n = 0 has no graph, so it is
 * nil without a message, as for any operator on no graph. */
TG_API tg_node tg_concat(const tg_node *in, size_t n, int axis);
TG_API tg_node tg_stack(const tg_node *in, size_t n, int axis); /* along a new axis, counted in the result */

/* linear algebra (see tg_allow_any_blas) */
TG_API tg_node tg_matmul(tg_node x, tg_node y); /* z = x y: [..., m,k] [..., k,n] -> [..., m,n]   g yᵀ, xᵀ g; the axes
                                                    before the last two broadcast. As NumPy's @: a vector x is a row, a
                                                    vector y a column, and that axis is dropped from z. Nothing to add
                                                    up (k = 0) is 0; 0 times Inf is NaN */
TG_API tg_node tg_matmul_t(tg_node x, tg_node y, bool transpose_x, bool transpose_y); /* the same with the last two axes
                                                    of x, of y swapped, no copy; no vectors then */
TG_API tg_node tg_dot(tg_node x, tg_node y);    /* [k] [k] -> a scalar, Σ x y        g y, g x */
TG_API tg_node tg_outer(tg_node x, tg_node y);  /* [m] [n] -> [m,n], z = x_i y_j     g y, gᵀ x */

/* pictures x [N, C, H, W] and windows w [F, C, height, width]. A window stands at every stride-th place of the picture,
 * which has `padding` zeros around it, and its elements lie `dilation` apart; position o of an axis sees with tap i
 * element o*stride + i*dilation - padding. So there are floor((H + 2 padding - dilation (height - 1) - 1) / stride) + 1
 * positions. Of each number, one for the rows and one for the columns. */
typedef struct tg_window {
    int64_t stride[2], padding[2], dilation[2];
} tg_window;
TG_API tg_window tg_window_of(int64_t stride, int64_t padding, int64_t dilation); /* both axes alike; usual: 1, 0, 1 */

TG_API tg_node tg_conv2d(tg_node x, tg_node w, tg_window how); /* z [N, F, positions…] = Σ over c, i, j of w x, without
                                         turning the window round       conv2d_data, conv2d_weight */
TG_API tg_node tg_conv2d_data(tg_node g, tg_node w, tg_shape x, tg_window how); /* conv2d's gradient wrt pictures of
                                      shape x; also known as a transposed convolution   conv2d, conv2d_weight */
TG_API tg_node tg_conv2d_weight(tg_node x, tg_node g, tg_shape w, tg_window how); /* conv2d's gradient wrt windows of
                                                                         shape w        conv2d_data, conv2d */
TG_API tg_node tg_windows(tg_node x, int64_t height, int64_t width, tg_window how, double fill); /* what windows see:
                 z [N, C, height*width, positions…], padding has the value fill, 0 or ±INFINITY      fold */
TG_API tg_node tg_fold(tg_node x, tg_shape shape, int64_t height, int64_t width, tg_window how); /* the adjoint of
                 tg_windows over pictures of `shape`: adds up what every tap saw                     windows */

/* indexing */
TG_API tg_node tg_gather(tg_node x, tg_node label); /* x [..., C], label i32 [...]: z = x[..., label]   scatter */
TG_API tg_node tg_scatter(tg_node x, tg_node label, int64_t classes); /* x [...] -> z [..., classes], 0 elsewhere */

/* An index is i32, of any shape, from 0 to the length of the axis less 1; another (a negative one too) fails the run.
 * take: z = x[…, index, …], the axis replaced by the index's axes, as numpy.take; for an embedding x [V, D], axis 0.
 * x of any dtype. Its gradient is scatter_add(g, index), and the other way round.
 * scatter_add: z = 0, then z[…, index, …] += x, where x has the index's axes in the place of z's axis, whose length is
 * size; what comes to the same place is added up in the order of the index. */
TG_API tg_node tg_take(tg_node x, tg_node index, int axis);
TG_API tg_node tg_scatter_add(tg_node x, tg_node index, int axis, int64_t size);
TG_API tg_node tg_one_hot(tg_node label, int64_t classes, tg_dtype dtype); /* label i32 [...] -> z [..., classes]: 1 at
                                                             the label, 0 elsewhere; no gradient; dtype f32 or f64 */

/* Of the matrices in the last two axes what lies on diagonal k and below it (tril) or above it (triu); elsewhere 0,
 * also where x is NaN. k > 0: a diagonal above the main one. Gradient: the same triangle of g. */
TG_API tg_node tg_tril(tg_node x, int k);
TG_API tg_node tg_triu(tg_node x, int k);

/* Random numbers, without gradient: each is a function of seed, counter and place alone (Philox 4x64-10; Salmon et al.
 * 2011). Draws that are to differ want seeds of their own; a draw changes from run to run as its counter does, and
 * comes back with it. */
TG_API tg_node tg_counter(tg_graph *g); /* a leaf, an f64 scalar of value 0 that a tg_commit counts up by 1 */

/* In [0, 1), with the bits of NumPy's np.random.Generator(np.random.Philox(key=[seed, 0], counter=[0, counter, 0,
 * 0])).random(shape, dtype). seed < 2^63; counter: an f64 scalar, a whole number from 0 to 2^53, else the run fails. */
TG_API tg_node tg_uniform(tg_node counter, uint64_t seed, tg_dtype dtype, tg_shape shape);

/* -------------------------------------------------------------------------------------------------- composites
 * Written in the operators above only: their files include nothing but this one. scope: a name, or NULL for the scope
 * that is open. */

/* Batch normalization (Ioffe and Szegedy 2015, algorithm 1) over `axes` of x, biased variance, in nine named stages
 * mu xmu sq var sqrtvar ivar xhat gammax out. gamma, beta: x's shape without the axes, or what broadcasts to
 * it. eps > 0. No numbers (N = 0): mu and var are 0; one number: var is 0 and out is beta. */
TG_API tg_node tg_batchnorm(tg_node x, tg_node gamma, tg_node beta, tg_axes axes, double eps, const char *scope);

/* The same with running statistics: two leaves of the shape of mu. "train" normalizes by the statistics of the batch,
 * and assigns to the leaves what tg_commit carries out (both nil: none are kept; an empty batch: they stay):
 *
 *     mean_next = momentum·mean + (1 - momentum)·mu        var_next = momentum·var + (1 - momentum)·batch variance
 *
 * "test" normalizes by the leaves, which are constants to the gradient. Any other mode is an error.
 *
 *                       new running value                               batch variance in it     by default
 *     here              momentum·running + (1 - momentum)·batch         biased, Σ(x - mu)²/N     momentum 0.9
 *     ONNX, cs231n      the same                                        biased                   0.9
 *     PyTorch           (1 - momentum)·running + momentum·batch         unbiased, /(N - 1)       0.1
 *
 * So PyTorch's momentum 0.1 is 0.9 here, with `unbiased`; an unbiased variance of one number is an error. The batch itself
 * is normalized by the biased variance everywhere. */
typedef struct tg_batchnorm_options {
    const char *mode; /* "train" or "test" */
    double momentum;  /* 0, only the last batch, to 1: they never change */
    double eps;       /* > 0 */
    bool unbiased;    /* the running variance only */
} tg_batchnorm_options;
TG_API tg_batchnorm_options tg_batchnorm_defaults(void); /* "train", 0.9, 1e-5, biased */
TG_API tg_node tg_batchnorm_running(tg_node x, tg_node gamma, tg_node beta, tg_node mean, tg_node var, tg_axes axes,
                                    tg_batchnorm_options options, const char *scope);

/* Pooling of x [N, C, H, W] (ops/pool.c): tg_windows, reduced; so what windows see takes height * width times the memory
 * of the result. max: padding never wins, and must not fill a window; ties share the gradient equally, as everywhere
 * here (other libraries give it to the first). avg: padding counts as zeros, also in the divisor. */
TG_API tg_node tg_max_pool2d(tg_node x, int64_t height, int64_t width, tg_window how);
TG_API tg_node tg_avg_pool2d(tg_node x, int64_t height, int64_t width, tg_window how);

/* x [N,D] W [D,M] b [M] -> x W + b [N,M] */
TG_API tg_node tg_linear(tg_node x, tg_node w, tg_node b, const char *scope);

/* Mean over the rows of -ln softmax(scores)[label]; scores [N,C], label i32 [N]. Row maxima are subtracted first,
 * behind detach: softmax does not change by a shift, so neither does its gradient. (tg_cross_entropy below has weights,
 * other reductions, and labels of any rank.) */
TG_API tg_node tg_softmax_loss(tg_node scores, tg_node label, const char *scope);

/* x, then `layers` linear layers with tg_relu between them: scopes layer1, layer2 … with xw and scores, stages hidden1 …;
 * w and b are arrays of that length. */
TG_API tg_node tg_mlp(tg_node x, const tg_node *w, const tg_node *b, int layers, const char *scope);

/* Layer normalization (Ba, Kiros and Hinton 2016) over the `last` axes of x, in the nine stages of tg_batchnorm, with
 * statistics that keep their axes. gamma, beta: what broadcasts along the last axes. eps > 0. */
TG_API tg_node tg_layernorm(tg_node x, tg_node gamma, tg_node beta, int last, double eps, const char *scope);

/* eˣ/Σeˣ along the axis, in the stages top power norm share; and its logarithm, in the stages top shifted lognorm logp.
 * The maximum of each row is subtracted first, behind detach. A row whose maximum is ±∞ has no softmax: NaN. */
TG_API tg_node tg_softmax(tg_node x, int axis, const char *scope);
TG_API tg_node tg_log_softmax(tg_node x, int axis, const char *scope);

/* Reductions over any axes, kept or not, with tg_sum's rules. They have no scope and no names.
 *   mean       Σx/n; of nothing NaN
 *   var        Σ(x - mean)²/(n - ddof), in two passes; NaN where n ≤ ddof
 *   std        √var; gradient 0 where var is 0, and second derivatives NaN
 *   prod       Πx, as a tree of pairwise products: exact derivatives with any number of zeros; of nothing 1
 *   logsumexp  ln Σeˣ, however large x is; a row whose maximum is ±∞ is that, with gradient 0; of nothing: an error, or
 *              with tg_empty -INFINITY
 *   norm       Σ|x|, √Σx² or max|x| for the order 1, 2 or INFINITY; gradient 0 at 0; the largest of nothing: an error
 * In std and in the norm of order 2 no square overflows or vanishes. At a corner they have a first derivative by
 * convention, as abs and maximum have, and of the second nothing is known: NaN. The README's limits say it in full. */
TG_API tg_node tg_mean(tg_node x, tg_axes axes);
TG_API tg_node tg_var(tg_node x, tg_axes axes, int ddof);
TG_API tg_node tg_std(tg_node x, tg_axes axes, int ddof);
TG_API tg_node tg_logsumexp(tg_node x, tg_axes axes);
TG_API tg_node tg_prod(tg_node x, tg_axes axes);
TG_API tg_node tg_norm(tg_node x, double order, tg_axes axes);

/* What becomes of a loss for each element or row: their mean (none of them: an error), their sum, or nothing. */
typedef enum tg_reduction { TG_MEAN, TG_SUM, TG_NONE } tg_reduction;

/* Prediction x and target y of one shape; both have a gradient.
 *   mse    (x - y)²                              stages off sq loss
 *   l1     |x - y|                               stages off size loss
 *   huber  (x - y)²/2 up to |x - y| = delta, delta (|x - y| - delta/2) from there on; delta > 0
 *                                                stages off near each loss
 *   bce    -y ln sigmoid(x) - (1 - y) ln sigmoid(-x) of logits x, exact far out and at infinities, where a part without
 *          weight is 0; weight multiplies the first part (what broadcasts to x; nil: 1)      stages yes no each loss */
TG_API tg_node tg_mse_loss(tg_node x, tg_node y, tg_reduction how, const char *scope);
TG_API tg_node tg_l1_loss(tg_node x, tg_node y, tg_reduction how, const char *scope);
TG_API tg_node tg_huber_loss(tg_node x, tg_node y, double delta, tg_reduction how, const char *scope);
TG_API tg_node tg_bce_with_logits(tg_node x, tg_node y, tg_node weight, tg_reduction how, const char *scope);

/* Loss of rows over labels i32 [...]: -logp[label] of log-probabilities logp [..., C], stages picked each loss; and
 * -ln softmax(scores)[label], stages top shifted lognorm logp each loss. weight [C] (nil: none) multiplies the loss of a
 * row by its label's weight, in the stage taken; the mean is then over Σ taken, as PyTorch has it, and NaN where that
 * is 0. A label out of range is an error of the run. */
TG_API tg_node tg_nll_loss(tg_node logp, tg_node label, tg_node weight, tg_reduction how, const char *scope);
TG_API tg_node tg_cross_entropy(tg_node scores, tg_node label, tg_node weight, tg_reduction how, const char *scope);

/* Of tg_uniform: mean 0 and variance 1, by the method of Box and Muller, from two numbers each (rank 0 to 7). And 1 with
 * probability p, otherwise 0. */
TG_API tg_node tg_normal(tg_node counter, uint64_t seed, tg_dtype dtype, tg_shape shape);
TG_API tg_node tg_bernoulli(tg_node counter, uint64_t seed, double p, tg_dtype dtype, tg_shape shape);

/* Inverted dropout: each element is 0 with probability p, otherwise x / (1 - p), so that the mean stays. 0 <= p < 1.
 * When testing it is simply not there. Stages: mask out. */
TG_API tg_node tg_dropout(tg_node x, double p, tg_node counter, uint64_t seed, const char *scope);

/* ---------------------------------------------------------------------------------------------------- backward */

/* Appends the adjoints of everything `out` depends on, newest first. seed: a node of out's shape and dtype (the
 * cotangent dL/dout); nil for a single number (seed 1). Any node may be swept, an adjoint too, and a tape again.
 * Adjoint of `a` is named "da"; where several terms arrive they are "da1", "da2" … in order of arrival. The second
 * sweep prefixes "s2/". */
TG_API tg_grads tg_backward(tg_node out, tg_node seed);

TG_API tg_node tg_grad(tg_grads d, tg_node a);     /* the adjoint of a; an error with the reason where there is none */
TG_API bool tg_has_grad(tg_grads d, tg_node a);    /* the same question without the error */

/* The ledger: what arrived at a, in order of arrival. */
typedef struct tg_term {
    tg_node term;   /* the node that was added */
    tg_node sender; /* the consumer of a whose vjp sent it; nil: the seed */
    int slot;       /* a's place among the sender's operands */
} tg_term;
TG_API size_t tg_grad_terms(tg_grads d, tg_node a, tg_term *terms, size_t room); /* how many there are */

/* Derivatives as nodes: each is named, read and swept again like any other. They sweep towards x alone, and give an
 * error with the reason where out does not depend on x. Their sweeps count: one of yours behind them prefixes its
 * names. With J = d out/dx: */
TG_API tg_node tg_vjp(tg_node out, tg_node x, tg_node cotangent); /* Jᵀ cotangent, x's shape; nil: 1, of a number */
TG_API tg_node tg_jvp(tg_node out, tg_node x, tg_node tangent);   /* J tangent, out's shape: Jᵀ u is swept, then u */
TG_API tg_node tg_jacobian(tg_node out, tg_node x); /* [dims of out…, dims of x…]; one sweep an element of out */

/* Of a single number. Where its gradient does not depend on x, as that of a linear loss, these are zeros; where it
 * does, but only behind what passes no gradient on (a detach, a comparison), they are errors. */
TG_API tg_node tg_hvp(tg_node loss, tg_node x, tg_node v); /* d²loss/dx² v, x's shape: two sweeps */
TG_API tg_node tg_hessian(tg_node loss, tg_node x);        /* [dims of x…, dims of x…]; 1 + one sweep an element */

/* --------------------------------------------------------------------------------------------------------- run
 * Brings values up to date, in tape order, computing only what is not valid. Never changes a leaf. A failed run says
 * why (tg_message) and can be tried again. */
TG_API TG_CHECK tg_status tg_run(tg_graph *g);    /* everything */
TG_API TG_CHECK tg_status tg_run_to(tg_node a);   /* everything up to and with a */
TG_API TG_CHECK tg_status tg_step(tg_graph *g);   /* one node: the one that tg_next names; TG_OK where there is none */
TG_API tg_node tg_next(tg_graph *g);              /* nil when all is up to date */

/* Large products are left to the system's BLAS, if tapegrad was built with one that can be held to one thread: OpenBLAS
 * is set to one thread, for the whole process, at the first such product, and stays so; MKL for the moment of the call.
 * The library's own threads then share the blocks. So the bits do not depend on the number of threads. A BLAS that
 * cannot be held is not used unless you allow it for a graph, and give up that promise. */
TG_API void tg_allow_any_blas(tg_graph *g, bool allow);

/* ------------------------------------------------------------------------------------------------------- state
 * What lives from one run to the next (parameters, running statistics, moments, counters) is a leaf that takes the value
 * of a node at a commit. Nothing else changes it, so that looking, stepping and checking never train by accident. */

/* At every commit `leaf` takes the value of `value`: an input or param, and a node of its shape and dtype. One assign a
 * leaf. Gradients refer to the value before the commit. Gives `value`. */
TG_API tg_node tg_assign(tg_node leaf, tg_node value);
TG_API tg_node tg_assigned(tg_node leaf); /* the value it takes; nil: none */

/* Carries out all assigns at once: two leaves may change places. What depends on them is then stale. Needs a run of the
 * whole tape before; otherwise, and where an assigned leaf borrows its memory (tg_bind), it is an error and nothing
 * changes. The memory of a leaf stays where it is, so that another graph may go on borrowing it. */
TG_API TG_CHECK tg_status tg_commit(tg_graph *g); /* an error too: nothing is assigned on this tape */

/* While it is on, no leaf takes a NaN or an infinity: tg_commit, tg_program_commit and tg_program_step fail with
 * TG_VALUE, name the first leaf that would, and change nothing. So the leaves that led to a NaN are still there, and
 * tg_run and tg_first_nonfinite show where it began. Off for a new graph. */
TG_API void tg_require_finite(tg_graph *g, bool require);

/* -------------------------------------------------------------------------------------------------- optimizers
 * A step of training is some more nodes on the tape, whose values the parameters take at tg_commit:
 *
 *     tg_node p[] = {w, b}, dp[2], rate = tg_scalar(g, TG_F32, 0.1);
 *     tg_gradients(tg_backward(loss, tg_nil(g)), p, 2, dp);
 *     tg_sgd(p, dp, 2, rate, (tg_sgd_options){.momentum = 0.9}, "sgd");
 *     for (…) if (tg_set(x, batch) || tg_run(g) || tg_commit(g)) …
 *
 * Read the loss between tg_run and tg_commit: behind it what depends on the parameters is stale, and tg_item gives NaN.
 * Moments are leaves in the scope "sgd/w/". rate: a floating scalar, of any dtype; g: the gradient; t: the step, from 1. */
/* Floating params that nothing is assigned to yet, in tape order; how many there are. In test mode nothing is assigned to
 * running statistics, so they are among them. */
TG_API size_t tg_params(tg_graph *g, tg_node *params, size_t room);
TG_API void tg_gradients(tg_grads d, const tg_node *params, size_t count, tg_node *grads); /* tg_grad of each */

/* Scales all gradients by most/norm where their common norm √ΣΣg² is above it; gives the norm. most > 0. No square
 * overflows or vanishes. A norm too large for its dtype is infinite; the gradients are scaled all the same. */
TG_API tg_node tg_clip_global_norm(tg_node *grads, size_t count, double most, const char *scope);

/* g += weight_decay·p;  velocity = momentum·velocity + g;  p -= rate·velocity, with nesterov p -= rate·(g +
 * momentum·velocity) (Sutskever et al. 2013, in PyTorch's form). momentum in [0, 1). */
typedef struct tg_sgd_options {
    double momentum, weight_decay;
    bool nesterov;
} tg_sgd_options;
TG_API void tg_sgd(const tg_node *params, const tg_node *grads, size_t count, tg_node rate, tg_sgd_options options,
                   const char *scope);

/* m = beta1·m + (1 - beta1)·g;  v = beta2·v + (1 - beta2)·g²;  p -= rate·mhat/(√vhat + eps) with mhat = m/(1 - beta1ᵗ),
 * vhat = v/(1 - beta2ᵗ) (Kingma and Ba 2015). weight_decay: adam adds weight_decay·p to g; adamw takes
 * rate·weight_decay·p from p (Loshchilov and Hutter 2019). */
typedef struct tg_adam_options {
    double beta1, beta2, eps, weight_decay;
} tg_adam_options;
TG_API tg_adam_options tg_adam_defaults(void); /* 0.9, 0.999, 1e-8, 0 */
TG_API void tg_adam(const tg_node *params, const tg_node *grads, size_t count, tg_node rate, tg_adam_options options,
                    const char *scope);
TG_API void tg_adamw(const tg_node *params, const tg_node *grads, size_t count, tg_node rate, tg_adam_options options,
                     const char *scope);

/* Rates by the number of steps taken, a floating scalar (tg_counter):
 *   steps    rate·factor^⌊count/every⌋
 *   cosine   last + (rate - last)·(1 + cos π·min(count/steps, 1))/2 (Loshchilov and Hutter 2017, without restarts)
 *   warmup   rate·min((count + 1)/steps, 1), before what `rate` does by itself */
TG_API tg_node tg_rate_steps(tg_node count, double rate, double factor, double every);
TG_API tg_node tg_rate_cosine(tg_node count, double rate, double last, double steps);
TG_API tg_node tg_rate_warmup(tg_node count, tg_node rate, double steps);

/* -------------------------------------------------------------------------------------------------------- read */

TG_API const void *tg_value(tg_node a);         /* row-major; NULL where nothing valid has been computed */
TG_API double tg_item(tg_node a, size_t index); /* one element as a double; NaN where there is none, or it is stale */
TG_API tg_shape tg_dims(tg_node a);
TG_API size_t tg_size(tg_node a); /* number of elements */
TG_API tg_dtype tg_dtype_of(tg_node a);
TG_API const char *tg_name(tg_node a);             /* first name; "" for none */
TG_API const char *tg_alias(tg_node a, size_t i);  /* i-th name, 0 the first; NULL beyond the last */
TG_API bool tg_is_param(tg_node a);
TG_API const char *tg_op_of(tg_node a);            /* "mul"; "input", "param", "const" for leaves; "" for nil */
TG_API tg_node tg_operand(tg_node a, int slot);    /* nil beyond the last */

typedef struct tg_place {
    const char *file;  /* where it was written; NULL: not known */
    int line;
    const char *scope; /* "bn1/"; "" outside of any */
    const char *name;  /* the name its stage was closed with; "" for none */
    int stage;         /* 0: leaf; -1: no TG_LET has closed its stage yet */
} tg_place;
TG_API tg_place tg_where_is(tg_node a);
TG_API int tg_stage(tg_node a);

TG_API uint32_t tg_count(const tg_graph *g);           /* nodes have the ids 1 to count, in order of creation */
TG_API tg_node tg_node_at(tg_graph *g, uint32_t id);

/* ------------------------------------------------------------------------------------------------------ errors */

TG_API tg_status tg_error(const tg_graph *g);       /* TG_OK, or the first error */
TG_API const char *tg_message(const tg_graph *g);   /* "" for none; names operator, operands, shapes, place */

/* For composites of your own. tg_fail records an error, and gives nil. tg_composite_open does what tg_scope_open does,
 * and until its tg_scope_close errors begin with `name` (borrowed until then; of composites in each other the outermost)
 * and are located by the TG_LET around the call, not by one within. */
TG_API tg_node tg_fail(tg_graph *g, tg_status status, const char *format, ...) TG_FORMAT_(3, 4);
TG_API void tg_composite_open(tg_graph *g, const char *name, const char *scope);

/* ------------------------------------------------------------------------------------------------------ people */

TG_API void tg_print(tg_graph *g, FILE *file);                                     /* the tape as a table */
TG_API void tg_print_part(tg_graph *g, FILE *file, uint32_t first, uint32_t count);

/* The same with one line for each outermost scope in place of its nodes, but for the scope `open` ("bn1/"; NULL: none)
 * and those around it. */
TG_API void tg_print_folded(tg_graph *g, FILE *file, const char *open);

/* Tables go to a FILE of yours and have no status: ferror tells what it could not write. (A pipe without a reader raises
 * SIGPIPE, as it does for printf.) How they look: colour on a terminal, unless NO_COLOR is set or TERM is
 * "dumb"; FORCE_COLOR has it anyway. Unicode where the codeset of the user's locale (LC_ALL, LC_CTYPE, LANG) is UTF-8,
 * else ASCII. */
TG_API bool tg_has_colour(FILE *file);
TG_API bool tg_has_unicode(void);

/* Named nodes that the sweep passed, forward in the order of the tape, and then the sweep's names backward by stage,
 * n…0, each with its formula and a summary of its value. scope: "" for what was written in none, "bn1/" for one of
 * them, NULL for all. */
TG_API void tg_print_steps(tg_grads d, const char *scope, FILE *file);
TG_API void tg_print_ledger(tg_grads d, tg_node a, FILE *file); /* each term: sender, path, share of the whole */
TG_API void tg_print_operators(FILE *file); /* the table of operators, Markdown; tg_operator_at has your own too */

/* One node in full: where it was written, operands, consumers, formula, local derivative, value, and from every sweep
 * that reached it the gradient and the ledger, each path unfolded. */
TG_API void tg_explain(tg_node a, FILE *file);

/* The stepper: what happened at moment k of the log (tg_moments), as far as it is a step of sweep d: an operator's value
 * was computed, from what; or a term was delivered, upstream gradient and local derivative, what it is added to, and
 * which consumers are still pending. false, and nothing printed: the moment is none of these. */
TG_API bool tg_print_moment(tg_grads d, size_t k, FILE *file);

/* Why topological order: the sweep once more on an f64 copy, visiting nodes as naive recursion does (depth first, each
 * once: it sends to all its operands and goes on to the first). Names every node that was read before all its terms had
 * arrived, who was missing, and the wrong gradients of the leaves beside the right ones. Leaves must have values. */
TG_API TG_CHECK tg_status tg_print_wrong_order(tg_grads d, FILE *file);

/* The formula of a node in the names of its operands, unnamed ones written out. Returns the length it needs. */
TG_API size_t tg_formula(tg_node a, char *text, size_t room);

/* The first node in tape order with a NaN or an infinity. text (may be NULL) tells how it came about: forward or
 * backward, operator, place, index of the element, the operands' values there and their ranges. nil: all computed values
 * are finite; infinities of constants, which were meant, do not count. tg_save_leaves writes what is needed to see it
 * again. */
TG_API tg_node tg_first_nonfinite(tg_graph *g, char *text, size_t room);

/* Comparison of a node's value with an array of the same shape and any dtype, one column (last axis) at a time: largest
 * |difference| over largest scale, where the scale is the formula's outermost operation on absolute values (for a sum
 * Σ|terms|, for a difference |a| + |b|). Two NaN are equal; a NaN and a number never are. */
typedef struct tg_difference {
    const char *name;  /* what was compared */
    int stage;         /* of the node; from tg_diverge, of the name, for an alias has a stage of its own */
    double error;      /* of the worst column, over its scale; infinite: a NaN or Inf on one side, or scale 0 */
    size_t index;      /* of the worst element, with both values and the scale */
    double ours, theirs, scale;
    bool parts;        /* error > tolerance */
    bool misshapen;    /* from tg_diverge: the array has another shape, so nothing could be compared: it parts, error is
                          infinite, ours, theirs and scale are NaN */
    tg_shape shape;    /* of the array */
} tg_difference;

typedef struct tg_array {
    const char *name;
    tg_dtype dtype;
    tg_shape shape;
    const void *data;
} tg_array;

/* floor (may be NULL): for each column an absolute difference that is not held against it; adds floor/tolerance to its
 * scale. */
TG_API TG_CHECK tg_status tg_compare(tg_node a, tg_array other, double tolerance, const double *floor,
                                     tg_difference *result);

/* First divergence: lays arrays beside the nodes that have their names, fills rows[count] in the order of the tape,
 * and gives the number of the first row that parts, or count where none does. A name that no node has is an error; an
 * array of another shape is a row that parts.
 * A difference that rounding itself would make is not held against a column: a constant column has variance 0 in truth
 * and rounding in practice. It is measured by running an f64 twin whose every result is moved by some units of roundoff
 * (CESTAC, Vignes 1974). The units are those of f32 if the tape is in f32 or any of the arrays is. */
TG_API TG_CHECK tg_status tg_diverge(tg_graph *g, const tg_array *others, size_t count, double tolerance,
                                     tg_difference *rows, size_t *first);

/* Gradient check of `out` with respect to every input and param leaf that its sweep reaches: fourth-order central
 * differences of Σ cotangent·out against tg_backward, both on an f64 twin of the tape (the graph itself is not changed;
 * its leaves must have values). Each column (last axis) of a leaf is judged by its own scale, the largest gradient in
 * it; steps are relative to the column's range and shortened or lengthened until the differences settle, so a kink
 * beside x does no harm. Differences see through tg_detach: where what it stops matters, the check fails.
 * The verdict of a leaf is that of its weightiest element: FAIL > NOISE > KINK > PASS > VACUOUS. */
typedef enum tg_verdict {
    TG_PASS,    /* they agree to the tolerance in every column that is not vacuous, and there are such */
    TG_FAIL,    /* they differ: see index, ours, numeric; or ours is not finite and the differences are */
    TG_VACUOUS, /* in all columns the gradient lies below the noise, or is no more than the rounding of what cancels:
                   nothing is proved; change the cotangent */
    TG_KINK,    /* at an element the function has two slopes (relu at 0, ties of max); the others agree */
    TG_NOISE    /* at an element the differences do not settle to the tolerance, or are not finite; none is refuted */
} tg_verdict;

typedef struct tg_check {
    tg_node leaf;
    tg_verdict verdict;
    double error;        /* |ours - numeric| of the worst element, over the largest gradient of its column */
    double noise;        /* of that numeric, over the same */
    size_t index;        /* of the worst element, among those that the verdict is about */
    double ours, numeric;
    size_t vacuous;      /* columns whose gradient is below the noise, out of columns */
    size_t columns;
    size_t checked;      /* elements that were looked at */
} tg_check;

typedef struct tg_check_options {
    double tolerance;        /* 0: 1e-8 */
    size_t limit;            /* elements to look at in a leaf, spread over its columns; 0: all */
    uint64_t seed;           /* of the random cotangent */
    const double *cotangent; /* of out's size; NULL: random, ±0.5 to ±1.5, from seed; 1 where out is a single number */
    tg_grads sweep;          /* of out, whose mistakes (tg_mutate) are repeated before it is checked; nil: none */
    void (*progress)(void *user, size_t done, size_t total); /* elements, every so often; may be NULL */
    void *user;
} tg_check_options;

/* Fills checks[room], one per leaf in tape order, and *count with how many there are. options: NULL for defaults.
 * An element costs 8 runs of the tape up to out, more where the differences are slow to settle. */
TG_API TG_CHECK tg_status tg_check_gradient(tg_node out, const tg_check_options *options, tg_check *checks, size_t room,
                                            size_t *count);
TG_API const char *tg_verdict_name(tg_verdict v);

/* A wrong backward on purpose: sweep d once more, from the same seed, with the term that `sender` sends to its operand
 * `slot` dropped, negated, or multiplied by `factor`: a node that broadcasts to the operand; nil but for TG_SCALE. A
 * dropped term is delivered as zeros, so that a mutant has the same gradients, names and ledgers, and "dx = 0" can be
 * said. A mutant of a mutant makes both mistakes. An edge over which nothing is sent is an error. */
typedef enum tg_mutation { TG_DROP, TG_FLIP, TG_SCALE } tg_mutation;
TG_API tg_grads tg_mutate(tg_grads d, tg_node sender, int slot, tg_mutation kind, tg_node factor);

/* ---------------------------------------------------------------------------------------------------- programs
 * What a part of the tape computes, as one function that an expert would write: the tape is simplified, fused into few
 * loop nests, written as C, compiled by the system's compiler and loaded. Where that cannot be (no compiler, a full
 * disk), the interpreter runs the simplified tape, more slowly: tg_program_stats(p).compiled is then false, and
 * tg_program_note says why; with TG_MUST_COMPILE it is an error of tg_compile instead. The tape is only read. */

typedef enum tg_mode {
    /* Algebra and fused multiply-add: other last digits than tg_run's, the same for any number of threads; an error of
     * at most about twice tg_run's. Where tg_run has a NaN it has one too, unless tg_run's comes from an overflow of
     * finite numbers, or from an infinity times a 0 that is a rounding error here. Σ c·x = c·Σx, where c is constant
     * along the axes, is NaN for an infinite c. Products of different factors may be formed in another order, and
     * overflow or vanish there; divisors are not combined, and powers not formed that the tape does not form. The
     * simplified tape never costs more than the tape. */
    TG_FAST,
    TG_EXACT /* tg_run's bits; where it has a NaN, a NaN, whose sign and payload may be others */
} tg_mode;

enum { /* flags of tg_compile_options */
    TG_ASSUME_FINITE = 1, /* TG_FAST: no value is infinite or NaN and no divisor 0, so that x - x = 0, 0*x = 0, x/x = 1
                             and exp(log(x)) = x. Where one is, NaNs may be lost; the digits are those of TG_FAST */
    TG_WITH_ASSIGNS = 2,  /* what tg_assign noted so far is computed too, for tg_program_step; nothing: an error */
    TG_INTERPRET = 4,     /* nothing is compiled: the interpreter runs the simplified tape */
    TG_MUST_COMPILE = 8   /* TG_COMPILER, with the reason, where the interpreter would have to run it */
};

typedef struct tg_compile_options {
    tg_mode mode;
    unsigned flags;
    const tg_node *given; /* nodes that are not computed but read, as tg_run left them in the graph, or where */
    size_t givens;        /* tg_program_give says. A backward pass alone is given the forward's statistics */
} tg_compile_options;

typedef struct tg_program tg_program; /* freed by tg_program_free, or with its graph */

/* outputs: nodes of g, what tg_program_value can read; none if all that matters is what is assigned. NULL: the reason is
 * in g, as a run error (tg_message). */
TG_API tg_program *tg_compile(tg_graph *g, const tg_node *outputs, size_t count, tg_compile_options options);
TG_API void tg_program_free(tg_program *p);

/* Reads the leaves and what is given as they are now, and computes the outputs into the program's own memory: the tape's
 * values stay as they are. Errors are tg_run's and are in the graph. A rewind below an output, or a leaf that it needs,
 * makes the program stale: TG_HANDLE. */
TG_API TG_CHECK tg_status tg_program_run(tg_program *p);

/* What tg_commit does, with what the last tg_program_run computed: between the two look at the outputs, or leave the
 * commit out. Each commit needs a run of its own. An assign that was added to the tape after tg_compile is an error, for
 * it would be left out. tg_program_step is a run and a commit. */
TG_API TG_CHECK tg_status tg_program_commit(tg_program *p);
TG_API TG_CHECK tg_status tg_program_step(tg_program *p);

/* Of the last run, also of a step: then before the commit. NULL: none, it failed, or no output. The memory is the
 * program's and stays where it is. */
TG_API const void *tg_program_value(const tg_program *p, tg_node output);

/* From now on this program reads `node`, an input, a param or a given node, at `data`, which is borrowed: what another
 * program computed, or a batch where it lies. NULL: from the graph again. What the graph holds stays what it is. Not for
 * a leaf that a step assigns to. */
TG_API TG_CHECK tg_status tg_program_give(tg_program *p, tg_node node, const void *data);

/* Ahead of time: writes directory/`function`.c and directory/`function`.h, C99 without dependencies but libm (and OpenMP,
 * where it is compiled so), for programs that do not have this library. Both are written, or none. The header says what
 * the function is given and gives (structs with a member for every leaf that is read, for every output, and, with
 * TG_WITH_ASSIGNS, for the next value of every leaf that takes one), how much workspace it wants, and how much stack.
 * function: a letter, then letters, digits and single underscores between them, fewer than 60 together, and no word of C
 * or Python; NULL: "network". A program that is interpreted is written just so. TG_EXACT: tg_run's bits, but for the sign
 * and payload of a NaN (exp, tanh and their like: within 4 units in the last place; products large enough for a BLAS: to
 * rounding). Constants of more than 1000 elements become inputs. TG_ARGUMENT: another name, which the message proposes
 * one for; an operator without C. */
TG_API TG_CHECK tg_status tg_write_c(tg_program *p, const char *function, const char *directory);

/* Why it is interpreted; of a compiled program, why its machine code is not kept for the next start; "": all is well. */
TG_API const char *tg_program_note(const tg_program *p);
TG_API const char *tg_program_source(const tg_program *p); /* the C, also where it could not be compiled */
TG_API tg_graph *tg_program_graph(const tg_program *p);    /* the simplified tape, for every reader; the program's. It
                                                              has values where the interpreter ran it */

typedef struct tg_traffic {
    size_t nests;             /* loop nests and calls of kernels */
    size_t passes;            /* those that go through as much data as the largest of them */
    double read, written;     /* bytes from and to memory, each array once a nest */
    size_t peak;              /* bytes of what is neither leaf nor output, at most at one time */
} tg_traffic;
typedef struct tg_stats {
    tg_traffic fused, staged; /* the program; the tape as it is, a nest for each node */
    size_t nodes, tape_nodes; /* of the simplified tape, and of the part of the tape that it stands for */
    bool compiled;            /* it runs as machine code; false: the interpreter runs it (tg_program_note) */
} tg_stats;
TG_API tg_stats tg_program_stats(const tg_program *p);

/* ----------------------------------------------------------------------------------------------- pictures and texts
 * Files for people and for other tools, replaced whole or not at all. d: the sweep whose gradients are shown; nil
 * ((tg_grads){g, 0, 0}): none. The same tape gives the same bytes. Whatever a name contains, it stays text. */

typedef struct tg_draw_options {
    bool bare;        /* no values and no gradients */
    bool whole;       /* all of the tape, adjoint nodes too; otherwise what the sweep's output depends on */
    bool folded;      /* scopes as one box each */
} tg_draw_options;
TG_API TG_CHECK tg_status tg_write_dot(tg_graph *g, tg_grads d, const char *path, const tg_draw_options *options);
TG_API TG_CHECK tg_status tg_write_svg(tg_graph *g, tg_grads d, const char *path, const tg_draw_options *options);

/* The explorer: one HTML file, no network. What it shows beside the tape comes from these; all may be 0. */
typedef struct tg_page_options {
    const char *title;
    tg_node out;          /* of the code tabs, as in tg_write_numpy; nil: the sweep's output */
    const char *function; /* its name there, as in tg_write_c; NULL: "network" */
    const tg_check *checks; /* verdicts of the gradient check */
    size_t check_count;
    const tg_difference *differences; /* from tg_diverge, beside what, and the tolerance */
    size_t difference_count;
    const char *beside;
    double tolerance;
} tg_page_options;
TG_API TG_CHECK tg_status tg_write_html(tg_graph *g, tg_grads d, const char *path, const tg_page_options *options);

/* The whole tape, its values and its log. The schema stands at the head of graph/export/json.c. */
TG_API TG_CHECK tg_status tg_write_json(tg_graph *g, const char *path);

/* `function`_forward, from the leaves to `out`, and `function`_backward, from the cotangent of out (an argument) to the
 * gradients of the leaves, in the tape's names with a comment for each step. out: a node that d passed; nil: d's output.
 * What the backward needs besides, from the rest of the tape, becomes an argument. LaTeX: an aligned derivation. C: C99
 * without dependencies but libm, one loop a node, the same bits as tg_run but for the sign and payload of a NaN (exp, tanh
 * and their like: within 4 units in the last place; products large enough for a BLAS, from 4 million multiplications on:
 * to rounding). function: as in tg_write_c; TG_ARGUMENT where it cannot be called so. */
TG_API TG_CHECK tg_status tg_write_numpy(tg_grads d, tg_node out, const char *function, const char *path);
TG_API TG_CHECK tg_status tg_write_latex(tg_grads d, tg_node out, const char *function, const char *path);
TG_API TG_CHECK tg_status tg_write_c_staged(tg_grads d, tg_node out, const char *function, const char *path);

/* ------------------------------------------------------------------------------------------------------- files
 * Errors go to the graph, name the file and the place in it; data read belongs to the graph. */

/* .npy versions 1 to 3, f4 f8 i4 i8 of either byte order, C or Fortran order; comes out in C order, i8 as i32 where
 * every value fits. Its name is the file's without .npy. Refuses object arrays and files of another length than their
 * header promises. */
TG_API TG_CHECK tg_status tg_read_npy(tg_graph *g, const char *path, tg_array *array);

/* Writes under a temporary name and renames: never a half-written file under `path`. */
TG_API TG_CHECK tg_status tg_write_npy(tg_graph *g, const char *path, tg_dtype dtype, tg_shape shape, const void *data);
TG_API TG_CHECK tg_status tg_save(tg_node a, const char *path);

/* .npz, several arrays in one file, stored or compressed; what numpy.savez and savez_compressed write, and what
 * numpy.load reads. Expansion is bounded by what the arrays' own headers promise. Names are the keys, without ".npy";
 * what could do harm in the name of a file is written %2A and read back: "../x" has the key "%2E./x". */
TG_API TG_CHECK tg_status tg_read_npz(tg_graph *g, const char *path, const tg_array **arrays, size_t *count);
TG_API TG_CHECK tg_status tg_write_npz(tg_graph *g, const char *path, const tg_array *arrays, size_t count);

/* Replay: every input and param leaf that has a value, by name (without one: by number, "#12"), and back into the
 * leaves of a tape that was built alike. Loading sets nothing unless names, shapes and dtypes all fit; the message lists
 * what does not. A leaf that the file lacks must have no value here either, and still has none afterwards. */
TG_API TG_CHECK tg_status tg_save_leaves(tg_graph *g, const char *path);
TG_API TG_CHECK tg_status tg_load_leaves(tg_graph *g, const char *path);

/* State: the params, and whatever has an assign: what training has made. All of it must be in the file, with its names,
 * shapes and dtypes; otherwise the message lists what differs, and nothing is set. part: the file may have more, as a
 * tape in test mode has no moments. Saving wants a name and a value for each, a counter too. */
TG_API TG_CHECK tg_status tg_save_state(tg_graph *g, const char *path);
TG_API TG_CHECK tg_status tg_load_state(tg_graph *g, const char *path, bool part);

/* A rectangular table of numbers, comma-separated; as it is or packed by gzip. The first line is a header of column
 * names if any cell in it is quoted or no number; below it, quotes around a number do not matter. */
typedef struct tg_table {
    size_t rows, columns;
    const double *data;       /* rows × columns */
    const char *const *names; /* columns of them; NULL without a header */
} tg_table;
TG_API TG_CHECK tg_status tg_read_csv(tg_graph *g, const char *path, tg_table *table);

/* Names of the columns of a node's last axis, for tables and drawings; copied. */
TG_API TG_CHECK tg_status tg_label_columns(tg_node a, const char *const *names, size_t count);
TG_API const char *tg_column(tg_node a, size_t column); /* NULL where there is none */

/* -------------------------------------------------------------------------------------------------------- undo */

/* tg_rewind takes back every node, name, scope and sweep since the mark, and a build error that happened since. The
 * memory is kept for what comes next, so a loop of mark, build, run and rewind stays flat. */
typedef struct tg_mark {
    tg_graph *graph;
    uint32_t at[12];
    size_t strings;
} tg_mark;
TG_API tg_mark tg_mark_now(tg_graph *g);
TG_API TG_CHECK tg_status tg_rewind(tg_graph *g, tg_mark mark);

/* --------------------------------------------------------------------------------------------------------- log
 * The history of the tape, moment by moment: what steppers and sliders walk. */
typedef enum tg_moment_kind {
    TG_APPENDED,  /* node was appended to the tape */
    TG_DELIVERED, /* term arrived at node, from sender's vjp, for its operand `slot` */
    TG_NAMED      /* node was given a name */
} tg_moment_kind;

typedef struct tg_moment {
    tg_moment_kind kind;
    tg_node node, term, sender;
    int slot;
    const char *name;
    int stage; /* of the node appended, the sender, or the name: an alias has a stage of its own */
} tg_moment;
TG_API size_t tg_moments(const tg_graph *g);
TG_API tg_moment tg_moment_at(tg_graph *g, size_t k);

/* ------------------------------------------------------------------------------------------ operators of your own
 * In two ways: by a forward and a vjp written in the operators above, or by a row of the table that all of them have.
 *
 * A forward and a vjp of your own for it. forward(in) appends the computation and gives its result, from nothing but
 * `in` and constants: another node that an adjoint may arrive at would lose its gradient, and is an error.
 * vjp(z, g, in, slot) gives the gradient that operand in[slot] gets, of its dtype and shape (or one that its shape
 * broadcasts to), from z, the result, and g = dL/dz; what it gives may be differentiated again. Neither names nodes of
 * its own unless in a scope of its own, rewinds, or runs. On the tape stand what forward appended, and behind it a node
 * called `name` with forward's result and in[…] as operands: its value is the result, no copy, and gradients go past
 * forward to in[…] as vjp says. A gradient check compares it with differences of forward: a straight-through estimator
 * fails it. n: 1 to 3; integers too, which get no gradient. op and user are borrowed, and must outlive the graph. */
typedef struct tg_custom_op {
    const char *name; /* an identifier that no operator has */
    tg_node (*forward)(const tg_node *in, void *user);
    tg_node (*vjp)(tg_node z, tg_node g, const tg_node *in, int slot, void *user);
} tg_custom_op;
TG_API tg_node tg_custom(const tg_custom_op *op, const tg_node *in, int n, void *user);

/* A row: shape rule, kernel, vjp. Only name, operands, shape and run are needed; the rest may be NULL or 0. */
#define TG_MAX_OPERANDS 4
typedef struct tg__rule tg_rule; /* what a shape rule sees and fills in */
typedef struct tg__call tg_call; /* what a kernel sees: operand data, and the place for the result */
struct tg__emit;
struct tg__node;
typedef void tg_loop(void *out, const void *const *in, const size_t *step, size_t count);

typedef struct tg_op {
    const char *name;      /* an identifier that no other operator of the graph has */
    const char *formula;   /* "z = x*y": x y w v are the operands; the words axes, shape, order, dtype, number,
                              extent, steps, slices, fill and elements stand for the attributes of a node;
                              NULL: "z = name(x, y)" */
    const char *gradient;  /* the vjp as text, for tables, operands separated by ", " */
    const char *symbol;    /* in a drawing: "×", "Σ", "√"; NULL: the name */
    const char *numpy;     /* the formula in NumPy, letters and words as in formula: "np.sqrt(x)"; zero half one: of
                              the node's dtype; T, in x.T: the last two axes swapped; margin outside span every taps down
                              across: where the taps of a window look; widths spread apart: what a pad puts around and
                              between. Without a form below, a second form, behind ";", is for axes dropped behind one
                              that stays: dropped. NULL: tg_write_numpy refuses a tape that has it */
    const char *tex;       /* the same typeset, in the LaTeX that mathml_reader.c reads: "\\sqrt{x}"; times: \\cdot
                              beside a single number, else \\odot. Without a form below, a second one is for a number
                              as the last operand */
    const char *tex_back;  /* the vjp typeset, operands separated as in gradient; NULL: none */
    const char *code;      /* the kernel's own C expression, for both dtypes, in a b c d (not x y w v): "a > 0 ? a : 0";
                              NULL: not elementwise, or none: without it
                              tg_write_c_staged refuses a tape that has the operator */
    int operands;          /* 1 to TG_MAX_OPERANDS */
    bool drawn;            /* the value is a draw, not a function that a gradient check may try elsewhere: it is taken
                              as the last run left it */
    int (*form)(const struct tg__node *n); /* which of several forms, separated by "; ", of formula, gradient, numpy, tex
                              and tex_back is a node's, from 0; NULL: the first. For the library's own rows */
    bool batches;          /* the axes before the last two broadcast */
    bool view;             /* the value is operand 0's memory: as many elements, the same dtype; run is not called */
    bool (*shape)(tg_rule *r);     /* checks the operands and sets dtype and shape; false: refused, and has said why */
    tg_status (*run)(tg_call *c);  /* f32 and f64 alike: checks compute in f64 what the tape has in f32 */
    void (*emit)(struct tg__emit *e); /* writes the kernel as C; for the library's own rows */
    tg_loop *loop[2];      /* elementwise: one row, f32 and f64; for tg_run_elementwise */
    bool transcendent;     /* computed by the C library: of vectors and of single numbers with other last digits */
    tg_node (*vjp)(tg_node z, tg_node g, int slot); /* what operand `slot` gets, as in tg_custom_op; nil without an
                              error: no gradient for this operand; NULL: for none */
    const struct tg_op *magnitude; /* the operation on absolute values that bounds its rounding; NULL: |z| itself */
    bool through;          /* as an outer operation it scales or moves, and the scale is that of what is inside */
    unsigned nature;       /* what may be known of values and slopes (enum tg__nature); for the library's own rows */
    double low, high;      /* where tests draw operands from */
    const void *user;      /* attributes of your own: tg_rule_user, tg_call_user, tg_user_of */
} tg_op;

/* Takes a row into the graph, for good; a second time it is nothing. An error names the field that is wrong. The row
 * is copied, but `op` stays what tg_apply knows it by, and user and magnitude are borrowed. */
TG_API TG_CHECK tg_status tg_register(tg_graph *g, const tg_op *op);
TG_API tg_node tg_apply(const tg_op *op, const tg_node *operands); /* as many as the row says; op: registered */
TG_API const tg_op *tg_operator_at(const tg_graph *g, size_t i); /* all rows, the registered ones last; NULL: no more */
TG_API const void *tg_user_of(tg_node a); /* of the row of its operator, for a vjp */

/* For shape rules. Whole ones: operands of one floating dtype, that broadcast as in NumPy; that give the first one's
 * shape; any first operand, and a result like it. Then the parts. A rule that sets no shape is an error. */
TG_API bool tg_rule_broadcast(tg_rule *r);
TG_API bool tg_rule_first(tg_rule *r);
TG_API bool tg_rule_any(tg_rule *r);
TG_API bool tg_rule_floats(tg_rule *r); /* only checks that all operands have one floating dtype */
TG_API tg_node tg_rule_operand(const tg_rule *r, int slot); /* for tg_dims, tg_dtype_of; nil beyond the last */
TG_API const void *tg_rule_user(const tg_rule *r);
TG_API bool tg_rule_set(tg_rule *r, tg_dtype dtype, tg_shape shape); /* of the result; false: there is no such shape */
TG_API bool tg_rule_fail(tg_rule *r, tg_status status, const char *format, ...) TG_FORMAT_(3, 4); /* false */

/* For kernels. Data is row-major and of the dtype that the node, or the operand, has: tg_dims, tg_dtype_of, tg_operand
 * of tg_call_node. */
TG_API tg_node tg_call_node(const tg_call *c);
TG_API const void *tg_call_input(const tg_call *c, int slot); /* NULL beyond the last */
TG_API void *tg_call_output(const tg_call *c);
TG_API const void *tg_call_user(const tg_call *c);
TG_API tg_status tg_call_fail(const tg_call *c, tg_status status, const char *format, ...) TG_FORMAT_(3, 4);

/* A run for elementwise rows: broadcasts, and calls loop for `count` elements at a time, from several threads at once:
 * out[i] from in[0][i * step[0]], in[1][i * step[1]] …, steps 0 or 1. */
TG_API tg_status tg_run_elementwise(tg_call *c);

/* ------------------------------------------------------------------------------------------------------- build
 * What this library was built with, and what it uses on this processor: speed and last digits depend on it. For a report
 * of a fault, and for a program that wants to know why it is slow. The texts are constants. */

typedef struct tg_build {
    const char *version;     /* of the library; the header's is TG_VERSION */
    const char *compiler;    /* "gcc 12.2.0" */
    const char *blas;        /* for large products, and its kernels where it names them; "none": the library's own loop */
    bool blas_held;          /* the BLAS can be held to one thread; otherwise it waits for tg_allow_any_blas */
    bool openmp;
    int threads;             /* as many as OpenMP would start now; 1 without it */
    const char *vector_math; /* exp, sin, … of a vector at a time: "libmvec"; "none": of one number at a time */
    const char *processor;   /* which of the library's own loops fits it: "AVX-512", "AVX2", "baseline" */
    const char *zlib;        /* its version */
} tg_build;
TG_API tg_build tg_build_info(void);
TG_API void tg_print_build(FILE *file); /* the same as a table, a line for each */

/* ------------------------------------------------------------------------------------------------------ memory */

/* All memory of a graph comes from here. alloc gives memory aligned as malloc's, or NULL; free gets the size back. */
typedef struct tg_allocator {
    void *(*alloc)(void *user, size_t bytes);
    void (*free)(void *user, void *block, size_t bytes);
    void *user;
} tg_allocator;
TG_API tg_graph *tg_graph_new_with(tg_allocator allocator);

#ifdef __cplusplus
}
#endif
#endif
