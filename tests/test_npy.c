/* .npy files: both ways, by hand, cut short, lied about, and where nothing can be written. */
#include "tapegrad.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------- each test in a folder of its own */

static char folder[] = "test_npy.XXXXXX";
static tg_graph *g;

static size_t files(void (*each)(const char *name)) {
    DIR *dir = opendir(".");
    cr_assert_not_null(dir);
    size_t count = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        count++;
        if (each != NULL) each(e->d_name);
    }
    closedir(dir);
    return count;
}

static void discard(const char *name) { remove(name); }

static void setup(void) {
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    g = tg_graph_new();
}

static void teardown(void) {
    tg_graph_free(g);
    files(discard);
    if (chdir("..") == 0) rmdir(folder);
}

TestSuite(npy, .init = setup, .fini = teardown, .timeout = 60);

static void put(const char *path, const void *bytes, size_t count) {
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, count, f), count);
    cr_assert_eq(fclose(f), 0);
}

static size_t get(const char *path, void *bytes, size_t room) {
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "%s", path);
    size_t count = fread(bytes, 1, room, f);
    fclose(f);
    return count;
}

static int lowest_free_fd(void) {
    int fd = open(".", O_RDONLY);
    close(fd);
    return fd;
}

/* A file of a given version around a header and data, both taken as they come. */
static size_t build(char *file, int version, const char *header, const void *data, size_t bytes) {
    size_t length = strlen(header), start = version == 1 ? 10 : 12;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (char)version;
    file[7] = 0;
    for (size_t i = 8; i < start; i++) file[i] = (char)(length >> 8 * (i - 8) & 0xff);
    memcpy(file + start, header, length);
    if (bytes > 0) memcpy(file + start + length, data, bytes);
    return start + length + bytes;
}

static tg_array read_ok(const void *file, size_t count) {
    tg_array a;
    put("x.npy", file, count);
    cr_assert_eq(tg_read_npy(g, "x.npy", &a), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_error(g), TG_OK);
    cr_assert_str_eq(a.name, "x");
    cr_assert_not_null(a.data);
    return a;
}

static void refused(const void *file, size_t count, const char *says) {
    tg_array a = {.name = "untouched"};
    put("x.npy", file, count);
    cr_assert_eq(tg_read_npy(g, "x.npy", &a), TG_FILE, "%s: read", says);
    cr_assert_eq(strncmp(tg_message(g), "x.npy: ", 7), 0, "%s", tg_message(g));
    cr_assert_not_null(strstr(tg_message(g), says), "'%s' is not in: %s", says, tg_message(g));
    cr_assert_null(a.data);
    cr_assert_null(a.name);
}

static void header_refused(const char *header, const char *says) {
    char file[1024];
    refused(file, build(file, 1, header, "01234567", 8), says);
}

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

