/* One node in full. */
#include "formula.h"
#include "inspect.h"

#include <math.h>

enum { HEAD = 12, NAMES = 24, CONSUMERS = 8, ROWS = 6, SHOWN = 7, LOOK_BACK = 64 };

#define MARGIN "          " /* with the gap behind it as wide as HEAD */

struct page {
    struct tg__pen pen;
    tg_graph *g;
    uint32_t id;
    const struct tg__node *node;
};

/* -------------------------------------------------------------------------------------------------------- lines */

static void head(const struct page *p, const char *text) { tg__say_padded(&p->pen, TG__FAINT, text, HEAD); }
static void end(const struct page *p) { tg__say(&p->pen, TG__PLAIN, "\n"); }

/* "xmu  [178, 13]  -468.9 … 933.1" */
static void named_value(const struct page *p, const char *name, uint32_t id, enum tg__style style) {
    char shape[200], value[200];
    const tg_node a = tg__handle(p->g, id);
    tg__say_padded(&p->pen, TG__NAME, name, NAMES);
    tg__say(&p->pen, TG__PLAIN, "  ");
    tg__say_padded(&p->pen, TG__PLAIN, tg__shape_text(&tg__node_of(p->g, id)->shape->dims, shape, sizeof shape), 10);
    tg__say(&p->pen, TG__PLAIN, "  ");
    tg__say(&p->pen, tg__value_style(a, style), "%s", tg__value_text(a, value, sizeof value));
    end(p);
}

/* ------------------------------------------------------------------------------------------------- what it is */

static void title(const struct page *p) {
    char name[80], formula[200], text[300];
    const bool named = tg__fact_of(p->g, p->id)->name;
    tg_formula(tg__handle(p->g, p->id), formula, sizeof formula);
    if (named)
        tg__label(p->g, p->id, name, sizeof name);
    else
        snprintf(name, sizeof name, "#%u", p->id);
    tg__say(&p->pen, TG__NAME, "%s", name);
    tg__say(&p->pen, TG__PLAIN, " = %s\n", tg__clean(formula, text, sizeof text));
}

static void aliases(const struct page *p) {
    char name[80];
    uint32_t row = tg__fact_of(p->g, p->id)->name;
    for (row = row ? tg__name_next(p->g, row) : 0; row; row = tg__name_next(p->g, row)) {
        head(p, "also");
        tg__say(&p->pen, TG__NAME, "%s", tg__clean(tg__name_text(p->g, row), name, sizeof name));
        end(p);
    }
}

static void written(const struct page *p) {
    char file[160], step[80], name[80];
    const tg_place at = tg_where_is(tg__handle(p->g, p->id));
    head(p, "written");
    if (at.file) tg__say(&p->pen, TG__PLAIN, "%s:%d, ", tg__clean(tg__base(at.file), file, sizeof file), at.line);
    tg__say(&p->pen, TG__PLAIN, "%s", *tg__step_label(at, step, sizeof step) ? step : "in no stage yet");
    if (*at.name) tg__say(&p->pen, TG__PLAIN, " '%s'", tg__clean(at.name, name, sizeof name));
    tg__say(&p->pen, TG__PLAIN, ", #%u on the tape\n", p->id);
}

static void kind(const struct page *p) {
    char shape[200];
    head(p, "operator");
    tg__say(&p->pen, TG__PLAIN, "%s", p->node->op->name);
    if (!tg__is_leaf(p->node)) {
        const struct tg__form f = tg__form_of(p->node, p->node->op->formula);
        tg__say(&p->pen, TG__FAINT, ", %.*s", (int)(f.end - f.from), f.from);
    }
    end(p);
    head(p, "shape");
    tg__say(&p->pen, TG__PLAIN, "%s %s, %zu element%s%s\n", tg__shape_text(&p->node->shape->dims, shape, sizeof shape),
            tg__dtype_name((tg_dtype)p->node->dtype), p->node->shape->count, p->node->shape->count == 1 ? "" : "s",
            p->node->op->view ? ", the memory of its operand" : "");
}

