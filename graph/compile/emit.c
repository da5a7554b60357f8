/* The staged C of a part of the tape: a struct with a member for every value, and two functions that go through it, one
 * statement for each step. */
#include "emit.h"

#include <ctype.h>

enum { LISTED = 6, FORMULA = 240 }; /* members named in the example; bytes of a formula */

/* --------------------------------------------------------------------------------------------------- the members */

static bool is_member(const struct tg__c *c, uint32_t id) { return c->places->spot[id].place == TG__MEMBER; }

static void put_dims(const struct tg__c *c, uint32_t id) {
    const tg_shape *dims = &tg__node_of(c->part->graph, id)->shape->dims;
    for (int i = 0; i < dims->rank; i++) tg__putf(c->sheet, "[%lld]", (long long)dims->dim[i]);
}

static void put_declaration(const struct tg__c *c, uint32_t id) {
    tg__putf(c->sheet, "    %s ", tg__c_type((tg_dtype)tg__node_of(c->part->graph, id)->dtype));
    tg__put(c->sheet, tg__ident(c->part, id));
    put_dims(c, id);
    tg__put(c->sheet, ";");
}

static void measure(struct tg__sheet *s, const char *text, size_t length) {
    (void)text;
    *(size_t *)s->to += length;
}

static size_t width_of(const struct tg__c *c, uint32_t id) {
    size_t width = 0;
    struct tg__sheet ruler = {.put = measure, .to = &width};
    struct tg__c quiet = *c;
    quiet.sheet = &ruler;
    put_declaration(&quiet, id);
    return width;
}

static int note_column(const struct tg__c *c) {
    size_t widest = 0;
    for (uint32_t id = 1; id <= c->part->out; id++)
        if (is_member(c, id) && c->part->role[id] == TG__ARGUMENT && width_of(c, id) > widest) widest = width_of(c, id);
    return (int)(widest < 40 ? widest : 40);
}

/* Where to look for a gradient: it may be another's too, or a number. */
static void put_gradient_note(const struct tg__c *c, uint32_t argument, int column) {
    const uint32_t gradient = tg__part_gradient(c->part, argument);
    const int pad = column - (int)width_of(c, argument);
    if (!gradient || c->places->spot[gradient].place == TG__NOWHERE) return;
    static const int8_t first[TG_MAX_RANK] = {0};
    tg__putf(c->sheet, "%*s /* its gradient: ", pad > 0 ? pad : 0, "");
    if (c->places->spot[gradient].place == TG__NUMBER)
        tg__put_element(c, gradient, first);
    else
        tg__put(c->sheet, tg__ident(c->part, gradient));
    tg__put(c->sheet, " */");
}

static bool has_role(const struct tg__c *c, uint32_t id, enum tg__role a, enum tg__role b) {
    return c->part->role[id] == a || c->part->role[id] == b;
}

static int put_members(const struct tg__c *c, const char *title, enum tg__role a, enum tg__role b, int before) {
    const int column = a == TG__ARGUMENT ? note_column(c) : 0;
    int count = 0;
    for (uint32_t id = 1; id <= c->part->last; id++) {
        if (!is_member(c, id) || !has_role(c, id, a, b)) continue;
        if (!count++) tg__putf(c->sheet, "%s    /* %s */\n", before ? "\n" : "", title);
        put_declaration(c, id);
        if (a == TG__ARGUMENT) put_gradient_note(c, id, column);
        if (id == c->part->out) tg__put(c->sheet, " /* the result */");
        tg__put(c->sheet, "\n");
    }
    return before + count;
}

static void put_struct(const struct tg__c *c) {
    tg__putf(c->sheet, "struct %s {\n", c->part->function);
    int members = put_members(c, "given to forward", TG__ARGUMENT, TG__ARGUMENT, 0);
    members = put_members(c, "computed by forward", TG__FORWARD, TG__FORWARD, members);
    members = put_members(c, "given to backward", TG__COTANGENT, TG__EXTRA, members);
    members = put_members(c, "computed by backward", TG__BACKWARD, TG__BACKWARD, members);
    tg__put(c->sheet, members ? "};\n" : "    char nothing; /* no value has elements */\n};\n");
}

/* ------------------------------------------------------------------------------------------------- the functions */

