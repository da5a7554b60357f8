/* Lines of a part. A nameless node that one other uses is written out there, unless that would nest too deep. A further
 * name of a node is a line of its own, where the sweep delivered it: dgammax = dout, when out has sent it. */
#include "lines.h"

enum { OWN = 1, CACHED = 2, USED = 4, SHARED = 8, HEIGHT = 16 }; /* HEIGHT: a count, in the bits from there on */
enum { NESTED = 3 };

bool tg__is_in_forward(const struct tg__part *p, uint32_t id) {
    return id <= p->last && (p->role[id] == TG__ARGUMENT || p->role[id] == TG__FORWARD);
}

static bool is_line(const struct tg__part *p, uint32_t id) {
    return p->role[id] == TG__FORWARD || p->role[id] == TG__BACKWARD;
}

bool tg__is_number(const struct tg__lines *l, uint32_t id) {
    double v;
    return is_line(l->part, id) && tg__is_scalar_const(l->part->graph, id, &v) && !(l->mark[id] & OWN);
}
bool tg__has_line(const struct tg__lines *l, uint32_t id) { return !is_line(l->part, id) || l->mark[id] & OWN; }
bool tg__is_cached(const struct tg__lines *l, uint32_t id) { return l->mark[id] & CACHED; }

/* ------------------------------------------------------------------------------------------------ who has a line */

static void use(struct tg__lines *l, uint32_t id, bool backward) {
    l->mark[id] |= l->mark[id] & USED ? SHARED : USED;
    if (backward && tg__is_in_forward(l->part, id)) l->mark[id] |= CACHED;
}

static void count_uses(struct tg__lines *l) {
    const struct tg__part *p = l->part;
    for (uint32_t id = 1; id <= p->last; id++) {
        const struct tg__node *n = tg__node_of(p->graph, id);
        for (int i = 0; is_line(p, id) && i < n->operands; i++) use(l, n->in[i], p->role[id] == TG__BACKWARD);
        const uint32_t gradient = p->role[id] == TG__ARGUMENT ? tg__part_gradient(p, id) : 0;
        if (gradient) use(l, gradient, true), l->mark[gradient] |= OWN;
    }
    l->mark[p->out] |= OWN;
}

static bool is_plain_number(const tg_graph *g, uint32_t id) {
    double v;
    return tg__is_scalar_const(g, id, &v) && tg__node_of(g, id)->shape->dims.rank == 0;
}

static void give_lines(struct tg__lines *l) {
    const struct tg__part *p = l->part;
    for (uint32_t id = 1; id <= p->last; id++) {
        if (!is_line(p, id)) continue;
        const struct tg__node *n = tg__node_of(p->graph, id);
        int height = 0;
        for (int i = 0; i < n->operands; i++)
            if (!tg__has_line(l, n->in[i]) && l->mark[n->in[i]] / HEIGHT >= height)
                height = l->mark[n->in[i]] / HEIGHT + 1;
        if (is_plain_number(p->graph, id))
            l->mark[id] &= tg__fact_of(p->graph, id)->name || l->mark[id] & OWN ? 0xff : (unsigned char)~CACHED;
        else if (tg__is_leaf(n) || l->mark[id] & (SHARED | CACHED) || height > NESTED)
            l->mark[id] |= OWN;
        if (tg__fact_of(p->graph, id)->name) l->mark[id] |= OWN;
        if (!(l->mark[id] & OWN) && !tg__is_leaf(n)) l->mark[id] |= (unsigned char)(height * HEIGHT);
    }
}

/* ------------------------------------------------------------------------------------------------------ aliases
 * when[row]: the node in front of which the line stands, 0: it has none. The lines in front of a node are a list, from
 * first[node] along next[row]. */

static bool is_of_sweep(const struct tg__sweep *s, uint32_t row) { return row >= s->first_name && row < s->last_name; }

static bool alias_has_line(const struct tg__part *p, const struct tg__sweep *s, uint32_t row) {
    const uint32_t owner = tg__name_owner(p->graph, row), of = tg__name_of(p->graph, row);
    if (owner > p->last || p->role[owner] == TG__ABSENT || tg__fact_of(p->graph, owner)->name == row) return false;
    return is_of_sweep(s, row) ? tg__is_in_forward(p, of) : !of || row < s->first_name;
}

