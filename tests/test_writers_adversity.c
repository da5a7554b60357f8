/* Every writer where the world is against it: no memory, no disk, no such place. It says which file and why, leaves
 * nothing behind, changes nothing, and works as soon as it can. */
#include "folder.h"
#include "support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------------- what is written */

static struct heap heap;
static tg_graph *g;
static tg_grads d;
static char folder[40];

static tg_status numpy(const char *path) { return tg_write_numpy(d, tg_nil(g), "f", path); }
static tg_status latex(const char *path) { return tg_write_latex(d, tg_nil(g), "f", path); }
static tg_status code(const char *path) { return tg_write_c_staged(d, tg_nil(g), "f", path); }
static tg_status json(const char *path) { return tg_write_json(g, path); }
static tg_status leaves(const char *path) { return tg_save_leaves(g, path); }
static tg_status html(const char *path) { return tg_write_html(g, d, path, NULL); }
static tg_status dot(const char *path) { return tg_write_dot(g, d, path, NULL); }
static tg_status svg(const char *path) { return tg_write_svg(g, d, path, &(tg_draw_options){.folded = true}); }
static tg_status npy(const char *path) { return tg_save(tg_find(g, "x"), path); }

static const struct writer {
    const char *name;
    tg_status (*write)(const char *path);
} writers[] = {{"NumPy", numpy}, {"LaTeX", latex}, {"C", code},  {"JSON", json}, {"leaves", leaves},
               {"HTML", html},   {"DOT", dot},     {"SVG", svg}, {"npy", npy}};
enum { WRITERS = sizeof writers / sizeof *writers };

static void build(void) {
    uint64_t state = 11;
    g = tg_graph_new_with(heap_allocator(&heap));
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(3)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(3)));
    TG_LET(dy, tg_input(g, TG_F64, tg_shape2(4, 3)));
    TG_LET(y, tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, "bn"));
    d = tg_backward(y, dy);
    const tg_node leaf[] = {x, gamma, beta, dy};
    for (size_t i = 0; i < 4; i++) {
        double *v = random_array(&state, tg_size(leaf[i]), -2, 2);
        cr_assert_eq(tg_set(leaf[i], v), TG_OK);
        free(v);
    }
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
}

static size_t files(void) {
    DIR *dir = opendir(".");
    size_t n = 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) n += e->d_name[0] != '.' || e->d_name[1] > '.';
    closedir(dir);
    return n;
}

static void enter(void) {
    folder_new(folder, "writers");
    cr_assert_eq(chdir(folder), 0);
    build();
}

static void leave(void) {
    tg_graph_free(g);
    cr_expect_eq(heap.blocks, 0);
    cr_expect_eq(heap.wrong, 0);
    cr_expect_eq(files(), 0, "something was left behind");
    cr_expect_eq(chdir("/"), 0);
    cr_expect_eq(rmdir(folder), 0);
}

TestSuite(writers_adversity, .timeout = 120, .init = enter, .fini = leave);

static void works(const struct writer *w) {
    cr_assert_eq(w->write("good"), TG_OK, "%s: %s", w->name, tg_message(g));
    cr_assert_eq(tg_error(g), TG_OK);
    cr_assert_eq(unlink("good"), 0);
    cr_assert_eq(files(), 0, "%s left something behind", w->name);
}

/* The path and the reason are said, and there is nothing new. */
static void refuses(const struct writer *w, const char *path, const char *named, const char *reason) {
    const size_t before = files(), live = heap.live;
    cr_expect_eq(w->write(path), TG_FILE, "%s wrote to %.40s", w->name, named);
    cr_expect_not_null(strstr(tg_message(g), named), "%s: '%s' is not in: %s", w->name, named, tg_message(g));
    cr_expect_not_null(strstr(tg_message(g), reason), "%s: '%s' is not in: %s", w->name, reason, tg_message(g));
    cr_expect_eq(files(), before, "%s left something behind", w->name);
    cr_expect_eq(heap.live, live, "%s kept memory", w->name);
}

/* ---------------------------------------------------------------------------------------------------------- memory */

static size_t fails_at_each(const struct writer *w, bool onward) {
    for (size_t k = 1;; k++) {
        const size_t live = heap.live, blocks = heap.blocks;
        heap.fail_at = heap.calls + k;
        heap.onward = onward;
        const tg_status status = w->write("file");
        const bool failed = heap.calls >= heap.fail_at;
        heap.fail_at = 0;
        cr_assert_eq(heap.live, live, "%s, allocation %zu: memory is kept", w->name, k);
        cr_assert_eq(heap.blocks, blocks);
        if (!failed) {
            cr_assert_eq(status, TG_OK, "%s", tg_message(g));
            cr_assert_eq(unlink("file"), 0);
            return k;
        }
        cr_assert_eq(status, TG_MEMORY, "%s, allocation %zu: %d %s", w->name, k, (int)status, tg_message(g));
        cr_assert_eq(tg_error(g), TG_MEMORY);
        cr_assert_eq(files(), 0, "%s, allocation %zu: a file was left", w->name, k);
    }
}

