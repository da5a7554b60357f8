/* What is written in the picture, short enough to be read, and how much room it needs. */
#include "draw.h"

#include <math.h>

enum { NAME_SIZE = 13, SMALL_SIZE = 10, LABEL_SIZE = 11, SYMBOL_SIZE = 15, NAME = 28, FORMULA = 40 };

/* --------------------------------------------------------------------------------------------------------- width */

/* In hundredths of the size of the font, of most fonts. */
static int advance(const char *s, size_t length) {
    if (length >= 3) return (unsigned char)s[0] >= 0xe3 ? 100 : 75;
    if (length == 2) return 66;
    if (strchr("iljtf.,:;'|!()[]/ ", *s)) return 36;
    if (strchr("mwMW@%", *s)) return 92;
    return *s >= 'A' && *s <= 'Z' ? 72 : 63;
}

int tg__text_width(const char *text, int size) {
    int width = 0;
    for (size_t n; *text; text += n) {
        n = tg__printable(text);
        if (n == 0) n = 1;
        width += advance(text, n);
    }
    return (width * size + 99) / 100;
}

/* ---------------------------------------------------------------------------------------------------------- text */

/* The last part of a name, cut to what fits. */
static const char *short_name(const char *full, char *text, size_t room) {
    const char *slash = strrchr(full, '/');
    return tg__clean(slash && slash[1] ? slash + 1 : full, text, room);
}

bool tg__is_pill(const struct tg__circuit *c, uint32_t node) {
    const struct tg__fact *fact = tg__fact_of(c->graph, node);
    const bool operand = tg__site_of(c->graph, fact->site)->stage == 0 && fact->name && !c->region[node];
    return operand || tg__is_leaf(tg__node_of(c->graph, node));
}

static bool number_of(const struct tg__circuit *c, uint32_t node, int slot, char *text) {
    const uint32_t x = tg__node_of(c->graph, node)->in[slot];
    double v;
    if (tg__fact_of(c->graph, x)->name || !tg__is_scalar_const(c->graph, x, &v)) return false;
    tg_formula(tg__handle(c->graph, x), text, 24);
    return true;
}

/* The operator, and the numbers that it takes: before it where they are the first operand, behind it otherwise. */
const char *tg__caption_gate(const struct tg__circuit *c, uint32_t node, char *text) {
    const struct tg__node *n = tg__node_of(c->graph, node);
    char number[24];
    size_t used = 0;
    if (number_of(c, node, 0, number)) used = (size_t)snprintf(text, TG__CAPTION, "%s ", number);
    used += (size_t)snprintf(text + used, TG__CAPTION - used, "%s", n->op->symbol ? n->op->symbol : n->op->name);
    for (int i = 1; i < n->operands; i++)
        if (number_of(c, node, i, number)) used += (size_t)snprintf(text + used, TG__CAPTION - used, " %s", number);
    return text;
}

/* With the scopes around it, for what is said of the whole picture. */
const char *tg__caption_whole(const struct tg__circuit *c, uint32_t node, char *text) {
    const tg_node a = tg__handle(c->graph, node);
    return tg_name(a)[0] ? tg__clean(tg_name(a), text, TG__CAPTION) : tg__caption_leaf(c, node, text);
}

const char *tg__caption_leaf(const struct tg__circuit *c, uint32_t node, char *text) {
    double v;
    const tg_node a = tg__handle(c->graph, node);
    if (tg_name(a)[0]) return short_name(tg_name(a), text, NAME);
    if (tg__is_scalar_const(c->graph, node, &v)) return tg_formula(a, text, NAME), text;
    snprintf(text, TG__CAPTION, "#%u", node);
    return text;
}

const char *tg__caption_shape(const struct tg__circuit *c, uint32_t node, char *text) {
    return tg__shape_text(&tg__node_of(c->graph, node)->shape->dims, text, TG__CAPTION);
}

