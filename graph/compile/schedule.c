/* Which anchors are made together. Level by level: what cannot wait makes nests, and what could wait joins one that
 * reads its arrays already. So a reduction stands in the nest that goes through its operands anyway. */
#include "nest.h"

static const struct tg__read *read_of(const struct tg__fused *f, const struct tg__anchor *a, uint32_t k) {
    return tg__row(&f->reads, a->read + k);
}

/* ------------------------------------------------------------------------------------------ what fits into a nest */

static bool is_over(uint16_t mask, int loop) { return mask >> loop & 1; }

/* Reduced loops and, of columns, those before them. */
static void halves(const struct tg__nest *n, uint16_t reduced, bool *streams, uint16_t *rows, uint16_t *across) {
    const uint16_t all = (uint16_t)((1u << n->loops) - 1);
    *streams = is_over(reduced, n->loops - 1);
    *across = *streams ? 0 : reduced;
    *rows = *streams ? (uint16_t)(all & ~reduced) : (uint16_t)((reduced & (~reduced + 1u)) - 1);
}

/* A sum over all of a small space ends rows that others could share: it stands alone. */
static bool ends_rows(const struct tg__fused *f, const struct tg__nest *n, bool streams, uint16_t rows) {
    double points = 1;
    for (int i = 0; i < n->loops; i++) points *= (double)n->extent[i];
    return streams && rows == 0 && 4 * points <= f->largest;
}

/* Where the order of a sum is free, that of all elements can go by columns, which are summed in the end. */
static bool folds(const struct tg__fused *f, const struct tg__nest *n, bool streams, uint16_t rows, uint16_t across) {
    if (f->mode != TG_FAST || rows || n->loops < 2) return false;
    if (streams) return n->work == TG__BY_COLUMN && n->rows == 0;
    return n->work == TG__BY_STREAM && n->rows == 0 && n->across == 0 && across != 0;
}

static bool admits(const struct tg__fused *f, struct tg__nest *n, uint16_t reduced) {
    bool streams;
    uint16_t rows, across;
    if (!reduced) return !ends_rows(f, n, n->work == TG__BY_STREAM, n->rows);
    halves(n, reduced, &streams, &rows, &across);
    if (folds(f, n, streams, rows, across)) {
        n->work = TG__BY_COLUMN;
        n->folded = true;
        if (!streams) n->across = across;
        return true;
    }
    if (ends_rows(f, n, streams, rows) && n->anchors && n->work != TG__BY_STREAM) return false;
    if (streams && (n->work == TG__BY_ELEMENT || (n->work == TG__BY_STREAM && n->rows == rows))) {
        n->work = TG__BY_STREAM;
        n->rows = rows;
        return true;
    }
    if (streams && n->work == TG__BY_COLUMN && n->rows == 0 && n->across == rows && !n->folded) {
        n->work = TG__BY_STREAM;
        n->rows = rows;
        return true;
    }
    if (streams) return false;
    if (n->work == TG__BY_STREAM) {
        if (rows || across != n->rows || (n->across && n->across != across)) return false;
        n->across = across;
        return true;
    }
    if (n->work == TG__BY_COLUMN && (n->rows != rows || n->across != across)) return false;
    n->work = TG__BY_COLUMN;
    n->rows = rows;
    n->across = across;
    return true;
}

static bool has_space(const struct tg__nest *n, const struct tg__nest *own) {
    if (n->work == TG__BY_KERNEL || n->loops != own->loops) return false;
    return memcmp(n->extent, own->extent, (size_t)n->loops * sizeof *n->extent) == 0;
}

/* The nests of this level that come before it. */
static int32_t earliest(const struct tg__fused *f, const struct tg__anchor *a, int32_t level, int32_t first) {
    int32_t nest = first;
    for (uint32_t k = 0; k < a->reads; k++) {
        const int32_t anchor = f->item[read_of(f, a, k)->node].anchor;
        const int32_t made = anchor == TG__NONE ? TG__NONE : tg__anchor_of(f, anchor)->nest;
        if (made >= nest && tg__nest_of(f, made)->level == level) nest = made;
    }
    return nest;
}

static bool reads(const struct tg__fused *f, const struct tg__anchor *a, uint32_t node) {
    for (uint32_t k = 0; k < a->reads; k++)
        if (read_of(f, a, k)->node == node) return true;
    return false;
}

/* Everything large that it reads is read there, or made. */
static bool brings_nothing(const struct tg__fused *f, const struct tg__anchor *a, int32_t nest) {
    for (uint32_t k = 0; k < a->reads; k++) {
        const struct tg__read *r = read_of(f, a, k);
        const int32_t maker = f->item[r->node].anchor;
        bool there = !r->big || (maker != TG__NONE && tg__anchor_of(f, maker)->nest == nest);
        for (int32_t i = tg__nest_of(f, nest)->newest; !there && i != TG__NONE; i = tg__anchor_of(f, i)->older)
            there = reads(f, tg__anchor_of(f, i), r->node);
        if (!there) return false;
    }
    return true;
}