/* "step 9: dgammax" for one of a node's names. */
static void put_name(const struct tg__c *c, uint32_t row) {
    const int step = tg__step_of(c->part->graph, row);
    if (step >= 0) tg__putf(c->sheet, "step %d: ", step);
    tg__put_comment(c->sheet, tg__name_text(c->part->graph, row), 60);
}

/* Further names are steps too, in which nothing is to be done. */
static void put_aliases(const struct tg__c *c, uint32_t id) {
    const uint32_t first = tg__fact_of(c->part->graph, id)->name;
    for (uint32_t row = first ? tg__name_next(c->part->graph, first) : 0; row; row = tg__name_next(c->part->graph, row)) {
        tg__put(c->sheet, "\n    /* ");
        put_name(c, row);
        tg__put(c->sheet, " is ");
        tg__put_comment(c->sheet, tg__name_text(c->part->graph, first), 60);
        tg__put(c->sheet, " */\n");
    }
}

static void put_heading(const struct tg__c *c, uint32_t id) {
    char formula[FORMULA];
    const uint32_t name = tg__fact_of(c->part->graph, id)->name;
    const bool cut = tg_formula(tg__handle(c->part->graph, id), formula, sizeof formula) >= sizeof formula;
    tg__put(c->sheet, "\n    /* ");
    if (name)
        put_name(c, name);
    else
        tg__put(c->sheet, tg__ident(c->part, id));
    tg__put(c->sheet, is_member(c, id) ? " = " : " is ");
    tg__put_comment(c->sheet, formula, 0);
    tg__put(c->sheet, cut ? "... */\n" : " */\n");
}

static void put_step(const struct tg__c *c, uint32_t id) {
    const bool view = c->places->spot[id].place == TG__VIEW;
    if (is_member(c, id) || (view && tg__fact_of(c->part->graph, id)->name)) put_heading(c, id);
    if (is_member(c, id)) tg__put_statement(c, id);
    if (is_member(c, id) || view) put_aliases(c, id);
}

static void put_function(const struct tg__c *c, const char *which, enum tg__role role) {
    const struct tg__part *p = c->part;
    const bool fails = c->places->fails[role == TG__BACKWARD];
    bool empty = true;
    tg__putf(c->sheet, "\n%s %s_%s(struct %s *t) {", fails ? "int" : "void", p->function, which, p->function);
    for (uint32_t id = 1; id <= p->last; id++) {
        if (role == TG__BACKWARD && has_role(c, id, TG__COTANGENT, TG__EXTRA)) put_aliases(c, id);
        if (p->role[id] != role || !tg__is_computed(p, id)) continue;
        put_step(c, id);
        empty &= !is_member(c, id);
    }
    tg__put(c->sheet, empty ? "\n    (void)t;\n" : fails ? "\n    return 0;\n" : "");
    tg__put(c->sheet, "}\n");
}

/* --------------------------------------------------------------------------------------------------- around them */

/* "t.x, t.gamma": members of two roles, or the gradients of the arguments. */
struct list {
    const struct tg__c *c;
    int count;
};

static void put_item(struct list *l, uint32_t id) {
    if (!is_member(l->c, id) || l->count > LISTED) return;
    tg__put(l->c->sheet, l->count ? ", " : "");
    tg__put(l->c->sheet, l->count < LISTED ? "t." : "...");
    if (l->count++ < LISTED) tg__put(l->c->sheet, tg__ident(l->c->part, id));
}

static void put_list(const struct tg__c *c, enum tg__role a, enum tg__role b) {
    struct list l = {.c = c};
    for (uint32_t id = 1; id <= c->part->last; id++)
        if (has_role(c, id, a, b)) put_item(&l, id);
    if (!l.count) tg__put(c->sheet, "nothing");
}

static void put_gradients(const struct tg__c *c) {
    struct list l = {.c = c};
    for (uint32_t id = 1; id <= c->part->out; id++)
        if (c->part->role[id] == TG__ARGUMENT) put_item(&l, tg__part_gradient(c->part, id));
    if (!l.count) tg__put(c->sheet, "nothing");
}

static double bytes_of(const struct tg__c *c) {
    double bytes = 0;
    for (uint32_t id = 1; id <= c->part->last; id++) {
        const struct tg__node *n = tg__node_of(c->part->graph, id);
        if (is_member(c, id)) bytes += (double)n->shape->count * (double)tg__item_size((tg_dtype)n->dtype);
    }
    return bytes;
}

