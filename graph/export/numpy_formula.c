/* Formulas in NumPy, from the operators' rows. Numbers are exact, and nothing is reassociated. */
#include "numpy.h"

#include <math.h>

static const char *dtype_name(tg_dtype dtype) {
    return dtype == TG_F32 ? "np.float32" : dtype == TG_F64 ? "np.float64" : "np.int32";
}

static void put_tuple(struct tg__sheet *s, int count, const int64_t *item) {
    tg__put(s, "(");
    for (int i = 0; i < count; i++) tg__putf(s, i ? ", %lld" : "%lld", (long long)item[i]);
    tg__put(s, count == 1 ? ",)" : ")");
}

static int dropped_axes(const struct tg__node *n, int64_t *axis) {
    int count = 0;
    for (int i = 0; i < n->shape->dims.rank; i++)
        if (n->attr->axis[i] == TG__DROPPED) axis[count++] = i;
    return count;
}

static struct tg__form form(const struct tg__wording *w, uint32_t node) {
    const struct tg__node *n = tg__node_of(w->graph, node);
    return tg__form_of(n, n->op->numpy);
}

/* A number of the node's dtype: beside a bare one, a scalar of f32 would become f64. */
static bool put_literal(struct tg__sheet *s, const struct tg__node *n, const char *at, size_t length) {
    static const struct { const char *word, *number; } literals[] = {{"zero", "0"}, {"half", "0.5"}, {"one", "1"}};
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        if (!tg__is_word(literals[i].word, at, length)) continue;
        tg__putf(s, n->dtype == TG_F32 ? "np.float32(%s)" : "%s", literals[i].number);
        return true;
    }
    return false;
}

/* Of a window over pictures: where its taps look, as a slice, a margin, or a matrix of which tap sees which element. */
static bool put_window_word(struct tg__sheet *s, const struct tg__node *n, const char *at, size_t length) {
    const struct tg__attr *a = n->attr;
    const bool across = tg__is_word("across", at, length);
    int64_t span[2], taps[6] = {0};
    if (!a) return false;
    for (int i = 0; i < 2; i++) {
        span[i] = (a->size[i] - 1) * a->step[2 + i] + 1;
        taps[2 + i] = a->size[i];
    }
    if (tg__is_word("margin", at, length)) {
        tg__putf(s, "((0, 0), (0, 0), (%lld, %lld), (%lld, %lld))", (long long)a->first[0], (long long)a->first[0],
                 (long long)a->first[1], (long long)a->first[1]);
    } else if (tg__is_word("outside", at, length)) {
        tg__put(s, a->number ? a->number > 0 ? "np.inf" : "-np.inf" : "0");
    } else if (tg__is_word("span", at, length)) {
        put_tuple(s, 2, span);
    } else if (tg__is_word("every", at, length)) {
        tg__putf(s, "[:, :, ::%lld, ::%lld, ::%lld, ::%lld]", (long long)a->step[0], (long long)a->step[1],
                 (long long)a->step[2], (long long)a->step[3]);
    } else if (tg__is_word("taps", at, length)) {
        taps[0] = n->shape->dims.dim[0], taps[1] = n->shape->dims.dim[1];
        for (int i = 0; i < 2; i++) taps[4 + i] = (a->size[2 + i] + 2 * a->first[i] - span[i]) / a->step[i] + 1;
        put_tuple(s, 6, taps);
    } else if (across || tg__is_word("down", at, length)) {
        const int64_t count = (a->size[2 + across] + 2 * a->first[across] - span[across]) / a->step[across] + 1;
        tg__putf(s, "(np.arange(%lld)[:, None, None]*%lld + np.arange(%lld)[:, None]*%lld - %lld == np.arange(%lld))",
                 (long long)a->size[across], (long long)a->step[2 + across], (long long)count,
                 (long long)a->step[across], (long long)a->first[across], (long long)a->size[2 + across]);
    } else {
        return false;
    }
    return true;
}

