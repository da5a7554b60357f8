/* Random chains: one array that is moved, spread, picked from by labels, reduced and normalized again and again, in sizes
 * that fill no block, that fill several, and now and then so large that caches and threads are thought of. Where
 * random_tape.h tries what a tape may be, this tries what a compiler makes of one. */
#ifndef TESTS_RANDOM_CHAIN_H
#define TESTS_RANDOM_CHAIN_H

#include "support.h"
#include "tapegrad.h"

#include <criterion/criterion.h>

enum { CHAIN_OUTPUTS = 12, CHAIN_STEPS = 9, CHAIN_KEPT = 24 };

struct chain {
    tg_graph *g;
    uint64_t draws;
    tg_dtype dtype;
    int64_t most; /* elements */
    tg_node kept[CHAIN_KEPT], out[CHAIN_OUTPUTS];
    size_t keeps, outs;
    tg_grads grads;
    tg_node swept; /* where the sweep began; nil: there is none */
};

static inline size_t chain_draw(struct chain *c, size_t n) { return random_below(&c->draws, n); }

static inline int64_t chain_length(struct chain *c) {
    static const int64_t length[] = {1, 2, 3, 3, 4, 5, 7, 8, 16, 17, 33, 64, 100, 257, 300};
    return length[chain_draw(c, c->most > 4000 ? 15 : 13)];
}

static inline bool chain_fits(const struct chain *c, tg_shape s) {
    int64_t n = 1;
    for (int i = 0; i < s.rank; i++) n *= s.dim[i];
    return n <= c->most;
}

static inline tg_shape chain_shape(struct chain *c) {
    for (;;) {
        tg_shape s = tg_shape0();
        for (s.rank = 0; s.rank < 1 + (int)chain_draw(c, 4); s.rank++) s.dim[s.rank] = chain_length(c);
        if (chain_fits(c, s)) return s;
    }
}

/* A leaf with values; labels are below `classes`. */
static inline tg_node chain_leaf(struct chain *c, tg_dtype dtype, tg_shape shape, int64_t classes) {
    size_t n = 1;
    for (int i = 0; i < shape.rank; i++) n *= (size_t)shape.dim[i];
    int32_t *label = calloc(n + 1, sizeof *label);
    double *v = random_array(&c->draws, n, 0.25, 1.5);
    float *single = calloc(n + 1, sizeof *single);
    for (size_t i = 0; i < n; i++) label[i] = (int32_t)chain_draw(c, (size_t)classes), single[i] = (float)v[i];
    const void *data = dtype == TG_I32 ? (const void *)label : dtype == TG_F32 ? (const void *)single : (const void *)v;
    const bool constant = c->keeps > 0 && chain_draw(c, 4) == 0;
    const tg_node leaf = constant ? tg_const(c->g, dtype, shape, data) : tg_input(c->g, dtype, shape);
    if (!constant) cr_assert_eq(tg_set(leaf, data), TG_OK, "%s", tg_message(c->g));
    free(label);
    free(v);
    free(single);
    return leaf;
}

/* What x is put together with: of its shape, or of one that broadcasts to it, or made out of it. */
static inline tg_node chain_other(struct chain *c, tg_node x) {
    tg_shape s = tg_dims(x);
    const size_t kind = chain_draw(c, 6);
    for (size_t i = 0; kind == 0 && i < c->keeps; i++) {
        const tg_node y = c->kept[chain_draw(c, c->keeps)];
        if (memcmp(tg_dims(y).dim, s.dim, sizeof s.dim) == 0 && tg_dims(y).rank == s.rank) return y;
    }
    if (kind == 1 && s.rank) return tg_sum(x, tg_keep(tg_axis((int)chain_draw(c, (size_t)s.rank))));
    if (kind == 2 && s.rank) return tg_max(x, tg_keep(tg_axis((int)chain_draw(c, (size_t)s.rank))));
    if (kind == 3) return tg_scalar_like(x, random_between(&c->draws, 0.5, 2));
    if (kind == 4 && chain_draw(c, 3) == 0) return tg_expand(tg_scalar_like(x, 1), s);
    for (int i = 0; i < s.rank; i++)
        if (chain_draw(c, 3) == 0) s.dim[i] = 1;
    const int drop = chain_draw(c, 3) ? 0 : (int)chain_draw(c, (size_t)s.rank + 1);
    for (int i = 0; i + drop < s.rank; i++) s.dim[i] = s.dim[i + drop];
    for (int i = s.rank - drop; i < s.rank; i++) s.dim[i] = 0;
    s.rank -= drop;
    return chain_leaf(c, c->dtype, s, 1);
}

