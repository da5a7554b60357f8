/* Batch normalization as students write it, each with one mistake. Beside the kernel written by hand, which publishes
 * mu, var, ivar, xhat and out, it shows that something is wrong; beside the nine stages of a right tape it has a name.
 */
#include "batchnorm.h"
#include "tapegrad.h"

#include <string.h>

enum { N = 8, D = 3, STEPS = 9, STAGES = 5 };

/* Alcohol, malic acid and ash of eight wines. */
static const double wines[N * D] = {14.23, 1.71, 2.43, 13.2,  1.78, 2.14, 13.16, 2.36, 2.67, 14.37, 1.95, 2.5,
                                    12.37, 0.94, 1.36, 12.33, 1.1,  2.28, 12.86, 1.35, 2.32, 12.88, 2.99, 2.4};
static const double scale[D] = {1.5, 0.7, -1.2}, shift[D] = {0.3, -0.2, 0.1};
static const char *const steps[STEPS] = {"mu", "xmu", "sq", "var", "sqrtvar", "ivar", "xhat", "gammax", "out"};

enum mistake { NONE, SUM, NO_MU, WHOLE, UNBIASED, EPS_OUTSIDE, MINUS, EXCHANGED, MISTAKES };
static const struct {
    const char *name;
    int step; /* where it is made */
} told[MISTAKES] = {{"none", 0},
                    {"sum instead of mean", 1},
                    {"mu not subtracted", 2},
                    {"variance of the whole array", 4},
                    {"variance over N - 1", 4},
                    {"eps outside of the root", 5},
                    {"minus instead of divide", 7},
                    {"gamma and beta exchanged", 8}};

static tg_graph *student(enum mistake m) {
    tg_graph *g = tg_graph_new();
    const tg_axes rows = tg_axis(0);
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(N, D)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(D)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(D)));
    tg_node eps = tg_scalar(g, TG_F64, 1e-5), share = tg_scalar(g, TG_F64, 1. / N);
    tg_node other = tg_scalar(g, TG_F64, m == WHOLE ? 1. / (N * D) : 1. / (N - 1));

    TG_LET(mu, m == SUM ? tg_sum(x, rows) : tg_mul(tg_sum(x, rows), share));
    TG_LET(xmu, m == NO_MU ? tg_identity(x) : tg_sub(x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(tg_sum(sq, m == WHOLE ? tg_axes_all() : rows), m == WHOLE || m == UNBIASED ? other : share));
    TG_LET(sqrtvar, m == EPS_OUTSIDE ? tg_add(tg_sqrt(var), eps) : tg_sqrt(tg_add(var, eps)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, m == MINUS ? tg_sub(xmu, sqrtvar) : tg_mul(xmu, ivar));
    TG_LET(gammax, tg_mul(m == EXCHANGED ? beta : gamma, xhat));
    TG_LET(out, tg_add(gammax, m == EXCHANGED ? gamma : beta));
    if (!tg_set(x, wines) && !tg_set(gamma, scale) && !tg_set(beta, shift)) (void)!tg_run(g);
    return g;
}

static const char *shape_text(tg_shape s, char *text) {
    size_t n = (size_t)sprintf(text, "[");
    for (int i = 0; i < s.rank; i++) n += (size_t)sprintf(text + n, i ? ", %d" : "%d", (int)s.dim[i]);
    strcpy(text + n, "]");
    return text;
}

/* The kernel's five arrays, or the nine of a right tape. */
static void of_kernel(tg_array *a) {
    static double mu[D], var[D], ivar[D], xhat[N * D], out[N * D];
    const tg_fused_batchnorm_stages_f64 stages = {mu, var, ivar, xhat};
    tg_fused_batchnorm_train_f64(N, D, wines, scale, shift, 1e-5, out, stages);
    const tg_shape row = tg_shape1(D), all = tg_shape2(N, D);
    const tg_array kernel[STAGES] = {{"mu", TG_F64, row, mu},
                                     {"var", TG_F64, row, var},
                                     {"ivar", TG_F64, row, ivar},
                                     {"xhat", TG_F64, all, xhat},
                                     {"out", TG_F64, all, out}};
    memcpy(a, kernel, sizeof kernel);
}

static void of_tape(tg_graph *right, tg_array *a) {
    for (int i = 0; i < STEPS; i++) {
        tg_node stage = tg_find(right, steps[i]);
        a[i] = (tg_array){steps[i], tg_dtype_of(stage), tg_dims(stage), tg_value(stage)};
    }
}

static void tell(tg_graph *g, const tg_difference *r) {
    char ours[100], theirs[100];
    if (r->misshapen)
        shape_text(tg_dims(tg_find(g, r->name)), ours), shape_text(r->shape, theirs);
    else
        sprintf(ours, "%.6g", r->ours), sprintf(theirs, "%.6g", r->theirs);
    printf("%d  %-8s  %9s  %9s", r->stage, r->name, ours, theirs);
    printf(r->misshapen ? "            –\n" : "  %11.1e\n", r->error);
}

/* Is the mistake named at the step where it was made? */
static bool examine(tg_graph *g, enum mistake m, const tg_array *kernel, const tg_array *right) {
    tg_difference fused[STAGES], staged[STEPS];
    size_t parts, step;
    if (tg_diverge(g, kernel, STAGES, 1e-12, fused, &parts) || tg_diverge(g, right, STEPS, 1e-12, staged, &step)) {
        fprintf(stderr, "%s: %s\n", told[m].name, tg_message(g));
        return false;
    }
    printf("%-28s  %-10s  ", told[m].name, parts < STAGES ? fused[parts].name : "agrees");
    if (step == STEPS) return printf("all nine agree\n") > 0 && m == NONE;
    tell(g, &staged[step]);
    return parts < STAGES && staged[step].stage == told[m].step;
}

int main(void) {
    tg_array kernel[STAGES], right[STEPS];
    tg_graph *truth = student(NONE);
    of_kernel(kernel);
    of_tape(truth, right);
    int named = 0;
    printf("                              beside the  beside the right stages\n"
           "mistake                       kernel      step           student      right  error/scale\n"
           "────────────────────────────────────────────────────────────────────────────────────────\n");
    for (int m = NONE; m < MISTAKES; m++) {
        tg_graph *g = student((enum mistake)m);
        named += examine(g, (enum mistake)m, kernel, right);
        tg_graph_free(g);
    }
    tg_graph_free(truth);
    printf("\n%d of %d mistakes are named at the step where they were made. The variance of the whole array is one "
           "number,\n"
           "not one for each column: it parts by its shape.\n",
           named - 1, MISTAKES - 1);
    return named == MISTAKES ? 0 : 1;
}
