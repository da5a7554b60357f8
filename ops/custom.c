/* Operators of the user's own: what our rows lend to theirs, and those that are a forward and a vjp in public
 * operators.
 */
#include "kernel.h"
#include "ops.h"

bool tg_rule_broadcast(tg_rule *r) { return tg__rule_broadcast(r); }
bool tg_rule_first(tg_rule *r) { return tg__rule_unary(r); }
bool tg_rule_any(tg_rule *r) { return tg__rule_any(r); }
bool tg_rule_floats(tg_rule *r) { return tg__rule_floats(r); }

/* The driver walks over the operands as a broadcast of floats; a row with another shape rule may have none. */
tg_status tg_run_elementwise(tg_call *c) {
    const struct tg__node *n = c->node;
    bool fits = n->dtype != TG_I32;
    if (!n->op->loop[0] || !n->op->loop[1])
        return tg__fail_run(c->graph, TG_ARGUMENT, c->id, "run_elementwise: the row has no loop to call");
    for (int i = 0; i < n->operands; i++) {
        const struct tg__node *x = tg__node_of(c->graph, n->in[i]);
        fits &= x->dtype == n->dtype && tg__broadcasts_to(&x->shape->dims, &n->shape->dims);
    }
    if (fits) return tg__run_elementwise(c);
    return tg__fail_run(c->graph, TG_SHAPE, c->id,
                        "run_elementwise: the operands do not broadcast to the result, or are of another dtype");
}

/* ----------------------------------------------------------------------------------------- a forward and a vjp
 * One node: operand 0 is what forward gave, whose memory it has; the operands behind it are the user's. */

struct own {
    const tg_custom_op *op;
    void *user;
};

static tg_node custom_vjp(tg_node z, tg_node g, int slot) {
    if (slot == 0) return tg_nil(z.graph);
    const struct tg_op *row = tg__node_of(z.graph, z.id)->op;
    const struct own *own = row->user;
    tg_node in[TG__OPERANDS];
    const int n = row->operands - 1;
    for (int i = 0; i < n; i++) in[i] = tg__in(z, i + 1);
    const uint32_t scope = z.graph->scope;
    const tg_node term = own->op->vjp(z, g, in, slot - 1, own->user);
    if (z.graph->scope != scope)
        return tg__fail(z.graph, TG_NAME, row, in, n, "its vjp leaves another scope open");
    if (tg_is_nil(term) && !tg__is_broken(z.graph))
        return tg__fail(z.graph, TG_GRADIENT, row, in, n, "its vjp gave nothing for operand %d", slot);
    return !tg_is_nil(term) && tg__is_term(z, slot, term, slot) ? term : tg_nil(z.graph);
}

/* The letters of the user's operands begin behind x, which is the result. */
static void texts(struct tg_op *row, int n, char text[4][200]) {
    static const char letters[] = "ywv";
    int at[4] = {0};
    at[0] = snprintf(text[0], sizeof text[0], "z = %s(", row->name);
    at[1] = snprintf(text[1], sizeof text[1], "none");
    at[2] = snprintf(text[2], sizeof text[2], "\\mathrm{");
    at[3] = snprintf(text[3], sizeof text[3], "0");
    for (const char *s = row->name; *s; s++) at[2] += snprintf(text[2] + at[2], 4, *s == '_' ? "\\%c" : "%c", *s);
    at[2] += snprintf(text[2] + at[2], 16, "}\\left(");
    for (int i = 0; i < n; i++) {
        at[0] += snprintf(text[0] + at[0], 8, i ? ", %c" : "%c", letters[i]);
        at[1] += snprintf(text[1] + at[1], 64, ", %s_vjp(g)", row->name);
        at[2] += snprintf(text[2] + at[2], 8, i ? ", %c" : "%c", letters[i]);
        at[3] += snprintf(text[3] + at[3], 48, ", {\\mathrm{vjp}}_{%d}\\left(g\\right)", i + 1);
    }
    snprintf(text[0] + at[0], 8, ")");
    snprintf(text[2] + at[2], 16, "\\right)");
    row->formula = text[0];
    row->gradient = text[1];
    row->tex = text[2];
    row->tex_back = text[3];
}

