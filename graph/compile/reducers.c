/* The functions that join sums, once for each kind of reduction and type. The order is that of reduce.h. */
#include "source.h"

static const char pair[] = "INLINE_ T @_(T a, T b) { return COMBINE; }\n";

static const char four[] =
    "INLINE_ T @_4_(const T *t, size_t rows) {\n"
    "    return rows == 4 ? @_(@_(t[0], t[1]), @_(t[2], t[3])) : t[0];\n"
    "}\n";

static const char rows[] =
    "INLINE_ void @_rows_(T *restrict older, const T *restrict newer, size_t n) {\n"
    "    SIMD_\n"
    "    for (size_t j = 0; j < n; j++) older[j] = @_(older[j], newer[j]);\n"
    "}\n";

static const char few[] =
    "/* One row of lanes, which fold: all in registers. */\n"
    "INLINE_ T @_few_(const T *t, size_t n) {\n"
    "    T lane[16];\n"
    "    UNROLL_16_\n"
    "    for (size_t j = 0; j < 16; j++) lane[j] = j < n ? t[j] : NEUTRAL;\n"
    "    UNROLL_16_\n"
    "    for (size_t j = 0; j < 8; j++) lane[j] = @_(lane[j], lane[j + 8]);\n"
    "    UNROLL_16_\n"
    "    for (size_t j = 0; j < 4; j++) lane[j] = @_(lane[j], lane[j + 4]);\n"
    "    return @_(@_(lane[0], lane[2]), @_(lane[1], lane[3]));\n"
    "}\n";

static const char few_first[] =
    "/* All in registers; where 0 and -0 are equal, the first of them. */\n"
    "INLINE_ T @_few_(const T *t, size_t n) {\n"
    "    T m = t[0];\n"
    "    UNROLL_16_\n"
    "    for (size_t j = 1; j < n; j++) m = @_(m, t[j]);\n"
    "    return m;\n"
    "}\n";

static const char top[] =
    "/* Trees of 256 numbers meet like the digits of a binary counter: where the next one begins, among those that wait; and\n"
    " * once it is there, it joins those of its size. */\n"
    "INLINE_ T *@_top_(T *s, size_t units) {\n"
    "    for (size_t k = units; k; k >>= 1) s += k & 1 ? 16 : 0;\n"
    "    return s;\n"
    "}\n";

static const char carry[] =
    "INLINE_ void @_carry_(T *top, size_t units) {\n"
    "    for (; units & 1; units >>= 1, top -= 16)\n"
    "        for (size_t j = 0; j < 16; j++) top[j - 16] = @_(top[j - 16], top[j]);\n"
    "}\n";

static const char unit[] =
    "/* 256 numbers are 16 rows of 16 lanes, one tree. */\n"
    "INLINE_ void @_unit_(T *s, size_t units, const T *t) {\n"
    "    T *top = @_top_(s, units);\n"
    "    for (size_t j = 0; j < 16; j++) {\n"
    "        T half[4];\n"
    "        UNROLL_\n"
    "        for (size_t q = 0; q < 4; q++) {\n"
    "            const T *r = t + 64 * q + j;\n"
    "            half[q] = @_(@_(r[0], r[16]), @_(r[32], r[48]));\n"
    "        }\n"
    "        top[j] = @_(@_(half[0], half[1]), @_(half[2], half[3]));\n"
    "    }\n"
    "    @_carry_(top, units);\n"
    "}\n";

static const char half[] =
    "/* Of 256 numbers that are in pairs already. */\n"
    "INLINE_ void @_half_(T *s, size_t units, const T *t) {\n"
    "    T *top = @_top_(s, units);\n"
    "    for (size_t j = 0; j < 16; j++) {\n"
    "        const T *r = t + j;\n"
    "        top[j] = @_(@_(@_(r[0], r[16]), @_(r[32], r[48])), @_(@_(r[64], r[80]), @_(r[96], r[112])));\n"
    "    }\n"
    "    @_carry_(top, units);\n"
    "}\n";