static void put_usage(const struct tg__c *c) {
    const char *f = c->part->function;
    const double bytes = bytes_of(c);
    tg__putf(c->sheet, " *     static struct %s t;  all the memory there is, ", f);
    tg__putf(c->sheet, bytes < 1e3 ? "%.0f bytes\n" : "%.1f kB\n", bytes < 1e3 ? bytes : bytes / 1e3);
    tg__put(c->sheet, " *     set ");
    put_list(c, TG__ARGUMENT, TG__ARGUMENT);
    tg__putf(c->sheet, "\n *     %s_forward(&t);      computes ", f);
    struct list result = {.c = c};
    put_item(&result, c->part->out);
    tg__put(c->sheet, "\n *     set ");
    put_list(c, TG__COTANGENT, TG__EXTRA);
    tg__putf(c->sheet, "\n *     %s_backward(&t);     computes ", f);
    put_gradients(c);
}

static void put_head(const struct tg__c *c) {
    tg__putf(c->sheet, "/* %s, forward and backward, step by step as on the tape (written by tapegrad %s).\n *\n",
             c->part->function, TG_VERSION);
    put_usage(c);
    tg__put(c->sheet, "\n *\n * C99 and libm. Every member has the bits that it has on the tape (behind exp and log: within 4 "
                      "units in the last\n * place each), unless the compiler was told to reorder: no -ffast-math. To "
                      "be sure, -ffp-contract=off.");
    if (c->places->fails[0] || c->places->fails[1])
        tg__put(c->sheet, "\n *\n * What returns int returns 0; or 1, unfinished, where a label or a number is outside its "
                          "range.");
    tg__put(c->sheet, " */\n\n");
}

/* Names that a header has made macros of. */
static void put_undefs(const struct tg__c *c) {
    static const char *const macros[] = {"I", "complex", "imaginary"};
    for (size_t k = 0; k < sizeof macros / sizeof *macros; k++)
        for (uint32_t id = 1; id <= c->part->last; id++)
            if (is_member(c, id) && strcmp(tg__ident(c->part, id), macros[k]) == 0)
                tg__putf(c->sheet, "#undef %s /* of complex.h; here it is a member */\n", macros[k]);
}

static void put_includes(const struct tg__c *c) {
    const struct tg__places *q = c->places;
    tg__put(c->sheet, "#if defined(__GNUC__) && !defined(__clang__)\n"
                      "#pragma GCC optimize(\"fp-contract=off\") /* what STDC FP_CONTRACT OFF is to others */\n"
                      "#else\n#pragma STDC FP_CONTRACT OFF\n#endif\n\n");
    if (q->helpers) tg__put(c->sheet, "#include <stddef.h>\n");
    if (q->i32) tg__put(c->sheet, "#include <stdint.h>\n");
    if (q->copies) tg__put(c->sheet, "#include <string.h>\n");
    if (q->math) tg__put(c->sheet, "#include <tgmath.h>\n");
    if (q->math) put_undefs(c);
    if (q->helpers || q->i32 || q->copies || q->math) tg__put(c->sheet, "\n");
}

/* ------------------------------------------------------------------------------------------ constants and helpers */

static void put_table(const struct tg__c *c, uint32_t id) {
    const struct tg__node *n = tg__node_of(c->part->graph, id);
    const tg_shape *dims = &n->shape->dims;
    char text[TG__LITERAL];
    tg__put(c->sheet, "    ");
    for (size_t i = 0; i < n->shape->count; i++) {
        size_t row = 1;
        int closed = 0, opened = 0;
        for (int axis = dims->rank - 1; axis >= 0; axis--) {
            row *= (size_t)dims->dim[axis];
            opened += i % row == 0;
            closed += (i + 1) % row == 0;
        }
        if (opened && i) tg__put(c->sheet, "\n    ");
        for (; opened > 0; opened--) tg__put(c->sheet, "{");
        tg__literal((tg_dtype)n->dtype, tg__load((tg_dtype)n->dtype, tg__value_of(c->part->graph, id)->data, i), text);
        tg__put(c->sheet, text);
        for (; closed > 0; closed--) tg__put(c->sheet, "}");
        if (i + 1 < n->shape->count) tg__put(c->sheet, ", ");
    }
    tg__put(c->sheet, ",\n");
}

