/* A run and its commit apart: to look at what was computed before a leaf takes it, and to refuse what is not finite. */
#include "programs.h"

TestSuite(commit, .init = setup, .fini = teardown, .timeout = 60);

static void says(tg_status status, const char *text) {
    cr_assert_eq(tg_error(g), status, "status %d: %s", tg_error(g), tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), text), "'%s' is not in: %s", text, tg_message(g));
}

static const struct {
    tg_mode mode;
    unsigned flags;
} way[] = {{TG_FAST, 0}, {TG_EXACT, 0}, {TG_FAST, TG_INTERPRET}, {TG_EXACT, TG_INTERPRET}};
enum { WAYS = sizeof way / sizeof *way };

/* count goes up by 1; w becomes w - 0.1 ln(w) w. */
struct tape {
    tg_node w, count, step, next;
};

static struct tape build(void) {
    struct tape t;
    t.count = leaf("count", TG_F64, tg_shape0());
    t.w = leaf("w", TG_F64, tg_shape1(3));
    tg_assign(t.count, tg_add(t.count, tg_scalar(g, TG_F64, 1)));
    TG_LET(slope, tg_log(t.w));
    t.step = tg_let(tg_mul(tg_scalar(g, TG_F64, 0.1), tg_mul(slope, t.w)), "step", __FILE__, __LINE__);
    t.next = tg_let(tg_sub(t.w, t.step), "next", __FILE__, __LINE__);
    tg_assign(t.w, t.next);
    return t;
}

static const double first[3] = {2, 1, 0.5};

static void begin(const struct tape *t, const double *w) {
    cr_assert_eq(tg_set(t->w, w) | tg_fill(t->count, 0), TG_OK, "%s", tg_message(g));
}

/* w - 0.1 w ln w, once and twice. */
static void is_after(const struct tape *t, int steps) {
    cr_assert_eq(tg_item(t->count, 0), steps);
    for (size_t i = 0; i < 3; i++) {
        double w = first[i];
        for (int k = 0; k < steps; k++) w -= 0.1 * w * log(w);
        cr_assert_float_eq(tg_item(t->w, i), w, 1e-15, "element %zu after %d: %.17g, not %.17g", i, steps,
                           tg_item(t->w, i), w);
    }
}

Test(commit, run_look_commit) {
    const struct tape t = build();
    for (size_t i = 0; i < WAYS; i++) {
        tg_program *p = compile(&t.step, 1, way[i].mode, way[i].flags | TG_WITH_ASSIGNS);
        begin(&t, first);
        run(p);
        is_after(&t, 0);
        const double *step = tg_program_value(p, t.step);
        cr_assert_float_eq(step[0], 0.2 * log(2), 1e-15);
        run(p);
        is_after(&t, 0);
        cr_assert_eq(tg_program_commit(p), TG_OK, "%s", tg_message(g));
        is_after(&t, 1);
        cr_assert_float_eq(step[0], 0.2 * log(2), 1e-15, "outputs stay as they are");
        cr_assert_eq(tg_program_commit(p), TG_ARGUMENT);
        says(TG_ARGUMENT, "program_commit: there is no run to commit: tg_program_run comes before each commit");
        is_after(&t, 1);
        cr_assert_eq(tg_program_step(p), TG_OK, "%s", tg_message(g));
        is_after(&t, 2);
        cr_assert_eq(tg_program_commit(p), TG_ARGUMENT, "a step has committed its own run");
        is_after(&t, 2);
        tg_program_free(p);
    }
    begin(&t, first);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_commit(g), TG_OK);
    is_after(&t, 1);
}

Test(commit, of_no_run) {
    const struct tape t = build();
    tg_program *p = compile(NULL, 0, TG_EXACT, TG_WITH_ASSIGNS);
    begin(&t, first);
    cr_assert_eq(tg_program_commit(p), TG_ARGUMENT);
    cr_assert_eq(tg_program_commit(NULL), TG_HANDLE);
    run(p);
    TG_LET(label, tg_input(g, TG_F64, tg_shape0()));
    tg_program *q = compile(&label, 1, TG_EXACT, TG_WITH_ASSIGNS);
    cr_assert_eq(tg_program_run(q), TG_VALUE, "label has no value");
    cr_assert_eq(tg_program_commit(q), TG_ARGUMENT, "a run that failed cannot be committed");
    is_after(&t, 0);
    cr_assert_eq(tg_program_commit(p), TG_OK, "%s", tg_message(g));
    is_after(&t, 1);
    tg_program *r = compile(&t.next, 1, TG_EXACT, 0);
    run(r);
    cr_assert_eq(tg_program_commit(r), TG_ARGUMENT);
    says(TG_ARGUMENT, "program_commit: compiled without TG_WITH_ASSIGNS, it assigns nothing");
}

/* ------------------------------------------------------------------------------------------------ what is not finite */

