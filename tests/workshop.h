/* A place for tests of the jit: a cache, a directory for what is temporary, and compilers that are scripts, all in one
 * directory that is removed. Nothing may be left behind in it that was only on the way. */
#ifndef TESTS_WORKSHOP_H
#define TESTS_WORKSHOP_H

#include "compile.h"
#include "support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char shop[64], why[600];

static const char twice[] = "double twice(double x) { return 2 * x; }\n";

static inline const char *in_shop(const char *name) {
    static char text[4][600];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(text[turn], sizeof text[turn], "%s/%s", shop, name);
    return text[turn];
}

static inline void remove_tree(const char *path) {
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        struct stat s;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *below = malloc(strlen(path) + strlen(entry->d_name) + 2);
        sprintf(below, "%s/%s", path, entry->d_name);
        if (lstat(below, &s) == 0 && S_ISDIR(s.st_mode))
            remove_tree(below);
        else
            unlink(below);
        free(below);
    }
    if (dir) closedir(dir);
    rmdir(path);
}

static inline size_t files_in(const char *path, const char *end) { /* that end so */
    DIR *dir = opendir(path);
    size_t n = 0;
    for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        const size_t length = strlen(entry->d_name);
        n += entry->d_name[0] != '.' && length >= strlen(end) && strcmp(entry->d_name + length - strlen(end), end) == 0;
    }
    if (dir) closedir(dir);
    return n;
}

static inline const char *write_file(const char *path, const char *text, mode_t mode) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(chmod(path, mode), 0);
    return path;
}

/* A compiler: these lines of sh, in which "$o" is where the object goes. */
static inline void use_script(const char *lines) {
    char text[2000];
    snprintf(text, sizeof text,
             "#!/bin/sh\no=; for a; do test \"$last\" = -o && o=$a; last=$a; done\n"
             "echo x >>'%s'\n%s\n",
             in_shop("starts"), lines);
    setenv("CC", write_file(in_shop("script"), text, 0755), 1);
}

static inline size_t starts(void) { /* of the script */
    struct stat s;
    return stat(in_shop("starts"), &s) == 0 ? (size_t)s.st_size / 2 : 0;
}

static inline void open_shop(void) {
    strcpy(shop, "/tmp/tapegrad-shop-XXXXXX");
    cr_assert_not_null(mkdtemp(shop));
    cr_assert_eq(mkdir(in_shop("tmp"), 0700), 0);
    setenv("TAPEGRAD_CACHE", in_shop("cache"), 1);
    setenv("TMPDIR", in_shop("tmp"), 1);
    unsetenv("CC");
    unsetenv("TAPEGRAD_JIT");
}

static inline void close_shop(void) {
    const size_t left =
        files_in(in_shop("tmp"), "") + files_in(in_shop("cache"), "") - files_in(in_shop("cache"), ".so");
    remove_tree(shop);
    cr_assert_eq(left, 0, "%zu files were left behind", left);
}

static inline bool is_one_line(const char *text) {
    while ((unsigned char)*text >= 0x20) text++;
    return *text == 0;
}

/* symbol(1); 0: not compiled, and why says why in one line, as it says with a result what is wrong with the cache; -1:
 * what was promised is not so. Asserts nothing, for a forked process cannot tell Criterion. */
static inline double result_of(const char *source, const char *symbol) {
    tg_graph *g = tg_graph_new();
    void *function;
    strcpy(why, "not even that");
    struct tg__object *object = tg__jit(g, source, strlen(source), symbol, &function, why, sizeof why);
    double (*call)(double);
    memcpy(&call, &function, sizeof call);
    const bool kept = tg_error(g) == TG_OK && !object == !function && is_one_line(why) && (object || why[0]);
    const double result = !kept ? -1 : object ? call(1) : 0;
    tg__jit_free(g, object);
    tg_graph_free(g);
    return result;
}

static inline void works(void) { cr_assert_eq(result_of(twice, "twice"), 2, "%s", why); }

static inline void works_in_silence(void) {
    works();
    cr_assert_str_empty(why);
}

static inline void fails(const char *reason) {
    cr_assert_eq(result_of(twice, "twice"), 0, "%s", why);
    cr_assert_not_null(strstr(why, reason), "'%s' does not say '%s'", why, reason);
}

static inline void works_but(const char *reason) {
    works();
    cr_assert_not_null(strstr(why, reason), "'%s' does not say '%s'", why, reason);
}

#endif
