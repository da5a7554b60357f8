/* What is made of uniform random numbers: public operators only. */
#include "compose.h"

static bool is_share(double p) { return p >= 0 && p <= 1; }

tg_node tg_bernoulli(tg_node counter, uint64_t seed, double p, tg_dtype dtype, tg_shape shape) {
    tg_graph *g = counter.graph;
    if (!is_share(p)) return tg_fail(g, TG_ARGUMENT, "bernoulli: p = %g is not from 0 to 1", p);
    tg_composite_open(g, "bernoulli", NULL);
    const tg_node u = tg_uniform(counter, seed, dtype, shape);
    return tg__closed(tg_is_nil(u) ? u : tg_lt(u, tg_scalar(g, dtype, p)));
}

/* One number of each pair along the last axis. */
static tg_node half_of(tg_node pairs, int which, tg_shape shape) {
    return tg_gather(pairs, tg_expand(tg_scalar(pairs.graph, TG_I32, which), shape));
}

/* Box and Muller 1958. 1 - u is never 0. */
tg_node tg_normal(tg_node counter, uint64_t seed, tg_dtype dtype, tg_shape shape) {
    const double turn = 6.283185307179586477;
    tg_graph *g = counter.graph;
    tg_shape pairs = shape;
    if (shape.rank < 0 || shape.rank >= TG_MAX_RANK)
        return tg_fail(g, TG_SHAPE, "normal: rank %d is outside 0 to %d", shape.rank, TG_MAX_RANK - 1);
    pairs.dim[pairs.rank++] = 2;
    tg_composite_open(g, "normal", NULL);
    const tg_node uniform = tg_uniform(counter, seed, dtype, pairs);
    if (tg_is_nil(uniform)) return tg__closed(uniform);
    const tg_node u = half_of(uniform, 0, shape), v = half_of(uniform, 1, shape), minus_2 = tg_scalar(g, dtype, -2);
    const tg_node squared = tg_mul(tg_log(tg_sub(tg_scalar(g, dtype, 1), u)), minus_2);
    const tg_node direction = tg_cos(tg_mul(v, tg_scalar(g, dtype, turn)));
    return tg__closed(tg_mul(tg_sqrt(squared), direction));
}

tg_node tg_dropout(tg_node x, double p, tg_node counter, uint64_t seed, const char *scope) {
    tg_graph *g = x.graph;
    if (!is_share(p) || p == 1) return tg_fail(g, TG_ARGUMENT, "dropout: p = %g is not from 0 to below 1", p);
    if (tg__extent(x, tg_axes_all(), false, "dropout") < 0 || !tg__is_of(g, counter, "the counter", "dropout"))
        return tg_nil(g);
    tg_composite_open(g, "dropout", scope);
    x = tg_scope_operand(x, "x");
    TG_LET(mask, tg_bernoulli(counter, seed, 1 - p, tg_dtype_of(x), tg_dims(x)));
    TG_LET(out, tg_mul(tg_mul(mask, tg_scalar_like(x, 1 / (1 - p))), x));
    tg_scope_close(g);
    return out;
}
