/* What a product of two matrices costs: tg_matmul on a tape, the library's own loop, and, where tapegrad was built with
 * a BLAS, that called directly in the same run, with as many threads as OpenMP has and with one. */
#include "clock.h"
#include "product.h"
#include "tapegrad.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef TAPEGRAD_BLAS
#include <cblas.h>
__attribute__((weak)) void openblas_set_num_threads(int threads);
#endif
#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_max_threads(void) { return 1; }
#endif

enum { REPEATS = 9 };

enum rival { TAPE, LOOP, BLAS, BLAS_1, RIVALS };
static const char *const rival_name[RIVALS] = {"tape", "loop", "blas", "blas_one_thread"};

static const struct size {
    size_t rows, inner, columns;
    bool turn_x, turn_y;
} sizes[] = {
    {64, 64, 100, false, false},    {64, 100, 10, false, false},
    {64, 10, 100, false, true}, /* a layer, forward and back */
    {100, 64, 10, true, false},     {64, 64, 100, true, false},
    {100, 64, 64, true, false},     {16, 16, 16, false, false},
    {32, 32, 32, false, false},     {64, 64, 64, false, false},
    {96, 96, 96, false, false},     {128, 128, 128, false, false},
    {192, 192, 192, false, false},  {256, 256, 256, false, false},
    {256, 256, 256, true, false},   {256, 256, 256, false, true},
    {384, 384, 384, false, false},  {512, 512, 512, false, false},
    {768, 768, 768, false, false},  {1024, 1024, 1024, false, false},
    {1024, 1024, 1024, true, true},
};

struct work {
    struct tg__product p;
    tg_graph *g;
    tg_node z;
    enum rival rival;
};

static bool once(const struct work *w) {
    const struct tg__product *p = &w->p;
    if (w->rival == TAPE) return tg_run(w->g) == TG_OK; /* bound leaves are new at every run */
    if (w->rival == LOOP) return tg__product_loop(p), true;
#ifdef TAPEGRAD_BLAS
    const enum CBLAS_TRANSPOSE tx = p->x.turn ? CblasTrans : CblasNoTrans, ty = p->y.turn ? CblasTrans : CblasNoTrans;
    const int m = (int)p->rows, n = (int)p->columns, k = (int)p->inner, sx = (int)p->x.stride, sy = (int)p->y.stride;
    if (p->dtype == TG_F64)
        cblas_dgemm(CblasRowMajor, tx, ty, m, n, k, 1, p->x.data, sx, p->y.data, sy, 0, p->z, n);
    else
        cblas_sgemm(CblasRowMajor, tx, ty, m, n, k, 1, p->x.data, sx, p->y.data, sy, 0, p->z, n);
    return true;
#else
    return false;
#endif
}

/* Nanoseconds a call: the median of runs of about a millisecond. */
static double measure(struct work *w, enum rival rival) {
    double sample[REPEATS], start = now();
    w->rival = rival;
#ifdef TAPEGRAD_BLAS
    if (openblas_set_num_threads) openblas_set_num_threads(rival == BLAS ? omp_get_max_threads() : 1);
#endif
    if (!once(w) || !once(w)) return 0;
    const double each = (now() - start) / 2;
    const int calls = each < 1e6 ? (int)(1e6 / each) + 1 : 1;
    for (int r = 0; r < REPEATS; r++) {
        start = now();
        for (int i = 0; i < calls; i++) once(w);
        sample[r] = (now() - start) / calls;
    }
    qsort(sample, REPEATS, sizeof *sample, by_size);
    return sample[REPEATS / 2];
}

static bool report(const struct size *s, tg_dtype dtype, bool json, bool first) {
    const size_t item = dtype == TG_F64 ? 8 : 4, m = s->rows, k = s->inner, n = s->columns;
    struct work w = {.p = {.dtype = dtype, .rows = m, .inner = k, .columns = n, .stride = n}};
    char *data = calloc(m * k + k * n + m * n, item);
    w.g = tg_graph_new();
    if (!data || !w.g) return false;
    for (size_t i = 0; i < m * k + k * n; i++) {
        const double v = (double)(i % 17) / 16 - 0.5;
        if (dtype == TG_F64)
            ((double *)(void *)data)[i] = v;
        else
            ((float *)(void *)data)[i] = (float)v;
    }
    w.p.x = (struct tg__matrix){data, s->turn_x ? m : k, s->turn_x};
    w.p.y = (struct tg__matrix){data + m * k * item, s->turn_y ? k : n, s->turn_y};
    w.p.z = data + (m * k + k * n) * item;
    tg_node x = tg_input(w.g, dtype, tg_shape2((int64_t)(s->turn_x ? k : m), (int64_t)(s->turn_x ? m : k)));
    tg_node y = tg_input(w.g, dtype, tg_shape2((int64_t)(s->turn_y ? n : k), (int64_t)(s->turn_y ? k : n)));
    w.z = tg_matmul_t(x, y, s->turn_x, s->turn_y);
    bool ok = tg_bind(x, w.p.x.data) == TG_OK && tg_bind(y, w.p.y.data) == TG_OK && tg_run(w.g) == TG_OK;

    const char *type = dtype == TG_F64 ? "f64" : "f32";
    if (json)
        printf("%s  {\"dtype\": \"%s\", \"rows\": %zu, \"inner\": %zu, \"columns\": %zu, \"transposed\": [%d, %d]",
               first ? "" : ",\n", type, m, k, n, s->turn_x, s->turn_y);
    else
        printf("%s %5zu %5zu %5zu %s%s", type, m, k, n, s->turn_x ? "xT" : "  ", s->turn_y ? "yT" : "  ");
    for (int r = 0; r < RIVALS; r++) {
        const double ns = measure(&w, (enum rival)r), rate = ns > 0 ? 2.0 * (double)(m * k * n) / ns : 0;
        if (json && ns > 0) printf(", \"%s_ns\": %.0f, \"%s_gflops\": %.1f", rival_name[r], ns, rival_name[r], rate);
        if (!json) printf("  %10.2f us %6.1f", ns / 1e3, rate);
    }
    printf(json ? "}" : "\n");
    fflush(stdout);
    ok &= tg_error(w.g) == TG_OK;
    tg_graph_free(w.g);
    free(data);
    return ok;
}

int main(int argc, char **argv) {
    const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    const size_t count = sizeof sizes / sizeof *sizes;
    if (json)
        printf("[\n");
    else
        printf("dtype, rows, inner, columns; median time and GFLOP/s of: tape, own loop, BLAS, BLAS in one thread\n");
    for (size_t i = 0; i < 2 * count; i++)
        if (!report(&sizes[i % count], i < count ? TG_F32 : TG_F64, json, i == 0))
            return fprintf(stderr, "bench_matmul: a run failed\n"), 1;
    if (json) printf("\n]\n");
    return 0;
}
