/* .npz files that are refused: entries that lie, overlap, explode, or are something else. */
#include "zip_bytes.h"

TestSuite(npz_hostile, .init = setup, .fini = teardown, .timeout = 60);

static char npy[4096], npy2[256];
static size_t length, length2;
static struct archive a;

static void two(void) {
    length = doubles_npy(npy, (double[]){1, 2, 3}, 3);
    length2 = doubles_npy(npy2, (double[]){4}, 1);
    pack(&a, (struct packing[]){stored("a.npy", npy, length), stored("b.npy", npy2, length2)}, 2);
}

static void patched(size_t at, uint64_t number, size_t bytes, const char *says) {
    unsigned char before[8];
    memcpy(before, a.bytes + at, bytes);
    number_at(a.bytes + at, number, bytes);
    npz_refused(a.bytes, a.length, says);
    memcpy(a.bytes + at, before, bytes);
    npz_ok(a.bytes, a.length, a.count);
}

Test(npz_hostile, directory) {
    two();
    npz_ok(a.bytes, a.length, 2);
    patched(a.end + 4, 1, 2, "one disk of an archive of several");
    patched(a.end + 6, 1, 2, "one disk of an archive of several");
    patched(a.end + 8, 1, 2, "one disk of an archive of several");
    patched(a.end + 10, 1, 2, "one disk of an archive of several");
    patched(a.end + 8, 0x00010001, 4, "the directory of the archive is longer than its entries");
    patched(a.end + 8, 0x00030003, 4, "3 entries are promised, but the directory has 102 bytes");
    patched(a.end + 8, 0xfffffffe, 4, "one disk");
    patched(a.end + 8, 0xffffffff, 4, "65535 entries are promised");
    patched(a.end + 12, 0, 4, "not where it is said to be");
    patched(a.end + 12, 0xffffffff, 4, "not where it is said to be");
    patched(a.end + 16, 0xffffffff, 4, "not where it is said to be");
    patched(a.end + 16, a.directory - 1, 4, "not where it is said to be");
    patched(a.end + 20, 1, 2, "does not end like a .npz file");
    patched(a.line[1], 0, 4, "the directory of the archive is damaged");
    patched(a.line[1] + 28, 0xffff, 2, "the directory of the archive is damaged");
    patched(a.line[1] + 30, 0xffff, 2, "the directory of the archive is damaged");
    patched(a.line[1] + 32, 0xffff, 2, "the directory of the archive is damaged");
    patched(a.line[1] + 28, 4, 2, "entry 'b.np' is not a .npy file");
}

Test(npz_hostile, entries) {
    two();
    patched(a.line[0] + 8, 1, 2, "entry 'a.npy' is encrypted");
    patched(a.local[0] + 6, 1, 2, "entry 'a.npy' is not what the directory of the archive says");
    patched(a.line[0] + 10, 12, 2, "not what the directory");
    patched(a.line[0] + 16, 0, 4, "not what the directory");
    patched(a.line[0] + 20, length - 1, 4, "not what the directory");
    patched(a.line[0] + 24, length - 1, 4, "not what the directory");
    patched(a.line[0] + 24, UINT32_MAX, 4, "entry 'a.npy' has a damaged extra field");
    patched(a.line[0] + 34, 1, 2, "entry 'a.npy' is on another disk");
    patched(a.line[0] + 42, 1, 4, "not what the directory");
    patched(a.line[0] + 42, a.directory, 4, "entry 'a.npy' lies outside");
    patched(a.line[0] + 42, UINT32_MAX - 1, 4, "entry 'a.npy' lies outside");
    patched(a.line[0] + 20, a.directory, 4, "entry 'a.npy' lies outside");
    patched(a.line[0] + 46, '/', 1, "entry '/.npy' is not what");
    patched(a.line[0] + 46, 0, 1, "has a 0 byte in its name");
    patched(a.local[0], 0, 4, "not what the directory");
    patched(a.local[0] + 26, 4, 2, "not what the directory");
    patched(a.local[0] + 28, 0xffff, 2, "lies outside");
    patched(a.local[0] + 28, 2, 2, "x.npz: "); /* the data begin elsewhere */
    patched(a.local[0] + 35 + length - 1, 0x7f, 1, "x.npz: 'a': checksum (CRC-32) ");
    patched(a.local[0] + 35, 'x', 1, "x.npz: 'a': byte 0: does not begin like a .npy file");
}

