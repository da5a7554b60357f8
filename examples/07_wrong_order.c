/* Why topological order? The batch normalization of 03_by_hand.c, swept back as naive recursion would: depth first, each
 * node as soon as it is reached. It reads gradients that are not complete. */
#include "tapegrad.h"

int main(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 2)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(2, 2)));
    tg_node out = tg_batchnorm(x, gamma, beta, tg_axis(0), 9, NULL);
    tg_grads d = tg_backward(out, dout);

    bool set = tg_set(x, (double[]){1, 20, 9, 12}) == TG_OK && tg_set(gamma, (double[]){5, 10}) == TG_OK &&
               tg_set(beta, (double[]){1, 0}) == TG_OK && tg_set(dout, (double[]){1, 0, 0, 1}) == TG_OK;
    bool done = set && tg_run(g) == TG_OK && tg_print_wrong_order(d, stdout) == TG_OK;
    if (!done) fprintf(stderr, "%s\n", tg_message(g));
    tg_graph_free(g);
    return done ? 0 : 1;
}