Test(writers_adversity, no_memory) {
    for (size_t i = 0; i < WRITERS; i++) {
        cr_expect_gt(fails_at_each(&writers[i], false), 1, "%s needs memory", writers[i].name);
        fails_at_each(&writers[i], true);
        works(&writers[i]);
    }
}

/* What a terminal gets. Those that print give no status: they print less, and the tape says why or is as it was. */
static void print_folded(FILE *file) { tg_print_folded(g, file, NULL); }
static void explain(FILE *file) { tg_explain(tg_find(g, "bn/xmu"), file); }
static void wrong_order(FILE *file) {
    const tg_status status = tg_print_wrong_order(d, file);
    cr_expect(status == TG_OK || heap.fail_at, "%s", tg_message(g));
}
static void steps(FILE *file) { tg_print_steps(d, NULL, file); }
static void moments(FILE *file) {
    for (size_t k = 0; k < tg_moments(g); k++) tg_print_moment(d, k, file);
}

static long print_without(void (*print)(FILE *file), size_t fail_at, bool onward) {
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    const size_t live = heap.live;
    heap.fail_at = fail_at ? heap.calls + fail_at : 0;
    heap.onward = onward;
    print(file);
    const bool failed = heap.fail_at && heap.calls >= heap.fail_at;
    heap.fail_at = 0;
    cr_assert_eq(heap.live, live, "memory is kept");
    cr_assert(!failed || tg_error(g) == TG_MEMORY, "%d %s", (int)tg_error(g), tg_message(g));
    const long size = ftell(file);
    fclose(file);
    cr_assert(json("clears") == TG_OK && unlink("clears") == 0, "%s", tg_message(g));
    return failed ? -1 : size;
}

Test(writers_adversity, no_memory_to_print) {
    void (*const prints[])(FILE *) = {print_folded, explain, wrong_order, steps, moments};
    for (size_t i = 0; i < sizeof prints / sizeof *prints; i++) {
        const long whole = print_without(prints[i], 0, false);
        cr_assert_gt(whole, 100);
        long size = -1;
        for (size_t k = 1; size < 0; k++)
            if ((size = print_without(prints[i], k, false)) < 0) print_without(prints[i], k, true);
        cr_expect_eq(size, whole, "%zu: %ld instead of %ld", i, size, whole);
    }
}

/* ------------------------------------------------------------------------------------------------------------ files */

Test(writers_adversity, no_such_place) {
    char *deep = malloc(5001);
    memset(deep, 'a', 5000);
    deep[5000] = 0;
    for (size_t i = 0; i < WRITERS; i++) {
        const struct writer *w = &writers[i];
        refuses(w, NULL, "NULL", "no file");
        refuses(w, "", "''", "no file");
        refuses(w, "nowhere/file", "nowhere/file", "No such file");
        refuses(w, "/proc/file", "/proc/file", "cannot be created");
        refuses(w, "/dev/full", "/dev/full", "not a regular file");
        refuses(w, deep, "aaaaaaaa", "too long");
        works(w);
    }
    free(deep);
}

Test(writers_adversity, what_is_there_stays) {
    cr_assert(mkdir("dir", 0700) == 0 && mkfifo("fifo", 0600) == 0 && symlink("target", "link") == 0);
    struct stat s;
    for (size_t i = 0; i < WRITERS; i++) {
        refuses(&writers[i], "dir", "dir", "not a regular file");
        refuses(&writers[i], "fifo", "fifo", "not a regular file");
        refuses(&writers[i], "link", "link", "not a regular file");
        refuses(&writers[i], "dir/", "dir/", "not a regular file");
    }
    cr_expect(lstat("link", &s) == 0 && S_ISLNK(s.st_mode));
    cr_expect(rmdir("dir") == 0 && unlink("fifo") == 0 && unlink("link") == 0);
}

/* A name that the file system just takes leaves no room for a temporary name made from it. */
Test(writers_adversity, longest_name) {
    char name[256];
    memset(name, 'n', 255);
    name[255] = 0;
    for (size_t i = 0; i < WRITERS; i++) {
        cr_expect_eq(writers[i].write(name), TG_OK, "%s: %s", writers[i].name, tg_message(g));
        unlink(name);
    }
}

Test(writers_adversity, full_disk) {
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (size_t i = 0; i < WRITERS; i++)
        for (rlim_t room = 0; room <= 64; room += 64) {
            small = (struct rlimit){room, before.rlim_max};
            cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
            refuses(&writers[i], "file", "file", "cannot be written: File too large");
            cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
            works(&writers[i]);
        }
}

Test(writers_adversity, no_descriptors) {
    struct rlimit before;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max}), 0);
        const tg_status status = writers[i].write("file");
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        cr_expect_eq(status, TG_FILE);
        cr_expect_not_null(strstr(tg_message(g), "file: cannot be created: Too many open files"), "%s", tg_message(g));
        works(&writers[i]);
    }
}
