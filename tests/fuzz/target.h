/* A fuzz target is a file that defines these two functions. libFuzzer calls the first with bytes that it finds, drive.c
 * with examples that the second makes. */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include "support.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count); /* ends the process where an oracle is violated */

enum { EXAMPLE_ROOM = 1 << 16 };
size_t fuzz_example(uint64_t seed, uint8_t *bytes); /* at most EXAMPLE_ROOM, the same ones for the same seed */

#define require(truth, ...) ((truth) ? (void)0 : fuzz_stop(#truth, __FILE__, __LINE__, __VA_ARGS__))

TG_FORMAT_(4, 5)
static inline void fuzz_stop(const char *what, const char *file, int line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: not true: %s: ", file, line, what);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

#endif
