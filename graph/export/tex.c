/* Formulas in TeX, from the operators' rows: braces protect what they enclose, Σ reaches over a product to its right.
 */
#include "tex.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

static bool is_single(const tg_graph *g, uint32_t id) { return tg__node_of(g, id)->shape->count == 1; }

static struct tg__form form(const struct tg__wording *w, uint32_t node) {
    const struct tg__node *n = tg__node_of(w->graph, node);
    const char *text = n->op->tex, *second = strstr(text, "; ");
    if (n->op->form) return tg__form_of(n, text);
    double v;
    const bool swap = second && tg__is_scalar_const(w->graph, n->in[n->operands - 1], &v) &&
                      !tg__is_scalar_const(w->graph, n->in[0], &v);
    if (swap) text = second + 2;
    return (struct tg__form){text, second && !swap ? second : text + strlen(text)};
}

/* ------------------------------------------------------------------------------------------------------- words */

void tg__put_tex_dims(struct tg__sheet *s, const tg_shape *dims) {
    for (int i = 0; i < dims->rank; i++) tg__putf(s, i ? " \\times %lld" : "%lld", (long long)dims->dim[i]);
    if (dims->rank == 0) tg__put(s, "1");
}

void tg__put_tex_axes(struct tg__sheet *s, int rank, const struct tg__attr *fates) {
    int count = 0;
    for (int i = 0; i < rank; i++) count += fates->axis[i] != TG__STAYS;
    if (count == 0 || (count == rank && count > 1)) {
        tg__put(s, count ? "\\mathrm{all}" : "\\mathrm{none}");
        return;
    }
    tg__put(s, count == 1 ? "\\mathrm{axis}\\," : "\\mathrm{axes}\\,");
    for (int i = 0, k = 0; i < rank; i++)
        if (fates->axis[i] != TG__STAYS) tg__putf(s, k++ ? ", %d" : "%d", i);
}

static void put_order(struct tg__sheet *s, const struct tg__node *n) {
    const int rank = n->shape->dims.rank;
    tg__put(s, "\\top");
    if (rank == 2 && n->attr->axis[0] == 1) return;
    for (int i = 0; i < rank; i++) tg__putf(s, i ? ", %d" : "\\left(%d", n->attr->axis[i]);
    if (rank) tg__put(s, "\\right)");
}

static bool word(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, const char *at, size_t length) {
    const struct tg__node *n = tg__node_of(w->graph, node);
    bool single = false;
    if (tg__is_word("axes", at, length)) {
        tg__put_tex_axes(s, tg__rank_of_fates(w->graph, n), n->attr);
    } else if (tg__is_word("shape", at, length)) {
        tg__put_tex_dims(s, &n->shape->dims);
    } else if (tg__is_word("order", at, length)) {
        put_order(s, n);
    } else if (tg__is_word("times", at, length)) {
        for (int i = 0; i < n->operands; i++) single |= is_single(w->graph, n->in[i]);
        tg__put(s, single ? "\\cdot" : "\\odot");
    } else {
        return tg__put_word(s, w, node, at, length);
    }
    return true;
}

/* -------------------------------------------------------------------------------------------------- how it binds */

static size_t token_at(struct tg__form f, const char *s) {
    size_t n = 1;
    if (*s == '\\' && s + 1 < f.end && !isalpha((unsigned char)s[1])) return 2;
    if (*s == '\\' || isalnum((unsigned char)*s))
        while (s + n < f.end && isalnum((unsigned char)s[n])) n++;
    return n;
}

static bool is_one_of(const char *const *words, const char *s, size_t length) {
    for (; *words; words++)
        if (tg__is_word(*words, s, length)) return true;
    return false;
}

static const char *const products[] = {"times", "\\cdot", "\\odot", NULL};
static const char *const prefixes[] = {"\\sum", "\\max", "\\min", "\\ln", NULL};

static int binding(struct tg__form f) {
    int depth = 0, weakest = TG__CLOSED;
    for (const char *s = f.from; s < f.end; s += token_at(f, s)) {
        const size_t n = token_at(f, s);
        depth += strchr("([{", *s) != NULL;
        depth -= strchr(")]}", *s) != NULL;
        int here = TG__CLOSED;
        if (depth) continue;
        if (strchr("+-=<>", *s))
            here = TG__TERM;
        else if (is_one_of(prefixes, s, n))
            here = TG__PREFIX;
        else if (tg__is_word("\\,", s, n))
            here = TG__MATRIX;
        else if (is_one_of(products, s, n) || tg__is_word("\\frac", s, n))
            here = TG__FACTOR;
        else if (strchr("^_", *s))
            here = TG__POWER;
        if (here < weakest) weakest = here;
    }
    return weakest;
}

