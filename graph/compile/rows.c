/* Nests that share their outer loops, the rows: for each row one after the other, so that what they need stays near. */
#include "rows.h"

enum { PARALLEL = 1 << 17, MOST_GROUPS = 16 };

static struct tg__rows cut(const struct tg__source *s, const struct tg__group *g) {
    struct tg__rows r = {.count = 1, .groups = 1, .levels = 3};
    for (int i = 0; i < g->rows; i++) r.count *= g->extent[i];
    r.group = r.count;
    double work = 0;
    for (uint32_t i = 0; i < g->nests; i++) {
        const struct tg__nest *n = tg__nest_of(s->f, *(const int32_t *)tg__row(&s->f->order, g->nest + i));
        double points = 1;
        for (int k = 0; k < n->loops; k++) points *= (double)n->extent[k];
        work += points;
    }
    if (work >= PARALLEL && r.count > 1) {
        r.group = 1;
        while ((r.count + r.group - 1) / r.group > MOST_GROUPS) r.group *= 2;
        r.groups = (r.count + r.group - 1) / r.group;
    }
    for (int64_t k = r.group; k; k /= 2) r.levels++;
    return r;
}

/* A function of the library takes all numbers of a block with a step of its own; what changes from row to row only has
 * none. */
static bool calls_with_row(const struct tg__source *s) {
    for (int i = 0; i < (int)s->nest->terms && s->nest->loops; i++) {
        const struct tg__term *t = tg__term_of(s->f, s->nest, i);
        for (int k = 0; k < TG__OPERANDS && tg__is_call(s, t); k++) {
            const struct tg__term *x = t->in[k] == TG__NONE ? NULL : tg__term_of(s->f, s->nest, t->in[k]);
            if (x && !x->numeral && (t->loops & ~x->loops) >> (s->nest->loops - 1) & 1) return true;
        }
    }
    return false;
}

/* How many rows fill a strip, if there are functions of the library to be called for them; otherwise 1. */
static void find_block(struct tg__source *s) {
    struct tg__rows *r = tg__rows_of(s);
    const int last = tg__innermost(s);
    int inner = 0;
    for (int i = 0; i < s->loops.count; i++) inner += tg__is_within(s, i);
    if (r->block == 0) return;
    if (tg__row_loop(s) == TG__NONE || inner > 1) r->block = 0;
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; tg__stages(s) && (a = tg__next_sum(s, &at));)
        if (!tg__is_stream(s, a)) r->block = 0;
    if (calls_with_row(s)) r->block = 0;
    if (r->block == 0 || last == TG__NONE || tg__stages(s) == 0) return;
    const int64_t rows = s->strip / s->loops.extent[last];
    if (rows < 2)
        r->block = 0;
    else if (r->block == 1 || rows < r->block)
        r->block = rows;
}

/* Calls `put` with each nest of the group opened. */
static bool each_nest(struct tg__source *s, const struct tg__group *g, void (*put)(struct tg__source *)) {
    for (uint32_t i = 0; i < g->nests; i++) {
        if (!tg__open_nest(s, *(const int32_t *)tg__row(&s->f->order, g->nest + i))) return false;
        put(s);
        tg__body_close(s);
    }
    return true;
}

static size_t scratch_of(struct tg__source *s, const struct tg__rows *r, const struct tg__anchor *a) {
    const size_t item = tg__item_size((tg_dtype)tg__node_of(s->f->g, a->node)->dtype);
    return ((size_t)(r->levels * tg__inner_points(s)) * item + 63) / 64 * 64;
}

static size_t row_bytes(const struct tg__source *s, const struct tg__anchor *a) {
    const size_t item = tg__item_size((tg_dtype)tg__node_of(s->f->g, a->node)->dtype);
    return ((size_t)(tg__inner_points(s) * s->block) * item + 63) / 64 * 64;
}

static bool is_local(const struct tg__source *s, const struct tg__anchor *a) {
    return tg__item_of(s->f, a->node)->local != TG__NONE;
}

/* What is kept for the row. */
static void put_locals(struct tg__source *s) {
    struct tg__rows *x = tg__rows_of(s);
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(s->f, i);
        if (!is_local(s, a)) continue;
        tg__line(s, "%s *restrict const %s = (%s *)(scratch_ + %zu", tg__anchor_type(s, a), tg__anchor_name(s, a),
                 tg__anchor_type(s, a), x->used * (size_t)x->groups);
        if (x->groups > 1) tg__putf(s->sheet, " + group_ * %zu", row_bytes(s, a));
        tg__put(s->sheet, ");\n");
        x->used += row_bytes(s, a);
    }
}

