/* Fusing, in words that the stages share.
 *
 *   kind      what a node is to the compiler: data, a number, a map of elements, a reduction, a call of its kernel
 *   stored    a node whose value lies in memory: data, results, what calls and other nests read
 *   anchor    a stored node that somebody has to make. All else is computed where it is read, again and again
 *   space     the loops that an anchor is made in: the axes of its elements, or of those that it reduces
 *   level     anchors of one level do not wait for one another
 *   nest      anchors of one space that are made together; or a single call
 *   group     nests one behind another that share their outer loops, the rows: what one row needs stays near
 *   term      a value in the body of a nest: a node, at an index that the loops give
 *   stage     of a term: how many functions of the library are on its way; each is called for whole blocks
 */
#ifndef TG_NEST_H
#define TG_NEST_H

#include "compile.h"
#include "export.h"
#include "kernel.h"

enum tg__kind {
    TG__DATA,      /* lies there before the program runs */
    TG__NUMERAL,   /* a constant of one element, written out */
    TG__MAP,       /* element by element of what it reads, wherever that is */
    TG__RECAST,    /* all elements in their order, in another shape: what it reads is stored */
    TG__REDUCTION, /* of one operand, over the loops that the result does not have */
    TG__CALLED,    /* by its own kernel */
    TG__VOID       /* without elements */
};

enum { TG__NONE = -1, TG__ALONE = -2, TG__MOST_TERMS = 64, TG__STRIP = 256 }; /* terms of a nest, about; numbers in a block */

struct tg__item { /* by node */
    uint8_t kind;
    bool stored, wanted;
    bool uniform;    /* one number everywhere, known when it is compiled */
    bool loaded;     /* some nest or call reads it from memory */
    bool shared;     /* another group reads it, or another shape of it is read */
    bool inside;     /* only its own nest reads it: no memory is needed */
    int8_t contracts; /* a sum: which operand is a product that is rounded together with it; TG__NONE: none */
    uint16_t cost;   /* of computing it from what is stored */
    int32_t anchor;  /* that makes it */
    int32_t local;   /* the group in which alone it is needed, row by row */
    size_t offset;   /* in the work space */
};

/* Where a term's node is read along an axis: from + by * loop, or + a term's integer. */
struct tg__index {
    int64_t from, by;
    int16_t loop, label; /* TG__NONE: none */
};

struct tg__term {
    uint32_t node, array;           /* array: the node in whose memory it lies; 0: it is computed */
    struct tg__index at[TG_MAX_RANK]; /* of the node */
    int16_t in[TG__OPERANDS];       /* terms of the same nest, by number */
    uint16_t loops;                 /* a bit for each that it depends on */
    uint8_t stage, uses;
    bool numeral;
    bool contracts;                 /* a sum whose operands are the product's two, and the other summand */
    bool used;                      /* by more than the check of a label, which comes before */
};

struct tg__anchor {
    uint32_t node;
    uint32_t read, reads;   /* what it reads, in the list of reads */
    uint16_t reduced;       /* loops of its space, a bit each */
    int32_t early, late;    /* the first and the last level at which it can be made */
    int32_t nest, older;    /* older: the one of its nest before it */
    uint32_t size;          /* terms */
    int16_t root;           /* the term that is stored or reduced */
};

struct tg__read {
    uint32_t node;  /* a stored one */
    bool apart;     /* not at the very element: whoever makes it must be done */
    bool big;       /* as many elements as the space */
};

enum tg__way { TG__BY_ELEMENT, TG__BY_COLUMN, TG__BY_STREAM, TG__BY_KERNEL };

struct tg__nest {
    uint8_t work;            /* what goes on in its innermost loops */
    int32_t level, group;
    int32_t newest;          /* of its anchors */
    uint32_t anchors, size;  /* how many; how many terms, about */
    uint32_t term, terms;    /* in the list of terms */
    int loops;
    int64_t extent[TG_MAX_RANK];
    uint16_t rows;           /* loops around all others: those that streams keep, or those before a column's */
    uint16_t across;         /* loops that columns are reduced over */
    bool folded;             /* a sum of all elements is among its columns: those are no rows that others may share */
};

