/* Runs a fuzz target without libFuzzer: on its own examples from a fixed seed, or on files. */
#include "target.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

static uint64_t seed; /* of the example that runs now */
static const char *program;

static void usage(void) {
    fprintf(stderr,
            "usage: %s [--seed N] [--count N | --seconds S | --slice N] [--corpus DIR] [FILE...]\n\n"
            "Runs the target on the examples from seed N on (1 without it): on `count` of them, or on as many as S\n"
            "seconds allow; or on the bytes of each FILE. --slice is --count, but --seconds with TAPEGRAD_LONG in the\n"
            "environment (TAPEGRAD_FUZZ_SECONDS, or 120). --corpus writes the examples into DIR, for libFuzzer, and\n"
            "runs nothing.\n",
            program);
    exit(2);
}

/* The example can be run again by its seed. Only calls that a signal handler may make. */
static void report(int number) {
    char text[128] = "";
    size_t length = sizeof text;
    uint64_t left = seed;
    text[--length] = '\n';
    do text[--length] = (char)('0' + left % 10);
    while (left /= 10);
    static const char before[] = "\nrun this one again: --count 1 --seed ";
    if (write(STDERR_FILENO, before, sizeof before - 1) > 0)
        (void)!write(STDERR_FILENO, text + length, sizeof text - length);
    signal(number, SIG_DFL);
    raise(number);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A copy of exactly that size, so that a sanitizer sees who reads beyond it. */
static void run(const uint8_t *bytes, size_t count) {
    uint8_t *copy = malloc(count + !count);
    require(copy != NULL, "%zu bytes", count);
    if (count) memcpy(copy, bytes, count);
    LLVMFuzzerTestOneInput(copy, count);
    free(copy);
}

static void run_file(const char *path) {
    static uint8_t bytes[1 << 24];
    FILE *file = fopen(path, "rb");
    require(file != NULL, "%s cannot be opened", path);
    const size_t count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    run(bytes, count);
}

static void keep(const char *directory, const uint8_t *bytes, size_t count) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%llu", directory, (unsigned long long)seed);
    FILE *file = fopen(path, "wb");
    require(file != NULL && fwrite(bytes, 1, count, file) == count && fclose(file) == 0, "%s", path);
}

static void run_examples(size_t count, double seconds, const char *corpus) {
    static uint8_t bytes[EXAMPLE_ROOM];
    const double start = now(), end = start + seconds;
    size_t done = 0;
    for (; seconds > 0 ? now() < end : done < count; done++, seed++) {
        const size_t size = fuzz_example(seed, bytes);
        if (corpus)
            keep(corpus, bytes, size);
        else
            run(bytes, size);
    }
    printf("%s: %zu examples in %.1f s\n", program, done, now() - start);
}

static double slice_seconds(void) {
    const char *seconds = getenv("TAPEGRAD_FUZZ_SECONDS");
    if (!getenv("TAPEGRAD_LONG")) return 0;
    return seconds ? strtod(seconds, NULL) : 120;
}

int main(int count, char **words) {
    size_t examples = 100;
    double seconds = 0;
    const char *corpus = NULL;
    int i = 1;
    program = words[0];
    seed = 1;
    for (; i + 1 < count && strncmp(words[i], "--", 2) == 0; i += 2) {
        const char *option = words[i] + 2, *value = words[i + 1];
        if (strcmp(option, "seed") == 0)
            seed = strtoull(value, NULL, 10);
        else if (strcmp(option, "count") == 0)
            examples = strtoull(value, NULL, 10);
        else if (strcmp(option, "slice") == 0)
            examples = strtoull(value, NULL, 10), seconds = slice_seconds();
        else if (strcmp(option, "seconds") == 0)
            seconds = strtod(value, NULL);
        else if (strcmp(option, "corpus") == 0)
            corpus = value;
        else
            usage();
    }
    if (i < count && words[i][0] == '-') usage();
    const int signals[] = {SIGABRT, SIGSEGV, SIGFPE, SIGBUS};
    const int own = SANITIZED ? 1 : 4; /* AddressSanitizer handles the others itself */
    for (int k = 0; k < own && i == count && !corpus; k++) signal(signals[k], report);
    if (i == count) run_examples(examples, corpus ? 0 : seconds, corpus);
    for (; i < count; i++) run_file(words[i]);
    return 0;
}
