/* The gradient check: what it must pass, what it must refuse, and what it must admit not to know. Wrong gradients are
 * made by copies of operators whose vjp is multiplied by a fault. */
#include "ops.h"
#include "support.h"

#include <criterion/criterion.h>
#include <time.h>

enum { N = 20, D = 4, LEAVES = 8 };

static tg_graph *g;
static uint64_t random_state;
static void setup(void) {
    g = tg_graph_new();
    random_state = 7;
}
static void teardown(void) { tg_graph_free(g); }
TestSuite(check, .init = setup, .fini = teardown, .timeout = 60);

static tg_check checks[LEAVES];
static size_t leaves;

static void check(tg_node out, const tg_check_options *options) {
    cr_assert_eq(tg_check_gradient(out, options, checks, LEAVES, &leaves), TG_OK, "%s", tg_message(out.graph));
    cr_assert_leq(leaves, LEAVES);
}

static const tg_check *of(tg_node leaf) {
    for (size_t i = 0; i < leaves; i++)
        if (checks[i].leaf.id == leaf.id) return &checks[i];
    cr_assert_fail("%s is not among the %zu leaves", tg_name(leaf), leaves);
    return NULL;
}

static void expect(tg_node leaf, tg_verdict v) {
    const tg_check *c = of(leaf);
    cr_assert_eq(c->verdict, v, "%s: %s, not %s: error %g, noise %g, [%zu] ours %.17g numeric %.17g", tg_name(leaf),
                 tg_verdict_name(c->verdict), tg_verdict_name(v), c->error, c->noise, c->index, c->ours, c->numeric);
}

static void expect_all(tg_verdict v) {
    cr_assert_gt(leaves, 0);
    for (size_t i = 0; i < leaves; i++) expect(checks[i].leaf, v);
}

static tg_node given(tg_dtype dtype, tg_shape shape, const double *values) {
    tg_node a = tg_input(g, dtype, shape);
    cr_assert_eq(set_doubles(a, values), TG_OK);
    return a;
}

static tg_node row(size_t n, const double *values) { return given(TG_F64, tg_shape1((int64_t)n), values); }

static tg_node drawn(tg_dtype dtype, tg_shape shape, double low, double high) {
    tg_node a = tg_input(g, dtype, shape);
    double *values = random_array(&random_state, tg_size(a), low, high);
    cr_assert_eq(set_doubles(a, values), TG_OK);
    free(values);
    return a;
}

static tg_node total(tg_node a) { return tg_sum(a, tg_axes_all()); }

/* -------------------------------------------------------------------------------------------------------- faults */

static double fault[2];      /* factors on what goes to each operand */
static bool silent, forgets; /* sends nothing, or g itself, to the second operand */

static tg_node spoil(const struct tg_op *op, tg_node z, tg_node gradient, int slot) {
    if (slot == 1 && silent) return tg_nil(z.graph);
    if (slot == 1 && forgets) return gradient;
    tg_node term = op->vjp(z, gradient, slot);
    return fault[slot] == 1 ? term : tg_mul(term, tg_scalar_like(term, fault[slot]));
}

static tg_node mul_vjp(tg_node z, tg_node d, int slot) { return spoil(&tg__op_mul, z, d, slot); }
static tg_node sub_vjp(tg_node z, tg_node d, int slot) { return spoil(&tg__op_sub, z, d, slot); }
static tg_node square_vjp(tg_node z, tg_node d, int slot) { return spoil(&tg__op_square, z, d, slot); }
static tg_node identity_vjp(tg_node z, tg_node d, int slot) { return spoil(&tg__op_identity, z, d, slot); }

static tg_node spoiled(const struct tg_op *op, tg_node x, tg_node y) {
    static struct tg_op wrong[4];
    static const struct tg_op *const right[4] = {&tg__op_mul, &tg__op_sub, &tg__op_square, &tg__op_identity};
    static tg_node (*const vjp[4])(tg_node, tg_node, int) = {mul_vjp, sub_vjp, square_vjp, identity_vjp};
    for (int i = 0; i < 4; i++) {
        wrong[i] = *right[i];
        wrong[i].vjp = vjp[i];
        if (op == right[i]) return tg__apply(&wrong[i], (tg_node[]){x, y}, NULL);
    }
    return tg_nil(x.graph);
}

static void set_fault(double to_x, double to_y) {
    fault[0] = to_x;
    fault[1] = to_y;
    silent = forgets = false;
}

/* ------------------------------------------------------------------------------------------------- what must pass */

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

