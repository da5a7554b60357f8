/* A nest whose reductions keep the innermost loop: columns are summed over rows. Four rows are taken at once, and
 * sixteen are a tree that needs no more than two sums in waiting; above that sums meet like the digits of a binary
 * counter, which is the order of reduce.h. */
#include "columns.h"

enum { CHUNK = 16, WIDE = 4096, STACK = 40 * 1024, PARALLEL = 1 << 18, MOST_GROUPS = 64 };

static size_t item(const struct tg__source *s, const struct tg__anchor *a) {
    return tg__item_size((tg_dtype)tg__node_of(s->f->g, a->node)->dtype);
}

static int levels_of(int64_t rows) {
    int levels = 8;
    for (; rows > CHUNK; rows /= 2) levels++;
    return levels;
}

static struct tg__columns cut(const struct tg__source *s) {
    const struct tg__loops *l = &s->loops;
    struct tg__columns c = {.rows = 1, .outer = 1, .groups = 1};
    size_t bytes = 0, most = 4;
    while (c.across < l->count && (l->members[c.across] & s->nest->rows)) c.across++;
    for (c.kept = c.across; c.kept < l->count && (l->members[c.kept] & s->nest->across); c.kept++)
        c.rows *= l->extent[c.kept];
    for (int i = c.kept; i + 1 < l->count; i++) c.outer *= l->extent[i];
    c.width = l->extent[l->count - 1];
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        bytes += item(s, a);
        if (item(s, a) > most) most = item(s, a);
    }
    c.group = c.rows;
    if (c.rows * c.outer * c.width >= PARALLEL && c.outer * c.width < c.rows * 4) {
        c.group = 4 * CHUNK;
        while ((c.rows + c.group - 1) / c.group > MOST_GROUPS) c.group *= 2;
        c.groups = (c.rows + c.group - 1) / c.group;
    }
    c.levels = levels_of(c.group);
    c.block = STACK / (int64_t)bytes / c.levels / 16 * 16;
    if (c.block > WIDE / (int64_t)most) c.block = WIDE / (int64_t)most;
    if (c.block < 16) c.block = 16;
    if (c.block > c.width) c.block = c.width;
    c.blocks = (c.width + c.block - 1) / c.block;
    return c;
}

/* The sum of all elements: its columns are summed when all is done. */
static bool is_total(const struct tg__source *s, const struct tg__anchor *a) {
    return a->reduced >> (s->nest->loops - 1) & 1;
}

/* Of sums beside the result, where the first group's columns are. */
static size_t scratch_of(const struct tg__source *s, const struct tg__columns *c, const struct tg__anchor *a) {
    const size_t groups = (size_t)(c->groups - !is_total(s, a));
    return (groups * (size_t)(c->outer * c->width) * item(s, a) + 63) / 64 * 64;
}

size_t tg__columns_scratch(struct tg__source *s) {
    const struct tg__columns c = cut(s);
    int32_t at = s->nest->newest;
    size_t bytes = 0;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) bytes += scratch_of(s, &c, a);
    return bytes;
}

/* ----------------------------------------------------------------------------------------------------- the counter */

static void put_take(struct tg__source *s, const struct tg__columns *c, const char *row, int rows, int pops,
                     int above) {
    tg__line(s, "%s_rows_%d_(%s, c_, w_, %d, %d, top_", s->name, (int)s->number, row, rows, pops);
    if (above) tg__putf(s->sheet, " + %d", above);
    tg__put_row_arrays(s, false);
    tg__put_indices(s, c, "");
    tg__put_stacks(s, c, "argument");
    tg__put(s->sheet, ");\n");
}

static void put_join(struct tg__source *s, const struct tg__columns *c) {
    int32_t at = s->nest->newest;
    const long long w = (long long)c->block;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        tg__line(s, "%s", "");
        tg__put_reducer(s, a);
        tg__putf(s->sheet, "rows_(%s_s_ + (top_ - 2) * %lld, %s_s_ + (top_ - 1) * %lld, w_);\n", tg__anchor_name(s, a),
                 w, tg__anchor_name(s, a), w);
    }
}

static void put_joins(struct tg__source *s, const struct tg__columns *c, const char *counter) {
    tg__line(s, "for (size_t bits_ = %s; bits_ & 1; bits_ >>= 1, top_--) {\n", counter);
    s->indent++;
    put_join(s, c);
    s->indent--;
    tg__line(s, "}\n");
}