Test(npy, round_trips) {
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

Test(npy, writes_what_numpy_writes) {
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

Test(npy, header_is_aligned_whatever_the_shape) {
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

/* ------------------------------------------------------------------------------------------------- made by hand */

Test(npy, versions_and_spellings) {
    static const char *const headers[] = {
        "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }   \n",
        "{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"<i4\"}",
        " \t{ 'fortran_order' : True , 'shape' : ( 2 , ) , 'descr' : '<i4' }\n",
        "{'shape':\n(2,),'descr':\n'<i4','fortran_order':\nFalse\n}\n",
    };
    char file[256];
    for (int version = 1; version <= 3; version++) {
        for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
            tg_array a = read_ok(file, build(file, version, headers[i], "\1\0\0\0\xff\xff\xff\xff", 8));
            cr_assert_eq(a.dtype, TG_I32);
            cr_assert_eq(a.shape.rank, 1);
            cr_assert_eq(((const int32_t *)a.data)[0], 1);
            cr_assert_eq(((const int32_t *)a.data)[1], -1);
        }
    }
}

Test(npy, byte_orders) {
    char file[256];
    tg_array a;
    a = read_ok(file, build(file, 1, "{'descr':'>f4','fortran_order':False,'shape':()}", "\x3f\xc0\0\0", 4));
    cr_assert_eq(a.dtype, TG_F32);
    cr_assert_eq(a.shape.rank, 0);
    cr_assert_eq(*(const float *)a.data, 1.5F);
    a = read_ok(file, build(file, 1, "{'descr':'>f8','fortran_order':False,'shape':()}", "\xc0\x04\0\0\0\0\0\0", 8));
    cr_assert_eq(*(const double *)a.data, -2.5);
    a = read_ok(file, build(file, 1, "{'descr':'>i4','fortran_order':False,'shape':()}", "\0\0\1\2", 4));
    cr_assert_eq(*(const int32_t *)a.data, 258);
    a = read_ok(file, build(file, 1, "{'descr':'>i8','fortran_order':False,'shape':()}",
                            "\xff\xff\xff\xff\xff\xff\xff\xfe", 8));
    cr_assert_eq(*(const int32_t *)a.data, -2);
    for (const char *native = "{'descr':'=f8','fortran_order':False,'shape':()}"; native != NULL;
         native = native[10] == '=' ? "{'descr':'f8','fortran_order':False,'shape':()}" : NULL) {
        a = read_ok(file, build(file, 1, native, &(double){0.1}, 8));
        cr_assert_eq(*(const double *)a.data, 0.1);
    }
}

Test(npy, fortran_order_arrives_in_c_order) {
    char file[512];
    double stored[24];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++) stored[i + 2 * j + 6 * k] = 100 * i + 10 * j + k;
    tg_array a =
        read_ok(file, build(file, 1, "{'descr':'=f8','fortran_order':True,'shape':(2,3,4)}", stored, sizeof stored));
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                cr_assert_eq(((const double *)a.data)[12 * i + 4 * j + k], 100 * i + 10 * j + k);
    a = read_ok(file,
                build(file, 1, "{'descr':'=i4','fortran_order':True,'shape':(2,2)}", (int32_t[]){1, 2, 3, 4}, 16));
    cr_assert_eq(memcmp(a.data, (int32_t[]){1, 3, 2, 4}, 16), 0);
    a = read_ok(file, build(file, 1, "{'descr':'<i8','fortran_order':True,'shape':(3,0)}", "", 0));
    cr_assert_eq(a.dtype, TG_I32);
    cr_assert_eq(a.shape.dim[0], 3);
}

Test(npy, wide_integers) {
    char file[256];
    int64_t wide[6] = {INT32_MAX, INT32_MIN, 0, -1, 7, 8};
    tg_array a = read_ok(file, build(file, 1, "{'descr':'=i8','fortran_order':True,'shape':(2,3)}", wide, sizeof wide));
    static const int32_t expected[6] = {INT32_MAX, 0, 7, INT32_MIN, -1, 8};
    cr_assert_eq(memcmp(a.data, expected, sizeof expected), 0);
    wide[2] = (int64_t)INT32_MAX + 1;
    refused(file, build(file, 1, "{'descr':'=i8','fortran_order':True,'shape':(2,3)}", wide, sizeof wide),
            "element [0, 1] is 2147483648,");
    wide[2] = INT64_MIN;
    refused(file, build(file, 1, "{'descr':'=i8','fortran_order':False,'shape':(2,3)}", wide, sizeof wide),
            "element [0, 2] is -9223372036854775808,");
}

/* ------------------------------------------------------------------------------------------------------ refusals */

Test(npy, cut_anywhere_or_continued) {
    char file[512];
    for (int version = 1; version <= 3; version++) {
        size_t count = build(file, version, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2), }\n",
                             "0123456789abcdef0123456789abcdef", 32);
        read_ok(file, count);
        for (size_t cut = 0; cut < count; cut++) refused(file, cut, "x.npy: ");
        refused(file, count + 5, "5 bytes too many");
    }
    refused("", 0, "0 bytes are too few");
}

Test(npy, not_a_npy_file) {
    char file[64];
    refused("PK\3\4 this is an archive", 22, "byte 0");
    build(file, 1, "{}", NULL, 0);
    file[6] = 4;
    refused(file, 12, "version 4.0");
    file[6] = 1;
    file[7] = 1;
    refused(file, 12, "version 1.1");
}

Test(npy, header_longer_than_the_file) {
    char file[64];
    size_t count = build(file, 2, "{}", NULL, 0);
    memset(file + 8, 0xff, 4);
    refused(file, count, "a header of 4294967295 bytes is promised, 2 are left");
}

