/* What stands in the loops of a nest: a variable for each term, under the node's own name. An array has that name too;
 * its element at hand ends in an underscore. */
#include "source.h"

#include <ctype.h>

void tg__line(struct tg__source *s, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (int i = 0; i < s->indent; i++) tg__put(s->sheet, "    ");
    tg__put(s->sheet, text);
}

void tg__put_room(struct tg__source *s, tg_dtype dtype, int64_t count) {
    tg__putf(s->sheet, "[%lld]", (long long)count);
    s->stack += (size_t)count * tg__item_size(dtype);
    if (s->stack > s->deepest) s->deepest = s->stack;
}

static const struct tg__term *term(const struct tg__source *s, int i) { return tg__term_of(s->f, s->nest, i); }

/* ------------------------------------------------------------------------------------------------------- the order */

static bool is_next(const struct tg__source *s, int i) {
    const struct tg__term *t = term(s, i);
    if (s->done[i]) return false;
    for (int k = 0; k < TG__OPERANDS; k++)
        if (t->in[k] != TG__NONE && !s->done[t->in[k]]) return false;
    for (int axis = 0; axis < tg__node_of(s->f->g, t->node)->shape->dims.rank; axis++)
        if (t->at[axis].label != TG__NONE && !s->done[t->at[axis].label]) return false;
    return true;
}

bool tg__body_open(struct tg__source *s) {
    const size_t terms = s->nest->terms;
    s->order = tg__alloc(s->f->g, (terms + 1) * sizeof *s->order);
    s->done = tg__alloc(s->f->g, terms + 1);
    s->need = tg__alloc(s->f->g, terms + 1);
    if (!s->order || !s->done || !s->need) {
        tg__body_close(s);
        return false;
    }
    memset(s->done, 0, terms + 1);
    size_t count = 0;
    while (count < terms) {
        for (int i = (int)terms - 1; i >= 0; i--) {
            if (!is_next(s, i)) continue;
            s->order[count++] = (int16_t)i;
            s->done[i] = 1;
        }
    }
    memset(s->done, 0, terms + 1);
    return true;
}

void tg__body_close(struct tg__source *s) {
    const size_t terms = s->nest->terms;
    if (s->order) tg__release(s->f->g, s->order, (terms + 1) * sizeof *s->order);
    if (s->done) tg__release(s->f->g, s->done, terms + 1);
    if (s->need) tg__release(s->f->g, s->need, terms + 1);
    s->order = NULL;
    s->done = NULL;
    s->need = NULL;
}

/* ------------------------------------------------------------------------------------------------------- one term */

const char tg__stray[] = "its C would read a variable that it does not declare: this is a fault of tapegrad, please "
                         "report it";

/* One node at several indices has as many variables. */
static int namesakes(const struct tg__source *s, int i) {
    int n = 0;
    for (int k = 0; k < i; k++) n += term(s, k)->node == term(s, i)->node;
    return n;
}

static bool has_array(const struct tg__source *s, int i) {
    const struct tg__item *x = tg__item_of(s->f, term(s, i)->node);
    return term(s, i)->array || x->stored;
}

/* Variables of the writer's own end in an underscore as elements do: i_, row_, and x_t_, x_2_, xb_ beside an array x. A
 * node that would meet one has the element i_e_. */
static bool is_ours(const struct tg__source *s, const char *ident) {
    static const char *const own[] = {"at",         "bits", "block", "c",    "call",    "count", "end",  "f32_vector",
                                      "f64_vector", "fill", "first", "g",    "group",   "i",     "j",    "j0",
                                      "k",          "l",    "last",  "loop", "m",       "n",     "p",    "pops",
                                      "q",          "r",    "row",   "rows", "scratch", "self",  "step", "stream_f32",
                                      "stream_f64", "task", "top",   "u",    "units",   "w",     "work"};
    bool small = strlen(ident) < 4; /* macros are large */
    for (const char *c = ident; *c; c++) small |= islower((unsigned char)*c) != 0;
    if (!small) return true;
    const char *const part = strrchr(ident, '_');
    if (part && (!part[2] || strspn(part + 1, "0123456789") == strlen(part + 1))) return true;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(ident, own[i]) == 0) return true;
    return ident[strlen(ident) - 1] == 'b' || strncmp(ident, s->name, strlen(s->name)) == 0;
}

static void put_name(struct tg__source *s, int i) {
    const struct tg__term *t = term(s, i);
    const char *const ident = tg__ident(s->names, t->node);
    const int n = namesakes(s, i);
    const bool ours = is_ours(s, ident);
    tg__put(s->sheet, ident);
    if (ours) tg__put(s->sheet, "_e");
    if (n) tg__putf(s->sheet, "_%d", n + 1);
    if (n || ours || has_array(s, i) || !ident[1]) tg__put(s->sheet, "_");
}