/* Both lies the same, in the header and in the directory: sizes, checksum, method. */
static void lie(struct packing p, const char *says) {
    pack(&a, &p, 1);
    npz_refused(a.bytes, a.length, says);
}

Test(npz_hostile, lies_about_what_is_inside) {
    static char packed[4096];
    static const double many[400];
    two();
    struct packing p = stored("a.npy", npy, length);
    p.crc++;
    lie(p, "checksum (CRC-32) ");
    p = stored("a.npy", npy, length);
    p.size++;
    lie(p, "'a': 92 bytes are stored, 93 are promised");
    lie(stored("a.npy", npy, length - 1), "23 bytes of data");
    lie(stored("a.npy", npy, length + 3), "3 bytes too many");
    p = stored("a.npy", npy, length);
    p.method = 12;
    lie(p, "'a': compressed by method 12; what is read is stored (0) and deflate (8)");
    p.method = DEFLATED;
    lie(p, "'a': inflates to 6 bytes; 92 are promised");
    lie((struct packing){"a.npy", DEFLATED, "\7\7\7", 3, 92, 0}, "'a': byte 0: cannot be inflated: invalid block type");

    length = doubles_npy(npy, many, 400);
    const struct packing good = deflated("a.npy", npy, length, packed, sizeof packed);
    pack(&a, &good, 1);
    npz_ok(a.bytes, a.length, 1);
    p = good;
    p.size -= 8;
    lie(p, "but 3192 bytes of data");
    p = good;
    p.size = 1032 * p.packed + 1032;
    lie(p, "but deflate makes at most 1032 of one");
    p.packed -= 3;
    p.size = good.size;
    lie(p, "x.npz: 'a': ");
    p = good;
    p.crc ^= 0x80000000;
    lie(p, "checksum (CRC-32)");
    memcpy(packed + good.packed, "tail", 4);
    p = good;
    p.packed += 4;
    lie(p, "4 bytes too many behind the compressed data");
}

/* More or less comes out than was promised, and the .npy header promises as little, or as much. */
Test(npz_hostile, inflates_to_another_length) {
    static char packed[4096], more[4096];
    static const double many[300];
    length = doubles_npy(npy, many, 100);
    const size_t header = length - 800;
    memcpy(more, npy, header);
    memset(more + header, 0, 2400);
    struct packing p = deflated("a.npy", more, header + 2400, packed, sizeof packed);
    p.size = length;
    lie(p, "inflates to more than the ");
    memcpy(npy, more, header);
    p = deflated("a.npy", npy, length - 100, packed, sizeof packed);
    p.size = length;
    lie(p, "'a': inflates to 770 bytes; 870 are promised");
}

/* A small file that would unpack to a large one by reading the same bytes many times. */
Test(npz_hostile, bombs) {
    two();
    number_at(a.bytes + a.line[1] + 42, a.local[0], 4);
    a.bytes[a.line[1] + 46] = 'a';
    memcpy(a.bytes + a.line[1] + 16, a.bytes + a.line[0] + 16, 12);
    npz_refused(a.bytes, a.length, "entry 'a.npy' shares bytes with another entry");

    /* The second entry is data of the first. */
    static struct archive inner;
    static char shell[1024];
    pack(&inner, (struct packing[]){stored("b.npy", npy2, length2)}, 1);
    memcpy(shell, inner.bytes, inner.directory);
    pack(&a, (struct packing[]){stored("a.npy", shell, inner.directory), stored("b.npy", npy2, length2)}, 2);
    number_at(a.bytes + a.line[1] + 42, a.local[0] + 35, 4);
    npz_refused(a.bytes, a.length, "entry 'b.npy' shares bytes with another entry");
}