struct tg__group {
    uint32_t nest, nests; /* in the order of nests: from, how many */
    int32_t first, last;  /* of them */
    size_t scratch, own;  /* where its own memory is in the work space, and how much */
    int rows;
    int64_t extent[TG_MAX_RANK];
};

struct tg__fused {
    tg_graph *g; /* the small tape */
    tg_mode mode;
    uint32_t last;
    struct tg__item *item;
    struct tg__table anchors, reads, nests, terms, order; /* order: nests as they are carried out */
    struct tg__table groups;
    int32_t levels;
    double largest;  /* elements of the largest space */
    size_t work; /* bytes */
};

static inline struct tg__item *tg__item_of(const struct tg__fused *f, uint32_t id) { return &f->item[id]; }
static inline struct tg__anchor *tg__anchor_of(const struct tg__fused *f, int32_t i) {
    return tg__row(&f->anchors, (uint32_t)i);
}
static inline struct tg__nest *tg__nest_of(const struct tg__fused *f, int32_t i) {
    return tg__row(&f->nests, (uint32_t)i);
}
static inline struct tg__term *tg__term_of(const struct tg__fused *f, const struct tg__nest *n, int i) {
    return tg__row(&f->terms, n->term + (uint32_t)i);
}

/* ------------------------------------------------------------------------------------------------------- kind.c */

bool tg__kinds(struct tg__fused *f, const uint32_t *wanted, size_t count);
uint32_t tg__base_of(const struct tg__fused *f, uint32_t id); /* in whose memory it lies */
uint16_t tg__space(const tg_shape *dims, struct tg__index at[TG_MAX_RANK]); /* one loop for each axis that is longer
                                                                               than 1; says how many */
uint16_t tg__reduced_loops(const struct tg__emit *e);

/* -------------------------------------------------------------------------------------------------- contract.c
 * In TG_FAST a product and a sum may be one operation. Whether they are is decided for the node, once, and written out;
 * were it left to the C compiler, a node could have other last digits in one nest than in another, and what compares
 * them would find a difference. */

void tg__contract(struct tg__fused *f, const uint32_t *readers); /* readers: by node, how often it is an operand */
struct tg__sum {                    /* of a contracting node: sign[0] x*y + sign[1] z */
    uint32_t product;
    int slot, other;                /* of the product, of z */
    int8_t sign[2];
};
struct tg__sum tg__sum_of(const struct tg__fused *f, uint32_t id);

/* ------------------------------------------------------------------------------------------------------- term.c */

bool tg__takes_blocks(const struct tg__fused *f, uint32_t node); /* computed by a function that wants whole blocks */
bool tg__asks(const struct tg__fused *f, const struct tg__term *t, int axis);
bool tg__terms(struct tg__fused *f, struct tg__nest *n, int32_t nest); /* nest: its number, or TG__ALONE */

/* ------------------------------------------------------------------------------------------ anchor.c schedule.c */

bool tg__anchors(struct tg__fused *f);
void tg__loops_of(const struct tg__fused *f, const struct tg__anchor *a, struct tg__nest *n);
bool tg__is_same_element(const struct tg__fused *f, const struct tg__term *t, int loops); /* as the nest's loops */
bool tg__schedule(struct tg__fused *f);

/* ----------------------------------------------------------------------------------------- group.c retain.c plan.c */

bool tg__groups(struct tg__fused *f); /* sets the order, and the terms of every nest */
bool tg__retain(struct tg__fused *f, bool (*set_terms)(struct tg__fused *f, int32_t nest));
bool tg__plan(struct tg__fused *f, const size_t *scratch); /* places in the work space; scratch: bytes by group */

/* ------------------------------------------------------------------------------------------------------- fuse.c */

bool tg__fuse(struct tg__fused *f, tg_graph *g, uint32_t length, const uint32_t *wanted, size_t count,
              tg_mode mode); /* length: of the tape; what is beyond is none of the program's */
void tg__fused_free(struct tg__fused *f);

#endif
