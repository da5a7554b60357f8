/* Nests that share their outer loops, the rows: for each row one after the other, so that what they need stays near. A
 * stream is summed along the row, in units of 256 numbers; columns are summed from row to row. */
#include "source.h"

enum { PARALLEL = 1 << 17, MOST_GROUPS = 16, CHUNK = 16 };

struct rows {
    int64_t count, group, groups; /* rows, rows of a task, tasks */
    int64_t block;                /* rows that are taken together */
    int levels;
};

static const char *type(const struct tg__source *s, const struct tg__anchor *a) {
    return tg__c_type((tg_dtype)tg__node_of(s->f->g, a->node)->dtype);
}

static const char *name(const struct tg__source *s, const struct tg__anchor *a) { return tg__ident(s->names, a->node); }

struct scratch { /* what each_nest hands on */
    struct rows rows;
    size_t used;
};

static bool is_inner(const struct tg__source *s, int loop) { return !(s->loops.members[loop] & s->nest->rows); }

static bool is_stream(const struct tg__source *s, const struct tg__anchor *a) {
    return a->reduced >> (s->nest->loops - 1) & 1;
}

static int64_t inner_points(const struct tg__source *s) {
    int64_t n = 1;
    for (int i = 0; i < s->loops.count; i++)
        if (is_inner(s, i)) n *= s->loops.extent[i];
    return n;
}

static int innermost(const struct tg__source *s) {
    const int last = s->loops.count - 1;
    return last >= 0 && is_inner(s, last) ? last : TG__NONE;
}

/* Whether units of numbers do not end where the innermost loop does. */
static bool carries(const struct tg__source *s) {
    const int last = innermost(s);
    return last != TG__NONE && inner_points(s) > s->loops.extent[last] && s->loops.extent[last] % TG__STRIP != 0;
}

static void put_function(struct tg__source *s, const struct tg__anchor *a) {
    const struct tg__node *n = tg__node_of(s->f->g, a->node);
    tg__putf(s->sheet, "%s_%s_%s_", s->name, n->op->name, tg__dtype_name((tg_dtype)n->dtype));
}

static bool takes_first(const struct tg__source *s, const struct tg__anchor *a) {
    struct tg__emit e;
    tg__kernel(s->f->g, a->node, &e);
    return e.first;
}

/* --------------------------------------------------------------------------------------------------- sums of a row */

static void put_sums_begin(struct tg__source *s) {
    int levels = 6;
    for (int64_t units = inner_points(s) / TG__STRIP; units; units /= 2) levels++;
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (!is_stream(s, a)) continue;
        tg__line(s, "%s %s_t_[%d], ", type(s, a), name(s, a), TG__STRIP);
        if (takes_first(s, a))
            tg__putf(s->sheet, "%s_s_ = 0;\n", name(s, a));
        else
            tg__putf(s->sheet, "%s_s_[%d];\n", name(s, a), 16 * levels);
    }
}

static void put_unit(struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (!is_stream(s, a)) continue;
        tg__line(s, "%s", "");
        if (takes_first(s, a)) tg__putf(s->sheet, "%s_s_ = ", name(s, a));
        put_function(s, a);
        tg__putf(s->sheet, "unit_(%s_s_, units_, ", name(s, a));
        if (s->lies && tg__lies(s, a))
            tg__put_source(s, a);
        else
            tg__putf(s->sheet, "%s_t_", name(s, a));
        tg__put(s->sheet, ");\n");
    }
    tg__line(s, "units_++;\n");
}

/* What is left at the end is filled up, which must not happen where it lies. */
static void put_rest(struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; s->lies && (a = tg__next_sum(s, &at));) {
        if (!is_stream(s, a) || !tg__lies(s, a)) continue;
        tg__line(s, "if (w_ < %d) memcpy(%s_t_, ", TG__STRIP, name(s, a));
        tg__put_source(s, a);
        tg__putf(s->sheet, ", w_ * sizeof *%s_t_);\n", name(s, a));
    }
}

enum { FEW = 16 }; /* numbers of a row of lanes */

