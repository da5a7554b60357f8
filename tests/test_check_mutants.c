/* The gradient check: wrong gradients, which it must not pass. */
#include "check_faults.h"
#include "check_leaves.h"

TestSuite(check_mutants, .init = setup, .fini = teardown, .timeout = 60);

Test(check_mutants, faults_of_one_vjp) {
    static const double factors[] = {-1, 2, 0, 1 + 1e-6, 1 - 1e-7, INFINITY, NAN};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
        tg_node x = drawn(TG_F64, tg_shape2(3, 2), 0.5, 2), y = drawn(TG_F64, tg_shape1(2), 0.5, 2);
        set_fault(1, factors[i]);
        check(spoiled(&tg__op_mul, x, y), NULL);
        expect(x, TG_PASS);
        expect(y, TG_FAIL);
        set_fault(factors[i], 1);
        check(tg_exp(spoiled(&tg__op_square, x, y)), NULL);
        expect(x, TG_FAIL);
    }
}

Test(check_mutants, missing_term) {
    tg_node x = drawn(TG_F64, tg_shape1(3), 0.5, 2);
    set_fault(1, 1);
    silent = true;
    tg_node z = spoiled(&tg__op_mul, x, tg_square(x));
    check(z, &(tg_check_options){.cotangent = (double[]){1, 1, 1}});
    expect(x, TG_FAIL);
    const tg_check *c = of(x);
    double at = tg_item(x, c->index);
    cr_assert_float_eq(c->ours, at * at, 1e-14); /* both values of the worst element are told */
    cr_assert_float_eq(c->numeric, 3 * at * at, 1e-10);
    cr_assert_float_eq(c->error, 2. / 3, 1e-10);
}

Test(check_mutants, a_zero_in_a_small_column) {
    tg_node x = drawn(TG_F64, tg_shape2(5, 2), -1, 1);
    set_fault(0, 0);
    tg_node large = tg_mul(x, tg_const(g, TG_F64, tg_shape1(2), (double[]){1, 0}));
    tg_node small = tg_mul(spoiled(&tg__op_identity, x, x), tg_const(g, TG_F64, tg_shape1(2), (double[]){0, 1e-6}));
    check(total(tg_square(tg_add(large, small))), NULL);
    check(total(tg_add(large, small)), NULL);
    expect(x, TG_FAIL);
    cr_assert_eq(of(x)->index % 2, 1);
    cr_assert_float_eq(of(x)->numeric, 1e-6, 1e-12);
    cr_assert_eq(of(x)->ours, 0);
}

/* The ten wrong backwards of batch normalization; an all-ones cotangent must not let any of them pass. */
struct mutant {
    const char *what;
    const struct tg_op *op;
    double to_x, to_y;
    bool forgets;
};

static tg_node use(const struct mutant *m, const struct tg_op *op, tg_node x, tg_node y) {
    if (m->op == op) return spoiled(op, x, y);
    return tg__apply(op, (tg_node[]){x, y}, NULL);
}

static tg_node mutant_norm(const struct mutant *m, const struct norm *b) {
    tg_node share = tg_scalar(g, TG_F64, 1. / N), x = use(m, &tg__op_identity, b->x, b->x);
    tg_node xmu = use(m, &tg__op_sub, x, tg_mul(tg_sum(x, tg_axis(0)), share));
    tg_node var = tg_mul(tg_sum(use(m, &tg__op_square, xmu, xmu), tg_axis(0)), share);
    tg_node ivar = tg_reciprocal(tg_sqrt(tg_add(var, tg_scalar(g, TG_F64, 1e-5))));
    if (m->op == &tg__op_detach) ivar = tg_detach(ivar);
    return tg_add(use(m, &tg__op_mul, b->gamma, tg_mul(xmu, ivar)), b->beta);
}

Test(check_mutants, mutants_of_batchnorm) {
    static const struct mutant mutants[] = {
        {"variance path missing", &tg__op_square, 0, 1, false},
        {"variance path doubled", &tg__op_square, 2, 1, false},
        {"variance path flipped", &tg__op_square, -1, 1, false},
        {"variance over N - 1", &tg__op_square, N / (N - 1.), 1, false},
        {"gamma forgotten", &tg__op_mul, 1, 1, true},
        {"dx = 0", &tg__op_identity, 0, 1, false},
        {"dgamma = 0", &tg__op_mul, 0, 1, false},
        {"dgamma flipped", &tg__op_mul, -1, 1, false},
        {"mean path missing", &tg__op_sub, 1, 0, false},
        {"statistics detached", &tg__op_detach, 1, 1, false},
    };
    double ones[N * D];
    for (int i = 0; i < N * D; i++) ones[i] = 1;
    for (size_t i = 0; i < sizeof mutants / sizeof *mutants; i++) {
        const struct mutant *m = &mutants[i];
        tg_mark mark = tg_mark_now(g);
        struct norm b = norm_of(TG_F64, N, D);
        set_fault(m->to_x, m->to_y);
        forgets = m->forgets;
        tg_node out = mutant_norm(m, &b), wrong = m->op == &tg__op_mul && !m->forgets ? b.gamma : b.x;
        check(out, NULL);
        expect(wrong, TG_FAIL);
        expect(b.beta, TG_PASS);
        check(out, &(tg_check_options){.cotangent = ones});
        cr_assert_neq(of(wrong)->verdict, TG_PASS, "%s passes behind an all-ones cotangent", m->what);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
}

Test(check_mutants, detach_that_matters) {
    tg_node x = drawn(TG_F64, tg_shape1(3), 1, 2), hidden = drawn(TG_F64, tg_shape1(3), 1, 2);
    check(tg_mul(x, tg_add(tg_detach(x), tg_detach(hidden))), NULL);
    cr_assert_eq(leaves, 1); /* behind detach alone there is no gradient to check */
    expect(x, TG_FAIL);
}
