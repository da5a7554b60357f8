/* Every call by which a file is read or written, or a program compiled, is refused by the system in turn: once, from
 * there on, and as if a signal had come. There is a status if and only if there is a message; a file is the old one or
 * the whole new one; nothing is left behind, no descriptor is lost, and a second try succeeds. (The calls are wrapped by
 * the linker; tests/injection has strace refuse those of the C library too.) */
#include "npz_golden.h"
#include "support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

/* ------------------------------------------------------------------------------------------------- wrapped calls */

static struct fault {
    const char *call; /* which is refused; NULL: none */
    int first, times; /* from which one on, and how many */
    int error, made;  /* made: how many there were */
    ssize_t result;   /* instead: -1, or what a disk that is at its end says */
} fault;

static bool refuses(const char *call) {
    if (!fault.call || strcmp(fault.call, call) != 0) return false;
    const int number = ++fault.made;
    if (number < fault.first || number >= fault.first + fault.times) return false;
    errno = fault.error;
    return true;
}

#define WRAP(type, name, failure, parameters, arguments)                                                               \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters { return refuses(#name) ? (failure) : __real_##name arguments; }

#define CALLS(X)                                                                                                       \
    X(int, fstat, -1, (int fd, struct stat *s), (fd, s))                                                               \
    X(int, stat, -1, (const char *path, struct stat *s), (path, s))                                                    \
    X(int, lstat, -1, (const char *path, struct stat *s), (path, s))                                                   \
    X(int, fstatat, -1, (int fd, const char *path, struct stat *s, int flags), (fd, path, s, flags))                   \
    X(int, fstatvfs, -1, (int fd, struct statvfs *s), (fd, s))                                                         \
    X(ssize_t, pread, fault.result, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))                           \
    X(ssize_t, read, fault.result, (int fd, void *to, size_t n), (fd, to, n))                                          \
    X(ssize_t, write, fault.result, (int fd, const void *from, size_t n), (fd, from, n))                               \
    X(off_t, lseek, -1, (int fd, off_t at, int whence), (fd, at, whence))                                              \
    X(int, fsync, -1, (int fd), (fd))                                                                                  \
    X(int, rename, -1, (const char *from, const char *to), (from, to))                                                 \
    X(int, renameat, -1, (int a, const char *from, int b, const char *to), (a, from, b, to))                           \
    X(int, link, -1, (const char *from, const char *to), (from, to))                                                   \
    X(int, unlink, -1, (const char *path), (path))                                                                     \
    X(int, unlinkat, -1, (int fd, const char *path, int flags), (fd, path, flags))                                     \
    X(int, mkdir, -1, (const char *path, mode_t mode), (path, mode))                                                   \
    X(char *, mkdtemp, NULL, (char *path), (path))                                                                     \
    X(DIR *, fdopendir, NULL, (int fd), (fd))                                                                          \
    X(int, rmdir, -1, (const char *path), (path))                                                                      \
    X(int, pipe, -1, (int ends[2]), (ends))                                                                            \
    X(int, poll, -1, (struct pollfd * p, nfds_t n, int wait), (p, n, wait))                                            \
    X(pid_t, waitpid, -1, (pid_t pid, int *status, int options), (pid, status, options))                               \
    X(int, posix_spawn_file_actions_init, fault.error, (posix_spawn_file_actions_t * a), (a))                          \
    X(int, posix_spawnattr_init, fault.error, (posix_spawnattr_t * a), (a))                                            \
    X(int, posix_spawn_file_actions_adddup2, fault.error, (posix_spawn_file_actions_t * a, int from, int to),          \
      (a, from, to))                                                                                                   \
    X(int, posix_spawnattr_setsigmask, fault.error, (posix_spawnattr_t * a, const sigset_t *s), (a, s))                \
    X(int, posix_spawnattr_setsigdefault, fault.error, (posix_spawnattr_t * a, const sigset_t *s), (a, s))             \
    X(int, posix_spawnattr_setflags, fault.error, (posix_spawnattr_t * a, short flags), (a, flags))

CALLS(WRAP)

