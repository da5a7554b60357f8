/* Convolutions of pictures, as all frameworks have them: the window is not turned round (a cross-correlation). One
 * bilinear form in three rows, z from x and w, x from z and w, w from x and z: each is the others' gradient. */
#include "window.h"
#include "ops.h"

/* ------------------------------------------------------------------------------------------------------- the rules */

/* What the three have in common: pictures x, windows y, results z. */
static bool fit(struct tg__rule *r, const tg_shape *x, const tg_shape *y, tg_shape *z) {
    struct tg__window w;
    char a[80], b[80], as[200], bs[200];
    const char *why = x->rank != 4 || y->rank != 4 ? "pictures are [N, C, H, W] and windows [F, C, height, width]"
                      : x->dim[1] != y->dim[1]     ? "they have different numbers of channels"
                                                   : tg__window(r->attr, &w);
    if (why) {
        tg__fail(r->graph, TG_SHAPE, r->op, r->in, 2, "pictures %s and windows %s, from %s and %s: %s",
                 tg__shape_text(x, as, sizeof as), tg__shape_text(y, bs, sizeof bs),
                 tg__quote(r->graph, r->in[0].id, a, sizeof a), tg__quote(r->graph, r->in[1].id, b, sizeof b), why);
        return false;
    }
    *z = tg_shape4(x->dim[0], y->dim[0], w.count[0], w.count[1]);
    return true;
}

static bool conv2d_shape(struct tg__rule *r) {
    tg_shape z;
    if (!tg__rule_floats(r) || !fit(r, &r->from[0]->shape->dims, &r->from[1]->shape->dims, &z)) return false;
    r->shape = tg__shape_of(r->graph, &z, r->op->name);
    return r->shape != NULL;
}

/* Of an adjoint: the operand in the place of z must have z's shape. */
static bool fit_result(struct tg__rule *r, const tg_shape *x, const tg_shape *y, int slot) {
    tg_shape z;
    char name[80], has[200], wants[200];
    if (!tg__rule_floats(r) || !fit(r, x, y, &z)) return false;
    if (tg__same_dims(&z, &r->from[slot]->shape->dims)) return true;
    tg__fail(r->graph, TG_SHAPE, r->op, r->in, 2, "%s %s is not the %s that these pictures and windows have",
             tg__quote(r->graph, r->in[slot].id, name, sizeof name),
             tg__shape_text(&r->from[slot]->shape->dims, has, sizeof has), tg__shape_text(&z, wants, sizeof wants));
    return false;
}

static bool conv2d_data_shape(struct tg__rule *r) {
    return fit_result(r, &r->shape->dims, &r->from[1]->shape->dims, 0);
}

static bool conv2d_weight_shape(struct tg__rule *r) {
    return fit_result(r, &r->from[0]->shape->dims, &r->shape->dims, 1);
}

/* -------------------------------------------------------------------------------------------------------- the rows */

static tg_node data(tg_node g, tg_node y, const struct tg__shape *x, const struct tg__attr *attr) {
    return tg__apply_shaped(&tg__op_conv2d_data, (tg_node[]){g, y}, attr, x,
                            (tg_dtype)tg__node_of(g.graph, g.id)->dtype);
}

static tg_node weight(tg_node x, tg_node g, const struct tg__shape *y, const struct tg__attr *attr) {
    return tg__apply_shaped(&tg__op_conv2d_weight, (tg_node[]){x, g}, attr, y,
                            (tg_dtype)tg__node_of(g.graph, g.id)->dtype);
}

static tg_node conv(tg_node x, tg_node y, const struct tg__attr *attr) {
    return tg__apply(&tg__op_conv2d, (tg_node[]){x, y}, attr);
}

static tg_node conv2d_vjp(tg_node z, tg_node g, int slot) {
    const tg_node x = tg__in(z, 0), y = tg__in(z, 1);
    const struct tg__attr *attr = tg__node_of(z.graph, z.id)->attr;
    return slot == 0 ? data(g, y, tg__node_of(x.graph, x.id)->shape, attr)
                     : weight(x, g, tg__node_of(y.graph, y.id)->shape, attr);
}

static tg_node conv2d_data_vjp(tg_node z, tg_node g, int slot) {
    const tg_node from = tg__in(z, 0), y = tg__in(z, 1);
    const struct tg__attr *attr = tg__node_of(z.graph, z.id)->attr;
    return slot == 0 ? conv(g, y, attr) : weight(g, from, tg__node_of(y.graph, y.id)->shape, attr);
}

static tg_node conv2d_weight_vjp(tg_node z, tg_node g, int slot) {
    const tg_node x = tg__in(z, 0), from = tg__in(z, 1);
    const struct tg__attr *attr = tg__node_of(z.graph, z.id)->attr;
    return slot == 0 ? data(from, g, tg__node_of(x.graph, x.id)->shape, attr) : conv(x, g, attr);
}

