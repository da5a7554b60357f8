/* C text that becomes a function: compiled once, kept, found again, and never taken for something else. */
#include "workshop.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

TestSuite(jit, .init = open_shop, .fini = close_shop, .timeout = 60);

/* The system's, and a count of how often it was asked. */
static void count_starts(void) { use_script("exec cc \"$@\""); }

/* ------------------------------------------------------------------------------------------------------- results */

/* a * b + c is 2^-54 if the product is not rounded, else 0. Which products are not is the writer's choice alone. */
static const char contracted[] = "#include <math.h>\nstatic volatile double a = 1 + 0x1p-27, b = 1 - 0x1p-27, c = -1;\n"
                                 "double sum(double x) { return 8 + (a * b + c == 0) * x; }\n";

Test(jit, rounds_products) {
    tg_graph *g = tg_graph_new();
    void *function;
    struct tg__object *object = tg__jit(g, contracted, strlen(contracted), "sum", &function, why, sizeof why);
    cr_assert_not_null(object, "%s", why);
    double (*sum)(double);
    memcpy(&sum, &function, sizeof sum);
    cr_assert_eq(sum(1), 9);
    tg__jit_free(g, object);
    tg_graph_free(g);
}

/* What gcc 12 makes wrong code of at -O3 with AVX: compiler.c says why. And libc has a select of its own. */
static const char traps[] =
    "#define TRAP(T, N, name)                                                             \\\n"
    "    static struct name { T one, m[33][N], q[33][N], g[33][N]; } name##s;             \\\n"
    "    __attribute__((noinline)) void name(struct name *t) {                            \\\n"
    "        for (int i = 0; i < 33; i++)                                                 \\\n"
    "            for (int j = 0; j < N; j++) t->g[i][j] = t->one;                         \\\n"
    "        for (int i = 0; i < 33; i++)                                                 \\\n"
    "            for (int j = 0; j < N; j++) t->q[i][j] = t->m[i][j] != 0 ? 0 : t->g[i][j]; \\\n"
    "    }                                                                                \\\n"
    "    static int wrong_##name(void) {                                                  \\\n"
    "        int bad = 0;                                                                 \\\n"
    "        name##s.one = 1;                                                             \\\n"
    "        for (int i = 0; i < 33 * N; i++) name##s.m[i / N][i % N] = (i * 5 + 1) % 7 > 3; \\\n"
    "        name(&name##s);                                                              \\\n"
    "        for (int i = 0; i < 33 * N; i++)                                             \\\n"
    "            bad += name##s.q[i / N][i % N] != 1 - name##s.m[i / N][i % N];           \\\n"
    "        return bad;                                                                  \\\n"
    "    }\n"
    "TRAP(double, 16, select)\n"
    "TRAP(float, 6, selectf)\n"
    "static double x[10], y[10];\n"
    "__attribute__((noinline)) void twofold(void) {\n"
    "    for (int i = 0; i < 10; i++) y[i] = (double)(float)x[i];\n"
    "}\n"
    "double wrong(double one) {\n"
    "    int bad = wrong_select() + wrong_selectf();\n"
    "    for (int i = 0; i < 10; i++) x[i] = one / (i + 3);\n"
    "    twofold();\n"
    "    for (int i = 0; i < 10; i++) {\n"
    "        volatile float rounded = (float)x[i];\n"
    "        bad += y[i] != rounded;\n"
    "    }\n"
    "    return 1 + bad;\n"
    "}\n";

Test(jit, vectorized_code_is_right) { cr_assert_eq(result_of(traps, "wrong"), 1, "%s", why); }

Test(jit, no_such_symbol) {
    cr_assert_eq(result_of(twice, "thrice"), 0);
    cr_assert_not_null(strstr(why, "thrice"), "%s", why);
    works_in_silence();
}

Test(jit, switched_off) {
    setenv("TAPEGRAD_JIT", "0", 1);
    fails("TAPEGRAD_JIT=0");
    setenv("TAPEGRAD_JIT", "1", 1);
    works_in_silence();
}

