/* The fused batch normalization against the formulas written down once more, in long double and in no hurry. */
#include "batchnorm.h"
#include "support.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#define TEST(name) Test(fused, name, .timeout = 60)

enum { X, DOUT, OUT, XHAT, DX, TEST_OUT, TEST_DX, BIG };                                          /* [n, d] */
enum { GAMMA, BETA, MEAN, SPREAD, MU, VAR, IVAR, DGAMMA, DBETA, TEST_DGAMMA, TEST_DBETA, SMALL }; /* [d] */

/* Everything in double, also what is computed in float: the conversion loses nothing. */
typedef struct problem {
    bool f64;
    size_t n, d;
    double eps, *big[BIG], *small[SMALL];
} problem;

static const size_t shapes[][2] = {{1, 1},      {1, 7},     {9, 1},      {4, 5},      {178, 13},
                                   {200, 3},    {4096, 64}, {0, 3},      {3, 0},      {1000, 257},
                                   {256, 2},    {1037, 4},  {30011, 1},  {20000, 15}, {37, 2600},
                                   {517, 1100}, {9001, 77}, {1037, 200}, {1037, 300}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* xorshift64*: the same numbers on every machine. */
static double uniform(unsigned long long *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)((*state * 2685821657736338717ull) >> 11) / 9007199254740992.0;
}

static double normal(unsigned long long *state) {
    const double u = uniform(state), v = uniform(state);
    return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

/* Outputs begin as NaN: one that is not written fails every comparison. */
static problem make(bool f64, size_t n, size_t d, double offset) {
    unsigned long long state = 88172645463325252ull + n * 31 + d;
    problem p = {.f64 = f64, .n = n, .d = d, .eps = f64 ? 1e-5 : (double)1e-5f};
    for (size_t k = 0; k < BIG; k++) p.big[k] = malloc((n * d + 1) * sizeof(double));
    for (size_t k = 0; k < SMALL; k++) p.small[k] = malloc((d + 1) * sizeof(double));
    for (size_t k = 0; k < BIG; k++)
        for (size_t i = 0; i < n * d; i++) {
            const double v = k == X ? offset + normal(&state) : k == DOUT ? normal(&state) : (double)NAN;
            p.big[k][i] = f64 ? v : (double)(float)v;
        }
    for (size_t k = 0; k < SMALL; k++)
        for (size_t j = 0; j < d; j++) {
            const double v = k == SPREAD ? 0.5 + uniform(&state) : k < MU ? normal(&state) : (double)NAN;
            p.small[k][j] = f64 ? v : (double)(float)v;
        }
    return p;
}

static void drop(problem *p) {
    for (size_t k = 0; k < BIG; k++) free(p->big[k]);
    for (size_t k = 0; k < SMALL; k++) free(p->small[k]);
}

/* run: all four functions. tree: the sum as the header promises it, with a counter, one number at a time. */
#define FOR_TYPE(T, S)                                                                                                 \
    static void run_##S(problem *p, bool store) {                                                                      \
        T *b[BIG], *s[SMALL];                                                                                          \
        for (size_t k = 0; k < BIG; k++) {                                                                             \
            b[k] = malloc(p->n * p->d * sizeof(T) + (p->n * p->d == 0)); /* not a byte to spare */                     \
            for (size_t i = 0; i < p->n * p->d; i++) b[k][i] = (T)p->big[k][i];                                        \
        }                                                                                                              \
        for (size_t k = 0; k < SMALL; k++) {                                                                           \
            s[k] = malloc((p->d + 1) * sizeof(T));                                                                     \
            for (size_t j = 0; j < p->d; j++) s[k][j] = (T)p->small[k][j];                                             \
        }                                                                                                              \
        const tg_fused_batchnorm_stages_##S stages = {s[MU], s[VAR], s[IVAR], store ? b[XHAT] : NULL};                 \
        const size_t n = p->n, d = p->d;                                                                               \
        const T eps = (T)p->eps;                                                                                       \
        tg_fused_batchnorm_train_##S(n, d, b[X], s[GAMMA], s[BETA], eps, b[OUT], stages);                              \
        tg_fused_batchnorm_backward_##S(n, d, b[DOUT], b[X], s[GAMMA], s[MU], s[IVAR], b[DX], s[DGAMMA], s[DBETA]);    \
        tg_fused_batchnorm_test_##S(n, d, b[X], s[GAMMA], s[BETA], s[MEAN], s[SPREAD], eps, b[TEST_OUT]);              \
        tg_fused_batchnorm_test_backward_##S(n, d, b[DOUT], b[X], s[GAMMA], s[MEAN], s[SPREAD], eps, b[TEST_DX],       \
                                             s[TEST_DGAMMA], s[TEST_DBETA]);                                           \
        for (size_t k = 0; k < BIG; free(b[k++]))                                                                      \
            for (size_t i = 0; i < n * d; i++) p->big[k][i] = (double)b[k][i];                                         \
        for (size_t k = 0; k < SMALL; free(s[k++]))                                                                    \
            for (size_t j = 0; j < d; j++) p->small[k][j] = (double)s[k][j];                                           \
    }                                                                                                                  \
    static double tree_##S(const problem *p, size_t kind, size_t j) {                                                  \
        T stack[64], sum = 0;                                                                                          \
        size_t top = 0;                                                                                                \
        const T mu = (T)p->small[MU][j], ivar = (T)p->small[IVAR][j];                                                  \
        for (size_t i = 0; i < p->n; i++) {                                                                            \
            const T x = (T)p->big[X][i * p->d + j], g = (T)p->big[DOUT][i * p->d + j], u = x - mu, h = u * ivar;       \
            const T uu = u * u, gh = g * h;                                                                            \
            sum = kind == MU ? x : kind == VAR ? uu : kind == DBETA ? g : gh;                                          \
            for (size_t c = i; c & 1; c >>= 1) sum = stack[--top] + sum;                                               \
            stack[top++] = sum;                                                                                        \
        }                                                                                                              \
        for (sum = top ? stack[--top] : 0; top > 0;) sum = stack[--top] + sum;                                         \
        return (double)(kind == MU || kind == VAR ? sum * (p->n ? 1 / (T)p->n : 0) : sum);                             \
    }
