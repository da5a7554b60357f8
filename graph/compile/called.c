/* Kernels that no nest has, as functions of their own: z out of a b c d, arrays all of them, by the statement that the
 * staged C has for the node. */
#include "source.h"

static struct tg__c own(const struct tg__source *s, uint32_t node) {
    struct tg__c c = *s->c;
    c.sheet = s->sheet;
    c.own = node;
    return c;
}

static bool fails(const struct tg__source *s, uint32_t node) {
    struct tg__emit e;
    tg__kernel(s->f->g, node, &e);
    return e.guard || e.checks;
}

/* What its sum grows in: lanes of digits, at most (ops/reduce_c.c). */
static void count_stack(struct tg__source *s, uint32_t node) {
    struct tg__emit e;
    tg__kernel(s->f->g, node, &e);
    const size_t bytes = tg__reduces(&e) ? (size_t)(16 * e.digits) * tg__item_size((tg_dtype)e.node->dtype) : 0;
    if (bytes > s->deepest) s->deepest = bytes;
}

/* z, which a result without elements has none of, and the operands that are read. */
static void put_parameters(struct tg__source *s, const struct tg__c *c, uint32_t node, bool call) {
    const struct tg__node *n = tg__node_of(s->f->g, node);
    const char *between = "";
    for (int k = -1; k < n->operands; k++) {
        if (k < 0 ? n->shape->count == 0 : !tg__is_parameter(c, k)) continue;
        const uint32_t id = k < 0 ? node : n->in[k];
        tg__put(s->sheet, between);
        if (call)
            tg__put(s->sheet, tg__ident(s->names, k < 0 ? node : tg__base_of(s->f, id)));
        else
            tg__putf(s->sheet, "%s%s *restrict %c", k < 0 ? "" : "const ",
                     tg__c_type((tg_dtype)tg__node_of(s->f->g, id)->dtype), "zabcd"[k + 1]);
        between = ", ";
    }
    if (!call && !*between) tg__put(s->sheet, "void");
}

void tg__put_called(struct tg__source *s, uint32_t node) {
    const struct tg__c c = own(s, node);
    tg__putf(s->sheet, "static %s %s_%u_(", fails(s, node) ? "int" : "void", s->name, (unsigned)s->nest->group);
    put_parameters(s, &c, node, false);
    tg__put(s->sheet, ") {\n");
    count_stack(s, node);
    tg__put_statement(&c, node);
    tg__put(s->sheet, fails(s, node) ? "    return 0;\n}\n\n" : "}\n\n");
}

void tg__put_called_call(struct tg__source *s, uint32_t node) {
    const struct tg__c c = own(s, node);
    tg__line(s, fails(s, node) ? "if (%s_%u_(" : "%s_%u_(", s->name, (unsigned)s->nest->group);
    put_parameters(s, &c, node, true);
    tg__put(s->sheet, fails(s, node) ? ")) return 1;\n" : ");\n");
}
