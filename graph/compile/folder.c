/* A directory for objects. A user who can write there can have this process run any code, so it must be this user's
 * alone: no symbolic link, owned by the effective user, and not writable by others. Files are reached through its
 * descriptor, so that what was checked is what is used, whatever becomes of the path. */
#include "jit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { TRIES = 100, STICKY = 01000 /* S_ISVTX, which POSIX leaves to the XSI option */ };

int tg__aside(int fd) {
    if (fd < 0 || fd > 2) return fd;
    const int other = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    const int error = errno;
    close(fd);
    errno = error;
    return other;
}

/* ------------------------------------------------------------------------------------------------------ checking */

static bool is_ours(const struct tg__folder *f, const char *what, struct tg__reason *r) {
    struct stat s;
    if (fstat(f->fd, &s) != 0)
        tg__because_of(r, errno, "%s '%s' cannot be examined", what, f->path);
    else if (s.st_uid != geteuid())
        tg__because(r, "%s '%s' belongs to another user", what, f->path);
    else if (s.st_mode & (S_IWGRP | S_IWOTH))
        tg__because(r, "%s '%s' can be written by other users", what, f->path);
    else
        return true;
    return false;
}

/* Asked before the loader is, which would say that a segment cannot be mapped, and leak a mapping. POSIX does not name
 * the flag. */
bool tg__folder_runs(const struct tg__folder *f) {
#if defined(__linux__)
    enum { NOEXEC = 8 };
    struct statvfs s;
    return fstatvfs(f->fd, &s) != 0 || !(s.f_flag & NOEXEC);
#else
    return f->fd >= 0;
#endif
}

static bool open_folder(struct tg__folder *f, const char *what, struct tg__reason *r) {
    f->fd = tg__aside(open(f->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat s;
    if (f->fd < 0 && lstat(f->path, &s) == 0 && S_ISLNK(s.st_mode))
        tg__because(r, "%s '%s' is a symbolic link", what, f->path);
    else if (f->fd < 0)
        tg__because_of(r, errno, "%s '%s' cannot be opened", what, f->path);
    else if (is_ours(f, what, r))
        return true;
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
    return false;
}

/* ------------------------------------------------------------------------------------------------------ the cache */

/* A relative path gets "./" in front, for to a compiler one that begins with '-' or '@' is something else. A '/' at the
 * end goes, for it would have a symbolic link followed. */
static bool set_path(struct tg__folder *f, const char *base, const char *name) {
    const int n = snprintf(f->path, sizeof f->path, "%s%s%s", *base == '/' ? "" : "./", base, name);
    if (n < 0 || (size_t)n >= sizeof f->path - TG__NAME) return false;
    for (size_t end = (size_t)n; end > 1 && f->path[end - 1] == '/'; end--) f->path[end - 1] = 0;
    return true;
}

static bool make_path(struct tg__folder *f) {
    for (char *s = f->path + 1;; s++) {
        if (*s && *s != '/') continue;
        const char end = *s;
        *s = 0;
        const bool there = mkdir(f->path, 0700) == 0 || errno == EEXIST;
        *s = end;
        if (!end) return there; /* only the last counts: who may make nothing in / may do so in a home below it */
    }
}

bool tg__folder_cache(struct tg__folder *f, struct tg__reason *r) {
    const char *own = getenv("TAPEGRAD_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    *f = (struct tg__folder){.fd = -1};
    if (own && !*own) return false;
    const bool has_xdg = xdg && *xdg == '/'; /* the XDG specification says to ignore relative paths */
    if (!own && !has_xdg && !(home && *home == '/')) {
        tg__because(r, "there is no cache: HOME is no absolute path");
    } else if (!set_path(f, own ? own : has_xdg ? xdg : home, own ? "" : has_xdg ? "/tapegrad" : "/.cache/tapegrad")) {
        tg__because(r, "the path of the cache is too long");
    } else if (!make_path(f)) {
        tg__because_of(r, errno, "the cache '%s' cannot be made", f->path);
    } else if (open_folder(f, "the cache", r)) {
        if (tg__folder_runs(f)) return true;
        tg__because(r, "the cache '%s' is on a file system that is mounted noexec", f->path);
        tg__folder_close(f);
    }
    return false;
}

/* ------------------------------------------------------------------------------------------ a temporary directory */

/* Where others may write they could put a directory of theirs in the place of ours while the compiler runs, unless the
 * sticky bit keeps them from it. */
static bool is_safe(const char *base, struct tg__reason *r) {
    struct stat s;
    if (stat(base, &s) != 0)
        tg__because_of(r, errno, "no temporary directory can be made in '%s'", base);
    else if ((s.st_mode & S_IWOTH) && !(s.st_mode & STICKY))
        tg__because(r, "no temporary directory is made in '%s', which all users can write and has no sticky bit", base);
    else
        return true;
    return false;
}

bool tg__folder_temporary(struct tg__folder *f, const char *base, struct tg__reason *r) {
    if (!base) base = getenv("TMPDIR");
    *f = (struct tg__folder){.fd = -1};
    if (!base || !*base) base = "/tmp";
    if (!set_path(f, base, "/tapegrad-XXXXXX")) {
        tg__because(r, "the path of the temporary directory is too long");
    } else if (!is_safe(base, r)) {
        return false;
    } else if (!mkdtemp(f->path)) {
        tg__because_of(r, errno, "no temporary directory can be made in '%s'", base);
    } else {
        f->temporary = true;
        if (open_folder(f, "the temporary directory", r)) return true;
        f->temporary = false;
        rmdir(f->path);
    }
    return false;
}

/* What a compiler that was killed has left, directories too. fd: of the directory; it is closed. */
static void empty(int fd, int depth) {
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || unlinkat(fd, name, 0) == 0) continue;
        const int below = depth > 0 ? openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (below >= 0) empty(below, depth - 1);
        if (below >= 0) unlinkat(fd, name, AT_REMOVEDIR);
    }
    closedir(dir);
}

/* Reads the directory by the descriptor that is open, for there may be no other. A process that dies may write to the
 * last, so once is not always enough. */
static void remove_folder(struct tg__folder *f) {
    enum { DEPTH = 8 };
    struct tg__reason none = {.text = ""};
    for (int n = 0; n < 3 && f->fd >= 0; n++) {
        empty(f->fd, DEPTH);
        f->fd = -1;
        if (rmdir(f->path) != 0) open_folder(f, "the temporary directory", &none);
    }
    if (f->fd >= 0) close(f->fd);
}

void tg__folder_close(struct tg__folder *f) {
    if (f->temporary)
        remove_folder(f);
    else if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

int tg__folder_create(const struct tg__folder *f, const char *stem, char name[TG__NAME]) {
    for (int n = 0; n < TRIES; n++) {
        snprintf(name, TG__NAME, "%.41s.%ld.%d", stem, (long)getpid(), n);
        const int fd = openat(f->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        const int aside = tg__aside(fd);
        if (fd >= 0 && aside < 0) unlinkat(f->fd, name, 0);
        if (fd >= 0) return aside;
        if (errno != EEXIST && errno != EINTR) break;
    }
    return -1;
}
