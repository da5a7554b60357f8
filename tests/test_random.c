/* Random numbers: NumPy's, bit for bit; replayed by their counter; of the right moments; and seen alike by every
 * reader. */
#include "emitted.h"
#include "golden/philox.h"
#include "philox.h"

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(random_numbers, .init = setup, .fini = teardown, .timeout = 120);

static void run(void) { cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g)); }

/* Without looking whether it is valid: there are many. */
static double item(tg_node a, size_t i) { return tg__load(tg_dtype_of(a), tg__value_of(a.graph, a.id)->data, i); }

static void says(tg_status status, const char *what) {
    cr_assert_eq(tg_error(g), status, "%s", tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), what), "'%s' is not in: %s", what, tg_message(g));
    teardown();
    setup();
}

/* ------------------------------------------------------------------------------------------------------ the numbers */

/* The known answers of Random123 1.09, kat_vectors. */
Test(random_numbers, known_answers) {
    static const struct {
        uint64_t counter[4], key[2], word[4];
    } known[] = {
        {{0, 0, 0, 0},
         {0, 0},
         {UINT64_C(0x16554d9eca36314c), UINT64_C(0xdb20fe9d672d0fdc), UINT64_C(0xd7e772cee186176b),
          UINT64_C(0x7e68b68aec7ba23b)}},
        {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
         {UINT64_MAX, UINT64_MAX},
         {UINT64_C(0x87b092c3013fe90b), UINT64_C(0x438c3c67be8d0224), UINT64_C(0x9cc7d7c69cd777b6),
          UINT64_C(0xa09caebf594f0ba0)}},
        {{UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344), UINT64_C(0xa4093822299f31d0),
          UINT64_C(0x082efa98ec4e6c89)},
         {UINT64_C(0x452821e638d01377), UINT64_C(0xbe5466cf34e90c6c)},
         {UINT64_C(0xa528f45403e61d95), UINT64_C(0x38c72dbd566e9788), UINT64_C(0xa5a1610e72fd18b5),
          UINT64_C(0x57bd43b5e52b7fe6)}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint64_t word[4];
        tg__philox(known[i].counter, known[i].key[0], known[i].key[1], word);
        cr_assert_eq(memcmp(word, known[i].word, sizeof word), 0, "vector %zu", i);
    }
}

Test(random_numbers, the_bits_of_numpy) {
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
        const tg_node c = tg_scalar(g, TG_F64, drawn[i].counter);
        const tg_node wide = tg_uniform(c, drawn[i].seed, TG_F64, tg_shape1(DRAWN));
        const tg_node narrow = tg_uniform(c, drawn[i].seed, TG_F32, tg_shape2(DRAWN, 1));
        run();
        for (size_t k = 0; k < DRAWN; k++) {
            cr_assert_eq(tg_item(wide, k), drawn[i].f64[k], "case %zu, %zu", i, k);
            cr_assert_eq(tg_item(narrow, k), drawn[i].f32[k], "case %zu, %zu", i, k);
        }
    }
}

/* A number is a function of its place: of a longer draw it is the same, and threads or shapes do not matter. */
Test(random_numbers, a_place_has_a_number) {
    const tg_node c = tg_counter(g);
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        const tg_node all = tg_uniform(c, 3, dtype, tg_shape1(1 << 20));
        run();
        for (int k = 0; k < 200; k++) {
            const size_t i = k ? random_below(&state, 1 << 20) : (1 << 20) - 1, of = dtype == TG_F64 ? 4 : 8;
            uint64_t word[4], at = i % of;
            tg__philox((uint64_t[]){i / of + 1, 0, 0, 0}, 3, 0, word);
            const double want = dtype == TG_F64 ? (double)(word[at] >> 11) * 0x1p-53
                                                : (double)((word[at / 2] >> 32 * (at % 2) & UINT32_MAX) >> 8) * 0x1p-24;
            cr_assert_eq(item(all, i), want, "%zu", i);
        }
        for (int64_t n = 0; n < 20; n++) {
            const tg_node some = tg_uniform(c, 3, dtype, tg_shape2(1, n));
            run();
            for (size_t i = 0; i < (size_t)n; i++) cr_assert_eq(tg_item(some, i), tg_item(all, i));
        }
    }
}

/* Mean 1/2, variance 1/12, neighbours uncorrelated: within 5 standard deviations of what a million such numbers have.
 */
