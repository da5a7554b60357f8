/* Whole tapes as C: compositions, odd corners, random ones, and what cannot be written. */
#include "broadcast_shapes.h"
#include "emitted.h"

TestSuite(emit_tapes, .timeout = 120);

/* ----------------------------------------------------------------------------------------------------- compositions */

static void add_batchnorm(tg_dtype t, tg_shape shape, tg_axes axes, tg_shape kept, const char *scope) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, t, shape));
    TG_LET(gamma, tg_param(g, t, kept));
    TG_LET(beta, tg_param(g, t, kept));
    TG_LET(y, tg_batchnorm(x, gamma, beta, axes, 1e-5, scope));
    TG_LET(dy, tg_input(g, t, shape));
    add_case(tg_backward(y, dy), tg_nil(g));
}

static void add_network(tg_dtype t) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, t, tg_shape2(20, 5)));
    TG_LET(gamma, tg_param(g, t, tg_shape1(5)));
    TG_LET(beta, tg_param(g, t, tg_shape1(5)));
    TG_LET(W, tg_param(g, t, tg_shape2(5, 6)));
    TG_LET(b, tg_param(g, t, tg_shape1(6)));
    TG_LET(V, tg_param(g, t, tg_shape2(6, 3)));
    TG_LET(c, tg_param(g, t, tg_shape1(3)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(20)));
    tg_node y = tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, "bn1");
    TG_LET(hidden, tg_relu(tg_linear(y, W, b, "one")));
    tg_node scores = tg_linear(hidden, V, c, "two");
    TG_LET(loss, tg_softmax_loss(scores, label, "head"));
    tg_grads d = tg_backward(loss, tg_nil(g));
    add_case(d, tg_nil(g));
    add_case(d, hidden);
    add_case(d, scores);
}

/* Large enough for a BLAS, which the file says: equal to rounding only, so it is not run here. */
Test(emit_tapes, what_a_blas_did) {
    for (int64_t n = 100; n <= 200; n += 100) {
        tg_graph *g = tg_graph_new();
        TG_LET(x, tg_input(g, TG_F32, tg_shape2(n, n)));
        TG_LET(z, tg_matmul(x, x));
        tg_grads d = tg_backward(z, tg_input(g, TG_F32, tg_shape2(n, n)));
        const char *path = "/tmp/tapegrad-emit-blas.c";
        char text[4096] = "";
        cr_assert_eq(tg_write_c_staged(d, tg_nil(g), "f", path), TG_OK, "%s", tg_message(g));
        FILE *file = fopen(path, "r");
        cr_assert(file && fread(text, 1, sizeof text - 1, file) > 0);
        fclose(file);
        remove(path);
        cr_expect_eq(strstr(text, "BLAS") != NULL, n == 200);
        tg_graph_free(g);
    }
}

static void add_layers(tg_dtype t) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, t, tg_shape2(9, 4)));
    TG_LET(W, tg_param(g, t, tg_shape2(4, 4)));
    TG_LET(b, tg_param(g, t, tg_shape1(4)));
    TG_LET(label, tg_argmax(tg_cumsum(x, 1, false), tg_axis(1)));
    tg_node y = tg_layernorm(tg_mlp(x, (tg_node[]){W, W}, (tg_node[]){b, b}, 2, "net"), b, b, 1, 1e-3, "ln");
    TG_LET(weight, tg_std(y, tg_axis(0), 1));
    TG_LET(loss, tg_cross_entropy(y, label, weight, TG_MEAN, "ce"));
    TG_LET(all, tg_add(loss, tg_logsumexp(tg_softmax(y, 0, "s"), tg_axes_all())));
    tg_grads d = tg_backward(all, tg_nil(g));
    add_case(d, tg_nil(g));
    add_case(d, loss);
}

/* The gradient of a number made of gradients. */
static void add_second_order(tg_dtype t) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, t, tg_shape2(7, 4)));
    TG_LET(gamma, tg_param(g, t, tg_shape1(4)));
    TG_LET(beta, tg_param(g, t, tg_shape1(4)));
    tg_node y = tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-3, NULL);
    TG_LET(dy, tg_input(g, t, tg_shape2(7, 4)));
    tg_grads d = tg_backward(y, dy);
    TG_LET(v, tg_input(g, t, tg_shape2(7, 4)));
    TG_LET(slope, tg_sum(tg_mul(v, tg_grad(d, x)), tg_axes_all()));
    add_case(tg_backward(slope, tg_nil(g)), tg_nil(g));
    add_case(d, tg_find(g, "xhat"));
}

