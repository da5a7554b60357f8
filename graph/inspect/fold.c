/* Scopes folded to a line each: which nodes fold together, and what goes in and out. */
#include "inspect.h"

enum use { INSIDE = 1, OUTSIDE = 2 };
enum { LISTED = 6 };

/* ---------------------------------------------------------------------------------------------- what folds where */

/* The outermost scope around it that is not around `open`; 0: none. */
static uint32_t folded_scope(const tg_graph *g, uint32_t scope, const char *open) {
    uint32_t outermost = 0;
    for (; scope; scope = tg__scope_of(g, scope)->parent) {
        const char *prefix = tg__scope_of(g, scope)->prefix;
        if (strncmp(prefix, open, strlen(prefix)) != 0) outermost = tg__scope_of(g, scope)->owner;
    }
    return outermost;
}

/* A number that nobody has named or placed goes with what comes behind it. */
static bool is_adrift(const tg_graph *g, uint32_t id) {
    const struct tg__fact *fact = tg__fact_of(g, id);
    return tg__node_of(g, id)->op == &tg__op_const && fact->site == TG__LEAF_SITE && !fact->name;
}

static void assign(struct tg__fold *f, const char *open) {
    const tg_graph *g = f->graph;
    uint32_t scope = 0, folded = 0;
    for (uint32_t id = g->nodes.length - 1; id > 0; id--) {
        const uint32_t own = tg__site_of(g, tg__fact_of(g, id)->site)->scope;
        if (!is_adrift(g, id) && own != scope) {
            scope = own;
            folded = folded_scope(g, scope, open);
        }
        f->scope[id] = folded;
    }
    for (uint32_t id = 1; id < g->nodes.length; id++) {
        const struct tg__node *n = tg__node_of(g, id);
        for (int slot = 0; slot < n->operands; slot++)
            f->use[n->in[slot]] |= f->scope[n->in[slot]] == f->scope[id] ? INSIDE : OUTSIDE;
    }
}

bool tg__fold_new(struct tg__fold *f, tg_graph *g, const char *open) {
    const size_t nodes = g->nodes.length;
    *f = (struct tg__fold){.graph = g, .bytes = nodes * (sizeof *f->scope + sizeof *f->use)};
    f->scope = tg__alloc(g, f->bytes);
    if (!f->scope) return false;
    memset(f->scope, 0, f->bytes);
    f->use = (unsigned char *)(f->scope + nodes);
    assign(f, open ? open : "");
    return true;
}

void tg__fold_free(struct tg__fold *f) { tg__release(f->graph, f->scope, f->bytes); }

/* ------------------------------------------------------------------------------------------------- what they are */

/* The number 1 that a sweep starts from was made for it, just before. */
uint32_t tg__sweep_begin(const tg_graph *g, uint32_t sweep) {
    if (sweep >= g->sweeps.length) return UINT32_MAX;
    const struct tg__sweep *s = tg__row(&g->sweeps, sweep);
    const struct tg__adjoint *a = tg__adjoint_of(s, s->out);
    if (!a) return UINT32_MAX; /* memory was out as it began */
    const struct tg__event *seed = tg__event_of(g, a->first);
    const bool own = seed->term + 1 == seed->length && tg__node_of(g, seed->term)->op == &tg__op_const &&
                     tg__fact_of(g, seed->term)->site == TG__LEAF_SITE;
    return own ? seed->term : seed->length;
}

uint32_t tg__fold_end(const struct tg__fold *f, uint32_t first) {
    uint32_t end = first + 1, sweep = 1;
    while (tg__sweep_begin(f->graph, sweep) <= first) sweep++;
    const uint32_t next = tg__sweep_begin(f->graph, sweep);
    while (end < f->graph->nodes.length && end < next && f->scope[end] == f->scope[first]) end++;
    return end;
}

struct list {
    uint32_t id[LISTED];
    int count;
    bool more;
};

static void enlist(struct list *l, uint32_t id) {
    for (int i = 0; i < l->count; i++)
        if (l->id[i] == id) return;
    if (l->count < LISTED)
        l->id[l->count++] = id;
    else
        l->more = true;
}

static void gather(const struct tg__fold *f, uint32_t first, uint32_t end, struct list *in, struct list *out) {
    *in = *out = (struct list){0};
    for (uint32_t id = first; id < end; id++) {
        const struct tg__node *n = tg__node_of(f->graph, id);
        for (int slot = 0; slot < n->operands; slot++)
            if (f->scope[n->in[slot]] != f->scope[first] && !is_adrift(f->graph, n->in[slot])) enlist(in, n->in[slot]);
        if (f->use[id] != INSIDE && !tg__is_leaf(n)) enlist(out, id);
    }
}

static size_t put_list(const struct tg__fold *f, const struct list *l, char *text, size_t room) {
    size_t used = 0;
    char name[32];
    for (int i = 0; i < l->count && used + sizeof name + sizeof ", …" < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%s", i ? ", " : "",
                                 tg__label(f->graph, l->id[i], name, sizeof name));
    if (l->more) used += (size_t)snprintf(text + used, room - used, ", …");
    return used;
}

const char *tg__fold_text(const struct tg__fold *f, uint32_t first, uint32_t end, char *text, size_t room) {
    struct list in, out;
    gather(f, first, end, &in, &out);
    size_t used = (size_t)snprintf(text, room, end - first == 1 ? "%u node: " : "%u nodes: ", end - first);
    used += put_list(f, &in, text + used, (room - used) / 2);
    used += (size_t)snprintf(text + used, room - used, " → ");
    put_list(f, &out, text + used, room - used);
    return text;
}

uint32_t tg__fold_out(const struct tg__fold *f, uint32_t first, uint32_t end) {
    struct list in, out;
    gather(f, first, end, &in, &out);
    return out.count == 1 ? out.id[0] : 0;
}
