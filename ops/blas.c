/* The system's BLAS, where it can be held to one thread: a BLAS that splits a product by the number of its threads
 * gives other bits for another number. Ours go over the blocks instead. */
#include "product.h"

#include <limits.h>

#ifdef TAPEGRAD_BLAS

#include <cblas.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* Of whichever library is linked: NULL where it has none of that name. An archive gives only what is asked for by name,
 * so where OpenBLAS was found at build time it is. */
#define WEAK __attribute__((weak))
#ifdef TAPEGRAD_OPENBLAS
#define OPENBLAS
#else
#define OPENBLAS WEAK
#endif
OPENBLAS int openblas_get_num_threads(void);
OPENBLAS void openblas_set_num_threads(int threads);
OPENBLAS int openblas_get_parallel(void); /* 0: not at all, 1: threads of its own, 2: OpenMP */
OPENBLAS char *openblas_get_config(void);
WEAK int MKL_Set_Num_Threads_Local(int threads);

static bool is_openblas(void) {
#ifdef TAPEGRAD_OPENBLAS
    return true;
#else
    return openblas_get_parallel && openblas_get_num_threads && openblas_set_num_threads && openblas_get_config;
#endif
}

enum hold { CANNOT, NEED_NOT, BY_SETTING, BY_OPENMP, BY_MKL };

static enum hold hold(void) {
    if (MKL_Set_Num_Threads_Local) return BY_MKL;
    if (!is_openblas()) return CANNOT;
    const int parallel = openblas_get_parallel();
#ifdef _OPENMP
    if (parallel == 2) return BY_OPENMP;
#endif
    return parallel == 0 ? NEED_NOT : parallel == 1 ? BY_SETTING : CANNOT;
}

bool tg__blas_is_held(void) { return hold() != CANNOT; }

const char *tg__blas_name(void) {
    if (MKL_Set_Num_Threads_Local) return "MKL";
    return is_openblas() ? openblas_get_config() : "a CBLAS that is not known";
}

static bool fits(const struct tg__product *p) {
    return p->rows <= INT_MAX && p->inner <= INT_MAX && p->columns <= INT_MAX && p->x.stride <= INT_MAX &&
           p->y.stride <= INT_MAX && p->stride <= INT_MAX;
}

bool tg__blas_may(const tg_graph *g, const struct tg__product *p) {
    const enum hold how = hold();
    if (!fits(p) || (how == CANNOT && !g->any_blas)) return false;
    if (how == BY_SETTING && openblas_get_num_threads() != 1) openblas_set_num_threads(1);
    return true;
}

static void multiply(const struct tg__product *p) {
    const enum CBLAS_TRANSPOSE tx = p->x.turn ? CblasTrans : CblasNoTrans, ty = p->y.turn ? CblasTrans : CblasNoTrans;
    const int m = (int)p->rows, n = (int)p->columns, k = (int)p->inner;
    const int sx = (int)p->x.stride, sy = (int)p->y.stride, sz = (int)p->stride;
    if (p->dtype == TG_F64)
        cblas_dgemm(CblasRowMajor, tx, ty, m, n, k, 1, p->x.data, sx, p->y.data, sy, p->adds, p->z, sz);
    else
        cblas_sgemm(CblasRowMajor, tx, ty, m, n, k, 1, p->x.data, sx, p->y.data, sy, p->adds, p->z, sz);
}

/* Held anew for each product where the number is this thread's own. */
void tg__blas_product(const struct tg__product *p) {
    const enum hold how = hold();
    const int before = how == BY_MKL ? MKL_Set_Num_Threads_Local(1) : 0;
#ifdef _OPENMP
    const int threads = omp_get_max_threads();
    if (how == BY_OPENMP) omp_set_num_threads(1);
#endif
    multiply(p);
#ifdef _OPENMP
    if (how == BY_OPENMP) omp_set_num_threads(threads);
#endif
    if (how == BY_MKL) MKL_Set_Num_Threads_Local(before);
}

#else

bool tg__blas_may(const tg_graph *g, const struct tg__product *p) {
    (void)g, (void)p;
    return false;
}

void tg__blas_product(const struct tg__product *p) { tg__product_loop(p); }
const char *tg__blas_name(void) { return "none"; }
bool tg__blas_is_held(void) { return false; }

#endif

void tg_allow_any_blas(tg_graph *g, bool allow) {
    if (g) g->any_blas = allow;
}
