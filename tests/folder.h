/* A folder of the test's own. Writers sync every file that they finish, so it is in memory where there is a place for
 * that; nothing can be executed in some of those places, so what compiles and loads libraries has its folder in /tmp. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* path: room for 40 bytes. noun: at most 8 letters. */
static inline void folder_new(char *path, const char *noun) {
    const char *const place = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, 40, "%s/tapegrad-%s-XXXXXX", place, noun);
    cr_assert_not_null(mkdtemp(path), "%s: no folder could be made", path);
}

#endif
