/* A part as lines of a derivation: what is written out in place and what has a line, in which order. */
#ifndef TG_LINES_H
#define TG_LINES_H

#include "export.h"
#include "formula.h"

struct tg__lines {
    const struct tg__part *part;
    unsigned char *mark;                  /* by node */
    uint32_t *when, *next, *first;        /* by name row, by name row, by node: see lines.c */
    size_t nodes, rows;
};

struct tg__line {
    uint32_t node, row; /* row: the name that is given there, 0: none */
    bool alias;         /* the node has its line elsewhere */
    int stage;
    uint32_t scope;
};

bool tg__lines_new(struct tg__lines *l, const struct tg__part *p);
void tg__lines_free(struct tg__lines *l);
void tg__each_line(const struct tg__lines *l, bool backward, void (*visit)(void *user, const struct tg__line *line),
                   void *user);

bool tg__is_number(const struct tg__lines *l, uint32_t id); /* nameless, without axes: written out wherever it stands */
bool tg__has_line(const struct tg__lines *l, uint32_t id);  /* and a name, made up if need be */
bool tg__is_cached(const struct tg__lines *l, uint32_t id); /* a value of forward that backward needs */
bool tg__is_in_forward(const struct tg__part *p, uint32_t id);
const char *tg__word_for(const struct tg__lines *l, uint32_t id, uint32_t consumer); /* its identifier there */

#endif
