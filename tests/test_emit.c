/* The tape as C: what tg_write_c writes is compiled, run on the same leaves, and every member of its struct compared with
 * the tape, bit for bit. Many functions go into one library, for a compiler costs more to start than to run. */
#include "emit.h"
#include "support.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <unistd.h>

TestSuite(emit, .timeout = 120);

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

static const char *path(const char *name, int number) {
    static char text[2][128];
    static int turn;
    turn = !turn;
    snprintf(text[turn], sizeof text[turn], "%s/%s%d", directory, name, number);
    return text[turn];
}

static void begin(void) {
    strcpy(directory, "/tmp/tapegrad-emit-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    count = 0;
}

/* Gives every leaf that has no value random ones, runs, and takes the case in. */
static void add_case(tg_grads d, tg_node out) {
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
    cr_assert_eq(tg_write_c(d, out, name, path("c", count)), TG_OK, "%s", tg_message(g));
    cases[count].d = d;
    cases[count].out = out;
    cases[count++].status = status != TG_OK;
}

struct view { /* a case as the writer saw it */
    struct tg__part part;
    struct tg__places places;
};

static struct view look(int k) {
    struct view v;
    cr_assert(tg__part_new(&v.part, cases[k].d, cases[k].out, "x", "test"));
    cr_assert(tg__places_new(&v.places, &v.part));
    return v;
}

static void unlook(struct view *v) {
    tg__places_free(&v->places, &v->part);
    tg__part_free(&v->part);
}

static bool is_backwards(int role) { return role == TG__BACKWARD || role == TG__COTANGENT || role == TG__EXTRA; }

static bool is_member(const struct view *v, uint32_t id) { return v->places.spot[id].place == TG__MEMBER; }

/* Members go in and out by memcpy, in the order of the tape. */
static void put_copies(FILE *file, const struct view *v, int k, bool in, bool backwards) {
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

static void write_caller(FILE *file, int k) {
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

static void *compile(const char *compiler) {
    char command[1000];
    FILE *file = fopen(path("all.c", 0), "w");
    cr_assert_not_null(file);
    fprintf(file, "#include <string.h>\n");
    for (int k = 0; k < count; k++) fprintf(file, "int run%d(void **m);\n", k);
    for (int k = 0; k < count; k++) write_caller(file, k);
    fclose(file);
    snprintf(command, sizeof command,
             "%s -std=c99 -pedantic -Wall -Wextra -Werror -O1 -ffp-contract=off -shared -fPIC -x c %s -o %s -lm", compiler,
             path("all.c", 0), path("all.so", 0));
    cr_assert_eq(system(command), 0, "%s", command);
    void *library = dlopen(path("all.so", 0), RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(library, "%s", dlerror());
    return library;
}

/* ------------------------------------------------------------------------------------------------------ comparing */

static double units(double a, double b, tg_dtype dtype) { /* apart, in units in the last place */
    int exponent;
    frexp(b, &exponent);
    return a == b || (isnan(a) && isnan(b)) ? 0 : fabs(a - b) / ldexp(1, exponent - (dtype == TG_F32 ? 24 : 53));
}

/* 0: the same bits. 1: a transcendental of such. 2: what is made of those. */
static int looseness(const tg_graph *g, uint32_t id, const char *loose) {
    const struct tg__node *n = tg__node_of(g, id);
    int most = 0;
    for (int i = 0; i < n->operands; i++)
        if (loose[n->in[i]]) most = 2;
    if (most == 0 && (strcmp(n->op->name, "exp") == 0 || strcmp(n->op->name, "log") == 0)) most = 1;
    return most;
}

static void compare(tg_node a, const void *theirs, int loose, int k, const char *ident) {
    const tg_dtype dtype = tg_dtype_of(a);
    double size = 0;
    for (size_t i = 0; i < tg_size(a); i++) size = fmax(size, fabs(tg_item(a, i)));
    for (size_t i = 0; i < tg_size(a); i++) {
        const double x = tg_item(a, i), y = tg__load(dtype, theirs, i);
        const bool same = (x == y && !signbit(x) == !signbit(y)) || (isnan(x) && isnan(y));
        const bool near = loose == 1   ? units(y, x, dtype) <= 4
                          : loose == 2 ? fabs(x - y) <= (dtype == TG_F32 ? 1e-4 : 1e-12) * (1 + size)
                                       : false;
        cr_assert(same || near, "case %d: %s[%zu] is %.17g, on the tape %.17g (%s)", k, ident, i, y, x, tg_op_of(a));
    }
}

static void check_case(void *library, int k) {
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

static void check_all(bool clang_too) {
    const char *const compilers[] = {"cc", "clang"};
    for (size_t i = 0; i < (clang_too ? 2 : 1); i++) {
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

/* ------------------------------------------------------------------------------------------------ every row alone */

static tg_node input(tg_graph *g, tg_dtype t, tg_shape shape) { return tg_input(g, t, shape); }

/* A product behind it, so that there is something to sweep where the row itself has no gradient. */
static void add_swept(tg_node a) {
    tg_graph *g = a.graph;
    TG_LET(z, a);
    tg_node weight = tg_input(g, TG_F64, tg_dims(z));
    if (tg_dtype_of(z) != TG_F64) weight = tg_cast(weight, tg_dtype_of(z) == TG_F32 ? TG_F32 : TG_F64);
    TG_LET(out, tg_mul(tg_dtype_of(z) == TG_I32 ? tg_cast(z, TG_F64) : z, weight));
    TG_LET(dout, tg_input(g, tg_dtype_of(out), tg_dims(out)));
    add_case(tg_backward(out, dout), tg_nil(g));
}

static const tg_shape pairs[][3] = {
    {{2, {4, 3}}, {2, {4, 3}}, {2, {4, 3}}}, {{2, {4, 3}}, {1, {3}}, {2, {4, 1}}}, {{0, {0}}, {0, {0}}, {0, {0}}},
    {{1, {1}}, {2, {3, 1}}, {2, {1, 4}}},    {{3, {2, 1, 4}}, {3, {1, 3, 1}}, {0, {0}}}, {{2, {0, 3}}, {1, {3}}, {0, {0}}},
};

static void add_elementwise(const struct tg_op *op, tg_dtype t) {
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        tg_graph *g = tg_graph_new();
        tg_node in[3];
        for (int k = 0; k < op->operands; k++) in[k] = input(g, t, pairs[i][k]);
        add_swept(tg__apply(op, in, NULL));
    }
}

static tg_node x23(tg_graph *g, tg_dtype t) { return tg_input(g, t, tg_shape2(2, 3)); }
static tg_node x234(tg_graph *g, tg_dtype t) { return tg_input(g, t, tg_shape3(2, 3, 4)); }
static tg_node labels(tg_graph *g, tg_shape s) { return tg_input(g, TG_I32, s); }

#define MAKE(id, e) static tg_node m_##id(tg_graph *g, tg_dtype t) { return e; }
MAKE(sum, tg_sum(x234(g, t), tg_axes2(0, 2)))
MAKE(sum_first, tg_sum(x234(g, t), tg_keep(tg_axes2(0, 1))))
MAKE(sum_none, tg_sum(tg_input(g, t, tg_shape2(0, 3)), tg_axis(0)))
MAKE(sum_empty, tg_add(tg_sum(tg_input(g, t, tg_shape2(3, 0)), tg_axis(1)), tg_input(g, t, tg_shape1(3))))
MAKE(sum_ones, tg_sum(tg_input(g, t, tg_shape3(1, 4, 1)), tg_axes2(0, 2)))
MAKE(max, tg_max(x234(g, t), tg_axis(1)))
MAKE(max_all, tg_max(x234(g, t), tg_keep(tg_axes_all())))
MAKE(max_ones, tg_max(tg_input(g, t, tg_shape2(3, 1)), tg_axis(1)))
MAKE(identity, tg_identity(x23(g, t)))
MAKE(detach, tg_detach(tg_exp(x23(g, t))))
MAKE(cast, tg_cast(x23(g, t), t == TG_F32 ? TG_F64 : TG_F32))
MAKE(cast_same, tg_cast(x23(g, t), t))
MAKE(cast_i32, tg_cast(tg_mul(x23(g, t), tg_scalar(g, t, 7)), TG_I32))
MAKE(cast_label, tg_cast(labels(g, tg_shape1(4)), t))
MAKE(reshape, tg_reshape(x234(g, t), tg_shape2(-1, 2)))
MAKE(reshape_ones, tg_reshape(x23(g, t), tg_shape4(1, 2, 1, 3)))
MAKE(reshape_scalar, tg_reshape(tg_input(g, t, tg_shape2(1, 1)), tg_shape0()))
MAKE(reshape_sum, tg_exp(tg_reshape(tg_neg(x23(g, t)), tg_shape1(6))))
MAKE(transpose, tg_transpose(x234(g, t), tg_axes3(2, 0, 1)))
MAKE(transpose_ones, tg_transpose(tg_input(g, t, tg_shape3(2, 1, 4)), tg_axes_all()))
MAKE(expand, tg_expand(tg_input(g, t, tg_shape2(3, 1)), tg_shape3(2, 3, 4)))
MAKE(expand_axes, tg_expand_axes(tg_neg(tg_input(g, t, tg_shape1(3))), tg_shape2(3, 3), tg_axis(1)))
MAKE(expand_scalar, tg_expand(tg_input(g, t, tg_shape0()), tg_shape2(3, 3)))
MAKE(matmul, tg_matmul(x23(g, t), tg_input(g, t, tg_shape2(3, 5))))
MAKE(matmul_thin, tg_matmul(tg_input(g, t, tg_shape2(4, 1)), tg_input(g, t, tg_shape2(1, 4))))
MAKE(matmul_empty, tg_add(tg_matmul(tg_input(g, t, tg_shape2(4, 0)), tg_input(g, t, tg_shape2(0, 3))),
                          tg_input(g, t, tg_shape1(3))))
MAKE(matmul_dot, tg_matmul(tg_input(g, t, tg_shape2(1, 4)), tg_neg(tg_input(g, t, tg_shape2(4, 1)))))
MAKE(gather, tg_gather(tg_input(g, t, tg_shape3(2, 4, 3)), labels(g, tg_shape2(2, 4))))
MAKE(gather_one, tg_gather(tg_input(g, t, tg_shape1(3)), tg_scalar(g, TG_I32, 2)))
MAKE(gather_seen, tg_gather(tg_input(g, t, tg_shape2(4, 3)), tg_reshape(labels(g, tg_shape2(2, 2)), tg_shape1(4))))
MAKE(gather_spread, tg_gather(tg_input(g, t, tg_shape2(4, 3)), tg_expand(labels(g, tg_shape1(1)), tg_shape1(4))))
MAKE(scatter, tg_scatter(tg_input(g, t, tg_shape1(5)), labels(g, tg_shape1(5)), 3))
MAKE(scatter_scalar, tg_scatter(tg_input(g, t, tg_shape0()), labels(g, tg_shape0()), 4))

static const struct {
    const char *op;
    tg_node (*make)(tg_graph *g, tg_dtype t);
} made[] = {{"sum", m_sum}, {"sum", m_sum_first}, {"sum", m_sum_none}, {"sum", m_sum_empty}, {"sum", m_sum_ones},
            {"max", m_max}, {"max", m_max_all}, {"max", m_max_ones}, {"identity", m_identity}, {"detach", m_detach},
            {"cast", m_cast}, {"cast", m_cast_same}, {"cast", m_cast_i32}, {"cast", m_cast_label},
            {"reshape", m_reshape}, {"reshape", m_reshape_ones}, {"reshape", m_reshape_scalar},
            {"reshape", m_reshape_sum}, {"transpose", m_transpose}, {"transpose", m_transpose_ones},
            {"expand", m_expand}, {"expand", m_expand_axes}, {"expand", m_expand_scalar}, {"matmul", m_matmul},
            {"matmul", m_matmul_thin}, {"matmul", m_matmul_empty}, {"matmul", m_matmul_dot}, {"gather", m_gather},
            {"gather", m_gather_one}, {"gather", m_gather_seen}, {"gather", m_gather_spread}, {"scatter", m_scatter},
            {"scatter", m_scatter_scalar}};

static size_t add_made(const struct tg_op *op, tg_dtype t) {
    size_t known = 0;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        if (strcmp(made[i].op, op->name) != 0) continue;
        add_swept(made[i].make(tg_graph_new(), t));
        known++;
    }
    return known;
}

Test(emit, every_row) {
    begin();
    tg_graph *g = tg_graph_new();
    for (const struct tg_op *const *op = g->calculus.operators; *op; op++)
        for (tg_dtype t = TG_F32; t <= TG_F64; t = t == TG_F32 ? TG_F64 : TG_I32) {
            if ((*op)->code)
                add_elementwise(*op, t);
            else
                cr_expect(add_made(*op, t) > 0, "%s: this test does not make one", (*op)->name);
        }
    tg_graph_free(g);
    check_all(false);
}

/* --------------------------------------------------------------------------------------------- the order of sums */

Test(emit, sums_of_every_length) {
    static const int64_t lengths[] = {1, 2, 3, 15, 16, 17, 33, 100, 255, 256, 257, 1000};
    begin();
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int way = 0; way < 6; way++) {
            const int64_t n = lengths[i];
            const tg_shape shape = way == 0   ? tg_shape1(n)
                                   : way == 1 ? tg_shape2(n, 3)
                                   : way == 2 ? tg_shape2(3, n)
                                   : way == 3 ? tg_shape4(n, 2, 3, 1)
                                   : way == 4 ? tg_shape3(2, 3, n)
                                              : tg_shape4(3, n, 1, 2);
            static const int axes[][3] = {{0}, {0}, {1}, {0, 2, 3}, {0, 2}, {0, 1, 2}};
            static const int counts[] = {1, 1, 1, 3, 2, 3};
            tg_graph *g = tg_graph_new();
            tg_node x = tg_input(g, way % 2 ? TG_F32 : TG_F64, shape);
            add_swept(tg_sum(x, tg_axes_n(counts[way], axes[way])));
        }
    check_all(false);
}

/* ----------------------------------------------------------------------------------------------------- compositions */

static void add_batchnorm(tg_dtype t, tg_shape shape, tg_axes axes, tg_shape kept, const char *scope) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, t, shape));
    TG_LET(gamma, tg_param(g, t, kept));
    TG_LET(beta, tg_param(g, t, kept));
    TG_LET(y, tg_batchnorm(x, gamma, beta, axes, 1e-5, scope));
    TG_LET(dy, tg_input(g, t, shape));
    add_case(tg_backward(y, dy), tg_nil(g));
}

static void add_network(tg_dtype t) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, t, tg_shape2(20, 5)));
    TG_LET(gamma, tg_param(g, t, tg_shape1(5)));
    TG_LET(beta, tg_param(g, t, tg_shape1(5)));
    TG_LET(W, tg_param(g, t, tg_shape2(5, 6)));
    TG_LET(b, tg_param(g, t, tg_shape1(6)));
    TG_LET(V, tg_param(g, t, tg_shape2(6, 3)));
    TG_LET(c, tg_param(g, t, tg_shape1(3)));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(20)));
    tg_node y = tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, "bn1");
    TG_LET(hidden, tg_relu(tg_linear(y, W, b, "one")));
    tg_node scores = tg_linear(hidden, V, c, "two");
    TG_LET(loss, tg_softmax_loss(scores, label, "head"));
    tg_grads d = tg_backward(loss, tg_nil(g));
    add_case(d, tg_nil(g));
    add_case(d, hidden);
    add_case(d, scores);
}