static inline tg_axes chain_axes(struct chain *c, int rank) {
    int axis[TG_MAX_RANK], n = 0;
    if (chain_draw(c, 4) == 0) return tg_axes_all();
    for (int i = 0; i < rank; i++)
        if (chain_draw(c, 2)) axis[n++] = i;
    return n ? tg_axes_n(n, axis) : tg_axis(rank - 1);
}

static inline tg_node chain_turn(struct chain *c, tg_node x) {
    int order[TG_MAX_RANK];
    const int rank = tg_dims(x).rank;
    for (int i = 0; i < rank; i++) order[i] = i;
    for (int i = rank - 1; i > 0; i--) {
        const int k = (int)chain_draw(c, (size_t)i + 1), was = order[k];
        order[k] = order[i];
        order[i] = was;
    }
    return rank ? tg_transpose(x, tg_axes_n(rank, order)) : x;
}

/* Labels of a shape, below a number: given, moved about, or found. */
static inline tg_node chain_label(struct chain *c, tg_shape s, int64_t classes) {
    tg_shape t = s;
    switch (chain_draw(c, 7)) {
    case 0: return tg_scalar(c->g, TG_I32, (double)chain_draw(c, (size_t)classes));
    case 1:
        for (int i = 0; i < s.rank; i++)
            if (chain_draw(c, 2)) t.dim[i] = 1;
        return tg_expand(chain_leaf(c, TG_I32, t, classes), s);
    case 2: return tg_flip(chain_leaf(c, TG_I32, s, classes), tg_axes_all());
    case 3:
        for (int i = 0; i < s.rank; i++) t.dim[i] = s.dim[s.rank - 1 - i];
        return tg_transpose(chain_leaf(c, TG_I32, t, classes), tg_axes_all());
    case 4:
        if (s.rank == TG_MAX_RANK) break;
        t.dim[t.rank++] = classes;
        if (chain_fits(c, t)) return tg_argmax(chain_leaf(c, c->dtype, t, 1), tg_axis(-1));
        break;
    case 5: {
        const tg_node most = tg_scalar(c->g, c->dtype, classes > 1 ? 0.6 : 0);
        return tg_cast(tg_mul(chain_leaf(c, c->dtype, s, 1), most), TG_I32);
    }
    default: break;
    }
    return chain_leaf(c, TG_I32, s, classes);
}

static inline tg_node chain_pick(struct chain *c, tg_node x) {
    const tg_shape s = tg_dims(x);
    tg_shape before = s;
    if (!s.rank) return x;
    const int axis = (int)chain_draw(c, (size_t)s.rank);
    before.dim[--before.rank] = 0;
    switch (chain_draw(c, 6)) {
    case 0:
    case 1:
    case 2: {
        const tg_node label = chain_label(c, before, s.dim[s.rank - 1]);
        return tg_gather(x, tg_dims(label).rank == before.rank ? label : tg_expand(label, before));
    }
    case 3: return tg_take(x, chain_label(c, chain_draw(c, 2) ? tg_shape1(3) : tg_shape2(2, 3), s.dim[axis]), axis);
    case 4: return tg_scatter(x, tg_cast(tg_expand(tg_scalar(c->g, TG_I32, 1), s), TG_I32), 3);
    default: return tg_scatter_add(x, chain_leaf(c, TG_I32, tg_shape1(s.dim[axis]), 4), axis, 4);
    }
}

