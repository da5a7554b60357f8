/* Ten backward passes of batch normalization, each with one of the classic mistakes, and who notices: the gradient
 * check seeded with ones and at random, the kernel written by hand, and the right backward beside it, step by step. */
#include "batchnorm.h"
#include "tapegrad.h"

#include <string.h>

enum { N = 6, D = 3, LEAVES = 3, STEPS = 15, ROWS = 11 };

/* Alcohol, malic acid and ash of six wines. */
static const double wines[N * D] = {14.23, 1.71, 2.43, 13.2,  1.78, 2.14, 13.16, 2.36, 2.67,
                                    12.37, 0.94, 1.36, 12.33, 1.1,  2.28, 12.86, 1.35, 2.32};
static const double scale[D] = {1.5, 0.7, -1.2}, shift[D] = {0.3, -0.2, 0.1};
static double ones[N * D], cotangent[N * D];
static const char *const steps[STEPS] = {"dbeta", "dgammax", "dgamma", "dxhat", "divar", "dxmu1", "dsqrtvar", "dvar",
                                         "dsq",   "dxmu2",   "dxmu",   "dmu",   "dx1",   "dx2",   "dx"};

/* What is done to the term that a sender sends to one of its operands. */
static const struct mistake {
    const char *name;
    struct edge {
        const char *sender; /* "Σx": the unnamed sum inside mu */
        int slot;
        tg_mutation kind;
        double factor; /* 0: 1/gamma */
    } edge[2];
} mistakes[ROWS] = {
    {"none: the right backward", {{"sq", 0, TG_SCALE, 1}}},
    {"variance path missing", {{"sq", 0, TG_DROP, 1}}},
    {"variance path doubled", {{"sq", 0, TG_SCALE, 2}}},
    {"variance path, wrong sign", {{"sq", 0, TG_FLIP, 1}}},
    {"variance path over N - 1", {{"sq", 0, TG_SCALE, N / (N - 1.)}}},
    {"mean path missing", {{"xmu", 1, TG_DROP, 1}}},
    {"mean, variance as constants", {{"xmu", 1, TG_DROP, 1}, {"xhat", 1, TG_DROP, 1}}},
    {"gamma forgotten in dxhat", {{"gammax", 1, TG_SCALE, 0}}},
    {"dgamma = 0", {{"gammax", 0, TG_DROP, 1}}},
    {"dgamma, wrong sign", {{"gammax", 0, TG_FLIP, 1}}},
    {"dx = 0", {{"xmu", 0, TG_DROP, 1}, {"Σx", 0, TG_DROP, 1}}},
};

static const char head[] = "                             gradient check seeded   beside the       beside the right\n"
                           "mistake                      with ones   at random   fused kernel     backward\n"
                           "───────────────────────────────────────────────────────────────────────────────────────\n";
static const char summary[] =
    "\nA random seed catches %d of %d. A seed of ones lets %d of them pass: the sum of out does not depend on x\n"
    "and gamma, so their gradient is 0 up to rounding, and most wrong ones are too.\n";

/* The sweep d once more, with the mistake in it. */
static tg_grads make(tg_grads d, const struct mistake *m) {
    tg_graph *g = d.graph;
    for (const struct edge *e = m->edge; e < m->edge + 2 && e->sender; e++) {
        tg_node sender = tg_find(g, e->sender), factor = tg_nil(g);
        if (tg_is_nil(sender)) sender = tg_operand(tg_find(g, "mu"), 0);
        if (e->kind == TG_SCALE)
            factor = e->factor != 0 ? tg_scalar(g, TG_F64, e->factor) : tg_reciprocal(tg_find(g, "gamma"));
        d = tg_mutate(d, sender, e->slot, e->kind, factor);
    }
    return d;
}

/* FAIL if the gradient of any leaf is refuted; NULL on an error. */
static const char *check(tg_grads d, const double *seed) {
    const tg_check_options options = {.cotangent = seed, .sweep = d};
    tg_check leaf[LEAVES];
    size_t count;
    tg_verdict v = TG_PASS;
    if (tg_check_gradient(tg_find(d.graph, "out"), &options, leaf, LEAVES, &count)) return NULL;
    for (size_t i = 0; i < count && v != TG_FAIL; i++)
        if (leaf[i].verdict != TG_PASS) v = leaf[i].verdict;
    return tg_verdict_name(v);
}

/* Arrays beside the gradients of a sweep, whose names are behind "s2/" or "s3/": the first that parts. */
static bool lay(tg_grads d, const char *const *names, const double *const *values, size_t count, char *text) {
    char full[STEPS][16];
    tg_array array[STEPS];
    tg_difference row[STEPS];
    size_t first;
    for (size_t i = 0; i < count; i++) {
        snprintf(full[i], sizeof full[i], "s%u/%s", d.id, names[i]);
        array[i] = (tg_array){full[i], TG_F64, tg_dims(tg_find(d.graph, full[i])), values[i]};
    }
    if (tg_diverge(d.graph, array, count, 1e-12, row, &first)) return false;
    if (first < count) sprintf(text, "%s, step %d", strchr(row[first].name, '/') + 1, row[first].stage);
    return true;
}

static bool beside_both(tg_grads d, char *fused, char *right) {
    double mu[D], var[D], ivar[D], out[N * D], dx[N * D], dgamma[D], dbeta[D];
    const double *own[STEPS];
    tg_fused_batchnorm_train_f64(N, D, wines, scale, shift, 1e-5, out,
                                 (tg_fused_batchnorm_stages_f64){mu, var, ivar, NULL});
    tg_fused_batchnorm_backward_f64(N, D, cotangent, wines, scale, mu, ivar, dx, dgamma, dbeta);
    for (int i = 0; i < STEPS; i++) own[i] = tg_value(tg_find(d.graph, steps[i]));
    const char *const names[] = {"dbeta", "dgamma", "dx"};
    return lay(d, names, (const double *[]){dbeta, dgamma, dx}, 3, fused) && lay(d, steps, own, STEPS, right);
}

int main(void) {
    int caught = 0, unseen = 0;
    for (int i = 0; i < N * D; i++) ones[i] = 1, cotangent[i] = (i * 7 % 11 - 5) / 4.;
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(N, D)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(D)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(D)));
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(N, D)));
    TG_LET(out, tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, NULL));
    tg_grads d = tg_backward(out, dout);
    bool ok = !tg_set(x, wines) && !tg_set(gamma, scale) && !tg_set(beta, shift) && !tg_set(dout, cotangent);
    fputs(head, stdout);
    for (int i = 0; i < ROWS && ok; i++) {
        char fused[32] = "agrees", right[32] = "agrees";
        tg_mark before = tg_mark_now(g);
        tg_grads wrong = make(d, &mistakes[i]);
        const char *plain = check(wrong, ones), *random = plain ? check(wrong, NULL) : NULL;
        ok = random && !tg_run(g) && beside_both(wrong, fused, right) && !tg_rewind(g, before);
        if (!ok) break;
        printf("%-27s  %-10s  %-10s  %-15s  %s\n", mistakes[i].name, plain, random, fused, right);
        caught += strcmp(random, "FAIL") == 0;
        unseen += i > 0 && strcmp(plain, "FAIL") != 0;
    }
    if (ok) printf(summary, caught, ROWS - 1, unseen);
    if (!ok) fprintf(stderr, "%s\n", tg_message(g));
    tg_graph_free(g);
    return ok ? 0 : 1;
}
