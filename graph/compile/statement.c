/* One node as a statement: the loops over its elements, in them the loops of a reduction that its expression has. */
#include "emit.h"

enum { WIDTH = 112 }; /* a loop and its body stand on one line up to here */

struct statement {
    struct tg__c c;
    uint32_t id, inner;
    struct tg__emit kernel, reduction; /* reduction: with loops that outlive the expression; else as kernel */
    int8_t index[TG_MAX_RANK];         /* of the element */
    int outer[TG__LOOPS], outers, deep[TG__LOOPS], deeps;
    int guard;          /* in how many outer loops the guard stands; -1: there is none */
    int indent, column; /* column: behind the last loop */
};

/* ---------------------------------------------------------------------------------------------------- its loops */

static void sort_loops(struct statement *s) {
    const struct tg__emit *e = &s->reduction;
    const int rank = s->kernel.node->shape->dims.rank;
    memcpy(s->index, e->out, sizeof s->index);
    for (int axis = 0; axis < rank && !e->onto; axis++)
        if (e->out[axis] >= 0) s->outer[s->outers++] = e->out[axis];
    for (int i = 0; i < e->loops && e->onto; i++)
        if (e->extent[i] != 1) s->outer[s->outers++] = i;
    for (int i = 0; i < e->loops; i++)
        if (s->inner && tg__is_inner(e, i)) s->deep[s->deeps++] = i;
}

/* Whether what the guard looks at depends on a loop. */
static bool looks_along(const struct statement *s, int loop) {
    for (int k = 0; k < s->kernel.node->operands; k++)
        for (int axis = 0; axis < s->kernel.in[k]->shape->dims.rank && tg__reads(s->kernel.guard, k); axis++)
            if (s->kernel.at[k][axis] == loop) return true;
    return false;
}

/* Behind the last of those. */
static int guard_depth(const struct statement *s) {
    int depth = 0;
    if (!s->kernel.guard) return -1;
    for (int d = 0; d < s->outers; d++)
        if (looks_along(s, s->outer[d])) depth = d + 1;
    return depth;
}

/* ------------------------------------------------------------------------------------------------------ its lines */

static void measure(struct tg__sheet *s, const char *text, size_t length) {
    (void)text;
    *(size_t *)s->to += length;
}

static void put_indent(const struct statement *s) {
    for (int i = 0; i < s->indent; i++) tg__put(s->c.sheet, "    ");
}

static void put_loop(struct statement *s, int loop, const char *end) {
    const char letter = s->c.letter[loop];
    char text[80];
    s->column = 4 * s->indent + snprintf(text, sizeof text, "for (%s %c = 0; %c < %lld; %c++)", s->c.counter, letter,
                                         letter, (long long)s->reduction.extent[loop], letter);
    put_indent(s);
    tg__put(s->c.sheet, text);
    tg__put(s->c.sheet, end);
}

static void put_step(const struct statement *s, const struct tg__c *c) {
    tg__put_piece(c, s->inner, s->reduction.step, s->index, s->id);
}

static void put_assignment(const struct statement *s, const struct tg__c *c) {
    tg__put_result(c, s->id, &s->kernel, s->index);
    tg__put(c->sheet, s->kernel.adds ? " += " : " = ");
    tg__put_piece(c, s->id, s->kernel.code, s->index, s->id);
    tg__put(c->sheet, ";");
}

/* Behind `for (…)`: on the same line if it fits there. */
static void put_body(struct statement *s, void (*put)(const struct statement *, const struct tg__c *), bool looped) {
    size_t length = 0;
    struct tg__sheet ruler = {.put = measure, .to = &length};
    struct tg__c quiet = s->c;
    quiet.sheet = &ruler;
    put(s, &quiet);
    const bool fits = looped && length + (size_t)s->column < WIDTH;
    if (looped) tg__put(s->c.sheet, fits ? " " : "\n");
    if (looped && !fits) s->indent++;
    if (!fits) put_indent(s);
    put(s, &s->c);
    tg__put(s->c.sheet, "\n");
    if (looped && !fits) s->indent--;
}

