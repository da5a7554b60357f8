/* Batch normalization as three programs: forward alone (out and the statistics), backward alone (from saved statistics)
 * and both at once, dout being an input. Written in primitives and run by the interpreter, by the exact and by the fast
 * program, beside the kernels by hand (ops/fused; of both at once: one after the other), memcpy as the limit, and
 * PyTorch where it is installed.
 *
 * Traffic is counted in passes over arrays as large as x: forward 4 (x read for the mean, for the variance and for out,
 * which is written), backward 5 (dout and x twice, dx), both at once 7 (x; x and dout; x and dout, out and dx), by
 * hand 9. Of pictures a channel stays near: 2, 3 and 4, by hand 5. Where the compiler says what its program moves, that
 * counts. */
#include "batchnorm.h"
#include "planes.h"
#include "race.h"

#define WHO "bench_batchnorm"
#define EPS 1e-5

enum program { FORWARD, BACKWARD, JOINT, PROGRAMS };
static const char *const program_name[PROGRAMS] = {"forward", "backward", "joint"};
static const double units[2][PROGRAMS] = {{4, 5, 7}, {2, 3, 4}}, by_hand_units[2][PROGRAMS] = {{4, 5, 9}, {2, 3, 5}};

static const struct job shapes[] = {{.rank = 2, .dim = {200, 3}},     {.rank = 2, .dim = {64, 256}},
                                    {.rank = 2, .dim = {256, 1024}},  {.rank = 2, .dim = {4096, 1024}},
                                    {.rank = 2, .dim = {65536, 256}}, {.rank = 4, .dim = {32, 64, 28, 28}}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

enum { X, DOUT, GAMMA, BETA, MU, VAR, IVAR, OUT, DX, DGAMMA, DBETA, COPY_X, COPY_DOUT, ARRAYS };

struct work {
    const struct job *job;
    enum program program;
    size_t n, d, hw, size; /* size: of x; hw: 0, or the places of a picture */
    void *v[ARRAYS];
    struct tape tape;
    tg_node beside[ARRAYS]; /* the tape's nodes for what is computed by hand; nil: none */
};

/* ---------------------------------------------------------------------------------------------------------- by hand */

#define BY_HAND(T, S)                                                                                                  \
    static void forward_##S(const struct work *w) {                                                                    \
        void *const *v = w->v;                                                                                         \
        if (w->hw)                                                                                                     \
            tg_fused_planes_train_##S(w->n, w->d, w->hw, v[X], v[GAMMA], v[BETA], (T)EPS, v[OUT],                      \
                                      (tg_fused_planes_stages_##S){v[MU], v[VAR], v[IVAR]});                           \
        else                                                                                                           \
            tg_fused_batchnorm_train_##S(w->n, w->d, v[X], v[GAMMA], v[BETA], (T)EPS, v[OUT],                          \
                                         (tg_fused_batchnorm_stages_##S){v[MU], v[VAR], v[IVAR], NULL});               \
    }                                                                                                                  \
    static void backward_##S(const struct work *w) {                                                                   \
        void *const *v = w->v;                                                                                         \
        if (w->hw)                                                                                                     \
            tg_fused_planes_backward_##S(w->n, w->d, w->hw, v[DOUT], v[X], v[GAMMA], v[MU], v[IVAR], v[DX], v[DGAMMA], \
                                         v[DBETA]);                                                                    \
        else                                                                                                           \
            tg_fused_batchnorm_backward_##S(w->n, w->d, v[DOUT], v[X], v[GAMMA], v[MU], v[IVAR], v[DX], v[DGAMMA],     \
                                            v[DBETA]);                                                                 \
    }
BY_HAND(float, f32)
BY_HAND(double, f64)

static bool by_hand(void *self) {
    const struct work *w = self;
    const bool f64 = w->job->dtype == TG_F64;
    if (w->program != BACKWARD) (f64 ? forward_f64 : forward_f32)(w);
    if (w->program != FORWARD) (f64 ? backward_f64 : backward_f32)(w);
    return true;
}

/* ---------------------------------------------------------------------------------------------------------- the tape
 */

