/* A few rows of columns, in a function that is called for four at once or for a single one. */
#include "columns.h"

static void put_stack(struct tg__source *s, const struct tg__columns *c, const struct tg__anchor *a) {
    tg__line(s, "%s %s_s_", tg__anchor_type(s, a), tg__anchor_name(s, a));
    tg__put_room(s, (tg_dtype)tg__node_of(s->f->g, a->node)->dtype, c->levels * c->block);
    tg__put(s->sheet, ";\n");
}

void tg__put_stacks(struct tg__source *s, const struct tg__columns *c, const char *form) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (strcmp(form, "declare") == 0)
            put_stack(s, c, a);
        else if (strcmp(form, "parameter") == 0)
            tg__putf(s->sheet, ", %s *restrict %s_s_", tg__anchor_type(s, a), tg__anchor_name(s, a));
        else
            tg__putf(s->sheet, ", %s_s_", tg__anchor_name(s, a));
    }
}

void tg__put_indices(struct tg__source *s, const struct tg__columns *c, const char *before) {
    for (int i = 0; i + 1 < s->loops.count; i++)
        if ((i < c->across || i >= c->kept) && tg__is_counted(s, i))
            tg__putf(s->sheet, ", %s%s", before, tg__variable(i));
}

static void put_row_index(struct tg__source *s, const struct tg__columns *c) {
    int64_t below = 1;
    for (int i = c->kept - 1; i >= c->across; below *= s->loops.extent[i--]) {
        if (!tg__is_counted(s, i)) continue;
        if (c->kept - c->across == 1)
            tg__line(s, "const size_t %s = row_ + r_;\n", tg__variable(i));
        else
            tg__line(s, "const size_t %s = (row_ + r_) / %lld %% %lld;\n", tg__variable(i), (long long)below,
                     (long long)s->loops.extent[i]);
    }
}

static uint16_t members(const struct tg__source *s, int from, int to) {
    uint16_t mask = 0;
    for (int i = from; i < to; i++) mask |= s->loops.members[i];
    return mask;
}

/* The tree of four rows; of products every other one is rounded with the sum. */
static void put_four(struct tg__source *s, const struct tg__anchor *a) {
    const char *name = tg__anchor_name(s, a), *dtype = tg__dtype_name((tg_dtype)tg__node_of(s->f->g, a->node)->dtype);
    tg__line(s, "%s %s_t_ = ", tg__anchor_type(s, a), name);
    if (!tg__adds_products(s, a)) {
        tg__put_reducer(s, a);
        tg__putf(s->sheet, "4_(%s_r_, rows_);\n", name);
        return;
    }
    tg__putf(s->sheet, "%s_r_[0] * %s_w_[0];\n", name, name);
    tg__line(s, "if (rows_ == 4) %s_t_ = ", name);
    tg__put_reducer(s, a);
    for (int k = 1; k < 4; k += 2)
        tg__putf(s->sheet, "%sMULTIPLY_ADD_%s_(%s_r_[%d], %s_w_[%d], %s_r_[%d] * %s_w_[%d])", k == 1 ? "(" : ", ", dtype,
                 name, k, name, k, name, k - 1, name, k - 1);
    tg__put(s->sheet, ");\n");
}

/* That, and then what waits. */
static void put_push(struct tg__source *s, const struct tg__columns *c, const struct tg__anchor *a) {
    const char *v = tg__variable(s->loops.count - 1);
    const long long w = (long long)c->block;
    put_four(s, a);
    for (int pop = 1; pop < 3; pop++) {
        tg__line(s, "if (pops_ > %d) %s_t_ = ", pop - 1, tg__anchor_name(s, a));
        tg__put_reducer(s, a);
        tg__putf(s->sheet, "(%s_s_[(top_ - %d) * %lld + %s - c_], %s_t_);\n", tg__anchor_name(s, a), pop, w, v,
                 tg__anchor_name(s, a));
    }
    tg__line(s, "%s_s_[(top_ - pops_) * %lld + %s - c_] = %s_t_;\n", tg__anchor_name(s, a), w, v,
             tg__anchor_name(s, a));
}

