/* One file packed by gzip (RFC 1952), as the bytes that were packed: an archive's entry with a header of its own. Its
 * last eight bytes promise checksum and size, and are believed no more than an archive is. */
#include "zip.h"

enum { FIXED = 10, TRAILER = 8, CHECKED = 2, EXTRA = 4, NAME = 8, COMMENT = 16, KNOWN = 31, DEFLATED = 8 };

bool tg__is_gzip(struct tg__reader *file, bool *is) {
    unsigned char magic[2] = {0};
    if (file->size >= sizeof magic && !tg__read(file, magic, sizeof magic)) return false;
    file->at = 0;
    *is = magic[0] == 0x1f && magic[1] == 0x8b;
    return true;
}

static bool refuse(const struct tg__reader *file, const char *why) {
    return tg__fail_file(file->graph, file->path, "packed by gzip: %s", why) == TG_OK;
}

static bool skip(struct tg__reader *file, size_t bytes, size_t end) {
    if (bytes > end - file->at) return refuse(file, "the header does not end");
    file->at += bytes;
    return true;
}

static bool skip_text(struct tg__reader *file, size_t end) {
    for (char byte = 1; byte != 0;) {
        if (file->at == end) return refuse(file, "the header does not end");
        if (!tg__read(file, &byte, 1)) return false;
    }
    return true;
}

/* The reader stands behind the header afterwards. */
static bool pass_header(struct tg__reader *file, size_t end) {
    unsigned char head[FIXED], length[2];
    if (!tg__read(file, head, sizeof head)) return false;
    const unsigned flags = head[3];
    if (head[2] != DEFLATED || flags & ~(unsigned)KNOWN) return refuse(file, "by a method that is not deflate");
    if (flags & EXTRA) {
        if (end - file->at < sizeof length) return refuse(file, "the header does not end");
        if (!tg__read(file, length, sizeof length) || !skip(file, tg__get16(length), end)) return false;
    }
    if (flags & NAME && !skip_text(file, end)) return false;
    if (flags & COMMENT && !skip_text(file, end)) return false;
    return !(flags & CHECKED) || skip(file, 2, end);
}

bool tg__gzip_open(struct tg__unzip *u, struct tg__reader *file) {
    unsigned char trailer[TRAILER];
    if (file->size < FIXED + TRAILER) return refuse(file, "the file ends too early");
    const size_t end = file->size - TRAILER;
    if (!pass_header(file, end)) return false;
    const size_t data = file->at;
    file->at = end;
    if (!tg__read(file, trailer, sizeof trailer)) return false;
    const struct tg__entry e = {.data = data,
                                .packed = end - data,
                                .crc = tg__get32(trailer),
                                .size = tg__get32(trailer + 4),
                                .method = DEFLATED};
    return tg__unzip_open(u, file, &e, file->path);
}
