/* The largest and the smallest element over any axes. A NaN wins, ties share the gradient equally. */
#include "ops.h"

#include <math.h>

bool tg__rule_extreme(struct tg__rule *r, const char *extreme) {
    if (!tg__rule_reduced(r)) return false;
    char name[80], shape[200];
    if (r->from[0]->shape->count || !r->shape->count) return true;
    tg__fail(r->graph, TG_SHAPE, r->op, r->in, 1, "%s %s has nothing along the axes to take the %s of",
             tg__quote(r->graph, r->in[0].id, name, sizeof name),
             tg__shape_text(&r->from[0]->shape->dims, shape, sizeof shape), extreme);
    return false;
}

static bool max_shape(struct tg__rule *r) { return tg__rule_extreme(r, "maximum"); }
static bool min_shape(struct tg__rule *r) { return tg__rule_extreme(r, "minimum"); }

/* tg_tied of groups along the axes that fates reduce, the largest or smallest of each being y; NULL: there are none. */
tg_node tg__tied(tg_node x, tg_node y, tg_node w, const struct tg__attr *fates) {
    return tg__apply(&tg__op_tied, (tg_node[]){x, y, w}, fates);
}

static tg_node share_vjp(tg_node z, tg_node g, int slot) {
    const tg_node x = tg_operand(z, slot);
    const struct tg__shape *full = tg__node_of(x.graph, x.id)->shape;
    const struct tg__attr *fates = tg__node_of(z.graph, z.id)->attr;
    const tg_node extreme = tg__expand(z, full, fates), ties = tg__sum(tg_eq(x, extreme), fates);
    return tg__tied(x, extreme, tg__expand(tg_div(g, ties), full, fates), fates);
}

/* Of nothing the identity, if that was asked for: a sum of nothing, and the identity added. */
static tg_node extreme(const struct tg_op *op, tg_node x, tg_axes axes, double identity) {
    const struct tg__node *n = tg__get(x);
    struct tg__attr fates;
    if (!axes.empty || !n || n->shape->count || n->dtype == TG_I32) return tg__apply_reduction(op, x, axes);
    if (!tg__fates(x.graph, op, x, n->shape->dims.rank, axes, &fates)) return tg_nil(x.graph);
    const tg_node of_nothing = tg_scalar_like(x, identity);
    return tg_add(tg_sum(x, axes), of_nothing);
}

const struct tg_op tg__op_max = {.name = "max",
                                 .formula = "z = max(x, axes)",
                                 .gradient = "g, shared equally by the ties",
                                 .symbol = "max",
                                 .numpy = "np.max(x, axes)",
                                 .tex = "\\max_{axes} x",
                                 .tex_back = "g \\cdot \\frac{\\left[x = z\\right]}{\\sum_{axes} \\left[x = z\\right]}",
                                 .operands = 1,
                                 .shape = max_shape,
                                 .run = tg__run_max,
                                 .emit = tg__emit_max,
                                 .vjp = share_vjp,
                                 .nature = TG__SELECTS | TG__MOVES | TG__LINEAR | TG__LIKE,
                                 .low = -2,
                                 .high = 2};
tg_node tg_max(tg_node x, tg_axes axes) { return extreme(&tg__op_max, x, axes, -(double)INFINITY); }

const struct tg_op tg__op_min = {.name = "min",
                                 .formula = "z = min(x, axes)",
                                 .gradient = "g, shared equally by the ties",
                                 .symbol = "min",
                                 .numpy = "np.min(x, axes)",
                                 .tex = "\\min_{axes} x",
                                 .tex_back = "g \\cdot \\frac{\\left[x = z\\right]}{\\sum_{axes} \\left[x = z\\right]}",
                                 .operands = 1,
                                 .shape = min_shape,
                                 .run = tg__run_min,
                                 .emit = tg__emit_min,
                                 .vjp = share_vjp,
                                 .nature = TG__SELECTS | TG__MOVES | TG__LINEAR | TG__LIKE,
                                 .low = -2,
                                 .high = 2};
tg_node tg_min(tg_node x, tg_axes axes) { return extreme(&tg__op_min, x, axes, (double)INFINITY); }
