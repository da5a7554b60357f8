/* The explorer: one HTML file. page.c puts the document together; page_data.c is what the script
 * knows; page_value.c is one array in it; page_table.c what can be read without a script; page_text.c formulas and
 * programs. Numbers are printed here, once: the script shows text and never rounds. */
#ifndef TG_PAGE_H
#define TG_PAGE_H

#include "draw.h"

/* A file of this folder, in the library; made by CMake. */
struct tg__asset {
    const unsigned char *text;
    size_t length;
    unsigned char sha256[32];
};
extern const struct tg__asset tg__explorer_css, tg__media_css, tg__fold_js, tg__tape_js, tg__array_js, tg__panel_js,
    tg__moment_js, tg__overview_js, tg__scene_js, tg__tabs_js, tg__explorer_js;

enum {
    TG__PAGE_NODES = 50000,  /* more than that no browser lays out in reasonable time */
    TG__PAGE_TYPESET = 4000, /* nodes, up to which formulas are typeset and programs shown */
    TG__PAGE_NAME = 200      /* bytes, beyond which names are cut */
};

struct tg__page {
    tg_graph *graph;
    tg_grads sweep;
    const struct tg__sweep *passed; /* NULL: no sweep is shown */
    tg_page_options options; /* counts are 0 where there is no array */
    const struct tg__circuit *circuit;
    uint32_t *labels; /* by node: the node whose column labels fit it, 0 for none */
    double *weights;  /* by node: the absolute sum of the sweep's terms to it; NaN: one has not run */
    size_t room;      /* numbers of an array's corner */
    bool typeset;
};

typedef char tg__page_text[TG__PAGE_NAME];

void tg__page_labels(struct tg__page *p);
void tg__page_data(struct tg__sheet *s, const struct tg__page *p);
void tg__page_value(struct tg__sheet *s, const struct tg__page *p, tg_node a);
void tg__page_tape(struct tg__sheet *s, const struct tg__page *p);
void tg__page_differences(struct tg__sheet *s, const struct tg__page *p);
void tg__page_checks(struct tg__sheet *s, const struct tg__page *p);
void tg__page_formulas(struct tg__sheet *s, const struct tg__page *p);
bool tg__page_programs(struct tg__sheet *s, const struct tg__page *p);

/* A sweep's deliveries lie together in the log: from its seed to the next sweep's. */
uint32_t tg__page_sweep_end(const struct tg__page *p);

/* What a node is called: its name, or "#12". */
const char *tg__page_name(tg_node a, char *text, size_t room);
void tg__page_number(char *text, size_t room, int digits, double v);

#endif
