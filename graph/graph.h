/* The tape from inside.
 *
 *   nodes    op, operands, shape, dtype: written once, in creation order, which is topological order
 *   values   data and validity of each node: made at the first run, so recording never pays for it
 *   facts    the site (scope, stage, file:line) and the first name of each node
 *   names    strings on nodes; one node may have several, one string has one node; hashed
 *   sites    a stage each: its scope, its number, the TG_LET that closed it
 *   log      terms delivered and names given, each with the tape length at that moment (an append is the tape itself)
 *   sweeps   one tg_backward each: per node, its adjoint and the chain of its terms in the log
 *   assigns  a leaf and the node whose value it takes at a commit
 *
 * Tables are lists of equal chunks that never move; id 0 is nothing in all of them. Shapes, attributes and scalar
 * constants are interned: equal means same pointer. All memory comes from the graph's allocator.
 * A failing function has recorded why (tg__fail) and says so by nil, NULL or false; callers only pass it on.
 */
#ifndef TG_GRAPH_H
#define TG_GRAPH_H

#include "tapegrad.h"
#include "watch.h"

#include <locale.h>
#include <stdarg.h>
#include <string.h>

/* Keeps what happens rarely, and its large frame, out of what happens for every node. */
#if defined(__GNUC__)
#define TG__APART __attribute__((noinline))
#else
#define TG__APART
#endif

enum { TG__OPERANDS = TG_MAX_OPERANDS, TG__MESSAGE = 1536, TG__CLASSES = 64 };

/* ---------------------------------------------------------------------------------------------------- the rows */

/* A shape that has passed the one size check: every product of its dimensions, zeros left out, fits. */
struct tg__shape {
    tg_shape dims;
    size_t count;
};

/* What becomes of an axis in a sum, or where it came from in an expand: each is the other's vjp with the same plan. */
enum tg__fate { TG__STAYS, TG__KEPT, TG__DROPPED };

/* Attributes of a node; unused fields are 0, so that equal attributes are equal bytes. */
struct tg__attr {
    uint8_t axis[TG_MAX_RANK]; /* fates, or a permutation */
    int64_t number;
    int64_t first[TG_MAX_RANK], step[TG_MAX_RANK], size[TG_MAX_RANK]; /* by axis: where it begins, how it goes on;
                                                                         padding, stride, dilation or window */
    double value; /* what a pad is filled with */
};

enum tg__flag {
    TG__DIFFERENTIABLE = 1, /* an adjoint may arrive here: floating-point, and a leaf with adjoints is below */
    TG__SAME_SHAPE = 2,     /* all operands have the result's shape: no broadcasting */
    TG__ASSIGNED = 4        /* a leaf that a commit changes */
};

/* What may be known of an operator. Nothing is known of a row without any; if it is elementwise, it may have poles. */
enum tg__nature {
    TG__SMOOTH = 1,           /* values and slopes are finite where the operands are */
    TG__LINEAR = 2,           /* so are the slopes where they are not: each is a plain number */
    TG__SELECTS = 4,          /* some slopes are 0 because another operand, or another element, was taken */
    TG__MOVES = 8,            /* the vjp moves, repeats or sums g: what it makes of a mask is the operand's mask */
    TG__SAFE_ABOVE_ZERO = 16, /* smooth where the last operand is positive */
    TG__GIVES_NOT_NEGATIVE = 32,
    TG__LIKE = 64, /* no number below 0 from such numbers, and positive ones from positive ones */
    TG__ADDS = 128 /* the same, and positive if one of them is */
};

/* What is known of a node. */
enum tg__known {
    TG__FINITE = 1,
    TG__NOT_NEGATIVE = 2,
    TG__ABOVE_ZERO = 4,
    TG__STEEP = 8,   /* elementwise, and a slope may be infinite or NaN */
    TG__AT_RISK = 16 /* it is steep, or what a mask reaches through it is */
};

struct tg__node {
    const struct tg_op *op;
    const struct tg__shape *shape;
    const struct tg__attr *attr;
    uint32_t in[TG__OPERANDS];
    uint32_t epoch;
    uint8_t dtype, operands, flags, known;
};