/* The backward alone has a leaf that is new at every run, dout; what the forward left behind stays as it is. */
static bool lay_tape(struct work *w) {
    const struct job *s = w->job;
    const tg_shape column = tg_shape1((int64_t)w->d);
    const tg_shape full =
        s->rank == 2 ? tg_shape2(s->dim[0], s->dim[1]) : tg_shape4(s->dim[0], s->dim[1], s->dim[2], s->dim[3]);
    const enum program program = w->program;
    tg_graph *g = w->tape.g = tg_graph_new();
    tg_node in[4], *out = w->tape.out;
    bool ok = true;
    for (int i = X; i <= BETA; i++) {
        const tg_shape shape = i == X || i == DOUT ? full : column;
        if (i == DOUT && program == FORWARD) continue;
        const bool kept = program == BACKWARD && i != DOUT;
        in[i] = kept ? tg_input(g, w->job->dtype, shape) : bound(g, w->job->dtype, shape, w->v[i]);
        ok = ok && (!kept || tg_set(in[i], w->v[i]) == TG_OK);
    }
    const tg_axes axes = s->rank == 2 ? tg_axis(0) : tg_axes3(0, 2, 3);
    tg_node normal = tg_batchnorm(in[X], in[GAMMA], in[BETA], axes, EPS, NULL);
    const tg_node mu = tg_find(g, "mu"), ivar = tg_find(g, "ivar");
    for (int i = 0; i < ARRAYS; i++) w->beside[i] = tg_nil(g);
    if (program != BACKWARD) out[w->tape.outs++] = w->beside[OUT] = normal;
    if (program == FORWARD) out[w->tape.outs++] = w->beside[MU] = mu, out[w->tape.outs++] = w->beside[IVAR] = ivar;
    if (program == FORWARD) return ok;
    const tg_grads d = tg_backward(normal, in[DOUT]);
    out[w->tape.outs++] = w->beside[DX] = tg_grad(d, in[X]);
    out[w->tape.outs++] = w->beside[DGAMMA] = tg_grad(d, in[GAMMA]);
    out[w->tape.outs++] = w->beside[DBETA] = tg_grad(d, in[BETA]);
    if (program == BACKWARD) w->tape.given[0] = mu, w->tape.given[1] = ivar, w->tape.givens = 2;
    return ok;
}

/* ---------------------------------------------------------------------------------------------------------- one row */

static bool open_work(struct work *w, const struct job *job) {
    const int64_t *dim = job->dim;
    *w = (struct work){.job = job, .n = (size_t)dim[0], .d = (size_t)dim[1]};
    while (strcmp(job->program, program_name[w->program]) != 0) w->program++;
    if (job->rank == 4) w->hw = (size_t)(dim[2] * dim[3]);
    w->size = w->n * w->d * (w->hw ? w->hw : 1);
    bool ok = true;
    for (int i = 0; i < ARRAYS; i++) {
        const size_t count = i == X || i == DOUT || i == OUT || i == DX || i >= COPY_X ? w->size : w->d;
        w->v[i] = i <= BETA ? typed_numbers(job->dtype, (uint64_t)i + 1, count, 0) : room_for(job->dtype, count);
        ok = ok && w->v[i];
    }
    return ok && lay_tape(w) && prepare_tape(&w->tape, WHO, 0);
}

static void close_work(struct work *w) {
    close_tape(&w->tape);
    for (int i = 0; i < ARRAYS; i++) free(w->v[i]);
}

/* The backward alone is given what a forward has left. */
static bool hand_is_right(struct work *w) {
    struct work forward = *w;
    forward.program = FORWARD;
    bool right = by_hand(&forward) && by_hand(w);
    for (int i = 0; i < ARRAYS; i++)
        if (!tg_is_nil(w->beside[i])) right = is_beside(w->beside[i], w->v[i], "fused") && right;
    return right;
}

static bool row(const struct job *job, const struct options *o, struct report *out, struct rival *torch,
                struct summary *s) {
    struct work w;
    struct race race;
    open_race(&race, job);
    bool ok = open_work(&w, job);
    if (ok) {
        const size_t bytes = w.size * item_of(job->dtype);
        struct copy copy = {.moved = units[w.hw > 0][w.program] * (double)bytes,
                            .size = bytes,
                            .threads = job->threads,
                            .pairs = w.program == FORWARD ? 1 : 2,
                            .from = {w.v[X], w.v[DOUT]},
                            .to = {w.v[COPY_X], w.v[COPY_DOUT]}};
        race.by_hand_bytes = by_hand_units[w.hw > 0][w.program] * (double)bytes;
        enter_tape(&race, &w.tape);
        enter(&race, FUSED, "fused", by_hand, &w, hand_is_right(&w));
        enter_copy(&race, &w.tape, copy);
        enter_torch(&race, torch, torch->process ? size_of_values(w.beside[w.program == FORWARD ? OUT : DX]) : 0);
        ok = run_race(&race, o, out, s);
    }
    close_work(&w);
    return ok;
}

int main(int argc, char **argv) {
    struct options o;
    struct job jobs[PROGRAMS * 4 * SHAPES];
    if (!read_options(argc, argv, &o)) return usage(argv[0]);
    return !run_jobs(jobs, make_jobs(jobs, program_name, PROGRAMS, shapes, SHAPES), SHAPES, &o, row);
}