static void put_sum_end(struct tg__source *s, const struct tg__anchor *a) {
    tg__line(s, "%s[row_] = ", name(s, a));
    put_function(s, a);
    if (inner_points(s) <= FEW) {
        tg__putf(s->sheet, "few_(%s_t_, %lld);\n", name(s, a), (long long)inner_points(s));
        return;
    }
    tg__putf(s->sheet, "total_(%s_s_, units_, %s_t_, %lld);\n", name(s, a), name(s, a),
             (long long)(inner_points(s) % TG__STRIP));
}

static void put_sums_end(struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        if (is_stream(s, a)) put_sum_end(s, a);
}

static void put_column_place(struct tg__source *s) {
    int64_t below = 1;
    bool first = true;
    for (int i = s->loops.count - 1; i >= 0; i--) {
        if (!is_inner(s, i)) continue;
        tg__putf(s->sheet, first ? "%s" : " + %s", tg__variable(i));
        if (!first) tg__putf(s->sheet, " * %lld", (long long)below);
        below *= s->loops.extent[i];
        first = false;
    }
    if (first) tg__put(s->sheet, "0");
}

/* Where the order is free, eight rows are added up in place before they meet others: so the sum needs no second loop.
 */
static bool in_place(const struct tg__source *s) { return s->f->mode == TG_FAST; }

static void put_roots(struct tg__source *s, int stage) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (stage != TG__NONE && tg__stage_of(s, tg__term_of(s->f, s->nest, a->root)) != stage) continue;
        if (is_stream(s, a) && s->lies && tg__lies(s, a)) continue;
        if (is_stream(s, a)) {
            tg__line(s, carries(s) ? "%s_t_[fill_ + j_] = " : "%s_t_[j_] = ", name(s, a));
        } else {
            tg__line(s, "%s_s_[top_%d_ * %lld + ", name(s, a), (int)s->number, (long long)inner_points(s));
            put_column_place(s);
            tg__put(s->sheet, in_place(s) ? "] += " : "] = ");
        }
        tg__put_term(s, a->root);
        tg__put(s->sheet, ";\n");
    }
    tg__put_stores(s, stage);
}

/* ------------------------------------------------------------------------------------------------ the nest of a row */

static bool has_streams(const struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        if (is_stream(s, a)) return true;
    return false;
}

static void put_strips(struct tg__source *s, int last) {
    const long long extent = (long long)s->loops.extent[last];
    const bool streams = has_streams(s);
    tg__line(s, "for (size_t j0_ = 0, w_; j0_ < %lld; j0_ += w_) {\n", extent);
    s->indent++;
    tg__line(s, "w_ = %lld - j0_ < %d ? %lld - j0_ : %d;\n", extent, TG__STRIP, extent, TG__STRIP);
    if (carries(s) && streams) tg__line(s, "if (w_ > %d - fill_) w_ = %d - fill_;\n", TG__STRIP, TG__STRIP);
    s->lies = streams && !carries(s);
    tg__put_around_buffers(s);
    tg__put_strip(s, 0, put_roots);
    tg__put_around(s);
    if (streams) {
        put_rest(s);
        if (carries(s)) tg__line(s, "fill_ += w_;\n");
        tg__line(s, carries(s) ? "if (fill_ == %d) {\n" : "if (w_ == %d) {\n", TG__STRIP);
        s->indent++;
        put_unit(s);
        if (carries(s)) tg__line(s, "fill_ = 0;\n");
        s->indent--;
        tg__line(s, "}\n");
    }
    s->lies = false;
    s->indent--;
    tg__line(s, "}\n");
}

static void put_plain(struct tg__source *s, int last) {
    const char *v = tg__variable(last);
    tg__line(s, "SIMD_\n");
    tg__line(s, "for (size_t %s = 0; %s < %lld; %s++) {\n", v, v, (long long)s->loops.extent[last], v);
    s->indent++;
    tg__put_terms(s, (uint16_t)~0u, TG__NONE, TG__SCOPE_STRIP);
    put_roots(s, TG__NONE);
    s->indent--;
    tg__line(s, "}\n");
}

