/* What each node of the small tape is to the compiler, and which of them are stored. */
#include "nest.h"

enum { DEAR = 16, CALL = 40 }; /* a full-size store, or a load in one more nest; a function of the C library, which is
                                  never computed again for a second reader; an addition is 1 */

/* ------------------------------------------------------------------------------------------------ what a node is */

static bool is_within(const struct tg__emit *e, int slot) {
    const tg_shape *x = &e->in[slot]->shape->dims;
    for (int axis = 0; axis < x->rank; axis++) {
        const int loop = e->at[slot][axis];
        const int64_t from = e->from[slot][axis];
        const int64_t to = loop >= 0 ? from + e->by[slot][axis] * (e->extent[loop] - 1) : from;
        if (loop != TG__LABEL && (from < 0 || to < 0 || from >= x->dim[axis] || to >= x->dim[axis])) return false;
    }
    return true;
}

/* Labels that are data are checked before anything else; what is computed on the way would be checked in the middle. */
static bool is_checked(const struct tg__fused *f, const struct tg__emit *e) {
    if (!e->guard) return true;
    return e->node->operands == 2 && tg__reads(e->guard, 0) == 0 && tg__reads(e->guard, 1) > 0 &&
           f->item[e->node->in[1]].kind == TG__DATA;
}

static bool is_map(const struct tg__fused *f, const struct tg__emit *e) {
    if (!e->code || e->call || e->onto || tg__reduces(e) || !is_checked(f, e)) return false;
    for (int k = 0; k < e->node->operands; k++)
        if (tg__reads(e->code, k) + tg__reads(e->guard, k) && !is_within(e, k)) return false;
    return true;
}

uint16_t tg__space(const tg_shape *dims, struct tg__index at[TG_MAX_RANK]) {
    int16_t loops = 0;
    for (int axis = 0; axis < dims->rank; axis++) {
        at[axis] = (struct tg__index){0, 1, loops, TG__NONE};
        if (dims->dim[axis] == 1)
            at[axis] = (struct tg__index){0, 0, TG__NONE, TG__NONE};
        else
            loops++;
    }
    return (uint16_t)loops;
}

uint16_t tg__reduced_loops(const struct tg__emit *e) {
    const tg_shape *x = &e->in[0]->shape->dims;
    uint16_t mask = 0;
    for (int axis = 0, loop = 0; axis < x->rank; axis++) {
        if (x->dim[axis] == 1) continue;
        if (tg__is_inner(e, axis)) mask |= (uint16_t)(1u << loop);
        loop++;
    }
    return mask;
}

/* Reduced loops that do not lie side by side, with a kept one innermost, have no nest. */
static bool is_reduction(const struct tg__emit *e) {
    struct tg__index at[TG_MAX_RANK];
    if (!e->combine) return false;
    const int loops = tg__space(&e->in[0]->shape->dims, at);
    unsigned mask = tg__reduced_loops(e);
    if (mask == 0) return false;
    if (mask >> (loops - 1) & 1) return true;
    while (!(mask & 1)) mask >>= 1;
    return (mask & (mask + 1)) == 0;
}

/* Nothing can be chosen from nothing: its kernel says so. */
static bool has_labels(const struct tg__fused *f, const struct tg__node *n) {
    for (int k = 0; k < n->operands; k++) {
        const struct tg__node *x = tg__node_of(f->g, n->in[k]);
        if (x->dtype == TG_I32 && n->dtype != TG_I32 && x->shape->count) return true;
    }
    return false;
}

static uint8_t kind_of(const struct tg__fused *f, uint32_t id) {
    const struct tg__node *n = tg__node_of(f->g, id);
    struct tg__emit e;
    if (n->shape->count == 0) return has_labels(f, n) ? TG__CALLED : TG__VOID;
    if (tg__is_leaf(n)) return n->op == &tg__op_const && n->shape->count == 1 ? TG__NUMERAL : TG__DATA;
    if (!tg__kernel(f->g, id, &e)) return n->op->view ? TG__RECAST : TG__CALLED;
    if (e.copy) return TG__RECAST;
    for (int k = 0; k < n->operands; k++)
        if (tg__node_of(f->g, n->in[k])->shape->count == 0) return TG__CALLED;
    return is_map(f, &e) ? TG__MAP : is_reduction(&e) ? TG__REDUCTION : TG__CALLED;
}

/* ------------------------------------------------------------------------------------------------ what is stored */

uint32_t tg__base_of(const struct tg__fused *f, uint32_t id) {
    while (f->item[id].kind == TG__RECAST) id = tg__node_of(f->g, id)->in[0];
    return id;
}

static void store(struct tg__fused *f, uint32_t id) {
    struct tg__item *x = &f->item[tg__base_of(f, id)];
    if (x->kind != TG__DATA && x->kind != TG__NUMERAL && x->kind != TG__VOID) x->stored = true;
}

static double points(const struct tg__emit *e) {
    double n = 1;
    for (int i = 0; i < e->loops; i++) n *= (double)e->extent[i];
    return n;
}