static bool word(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, const char *at, size_t length) {
    const struct tg__node *n = tg__node_of(w->graph, node);
    int64_t axis[TG_MAX_RANK];
    if (tg__is_word("shape", at, length)) {
        put_tuple(s, n->shape->dims.rank, n->shape->dims.dim);
    } else if (tg__is_word("dtype", at, length)) {
        tg__put(s, dtype_name((tg_dtype)n->dtype));
    } else if (tg__is_word("order", at, length)) {
        for (int i = 0; i < n->shape->dims.rank; i++) axis[i] = n->attr->axis[i];
        put_tuple(s, n->shape->dims.rank, axis);
    } else if (put_literal(s, n, at, length)) {
        return true;
    } else if (tg__is_word("T", at, length)) {
        tg__put(s, n->shape->dims.rank > 2 ? "swapaxes(-1, -2)" : "T");
    } else if (tg__is_word("dropped", at, length)) {
        put_tuple(s, dropped_axes(n, axis), axis);
    } else {
        return put_window_word(s, n, at, length) || tg__put_numpy_pad(s, w->graph, n, at, length) ||
               tg__put_word(s, w, node, at, length);
    }
    return true;
}

/* As plain text, but that nothing may be reassociated: a*(b*c) is not (a*b)*c to the last bit. */
static int needed(struct tg__form f, const char *at, int around) {
    const struct tg__sides by = tg__sides(f, at);
    if (!by.left && !by.right) return around;
    if (by.left == '*' || by.left == '/' || by.left == '@' || by.right == '[' || by.right == '.') return TG__CLOSED;
    if (by.left == '+' || by.left == '-') return TG__MATRIX;
    if (by.right == '*' || by.right == '/') return TG__FACTOR;
    if (by.right == '@') return TG__MATRIX;
    return by.right == '+' || by.right == '-' ? TG__TERM : TG__ANY;
}

struct tg__number tg__numpy_number(tg_dtype dtype, double v) {
    struct tg__number number = tg__number(dtype, v, 17);
    if (!isfinite(v)) {
        strcpy(number.text, isnan(v) ? "np.nan" : v > 0 ? "np.inf" : "-np.inf");
        number.binding = v < 0 ? TG__TERM : TG__CLOSED;
    } else if (dtype != TG_I32 && !strpbrk(number.text, ".e/")) {
        strcat(number.text, ".0"); /* where(c, 1, 0) would be integers */
    }
    return number;
}

/* A bare number takes the other operand's type and shape: it must have one, and Python has no f32. */
void tg__put_numpy_number(struct tg__sheet *s, const struct tg__lines *l, const struct tg__node *by, uint32_t id,
                          int tight) {
    double v = 0;
    tg__is_scalar_const(l->part->graph, id, &v);
    const tg_dtype dtype = (tg_dtype)tg__node_of(l->part->graph, id)->dtype;
    const struct tg__number number = tg__numpy_number(dtype, v);
    bool bare = dtype == TG_F64 && by && by->op->code, alone = true;
    for (int i = 0; by && i < by->operands; i++) alone &= tg__is_number(l, by->in[i]);
    bare &= !alone;
    if (!bare)
        tg__putf(s, "%s(%s)", dtype_name(dtype), number.text);
    else
        tg__putf(s, number.binding < tight ? "(%s)" : "%s", number.text);
}

static bool operand(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, uint32_t id, int tight,
                    bool deep) {
    const struct tg__lines *l = w->user;
    (void)deep; /* no line is nested that deep */
    if (tg__is_number(l, id))
        tg__put_numpy_number(s, l, tg__node_of(w->graph, node), id, tight);
    else if (tg__has_line(l, id))
        tg__put(s, tg__word_for(l, id, w->top));
    else
        return false;
    return true;
}

const struct tg__dialect tg__numpy_dialect = {form, operand, word, tg__binding, needed, "(", ")"};

void tg__put_numpy_array(struct tg__sheet *s, tg_node a) {
    const struct tg__node *n = tg__get(a);
    tg__put(s, "np.array([");
    for (size_t i = 0; i < n->shape->count; i++) {
        tg__put(s, i == 0 ? "" : i % 8 ? ", " : ",\n        ");
        tg__put(s, tg__numpy_number((tg_dtype)n->dtype, tg_item(a, i)).text);
    }
    tg__putf(s, "], %s)", dtype_name((tg_dtype)n->dtype));
    if (n->shape->dims.rank == 1) return;
    tg__put(s, ".reshape(");
    put_tuple(s, n->shape->dims.rank, n->shape->dims.dim);
    tg__put(s, ")");
}