Test(jit, other_compilers) {
    setenv("CC", " \t cc  -O1\n", 1);
    works_in_silence();
    setenv("CC", " ", 1); /* as if it were not set */
    works_in_silence();
    char path[5000] = "bin::/";
    memset(path + 6, 'x', 4500);
    strcpy(path + 4506, ":/usr/bin:/bin"); /* neither relative directories nor too long ones are looked at */
    setenv("PATH", path, 1);
    works_in_silence();
    unsetenv("PATH");
    setenv("CC", "cc", 1); /* found where the system has it, though the linker that it calls may not be */
    cr_assert(result_of(twice, "twice") == 2 || strstr(why, "failed"), "%s", why);
    path[4506] = 0;
    setenv("CC", path + 5, 1);
    fails("there is no C compiler");
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
    setenv("CC", "cc", 1);
    if (system("command -v clang >/dev/null") != 0) cr_skip("there is no clang");
    setenv("CC", "clang", 1);
    works_in_silence();
    cr_assert_eq(files_in(in_shop("cache"), ".so"), 3);
}

/* --------------------------------------------------------------------------------------------------------- cache */

Test(jit, compiled_once) {
    count_starts();
    for (int i = 0; i < 3; i++) works_in_silence();
    cr_assert_eq(starts(), 1);
    cr_assert_eq(result_of("double twice(double x) { return 3 * x; }\n", "twice"), 3);
    works();
    cr_assert_eq(starts(), 2);
    struct stat s;
    cr_assert_eq(stat(in_shop("cache"), &s), 0);
    cr_assert_eq(s.st_mode & 0777, 0700);
    count_starts(); /* another compiler, by its times at least */
    works();
    cr_assert_eq(starts(), 3);
}

/* Without an OpenMP library there is an object of one thread, and it is used until there is one. */
Test(jit, a_library_that_comes_later) {
    char lines[700];
    if (!tg_build_info().openmp) cr_skip("the library was built without OpenMP and asks for none");
    snprintf(lines, sizeof lines, "case \"$*\" in *-fopenmp*) test -f '%s' || exit 1;; esac\nexec cc \"$@\"",
             in_shop("library"));
    use_script(lines);
    works_in_silence();
    cr_assert_eq(starts(), 2, "with it, and without");
    for (int again = 1; again <= 2; again++) {
        works_in_silence();
        cr_assert_eq(starts(), 2 + (size_t)again, "whether there is one by now");
        cr_assert_eq(files_in(in_shop("cache"), ".so"), 1);
    }
    write_file(in_shop("library"), "", 0600);
    works_in_silence();
    cr_assert_eq(starts(), 6, "now there is, and all of it is compiled");
    cr_assert_eq(files_in(in_shop("cache"), ".so"), 2);
    works_in_silence();
    cr_assert_eq(starts(), 6);
    unlink(in_shop("library"));
}

Test(jit, where_the_cache_is) {
    unsetenv("TAPEGRAD_CACHE");
    setenv("HOME", in_shop("home"), 1);
    setenv("XDG_CACHE_HOME", "not/absolute", 1);
    works_in_silence();
    cr_assert_eq(files_in(in_shop("home/.cache/tapegrad"), ".so"), 1);
    setenv("XDG_CACHE_HOME", in_shop("xdg"), 1);
    works_in_silence();
    cr_assert_eq(files_in(in_shop("xdg/tapegrad"), ".so"), 1);
    setenv("TAPEGRAD_CACHE", "", 1); /* none, and that is no trouble */
    works_in_silence();
    unsetenv("TAPEGRAD_CACHE");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    works_but("HOME");
    setenv("HOME", "not/absolute", 1);
    setenv("XDG_CACHE_HOME", "", 1);
    works_but("HOME");
}