/* A row for one op, number of operands and user: made once, as equal bytes are the same pointer. */
static const struct tg_op *row_for(tg_graph *g, const tg_custom_op *op, int n, void *user) {
    struct own own;
    struct tg_op row;
    char text[4][200];
    memset(&own, 0, sizeof own);
    memset(&row, 0, sizeof row);
    own.op = op;
    own.user = user;
    row.name = op->name;
    texts(&row, n, text);
    const char **const kept[] = {&row.name, &row.formula, &row.gradient, &row.tex, &row.tex_back};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (!(*kept[i] = tg__intern_text(g, *kept[i]))) return NULL;
    row.numpy = "x";
    row.operands = n + 1;
    row.view = true;
    row.shape = tg__rule_any;
    row.run = tg__run_view;
    row.emit = tg__emit_view;
    row.vjp = custom_vjp;
    row.user = tg__intern(g, &own, sizeof own);
    return row.user ? tg__intern(g, &row, sizeof row) : NULL;
}

/* ------------------------------------------------------------------------------------------------- asking for it */

static bool is_custom(tg_graph *g, const tg_custom_op *op, int n) {
    char name[80];
    if (!op || !op->name || !op->forward || !op->vjp) {
        tg_fail(g, TG_ARGUMENT, "custom: %s is NULL",
                !op            ? "the operator"
                : !op->name    ? "name"
                : !op->forward ? "forward"
                               : "vjp");
        return false;
    }
    tg__clean(op->name, name, sizeof name);
    if (!tg__is_identifier(op->name))
        tg_fail(g, TG_NAME, "custom: name '%s' is no identifier, of 2 letters or more", name);
    else if (tg__row_called(g, op->name))
        tg_fail(g, TG_NAME, "custom: name '%s' is taken by another operator", name);
    else if (n < 1 || n >= TG__OPERANDS)
        tg_fail(g, TG_ARGUMENT, "%s: %d operands; one made of a forward and a vjp has 1 to %d", name, n,
                TG__OPERANDS - 1);
    else
        return true;
    return false;
}

/* What forward has taken from elsewhere: a gradient would be due to it, and vjp cannot give one. 0: nothing. */
static uint32_t smuggled(tg_node y, const tg_node *in, int n, uint32_t first) {
    const tg_graph *g = y.graph;
    for (uint32_t id = first; id <= g->nodes.length; id++) {
        const struct tg__node *node = id < g->nodes.length ? tg__node_of(g, id) : NULL;
        for (int i = 0; i < (node ? node->operands : 1); i++) { /* behind the last node: y itself */
            const uint32_t from = node ? node->in[i] : y.id;
            bool given = from >= first || !(tg__node_of(g, from)->flags & TG__DIFFERENTIABLE);
            for (int k = 0; k < n; k++) given |= in[k].id == from;
            if (!given) return from;
        }
    }
    return 0;
}

tg_node tg_custom(const tg_custom_op *op, const tg_node *in, int n, void *user) {
    tg_graph *g = in ? tg__common_graph(in, n) : NULL;
    const struct tg__node *from[TG__OPERANDS];
    if (!g || tg__is_broken(g) || !is_custom(g, op, n)) return tg_nil(g);
    const struct tg_op *row = row_for(g, op, n, user), called = {.name = op->name, .operands = n};
    if (!row || !tg__open_operands(g, &called, in, from)) return tg_nil(g);

    const uint32_t first = g->nodes.length, scope = g->scope;
    char name[80];
    g->guests++;
    tg_node all[TG__OPERANDS] = {op->forward(in, user)};
    g->guests--;
    if (tg__is_broken(g)) return tg_nil(g);
    if (g->scope != scope) return tg__fail(g, TG_NAME, &called, in, n, "its forward leaves another scope open");
    if (all[0].graph != g || !tg__get(all[0]))
        return tg__fail(g, TG_HANDLE, &called, in, n, "its forward gave %s",
                        tg_is_nil(all[0]) ? "nothing" : "a node that is stale or of another graph");
    const uint32_t other = smuggled(all[0], in, n, first);
    if (other)
        return tg__fail(g, TG_GRADIENT, &called, in, n,
                        "its forward reads %s, which is no operand: make it one, or detach it, for its gradient would "
                        "be lost",
                        tg__quote(g, other, name, sizeof name));
    for (int i = 0; i < n; i++) all[i + 1] = in[i];
    return tg__apply(row, all, NULL);
}
