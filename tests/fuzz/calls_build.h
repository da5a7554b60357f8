/* Calls that append to the tape, or take back what was appended. */
#ifndef TESTS_FUZZ_CALLS_BUILD_H
#define TESTS_FUZZ_CALLS_BUILD_H

#include "api.h"
#include "session.h"

/* ---------------------------------------------------------------------------------------------------- constructors */

/* One of api.h, with leaves that suit it, or with whatever there is. */
static inline void call_constructor(struct session *s) {
    const struct program *p = &programs[choose(&s->in, PROGRAMS)];
    const bool suited = choose(&s->in, 2) && s->g;
    tg_node a[API_LEAVES + 1] = {{0}};
    tg_scope_open(s->g, suited ? "call" : NULL);
    const int n = suited ? api_leaves(s->g, p->leaves, a) : API_LEAVES;
    for (int i = 0; i < n; i++)
        if (!suited || choose(&s->in, 8) == 0) a[i] = any_node(s);
    tg_scope_close(s->g);
    for (int i = 0; suited && i < n; i++) hold(s, a[i]);
    hold(s, p->make(a));
}

static inline tg_node call_moved(struct session *s, tg_node x) {
    tg_range range[TG_MAX_RANK + 1];
    const int count = (int)choose(&s->in, 4);
    for (int i = 0; i < count; i++) range[i] = (tg_range){any_integer(s), any_integer(s), any_integer(s)};
    switch (choose(&s->in, 14)) {
    case 0: return tg_reshape(x, any_shape_of(s));
    case 1: return tg_transpose(x, any_axes_of(s));
    case 2: return tg_expand(x, any_shape_of(s));
    case 3: return tg_expand_axes(x, any_shape_of(s), any_axes_of(s));
    case 4: return tg_squeeze(x, any_axes_of(s));
    case 5: return tg_unsqueeze(x, any_axes_of(s));
    case 6: return tg_slice(x, (int)any_integer(s), any_integer(s), any_integer(s), any_integer(s));
    case 7: return tg_slice_n(x, count, range);
    case 8: return tg_flip(x, any_axes_of(s));
    case 9: return tg_pad(x, any_shape_of(s), any_shape_of(s), any_number(s));
    case 10: return tg_cast(x, any_dtype(s));
    case 11: return tg_tril(x, (int)any_integer(s));
    case 12: return tg_triu(x, (int)any_integer(s));
    default: return tg_cumsum(x, (int)any_integer(s), choose(&s->in, 2));
    }
}

static inline tg_node call_reduced(struct session *s, tg_node x) {
    const tg_axes axes = any_axes_of(s);
    switch (choose(&s->in, 11)) {
    case 0: return tg_max(x, axes);
    case 1: return tg_min(x, axes);
    case 2: return tg_argmax(x, axes);
    case 3: return tg_argmin(x, axes);
    case 4: return tg_mean(x, axes);
    case 5: return tg_var(x, axes, (int)any_integer(s));
    case 6: return tg_std(x, axes, (int)any_integer(s));
    case 7: return tg_logsumexp(x, axes);
    case 8: return tg_prod(x, axes);
    case 9: return tg_norm(x, any_number(s), axes);
    default: return tg_sum(x, axes);
    }
}

static inline tg_node call_windowed(struct session *s, tg_node x) {
    const tg_node y = any_node(s);
    const tg_window how = any_window(s);
    switch (choose(&s->in, 7)) {
    case 0: return tg_conv2d(x, y, how);
    case 1: return tg_conv2d_data(x, y, any_shape_of(s), how);
    case 2: return tg_conv2d_weight(x, y, any_shape_of(s), how);
    case 3: return tg_windows(x, any_integer(s), any_integer(s), how, any_number(s));
    case 4: return tg_fold(x, any_shape_of(s), any_integer(s), any_integer(s), how);
    case 5: return tg_max_pool2d(x, any_integer(s), any_integer(s), how);
    default: return tg_avg_pool2d(x, any_integer(s), any_integer(s), how);
    }
}

