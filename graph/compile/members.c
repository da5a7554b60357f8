/* The struct: a member for every value that has a place, in the order of the tape. */
#include "emit.h"

static void put_dims(const struct tg__c *c, uint32_t id) {
    const tg_shape *dims = &tg__node_of(c->part->graph, id)->shape->dims;
    for (int i = 0; i < dims->rank; i++) tg__putf(c->sheet, "[%lld]", (long long)dims->dim[i]);
}

void tg__put_declaration(const struct tg__c *c, uint32_t id) {
    tg__putf(c->sheet, "    %s ", tg__c_type((tg_dtype)tg__node_of(c->part->graph, id)->dtype));
    tg__put(c->sheet, tg__ident(c->part, id));
    put_dims(c, id);
    tg__put(c->sheet, ";");
}

static void measure(struct tg__sheet *s, const char *text, size_t length) {
    (void)text;
    *(size_t *)s->to += length;
}

static size_t width_of(const struct tg__c *c, uint32_t id) {
    size_t width = 0;
    struct tg__sheet ruler = {.put = measure, .to = &width};
    struct tg__c quiet = *c;
    quiet.sheet = &ruler;
    tg__put_declaration(&quiet, id);
    return width;
}

static int note_column(const struct tg__c *c) {
    size_t widest = 0;
    for (uint32_t id = 1; id <= c->part->out; id++)
        if (tg__is_member(c, id) && c->part->role[id] == TG__ARGUMENT && width_of(c, id) > widest)
            widest = width_of(c, id);
    return (int)(widest < 40 ? widest : 40);
}

/* Where to look for a gradient: it may be another's too, or a number. */
static void put_gradient_note(const struct tg__c *c, uint32_t argument, int column) {
    const uint32_t gradient = tg__part_gradient(c->part, argument);
    const int pad = column - (int)width_of(c, argument);
    if (!gradient || c->places->spot[gradient].place == TG__NOWHERE) return;
    static const int8_t first[TG_MAX_RANK] = {0};
    tg__putf(c->sheet, "%*s /* its gradient: ", pad > 0 ? pad : 0, "");
    if (c->places->spot[gradient].place == TG__NUMBER)
        tg__put_element(c, gradient, first);
    else
        tg__put(c->sheet, tg__ident(c->part, gradient));
    tg__put(c->sheet, " */");
}

static int put_members(const struct tg__c *c, const char *title, enum tg__role a, enum tg__role b, int before) {
    const int column = a == TG__ARGUMENT ? note_column(c) : 0;
    int count = 0;
    for (uint32_t id = 1; id <= c->part->last; id++) {
        if (!tg__is_member(c, id) || !tg__has_role(c, id, a, b)) continue;
        if (!count++) tg__putf(c->sheet, "%s    /* %s */\n", before ? "\n" : "", title);
        tg__put_declaration(c, id);
        if (a == TG__ARGUMENT) put_gradient_note(c, id, column);
        if (id == c->part->out) tg__put(c->sheet, " /* the result */");
        tg__put(c->sheet, "\n");
    }
    return before + count;
}

void tg__put_struct(const struct tg__c *c) {
    tg__putf(c->sheet, "struct %s {\n", c->part->function);
    int members = put_members(c, "given to forward", TG__ARGUMENT, TG__ARGUMENT, 0);
    members = put_members(c, "computed by forward", TG__FORWARD, TG__FORWARD, members);
    members = put_members(c, "given to backward", TG__COTANGENT, TG__EXTRA, members);
    members = put_members(c, "computed by backward", TG__BACKWARD, TG__BACKWARD, members);
    tg__put(c->sheet, members ? "};\n" : "    char nothing; /* no value has elements */\n};\n");
}
