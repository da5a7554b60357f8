/* Operators of one's own: a forward and a vjp in public operators; and what a wrong vjp is told, a row's too. */
#include "own_rows.h"

TestSuite(custom_vjp, .timeout = 120);

/* ln(1 + eˣ) without overflow: the derivative of what is written here is 0 at 0, and should be 1/2. */
static tg_node softplus_forward(const tg_node *in, void *user) {
    (void)user;
    const tg_node size = tg_add(tg_relu(in[0]), tg_relu(tg_neg(in[0]))), one = tg_scalar_like(in[0], 1);
    return tg_add(tg_relu(in[0]), tg_log(tg_add(one, tg_exp(tg_neg(size)))));
}
static tg_node softplus_vjp(tg_node z, tg_node g, const tg_node *in, int slot, void *user) {
    (void)z, (void)slot, (void)user;
    return tg_div(g, tg_add(tg_scalar_like(g, 1), tg_exp(tg_neg(in[0]))));
}
static const tg_custom_op log1pexp = {"log1pexp", softplus_forward, softplus_vjp};

Test(custom_vjp, a_stable_softplus) {
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        const double at[] = {0, 1, -1, 1000, -1000, 30};
        tg_graph *g = tg_graph_new();
        TG_LET(x, tg_input(g, dtype, tg_shape1(6)));
        TG_LET(z, tg_custom(&log1pexp, &x, 1, NULL));
        TG_LET(out, tg_sum(z, tg_axes_all()));
        tg_grads d = tg_backward(out, tg_nil(g));
        cr_assert_eq(set_doubles(x, at) | tg_run(g), TG_OK, "%s", tg_message(g));
        const double unit = dtype == TG_F32 ? 4e-7 : 1e-15;
        for (size_t i = 0; i < 6; i++) {
            cr_assert(near(tg_item(z, i), fmax(at[i], 0) + log1p(exp(-fabs(at[i]))), unit));
            cr_assert(near(tg_item(tg_grad(d, x), i), 1 / (1 + exp(-at[i])), unit), "%zu", i);
        }
        cr_assert_str_eq(tg_op_of(z), "log1pexp");
        cr_assert_eq(tg_value(z), tg_value(tg_operand(z, 0)), "no copy");
        tg_graph_free(g);
    }
}

/* Away from the kink all three agree: the vjp, differences of the forward, and so in second order. */
Test(custom_vjp, the_gradient_check_sees_it) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F32, tg_shape2(2, 3)));
    cr_assert_eq(tg_set(x, (float[]){-2, -1, -0.5f, 0.5f, 1, 3}), TG_OK);
    TG_LET(z, tg_custom(&log1pexp, &x, 1, NULL));
    TG_LET(dz, drawn(g, TG_F32, tg_shape2(2, 3)));
    tg_grads d = tg_backward(z, dz);
    TG_LET(slope, tg_sum(tg_square(tg_grad(d, x)), tg_axes_all()));
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    gradients_hold(z);
    gradients_hold(slope);
    tg_graph_free(g);
}

/* Rounds forward, and passes the gradient on as if it had not. */
static tg_node round_forward(const tg_node *in, void *user) {
    const tg_node step = tg_scalar_like(in[0], *(const double *)user), whole = tg_cast(tg_div(in[0], step), TG_I32);
    return tg_mul(tg_cast(whole, tg_dtype_of(in[0])), step);
}
static tg_node straight(tg_node z, tg_node g, const tg_node *in, int slot, void *user) {
    (void)z, (void)in, (void)slot, (void)user;
    return g;
}
static const tg_custom_op quantize = {"quantize", round_forward, straight};

Test(custom_vjp, a_straight_through_estimator) {
    static double half = 0.5, quarter = 0.25;
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    cr_assert_eq(tg_set(x, (double[]){0.6, -1.3, 2.49}), TG_OK);
    TG_LET(q, tg_custom(&quantize, &x, 1, &half));
    TG_LET(r, tg_custom(&quantize, &x, 1, &quarter));
    TG_LET(out, tg_sum(tg_square(q), tg_axes_all()));
    tg_grads d = tg_backward(out, tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    const double want[] = {0.5, -1, 2}, finer[] = {0.5, -1.25, 2.25};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(tg_item(q, i), want[i]);
        cr_assert_eq(tg_item(r, i), finer[i], "attributes go with the call");
        cr_assert_eq(tg_item(tg_grad(d, x), i), 2 * want[i]);
    }
    tg_check check;
    size_t leaves;
    cr_assert_eq(tg_check_gradient(out, NULL, &check, 1, &leaves), TG_OK, "%s", tg_message(g));
    cr_assert_neq(check.verdict, TG_PASS, "differences do not agree with it, and must not");
    tg_graph_free(g);
}

