/* Pieces of a kernel's C with the operands written in: elements of members, numbers, and whole expressions of nodes
 * that have no place of their own. Those are few (placement.c), and wait on a small stack. */
#include "emit.h"

/* from + by times a loop of the statement */
struct index {
    int64_t from, by;
    int8_t loop;
};

static const struct index first = {.loop = TG__FIRST};

struct level {
    struct tg__emit kernel;
    uint32_t id;
    const char *piece, *at;
    struct index loop[TG__LOOPS]; /* of the kernel's loops, what they are in the statement */
    bool tight;                   /* it stands beside an operator */
    bool closes;                  /* a parenthesis was opened around it */
};

struct place {
    uint32_t id;
    struct index index[TG_MAX_RANK];
};

/* ---------------------------------------------------------------------------------------------------- one element */

static void operand(const struct level *l, int slot, struct place *x) {
    x->id = l->kernel.node->in[slot];
    for (int axis = 0; axis < l->kernel.in[slot]->shape->dims.rank; axis++) {
        const int8_t loop = l->kernel.at[slot][axis];
        const int64_t from = l->kernel.from[slot][axis], by = l->kernel.by[slot][axis];
        struct index i = loop >= 0 ? l->loop[loop] : (struct index){.loop = loop};
        x->index[axis] = (struct index){from + by * i.from, by * i.by, i.loop};
    }
}

/* A node's kernel where its element is read: its loops become those of the statement. */
static void enter(const struct tg__c *c, const struct place *x, const char *piece, struct level *l) {
    *l = (struct level){.id = x->id};
    tg__kernel(c->part->graph, x->id, &l->kernel);
    l->piece = l->at = piece ? piece : l->kernel.code;
    if (tg__reduces(&l->kernel) || l->kernel.onto) { /* its loops are the statement's */
        for (int i = 0; i < TG__LOOPS; i++) l->loop[i] = (struct index){0, 1, (int8_t)i};
        return;
    }
    for (int i = 0; i < TG__LOOPS; i++) l->loop[i] = first;
    for (int axis = 0; axis < l->kernel.node->shape->dims.rank; axis++)
        if (l->kernel.out[axis] >= 0) l->loop[l->kernel.out[axis]] = x->index[axis];
}

/* Through views to where the memory is. */
static void look_through(const struct tg__c *c, struct place *x) {
    while (c->places->spot[x->id].place == TG__VIEW) {
        struct level view;
        enter(c, x, NULL, &view);
        operand(&view, 0, x);
    }
}

static char letter_of(const struct tg__c *c, uint32_t id) {
    const struct tg__node *n = tg__node_of(c->part->graph, c->own);
    if (id == c->own) return 'z';
    for (int k = 0; k < n->operands; k++)
        if (n->in[k] == id) return (char)('a' + k);
    return 'z';
}

static void put_base(const struct tg__c *c, const struct place *x) {
    if (c->own) {
        tg__putf(c->sheet, "%c", letter_of(c, x->id));
        return;
    }
    const bool table = c->places->spot[x->id].place == TG__TABLE;
    if (table) tg__put(c->sheet, c->part->function);
    tg__put(c->sheet, table ? "_constant." : "t->");
    tg__put(c->sheet, tg__ident(c->part, x->id));
}

static void put_sum(const struct tg__c *c, struct index i) {
    const long long from = (long long)i.from, by = (long long)i.by;
    const char letter = i.loop >= 0 ? c->letter[i.loop] : 0;
    if (!letter)
        tg__putf(c->sheet, "%lld", from);
    else if (by == 1 && from == 0)
        tg__putf(c->sheet, "%c", letter);
    else if (by == 1)
        tg__putf(c->sheet, "%c %c %lld", letter, from < 0 ? '-' : '+', from < 0 ? -from : from);
    else if (by == -1)
        tg__putf(c->sheet, "%lld - %c", from, letter);
    else if (from == 0)
        tg__putf(c->sheet, "%lld * %c", by, letter);
    else
        tg__putf(c->sheet, "%lld %c %lld * %c", from, by < 0 ? '-' : '+', by < 0 ? -by : by, letter);
}

static void put_index(const struct tg__c *c, struct index i) {
    tg__put(c->sheet, "[");
    put_sum(c, i);
    tg__put(c->sheet, "]");
}

static void put_element(const struct tg__c *c, const struct place *x, const struct place *statement);

/* Where TG__LABEL is: operand 1 of the statement's kernel, or a number. */
static bool find_label(const struct tg__c *c, const struct place *statement, struct place *x, double *v) {
    struct level l;
    enter(c, statement, NULL, &l);
    operand(&l, 1, x);
    look_through(c, x);
    return c->places->spot[x->id].place == TG__NUMBER && tg__is_scalar_const(c->part->graph, x->id, v);
}

static void put_label(const struct tg__c *c, const struct place *statement) {
    struct place x;
    double v;
    tg__put(c->sheet, "[");
    if (find_label(c, statement, &x, &v))
        tg__putf(c->sheet, "%.0f", v);
    else
        put_element(c, &x, statement);
    tg__put(c->sheet, "]");
}

