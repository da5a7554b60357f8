/* Gradients over the whole range of the numbers. Every elementwise row, every operand, both signs and both dtypes, first
 * and second order, against closed forms in long double, whose range holds every square and cube of a double. A gradient
 * has to be right wherever it can be represented: no square on the way may overflow or vanish. */
#define _XOPEN_SOURCE 700 /* M_PI */
#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>
#include <float.h>

TestSuite(range, .timeout = 120);

/* --------------------------------------------------------------------------------- closed forms: slopes and curvatures */

typedef long double real;

struct slopes {
    real d[3], h[3][3]; /* dz/d slot, d²z/d slot d also */
};

static real sigmoid(real x) { return 1 / (1 + expl(-x)); }
static real density(real x) { return expl(-x * x / 2) / sqrtl(2 * acosl(-1)); }

#define SLOPE(id, first, second)                                                                                       \
    static struct slopes of_##id(const real *v) {                                                                      \
        const real x = v[0];                                                                                           \
        (void)x;                                                                                                       \
        return (struct slopes){.d = {first}, .h = {{second}}};                                                         \
    }
SLOPE(neg, -1, 0)
SLOPE(abs, x < 0 ? -1 : 1, 0)
SLOPE(square, 2 * x, 2)
SLOPE(sqrt, 0.5L / sqrtl(x), -0.25L / x / sqrtl(x))
SLOPE(root, 0.5L / sqrtl(x), -0.25L / x / sqrtl(x))
SLOPE(rsqrt, -0.5L / x / sqrtl(x), 0.75L / x / x / sqrtl(x))
SLOPE(reciprocal, -1 / x / x, 2 / x / x / x)
SLOPE(exp, expl(x), expl(x))
SLOPE(expm1, expl(x), expl(x))
SLOPE(log, 1 / x, -1 / x / x)
SLOPE(log1p, 1 / (1 + x), -1 / (1 + x) / (1 + x))
SLOPE(log2, 1 / x / logl(2), -1 / x / x / logl(2))
SLOPE(sin, cosl(x), -sinl(x))
SLOPE(cos, -sinl(x), -cosl(x))
SLOPE(tan, 1 + tanl(x) * tanl(x), 2 * tanl(x) * (1 + tanl(x) * tanl(x)))
SLOPE(asin, 1 / sqrtl((1 - x) * (1 + x)), x / powl((1 - x) * (1 + x), 1.5L))
SLOPE(acos, -1 / sqrtl((1 - x) * (1 + x)), -x / powl((1 - x) * (1 + x), 1.5L))
SLOPE(atan, 1 / (1 + x * x), -2 * x / (1 + x * x) / (1 + x * x))
SLOPE(sinh, coshl(x), sinhl(x))
SLOPE(cosh, sinhl(x), coshl(x))
SLOPE(tanh, 1 / coshl(x) / coshl(x), -2 * tanhl(x) / coshl(x) / coshl(x))
SLOPE(erf, 2 / sqrtl(acosl(-1)) * expl(-x * x), -4 * x / sqrtl(acosl(-1)) * expl(-x * x))
SLOPE(erfc, -2 / sqrtl(acosl(-1)) * expl(-x * x), 4 * x / sqrtl(acosl(-1)) * expl(-x * x))
SLOPE(relu, x > 0, 0)
SLOPE(sigmoid, sigmoid(x) * sigmoid(-x), sigmoid(x) * sigmoid(-x) * (sigmoid(-x) - sigmoid(x)))
SLOPE(softplus, sigmoid(x), sigmoid(x) * sigmoid(-x))
SLOPE(silu, sigmoid(x) * (1 + x * sigmoid(-x)),
      sigmoid(x) * sigmoid(-x) * (2 + x * (sigmoid(-x) - sigmoid(x))))
SLOPE(gelu, erfcl(-x * sqrtl(0.5L)) / 2 + x * density(x), density(x) * (2 - x * x))

