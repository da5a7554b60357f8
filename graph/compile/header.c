/* NAME.h: all that somebody needs to know who calls the function. */
#include "ahead.h"

#include <ctype.h>

enum { FORMULA = 160, LISTED = 6 };

static const char *dtype_of(const struct tg__ahead *a, uint32_t node) {
    return tg__c_type((tg_dtype)tg__node_of(a->g, node)->dtype);
}

static void put_upper(struct tg__sheet *s, const char *word) {
    for (; *word; word++) {
        const char c = (char)toupper((unsigned char)*word);
        tg__put_n(s, &c, 1);
    }
}

/* ------------------------------------------------------------------------------------------------------ the structs */

static void put_formula(struct tg__ahead *a, struct tg__sheet *s, uint32_t node) {
    char formula[FORMULA];
    const bool cut = tg_formula(tg__handle(a->g, node), formula, sizeof formula) >= sizeof formula;
    tg__put_comment(s, formula, 0);
    if (cut) tg__put(s, "...");
}

static void put_role(struct tg__ahead *a, struct tg__sheet *s, uint32_t node, enum tg__port port) {
    const struct tg__node *n = tg__node_of(a->g, node);
    const uint32_t name = tg__fact_of(a->g, node)->name;
    const int step = name ? tg__step_of(a->g, name) : -1;
    if (port == TG__NEXT) {
        tg__put(s, "the next value of ");
        tg__put(s, tg__ident(&a->ports.part, node));
    } else if (n->op == &tg__op_const) {
        tg__put(s, "constant: as on the tape");
    } else if (tg__is_leaf(n)) {
        tg__put(s, n->op == &tg__op_param ? "parameter" : "input");
    } else {
        if (port == TG__IN) tg__put(s, "given: ");
        if (step >= 0) tg__putf(s, "step %d: ", step);
        put_formula(a, s, node);
    }
}

static void put_member(struct tg__ahead *a, struct tg__sheet *s, uint32_t node, enum tg__port port, int widest) {
    char dims[8 + TG_MAX_RANK * 24];
    const char *ident = tg__ident(&a->ports.part, node), *type = dtype_of(a, node);
    const int pad = widest - (int)(strlen(ident) + strlen(type));
    tg__putf(s, port == TG__IN ? "    const %s *%s; %*s/* %s " : "    %s *%s; %*s/* %s ", type, ident, pad, "",
             tg__shape_text(&tg__node_of(a->g, node)->shape->dims, dims, sizeof dims));
    put_role(a, s, node, port);
    tg__put(s, " */\n");
}

/* Inputs in the order of the tape, results in that in which they were asked for. */
static void each_member(struct tg__ahead *a, enum tg__port port,
                        void (*visit)(struct tg__ahead *a, struct tg__sheet *s, uint32_t node, void *user),
                        struct tg__sheet *s, void *user) {
    const struct tg__ports *q = &a->ports;
    for (uint32_t id = 1; id <= q->part.last && port == TG__IN; id++)
        if (q->port[id] & TG__IN) visit(a, s, id, user);
    for (size_t i = 0; i < a->p->count && port != TG__IN; i++) {
        const uint32_t node = tg__result_node(a, i);
        if ((i < a->p->outputs) != (port == TG__OUT) || q->again[i] || !(q->port[node] & port)) continue;
        visit(a, s, node, user);
    }
}

static void widen(struct tg__ahead *a, struct tg__sheet *s, uint32_t node, void *user) {
    const int width = (int)(strlen(tg__ident(&a->ports.part, node)) + strlen(dtype_of(a, node)));
    (void)s;
    if (*(int *)user < width) *(int *)user = width;
}

struct members {
    enum tg__port port;
    int widest;
};

static void visit(struct tg__ahead *a, struct tg__sheet *s, uint32_t node, void *user) {
    const struct members *m = user;
    put_member(a, s, node, m->port, m->widest);
}

static const char *struct_of(enum tg__port port) {
    return port == TG__IN ? "inputs" : port == TG__OUT ? "outputs" : "next";
}

static bool has(struct tg__ahead *a, enum tg__port port) {
    int widest = 0;
    each_member(a, port, widen, NULL, &widest);
    return widest > 0;
}

static void put_struct(struct tg__ahead *a, struct tg__sheet *s, enum tg__port port) {
    struct members m = {.port = port};
    each_member(a, port, widen, s, &m.widest);
    if (m.widest == 0) return;
    if (m.widest > 32) m.widest = 32;
    tg__putf(s, "\nstruct %s_%s {\n", a->names.function, struct_of(port));
    each_member(a, port, visit, s, &m);
    tg__put(s, "};\n");
}

/* -------------------------------------------------------------------------------------------------------- the words */

struct listing {
    int count;
};

static void list(struct tg__ahead *a, struct tg__sheet *s, uint32_t node, void *user) {
    struct listing *l = user;
    if (l->count > LISTED) return;
    tg__put(s, l->count ? ", " : "");
    tg__put(s, l->count == LISTED ? "..." : tg__ident(&a->ports.part, node));
    l->count++;
}