Test(npy, hostile_headers) {
    header_refused("", "the header ends");
    header_refused("{", "the header ends");
    header_refused("{'descr", "a quoted text does not end");
    header_refused("['descr']", "'{' expected");
    header_refused("{}", "no 'descr'");
    header_refused("{'descr':'<f8','shape':(1,)}", "no 'fortran_order'");
    header_refused("{'descr':'<f8','fortran_order':False}", "no 'shape'");
    header_refused("{'descr':'<f8','descr':'<f8','fortran_order':False,'shape':(1,)}", "'descr' is there twice");
    header_refused("{'descr':'<f8','fortran_order':False,'shape':(1,),'x':1}", "'x' does not belong");
    header_refused("{'descr':'<f8' 'fortran_order':False,'shape':(1,)}", "',' or '}' expected");
    header_refused("{'descr' '<f8','fortran_order':False,'shape':(1,)}", "':' expected");
    header_refused("{'descr':'<f8',,'fortran_order':False,'shape':(1,)}", "a quoted key expected");
    header_refused("{descr:'<f8','fortran_order':False,'shape':(1,)}", "byte 11, in the header: a quoted key");
    header_refused("{'descr':'<f8','fortran_order':False,'shape':(1,)} x", "nothing behind");
    header_refused("{'descr':'<f8','fortran_order':0,'shape':(1,)}", "True or False");
    header_refused("{'descr':'<f8','fortran_order':Fals", "True or False");
    header_refused("{'descr':'<f8','fortran_order':Falsely,'shape':(1,)}", "',' or '}' expected");
    header_refused("{'de\x1b[31m':'<f8'}", "'de?[31m'");
}