static const char part[] =
    "/* n numbers, at most 256: rows of lanes, of which the second half joins the first, again and again. */\n"
    "INLINE_ void @_part_(T *s, size_t units, const T *x, size_t n) {\n"
    "    const size_t rows = n / 16;\n"
    "    size_t half = (rows + 1) / 2;\n"
    "    T y[128], *top = @_top_(s, units);\n"
    "    if (rows == 0)\n"
    "        for (size_t i = 0; i < 16; i++) y[i] = NEUTRAL;\n"
    "    SIMD_\n"
    "    for (size_t i = 0; i < (rows - half) * 16; i++) y[i] = @_(x[i], x[i + half * 16]);\n"
    "    for (size_t i = (rows - half) * 16; i < half * 16; i++) y[i] = x[i];\n"
    "    for (size_t k = half; k > 1; k = half) {\n"
    "        half = (k + 1) / 2;\n"
    "        SIMD_\n"
    "        for (size_t i = 0; i < (k - half) * 16; i++) y[i] = @_(y[i], y[i + half * 16]);\n"
    "    }\n"
    "    for (size_t i = 0; i < n % 16; i++) y[i] = @_(y[i], x[rows * 16 + i]);\n"
    "    for (size_t i = 0; i < 16; i++) top[i] = y[i];\n"
    "    @_carry_(top, units);\n"
    "}\n";

static const char part_first[] =
    "INLINE_ T @_part_(T s, size_t units, const T *x, size_t n) { return units ? @_(s, @_over_(x, n)) : @_over_(x, n); }\n";

static const char total[] =
    "/* With the last n of them, filled up; at the end the lanes fold. */\n"
    "INLINE_ T @_total_(T *s, size_t units, T *t, size_t n) {\n"
    "    const size_t rows = (n + 15) / 16 < FULL ? (n + 15) / 16 : 16;\n"
    "    for (size_t i = n; i < rows * 16; i++) t[i] = NEUTRAL;\n"
    "    if (rows == 16) @_unit_(s, units++, t);\n"
    "    T *top = @_top_(s, units);\n"
    "    for (size_t r = 0; rows < 16 && r < rows; r++) {\n"
    "        for (size_t j = 0; j < 16; j++) top[j] = t[16 * r + j];\n"
    "        for (size_t k = r; k & 1; k >>= 1, top -= 16)\n"
    "            for (size_t j = 0; j < 16; j++) top[j - 16] = @_(top[j - 16], top[j]);\n"
    "        top += 16;\n"
    "    }\n"
    "    for (top -= 16; top > s; top -= 16)\n"
    "        for (size_t j = 0; j < 16; j++) top[j - 16] = @_(top[j - 16], top[j]);\n"
    "    for (size_t half = 8; half > 0; half /= 2)\n"
    "        for (size_t j = 0; j < half; j++) s[j] = @_(s[j], s[j + half]);\n"
    "    return s[0];\n"
    "}\n";

static const char fold[] =
    "INLINE_ T @_fold_(const T *x, size_t n) {\n"
    "    T s[16 * 40], t[256];\n"
    "    size_t units = 0;\n"
    "    for (; n >= 256; n -= 256, x += 256) @_unit_(s, units++, x);\n"
    "    memcpy(t, x, n * sizeof *t);\n"
    "    return @_total_(s, units, t, n);\n"
    "}\n";

static const char over[] =
    "/* Of all n; where 0 and -0 are equal, the first of them. */\n"
    "INLINE_ T @_over_(const T *t, size_t n) {\n"
    "    T lane[64], m = t[0];\n"
    "    size_t i = 1;\n"
    "    if (n >= 128) {\n"
    "        for (size_t j = 0; j < 64; j++) lane[j] = t[j];\n"
    "        for (i = 64; i + 64 <= n; i += 64)\n"
    "            for (size_t j = 0; j < 64; j++) lane[j] = @_(lane[j], t[i + j]);\n"
    "        for (size_t j = 0; j < n - i; j++) lane[j] = @_(lane[j], t[i + j]);\n"
    "        for (size_t j = 0; j < 32; j++) lane[j] = @_(lane[j], lane[j + 32]);\n"
    "        for (size_t j = 0; j < 16; j++) lane[j] = @_(lane[j], lane[j + 16]);\n"
    "        for (size_t j = 0; j < 8; j++) lane[j] = @_(lane[j], lane[j + 8]);\n"
    "        for (size_t j = 0; j < 8; j++) m = @_(m, lane[j]);\n"
    "        i = n;\n"
    "    }\n"
    "    for (; i < n; i++) m = @_(m, t[i]);\n"
    "    for (i = 0; m == 0 && i < n; i++)\n"
    "        if (t[i] == 0) return t[i];\n"
    "    return m;\n"
    "}\n";

static const char unit_first[] =
    "INLINE_ T @_unit_(T s, size_t units, const T *t) { return units ? @_(s, @_over_(t, 256)) : @_over_(t, 256); }\n";

static const char total_first[] =
    "INLINE_ T @_total_(T s, size_t units, const T *t, size_t n) {\n"
    "    return n == 0 ? s : units ? @_(s, @_over_(t, n)) : @_over_(t, n);\n"
    "}\n";