static void put_counting(struct tg__source *s, const struct tg__columns *c) {
    tg__line(s, "size_t row_ = first_, top_ = 0;\n");
    if (!tg__stages(s) && c->group >= CHUNK) {
        static const char *const row[] = {"row_", "row_ + 4", "row_ + 8", "row_ + 12"};
        static const int pops[] = {0, 1, 0, 2}, above[] = {0, 1, 1, 2};
        tg__line(s, "for (; row_ + %d <= last_; row_ += %d) {\n", CHUNK, CHUNK);
        s->indent++;
        for (int q = 0; q < 4; q++) put_take(s, c, row[q], TG__UNIT, pops[q], above[q]);
        tg__line(s, "top_++;\n");
        put_joins(s, c, "(row_ - first_) / 16");
        s->indent--;
        tg__line(s, "}\n");
    }
    if (tg__stages(s) || c->rows % CHUNK) {
        tg__line(s, "for (size_t count_ = 0; row_ < last_; row_++, count_++) {\n");
        s->indent++;
        put_take(s, c, "row_", 1, 0, 0);
        tg__line(s, "top_++;\n");
        put_joins(s, c, "count_");
        s->indent--;
        tg__line(s, "}\n");
    }
    tg__line(s, "for (; top_ > 1; top_--) {\n");
    s->indent++;
    put_join(s, c);
    s->indent--;
    tg__line(s, "}\n");
}

/* Where the columns of a task begin in the result: one after the other as the loops have them. */
static void put_place(struct tg__source *s, const struct tg__columns *c) {
    int64_t below = c->width;
    tg__put(s->sheet, "c_");
    for (int i = s->loops.count - 2; i >= c->kept; i--, below *= s->loops.extent[i + 1])
        tg__putf(s->sheet, " + %s * %lld", tg__variable(i), (long long)below);
}

/* The result, where the loops outside have come to; what groups have beside it is for one turn of those. */
static void put_result(struct tg__source *s, const struct tg__columns *c, const struct tg__anchor *a) {
    int64_t below = c->outer * c->width;
    tg__put(s->sheet, tg__anchor_name(s, a));
    for (int i = c->across - 1; i >= 0; i--, below *= s->loops.extent[i + 1])
        tg__putf(s->sheet, " + %s * %lld", tg__variable(i), (long long)below);
}

/* Where a group's columns begin; the first one's in the result. later: it is not the first. */
static void put_group_place(struct tg__source *s, const struct tg__columns *c, const struct tg__anchor *a,
                            const char *group, bool later) {
    const long long w = (long long)(c->outer * c->width);
    const char *open = strchr(group, ' ') ? "(" : "", *close = *open ? ")" : "";
    if (is_total(s, a) && c->groups == 1)
        tg__putf(s->sheet, "%s_p_", tg__anchor_name(s, a));
    else if (is_total(s, a))
        tg__putf(s->sheet, "%s_p_ + %s%s%s * %lld", tg__anchor_name(s, a), open, group, close, w);
    else if (later)
        tg__putf(s->sheet, "%s_p_ + (%s - 1) * %lld", tg__anchor_name(s, a), group, w);
    else if (c->groups > 1) {
        tg__putf(s->sheet, "(%s ? %s_p_ + (%s - 1) * %lld : ", group, tg__anchor_name(s, a), group, w);
        put_result(s, c, a);
        tg__put(s->sheet, ")");
    } else {
        put_result(s, c, a);
    }
}

static void put_results(struct tg__source *s, const struct tg__columns *c) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        tg__line(s, "memcpy(");
        put_group_place(s, c, a, c->groups > 1 ? "group_" : "0", false);
        tg__put(s->sheet, " + ");
        put_place(s, c);
        tg__putf(s->sheet, ", %s_s_, w_ * sizeof *%s_s_);\n", tg__anchor_name(s, a), tg__anchor_name(s, a));
    }
}

