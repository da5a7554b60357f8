/* Convolutions of pictures, as all frameworks have them: the window is not turned round (a cross-correlation). One
 * bilinear form in three rows, z from x and w, x from z and w, w from x and z: each is the others' gradient. */
#include "product.h"
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

/* ----------------------------------------------------------------------------------------------------- the kernels
 * One picture at a time becomes a matrix of what each tap sees, [channels*taps, positions]: z = w of it, and so on.
 * Pictures go in groups, as many as their number alone says; each has room of its own, and a sum of its own where they
 * are added up. */

struct job {
    struct tg__window w;
    tg_graph *g;
    tg_dtype dtype;
    size_t item, pictures, channels, filters, depth, positions; /* depth: channels*taps */
    size_t picture, result;                                     /* elements of one of x, of z */
    size_t group, groups;
    size_t seen, sums; /* elements of room for a group */
    size_t bytes;
    bool large; /* worth several threads */
    char *room;
};

/* False: memory is out. */
static bool begin(struct job *j, struct tg__call *c, const tg_shape *x, const tg_shape *y, bool adds) {
    *j = (struct job){.g = c->graph, .dtype = (tg_dtype)c->node->dtype, .pictures = (size_t)x->dim[0]};
    tg__window(c->node->attr, &j->w);
    j->item = tg__item_size(j->dtype);
    j->channels = (size_t)x->dim[1], j->filters = (size_t)y->dim[0];
    j->depth = j->channels * (size_t)(y->dim[2] * y->dim[3]);
    j->positions = (size_t)(j->w.count[0] * j->w.count[1]);
    j->picture = j->channels * (size_t)(x->dim[2] * x->dim[3]);
    j->result = j->filters * j->positions;
    j->group = (size_t)tg__group(x->dim[0]);
    j->groups = j->group ? (j->pictures + j->group - 1) / j->group : 0;
    const tg_shape seen = {6, {TG__GROUPS, x->dim[1], y->dim[2], y->dim[3], j->w.count[0], j->w.count[1]}};
    const struct tg__shape *room = tg__shape_of(c->graph, &seen, c->node->op->name);
    if (!room) return false;
    j->seen = room->count / TG__GROUPS;
    j->large = (double)j->pictures * (double)j->result * (double)j->depth >= TG__PARALLEL;
    j->sums = adds ? j->filters * j->depth : 0;
    j->bytes = j->groups * (j->seen + j->sums) * j->item;
    if (j->bytes > 0) j->room = tg__alloc(c->graph, j->bytes);
    return j->room || j->bytes == 0;
}

static void end(const struct job *j) {
    if (j->room) tg__release(j->g, j->room, j->bytes);
}

static char *room_of(const struct job *j, size_t group) { return j->room + group * (j->seen + j->sums) * j->item; }

static void each_channel(const struct job *j, const char *x, char *seen) {
    const size_t plane = j->picture / j->channels * j->item, rows = j->seen / j->channels * j->item;
    for (size_t c = 0; c < j->channels; c++) tg__unfold(&j->w, j->dtype, x + c * plane, 0, seen + c * rows);
}

/* Picture n of an operand or of the result. */
static const char *picture(const struct job *j, const void *x, size_t n) {
    return (const char *)x + n * j->picture * j->item;
}
static const char *result(const struct job *j, const void *z, size_t n) {
    return (const char *)z + n * j->result * j->item;
}
static char *writable(const char *z) { return (char *)(uintptr_t)z; }

static tg_status conv2d_run(struct tg__call *c) {
    struct job j;
    if (c->node->shape->count == 0) return TG_OK;
    if (!begin(&j, c, &c->shape[0]->dims, &c->shape[1]->dims, false)) return c->graph->error.status;
    const struct tg__product all = {.dtype = j.dtype,
                                    .rows = j.filters,
                                    .inner = j.depth,
                                    .columns = j.positions,
                                    .x = {c->in[1], j.depth, false},
                                    .y = {NULL, j.positions, false},
                                    .stride = j.positions};
    const struct tg__cut cut = tg__cut_of(c->graph, &all);
#pragma omp parallel for schedule(static) if (j.large)
    for (size_t group = 0; group < j.groups; group++)
        for (size_t n = group * j.group; n < j.pictures && n < (group + 1) * j.group; n++) {
            struct tg__product p = all;
            char *seen = room_of(&j, group);
            if (j.channels) each_channel(&j, picture(&j, c->in[0], n), seen);
            p.y.data = seen;
            p.z = writable(result(&j, c->out, n));
            tg__product(&p, &cut);
        }
    end(&j);
    return TG_OK;
}