void tg__put_term(struct tg__source *s, int i) {
    const struct tg__term *t = term(s, i);
    char text[TG__LITERAL];
    double v;
    if (t->numeral && tg__is_scalar_const(s->f->g, t->node, &v)) {
        const bool tight = tg__literal((tg_dtype)tg__node_of(s->f->g, t->node)->dtype, v, text);
        tg__putf(s->sheet, tight ? "%s" : "(%s)", text);
        return;
    }
    if (!s->done[i]) s->stray = true;
    put_name(s, i);
}

void tg__declare_term(struct tg__source *s, int i, uint8_t scope) {
    tg__putf(s->sheet, "%s ", tg__c_type((tg_dtype)tg__node_of(s->f->g, term(s, i)->node)->dtype));
    put_name(s, i);
    s->done[i] = scope;
}

void tg__put_buffer(struct tg__source *s, int i) {
    put_name(s, i);
    tg__put(s->sheet, "b_");
}

static void put_sign(struct tg__source *s, bool *first, int64_t factor) {
    tg__put(s->sheet, *first ? factor < 0 ? "-" : "" : factor < 0 ? " - " : " + ");
    *first = false;
}

static void put_times(struct tg__source *s, int64_t factor) {
    const int64_t size = factor < 0 ? -factor : factor;
    if (size != 1) tg__putf(s->sheet, " * %lld", (long long)size);
}

static void put_from(struct tg__source *s, bool *first, int64_t from) {
    if (from == 0) return;
    put_sign(s, first, from);
    tg__putf(s->sheet, "%lld", (long long)(from < 0 ? -from : from));
}

void tg__put_counter(struct tg__source *s, int loop, bool index) {
    if (!tg__is_counted(s, loop)) s->stray = true;
    s->read |= (uint16_t)(1u << loop);
    const bool wider = index && s->in_labels && loop == s->loops.count - 1;
    tg__putf(s->sheet, wider ? "(size_t)%s" : "%s", tg__variable(loop));
}

void tg__put_unread(struct tg__source *s, int loop) {
    if (!s->blocks && tg__is_counted(s, loop) && !(s->read >> loop & 1)) tg__line(s, "(void)%s;\n", tg__variable(loop));
    s->read &= (uint16_t)~(1u << loop);
}

/* An index is computed in size_t; a step that is taken away wraps around and back. */
static void put_loop(struct tg__source *s, bool *first, int64_t factor, int loop, bool index) {
    if (factor == 0) return;
    put_sign(s, first, factor);
    tg__put_counter(s, loop, index);
    put_times(s, factor);
}

static void put_label(struct tg__source *s, bool *first, int64_t factor, int label, const char *type) {
    if (factor == 0) return;
    put_sign(s, first, factor);
    tg__put(s->sheet, type);
    tg__put_term(s, label);
    put_times(s, factor);
}

/* Elements of a row, of what is kept for rows. */
static int64_t row_points(const struct tg__source *s, const struct tg__term *t) {
    const tg_shape *dims = &tg__node_of(s->f->g, t->node)->shape->dims;
    int64_t points = 1;
    for (int axis = 0; axis < dims->rank; axis++) {
        const int loop = t->at[axis].loop;
        if (loop == TG__NONE || !(s->nest->rows >> loop & 1)) points *= dims->dim[axis];
    }
    return points;
}

void tg__put_array_at(struct tg__source *s, uint32_t node, const struct tg__term *t) {
    bool first = true;
    tg__put(s->sheet, tg__ident(s->names, node));
    tg__put(s->sheet, "[");
    if (s->block > 1 && tg__item_of(s->f, node)->local != TG__NONE) { /* there every loop has its variable */
        tg__putf(s->sheet, "(%s - block_) * %lld", tg__variable(tg__row_loop(s)), (long long)row_points(s, t));
        first = false;
    }
    for (int i = 0; i < s->loops.count; i++)
        put_loop(s, &first, tg__stride(s->f, s->nest, t, s->loops.last[i]), i, true);
    for (int axis = 0; axis < tg__node_of(s->f->g, t->node)->shape->dims.rank; axis++)
        if (t->at[axis].label != TG__NONE)
            put_label(s, &first, t->at[axis].by * tg__axis_stride(s->f, s->nest, t, axis), t->at[axis].label,
                      "(size_t)");
    put_from(s, &first, tg__start(s->f, s->nest, t));
    tg__put(s->sheet, first ? "0]" : "]");
}