static struct slopes of_gelu_tanh(const real *v) {
    const real x = v[0], k = 2 * sqrtl(2 / acosl(-1)), u = k * x * (1 + 0.044715L * x * x);
    const real du = k * (1 + 3 * 0.044715L * x * x), ddu = k * 6 * 0.044715L * x;
    const real rise = sigmoid(u), fall = sigmoid(-u);
    return (struct slopes){.d = {rise + x * rise * fall * du},
                           .h = {{rise * fall * (2 * du + x * (fall - rise) * du * du + x * ddu)}}};
}
static struct slopes of_leaky_relu(const real *v) {
    return v[0] > 0 ? (struct slopes){.d = {1}} : (struct slopes){.d = {v[1], v[0]}, .h = {{0, 1}, {1, 0}}};
}
static struct slopes of_elu(const real *v) {
    const real e = expl(v[0]);
    return v[0] > 0 ? (struct slopes){.d = {1}}
                    : (struct slopes){.d = {v[1] * e, expm1l(v[0])}, .h = {{v[1] * e, e}, {e, 0}}};
}
static struct slopes of_clamp(const real *v) {
    const real low = fmaxl(v[0], v[1]);
    return (struct slopes){.d = {v[1] <= v[0] && v[0] <= v[2], v[0] < v[1] && v[1] <= v[2], low > v[2]}};
}
static struct slopes of_add(const real *v) { return (void)v, (struct slopes){.d = {1, 1}}; }
static struct slopes of_sub(const real *v) { return (void)v, (struct slopes){.d = {1, -1}}; }
static struct slopes of_mul(const real *v) { return (struct slopes){.d = {v[1], v[0]}, .h = {{0, 1}, {1, 0}}}; }
static struct slopes of_div(const real *v) {
    const real x = v[0], y = v[1];
    return (struct slopes){.d = {1 / y, -x / y / y}, .h = {{0, -1 / y / y}, {-1 / y / y, 2 * x / y / y / y}}};
}
static struct slopes of_ratio(const real *v) { return of_div(v); }
static struct slopes of_pow(const real *v) {
    const real x = v[0], y = v[1], l = logl(x), z = powl(x, y), once = powl(x, y - 1), mixed = once * (1 + y * l);
    return (struct slopes){.d = {y * once, z * l}, .h = {{y * (y - 1) * powl(x, y - 2), mixed}, {mixed, z * l * l}}};
}
/* Where two are equal nothing is known of the derivative of a slope: test_extremes says what comes out. */
static real unknown(real x, real y) { return x == y ? (real)NAN : 0; }
static struct slopes of_maximum(const real *v) {
    const real u = unknown(v[0], v[1]);
    return (struct slopes){.d = {v[0] > v[1] ? 1 : v[0] < v[1] ? 0 : 0.5L, v[1] > v[0] ? 1 : v[1] < v[0] ? 0 : 0.5L},
                           .h = {{u, u}, {u, u}}};
}
static struct slopes of_minimum(const real *v) { return of_maximum((real[]){-v[0], -v[1]}); }
static struct slopes of_atan2(const real *v) {
    const real x = v[0], y = v[1], r = x * x + y * y;
    const real xx = -2 * x / r * y / r, xy = (x - y) / r * (x + y) / r;
    return (struct slopes){.d = {y / r, -x / r}, .h = {{xx, xy}, {xy, -xx}}};
}
static struct slopes of_hypot(const real *v) {
    const real x = v[0], y = v[1], r = sqrtl(x * x + y * y), xy = -x / r * y / r / r;
    return (struct slopes){.d = {x / r, y / r}, .h = {{y / r * y / r / r, xy}, {xy, x / r * x / r / r}}};
}
static struct slopes of_turn(const real *v) { return (struct slopes){.d = {v[1] > 0 ? 1 : -1}}; }
static struct slopes of_larger(const real *v) {
    const real u = unknown(v[0], v[1]);
    return (struct slopes){.d = {u, u, v[0] > v[1] ? 1 : v[0] < v[1] ? 0 : 0.5L}, .h = {{u, u, u}, {u, u, u}, {u, u}}};
}
static struct slopes of_tied(const real *v) { return (struct slopes){.d = {0, 0, v[0] == v[1]}}; }
static struct slopes of_where(const real *v) { return (struct slopes){.d = {0, v[0] != 0, v[0] == 0}}; }

#define ROW(id) {#id, of_##id}
static const struct truth {
    const char *op;
    struct slopes (*of)(const real *v);
} truths[] = {ROW(neg),     ROW(abs),     ROW(square),     ROW(sqrt), ROW(rsqrt), ROW(reciprocal), ROW(exp),
              ROW(expm1),   ROW(log),     ROW(log1p),      ROW(log2), ROW(sin),   ROW(cos),        ROW(tan),
              ROW(asin),    ROW(acos),    ROW(atan),       ROW(sinh), ROW(cosh),  ROW(tanh),       ROW(erf),
              ROW(erfc),    ROW(relu),    ROW(leaky_relu), ROW(elu),  ROW(sigmoid), ROW(softplus), ROW(silu),
              ROW(gelu),    ROW(gelu_tanh), ROW(clamp),    ROW(add),  ROW(sub),   ROW(mul),        ROW(div),
              ROW(pow),     ROW(maximum), ROW(minimum),    ROW(atan2), ROW(hypot), ROW(root), ROW(ratio), ROW(where),
              ROW(turn),    ROW(larger),  ROW(tied)};

