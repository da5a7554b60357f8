/* One neuron, z = sigmoid(w x + b): its gradients at one point, and then the same neuron learns the word "and". */
#include "tapegrad.h"

static const double weights[] = {2, -3}, bias[] = {-3};

/* At x = -1, -2, with numbers to follow on paper: w x + b = 1, sigmoid(1) = 0.73, and its slope is 0.73 (1 - 0.73). */
static bool look(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    TG_LET(w, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(b, tg_param(g, TG_F64, tg_shape0()));
    TG_LET(wx, tg_sum(tg_mul(w, x), tg_axes_all()));
    TG_LET(s, tg_add(wx, b));
    TG_LET(z, tg_sigmoid(s));
    tg_grads d = tg_backward(z, tg_nil(g));

    const double point[] = {-1, -2};
    bool ok = !tg_set(x, point) && !tg_set(w, weights) && !tg_set(b, bias) && !tg_run(g);
    if (ok) tg_print_steps(d, NULL, stdout);
    if (!ok) fprintf(stderr, "%s\n", tg_message(g));
    tg_graph_free(g);
    return ok;
}

/* All four points at once, in rows. The step of training stands on the tape too: tg_sgd says what w and b shall be, and
 * tg_commit makes it so. */
static bool learn(void) {
    tg_graph *g = tg_graph_new();
    const double points[] = {0, 0, 0, 1, 1, 0, 1, 1}, both[] = {0, 0, 0, 1};
    TG_LET(x, tg_const(g, TG_F64, tg_shape2(4, 2), points));
    TG_LET(y, tg_const(g, TG_F64, tg_shape2(4, 1), both));
    TG_LET(w, tg_param(g, TG_F64, tg_shape2(2, 1)));
    TG_LET(b, tg_param(g, TG_F64, tg_shape1(1)));
    TG_LET(s, tg_linear(x, w, b, NULL));
    TG_LET(z, tg_sigmoid(s));
    TG_LET(loss, tg_bce_with_logits(s, y, tg_nil(g), TG_MEAN, "bce")); /* -log z where y = 1, -log(1 - z) where 0 */

    tg_node p[] = {w, b}, dp[2];
    tg_gradients(tg_backward(loss, tg_nil(g)), p, 2, dp);
    tg_sgd(p, dp, 2, tg_scalar(g, TG_F64, 2), (tg_sgd_options){0}, "sgd");

    printf("\nstep    loss                w         b                 dw       db    z of 00 01 10 11\n");
    bool ok = !tg_set(w, weights) && !tg_set(b, bias);
    for (int step = 0, next = 0; step <= 1000 && ok; step++) {
        ok = !tg_run(g);
        if (ok && step == next) {
            printf("%4d  %6.4f  %7.4f %7.4f %8.4f  %8.5f %8.5f %8.5f   ", step, tg_item(loss, 0), tg_item(w, 0),
                   tg_item(w, 1), tg_item(b, 0), tg_item(dp[0], 0), tg_item(dp[0], 1), tg_item(dp[1], 0));
            for (size_t i = 0; i < 4; i++) printf(" %.2f", tg_item(z, i));
            printf("\n");
            next = step < 3 ? step + 1 : step < 10 ? 10 : step * 10;
        }
        ok = ok && !tg_commit(g);
    }
    if (!ok) fprintf(stderr, "%s\n", tg_message(g));
    tg_graph_free(g);
    return ok;
}

int main(void) { return look() && learn() ? 0 : 1; }
