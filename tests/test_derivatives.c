/* Derivatives as nodes: vjp, jvp, Hessian-vector products, Jacobians and Hessians, against closed forms and
 * differences. */
#include "emitted.h"

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(derivatives, .init = setup, .fini = teardown, .timeout = 120);

static tg_node drawn(tg_dtype dtype, tg_shape shape) {
    tg_node a = tg_input(g, dtype, shape);
    double *v = random_array(&state, tg_size(a), -1, 1);
    cr_assert_eq(set_doubles(a, v), TG_OK, "%s", tg_message(g));
    free(v);
    return a;
}

static tg_node total(tg_node a) { return tg_sum(a, tg_axes_all()); }

static void run(void) { cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g)); }

static void has_shape(tg_node a, tg_shape shape) {
    const tg_shape own = tg_dims(a);
    cr_assert(tg__same_dims(&own, &shape), "%s", tg_message(g));
}

static void close_to(tg_node a, const double *want, double tolerance) {
    double *ours = doubles_of(a);
    const double error = column_error(ours, want, want, tg_size(a), 1, 1e-13);
    cr_assert_leq(error, tolerance, "off by %g", error);
    free(ours);
}

static void says(tg_status status, const char *what) {
    cr_assert_eq(tg_error(g), status, "%s", tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), what), "'%s' is not in: %s", what, tg_message(g));
    teardown();
    setup();
}

/* ------------------------------------------------------------------------------------------------- closed forms */

/* f = Σ 100 (x[i+1] - x[i]²)² + (1 - x[i])²; Rosenbrock 1960 */
static tg_node rosenbrock(tg_node x, int64_t n) {
    double *head = calloc((size_t)(n * n), sizeof *head), *tail = calloc((size_t)(n * n), sizeof *tail);
    for (int64_t i = 0; i + 1 < n; i++) head[i * n + i] = tail[(i + 1) * n + i] = 1;
    const tg_node row = tg_reshape(x, tg_shape2(1, n));
    const tg_node first = tg_matmul(row, tg_const(g, TG_F64, tg_shape2(n, n), head));
    const tg_node second = tg_matmul(row, tg_const(g, TG_F64, tg_shape2(n, n), tail));
    double *used = calloc((size_t)n, sizeof *used);
    for (int64_t i = 0; i + 1 < n; i++) used[i] = 1;
    const tg_node hundred = tg_scalar(g, TG_F64, 100), ones = tg_const(g, TG_F64, tg_shape1(n), used);
    free(head);
    free(tail);
    free(used);
    return total(tg_add(tg_mul(hundred, tg_square(tg_sub(second, tg_square(first)))), tg_square(tg_sub(ones, first))));
}

Test(derivatives, rosenbrock) {
    enum { N = 5 };
    TG_LET(x, drawn(TG_F64, tg_shape1(N)));
    TG_LET(v, drawn(TG_F64, tg_shape1(N)));
    TG_LET(f, rosenbrock(x, N));
    TG_LET(H, tg_hessian(f, x));
    TG_LET(Hv, tg_hvp(f, x, v));
    run();
    has_shape(H, tg_shape2(N, N));
    has_shape(Hv, tg_shape1(N));
    double want[N * N] = {0}, times[N] = {0};
    for (int i = 0; i + 1 < N; i++) {
        const double a = tg_item(x, (size_t)i), b = tg_item(x, (size_t)i + 1);
        want[i * N + i] += 1200 * a * a - 400 * b + 2;
        want[(i + 1) * N + i + 1] += 200;
        want[i * N + i + 1] = want[(i + 1) * N + i] = -400 * a;
    }
    for (int i = 0; i < N * N; i++) times[i / N] += want[i] * tg_item(v, (size_t)(i % N));
    close_to(H, want, 1e-13);
    close_to(Hv, times, 1e-13);
}