struct tg__value {
    const void *data;
    uint32_t fresh; /* the settling in which it was set or computed anew */
    uint8_t valid, owned, bound;
};

struct tg__fact {
    uint32_t site, name;
};

struct tg__site {
    const char *file;
    uint32_t scope, name; /* name: the row of the name that closed it, 0 for none */
    uint32_t leaf;        /* of a leaf's own site: the leaf */
    uint32_t first, held; /* no node of it is older; the stage of this scope that waits before it, 0 for none */
    int32_t line, stage;  /* line 0: not closed yet */
    int32_t opened;       /* the stage that it began as */
    uint8_t joining;      /* while a TG_LET closes stages: whether it waits, or joins */
};

enum tg__rank { TG__TERM_NAME, TG__ADJOINT_NAME, TG__USER_NAME }; /* on a clash the higher keeps the string */

struct tg__label; /* a name row; private to name.c */

struct tg__scope {
    const char *prefix;           /* "outer/inner/", or "" */
    uint32_t parent, owner; /* owner: itself, or for one opened with NULL the named one it stands in */
    uint32_t site, held;    /* of the scope around it, and open again after it */
    uint32_t depth, epoch;
    int32_t stages;
    const char *composite; /* the outermost one that is under way: errors begin with its name; NULL: none */
};

struct tg__event {
    uint32_t length; /* of the tape when it happened */
    uint32_t node;
    uint32_t term, sender; /* a delivery: both nodes; a name: the name row, 0 */
    uint32_t next, number; /* a delivery: the next one to the same node in the same sweep; which of them it is, from 1 */
    uint8_t kind, slot;
};

struct tg__assign {
    uint32_t leaf, value, epoch;
};

struct tg__adjoint {
    uint32_t node, first, last; /* the adjoint; its terms' rows in the log */
    uint32_t mask; /* a node of its shape: where it is 0, the adjoint is 0 because nothing below was taken; 0: none */
};

/* ------------------------------------------------------------------------------------------------ one operator
 * The row itself, struct tg_op, is public: tapegrad.h. */

/* What a shape rule sees and fills. */
struct tg__rule {
    tg_graph *graph;
    const struct tg_op *op;
    const tg_node *in;
    const struct tg__node *const *from;
    const struct tg__attr *attr; /* NULL: none */
    const struct tg__shape *shape;
    tg_dtype dtype;
};

/* What a kernel sees: operand data, row-major, and the place for the result. */
struct tg__call {
    tg_graph *graph;
    uint32_t id;
    const struct tg__node *node;
    const struct tg__shape *shape[TG__OPERANDS];
    const void *in[TG__OPERANDS];
    void *out;
};

/* The operators that differentiation itself needs. */
struct tg__calculus {
    const struct tg_op *const *operators; /* all rows of ours, NULL at the end: for tables and tests */
    tg_node (*add)(tg_node, tg_node);
    tg_node (*sum)(tg_node, const struct tg__attr *fates);
    tg_node (*where)(tg_node, tg_node, tg_node);
    tg_node (*expand)(tg_node, tg_shape);
};

/* A row that was registered: what the user keeps, and the graph's own copy, in which no text is missing. */
struct tg__own {
    const struct tg_op *given, *row;
};

/* Something that lives off a graph and has to go before it: it is told to. */
struct tg__tenant {
    struct tg__tenant *next, **link; /* link: what points here */
    void (*leave)(struct tg__tenant *t);
};

/* --------------------------------------------------------------------------------------------------- the graph */

struct tg__block; /* a large piece of memory; private to arena.c */

struct tg__table {
    void **chunk;
    struct tg__block *blocks;
    uint32_t chunks, room, length;
    uint32_t size; /* of an element */
};

struct tg__arena {
    struct tg__block *block;
    size_t used; /* in the newest block */
};

