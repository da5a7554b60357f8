/* A form as nodes: what varies along fewer axes is multiplied first, so that as little as possible is done for each
 * element; a division by it is one for each of its elements, and a product with the reciprocal for each of the whole.
 */
#include "form.h"

enum { PHASES = 5, TIMES = 3 }; /* up to that power it is multiplied by one by one */

struct piece {
    struct tg__laid at;
    unsigned mask;
    double size;
    bool late; /* one more of a factor that is there several times: its power alone might overflow */
};

struct pieces {
    struct tg__algebraist *a;
    int rank, count;
    struct piece piece[TIMES * TG__FACTORS];
};

static struct piece piece_of(const struct tg__algebraist *a, struct tg__laid at, bool late) {
    return (struct piece){at, tg__mask(&at), at.node ? (double)tg__node_of(a->b->g, at.node)->shape->count : 0, late};
}

static struct tg__laid with(struct tg__algebraist *a, const struct tg_op *op, struct tg__laid x, struct tg__laid y,
                            int rank) {
    return tg__apply_laid(a, op, (struct tg__laid[]){x, y}, rank);
}

/* One order for equal products: the larger first, then the older. */
static struct tg__laid product(const struct pieces *p, int i, int j) {
    const struct piece *x = &p->piece[i], *y = &p->piece[j];
    if (tg__same_laid(&x->at, &y->at)) return tg__apply_laid(p->a, tg__notation.square, &x->at, p->rank);
    const bool swap = x->size < y->size || (x->size == y->size && x->at.node > y->at.node);
    return with(p->a, tg__notation.mul, swap ? y->at : x->at, swap ? x->at : y->at, p->rank);
}

static bool is_there(const struct pieces *p, int i, int j) {
    const bool finds = p->a->b->finds;
    p->a->b->finds = true;
    const bool found = product(p, i, j).node != 0;
    p->a->b->finds = finds;
    return found;
}

static bool join(struct pieces *p, int i, int j) {
    p->piece[i] = piece_of(p->a, product(p, i, j), false);
    p->piece[j] = p->piece[--p->count];
    return p->piece[i].at.node != 0;
}

/* May i be multiplied into j while the rest waits? First what lies alike; then what is less into what is more, and what
 * lies otherwise, as long as it does not become the whole; at last anything, the whole first. */
static bool may_join(const struct pieces *p, int i, int j, unsigned whole, int phase) {
    const unsigned x = p->piece[i].mask, y = p->piece[j].mask;
    if (phase == 0) return x == y;
    if (phase == 1) return (x & y) == x && y != whole;
    if (phase == 2) return (x | y) != whole;
    return y == whole || phase == 4;
}

/* Of those that may, a product that is there already, otherwise none with a late one, otherwise the smallest. */
static bool best(const struct pieces *p, unsigned whole, int phase, int *x, int *y) {
    double least = 0;
    int rank = -1;
    for (int i = 0; i < p->count; i++)
        for (int j = 0; j < p->count; j++) {
            if (i == j || !may_join(p, i, j, whole, phase)) continue;
            const double size = p->piece[i].size + p->piece[j].size;
            const bool known = phase != 1 && is_there(p, i, j), late = p->piece[i].late || p->piece[j].late;
            const int own = 2 * known + !late;
            if (own < rank || (own == rank && size >= least)) continue;
            rank = own;
            least = size;
            *x = i;
            *y = j;
        }
    return rank >= 0;
}

static bool join_all(struct pieces *p, int first, int last) {
    unsigned whole = 0;
    int i, j;
    for (i = 0; i < p->count; i++) whole |= p->piece[i].mask;
    for (int phase = first; phase < last; phase++)
        while (p->count > 1 && best(p, whole, phase, &i, &j))
            if (!join(p, i, j)) return false;
    return true;
}

/* By squaring. */
static struct tg__laid power(struct tg__algebraist *a, struct tg__laid x, int n, int rank) {
    struct tg__laid z = {.node = 0}, square = x;
    for (; n > 0 && square.node; n /= 2) {
        if (n % 2) z = z.node ? with(a, tg__notation.mul, square, z, rank) : square;
        if (n % 2 && !z.node) return z;
        if (n > 1) square = tg__apply_laid(a, tg__notation.square, &square, rank);
    }
    return square.node ? z : square;
}

