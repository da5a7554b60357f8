/* The exact half of the simplifier: what is dropped, merged and folded, and that not a bit of a result changes. */
#include "simplified.h"

#include "api.h"
#include "random_tape.h"

TestSuite(simplify, .timeout = 60);

/* ------------------------------------------------------------------------------------------------- the same bits */

static void expect_same_bits(tg_node a, tg_node b, const char *where) {
    const size_t n = tg_size(a);
    cr_assert_eq(n, tg_size(b), "%s", where);
    cr_assert_eq(tg_dtype_of(a), tg_dtype_of(b), "%s", where);
    const tg_shape s = tg_dims(a), t = tg_dims(b);
    cr_assert(tg__same_dims(&s, &t), "%s", where);
    const void *x = tg_value(a), *y = tg_value(b);
    cr_assert_eq(x == NULL, y == NULL, "%s: %s", where, tg_name(a)); /* a leaf that is not set */
    cr_expect(n == 0 || !x || memcmp(x, y, n * tg__item_size(tg_dtype_of(a))) == 0, "%s: node %u '%s'", where, a.id,
              tg_name(a));
}

/* Of the wanted nodes, against the tape; where the tape fails, so does what is left of it, or it needs less. */
static void expect_exact(const tg_node *wanted, size_t count, const char *where) {
    struct simplified z = simplify(wanted, count, NULL, 0, TG_EXACT, 0);
    tg_graph *g = z.of;
    cr_expect(tg_count(z.s.graph) <= tg_count(g), "%s", where);
    const tg_status small = run_small(&z), whole = tg_run(g);
    if (whole == TG_OK) cr_assert_eq(small, TG_OK, "%s: %s", where, tg_message(z.s.graph));
    for (size_t i = 0; i < count && whole == TG_OK; i++) expect_same_bits(wanted[i], small_node(&z, i), where);
    simplified_free(&z);
}

static void give_all(tg_graph *g, uint64_t seed) {
    uint64_t state = seed;
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node a = tg_node_at(g, id);
        if (!tg__is_leaf(tg__node_of(g, id)) || tg_value(a)) continue;
        double *v = random_array(&state, tg_size(a), 0.25, 0.9);
        int32_t *label = calloc(tg_size(a) + 1, sizeof *label);
        cr_assert_eq(tg_dtype_of(a) == TG_I32 ? tg_set(a, label) : set_doubles(a, v), TG_OK);
        free(v);
        free(label);
    }
}

/* Everything that has a name, as far as there is room. */
static size_t all_named(tg_graph *g, tg_node *wanted) {
    size_t n = 0;
    for (uint32_t id = tg_count(g); id > 0 && n < WANTED; id--)
        if (tg_name(tg_node_at(g, id))[0]) wanted[n++] = tg_node_at(g, id);
    return n;
}

Test(simplify, every_constructor_keeps_its_bits) {
    for (size_t p = 0; p < PROGRAMS; p++) {
        tg_graph *g = tg_graph_new();
        tg_node leaf[API_LEAVES], wanted[WANTED];
        api_leaves(g, programs[p].leaves, leaf);
        const tg_node out = programs[p].make(leaf);
        if (tg__node_of(g, out.id)->flags & TG__DIFFERENTIABLE)
            tg_backward(out, tg_input(g, tg_dtype_of(out), tg_dims(out)));
        tg_let(out, "the result", NULL, 0);
        cr_assert_eq(tg_error(g), TG_OK, "%s: %s", programs[p].name, tg_message(g));
        give_all(g, p + 1);
        expect_exact(wanted, all_named(g, wanted), programs[p].name);
        tg_graph_free(g);
    }
}

