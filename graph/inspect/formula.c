/* A node's formula in the user's names: operands that have none are written out in place. */
#include "inspect.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

enum { DEPTH = 6 }; /* formulas deeper than this name the rest by number */

struct out {
    char *text;
    size_t room, used;
    size_t whole; /* where the last character begins that begins within room: a cut goes there, not through one */
};

static void put(struct out *o, const char *s) {
    for (; *s && o->used < o->room; s++, o->used++) {
        if (((unsigned char)*s & 0xc0) != 0x80) o->whole = o->used;
        if (o->used + 1 < o->room) o->text[o->used] = *s;
    }
    o->used += strlen(s);
}

static const char *right_side(const struct tg__node *n) {
    const char *equals = strstr(n->op->formula, "z = ");
    return equals ? equals + 4 : n->op->formula;
}

/* How tightly the outermost operation of a formula binds. A matrix product is no factor: c*(a @ b) is not (c*a) @ b. */
enum { ANY, TERM, MATRIX, FACTOR, CLOSED };

static int binding(const char *formula) {
    int depth = 0, weakest = CLOSED;
    for (const char *s = formula; *s; s++) {
        depth += (*s == '(' || *s == '[') - (*s == ')' || *s == ']');
        if (depth) continue;
        if (*s == '+' || *s == '-') return TERM;
        if (*s == '@') weakest = MATRIX;
        if (strchr("*/", *s) && weakest > FACTOR) weakest = FACTOR;
    }
    return weakest;
}

/* How tightly an operand must bind to stand where it stands without parentheses; around: how tightly the whole formula
 * must, for one that is nothing but its operand. */
static int needed(const char *formula, const char *at, int around) {
    const char *before = at, *after = at + 1;
    while (before > formula && before[-1] == ' ') before--;
    while (*after == ' ') after++;
    const char left = before > formula ? before[-1] : 0, right = *after;
    if (!left && !right) return around;
    if (left == '/' || left == '@' || right == '[') return CLOSED;
    if (left == '*' || right == '*' || right == '/') return FACTOR;
    if (left == '-' || right == '@') return MATRIX;
    return left == '+' || right == '+' || right == '-' ? TERM : ANY;
}

/* ---------------------------------------------------------------------------------------------- parts of a formula */

/* The name under which a consumer knows an operand: an adjoint that goes by several is called what the stage that is
 * being differentiated calls it. */
static uint32_t name_for(const tg_graph *g, uint32_t operand, uint32_t consumer) {
    uint32_t first = tg__fact_of(g, operand)->name, site = tg__fact_of(g, consumer)->site;
    for (uint32_t row = first; row; row = tg__name_next(g, row)) {
        uint32_t of = tg__name_of(g, row);
        if (of && tg__fact_of(g, of)->site == site) return row;
    }
    return first;
}

static bool same(tg_dtype dtype, double a, double v) { return (dtype == TG_F32 ? (double)(float)a : a) == v; }

/* 1/178 where the number is the nearest one to that and no short decimal. Returns how tightly it binds. */
static int number_text(tg_dtype dtype, double v, char *text, size_t room) {
    double n = v != 0 ? round(1 / v) : 0;
    snprintf(text, room, "%.6g", v);
    bool fraction = n > 1 && n < 1e9 && same(dtype, 1 / n, v) && !same(dtype, strtod(text, NULL), v);
    if (fraction) snprintf(text, room, "1/%.0f", n);
    return fraction ? FACTOR : text[0] == '-' ? TERM : CLOSED;
}

static void put_axes(struct out *o, const struct tg__node *x, const struct tg__attr *fates) {
    char text[24];
    int count = 0, kept = 0;
    for (int i = 0; i < x->shape->dims.rank; i++) {
        count += fates->axis[i] != TG__STAYS;
        kept += fates->axis[i] == TG__KEPT;
    }
    put(o, count == 1 ? "axis=" : "axis=(");
    for (int i = 0, k = 0; i < x->shape->dims.rank; i++) {
        if (fates->axis[i] == TG__STAYS) continue;
        snprintf(text, sizeof text, k++ ? ", %d" : "%d", i);
        put(o, text);
    }
    if (count != 1) put(o, ")");
    if (kept) put(o, ", keepdims=True");
}

