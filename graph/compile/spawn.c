/* A compiler at work. What it says is read until it ends, for of a pipe that is full it would wait for us; and it ends
 * when it is gone, for a child of its own may hold the pipe open. */
#include "jit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SAID = 2048, PATIENCE = 50 /* milliseconds, between two looks */ };

struct child {
    pid_t pid;
    bool gone, unknown; /* unknown: somebody else was told how it ended, or nobody */
    int status, in, listen, speak;
    size_t length;
    char said[SAID];
};

/* ------------------------------------------------------------------------------------------------------ starting */

static bool is_set_here(const char *variable) {
    return strncmp(variable, "LC_ALL=", 7) == 0 || strncmp(variable, "TMPDIR=", 7) == 0;
}

/* Messages in English, whatever the locale; and files of its own where they will be removed, should it be killed. */
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

/* Neither blocked nor ignored signals are passed on: of a child that ended, cc would not hear. */
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

static int start(struct child *c, const char *path, const char *const *word, char **env) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int error = posix_spawn_file_actions_init(&files);
    if (error) return error;
    error = posix_spawnattr_init(&attr);
    if (!error) {
        error = posix_spawn_file_actions_adddup2(&files, c->in, 0);
        if (!error) error = posix_spawn_file_actions_adddup2(&files, c->speak, 1);
        if (!error) error = posix_spawn_file_actions_adddup2(&files, c->speak, 2);
        if (!error) error = set_signals(&attr);
        if (!error) error = posix_spawnp(&c->pid, path, &files, &attr, (char *const *)(uintptr_t)word, env);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&files);
    return error;
}

/* ----------------------------------------------------------------------------------------------------- listening */

static bool open_pipe(struct child *c) {
    int ends[2];
    if (pipe(ends) != 0) return false;
    c->listen = tg__aside(ends[0]);
    c->speak = tg__aside(ends[1]);
    if (c->listen >= 0 && c->speak >= 0 && fcntl(c->listen, F_SETFD, FD_CLOEXEC) == 0 &&
        fcntl(c->speak, F_SETFD, FD_CLOEXEC) == 0 && fcntl(c->listen, F_SETFL, O_NONBLOCK) == 0)
        return true;
    const int error = errno;
    if (c->listen >= 0) close(c->listen);
    if (c->speak >= 0) close(c->speak);
    errno = error;
    return false;
}

static bool hear(struct child *c) { /* false: there will be no more */
    char rest[512];
    for (;;) {
        char *to = c->length < SAID - 1 ? c->said + c->length : rest;
        const ssize_t n = read(c->listen, to, to == rest ? sizeof rest : SAID - 1 - c->length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (to != rest) c->length += (size_t)n;
    }
}

static void look_after(struct child *c, int options) {
    pid_t pid;
    do pid = waitpid(c->pid, &c->status, options);
    while (pid < 0 && errno == EINTR);
    c->unknown = pid < 0; /* SIGCHLD is ignored, or another thread waits for everybody */
    c->gone = pid != 0;
}

static void attend(struct child *c) {
    struct pollfd p = {.fd = c->listen, .events = POLLIN};
    bool more = true;
    while (more && !c->gone) {
        if (poll(&p, 1, PATIENCE) == 0) look_after(c, WNOHANG);
        more = hear(c);
    }
    if (!c->gone) look_after(c, 0);
    c->said[c->length] = 0;
}

/* ---------------------------------------------------------------------------------------------------- the outcome */

/* The line that says most: not the first, if that is "In function 'f':". */
static const char *said(struct child *c) {
    char *line = c->said;
    for (char *s = c->said; *s; s++)
        if (*s == '\r') *s = '\n';
    for (;;) {
        line += strspn(line, "\n \t");
        char *end = line + strcspn(line, "\n");
        const bool last = !*end || !end[strspn(end, "\n \t")];
        if (last || end[-1] != ':') {
            *end = 0;
            return line;
        }
        line = end;
    }
}

static enum tg__end judge(struct child *c, const char *path, struct tg__reason *r) {
    const char *line = said(c);
    const char *between = *line ? ": " : "";
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

enum tg__end tg__spawn(tg_graph *g, const char *path, const char *const *word, int in, const char *work,
                       struct tg__reason *r) {
    struct child c = {.in = in};
    char tmpdir[TG__PATH + 8];
    size_t bytes;
    snprintf(tmpdir, sizeof tmpdir, "TMPDIR=%s", work);
    char **env = environment(g, tmpdir, &bytes);
    if (!env) return TG__ENDED;
    int error = lseek(in, 0, SEEK_SET) < 0 || !open_pipe(&c) ? errno : 0;
    if (!error) {
        error = start(&c, path, word, env);
        close(c.speak);
        if (!error) attend(&c);
        close(c.listen);
    }
    tg__release(g, env, bytes);
    if (!error) return judge(&c, path, r);
    tg__because_of(r, error, "the compiler '%s' cannot be started", path);
    return TG__ENDED;
}
