/* NAME.c: what the nests need, a function for each, and the one that calls them. */
#include "ahead.h"

/* At -O2 gcc 12 leaves out the rounding of (double)(float)x where it vectorizes straight-line code. The others are what
 * compiler.c says of them: selects that stay branches are not vectorized. */
static const char rounding[] =
    "/* A product is rounded before anything is added to it, unless it says MULTIPLY_ADD; and gcc 12 vectorizes some\n"
    " * lines into wrong ones. */\n"
    "#if defined(__GNUC__) && !defined(__clang__)\n"
    "#pragma GCC optimize(\"fp-contract=off\", \"no-tree-slp-vectorize\", \"no-trapping-math\", \"no-tree-pre\")\n"
    "#else\n"
    "#pragma STDC FP_CONTRACT OFF\n"
    "#endif\n";

static const char quiet[] = "#if defined(__clang__) /* a loop that is not worth it is not vectorized */\n"
                            "#pragma clang diagnostic ignored \"-Wpass-failed\"\n"
                            "#endif\n\n";

static const char names[] =
    "/* x_ is the element at hand of an array x; a name without an array is only computed. Columns are summed in\n"
    " * trees: x_r_ are up to four rows, x_s_ the sums that wait for their like, as the digits of a binary counter\n"
    " * for a carry. Rows are summed in 16 lanes, 256 numbers x_t_ at a time, each lane in such a tree. So the order\n"
    " * does not depend on the number of threads. */\n";

static bool sums(const struct tg__ahead *a) {
    for (uint32_t id = 1; id <= a->fused.last; id++)
        if (a->fused.item[id].kind == TG__REDUCTION) return true;
    return false;
}

static void put_includes(struct tg__ahead *a, struct tg__sheet *s) {
    tg__putf(s, "/* %s: what it computes stands in %s.h. Written by tapegrad %s. */\n", a->names.function,
             a->names.function, TG_VERSION);
    tg__putf(s, "#include \"%s.h\"\n\n", a->names.function);
    tg__put(s, rounding);
    tg__put(s, quiet);
    tg__put(s, tg__includes);
    tg__put(s, "#ifndef INLINE_\n");
    tg__put(s, tg__macros);
    tg__put(s, "#endif\n");
    if (a->p->mode == TG_FAST) tg__put(s, tg__multiply_add); /* one without it may have come before */
    tg__put(s, "\n");
}

/* ---------------------------------------------------------------------------------------------------- the pointers */

static bool is_place(const struct tg__ahead *a, uint32_t id) {
    const struct tg__item *x = tg__item_of(&a->fused, id);
    return x->stored && !x->inside && x->local == TG__NONE && tg__node_of(a->small, id)->shape->count > 0;
}

static void put_pointer(struct tg__ahead *a, struct tg__sheet *s, uint32_t id) {
    const struct tg__item *x = tg__item_of(&a->fused, id);
    const char *type = tg__c_type((tg_dtype)tg__node_of(a->small, id)->dtype), *name = tg__ident(&a->names, id);
    if (x->kind == TG__DATA && x->loaded) {
        tg__putf(s, "    const %s *const %s = ", type, name);
        if (tg__is_static(a, id))
            tg__put_pointer(&a->c, id);
        else
            tg__putf(s, "in_->%s", tg__ident(&a->ports.part, a->p->small.origin[id]));
    } else if (is_place(a, id)) {
        tg__putf(s, "    %s *const %s = ", type, name);
        if (x->wanted)
            tg__put_result_member(a, s, a->ports.holder[id] - 1);
        else
            tg__putf(s, "(%s *)(work_ + %zu)", type, x->offset);
    } else {
        return;
    }
    tg__put(s, ";\n");
}

/* Results that are leaves, constants, or other results too. */
static void put_copy(struct tg__ahead *a, struct tg__sheet *s, size_t i) {
    const uint32_t id = a->p->small.result[i];
    const struct tg__item *x = tg__item_of(&a->fused, id);
    const struct tg__node *n = tg__node_of(a->small, id);
    static const int8_t first[TG_MAX_RANK] = {0};
    if (a->ports.again[i] || n->shape->count == 0 || (is_place(a, id) && a->ports.holder[id] == i + 1)) return;
    if (x->kind == TG__NUMERAL) {
        tg__put(s, "    *");
        tg__put_result_member(a, s, i);
        tg__put(s, " = ");
        tg__put_element(&a->c, id, first);
        tg__put(s, ";\n");
        return;
    }
    tg__put(s, "    memcpy(");
    tg__put_result_member(a, s, i);
    tg__put(s, ", ");
    if (is_place(a, id))
        tg__put(s, tg__ident(&a->names, id));
    else if (tg__is_static(a, id))
        tg__put_pointer(&a->c, id);
    else
        tg__putf(s, "in_->%s", tg__ident(&a->ports.part, a->p->small.origin[id]));
    tg__putf(s, ", %zu * sizeof(%s));\n", n->shape->count, tg__c_type((tg_dtype)n->dtype));
}

static void put_entry(struct tg__ahead *a, struct tg__sheet *s) {
    tg__put_prototype(a, s, "_");
    tg__put(s, a->fused.work ? " {\n    char *const work_ = workspace_;\n" : " {\n    (void)workspace_;\n");
    for (uint32_t id = 1; id <= a->fused.last; id++) put_pointer(a, s, id);
    tg__put(s, "\n");
    a->source.indent = 1;
    tg__put_steps(&a->source, NULL);
    for (size_t i = 0; i < a->p->count; i++) put_copy(a, s, i);
    tg__put(s, "    return 0;\n}\n");
}

/* What sums need is known when those are written who need it. */
bool tg__put_program(struct tg__ahead *a, struct tg__sheet *s) {
    struct tg__written groups = {.graph = a->small};
    struct tg__sheet kept = tg__sheet_written(&groups);
    a->c.sheet = s;
    a->source.sheet = &kept;
    const bool ok = tg__put_groups(&a->source) && !groups.failed;
    a->source.sheet = s;
    if (a->source.stray) tg__fail_run(a->g, TG_ARGUMENT, 0, "write_c: %s", tg__stray);
    if (ok) {
        put_includes(a, s);
        tg__put_tables(&a->c);
        tg__put_helpers(&a->c);
        if (a->places.helpers) tg__put(s, "\n");
        if (sums(a)) tg__put(s, names);
        tg__put_reducers(&a->source, groups.text ? groups.text : "");
        if (groups.text) tg__put(s, groups.text);
        put_entry(a, s);
    }
    tg__written_free(&groups);
    return ok;
}