static void put_refusal(const struct statement *s, const struct tg__c *c) {
    tg__put(c->sheet, "if (");
    tg__put_piece(c, s->id, s->kernel.guard, s->index, s->id);
    tg__put(c->sheet, ") return 1;");
}

/* Whether there is anything that the guard could refuse. */
static bool has_guard(const struct statement *s) {
    for (int k = 0; k < s->kernel.node->operands; k++)
        if (tg__reads(s->kernel.guard, k) && s->kernel.in[k]->shape->count == 0) return false;
    return s->kernel.guard != NULL;
}

/* A result without elements: what its kernel refuses is refused all the same, in the loops of what that looks at. */
static void put_check(struct statement *s) {
    const int all = s->outers;
    s->outers = 0;
    for (int d = 0; d < all; d++)
        if (looks_along(s, s->outer[d])) s->outer[s->outers++] = s->outer[d];
    for (int d = 0; d < s->outers; d++) {
        put_loop(s, s->outer[d], d + 1 < s->outers ? "\n" : "");
        if (d + 1 < s->outers) s->indent++;
    }
    put_body(s, put_refusal, s->outers > 0);
}

static void put_reduction(struct statement *s) {
    put_indent(s);
    tg__put_piece(&s->c, s->inner, s->reduction.begin, s->index, s->id);
    tg__put(s->c.sheet, "\n");
    for (int i = 0; i < s->deeps; i++) {
        put_loop(s, s->deep[i], i + 1 < s->deeps ? "\n" : "");
        if (i + 1 < s->deeps) s->indent++;
    }
    put_body(s, put_step, s->deeps > 0);
    s->indent -= s->deeps > 1 ? s->deeps - 1 : 0;
}

/* ---------------------------------------------------------------------------------------------------------- threads */

enum { PARALLEL = 1 << 17 }; /* turns that are worth waking threads */

/* In a function of its own. Nobody may return from there, nor two threads add to one element. */
static void put_parallel(const struct statement *s) {
    double turns = 1;
    for (int i = 0; i < s->reduction.loops; i++) turns *= (double)s->reduction.extent[i];
    if (s->c.own && s->guard < 0 && !s->kernel.onto && s->outers > 0 && turns >= PARALLEL)
        tg__put(s->c.sheet, "    PARALLEL_\n");
}

/* ------------------------------------------------------------------------------------------------- sums in the result
 * Products of matrices: a row of sums grows at once, each in its own order, where they are to be. So the innermost loop
 * goes along the row. */

static bool goes_along(const struct tg__emit *e, int loop) {
    for (int k = 0; k < e->node->operands; k++)
        if (e->in[k]->shape->dims.rank > 0 && e->at[k][e->in[k]->shape->dims.rank - 1] == loop) return true;
    return false;
}

static bool is_in_place(const struct statement *s) {
    const int last = s->outers ? s->outer[s->outers - 1] : 0;
    return s->c.own && s->inner == s->id && s->guard < 0 && s->outers > 0 && s->deeps > 0 && s->kernel.summand &&
           goes_along(&s->kernel, last);
}

static void put_zero(const struct statement *s, const struct tg__c *c) {
    tg__put_result(c, s->id, &s->kernel, s->index);
    tg__put(c->sheet, " = 0;");
}

static void put_sum(const struct statement *s, const struct tg__c *c) {
    tg__put_result(c, s->id, &s->kernel, s->index);
    tg__put(c->sheet, " += ");
    tg__put_piece(c, s->id, s->kernel.summand, s->index, s->id);
}

static void put_in_place(struct statement *s) {
    const int last = s->outer[s->outers - 1];
    if (s->outers > 1) put_parallel(s);
    for (int d = 0; d + 1 < s->outers; d++, s->indent++) put_loop(s, s->outer[d], d + 2 == s->outers ? " {\n" : "\n");
    put_loop(s, last, "");
    put_body(s, put_zero, true);
    const int around = s->indent;
    for (int i = 0; i < s->deeps; i++, s->indent++) put_loop(s, s->deep[i], "\n");
    put_loop(s, last, "");
    put_body(s, put_sum, true);
    if (s->outers == 1) return;
    s->indent = around - 1;
    put_indent(s);
    tg__put(s->c.sheet, "}\n");
}