Test(random_numbers, moments) {
    enum { N = 1000000 };
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        const tg_node u = tg_uniform(tg_counter(g), 11, dtype, tg_shape1(N));
        run();
        double mean = 0, square = 0, beside = 0, low = 1, high = 0;
        for (size_t i = 0; i < N; i++) {
            const double v = item(u, i), next = item(u, (i + 1) % N);
            mean += (v - 0.5) / N;
            square += (v - 0.5) * (v - 0.5) / N;
            beside += (v - 0.5) * (next - 0.5) / N;
            low = fmin(low, v);
            high = fmax(high, v);
        }
        cr_assert_leq(fabs(mean), 5 * sqrt(1.0 / 12 / N));
        cr_assert_leq(fabs(square - 1.0 / 12), 5 * sqrt(1.0 / 180 / N));
        cr_assert_leq(fabs(beside), 5 * sqrt(1.0 / 144 / N));
        cr_assert(low >= 0 && low < 1e-4 && high < 1 && high > 1 - 1e-4);
    }
}

static size_t alike(const double *a, const double *b, size_t n) {
    size_t same = 0;
    for (size_t i = 0; i < n; i++) same += a[i] == b[i];
    return same;
}

Test(random_numbers, a_run_can_be_replayed) {
    TG_LET(c, tg_counter(g));
    TG_LET(u, tg_uniform(c, 1, TG_F64, tg_shape1(50)));
    TG_LET(other, tg_uniform(c, 2, TG_F64, tg_shape1(50)));
    run();
    double *first = doubles_of(u), *beside = doubles_of(other);
    cr_assert_eq(alike(first, beside, 50), 0, "seeds differ");
    run();
    double *again = doubles_of(u);
    cr_assert_eq(alike(first, again, 50), 50, "a run changes nothing");
    cr_assert_eq(tg_commit(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_item(c, 0), 1);
    run();
    double *second = doubles_of(u);
    cr_assert_eq(alike(first, second, 50), 0, "the counter went on");
    cr_assert_eq(tg_set(c, &(double){0}) | tg_run(g), TG_OK);
    double *back = doubles_of(u);
    cr_assert_eq(alike(first, back, 50), 50, "and back");
    free(first), free(beside), free(again), free(second), free(back);
}

/* ------------------------------------------------------------------------------------------------------ made of them
 */

Test(random_numbers, bernoulli) {
    enum { N = 100000 };
    const tg_node c = tg_counter(g);
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++)
        for (int k = 0; k <= 4; k++) {
            const double p = k / 4.0;
            const tg_node b = tg_bernoulli(c, 9, p, dtype, tg_shape1(N));
            run();
            double ones = 0;
            for (size_t i = 0; i < N; i++) {
                cr_assert(item(b, i) == 0 || item(b, i) == 1);
                ones += item(b, i);
            }
            cr_assert_leq(fabs(ones / N - p), 5 * sqrt(p * (1 - p) / N), "p = %g: %g", p, ones / N);
        }
}

/* The first four moments, and the largest distance from the distribution function (Kolmogorov and Smirnov): a hundred
 * thousand such numbers come as near but once in a million times. */
Test(random_numbers, normal) {
    enum { N = 100000 };
    const tg_node c = tg_counter(g);
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        const tg_node z = tg_normal(c, 21, dtype, tg_shape2(N / 10, 10)), u = tg_uniform(c, 21, dtype, tg_shape2(N, 2));
        run();
        double moment[5] = {0}, bins[100] = {0}, below = 0, farthest = 0;
        for (size_t i = 0; i < N; i++) {
            const double v = item(z, i), p = (1 + erf(v / sqrt(2))) / 2;
            const double want = sqrt(-2 * log1p(-item(u, 2 * i))) * cos(2 * acos(-1) * item(u, 2 * i + 1));
            cr_assert_leq(fabs(v - want), dtype == TG_F32 ? 1e-5 : 1e-14, "%zu: %g, not %g", i, v, want);
            for (int k = 1; k < 5; k++) moment[k] += pow(v, k) / N;
            bins[p < 1 ? (size_t)(p * 100) : 99]++;
        }
        for (size_t k = 0; k < 100; k++) {
            below += bins[k] / N;
            farthest = fmax(farthest, fabs(below - (double)(k + 1) / 100));
        }
        cr_assert_leq(fabs(moment[1]), 5 * sqrt(1.0 / N));
        cr_assert_leq(fabs(moment[2] - 1), 5 * sqrt(2.0 / N));
        cr_assert_leq(fabs(moment[3]), 5 * sqrt(15.0 / N));
        cr_assert_leq(fabs(moment[4] - 3), 5 * sqrt(96.0 / N));
        cr_assert_leq(farthest, 2.7 / sqrt(N));
    }
    cr_assert(tg_is_nil(tg_normal(c, 1, TG_F64, (tg_shape){.rank = 8})));
    says(TG_SHAPE, "normal: rank 8 is outside 0 to 7");
}

