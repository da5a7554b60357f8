/* How many digits TG_FAST keeps where data are ill-conditioned: compiled programs and the interpreter beside the same
 * formulas in quad precision, written out here by hand. Each of the five samples is a column (or a row) of one kind. */
#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>
#include <float.h>

TestSuite(fast_digits, .timeout = 120);

__extension__ typedef __float128 quad;

enum { N = 60, KINDS = 5, OUTPUTS = 4 };

static const char *const kind_names[KINDS] = {"ordinary", "offset", "constant", "ratio", "tiny"};

/* -------------------------------------------------------------------------------------------------- quad precision */

static quad quad_abs(quad x) { return x < 0 ? -x : x; }
static quad largest(quad a, quad b) { return a > b ? a : b; }

static quad quad_sqrt(quad x) {
    if (x <= 0) return 0;
    quad z = (quad)sqrtl((long double)x);
    for (int i = 0; i < 3; i++) z = (z + x / z) / 2;
    return z;
}

/* e^x = (e^(x/1024))^1024, by its series. */
static quad quad_exp(quad x) {
    quad term = 1, sum = 0, y = x / 1024;
    if (x < -11000) return 0;
    for (int k = 1; k < 40; k++) {
        term *= y / k;
        sum += term;
    }
    for (int i = 0; i < 10; i++) sum = sum * (2 + sum); /* of e^y - 1, so that no digit is lost */
    return 1 + sum;
}

static quad quad_log(quad x) {
    quad z = (quad)logl((long double)x);
    for (int i = 0; i < 3; i++) z -= 1 - x * quad_exp(-z);
    return z;
}

/* ------------------------------------------------------------------------------------------------------- the truth */

/* What an output should be, and how large what it is made of is: error is measured in that. */
struct truth {
    quad value[N * KINDS], scale[N * KINDS];
};

struct sample {
    quad x[N], dout[N], gamma[N], beta[N], eps;
    int label;
};

/* Of one sample: its result y and the gradient of x. y is one number, but for normalization. */
struct answer {
    quad y[N], y_scale[N], dx[N], dx_scale[N];
};

static quad mean_of(const quad *x) {
    quad sum = 0;
    for (int i = 0; i < N; i++) sum += x[i];
    return sum / N;
}

static quad variance_of(const quad *x, quad ddof) {
    const quad m = mean_of(x);
    quad sum = 0;
    for (int i = 0; i < N; i++) sum += (x[i] - m) * (x[i] - m);
    return sum / (N - ddof);
}

static quad largest_of(const quad *x) {
    quad most = 0;
    for (int i = 0; i < N; i++) most = largest(most, quad_abs(x[i]));
    return most;
}

/* The rounding of the mean alone moves x - mean by so much. */
static quad spread_of(const quad *x, quad roundoff) {
    const quad m = mean_of(x);
    quad most = 0;
    for (int i = 0; i < N; i++) most = largest(most, quad_abs(x[i] - m));
    return most + roundoff * largest_of(x);
}

static quad roundoff;

static void find_mean(const struct sample *s, struct answer *a) {
    a->y[0] = mean_of(s->x);
    a->y_scale[0] = largest_of(s->x);
    for (int i = 0; i < N; i++) a->dx[i] = a->dx_scale[i] = s->dout[0] / N;
}

static void find_variance(const struct sample *s, struct answer *a) {
    const quad m = mean_of(s->x), spread = spread_of(s->x, roundoff);
    a->y[0] = variance_of(s->x, 1);
    a->y_scale[0] = largest(a->y[0], spread * spread);
    for (int i = 0; i < N; i++) {
        a->dx[i] = 2 * s->dout[0] * (s->x[i] - m) / (N - 1);
        a->dx_scale[i] = 2 * s->dout[0] * spread / (N - 1);
    }
}

