/* Random tapes: every operator, broadcasts, nested scopes, names that are attacks, aliases, several sweeps, sweeps over
 * gradients, mutants, leaves that are unset or not finite, empty shapes, and a rewind behind every step that failed. */
#ifndef TESTS_RANDOM_TAPE_H
#define TESTS_RANDOM_TAPE_H

#include "support.h"

#include <criterion/criterion.h>

enum { STEPS = 24, POOL = 64, SWEEPS = 5 };

struct tape {
    tg_graph *g;
    uint64_t state;
    tg_node node[POOL];
    size_t nodes;
    tg_grads d[SWEEPS];
    size_t sweeps, scopes;
    bool ran;
};

static const char *const words[] = {"x",   "y",        "mu",           "dx",   "W",   "a b", "</script>", "\"q\"",
                                    "*/",  "\xc3\xa9", "\x1b[31m",     "\xff", "def", "int", "s2",        "\\input{x}",
                                    "$_^", "1",        "\xe2\x80\xae", "n\nm"};

static size_t draw(struct tape *t, size_t n) { return random_below(&t->state, n); }
static const char *word(struct tape *t) { return words[draw(t, sizeof words / sizeof *words)]; }
static tg_node any(struct tape *t) { return t->node[draw(t, t->nodes)]; }

static tg_shape any_shape(struct tape *t) {
    tg_shape s = tg_shape0();
    s.rank = (int)(draw(t, 5) ? draw(t, 4) : draw(t, TG_MAX_RANK + 1));
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = s.rank > 3 ? 1 + (int64_t)draw(t, 2) : draw(t, 12) ? 1 + (int64_t)draw(t, 3) : 0;
    return s;
}

static tg_axes any_axes(struct tape *t, tg_shape of) {
    if (of.rank == 0 || draw(t, 3) == 0) return draw(t, 2) ? tg_axes_all() : tg_keep(tg_axes_all());
    const tg_axes one = tg_axis((int)draw(t, (size_t)of.rank));
    return draw(t, 2) ? one : tg_keep(one);
}

/* Numbers of which some are odd, labels that are classes. */
static void give(struct tape *t, tg_node leaf, double low, double high) {
    const size_t n = tg_size(leaf);
    double *v = random_array(&t->state, n, low, high);
    int32_t *label = calloc(n + 1, sizeof *label);
    if (n && tg_dtype_of(leaf) != TG_I32 && draw(t, 8) == 0)
        v[draw(t, n)] = (double[]){(double)NAN, (double)INFINITY, -0.0, 5e-324}[draw(t, 4)];
    const tg_status status = tg_dtype_of(leaf) == TG_I32 ? tg_set(leaf, label) : set_doubles(leaf, v);
    cr_assert_eq(status, TG_OK, "%s", tg_message(t->g));
    free(v);
    free(label);
}

static tg_node add_leaf(struct tape *t, tg_dtype dtype, tg_shape shape) {
    static const double zeros[1 << TG_MAX_RANK];
    const size_t kind = draw(t, 8);
    if (kind == 0) return tg_const(t->g, dtype, shape, zeros);
    if (kind == 1 && dtype != TG_I32) return tg_scalar(t->g, dtype, random_between(&t->state, -3, 3));
    tg_node leaf = kind < 5 ? tg_input(t->g, dtype, shape) : tg_param(t->g, dtype, shape);
    if (draw(t, 12)) give(t, leaf, 0.25, 2);
    return leaf;
}

static tg_node like(struct tape *t, tg_node x, int drop, tg_dtype dtype) { /* a leaf without the last `drop` axes */
    tg_shape s = tg_dims(x);
    while (drop-- > 0 && s.rank > 0) s.dim[--s.rank] = 0;
    return add_leaf(t, dtype, s);
}

