/* Programs ahead of time: what they give, what their files say, and what they refuse. */
#include "ahead.h"
#include "program.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

TestSuite(ahead, .timeout = 120);

static uint64_t state = 3;

/* ---------------------------------------------------------------------------------------------------------- tapes */

static void give(tg_node leaf) {
    double *v = random_array(&state, tg_size(leaf), -1, 1);
    cr_assert_eq(set_doubles(leaf, v), TG_OK, "%s", tg_message(leaf.graph));
    free(v);
}

static tg_node param(tg_graph *g, const char *name, tg_dtype dtype, tg_shape shape) {
    const tg_node a = tg_let(tg_param(g, dtype, shape), name, __FILE__, __LINE__);
    give(a);
    return a;
}

static void label(tg_node a, size_t classes) {
    int32_t v[256];
    for (size_t i = 0; i < tg_size(a); i++) v[i] = (int32_t)random_below(&state, classes);
    cr_assert_eq(tg_set(a, v), TG_OK);
}

static tg_node labels(tg_graph *g, int64_t n, size_t classes) {
    TG_LET(truth, tg_input(g, TG_I32, tg_shape1(n)));
    label(truth, classes);
    return truth;
}

/* A node, and its gradients with respect to leaves, under a random cotangent. */
static void add(tg_node out, const tg_node *leaf, size_t leaves, tg_mode mode) {
    tg_graph *g = out.graph;
    const tg_node seed = param(g, "dz", tg_dtype_of(out), tg_dims(out));
    const tg_grads d = tg_backward(out, seed);
    tg_node outputs[9] = {out};
    for (size_t i = 0; i < leaves; i++) outputs[i + 1] = tg_grad(d, leaf[i]);
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    add_ahead(g, outputs, leaves + 1, mode, 0);
}

static void add_batchnorm(tg_dtype dtype, tg_shape shape, tg_mode mode) {
    tg_graph *g = tg_graph_new();
    const bool pictures = shape.rank == 4;
    const tg_shape own = tg_shape1(shape.dim[1]);
    const tg_node x = param(g, "x", dtype, shape), gamma = param(g, "gamma", dtype, own);
    const tg_node beta = param(g, "beta", dtype, own);
    const tg_axes axes = pictures ? tg_axes3(0, 2, 3) : tg_axis(0);
    add(tg_batchnorm(x, gamma, beta, axes, 1e-5, "bn"), (tg_node[]){x, gamma, beta}, 3, mode);
}

static void add_layernorm(tg_dtype dtype, int64_t n, int64_t d, tg_mode mode) {
    tg_graph *g = tg_graph_new();
    const tg_node x = param(g, "x", dtype, tg_shape2(n, d)), gamma = param(g, "gamma", dtype, tg_shape1(d));
    const tg_node beta = param(g, "beta", dtype, tg_shape1(d));
    add(tg_layernorm(x, gamma, beta, 1, 1e-5, "ln"), (tg_node[]){x, gamma, beta}, 3, mode);
}

static void add_loss(tg_dtype dtype, int64_t n, int64_t classes, tg_mode mode) {
    tg_graph *g = tg_graph_new();
    const tg_node scores = param(g, "scores", dtype, tg_shape2(n, classes));
    add(tg_softmax_loss(scores, labels(g, n, (size_t)classes), "loss"), &scores, 1, mode);
}

/* A step of training: the statistics, dropout's counter, and every parameter take their next value. */
static void add_step(tg_dtype dtype, tg_mode mode) {
    enum { N = 24, D = 9, H = 7, C = 4 };
    tg_graph *g = tg_graph_new();
    const tg_node x = param(g, "x", dtype, tg_shape2(N, D));
    tg_node p[16], dp[16];
    (void)tg_assign(x, x); /* none that is trained */
    const tg_node w = param(g, "w", dtype, tg_shape2(D, H)), v = param(g, "v", dtype, tg_shape2(H, C));
    TG_LET(gamma, tg_state(g, dtype, tg_shape1(H), 1));
    TG_LET(beta, tg_state(g, dtype, tg_shape1(H), 0));
    TG_LET(mean, tg_state(g, dtype, tg_shape1(H), 0));
    TG_LET(var, tg_state(g, dtype, tg_shape1(H), 1));
    tg_node y =
        tg_batchnorm_running(tg_matmul(x, w), gamma, beta, mean, var, tg_axis(0), tg_batchnorm_defaults(), "bn");
    y = tg_dropout(tg_relu(y), 0.25, tg_counter(g), 3, "drop");
    TG_LET(picks, tg_matmul(y, v));
    const tg_node loss = tg_softmax_loss(picks, labels(g, N, C), "loss");
    TG_LET(guess, tg_argmax(picks, tg_axis(1)));
    const size_t count = tg_params(g, p, 16);
    tg_gradients(tg_backward(loss, tg_nil(g)), p, count, dp);
    tg_sgd(p, dp, count, tg_scalar(g, dtype, 0.1), (tg_sgd_options){0.9, 0.01, true}, "sgd");
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    add_ahead(g, (tg_node[]){loss, guess}, 2, mode, TG_WITH_ASSIGNS);
}