Test(npy, hostile_shapes) {
    static const struct {
        const char *shape, *says;
    } cases[] = {
        {"1", "a tuple"},
        {"[1]", "a tuple"},
        {"(1)", "the ',' of a tuple of one"},
        {"(,)", "a dimension"},
        {"(1,,1)", "a dimension"},
        {"((1,),1)", "a dimension"},
        {"(((((((((((((((((", "a dimension"},
        {"(1 1)", "',' or ')'"},
        {"(1,", "a dimension"},
        {"(1.0,)", "',' or ')'"},
        {"(0x1,)", "',' or ')'"},
        {"(01,)", "begins with 0"},
        {"(True,)", "a dimension"},
        {"(-1,)", "negative"},
        {"(1,-9223372036854775808)", "negative"},
        {"(1,1,1,1,1,1,1,1,1)", "more than 8"},
        {"(9223372036854775808,)", "beyond 64 bits"},
        {"(99999999999999999999999999,)", "beyond 64 bits"},
        {"(9223372036854775807,)", "8 bytes of data"},
        {"(4294967296,4294967296)", "8 bytes of data"},
        {"(4611686018427387904,4)", "8 bytes of data"},
        {"(2305843009213693953,8)", "8 bytes of data"},
        {"(0,9223372036854775807,9223372036854775807)", "8 bytes of data"},
        {"(4294967296,4294967296,0)", "8 bytes of data"},
        {"(0,400000000000000000)", "8 bytes of data"},
        {"(2,)", "8 bytes of data"},
        {"(0,)", "8 bytes too many"},
        {"(3,0)", "8 bytes too many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char header[256];
        snprintf(header, sizeof header, "{'descr':'<f8','fortran_order':False,'shape':%s}", cases[i].shape);
        header_refused(header, cases[i].says);
    }
}

Test(npy, other_dtypes) {
    static const char *const cases[][2] = {
        {"'|b1'", "'|b1'; what is read is f4"},
        {"'|u1'", "'|u1'"},
        {"'<f2'", "'<f2'"},
        {"'<f16'", "'<f16'"},
        {"'<c8'", "'<c8'"},
        {"'<u4'", "'<u4'"},
        {"'<M8[ns]'", "'<M8[ns]'"},
        {"'|S5'", "'|S5'"},
        {"'|O'", "'|O', pickled Python objects"},
        {"'O'", "pickled Python objects"},
        {"'|f8'", "without the byte order"},
        {"'<<f8'", "'<<f8'"},
        {"'<'", "'<'"},
        {"''", "''"},
        {"'\\x3cf8'", "'\\x3cf8'"},
        {"[('a', '<f4'), ('b', '<i4')]", "a structured dtype"},
        {"('<f4', (2,))", "a quoted dtype"},
        {"None", "a quoted dtype"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char header[256];
        snprintf(header, sizeof header, "{'descr':%s,'fortran_order':False,'shape':(1,)}", cases[i][0]);
        header_refused(header, cases[i][1]);
    }
}

Test(npy, only_regular_files) {
    tg_array a;
    cr_assert_eq(tg_read_npy(g, "missing.npy", &a), TG_FILE);
    cr_assert_not_null(strstr(tg_message(g), "missing.npy: cannot be opened: "), "%s", tg_message(g));
    cr_assert_eq(mkfifo("fifo", 0600), 0);
    cr_assert_eq(mkdir("dir", 0700), 0);
    static const char *const paths[] = {"fifo", "dir"};
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(tg_read_npy(g, paths[i], &a), TG_FILE);
        cr_assert_not_null(strstr(tg_message(g), "not a regular file"), "%s", tg_message(g));
        cr_assert_eq(tg_write_npy(g, paths[i], TG_I32, tg_shape0(), &(int32_t){0}), TG_FILE);
        cr_assert_not_null(strstr(tg_message(g), "not a regular file"), "%s", tg_message(g));
    }
    cr_assert_eq(tg_read_npy(g, NULL, &a), TG_FILE);
    cr_assert_eq(tg_write_npy(g, NULL, TG_I32, tg_shape0(), &(int32_t){0}), TG_FILE);
    cr_assert_eq(tg_read_npy(NULL, "fifo", &a), TG_HANDLE);
    cr_assert_eq(files(NULL), 2);
}

/* ------------------------------------------------------------------------------------------------ failing writes */

static void expect_old(void) {
    char old[8];
    cr_assert_eq(get("old.npy", old, sizeof old), 3);
    cr_assert_eq(memcmp(old, "old", 3), 0);
    cr_assert_eq(files(NULL), 1);
}

Test(npy, a_full_disk_leaves_the_old_file) {
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

Test(npy, places_that_cannot_be_written) {
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

Test(npy, an_unwritable_folder) {
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

Test(npy, links_are_not_replaced) {
    put("old.npy", "old", 3);
    cr_assert_eq(symlink("old.npy", "link"), 0);
    cr_assert_eq(tg_write_npy(g, "link", TG_I32, tg_shape0(), &(int32_t){0}), TG_FILE);
    cr_assert_eq(unlink("link"), 0);
    expect_old();
}

Test(npy, a_taken_temporary_name_is_passed_by) {
    char name[64];
    snprintf(name, sizeof name, "t.npy.tmp.%ld.0", (long)getpid());
    put(name, "mine", 4);
    cr_assert_eq(tg_write_npy(g, "t.npy", TG_I32, tg_shape0(), &(int32_t){0}), TG_OK);
    char mine[8];
    cr_assert_eq(get(name, mine, sizeof mine), 4);
    cr_assert_eq(files(NULL), 2);
}

/* -------------------------------------------------------------------------------------------------------- nodes */

Test(npy, saves_nodes) {
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

/* ------------------------------------------------------------------------------------------------------- memory */

struct budget {
    size_t calls, fail_at, live;
};

static void *spend(void *user, size_t bytes) {
    struct budget *b = user;
    if (++b->calls == b->fail_at) return NULL;
    b->live += bytes;
    return malloc(bytes);
}

static void refund(void *user, void *block, size_t bytes) {
    ((struct budget *)user)->live -= bytes;
    free(block);
}

Test(npy, every_allocation_may_fail) {
    char file[256];
    static const int64_t wide[4] = {1, 2, 3, 4};
    put("m.npy", file, build(file, 1, "{'descr':'<i8','fortran_order':True,'shape':(2,2)}", wide, sizeof wide));
    int fd = lowest_free_fd();
    bool done = false;
    for (size_t n = 1; !done; n++) {
        struct budget b = {0};
        tg_graph *m = tg_graph_new_with((tg_allocator){spend, refund, &b});
        tg_array a;
        b.fail_at = b.calls + n;
        tg_status status = tg_read_npy(m, "m.npy", &a);
        if (status == TG_OK) status = tg_write_npy(m, "m.npy", a.dtype, a.shape, a.data);
        done = b.calls < b.fail_at;
        b.fail_at = 0;
        cr_assert_eq(status, done ? TG_OK : TG_MEMORY, "allocation %zu: %s", n, tg_message(m));
        cr_assert_eq(tg_read_npy(m, "m.npy", &a), TG_OK);
        cr_assert_eq(tg_error(m), TG_OK, "allocation %zu: a second try: %s", n, tg_message(m));
        tg_graph_free(m);
        cr_assert_eq(b.live, 0);
        cr_assert_eq(lowest_free_fd(), fd);
        cr_assert_eq(files(NULL), 1);
    }
}
