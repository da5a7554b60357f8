/* What the rows say of themselves: the gradient as text and the formulas in TeX are read by a program (tests/row_texts)
 * and compared with differences of the formula in NumPy, which test_numpy compares with the kernel. */
#define _XOPEN_SOURCE 700 /* mkstemp */
#include "graph.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(row_texts, .timeout = 60);

static bool runs(const char *command) {
    char line[400];
    snprintf(line, sizeof line, "%s -c 'import numpy' >/dev/null 2>&1", command);
    return system(line) == 0;
}

/* A line each: the name, how many operands, the range that they are drawn from, and the texts, between tabs. */
static size_t write_rows(FILE *file) {
    tg_graph *g = tg_graph_new();
    size_t rows = 0;
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++) {
        if (!(*op)->code) continue;
        fprintf(file, "%s\t%d\t%.17g\t%.17g\t%s\t%s\t%s\t%s\n", (*op)->name, (*op)->operands, (*op)->low, (*op)->high,
                (*op)->numpy, (*op)->vjp ? (*op)->gradient : "", (*op)->tex, (*op)->vjp ? (*op)->tex_back : "");
        rows++;
    }
    tg_graph_free(g);
    return rows;
}

Test(row_texts, are_true) {
    const char *python = runs("python3") ? "python3" : runs("/usr/bin/python3") ? "/usr/bin/python3" : NULL;
    char path[] = "/tmp/tapegrad-rows-XXXXXX", line[600];
    if (!python) cr_skip_test("there is no python3 with numpy");
    const int descriptor = mkstemp(path);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    cr_assert_not_null(file);
    cr_expect_geq(write_rows(file), 50);
    fclose(file);
    snprintf(line, sizeof line, "%s '%s/tests/row_texts' '%s'", python, SOURCE, path);
    cr_expect_eq(system(line), 0, "a text of a row is not true");
    unlink(path);
}
