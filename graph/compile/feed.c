/* What a program reads: its leaves, and nodes that it is given. */
#include "program.h"

/* A leaf without an origin is a constant, which has its value on the small tape. */
bool tg__feeds_new(tg_program *p) {
    tg_graph *g = p->graph, *small = p->small.graph;
    size_t count = 0;
    for (uint32_t id = 1; id < p->length; id++) {
        const struct tg__node *n = tg__node_of(small, id);
        if (n->op == &tg__op_const) p->at[id] = (void *)(uintptr_t)tg__value_of(small, id)->data;
        count += tg__is_leaf(n) && n->op != &tg__op_const;
    }
    p->feed = tg__alloc(g, (count + 1) * sizeof *p->feed);
    if (!p->feed) return false;
    p->feeds = count;
    count = 0;
    for (uint32_t id = 1; id < p->length; id++) {
        const struct tg__node *n = tg__node_of(small, id);
        if (tg__is_leaf(n) && n->op != &tg__op_const)
            p->feed[count++] = (struct tg__feed){id, p->small.origin[id], NULL};
    }
    return true;
}

/* The first node that misses something says so, as in a run of the tape. */
TG__APART static bool complain(const tg_program *p, const struct tg__feed *lacking) {
    tg_graph *g = p->graph;
    char name[80];
    uint32_t user = 0;
    for (uint32_t id = lacking->leaf; id < p->length && !user; id++) {
        const struct tg__node *n = tg__node_of(p->small.graph, id);
        for (int i = 0; i < n->operands; i++)
            if (n->in[i] == lacking->leaf) user = p->small.origin[id];
    }
    if (tg__is_leaf(tg__node_of(g, lacking->from)))
        tg__missing(g, user, lacking->from);
    else
        tg__fail_run(g, TG_VALUE, user, "%s is given but has no value: tg_run_to it or tg_program_give it one before",
                     tg__quote(g, lacking->from, name, sizeof name));
    return false;
}

/* What is borrowed may be a result of this very program, which would be overwritten while it is read. */
static bool is_written(const tg_program *p, const void *data, size_t bytes) {
    for (size_t i = 0; i < p->count; i++) {
        const uintptr_t ours = (uintptr_t)tg__result(p, i), theirs = (uintptr_t)data;
        const size_t size = tg__bytes(tg__node_of(p->small.graph, p->small.result[i]));
        if (ours && theirs < ours + size && ours < theirs + bytes) return true;
    }
    return false;
}

TG__APART static bool refuse(const tg_program *p, const struct tg__feed *f) {
    char name[80];
    tg__fail_run(p->graph, TG_ARGUMENT, 0,
                 "%s lies in memory that this program writes its own results to: copy them first",
                 tg__quote(p->graph, f->from, name, sizeof name));
    return false;
}

bool tg__feed(tg_program *p) {
    tg_graph *g = p->graph;
    for (size_t i = 0; i < p->feeds; i++) {
        const struct tg__feed *f = &p->feed[i];
        const struct tg__node *n = tg__node_of(g, f->from);
        const struct tg__value *v = tg__value_of(g, f->from);
        if (!f->given && !(tg__is_leaf(n) ? v->valid : tg__valid(g, f->from))) return complain(p, f);
        const void *data = f->given ? f->given : v->data;
        if ((f->given || v->bound) && is_written(p, data, tg__bytes(n))) return refuse(p, f);
        p->at[f->leaf] = (void *)(uintptr_t)data;
    }
    return true;
}

/* The small tape has copies of what it reads, so that it is a tape like any other, whatever becomes of the graph's
 * memory. Messages speak of the graph's nodes. */
tg_status tg__interpret(tg_program *p) {
    tg_graph *g = p->graph, *small = p->small.graph;
    tg_status status = TG_OK;
    small->any_blas = g->any_blas;
    for (size_t i = 0; i < p->feeds && !status; i++)
        status = tg_set(tg__handle(small, p->feed[i].leaf), p->at[p->feed[i].leaf]);
    small->spoken = p->small.origin;
    if (!status) status = tg_run_to(tg__handle(small, p->length - 1));
    small->spoken = NULL;
    if (!status) return TG_OK;
    tg__fail_as(g, small, p->small.origin, NULL);
    tg__clear_run(small);
    return g->error.status;
}

/* ------------------------------------------------------------------------------------------------------- giving */

static bool is_assigned(const tg_program *p, uint32_t id) {
    for (uint32_t row = 1; row < p->assigns; row++)
        if (tg__assign_of(p->graph, row)->leaf == id) return true;
    return false;
}

static bool is_given(const tg_program *p, uint32_t id) {
    for (size_t i = 0; i < p->givens; i++)
        if (p->given[i] == id) return true;
    return false;
}

static bool may_give(const tg_program *p, tg_node node) {
    tg_graph *g = p->graph;
    const struct tg__node *n = node.graph == g ? tg__get(node) : NULL;
    char name[80];
    if (!n) {
        tg__fail_run(g, TG_HANDLE, 0, "program_give: the node is %s",
                     node.id == 0      ? "nil"
                     : node.graph != g ? "of another graph"
                                       : "stale: the tape was rewound below it");
        return false;
    }
    tg__quote(g, node.id, name, sizeof name);
    if (n->op != &tg__op_input && n->op != &tg__op_param && !is_given(p, node.id))
        tg__fail_run(g, TG_ARGUMENT, 0, "program_give: %s is no input, no param and not among the given of tg_compile",
                     name);
    else if (is_assigned(p, node.id))
        tg__fail_run(g, TG_ARGUMENT, 0, "program_give: %s takes a value at each step: it is read from the graph", name);
    else
        return true;
    return false;
}

/* A node that algebra has made superfluous is not missed. */
tg_status tg_program_give(tg_program *p, tg_node node, const void *data) {
    if (!p) return TG_HANDLE;
    tg__clear_run(p->graph);
    if (p->graph->error.status || !tg__stands(p, "program_give") || !may_give(p, node)) return p->graph->error.status;
    for (size_t i = 0; i < p->feeds; i++)
        if (p->feed[i].from == node.id) p->feed[i].given = data;
    return TG_OK;
}