static void untouched(const struct tape *t, const double *w) {
    cr_assert_eq(tg_item(t->count, 0), 0, "nothing is committed in part");
    cr_assert_eq(memcmp(tg_value(t->w), w, 3 * sizeof *w), 0);
}

static void names_where_it_began(void) {
    char text[1000];
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_str_eq(tg_name(tg_first_nonfinite(g, text, sizeof text)), "slope", "%s", text);
}

static void refused(const struct tape *t, const double *w, const char *value) {
    char want[200];
    snprintf(want, sizeof want, "param 'w': commit: element 1 of 'next', whose value it is to take, is %s, and ", value);
    says(TG_VALUE, want);
    untouched(t, w);
    names_where_it_began();
}

static const char *sign_of_nan(void) { return strstr(tg_message(g), "-nan") ? "-nan" : "nan"; } /* either may come out */

Test(commit, what_is_not_finite_is_refused) {
    const struct tape t = build();
    const double bad[2][3] = {{2, -1, 0.5}, {2, 0, 1}}; /* ln(-1), and ln(0)·0 */;
    tg_require_finite(g, true);
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < WAYS; i++) {
            tg_program *p = compile(&t.step, 1, way[i].mode, way[i].flags | TG_WITH_ASSIGNS);
            begin(&t, bad[k]);
            cr_assert_eq(tg_program_step(p), TG_VALUE);
            refused(&t, bad[k], sign_of_nan());
            run(p);
            cr_assert_eq(tg_program_commit(p), TG_VALUE);
            refused(&t, bad[k], sign_of_nan());
            cr_assert_not_null(tg_program_value(p, t.step), "the outputs can still be read");
            begin(&t, first);
            cr_assert_eq(tg_program_step(p), TG_OK, "%s", tg_message(g));
            is_after(&t, 1);
            tg_program_free(p);
        }
        begin(&t, bad[k]);
        cr_assert_eq(tg_run(g), TG_OK);
        cr_assert_eq(tg_commit(g), TG_VALUE);
        refused(&t, bad[k], sign_of_nan());
    }
    begin(&t, bad[0]);
    tg_require_finite(g, false);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_commit(g), TG_OK, "%s", tg_message(g));
    cr_assert(isnan(tg_item(t.w, 1)));
    tg_require_finite(NULL, true);
}

/* f32 that overflows, and an i32, which has no NaN. */
Test(commit, of_every_dtype) {
    const tg_node a = tg_let(tg_state(g, TG_F32, tg_shape1(2), 1e30), "a", __FILE__, __LINE__);
    const tg_node n = tg_let(tg_state(g, TG_I32, tg_shape1(2), 3), "n", __FILE__, __LINE__);
    tg_assign(n, n);
    tg_assign(a, tg_square(a));
    tg_require_finite(g, true);
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_commit(g), TG_VALUE);
    says(TG_VALUE, "param 'a': commit: element 0 of #3 (square), whose value it is to take, is inf");
    cr_assert_eq(tg_item(a, 0), (double)1e30f);
}

/* ------------------------------------------------------------------------------------------- assigns that come late */

Test(commit, assigns_that_a_program_does_not_know) {
    const tg_node x = leaf("x", TG_F64, tg_shape0());
    TG_LET(loss, tg_square(x));
    tg_program *p = tg_compile(g, &loss, 1, (tg_compile_options){.flags = TG_WITH_ASSIGNS});
    cr_assert_null(p);
    says(TG_ARGUMENT, "compile: TG_WITH_ASSIGNS, but nothing is assigned on this tape yet: tg_assign, or an optimizer, "
                      "comes before tg_compile");
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_commit(g), TG_ARGUMENT);
    says(TG_ARGUMENT, "commit: nothing is assigned on this tape");

    const tg_node count = leaf("count", TG_F64, tg_shape0());
    tg_assign(count, tg_add(count, tg_scalar(g, TG_F64, 1)));
    p = compile(&loss, 1, TG_EXACT, TG_WITH_ASSIGNS);
    cr_assert_eq(tg_fill(count, 0), TG_OK);
    cr_assert_eq(tg_program_step(p), TG_OK, "%s", tg_message(g));
    const tg_mark mark = tg_mark_now(g);
    tg_node dx[1];
    tg_gradients(tg_backward(loss, tg_nil(g)), &x, 1, dx);
    tg_sgd(&x, dx, 1, tg_scalar(g, TG_F64, 0.1), (tg_sgd_options){0}, "sgd");
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    const double before = tg_item(x, 0);
    cr_assert_eq(tg_program_step(p), TG_ARGUMENT);
    says(TG_ARGUMENT, "program_step: the tape has assigns that the program does not know: call tg_compile after");
    run(p);
    cr_assert_eq(tg_program_commit(p), TG_ARGUMENT);
    says(TG_ARGUMENT, "program_commit: the tape has assigns that the program does not know");
    cr_assert_eq(tg_item(count, 0), 1);
    tg_program *q = compile(&loss, 1, TG_EXACT, TG_WITH_ASSIGNS);
    cr_assert_eq(tg_program_step(q), TG_OK, "%s", tg_message(g));
    cr_assert_float_eq(tg_item(x, 0), before * 0.8, 1e-15);
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    cr_assert_eq(tg_program_step(p), TG_OK, "as before those assigns: %s", tg_message(g));
    cr_assert_eq(tg_item(count, 0), 3);
    cr_assert_eq(tg_program_step(q), TG_HANDLE);
    says(TG_HANDLE, "program_step: the program is stale");
}

