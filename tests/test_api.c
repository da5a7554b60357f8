/* Every function that makes nodes, used as it should not be: with operands that are nil, stale or of another graph,
 * with nothing in the operands, with numbers that are none. And as it should be: gradients, second sweeps, every
 * reader. */
#include "api.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <unistd.h>

static tg_graph *g;
static tg_node a[API_LEAVES], z;
static tg_grads d;
static char path[64];

static void enter(void) {
    snprintf(path, sizeof path, "%s/tapegrad.api.%d", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
             (int)getpid());
    g = tg_graph_new();
}

static void leave(void) {
    tg_graph_free(g);
    unlink(path);
}

TestSuite(api, .timeout = 120, .init = enter, .fini = leave);

static void restart(void) {
    tg_graph_free(g);
    g = tg_graph_new();
}

/* ------------------------------------------------------------------------------------------------ none is forgotten */

static char *text_of(const char *name) {
    char file[300];
    snprintf(file, sizeof file, "%s/%s", SOURCE, name);
    FILE *from = fopen(file, "r");
    cr_assert_not_null(from, "%s", file);
    char *text = calloc(1 << 18, 1);
    cr_assert_lt(fread(text, 1, (1 << 18) - 1, from), (1 << 18) - 1);
    fclose(from);
    return text;
}

/* Those that make no node of the tape, or of which every test has some. */
static bool is_apart(const char *name) {
    static const char *const apart[] = {"tg_nil(",
                                        "tg_let(",
                                        "tg_find(",
                                        "tg_grad(",
                                        "tg_next(",
                                        "tg_assigned(",
                                        "tg_node_at(",
                                        "tg_operand(",
                                        "tg_const(",
                                        "tg_fail(",
                                        "tg_first_nonfinite(",
                                        "tg_rule_operand(",
                                        "tg_call_node("};
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
        if (strncmp(name, apart[i], strlen(apart[i])) == 0) return true;
    return false;
}

Test(api, no_constructor_is_forgotten) {
    char *header = text_of("include/tapegrad.h"), *table = text_of("tests/api.h");
    int found = 0;
    for (const char *s = header; (s = strstr(s, "TG_API tg_node tg_")) != NULL; found++) {
        s += strlen("TG_API tg_node ");
        char name[60] = "", row[60];
        strncpy(name, s, strcspn(s, "(") + 1);
        snprintf(row, sizeof row, "E(%.*s,", (int)strlen(name) - 4, name + 3);
        cr_expect(is_apart(name) || strstr(table, name) || strstr(table, row), "%s) is not in tests/api.h", name);
    }
    cr_assert_gt(found, 120);
    free(header);
    free(table);
}

/* --------------------------------------------------------------------------------------------------- wrong operands */

/* Those which may be nil: a weight. And a view of nothing is nothing. */
static bool may_be_nil(const struct program *p, int slot) {
    return (slot == 2 && (strcmp(p->name, "bce_with_logits") == 0 || strcmp(p->name, "cross_entropy") == 0)) ||
           strcmp(p->name, "scope_operand") == 0;
}

/* A derivative says that it is one of these; with nil a vjp means 1, and one running statistic has no other. */
static bool says_it_otherwise(const struct program *p, int slot) {
    return strstr(tg_message(g), "nil, stale or") || (strcmp(p->name, "vjp") == 0 && slot == 1) ||
           (strncmp(p->name, "batchnorm_", 10) == 0 && slot >= 3 && strstr(tg_message(g), "is nil"));
}

static void is_refused(const struct program *p, tg_graph *where, int slot, const char *what) {
    cr_expect(tg_is_nil(z), "%s, operand %d %s: it is taken", p->name, slot, what);
    cr_expect_eq(tg_error(where), TG_HANDLE, "%s, operand %d %s: %d %s", p->name, slot, what, (int)tg_error(where),
                 tg_message(where));
    cr_expect_not_null(strstr(tg_message(where), what), "%s, operand %d %s: %s", p->name, slot, what,
                       tg_message(where));
}

