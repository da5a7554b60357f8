/* The staged C of a part of the tape: a struct with a member for every value, and two functions that go through it, one
 * statement for each step. */
#include "emit.h"

enum { FORMULA = 96, NAME = 60 }; /* bytes in a comment */

struct body {
    const struct tg__c *c;
    bool noted; /* the last thing written was a note */
};

void tg__put_name(struct tg__sheet *s, const tg_graph *g, uint32_t row) {
    const int step = tg__step_of(g, row);
    if (step >= 0) tg__putf(s, "step %d: ", step);
    tg__put_comment(s, tg__name_text(g, row), NAME);
}

static void open_note(struct body *b, bool note) {
    tg__put(b->c->sheet, note && b->noted ? "    /* " : "\n    /* "); /* notes stand together */
    b->noted = note;
}

/* Further names are steps too, in which nothing is to be done. */
static void put_aliases(struct body *b, uint32_t id) {
    const tg_graph *g = b->c->part->graph;
    const uint32_t first = tg__fact_of(g, id)->name;
    for (uint32_t row = first ? tg__name_next(g, first) : 0; row; row = tg__name_next(g, row)) {
        open_note(b, true);
        tg__put_name(b->c->sheet, g, row);
        tg__put(b->c->sheet, " is ");
        tg__put_comment(b->c->sheet, tg__name_text(g, first), NAME);
        tg__put(b->c->sheet, " */\n");
    }
}

static void put_heading(struct body *b, uint32_t id) {
    const struct tg__c *c = b->c;
    char formula[FORMULA];
    const uint32_t name = tg__fact_of(c->part->graph, id)->name;
    const bool cut = tg_formula(tg__handle(c->part->graph, id), formula, sizeof formula) >= sizeof formula;
    open_note(b, !tg__is_member(c, id));
    if (name)
        tg__put_name(c->sheet, c->part->graph, name);
    else
        tg__put(c->sheet, tg__ident(c->part, id));
    tg__put(c->sheet, tg__is_member(c, id) ? " = " : " is ");
    tg__put_comment(c->sheet, formula, 0);
    tg__put(c->sheet, cut ? "... */\n" : " */\n");
}

/* A statement where there is a member to be filled, a note where a name stands for what is there already. */
static void put_step(struct body *b, uint32_t id) {
    const int place = b->c->places->spot[id].place;
    const bool note = (place == TG__VIEW || place == TG__NUMBER) && tg__fact_of(b->c->part->graph, id)->name;
    if (place == TG__MEMBER || note) put_heading(b, id);
    if (place == TG__MEMBER) tg__put_statement(b->c, id);
    if (place == TG__MEMBER || note) put_aliases(b, id);
}

static void put_function(const struct tg__c *c, const char *which, enum tg__role role) {
    const struct tg__part *p = c->part;
    const bool fails = c->places->fails[role == TG__BACKWARD];
    struct body b = {.c = c};
    bool empty = true;
    tg__putf(c->sheet, "\n%s %s_%s(struct %s *t) {", fails ? "int" : "void", p->function, which, p->function);
    for (uint32_t id = 1; id <= p->last; id++) {
        if (role == TG__BACKWARD && tg__has_role(c, id, TG__COTANGENT, TG__EXTRA)) put_aliases(&b, id);
        if (p->role[id] != role) continue;
        put_step(&b, id);
        empty &= !tg__is_member(c, id);
    }
    tg__put(c->sheet, empty ? "\n    (void)t;\n" : fails ? "\n    return 0;\n" : "");
    tg__put(c->sheet, "}\n");
}

/* --------------------------------------------------------------------------------------------------- the whole file */

static const char *counter(const struct tg__part *p) {
    for (uint32_t id = 1; id <= p->last; id++)
        if (p->role[id] != TG__ABSENT && tg__node_of(p->graph, id)->shape->count > INT32_MAX) return "long long";
    return "int";
}

uint32_t tg__without_c(const struct tg__part *p) {
    struct tg__emit e;
    for (uint32_t id = 1; id <= p->last; id++)
        if (tg__is_computed(p, id) && !tg__kernel(p->graph, id, &e)) return id;
    return 0;
}

bool tg__c(struct tg__sheet *s, const struct tg__part *p) {
    struct tg__places places;
    if (!tg__places_new(&places, p)) return false;
    const struct tg__c c = {.sheet = s, .part = p, .places = &places, .counter = counter(p)};
    tg__put_head(&c);
    tg__put_includes(&c);
    tg__put_tables(&c);
    tg__put_struct(&c);
    tg__put_helpers(&c);
    put_function(&c, "forward", TG__FORWARD);
    put_function(&c, "backward", TG__BACKWARD);
    tg__places_free(&places, p);
    return true;
}

tg_status tg_write_c_staged(tg_grads d, tg_node out, const char *function, const char *path) {
    return tg__write_part(d, out, function, path, "write_c_staged", tg__c);
}
