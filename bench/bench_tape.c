/* What a scalar node costs: to record, to differentiate (per appended node), to run for the first time and again.
 * Rival in the same run: the same chain as a plain C loop over arrays, which is what no tape can beat. */
#include "clock.h"
#include "tapegrad.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 7 };

enum phase { RECORD, BACKWARD, FIRST_RUN, RUN, FREE, LOOP, PHASES };
static const char *const phase_name[PHASES] = {"record", "backward", "first_run", "run", "free", "plain_loop"};

/* h*a, -h, h*a …: each node has one adjoint of its own. Returns the newest. */
static tg_node chain(tg_node h, tg_node a, size_t n) {
    for (size_t i = 0; i < n; i++) h = i % 2 ? tg_neg(h) : tg_mul(h, a);
    return h;
}

static double plain(size_t n, double x, volatile double *z) {
    for (size_t i = 0; i < n; i++) z[i] = x = i % 2 ? -x : x * 0.999999;
    return x;
}

static bool measure(size_t n, double ns[PHASES]) {
    double x = 1, t[6];
    tg_graph *g = tg_graph_new();
    TG_LET(leaf, tg_input(g, TG_F64, tg_shape0()));
    tg_node a = tg_scalar(g, TG_F64, 0.999999);
    t[0] = now();
    tg_node out = chain(leaf, a, n);
    t[1] = now();
    uint32_t before = tg_count(g);
    tg_grads d = tg_backward(out, tg_nil(g));
    t[2] = now();
    bool ok = tg_has_grad(d, leaf) && tg_set(leaf, &x) == TG_OK && tg_run(g) == TG_OK;
    t[3] = now();
    x = 2;
    ok = ok && tg_set(leaf, &x) == TG_OK && tg_run(g) == TG_OK; /* the chain anew; its adjoints do not depend on x */
    t[4] = now();
    uint32_t after = tg_count(g);
    double value = tg_item(out, 0);
    tg_graph_free(g);
    t[5] = now();
    double *z = malloc(n * sizeof *z);
    if (!ok || !z) return free(z), false;
    ok &= plain(n, 1, z) != 0; /* touches the memory */
    double start = now();
    ok = plain(n, 2, z) == value;
    ns[LOOP] = (now() - start) / (double)n;
    free(z);
    ns[RECORD] = (t[1] - t[0]) / (double)n;
    ns[BACKWARD] = (t[2] - t[1]) / (double)(after - before);
    ns[FIRST_RUN] = (t[3] - t[2]) / (double)after;
    ns[RUN] = (t[4] - t[3]) / (double)n;
    ns[FREE] = (t[5] - t[4]) / (double)after;
    return ok;
}

static void report(size_t n, double sample[PHASES][REPEATS], int repeats, bool json, bool first) {
    if (json) printf("%s  {\"nodes\": %zu", first ? "" : ",\n", n);
    if (!json) printf("%10zu", n);
    for (int p = 0; p < PHASES; p++) {
        qsort(sample[p], (size_t)repeats, sizeof(double), by_size);
        double median = sample[p][repeats / 2], low = sample[p][0], high = sample[p][repeats - 1];
        if (json)
            printf(", \"%s_ns\": %.2f, \"%s_ns_range\": [%.2f, %.2f]", phase_name[p], median, phase_name[p], low, high);
        else
            printf("  %6.1f (%.1f–%.1f)", median, low, high);
    }
    printf(json ? "}" : "\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (json)
        printf("[\n");
    else
        printf(
            "ns per node, median (range) of up to %d\n     nodes  record  backward  first run  run  free  plain loop\n",
            REPEATS);
    for (size_t n = 1000; n <= 10000000; n *= 10) {
        double sample[PHASES][REPEATS], ns[PHASES];
        int repeats = n < 1000000 ? REPEATS : 3;
        for (int i = -1; i < repeats; i++) { /* the first warms up */
            if (!measure(n, ns)) return fprintf(stderr, "bench_tape: a run failed\n"), 1;
            for (int p = 0; p < PHASES && i >= 0; p++) sample[p][i] = ns[p];
        }
        report(n, sample, repeats, json, n == 1000);
    }
    if (json) printf("\n]\n");
    return 0;
}
