/* A form as nodes: what varies along fewer axes is multiplied first, so that as little as possible is done for each
 * element; a division by it is one for each of its elements, and a product with the reciprocal for each of the whole.
 *
 * Two divisors are never multiplied with each other, nor is a factor with itself, unless the tape does so: x/y/y is no
 * x/y², which over- or underflows where the tape's quotients do not. */
#include "form.h"

enum { PHASES = 5, LAST = PHASES - 1, PIECES = 32 };

struct piece {
    struct tg__laid at;
    unsigned mask;
    double size;
    int degree;   /* of how many factors more than reciprocals it is the product */
    bool divides; /* it is to be divided by */
    bool late;    /* one more of a factor that is there several times */
};

struct pieces {
    struct tg__algebraist *a;
    int rank, count;
    struct piece piece[PIECES];
};

static struct piece piece_of(const struct tg__algebraist *a, struct tg__laid at, int degree) {
    const double size = at.node ? (double)tg__node_of(a->b->g, at.node)->shape->count : 0;
    return (struct piece){.at = at, .mask = tg__mask(&at), .size = size, .degree = degree};
}

static struct tg__laid with(struct tg__algebraist *a, const struct tg_op *op, struct tg__laid x, struct tg__laid y,
                            int rank) {
    return tg__apply_laid(a, op, (struct tg__laid[]){x, y}, rank);
}

/* ------------------------------------------------------------------------------------------------- joining pieces */

/* One order for equal products: the larger first, then the older. */
static struct tg__laid product(const struct pieces *p, int i, int j) {
    const struct piece *x = &p->piece[i], *y = &p->piece[j];
    if (x->divides) return with(p->a, tg__notation.div, y->at, x->at, p->rank);
    if (y->divides) return with(p->a, tg__notation.div, x->at, y->at, p->rank);
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
    p->piece[i] = piece_of(p->a, product(p, i, j), p->piece[i].degree + p->piece[j].degree);
    p->piece[j] = p->piece[--p->count];
    return p->piece[i].at.node != 0;
}

/* Reciprocals wait for a factor, one more of a factor waits for a reciprocal, and equal ones for others, as long as they
 * can. */
static bool waits(const struct piece *x, const struct piece *y) {
    return x->degree + y->degree < -1 || ((x->late || y->late) && x->degree > 0 && y->degree > 0) ||
           tg__same_laid(&x->at, &y->at);
}

/* May i be multiplied into j while the rest waits? First what lies alike; then what is less into what is more, and what
 * lies otherwise, as long as it does not become the whole; at last anything, the whole first. */
static bool may_join(const struct pieces *p, int i, int j, unsigned whole, int phase) {
    const unsigned x = p->piece[i].mask, y = p->piece[j].mask;
    if (p->piece[i].divides && p->piece[j].divides) return false;
    if (phase < LAST && waits(&p->piece[i], &p->piece[j])) return false;
    if (phase == 0) return x == y;
    if (phase == 1) return (x & y) == x && y != whole;
    if (phase == 2) return (x | y) != whole;
    return y == whole || phase == LAST;
}

/* Of those that may, a product that is there already, otherwise none with a late one, otherwise a quotient, otherwise
 * the smallest. */
