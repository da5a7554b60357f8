/* What the flagship shows: the steps, the comparisons, the gradient check. */
#include "flagship.h"

#include "batchnorm.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Padded first, so that the codes do not count. */
static const char *coloured(bool good, const char *word, int width) {
    static char text[32];
    const bool colour = tg_has_colour(stdout);
    snprintf(text, sizeof text, "%s%-*s%s",
             !colour ? ""
             : good  ? "\033[32m"
                     : "\033[31m",
             width, word, colour ? "\033[0m" : "");
    return text;
}

static void head(const char *names) {
    printf("%s\n", names);
    for (size_t i = 0; i < strlen(names); i++) fputs(tg_has_unicode() ? "─" : "-", stdout);
    printf("\n");
}

void report_steps(const struct model *m) {
    tg_print_steps(m->d, "", stdout);
    printf("\nWhat arrives at xmu, and along which path\n");
    tg_print_ledger(m->d, tg_find(m->g, "xmu"), stdout);
    printf("\nWhat arrives at x\n");
    tg_print_ledger(m->d, m->x, stdout);
    printf("\n");
}

/* ----------------------------------------------------------------------------------------------------- comparisons */

double tolerance_of(tg_dtype dtype) { return dtype == TG_F32 ? 2e-5 : 1e-12; }

static void tell_column(const struct model *m, const tg_difference *r) {
    tg_shape dims = tg_dims(tg_find(m->g, r->name));
    size_t columns = dims.rank ? (size_t)dims.dim[dims.rank - 1] : 1, column = r->index % columns;
    printf(" at row %zu, column %zu", r->index / columns, column);
    if (!tg_column(m->x, column) || tg_size(m->gamma) != columns) return;
    char name[80];
    snprintf(name, sizeof name, "%s", tg_column(m->x, column));
    printf(" (%s)", harmless(name));
}

void tell_rows(const struct model *m, const tg_difference *rows, size_t count, double tolerance, bool quiet) {
    size_t first = 0;
    while (first < count && !rows[first].parts) first++;
    size_t worst = 0;
    if (!quiet) head("name      error / scale");
    for (size_t i = 0; i < count; i++) {
        if (rows[i].error > rows[worst].error) worst = i;
        if (!quiet)
            printf("%-9s %13.2g%s%s\n", rows[i].name, rows[i].error, rows[i].parts ? "  " : "",
                   rows[i].parts ? coloured(false, "parts", 0) : "");
    }
    if (first == count) {
        if (!quiet)
            printf("%s: none of %zu parts. The worst is %s, off by %.2g of its scale (allowed %g).\n\n",
                   coloured(true, "PASS", 0), count, rows[worst].name, rows[worst].error, tolerance);
        return;
    }
    const tg_difference *r = &rows[first];
    printf(
        "%s: the first that parts is %s, step %d, off by %.2g of its scale (allowed %.2g):\n  ours %.17g, theirs %.17g",
        coloured(false, "FAIL", 0), r->name, r->stage, r->error, tolerance, r->ours, r->theirs);
    tell_column(m, r);
    printf("\n\n");
}

enum { FUSED = sizeof((struct findings *)0)->fused / sizeof(tg_difference) };

/* The handwritten kernel on the same data. */
static void run_fused(const struct model *m, tg_array *a) {
    const size_t n = (size_t)tg_dims(m->x).dim[0], d = (size_t)tg_dims(m->x).dim[1];
    const void *x = tg_value(m->x), *gamma = tg_value(m->gamma), *beta = tg_value(m->beta);
    const void *dout = tg_value(tg_grad(m->d, m->out));
    void *v[FUSED];
    for (int i = 0; i < FUSED; i++) v[i] = (void *)(uintptr_t)a[i].data;
    if (tg_dtype_of(m->x) == TG_F32) {
        tg_fused_batchnorm_train_f32(n, d, x, gamma, beta, (float)m->eps, v[4],
                                     (tg_fused_batchnorm_stages_f32){v[0], v[1], v[2], v[3]});
        tg_fused_batchnorm_backward_f32(n, d, dout, x, gamma, v[0], v[2], v[7], v[6], v[5]);
    } else {
        tg_fused_batchnorm_train_f64(n, d, x, gamma, beta, m->eps, v[4],
                                     (tg_fused_batchnorm_stages_f64){v[0], v[1], v[2], v[3]});
        tg_fused_batchnorm_backward_f64(n, d, dout, x, gamma, v[0], v[2], v[7], v[6], v[5]);
    }
}

