/* tg_write_numpy: Python runs what was written, and it gives what the tape gives (tests/numpy_check). */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw, M_PI */
#include "api.h"
#include "by_numpy.h"

TestSuite(numpy, .timeout = 120);

/* ------------------------------------------------------------------------------------------- the flagship, on wine */

static tg_node nine_lines(tg_node x, tg_node gamma, tg_node beta, tg_node share, tg_node eps) {
    TG_LET(mu, tg_mul(tg_sum(x, tg_axis(0)), share));
    TG_LET(xmu, tg_sub(x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(tg_sum(sq, tg_axis(0)), share));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, eps)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, ivar));
    TG_LET(gammax, tg_mul(gamma, xhat));
    TG_LET(out, tg_add(gammax, beta));
    return out;
}

static void wine(tg_dtype dtype) {
    tg_graph *g = tg_graph_new();
    uint64_t state = 11;
    tg_table t;
    cr_assert_eq(tg_read_csv(g, SOURCE "/examples/data/wine.csv", &t), TG_OK, "%s", tg_message(g));
    const int64_t n = (int64_t)t.rows, k = (int64_t)t.columns - 1;
    double *values = malloc(t.rows * t.columns * sizeof *values);
    for (size_t i = 0; i < t.rows; i++)
        for (int64_t j = 0; j < k; j++) values[(int64_t)i * k + j] = t.data[i * t.columns + 1 + (size_t)j];
    TG_LET(x, tg_input(g, dtype, tg_shape2(n, k)));
    cr_assert_eq(set_doubles(x, values), TG_OK);
    free(values);
    TG_LET(gamma, leaf(g, dtype, tg_shape1(k), &state, 0.5, 1.5));
    TG_LET(beta, leaf(g, dtype, tg_shape1(k), &state, -0.5, 0.5));
    tg_node out = nine_lines(x, gamma, beta, tg_scalar(g, dtype, 1 / (double)n), tg_scalar(g, dtype, 1e-5));
    TG_LET(dout, leaf(g, dtype, tg_shape2(n, k), &state, -1, 1));
    put(tg_backward(out, dout), tg_nil(g), "wine");
    tg_graph_free(g);
}

Test(numpy, wine) {
    begin();
    wine(TG_F64);
    end();
}

/* Every function that makes nodes; a row of one's own says nothing of NumPy. */
Test(numpy, every_constructor) {
    uint64_t state = 41;
    begin();
    for (size_t i = 0; i < PROGRAMS; i++) {
        if (!programs[i].smooth || strcmp(programs[i].name, "apply") == 0) continue;
        tg_graph *g = tg_graph_new();
        tg_node a[API_LEAVES];
        const int n = api_leaves(g, programs[i].leaves, a);
        for (int k = 0; k < n; k++)
            if (!tg_value(a[k])) cr_assert_eq(api_give(a[k], &state), TG_OK);
        put_twice(programs[i].make(a), &state, programs[i].name);
        tg_graph_free(g);
    }
    end();
}

/* ----------------------------------------------------------------------------------------------------- composites */

static tg_node labels(tg_graph *g, int64_t n, int64_t classes, uint64_t *state) {
    tg_node label = tg_input(g, TG_I32, tg_shape1(n));
    int32_t *values = malloc((size_t)(n + 1) * sizeof *values);
    for (int64_t i = 0; i < n; i++) values[i] = (int32_t)random_below(state, (size_t)classes);
    cr_assert_eq(tg_set(label, values), TG_OK);
    free(values);
    return label;
}

