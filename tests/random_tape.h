/* Random tapes: every operator, broadcasts, nested scopes, names that are attacks, aliases, several sweeps, sweeps over
 * gradients, mutants, leaves that are unset or not finite, empty shapes, and a rewind behind every step that failed. */
#ifndef TESTS_RANDOM_TAPE_H
#define TESTS_RANDOM_TAPE_H

#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>

enum { STEPS = 24, POOL = 64, SWEEPS = 5, LARGEST = 256 }; /* elements of what others are made from */

struct tape {
    tg_graph *g;
    uint64_t state;
    const uint8_t *choice; /* what is drawn, before random numbers are; the fuzzers' */
    size_t choices, longest, largest; /* longest: 0, or how long an axis may be; largest: how many elements, then */
    tg_node node[POOL];
    size_t nodes;
    tg_grads d[SWEEPS];
    size_t sweeps, scopes;
    bool ran;
};

static const char *const words[] = {"x",   "y",        "mu",           "dx",   "W",   "a b", "</script>", "\"q\"",
                                    "*/",  "\xc3\xa9", "\x1b[31m",     "\xff", "def", "int", "s2",        "\\input{x}",
                                    "$_^", "1",        "\xe2\x80\xae", "n\nm"};

static size_t draw(struct tape *t, size_t n) {
    if (!t->choices) return random_below(&t->state, n);
    t->choices--;
    return *t->choice++ % n;
}
static const char *word(struct tape *t) { return words[draw(t, sizeof words / sizeof *words)]; }
static tg_node any(struct tape *t) {
    const bool near = t->longest && t->nodes > 4 && draw(t, 2); /* chains are what is fused */
    return t->node[near ? t->nodes - 1 - draw(t, 4) : draw(t, t->nodes)];
}