static bool best(const struct pieces *p, unsigned whole, int phase, int *x, int *y) {
    double least = 0;
    int rank = -1;
    for (int i = 0; i < p->count; i++)
        for (int j = 0; j < p->count; j++) {
            if (i == j || !may_join(p, i, j, whole, phase)) continue;
            const struct piece *a = &p->piece[i], *b = &p->piece[j];
            const double size = a->size + b->size;
            const bool known = phase != 1 && is_there(p, i, j), quotient = a->degree + b->degree == 0;
            const int own = 4 * known + 2 * !(a->late || b->late) + quotient;
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

/* A node that exists already costs nothing, in whatever layout. */
static bool join_known(struct pieces *p) {
    for (int i = 0; i < p->count; i++)
        for (int j = i + 1; j < p->count; j++) {
            const struct piece *x = &p->piece[i], *y = &p->piece[j];
            if ((x->divides && y->divides) || waits(x, y) || !is_there(p, i, j)) continue;
            if (!join(p, i, j)) return false;
            i = -1;
            break;
        }
    return true;
}

/* ----------------------------------------------------------------------------------------------- factors as pieces */

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

/* Powers of x and of a node that is 1/x are one: both become powers of that. turned: which are such. */
static bool invert(struct tg__algebraist *a, struct tg__form *f, unsigned whole, int rank, bool *turned) {
    bool failed = false;
    for (int i = 0; i < f->factors && !failed; i++) {
        struct tg__factor *x = &f->factor[i];
        const struct tg__laid r =
            x->power < 0 ? inverse(a, &x->at, whole, rank, &failed) : (struct tg__laid){.node = 0};
        if (!r.node) continue;
        *x = (struct tg__factor){r, (int8_t)-x->power, x->made};
        turned[i] = true;
        for (int j = 0; j < f->factors; j++) {
            struct tg__factor *y = &f->factor[j];
            if (j == i || y->power < 0 || !tg__same_laid(&y->at, &r)) continue;
            y->power = (int8_t)(y->power + x->power);
            y->made = y->made > x->made ? y->made : x->made;
            turned[j] = true;
            f->factor[i] = f->factor[--f->factors];
            turned[i] = turned[f->factors];
            i--;
            break;
        }
    }
    return !failed;
}

/* A factor is there as often as its power says, in powers that the tape makes; one that is alone is one power, which is
 * what the tape has too. */
static bool raise(struct pieces *p, const struct tg__form *f, const bool *turned) {
    for (int i = 0; i < f->factors; i++) {
        const struct tg__factor *x = &f->factor[i];
        const bool divides = x->power < 0;
        int left = divides ? -x->power : x->power;
        for (bool late = false; left > 0; late = true) {
            const int n = f->factors == 1 || p->count + f->factors >= PIECES ? left : x->made < left ? x->made : left;
            struct piece z = piece_of(p->a, power(p->a, x->at, n, p->rank), divides || turned[i] ? -n : n);
            if (!z.at.node) return false;
            z.divides = divides;
            z.late = late;
            p->piece[p->count++] = z;
            left -= n;
        }
    }
    return true;
}

/* Something to divide: the number, or the first reciprocal. */
static bool start(struct pieces *p, double by, tg_dtype dtype) {
    for (int i = 0; i < p->count; i++)
        if (!p->piece[i].divides) return true;
    if (p->count && by == 1) {
        struct piece *x = &p->piece[0];
        *x = piece_of(p->a, tg__apply_laid(p->a, tg__notation.reciprocal, &x->at, p->rank), x->degree);
        return x->at.node != 0;
    }
    const uint32_t number = tg__built_number(p->a->b, dtype, by);
    p->piece[p->count++] = piece_of(p->a, tg__whole(p->a->b->g, number), 0);
    return number != 0;
}

/* The number goes to the smallest, when what lies alike is one. */
static bool scale(struct pieces *p, double by, tg_dtype dtype) {
    int least = -1;
    if (by == 1) return true;
    for (int i = 0; i < p->count; i++)
        if (!p->piece[i].divides && (least < 0 || p->piece[i].size < p->piece[least].size)) least = i;
    struct tg__laid *x = &p->piece[least].at;
    if (by == -1) {
        *x = tg__apply_laid(p->a, tg__notation.neg, x, p->rank);
    } else {
        const struct tg__laid number = tg__whole(p->a->b->g, tg__built_number(p->a->b, dtype, by));
        *x = with(p->a, tg__notation.mul, number, *x, p->rank);
    }
    return x->node != 0;
}

struct tg__laid tg__multiplied(struct tg__algebraist *a, const struct tg__form *form, int rank, tg_dtype dtype) {
    const struct tg__laid none = {.node = 0};
    struct tg__form f = *form;
    struct pieces p = {.a = a, .rank = rank};
    bool turned[TG__FACTORS] = {false}, started = false;
    unsigned whole = 0;
    for (int i = 0; i < f.factors; i++) whole |= tg__mask(&f.factor[i].at);
    if (!invert(a, &f, whole, rank, turned) || !raise(&p, &f, turned)) return none;
    for (int i = 0; i < p.count; i++) started |= !p.piece[i].divides;
    if (!start(&p, f.by.value, dtype) || !join_known(&p) || !join_all(&p, 0, 1)) return none;
    if ((started || f.by.value == 1) && !scale(&p, f.by.value, dtype)) return none;
    return join_all(&p, 1, PHASES) ? p.piece[0].at : none;
}
