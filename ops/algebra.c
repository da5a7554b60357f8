/* What the compiler may know of operators. Tables: what rows mean, which identities there are, between which numbers
 * results are, which functions undo each other, how rows decompose, which functions are even. An identity is true of
 * numbers; it is used by itself only if a NaN comes out of it wherever one comes out of the tape, and otherwise waits for
 * TG_ASSUME_FINITE. None is used that loses digits. */
#include "algebra.h"
#include "ops.h"

#include <math.h>

/* Products: by, and the operands' powers. Sums: the operands' signs. */
const struct tg__algebra tg__algebra[] = {
    {&tg__op_neg,         TG__IS_PRODUCT,  -1, {1, 0},  1},
    {&tg__op_square,      TG__IS_PRODUCT,  1,  {2, 0},  1},
    {&tg__op_reciprocal,  TG__IS_PRODUCT,  1,  {-1, 0}, 4},
    {&tg__op_mul,         TG__IS_PRODUCT,  1,  {1, 1},  1},
    {&tg__op_div,         TG__IS_PRODUCT,  1,  {1, -1}, 4},
    {&tg__op_add,         TG__IS_SUM,      1,  {1, 1},  1},
    {&tg__op_sub,         TG__IS_SUM,      1,  {1, -1}, 1},
    {&tg__op_sum,         TG__SUMS,        1,  {0, 0},  1},
    {&tg__op_expand,      TG__REPEATS,     1,  {0, 0},  1},
    {&tg__op_reshape,     TG__RESHAPES,    1,  {0, 0},  1},
    {&tg__op_scatter,     TG__PLACES,      1,  {0, 0},  1},
    {NULL, TG__OPAQUE, 0, {0, 0}, 0},
};

enum tg__meaning tg__meaning_of(const struct tg_op *op, const struct tg__algebra **row) {
    for (*row = tg__algebra; (*row)->op; (*row)++)
        if ((*row)->op == op) return (*row)->meaning;
    return TG__OPAQUE;
}

const struct tg__notation tg__notation = {.neg = &tg__op_neg,
                                          .square = &tg__op_square,
                                          .reciprocal = &tg__op_reciprocal,
                                          .add = &tg__op_add,
                                          .sub = &tg__op_sub,
                                          .mul = &tg__op_mul,
                                          .div = &tg__op_div,
                                          .sum = &tg__op_sum,
                                          .expand = &tg__op_expand,
                                          .reshape = &tg__op_reshape};

enum { ALWAYS = false, FINITE = true }; /* FINITE: for TG_ASSUME_FINITE */

/*                      identity                         condition                                      waits */
const struct tg__law tg__laws[TG__IDENTITIES] = {
    [TG__POWERS]        = {"x^j * x^k = x^(j+k)",            "j and k have one sign; formed as the tape does", ALWAYS},
    [TG__CANCEL]        = {"x^j * x^-k = x^(j-k)",           "x is neither 0 nor infinite",                   FINITE},
    [TG__SHARE]         = {"n * round(1/n) = 1",             "n is a whole number up to 2^31",                ALWAYS},
    [TG__SMALL_FIRST]   = {"(a*x)*b = x*(a*b)",              "a and b vary along fewer axes than x",          ALWAYS},
    [TG__RECIPROCAL]    = {"x/y = x * (1/y)",                "y varies along fewer axes, or 1/y is there",    ALWAYS},
    [TG__ONCE]          = {"f(expand(x)) = expand(f(x))",    "f is elementwise",                              ALWAYS},
    [TG__SIGN]          = {"x + -y = x - y",                 "always",                                        ALWAYS},
    [TG__TAKE_OUT]      = {"sum(c*x) = c * sum(x)",          "c is constant along the axes; NaN if infinite",  ALWAYS},
    [TG__COUNT]         = {"sum(expand(x)) = n * x",         "n > 0 numbers are summed",                      ALWAYS},
    [TG__SOURCE]        = {"sum(scatter(x)) = x",            "along the new axis, none is empty",             ALWAYS},
    [TG__SPLIT]         = {"sum(x + y) = sum(x) + sum(y)",   "y = c*(z - mean(z)), c constant along the axes", ALWAYS},
    [TG__DIFFERENCE]    = {"x - x = 0",                      "x is finite",                                   FINITE},
    [TG__ZERO]          = {"0 * x = 0",                      "x is finite",                                   FINITE},
    [TG__INVERSE]       = {"exp(log(x)) = log(exp(x)) = x",  "both are finite",                               FINITE},
};