/* clang's sanitizer refuses NULL + 0: leaves without elements that take their own value. */
Test(commit, leaves_of_no_elements) {
    const tg_node a = tg_input(g, TG_F64, tg_shape1(0)), b = tg_input(g, TG_F64, tg_shape2(3, 0));
    tg_assign(a, a);
    tg_assign(b, b);
    cr_assert_eq(tg_set(a, NULL) | tg_set(b, NULL), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_run(g), TG_OK);
    cr_assert_eq(tg_commit(g), TG_OK, "%s", tg_message(g));
    for (size_t i = 0; i < WAYS; i++)
        cr_assert_eq(tg_program_step(compile(NULL, 0, way[i].mode, way[i].flags | TG_WITH_ASSIGNS)), TG_OK);
}

/* ---------------------------------------------------------------------------------------- other things that do nothing */

typedef tg_node along(tg_node x, tg_axes axes);
static tg_node var_of(tg_node x, tg_axes a) { return tg_var(x, a, 0); }
static tg_node std_of(tg_node x, tg_axes a) { return tg_std(x, a, 0); }
static tg_node norm_of(tg_node x, tg_axes a) { return tg_norm(x, 2, a); }
static tg_node expanded(tg_node x, tg_axes a) { return tg_expand_axes(x, tg_dims(x), a); }
static tg_node normalized(tg_node x, tg_axes a) {
    const tg_node one = tg_scalar_like(x, 1);
    return tg_batchnorm(x, one, one, a, 1e-5, "bn");
}

/* What x is when it is reduced over nothing; NULL: no more than "it can be asked for". */
static double same(double x) { return x; }
static double zero(double x) { return 0 * x; }
static double one(double x) { return x / x; }

Test(commit, a_set_of_axes_that_nobody_filled) {
    static const struct {
        const char *name;
        along *f;
        double (*none)(double x);
    } of[] = {{"sum", tg_sum, same},
              {"max", tg_max, same},
              {"min", tg_min, same},
              {"mean", tg_mean, same},
              {"var", var_of, zero},
              {"std", std_of, zero},
              {"logsumexp", tg_logsumexp, same},
              {"prod", tg_prod, same},
              {"norm", norm_of, fabs},
              {"batchnorm", normalized, one},
              {"expand", expanded, same},
              {"flip", tg_flip, same},
              {"squeeze", tg_squeeze, same},
              {"unsqueeze", tg_unsqueeze, same},
              {"argmax", tg_argmax, NULL},
              {"argmin", tg_argmin, NULL},
              {"transpose", tg_transpose, NULL}};
    const tg_node x = leaf("x", TG_F64, tg_shape2(2, 3));
    const tg_mark m = tg_mark_now(g);
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char want[160];
        for (int keep = 0; keep < 2; keep++) {
            cr_assert(tg_is_nil(of[i].f(x, (tg_axes){.keep = keep})), "%s", of[i].name);
            snprintf(want, sizeof want, "%s: no axes are given: tg_axis(0) is the first, tg_axes_all() all", of[i].name);
            says(TG_ARGUMENT, want);
            cr_assert_eq(tg_rewind(g, m), TG_OK);
        }
        const tg_node z = of[i].f(x, tg_axes_n(0, NULL));
        if (!of[i].none) {
            cr_assert_neq(tg_error(g), TG_OK, "%s", of[i].name);
        } else {
            cr_assert_eq(tg_run(g), TG_OK, "%s: %s", of[i].name, tg_message(g));
            for (size_t k = 0; k < 6; k++)
                cr_assert_float_eq(tg_item(z, k), of[i].none(tg_item(x, k)), 1e-15, "%s: %g", of[i].name, tg_item(z, k));
        }
        cr_assert_eq(tg_rewind(g, m), TG_OK);
        const tg_node scalar = tg_scalar(g, TG_F64, 3);
        (void)of[i].f(scalar, (tg_axes){0}); /* there are no axes to choose from */
        cr_assert_null(strstr(tg_message(g), "no axes are given"), "%s", tg_message(g));
        cr_assert_eq(tg_rewind(g, m), TG_OK);
    }
}
