/* Every public function with NULL for each of its pointers, and with each kind of node and sweep that is none: nothing
 * crashes; what is needed is refused with a message, what may be left out is left out. The calls are
 * made in processes of their own, so that the list of what crashes is complete. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(null, .timeout = 120);

/* --------------------------------------------------------------------------------------------- what the calls are given */

static tg_graph *g, *other;
static tg_node x, w, b, label, counter, loss, rate, none;
static tg_grads d;
static tg_program *p;
static FILE *file;
static char path[80], text[200];
static double data[12];
static tg_array array;
static const tg_axes rows = {.count = 1};

static tg_node same(const tg_node *in, void *user) {
    (void)user;
    return tg_identity(in[0]);
}
static tg_node same_vjp(tg_node z, tg_node gz, const tg_node *in, int slot, void *user) {
    (void)z, (void)in, (void)slot, (void)user;
    return gz;
}
static const tg_custom_op custom = {"same_as", same, same_vjp};

static void build(void) {
    g = tg_graph_new();
    other = tg_graph_new();
    x = tg_let(tg_param(g, TG_F64, tg_shape2(4, 3)), "x", "a.c", 1);
    w = tg_let(tg_param(g, TG_F64, tg_shape2(3, 3)), "w", "a.c", 2);
    b = tg_let(tg_param(g, TG_F64, tg_shape1(3)), "b", "a.c", 3);
    label = tg_let(tg_input(g, TG_I32, tg_shape1(4)), "label", "a.c", 4);
    counter = tg_counter(g);
    rate = tg_scalar(g, TG_F64, 0.1);
    loss = tg_let(tg_sum(tg_exp(tg_matmul(x, w)), tg_axes_all()), "total", "a.c", 5);
    d = tg_backward(loss, tg_nil(g));
    p = tg_compile(g, &loss, 1, (tg_compile_options){.flags = TG_INTERPRET});
    none = (tg_node){0};
    array = (tg_array){"x", TG_F64, tg_shape2(4, 3), data};
    cr_assert(tg_set(x, data) == TG_OK && tg_set(w, data) == TG_OK && tg_run(g) == TG_OK && p, "%s", tg_message(g));
    snprintf(path, sizeof path, "/tmp/tapegrad.null.%d", (int)getpid());
    file = tmpfile();
    cr_assert_not_null(file);
}

static void end(void) {
    unlink(path);
    fclose(file);
    tg_graph_free(g);
    tg_graph_free(other);
}

/* ------------------------------------------------------------------------------------------------------- the pointers
 * R: refused, with an error in g. K: kept, nothing is wrong with it. A: no more than "it comes back". */

#define NODE(call) (void)(call)
static tg_status ignored;
#define DO(call) ignored = (call)

