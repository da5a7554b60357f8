/* Formulas in MathML: every operator's, every derivative's, and with whatever name. */
#include "export.h"
#include "markup.h"

TestSuite(mathml, .init = setup, .fini = teardown, .timeout = 60);

static const char *formula(tg_node a) {
    FILE *file = sheet();
    struct tg__sheet s = tg__sheet_file(file);
    tg__mathml(&s, a);
    return text_of(file);
}

static const char *sent(tg_grads d, tg_node sender, int slot) {
    FILE *file = sheet();
    struct tg__sheet s = tg__sheet_file(file);
    tg__mathml_gradient(&s, d, sender, slot);
    return text_of(file);
}

/* Without the tags, and without the spaces that they are. */
static const char *bare(const char *markup) {
    static char words[1 << 16];
    size_t used = 0;
    for (const char *s = markup; *s; s++) {
        if (*s == '<') s = strchr(s, '>');
        if (*s != '>') words[used++] = *s;
    }
    words[used] = 0;
    return words;
}

static void says(const char *markup, const char *want) {
    const char *fault = mathml_fault(markup);
    cr_expect_null(fault, "%s in %s", fault, markup);
    cr_expect_str_eq(bare(markup), want, "%s", markup);
}

/* ------------------------------------------------------------------------------------------------------ the table */

static tg_node apply(const struct tg_op *op) {
    tg_node x = tg_let(tg_input(g, TG_F64, tg_shape2(3, 3)), "x", NULL, 0), in[3] = {x};
    in[1] = tg_let(tg_input(g, TG_F64, tg_shape2(3, 3)), "y", NULL, 0);
    in[2] = tg_let(tg_input(g, TG_F64, tg_shape1(3)), "w", NULL, 0);
    tg_node label = tg_let(tg_input(g, TG_I32, tg_shape1(3)), "label", NULL, 0);
    if (op->code || !strcmp(op->name, "matmul")) return tg__apply(op, in, NULL);
    if (!strcmp(op->name, "sum")) return tg_sum(x, tg_axis(1));
    if (!strcmp(op->name, "max")) return tg_max(x, tg_axes_all());
    if (!strcmp(op->name, "min")) return tg_min(x, tg_axis(1));
    if (!strcmp(op->name, "argmax")) return tg_argmax(x, tg_axis(1));
    if (!strcmp(op->name, "argmin")) return tg_argmin(x, tg_axes_all());
    if (!strcmp(op->name, "cumsum")) return tg_cumsum(x, 0, true);
    if (!strcmp(op->name, "cast")) return tg_cast(x, TG_F32);
    if (!strcmp(op->name, "reshape")) return tg_reshape(x, tg_shape1(9));
    if (!strcmp(op->name, "transpose")) return tg_transpose(x, tg_axes_all());
    if (!strcmp(op->name, "expand")) return tg_expand(x, tg_shape3(2, 3, 3));
    if (!strcmp(op->name, "gather")) return tg_gather(x, label);
    if (!strcmp(op->name, "scatter")) return tg_scatter(in[2], label, 4);
    if (!strcmp(op->name, "slice")) return tg_slice(x, 0, 2, TG_BEGIN, -2);
    if (!strcmp(op->name, "pad")) return tg_pad(x, tg_shape2(0, 1), tg_shape2(1, 0), 2);
    if (!strcmp(op->name, "concat")) return tg_concat(in, 2, 0);
    if (!strcmp(op->name, "take")) return tg_take(x, label, 0);
    if (!strcmp(op->name, "scatter_add")) return tg_scatter_add(x, label, 0, 4);
    if (!strcmp(op->name, "uniform")) return tg_uniform(tg_counter(g), 7, TG_F64, tg_shape2(2, 3));
    const tg_window how = tg_window_of(1, 0, 1);
    const tg_node picture = tg_let(tg_input(g, TG_F64, tg_shape4(1, 1, 3, 3)), "picture", NULL, 0);
    const tg_node patch = tg_let(tg_input(g, TG_F64, tg_shape4(1, 1, 2, 2)), "patch", NULL, 0);
    if (!strcmp(op->name, "conv2d")) return tg_conv2d(picture, patch, how);
    if (!strcmp(op->name, "conv2d_data")) return tg_conv2d_data(patch, patch, tg_dims(picture), how);
    if (!strcmp(op->name, "conv2d_weight")) return tg_conv2d_weight(picture, patch, tg_dims(patch), how);
    if (!strcmp(op->name, "windows")) return tg_windows(picture, 2, 2, how, 0);
    if (!strcmp(op->name, "fold")) return tg_fold(tg_windows(picture, 2, 2, how, 0), tg_dims(picture), 2, 2, how);
    return tg__apply(op, in, NULL);
}