/* 1.68e3 for 1.68e+03, and a minus that is as wide as a plus. */
static const char *number_text(double v, int digits, char *text) {
    char plain[32];
    size_t used = 0;
    snprintf(plain, sizeof plain, "%.*g", digits, v == 0 ? 0 : v);
    const char *e = strchr(plain, 'e');
    for (const char *s = plain; *s; s++) {
        if (*s == '-') memcpy(text + used, "−", strlen("−")), used += strlen("−");
        if (*s == '-' || (e && s > e && (*s == '+' || (*s == '0' && s == e + 2)))) continue;
        text[used++] = *s;
    }
    text[used] = 0;
    return text;
}

static const char *range(tg_node a, char *text) {
    struct tg__summary s;
    char low[48], high[48];
    if (!tg__summarize(a, &s))
        strcpy(text, "–"); /* not run: never a 0 */
    else if (s.count == 0)
        strcpy(text, "empty");
    else if (s.count == 1)
        number_text(tg_item(a, 0), 4, text);
    else if (s.nonfinite)
        snprintf(text, TG__CAPTION, "%zu not finite", s.nonfinite);
    else if (s.min == s.max)
        number_text(s.min, 4, text);
    else
        snprintf(text, TG__CAPTION, "%s … %s", number_text(s.min, 3, low), number_text(s.max, 3, high));
    return text;
}

const char *tg__caption_value(const struct tg__circuit *c, uint32_t node, char *text) {
    return c->options.bare ? strcpy(text, "") : range(tg__handle(c->graph, node), text);
}

const char *tg__caption_gradient(const struct tg__circuit *c, uint32_t node, char *text) {
    const struct tg__sweep *s = tg__sweep_get(c->sweep);
    const struct tg__adjoint *a = s && !c->options.bare ? tg__adjoint_of(s, node) : NULL;
    return a && a->node ? range(tg__handle(c->graph, a->node), text) : strcpy(text, "");
}

/* -------------------------------------------------------------------------------------------------------- clusters */

int tg__caption_step(const struct tg__circuit *c, uint32_t cluster) {
    const struct tg__cluster *k = tg__cluster_at(c, cluster);
    return k->sort == TG__STAGE ? tg__place(c->graph, k->key).stage : 0;
}

uint32_t tg__stage_node(const struct tg__circuit *c, uint32_t cluster) {
    const struct tg__cluster *k = tg__cluster_at(c, cluster);
    const struct tg__site *site = k->sort == TG__STAGE ? tg__site_of(c->graph, k->key) : NULL;
    if (!site || !site->name || c->region[k->first_node]) return 0;
    return tg__name_owner(c->graph, site->name);
}

static int first_step(const struct tg__circuit *c, uint32_t node) {
    return tg__place(c->graph, tg__fact_of(c->graph, node)->site).stage;
}

static void group_title(const struct tg__circuit *c, const struct tg__cluster *k, char *text) {
    const int first = first_step(c, k->first_node), last = first_step(c, k->last_node);
    const bool stages = tg__cluster_at(c, k->parent)->sort != TG__STAGE;
    if (stages && first > 0 && last > first)
        snprintf(text, TG__CAPTION, "steps %d–%d", first, last);
    else
        snprintf(text, TG__CAPTION, "#%u–#%u", k->first_node, k->last_node);
}

const char *tg__caption_title(const struct tg__circuit *c, uint32_t cluster, char *text) {
    const struct tg__cluster *k = tg__cluster_at(c, cluster);
    char name[TG__CAPTION];
    text[0] = 0;
    if (k->sort == TG__GROUP) {
        group_title(c, k, text);
    } else if (k->sort == TG__SWEEP) {
        const struct tg__sweep *s = tg__row(&c->graph->sweeps, k->key);
        snprintf(text, TG__CAPTION, "backward of %.*s", NAME, tg__caption_leaf(c, s->out, name));
    } else if (k->sort == TG__SCOPE) { /* without the scopes around it */
        const char *full = tg__scope_of(c->graph, k->key)->prefix;
        const uint32_t outer = tg__scope_of(c->graph, k->key)->parent;
        tg__clean(full + strlen(tg__scope_of(c->graph, outer)->prefix), text, NAME);
    } else if (k->sort == TG__STAGE) {
        const bool back = c->region[k->first_node] != 0;
        short_name(tg__place(c->graph, k->key).name, name, NAME);
        snprintf(text, TG__CAPTION, "%s%.*s", back ? "back through " : "", NAME, name);
    }
    return text;
}

