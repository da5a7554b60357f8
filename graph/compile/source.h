/* Nests as C. What is around a nest's innermost loop differs by its way; what is in it does not. */
#ifndef TG_SOURCE_H
#define TG_SOURCE_H

#include "emit.h"
#include "nest.h"

enum { TG__UNIT = 4, TG__SUM_UNITS = 16 / TG__UNIT }; /* rows of columns that are taken at once */

/* Loops of a nest that lie one in the other everywhere count as one. */
struct tg__loops {
    int count;
    int64_t extent[TG_MAX_RANK];
    uint16_t members[TG_MAX_RANK]; /* loops of the nest, a bit each */
    int last[TG_MAX_RANK];         /* the innermost of them */
};

struct tg__source {
    struct tg__sheet *sheet;
    const struct tg__fused *f;
    const struct tg__part *names;
    const char *name; /* of the program: the file's functions begin with it */
    bool blocks; /* functions of the library go by blocks, through a table that is handed in */
    /* of the nest at hand */
    int32_t number;
    const struct tg__nest *nest;
    struct tg__loops loops;
    int16_t *order;   /* terms, operands first */
    uint8_t *done;    /* by term: the scope in which it has a variable, 0: none */
    bool *need;       /* by term: the loop of a stage needs it */
    int indent;
    bool failed;
    bool stray; /* something was read that is declared nowhere: a fault of ours, and the C is worth nothing */
    bool in_labels; /* the innermost loop counts in the type of labels: tg__counts_in_labels */
    uint16_t read;  /* a bit for each loop whose variable was read since it was declared */
    int strip;      /* how many numbers the innermost loop's buffers hold at most: tg__strip_length */
    size_t stack, deepest, joining; /* bytes of the arrays in the function at hand; the most in any function so far; in
                                       the functions that join sums */
    struct tg__functions *functions;
    const char *place; /* of an element in the buffers of a strip; NULL: j_ */
    bool lies;      /* streams are taken from where they lie */
    int half;       /* 1, 2: the loop over a strip handles two halves together, and this one is being written; 0: it does not */
    int64_t block;  /* rows of a group that are taken together; 1 outside of groups */
    const struct tg__c *c; /* ahead of time: how kernels that are called are written */
    void *user; /* of whoever goes through the nests of a group */
};

/* Functions of the library that blocks are handed to, by number. */
enum { TG__MOST_FUNCTIONS = 128 };
struct tg__functions {
    tg_loop *loop[TG__MOST_FUNCTIONS];
    int count;
};

static inline int tg__stage_of(const struct tg__source *s, const struct tg__term *t) { return s->blocks ? t->stage : 0; }

/* ------------------------------------------------------------------------------------------------------ loops.c */

void tg__collapse(const struct tg__fused *f, const struct tg__nest *n, struct tg__loops *l);
/* Of a term's array, in elements: a step along an axis, or from turn to turn of a loop; and where it begins. */
int64_t tg__axis_stride(const struct tg__fused *f, const struct tg__nest *n, const struct tg__term *t, int axis);
int64_t tg__stride(const struct tg__fused *f, const struct tg__nest *n, const struct tg__term *t, int loop);
int64_t tg__start(const struct tg__fused *f, const struct tg__nest *n, const struct tg__term *t);
bool tg__counts_in_labels(const struct tg__source *s);
const char *tg__variable(int loop); /* of loop i of the collapsed ones */
bool tg__is_counted(const struct tg__source *s, int loop); /* it has a variable where one would be declared for it */
bool tg__is_steady(const struct tg__source *s, const struct tg__term *t, int loop); /* no label that it is read by
                                                                                       changes in that loop */

/* ------------------------------------------------------------------------------------------------------- body.c */

void tg__line(struct tg__source *s, const char *format, ...) TG_FORMAT_(2, 3); /* indented */
void tg__put_room(struct tg__source *s, tg_dtype dtype, int64_t count); /* [256]; of an array on the stack, which is
                                                                          counted */
bool tg__body_open(struct tg__source *s); /* orders the terms */
void tg__body_close(struct tg__source *s);
/* Variables for the terms that depend on no loop outside `bound` and have none yet. stage: TG__NONE: any. */
void tg__put_terms(struct tg__source *s, uint16_t bound, int stage, uint8_t scope);
void tg__put_stage_terms(struct tg__source *s); /* those that are marked */
void tg__forget(struct tg__source *s, uint8_t scope); /* the variables of a scope that has ended */
void tg__put_term(struct tg__source *s, int term);  /* its variable, which has to be declared, or its number */
void tg__put_counter(struct tg__source *s, int loop, bool index); /* that loop's variable; index: in an array's index */
void tg__put_unread(struct tg__source *s, int loop); /* at the end of its variable's scope: (void)i_ if nothing read it,
                                                        for compilers that warn of that */
void tg__declare_term(struct tg__source *s, int term, uint8_t scope); /* double x_, from here to the scope's end */
void tg__put_array_at(struct tg__source *s, uint32_t node, const struct tg__term *t); /* x[i * 3 + j] */
int tg__stages(const struct tg__source *s);
void tg__put_arrays(struct tg__source *s, bool declare); /* of the nest, as parameters or arguments */
void tg__put_row_arrays(struct tg__source *s, bool declare); /* behind others; without what columns are summed to */

/* ----------------------------------------------------------------------------------------------------- strips.c
 * The innermost loop, from one number to another, cut where functions of the library take whole blocks. */

