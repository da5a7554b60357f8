/* mutated FILE: the explorer's page of batch normalization with three mistakes in its backward, in FILE. */
#include "tapegrad.h"

#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 2)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(4, 2)));
    tg_grads d = tg_backward(tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, NULL), dout);
    d = tg_mutate(d, tg_find(g, "sq"), 0, TG_FLIP, tg_nil(g));
    d = tg_mutate(d, tg_find(g, "gammax"), 0, TG_DROP, tg_nil(g));
    d = tg_mutate(d, tg_find(g, "xhat"), 1, TG_SCALE, tg_scalar(g, TG_F64, 2));
    const bool given = !tg_set(x, (double[]){1, 2, 3, 5, 8, 13, 21, 34}) && !tg_set(gamma, (double[]){1, 2}) &&
                       !tg_set(beta, (double[]){0.5, 1}) && !tg_set(dout, (double[]){1, 0, 2, 3, -1, 4, 0, 1});
    const bool written = given && !tg_run(g) && tg_write_html(g, d, argv[1], NULL) == TG_OK;
    if (!written) fprintf(stderr, "mutated: %s\n", tg_message(g));
    tg_graph_free(g);
    return written ? 0 : 1;
}
