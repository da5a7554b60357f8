/* The functions of api.h in variants: operands that are constants, that broadcast, of either floating-point type, with a
 * cotangent that is an input or a constant. A writer that looks at what an operand is has a branch for each. */
#ifndef TESTS_VARIANTS_H
#define TESTS_VARIANTS_H

#include "api.h"
#include "graph.h"

#include <criterion/criterion.h>

enum { PATTERNS = 4 };                         /* of one leaf: as it is, its first axis 1, its last axis 1, a scalar */
enum { ALL_CONSTANT = API_LEAVES, NO_CONSTANT }; /* instead of the number of the leaf that is a constant */

struct variant {
    size_t program;
    int constant;      /* which leaf */
    int leaf, pattern; /* which leaf has another shape, and which */
    tg_dtype dtype;
    bool constant_seed;
};

struct varied { /* graph NULL: the constructor refuses such operands */
    tg_graph *graph;
    tg_node out, outputs[API_LEAVES + 2]; /* out, and the gradients of the leaves */
    tg_grads grads;
    size_t count;
};

/* "matmul f32, constant b, a's pattern 2, constant cotangent" */
static inline const char *variant_text(struct variant v) {
    static char text[120];
    const char constant[] = {(char)('a' + v.constant), 0}, leaf[] = {(char)('a' + v.leaf), 0};
    snprintf(text, sizeof text, "%s %s, constant %s, %s's pattern %d%s", programs[v.program].name,
             v.dtype == TG_F32 ? "f32" : "f64",
             v.constant == ALL_CONSTANT  ? "all"
             : v.constant == NO_CONSTANT ? "none"
                                         : constant,
             leaf, v.pattern, v.constant_seed ? ", constant cotangent" : "");
    return text;
}

static inline int variant_leaves(const char *text) {
    int n = *text != 0;
    for (; *text; text++) n += *text == ' ';
    return n;
}

static inline tg_shape variant_shape(tg_shape s, int pattern) {
    if (pattern == 1 && s.rank) s.dim[0] = 1;
    if (pattern == 2 && s.rank) s.dim[s.rank - 1] = 1;
    return pattern == 3 ? tg_shape0() : s;
}

static inline tg_node variant_constant(tg_graph *g, tg_dtype dtype, tg_shape shape, uint64_t *state) {
    float single[64];
    double v[64];
    int32_t label[64];
    for (int i = 0; i < 64; i++) {
        v[i] = single[i] = (float)random_between(state, 0.25, 0.9);
        label[i] = (int32_t)random_below(state, 3);
    }
    return tg_const(g, dtype, shape,
                    dtype == TG_I32   ? (const void *)label
                    : dtype == TG_F32 ? (const void *)single
                                      : (const void *)v);
}

/* As api_leaves, in the variant's types and shapes. */
static inline void variant_make_leaves(tg_graph *g, struct variant v, tg_node *a, uint64_t *state) {
    const char *text = programs[v.program].leaves;
    for (int n = 0; *text; n++) {
        const char kind = *text++, name[] = {(char)('a' + n), 0};
        const tg_dtype dtype = kind == 'i' ? TG_I32 : v.dtype;
        tg_shape s = tg_shape0();
        for (; *text >= '0' && *text <= '9'; text++) s.dim[s.rank++] = *text - '0';
        if (n == v.leaf) s = variant_shape(s, v.pattern);
        if (kind == 'n')
            a[n] = tg_counter(g);
        else if (n == v.constant || v.constant == ALL_CONSTANT)
            a[n] = variant_constant(g, dtype, s, state);
        else
            a[n] = kind == 'p' ? tg_param(g, dtype, s) : tg_input(g, dtype, s);
        a[n] = tg_let(a[n], name, __FILE__, __LINE__);
        text += *text == ' ';
    }
}

static inline void variant_sweep(struct variant v, struct varied *m, const tg_node *a, int leaves, uint64_t *state) {
    const tg_mark mark = tg_mark_now(m->graph);
    const tg_shape s = tg_dims(m->out);
    tg_node seed = tg_nil(m->graph);
    if (s.rank || v.constant_seed)
        seed = v.constant_seed ? variant_constant(m->graph, tg_dtype_of(m->out), s, state)
                               : tg_input(m->graph, tg_dtype_of(m->out), s);
    m->grads = tg_backward(m->out, seed);
    if (tg_error(m->graph) == TG_OK && v.constant != NO_CONSTANT) {
        const tg_node factor = tg_operand(m->out, 1);
        if (tg_has_grad(m->grads, factor)) m->outputs[m->count++] = tg_grad(m->grads, factor);
    }
    for (int i = 0; i < leaves && tg_error(m->graph) == TG_OK; i++)
        if (tg_has_grad(m->grads, a[i])) m->outputs[m->count++] = tg_grad(m->grads, a[i]);
    if (tg_error(m->graph) == TG_OK) return;
    m->count = 1; /* it has no gradient: a counter, a comparison, a mutant */
    m->grads = (tg_grads){m->graph, 0, 0};
    cr_assert_eq(tg_rewind(m->graph, mark), TG_OK);
}

static inline struct varied variant_make(struct variant v, uint64_t *state) {
    const struct program *p = &programs[v.program];
    struct varied m = {.graph = tg_graph_new()};
    tg_node a[API_LEAVES] = {{0}};
    m.grads.graph = m.graph;
    variant_make_leaves(m.graph, v, a, state);
    m.out = p->make(a);
    if (v.constant != NO_CONSTANT && tg_dtype_of(m.out) != TG_I32 && tg_error(m.graph) == TG_OK) /* something varies */
        m.out = tg_mul(m.out, tg_input(m.graph, tg_dtype_of(m.out), tg_shape0()));
    m.outputs[m.count++] = m.out;
    if (tg_error(m.graph) != TG_OK || tg_is_nil(m.out) || tg_size(m.out) > 64) {
        tg_graph_free(m.graph);
        return (struct varied){NULL};
    }
    if (p->smooth) variant_sweep(v, &m, a, variant_leaves(p->leaves), state);
    for (uint32_t id = 1; id <= tg_count(m.graph); id++) {
        const tg_node leaf = tg_node_at(m.graph, id);
        const struct tg__node *n = tg__get(leaf);
        if (!tg__is_leaf(n) || n->op == &tg__op_const || tg__valid(m.graph, id)) continue;
        cr_assert_eq(api_give(leaf, state), TG_OK, "%s", tg_message(m.graph));
    }
    return m;
}

/* Goes through all variants; false: that was the last. Begin with {0}. */
static inline bool variant_next(struct variant *v) {
    const int leaves = variant_leaves(programs[v->program].leaves);
    if (!v->constant_seed) return v->constant_seed = true;
    v->constant_seed = false;
    if (v->dtype == TG_F32) return v->dtype = TG_F64, true;
    v->dtype = TG_F32;
    v->constant = v->constant == NO_CONSTANT ? 0 : v->constant + 1;
    if (v->constant == leaves) v->constant = ALL_CONSTANT;
    if (v->constant) return true;
    if (++v->pattern < PATTERNS) return true;
    v->pattern = 1; /* as it is: once for all leaves */
    if (++v->leaf < leaves) return true;
    v->leaf = v->pattern = 0;
    return ++v->program < PROGRAMS;
}

#endif
