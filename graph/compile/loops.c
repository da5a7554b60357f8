/* Loops that are one: where every array goes on from the end of an inner loop as it goes on within, the two need but
 * one counter. */
#include "source.h"

/* What only one row of a group needs has no axes along the rows. */
static bool is_dropped(const struct tg__fused *f, const struct tg__nest *n, const struct tg__term *t, int axis) {
    if (f->item[t->node].local == TG__NONE || t->at[axis].loop == TG__NONE) return false;
    return n->rows >> t->at[axis].loop & 1;
}

/* Row-major: what a step along an axis of a term's node is. */
int64_t tg__axis_stride(const struct tg__fused *f, const struct tg__nest *n, const struct tg__term *t, int axis) {
    const tg_shape *dims = &tg__node_of(f->g, t->node)->shape->dims;
    int64_t stride = 1;
    if (is_dropped(f, n, t, axis)) return 0;
    for (int i = dims->rank - 1; i > axis; i--)
        if (!is_dropped(f, n, t, i)) stride *= dims->dim[i];
    return stride;
}

int64_t tg__stride(const struct tg__fused *f, const struct tg__nest *n, const struct tg__term *t, int loop) {
    int64_t stride = 0;
    for (int axis = 0; axis < tg__node_of(f->g, t->node)->shape->dims.rank; axis++)
        if (t->at[axis].loop == loop) stride += t->at[axis].by * tg__axis_stride(f, n, t, axis);
    return stride;
}

int64_t tg__start(const struct tg__fused *f, const struct tg__nest *n, const struct tg__term *t) {
    int64_t start = 0;
    for (int axis = 0; axis < tg__node_of(f->g, t->node)->shape->dims.rank; axis++)
        start += t->at[axis].from * tg__axis_stride(f, n, t, axis);
    return start;
}

/* A kernel that asks which turn of a loop it is in needs that loop. */
static bool asks(const struct tg__fused *f, const struct tg__term *t, int loop) {
    for (int axis = 0; axis < tg__node_of(f->g, t->node)->shape->dims.rank; axis++)
        if (t->at[axis].loop == loop && tg__asks(f, t, axis)) return true;
    return false;
}

/* Where the kernel compares the turn with labels, the innermost loop counts in their type: half as many vectors. */
bool tg__counts_in_labels(const struct tg__source *s) {
    const int last = s->loops.count - 1;
    if (last < 0 || s->loops.extent[last] > INT32_MAX) return false;
    for (int i = 0; i < (int)s->nest->terms; i++)
        if (asks(s->f, tg__term_of(s->f, s->nest, i), s->loops.last[last])) return true;
    return false;
}

static bool is_one(const struct tg__fused *f, const struct tg__nest *n, int outer) {
    const uint16_t both = (uint16_t)(3u << outer);
    if ((n->rows & both) != 0 && (n->rows & both) != both) return false;
    if ((n->across & both) != 0 && (n->across & both) != both) return false;
    for (int i = 0; i < (int)n->terms; i++) {
        const struct tg__term *t = tg__term_of(f, n, i);
        if (asks(f, t, outer) || asks(f, t, outer + 1)) return false;
        if (t->array || f->item[t->node].stored)
            if (tg__stride(f, n, t, outer) != n->extent[outer + 1] * tg__stride(f, n, t, outer + 1)) return false;
    }
    return true;
}

void tg__collapse(const struct tg__fused *f, const struct tg__nest *n, struct tg__loops *l) {
    *l = (struct tg__loops){.count = 0};
    for (int loop = 0; loop < n->loops; loop++) {
        const bool more = loop > 0 && is_one(f, n, loop - 1);
        if (!more) l->extent[l->count++] = 1;
        l->extent[l->count - 1] *= n->extent[loop];
        l->members[l->count - 1] |= (uint16_t)(1u << loop);
        l->last[l->count - 1] = loop;
    }
}

const char *tg__variable(int loop) {
    static const char *const name[] = {"i_", "k_", "l_", "m_", "n_", "p_", "q_", "u_"};
    return name[loop];
}

/* Where the columns of a row are summed, every loop in the row says which column it is. */
static bool places_columns(const struct tg__source *s, int loop) {
    if (s->nest->work != TG__BY_STREAM || (s->loops.members[loop] & s->nest->rows)) return false;
    int32_t at = s->nest->newest;
    for (const struct tg__anchor *a; (a = tg__next_sum(s, &at));)
        if (!(a->reduced >> (s->nest->loops - 1) & 1)) return true;
    return false;
}

/* In machine code every loop has a variable: one that is not read costs nothing there, and warnings are off. */
bool tg__is_counted(const struct tg__source *s, int loop) {
    const struct tg__fused *f = s->f;
    if (s->blocks || places_columns(s, loop)) return true;
    for (int k = 0; k < (int)s->nest->terms; k++) {
        const struct tg__term *t = tg__term_of(f, s->nest, k);
        const bool lies = t->array || f->item[t->node].stored;
        for (int i = s->loops.last[loop]; i >= 0 && s->loops.members[loop] >> i & 1; i--)
            if (asks(f, t, i) || (lies && tg__stride(f, s->nest, t, i) != 0)) return true;
    }
    return false;
}

bool tg__is_steady(const struct tg__source *s, const struct tg__term *t, int loop) {
    for (int axis = 0; axis < tg__node_of(s->f->g, t->node)->shape->dims.rank; axis++)
        if (t->at[axis].label != TG__NONE &&
            (tg__term_of(s->f, s->nest, t->at[axis].label)->loops & s->loops.members[loop]))
            return false;
    return true;
}
