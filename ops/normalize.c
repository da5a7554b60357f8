/* Batch normalization: a composite of public operators. Nothing in the engine or the compiler knows it. */
#include "compose.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------- what is asked */

/* How x is laid out: which axes are summed over, and how many numbers make one statistic; -1: the axes are wrong. */
struct layout {
    tg_shape dims;
    bool reduced[TG_MAX_RANK];
    int64_t count;
};

static struct layout layout_of(tg_node x, tg_axes axes) {
    struct layout l = {.dims = tg_dims(x), .count = tg__extent(x, axes, false, "batchnorm")};
    for (int i = 0; i < l.dims.rank; i++) l.reduced[i] = axes.count == -1;
    for (int i = 0; i < axes.count && i < TG_MAX_RANK; i++) {
        int a = axes.axis[i] < 0 ? axes.axis[i] + l.dims.rank : axes.axis[i];
        if (a >= 0 && a < l.dims.rank) l.reduced[a] = true;
    }
    return l;
}

/* A statistic lies along x's last axes by itself unless a reduced axis follows a kept one. */
static tg_node align(tg_node statistic, const struct layout *l) {
    tg_shape aligned = {.rank = 0};
    bool trailing = false;
    for (int i = 0; i < l->dims.rank; i++) {
        if (!l->reduced[i] || aligned.rank > 0) aligned.dim[aligned.rank++] = l->reduced[i] ? 1 : l->dims.dim[i];
        trailing |= l->reduced[i] && aligned.rank > 0;
    }
    return trailing ? tg_reshape(statistic, aligned) : statistic;
}

static tg_shape statistic_of(const struct layout *l) {
    tg_shape s = {.rank = 0};
    for (int i = 0; i < l->dims.rank; i++)
        if (!l->reduced[i]) s.dim[s.rank++] = l->dims.dim[i];
    return s;
}

/* A running statistic is as large as the batch's, and of x's dtype. */
static bool fits(tg_node x, tg_node leaf, const char *which, const struct layout *l) {
    tg_graph *g = x.graph;
    if (tg_is_nil(leaf)) return true;
    if (!tg__is_of(g, leaf, which, "batchnorm")) return false;
    const tg_shape has = tg_dims(leaf), wanted = statistic_of(l);
    char a[300], b[300];
    tg__described(leaf, a, sizeof a);
    if (has.rank != wanted.rank || memcmp(has.dim, wanted.dim, sizeof has.dim) != 0)
        tg_fail(g, TG_SHAPE, "batchnorm: %s %s is not of the shape of %s without the axes", which, a,
                tg__described(x, b, sizeof b));
    else if (tg_dtype_of(leaf) != tg_dtype_of(x))
        tg_fail(g, TG_DTYPE, "batchnorm: %s %s and %s have different dtypes", which, a, tg__described(x, b, sizeof b));
    else
        return true;
    return false;
}

/* Along the statistics; one along x would be multiplied in silence. Lengths that differ are refused where they meet. */
static bool is_along(tg_node x, tg_node a, const char *what, const struct layout *l) {
    char as[300], xs[300];
    if (tg_dims(a).rank <= statistic_of(l).rank) return true;
    tg_fail(x.graph, TG_SHAPE, "batchnorm: %s %s has more axes than the statistics of %s", what,
            tg__described(a, as, sizeof as), tg__described(x, xs, sizeof xs));
    return false;
}

static bool is_mode(const char *mode, const char *which) { return mode && strcmp(mode, which) == 0; }

static bool check(tg_graph *g, const tg_batchnorm_options *o, tg_node mean, tg_node var, int64_t count) {
    const bool test = is_mode(o->mode, "test"), one = tg_is_nil(mean) != tg_is_nil(var);
    if (!test && !is_mode(o->mode, "train"))
        tg_fail(g, TG_ARGUMENT, "batchnorm: mode %s%.60s%s is neither \"train\" nor \"test\"", o->mode ? "\"" : "",
                o->mode ? o->mode : "NULL", o->mode ? "\"" : "");
    else if (!(o->eps > 0) || !isfinite(o->eps))
        tg_fail(g, TG_ARGUMENT, "batchnorm: eps = %g must be positive", o->eps);
    else if (!(o->momentum >= 0 && o->momentum <= 1))
        tg_fail(g, TG_ARGUMENT, "batchnorm: momentum = %g must be from 0 to 1", o->momentum);
    else if (one || (test && tg_is_nil(mean)))
        tg_fail(g, TG_ARGUMENT, "batchnorm: %s running statistics, mean and variance; %s nil",
                test ? "test mode needs" : "there are two",
                one ? tg_is_nil(mean) ? "the mean is" : "the variance is" : "both are");
    else if (!test && o->unbiased && !tg_is_nil(var) && count == 1)
        tg_fail(g, TG_ARGUMENT, "batchnorm: one number has no unbiased variance: 1/(N - 1) with N = 1");
    else
        return true;
    return false;
}

