/* Tapes as C: what tg_write_c_staged writes is compiled, run on the same leaves, and every member of its struct compared
 * with the tape, bit for bit. Many functions go into one library, for a compiler costs more to start than to run. */
#ifndef TESTS_EMITTED_H
#define TESTS_EMITTED_H

#include "emit.h"
#include "support.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <unistd.h>

enum { CASES = 640 };

static struct {
    tg_grads d;
    tg_node out;
    int status; /* what the functions are to return */
} cases[CASES];
static int count;
static uint64_t state = 20240611;
static char directory[64];

/* ---------------------------------------------------------------------------------------------------- writing them */

static inline const char *path(const char *name, int number) {
    static char text[2][128];
    static int turn;
    turn = !turn;
    snprintf(text[turn], sizeof text[turn], "%s/%s%d", directory, name, number);
    return text[turn];
}

static inline void begin(void) {
    strcpy(directory, "/tmp/tapegrad-emit-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    count = 0;
}

/* Gives every leaf that has no value random ones, runs, and takes the case in. */
static inline void add_case(tg_grads d, tg_node out) {
    tg_graph *g = d.graph;
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        tg_node a = tg_node_at(g, id);
        const struct tg__node *n = tg__get(a);
        if (!tg__is_leaf(n) || n->op == &tg__op_const || tg__valid(g, id)) continue;
        double *v = random_array(&state, tg_size(a), 0.25, 2);
        int32_t *label = calloc(tg_size(a) + 1, sizeof *label);
        for (size_t i = 0; i < tg_size(a); i++) label[i] = (int32_t)random_below(&state, 3);
        cr_assert_eq(tg_dtype_of(a) == TG_I32 ? tg_set(a, label) : set_doubles(a, v), TG_OK);
        free(v);
        free(label);
    }
    const tg_status status = tg_run(g);
    cr_assert(status == TG_OK || status == TG_VALUE, "%s", tg_message(g));
    char name[20];
    snprintf(name, sizeof name, "case%d", count);
    cr_assert_lt(count, CASES);
    cr_assert_eq(tg_write_c_staged(d, out, name, path("c", count)), TG_OK, "%s", tg_message(g));
    cases[count].d = d;
    cases[count].out = out;
    cases[count++].status = status != TG_OK;
}

struct view { /* a case as the writer saw it */
    struct tg__part part;
    struct tg__places places;
};

static inline struct view look(int k) {
    struct view v;
    cr_assert(tg__part_new(&v.part, cases[k].d, cases[k].out, "x", "test"));
    cr_assert(tg__places_new(&v.places, &v.part));
    return v;
}

static inline void unlook(struct view *v) {
    tg__places_free(&v->places, &v->part);
    tg__part_free(&v->part);
}

static inline bool is_backwards(int role) { return role == TG__BACKWARD || role == TG__COTANGENT || role == TG__EXTRA; }

static inline bool is_member(const struct view *v, uint32_t id) { return v->places.spot[id].place == TG__MEMBER; }

/* Members go in and out by memcpy, in the order of the tape. */
static inline void put_copies(FILE *file, const struct view *v, int k, bool in, bool backwards) {
    for (uint32_t id = 1, at = 0; id <= v->part.last; id++) {
        if (!is_member(v, id)) continue;
        const char *ident = tg__ident(&v->part, id);
        if (in && !tg__is_computed(&v->part, id) && is_backwards(v->part.role[id]) == backwards)
            fprintf(file, "    memcpy(&s%d.%s, m[%u], sizeof s%d.%s);\n", k, ident, at, k, ident);
        else if (!in && tg__is_computed(&v->part, id))
            fprintf(file, "    memcpy(m[%u], &s%d.%s, sizeof s%d.%s);\n", at, k, ident, k, ident);
        at++;
    }
}

static inline void write_caller(FILE *file, int k) {
    struct view v = look(k);
    fprintf(file, "#include \"c%d\"\nstatic struct case%d s%d;\nint run%d(void **m) {\n    int r = 0;\n", k, k, k, k);
    put_copies(file, &v, k, true, false);
    fprintf(file, "    %scase%d_forward(&s%d);\n", v.places.fails[0] ? "r |= " : "", k, k);
    put_copies(file, &v, k, true, true);
    fprintf(file, "    %scase%d_backward(&s%d);\n", v.places.fails[1] ? "r |= " : "", k, k);
    put_copies(file, &v, k, false, false);
    fprintf(file, "    (void)m;\n    return r;\n}\n");
    unlook(&v);
}

