/* Elementwise operators: everything that a row of elementwise.def stands for. */
#include "loops.h"

/* ------------------------------------------------------------------------------------------------------ for vjps
 * What takes more than one step, in statements: the order on the tape is no compiler's choice. */

static tg_node product(tg_node a, tg_node b, tg_node c) { return tg_mul(tg_mul(a, b), c); }
static tg_node times(double v, tg_node a) { return tg_mul(tg_scalar_like(a, v), a); }
static tg_node one_plus(tg_node a) { return tg_add(tg_scalar_like(a, 1), a); }
static tg_node one_minus(tg_node a) { return tg_sub(tg_scalar_like(a, 1), a); }

static tg_node only_where(tg_node c, tg_node a) { return tg_where(c, a, tg_scalar_like(a, 0)); }

static tg_node where_positive(tg_node x, tg_node yes, tg_node no) {
    return tg_where(tg_gt(x, tg_scalar_like(x, 0)), yes, no);
}

/* Keeps what is of no use out of functions that would overflow on it: 0 times infinity is NaN. */
static tg_node unless_positive(tg_node x, tg_node a) {
    const tg_node zero = tg_scalar_like(x, 0);
    return where_positive(x, zero, a);
}

/* What a jump at v = 0 has for a derivative: 0 beside it, NaN there. */
static tg_node unknown_at_0(tg_node v) { return tg_div(tg_scalar_like(v, 0), v); }

/* a, but unknown to the next derivative where v = 0. */
static tg_node but_unknown(tg_node a, tg_node v) {
    const tg_node zero = tg_scalar_like(a, 0);
    return tg_add(a, tg_turn(zero, v));
}

/* As tied itself: of the same groups. */
static tg_node tied_alike(tg_node z, tg_node g) {
    return tg__tied(tg__in(z, 0), tg__in(z, 1), g, tg__node_of(z.graph, z.id)->attr);
}

/* Of groups of ties, of which each is the largest or smallest: as long as all of a group move alike, so does the extreme.
 * g says how they move; where two differ, nothing is known of the group. */
static tg_node unknown_among_ties(tg_node z, tg_node g) {
    const struct tg__shape *full = tg__node_of(z.graph, z.id)->shape;
    const struct tg__attr *fates = tg__node_of(z.graph, z.id)->attr;
    if (!fates) return tg_nil(z.graph);
    const tg_node move = tg_detach(g), tie = tg_eq(tg__in(z, 0), tg__in(z, 1)), zero = tg_scalar_like(g, 0);
    const tg_node least = tg__expand(tg__apply(&tg__op_min, &move, fates), full, fates);
    const tg_node moves = tg_where(tie, move, least);
    const tg_node most = tg__expand(tg__apply(&tg__op_max, &moves, fates), full, fates);
    const tg_node lag = tg_where(tie, tg_sub(most, move), zero), apart = tg__apply(&tg__op_max, &lag, fates);
    const tg_node together = tg_eq(apart, zero);
    return tg_where(tie, tg__expand(unknown_at_0(together), full, fates), zero);
}

static tg_node to_inside(tg_node x, tg_node low, tg_node high, tg_node g) {
    const tg_node below = only_where(tg_le(x, high), g);
    return only_where(tg_ge(x, low), below);
}

static tg_node to_low(tg_node x, tg_node low, tg_node high, tg_node g) {
    const tg_node ordered = only_where(tg_le(low, high), g);
    return only_where(tg_lt(x, low), ordered);
}

/* √(1 - x²). Below 1/2 the square is what keeps the last digits of the derivative, above it the two factors keep those
 * of the value. */
static tg_node leg(tg_node x) {
    const tg_node below = one_minus(x), above = one_plus(x), factors = tg_mul(below, above);
    const tg_node difference = one_minus(tg_square(x)), half = tg_scalar_like(x, 0.5), near = tg_lt(tg_abs(x), half);
    return tg_sqrt(tg_where(near, difference, factors));
}

