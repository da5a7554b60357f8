/* The builder: hash-consing over a new tape. */
#include "builder.h"
#include "hash.h"

struct tg__key {
    const struct tg_op *op;
    const struct tg__shape *shape;
    const struct tg__attr *attr;
    uint32_t in[TG__OPERANDS]; /* of a constant: a hash of its bytes */
    uint64_t dtype;
};

struct tg__cell {
    UT_hash_handle hh;
    struct tg__key key;
    uint32_t node;
};

bool tg__builder_open(struct tg__builder *b, const tg_graph *like) {
    *b = (struct tg__builder){.site = TG__LEAF_SITE, .cells = {.size = sizeof(struct tg__cell)}};
    b->g = tg__graph_new(&like->calculus, like->allocator);
    if (!b->g) return false;
    b->g->any_blas = like->any_blas;
    return tg__share_rows(b->g, like);
}

void tg__builder_close(struct tg__builder *b) {
    tg_graph *g = b->g;
    HASH_CLEAR(hh, b->by_key);
    if (g) tg__table_free(g, &b->cells);
}

/* ------------------------------------------------------------------------------------------------------- the cells */

static struct tg__cell *lookup(const struct tg__builder *b, const struct tg__key *key) {
    struct tg__cell *c = NULL;
    HASH_FIND(hh, b->by_key, key, sizeof *key, c);
    return c;
}

static bool remember(struct tg__builder *b, const struct tg__key *key, uint32_t node) {
    tg_graph *g = b->g;
    struct tg__cell *c = tg__push(g, &b->cells);
    if (!c) return false;
    c->key = *key;
    c->node = node;
    HASH_ADD(hh, b->by_key, key, sizeof c->key, c);
    return c->hh.tbl != NULL;
}

static struct tg__key key_of(const struct tg__node *n) {
    struct tg__key key = {.op = n->op, .shape = n->shape, .attr = n->attr, .dtype = n->dtype};
    for (int i = 0; i < n->operands; i++) key.in[i] = n->in[i];
    return key;
}

/* FNV-1a */
static struct tg__key key_of_constant(tg_dtype dtype, const struct tg__shape *shape, const void *data, size_t bytes) {
    struct tg__key key = {.op = &tg__op_const, .shape = shape, .dtype = dtype};
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ ((const unsigned char *)data)[i]) * UINT64_C(1099511628211);
    key.in[0] = (uint32_t)hash;
    key.in[1] = (uint32_t)(hash >> 32);
    return key;
}

/* ---------------------------------------------------------------------------------------------------------- nodes */

static uint32_t append(struct tg__builder *b, struct tg__node n) {
    struct tg__node *row = tg__append(b->g, n.operands ? b->site : TG__LEAF_SITE);
    if (!row) return 0;
    n.epoch = row->epoch;
    *row = n;
    return b->g->nodes.length - 1;
}

/* A view of a view is one of what is below; one that changes nothing is its operand. */
static bool is_nothing(const struct tg__builder *b, struct tg__node *n) {
    const struct tg__node *x = n->operands ? tg__node_of(b->g, n->in[0]) : NULL;
    if (!n->op->view || n->op->drawn) return false;
    if (x->shape == n->shape) return true; /* first: what is below may have another shape, which this one cannot have */
    if (x->op->view && n->operands == 1 && x->operands) n->in[0] = x->in[0];
    return tg__node_of(b->g, n->in[0])->shape == n->shape;
}

uint32_t tg__built(struct tg__builder *b, struct tg__node n) {
    if (is_nothing(b, &n)) return n.in[0];
    const struct tg__key key = key_of(&n);
    const struct tg__cell *c = n.op->drawn ? NULL : lookup(b, &key);
    if (c || b->finds) return c ? c->node : 0;
    n.flags = TG__SAME_SHAPE;
    for (int i = 0; i < TG__OPERANDS; i++) {
        if (i >= n.operands) n.in[i] = 0;
        if (i < n.operands && tg__node_of(b->g, n.in[i])->shape != n.shape) n.flags = 0;
    }
    uint32_t id = append(b, n);
    if (!id || !tg__fold_constant(b, &id)) return 0;
    return n.op->drawn || remember(b, &key, id) ? id : 0;
}

uint32_t tg__built_of(struct tg__builder *b, const struct tg_op *op, const uint32_t *in, const struct tg__attr *attr,
                      const tg_shape *shape) {
    tg_graph *g = b->g;
    tg_node operand[TG__OPERANDS];
    const struct tg__node *from[TG__OPERANDS];
    struct tg__node n = {.op = op, .operands = (uint8_t)op->operands};
    for (int i = 0; i < op->operands; i++) {
        operand[i] = tg__handle(g, in[i]);
        from[i] = tg__node_of(g, in[i]);
        n.in[i] = in[i];
    }
    struct tg__rule r = {.graph = g, .op = op, .in = operand, .from = from, .dtype = (tg_dtype)from[0]->dtype};
    if (attr && !(r.attr = tg__intern(g, attr, sizeof *attr))) return 0;
    if (shape && !(r.shape = tg__shape_of(g, shape, op->name))) return 0;
    if (!op->shape(&r) || !r.shape) return 0;
    n.shape = r.shape;
    n.attr = r.attr;
    n.dtype = (uint8_t)r.dtype;
    return tg__built(b, n);
}