struct tg__error {
    tg_status status;
    bool running;     /* cleared by the next run */
    uint32_t serial;  /* counts errors, so that a mark taken behind one does not clear it */
    uint32_t node;    /* a run error's, 0 for none; its message proper begins at body */
    size_t body;
    bool told;        /* a TG_LET has said where it happened */
    uint32_t depth;   /* of scopes, when it happened or was last told */
    char text[TG__MESSAGE];
    size_t bare;      /* length of the text without places, which are: */
    char places[512]; /* the TG_LETs around the failure, the innermost first */
    char after[100];  /* "; after file:line", of the last TG_LET before it; as long as none around it has told */
    char tail[512];   /* "; 'x' from file:line" for each operand */
    char inner[160];  /* the library's own TG_LET, inside a composite */
};

struct tg_graph {
    tg_allocator allocator;
    struct tg__calculus calculus;
    struct tg__error error;
    uint32_t epoch;

    struct tg__table nodes, values, facts, names, sites, scopes, log, sweeps, assigns, scalars, own;
    uint32_t scope;  /* the open one */
    uint32_t site;   /* the open stage, or the one a sweep is working for; 0: none yet */
    uint32_t held;   /* the last stage of this scope that an inner scope has interrupted, 0 for none */
    uint32_t last_serial;
    const char *let_file; /* of the last TG_LET outside of composites; NULL: there was none */
    int let_line;
    char unfound[64];     /* the last name that tg_find did not find */

    struct tg__arena strings;   /* names: rewound */
    struct tg__arena interned;  /* shapes, attributes, file names: kept */
    struct tg__block *kept;     /* files' data */
    struct tg__block *pools;    /* where small values come from */
    size_t pool_used, pool_size; /* of the newest */
    void *spare[TG__CLASSES];   /* values given back, by size class */
    struct tg__label *by_name;
    struct tg__interned *by_bytes;
    struct tg__scalar *by_scalar;
    struct tg__columns *columns; /* labels of last axes */
    struct tg__tenant *tenants;
    const uint32_t *spoken; /* the number by which messages call a node; NULL: its own */

    uint32_t settled; /* counts settlings of validity */
    uint32_t stale;   /* no node below this id is stale */
    uint32_t touched; /* lowest leaf set since the last settling, or UINT32_MAX */
    uint32_t bound;   /* how many leaves borrow their data */
    uint32_t guests;  /* forwards and vjps that are under way: nothing can be rewound below them */
    bool busy;        /* running: an error now is a run error */
    bool finite_only; /* a commit refuses NaN and infinities */
    bool any_blas;    /* one that cannot be held to one thread too */
};

/* ----------------------------------------------------------------------------------------------------- arena.c */

void *tg__alloc(tg_graph *g, size_t bytes); /* fails with TG_MEMORY */
void tg__release(tg_graph *g, void *block, size_t bytes);
void *tg__carve(tg_graph *g, struct tg__arena *arena, size_t bytes); /* 8-aligned */
void tg__arena_cut(tg_graph *g, struct tg__arena *arena, size_t total); /* back to that many bytes */
size_t tg__arena_total(const struct tg__arena *arena);
void *tg__data_new(tg_graph *g, size_t bytes); /* a value's memory, 64-aligned from 64 bytes on */
void tg__data_free(tg_graph *g, void *data, size_t bytes);
void *tg__keep(tg_graph *g, struct tg__block **list, size_t bytes); /* a block of its own, until the list is freed */
void tg__blocks_cut(tg_graph *g, struct tg__block **list, const struct tg__block *last); /* frees what is newer */
void tg__blocks_free(tg_graph *g, struct tg__block **list);
void tg__memory_free(tg_graph *g);

/* ----------------------------------------------------------------------------------------------------- table.c */

bool tg__table_grow(tg_graph *g, struct tg__table *t); /* room for one more element */
void tg__table_free(tg_graph *g, struct tg__table *t);

