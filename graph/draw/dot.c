/* The circuit in the language of Graphviz, which then lays it out. Scopes and stages are clusters; groups, which only
 * the picture needs, are not there. Labels are plain quoted strings: no HTML in them. */
#include "draw.h"

/* In a quoted string a backslash begins an escape (\N is the node's name) and an ampersand an entity. */
static void put_dot(struct tg__sheet *s, const char *text) {
    struct tg__sheet html = tg__sheet_html(s); /* no entity is left that Graphviz would not know */
    char clean[2 * TG__CAPTION];
    tg__clean(text, clean, sizeof clean);
    for (const char *c = clean; *c; c++) {
        if (*c == '\\')
            tg__put(s, "\\\\");
        else
            tg__put_n(&html, c, 1);
    }
}

static void put_names(struct tg__sheet *s, tg_node a) {
    char formula[TG__CAPTION];
    for (size_t i = 0; tg_alias(a, i); i++) {
        if (i) tg__put(s, ", ");
        put_dot(s, tg_alias(a, i));
    }
    if (tg_name(a)[0]) tg__put(s, " = ");
    tg_formula(a, formula, sizeof formula);
    put_dot(s, formula);
}

/* The outermost folded box around it, or 0. */
static uint32_t folded_in(const struct tg__circuit *c, uint32_t cluster) {
    uint32_t found = 0;
    for (; cluster > 0; cluster = tg__cluster_at(c, cluster)->parent)
        if (c->options.folded && tg__cluster_at(c, cluster)->sort == TG__SCOPE) found = cluster;
    return found;
}

static void put_node(struct tg__sheet *s, const struct tg__circuit *c, uint32_t node) {
    char text[TG__CAPTION];
    const bool leaf = tg__is_pill(c, node);
    const tg_node a = tg__handle(c->graph, node);
    tg__putf(s, "n%u [shape=%s%s, tooltip=\"", node, leaf ? "box, style=rounded" : "ellipse",
             c->region[node] ? ", color=\"#c2410c\"" : "");
    put_names(s, a);
    tg__put(s, "\", label=\"");
    if (tg_name(a)[0] || leaf) put_dot(s, tg__caption_leaf(c, node, text)), tg__put(s, "\\n");
    put_dot(s, leaf ? tg__caption_shape(c, node, text) : tg__caption_gate(c, node, text));
    if (tg__caption_value(c, node, text)[0]) tg__put(s, "\\nvalue "), put_dot(s, text);
    if (tg__caption_gradient(c, node, text)[0]) tg__put(s, "\\ngradient "), put_dot(s, text);
    tg__put(s, "\"];\n");
}

static void put_title(struct tg__sheet *s, const struct tg__circuit *c, uint32_t id) {
    char text[TG__CAPTION];
    if (tg__caption_step(c, id)) tg__putf(s, "%d ", tg__caption_step(c, id));
    put_dot(s, tg__caption_title(c, id, text));
    if (!tg__caption_formula(c, id, text)[0]) return;
    tg__put(s, tg__stage_node(c, id) ? " = " : ": ");
    put_dot(s, text);
}

static void put_items(struct tg__sheet *s, const struct tg__circuit *c, const struct tg__cluster *k) {
    for (uint32_t i = k->first; i < k->first + k->items; i++) {
        const struct tg__item *item = tg__item_at(c, i);
        if (item->kind == TG__GATE || item->kind == TG__LEAF) put_node(s, c, item->ref);
    }
}

/* Clusters are numbered from outside in: braces close when the next one's parent is not the innermost that is open. */
static void put_clusters(struct tg__sheet *s, const struct tg__circuit *c) {
    uint32_t open[TG__NESTED + 4] = {0}, depth = 0;
    put_items(s, c, tg__cluster_at(c, 0));
    for (uint32_t id = 1; id < c->clusters.length; id++) {
        const struct tg__cluster *k = tg__cluster_at(c, id);
        uint32_t parent = k->parent;
        while (tg__cluster_at(c, parent)->sort == TG__GROUP) parent = tg__cluster_at(c, parent)->parent;
        for (; open[depth] != parent && depth > 0; depth--) tg__put(s, "}\n");
        const uint32_t folded = folded_in(c, id);
        if (folded == id) {
            tg__putf(s, "c%u [shape=box, style=dashed, label=\"", id);
            put_title(s, c, id);
            tg__put(s, "\"];\n");
        }
        if (folded) continue;
        if (k->sort != TG__GROUP) {
            tg__putf(s, "subgraph cluster_%u {\nlabel=\"", id);
            put_title(s, c, id);
            tg__put(s, "\";\n");
            open[++depth] = id;
        }
        put_items(s, c, k);
    }
    for (; depth > 0; depth--) tg__put(s, "}\n");
}

static void put_end(struct tg__sheet *s, const struct tg__circuit *c, uint32_t node) {
    const uint32_t folded = folded_in(c, tg__item_at(c, c->item_of[node])->cluster);
    tg__putf(s, folded ? "c%u" : "n%u", folded ? folded : node);
}

static void put_edges(struct tg__sheet *s, const struct tg__circuit *c) {
    char bent[64];
    for (uint32_t id = 1; id <= c->last; id++) {
        const struct tg__node *n = tg__node_of(c->graph, id);
        for (int i = 0; c->shown[id] && i < n->operands; i++) {
            const uint32_t x = n->in[i];
            if (!c->shown[x]) continue;
            const uint32_t box = folded_in(c, tg__item_at(c, c->item_of[id])->cluster);
            if (box && box == folded_in(c, tg__item_at(c, c->item_of[x])->cluster)) continue;
            put_end(s, c, x);
            tg__put(s, " -> ");
            put_end(s, c, id);
            tg__bent_text(c->sweep, id, i, bent, sizeof bent);
            if (*bent) tg__put(s, " [color=\"#c2410c\", style=dashed, label=\"");
            if (*bent) put_dot(s, bent), tg__put(s, "\"]");
            tg__put(s, ";\n");
        }
    }
}

/* Beyond that, dot would search minutes long for a slightly shorter drawing. */
enum { PATIENCE = 200 };

static bool write_dot(struct tg__sheet *s, void *user) {
    const struct tg__circuit *c = user;
    tg__put(s, "strict digraph circuit {\n"
               "graph [rankdir=LR, fontname=\"Helvetica\", labeljust=l, style=rounded, color=\"#94a3b8\"];\n"
               "node [fontname=\"Helvetica\", fontsize=11];\n"
               "edge [color=\"#475569\"];\n");
    if (tg_count(c->graph) > PATIENCE) tg__put(s, "graph [nslimit=0.5, nslimit1=0.5, mclimit=0.3];\n");
    put_clusters(s, c);
    put_edges(s, c);
    tg__put(s, "}\n");
    return true;
}

tg_status tg_write_dot(tg_graph *g, tg_grads d, const char *path, const tg_draw_options *options) {
    return tg__write_circuit(g, d, path, options, write_dot);
}