/* Convolutions, pooling, a layer; and all that moves elements about. */
static void add_convnet(tg_dtype dtype, tg_mode mode) {
    tg_graph *g = tg_graph_new();
    const tg_node x = param(g, "x", dtype, tg_shape4(3, 2, 9, 8)), w = param(g, "w", dtype, tg_shape4(4, 2, 3, 3));
    const tg_node v = param(g, "v", dtype, tg_shape2(4 * 4 * 4, 5));
    tg_node y = tg_max_pool2d(tg_relu(tg_conv2d(x, w, tg_window_of(1, 1, 1))), 2, 2, tg_window_of(2, 0, 1));
    y = tg_matmul(tg_reshape(y, tg_shape2(3, -1)), v);
    add(y, (tg_node[]){x, w, v}, 3, mode);
}

static void add_movement(tg_dtype dtype, tg_mode mode) {
    tg_graph *g = tg_graph_new();
    const tg_node x = param(g, "x", dtype, tg_shape2(33, 7)), w = param(g, "w", dtype, tg_shape2(7, 16));
    const tg_node y = param(g, "y", dtype, tg_shape2(33, 16)), pick = labels(g, 33, 16);
    tg_node z = tg_concat((tg_node[]){tg_slice(tg_matmul(x, w), 0, TG_END, TG_BEGIN, -1), y}, 2, 1);
    z = tg_cumsum(tg_pad(z, tg_shape2(1, 0), tg_shape2(0, 2), 0.5), 0, false);
    z = tg_mul(z, tg_cast(tg_gt(z, tg_scalar(g, dtype, 0)), dtype));
    const tg_node seen = tg_mul(tg_gather(y, pick), tg_sum(tg_take(x, pick, 0), tg_axis(1)));
    z = tg_add(tg_sum(tg_transpose(z, tg_axes_all()), tg_axis(0)), tg_pad(seen, tg_shape1(1), tg_shape1(0), 0));
    add(z, (tg_node[]){x, w, y}, 3, mode);
}

static void add_large(tg_mode mode) { /* so many that groups share the rows, with threads and without */
    add_batchnorm(TG_F32, tg_shape2(2048, 160), mode);
    add_layernorm(TG_F32, 700, 400, mode);
    tg_graph *g = tg_graph_new();
    const tg_node a = param(g, "a", TG_F32, tg_shape2(90, 70)), b = param(g, "b", TG_F32, tg_shape2(70, 40));
    add(tg_relu(tg_matmul(a, b)), (tg_node[]){a, b}, 2, mode);
    g = tg_graph_new();
    const tg_node x = param(g, "x", TG_F64, tg_shape2(1200, 250));
    add(tg_mul(tg_sum(tg_square(x), tg_axes_all()), tg_max(x, tg_axes_all())), &x, 1, mode);
}

static void add_all(tg_dtype dtype, tg_mode mode) {
    add_batchnorm(dtype, tg_shape2(50, 3), mode);
    add_batchnorm(dtype, tg_shape2(37, 19), mode);
    add_batchnorm(dtype, tg_shape4(3, 2, 5, 4), mode);
    add_layernorm(dtype, 13, 21, mode);
    add_loss(dtype, 17, 10, mode);
    add_step(dtype, mode);
    add_convnet(dtype, mode);
    add_movement(dtype, mode);
}

/* No compiler at any level finds anything to warn of, and TG_EXACT has the tape's bits from all of them. The costly
 * ones take one program of `share` each, 0: none; in the long run all of them take all. */
