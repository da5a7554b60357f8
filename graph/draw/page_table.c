/* What the page says without a script: the tape, the comparison and the gradient check as tables. */
#include "page.h"

#include <math.h>

enum { WHOLE = 0, ROWS = 250, FORMULA = 240, COMPARED = 120 };

/* A table of its own for so many rows: what is far away is not laid out. */
static void open_part(struct tg__sheet *s, uint32_t first, uint32_t last, uint32_t count) {
    static const char *const head[] = {"#",   "step", "name", "operator", "formula",   "shape",
                                       "min", "mean", "max",  "gradient", "written at"};
    tg__putf(s, "<div class=\"part%s\"><table class=\"tape\"><caption>Nodes %u to %u</caption><thead><tr>",
             count > ROWS ? " far" : "", first, last);
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        tg__putf(s, "<th scope=\"col\"%s>%s</th>", i == 0 || i == 1 || (i > 5 && i < 9) ? " class=\"r\"" : "", head[i]);
    tg__put(s, "</tr></thead><tbody>\n");
}

static void put_range(struct tg__sheet *s, tg_node a) {
    struct tg__summary m;
    char cell[3][TG__CELL] = {"–", "–", "–"};
    if (tg__summarize(a, &m)) {
        if (m.nonfinite)
            snprintf(cell[0], TG__CELL, "%zu not finite", m.nonfinite);
        else if (!m.count)
            snprintf(cell[0], TG__CELL, "empty");
        else
            tg__number_cell(cell[0], m.min), tg__number_cell(cell[1], m.mean), tg__number_cell(cell[2], m.max);
    }
    for (int i = 0; i < 3; i++) tg__putf(s, "<td class=\"r\">%s</td>", cell[i]);
}

static void put_cell(struct tg__sheet *s, const char *class, const char *text) {
    tg__putf(s, "<td%s>", class);
    tg__put_html(s, text, WHOLE);
    tg__put(s, "</td>");
}

/* Every name, for an alias is what a reader may be looking for. */
static void put_names(struct tg__sheet *s, const tg_graph *g, uint32_t id) {
    tg__page_text clean;
    tg__put(s, "<th scope=\"row\">");
    for (uint32_t row = tg__fact_of(g, id)->name; row; row = tg__name_next(g, row)) {
        if (row != tg__fact_of(g, id)->name) tg__put(s, ", ");
        tg__put_html(s, tg__clean(tg__name_text(g, row), clean, sizeof clean), WHOLE);
    }
    tg__put(s, "</th>");
}

/* One node can be the gradient of several: by the name that belongs to this one, head/dxw for head/xw, if it has it. */
static const char *gradient_of(const struct tg__page *p, uint32_t id, char *text, size_t room) {
    const struct tg__adjoint *adjoint = p->passed ? tg__adjoint_of(p->passed, id) : NULL;
    if (!adjoint) return "";
    const tg_node a = tg__handle(p->graph, adjoint->node);
    const char *name = tg_name(tg__handle(p->graph, id)), *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name, *alias;
    const size_t scope = (size_t)(last - name);
    for (size_t i = 0; *last && (alias = tg_alias(a, i)); i++)
        if (strncmp(alias, name, scope) == 0 && alias[scope] == 'd' && strcmp(alias + scope + 1, last) == 0)
            return tg__clean(alias, text, room);
    return tg__page_name(a, text, room);
}

static void put_row(struct tg__sheet *s, const struct tg__page *p, uint32_t id) {
    const tg_node a = tg__handle(p->graph, id);
    const struct tg__node *n = tg__node_of(p->graph, id);
    const tg_place at = tg_where_is(a);
    char text[FORMULA];
    tg__putf(s, "<tr id=\"n%u\"><td class=\"r\"><a href=\"#node=%u\">%u</a></td>", id, id, id);
    if (at.stage >= 0)
        tg__putf(s, "<td class=\"r\">%d</td>", at.stage);
    else
        tg__put(s, "<td class=\"r\">–</td>");
    put_names(s, p->graph, id);
    put_cell(s, "", n->op->name);
    tg_formula(a, text, sizeof text);
    put_cell(s, " class=\"f\"", text);
    put_cell(s, " class=\"n\"", tg__shape_text(&n->shape->dims, text, sizeof text));
    put_range(s, a);
    put_cell(s, "", gradient_of(p, id, text, sizeof text));
    text[0] = 0;
    if (at.file) {
        tg__page_text file;
        snprintf(text, sizeof text, "%s:%d", tg__clean(tg__base(at.file), file, sizeof file), at.line);
    }
    put_cell(s, "", text);
    tg__put(s, "</tr>\n");
}

