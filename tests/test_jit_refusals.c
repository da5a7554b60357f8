/* What stands in the way of the jit: folders that are not ours, compilers that fail in every manner, full disks, paths
 * that a shell would obey. Each time it works without, or there is one line that says what it was. */
#include "workshop.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#if defined(__linux__)
#include <sys/mount.h>
#endif

TestSuite(jit_refusals, .init = open_shop, .fini = close_shop, .timeout = 60);

/* A compiler that takes no time: what the real one made, copied. */
static void use_copies(void) {
    use_script("exec cc \"$@\"");
    setenv("TAPEGRAD_CACHE", in_shop("good"), 1);
    works_in_silence();
    char copy[700];
    snprintf(copy, sizeof copy, "cp '%s'/*.so \"$o\"", in_shop("good"));
    use_script(copy);
    setenv("TAPEGRAD_CACHE", in_shop("cache"), 1);
}

/* ------------------------------------------------------------------------------------------------------- folders */

Test(jit_refusals, folders) {
    use_copies();
    cr_assert_eq(mkdir(in_shop("real"), 0700), 0);
    cr_assert_eq(symlink(in_shop("real"), in_shop("link")), 0);
    setenv("TAPEGRAD_CACHE", in_shop("link"), 1);
    works_but("symbolic link");
    setenv("TAPEGRAD_CACHE", in_shop("link///"), 1);
    works_but("symbolic link");
    setenv("TAPEGRAD_CACHE", in_shop("real"), 1);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(chmod(in_shop("real"), i ? 0702 : 0720), 0);
        works_but("can be written by other users");
    }
    cr_assert_eq(chmod(in_shop("real"), 0700), 0);
    cr_assert_eq(files_in(in_shop("real"), ""), 0);
    setenv("TAPEGRAD_CACHE", write_file(in_shop("file"), "", 0600), 1);
    works_but("/file' cannot be ");
    setenv("TAPEGRAD_CACHE", in_shop("file/below"), 1);
    works_but("cannot be made");
    setenv("TAPEGRAD_CACHE", "/proc/nowhere", 1);
    works_but("cannot be made");
    char *endless = malloc(5001);
    memset(endless, 'x', 5000);
    endless[5000] = 0;
    setenv("TAPEGRAD_CACHE", endless, 1);
    works_but("too long");
    free(endless);
}

Test(jit_refusals, foreign_folder) {
    if (geteuid() != 0) cr_skip("only root can give a folder away");
    use_copies();
    cr_assert_eq(mkdir(in_shop("cache"), 0700), 0);
    cr_assert_eq(chown(in_shop("cache"), 12345, (gid_t)-1), 0);
    works_but("belongs to another user");
    cr_assert_eq(files_in(in_shop("cache"), ""), 0);
}

Test(jit_refusals, nowhere_to_work) {
    use_copies();
    setenv("TMPDIR", "/proc/nowhere", 1);
    works_in_silence(); /* in the cache, then */
    cr_assert_eq(files_in(in_shop("cache"), ""), 1);
    setenv("TAPEGRAD_CACHE", "", 1);
    fails("/proc/nowhere");
    char endless[5001];
    memset(endless, 'x', 5000);
    endless[5000] = 0;
    setenv("TMPDIR", endless, 1);
    fails("the path of the temporary directory is too long");
    setenv("TMPDIR", "", 1); /* as if it were not set */
    works_in_silence();
}

#if defined(__linux__)
static bool mounts(const char *path, unsigned long flags, const char *options) {
    return mkdir(path, 0700) == 0 && mount("tapegrad-test", path, "tmpfs", flags, options) == 0;
}

Test(jit_refusals, a_small_disk) {
    use_copies();
    if (!mounts(in_shop("small"), 0, "size=4k,mode=0700")) cr_skip("mounting is not permitted here");
    setenv("TAPEGRAD_CACHE", in_shop("small"), 1);
    const double result = result_of(twice, "twice");
    const size_t left = files_in(in_shop("small"), "");
    unsetenv("CC");
    setenv("TAPEGRAD_CACHE", "", 1);
    setenv("TMPDIR", in_shop("small"), 1);
    char said[sizeof why];
    strcpy(said, why);
    const double without = result_of(twice, "twice");
    umount2(in_shop("small"), MNT_DETACH);
    cr_assert(result == 2 && left == 0 && strstr(said, "cannot be written"), "%s", said);
    cr_assert(without == 0 && strstr(why, "No space left"), "%s", why);
}

Test(jit_refusals, a_disk_without_programs) {
    use_copies();
    if (!mounts(in_shop("data"), MS_NOEXEC, "size=1m,mode=0700")) cr_skip("mounting is not permitted here");
    setenv("TAPEGRAD_CACHE", in_shop("data"), 1);
    const double result = result_of(twice, "twice");
    char said[sizeof why];
    strcpy(said, why);
    setenv("TMPDIR", in_shop("data"), 1);
    const double without = result_of(twice, "twice");
    umount2(in_shop("data"), MNT_DETACH);
    cr_assert(result == 2 && strstr(said, "noexec"), "%s", said);
    cr_assert(without == 0 && strstr(why, "noexec"), "%s", why);
}
#endif

