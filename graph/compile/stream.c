/* The sums that the nests of a row make: streams, along the row in units of 256 numbers, and columns, from row to row.
 */
#include "rows.h"

bool tg__is_within(const struct tg__source *s, int loop) { return !(s->loops.members[loop] & s->nest->rows); }

bool tg__is_stream(const struct tg__source *s, const struct tg__anchor *a) {
    return a->reduced >> (s->nest->loops - 1) & 1;
}

int64_t tg__inner_points(const struct tg__source *s) {
    int64_t n = 1;
    for (int i = 0; i < s->loops.count; i++)
        if (tg__is_within(s, i)) n *= s->loops.extent[i];
    return n;
}

int tg__innermost(const struct tg__source *s) {
    const int last = s->loops.count - 1;
    return last >= 0 && tg__is_within(s, last) ? last : TG__NONE;
}

/* Where the order is free, a strip is summed by itself, however long it is; a row of a block has none. */
bool tg__sums_strips(const struct tg__source *s) {
    return s->f->mode == TG_FAST && tg__inner_points(s) > TG__FEW && !s->place;
}

enum { MOST_TERMS = 32 }; /* a longer body is not written twice */

/* If every strip is full, the loop handles its two halves together and adds their elements in pairs before it stores
 * them for the sum: half as many numbers are stored. */
bool tg__reads_halves(const struct tg__source *s) {
    const int last = tg__innermost(s);
    int32_t at = s->nest->newest;
    bool waits = false;
    if (!tg__sums_strips(s) || last == TG__NONE || s->loops.extent[last] % TG__STRIP != 0) return false;
    if (tg__stages(s) || tg__goes_around(s) || s->in_labels || s->strip != TG__STRIP) return false;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (!tg__is_stream(s, a)) continue;
        if (tg__takes_first(s, a)) return false;
        waits |= !tg__lies(s, a);
    }
    return waits && s->nest->terms <= MOST_TERMS;
}

/* Whether units of numbers do not end where the innermost loop does. */
bool tg__carries(const struct tg__source *s) {
    const int last = tg__innermost(s);
    if (tg__sums_strips(s) || last == TG__NONE || s->place) return false;
    if (s->strip < TG__STRIP && s->loops.extent[last] > s->strip) return true;
    return tg__inner_points(s) > s->loops.extent[last] && s->loops.extent[last] % TG__STRIP != 0;
}

/* -------------------------------------------------------------------------------------------------------- streams */

/* Numbers of a stream that wait to be summed: a unit, or all of them, filled up to rows of lanes. What a unit is filled
 * up to stands in reducers.c. */
static int64_t waiting(const struct tg__source *s) {
    const int64_t rows = (tg__inner_points(s) + TG__FEW - 1) / TG__FEW;
    return rows < tg__full_rows(s) ? TG__FEW * rows : TG__STRIP;
}

/* Sums that wait for their like; what makes one row of lanes has none. */
static void put_waiting_sums(struct tg__source *s, const struct tg__anchor *a, tg_dtype dtype) {
    int levels = 6;
    for (int64_t units = tg__inner_points(s) / (tg__sums_strips(s) ? TG__FEW : TG__STRIP); units; units /= 2) levels++;
    tg__putf(s->sheet, ", %s_s_", tg__anchor_name(s, a));
    if (tg__takes_first(s, a))
        tg__put(s->sheet, " = 0");
    else
        tg__put_room(s, dtype, 16 * levels);
}

void tg__put_sums_begin(struct tg__source *s) {
    const bool few = tg__inner_points(s) <= TG__FEW;
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (!tg__is_stream(s, a)) continue;
        const tg_dtype dtype = (tg_dtype)tg__node_of(s->f->g, a->node)->dtype;
        tg__line(s, "%s %s_t_", tg__c_type(dtype), tg__anchor_name(s, a));
        tg__put_room(s, dtype, waiting(s));
        if (!few) put_waiting_sums(s, a, dtype);
        tg__put(s->sheet, ";\n");
    }
    if (!few) tg__line(s, "size_t units_ = 0;\n");
    if (tg__carries(s)) tg__line(s, "size_t fill_ = 0;\n");
}

