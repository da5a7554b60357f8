/* Tapes as machine code: simplified, fused, written, compiled and run on the same leaves; what comes out is compared
 * with the tape. Many programs go into one file, for a compiler costs more to start than to run. */
#ifndef TESTS_COMPILED_H
#define TESTS_COMPILED_H

#include "source.h"
#include "support.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

enum { CASES = 1024, RESULTS = 400 };

typedef int compiled_function(void *const *at, char *work, tg_loop *const *loop, int (*call)(void *self, unsigned node),
                              void *self);

static struct compiled {
    tg_graph *g;
    uint32_t *wanted; /* nodes of g */
    size_t count;
    bool fails;   /* the small tape does: the program is to return 1 */
    bool unknown; /* the tape does, and has no values to compare with */
    struct tg__small small;
    struct tg__fused fused;
    struct tg__code code;
    void **at; /* what is outside, by number */
    char *work;
    const char *what; /* for messages */
    int number;
} cases[CASES];
static int count;
static uint64_t state = 20250114;
static char directory[64];

static inline const char *path_in(const char *name) {
    static char text[128];
    snprintf(text, sizeof text, "%s/%s", directory, name);
    return text;
}

/* ------------------------------------------------------------------------------------------------------ taking one in
 */

/* Every leaf that has no value gets random ones. */
static inline void give_all(tg_graph *g, double low, double high) {
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        tg_node a = tg_node_at(g, id);
        const struct tg__node *n = tg__get(a);
        if (!tg__is_leaf(n) || n->op == &tg__op_const || tg__valid(g, id)) continue;
        double *v = random_array(&state, tg_size(a), low, high);
        int32_t *label = calloc(tg_size(a) + 1, sizeof *label);
        for (size_t i = 0; i < tg_size(a); i++) label[i] = (int32_t)random_below(&state, 3);
        cr_assert_eq(tg_dtype_of(a) == TG_I32 ? tg_set(a, label) : set_doubles(a, v), TG_OK, "%s", tg_message(g));
        free(v);
        free(label);
    }
}

