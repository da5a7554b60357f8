/* .npz files that are written: to be read again, by NumPy too, and where nothing can be written. */
#include "npz_golden.h"
#include "zip_bytes.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

TestSuite(npz_write, .init = setup, .fini = teardown, .timeout = 120);

static void same(const tg_array *a, const tg_array *b) {
    static const char nothing[1];
    size_t bytes = a->dtype == TG_F64 ? 8 : 4;
    for (int i = 0; i < a->shape.rank; i++) bytes *= (size_t)a->shape.dim[i];
    cr_assert_str_eq(a->name, b->name);
    cr_assert_eq(a->dtype, b->dtype);
    cr_assert(have_same_shape(a->shape, b->shape));
    cr_assert_eq(memcmp(a->data ? a->data : nothing, b->data, bytes), 0, "%s", a->name);
}

static void round_trip(const tg_array *arrays, size_t count) {
    const tg_array *back;
    size_t n;
    cr_assert_eq(tg_write_npz(g, "r.npz", arrays, count), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_read_npz(g, "r.npz", &back, &n), TG_OK, "%s", tg_message(g));
    cr_assert_eq(n, count);
    for (size_t i = 0; i < count; i++) same(&arrays[i], &back[i]);
}

/* Of every dtype and rank, with any bits, NaN too. */
static size_t all_kinds(tg_array *arrays, unsigned char *bits, size_t room) {
    static char names[32][16];
    const tg_shape shapes[] = {tg_shape0(),           tg_shape1(0),
                               tg_shape1(1),          tg_shape2(4, 3),
                               tg_shape3(3, 0, 2),    tg_shape4(2, 1, 3, 5),
                               tg_shape2(0, 5),       tg_shape_n(8, (const int64_t[]){1, 2, 1, 3, 2, 1, 2, 1}),
                               tg_shape2(30, 57)};
    uint64_t random = 7;
    size_t count = 0;
    for (size_t i = 0; i < room; i++) bits[i] = (unsigned char)(random_bits(&random) >> 56);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (tg_dtype dtype = TG_F32; dtype <= TG_I32; dtype++, count++) {
            snprintf(names[count], sizeof names[count], "a%zu.%d", i, (int)dtype);
            arrays[count] = (tg_array){names[count], dtype, shapes[i], bits + 8 * count};
        }
    return count;
}

Test(npz_write, round_trips) {
    static _Alignas(16) unsigned char bits[32768];
    tg_array arrays[32];
    round_trip(arrays, all_kinds(arrays, bits, sizeof bits));
    round_trip(&(tg_array){"no data", TG_F64, tg_shape2(0, 3), NULL}, 1);
    round_trip(arrays, 0);
    round_trip(NULL, 0);
    cr_assert_eq(files(NULL), 1);
}

Test(npz_write, deterministic) {
    static unsigned char first[4096], second[4096];
    const tg_array a[] = {{"x", TG_I32, tg_shape1(2), (int32_t[]){1, 2}}, {"y", TG_I32, tg_shape0(), &(int32_t){3}}};
    cr_assert_eq(tg_write_npz(g, "1.npz", a, 2), TG_OK);
    cr_assert_eq(tg_write_npz(g, "2.npz", a, 2), TG_OK);
    const size_t count = get("1.npz", first, sizeof first);
    cr_assert_eq(get("2.npz", second, sizeof second), count);
    cr_assert_eq(memcmp(first, second, count), 0);
    cr_assert_eq(memcmp(first + 10, "\0\0\x21\0", 4), 0); /* 1980-01-01 */
}

/* What becomes of a name in the archive; read again it is the same. */
static void named(const char *name, const char *entry) {
    static unsigned char file[1024];
    round_trip(&(tg_array){name, TG_I32, tg_shape0(), &(int32_t){3}}, 1);
    get("r.npz", file, sizeof file);
    cr_assert_eq(file[26], strlen(entry), "%s", name);
    cr_assert_eq(memcmp(file + 30, entry, strlen(entry)), 0, "%s: %.40s", name, file + 30);
}