static void try_operand(const struct program *p, int slot, tg_graph *other) {
    const tg_mark mark = tg_mark_now(g);
    const tg_node lost = tg_input(g, TG_F64, tg_dims(a[slot])), good = a[slot];
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    const struct {
        tg_node node;
        const char *what;
    } wrong[] = {{tg_nil(g), "nil"}, {lost, "stale"}, {{g, 4000000000u, 0}, "stale"}};
    for (size_t i = 0; i < 3; i++) {
        if (may_be_nil(p, slot)) continue;
        a[slot] = wrong[i].node;
        z = p->make(a);
        if (!says_it_otherwise(p, slot)) is_refused(p, g, slot, wrong[i].what);
        cr_expect_neq(tg_error(g), TG_OK, "%s, operand %d %s", p->name, slot, wrong[i].what);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
    a[slot] = tg_input(other, tg_dtype_of(good), tg_dims(good));
    const uint32_t count = tg_count(g);
    z = p->make(a);
    const bool alone = slot == 0 && tg_is_nil(a[1]) && tg_is_nil(a[2]);
    cr_expect(alone || tg_error(g) != TG_OK || tg_error(other) != TG_OK, "%s, operand %d foreign", p->name, slot);
    cr_expect(slot == 0 || tg_error(g) != TG_OK || tg_count(g) == count, "%s, operand %d foreign", p->name, slot);
    tg_neg(tg_let(tg_neg(tg_scalar(g, TG_F64, 1)), "behind", NULL, 0));
    cr_expect(tg_error(g) != TG_OK || !*tg_where_is(tg_find(g, "behind")).scope, "%s leaves its scope open", p->name);
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    a[slot] = good;
}

Test(api, wrong_operands) {
    for (size_t i = 0; i < PROGRAMS; i++) {
        restart();
        memset(a, 0, sizeof a);
        const int n = api_leaves(g, programs[i].leaves, a);
        for (int slot = 0; slot < n; slot++) {
            tg_graph *other = tg_graph_new();
            try_operand(&programs[i], slot, other);
            tg_graph_free(other);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------- every reader
 */

static void read_all(const struct program *p) {
    FILE *sink = fopen("/dev/null", "w");
    char text[400];
    tg_difference row;
    cr_expect_eq(tg_write_html(g, d, path, NULL), TG_OK, "%s: %s", p->name, tg_message(g));
    cr_expect_eq(tg_write_json(g, path), TG_OK, "%s: %s", p->name, tg_message(g));
    if (d.id) {
        const tg_status python = tg_write_numpy(d, tg_nil(g), "f", path);
        const tg_status c = tg_write_c_staged(d, tg_nil(g), "f", path);
        const bool own = strcmp(p->name, "apply") == 0; /* its row says nothing of other languages */
        cr_expect(own || (python == TG_OK && c == TG_OK), "%s: %s", p->name, tg_message(g));
        cr_expect_eq(tg_write_latex(d, tg_nil(g), "f", path), TG_OK, "%s: %s", p->name, tg_message(g));
        const tg_status told = tg_print_wrong_order(d, sink);
        cr_expect(told == TG_OK || told == TG_VALUE, "%s: %s", p->name, tg_message(g));
    }
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node node = tg_node_at(g, id);
        tg_explain(node, sink);
        tg_formula(node, text, sizeof text);
        const tg_array same = {"same", tg_dtype_of(node), tg_dims(node), tg_value(node)};
        if (same.data) cr_expect_eq(tg_compare(node, same, 0, NULL, &row), TG_OK, "%s: %s", p->name, tg_message(g));
        if (same.data) cr_expect_not(row.parts, "%s: %s parts from itself", p->name, text);
    }
    for (size_t k = 0; d.id && k < tg_moments(g); k++) tg_print_moment(d, k, sink);
    tg_first_nonfinite(g, text, sizeof text);
    fclose(sink);
}

static void sweep(const struct program *p) {
    d = (tg_grads){g, 0, 0};
    if (!p->smooth || strcmp(tg_op_of(z), "const") == 0) return; /* a Jacobian of nothing is no function of anything */
    d = tg_backward(z, tg_expand(tg_scalar_like(z, 1.5), tg_dims(z)));
    cr_expect_eq(tg_error(g), TG_OK, "%s: %s", p->name, tg_message(g));
}

static void give(const struct program *p, double odd) {
    uint64_t state = 9;
    for (int i = 0; i < API_LEAVES && !tg_is_nil(a[i]); i++) {
        if (tg_value(a[i])) continue;
        cr_assert_eq(api_give(a[i], &state), TG_OK, "%s", p->name);
        if (odd == 0 || tg_dtype_of(a[i]) == TG_I32 || tg_size(a[i]) == 0) continue;
        double *v = doubles_of(a[i]);
        v[tg_size(a[i]) / 2] = odd;
        cr_assert_eq(tg_set(a[i], v), TG_OK);
        free(v);
    }
}

/* ---------------------------------------------------------------------------------------------------- nothing in them
 */

/* Each length that occurs is 0 in turn, wherever it occurs: refused with a reason, or all that follows works. */
static bool try_length(const struct program *p, char length) {
    char leaves[40];
    strcpy(leaves, p->leaves);
    for (char *s = leaves; *s; s++)
        if (*s == length) *s = '0';
    restart();
    memset(a, 0, sizeof a);
    api_leaves(g, leaves, a);
    z = p->make(a);
    if (tg_error(g) != TG_OK) {
        cr_expect(tg_is_nil(z), "%s of %s", p->name, leaves);
        cr_expect_gt(strlen(tg_message(g)), 15, "%s of %s: %s", p->name, leaves, tg_message(g));
        return false;
    }
    give(p, 0);
    sweep(p);
    const tg_status status = tg_run(g);
    cr_expect(status == TG_OK || status == TG_VALUE, "%s of %s: %s", p->name, leaves, tg_message(g));
    if (status == TG_OK) read_all(p);
    return status == TG_OK;
}

Test(api, nothing_in_the_operands) {
    int ran = 0;
    for (size_t i = 0; i < PROGRAMS; i++)
        for (char length = '1'; length <= '4'; length++)
            if (strchr(programs[i].leaves, length)) ran += try_length(&programs[i], length);
    cr_assert_gt(ran, 100);
}

/* --------------------------------------------------------------------------------------------------- numbers that are
 * none */

Test(api, numbers_that_are_none) {
    const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, -0.0, 5e-324, 1e308};
    for (size_t i = 0; i < PROGRAMS; i++)
        for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
            const struct program *p = &programs[i];
            restart();
            memset(a, 0, sizeof a);
            api_leaves(g, p->leaves, a);
            z = p->make(a);
            cr_assert_eq(tg_error(g), TG_OK, "%s: %s", p->name, tg_message(g));
            sweep(p);
            give(p, odd[k] == 0 ? -0.0 : odd[k]);
            cr_expect_eq(tg_run(g), TG_OK, "%s with %g: %s", p->name, odd[k], tg_message(g));
            if (k % 3 == i % 3) read_all(p);
        }
}

/* ----------------------------------------------------------------------------------------------------- gradients */

Test(api, gradients) {
    for (size_t i = 0; i < PROGRAMS; i++) {
        const struct program *p = &programs[i];
        tg_check checks[API_LEAVES + 4];
        size_t count = 0, passed = 0;
        if (!p->smooth) continue;
        restart();
        memset(a, 0, sizeof a);
        api_leaves(g, p->leaves, a);
        z = p->make(a);
        give(p, 0);
        cr_assert_eq(tg_run(g), TG_OK, "%s: %s", p->name, tg_message(g)); /* draws */
        cr_assert_eq(tg_check_gradient(z, NULL, checks, API_LEAVES + 4, &count), TG_OK, "%s: %s", p->name,
                     tg_message(g));
        for (size_t k = 0; k < count; k++) {
            const bool good = checks[k].verdict == TG_PASS || checks[k].verdict == TG_VACUOUS;
            passed += checks[k].verdict == TG_PASS;
            cr_expect(good, "%s: %s says %s: %g, not %g", p->name, tg_name(checks[k].leaf),
                      tg_verdict_name(checks[k].verdict), checks[k].ours, checks[k].numeric);
        }
        cr_expect_gt(passed, 0, "%s: nothing is proved", p->name);
    }
}

/* ------------------------------------------------------------------------------------------------------ extremes */

#define REFUSED(call, text)                                                                                            \
    do {                                                                                                               \
        cr_expect(tg_is_nil(call), "%s is taken", #call);                                                              \
        cr_expect_not_null(strstr(tg_message(g), text), "'%s' is not in: %s", text, tg_message(g));                    \
        cr_assert_eq(tg_rewind(g, mark), TG_OK);                                                                       \
    } while (0)

Test(api, extremes) {
    const int64_t most = INT64_MAX, least = INT64_MIN;
    TG_LET(x, tg_input(g, TG_F64, tg_shape4(1, 1, 4, 4)));
    TG_LET(v, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(3)));
    TG_LET(m, tg_state(g, TG_F64, tg_shape1(4), 0));
    TG_LET(narrow, tg_state(g, TG_F32, tg_shape1(4), 0));
    const tg_node eight = tg_reshape(v, (tg_shape){8, {1, 1, 1, 1, 1, 1, 1, 3}});
    const tg_axes axes = tg_axes3(0, 1, 2);
    const tg_batchnorm_options o = tg_batchnorm_defaults();
    const tg_mark mark = tg_mark_now(g);
    REFUSED(tg_max_pool2d(x, least, 2, tg_window_of(1, 1, 1)), "a window has at least one element");
    REFUSED(tg_windows(x, most / 649657 + 1, 1, tg_window_of(1, 0, 649657), 0), "larger than the padded picture");
    REFUSED(tg_conv2d(x, x, tg_window_of(1, (int64_t)1 << 31, 1)), "all below 2^31");
    REFUSED(tg_unsqueeze(v, (tg_axes){.count = INT32_MAX}), "'v' [3] cannot have 2147483647 more axes");
    REFUSED(tg_stack(&eight, 1, 8), "cannot have an axis more: rank 8 is the highest");
    REFUSED(tg_slice_n(v, 1, NULL), "the ranges are NULL");
    REFUSED(tg_batchnorm_running(x, m, m, m, m, axes, o, "bn"), "'m' takes the value of 'bn/mean_next' already");
    REFUSED(tg_batchnorm_running(x, m, m, narrow, m, axes, o, "bn"),
            "'narrow' [4] and 'x' [1, 1, 4, 4] have different");
    REFUSED(tg_one_hot(label, 3, TG_I32), "one_hot: dtype i32 is neither f32 nor f64");
    REFUSED(tg_gather(tg_scalar(g, TG_F64, 1), label), "gather: 1 is a scalar and has no axis");
    REFUSED(tg_scatter(label, label, 3), "but values 'label' are i32");
    REFUSED(tg_concat(NULL, 3, 0), "");
    cr_assert_eq(tg_params(g, NULL, 5), 2);
}