Test(derivatives, a_linear_map_is_its_own_jacobian) {
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        TG_LET(A, drawn(dtype, tg_shape2(3, 4)));
        TG_LET(x, drawn(dtype, tg_shape2(4, 2)));
        TG_LET(t, drawn(dtype, tg_shape2(4, 2)));
        TG_LET(y, tg_matmul(A, x));
        TG_LET(J, tg_jacobian(y, x));
        TG_LET(At, tg_jvp(y, x, t));
        TG_LET(B, tg_matmul(A, t));
        run();
        has_shape(J, tg_shape4(3, 2, 4, 2));
        for (size_t i = 0; i < 48; i++) {
            const size_t row = i / 16, column = i / 8 % 2, inner = i / 2 % 4;
            cr_assert_eq(tg_item(J, i), column == i % 2 ? tg_item(A, row * 4 + inner) : 0);
        }
        double *want = doubles_of(B);
        close_to(At, want, dtype == TG_F32 ? 1e-6 : 1e-15);
        free(want);
        teardown();
        setup();
    }
}

Test(derivatives, a_quadratic_form) {
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        TG_LET(A, drawn(dtype, tg_shape2(4, 4)));
        TG_LET(x, drawn(dtype, tg_shape2(4, 1)));
        TG_LET(q, total(tg_mul(x, tg_matmul(A, x))));
        TG_LET(H, tg_hessian(q, x));
        TG_LET(M, tg_hessian(q, A)); /* linear in A: zeros */
        run();
        has_shape(H, tg_shape4(4, 1, 4, 1));
        double want[16], zero[256] = {0};
        for (size_t i = 0; i < 16; i++) want[i] = tg_item(A, i) + tg_item(A, i % 4 * 4 + i / 4);
        close_to(H, want, dtype == TG_F32 ? 1e-6 : 1e-14);
        has_shape(M, tg_shape4(4, 4, 4, 4));
        close_to(M, zero, 0);
        teardown();
        setup();
    }
}

Test(derivatives, of_numbers) {
    TG_LET(x, drawn(TG_F64, tg_shape0()));
    TG_LET(y, tg_exp(x));
    TG_LET(first, tg_vjp(y, x, tg_nil(g)));
    TG_LET(J, tg_jacobian(y, x));
    TG_LET(H, tg_hessian(y, x));
    TG_LET(itself, tg_jacobian(x, x));
    TG_LET(t, tg_scalar(g, TG_F64, 2));
    TG_LET(along, tg_jvp(x, x, t));
    run();
    const double want = tg_item(y, 0), one = 1, two = 2;
    has_shape(H, tg_shape0());
    close_to(first, &want, 1e-15);
    close_to(J, &want, 1e-15);
    close_to(H, &want, 1e-15);
    close_to(itself, &one, 0);
    close_to(along, &two, 0);
}

/* --------------------------------------------------------------------------------------- through batch normalization
 */

struct net {
    tg_node x, gamma, beta, out, loss;
};

static struct net net(tg_dtype dtype, int64_t n, int64_t d) {
    struct net a;
    a.x = tg_let(drawn(dtype, tg_shape2(n, d)), "x", NULL, 0);
    a.gamma = tg_let(drawn(dtype, tg_shape1(d)), "gamma", NULL, 0);
    a.beta = tg_let(drawn(dtype, tg_shape1(d)), "beta", NULL, 0);
    a.out = tg_let(tg_exp(tg_batchnorm(a.x, a.gamma, a.beta, tg_axis(0), 1e-3, NULL)), "y", NULL, 0);
    a.loss = tg_let(total(tg_square(a.out)), "loss", NULL, 0);
    return a;
}

