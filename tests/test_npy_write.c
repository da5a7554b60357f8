/* .npy files that are written: to be read again, as numpy writes them, and where nothing can be written. */
#include "npy_bytes.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

TestSuite(npy_write, .init = setup, .fini = teardown, .timeout = 60);

/* -------------------------------------------------------------------------------------------------- round trips */

static void round_trip(tg_dtype dtype, tg_shape shape, size_t count) {
    size_t bytes = count * (dtype == TG_F64 ? 8 : 4);
    unsigned char *data = malloc(bytes + 1);
    uint32_t random = 1;
    for (size_t i = 0; i < bytes; i++) {
        random = random * 1664525 + 1013904223;
        data[i] = (unsigned char)(random >> 24); /* any bits, NaN too */
    }
    cr_assert_eq(tg_write_npy(g, "r.npy", dtype, shape, data), TG_OK, "%s", tg_message(g));
    tg_array a;
    cr_assert_eq(tg_read_npy(g, "r.npy", &a), TG_OK, "%s", tg_message(g));
    cr_assert_eq(a.dtype, dtype);
    cr_assert_eq(a.shape.rank, shape.rank);
    for (int i = 0; i < TG_MAX_RANK; i++) cr_assert_eq(a.shape.dim[i], shape.dim[i]);
    cr_assert_eq(memcmp(a.data, data, bytes), 0);
    cr_assert_eq(files(NULL), 1);
    free(data);
}

Test(npy_write, round_trips) {
    const struct {
        tg_shape shape;
        size_t count;
    } cases[] = {
        {tg_shape0(), 1},
        {tg_shape1(0), 0},
        {tg_shape1(1), 1},
        {tg_shape1(3), 3},
        {tg_shape2(4, 3), 12},
        {tg_shape2(0, 5), 0},
        {tg_shape3(3, 0, 2), 0},
        {tg_shape4(2, 1, 3, 5), 30},
        {tg_shape_n(8, (const int64_t[]){1, 2, 1, 3, 2, 1, 2, 1}), 24},
        {tg_shape2(300, 257), 77100},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (tg_dtype dtype = TG_F32; dtype <= TG_I32; dtype++) round_trip(dtype, cases[i].shape, cases[i].count);
}

Test(npy_write, writes_what_numpy_writes) {
    static const char header[] = "\x93NUMPY\1\0v\0{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }";
    char expected[128 + 48], written[512];
    memset(expected, ' ', 128);
    memcpy(expected, header, sizeof header - 1);
    expected[127] = '\n';
    static const unsigned char one[] = {0, 0, 0, 0, 0, 0, 0xf0, 0x3f};
    for (int i = 0; i < 6; i++) memcpy(expected + 128 + 8 * i, one, 8);
    cr_assert_eq(tg_write_npy(g, "w.npy", TG_F64, tg_shape2(2, 3), (double[]){1, 1, 1, 1, 1, 1}), TG_OK);
    cr_assert_eq(get("w.npy", written, sizeof written), sizeof expected);
    cr_assert_eq(memcmp(written, expected, sizeof expected), 0);
}

Test(npy_write, header_is_aligned_whatever_the_shape) {
    char file[1024];
    tg_shape shape = {.rank = 8};
    for (int i = 1; i < 8; i++) {
        shape.dim[i] = i % 2 ? 1000000 : 1;
        cr_assert_eq(tg_write_npy(g, "a.npy", TG_F32, shape, NULL), TG_OK, "%s", tg_message(g));
        size_t count = get("a.npy", file, sizeof file);
        cr_assert_eq(count % 64, 0);
        cr_assert_eq(file[count - 1], '\n');
        shape.dim[i] = 1;
    }
}

/* ------------------------------------------------------------------------------------------------ failing writes */

static void expect_old(void) {
    char old[8];
    cr_assert_eq(get("old.npy", old, sizeof old), 3);
    cr_assert_eq(memcmp(old, "old", 3), 0);
    cr_assert_eq(files(NULL), 1);
}

Test(npy_write, a_full_disk_leaves_the_old_file) {
    static const double data[4096];
    struct rlimit before, small = {.rlim_cur = 1000};
    put("old.npy", "old", 3);
    int fd = lowest_free_fd();
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    for (int64_t count = 200; count <= 4096; count *= 2) { /* within the buffer, and beyond */
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        tg_status status = tg_write_npy(g, "old.npy", TG_F64, tg_shape1(count), data);
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        cr_assert_eq(status, TG_FILE);
        cr_assert_not_null(strstr(tg_message(g), "old.npy: cannot be written: "), "%s", tg_message(g));
        expect_old();
    }
    cr_assert_eq(lowest_free_fd(), fd);
    cr_assert_eq(tg_write_npy(g, "old.npy", TG_F64, tg_shape1(4096), data), TG_OK);
    cr_assert_eq(tg_error(g), TG_OK);
    cr_assert_eq(files(NULL), 1);
}

Test(npy_write, places_that_cannot_be_written) {
    static const char *const paths[] = {"", "missing/x.npy", "old.npy/x.npy", "missing/"};
    put("old.npy", "old", 3);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        cr_assert_eq(tg_write_npy(g, paths[i], TG_I32, tg_shape0(), &(int32_t){0}), TG_FILE, "%s", paths[i]);
        expect_old();
    }
    cr_assert_eq(tg_write_npy(g, "old.npy", TG_I32, tg_shape1(2), NULL), TG_FILE);
    cr_assert_eq(tg_write_npy(g, "old.npy", (tg_dtype)7, tg_shape0(), &(int32_t){0}), TG_FILE);
    cr_assert_eq(tg_write_npy(NULL, "old.npy", TG_I32, tg_shape0(), &(int32_t){0}), TG_HANDLE);
    cr_assert_eq(tg_error(g), TG_FILE);
    cr_assert_eq(tg_write_npy(g, "old.npy", TG_I32, tg_shape1(-1), &(int32_t){0}), TG_SHAPE);
    expect_old();
}

