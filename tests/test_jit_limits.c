/* Where the jit meets an end: a compiler that never comes to one, descriptors that run out, a directory in which it must
 * not work. It answers in time with a reason, and leaves neither a process, a descriptor nor a file. */
#include "workshop.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

TestSuite(jit_limits, .init = open_shop, .fini = close_shop, .timeout = 60);

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t descriptors(void) { return files_in("/proc/self/fd", ""); }

/* ---------------------------------------------------------------------------------------------------------- time */

static bool runs(long pid) { /* one that has ended, but is not collected yet, does not */
    char path[40], state = 'Z';
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 'Z';
    if (file) fclose(file);
    return state != 'Z' && state != 'X';
}

/* Processes whose numbers a script has written into the file `pids`. */
static size_t still_there(void) {
    FILE *file = fopen(in_shop("pids"), "r");
    size_t n = 0;
    for (long pid; file && fscanf(file, "%ld", &pid) == 1;) n += runs(pid);
    if (file) fclose(file);
    return n;
}

static void use_hanging(const char *lines) {
    char text[1000];
    snprintf(text, sizeof text, "echo $$ >'%s'; pids='%s'\n%s", in_shop("pids"), in_shop("pids"), lines);
    use_script(text);
}

/* In a shop of its own, with all that is wrong as an exit status. */
static int hangs_well(size_t number, const char *lines) {
    snprintf(shop + strlen(shop), 8, "/%zu", number);
    if (mkdir(shop, 0700) != 0 || mkdir(in_shop("tmp"), 0700) != 0) return 128;
    setenv("TMPDIR", in_shop("tmp"), 1);
    use_hanging(lines);
    const size_t before = descriptors();
    const double start = seconds();
    const bool answered = result_of(twice, "twice") == 0 && strstr(why, "was stopped after 1 s (TAPEGRAD_CC_SECONDS");
    const double took = seconds() - start;
    for (int k = 0; k < 100 && still_there(); k++) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return (answered ? 0 : 1) | (took > 10) << 1 | (still_there() > 0) << 2 | (files_in(in_shop("tmp"), "") > 0) << 3 |
           (descriptors() != before) << 4 | (waitpid(-1, NULL, WNOHANG) != -1) << 5 | (starts() != 1) << 6;
}

Test(jit_limits, a_compiler_that_hangs) {
    static const char *const hangs[] = {
        "exec sleep 30",                                                  /* by itself */
        "sleep 30 & echo $! >>\"$pids\"; wait",                           /* in a program that it started */
        "sh -c 'echo $$ >>'\"$pids\"'; sleep 30 & echo $! >>'\"$pids\"'; wait'", /* and that one started another */
        "exec >/dev/null 2>&1; sleep 30 & echo $! >>\"$pids\"; wait",     /* after closing our pipe */
        "yes & echo $! >>\"$pids\"; wait",                                  /* never silent */
        "kill -STOP $$",                                                    /* stopped */
        "trap '' TERM INT HUP; while :; do sleep 1 & echo $! >>\"$pids\"; wait; done",
        "mkdir -p \"$TMPDIR/a/b\"; echo x >\"$TMPDIR/a/b/c\"; echo x >\"$o\"; exec sleep 30", /* with files */
    };
    enum { HANGS = sizeof hangs / sizeof *hangs };
    setenv("TAPEGRAD_CC_SECONDS", "1", 1);
    pid_t child[HANGS];
    for (size_t i = 0; i < HANGS; i++)
        if ((child[i] = fork()) == 0) _exit(hangs_well(i, hangs[i]));
    for (size_t i = 0; i < HANGS; i++) {
        int status;
        cr_assert_eq(waitpid(child[i], &status, 0), child[i]);
        cr_expect_eq(status, 0, "%zu, '%s': status %x", i, hangs[i], (unsigned)status);
    }
}

Test(jit_limits, how_long) {
    setenv("TAPEGRAD_CC_SECONDS", "30", 1);
    works_in_silence();
    setenv("TAPEGRAD_CACHE", "", 1);
    setenv("TAPEGRAD_CC_SECONDS", "", 1);
    works_in_silence();
    setenv("TAPEGRAD_CC_SECONDS", "0", 1); /* no limit */
    works_in_silence();
    use_script("sleep 2; exec cc \"$@\"");
    works_in_silence();
    static const char *const nonsense[] = {"-1", "ten", "1.5", " 5", "99999999999999999999", "5s"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        setenv("TAPEGRAD_CC_SECONDS", nonsense[i], 1);
        fails("a whole number of seconds is needed");
    }
}