/* Which turn of the loop along an axis of the node it is. */
static void put_turn(struct tg__source *s, const struct tg__term *t, int axis) {
    bool first = true;
    const bool small = tg__node_of(s->f->g, t->node)->shape->dims.dim[axis] <= INT32_MAX; /* as wide as labels are */
    tg__put(s->sheet, small ? "(int32_t)(" : "(int64_t)(");
    for (int i = 0; i < s->loops.count; i++)
        if (t->at[axis].loop == s->loops.last[i]) put_loop(s, &first, t->at[axis].by, i, false);
    if (t->at[axis].label != TG__NONE) put_label(s, &first, t->at[axis].by, t->at[axis].label, "(ptrdiff_t)");
    put_from(s, &first, t->at[axis].from);
    tg__put(s->sheet, first ? "0)" : ")");
}

static bool put_word(struct tg__source *s, int i, const struct tg__emit *e, const char *word, size_t length) {
    const struct tg__term *t = term(s, i);
    const int rank = e->node->shape->dims.rank;
    if (tg__is_operand(word, length))
        tg__put_term(s, t->in[*word - 'a']);
    else if (length == 1 && *word == 'T')
        tg__put(s->sheet, tg__c_type((tg_dtype)e->node->dtype));
    else if (length == 4 && strncmp(word, "last", 4) == 0)
        put_turn(s, t, rank - 1);
    else
        return false;
    return true;
}

static void put_piece(struct tg__source *s, int i, const struct tg__emit *e, const char *piece) {
    for (const char *at = piece; *at;) {
        const size_t length = tg__word(at);
        if (!put_word(s, i, e, at, length)) tg__put_n(s->sheet, at, length ? length : 1);
        at += length ? length : 1;
    }
}

/* MULTIPLY_ADD_f32_(x, y, -z) */
static void put_sum(struct tg__source *s, const struct tg__term *t) {
    const struct tg__sum sum = tg__sum_of(s->f, t->node);
    tg__putf(s->sheet, "MULTIPLY_ADD_%s_(", tg__dtype_name((tg_dtype)tg__node_of(s->f->g, t->node)->dtype));
    for (int k = 0; k < 3; k++) {
        tg__put(s->sheet, k ? ", " : "");
        if (k != 1 && sum.sign[k / 2] < 0) tg__put(s->sheet, "-");
        tg__put_term(s, t->in[k]);
    }
    tg__put(s->sheet, ")");
}

/* Its factors go into the sum that alone reads it. */
static bool is_summed(const struct tg__source *s, int i) {
    for (int32_t k = s->nest->newest; k != TG__NONE; k = tg__anchor_of(s->f, k)->older)
        if (tg__anchor_of(s->f, k)->root == i && tg__adds_products(s, tg__anchor_of(s->f, k))) return true;
    return false;
}

static void put_variable(struct tg__source *s, int i, uint8_t scope) {
    const struct tg__term *t = term(s, i);
    struct tg__emit e;
    if (is_summed(s, i)) return;
    tg__kernel(s->f->g, t->node, &e);
    if (tg__is_call(s, t)) {
        tg__put_call(s, i, scope);
        return;
    }
    tg__line(s, "const ");
    tg__declare_term(s, i, scope);
    tg__put(s->sheet, " = ");
    if (t->array)
        tg__put_array_at(s, t->array, t);
    else if (t->contracts)
        put_sum(s, t);
    else
        put_piece(s, i, &e, e.code);
    tg__put(s->sheet, ";\n");
}

void tg__put_terms(struct tg__source *s, uint16_t bound, int stage, uint8_t scope) {
    for (uint32_t k = 0; k < s->nest->terms; k++) {
        const int i = s->order[k];
        const struct tg__term *t = term(s, i);
        if (s->done[i] || !t->used || t->numeral || (t->loops & ~bound)) continue;
        if (stage != TG__NONE && tg__stage_of(s, t) != stage) continue;
        put_variable(s, i, scope);
    }
}

void tg__forget(struct tg__source *s, uint8_t scope) {
    for (uint32_t i = 0; i < s->nest->terms; i++)
        if (s->done[i] >= scope) s->done[i] = 0;
}

int tg__stages(const struct tg__source *s) {
    int most = 0;
    if (!s->blocks) return 0;
    for (uint32_t i = 0; i < s->nest->terms; i++)
        if (tg__stage_of(s, term(s, (int)i)) > most) most = tg__stage_of(s, term(s, (int)i));
    return most;
}

/* What the loop of a stage needs and is not in a buffer: loads, and what is cheap, again. */
void tg__put_stage_terms(struct tg__source *s) {
    for (uint32_t k = 0; k < s->nest->terms; k++) {
        const int i = s->order[k];
        const struct tg__term *t = term(s, i);
        if (s->done[i] || !s->need[i] || t->numeral) continue;
        put_variable(s, i, TG__SCOPE_STRIP);
    }
}