static tg_node add_operator(struct tape *t) {
    tg_node (*const unary[])(tg_node) = {tg_neg, tg_square, tg_sqrt,     tg_reciprocal, tg_exp,
                                         tg_log, tg_relu,   tg_identity, tg_detach};
    tg_node (*const binary[])(tg_node, tg_node) = {tg_add, tg_sub, tg_mul, tg_div, tg_eq, tg_gt, tg_matmul};
    tg_node x = any(t), y = draw(t, 3) ? any(t) : like(t, x, 0, tg_dtype_of(x));
    const tg_shape s = tg_dims(x);
    tg_shape wide = s;
    switch (draw(t, 18)) {
    case 0:
    case 1:
    case 2: return unary[draw(t, sizeof unary / sizeof *unary)](x);
    case 3:
    case 4:
    case 5:
    case 6: return binary[draw(t, sizeof binary / sizeof *binary)](x, y);
    case 7: return tg_where(tg_gt(x, y), x, any(t));
    case 8: return tg_sum(x, any_axes(t, s));
    case 9:
        switch (draw(t, 4)) {
        case 0: return tg_max(x, any_axes(t, s));
        case 1: return tg_min(x, any_axes(t, s));
        case 2: return tg_cumsum(x, (int)draw(t, 3) - 1, draw(t, 2));
        default: return tg_cast(draw(t, 2) ? tg_argmax(x, any_axes(t, s)) : tg_argmin(x, tg_axis(0)), tg_dtype_of(x));
        }
    case 10: return tg_cast(x, draw(t, 5) ? TG_F64 : draw(t, 4) ? TG_F32 : TG_I32);
    case 11: return tg_reshape(x, tg_shape1((int64_t)tg_size(x)));
    case 12: return tg_transpose(x, tg_axes_all());
    case 13:
        if (wide.rank == TG_MAX_RANK) return x;
        wide.dim[wide.rank++] = 2;
        return tg_expand_axes(x, wide, tg_axis(wide.rank - 1));
    case 14: return tg_gather(x, like(t, x, 1, TG_I32));
    case 15: return tg_scatter(x, like(t, x, 0, TG_I32), 1 + (int64_t)draw(t, 3));
    case 16:
        if (s.rank < 1) return tg_expand(x, any_shape(t));
        return tg_batchnorm(x, tg_param(t->g, tg_dtype_of(x), tg_shape0()), add_leaf(t, tg_dtype_of(x), tg_shape0()),
                            tg_axis(0), 1e-5, draw(t, 2) ? word(t) : NULL);
    default: return tg_add(x, tg_mul(y, x));
    }
}

static void add_sweep(struct tape *t) {
    tg_node out = any(t);
    if (t->sweeps == SWEEPS) return;
    const size_t kind = t->sweeps ? draw(t, 4) : 0;
    const tg_grads d = t->sweeps ? t->d[draw(t, t->sweeps)] : (tg_grads){t->g, 0, 0};
    tg_grads made;
    if (kind == 3) {
        tg_node sender = any(t);
        const bool scale = draw(t, 2) == 0;
        made = tg_mutate(d, sender, (int)draw(t, 2), scale ? TG_SCALE : (tg_mutation)draw(t, 2),
                         scale ? tg_scalar_like(sender, 2) : tg_nil(t->g));
    } else {
        if (kind == 2 && tg_has_grad(d, out)) out = tg_grad(d, out); /* a gradient of gradients */
        made = tg_backward(out, tg_size(out) == 1 && tg_dims(out).rank == 0 ? tg_nil(t->g)
                                                                            : like(t, out, 0, tg_dtype_of(out)));
    }
    if (tg_error(t->g) == TG_OK) t->d[t->sweeps++] = made;
}

/* A step that the library refuses is taken back: that is the rewind in between. */
static void add_step(struct tape *t) {
    const tg_mark mark = tg_mark_now(t->g);
    const struct tape before = *t;
    const bool scoped = draw(t, 6) == 0, sweep = draw(t, 7) == 0;
    if (scoped) tg_scope_open(t->g, draw(t, 3) ? word(t) : NULL);
    tg_node made = tg_nil(t->g);
    if (sweep)
        add_sweep(t);
    else
        made = draw(t, 4) ? add_operator(t)
                          : add_leaf(t,
                                     draw(t, 4)   ? TG_F64
                                     : draw(t, 2) ? TG_F32
                                                  : TG_I32,
                                     any_shape(t));
    for (size_t names = draw(t, 3); names > 0 && !sweep; names--) tg_let(made, word(t), draw(t, 2) ? word(t) : NULL, 7);
    const bool nested = scoped && t->scopes < 3 && draw(t, 2);
    if (scoped && !nested) tg_scope_close(t->g);
    t->scopes += nested;
    const bool whim = draw(t, 16) == 0;
    if (tg_error(t->g) == TG_OK && !whim) {
        if (!sweep && t->nodes < POOL) t->node[t->nodes++] = made;
        return;
    }
    cr_assert_eq(tg_rewind(t->g, mark), TG_OK);
    const uint64_t state = t->state;
    *t = before;
    t->state = state;
}

static inline struct tape build(uint64_t seed) {
    struct tape t = {.g = tg_graph_new(), .state = seed * 0x9e3779b97f4a7c15u + 1};
    t.node[t.nodes++] = add_leaf(&t, TG_F64, any_shape(&t));
    for (size_t i = 0; i < STEPS; i++) add_step(&t);
    while (t.scopes-- > 0) tg_scope_close(t.g);
    const char *const names[] = {word(&t), "", word(&t)};
    tg_node a = any(&t);
    if (columns_of(a) == 3 && tg_dims(a).rank) cr_assert_eq(tg_label_columns(a, names, 3), TG_OK);
    t.ran = draw(&t, 6) && tg_run(t.g) == TG_OK;
    return t;
}

#endif