static inline void *tg__row(const struct tg__table *t, uint32_t i) {
    return (char *)t->chunk[i / TG__CHUNK] + (size_t)(i % TG__CHUNK) * t->size;
}
/* The row behind the last, or NULL (recorded). Its bytes are not set. */
static inline void *tg__push(tg_graph *g, struct tg__table *t) {
    if (t->length == t->chunks * TG__CHUNK && !tg__table_grow(g, t)) return NULL;
    tg__show(tg__row(t, t->length), t->size);
    return tg__row(t, t->length++);
}
/* Rows are kept for the next growth: a loop of mark and rewind does not allocate. */
static inline void tg__table_cut(struct tg__table *t, uint32_t length) {
    while (t->length > length) {
        t->length--;
        tg__hide(tg__row(t, t->length), t->size);
    }
}
static inline struct tg__node *tg__node_of(const tg_graph *g, uint32_t id) {
    return (struct tg__node *)g->nodes.chunk[id / TG__CHUNK] + id % TG__CHUNK;
}
static inline struct tg__value *tg__value_of(const tg_graph *g, uint32_t id) {
    return (struct tg__value *)g->values.chunk[id / TG__CHUNK] + id % TG__CHUNK;
}
static inline struct tg__fact *tg__fact_of(const tg_graph *g, uint32_t id) {
    return (struct tg__fact *)g->facts.chunk[id / TG__CHUNK] + id % TG__CHUNK;
}
static inline struct tg__site *tg__site_of(const tg_graph *g, uint32_t id) { return tg__row(&g->sites, id); }
static inline struct tg__scope *tg__scope_of(const tg_graph *g, uint32_t id) { return tg__row(&g->scopes, id); }
static inline struct tg__event *tg__event_of(const tg_graph *g, uint32_t id) { return tg__row(&g->log, id); }

/* ---------------------------------------------------------------------------------------------------- intern.c */

const void *tg__intern(tg_graph *g, const void *bytes, size_t count); /* equal bytes, equal pointer */
const char *tg__intern_text(tg_graph *g, const char *text);
void tg__intern_free(tg_graph *g);

/* ---------------------------------------------------------------------------------------------------- status.c */

tg_node tg__fail(tg_graph *g, tg_status status, const struct tg_op *op, const tg_node *in, int operands,
                 const char *format, ...) TG_FORMAT_(6, 7);
tg_status tg__fail_run(tg_graph *g, tg_status status, uint32_t node, const char *format, ...) TG_FORMAT_(4, 5);
/* What failed at a node of `from` failed at the node of g that it stands for; at its namesake, if origin is NULL. who:
 * what it is put down to where it is no node's; NULL: to nothing. */
tg_status tg__fail_as(tg_graph *g, const tg_graph *from, const uint32_t *origin, const char *who);
tg_status tg__fail_file(tg_graph *g, const char *path, const char *format, ...) TG_FORMAT_(3, 4);
tg_status tg__fail_null(tg_graph *g, const char *who, const char *what); /* a pointer that is needed */
void tg__fail_memory(tg_graph *g, size_t bytes);
void tg__error_place(tg_graph *g, const char *name, const char *file, int line); /* the TG_LET behind a failure */
void tg__clear_run(tg_graph *g);
static inline bool tg__is_broken(const tg_graph *g) { return g->error.status && !g->error.running; } /* in building */
const char *tg__quote(const tg_graph *g, uint32_t id, char *text, size_t room); /* 'xhat', or #12 (sum) */
const char *tg__clean(const char *name, char *text, size_t room); /* nothing in it that a terminal obeys */
const char *tg__from(tg_node a, char *text, size_t room); /* " from file:line", where it was written; or "" */
size_t tg__printable(const char *s); /* length of the character at s; 0: ill-formed, a control, or without width */
const char *tg__base(const char *path);
/* Between these two, numbers have a point, whatever the locale of the program. */
struct tg__point {
    locale_t plain, own;
};
struct tg__point tg__point_open(void);
void tg__point_close(struct tg__point point);

/* ----------------------------------------------------------------------------------------------------- shape.c */

const struct tg__shape *tg__shape_of(tg_graph *g, const tg_shape *dims, const char *who); /* checks, interns */
const struct tg__shape *tg__broadcast(struct tg__rule *r);
bool tg__fates(tg_graph *g, const struct tg_op *op, tg_node x, int rank, tg_axes axes, struct tg__attr *attr);
bool tg__axis(tg_graph *g, const struct tg_op *op, tg_node x, int rank, int axis, int64_t *number);
void tg__fates_between(const struct tg__shape *small, const struct tg__shape *big, struct tg__attr *attr);
bool tg__same_dims(const tg_shape *a, const tg_shape *b);
bool tg__broadcasts_to(const tg_shape *small, const tg_shape *big);
tg_shape tg__reduced(const tg_shape *dims, const struct tg__attr *fates);
size_t tg__item_size(tg_dtype dtype);
size_t tg__bytes(const struct tg__node *n); /* of its value */
const char *tg__dtype_name(tg_dtype dtype);
const char *tg__shape_text(const tg_shape *dims, char *text, size_t room); /* "[4, 3]" */

