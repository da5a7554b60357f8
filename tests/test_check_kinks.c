/* The gradient check at kinks and in noise: what it cannot know, it must admit; what it can, it must tell. */
#include "check_faults.h"
#include "check_leaves.h"

TestSuite(check_kinks, .init = setup, .fini = teardown, .timeout = 60);

Test(check_kinks, kink_at_an_element) {
    tg_node x = row(4, (double[]){-1, 0, 2, 3}), square = given(TG_F64, tg_shape2(2, 2), (double[]){-1, 0, 2, 3});
    check(tg_relu(x), NULL);
    expect(x, TG_KINK);
    cr_assert_eq(of(x)->index, 1);
    cr_assert_eq(of(x)->ours, 0);
    cr_assert_gt(fabs(of(x)->numeric), 0.2);
    check(tg_relu(square), NULL);
    expect(square, TG_KINK);
    check(tg_add(tg_relu(x), tg_relu(tg_neg(x))), NULL); /* |x|: the mean of both slopes is 0, and ours too */
    expect(x, TG_KINK);
}

Test(check_kinks, ties_of_max) {
    static const double two[] = {3, 1, 2, 3, 0, -1}, three[] = {3, 3, 3, 1, 0, -1};
    for (int i = 0; i < 2; i++) { /* between two, the mean of both slopes is what ours is */
        tg_node x = row(6, i ? three : two);
        check(tg_max(x, tg_axes_all()), NULL);
        expect(x, TG_KINK);
        check(tg_mul(total(tg_exp(x)), tg_max(x, tg_axes_all())), NULL);
        expect(x, TG_KINK);
    }
}

Test(check_kinks, kink_nearby_is_cured) {
    for (double off = 0.5; off > 1e-6; off /= 3) {
        tg_node x = given(TG_F64, tg_shape2(3, 2), (double[]){-1, -off, off, 2, 3, 1});
        check(tg_relu(x), NULL);
        expect(x, TG_PASS);
        check(tg_mul(tg_relu(x), tg_exp(x)), NULL);
        expect(x, TG_PASS);
        tg_node tied = row(3, (double[]){3, 3 - off, -4});
        check(tg_add(tg_max(tied, tg_axes_all()), total(tg_square(tied))), NULL);
        expect(tied, TG_PASS);
    }
}

Test(check_kinks, a_mistake_beside_a_kink) {
    tg_node x = given(TG_F64, tg_shape2(3, 1), (double[]){-1, 0, 2});
    set_fault(-1, 1);
    check(tg_add(tg_relu(x), spoiled(&tg__op_square, x, x)), NULL);
    expect(x, TG_FAIL);
    cr_assert_neq(of(x)->index, 1);
    tg_node y = row(1, (double[]){0}), tiny = tg_nil(g);
    for (double size = 1e-4; size > 1e-7; size /= 2) { /* a tiny kink is found */
        tiny = tg_mul(tg_relu(y), tg_scalar(g, TG_F64, size));
        for (double curve = 0.01; curve < 1000; curve *= 3) {
            tg_node out = tg_add(tiny, tg_exp(tg_mul(y, tg_scalar(g, TG_F64, curve))));
            check(tg_add(out, tg_scalar(g, TG_F64, 300)), NULL); /* where short steps are noisier, too */
            cr_assert_neq(of(y)->verdict, TG_FAIL);
            check(out, NULL);
            if (curve * 1e-6 < size) expect(y, TG_KINK);
            cr_assert_neq(of(y)->verdict, TG_FAIL);
        }
    }
    set_fault(1.01, 1); /* but does not excuse a large error in its own element */
    check(tg_add(tiny, tg_exp(spoiled(&tg__op_identity, y, y))), NULL);
    expect(y, TG_FAIL);
}

Test(check_kinks, half_a_slope_beside_a_kink) {
    tg_node x = given(TG_F64, tg_shape2(3, 1), (double[]){1e-12, -1, 1});
    set_fault(0.5, 1);
    tg_node mask = tg_const(g, TG_F64, tg_shape2(3, 1), (double[]){1, 0, 0});
    check(tg_mul(mask, tg_relu(spoiled(&tg__op_identity, x, x))), NULL); /* as long steps say: the mean of 0 and 1 */
    expect(x, TG_FAIL);
    cr_assert_eq(of(x)->index, 0);
}

Test(check_kinks, a_wild_element_hides_nothing) {
    tg_node x = given(TG_F64, tg_shape2(3, 1), (double[]){0, 1, 2}), zero = tg_scalar(g, TG_F64, 0);
    tg_node step = tg_mul(tg_gt(x, zero), tg_scalar(g, TG_F64, 1e6));
    set_fault(1, 1);
    check(total(tg_add(step, spoiled(&tg__op_square, x, x))), NULL);
    expect(x, TG_NOISE);
    cr_assert_eq(of(x)->index, 0);
    cr_assert_gt(of(x)->noise, 1e-8);
    set_fault(1.001, 1);
    check(total(tg_add(step, spoiled(&tg__op_square, x, x))), NULL);
    expect(x, TG_FAIL);
}

Test(check_kinks, noise_is_admitted) {
    tg_node x = row(3, (double[]){1, 2, 3}), s = given(TG_F64, tg_shape0(), (double[]){0.5});
    tg_node large = tg_scalar(g, TG_F64, 1e10);
    tg_node third = tg_div(x, tg_scalar(g, TG_F64, 3));
    check(total(tg_sub(tg_add(third, large), large)), NULL); /* rounding eats ten digits */
    expect(x, TG_NOISE);
    check(tg_exp(s), &(tg_check_options){.tolerance = 1e-17});
    expect(s, TG_NOISE);
    tg_node negative = row(3, (double[]){1, -1, 3});
    check(tg_sqrt(negative), NULL); /* not a number on both sides */
    expect(negative, TG_NOISE);
    cr_assert(isnan(of(negative)->numeric));
}

Test(check_kinks, infinite_outputs_that_do_not_move) {
    tg_node x = row(2, (double[]){1, 2}), endless = tg_const(g, TG_F64, tg_shape1(1), (double[]){-INFINITY});
    tg_node mask = tg_const(g, TG_F64, tg_shape1(2), (double[]){1, 0});
    check(tg_where(mask, tg_square(x), endless), NULL);
    expect(x, TG_PASS);
}

Test(check_kinks, an_infinite_output_refutes_nothing) {
    tg_node x = row(3, (double[]){1, 2, 0});
    check(tg_sum(tg_log(x), tg_axis(0)), NULL);
    expect(x, TG_NOISE);
}