static bool is_empty(const char *text) { return !text || !*text; }

Test(mathml, every_row) {
    for (size_t i = 0; g->calculus.operators[i]; i++) {
        const struct tg_op *op = g->calculus.operators[i];
        tg_graph *old = g;
        g = tg_graph_new();
        cr_expect(!is_empty(op->symbol) && !is_empty(op->numpy) && !is_empty(op->tex), "%s: a text is missing",
                  op->name);
        cr_expect_eq(op->tex_back != NULL, op->vjp != NULL, "%s: tex_back", op->name);
        cr_expect_null(tex_fault(op->tex, false), "%s: %s", op->name, tex_fault(op->tex, false));
        if (op->tex_back) cr_expect_null(tex_fault(op->tex_back, false), "%s", op->name);
        tg_node z = tg_let(apply(op), "z", NULL, 0), c = tg_input(g, tg_dtype_of(z), tg_dims(z));
        cr_assert_eq(tg_error(g), TG_OK, "%s: %s", op->name, tg_message(g));
        const char *fault = mathml_fault(formula(z));
        cr_expect_null(fault, "%s: %s: %s", op->name, fault, printed);
        if (op->vjp) {
            tg_grads d = tg_backward(z, c);
            for (int slot = 0; slot < op->operands; slot++) {
                sent(d, z, slot);
                fault = mathml_fault(printed);
                cr_expect_null(fault, "%s, operand %d: %s: %s", op->name, slot, fault, printed);
                tg_term terms[4];
                bool delivered = false;
                const size_t n = tg_grad_terms(d, tg_operand(z, slot), terms, 4);
                for (size_t k = 0; k < n; k++) delivered |= terms[k].sender.id == z.id && terms[k].slot == slot;
                cr_expect_eq(*printed != 0, delivered, "%s, operand %d", op->name, slot);
            }
        }
        tg_graph_free(g);
        g = old;
    }
}

/* ------------------------------------------------------------------------------------------------- what it says */

Test(mathml, formulas) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(gamma, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(W, tg_input(g, TG_F64, tg_shape2(3, 4)));
    tg_node share = tg_scalar(g, TG_F64, 1 / 178.0);
    says(formula(x), "x");
    says(formula(tg_let(tg_mul(tg_sum(x, tg_axis(0)), share), "mu", NULL, 0)), "μ=1178⋅∑axis0x");
    says(formula(tg_let(tg_square(x), "xhat2", NULL, 0)), "x^2=x2");
    says(formula(tg_let(tg_square(tg_exp(x)), "a", NULL, 0)), "a=(ex)2");
    says(formula(tg_let(tg_mul(gamma, tg_sub(x, gamma)), "b", NULL, 0)), "b=γ⊙(x−γ)");
    says(formula(tg_let(tg_sub(x, tg_sub(x, gamma)), "c", NULL, 0)), "c=x−(x−γ)");
    says(formula(tg_let(tg_mul(tg_sum(x, tg_keep(tg_axis(1))), x), "d", NULL, 0)), "d=(∑axis1x)⊙x");
    says(formula(tg_let(tg_mul(tg_mul(share, tg_sum(x, tg_keep(tg_axis(1)))), x), "e", NULL, 0)), "e=1178⋅(∑axis1x)⊙x");
    says(formula(tg_let(tg_matmul(tg_transpose(W, tg_axes_all()), tg_transpose(x, tg_axes_all())), "f", NULL, 0)),
         "f=W⊤x⊤");
    says(formula(tg_let(tg_matmul(tg_mul(x, gamma), W), "h", NULL, 0)), "h=(x⊙γ)W");
    says(formula(tg_let(tg_reciprocal(tg_sqrt(tg_add(gamma, tg_scalar(g, TG_F64, 1e-5)))), "ivar", NULL, 0)),
         "ivar=1γ+10−5");
    says(formula(tg_let(tg_mul(gamma, tg_scalar(g, TG_F64, -2)), "k", NULL, 0)), "k=(−2)⋅γ");
    says(formula(tg_let(tg_exp(tg_log(x)), "l", NULL, 0)), "l=elnx");
    says(formula(tg_let(tg_mul(tg_min(x, tg_keep(tg_axis(1))), x), "m", NULL, 0)), "m=(minaxis1x)⊙x");
    says(formula(tg_let(tg_argmax(tg_neg(x), tg_axes_all()), "n", NULL, 0)), "n=argmaxall(−x)");
    says(formula(tg_let(tg_cumsum(x, 1, true), "o", NULL, 0)), "o=cumsumaxis1reversed(x)");
    says(formula(tg_exp(tg_let(x, "again", NULL, 0))), "t37=ex");
}