/* What a commit does with it: the value that a leaf takes, the leaf that takes its value. */
static void commit(const struct page *p) {
    char name[48];
    const tg_node next = tg_assigned(tg__handle(p->g, p->id));
    if (!tg_is_nil(next)) {
        head(p, "takes");
        named_value(p, tg__label(p->g, next.id, name, sizeof name), next.id, TG__VALUE);
    }
    for (uint32_t row = 1; row < p->g->assigns.length; row++) {
        const struct tg__assign *a = tg__row(&p->g->assigns, row);
        if (a->value != p->id) continue;
        head(p, "goes to");
        named_value(p, tg__label(p->g, a->leaf, name, sizeof name), a->leaf, TG__VALUE);
    }
}

/* --------------------------------------------------------------------------------------------- its neighbours */

static void operands(const struct page *p) {
    char name[48];
    for (int slot = 0; slot < p->node->operands; slot++) {
        head(p, slot ? "" : "operands");
        named_value(p, tg__label(p->g, p->node->in[slot], name, sizeof name), p->node->in[slot], TG__VALUE);
    }
}

static bool reads(const struct tg__node *n, uint32_t id) {
    for (int slot = 0; slot < n->operands; slot++)
        if (n->in[slot] == id) return true;
    return false;
}

static void consumers(const struct page *p) {
    char name[48], formula[160], text[80];
    uint32_t count = 0;
    for (uint32_t id = p->id + 1; id < p->g->nodes.length; id++) {
        if (!reads(tg__node_of(p->g, id), p->id)) continue;
        if (++count > CONSUMERS) continue;
        head(p, count == 1 ? "consumers" : "");
        tg_formula(tg__handle(p->g, id), formula, sizeof formula);
        if (tg__fact_of(p->g, id)->name)
            tg__label(p->g, id, name, sizeof name);
        else
            snprintf(name, sizeof name, "#%u", id);
        tg__say(&p->pen, TG__NAME, "%s", name);
        tg__say(&p->pen, TG__PLAIN, " = %s\n", tg__clean(formula, text, sizeof text));
    }
    if (count <= CONSUMERS) return;
    head(p, "");
    tg__say(&p->pen, TG__PLAIN, "… %u more\n", count - CONSUMERS);
}

static void derivatives(const struct page *p) {
    char name[48], text[160], axes[64], why[200];
    if (tg__is_leaf(p->node)) return;
    bool told = false;
    for (int slot = 0; slot < p->node->operands; slot++) {
        if (!(tg__node_of(p->g, p->node->in[slot])->flags & TG__DIFFERENTIABLE)) continue;
        if (!(p->node->flags & TG__DIFFERENTIABLE)) break;
        head(p, told ? "" : "derivative");
        tg__derivative(p->g, p->id, slot, text, sizeof text);
        tg__say(&p->pen, TG__PLAIN, "to %s: %s%s\n", tg__label(p->g, p->node->in[slot], name, sizeof name), text,
                tg__unbroadcast_text(p->g, p->id, slot, axes, sizeof axes));
        told = true;
    }
    if (told) return;
    head(p, "derivative");
    tg__say(&p->pen, TG__PLAIN, "none: %s\n", tg__why_constant(p->g, p->id, why, sizeof why));
}

/* ------------------------------------------------------------------------------------------------- its numbers */

static void summary(const struct page *p, tg_node a, enum tg__style style) {
    struct tg__summary s;
    if (!tg__summarize(a, &s)) {
        tg__say(&p->pen, TG__PLAIN, "– (not run)\n");
        return;
    }
    if (s.count > s.nonfinite && s.count > 1)
        tg__say(&p->pen, style, "min %.4g, mean %.4g, max %.4g, norm %.4g", s.min + 0, s.mean + 0, s.max + 0, s.norm);
    else if (s.count > s.nonfinite)
        tg__say(&p->pen, style, "%.4g", s.mean);
    if (s.nonfinite && s.count > s.nonfinite) tg__say(&p->pen, TG__PLAIN, ", ");
    if (s.nonfinite) tg__say(&p->pen, TG__ALARM, "%zu of %zu not finite", s.nonfinite, s.count);
    if (!s.count) tg__say(&p->pen, TG__PLAIN, "empty");
    end(p);
}

static size_t columns_of(const struct tg__node *n) {
    const tg_shape *d = &n->shape->dims;
    return d->rank ? (size_t)d->dim[d->rank - 1] : 1;
}

