/* The circuit as SVG. Colours are variables, light and dark; green and red differ in place and slant too, so that
 * nobody needs to see colours. */
#include "draw.h"

static const char style[] =
    "<style>\n"
    ".circuit{--paper:#fff;--ink:#1f2933;--soft:#64748b;--line:#94a3b8;--wire:#475569;--box:#f8fafc;--gate:#fff;"
    "--leaf:#e2e8f0;--value:#00695c;--gradient:#c2410c;--back:#fff4ed;"
    "font-family:system-ui,-apple-system,\"Segoe UI\",\"Noto Sans\",\"DejaVu Sans\",sans-serif;"
    "font-variant-numeric:tabular-nums}\n"
    "@media(prefers-color-scheme:dark){.circuit{--paper:#11161d;--ink:#e6edf3;--soft:#94a3b8;--line:#475569;"
    "--wire:#94a3b8;--box:#18202a;--gate:#222c38;--leaf:#2b3745;--value:#4fd1b5;--gradient:#ff9466;--back:#2a1d18}}\n"
    ".circuit text{fill:var(--ink);font-size:13px}\n"
    ".circuit .paper{fill:var(--paper)}\n"
    ".circuit .wire{fill:none;stroke:var(--wire);stroke-width:1.5}\n"
    ".circuit .wire.bent{stroke:var(--gradient);stroke-width:2.5;stroke-dasharray:2 4}\n"
    ".circuit .arrow{fill:var(--wire)}\n"
    ".circuit .arrives{marker-end:url(#tg-arrow)}\n"
    ".circuit .node rect{fill:var(--gate);stroke:var(--wire);stroke-width:1.5}\n"
    ".circuit .leaf rect{fill:var(--leaf);stroke:var(--line)}\n"
    ".circuit .leaf.constant rect{stroke-dasharray:3 3}\n"
    ".circuit .adjoint rect{stroke:var(--gradient)}\n"
    ".circuit .symbol{font-size:15px;text-anchor:middle}\n"
    ".circuit .name{font-weight:600}\n"
    ".circuit .leaf .name,.circuit .leaf .shape{text-anchor:middle}\n"
    ".circuit .step{fill:var(--soft);font-weight:400}\n"
    ".circuit .shape{fill:var(--soft);font-size:10px}\n"
    ".circuit .formula{fill:var(--soft);font-size:11px}\n"
    ".circuit .end{text-anchor:end}\n"
    ".circuit .value,.circuit .gradient{font-size:11px;text-anchor:middle}\n"
    ".circuit .value{fill:var(--value)}\n"
    ".circuit .gradient{fill:var(--gradient);font-style:italic}\n"
    ".circuit .adjoint .value{fill:var(--gradient)}\n"
    ".circuit .legend .value,.circuit .legend .gradient{text-anchor:start}\n"
    ".circuit .box{fill:var(--box);stroke:var(--line)}\n"
    ".circuit .scope>.box,.circuit .group>.box{fill:none;stroke-dasharray:6 4}\n"
    ".circuit .sweep>.box{fill:var(--back);stroke:var(--gradient)}\n"
    ".circuit .folded>.box{fill:var(--leaf);stroke-dasharray:none}\n"
    ".circuit .sign{font-size:15px;text-anchor:end;fill:var(--soft)}\n"
    "</style>\n"
    "<defs><marker id=\"tg-arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"5\" markerHeight=\"5\" "
    "orient=\"auto\"><path class=\"arrow\" d=\"M0 1L8 4L0 7Z\"/></marker></defs>\n";

/* -------------------------------------------------------------------------------------------------------- words */

static void put_text(struct tg__sheet *s, const char *kind, int x, int y, const char *text) {
    tg__putf(s, "<text class=\"%s\" x=\"%d\" y=\"%d\">", kind, x, y);
    tg__put_html(s, text, 0);
    tg__put(s, "</text>");
}

/* On the wire behind a gate, in the middle of the room kept for it. */
static void put_label(struct tg__sheet *s, const char *kind, const struct tg__item *item, int y, const char *text) {
    if (!*text) return;
    tg__putf(s, "<text class=\"%s\" data-node=\"%u\" x=\"%d\" y=\"%d\">", kind, item->ref,
             (item->body + item->width) / 2, y);
    tg__put_html(s, text, 0);
    tg__put(s, "</text>");
}

