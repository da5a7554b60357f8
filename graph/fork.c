/* Threads and fork. A child of fork has one thread, but GNU's OpenMP library still counts on those of the parent, and
 * the child's first parallel region would wait for them for ever. So before a fork the threads that serve the forking
 * thread are ended; parent and child each start new ones at their next parallel region. The C library keeps the list of
 * what is called before a fork, so that there is no state here. LLVM's OpenMP library does as much by itself. */
#include "graph.h"

#if defined(_OPENMP) && (defined(__clang__) || __GNUC__ >= 9)

#include <dlfcn.h>
#include <omp.h>
#include <pthread.h>

/* A library that was built by clang may run programs that were compiled by gcc, with that one's OpenMP library. */
static void end_threads(void) {
#if defined(__clang__)
    void *gnu = dlopen("libgomp.so.1", RTLD_LAZY | RTLD_NOLOAD);
    int (*pause)(omp_pause_resource_t kind) = NULL;
    if (gnu) *(void **)&pause = dlsym(gnu, "omp_pause_resource_all");
    if (pause) pause(omp_pause_soft);
    if (gnu) dlclose(gnu);
#else
    omp_pause_resource_all(omp_pause_soft);
#endif
}

__attribute__((constructor)) static void prepare(void) { pthread_atfork(end_threads, NULL, NULL); }

#endif

void tg__survive_forks(void) {}
