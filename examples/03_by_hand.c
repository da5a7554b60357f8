/* Batch normalization of two rows and two columns, with numbers that can be followed on paper. eps = 9 is not small,
 * but sqrt(16 + 9) = 5 needs no calculator. */
#include "tapegrad.h"

#include <string.h>

static const char *const forward[] = {"mu", "xmu", "sq", "var", "sqrtvar", "ivar", "xhat", "gammax", "out", NULL};
static const char *const backward[] = {"dout", "dbeta", "dgammax", "dgamma", "dxhat", "divar", "dxmu1", "dsqrtvar",
                                       "dvar", "dsq",   "dxmu2",   "dxmu",   "dmu",   "dx2",   "dx",    NULL};

static void show(tg_graph *g, const char *const *names) {
    for (; *names; names++) {
        char formula[100];
        tg_node a = tg_find(g, *names);
        tg_formula(a, formula, sizeof formula);
        printf("%-9s= %-28s", *names, strcmp(tg_name(a), *names) == 0 ? formula : tg_name(a));
        for (size_t i = 0; i < tg_size(a); i++) printf("%s%8g", i == 2 ? "  |" : "", tg_item(a, i));
        printf("\n");
    }
}

int main(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 2)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(2, 2)));
    tg_node half = tg_scalar(g, TG_F64, 0.5), eps = tg_scalar(g, TG_F64, 9);

    TG_LET(mu, tg_mul(tg_sum(x, tg_axis(0)), half));
    TG_LET(xmu, tg_sub(x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(tg_sum(sq, tg_axis(0)), half));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, eps)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, ivar));
    TG_LET(gammax, tg_mul(gamma, xhat));
    TG_LET(out, tg_add(gammax, beta));
    tg_grads d = tg_backward(out, dout);

    bool set = tg_set(x, (double[]){1, 20, 9, 12}) == TG_OK && tg_set(gamma, (double[]){5, 10}) == TG_OK &&
               tg_set(beta, (double[]){1, 0}) == TG_OK && tg_set(dout, (double[]){1, 0, 0, 1}) == TG_OK;
    if (!set || tg_run(g)) {
        fprintf(stderr, "%s\n", tg_message(g));
        return 1;
    }
    printf("x        = 1 20 | 9 12    gamma = 5 10    beta = 1 0    dout = 1 0 | 0 1    (rows are divided by |)\n\n");
    show(g, forward);
    printf("\n");
    show(g, backward);
    printf("\nWhat arrives at xmu, and along which path\n");
    tg_print_ledger(d, xmu, stdout);
    tg_graph_free(g);
    return 0;
}