#define POINTERS(R, K, A)                                                                                              \
    R(NODE(tg_input(g, TG_F64, tg_shape_n(2, NULL))))                                                                  \
    K(NODE(tg_input(g, TG_F64, tg_shape_n(0, NULL))))                                                                  \
    R(NODE(tg_sum(x, tg_axes_n(1, NULL))))                                                                             \
    K(NODE(tg_sum(x, tg_axes_n(0, NULL))))                                                                             \
    A(tg_graph_free(NULL))                                                                                             \
    A(NODE(tg_nil(NULL)))                                                                                              \
    A(NODE(tg_input(NULL, TG_F64, tg_shape0())))                                                                       \
    A(NODE(tg_param(NULL, TG_F64, tg_shape0())))                                                                       \
    A(NODE(tg_const(NULL, TG_F64, tg_shape0(), data)))                                                                 \
    R(NODE(tg_const(g, TG_F64, tg_shape1(2), NULL)))                                                                   \
    K(NODE(tg_const(g, TG_F64, tg_shape1(0), NULL)))                                                                   \
    A(NODE(tg_state(NULL, TG_F64, tg_shape0(), 0)))                                                                    \
    A(NODE(tg_scalar(NULL, TG_F64, 0)))                                                                                \
    R(DO(tg_set(x, NULL)))                                                                                             \
    R(DO(tg_bind(x, NULL)))                                                                                            \
    K(NODE(tg_let(tg_exp(x), NULL, NULL, 0)))                                                                          \
    K(NODE(tg_let(tg_exp(x), "y", NULL, 0)))                                                                           \
    K(NODE(tg_let(tg_exp(x), NULL, "a.c", 7)))                                                                         \
    K(NODE(tg_find(g, NULL)))                                                                                          \
    A(NODE(tg_find(NULL, "x")))                                                                                        \
    K((tg_scope_open(g, NULL), tg_scope_close(g)))                                                                     \
    A(tg_scope_open(NULL, "s"))                                                                                        \
    A(tg_scope_close(NULL))                                                                                            \
    K((tg_scope_open(g, "s"), tg_scope_operand(x, NULL)))                                                              \
    K((tg_composite_open(g, NULL, NULL), tg_scope_close(g)))                                                           \
    K((tg_composite_open(g, "mine", NULL), tg_scope_close(g)))                                                         \
    A(tg_composite_open(NULL, "mine", "s"))                                                                            \
    R(NODE(tg_slice_n(x, 1, NULL)))                                                                                    \
    K(NODE(tg_slice_n(x, 0, NULL)))                                                                                    \
    A(NODE(tg_concat(NULL, 2, 0)))                                                                                     \
    A(NODE(tg_stack(NULL, 2, 0)))                                                                                      \
    A(NODE(tg_counter(NULL)))                                                                                          \
    K(NODE(tg_batchnorm(x, b, b, rows, 1e-5, NULL)))                                                                   \
    R(NODE(tg_batchnorm_running(x, b, b, none, none, rows, (tg_batchnorm_options){.eps = 1}, NULL)))                   \
    K(NODE(tg_linear(x, w, b, NULL)))                                                                                  \
    K(NODE(tg_softmax_loss(x, label, NULL)))                                                                           \
    R(NODE(tg_mlp(x, NULL, &b, 1, NULL)))                                                                              \
    R(NODE(tg_mlp(x, &w, NULL, 1, NULL)))                                                                              \
    K(NODE(tg_mlp(x, &w, &b, 1, NULL)))                                                                                \
    K(NODE(tg_layernorm(x, b, b, 1, 1e-5, NULL)))                                                                      \
    K(NODE(tg_softmax(x, 0, NULL)))                                                                                    \
    K(NODE(tg_log_softmax(x, 0, NULL)))                                                                                \
    K(NODE(tg_mse_loss(x, x, TG_SUM, NULL)))                                                                           \
    K(NODE(tg_l1_loss(x, x, TG_SUM, NULL)))                                                                            \
    K(NODE(tg_huber_loss(x, x, 1, TG_SUM, NULL)))                                                                      \
    K(NODE(tg_bce_with_logits(x, x, none, TG_SUM, NULL)))                                                              \
    K(NODE(tg_nll_loss(x, label, none, TG_SUM, NULL)))                                                                 \
    K(NODE(tg_cross_entropy(x, label, none, TG_SUM, NULL)))                                                            \
    K(NODE(tg_dropout(x, 0.5, counter, 1, NULL)))                                                                      \
    K(NODE(tg_grad_terms(d, x, NULL, 0)))                                                                              \
    K(NODE(tg_grad_terms(d, x, NULL, 2)))                                                                              \
    A(DO(tg_run(NULL)))                                                                                                \
    A(DO(tg_step(NULL)))                                                                                               \
    A(NODE(tg_next(NULL)))                                                                                             \
    A(tg_allow_any_blas(NULL, true))                                                                                   \
    A(tg_require_finite(NULL, true))                                                                                   \
    A(DO(tg_commit(NULL)))                                                                                             \
    K(NODE(tg_params(g, NULL, 0)))                                                                                     \
    K(NODE(tg_params(g, NULL, 5)))                                                                                     \
    A(NODE(tg_params(NULL, &w, 1)))                                                                                    \
    R(tg_gradients(d, NULL, 1, &b))                                                                                    \
    R(tg_gradients(d, &x, 1, NULL))                                                                                    \
    A(NODE(tg_clip_global_norm(NULL, 1, 1, NULL)))                                                                     \
    R(tg_sgd(NULL, &x, 1, rate, (tg_sgd_options){0}, NULL))                                                            \
    R(tg_sgd(&x, NULL, 1, rate, (tg_sgd_options){0}, NULL))                                                            \
    R(tg_adam(NULL, &x, 1, rate, tg_adam_defaults(), NULL))                                                            \
    R(tg_adam(&x, NULL, 1, rate, tg_adam_defaults(), NULL))                                                            \
    R(tg_adamw(NULL, &x, 1, rate, tg_adam_defaults(), NULL))                                                           \
    R(tg_adamw(&x, NULL, 1, rate, tg_adam_defaults(), NULL))                                                           \
    A(NODE(tg_count(NULL)))                                                                                            \
    A(NODE(tg_node_at(NULL, 1)))                                                                                       \
    A(NODE(tg_error(NULL)))                                                                                            \
    A(NODE(tg_message(NULL)))                                                                                          \
    R(NODE(tg_fail(g, TG_ARGUMENT, NULL)))                                                                             \
    A(NODE(tg_fail(NULL, TG_ARGUMENT, "%d", 1)))                                                                       \
    A(tg_print(NULL, file))                                                                                            \
    A(tg_print(g, NULL))                                                                                               \
    A(tg_print_part(NULL, file, 1, 2))                                                                                 \
    A(tg_print_part(g, NULL, 1, 2))                                                                                    \
    A(tg_print_folded(NULL, file, NULL))                                                                               \
    A(tg_print_folded(g, NULL, NULL))                                                                                  \
    K(tg_print_folded(g, file, NULL))                                                                                  \
    A(NODE(tg_has_colour(NULL)))                                                                                       \
    K(tg_print_steps(d, NULL, file))                                                                                   \
    A(tg_print_steps(d, NULL, NULL))                                                                                   \
    A(tg_print_ledger(d, x, NULL))                                                                                     \
    A(tg_print_operators(NULL))                                                                                        \
    A(tg_explain(x, NULL))                                                                                             \
    A(NODE(tg_print_moment(d, 3, NULL)))                                                                               \
    A(DO(tg_print_wrong_order(d, NULL)))                                                                               \
    K(NODE(tg_formula(loss, NULL, 0)))                                                                                 \
    K(NODE(tg_formula(loss, NULL, 9)))                                                                                 \
    K(NODE(tg_first_nonfinite(g, NULL, 0)))                                                                            \
    K((data[0] = (double)INFINITY, DO(tg_set(x, data)), DO(tg_run(g)), (void)tg_first_nonfinite(g, NULL, 50)))     \
    A(NODE(tg_first_nonfinite(NULL, text, 50)))                                                                        \
    R(DO(tg_compare(x, array, 1e-9, NULL, NULL)))                                                                      \
    R(DO(tg_compare(x, (tg_array){"x", TG_F64, tg_shape2(4, 3), NULL}, 1e-9, NULL, &(tg_difference){0})))              \
    K(DO(tg_compare(x, (tg_array){NULL, TG_F64, tg_shape2(4, 3), data}, 1e-9, NULL, &(tg_difference){0})))             \
    R(DO(tg_diverge(g, NULL, 1, 1e-9, &(tg_difference){0}, &(size_t){0})))                                             \
    R(DO(tg_diverge(g, &array, 1, 1e-9, NULL, &(size_t){0})))                                                          \
    R(DO(tg_diverge(g, &array, 1, 1e-9, &(tg_difference){0}, NULL)))                                                   \
    R(DO(tg_diverge(g, &(tg_array){"x", TG_F64, {2, {4, 3}}, NULL}, 1, 1, &(tg_difference){0}, &(size_t){0})))         \
    A(DO(tg_diverge(NULL, &array, 1, 1e-9, &(tg_difference){0}, &(size_t){0})))                                        \
    R(DO(tg_check_gradient(loss, NULL, NULL, 2, &(size_t){0})))                                                        \
    A(DO(tg_check_gradient(loss, NULL, (tg_check[4]){{.index = 0}}, 4, NULL)))                                         \
    A(NODE(tg_compile(NULL, &loss, 1, (tg_compile_options){0})))                                                       \
    R(NODE(tg_compile(g, NULL, 1, (tg_compile_options){0})))                                                           \
    R(NODE(tg_compile(g, &loss, 1, (tg_compile_options){.givens = 1})))                                                \
    A(tg_program_free(NULL))                                                                                           \
    A(DO(tg_program_run(NULL)))                                                                                        \
    A(DO(tg_program_commit(NULL)))                                                                                     \
    A(DO(tg_program_step(NULL)))                                                                                       \
    A(NODE(tg_program_value(NULL, loss)))                                                                              \
    A(DO(tg_program_give(NULL, x, data)))                                                                              \
    K(DO(tg_program_give(p, x, NULL)))                                                                                 \
    A(DO(tg_write_c(NULL, "f", "/tmp")))                                                                               \
    R(DO(tg_write_c(p, "f", NULL)))                                                                                    \
    A(NODE(tg_program_note(NULL)))                                                                                     \
    A(NODE(tg_program_source(NULL)))                                                                                   \
    A(NODE(tg_program_graph(NULL)))                                                                                    \
    A((void)tg_program_stats(NULL))                                                                                    \
    R(DO(tg_write_dot(g, d, NULL, NULL)))                                                                              \
    K(DO(tg_write_dot(g, d, path, NULL)))                                                                              \
    A(DO(tg_write_dot(NULL, d, path, NULL)))                                                                           \
    R(DO(tg_write_svg(g, d, NULL, NULL)))                                                                              \
    K(DO(tg_write_svg(g, d, path, NULL)))                                                                              \
    A(DO(tg_write_svg(NULL, d, path, NULL)))                                                                           \
    R(DO(tg_write_html(g, d, NULL, NULL)))                                                                             \
    K(DO(tg_write_html(g, d, path, NULL)))                                                                             \
    A(DO(tg_write_html(NULL, d, path, NULL)))                                                                          \
    A(DO(tg_write_html(g, d, path, &(tg_page_options){.check_count = 2})))                                             \
    A(DO(tg_write_html(g, d, path, &(tg_page_options){.difference_count = 2})))                                        \
    A(DO(tg_write_html(g, d, path, &(tg_page_options){.differences = &(tg_difference){0}, .difference_count = 1})))    \
    R(DO(tg_write_json(g, NULL)))                                                                                      \
    A(DO(tg_write_json(NULL, path)))                                                                                   \
    K(DO(tg_write_numpy(d, loss, NULL, path)))                                                                         \
    R(DO(tg_write_numpy(d, loss, "f", NULL)))                                                                          \
    K(DO(tg_write_latex(d, loss, NULL, path)))                                                                         \
    R(DO(tg_write_latex(d, loss, "f", NULL)))                                                                          \
    K(DO(tg_write_c_staged(d, loss, NULL, path)))                                                                      \
    R(DO(tg_write_c_staged(d, loss, "f", NULL)))                                                                       \
    R(DO(tg_read_npy(g, NULL, &array)))                                                                                \
    R((DO(tg_save(x, path)), DO(tg_read_npy(g, path, NULL))))                                                          \
    A(DO(tg_read_npy(NULL, path, &array)))                                                                             \
    R(DO(tg_write_npy(g, NULL, TG_F64, tg_shape1(2), data)))                                                           \
    R(DO(tg_write_npy(g, path, TG_F64, tg_shape1(2), NULL)))                                                           \
    K(DO(tg_write_npy(g, path, TG_F64, tg_shape1(0), NULL)))                                                           \
    A(DO(tg_write_npy(NULL, path, TG_F64, tg_shape1(2), data)))                                                        \
    R(DO(tg_save(x, NULL)))                                                                                            \
    R(DO(tg_read_npz(g, NULL, &(const tg_array *){NULL}, &(size_t){0})))                                               \
    R((DO(tg_save_leaves(g, path)), DO(tg_read_npz(g, path, NULL, &(size_t){0}))))                                     \
    R((DO(tg_save_leaves(g, path)), DO(tg_read_npz(g, path, &(const tg_array *){NULL}, NULL))))                        \
    A(DO(tg_read_npz(NULL, path, &(const tg_array *){NULL}, &(size_t){0})))                                            \
    R(DO(tg_write_npz(g, NULL, &array, 1)))                                                                            \
    R(DO(tg_write_npz(g, path, NULL, 1)))                                                                              \
    R(DO(tg_write_npz(g, path, &(tg_array){"a", TG_F64, {1, {2}}, NULL}, 1)))                                          \
    R(DO(tg_write_npz(g, path, &(tg_array){NULL, TG_F64, {1, {2}}, data}, 1)))                                         \
    A(DO(tg_write_npz(NULL, path, &array, 1)))                                                                         \
    R(DO(tg_save_leaves(g, NULL)))                                                                                     \
    A(DO(tg_save_leaves(NULL, path)))                                                                                  \
    R(DO(tg_load_leaves(g, NULL)))                                                                                     \
    A(DO(tg_load_leaves(NULL, path)))                                                                                  \
    R(DO(tg_save_state(g, NULL)))                                                                                      \
    A(DO(tg_save_state(NULL, path)))                                                                                   \
    R(DO(tg_load_state(g, NULL, false)))                                                                               \
    A(DO(tg_load_state(NULL, path, false)))                                                                            \
    R(DO(tg_read_csv(g, NULL, &(tg_table){0})))                                                                        \
    R((fputs("1,2\n", file), fflush(file), DO(tg_read_csv(g, "/proc/self/fd/0", NULL))))                               \
    A(DO(tg_read_csv(NULL, path, &(tg_table){0})))                                                                     \
    R(DO(tg_label_columns(x, NULL, 3)))                                                                                \
    R(DO(tg_label_columns(x, (const char *const[]){"a", NULL, "c"}, 3)))                                               \
    K(DO(tg_label_columns(tg_const(g, TG_F64, tg_shape1(0), NULL), NULL, 0)))                                          \
    A((void)tg_mark_now(NULL))                                                                                         \
    A(DO(tg_rewind(NULL, tg_mark_now(g))))                                                                             \
    R(DO(tg_rewind(g, tg_mark_now(NULL))))                                                                             \
    A(NODE(tg_moments(NULL)))                                                                                          \
    A((void)tg_moment_at(NULL, 1))                                                                                     \
    R(NODE(tg_custom(NULL, &x, 1, NULL)))                                                                              \
    A(NODE(tg_custom(&custom, NULL, 1, NULL)))                                                                         \
    K(NODE(tg_custom(&custom, &x, 1, NULL)))                                                                           \
    R(NODE(tg_custom(&(tg_custom_op){NULL, same, same_vjp}, &x, 1, NULL)))                                             \
    R(NODE(tg_custom(&(tg_custom_op){"name", NULL, same_vjp}, &x, 1, NULL)))                                           \
    R(NODE(tg_custom(&(tg_custom_op){"name", same, NULL}, &x, 1, NULL)))                                               \
    R(DO(tg_register(g, NULL)))                                                                                        \
    R(DO(tg_register(g, &(tg_op){0})))                                                                                 \
    A(DO(tg_register(NULL, &(tg_op){0})))                                                                              \
    A(NODE(tg_apply(NULL, &x)))                                                                                        \
    A(NODE(tg_apply(tg_operator_at(g, 0), NULL)))                                                                      \
    A(NODE(tg_operator_at(NULL, 0)))                                                                                   \
    A(NODE(tg_graph_new_with((tg_allocator){0})))

