/* The tape: handles, undo, and the log. */
#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(tape, .init = setup, .fini = teardown, .timeout = 120);

static void says(const tg_graph *of, tg_status status, const char *text) {
    cr_assert_eq(tg_error(of), status, "status %d: %s", tg_error(of), tg_message(of));
    cr_assert_not_null(strstr(tg_message(of), text), "'%s' is not in: %s", text, tg_message(of));
}

static tg_node input(void) { return tg_input(g, TG_F64, tg_shape0()); }

static double run(tg_node a) {
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    return tg_item(a, 0);
}

static void set(tg_node a, double v) { cr_assert_eq(tg_set(a, &v), TG_OK, "%s", tg_message(g)); }

/* ----------------------------------------------------------------------------------------------------- handles */

Test(tape, nodes_are_numbered) {
    cr_assert_eq(tg_count(g), 0);
    tg_node x = input(), y = tg_exp(x), z = tg_add(x, y);
    cr_assert_eq(tg_count(g), 3);
    cr_assert_eq(x.id, 1);
    cr_assert_eq(z.id, 3);
    for (uint32_t id = 1; id <= 3; id++) cr_assert_eq(tg_node_at(g, id).id, id);
    cr_assert(tg_is_nil(tg_node_at(g, 0)) && tg_is_nil(tg_node_at(g, 4)));
    cr_assert_eq(tg_operand(z, 1).id, y.id);
    cr_assert(tg_is_nil(tg_operand(z, 2)) && tg_is_nil(tg_operand(z, -1)) && tg_is_nil(tg_operand(x, 0)));
    cr_assert_str_eq(tg_op_of(z), "add");
    cr_assert_str_eq(tg_op_of(x), "input");
    cr_assert_str_eq(tg_op_of(tg_param(g, TG_F32, tg_shape1(2))), "param");
    cr_assert_str_eq(tg_op_of(tg_scalar(g, TG_F32, 2)), "const");
    cr_assert_leq(sizeof(struct tg__node), 64);
}

Test(tape, equal_scalars_are_one_node) {
    tg_node a = tg_scalar(g, TG_F64, 0.1);
    cr_assert_eq(tg_scalar(g, TG_F64, 0.1).id, a.id);
    cr_assert_neq(tg_scalar(g, TG_F32, 0.1).id, a.id);
    cr_assert_eq(tg_scalar(g, TG_F32, 0.1).id, tg_scalar(g, TG_F32, (double)0.1f).id);
    cr_assert_neq(tg_scalar(g, TG_F64, 0.0).id, tg_scalar(g, TG_F64, -0.0).id);
    cr_assert_eq(tg_scalar(g, TG_F64, NAN).id, tg_scalar(g, TG_F64, NAN).id);
    cr_assert_eq(tg_scalar_like(a, 0.1).id, a.id);
    cr_assert_eq(tg_scalar(g, TG_I32, -7).id, tg_scalar(g, TG_I32, -7).id);
    cr_assert_eq(tg_item(tg_scalar(g, TG_I32, -7), 0), -7);
}

