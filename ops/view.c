/* Views: operators whose value is their operand's memory under another shape or another meaning. */
#include "kernel.h"
#include "ops.h"

tg_node tg__apply_to_shape(const struct tg_op *op, tg_node x, const tg_shape *dims, const struct tg__attr *attr) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg__apply(op, &x, NULL); /* says what is wrong with the operand */
    const struct tg__shape *shape = tg__shape_of(x.graph, dims, op->name);
    return tg__apply_shaped(op, &x, attr, shape, (tg_dtype)n->dtype);
}

/* Any dtype; shape the operand's, or the one that the constructor has checked. */
bool tg__rule_any(struct tg__rule *r) {
    if (!r->shape) r->shape = r->from[0]->shape;
    r->dtype = (tg_dtype)r->from[0]->dtype;
    return true;
}

tg_status tg__run_view(struct tg__call *c) {
    (void)c;
    return TG_OK; /* a view: the interpreter has passed the operand's memory on */
}

void tg__emit_view(struct tg__emit *e) { e->code = "a"; }

static tg_node pass(tg_node z, tg_node g, int slot) {
    (void)z, (void)slot;
    return g;
}

/* ----------------------------------------------------------------------------------------------- the operators */

const struct tg_op tg__op_identity = {.name = "identity",
                                      .formula = "z = x",
                                      .gradient = "g",
                                      .symbol = "≡",
                                      .numpy = "x",
                                      .tex = "x",
                                      .tex_back = "g",
                                      .operands = 1,
                                      .view = true,
                                      .shape = tg__rule_any,
                                      .run = tg__run_view,
                                      .emit = tg__emit_view,
                                      .vjp = pass,
                                      .through = true,
                                      .nature = TG__MOVES | TG__LINEAR | TG__LIKE,
                                      .low = -2,
                                      .high = 2};
tg_node tg_identity(tg_node x) { return tg__apply(&tg__op_identity, &x, NULL); }

const struct tg_op tg__op_detach = {.name = "detach",
                                    .formula = "z = detach(x)",
                                    .gradient = "none",
                                    .symbol = "⊣",
                                    .numpy = "x",
                                    .tex = "\\mathrm{detach}\\left(x\\right)",
                                    .operands = 1,
                                    .view = true,
                                    .shape = tg__rule_any,
                                    .run = tg__run_view,
                                    .emit = tg__emit_view,
                                    .through = true,
                                    .nature = TG__LINEAR | TG__LIKE,
                                    .low = -2,
                                    .high = 2};
tg_node tg_detach(tg_node x) { return tg__apply(&tg__op_detach, &x, NULL); }

/* Shapes that differ in axes of length 1 only: every other axis lies along its like. */
static void reshape_emit(struct tg__emit *e) {
    const tg_shape *x = &e->in[0]->shape->dims, *z = &e->node->shape->dims;
    int own = 0;
    for (int axis = 0; axis < x->rank; axis++) {
        e->at[0][axis] = TG__FIRST;
        if (x->dim[axis] == 1) continue;
        while (own < z->rank && z->dim[own] == 1) own++;
        e->copy |= own == z->rank || z->dim[own] != x->dim[axis];
        if (e->copy) return;
        tg__loop_along(e, e->at[0], axis, own++);
    }
    e->code = "a";
}

static tg_node reshape_vjp(tg_node z, tg_node g, int slot) { return tg_reshape(g, tg_dims(tg_operand(z, slot))); }

const struct tg_op tg__op_reshape = {.name = "reshape",
                                     .formula = "z = reshape(x, shape)",
                                     .gradient = "g in x's shape",
                                     .symbol = "reshape",
                                     .numpy = "np.reshape(x, shape)",
                                     .tex = "\\mathrm{reshape}_{shape}\\left(x\\right)",
                                     .tex_back = "\\mathrm{reshape}\\left(g\\right)",
                                     .operands = 1,
                                     .view = true,
                                     .shape = tg__rule_any,
                                     .run = tg__run_view,
                                     .emit = reshape_emit,
                                     .vjp = reshape_vjp,
                                     .through = true,
                                     .nature = TG__MOVES | TG__LINEAR | TG__LIKE,
                                     .low = -2,
                                     .high = 2};

static const char *fault_of(const tg_shape *shape) {
    int unknown = 0, negative = 0;
    for (int i = 0; i < shape->rank; i++) unknown += shape->dim[i] == -1, negative += shape->dim[i] < -1;
    return negative      ? "which has a negative dimension"
           : unknown > 1 ? "in which only one dimension may be -1, what the others leave"
                         : NULL;
}

/* A dimension of -1 is what the others leave. */
static bool infer(tg_node x, tg_shape *shape) {
    int unknown = -1;
    size_t others = 1;
    for (int i = 0; i < shape->rank && i < TG_MAX_RANK; i++) {
        if (shape->dim[i] == -1 && unknown < 0)
            unknown = i;
        else if (shape->dim[i] < 0 || __builtin_mul_overflow(others, (uint64_t)shape->dim[i], &others))
            return false;
    }
    if (unknown >= 0 && others > 0) shape->dim[unknown] = (int64_t)(tg_size(x) / others);
    return unknown < 0 ? others == tg_size(x) : others > 0 && others * (size_t)shape->dim[unknown] == tg_size(x);
}

tg_node tg_reshape(tg_node x, tg_shape shape) {
    if (!tg__get(x)) return tg__apply(&tg__op_reshape, &x, NULL);
    tg_shape wanted = shape;
    if (shape.rank >= 0 && shape.rank <= TG_MAX_RANK && !infer(x, &shape)) {
        char name[80], from[200], to[200];
        tg_shape has = tg_dims(x);
        if (fault_of(&wanted))
            return tg__fail(x.graph, TG_SHAPE, &tg__op_reshape, &x, 1, "%s %s to %s, %s",
                            tg__quote(x.graph, x.id, name, sizeof name), tg__shape_text(&has, from, sizeof from),
                            tg__shape_text(&wanted, to, sizeof to), fault_of(&wanted));
        return tg__fail(x.graph, TG_SHAPE, &tg__op_reshape, &x, 1, "%s %s has %zu elements, which do not make %s",
                        tg__quote(x.graph, x.id, name, sizeof name), tg__shape_text(&has, from, sizeof from),
                        tg_size(x), tg__shape_text(&wanted, to, sizeof to));
    }
    return tg__apply_to_shape(&tg__op_reshape, x, &shape, NULL);
}