/* ------------------------------------------------------------------------------------------ nodes and sweeps that are none */

static tg_node n;
static tg_grads s;

/* What reads a node or a sweep, or makes something else of it than a node: constructors are in test_api.c. */
#define HANDLES(A)                                                                                                     \
    A(NODE(tg_is_nil(n)))                                                                                              \
    A(NODE(tg_scalar_like(n, 1)))                                                                                      \
    A(DO(tg_set(n, data)))                                                                                             \
    A(DO(tg_bind(n, data)))                                                                                            \
    A(DO(tg_fill(n, 1)))                                                                                               \
    A(DO(tg_fill_uniform(n, 0, 1, 1)))                                                                                 \
    A(DO(tg_fill_normal(n, 0, 1, 1)))                                                                                  \
    A(NODE(tg_let(n, "n", "a.c", 1)))                                                                                  \
    A((tg_scope_open(g, "s"), tg_scope_operand(n, "x")))                                                               \
    A(NODE(tg_concat(&n, 1, 0)))                                                                                       \
    A(NODE(tg_concat((tg_node[]){x, n}, 2, 0)))                                                                        \
    A(NODE(tg_backward(n, tg_nil(g))))                                                                                 \
    A(NODE(tg_backward(x, n)))                                                                                         \
    A(NODE(tg_grad(d, n)))                                                                                             \
    A(NODE(tg_has_grad(d, n)))                                                                                         \
    A(NODE(tg_grad_terms(d, n, NULL, 0)))                                                                              \
    A(DO(tg_run_to(n)))                                                                                                \
    A(NODE(tg_assign(n, x)))                                                                                           \
    A(NODE(tg_assign(x, n)))                                                                                           \
    A(NODE(tg_assigned(n)))                                                                                            \
    A(tg_gradients(d, &n, 1, &(tg_node){0}))                                                                           \
    A(NODE(tg_clip_global_norm(&n, 1, 1, NULL)))                                                                       \
    A(tg_sgd(&n, &x, 1, rate, (tg_sgd_options){0}, NULL))                                                              \
    A(tg_sgd(&x, &n, 1, rate, (tg_sgd_options){0}, NULL))                                                              \
    A(tg_sgd(&x, &x, 1, n, (tg_sgd_options){0}, NULL))                                                                 \
    A(tg_adam(&n, &n, 1, n, tg_adam_defaults(), NULL))                                                                 \
    A(NODE(tg_value(n)))                                                                                               \
    A(NODE(tg_item(n, 0)))                                                                                             \
    A((void)tg_dims(n))                                                                                                \
    A(NODE(tg_size(n)))                                                                                                \
    A(NODE(tg_dtype_of(n)))                                                                                            \
    A(NODE(strlen(tg_name(n))))                                                                                        \
    A(NODE(tg_alias(n, 0)))                                                                                            \
    A(NODE(tg_is_param(n)))                                                                                            \
    A(NODE(strlen(tg_op_of(n))))                                                                                       \
    A(NODE(tg_operand(n, 0)))                                                                                          \
    A(NODE(strlen(tg_where_is(n).scope)))                                                                              \
    A(NODE(tg_stage(n)))                                                                                               \
    A(tg_print_ledger(d, n, file))                                                                                     \
    A(tg_explain(n, file))                                                                                             \
    A(NODE(tg_formula(n, text, sizeof text)))                                                                          \
    A(DO(tg_compare(n, array, 1e-9, NULL, &(tg_difference){0})))                                                       \
    A(DO(tg_check_gradient(n, NULL, (tg_check[4]){{.index = 0}}, 4, &(size_t){0})))                                    \
    A(NODE(tg_mutate(d, n, 0, TG_FLIP, tg_nil(g))))                                                                    \
    A(NODE(tg_mutate(d, loss, 0, TG_SCALE, n)))                                                                        \
    A(NODE(tg_compile(g, &n, 1, (tg_compile_options){0})))                                                             \
    A(NODE(tg_compile(g, &loss, 1, (tg_compile_options){.given = &n, .givens = 1})))                                   \
    A(NODE(tg_program_value(p, n)))                                                                                    \
    A(DO(tg_program_give(p, n, data)))                                                                                 \
    A(DO(tg_write_html(g, d, path, &(tg_page_options){.out = n})))                                                     \
    A(DO(tg_write_html(g, d, path, &(tg_page_options){.checks = &(tg_check){.leaf = n}, .check_count = 1})))           \
    A(DO(tg_write_numpy(d, n, "f", path)))                                                                             \
    A(DO(tg_write_latex(d, n, "f", path)))                                                                             \
    A(DO(tg_write_c_staged(d, n, "f", path)))                                                                          \
    A(DO(tg_save(n, path)))                                                                                            \
    A(DO(tg_label_columns(n, (const char *const[]){"a", "b", "c"}, 3)))                                                \
    A(NODE(tg_column(n, 0)))                                                                                           \
    A(NODE(tg_custom(&custom, &n, 1, NULL)))                                                                           \
    A(NODE(tg_user_of(n)))                                                                                             \
    A(NODE(tg_vjp(n, x, tg_nil(g))))                                                                                   \
    A(NODE(tg_vjp(loss, n, tg_nil(g))))                                                                                \
    A(NODE(tg_grad(s, x)))                                                                                             \
    A(NODE(tg_has_grad(s, x)))                                                                                         \
    A(NODE(tg_grad_terms(s, x, NULL, 0)))                                                                              \
    A(tg_gradients(s, &x, 1, &(tg_node){0}))                                                                           \
    A(tg_print_steps(s, "", file))                                                                                     \
    A(tg_print_ledger(s, x, file))                                                                                     \
    A(NODE(tg_print_moment(s, 7, file)))                                                                               \
    A(DO(tg_print_wrong_order(s, file)))                                                                               \
    A(DO(tg_check_gradient(loss, &(tg_check_options){.sweep = s}, (tg_check[4]){{.index = 0}}, 4, &(size_t){0})))      \
    A(NODE(tg_mutate(s, loss, 0, TG_FLIP, tg_nil(g))))                                                                 \
    A(DO(tg_write_dot(g, s, path, NULL)))                                                                              \
    A(DO(tg_write_svg(g, s, path, NULL)))                                                                              \
    A(DO(tg_write_html(g, s, path, NULL)))                                                                             \
    A(DO(tg_write_numpy(s, loss, "f", path)))                                                                          \
    A(DO(tg_write_latex(s, loss, "f", path)))                                                                          \
    A(DO(tg_write_c_staged(s, loss, "f", path)))

