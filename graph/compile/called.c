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

void tg__put_called(struct tg__source *s, uint32_t node) {
    const struct tg__c c = own(s, node);
    const struct tg__node *n = tg__node_of(s->f->g, node);
    tg__putf(s->sheet, "static %s %s_%u_(%s *restrict z", fails(s, node) ? "int" : "void", s->name,
             (unsigned)s->nest->group, tg__c_type((tg_dtype)n->dtype));
    for (int k = 0; k < n->operands; k++) {
        if (!tg__is_parameter(&c, k)) continue;
        tg__putf(s->sheet, ", const %s *restrict %c", tg__c_type((tg_dtype)tg__node_of(s->f->g, n->in[k])->dtype),
                 "abcd"[k]);
    }
    tg__put(s->sheet, ") {\n");
    count_stack(s, node);
    tg__put_statement(&c, node);
    tg__put(s->sheet, fails(s, node) ? "    return 0;\n}\n\n" : "}\n\n");
}

void tg__put_called_call(struct tg__source *s, uint32_t node) {
    const struct tg__c c = own(s, node);
    const struct tg__node *n = tg__node_of(s->f->g, node);
    tg__line(s, fails(s, node) ? "if (%s_%u_(" : "%s_%u_(", s->name, (unsigned)s->nest->group);
    tg__put(s->sheet, tg__ident(s->names, node));
    for (int k = 0; k < n->operands; k++)
        if (tg__is_parameter(&c, k)) tg__putf(s->sheet, ", %s", tg__ident(s->names, tg__base_of(s->f, n->in[k])));
    tg__put(s->sheet, fails(s, node) ? ")) return 1;\n" : ");\n");
}
