/* A node's formula, written out from its operator's row: operands by name, those that have none in place, parentheses
 * where a formula would otherwise be read differently. How names, numbers and attributes look is the dialect's. */
#include "formula.h"

#include <ctype.h>

enum { DEPTH = 6 }; /* formulas deeper than this name the rest by number */

/* The name under which a consumer knows an operand: an adjoint that goes by several is called what the stage that is
 * being differentiated calls it. */
uint32_t tg__name_for(const tg_graph *g, uint32_t operand, uint32_t consumer) {
    uint32_t first = tg__fact_of(g, operand)->name, site = tg__fact_of(g, consumer)->site;
    for (uint32_t row = first; row; row = tg__name_next(g, row)) {
        uint32_t of = tg__name_of(g, row);
        if (of && tg__fact_of(g, of)->site == site) return row;
    }
    return first;
}

struct tg__form tg__form_of(const struct tg__node *n, const char *forms) {
    const char *end = NULL;
    int which = n->op->form ? n->op->form(n) : 0;
    while (n->op->form && (end = strstr(forms, "; ")) && which-- > 0) forms = end + 2;
    return (struct tg__form){forms, end ? end : forms + strlen(forms)};
}

struct level {
    uint32_t node;
    struct tg__form form;
    const char *at;
    int tight;   /* how tightly it must bind where it stands */
    bool closes; /* a parenthesis was opened around it */
};

static struct level level_of(const struct tg__wording *w, uint32_t node, struct tg__form form, int tight) {
    return (struct level){node, form, form.from, tight, w->dialect->binding(form) < tight};
}

/* Which operand a letter stands for; 0: it is no operand. */
static uint32_t operand_of(const struct tg__wording *w, const struct level *l, const char *s, size_t length) {
    const struct tg__node *n = tg__node_of(w->graph, l->node);
    static const char letters[] = "xywv";
    const char *letter = length == 1 ? strchr(letters, *s) : NULL;
    if (letter) return letter - letters < n->operands ? n->in[letter - letters] : 0;
    if (length != 1 || !w->upstream || l->node != w->top) return 0;
    return *s == 'z' ? w->top : *s == 'g' ? w->upstream : 0;
}

static size_t word_at(const char *s) {
    size_t length = 0;
    while (isalnum((unsigned char)s[length])) length++;
    if (*s != '\\') return length ? length : 1;
    for (length = 1; isalpha((unsigned char)s[length]);) length++;
    return length > 1 ? length : 2; /* a command of TeX is no word of ours */
}

/* Length of the operator's own name at s, plain or as TeX has it; 0: it is another word. What is in it, as the x of
 * x_norm, stands for nothing. */
static size_t own_name(const struct tg_op *op, const char *s) {
    size_t length = 0;
    for (const char *name = op->name; *name; name++) {
        length += *name == '_' && s[length] == '\\';
        if (s[length++] != *name) return 0;
    }
    return isalnum((unsigned char)s[length]) || s[length] == '_' ? 0 : length;
}

void tg__put_form(struct tg__sheet *s, const struct tg__wording *w, struct tg__form form) {
    const struct tg__dialect *dialect = w->dialect;
    struct level stack[DEPTH];
    int depth = 0;
    stack[depth++] = level_of(w, w->top, form, TG__ANY);
    while (depth > 0) {
        struct level *l = &stack[depth - 1];
        const char *word = l->at;
        if (word >= l->form.end) {
            if (l->closes) tg__put(s, dialect->close);
            depth--;
            continue;
        }
        const size_t own = own_name(tg__node_of(w->graph, l->node)->op, word), length = own ? own : word_at(word);
        l->at += length;
        const uint32_t operand = own ? 0 : operand_of(w, l, word, length);
        if (operand) {
            const int tight = dialect->needed(l->form, word, l->tight);
            if (dialect->operand(s, w, l->node, operand, tight, depth == DEPTH)) continue;
            stack[depth] = level_of(w, operand, dialect->form(w, operand), tight);
            if (stack[depth++].closes) tg__put(s, dialect->open);
        } else if (own || !dialect->word(s, w, l->node, word, length)) {
            tg__put_n(s, word, length);
        }
    }
}

void tg__put_formula(struct tg__sheet *s, const struct tg__wording *w) {
    tg__put_form(s, w, w->dialect->form(w, w->top));
}

/* ------------------------------------------------------------------------------------------- how tightly it binds */

