/* What the compiler may know of operators. Three tables: what rows mean, which identities there are, which functions
 * undo each other. An identity is true of numbers; it is used by itself only if a NaN or an infinity comes out of it
 * wherever one comes out of the tape, and otherwise waits for TG_ASSUME_FINITE. */
#include "algebra.h"
#include "ops.h"

/* Products: by, and the operands' powers. Sums: the operands' signs. */
const struct tg__algebra tg__algebra[] = {
    {&tg__op_neg,         TG__IS_PRODUCT,  -1, {1, 0}},
    {&tg__op_square,      TG__IS_PRODUCT,  1,  {2, 0}},
    {&tg__op_reciprocal,  TG__IS_PRODUCT,  1,  {-1, 0}},
    {&tg__op_mul,         TG__IS_PRODUCT,  1,  {1, 1}},
    {&tg__op_div,         TG__IS_PRODUCT,  1,  {1, -1}},
    {&tg__op_add,         TG__IS_SUM,      1,  {1, 1}},
    {&tg__op_sub,         TG__IS_SUM,      1,  {1, -1}},
    {&tg__op_sum,         TG__SUMS,        1,  {0, 0}},
    {&tg__op_expand,      TG__REPEATS,     1,  {0, 0}},
    {&tg__op_reshape,     TG__RESHAPES,    1,  {0, 0}},
    {&tg__op_scatter,     TG__PLACES,      1,  {0, 0}},
    {NULL, TG__OPAQUE, 0, {0, 0}},
};

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
    [TG__POWERS]        = {"x^j * x^k = x^(j+k)",            "j and k have one sign",                         ALWAYS},
    [TG__CANCEL]        = {"x^j * x^-k = x^(j-k)",           "x is neither 0 nor infinite",                   FINITE},
    [TG__SHARE]         = {"n * round(1/n) = 1",             "n is a whole number up to 2^31",                ALWAYS},
    [TG__SMALL_FIRST]   = {"(a*x)*b = x*(a*b)",              "a and b vary along fewer axes than x",          ALWAYS},
    [TG__RECIPROCAL]    = {"x/y = x * (1/y)",                "y varies along fewer axes, or 1/y is there",    ALWAYS},
    [TG__ONCE]          = {"f(expand(x)) = expand(f(x))",    "f is elementwise",                              ALWAYS},
    [TG__SIGN]          = {"x + -y = x - y",                 "always",                                        ALWAYS},
    [TG__TAKE_OUT]      = {"sum(c*x) = c * sum(x)",          "c is constant along the axes, none is empty",   ALWAYS},
    [TG__COUNT]         = {"sum(expand(x)) = n * x",         "n > 0 numbers are summed",                      ALWAYS},
    [TG__SOURCE]        = {"sum(scatter(x)) = x",            "along the new axis, none is empty",             ALWAYS},
    [TG__SPLIT]         = {"sum(x + y) = sum(x) + sum(y)",   "one vanishes, or both are there already",       ALWAYS},
    [TG__CENTRED]       = {"sum(x - m) = m - m",             "m = sum(x)/n along the same axes",              ALWAYS},
    [TG__CENTRED_ZERO]  = {"m - m = 0",                      "where it came from a centred sum",              FINITE},
    [TG__DIFFERENCE]    = {"x - x = 0",                      "x is finite",                                   FINITE},
    [TG__ZERO]          = {"0 * x = 0",                      "x is finite",                                   FINITE},
    [TG__INVERSE]       = {"exp(log(x)) = log(exp(x)) = x",  "both are finite",                               FINITE},
};

const struct tg__inverse tg__inverses[] = {{&tg__op_exp, &tg__op_log},
                                           {&tg__op_log, &tg__op_exp},
                                           {&tg__op_expm1, &tg__op_log1p},
                                           {&tg__op_log1p, &tg__op_expm1},
                                           {NULL, NULL}};

bool tg__is_elementwise(const struct tg_op *op) {
    return op->loop[0] && (op->shape == tg__rule_broadcast || op->shape == tg_rule_broadcast) &&
           (op->run == tg__run_elementwise || op->run == tg_run_elementwise);
}
