/* What the tests of .npz files share: archives made byte by byte, with whatever lies in them. */
#ifndef TESTS_ZIP_BYTES_H
#define TESTS_ZIP_BYTES_H

#include "npy_bytes.h"

#include <zlib.h>

enum { STORED = 0, DEFLATED = 8, ARCHIVE = 1 << 16 };

struct packing {
    const char *name;
    int method;
    const void *bytes; /* as they stand in the archive */
    size_t packed, size;
    uint32_t crc;
};

struct archive {
    unsigned char bytes[ARCHIVE];
    size_t length;
    size_t local[8], line[8], directory, end; /* where they begin */
    size_t count;
};

/* The checksum bit by bit, as the standard has it. */
static inline uint32_t slow_crc(const void *data, size_t count) {
    uint32_t crc = 0xffffffff;
    for (const unsigned char *p = data; count > 0; count--, p++) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

static inline void number_at(unsigned char *p, uint64_t v, size_t bytes) {
    for (; bytes > 0; bytes--, v >>= 8) *p++ = (unsigned char)(v & 0xff);
}

static inline void add_number(struct archive *a, uint64_t v, size_t bytes) {
    number_at(a->bytes + a->length, v, bytes);
    a->length += bytes;
}

static inline void add_bytes(struct archive *a, const void *bytes, size_t count) {
    memcpy(a->bytes + a->length, bytes, count);
    a->length += count;
}

static inline void add_header(struct archive *a, const struct packing *p, bool line) {
    add_number(a, line ? 0x02014b50 : 0x04034b50, 4);
    if (line) add_number(a, 20, 2);
    add_number(a, 20, 2);
    add_number(a, 0, 2);
    add_number(a, (uint64_t)p->method, 2);
    add_number(a, 0, 4);
    add_number(a, p->crc, 4);
    add_number(a, p->packed, 4);
    add_number(a, p->size, 4);
    add_number(a, strlen(p->name), 2);
    add_number(a, 0, 2);
}

static inline void add_end(struct archive *a) {
    a->end = a->length;
    add_number(a, 0x06054b50, 4);
    add_number(a, 0, 4);
    add_number(a, a->count, 2);
    add_number(a, a->count, 2);
    add_number(a, a->end - a->directory, 4);
    add_number(a, a->directory, 4);
    add_number(a, 0, 2);
}

static inline void pack(struct archive *a, const struct packing *p, size_t count) {
    *a = (struct archive){.count = count};
    for (size_t i = 0; i < count; i++) {
        a->local[i] = a->length;
        add_header(a, &p[i], false);
        add_bytes(a, p[i].name, strlen(p[i].name));
        add_bytes(a, p[i].bytes, p[i].packed);
    }
    a->directory = a->length;
    for (size_t i = 0; i < count; i++) {
        a->line[i] = a->length;
        add_header(a, &p[i], true);
        add_number(a, 0, 2 + 2 + 2 + 4);
        add_number(a, a->local[i], 4);
        add_bytes(a, p[i].name, strlen(p[i].name));
    }
    add_end(a);
}

static inline struct packing stored(const char *name, const void *npy, size_t count) {
    return (struct packing){name, STORED, npy, count, count, slow_crc(npy, count)};
}

/* to: room for the compressed bytes. */
static inline struct packing deflated(const char *name, const void *npy, size_t count, void *to, size_t room) {
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)npy, .next_out = to};
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.avail_in = (uInt)count;
    z.avail_out = (uInt)room;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    const size_t packed = z.total_out;
    deflateEnd(&z);
    return (struct packing){name, DEFLATED, to, packed, count, slow_crc(npy, count)};
}

/* A .npy file of a few doubles. */
static inline size_t doubles_npy(char *file, const double *v, size_t count) {
    char header[128];
    snprintf(header, sizeof header, "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu,), }\n", count);
    return build(file, 1, header, v, count * sizeof *v);
}

/* ------------------------------------------------------------------------------------------------------- reading */

/* A new file each time: one that is cut to nothing first waits for the disk. */
static inline void put_new(const char *path, const void *bytes, size_t count) {
    remove(path);
    put(path, bytes, count);
}

static inline const tg_array *npz_ok(const void *file, size_t length, size_t count) {
    const tg_array *a;
    size_t n;
    put_new("x.npz", file, length);
    cr_assert_eq(tg_read_npz(g, "x.npz", &a, &n), TG_OK, "%s", tg_message(g));
    cr_assert_eq(n, count);
    return a;
}

static inline void npz_refused(const void *file, size_t length, const char *says) {
    const tg_array *a = &(tg_array){.name = "old"};
    size_t n = 7;
    put_new("x.npz", file, length);
    cr_assert_eq(tg_read_npz(g, "x.npz", &a, &n), TG_FILE, "%s: read", says);
    cr_assert(a == NULL && n == 0);
    cr_assert_eq(strncmp(tg_message(g), "x.npz: ", 7), 0, "%s", tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), says), "'%s' is not in: %s", says, tg_message(g));
}

#endif
