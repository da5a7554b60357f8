/* Columns from inside: columns.c has the counter of rows, column_rows.c the rows. */
#ifndef TG_COLUMNS_H
#define TG_COLUMNS_H

#include "source.h"

struct tg__columns {
    int batch, across, kept; /* where these loops begin among the collapsed ones; kept: all but the last are tasks */
    int64_t rows, group, groups;         /* in all, of a task, and how many tasks share them */
    int64_t outer, width, block, blocks; /* columns: of the outer kept loops, of the innermost, of a task */
    int levels;
};

/* The stacks of sums: form is "declare", "parameter" or "argument". Loops that are fixed: parameters if before is their
 * type. Then the function itself. */
void tg__put_stacks(struct tg__source *s, const struct tg__columns *c, const char *form);
void tg__put_indices(struct tg__source *s, const struct tg__columns *c, const char *before);
void tg__put_column_rows(struct tg__source *s, const struct tg__columns *c);

#endif
