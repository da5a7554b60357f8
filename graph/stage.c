/* Stages. A stage is open while operators are appended and is closed by the TG_LET after them, which names it. A scope that
 * is opened in between interrupts it: what was appended before may be an operand of the expression that goes on after the
 * scope, or a statement of its own, such as the first state in front of a loop of scopes. So the stage is held, and the
 * TG_LET looks at who reads it: what its own stage reads joins that; what only the scopes read stays a stage of its own,
 * without a name, in the place where it was appended. */
#include "graph.h"

enum { WAITS = 1, JOINS };

uint32_t tg__site_open(tg_graph *g) {
    if (g->site) return g->site;
    struct tg__site *site = tg__push(g, &g->sites);
    if (!site) return 0;
    const uint32_t owner = tg__scope_of(g, g->scope)->owner;
    const int32_t stage = ++tg__scope_of(g, owner)->stages;
    *site = (struct tg__site){.scope = owner, .stage = stage, .opened = stage, .first = g->nodes.length};
    return g->site = g->sites.length - 1;
}

/* A sweep, or the forward of an operator, works for one stage, and goes on with it. */
void tg__stage_interrupt(tg_graph *g, struct tg__scope *inner) {
    inner->site = g->guests ? g->site : 0;
    inner->held = g->held;
    if (g->site && !g->guests) {
        tg__site_of(g, g->site)->held = g->held;
        inner->held = g->site;
    }
    g->site = g->held = 0;
}

/* ------------------------------------------------------------------------------------------------------- closing */

/* Marks the held stages that the open one reads, itself or through others of them; gives the oldest of these. */
static uint32_t join(tg_graph *g, uint32_t node) {
    uint32_t oldest = 0, target = g->site;
    for (uint32_t s = g->held; s; s = tg__site_of(g, s)->held) tg__site_of(g, oldest = s)->joining = WAITS;
    if (g->site) tg__site_of(g, g->site)->joining = JOINS;
    struct tg__site *own = tg__site_of(g, tg__fact_of(g, node)->site);
    if (own->joining) own->joining = JOINS;
    for (uint32_t id = g->nodes.length - 1; id >= tg__site_of(g, oldest)->first; id--) {
        const struct tg__node *n = tg__node_of(g, id);
        if (tg__site_of(g, tg__fact_of(g, id)->site)->joining != JOINS) continue;
        for (int i = 0; i < n->operands; i++) {
            struct tg__site *from = tg__site_of(g, tg__fact_of(g, n->in[i])->site);
            if (from->joining == WAITS) from->joining = JOINS;
        }
    }
    for (uint32_t s = g->held; s; s = tg__site_of(g, s)->held)
        if (tg__site_of(g, s)->joining == JOINS) target = s;
    return target;
}

/* Nodes of all that joins belong to the target from now on. */
static void move(tg_graph *g, uint32_t target) {
    for (uint32_t id = tg__site_of(g, target)->first; id < g->nodes.length; id++) {
        struct tg__fact *fact = tg__fact_of(g, id);
        if (tg__site_of(g, fact->site)->joining == JOINS) fact->site = target;
    }
}

static void settle(struct tg__site *site, int32_t stage, const char *file, int line, int32_t *last) {
    if (site->joining == JOINS) site->stage = stage;
    if (site->stage > *last) *last = site->stage;
    site->file = file;
    site->line = line;
    site->joining = 0;
}

struct tg__site *tg__stage_close(tg_graph *g, uint32_t node, const char *file, int line) {
    if (!g->site && !g->held) return NULL;
    const uint32_t target = g->held ? join(g, node) : g->site;
    struct tg__site *closed = target ? tg__site_of(g, target) : NULL;
    if (g->held && closed) move(g, target);
    const int32_t stage = closed ? closed->stage : 0;
    int32_t last = 0;
    if (g->site) settle(tg__site_of(g, g->site), stage, file, line, &last);
    for (uint32_t s = g->held; s; s = tg__site_of(g, s)->held) settle(tg__site_of(g, s), stage, file, line, &last);
    if (last) tg__scope_of(g, tg__scope_of(g, g->scope)->owner)->stages = last;
    g->site = g->held = 0;
    return closed;
}

/* -------------------------------------------------------------------------------------------------------- rewind */

static void reopen(tg_graph *g, uint32_t row) {
    struct tg__site *site = tg__site_of(g, row);
    struct tg__scope *scope = tg__scope_of(g, site->scope);
    site->file = NULL;
    site->line = 0;
    site->name = 0;
    site->stage = site->opened;
    if (scope->stages < site->opened) scope->stages = site->opened;
}

/* Undoes what a TG_LET since the mark wrote into stages that were open at the mark. */
void tg__stages_reopen(tg_graph *g, uint32_t site, uint32_t held) {
    if (site) reopen(g, site);
    for (; held; held = tg__site_of(g, held)->held) reopen(g, held);
}

void tg__sites_cut(tg_graph *g, uint32_t length) {
    for (uint32_t i = g->sites.length; i > length;) {
        i--;
        const struct tg__site *site = tg__site_of(g, i);
        if (site->leaf && site->leaf < g->facts.length) tg__fact_of(g, site->leaf)->site = TG__LEAF_SITE;
        struct tg__scope *scope = tg__scope_of(g, site->scope);
        if (site->opened && scope->stages >= site->opened) scope->stages = site->opened - 1;
    }
    tg__table_cut(&g->sites, length);
}
