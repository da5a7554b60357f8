/* MathML of a node's formula, and of what it sends to an operand: the rows' TeX, read once more. */
#include "inspect.h"
#include "tex.h"

static void count(struct tg__sheet *s, const char *text, size_t length) {
    (void)text;
    *(size_t *)s->to += length;
}

static void copy(struct tg__sheet *s, const char *text, size_t length) {
    char **to = s->to;
    memcpy(*to, text, length);
    *to += length;
}

/* Twice: to measure the TeX, and to have it. If memory is out the graph says so. */
static void put_math(struct tg__sheet *s, tg_graph *g, void (*write)(struct tg__sheet *tex, const void *what),
                     const void *what) {
    size_t length = 0;
    write(&(struct tg__sheet){.put = count, .to = &length}, what);
    char *text = tg__alloc(g, length + 1), *to = text;
    if (!text) return;
    write(&(struct tg__sheet){.put = copy, .to = &to}, what);
    text[length] = 0;
    tg__put(s, "<math xmlns=\"http://www.w3.org/1998/Math/MathML\" display=\"block\"><mrow>");
    tg__put_mathml(s, text, length);
    tg__put(s, "</mrow></math>");
    tg__release(g, text, length + 1);
}

static void write_formula(struct tg__sheet *tex, const void *what) {
    const struct tg__wording *w = what;
    const struct tg__node *n = tg__node_of(w->graph, w->top);
    const uint32_t name = tg__fact_of(w->graph, w->top)->name;
    double v;
    tg__put_tex_name(tex, w, w->top, name);
    if (tg__is_scalar_const(w->graph, w->top, &v)) {
        tg__put(tex, " = ");
        tg__put_tex_number(tex, (tg_dtype)n->dtype, v, TG__ANY);
    } else if (!tg__is_leaf(n)) {
        tg__put(tex, " = ");
        tg__put_formula(tex, w);
    }
}

void tg__mathml(struct tg__sheet *s, tg_node a) {
    if (!tg__get(a)) return;
    put_math(s, a.graph, write_formula, &(struct tg__wording){.dialect = &tg__tex, .graph = a.graph, .top = a.id});
}

/* ------------------------------------------------------------------------------------------------ what a vjp sends */

struct edge {
    struct tg__wording wording;
    struct tg__form form;
    struct tg__attr summed; /* the axes along which broadcasting is undone */
    int rank;               /* 0: none */
    const struct tg__sweep *sweep;
    int slot;
};

/* The slot's piece of the row's text, which commas separate. */
static struct tg__form piece(struct tg__form text, int slot) {
    int depth = 0;
    const char *from = text.from, *s = from;
    for (; s < text.end; s++) {
        depth += strchr("([{", *s) != NULL;
        depth -= strchr(")]}", *s) != NULL;
        if (*s != ',' || depth || s[1] != ' ' || (s > text.from && s[-1] == '\\')) continue;
        if (slot-- == 0) break;
        from = s + 2;
    }
    return (struct tg__form){from, slot > 0 ? from : s};
}

/* What a deliberate mistake adds before the right term, and after it. The last bend is the outermost. */
static void put_bends(struct tg__sheet *tex, const struct edge *e, bool front) {
    for (uint32_t i = 0; i < e->sweep->bends; i++) {
        const struct tg__bend *b = &e->sweep->bend[front ? e->sweep->bends - 1 - i : i];
        if (b->sender != e->wording.top || b->slot != e->slot) continue;
        const tg_mutation kind = tg__bend_kind(b);
        if (front) tg__put(tex, kind == TG_DROP ? "0 \\cdot " : kind == TG_FLIP ? "-" : "");
        tg__put(tex, front ? tg__tex.open : tg__tex.close);
        if (front || kind != TG_SCALE) continue;
        tg__put(tex, " \\cdot ");
        tg__put_tex_operand(tex, &e->wording, b->factor);
    }
}

static void write_edge(struct tg__sheet *tex, const void *what) {
    const struct edge *e = what;
    put_bends(tex, e, true);
    if (e->rank > 0) {
        tg__put(tex, "\\sum_{");
        tg__put_tex_axes(tex, e->rank, &e->summed);
        tg__put(tex, "} ");
    }
    tg__put_form(tex, &e->wording, e->form);
    put_bends(tex, e, false);
}

static bool sends(tg_grads d, uint32_t sender, int slot) {
    const struct tg__adjoint *a = tg__adjoint_of(tg__sweep_get(d), tg__node_of(d.graph, sender)->in[slot]);
    for (uint32_t row = a ? a->first : 0; row; row = tg__event_of(d.graph, row)->next) {
        const struct tg__event *e = tg__event_of(d.graph, row);
        if (e->sender == sender && e->slot == slot) return true;
    }
    return false;
}

/* Nothing where nothing is sent. */
void tg__mathml_gradient(struct tg__sheet *s, tg_grads d, tg_node sender, int slot) {
    const struct tg__sweep *sweep = tg__sweep_get(d);
    const struct tg__node *n = sender.graph == d.graph ? tg__get(sender) : NULL;
    const struct tg__adjoint *a = sweep && n ? tg__adjoint_of(sweep, sender.id) : NULL;
    if (!a || slot < 0 || slot >= n->operands || !sends(d, sender.id, slot)) return;
    struct edge e = {.form = piece(tg__form_of(n, n->op->tex_back), slot), .sweep = sweep, .slot = slot};
    e.wording = (struct tg__wording){
        .dialect = &tg__tex, .graph = d.graph, .top = sender.id, .upstream = a->node, .sweep = sweep};
    e.rank = tg__unbroadcast_axes(d.graph, sender.id, slot, &e.summed);
    put_math(s, d.graph, write_edge, &e);
}
