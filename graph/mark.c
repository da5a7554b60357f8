/* Undo: the tape is append-only, so a mark is a row of lengths, and a rewind cuts every table back to it. */
#include "graph.h"

enum { NODES, NAMES, SITES, SCOPES, LOG, SWEEPS, ASSIGNS, SERIAL, LAST, SCOPE, SITE, HELD };

/* The newest epoch among the last rows below a mark. A row written after a rewind is newer than every mark taken before
 * it, so this number tells a mark's own history from another one that has grown to the same length. */
static uint32_t last_epoch(const tg_graph *g, const tg_mark *m) {
    uint32_t epochs[] = {tg__node_of(g, m->at[NODES] - 1)->epoch, tg__name_epoch(g, m->at[NAMES] - 1),
                         tg__scope_of(g, m->at[SCOPES] - 1)->epoch, tg__columns_epoch(g, m->strings),
                         ((struct tg__assign *)tg__row(&g->assigns, m->at[ASSIGNS] - 1))->epoch};
    uint32_t newest = 0;
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++)
        if (epochs[i] > newest) newest = epochs[i];
    return newest;
}

tg_mark tg_mark_now(tg_graph *g) {
    tg_mark m = {.graph = g};
    if (!g) return m;
    m.at[NODES] = g->nodes.length;
    m.at[NAMES] = g->names.length;
    m.at[SITES] = g->sites.length;
    m.at[SCOPES] = g->scopes.length;
    m.at[LOG] = g->log.length;
    m.at[SWEEPS] = g->sweeps.length;
    m.at[ASSIGNS] = g->assigns.length;
    m.at[SERIAL] = g->error.status ? g->error.serial : 0;
    m.at[SCOPE] = g->scope;
    m.at[SITE] = g->site;
    m.at[HELD] = g->held;
    m.strings = tg__arena_total(&g->strings);
    m.at[LAST] = last_epoch(g, &m);
    return m;
}

/* A table that has its row 0 from the beginning is never shorter than one row. */
static bool is_length(uint32_t rows, uint32_t now) { return rows >= 1 && rows <= now; }

/* Every number is checked before a row is looked up: the mark may be uninitialized or overwritten memory. */
static bool stands(const tg_graph *g, const tg_mark *m) {
    return is_length(m->at[NODES], g->nodes.length) && is_length(m->at[NAMES], g->names.length) &&
           is_length(m->at[SITES], g->sites.length) && is_length(m->at[SCOPES], g->scopes.length) &&
           is_length(m->at[ASSIGNS], g->assigns.length) && m->at[LOG] <= g->log.length &&
           m->at[SWEEPS] <= g->sweeps.length && m->at[SCOPE] < m->at[SCOPES] && m->at[SITE] < m->at[SITES] &&
           m->at[HELD] < m->at[SITES] && m->strings <= tg__arena_total(&g->strings) && last_epoch(g, m) == m->at[LAST];
}

/* The stages that were open at the mark, in the scope of then and around it, are open again. */
static void reopen(tg_graph *g, const tg_mark *m) {
    g->scope = m->at[SCOPE];
    g->site = m->at[SITE];
    g->held = m->at[HELD];
    tg__stages_reopen(g, g->site, g->held);
    for (uint32_t s = g->scope; s; s = tg__scope_of(g, s)->parent)
        if (tg__scope_of(g, s)->owner == s) tg__stages_reopen(g, 0, tg__scope_of(g, s)->held);
}

tg_status tg_rewind(tg_graph *g, tg_mark m) {
    if (!g) return TG_HANDLE;
    if (g->busy || g->guests) {
        tg_fail(g, TG_ARGUMENT, "rewind: not from within an operator's forward, vjp or kernel");
        return g->error.status;
    }
    if (m.graph != g || !stands(g, &m))
        return tg__fail_run(g, TG_HANDLE, 0, "rewind: the mark is of another graph, or the tape was rewound below it");
    if (g->error.status && m.at[SERIAL] != g->error.serial) g->error.status = TG_OK;
    tg__sweeps_cut(g, m.at[SWEEPS]);
    tg__assigns_cut(g, m.at[ASSIGNS]);
    bool kept = tg__names_cut(g, m.at[NAMES]);
    tg__scalars_cut(g, m.at[NODES]);
    tg__values_cut(g, m.at[NODES]);
    tg__columns_cut(g, m.strings);
    tg__table_cut(&g->facts, m.at[NODES]);
    tg__table_cut(&g->nodes, m.at[NODES]);
    tg__sites_cut(g, m.at[SITES]);
    tg__table_cut(&g->scopes, m.at[SCOPES]);
    tg__table_cut(&g->log, m.at[LOG]);
    tg__arena_cut(g, &g->strings, m.strings);
    g->epoch++;
    reopen(g, &m);
    return kept ? TG_OK : g->error.status;
}