/* In one array: (i + 1) * 6 + 2 * j as i * 6 + 2 * j + 6. */
static void put_flat(const struct tg__c *c, const struct place *x, const struct place *statement) {
    const tg_shape *dims = &tg__node_of(c->part->graph, x->id)->shape->dims;
    int64_t at = 0, below = (int64_t)tg__node_of(c->part->graph, x->id)->shape->count;
    bool empty = true;
    tg__put(c->sheet, "[");
    for (int axis = 0; axis < dims->rank; axis++) {
        const struct index i = x->index[axis];
        const char letter = i.loop >= 0 ? c->letter[i.loop] : 0;
        struct place label;
        double v = 0;
        if (dims->dim[axis]) below /= dims->dim[axis];
        const int64_t by = i.loop == TG__LABEL ? below : i.by * below;
        const bool known = i.loop == TG__LABEL && find_label(c, statement, &label, &v);
        at += i.from * below + (int64_t)v * below;
        if (known || (i.loop != TG__LABEL && !letter)) continue;
        tg__put(c->sheet, empty ? by < 0 ? "-" : "" : by < 0 ? " - " : " + ");
        empty = false;
        if (letter)
            tg__putf(c->sheet, "%c", letter);
        else
            put_element(c, &label, statement);
        if (by != 1 && by != -1) tg__putf(c->sheet, " * %lld", (long long)(by < 0 ? -by : by));
    }
    if (empty)
        tg__putf(c->sheet, "%lld", (long long)at);
    else if (at)
        tg__putf(c->sheet, at < 0 ? " - %lld" : " + %lld", (long long)(at < 0 ? -at : at));
    tg__put(c->sheet, "]");
}

static void put_element(const struct tg__c *c, const struct place *x, const struct place *statement) {
    put_base(c, x);
    if (c->own) put_flat(c, x, statement);
    for (int axis = 0; !c->own && axis < tg__node_of(c->part->graph, x->id)->shape->dims.rank; axis++)
        if (x->index[axis].loop == TG__LABEL)
            put_label(c, statement);
        else
            put_index(c, x->index[axis]);
}

void tg__put_whole(const struct tg__c *c, uint32_t id) {
    struct place x = {.id = id};
    look_through(c, &x);
    put_base(c, &x);
}

void tg__put_pointer(const struct tg__c *c, uint32_t id) {
    struct place x = {.id = id};
    char text[TG__LITERAL];
    double v = 0;
    look_through(c, &x);
    const struct tg__node *n = tg__node_of(c->part->graph, x.id);
    const int place = c->places->spot[x.id].place;
    if (place == TG__NOWHERE) {
        tg__put(c->sheet, "NULL");
    } else if (place == TG__NUMBER && tg__is_scalar_const(c->part->graph, x.id, &v)) {
        tg__literal((tg_dtype)n->dtype, v, text);
        tg__putf(c->sheet, "&(const %s){%s}", tg__c_type((tg_dtype)n->dtype), text);
    } else {
        tg__put(c->sheet, c->own ? "" : "&");
        put_base(c, &x);
        for (int axis = 0; !c->own && axis < n->shape->dims.rank; axis++) put_index(c, first);
    }
}

static void put_number(const struct tg__c *c, uint32_t id, bool tight) {
    char text[TG__LITERAL];
    double v = 0;
    tg__is_scalar_const(c->part->graph, id, &v);
    const bool open = !tg__literal((tg_dtype)tg__node_of(c->part->graph, id)->dtype, v, text) && tight;
    if (open) tg__put(c->sheet, "(");
    tg__put(c->sheet, text);
    if (open) tg__put(c->sheet, ")");
}

static void put_place(const struct tg__c *c, const struct place *x, const struct place *statement, bool tight) {
    if (c->places->spot[x->id].place == TG__NUMBER) {
        put_number(c, x->id, tight);
        return;
    }
    put_element(c, x, statement);
}

static struct place place_of(uint32_t id, const int8_t *index) {
    struct place x = {.id = id};
    for (int axis = 0; axis < TG_MAX_RANK; axis++) x.index[axis] = (struct index){0, 1, index[axis]};
    return x;
}

void tg__put_element(const struct tg__c *c, uint32_t id, const int8_t *index) {
    struct place x = place_of(id, index);
    look_through(c, &x);
    put_place(c, &x, &x, false);
}

void tg__put_result(const struct tg__c *c, uint32_t id, const struct tg__emit *e, const int8_t *index) {
    struct place x = place_of(id, index), statement = x;
    for (int axis = 0; axis < TG_MAX_RANK; axis++) {
        x.index[axis].from = e->to[axis];
        x.index[axis].by = e->pace[axis];
    }
    put_place(c, &x, &statement, false);
}

/* ------------------------------------------------------------------------------------- operands as parameters */

static bool reads(const struct tg__emit *e, int slot) {
    bool labels = false;
    for (int axis = 0; axis < TG_MAX_RANK; axis++) {
        labels |= e->out[axis] == TG__LABEL;
        for (int k = 0; k < e->node->operands; k++) labels |= e->at[k][axis] == TG__LABEL;
    }
    if (e->call || (e->copy && slot == 0) || (labels && slot == 1)) return true;
    const char *const piece[] = {e->code, e->begin, e->step, e->guard};
    int times = 0;
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) times += tg__reads(piece[i], slot);
    return times > 0;
}