static bool is_ready(const struct tg__fused *f, const struct tg__anchor *a, int32_t level) {
    for (uint32_t k = 0; k < a->reads; k++) {
        const struct tg__read *r = read_of(f, a, k);
        const int32_t maker = f->item[r->node].anchor;
        if (maker == TG__NONE) continue;
        const int32_t made = tg__anchor_of(f, maker)->nest;
        if (made == TG__NONE || tg__nest_of(f, made)->level > level - r->apart) return false;
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------------- placing them */

static void join(struct tg__fused *f, int32_t number, int32_t nest) {
    struct tg__nest *n = tg__nest_of(f, nest);
    struct tg__anchor *a = tg__anchor_of(f, number);
    a->nest = nest;
    a->older = n->newest;
    n->newest = number;
    n->anchors++;
    n->size += a->size;
}

static bool found(struct tg__fused *f, int32_t number, int32_t level) {
    struct tg__nest *n = tg__push(f->g, &f->nests);
    const struct tg__anchor *a = tg__anchor_of(f, number);
    if (!n) return false;
    *n = (struct tg__nest){.level = level, .newest = TG__NONE, .group = TG__NONE};
    if (f->item[a->node].kind == TG__CALLED) {
        n->work = TG__BY_KERNEL;
    } else {
        tg__loops_of(f, a, n);
        admits(f, n, a->reduced);
    }
    join(f, number, (int32_t)f->nests.length - 1);
    return true;
}

/* Into a nest of this level, from `first` on. */
static bool fits_somewhere(struct tg__fused *f, int32_t number, int32_t level, int32_t first, bool flexible) {
    const struct tg__anchor *a = tg__anchor_of(f, number);
    struct tg__nest own;
    if (f->item[a->node].kind == TG__CALLED) return false;
    tg__loops_of(f, a, &own);
    for (int32_t i = earliest(f, a, level, first); i < (int32_t)f->nests.length; i++) {
        struct tg__nest *n = tg__nest_of(f, i);
        if (!has_space(n, &own) || n->size + a->size > 4 * TG__MOST_TERMS) continue;
        if (flexible && !brings_nothing(f, a, i)) continue;
        if (!admits(f, n, a->reduced)) continue;
        join(f, number, i);
        return true;
    }
    return false;
}

/* pending: numbers of those that are not placed, in the order of the tape. */
static bool place_level(struct tg__fused *f, int32_t level, int32_t *pending, size_t *count) {
    const int32_t first = (int32_t)f->nests.length;
    for (int flexible = 0; flexible < 2; flexible++)
        for (size_t i = 0; i < *count; i++) {
            const struct tg__anchor *a = tg__anchor_of(f, pending[i]);
            if (a->nest != TG__NONE || a->early > level || (a->late > level) != flexible) continue;
            if (flexible && !is_ready(f, a, level)) continue;
            if (!fits_somewhere(f, pending[i], level, first, flexible) && !flexible && !found(f, pending[i], level))
                return false;
        }
    size_t left = 0;
    for (size_t i = 0; i < *count; i++)
        if (tg__anchor_of(f, pending[i])->nest == TG__NONE) pending[left++] = pending[i];
    *count = left;
    return true;
}

/* A value that only its own nest reads, at the very element, need not be stored. */
static void keep_inside(struct tg__fused *f) {
    for (uint32_t i = 0; i < f->anchors.length; i++) {
        const struct tg__anchor *a = tg__anchor_of(f, (int32_t)i);
        struct tg__item *x = &f->item[a->node];
        x->inside = x->kind == TG__MAP && !x->wanted;
    }
    for (uint32_t i = 0; i < f->anchors.length; i++) {
        const struct tg__anchor *a = tg__anchor_of(f, (int32_t)i);
        for (uint32_t k = 0; k < a->reads; k++) {
            const struct tg__read *r = read_of(f, a, k);
            const int32_t maker = f->item[r->node].anchor;
            if (maker != TG__NONE && (r->apart || tg__anchor_of(f, maker)->nest != a->nest))
                f->item[r->node].inside = false;
        }
    }
}

static void set_largest(struct tg__fused *f) {
    for (uint32_t i = 0; i < f->anchors.length; i++) {
        struct tg__nest n;
        double points = 1;
        tg__loops_of(f, tg__anchor_of(f, (int32_t)i), &n);
        for (int k = 0; k < n.loops; k++) points *= (double)n.extent[k];
        if (f->largest < points) f->largest = points;
    }
}

bool tg__schedule(struct tg__fused *f) {
    set_largest(f);
    size_t count = f->anchors.length;
    const size_t bytes = (count + 1) * sizeof(int32_t);
    int32_t *pending = tg__alloc(f->g, bytes);
    bool ok = pending != NULL;
    for (size_t i = 0; ok && i < count; i++) pending[i] = (int32_t)i;
    for (int32_t level = 0; ok && level < f->levels; level++) ok = place_level(f, level, pending, &count);
    if (pending) tg__release(f->g, pending, bytes);
    keep_inside(f);
    return ok;
}