static void put_row_index(struct tg__source *s) {
    int64_t below = 1;
    for (int i = s->loops.count - 1; i >= 0; i--) {
        if (is_inner(s, i)) continue;
        if (tg__is_counted(s, i)) {
            tg__line(s, "const size_t %s = row_", tg__variable(i));
            if (below > 1) tg__putf(s->sheet, " / %lld", (long long)below);
            if (i > 0) tg__putf(s->sheet, " %% %lld", (long long)s->loops.extent[i]);
            tg__put(s->sheet, ";\n");
        }
        below *= s->loops.extent[i];
    }
}

static void put_loops_between(struct tg__source *s, int last, uint16_t *bound) {
    for (int i = 0; i < last; i++) {
        if (!is_inner(s, i)) continue;
        const char *v = tg__variable(i);
        tg__line(s, "for (size_t %s = 0; %s < %lld; %s++) {\n", v, v, (long long)s->loops.extent[i], v);
        s->indent++;
        *bound |= s->loops.members[i];
        tg__put_terms(s, *bound, TG__NONE, (uint8_t)(i + 2));
    }
}

static void put_columns_join(struct tg__source *s, const char *counter) {
    int32_t at = s->nest->newest;
    const long long w = (long long)inner_points(s);
    bool any = false;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) any |= !is_stream(s, a);
    if (!any) return;
    const int k = (int)s->number;
    if (counter && in_place(s)) tg__line(s, "if ((row_ - first_) %% 8 == 7 || row_ + 1 == last_) {\n");
    if (counter && in_place(s)) counter = "(row_ - first_) / 8";
    const bool inside = counter && in_place(s);
    s->indent += inside;
    if (counter) tg__line(s, "top_%d_++;\n", k);
    if (counter)
        tg__line(s, "for (size_t bits_ = %s; bits_ & 1; bits_ >>= 1, top_%d_--) {\n", counter, k);
    else
        tg__line(s, "for (; top_%d_ > 1; top_%d_--) {\n", k, k);
    at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (is_stream(s, a)) continue;
        tg__line(s, "    ");
        put_function(s, a);
        tg__putf(s->sheet, "rows_(%s_s_ + (top_%d_ - 2) * %lld, %s_s_ + (top_%d_ - 1) * %lld, %lld);\n", name(s, a), k,
                 w, name(s, a), k, w, w);
    }
    tg__line(s, "}\n");
    s->indent -= inside;
    if (inside) tg__line(s, "}\n");
}

static void put_columns_clear(struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; in_place(s) && (a = tg__next_sum(s, &at));) {
        if (is_stream(s, a)) continue;
        tg__line(s, "if ((row_ - first_) %% 8 == 0) memset(%s_s_ + top_%d_ * %lld, 0, %lld * sizeof *%s_s_);\n",
                 name(s, a), (int)s->number, (long long)inner_points(s), (long long)inner_points(s), name(s, a));
    }
}

/* All that the nest does is to pick from rows that lie in memory: no strips are needed. */
static bool only_picks(const struct tg__source *s) {
    int inner = 0;
    for (int i = 0; i < s->loops.count; i++) inner += is_inner(s, i);
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(s->f, i);
        if (tg__item_of(s->f, a->node)->kind != TG__REDUCTION || !is_stream(s, a) || !takes_first(s, a)) return false;
        if (!tg__term_of(s->f, s->nest, a->root)->array || !tg__lies(s, a)) return false;
    }
    return inner == 1 && innermost(s) != TG__NONE;
}

static void put_picks(struct tg__source *s) {
    tg__line(s, "const size_t %s = 0;\n", tg__variable(innermost(s)));
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(s->f, i);
        const struct tg__term *t = tg__term_of(s->f, s->nest, a->root);
        tg__line(s, "%s[row_] = ", name(s, a));
        put_function(s, a);
        tg__put(s->sheet, inner_points(s) <= FEW ? "few_(&" : "over_(&");
        tg__put_array_at(s, t->array, t);
        tg__putf(s->sheet, ", %lld);\n", (long long)inner_points(s));
    }
}

