/* Batch normalization, forward and backward, as C ahead of time: two files for programs that have never heard of this
 * library. 14_ahead_use.c is one.
 *
 *     14_ahead [DIRECTORY]     where batchnorm.c and batchnorm.h are written; else where it stands */
#include "tapegrad.h"

enum { N = 8, D = 3 };

static tg_grads build(tg_graph *g) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(N, D)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(D)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(D)));
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(N, D)));
    tg_node share = tg_scalar(g, TG_F64, 1. / N), eps = tg_scalar(g, TG_F64, 1e-5);
    TG_LET(mu, tg_mul(tg_sum(x, tg_axis(0)), share));
    TG_LET(xmu, tg_sub(x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(tg_sum(sq, tg_axis(0)), share));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, eps)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, ivar));
    TG_LET(gammax, tg_mul(gamma, xhat));
    TG_LET(out, tg_add(gammax, beta));
    return tg_backward(out, dout);
}

/* Between -1 and 1, the same ones in 14_ahead_use.c. */
static bool fill(tg_node leaf, int from) {
    double v[N * D];
    for (int i = 0; i < N * D; i++) v[i] = (from + i) * 37 % 101 / 50. - 1;
    return tg_set(leaf, v) == TG_OK;
}

static void print(tg_node a) {
    const double *v = tg_value(a);
    printf("  %-6s  %9.6f  %9.6f  %9.6f\n", tg_name(a), v[0], v[1], v[2]);
}

static bool write_it(tg_graph *g, const tg_node *outputs, const char *directory) {
    tg_compile_options options = {.flags = TG_INTERPRET}; /* it is not to be run here */
    tg_program *p = tg_compile(g, outputs, 4, options);
    if (!p || tg_write_c(p, "batchnorm", directory)) return false;
    tg_program_free(p);
    puts("batchnorm.c and batchnorm.h are written. On the tape, the first three numbers are\n");
    return true;
}

int main(int argc, char **argv) {
    tg_graph *g = tg_graph_new();
    const tg_grads d = build(g);
    const tg_node x = tg_find(g, "x"), gamma = tg_find(g, "gamma"), beta = tg_find(g, "beta");
    const tg_node outputs[] = {tg_find(g, "out"), tg_grad(d, x), tg_grad(d, gamma), tg_grad(d, beta)};
    bool ok = fill(x, 0) && fill(gamma, 30) && fill(beta, 40) && fill(tg_find(g, "dout"), 50) && tg_run(g) == TG_OK;
    ok = ok && write_it(g, outputs, argc > 1 ? argv[1] : ".");
    for (int i = 0; i < 4 && ok; i++) print(outputs[i]);
    if (!ok) fprintf(stderr, "%s\n", tg_message(g));
    tg_graph_free(g);
    return ok ? 0 : 1;
}
