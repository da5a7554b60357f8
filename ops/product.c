/* Products of two matrices: our own loop, and who computes what. */
#include "product.h"
#include "ops.h"

enum { ROWS = 6, DEPTH = 128 }; /* of a tile; how much of `inner` is gone through at a time */

#define ONE(each)   each(0)
#define TWO(each)   ONE(each) each(1)
#define THREE(each) TWO(each) each(2)
#define FOUR(each)  THREE(each) each(3)
#define FIVE(each)  FOUR(each) each(4)
#define SIX(each)   FIVE(each) each(5)

/* One version for each kind of vector unit; the one at hand is asked for at every call. */
#define FOR_CPU
#define WIDTH 16
#define N(f)  f##_f32
#define T     float
#include "product.inc"
#undef N
#undef T
#define N(f) f##_f64
#define T    double
#include "product.inc"
#undef N
#undef T
#undef WIDTH
#undef FOR_CPU

#if defined(__GNUC__) && defined(__x86_64__)
#define HAS_VERSIONS 1

#define FOR_CPU __attribute__((target("avx2")))
#define WIDTH   32
#define N(f)    f##_avx2_f32
#define T       float
#include "product.inc"
#undef N
#undef T
#define N(f) f##_avx2_f64
#define T    double
#include "product.inc"
#undef N
#undef T
#undef WIDTH
#undef FOR_CPU

#define FOR_CPU __attribute__((target("avx512f")))
#define WIDTH   64
#define N(f)    f##_avx512_f32
#define T       float
#include "product.inc"
#undef N
#undef T
#define N(f) f##_avx512_f64
#define T    double
#include "product.inc"
#undef N
#undef T
#undef WIDTH
#undef FOR_CPU
#endif

const char *tg__vector_unit(void) {
#ifdef HAS_VERSIONS
    if (__builtin_cpu_supports("avx512f")) return "AVX-512";
    if (__builtin_cpu_supports("avx2")) return "AVX2";
#endif
    return "baseline";
}

/* An empty sum is 0. */
static void clear(const struct tg__product *p) {
    const size_t item = tg__item_size(p->dtype);
    for (size_t i = 0; i < p->rows && !p->adds; i++) memset((char *)p->z + i * p->stride * item, 0, p->columns * item);
}

void tg__product_loop(const struct tg__product *p) {
    const bool f64 = p->dtype == TG_F64;
    if (p->inner == 0) {
        clear(p);
        return;
    }
#ifdef HAS_VERSIONS
    if (__builtin_cpu_supports("avx512f")) {
        (f64 ? product_avx512_f64 : product_avx512_f32)(p);
        return;
    }
    if (__builtin_cpu_supports("avx2")) {
        (f64 ? product_avx2_f64 : product_avx2_f32)(p);
        return;
    }
#endif
    (f64 ? product_f64 : product_f32)(p);
}

/* ------------------------------------------------------------------------------------------------- cut into blocks */

/* Below LARGE multiplications the loop is as fast as any BLAS that was measured (bench/bench_matmul.c), and a product
 * has the bits of the C that tg_write_c_staged writes. A block of BLAS's is as large as its own panels. */
enum { LARGE = 1 << 22, OWN_ROWS = 96, BLAS_ROWS = 256, BLAS_COLUMNS = 1024 };

/* How many blocks: a power of 2, so that threads have equally many, and about equal, in whole tiles. */
static size_t in_blocks(size_t n, size_t *block, size_t count) {
    while (count * *block < n) count *= 2;
    *block = ((n + count - 1) / count + 7) / 8 * 8;
    return (n + *block - 1) / *block;
}

bool tg__is_large(double rows, double inner, double columns) { return rows * inner * columns >= LARGE; }

struct tg__cut tg__cut_of(const tg_graph *g, const struct tg__product *p) {
    struct tg__cut c = {.rows = OWN_ROWS, .columns = p->columns, .down = 0, .across = 1};
    c.blas = tg__is_large((double)p->rows, (double)p->inner, (double)p->columns) && tg__blas_may(g, p);
    if (c.blas) c.rows = BLAS_ROWS, c.columns = BLAS_COLUMNS;
    if (c.blas)
        c.down = in_blocks(p->rows, &c.rows, p->rows < BLAS_ROWS ? 1 : 2),
        c.across = in_blocks(p->columns, &c.columns, 1);
    else
        c.down = (p->rows + c.rows - 1) / c.rows;
    if (p->columns == 0) c.across = 0;
    return c;
}

void tg__product_block(const struct tg__product *p, const struct tg__cut *cut, size_t block) {
    const size_t i = block / cut->across * cut->rows, j = block % cut->across * cut->columns;
    const size_t item = tg__item_size(p->dtype);
    struct tg__product b = *p;
    b.rows = p->rows - i < cut->rows ? p->rows - i : cut->rows;
    b.columns = p->columns - j < cut->columns ? p->columns - j : cut->columns;
    b.x.data = (const char *)p->x.data + (p->x.turn ? i : i * p->x.stride) * item;
    b.y.data = (const char *)p->y.data + (p->y.turn ? j * p->y.stride : j) * item;
    b.z = (char *)p->z + (i * p->stride + j) * item;
    if (cut->blas)
        tg__blas_product(&b);
    else
        tg__product_loop(&b);
}

void tg__product(const struct tg__product *p, const struct tg__cut *cut) {
    for (size_t b = 0; b < cut->down * cut->across; b++) tg__product_block(p, cut, b);
}
