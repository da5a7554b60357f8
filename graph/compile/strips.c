/* The innermost loop where functions of the library stand in its way: those take whole blocks, so the loop is cut into
 * one for each stage, and what goes from one to the next waits in a buffer. */
#include "source.h"

static const struct tg__term *term(const struct tg__source *s, int i) { return tg__term_of(s->f, s->nest, i); }

bool tg__is_call(const struct tg__source *s, const struct tg__term *t) {
    return s->blocks && !t->array && !t->numeral && tg__takes_blocks(s->f, t->node);
}

bool tg__varies(const struct tg__source *s, const struct tg__term *t) {
    return s->nest->loops > 0 && t->loops >> (s->nest->loops - 1) & 1;
}

enum { CHEAP = 4 }; /* what is computed again rather than kept in a buffer */

static bool is_buffered(const struct tg__source *s, int i) {
    const struct tg__term *t = term(s, i);
    if (!tg__varies(s, t) || t->numeral) return false;
    if (tg__is_call(s, t)) return true;
    const bool cheap = t->array || tg__item_of(s->f, t->node)->cost <= CHEAP;
    for (uint32_t k = 0; k < s->nest->terms; k++) {
        const struct tg__term *u = term(s, (int)k);
        if (tg__stage_of(s, u) <= tg__stage_of(s, t) || (cheap && !tg__is_call(s, u))) continue;
        for (int slot = 0; slot < TG__OPERANDS; slot++)
            if (u->in[slot] == i) return true;
    }
    return false;
}

static int function(struct tg__source *s, tg_loop *loop) {
    struct tg__functions *f = s->functions;
    int i = 0;
    while (i < f->count && f->loop[i] != loop) i++;
    if (i == TG__MOST_FUNCTIONS) return s->failed = true, 0;
    if (i == f->count) f->loop[f->count++] = loop;
    return i;
}

static void put_pointer(struct tg__source *s, int i, bool block) {
    const struct tg__term *t = term(s, i);
    const char *type = tg__c_type((tg_dtype)tg__node_of(s->f->g, t->node)->dtype);
    if (t->numeral) {
        tg__putf(s->sheet, "&(const %s){", type);
        tg__put_term(s, i);
        tg__put(s->sheet, "}");
    } else if (block && tg__varies(s, t)) {
        tg__put_buffer(s, i);
    } else {
        tg__put(s->sheet, "&");
        tg__put_term(s, i);
    }
}

/* exp(power_b_, {shifted_b_}, {1}, w_), by its number in the table. */
void tg__put_call(struct tg__source *s, int i, uint8_t scope) {
    const bool block = scope == 0;
    const struct tg__term *t = term(s, i);
    const struct tg__node *n = tg__node_of(s->f->g, t->node);
    const int k = function(s, n->op->loop[n->dtype == TG_F64]);
    if (!block) {
        tg__line(s, "%s", "");
        tg__declare_term(s, i, scope);
        tg__put(s->sheet, ";\n");
    }
    tg__line(s, "loop_[%d](%s", k, block ? "" : "&");
    if (block)
        tg__put_buffer(s, i);
    else
        tg__put_term(s, i);
    tg__put(s->sheet, ", (const void *const[]){");
    for (int slot = 0; slot < n->operands; slot++) {
        tg__put(s->sheet, slot ? ", " : "");
        put_pointer(s, t->in[slot], block);
    }
    tg__put(s->sheet, "}, (const size_t[]){");
    for (int slot = 0; slot < n->operands; slot++)
        tg__putf(s->sheet, slot ? ", %d" : "%d", block && tg__varies(s, term(s, t->in[slot])));
    tg__putf(s->sheet, block ? "}, w_); /* %s */\n" : "}, 1); /* %s */\n", n->op->name);
}

/* Those of one stage: first what is called for the block, then what the loop can take from it. */
static void put_calls(struct tg__source *s, int stage) {
    for (uint32_t k = 0; k < s->nest->terms; k++) {
        const int i = s->order[k];
        const struct tg__term *t = term(s, i);
        if (tg__is_call(s, t) && tg__varies(s, t) && tg__stage_of(s, t) == stage) tg__put_call(s, i, 0);
    }
}