Test(simplify, random_tapes_keep_their_bits) {
    for (uint64_t seed = 1; seed <= (SANITIZED ? 100 : 400); seed++) {
        struct tape t = build(seed);
        tg_node wanted[WANTED];
        char where[40];
        snprintf(where, sizeof where, "seed %llu", (unsigned long long)seed);
        const size_t n = all_named(t.g, wanted);
        if (n) expect_exact(wanted, n, where);
        expect_exact(&t.node[t.nodes - 1], 1, where);
        tg_graph_free(t.g);
    }
}

/* ------------------------------------------------------------------------------------------- how much there is left */

static tg_graph *g;
static struct simplified z;

static void of(tg_node a) { z = simplify(&a, 1, NULL, 0, TG_EXACT, 0); }
static void begin(void) { g = tg_graph_new(); }
static void end(void) {
    simplified_free(&z);
    tg_graph_free(g);
}

Test(simplify, what_nobody_needs_is_dropped, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(y, tg_exp(x));
    TG_LET(unused, tg_sqrt(tg_input(g, TG_F64, tg_shape0())));
    of(tg_neg(y));
    cr_expect_eq(tg_count(z.s.graph), 3);
    cr_expect_eq(z.s.nodes, 2);
    cr_expect(tg_is_nil(tg_find(z.s.graph, "unused")));
}

Test(simplify, what_is_there_twice_is_one, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(3, 2)));
    TG_LET(other, tg_input(g, TG_F64, tg_shape2(3, 2)));
    const tg_node a = tg_sum(tg_exp(x), tg_axis(0)), b = tg_sum(tg_exp(x), tg_axis(0));
    const tg_node kept = tg_sum(tg_exp(x), tg_keep(tg_axis(0))), c = tg_sum(tg_exp(other), tg_axis(0));
    of(tg_add(tg_add(a, b), tg_add(c, tg_mul(kept, kept))));
    cr_expect_eq(count_op(z.s.graph, "exp", 0), 2, "one each of x and other: leaves are never one");
    cr_expect_eq(count_op(z.s.graph, "sum", 0), 3);
}

Test(simplify, equal_constants_are_one, .init = begin, .fini = end) {
    const double data[] = {1, 2};
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    const tg_node a = tg_const(g, TG_F64, tg_shape1(2), data), b = tg_const(g, TG_F64, tg_shape1(2), data);
    const tg_node zero = tg_scalar(g, TG_F64, 0.0), minus_zero = tg_scalar(g, TG_F64, -0.0);
    of(tg_add(tg_add(tg_mul(x, a), tg_mul(x, b)), tg_add(tg_div(x, zero), tg_div(x, minus_zero))));
    cr_expect_eq(count_op(z.s.graph, "const", 0), 3);
    cr_expect_eq(count_op(z.s.graph, "mul", 0), 1);
}

Test(simplify, constants_are_folded, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(4)));
    TG_LET(two, tg_scalar(g, TG_F64, 2));
    TG_LET(four, tg_square(two));
    TG_LET(root, tg_sqrt(tg_add(two, four)));
    of(tg_mul(x, root));
    cr_expect_eq(tg_count(z.s.graph), 3);
    cr_expect_eq(tg_item(tg_find(z.s.graph, "root"), 0), sqrt(6.0));
    cr_expect(tg_is_nil(tg_find(z.s.graph, "four")));
}

Test(simplify, a_constant_does_not_grow, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(1000)));
    TG_LET(many, tg_expand(tg_scalar(g, TG_F64, 2), tg_shape1(1000)));
    of(tg_add(x, tg_square(many)));
    cr_expect_eq(count_op(z.s.graph, "expand", 0), 1);
}

/* A label that is none fails a run, not the simplifier. */
Test(simplify, a_constant_that_cannot_be_computed, .init = begin, .fini = end) {
    const int32_t label = 7;
    const double data[] = {1, 2};
    const tg_node x = tg_const(g, TG_F64, tg_shape1(2), data);
    of(tg_gather(x, tg_const(g, TG_I32, tg_shape0(), &label)));
    cr_expect_eq(count_op(z.s.graph, "gather", 0), 1);
    cr_expect_eq(run_small(&z), TG_VALUE);
    cr_expect_eq(run_small(&z), TG_VALUE, "and again");
    cr_expect_eq(tg_error(g), TG_OK);
}