Test(random_numbers, dropout) {
    enum { ROWS = 200, COLUMNS = 50, N = ROWS * COLUMNS };
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        const double p = 0.25;
        TG_LET(c, tg_counter(g));
        TG_LET(x, tg_input(g, dtype, tg_shape2(ROWS, COLUMNS)));
        TG_LET(z, tg_dropout(x, p, c, 5, "drop"));
        TG_LET(loss, tg_sum(tg_square(z), tg_axes_all()));
        const tg_grads d = tg_backward(loss, tg_nil(g));
        double *v = random_array(&state, N, 1, 2);
        cr_assert_eq(set_doubles(x, v), TG_OK);
        run();
        double kept = 0;
        const double unit = dtype == TG_F32 ? 1e-6 : 1e-15;
        for (size_t i = 0; i < N; i++) {
            const double in = item(x, i), out = item(z, i), want = out != 0 ? in / (1 - p) : 0;
            cr_assert_leq(fabs(out - want), unit * 4);
            cr_assert_leq(fabs(item(tg_grad(d, x), i) - 2 * want / (1 - p)), unit * 16);
            kept += out != 0;
        }
        cr_assert_leq(fabs(kept / N - (1 - p)), 5 * sqrt(p * (1 - p) / N));
        cr_assert_not(tg_is_nil(tg_find(g, "drop/mask")));
        tg_check check;
        size_t leaves;
        const tg_check_options few = {.limit = 8};
        cr_assert_eq(tg_check_gradient(loss, &few, &check, 1, &leaves), TG_OK, "%s", tg_message(g));
        cr_assert(leaves == 1 && check.verdict == TG_PASS, "the same numbers are dropped from the f64 twin: %g",
                  check.error);
        free(v);
        teardown();
        setup();
    }
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(4)));
    TG_LET(z, tg_dropout(x, 0, tg_counter(g), 1, NULL));
    cr_assert_eq(tg_set(x, (double[]){1, -2, 0, 4}) | tg_run(g), TG_OK);
    for (size_t i = 0; i < 4; i++) cr_assert_eq(tg_item(z, i), tg_item(x, i), "p = 0 drops nothing");
}

Test(random_numbers, nothing_is_a_shape_too) {
    const tg_node c = tg_counter(g);
    const tg_node x = tg_input(g, TG_F32, tg_shape2(3, 0)), z = tg_dropout(x, 0.5, c, 1, NULL);
    const tg_node u = tg_uniform(c, 1, TG_F32, tg_shape1(0)), one = tg_uniform(c, 1, TG_F32, tg_shape0());
    cr_assert_eq(tg_set(x, NULL), TG_OK);
    run();
    cr_assert(tg_size(z) == 0 && tg_size(u) == 0 && tg_size(one) == 1);
}

/* ------------------------------------------------------------------------------------------------------- the readers
 */

Test(random_numbers, the_twin_takes_what_was_drawn) {
    TG_LET(c, tg_counter(g));
    TG_LET(x, tg_input(g, TG_F32, tg_shape1(5)));
    TG_LET(u, tg_uniform(c, 1, TG_F32, tg_shape1(5)));
    TG_LET(y, tg_mul(tg_square(x), u));
    cr_assert_eq(tg_set(x, (float[]){1, 2, 3, 4, 5}), TG_OK);
    tg_check check;
    size_t leaves;
    cr_assert_eq(tg_check_gradient(y, NULL, &check, 1, &leaves), TG_VALUE);
    cr_assert_not_null(strstr(tg_message(g), "check_gradient: 'u' has not been drawn: tg_run first"), "%s",
                       tg_message(g));
    run();
    cr_assert_eq(tg_check_gradient(y, NULL, &check, 1, &leaves), TG_OK, "%s", tg_message(g));
    cr_assert_eq(check.verdict, TG_PASS);
    TG_LET(dy, tg_input(g, TG_F32, tg_shape1(5)));
    const tg_grads d = tg_backward(y, dy);
    cr_assert_eq(tg_set(dy, (float[]){1, 1, 1, 1, 1}), TG_OK);
    run();
    FILE *file = tmpfile();
    cr_assert_eq(tg_print_wrong_order(d, file), TG_OK, "%s", tg_message(g));
    fclose(file);
    double want[5], *v = doubles_of(u);
    for (size_t i = 0; i < 5; i++) want[i] = (double)(float)(v[i] * (double)(i + 1) * (double)(i + 1));
    const tg_array theirs = {"y", TG_F64, tg_shape1(5), want};
    tg_difference row;
    size_t first;
    cr_assert_eq(tg_diverge(g, &theirs, 1, 1e-6, &row, &first), TG_OK, "%s", tg_message(g));
    cr_assert_eq(first, 1, "%g", row.error);
    free(v);
}

