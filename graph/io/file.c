/* Reading and writing regular files, with every way in which the system can refuse. */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WHY = 128, AT_ONCE = 1 << 30, TRIES = 100, SUFFIX = 48, NAME_LENGTH = 255 };

static const char *why(int error, char text[WHY]) {
    if (strerror_r(error, text, WHY) != 0) snprintf(text, WHY, "error %d", error);
    return text;
}

const char *tg__excerpt(const char *from, size_t length, char *text, size_t room) {
    char part[128];
    if (length >= sizeof part) length = sizeof part - 1;
    memcpy(part, from, length);
    part[length] = '\0';
    return tg__clean(part, text, room);
}

/* ----------------------------------------------------------------------------------------------------- reading */

static bool check(struct tg__reader *r) {
    struct stat s;
    char text[WHY];
    if (fstat(r->fd, &s) != 0)
        return tg__fail_file(r->graph, r->path, "cannot be examined: %s", why(errno, text)) == TG_OK;
    if (!S_ISREG(s.st_mode)) return tg__fail_file(r->graph, r->path, "is not a regular file") == TG_OK;
    if ((uintmax_t)s.st_size >= SIZE_MAX) return tg__fail_file(r->graph, r->path, "is too large") == TG_OK;
    r->size = (size_t)s.st_size;
    return true;
}

bool tg__read_open(struct tg__reader *r, tg_graph *g, const char *path) {
    *r = (struct tg__reader){.graph = g, .path = path, .fd = -1};
    if (path == NULL || *path == '\0') return tg__fail_file(g, path ? "''" : "NULL", "no file to read") == TG_OK;
    /* O_NONBLOCK: opening a FIFO would wait for a writer before anyone could see that it is one. */
    do r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (r->fd < 0 && errno == EINTR);
    char text[WHY];
    if (r->fd < 0) return tg__fail_file(g, path, "cannot be opened: %s", why(errno, text)) == TG_OK;
    if (check(r)) return true;
    tg__read_close(r);
    return false;
}