static void check_mode(tg_dtype dtype, tg_mode mode, int share) {
    static const char *const compilers[] = {"cc -O0", "cc -O3 -march=native -fopenmp", "clang -O2 -march=native"};
    open_folder();
    add_all(dtype, mode);
    if (is_long()) share = 1;
    if (has_clang()) look_through_alone("clang");
    check_aheads(compilers[0]);
    for (int i = 1; i < 3 && share; i++)
        if (i == 1 || has_clang()) check_some(compilers[i], (share * 2 - i) % share, share);
    close_folder();
}

Test(ahead, exact_f32) { check_mode(TG_F32, TG_EXACT, 4); }
Test(ahead, exact_f64) { check_mode(TG_F64, TG_EXACT, 8); }
Test(ahead, fast_f32) { check_mode(TG_F32, TG_FAST, 0); }
Test(ahead, fast_f64) { check_mode(TG_F64, TG_FAST, 0); }

Test(ahead, exact_at_sizes_for_threads) {
    open_folder();
    add_large(TG_EXACT);
    check_aheads("cc -O1 -fopenmp");
    close_folder();
}

/* --------------------------------------------------------------------------------------------- what is in and out */

static bool holds(const char *file, const char *what) {
    static char text[1 << 20];
    FILE *f = fopen(in_folder(file, -1, ""), "r");
    cr_assert_not_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return strstr(text, what) != NULL;
}

/* Leaves, constants, one node twice and under two names, nothing, and a large constant, which is given. */
Test(ahead, outputs_of_every_kind) {
    static double many[1200];
    open_folder();
    for (int mode = TG_FAST; mode <= TG_EXACT; mode++) {
        tg_graph *g = tg_graph_new();
        for (int i = 0; i < 1200; i++) many[i] = i;
        const tg_node x = param(g, "x", TG_F64, tg_shape2(2, 3)), idle = param(g, "idle", TG_F64, tg_shape1(2));
        TG_LET(table, tg_const(g, TG_F64, tg_shape2(2, 3), many + 1));
        TG_LET(large, tg_const(g, TG_F64, tg_shape1(1200), many));
        TG_LET(half, tg_scalar(g, TG_F64, 0.5));
        TG_LET(nothing, tg_sum(tg_input(g, TG_F64, tg_shape2(0, 3)), tg_axis(0)));
        TG_LET(none, tg_neg(tg_input(g, TG_F64, tg_shape1(0))));
        TG_LET(y, tg_mul(x, table));
        TG_LET(z, tg_mul(x, table));
        TG_LET(sum, tg_sum(tg_mul(large, tg_sum(y, tg_axes_all())), tg_axes_all()));
        TG_LET(flat, tg_reshape(y, tg_shape1(6)));
        for (uint32_t id = 1; id <= tg_count(g); id++)
            if (tg_size(tg_node_at(g, id)) == 0 && strcmp(tg_op_of(tg_node_at(g, id)), "input") == 0)
                cr_assert_eq(tg_set(tg_node_at(g, id), many), TG_OK);
        add_ahead(g, (tg_node[]){y, x, table, half, y, z, sum, flat, none, nothing, idle}, 11, (tg_mode)mode, 0);
    }
    cr_expect(holds("f1.h", "const double *large; /* [1200] constant: as on the tape */"));
    cr_expect(holds("f1.h", "const double *idle;  /* [2] parameter */"));
    cr_expect(!holds("f0.h", "none") && holds("f0.h", "double *nothing;"));
    check_aheads("cc -O1");
    close_folder();
}

/* A program may have nothing to read, nothing but assigns, and need no workspace. */
Test(ahead, little) {
    open_folder();
    tg_graph *g = tg_graph_new();
    TG_LET(ones, tg_expand(tg_scalar(g, TG_F32, 1), tg_shape1(5)));
    add_ahead(g, &ones, 1, TG_EXACT, 0);
    cr_expect(holds("f0.h", "int f0(const struct f0_outputs *out, void *workspace);"));
    cr_expect(holds("f0.h", "#define F0_WORKSPACE 1\n") && holds("f0.h", "NULL will do"));
    g = tg_graph_new();
    TG_LET(t, tg_state(g, TG_F64, tg_shape0(), 3));
    (void)tg_assign(t, tg_add(t, tg_scalar(g, TG_F64, 1)));
    add_ahead(g, NULL, 0, TG_EXACT, TG_WITH_ASSIGNS);
    cr_expect(holds("f1.h", "int f1(const struct f1_inputs *in, const struct f1_next *next, void *workspace);"));
    check_aheads("cc -O1");
    close_folder();
}

