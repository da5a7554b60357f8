/* Batch normalization out of seven primitives: sum, sub, square, sqrt, reciprocal, mul, add. Nothing below says how its
 * backward goes. The engine writes it, and this program lays it open and checks it in two ways. */
#include "flagship.h"

#include <stdlib.h>
#include <string.h>

/* The nine lines. x [N, D]; gamma, beta [D]; share = 1/N. */
static tg_node batchnorm(tg_node x, tg_node gamma, tg_node beta, tg_node share, tg_node eps) {
    TG_LET(mu, tg_mul(tg_sum(x, tg_axis(0)), share));
    TG_LET(xmu, tg_sub(x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(tg_sum(sq, tg_axis(0)), share));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, eps)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, ivar));
    TG_LET(gammax, tg_mul(gamma, xhat));
    TG_LET(out, tg_add(gammax, beta));
    return out;
}

/* A linear layer to the classes and the softmax loss, so that dout is a gradient that a real loss sends. */
static tg_node loss_of(tg_node out, tg_node w, tg_node b, tg_node label) {
    tg_graph *g = out.graph;
    tg_scope_open(g, "head");
    TG_LET(scores, tg_linear(out, w, b, NULL));
    TG_LET(loss, tg_softmax_loss(scores, label, NULL));
    tg_scope_close(g);
    return loss;
}

/* Uniform numbers from a fixed start: the same in every run, on every machine (splitmix64, Steele et al. 2014). */
static bool set_random(tg_node leaf, uint64_t seed, double low, double high) {
    size_t n = tg_size(leaf);
    void *data = malloc(n * sizeof(double));
    if (!data) return complain("out of memory");
    for (size_t i = 0; i < n; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        double v = low + (high - low) * (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
        if (tg_dtype_of(leaf) == TG_F32)
            ((float *)data)[i] = (float)v;
        else
            ((double *)data)[i] = v;
    }
    bool set = tg_set(leaf, data) == TG_OK;
    free(data);
    return set || complain("%s", tg_message(leaf.graph));
}

static bool set_leaf(tg_graph *g, tg_node leaf, const char *path, uint64_t seed, double low, double high) {
    return path ? read_leaf(g, path, leaf) : set_random(leaf, seed, low, high);
}

static bool build(struct model *m, const struct options *o, const struct data *d) {
    tg_graph *g = m->g;
    const tg_dtype t = o->dtype;
    TG_LET(x, tg_input(g, t, tg_shape2(d->rows, d->columns)));
    TG_LET(gamma, tg_param(g, t, tg_shape1(d->columns)));
    TG_LET(beta, tg_param(g, t, tg_shape1(d->columns)));
    if (tg_set(x, d->x) || (d->names && tg_label_columns(x, d->names, (size_t)d->columns)))
        return complain("%s", tg_message(g));
    if (!set_leaf(g, gamma, o->gamma, 1, 0.5, 1.5) || !set_leaf(g, beta, o->beta, 2, -0.5, 0.5)) return false;
    m->x = x, m->gamma = gamma, m->beta = beta, m->eps = o->eps;
    const tg_node eps = tg_scalar(g, t, o->eps), share = tg_scalar(g, t, 1 / (double)d->rows);
    m->out = batchnorm(x, gamma, beta, share, eps);

    if (d->label && !o->dout) {
        TG_LET(W, tg_param(g, t, tg_shape2(d->columns, d->classes)));
        TG_LET(b, tg_param(g, t, tg_shape1(d->classes)));
        TG_LET(label, tg_input(g, TG_I32, tg_shape1(d->rows)));
        if (!set_random(W, 3, -0.5, 0.5) || !set_random(b, 4, -0.1, 0.1)) return false;
        if (tg_set(label, d->label)) return complain("%s", tg_message(g));
        m->loss = loss_of(m->out, W, b, label);
        m->d = tg_backward(m->loss, tg_nil(g));
    } else {
        TG_LET(dout, tg_input(g, t, tg_shape2(d->rows, d->columns)));
        if (!set_leaf(g, dout, o->dout, 5, -1, 1)) return false;
        m->loss = tg_nil(g);
        m->d = tg_backward(m->out, dout);
    }
    return tg_run(g) == TG_OK || complain("%s", tg_message(g));
}

static void introduce(const struct options *o, const struct model *m, const struct data *d) {
    const char *slash = strrchr(d->source, '/');
    printf("Batch normalization of %s: %lld x %lld, %s, eps %g.\n", slash ? slash + 1 : d->source, (long long)d->rows,
           (long long)d->columns, o->dtype == TG_F32 ? "f32" : "f64", o->eps);
    if (!o->gamma || !o->beta)
        printf("%s random (seeds 1 and 2), so that no mistake hides behind 1 and 0.\n", o->gamma ? "beta is"
                                                                                        : o->beta
                                                                                            ? "gamma is"
                                                                                            : "gamma and beta are");
    if (!tg_is_nil(m->loss))
        printf("dout comes from a linear layer to %lld classes (seeds 3 and 4) and the softmax loss, %.6f.\n",
               (long long)d->classes, tg_item(m->loss, 0));
    else
        printf("dout is %s.\n", o->dout ? "given" : "random (seed 5)");
    printf("\n");
}

/* Everything there is to see and to check: 0, 1 or 2. */
static int present(const struct options *o, const struct model *m, const struct data *d) {
    struct findings f = {.agree = true, .proved = true};
    if (!o->quiet) {
        introduce(o, m, d);
        report_steps(m);
    }
    if ((o->dump && !dump(m, o->dump)) || (o->export && !export_all(m, o->export))) return 2;
    if (!report_fused(m, o->quiet, &f) || !report_check(m, o->quiet, &f)) return 2;
    if (o->against && !report_against(m, o->against, o->quiet, &f)) return 2;
    char why[1200];
    const bool finite = tg_is_nil(tg_first_nonfinite(m->g, why, sizeof why));
    if (!finite) printf("The first that is not finite: %s\n", why);
    const bool all = f.agree && finite;
    printf("%s\n", !f.agree   ? "They do not agree."
                   : !finite  ? "Nothing disagrees, but not everything is finite."
                   : f.proved ? "All agree."
                              : "Nothing disagrees, but not everything is proved.");
    if (o->html && !write_page(m, o->html, &f)) return 2;
    if (o->html && !o->quiet) printf("\nTo see it all, open %s in a browser.\n", o->html);
    return all ? 0 : 1;
}

int main(int argc, char **argv) {
    struct options o;
    struct data d = {0};
    struct model m = {.g = NULL};
    int code = read_options(argc, argv, &o);
    if (code == 0) {
        m.g = tg_graph_new();
        if (!m.g) complain("out of memory");
        code = m.g && read_data(m.g, &o, &d) && build(&m, &o, &d) ? present(&o, &m, &d) : 2;
    } else if (code == 1) {
        code = 0; /* help */
    }
    if (fflush(stdout) || ferror(stdout)) {
        complain("standard output could not be written");
        code = 2;
    }
    free_data(&d);
    tg_graph_free(m.g);
    return code;
}
