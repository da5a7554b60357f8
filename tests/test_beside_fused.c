/* The staged tape beside the handwritten fused kernel, at every shape, in both dtypes, with a random cotangent. */
#include "batchnorm.h"
#include "support.h"

#include <criterion/criterion.h>

TestSuite(beside_fused, .timeout = 300);

enum { ARRAYS = 8 };
static const char *const names[ARRAYS] = {"mu", "var", "ivar", "xhat", "out", "dbeta", "dgamma", "dx"};

struct pair {
    tg_graph *g;
    tg_node x, gamma, beta, dout;
    tg_array fused[ARRAYS];
};

static tg_node leaf(tg_graph *g, const char *name, tg_dtype dtype, tg_shape shape, uint64_t *state) {
    tg_node a = tg_let(tg_input(g, dtype, shape), name, __FILE__, __LINE__);
    double *v = random_array(state, tg_size(a), 0.5, 2.5);
    cr_assert_eq(set_doubles(a, v), TG_OK);
    free(v);
    return a;
}

static void run_fused(struct pair *p, size_t n, size_t d) {
    void *v[ARRAYS];
    const void *x = tg_value(p->x), *gamma = tg_value(p->gamma), *beta = tg_value(p->beta), *dout = tg_value(p->dout);
    for (int i = 0; i < ARRAYS; i++) {
        tg_node own = tg_find(p->g, names[i]);
        v[i] = malloc((tg_size(own) + 1) * sizeof(double));
        p->fused[i] = (tg_array){names[i], tg_dtype_of(own), tg_dims(own), v[i]};
    }
    if (tg_dtype_of(p->x) == TG_F32) {
        tg_fused_batchnorm_train_f32(n, d, x, gamma, beta, 1e-5f, v[4],
                                     (tg_fused_batchnorm_stages_f32){v[0], v[1], v[2], v[3]});
        tg_fused_batchnorm_backward_f32(n, d, dout, x, gamma, v[0], v[2], v[7], v[6], v[5]);
    } else {
        tg_fused_batchnorm_train_f64(n, d, x, gamma, beta, 1e-5, v[4],
                                     (tg_fused_batchnorm_stages_f64){v[0], v[1], v[2], v[3]});
        tg_fused_batchnorm_backward_f64(n, d, dout, x, gamma, v[0], v[2], v[7], v[6], v[5]);
    }
}

static struct pair lay(size_t n, size_t d, tg_dtype dtype) {
    uint64_t state = 77 + n * d;
    const tg_shape full = tg_shape2((int64_t)n, (int64_t)d), column = tg_shape1((int64_t)d);
    struct pair p = {.g = tg_graph_new()};
    p.x = leaf(p.g, "x", dtype, full, &state);
    p.gamma = leaf(p.g, "gamma", dtype, column, &state);
    p.beta = leaf(p.g, "beta", dtype, column, &state);
    p.dout = leaf(p.g, "dout", dtype, full, &state);
    tg_backward(tg_batchnorm(p.x, p.gamma, p.beta, tg_axis(0), 1e-5, NULL), p.dout);
    cr_assert_eq(tg_run(p.g), TG_OK, "%s", tg_message(p.g));
    run_fused(&p, n, d);
    return p;
}

static void done(struct pair *p) {
    for (int i = 0; i < ARRAYS; i++) free((void *)(uintptr_t)p->fused[i].data);
    tg_graph_free(p->g);
}

static const size_t shapes[][2] = {{1, 1}, {1, 7}, {9, 1}, {4, 5}, {178, 13}, {200, 3}, {SANITIZED ? 1100 : 4096, 64}};

Test(beside_fused, none_parts) {
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int t = 0; t < 2; t++) {
            struct pair p = lay(shapes[s][0], shapes[s][1], t ? TG_F64 : TG_F32);
            tg_difference rows[ARRAYS];
            size_t first;
            cr_assert_eq(tg_diverge(p.g, p.fused, ARRAYS, t ? 1e-12 : 2e-5, rows, &first), TG_OK);
            cr_assert_eq(first, ARRAYS, "%zu x %zu, %s: %s parts by %g", shapes[s][0], shapes[s][1], t ? "f64" : "f32",
                         rows[first].name, rows[first].error);
            done(&p);
        }
}

/* No floor helps where the data are in good condition: without it they agree just as well. */
Test(beside_fused, none_parts_without_a_floor) {
    for (size_t s = 3; s < sizeof shapes / sizeof *shapes; s++)
        for (int t = 0; t < 2; t++) {
            struct pair p = lay(shapes[s][0], shapes[s][1], t ? TG_F64 : TG_F32);
            for (int i = 0; i < ARRAYS; i++) {
                tg_difference r;
                tg_status status = tg_compare(tg_find(p.g, names[i]), p.fused[i], t ? 1e-12 : 2e-5, NULL, &r);
                cr_assert(status == TG_OK && !r.parts, "%zu x %zu: %s is off by %g", shapes[s][0], shapes[s][1],
                          names[i], r.error);
            }
            done(&p);
        }
}

/* Each array in turn off by a thousandth in one element is the first that parts. */
Test(beside_fused, a_mistake_is_named) {
    for (int i = 0; i < ARRAYS; i++) {
        struct pair p = lay(178, 13, TG_F64);
        double *v = (double *)(uintptr_t)p.fused[i].data;
        v[7] *= 1.001;
        tg_difference rows[ARRAYS];
        size_t first;
        cr_assert_eq(tg_diverge(p.g, p.fused, ARRAYS, 1e-12, rows, &first), TG_OK);
        cr_assert(first < ARRAYS);
        cr_assert_str_eq(rows[first].name, names[i]);
        cr_assert_eq(rows[first].index, 7);
        done(&p);
    }
}
