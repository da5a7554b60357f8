/* tg_write_latex: balanced, of known commands only, and saying what the tape does. No TeX is needed. */
#include "markup.h"

#include <unistd.h>

TestSuite(latex, .init = setup, .fini = teardown, .timeout = 60);

static char written[1 << 20];

static const char *document(tg_grads d, tg_node out, const char *function) {
    char path[] = "/tmp/tapegrad-latex-XXXXXX";
    close(mkstemp(path));
    cr_assert_eq(tg_write_latex(d, out, function, path), TG_OK, "%s", tg_message(d.graph));
    FILE *file = fopen(path, "r");
    written[fread(written, 1, sizeof written - 1, file)] = 0;
    fclose(file);
    remove(path);
    return written;
}

/* Environments and mathematics, which tex_fault does not see. */
static void compiles(const char *text) {
    const char *fault = tex_fault(text, true);
    cr_expect_null(fault, "%s in\n%s", fault, text);
    char open[40] = "";
    int dollars = 0;
    for (const char *s = text; *s; s++) {
        if (*s == '\\' && s[1] == '$') s += 2;
        dollars += *s == '$';
        if (strncmp(s, "\\begin{align*}", 14) == 0) {
            cr_expect_str_eq(open, "");
            strcpy(open, "align*");
        } else if (strncmp(s, "\\end{align*}", 12) == 0) {
            cr_expect_str_eq(open, "align*");
            open[0] = 0;
            cr_expect_neq(s[-3], '\\', "an empty last line");
        }
        cr_expect_not(*open && s[0] == '\n' && s[1] == '\n', "a blank line in align*");
        if (*s == '&' && s > text && s[-1] != '\\') cr_expect_str_eq(open, "align*");
    }
    cr_expect_eq(dollars % 2, 0);
    cr_expect_str_eq(open, "");
    cr_expect_not_null(strstr(text, "\\begin{document}"));
    cr_expect_str_eq(text + strlen(text) - 15, "\\end{document}\n");
}

Test(latex, batchnorm) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(178, 13)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(13)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(13)));
    tg_node out = tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, NULL);
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(178, 13)));
    const char *at = document(tg_backward(out, dout), out, "batchnorm");
    compiles(at);
    static const char *const lines[] = {
        "Given: $x\\,\\left(178 \\times 13\\right)$, $\\gamma\\,\\left(13\\right)$",
        "\\mu &= \\frac{1}{178} \\cdot \\sum_{\\mathrm{axis}\\,0} x \\tag{1} \\\\\n",
        "\\mathit{sqrtvar} &= \\sqrt{\\mathit{var} + {10}^{-5}} \\tag{5} \\\\\n",
        "\\mathit{ivar} &= \\frac{1}{\\mathit{sqrtvar}} \\tag{6} \\\\\n",
        "\\hat{x} &= \\mathit{xmu} \\odot \\mathit{ivar} \\tag{7} \\\\\n",
        "\\mathit{out} &= \\mathit{gammax} + \\beta \\tag{9}\n",
        "\\section*{Backward}\nGiven: $\\mathrm{d}\\mathit{out}",
        "\\mathrm{d}\\gamma &= \\sum_{\\mathrm{axis}\\,0} \\mathrm{d}\\mathit{gammax} \\odot \\hat{x} \\tag{8} \\\\\n",
        "\\mathrm{d}x_{1} &= \\mathrm{d}\\mathit{xmu} \\tag{2} \\\\\n",
        "\\mathrm{d}x &= \\mathrm{d}x_{1} + \\mathrm{d}x_{2} \\tag{0}\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        at = strstr(at, lines[i]);
        cr_assert_not_null(at, "missing or in another order:\n%s\nin\n%s", lines[i], written);
    }
}

Test(latex, a_network_and_its_second_order) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(6, 4)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(6)));
    TG_LET(k, tg_const(g, TG_F64, tg_shape1(4), (double[]){1, 2, 3, 4}));
    tg_node h = tg_relu(tg_mul(tg_batchnorm(x, k, k, tg_axis(0), 1e-5, "bn"), k));
    tg_node loss = tg_softmax_loss(tg_add(h, tg_exp(x)), label, "loss");
    tg_grads d = tg_backward(loss, tg_nil(g));
    compiles(document(d, tg_nil(g), NULL));
    cr_expect_not_null(strstr(written, "\\mathrm{constant}_{4}"));
    compiles(document(d, h, "h"));
    cr_expect_not_null(strstr(written, "On other ways arrive: $"));
    tg_node slope = tg_sum(tg_square(tg_grad(d, x)), tg_axes_all());
    compiles(document(tg_backward(slope, tg_nil(g)), tg_nil(g), NULL));
    TG_LET(leaf, tg_input(g, TG_F64, tg_shape0()));
    compiles(document(tg_backward(leaf, tg_nil(g)), tg_nil(g), NULL));
    cr_expect_not_null(strstr(written, "Nothing is to be computed."));
}

Test(latex, hostile_names) {
    static const char *const hostile[] = {"\\input{/etc/passwd}",
                                          "$x$",
                                          "% \\end{document}",
                                          "}{}}",
                                          "\x1b[31m\n\n",
                                          "\xe2\x80\xae",
                                          "\xff",
                                          "a_b^c~d#e&f",
                                          "größe",
                                          "γ",
                                          "^^5cinput",
                                          "d",
                                          "{",
                                          "x/\\write18",
                                          "\\"};
    tg_node z = tg_input(g, TG_F64, tg_shape1(3));
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        tg_scope_open(g, hostile[i]);
        z = tg_let(tg_square(z), hostile[i], __FILE__, __LINE__);
        tg_scope_close(g);
    }
    compiles(document(tg_backward(tg_sum(z, tg_axes_all()), tg_nil(g)), tg_nil(g), "evil_f"));
    cr_expect_null(strstr(written, "\\input"));
    cr_expect_not_null(strstr(written, "\\gamma"));
}

/* Greek by its English name, in capitals, under a hat; a letter with an accent is none. Numbers are powers of ten. */
Test(latex, greek_and_powers) {
    static const char *const names[] = {"eps", "Gamma", "thetahat", "ώ"};
    tg_node z = tg_input(g, TG_F64, tg_shape1(3));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) z = tg_let(tg_exp(z), names[i], NULL, 0);
    TG_LET(up, tg_mul(z, tg_scalar(g, TG_F64, 2e-10)));
    TG_LET(down, tg_mul(up, tg_scalar(g, TG_F64, -1e-10)));
    const char *at = document(tg_backward(tg_sum(down, tg_axes_all()), tg_nil(g)), tg_nil(g), "f");
    compiles(at);
    static const char *const pieces[] = {"\n\\epsilon &= ", "\n\\Gamma &= {e}^{\\epsilon} ",
                                         "\n\\hat{\\theta} &= ", "2 \\cdot {10}^{-10}", "-1 \\cdot {10}^{-10}"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        cr_expect_not_null(strstr(at, pieces[i]), "'%s' is not in\n%s", pieces[i], at);
    cr_expect_null(strstr(at, "\\omega"));
}

Test(latex, refusals) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
    cr_assert_eq(tg_write_latex((tg_grads){g, 0, 0}, x, "f", "/tmp/tapegrad-no-such-file"), TG_HANDLE);
    cr_assert_eq(strncmp(tg_message(g), "write_latex: ", 13), 0, "%s", tg_message(g));
    cr_assert_neq(access("/tmp/tapegrad-no-such-file", F_OK), 0);
}