/* ------------------------------------------------------------------------------------------------------ tape.c */

tg_graph *tg__graph_new(const struct tg__calculus *calculus, tg_allocator allocator);
void tg__survive_forks(void); /* does nothing, but has a linker take fork.c out of the archive */
/* NULL for nil and stale handles; records nothing. */
static inline const struct tg__node *tg__get(tg_node a) {
    if (!a.graph || a.id == 0 || a.id >= a.graph->nodes.length) return NULL;
    const struct tg__node *n = tg__node_of(a.graph, a.id);
    return n->epoch == a.epoch ? n : NULL;
}
const struct tg__node *tg__want(tg_node a, const char *who); /* records what is wrong with the handle */
static inline tg_node tg__handle(const tg_graph *g, uint32_t id) {
    return (tg_node){(tg_graph *)(uintptr_t)g, id, tg__node_of(g, id)->epoch};
}
/* For vjps: an operand of a node that is known to be there. */
static inline tg_node tg__in(tg_node z, int slot) { return tg__handle(z.graph, tg__node_of(z.graph, z.id)->in[slot]); }
tg_node tg__apply(const struct tg_op *op, const tg_node *in, const struct tg__attr *attr);
tg_node tg__apply_shaped(const struct tg_op *op, const tg_node *in, const struct tg__attr *attr,
                         const struct tg__shape *shape, tg_dtype dtype);
tg_graph *tg__common_graph(const tg_node *in, int operands); /* of the first that has one */
bool tg__open_operands(tg_graph *g, const struct tg_op *op, const tg_node *in, const struct tg__node **from);
struct tg__node *tg__append(tg_graph *g, uint32_t site); /* its epoch is set, the rest is the caller's */
static inline tg_node tg__newest(const tg_graph *g) {
    return (tg_node){(tg_graph *)(uintptr_t)g, g->nodes.length - 1, g->epoch};
}

void tg__tenant_enter(tg_graph *g, struct tg__tenant *t);
void tg__tenant_go(struct tg__tenant *t);

/* -------------------------------------------------------------------------------------------------- register.c */

bool tg__is_identifier(const char *name); /* that an operator may have */
const struct tg_op *tg__row_called(const tg_graph *g, const char *name); /* NULL: none */
const struct tg_op *tg__complete(tg_graph *g, const struct tg_op *op); /* a copy of the graph's, with all texts */
bool tg__share_rows(tg_graph *twin, const tg_graph *g); /* twin uses g's registered rows, and must not outlive it */

/* -------------------------------------------------------------------------------------------------- nature.c */

uint8_t tg__known_of(const struct tg_op *op, const struct tg__node *const *from, bool differentiable);
uint8_t tg__known_number(double v);

/* ------------------------------------------------------------------------------------------------------ leaf.c */

extern const struct tg_op tg__op_input, tg__op_param, tg__op_const;
static inline bool tg__is_leaf(const struct tg__node *n) { return n->op->run == NULL; }
uint32_t tg__scalar_size(void);
void tg__scalars_cut(tg_graph *g, uint32_t nodes);
void tg__scalars_free(tg_graph *g);
const struct tg__node *tg__settable(tg_node a, const void *data, const char *who); /* NULL: not, and the reason is
                                                                                     recorded */
