/* The stepper: one moment of a sweep. Forward, what was computed and from what; backward, upstream gradient times local
 * derivative makes a contribution, and what else is due. */
#include "inspect.h"

enum { HEAD = 19, TEXT = 34, SHAPE = 10, PENDING = 4 };

/* -------------------------------------------------------------------------------------------------------- lines */

struct stepper {
    struct tg__pen pen;
    tg_graph *g;
    tg_grads d;
    struct tg__stop stop;
};

/* "    from           xmu        [178, 13]  -468.9 … 933.1" */
static void line(const struct stepper *s, const char *head, const char *text, uint32_t node, enum tg__style style) {
    char shape[200], value[200], label[32];
    const tg_node a = tg__handle(s->g, node);
    snprintf(label, sizeof label, "    %s", head);
    tg__say_padded(&s->pen, TG__FAINT, label, HEAD);
    tg__say_padded(&s->pen, TG__PLAIN, text, TEXT);
    tg__shape_text(&tg__node_of(s->g, node)->shape->dims, shape, sizeof shape);
    tg__say(&s->pen, TG__PLAIN, "  ");
    tg__say_padded(&s->pen, TG__PLAIN, shape, SHAPE);
    tg__say(&s->pen, TG__PLAIN, "  ");
    tg__say(&s->pen, tg__value_style(a, style), "%s", tg__value_text(a, value, sizeof value));
    tg__say(&s->pen, TG__PLAIN, "\n");
}

/* "backward, step 7   dxmu += dxhat*ivar" */
static void headline(const struct stepper *s, const char *way, uint32_t placed, const char *name, const char *text) {
    char step[80], head[100];
    tg__step_label(tg_where_is(tg__handle(s->g, placed)), step, sizeof step);
    snprintf(head, sizeof head, "%s%s%s", way, *step ? ", " : "", step);
    tg__say_padded(&s->pen, TG__PLAIN, head, HEAD - 2);
    tg__say(&s->pen, TG__PLAIN, "  ");
    tg__say(&s->pen, TG__NAME, "%s", name);
    tg__say(&s->pen, TG__PLAIN, "%s", text);
}

/* ------------------------------------------------------------------------------------------------------ forward */

static const char *own_name(const tg_graph *g, uint32_t id, char *text, size_t room) {
    const uint32_t name = tg__fact_of(g, id)->name;
    if (name) return tg__clean(tg__name_text(g, name), text, room);
    snprintf(text, room, "#%u", id);
    return text;
}

static void computed(const struct stepper *s) {
    const struct tg__node *n = tg__node_of(s->g, s->stop.node);
    char name[48], formula[160], text[170];
    double v;
    tg_formula(tg__handle(s->g, s->stop.node), formula, sizeof formula);
    snprintf(text, sizeof text, " = %s\n", tg__clean(formula, formula, sizeof formula));
    headline(s, "forward", s->stop.node, own_name(s->g, s->stop.node, name, sizeof name), text);
    bool told = false;
    for (int slot = 0; slot < n->operands; slot++) {
        if (tg__is_scalar_const(s->g, n->in[slot], &v) || (slot && n->in[slot] == n->in[0])) continue;
        line(s, told ? "" : "from", tg__label(s->g, n->in[slot], name, sizeof name), n->in[slot], TG__VALUE);
        told = true;
    }
    line(s, "value", own_name(s->g, s->stop.node, name, sizeof name), s->stop.node, TG__VALUE);
}

/* ----------------------------------------------------------------------------------------------------- backward */

/* Consumers that have yet to send their terms, in the order in which they will. */
static void pending(const struct stepper *s) {
    uint32_t e = s->stop.next, told = 0;
    for (; e && told < PENDING; e = tg__event_of(s->g, e)->next, told++) {
        char name[48];
        tg__say(&s->pen, TG__PLAIN, told ? ", " : "; pending: ");
        tg__say(&s->pen, TG__NAME, "%s", tg__label(s->g, tg__event_of(s->g, e)->sender, name, sizeof name));
    }
    const uint32_t rest = s->stop.awaited - s->stop.arrived - told;
    if (rest) tg__say(&s->pen, TG__PLAIN, " and %u more", rest);
}

