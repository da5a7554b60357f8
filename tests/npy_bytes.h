/* What the tests of .npy files share: a folder for each test, files made byte by byte, and reading them. */
#ifndef TESTS_NPY_BYTES_H
#define TESTS_NPY_BYTES_H

#include "support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------- each test in a folder of its own */

static char folder[] = "test_npy.XXXXXX";
static tg_graph *g;

static inline size_t files(void (*each)(const char *name)) {
    DIR *dir = opendir(".");
    cr_assert_not_null(dir);
    size_t count = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        count++;
        if (each != NULL) each(e->d_name);
    }
    closedir(dir);
    return count;
}

static inline void discard(const char *name) { remove(name); }

static inline void setup(void) {
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    g = tg_graph_new();
}

static inline void teardown(void) {
    tg_graph_free(g);
    files(discard);
    if (chdir("..") == 0) rmdir(folder);
}

/* -------------------------------------------------------------------------------------------- files, byte by byte */

static inline void put(const char *path, const void *bytes, size_t count) {
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, count, f), count);
    cr_assert_eq(fclose(f), 0);
}

static inline size_t get(const char *path, void *bytes, size_t room) {
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "%s", path);
    size_t count = fread(bytes, 1, room, f);
    fclose(f);
    return count;
}

static inline int lowest_free_fd(void) {
    int fd = open(".", O_RDONLY);
    close(fd);
    return fd;
}

/* A file of a given version around a header and data, both taken as they come. */
static inline size_t build(char *file, int version, const char *header, const void *data, size_t bytes) {
    size_t length = strlen(header), start = version == 1 ? 10 : 12;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (char)version;
    file[7] = 0;
    for (size_t i = 8; i < start; i++) file[i] = (char)(length >> 8 * (i - 8) & 0xff);
    memcpy(file + start, header, length);
    if (bytes > 0) memcpy(file + start + length, data, bytes);
    return start + length + bytes;
}

static inline tg_array read_ok(const void *file, size_t count) {
    tg_array a;
    put("x.npy", file, count);
    cr_assert_eq(tg_read_npy(g, "x.npy", &a), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_error(g), TG_OK);
    cr_assert_str_eq(a.name, "x");
    cr_assert_not_null(a.data);
    return a;
}

static inline void refused(const void *file, size_t count, const char *says) {
    tg_array a = {.name = "untouched"};
    put("x.npy", file, count);
    cr_assert_eq(tg_read_npy(g, "x.npy", &a), TG_FILE, "%s: read", says);
    cr_assert_eq(strncmp(tg_message(g), "x.npy: ", 7), 0, "%s", tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), says), "'%s' is not in: %s", says, tg_message(g));
    cr_assert_null(a.data);
    cr_assert_null(a.name);
}

static inline void header_refused(const char *header, const char *says) {
    char file[1024];
    refused(file, build(file, 1, header, "01234567", 8), says);
}

#endif