void tg__put_unit(struct tg__source *s, bool part) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (!tg__is_stream(s, a)) continue;
        tg__line(s, "%s", "");
        if (tg__takes_first(s, a)) tg__putf(s->sheet, "%s_s_ = ", tg__anchor_name(s, a));
        tg__put_reducer(s, a);
        const bool in_memory = s->lies && tg__lies(s, a);
        tg__putf(s->sheet, "%s_(%s_s_, units_, ", part ? "part" : s->half && !in_memory ? "half" : "unit",
                 tg__anchor_name(s, a));
        if (in_memory)
            tg__put_source(s, a);
        else
            tg__putf(s->sheet, "%s_t_", tg__anchor_name(s, a));
        tg__put(s->sheet, part ? ", w_);\n" : ");\n");
    }
    tg__line(s, "units_++;\n");
}

/* What is left at the end is filled up, which must not happen where it lies. */
void tg__put_rest(struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; s->lies && (a = tg__next_sum(s, &at));) {
        if (!tg__is_stream(s, a) || !tg__lies(s, a)) continue;
        tg__line(s, "if (w_ < %d) memcpy(%s_t_, ", TG__STRIP, tg__anchor_name(s, a));
        tg__put_source(s, a);
        tg__putf(s->sheet, ", w_ * sizeof *%s_t_);\n", tg__anchor_name(s, a));
    }
}

void tg__put_sum_end(struct tg__source *s, const struct tg__anchor *a) {
    tg__line(s, "%s[row_] = ", tg__anchor_name(s, a));
    tg__put_reducer(s, a);
    if (tg__inner_points(s) <= TG__FEW) {
        tg__putf(s->sheet, "few_(%s_t_, %lld);\n", tg__anchor_name(s, a), (long long)tg__inner_points(s));
        return;
    }
    tg__putf(s->sheet, "total_(%s_s_, units_, %s_t_, %lld);\n", tg__anchor_name(s, a), tg__anchor_name(s, a),
             (long long)(tg__sums_strips(s) ? 0 : tg__inner_points(s) % TG__STRIP));
}

void tg__put_sums_end(struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        if (tg__is_stream(s, a)) tg__put_sum_end(s, a);
}

static void put_column_place(struct tg__source *s) {
    int64_t below = 1;
    bool first = true;
    for (int i = s->loops.count - 1; i >= 0; i--) {
        if (!tg__is_within(s, i)) continue;
        tg__put(s->sheet, first ? "" : " + ");
        tg__put_counter(s, i, true);
        if (!first) tg__putf(s->sheet, " * %lld", (long long)below);
        below *= s->loops.extent[i];
        first = false;
    }
    if (first) tg__put(s->sheet, "0");
}

/* Where the order is free, eight rows are added up in place before they meet others: so the sum needs no second loop. All
 * columns of the nest, or none: they share a counter. */
static bool adds_in_place(const struct tg__source *s) {
    int32_t at = s->nest->newest;
    struct tg__emit e;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        if (!tg__is_stream(s, a) && tg__kernel(s->f->g, a->node, &e) && strcmp(e.combine, "a + b") != 0) return false;
    return s->f->mode == TG_FAST;
}

bool tg__adds_in_place(const struct tg__source *s, const struct tg__anchor *a) {
    return !tg__is_stream(s, a) && adds_in_place(s);
}

/* x_s_[top_0_ * 5 + k_] */
static void put_column(struct tg__source *s, const struct tg__anchor *a) {
    tg__putf(s->sheet, "%s_s_[top_%d_ * %lld + ", tg__anchor_name(s, a), (int)s->number,
             (long long)tg__inner_points(s));
    put_column_place(s);
    tg__put(s->sheet, "]");
}