Test(npy_write, an_unwritable_folder) {
    uid_t before = geteuid();
    put("old.npy", "old", 3);
    cr_assert_eq(chmod(".", 0555), 0);
    if (before == 0) cr_assert_eq(seteuid(65534), 0); /* root may write everywhere */
    tg_status status = tg_write_npy(g, "old.npy", TG_I32, tg_shape0(), &(int32_t){0});
    if (before == 0) cr_assert_eq(seteuid(before), 0);
    cr_assert_eq(chmod(".", 0755), 0);
    cr_assert_eq(status, TG_FILE);
    cr_assert_not_null(strstr(tg_message(g), "old.npy: cannot be created: "), "%s", tg_message(g));
    expect_old();
}

Test(npy_write, links_are_not_replaced) {
    put("old.npy", "old", 3);
    cr_assert_eq(symlink("old.npy", "link"), 0);
    cr_assert_eq(tg_write_npy(g, "link", TG_I32, tg_shape0(), &(int32_t){0}), TG_FILE);
    cr_assert_eq(unlink("link"), 0);
    expect_old();
}

Test(npy_write, a_taken_temporary_name_is_passed_by) {
    char name[64];
    snprintf(name, sizeof name, "t.npy.tmp.%ld.0", (long)getpid());
    put(name, "mine", 4);
    cr_assert_eq(tg_write_npy(g, "t.npy", TG_I32, tg_shape0(), &(int32_t){0}), TG_OK);
    char mine[8];
    cr_assert_eq(get(name, mine, sizeof mine), 4);
    cr_assert_eq(files(NULL), 2);
}

/* -------------------------------------------------------------------------------------------------------- nodes */

Test(npy_write, saves_nodes) {
    TG_LET(x, tg_input(g, TG_F32, tg_shape1(2)));
    cr_assert_eq(tg_save(x, "s.npy"), TG_FILE);
    cr_assert_str_eq(tg_message(g), "s.npy: 'x' has no value to save; run the graph first");
    cr_assert_eq(files(NULL), 0);
    cr_assert_eq(tg_set(x, (float[]){1.5F, -2}), TG_OK);
    cr_assert_eq(tg_save(x, "s.npy"), TG_OK, "%s", tg_message(g));
    tg_array a;
    cr_assert_eq(tg_read_npy(g, "s.npy", &a), TG_OK);
    cr_assert_str_eq(a.name, "s");
    cr_assert_eq(a.dtype, TG_F32);
    cr_assert_eq(memcmp(a.data, (float[]){1.5F, -2}, 8), 0);
    cr_assert_eq(tg_save((tg_node){0}, "s.npy"), TG_HANDLE);
    cr_assert_eq(tg_save(tg_nil(g), "s.npy"), TG_HANDLE);
}
