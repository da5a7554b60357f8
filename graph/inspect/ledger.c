/* The ledger of a node: every term of its adjoint, who sent it, along which path it came, and its share of the whole.
 */
#include "inspect.h"

#include <math.h>

enum column { TERM, SENDER, PATH, SHARE, COLUMNS };
enum { STEPS = 64 }; /* a path is followed for so many senders */
enum { WAYS = 3 };   /* so many ways at a fork are named */
enum { PATH_ROOM = 104 };

/* ------------------------------------------------------------------------------------------------------- shares */

double tg__weigh_terms(tg_grads d, uint32_t node) {
    double all = 0;
    for (uint32_t e = tg__adjoint_of(tg__sweep_get(d), node)->first; e; e = tg__event_of(d.graph, e)->next) {
        struct tg__summary s;
        if (!tg__summarize(tg__handle(d.graph, tg__event_of(d.graph, e)->term), &s)) return NAN;
        all += s.l1;
    }
    return all;
}

/* A share of what is finite; never a 0 that nothing has computed. */
void tg__share_cell(char *cell, tg_node term, double all) {
    struct tg__summary s;
    cell[0] = 0;
    if (!tg__summarize(term, &s) || isnan(all))
        strcpy(cell, "–");
    else if (s.nonfinite)
        snprintf(cell, TG__CELL, "%zu not finite", s.nonfinite);
    else if (all > 0 && isfinite(all))
        snprintf(cell, TG__CELL, s.l1 > 0 && s.l1 / all < 0.0005 ? "< 0.1 %%" : "%.1f %%", 100 * (s.l1 / all));
}

/* -------------------------------------------------------------------------------------------------------- paths */

/* The next that has a name on the way from a to the output, or where that way forks; nil: the seed. */
static tg_node next_named(tg_grads d, tg_node a) {
    tg_term terms[1];
    for (int i = 0; i < STEPS && !tg_is_nil(a) && !tg_name(a)[0]; i++) {
        if (tg_grad_terms(d, a, terms, 1) != 1) break;
        a = terms[0].sender;
    }
    return a;
}

/* What a way of a fork leads to. Where another leads there too: by which node, and by which of its operands, which are
 * counted from 0. */
static void put_way(char *text, size_t room, tg_grads d, const tg_term *terms, size_t ways, size_t i) {
    const tg_node to = next_named(d, terms[i].sender);
    bool alike = false, same = false;
    char sender[80];
    for (size_t k = 0; k < ways; k++) {
        alike |= k != i && next_named(d, terms[k].sender).id == to.id;
        same |= k != i && terms[k].sender.id == terms[i].sender.id;
    }
    size_t used = strlen(tg_is_nil(to) ? strcpy(text, "seed") : tg__label(d.graph, to.id, text, room));
    if (alike && to.id != terms[i].sender.id && !tg_is_nil(terms[i].sender) && used < room)
        used += (size_t)snprintf(text + used, room - used, " by %s",
                                 tg__label(d.graph, terms[i].sender.id, sender, sizeof sender));
    if (same && used < room) snprintf(text + used, room - used, " as operand %d", terms[i].slot);
}

/* " ← (61.0 % xhat, 39.0 % sq)": what a fork opens into. tg_explain follows each of them. */
static bool put_ways(char *text, size_t room, tg_grads d, tg_node a) {
    const double all = tg__weigh_terms(d, a.id);
    tg_term terms[WAYS];
    const size_t ways = tg_grad_terms(d, a, terms, WAYS);
    size_t used = 0;
    for (size_t i = 0; i < ways && used < room; i++) {
        char name[100], share[TG__CELL];
        put_way(name, sizeof name, d, terms, ways, i);
        tg__share_cell(share, terms[i].term, all);
        const bool known = share[0] && strcmp(share, "–") != 0;
        used += (size_t)snprintf(text + used, room - used, "%s%s%s%s%s", i ? ", " : " ← (", known ? share : "",
                                 known ? " " : "", name, i + 1 == ways ? ")" : "");
    }
    return used < room;
}