/* The path of the only object. */
static const char *object_path(void) {
    static char path[600];
    DIR *dir = opendir(in_shop("cache"));
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] == 't') snprintf(path, sizeof path, "%s/%.80s", in_shop("cache"), entry->d_name);
    closedir(dir);
    return path;
}

static void poke(off_t at) { /* one byte becomes another; from the end if at < 0 */
    const int fd = open(object_path(), O_RDWR);
    unsigned char byte;
    cr_assert(fd >= 0);
    const off_t place = at < 0 ? lseek(fd, at, SEEK_END) : at;
    cr_assert_eq(pread(fd, &byte, 1, place), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, place), 1);
    close(fd);
}

static void spoil(int how) {
    struct stat s;
    cr_assert_eq(stat(object_path(), &s), 0);
    if (how == 0) cr_assert_eq(truncate(object_path(), s.st_size / 2), 0);
    if (how == 1) cr_assert_eq(truncate(object_path(), 0), 0);
    if (how == 2) cr_assert_eq(truncate(object_path(), s.st_size - 1), 0);
    if (how == 3) poke(0x60); /* in the machine code */
    if (how == 4) poke(-50);  /* in the source that it was made from */
    if (how == 5) poke(-1);   /* in the seal */
    if (how == 6) write_file(object_path(), "garbage", 0600);
    if (how == 7) cr_assert_eq(chmod(object_path(), 0620), 0); /* a group may have written there */
    if (how == 8)
        cr_assert(rename(object_path(), in_shop("elsewhere")) == 0 &&
                  symlink(in_shop("elsewhere"), object_path()) == 0);
    if (how == 9 && geteuid() == 0) cr_assert_eq(chown(object_path(), 12345, (gid_t)-1), 0);
    if (how == 10) poke(-16); /* in the length of that source, as the seal has it */
    if (how == 11) poke(-24); /* in the second half of the seal's hash */
    if (how == 12) cr_assert(unlink(object_path()) == 0 && mkfifo(object_path(), 0600) == 0);
    if (how == 13) cr_assert_eq(truncate(object_path(), (off_t)((INTMAX_C(1) << 30) + 1)), 0); /* of holes */
}

Test(jit, spoiled_objects_are_replaced) {
    works();
    cr_assert_eq(rename(object_path(), in_shop("good")), 0);
    char copy[700];
    snprintf(copy, sizeof copy, "cp '%s' \"$o\"", in_shop("good")); /* with a seal that is no matter */
    use_script(copy);
    works_in_silence();
    for (int how = 0; how < 14; how++) {
        const size_t before = starts();
        spoil(how);
        works_in_silence();
        cr_assert_eq(starts(), before + (how != 9 || geteuid() == 0), "%d", how);
        works_in_silence();
        cr_assert_eq(files_in(in_shop("cache"), ""), 1);
    }
}

/* As if two keys had one hash. */
Test(jit, another_key_under_the_name) {
    works();
    char path[600];
    strcpy(path, object_path());
    cr_assert_eq(rename(path, in_shop("first")), 0);
    cr_assert_eq(result_of("double twice(double x) { return 3 * x; }\n", "twice"), 3);
    cr_assert_eq(rename(object_path(), path), 0);
    works_in_silence();
}

Test(jit, not_forever) {
    cr_assert_eq(mkdir(in_shop("cache"), 0700), 0);
    const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    char path[200];
    for (int i = 0; i < 1005; i++) {
        snprintf(path, sizeof path, "%s/tapegrad-%032x%s", in_shop("cache"), (unsigned)i, i ? ".so" : ".1.0");
        write_file(path, "", 0600);
        cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
    }
    write_file(in_shop("cache/tapegrad-mine.so"), "", 0600);
    works_in_silence();
    cr_assert_eq(files_in(in_shop("cache"), ".so"), 1001);
    cr_assert_eq(access(in_shop("cache/tapegrad-mine.so"), F_OK), 0);
    cr_assert_eq(files_in(in_shop("cache"), ".1.0"), 0); /* what somebody did not finish */
    count_starts();
    works();
    cr_assert_eq(starts(), 1);
    works();
    cr_assert_eq(starts(), 1); /* not the newest */
}

