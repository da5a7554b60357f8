/* Attends to a compiler until it ends. What it says is read all the time, for it would wait for ever to write to a full
 * pipe. It has ended when its process has, and not when the pipe is closed: a process that it started may hold the pipe
 * open, and it may close the pipe and go on. */
#include "jit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE = 50 /* milliseconds between two looks at the process, at most */, GRACE = 2 /* seconds to die in */ };

static double now(void) {
    struct timespec t = {.tv_sec = 0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ------------------------------------------------------------------------------------------------------ stopping */

/* The processes that pid has started, where the kernel lists them (Linux); elsewhere none are found. */
static size_t children_of(pid_t pid, pid_t *child, size_t room) {
    char path[64], text[2048];
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", (long)pid, (long)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    size_t n = 0;
    if (fd >= 0) close(fd);
    text[length > 0 ? length : 0] = 0;
    for (char *s = text, *end; n < room; s = end, n++) {
        child[n] = (pid_t)strtol(s, &end, 10);
        if (end == s) break;
    }
    return n;
}

/* A compiler is a driver that starts other programs, which would go on without it. A process that is stopped starts no
 * more of them, and does not collect those that end, so that the numbers found are still theirs when they are used. */
static void end_tree(pid_t pid, int depth) {
    enum { ROOM = 64 };
    pid_t child[ROOM];
    kill(pid, SIGSTOP);
    poll(NULL, 0, 1); /* it stops when it next leaves the kernel */
    const size_t n = depth > 0 ? children_of(pid, child, ROOM) : 0;
    for (size_t i = 0; i < n; i++) end_tree(child[i], depth - 1);
    kill(pid, SIGKILL);
}

/* ----------------------------------------------------------------------------------------------------- listening */

static bool hear(struct tg__child *c) { /* false: there will be no more */
    char rest[512];
    for (;;) {
        char *to = c->length < TG__SAID - 1 ? c->said + c->length : rest;
        const ssize_t n = read(c->listen, to, to == rest ? sizeof rest : TG__SAID - 1 - c->length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (to != rest) c->length += (size_t)n;
    }
}

/* From now on a compiler that writes gets an error instead of waiting for a reader. */
static void hang_up(struct tg__child *c) {
    if (c->listen >= 0) close(c->listen);
    c->listen = -1;
}

static void look_after(struct tg__child *c) {
    pid_t pid;
    do pid = waitpid(c->pid, &c->status, WNOHANG);
    while (pid < 0 && errno == EINTR);
    c->unknown = pid < 0; /* SIGCHLD is ignored, or another thread waits for all children */
    c->gone = pid != 0;
}

static void wait_until(struct tg__child *c, double end) {
    for (int pause = 1; !c->gone && now() < end;) {
        struct pollfd p = {.fd = c->listen, .events = POLLIN}; /* of -1 nothing is heard, which leaves a pause */
        const bool heard = poll(&p, 1, pause) > 0;
        if (heard && hear(c)) continue;
        if (heard) hang_up(c);
        look_after(c);
        pause = heard ? 1 : pause < PAUSE / 2 ? 2 * pause : PAUSE;
    }
}

void tg__attend(struct tg__child *c, double seconds) {
    wait_until(c, now() + seconds);
    if (!c->gone) {
        c->late = true;
        end_tree(c->pid, 8);
        hang_up(c);
        wait_until(c, now() + GRACE); /* one that waits for a disk that is gone cannot be killed */
    }
    if (c->listen >= 0) hear(c);
    hang_up(c);
    c->said[c->length] = 0;
}
