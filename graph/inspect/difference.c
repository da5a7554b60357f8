/* The slope of an objective in one element, by differences of function values.
 *
 * C(h) = (f(x + h) - f(x - h)) / 2h is measured on a ladder of steps, each half the one before, so that the
 * fourth-order quotient D(h) = (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h = (4 C(h) - C(2h)) / 3 and its
 * extrapolation (16 D(h/2) - D(h)) / 15 share their function values. The rung is taken where neighbouring D agree best;
 * how far they do not is the noise. A kink within reach of the steps keeps them apart until the steps are shorter than
 * the way to it; a kink at x itself lets them agree, on the mean of two slopes, but the difference of the one-sided
 * quotients, J(h) = (f(x+h) - 2 f(x) + f(x-h)) / h, then tends to the jump and not to 0. */
#include "inspect.h"

#include <float.h>
#include <math.h>

enum { RUNGS = 48, FIRST = 4, WINDOW = 4 }; /* the search begins at spread / 16, goes down, then up */

struct rung {
    double slope, bend; /* C and J */
    double floor;       /* what the rounding of f alone does to them */
};

/* A sum with its rounding errors carried along (Knuth's two-sum). */
struct sum {
    double high, low;
};

static void add(struct sum *s, double v) {
    double t = s->high + v, back = t - s->high;
    s->low += (s->high - (t - back)) + (v - back);
    s->high = t;
}

static double minus(double a, double b) { return a == b ? 0 : a - b; } /* of infinities too */

/* Rounding: half a unit in the last place of every output that moves, at random. Where none does, the change may have
 * been lost in any of them. */
static void compare(const struct tg__objective *f, const double *low, double step, double width, struct rung *r) {
    struct sum odd = {0, 0}, even = {0, 0};
    double moved = 0, still = 0;
    for (size_t k = 0; k < f->outputs; k++) {
        const double p = f->high[k], m = low[k], b = f->base[k], c = f->cotangent[k];
        const double size = c * (fabs(p) + fabs(m)) / 2;
        if (p == b && m == b) {
            still += size * size;
            continue;
        }
        moved += size * size;
        add(&odd, c * minus(p, m));
        add(&even, c * (minus(p, b) + minus(m, b)));
    }
    r->slope = (odd.high + odd.low) / width;
    r->bend = (even.high + even.low) / step;
    r->floor = DBL_EPSILON / 2 * sqrt(moved > 0 ? moved : still) / step;
}

static tg_status move(const struct tg__objective *f, size_t element, double v) {
    f->x[element] = v;
    tg_status status = tg_set(f->leaf, f->x);
    return status ? status : tg_run_to(f->out);
}

static tg_status measure(const struct tg__objective *f, size_t element, double step, struct rung *r) {
    const double x = f->x[element], high = x + step, low = x - step;
    tg_status status = move(f, element, high);
    if (!status) {
        if (f->outputs) memcpy(f->high, tg_value(f->out), f->outputs * sizeof *f->high);
        status = move(f, element, low);
    }
    f->x[element] = x;
    if (!status) compare(f, tg_value(f->out), step, high - low, r); /* the width that the rounded ends really have */
    return status;
}

/* ---------------------------------------------------------------------------------------------------- the ladder */

static double fourth(const struct rung *r) { return (4 * r[1].slope - r[0].slope) / 3; }
static double one_sided(const struct rung *r) { return 2 * r[1].bend - r[0].bend; } /* J's limit, but for h³ */

/* What four neighbouring rungs say. Three quotients, because two may agree by luck; once rounding rules, the third is
 * twice as noisy. A smooth function's J falls by 8 where a jump's stays. */
static struct tg__slope judge(const struct rung *r) {
    const double d[3] = {fourth(r), fourth(r + 1), fourth(r + 2)};
    struct tg__slope s = {.value = (16 * d[1] - d[0]) / 15, .noise = INFINITY};
    if (!isfinite(s.value) || !isfinite(d[2])) return s;
    s.noise = fmax(fmax(fabs(d[1] - d[0]), fabs(d[2] - d[1]) / 2), r[2].floor);
    const double before = one_sided(r + 1), jump = one_sided(r + 2);
    if (fabs(jump) > 4 * fabs(jump - before) && fabs(jump) > 64 * s.noise) s.jump = fabs(jump);
    return s;
}

/* Keeps the better of the two. True: no need to look further. */
static bool consider(struct tg__slope *best, const struct rung *r, double tolerance, double scale) {
    const struct tg__slope s = judge(r);
    const double allowed = tolerance * fmax(scale, fabs(s.value));
    const bool done = s.noise <= allowed / 8 && s.jump <= allowed;
    if (done || s.noise < best->noise) *best = s;
    return done;
}

tg_status tg__difference(const struct tg__objective *f, size_t element, double reach, double tolerance, double scale,
                         struct tg__slope *best) {
    const double shortest = fabs(f->x[element]) * 0x1p-44; /* of which too few bits are left */
    struct rung rung[RUNGS];
    *best = (struct tg__slope){.value = NAN, .noise = INFINITY};
    for (int k = FIRST; k < RUNGS; k++) {
        const double step = ldexp(reach, -k);
        tg_status status = measure(f, element, step, &rung[k]);
        if (status) return status;
        if (k > FIRST) rung[k].floor = fmax(rung[k].floor, 2 * rung[k - 1].floor); /* what moved there counts here */
        if (k < FIRST + WINDOW - 1) continue;
        if (consider(best, &rung[k - WINDOW + 1], tolerance, scale)) return TG_OK;
        const double allowed = tolerance * fmax(scale, isfinite(best->noise) ? fabs(best->value) : 0);
        if (rung[k].floor > allowed || step < shortest) break; /* shorter steps can only be noisier */
    }
    if (best->jump > tolerance * scale) return TG_OK; /* longer steps would not resolve it either */
    for (int k = FIRST; k-- > 0;) {
        tg_status status = measure(f, element, ldexp(reach, -k), &rung[k]);
        if (status) return status;
        if (consider(best, &rung[k], tolerance, scale)) return TG_OK;
    }
    return TG_OK;
}
