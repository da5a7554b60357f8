/* A step of training, forward, backward and update as one program: the digits network by SGD, and the convolutional one
 * of examples/11_convnet.c by Adam. By the interpreter, the exact and the fast program, and PyTorch where it is
 * installed. Each has a network of its own; before they are timed, the losses after some steps are compared. */
#include "convnet.h"
#include "race.h"

#define WHO "bench_train"

static const struct job jobs[] = {
    {"digits", 2, {64, 100}, TG_F32, 1}, {"digits", 2, {256, 100}, TG_F32, 1}, {"digits", 2, {256, 512}, TG_F32, 1},
    {"digits", 2, {64, 100}, TG_F32, 2}, {"digits", 2, {256, 100}, TG_F32, 2}, {"digits", 2, {256, 512}, TG_F32, 2},
    {"convnet", 1, {16}, TG_F32, 1},     {"convnet", 1, {64}, TG_F32, 1},      {"convnet", 1, {256}, TG_F32, 1},
    {"convnet", 1, {16}, TG_F32, 2},     {"convnet", 1, {64}, TG_F32, 2},      {"convnet", 1, {256}, TG_F32, 2},
};
enum { JOBS = sizeof jobs / sizeof *jobs, GROUP = 3, SIDES = 3 };

struct net {
    struct work w;
    tg_program *program; /* NULL: the interpreter */
    double loss;         /* after CHECKED steps */
};

static bool train_once(void *self) {
    struct net *n = self;
    return renew(&n->w) &&
           (n->program ? tg_program_step(n->program) == TG_OK : tg_run(n->w.g) == TG_OK && tg_commit(n->w.g) == TG_OK);
}

/* The loss of the last of CHECKED steps; the first was taken by open_work. */
static bool train_some(struct net *n) {
    while (n->w.step < CHECKED - 1)
        if (!train_once(n)) return false;
    if (!renew(&n->w)) return false;
    if (n->program) {
        if (tg_program_step(n->program) != TG_OK) return false;
        const void *loss = tg_program_value(n->program, n->w.result);
        n->loss = n->w.dtype == TG_F64 ? *(const double *)loss : (double)*(const float *)loss;
        return true;
    }
    if (tg_run(n->w.g) != TG_OK) return false;
    n->loss = tg_item(n->w.result, 0);
    return tg_commit(n->w.g) == TG_OK;
}

static bool open_net(struct net *n, const struct job *job, int side) {
    const struct task task = {STEP, job->dim[0], job->dim[1], job->dtype};
    *n = (struct net){.loss = 0};
    bool ok = job->rank == 2 ? open_work(&n->w, &task) : open_convnet(&n->w, job->dim[0], job->dtype);
    const tg_compile_options options = {.mode = side == FAST ? TG_FAST : TG_EXACT, .flags = TG_WITH_ASSIGNS | TG_MUST_COMPILE};
    if (ok && side != INTERPRETER) ok = (n->program = tg_compile(n->w.g, &n->w.result, 1, options)) != NULL;
    ok = ok && train_some(n);
    if (!ok) fprintf(stderr, "%s: %s\n", WHO, n->w.g ? tg_message(n->w.g) : "out of memory");
    return ok;
}

/* Steps that differ in their last digits part: by 1e-4, or 1e-9 in f64, after so few. */
static void enter_nets(struct race *r, struct net net[SIDES]) {
    static const char *const name[SIDES] = {"interpreter", "exact", "fast"};
    const double loss = net[INTERPRETER].loss, bound = r->job->dtype == TG_F64 ? 1e-9 : 1e-4;
    for (int i = 0; i < SIDES; i++) {
        const bool right = i == FAST ? fabs(net[i].loss - loss) <= bound * fabs(loss) : net[i].loss == loss;
        if (!right) fprintf(stderr, "%s is wrong: the loss is %.17g, not %.17g\n", name[i], net[i].loss, loss);
        enter(r, i, name[i], train_once, &net[i], right);
    }
    r->stats = tg_program_stats(net[FAST].program);
}

static bool row(const struct job *job, const struct options *o, struct report *out, struct rival *torch,
                struct summary *s) {
    struct net net[SIDES];
    struct race race;
    bool ok = true;
    open_race(&race, job);
    for (int i = 0; i < SIDES; i++) ok = open_net(&net[i], job, i) && ok;
    if (ok) {
        enter_nets(&race, net);
        enter_torch(&race, torch, net[INTERPRETER].loss);
        ok = run_race(&race, o, out, s);
    }
    for (int i = 0; i < SIDES; i++) close_work(&net[i].w);
    return ok;
}

int main(int argc, char **argv) {
    struct options o;
    if (!read_options(argc, argv, &o)) return usage(argv[0]);
    return !run_jobs(jobs, JOBS, GROUP, &o, row);
}
