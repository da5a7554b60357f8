/* Operators of the user's own: rows that a graph takes in, with what they leave out filled in, so that no reader need
 * ask. */
#include "graph.h"

#include <ctype.h>

enum { LONGEST = 40, TEXT = 512 }; /* bytes of a name, of a text made from it */

static const struct tg__own *own_of(const tg_graph *g, uint32_t i) { return tg__row(&g->own, i); }

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

bool tg__is_identifier(const char *name) {
    size_t n = 0;
    while (isalnum((unsigned char)name[n]) || name[n] == '_') n++;
    return n > 1 && n <= LONGEST && !name[n] && !isdigit((unsigned char)*name); /* one letter is an operand */
}

const struct tg_op *tg__row_called(const tg_graph *g, const char *name) {
    const struct tg_op *const leaves[] = {&tg__op_input, &tg__op_param, &tg__op_const}, *row;
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
        if (is(leaves[i]->name, name)) return leaves[i];
    for (size_t i = 0; (row = tg_operator_at(g, i)) != NULL; i++)
        if (is(row->name, name)) return row;
    return NULL;
}

const tg_op *tg_operator_at(const tg_graph *g, size_t i) {
    size_t rows = 0;
    if (!g) return NULL;
    while (rows < i && g->calculus.operators[rows]) rows++;
    if (g->calculus.operators[rows]) return g->calculus.operators[rows];
    return i - rows < g->own.length ? own_of(g, (uint32_t)(i - rows))->row : NULL;
}

static const struct tg_op *row_of(const tg_graph *g, const struct tg_op *given) {
    for (uint32_t i = 0; i < g->own.length; i++)
        if (own_of(g, i)->given == given) return own_of(g, i)->row;
    return NULL;
}

/* -------------------------------------------------------------------------------------------- what is left out */

struct text {
    char text[TEXT];
    size_t used;
};

TG_FORMAT_(2, 3) static void add(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(t->text + t->used, TEXT - t->used, format, args);
    va_end(args);
    t->used += n > 0 ? (size_t)n : 0;
    if (t->used >= TEXT) t->used = TEXT - 1;
}

static void add_tex_name(struct text *t, const char *name) {
    add(t, "\\mathrm{");
    for (; *name; name++) add(t, *name == '_' ? "\\%c" : "%c", *name);
    add(t, "}");
}

/* "z = name(x, y)", plain or typeset */
static const char *call(tg_graph *g, const struct tg_op *op, bool tex) {
    struct text t = {.used = 0};
    if (tex)
        add_tex_name(&t, op->name);
    else
        add(&t, "z = %s", op->name);
    for (int i = 0; i < op->operands; i++) add(&t, i ? ", %c" : tex ? "\\left(%c" : "(%c", "xywv"[i]);
    add(&t, tex ? "\\right)" : ")");
    return tg__intern_text(g, t.text);
}

static const char *gradient(tg_graph *g, const struct tg_op *op, bool tex) {
    struct text t = {.used = 0};
    for (int i = 0; i < op->operands; i++) {
        add(&t, i ? ", " : "");
        if (!tex) {
            add(&t, "%s_vjp(g)", op->name);
            continue;
        }
        add(&t, "{");
        add_tex_name(&t, op->name);
        add(&t, op->operands > 1 ? "}_{%d}" : "}", i + 1);
        add(&t, "\\left(g\\right)");
    }
    return tg__intern_text(g, t.text);
}

const struct tg_op *tg__complete(tg_graph *g, const struct tg_op *op) {
    struct tg_op *row = tg__carve(g, &g->interned, sizeof *row);
    if (!row) return NULL;
    *row = *op;
    const char **const text[] = {&row->name,  &row->formula, &row->gradient, &row->symbol,
                                 &row->numpy, &row->tex,     &row->tex_back, &row->code};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (*text[i] && !(*text[i] = tg__intern_text(g, *text[i]))) return NULL;
    if (!row->formula && !(row->formula = call(g, op, false))) return NULL;
    if (!row->tex && !(row->tex = call(g, op, true))) return NULL;
    if (!row->vjp)
        row->gradient = "none", row->tex_back = NULL;
    else if (!row->gradient && !(row->gradient = gradient(g, op, false)))
        return NULL;
    if (row->vjp && !row->tex_back && !(row->tex_back = gradient(g, op, true))) return NULL;
    return row;
}

/* ----------------------------------------------------------------------------------------------- is it a row? */

static bool is_text(const char *s) {
    while (s && *s) {
        const size_t n = tg__printable(s);
        if (!n) return false;
        s += n;
    }
    return true;
}

