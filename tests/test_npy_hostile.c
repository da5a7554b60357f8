/* .npy files that are refused: cut short, lied about, of other dtypes, and what is no file at all. */
#include "npy_bytes.h"

#include <sys/stat.h>

TestSuite(npy_hostile, .init = setup, .fini = teardown, .timeout = 60);

Test(npy_hostile, cut_anywhere_or_continued) {
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

Test(npy_hostile, not_a_npy_file) {
    char file[64];
    refused("PK\3\4 this is an archive", 22, "byte 0");
    build(file, 1, "{}", NULL, 0);
    file[6] = 4;
    refused(file, 12, "version 4.0");
    file[6] = 1;
    file[7] = 1;
    refused(file, 12, "version 1.1");
}

Test(npy_hostile, header_longer_than_the_file) {
    char file[64];
    size_t count = build(file, 2, "{}", NULL, 0);
    memset(file + 8, 0xff, 4);
    refused(file, count, "a header of 4294967295 bytes is promised, 2 are left");
}

Test(npy_hostile, hostile_headers) {
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
    header_refused("{'descr':'<f8','fortran_order':False,'shape':(12",
                   "',' or ')' in 'shape' expected, but the header ends");
    header_refused("{'de\x1b[31m':'<f8'}", "'de?[31m'");
}

Test(npy_hostile, hostile_shapes) {
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

Test(npy_hostile, other_dtypes) {
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

Test(npy_hostile, only_regular_files) {
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
