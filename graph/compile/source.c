/* The whole file: what all nests need, a function for each group, and the one that calls them. */
#include "source.h"

/* ----------------------------------------------------------------------------------------------------------- nests */

bool tg__open_nest(struct tg__source *s, int32_t nest) {
    s->number = nest;
    s->nest = tg__nest_of(s->f, nest);
    tg__collapse(s->f, s->nest, &s->loops);
    s->in_labels = tg__counts_in_labels(s);
    s->read = 0;
    if (!tg__body_open(s)) return false;
    s->strip = tg__strip_length(s);
    return true;
}

static bool put_alone(struct tg__source *s, const struct tg__group *g) {
    const int32_t nest = *(const int32_t *)tg__row(&s->f->order, g->nest);
    if (!tg__open_nest(s, nest)) return false;
    if (s->nest->work == TG__BY_COLUMN)
        tg__put_columns(s);
    else
        tg__put_elements(s);
    tg__forget(s, 1);
    tg__body_close(s);
    return true;
}

static const struct tg__nest *first_of(const struct tg__source *s, const struct tg__group *g) {
    return tg__nest_of(s->f, *(const int32_t *)tg__row(&s->f->order, g->nest));
}

static bool is_alone(const struct tg__source *s, const struct tg__group *g) {
    return g->nests == 1 && first_of(s, g)->work != TG__BY_STREAM;
}

static bool put_group(struct tg__source *s, uint32_t number) {
    const struct tg__group *g = tg__row(&s->f->groups, number);
    s->nest = first_of(s, g);
    s->stack = 0;
    if (!s->blocks) tg__put_note(s, g);
    if (first_of(s, g)->work == TG__BY_KERNEL) {
        if (!s->blocks) tg__put_called(s, tg__anchor_of(s->f, first_of(s, g)->newest)->node);
        return true;
    }
    s->nest = first_of(s, g);
    if (is_alone(s, g) && s->nest->work == TG__BY_COLUMN) {
        if (!tg__open_nest(s, *(const int32_t *)tg__row(&s->f->order, g->nest))) return false;
        tg__put_columns_rows(s);
        tg__body_close(s);
    }
    s->nest = first_of(s, g);
    tg__putf(s->sheet, "NEST_ void %s_%u_(", s->name, number);
    tg__put_arrays(s, true);
    tg__put(s->sheet, ") {\n");
    s->indent = 1;
    const bool ok = is_alone(s, g) ? put_alone(s, g) : tg__put_group(s, g);
    s->indent = 0;
    tg__put(s->sheet, "}\n\n");
    return ok;
}

