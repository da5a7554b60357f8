/* A wrong backward on purpose: a sweep once more, with one of its edges bent. What a test, a check or a student has to
 * find can so be made, one mistake at a time. */
#include "inspect.h"

/* -------------------------------------------------------------------------------------------------- the mistakes */

/* 0, whatever the term is: NaN too. A zero is delivered rather than nothing, so that a mutant has the same gradients,
 * ledgers and names as what it is laid beside. */
static tg_node drop(tg_node term, tg_node factor) {
    (void)factor;
    const tg_node zero = tg_scalar_like(term, 0);
    return tg_where(zero, term, zero);
}

static tg_node flip(tg_node term, tg_node factor) {
    (void)factor;
    return tg_neg(term);
}

static tg_node scale(tg_node term, tg_node factor) { return tg_mul(term, factor); }

static tg_node (*const mistakes[])(tg_node, tg_node) = {[TG_DROP] = drop, [TG_FLIP] = flip, [TG_SCALE] = scale};

/* ----------------------------------------------------------------------------------------- what readers say of it */

tg_mutation tg__bend_kind(const struct tg__bend *b) {
    int kind = TG_DROP;
    while (kind < TG_SCALE && mistakes[kind] != b->apply) kind++;
    return (tg_mutation)kind;
}

const struct tg__bend *tg__bend_of(const struct tg__sweep *s, uint32_t sender, int slot, uint32_t from) {
    for (uint32_t i = from; s && i < s->bends; i++)
        if (s->bend[i].sender == sender && s->bend[i].slot == slot) return &s->bend[i];
    return NULL;
}

const char *tg__bent_text(tg_grads d, uint32_t sender, int slot, char *text, size_t room) {
    static const char *const words[] = {[TG_DROP] = "dropped", [TG_FLIP] = "flipped", [TG_SCALE] = "times "};
    const struct tg__sweep *s = tg__sweep_get(d);
    const struct tg__bend *b = tg__bend_of(s, sender, slot, 0);
    char factor[64];
    size_t used = 0;
    for (text[0] = 0; b && used < room; b = tg__bend_of(s, sender, slot, (uint32_t)(b - s->bend) + 1)) {
        const tg_mutation kind = tg__bend_kind(b);
        factor[0] = 0;
        if (kind == TG_SCALE) tg__label(d.graph, b->factor, factor, sizeof factor);
        used += (size_t)snprintf(text + used, room - used, "%s%s%s", used ? ", " : "", words[kind], factor);
    }
    return text;
}

/* -------------------------------------------------------------------------------------------------- what it needs */

static bool has_sent(const tg_graph *g, const struct tg__sweep *s, uint32_t sender, int slot) {
    const struct tg__adjoint *a = tg__adjoint_of(s, tg__node_of(g, sender)->in[slot]);
    for (uint32_t e = a ? a->first : 0; e; e = tg__event_of(g, e)->next)
        if (tg__event_of(g, e)->sender == sender && tg__event_of(g, e)->slot == slot) return true;
    return false;
}

static void refuse_edge(tg_graph *g, const struct tg__sweep *s, uint32_t sender, int slot) {
    const struct tg__node *n = tg__node_of(g, sender);
    const uint32_t operand = slot >= 0 && slot < n->operands ? n->in[slot] : 0;
    char name[80], to[80], why[200];
    tg__quote(g, sender, name, sizeof name);
    if (tg__is_leaf(n))
        tg_fail(g, TG_ARGUMENT, "mutate: %s is a leaf (%s): it has no operands to send anything to", name, n->op->name);
    else if (!operand)
        tg_fail(g, TG_ARGUMENT, "mutate: %s (%s) has %d operand%s, counted from 0; there is no operand %d", name,
                n->op->name, n->operands, n->operands == 1 ? "" : "s", slot);
    else if (!(tg__node_of(g, operand)->flags & TG__DIFFERENTIABLE))
        tg_fail(g, TG_GRADIENT, "mutate: %s sends nothing to its operand %d: %s", name, slot,
                tg__why_constant(g, operand, why, sizeof why));
    else if (!tg__adjoint_of(s, sender))
        tg_fail(g, TG_GRADIENT, "mutate: %s was not reached by the sweep of %s, so it sends nothing", name,
                tg__quote(g, s->out, to, sizeof to));
    else
        tg_fail(g, TG_GRADIENT, "mutate: %s sends nothing to its operand %d, %s: %s has no gradient for it", name, slot,
                tg__quote(g, operand, to, sizeof to), n->op->name);
}

