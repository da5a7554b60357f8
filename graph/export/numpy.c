/* A part as two functions in NumPy, in the shape of a course's assignment: a line for each named step, what the
 * backward needs in a cache. */
#include "numpy.h"

/* ----------------------------------------------------------------------------------------------------------- lists */

enum { WIDTH = 100 };

struct list {
    struct tg__sheet *sheet;
    size_t items, column, indent;
};

static void item(struct list *l, const char *word) {
    const size_t length = strlen(word);
    if (l->items++) tg__put(l->sheet, ",");
    if (l->items > 1 && l->column + length > WIDTH && l->indent) {
        tg__putf(l->sheet, "\n%*s", (int)l->indent, "");
        l->column = l->indent;
    } else if (l->items > 1) {
        tg__put(l->sheet, " ");
    }
    tg__put(l->sheet, word);
    l->column += length + 2;
}

static void items(struct list *l, const struct tg__part *p, enum tg__role role) {
    for (uint32_t id = 1; id <= p->last; id++)
        if (p->role[id] == role) item(l, tg__ident(p, id));
}

static void cached(struct list *list, const struct tg__lines *l) {
    for (uint32_t id = 1; id <= l->part->last; id++)
        if (tg__is_cached(l, id)) item(list, tg__ident(l->part, id));
}

static size_t gradients(struct list *list, const struct tg__lines *l) {
    const struct tg__part *p = l->part;
    for (uint32_t id = 1; id <= p->last; id++) {
        const uint32_t gradient = p->role[id] == TG__ARGUMENT ? tg__part_gradient(p, id) : 0;
        if (gradient) item(list, tg__ident(p, gradient));
    }
    return list->items;
}

/* (a, b) or (a,) or () */
static void put_cache(struct tg__sheet *s, const struct tg__lines *l, size_t indent) {
    struct list list = {.sheet = s, .column = indent, .indent = indent};
    tg__put(s, "(");
    cached(&list, l);
    tg__put(s, list.items == 1 ? ",)" : ")");
}

/* ----------------------------------------------------------------------------------------------------------- lines */

struct writing {
    struct tg__sheet *sheet;
    const struct tg__lines *lines;
    uint32_t scope;
    int stage;
};

static void put_step(struct writing *w, const struct tg__line *line) {
    tg_graph *g = w->lines->part->graph;
    if (w->scope == line->scope && w->stage == line->stage) return;
    w->scope = line->scope;
    w->stage = line->stage;
    const char *prefix = tg__scope_of(g, line->scope)->prefix;
    tg__putf(w->sheet, "\n    # step %d%s", line->stage, *prefix ? " of " : "");
    tg__put_comment(w->sheet, prefix, 60);
    tg__put(w->sheet, "\n");
}

static void put_line(void *user, const struct tg__line *line) {
    struct writing *w = user;
    const struct tg__part *p = w->lines->part;
    const struct tg__node *n = tg__node_of(p->graph, line->node);
    if (line->stage != 0 || p->role[line->node] != TG__FORWARD) put_step(w, line);
    tg__putf(w->sheet, "    %s = ", line->alias ? tg__ident_alias(p, line->row) : tg__ident(p, line->node));
    if (line->alias)
        tg__put(w->sheet, tg__ident(p, line->node));
    else if (!tg__is_leaf(n))
        tg__put_formula(w->sheet,
                        &(struct tg__wording){
                            .dialect = &tg__numpy_dialect, .graph = p->graph, .top = line->node, .user = w->lines});
    else if (n->shape->dims.rank == 0)
        tg__put_numpy_number(w->sheet, w->lines, NULL, line->node, TG__ANY);
    else
        tg__put_numpy_array(w->sheet, tg__handle(p->graph, line->node));
    tg__put(w->sheet, "\n");
}

/* --------------------------------------------------------------------------------------------------- the functions */

