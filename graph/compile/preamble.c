/* What stands around the two functions: how they are used, the headers and constants that they need, and the helpers of
 * their kernels. */
#include "emit.h"

#include <ctype.h>

enum { LISTED = 6, HELPERS = 32 }; /* members that the usage names; helpers that are remembered for each type */

/* "t.x, t.gamma": members of two roles, or the gradients of the arguments. */
struct list {
    const struct tg__c *c;
    int count;
};

static void put_item(struct list *l, uint32_t id) {
    if (!tg__is_member(l->c, id) || l->count > LISTED) return;
    tg__put(l->c->sheet, l->count ? ", " : "");
    tg__put(l->c->sheet, l->count < LISTED ? "t." : "...");
    if (l->count++ < LISTED) tg__put(l->c->sheet, tg__ident(l->c->part, id));
}

static void put_list(const struct tg__c *c, enum tg__role a, enum tg__role b) {
    struct list l = {.c = c};
    for (uint32_t id = 1; id <= c->part->last; id++)
        if (tg__has_role(c, id, a, b)) put_item(&l, id);
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
        if (tg__is_member(c, id)) bytes += (double)n->shape->count * (double)tg__item_size((tg_dtype)n->dtype);
    }
    return bytes;
}

static void put_usage(const struct tg__c *c) {
    const char *f = c->part->function;
    const double bytes = bytes_of(c);
    struct list result = {.c = c};
    tg__putf(c->sheet, " *     static struct %s t;  holds everything: ", f);
    tg__putf(c->sheet, bytes < 1e4 ? "%.0f bytes\n" : "%.0f kB\n", bytes < 1e4 ? bytes : bytes / 1e3);
    tg__put(c->sheet, " *     set ");
    put_list(c, TG__ARGUMENT, TG__ARGUMENT);
    tg__putf(c->sheet, "\n *     %s_forward(&t);      computes ", f);
    put_item(&result, c->part->out);
    tg__put(c->sheet, "\n *     set ");
    put_list(c, TG__COTANGENT, TG__EXTRA);
    tg__putf(c->sheet, "\n *     %s_backward(&t);     computes ", f);
    put_gradients(c);
}

static const char promise[] =
    "\n *\n"
    " * Self-contained C99: compile it, or #include it. Every member gets the bits that it has on the tape, from any\n"
    " * compiler that keeps to IEEE 754 (-ffp-contract=off, no -ffast-math). exp, tanh and their like are libm's, and "
    "within 4\n"
    " * units in the last place.";

static const char rounds[] = "\n * Large products of matrices may have gone through a BLAS there: they are the same to "
                             "rounding.";

static const char returns[] =
    "\n *\n"
    " * Where an int is returned: 0, or 1 where a label or a number was outside its range and the work stopped there.";

/* At -O3 with AVX, gcc 12 loses elements of neighbouring selects over doubles (m = o > 0 ? 1 : 0; d = m != 0 ? g : 0)
 * and leaves out the rounding of (double)(float)x. Not vectorized, all bits are right. */
static const char no_contraction[] =
    "/* A product is rounded before anything is added to it. gcc 12 vectorizes some loops "
    "into wrong ones. */\n"
    "#if defined(__GNUC__) && !defined(__clang__)\n"
    "#pragma GCC optimize(\"fp-contract=off\", \"no-tree-vectorize\")\n"
    "#else\n"
    "#pragma STDC FP_CONTRACT OFF\n"
    "#endif\n\n";

void tg__put_head(const struct tg__c *c) {
    tg__putf(c->sheet, "/* %s, forward and backward, step by step as on the tape. Written by tapegrad %s.\n *\n",
             c->part->function, TG_VERSION);
    put_usage(c);
    tg__put(c->sheet, promise);
    if (c->places->rounds) tg__put(c->sheet, rounds);
    if (c->places->fails[0] || c->places->fails[1]) tg__put(c->sheet, returns);
    tg__put(c->sheet, " */\n\n");
}

static bool has_ident(const struct tg__c *c, uint32_t id) {
    return tg__is_member(c, id) || c->places->spot[id].place == TG__TABLE;
}

/* Names that a header has made macros of. */
static void put_undefs(const struct tg__c *c) {
    static const char *const macros[] = {"I", "complex", "imaginary"};
    for (size_t k = 0; k < sizeof macros / sizeof *macros; k++)
        for (uint32_t id = 1; id <= c->part->last; id++)
            if (has_ident(c, id) && strcmp(tg__ident(c->part, id), macros[k]) == 0)
                tg__putf(c->sheet, "#undef %s /* of complex.h; here it is a member */\n", macros[k]);
}

void tg__put_includes(const struct tg__c *c) {
    const struct tg__places *q = c->places;
    tg__put(c->sheet, no_contraction);
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

void tg__put_tables(const struct tg__c *c) {
    if (!c->places->tables) return;
    tg__put(c->sheet, "static const struct {\n");
    for (int values = 0; values < 2; values++) {
        if (values) tg__putf(c->sheet, "} %s_constant = {\n", c->part->function);
        for (uint32_t id = 1; id <= c->part->last; id++) {
            if (c->places->spot[id].place != TG__TABLE) continue;
            if (values)
                put_table(c, id);
            else
                tg__put_declaration(c, id), tg__put(c->sheet, "\n");
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

void tg__put_helpers(const struct tg__c *c) {
    struct helpers h = {.count = {0, 0}};
    struct tg__emit e;
    for (uint32_t id = 1; id <= c->part->last && c->places->helpers; id++) {
        const int place = c->places->spot[id].place;
        if (!tg__is_computed(c->part, id) || (place != TG__MEMBER && place != TG__INLINE)) continue;
        tg__kernel(c->part->graph, id, &e);
        for (int k = 0; k < 2; k++)
            if (e.helper[k]) put_new_helper(c, &h, e.helper[k], tg__helper_type(&e) == TG_F32);
    }
}
