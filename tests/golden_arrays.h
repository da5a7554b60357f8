/* A golden .npz file of cases: arrays called "case/key", as leaves and as what a node has to be. */
#ifndef TESTS_GOLDEN_ARRAYS_H
#define TESTS_GOLDEN_ARRAYS_H

#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct golden {
    tg_graph *graph; /* the arrays are its */
    const tg_array *arrays;
    size_t count;
    const char *of; /* the case */
};

static inline struct golden golden_open(tg_graph *g, const char *path, const char *of) {
    struct golden golden = {.graph = g, .of = of};
    cr_assert_eq(tg_read_npz(g, path, &golden.arrays, &golden.count), TG_OK, "%s", tg_message(g));
    return golden;
}

static inline const tg_array *golden_find(const struct golden *golden, const char *key) {
    char name[60];
    const tg_array *found = NULL;
    snprintf(name, sizeof name, "%s/%s", golden->of, key);
    for (size_t i = 0; i < golden->count; i++)
        if (strcmp(golden->arrays[i].name, name) == 0) found = &golden->arrays[i];
    cr_assert_not_null(found, "%s is not in the golden file", name);
    return found;
}

static inline tg_node golden_leaf(const struct golden *golden, const char *key, tg_dtype dtype) {
    const tg_array *a = golden_find(golden, key);
    tg_node x = tg_let(tg_param(golden->graph, dtype, a->shape), key, __FILE__, __LINE__);
    cr_assert_eq(dtype == TG_I32 ? tg_set(x, a->data) : set_doubles(x, a->data), TG_OK);
    return x;
}

/* f64: 1e-12 of what was added up; f32: 2e-5, as everywhere. */
static inline void golden_same(const struct golden *golden, tg_node a, const char *key) {
    const double tolerance = tg_dtype_of(a) == TG_F64 ? 1e-12 : 2e-5;
    tg_difference d;
    cr_assert_eq(tg_compare(a, *golden_find(golden, key), tolerance, NULL, &d), TG_OK, "%s", tg_message(golden->graph));
    cr_assert(!d.parts, "%s/%s[%zu]: %.17g, not %.17g (%g of its scale)", golden->of, key, d.index, d.ours, d.theirs,
              d.error);
}

#endif
