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
    if (kept) tg__put(s, ", keepdims=True");
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
    } else if (tg__is_word("number", word, length)) {
        tg__putf(s, "%lld", (long long)n->attr->number);
    } else {
        return false;
    }
    return true;
}