static void put_roots(struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        const bool products = tg__adds_products(s, a);
        tg__line(s, "%s_r_[r_] = ", tg__anchor_name(s, a));
        products ? tg__put_factor(s, a, 0) : tg__put_term(s, a->root);
        tg__put(s->sheet, ";\n");
        if (!products) continue;
        tg__line(s, "%s_w_[r_] = ", tg__anchor_name(s, a));
        tg__put_factor(s, a, 1);
        tg__put(s->sheet, ";\n");
    }
    tg__put_stores(s, TG__NONE);
}

static void put_rows_plain(struct tg__source *s, const struct tg__columns *c) {
    const char *v = tg__variable(s->loops.count - 1);
    int32_t at = s->nest->newest;
    tg__line(s, "SIMD_\n");
    tg__line(s, "for (size_t %s = c_; %s < c_ + w_; %s++) {\n", v, v, v);
    s->indent++;
    tg__put_terms(s, (uint16_t)~members(s, c->across, c->kept), TG__NONE, 2);
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        tg__line(s, tg__adds_products(s, a) ? "%s %s_r_[%d], %s_w_[%d];\n" : "%s %s_r_[%d];\n", tg__anchor_type(s, a),
                 tg__anchor_name(s, a), TG__UNIT, tg__anchor_name(s, a), TG__UNIT);
    tg__line(s, "UNROLL_\n");
    tg__line(s, "for (size_t r_ = 0; r_ < rows_; r_++) {\n");
    s->indent++;
    put_row_index(s, c);
    tg__put_terms(s, (uint16_t)~0u, TG__NONE, 3);
    put_roots(s);
    for (int i = c->across; i < c->kept; i++) tg__put_unread(s, i);
    s->indent--;
    tg__line(s, "}\n");
    at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) put_push(s, c, a);
    s->indent--;
    tg__line(s, "}\n");
}

/* In strips, for the sake of functions of the library: row by row, onto the top. */
static void put_top(struct tg__source *s, int stage) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (tg__stage_of(s, tg__term_of(s->f, s->nest, a->root)) != stage) continue;
        tg__line(s, "%s_s_[top_ * %s_BLOCK_%d_ + j0_ + j_ - c_] = ", tg__anchor_name(s, a), s->name, (int)s->number);
        tg__put_term(s, a->root);
        tg__put(s->sheet, ";\n");
    }
    tg__put_stores(s, stage);
}

static void put_rows_in_strips(struct tg__source *s, const struct tg__columns *c) {
    tg__line(s, "const size_t r_ = 0;\n");
    put_row_index(s, c);
    tg__put_terms(s, (uint16_t)~s->loops.members[s->loops.count - 1], TG__NONE, 2);
    tg__line(s, "for (size_t j0_ = c_, end_ = c_ + w_; j0_ < end_; j0_ += %d) {\n", s->strip);
    s->indent++;
    tg__line(s, "const size_t w_ = end_ - j0_ < %d ? end_ - j0_ : %d;\n", s->strip, s->strip);
    tg__put_strip(s, 0, put_top);
    s->indent--;
    tg__line(s, "}\n");
}

static void put_unread_parameters(struct tg__source *s, const struct tg__columns *c) {
    bool row = s->blocks;
    for (int i = 0; i + 1 < s->loops.count; i++)
        if (i < c->across || i >= c->kept)
            tg__put_unread(s, i);
        else
            row |= tg__is_counted(s, i);
    if (!row) tg__line(s, "(void)row_;\n");
}

void tg__put_column_rows(struct tg__source *s, const struct tg__columns *c) {
    if (tg__stages(s)) tg__line(s, "enum { %s_BLOCK_%d_ = %lld };\n", s->name, (int)s->number, (long long)c->block);
    tg__line(s, "INLINE_ void %s_rows_%d_(size_t row_, size_t c_, size_t w_, size_t rows_, size_t pops_, size_t top_",
             s->name, (int)s->number);
    tg__put_row_arrays(s, true);
    tg__put_indices(s, c, "size_t ");
    tg__put_stacks(s, c, "parameter");
    tg__put(s->sheet, ") {\n");
    s->indent++;
    tg__put_terms(s, members(s, 0, c->across) | members(s, c->kept, s->loops.count - 1), TG__NONE, 1);
    if (tg__stages(s))
        put_rows_in_strips(s, c);
    else
        put_rows_plain(s, c);
    put_unread_parameters(s, c);
    s->indent--;
    tg__line(s, "}\n\n");
    tg__forget(s, 1);
}
