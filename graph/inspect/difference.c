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

enum { RUNGS = 48, FIRST = 4, WINDOW = 4, OVERRULES = 8 }; /* the search begins at reach / 16, goes down, then up */

struct rung {
    double slope, bend; /* C and J */
    double floor;       /* what the rounding of f alone does to them; */
    double least;       /* the same if f were no larger than at x, as it will be when steps are short */
    double inner;       /* what rounding on the way to f may do */
    bool felt;          /* some output moved */
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

/* Rounding: half a unit in the last place of every output that this element has ever moved, at random. As long as it
 * moves none, the change may have been lost in any of them. */
static void compare(const struct tg__objective *f, const double *low, double step, double width, struct rung *r) {
    struct sum odd = {0, 0}, even = {0, 0};
    double moved = 0, still = 0, least = 0;
    r->felt = false;
    for (size_t k = 0; k < f->outputs; k++) {
        const double p = f->high[k], m = low[k], b = f->base[k], c = f->cotangent[k];
        const double size = c * (fabs(p) + fabs(m)) / 2;
        const bool moves = p != b || m != b;
        f->moved[k] |= moves;
        if (isfinite(size)) *(f->moved[k] ? &moved : &still) += size * size;
        if (f->moved[k]) least += c * b * c * b;
        if (!moves) continue;
        r->felt = true;
        add(&odd, c * (p - m));
        add(&even, c * ((p - b) + (m - b)));
    }
    r->slope = (odd.high + odd.low) / width;
    r->bend = (even.high + even.low) / step;
    r->inner = f->rounding / step;
    r->floor = DBL_EPSILON / 2 * sqrt(moved > 0 ? moved : still) / step;
    r->least = DBL_EPSILON / 2 * sqrt(least) / step;
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

/* -------------------------------------------------------------------------------------- what neighbouring rungs say */

struct view {
    struct tg__slope slope;
    bool felt;
};

static double fourth(const struct rung *r) { return (4 * r[1].slope - r[0].slope) / 3; }
static double one_sided(const struct rung *r) { return 2 * r[1].bend - r[0].bend; } /* J's limit, but for h³ */

/* Three quotients, because two may agree by luck; once rounding rules, the third is twice as noisy. What J tends to
 * falls by 8 from rung to rung where the function is smooth, and stays where it jumps. */
static struct view look(const struct rung *r) {
    const double d[3] = {fourth(r), fourth(r + 1), fourth(r + 2)};
    struct view v = {.slope = {.value = (16 * d[1] - d[0]) / 15, .noise = INFINITY}};
    for (int i = 0; i < WINDOW; i++) v.felt |= r[i].felt;
    v.slope.inner = r[WINDOW - 1].inner;
    if (!isfinite(v.slope.value) || !isfinite(d[2])) return v;
    v.slope.noise = fmax(fmax(fabs(d[1] - d[0]), fabs(d[2] - d[1]) / 2), r[2].floor);
    const double before = one_sided(r + 1), jump = one_sided(r + 2), change = fabs(jump - before);
    if (fabs(jump) > 4 * change && fabs(jump) > 64 * v.slope.noise) v.slope.jump = fabs(jump);
    return v;
}

/* Long steps that move an output and short ones that do not: was the movement lost in rounding, or is the function
 * constant here and only further off not? It was lost if the long steps tell a smooth slope. */
static bool is_smooth_slope(const struct view *v) {
    return v->slope.jump == 0 && fabs(v->slope.value) > 64 * v->slope.noise;
}

/* A shorter step that differs by far more than it may be off overrules a longer one, however well that seems to be
 * known: the function bends on the way, as batchnorm does where a column is all but constant. */
static bool overrules(const struct view *v, const struct view *best) {
    const double off = fmax(v->slope.noise, v->slope.inner);
    return v->felt && isfinite(best->slope.noise) && fabs(v->slope.value - best->slope.value) > OVERRULES * off;
}

static bool is_better(const struct view *v, const struct view *best) {
    if (v->felt && !best->felt && isfinite(best->slope.noise)) return is_smooth_slope(v);
    if (!v->felt && best->felt) return !is_smooth_slope(best);
    return v->slope.noise < best->slope.noise;
}

/* ---------------------------------------------------------------------------------------------------- the search */

struct search {
    double ours, tolerance, scale;
    struct view best;
};

static double allowed(const struct search *s, const struct tg__slope *slope) {
    return s->tolerance * (isfinite(slope->noise) ? fmax(s->scale, fabs(slope->value)) : s->scale);
}

static bool is_enough(const struct search *s, const struct tg__slope *slope) {
    return slope->noise <= allowed(s, slope) / 8;
}

/* True: no need to look further. What agrees may still be the mean of two slopes; what does not is looked at with all
 * steps before it is believed. */
static bool consider(struct search *s, const struct rung *r, bool shorter) {
    const struct view v = look(r);
    const double may = allowed(s, &v.slope), off = fabs(s->ours - v.slope.value);
    const bool done = is_enough(s, &v.slope) && off <= may + v.slope.noise && v.slope.jump <= may;
    const bool better = shorter ? is_better(&v, &s->best) || overrules(&v, &s->best)
                                : is_better(&v, &s->best) && !overrules(&s->best, &v);
    if (done || better) s->best = v;
    return done;
}

static tg_status descend(const struct tg__objective *f, size_t element, double reach, struct rung *rung,
                         struct search *s, bool *found) {
    const double shortest = fabs(f->x[element]) * 0x1p-49; /* of which too few bits are left */
    for (int k = FIRST; k < RUNGS && !*found; k++) {
        const double step = ldexp(reach, -k);
        tg_status status = measure(f, element, step, &rung[k]);
        if (status) return status;
        if (k < FIRST + WINDOW - 1) continue;
        const struct rung *r = &rung[k - WINDOW + 1];
        *found = consider(s, r, true);
        if (rung[k].least > allowed(s, &s->best.slope)) break; /* only noisier from here */
        if (step < shortest || !(r[0].felt || rung[k].felt)) break;
    }
    return TG_OK;
}

/* What an infinite output depends on does not show: none of its differences can refute anything. */
static bool is_blind(const struct tg__objective *f) {
    for (size_t k = 0; k < f->outputs; k++)
        if (isinf(f->base[k]) && f->cotangent[k] != 0) return true;
    return false;
}

tg_status tg__difference(const struct tg__objective *f, size_t element, double reach, double ours, double tolerance,
                         double scale, struct tg__slope *slope) {
    struct rung rung[RUNGS];
    struct search s = {.ours = ours, .tolerance = tolerance, .scale = scale};
    s.best.slope = (struct tg__slope){.value = NAN, .noise = INFINITY};
    if (f->outputs) memset(f->moved, 0, f->outputs * sizeof *f->moved);
    bool found = false;
    tg_status status = descend(f, element, reach, rung, &s, &found);
    found |= s.best.felt && (s.best.slope.jump > allowed(&s, &s.best.slope) || is_enough(&s, &s.best.slope));
    for (int k = FIRST; k-- > 0 && !found && !status;) {
        status = measure(f, element, ldexp(reach, -k), &rung[k]);
        if (!status) found = consider(&s, &rung[k], false);
    }
    *slope = s.best.slope;
    if (is_blind(f)) slope->inner = INFINITY;
    return status;
}
