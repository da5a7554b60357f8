/* ZIP archives from inside: as much of the format as an archive of .npy files needs. All numbers are little endian.
 *
 *     local header, bytes    one an entry
 *     directory              a line an entry: name, sizes, checksum, where its local header is
 *     zip64 end, locator     only where a number is too large for the end
 *     end                    how many entries, where the directory is
 *
 * A function that gives false has recorded why. */
#ifndef TG_ZIP_H
#define TG_ZIP_H

#include "io.h"

#include <zlib.h>

enum { TG__LOCAL_BYTES = 30, TG__LINE_BYTES = 46, TG__END_BYTES = 22, TG__LOCATOR_BYTES = 20, TG__END64_BYTES = 56 };
enum { TG__LOCAL_MARK = 0x04034b50, TG__LINE_MARK = 0x02014b50, TG__END_MARK = 0x06054b50 };
enum { TG__LOCATOR_MARK = 0x07064b50, TG__END64_MARK = 0x06064b50, TG__ZIP64_FIELD = 1 };
enum { TG__ENTRY_NAME = 65535 }; /* bytes of a name at most */

static inline unsigned tg__get16(const unsigned char *p) { return (unsigned)p[0] | (unsigned)p[1] << 8; }
static inline uint32_t tg__get32(const unsigned char *p) { return tg__get16(p) | (uint32_t)tg__get16(p + 2) << 16; }
static inline uint64_t tg__get64(const unsigned char *p) { return tg__get32(p) | (uint64_t)tg__get32(p + 4) << 32; }

/* ------------------------------------------------------------------------------------------------------- zip.c */

struct tg__entry {
    const char *name; /* in the directory; not terminated */
    size_t length;
    uint64_t packed, size, header; /* bytes in the file, bytes they unpack to, and where the local header is */
    uint64_t data;                 /* where the bytes begin */
    uint32_t crc;
    unsigned flags, method;
};

struct tg__zip {
    struct tg__entry *entries; /* in the directory's order; none overlaps another or leaves the file */
    size_t count;
    unsigned char *directory;
    size_t bytes; /* of the directory */
};

bool tg__zip_open(struct tg__zip *z, struct tg__reader *file);
void tg__zip_close(struct tg__zip *z, tg_graph *g);

/* ----------------------------------------------------------------------------------------------------- unzip.c */

struct tg__unzip {
    struct tg__reader plain;  /* what comes out: read from this. First, so that its unpack finds the rest */
    struct tg__reader packed; /* what goes in */
    z_stream stream;
    bool ended; /* the compressed data said so */
    uint32_t crc, promised;
    unsigned char buffer[16384];
};

bool tg__unzip_open(struct tg__unzip *u, const struct tg__reader *file, const struct tg__entry *e, const char *path);
bool tg__unzip_finish(struct tg__unzip *u); /* nothing is left, and the checksum is right */
void tg__unzip_close(struct tg__unzip *u);

/* ------------------------------------------------------------------------------------------------------ gzip.c */

bool tg__is_gzip(struct tg__reader *file, bool *is); /* false: it cannot be read; else the reader is at the beginning */
bool tg__gzip_open(struct tg__unzip *u, struct tg__reader *file);

/* -------------------------------------------------------------------------------------------------- npz_name.c */

enum { TG__NPZ_PATH = 400 };
/* "file.npz: 'name'", for messages about one array. */
const char *tg__npz_path(const char *path, const char *name, char text[TG__NPZ_PATH]);
size_t tg__npz_entry(const char *name, char *entry); /* entry: NULL to measure, or room for that and a 0 */
void tg__npz_key(const char *entry, size_t length, char *name); /* back; room for length + 1 */
bool tg__npz_distinct(tg_graph *g, const char *path, const tg_array *arrays, size_t count);

#endif
