/* Where each value lives: in a member of the struct, or in the expression of the one that reads it. */
#include "emit.h"

#include <ctype.h>
#include <math.h>

enum { MANY = 2, WANTED = 3 }; /* readers, or one in the other function; somebody looks for it in the struct */
enum { CHEAP = 2 };            /* operations in an expression that is computed again and again */

bool tg__is_computed(const struct tg__part *p, uint32_t id) {
    return (p->role[id] == TG__FORWARD || p->role[id] == TG__BACKWARD) && !tg__is_leaf(tg__node_of(p->graph, id));
}

/* ------------------------------------------------------------------------------------------ how often it is read */

static void count_uses(struct tg__places *q, const struct tg__part *p) {
    for (uint32_t id = 1; id <= p->last; id++) {
        if (!tg__is_computed(p, id)) continue;
        const struct tg__node *n = tg__node_of(p->graph, id);
        for (int i = 0; i < n->operands; i++) {
            struct tg__spot *x = &q->spot[n->in[i]];
            if (x->uses < MANY) x->uses++;
            if (p->role[n->in[i]] != p->role[id]) x->uses = MANY;
        }
    }
    q->spot[p->out].uses = WANTED;
    for (uint32_t id = 1; id <= p->out; id++)
        if (p->role[id] == TG__ARGUMENT) q->spot[tg__part_gradient(p, id)].uses = WANTED; /* 0 is nobody */
}

/* ------------------------------------------------------------------------------- what may stand in an expression */

/* The type of an expression is that of its operands, if nothing in it is compared and no literal has a type that is
 * wider: what cannot be seen to be so gets a variable, which rounds. */
static bool is_plain(const char *code) {
    for (const char *s = code; *s; s++)
        if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && !strchr("+-*/(), _T$", *s)) return false;
    return true;
}

static bool has_call(const char *code) {
    for (const char *s = code ? code : ""; *s;) {
        const size_t length = tg__word(s);
        if (length && s[length] == '(') return true;
        s += length ? length : 1;
    }
    return false;
}

static int reads(const struct tg__emit *e, int slot) {
    return tg__reads(e->code, slot) + tg__reads(e->begin, slot) + tg__reads(e->step, slot) + tg__reads(e->guard, slot);
}

static double turns(const struct tg__emit *e) {
    double n = 1;
    for (int i = 0; i < e->loops; i++) n *= (double)e->extent[i];
    return n;
}

static bool lies_alike(const struct tg__emit *e, int slot) {
    const int rank = e->node->shape->dims.rank;
    bool alike = e->in[slot]->shape == e->node->shape && memcmp(e->at[slot], e->out, (size_t)rank) == 0 && !e->onto;
    for (int axis = 0; axis < rank; axis++) alike &= e->from[slot][axis] == 0 && e->by[slot][axis] == 1;
    return alike;
}

static bool may_inline(const struct tg__places *q, const struct tg__part *p, uint32_t id, const struct tg__emit *e,
                       int slot) {
    const uint32_t x = e->node->in[slot];
    const struct tg__spot *from = &q->spot[x], *to = &q->spot[id];
    struct tg__emit own;
    if (from->place != TG__MEMBER || from->uses >= MANY || !tg__is_computed(p, x) || tg__fact_of(p->graph, x)->name)
        return false;
    if (e->copy || reads(e, slot) != 1 || to->weight + from->weight > TG__HEAVIEST) return false;
    if (!tg__kernel(p->graph, x, &own) || own.copy || own.call || own.onto || own.guard || !is_plain(own.code))
        return false;
    if (from->inner) return !tg__reduces(e) && !e->guard && !to->inner && lies_alike(e, slot);
    return turns(e) <= (double)e->in[slot]->shape->count || (!from->calls && from->weight <= CHEAP);
}

