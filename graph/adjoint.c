/* Reading a sweep: adjoints, their names, the ledger, and the reason where there is nothing to read. */
#include "graph.h"

/* "d" goes in front of the last part of the name: bn1/xhat has the adjoint bn1/dxhat; later sweeps prefix s2/. */
struct naming {
    uint32_t sweep, of, number, node, site; /* number 0: the adjoint itself */
};

static bool name_one(tg_graph *g, const char *of, struct naming n) {
    const char *slash = strrchr(of, '/');
    size_t scope = slash ? (size_t)(slash - of) + 1 : 0, room = strlen(of) + 32;
    char *full = tg__name_room(g, room);
    if (!full) return false;
    size_t used = n.sweep > 1 ? (size_t)snprintf(full, room, "s%u/", n.sweep) : 0;
    memcpy(full + used, of, scope);
    used += scope;
    if (n.number)
        snprintf(full + used, room - used, "d%s%u", of + scope, n.number);
    else
        snprintf(full + used, room - used, "d%s", of + scope);
    return tg__name_give(g, n.node, full, n.number ? TG__TERM_NAME : TG__ADJOINT_NAME, n.site, n.of);
}

/* A term belongs to the stage that sent it; a seed and a sum to the stage of the node they are the adjoint of. */
static uint32_t site_of_term(const tg_graph *g, uint32_t node, const struct tg__event *e) {
    return tg__fact_of(g, e->sender ? e->sender : node)->site;
}

