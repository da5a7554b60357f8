/* What a row says of its kernel in C, in one form for all: elementwise rows by their code alone. */
#include "kernel.h"

#include <ctype.h>

size_t tg__word(const char *s) {
    size_t n = 0;
    const bool number = isdigit((unsigned char)*s);
    while (isalnum((unsigned char)s[n]) || s[n] == '_' || (number && s[n] == '.')) n++;
    return n;
}

/* An axis of length 1 needs no loop. */
void tg__loop_along(struct tg__emit *e, int8_t *map, int axis, int loop) {
    map[axis] = (int8_t)(e->extent[loop] == 1 ? TG__FIRST : loop);
}

/* NumPy's broadcasting: the last axes of operand and result lie on one another. */
static void lay_along(struct tg__emit *e, int slot, const tg_shape *x, const tg_shape *z) {
    for (int axis = 0; axis < x->rank; axis++) {
        const int own = axis + z->rank - x->rank;
        if (own < 0 || x->dim[axis] == 1)
            e->at[slot][axis] = TG__FIRST;
        else
            tg__loop_along(e, e->at[slot], axis, own);
    }
}

void tg__loops_over(struct tg__emit *e, const tg_shape *dims) {
    e->loops = dims->rank;
    for (int i = 0; i < TG_MAX_RANK; i++) {
        e->extent[i] = i < dims->rank ? dims->dim[i] : 1;
        e->out[i] = TG__FIRST;
        e->to[i] = 0;
        e->pace[i] = 1;
        for (int k = 0; k < TG__OPERANDS; k++) e->at[k][i] = TG__FIRST;
    }
}

void tg__loops_onto(struct tg__emit *e) {
    tg__loops_over(e, &e->in[0]->shape->dims);
    for (int i = 0; i < e->loops && i < TG_MAX_RANK; i++) tg__loop_along(e, e->at[0], i, i);
    e->onto = true;
}

void tg__emit_call(struct tg__emit *e, const struct tg__helper *helper, int arguments, const int64_t *argument) {
    e->call = helper->name;
    e->helper[0] = helper;
    e->code = NULL;
    e->arguments = arguments;
    memcpy(e->argument, argument, (size_t)arguments * sizeof *argument);
}

tg_dtype tg__helper_type(const struct tg__emit *e) {
    return (tg_dtype)(e->node->dtype == TG_I32 && e->in[0] ? e->in[0]->dtype : e->node->dtype);
}

bool tg__reduces(const struct tg__emit *e) { return e->step != NULL; }

bool tg__is_inner(const struct tg__emit *e, int loop) {
    for (int axis = 0; axis < e->node->shape->dims.rank; axis++)
        if (e->out[axis] == loop) return false;
    return e->extent[loop] != 1;
}

bool tg__kernel(const tg_graph *g, uint32_t id, struct tg__emit *e) {
    const struct tg__node *n = tg__node_of(g, id);
    const tg_shape *z = &n->shape->dims;
    *e = (struct tg__emit){.node = n, .code = n->op->code, .terms = 1, .digits = 1};
    if (n->attr) e->number = n->attr->number;
    tg__loops_over(e, z);
    for (int i = 0; i < z->rank && i < TG_MAX_RANK; i++) tg__loop_along(e, e->out, i, i);
    for (int k = 0; k < n->operands; k++) {
        e->in[k] = tg__node_of(g, n->in[k]);
        lay_along(e, k, &e->in[k]->shape->dims, z);
        for (int axis = 0; axis < TG_MAX_RANK; axis++) e->by[k][axis] = 1;
    }
    if (n->op->emit) n->op->emit(e);
    if (e->terms == 0) { /* nothing to go through: there may not even be an operand to name */
        e->code = "(T)0";
        e->begin = e->step = e->summand = NULL;
        e->helper[0] = e->helper[1] = NULL;
    }
    return e->code || e->copy || e->call;
}

int tg__reads(const char *piece, int slot) {
    int n = 0;
    for (const char *s = piece ? piece : ""; *s;) {
        const size_t length = tg__word(s);
        n += tg__is_operand(s, length) && *s - 'a' == slot;
        s += length ? length : 1;
    }
    return n;
}
