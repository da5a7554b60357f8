/* Formulas, typeset, where the script finds them; and the same computation as programs. */
#include "page.h"

uint32_t tg__page_sweep_end(const struct tg__page *p) {
    const tg_graph *g = p->graph;
    for (uint32_t id = p->sweep.id + 1; id < g->sweeps.length; id++) {
        const struct tg__sweep *later = tg__row(&g->sweeps, id);
        const struct tg__adjoint *seeded = tg__adjoint_of(later, later->out);
        if (seeded) return seeded->first;
    }
    return g->log.length;
}

/* In a template: parsed once, shown nowhere. f12 is the formula of node 12, t7 what the delivery in row 7 of the log
 * delivers. */
void tg__page_formulas(struct tg__sheet *s, const struct tg__page *p) {
    tg_graph *g = p->graph;
    tg__put(s, "<template id=\"formulas\">");
    for (uint32_t id = 1; p->typeset && id < g->nodes.length; id++) {
        tg__putf(s, "<p id=\"f%u\">", id);
        tg__mathml(s, tg__handle(g, id));
        tg__put(s, "</p>\n");
    }
    const uint32_t end = p->passed && p->typeset ? tg__page_sweep_end(p) : 0;
    for (uint32_t e = end ? tg__adjoint_of(p->passed, p->passed->out)->first : 0; e < end; e++) {
        const struct tg__event *event = tg__event_of(g, e);
        if (event->kind != TG_DELIVERED || !event->sender) continue;
        tg__putf(s, "<p id=\"t%u\">", e);
        tg__mathml_gradient(s, p->sweep, tg__handle(g, event->sender), event->slot);
        tg__put(s, "</p>\n");
    }
    tg__put(s, "</template>\n");
}

/* ---------------------------------------------------------------------------------------------------- programs */

static const struct {
    const char *id, *title;
    bool (*put)(struct tg__sheet *s, const struct tg__part *p);
    uint32_t (*without)(const struct tg__part *p); /* a node that cannot be said in it */
} program[] = {{"numpy", "NumPy", tg__numpy, tg__without_numpy},
               {"c", "C", tg__c, tg__without_c},
               {"latex", "LaTeX", tg__latex, NULL}};

/* An operator of the user's own may have a kernel only. The page has the rest. */
static bool put_program(struct tg__sheet *s, const struct tg__part *p, size_t i) {
    const uint32_t without = program[i].without ? program[i].without(p) : 0;
    if (!without) return program[i].put(s, p);
    char name[80];
    tg__putf(s, "There is none: the operator of %s, ", tg__quote(p->graph, without, name, sizeof name));
    tg__putf(s, "%s, has no %s in its row.\n", tg__node_of(p->graph, without)->op->name, program[i].title);
    return true;
}

bool tg__page_programs(struct tg__sheet *s, const struct tg__page *p) {
    const tg_page_options *o = &p->options;
    struct tg__part part;
    const tg_node out = o->out.id ? o->out : tg__handle(p->graph, p->passed->out);
    if (!tg__part_new(&part, p->sweep, out, o->function ? o->function : "network", "write_html")) return false;
    bool put = true;
    for (size_t i = 0; put && i < sizeof program / sizeof *program; i++) {
        tg__putf(
            s,
            "<section id=\"tab-%s\" class=\"tab\" data-title=\"%s\"><h2>The same as %s</h2><pre tabindex=\"0\"><code>",
            program[i].id, program[i].title, program[i].title);
        struct tg__sheet html = tg__sheet_html(s);
        put = put_program(&html, &part, i);
        tg__put(s, "</code></pre></section>\n");
    }
    tg__part_free(&part);
    return put;
}
