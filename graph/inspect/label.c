/* What readers call a node: as its user does where there is a name, else by its formula, else by its number. */
#include "inspect.h"

const char *tg__label(const tg_graph *g, uint32_t id, char *text, size_t room) {
    const uint32_t name = tg__fact_of(g, id)->name;
    if (name) return tg__clean(tg__name_text(g, name), text, room);
    char formula[48];
    double v;
    const bool given = tg__is_leaf(tg__node_of(g, id)) && !tg__is_scalar_const(g, id, &v);
    if (!given &&
        tg_formula(tg__handle(g, id), formula, sizeof formula) < (room < sizeof formula ? room : sizeof formula))
        return tg__clean(formula, text, room);
    snprintf(text, room, "#%u", id);
    return text;
}

/* A node may be the adjoint of several, and in several sweeps. */
uint32_t tg__term_name(tg_grads d, uint32_t node, uint32_t term) {
    const struct tg__sweep *s = tg__sweep_get(d);
    uint32_t found = 0;
    for (uint32_t row = tg__fact_of(d.graph, term)->name; row; row = tg__name_next(d.graph, row)) {
        if (tg__name_of(d.graph, row) != node) continue;
        if (row >= s->first_name && row < s->last_name) return row;
        if (!found) found = row;
    }
    return found;
}

const char *tg__term_label(tg_grads d, uint32_t node, uint32_t term, char *text, size_t room) {
    const uint32_t row = tg__term_name(d, node, term);
    return row ? tg__clean(tg__name_text(d.graph, row), text, room) : tg__label(d.graph, term, text, room);
}

const char *tg__term_formula(tg_grads d, uint32_t node, uint32_t term, char *text, size_t room) {
    char formula[160];
    const uint32_t row = tg__term_name(d, node, term), first = tg__fact_of(d.graph, term)->name;
    const uint32_t of = first ? tg__name_of(d.graph, first) : 0; /* one that the sweep came to later explains nothing */
    if (first && first != row && !(of && of < node)) return tg__clean(tg__name_text(d.graph, first), text, room);
    tg_formula(tg__handle(d.graph, term), formula, sizeof formula);
    return tg__clean(formula, text, room);
}

const char *tg__adjoint_label(tg_grads d, uint32_t node, char *text, size_t room) {
    const uint32_t row = tg__term_name(d, node, tg__adjoint_of(tg__sweep_get(d), node)->node);
    char label[80];
    if (row) return tg__clean(tg__name_text(d.graph, row), text, room);
    snprintf(text, room, "d(%s)", tg__label(d.graph, node, label, room < sizeof label ? room - 3 : sizeof label));
    return text;
}

const char *tg__step_label(tg_place at, char *text, size_t room) {
    char scope[48];
    tg__clean(at.scope, scope, sizeof scope);
    if (at.stage < 0)
        snprintf(text, room, "%s", scope);
    else
        snprintf(text, room, "%s%sstep %d", scope, *scope ? " " : "", at.stage);
    return text;
}
