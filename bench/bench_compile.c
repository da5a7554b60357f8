/* What compiling costs as the tape grows: each stage, the whole of tg_compile with an empty cache and with one that has
 * the program, and how much C it is. Chains are one elementwise operation after the other on 1000 numbers; wide tapes
 * are many sums of 100 numbers that meet in one. Close to linear is what it should be: us a node says whether it is. */
#include "compile.h"
#include "nest.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <dirent.h>
#include <unistd.h>

enum { MOST = 7, CHAIN = 1000, WIDE = 100, TOO_LONG = 4 };
enum stage { SIMPLIFY, FUSE, EMIT, COMPILE, LOAD, COLD, WARM, STAGES };
static const char *const stage_name[STAGES] = {"simplify", "fuse", "emit", "compile", "load", "cold", "warm"};

struct sample {
    double ns[STAGES], bytes, nests;
};

/* -------------------------------------------------------------------------------------------------------- the cache
 * A folder of our own for each repeat, so that nothing is there already. */

static char folder[200];

static bool open_cache(void) {
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.150s/bench_compile.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return mkdtemp(folder) && setenv("TAPEGRAD_CACHE", folder, 1) == 0;
}

static void close_cache(void) {
    char path[600];
    DIR *dir = opendir(folder);
    for (struct dirent *file; dir && (file = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, file->d_name);
        if (file->d_name[0] != '.') unlink(path);
    }
    if (dir) closedir(dir);
    rmdir(folder);
}

/* --------------------------------------------------------------------------------------------------------- the tapes
 */

/* n operations, each on what the one before it gave. */
static tg_node chain(tg_graph *g, size_t n) {
    tg_node x = tg_param(g, TG_F32, tg_shape1(CHAIN)), a = tg_param(g, TG_F32, tg_shape1(CHAIN)), h = x;
    for (size_t i = 0; i < n; i++)
        h = i % 4 == 0 ? tg_mul(h, a) : i % 4 == 1 ? tg_add(h, x) : i % 4 == 2 ? tg_square(h) : tg_sub(h, a);
    return h;
}

/* Four operations each: two of elements, a sum, and the addition of that to those before it. */
static tg_node wide(tg_graph *g, size_t n) {
    tg_node x = tg_param(g, TG_F32, tg_shape2(WIDE, 4)), all = tg_param(g, TG_F32, tg_shape1(4));
    for (size_t i = 0; i < n / 4; i++) {
        tg_node w = tg_scalar(g, TG_F32, 1 + (double)i);
        all = tg_add(all, tg_sum(tg_square(tg_sub(x, w)), tg_axis(0)));
    }
    return all;
}

static const struct {
    const char *name;
    tg_node (*make)(tg_graph *g, size_t n);
} tapes[] = {{"chain", chain}, {"wide", wide}};

/* ------------------------------------------------------------------------------------------------------ the stages */

static double since(double *start) {
    const double t = now(), ns = t - *start;
    *start = now();
    return ns;
}

static bool jit(const struct tg__small *s, const struct tg__machine *m) {
    static const char entry[] = "tapegrad_program";
    const char *source = tg__machine_source(m);
    char why[512];
    void *function;
    struct tg__object *object = tg__jit(s->graph, source, strlen(source), entry, &function, why, sizeof why);
    if (!object) return fprintf(stderr, "bench_compile: %s\n", why), false;
    tg__jit_free(s->graph, object);
    return true;
}

static bool by_stages(tg_graph *g, tg_node out, bool compiled, struct sample *sample) {
    const struct tg__goal goal = {.graph = g, .wanted = &out.id, .count = 1, .mode = TG_FAST};
    struct tg__small small;
    struct tg__fused fused;
    double *ns = sample->ns, start = now();
    if (!tg__simplify(&goal, &small)) return false;
    ns[SIMPLIFY] = since(&start);
    bool ok = tg__fuse(&fused, small.graph, small.graph->nodes.length, small.result, small.count, TG_FAST);
    ns[FUSE] = since(&start);
    if (ok) sample->nests = fused.nests.length, tg__fused_free(&fused);
    start = now();
    struct tg__machine *m = ok ? tg__machine_new(g, &small, TG_FAST, false) : NULL;
    ns[EMIT] = since(&start) - ns[FUSE];
    if (m) {
        sample->bytes = (double)strlen(tg__machine_source(m));
        start = now();
        ok = !compiled || jit(&small, m);
        ns[COMPILE] = since(&start);
        ok = ok && (!compiled || jit(&small, m));
        ns[LOAD] = since(&start);
        tg__machine_free(g, m);
    }
    tg__small_free(&small, g);
    return ok && m;
}

static bool as_a_whole(tg_graph *g, tg_node out, struct sample *sample) {
    bool ok = open_cache();
    for (int s = COLD; ok && s <= WARM; s++) {
        double start = now();
        tg_program *p = tg_compile(g, &out, 1, (tg_compile_options){.flags = TG_MUST_COMPILE});
        sample->ns[s] = since(&start);
        ok = p != NULL;
        if (p) tg_program_free(p);
    }
    close_cache();
    return ok;
}

static bool measure(tg_graph *g, tg_node out, bool compiled, struct sample *sample) {
    bool ok = open_cache() && by_stages(g, out, compiled, sample);
    close_cache();
    ok = ok && (!compiled || as_a_whole(g, out, sample));
    if (!ok) fprintf(stderr, "bench_compile: %s\n", tg_error(g) ? tg_message(g) : strerror(errno));
    return ok;
}

/* --------------------------------------------------------------------------------------------------------- the rows */

static void print_sample(struct report *r, const char *name, size_t nodes, bool compiled, const struct sample *sample,
                         int repeats) {
    open_row(r);
    put_text(r, "tape", name);
    put_number(r, "nodes", (double)nodes);
    for (int s = 0; s < (compiled ? STAGES : COMPILE); s++) {
        struct contestant c = {.name = stage_name[s], .turns = repeats};
        for (int i = 0; i < repeats; i++) c.turn[i] = sample[i].ns[s];
        settle(&c);
        put_time(r, &c);
    }
    put_number(r, "nests", sample[0].nests);
    put_number(r, "source_bytes", sample[0].bytes);
    close_row(r);
}

/* The first sample warms up, and says how many are to follow. cold: seconds, of the row before and of this one; where
 * they are many, a larger tape is not compiled at all. */
static bool row(struct report *r, size_t tape, size_t nodes, double *cold) {
    struct sample sample[MOST] = {{{0}, 0, 0}};
    tg_graph *g = tg_graph_new();
    const bool compiled = *cold < TOO_LONG;
    const tg_node out = tapes[tape].make(g, nodes);
    bool ok = g && measure(g, out, compiled, &sample[0]);
    if (compiled) *cold = sample[0].ns[COLD] / 1e9;
    const int repeats = *cold > 5 ? 1 : *cold > 0.5 ? 3 : MOST;
    for (int i = 0; ok && i < repeats && repeats > 1; i++) ok = measure(g, out, compiled, &sample[i]);
    if (ok) print_sample(r, tapes[tape].name, nodes, compiled, sample, repeats);
    tg_graph_free(g);
    return ok;
}

int main(int argc, char **argv) {
    const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    struct report r;
    bool ok = true;
    open_report(&r, json);
    for (size_t t = 0; t < sizeof tapes / sizeof *tapes; t++) {
        double cold = 0;
        for (size_t n = 10; n <= 10000 && ok; n *= 10) ok = row(&r, t, n, &cold);
    }
    close_report(&r);
    return !ok;
}