/* ---------------------------------------------------------------------------------------------------------- ranges */

static double least_of(double a, double b) { return a < b ? a : b; }
static double most_of(double a, double b) { return a > b ? a : b; }
static double times(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; } /* 0·∞ is NaN, which is in no range */

static struct tg__range of_neg(const struct tg__range *x, double n) {
    (void)n;
    return (struct tg__range){-x->most, -x->least};
}
static struct tg__range of_add(const struct tg__range *x, double n) {
    (void)n;
    return (struct tg__range){x[0].least + x[1].least, x[0].most + x[1].most};
}
static struct tg__range of_sub(const struct tg__range *x, double n) {
    (void)n;
    return (struct tg__range){x[0].least - x[1].most, x[0].most - x[1].least};
}
static struct tg__range of_mul(const struct tg__range *x, double n) {
    const double a = times(x[0].least, x[1].least), b = times(x[0].least, x[1].most);
    const double c = times(x[0].most, x[1].least), d = times(x[0].most, x[1].most);
    (void)n;
    return (struct tg__range){least_of(least_of(a, b), least_of(c, d)), most_of(most_of(a, b), most_of(c, d))};
}
static struct tg__range of_square(const struct tg__range *x, double n) {
    const bool over_zero = x->least <= 0 && x->most >= 0;
    const double a = times(x->least, x->least), b = times(x->most, x->most);
    (void)n;
    return (struct tg__range){over_zero ? 0 : least_of(a, b), most_of(a, b)};
}
static struct tg__range of_reciprocal(const struct tg__range *x, double n) {
    (void)n;
    if (x->least <= 0 && x->most >= 0) return (struct tg__range){-(double)INFINITY, (double)INFINITY};
    return (struct tg__range){1 / x->most, 1 / x->least};
}
static struct tg__range of_div(const struct tg__range *x, double n) {
    const struct tg__range factors[] = {x[0], of_reciprocal(&x[1], n)};
    return of_mul(factors, n);
}
static struct tg__range of_sqrt(const struct tg__range *x, double n) {
    (void)n;
    return (struct tg__range){sqrt(most_of(x->least, 0)), sqrt(most_of(x->most, 0))};
}
static struct tg__range of_rsqrt(const struct tg__range *x, double n) {
    const struct tg__range root = of_sqrt(x, n);
    return of_reciprocal(&root, n);
}
static struct tg__range of_abs(const struct tg__range *x, double n) {
    const double a = fabs(x->least), b = fabs(x->most);
    (void)n;
    return (struct tg__range){x->least <= 0 && x->most >= 0 ? 0 : least_of(a, b), most_of(a, b)};
}
static struct tg__range of_exp(const struct tg__range *x, double n) {
    (void)n;
    return (struct tg__range){exp(x->least), exp(x->most)};
}
static struct tg__range of_relu(const struct tg__range *x, double n) {
    (void)n;
    return (struct tg__range){most_of(x->least, 0), most_of(x->most, 0)};
}
static struct tg__range of_sigmoid(const struct tg__range *x, double n) {
    (void)x, (void)n;
    return (struct tg__range){0, 1};
}
static struct tg__range of_tanh(const struct tg__range *x, double n) {
    (void)x, (void)n;
    return (struct tg__range){-1, 1};
}
static struct tg__range of_itself(const struct tg__range *x, double n) {
    (void)n;
    return *x;
}
static struct tg__range of_sum(const struct tg__range *x, double n) {
    return (struct tg__range){times(n, x->least), times(n, x->most)};
}
static struct tg__range of_where(const struct tg__range *x, double n) {
    (void)n;
    return (struct tg__range){least_of(x[1].least, x[2].least), most_of(x[1].most, x[2].most)};
}

