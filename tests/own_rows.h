/* Two rows of one's own, and what the tests of custom operators share. */
#ifndef TESTS_OWN_ROWS_H
#define TESTS_OWN_ROWS_H

#include "emitted.h"

static inline bool near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance * (1 + fabs(b)); }

static inline void says(tg_graph *g, tg_status status, const char *what) {
    cr_assert_eq(tg_error(g), status, "%s", tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), what), "'%s' is not in: %s", what, tg_message(g));
    tg_graph_free(g);
}

/* ------------------------------------------------------------------------------------------------ rows of our own */

/* z[i][j] = scale x[i] y[j], with a shape rule, a kernel and a number in `user`. */
static inline bool outer_shape(tg_rule *r) {
    const tg_node x = tg_rule_operand(r, 0), y = tg_rule_operand(r, 1);
    const tg_shape a = tg_dims(x), b = tg_dims(y);
    if (!tg_rule_floats(r)) return false;
    if (a.rank != 1 || b.rank != 1) return tg_rule_fail(r, TG_SHAPE, "rank %d and %d are not 1", a.rank, b.rank);
    return tg_rule_set(r, tg_dtype_of(x), tg_shape2(a.dim[0], b.dim[0]));
}

static inline tg_status outer_run(tg_call *c) {
    const tg_node z = tg_call_node(c);
    const size_t n = tg_size(tg_operand(z, 0)), m = tg_size(tg_operand(z, 1));
    const double scale = *(const double *)tg_call_user(c);
    for (size_t i = 0; i < n * m; i++)
        if (tg_dtype_of(z) == TG_F64)
            ((double *)tg_call_output(c))[i] =
                scale * ((const double *)tg_call_input(c, 0))[i / m] * ((const double *)tg_call_input(c, 1))[i % m];
        else
            ((float *)tg_call_output(c))[i] = (float)scale * ((const float *)tg_call_input(c, 0))[i / m] *
                                              ((const float *)tg_call_input(c, 1))[i % m];
    return TG_OK;
}

static inline tg_node outer_vjp(tg_node z, tg_node g, int slot) {
    const tg_node x = tg_operand(z, 0), y = tg_operand(z, 1);
    const tg_node scaled = tg_mul(g, tg_scalar_like(g, *(const double *)tg_user_of(z)));
    if (slot == 0) return tg_sum(tg_mul(scaled, y), tg_axis(1));
    return tg_sum(tg_mul(scaled, tg_reshape(x, tg_shape2(-1, 1))), tg_axis(0));
}

static const double three = 3;
static const tg_op outer = {
    .name = "scaled_outer", .operands = 2, .shape = outer_shape, .run = outer_run, .vjp = outer_vjp, .user = &three};

/* z = x y + w v, by the driver, with everything that the exporters need. */
#define LOOP(T)                                                                                                        \
    static inline void mixed_##T(void *out, const void *const *in, const size_t *step, size_t n) {                     \
        const T *x = in[0], *y = in[1], *w = in[2], *v = in[3];                                                        \
        for (size_t i = 0; i < n; i++)                                                                                 \
            ((T *)out)[i] = x[i * step[0]] * y[i * step[1]] + w[i * step[2]] * v[i * step[3]];                         \
    }
LOOP(float)
LOOP(double)

static inline tg_node mixed_vjp(tg_node z, tg_node g, int slot) { return tg_mul(g, tg_operand(z, slot ^ 1)); }

static const tg_op mixed = {.name = "mixed",
                            .formula = "z = x*y + w*v",
                            .gradient = "g*y, g*x, g*v, g*w",
                            .symbol = "⊞",
                            .numpy = "x*y + w*v",
                            .tex = "x times y + w times v",
                            .tex_back = "g \\cdot y, g \\cdot x, g \\cdot v, g \\cdot w",
                            .code = "a * b + c * d",
                            .operands = 4,
                            .shape = tg_rule_broadcast,
                            .run = tg_run_elementwise,
                            .loop = {mixed_float, mixed_double},
                            .vjp = mixed_vjp};

static inline tg_graph *with_rows(void) {
    tg_graph *g = tg_graph_new();
    cr_assert_eq(tg_register(g, &outer) | tg_register(g, &mixed), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_register(g, &outer), TG_OK, "a second time is nothing");
    return g;
}

static inline tg_node drawn(tg_graph *g, tg_dtype dtype, tg_shape shape) {
    tg_node a = tg_input(g, dtype, shape);
    double *v = random_array(&state, tg_size(a), -2, 2);
    cr_assert_eq(set_doubles(a, v), TG_OK, "%s", tg_message(g));
    free(v);
    return a;
}

static inline void gradients_hold(tg_node out) {
    tg_check checks[8];
    size_t leaves = 0;
    tg_graph *g = out.graph;
    cr_assert_eq(tg_check_gradient(out, NULL, checks, 8, &leaves), TG_OK, "%s", tg_message(g));
    cr_assert_gt(leaves, 0);
    for (size_t i = 0; i < leaves; i++)
        cr_assert_eq(checks[i].verdict, TG_PASS, "%s: %g", tg_verdict_name(checks[i].verdict), checks[i].error);
}

static char read_back[1 << 22];

static inline const char *text_of(const char *name) {
    FILE *file = fopen(path(name, 0), "r");
    cr_assert_not_null(file);
    read_back[fread(read_back, 1, sizeof read_back - 1, file)] = 0;
    fclose(file);
    unlink(path(name, 0));
    return read_back;
}

static inline void has(const char *text, const char *what) {
    cr_assert_not_null(strstr(text, what), "'%s' is missing", what);
}

#endif