/* A file of 100 bytes that promises gigabytes costs no gigabytes. */
Test(npz_hostile, promises_cost_nothing) {
    struct heap heap = {0};
    tg_graph *own = tg_graph_new_with(heap_allocator(&heap));
    const size_t before = heap.live;
    struct packing p = {"a.npy", DEFLATED, "\3\0", 2, 0xfffffff0, 0};
    const tg_array *arrays;
    size_t count;
    pack(&a, &p, 1);
    put("x.npz", a.bytes, a.length);
    cr_assert_eq(tg_read_npz(own, "x.npz", &arrays, &count), TG_FILE);
    cr_assert_eq(heap.live, before);
    tg_graph_free(own);
    npz_refused(a.bytes, a.length, "4294967280 bytes are promised from 2");
}

Test(npz_hostile, names) {
    char key[64];
    static const char *const names[][2] = {{"../../x.npy", "../../x"}, {"/etc/x.npy", "/etc/x"}, {".npy", ""},
                                           {"%2E./x.npy", "../x"},     {"%41.npy", "%41"},       {"%00.npy", "%00"},
                                           {"a%2.npy", "a%2"},         {"%%2E.npy", "%%2E"},     {"a%2Fb.npy", "a%2Fb"},
                                           {"a%2F.npy", "a/"},         {"x.npy.npy", "x.npy"},   {"a%20b.npy", "a b"},
                                           {"%4G.npy", "%4G"}};
    two();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pack(&a, (struct packing[]){stored(names[i][0], npy, length)}, 1);
        cr_assert_str_eq(npz_ok(a.bytes, a.length, 1)->name, names[i][1]);
    }
    pack(&a, (struct packing[]){stored("a b.npy", npy, length), stored("a%20b.npy", npy, length)}, 2);
    npz_refused(a.bytes, a.length, "two arrays are called 'a b'");
    pack(&a, (struct packing[]){stored("read\033me.txt", npy, length)}, 1);
    npz_refused(a.bytes, a.length, "entry 'read?me.txt' is not a .npy file, and .npz files hold nothing else");
    pack(&a, (struct packing[]){stored("dir/", npy, 0)}, 1);
    npz_refused(a.bytes, a.length, "entry 'dir/' is not a .npy file");
    const size_t object = build(npy, 1, "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "\200\4]", 3);
    pack(&a, (struct packing[]){stored("o.npy", npy, object)}, 1);
    npz_refused(a.bytes, a.length, "x.npz: 'o': header: 'descr' is '|O', pickled Python objects");
    snprintf(key, sizeof key, "plain text");
    npz_refused(key, strlen(key), "10 bytes are too few for a .npz file");
    npz_refused(npy, length, "does not end like a .npz file");
}

/* Memory is out at each allocation in turn: a message, nothing leaks, and it can be tried again. */
Test(npz_hostile, memory) {
    static char packed[4096];
    two();
    pack(&a, (struct packing[]){stored("b.npy", npy2, length2), deflated("a.npy", npy, length, packed, sizeof packed)},
         2);
    put("x.npz", a.bytes, a.length);
    const tg_array *arrays;
    size_t count, calls = 0;
    for (size_t fail = 1; fail <= calls + 1; fail++) {
        struct heap heap = {0};
        tg_graph *own = tg_graph_new_with(heap_allocator(&heap));
        heap.calls = 0;
        heap.fail_at = fail;
        const tg_status status = tg_read_npz(own, "x.npz", &arrays, &count);
        if (status == TG_OK) cr_assert_eq(fail, calls + 1);
        if (status != TG_OK) {
            calls = fail;
            cr_assert_eq(status, TG_MEMORY);
            heap.fail_at = 0;
            cr_assert_eq(tg_read_npz(own, "x.npz", &arrays, &count), TG_OK);
        }
        cr_assert_eq(count, 2);
        tg_graph_free(own);
        cr_assert(heap.live == 0 && heap.wrong == 0);
    }
    cr_assert_gt(calls, 8);
}