static void check_compositions(tg_dtype t, bool thorough) {
    begin();
    add_batchnorm(t, tg_shape2(178, 13), tg_axis(0), tg_shape1(13), NULL);
    add_batchnorm(t, tg_shape2(7, 5), tg_axis(0), tg_shape1(5), "bn");
    add_batchnorm(t, tg_shape2(1, 5), tg_axis(0), tg_shape1(5), NULL);
    add_batchnorm(t, tg_shape2(7, 1), tg_axis(0), tg_shape1(1), NULL);
    add_batchnorm(t, tg_shape2(1, 1), tg_axis(0), tg_shape1(1), NULL);
    add_batchnorm(t, tg_shape2(0, 5), tg_axis(0), tg_shape1(5), NULL);
    add_batchnorm(t, tg_shape2(5, 40), tg_axis(1), tg_shape1(5), NULL);
    add_batchnorm(t, tg_shape3(4, 3, 6), tg_axes2(0, 2), tg_shape1(3), "bn");
    add_batchnorm(t, tg_shape4(2, 3, 4, 5), tg_axes3(0, 2, 3), tg_shape1(3), NULL);
    add_network(t);
    add_layers(t);
    add_second_order(t);
    check_all(thorough);
}

Test(emit_tapes, compositions_f32) { check_compositions(TG_F32, true); }
Test(emit_tapes, compositions_f64) { check_compositions(TG_F64, is_long()); }

/* ------------------------------------------------------------------------------------------------------ odd corners */

static void add_constants(tg_dtype t) {
    tg_graph *g = tg_graph_new();
    const double odd[] = {
        -0.0, 1.0 / 3,  -1e-300, 5e-324,   1.7976931348623157e308, (double)INFINITY, -(double)INFINITY, (double)NAN,
        0.1,  16777217, -2.5,    1.0 / 178};
    TG_LET(x, tg_input(g, t, tg_shape0()));
    tg_node sum = x;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        tg_node part = tg_mul(tg_sub(tg_neg(tg_scalar(g, t, odd[i])), x), tg_scalar(g, t, odd[i]));
        sum = tg_add(tg_let(part, (char[]){'p', (char)('a' + (int)i), 0}, NULL, 0), tg_mul(sum, tg_scalar(g, t, 3)));
    }
    float narrow[12];
    for (size_t i = 0; i < 12; i++) narrow[i] = (float)odd[i];
    tg_node table = tg_const(g, t, tg_shape2(3, 4), t == TG_F32 ? (const void *)narrow : odd);
    tg_node picked = tg_gather(table, tg_const(g, TG_I32, tg_shape1(3), (int32_t[]){1, 0, 3}));
    TG_LET(y, tg_mul(tg_mul(tg_sum(picked, tg_axis(0)), sum), tg_sum(table, tg_axes_all())));
    add_case(tg_backward(y, tg_nil(g)), tg_nil(g));
}

/* Both gradients are the cotangent; the third is a number; the fourth is empty. */
static void add_shared_gradients(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(y, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(none, tg_input(g, TG_F64, tg_shape2(0, 2)));
    TG_LET(z, tg_add(x, tg_add(y, tg_sum(tg_sum(none, tg_axes_all()), tg_axes_n(0, NULL)))));
    TG_LET(dz, tg_input(g, TG_F64, tg_shape1(3)));
    add_case(tg_backward(z, dz), tg_nil(g));
    tg_graph *h = tg_graph_new();
    TG_LET(v, tg_input(h, TG_F64, tg_shape0()));
    add_case(tg_backward(v, tg_nil(h)), tg_nil(h));
    tg_graph *k = tg_graph_new();
    TG_LET(w, tg_input(k, TG_F32, tg_shape1(0)));
    TG_LET(u, tg_exp(w));
    add_case(tg_backward(u, tg_input(k, TG_F32, tg_shape1(0))), tg_nil(k));
}

static void add_bad_label(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(3, 2)));
    TG_LET(label, tg_const(g, TG_I32, tg_shape1(3), (int32_t[]){1, 2147483647, 0}));
    TG_LET(z, tg_gather(x, label));
    add_case(tg_backward(z, tg_input(g, TG_F64, tg_shape1(3))), tg_nil(g));
    tg_graph *h = tg_graph_new();
    TG_LET(y, tg_input(h, TG_F32, tg_shape1(1)));
    TG_LET(big, tg_cast(tg_mul(y, tg_scalar(h, TG_F32, 1e20)), TG_I32));
    TG_LET(out, tg_mul(y, tg_cast(big, TG_F32)));
    add_case(tg_backward(out, tg_nil(h)), tg_nil(h));
}