static void put_fork(char *text, size_t room, tg_grads d, tg_node a) {
    const size_t ways = tg_grad_terms(d, a, NULL, 0);
    if (ways <= WAYS && put_ways(text, room, d, a)) return;
    snprintf(text, TG__CELL - PATH_ROOM + room, " (%zu paths)", ways);
}

/* From the node back to the output, as far as there is one way only. Unnamed nodes are passed over. */
static void path_cell(char *cell, tg_grads d, tg_node a, tg_node sender) {
    char name[40];
    tg_term terms[1];
    const size_t room = PATH_ROOM - sizeof " (1 paths)"; /* how the path ends always fits */
    size_t used = strlen(tg__label(d.graph, a.id, cell, 40));
    for (int i = 0; i < STEPS && !tg_is_nil(sender); i++) {
        if (tg_name(sender)[0]) {
            tg__clean(tg_name(sender), name, sizeof name);
            if (used + strlen(" ← ") + strlen(name) > room) break;
            used += (size_t)snprintf(cell + used, TG__CELL - used, " ← %s", name);
        }
        if (tg_grad_terms(d, sender, terms, 1) != 1) {
            put_fork(cell + used, PATH_ROOM - used, d, sender);
            return;
        }
        sender = terms[0].sender;
    }
    if (!tg_is_nil(sender)) snprintf(cell + used, TG__CELL - used, " ← …");
}

/* -------------------------------------------------------------------------------------------------------- lines */

/* Its formula; of a view of another node, whose formula is that node's name, its own. */
static void put_sender(char *cell, size_t room, tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    char formula[160], operand[80];
    tg_formula(tg__handle(g, id), formula, sizeof formula);
    const bool view = n->operands == 1 && !strcmp(formula, tg__label(g, n->in[0], operand, sizeof operand));
    tg__clean(view ? tg__label(g, id, formula, sizeof formula) : formula, cell, room);
}

static void fill(tg__cells cells, tg_grads d, tg_node a, const struct tg__event *e, double all) {
    tg_graph *g = d.graph;
    tg_node term = tg__handle(g, e->term), sender = e->sender ? tg__handle(g, e->sender) : tg_nil(g);
    const uint32_t named = tg__term_name(d, a.id, e->term);
    memset(cells, 0, sizeof(tg__cells));
    if (named)
        tg__clean(tg__name_text(g, named), cells[TERM], 40);
    else
        tg__quote(g, e->term, cells[TERM], 40);
    strcpy(cells[SENDER], "the seed");
    if (e->sender) put_sender(cells[SENDER], 44, g, e->sender);
    path_cell(cells[PATH], d, a, sender);
    tg__share_cell(cells[SHARE], term, all);
}

void tg_print_ledger(tg_grads d, tg_node a, FILE *file) {
    if (!tg_has_grad(d, a)) return;
    tg_graph *g = d.graph;
    const struct tg__adjoint *adjoint = tg__adjoint_of(tg__sweep_get(d), a.id);
    struct tg__pen pen;
    tg__pen_open(&pen, file);
    const double all = tg__weigh_terms(d, a.id);
    struct tg__grid grid = {.pen = &pen, .columns = COLUMNS, .right = 1u << SHARE};
    grid.style[TERM] = TG__NAME;
    for (int pass = 0; pass < 2; pass++) {
        grid.writing = pass == 1;
        tg__cells head = {"term", "sent by", "path", "share"};
        tg__grid_head(&grid, head);
        for (uint32_t e = adjoint->first; e; e = tg__event_of(g, e)->next) {
            tg__cells cells;
            fill(cells, d, a, tg__event_of(g, e), all);
            grid.style[SHARE] = tg__value_style(tg__handle(g, tg__event_of(g, e)->term), TG__GRADIENT);
            tg__grid_row(&grid, cells);
        }
    }
    tg__pen_close(&pen);
}
