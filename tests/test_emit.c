/* Every row of the operator table as C, by itself, and sums of every length. */
#include "emitted.h"
#include "row_tapes.h"

TestSuite(emit, .timeout = 120);

/* ------------------------------------------------------------------------------------------------ every row alone */

/* A product behind it, so that there is something to sweep where the row itself has no gradient. */
static void add_swept(tg_node a) {
    tg_graph *g = a.graph;
    TG_LET(z, a);
    tg_node weight = tg_input(g, TG_F64, tg_dims(z));
    if (tg_dtype_of(z) != TG_F64) weight = tg_cast(weight, tg_dtype_of(z) == TG_F32 ? TG_F32 : TG_F64);
    TG_LET(out, tg_mul(tg_dtype_of(z) == TG_I32 ? tg_cast(z, TG_F64) : z, weight));
    TG_LET(dout, tg_input(g, tg_dtype_of(out), tg_dims(out)));
    add_case(tg_backward(out, dout), tg_nil(g));
}

/* Half of the shapes, every row the other half: they are not the row's business. */
static void add_elementwise(const struct tg_op *op, size_t row, tg_dtype t) {
    for (size_t i = row % 2; i < sizeof pairs / sizeof *pairs; i += 2) {
        tg_graph *g = tg_graph_new();
        tg_node in[3];
        for (int k = 0; k < op->operands; k++) in[k] = input(g, t, pairs[i][k]);
        add_swept(tg__apply(op, in, NULL));
    }
}

static size_t add_made(const struct tg_op *op, tg_dtype t) {
    size_t known = 0;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        if (strcmp(made[i].op, op->name) != 0) continue;
        add_swept(made[i].make(tg_graph_new(), t));
        known++;
    }
    return known;
}

Test(emit, every_row) {
    begin();
    tg_graph *g = tg_graph_new();
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++)
        for (tg_dtype t = TG_F32; t <= TG_F64; t = t == TG_F32 ? TG_F64 : TG_I32) {
            const size_t row = (size_t)(op - g->calculus.operators);
            if (!(*op)->code)
                cr_expect(add_made(*op, t) > 0, "%s: this test does not make one", (*op)->name);
            else if (t == TG_F64 || row % 3 == 0 || is_long())
                add_elementwise(*op, row, t);
        }
    tg_graph_free(g);
    check_all(false);
}

/* --------------------------------------------------------------------------------------------- the order of sums */

Test(emit, sums_of_every_length) {
    static const int64_t lengths[] = {1, 2, 3, 15, 16, 17, 33, 100, 255, 256, 257, 1000};
    begin();
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int way = 0; way < 6; way++) {
            const int64_t n = lengths[i];
            const tg_shape shape = way == 0   ? tg_shape1(n)
                                   : way == 1 ? tg_shape2(n, 3)
                                   : way == 2 ? tg_shape2(3, n)
                                   : way == 3 ? tg_shape4(n, 2, 3, 1)
                                   : way == 4 ? tg_shape3(2, 3, n)
                                              : tg_shape4(3, n, 1, 2);
            static const int axes[][3] = {{0}, {0}, {1}, {0, 2, 3}, {0, 2}, {0, 1, 2}};
            static const int counts[] = {1, 1, 1, 3, 2, 3};
            tg_graph *g = tg_graph_new();
            tg_node x = tg_input(g, way % 2 ? TG_F32 : TG_F64, shape);
            add_swept(tg_sum(x, tg_axes_n(counts[way], axes[way])));
        }
    check_all(false);
}
