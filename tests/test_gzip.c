/* Tables packed by gzip: read as if they were not; damaged, cut or lying ones are refused. */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

static char path[64];
static tg_graph *g;

static void setup(void) {
    snprintf(path, sizeof path, "/tmp/table.%d.csv.gz", (int)getpid());
    g = tg_graph_new();
}
static void teardown(void) {
    tg_graph_free(g);
    remove(path);
}
TestSuite(gzip, .init = setup, .fini = teardown, .timeout = 60);

enum { ROOM = 1 << 16 };

/* with: a header with an extra field, a name, a comment and a checksum. */
static size_t pack(const char *text, bool with, unsigned char *packed) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)strlen(text)};
    gz_header header = {.extra = (Bytef *)(uintptr_t) "extra",
                        .extra_len = 5,
                        .name = (Bytef *)(uintptr_t) "table.csv",
                        .comment = (Bytef *)(uintptr_t) "a comment",
                        .hcrc = 1};
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    if (with) cr_assert_eq(deflateSetHeader(&z, &header), Z_OK);
    z.next_out = packed;
    z.avail_out = ROOM;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    const size_t size = z.total_out;
    deflateEnd(&z);
    return size;
}

static tg_status read_bytes(const unsigned char *bytes, size_t count, tg_table *t) {
    FILE *file = fopen(path, "wb");
    cr_assert_eq(fwrite(bytes, 1, count, file), count);
    cr_assert_eq(fclose(file), 0);
    return tg_read_csv(g, path, t);
}

static const char text[] = "a,b\n1,2\n3,4.5\n-6e3,7\n";

Test(gzip, as_if_it_were_not) {
    static unsigned char packed[ROOM];
    for (int with = 0; with < 2; with++) {
        tg_table t;
        cr_assert_eq(read_bytes(packed, pack(text, with, packed), &t), TG_OK, "%s", tg_message(g));
        cr_assert(t.rows == 3 && t.columns == 2);
        cr_assert_str_eq(t.names[1], "b");
        cr_assert(t.data[3] == 4.5 && t.data[4] == -6000);
    }
}

Test(gzip, cut_anywhere) {
    static unsigned char packed[ROOM];
    for (int with = 0; with < 2; with++) {
        const size_t size = pack(text, with, packed);
        for (size_t cut = 2; cut < size; cut++) {
            tg_table t;
            cr_assert_eq(read_bytes(packed, cut, &t), TG_FILE, "cut at %zu of %zu", cut, size);
            cr_assert_null(t.data);
        }
    }
}

static void refused(unsigned char *bytes, size_t size, size_t at, unsigned char flip, const char *says) {
    tg_table t;
    bytes[at] ^= flip;
    cr_assert_eq(read_bytes(bytes, size, &t), TG_FILE, "byte %zu", at);
    cr_assert(strstr(tg_message(g), says), "\"%s\" is not in \"%s\"", says, tg_message(g));
    bytes[at] ^= flip;
}

Test(gzip, lies) {
    static unsigned char packed[ROOM];
    const size_t size = pack(text, false, packed);
    refused(packed, size, size - 8, 1, "checksum");
    refused(packed, size, size - 4, 1, "inflates to");
    refused(packed, size, size - 4, 2, "inflates to");
    refused(packed, size, size - 1, 0x40, "deflate makes at most"); /* a gigabyte of twenty bytes */
    refused(packed, size, 2, 1, "by a method that is not deflate");
    refused(packed, size, 3, 0x80, "by a method that is not deflate");
    refused(packed, size, 3, 4, "the header does not end");
    packed[size] = 'x';
    refused(packed, size + 1, size, 0, ""); /* bytes behind it */
}

/* Thousands of blocks of no bytes, before the table or behind it: more of them than are read at once. */
static size_t with_empty_blocks(unsigned char *packed, bool before, unsigned char final) {
    enum { BLOCKS = 7000 };
    static const unsigned char head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, none[] = {0, 0, 0, 0xff, 0xff};
    const uLong crc = crc32(0, (const Bytef *)text, sizeof text - 1);
    const unsigned n = sizeof text - 1;
    unsigned char *at = memcpy(packed, head, sizeof head);
    at += sizeof head;
    for (int i = 0; i < BLOCKS && before; i++, at += sizeof none) memcpy(at, none, sizeof none);
    memcpy(at, (const unsigned char[]){0, (unsigned char)n, 0, (unsigned char)~n, 0xff}, 5);
    memcpy(at + 5, text, n);
    at += 5 + n;
    for (int i = 0; i < BLOCKS && !before; i++, at += sizeof none) memcpy(at, none, sizeof none);
    memcpy(at, none, sizeof none);
    *at = final;
    at += sizeof none;
    for (int i = 0; i < 4; i++) *at++ = (unsigned char)(crc >> 8 * i & 0xff);
    memcpy(at, (const unsigned char[]){(unsigned char)n, 0, 0, 0}, 4);
    return (size_t)(at + 4 - packed);
}

Test(gzip, blocks_without_a_byte) {
    static unsigned char packed[ROOM];
    tg_table t;
    for (int before = 0; before < 2; before++) {
        size_t size = with_empty_blocks(packed, before, 1);
        cr_assert_eq(read_bytes(packed, size, &t), TG_OK, "%s", tg_message(g));
        cr_assert(t.rows == 3 && t.columns == 2 && t.data[5] == 7);
        size = with_empty_blocks(packed, before, 7); /* a last block of a kind that there is not */
        refused(packed, size, 0, 0, "cannot be inflated: invalid block type");
        size = with_empty_blocks(packed, before, 0);
        refused(packed, size, 0, 0, "the compressed data do not end");
    }
}

Test(gzip, the_digits) {
    tg_table t;
    if (access(SOURCE "/examples/data/digits.csv.gz", R_OK) != 0) cr_skip("no digits here");
    cr_assert_eq(tg_read_csv(g, SOURCE "/examples/data/digits.csv.gz", &t), TG_OK, "%s", tg_message(g));
    cr_assert(t.rows == 1797 && t.columns == 65 && !t.names);
    double sum = 0;
    for (size_t i = 0; i < t.rows * t.columns; i++) sum += t.data[i];
    cr_assert_eq(sum, 569788);
}