/* Two layers, a way around the second, and a loss; the whole and parts of it. */
static void network(tg_dtype dtype, bool named) {
    tg_graph *g = tg_graph_new();
    uint64_t state = 5;
    const int64_t n = 12, k = 5, m = 5, classes = 3;
    tg_node x = leaf(g, dtype, tg_shape2(n, k), &state, -2, 2), label = labels(g, n, classes, &state);
    tg_node h = tg_batchnorm(x, leaf(g, dtype, tg_shape1(k), &state, 0.5, 2),
                             leaf(g, dtype, tg_shape1(k), &state, -1, 1), tg_axis(0), 1e-5, named ? "bn" : NULL);
    tg_node a = tg_relu(tg_linear(h, leaf(g, dtype, tg_shape2(k, m), &state, -1, 1),
                                  leaf(g, dtype, tg_shape1(m), &state, -1, 1), named ? "one" : NULL));
    tg_node scores = tg_linear(tg_add(a, h), leaf(g, dtype, tg_shape2(m, classes), &state, -1, 1),
                               leaf(g, dtype, tg_shape1(classes), &state, -1, 1), named ? "two" : "here");
    tg_node loss = tg_softmax_loss(scores, label, named ? "loss" : NULL);
    tg_grads d = tg_backward(loss, tg_nil(g));
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    put(d, tg_nil(g), "network");
    put(d, scores, "scores");
    put(d, a, "relu"); /* h has a term on a way around it */
    put(d, h, "bn");
    put(d, x, "leaf");
    tg_graph_free(g);
}

/* Layers and losses, and labels that are computed; the whole, and its second derivatives. */
static void layers(tg_dtype dtype) {
    tg_graph *g = tg_graph_new();
    uint64_t state = 6;
    tg_node x = leaf(g, dtype, tg_shape2(9, 4), &state, -2, 2), w = leaf(g, dtype, tg_shape2(4, 4), &state, -1, 1);
    tg_node b = leaf(g, dtype, tg_shape1(4), &state, 0.5, 1);
    tg_node y = tg_mlp(x, (tg_node[]){w, w}, (tg_node[]){b, b}, 2, "net"), label = tg_argmax(x, tg_axis(1));
    y = tg_log_softmax(tg_layernorm(y, b, b, 1, 1e-3, "ln"), 1, "logp");
    tg_node loss = tg_nll_loss(y, label, tg_std(x, tg_axis(0), 1), TG_MEAN, "nll");
    loss = tg_add(loss,
                  tg_mse_loss(tg_softmax(x, 0, "s"),
                              tg_mean(tg_expand_axes(x, tg_shape3(9, 2, 4), tg_axis(1)), tg_axis(1)), TG_SUM, "mse"));
    put_twice(tg_add(loss, tg_logsumexp(x, tg_axes_all())), &state, "layers");
    tg_graph_free(g);
}

static void batchnorm(uint64_t *state, tg_dtype dtype) {
    tg_graph *g = tg_graph_new();
    tg_shape shape = {.rank = 1 + (int)random_below(state, 4)};
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = 1 + (int64_t)random_below(state, 4);
    tg_node x = leaf(g, dtype, shape, state, -2, 2);
    tg_axes axes = tg_axis((int)random_below(state, (size_t)shape.rank));
    if (shape.rank > 1 && random_below(state, 2)) axes = tg_axes2(0, -1);
    tg_shape rest = tg_dims(tg_sum(x, axes));
    tg_node out = tg_batchnorm(x, leaf(g, dtype, rest, state, 0.5, 2), leaf(g, dtype, rest, state, -1, 1), axes, 1e-3,
                               random_below(state, 2) ? "bn" : NULL);
    put_twice(out, state, "batchnorm");
    tg_graph_free(g);
}

Test(numpy, composites) {
    uint64_t state = 77;
    begin();
    network(TG_F64, true);
    network(TG_F64, false);
    layers(TG_F64);
    for (int i = 0; i < 20; i++) batchnorm(&state, TG_F64);
    end();
}

/* ----------------------------------------------------------------------------------------------- row by row */

static const struct pattern {
    int rank[2];
    int64_t dim[2][TG_MAX_RANK];
} patterns[] = {
    {{2, 2}, {{4, 3}, {4, 3}}},
    {{2, 1}, {{4, 3}, {3}}},
    {{2, 2}, {{4, 3}, {4, 1}}},
    {{2, 0}, {{4, 3}}},
    {{0, 0}, {{0}}},
    {{2, 2}, {{3, 1}, {1, 4}}},
    {{2, 1}, {{0, 3}, {3}}},
    {{3, 3}, {{2, 1, 4}, {1, 3, 1}}},
    {{8, 8}, {{1, 2, 1, 2, 1, 2, 1, 2}, {2, 1, 2, 1, 2}}},
};