/* What is given instead of being computed is an input like any other. */
Test(ahead, given) {
    open_folder();
    tg_graph *g = tg_graph_new();
    const tg_node x = param(g, "x", TG_F64, tg_shape2(4, 3));
    TG_LET(mu, tg_mean(x, tg_axis(0)));
    TG_LET(xmu, tg_sub(x, mu));
    cr_assert_eq(tg_run(g), TG_OK);
    const tg_compile_options options = {.mode = TG_EXACT, .flags = TG_INTERPRET, .given = &mu, .givens = 1};
    tg_program *p = tg_compile(g, &xmu, 1, options);
    cr_assert_not_null(p);
    cr_assert_eq(tg_write_c(p, "f0", folder), TG_OK, "%s", tg_message(g));
    aheads[ahead_count++] = (struct ahead){g, TG_EXACT, 0};
    cr_expect(holds("f0.h", "const double *mu; /* [3] given: step 1: "));
    check_aheads("cc -O1");
    close_folder();
}

/* Labels outside their range: 1, as the tape has an error, and nothing beside an array is written. */
Test(ahead, bad_labels) {
    static const int32_t bad[] = {0, 4, 1, 2}, low[] = {0, 1, -1, 2};
    open_folder();
    for (int k = 0; k < 4; k++) {
        tg_graph *g = tg_graph_new();
        const tg_node scores = param(g, "scores", TG_F64, tg_shape2(4, 4));
        TG_LET(truth, tg_input(g, TG_I32, tg_shape1(4)));
        cr_assert_eq(tg_set(truth, k % 2 ? low : bad), TG_OK);
        const tg_node seen = k < 2 ? truth : tg_cast(tg_cast(truth, TG_F64), TG_I32); /* known before, or on the way */
        add_ahead(g, (tg_node[]){tg_gather(scores, seen)}, 1, TG_EXACT, 0);
        cr_assert_eq(aheads[k].status, 1);
    }
    check_aheads("cc -O1");
    close_folder();
}

/* ------------------------------------------------------------------------------------------------------------ names */

/* The canary: whatever of a name got into the C would run when the library is loaded. */
#define CANARY_CODE "__attribute__((constructor)) static void c(void) { _Exit(77); }"

Test(ahead, hostile_names) {
    static char huge[1 << 20];
    memset(huge, 'x', sizeof huge - 1);
    /* clang-format off */
    const char *const names[] = {"*/ " CANARY_CODE " /*",  "\"; " CANARY_CODE, "x\n" CANARY_CODE "\n", "?\?/", "back\\",
                                 "int", "in_", "out", "in", "workspace", "work", "\xff\xfe", "f0", "f0_constant", "I",
                                 "sqrt", "memcpy", "j0", "x2", "x_2", "struct", "template", "SIMD", "row", "z", huge};
    /* clang-format on */
    enum { NAMES = sizeof names / sizeof *names };
    open_folder();
    tg_graph *g = tg_graph_new();
    tg_node last = param(g, "first", TG_F64, tg_shape2(3, 4)), outputs[NAMES + 1];
    for (int i = 0; i < NAMES; i++) {
        last = i % 3 == 0 ? tg_sub(last, tg_mul(tg_sum(last, tg_axis(0)), tg_scalar(g, TG_F64, 0.25))) : tg_tanh(last);
        if (i % 5 == 0) last = tg_add(last, tg_sum(tg_sqrt(tg_square(last)), tg_keep(tg_axis(1))));
        outputs[i] = last = tg_let(last, names[i], __FILE__, __LINE__);
    }
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_run(g), TG_OK);
    for (int k = 0; k < 2; k++) {
        tg_program *p = tg_compile(g, outputs, NAMES, (tg_compile_options){.mode = TG_EXACT, .flags = TG_INTERPRET});
        cr_assert_not_null(p);
        cr_assert_eq(tg_write_c(p, "f0", folder), TG_OK, "%s", tg_message(g));
        tg_program_free(p);
    }
    aheads[ahead_count++] = (struct ahead){g, TG_EXACT, 0};
    void *library = build_aheads("cc -O1", 0, 1);
    cr_expect_not_null(dlsym(library, "f0"));
    dlclose(library);
    close_folder();
}