static void find_deviation(const struct sample *s, struct answer *a) {
    const quad m = mean_of(s->x), y = quad_sqrt(variance_of(s->x, 0));
    a->y[0] = y;
    a->y_scale[0] = spread_of(s->x, roundoff);
    for (int i = 0; i < N; i++) {
        a->dx[i] = y > 0 ? s->dout[0] * (s->x[i] - m) / (N * y) : 0;
        a->dx_scale[i] = s->dout[0] / N;
    }
}

static void find_centred(const struct sample *s, struct answer *a) {
    const quad m = mean_of(s->x), up = mean_of(s->dout);
    for (int i = 0; i < N; i++) {
        a->y[i] = s->x[i] - m;
        a->y_scale[i] = spread_of(s->x, roundoff);
        a->dx[i] = s->dout[i] - up;
        a->dx_scale[i] = largest_of(s->dout);
    }
}

static void find_norm(const struct sample *s, struct answer *a) {
    quad sum = 0;
    for (int i = 0; i < N; i++) sum += s->x[i] * s->x[i];
    a->y[0] = a->y_scale[0] = quad_sqrt(sum);
    for (int i = 0; i < N; i++) {
        a->dx[i] = s->dout[0] * s->x[i] / a->y[0];
        a->dx_scale[i] = s->dout[0];
    }
}

/* log Σ e^x, less x[label] where there is a label. */
static void find_logsumexp(const struct sample *s, struct answer *a) {
    quad sum = 0, top = s->x[0];
    for (int i = 0; i < N; i++) top = s->x[i] > top ? s->x[i] : top;
    for (int i = 0; i < N; i++) sum += quad_exp(s->x[i] - top);
    a->y[0] = top + quad_log(sum);
    a->y_scale[0] = largest(quad_abs(top), quad_log(sum));
    for (int i = 0; i < N; i++) {
        a->dx[i] = s->dout[0] * quad_exp(s->x[i] - top) / sum;
        a->dx_scale[i] = s->dout[0];
    }
    if (s->label < 0) return;
    a->y[0] -= s->x[s->label];
    a->dx[s->label] -= s->dout[0];
}

/* γ (x - mean)/√(var + eps) + β, and back. */
static void find_normalized(const struct sample *s, struct answer *a) {
    const quad m = mean_of(s->x), r = 1 / quad_sqrt(variance_of(s->x, 0) + s->eps), spread = spread_of(s->x, roundoff);
    quad up = 0, along = 0, most = 0;
    for (int i = 0; i < N; i++) {
        const quad d = s->gamma[i] * s->dout[i], xhat = (s->x[i] - m) * r;
        up += d / N;
        along += d * xhat / N;
        most = largest(most, quad_abs(d));
    }
    for (int i = 0; i < N; i++) {
        const quad xhat = (s->x[i] - m) * r;
        a->y[i] = s->gamma[i] * xhat + s->beta[i];
        a->y_scale[i] = quad_abs(s->gamma[i]) * spread * r + quad_abs(s->beta[i]);
        a->dx[i] = r * (s->gamma[i] * s->dout[i] - up - xhat * along);
        a->dx_scale[i] = r * most * (1 + spread * r);
    }
}

/* ----------------------------------------------------------------------------------------------------------- cases */

struct leaves {
    tg_graph *g;
    tg_node x, gamma, beta, label;
};

static tg_node make_mean(const struct leaves *l) { return tg_mean(l->x, tg_axis(0)); }
static tg_node make_variance(const struct leaves *l) { return tg_var(l->x, tg_axis(0), 1); }
static tg_node make_deviation(const struct leaves *l) { return tg_std(l->x, tg_axis(0), 0); }
static tg_node make_norm(const struct leaves *l) { return tg_norm(l->x, 2, tg_axis(0)); }
static tg_node make_logsumexp(const struct leaves *l) { return tg_logsumexp(l->x, tg_axis(1)); }
static tg_node make_loss(const struct leaves *l) {
    return tg_cross_entropy(l->x, l->label, tg_nil(l->g), TG_NONE, NULL);
}
static tg_node make_centred(const struct leaves *l) {
    const tg_node once = tg_sub(l->x, tg_mean(l->x, tg_axis(0)));
    return tg_sub(once, tg_mean(once, tg_axis(0)));
}
static tg_node make_batchnorm(const struct leaves *l) {
    return tg_batchnorm(l->x, l->gamma, l->beta, tg_axis(0), 1e-30, NULL);
}
static tg_node make_layernorm(const struct leaves *l) {
    return tg_layernorm(l->x, l->gamma, l->beta, 1, 1e-30, NULL);
}

