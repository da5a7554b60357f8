/* Layer normalization and the batch normalization of pictures, written by hand, beside the tape's. */
#include "beside.h"
#include "planes.h"
#include "rownorm.h"

#define TEST(name) Test(fused_norms, name, .timeout = 60)

#define EPS 1e-5

/* What a kernel takes and makes; big: as large as x. */
enum { OUT, DX, MU, VAR, IVAR, DGAMMA, DBETA, ARRAYS };
static const char *const names[ARRAYS] = {"out", "dx", "mu", "var", "ivar", "dgamma", "dbeta"};

struct pair {
    tg_graph *g;
    tg_node x, gamma, beta, dout;
    tg_dtype dtype;
    size_t size[ARRAYS];
    void *v[ARRAYS];
};

static struct pair lay(tg_dtype dtype, tg_shape shape, tg_shape along, size_t statistics) {
    struct pair p = {.g = tg_graph_new(), .dtype = dtype};
    uint64_t state = 99;
    p.x = random_leaf(p.g, "x", dtype, shape, &state);
    p.gamma = random_leaf(p.g, "gamma", dtype, along, &state);
    p.beta = random_leaf(p.g, "beta", dtype, along, &state);
    p.dout = random_leaf(p.g, "dout", dtype, shape, &state);
    for (int i = 0; i < ARRAYS; i++) {
        p.size[i] = i <= DX ? tg_size(p.x) : i <= IVAR ? statistics : tg_size(p.gamma);
        p.v[i] = room_for(dtype, p.size[i]);
    }
    return p;
}

static void run_tape(struct pair *p, tg_node out) {
    const tg_grads d = tg_backward(out, p->dout);
    cr_assert(tg_has_grad(d, p->x) && tg_has_grad(d, p->gamma) && tg_has_grad(d, p->beta));
    cr_assert_eq(tg_run(p->g), TG_OK, "%s", tg_message(p->g));
}

static void done(struct pair *p) {
    for (int i = 0; i < ARRAYS; i++) free(p->v[i]);
    tg_graph_free(p->g);
}

static void run_rows(struct pair *p, size_t n, size_t d) {
    const void *x = tg_value(p->x), *gamma = tg_value(p->gamma), *beta = tg_value(p->beta), *dout = tg_value(p->dout);
    void **v = p->v, *room = room_for(p->dtype, tg_fused_layernorm_room(n, d));
    if (p->dtype == TG_F32) {
        tg_fused_layernorm_train_f32(n, d, x, gamma, beta, (float)EPS, v[OUT], v[MU], v[IVAR]);
        tg_fused_layernorm_backward_f32(n, d, dout, x, gamma, v[MU], v[IVAR], v[DX], v[DGAMMA], v[DBETA], room);
    } else {
        tg_fused_layernorm_train_f64(n, d, x, gamma, beta, EPS, v[OUT], v[MU], v[IVAR]);
        tg_fused_layernorm_backward_f64(n, d, dout, x, gamma, v[MU], v[IVAR], v[DX], v[DGAMMA], v[DBETA], room);
    }
    free(room);
}

static void run_planes(struct pair *p, size_t n, size_t c, size_t hw) {
    const void *x = tg_value(p->x), *gamma = tg_value(p->gamma), *beta = tg_value(p->beta), *dout = tg_value(p->dout);
    void **v = p->v;
    if (p->dtype == TG_F32) {
        const tg_fused_planes_stages_f32 stages = {v[MU], v[VAR], v[IVAR]};
        tg_fused_planes_train_f32(n, c, hw, x, gamma, beta, (float)EPS, v[OUT], stages);
        tg_fused_planes_backward_f32(n, c, hw, dout, x, gamma, v[MU], v[IVAR], v[DX], v[DGAMMA], v[DBETA]);
    } else {
        const tg_fused_planes_stages_f64 stages = {v[MU], v[VAR], v[IVAR]};
        tg_fused_planes_train_f64(n, c, hw, x, gamma, beta, EPS, v[OUT], stages);
        tg_fused_planes_backward_f64(n, c, hw, dout, x, gamma, v[MU], v[IVAR], v[DX], v[DGAMMA], v[DBETA]);
    }
}