static void put_tables(const struct tg__c *c) {
    if (!c->places->tables) return;
    tg__put(c->sheet, "static const struct {\n");
    for (int values = 0; values < 2; values++) {
        if (values) tg__putf(c->sheet, "} %s_constant = {\n", c->part->function);
        for (uint32_t id = 1; id <= c->part->last; id++) {
            if (c->places->spot[id].place != TG__TABLE) continue;
            if (values)
                put_table(c, id);
            else
                put_declaration(c, id), tg__put(c->sheet, "\n");
        }
    }
    tg__put(c->sheet, "};\n\n");
}

static void put_helper(const struct tg__c *c, const struct tg__helper *h, bool f32) {
    char guard[64];
    size_t n = 0;
    for (const char *s = h->name; *s && n + 1 < sizeof guard; s++) guard[n++] = (char)toupper((unsigned char)*s);
    guard[n] = 0;
    tg__putf(c->sheet, "\n#ifndef TG_%s%s\n#define TG_%s%s\n", guard, f32 ? "F" : "", guard, f32 ? "F" : "");
    for (const char *s = h->text; *s;) {
        const size_t length = tg__word(s);
        if (length == 1 && *s == 'T')
            tg__put(c->sheet, f32 ? "float" : "double");
        else if (*s == '$')
            tg__put(c->sheet, f32 ? "f" : "");
        else
            tg__put_n(c->sheet, s, length ? length : 1);
        s += length ? length : 1;
    }
    tg__put(c->sheet, "#endif\n");
}

enum { HELPERS = 32 };
struct helpers {
    const struct tg__helper *seen[2][HELPERS]; /* f64, f32 */
    int count[2];
};

static void put_new_helper(const struct tg__c *c, struct helpers *h, const struct tg__helper *helper, bool f32) {
    for (int i = 0; i < h->count[f32]; i++)
        if (h->seen[f32][i] == helper) return;
    if (h->count[f32] < HELPERS) h->seen[f32][h->count[f32]++] = helper;
    put_helper(c, helper, f32);
}

static void put_helpers(const struct tg__c *c) {
    struct helpers h = {.count = {0, 0}};
    struct tg__emit e;
    for (uint32_t id = 1; id <= c->part->last && c->places->helpers; id++) {
        const int place = c->places->spot[id].place;
        if (!tg__is_computed(c->part, id) || (place != TG__MEMBER && place != TG__INLINE)) continue;
        tg__kernel(c->part->graph, id, &e);
        for (int k = 0; k < 2 && e.terms > 0; k++)
            if (e.helper[k]) put_new_helper(c, &h, e.helper[k], e.node->dtype == TG_F32);
    }
}

/* ------------------------------------------------------------------------------------------------- the whole file */

static const char *counter(const struct tg__part *p) {
    for (uint32_t id = 1; id <= p->last; id++)
        if (p->role[id] != TG__ABSENT && tg__node_of(p->graph, id)->shape->count > INT32_MAX) return "long long";
    return "int";
}

bool tg__c(struct tg__sheet *s, const struct tg__part *p) {
    struct tg__places places;
    if (!tg__places_new(&places, p)) return false;
    const struct tg__c c = {.sheet = s, .part = p, .places = &places, .counter = counter(p)};
    put_head(&c);
    put_includes(&c);
    put_tables(&c);
    put_struct(&c);
    put_helpers(&c);
    put_function(&c, "forward", TG__FORWARD);
    put_function(&c, "backward", TG__BACKWARD);
    tg__places_free(&places, p);
    return true;
}

struct wish {
    tg_grads d;
    tg_node out;
    const char *function;
};

static bool write(struct tg__sheet *s, void *user) {
    const struct wish *w = user;
    struct tg__part p;
    if (!tg__part_new(&p, w->d, w->out, w->function, "write_c")) return false;
    const bool written = tg__c(s, &p);
    tg__part_free(&p);
    return written;
}

tg_status tg_write_c(tg_grads d, tg_node out, const char *function, const char *path) {
    struct wish w = {d, out, function};
    return tg__write_sheet(d.graph, path, write, &w);
}
