/* The gradient check: what it must pass, and what it must admit to prove nothing. */
#include "check_leaves.h"

TestSuite(check, .init = setup, .fini = teardown, .timeout = 60);

Test(check, products) {
    for (tg_dtype t = TG_F32; t <= TG_F64; t++) {
        tg_node x = drawn(t, tg_shape2(5, 3), -2, 2), y = drawn(t, tg_shape1(3), -2, 2);
        tg_node s = drawn(t, tg_shape0(), 1, 2);
        check(tg_mul(tg_mul(x, y), tg_mul(s, tg_square(x))), NULL);
        cr_assert_eq(leaves, 3);
        expect_all(TG_PASS);
        cr_assert_eq(of(x)->columns, 3);
        cr_assert_eq(of(s)->columns, 1);
        cr_assert_eq(of(y)->vacuous, 0);
    }
}

Test(check, columns_of_very_different_size) {
    static const double data[] = {1e-6, 1e6, 3, 2e-6, 1e6 + 1, 3, -1e-6, 1e6 + 3, 3, 4e-6, 1e6 - 2, 3};
    tg_node x = given(TG_F64, tg_shape2(4, 3), data);
    check(tg_square(x), NULL);
    expect(x, TG_PASS);
    check(tg_exp(tg_mul(x, tg_const(g, TG_F64, tg_shape1(3), (double[]){1e6, 1e-6, 10}))), NULL);
    expect(x, TG_PASS);
}

Test(check, softmax_loss) {
    for (tg_dtype t = TG_F32; t <= TG_F64; t++) {
        tg_mark mark = tg_mark_now(g);
        tg_node scores, label, loss = softmax_loss(t, &scores, &label);
        check(loss, NULL);
        cr_assert_eq(leaves, 1); /* labels carry no gradient */
        expect(scores, TG_PASS);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
}

Test(check, batchnorm) {
    for (tg_dtype t = TG_F32; t <= TG_F64; t++) {
        tg_mark mark = tg_mark_now(g);
        for (uint64_t seed = 0; seed < 5; seed++) {
            check(norm_of(t, N, D).out, &(tg_check_options){.seed = seed});
            cr_assert_eq(leaves, 3);
            expect_all(TG_PASS);
            cr_assert_eq(tg_rewind(g, mark), TG_OK);
        }
    }
}

Test(check, hessian_vector_product) {
    for (tg_dtype t = TG_F32; t <= TG_F64; t++) {
        tg_mark mark = tg_mark_now(g);
        struct norm b = norm_of(t, N, D);
        tg_grads d = tg_backward(b.out, drawn(t, tg_shape2(N, D), -1, 1));
        tg_node v = tg_detach(drawn(t, tg_shape2(N, D), -1, 1));
        check(total(tg_mul(v, tg_grad(d, b.x))), &(tg_check_options){.tolerance = 1e-6});
        expect(b.x, TG_PASS);
        expect(b.gamma, TG_PASS);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
}

/* A unit that is dead, a leaf that is not used, a constant column: none of them is a mistake. */
Test(check, zero_gradients_are_no_mistakes) {
    tg_node x = row(4, (double[]){-1, 2, -3, 4}), unused = row(1, (double[]){1});
    check(tg_sum(tg_relu(x), tg_axes_all()), NULL);
    cr_assert_eq(leaves, 1);
    expect(x, TG_PASS);
    cr_assert_eq(of(x)->vacuous, 2);
    check(tg_mul(unused, tg_scalar(g, TG_F64, 0)), NULL);
    expect(unused, TG_VACUOUS);
    check(tg_add(tg_mul(unused, tg_scalar(g, TG_F64, 1e-20)), tg_scalar(g, TG_F64, 1)), NULL); /* lost in rounding */
    expect(unused, TG_VACUOUS);
    tg_node half = given(TG_F64, tg_shape2(2, 1), (double[]){1, 2}); /* the second is not felt, beside a large number */
    tg_node mask = tg_const(g, TG_F64, tg_shape2(2, 1), (double[]){1, 0});
    check(tg_add(tg_mul(half, mask), tg_const(g, TG_F64, tg_shape2(2, 1), (double[]){0, 1e9})), NULL);
    expect(half, TG_PASS);

    tg_node bias = drawn(TG_F64, tg_shape1(D), -1, 1), one = tg_const(g, TG_F64, tg_shape1(D), (double[]){1, 1, 1, 1});
    tg_node data = drawn(TG_F64, tg_shape2(N, D), -2, 2);
    tg_node out = tg_batchnorm(tg_add(data, bias), one, one, tg_axis(0), 1e-5, NULL);
    check(out, NULL);
    expect(bias, TG_VACUOUS); /* what batchnorm takes away has no gradient */
    expect(data, TG_PASS);
}

Test(check, all_ones_prove_nothing) {
    double ones[N * D];
    for (int i = 0; i < N * D; i++) ones[i] = 1;
    for (int k = 0; k < 20; k++) { /* in f32, 1/N is not 1/N, and the gradient not 0, but by no more than rounding */
        tg_mark mark = tg_mark_now(g);
        struct norm b = norm_of(k % 2 ? TG_F32 : TG_F64, N, D);
        check(b.out, &(tg_check_options){.cotangent = ones});
        expect(b.x, TG_VACUOUS);
        expect(b.gamma, TG_VACUOUS);
        expect(b.beta, TG_PASS);
        cr_assert_eq(of(b.x)->vacuous, D);
        cr_assert_eq(of(b.x)->columns, D);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
}

Test(check, scales_that_are_hard_to_find) {
    tg_node zero = drawn(TG_F64, tg_shape0(), 0, 0), scale = tg_scalar(g, TG_F64, 1e5);
    check(tg_exp(tg_mul(zero, scale)), NULL); /* nothing says that 1e-5 is a long step here */
    expect(zero, TG_PASS);
    struct norm b = {.x = given(TG_F64, tg_shape2(4, 1), (double[]){5, 5, 5, 5})};
    tg_node one = tg_const(g, TG_F64, tg_shape1(1), (double[]){1});
    check(tg_batchnorm(b.x, one, one, tg_axis(0), 1e-5, NULL), NULL);
    expect(b.x, TG_PASS);
}

Test(check, long_tape) {
    tg_node x = given(TG_F64, tg_shape0(), (double[]){0.5}), y = x;
    tg_node factor = tg_scalar(g, TG_F64, 1 + 1e-6), term = tg_scalar(g, TG_F64, 1e-6);
    for (int i = 0; i < 50000; i++) y = tg_add(tg_mul(y, factor), term);
    check(tg_square(y), NULL);
    expect(x, TG_PASS);
    tg_node z = drawn(TG_F64, tg_shape1(100), -1, 1); /* of the tape before it, nothing is needed */
    check(tg_square(z), NULL);
    expect(z, TG_PASS);
}
