/* The terms of a nest: what is computed in its body, each node once at each index. */
#include "nest.h"

static bool is_same(const struct tg__term *t, uint32_t node, const struct tg__index *at, int rank) {
    return t->node == node && memcmp(t->at, at, (size_t)rank * sizeof *at) == 0;
}

/* A term of the nest; TG__NONE: out of memory. */
static int find(struct tg__fused *f, struct tg__nest *n, uint32_t node, const struct tg__index *at) {
    const int rank = tg__node_of(f->g, node)->shape->dims.rank;
    for (int i = 0; i < (int)n->terms; i++)
        if (is_same(tg__term_of(f, n, i), node, at, rank)) return i;
    if (n->terms > INT16_MAX) return TG__NONE;
    struct tg__term *t = tg__push(f->g, &f->terms);
    if (!t) return TG__NONE;
    *t = (struct tg__term){.node = node};
    memcpy(t->at, at, (size_t)rank * sizeof *at);
    for (int k = 0; k < TG__OPERANDS; k++) t->in[k] = TG__NONE;
    return (int)n->terms++;
}

/* Whether it has been made before the nest begins. */
static bool is_there(const struct tg__fused *f, int32_t nest, uint32_t node) {
    const struct tg__item *x = &f->item[node];
    return x->kind == TG__DATA || (x->stored && tg__anchor_of(f, x->anchor)->nest != nest) || x->kind == TG__RECAST;
}

static struct tg__index inside(const struct tg__term *t, const struct tg__emit *e, int slot, int axis, int label) {
    const int64_t from = e->from[slot][axis], by = e->by[slot][axis];
    const int loop = e->at[slot][axis];
    if (loop == TG__LABEL) return (struct tg__index){from, by, TG__NONE, (int16_t)label};
    struct tg__index i = {0, 0, TG__NONE, TG__NONE};
    for (int own = 0; loop >= 0 && own < e->node->shape->dims.rank; own++)
        if (e->out[own] == loop) i = t->at[own];
    i.from = from + by * i.from;
    i.by *= by;
    return i;
}

/* Operand k of a kernel, read where the index of its node says. */
static struct tg__term operand(const struct tg__term *t, const struct tg__emit *e, int k) {
    struct tg__term x = {.node = e->node->in[k]};
    for (int axis = 0; axis < e->in[k]->shape->dims.rank; axis++) x.at[axis] = inside(t, e, k, axis, t->in[1]);
    return x;
}

static bool set_operand(struct tg__fused *f, struct tg__nest *n, int number, int to, struct tg__term x) {
    const int made = find(f, n, x.node, x.at);
    if (made != TG__NONE) tg__term_of(f, n, number)->in[to] = (int16_t)made;
    return made != TG__NONE;
}

/* The product's operands in its place. */
static bool open_sum(struct tg__fused *f, struct tg__nest *n, int number) {
    const struct tg__term *t = tg__term_of(f, n, number);
    const struct tg__sum s = tg__sum_of(f, t->node);
    struct tg__emit e, product;
    tg__kernel(f->g, t->node, &e);
    tg__kernel(f->g, s.product, &product);
    const struct tg__term p = operand(t, &e, s.slot);
    const int last = product.node->operands - 1;
    tg__term_of(f, n, number)->contracts = true;
    return set_operand(f, n, number, 2, operand(t, &e, s.other)) &&
           set_operand(f, n, number, 1, operand(&p, &product, last)) &&
           set_operand(f, n, number, 0, operand(&p, &product, 0));
}

/* Operands of a map; labels first, for others are read there. */
static bool open_map(struct tg__fused *f, struct tg__nest *n, int number) {
    struct tg__emit e;
    tg__kernel(f->g, tg__term_of(f, n, number)->node, &e);
    if (f->item[tg__term_of(f, n, number)->node].contracts != TG__NONE) return open_sum(f, n, number);
    for (int k = e.node->operands - 1; k >= 0; k--)
        if (tg__reads(e.code, k) + tg__reads(e.guard, k) > 0 &&
            !set_operand(f, n, number, k, operand(tg__term_of(f, n, number), &e, k)))
            return false;
    return true;
}

static bool open(struct tg__fused *f, struct tg__nest *n, int32_t nest, int number) {
    struct tg__term *t = tg__term_of(f, n, number);
    if (f->item[t->node].kind == TG__NUMERAL) {
        t->numeral = true;
        return true;
    }
    if (is_there(f, nest, t->node)) {
        t->array = tg__base_of(f, t->node);
        return true;
    }
    return open_map(f, n, number);
}

