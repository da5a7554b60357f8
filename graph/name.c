/* Names. One string has one node; one node may have several strings, the first being its own and the rest aliases.
 * On a clash the user's string beats an adjoint's, an adjoint's beats a term's, and the loser gets ".1", ".2" … */
#include "hash.h"

struct tg__label {
    UT_hash_handle hh;
    const char *text;
    uint32_t node, next, before; /* the node's next name, and the one before */
    uint32_t last;               /* of a node's first name: its last one */
    uint32_t of;                 /* the node whose adjoint or term it names */
    uint32_t site;               /* the stage it belongs to: an alias has its own */
    uint32_t epoch;
    uint8_t rank;
    struct tg__label *loser; /* the label that lost this string to us, and has it back when we go: */
    const char *lost;        /* the very bytes, for ours go too */
};

uint32_t tg__label_size(void) { return sizeof(struct tg__label); }

static struct tg__label *label(const tg_graph *g, uint32_t row) { return tg__row(&g->names, row); }

const char *tg__name_text(const tg_graph *g, uint32_t row) { return label(g, row)->text; }
uint32_t tg__name_next(const tg_graph *g, uint32_t row) { return label(g, row)->next; }
uint32_t tg__name_site(const tg_graph *g, uint32_t row) { return label(g, row)->site; }
uint32_t tg__name_of(const tg_graph *g, uint32_t row) { return label(g, row)->of; }
uint32_t tg__name_epoch(const tg_graph *g, uint32_t row) { return label(g, row)->epoch; }
uint32_t tg__name_owner(const tg_graph *g, uint32_t row) { return label(g, row)->node; }

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

/* Row 0 has the name that nobody can have, so that the table is never empty: putting a name back then needs no memory.
 */
bool tg__names_init(tg_graph *g) { return hash(g, label(g, 0), ""); }

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
    struct tg__fact *fact = tg__fact_of(g, e->node);
    if (!fact->name) fact->name = row;
    struct tg__label *first = label(g, fact->name);
    e->before = first->last;
    if (e->before) label(g, e->before)->next = row;
    first->last = row;
}

static bool add(tg_graph *g, struct tg__label new) {
    uint32_t row = g->names.length;
    struct tg__label *e = tg__push(g, &g->names);
    if (!e) return false;
    *e = new;
    e->epoch = g->epoch;
    if (!hash(g, e, e->text) || !tg__log(g, TG_NAMED, e->node, row)) {
        unhash(g, e);
        g->names.length--;
        return false;
    }
    chain(g, e, row);
    return true;
}

static void refuse(tg_graph *g, const struct tg__label *e, uint32_t node) {
    char name[80], from[120];
    tg__from(tg__handle(g, e->node), from, sizeof from);
    tg_fail(g, TG_NAME, "name '%s' for #%u (%s) is taken: #%u (%s)%s has it; %s", tg__clean(e->text, name, sizeof name),
            node, tg__node_of(g, node)->op->name, e->node, tg__node_of(g, e->node)->op->name, from,
            tg__composite(g) ? "give each call a scope of its own"
                             : "in a loop, and for each call of a composite, open a scope");
}

bool tg__name_give(tg_graph *g, uint32_t node, const char *full, enum tg__rank rank, uint32_t site, uint32_t of) {
    struct tg__label *e = lookup(g, full);
    struct tg__label new = {.text = full, .node = node, .rank = (uint8_t)rank, .site = site, .of = of};
    if (!e) return add(g, new);
    if (e->node == node) {
        if (rank > e->rank) e->rank = (uint8_t)rank;
        if (of) e->of = of; /* a cotangent that the user has named as the engine would */
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
    new.loser = e;
    new.lost = e->text;
    unhash(g, e);
    if (hash(g, e, other) && add(g, new)) return true;
    unhash(g, e);
    hash(g, e, new.lost);
    return false;
}

/* ------------------------------------------------------------------------------------------------------ rewind */

/* The name is its node's last one, for names go in the opposite order to that in which they came. */
static void unchain(tg_graph *g, const struct tg__label *e) {
    struct tg__fact *fact = tg__fact_of(g, e->node);
    if (e->before) {
        label(g, e->before)->next = 0;
        label(g, fact->name)->last = e->before;
    } else {
        fact->name = 0;
    }
}

/* Called while the nodes that go are still there. */
bool tg__names_cut(tg_graph *g, uint32_t length) {
    bool kept = true;
    while (g->names.length > length) {
        uint32_t row = g->names.length - 1;
        struct tg__label *e = label(g, row);
        unhash(g, e);
        unchain(g, e);
        if (e->loser) {
            unhash(g, e->loser);
            kept &= hash(g, e->loser, e->lost);
        }
        tg__table_cut(&g->names, row);
    }
    return kept;
}

void tg__names_free(tg_graph *g) { HASH_CLEAR(hh, g->by_name); }

/* --------------------------------------------------------------------------------------------------- reading */

tg_node tg_find(tg_graph *g, const char *name) {
    uint32_t id = g && name ? tg__name_find(g, name) : 0;
    if (g && name && !id) tg__clean(name, g->unfound, sizeof g->unfound);
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