Test(jit_refusals, no_room) {
    struct rlimit before, none;
    signal(SIGXFSZ, SIG_IGN);
    use_copies();
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (int i = 0; i < 2; i++) { /* not even the source; not the object */
        none = before;
        none.rlim_cur = i ? 4096 : 0;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
        const double result = result_of(twice, "twice");
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        cr_assert_eq(result, 0);
        cr_assert_not_null(strstr(why, i ? "failed (exit status 1): cp" : "the source cannot be written"), "%s", why);
    }
    works_in_silence();
}

/* ----------------------------------------------------------------------------------------------------- compilers */

Test(jit_refusals, compilers) {
    static const char *const ends[][2] = {
        {"echo 'x.c: In function f:' >&2; echo '3: error: what is this?'; echo more; exit 1",
         "failed (exit status 1): 3: error: what is this?"},
        {"exit 77", "failed (exit status 77)"},
        {"kill -KILL $$", "ended by signal 9"},
        {"kill -SEGV $$", "ended by signal 11"},
        {"exit 0", "left no object"},
        {": >\"$o\"", "cannot be loaded"},
        {"echo garbage >\"$o\"", "cannot be loaded"},
        {"mkdir \"$o\" && rmdir \"$o\" && ln -s /etc/passwd \"$o\"", "left no object"},
        {"printf '\\033[31m\\377\\001\\0x\\n' >&2; exit 1", "?[31m??"},
        {"yes | head -c 300000; exit 3", "failed (exit status 3): y"},
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        use_script(ends[i][0]);
        fails(ends[i][1]);
        cr_assert_eq(files_in(in_shop("tmp"), ""), 0);
    }
    setenv("CC", "no-such-compiler -O9", 1);
    fails("'no-such-compiler' is no program in PATH");
    setenv("CC", "/etc/passwd", 1);
    fails("'/etc/passwd' is no program");
    setenv("CC", write_file(in_shop("no program"), "neither ELF nor a script", 0755), 1);
    fails("is no program");
    setenv("CC", write_file(in_shop("odd"), "neither ELF nor a script", 0755), 1);
    fails("cannot be started: Exec format error");
}

Test(jit_refusals, the_source) {
    cr_assert_eq(result_of("double twice(double x) { return 2 * y; }\n", "twice"), 0);
    cr_assert_not_null(strstr(why, "error: "), "%s", why);
    cr_assert_not_null(strstr(why, "y"), "%s", why);
}

Test(jit_refusals, a_child_that_stays) {
    use_script("sleep 30 & cc \"$@\"; exit 7");
    const time_t before = time(NULL);
    fails("(exit status 7)");
    cr_assert_lt(time(NULL) - before, 20);
}

/* What the program has ignored or blocked is not the compiler's, and a program may have closed what others write to. */
static bool works_in_the_dark(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGCHLD, SIG_IGN);
    for (int fd = 0; fd < 3; fd++) close(fd);
    if (result_of(twice, "twice") != 2) return false;
    use_script("while read -r name bits; do case $name$bits in SigBlk:*[1-9a-f]*) echo blocked;; esac\n"
               "done </proc/self/status; exit 3");
    if (result_of(twice, "twice") != 0 || !strstr(why, "left no object")) return false; /* nobody told how it ended */
    use_script("echo no >&2; exit 3");
    return result_of(twice, "twice") == 0 && strstr(why, "failed: no");
}

Test(jit_refusals, signals_and_streams) {
    const pid_t child = fork();
    if (child == 0) _exit(works_in_the_dark() ? 0 : 1);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

/* --------------------------------------------------------------------------------------------------------- paths */

Test(jit_refusals, paths) {
    static const char *const names[] = {"two words",
                                        "; touch canary ;",
                                        "$(touch canary)",
                                        "`touch canary`",
                                        "'\"",
                                        "new\nline",
                                        "-o canary",
                                        "@canary",
                                        "%s%n\\",
                                        "*",
                                        "\xff\x1b[31m",
                                        "a,b=c"};
    cr_assert_eq(mkdir(in_shop("here"), 0700), 0);
    cr_assert_eq(chdir(in_shop("here")), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const bool copies = i > 0;
        if (!copies) use_copies();
        if (i % 3 == 0 || names[i][0] == '-' || names[i][0] == '@') unsetenv("CC"); /* some with the real one */
        cr_assert(mkdir(names[i], 0700) == 0);
        setenv("TMPDIR", names[i], 1);
        char cache[100];
        snprintf(cache, sizeof cache, "%s/cache", names[i]);
        setenv("TAPEGRAD_CACHE", cache, 1);
        works_in_silence();
        works_in_silence();
        cr_assert_eq(files_in(cache, ".so"), 1);
        cr_assert_eq(files_in(names[i], ""), 1);
    }
    setenv("TAPEGRAD_CACHE", in_shop("cache"), 1);
    setenv("TMPDIR", in_shop("tmp"), 1);
    static const char *const compilers[] = {
        "cc;touch canary", "$(touch canary)",   "`touch canary`", "-c", "@canary", "'cc'",
        "| touch canary",  "no\ttouch\ncanary", "\xff\x1b[31m"};
    for (size_t i = 0; i < sizeof compilers / sizeof *compilers; i++) {
        setenv("CC", compilers[i], 1);
        fails("there is no C compiler");
    }
    setenv("CC", "cc ;touch canary", 1); /* input files that are not there */
    fails("failed (exit status");
    cr_assert_eq(access("canary", F_OK), -1);
    cr_assert_eq(files_in(".", ""), sizeof names / sizeof *names);
    cr_assert_eq(chdir("/"), 0);
}
