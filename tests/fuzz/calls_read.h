/* Calls that read the tape: questions, printers, writers, checks, and files of leaves and states. */
#ifndef TESTS_FUZZ_CALLS_READ_H
#define TESTS_FUZZ_CALLS_READ_H

#include "calls_run.h"
#include "files.h"

/* ------------------------------------------------------------------------------------------------------- questions */

static inline void ask_node(tg_node a, size_t k) {
    char text[80];
    const tg_place at = tg_where_is(a);
    require(at.scope && at.name && tg_name(a) && tg_op_of(a), "a text is NULL");
    require(tg_formula(a, text, sizeof text) < 1 << 24 && strlen(text) < sizeof text, "the formula has no end");
    require(tg_formula(a, text, 1) < 1 << 24 && !text[0], "no room is left for the formula");
    (void)tg_alias(a, k), (void)tg_column(a, k), (void)tg_item(a, k), (void)tg_operand(a, (int)k - 1);
    (void)tg_is_param(a), (void)tg_stage(a), (void)tg_assigned(a), (void)tg_user_of(a);
}

static inline void call_ask(struct session *s) {
    const tg_grads d = any_sweep(s);
    const tg_node a = any_node(s);
    const size_t k = choose(&s->in, 300);
    tg_term terms[3];
    tg_node params[2];
    char text[300];
    ask_node(a, k);
    require(tg_grad_terms(d, a, terms, 3) < 1 << 24, "too many terms");
    require(tg_params(s->g, params, 2) <= tg_count(s->g), "more params than nodes");
    const tg_node bad = tg_first_nonfinite(s->g, choose(&s->in, 2) ? text : NULL, sizeof text);
    require(tg_is_nil(bad) || tg_value(bad), "what is not finite has no value");
    const tg_moment m = tg_moment_at(s->g, k);
    require(k >= tg_moments(s->g) || m.node.graph == s->g, "moment %zu has no node", k);
    (void)tg_operator_at(s->g, k), (void)tg_next(s->g);
    (void)tg_verdict_name((tg_verdict)choose(&s->in, 7));
}

/* -------------------------------------------------------------------------------------------------------- printers */

static inline FILE *sink(void) {
    static FILE *file;
    if (!file) file = fopen("/dev/null", "w");
    require(file != NULL, "/dev/null");
    return file;
}

static inline void call_print(struct session *s) {
    const tg_grads d = any_sweep(s);
    const tg_node a = any_node(s);
    switch (choose(&s->in, 10)) {
    case 0: tg_print(s->g, sink()); break;
    case 1: tg_print_part(s->g, sink(), (uint32_t)any_integer(s), (uint32_t)any_integer(s)); break;
    case 2: tg_print_folded(s->g, sink(), choose(&s->in, 2) ? tg_where_is(a).scope : any_name(s)); break;
    case 3: tg_print_steps(d, choose(&s->in, 2) ? tg_where_is(a).scope : any_name(s), sink()); break;
    case 4: tg_print_ledger(d, a, sink()); break;
    case 5: tg_print_operators(sink()); break;
    case 6: went_well(s, tg_print_wrong_order(d, sink())); break;
    case 7:
        for (size_t k = 0; k <= tg_moments(s->g); k++) tg_print_moment(d, k, sink());
        break;
    default: tg_explain(a, sink()); break;
    }
}

/* --------------------------------------------------------------------------------------------------------- writers */

static inline void call_write(struct session *s) {
    const tg_grads d = any_sweep(s);
    const tg_node out = choose(&s->in, 2) ? tg_nil(s->g) : any_node(s);
    const size_t k = choose(&s->in, 16);
    const tg_draw_options how = {k & 1, k & 2, k & 4};
    const char *name = any_name(s), *path = file_of("file");
    const tg_page_options page = {.title = name, .out = out};
    switch (choose(&s->in, 10)) {
    case 0: went_well(s, tg_write_dot(s->g, d, path, k == 15 ? NULL : &how)); break;
    case 1: went_well(s, tg_write_svg(s->g, d, path, k == 15 ? NULL : &how)); break;
    case 2: went_well(s, tg_write_html(s->g, d, path, k & 1 ? NULL : &page)); break;
    case 3: went_well(s, tg_write_json(s->g, path)); break;
    case 4: went_well(s, tg_write_numpy(d, out, name, path)); break;
    case 5: went_well(s, tg_write_latex(d, out, name, path)); break;
    case 6: went_well(s, tg_write_c_staged(d, out, name, path)); break;
    case 7: went_well(s, tg_save(out, path)); break;
    case 8: went_well(s, tg_write_json(s->g, "/nowhere/file")); break;
    default:
        if (s->program[k % HELD]) went_well(s, tg_write_c(s->program[k % HELD], "f", folder_of_files()));
        break;
    }
}

/* ---------------------------------------------------------------------------------------------------------- checks */

static inline void call_check(struct session *s) {
    const tg_node out = any_node(s);
    tg_check checks[3];
    size_t count = 0;
    tg_check_options o = {.limit = 2, .seed = choose(&s->in, 256)};
    o.sweep = choose(&s->in, 2) ? any_sweep(s) : (tg_grads){s->g, 0, 0};
    if (tg_size(out) > 64) return; /* each element costs some runs */
    went_well(s, tg_check_gradient(out, choose(&s->in, 4) ? &o : NULL, checks, 3, &count));
}

static inline void call_compare(struct session *s) {
    const tg_node a = any_node(s);
    const tg_array same = {any_name(s), tg_dtype_of(a), tg_dims(a), tg_value(a)};
    const tg_array lesser = {tg_name(a), TG_F64, any_shape_of(s), lent(a)};
    tg_difference rows[2];
    size_t first = 0;
    if (same.data && went_well(s, tg_compare(a, same, 0, NULL, rows)))
        require(!rows[0].parts, "#%u (%s) parts from itself", a.id, tg_op_of(a));
    size_t count = 1;
    for (int i = 0; i < lesser.shape.rank && i < TG_MAX_RANK; i++)
        count *= lesser.shape.dim[i] >= 0 && lesser.shape.dim[i] < LENT ? (size_t)lesser.shape.dim[i] : LENT;
    if (lesser.data && lesser.shape.rank < 5 && count <= LENT) {
        went_well(s, tg_compare(a, lesser, any_number(s), NULL, rows));
        went_well(s, tg_diverge(s->g, &lesser, 1, 1e-9, rows, &first));
    }
}

/* ----------------------------------------------------------------------------------------------------------- files */

static inline void call_files(struct session *s) {
    const char *const names[] = {"a", "b", "c"};
    const tg_node a = any_node(s);
    const tg_array *arrays;
    size_t count;
    switch (choose(&s->in, 8)) {
    case 0: went_well(s, tg_save_leaves(s->g, file_of("leaves.npz"))); break;
    case 1: went_well(s, tg_save_state(s->g, file_of("state.npz"))); break;
    case 2: went_well(s, tg_load_leaves(s->g, file_of("leaves.npz"))); break;
    case 3: went_well(s, tg_load_state(s->g, file_of("state.npz"), choose(&s->in, 2))); break;
    case 4: went_well(s, tg_read_npz(s->g, file_of("leaves.npz"), &arrays, &count)); break;
    case 5: went_well(s, tg_label_columns(a, names, choose(&s->in, 4))); break;
    case 6: tg_allow_any_blas(s->g, choose(&s->in, 2)); break;
    default: went_well(s, tg_load_leaves(s->g, file_of("state.npz"))); break;
    }
}

#endif
