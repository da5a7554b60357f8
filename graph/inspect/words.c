/* Words in formulas: numbers, and the attributes of a node. */
#include "formula.h"

#include <math.h>
#include <stdlib.h>

static bool same(tg_dtype dtype, double a, double v) { return (dtype == TG_F32 ? (double)(float)a : a) == v; }

struct tg__number tg__number(tg_dtype dtype, double v, int digits) {
    struct tg__number number = {.denominator = 0};
    const double n = v != 0 ? round(1 / v) : 0;
    snprintf(number.text, sizeof number.text, "%.6g", v);
    if (n > 1 && n < 1e9 && same(dtype, 1 / n, v) && !same(dtype, strtod(number.text, NULL), v)) {
        number.denominator = n;
        snprintf(number.text, sizeof number.text, "1/%.0f", n);
    }
    for (int k = 7; k <= digits && number.denominator == 0 && !same(dtype, strtod(number.text, NULL), v); k++)
        snprintf(number.text, sizeof number.text, "%.*g", k, v);
    number.binding = number.denominator > 0 ? TG__FACTOR : number.text[0] == '-' ? TG__TERM : TG__CLOSED;
    return number;
}

int tg__rank_of_fates(const tg_graph *g, const struct tg__node *n) {
    const int x = tg__node_of(g, n->in[0])->shape->dims.rank, z = n->shape->dims.rank;
    return x > z ? x : z;
}

void tg__put_axes(struct tg__sheet *s, const tg_graph *g, const struct tg__node *n) {
    const int rank = tg__rank_of_fates(g, n);
    int count = 0, kept = 0;
    for (int i = 0; i < rank; i++) {
        count += n->attr->axis[i] != TG__STAYS;
        kept += n->attr->axis[i] == TG__KEPT;
    }
    tg__put(s, count == 1 ? "axis=" : "axis=(");
    for (int i = 0, k = 0; i < rank; i++)
        if (n->attr->axis[i] != TG__STAYS) tg__putf(s, k++ ? ", %d" : "%d", i);
    if (count != 1) tg__put(s, ")");
    if (kept && kept == count) tg__put(s, ", keepdims=True"); /* a mixture has a form of its own */
}

/* 1:7:2 for first, step and count of the elements along an axis of length n; what goes to its ends is left out. */
static void put_range(struct tg__sheet *s, int64_t first, int64_t step, int64_t count, int64_t n) {
    const int64_t last = first + (count - 1) * step;
    if (count == 0) {
        tg__put(s, "0:0");
        return;
    }
    if (first != (step > 0 ? 0 : n - 1)) tg__putf(s, "%lld", (long long)first);
    tg__put(s, ":");
    if (step > 0 ? last < n - step : last + step >= 0) tg__putf(s, "%lld", (long long)(last + (step > 0 ? 1 : -1)));
    if (step != 1) tg__putf(s, ":%lld", (long long)step);
}

/* Of the larger side, operand or result, the elements that the smaller one has. Whole last axes go without saying. */
static void put_slices(struct tg__sheet *s, const tg_shape *x, const tg_shape *z, const struct tg__attr *attr) {
    int said = 1;
    for (int i = 0; i < z->rank; i++)
        if (x->dim[i] != z->dim[i] || attr->step[i] < 0) said = i + 1;
    for (int i = 0; i < said && i < z->rank; i++) {
        const bool larger = x->dim[i] > z->dim[i];
        tg__put(s, i ? ", " : "");
        put_range(s, attr->first[i], attr->step[i], larger ? z->dim[i] : x->dim[i], larger ? x->dim[i] : z->dim[i]);
    }
    if (z->rank == 0) tg__put(s, "()");
}

bool tg__is_word(const char *word, const char *at, size_t length) {
    return strlen(word) == length && memcmp(word, at, length) == 0;
}

/* Of a window over pictures: "stride=2, padding=(1, 0)"; what is usual is left out, but for the stride. */
static void put_steps(struct tg__sheet *s, const struct tg__attr *attr) {
    static const char *const names[] = {"stride", "padding", "dilation"};
    const int64_t usual[] = {-1, 0, 1}, *const given[] = {attr->step, attr->first, attr->step + 2};
    for (int i = 0; i < 3; i++) {
        const long long down = (long long)given[i][0], across = (long long)given[i][1];
        if (down == usual[i] && across == usual[i]) continue;
        tg__putf(s, down == across ? "%s%s=%lld" : "%s%s=(%lld, %lld)", i ? ", " : "", names[i], down, across);
    }
}

bool tg__put_word(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, const char *word, size_t length) {
    const struct tg__node *n = tg__node_of(w->graph, node);
    const int rank = n->shape->dims.rank;
    char text[200];
    if (tg__is_word("axes", word, length)) {
        tg__put_axes(s, w->graph, n);
    } else if (tg__is_word("shape", word, length)) {
        tg__put(s, tg__shape_text(&n->shape->dims, text, sizeof text));
    } else if (tg__is_word("dtype", word, length)) {
        tg__put(s, tg__dtype_name((tg_dtype)n->dtype));
    } else if (tg__is_word("order", word, length)) {
        for (int i = 0; i < rank; i++) tg__putf(s, i ? ", %d" : "%d", n->attr->axis[i]);
        if (rank == 0) tg__put(s, "()");
    } else if (tg__is_word("extent", word, length)) {
        tg__putf(s, "%lld, %lld", (long long)n->attr->size[0], (long long)n->attr->size[1]);
    } else if (tg__is_word("steps", word, length)) {
        put_steps(s, n->attr);
    } else if (tg__is_word("slices", word, length)) {
        put_slices(s, &tg__node_of(w->graph, n->in[0])->shape->dims, &n->shape->dims, n->attr);
    } else if (tg__is_word("fill", word, length)) {
        tg__put(s, tg__number((tg_dtype)n->dtype, n->attr->value, 6).text);
    } else if (tg__is_word("elements", word, length)) {
        tg__putf(s, "%zu", n->shape->count);
    } else if (tg__is_word("number", word, length)) {
        tg__putf(s, "%lld", (long long)n->attr->number);
    } else {
        return false;
    }
    return true;
}