/* A weight that is a constant is read by a function of its own, as one that is given: (1, 1, 1) gives (9, 12), and the
 * gradient for the constant cotangent (1, 10) is w (1, 10) = (21, 43, 65). */
Test(ahead, constant_weights) {
    double x[3] = {1, 1, 1}, y[2], dx[3];
    open_folder();
    for (int mode = 0; mode < 2; mode++) {
        tg_graph *g = tg_graph_new();
        TG_LET(a, tg_input(g, TG_F64, tg_shape2(1, 3)));
        TG_LET(w, tg_const(g, TG_F64, tg_shape2(3, 2), (double[]){1, 2, 3, 4, 5, 6}));
        TG_LET(z, tg_matmul(a, w));
        const tg_grads d = tg_backward(z, tg_const(g, TG_F64, tg_shape2(1, 2), (double[]){1, 10}));
        const tg_node out[] = {z, tg_grad(d, a)};
        cr_assert_eq(tg_set(a, x), TG_OK);
        add_ahead(g, out, 2, mode ? TG_EXACT : TG_FAST, 0);
    }
    void *library = build_aheads("cc -O1", 0, 1);
    for (int k = 0; k < 2; k++) {
        int (*f)(const void *, const void *, void *);
        *(void **)&f = dlsym(library, k ? "f1" : "f0");
        void *const in[] = {x}, *const results[] = {y, dx};
        char work[4096];
        cr_assert_eq(f(in, results, work), 0);
        cr_expect(y[0] == 9 && y[1] == 12, "%g %g", y[0], y[1]);
        cr_expect(dx[0] == 21 && dx[1] == 43 && dx[2] == 65, "%g %g %g", dx[0], dx[1], dx[2]);
    }
    dlclose(library);
    close_folder();
}

/* A function that cannot be called so is refused, and a name is proposed that then is what the files are called. */
Test(ahead, names_of_functions) {
    static const char *const given[] = {"../../up", "int", "9", "", "a b", "x.c", "/etc/passwd", "wr\"ite", "f_", "1f", "main"};
    static const char *const good[] = {"up",  "int_network", "network", "network", "a_b", "x_c",
                                       "etc_passwd", "wr_ite", "f", "network", "main_network"};
    open_folder();
    tg_graph *g = tg_graph_new();
    const tg_node x = param(g, "x", TG_F64, tg_shape1(3));
    const tg_node y = tg_neg(x);
    tg_program *p = tg_compile(g, &y, 1, (tg_compile_options){.flags = TG_INTERPRET});
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char name[2][40], proposed[60];
        cr_expect_eq(tg_write_c(p, given[i], folder), TG_ARGUMENT, "%s", given[i]);
        snprintf(proposed, sizeof proposed, "'%s' would do", good[i]);
        cr_expect_not_null(strstr(tg_message(g), proposed), "%s", tg_message(g));
        cr_assert_eq(tg_write_c(p, i % 2 ? good[i] : "network", folder), TG_OK, "%s", tg_message(g));
        snprintf(name[0], sizeof name[0], "%s.c", i % 2 ? good[i] : "network");
        snprintf(name[1], sizeof name[1], "%s.h", i % 2 ? good[i] : "network");
        cr_expect(unlink(in_folder(name[0], -1, "")) == 0 && unlink(in_folder(name[1], -1, "")) == 0, "%s", good[i]);
    }
    cr_assert_eq(tg_write_c(p, NULL, folder), TG_OK, "%s", tg_message(g));
    cr_expect(unlink(in_folder("network.c", -1, "")) == 0 && unlink(in_folder("network.h", -1, "")) == 0);
    tg_graph_free(g);
    close_folder();
}

/* -------------------------------------------------------------------------------------------------------- refusals */

/* Status and words, and no file. */
static void refuses(tg_program *p, const char *directory, tg_status status, const char *words) {
    cr_expect_eq(tg_write_c(p, "f0", directory), status);
    if (p) cr_expect_eq(tg_error(p->graph), status);
    if (p) cr_expect_not_null(strstr(tg_message(p->graph), words), "'%s' is not in: %s", words, tg_message(p->graph));
    cr_expect(access(in_folder("f0.h", -1, ""), F_OK) != 0 && access(in_folder("f0.c", -1, ""), F_OK) != 0, "%s",
              words);
}

