/* .npz files that are read: those that numpy wrote, and what ZIP allows besides. */
#include "npz_golden.h"
#include "zip_bytes.h"

TestSuite(npz_read, .init = setup, .fini = teardown, .timeout = 60);

static void same(const tg_array *a, const char *name, tg_dtype dtype, tg_shape shape, const void *data, size_t bytes) {
    cr_assert_str_eq(a->name, name);
    cr_assert_eq(a->dtype, dtype);
    cr_assert(have_same_shape(a->shape, shape));
    cr_assert(a->data && memcmp(a->data, data, bytes) == 0, "%s", name);
}

static void golden(const unsigned char *file, size_t length) {
    static const double w[] = {1.5, -2, NAN, INFINITY, -0.0, 5e-324};
    const tg_array *a = npz_ok(file, length, 5);
    same(&a[0], "w", TG_F64, tg_shape2(2, 3), w, sizeof w);
    same(&a[1], "label", TG_I32, tg_shape1(2), (int32_t[]){3, -1}, 8);
    same(&a[2], "bn1/x", TG_F32, tg_shape0(), &(float){0.1F}, 4);
    same(&a[3], "wört 50%", TG_F32, tg_shape2(0, 4), "", 0);
    same(&a[4], "wide", TG_I32, tg_shape1(1), &(int32_t){7}, 4);
}

Test(npz_read, what_numpy_wrote) {
    golden(golden_stored, sizeof golden_stored);
    golden(golden_deflated, sizeof golden_deflated);
    golden(golden_piped, sizeof golden_piped);
}

Test(npz_read, cut_anywhere) {
    for (size_t cut = 0; cut < sizeof golden_stored; cut++) npz_refused(golden_stored, cut, "x.npz: ");
    for (size_t cut = 0; cut < sizeof golden_deflated; cut++) npz_refused(golden_deflated, cut, "x.npz: ");
}

/* No crash, and what is accepted in spite of it has the numbers that were written. */
static void flip_each(const unsigned char *golden_file, size_t length, int bits) {
    unsigned char file[2048];
    for (size_t at = 0; at < length; at++) {
        const tg_array *a;
        size_t count;
        memcpy(file, golden_file, length);
        file[at] = (unsigned char)(file[at] ^ bits);
        put_new("x.npz", file, length);
        if (tg_read_npz(g, "x.npz", &a, &count) != TG_OK) continue;
        for (size_t i = 0; i < count; i++)
            if (a[i].dtype == TG_F64) cr_assert_eq(*(const double *)a[i].data, 1.5, "byte %zu", at);
    }
}

Test(npz_read, every_byte_flipped) {
    flip_each(golden_stored, sizeof golden_stored, 1);
    flip_each(golden_stored, sizeof golden_stored, 0xff);
    flip_each(golden_deflated, sizeof golden_deflated, 1);
    flip_each(golden_deflated, sizeof golden_deflated, 0x80);
    flip_each(golden_piped, sizeof golden_piped, 0xff);
}

Test(npz_read, empty_archives_and_comments) {
    struct archive a;
    char npy[256];
    pack(&a, NULL, 0);
    npz_ok(a.bytes, a.length, 0);
    const size_t count = doubles_npy(npy, (double[]){1, 2}, 2);
    pack(&a, (struct packing[]){stored("a.npy", npy, count)}, 1);
    number_at(a.bytes + a.end + 20, 22, 2);
    add_bytes(&a, "PK\5\6 and so on, 22 bytes", 22);
    npz_ok(a.bytes, a.length, 1);
    npz_refused(a.bytes, a.length - 1, "does not end like a .npz file");
    add_bytes(&a, "!", 1);
    npz_refused(a.bytes, a.length, "does not end like a .npz file");
}