static struct pair lay_rows(tg_dtype dtype, size_t n, size_t d) {
    return lay(dtype, tg_shape2((int64_t)n, (int64_t)d), tg_shape1((int64_t)d), n);
}

static struct pair lay_planes(tg_dtype dtype, size_t n, size_t c, size_t h, size_t w) {
    return lay(dtype, tg_shape4((int64_t)n, (int64_t)c, (int64_t)h, (int64_t)w), tg_shape1((int64_t)c), c);
}

/* ----------------------------------------------------------------------------------------------- beside the tape */

/* One number has no variance: 0 in truth, rounding otherwise. So there is more than one. */
TEST(rows) {
    static const size_t shapes[][2] = {{1, 2},   {5, 3},    {4, 16},   {7, 17},  {3, 255},   {66, 31},  {65, 256},
                                       {6, 257}, {131, 40}, {2, 5000}, {300, 7}, {130, 777}, {64, 512}, {1, 4097}};
    for (size_t k = 0; k < 2 * sizeof shapes / sizeof *shapes; k++) {
        const size_t n = shapes[k / 2][0], d = shapes[k / 2][1];
        struct pair p = lay_rows(k % 2 ? TG_F64 : TG_F32, n, d);
        run_tape(&p, tg_layernorm(p.x, p.gamma, p.beta, 1, EPS, NULL));
        run_rows(&p, n, d);
        for (int i = 0; i < ARRAYS; i++)
            if (i != VAR) assert_beside(tg_find(p.g, names[i]), p.v[i], names[i]);
        const size_t bytes = n * (p.dtype == TG_F64 ? sizeof(double) : sizeof(float));
        cr_assert_eq(memcmp(tg_value(tg_find(p.g, "mu")), p.v[MU], bytes), 0); /* lanes.inc's order is the tape's */
        done(&p);
    }
}

TEST(planes) {
    static const size_t shapes[][4] = {{1, 1, 1, 2},   {2, 3, 5, 7},   {9, 1, 1, 1},    {3, 4, 16, 16}, {5, 2, 3, 3},
                                       {33, 5, 4, 31}, {4, 3, 28, 28}, {2, 2, 40, 130}, {7, 9, 17, 1}};
    for (size_t k = 0; k < 2 * sizeof shapes / sizeof *shapes; k++) {
        const size_t *s = shapes[k / 2];
        struct pair p = lay_planes(k % 2 ? TG_F64 : TG_F32, s[0], s[1], s[2], s[3]);
        run_tape(&p, tg_batchnorm(p.x, p.gamma, p.beta, tg_axes3(0, 2, 3), EPS, NULL));
        run_planes(&p, s[0], s[1], s[2] * s[3]);
        for (int i = 0; i < ARRAYS; i++) assert_beside(tg_find(p.g, names[i]), p.v[i], names[i]);
        done(&p);
    }
}

/* -------------------------------------------------------------------------------------------------------- threads */

static void assert_same(const struct pair *p, const struct pair *q) {
    const size_t item = p->dtype == TG_F64 ? sizeof(double) : sizeof(float);
    for (int i = 0; i < ARRAYS; i++) cr_assert_eq(memcmp(p->v[i], q->v[i], p->size[i] * item), 0, "%s", names[i]);
}

TEST(threads_change_no_bit_of_rows) {
    for (int t = 0; t < 2; t++) {
        struct pair p = lay_rows(t ? TG_F64 : TG_F32, 517, 301);
        set_threads(1);
        run_rows(&p, 517, 301);
        for (int threads = 2; threads <= 8; threads *= 2) {
            struct pair q = lay_rows(p.dtype, 517, 301);
            set_threads(threads);
            run_rows(&q, 517, 301);
            assert_same(&p, &q);
            done(&q);
        }
        done(&p);
    }
}

