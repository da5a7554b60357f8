/* One entry of an archive, as the bytes that were put in. Nobody believes the archive: what comes out is as long as was
 * promised, to the byte, and has the checksum that was promised. */
#include "zip.h"

enum { STORED = 0, DEFLATED = 8, AT_ONCE = 1 << 30, HEADER = 16 };

/* Deflate's best is 258 bytes for 2 bits. */
enum { RATIO = 1032 };

/* ----------------------------------------------------------------------------------------------- zlib's memory */

/* Freeing wants the size back, which zlib does not know. */
static voidpf take(voidpf user, uInt items, uInt size) {
    const uint64_t bytes = (uint64_t)items * size + HEADER;
    char *p = bytes < SIZE_MAX ? tg__alloc(user, (size_t)bytes) : NULL;
    if (p == NULL) return Z_NULL;
    memcpy(p, &bytes, sizeof bytes);
    return p + HEADER;
}

static void give(voidpf user, voidpf block) {
    uint64_t bytes;
    memcpy(&bytes, (char *)block - HEADER, sizeof bytes);
    tg__release(user, (char *)block - HEADER, (size_t)bytes);
}

/* --------------------------------------------------------------------------------------------------- unpacking */

static void count_in(struct tg__unzip *u, const void *data, size_t bytes) {
    u->crc = (uint32_t)crc32_z(u->crc, data, bytes);
    u->plain.at += bytes;
}

static bool copy(struct tg__reader *r, void *data, size_t bytes) {
    struct tg__unzip *u = (struct tg__unzip *)r;
    if (!tg__read(&u->packed, data, bytes)) return false;
    count_in(u, data, bytes);
    return true;
}

static bool exhausted(const struct tg__unzip *u) {
    return u->ended || (u->stream.avail_in == 0 && u->packed.at == u->packed.size);
}

/* Up to `room` bytes; *made may be 0 where there is more to come. */
static bool inflate_some(struct tg__unzip *u, void *data, size_t room, size_t *made) {
    z_stream *z = &u->stream;
    const size_t left = u->packed.size - u->packed.at, most = left < sizeof u->buffer ? left : sizeof u->buffer;
    if (z->avail_in == 0 && most > 0) {
        if (!tg__read(&u->packed, u->buffer, most)) return false;
        z->next_in = u->buffer;
        z->avail_in = (uInt)most;
    }
    const uInt window = (uInt)(room < AT_ONCE ? room : AT_ONCE);
    z->next_out = data;
    z->avail_out = window;
    const int status = inflate(z, Z_NO_FLUSH);
    *made = window - z->avail_out;
    if (status == Z_MEM_ERROR) return false;
    u->ended = status == Z_STREAM_END;
    if (u->ended || status == Z_OK || status == Z_BUF_ERROR) return true;
    return tg__fail_file(u->plain.graph, u->plain.path, "byte %zu: cannot be inflated: %s", u->plain.at + *made,
                         z->msg != NULL ? z->msg : "bad data") == TG_OK;
}

static bool expand(struct tg__reader *r, void *data, size_t bytes) {
    struct tg__unzip *u = (struct tg__unzip *)r;
    for (size_t made; bytes > 0; bytes -= made, data = (char *)data + made) {
        const bool last = exhausted(u);
        if (!inflate_some(u, data, bytes, &made)) return false;
        if (made == 0 && last)
            return tg__fail_file(r->graph, r->path, "inflates to %zu bytes; %zu are promised", r->at, r->size) == TG_OK;
        count_in(u, data, made);
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------------- an entry */

static bool promise(const struct tg__unzip *u, const struct tg__entry *e) {
    tg_graph *g = u->plain.graph;
    const char *path = u->plain.path;
    const unsigned long long size = e->size, packed = e->packed;
    if (e->method == STORED && size != packed)
        return tg__fail_file(g, path, "%llu bytes are stored, %llu are promised", packed, size) == TG_OK;
    if (size / RATIO > packed || size > PTRDIFF_MAX)
        return tg__fail_file(g, path, "%llu bytes are promised from %llu, but deflate makes at most %d of one", size,
                             packed, RATIO) == TG_OK;
    if (e->method == STORED || e->method == DEFLATED) return true;
    return tg__fail_file(g, path, "compressed by method %u; what is read is stored (0) and deflate (8)", e->method) ==
           TG_OK;
}

bool tg__unzip_open(struct tg__unzip *u, const struct tg__reader *file, const struct tg__entry *e, const char *path) {
    u->plain = u->packed = (struct tg__reader){.graph = file->graph, .path = path, .fd = file->fd};
    u->packed.start = (size_t)e->data;
    u->packed.size = (size_t)e->packed;
    u->plain.size = (size_t)e->size;
    u->plain.unpack = e->method == STORED ? copy : expand;
    u->promised = e->crc;
    u->crc = 0;
    u->ended = e->method == STORED;
    u->stream = (z_stream){.zalloc = take, .zfree = give, .opaque = file->graph};
    if (!promise(u, e)) return false;
    if (e->method == STORED || inflateInit2(&u->stream, -MAX_WBITS) == Z_OK) return true;
    return tg__fail_file(file->graph, path, "zlib refuses to work: %s", zError(Z_VERSION_ERROR)) == TG_OK;
}

bool tg__unzip_finish(struct tg__unzip *u) {
    tg_graph *g = u->plain.graph;
    const char *path = u->plain.path;
    char more;
    for (size_t made = 0; !u->ended;) {
        const bool last = exhausted(u);
        if (!inflate_some(u, &more, 1, &made)) return false;
        if (made > 0)
            return tg__fail_file(g, path, "inflates to more than the %zu bytes that are promised", u->plain.size) ==
                   TG_OK;
        if (last && !u->ended) return tg__fail_file(g, path, "the compressed data do not end") == TG_OK;
    }
    const size_t behind = u->packed.size - u->packed.at + u->stream.avail_in;
    if (behind > 0) return tg__fail_file(g, path, "%zu bytes too many behind the compressed data", behind) == TG_OK;
    if (u->crc == u->promised) return true;
    return tg__fail_file(g, path, "checksum (CRC-32) %08x, but %08x is promised: the file is damaged", (unsigned)u->crc,
                         (unsigned)u->promised) == TG_OK;
}

void tg__unzip_close(struct tg__unzip *u) { inflateEnd(&u->stream); }