static void put_list(struct tg__ahead *a, struct tg__sheet *s, enum tg__port port, const char *before) {
    struct listing l = {0};
    if (!has(a, port)) return;
    tg__put(s, before);
    each_member(a, port, list, s, &l);
}

static const char usage[] =
    " *\n"
    " * Arrays are row-major and the caller's. What is written overlaps nothing that is read, and nothing else that\n"
    " * is written. Nothing is allocated, and nothing is kept from one call to the next: threads may call it at the\n"
    " * same time, each with a workspace of its own. Compiled as below it needs less than %zu kB of stack.\n"
    " *\n";

enum { FRAMES = 2048 }; /* bytes of stack beside arrays: what registers do not hold, and the ways back */

/* Those of the deepest function and of what it calls. */
static size_t stack_of(const struct tg__ahead *a) {
    return (FRAMES + a->source.deepest + a->source.joining + 1023) / 1024;
}

static const char building[] =
    " *     cc -std=c99 -O3 -march=native -fno-math-errno -ffp-contract=off -c %s.c\n"
    " *\n"
    " * and -lm where it is linked; with -fopenmp it runs in threads.\n"
    " *\n";

static const char exact[] =
    " * It gives the bits of the tape, whatever the compiler (one that keeps to IEEE 754: no -ffast-math), the\n"
    " * processor and the number of threads; exp, tanh and their like are libm's, and within 4 units in the last\n"
    " * place.";

static const char fast[] =
    " * Its sums are rearranged, and where it says MULTIPLY_ADD a product is rounded together with a sum if the\n"
    " * processor can do that: the last digits are not the tape's. They do not depend on the number of threads.";

static const char rounds[] =
    " Large products\n * of matrices may have gone through a BLAS on the tape: they are the same to rounding.";

static void put_words(struct tg__ahead *a, struct tg__sheet *s) {
    const bool is_exact = a->p->mode == TG_EXACT;
    tg__putf(s, "/* %s computes ", a->names.function);
    put_list(a, s, TG__OUT, "");
    put_list(a, s, TG__NEXT, has(a, TG__OUT) ? ", and the next " : "the next ");
    put_list(a, s, TG__IN, " from ");
    tg__putf(s, ". Written by tapegrad %s.\n", TG_VERSION);
    tg__putf(s, usage, stack_of(a));
    tg__putf(s, building, a->names.function);
    tg__put(s, is_exact ? exact : fast);
    if (is_exact && a->rounds) tg__put(s, rounds);
    tg__put(s, " */\n");
}

/* ------------------------------------------------------------------------------------------------------------ all */

static void note_integer(struct tg__ahead *a, struct tg__sheet *s, uint32_t node, void *user) {
    (void)s;
    *(bool *)user |= tg__node_of(a->g, node)->dtype == TG_I32;
}

static void put_include(struct tg__ahead *a, struct tg__sheet *s) {
    bool integers = false;
    each_member(a, TG__IN, note_integer, s, &integers);
    each_member(a, TG__OUT, note_integer, s, &integers);
    each_member(a, TG__NEXT, note_integer, s, &integers);
    if (integers) tg__put(s, "#include <stdint.h>\n\n");
}

void tg__put_prototype(struct tg__ahead *a, struct tg__sheet *s, const char *end) {
    const char *f = a->names.function;
    tg__putf(s, "int %s(", f);
    if (has(a, TG__IN)) tg__putf(s, "const struct %s_inputs *in%s, ", f, end);
    if (has(a, TG__OUT)) tg__putf(s, "const struct %s_outputs *out%s, ", f, end);
    if (has(a, TG__NEXT)) tg__putf(s, "const struct %s_next *next%s, ", f, end);
    tg__putf(s, "void *workspace%s)", end);
}

void tg__put_header(struct tg__ahead *a, struct tg__sheet *s) {
    const char *f = a->names.function;
    const size_t work = a->fused.work;
    put_words(a, s);
    tg__put(s, "#ifndef ");
    put_upper(s, f);
    tg__put(s, "_H\n#define ");
    put_upper(s, f);
    tg__put(s, "_H\n\n");
    put_include(a, s);
    tg__put(s, "/* Bytes of workspace, aligned as malloc's; to 64 bytes is a little faster.");
    tg__put(s, work ? " */\n#define " : " None is needed: NULL will do. */\n#define ");
    put_upper(s, f);
    tg__putf(s, "_WORKSPACE %zu\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n", work ? work : 1);
    put_struct(a, s, TG__IN);
    put_struct(a, s, TG__OUT);
    put_struct(a, s, TG__NEXT);
    tg__put(s, a->checks
                   ? "\n/* 0; or 1 where a label or a number is outside its range, and the work stopped there. */\n"
                   : "\n/* 0: nothing can go wrong. */\n");
    tg__put_prototype(a, s, "");
    tg__put(s, ";\n\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
