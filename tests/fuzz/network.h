/* Random networks: a few leaves of shapes that broadcast to one, chains of elementwise operators, reductions, layers,
 * products and labels over them, and the gradients of a loss. Where random_tape.h is after what is allowed, this is
 * after what is fused: large nests, and backward nests that read what forward nests made. */
#ifndef TESTS_FUZZ_NETWORK_H
#define TESTS_FUZZ_NETWORK_H

#include "bytes.h"
#include "graph.h"

enum { VALUES = 48, AXES = 4 };

struct network {
    tg_graph *g;
    struct bytes *in;
    tg_dtype dtype;
    tg_shape shape; /* to which everything here broadcasts */
    tg_node value[VALUES], leaf[VALUES];
    size_t values, leaves;
};

static inline void keep_value(struct network *w, tg_node a) {
    if (!tg_is_nil(a) && w->values < VALUES) w->value[w->values++] = a;
}

/* Mostly one of the newest. */
static inline tg_node some(struct network *w) {
    const size_t back = choose(w->in, 3) ? choose(w->in, 4) : choose(w->in, VALUES);
    return w->value[w->values - 1 - back % w->values];
}

/* A leaf of the shape with some of the axes 1: a row, a column, a number, all of it. */
static inline tg_node new_leaf(struct network *w) {
    tg_shape shape = w->shape;
    const size_t axes = choose(w->in, 3) ? 0 : choose(w->in, 16);
    for (int i = 0; i < shape.rank; i++)
        if (axes >> i & 1) shape.dim[i] = 1;
    const tg_node a = choose(w->in, 2) ? tg_input(w->g, w->dtype, shape) : tg_param(w->g, w->dtype, shape);
    if (w->leaves < VALUES) w->leaf[w->leaves++] = a;
    return a;
}

static inline tg_node number(struct network *w, double v) { return tg_scalar(w->g, w->dtype, v); }

/* ------------------------------------------------------------------------------------------------------- operators */

/* From low to high, wherever x is: most functions are at home only in a part of the line. */
static inline tg_node into(struct network *w, tg_node x, double low, double high) {
    return tg_add(tg_mul(tg_sigmoid(x), number(w, high - low)), number(w, low));
}

static inline tg_node mapped(struct network *w, tg_node x) {
    const struct tg_op *row = NULL;
    size_t rows = 0;
    while (tg_operator_at(w->g, rows)) rows++;
    for (size_t k = choose(w->in, 256); !row || !row->loop[0]; k++) row = tg_operator_at(w->g, k % rows);
    if (row->low > -1 || choose(w->in, 4) == 0) x = into(w, x, row->low, row->high);
    const tg_node in[] = {x, row->operands > 1 && row->low > -1 ? into(w, some(w), row->low, row->high) : some(w),
                          some(w), number(w, 2)};
    return tg__apply(row, in, NULL);
}

static inline tg_node reduced(struct network *w, tg_node x) {
    const tg_axes axes = tg_keep(choose(w->in, 4) ? tg_axis((int)choose(w->in, (size_t)w->shape.rank)) : tg_axes_all());
    switch (choose(w->in, 10)) {
    case 0: return tg_max(x, axes);
    case 1: return tg_min(x, axes);
    case 2: return tg_mean(x, axes);
    case 3: return tg_var(x, axes, 0);
    case 4: return tg_std(x, axes, 0);
    case 5: return tg_logsumexp(x, axes);
    case 6: return tg_norm(x, choose(w->in, 2) ? 2 : (double)INFINITY, axes);
    case 7: return tg_cumsum(x, (int)choose(w->in, (size_t)w->shape.rank), choose(w->in, 2));
    default: return tg_sum(x, axes);
    }
}

static inline tg_node layer(struct network *w, tg_node x) {
    const tg_node all = tg_expand(x, w->shape), one = number(w, 1), nothing = number(w, 0);
    const int axis = (int)choose(w->in, (size_t)w->shape.rank);
    char name[24];
    tg_node y = tg_nil(w->g);
    snprintf(name, sizeof name, "layer%u", tg_count(w->g));
    tg_scope_open(w->g, name);
    switch (choose(w->in, 6)) {
    case 0: y = tg_softmax(all, axis, NULL); break;
    case 1: y = tg_log_softmax(all, axis, NULL); break;
    case 2: y = tg_layernorm(all, one, nothing, 1, 1e-5, NULL); break;
    case 3: y = tg_flip(all, tg_axis(axis)); break;
    case 4: y = tg_where(tg_gt(all, some(w)), all, some(w)); break;
    default: y = tg_transpose(tg_mul(tg_transpose(all, tg_axes_all()), number(w, 0.5)), tg_axes_all()); break;
    }
    tg_scope_close(w->g);
    return y;
}