/* A third of the patterns, every row the next: broadcasting is not the row's business. */
static void elementwise(const struct tg_op *op, tg_dtype dtype, size_t row, uint64_t *state) {
    for (size_t i = row % 3; i < sizeof patterns / sizeof *patterns; i += 3) {
        tg_graph *g = tg_graph_new();
        tg_node in[3];
        for (int k = 0; k < op->operands; k++) {
            tg_shape shape = tg_shape_n(patterns[i].rank[k % 2], patterns[i].dim[k % 2]);
            for (int axis = 5; shape.rank == 8 && k % 2 && axis < 8; axis++) shape.dim[axis] = 1 + axis % 2;
            in[k] = leaf(g, dtype, shape, state, op->low, op->high);
        }
        tg_node z = tg__apply(op, in, NULL);
        put_twice(op->vjp ? z : tg_mul(z, in[0]), state, op->name);
        tg_graph_free(g);
    }
}

static tg_node matmul(tg_node x, tg_node flat, int way) {
    const tg_node first = tg_exp(tg_matmul(x, tg_sum(x, tg_axes2(0, 1)))); /* [2, 3]: a vector, and batches below */
    switch (way) {
    case 0: return tg_matmul(flat, tg_transpose(tg_exp(flat), tg_axes_all()));
    case 1: return tg_matmul_t(x, tg_exp(x), false, true);
    case 2: return tg_matmul_t(tg_neg(x), first, true, true);
    case 3: return tg_matmul_t(tg_add(flat, flat), tg_sub(flat, flat), true, false);
    default: return tg_matmul(first, x);
    }
}

static tg_node pictures(tg_node x, const char *op, int way) {
    static const tg_window how[] = {{{1, 1}, {0, 0}, {1, 1}},
                                    {{1, 1}, {1, 2}, {1, 1}},
                                    {{2, 1}, {1, 0}, {1, 2}},
                                    {{1, 3}, {2, 1}, {2, 1}},
                                    {{2, 2}, {0, 1}, {1, 1}}};
    const tg_node many = tg_reshape(x, tg_shape4(2, 1, 3, 4)), w = tg_exp(tg_reshape(x, tg_shape4(3, 1, 2, 4)));
    const tg_node taps = tg_windows(way ? tg_square(many) : many, 2, 2, how[way], way == 3 ? INFINITY : 0);
    const tg_node v = tg_sum(w, tg_keep(tg_axis(3))), z = tg_conv2d(many, v, how[way]); /* windows of 2 x 1 */
    if (!strcmp(op, "windows")) return way == 3 ? tg_exp(tg_neg(taps)) : taps;
    if (!strcmp(op, "fold")) return tg_fold(tg_exp(tg_windows(many, 2, 2, how[way], 0)), tg_dims(many), 2, 2, how[way]);
    if (!strcmp(op, "conv2d_data")) return tg_conv2d_data(tg_square(z), v, tg_dims(many), how[way]);
    if (!strcmp(op, "conv2d_weight")) return tg_conv2d_weight(many, tg_square(z), tg_dims(v), how[way]);
    return z;
}