/* Numbers beyond 32 bits are where ZIP puts them; small ones may be there too. */
Test(npz_read, zip64) {
    struct archive a;
    char npy[256];
    const size_t count = doubles_npy(npy, (double[]){3}, 1);
    struct packing p = stored("a.npy", npy, count);
    a = (struct archive){.count = 1};
    add_header(&a, &p, false);
    number_at(a.bytes + 18, UINT64_MAX, 8);
    number_at(a.bytes + 28, 6 + 20, 2);
    add_bytes(&a, "a.npy\xfe\xca\2\0!!\1\0\20\0", 5 + 10);
    add_number(&a, count, 8);
    add_number(&a, count, 8);
    add_bytes(&a, npy, count);
    a.directory = a.length;
    add_header(&a, &p, true);
    number_at(a.bytes + a.directory + 20, UINT64_MAX, 8);
    number_at(a.bytes + a.directory + 30, 4 + 24, 2);
    add_number(&a, 0, 2 + 2 + 2 + 4);
    add_number(&a, UINT32_MAX, 4);
    add_bytes(&a, "a.npy\1\0\30\0", 5 + 4);
    const size_t field = a.length;
    add_number(&a, count, 8);
    add_number(&a, count, 8);
    add_number(&a, 0, 8);
    const size_t end64 = a.length;
    add_number(&a, 0x06064b50, 4);
    add_number(&a, 44, 8);
    add_number(&a, 0, 2 + 2 + 4);
    add_number(&a, 0, 4);
    add_number(&a, 1, 8);
    add_number(&a, 1, 8);
    add_number(&a, end64 - a.directory, 8);
    add_number(&a, a.directory, 8);
    add_number(&a, 0x07064b50, 4);
    add_number(&a, 0, 4);
    add_number(&a, end64, 8);
    add_number(&a, 1, 4);
    add_end(&a);
    number_at(a.bytes + a.end + 12, end64 - a.directory, 4);
    npz_ok(a.bytes, a.length, 1);
    static const char several[] = "is one disk of an archive of several", where[] = "the zip64 end of the archive is not";
    const struct {
        size_t at, bytes;
        uint64_t number;
        const char *says;
    } lies[] = {{end64 + 16, 4, 1, several}, {end64 + 20, 4, 1, several},
                {end64 + 24, 8, 2, several}, {a.end - 16, 4, 1, several},
                {a.end - 4, 4, 2, several},  {end64, 4, 0x06064b51, where},
                {end64 + 4, 8, 45, where},   {a.end + 8, 4, 0x00020002, "contradict each other"},
                {a.end + 16, 4, 1, "contradict each other"}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        unsigned char was[8];
        memcpy(was, a.bytes + lies[i].at, lies[i].bytes);
        number_at(a.bytes + lies[i].at, lies[i].number, lies[i].bytes);
        npz_refused(a.bytes, a.length, lies[i].says);
        memcpy(a.bytes + lies[i].at, was, lies[i].bytes);
    }
    memset(a.bytes + a.end + 8, 0xff, 12);
    cr_assert_eq(*(const double *)npz_ok(a.bytes, a.length, 1)->data, 3);
    number_at(a.bytes + a.end + 12, 3, 4);
    npz_refused(a.bytes, a.length, "contradict each other");
    memset(a.bytes + a.end + 8, 0xff, 12);
    number_at(a.bytes + a.end - 12, end64 - 1, 8);
    npz_refused(a.bytes, a.length, "the zip64 end of the archive is not where");
    number_at(a.bytes + a.end - 12, a.end - 20 - 11, 8);
    npz_refused(a.bytes, a.length, "the archive points to byte ");
    add_bytes(&a, "PK\6\6 and so on, a comment", 25);
    number_at(a.bytes + a.end + 20, 25, 2);
    number_at(a.bytes + a.end - 12, a.end - 20 - 11, 8);
    npz_refused(a.bytes, a.length, "the zip64 end of the archive is not where");
    a.length -= 25;
    number_at(a.bytes + a.end + 20, 0, 2);
    number_at(a.bytes + a.end - 12, UINT64_MAX - 7, 8);
    npz_refused(a.bytes, a.length, "the archive points to byte 18446744073709551608");
    number_at(a.bytes + a.end - 12, end64, 8);
    number_at(a.bytes + a.end - 4, 2, 4);
    npz_refused(a.bytes, a.length, "one disk of an archive of several");
    number_at(a.bytes + a.end - 4, 1, 4);
    number_at(a.bytes + field + 16, UINT64_MAX - 20, 8);
    npz_refused(a.bytes, a.length, "lies outside the archive");
    number_at(a.bytes + field - 2, 16, 2);
    npz_refused(a.bytes, a.length, "damaged extra field");
    number_at(a.bytes + field - 2, 25, 2);
    npz_refused(a.bytes, a.length, "damaged extra field");
}

Test(npz_read, many_at_once_and_again) {
    const tg_array *first = npz_ok(golden_stored, sizeof golden_stored, 5);
    const tg_array *second = npz_ok(golden_deflated, sizeof golden_deflated, 5);
    npz_refused("PK", 2, "2 bytes are too few");
    cr_assert_str_eq(first[2].name, "bn1/x"); /* what was read stays */
    cr_assert_eq(memcmp(first[0].data, second[0].data, 48), 0);
    const tg_array *a;
    size_t count;
    cr_assert_eq(tg_read_npz(NULL, "x.npz", &a, &count), TG_HANDLE);
    cr_assert_eq(tg_read_npz(g, NULL, &a, &count), TG_FILE);
    cr_assert_eq(tg_read_npz(g, ".", &a, &count), TG_FILE);
    cr_assert_eq(tg_read_npz(g, "missing.npz", &a, &count), TG_FILE);
    cr_assert_not_null(strstr(tg_message(g), "missing.npz: cannot be opened"));
}