const struct tg__ranged tg__ranges[] = {
    {&tg__op_neg, of_neg},         {&tg__op_add, of_add},         {&tg__op_sub, of_sub},
    {&tg__op_mul, of_mul},         {&tg__op_square, of_square},   {&tg__op_reciprocal, of_reciprocal},
    {&tg__op_div, of_div},         {&tg__op_sqrt, of_sqrt},       {&tg__op_rsqrt, of_rsqrt},
    {&tg__op_abs, of_abs},         {&tg__op_exp, of_exp},         {&tg__op_relu, of_relu},
    {&tg__op_sigmoid, of_sigmoid}, {&tg__op_tanh, of_tanh},       {&tg__op_sum, of_sum},
    {&tg__op_expand, of_itself},   {&tg__op_reshape, of_itself},  {&tg__op_identity, of_itself},
    {&tg__op_max, of_itself},      {&tg__op_min, of_itself},      {&tg__op_where, of_where},
    {NULL, NULL},
};

const struct tg__inverse tg__inverses[] = {{&tg__op_exp, &tg__op_log},
                                           {&tg__op_log, &tg__op_exp},
                                           {&tg__op_expm1, &tg__op_log1p},
                                           {&tg__op_log1p, &tg__op_expm1},
                                           {NULL, NULL}};

/* --------------------------------------------------------------------------------------------------- decompositions
 * The parts are the operations of the row's kernel in its order, so the bits are the same. */

#define X TG__X
#define N TG__NUMBER

/* Part 2 is e = exp(-|x|), part 3 is x > 0, and part 4 the numerator over 1 + e: 1 if x > 0, otherwise e. */
#define ONE_OR_E                                                                                                       \
    {&tg__op_abs, {X}, 0}, {&tg__op_neg, {0}, 0}, {&tg__op_exp, {1}, 0}, {&tg__op_gt, {X, N}, 0}, {                    \
        &tg__op_where, {3, N, 2}, 1                                                                                    \
    }

const struct tg__decomposition tg__decompositions[] = {
    {&tg__op_sigmoid, 7, {ONE_OR_E, {&tg__op_add, {N, 2}, 1}, {&tg__op_div, {4, 5}, 0}}},
    {&tg__op_silu,
     10,
     {ONE_OR_E,
      {&tg__op_add, {N, 2}, 1},
      {&tg__op_gt, {X, N}, -800},
      {&tg__op_where, {6, X, N}, -800},
      {&tg__op_mul, {7, 4}, 0},
      {&tg__op_div, {8, 5}, 0}}},
    {&tg__op_softplus,
     8,
     {ONE_OR_E, {&tg__op_log1p, {2}, 0}, {&tg__op_where, {3, X, N}, 0}, {&tg__op_add, {6, 5}, 0}}},
    {&tg__op_gelu,
     6,
     {{&tg__op_mul, {N, X}, -0.7071067811865476},
      {&tg__op_erfc, {0}, 0},
      {&tg__op_gt, {X, N}, -40},
      {&tg__op_where, {2, X, N}, -40},
      {&tg__op_mul, {N, 3}, 0.5},
      {&tg__op_mul, {4, 1}, 0}}},
    {NULL, 0, {{NULL, {0}, 0}}},
};

const struct tg__decomposition *tg__decomposition_of(const struct tg_op *op) {
    for (const struct tg__decomposition *d = tg__decompositions; d->op; d++)
        if (d->op == op) return d;
    return NULL;
}

bool tg__is_even(const struct tg_op *op) { return op == &tg__op_abs; }

bool tg__is_elementwise(const struct tg_op *op) {
    return op->loop[0] && (op->shape == tg__rule_broadcast || op->shape == tg_rule_broadcast) &&
           (op->run == tg__run_elementwise || op->run == tg_run_elementwise);
}
