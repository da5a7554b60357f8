/* y = x e^x and its derivative, which is a node like any other. */
#include "tapegrad.h"

int main(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(y, tg_mul(x, tg_exp(x)));
    tg_grads d = tg_backward(y, tg_nil(g));
    tg_node dx = tg_grad(d, x);
    double one = 1;
    bool ran = tg_set(x, &one) == TG_OK && tg_run(g) == TG_OK;
    if (ran) printf("y = %.6f, dy/dx = %.6f\n\n", tg_item(y, 0), tg_item(dx, 0));
    tg_print(g, stdout);
    tg_graph_free(g);
    return ran ? 0 : 1;
}
