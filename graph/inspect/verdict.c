/* From measured slopes to a verdict. Everything is judged against the largest gradient of its own column; noise excuses
 * nothing by itself, it only makes a proof impossible. */
#include "inspect.h"

#include <math.h>

enum { MARGIN = 32 }; /* the largest of thousands of noisy numbers stays below so many times their typical size */

const char *tg_verdict_name(tg_verdict v) {
    switch (v) {
    case TG_PASS: return "PASS";
    case TG_FAIL: return "FAIL";
    case TG_VACUOUS: return "VACUOUS";
    case TG_KINK: return "KINK";
    case TG_NOISE: return "NOISE";
    }
    return "";
}

/* The verdict of a leaf is the weightiest of its elements': one that is proved outweighs any that cannot be. */
static int weight(tg_verdict v) {
    static const int weights[] = {[TG_VACUOUS] = 0, [TG_PASS] = 1, [TG_KINK] = 2, [TG_NOISE] = 3, [TG_FAIL] = 4};
    return weights[v];
}

static double ours_at(const struct tg__column *c, size_t row) { return c->ours[c->first + row * c->stride]; }

/* The largest gradient of the column, on either account. Of a slope that is hardly known only the certain part counts:
 * a wild one must not hide what is wrong elsewhere. */
static double scale_of(const struct tg__column *c) {
    double scale = 0;
    for (size_t i = 0; i < c->rows; i++) {
        const double ours = fabs(ours_at(c, i)), certain = fabs(c->slope[i].value) - MARGIN * c->slope[i].noise;
        if (isfinite(ours)) scale = fmax(scale, ours);
        if (isfinite(certain)) scale = fmax(scale, certain);
    }
    return scale;
}

/* A geometric mean: an element that does not settle hardly moves it, nor does one whose quotients agree by luck. */
struct mean {
    double logs;
    size_t count;
};

static void include(struct mean *m, double v) {
    if (!(v > 0) || !isfinite(v)) return;
    m->logs += log(v);
    m->count++;
}

static double value_of(const struct mean *m) { return m->count ? exp(m->logs / (double)m->count) : 0; }

/* Elements that out does not feel have no noise of their own. */
static double typical_noise(const struct tg__column *c) {
    struct mean m = {0, 0};
    for (size_t i = 0; i < c->rows; i++)
        if (c->slope[i].value != 0 || ours_at(c, i) != 0) include(&m, c->slope[i].noise);
    return value_of(&m);
}

static double typical_doubt(const struct tg__column *c) {
    struct mean m = {0, 0};
    for (size_t i = 0; i < c->rows; i++) include(&m, c->doubt[c->first + i * c->stride]);
    return value_of(&m);
}

/* Is nothing in the column larger than what noise or rounding alone would make? */
static bool below_noise(const struct tg__column *c, double typical) {
    const double least = fmax(typical, typical_doubt(c));
    for (size_t i = 0; i < c->rows; i++) {
        const struct tg__slope *s = &c->slope[i];
        const double ours = ours_at(c, i), doubt = c->doubt[c->first + i * c->stride];
        if (!isfinite(ours) || !isfinite(s->value) || s->jump > 0) return false;
        if (fmax(fabs(ours), fabs(s->value)) > MARGIN * fmax(fmax(s->noise, doubt), least)) return false;
    }
    return true;
}

/* A gradient that is not finite is further off than anything allows. One that is exactly right, as 0 is where out does
 * not feel the element, needs no slope that is known well. Nobody is refuted where rounding alone, on the way to out or
 * in the data, would make the difference. */
static tg_verdict verdict_of(const struct tg__slope *s, double ours, double doubt, double noise, double allowed) {
    const double off = fabs(ours - s->value);
    if (!isfinite(s->value)) return TG_NOISE;
    if (s->jump > allowed && off <= TG__SLOPES * s->jump) return TG_KINK;
    if (off == 0) return TG_PASS;
    if (noise <= allowed && off <= allowed + noise) return TG_PASS;
    return off <= allowed + MARGIN * fmax(noise, fmax(s->inner, doubt)) ? TG_NOISE : TG_FAIL;
}

static double over(double part, double scale) { return part == 0 ? 0 : isfinite(part) ? part / scale : INFINITY; }

/* Luck makes a noise look small, but not that small; nor must neighbours that do not settle make it large. */
static double noise_of(const struct tg__slope *s, double typical) {
    return fmax(s->noise, fmin(typical, MARGIN * s->noise));
}

void tg__judge(tg_check *check, const struct tg__column *c) {
    const double scale = scale_of(c), typical = typical_noise(c);
    const bool vacuous = below_noise(c, typical);
    check->columns++;
    check->vacuous += vacuous;
    for (size_t i = 0; i < c->rows; i++) {
        const struct tg__slope *s = &c->slope[i];
        const size_t index = c->first + i * c->stride;
        const double ours = c->ours[index], largest = fmax(scale, fabs(s->value)); /* the same unless that is noise */
        const double error = over(fabs(ours - s->value), largest);
        const tg_verdict v =
            vacuous ? TG_VACUOUS : verdict_of(s, ours, c->doubt[index], noise_of(s, typical), c->tolerance * scale);
        const int more = weight(v) - weight(check->verdict);
        if (check->checked++ > 0 && (more < 0 || (more == 0 && error <= check->error))) continue;
        check->verdict = v;
        check->error = error;
        check->index = index;
        check->ours = ours;
        check->numeric = s->value;
        check->noise = over(s->noise, largest);
    }
}