/* Three operands, one of them labels; a vjp in terms of z; a scope of its own. */
static tg_node picked_forward(const tg_node *in, void *user) {
    (void)user;
    tg_scope_open(in[0].graph, "picked");
    TG_LET(own, tg_exp(tg_mul(tg_gather(in[0], in[1]), in[2])));
    tg_scope_close(in[0].graph);
    return own;
}
static tg_node picked_vjp(tg_node z, tg_node g, const tg_node *in, int slot, void *user) {
    (void)user;
    const tg_node inner = tg_mul(g, z);
    return slot == 0 ? tg_scatter(tg_mul(inner, in[2]), in[1], 3) : tg_mul(inner, tg_gather(in[0], in[1]));
}
static const tg_custom_op picked = {"picked_exp", picked_forward, picked_vjp};

static tg_grads picked_tape(tg_graph *g) {
    TG_LET(x, drawn(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(label, tg_const(g, TG_I32, tg_shape1(4), (int32_t[]){2, 0, 1, 1}));
    TG_LET(w, drawn(g, TG_F64, tg_shape1(4)));
    TG_LET(z, tg_custom(&picked, (tg_node[]){x, label, w}, 3, NULL));
    TG_LET(out, tg_sum(tg_square(z), tg_axes_all()));
    return tg_backward(out, tg_nil(g));
}

Test(custom_vjp, three_operands_and_every_reader) {
    begin();
    tg_graph *g = tg_graph_new();
    const tg_grads d = picked_tape(g);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    const tg_node z = tg_find(g, "z"), out = tg_find(g, "out");
    gradients_hold(out);
    cr_assert_not(tg_has_grad(d, tg_operand(z, 0)), "no gradient goes into forward");
    tg_term terms[2];
    cr_assert_eq(tg_grad_terms(d, tg_find(g, "x"), terms, 2), 1);
    cr_assert(terms[0].sender.id == z.id && terms[0].slot == 1);
    FILE *file = fopen(path("print", 0), "w");
    tg_print(g, file);
    tg_explain(z, file);
    for (size_t k = 0; k < tg_moments(g); k++) tg_print_moment(d, k, file);
    cr_assert_eq(tg_print_wrong_order(d, file), TG_OK, "%s", tg_message(g));
    fclose(file);
    has(text_of("print"), "picked_exp(x, label, w)");
    cr_assert_eq(tg_write_html(g, d, path("html", 0), NULL), TG_OK, "%s", tg_message(g));
    has(text_of("html"), "<mi mathvariant=\"normal\">picked_exp</mi>");
    cr_assert_eq(tg_write_latex(d, tg_nil(g), "f", path("tex", 0)), TG_OK, "%s", tg_message(g));
    has(text_of("tex"), "\\mathrm{picked\\_exp}\\left(x, \\mathit{label}, w\\right)");
    cr_assert_eq(tg_write_numpy(d, tg_nil(g), "f", path("py", 0)), TG_OK, "%s", tg_message(g));
    unlink(path("py", 0));
    add_case(d, tg_nil(g));
    add_case(d, z);
    check_all(false);
}

static tg_graph *foreign;

static tg_node nil_forward(const tg_node *in, void *user) {
    (void)user;
    return tg_nil(in[0].graph);
}
static tg_node foreign_forward(const tg_node *in, void *user) {
    (void)in, (void)user;
    return tg_input(foreign, TG_F64, tg_shape0());
}
static tg_node greedy_forward(const tg_node *in, void *user) { return tg_mul(in[0], *(tg_node *)user); }
static tg_node other_forward(const tg_node *in, void *user) {
    (void)in;
    return *(tg_node *)user;
}
static tg_node broken_forward(const tg_node *in, void *user) {
    (void)user;
    return tg_add(in[0], tg_cast(in[0], TG_F32));
}

static tg_node opening_forward(const tg_node *in, void *user) {
    (void)user;
    tg_scope_open(in[0].graph, "opened");
    return tg_exp(in[0]);
}

static tg_node rewinding_forward(const tg_node *in, void *user) {
    (void)user;
    const tg_mark mark = tg_mark_now(in[0].graph);
    const tg_node z = tg_exp(in[0]);
    return tg_rewind(in[0].graph, mark) == TG_OK ? in[0] : z;
}
static tg_mark below;
static tg_node rewinding_vjp(tg_node z, tg_node g, const tg_node *in, int slot, void *user) {
    (void)g, (void)slot, (void)user;
    return tg_rewind(z.graph, below) == TG_OK ? tg_nil(z.graph) : in[0];
}

static void custom_says(const tg_custom_op *op, int n, tg_status status, const char *what) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(other, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(z, tg_custom(op, (tg_node[]){x, x, x, x, x}, n, &other));
    cr_assert(tg_is_nil(z));
    says(g, status, what);
}

Test(custom_vjp, a_vjp_that_rewinds_is_an_error) {
    tg_graph *g = tg_graph_new();
    below = tg_mark_now(g);
    TG_LET(x, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(z, tg_custom(&(tg_custom_op){"winds", softplus_forward, rewinding_vjp}, &x, 1, NULL));
    tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g));
    says(g, TG_ARGUMENT, "rewind: not from within an operator's forward, vjp or kernel");
}

static tg_node product_forward(const tg_node *in, void *user) {
    (void)user;
    return tg_mul(tg_mul(in[0], in[1]), in[2]);
}
static tg_node opening_vjp(tg_node z, tg_node g, const tg_node *in, int slot, void *user) {
    (void)in, (void)slot, (void)user;
    tg_scope_open(z.graph, "opened");
    return g;
}

Test(custom_vjp, a_vjp_that_leaves_a_scope_open_is_an_error) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(y, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(w, drawn(g, TG_F64, tg_shape1(3)));
    TG_LET(z, tg_custom(&(tg_custom_op){"opens", product_forward, opening_vjp}, (tg_node[]){x, y, w}, 3, NULL));
    cr_assert_eq(tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g)).id, 0);
    size_t places = 0;
    for (const char *at = tg_message(g); (at = strstr(at, "' from test_custom_vjp.c:")); at++) places++;
    cr_assert_eq(places, 3, "one for each operand: %s", tg_message(g));
    says(g, TG_NAME, "opens: its vjp leaves another scope open");
}