static void put_row(struct tg__source *s) {
    const int last = innermost(s);
    const bool streams = has_streams(s);
    uint16_t bound = s->nest->rows;
    put_row_index(s);
    tg__put_terms(s, bound, TG__NONE, 1);
    put_columns_clear(s);
    if (only_picks(s)) {
        put_picks(s);
        tg__forget(s, 1);
        return;
    }
    if (streams) {
        put_sums_begin(s);
        tg__line(s, carries(s) ? "size_t units_ = 0, fill_ = 0;\n" : "size_t units_ = 0;\n");
    }
    if (last == TG__NONE) {
        put_roots(s, TG__NONE);
    } else {
        const int indent = s->indent;
        put_loops_between(s, last, &bound);
        if (streams || tg__stages(s) || tg__goes_around(s))
            put_strips(s, last);
        else
            put_plain(s, last);
        while (s->indent > indent) {
            s->indent--;
            tg__line(s, "}\n");
        }
    }
    if (streams) put_sums_end(s);
    put_columns_join(s, "row_ - first_");
    tg__forget(s, 1);
}

/* ------------------------------------------------------------------------------------- the nest of a block of rows
 * Rows that are short fill no block of a function of the library: it is called once for several of them. */

static void open_row(struct tg__source *s) {
    tg__line(s, "for (size_t row_ = block_; row_ < end_; row_++) {\n");
    s->indent++;
    put_row_index(s);
    tg__put_terms(s, s->nest->rows, TG__NONE, 1);
    if (has_streams(s)) {
        put_sums_begin(s);
        tg__line(s, "size_t units_ = 0;\n");
    }
}

static bool ends_here(const struct tg__source *s, const struct tg__anchor *a, int stage) {
    return tg__stage_of(s, tg__term_of(s->f, s->nest, a->root)) == stage;
}

static void close_row(struct tg__source *s, int stage) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        if (is_stream(s, a) && ends_here(s, a, stage)) put_sum_end(s, a);
    s->indent--;
    tg__line(s, "}\n");
    tg__forget(s, 1);
}

static void put_block(struct tg__source *s) {
    if (innermost(s) != TG__NONE) {
        tg__put_block_strip(s, open_row, close_row, put_roots);
        return;
    }
    tg__line(s, "const size_t j0_ = block_, w_ = end_ - block_;\n");
    tg__put_strip(s, 0, put_roots);
}

static void put_nest(struct tg__source *s) {
    tg__line(s, "{\n");
    s->indent++;
    if (s->block == 1) {
        put_row(s);
    } else if (tg__stages(s) || innermost(s) == TG__NONE) {
        put_block(s);
    } else {
        tg__line(s, "for (size_t row_ = block_; row_ < end_; row_++) {\n");
        s->indent++;
        put_row(s);
        s->indent--;
        tg__line(s, "}\n");
    }
    s->indent--;
    tg__line(s, "}\n");
}

/* ------------------------------------------------------------------------------------------------------ the group */

static struct rows cut(const struct tg__source *s, const struct tg__group *g) {
    struct rows r = {.count = 1, .groups = 1, .levels = 3};
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
    struct rows *r = &((struct scratch *)s->user)->rows;
    const int last = innermost(s);
    int inner = 0;
    for (int i = 0; i < s->loops.count; i++) inner += is_inner(s, i);
    if (r->block == 0) return;
    if (tg__row_loop(s) == TG__NONE || inner > 1) r->block = 0;
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; tg__stages(s) && (a = tg__next_sum(s, &at));)
        if (!is_stream(s, a)) r->block = 0;
    if (calls_with_row(s)) r->block = 0;
    if (r->block == 0 || last == TG__NONE || tg__stages(s) == 0) return;
    const int64_t rows = TG__STRIP / s->loops.extent[last];
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

static size_t scratch_of(struct tg__source *s, const struct rows *r, const struct tg__anchor *a) {
    const size_t item = tg__item_size((tg_dtype)tg__node_of(s->f->g, a->node)->dtype);
    return ((size_t)(r->levels * inner_points(s)) * item + 63) / 64 * 64;
}

static struct scratch *scratch(struct tg__source *s) { return s->user; }

static size_t row_bytes(const struct tg__source *s, const struct tg__anchor *a) {
    const size_t item = tg__item_size((tg_dtype)tg__node_of(s->f->g, a->node)->dtype);
    return ((size_t)(inner_points(s) * s->block) * item + 63) / 64 * 64;
}