/* <u, J t> = <Jᵀ u, t> */
Test(derivatives, jvp_and_vjp_are_transposed) {
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        const struct net a = net(dtype, 6, 3);
        TG_LET(t, drawn(dtype, tg_shape2(6, 3)));
        TG_LET(u, drawn(dtype, tg_shape2(6, 3)));
        TG_LET(Jt, tg_jvp(a.out, a.x, t));
        TG_LET(Ju, tg_vjp(a.out, a.x, u));
        TG_LET(J, tg_jacobian(a.out, a.x));
        run();
        double one = 0, other = 0, size = 0, product[18] = {0};
        for (size_t i = 0; i < 18; i++) {
            one += tg_item(u, i) * tg_item(Jt, i);
            other += tg_item(t, i) * tg_item(Ju, i);
            size += fabs(tg_item(u, i) * tg_item(Jt, i));
            for (size_t j = 0; j < 18; j++) product[i] += tg_item(J, i * 18 + j) * tg_item(t, j);
        }
        const double unit = dtype == TG_F32 ? 1e-5 : 1e-13;
        cr_assert_leq(fabs(one - other), unit * size);
        close_to(Jt, product, unit);
        teardown();
        setup();
    }
}

/* The derivative along t, element by element, by fourth-order differences of what stands in front of it. */
Test(derivatives, jvp_against_differences) {
    const struct net a = net(TG_F64, 5, 3);
    TG_LET(t, drawn(TG_F64, tg_shape2(5, 3)));
    TG_LET(Jt, tg_jvp(a.out, a.x, t));
    run();
    double *ours = doubles_of(Jt), *at = doubles_of(a.x), *way = doubles_of(t), x[15], f[5][15], want[15];
    const double h = 0x1p-10;
    for (int k = 0; k < 5; k++) {
        for (size_t i = 0; i < 15; i++) x[i] = at[i] + (k - 2) * h * way[i];
        cr_assert_eq(tg_set(a.x, x) | tg_run_to(a.out), TG_OK);
        for (size_t i = 0; i < 15; i++) f[k][i] = tg_item(a.out, i);
    }
    for (size_t i = 0; i < 15; i++) want[i] = (8 * (f[3][i] - f[1][i]) - (f[4][i] - f[0][i])) / (12 * h);
    cr_assert_leq(column_error(ours, want, want, 15, 3, 1e-11), 1e-9);
    free(ours);
    free(at);
    free(way);
}

Test(derivatives, hessian_against_differences) {
    const struct net a = net(TG_F64, 4, 2);
    TG_LET(v, drawn(TG_F64, tg_shape2(4, 2)));
    TG_LET(dx, tg_vjp(a.loss, a.x, tg_nil(g)));
    TG_LET(H, tg_hessian(a.loss, a.x));
    TG_LET(Hv, tg_hvp(a.loss, a.x, v));
    TG_LET(mixed, tg_jacobian(dx, a.gamma));
    run();
    has_shape(H, tg_shape4(4, 2, 4, 2));
    has_shape(mixed, tg_shape3(4, 2, 2));
    double *ours = doubles_of(H), *across = doubles_of(mixed), *along = doubles_of(v), times[8] = {0};
    for (size_t i = 0; i < 64; i++) {
        cr_assert_leq(fabs(ours[i] - ours[i % 8 * 8 + i / 8]), 1e-11 * (1 + fabs(ours[i])), "it is symmetric");
        times[i / 8] += ours[i] * along[i % 8];
    }
    close_to(Hv, times, 1e-12);
    double *at = doubles_of(a.x), *scale = doubles_of(a.gamma);
    for (int64_t i = 0; i < 8; i++) {
        const tg_node element = tg_gather(tg_reshape(dx, tg_shape1(8)), tg_scalar(g, TG_I32, (double)i));
        double *row = differences(element, a.x, at), *column = differences(element, a.gamma, scale);
        cr_assert_leq(column_error(ours + 8 * i, row, row, 8, 1, 1e-9), 1e-7);
        cr_assert_leq(column_error(across + 2 * i, column, column, 2, 1, 1e-9), 1e-7);
        free(row);
        free(column);
    }
    free(ours);
    free(across);
    free(along);
    free(at);
    free(scale);
}