/* ------------------------------------------------------------------------------------------------- what is not so */

enum { FIRST = 1, SECOND = 2 };

struct spot { /* where an element is looked at */
    const double *v;
    double c, greatest;  /* the cotangent; of the dtype */
    int order, slot, also;
};

static bool beyond(real a, const struct spot *s) { return fabsl(a) > s->greatest || fabsl(a) < 1 / (real)s->greatest; }

static bool tanh_far(const struct spot *s) { return fabs(s->v[0]) > 1; }
static bool elu_far(const struct spot *s) { return s->slot == 0 && s->v[0] < -1; }
static bool sigmoid_near(const struct spot *s) { return s->order == SECOND && fabs(s->v[0]) < 1; }
static bool square_far(const struct spot *s) { return fabs(s->v[0]) > s->greatest / 2; }
static bool quotient_far(const struct spot *s) {
    return s->slot == 1 && (beyond((real)s->c * s->v[0] / s->v[1], s) || beyond((real)s->v[0] / s->v[1], s));
}
static bool power_far(const struct spot *s) {
    bool far = beyond(4 * (real)s->v[1], s) || beyond(s->v[1], s);
    for (int k = 0; k <= s->order; k++)
        far |= beyond(powl(s->v[0], (real)s->v[1] - k), s) || beyond(4 * powl(s->v[0], (real)s->v[1] - k), s);
    return far;
}
static bool angle_far(const struct spot *s) {
    const real rr = (real)s->v[0] * s->v[0] + (real)s->v[1] * s->v[1], share = s->v[!s->slot] / sqrtl(rr);
    return beyond(sqrtl(rr), s) || beyond(share, s) || beyond(s->c * share, s) || (s->order == SECOND && beyond(rr, s));
}
static bool hypot_far(const struct spot *s) {
    const real h = sqrtl((real)s->v[0] * s->v[0] + (real)s->v[1] * s->v[1]);
    return beyond(h, s) || (s->order == SECOND && s->slot == s->also && fabs(s->v[s->slot]) > fabs(s->v[!s->slot]));
}

/* Each with its region and reason.
 *   tanh     |x| > 1: the slope 1 - z² is right to a unit of roundoff of 1, not of itself. 1/cosh(x)² would be right
 *            throughout, at the price of a second transcendental function for every element.
 *   elu      x < -1: z + alpha is right to a unit of roundoff of alpha, for the same reason.
 *   sigmoid  second order, |x| < 1: z sigmoid(-x) (sigmoid(-x) - z), of which the difference is right to a unit of
 *            roundoff of 1; so is its mirror image, and the true value is 0 at 0.
 *   square   |x| > max/2: 2x overflows. The value x² has overflowed long before.
 *   div      y, where x/y or g·x/y is beyond the range and g·x/y² is not; so for ratio.
 *   pow      where xʸ, xʸ⁻¹ or, for the second order, xʸ⁻², or y times g, is beyond the range and a product of them is not.
 *   atan2    where r = √(x² + y²), y/r or g·y/r is beyond the range; second order, where r² is: 1/r² is a term of it.
 *   hypot    where the value, or one over it, is beyond the range; second order, x twice, where |x| > |y|: 1 - (x/z)²
 *            is right to a unit of roundoff of 1. */
static const struct exception {
    const char *op;
    bool (*at)(const struct spot *s);
} exceptions[] = {{"tanh", tanh_far},    {"elu", elu_far},       {"sigmoid", sigmoid_near},
                  {"square", square_far}, {"div", quotient_far},  {"ratio", quotient_far},
                  {"pow", power_far},    {"atan2", angle_far},   {"hypot", hypot_far}};

static bool is_excepted(const char *op, const struct spot *s) {
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (strcmp(op, exceptions[i].op) == 0 && exceptions[i].at(s)) return true;
    return false;
}

/* ------------------------------------------------------------------------------------------------------- the points */

enum { MOST = 400 };

