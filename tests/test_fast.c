/* TG_FAST: how far it is from the same tape in f64, beside how far the interpreter is; and the same bits whatever the
 * number of threads. */
#include "exact.h"

#if defined(_OPENMP)
#include <omp.h>
#define THREADS(n) omp_set_num_threads(n)
#else
#define THREADS(n) (void)(n)
#endif

TestSuite(fast, .timeout = 300);

static const char *const threaded = "cc -O1 -march=native -fopenmp -ffp-contract=off";

enum { TAPES = 10, LARGE = 5 };

static struct whole tape(tg_dtype t, int which) {
    switch (which) {
    case 0: return batchnorm(t, tg_shape2(178, 13), tg_axis(0), 13, NULL);
    case 1: return batchnorm(t, tg_shape4(3, 5, 4, 6), tg_axes3(0, 2, 3), 5, "train");
    case 2: return layernorm(t, 17, 300);
    case 3: return softmax_loss(t, 33, 31);
    case 4: return reductions(t, tg_shape2(257, 5), tg_axis(0));
    case 5: return reductions(t, tg_shape3(3, 100, 4), tg_axes2(0, 2));
    case 6: return digits_step(t, 12, 9, 17, 0);
    case 7: return layernorm(t, 11, 768); /* whole strips, whose halves are read together */
    case 8: return reductions(t, tg_shape2(7, 256), tg_axis(1));
    default: return losses(TG_F64, 40, 11); /* dropout draws other numbers in f32 */
    }
}

static struct whole large(tg_dtype t, int which) {
    switch (which) {
    case 0: return batchnorm(t, tg_shape2(2111, 129), tg_axis(0), 129, NULL);
    case 1: return batchnorm(t, tg_shape4(7, 6, 81, 83), tg_axes3(0, 2, 3), 6, NULL);
    case 2: return layernorm(t, 703, 401);
    case 3: return softmax_loss(t, 4001, 67);
    default: return reductions(t, tg_shape1(300007), tg_axis(0));
    }
}

static bool is_data(tg_graph *g, uint32_t id) {
    const struct tg__node *n = tg__node_of(g, id);
    return tg__is_leaf(n) && n->op != &tg__op_const;
}

/* The same tape in f64, on the same numbers, leaf by leaf: constants may be fewer, for more of them are equal. */
static struct whole twin_of(const struct whole *w, struct whole twin) {
    uint32_t to = 0;
    for (uint32_t id = 1; id <= tg_count(w->g); id++) {
        if (!is_data(w->g, id)) continue;
        while (!is_data(twin.g, ++to)) continue;
        const tg_node from = tg_node_at(w->g, id), leaf = tg_node_at(twin.g, to);
        double *v = doubles_of(from);
        cr_assert_eq(tg_dtype_of(from) == TG_I32 ? tg_set(leaf, tg_value(from)) : set_doubles(leaf, v), TG_OK);
        free(v);
    }
    cr_assert_eq(twin.outs, w->outs);
    cr_assert_eq(tg_run(twin.g), TG_OK, "%s", tg_message(twin.g));
    return twin;
}

static double error_of(tg_node a, const void *data, tg_node truth) {
    const size_t n = tg_size(a);
    double *ours = calloc(n + 1, sizeof *ours), *theirs = doubles_of(truth);
    for (size_t i = 0; i < n; i++) ours[i] = tg__load(tg_dtype_of(a), data, i);
    const double error = column_error(ours, theirs, theirs, n, columns_of(a), 0);
    free(ours);
    free(theirs);
    return error;
}

/* f64 against the interpreter, f32 against f64: within 2e-5, or, where the formula itself loses digits (a gradient that
 * is a difference of nearly equal sums), within four times what the interpreter is off. */
static double check_errors(const struct compiled *c, const struct whole *w, const struct whole *twin,
                           double *interpreter) {
    double most = 0;
    for (size_t i = 0; i < w->outs; i++) {
        const tg_node a = w->out[i];
        const bool f64 = tg_dtype_of(a) == TG_F64;
        const double own = error_of(a, tg_value(a), twin->out[i]), error = error_of(a, result_of(c, i), twin->out[i]);
        cr_expect_leq(error, f64 ? 1e-12 : fmax(2e-5, 4 * own), "%s: output %zu '%s' is off by %g, interpreted by %g",
                      c->what, i, tg_name(a) ? tg_name(a) : "", error, own);
        most = fmax(most, error);
        *interpreter = fmax(*interpreter, own);
    }
    return most;
}

static void check_dtype(tg_dtype t) {
    static char what[TAPES][24];
    struct whole w[TAPES], twin[TAPES];
    double most = 0, interpreter = 0;
    begin();
    for (int i = 0; i < TAPES; i++) {
        snprintf(what[i], sizeof *what, "tape %d", i);
        w[i] = tape(t, i);
        add_case(w[i].g, w[i].out, w[i].outs, TG_FAST, what[i]);
        twin[i] = twin_of(&w[i], tape(TG_F64, i));
    }
    write_all();
    void *library = build_all(threaded);
    for (int i = 0; i < TAPES; i++) {
        cr_assert_eq(run_case(library, &cases[i], 0xa5), 0);
        most = fmax(most, check_errors(&cases[i], &w[i], &twin[i], &interpreter));
        clear_case(&cases[i]);
        tg_graph_free(twin[i].g);
    }
    printf("fast: %s is off by %.2g of its column at most, interpreted by %.2g\n", tg__dtype_name(t), most,
           interpreter);
    dlclose(library);
    free_cases();
}

Test(fast, f32) { check_dtype(TG_F32); }
Test(fast, f64) { check_dtype(TG_F64); }

static void *kept[OUTS]; /* of one thread */

static void compare_threads(struct compiled *c, int threads) {
    for (size_t i = 0; i < c->count; i++) {
        const size_t bytes = tg__bytes(tg__node_of(c->g, c->wanted[i]));
        if (threads == 1)
            kept[i] = memcpy(malloc(bytes + 1), result_of(c, i), bytes);
        else
            cr_expect_eq(memcmp(kept[i], result_of(c, i), bytes), 0, "%s: output %zu with %d threads", c->what, i,
                         threads);
        if (threads == 4) free(kept[i]);
    }
}

Test(fast, threads) {
    begin();
    for (int i = 0; i < LARGE; i++)
        for
            EACH_DTYPE(t) {
                if (!is_turn(3)) continue;
                const struct whole w = large(t, i);
                add_case(w.g, w.out, w.outs, TG_FAST, "large");
            }
    write_all();
    void *library = build_all(threaded);
    for (int k = 0; k < count; k++)
        for (int threads = 1; threads <= 4; threads *= 2) {
            THREADS(threads);
            cr_assert_eq(run_case(library, &cases[k], threads), 0);
            compare_threads(&cases[k], threads);
            clear_case(&cases[k]);
        }
    dlclose(library);
    free_cases();
}