Test(mathml, gradients_are_upstream_times_local) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(gamma, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(xhat, tg_exp(x));
    TG_LET(gammax, tg_mul(gamma, xhat));
    TG_LET(out, tg_sub(gammax, tg_detach(x)));
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(4, 3)));
    tg_grads d = tg_backward(out, dout);
    says(sent(d, xhat, 0), "dx^⋅x^");
    says(sent(d, gammax, 0), "∑axis0dgammax⋅x^");
    says(sent(d, gammax, 1), "dgammax⋅γ");
    says(sent(d, out, 0), "dout⋅1");
    cr_expect_str_eq(sent(d, out, 1), "");
    cr_expect_str_eq(sent(d, out, 2), "");
    cr_expect_str_eq(sent(d, out, -1), "");
    cr_expect_str_eq(sent((tg_grads){g, 0, 0}, out, 0), "");
    cr_expect_str_eq(sent(d, tg_nil(g), 0), "");
    cr_expect_str_eq(formula(tg_nil(g)), "");
}

/* ---------------------------------------------------------------------------------------------- whatever comes in */

static const char *const hostile[] = {"</math><script>alert(1)</script>",
                                      "&\"'<",
                                      "\\input{/etc/passwd}",
                                      "$x$ % \\",
                                      "}{}}",
                                      "\x1b[31m\n",
                                      "\xe2\x80\xae",
                                      "\xff\xfe",
                                      "a_b^c~d#e",
                                      "größe",
                                      "γ",
                                      "d",
                                      "dd",
                                      "hat",
                                      "xhat",
                                      "12",
                                      "x12345678901234",
                                      "/",
                                      "a//",
                                      "_",
                                      "^^M"};

Test(mathml, hostile_names) {
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        tg_node x = tg_let(tg_input(g, TG_F64, tg_shape1(2)), hostile[i], NULL, 0);
        tg_node z = tg_square(tg_sub(tg_mul(x, x), tg_max(x, tg_axis(0))));
        tg_grads d = tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g));
        const char *fault = mathml_fault(formula(z));
        cr_expect_null(fault, "%s: %s", fault, printed);
        cr_expect_null(strstr(printed, "<script"));
        fault = mathml_fault(sent(d, z, 0));
        cr_expect_null(fault, "%s: %s", fault, printed);
    }
    TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
    says(formula(tg_let(tg_exp(x), "a<&_ b", NULL, 0)), "a&lt;&amp;_\xc2\xa0"
                                                        "b=ex");
    char *name = malloc(1 << 20);
    memset(name, '{', 1 << 20);
    name[(1 << 20) - 1] = 0;
    cr_expect_lt(strlen(formula(tg_let(tg_exp(x), name, NULL, 0))), 500);
    free(name);
}

static tg_status odd_run(tg_call *c) { return tg_call_node(c).graph ? TG_OK : TG_VALUE; }