bool tg__name_adjoint(tg_graph *g, uint32_t sweep, uint32_t node, const struct tg__adjoint *a) {
    const bool several = a->first != a->last;
    const uint32_t own = several ? tg__fact_of(g, node)->site : site_of_term(g, node, tg__event_of(g, a->first));
    uint32_t last = 0; /* of the names before this sweep; a node may be its own adjoint's namesake */
    for (uint32_t row = tg__fact_of(g, node)->name; row; row = tg__name_next(g, row)) last = row;
    for (uint32_t row = tg__fact_of(g, node)->name; row; row = row == last ? 0 : tg__name_next(g, row)) {
        const char *of = tg__name_text(g, row);
        struct naming n = {.sweep = sweep, .of = node};
        for (uint32_t e = several ? a->first : 0; e; e = tg__event_of(g, e)->next) {
            const struct tg__event *term = tg__event_of(g, e);
            n.number++;
            n.node = term->term;
            n.site = site_of_term(g, node, term);
            if (!name_one(g, of, n)) return false;
        }
        n.number = 0;
        n.node = a->node;
        n.site = own;
        if (!name_one(g, of, n)) return false;
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------------- the why */

const char *tg__why_constant(const tg_graph *g, uint32_t id, char *text, size_t room) {
    const struct tg__node *n = tg__node_of(g, id);
    char name[80];
    tg__quote(g, id, name, sizeof name);
    if (n->dtype == TG_I32)
        snprintf(text, room, "%s is i32: integers carry no gradient", name);
    else if (n->op == &tg__op_const)
        snprintf(text, room, "%s is a constant", name);
    else if (!n->op->vjp)
        snprintf(text, room, "%s is the result of %s, which passes no gradient on", name, n->op->name);
    else
        snprintf(text, room, "%s depends on no input or param through differentiable operators", name);
    return text;
}

/* The operator behind which `from` is cut off from `to`: the first on any path between them that stops gradients;
 * `from` itself if none does, so that an operand without gradient is the reason; 0 if there is no path at all. One pass
 * over the tape from `to`, to mark what it depends on, and one back from `from`. */
uint32_t tg__cut_by(tg_graph *g, uint32_t from, uint32_t to) {
    size_t bytes = to - from + 1;
    unsigned char *needed = tg__alloc(g, 2 * bytes);
    if (!needed) return 0;
    unsigned char *reached = memset(needed, 0, 2 * bytes);
    reached += bytes;
    needed[to - from] = reached[0] = true;
    for (uint32_t id = to; id > from; id--) {
        const struct tg__node *n = tg__node_of(g, id);
        for (int i = 0; i < n->operands; i++)
            if (n->in[i] >= from && needed[id - from]) needed[n->in[i] - from] = true;
    }
    uint32_t cut = needed[0] ? from : 0;
    for (uint32_t id = from + 1; id <= to && cut == from; id++) {
        const struct tg__node *n = tg__node_of(g, id);
        for (int i = 0; i < n->operands; i++)
            if (n->in[i] >= from && reached[n->in[i] - from]) reached[id - from] = needed[id - from];
        if (reached[id - from] && !(n->flags & TG__DIFFERENTIABLE)) cut = id;
    }
    tg__release(g, needed, 2 * bytes);
    return cut;
}

static const struct tg_op grad = {.name = "grad"}; /* for messages */

static void explain(tg_grads d, const struct tg__sweep *s, tg_node a) {
    tg_graph *g = d.graph;
    char name[80], out[80], reason[200], stop[80];
    const tg_node said[] = {a, tg__handle(g, s->out)};
    tg__quote(g, a.id, name, sizeof name);
    tg__quote(g, s->out, out, sizeof out);
    uint32_t cut = a.id < s->out ? tg__cut_by(g, a.id, s->out) : 0;
    if (!(tg__node_of(g, a.id)->flags & TG__DIFFERENTIABLE))
        tg__fail(g, TG_GRADIENT, &grad, said, 1, "%s", tg__why_constant(g, a.id, reason, sizeof reason));
    else if (cut == a.id)
        tg__fail(g, TG_GRADIENT, &grad, said, 2,
                 "%s reaches %s only as an operand that has no gradient, such as a condition", name, out);
    else if (cut)
        tg__fail(g, TG_GRADIENT, &grad, said, 2, "%s reaches %s only behind %s %s, which passes no gradient on", name,
                 out, tg__node_of(g, cut)->op->name, tg__quote(g, cut, stop, sizeof stop));
    else
        tg__fail(g, TG_GRADIENT, &grad, said, 2, "%s does not depend on %s, so the sweep did not reach it", out, name);
}

/* ------------------------------------------------------------------------------------------------------ public */

bool tg_has_grad(tg_grads d, tg_node a) {
    const struct tg__sweep *s = tg__sweep_get(d);
    return s && a.graph == d.graph && tg__get(a) && tg__adjoint_of(s, a.id);
}

tg_node tg_grad(tg_grads d, tg_node a) {
    tg_graph *g = d.graph;
    if (!g || tg__is_broken(g)) return tg_nil(g);
    const struct tg__sweep *s = tg__sweep_get(d);
    if (!s) return tg_fail(g, TG_HANDLE, "grad: the sweep is %s", d.id ? "stale: the tape was rewound" : "nil");
    if (a.graph && a.graph != g) return tg_fail(g, TG_HANDLE, "grad: the node belongs to another graph");
    if (!tg__want((tg_node){g, a.id, a.epoch}, "grad")) return tg_nil(g);
    struct tg__adjoint *adjoint = tg__adjoint_of(s, a.id);
    if (adjoint) return tg__handle(g, adjoint->node);
    explain(d, s, a);
    return tg_nil(g);
}

size_t tg_grad_terms(tg_grads d, tg_node a, tg_term *terms, size_t room) {
    if (!tg_has_grad(d, a)) return 0;
    tg_graph *g = d.graph;
    size_t n = 0;
    for (uint32_t e = tg__adjoint_of(tg__sweep_get(d), a.id)->first; e; e = tg__event_of(g, e)->next, n++) {
        const struct tg__event *event = tg__event_of(g, e);
        if (!terms || n >= room) continue;
        terms[n] = (tg_term){.term = tg__handle(g, event->term), .slot = event->slot};
        terms[n].sender = event->sender ? tg__handle(g, event->sender) : tg_nil(g);
    }
    return n;
}