static inline tg_node chain_move(struct chain *c, tg_node x) {
    const tg_shape s = tg_dims(x);
    tg_shape wide = s, before = s, after = s;
    tg_range range[TG_MAX_RANK];
    if (!s.rank) return tg_expand(x, tg_shape2(3, 5));
    const int axis = (int)chain_draw(c, (size_t)s.rank);
    const tg_node y = chain_leaf(c, c->dtype, s, 1), both[] = {x, y, x};
    for (int i = 0; i < s.rank; i++) {
        before.dim[i] = (int64_t)chain_draw(c, 2);
        after.dim[i] = (int64_t)chain_draw(c, 3);
        range[i] = (tg_range){TG_END, TG_BEGIN, -1};
        if (chain_draw(c, 3) == 0) continue;
        const int64_t from = chain_draw(c, 4) == 0 && s.dim[i] > 1;
        range[i] = (tg_range){from, TG_END, 1 + (int64_t)chain_draw(c, 2)};
    }
    switch (chain_draw(c, 10)) {
    case 0: return tg_reshape(x, tg_shape1(-1));
    case 1: return s.dim[0] % 2 ? tg_reshape(x, tg_shape2(-1, s.dim[s.rank - 1])) : tg_reshape(x, tg_shape2(2, -1));
    case 2:
        if (s.rank == TG_MAX_RANK) return x;
        for (int i = s.rank; i > axis; i--) wide.dim[i] = wide.dim[i - 1];
        wide.dim[axis] = 2 + (int64_t)chain_draw(c, 3);
        wide.rank++;
        return tg_expand_axes(x, wide, tg_axis(axis));
    case 3: return tg_slice_n(x, s.rank, range);
    case 4: return tg_flip(x, tg_axis(axis));
    case 5: return tg_pad(x, before, after, (double)chain_draw(c, 2));
    case 6: return tg_concat(both, 2 + chain_draw(c, 2), axis);
    case 7: return tg_stack(both, 2, axis);
    case 8: return s.rank > 1 ? chain_draw(c, 2) ? tg_tril(x, 0) : tg_triu(x, 1) : tg_cumsum(x, 0, true);
    default: return tg_cumsum(x, axis, false);
    }
}

static inline tg_node chain_compute(struct chain *c, tg_node x) {
    switch (chain_draw(c, 18)) {
    case 0: return tg_tanh(x);
    case 1: return tg_exp(tg_neg(tg_abs(x)));
    case 2: return tg_sigmoid(x);
    case 3: return tg_sin(x);
    case 4: return tg_log1p(tg_square(x));
    case 5: return tg_sqrt(tg_add(tg_square(x), tg_scalar_like(x, 0.5)));
    case 6: return tg_relu(tg_sub(x, tg_scalar_like(x, 0.5)));
    case 7: return tg_clamp(x, 0.3, 1);
    case 8: return tg_gelu(x);
    case 9: return tg_pow(tg_add(tg_square(x), tg_scalar_like(x, 0.5)), chain_other(c, x));
    case 10: return tg_div(x, tg_add(tg_square(chain_other(c, x)), tg_scalar_like(x, 1)));
    case 11: return tg_maximum(x, chain_other(c, x));
    case 12: return tg_where(tg_gt(x, chain_other(c, x)), x, chain_other(c, x));
    case 13: return tg_sub(x, chain_other(c, x));
    case 14:
    case 15: return tg_mul(x, chain_other(c, x));
    default: return tg_add(x, chain_other(c, x));
    }
}

static inline tg_node chain_reduce(struct chain *c, tg_node x) {
    const int rank = tg_dims(x).rank;
    if (!rank) return tg_add(x, chain_leaf(c, c->dtype, tg_shape2(3, 4), 1));
    tg_axes axes = chain_axes(c, rank);
    if (chain_draw(c, 2)) axes = tg_keep(axes);
    switch (chain_draw(c, 10)) {
    case 0: return tg_max(x, axes);
    case 1: return tg_min(x, axes);
    case 2: return tg_logsumexp(x, axes);
    case 3: return tg_mean(x, axes);
    case 4: return tg_var(x, axes, 0);
    case 5: return tg_softmax(x, (int)chain_draw(c, (size_t)rank), NULL);
    case 6: return tg_log_softmax(x, (int)chain_draw(c, (size_t)rank), NULL);
    case 7: return tg_norm(x, 2, axes);
    default: return tg_sum(x, axes);
    }
}

