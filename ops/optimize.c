/* Optimizers: parameters that take a step at a commit. Composites of public operators; a moment is a leaf like any
 * other, in the scope of the parameter it belongs to. */
#include "compose.h"

#include <string.h>

size_t tg_params(tg_graph *g, tg_node *params, size_t room) {
    size_t count = 0;
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node a = tg_node_at(g, id);
        if (!tg_is_param(a) || tg_dtype_of(a) == TG_I32 || !tg_is_nil(tg_assigned(a))) continue;
        if (params && count < room) params[count] = a;
        count++;
    }
    return count;
}

void tg_gradients(tg_grads d, const tg_node *params, size_t count, tg_node *grads) {
    if (count && (!params || !grads))
        tg_fail(d.graph, TG_ARGUMENT, "gradients: %s is NULL", params ? "grads" : "params");
    else
        for (size_t i = 0; i < count; i++) grads[i] = tg_grad(d, params[i]);
}

/* ------------------------------------------------------------------------------------------------- what they share */

static tg_graph *graph_of(const tg_node *a, size_t count) {
    tg_graph *g = NULL;
    for (size_t i = 0; a && i < count && !g; i++) g = a[i].graph;
    return g;
}

/* The graph of the parameters; where there is none, of the rate, so that it can be said. */
static tg_graph *graph_of_all(const tg_node *params, const tg_node *grads, size_t count, tg_node rate) {
    tg_graph *g = graph_of(params, count);
    if (!g) g = graph_of(grads, count);
    return g ? g : rate.graph;
}

static bool are_of(tg_graph *g, const tg_node *a, size_t count, const char *what, const char *who) {
    char text[40];
    for (size_t i = 0; a && i < count; i++) {
        snprintf(text, sizeof text, "%s %zu", what, i + 1);
        if (!tg__is_of(g, a[i], text, who)) return false;
    }
    if (!a && count) tg_fail(g, TG_ARGUMENT, "%s: the %ss are NULL", who, what);
    return a || !count;
}

/* Parameters that were never made, or are inputs, would be left alone without a word. */
static bool are_some(tg_node rate, size_t count, const char *who) {
    if (count == 0)
        tg_fail(rate.graph, TG_ARGUMENT,
                "%s: there are no parameters to train: tg_params counts those made by tg_param that take no value yet",
                who);
    return count > 0;
}

static tg_node times(tg_node x, double v) { return tg_mul(x, tg_scalar_like(x, v)); }
static tg_node zeros_like(tg_node p) { return tg_state(p.graph, tg_dtype_of(p), tg_dims(p), 0); }
static tg_node as(tg_node x, tg_node like) {
    return tg_dtype_of(x) == tg_dtype_of(like) ? x : tg_cast(x, tg_dtype_of(like));
}

static tg_node decayed(tg_node grad, tg_node p, double decay) {
    return decay > 0 ? tg_add(grad, times(p, decay)) : grad;
}

/* A scope inside the optimizer's, called as the parameter is. */
static void open_for(tg_node p) {
    char number[16];
    snprintf(number, sizeof number, "p%u", p.id);
    tg_scope_open(p.graph, *tg_name(p) ? tg_name(p) : number);
}

static bool in_range(tg_graph *g, const char *who, const char *what, double v, double end) {
    if (v >= 0 && v < end) return true;
    tg_fail(g, TG_ARGUMENT,
            isfinite(end) ? "%s: %s = %g must be from 0 to less than %g" : "%s: %s = %g must be 0 or more", who, what,
            v, end);
    return false;
}

/* Options that were not begun with tg_adam_defaults have none, and a gradient of 0 would become NaN. */
static bool is_positive(tg_graph *g, const char *who, double eps) {
    if (eps > 0 && isfinite(eps)) return true;
    tg_fail(g, TG_ARGUMENT, "%s: eps = %g must be positive: begin with tg_adam_defaults()", who, eps);
    return false;
}

/* A rate is one number; a vector of them would broadcast, and train in silence. */
static bool is_rate(tg_graph *g, const char *who, tg_node rate) {
    if (!tg__is_of(g, rate, "the rate", who)) return false;
    char text[300];
    if (tg_dims(rate).rank == 0 && tg_dtype_of(rate) != TG_I32) return true;
    tg_fail(g, tg_dims(rate).rank ? TG_SHAPE : TG_DTYPE, "%s: the rate %s is no floating scalar", who,
            tg__described(rate, text, sizeof text));
    return false;
}