/* Nothing on nil, on no graph at all, or on a graph in error does anything, and nothing crashes. */
Test(tape, nil_and_no_graph) {
    tg_node none = tg_nil(NULL), x = input();
    cr_assert(tg_is_nil(tg_add(none, none)) && tg_is_nil(tg_sum(none, tg_axes_all())));
    cr_assert(tg_is_nil(tg_reshape(none, tg_shape0())) && tg_is_nil(tg_transpose(none, tg_axes_all())));
    cr_assert(tg_is_nil(tg_expand(none, tg_shape0())) && tg_is_nil(tg_expand_axes(none, tg_shape0(), tg_axis(0))));
    cr_assert(tg_is_nil(tg_cast(none, TG_F32)) && tg_is_nil(tg_gather(none, none)));
    cr_assert(tg_is_nil(tg_scatter(none, none, 2)) && tg_is_nil(tg_scalar_like(none, 1)));
    cr_assert(tg_is_nil(tg_batchnorm(none, none, none, tg_axis(0), 1, "bn")));
    cr_assert(tg_is_nil(tg_linear(none, none, none, NULL)) && tg_is_nil(tg_softmax_loss(none, none, NULL)));
    cr_assert(tg_is_nil(tg_input(NULL, TG_F32, tg_shape0())) && tg_is_nil(tg_scalar(NULL, TG_F32, 1)));
    cr_assert(tg_is_nil(tg_let(none, "x", "f", 1)) && tg_is_nil(tg_scope_operand(none, "x")));
    cr_assert(tg_is_nil(tg_find(NULL, "x")) && tg_is_nil(tg_node_at(NULL, 1)) && tg_is_nil(tg_next(NULL)));
    cr_assert_eq(tg_backward(none, none).id, 0);
    cr_assert(tg_is_nil(tg_grad((tg_grads){0}, none)) && !tg_has_grad((tg_grads){0}, x));
    cr_assert_eq(tg_run(NULL), TG_HANDLE);
    cr_assert_eq(tg_set(none, NULL), TG_HANDLE);
    cr_assert_eq(tg_bind(none, NULL), TG_HANDLE);
    cr_assert_eq(tg_run_to(none), TG_HANDLE);
    cr_assert_eq(tg_step(NULL), TG_HANDLE);
    cr_assert_eq(tg_error(NULL), TG_HANDLE);
    cr_assert_null(tg_value(none));
    cr_assert(isnan(tg_item(none, 0)));
    cr_assert_eq(tg_count(NULL) + tg_moments(NULL) + tg_size(none), 0);
    cr_assert_str_eq(tg_name(none), "");
    cr_assert_str_eq(tg_op_of(none), "");
    cr_assert_eq(tg_stage(none), -1);
    tg_scope_open(NULL, "x");
    tg_scope_close(NULL);
    tg_graph_free(NULL);
    cr_assert_eq(tg_rewind(NULL, tg_mark_now(NULL)), TG_HANDLE);
    cr_assert_eq(tg_error(g), TG_OK);

    cr_assert(tg_is_nil(tg_mul(none, x)));
    says(g, TG_HANDLE, "mul: operand 1 is nil");
    uint32_t count = tg_count(g);
    cr_assert(tg_is_nil(tg_exp(x)) && tg_is_nil(input()) && tg_is_nil(tg_scalar(g, TG_F64, 3)));
    cr_assert(tg_is_nil(tg_batchnorm(x, x, x, tg_axis(0), -1, NULL)));
    cr_assert_eq(tg_count(g), count);
    says(g, TG_HANDLE, "mul: operand 1 is nil");
}

/* tg_rewind refuses a mark that is uninitialized or overwritten, and looks up no row that does not exist. */
Test(tape, a_mark_of_any_bytes) {
    tg_scope_open(g, "scope");
    TG_LET(y, tg_exp(input()));
    tg_neg(y);
    const tg_mark good = tg_mark_now(g);
    int taken = 0;
    for (size_t i = 0; i < sizeof good.at / sizeof *good.at; i++)
        for (int k = 0; k < 3; k++) {
            tg_mark m = good;
            m.at[i] = k == 0 ? UINT32_MAX : k == 1 ? m.at[i] + 1 : 1u << 20;
            taken += tg_rewind(g, m) == TG_OK;
            cr_assert_lt(taken, 6, "more than the number of an error and rows that exist are taken: %zu", i);
        }
    tg_mark m = good;
    m.strings = SIZE_MAX;
    cr_expect_eq(tg_rewind(g, m), TG_HANDLE);
    memset(&m, 0, sizeof m);
    m.graph = g;
    cr_expect_eq(tg_rewind(g, m), TG_HANDLE);
    cr_expect_eq(tg_rewind(g, good), TG_OK, "%s", tg_message(g));
}