/* Bytes of its own that each group needs. */
static bool measure(struct tg__source *s, size_t *scratch) {
    for (uint32_t i = 0; i < s->f->groups.length; i++) {
        struct tg__group *g = tg__row(&s->f->groups, i);
        scratch[i] = 0;
        g->own = 0;
        if (first_of(s, g)->work == TG__BY_KERNEL) continue;
        if (!is_alone(s, g)) {
            if (!tg__rows_scratch(s, g, &scratch[i])) return false;
        } else if (first_of(s, g)->work == TG__BY_COLUMN) {
            if (!tg__open_nest(s, *(const int32_t *)tg__row(&s->f->order, g->nest))) return false;
            scratch[i] = tg__columns_scratch(s);
            tg__body_close(s);
        }
        g->own = scratch[i];
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------- what is called */

static void number_slots(const struct tg__fused *f, struct tg__code *code) {
    code->slots = 0;
    for (uint32_t id = 1; id <= f->last; id++) {
        const struct tg__item *x = &f->item[id];
        const bool outside = x->kind == TG__DATA || x->kind == TG__NUMERAL || x->wanted;
        code->slot[id] = outside && x->kind != TG__VOID ? ++code->slots : 0;
    }
}

static void put_pointers(struct tg__source *s, const struct tg__code *code) {
    for (uint32_t id = 1; id <= s->f->last; id++) {
        const struct tg__item *x = &s->f->item[id];
        const char *type = tg__c_type((tg_dtype)tg__node_of(s->f->g, id)->dtype), *name = tg__ident(s->names, id);
        if (x->kind == TG__DATA && x->loaded)
            tg__line(s, "const %s *const %s = at_[%u];\n", type, name, code->slot[id] - 1);
        else if (x->stored && x->wanted)
            tg__line(s, "%s *const %s = at_[%u];\n", type, name, code->slot[id] - 1);
        else if (x->stored && !x->inside && x->local == TG__NONE)
            tg__line(s, "%s *const %s = (%s *)(work_ + %zu);\n", type, name, type, x->offset);
    }
}

static void put_label(struct tg__source *s, const struct tg__code *code, uint32_t label) {
    if (code)
        tg__putf(s->sheet, "((const int32_t *)at_[%u])", code->slot[label] - 1); /* perhaps nobody else reads it */
    else
        tg__put(s->sheet, tg__ident(s->names, label));
}

static bool is_checked(const struct tg__fused *f, uint32_t id, struct tg__emit *e) {
    return f->item[id].kind == TG__MAP && tg__kernel(f->g, id, e) && e->guard;
}

static bool is_checked_before(const struct tg__fused *f, uint32_t id, const struct tg__emit *e) {
    struct tg__emit older;
    for (uint32_t k = 1; k < id; k++)
        if (is_checked(f, k, &older) && older.node->in[1] == e->node->in[1] && older.number == e->number &&
            strcmp(older.guard, e->guard) == 0)
            return true;
    return false;
}

/* Labels that are data, before anything is done. */
static void put_checks(struct tg__source *s, const struct tg__code *code) {
    for (uint32_t id = 1; id <= s->f->last; id++) {
        struct tg__emit e;
        if (!is_checked(s->f, id, &e) || (!s->blocks && is_checked_before(s->f, id, &e))) continue;
        tg__line(s, "for (size_t i_ = 0; i_ < %zu; i_++) {\n", e.in[1]->shape->count);
        tg__line(s, "    const int32_t b_ = ");
        put_label(s, code, e.node->in[1]);
        tg__put(s->sheet, "[i_];\n");
        tg__line(s, "    if (");
        for (const char *at = e.guard; *at;) {
            const size_t length = tg__word(at);
            if (length == 6 && strncmp(at, "number", 6) == 0)
                tg__putf(s->sheet, "%lld", (long long)e.number);
            else if (tg__is_operand(at, length))
                tg__put(s->sheet, "b_");
            else
                tg__put_n(s->sheet, at, length ? length : 1);
            at += length ? length : 1;
        }
        tg__put(s->sheet, ") return 1;\n");
        tg__line(s, "}\n");
    }
}

void tg__put_steps(struct tg__source *s, const struct tg__code *code) {
    put_checks(s, code);
    for (uint32_t i = 0; i < s->f->groups.length; i++) {
        const struct tg__group *g = tg__row(&s->f->groups, i);
        s->nest = first_of(s, g);
        const uint32_t node = tg__anchor_of(s->f, s->nest->newest)->node;
        if (s->nest->work != TG__BY_KERNEL) {
            tg__line(s, "%s_%u_(", s->name, i);
            tg__put_arrays(s, false);
            tg__put(s->sheet, ");\n");
        } else if (s->blocks) {
            tg__line(s, "if (UNLIKELY_(call_(self_, %u))) return 1;\n", node);
        } else {
            tg__put_called_call(s, node);
        }
    }
}

static void put_entry(struct tg__source *s, const char *name, const struct tg__code *code) {
    tg__putf(s->sheet,
             "int %s(void *const *at_, char *work_, loop_t_ *const *loop_, int (*call_)(void *self, unsigned node), "
             "void *self_) {\n",
             name);
    s->indent = 1;
    put_pointers(s, code);
    tg__put_steps(s, code);
    tg__line(s, "return 0;\n");
    tg__put(s->sheet, "}\n");
}

bool tg__lay_out(struct tg__source *s) {
    struct tg__fused *f = (struct tg__fused *)(uintptr_t)s->f;
    const size_t bytes = (f->groups.length + (size_t)1) * sizeof(size_t);
    size_t *scratch = tg__alloc(f->g, bytes);
    const bool ok = scratch && measure(s, scratch) && tg__plan(f, scratch);
    if (scratch) tg__release(f->g, scratch, bytes);
    return ok;
}

bool tg__put_groups(struct tg__source *s) {
    bool ok = true;
    for (uint32_t i = 0; ok && i < s->f->groups.length; i++) ok = put_group(s, i);
    return ok && !s->failed;
}

static bool put_file(struct tg__source *s, const char *name, struct tg__code *code) {
    if (!tg__lay_out(s)) return false;
    number_slots(s->f, code);
    tg__put_jit_head(s);
    tg__put_reducers(s, NULL);
    const bool ok = tg__put_groups(s);
    put_entry(s, name, code);
    return ok && !s->failed;
}

bool tg__source(struct tg__sheet *sheet, struct tg__fused *f, const char *name, struct tg__code *code) {
    const size_t nodes = f->last + (size_t)1;
    struct tg__part names = {.graph = f->g, .last = f->last, .bytes = nodes, .role = tg__alloc(f->g, nodes)};
    struct tg__source s = {.sheet = sheet,
                           .f = f,
                           .names = &names,
                           .name = name,
                           .blocks = true,
                           .block = 1,
                           .functions = &code->functions};
    bool ok = names.role != NULL;
    if (ok) memset(names.role, TG__FORWARD, nodes);
    if (ok) names.role[0] = TG__ABSENT;
    ok = ok && tg__idents_new(&names, "tapegrad") && put_file(&s, name, code);
    code->stray = s.stray;
    tg__idents_free(&names);
    if (names.role) tg__release(f->g, names.role, nodes);
    return ok;
}