static const char fold_first[] = "INLINE_ T @_fold_(const T *x, size_t n) { return @_over_(x, n); }\n";

/* Rows of lanes from which on a whole unit is quicker. */
int tg__full_rows(const struct tg__source *s) { return s->f->mode == TG_FAST ? 6 : 16; }

static void put_text(struct tg__source *s, const char *text, const struct tg__emit *e) {
    const struct tg__node *n = e->node;
    for (const char *at = text; *at;) {
        const size_t length = tg__word(at);
        if (length == 1 && *at == 'T')
            tg__put(s->sheet, tg__c_type((tg_dtype)n->dtype));
        else if (length == 7 && strncmp(at, "COMBINE", 7) == 0)
            tg__put(s->sheet, e->combine);
        else if (length == 7 && strncmp(at, "NEUTRAL", 7) == 0)
            tg__put(s->sheet, e->neutral);
        else if (length == 4 && strncmp(at, "FULL", 4) == 0)
            tg__putf(s->sheet, "%d", tg__full_rows(s));
        else if (*at == '@')
            tg__putf(s->sheet, "%s_%s_%s", s->name, n->op->name, tg__dtype_name((tg_dtype)n->dtype));
        else
            tg__put_n(s->sheet, at, length ? length : 1);
        at += length ? length : 1;
    }
}

static bool is_like(const struct tg__fused *f, uint32_t x, uint32_t y) {
    const struct tg__node *a = tg__node_of(f->g, x), *b = tg__node_of(f->g, y);
    return f->item[x].kind == TG__REDUCTION && f->item[y].kind == TG__REDUCTION && a->op == b->op && a->dtype == b->dtype;
}

enum { KINDS = 16 };

/* seen: one node of each kind of reduction and type so far. */
static bool is_new(const struct tg__fused *f, uint32_t id, uint32_t seen[KINDS], int *count) {
    if (f->item[id].kind != TG__REDUCTION || *count == KINDS) return false;
    for (int i = 0; i < *count; i++)
        if (is_like(f, seen[i], id)) return false;
    seen[(*count)++] = id;
    return true;
}

/* Each calls what is above it. */
static const struct piece {
    const char *call, *text, *first; /* first: the text where of equals the first is taken */
    size_t numbers;                  /* that its arrays hold, in either text at most */
} pieces[] = {{"@_(", pair, pair, 0},
              {"@_4_(", four, four, 0},
              {"@_rows_(", rows, rows, 0},
              {"@_few_(", few, few_first, 16},
              {"@_over_(", "", over, 64},
              {"@_top_(", top, "", 0},
              {"@_carry_(", carry, "", 0},
              {"@_unit_(", unit, unit_first, 4},
              {"@_half_(", half, "", 0},
              {"@_part_(", part, part_first, 128},
              {"@_total_(", total, total_first, 0},
              {"@_fold_(", fold, fold_first, 16 * 40 + 256}};
enum { PIECES = sizeof pieces / sizeof *pieces };

static const char *text_of(const struct piece *p, const struct tg__emit *e) { return e->first ? p->first : p->text; }

static bool calls(const struct tg__source *s, const char *text, const struct piece *p, const struct tg__emit *e) {
    char name[200];
    const struct tg__node *n = e->node;
    snprintf(name, sizeof name, "%s_%s_%s%s", s->name, n->op->name, tg__dtype_name((tg_dtype)n->dtype), p->call + 1);
    return strstr(text, name) != NULL;
}

static void put_pieces(struct tg__source *s, const struct tg__emit *e, const char *text) {
    bool needed[PIECES];
    for (int i = PIECES - 1; i >= 0; i--) {
        needed[i] = !text || calls(s, text, &pieces[i], e);
        for (int k = i + 1; k < PIECES; k++) needed[i] |= needed[k] && strstr(text_of(&pieces[k], e), pieces[i].call);
    }
    for (int i = 0; i < PIECES; i++) {
        if (needed[i]) put_text(s, text_of(&pieces[i], e), e);
        if (needed[i]) s->joining += pieces[i].numbers * tg__item_size((tg_dtype)e->node->dtype);
    }
    tg__put(s->sheet, "\n");
}

void tg__put_reducers(struct tg__source *s, const char *text) {
    struct tg__emit e;
    uint32_t seen[KINDS];
    int count = 0;
    for (uint32_t id = 1; id <= s->f->last; id++) {
        if (!is_new(s->f, id, seen, &count)) continue;
        tg__kernel(s->f->g, id, &e);
        put_pieces(s, &e, text);
    }
}