int tg__binding(struct tg__form f) {
    int depth = 0, weakest = TG__CLOSED;
    for (const char *s = f.from; s < f.end; s++) {
        depth += (*s == '(' || *s == '[') - (*s == ')' || *s == ']');
        if (depth) continue;
        if (*s == '+' || *s == '-') return TG__TERM;
        if (*s == '@') weakest = TG__MATRIX;
        if ((*s == '*' || *s == '/') && weakest > TG__FACTOR) weakest = TG__FACTOR;
    }
    return weakest;
}

struct tg__sides tg__sides(struct tg__form f, const char *at) {
    const char *before = at, *after = at + 1;
    while (before > f.from && before[-1] == ' ') before--;
    while (after < f.end && *after == ' ') after++;
    return (struct tg__sides){before > f.from ? before[-1] : 0, after < f.end ? *after : 0};
}

/* ----------------------------------------------------------------------------------------------------- plain text */

static struct tg__form form(const struct tg__wording *w, uint32_t node) {
    const struct tg__node *n = tg__node_of(w->graph, node);
    struct tg__form f = tg__form_of(n, n->op->formula);
    if (strncmp(f.from, "z = ", 4) == 0) f.from += 4;
    return f;
}

static int needed(struct tg__form f, const char *at, int around) {
    const struct tg__sides by = tg__sides(f, at);
    if (!by.left && !by.right) return around;
    if (by.left == '/' || by.left == '@' || by.right == '[' || by.right == '.') return TG__CLOSED;
    if (by.left == '*' || by.right == '*' || by.right == '/') return TG__FACTOR;
    if (by.left == '-' || by.right == '@') return TG__MATRIX;
    return by.left == '+' || by.right == '+' || by.right == '-' ? TG__TERM : TG__ANY;
}

static void put_number(struct tg__sheet *s, tg_dtype dtype, double v, int tight) {
    const struct tg__number number = tg__number(dtype, v, 6);
    const bool closed = number.binding < tight;
    tg__putf(s, "%s%s%s", closed ? "(" : "", number.text, closed ? ")" : "");
}

/* Writes an operand that needs no level of its own; false if it is to be written out. */
static bool operand(struct tg__sheet *s, const struct tg__wording *w, uint32_t at, uint32_t id, int tight, bool deep) {
    (void)at;
    char text[128];
    double v;
    const uint32_t name = tg__name_for(w->graph, id, w->top);
    if (name)
        tg__put(s, tg__clean(tg__name_text(w->graph, name), text, sizeof text));
    else if (tg__is_scalar_const(w->graph, id, &v))
        put_number(s, (tg_dtype)tg__node_of(w->graph, id)->dtype, v, tight);
    else if (tg__is_leaf(tg__node_of(w->graph, id)) || deep)
        tg__putf(s, "#%u", id);
    else
        return false;
    return true;
}

static const struct tg__dialect plain = {form, operand, tg__put_word, tg__binding, needed, "(", ")"};

/* A room of limited size. */
struct room {
    char *text;
    size_t room, used;
    size_t whole; /* where the last character begins that begins within room: a cut goes there, not through one */
};

static void put(struct tg__sheet *s, const char *text, size_t length) {
    struct room *r = s->to;
    for (; length > 0 && r->used < r->room; r->used++, text++, length--) {
        if (((unsigned char)*text & 0xc0) != 0x80) r->whole = r->used;
        if (r->used + 1 < r->room) r->text[r->used] = *text;
    }
    r->used += length;
}

/* param := w_next: what it takes at a commit. */
static void put_leaf(struct tg__sheet *s, tg_node a, const struct tg__node *n) {
    char name[128];
    const tg_node next = tg_assigned(a);
    tg__put(s, n->op->name);
    if (tg_is_nil(next)) return;
    if (*tg_name(next))
        tg__putf(s, " := %s", tg__clean(tg_name(next), name, sizeof name));
    else
        tg__putf(s, " := #%u", next.id);
}

size_t tg_formula(tg_node a, char *text, size_t room) {
    struct room r = {.text = text, .room = text ? room : 0};
    struct tg__sheet s = {.put = put, .to = &r};
    const struct tg__node *n = tg__get(a);
    double v;
    const struct tg__point point = tg__point_open();
    if (n && tg__is_scalar_const(a.graph, a.id, &v))
        put_number(&s, (tg_dtype)n->dtype, v, TG__ANY);
    else if (n && tg__is_leaf(n))
        put_leaf(&s, a, n);
    else if (n)
        tg__put_formula(&s, &(struct tg__wording){.dialect = &plain, .graph = a.graph, .top = a.id});
    tg__point_close(point);
    if (r.room) text[r.used < r.room ? r.used : r.whole] = 0;
    return r.used;
}