/* The rows of a target's terms stand together, in the order of their delivery: one walk along them does. */
static void time_aliases(struct tg__lines *l, const struct tg__sweep *s) {
    const struct tg__part *p = l->part;
    uint32_t target = 0, event = 0;
    for (uint32_t row = 1; row < l->rows; row++) {
        const uint32_t owner = tg__name_owner(p->graph, row), of = tg__name_of(p->graph, row);
        uint32_t when = owner + 1;
        if (is_of_sweep(s, row) && of) {
            if (of != target) event = tg__adjoint_of(s, of)->first;
            target = of;
            while (event && tg__event_of(p->graph, event)->term != owner) event = tg__event_of(p->graph, event)->next;
            if (event) when = tg__event_of(p->graph, event)->length;
            if (!event) event = tg__adjoint_of(s, of)->first; /* it was the sum; the next alias of target begins anew */
        }
        if (!alias_has_line(p, s, row)) continue;
        l->when[row] = when <= p->last ? when : p->last + 1;
        if (is_of_sweep(s, row)) use(l, owner, true);
    }
}

static void link_aliases(struct tg__lines *l) {
    for (uint32_t row = (uint32_t)l->rows; row-- > 1;) {
        if (!l->when[row]) continue;
        l->next[row] = l->first[l->when[row]];
        l->first[l->when[row]] = row;
    }
}

/* ------------------------------------------------------------------------------------------------------- making */

static void *zeros(tg_graph *g, size_t count, size_t size) {
    void *block = tg__alloc(g, count * size);
    return block ? memset(block, 0, count * size) : NULL;
}

bool tg__lines_new(struct tg__lines *l, const struct tg__part *p) {
    *l = (struct tg__lines){.part = p, .nodes = (size_t)p->last + 2, .rows = p->aliases};
    l->mark = zeros(p->graph, l->nodes, sizeof *l->mark);
    l->first = zeros(p->graph, l->nodes, sizeof *l->first);
    l->when = zeros(p->graph, l->rows, sizeof *l->when);
    l->next = zeros(p->graph, l->rows, sizeof *l->next);
    if (!l->mark || !l->first || !l->when || !l->next) {
        tg__lines_free(l);
        return false;
    }
    count_uses(l);
    time_aliases(l, tg__sweep_get(p->sweep));
    give_lines(l);
    link_aliases(l);
    return true;
}

void tg__lines_free(struct tg__lines *l) {
    tg_graph *g = l->part->graph;
    if (l->mark) tg__release(g, l->mark, l->nodes * sizeof *l->mark);
    if (l->first) tg__release(g, l->first, l->nodes * sizeof *l->first);
    if (l->when) tg__release(g, l->when, l->rows * sizeof *l->when);
    if (l->next) tg__release(g, l->next, l->rows * sizeof *l->next);
}

/* ------------------------------------------------------------------------------------------------------ reading */

static bool is_backward_alias(const struct tg__lines *l, uint32_t row) {
    return is_of_sweep(tg__sweep_get(l->part->sweep), row) ||
           !tg__is_in_forward(l->part, tg__name_owner(l->part->graph, row));
}

static struct tg__line line_of(const tg_graph *g, uint32_t node, uint32_t row, bool alias) {
    const uint32_t of = row ? tg__name_of(g, row) : 0;
    const struct tg__site *site = tg__site_of(g, tg__fact_of(g, of ? of : node)->site);
    return (struct tg__line){node, row, alias, row ? tg__step_of(g, row) : site->stage, site->scope};
}

void tg__each_line(const struct tg__lines *l, bool backward, void (*visit)(void *user, const struct tg__line *line),
                   void *user) {
    const struct tg__part *p = l->part;
    for (uint32_t id = 1; id <= p->last + 1; id++) {
        for (uint32_t row = l->first[id]; row; row = l->next[row]) {
            const struct tg__line line = line_of(p->graph, tg__name_owner(p->graph, row), row, true);
            if (is_backward_alias(l, row) == backward) visit(user, &line);
        }
        if (id > p->last || p->role[id] != (backward ? TG__BACKWARD : TG__FORWARD) || !(l->mark[id] & OWN)) continue;
        const struct tg__line line = line_of(p->graph, id, tg__fact_of(p->graph, id)->name, false);
        visit(user, &line);
    }
}

const char *tg__word_for(const struct tg__lines *l, uint32_t id, uint32_t consumer) {
    const struct tg__part *p = l->part;
    const uint32_t row = tg__name_for(p->graph, id, consumer);
    const bool known = row && row < l->rows && l->when[row] && l->when[row] <= consumer &&
                       is_backward_alias(l, row) == (p->role[consumer] == TG__BACKWARD);
    return known ? tg__ident_alias(p, row) : tg__ident(p, id);
}