static inline void *compile(const char *compiler) {
    char command[1000];
    FILE *file = fopen(path("all.c", 0), "w");
    cr_assert_not_null(file);
    fprintf(file, "#include <string.h>\n");
    for (int k = 0; k < count; k++) fprintf(file, "int run%d(void **m);\n", k);
    for (int k = 0; k < count; k++) write_caller(file, k);
    fclose(file);
    snprintf(command, sizeof command,
             "%s -std=c99 -pedantic -Wall -Wextra -Werror -ffp-contract=off -shared -fPIC -x c %s -o %s -lm", compiler,
             path("all.c", 0), path("all.so", 0));
    cr_assert_eq(system(command), 0, "%s", command);
    void *library = dlopen(path("all.so", 0), RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(library, "%s", dlerror());
    return library;
}

/* ------------------------------------------------------------------------------------------------------ comparing */

static inline double units(double a, double b, tg_dtype dtype) { /* apart, in units in the last place */
    int exponent;
    frexp(b, &exponent);
    return a == b || (isnan(a) && isnan(b)) ? 0 : fabs(a - b) / ldexp(1, exponent - (dtype == TG_F32 ? 24 : 53));
}

/* 0: the same bits. 1: a transcendental of such. 2: what is made of those. 3: of those in f32. */
static inline int looseness(const tg_graph *g, uint32_t id, const char *loose) {
    const struct tg__node *n = tg__node_of(g, id);
    int most = 0;
    for (int i = 0; i < n->operands; i++) {
        const int own = tg__node_of(g, n->in[i])->dtype == TG_F32 ? 3 : 2;
        if (loose[n->in[i]]) most = most == 3 || loose[n->in[i]] == 3 ? 3 : own;
    }
    if (most == 0 && n->op->transcendent) most = 1;
    return most;
}

static inline void compare(tg_node a, const void *theirs, int loose, int k, const char *ident) {
    const tg_dtype dtype = tg_dtype_of(a);
    double size = 0;
    for (size_t i = 0; i < tg_size(a); i++) size = fmax(size, fabs(tg_item(a, i)));
    for (size_t i = 0; i < tg_size(a); i++) {
        const double x = tg_item(a, i), y = tg__load(dtype, theirs, i);
        const bool same = (x == y && !signbit(x) == !signbit(y)) || (isnan(x) && isnan(y));
        const bool near = loose == 1   ? units(y, x, dtype) <= 4
                          : loose >= 2 ? fabs(x - y) <= (loose == 3 ? 1e-4 : 1e-12) * (1 + size)
                                       : false;
        cr_assert(same || near, "case %d: %s[%zu] is %.17g, on the tape %.17g (%s)", k, ident, i, y, x, tg_op_of(a));
    }
}

static inline void check_case(void *library, int k) {
    struct view v = look(k);
    tg_graph *g = v.part.graph;
    char name[20], *loose = calloc(v.part.last + 1, 1);
    void **member = calloc(v.part.last + 1, sizeof *member);
    size_t n = 0;
    for (uint32_t id = 1; id <= v.part.last; id++) {
        if (!is_member(&v, id)) continue;
        const size_t bytes = tg_size(tg_node_at(g, id)) * tg__item_size(tg_dtype_of(tg_node_at(g, id)));
        member[n] = calloc(1, bytes);
        const bool given = !tg__is_computed(&v.part, id);
        cr_assert(!given || tg__valid(g, id));
        if (given) memcpy(member[n], tg_value(tg_node_at(g, id)), bytes);
        n++;
    }
    snprintf(name, sizeof name, "run%d", k);
    int (*run)(void **);
    *(void **)&run = dlsym(library, name);
    cr_assert_not_null(run);
    cr_assert_eq(run(member), cases[k].status, "case %d returns another status", k);
    n = 0;
    for (uint32_t id = 1; id <= v.part.last; id++) {
        const bool given = v.part.role[id] == TG__ABSENT || !tg__is_computed(&v.part, id);
        loose[id] = (char)(given ? 0 : looseness(g, id, loose));
        if (!is_member(&v, id)) continue;
        if (!given && !cases[k].status) compare(tg_node_at(g, id), member[n], loose[id], k, tg__ident(&v.part, id));
        free(member[n++]);
    }
    free(member);
    free(loose);
    unlook(&v);
}

/* thorough: where vectorizers do most, and in the long run by another compiler. Under the sanitizers, which check the
 * writer, the short run leaves the vectorizers out. */
static inline void check_all(bool thorough) {
    thorough = thorough && (!SANITIZED || is_long());
    const char *const compilers[] = {thorough ? "cc -O3 -march=native" : is_long() ? "cc -O1" : "cc -O0", "clang -O1"};
    for (size_t i = 0; i < (thorough && is_long() ? 2 : 1); i++) {
        if (i && system("command -v clang >/dev/null") != 0) continue;
        void *library = compile(compilers[i]);
        for (int k = 0; k < count; k++) check_case(library, k);
        dlclose(library);
        unlink(path("all.so", 0));
    }
    for (int k = 0; k < count; k++) {
        unlink(path("c", k));
        bool last = true; /* of its graph */
        for (int j = k + 1; j < count; j++) last &= cases[j].d.graph != cases[k].d.graph;
        if (last) tg_graph_free(cases[k].d.graph);
    }
    unlink(path("all.c", 0));
    rmdir(directory);
}

#endif
