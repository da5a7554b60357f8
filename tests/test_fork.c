/* A child of fork goes on: with the tape and the programs of its parent, with graphs of its own, and with all threads. The
 * OpenMP library's threads are not there in a child, which must not wait for them. */
#include "beside.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(fork, .timeout = 60);

enum { N = 600000, THREADS = 2, LIMIT = 20 /* seconds for a child */ };

static tg_graph *g;
static tg_node y;
static tg_program *p;
static double *before;

static bool build(tg_graph **graph, tg_node *out) {
    *graph = tg_graph_new();
    const tg_node x = tg_input(*graph, TG_F64, tg_shape2(N / 100, 100));
    *out = tg_sum(tg_mul(tg_exp(x), tg_sub(x, tg_mean(x, tg_axis(0)))), tg_axis(0));
    return tg_fill_normal(x, 0, 1, 1) == TG_OK;
}

static void prepare(void) {
    set_threads(THREADS);
    cr_assert(build(&g, &y));
    p = tg_compile(g, &y, 1, (tg_compile_options){.mode = TG_EXACT, .flags = TG_MUST_COMPILE});
    cr_assert_not_null(p, "%s", tg_message(g));
    cr_assert_eq(tg_run(g) | tg_program_run(p), TG_OK, "%s", tg_message(g));
    before = doubles_of(y);
}

static int threads_here(void) {
    int n = 0;
#ifdef _OPENMP
#pragma omp parallel reduction(+ : n)
    n = 1;
#else
    n = THREADS;
#endif
    return n;
}

static bool same(const void *values) { return values && memcmp(values, before, 100 * sizeof *before) == 0; }

/* Everything again, where nothing is valid any more. 0: all is well. */
static int again(void) {
    tg_graph *own;
    tg_node out;
    const tg_node x = tg_node_at(g, 1);
    bool well = tg_fill_normal(x, 0, 1, 1) == TG_OK && tg_run(g) == TG_OK && same(tg_value(y));
    well = well && tg_program_run(p) == TG_OK && same(tg_program_value(p, y));
    well = build(&own, &out) && tg_run(own) == TG_OK && same(tg_value(out)) && well;
    tg_graph_free(own);
    return !well ? 1 : threads_here() != THREADS ? 2 : 0;
}

static int status_of(pid_t child) {
    int status = 0;
    return waitpid(child, &status, 0) == child ? status : -1;
}

static void *fork_here(void *status) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(LIMIT);
        int wrong = again();
        const pid_t grandchild = fork();
        if (grandchild == 0) {
            alarm(LIMIT);
            _exit(again());
        }
        if (!wrong) wrong = status_of(grandchild) ? 3 : 0;
        _exit(wrong);
    }
    *(int *)status = status_of(child);
    return NULL;
}

Test(fork, child_and_grandchild) {
    int status = -1;
    prepare();
    fork_here(&status);
    cr_expect_eq(status, 0, "status %x (e: it waited for ever)", (unsigned)status);
    cr_expect_eq(again(), 0, "the parent does not go on");
    fork_here(&status);
    cr_expect_eq(status, 0, "status %x", (unsigned)status);
    tg_graph_free(g);
    free(before);
}

Test(fork, from_another_thread) {
    int status = -1;
    pthread_t thread;
    prepare();
    cr_assert_eq(pthread_create(&thread, NULL, fork_here, &status), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(status, 0, "status %x", (unsigned)status);
    tg_graph_free(g);
    free(before);
}

/* A server forks first, and each child computes. */
Test(fork, before_anything_ran) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(LIMIT);
        prepare();
        _exit(again());
    }
    cr_expect_eq(status_of(child), 0);
    prepare();
    cr_expect_eq(again(), 0);
    tg_graph_free(g);
    free(before);
}
