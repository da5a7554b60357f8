/* Which nests share their rows, and the order of all. A nest joins a group if of what the group makes it needs, in
 * every row, only that row; then the rows are gone through once, and what they need stays near. */
#include "nest.h"

enum {
    NEAR = 256 * 1024,
    MEMBERS = 32,
    BACK = 64
}; /* bytes of a row that are read more than once; nests of a group;
       groups that are looked at */

struct grouping {
    struct tg__fused *f;
    int32_t *list; /* groups as they are carried out */
    uint32_t length;
    int32_t *next;                /* by nest: the next one of its group */
    int16_t (*loop)[TG_MAX_RANK]; /* by nest: which of its loops is row i */
};

static struct tg__group *group_of(const struct grouping *g, int32_t i) { return tg__row(&g->f->groups, (uint32_t)i); }

/* -------------------------------------------------------------------------------------------------------- its loops */

/* The axis of what a nest of the group makes that lies along row i; TG__NONE: it is reduced. */
static int axis_of(const struct grouping *g, uint32_t node, int row) {
    const struct tg__anchor *a = tg__anchor_of(g->f, g->f->item[node].anchor);
    const int loop = g->loop[a->nest][row];
    const tg_shape *dims = &tg__node_of(g->f->g, node)->shape->dims;
    if (a->reduced >> loop & 1) return TG__NONE;
    int kept = 0;
    for (int i = 0; i < loop; i++) kept += !(a->reduced >> i & 1);
    for (int axis = 0; axis < dims->rank; axis++)
        if (dims->dim[axis] != 1 && kept-- == 0) return axis;
    return TG__NONE;
}

static int32_t maker_of(const struct grouping *g, uint32_t node) {
    const int32_t maker = node ? g->f->item[node].anchor : TG__NONE;
    return maker == TG__NONE ? TG__NONE : tg__anchor_of(g->f, maker)->nest;
}

/* Reads of what the group makes say which of the nest's loops are the rows. */
static bool follows(const struct grouping *g, int32_t group, const struct tg__nest *n, int16_t loop[TG_MAX_RANK]) {
    for (int i = 0; i < (int)n->terms; i++) {
        const struct tg__term *t = tg__term_of(g->f, n, i);
        const int32_t made = maker_of(g, t->array);
        if (made == TG__NONE || tg__nest_of(g->f, made)->group != group) continue;
        if (t->array != t->node) return false;
        for (int row = 0; row < group_of(g, group)->rows; row++) {
            const int axis = axis_of(g, t->array, row);
            if (axis == TG__NONE) return false;
            const struct tg__index at = t->at[axis];
            if (at.loop == TG__NONE || at.from != 0 || at.by != 1) return false;
            if (loop[row] != TG__NONE && loop[row] != at.loop) return false;
            loop[row] = at.loop;
        }
    }
    return true;
}

static bool is_complete(const struct tg__group *group, const struct tg__nest *n, const int16_t loop[TG_MAX_RANK]) {
    for (int row = 0; row < group->rows; row++) {
        if (loop[row] == TG__NONE || n->extent[loop[row]] != group->extent[row]) return false;
        if (row && loop[row] <= loop[row - 1]) return false;
    }
    return true;
}

static uint16_t mask_of(const struct tg__group *group, const int16_t loop[TG_MAX_RANK]) {
    uint16_t mask = 0;
    for (int row = 0; row < group->rows; row++) mask |= (uint16_t)(1u << loop[row]);
    return mask;
}

/* -------------------------------------------------------------------------------------------------- who may join */

static bool loads(const struct tg__fused *f, const struct tg__nest *n, uint32_t array) {
    for (int i = 0; i < (int)n->terms; i++)
        if (tg__term_of(f, n, i)->array == array) return true;
    return false;
}

/* What the nest would read again that another of the group has read, of one row. */
static size_t shared_bytes(const struct grouping *g, const struct tg__group *group, const struct tg__nest *n) {
    size_t bytes = 0, rows = 1;
    for (int i = 0; i < group->rows; i++) rows *= (size_t)group->extent[i];
    for (int i = 0; i < (int)n->terms; i++) {
        const uint32_t array = tg__term_of(g->f, n, i)->array;
        bool seen = array == 0, shared = false;
        for (int k = 0; k < i && !seen; k++) seen = tg__term_of(g->f, n, k)->array == array;
        for (int32_t m = group->first; m != TG__NONE && !seen && !shared; m = g->next[m])
            shared = loads(g->f, tg__nest_of(g->f, m), array);
        if (shared) bytes += tg__bytes(tg__node_of(g->f->g, array)) / rows;
    }
    return bytes;
}

static bool suits(const struct tg__nest *n, uint16_t mask) {
    if (n->work == TG__BY_STREAM) return n->rows == mask;
    if (n->work == TG__BY_COLUMN) return n->rows == 0 && n->across == mask && !n->folded;
    const bool rows_inside = n->loops > 0 && mask >> (n->loops - 1) & 1; /* of others: a stride for every element */
    return n->work == TG__BY_ELEMENT && (!rows_inside || mask == (1u << n->loops) - 1);
}

/* ------------------------------------------------------------------------------------------------------ who waits */

static bool waits(const struct grouping *g, int32_t nest, int32_t group) {
    const struct tg__fused *f = g->f;
    for (int32_t i = tg__nest_of(f, nest)->newest; i != TG__NONE; i = tg__anchor_of(f, i)->older) {
        const struct tg__anchor *a = tg__anchor_of(f, i);
        for (uint32_t k = 0; k < a->reads; k++) {
            const int32_t made = maker_of(g, ((struct tg__read *)tg__row(&f->reads, a->read + k))->node);
            if (made != TG__NONE && made != nest && tg__nest_of(f, made)->group == group) return true;
        }
    }
    return false;
}