Test(tape, foreign_and_stale_handles) {
    tg_graph *other = tg_graph_new();
    tg_node x = input(), y = tg_input(other, TG_F64, tg_shape0());
    tg_mark m = tg_mark_now(g);
    cr_assert(tg_is_nil(tg_add(x, y)));
    says(g, TG_HANDLE, "add: operand 2 belongs to another graph");
    cr_assert_eq(tg_error(other), TG_OK);
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_eq(tg_rewind(other, m), TG_HANDLE);
    says(other, TG_HANDLE, "rewind: the mark is of another graph");
    cr_assert_eq(tg_run(other), TG_OK, "the next run clears it");
    tg_graph_free(other);

    tg_node old = tg_exp(x);
    tg_grads d = tg_backward(old, tg_nil(g));
    cr_assert(tg_has_grad(d, x));
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_node new = tg_log(x);
    cr_assert_eq(new.id, old.id);
    cr_assert(!tg_has_grad(d, x));
    cr_assert_str_eq(tg_op_of(old), "");
    cr_assert_null(tg_value(old));
    cr_assert_eq(tg_set(old, NULL), TG_HANDLE);
    cr_assert_eq(tg_run_to(old), TG_HANDLE);
    says(g, TG_HANDLE, "run_to: the handle is stale");
    cr_assert(tg_is_nil(tg_neg(old)));
    says(g, TG_HANDLE, "neg: the handle of operand 1 (node #2) is stale");
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    tg_grads again = tg_backward(tg_exp(x), tg_nil(g));
    cr_assert_eq(again.id, d.id);
    cr_assert(tg_has_grad(again, x) && !tg_has_grad(d, x));
    cr_assert(tg_is_nil(tg_grad(d, x)));
    says(g, TG_HANDLE, "grad: the sweep is stale");
}

/* -------------------------------------------------------------------------------------------------------- undo */

static tg_node build(tg_node x) {
    tg_scope_open(g, "part");
    TG_LET(y, tg_mul(tg_exp(x), tg_scalar(g, TG_F64, 2.5)));
    tg_scope_close(g);
    TG_LET(z, tg_add(tg_square(y), x));
    (void)tg_backward(z, tg_nil(g));
    return z;
}

Test(tape, rewind_in_a_loop_keeps_memory_flat) {
    struct heap heap = {0};
    tg_graph_free(g);
    g = tg_graph_new_with(heap_allocator(&heap));
    TG_LET(x, input());
    set(x, 0.5);
    tg_mark m = tg_mark_now(g);
    size_t live = 0, moments = 0;
    double first = 0;
    for (int i = 0; i < 200; i++) {
        double z = run(build(x));
        if (i == 0) first = z, moments = tg_moments(g);
        cr_assert_eq(z, first);
        cr_assert_eq(tg_moments(g), moments);
        cr_assert_eq(tg_item(tg_find(g, "dx"), 0), 2 * 2.5 * exp(0.5) * 2.5 * exp(0.5) + 1);
        cr_assert_eq(tg_stage(tg_find(g, "z")), 1);
        cr_assert_eq(tg_stage(tg_find(g, "part/y")), 1);
        cr_assert_eq(tg_rewind(g, m), TG_OK);
        cr_assert(tg_is_nil(tg_find(g, "z")) && tg_is_nil(tg_find(g, "dx")) && tg_find(g, "x").id == x.id);
        cr_assert_eq(tg_item(x, 0), 0.5);
        if (i == 3) live = heap.live;
        if (i > 3) cr_assert_eq(heap.live, live, "turn %d: %zu bytes, then %zu", i, live, heap.live);
    }
    tg_graph_free(g);
    cr_assert_eq(heap.live + heap.blocks + heap.wrong, 0);
    g = NULL;
}