/* Each once, and only if it is read. */
bool tg__is_parameter(const struct tg__c *c, int slot) {
    const struct tg__node *n = tg__node_of(c->part->graph, c->own);
    struct tg__emit e;
    for (int k = 0; k < slot; k++)
        if (n->in[k] == n->in[slot]) return false;
    const int place = c->places->spot[n->in[slot]].place;
    if (place != TG__MEMBER && place != TG__TABLE) return false;
    tg__kernel(c->part->graph, c->own, &e);
    bool read = false;
    for (int k = slot; k < n->operands; k++) read |= n->in[k] == n->in[slot] && reads(&e, k);
    return read;
}

/* ------------------------------------------------------------------------------------------------------- a piece */

/* A name, a number, or a call: nothing beside it can tear it apart. */
static bool is_closed(const char *code) {
    size_t n = tg__word(code);
    if (!n) return false;
    if (code[n] == '$') n++;
    if (!code[n]) return true;
    if (code[n] != '(') return false;
    for (int depth = 0; code[n]; n++) {
        depth += (code[n] == '(') - (code[n] == ')');
        if (depth == 0) return code[n + 1] == 0;
    }
    return false;
}

/* Whether an operand at s stands beside an operator. Alone it is what the whole piece is. */
static bool is_tight(const struct level *l, const char *s) {
    const char *before = s, *after = s + 1;
    while (before > l->piece && before[-1] == ' ') before--;
    while (*after == ' ') after++;
    const bool starts = before == l->piece, ends = *after == 0;
    if (starts && ends) return l->tight;
    return !((starts || strchr("(,=", before[-1])) && (ends || strchr("),;", *after)));
}

static void put_turn(const struct tg__c *c, const struct tg__emit *e) {
    int64_t below = e->terms;
    for (int i = 0; i < e->loops; i++) {
        if (!tg__is_inner(e, i)) continue;
        if (below < e->terms) tg__put(c->sheet, " + ");
        below /= e->extent[i];
        tg__putf(c->sheet, "%c", c->letter[i]);
        if (below > 1) tg__putf(c->sheet, " * %lld", (long long)below);
    }
    if (e->terms == 1) tg__put(c->sheet, "0");
}

static bool is(const char *word, const char *s, size_t length) {
    return strlen(word) == length && memcmp(word, s, length) == 0;
}

static void put_word(const struct tg__c *c, const struct level *l, const char *s, size_t length) {
    const struct tg__emit *e = &l->kernel;
    char text[TG__LITERAL];
    if (is("T", s, length))
        tg__put(c->sheet, tg__c_type((tg_dtype)e->node->dtype));
    else if (is("term", s, length))
        put_turn(c, e);
    else if (is("terms", s, length))
        tg__putf(c->sheet, "%lld", (long long)e->terms);
    else if (is("digits", s, length))
        tg__putf(c->sheet, "%lld", (long long)e->digits);
    else if (is("number", s, length))
        tg__putf(c->sheet, "%lld", (long long)e->number);
    else if (is("last", s, length))
        put_sum(c, l->loop[e->loops - 1]);
    else if (is("along", s, length))
        put_sum(c, l->loop[e->along]);
    else if (is("value", s, length))
        tg__literal((tg_dtype)e->node->dtype, e->value, text), tg__put(c->sheet, text);
    else if (*s == '$')
        tg__put(c->sheet, e->node->dtype == TG_F32 ? "f" : "");
    else
        tg__put_n(c->sheet, s, length ? length : 1);
}

/* Writes an operand; true if it has an expression, which is now on top of the stack. */
static bool put_operand(const struct tg__c *c, struct level *l, const char *s, const struct place *statement) {
    struct place x;
    const bool tight = is_tight(l, s);
    operand(l, *s - 'a', &x);
    look_through(c, &x);
    if (c->places->spot[x.id].place != TG__INLINE) {
        put_place(c, &x, statement, tight);
        return false;
    }
    enter(c, &x, NULL, l + 1);
    l[1].tight = tight;
    l[1].closes = tight && !is_closed(l[1].piece);
    if (l[1].closes) tg__put(c->sheet, "(");
    return true;
}

void tg__put_piece(const struct tg__c *c, uint32_t id, const char *piece, const int8_t *index, uint32_t label) {
    struct level stack[TG__HEAVIEST + 1];
    struct place top = place_of(id, index), statement = place_of(label, index);
    enter(c, &top, piece, stack);
    for (int depth = 1; depth > 0;) {
        struct level *l = &stack[depth - 1];
        const char *s = l->at;
        if (!*s) {
            if (l->closes) tg__put(c->sheet, ")");
            depth--;
            continue;
        }
        const size_t length = tg__word(s);
        l->at = s + (length ? length : 1);
        if (!tg__is_operand(s, length) || *s - 'a' >= l->kernel.node->operands)
            put_word(c, l, s, length);
        else
            depth += put_operand(c, l, s, &statement);
    }
}