bool tg__read(struct tg__reader *r, void *data, size_t bytes) {
    if (r->unpack != NULL) return r->unpack(r, data, bytes);
    char *to = data, text[WHY];
    while (bytes > 0) {
        ssize_t n = pread(r->fd, to, bytes < AT_ONCE ? bytes : AT_ONCE, (off_t)(r->start + r->at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return tg__fail_file(r->graph, r->path, "byte %zu: cannot be read: %s", r->at, why(errno, text)) == TG_OK;
        if (n == 0)
            return tg__fail_file(r->graph, r->path, "byte %zu: the file ends here; it had %zu bytes when it was opened",
                                 r->at, r->size) == TG_OK;
        to += n;
        r->at += (size_t)n;
        bytes -= (size_t)n;
    }
    return true;
}

void tg__read_close(struct tg__reader *r) {
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
}

/* ----------------------------------------------------------------------------------------------------- writing */

/* How much of the path the temporary name begins with: a name as long as the file system takes is cut. */
static int stem(const char *path) {
    const size_t folder = (size_t)(tg__base(path) - path), name = strlen(path + folder);
    return (int)(folder + (name < NAME_LENGTH - SUFFIX || name > NAME_LENGTH ? name : NAME_LENGTH - SUFFIX));
}

/* A name in the same directory. text: of temp_bytes. */
static void beside(const struct tg__writer *w, const char *what, int n, char *text) {
    snprintf(text, w->temp_bytes, "%.*s.%s.%ld.%d", stem(w->path), w->path, what, (long)getpid(), n);
}

static bool create(struct tg__writer *w) {
    for (int n = 0; n < TRIES; n++) {
        beside(w, "tmp", n, w->temp);
        w->fd = open(w->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (w->fd >= 0) return true;
        if (errno != EEXIST && errno != EINTR) break;
    }
    char text[WHY];
    tg__fail_file(w->graph, w->path, "cannot be created: %s", why(errno, text));
    tg__release(w->graph, w->temp, w->temp_bytes);
    w->temp = NULL;
    return false;
}

bool tg__write_open(struct tg__writer *w, tg_graph *g, const char *path) {
    w->graph = g;
    w->path = path;
    w->temp = NULL;
    w->used = 0;
    w->fd = -1;
    if (path == NULL || *path == '\0') return tg__fail_file(g, path ? "''" : "NULL", "no file to write") == TG_OK;
    /* The rename would put a file in the place of a device or a link just as readily. */
    struct stat s;
    if (lstat(path, &s) == 0 && !S_ISREG(s.st_mode))
        return tg__fail_file(g, path, "is there and is not a regular file: not replaced") == TG_OK;
    w->temp_bytes = strlen(path) + SUFFIX;
    w->temp = tg__alloc(g, w->temp_bytes);
    return w->temp != NULL && create(w);
}

static bool fail(struct tg__writer *w, int error) {
    char text[WHY];
    tg__fail_file(w->graph, w->path, "cannot be written: %s", why(error, text));
    tg__write_abandon(w);
    return false;
}

static bool drain(struct tg__writer *w, const char *data, size_t bytes) {
    while (bytes > 0) {
        ssize_t n = write(w->fd, data, bytes < AT_ONCE ? bytes : AT_ONCE);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail(w, n < 0 ? errno : EIO);
        data += n;
        bytes -= (size_t)n;
    }
    return true;
}

void tg__write(struct tg__writer *w, const void *data, size_t bytes) {
    if (w->temp == NULL || bytes == 0) return;
    if (bytes > sizeof w->buffer - w->used) {
        if (!drain(w, w->buffer, w->used)) return;
        w->used = 0;
        if (bytes > sizeof w->buffer) {
            drain(w, data, bytes);
            return;
        }
    }
    memcpy(w->buffer + w->used, data, bytes);
    w->used += bytes;
}

bool tg__write_finish(struct tg__writer *w) {
    if (w->temp == NULL || !drain(w, w->buffer, w->used)) return false;
    w->used = 0;
    int status;
    do status = fsync(w->fd);
    while (status != 0 && errno == EINTR);
    if (status != 0) return fail(w, errno);
    status = close(w->fd);
    w->fd = -1;
    return status == 0 || errno == EINTR || fail(w, errno);
}

bool tg__write_commit(struct tg__writer *w) {
    if (w->temp == NULL || (w->fd >= 0 && !tg__write_finish(w))) return false;
    if (rename(w->temp, w->path) != 0) return fail(w, errno);
    tg__release(w->graph, w->temp, w->temp_bytes);
    w->temp = NULL;
    return true;
}

/* Gives the file that is to be replaced a second name; false: there is none, or it cannot have one. */
static bool keep_old(const struct tg__writer *w, char *old) {
    for (int n = 0; n < TRIES; n++) {
        beside(w, "old", n, old);
        if (link(w->path, old) == 0) return true;
        if (errno != EEXIST && errno != EINTR) break;
    }
    return false;
}

/* An interrupted system call has not removed the file, and the leftover's name is known to no one. */
static void forget_old(const char *old) {
    for (int n = 0; n < TRIES && unlink(old) != 0 && errno != ENOENT; n++) continue;
}

bool tg__write_commit_both(struct tg__writer *a, struct tg__writer *b) {
    const size_t bytes = a->temp_bytes;
    char *old = tg__alloc(a->graph, bytes);
    if (!old) return false;
    const bool had = keep_old(a, old), first = tg__write_commit(a), both = first && tg__write_commit(b);
    if (had && first && !both)
        rename(old, a->path);
    else if (first && !both)
        unlink(a->path);
    if (had) forget_old(old);
    tg__release(a->graph, old, bytes);
    return both;
}

void tg__write_abandon(struct tg__writer *w) {
    if (w->temp == NULL) return;
    if (w->fd >= 0) close(w->fd);
    w->fd = -1;
    unlink(w->temp);
    tg__release(w->graph, w->temp, w->temp_bytes);
    w->temp = NULL;
}
