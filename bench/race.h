/* A row of a benchmark: the same computation by the interpreter, the exact and the fast program, by hand, and by
 * PyTorch, with memcpy as the limit. Nobody is timed before the results are right. */
#ifndef BENCH_RACE_H
#define BENCH_RACE_H

#include "copy.h"
#include "options.h"
#include "report.h"
#include "tape.h"
#include "torch.h"

enum { INTERPRETER, EXACT, FAST, FUSED, MEMCPY, TORCHES, CONTESTANTS = TORCHES + TORCH_WAYS };

struct job {
    const char *program;
    int rank;
    int64_t dim[4];
    tg_dtype dtype;
    int threads;
};

struct race {
    const struct job *job;
    struct contestant c[CONTESTANTS];
    struct copy copy;
    struct torch_side side[TORCH_WAYS];
    double by_hand_bytes; /* what the kernels by hand move */
    tg_stats stats;
    bool wrong;
};

static inline const char *dtype_name(tg_dtype dtype) { return dtype == TG_F64 ? "f64" : "f32"; }

static inline bool is_asked(const struct options *o, const struct job *job) {
    char shape[60], threads[12];
    snprintf(threads, sizeof threads, "%d", job->threads);
    return is_wanted(o->program, job->program) && is_wanted(o->dtype, dtype_name(job->dtype)) &&
           is_wanted(o->threads, threads) && is_wanted(o->shape, shape_name(job->dim, job->rank, shape, sizeof shape));
}

static inline void enter(struct race *r, int who, const char *name, bool (*call)(void *), void *self, bool right) {
    r->c[who] = (struct contestant){.name = name, .once = call, .self = self, .out = !right};
    r->wrong = r->wrong || !right;
}

static inline void open_race(struct race *r, const struct job *job) {
    *r = (struct race){.job = job};
    for (int i = 0; i < CONTESTANTS; i++) r->c[i] = (struct contestant){.out = true};
}

static inline void enter_tape(struct race *r, struct tape *t) {
    enter(r, INTERPRETER, "interpreter", interpret_once, t, true);
    enter(r, EXACT, "exact", exact_once, t, exact_is_right(t));
    enter(r, FAST, "fast", fast_once, t, fast_is_right(t));
    r->stats = tg_program_stats(t->fast);
}

/* copy.moved: what is counted where the compiler does not say what its program moves. */
static inline void enter_copy(struct race *r, const struct tape *t, struct copy copy) {
    const double own = r->stats.fused.read + r->stats.fused.written;
    r->copy = copy;
    if (own > 0) r->copy.moved = own;
    enter(r, MEMCPY, "memcpy", copy_once, &r->copy, true);
}

static inline void enter_torch(struct race *r, struct rival *torch, double check) {
    char shape[60];
    const struct job *job = r->job;
    shape_name(job->dim, job->rank, shape, sizeof shape);
    for (int i = 0; i < TORCH_WAYS; i++)
        r->c[TORCHES + i] = torch_contestant(&r->side[i], torch, (enum torch_way)i, job->program, shape,
                                             dtype_name(job->dtype), job->threads, check);
}

/* The number that PyTorch's results are compared by. */
static inline double size_of_values(tg_node a) {
    double sum = 0;
    for (size_t i = 0; i < tg_size(a); i++) sum += fabs(tg_item(a, i));
    return sum;
}

/* ------------------------------------------------------------------------------------------------- what is printed */

static inline void print_race(struct report *out, const struct race *r) {
    const tg_traffic *fused = &r->stats.fused, *staged = &r->stats.staged;
    open_row(out);
    put_text(out, "program", r->job->program);
    put_shape(out, r->job->dim, r->job->rank);
    put_text(out, "dtype", dtype_name(r->job->dtype));
    put_number(out, "threads", r->job->threads);
    for (int i = 0; i < CONTESTANTS; i++) put_time(out, &r->c[i]);
    put_number(out, "passes", (double)fused->passes);
    if (out->json) {
        put_number(out, "nests", (double)fused->nests);
        put_number(out, "read_bytes", fused->read), put_number(out, "written_bytes", fused->written);
        put_number(out, "peak_bytes", (double)fused->peak);
        put_number(out, "staged_passes", (double)staged->passes);
        put_number(out, "staged_bytes", staged->read + staged->written);
        put_number(out, "nodes", (double)r->stats.nodes), put_number(out, "tape_nodes", (double)r->stats.tape_nodes);
        if (!r->c[MEMCPY].out) put_number(out, "memcpy_bytes", r->copy.moved);
        if (!r->c[FUSED].out) put_number(out, "fused_bytes", r->by_hand_bytes);
    }
    close_row(out);
}