uint32_t tg__built_known(const struct tg__builder *b, const struct tg_op *op, uint32_t x, uint32_t bits) {
    const struct tg__key key = {.op = op, .in = {x, bits}, .dtype = UINT64_MAX};
    const struct tg__cell *c = lookup(b, &key);
    return c ? c->node : 0;
}

bool tg__built_know(struct tg__builder *b, const struct tg_op *op, uint32_t x, uint32_t bits, uint32_t node) {
    const struct tg__key key = {.op = op, .in = {x, bits}, .dtype = UINT64_MAX};
    return lookup(b, &key) || remember(b, &key, node);
}

/* --------------------------------------------------------------------------------------------------------- leaves */

uint32_t tg__built_leaf(struct tg__builder *b, const struct tg_op *op, tg_dtype dtype, const struct tg__shape *shape) {
    return append(b, (struct tg__node){.op = op, .shape = shape, .dtype = (uint8_t)dtype});
}

static bool holds(const tg_graph *g, uint32_t id, const void *data, size_t bytes) {
    return bytes == 0 || memcmp(tg__value_of(g, id)->data, data, bytes) == 0;
}

uint32_t tg__built_constant(struct tg__builder *b, tg_dtype dtype, const struct tg__shape *shape, const void *data) {
    const struct tg__node n = {.op = &tg__op_const, .shape = shape, .dtype = (uint8_t)dtype};
    const size_t bytes = tg__bytes(&n);
    const struct tg__key key = key_of_constant(dtype, shape, data, bytes);
    const struct tg__cell *c = lookup(b, &key);
    if (c && holds(b->g, c->node, data, bytes)) return c->node;
    if (b->finds) return 0;
    const uint32_t id = append(b, n);
    if (!id || !tg__value_room(b->g, id)) return 0;
    struct tg__value *v = tg__value_of(b->g, id);
    if (bytes) memcpy((void *)(uintptr_t)v->data, data, bytes);
    v->valid = true;
    return c || remember(b, &key, id) ? id : 0;
}

uint32_t tg__built_number(struct tg__builder *b, tg_dtype dtype, double v) {
    double data = 0;
    const tg_shape scalar = tg_shape0();
    const struct tg__shape *shape = tg__shape_of(b->g, &scalar, "const");
    tg__store(dtype, &data, 0, v);
    return shape ? tg__built_constant(b, dtype, shape, &data) : 0;
}

bool tg__built_merge(struct tg__builder *b, uint32_t *id) {
    const struct tg__node *n = tg__node_of(b->g, *id);
    const void *data = tg__value_of(b->g, *id)->data;
    const struct tg__key key = key_of_constant((tg_dtype)n->dtype, n->shape, data, tg__bytes(n));
    const struct tg__cell *c = lookup(b, &key);
    if (!c) return remember(b, &key, *id);
    if (!holds(b->g, c->node, data, tg__bytes(n))) return true;
    tg__values_cut(b->g, *id);
    tg__table_cut(&b->g->facts, *id);
    tg__table_cut(&b->g->nodes, *id);
    *id = c->node;
    return true;
}

/* ---------------------------------------------------------------------------------------------------------- the end */

static void move(tg_graph *g, uint32_t from, uint32_t to, const uint32_t *moved) {
    struct tg__node *n = tg__node_of(g, to);
    *n = *tg__node_of(g, from);
    for (int i = 0; i < n->operands; i++) n->in[i] = moved[n->in[i]];
    *tg__fact_of(g, to) = *tg__fact_of(g, from);
    *tg__value_of(g, to) = *tg__value_of(g, from);
}

bool tg__builder_prune(struct tg__builder *b, const unsigned char *needed, uint32_t *to) {
    tg_graph *g = b->g;
    if (!tg__values_grow(g)) return false;
    uint32_t next = 1;
    for (uint32_t id = 1; id < g->nodes.length; id++) {
        const struct tg__value *v = tg__value_of(g, id);
        to[id] = needed[id] ? next : 0;
        if (needed[id])
            move(g, id, next++, to);
        else if (v->owned)
            tg__data_free(g, (void *)(uintptr_t)v->data, tg__bytes(tg__node_of(g, id)));
    }
    tg__table_cut(&g->nodes, next);
    tg__table_cut(&g->facts, next);
    tg__table_cut(&g->values, next);
    g->stale = 1;
    return true;
}
