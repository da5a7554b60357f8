/* Objects that are kept. After its machine code a file has the key that it was made from and a hash of all of it, and
 * both are checked before anything is loaded. A file gets its name by rename: no process ever sees half an object, and
 * processes that make the same one at the same time do each other no harm. */
#include "jit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OBJECTS = 1000, DAY = 24 * 60 * 60, HOUR = 60 * 60, AT_ONCE = 1 << 30, DROPS = 64 };

static const intmax_t LARGEST = INTMAX_C(1) << 30; /* bytes of one object that is read */
static const intmax_t BYTES = INTMAX_C(1) << 28;   /* of all that are kept */

struct seal {         /* the end of a file */
    uint64_t hash[2]; /* of what is before it */
    uint64_t key_length;
    char mark[8];
};

static const char mark[8] = {'t', 'a', 'p', 'e', 'g', 'r', 'a', 'd'};

/* ------------------------------------------------------------------------------------------------------- reading */

static bool read_all(int fd, char *to, size_t bytes) {
    for (off_t at = 0; bytes > 0;) {
        const ssize_t n = pread(fd, to, bytes < AT_ONCE ? bytes : AT_ONCE, at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        to += n;
        at += n;
        bytes -= (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const char *from, size_t bytes) {
    while (bytes > 0) {
        const ssize_t n = write(fd, from, bytes < AT_ONCE ? bytes : AT_ONCE);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        from += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* The whole file, and room behind it; NULL: it cannot be read, is too large, or memory is out. */
static char *contents(tg_graph *g, int fd, size_t *bytes, size_t behind) {
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || s.st_size < 0 || s.st_size > LARGEST) return NULL;
    *bytes = (size_t)s.st_size;
    char *all = tg__alloc(g, *bytes + behind);
    if (all && read_all(fd, all, *bytes)) return all;
    tg__release(g, all, *bytes + behind);
    return NULL;
}

static bool is_sealed(const char *all, size_t bytes, const struct tg__key *k) {
    struct seal s;
    uint64_t hash[2];
    if (bytes < sizeof s + k->length) return false;
    memcpy(&s, all + bytes - sizeof s, sizeof s);
    if (memcmp(s.mark, mark, sizeof mark) != 0 || s.key_length != k->length) return false;
    if (memcmp(all + bytes - sizeof s - k->length, k->text, k->length) != 0) return false;
    tg__hash(all, bytes - sizeof s, hash);
    return hash[0] == s.hash[0] && hash[1] == s.hash[1];
}

void tg__cache_name(const struct tg__key *k, char name[TG__NAME]) { snprintf(name, TG__NAME, "%.41s.so", k->name); }

bool tg__cache_has(tg_graph *g, const struct tg__folder *f, const struct tg__key *k) {
    char name[TG__NAME];
    tg__cache_name(k, name);
    const int fd = tg__aside(openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat s;
    size_t bytes = 0;
    if (fd < 0) return false;
    const bool ours =
        fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_uid == geteuid() && !(s.st_mode & (S_IWGRP | S_IWOTH));
    char *all = ours ? contents(g, fd, &bytes, 0) : NULL;
    const bool good = all && is_sealed(all, bytes, k);
    tg__release(g, all, bytes);
    if (good && time(NULL) - s.st_mtim.tv_sec > DAY) futimens(fd, NULL); /* so that it is not among the oldest */
    close(fd);
    return good;
}

/* ------------------------------------------------------------------------------------------------------- pruning */

struct count {
    size_t objects;
    intmax_t bytes;
    time_t oldest;
    char name[TG__NAME]; /* of the oldest */
};

/* Only files with names that this file gives. One that a killed process left unfinished is removed after an hour. */
static void look_at(const struct tg__folder *f, const char *name, struct count *c) {
    struct stat s;
    const size_t length = strlen(name), hash = sizeof "tapegrad-" - 1;
    if (length >= TG__NAME || strncmp(name, "tapegrad-", hash) != 0) return;
    if (strspn(name + hash, "0123456789abcdef") != 32 || fstatat(f->fd, name, &s, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (!S_ISREG(s.st_mode)) return;
    if (strcmp(name + hash + 32, ".so") != 0) {
        if (time(NULL) - s.st_mtim.tv_sec > HOUR) unlinkat(f->fd, name, 0);
        return;
    }
    c->bytes += s.st_size;
    if (c->objects++ == 0 || s.st_mtim.tv_sec < c->oldest) {
        c->oldest = s.st_mtim.tv_sec;
        memcpy(c->name, name, length + 1);
    }
}

static bool count(const struct tg__folder *f, struct count *c) {
    const int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    *c = (struct count){.objects = 0};
    if (!dir) {
        if (fd >= 0) close(fd);
        return false;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) look_at(f, entry->d_name, c);
    closedir(dir);
    return c->objects > OBJECTS || (c->objects > 1 && c->bytes > BYTES);
}

static void prune(const struct tg__folder *f) {
    struct count c;
    for (int n = 0; n < DROPS && count(f, &c); n++) unlinkat(f->fd, c.name, 0);
}

/* ------------------------------------------------------------------------------------------------------- keeping */

/* all: the object, with room behind it for the key and the seal. */
static void seal(char *all, size_t bytes, const struct tg__key *k) {
    struct seal s = {.key_length = k->length};
    memcpy(s.mark, mark, sizeof mark);
    memcpy(all + bytes, k->text, k->length);
    tg__hash(all, bytes + k->length, s.hash);
    memcpy(all + bytes + k->length, &s, sizeof s);
}

static bool bring(const struct tg__folder *f, const struct tg__key *k, const char *all, size_t bytes,
                  struct tg__reason *r) {
    char name[TG__NAME], final[TG__NAME];
    const int fd = tg__folder_create(f, k->name, name);
    bool done = fd >= 0 && write_all(fd, all, bytes);
    int error = errno;
    if (fd >= 0 && close(fd) != 0 && errno != EINTR && done) done = false, error = errno;
    tg__cache_name(k, final);
    if (done && renameat(f->fd, name, f->fd, final) != 0) done = false, error = errno;
    if (fd >= 0 && !done) unlinkat(f->fd, name, 0);
    if (!done) tg__because_of(r, error, "the cache '%s' cannot be written", f->path);
    return done;
}

bool tg__cache_keep(tg_graph *g, const struct tg__folder *f, int object, const struct tg__key *k,
                    struct tg__reason *r) {
    const size_t behind = k->length + sizeof(struct seal);
    size_t bytes;
    char *all = contents(g, object, &bytes, behind);
    if (!all && !g->error.status) tg__because(r, "the object cannot be copied into the cache '%s'", f->path);
    if (!all) return false;
    seal(all, bytes, k);
    const bool done = bring(f, k, all, bytes + behind, r);
    tg__release(g, all, bytes + behind);
    if (done) prune(f);
    return done;
}