Test(simplify, views_vanish_and_leave_their_names, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(2, 3)));
    TG_LET(same, tg_identity(x));
    TG_LET(fixed, tg_detach(same));
    TG_LET(flat, tg_reshape(fixed, tg_shape1(6)));
    TG_LET(back, tg_reshape(flat, tg_shape2(2, 3)));
    TG_LET(out, tg_add(back, x));
    of(out);
    cr_expect_eq(tg_count(z.s.graph), 2);
    const uint32_t leaf = tg_find(z.s.graph, "x").id;
    const char *names[] = {"same", "fixed", "back"};
    for (size_t i = 0; i < 3; i++) cr_expect_eq(tg_find(z.s.graph, names[i]).id, leaf, "%s", names[i]);
    cr_expect(tg_is_nil(tg_find(z.s.graph, "flat")));
    cr_expect_eq(z.s.origin[leaf], x.id);
}

Test(simplify, scopes_and_stages_stay, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(3)));
    TG_LET(out, tg_batchnorm(x, gamma, gamma, tg_axis(0), 1e-5, "bn"));
    of(out);
    const tg_node xhat = tg_find(z.s.graph, "bn/xhat"), was = tg_find(g, "bn/xhat");
    cr_assert(!tg_is_nil(xhat));
    const tg_place a = tg_where_is(xhat), b = tg_where_is(was);
    cr_expect_str_eq(a.scope, "bn/");
    cr_expect_str_eq(a.name, "xhat");
    cr_expect_eq(a.stage, b.stage);
    cr_expect_eq(a.line, b.line);
    cr_expect_str_eq(a.file, b.file);
    cr_expect(tg_is_param(tg_find(z.s.graph, "gamma")));
    cr_expect_eq(tg_find(z.s.graph, "bn/gamma").id, tg_find(z.s.graph, "bn/beta").id);
}

Test(simplify, what_is_given_is_a_leaf, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(4)));
    TG_LET(y, tg_exp(x));
    TG_LET(out, tg_add(tg_neg(y), tg_exp(x)));
    for (int fast = 0; fast < 2; fast++) {
        if (fast) simplified_free(&z);
        z = simplify(&out, 1, &y, 1, fast ? TG_FAST : TG_EXACT, 0);
        const tg_node leaf = tg_find(z.s.graph, "y");
        cr_expect_eq(z.s.origin[leaf.id], y.id);
        cr_expect_str_eq(tg_op_of(leaf), "input");
        cr_expect_eq(z.s.nodes, fast ? z.s.nodes : 3);
    }
}

Test(simplify, a_draw_is_kept, .init = begin, .fini = end) {
    const tg_node a = tg_uniform(tg_scalar(g, TG_F64, 3), 7, TG_F64, tg_shape0());
    of(tg_mul(a, tg_scalar(g, TG_F64, 2)));
    cr_expect_eq(count_op(z.s.graph, "uniform", 0), 1);
    cr_expect_eq(run_small(&z), TG_OK);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_expect_eq(tg_item(small_node(&z, 0), 0), 2 * tg_item(a, 0));
}

Test(simplify, wanted_twice_and_leaves_wanted, .init = begin, .fini = end) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(4)));
    const tg_node c = tg_scalar(g, TG_F64, 2), wanted[] = {x, tg_identity(x), c, x};
    z = simplify(wanted, 4, NULL, 0, TG_EXACT, 0);
    cr_expect_eq(tg_count(z.s.graph), 2);
    cr_expect_eq(z.s.result[0], z.s.result[1]);
    cr_expect_eq(z.s.result[0], z.s.result[3]);
    cr_expect_eq(tg_item(small_node(&z, 2), 0), 2);
}
