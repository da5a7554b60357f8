/* Every allocation of a whole program fails in turn, once and from there on: there is a status and a message, nothing
 * leaks, nothing crashes, and with memory back the same program gives the same bits, names and history. */
#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(memory, .timeout = 300);

enum { N = 100, D = 6, C = 3, MANY = 1 << 16 }; /* so many that a sum is cut into groups */

static double data[N * D], weights[D * C], ones[D], cotangent[N * D];
static int32_t truth[N];

static void draw(void) {
    uint64_t state = 42;
    for (int i = 0; i < N * D; i++) data[i] = random_between(&state, -2, 2);
    for (int i = 0; i < N * D; i++) cotangent[i] = random_between(&state, -2, 2);
    for (int i = 0; i < D * C; i++) weights[i] = random_between(&state, -1, 1);
    for (int i = 0; i < D; i++) ones[i] = 1;
    for (int i = 0; i < N; i++) truth[i] = i % C;
}

/* ----------------------------------------------------------------------------------------------------- the program
 * Leaves, labels, constants, batch normalization in a scope, a layer, a loss, a sweep, a name that displaces an
 * adjoint's, and a Hessian-vector product. A step that fails is not looked at: the graph remembers. */

static void build(tg_graph *g, int ahead) {
    for (int i = 0; i < ahead; i++) { /* tables come near the end of a chunk, so that they grow at another place */
        char name[20];
        snprintf(name, sizeof name, "n%d", i);
        (void)tg_let(tg_neg(tg_scalar(g, TG_F32, i)), name, name, i);
    }
    static const char *const columns[D] = {"one", "two", "three", "four", "five", "six"};
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(N, D)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(D)));
    TG_LET(w, tg_param(g, TG_F64, tg_shape2(D, C)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(N)));
    TG_LET(b, tg_const(g, TG_F64, tg_shape1(C), weights));
    TG_LET(v, tg_input(g, TG_F64, tg_shape2(N, D)));
    if (tg_label_columns(x, columns, D) != TG_OK) return;
    TG_LET(norm, tg_batchnorm(x, gamma, gamma, tg_axis(0), 1e-5, "bn1"));
    TG_LET(scores, tg_linear(tg_relu(norm), w, b, NULL));
    TG_LET(loss, tg_softmax_loss(scores, label, "ce"));
    tg_grads d = tg_backward(loss, tg_nil(g));
    if (tg_error(g) != TG_OK) return;
    TG_LET(dx, tg_neg(tg_grad(d, x)));
    TG_LET(along, tg_sum(tg_mul(v, dx), tg_axes_all()));
    tg_grads h = tg_backward(along, tg_nil(g));
    if (tg_error(g) != TG_OK) return;
    TG_LET(curvature, tg_grad(h, x));
    TG_LET(many, tg_sum(tg_expand(loss, tg_shape1(MANY)), tg_axes_all()));
}

static tg_status give(tg_graph *g) {
    const struct {
        const char *name;
        const void *data;
    } leaf[] = {{"x", data}, {"gamma", ones}, {"w", weights}, {"label", truth}, {"v", cotangent}};
    for (size_t i = 0; i < sizeof leaf / sizeof *leaf; i++) {
        tg_node a = tg_find(g, leaf[i].name);
        tg_status status = i == 4 ? tg_bind(a, leaf[i].data) : tg_set(a, leaf[i].data);
        if (status != TG_OK) return status;
    }
    return TG_OK;
}

static tg_status run(tg_graph *g) {
    tg_status status = give(g);
    return status == TG_OK ? tg_run(g) : status;
}

/* ------------------------------------------------------------------------------------------------------- the result */

static void mix(uint64_t *hash, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) *hash = (*hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
}

/* Operators, names, stages, values and moments of the whole tape as one number. */
static uint64_t story(tg_graph *g) {
    uint64_t hash = tg_count(g);
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        tg_node a = tg_node_at(g, id);
        tg_place at = tg_where_is(a);
        mix(&hash, tg_op_of(a), strlen(tg_op_of(a)));
        mix(&hash, at.scope, strlen(at.scope));
        mix(&hash, at.name, strlen(at.name));
        mix(&hash, &at.stage, sizeof at.stage);
        for (size_t i = 0; tg_alias(a, i); i++) {
            mix(&hash, tg_alias(a, i), strlen(tg_alias(a, i)));
            cr_assert_eq(tg_find(g, tg_alias(a, i)).id, id, "%s is not found", tg_alias(a, i));
        }
        cr_assert_not_null(tg_value(a));
        if (tg_size(a) < MANY) mix(&hash, tg_value(a), tg_size(a) * (tg_dtype_of(a) == TG_F64 ? 8 : 4));
    }
    for (size_t k = 0; k < tg_moments(g); k++) {
        tg_moment m = tg_moment_at(g, k);
        mix(&hash, &m.node.id, sizeof m.node.id);
        mix(&hash, &m.term.id, sizeof m.term.id);
        mix(&hash, &m.stage, sizeof m.stage);
    }
    mix(&hash, tg_column(tg_find(g, "x"), 5), 3);
    return hash;
}