/* The gradient of a number made of gradients. */
static void add_second_order(tg_dtype t) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, t, tg_shape2(7, 4)));
    TG_LET(gamma, tg_param(g, t, tg_shape1(4)));
    TG_LET(beta, tg_param(g, t, tg_shape1(4)));
    tg_node y = tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-3, NULL);
    TG_LET(dy, tg_input(g, t, tg_shape2(7, 4)));
    tg_grads d = tg_backward(y, dy);
    TG_LET(v, tg_input(g, t, tg_shape2(7, 4)));
    TG_LET(slope, tg_sum(tg_mul(v, tg_grad(d, x)), tg_axes_all()));
    add_case(tg_backward(slope, tg_nil(g)), tg_nil(g));
    add_case(d, tg_find(g, "xhat"));
}

Test(emit, compositions) {
    begin();
    for (tg_dtype t = TG_F32; t <= TG_F64; t = t == TG_F32 ? TG_F64 : TG_I32) {
        add_batchnorm(t, tg_shape2(178, 13), tg_axis(0), tg_shape1(13), NULL);
        add_batchnorm(t, tg_shape2(7, 5), tg_axis(0), tg_shape1(5), "bn");
        add_batchnorm(t, tg_shape2(1, 5), tg_axis(0), tg_shape1(5), NULL);
        add_batchnorm(t, tg_shape2(7, 1), tg_axis(0), tg_shape1(1), NULL);
        add_batchnorm(t, tg_shape2(1, 1), tg_axis(0), tg_shape1(1), NULL);
        add_batchnorm(t, tg_shape2(0, 5), tg_axis(0), tg_shape1(5), NULL);
        add_batchnorm(t, tg_shape2(5, 40), tg_axis(1), tg_shape1(5), NULL);
        add_batchnorm(t, tg_shape3(4, 3, 6), tg_axes2(0, 2), tg_shape1(3), "bn");
        add_batchnorm(t, tg_shape4(2, 3, 4, 5), tg_axes3(0, 2, 3), tg_shape1(3), NULL);
        add_network(t);
        add_second_order(t);
    }
    check_all(true);
}