void tg__page_tape(struct tg__sheet *s, const struct tg__page *p) {
    const uint32_t count = p->graph->nodes.length - 1;
    if (!count) tg__put(s, "<p>The tape is empty.</p>");
    for (uint32_t id = 1; id <= count; id++) {
        if (id % ROWS == 1) open_part(s, id, id + ROWS - 1 < count ? id + ROWS - 1 : count, count);
        put_row(s, p, id);
        if (id % ROWS == 0 || id == count) tg__put(s, "</tbody></table></div>\n");
    }
}

/* -------------------------------------------------------------------------------------------------- comparison */

static void put_number(struct tg__sheet *s, int digits, double v) {
    char text[40];
    tg__page_number(text, sizeof text, digits, v);
    tg__putf(s, "<td class=\"r\">%s</td>", text);
}

static void put_verdict(struct tg__sheet *s, bool good, const char *word) {
    tg__putf(s, "<td><span class=\"verdict %s\">%s</span></td></tr>\n", good ? "good" : "bad", word);
}

static void put_sentence(struct tg__sheet *s, const tg_page_options *o) {
    size_t worst = 0, first = o->difference_count;
    for (size_t i = 0; i < o->difference_count; i++) {
        if (o->differences[i].error > o->differences[worst].error) worst = i;
        if (o->differences[i].parts && first == o->difference_count) first = i;
    }
    const tg_difference *d = &o->differences[first < o->difference_count ? first : worst];
    tg__page_text clean;
    tg__put(s, first < o->difference_count ? "<p>The first that parts is <b>" : "<p>None parts. The worst is <b>");
    tg__put_html(s, tg__clean(d->name, clean, sizeof clean), WHOLE);
    tg__putf(s, "</b>, off by %.2g of its scale (allowed %.2g).</p>", d->error, o->tolerance);
}

void tg__page_differences(struct tg__sheet *s, const struct tg__page *p) {
    const tg_page_options *o = &p->options;
    char beside[COMPARED];
    put_sentence(s, o);
    tg__put(s, "<div class=\"part\"><table class=\"differences\"><caption>The staged tape beside ");
    tg__put_html(s, tg__clean(o->beside ? o->beside : "other arrays", beside, sizeof beside), WHOLE);
    tg__put(s, "</caption><thead><tr><th scope=\"col\" class=\"r\">step</th><th scope=\"col\">name</th>"
               "<th scope=\"col\" class=\"r\">error / scale</th><th scope=\"col\" class=\"r\">worst element</th>"
               "<th scope=\"col\" class=\"r\">ours</th><th scope=\"col\" class=\"r\">theirs</th>"
               "<th scope=\"col\">verdict</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < o->difference_count; i++) {
        const tg_difference *d = &o->differences[i];
        tg__page_text clean;
        tg__putf(s, "<tr><td class=\"r\">%d</td><th scope=\"row\">", d->stage);
        tg__put_html(s, tg__clean(d->name, clean, sizeof clean), WHOLE);
        tg__put(s, "</th>");
        put_number(s, 2, d->error);
        tg__putf(s, "<td class=\"r\">%zu</td>", d->index);
        put_number(s, 17, d->ours);
        put_number(s, 17, d->theirs);
        put_verdict(s, !d->parts, d->parts ? "parts" : "agrees");
    }
    tg__put(s, "</tbody></table></div>\n");
}

/* ---------------------------------------------------------------------------------------------- gradient check */

void tg__page_checks(struct tg__sheet *s, const struct tg__page *p) {
    const tg_page_options *o = &p->options;
    tg__put(s,
            "<div class=\"part\"><table class=\"checks\"><caption>Our gradients beside central differences, both in f64"
            "</caption><thead><tr><th scope=\"col\">leaf</th><th scope=\"col\" class=\"r\">error / scale</th>"
            "<th scope=\"col\" class=\"r\">elements</th><th scope=\"col\" class=\"r\">worst</th>"
            "<th scope=\"col\" class=\"r\">ours</th><th scope=\"col\" class=\"r\">numeric</th>"
            "<th scope=\"col\">verdict</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < o->check_count; i++) {
        const tg_check *c = &o->checks[i];
        tg__page_text clean;
        tg__put(s, "<tr><th scope=\"row\">");
        tg__put_html(s, tg__page_name(c->leaf, clean, sizeof clean), WHOLE);
        tg__put(s, "</th>");
        put_number(s, 2, c->error);
        tg__putf(s, "<td class=\"r\">%zu of %zu</td><td class=\"r\">%zu</td>", c->checked, tg_size(c->leaf), c->index);
        put_number(s, 17, c->ours);
        put_number(s, 17, c->numeric);
        put_verdict(s, c->verdict != TG_FAIL, tg_verdict_name(c->verdict));
    }
    tg__put(s, "</tbody></table></div>\n");
}