static void balanced(const struct heap *h, size_t point) {
    cr_assert_eq(h->live, 0, "point %zu: %zu bytes leak", point, h->live);
    cr_assert_eq(h->blocks, 0);
    cr_assert_eq(h->wrong, 0, "point %zu: a block was given back with another size", point);
}

/* True if allocation `point` was reached. */
static bool fails_at(size_t point, bool onward, int ahead, uint64_t want) {
    struct heap heap = {.fail_at = point, .onward = onward};
    tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
    if (!g) {
        balanced(&heap, point);
        return true;
    }
    tg_mark m = tg_mark_now(g);
    build(g, ahead);
    const bool built = tg_error(g) == TG_OK;
    tg_status status = built ? run(g) : tg_run(g);
    const bool reached = heap.calls >= point;
    if (reached) {
        cr_assert_eq(status, TG_MEMORY, "point %zu: status %d: %s", point, status, tg_message(g));
        cr_assert_eq(tg_error(g), TG_MEMORY);
        cr_assert_not_null(strstr(tg_message(g), "out of memory"), "point %zu: '%s'", point, tg_message(g));
    }
    heap.fail_at = 0;
    if (built) {
        cr_assert_eq(run(g), TG_OK, "point %zu: a second try: %s", point, tg_message(g));
        cr_assert_eq(story(g), want, "point %zu: the second try differs", point);
    }
    cr_assert_eq(tg_rewind(g, m), TG_OK, "point %zu: %s", point, tg_message(g));
    cr_assert_eq(tg_error(g), TG_OK);
    build(g, ahead);
    cr_assert_eq(run(g), TG_OK, "point %zu: after the rewind: %s", point, tg_message(g));
    cr_assert_eq(story(g), want, "point %zu: after the rewind it differs", point);
    tg_graph_free(g);
    balanced(&heap, point);
    return reached;
}

static size_t points(bool onward, int ahead) {
    tg_graph *g = tg_graph_new();
    build(g, ahead);
    cr_assert_eq(run(g), TG_OK, "%s", tg_message(g));
    const uint64_t want = story(g);
    tg_graph_free(g);
    size_t n = 0;
    while (fails_at(n + 1, onward, ahead, want)) n++;
    return n;
}

Test(memory, every_allocation_fails) {
    draw();
    size_t once = points(false, 0), onward = points(true, 0), others = 0;
    cr_assert_gt(once, 20);
    cr_assert_gt(onward, 20);
    if (TG__CHUNK > 16) /* else tables grow all the time */
        for (int ahead = 150; ahead < 1100; ahead += 231) others += points(ahead % 2, ahead);
    printf("allocations failed in turn: %zu one by one, %zu with all behind, %zu where tables grow elsewhere\n", once,
           onward, others);
    fflush(stdout);
}

/* A name that takes another's string, where the memory for it runs out: the loser has its string back. */
Test(memory, names_survive_a_failed_displacement) {
    for (size_t point = 1, at = 1000; at < 1040; point++) { /* somewhere there, the table of names is full */
        struct heap heap = {0};
        tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
        TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
        TG_LET(y, tg_exp(x));
        tg_grads d = tg_backward(y, tg_nil(g));
        tg_mark m = tg_mark_now(g);
        heap.calls = 0;
        heap.fail_at = point;
        for (size_t i = 0; i < 1040 && tg_error(g) == TG_OK; i++) {
            char name[20];
            snprintf(name, sizeof name, "n%zu", i);
            (void)tg_let(x, i == at ? "dx" : name, NULL, 0);
        }
        const bool reached = heap.calls >= point;
        cr_assert_eq(tg_error(g), reached ? TG_MEMORY : TG_OK);
        heap.fail_at = 0;
        cr_assert_eq(tg_rewind(g, m), TG_OK);
        cr_assert_eq(tg_find(g, "dx").id, tg_grad(d, x).id);
        cr_assert_str_eq(tg_alias(tg_grad(d, x), 0), "dx");
        cr_assert_eq(tg_find(g, "x").id, x.id);
        cr_assert_null(tg_alias(x, 1));
        cr_assert(tg_is_nil(tg_find(g, "n1")));
        tg_graph_free(g);
        balanced(&heap, point);
        if (!reached) point = 0, at++;
    }
}
