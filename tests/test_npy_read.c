/* .npy files that are read: versions and spellings, byte orders, Fortran order, wide integers; and without memory. */
#include "npy_bytes.h"

TestSuite(npy_read, .init = setup, .fini = teardown, .timeout = 60);

/* ------------------------------------------------------------------------------------------------- made by hand */

Test(npy_read, versions_and_spellings) {
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

/* Without its .npy a file gives its whole name to what is in it; without a name there is no file. */
Test(npy_read, whatever_the_file_is_called) {
    char file[256];
    tg_array a;
    const size_t count =
        build(file, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (), }", "\0\0\0\0\0\0\360?", 8);
    put("weights.data", file, count);
    cr_assert_eq(tg_read_npy(g, "weights.data", &a), TG_OK, "%s", tg_message(g));
    cr_assert_str_eq(a.name, "weights.data");
    cr_assert(a.shape.rank == 0 && *(const double *)a.data == 1);
    cr_assert_eq(tg_read_npy(g, "", &a), TG_FILE);
    cr_assert_str_eq(tg_message(g), "'': no file to read");
    cr_assert_null(a.data);
    cr_assert_eq(tg_read_npy(g, NULL, &a), TG_FILE);
    cr_assert_str_eq(tg_message(g), "NULL: no file to read");
    cr_assert_eq(tg_read_npy(NULL, "weights.data", NULL), TG_HANDLE);
}

Test(npy_read, byte_orders) {
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

Test(npy_read, fortran_order_arrives_in_c_order) {
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

Test(npy_read, wide_integers) {
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

/* --------------------------------------------------------------------------------------------------------- memory */

Test(npy_read, every_allocation_may_fail) {
    char file[256];
    static const int64_t wide[4] = {1, 2, 3, 4};
    put("m.npy", file, build(file, 1, "{'descr':'<i8','fortran_order':True,'shape':(2,2)}", wide, sizeof wide));
    int fd = lowest_free_fd();
    bool done = false;
    for (size_t n = 1; !done; n++) {
        struct heap heap = {0};
        tg_graph *m = tg_graph_new_with(heap_allocator(&heap));
        tg_array a;
        heap.fail_at = heap.calls + n;
        tg_status status = tg_read_npy(m, "m.npy", &a);
        if (status == TG_OK) status = tg_write_npy(m, "m.npy", a.dtype, a.shape, a.data);
        done = heap.calls < heap.fail_at;
        heap.fail_at = 0;
        cr_assert_eq(status, done ? TG_OK : TG_MEMORY, "allocation %zu: %s", n, tg_message(m));
        cr_assert_eq(tg_read_npy(m, "m.npy", &a), TG_OK);
        cr_assert_eq(tg_error(m), TG_OK, "allocation %zu: a second try: %s", n, tg_message(m));
        tg_graph_free(m);
        cr_assert_eq(heap.live, 0);
        cr_assert_eq(heap.blocks, 0);
        cr_assert_eq(heap.wrong, 0);
        cr_assert_eq(lowest_free_fd(), fd);
        cr_assert_eq(files(NULL), 1);
    }
}