/* A descriptor is closed even if that is refused. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) {
    const int done = __real_close(fd);
    return refuses("close") ? -1 : done;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const unsigned mode = flags & O_CREAT ? va_arg(rest, unsigned) : 0;
    va_end(rest);
    return refuses("open") ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const unsigned mode = flags & O_CREAT ? va_arg(rest, unsigned) : 0;
    va_end(rest);
    return refuses("openat") ? -1 : __real_openat(fd, path, flags, mode);
}

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...) {
    va_list rest;
    va_start(rest, what);
    const int word = what == F_GETFD ? 0 : va_arg(rest, int);
    va_end(rest);
    return refuses("fcntl") ? -1 : __real_fcntl(fd, what, word);
}

#define NAME(type, name, failure, parameters, arguments) #name,
static const char *const calls[] = {CALLS(NAME) "close", "open", "openat", "fcntl"};
enum { NAMES = sizeof calls / sizeof *calls };

/* ------------------------------------------------------------------------------------------------- what is done */

static tg_graph *g;
static tg_node x, y;
static tg_grads d;
static tg_program *program;
static char folder[60];
static double want[2][12]; /* the values of y and dx */

static tg_status write_json(void) { return tg_write_json(g, "out"); }
static tg_status write_npz(void) { return tg_save_leaves(g, "out"); }
static tg_status write_c(void) { return tg_write_c(program, "out", "."); }

static tg_status read_npy(void) {
    tg_array array;
    return tg_read_npy(g, "in.npy", &array);
}

static tg_status read_npz(void) { return tg_load_leaves(g, "in.npz"); }

static tg_status read_packed(void) {
    const tg_array *arrays;
    size_t count;
    return tg_read_npz(g, "packed.npz", &arrays, &count);
}

static tg_status read_csv(void) {
    tg_table table;
    return tg_read_csv(g, "in.csv", &table);
}

static tg_status read_gzip(void) {
    tg_table table;
    return tg_read_csv(g, "in.csv.gz", &table);
}

/* Compiled or interpreted, a program has the bits of the tape, and where it is interpreted, it says why. */
static tg_status compile_with(unsigned flags) {
    const tg_node outputs[] = {y, tg_grad(d, x)};
    tg_program *p = tg_compile(g, outputs, 2, (tg_compile_options){.mode = TG_EXACT, .flags = flags});
    if (!p) return tg_error(g);
    cr_expect(tg_program_stats(p).compiled || *tg_program_note(p), "%s %d: interpreted, and there is no note",
              fault.call, fault.first);
    cr_expect_eq(tg_program_run(p), TG_OK, "%s", tg_message(g));
    for (size_t i = 0; i < 2; i++)
        cr_expect_arr_eq(tg_program_value(p, outputs[i]), want[i], sizeof want[i]);
    tg_program_free(p);
    return TG_OK;
}

static tg_status compile_may(void) { return compile_with(0); }
static tg_status compile_must(void) { return compile_with(TG_MUST_COMPILE); }
static tg_status compile_anew(void) {
    cr_assert_eq(system("rm -rf cache"), 0);
    return compile_may();
}

static const struct deed {
    const char *name;
    tg_status (*run)(void);
    const char *file[2]; /* that it writes */
} deeds[] = {{"json", write_json, {"out", NULL}},
             {"npz", write_npz, {"out", NULL}},
             {"c", write_c, {"out.c", "out.h"}},
             {"read_npy", read_npy, {NULL}},
             {"read_npz", read_npz, {NULL}},
             {"read_packed", read_packed, {NULL}},
             {"read_csv", read_csv, {NULL}},
             {"read_gzip", read_gzip, {NULL}},
             {"compile", compile_may, {NULL}},
             {"compile anew", compile_anew, {NULL}},
             {"must compile", compile_must, {NULL}}};
enum { DEEDS = sizeof deeds / sizeof *deeds };

/* ------------------------------------------------------------------------------------------------------ the place */

static void put(const char *name, const char *text) {
    FILE *file = fopen(name, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static bool holds(const char *name, const char *text) {
    char held[100] = "";
    FILE *file = fopen(name, "r");
    if (!file) return false;
    held[fread(held, 1, sizeof held - 1, file)] = 0;
    fclose(file);
    return strcmp(held, text) == 0;
}

static size_t entries(const char *name) {
    DIR *dir = opendir(name);
    size_t n = 0;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) n++;
    if (dir) closedir(dir);
    return n;
}

static size_t unfinished(const char *cache) {
    DIR *dir = opendir(cache);
    size_t n = 0;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) n += *e->d_name != '.' && !strstr(e->d_name, ".so");
    if (dir) closedir(dir);
    return n;
}