static void put_names(struct tg__sheet *s, const struct tg__circuit *c, uint32_t node) {
    enum { LONG = 200 };
    const tg_node a = tg__handle(c->graph, node);
    char text[TG__CAPTION], formula[LONG];
    if (!tg_name(a)[0]) tg__putf(s, "#%u", node);
    for (size_t i = 0; tg_alias(a, i); i++) {
        if (i) tg__put(s, ", ");
        tg__put_html(s, tg_alias(a, i), LONG);
    }
    tg_formula(a, formula, sizeof formula);
    tg__put(s, " = ");
    tg__put_html(s, formula, 0);
    tg__putf(s, "  %s %s", tg__caption_shape(c, node, text),
             tg__dtype_name((tg_dtype)tg__node_of(c->graph, node)->dtype));
}

/* --------------------------------------------------------------------------------------------------------- boxes */

static bool hidden(const struct tg__circuit *c, uint32_t cluster) {
    const struct tg__cluster *k = tg__cluster_at(c, cluster);
    return !k->visible || !k->open;
}

static void put_cluster(struct tg__sheet *s, const struct tg__circuit *c, uint32_t id, bool all) {
    static const char *const sorts[] = {"root", "sweep", "scope", "stage", "group"};
    enum { LEFT = 12, FIRST = 19, SECOND = 33 };
    const struct tg__cluster *k = tg__cluster_at(c, id);
    char text[TG__CAPTION];
    const uint32_t node = tg__stage_node(c, id);
    tg__putf(s, "<g class=\"cluster %s%s\" data-cluster=\"%u\" transform=\"translate(%d,%d)\"%s><title>",
             sorts[k->sort], k->open ? "" : " folded", id, k->x, k->y, k->visible ? "" : " display=\"none\"");
    if (node)
        put_names(s, c, node);
    else
        tg__put_html(s, tg__caption_title(c, id, text), 0);
    tg__putf(s, "</title><rect class=\"box\" width=\"%d\" height=\"%d\" rx=\"10\"/>", k->width, k->height);
    tg__putf(s, "<text class=\"name\" x=\"%d\" y=\"%d\">", LEFT, FIRST);
    if (tg__caption_step(c, id)) tg__putf(s, "<tspan class=\"step\">%d</tspan> ", tg__caption_step(c, id));
    tg__put_html(s, tg__caption_title(c, id, text), 0);
    tg__put(s, "</text>");
    if (node) put_text(s, "shape end", k->width - LEFT, FIRST, tg__caption_shape(c, node, text));
    if (tg__caption_formula(c, id, text)[0]) put_text(s, "formula", LEFT, SECOND, text);
    if (k->sort != TG__STAGE && (all || !k->open)) put_text(s, "sign", k->width - LEFT, FIRST, k->open ? "−" : "+");
    tg__put(s, "</g>\n");
}

/* --------------------------------------------------------------------------------------------------------- nodes */

static void put_node(struct tg__sheet *s, const struct tg__circuit *c, const struct tg__item *item) {
    enum { MIDDLE = TG__GATE_HEIGHT / 2 };
    char text[TG__CAPTION];
    const bool leaf = tg__is_pill(c, item->ref), adjoint = c->region[item->ref];
    const bool constant = leaf && !(tg__node_of(c->graph, item->ref)->flags & TG__DIFFERENTIABLE);
    tg__putf(s,
             "<g class=\"node %s%s%s\" data-node=\"%u\" data-cluster=\"%u\" transform=\"translate(%d,%d)\"%s><title>",
             leaf ? "leaf" : "gate", constant ? " constant" : "", adjoint ? " adjoint" : "", item->ref, item->cluster,
             item->x, item->y, hidden(c, item->cluster) ? " display=\"none\"" : "");
    put_names(s, c, item->ref);
    tg__putf(s, "</title><rect width=\"%d\" height=\"%d\" rx=\"%d\"/>", item->body, item->height, MIDDLE);
    if (leaf) {
        put_text(s, "name", item->body / 2, MIDDLE - 1, tg__caption_leaf(c, item->ref, text));
        put_text(s, "shape", item->body / 2, MIDDLE + 11, tg__caption_shape(c, item->ref, text));
    } else {
        put_text(s, "symbol", item->body / 2, MIDDLE + 5, tg__caption_gate(c, item->ref, text));
    }
    put_label(s, "value", item, MIDDLE - 5, tg__caption_value(c, item->ref, text));
    put_label(s, "gradient", item, MIDDLE + 14, tg__caption_gradient(c, item->ref, text));
    tg__put(s, "</g>\n");
}