/* The root of an anchor, and all that it takes. */
static bool plant(struct tg__fused *f, struct tg__nest *n, int32_t nest, struct tg__anchor *a) {
    struct tg__index at[TG_MAX_RANK];
    memset(at, 0, sizeof at);
    const struct tg__node *own = tg__node_of(f->g, a->node);
    const uint32_t node = f->item[a->node].kind == TG__REDUCTION ? own->in[0] : a->node;
    tg__space(&tg__node_of(f->g, node)->shape->dims, at);
    const uint32_t before = n->terms;
    const int root = find(f, n, node, at);
    if (root == TG__NONE) return false;
    a->root = (int16_t)root;
    for (uint32_t i = before; i < n->terms; i++)
        if (!open(f, n, nest, (int)i)) return false;
    return true;
}

/* Vectors of the C library and its single numbers differ in the last digits. A compiler that vectorized a loop around
 * such a function would give one element these digits here and those there; blocks give the same ones everywhere. */
bool tg__takes_blocks(const struct tg__fused *f, uint32_t node) { return tg__node_of(f->g, node)->op->transcendent; }

/* Whether the kernel asks which turn of the loop along an axis it is in. */
bool tg__asks(const struct tg__fused *f, const struct tg__term *t, int axis) {
    struct tg__emit e;
    if (t->array || t->numeral || !tg__kernel(f->g, t->node, &e)) return false;
    return axis == e.node->shape->dims.rank - 1 && strstr(e.code, "last");
}

/* What each depends on, and waits for: operands stand behind, so from the end. */
static bool is_settled(struct tg__fused *f, struct tg__nest *n, struct tg__term *t) {
    const struct tg__node *node = tg__node_of(f->g, t->node);
    uint16_t loops = 0;
    uint8_t stage = 0;
    for (int axis = 0; axis < node->shape->dims.rank; axis++) {
        const bool reads = t->array || tg__asks(f, t, axis);
        if (t->at[axis].loop != TG__NONE && reads) loops |= (uint16_t)(1u << t->at[axis].loop);
        if (t->at[axis].label == TG__NONE || !reads) continue;
        const struct tg__term *label = tg__term_of(f, n, t->at[axis].label);
        loops |= label->loops;
        if (label->stage > stage) stage = label->stage;
    }
    for (int k = 0; k < TG__OPERANDS; k++) {
        if (t->in[k] == TG__NONE) continue;
        const struct tg__term *x = tg__term_of(f, n, t->in[k]);
        loops |= x->loops;
        if (x->stage > stage) stage = x->stage;
    }
    if (t->numeral) loops = 0;
    const bool inner = n->loops > 0 && loops >> (n->loops - 1) & 1;
    if (!inner) stage = 0;
    if (inner && !t->array && tg__takes_blocks(f, t->node)) stage++;
    const bool same = loops == t->loops && stage == t->stage;
    t->loops = loops;
    t->stage = stage;
    return same;
}

static void settle(struct tg__fused *f, struct tg__nest *n) {
    for (bool settled = false; !settled;) {
        settled = true;
        for (int i = (int)n->terms - 1; i >= 0; i--) settled &= is_settled(f, n, tg__term_of(f, n, i));
    }
}

static bool use(struct tg__term *t) {
    const bool before = t->used;
    t->used = true;
    return !before;
}

/* A label is read where an array is, or a kernel asks for the turn; not where there is no axis along it. */
static bool use_labels(struct tg__fused *f, struct tg__nest *n, const struct tg__term *t) {
    bool more = false;
    for (int axis = 0; axis < tg__node_of(f->g, t->node)->shape->dims.rank; axis++)
        if (t->at[axis].label != TG__NONE && t->at[axis].by != 0 && (t->array || tg__asks(f, t, axis)))
            more |= use(tg__term_of(f, n, t->at[axis].label));
    return more;
}

static bool use_operands(struct tg__fused *f, struct tg__nest *n, const struct tg__term *t) {
    struct tg__emit e;
    bool more = false;
    if (t->array || t->numeral) return false;
    tg__kernel(f->g, t->node, &e);
    for (int k = 0; k < TG__OPERANDS; k++)
        if (t->in[k] != TG__NONE && (t->contracts || tg__reads(e.code, k))) more |= use(tg__term_of(f, n, t->in[k]));
    return more;
}

static void mark_used(struct tg__fused *f, struct tg__nest *n) {
    for (int32_t i = n->newest; i != TG__NONE; i = tg__anchor_of(f, i)->older)
        tg__term_of(f, n, tg__anchor_of(f, i)->root)->used = true;
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < (int)n->terms; i++) {
            const struct tg__term *t = tg__term_of(f, n, i);
            if (t->used) more |= use_labels(f, n, t) | use_operands(f, n, t);
        }
    }
}

bool tg__terms(struct tg__fused *f, struct tg__nest *n, int32_t nest) {
    n->term = f->terms.length;
    n->terms = 0;
    for (int32_t i = n->newest; i != TG__NONE; i = tg__anchor_of(f, i)->older)
        if (!plant(f, n, nest, tg__anchor_of(f, i))) return false;
    settle(f, n);
    mark_used(f, n);
    return true;
}
