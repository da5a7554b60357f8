/* Operators of one's own: registered rows. */
#include "own_rows.h"

TestSuite(custom, .timeout = 120);

static void check_outer(tg_dtype dtype, int64_t n, int64_t m) {
    tg_graph *g = with_rows();
    TG_LET(x, drawn(g, dtype, tg_shape1(n)));
    TG_LET(y, drawn(g, dtype, tg_shape1(m)));
    TG_LET(z, tg_apply(&outer, (tg_node[]){x, y}));
    TG_LET(dz, drawn(g, dtype, tg_shape2(n, m)));
    tg_grads d = tg_backward(z, dz);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    const double unit = dtype == TG_F32 ? 1e-6 : 1e-15;
    for (int64_t i = 0; i < n; i++) {
        double dx = 0;
        for (int64_t j = 0; j < m; j++) {
            const double want = 3 * tg_item(x, (size_t)i) * tg_item(y, (size_t)j);
            cr_assert(near(tg_item(z, (size_t)(i * m + j)), want, unit));
            dx += 3 * tg_item(dz, (size_t)(i * m + j)) * tg_item(y, (size_t)j);
        }
        cr_assert(near(tg_item(tg_grad(d, x), (size_t)i), dx, 20 * unit));
    }
    if (n * m > 0) {
        gradients_hold(z);
        gradients_hold(tg_sum(tg_square(tg_grad(d, y)), tg_axes_all())); /* second order */
    }
    tg_graph_free(g);
}

Test(custom, a_row_with_a_shape_rule) {
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        check_outer(dtype, 4, 3);
        check_outer(dtype, 1, 1);
        check_outer(dtype, 0, 3);
    }
}

Test(custom, a_row_by_the_driver) {
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        tg_graph *g = with_rows();
        tg_node in[] = {drawn(g, dtype, tg_shape2(4, 3)), drawn(g, dtype, tg_shape1(3)),
                        drawn(g, dtype, tg_shape2(4, 1)), drawn(g, dtype, tg_shape0())};
        TG_LET(z, tg_apply(&mixed, in));
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        for (size_t i = 0; i < 12; i++) {
            const double want = tg_item(in[0], i) * tg_item(in[1], i % 3) + tg_item(in[2], i / 3) * tg_item(in[3], 0);
            cr_assert(near(tg_item(z, i), want, dtype == TG_F32 ? 1e-6 : 1e-15));
        }
        gradients_hold(z);
        cr_assert_not(tg_is_nil(tg_vjp(tg_neg(z), in[0], z)), "the way to x leads through as many operands as may be");
        cr_assert_eq(tg_apply(&mixed, in).id, tg_count(g), "a node like any other");
        tg_graph_free(g);
    }
}

/* A row is no part of the tape: it is still there when the tape is rewound. */
Test(custom, rows_outlive_a_rewind) {
    tg_graph *g = tg_graph_new();
    const tg_mark m = tg_mark_now(g);
    cr_assert_eq(tg_register(g, &outer), TG_OK);
    for (int turn = 0; turn < 3; turn++) {
        TG_LET(x, drawn(g, TG_F64, tg_shape1(2)));
        TG_LET(z, tg_apply(&outer, (tg_node[]){x, x}));
        cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
        cr_assert_eq(tg_rewind(g, m), TG_OK, "%s", tg_message(g));
    }
    tg_graph_free(g);
}