/* g/h²; the square may overflow or vanish where the quotient does not. */
static tg_node over_square(tg_node g, tg_node h) {
    const tg_node once = tg_div(g, h);
    return tg_div(once, h);
}

/* x within ±most, beyond which a factor that decays has vanished: so that 0 does not meet an infinity there. */
static tg_node within(tg_node x, double most) { return tg_clamp(x, -most, most); }

/* e^-x² */
static tg_node bell(tg_node x) { return tg_exp(tg_neg(tg_square(within(x, 28)))); }

/* d silu / dx = σ(x) + x σ(x) σ(-x) */
static tg_node slope_of_silu(tg_node x) {
    const tg_node rise = tg_sigmoid(x), fall = tg_sigmoid(tg_neg(x));
    const tg_node z = tg_mul(within(x, 800), rise);
    return tg_add(rise, tg_mul(z, fall));
}

/* d gelu / dx = Φ(x) + x φ(x), of the normal distribution */
static tg_node slope_of_gelu(tg_node x) {
    const tg_node share = times(0.5, tg_erfc(times(-0.7071067811865476, x))), near = within(x, 40);
    const tg_node density = times(0.3989422804014327, tg_exp(times(-0.5, tg_square(near))));
    return tg_add(share, tg_mul(near, density));
}

/* With u = 2√(2/π) (x + 0.044715 x³): dz/dx = σ(u) + x σ(u) σ(-u) du/dx */
static tg_node slope_of_gelu_tanh(tg_node x) {
    const tg_node near = within(x, 40), xx = tg_square(near), k = tg_scalar_like(x, 1.5957691216057308);
    const tg_node u = tg_mul(near, tg_add(k, times(0.07135481627260025, xx)));
    const tg_node du = tg_add(k, times(0.21406444881780073, xx));
    const tg_node rise = tg_sigmoid(u), z = tg_mul(near, rise), fall = tg_mul(z, tg_sigmoid(tg_neg(u)));
    return tg_add(rise, tg_mul(fall, du));
}

/* g y xʸ⁻¹. Where 1/x is no finite number the exponent 0 stays 0, so that the slope of x⁰ is 0 there too. At x = 0 it is
 * 0 for y = 0, infinite up to y = 1, where it is 1, and 0 for what is larger: no derivative by y at either. */
static tg_node to_base(tg_node x, tg_node y, tg_node g) {
    const tg_node least = tg_scalar_like(x, tg_dtype_of(x) == TG_F32 ? 0x1p-128 : 0x1p-1024);
    const tg_node one = tg_scalar_like(x, 1), zero = tg_scalar_like(x, 0);
    const tg_node usual = tg_gt(tg_abs(x), least);
    const tg_node down = tg_where(usual, one, tg_ne(y, zero)); /* by what the exponent goes down */
    const tg_node term = tg_mul(g, tg_mul(y, tg_pow(x, tg_sub(y, down))));
    if (!(tg__node_of(y.graph, y.id)->flags & TG__DIFFERENTIABLE)) return term;
    const tg_node jumps = tg_mul(y, tg_sub(y, one));
    return but_unknown(term, tg_where(x, one, jumps));
}

/* g z ln x. At x = 0, where no power with y ≥ 0 depends on y, ln 1; but up to y = 1 it is infinitely steep there. */
static tg_node to_exponent(tg_node x, tg_node y, tg_node z, tg_node g) {
    const tg_node still = tg_ge(y, tg_scalar_like(y, 0)), one = tg_scalar_like(x, 1);
    const tg_node base = tg_where(x, x, still), share = tg_mul(g, z), term = tg_mul(share, tg_log(base));
    return but_unknown(term, tg_where(tg_gt(y, one), one, x));
}

/* y/(x² + y²) times g; 0 at the origin, which has no angle. */
static tg_node angle_to_x(tg_node x, tg_node y, tg_node g) {
    const tg_node r = tg_hypot(x, y), sine = tg_ratio(y, r);
    return tg_ratio(tg_mul(g, sine), r);
}