/* A product whose result has the shape again; labels that pick from the last axis, or from one that was moved there. */
static inline tg_node product_or_pick(struct network *w, tg_node x) {
    const tg_node all = tg_expand(x, w->shape);
    const int rank = w->shape.rank;
    const int64_t last = w->shape.dim[rank - 1];
    tg_shape square = tg_shape2(last, last), labels = w->shape;
    tg_axes order = tg_axes_all();
    if (rank > 1 && choose(w->in, 2)) {
        const tg_node weight = tg_param(w->g, w->dtype, square);
        if (w->leaves < VALUES) w->leaf[w->leaves++] = weight;
        return tg_mul(tg_matmul(all, weight), number(w, 1.0 / (double)last));
    }
    const int axis = (int)choose(w->in, (size_t)rank);
    order.count = rank;
    for (int i = 0, to = 0; i < rank; i++)
        if (i != axis) order.axis[to++] = i;
    order.axis[rank - 1] = axis;
    const tg_node moved = tg_transpose(all, order);
    labels = tg_dims(moved);
    labels.dim[--labels.rank] = 0;
    const tg_node label = choose(w->in, 3) ? tg_input(w->g, TG_I32, labels) : tg_argmax(moved, tg_axis(rank - 1));
    const tg_node picked = tg_gather(moved, label);
    tg_node y = tg_unsqueeze(picked, tg_axis(axis));
    return choose(w->in, 2) ? y : tg_add(y, x);
}

static inline void step(struct network *w) {
    const tg_node x = some(w);
    switch (choose(w->in, 12)) {
    case 0: keep_value(w, new_leaf(w)); break;
    case 1:
    case 2: keep_value(w, reduced(w, x)); break;
    case 3: keep_value(w, layer(w, x)); break;
    case 4: keep_value(w, product_or_pick(w, x)); break;
    case 5: keep_value(w, tg_add(x, some(w))); break;
    case 6: keep_value(w, tg_mul(x, some(w))); break;
    case 7: keep_value(w, tg_sub(x, some(w))); break;
    case 8: keep_value(w, choose(w->in, 3) ? tg_tanh(x) : tg_detach(x)); break;
    default: keep_value(w, mapped(w, x)); break;
    }
}

/* ------------------------------------------------------------------------------------------------------- the whole */

static inline tg_shape network_shape(struct bytes *in, bool wide) {
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 7, 9, 15, 16, 17, 33, 65, 130, 256, 300, 512};
    tg_shape shape = tg_shape0();
    int64_t count = 1;
    shape.rank = 1 + (int)choose(in, AXES);
    for (int i = 0; i < shape.rank; i++) {
        shape.dim[i] = sizes[choose(in, 16)];
        if (count * shape.dim[i] > 5000) shape.dim[i] = sizes[choose(in, 4)];
        count *= shape.dim[i];
    }
    return wide ? tg_shape2(600 + shape.dim[0], 500) : shape;
}

/* Takes back what is refused because it depends on nothing that has a gradient. */
static inline bool stands(tg_graph *g, tg_mark mark) {
    if (tg_error(g) == TG_OK) return true;
    require(tg_error(g) == TG_GRADIENT, "%s", tg_message(g));
    require(tg_rewind(g, mark) == TG_OK, "%s", tg_message(g));
    return false;
}

/* The gradient of the gradient of one leaf; nil where there is none. */
static inline tg_node second_gradient(struct network *w, tg_grads d) {
    const tg_mark mark = tg_mark_now(w->g);
    const tg_node x = w->leaf[choose(w->in, w->leaves)];
    if (!tg_has_grad(d, x)) return tg_nil(w->g);
    const tg_node dx = tg_grad(d, x);
    const tg_grads second = tg_backward(tg_sum(tg_mul(dx, dx), tg_axes_all()), tg_nil(w->g));
    return stands(w->g, mark) && tg_has_grad(second, x) ? tg_grad(second, x) : tg_nil(w->g);
}

/* Appends one; gives its loss and the gradients of its leaves to out: how many. None where it is refused. */
static inline size_t build_network(tg_graph *g, struct bytes *in, bool wide, tg_node *out, size_t room) {
    struct network w = {.g = g, .in = in, .dtype = choose(in, 3) ? TG_F64 : TG_F32, .shape = network_shape(in, wide)};
    const tg_mark mark = tg_mark_now(g);
    size_t outs = 0;
    keep_value(&w, new_leaf(&w));
    keep_value(&w, new_leaf(&w));
    for (size_t steps = 3 + choose(in, 20); steps > 0; steps--) step(&w);
    tg_node loss = tg_sum(w.value[w.values - 1], tg_axes_all());
    for (size_t k = choose(in, 4); k > 0; k--) loss = tg_add(loss, tg_mean(some(&w), tg_axes_all()));
    const tg_grads d = tg_backward(loss, tg_nil(g));
    if (!stands(g, mark) || room < VALUES + 3) return 0;
    if (choose(in, 2)) out[outs++] = loss;
    for (size_t k = 0; k < w.leaves; k++)
        if (tg_has_grad(d, w.leaf[k])) out[outs++] = tg_grad(d, w.leaf[k]);
    const tg_node more[] = {choose(in, 4) ? tg_nil(g) : second_gradient(&w, d), choose(in, 4) ? tg_nil(g) : some(&w)};
    for (int k = 0; k < 2; k++)
        if (!tg_is_nil(more[k])) out[outs++] = more[k];
    return outs;
}

#endif