static tg_status conv2d_data_run(struct tg__call *c) {
    struct job j;
    if (c->node->shape->count == 0) return TG_OK;
    if (!begin(&j, c, &c->node->shape->dims, &c->shape[1]->dims, false)) return c->graph->error.status;
    const size_t plane = j.picture / j.channels * j.item, rows = j.seen / j.channels * j.item;
    const struct tg__product all = {.dtype = j.dtype,
                                    .rows = j.depth,
                                    .inner = j.filters,
                                    .columns = j.positions,
                                    .x = {c->in[1], j.depth, true},
                                    .y = {NULL, j.positions, false},
                                    .stride = j.positions};
    const struct tg__cut cut = tg__cut_of(c->graph, &all);
    memset(c->out, 0, j.pictures * j.picture * j.item);
#pragma omp parallel for schedule(static) if (j.large)
    for (size_t group = 0; group < j.groups; group++)
        for (size_t n = group * j.group; n < j.pictures && n < (group + 1) * j.group; n++) {
            struct tg__product p = all;
            char *z = writable(picture(&j, c->out, n));
            p.y.data = result(&j, c->in[0], n);
            p.z = room_of(&j, group);
            tg__product(&p, &cut);
            for (size_t k = 0; k < j.channels; k++) tg__fold(&j.w, j.dtype, (char *)p.z + k * rows, z + k * plane);
        }
    end(&j);
    return TG_OK;
}

#define ADD_GROUPS(suffix, T)                                                                                          \
    static void add_groups_##suffix(const struct job *j, T *z) {                                                       \
        for (size_t group = 1; group < j->groups; group++) {                                                           \
            const T *sums = (const T *)(const void *)(room_of(j, group) + j->seen * sizeof(T));                        \
            for (size_t i = 0; i < j->sums; i++) z[i] += sums[i];                                                      \
        }                                                                                                              \
    }
ADD_GROUPS(f32, float)
ADD_GROUPS(f64, double)

static tg_status conv2d_weight_run(struct tg__call *c) {
    struct job j;
    if (c->node->shape->count == 0) return TG_OK;
    if (!begin(&j, c, &c->shape[0]->dims, &c->node->shape->dims, true)) return c->graph->error.status;
    const struct tg__product all = {.dtype = j.dtype,
                                    .rows = j.filters,
                                    .inner = j.positions,
                                    .columns = j.depth,
                                    .x = {NULL, j.positions, false},
                                    .y = {NULL, j.positions, true},
                                    .stride = j.depth};
    const struct tg__cut cut = tg__cut_of(c->graph, &all);
    memset(c->out, 0, j.sums * j.item);
#pragma omp parallel for schedule(static) if (j.large)
    for (size_t group = 0; group < j.groups; group++)
        for (size_t n = group * j.group; n < j.pictures && n < (group + 1) * j.group; n++) {
            struct tg__product p = all;
            char *seen = room_of(&j, group);
            each_channel(&j, picture(&j, c->in[0], n), seen);
            p.x.data = result(&j, c->in[1], n);
            p.y.data = seen;
            p.z = group ? seen + j.seen * j.item : c->out; /* the first adds up in z itself */
            p.adds = n > group * j.group;
            tg__product(&p, &cut);
        }
    if (j.dtype == TG_F64)
        add_groups_f64(&j, c->out);
    else
        add_groups_f32(&j, c->out);
    end(&j);
    return TG_OK;
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
                                    .run = conv2d_run,
                                    .emit = tg__emit_conv2d,
                                    .vjp = conv2d_vjp,
                                    .magnitude = &tg__op_conv2d,
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
    .run = conv2d_data_run,
    .emit = tg__emit_conv2d_data,
    .vjp = conv2d_data_vjp,
    .magnitude = &tg__op_conv2d_data,
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
                                           .run = conv2d_weight_run,
                                           .emit = tg__emit_conv2d_weight,
                                           .vjp = conv2d_weight_vjp,
                                           .magnitude = &tg__op_conv2d_weight,
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
