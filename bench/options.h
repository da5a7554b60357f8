/* What a benchmark is asked on its command line. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    bool json, quick, no_torch;
    const char *program, *shape, *dtype, *threads; /* NULL: all of them */
};

static inline int usage(const char *who) {
    fprintf(stderr,
            "usage: %s [--json] [--quick] [--no-torch]\n"
            "       [--program NAME] [--shape 64x256] [--dtype f32|f64] [--threads 1|2]\n"
            "    --json      rows for a machine, the summary on stderr\n"
            "    --quick     fewer turns\n"
            "    --no-torch  without PyTorch, whose turns take the longest\n"
            "    the others choose: only rows of this program, shape, dtype and number of threads\n",
            who);
    return 2;
}

static inline bool read_options(int argc, char **argv, struct options *o) {
    *o = (struct options){0};
    const struct {
        const char *name, **value;
    } words[] = {
        {"--program", &o->program}, {"--shape", &o->shape}, {"--dtype", &o->dtype}, {"--threads", &o->threads}};
    for (int i = 1; i < argc; i++) {
        bool known = false;
        if (strcmp(argv[i], "--json") == 0) known = o->json = true;
        if (strcmp(argv[i], "--quick") == 0) known = o->quick = true;
        if (strcmp(argv[i], "--no-torch") == 0) known = o->no_torch = true;
        for (size_t k = 0; k < sizeof words / sizeof *words && i + 1 < argc && !known; k++)
            if (strcmp(argv[i], words[k].name) == 0) *words[k].value = argv[++i], known = true;
        if (!known) return false;
    }
    return true;
}

static inline bool is_wanted(const char *asked, const char *is) { return !asked || strcmp(asked, is) == 0; }

/* "64x256" */
static inline const char *shape_name(const int64_t *dim, int rank, char *text, size_t room) {
    size_t n = 0;
    text[0] = 0;
    for (int i = 0; i < rank && n < room; i++)
        n += (size_t)snprintf(text + n, room - n, "%s%lld", i ? "x" : "", (long long)dim[i]);
    return text;
}

#endif