static inline tg_node call_indexed(struct session *s, tg_node x) {
    const tg_node y = any_node(s);
    const tg_node many[] = {x, y, any_node(s), x};
    const uint64_t seed = (uint64_t)any_integer(s);
    switch (choose(&s->in, 9)) {
    case 0: return tg_scatter(x, y, any_integer(s));
    case 1: return tg_take(x, y, (int)any_integer(s));
    case 2: return tg_scatter_add(x, y, (int)any_integer(s), any_integer(s));
    case 3: return tg_one_hot(x, any_integer(s), any_dtype(s));
    case 4: return tg_concat(many, choose(&s->in, 5), (int)any_integer(s));
    case 5: return tg_stack(many, choose(&s->in, 5), (int)any_integer(s));
    case 6: return tg_uniform(x, seed, any_dtype(s), any_shape_of(s));
    case 7: return tg_bernoulli(x, seed, any_number(s), any_dtype(s), any_shape_of(s));
    default: return tg_normal(x, seed, any_dtype(s), any_shape_of(s));
    }
}

static inline tg_node call_layer(struct session *s, tg_node x) {
    const tg_node y = any_node(s), z = any_node(s);
    const char *scope = any_name(s);
    tg_batchnorm_options o = tg_batchnorm_defaults();
    switch (choose(&s->in, 12)) {
    case 0: return tg_batchnorm(x, y, z, any_axes_of(s), any_number(s), scope);
    case 1: return tg_layernorm(x, y, z, (int)any_integer(s), any_number(s), scope);
    case 2: return tg_softmax(x, (int)any_integer(s), scope);
    case 3: return tg_huber_loss(x, y, any_number(s), (tg_reduction)choose(&s->in, 4), scope);
    case 4: return tg_cross_entropy(x, y, z, (tg_reduction)choose(&s->in, 4), scope);
    case 5: return tg_dropout(x, any_number(s), y, (uint64_t)any_integer(s), scope);
    case 6: return tg_matmul_t(x, y, choose(&s->in, 2), choose(&s->in, 2));
    case 7: return tg_clamp(x, any_number(s), any_number(s));
    case 8: return tg_rate_cosine(x, any_number(s), any_number(s), any_number(s));
    case 9: return tg_rate_warmup(x, y, any_number(s));
    case 10: return tg_rate_steps(x, any_number(s), any_number(s), any_number(s));
    default:
        o.mode = choose(&s->in, 2) ? "train" : any_name(s);
        o.momentum = any_number(s);
        o.unbiased = choose(&s->in, 2);
        return tg_batchnorm_running(x, y, z, any_node(s), any_node(s), any_axes_of(s), o, scope);
    }
}

/* Attributes of any kind, wrong ones too. */
static inline void call_attributes(struct session *s) {
    static tg_node (*const kinds[])(struct session *, tg_node) = {call_moved,   call_reduced, call_windowed,
                                                                  call_indexed, call_layer,   call_moved};
    const tg_node x = any_node(s);
    hold(s, kinds[choose(&s->in, sizeof kinds / sizeof *kinds)](s, x));
}

static inline void call_leaf(struct session *s) {
    static const double zeros[LENT];
    const tg_dtype dtype = any_dtype(s);
    const tg_shape shape = any_shape_of(s);
    size_t count = 1;
    for (int i = 0; i < shape.rank && i < TG_MAX_RANK; i++)
        count *= shape.dim[i] >= 0 && shape.dim[i] < LENT ? (size_t)shape.dim[i] : LENT;
    char name[16];
    snprintf(name, sizeof name, "leaf%u", tg_count(s->g));
    switch (choose(&s->in, 8)) {
    case 0: hold(s, tg_const(s->g, dtype, shape, count < LENT && shape.rank < 5 ? zeros : NULL)); break;
    case 1: hold(s, tg_let(tg_state(s->g, dtype, shape, any_number(s)), name, NULL, 0)); break;
    case 2: hold(s, tg_scalar(s->g, dtype, any_number(s))); break;
    case 3: hold(s, tg_scalar_like(any_node(s), any_number(s))); break;
    case 4: hold(s, tg_let(tg_counter(s->g), name, __FILE__, __LINE__)); break;
    case 5: hold(s, tg_input(s->g, dtype, shape)); break;
    default: hold(s, tg_let(tg_param(s->g, dtype, shape), name, __FILE__, __LINE__)); break;
    }
}

/* ------------------------------------------------------------------------------------------------- names and scopes */

static inline void call_names(struct session *s) {
    const tg_node a = any_node(s);
    const char *name = any_name(s);
    switch (choose(&s->in, 5)) {
    case 0: tg_scope_open(s->g, name); break;
    case 1: tg_scope_close(s->g); break;
    case 2: hold(s, tg_scope_operand(a, name)); break;
    case 3: hold(s, tg_find(s->g, name)); break;
    default: hold(s, tg_let(a, name, any_name(s), (int)any_integer(s))); break;
    }
}

