/* How fast the interpreter is, every value kept: batch normalization from primitives, forward and backward, and a
 * training step of the digits network. Where python3-torch is there, PyTorch does the same in the same run, in turns,
 * so that noise hits both: from the same primitives, and as its users write it. */
#include "rival.h"
#include "tapegrad.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int threads) { (void)threads; }
#endif

/* As in interpreter_torch.py. */
#define EPS  1e-5
#define RATE 0.01
enum { PIXELS = 64, CLASSES = 10, BATCHES = 4, CHECKED = 8, TURNS = 5 };
static const double seconds = 0.15; /* of a turn */

enum kind { BATCHNORM, STEP };
static const char *const kind_name[] = {"batchnorm", "step"};

static const struct job {
    enum kind kind;
    int64_t rows, columns; /* of a step: the batch, the hidden layer */
} jobs[] = {
    {BATCHNORM, 200, 3},     {BATCHNORM, 64, 256}, {BATCHNORM, 256, 1024}, {BATCHNORM, 4096, 1024},
    {BATCHNORM, 65536, 256}, {STEP, 64, 100},      {STEP, 256, 100},       {STEP, 256, 512},
};
enum { JOBS = sizeof jobs / sizeof *jobs, PLACES = 4 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ------------------------------------------------------------------------------------------------------- the tapes */

struct work {
    enum kind kind;
    tg_graph *g;
    tg_node leaf[PLACES], result; /* what is bound to data, and to labels */
    float *data[PLACES];
    int32_t *labels;
    size_t rows, step;
};

/* The same in interpreter_torch.py: from -0.5 to 0.5. */
static float *numbers(uint64_t seed, size_t n, double shift) {
    float *v = malloc((n ? n : 1) * sizeof *v);
    for (size_t i = 0; v && i < n; i++)
        v[i] = (float)((double)((i * 2654435761u + seed * 40503) % (1ull << 32)) / 0x1p32 - 0.5) + (float)shift;
    return v;
}

static bool batchnorm(struct work *w, const struct job *job) {
    const tg_shape shape = tg_shape2(job->rows, job->columns), row = tg_shape1(job->columns);
    const tg_shape shapes[PLACES] = {shape, row, row, shape};
    tg_node *in = w->leaf;
    bool ok = true;
    for (int i = 0; i < PLACES; i++) {
        in[i] = tg_input(w->g, TG_F32, shapes[i]);
        w->data[i] = numbers((uint64_t)i + 1, tg_size(in[i]), 0);
        ok = ok && w->data[i] && tg_bind(in[i], w->data[i]) == TG_OK; /* what is bound is new at every run */
    }
    const tg_grads d = tg_backward(tg_batchnorm(in[0], in[1], in[2], tg_axis(0), EPS, NULL), in[3]);
    w->result = tg_grad(d, in[0]);
    return ok && tg_has_grad(d, in[1]) && tg_has_grad(d, in[2]);
}

static bool fill_param(tg_node p, uint64_t seed, double shift) {
    float *v = numbers(seed, tg_size(p), shift);
    const bool ok = v && tg_set(p, v) == TG_OK;
    free(v);
    return ok;
}

static bool step(struct work *w, const struct job *job) {
    tg_graph *g = w->g;
    const int64_t n = job->rows, h = job->columns;
    const size_t all = (size_t)n * BATCHES;
    const tg_shape shapes[] = {tg_shape2(PIXELS, h), tg_shape1(h),          tg_shape1(h),
                               tg_shape1(h),         tg_shape2(h, CLASSES), tg_shape1(CLASSES)};
    tg_node p[6], mean = tg_input(g, TG_F32, tg_shape1(h)), var = tg_input(g, TG_F32, tg_shape1(h));
    bool ok = tg_fill(mean, 0) == TG_OK && tg_fill(var, 1) == TG_OK;
    for (int i = 0; i < 6; i++) {
        p[i] = tg_param(g, TG_F32, shapes[i]);
        ok = ok && fill_param(p[i], (uint64_t)i + 2, i == 2);
    }
    w->leaf[0] = tg_input(g, TG_F32, tg_shape2(n, PIXELS));
    w->leaf[1] = tg_input(g, TG_I32, tg_shape1(n));
    w->data[0] = numbers(1, all * PIXELS, 0);
    w->labels = malloc(all * sizeof *w->labels);
    for (size_t i = 0; w->labels && i < all; i++) w->labels[i] = (int32_t)(i % CLASSES);

    tg_node xw = tg_linear(tg_detach(w->leaf[0]), p[0], p[1], "layer1");
    tg_node bn = tg_batchnorm_running(xw, p[2], p[3], mean, var, tg_axis(0), tg_batchnorm_defaults(), "bn");
    w->result = tg_softmax_loss(tg_linear(tg_relu(bn), p[4], p[5], "layer2"), w->leaf[1], "loss");
    const tg_grads d = tg_backward(w->result, tg_nil(g));
    for (int i = 0; i < 6; i++) tg_assign(p[i], tg_sub(p[i], tg_mul(tg_scalar(g, TG_F32, RATE), tg_grad(d, p[i]))));
    return ok && w->data[0] && w->labels;
}

/* What is bound is new, so nothing of the run before is left to keep. */
static bool renew(struct work *w) {
    bool ok = true;
    for (int i = 0; w->kind == BATCHNORM && i < PLACES; i++) ok = ok && tg_bind(w->leaf[i], w->data[i]) == TG_OK;
    if (w->kind == BATCHNORM) return ok;
    const size_t first = w->step++ % BATCHES * w->rows;
    return tg_bind(w->leaf[0], w->data[0] + first * PIXELS) == TG_OK && tg_bind(w->leaf[1], w->labels + first) == TG_OK;
}

static bool once(struct work *w) { return renew(w) && tg_run(w->g) == TG_OK && tg_commit(w->g) == TG_OK; }

static bool open_work(struct work *w, const struct job *job) {
    *w = (struct work){.kind = job->kind, .g = tg_graph_new(), .rows = (size_t)job->rows};
    return w->g && (job->kind == BATCHNORM ? batchnorm : step)(w, job) && once(w);
}

static void close_work(struct work *w) {
    for (int i = 0; i < PLACES; i++) free(w->data[i]);
    free(w->labels);
    tg_graph_free(w->g);
}

/* Nanoseconds a call: the median of runs of about half a millisecond, as long as `seconds` last; 0 on failure. */
static double measure(struct work *w) {
    static double sample[4096];
    size_t n = 0;
    double start = now();
    if (!once(w)) return 0;
    const int calls = (int)(5e5 / (now() - start)) + 1;
    for (const double end = now() + seconds * 1e9; n < sizeof sample / sizeof *sample && (n < 3 || now() < end); n++) {
        start = now();
        for (int i = 0; i < calls; i++)
            if (!once(w)) return 0;
        sample[n] = (now() - start) / calls;
    }
    qsort(sample, n, sizeof *sample, by_size);
    return sample[n / 2];
}

/* ---------------------------------------------------------------------------------------------------- what is printed
 */

/* A number that both sides have if they compute the same: the size of dx, or the loss after some steps. */
static double check(struct work *w) {
    double sum = 0;
    if (w->kind == STEP) {
        while (w->step < CHECKED - 1)
            if (!once(w)) return NAN;
        return renew(w) && tg_run(w->g) == TG_OK ? tg_item(w->result, 0) : NAN;
    }
    for (size_t i = 0; i < tg_size(w->result); i++) sum += fabs(tg_item(w->result, i));
    return sum;
}

enum side { OURS, PRIMITIVES, FUSED, SIDES };
static const char *const side_name[SIDES] = {"tapegrad", "torch_primitives", "torch"};

struct row {
    double low[SIDES], median[SIDES], high[SIDES]; /* of the turns; 0: not there */
    bool differs;
};

static bool compare(const struct job *job, int threads, struct rival *torch, struct row *row) {
    struct work w;
    double turn[SIDES][TURNS] = {{0}}, theirs;
    char question[120], answer[200];
    bool ok = open_work(&w, job);
    const double ours = ok ? check(&w) : NAN;
    snprintf(question, sizeof question, "%s %lld %lld %d %g\n", kind_name[job->kind], (long long)job->rows,
             (long long)job->columns, threads, seconds);
    *row = (struct row){.differs = false};
    for (int i = 0; ok && i < TURNS; i++) {
        ok = (turn[OURS][i] = measure(&w)) > 0;
        if (!rival_ask(torch, question, answer, sizeof answer)) continue;
        if (sscanf(answer, "{\"primitives_ns\": %lf, \"fused_ns\": %lf, \"check\": %lf", &turn[PRIMITIVES][i],
                   &turn[FUSED][i], &theirs) == 3)
            row->differs |= !(fabs(ours - theirs) <= 1e-3 * fabs(theirs));
    }
    for (int s = 0; s < SIDES; s++) {
        qsort(turn[s], TURNS, sizeof turn[s][0], by_size);
        row->low[s] = turn[s][0], row->median[s] = turn[s][TURNS / 2], row->high[s] = turn[s][TURNS - 1];
    }
    if (!ok) fprintf(stderr, "bench_interpreter: %s\n", w.g ? tg_message(w.g) : "out of memory");
    close_work(&w);
    return ok;
}

static void print_row(const struct job *job, int threads, const struct row *row, bool json, bool first) {
    if (json)
        printf("%s  {\"case\": \"%s\", \"rows\": %lld, \"columns\": %lld, \"threads\": %d", first ? "" : ",\n",
               kind_name[job->kind], (long long)job->rows, (long long)job->columns, threads);
    else
        printf("%-9s %6lld x %-5lld", kind_name[job->kind], (long long)job->rows, (long long)job->columns);
    for (int s = 0; s < SIDES; s++) {
        const double us = row->median[s] / 1e3, low = row->low[s] / 1e3, high = row->high[s] / 1e3;
        if (row->median[s] == 0) continue;
        if (json)
            printf(", \"%s_us\": %.2f, \"%s_us_range\": [%.2f, %.2f]", side_name[s], us, side_name[s], low, high);
        else
            printf("  %9.1f (%.1f-%.1f)", us, low, high);
        if (!json && s > OURS) printf(" %5.2f", row->median[s] / row->median[OURS]);
    }
    if (row->differs && !json) printf("  the results differ");
    printf(json ? ", \"same_results\": %s}" : "\n", row->differs ? "false" : "true");
    fflush(stdout);
}

/* How many times as fast, in the geometric mean. */
static void print_mean(const struct row *row, enum kind kind) {
    for (int s = PRIMITIVES; s < SIDES; s++) {
        double sum = 0;
        int n = 0;
        for (int i = 0; i < JOBS; i++)
            if (jobs[i].kind == kind) sum += log(row[i].median[s] / row[i].median[OURS]), n++;
        if (row[0].median[s] > 0) printf("%s: %.2f times as fast as %s\n", kind_name[kind], exp(sum / n), side_name[s]);
    }
}

static bool run(int threads, bool json, bool first) {
    static const char *const command[] = {"/usr/bin/python3", RIVAL, NULL};
    char number[16], said[200];
    struct row row[JOBS];
    bool ok = true;
    snprintf(number, sizeof number, "%d", threads);
    omp_set_num_threads(threads);
    setenv("OPENBLAS_NUM_THREADS", number, 1); /* PyTorch sets all others by itself */
    struct rival torch = rival_open(command, said, sizeof said);
    if (!json && torch.process)
        printf("\n%d thread%s; %s", threads, threads > 1 ? "s" : "", said);
    else if (!json)
        printf("\n%d thread%s; python3-torch is not installed\n", threads, threads > 1 ? "s" : "");
    for (int i = 0; ok && i < JOBS; i++) {
        ok = compare(&jobs[i], threads, &torch, &row[i]);
        if (ok) print_row(&jobs[i], threads, &row[i], json, first && i == 0);
    }
    if (ok && !json) print_mean(row, BATCHNORM), print_mean(row, STEP);
    rival_close(&torch);
    return ok;
}

/* --------------------------------------------------------------------------------------------- where the time goes */

struct share {
    char name[120];
    double ns, least; /* in this round, and in the quietest */
};

static int by_time(const void *a, const void *b) {
    return -by_size(&((const struct share *)a)->least, &((const struct share *)b)->least);
}

static struct share *share_of(struct share *share, size_t *count, size_t room, tg_node a) {
    char name[sizeof share->name];
    const tg_shape s = tg_dims(a), x = tg_dims(tg_operand(a, 0)), y = tg_dims(tg_operand(a, 1));
    snprintf(name, sizeof name, "%-10s %6lld x %-6lld of %6lld x %-6lld %6lld x %lld", tg_op_of(a), (long long)s.dim[0],
             (long long)s.dim[1], (long long)x.dim[0], (long long)x.dim[1], (long long)y.dim[0], (long long)y.dim[1]);
    for (size_t i = 0; i < *count; i++)
        if (strcmp(share[i].name, name) == 0) return &share[i];
    if (*count < room) {
        share[*count] = (struct share){.least = INFINITY};
        strcpy(share[(*count)++].name, name);
    }
    return &share[*count - 1];
}

static bool step_through(struct work *w, struct share *share, size_t *count, size_t room) {
    bool ok = renew(w);
    for (tg_node a; ok && !tg_is_nil(a = tg_next(w->g));) {
        struct share *s = share_of(share, count, room, a);
        const double start = now();
        ok = tg_step(w->g) == TG_OK;
        s->ns += now() - start;
    }
    return ok && tg_commit(w->g) == TG_OK;
}

/* Node by node, by operator and shape. Each costs some 50 ns more than in a run. */
static bool profile(const struct job *job) {
    static struct share share[200];
    struct work w;
    size_t count = 0, rounds = 0;
    double all = 0;
    bool ok = open_work(&w, job);
    for (const double end = now() + 1e9; ok && (now() < end || rounds < 5); rounds++) {
        ok = step_through(&w, share, &count, sizeof share / sizeof *share);
        for (size_t i = 0; i < count; i++) {
            if (share[i].ns < share[i].least) share[i].least = share[i].ns;
            share[i].ns = 0;
        }
    }
    qsort(share, count, sizeof *share, by_time);
    for (size_t i = 0; i < count; i++) all += share[i].least;
    printf("\n%s %lld x %lld: %.1f us\n", kind_name[job->kind], (long long)job->rows, (long long)job->columns,
           all / 1e3);
    for (size_t i = 0; i < count && share[i].least > 0.005 * all; i++)
        printf("%5.1f%% %9.1f us  %s\n", 100 * share[i].least / all, share[i].least / 1e3, share[i].name);
    close_work(&w);
    return ok;
}

int main(int argc, char **argv) {
    if (getenv("ONLY")) {
        omp_set_num_threads(1);
        struct work w;
        int k = atoi(getenv("ONLY"));
        if (!open_work(&w, &jobs[k])) return 1;
        double least = INFINITY;
        for (int i = 0; i < atoi(argv[1]); i++) {
            double start = now();
            if (!once(&w)) return 1;
            double t = now() - start;
            if (t < least) least = t;
        }
        printf("%s %lld x %lld: %.2f us, %u nodes\n", kind_name[jobs[k].kind], (long long)jobs[k].rows,
               (long long)jobs[k].columns, least / 1e3, tg_count(w.g));
        return 0;
    }
    const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    bool ok = true;
    if (argc > 1 && strcmp(argv[1], "--profile") == 0) {
        omp_set_num_threads(1);
        for (int i = 0; ok && i < JOBS; i++) ok = profile(&jobs[i]);
        return !ok;
    }
    if (json)
        printf("[\n");
    else
        printf("us a run, median (range) of %d turns, and how many times ours: tapegrad, PyTorch from the same "
               "primitives, "
               "PyTorch with its own batch_norm, addmm and cross_entropy\n",
               TURNS);
    ok = run(1, json, true) && run(2, json, false);
    if (json) printf("\n]\n");
    return !ok;
}
