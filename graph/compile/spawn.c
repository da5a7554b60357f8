/* Runs a compiler: starts it, has it attended to, and says what came of it. */
#include "jit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ------------------------------------------------------------------------------------------------------ starting */

static bool is_set_here(const char *variable) {
    return strncmp(variable, "LC_ALL=", 7) == 0 || strncmp(variable, "TMPDIR=", 7) == 0;
}

/* Messages are in English, whatever the locale, and temporary files are where they will be removed, should the compiler
 * be killed. */
static char **environment(tg_graph *g, char *tmpdir, size_t *bytes) {
    size_t n = 0, m = 0;
    while (environ && environ[n]) n++;
    *bytes = (n + 3) * sizeof(char *);
    char **list = tg__alloc(g, *bytes);
    if (!list) return NULL;
    for (size_t i = 0; i < n; i++)
        if (!is_set_here(environ[i])) list[m++] = environ[i];
    list[m++] = (char *)(uintptr_t) "LC_ALL=C";
    list[m++] = tmpdir;
    list[m] = NULL;
    return list;
}

/* Signals that this program blocks or ignores are not blocked or ignored in the compiler, which would otherwise not
 * learn that a program of its own has ended. */
static int set_signals(posix_spawnattr_t *attr) {
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGCHLD);
    sigaddset(&usual, SIGPIPE);
    int error = posix_spawnattr_setsigmask(attr, &none);
    if (!error) error = posix_spawnattr_setsigdefault(attr, &usual);
    return error ? error : posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* in, speak: what the compiler reads, and where it writes its messages. */
static int start(struct tg__child *c, const char *path, const char *const *word, char **env, int in, int speak) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int error = posix_spawn_file_actions_init(&files);
    if (error) return error;
    error = posix_spawnattr_init(&attr);
    if (!error) {
        error = posix_spawn_file_actions_adddup2(&files, in, 0);
        if (!error) error = posix_spawn_file_actions_adddup2(&files, speak, 1);
        if (!error) error = posix_spawn_file_actions_adddup2(&files, speak, 2);
        if (!error) error = set_signals(&attr);
        if (!error) error = posix_spawnp(&c->pid, path, &files, &attr, (char *const *)(uintptr_t)word, env);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&files);
    return error;
}

static bool open_pipe(int *listen, int *speak) {
    int ends[2];
    if (pipe(ends) != 0) return false;
    *listen = tg__aside(ends[0]);
    *speak = tg__aside(ends[1]);
    if (*listen >= 0 && *speak >= 0 && fcntl(*listen, F_SETFD, FD_CLOEXEC) == 0 &&
        fcntl(*speak, F_SETFD, FD_CLOEXEC) == 0 && fcntl(*listen, F_SETFL, O_NONBLOCK) == 0)
        return true;
    const int error = errno;
    if (*listen >= 0) close(*listen);
    if (*speak >= 0) close(*speak);
    errno = error;
    return false;
}

/* ---------------------------------------------------------------------------------------------------- the outcome */

/* "collect2: error: ld returned 1 exit status" only says that an error came before it. */
static bool is_error(const char *line) { return strstr(line, "error: ") && !strstr(line, " exit "); }

/* The line that says most: the first error; else the first line that is more than "In function 'f':". */
static const char *line_of(char *text) {
    const char *first = "";
    for (char *line = text, *next; *line; line = next) {
        next = line + strcspn(line, "\r\n");
        if (*next) *next++ = 0;
        line += strspn(line, " \t");
        if (is_error(line)) return line;
        if (*line && (!*first || first[strlen(first) - 1] == ':')) first = line;
    }
    return first;
}

static enum tg__end judge(struct tg__child *c, const char *path, double seconds, struct tg__reason *r) {
    const char *line = line_of(c->said);
    const char *between = *line ? ": " : "";
    if (c->late) {
        tg__because(r, "the compiler '%s' was stopped after %g s (TAPEGRAD_CC_SECONDS sets the limit)%s%s", path,
                    seconds, between, line);
        return TG__ENDED;
    }
    if (c->unknown && !*line) return TG__DONE; /* one that fails would have spoken */
    if (c->unknown)
        tg__because(r, "the compiler '%s' failed%s%s", path, between, line);
    else if (WIFSIGNALED(c->status))
        tg__because(r, "the compiler '%s' was ended by signal %d%s%s", path, WTERMSIG(c->status), between, line);
    else if (WEXITSTATUS(c->status) != 0)
        tg__because(r, "the compiler '%s' failed (exit status %d)%s%s", path, WEXITSTATUS(c->status), between, line);
    else
        return TG__DONE;
    return !c->unknown && WIFSIGNALED(c->status) ? TG__ENDED : TG__REFUSED;
}

enum tg__end tg__spawn(tg_graph *g, const struct tg__order *o, struct tg__reason *r) {
    struct tg__child c = {.listen = -1};
    char tmpdir[TG__PATH + 8];
    size_t bytes;
    int speak;
    snprintf(tmpdir, sizeof tmpdir, "TMPDIR=%s", o->work);
    char **env = environment(g, tmpdir, &bytes);
    if (!env) return TG__ENDED;
    int error = lseek(o->in, 0, SEEK_SET) < 0 || !open_pipe(&c.listen, &speak) ? errno : 0;
    if (!error) {
        error = start(&c, o->path, o->word, env, o->in, speak);
        close(speak);
        if (!error)
            tg__attend(&c, o->seconds);
        else
            close(c.listen);
    }
    tg__release(g, env, bytes);
    if (!error) return judge(&c, o->path, o->seconds, r);
    tg__because_of(r, error, "the compiler '%s' cannot be started", o->path);
    return TG__ENDED;
}
