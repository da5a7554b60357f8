/* The ledger of a node: every term of its adjoint, who sent it, along which path it came, and its share of the whole.
 */
#include "inspect.h"

#include <math.h>

enum column { TERM, SENDER, PATH, SHARE, COLUMNS };
enum { STEPS = 64 }; /* a path is followed for so many senders */

static const char *label(tg_node a, char *text, size_t room) {
    return tg_name(a)[0] ? tg__clean(tg_name(a), text, room) : tg__quote(a.graph, a.id, text, room);
}

/* From the node back to the output, as far as there is one way only. Unnamed nodes are passed over. */
static void path_cell(char *cell, tg_grads d, tg_node a, tg_node sender) {
    char name[40];
    tg_term terms[1];
    const size_t room = TG__CELL - sizeof " ← …"; /* how the path ends always fits */
    size_t used = (size_t)snprintf(cell, TG__CELL, "%s", label(a, name, sizeof name));
    for (int i = 0; i < STEPS && !tg_is_nil(sender); i++) {
        if (tg_name(sender)[0]) {
            tg__clean(tg_name(sender), name, sizeof name);
            if (used + strlen(" ← ") + strlen(name) > room) break;
            used += (size_t)snprintf(cell + used, TG__CELL - used, " ← %s", name);
        }
        const size_t ways = tg_grad_terms(d, sender, terms, 1);
        const int length = snprintf(name, sizeof name, " (%zu paths)", ways);
        if (ways != 1 && used + (size_t)length >= TG__CELL) break;
        if (ways != 1) {
            strcpy(cell + used, name);
            return;
        }
        sender = terms[0].sender;
    }
    if (!tg_is_nil(sender)) snprintf(cell + used, TG__CELL - used, " ← …");
}

/* NaN: a term has not run, and no share is known. */
static double weigh_all(tg_grads d, tg_node a) {
    double all = 0;
    const struct tg__sweep *sweep = tg__sweep_get(d);
    for (uint32_t e = tg__adjoint_of(sweep, a.id)->first; e; e = tg__event_of(d.graph, e)->next) {
        struct tg__summary s;
        if (!tg__summarize(tg__handle(d.graph, tg__event_of(d.graph, e)->term), &s)) return NAN;
        all += s.l1;
    }
    return all;
}

/* A share of what is finite; never a 0 that nothing has computed. */
static void share_cell(char *cell, tg_node term, double all) {
    struct tg__summary s;
    if (!tg__summarize(term, &s) || isnan(all))
        strcpy(cell, "–");
    else if (s.nonfinite)
        snprintf(cell, TG__CELL, "%zu not finite", s.nonfinite);
    else if (all > 0 && isfinite(all))
        snprintf(cell, TG__CELL, "%5.1f %%", 100 * (s.l1 / all));
}

static void fill(tg__cells cells, tg_grads d, tg_node a, const struct tg__event *e, double all) {
    tg_graph *g = d.graph;
    char formula[160];
    tg_node term = tg__handle(g, e->term), sender = e->sender ? tg__handle(g, e->sender) : tg_nil(g);
    uint32_t named = 0;
    memset(cells, 0, sizeof(tg__cells));
    for (uint32_t row = tg__fact_of(g, e->term)->name; row; row = tg__name_next(g, row))
        if (tg__name_of(g, row) == a.id || !named) named = row;
    if (named)
        tg__clean(tg__name_text(g, named), cells[TERM], 40);
    else
        tg__quote(g, e->term, cells[TERM], 40);
    tg_formula(sender, formula, sizeof formula);
    tg__clean(e->sender ? formula : "the seed", cells[SENDER], 44);
    path_cell(cells[PATH], d, a, sender);
    share_cell(cells[SHARE], term, all);
}

void tg_print_ledger(tg_grads d, tg_node a, FILE *file) {
    if (!tg_has_grad(d, a)) return;
    tg_graph *g = d.graph;
    const struct tg__adjoint *adjoint = tg__adjoint_of(tg__sweep_get(d), a.id);
    const double all = weigh_all(d, a);
    struct tg__grid grid = {.file = file, .columns = COLUMNS, .right = 1u << SHARE};
    for (int pass = 0; pass < 2; pass++) {
        grid.writing = pass == 1;
        tg__cells head = {"term", "sent by", "path", "share"};
        tg__grid_row(&grid, head);
        if (grid.writing) tg__grid_rule(&grid);
        for (uint32_t e = adjoint->first; e; e = tg__event_of(g, e)->next) {
            tg__cells cells;
            fill(cells, d, a, tg__event_of(g, e), all);
            tg__grid_row(&grid, cells);
        }
    }
}