/* A row of one's own may say in TeX what ends too early or too often, and nests without end: what is opened is closed.
 */
Test(mathml, whatever_a_row_says) {
    static char deep[2000] = "z = ";
    for (int i = 0; i < 300; i++) strcat(deep, "\\sqrt");
    strcat(deep, "{x}");
    const char *const tex[] = {"z = \\left(x", "z = x\\right)",  "z = \\left(x\\right", "z = \\frac{x}",
                               "z = \\frac",   "z = \\sqrt",     "z = \\mathrm",        "z = x^",
                               "z = \\left",   "z = \\left(x^2", "z = {x}_{\\left}",    deep};
    enum { ROWS = sizeof tex / sizeof *tex };
    static tg_op row[ROWS];
    static char name[ROWS][12];
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    for (size_t i = 0; i < ROWS; i++) {
        snprintf(name[i], sizeof name[i], "odd_%zu", i);
        row[i] = (tg_op){.name = name[i], .operands = 1, .shape = tg_rule_first, .run = odd_run, .tex = tex[i]};
        cr_assert_eq(tg_register(g, &row[i]), TG_OK, "%s", tg_message(g));
        const char *fault = xml_fault(formula(tg_apply(&row[i], &x)));
        cr_expect_null(fault, "%s of %s: %s", fault, tex[i], printed);
        cr_expect_lt(strlen(printed), 10000);
    }
}

Test(mathml, deep_and_wide) {
    tg_node z = tg_input(g, TG_F64, tg_shape0());
    for (int i = 0; i < 3000; i++) z = i % 2 ? tg_sqrt(tg_square(tg_div(z, z))) : tg_where(z, tg_neg(z), z);
    cr_expect_null(mathml_fault(formula(z)));
}

/* ------------------------------------------------------------------------------------------------------ one moment */

/* A gradient without a name is itself, and not what it was made of, or whose it also is. */
Test(mathml, a_nameless_upstream_is_itself) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(6, 2)));
    const tg_node sum = tg_sum(x, tg_axis(0)), moved = tg_add(sum, tg_scalar(g, TG_F64, 3));
    TG_LET(z, tg_mul(moved, tg_scalar(g, TG_F64, 0.25)));
    TG_LET(dz, tg_input(g, TG_F64, tg_shape1(2)));
    const tg_grads d = tg_backward(z, dz);
    char want[40];
    snprintf(want, sizeof want, "repeat(t%u)", tg_grad(d, sum).id);
    says(sent(d, sum, 0), want);
    says(sent(d, z, 0), "dz⋅0.25");
    TG_LET(y, tg_identity(tg_add(z, tg_scalar(g, TG_F64, 3))));
    TG_LET(dy, tg_input(g, TG_F64, tg_shape1(2)));
    const tg_grads e = tg_backward(y, dy); /* the nameless sum's gradient is dy, and s2/dz too */
    snprintf(want, sizeof want, "t%u⋅1", dy.id);
    says(sent(e, tg_operand(y, 0), 0), want);
}

/* What is sent by mistake is what the formula says. */
Test(mathml, mistakes_on_purpose) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(6, 2)));
    TG_LET(w, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(z, tg_mul(x, w));
    TG_LET(dz, tg_input(g, TG_F64, tg_shape2(6, 2)));
    const tg_grads d = tg_backward(z, dz);
    says(sent(tg_mutate(d, z, 0, TG_FLIP, tg_nil(g)), z, 0), "−(s2/dz⋅w)");
    says(sent(tg_mutate(d, z, 0, TG_DROP, tg_nil(g)), z, 0), "0⋅(s3/dz⋅w)");
    tg_grads both = tg_mutate(d, z, 1, TG_SCALE, w);
    says(sent(both, z, 1), "(∑axis0s4/dz⋅x)⋅w");
    says(sent(both, z, 0), "s4/dz⋅w");
    both = tg_mutate(both, z, 1, TG_FLIP, tg_nil(g));
    says(sent(both, z, 1), "−((∑axis0s5/dz⋅x)⋅w)");
    says(sent(d, z, 0), "dz⋅w");
}