static void put_column_root(struct tg__source *s, const struct tg__anchor *a) {
    tg__line(s, "%s", "");
    put_column(s, a);
    if (!tg__adds_products(s, a)) {
        tg__put(s->sheet, adds_in_place(s) ? " += " : " = ");
        tg__put_term(s, a->root);
        return;
    }
    tg__putf(s->sheet, " = MULTIPLY_ADD_%s_(", tg__dtype_name((tg_dtype)tg__node_of(s->f->g, a->node)->dtype));
    for (int i = 0; i < 2; i++) {
        tg__put_factor(s, a, i);
        tg__put(s->sheet, ", ");
    }
    put_column(s, a);
    tg__put(s->sheet, ")");
}

static void put_stream_root(struct tg__source *s, const struct tg__anchor *a) {
    const char *fill = !tg__carries(s) ? "" : s->in_labels ? "fill_ + (size_t)" : "fill_ + ";
    tg__line(s, "%s_t_[%sj_] = ", tg__anchor_name(s, a), fill);
    if (s->half == 2) {
        tg__put_reducer(s, a);
        tg__putf(s->sheet, "(%s_t_[j_], ", tg__anchor_name(s, a));
    }
    tg__put_term(s, a->root);
    if (s->half == 2) tg__put(s->sheet, ")");
}

void tg__put_row_roots(struct tg__source *s, int stage) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (stage != TG__NONE && tg__stage_of(s, tg__term_of(s->f, s->nest, a->root)) != stage) continue;
        if (tg__is_stream(s, a) && s->lies && tg__lies(s, a)) continue;
        if (tg__is_stream(s, a)) {
            put_stream_root(s, a);
        } else {
            put_column_root(s, a);
        }
        tg__put(s->sheet, ";\n");
    }
    tg__put_stores(s, stage);
}

/* -------------------------------------------------------------------------------------------------------- columns */

void tg__put_columns_join(struct tg__source *s, const char *counter) {
    int32_t at = s->nest->newest;
    const long long w = (long long)tg__inner_points(s);
    bool any = false;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) any |= !tg__is_stream(s, a);
    if (!any) return;
    const int k = (int)s->number;
    if (counter && adds_in_place(s)) tg__line(s, "if ((row_ - first_) %% 8 == 7 || row_ + 1 == last_) {\n");
    if (counter && adds_in_place(s)) counter = "(row_ - first_) / 8";
    const bool inside = counter && adds_in_place(s);
    s->indent += inside;
    if (counter) tg__line(s, "top_%d_++;\n", k);
    if (counter)
        tg__line(s, "for (size_t bits_ = %s; bits_ & 1; bits_ >>= 1, top_%d_--) {\n", counter, k);
    else
        tg__line(s, "for (; top_%d_ > 1; top_%d_--) {\n", k, k);
    at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));) {
        if (tg__is_stream(s, a)) continue;
        tg__line(s, "    ");
        tg__put_reducer(s, a);
        tg__putf(s->sheet, "rows_(%s_s_ + (top_%d_ - 2) * %lld, %s_s_ + (top_%d_ - 1) * %lld, %lld);\n",
                 tg__anchor_name(s, a), k, w, tg__anchor_name(s, a), k, w, w);
    }
    tg__line(s, "}\n");
    s->indent -= inside;
    if (inside) tg__line(s, "}\n");
}

void tg__put_columns_clear(struct tg__source *s) {
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; adds_in_place(s) && (a = tg__next_sum(s, &at));) {
        if (tg__is_stream(s, a)) continue;
        tg__line(s, "if ((row_ - first_) %% 8 == 0) memset(%s_s_ + top_%d_ * %lld, 0, %lld * sizeof *%s_s_);\n",
                 tg__anchor_name(s, a), (int)s->number, (long long)tg__inner_points(s), (long long)tg__inner_points(s),
                 tg__anchor_name(s, a));
    }
}