static bool is_local(const struct tg__source *s, const struct tg__anchor *a) {
    return tg__item_of(s->f, a->node)->local != TG__NONE;
}

/* What is kept for the row. */
static void put_locals(struct tg__source *s) {
    struct scratch *x = scratch(s);
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(s->f, i);
        if (!is_local(s, a)) continue;
        tg__line(s, "%s *restrict const %s = (%s *)(scratch_ + %zu", type(s, a), name(s, a), type(s, a),
                 x->used * (size_t)x->rows.groups);
        if (x->rows.groups > 1) tg__putf(s->sheet, " + group_ * %zu", row_bytes(s, a));
        tg__put(s->sheet, ");\n");
        x->used += row_bytes(s, a);
    }
}

static void put_column_stacks(struct tg__source *s) {
    struct scratch *x = scratch(s);
    int32_t at = s->nest->newest;
    bool any = false;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (is_stream(s, a)) continue;
        tg__line(s, "%s *const %s_s_ = (%s *)(scratch_ + %zu", type(s, a), name(s, a), type(s, a),
                 x->used * (size_t)x->rows.groups);
        if (x->rows.groups > 1) tg__putf(s->sheet, " + group_ * %zu", scratch_of(s, &x->rows, a));
        tg__put(s->sheet, ");\n");
        x->used += scratch_of(s, &x->rows, a);
        any = true;
    }
    if (any) tg__line(s, "size_t top_%d_ = 0;\n", (int)s->number);
}

static void put_column_ends(struct tg__source *s) { put_columns_join(s, NULL); }

/* The tree above the groups, in the first one's place. */
static void put_column_results(struct tg__source *s) {
    struct scratch *x = scratch(s);
    int32_t at = s->nest->newest;
    const long long w = (long long)inner_points(s), groups = (long long)x->rows.groups;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (is_stream(s, a)) continue;
        const size_t size = scratch_of(s, &x->rows, a);
        tg__line(s, "{\n");
        tg__line(s, "    char *const at_ = scratch_ + %zu;\n", x->used * (size_t)x->rows.groups);
        if (groups > 1) {
            tg__line(s, "    for (size_t step_ = 1; step_ < %lld; step_ *= 2)\n", groups);
            tg__line(s, "        for (size_t g_ = 0; g_ + step_ < %lld; g_ += 2 * step_)\n            ", groups);
            put_function(s, a);
            tg__putf(s->sheet, "rows_((%s *)(at_ + g_ * %zu), (%s *)(at_ + (g_ + step_) * %zu), %lld);\n", type(s, a),
                     size, type(s, a), size, w);
        }
        tg__line(s, "    memcpy(%s, at_, %lld * sizeof *%s);\n", name(s, a), w, name(s, a));
        tg__line(s, "}\n");
        x->used += size;
    }
}

static void add_scratch(struct tg__source *s) {
    struct scratch *x = scratch(s);
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        if (!is_stream(s, a)) x->used += scratch_of(s, &x->rows, a);
}

static void add_locals(struct tg__source *s) {
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older)
        if (is_local(s, tg__anchor_of(s->f, i))) scratch(s)->used += row_bytes(s, tg__anchor_of(s->f, i));
}

static bool plan(struct tg__source *s, const struct tg__group *g, struct scratch *x) {
    *x = (struct scratch){cut(s, g), 0};
    x->rows.block = 1;
    s->user = x;
    if (!each_nest(s, g, find_block)) return false;
    if (x->rows.block == 0 || x->rows.count == 1) x->rows.block = 1;
    s->block = x->rows.block;
    return true;
}

size_t tg__rows_scratch(struct tg__source *s, const struct tg__group *g) {
    struct scratch x;
    if (!plan(s, g, &x)) return 0;
    if (!each_nest(s, g, add_scratch) || !each_nest(s, g, add_locals)) return 0;
    s->block = 1;
    return x.used * (size_t)x.rows.groups;
}

bool tg__put_group(struct tg__source *s, const struct tg__group *g) {
    struct scratch x;
    if (!plan(s, g, &x)) return false;
    const struct rows *r = &x.rows;
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
    ok = ok && each_nest(s, g, put_nest);
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