/* A name is itself, whatever letters and words formulas have that are in it. */
Test(custom, names_are_not_read) {
    static const char *const names[] = {"x_norm", "shape", "order_of_x", "g_y_z", "w2", "number", "z_axes_dtype"};
    char formula[100];
    begin();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tg_graph *g = tg_graph_new();
        tg_op row = {.name = names[i], .operands = 2, .shape = tg_rule_broadcast, .run = tg_run_elementwise};
        row.loop[0] = mixed_float;
        row.loop[1] = mixed_double;
        row.vjp = mixed_vjp;
        cr_assert_eq(tg_register(g, &row), TG_OK, "%s", tg_message(g));
        TG_LET(a, tg_input(g, TG_F64, tg_shape1(2)));
        TG_LET(b, tg_input(g, TG_F64, tg_shape1(2)));
        TG_LET(c, tg_apply(&row, (tg_node[]){a, b}));
        TG_LET(dc, tg_input(g, TG_F64, tg_shape1(2)));
        const tg_grads d = tg_backward(c, dc);
        char want[100];
        snprintf(want, sizeof want, "%s(a, b)", names[i]);
        tg_formula(c, formula, sizeof formula);
        cr_assert_str_eq(formula, want);
        cr_assert_eq(tg_write_latex(d, tg_nil(g), "f", path("tex", 0)), TG_OK, "%s", tg_message(g));
        const char *tex = text_of("tex");
        cr_assert_not_null(strstr(tex, "\\left(a, b\\right)"), "%s", tex);
        cr_assert_null(strstr(tex, "\\mathrm{a\\_norm"), "%s", tex);
        FILE *file = fopen(path("print", 0), "w");
        tg_explain(c, file);
        fclose(file);
        snprintf(want, sizeof want, "%s_vjp(g)", names[i]);
        has(text_of("print"), want);
        tg_graph_free(g);
    }
    rmdir(directory);
}

static void endless_double(void *out, const void *const *in, const size_t *step, size_t n) {
    for (size_t i = 0; i < n; i++) ((double *)out)[i] = ((const double *)in[0])[i * step[0]] * INFINITY;
}

static tg_node endless_vjp(tg_node z, tg_node g, int slot) {
    (void)slot;
    return tg_mul(g, z);
}

/* A formula may be any text. Letters of operands that there are not, and those within a name, stay as they are. */
Test(custom, formulas_in_words) {
    static const tg_op words = {.name = "endless",
                                .formula = "of w and x",
                                .gradient = "g of w",
                                .operands = 1,
                                .shape = tg_rule_broadcast,
                                .run = tg_run_elementwise,
                                .loop = {mixed_float, endless_double},
                                .vjp = endless_vjp};
    tg_op named = words;
    named.name = "x_endless";
    named.formula = NULL;
    char text[1000];
    begin();
    tg_graph *g = tg_graph_new();
    const tg_mark mark = tg_mark_now(g);
    for (int turn = 0; turn < 2; turn++) {
        const tg_op *row = turn ? &named : &words;
        cr_assert_eq(tg_register(g, row), TG_OK, "%s", tg_message(g));
        TG_LET(a, tg_input(g, TG_F64, tg_shape1(1)));
        TG_LET(b, tg_apply(row, &a));
        TG_LET(db, tg_input(g, TG_F64, tg_shape1(1)));
        const tg_grads d = tg_backward(b, db);
        cr_assert_not(tg_is_nil(tg_grad(d, a)));
        cr_assert(!tg_set(a, &(double){3}) && !tg_set(db, &(double){1}) && !tg_run(g), "%s", tg_message(g));
        tg_formula(b, text, sizeof text);
        cr_assert_str_eq(text, turn ? "x_endless(a)" : "of w and a");
        cr_assert_eq(tg_first_nonfinite(g, text, sizeof text).id, b.id);
        has(text, turn ? "there: x_endless(3) = inf" : "there: of w and 3 = inf");
        FILE *file = fopen(path("print", 0), "w");
        tg_explain(b, file);
        fclose(file);
        has(text_of("print"), "to a: g of w");
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
    tg_graph_free(g);
    rmdir(directory);
}

Test(custom, calls_on_nothing) {
    const tg_node none = {0};
    cr_assert_eq(tg_register(NULL, NULL), TG_HANDLE);
    cr_assert_null(tg_user_of(none));
    tg_graph *tape = tg_graph_new();
    cr_assert(tg_is_nil(tg_apply(&(tg_op){.operands = 1}, (tg_node[]){tg_input(tape, TG_F64, tg_shape0())})));
    has(tg_message(tape), "apply: operator '' is not registered with this graph");
    tg_graph_free(tape);
    const tg_node made[] = {tg_apply(&outer, (tg_node[]){none, none}),
                            tg_custom(NULL, NULL, 1, NULL),
                            tg_custom(NULL, &none, 1, NULL),
                            tg_vjp(none, none, none),
                            tg_jvp(none, none, none),
                            tg_jacobian(none, none),
                            tg_hvp(none, none, none),
                            tg_hessian(none, none),
                            tg_counter(NULL),
                            tg_uniform(none, 1, TG_F64, tg_shape0()),
                            tg_normal(none, 1, TG_F64, tg_shape0()),
                            tg_bernoulli(none, 1, 2, TG_F64, tg_shape0()),
                            tg_dropout(none, 0.5, none, 1, "drop")};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) cr_assert(tg_is_nil(made[i]), "%zu", i);
}