/* A jvp is a node like any other: it has a gradient, and the gradient check passes it. */
Test(derivatives, of_derivatives) {
    const struct net a = net(TG_F64, 4, 2);
    TG_LET(t, drawn(TG_F64, tg_shape2(4, 2)));
    TG_LET(Jt, tg_jvp(a.out, a.x, t));
    tg_check checks[8];
    size_t leaves;
    cr_assert_eq(tg_check_gradient(Jt, NULL, checks, 8, &leaves), TG_OK, "%s", tg_message(g));
    cr_assert_eq(leaves, 4, "x, gamma, beta and t");
    for (size_t i = 0; i < leaves; i++) cr_assert_eq(checks[i].verdict, TG_PASS, "%g", checks[i].error);
}

/* ------------------------------------------------------------------------------------------ what stands on the tape */

Test(derivatives, only_towards_x) {
    const struct net a = net(TG_F64, 4, 2);
    const uint32_t before = tg_count(g);
    const tg_grads d = tg_backward(a.loss, tg_nil(g));
    const uint32_t all = tg_count(g) - before;
    TG_LET(dbeta, tg_vjp(a.loss, a.beta, tg_nil(g)));
    cr_assert_lt(tg_count(g) - before - all, all / 2, "what gamma and x would get is not computed");
    run();
    cr_assert_eq(tg_item(dbeta, 0), tg_item(tg_grad(d, a.beta), 0));
}

Test(derivatives, names_never_clash) {
    const struct net a = net(TG_F64, 4, 2);
    TG_LET(H, tg_hessian(a.loss, a.x));
    TG_LET(J, tg_jacobian(a.out, a.x));
    const tg_grads d = tg_backward(a.loss, tg_nil(g));
    run();
    cr_assert_eq(tg_find(g, "s2/ddx").id != 0, true);
    cr_assert_eq(tg_find(g, "s3/dloss").id, 0);
    cr_assert_str_eq(tg_name(tg_grad(d, a.x)), "s18/dx");
    cr_assert_str_eq(tg_name(H), "H");
}

/* The cotangent that a jvp needs is nobody's to set, to save or to load. */
Test(derivatives, no_leaf_is_added) {
    TG_LET(x, drawn(TG_F64, tg_shape1(3)));
    TG_LET(t, drawn(TG_F64, tg_shape1(3)));
    TG_LET(y, tg_exp(x));
    TG_LET(Jt, tg_jvp(y, x, t));
    TG_LET(Hv, tg_hvp(total(y), x, t));
    run();
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const char *op = tg_op_of(tg_node_at(g, id));
        cr_assert(id == x.id || id == t.id || (strcmp(op, "input") != 0 && strcmp(op, "param") != 0));
    }
    const char *file = "/tmp/tapegrad-derivatives.npz";
    cr_assert_eq(tg_save_leaves(g, file), TG_OK, "%s", tg_message(g));
    const tg_array *arrays;
    size_t leaves;
    cr_assert_eq(tg_read_npz(g, file, &arrays, &leaves), TG_OK, "%s", tg_message(g));
    cr_assert_eq(leaves, 2);
    cr_assert_eq(tg_load_leaves(g, file), TG_OK, "%s", tg_message(g));
    unlink(file);
}