static void add_hostile_names(void) {
    static const char *const names[] = {"*/ int main",
                                        "a\\",
                                        "?\?/",
                                        "\n#include </etc/passwd>",
                                        "I",
                                        "complex",
                                        "t",
                                        "i",
                                        "sum",
                                        "int",
                                        "forward",
                                        "\x1b[31m\xff\xe2\x80\xae",
                                        "constant",
                                        "case",
                                        "exp",
                                        "add",
                                        "total",
                                        "/*",
                                        "//",
                                        "%s%n",
                                        "",
                                        "size_t",
                                        "_x",
                                        "9",
                                        "unix",
                                        "FP_FAST_FMA"};
    tg_graph *g = tg_graph_new();
    tg_node a = tg_input(g, TG_F64, tg_shape1(20));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        a = tg_exp(tg_mul(a, tg_scalar(g, TG_F64, 0.1)));
        if (names[i][0]) a = tg_let(a, names[i], names[i], 1);
    }
    char *endless = malloc((1 << 20) + 1);
    memset(endless, '*', 1 << 20);
    for (size_t i = 1; i < 1 << 20; i += 2) endless[i] = '/';
    endless[1 << 20] = 0;
    tg_scope_open(g, endless);
    TG_LET(z, tg_sum(a, tg_axis(0)));
    tg_scope_close(g);
    free(endless);
    add_case(tg_backward(z, tg_nil(g)), tg_nil(g));
}

static void add_deep(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    tg_node a = x;
    for (int i = 0; i < 60; i++) a = i % 3 ? tg_square(tg_identity(tg_sub(a, x))) : tg_sqrt(tg_add(tg_square(a), x));
    TG_LET(y, a);
    add_case(tg_backward(y, tg_input(g, TG_F64, tg_shape1(2))), tg_nil(g));
    a = x;
    for (int i = 0; i < 100; i++) a = tg_identity(a);
    TG_LET(z, tg_mul(a, a));
    add_case(tg_backward(z, tg_input(g, TG_F64, tg_shape1(2))), tg_nil(g));
}

/* Each pattern of broadcasting beside a whole array, and expanded to its shape. */
static void add_broadcasts(tg_dtype t, int rank) {
    tg_graph *g = tg_graph_new();
    const tg_shape whole = tg_shape_n(rank, dims);
    tg_shape shape[MOST];
    const size_t many = patterns(rank, shape);
    TG_LET(x, tg_input(g, t, whole));
    tg_node sum = x;
    for (size_t i = 0; i < many; i++) {
        const tg_node b = tg_input(g, t, shape[i]), c = tg_input(g, t, shape[i]), moved = tg_add(x, b);
        sum = tg_add(sum, tg_mul(moved, tg_expand(c, whole)));
    }
    TG_LET(y, sum);
    TG_LET(dy, tg_input(g, t, whole));
    add_case(tg_backward(y, dy), tg_nil(g));
}

Test(emit_tapes, odd_corners) {
    begin();
    for (int rank = 0; rank <= (is_long() ? 4 : 2); rank++)
        add_broadcasts(rank % 2 ? TG_F32 : TG_F64, rank);
    add_constants(TG_F32);
    add_constants(TG_F64);
    add_shared_gradients();
    add_bad_label();
    add_hostile_names();
    add_deep();
    check_all(is_long());
}

/* --------------------------------------------------------------------------------------------------- random tapes */