static bool is_edge(tg_graph *g, const struct tg__sweep *s, tg_node sender, int slot) {
    if (sender.id == 0)
        tg_fail(g, TG_HANDLE, "mutate: the sender is nil; the seed, which nobody sends, is yours to give another");
    else if (sender.graph != g)
        tg_fail(g, TG_HANDLE, "mutate: the sender belongs to another graph");
    else if (!tg__want(sender, "mutate"))
        return false;
    else if (slot < 0 || slot >= tg__get(sender)->operands || !has_sent(g, s, sender.id, slot))
        refuse_edge(g, s, sender.id, slot);
    else
        return true;
    return false;
}

/* operand: what the term is sent to. */
static bool is_factor(tg_graph *g, tg_node factor, uint32_t operand) {
    const struct tg__node *n = tg__node_of(g, operand), *f;
    char name[80], to[80], as[200], bs[200];
    if (factor.id == 0) return tg_fail(g, TG_HANDLE, "mutate: TG_SCALE needs a factor, but it is nil"), false;
    if (factor.graph != g) return tg_fail(g, TG_HANDLE, "mutate: the factor belongs to another graph"), false;
    if (!(f = tg__want(factor, "mutate"))) return false;
    tg__quote(g, factor.id, name, sizeof name);
    tg__quote(g, operand, to, sizeof to);
    if (f->dtype != n->dtype)
        tg_fail(g, TG_DTYPE, "mutate: factor %s is %s, but what is sent to %s is %s", name,
                tg__dtype_name((tg_dtype)f->dtype), to, tg__dtype_name((tg_dtype)n->dtype));
    else if (!tg__broadcasts_to(&f->shape->dims, &n->shape->dims))
        tg_fail(g, TG_SHAPE, "mutate: factor %s %s does not broadcast to what is sent to %s, which is %s", name,
                tg__shape_text(&f->shape->dims, as, sizeof as), to, tg__shape_text(&n->shape->dims, bs, sizeof bs));
    else
        return true;
    return false;
}

/* ---------------------------------------------------------------------------------------------------------- public */

static tg_grads sweep_bent(tg_graph *g, const struct tg__sweep *s, struct tg__bend new) {
    const struct tg__event *seed = tg__event_of(g, tg__adjoint_of(s, s->out)->first);
    const uint32_t count = s->bends + 1;
    struct tg__bend *bend = tg__carve(g, &g->strings, count * sizeof *bend);
    if (!bend) return (tg_grads){.graph = g};
    for (uint32_t i = 0; i < s->bends; i++) bend[i] = s->bend[i];
    bend[s->bends] = new;
    return tg__backward(tg__handle(g, s->out), tg__handle(g, seed->term), bend, count);
}

tg_grads tg_mutate(tg_grads d, tg_node sender, int slot, tg_mutation kind, tg_node factor) {
    tg_graph *g = d.graph;
    const tg_grads none = {.graph = g};
    if (!g || tg__is_broken(g)) return none;
    const struct tg__sweep *s = tg__sweep_get(d);
    if (!s) {
        tg_fail(g, TG_HANDLE, "mutate: the sweep is %s", d.id ? "stale: the tape was rewound" : "nil");
        return none;
    }
    if (!is_edge(g, s, sender, slot)) return none;
    if ((unsigned)kind >= sizeof mistakes / sizeof *mistakes) {
        tg_fail(g, TG_ARGUMENT, "mutate: %d is no mutation: TG_DROP, TG_FLIP and TG_SCALE are", (int)kind);
        return none;
    }
    if (kind != TG_SCALE && factor.id) {
        tg_fail(g, TG_ARGUMENT, "mutate: a factor is for TG_SCALE; to drop or flip a term, give nil");
        return none;
    }
    if (kind == TG_SCALE && !is_factor(g, factor, tg__get(sender)->in[slot])) return none;
    return sweep_bent(g, s, (struct tg__bend){mistakes[kind], sender.id, factor.id, (uint8_t)slot});
}
