/* The jit from inside. All of the compiler that needs processes, a file system or a loader is in these files, and a
 * build without them leaves them out:
 *
 *   permit    whether this process may compile, and how long that may take
 *   compiler  $CC in words, the program that it names, its flags
 *   key       what an object is made from, as text that is kept in the object; its hash is the object's name
 *   folder    a directory in which nobody else writes: the cache, or a temporary one
 *   cache     objects that are kept: looked for, checked, brought there, dropped
 *   spawn     runs a compiler and says what came of it
 *   attend    hears what it says, waits for its end, and stops it when its time is up
 *   jit       all of these in order
 *   reason    why something could not be done
 */
#ifndef TG_JIT_H
#define TG_JIT_H

#include "compile.h"

#include <sys/types.h>

enum { TG__PATH = 4096, TG__REASON = 1024, TG__NAME = 80 };

/* ---------------------------------------------------------------------------------------------------- reason.c */

struct tg__reason {
    char text[TG__REASON]; /* "": none */
};
void tg__because(struct tg__reason *r, const char *format, ...) TG_FORMAT_(2, 3);
void tg__because_of(struct tg__reason *r, int error, const char *format, ...) TG_FORMAT_(3, 4); /* adds errno's text */

/* ---------------------------------------------------------------------------------------------------- permit.c */

bool tg__may_compile(struct tg__reason *r);
/* For how long a compiler may run on a source of that length; INFINITY: for ever. false: the environment is wrong. */
bool tg__compile_seconds(size_t length, double *seconds, struct tg__reason *r);

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
bool tg__does_without(size_t n); /* whether it is the try before it without the last flag, which asks for a library */

/* ------------------------------------------------------------------------------------------------------- key.c */

struct tg__key {
    char *text;
    size_t length;
    char name[TG__NAME];
};
/* With the flags of the n-th try. */
bool tg__key_new(tg_graph *g, struct tg__key *k, const struct tg__compiler *c, size_t n, const char *source,
                 size_t length);
void tg__key_free(tg_graph *g, struct tg__key *k);
void tg__hash(const void *bytes, size_t count, uint64_t hash[2]); /* 128 bits, for names; it is no proof of origin */

/* ---------------------------------------------------------------------------------------------------- folder.c */

struct tg__folder {
    int fd;
    bool temporary;
    char path[TG__PATH];
};
bool tg__folder_cache(struct tg__folder *f, struct tg__reason *r); /* false without a reason: the user wants none */
bool tg__folder_temporary(struct tg__folder *f, const char *base, struct tg__reason *r); /* base NULL: TMPDIR's */
void tg__folder_close(struct tg__folder *f);      /* a temporary one is removed, with all that is in it */
bool tg__folder_runs(const struct tg__folder *f); /* false: nothing in it can be loaded (noexec) */
int tg__folder_create(const struct tg__folder *f, const char *stem, char name[TG__NAME]); /* a new file; -1: errno */
int tg__aside(int fd); /* the same file, closed on exec, and never as descriptor 0, 1 or 2 */

/* ----------------------------------------------------------------------------------------------------- cache.c */

void tg__cache_name(const struct tg__key *k, char name[TG__NAME]);
/* Whether f has it: owned by this user, whole, and made from exactly this key. */
bool tg__cache_has(tg_graph *g, const struct tg__folder *f, const struct tg__key *k);
/* Copies an object there, followed by the key it was made from. false: an error in g, or a reason. */
bool tg__cache_keep(tg_graph *g, const struct tg__folder *f, int object, const struct tg__key *k, struct tg__reason *r);

/* ----------------------------------------------------------------------------------------------------- spawn.c */

enum tg__end {
    TG__DONE,
    TG__REFUSED, /* the compiler ran and failed: other flags may suit it */
    TG__ENDED    /* it could not be started, or was ended before it was done */
};

struct tg__order {
    const char *path;        /* of the program */
    const char *const *word; /* its arguments, NULL at the end */
    int in;                  /* a file that it reads from its start, as stdin */
    const char *work;        /* its TMPDIR */
    double seconds;          /* after which it is stopped */
};

/* What is not TG__DONE has a reason, or an error in g. */
enum tg__end tg__spawn(tg_graph *g, const struct tg__order *o, struct tg__reason *r);

/* ---------------------------------------------------------------------------------------------------- attend.c */

enum { TG__SAID = 2048 };

struct tg__child {
    pid_t pid;
    int listen; /* the end of the pipe from which its messages are read; -1: closed */
    bool gone, late;
    bool unknown; /* it has ended, but how is not known */
    int status;   /* as waitpid gives it */
    size_t length;
    char said[TG__SAID];
};
void tg__attend(struct tg__child *c, double seconds); /* late: it was stopped */

#endif