static void completed(const struct stepper *s, const char *adjoint) {
    const uint32_t sum = tg__adjoint_of(tg__sweep_get(s->d), s->stop.node)->node;
    char formula[100], text[200];
    tg__term_formula(s->d, s->stop.node, sum, formula, sizeof formula);
    snprintf(text, sizeof text, "%s = %s", adjoint, formula);
    line(s, "complete", text, sum, TG__GRADIENT);
}

static void received(const struct stepper *s, const char *name) {
    const struct tg__stop *stop = &s->stop;
    char upstream[96], local[100], axes[64], label[80], bent[64], text[300];
    const uint32_t sent = tg__adjoint_of(tg__sweep_get(s->d), stop->sender)->node;
    tg__adjoint_label(s->d, stop->sender, label, sizeof label);
    snprintf(upstream, sizeof upstream, "g = %s", label);
    line(s, "upstream", upstream, sent, TG__GRADIENT);
    tg__derivative(s->g, stop->sender, stop->slot, local, sizeof local);
    tg__unbroadcast_text(s->g, stop->sender, stop->slot, axes, sizeof axes);
    tg__bent_text(s->d, stop->sender, stop->slot, bent, sizeof bent);
    snprintf(text, sizeof text, "to %s: %s%s%s%s", tg__label(s->g, stop->node, label, sizeof label), local, axes,
             *bent ? "; mutated: " : "", bent);
    tg__say_padded(&s->pen, TG__FAINT, "    local", HEAD);
    tg__say(&s->pen, TG__PLAIN, "%s\n", text);
    line(s, "contribution", name, stop->term, TG__GRADIENT);
}

/* The name of a seed, a term or an adjoint; where it has none, what it is equal to stands on the same line already. */
static void arrived(const struct stepper *s) {
    const struct tg__stop *stop = &s->stop;
    char adjoint[80], name[80], formula[120], text[160];
    const bool several = stop->awaited > 1;
    tg__adjoint_label(s->d, stop->node, adjoint, sizeof adjoint);
    tg__term_formula(s->d, stop->node, stop->term, formula, sizeof formula);
    snprintf(text, sizeof text, " %s %s", several ? "+=" : "=", formula);
    const bool given = !stop->sender && !strcmp(formula, tg_op_of(tg__handle(s->g, stop->term))); /* "dout = input" */
    headline(s, "backward", stop->sender ? stop->sender : stop->node, adjoint, given ? "" : text);
    if (stop->sender) {
        tg__label(s->g, stop->sender, name, sizeof name);
        tg__say(&s->pen, TG__PLAIN, "   from ");
        tg__say(&s->pen, TG__NAME, "%s", name);
    } else {
        tg__say(&s->pen, TG__PLAIN, "   the seed");
    }
    if (several) tg__say(&s->pen, TG__PLAIN, ", term %u of %u", stop->arrived, stop->awaited);
    pending(s);
    tg__say(&s->pen, TG__PLAIN, "\n");
    const bool named = tg__term_name(s->d, stop->node, stop->term);
    if (named) tg__term_label(s->d, stop->node, stop->term, name, sizeof name);
    if (stop->sender)
        received(s, named ? name : several ? formula : adjoint);
    else
        line(s, "seed", named ? name : adjoint, stop->term, TG__GRADIENT);
    if (several && stop->arrived == stop->awaited) completed(s, adjoint);
}

bool tg_print_moment(tg_grads d, size_t k, FILE *file) {
    struct stepper s = {.g = d.graph, .d = d, .stop = tg__stop_at(d, k)};
    if (s.stop.kind == TG__PASSED) return false;
    tg__pen_open(&s.pen, file);
    if (s.stop.kind == TG__COMPUTED)
        computed(&s);
    else
        arrived(&s);
    tg__pen_close(&s.pen);
    return true;
}
