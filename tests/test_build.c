/* What the library says of its own build is so. */
#include "beside.h"

#include <stdio.h>
#include <zlib.h>

static char text[4000];

static void print(void) {
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    tg_print_build(file);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
}

static void says(const char *what) { cr_expect(strstr(text, what), "'%s' is not in:\n%s", what, text); }

Test(build, is_what_it_says) {
    const tg_build b = tg_build_info();
    cr_expect_str_eq(b.version, TG_VERSION);
    cr_expect_str_eq(b.zlib, zlibVersion());
    cr_expect_eq(strcmp(b.blas, "none") != 0, HAS_BLAS, "%s", b.blas);
    cr_expect(HAS_BLAS || !b.blas_held);
    cr_expect(strncmp(b.compiler, "gcc ", 4) == 0 || strncmp(b.compiler, "clang ", 6) == 0, "%s", b.compiler);
    const char *all[] = {b.version, b.compiler, b.blas, b.vector_math, b.processor, b.zlib};
    print();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) says(all[i]);
#ifdef __x86_64__
    const bool wide = __builtin_cpu_supports("avx2");
    cr_expect_eq(strncmp(b.processor, "AVX", 3) == 0, wide, "%s", b.processor);
#endif
    size_t lines = 0;
    for (const char *s = text; *s; s++) lines += *s == '\n';
    cr_expect_eq(lines, 7);
}

#ifdef _OPENMP
Test(build, threads_as_they_are_set) {
    for (int threads = 1; threads < 4; threads++) {
        char line[40];
        set_threads(threads);
        snprintf(line, sizeof line, "threads      %d (OpenMP)\n", threads);
        cr_expect(tg_build_info().openmp);
        cr_expect_eq(tg_build_info().threads, threads);
        print();
        says(line);
    }
}
#else
Test(build, one_thread) {
    cr_expect_not(tg_build_info().openmp);
    cr_expect_eq(tg_build_info().threads, 1);
}
#endif

/* OpenBLAS names its version and the processor that its kernels are for. */
Test(build, names_the_kernels) {
    const tg_build b = tg_build_info();
    if (strncmp(b.blas, "OpenBLAS", 8) != 0) cr_skip("no OpenBLAS here");
    cr_expect(b.blas_held);
    cr_expect_gt(strlen(b.blas), 12, "%s", b.blas);
}
