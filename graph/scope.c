/* Scopes, and the TG_LET, which names a node and closes a stage. */
#include "graph.h"

bool tg__scopes_init(tg_graph *g) {
    struct tg__scope *root = tg__push(g, &g->scopes);
    struct tg__site *leaves = tg__push(g, &g->sites);
    if (!root || !leaves) return false;
    *root = (struct tg__scope){.prefix = "", .owner = 1};
    *leaves = (struct tg__site){.scope = 1};
    g->scope = 1;
    return true;
}

uint32_t tg__scope_depth(const tg_graph *g) { return g->scope ? tg__scope_of(g, g->scope)->depth : 0; }

/* ------------------------------------------------------------------------------------------------------ TG_LET */

static bool place_leaf(tg_graph *g, uint32_t id, const char *file, int line) {
    struct tg__fact *fact = tg__fact_of(g, id);
    if (fact->site != TG__LEAF_SITE || !file) return true;
    struct tg__site *site = tg__push(g, &g->sites);
    if (!site) return false;
    *site = (struct tg__site){.file = file, .line = line, .scope = tg__scope_of(g, g->scope)->owner, .leaf = id};
    fact->site = g->sites.length - 1;
    return true;
}

static char *full_name(tg_graph *g, const char *name) {
    const char *prefix = tg__scope_of(g, g->scope)->prefix;
    size_t n = strlen(prefix), m = strlen(name) + 1;
    char *full = tg__name_room(g, n + m);
    if (!full) return NULL;
    memcpy(full, prefix, n);
    memcpy(full + n, name, m);
    return full;
}

tg_node tg_let(tg_node a, const char *name, const char *file, int line) {
    tg_graph *g = a.graph;
    if (!g) return a;
    if (!name) name = "";
    const struct tg__node *n = tg__get(a);
    if (tg__is_broken(g)) {
        if (!n) tg__error_place(g, name, file ? file : "?", line);
        return n ? a : tg_nil(g);
    }
    if (!n) {
        tg__want(a, "let"); /* says what the handle is */
        return tg_nil(g);
    }

    const char *source = file ? tg__intern_text(g, file) : NULL;
    if (file && !source) return tg_nil(g);
    if (file && !tg__composite(g)) g->let_file = source, g->let_line = line;
    struct tg__site *closed = NULL;
    if (tg__is_leaf(n)) {
        if (!place_leaf(g, a.id, source, line)) return tg_nil(g);
    } else {
        closed = tg__stage_close(g, a.id, source, line);
    }
    if (!*name) return a;
    uint32_t row = g->names.length;
    char *full = full_name(g, name);
    if (!full) return tg_nil(g);
    if (!tg__name_give(g, a.id, full, TG__USER_NAME, tg__fact_of(g, a.id)->site, 0)) {
        tg__error_place(g, name, file ? file : "?", line);
        return tg_nil(g);
    }
    if (closed && g->names.length > row) closed->name = row;
    return a;
}

/* ------------------------------------------------------------------------------------------------------ scopes */

void tg_composite_open(tg_graph *g, const char *composite, const char *name) {
    if (!g) return;
    const struct tg__scope *outer = tg__scope_of(g, g->scope);
    struct tg__scope inner = *outer;
    inner.parent = g->scope;
    inner.depth++;
    inner.epoch = g->epoch;
    if (!inner.composite) inner.composite = composite;
    if (name && *name) {
        size_t n = strlen(outer->prefix), m = strlen(name);
        char *prefix = tg__name_room(g, n + m + 2);
        if (!prefix) return;
        memcpy(prefix, outer->prefix, n);
        memcpy(prefix + n, name, m);
        memcpy(prefix + n + m, "/", 2);
        inner.prefix = prefix;
        inner.owner = g->scopes.length;
        inner.stages = 0;
    }
    struct tg__scope *row = tg__push(g, &g->scopes);
    if (!row) return;
    *row = inner;
    if (row->owner == g->scopes.length - 1) tg__stage_interrupt(g, row);
    g->scope = g->scopes.length - 1;
}

void tg_scope_open(tg_graph *g, const char *name) { tg_composite_open(g, NULL, name); }

void tg_scope_close(tg_graph *g) {
    if (!g) return;
    const struct tg__scope *inner = tg__scope_of(g, g->scope);
    if (!inner->parent) {
        tg_fail(g, TG_ARGUMENT, "scope_close: no scope is open");
        return;
    }
    if (inner->owner == g->scope) g->site = inner->site, g->held = inner->held;
    g->scope = inner->parent;
}

/* The view is a leaf of its scope: stage 0, in a site of its own. */
tg_node tg_scope_operand(tg_node x, const char *name) {
    tg_graph *g = x.graph;
    const struct tg__node *n = tg__get(x);
    if (!n || g->scope == 1 || tg__scope_of(g, g->scope)->owner != g->scope) return x;
    if (!(n->flags & TG__DIFFERENTIABLE)) return x;
    struct tg__site *site = tg__push(g, &g->sites);
    if (!site) return tg_nil(g);
    *site = (struct tg__site){.scope = g->scope};
    uint32_t outside = g->site;
    g->site = g->sites.length - 1;
    tg_node view = tg_identity(x);
    g->site = outside;
    if (!name || !*name) return view;
    char *full = tg_is_nil(view) ? NULL : full_name(g, name);
    return full && tg__name_give(g, view.id, full, TG__USER_NAME, g->sites.length - 1, 0) ? view : tg_nil(g);
}

/* ----------------------------------------------------------------------------------------------------- reading */

tg_place tg__place(const tg_graph *g, uint32_t row) {
    const struct tg__site *site = tg__site_of(g, row);
    tg_place p = {.file = site->file, .line = site->line, .stage = -1, .name = ""};
    p.scope = tg__scope_of(g, site->scope)->prefix;
    if (site->stage == 0 || site->file || site->name) p.stage = site->stage;
    if (site->name) p.name = tg__name_text(g, site->name) + strlen(p.scope);
    return p;
}

tg_place tg_where_is(tg_node a) {
    if (!tg__get(a)) return (tg_place){.scope = "", .name = "", .stage = -1};
    return tg__place(a.graph, tg__fact_of(a.graph, a.id)->site);
}

int tg_stage(tg_node a) { return tg_where_is(a).stage; }
