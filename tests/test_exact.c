/* TG_EXACT gives the bits of the interpreter: every row of the operator table, and every function that makes nodes. */
#include "api.h"
#include "exact.h"
#include "row_tapes.h"

TestSuite(exact, .timeout = 1800);

/* ------------------------------------------------------------------------------------------------------- every row */

static void add_swept(tg_node a, const char *what) {
    struct whole w = {.g = a.graph};
    TG_LET(z, a);
    tg_node weight = tg_input(w.g, TG_F64, tg_dims(z));
    if (tg_dtype_of(z) != TG_F64) weight = tg_cast(weight, tg_dtype_of(z) == TG_F32 ? TG_F32 : TG_F64);
    TG_LET(out, tg_mul(tg_dtype_of(z) == TG_I32 ? tg_cast(z, TG_F64) : z, weight));
    sweep(&w, tg_sum(out, tg_keep(tg_axes_all())));
    add_all(w.g, TG_EXACT, what);
    if (is_long()) add_case(w.g, w.out, w.outs, TG_EXACT, what);
}

static void add_elementwise(const struct tg_op *op, size_t row, tg_dtype t) {
    for (size_t i = row % 2; i < sizeof pairs / sizeof *pairs; i += 2) {
        if (!is_turn(5)) continue;
        tg_graph *g = tg_graph_new();
        tg_node in[3];
        for (int k = 0; k < op->operands; k++) in[k] = input(g, t, pairs[i][k]);
        add_swept(tg__apply(op, in, NULL), op->name);
    }
}

Test(exact, every_row) {
    begin();
    tg_graph *g = tg_graph_new();
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++)
        for
            EACH_DTYPE(t) {
                bool known = (*op)->code != NULL;
                if (known) add_elementwise(*op, (size_t)(op - g->calculus.operators), t);
                for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
                    if (strcmp(made[i].op, (*op)->name) != 0) continue;
                    add_swept(made[i].make(tg_graph_new(), t), made[i].op);
                    known = true;
                }
                cr_expect(known, "%s: this test does not make one", (*op)->name);
            }
    tg_graph_free(g);
    check_all();
}

static void add_program(const struct program *p) {
    tg_graph *g = tg_graph_new();
    tg_node a[API_LEAVES] = {{0}};
    api_leaves(g, p->leaves, a);
    const tg_node out = p->make(a);
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", p->name, tg_message(g));
    tg_grads d = {g, 0, 0};
    if (p->smooth) d = tg_backward(out, tg_expand(tg_scalar_like(out, 1.5), tg_dims(out)));
    const tg_mark mark = tg_mark_now(g);
    if (p->smooth && tg_has_grad(d, a[0]) && is_turn(2)) { /* a gradient of gradients */
        tg_backward(tg_sum(tg_square(tg_grad(d, a[0])), tg_axes_all()), tg_nil(g));
        if (tg_error(g) != TG_OK) cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
    struct compiled *c = add_all(g, TG_EXACT, p->name);
    const tg_node last = tg_node_at(g, c->wanted[c->count - 1]);
    if (is_turn(5)) add_case(g, &last, 1, TG_EXACT, p->name);
}

Test(exact, every_function) {
    begin();
    for (size_t i = 0; i < PROGRAMS; i++) add_program(&programs[i]);
    check_all();
}

/* ---------------------------------------------------------------------------------------------- rows without C */

static bool flat_shape(tg_rule *r) {
    const tg_node x = tg_rule_operand(r, 0);
    return tg_rule_set(r, tg_dtype_of(x), tg_shape1((int64_t)tg_size(x)));
}

static tg_status nothing(tg_call *c) {
    (void)c;
    return TG_OK;
}

static tg_node flat_vjp(tg_node z, tg_node g, int slot) {
    (void)slot;
    return tg_reshape(g, tg_dims(tg_operand(z, 0)));
}

/* A view is its operand's memory, whoever has thought of it. */
Test(exact, a_view_of_ones_own) {
    static const tg_op flat = {
        .name = "flat", .operands = 1, .shape = flat_shape, .run = nothing, .vjp = flat_vjp, .view = true};
    begin();
    tg_graph *g = tg_graph_new();
    cr_assert_eq(tg_register(g, &flat), TG_OK, "%s", tg_message(g));
    TG_LET(x, tg_param(g, TG_F64, tg_shape2(3, 5)));
    TG_LET(y, tg_square(x));
    TG_LET(of_leaf, tg_apply(&flat, &x));
    TG_LET(of_value, tg_apply(&flat, &y));
    TG_LET(out, tg_sum(tg_mul(of_value, of_leaf), tg_axes_all()));
    tg_backward(out, tg_nil(g));
    add_all(g, TG_EXACT, "view");
    add_case(g, &out, 1, TG_EXACT, "view");
    check_all();
}

/* ------------------------------------------------------------------------------------------------ as they are called
 */

/* By the compiler and with the flags that a user gets, and with labels that are none. */
Test(exact, compiled_as_for_users) {
    setenv("TAPEGRAD_CACHE", "", 1);
    struct whole w = softmax_loss(TG_F32, 9, 4);
    tg_graph *g = w.g;
    give_all(g, 0.25, 2);
    tg_program *p = tg_compile(g, w.out, w.outs, (tg_compile_options){.mode = TG_EXACT, .flags = TG_MUST_COMPILE});
    cr_assert_not_null(p, "%s", tg_message(g));
    cr_assert_eq(tg_run(g) | tg_program_run(p), TG_OK, "%s", tg_message(g));
    for (size_t i = 0; i < w.outs; i++)
        cr_assert_eq(memcmp(tg_value(w.out[i]), tg_program_value(p, w.out[i]), 4 * tg_size(w.out[i])), 0);
    for (int bad = -1; bad < 9; bad += 5) {
        char said[1000];
        int32_t label[9] = {0, 1, 2, 3, 0, 1, bad, 3, 0};
        cr_assert_eq(tg_set(tg_find(g, "label"), label), TG_OK);
        cr_assert_eq(tg_run(g), TG_VALUE);
        snprintf(said, sizeof said, "%s", tg_message(g));
        cr_assert_eq(tg_program_run(p), TG_VALUE);
        cr_assert_str_eq(tg_message(g), said);
    }
    tg_graph_free(g);
}