/* Nodes that several sweeps have made, swept again: as C they have the same bits, and every reader takes them. */
Test(derivatives, every_reader_takes_them) {
    begin();
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        const struct net a = net(dtype, 3, 2);
        TG_LET(t, drawn(dtype, tg_shape2(3, 2)));
        TG_LET(Jt, tg_jvp(a.out, a.x, t));
        TG_LET(H, tg_hessian(a.loss, a.gamma));
        TG_LET(size, tg_add(total(tg_square(Jt)), total(tg_square(H))));
        const tg_grads d = tg_backward(size, tg_nil(g));
        run();
        FILE *file = tmpfile();
        tg_print(g, file);
        tg_print_steps(d, NULL, file);
        for (uint32_t id = 1; id <= tg_count(g); id += 7) tg_explain(tg_node_at(g, id), file);
        fclose(file);
        cr_assert_eq(tg_write_html(g, d, path("html", 0), NULL), TG_OK, "%s", tg_message(g));
        cr_assert_eq(tg_write_json(g, path("json", 0)), TG_OK, "%s", tg_message(g));
        unlink(path("html", 0));
        unlink(path("json", 0));
        add_case(d, tg_nil(g));
        g = tg_graph_new();
    }
    check_all(false);
}

Test(derivatives, nothing_is_a_shape_too) {
    TG_LET(x, drawn(TG_F64, tg_shape2(0, 3)));
    TG_LET(w, drawn(TG_F64, tg_shape1(3)));
    TG_LET(y, tg_square(tg_mul(x, w)));
    TG_LET(loss, total(y));
    TG_LET(Jx, tg_jacobian(y, x));
    TG_LET(Jw, tg_jacobian(y, w));
    TG_LET(Jl, tg_jacobian(loss, x));
    TG_LET(Hw, tg_hessian(loss, w));
    TG_LET(Hx, tg_hessian(loss, x));
    TG_LET(along, tg_jvp(y, w, w));
    TG_LET(Hv, tg_hvp(loss, w, w));
    run();
    has_shape(Jx, tg_shape4(0, 3, 0, 3));
    has_shape(Jw, tg_shape3(0, 3, 3));
    has_shape(Jl, tg_shape2(0, 3));
    has_shape(Hw, tg_shape2(3, 3));
    has_shape(Hx, tg_shape4(0, 3, 0, 3));
    has_shape(along, tg_shape2(0, 3));
    const double zero[9] = {0};
    close_to(Hw, zero, 0);
    close_to(Hv, zero, 0);
}

/* --------------------------------------------------------------------------------------------------------- errors */

Test(derivatives, errors_name_what_is_wrong) {
    for (int k = 0; k < 18; k++) {
        TG_LET(x, drawn(TG_F64, tg_shape1(3)));
        TG_LET(w, drawn(TG_F64, tg_shape2(2, 3)));
        TG_LET(narrow, drawn(TG_F32, tg_shape1(3)));
        TG_LET(label, tg_input(g, TG_I32, tg_shape1(3)));
        TG_LET(y, tg_exp(x));
        TG_LET(loss, total(y));
        TG_LET(kinked, total(tg_relu(x)));
        TG_LET(stopped, total(tg_mul(x, tg_detach(x))));
        TG_LET(high, drawn(TG_F64, tg_shape_n(5, (int64_t[]){1, 1, 1, 1, 1})));
        TG_LET(linear, total(x));
        tg_graph *other = tg_graph_new();
        tg_node foreign = tg_input(other, TG_F64, tg_shape1(3)), z = tg_nil(g), nil = z;
        switch (k) {
        case 0: z = tg_vjp(y, x, nil), says(TG_SHAPE, "vjp: 'y' [3] is not a single number"); break;
        case 1: z = tg_vjp(y, x, w), says(TG_SHAPE, "vjp: cotangent 'w' is f64 [2, 3], but 'y' is f64 [3]"); break;
        case 2: z = tg_jvp(y, x, narrow), says(TG_DTYPE, "jvp: tangent 'narrow' is f32 [3], but 'x' is f64 [3]"); break;
        case 3: z = tg_jvp(y, x, nil), says(TG_HANDLE, "jvp: the tangent is nil"); break;
        case 4: z = tg_vjp(y, w, y), says(TG_GRADIENT, "'y' does not depend on 'w'"); break;
        case 5: z = tg_jvp(y, w, w), says(TG_GRADIENT, "'y' does not depend on 'w'"); break;
        case 6: z = tg_jacobian(y, w), says(TG_GRADIENT, "'y' does not depend on 'w'"); break;
        case 7: z = tg_hessian(loss, w), says(TG_GRADIENT, "'loss' does not depend on 'w'"); break;
        case 8: z = tg_hessian(y, x), says(TG_SHAPE, "hessian: 'y' [3] is not a single number"); break;
        case 9: z = tg_hvp(loss, x, w), says(TG_SHAPE, "hvp: vector 'w' is f64 [2, 3], but 'x' is f64 [3]"); break;
        case 10: z = tg_jacobian(y, label), says(TG_GRADIENT, "'label' is i32"); break;
        case 11: z = tg_jacobian(high, high), says(TG_SHAPE, "jacobian: ranks 5 and 5 make one of more than 8"); break;
        case 12:
            z = tg_hessian(kinked, x), says(TG_GRADIENT, "hessian: the gradient of 'kinked' depends on 'x' only");
            break;
        case 13: z = tg_hvp(stopped, x, x), says(TG_GRADIENT, "'x' only behind detach"); break;
        case 14: z = tg_vjp(foreign, x, foreign); break;
        case 15: z = tg_jvp(y, foreign, x), says(TG_HANDLE, "jvp: x is a node of another graph"); break;
        case 16: z = tg_hessian(loss, nil), says(TG_HANDLE, "hessian: the node is nil"); break;
        default: z = tg_hvp(linear, x, x); break;
        }
        cr_assert_eq(tg_is_nil(z), k < 17);
        if (k == 14) cr_assert_eq(tg_error(other), TG_HANDLE);
        tg_graph_free(other);
        teardown();
        setup();
    }
}