/* A gradient of another shape would broadcast too. */
static bool are_gradients(tg_graph *g, const char *who, const tg_node *params, const tg_node *grads, size_t count) {
    char p[300], dp[300];
    if (!are_of(g, params, count, "parameter", who) || !are_of(g, grads, count, "gradient", who)) return false;
    for (size_t i = 0; i < count; i++) {
        const tg_shape a = tg_dims(params[i]), b = tg_dims(grads[i]);
        if (tg_dtype_of(params[i]) == TG_I32) {
            tg_fail(g, TG_DTYPE, "%s: parameter %zu, %s, is i32, and has no gradient", who, i + 1,
                    tg__described(params[i], p, sizeof p));
            return false;
        }
        if (a.rank == b.rank && memcmp(a.dim, b.dim, sizeof a.dim) == 0) continue;
        tg_fail(g, TG_SHAPE, "%s: gradient %zu, %s, is not of the shape of its parameter %s", who, i + 1,
                tg__described(grads[i], dp, sizeof dp), tg__described(params[i], p, sizeof p));
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------ clipping */

/* The dtype to compute in. */
static tg_node widest(const tg_node *grads, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (tg_dtype_of(grads[i]) == TG_F64) return grads[i];
    return grads[0];
}

/* Σ g²/scale² over them all; scale nil: 1. */
static tg_node squares(const tg_node *grads, size_t count, tg_node wide, tg_node scale) {
    tg_node sum = tg_nil(wide.graph);
    for (size_t i = 0; i < count; i++) {
        const tg_node grad = as(grads[i], wide);
        const tg_node square = tg_sum(tg_square(tg_is_nil(scale) ? grad : tg_ratio(grad, scale)), tg_axes_all());
        sum = i ? tg_add(sum, square) : square;
    }
    return sum;
}

/* Gradients whose squares would overflow are divided by a power of two before they are squared, and those that are not
 * clipped multiplied with it again. */
tg_node tg_clip_global_norm(tg_node *grads, size_t count, double most, const char *scope) {
    tg_graph *g = graph_of(grads, count);
    if (!(most > 0)) return tg_fail(g, TG_ARGUMENT, "clip_global_norm: the largest norm %g must be positive", most);
    if (count == 0 || !are_of(g, grads, count, "gradient", "clip_global_norm")) return tg_nil(g);
    const tg_node wide = widest(grads, count);
    tg_composite_open(g, "clip_global_norm", scope);
    const tg_node scale = tg__divisor(squares(grads, count, wide, tg_nil(g)));
    const tg_node root = tg_sqrt(squares(grads, count, wide, scale)), limit = tg_scalar_like(root, most);
    TG_LET(norm, as(tg_mul(root, scale), grads[0]));
    const tg_node large = tg_gt(root, tg_div(limit, scale)), share = tg_div(limit, root);
    TG_LET(factor, tg_where(large, share, scale));
    for (size_t i = 0; i < count; i++) {
        const tg_node grad = as(grads[i], wide);
        grads[i] = as(tg_mul(tg_ratio(grad, scale), factor), grads[i]);
    }
    tg_scope_close(g);
    return norm;
}

/* ----------------------------------------------------------------------------------------------------------- SGD */

static void descend(tg_node p, tg_node grad, tg_node rate, const tg_sgd_options *o) {
    grad = decayed(grad, p, o->weight_decay);
    if (o->momentum > 0) {
        TG_LET(velocity, zeros_like(p));
        TG_LET(velocity_next, tg_assign(velocity, tg_add(times(velocity, o->momentum), grad)));
        grad = o->nesterov ? tg_add(grad, times(velocity_next, o->momentum)) : velocity_next;
    }
    TG_LET(next, tg_assign(p, tg_sub(p, tg_mul(as(rate, p), grad))));
}

void tg_sgd(const tg_node *params, const tg_node *grads, size_t count, tg_node rate, tg_sgd_options o,
            const char *scope) {
    tg_graph *g = graph_of_all(params, grads, count, rate);
    if (!are_some(rate, count, "sgd") || !are_gradients(g, "sgd", params, grads, count) || !is_rate(g, "sgd", rate) ||
        !in_range(g, "sgd", "momentum", o.momentum, 1) || !in_range(g, "sgd", "weight_decay", o.weight_decay, INFINITY))
        return;
    if (o.nesterov && o.momentum == 0) {
        tg_fail(g, TG_ARGUMENT, "sgd: nesterov needs a momentum");
        return;
    }
    tg_composite_open(g, "sgd", scope);
    for (size_t i = 0; i < count; i++) {
        open_for(params[i]);
        descend(params[i], grads[i], rate, &o);
        tg_scope_close(g);
    }
    tg_scope_close(g);
}

/* ---------------------------------------------------------------------------------------------------------- Adam */

struct adam {
    tg_adam_options o;
    bool decoupled;
    tg_node rate, bias1, bias2; /* 1 - beta^t, f64 */
};

static tg_node follow(tg_node moment, tg_node value, double beta) {
    const tg_node new = times(value, 1 - beta), old = times(moment, beta);
    return tg_assign(moment, tg_add(old, new));
}

static void adapt(tg_node p, tg_node grad, const struct adam *a) {
    const tg_node rate = as(a->rate, p);
    if (!a->decoupled) grad = decayed(grad, p, a->o.weight_decay);
    TG_LET(m, zeros_like(p));
    TG_LET(v, zeros_like(p));
    TG_LET(m_next, follow(m, grad, a->o.beta1));
    TG_LET(v_next, follow(v, tg_square(grad), a->o.beta2));
    TG_LET(mhat, tg_div(m_next, as(a->bias1, p)));
    TG_LET(vhat, tg_div(v_next, as(a->bias2, p)));
    const tg_node eps = tg_scalar_like(p, a->o.eps);
    TG_LET(step, tg_mul(rate, tg_div(mhat, tg_add(tg_sqrt(vhat), eps))));
    tg_node from = p;
    if (a->decoupled && a->o.weight_decay > 0) from = tg_sub(p, tg_mul(times(rate, a->o.weight_decay), p));
    TG_LET(next, tg_assign(p, tg_sub(from, step)));
}

static tg_node bias(tg_graph *g, const char *name, const char *next, double beta) {
    const tg_node power = tg_let(tg_state(g, TG_F64, tg_shape0(), 1), name, __FILE__, __LINE__);
    const tg_node after = tg_let(tg_assign(power, times(power, beta)), next, __FILE__, __LINE__);
    return tg_sub(tg_scalar(g, TG_F64, 1), after);
}

static void adam(const tg_node *params, const tg_node *grads, size_t count, struct adam a, const char *scope) {
    const char *who = a.decoupled ? "adamw" : "adam";
    tg_graph *g = graph_of_all(params, grads, count, a.rate);
    if (!are_some(a.rate, count, who) || !are_gradients(g, who, params, grads, count) || !is_rate(g, who, a.rate) ||
        !in_range(g, who, "beta1", a.o.beta1, 1) || !in_range(g, who, "beta2", a.o.beta2, 1) ||
        !in_range(g, who, "weight_decay", a.o.weight_decay, INFINITY) || !is_positive(g, who, a.o.eps))
        return;
    tg_composite_open(g, who, scope);
    TG_LET(bias1, bias(g, "power1", "power1_next", a.o.beta1));
    TG_LET(bias2, bias(g, "power2", "power2_next", a.o.beta2));
    a.bias1 = bias1, a.bias2 = bias2;
    for (size_t i = 0; i < count; i++) {
        open_for(params[i]);
        adapt(params[i], grads[i], &a);
        tg_scope_close(g);
    }
    tg_scope_close(g);
}

tg_adam_options tg_adam_defaults(void) { return (tg_adam_options){.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}; }

void tg_adam(const tg_node *params, const tg_node *grads, size_t count, tg_node rate, tg_adam_options options,
             const char *scope) {
    adam(params, grads, count, (struct adam){.o = options, .rate = rate}, scope);
}

void tg_adamw(const tg_node *params, const tg_node *grads, size_t count, tg_node rate, tg_adam_options options,
              const char *scope) {
    adam(params, grads, count, (struct adam){.o = options, .decoupled = true, .rate = rate}, scope);
}
