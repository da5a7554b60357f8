/* A pair of functions cut out of the tape. Forward is what `out` depends on. Backward is what leads from the cotangent
 * of out to the gradients of forward's leaves, as the sweep has built it; a term that a leaf or a node of forward has
 * from a consumer outside, along a way that does not pass through out, comes from outside: it is given. */
#include "export.h"

enum { ROLE = 0x0f, NEEDED = 0x40, FROM_OUTSIDE = 0x80 }; /* marks beside a role, while roles are dealt out */

static bool is_given(const tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    if (!tg__is_leaf(n)) return false;
    return n->op != &tg__op_const || n->shape->count > TG__WRITTEN_OUT || id >= g->values.length ||
           !tg__value_of(g, id)->valid;
}

static bool in_forward(const struct tg__part *p, uint32_t id) {
    const int role = id <= p->out ? p->role[id] & ROLE : TG__ABSENT;
    return role == TG__ARGUMENT || role == TG__FORWARD;
}

static void mark_forward(struct tg__part *p) {
    p->role[p->out] = TG__FORWARD;
    for (uint32_t id = p->out; id > 0; id--) {
        if (p->role[id] == TG__ABSENT) continue;
        const struct tg__node *n = tg__node_of(p->graph, id);
        if (is_given(p->graph, id)) p->role[id] = TG__ARGUMENT;
        for (int i = 0; i < n->operands; i++) p->role[n->in[i]] = TG__FORWARD;
    }
}

/* A number that other nodes share is no name for a cotangent: a given one would change the 2 of a 2*x too. */
static bool may_be_given(const struct tg__part *p, uint32_t id) {
    return id <= p->last && p->role[id] == TG__ABSENT && !tg__is_shared_scalar(p->graph, id);
}

static void mark_terms_from_outside(struct tg__part *p, const struct tg__sweep *s) {
    for (uint32_t id = 1; id < p->out; id++) {
        const struct tg__adjoint *a = in_forward(p, id) ? tg__adjoint_of(s, id) : NULL;
        for (uint32_t row = a ? a->first : 0; row; row = tg__event_of(p->graph, row)->next) {
            const struct tg__event *e = tg__event_of(p->graph, row);
            if (!in_forward(p, e->sender) && may_be_given(p, e->term)) p->role[e->term] = FROM_OUTSIDE;
        }
    }
}

static void mark_backward(struct tg__part *p) {
    for (uint32_t id = p->last; id > 0; id--) {
        unsigned char *role = &p->role[id];
        const bool needed = *role & NEEDED, from_outside = *role & FROM_OUTSIDE;
        *role &= ROLE;
        if (!needed || *role != TG__ABSENT) continue;
        *role = from_outside || is_given(p->graph, id) ? TG__EXTRA : TG__BACKWARD;
        const struct tg__node *n = tg__node_of(p->graph, id);
        for (int i = 0; i < n->operands && *role == TG__BACKWARD; i++) p->role[n->in[i]] |= NEEDED;
    }
}

uint32_t tg__part_gradient(const struct tg__part *p, uint32_t argument) {
    const struct tg__adjoint *a = tg__adjoint_of(tg__sweep_get(p->sweep), argument);
    if (!a || argument == p->out) return a ? a->node : 0;
    for (uint32_t row = a->first; row; row = tg__event_of(p->graph, row)->next)
        if (in_forward(p, tg__event_of(p->graph, row)->sender)) return a->node;
    return 0;
}

static void deal_roles(struct tg__part *p, const struct tg__sweep *s) {
    mark_forward(p);
    const uint32_t cotangent = tg__adjoint_of(s, p->out)->node;
    if (may_be_given(p, cotangent)) p->role[cotangent] = TG__COTANGENT;
    mark_terms_from_outside(p, s);
    for (uint32_t id = 1; id <= p->out; id++) {
        const uint32_t gradient = (p->role[id] & ROLE) == TG__ARGUMENT ? tg__part_gradient(p, id) : 0;
        if (gradient) p->role[gradient] |= NEEDED;
    }
    mark_backward(p);
}

/* -------------------------------------------------------------------------------------------------- asking for it */

static bool refuse(tg_grads d, tg_node *out, const char *who) {
    tg_graph *g = d.graph;
    const struct tg__sweep *s = tg__sweep_get(d);
    char name[80], of[80];
    if (tg__is_broken(g)) return true; /* and has said why */
    if (!s) {
        tg__fail_run(g, TG_HANDLE, 0, "%s: the sweep is %s", who,
                     d.id ? "stale: the tape was rewound" : "nil: there is nothing backward to write; see tg_backward");
        return true;
    }
    if (out->id == 0) *out = tg__handle(g, s->out);
    if (out->graph != g || !tg__get(*out)) {
        tg__fail_run(g, TG_HANDLE, 0, "%s: the handle of out %s", who,
                     out->graph == g ? "is stale: the tape was rewound" : "belongs to another graph");
        return true;
    }
    if (tg__adjoint_of(s, out->id)) return false;
    tg__fail_run(g, TG_GRADIENT, 0, "%s: the sweep of %s did not pass %s, so nothing leads backward from there", who,
                 tg__quote(g, s->out, of, sizeof of), tg__quote(g, out->id, name, sizeof name));
    return true;
}

/* No node behind it has a part: an adjoint may be older than the sweep, if it is the seed. */
static uint32_t last_of(const struct tg__sweep *s, uint32_t out) {
    uint32_t last = out;
    for (uint32_t id = 1; id <= out; id++) {
        const struct tg__adjoint *a = tg__adjoint_of(s, id);
        if (a && a->node > last) last = a->node;
    }
    return last;
}

bool tg__part_new(struct tg__part *p, tg_grads d, tg_node out, const char *function, const char *who) {
    *p = (struct tg__part){.graph = d.graph, .sweep = d};
    if (!d.graph || refuse(d, &out, who) || (function && !tg__names_function(d.graph, function, who))) return false;
    const struct tg__sweep *s = tg__sweep_get(d);
    p->out = out.id;
    p->last = last_of(s, out.id);
    p->bytes = (size_t)p->last + 1;
    p->role = tg__alloc(d.graph, p->bytes);
    if (!p->role) return false;
    memset(p->role, TG__ABSENT, p->bytes);
    deal_roles(p, s);
    if (tg__idents_new(p, function ? function : "network")) return true;
    tg__part_free(p);
    return false;
}

void tg__part_free(struct tg__part *p) {
    tg__idents_free(p);
    tg__release(p->graph, p->role, p->bytes);
    p->role = NULL;
}

/* --------------------------------------------------------------------------------------------------------- files */

struct wish {
    tg_grads sweep;
    tg_node out;
    const char *function, *who;
    bool (*write)(struct tg__sheet *s, const struct tg__part *p);
};

static bool write_part(struct tg__sheet *s, void *user) {
    const struct wish *w = user;
    struct tg__part p;
    if (!tg__part_new(&p, w->sweep, w->out, w->function, w->who)) return false;
    const bool written = w->write(s, &p);
    tg__part_free(&p);
    return written;
}

tg_status tg__write_part(tg_grads d, tg_node out, const char *function, const char *path, const char *who,
                         bool (*write)(struct tg__sheet *s, const struct tg__part *p)) {
    return tg__write_sheet(d.graph, path, write_part, &(struct wish){d, out, function, who, write});
}