static bool is_move(const struct tg__emit *e) { return strcmp(e->code, "a") == 0 && !e->guard; }

/* What is read more often than it has elements is computed once; but moving costs nothing, and hands the question on.
 * `broad`, by node: it is such a move. */
/* The same number everywhere, of numbers that are written out: the C compiler knows it. */
static bool is_uniform(const struct tg__fused *f, uint32_t id) {
    const struct tg__node *n = tg__node_of(f->g, id);
    if (f->item[id].kind != TG__MAP) return false;
    struct tg__emit e;
    tg__kernel(f->g, id, &e);
    if (e.guard || strstr(e.code, "last")) return false;
    for (int k = 0; k < n->operands; k++)
        if (f->item[n->in[k]].kind != TG__NUMERAL && !f->item[n->in[k]].uniform) return false;
    return true;
}

static void store_for(struct tg__fused *f, uint32_t id, bool *broad) {
    const struct tg__item *own = &f->item[id];
    const struct tg__node *n = tg__node_of(f->g, id);
    struct tg__emit e, x;
    for (int k = 0; k < n->operands; k++)
        if (own->kind == TG__CALLED || own->kind == TG__RECAST) store(f, n->in[k]);
    if (own->kind != TG__MAP && own->kind != TG__REDUCTION) return;
    tg__kernel(f->g, id, &e);
    for (int k = 0; k < n->operands; k++) {
        const bool wide = points(&e) > (double)e.in[k]->shape->count || (broad[id] && !own->stored);
        if (!wide || f->item[n->in[k]].kind != TG__MAP || f->item[n->in[k]].uniform) continue;
        tg__kernel(f->g, n->in[k], &x);
        if (is_move(&x))
            broad[n->in[k]] = true;
        else
            store(f, n->in[k]);
    }
}

static int price(const struct tg__node *n, const struct tg__emit *e) {
    if (n->op->transcendent) return CALL;
    if (is_move(e)) return 0;
    return strchr(e->code, '/') || strstr(e->code, "sqrt") ? 4 : 1;
}

/* Cost and readers, from the oldest on: by then all that a node is made of is known. */
static void store_dear(struct tg__fused *f, const uint32_t *readers, uint16_t *size) {
    for (uint32_t id = 1; id <= f->last; id++) {
        struct tg__item *x = &f->item[id];
        const struct tg__node *n = tg__node_of(f->g, id);
        struct tg__emit e;
        if (x->kind != TG__MAP || x->uniform) continue;
        tg__kernel(f->g, id, &e);
        unsigned cost = (unsigned)price(n, &e), terms = 1;
        for (int k = 0; k < n->operands; k++) {
            const struct tg__item *from = &f->item[n->in[k]];
            const bool inside = from->kind == TG__MAP && !from->stored;
            cost += inside ? from->cost : 0;
            terms += inside ? size[n->in[k]] : 1;
        }
        x->cost = (uint16_t)(cost < UINT16_MAX ? cost : UINT16_MAX);
        size[id] = (uint16_t)(terms < UINT16_MAX ? terms : UINT16_MAX);
        if (terms > TG__MOST_TERMS || (readers[id] > 1 && cost * (readers[id] - 1) > DEAR * readers[id]))
            x->stored = true;
    }
}

bool tg__kinds(struct tg__fused *f, const uint32_t *wanted, size_t count) {
    const size_t nodes = f->last + (size_t)1;
    bool *broad = tg__alloc(f->g, nodes);
    uint32_t *readers = tg__alloc(f->g, nodes * sizeof *readers);
    uint16_t *size = tg__alloc(f->g, nodes * sizeof *size);
    const bool ok = broad && readers && size;
    if (ok) {
        memset(broad, 0, nodes);
        memset(readers, 0, nodes * sizeof *readers);
        memset(size, 0, nodes * sizeof *size);
        for (uint32_t id = 1; id <= f->last; id++) {
            f->item[id] = (struct tg__item){.kind = kind_of(f, id), .anchor = TG__NONE, .local = TG__NONE};
            f->item[id].uniform = is_uniform(f, id);
        }
        for (size_t i = 0; i < count; i++) {
            struct tg__item *x = &f->item[wanted[i]];
            x->wanted = true;
            x->stored = x->kind != TG__DATA && x->kind != TG__NUMERAL && x->kind != TG__VOID;
        }
        for (uint32_t id = f->last; id > 0; id--) {
            if (f->item[id].kind == TG__REDUCTION || f->item[id].kind == TG__CALLED) f->item[id].stored = true;
            store_for(f, id, broad);
            const struct tg__node *n = tg__node_of(f->g, id);
            for (int k = 0; k < n->operands; k++) readers[n->in[k]]++;
        }
        store_dear(f, readers, size);
        tg__contract(f, readers);
    }
    if (broad) tg__release(f->g, broad, nodes);
    if (readers) tg__release(f->g, readers, nodes * sizeof *readers);
    if (size) tg__release(f->g, size, nodes * sizeof *size);
    return ok;
}
