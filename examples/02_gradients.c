/* Fan-out: a value that is used twice gets its gradient in two terms. The ledger shows both. Then a mistake, and what
 * the library says about it. */
#include "tapegrad.h"

static tg_node sum_of(tg_node z) { return tg_sum(z, tg_axes_all()); }

int main(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(a, tg_square(x));
    TG_LET(b, tg_mul(a, x));         /* x^3: a is used here … */
    TG_LET(y, sum_of(tg_add(a, b))); /* … and here */
    tg_grads d = tg_backward(y, tg_nil(g));
    if (tg_set(x, (double[]){1, 2, 3}) || tg_run(g)) {
        fprintf(stderr, "%s\n", tg_message(g));
        return 1;
    }

    printf("y = sum(x^2 + x^3) at x = 1, 2, 3\n\n");
    tg_print_steps(d, NULL, stdout);
    printf("\nWhat arrives at a\n");
    tg_print_ledger(d, a, stdout);
    printf("\nWhat arrives at x: dx = 2x + 3x^2 = ");
    for (size_t i = 0; i < 3; i++) printf(i ? ", %g" : "%g", tg_item(tg_grad(d, x), i));
    printf("\n");
    tg_print_ledger(d, x, stdout);

    /* A mistake does not stop the program: it is kept in the graph until somebody asks. */
    tg_mark before = tg_mark_now(g);
    TG_LET(w, tg_param(g, TG_F64, tg_shape1(4)));
    TG_LET(z, tg_mul(w, x));
    TG_LET(loss, sum_of(tg_square(z)));
    printf("\nA mistake, three lines before anybody looks:\n%s\n", tg_message(g));

    /* Taking the tape back to the mark takes the mistake back too. */
    bool mended = tg_rewind(g, before) == TG_OK && tg_run(g) == TG_OK;
    printf("\nAfter the rewind: %s\n", mended ? "all is well" : tg_message(g));
    tg_graph_free(g);
    return mended ? 0 : 1;
}
