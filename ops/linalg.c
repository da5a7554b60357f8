/* Linear algebra: the product of two matrices. */
#include "kernel.h"
#include "ops.h"

static bool matmul_shape(struct tg__rule *r) {
    if (!tg__rule_floats(r)) return false;
    const tg_shape *x = &r->from[0]->shape->dims, *y = &r->from[1]->shape->dims;
    char a[80], b[80], as[200], bs[200];
    if (x->rank != 2 || y->rank != 2 || x->dim[1] != y->dim[0]) {
        tg__fail(r->graph, TG_SHAPE, r->op, r->in, 2, "%s %s times %s %s: %s",
                 tg__quote(r->graph, r->in[0].id, a, sizeof a), tg__shape_text(x, as, sizeof as),
                 tg__quote(r->graph, r->in[1].id, b, sizeof b), tg__shape_text(y, bs, sizeof bs),
                 x->rank != 2 || y->rank != 2 ? "both must be matrices" : "the inner dimensions differ");
        return false;
    }
    tg_shape z = tg_shape2(x->dim[0], y->dim[1]);
    r->shape = tg__shape_of(r->graph, &z, r->op->name);
    return r->shape != NULL;
}

/* A panel of rows of z += x y, with y gone through in bands that stay in cache. Every element of z adds its products in
 * the order of k, whatever the panel: the bits depend on nothing but the shapes. */
enum { PANEL = 8, BAND = 256 };

#define PRODUCT(suffix, T)                                                                                             \
    TG__HOT static void panel_##suffix(const T *restrict x, const T *restrict y, T *restrict z, size_t rows,           \
                                       size_t inner, size_t columns) {                                                 \
        memset(z, 0, rows *columns * sizeof *z);                                                                       \
        for (size_t from = 0; from < columns; from += BAND) {                                                          \
            const size_t to = columns - from < BAND ? columns : from + BAND;                                           \
            for (size_t k = 0; k < inner; k++)                                                                         \
                for (size_t i = 0; i < rows; i++) {                                                                    \
                    const T a = x[i * inner + k];                                                                      \
                    for (size_t j = from; j < to; j++) z[i * columns + j] += a * y[k * columns + j];                   \
                }                                                                                                      \
        }                                                                                                              \
    }                                                                                                                  \
    static void product_##suffix(const T *x, const T *y, T *z, size_t rows, size_t inner, size_t columns) {            \
        const size_t panels = (rows + PANEL - 1) / PANEL;                                                              \
        _Pragma("omp parallel for schedule(static) if (rows * inner * columns >= TG__PARALLEL)") for (size_t p = 0;    \
                                                                                                      p < panels;      \
                                                                                                      p++) {           \
            const size_t i = p * PANEL;                                                                                \
            panel_##suffix(x + i * inner, y, z + i * columns, rows - i < PANEL ? rows - i : PANEL, inner, columns);    \
        }                                                                                                              \
    }

PRODUCT(f32, float)
PRODUCT(f64, double)

static tg_status matmul_run(struct tg__call *c) {
    const size_t rows = (size_t)c->shape[0]->dims.dim[0], inner = (size_t)c->shape[0]->dims.dim[1];
    const size_t columns = (size_t)c->shape[1]->dims.dim[1];
    if (rows * columns == 0) return TG_OK;
    if (c->node->dtype == TG_F64)
        product_f64(c->in[0], c->in[1], c->out, rows, inner, columns);
    else
        product_f32(c->in[0], c->in[1], c->out, rows, inner, columns);
    return TG_OK;
}

static void matmul_emit(struct tg__emit *e) {
    enum { I, J, K };
    e->loops = 3;
    e->extent[K] = e->terms = e->in[0]->shape->dims.dim[1];
    tg__loop_along(e, e->at[0], 0, I), tg__loop_along(e, e->at[0], 1, K);
    tg__loop_along(e, e->at[1], 0, K), tg__loop_along(e, e->at[1], 1, J);
    e->begin = "T sum = 0;";
    e->step = "sum += a * b;";
    e->code = "sum";
}

static tg_node matmul_vjp(tg_node z, tg_node g, int slot) {
    tg_node other = tg_transpose(tg_operand(z, 1 - slot), tg_axes_all());
    return slot == 0 ? tg_matmul(g, other) : tg_matmul(other, g);
}

const struct tg_op tg__op_matmul = {.name = "matmul",
                                    .formula = "z = x @ y",
                                    .gradient = "g @ y.T, x.T @ g",
                                    .symbol = "@",
                                    .numpy = "x @ y",
                                    .tex = "x \\, y",
                                    .tex_back = "g \\, {y}^{\\top}, {x}^{\\top} \\, g",
                                    .operands = 2,
                                    .shape = matmul_shape,
                                    .run = matmul_run,
                                    .emit = matmul_emit,
                                    .vjp = matmul_vjp,
                                    .magnitude = &tg__op_matmul,
                                    .low = -2,
                                    .high = 2};

tg_node tg_matmul(tg_node x, tg_node y) { return tg__apply(&tg__op_matmul, (tg_node[]){x, y}, NULL); }
