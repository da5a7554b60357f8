/* Rows and operators of the user's own in programs: kernels that only the user has, called with the right arrays, and
 * what they say when they fail. */
#include "own_rows.h"

TestSuite(program_custom, .timeout = 60);

/* z = x, refused where an element is negative. */
static tg_status guarded_run(tg_call *c) {
    const double *x = tg_call_input(c, 0);
    double *z = tg_call_output(c);
    for (size_t i = 0; i < tg_size(tg_call_node(c)); i++) {
        if (x[i] < 0) return tg_call_fail(c, TG_VALUE, "element %zu is %g", i, x[i]);
        z[i] = x[i];
    }
    return TG_OK;
}

static tg_node guarded_vjp(tg_node z, tg_node g, int slot) { return (void)z, (void)slot, g; }

static const tg_op guarded = {
    .name = "guarded", .operands = 1, .shape = tg_rule_first, .run = guarded_run, .vjp = guarded_vjp};

static tg_node sign_of(const tg_node *in, void *user) { return (void)user, tg_sign(in[0]); }
static tg_node straight(tg_node z, tg_node g, const tg_node *in, int slot, void *user) {
    return (void)z, (void)in, (void)slot, (void)user, g;
}
static const tg_custom_op through = {"through", sign_of, straight};

static void same(const tg_program *p, tg_node a) {
    cr_assert(same_bits_or_nan(TG_F64, tg_program_value(p, a), tg_value(a), tg_size(a)), "'%s' differs", tg_name(a));
}

static void both(unsigned flags) {
    tg_graph *g = with_rows();
    cr_assert_eq(tg_register(g, &guarded), TG_OK);
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(5)));
    TG_LET(y, tg_input(g, TG_F64, tg_shape1(7)));
    TG_LET(product, tg_apply(&outer, (tg_node[]){tg_apply(&guarded, &x), y}));
    TG_LET(blend, tg_apply(&mixed, (tg_node[]){product, y, tg_exp(product), y}));
    TG_LET(sign, tg_custom(&through, &blend, 1, NULL));
    TG_LET(loss, tg_sum(tg_mul(sign, blend), tg_axes_all()));
    const tg_grads d = tg_backward(loss, tg_nil(g));
    const tg_node outputs[] = {product, blend, sign, loss, tg_grad(d, x), tg_grad(d, y)};
    const size_t many = sizeof outputs / sizeof *outputs;
    tg_program *p = tg_compile(g, outputs, many, (tg_compile_options){.mode = TG_EXACT, .flags = must_compile(flags)});
    cr_assert_not_null(p, "%s", tg_message(g));
    if (!(flags & TG_INTERPRET)) cr_assert_str_empty(tg_program_note(p), "%s", tg_program_note(p));
    for (int turn = 0; turn < 2; turn++) {
        double *a = random_array(&state, 5, 0, 1), *b = random_array(&state, 7, -1, 1);
        cr_assert_eq(tg_set(x, a) | tg_set(y, b), TG_OK);
        cr_assert_eq(tg_program_run(p), TG_OK, "%s", tg_message(g));
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        for (size_t i = 0; i < many; i++) same(p, outputs[i]);
        a[3] = -1;
        cr_assert_eq(tg_set(x, a), TG_OK);
        char text[400];
        cr_assert_eq(tg_program_run(p), TG_VALUE);
        snprintf(text, sizeof text, "%s", tg_message(g));
        cr_assert_eq(tg_run(g), TG_VALUE);
        cr_assert_str_eq(text, tg_message(g));
        cr_assert(strstr(text, "element 3 is -1"), "%s", text);
        free(a);
        free(b);
    }
    tg_graph_free(g);
}

Test(program_custom, interpreted) { both(TG_INTERPRET); }
Test(program_custom, compiled) { both(0); }