static void put_shapes(struct tg__sheet *s, const struct tg__part *p, const char *head, const enum tg__role role) {
    char shape[200];
    for (uint32_t id = 1; id <= p->last; id++) {
        if (p->role[id] != role) continue;
        const struct tg__node *n = tg__node_of(p->graph, id);
        tg__putf(s, "%s%s: %s %s", head, tg__ident(p, id), tg__dtype_name((tg_dtype)n->dtype),
                 tg__shape_text(&n->shape->dims, shape, sizeof shape));
        head = ", ";
    }
}

static void put_forward(struct tg__sheet *s, const struct tg__lines *l) {
    const struct tg__part *p = l->part;
    struct list list = {.sheet = s, .column = strlen(p->function) + 13, .indent = 8};
    struct writing w = {.sheet = s, .lines = l};
    tg__putf(s, "def %s_forward(", p->function);
    items(&list, p, TG__ARGUMENT);
    tg__putf(s, "):\n    \"\"\"Gives %s, and what the backward needs.", tg__ident(p, p->out));
    put_shapes(s, p, "\n\n    ", TG__ARGUMENT);
    tg__put(s, "\n    \"\"\"\n");
    tg__each_line(l, false, put_line, &w);
    tg__put(s, "\n    cache = ");
    put_cache(s, l, 13);
    tg__putf(s, "\n    return %s, cache\n", tg__ident(p, p->out));
}

static void put_backward(struct tg__sheet *s, const struct tg__lines *l) {
    const struct tg__part *p = l->part;
    struct list list = {.sheet = s, .column = strlen(p->function) + 14, .indent = 8}, given = {.sheet = s};
    struct writing w = {.sheet = s, .lines = l};
    tg__putf(s, "\n\ndef %s_backward(", p->function);
    items(&list, p, TG__COTANGENT);
    item(&list, "cache");
    items(&list, p, TG__EXTRA);
    tg__putf(s, "):\n    \"\"\"Gives the gradients of the arguments, from the cotangent of %s.", tg__ident(p, p->out));
    put_shapes(s, p, "\n\n    ", TG__COTANGENT);
    put_shapes(s, p, "\n\n    Terms that arrive on other ways: ", TG__EXTRA);
    tg__put(s, "\n    \"\"\"\n    ");
    put_cache(s, l, 5);
    tg__put(s, " = cache\n");
    tg__each_line(l, true, put_line, &w);
    tg__put(s, "\n    return ");
    const size_t count = gradients(&given, l);
    tg__put(s, count == 0 ? "()\n" : count == 1 ? ",\n" : "\n");
}

uint32_t tg__without_numpy(const struct tg__part *p) {
    for (uint32_t id = 1; id <= p->last; id++) {
        const struct tg__node *n = tg__node_of(p->graph, id);
        const bool computed = p->role[id] == TG__FORWARD || p->role[id] == TG__BACKWARD;
        if (computed && !tg__is_leaf(n) && !n->op->numpy) return id;
    }
    return 0;
}

static bool needs_math(const struct tg__part *p) {
    for (uint32_t id = 1; id <= p->last; id++) {
        const char *formula = p->role[id] == TG__ABSENT ? NULL : tg__node_of(p->graph, id)->op->numpy;
        if (formula && strstr(formula, "math.")) return true;
    }
    return false;
}

bool tg__numpy(struct tg__sheet *s, const struct tg__part *p) {
    struct tg__lines l;
    const uint32_t without = tg__without_numpy(p);
    if (without) tg__fail_run(p->graph, TG_ARGUMENT, without, "the operator has no NumPy: its row has no numpy");
    if (without) return false;
    if (!tg__lines_new(&l, p)) return false;
    tg__putf(s,
             "\"\"\"%s: forward and backward, written by tapegrad from its tape.\"\"\"\n\n%simport numpy as np\n\n\n",
             p->function, needs_math(p) ? "import math\n\n" : "");
    put_forward(s, &l);
    put_backward(s, &l);
    tg__lines_free(&l);
    return true;
}

tg_status tg_write_numpy(tg_grads d, tg_node out, const char *function, const char *path) {
    return tg__write_part(d, out, function, path, "write_numpy", tg__numpy);
}