Test(npz_write, names) {
    char every[260] = "";
    named("bn1/dxhat", "bn1/dxhat.npy");
    named("W_2-3.b", "W_2-3.b.npy");
    named("#12", "#12.npy");
    named("", ".npy");
    named("../../x", "%2E./%2E./x.npy");
    named("a/../b", "a/%2E./b.npy");
    named("/etc/passwd", "%2Fetc/passwd.npy");
    named("a//b/", "a%2F%2Fb%2F.npy");
    named("/", "%2F.npy");
    named(".hidden", "%2Ehidden.npy");
    named("C:\\x", "C%3A%5Cx.npy");
    named("50%", "50%25.npy");
    named("%2E", "%252E.npy");
    named("wört\n\033[1m\x80", "w%C3%B6rt%0A%1B%5B1m%80.npy");
    for (int c = 1; c < 256; c++) every[c - 1] = (char)c;
    round_trip(&(tg_array){every, TG_I32, tg_shape0(), &(int32_t){3}}, 1);
}

Test(npz_write, names_that_cannot_be) {
    static char name[1 << 20];
    const int32_t one = 1;
    tg_array a[] = {{"x", TG_I32, tg_shape0(), &one}, {NULL, TG_I32, tg_shape0(), &one}};
    cr_assert_eq(tg_write_npz(g, "x.npz", a, 2), TG_FILE);
    cr_assert_str_eq(tg_message(g), "x.npz: array 1 has no name, which would be its key in the file");
    a[1].name = "x";
    cr_assert_eq(tg_write_npz(g, "x.npz", a, 2), TG_FILE);
    cr_assert_str_eq(tg_message(g), "x.npz: two arrays are called 'x'");
    a[1].name = memset(name, 'n', sizeof name - 1);
    cr_assert_eq(tg_write_npz(g, "x.npz", a, 2), TG_FILE);
    const char *says = "...': the name becomes 1048579 bytes long; a ZIP archive has room for 65535";
    cr_assert_not_null(strstr(tg_message(g), says), "%s", tg_message(g));
    name[65532] = 0;
    cr_assert_eq(tg_write_npz(g, "x.npz", a, 2), TG_FILE);
    cr_assert_eq(files(NULL), 0);
    name[65531] = 0;
    round_trip(a, 2);
}

Test(npz_write, what_cannot_be_written) {
    const int32_t one = 1;
    static const char *const paths[] = {"", "missing/x.npz", "old.npz/x.npz", "dir", NULL};
    const tg_array good = {"x", TG_I32, tg_shape0(), &one};
    const struct {
        tg_array array;
        const char *says;
    } bad[] = {{{"x", TG_I32, tg_shape1(2), NULL}, "old.npz: 'x': no data to write"},
               {{"x", (tg_dtype)7, tg_shape0(), &one}, "old.npz: 'x': 7 is no dtype"}};
    put("old.npz", "old", 3);
    cr_assert_eq(mkdir("dir", 0700), 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        cr_assert_eq(tg_write_npz(g, paths[i], &good, 1), TG_FILE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const tg_array a[] = {{"a", TG_I32, tg_shape0(), &one}, bad[i].array};
        cr_assert_eq(tg_write_npz(g, "old.npz", a, 2), TG_FILE);
        cr_assert_not_null(strstr(tg_message(g), bad[i].says), "%s", tg_message(g));
    }
    cr_assert_eq(tg_write_npz(g, "old.npz", NULL, 1), TG_FILE);
    cr_assert_eq(tg_write_npz(NULL, "old.npz", &good, 1), TG_HANDLE);
    cr_assert_eq(tg_write_npz(g, "old.npz", &(tg_array){"x", TG_I32, tg_shape1(-1), &one}, 1), TG_SHAPE);
    char old[8];
    cr_assert_eq(get("old.npz", old, sizeof old), 3);
    cr_assert_eq(rmdir("dir"), 0);
    cr_assert_eq(files(NULL), 1);
}

Test(npz_write, a_full_disk_leaves_the_old_file) {
    static const double data[4096];
    struct rlimit before, small = {.rlim_cur = 1000};
    char old[8];
    put("old.npz", "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    for (int64_t count = 100; count <= 4096; count *= 2) { /* within the buffer, and beyond */
        const tg_array a[] = {{"a", TG_F64, tg_shape1(count), data}, {"b", TG_F64, tg_shape1(count), data}};
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        const tg_status status = tg_write_npz(g, "old.npz", a, 2);
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        cr_assert_eq(status, TG_FILE);
        cr_assert_not_null(strstr(tg_message(g), "old.npz: cannot be written: "), "%s", tg_message(g));
        cr_assert_eq(get("old.npz", old, sizeof old), 3);
        cr_assert_eq(files(NULL), 1);
    }
}

/* More entries than 16 bits count: the zip64 end. */
Test(npz_write, seventy_thousand_arrays) {
    enum { MANY = 70000 };
    tg_array *arrays = calloc(MANY, sizeof *arrays);
    int32_t *data = calloc(MANY, sizeof *data);
    char (*names)[12] = calloc(MANY, sizeof *names);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        data[i] = i;
        arrays[i] = (tg_array){names[i], TG_I32, tg_shape0(), &data[i]};
    }
    round_trip(arrays, 65535);
    round_trip(arrays, MANY);
    free(names), free(data), free(arrays);
}

