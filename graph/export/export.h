/* Text for other tools. A writer puts its text on a sheet and does not care where that leads; nothing of the user's
 * reaches one unescaped. */
#ifndef TG_EXPORT_H
#define TG_EXPORT_H

#include "inspect.h"
#include "sheet.h"

/* ------------------------------------------------------------------------------------------------------ part.c
 * What a pair of functions, forward and backward, is made of: everything that `out` depends on, and everything that
 * leads from the cotangent of out to the gradients of its leaves. */

enum tg__role {
    TG__ABSENT,
    TG__ARGUMENT,  /* a leaf that forward is given, a large constant too; a small constant is FORWARD */
    TG__FORWARD,   /* computed, or a constant, in forward */
    TG__COTANGENT, /* the adjoint of out, which backward is given; none where it is a value of forward or a number that
                      others share */
    TG__EXTRA,     /* what backward needs besides and is given: terms that reach a leaf on a way around out */
    TG__BACKWARD   /* computed, or a constant, in backward */
};

enum { TG__WRITTEN_OUT = 1000 }; /* a constant of more elements is given, not written out */

struct tg__part {
    tg_graph *graph;
    tg_grads sweep;
    uint32_t out, last;    /* last: roles and identifiers go up to here */
    unsigned char *role;   /* by node */
    uint32_t *ident;       /* by node: where its identifier begins in text */
    uint32_t *alias;       /* by name row: the same for a name that is not its node's first */
    char *text;
    const char *function;  /* an identifier */
    size_t bytes, aliases, text_bytes, function_bytes; /* bytes: of role, one a node */
};

bool tg__part_new(struct tg__part *p, tg_grads d, tg_node out, const char *function, const char *who); /* a run error */
void tg__part_free(struct tg__part *p);

/* What tg_write_numpy and its like do: a part, written to a file. who: for messages. */
tg_status tg__write_part(tg_grads d, tg_node out, const char *function, const char *path, const char *who,
                         bool (*write)(struct tg__sheet *s, const struct tg__part *p));

/* The gradient node of an argument; 0 where nothing comes from out. */
uint32_t tg__part_gradient(const struct tg__part *p, uint32_t argument);

/* ----------------------------------------------------------------------------------------------------- ident.c
 * Valid in C and in Python, reserved in neither, no two alike: head/xw is head_xw, a nameless #12 is t12. None begins
 * or ends with an underscore, so a variable of the writer's own that does meets none of them. */

const char *tg__ident(const struct tg__part *p, uint32_t id);
const char *tg__ident_alias(const struct tg__part *p, uint32_t row); /* of a further name: dgammax, which is dout */
bool tg__names_function(tg_graph *g, const char *function, const char *who); /* false: not in C and Python; a run error */
bool tg__idents_new(struct tg__part *p, const char *function);
void tg__idents_free(struct tg__part *p);

/* --------------------------------------------------------------------------- numpy.c latex.c mathml.c json.c emit.c */

bool tg__numpy(struct tg__sheet *s, const struct tg__part *p);
bool tg__latex(struct tg__sheet *s, const struct tg__part *p);
void tg__mathml(struct tg__sheet *s, tg_node a);                    /* <math>: name = formula */
void tg__mathml_gradient(struct tg__sheet *s, tg_grads d, tg_node sender, int slot); /* <math>: what it sends there */
bool tg__json(struct tg__sheet *s, tg_graph *g);
bool tg__c(struct tg__sheet *s, const struct tg__part *p);          /* compile/emit.c */
uint32_t tg__without_numpy(const struct tg__part *p); /* the first node whose row says nothing of it; 0: none */
uint32_t tg__without_c(const struct tg__part *p);

#endif
