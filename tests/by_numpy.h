/* What tg_write_numpy wrote, run by Python on the tape's own arrays (tests/numpy_check). A source that includes this
 * defines _XOPEN_SOURCE 700 first, for mkdtemp and nftw. */
#ifndef TESTS_BY_NUMPY_H
#define TESTS_BY_NUMPY_H

#include "export.h"
#include "folder.h"
#include "support.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------------- a case on disk */

static char directory[40];
static const char *python;
static int cases;
static double slack = 1; /* how many times the usual tolerance: where rounding is carried on, or f32 is on the way */

static inline bool runs(const char *command) {
    char line[400];
    snprintf(line, sizeof line, "%s -c 'import numpy' >/dev/null 2>&1", command);
    return system(line) == 0;
}

static inline void begin(void) {
    python = runs("python3") ? "python3" : runs("/usr/bin/python3") ? "/usr/bin/python3" : NULL;
    static const char why[] = "skipped: there is no python3 with numpy to run what was written";
    if (!python) fprintf(stderr, "test_numpy: %s\n", why);
    if (!python) cr_skip_test("%s", why);
    folder_new(directory, "numpy");
}

static inline int gone(const char *path, const struct stat *about, int kind, struct FTW *at) {
    (void)about, (void)kind, (void)at;
    return remove(path);
}

static inline void end(void) {
    char line[600];
    snprintf(line, sizeof line, "%s '%s/tests/numpy_check' '%s'", python, SOURCE, directory);
    const int status = system(line);
    if (status == 0) nftw(directory, gone, 8, FTW_DEPTH | FTW_PHYS);
    cr_assert_eq(status, 0, "see %s", directory);
}

static inline void path_of(char path[300], const char *name, const char *kind, size_t number) {
    snprintf(path, 300, "%s/%03d-%s/%s%zu.npy", directory, cases, name, kind, number);
}

static inline void save(tg_node a, const char *name, const char *kind, size_t number) {
    char path[300];
    path_of(path, name, kind, number);
    cr_assert_eq(tg_save(a, path), TG_OK, "%s", tg_message(a.graph));
}

static inline void want(tg_node a, const char *name, size_t number) {
    char path[300];
    double *scale = malloc((tg_size(a) + 1) * sizeof *scale);
    save(a, name, "want", number);
    if (!tg__scale(a.graph, a.id, scale))
        for (size_t i = 0; i < tg_size(a); i++) scale[i] = fabs(tg_item(a, i));
    for (size_t i = 0; i < tg_size(a); i++) scale[i] *= slack;
    path_of(path, name, "scale", number);
    cr_assert_eq(tg_write_npy(a.graph, path, TG_F64, tg_dims(a), scale), TG_OK);
    free(scale);
}

/* Writes the part of d up to out (nil: all), and what goes in and comes out. The tape has run. */
static inline void put(tg_grads d, tg_node out, const char *name) {
    tg_graph *g = d.graph;
    struct tg__part p;
    char path[300];
    size_t count[8] = {0}, gradients = 1;
    cr_assert_eq(tg_run(g), TG_OK, "%s: %s", name, tg_message(g));
    snprintf(path, sizeof path, "%s/%03d-%s", directory, ++cases, name);
    cr_assert_eq(mkdir(path, 0700), 0);
    strcat(path, "/script.py");
    cr_assert_eq(tg_write_numpy(d, out, "f", path), TG_OK, "%s: %s", name, tg_message(g));
    cr_assert(tg__part_new(&p, d, out, "f", "test"));
    for (uint32_t id = 1; id <= p.last; id++) {
        const int role = p.role[id];
        const char *kind = role == TG__ARGUMENT ? "argument" : role == TG__COTANGENT ? "cotangent" : "extra";
        if (role == TG__ARGUMENT || role == TG__COTANGENT || role == TG__EXTRA)
            save(tg__handle(g, id), name, kind, count[role]++);
        const uint32_t gradient = role == TG__ARGUMENT ? tg__part_gradient(&p, id) : 0;
        if (gradient) want(tg__handle(g, gradient), name, gradients++);
    }
    want(tg__handle(g, p.out), name, 0);
    tg__part_free(&p);
}

/* With respect to a random cotangent, and the sum of squares of the gradients once more. */
static inline void put_twice(tg_node out, uint64_t *state, const char *name) {
    tg_graph *g = out.graph;
    tg_node c = tg_input(g, tg_dtype_of(out), tg_dims(out));
    double *cotangent = random_array(state, tg_size(c), 0.5, 1.5);
    cr_assert_eq(set_doubles(c, cotangent), TG_OK);
    free(cotangent);
    const uint32_t leaves = tg_count(g);
    tg_grads d = tg_backward(out, c);
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", name, tg_message(g));
    put(d, tg_nil(g), name);
    tg_node slope = tg_nil(g);
    for (uint32_t id = 1; id < leaves; id++) {
        tg_node leaf = tg_node_at(g, id);
        if (!tg__is_leaf(tg__node_of(g, id)) || !tg_has_grad(d, leaf)) continue;
        tg_node term = tg_sum(tg_square(tg_grad(d, leaf)), tg_axes_all());
        slope = tg_is_nil(slope) ? term : tg_add(slope, term);
    }
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", name, tg_message(g));
    put(tg_backward(slope, tg_nil(g)), tg_nil(g), name);
}

static inline tg_node leaf(tg_graph *g, tg_dtype dtype, tg_shape shape, uint64_t *state, double low, double high) {
    tg_node a = tg_input(g, dtype, shape);
    double *values = random_array(state, tg_size(a), low, high);
    cr_assert_eq(set_doubles(a, values), TG_OK, "%s", tg_message(g));
    free(values);
    return a;
}

#endif