Test(tape, rewind_gives_a_scalar_back) {
    tg_node kept = tg_scalar(g, TG_F64, 1);
    tg_mark m = tg_mark_now(g);
    tg_node gone = tg_scalar(g, TG_F64, 2);
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    cr_assert_eq(tg_scalar(g, TG_F64, 1).id, kept.id);
    tg_node again = tg_scalar(g, TG_F64, 2);
    cr_assert_eq(again.id, gone.id);
    cr_assert_neq(again.epoch, gone.epoch);
    cr_assert_eq(tg_item(again, 0), 2);
}

/* A mark is void once the tape was rewound to before it, even where it has grown to the same length since. */
Test(tape, marks_of_another_history) {
    tg_node x = input();
    static const char *const labels[] = {"a", "a label that is longer than the one before"};
    for (int kind = 0; kind < 4; kind++) {
        tg_mark outer = tg_mark_now(g), inner = outer;
        for (int turn = 0; turn < 2; turn++) {
            if (kind == 0) (void)(turn ? tg_exp(x) : tg_log(x));
            if (kind == 1) (void)tg_let(x, labels[turn], NULL, 0);
            if (kind == 2) tg_scope_open(g, labels[turn]);
            if (kind == 3) {
                tg_node v = tg_input(g, TG_F64, tg_shape1(1));
                cr_assert_eq(tg_label_columns(v, &labels[turn], 1), TG_OK);
            }
            if (turn == 0) {
                inner = tg_mark_now(g);
                cr_assert_eq(tg_rewind(g, inner), TG_OK);
                cr_assert_eq(tg_rewind(g, inner), TG_OK);
                cr_assert_eq(tg_rewind(g, outer), TG_OK);
            }
        }
        cr_assert_eq(tg_rewind(g, inner), TG_HANDLE, "kind %d", kind);
        cr_assert_eq(tg_rewind(g, outer), TG_OK);
    }
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_str_eq(tg_name(x), "");
}

/* -------------------------------------------------------------------------------------------------------- the log */

/* The story told moment by moment is the tape: nodes in order, each name once, each term of the ledger once. */
Test(tape, moments_tell_the_whole_story) {
    TG_LET(x, input());
    TG_LET(same, x);
    TG_LET(y, tg_mul(x, tg_exp(x)));
    tg_grads d = tg_backward(y, tg_nil(g));
    uint32_t nodes = 0;
    size_t names = 0, terms = 0, of_x = 0;
    tg_term ledger[4];
    cr_assert_eq(tg_grad_terms(d, x, ledger, 4), 2);
    for (size_t k = 0; k < tg_moments(g); k++) {
        tg_moment m = tg_moment_at(g, k);
        cr_assert_not(tg_is_nil(m.node));
        if (m.kind == TG_APPENDED) {
            cr_assert_eq(m.node.id, ++nodes);
        } else {
            cr_assert_leq(m.node.id, nodes, "an event before its node");
        }
        if (m.kind == TG_NAMED) {
            cr_assert_eq(tg_find(g, m.name).id, m.node.id, "%s", m.name);
            names++;
        }
        if (m.kind == TG_DELIVERED) {
            cr_assert_leq(m.term.id, nodes);
            terms++;
            if (m.node.id != x.id) continue;
            cr_assert_eq(m.term.id, ledger[of_x].term.id);
            cr_assert_eq(m.sender.id, ledger[of_x].sender.id);
            cr_assert_eq(m.slot, ledger[of_x++].slot);
        }
    }
    cr_assert_eq(nodes, tg_count(g));
    cr_assert_eq(terms, 4, "seed, two to x, one to exp(x)");
    size_t given = 0;
    for (uint32_t id = 1; id <= nodes; id++)
        for (size_t i = 0; tg_alias(tg_node_at(g, id), i); i++) given++;
    cr_assert_eq(names, given);
    cr_assert(tg_is_nil(tg_moment_at(g, tg_moments(g)).node));
    cr_assert_eq(tg_stage(same), 0);
}