struct summary {
    struct mean fused, exact, interpreter, share, fused_share, torch[TORCH_WAYS];
};

static inline void add_race(struct summary *s, const struct race *r) {
    struct contestant hand = r->c[FUSED];
    const struct contestant *fast = &r->c[FAST];
    add_ratio(&s->fused, fast, &hand);
    add_ratio(&s->exact, &r->c[EXACT], fast);
    add_ratio(&s->interpreter, &r->c[INTERPRETER], fast);
    for (int i = 0; i < TORCH_WAYS; i++) add_ratio(&s->torch[i], &r->c[TORCHES + i], fast);
    add_ratio(&s->share, &r->c[MEMCPY], fast);
    hand.median *= r->copy.moved / r->by_hand_bytes; /* as if for the same traffic */
    add_ratio(&s->fused_share, &r->c[MEMCPY], &hand);
}

static inline void print_summary(FILE *to, const struct job *job, const struct summary *s) {
    if (!s->exact.count) return;
    fprintf(to, "%s %s, %d thread%s:", job->program, dtype_name(job->dtype), job->threads, job->threads > 1 ? "s" : "");
    put_mean(to, "fast/fused", &s->fused);
    put_mean(to, "exact/fast", &s->exact);
    put_mean(to, "interpreter/fast", &s->interpreter);
    if (s->share.count) fprintf(to, "  of memcpy's bandwidth: fast %.2f", exp(s->share.logs / s->share.count));
    if (s->fused_share.count) fprintf(to, ", fused %.2f", exp(s->fused_share.logs / s->fused_share.count));
    for (int i = 0; i < TORCH_WAYS; i++) {
        char what[60];
        snprintf(what, sizeof what, "%s/fast", torch_name[i]);
        put_mean(to, what, &s->torch[i]);
    }
    fprintf(to, "\n");
}

/* False: somebody failed, or was wrong. */
static inline bool run_race(struct race *r, const struct options *o, struct report *out, struct summary *s) {
    const bool ok = compete(r->c, CONTESTANTS, o->quick ? 0.3 : 3) && !r->wrong;
    print_race(out, r);
    add_race(s, r);
    return ok;
}

/* Every row that is asked for: jobs of one group, `each` of them, are summed up together. */
static inline bool run_jobs(const struct job *jobs, size_t count, size_t each, const struct options *o,
                            bool (*row)(const struct job *, const struct options *, struct report *, struct rival *,
                                        struct summary *)) {
    struct report out;
    struct rival torch = {0};
    if (!o->no_torch) torch = open_torch("2");
    struct summary *sum = calloc(count / each, sizeof *sum);
    bool ok = sum != NULL;
    open_report(&out, o->json);
    for (size_t i = 0; sum && i < count; i++) {
        if (!is_asked(o, &jobs[i])) continue;
        set_threads(jobs[i].threads);
        ok = row(&jobs[i], o, &out, &torch, &sum[i / each]) && ok;
    }
    close_report(&out);
    for (size_t i = 0; sum && i < count; i += each) print_summary(o->json ? stderr : stdout, &jobs[i], &sum[i / each]);
    free(sum);
    rival_close(&torch);
    return ok;
}

/* For each program, number of threads and dtype a group: all shapes. jobs: room for them; how many there are. */
static inline size_t make_jobs(struct job *jobs, const char *const *programs, size_t count, const struct job *shapes,
                               size_t each) {
    size_t n = 0;
    for (size_t k = 0; k < count * 4; k++)
        for (size_t i = 0; i < each; i++, n++) {
            jobs[n] = shapes[i];
            jobs[n].program = programs[k / 4];
            jobs[n].threads = k / 2 % 2 + 1;
            jobs[n].dtype = k % 2 ? TG_F64 : TG_F32;
        }
    return n;
}

#endif
