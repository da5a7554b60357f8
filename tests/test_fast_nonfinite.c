/* TG_FAST and what is not finite: a NaN, an infinity, a zero or a huge number is put into one place of one leaf of a
 * layer, and each element of its results and gradients is compared with the tape's. */
#include "simplified.h"

TestSuite(fast_nonfinite, .timeout = 120);

enum { LEAVES = 6, RESULTS = 8, PLACES = 3 };

struct layer {
    tg_graph *g;
    tg_dtype dtype;
    tg_node leaf[LEAVES], result[RESULTS];
    size_t leaves, results;
};

static tg_node input(struct layer *l, tg_shape shape) {
    return l->leaf[l->leaves++] = tg_input(l->g, l->dtype, shape);
}

static tg_node labels(struct layer *l, int64_t n) {
    return l->leaf[l->leaves++] = tg_input(l->g, TG_I32, tg_shape1(n));
}

/* ---------------------------------------------------------------------------------------------------------- layers */

static tg_node matrix(struct layer *l) { return input(l, tg_shape2(6, 4)); }
static tg_node row(struct layer *l) { return input(l, tg_shape1(4)); }
static tg_node number(struct layer *l) { return input(l, tg_shape0()); }

static tg_node batchnorm(struct layer *l) {
    const tg_node x = matrix(l), gamma = row(l), beta = row(l);
    return tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, NULL);
}
static tg_node pictures(struct layer *l) {
    const tg_node x = input(l, tg_shape4(2, 3, 2, 2)), gamma = input(l, tg_shape1(3)), beta = input(l, tg_shape1(3));
    return tg_batchnorm(x, gamma, beta, tg_axes3(0, 2, 3), 1e-5, NULL);
}
static tg_node layernorm(struct layer *l) {
    const tg_node x = matrix(l), gamma = row(l), beta = row(l);
    return tg_layernorm(x, gamma, beta, 1, 1e-5, NULL);
}
static tg_node mean(struct layer *l) { return tg_mean(matrix(l), tg_axis(0)); }
static tg_node centred_twice(struct layer *l) {
    const tg_node x = matrix(l), once = tg_sub(x, tg_mean(x, tg_axis(0)));
    return tg_mul(tg_sub(once, tg_mean(once, tg_axis(0))), row(l));
}
static tg_node variance(struct layer *l) { return tg_var(matrix(l), tg_axis(0), 1); }
static tg_node deviation(struct layer *l) { return tg_std(matrix(l), tg_axis(1), 0); }
static tg_node norm(struct layer *l) { return tg_norm(matrix(l), 2, tg_axis(1)); }
static tg_node logsumexp(struct layer *l) { return tg_logsumexp(matrix(l), tg_axis(1)); }
static tg_node softmax(struct layer *l) { return tg_softmax(matrix(l), 1, NULL); }
static tg_node log_softmax(struct layer *l) { return tg_log_softmax(matrix(l), 1, NULL); }
static tg_node softmax_loss(struct layer *l) {
    const tg_node x = matrix(l);
    return tg_softmax_loss(x, labels(l, 6), NULL);
}
static tg_node cross_entropy(struct layer *l) {
    const tg_node x = matrix(l), weight = row(l);
    return tg_cross_entropy(x, labels(l, 6), weight, TG_MEAN, NULL);
}
static tg_node bce(struct layer *l) {
    const tg_node x = matrix(l), y = matrix(l);
    return tg_bce_with_logits(tg_mul(x, row(l)), y, tg_nil(l->g), TG_MEAN, NULL);
}
static tg_node huber(struct layer *l) {
    const tg_node x = matrix(l), y = matrix(l);
    return tg_huber_loss(tg_div(x, row(l)), y, 1, TG_MEAN, NULL);
}
static tg_node rms(struct layer *l) {
    const tg_node x = matrix(l), scale = tg_rsqrt(tg_mean(tg_square(x), tg_keep(tg_axis(1))));
    return tg_mul(tg_mul(x, scale), row(l));
}
static tg_node classifier(struct layer *l) {
    const tg_node x = matrix(l), w = input(l, tg_shape2(4, 3)), b = input(l, tg_shape1(3));
    return tg_softmax_loss(tg_linear(x, w, b, NULL), labels(l, 6), NULL);
}
static tg_node attention(struct layer *l) {
    const tg_node q = input(l, tg_shape2(3, 4)), k = input(l, tg_shape2(5, 4)), v = input(l, tg_shape2(5, 2));
    const tg_node scores = tg_mul(tg_matmul_t(q, k, false, true), tg_scalar_like(q, 0.5));
    return tg_matmul(tg_softmax(scores, -1, NULL), v);
}
static tg_node squared_error(struct layer *l) {
    const tg_node x = matrix(l), y = matrix(l);
    return tg_mse_loss(tg_mul(x, number(l)), y, TG_MEAN, NULL);
}
static tg_node correlation(struct layer *l) {
    const tg_node x = matrix(l), y = matrix(l);
    const tg_node a = tg_sub(x, tg_mean(x, tg_axis(0))), b = tg_sub(y, tg_mean(y, tg_axis(0)));
    return tg_div(tg_mean(tg_mul(a, b), tg_axis(0)), tg_mul(tg_std(x, tg_axis(0), 1), tg_std(y, tg_axis(0), 1)));
}
static tg_node scaled_sum(struct layer *l) {
    const tg_node x = matrix(l);
    return tg_sum(tg_mul(x, number(l)), tg_axes_all());
}
static tg_node scaled_sums(struct layer *l) {
    const tg_node x = matrix(l), c = row(l);
    return tg_sum(tg_div(tg_mul(x, c), row(l)), tg_axis(0));
}
static tg_node pole(struct layer *l) {
    const tg_node x = matrix(l);
    return tg_div(x, row(l));
}
static tg_node scattered(struct layer *l) {
    const tg_node x = input(l, tg_shape1(6)), c = number(l);
    return tg_mul(tg_sum(tg_mul(tg_scatter(x, labels(l, 6), 3), c), tg_axis(1)), c);
}
static tg_node affine(struct layer *l) {
    const tg_node x = matrix(l), scale = row(l), shift = row(l);
    return tg_sum(tg_square(tg_add(tg_mul(x, scale), shift)), tg_axis(1));
}

