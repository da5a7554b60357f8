/* PyTorch as a contestant, where python3-torch is installed: programs_torch.py answers. */
#ifndef BENCH_TORCH_H
#define BENCH_TORCH_H

#include "contest.h"
#include "options.h"
#include "rival.h"

#include <math.h>

enum torch_way { TORCH_PRIMITIVES, TORCH_FUSED, TORCH_SCRIPT, TORCH_WAYS };
static const char *const torch_name[TORCH_WAYS] = {"torch_primitives", "torch_fused", "torch_script"};

struct torch_side {
    struct rival *torch;
    char question[200];
    double check; /* what came with the last answer */
};

/* The other BLAS and OpenMP threads are set by the script itself. */
static inline struct rival open_torch(const char *threads) {
    static const char *const command[] = {"/usr/bin/python3", TORCH, NULL};
    char said[200];
    setenv("OPENBLAS_NUM_THREADS", threads, 1);
    struct rival r = rival_open(command, said, sizeof said);
    if (r.process)
        fprintf(stderr, "%s", said);
    else
        fprintf(stderr, "python3-torch is not installed: no row has its times\n");
    return r;
}

static inline double torch_timed(void *self) {
    struct torch_side *t = self;
    char answer[200];
    double ns = 0;
    if (!rival_ask(t->torch, t->question, answer, sizeof answer)) return 0;
    return sscanf(answer, "{\"ns\": %lf, \"check\": %lf", &ns, &t->check) == 2 ? ns : 0;
}

/* Ready to compete unless it is not there, or computes other numbers than ours. */
static inline struct contestant torch_contestant(struct torch_side *t, struct rival *torch, enum torch_way way,
                                                 const char *what, const char *shape, const char *dtype, int threads,
                                                 double ours) {
    *t = (struct torch_side){.torch = torch};
    struct contestant c = {.name = torch_name[way], .timed = torch_timed, .self = t};
    snprintf(t->question, sizeof t->question, "%s %s %s %s %d\n", torch_name[way] + strlen("torch_"), what, shape,
             dtype, threads);
    c.out = !(torch_timed(t) > 0);
    if (!c.out && !(fabs(t->check - ours) <= 1e-3 * fabs(ours))) {
        fprintf(stderr, "%s is wrong: %g, not %g\n", c.name, t->check, ours);
        c.out = true;
    }
    return c;
}

#endif