Test(random_numbers, no_gradient_goes_there) {
    TG_LET(c, tg_counter(g));
    TG_LET(u, tg_uniform(c, 1, TG_F64, tg_shape1(5)));
    TG_LET(y, tg_sum(u, tg_axes_all()));
    (void)tg_backward(y, tg_nil(g));
    says(TG_GRADIENT, "depends on no input or param through differentiable operators");
}

Test(random_numbers, errors) {
    TG_LET(c, tg_counter(g));
    (void)tg_uniform(c, UINT64_C(1) << 63, TG_F64, tg_shape0());
    says(TG_ARGUMENT, "uniform: seed 9223372036854775808 is beyond 2^63 - 1");
    (void)tg_uniform(tg_counter(g), 1, TG_I32, tg_shape0());
    says(TG_DTYPE, "uniform: dtype i32 is neither f32 nor f64");
    (void)tg_uniform(tg_counter(g), 1, TG_F64, tg_shape1(-1));
    says(TG_SHAPE, "uniform: shape [-1]");
    TG_LET(wide, tg_input(g, TG_F64, tg_shape1(2)));
    (void)tg_uniform(wide, 1, TG_F64, tg_shape0());
    says(TG_SHAPE, "uniform: counter 'wide' is f64 [2]; it must be an f64 scalar");
    TG_LET(narrow, tg_input(g, TG_F32, tg_shape0()));
    (void)tg_uniform(narrow, 1, TG_F64, tg_shape0());
    says(TG_DTYPE, "uniform: counter 'narrow' is f32 []");
    (void)tg_uniform(tg_nil(g), 1, TG_F64, tg_shape0());
    says(TG_HANDLE, "uniform: operand 1 is nil");
    (void)tg_bernoulli(tg_counter(g), 1, 1.5, TG_F64, tg_shape0());
    says(TG_ARGUMENT, "bernoulli: p = 1.5 is not from 0 to 1");
    (void)tg_dropout(tg_input(g, TG_F64, tg_shape1(3)), 1, tg_counter(g), 1, NULL);
    says(TG_ARGUMENT, "dropout: p = 1 is not from 0 to below 1");
    (void)tg_dropout(tg_input(g, TG_F64, tg_shape1(3)), (double)NAN, tg_counter(g), 1, NULL);
    says(TG_ARGUMENT, "dropout: p = nan");
    const tg_node label = tg_input(g, TG_I32, tg_shape1(3)), own = tg_counter(g); /* C leaves open which is first in a call */
    (void)tg_dropout(label, 0.5, own, 1, NULL);
    says(TG_DTYPE, "dropout: #1 (input) [3] is i32");
    const double wrong[] = {-1, 0.5, 0x1p54, (double)NAN, INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        TG_LET(n, tg_counter(g));
        TG_LET(u, tg_uniform(n, 1, TG_F64, tg_shape0()));
        cr_assert_eq(tg_set(n, &wrong[i]), TG_OK);
        cr_assert_eq(tg_run(g), TG_VALUE);
        says(TG_VALUE, "uniform 'u': counter 'n' is ");
    }
}

Test(random_numbers, every_allocation_fails) {
    for (size_t k = 1;; k++) {
        struct heap heap = {.fail_at = k};
        tg_graph *own = tg_graph_new_with(heap_allocator(&heap));
        tg_status status = TG_MEMORY;
        if (own) {
            TG_LET(x, tg_const(own, TG_F64, tg_shape1(2), (double[]){1, 2}));
            TG_LET(z, tg_dropout(x, 0.5, tg_counter(own), 1, "drop"));
            status = tg_error(own);
            if (!status) status = tg_run(own);
        }
        const bool failed = heap.calls >= k;
        cr_assert_eq(status, failed ? TG_MEMORY : TG_OK, "point %zu: %s", k, tg_message(own));
        tg_graph_free(own);
        cr_assert(heap.live == 0 && heap.wrong == 0, "point %zu", k);
        if (!failed) break;
    }
}
