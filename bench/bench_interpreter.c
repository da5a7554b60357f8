/* How fast the interpreter is, every value kept: batch normalization from primitives, forward and backward, and a
 * training step of the digits network. Where python3-torch is there, PyTorch does the same in the same run, in turns,
 * so that noise hits both: from the same primitives, and as its users write it. */
#include "clock.h"
#include "rival.h"
#include "work.h"

#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int threads) { (void)threads; }
#endif

enum { TURNS = 5 };
static const double seconds = 0.15; /* of a turn */

static const struct task tasks[] = {
    {BATCHNORM, 200, 3, TG_F32},     {BATCHNORM, 64, 256, TG_F32},    {BATCHNORM, 256, 1024, TG_F32},
    {BATCHNORM, 4096, 1024, TG_F32}, {BATCHNORM, 65536, 256, TG_F32}, {STEP, 64, 100, TG_F32},
    {STEP, 256, 100, TG_F32},        {STEP, 256, 512, TG_F32},
};
enum { TASKS = sizeof tasks / sizeof *tasks };

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

enum side { OURS, PRIMITIVES, FUSED, SIDES };
static const char *const side_name[SIDES] = {"tapegrad", "torch_primitives", "torch"};

struct row {
    double low[SIDES], median[SIDES], high[SIDES]; /* of the turns; 0: not there */
    bool differs;
};

static bool compare(const struct task *task, int threads, struct rival *torch, struct row *row) {
    struct work w;
    double turn[SIDES][TURNS] = {{0}}, theirs;
    char question[120], answer[200];
    bool ok = open_work(&w, task);
    const double ours = ok ? check(&w) : NAN;
    snprintf(question, sizeof question, "%s %lld %lld %d %g\n", kind_name[task->kind], (long long)task->rows,
             (long long)task->columns, threads, seconds);
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

static void print_row(const struct task *task, int threads, const struct row *row, bool json, bool first) {
    if (json)
        printf("%s  {\"case\": \"%s\", \"rows\": %lld, \"columns\": %lld, \"threads\": %d", first ? "" : ",\n",
               kind_name[task->kind], (long long)task->rows, (long long)task->columns, threads);
    else
        printf("%-9s %6lld x %-5lld", kind_name[task->kind], (long long)task->rows, (long long)task->columns);
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
    if (json && row->median[PRIMITIVES] > 0) printf(", \"same_results\": %s", row->differs ? "false" : "true");
    printf(json ? "}" : "\n");
    fflush(stdout);
}

/* How many times as fast, in the geometric mean: by the medians, and by the quietest turns. */
static void print_mean(const struct row *row, enum kind kind) {
    for (int s = PRIMITIVES; s < SIDES && row[0].median[s] > 0; s++) {
        double medians = 0, quietest = 0;
        int n = 0;
        for (int i = 0; i < TASKS; i++) {
            if (tasks[i].kind != kind) continue;
            medians += log(row[i].median[s] / row[i].median[OURS]);
            quietest += log(row[i].low[s] / row[i].low[OURS]);
            n++;
        }
        printf("%s: %.2f times as fast as %s (%.2f by the quietest turns)\n", kind_name[kind], exp(medians / n),
               side_name[s], exp(quietest / n));
    }
}

static bool run(int threads, bool json, bool first) {
    static const char *const command[] = {"/usr/bin/python3", RIVAL, NULL};
    char number[16], said[200];
    struct row row[TASKS];
    bool ok = true;
    snprintf(number, sizeof number, "%d", threads);
    omp_set_num_threads(threads);
    setenv("OPENBLAS_NUM_THREADS", number, 1); /* PyTorch sets all others by itself */
    struct rival torch = rival_open(command, said, sizeof said);
    if (!json && torch.process)
        printf("\n%d thread%s; %s", threads, threads > 1 ? "s" : "", said);
    else if (!json)
        printf("\n%d thread%s; python3-torch is not installed\n", threads, threads > 1 ? "s" : "");
    for (int i = 0; ok && i < TASKS; i++) {
        ok = compare(&tasks[i], threads, &torch, &row[i]);
        if (ok) print_row(&tasks[i], threads, &row[i], json, first && i == 0);
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
    return ok && keep(w);
}

/* Node by node, by operator and shape. Each costs some 50 ns more than in a run. */
static bool profile(const struct task *task) {
    static struct share share[200];
    struct work w;
    size_t count = 0, rounds = 0;
    double all = 0;
    bool ok = open_work(&w, task);
    for (const double end = now() + 1e9; ok && (now() < end || rounds < 5); rounds++) {
        ok = step_through(&w, share, &count, sizeof share / sizeof *share);
        for (size_t i = 0; i < count; i++) {
            if (share[i].ns < share[i].least) share[i].least = share[i].ns;
            share[i].ns = 0;
        }
    }
    qsort(share, count, sizeof *share, by_time);
    for (size_t i = 0; i < count; i++) all += share[i].least;
    printf("\n%s %lld x %lld: %.1f us\n", kind_name[task->kind], (long long)task->rows, (long long)task->columns,
           all / 1e3);
    for (size_t i = 0; i < count && share[i].least > 0.005 * all; i++)
        printf("%5.1f%% %9.1f us  %s\n", 100 * share[i].least / all, share[i].least / 1e3, share[i].name);
    close_work(&w);
    return ok;
}

int main(int argc, char **argv) {
    const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    bool ok = true;
    if (argc > 1 && strcmp(argv[1], "--profile") == 0) {
        omp_set_num_threads(1);
        for (int i = 0; ok && i < TASKS; i++) ok = profile(&tasks[i]);
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