/* What is used is not among the oldest. */
Test(jit, the_age_of_what_is_used) {
    const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    struct stat s;
    works();
    cr_assert_eq(utimensat(AT_FDCWD, object_path(), old, 0), 0);
    works();
    cr_assert(stat(object_path(), &s) == 0 && s.st_mtim.tv_sec > 1000000);
}

/* Two files of 200 MB, of holes, are more than is kept; what is no object does not count, however large. */
Test(jit, not_too_much) {
    const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    static const char *const name[] = {"cache/tapegrad-0123456789abcdef0123456789abcdef.so",
                                       "cache/tapegrad-1123456789abcdef0123456789abcdef.so",
                                       "cache/tapegrad-0123456789abcdef0123456789abcde.so",
                                       "cache/tapegrad-0123456789abcdef0123456789abcdef.1.1"};
    cr_assert_eq(mkdir(in_shop("cache"), 0700), 0);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(truncate(write_file(in_shop(name[i]), "", 0600), 200 << 20), 0);
        if (i < 3) cr_assert_eq(utimensat(AT_FDCWD, in_shop(name[i]), old, 0), 0);
    }
    cr_assert_eq(mkdir(in_shop("cache/tapegrad-f123456789abcdef0123456789abcdef.so"), 0700), 0);
    works_in_silence();
    cr_assert_eq((access(in_shop(name[0]), F_OK) != 0) + (access(in_shop(name[1]), F_OK) != 0), 1);
    cr_assert_eq(access(in_shop(name[2]), F_OK), 0, "another name");
    cr_assert_eq(access(in_shop(name[3]), F_OK), 0, "another process may be at work on it");
    cr_assert_eq(unlink(in_shop(name[3])), 0);
}

/* -------------------------------------------------------------------------------------------------- many at a time */

static int make_five(void) {
    for (int i = 1; i <= 5; i++) {
        char source[100];
        snprintf(source, sizeof source, "double times(double x) { return %d * x; }\n", i);
        if (result_of(source, "times") != i || why[0]) return 1;
    }
    return 0;
}

Test(jit, many_processes) {
    pid_t child[4];
    for (int i = 0; i < 4; i++)
        if ((child[i] = fork()) == 0) _exit(make_five());
    for (int i = 0; i < 4; i++) {
        int status;
        cr_assert_eq(waitpid(child[i], &status, 0), child[i]);
        cr_assert_eq(status, 0);
    }
    cr_assert_eq(files_in(in_shop("cache"), ".so"), 5);
    use_script("exit 1");
    unsetenv("CC");
    cr_assert_eq(make_five(), 0);
}

/* -------------------------------------------------------------------------------------------------------- memory */

static struct heap heap;

static bool fails_at(size_t point) { /* false: it did not come to that */
    heap = (struct heap){.calls = 0};
    tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
    heap.calls = 0;
    heap.fail_at = point;
    void *function;
    struct tg__object *object = tg__jit(g, twice, strlen(twice), "twice", &function, why, sizeof why);
    const bool reached = heap.calls >= point;
    if (reached) {
        cr_assert_null(object);
        cr_assert_eq(tg_error(g), TG_MEMORY);
    }
    tg__jit_free(g, object);
    tg_graph_free(g);
    cr_assert(heap.live == 0 && heap.blocks == 0 && heap.wrong == 0);
    return reached;
}

Test(jit, out_of_memory) {
    works();
    size_t point = 1;
    while (fails_at(point)) point++; /* from the cache */
    cr_assert_gt(point, 5);
    char copy[700];
    snprintf(copy, sizeof copy, "cp '%s' \"$o\"", object_path());
    setenv("TAPEGRAD_CACHE", in_shop("second"), 1);
    use_script(copy);
    for (point = 1; fails_at(point); point++) remove_tree(in_shop("second")); /* compiled */
    cr_assert_gt(point, 7);
}