/* ----------------------------------------------------------------------------------------------------- all of it */

static void put_nest(struct statement *s) {
    const bool reduces = s->inner != 0, block = reduces && s->outers == 0;
    bool braces[TG__LOOPS] = {false};
    if (block) {
        put_indent(s);
        tg__put(s->c.sheet, "{\n");
        s->indent++;
    }
    put_parallel(s);
    for (int d = 0; d <= s->outers; d++) {
        if (s->guard == d) put_body(s, put_refusal, false);
        if (d == s->outers) break;
        const bool innermost = d + 1 == s->outers;
        braces[d] = s->guard == d + 1 || (innermost && reduces);
        put_loop(s, s->outer[d], braces[d] ? " {\n" : innermost ? "" : "\n");
        if (!innermost || braces[d]) s->indent++;
    }
    if (reduces) put_reduction(s);
    put_body(s, put_assignment, s->outers > 0 && !braces[s->outers - 1]);
    for (int d = s->outers - 1; d >= 0; d--) {
        if (d + 1 < s->outers || braces[d]) s->indent--;
        if (!braces[d]) continue;
        put_indent(s);
        tg__put(s->c.sheet, "}\n");
    }
    if (block) tg__put(s->c.sheet, "    }\n");
}

/* The loops of the result itself, with nothing to read. */
static void put_fill(const struct tg__c *c, uint32_t id, const struct tg__emit *e) {
    struct statement s = {.c = *c, .id = id, .indent = 1, .guard = -1, .kernel = *e};
    tg__loops_over(&s.kernel, &e->node->shape->dims);
    for (int i = 0; i < s.kernel.loops; i++) tg__loop_along(&s.kernel, s.kernel.out, i, i);
    s.kernel.onto = s.kernel.adds = false;
    s.kernel.code = e->fill;
    s.reduction = s.kernel;
    tg__letters(c->places, id, &s.reduction, s.c.letter);
    sort_loops(&s);
    put_nest(&s);
}

static void put_copy(const struct tg__c *c, uint32_t id, const struct tg__emit *e) {
    tg__put(c->sheet, "    memcpy(");
    tg__put_whole(c, id);
    tg__put(c->sheet, ", ");
    tg__put_whole(c, e->node->in[0]);
    tg__put(c->sheet, ", sizeof ");
    tg__put_whole(c, id);
    tg__put(c->sheet, ");\n");
}

static void put_call(const struct tg__c *c, uint32_t id, const struct tg__emit *e) {
    tg__putf(c->sheet, e->checks ? "    if (%s%s(" : "    %s%s(", e->call, tg__helper_type(e) == TG_F32 ? "f" : "");
    tg__put_pointer(c, id);
    for (int k = 0; k < e->node->operands; k++) {
        tg__put(c->sheet, ", ");
        tg__put_pointer(c, e->node->in[k]);
    }
    for (int i = 0; i < e->arguments; i++) tg__putf(c->sheet, ", %lld", (long long)e->argument[i]);
    tg__put(c->sheet, e->checks ? ")) return 1;\n" : ");\n");
}

void tg__put_statement(const struct tg__c *c, uint32_t id) {
    struct statement s = {.c = *c, .id = id, .inner = c->places->spot[id].inner, .indent = 1};
    tg__kernel(c->part->graph, id, &s.kernel);
    if (s.kernel.copy) {
        put_copy(c, id, &s.kernel);
        return;
    }
    if (s.kernel.call) {
        put_call(c, id, &s.kernel);
        return;
    }
    if (s.kernel.fill && s.kernel.node->shape->count) put_fill(c, id, &s.kernel);
    tg__kernel(c->part->graph, s.inner ? s.inner : id, &s.reduction);
    tg__letters(c->places, id, &s.reduction, s.c.letter);
    sort_loops(&s);
    s.guard = guard_depth(&s);
    if (s.kernel.node->shape->count == 0) {
        if (has_guard(&s)) put_check(&s);
    } else if (s.kernel.onto && s.kernel.in[0]->shape->count == 0) {
        return; /* nothing comes onto what it is filled with */
    } else if (is_in_place(&s)) {
        put_in_place(&s);
    } else {
        put_nest(&s);
    }
}