static bool is_balanced(const char *tex) {
    int depth = 0;
    for (const char *s = tex; s && *s && depth >= 0; s++) {
        if (*s != '\\')
            depth += (*s == '{') - (*s == '}');
        else if (!*++s)
            return false;
    }
    return depth == 0;
}

/* What is wrong with a row; NULL: nothing. */
static const char *fault(const struct tg_op *op) {
    if (op->operands < 1 || op->operands > TG__OPERANDS) return "operands is not 1 to 4";
    if (!op->shape) return "shape is NULL: a row needs a shape rule";
    if (!op->run) return "run is NULL: a row needs a kernel";
    if (!op->loop[0] != !op->loop[1]) return "loop has one of f32 and f64: it needs both";
    const char *const text[] = {op->formula, op->gradient, op->symbol, op->numpy, op->tex, op->tex_back, op->code};
    static const char *const wrong[] = {"formula is not printable UTF-8", "gradient is not printable UTF-8",
                                        "symbol is not printable UTF-8",  "numpy is not printable UTF-8",
                                        "tex is not printable UTF-8",     "tex_back is not printable UTF-8",
                                        "code is not printable UTF-8"};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (!is_text(text[i])) return wrong[i];
    if (!is_balanced(op->tex)) return "the braces of tex do not match";
    return is_balanced(op->tex_back) ? NULL : "the braces of tex_back do not match";
}

static bool is_row(tg_graph *g, const struct tg_op *op) {
    char name[LONGEST + 24];
    if (!op || !op->name) {
        tg_fail(g, TG_ARGUMENT, op ? "register: name is NULL" : "register: the row is NULL");
        return false;
    }
    tg__clean(op->name, name, sizeof name);
    const char *wrong = fault(op);
    if (!tg__is_identifier(op->name))
        tg_fail(g, TG_NAME, "register: name '%s' is no identifier of 2 to %d letters, digits and underscores", name,
                LONGEST);
    else if (tg__row_called(g, op->name))
        tg_fail(g, TG_NAME, "register: name '%s' is taken by another operator", name);
    else if (wrong)
        tg_fail(g, TG_ARGUMENT, "register: '%s': %s", name, wrong);
    else
        return true;
    return false;
}

tg_status tg_register(tg_graph *g, const tg_op *op) {
    if (!g) return TG_HANDLE;
    if (tg__is_broken(g) || row_of(g, op) || !is_row(g, op)) return tg__is_broken(g) ? g->error.status : TG_OK;
    const struct tg__own own = {op, tg__complete(g, op)};
    struct tg__own *row = own.row ? tg__push(g, &g->own) : NULL;
    if (!row) return g->error.status;
    *row = own;
    return TG_OK;
}

bool tg__share_rows(tg_graph *twin, const tg_graph *g) {
    for (uint32_t i = 0; i < g->own.length; i++) {
        struct tg__own *row = tg__push(twin, &twin->own);
        if (!row) return false;
        *row = *own_of(g, i);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------- applying it */

tg_node tg_apply(const tg_op *op, const tg_node *operands) {
    tg_graph *g = op && operands ? tg__common_graph(operands, op->operands) : NULL;
    char name[80], a[200], b[200];
    if (!g) return tg_nil(NULL);
    const struct tg_op *row = row_of(g, op);
    if (!row)
        return tg_fail(g, TG_ARGUMENT, "apply: operator '%s' is not registered with this graph: see tg_register",
                       tg__clean(op->name ? op->name : "", name, sizeof name));
    const tg_node z = tg__apply(row, operands, NULL);
    const struct tg__node *n = tg__get(z), *x = tg__get(operands[0]);
    if (!n && !tg__is_broken(g))
        tg__fail(g, TG_SHAPE, row, operands, row->operands, "its shape rule set no shape, or refused without a reason");
    if (!n || !row->view || (n->dtype == x->dtype && n->shape->count == x->shape->count)) return z;
    return tg__fail(g, TG_SHAPE, row, operands, 1, "a view of %s %s cannot be %s %s: it has the operand's memory",
                    tg__dtype_name((tg_dtype)x->dtype), tg__shape_text(&x->shape->dims, a, sizeof a),
                    tg__dtype_name((tg_dtype)n->dtype), tg__shape_text(&n->shape->dims, b, sizeof b));
}

const void *tg_user_of(tg_node a) {
    const struct tg__node *n = tg__get(a);
    return n ? n->op->user : NULL;
}