/* ------------------------------------------------------------------------------------------------ a row unfolded
 * #forward stands in the first macro that sees the row: one later, sqrt would be what tgmath.h makes of it. */

#define SELF    .magnitude = NULL
#define SUM(op) .magnitude = &tg__op_##op
#define SCALES  .through = true

enum {
    SMOOTH = TG__SMOOTH,
    LINEAR = TG__LINEAR,
    POLES = 0,
    SAFE_ABOVE_0 = TG__SAFE_ABOVE_ZERO,
    SELECTS = TG__SELECTS,
    NOT_NEGATIVE = TG__GIVES_NOT_NEGATIVE,
    LIKE = TG__LIKE,
    ADDS = TG__ADDS
};

#define ROW(id, n, blocks, tokens, back, lo, hi, rounding, kind, text, gradient_text, sign, in_numpy, in_tex,          \
            back_in_tex)                                                                                               \
    const struct tg_op tg__op_##id = {.name = #id,                                                                     \
                                      .formula = text,                                                                 \
                                      .gradient = gradient_text,                                                       \
                                      .symbol = sign,                                                                  \
                                      .numpy = in_numpy,                                                               \
                                      .tex = in_tex,                                                                   \
                                      .tex_back = back_in_tex,                                                         \
                                      .code = tokens,                                                                  \
                                      .operands = n,                                                                   \
                                      .shape = tg__rule_broadcast,                                                     \
                                      .run = tg__run_elementwise,                                                      \
                                      .loop = {id##_f32, id##_f64},                                                    \
                                      .vjp = back,                                                                     \
                                      .transcendent = blocks,                                                          \
                                      .nature = kind,                                                                  \
                                      .low = lo,                                                                       \
                                      .high = hi,                                                                      \
                                      rounding};

#define VJP(id, to)                                                                                                    \
    static tg_node id##_vjp(tg_node z, tg_node g, int slot) {                                                          \
        const tg_node x = tg__in(z, 0), y = tg__in(z, 1), w = tg__in(z, 2);                                            \
        (void)x, (void)y, (void)w, (void)slot;                                                                         \
        return to;                                                                                                     \
    }
#define VJP_1(id, to_x)             VJP(id, to_x)
#define VJP_2(id, to_x, to_y)       VJP(id, slot == 0 ? (to_x) : (to_y))
#define VJP_3(id, to_x, to_y, to_w) VJP(id, slot == 0 ? (to_x) : slot == 1 ? (to_y) : (to_w))

