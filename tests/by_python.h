/* What Python says of a file, line by line. */
#ifndef TESTS_PYTHON_H
#define TESTS_PYTHON_H

#include "npy_bytes.h"

#define PYTHON "/usr/bin/python3"

/* A script that prints; skips the test where there is no Python. */
static inline FILE *python(const char *script) {
    if (access(PYTHON, X_OK) != 0) cr_skip("no " PYTHON);
    put("t.py", script, strlen(script));
    FILE *said = popen(PYTHON " t.py 2>&1", "r");
    cr_assert_not_null(said);
    return said;
}

static inline void expect_line(FILE *said, const char *expected) {
    char line[8192];
    cr_assert_not_null(fgets(line, sizeof line, said));
    line[strcspn(line, "\n")] = 0;
    cr_assert_str_eq(line, expected);
}

#endif
