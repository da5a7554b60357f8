/* Every path by which a gradient came, from a node back to the seed, as a tree: a line for as long as there is one way,
 * branches where terms came together. */
#include "inspect.h"

enum { BRANCHES = 12, LINES = 24, LINE = 100 };

/* The branches that are open, outermost first, each with the next of its terms. */
struct tree {
    const struct tg__pen *pen;
    tg_grads d;
    size_t margin, used;      /* columns */
    uint32_t event[BRANCHES]; /* rows of the log; 0: that was the last */
    double all[BRANCHES];     /* what shares are of */
    int depth, lines;
};

static void push(struct tree *t, uint32_t node) {
    t->event[t->depth] = tg__adjoint_of(tg__sweep_get(t->d), node)->first;
    t->all[t->depth++] = tg__weigh_terms(t->d, node);
}

static void begin_line(struct tree *t, const char *first) {
    tg__say_padded(t->pen, TG__FAINT, first, t->margin);
    t->used = t->margin;
    t->lines++;
}

static void add(struct tree *t, enum tg__style style, const char *text) {
    tg__say(t->pen, style, "%s", text);
    t->used += tg__width(t->pen, text);
}

/* What stands below the branches that go on, and before a term of the innermost one. */
static void indent(struct tree *t, bool term) {
    for (int i = 1; i < t->depth; i++) {
        const bool more = t->event[i], own = term && i + 1 == t->depth;
        add(t, TG__FAINT, own ? more ? "├─ " : "└─ " : more ? "│  " : "   ");
    }
}

/* Back along the senders while there is one way, over as many lines as that takes. Returns the node where terms came
 * together; 0: the seed, or there is no room for more. */
static uint32_t follow(struct tree *t, uint32_t sender) {
    char name[48], step[64];
    for (; sender; sender = tg__event_of(t->d.graph, tg__adjoint_of(tg__sweep_get(t->d), sender)->first)->sender) {
        const struct tg__adjoint *a = tg__adjoint_of(tg__sweep_get(t->d), sender);
        const bool fork = a->first != a->last;
        if (!fork && !tg__fact_of(t->d.graph, sender)->name) continue;
        snprintf(step, sizeof step, " ← %s", tg__label(t->d.graph, sender, name, sizeof name));
        if (t->used + tg__width(t->pen, step) > LINE) {
            if (t->lines == LINES) break;
            tg__say(t->pen, TG__PLAIN, "\n");
            begin_line(t, "");
            indent(t, false);
            add(t, TG__PLAIN, "  ");
        }
        add(t, TG__PLAIN, step);
        if (fork && t->depth < BRANCHES) return sender;
        if (fork) break;
    }
    add(t, TG__FAINT, sender ? " ← …" : " ← seed");
    return 0;
}

static void term(struct tree *t, uint32_t node, const struct tg__event *e) {
    char name[48], share[TG__CELL];
    indent(t, true);
    if (t->depth == 1) {
        add(t, TG__NAME, tg__term_label(t->d, node, e->term, name, sizeof name));
        add(t, TG__PLAIN, "  ");
    }
    tg__share_cell(share, tg__handle(t->d.graph, e->term), t->all[t->depth - 1]);
    add(t, tg__value_style(tg__handle(t->d.graph, e->term), TG__GRADIENT), share);
    add(t, TG__PLAIN, " ");
}

static void tell_rest(struct tree *t) {
    size_t rest = 0;
    for (int i = 0; i < t->depth; i++)
        for (uint32_t e = t->event[i]; e; e = tg__event_of(t->d.graph, e)->next) rest++;
    begin_line(t, "");
    tg__say(t->pen, TG__FAINT, "… %zu more\n", rest);
}

void tg__paths(const struct tg__pen *pen, tg_grads d, uint32_t node, const char *first, size_t margin) {
    struct tree t = {.pen = pen, .d = d, .margin = margin};
    push(&t, node);
    while (t.depth > 0) {
        uint32_t *next = &t.event[t.depth - 1];
        if (!*next) {
            t.depth--;
            continue;
        }
        if (t.lines >= LINES) {
            tell_rest(&t);
            return;
        }
        const struct tg__event *e = tg__event_of(d.graph, *next);
        begin_line(&t, t.lines ? "" : first);
        *next = e->next;
        term(&t, node, e);
        const uint32_t fork = follow(&t, e->sender);
        tg__say(pen, TG__PLAIN, "\n");
        if (fork) push(&t, fork);
    }
}