static void put_column_stacks(struct tg__source *s) {
    struct tg__rows *x = tg__rows_of(s);
    int32_t at = s->nest->newest;
    bool any = false;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (tg__is_stream(s, a)) continue;
        tg__line(s, "%s *const %s_s_ = (%s *)(scratch_ + %zu", tg__anchor_type(s, a), tg__anchor_name(s, a),
                 tg__anchor_type(s, a), x->used * (size_t)x->groups);
        if (x->groups > 1) tg__putf(s->sheet, " + group_ * %zu", scratch_of(s, x, a));
        tg__put(s->sheet, ");\n");
        x->used += scratch_of(s, x, a);
        any = true;
    }
    if (any) tg__line(s, "size_t top_%d_ = 0;\n", (int)s->number);
}

static void put_column_ends(struct tg__source *s) { tg__put_columns_join(s, NULL); }

/* The tree above the groups, in the first one's place. */
static void put_column_results(struct tg__source *s) {
    struct tg__rows *x = tg__rows_of(s);
    int32_t at = s->nest->newest;
    const long long w = (long long)tg__inner_points(s), groups = (long long)x->groups;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (tg__is_stream(s, a)) continue;
        const size_t size = scratch_of(s, x, a);
        tg__line(s, "{\n");
        tg__line(s, "    char *const at_ = scratch_ + %zu;\n", x->used * (size_t)x->groups);
        if (groups > 1) {
            tg__line(s, "    for (size_t step_ = 1; step_ < %lld; step_ *= 2)\n", groups);
            tg__line(s, "        for (size_t g_ = 0; g_ + step_ < %lld; g_ += 2 * step_)\n            ", groups);
            tg__put_reducer(s, a);
            tg__putf(s->sheet, "rows_((%s *)(at_ + g_ * %zu), (%s *)(at_ + (g_ + step_) * %zu), %lld);\n",
                     tg__anchor_type(s, a), size, tg__anchor_type(s, a), size, w);
        }
        tg__line(s, "    memcpy(%s, at_, %lld * sizeof *%s);\n", tg__anchor_name(s, a), w, tg__anchor_name(s, a));
        tg__line(s, "}\n");
        x->used += size;
    }
}

static void add_scratch(struct tg__source *s) {
    struct tg__rows *x = tg__rows_of(s);
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        if (!tg__is_stream(s, a)) x->used += scratch_of(s, x, a);
}

static void add_locals(struct tg__source *s) {
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older)
        if (is_local(s, tg__anchor_of(s->f, i))) tg__rows_of(s)->used += row_bytes(s, tg__anchor_of(s->f, i));
}

static bool plan(struct tg__source *s, const struct tg__group *g, struct tg__rows *x) {
    *x = cut(s, g);
    x->block = 1;
    s->user = x;
    if (!each_nest(s, g, find_block)) return false;
    if (x->block == 0 || x->count == 1) x->block = 1;
    s->block = x->block;
    return true;
}

bool tg__rows_scratch(struct tg__source *s, const struct tg__group *g, size_t *bytes) {
    struct tg__rows x;
    if (!plan(s, g, &x) || !each_nest(s, g, add_scratch) || !each_nest(s, g, add_locals)) return false;
    s->block = 1;
    *bytes = x.used * (size_t)x.groups;
    return true;
}

bool tg__put_group(struct tg__source *s, const struct tg__group *g) {
    struct tg__rows x;
    if (!plan(s, g, &x)) return false;
    const struct tg__rows *r = &x;
    if (r->groups > 1) {
        tg__line(s, "PARALLEL_\n");
        tg__line(s, "for (size_t group_ = 0; group_ < %lld; group_++) {\n", (long long)r->groups);
        s->indent++;
        tg__line(s, "const size_t first_ = group_ * %lld, last_ = %lld - first_ < %lld ? %lld : first_ + %lld;\n",
                 (long long)r->group, (long long)r->count, (long long)r->group, (long long)r->count,
                 (long long)r->group);
    } else {
        tg__line(s, "{\n");
        s->indent++;
        tg__line(s, "const size_t first_ = 0, last_ = %lld;\n", (long long)r->count);
    }
    bool ok = each_nest(s, g, put_column_stacks) && each_nest(s, g, put_locals);
    if (r->block == 1) {
        tg__line(s, "for (size_t row_ = first_; row_ < last_; row_++) {\n");
    } else {
        tg__line(s, "for (size_t block_ = first_, end_; block_ < last_; block_ = end_) {\n");
        tg__line(s, "    end_ = last_ - block_ < %lld ? last_ : block_ + %lld;\n", (long long)r->block,
                 (long long)r->block);
    }
    s->indent++;
    ok = ok && each_nest(s, g, tg__put_row_nest);
    s->indent--;
    tg__line(s, "}\n");
    ok = ok && each_nest(s, g, put_column_ends);
    s->indent--;
    tg__line(s, "}\n");
    x.used = 0;
    ok = ok && each_nest(s, g, put_column_results);
    s->block = 1;
    return ok;
}
