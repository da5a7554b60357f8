/* What the library was built with, and what it uses on this processor. */
#include "ops.h"
#include "product.h"

#include <zlib.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

tg_build tg_build_info(void) {
    tg_build b = {.version = TG_VERSION, .compiler = COMPILER, .threads = 1, .zlib = zlibVersion()};
    b.blas = tg__blas_name();
    b.blas_held = tg__blas_is_held();
    b.vector_math = tg__vector_math();
    b.processor = tg__vector_unit();
#ifdef _OPENMP
    b.openmp = true;
    b.threads = omp_get_max_threads();
#endif
    return b;
}

static const char *how_held(const tg_build *b) {
    if (strcmp(b->blas, "none") == 0) return " (large products take the library's own loop)";
    return b->blas_held ? " (held to one thread)" : " (cannot be held to one thread: not used unless allowed)";
}

void tg_print_build(FILE *file) {
    const tg_build b = tg_build_info();
    fprintf(file, "tapegrad     %s\n", b.version);
    fprintf(file, "compiler     %s\n", b.compiler);
    fprintf(file, "BLAS         %s%s\n", b.blas, how_held(&b));
    fprintf(file, "threads      %d%s\n", b.threads, b.openmp ? " (OpenMP)" : " (built without OpenMP)");
    fprintf(file, "vector math  %s\n", b.vector_math);
    fprintf(file, "processor    %s\n", b.processor);
    fprintf(file, "zlib         %s\n", b.zlib);
}