/* Where its columns have names: on itself, or on what it was made from element by element; 0: nowhere. */
static uint32_t labelled(const tg_graph *g, uint32_t id) {
    for (int i = 0; i < LOOK_BACK; i++) {
        const struct tg__node *n = tg__node_of(g, id);
        if (tg_column(tg__handle(g, id), 0)) return id;
        if (!n->op->code && !n->op->view) return 0;
        int slot = 0;
        while (slot < n->operands && tg__node_of(g, n->in[slot])->shape != n->shape) slot++;
        if (slot == n->operands) return 0;
        id = n->in[slot];
    }
    return 0;
}

static void label_row(const struct page *p, struct tg__grid *grid, size_t shown) {
    tg__cells cells = {MARGIN};
    const uint32_t id = labelled(p->g, p->id);
    if (!id) return;
    for (size_t j = 0; j < shown; j++) tg__clean(tg_column(tg__handle(p->g, id), j), cells[j + 1], 20);
    for (int i = 1; i < TG__COLUMNS; i++) grid->style[i] = TG__FAINT;
    tg__grid_row(grid, cells);
}

/* The corner of a value, in rows of its last axis. */
static void corner(const struct page *p, uint32_t id, enum tg__style style) {
    const struct tg__node *n = tg__node_of(p->g, id);
    const tg_node a = tg__handle(p->g, id);
    const size_t columns = columns_of(n), count = n->shape->count;
    if (!tg_value(a) || count < 2) return;
    const size_t rows = count / columns, shown = columns > SHOWN ? SHOWN : columns;
    struct tg__grid grid = {.pen = &p->pen, .columns = SHOWN + 2, .right = ~0u};
    for (int pass = 0; pass < 2; pass++) {
        grid.writing = pass == 1;
        label_row(p, &grid, shown);
        for (int i = 1; i < TG__COLUMNS; i++) grid.style[i] = style;
        for (size_t i = 0; i < rows && i < ROWS; i++) {
            tg__cells cells = {MARGIN};
            for (size_t j = 0; j < shown; j++) tg__number_cell(cells[j + 1], tg_item(a, i * columns + j));
            if (columns > shown) strcpy(cells[shown + 1], "…");
            tg__grid_row(&grid, cells);
        }
    }
    if (rows <= ROWS && columns == shown) return;
    head(p, "");
    tg__say(&p->pen, TG__FAINT, n->shape->dims.rank < 2 ? "of %zu\n" : "of %zu × %zu\n",
            n->shape->dims.rank < 2 ? columns : rows, columns);
}

/* ------------------------------------------------------------------------------------------------ its gradients */

static void gradient(const struct page *p, tg_grads d) {
    const struct tg__sweep *s = tg__sweep_get(d);
    const struct tg__adjoint *a = s ? tg__adjoint_of(s, p->id) : NULL;
    char name[80], formula[100], out[48];
    if (!a || !a->node) return; /* memory was out */
    end(p);
    tg__adjoint_label(d, p->id, name, sizeof name);
    tg__term_formula(d, p->id, a->node, formula, sizeof formula);
    head(p, "gradient");
    tg__say(&p->pen, TG__NAME, "%s", name);
    if (!tg__is_leaf(tg__node_of(p->g, a->node))) tg__say(&p->pen, TG__PLAIN, " = %s", formula);
    tg__say(&p->pen, TG__FAINT, "   (of %s)\n", tg__label(p->g, s->out, out, sizeof out));
    head(p, "");
    summary(p, tg__handle(p->g, a->node), TG__GRADIENT);
    corner(p, a->node, TG__GRADIENT);
    tg__paths(&p->pen, d, p->id, "ledger", HEAD);
}

void tg_explain(tg_node a, FILE *file) {
    struct page p = {.g = a.graph, .id = a.id, .node = tg__get(a)};
    if (!p.node) return;
    tg__pen_open(&p.pen, file);
    title(&p);
    aliases(&p);
    written(&p);
    kind(&p);
    operands(&p);
    derivatives(&p);
    consumers(&p);
    commit(&p);
    head(&p, "value");
    summary(&p, a, TG__VALUE);
    corner(&p, p.id, TG__VALUE);
    for (uint32_t id = 1; id < p.g->sweeps.length; id++) {
        const struct tg__sweep *s = tg__row(&p.g->sweeps, id);
        gradient(&p, (tg_grads){p.g, id, s->epoch});
    }
    tg__pen_close(&p.pen);
}
