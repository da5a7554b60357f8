/* What a nest of a group does for a row, or for a block of short ones. */
#include "rows.h"

/* --------------------------------------------------------------------------------------------------------- a row */

static bool has_streams(const struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        if (tg__is_stream(s, a)) return true;
    return false;
}

/* Of a strip, which is a unit, or what is left. */
static void put_sums(struct tg__source *s, long long extent) {
    const bool units = extent >= TG__STRIP && s->strip == TG__STRIP;
    if (units) {
        tg__line(s, "if (w_ == %d) {\n", TG__STRIP);
        s->indent++;
        tg__put_unit(s, false);
        s->indent--;
        tg__line(s, extent % TG__STRIP ? "} else {\n" : "}\n");
    } else {
        tg__line(s, "{\n");
    }
    if (units && extent % TG__STRIP == 0) return;
    s->indent++;
    tg__put_unit(s, true);
    s->indent--;
    tg__line(s, "}\n");
}

static void put_full_unit(struct tg__source *s) {
    tg__line(s, tg__carries(s) ? "if (fill_ == %d) {\n" : "if (w_ == %d) {\n", TG__STRIP);
    s->indent++;
    tg__put_unit(s, false);
    if (tg__carries(s)) tg__line(s, "fill_ = 0;\n");
    s->indent--;
    tg__line(s, "}\n");
}

static void put_strips(struct tg__source *s, int last) {
    const long long extent = (long long)s->loops.extent[last];
    const bool streams = has_streams(s), strips = streams && tg__sums_strips(s);
    tg__line(s, "for (size_t j0_ = 0, w_; j0_ < %lld; j0_ += w_) {\n", extent);
    s->indent++;
    tg__line(s, "w_ = %lld - j0_ < %d ? %lld - j0_ : %d;\n", extent, s->strip, extent, s->strip);
    if (tg__carries(s) && streams) tg__line(s, "if (w_ > %d - fill_) w_ = %d - fill_;\n", TG__STRIP, TG__STRIP);
    s->lies = streams && !tg__carries(s);
    s->half = strips && tg__reads_halves(s);
    tg__put_around_buffers(s);
    tg__put_strip(s, 0, tg__put_row_roots);
    tg__put_around(s);
    if (strips) put_sums(s, extent);
    if (streams && !strips) {
        tg__put_rest(s);
        if (tg__carries(s)) tg__line(s, "fill_ += w_;\n");
        if (tg__inner_points(s) >= TG__STRIP) put_full_unit(s);
    }
    s->lies = false;
    s->half = 0;
    s->indent--;
    tg__line(s, "}\n");
}

static void put_plain(struct tg__source *s, int last) {
    const char *v = tg__variable(last);
    tg__line(s, "SIMD_\n");
    tg__line(s, "for (%s %s = 0; %s < %lld; %s++) {\n", s->in_labels ? "int32_t" : "size_t", v, v,
             (long long)s->loops.extent[last], v);
    s->indent++;
    tg__put_terms(s, (uint16_t)~0u, TG__NONE, TG__SCOPE_STRIP);
    tg__put_row_roots(s, TG__NONE);
    s->indent--;
    tg__line(s, "}\n");
}

static void put_row_index(struct tg__source *s) {
    int64_t below = 1;
    for (int i = s->loops.count - 1; i >= 0; i--) {
        if (tg__is_within(s, i)) continue;
        if (tg__is_counted(s, i)) {
            tg__line(s, "const size_t %s = row_", tg__variable(i));
            if (below > 1) tg__putf(s->sheet, " / %lld", (long long)below);
            if (i > 0) tg__putf(s->sheet, " %% %lld", (long long)s->loops.extent[i]);
            tg__put(s->sheet, ";\n");
        }
        below *= s->loops.extent[i];
    }
}

static void put_row_index_end(struct tg__source *s) {
    for (int i = s->loops.count - 1; i >= 0; i--)
        if (!tg__is_within(s, i)) tg__put_unread(s, i);
}