Test(custom_vjp, wrong_forwards_are_errors) {
    foreign = tg_graph_new();
    custom_says(&(tg_custom_op){"gives", nil_forward, straight}, 1, TG_HANDLE, "gives: its forward gave nothing");
    custom_says(&(tg_custom_op){"gives", foreign_forward, straight}, 1, TG_HANDLE,
                "gives: its forward gave a node that is stale or of another graph");
    custom_says(&(tg_custom_op){"greedy", greedy_forward, straight}, 1, TG_GRADIENT,
                "greedy: its forward reads 'other', which is no operand");
    custom_says(&(tg_custom_op){"greedy", other_forward, straight}, 1, TG_GRADIENT,
                "greedy: its forward reads 'other'");
    custom_says(&(tg_custom_op){"rewinds", rewinding_forward, straight}, 1, TG_ARGUMENT,
                "rewind: not from within an operator's forward, vjp or kernel");
    custom_says(&(tg_custom_op){"opens", opening_forward, straight}, 1, TG_NAME,
                "opens: its forward leaves another scope open");
    custom_says(&(tg_custom_op){"broken", broken_forward, straight}, 1, TG_DTYPE, "add: ");
    custom_says(&log1pexp, 4, TG_ARGUMENT, "log1pexp: 4 operands; one made of a forward and a vjp has 1 to 3");
    custom_says(&(tg_custom_op){"exp", softplus_forward, straight}, 1, TG_NAME, "'exp' is taken");
    custom_says(&(tg_custom_op){"g", softplus_forward, straight}, 1, TG_NAME, "name 'g'");
    custom_says(&(tg_custom_op){"no_vjp", softplus_forward, NULL}, 1, TG_ARGUMENT, "vjp is NULL");
    custom_says(&(tg_custom_op){"no_forward", NULL, straight}, 1, TG_ARGUMENT, "forward is NULL");
    custom_says(NULL, 1, TG_ARGUMENT, "the operator is NULL");
    tg_graph_free(foreign);
}

/* ------------------------------------------------------------------------------------------------- wrong vjps */

/* What a vjp may give that it should not: every one an error that names operator and operand. */
static int mischief;

static tg_node wrong_term(tg_node z, tg_node g) {
    switch (mischief) {
    case 0: return tg_sum(g, tg_axes_all());
    case 1: return tg_cast(g, TG_F32);
    case 2: return tg_input(foreign, TG_F64, tg_dims(g));
    case 3: return (tg_node){g.graph, g.id, g.epoch + 7};
    case 4: return tg_reshape(g, tg_shape1(-1));
    case 5: return tg_add(g, tg_scalar(g.graph, TG_I32, 1));
    default: return tg_nil(z.graph);
    }
}
static tg_node wrong_row_vjp(tg_node z, tg_node g, int slot) { return slot ? wrong_term(z, g) : g; }
static tg_node sum_forward(const tg_node *in, void *user) {
    (void)user;
    return tg_add(in[0], in[1]);
}
static tg_node wrong_custom_vjp(tg_node z, tg_node g, const tg_node *in, int slot, void *user) {
    (void)in, (void)user;
    return slot ? wrong_term(z, g) : g;
}

