/* From C text to a function in this process. The compiler works in a temporary directory; its object is copied into the
 * cache under its final name and loaded from there, or, where no cache can be used, from the temporary directory. */
#include "jit.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct tg__object {
    void *library;
};

struct job {
    tg_graph *g;
    const char *source, *symbol;
    size_t length;
    double seconds; /* for the compiler */
    struct tg__compiler compiler;
    struct tg__key key;
    struct tg__folder cache, work;
    struct tg__reason aside, why; /* what is wrong with the cache; with all the rest */
    struct tg__object *object;
    void *function;
};

static void report(const struct job *j, char *why, size_t room) {
    char both[2 * TG__REASON + 8];
    const char *first = j->object ? "" : j->why.text, *second = j->aside.text;
    snprintf(both, sizeof both, "%s%s%s", first, *first && *second ? "; " : "", second);
    if (room > 0) tg__clean(both, why, room);
}

static bool is_memory_out(const struct job *j) { return j->g->error.status == TG_MEMORY; }

/* ------------------------------------------------------------------------------------------------------- loading */

/* By the directory's descriptor, where the system has such paths: that is the directory that was checked, whatever its
 * path leads to by now. The loader takes equal paths for the same library, and an object's name has its hash. */
static void *load(const struct tg__folder *f, const char *name) {
    char path[TG__PATH + TG__NAME];
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", f->fd, name);
    if (access(path, F_OK) != 0) snprintf(path, sizeof path, "%s/%s", f->path, name);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static bool take(struct job *j, const struct tg__folder *f, const char *name, struct tg__reason *r) {
    if (!tg__folder_runs(f)) {
        tg__because(r, "the object in '%s' cannot be loaded: that file system is mounted noexec", f->path);
        return false;
    }
    j->object->library = load(f, name);
    if (!j->object->library) {
        const char *said = dlerror();
        tg__because(r, "the object in '%s' cannot be loaded: %s", f->path, said ? said : "no reason was given");
        return false;
    }
    j->function = dlsym(j->object->library, j->symbol);
    if (j->function) return true;
    tg__because(r, "the object has no '%s'", j->symbol);
    dlclose(j->object->library);
    j->object->library = NULL;
    return false;
}

static bool take_kept(struct job *j) {
    char name[TG__NAME];
    tg__cache_name(&j->key, name);
    return take(j, &j->cache, name, &j->aside);
}

/* ----------------------------------------------------------------------------------------------------- compiling */

/* A file that has no name any more, so that nothing is left on the disk if this process is killed. */
static int open_source(struct job *j, const char *s, size_t left) {
    char name[TG__NAME];
    const int fd = tg__folder_create(&j->work, j->key.name, name);
    bool done = fd >= 0 && unlinkat(j->work.fd, name, 0) == 0;
    while (done && left > 0) {
        const ssize_t n = write(fd, s, left < 1 << 30 ? left : 1 << 30);
        if (n < 0 && errno == EINTR) continue;
        done = n >= 0;
        if (done) s += n, left -= (size_t)n;
    }
    if (done) return fd;
    tg__because_of(&j->why, errno, "the source cannot be written in '%s'", j->work.path);
    if (fd >= 0) close(fd);
    return -1;
}

static enum tg__end try_flags(struct job *j, const char *const *flags, const char *output, int source,
                              struct tg__reason *r) {
    enum { MORE = 32 };
    const size_t bytes = (j->compiler.words + MORE) * sizeof(char *);
    const char **word = tg__alloc(j->g, bytes);
    if (!word) return TG__ENDED;
    size_t n = 0;
    for (size_t i = 0; i < j->compiler.words; i++) word[n++] = j->compiler.word[i];
    for (size_t i = 0; flags[i]; i++) word[n++] = flags[i];
    const char *const rest[] = {"-o", output, "-x", "c", "-", "-lm"};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) word[n++] = rest[i];
    word[n] = NULL;
    const struct tg__order order = {j->compiler.path, word, source, j->work.path, j->seconds};
    const enum tg__end end = tg__spawn(j->g, &order, r);
    tg__release(j->g, word, bytes);
    return end;
}

static bool set_key(struct job *j, size_t n) {
    tg__key_free(j->g, &j->key);
    return tg__key_new(j->g, &j->key, &j->compiler, n, j->source, j->length);
}