/* Powers of ten through the range, numbers near 1 from both sides, and where exponentials leave the range. */
static size_t magnitudes(tg_dtype dtype, int thinning, double *m) {
    static const double others[] = {0.3, 0.7, 1, 1.5, 2.5, 5, 9, 12, 19, 27, 36, 60, 85, 300, 700};
    const int low = dtype == TG_F64 ? -300 : -44, high = dtype == TG_F64 ? 300 : 38, step = dtype == TG_F64 ? 12 : 2;
    size_t n = 0;
    for (int e = low; e <= high; e += step * thinning) m[n++] = 1.37 * pow(10, e);
    for (int k = 1; k <= (dtype == TG_F64 ? 52 : 23); k += 3 * thinning) {
        m[n++] = 1 - ldexp(1, -k);
        m[n++] = 1 + ldexp(1, -k);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i += (size_t)thinning) m[n++] = others[i];
    m[n++] = dtype == TG_F64 ? 0.9 * DBL_MAX : 0.9 * (double)FLT_MAX;
    for (size_t i = 0; i < n; i++) m[n + i] = -m[i];
    for (size_t i = 0; i < 2 * n && dtype == TG_F32; i++) m[i] = (float)m[i];
    return 2 * n;
}

struct sweep {
    const struct tg_op *op;
    const struct truth *truth;
    tg_dtype dtype;
    size_t count;
    double *v[3], *c, *t; /* operands, cotangent, tangent */
};

static void fill_points(struct sweep *s, uint64_t *state, double scale) {
    double m[MOST];
    const size_t n = magnitudes(s->dtype, s->op->operands == 1 ? 1 : s->op->operands == 2 ? 2 : 6, m);
    s->count = 1;
    for (int k = 0; k < s->op->operands; k++) s->count *= n;
    for (int k = 0; k < s->op->operands; k++) s->v[k] = malloc(s->count * sizeof(double));
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0, at = i; k < (size_t)s->op->operands; k++, at /= n) s->v[k][i] = m[at % n];
    s->c = random_array(state, s->count, 0.5, 2);
    s->t = random_array(state, s->count, 0.5, 2);
    for (size_t i = 0; i < s->count; i++) {
        s->c[i] *= random_between(state, -1, 1) < 0 ? -scale : scale;
        s->t[i] *= random_between(state, -1, 1) < 0 ? -1 : 1;
        if (s->dtype == TG_F32) s->c[i] = (float)s->c[i], s->t[i] = (float)s->t[i];
    }
}

static void free_points(struct sweep *s) {
    for (int k = 0; k < s->op->operands; k++) free(s->v[k]);
    free(s->c);
    free(s->t);
}

/* -------------------------------------------------------------------------------------------------------- the check */

static real wanted(const struct sweep *s, size_t i, const struct spot *spot, int slot, double by) {
    real v[3] = {0};
    for (int k = 0; k < s->op->operands; k++) v[k] = (real)s->v[k][i] * (k == slot ? 1 + (real)by : 1);
    const struct slopes all = s->truth->of(v);
    return spot->order == FIRST ? all.d[spot->slot] * s->c[i]
                                : all.h[spot->slot][spot->also] * s->c[i] * s->t[i];
}

/* y - 1 is rounded, which x takes for a change of the exponent. */
static real rounding(const struct sweep *s, size_t i) {
    return strcmp(s->op->name, "pow") == 0 ? 64 + 2 * fabsl(logl(fabsl((real)s->v[0][i]))) : 64;
}

/* 64 units of roundoff of itself; what it would move if an operand moved by 8 units; and what is below 2^8 times the
 * smallest normal number may be flushed to zero, with the factors that it is multiplied with. */
static void check_element(const struct sweep *s, size_t i, const struct spot *spot, double ours, size_t *bad) {
    const double unit = s->dtype == TG_F64 ? 0x1p-53 : 0x1p-24, least = s->dtype == TG_F64 ? DBL_MIN : (double)FLT_MIN;
    const real want = wanted(s, i, spot, -1, 0);
    real room = rounding(s, i) * unit * fabsl(want) + 0x1p8L * least * fmaxl(1, fabsl(s->c[i]));
    if (isnan(want) || fabsl(want) > spot->greatest) return; /* outside the domain; cannot be represented */
    for (int k = 0; k < s->op->operands; k++)
        for (int side = -1; side <= 1; side += 2) {
            const real moved = wanted(s, i, spot, k, side * 8 * unit);
            if (!isnan(moved)) room += fabsl(moved - want);
        }
    if (fabsl(ours - want) <= room || is_excepted(s->op->name, spot)) return;
    if ((*bad)++ < 3)
        printf("%s %s, order %d, slot %d %d: at %g %g %g, g = %g: %.9g, not %.9Lg\n", s->op->name,
               s->dtype == TG_F64 ? "f64" : "f32", spot->order, spot->slot, spot->also, s->v[0][i],
               s->op->operands > 1 ? s->v[1][i] : 0, s->op->operands > 2 ? s->v[2][i] : 0, s->c[i], ours, want);
}