static void put_loops_between(struct tg__source *s, int last, uint16_t *bound) {
    for (int i = 0; i < last; i++) {
        if (!tg__is_within(s, i)) continue;
        const char *v = tg__variable(i);
        tg__line(s, "for (size_t %s = 0; %s < %lld; %s++) {\n", v, v, (long long)s->loops.extent[i], v);
        s->indent++;
        *bound |= s->loops.members[i];
        tg__put_terms(s, *bound, TG__NONE, (uint8_t)(i + 2));
    }
}

/* All that the nest does is to pick from rows that lie in memory: no strips are needed. */
static bool only_picks(const struct tg__source *s) {
    int inner = 0;
    for (int i = 0; i < s->loops.count; i++) inner += tg__is_within(s, i);
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(s->f, i);
        if (tg__item_of(s->f, a->node)->kind != TG__REDUCTION || !tg__is_stream(s, a) || !tg__takes_first(s, a))
            return false;
        if (!tg__term_of(s->f, s->nest, a->root)->array || !tg__lies(s, a)) return false;
    }
    return inner == 1 && tg__innermost(s) != TG__NONE;
}

static void put_picks(struct tg__source *s) {
    tg__line(s, "const size_t %s = 0;\n", tg__variable(tg__innermost(s)));
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(s->f, i);
        const struct tg__term *t = tg__term_of(s->f, s->nest, a->root);
        tg__line(s, "%s[row_] = ", tg__anchor_name(s, a));
        tg__put_reducer(s, a);
        tg__put(s->sheet, tg__inner_points(s) <= TG__FEW ? "few_(&" : "over_(&");
        tg__put_array_at(s, t->array, t);
        tg__putf(s->sheet, ", %lld);\n", (long long)tg__inner_points(s));
    }
}

static void put_row(struct tg__source *s) {
    const int last = tg__innermost(s);
    const bool streams = has_streams(s);
    uint16_t bound = s->nest->rows;
    put_row_index(s);
    tg__put_terms(s, bound, TG__NONE, 1);
    tg__put_columns_clear(s);
    if (only_picks(s)) {
        put_picks(s);
        put_row_index_end(s);
        tg__forget(s, 1);
        return;
    }
    if (streams) tg__put_sums_begin(s);
    if (last == TG__NONE) {
        tg__put_row_roots(s, TG__NONE);
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
    if (streams) tg__put_sums_end(s);
    tg__put_columns_join(s, "row_ - first_");
    put_row_index_end(s);
    tg__forget(s, 1);
}

/* ------------------------------------------------------------------------------------- the nest of a block of rows
 * Rows that are short fill no block of a function of the library: it is called once for several of them. */

static void open_row(struct tg__source *s) {
    tg__line(s, "for (size_t row_ = block_; row_ < end_; row_++) {\n");
    s->indent++;
    put_row_index(s);
    tg__put_terms(s, s->nest->rows, TG__NONE, 1);
    if (has_streams(s)) tg__put_sums_begin(s);
}

static bool ends_here(const struct tg__source *s, const struct tg__anchor *a, int stage) {
    return tg__stage_of(s, tg__term_of(s->f, s->nest, a->root)) == stage;
}

static void close_row(struct tg__source *s, int stage) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        if (tg__is_stream(s, a) && ends_here(s, a, stage)) tg__put_sum_end(s, a);
    s->indent--;
    tg__line(s, "}\n");
    tg__forget(s, 1);
}

static void put_block(struct tg__source *s) {
    if (tg__innermost(s) != TG__NONE) {
        tg__put_block_strip(s, open_row, close_row, tg__put_row_roots);
        return;
    }
    tg__line(s, "const size_t j0_ = block_, w_ = end_ - block_;\n");
    tg__put_strip(s, 0, tg__put_row_roots);
}

void tg__put_row_nest(struct tg__source *s) {
    tg__line(s, "{\n");
    s->indent++;
    if (s->block == 1) {
        put_row(s);
    } else if (tg__stages(s) || tg__innermost(s) == TG__NONE) {
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