static inline void begin(void) {
    strcpy(directory, "/tmp/tapegrad-exact-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    count = 0;
}

/* A run of the tape computes nodes that nobody wants, too, and may fail there. */
static inline bool fails_small(const struct compiled *c) {
    tg_graph *small = c->small.graph;
    for (uint32_t id = 1; id <= tg_count(small); id++) {
        const struct tg__node *n = tg__node_of(small, id);
        if (!tg__is_leaf(n) || n->op == &tg__op_const) continue;
        cr_assert_eq(tg_set(tg_node_at(small, id), tg__value_of(c->g, c->small.origin[id])->data), TG_OK);
    }
    return tg_run(small) != TG_OK;
}

/* The graph is the case's from now on. wanted: nodes of it. */
static inline struct compiled *add_case(tg_graph *g, const tg_node *wanted, size_t n, tg_mode mode, const char *what) {
    cr_assert(count < CASES && n > 0);
    struct compiled *c = &cases[count];
    *c = (struct compiled){.g = g, .count = n, .what = what, .number = count};
    count++;
    give_all(g, 0.25, 2);
    c->wanted = calloc(n, sizeof *c->wanted);
    for (size_t i = 0; i < n; i++) {
        c->wanted[i] = wanted[i].id;
        const tg_status status = tg_run_to(wanted[i]);
        cr_assert(status == TG_OK || status == TG_VALUE, "%s: %s", what, tg_message(g));
        c->unknown |= status != TG_OK;
    }
    const struct tg__goal goal = {.graph = g, .wanted = c->wanted, .count = n, .mode = mode};
    cr_assert(tg__simplify(&goal, &c->small), "%s: %s", what, tg_message(g));
    c->fails = c->unknown && fails_small(c);
    cr_assert(tg__fuse(&c->fused, c->small.graph, c->small.graph->nodes.length, c->small.result, c->small.count, mode),
              "%s: fuse", what);
    c->code.slot = calloc(c->small.graph->nodes.length, sizeof *c->code.slot);
    return c;
}

/* Everything on the tape that is computed. */
static inline struct compiled *add_all(tg_graph *g, tg_mode mode, const char *what) {
    tg_node *wanted = calloc(tg_count(g) + 1, sizeof *wanted);
    size_t n = 0;
    for (uint32_t id = 1; id <= tg_count(g); id++)
        if (!tg__is_leaf(tg__node_of(g, id))) wanted[n++] = tg_node_at(g, id);
    if (n == 0) wanted[n++] = tg_node_at(g, 1);
    struct compiled *c = add_case(g, wanted, n, mode, what);
    free(wanted);
    return c;
}

/* ---------------------------------------------------------------------------------------------------------- compiling
 */

static inline void to_file(struct tg__sheet *s, const char *text, size_t length) {
    cr_assert_eq(fwrite(text, 1, length, s->to), length);
}

static inline void write_case(FILE *file, struct compiled *c) {
    char name[16];
    struct tg__sheet sheet = {.put = to_file, .to = file};
    snprintf(name, sizeof name, "p%d", c->number);
    const struct tg__point point = tg__point_open();
    cr_assert(tg__source(&sheet, &c->fused, name, &c->code), "%s: source", c->what);
    tg__point_close(point);
}

static inline void write_all(void) {
    FILE *file = fopen(path_in("all.c"), "w");
    cr_assert_not_null(file);
    for (int k = 0; k < count; k++) write_case(file, &cases[k]);
    cr_assert_eq(fclose(file), 0);
}

static inline void *build_all(const char *compiler) {
    char command[400];
    snprintf(command, sizeof command, "%s -std=c11 -fno-math-errno -w -shared -fPIC -x c %s/all.c -o %s/all.so -lm",
             compiler, directory, directory);
    cr_assert_eq(system(command), 0, "%s", command);
    void *library = dlopen(path_in("all.so"), RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(library, "%s", dlerror());
    unlink(path_in("all.so"));
    return library;
}

/* ------------------------------------------------------------------------------------------------------------ running
 */

static inline void *place_of(const struct compiled *c, uint32_t id) {
    if (tg__node_of(c->small.graph, id)->shape->count == 0) return (void *)(uintptr_t)c;
    id = tg__base_of(&c->fused, id);
    const struct tg__item *x = &c->fused.item[id];
    return c->code.slot[id] ? c->at[c->code.slot[id] - 1] : x->stored ? c->work + x->offset : NULL;
}

static inline int call_kernel(void *self, unsigned id) {
    const struct compiled *c = self;
    const struct tg__node *n = tg__node_of(c->small.graph, id);
    struct tg__call call = {.graph = c->small.graph, .id = id, .node = n};
    for (int i = 0; i < n->operands; i++) {
        call.in[i] = place_of(c, n->in[i]);
        call.shape[i] = tg__node_of(c->small.graph, n->in[i])->shape;
    }
    call.out = place_of(c, id);
    return n->op->run(&call) != TG_OK;
}

static inline void *lined_up(size_t bytes, int dirt) {
    void *block = aligned_alloc(64, bytes / 64 * 64 + 64);
    cr_assert_not_null(block);
    return memset(block, dirt, bytes / 64 * 64 + 64);
}

/* dirt: what memory is filled with before, which nobody may read. */
static inline int run_case(void *library, struct compiled *c, int dirt) {
    tg_graph *small = c->small.graph;
    char name[16];
    compiled_function *run;
    snprintf(name, sizeof name, "p%d", c->number);
    *(void **)&run = dlsym(library, name);
    cr_assert_not_null(run, "%s", name);
    c->at = calloc(c->code.slots + 1, sizeof *c->at);
    c->work = lined_up(c->fused.work, dirt);
    for (uint32_t id = 1; id < small->nodes.length; id++) {
        const struct tg__node *n = tg__node_of(small, id);
        const uint32_t slot = c->code.slot[id];
        if (!slot) continue;
        if (!tg__is_leaf(n))
            c->at[slot - 1] = lined_up(tg__bytes(n), dirt);
        else if (n->op == &tg__op_const)
            c->at[slot - 1] = (void *)(uintptr_t)tg__value_of(small, id)->data;
        else
            c->at[slot - 1] = (void *)(uintptr_t)tg__value_of(c->g, c->small.origin[id])->data;
    }
    small->busy = true;
    const int status = run(c->at, c->work, c->code.functions.loop, call_kernel, c);
    small->busy = false;
    return status;
}

static inline void clear_case(struct compiled *c) {
    for (uint32_t id = 1; id < c->small.graph->nodes.length; id++)
        if (c->code.slot[id] && !tg__is_leaf(tg__node_of(c->small.graph, id))) free(c->at[c->code.slot[id] - 1]);
    free(c->at);
    free(c->work);
}

/* ---------------------------------------------------------------------------------------------------------- comparing
 */

static inline const void *result_of(const struct compiled *c, size_t i) {
    const uint32_t slot = c->code.slot[c->small.result[i]];
    return slot ? c->at[slot - 1] : NULL; /* without elements */
}

static inline bool same_number(double x, double y) {
    return (x == y && !signbit(x) == !signbit(y)) || (isnan(x) && isnan(y));
}

/* How many elements differ; NaN is NaN. The first of them is described. */
static inline size_t differ(const struct compiled *c, char *text, size_t room) {
    size_t wrong = 0;
    for (size_t i = 0; i < c->count; i++) {
        const tg_node a = tg_node_at(c->g, c->wanted[i]);
        const void *ours = result_of(c, i), *tape = tg_value(a);
        const size_t bytes = tg_size(a) * tg__item_size(tg_dtype_of(a));
        if (!bytes || (ours && tape && memcmp(ours, tape, bytes) == 0)) continue;
        for (size_t k = 0; k < tg_size(a); k++) {
            const double x = tg__load(tg_dtype_of(a), tape, k), y = ours ? tg__load(tg_dtype_of(a), ours, k) : 0;
            if (ours && same_number(x, y)) continue;
            if (!wrong++)
                snprintf(text, room, "#%u '%s' (%s)[%zu of %zu] is %.17g, on the tape %.17g", a.id,
                         tg_name(a) ? tg_name(a) : "", tg_op_of(a), k, tg_size(a), y, x);
        }
    }
    return wrong;
}

static inline void check_case(void *library, struct compiled *c) {
    char text[400] = "";
    const int status = run_case(library, c, 0xa5);
    cr_expect_eq(status != 0, c->fails, "%s (p%d): returns %d, the tape %s", c->what, c->number, status,
                 c->fails ? "fails" : "does not fail");
    if (!c->unknown && status == 0) {
        const size_t wrong = differ(c, text, sizeof text);
        cr_expect_eq(wrong, 0, "%s (p%d): %zu differ; %s", c->what, c->number, wrong, text);
    }
    clear_case(c);
}

static inline void free_cases(void) {
    for (int k = 0; k < count; k++) {
        struct compiled *c = &cases[k];
        tg__fused_free(&c->fused);
        tg__small_free(&c->small, c->g);
        free(c->code.slot);
        free(c->wanted);
    }
    for (int k = 0; k < count; k++) {
        bool last = true; /* of its graph */
        for (int j = k + 1; j < count; j++) last &= cases[j].g != cases[k].g;
        if (last) tg_graph_free(cases[k].g);
    }
    unlink(path_in("all.c"));
    rmdir(directory);
    count = 0;
}

#endif