static tg_node moved(tg_node x, const char *op, int way) {
    static const tg_range range[][3] = {{{1, 2, 1}, {TG_END, TG_BEGIN, -1}, {TG_END, 0, -2}},
                                        {{0, TG_END, 1}, {0, TG_END, 2}, {1, -1, 1}},
                                        {{0, 0, 1}, {0, 1, 1}, {0, TG_END, 1}},
                                        {{0, TG_END, 1}, {0, TG_END, 1}, {0, TG_END, 1}},
                                        {{1, TG_BEGIN, -1}, {0, 2, 1}, {3, TG_END, 1}}};
    const tg_shape none[] = {{.rank = 0}, {.rank = 1}, {.rank = 2}, {.rank = 3}};
    tg_node one = tg_sum(x, tg_axes_all()), three = tg_sum(x, tg_axes2(0, 2)), six = tg_slice(x, 0, 0, 1, 1);
    if (!strcmp(op, "slice")) return way == 3 ? tg_slice_n(one, 0, NULL) : tg_slice_n(x, 3, range[way]);
    if (!strcmp(op, "pad") && way == 0) return tg_pad(x, tg_shape3(1, 0, 2), none[3], -0.1);
    if (!strcmp(op, "pad") && way == 1) return tg_pad(three, tg_shape1(2), tg_shape1(1), (double)INFINITY);
    if (!strcmp(op, "pad") && way == 2) return tg_pad(one, none[0], none[0], 1);
    if (!strcmp(op, "pad")) return tg_pad(tg_slice(x, 1, 0, 4 - way, 1), tg_shape3(0, 1, 1), none[3], 3);
    if (!strcmp(op, "concat")) return tg_concat((tg_node[]){x, six, tg_exp(x)}, 2 + (size_t)way % 2, way < 2 ? 0 : -3);
    return tg_nil(x.graph);
}

static tg_node structured(tg_node x, const char *op, int way) {
    tg_graph *g = x.graph; /* x: [2, 3, 4] */
    const tg_axes axes[] = {tg_axis(1), tg_axes2(0, 2), tg_keep(tg_axes2(0, -1)), tg_axes_all(), tg_axes_n(0, NULL)};
    const tg_axes arg[] = {tg_keep(tg_axis(1)), tg_keep(tg_axis(-1)), tg_axis(0), tg_axes_all(),
                           tg_keep(tg_axes_all())};
    tg_node label = tg_const(g, TG_I32, tg_shape2(2, 3), (int32_t[]){0, 3, 1, 2, 2, 0});
    tg_node flat = tg_reshape(x, tg_shape2(-1, 4)), row = tg_sum(x, tg_axis(2));
    if (!strcmp(op, "sum")) return tg_sum(x, axes[way]);
    if (!strcmp(op, "max")) return tg_max(x, axes[way]);
    if (!strcmp(op, "min")) return tg_min(x, axes[way]);
    if (!strcmp(op, "argmax")) return tg_mul(x, tg_cast(tg_argmax(x, arg[way]), tg_dtype_of(x)));
    if (!strcmp(op, "argmin")) return tg_mul(x, tg_cast(tg_argmin(x, arg[way]), tg_dtype_of(x)));
    if (!strcmp(op, "cumsum")) return tg_cumsum(x, way % 3, way > 2);
    if (!strcmp(op, "identity")) return tg_identity(x);
    if (!strcmp(op, "detach")) return tg_mul(tg_detach(x), x);
    if (!strcmp(op, "cast"))
        return way ? tg_mul(x, tg_cast(tg_cast(x, TG_I32), tg_dtype_of(x)))
                   : tg_cast(tg_exp(tg_cast(x, TG_F32)), tg_dtype_of(x));
    if (!strcmp(op, "reshape")) return tg_reshape(x, way ? tg_shape1(-1) : tg_shape4(4, 1, 3, 2));
    if (!strcmp(op, "transpose")) return tg_transpose(x, way ? tg_axes_all() : tg_axes3(2, 0, 1));
    if (!strcmp(op, "expand") && way == 3) return tg_expand(x, tg_shape4(2, 2, 3, 4));
    if (!strcmp(op, "expand")) return tg_expand_axes(tg_sum(x, axes[way]), tg_shape3(2, 3, 4), axes[way]);
    if (!strcmp(op, "matmul")) return matmul(x, flat, way);
    if (!strcmp(op, "gather")) return tg_gather(tg_square(x), label);
    if (!strcmp(op, "uniform"))
        return tg_mul(tg_uniform(way ? tg_counter(g) : tg_scalar(g, TG_F64, 0x1p53), 7, tg_dtype_of(x), tg_dims(x)), x);
    if (strstr(op, "conv2d") || !strcmp(op, "windows") || !strcmp(op, "fold")) return pictures(x, op, way);
    if (!strcmp(op, "scatter")) return tg_scatter(row, label, 4 + way);
    if (!strcmp(op, "take")) return tg_take(x, way ? label : tg_scalar(g, TG_I32, 1), way ? 2 : 0);
    if (!strcmp(op, "scatter_add")) return tg_scatter_add(x, label, 0, 4 + way);
    return moved(x, op, way);
}

