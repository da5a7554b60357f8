/* Whom a node serves: the names, stages and scopes of one tape, given to the nodes of another that stand for its own.
 */
#include "builder.h"

/* Scope 1 and site 1 are there from the beginning; the rest has the same rows as before. */
static bool copy_scopes(tg_graph *g, const tg_graph *from) {
    for (uint32_t i = 2; i < from->scopes.length; i++) {
        struct tg__scope scope = *tg__scope_of(from, i);
        scope.prefix = tg__intern_text(g, scope.prefix);
        struct tg__scope *row = scope.prefix ? tg__push(g, &g->scopes) : NULL;
        if (!row) return false;
        scope.epoch = g->epoch;
        *row = scope;
    }
    return true;
}

static bool copy_sites(tg_graph *g, const tg_graph *from) {
    for (uint32_t i = 2; i < from->sites.length; i++) {
        struct tg__site site = *tg__site_of(from, i);
        const bool placed = site.file != NULL;
        if (placed) site.file = tg__intern_text(g, site.file);
        struct tg__site *row = placed && !site.file ? NULL : tg__push(g, &g->sites);
        if (!row) return false;
        site.leaf = site.name = 0;
        *row = site;
    }
    tg__scope_of(g, 1)->stages = tg__scope_of(from, 1)->stages;
    return true;
}

bool tg__serve_places(tg_graph *g, const tg_graph *from) { return copy_scopes(g, from) && copy_sites(g, from); }

static bool give(tg_graph *g, const tg_graph *from, uint32_t row, const uint32_t *to) {
    const char *text = tg__name_text(from, row);
    const uint32_t of = tg__name_of(from, row), node = to[tg__name_owner(from, row)];
    const size_t bytes = strlen(text) + 1;
    char *own = tg__name_room(g, bytes);
    if (!own) return false;
    memcpy(own, text, bytes);
    return tg__name_give(g, node, own, TG__USER_NAME, tg__name_site(from, row), of ? to[of] : 0);
}

/* In the order in which they were given, so that a node's first name is that of the first that it serves. */
bool tg__serve_names(tg_graph *g, const tg_graph *from, const uint32_t *to) {
    for (uint32_t i = 2; i < from->sites.length; i++) tg__site_of(g, i)->leaf = to[tg__site_of(from, i)->leaf];
    for (uint32_t row = 1; row < from->names.length; row++) {
        const uint32_t site = tg__name_site(from, row);
        if (!to[tg__name_owner(from, row)]) continue;
        if (!give(g, from, row, to)) return false;
        if (tg__site_of(from, site)->name == row) tg__site_of(g, site)->name = g->names.length - 1;
    }
    return true;
}