/* ------------------------------------------------------------------------------------------------------ odd corners */

static void add_constants(tg_dtype t) {
    tg_graph *g = tg_graph_new();
    const double odd[] = {-0.0, 1.0 / 3, -1e-300, 5e-324, 1.7976931348623157e308, (double)INFINITY, -(double)INFINITY,
                          (double)NAN, 0.1, 16777217, -2.5, 1.0 / 178};
    TG_LET(x, tg_input(g, t, tg_shape0()));
    tg_node sum = x;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        tg_node part = tg_mul(tg_sub(tg_neg(tg_scalar(g, t, odd[i])), x), tg_scalar(g, t, odd[i]));
        sum = tg_add(tg_let(part, (char[]){'p', (char)('a' + (int)i), 0}, NULL, 0), tg_mul(sum, tg_scalar(g, t, 3)));
    }
    float narrow[12];
    for (size_t i = 0; i < 12; i++) narrow[i] = (float)odd[i];
    tg_node table = tg_const(g, t, tg_shape2(3, 4), t == TG_F32 ? (const void *)narrow : odd);
    tg_node picked = tg_gather(table, tg_const(g, TG_I32, tg_shape1(3), (int32_t[]){1, 0, 3}));
    TG_LET(y, tg_mul(tg_mul(tg_sum(picked, tg_axis(0)), sum), tg_sum(table, tg_axes_all())));
    add_case(tg_backward(y, tg_nil(g)), tg_nil(g));
}