/* 1/x, if it is there or x varies along fewer axes than the whole; otherwise 0, which is no error. */
static struct tg__laid inverse(struct tg__algebraist *a, const struct tg__laid *x, unsigned whole, int rank,
                               bool *failed) {
    const bool finds = a->b->finds;
    a->b->finds = true;
    struct tg__laid z = tg__apply_laid(a, tg__notation.reciprocal, x, rank);
    a->b->finds = finds;
    if (z.node || tg__mask(x) == whole) return z;
    z = tg__apply_laid(a, tg__notation.reciprocal, x, rank);
    *failed = !z.node;
    return z;
}

/* Powers of x and of a node that is 1/x are one: both become powers of that. */
static bool invert(struct tg__algebraist *a, struct tg__form *f, unsigned whole, int rank) {
    bool failed = false;
    for (int i = 0; i < f->factors && !failed; i++) {
        struct tg__factor *x = &f->factor[i];
        const struct tg__laid r =
            x->power < 0 ? inverse(a, &x->at, whole, rank, &failed) : (struct tg__laid){.node = 0};
        if (!r.node) continue;
        *x = (struct tg__factor){r, (int8_t)-x->power};
        for (int j = 0; j < f->factors; j++) {
            if (j == i || f->factor[j].power < 0 || !tg__same_laid(&f->factor[j].at, &r)) continue;
            f->factor[j].power = (int8_t)(f->factor[j].power + x->power);
            f->factor[i] = f->factor[--f->factors];
            i--;
            break;
        }
    }
    return !failed;
}

/* A factor is there as often as its power says, unless it is alone, or that is too often. */
static bool raise(struct pieces *p, const struct tg__form *f, int sign) {
    for (int i = 0; i < f->factors; i++) {
        struct tg__laid x = f->factor[i].at;
        int times = sign * f->factor[i].power;
        if (times < 0) continue;
        if (times > TIMES || f->factors == 1) {
            x = power(p->a, x, times, p->rank);
            times = 1;
        }
        if (!x.node) return false;
        for (int k = 0; k < times; k++) p->piece[p->count++] = piece_of(p->a, x, k > 0);
    }
    return true;
}

/* The number goes to the smallest, when what lies alike is one. */
static bool scale(struct pieces *p, const struct tg__form *f, tg_dtype dtype) {
    int least = 0;
    if (f->by.value == 1) return true;
    for (int i = 1; i < p->count; i++)
        if (p->piece[i].size < p->piece[least].size) least = i;
    struct tg__laid *x = &p->piece[least].at;
    if (f->by.value == -1) {
        *x = tg__apply_laid(p->a, tg__notation.neg, x, p->rank);
    } else {
        struct tg__laid number = tg__whole(p->a->b->g, tg__built_number(p->a->b, dtype, f->by.value));
        *x = with(p->a, tg__notation.mul, number, *x, p->rank);
    }
    return x->node != 0;
}

struct tg__laid tg__multiplied(struct tg__algebraist *a, const struct tg__form *form, int rank, tg_dtype dtype) {
    const struct tg__laid none = {.node = 0};
    struct tg__form f = *form;
    struct pieces up = {.a = a, .rank = rank}, down = up;
    unsigned whole = 0;
    for (int i = 0; i < f.factors; i++) whole |= tg__mask(&f.factor[i].at);
    if (!invert(a, &f, whole, rank) || !raise(&up, &f, 1) || !raise(&down, &f, -1)) return none;
    if (up.count && (!join_all(&up, 0, 1) || !scale(&up, &f, dtype) || !join_all(&up, 1, PHASES))) return none;
    if (!join_all(&down, 0, PHASES)) return none;
    if (up.count && !down.count) return up.piece[0].at;
    if (!up.count && down.count && f.by.value == 1)
        return tg__apply_laid(a, tg__notation.reciprocal, &down.piece[0].at, rank);
    if (!up.count) {
        const uint32_t number = tg__built_number(a->b, dtype, f.by.value);
        if (!number) return none;
        up.piece[0].at = tg__whole(a->b->g, number);
    }
    return down.count ? with(a, tg__notation.div, up.piece[0].at, down.piece[0].at, rank) : up.piece[0].at;
}