static inline tg_node chain_step(struct chain *c, tg_node x) {
    const tg_shape s = tg_dims(x);
    switch (chain_draw(c, 14)) {
    case 0:
    case 1: return chain_reduce(c, x);
    case 2: return chain_pick(c, x);
    case 3: return chain_pick(c, chain_turn(c, chain_draw(c, 2) ? x : chain_leaf(c, c->dtype, s, 1)));
    case 4: return chain_turn(c, x);
    case 5:
    case 6: return chain_move(c, x);
    case 7:
        if (s.rank < 1 || s.rank > 3) return x;
        return tg_matmul(x, chain_leaf(c, c->dtype, tg_shape2(s.dim[s.rank - 1], 3), 1));
    default: return chain_compute(c, x);
    }
}

static inline void chain_want(struct chain *c, tg_node a) {
    if (!tg_is_nil(a) && c->outs < CHAIN_OUTPUTS) c->out[c->outs++] = a;
}

/* The gradients of the first leaf and of one more. */
static inline void chain_sweep(struct chain *c, tg_node z) {
    if (tg_dtype_of(z) == TG_I32) return;
    const tg_mark mark = tg_mark_now(c->g);
    const size_t outs = c->outs;
    const tg_node seed = tg_dims(z).rank ? chain_leaf(c, c->dtype, tg_dims(z), 1) : tg_nil(c->g);
    const tg_grads d = tg_backward(z, seed);
    for (uint32_t id = 1, found = 0; id <= z.id && found < 3 && tg_error(c->g) == TG_OK; id++)
        if (tg_is_nil(tg_operand(tg_node_at(c->g, id), 0)) && tg_has_grad(d, tg_node_at(c->g, id)))
            chain_want(c, tg_grad(d, tg_node_at(c->g, id))), found++;
    c->grads = d;
    c->swept = z;
    if (tg_error(c->g) == TG_OK) return;
    c->swept = tg_nil(c->g);
    c->outs = outs;
    cr_assert_eq(tg_rewind(c->g, mark), TG_OK);
}

static inline struct chain chain_build_on(tg_graph *g, uint64_t seed) {
    struct chain c = {.g = g, .draws = seed * 0x9e3779b97f4a7c15u + 1};
    c.swept = tg_nil(c.g);
    c.dtype = chain_draw(&c, 3) ? TG_F64 : TG_F32;
    c.most = chain_draw(&c, 200) == 0 ? 1100000 : chain_draw(&c, 8) == 0 ? 20000 : 600;
    tg_node x = chain_leaf(&c, c.dtype, c.most > 1000000 ? tg_shape3(3, 300, 1100) : chain_shape(&c), 1);
    c.kept[c.keeps++] = x;
    const size_t steps = 2 + chain_draw(&c, CHAIN_STEPS);
    for (size_t i = 0; i < steps; i++) {
        const tg_mark mark = tg_mark_now(c.g);
        tg_scope_open(c.g, NULL);
        const tg_node made = chain_step(&c, chain_draw(&c, 5) ? x : c.kept[chain_draw(&c, c.keeps)]);
        tg_scope_close(c.g);
        const bool odd = tg_size(made) == 0 || (int64_t)tg_size(made) > c.most || tg_dtype_of(made) == TG_I32;
        if (tg_error(c.g) != TG_OK || odd) {
            cr_assert_eq(tg_rewind(c.g, mark), TG_OK);
            continue;
        }
        x = made;
        if (c.keeps < CHAIN_KEPT) c.kept[c.keeps++] = x;
    }
    chain_want(&c, x);
    if (chain_draw(&c, 2)) chain_want(&c, c.kept[chain_draw(&c, c.keeps)]);
    if (tg_dims(x).rank > 1 && chain_draw(&c, 3) == 0) { /* along every axis at once */
        for (int i = 0; i < tg_dims(x).rank; i++) chain_want(&c, tg_sum(x, tg_axis(i)));
    }
    if (chain_draw(&c, 3)) chain_sweep(&c, x);
    return c;
}

static inline struct chain chain_build(uint64_t seed) { return chain_build_on(tg_graph_new(), seed); }

#endif
