/* A part as two functions in NumPy, in the shape of a course's assignment: a line for each named step, what the
 * backward needs in a cache. Numbers are exact, so that the script computes what the tape does. */
#include "lines.h"

#include <math.h>

/* ----------------------------------------------------------------------------------------------------- the dialect */

static const char *dtype_name(tg_dtype dtype) {
    return dtype == TG_F32 ? "np.float32" : dtype == TG_F64 ? "np.float64" : "np.int32";
}

static void put_tuple(struct tg__sheet *s, int count, const int64_t *item) {
    tg__put(s, "(");
    for (int i = 0; i < count; i++) tg__putf(s, i ? ", %lld" : "%lld", (long long)item[i]);
    tg__put(s, count == 1 ? ",)" : ")");
}

static int dropped_axes(const struct tg__node *n, int64_t *axis, bool *behind) {
    int count = 0;
    for (int i = 0; i < n->shape->dims.rank; i++)
        if (n->attr->axis[i] == TG__DROPPED) axis[count++] = i;
    *behind = count > 0 && axis[count - 1] != count - 1;
    return count;
}

static struct tg__form form(const struct tg__wording *w, uint32_t node) {
    const struct tg__node *n = tg__node_of(w->graph, node);
    const char *text = n->op->numpy, *second = strstr(text, "; ");
    int64_t axis[TG_MAX_RANK];
    bool behind = false;
    if (second) dropped_axes(n, axis, &behind);
    if (behind) text = second + 2;
    return (struct tg__form){text, second && !behind ? second : text + strlen(text)};
}

static bool word(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, const char *at, size_t length) {
    const struct tg__node *n = tg__node_of(w->graph, node);
    int64_t axis[TG_MAX_RANK];
    bool behind;
    if (tg__is_word("shape", at, length)) {
        put_tuple(s, n->shape->dims.rank, n->shape->dims.dim);
    } else if (tg__is_word("dtype", at, length)) {
        tg__put(s, dtype_name((tg_dtype)n->dtype));
    } else if (tg__is_word("order", at, length)) {
        for (int i = 0; i < n->shape->dims.rank; i++) axis[i] = n->attr->axis[i];
        put_tuple(s, n->shape->dims.rank, axis);
    } else if (tg__is_word("zero", at, length)) { /* two scalars would become f64 */
        tg__put(s, n->dtype == TG_F32 ? "np.float32(0)" : "0");
    } else if (tg__is_word("dropped", at, length)) {
        put_tuple(s, dropped_axes(n, axis, &behind), axis);
    } else {
        return tg__put_word(s, w, node, at, length);
    }
    return true;
}

/* As plain text, but that nothing may be reassociated: a*(b*c) is not (a*b)*c to the last bit. */
static int needed(struct tg__form f, const char *at, int around) {
    const struct tg__sides by = tg__sides(f, at);
    if (!by.left && !by.right) return around;
    if (by.left == '*' || by.left == '/' || by.left == '@' || by.right == '[') return TG__CLOSED;
    if (by.left == '+' || by.left == '-') return TG__MATRIX;
    if (by.right == '*' || by.right == '/') return TG__FACTOR;
    if (by.right == '@') return TG__MATRIX;
    return by.right == '+' || by.right == '-' ? TG__TERM : TG__ANY;
}

static struct tg__number number_of(tg_dtype dtype, double v) {
    struct tg__number number = tg__number(dtype, v, 17);
    if (!isfinite(v)) {
        strcpy(number.text, isnan(v) ? "np.nan" : v > 0 ? "np.inf" : "-np.inf");
        number.binding = v < 0 ? TG__TERM : TG__CLOSED;
    } else if (dtype != TG_I32 && !strpbrk(number.text, ".e/")) {
        strcat(number.text, ".0"); /* where(c, 1, 0) would be integers */
    }
    return number;
}

/* A bare number takes the other operand's type and shape; it must have one, and f32 is not Python's. */
static void put_number(struct tg__sheet *s, const struct tg__lines *l, const struct tg__node *by, uint32_t id,
                       int tight) {
    double v = 0;
    tg__is_scalar_const(l->part->graph, id, &v);
    const tg_dtype dtype = (tg_dtype)tg__node_of(l->part->graph, id)->dtype;
    const struct tg__number number = number_of(dtype, v);
    bool bare = dtype == TG_F64 && by && by->op->code, alone = true;
    for (int i = 0; by && i < by->operands; i++) alone &= tg__is_number(l, by->in[i]);
    bare &= !alone;
    if (!bare)
        tg__putf(s, "%s(%s)", dtype_name(dtype), number.text);
    else
        tg__putf(s, number.binding < tight ? "(%s)" : "%s", number.text);
}

static bool operand(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, uint32_t id, int tight,
                    bool deep) {
    const struct tg__lines *l = w->user;
    (void)deep; /* no line is nested that deep */
    if (tg__is_number(l, id))
        put_number(s, l, tg__node_of(w->graph, node), id, tight);
    else if (tg__has_line(l, id))
        tg__put(s, tg__word_for(l, id, w->top));
    else
        return false;
    return true;
}

static const struct tg__dialect numpy = {form, operand, word, tg__binding, needed, "(", ")"};

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

static void put_array(struct tg__sheet *s, tg_node a) {
    const struct tg__node *n = tg__get(a);
    tg__put(s, "np.array([");
    for (size_t i = 0; i < n->shape->count; i++) {
        tg__put(s, i == 0 ? "" : i % 8 ? ", " : ",\n        ");
        tg__put(s, number_of((tg_dtype)n->dtype, tg_item(a, i)).text);
    }
    tg__putf(s, "], %s)", dtype_name((tg_dtype)n->dtype));
    if (n->shape->dims.rank == 1) return;
    tg__put(s, ".reshape(");
    put_tuple(s, n->shape->dims.rank, n->shape->dims.dim);
    tg__put(s, ")");
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
        tg__put_formula(
            w->sheet, &(struct tg__wording){.dialect = &numpy, .graph = p->graph, .top = line->node, .user = w->lines});
    else if (n->shape->dims.rank == 0)
        put_number(w->sheet, w->lines, NULL, line->node, TG__ANY);
    else
        put_array(w->sheet, tg__handle(p->graph, line->node));
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

bool tg__numpy(struct tg__sheet *s, const struct tg__part *p) {
    struct tg__lines l;
    if (!tg__lines_new(&l, p)) return false;
    tg__putf(s, "\"\"\"%s: forward and backward, written by tapegrad from its tape.\"\"\"\n\nimport numpy as np\n\n\n",
             p->function);
    put_forward(s, &l);
    put_backward(s, &l);
    tg__lines_free(&l);
    return true;
}

struct wish {
    tg_grads sweep;
    tg_node out;
    const char *function;
};

static bool write(struct tg__sheet *s, void *user) {
    const struct wish *wish = user;
    struct tg__part p;
    if (!tg__part_new(&p, wish->sweep, wish->out, wish->function, "numpy")) return false;
    const bool written = tg__numpy(s, &p);
    tg__part_free(&p);
    return written;
}

tg_status tg_write_numpy(tg_grads d, tg_node out, const char *function, const char *path) {
    return tg__write_sheet(d.graph, path, write, &(struct wish){d, out, function});
}