static const struct formula {
    const char *name;
    tg_node (*make)(const struct leaves *l);
    void (*find)(const struct sample *s, struct answer *a);
    bool rows, scores, whole; /* a sample is a row; is scores of classes; has a result as large as itself */
} formulas[] = {{"mean", make_mean, find_mean, false, false, false},
                {"var", make_variance, find_variance, false, false, false},
                {"std", make_deviation, find_deviation, false, false, false},
                {"centred", make_centred, find_centred, false, false, true},
                {"norm", make_norm, find_norm, false, false, false},
                {"logsumexp", make_logsumexp, find_logsumexp, true, true, false},
                {"softmax loss", make_loss, find_logsumexp, true, true, false},
                {"batchnorm", make_batchnorm, find_normalized, false, false, true},
                {"layernorm", make_layernorm, find_normalized, true, false, true}};
enum { FORMULAS = sizeof formulas / sizeof *formulas };

static double datum(int kind, bool scores, tg_dtype t, uint64_t *state) {
    const double u = random_between(state, -1, 1);
    const bool f32 = t == TG_F32;
    switch (kind) {
    case 0: return u;
    case 1: return f32 ? 1e4 + 0.02 * u : 1e6 + 2e-8 * u; /* six digits, or fourteen, in common with the mean */
    case 2: return scores ? 3.3 : 0.1;
    case 3: return random_below(state, 8) ? u : scores ? 50 * u : 1e6 * u;
    default: return 1e-12 * u;
    }
}

struct instance {
    const struct formula *f;
    tg_dtype dtype;
    struct leaves l;
    tg_node dout, wanted[2]; /* the result, and the gradient of x */
    struct truth truth[2];
};

static size_t at(const struct instance *c, int kind, int i) {
    return (size_t)(c->f->rows ? kind * N + i : i * KINDS + kind);
}

static void build(struct instance *c) {
    const tg_shape s = c->f->rows ? tg_shape2(KINDS, N) : tg_shape2(N, KINDS);
    const tg_shape along = tg_shape1(c->f->rows ? N : KINDS);
    struct leaves *l = &c->l;
    l->g = tg_graph_new();
    l->x = tg_input(l->g, c->dtype, s);
    l->gamma = tg_input(l->g, c->dtype, along);
    l->beta = tg_input(l->g, c->dtype, along);
    l->label = tg_input(l->g, TG_I32, tg_shape1(KINDS));
    const tg_node out = c->f->make(l);
    c->dout = tg_input(l->g, c->dtype, tg_dims(out));
    c->wanted[0] = out;
    c->wanted[1] = tg_grad(tg_backward(out, c->dout), l->x);
    cr_assert_eq(tg_error(l->g), TG_OK, "%s: %s", c->f->name, tg_message(l->g));
}

/* Of mean 0 and along x: what another normalization sends back. */
static void along_the_sample(const struct instance *c, int kind, const double *x, double *d) {
    for (int i = 0; i < N; i += 2) {
        const size_t a = at(c, kind, i), b = at(c, kind, i + 1);
        const double size = fabs(d[a]);
        d[a] = x[a] > x[b] ? size : -size;
        d[b] = -d[a];
    }
}