/* ----------------------------------------------------------------------------------------------------- making the calls */

enum kind { REFUSED, KEPT, ANY };

static FILE *told; /* what the parent reads: the call, before it is made, and what the graph then says */

static void tell(const char *words) {
    fputs(words, told);
    fflush(told);
}

/* The tables are one macro each; their rows are counted. */
#define CASE(call)                                                                                                     \
    case __COUNTER__ - FIRST: tell(#call); call; break;
#define CASE_R(call)                                                                                                   \
    case __COUNTER__ - FIRST: tell(#call); call; return REFUSED;
#define CASE_K(call)                                                                                                   \
    case __COUNTER__ - FIRST: tell(#call); call; return KEPT;

enum { FIRST = __COUNTER__ + 1 };
static enum kind with_pointers(int which) {
    switch (which) {
        POINTERS(CASE_R, CASE_K, CASE)
    }
    return ANY;
}
enum { POINTER_CALLS = __COUNTER__ - FIRST };

enum { SECOND = __COUNTER__ + 1 };
#undef CASE
#define CASE(call)                                                                                                     \
    case __COUNTER__ - SECOND: tell(#call); call; break;
static void with_handles(int which) {
    switch (which) {
        HANDLES(CASE)
    }
}
enum { HANDLE_CALLS = __COUNTER__ - SECOND };

enum { WELL, TAKEN, NOT_TAKEN, BAD_MESSAGE, OUTCOMES };

static int outcome_of_pointers(int which) {
    build();
    const enum kind kind = with_pointers(which);
    const bool failed = tg_error(g) != TG_OK;
    tell(": ");
    tell(tg_message(g));
    if (failed && (!*tg_message(g) || strstr(tg_message(g), "(null)"))) return BAD_MESSAGE;
    end();
    return kind == REFUSED && !failed ? TAKEN : kind == KEPT && failed ? NOT_TAKEN : WELL;
}

static int outcome_of_handles(int which) {
    build();
    const tg_mark m = tg_mark_now(g);
    const tg_node late = tg_exp(x);
    const tg_grads late_sweep = tg_backward(late, tg_exp(x));
    cr_assert_eq(tg_rewind(g, m), TG_OK);
    const tg_node alone = tg_input(other, TG_F64, tg_shape0());
    const tg_node nodes[] = {{0}, {g, 0, 0}, late, {g, UINT32_MAX, 1}, {g, x.id, 77}, alone, {other, 0, 0}, {NULL, 3, 1}};
    const tg_grads sweeps[] = {{0},          {g, 0, 0},     late_sweep,    {g, UINT32_MAX, 1},
                               {g, d.id, 77}, {other, 1, 1}, {other, 0, 0}, {NULL, 1, 1}};
    n = nodes[which % 8];
    s = sweeps[which % 8];
    with_handles(which / 8);
    end();
    return WELL;
}

/* True if a child process finds nothing wrong with any of these calls. */
static bool are_well(int first, int last, int outcome_of(int)) {
    int status = 0;
    told = tmpfile();
    cr_assert_not_null(told);
    fflush(NULL);
    const pid_t child = fork();
    for (int i = first; child == 0 && i < last; i++)
        if (outcome_of(i) != WELL) _exit(1);
    if (child == 0) _exit(0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    fclose(told);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void check_each(int first, int last, int outcome_of(int)) {
    static const char *const what[] = {"", "is taken, and should be refused", "is refused, and should be taken",
                                       "has a bad message"};
    for (int i = first; i < last; i++) {
        char line[600] = "";
        told = tmpfile();
        cr_assert_not_null(told);
        fflush(NULL);
        const pid_t child = fork();
        if (child == 0) _exit(outcome_of(i));
        int status = 0;
        cr_assert_eq(waitpid(child, &status, 0), child);
        rewind(told);
        if (!fgets(line, sizeof line, told)) line[0] = 0;
        fclose(told);
        const bool ended = WIFEXITED(status) && WEXITSTATUS(status) < OUTCOMES;
        cr_expect(ended && WEXITSTATUS(status) == WELL, "%d %s: %s", i, ended ? what[WEXITSTATUS(status)] : "crashes",
                  line);
    }
}

/* A process takes long to make where sanitizers watch, so many calls share one; where something is wrong with them each
 * is made again, alone. */
static void check_all(int calls, int outcome_of(int)) {
    enum { TOGETHER = 32 };
    for (int i = 0; i < calls; i += TOGETHER) {
        const int last = i + TOGETHER < calls ? i + TOGETHER : calls;
        if (are_well(i, last, outcome_of)) continue;
        cr_expect(false, "one of the calls %d to %d is wrong, alone or after the others", i, last - 1);
        check_each(i, last, outcome_of);
    }
}

Test(null, pointers) { check_all(POINTER_CALLS, outcome_of_pointers); }
Test(null, handles) { check_all(8 * HANDLE_CALLS, outcome_of_handles); }
