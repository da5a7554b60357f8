/* What is made of uniform random numbers: public operators only. */
#include "tapegrad.h"

#include <math.h>

static bool is_share(double p) { return p >= 0 && p <= 1; }

tg_node tg_bernoulli(tg_node counter, uint64_t seed, double p, tg_dtype dtype, tg_shape shape) {
    tg_graph *g = counter.graph;
    if (!is_share(p)) return tg_fail(g, TG_ARGUMENT, "bernoulli: p = %g is not from 0 to 1", p);
    return tg_gt(tg_scalar(g, dtype, p), tg_uniform(counter, seed, dtype, shape));
}

tg_node tg_dropout(tg_node x, double p, tg_node counter, uint64_t seed, const char *scope) {
    tg_graph *g = x.graph;
    if (!is_share(p) || p == 1) return tg_fail(g, TG_ARGUMENT, "dropout: p = %g is not from 0 to below 1", p);
    tg_scope_open(g, scope);
    x = tg_scope_operand(x, "x");
    TG_LET(mask, tg_bernoulli(counter, seed, 1 - p, tg_dtype_of(x), tg_dims(x)));
    TG_LET(out, tg_mul(tg_mul(mask, tg_scalar_like(x, 1 / (1 - p))), x));
    tg_scope_close(g);
    return out;
}