static void give(const struct instance *c, uint64_t seed) {
    uint64_t state = seed;
    double x[N * KINDS];
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < N; i++) x[at(c, kind, i)] = datum(kind, c->f->scores, c->dtype, &state);
    double *d = random_array(&state, tg_size(c->dout), 0.5, 2), *gamma = random_array(&state, N, 0.5, 2);
    for (size_t i = 0; i < tg_size(c->dout); i++) d[i] *= random_below(&state, 2) ? 1 : -1;
    for (int kind = 0; kind < KINDS && c->f->whole && seed % 2; kind++) along_the_sample(c, kind, x, d);
    double *beta = random_array(&state, N, -1, 1);
    int32_t label[KINDS];
    for (int i = 0; i < KINDS; i++) label[i] = (int32_t)random_below(&state, N);
    cr_assert_eq(set_doubles(c->l.x, x), TG_OK);
    cr_assert_eq(set_doubles(c->dout, d), TG_OK);
    cr_assert_eq(set_doubles(c->l.gamma, gamma), TG_OK);
    cr_assert_eq(set_doubles(c->l.beta, beta), TG_OK);
    cr_assert_eq(tg_set(c->l.label, label), TG_OK);
    free(d);
    free(gamma);
    free(beta);
}

/* The truth of what the leaves really hold. */
static void answer_all(struct instance *c) {
    const bool whole = c->f->whole, loss = c->f->make == make_loss;
    roundoff = c->dtype == TG_F32 ? (quad)FLT_EPSILON : (quad)DBL_EPSILON;
    for (int kind = 0; kind < KINDS; kind++) {
        struct sample s = {.eps = (quad)(c->dtype == TG_F32 ? (double)1e-30F : 1e-30), .label = loss ? 0 : -1};
        struct answer a;
        if (loss) s.label = (int)tg_item(c->l.label, (size_t)kind);
        for (int i = 0; i < N; i++) {
            s.x[i] = (quad)tg_item(c->l.x, at(c, kind, i));
            s.dout[i] = (quad)tg_item(c->dout, whole ? at(c, kind, i) : (size_t)kind);
            s.gamma[i] = (quad)tg_item(c->l.gamma, (size_t)(c->f->rows ? i : kind));
            s.beta[i] = (quad)tg_item(c->l.beta, (size_t)(c->f->rows ? i : kind));
        }
        c->f->find(&s, &a);
        for (int i = 0; i < N; i++) {
            const size_t y = whole ? at(c, kind, i) : (size_t)kind, x = at(c, kind, i);
            c->truth[0].value[y] = a.y[whole ? i : 0];
            c->truth[0].scale[y] = a.y_scale[whole ? i : 0];
            c->truth[1].value[x] = a.dx[i];
            c->truth[1].scale[x] = quad_abs(a.dx_scale[i]);
        }
    }
}

/* ---------------------------------------------------------------------------------------------------------- errors */

/* Of one output and one kind, in roundoffs of the scale. */
static double error_of(const struct instance *c, int output, int kind, const void *data) {
    const bool one = output == 0 && !c->f->whole;
    quad most = 0;
    for (int i = 0; i < (one ? 1 : N); i++) {
        const size_t e = one ? (size_t)kind : at(c, kind, i);
        const quad off = quad_abs((quad)tg__load(c->dtype, data, e) - c->truth[output].value[e]);
        const quad error = off == 0 ? 0 : off / (c->truth[output].scale[e] * roundoff);
        most = !(error <= most) ? error : most;
    }
    return (double)most;
}

/* By how much FAST may be worse than the tape; and what is called no error, in roundoffs of the scale. */
static const double FACTOR = 2, FLOOR = 4;

static void check(const struct instance *c, int output, int kind, double *tape, double *fast) {
    cr_expect(*fast <= FACTOR * *tape + FLOOR, "%s of %s, %s, %s: off by %g roundoffs of the scale, the tape by %g",
              output ? "gradient" : "result", c->f->name, tg__dtype_name(c->dtype), kind_names[kind], *fast, *tape);
}