static int needed(struct tg__form f, const char *at, int around) {
    const char *before = NULL, *after = at + 1;
    size_t n = 0;
    for (const char *s = f.from; s < at; s += token_at(f, s))
        if (*s != ' ') before = s, n = token_at(f, s);
    while (after < f.end && *after == ' ') after++;
    const bool ends = after >= f.end;
    const size_t m = ends ? 0 : token_at(f, after);
    if (!before && ends) return around;
    if (!ends && *after == '}') return after + 1 < f.end && strchr("^_", after[1]) ? TG__CLOSED : TG__ANY;
    if (before && tg__is_word("\\ln", before, n)) return TG__CLOSED;
    if ((before && tg__is_word("\\,", before, n)) || (!ends && tg__is_word("\\,", after, m))) return TG__POWER;
    if (!ends && is_one_of(products, after, m)) return TG__FACTOR;
    if (before && is_one_of(products, before, n)) return !ends || around >= TG__FACTOR ? TG__FACTOR : TG__PREFIX;
    if (before && *before == '}') return TG__FACTOR; /* Σ_{axes} x */
    if (before && *before == '-') return TG__PREFIX;
    return TG__TERM;
}

/* ---------------------------------------------------------------------------------------------------- operands */

void tg__put_tex_number(struct tg__sheet *s, tg_dtype dtype, double v, int tight) {
    const struct tg__number number = tg__number(dtype, v, 6);
    const char *e = strchr(number.text, 'e');
    const int digits = e ? (int)(e - number.text) : 0;
    int binds = number.binding;
    if (e && v > 0) binds = digits == 1 && number.text[0] == '1' ? TG__POWER : TG__FACTOR;
    if (binds < tight) tg__put(s, tg__tex.open);
    if (!isfinite(v))
        tg__put(s, isnan(v) ? "\\mathrm{nan}" : v > 0 ? "\\infty" : "-\\infty");
    else if (number.denominator > 0)
        tg__putf(s, "\\frac{1}{%.0f}", number.denominator);
    else if (e && binds != TG__POWER)
        tg__putf(s, "%.*s \\cdot {10}^{%ld}", digits, number.text, strtol(e + 1, NULL, 10));
    else if (e)
        tg__putf(s, "{10}^{%ld}", strtol(e + 1, NULL, 10));
    else
        tg__put(s, number.text);
    if (binds < tight) tg__put(s, tg__tex.close);
}

/* The upstream of a derivative is called what the node that sends it on calls it: in its own sweep, if it has a name
 * there, or as the user calls it. Where that node is nameless, the name belongs to the gradient of another: 0. */
static uint32_t upstream_name(const struct tg__wording *w, uint32_t first) {
    const tg_graph *g = w->graph;
    uint32_t found = 0;
    for (uint32_t r = first; r; r = tg__name_next(g, r)) {
        if (tg__name_of(g, r) != w->top) continue;
        if (w->sweep && r >= w->sweep->first_name && r < w->sweep->last_name) return r;
        if (!found) found = r;
    }
    return found || !tg__fact_of(g, w->top)->name ? found : first;
}

/* The upstream is never written out, for what it was made of belongs to another moment. */
static bool operand(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, uint32_t id, int tight,
                    bool deep) {
    (void)node;
    double v;
    uint32_t row = tg__name_for(w->graph, id, w->top);
    if (id == w->upstream) row = upstream_name(w, tg__fact_of(w->graph, id)->name);
    if (!row && tg__is_scalar_const(w->graph, id, &v))
        tg__put_tex_number(s, (tg_dtype)tg__node_of(w->graph, id)->dtype, v, tight);
    else if (row || deep || id == w->upstream || tg__is_leaf(tg__node_of(w->graph, id)) ||
             (w->user && tg__has_line(w->user, id)))
        tg__put_tex_name(s, w, id, row);
    else
        return false;
    return true;
}

void tg__put_tex_operand(struct tg__sheet *s, const struct tg__wording *w, uint32_t id) {
    operand(s, w, w->top, id, TG__CLOSED, true);
}

const struct tg__dialect tg__tex = {form, operand, word, binding, needed, "\\left(", "\\right)"};