/* Both gradients are the cotangent; the third is a number; the fourth is empty. */
static void add_shared_gradients(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(y, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(none, tg_input(g, TG_F64, tg_shape2(0, 2)));
    TG_LET(z, tg_add(x, tg_add(y, tg_sum(tg_sum(none, tg_axes_all()), tg_axes_n(0, NULL)))));
    TG_LET(dz, tg_input(g, TG_F64, tg_shape1(3)));
    add_case(tg_backward(z, dz), tg_nil(g));
    tg_graph *h = tg_graph_new();
    TG_LET(v, tg_input(h, TG_F64, tg_shape0()));
    add_case(tg_backward(v, tg_nil(h)), tg_nil(h));
    tg_graph *k = tg_graph_new();
    TG_LET(w, tg_input(k, TG_F32, tg_shape1(0)));
    TG_LET(u, tg_exp(w));
    add_case(tg_backward(u, tg_input(k, TG_F32, tg_shape1(0))), tg_nil(k));
}

static void add_bad_label(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(3, 2)));
    TG_LET(label, tg_const(g, TG_I32, tg_shape1(3), (int32_t[]){1, 2147483647, 0}));
    TG_LET(z, tg_gather(x, label));
    add_case(tg_backward(z, tg_input(g, TG_F64, tg_shape1(3))), tg_nil(g));
    tg_graph *h = tg_graph_new();
    TG_LET(y, tg_input(h, TG_F32, tg_shape1(1)));
    TG_LET(big, tg_cast(tg_mul(y, tg_scalar(h, TG_F32, 1e20)), TG_I32));
    TG_LET(out, tg_mul(y, tg_cast(big, TG_F32)));
    add_case(tg_backward(out, tg_nil(h)), tg_nil(h));
}

