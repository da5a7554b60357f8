#include <stdio.h>
#include <tapegrad.h>

int main(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(y, tg_square(x));
    tg_grads d = tg_backward(y, tg_nil(g));
    bool right = tg_set(x, &(double){3}) == TG_OK && tg_run(g) == TG_OK && tg_item(tg_grad(d, x), 0) == 6;
    if (!right) printf("d/dx x² at 3: %s\n", tg_message(g));
    right = right && tg_save_leaves(g, "/dev/null") == TG_FILE; /* is no file to replace; but zlib has been linked */
    tg_graph_free(g);
    return right ? 0 : 1;
}