static void measure(struct instance *c, tg_program *p, int seeds) {
    double tape[2][KINDS] = {{0}}, fast[2][KINDS] = {{0}};
    for (int seed = 1; seed <= seeds; seed++) {
        give(c, (uint64_t)seed);
        answer_all(c);
        cr_assert_eq(tg_run(c->l.g), TG_OK, "%s", tg_message(c->l.g));
        cr_assert_eq(tg_program_run(p), TG_OK, "%s", tg_message(c->l.g));
        for (int output = 0; output < 2; output++)
            for (int kind = 0; kind < KINDS; kind++) {
                const double own = error_of(c, output, kind, tg_value(c->wanted[output]));
                const double other = error_of(c, output, kind, tg_program_value(p, c->wanted[output]));
                tape[output][kind] = fmax(tape[output][kind], own);
                fast[output][kind] = fmax(fast[output][kind], other);
            }
    }
    for (int output = 0; output < 2; output++) {
        printf("%-12s %s %-8s", c->f->name, tg__dtype_name(c->dtype), output ? "gradient" : "result");
        for (int kind = 0; kind < KINDS; kind++) {
            printf(" %9.2g %9.2g", tape[output][kind], fast[output][kind]);
            check(c, output, kind, &tape[output][kind], &fast[output][kind]);
        }
        puts("");
    }
}

Test(fast_digits, beside_quad_precision) {
    printf("errors in roundoffs of the scale: the tape, TG_FAST\n%-25s", "");
    for (int kind = 0; kind < KINDS; kind++) printf(" %19s", kind_names[kind]);
    puts("");
    for (int t = TG_F32; t <= TG_F64; t++)
        for (size_t i = 0; i < FORMULAS; i++) {
            static struct instance c;
            c = (struct instance){.f = &formulas[i], .dtype = (tg_dtype)t};
            build(&c);
            tg_program *p = tg_compile(c.l.g, c.wanted, 2, (tg_compile_options){.mode = TG_FAST});
            cr_assert_not_null(p, "%s", tg_message(c.l.g));
            measure(&c, p, is_long() ? 2000 : 20);
            tg_graph_free(c.l.g);
        }
}

/* Found by hand: digits that a second centring has. Right: by Python's fractions, of the same floats. */
Test(fast_digits, a_second_centring) {
    tg_graph *g = tg_graph_new();
    const tg_node x = tg_input(g, TG_F32, tg_shape1(3)), same = tg_input(g, TG_F32, tg_shape1(3));
    const tg_node once = tg_sub(x, tg_mean(x, tg_axis(0))), twice = tg_sub(once, tg_mean(once, tg_axis(0)));
    const tg_node var = tg_var(x, tg_axis(0), 0), std = tg_std(same, tg_axis(0), 0);
    const tg_node out[] = {twice, tg_grad(tg_backward(var, tg_nil(g)), x), tg_grad(tg_backward(std, tg_nil(g)), same)};
    const double right[3][3] = {{-0.013346354166666, -0.003580729166666, 0.016927083333333},
                                {-0.008897569444444, -0.002387152777778, 0.011284722222222},
                                {0, 0, 0}};
    cr_assert_eq(tg_set(x, (float[]){10000.01F, 10000.02F, 10000.04F}), TG_OK);
    cr_assert_eq(tg_set(same, (float[]){.1F, .1F, .1F}), TG_OK);
    tg_program *p = tg_compile(g, out, 3, (tg_compile_options){.mode = TG_FAST});
    cr_assert_not_null(p, "%s", tg_message(g));
    cr_assert_eq(tg_program_run(p), TG_OK);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++)
            cr_expect_float_eq(((const float *)tg_program_value(p, out[k]))[i], right[k][i], 2e-7 * (k ? 0.011 : 0.017),
                               "%d [%d] is %g", k, i, (double)((const float *)tg_program_value(p, out[k]))[i]);
    tg_graph_free(g);
}