#define LOOPS_OF(id, n, forward)                                                                                       \
    LOOPS(id, f32, float, n, forward, WAYS_##n) LOOPS(id, f64, double, n, forward, WAYS_##n)
#define BLOCKS_OF(id, n, forward) BLOCKS(id, f32, float, n, forward) BLOCKS(id, f64, double, n, forward)

#define NONE tg_nil(g.graph)

#define OF_1(id)                                                                                                       \
    tg_node tg_##id(tg_node x) { return tg__apply(&tg__op_##id, &x, NULL); }
#define OF_2(id)                                                                                                       \
    tg_node tg_##id(tg_node x, tg_node y) { return tg__apply(&tg__op_##id, (tg_node[]){x, y}, NULL); }
#define OF_3(id)                                                                                                       \
    tg_node tg_##id(tg_node x, tg_node y, tg_node w) { return tg__apply(&tg__op_##id, (tg_node[]){x, y, w}, NULL); }
/* A number beside x. Of an integer x, which the row refuses, no matter which. */
static tg_node beside(tg_node x, double v) { return tg_scalar_like(x, tg_dtype_of(x) == TG_I32 ? 0 : v); }

#define OF_1_AND(id, number)                                                                                           \
    tg_node tg_##id(tg_node x, double number) {                                                                        \
        return tg__apply(&tg__op_##id, (tg_node[]){x, beside(x, number)}, NULL);                                       \
    }
#define OF_1_AND_2(id, first, second)                                                                                  \
    tg_node tg_##id(tg_node x, double first, double second) {                                                          \
        const tg_node y = beside(x, first), w = beside(x, second);                                                     \
        return tg__apply(&tg__op_##id, (tg_node[]){x, y, w}, NULL);                                                    \
    }

#define UNARY(id, forward, to_x, ...)                                                                                  \
    LOOPS_OF(id, 1, forward)                                                                                           \
    VJP_1(id, to_x)                                                                                                    \
    ROW(id, 1, false, #forward, id##_vjp, __VA_ARGS__)                                                                 \
    OF_1(id)

#define STEP(id, forward, ...)                                                                                         \
    LOOPS_OF(id, 1, forward)                                                                                           \
    ROW(id, 1, false, #forward, NULL, __VA_ARGS__)                                                                     \
    OF_1(id)

#define TRANSCENDENT(id, forward, to_x, ...)                                                                           \
    BLOCKS_OF(id, 1, forward)                                                                                          \
    VJP_1(id, to_x)                                                                                                    \
    ROW(id, 1, true, #forward, id##_vjp, __VA_ARGS__)                                                                  \
    OF_1(id)

#define BINARY(id, forward, to_x, to_y, ...)                                                                           \
    LOOPS_OF(id, 2, forward)                                                                                           \
    VJP_2(id, to_x, to_y)                                                                                              \
    ROW(id, 2, false, #forward, id##_vjp, __VA_ARGS__)                                                                 \
    OF_2(id)

#define TRANSCENDENT_2(id, forward, to_x, to_y, ...)                                                                   \
    BLOCKS_OF(id, 2, forward)                                                                                          \
    VJP_2(id, to_x, to_y)                                                                                              \
    ROW(id, 2, true, #forward, id##_vjp, __VA_ARGS__)                                                                  \
    OF_2(id)

#define COMPARISON(id, forward, ...)                                                                                   \
    LOOPS_OF(id, 2, forward)                                                                                           \
    ROW(id, 2, false, #forward, NULL, __VA_ARGS__)                                                                     \
    OF_2(id)

#define TERNARY(id, forward, to_x, to_y, to_w, ...)                                                                    \
    LOOPS_OF(id, 3, forward)                                                                                           \
    VJP_3(id, to_x, to_y, to_w)                                                                                        \
    ROW(id, 3, false, #forward, id##_vjp, __VA_ARGS__)                                                                 \
    OF_3(id)

#define WITH_NUMBER(id, number, forward, to_x, to_y, ...)                                                              \
    LOOPS_OF(id, 2, forward)                                                                                           \
    VJP_2(id, to_x, to_y)                                                                                              \
    ROW(id, 2, false, #forward, id##_vjp, __VA_ARGS__)                                                                 \
    OF_1_AND(id, number)

#define TRANSCENDENT_WITH_NUMBER(id, number, forward, to_x, to_y, ...)                                                 \
    BLOCKS_OF(id, 2, forward)                                                                                          \
    VJP_2(id, to_x, to_y)                                                                                              \
    ROW(id, 2, true, #forward, id##_vjp, __VA_ARGS__)                                                                  \
    OF_1_AND(id, number)

#define WITH_NUMBERS(id, first, second, forward, to_x, to_y, to_w, ...)                                                \
    LOOPS_OF(id, 3, forward)                                                                                           \
    VJP_3(id, to_x, to_y, to_w)                                                                                        \
    ROW(id, 3, false, #forward, id##_vjp, __VA_ARGS__)                                                                 \
    OF_1_AND_2(id, first, second)

#include "elementwise.def"

const char *tg__vector_math(void) {
#ifdef VECTOR_MATH
    return "libmvec";
#else
    return "none";
#endif
}