Test(custom, rows_are_listed) {
    tg_graph *g = with_rows();
    size_t n = 0;
    while (tg_operator_at(g, n)) n++;
    cr_assert_str_eq(tg_operator_at(g, n - 1)->name, "mixed");
    cr_assert_str_eq(tg_operator_at(g, n - 2)->name, "scaled_outer");
    cr_assert_str_eq(tg_operator_at(g, n - 2)->formula, "z = scaled_outer(x, y)");
    cr_assert_null(tg_operator_at(g, n + 5));
    cr_assert_null(tg_operator_at(NULL, 0));
    tg_graph_free(g);
}

/* -------------------------------------------------------------------------------------------- what readers make of it
 */

static tg_grads readable(tg_graph *g) {
    TG_LET(x, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(y, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(m, tg_apply(&mixed, (tg_node[]){x, y, y, x}));
    TG_LET(z, tg_apply(&outer, (tg_node[]){m, y}));
    TG_LET(out, tg_sum(z, tg_axes_all()));
    const tg_grads d = tg_backward(out, tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    return d;
}

Test(custom, every_reader_takes_them) {
    begin();
    tg_graph *g = with_rows();
    const tg_grads d = readable(g);
    char formula[100];
    tg_formula(tg_find(g, "z"), formula, sizeof formula);
    cr_assert_str_eq(formula, "scaled_outer(m, y)");
    tg_formula(tg_find(g, "m"), formula, sizeof formula);
    cr_assert_str_eq(formula, "x*y + y*x");
    FILE *file = fopen(path("print", 0), "w");
    tg_print(g, file);
    tg_explain(tg_find(g, "z"), file);
    tg_print_steps(d, NULL, file);
    tg_print_ledger(d, tg_find(g, "y"), file);
    for (size_t k = 0; k < tg_moments(g); k++) tg_print_moment(d, k, file);
    cr_assert_eq(tg_print_wrong_order(d, file), TG_OK, "%s", tg_message(g));
    fclose(file);
    has(text_of("print"), "scaled_outer_vjp(g)");
    cr_assert_eq(tg_write_html(g, d, path("html", 0), NULL), TG_OK, "%s", tg_message(g));
    const char *html = text_of("html");
    has(html, "There is none: the operator of &#39;z&#39;, scaled_outer, has no NumPy in its row.");
    has(html, "scaled_outer, has no C in its row.");
    has(html, "<mi mathvariant=\"normal\">scaled_outer</mi>");
    cr_assert_eq(tg_write_svg(g, d, path("svg", 0), NULL), TG_OK, "%s", tg_message(g));
    has(text_of("svg"), "scaled_outer");
    cr_assert_eq(tg_write_dot(g, d, path("dot", 0), NULL), TG_OK, "%s", tg_message(g));
    has(text_of("dot"), "⊞");
    cr_assert_eq(tg_write_json(g, path("json", 0)), TG_OK, "%s", tg_message(g));
    has(text_of("json"), "\"op\":\"scaled_outer\"");
    cr_assert_eq(tg_write_latex(d, tg_nil(g), "f", path("tex", 0)), TG_OK, "%s", tg_message(g));
    has(text_of("tex"), "\\mathrm{scaled\\_outer}\\left(m, y\\right)");
    cr_assert_eq(tg_write_numpy(d, tg_nil(g), "f", path("py", 0)), TG_ARGUMENT);
    has(tg_message(g), "scaled_outer 'z': the operator has no NumPy");
    cr_assert_eq(tg_write_c_staged(d, tg_nil(g), "f", path("c", 0)), TG_ARGUMENT);
    has(tg_message(g), "scaled_outer 'z': the operator has no C");
    cr_assert_eq(tg_write_numpy(d, tg_find(g, "m"), "f", path("py", 0)), TG_OK, "%s", tg_message(g));
    has(text_of("py"), "m = x*y + y*x");
    tg_graph_free(g);
    rmdir(directory);
}

Test(custom, C_with_code_has_the_same_bits) {
    begin();
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        tg_graph *g = with_rows();
        TG_LET(x, drawn(g, dtype, tg_shape2(4, 3)));
        TG_LET(y, drawn(g, dtype, tg_shape1(3)));
        TG_LET(z, tg_apply(&mixed, (tg_node[]){x, y, y, tg_neg(x)}));
        TG_LET(dz, drawn(g, dtype, tg_shape2(4, 3)));
        add_case(tg_backward(z, dz), tg_nil(g));
    }
    check_all(false);
}

/* ------------------------------------------------------------------------------------------ wrong rows and operands */

static bool silent_rule(tg_rule *r) {
    (void)r;
    return true;
}
static bool refusing_rule(tg_rule *r) {
    (void)r;
    return false;
}
static bool strange_rule(tg_rule *r) { return tg_rule_set(r, (tg_dtype)9, tg_shape0()); }
static bool negative_rule(tg_rule *r) { return tg_rule_set(r, TG_F64, tg_shape1(-1)); }
static bool longer_rule(tg_rule *r) { return tg_rule_set(r, TG_F64, tg_shape1(7)); }
static tg_status failing_run(tg_call *c) { return tg_call_fail(c, TG_VALUE, "%s is not today", "it"); }

static void refuses(tg_op op, tg_status status, const char *what) {
    tg_graph *g = tg_graph_new();
    cr_assert_eq(tg_register(g, &op), status, "%s", tg_message(g));
    says(g, status, what);
}

Test(custom, wrong_rows_are_refused) {
    const tg_op good = {.name = "good", .operands = 1, .shape = tg_rule_first, .run = failing_run};
    tg_op bad;
    refuses((bad = good, bad.name = NULL, bad), TG_ARGUMENT, "name is NULL");
    refuses((bad = good, bad.name = "no way", bad), TG_NAME, "name 'no way'");
    refuses((bad = good, bad.name = "x", bad), TG_NAME, "name 'x'");
    refuses((bad = good, bad.name = "a\x1b[2J", bad), TG_NAME, "name 'a?[2J'");
    refuses((bad = good, bad.name = "exp", bad), TG_NAME, "'exp' is taken");
    refuses((bad = good, bad.name = "param", bad), TG_NAME, "'param' is taken");
    refuses((bad = good, bad.operands = 0, bad), TG_ARGUMENT, "'good': operands is not 1 to 4");
    refuses((bad = good, bad.operands = 5, bad), TG_ARGUMENT, "operands is not 1 to 4");
    refuses((bad = good, bad.shape = NULL, bad), TG_ARGUMENT, "shape is NULL");
    refuses((bad = good, bad.run = NULL, bad), TG_ARGUMENT, "run is NULL");
    refuses((bad = good, bad.loop[0] = mixed_float, bad), TG_ARGUMENT, "loop has one of f32 and f64");
    refuses((bad = good, bad.formula = "z = \x1b[2J", bad), TG_ARGUMENT, "formula is not printable");
    refuses((bad = good, bad.tex = "\\frac{x}{", bad), TG_ARGUMENT, "braces of tex do not match");
    refuses((bad = good, bad.tex_back = "\\\\}", bad), TG_ARGUMENT, "braces of tex_back do not match");
    refuses((bad = good, bad.tex = "}x{", bad), TG_ARGUMENT, "braces of tex do not match");
    refuses((bad = good, bad.tex = "x \\", bad), TG_ARGUMENT, "braces of tex do not match");
    refuses((bad = good, bad.name = "a123456789012345678901234567890123456789012345678901234567890123456789", bad), TG_NAME,
            "is no identifier of 2 to");
    tg_graph *g = tg_graph_new();
    cr_assert_eq(tg_register(g, NULL), TG_ARGUMENT);
    says(g, TG_ARGUMENT, "the row is NULL");
    cr_assert_eq(tg_register(NULL, &good), TG_HANDLE);
    g = with_rows();
    tg_op other = outer;
    cr_assert_eq(tg_register(g, &other), TG_NAME);
    says(g, TG_NAME, "'scaled_outer' is taken");
}

/* A rule and a kernel that ask for what is not there, and fail without a status. */
static bool curious_rule(tg_rule *r) {
    const bool none = tg_is_nil(tg_rule_operand(r, -1)) && tg_is_nil(tg_rule_operand(r, 1)) && tg_rule_user(r) == NULL;
    return none ? tg_rule_fail(r, TG_OK, "nothing is there") : tg_rule_first(r);
}

static tg_status curious_run(tg_call *c) {
    const bool none = !tg_call_input(c, -1) && !tg_call_input(c, 1) && tg_call_user(c) == NULL;
    return none ? tg_call_fail(c, TG_OK, "nothing is there") : TG_OK;
}

static tg_graph *apply_row(tg_op op, tg_status status) {
    static tg_op kept;
    kept = op;
    tg_graph *g = tg_graph_new();
    TG_LET(x, drawn(g, TG_F64, tg_shape1(3)));
    cr_assert_eq(tg_register(g, &kept), TG_OK, "%s", tg_message(g));
    TG_LET(z, tg_apply(&kept, (tg_node[]){x, x, x, x}));
    cr_assert_eq(tg_is_nil(z), status != TG_OK);
    return g;
}

Test(custom, wrong_rules_and_kernels_say_so) {
    const tg_op good = {.name = "good", .operands = 1, .shape = tg_rule_first, .run = failing_run};
    tg_op bad;
    says(apply_row((bad = good, bad.shape = silent_rule, bad), TG_SHAPE), TG_SHAPE,
         "good: its shape rule set no shape");
    says(apply_row((bad = good, bad.shape = refusing_rule, bad), TG_SHAPE), TG_SHAPE, "good: its shape rule");
    says(apply_row((bad = good, bad.shape = strange_rule, bad), TG_DTYPE), TG_DTYPE, "set dtype 9, which is none");
    says(apply_row((bad = good, bad.shape = negative_rule, bad), TG_SHAPE), TG_SHAPE,
         "good: shape [-1] has a negative");
    says(apply_row((bad = good, bad.shape = longer_rule, bad.view = true, bad), TG_SHAPE), TG_SHAPE,
         "good: a view of f64 [3] cannot be f64 [7]");
    says(apply_row((bad = good, bad.shape = curious_rule, bad), TG_ARGUMENT), TG_ARGUMENT, "good: nothing is there");
    tg_graph *g = apply_row((bad = good, bad.run = curious_run, bad), TG_OK);
    cr_assert_eq(tg_run(g), TG_ARGUMENT);
    says(g, TG_ARGUMENT, "good 'z': nothing is there");
    g = apply_row(good, TG_OK);
    cr_assert_eq(tg_run(g), TG_VALUE);
    says(g, TG_VALUE, "good 'z': it is not today");
    g = apply_row((bad = good, bad.run = tg_run_elementwise, bad), TG_OK);
    cr_assert_eq(tg_run(g), TG_ARGUMENT);
    says(g, TG_ARGUMENT, "the row has no loop to call");
    g = apply_row((bad = mixed, bad.name = "longer", bad.shape = longer_rule, bad), TG_OK);
    cr_assert_eq(tg_run(g), TG_SHAPE);
    says(g, TG_SHAPE, "longer 'z': run_elementwise: the operands do not broadcast");

    g = with_rows();
    TG_LET(x, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(w, drawn(g, TG_F64, tg_shape2(3, 2)));
    TG_LET(z, tg_apply(&outer, (tg_node[]){x, w}));
    says(g, TG_SHAPE, "scaled_outer: rank 1 and 2 are not 1\n  at test_custom.c");
    g = tg_graph_new();
    TG_LET(p, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(q, tg_apply(&outer, (tg_node[]){p, p}));
    says(g, TG_ARGUMENT, "'scaled_outer' is not registered with this graph");
    g = with_rows();
    TG_LET(u, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(v, tg_apply(&outer, (tg_node[]){u, tg_nil(g)}));
    says(g, TG_HANDLE, "scaled_outer: operand 2 is nil");
    cr_assert(tg_is_nil(tg_apply(NULL, NULL)));
}
