/* Rows of a group from inside: rows.c has the group, row.c a nest for one row, stream.c the sums in it. */
#ifndef TG_ROWS_H
#define TG_ROWS_H

#include "source.h"

enum { TG__FEW = 16 }; /* numbers that make one row of lanes */

/* What goes from nest to nest of a group. */
struct tg__rows {
    int64_t count, group, groups; /* rows, rows of a task, tasks */
    int64_t block;                /* rows that are taken together */
    int levels;                   /* of sums of columns that wait */
    size_t used;                  /* bytes of scratch so far */
};
static inline struct tg__rows *tg__rows_of(const struct tg__source *s) { return s->user; }

/* ----------------------------------------------------------------------------------------------------- stream.c */

bool tg__is_within(const struct tg__source *s, int loop); /* of the collapsed ones: it is no row */
bool tg__is_stream(const struct tg__source *s, const struct tg__anchor *a); /* else its columns are summed */
int64_t tg__inner_points(const struct tg__source *s);
int tg__innermost(const struct tg__source *s); /* TG__NONE: that is a row */
bool tg__carries(const struct tg__source *s);
bool tg__sums_strips(const struct tg__source *s);
bool tg__reads_halves(const struct tg__source *s); /* of strips that are summed */
bool tg__adds_in_place(const struct tg__source *s, const struct tg__anchor *a); /* to a column's sum */

void tg__put_sums_begin(struct tg__source *s);
void tg__put_unit(struct tg__source *s, bool part); /* part: of fewer numbers than a unit */
void tg__put_rest(struct tg__source *s);
void tg__put_sum_end(struct tg__source *s, const struct tg__anchor *a);
void tg__put_sums_end(struct tg__source *s);
void tg__put_row_roots(struct tg__source *s, int stage);
void tg__put_columns_clear(struct tg__source *s);
void tg__put_columns_join(struct tg__source *s, const char *counter); /* NULL: all that wait, at the end */

/* -------------------------------------------------------------------------------------------------------- row.c */

void tg__put_row_nest(struct tg__source *s);

#endif