void tg__touch(tg_graph *g, uint32_t id); /* what depends on this leaf is stale */
void tg__touch_bound(tg_graph *g); /* borrowed data may have changed */
tg_node tg__free_cotangent(tg_node out); /* zeros of its shape that nobody sets, and yet an adjoint may arrive there */
bool tg__is_scalar_const(const tg_graph *g, uint32_t id, double *v); /* a constant of one element */
bool tg__is_shared_scalar(const tg_graph *g, uint32_t id);           /* whoever asks tg_scalar for the number gets it */
static inline bool tg__is_dtype(tg_dtype t) { return t == TG_F32 || t == TG_F64 || t == TG_I32; }
static inline bool tg__is_i32(double v) { return v >= -2147483648.0 && v < 2147483648.0 && v == (double)(int32_t)v; }
static inline bool tg__fits_i32(double v) { return v > -2147483649.0 && v < 2147483648.0; } /* cut towards zero */
double tg__load(tg_dtype dtype, const void *data, size_t i);
void tg__store(tg_dtype dtype, void *data, size_t i, double v);

/* ---------------------------------------------------------------------------------------------- name.c scope.c */

enum { TG__LEAF_SITE = 1 }; /* stage 0, for leaves that no TG_LET has placed */

char *tg__name_room(tg_graph *g, size_t bytes); /* where a name is put together before it is given */
/* full: from tg__name_room. site: the stage the name belongs to, which for an alias is not its node's. of: the node
 * that an adjoint's or a term's name speaks of, 0 for a user's. */
bool tg__name_give(tg_graph *g, uint32_t node, const char *full, enum tg__rank rank, uint32_t site, uint32_t of);
uint32_t tg__name_find(tg_graph *g, const char *full); /* the node, 0 for none */
const char *tg__name_text(const tg_graph *g, uint32_t row);
uint32_t tg__name_site(const tg_graph *g, uint32_t row);
uint32_t tg__name_of(const tg_graph *g, uint32_t row);
uint32_t tg__name_owner(const tg_graph *g, uint32_t row); /* the node that has it */
uint32_t tg__name_epoch(const tg_graph *g, uint32_t row);
uint32_t tg__name_next(const tg_graph *g, uint32_t row); /* the node's next name; 0 at the end */
bool tg__names_init(tg_graph *g);
bool tg__names_cut(tg_graph *g, uint32_t length);
void tg__names_free(tg_graph *g);
uint32_t tg__site_open(tg_graph *g); /* the open stage, made if there is none; 0 if memory is out */
uint32_t tg__label_size(void);
bool tg__scopes_init(tg_graph *g);
void tg__stage_interrupt(tg_graph *g, struct tg__scope *inner); /* stage.c: a scope is opened in the middle of a stage */
struct tg__site *tg__stage_close(tg_graph *g, uint32_t node, const char *file, int line); /* by a TG_LET of that node;
                                                                                             NULL: none was open */
void tg__stages_reopen(tg_graph *g, uint32_t site, uint32_t held);
tg_place tg__place(const tg_graph *g, uint32_t site);
void tg__sites_cut(tg_graph *g, uint32_t length);
uint32_t tg__scope_depth(const tg_graph *g);
static inline const char *tg__composite(const tg_graph *g) { return g->scope ? tg__scope_of(g, g->scope)->composite : NULL; }

/* -------------------------------------------------------------------------------------------- sweep.c adjoint.c */

/* A mistake on purpose (inspect/mutate.c): what `sender` sends to its operand `slot` is delivered as `apply` bends it. */
struct tg__bend {
    tg_node (*apply)(tg_node term, tg_node factor);
    uint32_t sender, factor; /* factor: 0 for none */
    uint8_t slot;
};

