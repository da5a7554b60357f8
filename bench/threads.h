/* How many threads there are to be. */
#ifndef BENCH_THREADS_H
#define BENCH_THREADS_H

#ifdef _OPENMP
#include <omp.h>
static inline void set_threads(int threads) { omp_set_num_threads(threads); }
#else
static inline void set_threads(int threads) { (void)threads; }
#endif

#endif
