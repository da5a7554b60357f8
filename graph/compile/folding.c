/* Constants: what is made of constants alone is computed once, by its own row's kernel, so its bits are a run's. */
#include "builder.h"

/* Not if the program would carry more than before: an expand of a number, a product of a row and a column. */
static bool is_foldable(const tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    size_t below = n->shape->count == 1 ? tg__bytes(n) : 0;
    for (int i = 0; i < n->operands; i++) {
        if (!tg__is_const(g, n->in[i]) || !tg__value_of(g, n->in[i])->valid) return false;
        const size_t bytes = tg__bytes(tg__node_of(g, n->in[i]));
        if (bytes > below) below = bytes;
    }
    return n->operands > 0 && !n->op->drawn && tg__bytes(n) <= below;
}

static tg_status compute(tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    struct tg__call c = {.graph = g, .id = id, .node = n};
    for (int i = 0; i < n->operands; i++) {
        c.in[i] = tg__value_of(g, n->in[i])->data;
        c.shape[i] = tg__node_of(g, n->in[i])->shape;
    }
    c.out = (void *)(uintptr_t)tg__value_of(g, id)->data;
    if (!n->op->view) return n->op->run(&c);
    if (tg__bytes(n)) memcpy(c.out, c.in[0], tg__bytes(n));
    return TG_OK;
}

bool tg__fold_constant(struct tg__builder *b, uint32_t *id) {
    tg_graph *g = b->g;
    if (!is_foldable(g, *id)) return true;
    if (!tg__value_room(g, *id)) return false;
    g->busy = true;
    const tg_status status = compute(g, *id);
    g->busy = false;
    if (status == TG_MEMORY) return false;
    tg__clear_run(g);
    if (status) return true; /* it fails at every run, and says why */
    struct tg__node *n = tg__node_of(g, *id);
    *n = (struct tg__node){.op = &tg__op_const, .shape = n->shape, .dtype = n->dtype, .epoch = n->epoch};
    tg__value_of(g, *id)->valid = true;
    return tg__built_merge(b, id);
}