static void add_hostile_names(void) {
    static const char *const names[] = {"*/ int main", "a\\", "?\?/", "\n#include </etc/passwd>", "I", "complex", "t", "i",
                                        "sum", "int", "forward", "\x1b[31m\xff\xe2\x80\xae", "constant", "case", "exp",
                                        "add", "total", "/*", "//", "%s%n", "", "size_t", "_x", "9", "unix"};
    tg_graph *g = tg_graph_new();
    tg_node a = tg_input(g, TG_F64, tg_shape1(20));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        a = tg_exp(tg_mul(a, tg_scalar(g, TG_F64, 0.1)));
        if (names[i][0]) a = tg_let(a, names[i], names[i], 1);
    }
    char *endless = malloc((1 << 20) + 1);
    memset(endless, '*', 1 << 20);
    for (size_t i = 1; i < 1 << 20; i += 2) endless[i] = '/';
    endless[1 << 20] = 0;
    tg_scope_open(g, endless);
    TG_LET(z, tg_sum(a, tg_axis(0)));
    tg_scope_close(g);
    free(endless);
    add_case(tg_backward(z, tg_nil(g)), tg_nil(g));
}

static void add_deep(void) {
    tg_graph *g = tg_graph_new();
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(2)));
    tg_node a = x;
    for (int i = 0; i < 60; i++) a = i % 3 ? tg_square(tg_identity(tg_sub(a, x))) : tg_sqrt(tg_add(tg_square(a), x));
    TG_LET(y, a);
    add_case(tg_backward(y, tg_input(g, TG_F64, tg_shape1(2))), tg_nil(g));
    a = x;
    for (int i = 0; i < 100; i++) a = tg_identity(a);
    TG_LET(z, tg_mul(a, a));
    add_case(tg_backward(z, tg_input(g, TG_F64, tg_shape1(2))), tg_nil(g));
}

