/* What bench_interpreter measures: tapes, their data, and how to run them anew. */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "arrays.h"

#include <math.h>

/* As in interpreter_torch.py. */
#define EPS  1e-5
#define RATE 0.01
enum { PIXELS = 64, CLASSES = 10, BATCHES = 4, CHECKED = 8 };

enum kind { BATCHNORM, STEP };
static const char *const kind_name[] = {"batchnorm", "step"};

struct task {
    enum kind kind;
    int64_t rows, columns; /* of a step: the batch, the hidden layer */
    tg_dtype dtype;
};
enum { PLACES = 4 };

struct work {
    enum kind kind;
    tg_dtype dtype;
    tg_graph *g;
    tg_node leaf[PLACES], result; /* what is bound to data, and to labels */
    void *data[PLACES];
    int32_t *labels;
    size_t rows, step;
};

static inline bool batchnorm(struct work *w, const struct task *task) {
    const tg_shape shape = tg_shape2(task->rows, task->columns), row = tg_shape1(task->columns);
    const tg_shape shapes[PLACES] = {shape, row, row, shape};
    tg_node *in = w->leaf;
    bool ok = true;
    for (int i = 0; i < PLACES; i++) {
        in[i] = tg_input(w->g, w->dtype, shapes[i]);
        w->data[i] = typed_numbers(w->dtype, (uint64_t)i + 1, tg_size(in[i]), 0);
        ok = ok && w->data[i] && tg_bind(in[i], w->data[i]) == TG_OK; /* what is bound is new at every run */
    }
    const tg_grads d = tg_backward(tg_batchnorm(in[0], in[1], in[2], tg_axis(0), EPS, NULL), in[3]);
    w->result = tg_grad(d, in[0]);
    return ok && tg_has_grad(d, in[1]) && tg_has_grad(d, in[2]);
}

static inline bool fill_param(tg_node p, uint64_t seed, double shift) {
    const tg_dtype dtype = tg_dtype_of(p);
    void *v = typed_numbers(dtype, seed, tg_size(p), shift);
    const bool ok = v && tg_set(p, v) == TG_OK;
    free(v);
    return ok;
}

/* Batches of pictures, and their labels. */
static inline bool digits(struct work *w, tg_shape shape) {
    const size_t all = w->rows * BATCHES;
    w->leaf[0] = tg_input(w->g, w->dtype, shape);
    w->leaf[1] = tg_input(w->g, TG_I32, tg_shape1((int64_t)w->rows));
    w->data[0] = typed_numbers(w->dtype, 1, all * PIXELS, 0);
    w->labels = malloc(all * sizeof *w->labels);
    for (size_t i = 0; w->labels && i < all; i++) w->labels[i] = (int32_t)(i % CLASSES);
    return w->data[0] && w->labels;
}

static inline bool step(struct work *w, const struct task *task) {
    tg_graph *g = w->g;
    const int64_t n = task->rows, h = task->columns;
    const tg_shape shapes[] = {tg_shape2(PIXELS, h), tg_shape1(h),          tg_shape1(h),
                               tg_shape1(h),         tg_shape2(h, CLASSES), tg_shape1(CLASSES)};
    tg_node p[6], mean = tg_input(g, w->dtype, tg_shape1(h)), var = tg_input(g, w->dtype, tg_shape1(h));
    bool ok = tg_fill(mean, 0) == TG_OK && tg_fill(var, 1) == TG_OK;
    for (int i = 0; i < 6; i++) {
        p[i] = tg_param(g, w->dtype, shapes[i]);
        ok = ok && fill_param(p[i], (uint64_t)i + 2, i == 2);
    }
    ok = digits(w, tg_shape2(n, PIXELS)) && ok;
    tg_node xw = tg_linear(tg_detach(w->leaf[0]), p[0], p[1], "layer1");
    tg_node bn = tg_batchnorm_running(xw, p[2], p[3], mean, var, tg_axis(0), tg_batchnorm_defaults(), "bn");
    w->result = tg_softmax_loss(tg_linear(tg_relu(bn), p[4], p[5], "layer2"), w->leaf[1], "loss");
    const tg_grads d = tg_backward(w->result, tg_nil(g));
    for (int i = 0; i < 6; i++) tg_assign(p[i], tg_sub(p[i], tg_mul(tg_scalar(g, w->dtype, RATE), tg_grad(d, p[i]))));
    return ok;
}

/* What is bound is new, so nothing of the run before is left to keep. */
static inline bool renew(struct work *w) {
    bool ok = true;
    for (int i = 0; w->kind == BATCHNORM && i < PLACES; i++) ok = ok && tg_bind(w->leaf[i], w->data[i]) == TG_OK;
    if (w->kind == BATCHNORM) return ok;
    const size_t first = w->step++ % BATCHES * w->rows;
    const char *x = (const char *)w->data[0] + first * PIXELS * item_of(w->dtype);
    return tg_bind(w->leaf[0], x) == TG_OK && tg_bind(w->leaf[1], w->labels + first) == TG_OK;
}

/* Only a step of training assigns. */
static inline bool keep(struct work *w) { return w->kind != STEP || tg_commit(w->g) == TG_OK; }

static inline bool once(struct work *w) { return renew(w) && tg_run(w->g) == TG_OK && keep(w); }

/* A number that both sides have if they compute the same: the size of dx, or the loss after some steps. */
static inline double check(struct work *w) {
    double sum = 0;
    if (w->kind == STEP) {
        while (w->step < CHECKED - 1)
            if (!once(w)) return NAN;
        return renew(w) && tg_run(w->g) == TG_OK ? tg_item(w->result, 0) : NAN;
    }
    for (size_t i = 0; i < tg_size(w->result); i++) sum += fabs(tg_item(w->result, i));
    return sum;
}

static inline bool open_work(struct work *w, const struct task *task) {
    *w = (struct work){.kind = task->kind, .dtype = task->dtype, .g = tg_graph_new(), .rows = (size_t)task->rows};
    return w->g && (task->kind == BATCHNORM ? batchnorm : step)(w, task) && once(w);
}

static inline void close_work(struct work *w) {
    for (int i = 0; i < PLACES; i++) free(w->data[i]);
    free(w->labels);
    tg_graph_free(w->g);
}

#endif