static size_t descriptors(void) {
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void build(void) {
    uint64_t state = 11;
    g = tg_graph_new();
    x = tg_let(tg_input(g, TG_F64, tg_shape2(4, 3)), "x", __FILE__, __LINE__);
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(3)));
    TG_LET(dy, tg_input(g, TG_F64, tg_shape2(4, 3)));
    y = tg_batchnorm(x, gamma, gamma, tg_axis(0), 1e-5, "bn");
    d = tg_backward(y, dy);
    const tg_node leaf[] = {x, gamma, dy};
    for (size_t i = 0; i < 3; i++) {
        double *v = random_array(&state, tg_size(leaf[i]), -2, 2);
        cr_assert_eq(tg_set(leaf[i], v), TG_OK);
        free(v);
    }
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    memcpy(want[0], tg_value(y), sizeof want[0]);
    memcpy(want[1], tg_value(tg_grad(d, x)), sizeof want[1]);
    program = tg_compile(g, &y, 1, (tg_compile_options){.mode = TG_EXACT, .flags = TG_INTERPRET});
    cr_assert_not_null(program, "%s", tg_message(g));
}

/* A compiler that works once, and then hands out what it made. */
static const char script[] = "#!/bin/sh\n"
                             "for a; do test \"$last\" = -o && o=$a; last=$a; done\n"
                             "test -e object || cc \"$@\" || exit\n"
                             "test -e object || cp \"$o\" object\n"
                             "mkdir -p \"${o%/*}/left/behind\"; echo it >\"${o%/*}/left/behind/too\"\n"
                             "cp object \"$o\"\n";