/* --------------------------------------------------------------------------------------------- running statistics */

/* running = momentum·running + (1 - momentum)·batch; of an empty batch there is nothing to learn. */
static tg_node follow(tg_node running, tg_node batch, double momentum, int64_t count) {
    if (count == 0) return running;
    const tg_node old = tg_mul(tg_scalar_like(running, momentum), running);
    return tg_add(old, tg_mul(tg_scalar_like(running, 1 - momentum), batch));
}

static bool learn(tg_node mean, tg_node var, tg_node mu, tg_node batch_var, const tg_batchnorm_options *o,
                  int64_t count) {
    if (o->unbiased && count > 1)
        batch_var = tg_mul(batch_var, tg_scalar_like(batch_var, (double)count / (double)(count - 1)));
    TG_LET(mean_next, tg_assign(mean, follow(mean, mu, o->momentum, count)));
    TG_LET(var_next, tg_assign(var, follow(var, batch_var, o->momentum, count)));
    return !tg_is_nil(mean_next) && !tg_is_nil(var_next);
}

/* ------------------------------------------------------------------------------------------------ the nine stages */

static tg_node variance(tg_node xmu, tg_axes axes, tg_node share) {
    TG_LET(sq, tg_square(xmu));
    return tg_mul(tg_sum(sq, axes), share);
}

tg_batchnorm_options tg_batchnorm_defaults(void) {
    return (tg_batchnorm_options){.mode = "train", .momentum = 0.9, .eps = 1e-5};
}

tg_node tg_batchnorm_running(tg_node x, tg_node gamma, tg_node beta, tg_node mean, tg_node var_leaf, tg_axes axes,
                             tg_batchnorm_options options, const char *scope) {
    tg_graph *g = x.graph;
    if (!tg__is_of(g, x, "x", "batchnorm") || !tg__is_of(g, gamma, "gamma", "batchnorm") ||
        !tg__is_of(g, beta, "beta", "batchnorm"))
        return tg_nil(g);
    const struct layout l = layout_of(x, axes);
    if (l.count < 0 || !check(g, &options, mean, var_leaf, l.count) || !is_along(x, gamma, "gamma", &l) ||
        !is_along(x, beta, "beta", &l) || !fits(x, mean, "the running mean", &l) ||
        !fits(x, var_leaf, "the running variance", &l))
        return tg_nil(g);
    const bool train = is_mode(options.mode, "train");
    axes.keep = false;

    tg_composite_open(g, "batchnorm", scope);
    x = tg_scope_operand(x, "x");
    gamma = tg_scope_operand(gamma, "gamma");
    beta = tg_scope_operand(beta, "beta");
    const tg_node share = tg_scalar_like(x, l.count ? 1 / (double)l.count : 0), eps = tg_scalar_like(x, options.eps);

    TG_LET(mu, train ? tg_mul(tg_sum(x, axes), share) : tg_detach(mean));
    TG_LET(xmu, tg_sub(x, align(mu, &l)));
    TG_LET(var, train ? variance(xmu, axes, share) : tg_detach(var_leaf));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, eps)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, align(ivar, &l)));
    TG_LET(gammax, tg_mul(align(gamma, &l), xhat));
    TG_LET(out, tg_add(gammax, align(beta, &l)));
    const bool learns = !train || tg_is_nil(mean) || learn(mean, var_leaf, mu, var, &options, l.count);
    tg_scope_close(g);
    return learns ? out : tg_nil(g);
}

tg_node tg_batchnorm(tg_node x, tg_node gamma, tg_node beta, tg_axes axes, double eps, const char *scope) {
    tg_batchnorm_options options = tg_batchnorm_defaults();
    options.eps = eps;
    return tg_batchnorm_running(x, gamma, beta, tg_nil(x.graph), tg_nil(x.graph), axes, options, scope);
}