static bool group_waits(const struct grouping *g, int32_t group, int32_t other) {
    for (int32_t i = group_of(g, group)->first; i != TG__NONE; i = g->next[i])
        if (waits(g, i, other)) return true;
    return false;
}

/* The nest stands at the end. What it waits for has to come before the group at `place`: false if that waits for the
 * group itself. */
static bool clear_way(struct grouping *g, int32_t nest, uint32_t place) {
    bool needed[BACK + 1] = {false};
    for (uint32_t i = g->length; i-- > place + 1;) {
        bool *own = &needed[i - place];
        *own = waits(g, nest, g->list[i]);
        for (uint32_t k = i + 1; k < g->length && !*own; k++)
            *own = needed[k - place] && group_waits(g, g->list[k], g->list[i]);
        if (*own && group_waits(g, g->list[i], g->list[place])) return false;
    }
    int32_t order[BACK + 1];
    uint32_t count = 0;
    for (int first = 1; first >= 0; first--) {
        for (uint32_t i = place + 1; i < g->length; i++)
            if (needed[i - place] == first) order[count++] = g->list[i];
        if (first) order[count++] = g->list[place];
    }
    memcpy(g->list + place, order, count * sizeof *order);
    return true;
}

static bool joins(struct grouping *g, int32_t nest, uint32_t place) {
    struct tg__nest *n = tg__nest_of(g->f, nest);
    struct tg__group *group = group_of(g, g->list[place]);
    int16_t *loop = g->loop[nest];
    for (int row = 0; row < TG_MAX_RANK; row++) loop[row] = TG__NONE;
    if (group->rows == 0 || group->nests == MEMBERS || !waits(g, nest, g->list[place])) return false;
    if (!follows(g, g->list[place], n, loop) || !is_complete(group, n, loop)) return false;
    if (!suits(n, mask_of(group, loop)) || shared_bytes(g, group, n) > NEAR) return false;
    n->group = g->list[place];
    if (!clear_way(g, nest, place)) {
        n->group = TG__NONE;
        return false;
    }
    n->rows = mask_of(group, loop);
    n->work = TG__BY_STREAM;
    g->next[group->last] = nest;
    group->last = nest;
    group->nests++;
    return true;
}

static bool opens(struct grouping *g, int32_t nest) {
    struct tg__nest *n = tg__nest_of(g->f, nest);
    struct tg__group *group = tg__push(g->f->g, &g->f->groups);
    if (!group) return false;
    *group = (struct tg__group){.nests = 1, .first = nest, .last = nest};
    for (int loop = 0; loop < n->loops && n->work == TG__BY_STREAM; loop++)
        if (n->rows >> loop & 1) {
            g->loop[nest][group->rows] = (int16_t)loop;
            group->extent[group->rows++] = n->extent[loop];
        }
    n->group = (int32_t)g->f->groups.length - 1;
    g->list[g->length++] = n->group;
    return true;
}

static bool deal(struct grouping *g, int32_t nest) {
    if (tg__nest_of(g->f, nest)->work != TG__BY_KERNEL)
        for (uint32_t i = g->length; i > 0 && i + BACK > g->length; i--)
            if (joins(g, nest, i - 1)) return true;
    return opens(g, nest);
}

/* Groups and their nests, numbered as they are carried out. */
static bool set_order(const struct grouping *g) {
    struct tg__fused *f = g->f;
    struct tg__table sorted = {.size = sizeof(struct tg__group)};
    for (uint32_t i = 0; i < g->length; i++) {
        struct tg__group *group = tg__push(f->g, &sorted);
        if (!group) break;
        *group = *group_of(g, g->list[i]);
        group->nest = f->order.length;
        for (int32_t nest = group->first; nest != TG__NONE; nest = g->next[nest]) {
            int32_t *order = tg__push(f->g, &f->order);
            if (!order) break;
            *order = nest;
            tg__nest_of(f, nest)->group = (int32_t)i;
        }
    }
    const bool ok = sorted.length == g->length && f->order.length == f->nests.length;
    tg__table_free(f->g, &f->groups);
    f->groups = sorted;
    return ok;
}

/* -------------------------------------------------------------------------------------------------- all of it */

static bool set_terms(struct tg__fused *f, int32_t nest) {
    return tg__nest_of(f, nest)->work == TG__BY_KERNEL || tg__terms(f, tg__nest_of(f, nest), nest);
}

static bool group(struct grouping *g) {
    const int32_t nests = (int32_t)g->f->nests.length;
    for (int32_t i = 0; i < nests; i++) {
        g->next[i] = TG__NONE;
        if (!set_terms(g->f, i)) return false;
    }
    for (int32_t i = 0; i < nests; i++)
        if (!deal(g, i)) return false;
    return set_order(g) && tg__retain(g->f, set_terms);
}

bool tg__groups(struct tg__fused *f) {
    const size_t nests = f->nests.length + (size_t)1;
    struct grouping g = {.f = f};
    g.list = tg__alloc(f->g, nests * sizeof *g.list);
    g.next = tg__alloc(f->g, nests * sizeof *g.next);
    g.loop = tg__alloc(f->g, nests * sizeof *g.loop);
    const bool ok = g.list && g.next && g.loop && group(&g);
    if (g.list) tg__release(f->g, g.list, nests * sizeof *g.list);
    if (g.next) tg__release(f->g, g.next, nests * sizeof *g.next);
    if (g.loop) tg__release(f->g, g.loop, nests * sizeof *g.loop);
    return ok;
}