/* ------------------------------------------------------------------------------------------------------- gradients */

static inline void call_backward(struct session *s) {
    const tg_node out = any_node(s);
    const bool seeded = choose(&s->in, 4) != 0;
    const tg_grads d = tg_backward(out, seeded ? tg_expand(tg_scalar_like(out, 1.5), tg_dims(out)) : any_node(s));
    hold_sweep(s, d);
    for (size_t i = choose(&s->in, 4); i > 0; i--) {
        const tg_node a = any_node(s);
        if (!tg_has_grad(d, a) && choose(&s->in, 8)) continue;
        const bool had = tg_has_grad(d, a), made = !tg_is_nil(tg_grad(d, a));
        require(made == had || tg_error(d.graph) != TG_OK, "tg_has_grad says %d, tg_grad %d", had, made);
        hold(s, tg_grad(d, a));
    }
}

static inline void call_derivative(struct session *s) {
    const tg_node y = any_node(s), x = any_node(s), v = any_node(s);
    switch (choose(&s->in, 5)) {
    case 0: hold(s, tg_vjp(y, x, v)); break;
    case 1: hold(s, tg_jvp(y, x, v)); break;
    case 2: hold(s, tg_jacobian(y, x)); break;
    case 3: hold(s, tg_hvp(y, x, v)); break;
    default: hold(s, tg_hessian(y, x)); break;
    }
}

static inline void call_mutate(struct session *s) {
    const tg_grads d = any_sweep(s);
    const tg_node sender = any_node(s);
    const tg_mutation how = (tg_mutation)choose(&s->in, 4);
    hold_sweep(s, tg_mutate(d, sender, (int)choose(&s->in, 4), how,
                            how == TG_SCALE ? tg_scalar_like(sender, any_number(s)) : tg_nil(s->g)));
}

static inline void call_optimizer(struct session *s) {
    tg_node p[4] = {{0}}, dp[4] = {{0}};
    const tg_node rate = choose(&s->in, 4) ? tg_scalar(s->g, TG_F64, 0.1) : any_node(s);
    const char *scope = any_name(s);
    size_t count = tg_params(s->g, p, 4);
    count = count < 4 ? count : 4;
    if (choose(&s->in, 2)) count = count ? 1 : 0;
    tg_gradients(any_sweep(s), p, count, dp);
    tg_adam_options o = tg_adam_defaults();
    if (choose(&s->in, 4) == 0) o.eps = any_number(s), o.beta1 = any_number(s), o.weight_decay = any_number(s);
    if (choose(&s->in, 3) == 0) hold(s, tg_clip_global_norm(dp, count, any_number(s), scope));
    switch (choose(&s->in, 3)) {
    case 0: tg_adam(p, dp, count, rate, o, scope); break;
    case 1: tg_adamw(p, dp, count, rate, o, scope); break;
    default: tg_sgd(p, dp, count, rate, (tg_sgd_options){any_number(s), 0.1, choose(&s->in, 2)}, scope); break;
    }
}

static inline void call_own(struct session *s) {
    const tg_node in[] = {any_node(s), any_node(s), any_node(s), any_node(s)};
    switch (choose(&s->in, 4)) {
    case 0: hold(s, tg_custom(&api_custom, in, (int)any_integer(s) % 5, NULL)); break;
    case 1: hold(s, tg_register(s->g, &api_row) == TG_OK ? tg_apply(&api_row, in) : in[0]); break;
    case 2: hold(s, tg_assign(in[0], in[1])); break;
    default: hold(s, tg_fail(s->g, (tg_status)choose(&s->in, 12), "%s", "no reason")); break;
    }
}

/* ---------------------------------------------------------------------------------------------------------- rewind */

static inline void call_rewind(struct session *s) {
    const size_t held = s->marks < MARKS ? s->marks : MARKS;
    if (!held || choose(&s->in, 2)) {
        s->mark[s->marks++ % MARKS] = choose(&s->in, 16) ? tg_mark_now(s->g) : tg_mark_now(s->other);
        return;
    }
    const tg_status status = tg_rewind(s->g, s->mark[choose(&s->in, held)]);
    require(status == TG_OK || tg_error(s->g) != TG_OK, "a rewind is refused without a reason");
    if (tg_error(s->g) == TG_OK) s->good = tg_mark_now(s->g);
}

#endif