static tg_program *program(tg_graph *g, tg_node y) {
    tg_program *p = tg_compile(g, &y, 1, (tg_compile_options){.mode = TG_EXACT, .flags = TG_INTERPRET});
    cr_assert_not_null(p, "%s", tg_message(g));
    return p;
}

/* Files that are no longer than this. */
static void limit_files(rlim_t bytes) {
    const struct rlimit limit = {bytes, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(ahead, misuse) {
    open_folder();
    tg_graph *g = tg_graph_new();
    const tg_node x = param(g, "x", TG_F64, tg_shape2(4, 3));
    const tg_mark mark = tg_mark_now(g);
    tg_program *p = program(g, tg_sum(x, tg_axis(0)));
    refuses(NULL, folder, TG_HANDLE, "");
    refuses(p, NULL, TG_FILE, "NULL: no directory");
    refuses(p, "", TG_FILE, "'': no directory");
    refuses(p, "/nowhere/at/all", TG_FILE, "/nowhere/at/all/f0.h: cannot be created");
    refuses(p, "/dev/null", TG_FILE, "/dev/null/f0.h: cannot be created");
    refuses(p, "/proc", TG_FILE, "/proc/f0.h: cannot be created");
    cr_assert_eq(mkdir(in_folder("f0.c", -1, ""), 0700), 0);
    cr_expect_eq(tg_write_c(p, "f0", folder), TG_FILE);
    cr_expect(strstr(tg_message(g), "f0.c: is there and is not a regular file") &&
              access(in_folder("f0.h", -1, ""), F_OK));
    rmdir(in_folder("f0.c", -1, ""));
    limit_files(0);
    refuses(p, folder, TG_FILE, "f0.c: cannot be written");
    limit_files(3000); /* the header has less, the program more */
    refuses(p, folder, TG_FILE, "f0.c: cannot be written");
    limit_files(RLIM_INFINITY);
    cr_expect_eq(tg_write_c(p, "f0", folder), TG_OK, "%s", tg_message(g));
    cr_expect(unlink(in_folder("f0.h", -1, "")) == 0 && unlink(in_folder("f0.c", -1, "")) == 0);
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    (void)tg_neg(x);
    refuses(p, folder, TG_HANDLE, "write_c: the program is stale");
    tg_graph_free(g);
    close_folder();
}

/* A tape that is broken says why; one that somebody goes on with does not matter. */
Test(ahead, tapes_that_go_on) {
    open_folder();
    tg_graph *g = tg_graph_new();
    const tg_node x = param(g, "x", TG_F64, tg_shape2(4, 3)), y = tg_sum(x, tg_axis(0));
    tg_program *p = program(g, y);
    TG_LET(more, tg_square(tg_node_at(tg_program_graph(p), 1)));
    (void)tg_sum(more, tg_axes_all());
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_write_c(p, "f0", folder), TG_OK, "%s", tg_message(g));
    aheads[ahead_count++] = (struct ahead){g, TG_EXACT, 0};
    check_aheads("cc -O1");
    cr_expect(!holds("f0.c", "more") && !holds("f0.c", "square"));
    (void)tg_add(x, tg_param(g, TG_F64, tg_shape1(7)));
    cr_expect_eq(tg_write_c(p, "f0", folder), TG_SHAPE);
    close_folder();
}

static bool plain_shape(tg_rule *r) { return tg_rule_first(r); }
static tg_status plain_run(tg_call *c) {
    for (size_t i = 0; i < tg_size(tg_call_node(c)); i++)
        ((double *)tg_call_output(c))[i] = -((const double *)tg_call_input(c, 0))[i];
    return TG_OK;
}
static const tg_op plain = {.name = "plain", .operands = 1, .shape = plain_shape, .run = plain_run};

Test(ahead, an_operator_without_c) {
    open_folder();
    tg_graph *g = tg_graph_new();
    const tg_node x = param(g, "x", TG_F64, tg_shape2(4, 3));
    cr_assert_eq(tg_register(g, &plain), TG_OK);
    TG_LET(opaque, tg_apply(&plain, &x));
    tg_program *p = program(g, tg_exp(opaque));
    refuses(p, folder, TG_ARGUMENT, "plain");
    refuses(p, folder, TG_ARGUMENT, "'opaque'");
    refuses(p, folder, TG_ARGUMENT, "has no C");
    cr_expect_null(strstr(tg_message(g), "write_c"), "said twice where the message says who: %s", tg_message(g));
    tg_graph_free(g);
    close_folder();
}

/* Every allocation fails, once and from there on: no file, no leak, and the next try is as good as ever. */
static struct heap heap;

static void fails_at_each(tg_program *p, bool onward) {
    for (size_t k = 1;; k++) {
        const size_t live = heap.live;
        heap.fail_at = heap.calls + k;
        heap.onward = onward;
        const tg_status status = tg_write_c(p, "f0", folder);
        const bool failed = heap.calls >= heap.fail_at;
        heap.fail_at = 0;
        cr_assert_eq(heap.live, live, "allocation %zu: memory is kept", k);
        cr_assert_eq(status, failed ? TG_MEMORY : TG_OK, "allocation %zu: %s", k, tg_message(p->graph));
        cr_assert_eq(access(in_folder("f0.h", -1, ""), F_OK) == 0, !failed);
        if (failed) continue;
        cr_assert(k > 20 && unlink(in_folder("f0.h", -1, "")) == 0 && unlink(in_folder("f0.c", -1, "")) == 0);
        return;
    }
}

Test(ahead, no_memory) {
    open_folder();
    tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
    const tg_node x = param(g, "x", TG_F64, tg_shape2(12, 3)), w = param(g, "w", TG_F64, tg_shape2(3, 5));
    const tg_node y = tg_softmax(tg_matmul(tg_sub(x, tg_mean(x, tg_axis(0))), w), -1, "sm");
    tg_program *p = program(g, y);
    fails_at_each(p, false);
    fails_at_each(p, true);
    tg_graph_free(g);
    cr_expect_eq(heap.blocks, 0);
    close_folder();
}

/* ------------------------------------------------------------------------------------------- results without elements */

/* Of labels of which the last is `last`. */
static tg_node pick_nothing(tg_graph *g, int kind, int32_t last) {
    TG_LET(label, tg_input(g, TG_I32, kind == 7 ? tg_shape2(2, 2) : tg_shape1(2)));
    TG_LET(none, tg_input(g, TG_I32, tg_shape1(0)));
    cr_assert_eq(tg_set(label, (int32_t[]){0, last, 0, 0}) | tg_set(none, NULL), TG_OK);
    switch (kind) {
    case 0:
    case 7: return tg_take(param(g, "x", TG_F64, tg_shape2(3, 0)), label, 0);
    case 1: return tg_take(param(g, "x", TG_F64, tg_shape2(0, 3)), label, 1);
    case 2: return tg_scatter_add(param(g, "x", TG_F64, tg_shape2(2, 0)), label, 0, 3);
    case 3: return tg_scatter_add(param(g, "x", TG_F64, tg_shape2(0, 2)), label, 1, 3);
    case 4: return tg_sum(tg_take(param(g, "x", TG_F64, tg_shape2(3, 0)), label, 0), tg_axis(0));
    case 5: return tg_sum(tg_take(param(g, "x", TG_F64, tg_shape2(3, 0)), label, 0), tg_axis(1));
    case 6: return tg_take(param(g, "x", TG_F64, tg_shape2(0, 3)), label, 0);
    default: return tg_take(param(g, "x", TG_F64, tg_shape2(3, 2)), none, 0);
    }
}

/* Nothing is stored, and no struct has a member for it; but a label out of range is refused as on the tape, and no other. */
Test(ahead, results_without_elements) {
    int refused = 0;
    open_folder();
    for (int kind = 0; kind < 9; kind++)
        for (int32_t last = -1; last <= 3; last += 1 + (last == 0))
            for (int mode = 0; mode < 2; mode++) {
                if (!is_long() && mode != kind % 2) continue;
                tg_graph *g = tg_graph_new();
                const tg_node z = pick_nothing(g, kind, last), y = param(g, "y", TG_F64, tg_shape1(2));
                add_ahead(g, (tg_node[]){z, tg_exp(y)}, 2, (tg_mode)mode, 0);
                refused += aheads[ahead_count - 1].status;
            }
    cr_expect_eq(refused, (is_long() ? 2 : 1) * (7 * 2 + 4), "of an axis of length 0 every label is refused");
    check_aheads("cc");
    look_through_alone("cc");
    if (has_clang()) look_through_alone("clang");
    close_folder();
}
