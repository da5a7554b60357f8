/* What works row by row, from primitives, forward and backward at once: the softmax loss (the loss and dscores) and
 * layer normalization (out, dx, dgamma, dbeta), beside kernels by hand.
 *
 * Traffic in passes over arrays as large as x, a row staying near while it is worked on: softmax 2, layer normalization
 * 4, by hand 5, for its two calls each read x. */
#include "entropy.h"
#include "race.h"
#include "rownorm.h"

#define WHO "bench_norms"
#define EPS 1e-5

static const struct job softmaxes[] = {{.rank = 2, .dim = {64, 10}},
                                       {.rank = 2, .dim = {256, 1000}},
                                       {.rank = 2, .dim = {4096, 1000}},
                                       {.rank = 2, .dim = {128, 32000}}},
                        layernorms[] = {{.rank = 2, .dim = {64, 256}},
                                        {.rank = 2, .dim = {256, 1024}},
                                        {.rank = 2, .dim = {4096, 768}},
                                        {.rank = 2, .dim = {8192, 1024}}};
enum { SHAPES = sizeof softmaxes / sizeof *softmaxes };

/* TOP and NORM are mu and ivar of layer normalization. */
enum { X, DOUT, GAMMA, BETA, TOP, NORM, OUT, DX, DGAMMA, DBETA, ROOM, COPY_X, COPY_DOUT, ARRAYS };

struct work {
    const struct job *job;
    bool softmax;
    size_t n, d;
    void *v[ARRAYS];
    int32_t *label;
    double loss;
    struct tape tape;
};

#define BY_HAND(T, S)                                                                                                  \
    static bool by_hand_##S(void *self) {                                                                              \
        struct work *w = self;                                                                                         \
        void **v = w->v;                                                                                               \
        if (w->softmax) {                                                                                              \
            w->loss = (double)tg_fused_softmax_loss_both_##S(w->n, w->d, v[X], w->label, 1, v[TOP], v[NORM], v[DX]);   \
            return true;                                                                                               \
        }                                                                                                              \
        tg_fused_layernorm_train_##S(w->n, w->d, v[X], v[GAMMA], v[BETA], (T)EPS, v[OUT], v[TOP], v[NORM]);            \
        tg_fused_layernorm_backward_##S(w->n, w->d, v[DOUT], v[X], v[GAMMA], v[TOP], v[NORM], v[DX], v[DGAMMA],        \
                                        v[DBETA], v[ROOM]);                                                            \
        return true;                                                                                                   \
    }
BY_HAND(float, f32)
BY_HAND(double, f64)

static void lay_tape(struct work *w) {
    const tg_shape full = tg_shape2(w->job->dim[0], w->job->dim[1]), column = tg_shape1(w->job->dim[1]);
    const tg_dtype dtype = w->job->dtype;
    tg_graph *g = w->tape.g = tg_graph_new();
    tg_node x = bound(g, dtype, full, w->v[X]), *out = w->tape.out;
    if (w->softmax) {
        out[1] = tg_softmax_loss(x, bound(g, TG_I32, tg_shape1(w->job->dim[0]), w->label), NULL);
        out[0] = tg_grad(tg_backward(out[1], tg_nil(g)), x);
        w->tape.outs = 2;
        return;
    }
    tg_node gamma = bound(g, dtype, column, w->v[GAMMA]), beta = bound(g, dtype, column, w->v[BETA]);
    out[1] = tg_layernorm(x, gamma, beta, 1, EPS, NULL);
    const tg_grads d = tg_backward(out[1], bound(g, dtype, full, w->v[DOUT]));
    out[0] = tg_grad(d, x), out[2] = tg_grad(d, gamma), out[3] = tg_grad(d, beta);
    w->tape.outs = 4;
}

static bool hand_is_right(const struct work *w) {
    const float narrow = (float)w->loss;
    const void *loss = w->job->dtype == TG_F64 ? (const void *)&w->loss : &narrow;
    const void *const hand[] = {w->v[DX], w->softmax ? loss : w->v[OUT], w->v[DGAMMA], w->v[DBETA]};
    bool right = true;
    for (size_t i = 0; i < w->tape.outs; i++) right = is_beside(w->tape.out[i], hand[i], "fused") && right;
    return right;
}

static bool open_work(struct work *w, const struct job *job) {
    *w = (struct work){.job = job, .n = (size_t)job->dim[0], .d = (size_t)job->dim[1]};
    w->softmax = strcmp(job->program, "softmax") == 0;
    bool ok = (w->label = labels_below(w->d, w->n)) != NULL;
    for (int i = 0; i < ARRAYS; i++) {
        const size_t room = tg_fused_layernorm_room(w->n, w->d), size = w->n * w->d;
        const bool row = i == TOP || i == NORM, column = i == GAMMA || i == BETA || i == DGAMMA || i == DBETA;
        const size_t count = i == ROOM ? room : row ? w->n : column ? w->d : size;
        w->v[i] = i <= BETA ? typed_numbers(job->dtype, (uint64_t)i + 1, count, 0) : room_for(job->dtype, count);
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
        const struct copy copy = {.moved = (w.softmax ? 2 : 4) * (double)bytes,
                                  .size = bytes,
                                  .threads = job->threads,
                                  .pairs = w.softmax ? 1 : 2,
                                  .from = {w.v[X], w.v[DOUT]},
                                  .to = {w.v[COPY_X], w.v[COPY_DOUT]}};
        race.by_hand_bytes = (w.softmax ? 2 : 5) * (double)bytes;
        enter_tape(&race, &w.tape);
        enter(&race, FUSED, "fused", by_hand, &w, by_hand(&w) && hand_is_right(&w));
        enter_copy(&race, &w.tape, copy);
        enter_torch(&race, torch, torch->process ? size_of_values(w.tape.out[0]) : 0);
        ok = run_race(&race, o, out, s);
    }
    close_tape(&w.tape);
    for (int i = 0; i < ARRAYS; i++) free(w.v[i]);
    free(w.label);
    return ok;
}

int main(int argc, char **argv) {
    static const char *const softmax[] = {"softmax"}, *const layernorm[] = {"layernorm"};
    struct options o;
    struct job jobs[8 * SHAPES];
    if (!read_options(argc, argv, &o)) return usage(argv[0]);
    const size_t first = make_jobs(jobs, softmax, 1, softmaxes, SHAPES);
    return !run_jobs(jobs, first + make_jobs(jobs + first, layernorm, 1, layernorms, SHAPES), SHAPES, &o, row);
}
