/* The stepper: batch normalization of four rows and two columns, moment by moment, forward and backward. In a terminal
 * it waits for Enter. The numbers can be followed on paper: both columns have variance 16, and sqrt(16 + 9) = 5. */
#include "tapegrad.h"

#include <unistd.h>

int main(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 2)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(4, 2)));
    tg_node share = tg_scalar(g, TG_F64, 0.25), eps = tg_scalar(g, TG_F64, 9);

    TG_LET(mu, tg_mul(tg_sum(x, tg_axis(0)), share));
    TG_LET(xmu, tg_sub(x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(tg_sum(sq, tg_axis(0)), share));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, eps)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, ivar));
    TG_LET(gammax, tg_mul(gamma, xhat));
    TG_LET(out, tg_add(gammax, beta));
    tg_grads d = tg_backward(out, dout);

    bool set = tg_set(x, (double[]){1, 20, 9, 12, 1, 12, 9, 20}) == TG_OK &&
               tg_set(gamma, (double[]){5, 10}) == TG_OK && tg_set(beta, (double[]){1, 0}) == TG_OK &&
               tg_set(dout, (double[]){1, 0, 0, 1, 2, 0, 0, -1}) == TG_OK;
    if (!set || tg_run(g)) {
        fprintf(stderr, "%s\n", tg_message(g));
        return 1;
    }
    const bool wait = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    for (size_t k = 0; k < tg_moments(g); k++) {
        if (!tg_print_moment(d, k, stdout)) continue;
        if (wait && getchar() == EOF) break;
        if (!wait) printf("\n");
    }
    tg_graph_free(g);
    return 0;
}