static enum tg__end try_source(struct job *j, size_t n, int source, struct tg__reason *r) {
    char output[TG__PATH + TG__NAME];
    snprintf(output, sizeof output, "%s/%s", j->work.path, j->key.name);
    r->text[0] = 0;
    return try_flags(j, tg__flags(n), output, source, r);
}

/* The key becomes that of the flags that worked. */
static bool compile(struct job *j) {
    struct tg__reason last = {.text = ""};
    enum tg__end end = TG__REFUSED;
    if (!set_key(j, 0)) return false;
    const int source = open_source(j, j->source, j->length);
    if (source < 0) return false;
    for (size_t n = 0; end == TG__REFUSED && tg__flags(n); n++)
        end = n == 0 || set_key(j, n) ? try_source(j, n, source, &last) : TG__ENDED;
    close(source);
    if (end != TG__DONE) tg__because(&j->why, "%s", last.text);
    return end == TG__DONE;
}

static bool take_new(struct job *j) {
    const int fd = openat(j->work.fd, j->key.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        tg__because_of(&j->why, errno, "the compiler '%s' left no object", j->compiler.path);
        return false;
    }
    bool done = j->cache.fd >= 0 && tg__cache_keep(j->g, &j->cache, fd, &j->key, &j->aside) && take_kept(j);
    close(fd);
    if (!done && !is_memory_out(j)) done = take(j, &j->work, j->key.name, &j->why);
    return done;
}

static bool open_work(struct job *j) {
    struct tg__reason here = {.text = ""};
    if (tg__folder_temporary(&j->work, NULL, &here)) return true;
    if (j->cache.fd >= 0 && tg__folder_temporary(&j->work, j->cache.path, &here)) return true;
    tg__because(&j->why, "%s", here.text);
    return false;
}

static bool make(struct job *j) {
    if (!open_work(j)) return false;
    const bool done = compile(j) && take_new(j);
    tg__folder_close(&j->work);
    return done;
}

/* ------------------------------------------------------------------------------------------------------- looking */

/* Whether the compiler takes the flags of a try. It is asked with an empty program, which takes it no time. */
static bool accepts(struct job *j, size_t n) {
    struct tg__reason why = {.text = ""};
    if (!open_work(j)) return false;
    const int source = open_source(j, "", 0);
    const bool done = source >= 0 && try_source(j, n, source, &why) == TG__DONE;
    if (source >= 0) close(source);
    tg__folder_close(&j->work);
    return done;
}

/* An object that was made without a library is used as long as the compiler lacks that library. */
static bool find(struct job *j) {
    for (size_t n = 0; tg__flags(n); n++) {
        if (!set_key(j, n)) return false;
        if (!tg__cache_has(j->g, &j->cache, &j->key)) continue;
        return !(tg__does_without(n) && accepts(j, n - 1)) && take_kept(j);
    }
    return false;
}

/* ----------------------------------------------------------------------------------------------------- the whole */

static bool run(struct job *j) {
    if (!tg__may_compile(&j->why) || !tg__compile_seconds(j->length, &j->seconds, &j->why)) return false;
    if (!tg__compiler_find(j->g, &j->compiler, &j->why)) return false;
    const bool cached = tg__folder_cache(&j->cache, &j->aside);
    if (cached && find(j)) return true;
    if (cached) j->aside.text[0] = 0; /* an object that cannot be loaded is made again */
    return !is_memory_out(j) && make(j);
}

struct tg__object *tg__jit(tg_graph *g, const char *source, size_t length, const char *symbol, void **function,
                           char *why, size_t room) {
    struct job j = {.g = g, .source = source, .symbol = symbol, .length = length};
    j.cache.fd = j.work.fd = -1;
    j.object = tg__alloc(g, sizeof *j.object);
    if (!j.object) return NULL;
    *j.object = (struct tg__object){.library = NULL};
    if (!run(&j)) {
        tg__release(g, j.object, sizeof *j.object);
        j.object = NULL;
    }
    tg__folder_close(&j.cache);
    tg__key_free(g, &j.key);
    tg__compiler_free(g, &j.compiler);
    report(&j, why, room);
    *function = j.object ? j.function : NULL;
    return j.object;
}

void tg__jit_free(tg_graph *g, struct tg__object *object) {
    if (!object) return;
    dlclose(object->library);
    tg__release(g, object, sizeof *object);
}