static void enter(void) {
    snprintf(folder, sizeof folder, "%s/tapegrad.XXXXXX", access("/dev/shm", X_OK | W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    build();
    put("compiler", script);
    cr_assert_eq(chmod("compiler", 0700) | mkdir("tmp", 0700), 0);
    char path[80];
    snprintf(path, sizeof path, "%s/compiler", folder);
    setenv("CC", path, 1);
    setenv("TAPEGRAD_CACHE", "cache", 1);
    snprintf(path, sizeof path, "%s/tmp", folder);
    setenv("TMPDIR", path, 1);
    cr_assert_eq(tg_save(x, "in.npy") | tg_save_leaves(g, "in.npz"), TG_OK);
    static const char csv[] = "a,b\n1.5,2\n3,4\n";
    put("in.csv", csv);
    gzFile packed = gzopen("in.csv.gz", "wb");
    cr_assert(packed && gzputs(packed, csv) > 0 && gzclose(packed) == Z_OK);
    FILE *file = fopen("packed.npz", "wb");
    cr_assert(file && fwrite(golden_deflated, sizeof golden_deflated, 1, file) == 1 && fclose(file) == 0);
}

static void leave(void) {
    tg_graph_free(g);
    cr_expect_eq(chdir("/"), 0);
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(system_refuses, .timeout = 240, .init = enter, .fini = leave);

/* --------------------------------------------------------------------------------------------------------- tests */

#define AT    "%s, %s %d, error %d"
#define WHERE w->name, f->call, f->first, f->error

/* What may be left behind is what the system does not let anyone remove, and what a compiler still makes of which it
 * does not say whether it has ended. */
static bool leaves(const char *call) {
    static const char *const such[] = {"unlink", "unlinkat", "rmdir", "fdopendir", "open", "openat", "fcntl", "waitpid"};
    bool one = false;
    for (size_t i = 0; i < sizeof such / sizeof *such; i++) one |= strcmp(call, such[i]) == 0;
    return one;
}

static void try(const struct deed *w, const struct fault *f) {
    for (int i = 0; i < 2 && w->file[i]; i++) put(w->file[i], "old");
    const size_t before = entries("."), open_before = descriptors();
    fault = *f;
    const tg_status status = w->run();
    fault.call = NULL;
    while (waitpid(-1, NULL, 0) > 0) continue; /* a compiler that nobody could wait for writes into the next one's place */
    cr_expect_eq(status == TG_OK, !*tg_message(g), AT ": %d, '%s'", WHERE, (int)status, tg_message(g));
    cr_expect_eq(descriptors(), open_before, AT ": descriptors", WHERE);
    if (!leaves(f->call)) cr_expect_eq(entries("tmp"), 2, AT ": something was left", WHERE);
    if (!leaves(f->call)) cr_expect_eq(unfinished("cache"), 0, AT ": something was left in the cache", WHERE);
    if (!leaves(f->call) && w->file[0]) cr_expect_eq(entries("."), before, AT ": something was left", WHERE);
    if (f->times == 1 && strcmp(f->call, "unlink") != 0)
        for (int i = 0; i < 2 && w->file[i]; i++)
            cr_expect_eq(holds(w->file[i], "old"), status != TG_OK, AT ": %s, '%s'", WHERE, w->file[i], tg_message(g));
    cr_assert_eq(system("rm -rf tmp/* *.tmp.* *.old.*"), 0);
    cr_expect_eq(w->run(), TG_OK, AT ": a second try: %s", WHERE, tg_message(g));
}

static int count(const struct deed *w, const char *call) {
    fault = (struct fault){.call = call};
    cr_assert_eq(w->run(), TG_OK, "%s: %s", w->name, tg_message(g));
    fault.call = NULL;
    return fault.made;
}

Test(system_refuses, each_call) {
    enum { MANY = 1 << 20, MOST = 6, ALL = 200, UNKNOWN = 9999 };
    static const int error[] = {EIO, EINTR, UNKNOWN};
    enum { ERRORS = sizeof error / sizeof *error };
    int points = 0;
    for (const struct deed *w = deeds; w < deeds + DEEDS; w++)
        for (int k = 0; k < NAMES; k++) {
            const int made = count(w, calls[k]);
            for (int n = 1; n <= made && n <= MOST; n++)
                for (size_t e = 0; e < ERRORS; e++) {
                    if (!is_long() && (size_t)(k + n) % ERRORS != e) continue;
                    try(w, &(struct fault){calls[k], n, 1, error[e], 0, -1});
                    points++;
                }
            for (int n = 1; n <= made && n <= (is_long() ? 3 : 1); n++, points++) {
                try(w, &(struct fault){calls[k], n, MANY, EIO, 0, -1});
                if (strcmp(calls[k], "poll") != 0) try(w, &(struct fault){calls[k], n, ALL, EEXIST, 0, -1});
            }
        }
    printf("%d calls were refused\n", points);
    fflush(stdout);
}

static void says(const char *name, const char *call, int error, ssize_t result, const char *message) {
    const struct deed *w = deeds;
    while (strcmp(w->name, name) != 0) w++;
    for (int i = 0; i < 2 && w->file[i]; i++) put(w->file[i], "old");
    fault = (struct fault){call, 1, 1 << 20, error, 0, result};
    cr_expect_eq(w->run(), TG_FILE, "%s", name);
    fault.call = NULL;
    cr_expect_str_eq(tg_message(g), message);
}

Test(system_refuses, and_the_message_says_what) {
    says("read_npy", "open", EMFILE, -1, "in.npy: cannot be opened: Too many open files");
    says("read_npy", "fstat", EIO, -1, "in.npy: cannot be examined: Input/output error");
    says("read_npy", "pread", EIO, -1, "in.npy: byte 0: cannot be read: Input/output error");
    says("read_npy", "pread", 0, 0, "in.npy: byte 0: the file ends here; it had 224 bytes when it was opened");
    says("json", "open", 9999, -1, "out: cannot be created: error 9999");
    says("json", "write", ENOSPC, -1, "out: cannot be written: No space left on device");
    says("json", "write", 0, 0, "out: cannot be written: Input/output error");
    says("json", "fsync", EIO, -1, "out: cannot be written: Input/output error");
    says("c", "rename", EACCES, -1, "./out.h: cannot be written: Permission denied");
}

/* An interrupted call is made again. */
Test(system_refuses, a_signal_is_no_error) {
    static const char *const again[] = {"open", "pread", "read", "write", "fsync", "close", "openat", "waitpid", "poll"};
    for (const struct deed *w = deeds; w < deeds + DEEDS; w++)
        for (size_t k = 0; k < sizeof again / sizeof *again; k++) {
            fault = (struct fault){again[k], 1, 1, EINTR, 0, -1};
            cr_expect_eq(w->run(), TG_OK, "%s, %s: %s", w->name, again[k], tg_message(g));
            fault.call = NULL;
        }
}