FOR_TYPE(float, f32)
FOR_TYPE(double, f64)

static void run(problem *p, bool store) { (p->f64 ? run_f64 : run_f32)(p, store); }

/* The error over the size of what was added up last; false for NaN. */
static bool near(const problem *p, double got, long double want, long double scale) {
    return fabsl(got - want) <= (p->f64 ? 1e-12L : 2e-5L) * scale;
}

static void check_column(const problem *p, size_t j) {
    const size_t n = p->n, d = p->d;
    const double *const *b = (const double *const *)p->big, *const *s = (const double *const *)p->small;
    const long double gamma = s[GAMMA][j], beta = s[BETA][j], one = n ? 1.0L / n : 0,
                      stop = 1 / sqrtl(s[SPREAD][j] + p->eps);
    long double mu = 0, size = 0, var = 0, db = 0, dg = 0, tg = 0, db_size = 0, dg_size = 0, tg_size = 0;
    for (size_t i = j; i < n * d; i += d) mu += b[X][i] * one, size += fabsl(b[X][i]) * one;
    for (size_t i = j; i < n * d; i += d) var += (b[X][i] - mu) * (b[X][i] - mu) * one;
    const long double ivar = 1 / sqrtl(var + p->eps);
    for (size_t i = j; i < n * d; i += d) {
        const long double x = b[X][i], g = b[DOUT][i], h = (x - s[MU][j]) * s[IVAR][j], t = (x - s[MEAN][j]) * stop;
        db += g, dg += g * h, tg += g * t;
        db_size += fabsl(g), dg_size += fabsl(g) * (fabsl(x) + size) * ivar;
        tg_size += fabsl(g) * (fabsl(x) + fabsl(s[MEAN][j])) * stop;
    }
    cr_assert(near(p, s[MU][j], mu, size) && near(p, s[VAR][j], var, var) && near(p, s[IVAR][j], ivar, ivar),
              "statistics %zux%zu column %zu", n, d, j);
    cr_assert(near(p, s[DBETA][j], db, db_size) && near(p, s[DGAMMA][j], dg, dg_size), "%zux%zu column %zu", n, d, j);
    cr_assert(near(p, s[TEST_DBETA][j], db, db_size) && near(p, s[TEST_DGAMMA][j], tg, tg_size), "%zux%zu %zu", n, d,
              j);
    for (size_t i = j; i < n * d; i += d) {
        const long double x = b[X][i], g = b[DOUT][i], h = (x - mu) * ivar, own = (x - s[MU][j]) * s[IVAR][j];
        const long double h_size = (fabsl(x) + size) * ivar, t = (x - s[MEAN][j]) * stop, a = fabsl(gamma);
        const long double dx = gamma * s[IVAR][j] * one * (n * g - db - own * dg);
        cr_assert(near(p, b[XHAT][i], h, h_size), "xhat %zux%zu at %zu", n, d, i);
        cr_assert(near(p, b[OUT][i], h * gamma + beta, h_size * a + fabsl(beta)), "out %zux%zu at %zu", n, d, i);
        cr_assert(near(p, b[DX][i], dx, a * ivar * (fabsl(g) + db_size * one + h_size * dg_size * one)), "dx %zu", i);
        cr_assert(near(p, b[TEST_OUT][i], t * gamma + beta, fabsl(t) * a + (fabsl(x) + 9) * stop * a + fabsl(beta)));
        cr_assert(near(p, b[TEST_DX][i], g * gamma * stop, fabsl(g) * a * stop), "test dx %zux%zu at %zu", n, d, i);
    }
}

/* Under the sanitizers the short run has each shape in one type, and of the large ones every third. */
static bool is_left_out(size_t k) {
    const size_t *shape = shapes[k / 2];
    return SANITIZED && !is_long() && (k % 2 == k / 2 % 2 || (shape[0] * shape[1] > 150000 && k / 2 % 3));
}

