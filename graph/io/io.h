/* Files from inside: a reader that knows the true size before anything is allocated, a writer that replaces a file
 * whole or not at all. Regular files only. A function that gives false has recorded why. */
#ifndef TG_IO_H
#define TG_IO_H

#include "graph.h"

/* ------------------------------------------------------------------------------------------------------ file.c */

/* Of a whole file, or of a part of one: then its bytes may have to be unpacked on their way. */
struct tg__reader {
    tg_graph *graph;
    const char *path; /* as messages name it */
    int fd;
    size_t size, at;  /* of the file when it was opened, or of the part; of the next byte in it */
    size_t start;     /* of the part in the file */
    bool (*unpack)(struct tg__reader *r, void *data, size_t bytes); /* NULL: the bytes are as the file has them */
};

bool tg__read_open(struct tg__reader *r, tg_graph *g, const char *path);
bool tg__read(struct tg__reader *r, void *data, size_t bytes); /* all of them */
void tg__read_close(struct tg__reader *r);

/* Written to a temporary file beside `path`, which takes its name at the commit. After a failure the temporary file is
 * gone, further writes do nothing and the commit gives false: so only the open and the commit need be looked at. */
struct tg__writer {
    tg_graph *graph;
    const char *path;
    char *temp; /* NULL: committed, abandoned or failed */
    size_t temp_bytes, used;
    int fd;
    char buffer[8192];
};

bool tg__write_open(struct tg__writer *w, tg_graph *g, const char *path);
void tg__write(struct tg__writer *w, const void *data, size_t bytes);
bool tg__write_finish(struct tg__writer *w); /* all is on the disk: what the commit can still fail at is the name */
bool tg__write_commit(struct tg__writer *w);
bool tg__write_commit_both(struct tg__writer *a, struct tg__writer *b); /* both get their names, or neither does */
void tg__write_abandon(struct tg__writer *w);

/* The beginning of `length` bytes out of a file, fit for a message. */
const char *tg__excerpt(const char *from, size_t length, char *text, size_t room);

/* ------------------------------------------------------------------------------------------------ npy_header.c */

struct tg__npy {
    tg_dtype dtype; /* that it is read as */
    size_t item;    /* bytes of an element in the file */
    bool swapped;   /* its byte order is not this machine's */
    bool fortran;
    tg_shape shape; /* dimensions are not negative; their product is not checked */
};

#define TG__NPY_MAGIC "\x93NUMPY"
enum { TG__NPY_ROOM = 384, TG__BIG_HOST = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ };

bool tg__npy_parse(struct tg__reader *r, const char *text, size_t length, struct tg__npy *npy); /* r stands behind it */
size_t tg__npy_format(char header[TG__NPY_ROOM], tg_dtype dtype, const tg_shape *shape);        /* its length */
void tg__npy_swap(void *data, size_t item, size_t count);

/* ----------------------------------------------------------------------------------------- npy_read.c npy_write.c */

/* All of r is one .npy file. The data are kept by the graph; the name is the caller's to give. */
bool tg__npy_read(struct tg__reader *r, tg_array *array);

/* The array's shape, or NULL: it cannot be written, and the message names it as `path`. */
const struct tg__shape *tg__npy_check(tg_graph *g, const char *path, const tg_array *array);

/* What takes bytes: a file, or a checksum of what will be in one. */
struct tg__drain {
    void (*put)(void *to, const void *bytes, size_t count);
    void *to;
};
size_t tg__npy_pour(const struct tg__drain *drain, const tg_array *array, size_t count); /* how many bytes it were */

#endif