static void put_task(struct tg__source *s, const struct tg__columns *c) {
    int64_t above = c->blocks;
    if (c->blocks == 1)
        tg__line(s, "const size_t c_ = 0, w_ = ");
    else
        tg__line(s, "const size_t c_ = task_ %% %lld * %lld, w_ = ", (long long)c->blocks, (long long)c->block);
    if (c->width % c->block)
        tg__putf(s->sheet, "%lld - c_ < %lld ? %lld - c_ : %lld;\n", (long long)c->width, (long long)c->block,
                 (long long)c->width, (long long)c->block);
    else
        tg__putf(s->sheet, "%lld;\n", (long long)c->block);
    for (int i = s->loops.count - 2; i >= c->kept; i--, above *= s->loops.extent[i + 1])
        tg__line(s, "const size_t %s = task_ / %lld %% %lld;\n", tg__variable(i), (long long)above,
                 (long long)s->loops.extent[i]);
    if (c->groups == 1) {
        tg__line(s, "const size_t first_ = 0, last_ = %lld;\n", (long long)c->rows);
        return;
    }
    if (above == 1)
        tg__line(s, "const size_t group_ = task_, first_ = group_ * %lld;\n", (long long)c->group);
    else
        tg__line(s, "const size_t group_ = task_ / %lld, first_ = group_ * %lld;\n", (long long)above,
                 (long long)c->group);
    tg__line(s, "const size_t last_ = %lld - first_ < %lld ? %lld : first_ + %lld;\n", (long long)c->rows,
             (long long)c->group, (long long)c->rows, (long long)c->group);
}

/* The tree above the groups; the first one's place is the result's. */
static void put_groups(struct tg__source *s, const struct tg__columns *c) {
    int32_t at = s->nest->newest;
    const long long w = (long long)(c->outer * c->width), groups = (long long)c->groups;
    tg__line(s, "for (size_t step_ = 1; step_ < %lld; step_ *= 2)\n", groups);
    tg__line(s, "    for (size_t g_ = 0; g_ + step_ < %lld; g_ += 2 * step_) {\n", groups);
    s->indent += 2;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        tg__line(s, "%s", "");
        tg__put_reducer(s, a);
        tg__put(s->sheet, "rows_(");
        put_group_place(s, c, a, "g_", false);
        tg__put(s->sheet, ", ");
        put_group_place(s, c, a, "g_ + step_", true);
        tg__putf(s->sheet, ", %lld);\n", w);
    }
    s->indent--;
    tg__line(s, "}\n");
    s->indent--;
}

static void put_totals(struct tg__source *s, const struct tg__columns *c) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (!is_total(s, a)) continue;
        tg__line(s, "%s[0] = ", tg__anchor_name(s, a));
        tg__put_reducer(s, a);
        tg__putf(s->sheet, "fold_(%s_p_, %lld);\n", tg__anchor_name(s, a), (long long)(c->outer * c->width));
    }
}

static void put_scratch(struct tg__source *s, const struct tg__columns *c) {
    int32_t at = s->nest->newest;
    size_t offset = 0;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (scratch_of(s, c, a) == 0) continue;
        tg__line(s, "%s *const %s_p_ = (%s *)(scratch_ + %zu);\n", tg__anchor_type(s, a), tg__anchor_name(s, a),
                 tg__anchor_type(s, a), offset);
        offset += scratch_of(s, c, a);
    }
}

void tg__put_columns_rows(struct tg__source *s) {
    const struct tg__columns c = cut(s);
    tg__put_column_rows(s, &c);
}

void tg__put_columns(struct tg__source *s) {
    const struct tg__columns c = cut(s);
    const int64_t tasks = c.groups * c.outer * c.blocks;
    for (int i = 0; i < c.across; i++) {
        tg__line(s, "for (size_t %s = 0; %s < %lld; %s++) {\n", tg__variable(i), tg__variable(i),
                 (long long)s->loops.extent[i], tg__variable(i));
        s->indent++;
    }
    put_scratch(s, &c);
    if (tasks > 1 && c.rows * c.outer * c.width >= PARALLEL) tg__line(s, "PARALLEL_\n");
    if (tasks > 1) tg__line(s, "for (size_t task_ = 0; task_ < %lld; task_++) {\n", (long long)tasks);
    s->indent += tasks > 1;
    put_task(s, &c);
    tg__put_stacks(s, &c, "declare");
    put_counting(s, &c);
    put_results(s, &c);
    s->indent -= tasks > 1;
    if (tasks > 1) tg__line(s, "}\n");
    if (c.groups > 1) put_groups(s, &c);
    put_totals(s, &c);
    for (int i = 0; i < c.across; i++) {
        s->indent--;
        tg__line(s, "}\n");
    }
}
