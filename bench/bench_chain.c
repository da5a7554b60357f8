/* Batch normalization, relu, a residual connection and the mean of squares, forward and backward to x, gamma, beta and
 * the residual: one program, beside the kernels by hand that a careful C programmer calls one after the other.
 *
 * Traffic in passes over arrays as large as x: by hand 22, namely batch normalization 4 and 5 back, relu 2 and 3, the
 * addition in place 3, the loss 2 and 3. A program needs no more than 10: x for the mean and for the variance; x,
 * residual and target for the sums that go back; all three again for dx and dresidual. */
#include "batchnorm.h"
#include "pointwise.h"
#include "race.h"

#define WHO "bench_chain"
#define EPS 1e-5

static const struct job shapes[] = {{.rank = 2, .dim = {200, 3}},
                                    {.rank = 2, .dim = {64, 256}},
                                    {.rank = 2, .dim = {256, 1024}},
                                    {.rank = 2, .dim = {4096, 1024}},
                                    {.rank = 2, .dim = {65536, 256}}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

enum { X, GAMMA, BETA, RESIDUAL, TARGET, MU, VAR, IVAR, OUT, SUM, DOUT, DRESIDUAL, DX, DGAMMA, DBETA, COPY, ARRAYS };

struct work {
    const struct job *job;
    size_t n, d;
    void *v[ARRAYS];
    double loss;
    struct tape tape;
};

#define BY_HAND(T, S)                                                                                                  \
    static bool by_hand_##S(void *self) {                                                                              \
        struct work *w = self;                                                                                         \
        void **v = w->v;                                                                                               \
        const size_t n = w->n, d = w->d, size = n * d;                                                                 \
        tg_fused_batchnorm_train_##S(n, d, v[X], v[GAMMA], v[BETA], (T)EPS, v[OUT],                                    \
                                     (tg_fused_batchnorm_stages_##S){v[MU], v[VAR], v[IVAR], NULL});                   \
        tg_fused_relu_##S(size, v[OUT], v[SUM]);                                                                       \
        tg_fused_add_##S(size, v[SUM], v[RESIDUAL], v[SUM]);                                                           \
        w->loss = (double)tg_fused_mse_loss_##S(size, v[SUM], v[TARGET]);                                              \
        tg_fused_mse_loss_backward_##S(size, v[SUM], v[TARGET], 1, v[DRESIDUAL]);                                      \
        tg_fused_relu_backward_##S(size, v[DRESIDUAL], v[OUT], v[DOUT]);                                               \
        tg_fused_batchnorm_backward_##S(n, d, v[DOUT], v[X], v[GAMMA], v[MU], v[IVAR], v[DX], v[DGAMMA], v[DBETA]);    \
        return true;                                                                                                   \
    }
BY_HAND(float, f32)
BY_HAND(double, f64)

static void lay_tape(struct work *w) {
    const tg_shape full = tg_shape2(w->job->dim[0], w->job->dim[1]), column = tg_shape1(w->job->dim[1]);
    tg_graph *g = w->tape.g = tg_graph_new();
    tg_node in[TARGET + 1];
    for (int i = X; i <= TARGET; i++) in[i] = bound(g, w->job->dtype, i == GAMMA || i == BETA ? column : full, w->v[i]);
    tg_node normal = tg_batchnorm(in[X], in[GAMMA], in[BETA], tg_axis(0), EPS, NULL);
    tg_node loss = tg_mse_loss(tg_add(tg_relu(normal), in[RESIDUAL]), in[TARGET], TG_MEAN, "loss");
    const tg_grads d = tg_backward(loss, tg_nil(g));
    const tg_node out[] = {tg_grad(d, in[X]), tg_grad(d, in[GAMMA]), tg_grad(d, in[BETA]), tg_grad(d, in[RESIDUAL]),
                           loss};
    w->tape.outs = sizeof out / sizeof *out;
    memcpy(w->tape.out, out, sizeof out);
}

static bool hand_is_right(const struct work *w) {
    const float loss = (float)w->loss;
    const void *of_loss = w->job->dtype == TG_F64 ? (const void *)&w->loss : &loss;
    const void *const hand[] = {w->v[DX], w->v[DGAMMA], w->v[DBETA], w->v[DRESIDUAL], of_loss};
    bool right = true;
    for (size_t i = 0; i < w->tape.outs; i++) right = is_beside(w->tape.out[i], hand[i], "fused") && right;
    return right;
}

static bool open_work(struct work *w, const struct job *job) {
    *w = (struct work){.job = job, .n = (size_t)job->dim[0], .d = (size_t)job->dim[1]};
    bool ok = true;
    for (int i = 0; i < ARRAYS; i++) {
        const bool column = i == GAMMA || i == BETA || (i >= MU && i <= IVAR) || i == DGAMMA || i == DBETA;
        const size_t count = column ? w->d : w->n * w->d;
        w->v[i] = i <= TARGET ? typed_numbers(job->dtype, (uint64_t)i + 1, count, 0) : room_for(job->dtype, count);
        ok = ok && w->v[i];
    }
    if (ok) lay_tape(w);
    return ok && prepare_tape(&w->tape, WHO, 0);
}

static bool row(const struct job *job, const struct options *o, struct report *out, struct rival *torch,
                struct summary *s) {
    bool (*const by_hand)(void *) = job->dtype == TG_F64 ? by_hand_f64 : by_hand_f32;
    struct work w;
    struct race race;
    open_race(&race, job);
    bool ok = open_work(&w, job);
    if (ok) {
        const size_t bytes = w.n * w.d * item_of(job->dtype);
        const struct copy copy = {.moved = 10 * (double)bytes,
                                  .size = bytes,
                                  .threads = job->threads,
                                  .pairs = 3,
                                  .from = {w.v[X], w.v[RESIDUAL], w.v[TARGET]},
                                  .to = {w.v[COPY], w.v[SUM], w.v[COPY]}};
        race.by_hand_bytes = 22 * (double)bytes;
        enter_tape(&race, &w.tape);
        enter(&race, FUSED, "fused", by_hand, &w, by_hand(&w) && hand_is_right(&w));
        enter_copy(&race, &w.tape, copy);
        enter_torch(&race, torch, torch->process ? size_of_values(w.tape.out[0]) : 0);
        ok = run_race(&race, o, out, s);
    }
    close_tape(&w.tape);
    for (int i = 0; i < ARRAYS; i++) free(w.v[i]);
    return ok;
}

int main(int argc, char **argv) {
    static const char *const program[] = {"chain"};
    struct options o;
    struct job jobs[4 * SHAPES];
    if (!read_options(argc, argv, &o)) return usage(argv[0]);
    return !run_jobs(jobs, make_jobs(jobs, program, 1, shapes, SHAPES), SHAPES, &o, row);
}