static void every_row(tg_dtype dtype) {
    uint64_t state = 99;
    tg_graph *table = tg_graph_new();
    for (const struct tg_op *const *op = table->calculus.operators; *op; op++) {
        if ((*op)->code) elementwise(*op, dtype, (size_t)(op - table->calculus.operators), &state);
        for (int way = 0; !(*op)->code && way < 5; way++) {
            tg_graph *g = tg_graph_new();
            tg_node z = structured(leaf(g, dtype, tg_shape3(2, 3, 4), &state, -2, 2), (*op)->name, way);
            cr_assert_not(tg_is_nil(z), "%s: not in this test; %s", (*op)->name, tg_message(g));
            slack = strcmp((*op)->name, "cast") ? 1 : 1e6;
            put_twice(z, &state, (*op)->name);
            tg_graph_free(g);
        }
    }
    tg_graph_free(table);
}

Test(numpy, every_row_f64) {
    begin();
    every_row(TG_F64);
    end();
}

Test(numpy, every_row_f32) {
    begin();
    every_row(TG_F32);
    end();
}

/* ------------------------------------------------------------------------------------------------- random programs */

static tg_node step(tg_graph *g, const tg_node *pool, size_t count, uint64_t *state) {
    tg_node x = pool[random_below(state, count)], y = pool[random_below(state, count)];
    tg_node tame = tg_div(x, tg_add(tg_square(x), tg_scalar_like(x, 1)));
    switch (random_below(state, 14)) {
    case 0: return tg_add(x, y);
    case 1: return tg_sub(x, tg_add(y, tg_scalar(g, TG_F64, 0.1)));
    case 2: return tg_mul(tame, y);
    case 3: return tg_div(x, tg_add(tg_square(y), tg_scalar(g, TG_F64, 1 / 3.0)));
    case 4: return tg_sub(x, tg_sub(y, tame));
    case 5: return tg_exp(tg_neg(tg_square(x)));
    case 6: return tg_mul(tg_mul(x, tame), tg_mul(tg_scalar(g, TG_F64, -0.3), tg_neg(y)));
    case 7: return tg_expand_axes(tg_sum(x, tg_axis(1)), tg_shape2(3, 3), tg_axis(1));
    case 8: return tg_matmul(tame, tg_neg(y));
    case 9: return tg_where(tg_gt(x, y), tame, tg_scalar(g, TG_F64, 2));
    case 10: return tg_transpose(x, tg_axes_all());
    case 11: return tg_sub(x, tg_max(y, tg_keep(tg_axis(0))));
    case 12: return tg_mul(tg_matmul(tg_matmul(tame, y), tame), tg_scalar(g, TG_F64, 0.25));
    default: return tg_log(tg_add(tg_exp(tame), tg_scalar(g, TG_F64, 1)));
    }
}

static void program(uint64_t *state) {
    enum { LEAVES = 3, STEPS = 12 };
    static const char *const names[] = {"a", "np", "x'; import os #", "λ", "s/q", "d", "lambda", "t9", "da", "h"};
    tg_graph *g = tg_graph_new();
    tg_node pool[LEAVES + STEPS];
    size_t count = 0;
    for (; count < LEAVES; count++) pool[count] = leaf(g, TG_F64, tg_shape2(3, 3), state, -1, 1);
    for (size_t i = 0; i < STEPS; i++) {
        tg_node z = step(g, pool, count, state);
        pool[count++] = i < 10 && random_below(state, 2) ? tg_let(z, names[i], __FILE__, __LINE__) : z;
    }
    put_twice(pool[count - 1], state, "program");
    tg_graph_free(g);
}

Test(numpy, random_programs) {
    uint64_t state = 4242;
    begin();
    slack = 1000; /* second derivatives of what was thrown together */
    for (int i = 0; i < 40; i++) program(&state);
    end();
}

/* ------------------------------------------------------------------------------------------------------- constants */

