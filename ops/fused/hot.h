/* What the kernels of this folder ask of a compiler. */
#ifndef TG_FUSED_HOT_H
#define TG_FUSED_HOT_H

#include <math.h>

/* No element depends on another. gcc has to be told; clang finds out, and complains where it was told and does not
 * optimize. */
#if defined(__GNUC__) && !defined(__clang__)
#define SIMD      _Pragma("GCC ivdep")
#define KEEP_LOOP _Pragma("GCC unroll 1") /* unrolled before it is vectorized, it would be as many calls */
#else
#define SIMD
#define KEEP_LOOP
#endif

/* Sanitizers are not up yet when the loader asks which clone to take. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) &&                           \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HOT __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define HOT
#endif

/* The constant arguments of these have to reach their loops. */
#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

/* What will be wanted soon. */
#ifdef __GNUC__
#define FETCH(at) __builtin_prefetch(at)
#else
#define FETCH(at) ((void)(at))
#endif

/* exp and log of a whole vector, within 4 units in the last place. math.h tells of them only under -ffast-math. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) && defined(__OPTIMIZE__)
#define VECTOR __attribute__((simd("notinbranch")))
VECTOR float expf(float);
VECTOR double exp(double);
VECTOR float logf(float);
VECTOR double log(double);
#endif

#endif
