/* large FILE: the explorer's page for a tape of ten thousand nodes, in FILE. Prints how long writing it took. */
#include "tapegrad.h"

#include <stdio.h>
#include <time.h>

enum { NODES = 10000, LAYER = 10 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Half of the nodes forward, the other half backward, in a hundred layers of a hundred. */
static tg_node build(tg_node x, tg_node w) {
    tg_graph *g = x.graph;
    for (int layer = 0; tg_count(g) < NODES * 2 / 5; layer++) {
        char name[40];
        snprintf(name, sizeof name, "layer%d", layer);
        tg_scope_open(g, name);
        for (int i = 0; i < LAYER; i++) {
            snprintf(name, sizeof name, "a%d", i);
            x = tg_let(i % 2 ? tg_mul(x, w) : tg_add(tg_sqrt(tg_square(x)), w), name, __FILE__, __LINE__);
        }
        tg_scope_close(g);
    }
    return x;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(8, 4)));
    TG_LET(w, tg_param(g, TG_F64, tg_shape1(4)));
    double values[32], weights[4] = {0.9, 1, 1.1, 0.8};
    for (int i = 0; i < 32; i++) values[i] = 1 + 0.1 * i;
    tg_node out = tg_let(tg_sum(build(x, w), tg_axes_all()), "out", __FILE__, __LINE__);
    tg_grads d = tg_backward(out, tg_nil(g));
    bool ran = !tg_set(x, values) && !tg_set(w, weights) && !tg_run(g);
    const double started = now();
    bool written = ran && tg_write_html(g, d, argv[1], NULL) == TG_OK;
    printf("%u nodes written in %.2f s\n", tg_count(g), now() - started);
    if (!written) fprintf(stderr, "large: %s\n", tg_message(g));
    tg_graph_free(g);
    return written ? 0 : 1;
}
