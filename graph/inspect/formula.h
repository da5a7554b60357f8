/* Formulas from the operators' rows, in several dialects: plain text, NumPy, TeX. */
#ifndef TG_FORMULA_H
#define TG_FORMULA_H

#include "sheet.h"

/* How tightly the outermost operation of a formula binds. A prefix reaches to the right as far as a product does, as in
 * Σ x y. A matrix product is no factor: c*(a @ b) is not (c*a) @ b. */
enum tg__tightness { TG__ANY, TG__TERM, TG__PREFIX, TG__MATRIX, TG__FACTOR, TG__POWER, TG__CLOSED };

/* A formula of a row, in the letters x y w v for operands and words for attributes; of a derivative also z and g. */
struct tg__form {
    const char *from, *end;
};

struct tg__wording {
    const struct tg__dialect *dialect;
    tg_graph *graph;
    uint32_t top;      /* the node that is written out */
    uint32_t upstream; /* g; 0: it is no derivative */
    const struct tg__sweep *sweep; /* of the derivative: its names come before those of other sweeps */
    const void *user;
};

struct tg__dialect {
    struct tg__form (*form)(const struct tg__wording *w, uint32_t node);
    /* Writes operand `id` of `node` by name or as a number; false: in place. deep: there is no more room for that. */
    bool (*operand)(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, uint32_t id, int tight, bool deep);
    /* The words that stand for attributes; false if this is none of them. */
    bool (*word)(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, const char *word, size_t length);
    int (*binding)(struct tg__form f);
    /* How tightly an operand must bind to stand where it stands without parentheses; around: how tightly the whole
     * formula must, for one that is nothing but its operand. */
    int (*needed)(struct tg__form f, const char *at, int around);
    const char *open, *close;
};

/* --------------------------------------------------------------------------------------------------- formula.c */

struct tg__form tg__form_of(const struct tg__node *n, const char *forms); /* the node's, of several; of one, that */

void tg__put_formula(struct tg__sheet *s, const struct tg__wording *w);
void tg__put_form(struct tg__sheet *s, const struct tg__wording *w, struct tg__form form);
uint32_t tg__name_for(const tg_graph *g, uint32_t operand, uint32_t consumer); /* 0: nameless */

/* For dialects with the operators of plain text. */
struct tg__sides {
    char left, right; /* what stands beside an operand; 0: nothing */
};
int tg__binding(struct tg__form f);
struct tg__sides tg__sides(struct tg__form f, const char *at);

/* ----------------------------------------------------------------------------------------------------- words.c */

bool tg__put_word(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, const char *word, size_t length);
bool tg__is_word(const char *word, const char *at, size_t length);
int tg__rank_of_fates(const tg_graph *g, const struct tg__node *n); /* of a sum's operand, of an expansion's result */
void tg__put_axes(struct tg__sheet *s, const tg_graph *g, const struct tg__node *n);

/* A number as text: 1/178 where it is the nearest one to that and has no short decimal. */
struct tg__number {
    char text[40];
    double denominator; /* 178; 0: a decimal */
    int binding;
};
struct tg__number tg__number(tg_dtype dtype, double v, int digits); /* digits: that a decimal may have */

#endif
