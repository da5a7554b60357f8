/* Three arms of a spiral, 100 points each: a softmax classifier, whose borders are straight, and a network with one
 * hidden layer, whose borders are not.
 *
 *     09_spiral [--compile[=exact]] */
#include "training/compiled.h"

#include <math.h>

enum { ARMS = 3, EACH = 100, N = ARMS * EACH, HIDDEN = 100, WIDE = 48, HIGH = 18, GRID = WIDE * HIGH };

static double points[N][2], grid[GRID][2];
static int32_t arm[N];

/* Along an arm the radius goes from 0 to 1, and the angle by 4, blurred by a normal distribution. */
static bool make_points(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(noise, tg_param(g, TG_F64, tg_shape1(N)));
    bool ok = !tg_fill_normal(noise, 0, 0.2, 1);
    for (int i = 0; i < N && ok; i++) {
        const double r = (i % EACH) / (EACH - 1.), angle = 4 * (i / EACH + r) + tg_item(noise, (size_t)i);
        points[i][0] = r * sin(angle);
        points[i][1] = r * cos(angle);
        arm[i] = i / EACH;
    }
    for (int i = 0; i < GRID; i++) {
        grid[i][0] = (i % WIDE + 0.5) / WIDE * 2.4 - 1.2;
        grid[i][1] = 1.2 - (i / WIDE + 0.5) / HIGH * 2.4;
    }
    tg_graph_free(g);
    return ok;
}

/* layers 1: W, b. layers 2: another W and b before it, with relu between them. */
struct net {
    tg_node w[2], b[2], scores;
};

static struct net build(tg_node x, int layers) {
    struct net n;
    tg_graph *g = x.graph;
    for (int i = 0; i < layers; i++) {
        const int64_t in = i == 0 ? 2 : HIDDEN, out = i == layers - 1 ? ARMS : HIDDEN;
        n.w[i] = tg_param(g, TG_F64, tg_shape2(in, out));
        n.b[i] = tg_state(g, TG_F64, tg_shape1(out), 0);
    }
    n.scores = tg_mlp(x, n.w, n.b, layers, NULL);
    return n;
}

/* What the net says of every point of the plane. Another number of rows is another tape; it borrows the parameters. */
static bool draw(const struct net *trained, int layers) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_const(g, TG_F64, tg_shape2(GRID, 2), grid));
    struct net n = build(x, layers);
    TG_LET(winner, tg_argmax(n.scores, tg_axis(1)));
    bool ok = true;
    for (int i = 0; i < layers && ok; i++)
        ok = !tg_bind(n.w[i], tg_value(trained->w[i])) && !tg_bind(n.b[i], tg_value(trained->b[i]));
    ok = ok && !tg_run(g);
    for (size_t i = 0; i < GRID && ok; i++)
        printf("%c%s", ".o#"[(int)tg_item(winner, i)], i % WIDE == WIDE - 1 ? "\n" : "");
    if (!ok) fprintf(stderr, "%s\n", tg_message(g));
    tg_graph_free(g);
    return ok;
}

static bool train(int layers, int steps, double rate, double momentum) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_const(g, TG_F64, tg_shape2(N, 2), points));
    TG_LET(label, tg_const(g, TG_I32, tg_shape1(N), arm));
    struct net n = build(x, layers);
    TG_LET(loss, tg_softmax_loss(n.scores, label, "loss"));
    tg_node truth = tg_cast(label, TG_F64);
    TG_LET(right, tg_eq(tg_cast(tg_argmax(n.scores, tg_axis(1)), TG_F64), truth));
    TG_LET(accuracy, tg_mean(right, tg_axes_all()));

    /* Weights decay, biases do not: two calls. */
    tg_grads d = tg_backward(loss, tg_nil(g));
    tg_node dw[2], db[2], step = tg_scalar(g, TG_F64, rate);
    tg_gradients(d, n.w, (size_t)layers, dw);
    tg_gradients(d, n.b, (size_t)layers, db);
    tg_sgd(n.w, dw, (size_t)layers, step, (tg_sgd_options){.momentum = momentum, .weight_decay = 1e-3}, "w");
    tg_sgd(n.b, db, (size_t)layers, step, (tg_sgd_options){.momentum = momentum}, "b");

    bool ok = true;
    for (int i = 0; i < layers && ok; i++)
        ok = !tg_fill_normal(n.w[i], 0, sqrt(2. / (i ? HIDDEN : 2)), (uint64_t)i + 1);
    tg_program *program = NULL;
    const tg_node outputs[] = {loss, accuracy};
    if (ok && wants_program()) ok = (program = make_program(g, outputs, 2, TG_WITH_ASSIGNS)) != NULL;
    for (int t = 0; t <= steps && ok; t++) {
        ok = !(!program ? tg_run(g) : t < steps ? tg_program_step(program) : tg_program_run(program));
        if (ok && t % (steps / 5) == 0)
            printf("step %4d   loss %.4f   accuracy %5.1f %%\n", t, item_of(program, loss),
                   100 * item_of(program, accuracy));
        ok = ok && (program || t == steps || !tg_commit(g));
    }
    if (!ok) fprintf(stderr, "%s\n", tg_message(g));
    ok = ok && draw(&n, layers);
    tg_graph_free(g);
    return ok;
}

int main(int argc, char **argv) {
    read_options(&argc, argv);
    if (!make_points()) return 1;
    printf("A softmax classifier\n");
    if (!train(1, 100, 1, 0)) return 1;
    printf("\nA hidden layer of %d between\n", HIDDEN);
    return train(2, 500, 0.3, 0.9) ? 0 : 1;
}