/* What the compiler says last, and what it says beside what matters. */
Test(jit_limits, the_line_that_says_most) {
    static const char *const said[][2] = {
        {"echo 'cc: warning: an option'; echo 'a.c:3:5: error: no such type'; exit 1", "(exit status 1): a.c:3:5: error: no"},
        {"echo \"a.o: undefined reference to 'f'\"; echo 'collect2: error: ld returned 1 exit status'; exit 1",
         "(exit status 1): a.o: undefined"},
        {"echo '  a.c: In function:'; exit 1", "(exit status 1): a.c: In function:"},
        {"sleep 1; exec 3>&1 >/dev/null 2>&1; echo last >&3; exit 1", "(exit status 1): last"},
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        use_script(said[i][0]);
        fails(said[i][1]);
    }
}

/* --------------------------------------------------------------------------------------------------- descriptors */

/* While no descriptor of that number or above can be opened. 2: compiled; 1: there is a reason; 0: neither, or a
 * descriptor is left. */
static int below(rlim_t limit, bool closed) {
    struct rlimit before;
    if (closed)
        for (int fd = 0; fd < 3; fd++) close(fd);
    const size_t open = descriptors();
    if (getrlimit(RLIMIT_NOFILE, &before) != 0) return 0;
    if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){limit, before.rlim_max}) != 0) return 0;
    const double result = result_of(twice, "twice");
    if (setrlimit(RLIMIT_NOFILE, &before) != 0 || descriptors() != open) return 0;
    return result == 2 ? 2 : result == 0 && why[0] ? 1 : 0;
}

Test(jit_limits, few_descriptors) {
    use_script("exec cc \"$@\"");
    works_in_silence();
    char copy[700];
    snprintf(copy, sizeof copy, "cp '%s'/*.so \"$o\"", in_shop("cache"));
    use_script(copy);
    setenv("TAPEGRAD_CACHE", in_shop("second"), 1);
    for (int closed = 0; closed < 2; closed++) {
        int compiled = 0, refused = 0;
        for (rlim_t limit = 0; compiled < 5; limit++) {
            int status;
            const pid_t child = fork();
            if (child == 0) _exit(below(limit, closed));
            cr_assert_eq(waitpid(child, &status, 0), child);
            cr_assert(WIFEXITED(status) && WEXITSTATUS(status) > 0, "limit %d: %x", (int)limit, (unsigned)status);
            cr_assert_eq(files_in(in_shop("tmp"), ""), 0, "limit %d: something is left", (int)limit);
            cr_assert_eq(files_in(in_shop("second"), ""), files_in(in_shop("second"), ".so"), "limit %d", (int)limit);
            remove_tree(in_shop("second"));
            refused += WEXITSTATUS(status) == 1;
            compiled += WEXITSTATUS(status) == 2;
            cr_assert_lt(limit, 100);
        }
        cr_assert_gt(refused, 3);
    }
}

/* ------------------------------------------------------------------------------------------------------- folders */

Test(jit_limits, a_temporary_directory_of_all) {
    cr_assert_eq(mkdir(in_shop("open"), 0700), 0);
    cr_assert_eq(chmod(in_shop("open"), 0777), 0);
    setenv("TMPDIR", in_shop("open"), 1);
    works_in_silence(); /* in the cache */
    setenv("TAPEGRAD_CACHE", "", 1);
    fails("which all users can write and has no sticky bit");
    cr_assert_eq(files_in(in_shop("open"), ""), 0);
    cr_assert_eq(chmod(in_shop("open"), 01777), 0);
    works_in_silence();
    cr_assert_eq(symlink(in_shop("open"), in_shop("link")), 0); /* the directory counts, not the link */
    setenv("TMPDIR", in_shop("link"), 1);
    works_in_silence();
    cr_assert_eq(chmod(in_shop("open"), 0777), 0);
    fails("which all users can write");
}
