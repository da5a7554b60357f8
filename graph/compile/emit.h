/* The C writer: where values live, expressions, statements, and the file around them. What a row says of its kernel
 * stands in kernel.h. */
#ifndef TG_EMIT_H
#define TG_EMIT_H

#include "export.h"
#include "kernel.h"

/* ------------------------------------------------------------------------------------------------- placement.c
 * Where each value lives. A node that has a name has a place; one that has none and a single consumer stands in the
 * consumer's expression, where its formula has it; a view is its operand. */

enum tg__placement {
    TG__NOWHERE, /* not in this part, or without elements */
    TG__MEMBER,
    TG__NUMBER,  /* a constant of one element, written out */
    TG__TABLE,   /* a constant of several */
    TG__INLINE,
    TG__VIEW
};

enum { TG__HEAVIEST = 8 }; /* operations in one expression */

struct tg__spot {
    uint8_t place, uses, weight, calls; /* weight: of the expression; calls: a function of the library is in it */
    uint32_t inner;                     /* the reduction in the expression, 0 for none */
    char letter[TG_MAX_RANK];           /* what loops along its axes are called; 0: anything */
};

struct tg__places {
    struct tg__spot *spot; /* by node */
    size_t bytes;
    bool fails[2];                           /* forward, backward: can return 1 */
    bool math, copies, i32, tables, helpers; /* what the file needs */
    bool rounds;                             /* something in it may have other bits than on the tape */
};

bool tg__places_new(struct tg__places *q, const struct tg__part *p);
void tg__places_free(struct tg__places *q, const struct tg__part *p);
bool tg__is_computed(const struct tg__part *p, uint32_t id); /* by one of the two functions */

/* letters.c: of the kernel e, whose result is that of id. */
void tg__letters(const struct tg__places *q, uint32_t id, const struct tg__emit *e, char letter[TG__LOOPS]);
void tg__note_letters(struct tg__places *q, const tg_graph *g, uint32_t id, const struct tg__emit *e);

/* ------------------------------------------------------------------------------------- expression.c statement.c */

struct tg__c {
    struct tg__sheet *sheet;
    const struct tg__part *part;
    const struct tg__places *places;
    const char *counter;    /* the type that loops count in */
    uint32_t own;           /* 0: elements are t->x[i][j]; otherwise node own has a function to itself, where it is z and
                               its operands are a b c d, pointers: a[i * 3 + j] */
    char letter[TG__LOOPS]; /* of the statement's loops */
};

/* One piece of the C of node id, with its operands written out. loop: for each loop of the kernel, the one it is in the
 * statement. label: whose operand 1 TG__LABEL stands for. */
void tg__put_piece(const struct tg__c *c, uint32_t id, const char *piece, const int8_t *loop, uint32_t label);
void tg__put_element(const struct tg__c *c, uint32_t id, const int8_t *index); /* t->x[i][j], a number, or a table's */
/* What a statement of kernel e assigns to. */
void tg__put_result(const struct tg__c *c, uint32_t id, const struct tg__emit *e, const int8_t *index);
void tg__put_whole(const struct tg__c *c, uint32_t id); /* t->x */
void tg__put_pointer(const struct tg__c *c, uint32_t id); /* &t->x[0][0], its first element */
void tg__put_statement(const struct tg__c *c, uint32_t id);
bool tg__is_parameter(const struct tg__c *c, int slot); /* of own's function: an operand is read from memory there */

static inline bool tg__is_member(const struct tg__c *c, uint32_t id) {
    return c->places->spot[id].place == TG__MEMBER;
}
static inline bool tg__has_role(const struct tg__c *c, uint32_t id, enum tg__role a, enum tg__role b) {
    return c->part->role[id] == a || c->part->role[id] == b;
}

void tg__put_name(struct tg__sheet *s, const tg_graph *g, uint32_t row); /* "step 9: dgammax" for one of a node's names;
                                                                            in a comment */

/* ------------------------------------------------------------------------------------------ members.c preamble.c */

void tg__put_declaration(const struct tg__c *c, uint32_t id); /* double x[3][2]; */
void tg__put_struct(const struct tg__c *c);
void tg__put_head(const struct tg__c *c);
void tg__put_includes(const struct tg__c *c);
void tg__put_tables(const struct tg__c *c);
void tg__put_helpers(const struct tg__c *c);

/* ---------------------------------------------------------------------------------------------------- literal.c */

enum { TG__LITERAL = 48 };
bool tg__literal(tg_dtype dtype, double v, char text[TG__LITERAL]); /* false: in parentheses beside an operator */
const char *tg__c_type(tg_dtype dtype);

#endif