struct tg__sweep {
    uint32_t out, epoch;
    uint32_t first_name, last_name; /* rows of the names it gave: first to last - 1 */
    uint32_t bends;
    const struct tg__bend *bend; /* kept among the strings, and rewound with them */
    uint32_t goal;               /* the only node that is to get an adjoint, with those on the way to it; 0: all are */
    const unsigned char *way;    /* while it is on: from goal to out, a byte each, 1 for what depends on goal */
    struct tg__adjoint **chunk; /* one for TG__CHUNK nodes, NULL where nothing arrived */
};
struct tg__sweep *tg__sweep_new(tg_graph *g, uint32_t out);
struct tg__sweep *tg__sweep_get(tg_grads d); /* NULL for nil and stale ones */
struct tg__adjoint *tg__adjoint_of(const struct tg__sweep *s, uint32_t node); /* NULL: nothing arrived */
struct tg__adjoint *tg__adjoint_make(tg_graph *g, struct tg__sweep *s, uint32_t node);
tg_grads tg__sweep_latest(tg_graph *g);
void tg__sweeps_cut(tg_graph *g, uint32_t length);
bool tg__name_adjoint(tg_graph *g, uint32_t sweep, uint32_t node, const struct tg__adjoint *adjoint);
const char *tg__why_constant(const tg_graph *g, uint32_t id, char *text, size_t room);
uint32_t tg__cut_by(tg_graph *g, uint32_t from, uint32_t to); /* what stops gradients on the way; 0: there is none */
struct tg__event *tg__log(tg_graph *g, tg_moment_kind kind, uint32_t node, uint32_t term); /* log.c */
uint32_t tg__event_at(const tg_graph *g, size_t k); /* the event that is moment k; 0: a node was appended */

/* -------------------------------------------------------------------------------------------------- backward.c */

/* tg_backward, with bends that have to live as long as the sweep. */
tg_grads tg__backward(tg_node out, tg_node seed, const struct tg__bend *bend, uint32_t bends);

/* The same with what leads to x alone; both are nodes of one tape without an error. */
tg_grads tg__backward_to(tg_node out, tg_node seed, tg_node x);

/* Its three steps: a term arrives; what has arrived is summed; a node sends to its operands. */
bool tg__deliver(tg_graph *g, struct tg__sweep *s, uint32_t to, tg_node term, uint32_t sender, int slot);
bool tg__accumulate(tg_graph *g, uint32_t node, struct tg__adjoint *a);
bool tg__send(tg_graph *g, struct tg__sweep *s, uint32_t node, uint32_t adjoint);
bool tg__is_term(tg_node z, int slot, tg_node term, int said); /* fits the operand; errors call that one `said` */

/* --------------------------------------------------------------------------------------------- value.c run.c */

bool tg__values_grow(tg_graph *g);
bool tg__values_ready(tg_graph *g); /* the same, failing as a run does */
bool tg__value_room(tg_graph *g, uint32_t id); /* memory for the node's own data */
void tg__values_cut(tg_graph *g, uint32_t length);
void tg__columns_cut(tg_graph *g, size_t strings); /* columns.c */
uint32_t tg__columns_epoch(const tg_graph *g, size_t strings); /* of the newest labels below it */
void tg__settle(tg_graph *g); /* invalidates what depends on leaves set since */
uint32_t tg__settling(tg_graph *g); /* the same in parts: the mark of what was set, 0: nothing; from g->stale on */
/* A node stays valid only if all its operands are and none was set or computed since. */
static inline bool tg__is_stale(const tg_graph *g, uint32_t id, uint32_t now) {
    const struct tg__node *n = tg__node_of(g, id);
    if (tg__is_leaf(n)) return false;
    bool stale = !tg__value_of(g, id)->valid;
    for (int i = 0; i < n->operands; i++) {
        const struct tg__value *x = tg__value_of(g, n->in[i]);
        stale |= !x->valid || (x->fresh == now && now);
    }
    return stale;
}
void tg__settle_from(tg_graph *g, uint32_t first, uint32_t now);
bool tg__valid(tg_graph *g, uint32_t id);
tg_status tg__missing(tg_graph *g, uint32_t id, uint32_t operand); /* a leaf without a value; id 0: no node's operand */
void tg__invalidate(tg_graph *g); /* everything but the leaves */

/* ---------------------------------------------------------------------------------------------------- assign.c */

void tg__assigns_cut(tg_graph *g, uint32_t length);
static inline const struct tg__assign *tg__assign_of(const tg_graph *g, uint32_t row) {
    return tg__row(&g->assigns, row);
}
bool tg__may_take(tg_graph *g, const struct tg__assign *a); /* a leaf of whose memory we are master; makes it */
/* data: what the leaf would take. With tg_require_finite it must be finite. */
bool tg__may_take_value(tg_graph *g, const struct tg__assign *a, const void *data);
void tg__take(tg_graph *g, const struct tg__assign *a, const void *data); /* after that; nothing can fail */

#endif