enum { TG__AROUND = 4 << 20 }; /* bytes of a result that is written around the caches */
enum { TG__SCOPE_ROW = 50, TG__SCOPE_STRIP = 100 }; /* of variables outside and inside the innermost loop */

/* For w_ numbers from j0_ on. put: what is done with the roots, in a loop of that stage. */
void tg__put_strip(struct tg__source *s, uint16_t bound, void (*put)(struct tg__source *s, int stage));
/* The same for all rows of a block, whose innermost loops are short: row() is put around the loop of each stage. */
void tg__put_block_strip(struct tg__source *s, void (*open)(struct tg__source *s), void (*close)(struct tg__source *s, int stage),
                         void (*put)(struct tg__source *s, int stage));
void tg__put_buffer(struct tg__source *s, int term); /* where the numbers of a strip wait */
int tg__strip_length(const struct tg__source *s); /* TG__STRIP, or less where many buffers would need much stack */
bool tg__varies(const struct tg__source *s, const struct tg__term *t); /* in the innermost loop */

/* lies.c */
bool tg__is_elsewhere(const struct tg__source *s, const struct tg__anchor *a); /* the loop need not care for it */
bool tg__has_own_buffer(const struct tg__source *s, int term);
void tg__put_pointers(struct tg__source *s); /* to where a strip's numbers lie */
bool tg__is_in_place(const struct tg__source *s, const struct tg__anchor *a);
bool tg__lies(const struct tg__source *s, const struct tg__anchor *a);
void tg__put_source(struct tg__source *s, const struct tg__anchor *a); /* where the numbers of such a stream lie */
const char *tg__place_in_strip(const struct tg__source *s); /* of an element in a buffer */
int tg__row_loop(const struct tg__source *s); /* which collapsed loop the rows are; TG__NONE: several, or none */
void tg__put_call(struct tg__source *s, int term, uint8_t scope); /* of a function of the library, for one number;
                                                                    scope: of its variable; 0: for a strip */
bool tg__is_call(const struct tg__source *s, const struct tg__term *t);

/* ----------------------------------------------------------------------------------------------------- around.c */

bool tg__is_around(const struct tg__source *s, const struct tg__anchor *a);
bool tg__goes_around(const struct tg__source *s); /* any of the nest's: it has to be cut into strips */
void tg__put_around_buffers(struct tg__source *s);
void tg__put_around(struct tg__source *s); /* at the end of a strip */
void tg__put_store(struct tg__source *s, const struct tg__anchor *a);

/* --------------------------------------------------------------------------------------------- the ways of a nest */

void tg__put_stores(struct tg__source *s, int stage);
/* sums.c */
const char *tg__anchor_type(const struct tg__source *s, const struct tg__anchor *a);
const char *tg__anchor_name(const struct tg__source *s, const struct tg__anchor *a);
void tg__put_reducer(struct tg__source *s, const struct tg__anchor *a);
bool tg__adds_products(const struct tg__source *s, const struct tg__anchor *a);
void tg__put_factor(struct tg__source *s, const struct tg__anchor *a, int which);
bool tg__takes_first(const struct tg__source *s, const struct tg__anchor *a);
struct tg__anchor *tg__next_sum(const struct tg__source *s, int32_t *i); /* from the nest's newest anchor on; NULL: none */
bool tg__open_nest(struct tg__source *s, int32_t nest); /* until tg__body_close */

void tg__put_elements(struct tg__source *s);
void tg__put_columns_rows(struct tg__source *s); /* the function of a few rows, in front of the nest's own */
void tg__put_columns(struct tg__source *s);
size_t tg__columns_scratch(struct tg__source *s); /* bytes beside the results */
bool tg__put_group(struct tg__source *s, const struct tg__group *g);
bool tg__rows_scratch(struct tg__source *s, const struct tg__group *g, size_t *bytes);
void tg__put_jit_head(struct tg__source *s); /* head.c */
/* reducers.c: the functions that join sums, of those that `text` calls; NULL: all. */
void tg__put_reducers(struct tg__source *s, const char *text);
int tg__full_rows(const struct tg__source *s); /* rows of lanes that are summed as a whole unit */

/* ------------------------------------------------------------------------------------- ahead of time: note.c called.c */

void tg__put_note(struct tg__source *s, const struct tg__group *g); /* a comment: what it makes, out of what */
void tg__put_called(struct tg__source *s, uint32_t node);           /* a function of its own for a kernel */
void tg__put_called_call(struct tg__source *s, uint32_t node);

/* ---------------------------------------------------------------------------------------------------- written.c */

struct tg__written {
    tg_graph *graph;
    char *text; /* NULL: nothing was written yet */
    size_t length, room;
    bool failed; /* memory is out */
};
struct tg__sheet tg__sheet_written(struct tg__written *w);
void tg__written_free(struct tg__written *w);

/* ----------------------------------------------------------------------------------------------------- source.c */

extern const char tg__includes[], tg__macros[], tg__stray[], tg__multiply_add[];
bool tg__lay_out(struct tg__source *s); /* plans the work space: before all that follows */
bool tg__put_groups(struct tg__source *s);

struct tg__code { /* what a program is given, and gives */
    uint32_t *slot; /* by node: its number among the arrays from outside, from 1; 0: it is none */
    uint32_t slots;
    struct tg__functions functions;
    bool stray; /* see tg__source */
};
void tg__put_steps(struct tg__source *s, const struct tg__code *code); /* checks, and calls one after the other; code:
                                                                          NULL: labels have pointers of their own */
bool tg__source(struct tg__sheet *sheet, struct tg__fused *f, const char *name, struct tg__code *code);

#endif