static tg_shape any_shape(struct tape *t) {
    tg_shape s = tg_shape0();
    s.rank = (int)(draw(t, 5) ? draw(t, 4) : draw(t, TG_MAX_RANK + 1));
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = s.rank > 3 ? 1 + (int64_t)draw(t, 2) : draw(t, 12) ? 1 + (int64_t)draw(t, 3) : 0;
    size_t elements = 1;
    for (int i = 0; i < s.rank && t->longest; i++) {
        const int64_t size = draw(t, 3) ? s.dim[i] : 1 + (int64_t)draw(t, t->longest);
        if ((elements *= (size_t)size) <= t->largest) s.dim[i] = size;
    }
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

static tg_node add_zeros(struct tape *t, tg_dtype dtype, tg_shape shape) {
    size_t elements = 1;
    for (int i = 0; i < shape.rank; i++) elements *= (size_t)shape.dim[i];
    double *zeros = calloc(elements + 1, sizeof *zeros);
    const tg_node a = tg_const(t->g, dtype, shape, zeros);
    free(zeros);
    return a;
}

static tg_node add_leaf(struct tape *t, tg_dtype dtype, tg_shape shape) {
    const size_t kind = draw(t, 8);
    if (kind == 0) return add_zeros(t, dtype, shape);
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

/* ------------------------------------------------------------------------------------------------------- operators */

/* Any row that is computed element by element, which needs no attributes. */
static tg_node elementwise(struct tape *t, tg_node x) {
    const struct tg_op *row = NULL;
    size_t rows = 0;
    while (tg_operator_at(t->g, rows)) rows++;
    while (!row || !row->loop[0]) row = tg_operator_at(t->g, draw(t, rows));
    const tg_node in[] = {x, any(t), like(t, x, 0, tg_dtype_of(x)), tg_scalar_like(x, 2)};
    return tg__apply(row, in, NULL);
}

static int any_axis(struct tape *t, tg_node x) {
    const int rank = tg_dims(x).rank;
    return rank ? (int)draw(t, 2 * (size_t)rank) - rank : 0;
}

static tg_node reduction(struct tape *t, tg_node x) {
    const tg_axes axes = any_axes(t, tg_dims(x));
    switch (draw(t, 10)) {
    case 0: return tg_max(x, axes);
    case 1: return tg_min(x, axes);
    case 2: return tg_cumsum(x, any_axis(t, x), draw(t, 2));
    case 3: return tg_cast(draw(t, 2) ? tg_argmax(x, axes) : tg_argmin(x, tg_axis(0)), tg_dtype_of(x));
    case 4: return tg_std(x, axes, (int)draw(t, 2));
    case 5: return tg_logsumexp(x, axes);
    case 6: return tg_prod(x, axes);
    case 7: return tg_norm(x, draw(t, 2) ? 2 : (double)INFINITY, axes);
    default: return tg_sum(x, axes);
    }
}

static tg_node movement(struct tape *t, tg_node x, tg_node y) {
    const tg_shape s = tg_dims(x);
    tg_shape wide = s, before = s, after = s;
    tg_range range[TG_MAX_RANK];
    const tg_node many[] = {x, y, x};
    for (int i = 0; i < s.rank; i++) {
        before.dim[i] = (int64_t)draw(t, 2);
        after.dim[i] = (int64_t)draw(t, 3);
        range[i] = draw(t, 3) ? (tg_range){(int64_t)draw(t, 2), TG_END, 1 + (int64_t)draw(t, 2)}
                              : (tg_range){TG_END, TG_BEGIN, -1 - (int64_t)draw(t, 2)};
    }
    switch (draw(t, 12)) {
    case 0: return tg_cast(x, draw(t, 5) ? TG_F64 : draw(t, 4) ? TG_F32 : TG_I32);
    case 1: return tg_reshape(x, tg_shape1((int64_t)tg_size(x)));
    case 2: return tg_transpose(x, tg_axes_all());
    case 3:
        if (wide.rank == TG_MAX_RANK) return x;
        wide.dim[wide.rank++] = 2;
        return tg_expand_axes(x, wide, tg_axis(wide.rank - 1));
    case 4: return tg_slice_n(x, s.rank, range);
    case 5: return tg_flip(x, tg_axes_all());
    case 6: return tg_pad(x, before, after, (double)draw(t, 2));
    case 7: return tg_concat(many, 1 + draw(t, 3), any_axis(t, x));
    case 8: return tg_stack(many, 1 + draw(t, 3), any_axis(t, x));
    case 9: return draw(t, 2) ? tg_tril(x, (int)draw(t, 3) - 1) : tg_triu(x, 0);
    case 10: return draw(t, 2) ? tg_unsqueeze(x, tg_axis(any_axis(t, x))) : tg_squeeze(x, tg_axes_all());
    default: return tg_expand(x, s.rank ? s : any_shape(t));
    }
}

/* Products, also of batches and turned round; x as a picture. */
static tg_node product(struct tape *t, tg_node x, tg_node y) {
    static const tg_window windows[] = {{{1, 1}, {0, 0}, {1, 1}}, {{2, 1}, {1, 1}, {1, 1}}, {{1, 2}, {1, 2}, {2, 1}}};
    const tg_dtype dtype = tg_dtype_of(x);
    const tg_window how = windows[draw(t, 3)];
    const int rank = tg_dims(x).rank;
    const int64_t high = 1 + (int64_t)draw(t, 2), wide = 1 + (int64_t)draw(t, 2);
    switch (draw(t, 4)) {
    case 0: return tg_matmul(x, y);
    case 1: return tg_matmul_t(x, draw(t, 2) ? x : y, draw(t, 2), draw(t, 2));
    default: break;
    }
    while (tg_dims(x).rank < 4 && !tg_is_nil(x)) x = tg_unsqueeze(x, tg_axis(draw(t, 2) ? 0 : tg_dims(x).rank));
    switch (draw(t, rank ? 6 : 1)) {
    case 0: return tg_windows(x, high, wide, how, draw(t, 2) ? 0 : (double)INFINITY);
    case 1: return tg_max_pool2d(x, high, wide, windows[0]);
    case 2: return tg_avg_pool2d(x, high, wide, how);
    default: return tg_conv2d(x, add_leaf(t, dtype, tg_shape4(2, tg_dims(x).dim[1], high, wide)), how);
    }
}

static tg_node indexing(struct tape *t, tg_node x) {
    const tg_dtype dtype = tg_dtype_of(x);
    const int64_t size = 1 + (int64_t)draw(t, 3);
    switch (draw(t, 6)) {
    case 0: return tg_gather(x, like(t, x, 1, TG_I32));
    case 1: return tg_scatter(x, like(t, x, 0, TG_I32), size);
    case 2: return tg_take(x, add_leaf(t, TG_I32, tg_shape1(size)), any_axis(t, x));
    case 3: return tg_scatter_add(x, like(t, x, tg_dims(x).rank - 1, TG_I32), 0, size);
    case 4: return tg_one_hot(like(t, x, 0, TG_I32), size, dtype);
    default: return tg_dropout(x, 0.5, tg_counter(t->g), draw(t, 9), draw(t, 2) ? word(t) : NULL);
    }
}

static tg_node composite(struct tape *t, tg_node x, tg_node y) {
    const char *scope = draw(t, 2) ? word(t) : NULL;
    const tg_node one = tg_param(t->g, tg_dtype_of(x), tg_shape0()), two = add_leaf(t, tg_dtype_of(x), tg_shape0());
    switch (tg_dims(x).rank ? draw(t, 7) : 6) {
    case 0: return tg_batchnorm(x, one, two, tg_axis(0), 1e-5, scope);
    case 1: return tg_layernorm(x, one, two, 1, 1e-5, scope);
    case 2: return tg_softmax(x, any_axis(t, x), scope);
    case 3: return tg_log_softmax(x, any_axis(t, x), scope);
    case 4: return tg_cross_entropy(x, like(t, x, 1, TG_I32), tg_nil(t->g), TG_NONE, scope);
    case 5: return tg_assign(like(t, x, 0, tg_dtype_of(x)), y);
    default: return tg_huber_loss(x, y, 0.5, (tg_reduction)draw(t, 3), scope);
    }
}

static tg_node add_operator(struct tape *t) {
    tg_node x = any(t), y = draw(t, 3) ? any(t) : like(t, x, 0, tg_dtype_of(x));
    switch (draw(t, 16)) {
    case 0: return reduction(t, x);
    case 1: return reduction(t, tg_add(x, x));
    case 2:
    case 3: return movement(t, x, y);
    case 4: return product(t, x, y);
    case 5: return indexing(t, x);
    case 6: return composite(t, x, y);
    case 7: return tg_add(x, tg_mul(y, x));
    case 8: return draw(t, 2) ? tg_identity(x) : tg_detach(x);
    default: return elementwise(t, x);
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
    const bool whim = draw(t, 16) == 0 || (!sweep && tg_size(made) > (t->longest ? t->largest : LARGEST));
    if (tg_error(t->g) == TG_OK && !whim) {
        if (!sweep && t->nodes < POOL) t->node[t->nodes++] = made;
        return;
    }
    cr_assert_eq(tg_rewind(t->g, mark), TG_OK);
    struct tape later = before;
    later.state = t->state, later.choice = t->choice, later.choices = t->choices;
    *t = later;
}

/* The gradients of a number that depends on much, and those of one of them. */
static void add_loss(struct tape *t) {
    const tg_mark mark = tg_mark_now(t->g);
    tg_node loss = tg_sum(any(t), tg_axes_all());
    for (int i = 0; i < 3; i++) {
        const tg_node x = any(t), more = draw(t, 3) ? tg_sum(x, tg_axes_all()) : tg_sum(tg_mul(x, x), tg_axes_all());
        loss = tg_dtype_of(x) == tg_dtype_of(loss) ? tg_add(loss, more) : loss;
    }
    const tg_grads d = tg_backward(loss, tg_nil(t->g));
    const tg_node x = any(t), dx = tg_has_grad(d, x) && draw(t, 3) == 0 ? tg_grad(d, x) : loss;
    if (dx.id != loss.id) tg_backward(tg_sum(tg_mul(dx, dx), tg_axes_all()), tg_nil(t->g));
    if (tg_error(t->g) != TG_OK) cr_assert_eq(tg_rewind(t->g, mark), TG_OK);
}

static inline struct tape build_on(struct tape t) {
    t.node[t.nodes++] = add_leaf(&t, TG_F64, any_shape(&t));
    for (size_t i = 0; i < STEPS; i++) add_step(&t);
    if (t.longest) add_loss(&t);
    while (t.scopes-- > 0) tg_scope_close(t.g);
    const char *const names[] = {word(&t), "", word(&t)};
    tg_node a = any(&t);
    if (columns_of(a) == 3 && tg_dims(a).rank) cr_assert_eq(tg_label_columns(a, names, 3), TG_OK);
    t.ran = draw(&t, 6) && tg_run(t.g) == TG_OK;
    return t;
}

static inline struct tape build(uint64_t seed) {
    return build_on((struct tape){.g = tg_graph_new(), .state = seed * 0x9e3779b97f4a7c15u + 1});
}

#endif
