/* Names. One string has one node; one node may have several strings, the first being its own and the rest aliases.
 * On a clash the user's string beats an adjoint's, an adjoint's beats a term's, and the loser gets ".1", ".2" … */
#include "hash.h"

struct tg__label {
    UT_hash_handle hh;
    const char *text;
    uint32_t node, next; /* next: the node's next name */
    uint32_t site;       /* the stage it belongs to: an alias has its own */
    uint32_t displaced;  /* the row that lost this string to us, and has it back when we go */
    uint8_t rank;
};

uint32_t tg__label_size(void) { return sizeof(struct tg__label); }

static struct tg__label *label(const tg_graph *g, uint32_t row) { return tg__row(&g->names, row); }

const char *tg__name_text(const tg_graph *g, uint32_t row) { return label(g, row)->text; }
uint32_t tg__name_next(const tg_graph *g, uint32_t row) { return label(g, row)->next; }
uint32_t tg__name_site(const tg_graph *g, uint32_t row) { return label(g, row)->site; }

static struct tg__label *lookup(const tg_graph *g, const char *text) {
    struct tg__label *e = NULL;
    HASH_FIND(hh, g->by_name, text, strlen(text), e);
    return e;
}

uint32_t tg__name_find(tg_graph *g, const char *full) {
    struct tg__label *e = lookup(g, full);
    return e ? e->node : 0;
}

char *tg__name_room(tg_graph *g, size_t bytes) { return tg__carve(g, &g->strings, bytes); }

static bool hash(tg_graph *g, struct tg__label *e, const char *text) {
    e->text = text;
    HASH_ADD_KEYPTR(hh, g->by_name, text, strlen(text), e);
    return e->hh.tbl != NULL;
}

static void unhash(tg_graph *g, struct tg__label *e) {
    if (!e->hh.tbl) return;
    HASH_DEL(g->by_name, e);
    e->hh.tbl = NULL;
}

/* text.1, or the next number that nobody has. */
static const char *variant(tg_graph *g, const char *text) {
    size_t n = strlen(text) + 16;
    char *v = tg__name_room(g, n);
    if (!v) return NULL;
    for (unsigned k = 1;; k++) {
        snprintf(v, n, "%s.%u", text, k);
        if (!lookup(g, v)) return v;
    }
}

static void chain(tg_graph *g, struct tg__label *e, uint32_t row) {
    uint32_t *link = &tg__fact_of(g, e->node)->name;
    while (*link) link = &label(g, *link)->next;
    *link = row;
}

static bool add(tg_graph *g, struct tg__label new) {
    uint32_t row = g->names.length;
    struct tg__label *e = tg__push(g, &g->names);
    if (!e) return false;
    *e = new;
    if (!hash(g, e, e->text) || !tg__log(g, (struct tg__event){.node = e->node, .term = row, .kind = TG_NAMED})) {
        unhash(g, e);
        g->names.length--;
        return false;
    }
    chain(g, e, row);
    return true;
}

static uint32_t row_of(const tg_graph *g, const struct tg__label *e) {
    uint32_t row = tg__fact_of(g, e->node)->name;
    while (label(g, row) != e) row = label(g, row)->next;
    return row;
}

static void refuse(tg_graph *g, const struct tg__label *e, uint32_t node) {
    char name[80], from[120] = "";
    tg_place at = tg_where_is(tg__handle(g, e->node));
    if (at.file) snprintf(from, sizeof from, " from %.80s:%d", tg__base(at.file), at.line);
    tg_fail(g, TG_NAME, "name '%s' for #%u (%s) is taken: #%u (%s)%s has it", tg__clean(e->text, name, sizeof name), node,
            tg__node_of(g, node)->op->name, e->node, tg__node_of(g, e->node)->op->name, from);
}

bool tg__name_give(tg_graph *g, uint32_t node, const char *full, enum tg__rank rank, uint32_t site) {
    struct tg__label *e = lookup(g, full), new = {.text = full, .node = node, .rank = (uint8_t)rank, .site = site};
    if (!e) return add(g, new);
    if (e->node == node) {
        if (rank > e->rank) e->rank = (uint8_t)rank;
        return true;
    }
    if (rank == TG__USER_NAME && e->rank == TG__USER_NAME) {
        refuse(g, e, node);
        return false;
    }
    const char *other = variant(g, full);
    if (!other) return false;
    if (rank <= e->rank) {
        new.text = other;
        return add(g, new);
    }
    unhash(g, e);
    new.displaced = row_of(g, e);
    return hash(g, e, other) && add(g, new);
}

/* ------------------------------------------------------------------------------------------------------ rewind */

static void unchain(tg_graph *g, uint32_t node, uint32_t row) {
    uint32_t *link = &tg__fact_of(g, node)->name;
    while (*link && *link != row) link = &label(g, *link)->next;
    *link = 0;
}

/* Called while the nodes that go are still there. */
bool tg__names_cut(tg_graph *g, uint32_t length) {
    bool kept = true;
    while (g->names.length > length) {
        uint32_t row = g->names.length - 1;
        struct tg__label *e = label(g, row);
        unhash(g, e);
        unchain(g, e->node, row);
        if (e->displaced && e->displaced < length) {
            struct tg__label *loser = label(g, e->displaced);
            unhash(g, loser);
            kept &= hash(g, loser, e->text);
        }
        tg__table_cut(g, &g->names, row);
    }
    return kept;
}

void tg__names_free(tg_graph *g) { HASH_CLEAR(hh, g->by_name); }

/* --------------------------------------------------------------------------------------------------- reading */

tg_node tg_find(tg_graph *g, const char *name) {
    uint32_t id = g && name ? tg__name_find(g, name) : 0;
    return id ? tg__handle(g, id) : tg_nil(g);
}

const char *tg_alias(tg_node a, size_t i) {
    if (!tg__get(a)) return NULL;
    uint32_t row = tg__fact_of(a.graph, a.id)->name;
    for (; row && i > 0; i--) row = label(a.graph, row)->next;
    return row ? label(a.graph, row)->text : NULL;
}

const char *tg_name(tg_node a) {
    const char *name = tg_alias(a, 0);
    return name ? name : "";
}