static const struct kind {
    const char *name;
    tg_node (*make)(struct layer *l);
} kinds[] = {{"batchnorm", batchnorm},         {"pictures", pictures},       {"layernorm", layernorm},
             {"mean", mean},                   {"centred", centred_twice},   {"var", variance},
             {"std", deviation},               {"norm", norm},               {"logsumexp", logsumexp},
             {"softmax", softmax},             {"log_softmax", log_softmax}, {"softmax_loss", softmax_loss},
             {"classifier", classifier},       {"attention", attention},     {"mse", squared_error},
             {"correlation", correlation},     {"scaled_sum", scaled_sum},   {"scaled_sums", scaled_sums},
             {"pole", pole},                   {"scattered", scattered},     {"affine", affine},
             {"cross_entropy", cross_entropy}, {"bce", bce},                 {"huber", huber},
             {"rms", rms}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* With the gradients of all leaves from a cotangent that is a leaf too. */
static struct layer layer_of(const struct kind *k, tg_dtype t) {
    struct layer l = {.g = tg_graph_new(), .dtype = t};
    const tg_node out = k->make(&l);
    const size_t leaves = l.leaves;
    const tg_grads d = tg_backward(out, input(&l, tg_dims(out)));
    l.result[l.results++] = out;
    for (size_t i = 0; i < leaves; i++)
        if (tg_dtype_of(l.leaf[i]) != TG_I32) l.result[l.results++] = tg_grad(d, l.leaf[i]);
    cr_assert_eq(tg_error(l.g), TG_OK, "%s: %s", k->name, tg_message(l.g));
    return l;
}

/* ------------------------------------------------------------------------------------------------------- injections */

static void give(const struct layer *l, size_t which, size_t place, double odd) {
    uint64_t state = 11;
    for (size_t i = 0; i < l->leaves; i++) {
        const size_t n = tg_size(l->leaf[i]);
        double *v = random_array(&state, n, -2, 2);
        int32_t *label = calloc(n + 1, sizeof *label);
        for (size_t k = 0; k < n; k++) label[k] = (int32_t)random_below(&state, 3);
        if (i == which) v[place * (n - 1) / (PLACES - 1)] = odd;
        cr_assert_eq(tg_dtype_of(l->leaf[i]) == TG_I32 ? tg_set(l->leaf[i], label) : set_doubles(l->leaf[i], v), TG_OK);
        free(v);
        free(label);
    }
}

/* Of elements: what the tape has, and what the simplified tape has in its place. */
struct counts {
    size_t all, nan_lost, finite_to_nan, finite_to_infinite, infinite_to_finite, infinite_to_nan;
};

static void count(struct counts *c, double tape, double fast) {
    c->all++;
    c->nan_lost += isnan(tape) && !isnan(fast);
    c->finite_to_nan += isfinite(tape) && isnan(fast);
    c->finite_to_infinite += isfinite(tape) && isinf(fast);
    c->infinite_to_finite += isinf(tape) && isfinite(fast);
    c->infinite_to_nan += isinf(tape) && isnan(fast);
}

/* How TG_FAST is run: its simplified tape by the interpreter, or as a program. */
struct fast {
    struct simplified small;
    tg_program *program; /* NULL: the tape */
};

static struct fast fast_of(const struct layer *l, bool compiled) {
    struct fast f = {0};
    if (!compiled) f.small = simplify(l->result, l->results, NULL, 0, TG_FAST, 0);
    if (compiled) f.program = tg_compile(l->g, l->result, l->results, (tg_compile_options){.mode = TG_FAST});
    cr_assert(!compiled || f.program, "%s", tg_message(l->g));
    return f;
}

static void compare(struct fast *f, const struct layer *l, struct counts *c) {
    cr_assert_eq(tg_run(l->g), TG_OK, "%s", tg_message(l->g));
    cr_assert_eq(f->program ? tg_program_run(f->program) : run_small(&f->small), TG_OK);
    for (size_t i = 0; i < l->results; i++) {
        const void *data = f->program ? tg_program_value(f->program, l->result[i]) : tg_value(small_node(&f->small, i));
        for (size_t e = 0; e < tg_size(l->result[i]); e++)
            count(c, tg_item(l->result[i], e), tg__load(l->dtype, data, e));
    }
}

static struct counts counts_of(const struct kind *k, tg_dtype t, const double *odd, size_t odds, bool compiled) {
    struct layer l = layer_of(k, t);
    struct fast f = fast_of(&l, compiled);
    struct counts c = {0};
    for (size_t i = 0; i < odds; i++)
        for (size_t which = 0; which < l.leaves; which++)
            for (size_t place = 0; place < PLACES && tg_dtype_of(l.leaf[which]) != TG_I32; place++) {
                give(&l, which, place, odd[i]);
                compare(&f, &l, &c);
            }
    if (!compiled) simplified_free(&f.small);
    tg_graph_free(l.g);
    return c;
}

static void expect_kept(const double *odd, size_t odds, tg_dtype t, bool compiled) {
    struct counts all = {0};
    for (size_t k = 0; k < KINDS; k++) {
        if (compiled && k % 5 && !is_long()) continue;
        const struct counts c = counts_of(&kinds[k], t, odd, odds, compiled);
        cr_expect_eq(c.nan_lost, 0, "%s, %s: %zu NaN lost", kinds[k].name, tg__dtype_name(t), c.nan_lost);
        cr_expect_eq(c.finite_to_nan, 0, "%s, %s: %zu", kinds[k].name, tg__dtype_name(t), c.finite_to_nan);
        cr_expect_eq(c.finite_to_infinite, 0, "%s, %s: %zu", kinds[k].name, tg__dtype_name(t), c.finite_to_infinite);
        cr_expect_eq(c.infinite_to_finite, 0, "%s, %s: %zu", kinds[k].name, tg__dtype_name(t), c.infinite_to_finite);
        all.all += c.all;
        all.infinite_to_nan += c.infinite_to_nan;
    }
    printf("%s of %s: %zu elements, of which %zu are NaN where the tape is infinite\n", compiled ? "programs" : "tapes",
           tg__dtype_name(t), all.all, all.infinite_to_nan);
}

/* What README promises: no NaN is lost, and what is finite stays so. Zeros, because 1/0 is infinite. */
Test(fast_nonfinite, no_nan_is_lost) {
    const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 0};
    for (int t = TG_F32; t <= TG_F64; t++)
        for (int compiled = 0; compiled < 2; compiled++) expect_kept(odd, 4, (tg_dtype)t, compiled);
}

/* One number whose square is infinite. (Of several README says what may happen.) */
Test(fast_nonfinite, huge_numbers) {
    const double odd[2][4] = {{1e20, -1e20, 1e30, -1e30}, {1e160, -1e160, 1e300, -1e300}};
    for (int t = TG_F32; t <= TG_F64; t++)
        for (int compiled = 0; compiled < 2; compiled++) expect_kept(odd[t == TG_F64], 4, (tg_dtype)t, compiled);
}