static bool is_in_buffer(const struct tg__source *s, int i, int stage) {
    const struct tg__term *t = term(s, i);
    if (t->array || !is_buffered(s, i)) return false;
    return tg__is_call(s, t) ? tg__stage_of(s, t) <= stage : tg__stage_of(s, t) < stage;
}

/* What the loop of a stage needs: its roots, what it leaves in buffers, and all that those are made of. */
static void mark_needed(struct tg__source *s, int stage) {
    memset(s->need, 0, s->nest->terms);
    for (int32_t i = s->nest->newest; i != TG__NONE; i = tg__anchor_of(s->f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(s->f, i);
        if (tg__stage_of(s, term(s, a->root)) == stage && !tg__is_elsewhere(s, a)) s->need[a->root] = true;
    }
    for (uint32_t k = s->nest->terms; k > 0;) {
        k--;
        const int i = s->order[k];
        const struct tg__term *t = term(s, i);
        if (!tg__is_call(s, t) && tg__stage_of(s, t) == stage && is_buffered(s, i)) s->need[i] = true;
        s->need[i] = s->need[i] && t->used;
        if (!s->need[i] || s->done[i] || is_in_buffer(s, i, stage)) continue;
        for (int slot = 0; slot < TG__OPERANDS; slot++)
            if (t->in[slot] != TG__NONE) s->need[t->in[slot]] = true;
        for (int axis = 0; axis < tg__node_of(s->f->g, t->node)->shape->dims.rank; axis++)
            if (t->at[axis].label != TG__NONE) s->need[t->at[axis].label] = true;
    }
}

static void put_from_buffers(struct tg__source *s, int stage) {
    for (uint32_t i = 0; i < s->nest->terms; i++) {
        if (!s->need[i] || s->done[i] || !is_in_buffer(s, (int)i, stage)) continue;
        tg__line(s, "const ");
        tg__declare_term(s, (int)i, TG__SCOPE_STRIP);
        tg__put(s->sheet, " = ");
        tg__put_buffer(s, (int)i);
        tg__putf(s->sheet, "[%s];\n", tg__place_in_strip(s));
    }
}

static void put_into_buffers(struct tg__source *s, int stage) {
    for (uint32_t i = 0; i < s->nest->terms; i++) {
        const struct tg__term *t = term(s, (int)i);
        if (tg__is_call(s, t) || tg__stage_of(s, t) != stage || !is_buffered(s, (int)i)) continue;
        tg__line(s, "%s", "");
        tg__put_buffer(s, (int)i);
        tg__putf(s->sheet, "[%s] = ", tg__place_in_strip(s));
        tg__put_term(s, (int)i);
        tg__put(s->sheet, ";\n");
    }
}

static bool is_idle(const struct tg__source *s) {
    for (uint32_t i = 0; i < s->nest->terms; i++)
        if (s->need[i]) return false;
    return true;
}

/* What the loop does for one element; at: its index in the strip. */
static void put_element(struct tg__source *s, int stage, const char *at,
                        void (*put)(struct tg__source *s, int stage)) {
    s->indent++;
    if (tg__is_counted(s, s->loops.count - 1))
        tg__line(s, s->in_labels ? "const int32_t %s = (int32_t)j0_ + %s;\n" : "const size_t %s = j0_ + %s;\n",
                 tg__variable(s->loops.count - 1), at);
    put_from_buffers(s, stage);
    tg__put_stage_terms(s);
    put_into_buffers(s, stage);
    put(s, stage);
    tg__put_unread(s, s->loops.count - 1);
    s->indent--;
    tg__line(s, "}\n");
    tg__forget(s, TG__SCOPE_STRIP);
}

static void put_halves(struct tg__source *s, int stage, void (*put)(struct tg__source *s, int stage)) {
    char second[24];
    snprintf(second, sizeof second, "%d + j_", TG__STRIP / 2);
    tg__line(s, "for (size_t j_ = 0; j_ < %d; j_++) {\n", TG__STRIP / 2);
    s->indent++;
    for (s->half = 1; s->half <= 2; s->half++) {
        tg__line(s, "{\n");
        put_element(s, stage, s->half == 1 ? "j_" : second, put);
    }
    s->half = 1;
    s->indent--;
    tg__line(s, "}\n");
}

static void put_loop(struct tg__source *s, int stage, const char *count, void (*put)(struct tg__source *s, int stage)) {
    if (is_idle(s)) return;
    tg__line(s, "SIMD_\n");
    if (s->half) {
        put_halves(s, stage, put);
        return;
    }
    if (s->in_labels)
        tg__line(s, "for (int32_t j_ = 0; j_ < (int32_t)(%s); j_++) {\n", count);
    else
        tg__line(s, "for (size_t j_ = 0; j_ < %s; j_++) {\n", count);
    put_element(s, stage, "j_", put);
}

static bool has_buffer(const struct tg__source *s, int i) { return is_buffered(s, i) && tg__has_own_buffer(s, i); }

static tg_dtype dtype_of(const struct tg__source *s, int i) {
    return (tg_dtype)tg__node_of(s->f->g, term(s, i)->node)->dtype;
}

static void put_buffers(struct tg__source *s, int64_t length) {
    for (int i = 0; i < (int)s->nest->terms; i++) {
        if (!has_buffer(s, i)) continue;
        tg__line(s, "%s ", tg__c_type(dtype_of(s, i)));
        tg__put_buffer(s, i);
        tg__put_room(s, dtype_of(s, i), length);
        tg__put(s->sheet, ";\n");
    }
}

enum { MOST_BYTES = 48 << 10, SHORTEST = 32 }; /* of all buffers of a nest; numbers in one */

int tg__strip_length(const struct tg__source *s) {
    size_t bytes = 0;
    int length = TG__STRIP;
    for (int i = 0; i < (int)s->nest->terms && tg__stages(s); i++)
        if (has_buffer(s, i)) bytes += tg__item_size(dtype_of(s, i));
    while (length > SHORTEST && bytes * (size_t)length > MOST_BYTES) length /= 2;
    return length;
}

static int64_t shorter(const struct tg__source *s) {
    const int64_t extent = s->loops.extent[s->loops.count - 1];
    return extent < s->strip ? extent : s->strip;
}

void tg__put_strip(struct tg__source *s, uint16_t bound, void (*put)(struct tg__source *s, int stage)) {
    const int stages = tg__stages(s);
    (void)bound;
    put_buffers(s, shorter(s));
    tg__put_pointers(s);
    for (int stage = 0; stage <= stages; stage++) {
        put_calls(s, stage);
        mark_needed(s, stage);
        put_loop(s, stage, "w_", put);
    }
}

int tg__row_loop(const struct tg__source *s) {
    int row = TG__NONE;
    for (int i = 0; i < s->loops.count; i++) {
        if (!(s->loops.members[i] & s->nest->rows)) continue;
        if (row != TG__NONE) return TG__NONE;
        row = i;
    }
    return row;
}

const char *tg__place_in_strip(const struct tg__source *s) { return s->place ? s->place : "j_"; }

void tg__put_block_strip(struct tg__source *s, void (*open)(struct tg__source *s),
                         void (*close)(struct tg__source *s, int stage), void (*put)(struct tg__source *s, int stage)) {
    const int stages = tg__stages(s);
    const long long extent = (long long)s->loops.extent[s->loops.count - 1];
    char place[80], count[32];
    snprintf(place, sizeof place, "(row_ - block_) * %lld + j_", extent);
    snprintf(count, sizeof count, "%lld", extent);
    put_buffers(s, extent * s->block);
    tg__line(s, "const size_t j0_ = 0, w_ = (end_ - block_) * %lld;\n", extent);
    s->place = place;
    tg__put_pointers(s);
    for (int stage = 0; stage <= stages; stage++) {
        put_calls(s, stage);
        open(s);
        mark_needed(s, stage);
        put_loop(s, stage, count, put);
        close(s, stage);
    }
    s->place = NULL;
}
