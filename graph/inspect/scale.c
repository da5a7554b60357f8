/* The scale of a value: how large the numbers were that it was made of. For a sum Σ|terms|, for a difference |a| + |b|;
 * what only scales or moves an unnamed sum (a mean is Σ times 1/n) has the scale of that sum, scaled and moved. */
#include "inspect.h"

#include <math.h>

enum { LAYERS = 8 };

static double one(double v) { return (void)v, 1; }

/* Each element made into another; labels stay what they are. */
static void *mapped(tg_graph *g, uint32_t id, double (*map)(double)) {
    const struct tg__node *n = tg__node_of(g, id);
    char *copy = tg__alloc(g, tg__bytes(n));
    if (!copy) return NULL;
    for (size_t i = 0; i < n->shape->count; i++) {
        tg_dtype dtype = (tg_dtype)n->dtype;
        double v = tg__load(dtype, tg__value_of(g, id)->data, i);
        tg__store(dtype, copy, i, dtype == TG_I32 ? v : map(v));
    }
    return copy;
}

/* The operand inside an operation that only scales or moves: unnamed, and the others constants, or what a gradient takes
 * for constants. -1: there is none. What
 * becomes an integer is looked at as it is: absolute values may leave an integer's range where the values did not. */
static int inside(const tg_graph *g, const struct tg__node *n) {
    int slot = -1;
    for (int i = 0; n->op->through && n->dtype != TG_I32 && i < n->operands; i++) {
        const struct tg__node *x = tg__node_of(g, n->in[i]);
        if (x->op == &tg__op_const || (n->flags & ~x->flags & TG__DIFFERENTIABLE)) continue;
        if (slot >= 0 || tg__is_leaf(x) || tg__fact_of(g, n->in[i])->name) return -1;
        slot = i;
    }
    return slot;
}

/* Runs `op` for node id on what `map` makes of its operands, `own` taking the place of operand `slot`. */
static void *run_on(double (*map)(double), tg_graph *g, uint32_t id, const struct tg_op *op, int slot, void *own) {
    struct tg__node node = *tg__node_of(g, id);
    node.op = op;
    struct tg__call c = {.graph = g, .id = id, .node = &node};
    void *made[TG__OPERANDS] = {0}, *out = NULL;
    bool ready = true;
    for (int i = 0; i < node.operands; i++) {
        c.shape[i] = tg__node_of(g, node.in[i])->shape;
        c.in[i] = i == slot ? own : (made[i] = mapped(g, node.in[i], map));
        ready &= c.in[i] != NULL;
    }
    if (ready) out = tg__alloc(g, tg__bytes(&node));
    c.out = out;
    if (out && op->view) memcpy(out, c.in[0], tg__bytes(&node));
    bool ran = out && (op->view || op->run(&c) == TG_OK);
    for (int i = 0; i < node.operands; i++)
        if (made[i]) tg__release(g, made[i], tg__bytes(tg__node_of(g, node.in[i])));
    if (!ran) tg__release(g, out, tg__bytes(&node));
    return ran ? out : NULL;
}

bool tg__scale(tg_graph *g, uint32_t id, double *scale) {
    if (!tg__valid(g, id)) return false;
    uint32_t layer[LAYERS];
    int layers = 0, slot;
    uint32_t core = id;
    while (layers < LAYERS && (slot = inside(g, tg__node_of(g, core))) >= 0) {
        layer[layers++] = core;
        core = tg__node_of(g, core)->in[slot];
    }
    const struct tg_op *sum = tg__node_of(g, core)->op->magnitude;
    void *values = sum ? run_on(fabs, g, core, sum, -1, NULL) : mapped(g, core, fabs);
    while (values && layers > 0) {
        const struct tg__node *n = tg__node_of(g, layer[--layers]);
        void *outer = run_on(fabs, g, layer[layers], n->op, inside(g, n), values);
        tg__release(g, values, tg__bytes(tg__node_of(g, core)));
        values = outer;
        core = layer[layers];
    }
    if (!values) return false;
    const struct tg__node *n = tg__node_of(g, id);
    for (size_t i = 0; i < n->shape->count; i++) {
        const double own = fabs(tg__load((tg_dtype)n->dtype, tg__value_of(g, id)->data, i));
        const double made = fabs(tg__load((tg_dtype)n->dtype, values, i));
        scale[i] = isfinite(made) && made > own ? made : own; /* 1/(a - b) is larger than 1/(|a| + |b|) */
    }
    tg__release(g, values, tg__bytes(n));
    return true;
}

/* On ones, a sum counts its terms. */
bool tg__sum_scale(tg_graph *g, uint32_t id, double *size, double *terms) {
    const struct tg__node *n = tg__node_of(g, id);
    const size_t bytes = tg__bytes(n);
    void *sum = run_on(fabs, g, id, n->op->magnitude, -1, NULL);
    void *count = run_on(one, g, id, n->op->magnitude, -1, NULL);
    if (sum && count) memcpy(size, sum, bytes), memcpy(terms, count, bytes);
    if (sum) tg__release(g, sum, bytes);
    if (count) tg__release(g, count, bytes);
    return sum && count;
}