Test(numpy, constants) {
    static double large[1001];
    uint64_t state = 3;
    begin();
    tg_graph *g = tg_graph_new();
    const double special[] = {0.1, -0.0, 1e-300, (double)INFINITY, (double)NAN, 1 / 3.0, 3, -1e22, 0x1p-1074};
    tg_node k = tg_const(g, TG_F64, tg_shape2(3, 3), special), x = leaf(g, TG_F64, tg_shape2(3, 3), &state, 1, 2);
    tg_node one = tg_const(g, TG_F64, tg_shape3(1, 1, 1), &(double){1 / 7.0});
    tg_node empty = tg_const(g, TG_F64, tg_shape2(0, 3), NULL), limit = tg_scalar(g, TG_F64, (double)INFINITY);
    put_twice(tg_add(tg_mul(k, x), one), &state, "array");
    tg_node exact = tg_scalar(g, TG_F64, 0.12345678901234567), pi = tg_const(g, TG_F64, tg_shape1(1), &(double){M_PI});
    put_twice(tg_add(tg_mul(exact, x), pi), &state, "exact");
    put_twice(tg_where(tg_gt(limit, x), tg_mul(x, tg_div(tg_scalar(g, TG_F64, 1), tg_scalar(g, TG_F64, 0))), x), &state,
              "numbers");
    put_twice(tg_add(tg_sum(tg_mul(empty, tg_reshape(tg_sum(x, tg_axis(0)), tg_shape2(1, 3))), tg_axis(0)), x), &state,
              "empty");
    for (size_t i = 0; i < 1001; i++) large[i] = random_between(&state, -1, 1);
    put_twice(tg_mul(tg_const(g, TG_F64, tg_shape1(1001), large), tg_sum(x, tg_axes_all())), &state, "large");
    TG_LET(eps, tg_scalar(g, TG_F64, 0.25));
    TG_LET(seed, tg_scalar(g, TG_F64, 2));
    TG_LET(y, tg_sum(tg_sqrt(tg_add(tg_square(x), eps)), tg_axes_all()));
    put(tg_backward(y, seed), tg_nil(g), "shared");
    put(tg_backward(tg_mul(y, y), y), tg_nil(g), "itself");
    put(tg_backward(tg_identity(x), x), tg_nil(g), "itself");
    TG_LET(z, tg_add(x, eps));
    put(tg_backward(z, x), tg_nil(g), "itself");
    TG_LET(nowhere, tg_where(x, eps, eps));
    put(tg_backward(nowhere, x), tg_nil(g), "itself"); /* dnowhere = x, and that is all */
    tg_graph_free(g);
    end();
}

/* When p's term is made, the adjoint of a has not been delivered: it is dm then, and da only behind it. */
Test(numpy, an_alias_is_not_used_before_it_is_there) {
    uint64_t state = 8;
    begin();
    tg_graph *g = tg_graph_new();
    TG_LET(x, leaf(g, TG_F64, tg_shape2(2, 3), &state, -1, 1));
    TG_LET(p, leaf(g, TG_F64, tg_shape1(3), &state, -1, 1));
    tg_node early = tg_exp(x), z = tg_add(p, early);
    TG_LET(a, early);
    TG_LET(m, tg_add(z, tg_scalar(g, TG_F64, 1)));
    TG_LET(dm, leaf(g, TG_F64, tg_shape2(2, 3), &state, -1, 1));
    put(tg_backward(m, dm), tg_nil(g), "alias");
    tg_graph_free(g);
    end();
}

/* ------------------------------------------------------------------------------------------------------ the text */

static char text[1 << 16];

static const char *written(tg_grads d, tg_node out, const char *function) {
    char path[] = "/tmp/tapegrad-numpy-XXXXXX";
    close(mkstemp(path));
    cr_assert_eq(tg_write_numpy(d, out, function, path), TG_OK, "%s", tg_message(d.graph));
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    remove(path);
    return text;
}