static size_t check_node(const struct sweep *s, tg_node a, struct spot spot) {
    size_t bad = 0;
    for (size_t i = 0; i < s->count; i++) {
        double v[3] = {0};
        for (int k = 0; k < s->op->operands; k++) v[k] = s->v[k][i];
        spot.v = v;
        spot.c = s->c[i];
        check_element(s, i, &spot, tg_is_nil(a) ? 0 : tg_item(a, i), &bad);
    }
    return bad;
}

static tg_node filled(tg_graph *g, const struct sweep *s, const double *data) {
    const tg_node leaf = tg_input(g, s->dtype, tg_shape1((int64_t)s->count));
    cr_assert_eq(set_doubles(leaf, data), TG_OK);
    return leaf;
}

/* First order, and with `twice` the second, one slot at a time, so that no two of its terms meet. */
static size_t check_sweep(const struct sweep *s, bool twice) {
    tg_graph *g = tg_graph_new();
    tg_node in[3], second[3][3] = {{{0}}};
    struct spot spot = {.greatest = s->dtype == TG_F64 ? DBL_MAX : (double)FLT_MAX};
    size_t bad = 0;
    for (int k = 0; k < s->op->operands; k++) in[k] = filled(g, s, s->v[k]);
    const tg_node z = tg__apply(s->op, in, NULL), c = filled(g, s, s->c), t = filled(g, s, s->t);
    const tg_grads d = tg_backward(z, c);
    for (int k = 0; twice && k < s->op->operands; k++) {
        if (!tg_has_grad(d, in[k])) continue;
        const tg_grads dd = tg_backward(tg_grad(d, in[k]), t);
        for (int j = 0; j < s->op->operands; j++)
            second[k][j] = tg_has_grad(dd, in[j]) ? tg_grad(dd, in[j]) : tg_nil(g);
    }
    cr_assert_eq(tg_run(g), TG_OK, "%s: %s", s->op->name, tg_message(g));
    for (int k = 0; k < s->op->operands; k++) {
        spot.order = FIRST, spot.slot = k;
        bad += check_node(s, tg_has_grad(d, in[k]) ? tg_grad(d, in[k]) : tg_nil(g), spot);
        for (int j = 0; twice && j < s->op->operands; j++) {
            spot.order = SECOND, spot.also = j;
            if (tg_has_grad(d, in[k])) bad += check_node(s, second[k][j], spot);
        }
    }
    tg_graph_free(g);
    return bad;
}

static size_t check_row(const struct tg_op *op, const struct truth *truth, double scale, bool twice) {
    uint64_t state = 20260714;
    size_t bad = 0;
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        struct sweep s = {.op = op, .truth = truth, .dtype = dtype};
        fill_points(&s, &state, dtype == TG_F64 ? pow(scale, 8) : scale);
        bad += check_sweep(&s, twice);
        free_points(&s);
    }
    return bad;
}

static const struct truth *truth_of(const struct tg_op *op) {
    for (size_t i = 0; i < sizeof truths / sizeof *truths; i++)
        if (strcmp(truths[i].op, op->name) == 0) return &truths[i];
    return NULL;
}

/* Cotangents of size 1: first and second order. */
Test(range, every_elementwise_row) {
    tg_graph *g = tg_graph_new();
    size_t rows = 0;
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++) {
        if (!(*op)->code || !(*op)->vjp) continue;
        const struct truth *truth = truth_of(*op);
        cr_assert(truth, "%s: no closed form in this test", (*op)->name);
        const size_t bad = check_row(*op, truth, 1, true);
        cr_expect_eq(bad, 0, "%s: %zu gradients are wrong", (*op)->name, bad);
        rows++;
    }
    cr_assert_geq(rows, 40);
    tg_graph_free(g);
}

/* Cotangents of 1e-18 and 1e18 (f64: 1e-144 and 1e144) in front of slopes that are the other way round. */
Test(range, extreme_cotangents) {
    tg_graph *g = tg_graph_new();
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++) {
        if (!(*op)->code || !(*op)->vjp) continue;
        for (int side = -1; side <= 1; side += 2) {
            const size_t bad = check_row(*op, truth_of(*op), pow(10, 18 * side), false);
            cr_expect_eq(bad, 0, "%s: %zu gradients are wrong at cotangents of 1e%d", (*op)->name, bad, 18 * side);
        }
    }
    tg_graph_free(g);
}
