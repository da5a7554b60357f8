/* A part as a derivation in LaTeX: a document of two aligned lists of equations, forward and backward, each with the
 * number of its step. */
#include "tex.h"

struct writing {
    struct tg__sheet *sheet;
    const struct tg__lines *lines;
    size_t count;
};

static struct tg__wording wording(const struct writing *w, uint32_t node) {
    return (struct tg__wording){.dialect = &tg__tex, .graph = w->lines->part->graph, .top = node, .user = w->lines};
}

static void put_name(const struct writing *w, uint32_t node) {
    const struct tg__wording of = wording(w, node);
    tg__put_tex_name(w->sheet, &of, node, tg__fact_of(of.graph, node)->name);
}

static void put_tag(const struct writing *w, const struct tg__line *line) {
    const char *prefix = tg__scope_of(w->lines->part->graph, line->scope)->prefix;
    tg__put(w->sheet, " \\tag{");
    if (*prefix) {
        tg__put(w->sheet, "$\\mathrm{");
        tg__put_tex_text(w->sheet, prefix, strlen(prefix), true);
        tg__put(w->sheet, "}$ ");
    }
    tg__putf(w->sheet, "%d}", line->stage);
}

static void put_line(void *user, const struct tg__line *line) {
    struct writing *w = user;
    const struct tg__wording of = wording(w, line->node);
    const struct tg__node *n = tg__node_of(of.graph, line->node);
    double v;
    tg__put(w->sheet, w->count++ ? " \\\\\n" : "\\begin{align*}\n");
    tg__put_tex_name(w->sheet, &of, line->node, line->row);
    tg__put(w->sheet, " &= ");
    if (line->alias) {
        put_name(w, line->node);
    } else if (!tg__is_leaf(n)) {
        tg__put_formula(w->sheet, &of);
    } else if (tg__is_scalar_const(of.graph, line->node, &v)) {
        tg__put_tex_number(w->sheet, (tg_dtype)n->dtype, v, TG__ANY);
    } else {
        tg__put(w->sheet, "\\mathrm{constant}_{");
        tg__put_tex_dims(w->sheet, &n->shape->dims);
        tg__put(w->sheet, "}");
    }
    put_tag(w, line);
}

static void put_given(struct writing *w, enum tg__role role, const char *head) {
    const struct tg__part *p = w->lines->part;
    for (uint32_t id = 1; id <= p->last; id++) {
        if (p->role[id] != role) continue;
        tg__putf(w->sheet, "%s$", head);
        put_name(w, id);
        tg__put(w->sheet, "\\,\\left(");
        tg__put_tex_dims(w->sheet, &tg__node_of(p->graph, id)->shape->dims);
        tg__put(w->sheet, "\\right)$");
        head = ", ";
    }
    if (head[0] == ',') tg__put(w->sheet, ".\n");
}

static void put_section(struct writing *w, bool backward) {
    tg__put(w->sheet, backward ? "\n\\section*{Backward}\n" : "\\section*{Forward}\n");
    put_given(w, backward ? TG__COTANGENT : TG__ARGUMENT, "Given: ");
    if (backward) put_given(w, TG__EXTRA, "On other ways arrive: ");
    w->count = 0;
    tg__each_line(w->lines, backward, put_line, w);
    tg__put(w->sheet, w->count ? "\n\\end{align*}\n" : "Nothing is to be computed.\n");
}

bool tg__latex(struct tg__sheet *s, const struct tg__part *p) {
    struct tg__lines l;
    if (!tg__lines_new(&l, p)) return false;
    struct writing w = {.sheet = s, .lines = &l};
    tg__put(s, "% Written by tapegrad from its tape.\n\\documentclass{article}\n\\usepackage{amsmath}\n"
               "\\allowdisplaybreaks\n\\begin{document}\n\n\\section*{$\\mathrm{");
    tg__put_tex_text(s, p->function, strlen(p->function), true);
    tg__put(s, "}$}\n\n");
    put_section(&w, false);
    put_section(&w, true);
    tg__put(s, "\n\\end{document}\n");
    tg__lines_free(&l);
    return true;
}

tg_status tg_write_latex(tg_grads d, tg_node out, const char *function, const char *path) {
    return tg__write_part(d, out, function, path, "write_latex", tg__latex);
}