Test(numpy, reads_like_an_assignment) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 2)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(2)));
    tg_node out = nine_lines(x, gamma, beta, tg_scalar(g, TG_F64, 1 / 178.0), tg_scalar(g, TG_F64, 1e-5));
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(4, 2)));
    tg_grads d = tg_backward(out, dout);
    const char *script = written(d, out, "batch_norm");
    static const char *const lines[] = {
        "def batch_norm_forward(x, gamma, beta):\n",
        "    # step 1\n    mu = np.sum(x, axis=0)*(1/178)\n",
        "    # step 5\n    sqrtvar = np.sqrt(var + 1e-05)\n",
        "    cache = (gamma, xmu, sqrtvar, ivar, xhat)\n    return out, cache\n",
        "def batch_norm_backward(dout, cache):\n",
        "    (gamma, xmu, sqrtvar, ivar, xhat) = cache\n",
        "    # step 9\n    dgammax = dout\n    dbeta = np.sum(dout, axis=0)\n",
        "    # step 8\n    dgamma = np.sum(dgammax*xhat, axis=0)\n    dxhat = dgammax*gamma\n",
        "    dsqrtvar = -divar*ivar*ivar\n",
        "    dxmu = dxmu1 + dxmu2\n    dx1 = dxmu\n    dmu = np.sum(-dxmu, axis=0)\n",
        "    # step 0\n    dx = dx1 + dx2\n\n    return dx, dgamma, dbeta\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *at = strstr(script, lines[i]);
        cr_assert_not_null(at, "missing or in another order:\n%s\nin\n%s", lines[i], text);
        script = at + 1;
    }
    tg_graph_free(g);
}

/* Nothing of a name but its letters arrives in the script; a failure leaves no file. */
Test(numpy, hostile_names_and_refusals) {
    tg_graph *g = tg_graph_new();
    tg_node x = tg_let(tg_input(g, TG_F64, tg_shape0()), "\"\"\"\nimport os # \xe2\x80\xae", NULL, 0);
    tg_scope_open(g, "\n    os.remove('x')\n#");
    tg_node z = tg_let(tg_exp(x), "z\\\n)", NULL, 0);
    tg_scope_close(g);
    tg_grads d = tg_backward(z, tg_nil(g));
    cr_assert_eq(tg_write_numpy(d, tg_nil(g), "f(\n", "/tmp/tapegrad-no-such-file"), TG_ARGUMENT);
    const char *script = written(d, tg_nil(g), "f");
    cr_assert_null(strstr(script, "\"\"\"\nimport os"));
    for (const char *at = script; (at = strstr(at, "os.remove")); at++) { /* in a comment it may stand */
        const char *line = at;
        while (line > script && line[-1] != '\n') line--;
        cr_assert_eq(strncmp(line, "    # ", 6), 0);
    }
    cr_assert_null(strstr(script, "\xe2\x80\xae"));
    cr_assert_neq(tg_write_numpy((tg_grads){g, 0, 0}, z, "f", "/tmp/tapegrad-no-such-file"), TG_OK);
    cr_assert_neq(access("/tmp/tapegrad-no-such-file", F_OK), 0);
    cr_assert_eq(tg_write_numpy((tg_grads){0}, (tg_node){0}, NULL, "x"), TG_HANDLE);
    tg_graph_free(g);
}

Test(numpy, any_allocation_may_fail) {
    struct heap heap = {0};
    tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    tg_grads d = tg_backward(tg_sum(tg_exp(tg_square(x)), tg_axes_all()), tg_nil(g));
    const size_t live = heap.live;
    tg_status status = TG_MEMORY;
    for (size_t k = 1; status != TG_OK; k++) {
        heap.fail_at = heap.calls + k;
        status = tg_write_numpy(d, tg_nil(g), "f", "/tmp/tapegrad-numpy-memory.py");
        heap.fail_at = 0;
        cr_assert(status == TG_OK || status == TG_MEMORY, "%s", tg_message(g));
        cr_assert_eq(heap.live, live);
        cr_assert_eq(access("/tmp/tapegrad-numpy-memory.py", F_OK) == 0, status == TG_OK);
    }
    remove("/tmp/tapegrad-numpy-memory.py");
    tg_graph_free(g);
    cr_assert_eq(heap.wrong, 0);
}