#define VIEW "np.lib.stride_tricks.sliding_window_view(np.pad(x, margin), span, (2, 3))every"

const struct tg_op tg__op_conv2d = {.name = "conv2d",
                                    .formula = "z = conv2d(x, y, steps)",
                                    .gradient = "conv2d_data(g, y), conv2d_weight(x, g)",
                                    .symbol = "conv2d",
                                    .numpy = "np.einsum('nchwij,fcij->nfhw', " VIEW ", y, optimize=True)",
                                    .tex = "\\mathrm{conv}\\left(x, y\\right)",
                                    .tex_back =
                                        "\\mathrm{data}\\left(g, y\\right), \\mathrm{weight}\\left(x, g\\right)",
                                    .operands = 2,
                                    .shape = conv2d_shape,
                                    .run = tg__run_conv2d,
                                    .emit = tg__emit_conv2d,
                                    .vjp = conv2d_vjp,
                                    .magnitude = &tg__op_conv2d,
                                    .nature = TG__SMOOTH,
                                    .low = -2,
                                    .high = 2};

const struct tg_op tg__op_conv2d_data = {
    .name = "conv2d_data",
    .formula = "z = conv2d_data(x, y, shape, steps)",
    .gradient = "conv2d(g, y), conv2d_weight(g, x)",
    .symbol = "conv2dᵀ",
    .numpy = "np.einsum('nfhw,fcij,ihy,jwx->ncyx', x, y, down, across, optimize=True)",
    .tex = "\\mathrm{data}\\left(x, y\\right)",
    .tex_back = "\\mathrm{conv}\\left(g, y\\right), \\mathrm{weight}\\left(g, x\\right)",
    .operands = 2,
    .shape = conv2d_data_shape,
    .run = tg__run_conv2d_data,
    .emit = tg__emit_conv2d_data,
    .vjp = conv2d_data_vjp,
    .magnitude = &tg__op_conv2d_data,
    .nature = TG__SMOOTH,
    .low = -2,
    .high = 2};

const struct tg_op tg__op_conv2d_weight = {.name = "conv2d_weight",
                                           .formula = "z = conv2d_weight(x, y, shape, steps)",
                                           .gradient = "conv2d_data(y, g), conv2d(x, g)",
                                           .symbol = "conv2dᵂ",
                                           .numpy = "np.einsum('nchwij,nfhw->fcij', " VIEW ", y, optimize=True)",
                                           .tex = "\\mathrm{weight}\\left(x, y\\right)",
                                           .tex_back =
                                               "\\mathrm{data}\\left(y, g\\right), \\mathrm{conv}\\left(x, g\\right)",
                                           .operands = 2,
                                           .shape = conv2d_weight_shape,
                                           .run = tg__run_conv2d_weight,
                                           .emit = tg__emit_conv2d_weight,
                                           .vjp = conv2d_weight_vjp,
                                           .magnitude = &tg__op_conv2d_weight,
                                           .nature = TG__SMOOTH,
                                           .low = -2,
                                           .high = 2};

/* ------------------------------------------------------------------------------------------------ the constructors */

/* x: pictures, y: windows; result: the shape that was given; NULL: it follows from the operands'. */
static tg_node apply(const struct tg_op *op, tg_node a, tg_node b, const tg_shape *x, const tg_shape *y,
                     const tg_shape *result, tg_window how) {
    const tg_node in[] = {a, b};
    if (!tg__get(a) || !tg__get(b)) return tg__apply(op, in, NULL); /* says what is wrong with the operand */
    const struct tg__attr *attr = tg__window_attr(op, a, x, y, how, 0);
    if (!attr || !result) return attr ? tg__apply(op, in, attr) : tg_nil(a.graph);
    const struct tg__shape *z = tg__shape_of(a.graph, result, op->name);
    return tg__apply_shaped(op, in, attr, z, (tg_dtype)tg__get(a)->dtype);
}

tg_node tg_conv2d(tg_node x, tg_node w, tg_window how) {
    const tg_shape xs = tg_dims(x), ws = tg_dims(w);
    return apply(&tg__op_conv2d, x, w, &xs, &ws, NULL, how);
}

tg_node tg_conv2d_data(tg_node g, tg_node w, tg_shape x, tg_window how) {
    const tg_shape ws = tg_dims(w);
    return apply(&tg__op_conv2d_data, g, w, &x, &ws, &x, how);
}

tg_node tg_conv2d_weight(tg_node x, tg_node g, tg_shape w, tg_window how) {
    const tg_shape xs = tg_dims(x);
    return apply(&tg__op_conv2d_weight, x, g, &xs, &w, &w, how);
}