static bool may_be_view(const struct tg__places *q, const struct tg__emit *e, const struct tg__spot *to) {
    const struct tg__spot *from = &q->spot[e->node->in[0]];
    return e->node->op->view && !e->copy && to->uses < WANTED && from->place != TG__INLINE &&
           to->weight + from->weight <= TG__HEAVIEST;
}

/* ------------------------------------------------------------------------------------------------------ all of it */

static void note_needs(struct tg__places *q, const struct tg__part *p, uint32_t id, const struct tg__emit *e) {
    q->math |= e->math || has_call(e->code) || has_call(e->step);
    q->math |= e->fill && !isfinite(e->value);
    q->copies |= e->copy;
    q->rounds |= e->rounds;
    q->helpers |= e->helper[0] != NULL;
    for (int k = 0; e->call && k < e->node->operands; k++) q->i32 |= e->in[k]->dtype == TG_I32;
    if (e->guard || e->checks) q->fails[p->role[id] == TG__BACKWARD] = true;
}

static bool place_computed(struct tg__places *q, const struct tg__part *p, uint32_t id) {
    struct tg__spot *spot = &q->spot[id];
    struct tg__emit e;
    if (!tg__kernel(p->graph, id, &e)) {
        tg__fail_run(p->graph, TG_ARGUMENT, id, "the operator has no C: its row has neither code nor emit");
        return false;
    }
    if (e.node->shape->count == 0) return true;
    spot->weight = 1;
    spot->calls = has_call(e.code) || tg__reduces(&e);
    spot->inner = tg__reduces(&e) ? id : 0;
    for (int k = 0; k < e.node->operands; k++) {
        struct tg__spot *x = &q->spot[e.node->in[k]];
        if (may_inline(q, p, id, &e, k)) x->place = TG__INLINE;
        if (x->place != TG__INLINE && x->place != TG__VIEW) continue;
        spot->weight = (uint8_t)(spot->weight + x->weight);
        spot->calls |= x->place == TG__INLINE && x->calls;
        if (x->place == TG__INLINE && x->inner) spot->inner = x->inner;
    }
    spot->place = may_be_view(q, &e, spot) ? TG__VIEW : TG__MEMBER;
    tg__note_letters(q, p->graph, id, &e);
    note_needs(q, p, id, &e);
    return true;
}

static void place_given(struct tg__places *q, const struct tg__part *p, uint32_t id) {
    const struct tg__node *n = tg__node_of(p->graph, id);
    const bool constant = p->role[id] == TG__FORWARD || p->role[id] == TG__BACKWARD;
    if (n->shape->count == 0) return;
    q->spot[id].place = !constant ? TG__MEMBER : n->shape->count == 1 ? TG__NUMBER : TG__TABLE;
    q->tables |= q->spot[id].place == TG__TABLE;
    for (size_t i = 0; i < n->shape->count && constant; i++)
        q->math |= !isfinite(tg__load((tg_dtype)n->dtype, tg__value_of(p->graph, id)->data, i));
}

bool tg__places_new(struct tg__places *q, const struct tg__part *p) {
    *q = (struct tg__places){.bytes = ((size_t)p->last + 1) * sizeof *q->spot};
    q->spot = tg__alloc(p->graph, q->bytes);
    if (!q->spot) return false;
    memset(q->spot, 0, q->bytes);
    count_uses(q, p);
    for (uint32_t id = 1; id <= p->last; id++) {
        if (p->role[id] == TG__ABSENT) continue;
        if (!tg__is_computed(p, id))
            place_given(q, p, id);
        else if (!place_computed(q, p, id)) {
            tg__places_free(q, p);
            return false;
        }
        const int place = q->spot[id].place;
        q->i32 |= tg__node_of(p->graph, id)->dtype == TG_I32 && (place == TG__MEMBER || place == TG__TABLE);
    }
    return true;
}

void tg__places_free(struct tg__places *q, const struct tg__part *p) {
    if (q->spot) tg__release(p->graph, q->spot, q->bytes);
    q->spot = NULL;
}