static void for_shapes(void (*check)(problem *)) {
    for (size_t k = 0; k < 2 * SHAPES; k++) {
        if (is_left_out(k)) continue;
        problem p = make(k % 2, shapes[k / 2][0], shapes[k / 2][1], 0.5);
        run(&p, true);
        check(&p);
        drop(&p);
    }
}

static void check_formulas(problem *p) {
    for (size_t j = 0; j < p->d; j++) check_column(p, j);
}

static void check_order(problem *p) {
    static const size_t sums[] = {MU, VAR, DBETA, DGAMMA};
    for (size_t k = 0; k < 4 * p->d; k++) {
        const size_t kind = sums[k % 4], j = k / 4;
        const double want = (p->f64 ? tree_f64 : tree_f32)(p, kind, j);
        cr_assert(p->small[kind][j] == want, "sum %zu of %zux%zu column %zu", kind, p->n, p->d, j);
    }
}

/* The bits of everything but xhat. */
static void check_same(const problem *p, const problem *q) {
    for (size_t k = 0; k < BIG; k++)
        cr_assert(k == XHAT || memcmp(p->big[k], q->big[k], p->n * p->d * sizeof(double)) == 0, "%zu", k);
    for (size_t k = 0; k < SMALL; k++)
        cr_assert(memcmp(p->small[k], q->small[k], p->d * sizeof(double)) == 0, "%zu", k);
}

static void check_xhat_optional(problem *p) {
    problem q = make(p->f64, p->n, p->d, 0.5);
    run(&q, false);
    check_same(p, &q);
    drop(&q);
}

static void check_threads(problem *p) {
    for (int threads = 1; threads <= 8; threads *= is_long() ? 2 : 8) {
#ifdef _OPENMP
        omp_set_num_threads(threads);
#endif
        problem q = make(p->f64, p->n, p->d, 0.5);
        run(&q, true);
        check_same(p, &q);
        drop(&q);
    }
}

TEST(formulas) { for_shapes(check_formulas); }
TEST(summation_order) { for_shapes(check_order); }
TEST(xhat_is_optional) { for_shapes(check_xhat_optional); }
TEST(threads_change_no_bit) { for_shapes(check_threads); }

/* Random constants of full mantissa: sums round as often as they can. */
static void check_constant_columns(bool f64, size_t n, size_t d) {
    problem p = make(f64, n, d, 0);
    const double bound = 4 * (f64 ? 0x1p-53 : 0x1p-24);
    unsigned long long state = 7 + n;
    for (size_t j = 0; j < d; j++) {
        const double c = 1 + uniform(&state);
        for (size_t i = j; i < n * d; i += d) p.big[X][i] = f64 ? c : (double)(float)c;
    }
    run(&p, true);
    for (size_t j = 0; j < d; j++) {
        const double error = n > 1 ? bound * p.small[MU][j] : 0;
        cr_assert(p.small[VAR][j] <= error * error && isfinite(p.small[IVAR][j]) && isfinite(p.small[DGAMMA][j]));
    }
    for (size_t i = 0; i < n * d; i++) cr_assert(isfinite(p.big[OUT][i]) && isfinite(p.big[DX][i]));
    drop(&p);
}

TEST(constant_columns) {
    for (size_t n = 1; n < 9000; n = n < 600 ? n + (SANITIZED ? 19 : is_long() ? 1 : 3) : 2 * n - 101)
        for (size_t f64 = 0; f64 < 2; f64++) check_constant_columns(f64, n, n < 600 || SANITIZED ? 40 : 300);
}

TEST(offset_does_not_spoil_the_variance) {
    for (size_t f64 = 0; f64 < 2; f64++) {
        problem p = make(f64, 3000, 20, f64 ? 1e8 : 1e4);
        run(&p, false);
        for (size_t j = 0; j < p.d; j++) {
            long double mu = 0, var = 0;
            for (size_t i = j; i < p.n * p.d; i += p.d) mu += p.big[X][i] / (long double)p.n;
            for (size_t i = j; i < p.n * p.d; i += p.d) var += (p.big[X][i] - mu) * (p.big[X][i] - mu) / p.n;
            cr_assert(fabsl(p.small[VAR][j] - var) <= (f64 ? 1e-11L : 1e-4L) * var, "column %zu", j);
        }
        drop(&p);
    }
}

TEST(no_rows) {
    for (size_t f64 = 0; f64 < 2; f64++) {
        problem p = make(f64, 0, 3, 0);
        run(&p, true);
        for (size_t j = 0; j < p.d; j++) {
            cr_assert(p.small[MU][j] == 0 && p.small[VAR][j] == 0 && p.small[DGAMMA][j] == 0 && p.small[DBETA][j] == 0);
            cr_assert(fabs(p.small[IVAR][j] * sqrt(p.eps) - 1) < 1e-6);
        }
        drop(&p);
    }
}
