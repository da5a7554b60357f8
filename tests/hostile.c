/* hostile DIR: a tape whose every name, scope, column and file is an attack, through every exporter, into DIR. What
 * becomes of the files is looked at by tests/exporters and, in a browser, by tests/browser. */
#include "support.h"

#include <stdio.h>

/* What breaks out of HTML, script, SVG, JSON, DOT, LaTeX, C, Python, a path, a terminal, or a reader's eyes. */
static const char *const names[] = {
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "\"><svg onload=hacked=1>",
    "</style><script>hacked=1</script>",
    "</title><script>hacked=1</script>",
    "--><script>hacked=1</script>",
    "<!--",
    "]]>",
    "<![CDATA[",
    "&lt;script&gt;",
    "&#60;b&#62;",
    "javascript:hacked=1",
    "' onmouseover='hacked=1",
    "` onclick=`hacked=1`",
    "${window.hacked=1}",
    "{{hacked=1}}",
    "</math><script>hacked=1</script>",
    "</template>",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "`",
    "\\",
    "\\\\",
    "\\\"",
    "\\'",
    "a\\",
    "\\N",
    "\\G",
    "\\L",
    "\\E\\T\\H",
    "\\u0022",
    "*/",
    "/*",
    "//",
    "*/ int main(void){return 1;} /*",
    "?"
    "?/",
    "?"
    "?/\n",
    "#include \"/etc/passwd\"",
    "#define x y",
    "x[0]; system(\"true\");",
    "%s%s%s%n",
    "%d",
    "$(touch hacked)",
    "`touch hacked`",
    "; touch hacked",
    "| touch hacked",
    "\n",
    "a\nb",
    "a\r\nb",
    "\t",
    "\v\f",
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\x07",
    "\x7f",
    "\xc2\x9b"
    "31m",
    "\xe2\x80\xae"
    "desrever",
    "\xe2\x80\xa8",
    "\xe2\x80\xa9",
    "\xef\xbb\xbf",
    "\xe2\x80\x8b",
    "\xff\xfe",
    "\xc0\xaf",
    "\xed\xa0\x80",
    "\xf4\x90\x80\x80",
    "\xe2\x80",
    "\xc3",
    "\x80",
    "e\xcc\x81\xcc\x81\xcc\x81",
    "\xf0\x9f\x98\x80",
    "__proto__",
    "constructor",
    "prototype",
    "hasOwnProperty",
    "toString",
    "__class__",
    "__import__('os')",
    "../../x",
    "../../../tmp/x",
    "/etc/passwd",
    "a/../../b",
    "..",
    ".",
    "CON",
    "nul.npy",
    "~root",
    "-rf",
    "C:\\x",
    "\\input{/etc/passwd}",
    "\\immediate\\write18{touch hacked}",
    "\\end{document}",
    "$\\x$",
    "^^5cinput{x}",
    "{",
    "}",
    "%",
    "_^",
    "\\catcode`\\@=0",
    "import os",
    "class",
    "def f():",
    "lambda",
    "None",
    "int",
    "double",
    "return",
    "np",
    "1x",
    "x y",
    "<b>",
    "digraph{}",
    "label=\"x\"",
    "\\l\\r\\n",
    "<<b>>",
    "subgraph cluster_0 {",
    "0",
    "-",
    "nan",
};
enum { COUNT = sizeof names / sizeof *names };

static char *huge(void) { /* 1 MB, with an attack at the end */
    enum { BYTES = 1 << 20 };
    char *name = malloc(BYTES + 64);
    memset(name, 'A', BYTES);
    strcpy(name + BYTES, "</script><script>hacked=1</script>");
    return name;
}

static tg_node chain(tg_node x, tg_node w) {
    tg_graph *g = x.graph;
    for (size_t i = 0; i < COUNT; i++) {
        const bool scoped = i % 8 == 7;
        if (scoped) tg_scope_open(g, names[i]);
        tg_node next = i % 3 == 0 ? tg_add(x, w) : i % 3 == 1 ? tg_sub(x, tg_mul(w, x)) : tg_mul(x, w);
        x = tg_let(next, names[i], names[COUNT - 1 - i], (int)i);
        if (scoped) tg_scope_close(g);
    }
    char *name = huge();
    x = tg_let(tg_mul(x, x), name, name, 1);
    free(name);
    return x;
}

static tg_status write_all(tg_graph *g, tg_grads d, tg_node out, const char *dir) {
    char path[4096];
    tg_status status = TG_OK;
    const tg_page_options page = {.title = names[0], .beside = names[2], .out = out};
    const tg_draw_options whole = {.whole = true};
#define PATH(name) (snprintf(path, sizeof path, "%s/%s", dir, name), path)
    if (!status) status = tg_write_html(g, d, PATH("page.html"), &page);
    if (!status) status = tg_write_json(g, PATH("tape.json"));
    if (!status) status = tg_write_dot(g, d, PATH("circuit.dot"), NULL);
    if (!status) status = tg_write_dot(g, d, PATH("whole.dot"), &whole);
    if (!status) status = tg_write_svg(g, d, PATH("circuit.svg"), NULL);
    if (!status) status = tg_write_svg(g, d, PATH("whole.svg"), &whole);
    if (!status) status = tg_write_numpy(d, out, NULL, PATH("code.py"));
    if (!status) status = tg_write_c_staged(d, out, NULL, PATH("code.c"));
    if (!status) status = tg_write_latex(d, out, NULL, PATH("code.tex"));
    if (!status) status = tg_save_leaves(g, PATH("leaves.npz"));
    if (!status) status = tg_load_leaves(g, PATH("leaves.npz"));
    return status;
}

static bool print_all(tg_graph *g, tg_grads d, tg_node out, const char *dir) {
    char path[4096];
    FILE *file = fopen(PATH("terminal.txt"), "w");
    if (!file) return false;
    tg_print(g, file);
    tg_print_folded(g, file, names[7]);
    tg_print_steps(d, NULL, file);
    for (uint32_t id = 1; id <= tg_count(g); id += 7) tg_explain(tg_node_at(g, id), file);
    tg_print_ledger(d, tg_operand(out, 0), file);
    for (size_t k = 0; k < tg_moments(g); k++) tg_print_moment(d, k, file);
    const bool told = tg_print_wrong_order(d, file) == TG_OK;
    return fclose(file) == 0 && told;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    uint64_t state = 7;
    tg_graph *g = tg_graph_new();
    tg_node x = tg_let(tg_input(g, TG_F64, tg_shape2(2, 3)), "x;y", names[3], 1);
    tg_node w = tg_let(tg_param(g, TG_F64, tg_shape1(3)), "</w>", names[4], 2);
    tg_node nameless = tg_param(g, TG_F64, tg_shape1(3));
    double *a = random_array(&state, 6, 0.5, 1), *b = random_array(&state, 3, 0.5, 1);
    double *c = random_array(&state, 6, -1, 1);
    tg_node seed = tg_const(g, TG_F64, tg_shape2(2, 3), c);
    tg_node out = tg_let(tg_add(chain(x, w), nameless), "out", __FILE__, __LINE__);
    tg_grads d = tg_backward(out, seed);
    const bool ran =
        !tg_set(x, a) && !tg_set(w, b) && !tg_set(nameless, b) && !tg_label_columns(x, names, 3) && !tg_run(g);
    const bool done = ran && !write_all(g, d, out, argv[1]) && print_all(g, d, out, argv[1]);
    if (!done) fprintf(stderr, "hostile: %s\n", tg_message(g));
    tg_graph_free(g);
    free(a), free(b), free(c);
    return done ? 0 : 1;
}