static void put_end(struct tg__sheet *s, const struct tg__circuit *c, const char *key, uint32_t i, uint32_t cluster) {
    const struct tg__item *item = tg__item_at(c, i);
    if (item->kind == TG__GATE || item->kind == TG__LEAF)
        tg__putf(s, " data-%s=\"%u\"", key, item->ref);
    else
        tg__putf(s, " data-%s=\"%s%u\"", key, item->cluster == cluster ? "border" : "cluster", item->cluster);
}

static void put_wire(struct tg__sheet *s, const struct tg__circuit *c, const struct tg__wire *w) {
    tg__putf(s, "<path class=\"wire%s%s\"", tg__item_at(c, w->to)->kind == TG__GATE ? " arrives" : "",
             tg__is_bent(c, w) ? " bent" : "");
    put_end(s, c, "from", w->from, w->cluster);
    put_end(s, c, "to", w->to, w->cluster);
    if (w->source) tg__putf(s, " data-source=\"%u\"", w->source);
    if (hidden(c, w->cluster)) {
        tg__put(s, " display=\"none\"/>\n");
        return;
    }
    tg__put(s, " d=\"");
    tg__wire_path(s, c, w);
    tg__put(s, "\"/>\n");
}

/* --------------------------------------------------------------------------------------------------------- whole */

static void put_head(struct tg__sheet *s, const struct tg__circuit *c) {
    uint32_t gates = 0;
    char text[TG__CAPTION];
    const struct tg__sweep *sweep = tg__sweep_get(c->sweep);
    for (uint32_t i = 0; i < c->items.length; i++) gates += tg__item_at(c, i)->kind == TG__GATE;
    tg__putf(s,
             "<svg class=\"circuit\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 %d %d\" "
             "width=\"%d\" height=\"%d\">\n<title>Circuit",
             c->width, c->height, c->width, c->height);
    if (sweep) tg__put(s, " of "), tg__put_html(s, tg__caption_whole(c, sweep->out, text), 0);
    tg__putf(s, "</title>\n<desc>%u operators, wires from left to right.%s</desc>\n", gates,
             c->options.bare ? "" : " On a wire, above it: the value; below it: the gradient.");
}

static void put_legend(struct tg__sheet *s, const struct tg__circuit *c) {
    enum { COLUMN = 130 };
    const struct tg__sweep *sweep = tg__sweep_get(c->sweep);
    char text[TG__CAPTION], words[2 * TG__CAPTION];
    if (c->options.bare) return;
    tg__putf(s, "<g class=\"legend\" transform=\"translate(%d,%d)\">", TG__MARGIN, c->height - TG__MARGIN);
    put_text(s, "value", 0, 0, "above a wire: value");
    if (sweep) snprintf(words, sizeof words, "below: gradient of %s", tg__caption_whole(c, sweep->out, text));
    if (sweep) put_text(s, "gradient", COLUMN, 0, words);
    if (sweep && sweep->bends) put_text(s, "gradient", 2 * COLUMN + tg__text_width(words, 11), 0, "dotted: mutated");
    tg__put(s, "</g>\n");
}

bool tg__circuit_svg(struct tg__sheet *s, const struct tg__circuit *c, bool all) {
    put_head(s, c);
    if (!all) tg__put(s, style); /* the page has its own */
    tg__putf(s, "<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n", c->width, c->height);
    for (uint32_t id = 1; id < c->clusters.length; id++)
        if (all || tg__cluster_at(c, id)->visible) put_cluster(s, c, id, all);
    for (uint32_t i = 0; i < c->wires.length; i++)
        if (all || !hidden(c, tg__wire_at(c, i)->cluster)) put_wire(s, c, tg__wire_at(c, i));
    for (uint32_t i = 0; i < c->items.length; i++) {
        const struct tg__item *item = tg__item_at(c, i);
        if (item->kind != TG__GATE && item->kind != TG__LEAF) continue;
        if (all || !hidden(c, item->cluster)) put_node(s, c, item);
    }
    if (!all) put_legend(s, c); /* the page has its own */
    tg__put(s, "</svg>\n");
    return true;
}

static bool write_svg(struct tg__sheet *s, void *user) { return tg__circuit_svg(s, user, false); }

tg_status tg_write_svg(tg_graph *g, tg_grads d, const char *path, const tg_draw_options *options) {
    return tg__write_circuit(g, d, path, options, write_svg);
}
