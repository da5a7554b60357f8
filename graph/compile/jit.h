/* The jit from inside. All of the compiler that needs processes, a file system or a loader is in these files, and a
 * build without them leaves them out:
 *
 *   compiler  $CC in words, the program behind it, its flags
 *   key       what an object is made from, as text that is kept in the object; its hash is the object's name
 *   folder    a directory in which nobody else writes: the cache, or a temporary one
 *   cache     objects that are kept: looked for, checked, brought there, dropped
 *   spawn     a compiler at work
 *   jit       all of it
 */
#ifndef TG_JIT_H
#define TG_JIT_H

#include "compile.h"

enum { TG__PATH = 4096, TG__REASON = 1024, TG__NAME = 80 };

/* Why something could not be, in one line: the first reason stays. */
struct tg__reason {
    char text[TG__REASON];
};
void tg__because(struct tg__reason *r, const char *format, ...) TG_FORMAT_(2, 3);
void tg__because_of(struct tg__reason *r, int error, const char *format, ...) TG_FORMAT_(3, 4); /* errno is added */

/* -------------------------------------------------------------------------------------------------- compiler.c */

struct tg__compiler {
    char *text; /* $CC, cut into words */
    size_t bytes;
    const char **word; /* NULL at the end */
    size_t words;
    char path[TG__PATH]; /* of the first */
};
bool tg__compiler_find(tg_graph *g, struct tg__compiler *c, struct tg__reason *r);
void tg__compiler_free(tg_graph *g, struct tg__compiler *c);
bool tg__command_path(const char *word, char path[TG__PATH]); /* where $PATH has it */
/* The flags of the n-th try, and NULL at the end; NULL: there is no such try. A compiler that does not know the flags
 * of one will know those of a later one. */
const char *const *tg__flags(size_t n);

/* ------------------------------------------------------------------------------------------------------- key.c */

struct tg__key {
    char *text;
    size_t length;
    char name[TG__NAME];
};
bool tg__key_new(tg_graph *g, struct tg__key *k, const struct tg__compiler *c, const char *source, size_t length);
void tg__key_free(tg_graph *g, struct tg__key *k);
void tg__hash(const void *bytes, size_t count, uint64_t hash[2]); /* of 128 bits; nothing is trusted because of it */

/* ---------------------------------------------------------------------------------------------------- folder.c */

struct tg__folder {
    int fd;
    bool temporary;
    char path[TG__PATH];
};
bool tg__folder_cache(struct tg__folder *f, struct tg__reason *r); /* false, no reason: none is wanted */
bool tg__folder_temporary(struct tg__folder *f, const char *base, struct tg__reason *r); /* base NULL: TMPDIR's */
void tg__folder_close(struct tg__folder *f); /* a temporary one is removed, with all files in it */
bool tg__folder_runs(const struct tg__folder *f); /* false: nothing in it can be loaded (noexec) */
int tg__folder_create(const struct tg__folder *f, const char *stem, char name[TG__NAME]); /* a new file; -1: errno */
int tg__aside(int fd); /* the same file, closed on exec, and not in the place of stdin, stdout or stderr */

/* ----------------------------------------------------------------------------------------------------- cache.c */

void tg__cache_name(const struct tg__key *k, char name[TG__NAME]);
/* Whether f has it: nobody else's, whole, and made from this very key. */
bool tg__cache_has(tg_graph *g, const struct tg__folder *f, const struct tg__key *k);
/* Copies an object there, with what it was made from behind it. false: an error in g, or a reason. */
bool tg__cache_keep(tg_graph *g, const struct tg__folder *f, int object, const struct tg__key *k, struct tg__reason *r);

/* ----------------------------------------------------------------------------------------------------- spawn.c */

enum tg__end {
    TG__DONE,
    TG__REFUSED,
    TG__ENDED
}; /* TG__REFUSED: it ran, and said no. TG__ENDED: it did not run well */

/* Runs path with these words, `in` as its stdin from the start, and `work` as its TMPDIR. What is not TG__DONE has a
 * reason, or an error in g. */
enum tg__end tg__spawn(tg_graph *g, const char *path, const char *const *word, int in, const char *work,
                       struct tg__reason *r);

#endif