TEST(threads_change_no_bit_of_planes) {
    for (int t = 0; t < 2; t++) {
        struct pair p = lay_planes(t ? TG_F64 : TG_F32, 11, 13, 24, 29);
        set_threads(1);
        run_planes(&p, 11, 13, 24 * 29);
        for (int threads = 2; threads <= 8; threads *= 2) {
            struct pair q = lay_planes(p.dtype, 11, 13, 24, 29);
            set_threads(threads);
            run_planes(&q, 11, 13, 24 * 29);
            assert_same(&p, &q);
            done(&q);
        }
        done(&p);
    }
}

/* ---------------------------------------------------------------------------------------------------------- limits */

static double number(const struct pair *p, int i, size_t at) {
    return p->dtype == TG_F64 ? ((double *)p->v[i])[at] : (double)((float *)p->v[i])[at];
}

static void assert_all(const struct pair *p, int i, double want) {
    for (size_t k = 0; k < p->size[i]; k++)
        cr_assert(fabs(number(p, i, k) - want) <= 1e-6 * want, "%s is %g, not %g", names[i], number(p, i, k), want);
}

TEST(nothing) {
    for (int t = 0; t < 2; t++) {
        struct pair p = lay_rows(t ? TG_F64 : TG_F32, 0, 3), q = lay_rows(p.dtype, 3, 0);
        run_rows(&p, 0, 3);
        assert_all(&p, DGAMMA, 0);
        assert_all(&p, DBETA, 0);
        run_rows(&q, 3, 0);
        assert_all(&q, MU, 0);
        assert_all(&q, IVAR, 1 / sqrt(EPS));
        done(&p), done(&q);
        p = lay_planes(p.dtype, 0, 3, 2, 2), q = lay_planes(p.dtype, 2, 3, 0, 2);
        for (int i = 0; i < 2; i++) {
            struct pair *r = i ? &q : &p;
            run_planes(r, i ? 2 : 0, 3, i ? 0 : 4);
            assert_all(r, MU, 0);
            assert_all(r, VAR, 0);
            assert_all(r, IVAR, 1 / sqrt(EPS));
            assert_all(r, DGAMMA, 0);
            assert_all(r, DBETA, 0);
            done(r);
        }
        p = lay_planes(p.dtype, 2, 0, 2, 2);
        run_planes(&p, 2, 0, 4);
        done(&p);
    }
}

/* Two passes: the variance of numbers far from 0 is that of the numbers near it. Of their rounding there is one unit
 * for each of them, so the bound is that over the spread. */
TEST(offset_does_not_spoil_the_variance) {
    enum { N = 3, D = 700 };
    for (int t = 0; t < 2; t++) {
        const double far = t ? 1e8 : 1e4;
        struct pair p = lay_rows(t ? TG_F64 : TG_F32, N, D);
        double *x = doubles_of(p.x);
        for (size_t i = 0; i < (size_t)N * D; i++) x[i] = t ? x[i] + far : (double)(float)(x[i] + far);
        cr_assert_eq(set_doubles(p.x, x), TG_OK);
        run_rows(&p, N, D);
        for (size_t i = 0; i < N; i++) {
            long double mu = 0, var = 0;
            for (size_t j = 0; j < D; j++) mu += x[i * D + j] / (long double)D;
            for (size_t j = 0; j < D; j++) var += (x[i * D + j] - mu) * (x[i * D + j] - mu) / D;
            const long double ivar = 1 / sqrtl(var + (t ? EPS : (double)(float)EPS));
            cr_assert(fabsl(number(&p, IVAR, i) - ivar) <= (t ? 1e-11L : 1e-5L) * ivar, "row %zu", i);
        }
        free(x);
        done(&p);
    }
}