/* Inside a scope's box its name need not be said again. */
static void drop(char *text, const char *prefix) {
    const size_t n = strlen(prefix);
    char *to = text;
    for (const char *s = text; *s;) {
        if (n && strncmp(s, prefix, n) == 0)
            s += n;
        else
            *to++ = *s++;
    }
    *to = 0;
}

/* Of a stage, its formula; of what can be folded, how much there is in it. */
const char *tg__caption_formula(const struct tg__circuit *c, uint32_t cluster, char *text) {
    char formula[TG__CAPTION], prefix[TG__CAPTION];
    const struct tg__cluster *k = tg__cluster_at(c, cluster);
    const uint32_t node = tg__stage_node(c, cluster);
    text[0] = 0;
    if (k->sort != TG__STAGE) snprintf(text, TG__CAPTION, "%u operator%s", k->gates, k->gates == 1 ? "" : "s");
    if (!node) return text;
    const size_t length = tg_formula(tg__handle(c->graph, node), formula, sizeof formula);
    drop(formula, tg__clean(tg__place(c->graph, k->key).scope, prefix, sizeof prefix));
    if (length >= sizeof formula) strcpy(formula + sizeof formula - 8, "...");
    return tg__clean(formula, text, FORMULA);
}

/* --------------------------------------------------------------------------------------------------------- room */

static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

static void measure_item(struct tg__circuit *c, struct tg__item *item) {
    enum { ROUND = 22, PAD = 24, AIR = 14 };
    char text[TG__CAPTION];
    const bool port = item->kind == TG__IN || item->kind == TG__OUT;
    if (port) item->height = TG__PORT_HEIGHT;
    if (port || item->kind == TG__BOX) return;
    item->height = TG__GATE_HEIGHT;
    if (tg__is_pill(c, item->ref)) {
        const int32_t name = tg__text_width(tg__caption_leaf(c, item->ref, text), NAME_SIZE);
        item->body = larger(name, tg__text_width(tg__caption_shape(c, item->ref, text), SMALL_SIZE)) + PAD;
    } else {
        const int32_t symbol = tg__text_width(tg__caption_gate(c, item->ref, text), SYMBOL_SIZE);
        item->body = symbol <= ROUND ? TG__GATE_HEIGHT : symbol + PAD;
    }
    const int32_t value = tg__text_width(tg__caption_value(c, item->ref, text), LABEL_SIZE);
    const int32_t gradient = tg__text_width(tg__caption_gradient(c, item->ref, text), LABEL_SIZE);
    item->width = item->body + (value || gradient ? larger(value, gradient) + AIR : 0);
}

static void measure_cluster(struct tg__circuit *c, uint32_t id) {
    enum { PAD = 26, AIR = 8, SIGN = 18 };
    struct tg__cluster *k = tg__cluster_at(c, id);
    char text[TG__CAPTION];
    if (k->sort == TG__ROOT) return;
    int32_t title = tg__text_width(tg__caption_title(c, id, text), NAME_SIZE);
    if (tg__caption_step(c, id)) {
        snprintf(text, sizeof text, "%d", tg__caption_step(c, id));
        title += tg__text_width(text, NAME_SIZE) + AIR;
    }
    if (tg__stage_node(c, id))
        title += tg__text_width(tg__caption_shape(c, tg__stage_node(c, id), text), SMALL_SIZE) + AIR;
    if (k->sort != TG__STAGE) title += SIGN + AIR;
    k->least = larger(title, tg__text_width(tg__caption_formula(c, id, text), LABEL_SIZE)) + PAD;
}

void tg__measure(struct tg__circuit *c) {
    for (uint32_t i = 0; i < c->items.length; i++) measure_item(c, tg__item_at(c, i));
    for (uint32_t id = 0; id < c->clusters.length; id++) measure_cluster(c, id);
}