static tg_node softmax_loss(tg_dtype dtype, tg_node *scores, tg_node *label) {
    *scores = drawn(dtype, tg_shape2(N, 3), -2, 2);
    *label = tg_input(g, TG_I32, tg_shape1(N));
    int32_t labels[N];
    for (int i = 0; i < N; i++) labels[i] = i % 3;
    cr_assert_eq(tg_set(*label, labels), TG_OK);
    return tg_softmax_loss(*scores, *label, NULL);
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

struct norm {
    tg_node x, gamma, beta, out;
};

static struct norm norm_of(tg_dtype dtype, int64_t n, int64_t d) {
    struct norm b = {drawn(dtype, tg_shape2(n, d), -3, 5), drawn(dtype, tg_shape1(d), 0.5, 2),
                     drawn(dtype, tg_shape1(d), -1, 1), tg_nil(g)};
    b.out = tg_batchnorm(b.x, b.gamma, b.beta, tg_axis(0), 1e-5, NULL);
    return b;
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

/* -------------------------------------------------------------------------------------------------- what must fail */

Test(check, faults_of_one_vjp) {
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

Test(check, missing_term) {
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

Test(check, a_zero_in_a_small_column) {
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

Test(check, mutants_of_batchnorm) {
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

Test(check, detach_that_matters) {
    tg_node x = drawn(TG_F64, tg_shape1(3), 1, 2), hidden = drawn(TG_F64, tg_shape1(3), 1, 2);
    check(tg_mul(x, tg_add(tg_detach(x), tg_detach(hidden))), NULL);
    cr_assert_eq(leaves, 1); /* behind detach alone there is no gradient to check */
    expect(x, TG_FAIL);
}

/* ------------------------------------------------------------------------------------------------ kinks and noise */

Test(check, kink_at_an_element) {
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

Test(check, ties_of_max) {
    static const double two[] = {3, 1, 2, 3, 0, -1}, three[] = {3, 3, 3, 1, 0, -1};
    for (int i = 0; i < 2; i++) { /* between two, the mean of both slopes is what ours is */
        tg_node x = row(6, i ? three : two);
        check(tg_max(x, tg_axes_all()), NULL);
        expect(x, TG_KINK);
        check(tg_mul(total(tg_exp(x)), tg_max(x, tg_axes_all())), NULL);
        expect(x, TG_KINK);
    }
}

Test(check, kink_nearby_is_cured) {
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

Test(check, a_mistake_beside_a_kink) {
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

Test(check, half_a_slope_beside_a_kink) {
    tg_node x = given(TG_F64, tg_shape2(3, 1), (double[]){1e-12, -1, 1});
    set_fault(0.5, 1);
    tg_node mask = tg_const(g, TG_F64, tg_shape2(3, 1), (double[]){1, 0, 0});
    check(tg_mul(mask, tg_relu(spoiled(&tg__op_identity, x, x))), NULL); /* as long steps say: the mean of 0 and 1 */
    expect(x, TG_FAIL);
    cr_assert_eq(of(x)->index, 0);
}

Test(check, a_wild_element_hides_nothing) {
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

Test(check, noise_is_admitted) {
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

Test(check, infinite_outputs_that_do_not_move) {
    tg_node x = row(2, (double[]){1, 2}), endless = tg_const(g, TG_F64, tg_shape1(1), (double[]){-INFINITY});
    tg_node mask = tg_const(g, TG_F64, tg_shape1(2), (double[]){1, 0});
    check(tg_where(mask, tg_square(x), endless), NULL);
    expect(x, TG_PASS);
}

/* ---------------------------------------------------------------------------------------------- what may be asked */

struct reports {
    size_t calls, done, total;
};
static void progress(void *user, size_t done, size_t all) {
    struct reports *r = user;
    cr_assert_geq(done, r->done);
    *r = (struct reports){r->calls + 1, done, all};
}

Test(check, options_and_room) {
    struct norm b = norm_of(TG_F64, N, D);
    struct reports r = {0, 0, 0};
    check(b.out, &(tg_check_options){.progress = progress, .user = &r});
    cr_assert_eq(r.done, N * D + 2 * D);
    cr_assert_eq(r.total, r.done);
    cr_assert_geq(r.calls, 2);
    tg_check first = checks[0], again[2] = {{.index = 77}, {.index = 77}};
    size_t count = 0;
    cr_assert_eq(tg_check_gradient(b.out, NULL, again, 1, &count), TG_OK);
    cr_assert_eq(count, 3);
    cr_assert_eq(again[0].numeric, first.numeric); /* the same seed, the same bits */
    cr_assert_eq(again[1].index, 77);
    cr_assert_eq(tg_check_gradient(b.out, NULL, NULL, 0, &count), TG_OK);
    cr_assert_eq(count, 3);
    cr_assert_eq(tg_check_gradient(b.out, &(tg_check_options){.seed = 1}, again, 1, NULL), TG_OK);
    cr_assert_neq(again[0].numeric, first.numeric);
}

Test(check, a_single_output_keeps_its_own_gradient) {
    tg_node x = given(TG_F64, tg_shape0(), (double[]){3});
    check(tg_square(x), &(tg_check_options){.seed = 99});
    cr_assert_eq(of(x)->ours, 6);
    check(tg_square(x), &(tg_check_options){.cotangent = (double[]){-2}});
    cr_assert_eq(of(x)->ours, -12);
    expect(x, TG_PASS);
}

Test(check, nothing_to_check) {
    tg_node empty = drawn(TG_F64, tg_shape2(0, 3), 0, 1), x = row(2, (double[]){1, 2});
    check(tg_square(empty), NULL);
    expect(empty, TG_VACUOUS);
    check(tg_add(total(tg_square(empty)), total(tg_square(x))), NULL);
    expect(empty, TG_VACUOUS);
    expect(x, TG_PASS);
    check(x, NULL);
    expect(x, TG_PASS);
}

static void refused(tg_node out, const tg_check_options *o, tg_status status, const char *says) {
    size_t count = 9;
    cr_assert_eq(tg_check_gradient(out, o, checks, LEAVES, &count), status, "%s", tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), says), "'%s' is not in: %s", says, tg_message(g));
    cr_assert_eq(count, 0);
}

Test(check, refusals) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(y, tg_square(x));
    refused(y, NULL, TG_VALUE, "'x' has no value");
    cr_assert_eq(tg_set(x, (double[]){1, 2, 3}), TG_OK);
    refused(tg_nil(g), NULL, TG_HANDLE, "nil");
    refused(tg_scalar(g, TG_F64, 1), NULL, TG_GRADIENT, "constant");
    refused(y, &(tg_check_options){.tolerance = -1}, TG_ARGUMENT, "tolerance");
    refused(y, &(tg_check_options){.tolerance = NAN}, TG_ARGUMENT, "tolerance");
    cr_assert_eq(tg_check_gradient(tg_nil(NULL), NULL, NULL, 0, NULL), TG_HANDLE);
    check(y, NULL); /* none of these stays */
    cr_assert_eq(tg_error(g), TG_OK);
    tg_mark mark = tg_mark_now(g);
    tg_add(x, tg_nil(g));
    refused(y, NULL, TG_HANDLE, "operand 2 is nil"); /* an error of the tape does */
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    check(y, NULL);
}

Test(check, errors_of_the_twin_are_handed_over) {
    tg_node unused = tg_input(g, TG_F64, tg_shape1(2)), scores, labels;
    tg_node loss = softmax_loss(TG_F32, &scores, &labels);
    TG_LET(label, labels);
    int32_t bad[N] = {0, 1, 2, 7};
    cr_assert_eq(tg_set(label, bad), TG_OK);
    cr_assert_eq(tg_run_to(loss), TG_VALUE);
    char said[400];
    snprintf(said, sizeof said, "%s", tg_message(g));
    refused(loss, NULL, TG_VALUE, "'label'[3] = 7");
    cr_assert_str_eq(tg_message(g), said); /* the very words that a run would have, with the place */
    cr_assert_not_null(strstr(said, "compose.c"));
    bad[3] = 0;
    cr_assert_eq(tg_set(label, bad), TG_OK);
    check(loss, NULL);
    expect_all(TG_PASS);
    (void)unused;
}

Test(check, the_graph_stays_as_it_is) {
    struct norm b = norm_of(TG_F32, N, D);
    float *bound = calloc(N * D, sizeof *bound);
    for (int i = 0; i < N * D; i++) bound[i] = (float)(i * i % 17);
    cr_assert_eq(tg_bind(b.x, bound), TG_OK);
    tg_node later = tg_square(b.out);
    tg_mark before = tg_mark_now(g);
    check(b.out, NULL);
    expect_all(TG_PASS);
    tg_mark after = tg_mark_now(g);
    cr_assert_eq(memcmp(before.at, after.at, sizeof before.at), 0);
    cr_assert_eq(before.strings, after.strings);
    cr_assert_null(tg_value(b.out)); /* never run */
    cr_assert_null(tg_value(later));
    cr_assert_eq(tg_value(b.x), bound);
    for (int i = 0; i < N * D; i++) cr_assert_eq(bound[i], (float)(i * i % 17));
    free(bound);
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

/* --------------------------------------------------------------------------------------------- every allocation */

Test(check, out_of_memory) {
    struct heap heap = {0};
    tg_graph_free(g);
    g = tg_graph_new_with(heap_allocator(&heap));
    struct norm b = norm_of(TG_F32, 3, 2);
    check(b.out, NULL);
    const size_t live = heap.live, start = heap.calls;
    tg_check right[LEAVES];
    memcpy(right, checks, sizeof right);
    check(b.out, NULL);
    const size_t points = heap.calls - start;
    cr_assert_gt(points, 5);
    for (int onward = 0; onward < 2; onward++)
        for (size_t k = 1; k <= points; k++) {
            tg_mark before = tg_mark_now(g);
            heap.onward = onward;
            heap.fail_at = heap.calls + k;
            refused(b.out, NULL, TG_MEMORY, "out of memory");
            heap.fail_at = 0;
            cr_assert_eq(heap.live, live);
            cr_assert_eq(tg_count(g), before.at[0] - 1);
            check(b.out, NULL); /* a second try, with memory, is as if nothing had been */
            for (size_t i = 0; i < leaves; i++) cr_assert_eq(checks[i].numeric, right[i].numeric);
        }
    cr_log_info("%zu allocations failed in turn, once and from there on", points);
    tg_graph_free(g);
    g = NULL;
    cr_assert_eq(heap.blocks, 0);
    cr_assert_eq(heap.wrong, 0);
}