/* Sizes and places beyond 32 bits. Takes 8 gigabytes, half of them on the disk. */
Test(npz_write, beyond_four_gigabytes) {
    enum { MANY = (1 << 29) + 3 };
    if (SANITIZED || !is_long()) return;
    double *data = calloc(MANY, sizeof *data);
    const double five = 5;
    const tg_array *back, a[] = {{"large", TG_F64, tg_shape1(MANY), data}, {"small", TG_F64, tg_shape0(), &five}};
    size_t count;
    data[MANY - 1] = 3;
    cr_assert_eq(tg_write_npz(g, "r.npz", a, 2), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_read_npz(g, "r.npz", &back, &count), TG_OK, "%s", tg_message(g));
    cr_assert_eq(((const double *)back[0].data)[MANY - 1], 3);
    cr_assert_eq(*(const double *)back[1].data, 5);
    free(data);
}

Test(npz_write, memory) {
    const tg_array a[] = {{"x", TG_I32, tg_shape1(2), (int32_t[]){1, 2}}, {"y", TG_I32, tg_shape0(), &(int32_t){3}}};
    size_t calls = 0;
    for (size_t fail = 1; fail <= calls + 1; fail++) {
        struct heap heap = {0};
        tg_graph *own = tg_graph_new_with(heap_allocator(&heap));
        heap.calls = 0;
        heap.fail_at = fail;
        if (tg_write_npz(own, "x.npz", a, 2) != TG_OK) {
            calls = fail;
            cr_assert_eq(files(NULL), 0);
            cr_assert_eq(tg_error(own), TG_MEMORY);
        }
        tg_graph_free(own);
        cr_assert(heap.live == 0 && heap.wrong == 0);
    }
    cr_assert_gt(calls, 3);
    cr_assert_eq(files(NULL), 1);
}

/* -------------------------------------------------------------------------------------------- beside NumPy itself */

static const char script[] =
    "import numpy as np, zipfile\n"
    "assert zipfile.ZipFile('ours.npz').testzip() is None\n"
    "f = np.load('ours.npz')\n"
    "np.savez('stored.npz', **f)\n"
    "np.savez_compressed('packed.npz', **f)\n"
    "assert f['bn1/x'].dtype == np.float32 and f['bn1/x'].shape == () and f['bn1/x'] == np.float32(0.1)\n"
    "assert f['%2E./%2E./x'].shape == (0, 5)\n"
    "assert len(np.load('none.npz').files) == 0\n";

static const char *python(void) {
    static const char *const names[] = {"/usr/bin/python3", "python3"};
    char command[80];
    for (size_t i = 0; i < 2; i++) {
        snprintf(command, sizeof command, "%s -c 'import numpy' 2>/dev/null", names[i]);
        if (system(command) == 0) return names[i];
    }
    return NULL;
}

Test(npz_write, what_numpy_makes_of_it) {
    static _Alignas(16) unsigned char bits[32768];
    tg_array arrays[34];
    char command[80];
    const tg_array *back;
    size_t count = all_kinds(arrays, bits, sizeof bits), n;
    if (python() == NULL) {
        cr_log_warn("skipped: no python3 with numpy (package python3-numpy)");
        return;
    }
    arrays[count++] = (tg_array){"bn1/x", TG_F32, tg_shape0(), &(float){0.1F}};
    arrays[count++] = (tg_array){"../../x", TG_F32, tg_shape2(0, 5), NULL};
    cr_assert_eq(tg_write_npz(g, "ours.npz", arrays, count), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_write_npz(g, "none.npz", NULL, 0), TG_OK);
    put("check.py", script, sizeof script - 1);
    snprintf(command, sizeof command, "%s check.py", python());
    cr_assert_eq(system(command), 0);
    for (int packed = 0; packed < 2; packed++) {
        cr_assert_eq(tg_read_npz(g, packed ? "packed.npz" : "stored.npz", &back, &n), TG_OK, "%s", tg_message(g));
        cr_assert_eq(n, count);
        for (size_t i = 0; i < count; i++) same(&arrays[i], &back[i]);
    }
}