/* The words that stand for attributes; false if s is none of them. */
static bool put_attribute(struct out *o, const tg_graph *g, const struct tg__node *n, const char *s, size_t length) {
    char text[200];
    if (length == 4 && !memcmp(s, "axes", 4)) {
        put_axes(o, tg__node_of(g, n->in[0]), n->attr);
    } else if (length == 5 && !memcmp(s, "shape", 5)) {
        put(o, tg__shape_text(&n->shape->dims, text, sizeof text));
    } else if (length == 5 && !memcmp(s, "dtype", 5)) {
        put(o, tg__dtype_name((tg_dtype)n->dtype));
    } else if (length == 5 && !memcmp(s, "order", 5)) {
        for (int i = 0; i < n->shape->dims.rank; i++) {
            snprintf(text, sizeof text, i ? ", %d" : "%d", n->attr->axis[i]);
            put(o, text);
        }
        if (n->shape->dims.rank == 0) put(o, "()");
    } else if (length == 6 && !memcmp(s, "number", 6)) {
        snprintf(text, sizeof text, "%lld", (long long)n->attr->number);
        put(o, text);
    } else {
        return false;
    }
    return true;
}

static int operand_slot(const char *s, size_t length) {
    const char *letter = length == 1 ? strchr("xyw", *s) : NULL;
    return letter ? (int)(letter - "xyw") : -1;
}

/* ------------------------------------------------------------------------------------------------- writing it out */

struct level {
    uint32_t node;
    const char *formula, *at;
    int tight;   /* how tightly it must bind where it stands */
    bool closes; /* a parenthesis was opened around it */
};

/* Writes an operand that needs no level of its own; false if it is to be written out. */
static bool put_leafish(struct out *o, const tg_graph *g, uint32_t id, uint32_t consumer, int depth, int tight) {
    char text[128];
    double v;
    uint32_t name = name_for(g, id, consumer);
    if (name) {
        put(o, tg__clean(tg__name_text(g, name), text, sizeof text));
    } else if (tg__is_scalar_const(g, id, &v)) {
        bool closed = number_text((tg_dtype)tg__node_of(g, id)->dtype, v, text, sizeof text) < tight;
        put(o, closed ? "(" : "");
        put(o, text);
        put(o, closed ? ")" : "");
    } else if (tg__is_leaf(tg__node_of(g, id)) || depth == DEPTH) {
        snprintf(text, sizeof text, "#%u", id);
        put(o, text);
    } else {
        return false;
    }
    return true;
}

static struct level level_of(const tg_graph *g, uint32_t node, int tight) {
    const char *formula = right_side(tg__node_of(g, node));
    return (struct level){node, formula, formula, tight, binding(formula) < tight};
}

static void write_out(struct out *o, const tg_graph *g, uint32_t top) {
    struct level stack[DEPTH];
    int depth = 0;
    stack[depth++] = level_of(g, top, ANY);
    while (depth > 0) {
        struct level *l = &stack[depth - 1];
        const char *s = l->at;
        if (!*s) {
            if (l->closes) put(o, ")");
            depth--;
            continue;
        }
        size_t length = 0;
        while (isalnum((unsigned char)s[length])) length++;
        l->at = s + (length ? length : 1);
        const struct tg__node *n = tg__node_of(g, l->node);
        int slot = operand_slot(s, length);
        if (slot >= 0 && slot < n->operands) {
            const int tight = needed(l->formula, s, l->tight);
            if (put_leafish(o, g, n->in[slot], top, depth, tight)) continue;
            stack[depth] = level_of(g, n->in[slot], tight);
            if (stack[depth++].closes) put(o, "(");
        } else if (!length || !put_attribute(o, g, n, s, length)) {
            char word[40];
            snprintf(word, sizeof word, "%.*s", (int)(length ? length : 1), s);
            put(o, word);
        }
    }
}

size_t tg_formula(tg_node a, char *text, size_t room) {
    struct out o = {.text = text, .room = room};
    const struct tg__node *n = tg__get(a);
    double v;
    char number[40];
    if (n && tg__is_scalar_const(a.graph, a.id, &v)) {
        number_text((tg_dtype)n->dtype, v, number, sizeof number);
        put(&o, number);
    } else if (n && tg__is_leaf(n)) {
        put(&o, n->op->name);
    } else if (n) {
        write_out(&o, a.graph, a.id);
    }
    if (room) text[o.used < room ? o.used : o.whole] = 0;
    return o.used;
}