Test(custom_vjp, a_wrong_vjp_is_an_error) {
    static const struct {
        tg_status status;
        const char *what;
    } wrong[] = {{TG_SHAPE, "its vjp gave operand 2 a gradient that is f64 [], but 'y' is f64 [2, 3]"},
                 {TG_DTYPE, "its vjp gave operand 2 a gradient that is f32 [2, 3], but 'y' is f64 [2, 3]"},
                 {TG_HANDLE, "its vjp gave operand 2, 'y', a node that is stale or of another graph"},
                 {TG_HANDLE, "its vjp gave operand 2, 'y', a node that is stale or of another graph"},
                 {TG_SHAPE, "its vjp gave operand 2 a gradient that is f64 [6], but 'y' is f64 [2, 3]"},
                 {TG_DTYPE, "add: "},
                 {TG_GRADIENT, "wrong: its vjp gave nothing for operand 2"}};
    static const tg_op row = {.name = "wrong",
                              .operands = 2,
                              .shape = tg_rule_broadcast,
                              .run = tg_run_elementwise,
                              .loop = {mixed_float, mixed_double},
                              .vjp = wrong_row_vjp};
    static const tg_custom_op made = {"wrong", sum_forward, wrong_custom_vjp};
    foreign = tg_graph_new();
    for (int own = 0; own < 2; own++)
        for (mischief = 0; mischief < 7; mischief++) {
            tg_graph *g = tg_graph_new();
            TG_LET(x, drawn(g, TG_F64, tg_shape2(2, 3)));
            TG_LET(y, drawn(g, TG_F64, tg_shape2(2, 3)));
            if (!own) cr_assert_eq(tg_register(g, &row), TG_OK);
            TG_LET(z, own ? tg_custom(&made, (tg_node[]){x, y}, 2, NULL) : tg_apply(&row, (tg_node[]){x, y}));
            TG_LET(dz, drawn(g, TG_F64, tg_shape2(2, 3)));
            const tg_grads d = tg_backward(z, dz);
            if (!own && mischief == 6) { /* a row's vjp may say that there is none */
                cr_assert_eq(tg_error(g), TG_OK);
                cr_assert(tg_has_grad(d, x) && !tg_has_grad(d, y));
                tg_graph_free(g);
            } else {
                cr_assert_eq(d.id, 0);
                const bool placed = strstr(tg_message(g), "'y' from test_custom_vjp.c:");
                cr_expect(placed || mischief > 4, "it is not said where 'y' is from: %s", tg_message(g));
                says(g, wrong[mischief].status, wrong[mischief].what);
            }
        }
    tg_graph_free(foreign);
}

/* --------------------------------------------------------------------------------------------------- out of memory */

static tg_grads all_of_it(tg_graph *g) {
    if (tg_register(g, &outer) || tg_register(g, &mixed)) return (tg_grads){g, 0, 0};
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(m, tg_apply(&mixed, (tg_node[]){x, x, x, x}));
    TG_LET(z, tg_custom(&log1pexp, &m, 1, NULL));
    TG_LET(w, tg_apply(&outer, (tg_node[]){z, x}));
    TG_LET(out, tg_sum(w, tg_axes_all()));
    return tg_backward(out, tg_nil(g));
}

Test(custom_vjp, every_allocation_fails) {
    size_t reached = 0;
    for (size_t k = 1;; k++, reached++) {
        struct heap heap = {.fail_at = k};
        tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
        tg_check checks[1];
        size_t leaves = 0;
        tg_status status = TG_MEMORY;
        if (g) {
            const tg_grads d = all_of_it(g);
            status = tg_error(g);
            if (!status) status = tg_set(tg_find(g, "x"), (double[]){1, 2, 3});
            if (!status) status = tg_run(g);
            if (!status) status = tg_check_gradient(tg_find(g, "out"), NULL, checks, 1, &leaves);
            if (!status) status = tg_write_html(g, d, "/tmp/tapegrad-custom.html", NULL);
        }
        const bool failed = heap.calls >= k;
        cr_assert_eq(status, failed ? TG_MEMORY : TG_OK, "point %zu: %s", k, tg_message(g));
        tg_graph_free(g);
        cr_assert(heap.live == 0 && heap.wrong == 0, "point %zu", k);
        if (!failed) break;
    }
    cr_assert_gt(reached, 30);
    unlink("/tmp/tapegrad-custom.html");
}
