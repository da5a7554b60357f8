/* What the explorer's script knows: the nodes, what was delivered where, and the verdicts. */
#include "page.h"

enum { FORMULA = 400 };

const char *tg__page_name(tg_node a, char *text, size_t room) {
    if (tg_name(a)[0]) return tg__clean(tg_name(a), text, room);
    snprintf(text, room, "#%u", a.id);
    return text;
}

/* Cut and cleaned; the key comes first in no object. */
static void text_field(struct tg__sheet *s, const char *key, const char *text) {
    tg__page_text clean;
    tg__putf(s, ",\"%s\":\"", key);
    tg__put_json(s, tg__clean(text, clean, sizeof clean));
    tg__put(s, "\"");
}

static void put_formula(struct tg__sheet *s, tg_node a) {
    char text[FORMULA];
    const bool cut = tg_formula(a, text, sizeof text) >= sizeof text;
    tg__put(s, ",\"formula\":\"");
    tg__put_json(s, text);
    tg__put(s, cut ? " …\"" : "\"");
}

static void put_place(struct tg__sheet *s, tg_node a) {
    const tg_place at = tg_where_is(a);
    tg__page_text file, where;
    tg__putf(s, ",\"stage\":%d", at.stage);
    if (at.scope[0]) text_field(s, "scope", at.scope);
    if (!at.file) return;
    snprintf(where, sizeof where, "%.*s:%d", TG__PAGE_NAME - 16, tg__clean(tg__base(at.file), file, sizeof file - 16),
             at.line);
    text_field(s, "where", where);
}

static void put_aliases(struct tg__sheet *s, const tg_graph *g, uint32_t id) {
    uint32_t row = tg__fact_of(g, id)->name;
    row = row ? tg__name_next(g, row) : 0;
    if (!row) return;
    tg__put(s, ",\"aka\":[");
    for (bool more = false; row; row = tg__name_next(g, row), more = true) {
        tg__page_text clean;
        tg__put(s, more ? ",\"" : "\"");
        tg__put_json(s, tg__clean(tg__name_text(g, row), clean, sizeof clean));
        tg__put(s, "\"");
    }
    tg__put(s, "]");
}

static void put_node(struct tg__sheet *s, const struct tg__page *p, uint32_t id) {
    tg_graph *g = p->graph;
    const struct tg__node *n = tg__node_of(g, id);
    const tg_node a = tg__handle(g, id);
    const struct tg__adjoint *adjoint = p->passed ? tg__adjoint_of(p->passed, id) : NULL;
    char shape[TG__PAGE_NAME];
    tg__putf(s, "%s\n{\"id\":%u", id > 1 ? "," : "", id);
    text_field(s, "name", tg_name(a));
    put_aliases(s, g, id);
    tg__putf(s, ",\"op\":\"%s\",\"leaf\":%s,\"in\":[", n->op->name, tg__is_leaf(n) ? "true" : "false");
    for (int i = 0; i < n->operands; i++) tg__putf(s, "%s%u", i ? "," : "", n->in[i]);
    tg__putf(s, "],\"shape\":\"%s\",\"type\":\"%s\"", tg__shape_text(&n->shape->dims, shape, sizeof shape),
             tg__dtype_name((tg_dtype)n->dtype));
    put_formula(s, a);
    put_place(s, a);
    if (adjoint) tg__putf(s, ",\"grad\":%u", adjoint->node);
    if (p->labels[id]) tg__putf(s, ",\"labels\":%u", p->labels[id]);
    tg__put(s, ",\"value\":");
    tg__page_value(s, p, a);
    tg__put(s, "}");
}

/* --------------------------------------------------------------------------------------------------- the sweep */

static void put_share(struct tg__sheet *s, tg_node term, double all) {
    char share[TG__CELL];
    tg__share_cell(share, term, all);
    tg__put(s, ",\"");
    tg__put_json(s, share);
    tg__put(s, "\"");
}

/* The local derivative of an edge as text, and what was done to it on purpose. */
static void put_edge(struct tg__sheet *s, const struct tg__page *p, const struct tg__event *event) {
    tg__page_text local = "", axes = "", bent = "";
    if (event->sender) {
        tg__derivative(p->graph, event->sender, event->slot, local, sizeof local);
        tg__unbroadcast_text(p->graph, event->sender, event->slot, axes, sizeof axes);
        tg__bent_text(p->sweep, event->sender, event->slot, bent, sizeof bent);
    }
    tg__put(s, ",\"");
    tg__put_json(s, local);
    tg__put(s, "\",\"");
    tg__put_json(s, axes);
    tg__put(s, "\",\"");
    tg__put_json(s, bent);
    tg__put(s, "\"");
}

/* In the order of the log, which is that of arrival: row, node, term, sender, slot, share, and of the edge its local
 * derivative for g, the axes summed over, and its mutation. */
static void put_terms(struct tg__sheet *s, const struct tg__page *p) {
    const tg_graph *g = p->graph;
    const uint32_t seed = tg__adjoint_of(p->passed, p->passed->out)->first;
    const uint32_t end = tg__page_sweep_end(p);
    tg__put(s, "\"terms\":[");
    for (uint32_t e = seed; e < end; e++) {
        const struct tg__event *event = tg__event_of(g, e);
        if (event->kind != TG_DELIVERED) continue;
        tg__putf(s, "%s\n[%u,%u,%u,%u,%d", e > seed ? "," : "", e, event->node, event->term, event->sender,
                 event->slot);
        put_share(s, tg__handle(g, event->term), p->weights[event->node]);
        put_edge(s, p, event);
        tg__put(s, "]");
    }
    tg__putf(s, "],\"out\":%u,\"sweep\":%u", p->passed->out, p->sweep.id);
}

static void put_checks(struct tg__sheet *s, const tg_page_options *o) {
    tg__put(s, ",\n\"checks\":[");
    for (size_t i = 0; i < o->check_count; i++) {
        const tg_check *c = &o->checks[i];
        char error[40];
        tg__page_number(error, sizeof error, 2, c->error);
        tg__putf(s, "%s{\"leaf\":%u,\"verdict\":\"%s\",\"error\":\"%s\",\"checked\":%zu,\"size\":%zu}", i ? "," : "",
                 c->leaf.id, tg_verdict_name(c->verdict), error, c->checked, tg_size(c->leaf));
    }
    tg__put(s, "]");
}

static void put_labels(struct tg__sheet *s, const struct tg__page *p) {
    bool more = false;
    tg__put(s, ",\n\"labels\":{");
    for (uint32_t id = 1; id < p->graph->nodes.length; id++) {
        if (p->labels[id] != id) continue;
        const tg_node a = tg__handle(p->graph, id);
        tg__putf(s, "%s\"%u\":[", more ? "," : "", id);
        for (size_t i = 0; i < p->room && tg_column(a, i); i++) {
            tg__page_text clean;
            tg__put(s, i ? ",\"" : "\"");
            tg__put_json(s, tg__clean(tg_column(a, i), clean, sizeof clean));
            tg__put(s, "\"");
        }
        tg__put(s, "]");
        more = true;
    }
    tg__put(s, "}");
}

void tg__page_data(struct tg__sheet *s, const struct tg__page *p) {
    tg__put(s, "{");
    if (p->passed)
        put_terms(s, p);
    else
        tg__put(s, "\"terms\":[],\"out\":0");
    put_checks(s, &p->options);
    put_labels(s, p);
    tg__put(s, ",\n\"nodes\":[");
    for (uint32_t id = 1; id < p->graph->nodes.length; id++) put_node(s, p, id);
    tg__put(s, "]}");
}