Test(emit, odd_corners) {
    begin();
    add_constants(TG_F32);
    add_constants(TG_F64);
    add_shared_gradients();
    add_bad_label();
    add_hostile_names();
    add_deep();
    check_all(false);
}

/* --------------------------------------------------------------------------------------------------- random tapes */

static tg_node random_step(tg_node a, tg_node b) {
    const tg_shape s = tg_dims(a);
    const bool matrices = s.rank == 2 && tg_dims(b).rank == 2 && s.dim[1] == tg_dims(b).dim[1];
    switch (random_below(&state, 12)) {
    case 0: return tg_neg(a);
    case 1: return tg_sqrt(tg_add(tg_square(a), tg_scalar_like(a, 0.5)));
    case 2: return s.rank ? tg_sum(a, tg_keep(tg_axis((int)random_below(&state, (size_t)s.rank)))) : tg_relu(a);
    case 3: return tg_transpose(a, tg_axes_all());
    case 4: return tg_reshape(a, tg_shape1(-1));
    case 5: return s.rank == 2 ? tg_expand(tg_sum(a, tg_axis(1)), tg_shape2(3, s.dim[0])) : tg_identity(a);
    case 6: return matrices ? tg_matmul(a, tg_transpose(b, tg_axes_all())) : tg_mul(a, a);
    case 7: return s.rank ? tg_sub(a, tg_max(a, tg_keep(tg_axes_all()))) : tg_detach(a);
    case 8: return tg_where(tg_gt(a, tg_scalar_like(a, 0.5)), a, tg_mul(a, tg_scalar_like(a, 1.0 / 7)));
    case 9: return tg_cast(tg_cast(a, TG_F32), TG_F64);
    default: return tg__get(a)->shape == tg__get(b)->shape ? tg_sub(tg_mul(a, b), b) : tg_div(a, tg_scalar_like(a, 3));
    }
}