static tg_node random_step(tg_node a, tg_node b) {
    const tg_shape s = tg_dims(a);
    const bool matrices = s.rank == 2 && tg_dims(b).rank == 2 && s.dim[1] == tg_dims(b).dim[1];
    switch (random_below(&state, 12)) {
    case 0: return tg_neg(a);
    case 1: return tg_sqrt(tg_add(tg_square(a), tg_scalar_like(a, 0.5)));
    case 2: return s.rank ? tg_sum(a, tg_keep(tg_axis((int)random_below(&state, (size_t)s.rank)))) : tg_relu(a);
    case 3: return tg_transpose(a, tg_axes_all());
    case 4: return tg_reshape(a, tg_shape1(-1));
    case 5: return s.rank == 2 ? tg_expand(tg_sum(a, tg_axis(1)), tg_shape2(3, s.dim[0])) : tg_identity(a);
    case 6: return matrices ? tg_matmul(a, tg_transpose(b, tg_axes_all())) : tg_mul(a, a);
    case 7: return s.rank ? tg_sub(a, tg_max(a, tg_keep(tg_axes_all()))) : tg_detach(a);
    case 8: return tg_where(tg_gt(a, tg_scalar_like(a, 0.5)), a, tg_mul(a, tg_scalar_like(a, 1.0 / 7)));
    case 9: return tg_cast(tg_cast(a, TG_F32), TG_F64);
    default: return tg__get(a)->shape == tg__get(b)->shape ? tg_sub(tg_mul(a, b), b) : tg_div(a, tg_scalar_like(a, 3));
    }
}

Test(emit_tapes, random_tapes) {
    begin();
    for (int k = 0; k < (is_long() ? 48 : 16); k++) {
        tg_graph *g = tg_graph_new();
        tg_node pool[40] = {tg_input(g, TG_F64, tg_shape2(3, 4)), tg_input(g, TG_F64, tg_shape2(5, 4)),
                            tg_input(g, TG_F64, tg_shape1(4))};
        size_t n = 3;
        tg_node sum = tg_scalar(g, TG_F64, 0);
        while (n < 25) {
            char name[12];
            snprintf(name, sizeof name, "n%zu", n);
            tg_node a = random_step(pool[random_below(&state, n)], pool[random_below(&state, n)]);
            if (random_below(&state, 3) == 0) a = tg_let(a, name, __FILE__, __LINE__);
            pool[n++] = a;
        }
        for (size_t i = 18; i < n; i++) sum = tg_add(sum, tg_sum(pool[i], tg_axes_all()));
        TG_LET(y, tg_add(sum, tg_sum(tg_mul(pool[0], pool[0]), tg_axes_all())));
        add_case(tg_backward(y, tg_nil(g)), tg_nil(g));
    }
    check_all(true);
}

/* ----------------------------------------------------------------------------------------------------------- errors */

Test(emit_tapes, a_row_without_C_is_named) {
    tg_graph *g = tg_graph_new();
    struct tg_op own = *g->calculus.operators[0];
    own.name = "mystery";
    own.code = NULL;
    own.emit = NULL;
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(y, tg__apply(&own, &x, NULL));
    TG_LET(dy, tg_input(g, TG_F64, tg_shape1(3)));
    tg_grads d = tg_backward(y, dy);
    cr_assert_eq(tg_write_c_staged(d, tg_nil(g), NULL, "/tmp/tapegrad-no-such-row.c"), TG_ARGUMENT);
    cr_assert_not_null(strstr(tg_message(g), "mystery 'y': "), "%s", tg_message(g));
    cr_assert_neq(access("/tmp/tapegrad-no-such-row.c", F_OK), 0, "a file was left behind");
    tg_graph_free(g);
}

Test(emit_tapes, memory_may_run_out_anywhere) {
    for (size_t k = 1;; k++) {
        struct heap heap = {0};
        tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
        TG_LET(x, tg_input(g, TG_F64, tg_shape2(3, 2)));
        TG_LET(y, tg_sum(tg_exp(x), tg_axes_all()));
        tg_grads d = tg_backward(y, tg_nil(g));
        heap.fail_at = heap.calls + k;
        const tg_status status = tg_write_c_staged(d, tg_nil(g), "f", "/tmp/tapegrad-memory.c");
        const bool reached = heap.calls >= heap.fail_at;
        cr_assert_eq(status, reached ? TG_MEMORY : TG_OK, "%s", tg_message(g));
        tg_graph_free(g);
        cr_assert(heap.live == 0 && heap.wrong == 0);
        if (!reached) break;
    }
    unlink("/tmp/tapegrad-memory.c");
}
