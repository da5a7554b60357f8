/* A program that answers a line with a line, for as long as it lives. */
#ifndef BENCH_RIVAL_H
#define BENCH_RIVAL_H

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct rival {
    pid_t process; /* 0: there is none */
    FILE *to, *from;
};

extern char **environ;

static inline void rival_close(struct rival *r) {
    if (r->to) fclose(r->to);
    if (r->from) fclose(r->from);
    if (r->process) waitpid(r->process, NULL, 0);
    *r = (struct rival){0};
}

static inline bool rival_ask(struct rival *r, const char *question, char *answer, int room) {
    if (!r->process) return false;
    fputs(question, r->to);
    return fflush(r->to) == 0 && fgets(answer, room, r->from) != NULL;
}

/* What it has to say of itself comes first; if that is nothing, it is not there. */
static inline struct rival rival_open(const char *const *command, char *said, int room) {
    struct rival r = {0};
    int in[2], out[2];
    signal(SIGPIPE, SIG_IGN); /* a rival that dies is an answer that does not come */
    if (pipe(in)) return r;
    if (pipe(out)) return close(in[0]), close(in[1]), r;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&files, in[1]);
    posix_spawn_file_actions_addclose(&files, out[0]);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&r.process, command[0], &files, NULL, (char *const *)(uintptr_t)command, environ)) r.process = 0;
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    close(out[1]);
    r.to = fdopen(in[1], "w");
    r.from = fdopen(out[0], "r");
    if (!r.process || !r.to || !r.from || !fgets(said, room, r.from)) rival_close(&r);
    return r;
}

#endif