bool report_fused(const struct model *m, bool quiet, struct findings *f) {
    static const char *const names[FUSED] = {"mu", "var", "ivar", "xhat", "out", "dbeta", "dgamma", "dx"};
    const double tolerance = tolerance_of(tg_dtype_of(m->x));
    tg_array a[FUSED];
    size_t first = 0;
    bool room = true;
    for (int i = 0; i < FUSED; i++) {
        tg_node own = tg_find(m->g, names[i]);
        a[i] = (tg_array){names[i], tg_dtype_of(own), tg_dims(own), malloc(tg_size(own) * sizeof(double))};
        room &= a[i].data != NULL;
    }
    if (room) run_fused(m, a);
    bool laid = room && tg_diverge(m->g, a, FUSED, tolerance, f->fused, &first) == TG_OK;
    f->agree &= first == FUSED;
    if (laid) {
        f->differences = FUSED;
        if (!quiet || first < FUSED) printf("The staged tape beside the handwritten fused kernel\n");
        tell_rows(m, f->fused, FUSED, tolerance, quiet);
    }
    for (int i = 0; i < FUSED; i++) free((void *)(uintptr_t)a[i].data);
    return laid || complain("%s", room ? tg_message(m->g) : "out of memory");
}

/* -------------------------------------------------------------------------------------------------- gradient check */

static void progress(void *user, size_t done, size_t total) {
    (void)user;
    if (done < total)
        fprintf(stderr, "\rgradient check %3.0f %%", 100.0 * (double)done / (double)total);
    else
        fprintf(stderr, "\r%21s\r", "");
}

static void tell_check(const tg_check *c, bool passed) {
    printf("%-9s %s %9.2g", tg_name(c->leaf), coloured(passed, tg_verdict_name(c->verdict), 7), c->error);
    if (c->checked < tg_size(c->leaf)) printf("  %zu of %zu elements", c->checked, tg_size(c->leaf));
    if (!passed) printf("  element %zu: ours %.17g, numeric %.17g", c->index, c->ours, c->numeric);
    printf("\n");
}

bool report_check(const struct model *m, bool quiet, struct findings *f) {
    const size_t room = sizeof f->checks / sizeof *f->checks;
    const double tolerance = 1e-8;
    const double work = 2e8; /* elements looked at times elements of x: some ten seconds */
    tg_check_options options = {.tolerance = tolerance, .seed = 1, .limit = (size_t)(work / (double)tg_size(m->x)) + 1};
    if (isatty(STDERR_FILENO) && !quiet) options.progress = progress;
    tg_node out = tg_is_nil(m->loss) ? m->out : m->loss;
    if (tg_check_gradient(out, &options, f->checks, room, &f->checked)) return complain("%s", tg_message(m->g));
    if (f->checked > room) f->checked = room;
    if (!quiet) {
        printf("Gradient check of %s: fourth-order differences in f64, random cotangent, tolerance %g\n", tg_name(out),
               tolerance);
        head("leaf      verdict     error");
    }
    for (size_t i = 0; i < f->checked; i++) {
        const tg_check *c = &f->checks[i];
        /* vacuous: both are 0 up to noise, as dx is in truth for a batch of one */
        const bool passed = c->verdict == TG_PASS || c->verdict == TG_VACUOUS;
        f->agree &= c->verdict != TG_FAIL;
        f->proved &= passed;
        if (!quiet || !passed) tell_check(c, passed);
    }
    if (!quiet) printf("\n");
    return true;
}

/* -------------------------------------------------------------------------------------------------------- the page */

bool write_page(const struct model *m, const char *path, const struct findings *f) {
    const tg_page_options options = {.title = "Batch normalization",
                                     .out = m->out,
                                     .function = "batchnorm",
                                     .checks = f->checks,
                                     .check_count = f->checked,
                                     .differences = f->fused,
                                     .difference_count = f->differences,
                                     .beside = "the handwritten fused kernel",
                                     .tolerance = tolerance_of(tg_dtype_of(m->x))};
    return tg_write_html(m->g, m->d, path, &options) == TG_OK || complain("%s", tg_message(m->g));
}