Test(emit, random_tapes) {
    begin();
    for (int k = 0; k < 48; k++) {
        tg_graph *g = tg_graph_new();
        tg_node pool[40] = {tg_input(g, TG_F64, tg_shape2(3, 4)), tg_input(g, TG_F64, tg_shape2(5, 4)),
                            tg_input(g, TG_F64, tg_shape1(4))};
        size_t n = 3;
        tg_node sum = tg_scalar(g, TG_F64, 0);
        while (n < 25) {
            char name[12];
            snprintf(name, sizeof name, "n%zu", n);
            tg_node a = random_step(pool[random_below(&state, n)], pool[random_below(&state, n)]);
            if (random_below(&state, 3) == 0) a = tg_let(a, name, __FILE__, __LINE__);
            pool[n++] = a;
        }
        for (size_t i = 18; i < n; i++) sum = tg_add(sum, tg_sum(pool[i], tg_axes_all()));
        TG_LET(y, tg_add(sum, tg_sum(tg_mul(pool[0], pool[0]), tg_axes_all())));
        add_case(tg_backward(y, tg_nil(g)), tg_nil(g));
    }
    check_all(false);
}

/* ----------------------------------------------------------------------------------------------------------- errors */

Test(emit, a_row_without_C_is_named) {
    tg_graph *g = tg_graph_new();
    struct tg_op own = *g->calculus.operators[0];
    own.name = "mystery";
    own.code = NULL;
    own.emit = NULL;
    TG_LET(x, tg_input(g, TG_F64, tg_shape1(3)));
    TG_LET(y, tg__apply(&own, &x, NULL));
    TG_LET(dy, tg_input(g, TG_F64, tg_shape1(3)));
    tg_grads d = tg_backward(y, dy);
    cr_assert_eq(tg_write_c(d, tg_nil(g), NULL, "/tmp/tapegrad-no-such-row.c"), TG_ARGUMENT);
    cr_assert_not_null(strstr(tg_message(g), "mystery 'y': "), "%s", tg_message(g));
    cr_assert_neq(access("/tmp/tapegrad-no-such-row.c", F_OK), 0, "a file was left behind");
    tg_graph_free(g);
}

Test(emit, memory_may_run_out_anywhere) {
    for (size_t k = 1;; k++) {
        struct heap heap = {0};
        tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
        TG_LET(x, tg_input(g, TG_F64, tg_shape2(3, 2)));
        TG_LET(y, tg_sum(tg_exp(x), tg_axes_all()));
        tg_grads d = tg_backward(y, tg_nil(g));
        heap.fail_at = heap.calls + k;
        const tg_status status = tg_write_c(d, tg_nil(g), "f", "/tmp/tapegrad-memory.c");
        const bool reached = heap.calls >= heap.fail_at;
        cr_assert_eq(status, reached ? TG_MEMORY : TG_OK, "%s", tg_message(g));
        tg_graph_free(g);
        cr_assert(heap.live == 0 && heap.wrong == 0);
        if (!reached) break;
    }
    unlink("/tmp/tapegrad-memory.c");
}
