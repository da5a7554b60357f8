/* Pictures: tapes to draw, what was written, and other people's programs that read it. */
#ifndef TESTS_DRAWN_H
#define TESTS_DRAWN_H

#include "folder.h"
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static tg_graph *g;
static struct heap heap;
static char folder[40], at[sizeof folder + 32];

static inline void setup(void) {
    g = tg_graph_new_with(heap_allocator(&heap));
    folder_new(folder, "drawn");
}

static inline const char *place(const char *name) {
    snprintf(at, sizeof at, "%s/%s", folder, name);
    return at;
}

static inline void teardown(void) {
    static const char *const names[] = {"a.svg", "b.svg", "a.dot", "b.dot", "a.html", "names"};
    tg_graph_free(g);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(place(names[i]));
    rmdir(folder);
    cr_assert_eq(heap.blocks, 0, "%zu blocks were not given back", heap.blocks);
    cr_assert_eq(heap.wrong, 0);
}

/* ------------------------------------------------------------------------------------------------------- the file */

/* Its text; the caller frees it. */
static inline char *read_whole(const char *path) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s is not there", path);
    fseek(file, 0, SEEK_END);
    const long length = ftell(file);
    rewind(file);
    char *text = malloc((size_t)length + 1);
    cr_assert_eq(fread(text, 1, (size_t)length, file), (size_t)length);
    text[length] = 0;
    fclose(file);
    return text;
}

/* TAPEGRAD_GOLDEN=1 writes the golden files anew: look at them then. */
static inline void golden(const char *text, const char *path) {
    if (getenv("TAPEGRAD_GOLDEN")) {
        FILE *file = fopen(path, "wb");
        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
    }
    char *want = read_whole(path);
    cr_assert(strcmp(text, want) == 0, "not the bytes of %s", path);
    free(want);
}

static inline size_t count_in(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)); text += strlen(what)) n++;
    return n;
}

/* Exit code of tests/pictures; 77: the program it needs is missing; 127: python3 is. */
static inline int pictures(const char *what, const char *name) {
    char command[400];
    snprintf(command, sizeof command, "'%s/tests/pictures' %s '%s/%s'", SOURCE, what, folder, name);
    const int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void reads_well(const char *what, const char *name) {
    const int code = pictures(what, name);
    if (code == 127) fprintf(stderr, "python3 is missing: %s is not read\n", name);
    if (code == 77 || code == 127) return;
    cr_assert_eq(code, 0, "%s: exit code %d", what, code);
}

static inline double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ------------------------------------------------------------------------------------------------------- the tapes */

static inline tg_node leaf(const char *name, tg_shape shape, uint64_t seed) {
    const tg_node a = tg_let(tg_input(g, TG_F64, shape), name, "drawn.c", 1);
    double *values = random_array(&seed, tg_size(a), -1, 1);
    cr_assert_eq(tg_set(a, values), TG_OK);
    free(values);
    return a;
}

static inline tg_grads batchnorm_4x2(void) {
    const tg_node x = leaf("x", tg_shape2(4, 2), 1), gamma = leaf("gamma", tg_shape1(2), 2);
    const tg_node beta = leaf("beta", tg_shape1(2), 3), dout = leaf("dout", tg_shape2(4, 2), 4);
    const tg_grads d = tg_backward(tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, NULL), dout);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    return d;
}

static inline tg_node scoped_norms(tg_node x, int count) {
    for (int i = 0; i < count; i++) {
        char name[20];
        snprintf(name, sizeof name, "gamma%d", i);
        const tg_node gamma = leaf(name, tg_shape1(2), 2);
        snprintf(name, sizeof name, "beta%d", i);
        const tg_node beta = leaf(name, tg_shape1(2), 3);
        snprintf(name, sizeof name, "bn%d", i);
        x = tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, name);
    }
    return x;
}

/* Operators, names and scopes at random; each takes from the `reach` nodes before it, now and then from any. */
static inline tg_grads random_tape(uint64_t seed, size_t length, size_t reach, size_t scopes, size_t lets) {
    tg_node *a = malloc((length + 4) * sizeof *a);
    size_t n = 0, depth = 0;
    char name[32];
    for (; n < 4; n++) {
        snprintf(name, sizeof name, "x%zu", n);
        a[n] = leaf(name, tg_shape1(3), n + 1);
    }
    for (; n < length + 4; n++) {
        const bool moves = scopes && random_below(&seed, scopes) == 0, out = random_below(&seed, 2);
        snprintf(name, sizeof name, "s%zu", n);
        if (moves && out && depth) tg_scope_close(g), depth--;
        if (moves && !out && depth < 4) tg_scope_open(g, name), depth++;
        const size_t low = n > reach && random_below(&seed, 9) ? n - reach : 0;
        const tg_node x = a[low + random_below(&seed, n - low)], y = a[low + random_below(&seed, n - low)];
        const size_t kind = random_below(&seed, 5);
        a[n] = kind == 0   ? tg_mul(x, y)
               : kind == 1 ? tg_exp(tg_neg(tg_square(x)))
               : kind == 2 ? tg_sub(x, tg_scalar(g, TG_F64, 0.5))
               : kind == 3 ? tg_add(y, x)
                           : tg_where(tg_gt(x, y), x, a[n - 1]);
        snprintf(name, sizeof name, "v%zu", n);
        if (lets && random_below(&seed, lets) == 0) a[n] = tg_let(a[n], name, "drawn.c", 2);
    }
    while (depth-- > 0) tg_scope_close(g);
    const tg_grads d = tg_backward(tg_sum(tg_mul(a[n - 1], a[0]), tg_axes_all()), tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    free(a);
    return d;
}

#endif