/* Towards x alone: what leads to other leaves, or comes from nodes that do not lead to x, is not built. The path may go
 * through any operand. */
Test(derivatives, nothing_beside_the_way_to_x) {
    TG_LET(w, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(y, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(u, tg_mul(tg_exp(x), tg_sin(w)));
    TG_LET(v, tg_mul(tg_exp(y), tg_sin(y)));
    TG_LET(z, tg_sub(tg_mul(v, u), tg_cos(v)));
    const uint32_t before = tg_count(g);
    TG_LET(dx, tg_vjp(z, x, tg_nil(g))); /* v sin w e^x */
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_count(g) - before, 4, "the seed, and a product each for v, sin w and e^x: %u", tg_count(g) - before);
    cr_assert_eq(tg_set(w, (double[]){0.5}) | tg_set(x, (double[]){0.25}) | tg_set(y, (double[]){-0.75}), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_float_eq(tg_item(dx, 0), exp(-0.75) * sin(-0.75) * sin(0.5) * exp(0.25), 1e-15);
    TG_LET(own, tg_vjp(x, x, tg_nil(g)));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_item(own, 0), 1);
}

Test(derivatives, every_allocation_fails) {
    for (size_t k = 1;; k++) {
        struct heap heap = {.fail_at = k};
        tg_graph *own = tg_graph_new_with(heap_allocator(&heap));
        if (own) {
            TG_LET(x, tg_input(own, TG_F64, tg_shape1(3)));
            TG_LET(y, tg_exp(tg_square(x)));
            TG_LET(J, tg_jacobian(y, x));
            TG_LET(t, tg_jvp(y, x, x));
            TG_LET(same, tg_vjp(x, x, x));
            TG_LET(H, tg_hessian(tg_sum(y, tg_axes_all()), x));
        }
        const bool failed = heap.calls >= k;
        cr_assert_eq(tg_error(own), !failed ? TG_OK : own ? TG_MEMORY : TG_HANDLE, "point %zu: %s", k, tg_message(own));
        tg_graph_free(own);
        cr_assert(heap.live == 0 && heap.wrong == 0, "point %zu", k);
        if (!failed) break;
    }
}
