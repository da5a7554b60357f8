/* Random graphs for fusion to do its worst with: lengths that fit no block, values read straight, turned round, spread
 * out and at labels, reductions over any axes, and a few results wanted. TG_EXACT has the interpreter's bits, TG_FAST
 * its numbers. */
#include "exact.h"

TestSuite(exact_graphs, .timeout = 3000);

enum { LEAVES = 4, NODES = 44, PART = 10, MOST = 40000 }; /* PART: in memory at one time; MOST: elements */

static uint64_t drawing;
static size_t draw(size_t n) { return random_below(&drawing, n); }

static tg_axes any_axes(tg_node a) {
    int axis[TG_MAX_RANK], n = 0;
    const int rank = tg_dims(a).rank;
    for (int i = 0; i < rank; i++)
        if (draw(2)) axis[n++] = i;
    if (n == 0 && rank) axis[n++] = (int)draw((size_t)rank);
    return tg_axes_n(n, axis);
}

static int any_axis(tg_node a) { return (int)draw((size_t)tg_dims(a).rank); }

static tg_node repeated(tg_node a) {
    tg_shape wide = tg_dims(a);
    memmove(wide.dim + 1, wide.dim, (size_t)wide.rank * sizeof *wide.dim);
    wide.dim[0] = 1 + (int64_t)draw(3);
    wide.rank++;
    return tg_expand(a, wide);
}

static tg_node picked(tg_node a) {
    tg_shape s = tg_dims(a);
    if (s.dim[s.rank - 1] < 3) return tg_square(a);
    s.dim[--s.rank] = 0;
    return tg_gather(a, tg_input(a.graph, TG_I32, s));
}

static tg_node reduction(tg_node a, tg_node b) {
    switch (draw(5)) {
    case 0: return tg_sum(a, any_axes(a));
    case 1: return tg_sum(tg_mul(a, b), tg_keep(any_axes(a)));
    case 2: return tg_max(a, tg_keep(any_axes(a)));
    case 3: return tg_min(tg_sub(a, b), any_axes(a));
    default: return tg_mean(a, tg_keep(any_axes(a)));
    }
}

static tg_node movement(tg_node a) {
    switch (draw(7)) {
    case 0: return tg_transpose(a, tg_axes_all());
    case 1: return tg_reshape(a, tg_shape1(-1));
    case 2: return tg_flip(a, any_axes(a));
    case 3: return tg_slice(a, any_axis(a), (int64_t)draw(2), TG_END, 1 + (int64_t)draw(3));
    case 4: return repeated(a);
    case 5: return picked(a);
    default: return tg_tril(a, (int)draw(3) - 1);
    }
}

/* Continuous all of them: what TG_FAST rounds otherwise stays near. */
static tg_node elementwise(tg_node a, tg_node b) {
    const tg_dtype twin = tg_dtype_of(a) == TG_F32 ? TG_F64 : TG_F32;
    switch (draw(10)) {
    case 0: return tg_exp(tg_neg(tg_abs(a)));
    case 1: return tg_tanh(a);
    case 2: return tg_cast(tg_cast(a, twin), tg_dtype_of(a));
    case 3: return tg_where(tg_gt(a, b), a, b);
    case 4: return tg_div(a, tg_add(tg_square(b), tg_scalar_like(b, 1)));
    case 5: return tg_sqrt(tg_abs(a));
    case 6: return tg_atan2(a, tg_add(tg_square(b), tg_scalar_like(b, 1)));
    case 7: return tg_softmax(a, any_axis(a), NULL);
    default: return draw(2) ? tg_sub(a, b) : tg_mul(a, b);
    }
}

static tg_shape any_shape(void) {
    static const int64_t lengths[] = {1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 100, 255, 256, 257, 300, 513, 1000};
    tg_shape s = tg_shape0();
    int64_t size = 1;
    for (const size_t rank = 1 + draw(4); (size_t)s.rank < rank; size *= s.dim[s.rank++]) do
            s.dim[s.rank] = lengths[draw(sizeof lengths / sizeof *lengths)];
        while (size * s.dim[s.rank] > MOST);
    return s;
}

/* All of one shape, one of which some axes are 1, and one along the last axis. */
static size_t add_leaves(tg_graph *g, tg_node *pool) {
    const tg_dtype t = draw(2) ? TG_F32 : TG_F64;
    const tg_shape s = any_shape();
    tg_shape some = s;
    for (int i = 0; i < s.rank; i++)
        if (draw(2)) some.dim[i] = 1;
    pool[0] = tg_param(g, t, s);
    pool[1] = tg_param(g, t, s);
    pool[2] = tg_param(g, t, some);
    pool[3] = tg_param(g, t, tg_shape1(s.dim[s.rank - 1]));
    return LEAVES;
}

/* Some of the newest nodes, and perhaps the gradients of a sum with one of them. */
static void choose(struct whole *w, const tg_node *pool, size_t n) {
    for (size_t i = 1 + draw(3); i > 0; i--) want(w, pool[n - 1 - draw(n / 2)]);
    if (draw(4)) return;
    const tg_node weight = tg_param(w->g, tg_dtype_of(w->out[0]), tg_dims(w->out[0]));
    const tg_grads d = tg_backward(tg_sum(tg_mul(w->out[0], weight), tg_axes_all()), tg_nil(w->g));
    for (size_t i = 0; i < LEAVES; i++) want_gradient(w, d, pool[i]);
}

/* Also what stands in between: broadcasting makes much of little. */
static size_t largest(tg_graph *g, uint32_t before) {
    size_t most = 0;
    for (uint32_t id = before + 1; id <= tg_count(g); id++)
        if (most < tg_size(tg_node_at(g, id))) most = tg_size(tg_node_at(g, id));
    return most;
}

static struct whole graph(uint64_t seed) {
    struct whole w = {.g = tg_graph_new()};
    tg_node pool[NODES];
    drawing = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    size_t n = add_leaves(w.g, pool);
    for (const size_t nodes = 12 + draw(NODES - 12); n < nodes;) {
        const tg_mark mark = tg_mark_now(w.g);
        const uint32_t before = tg_count(w.g);
        const tg_node a = draw(3) ? pool[n - 1 - draw(n < 6 ? n : 6)] : pool[draw(n)], b = pool[draw(n)];
        const bool flat = tg_dims(a).rank == 0;
        const size_t kind = draw(3);
        pool[n] = flat ? tg_mul(a, b) : kind == 0 ? reduction(a, b) : kind == 1 ? movement(a) : elementwise(a, b);
        if (tg_error(w.g) == TG_OK && largest(w.g, before) <= MOST)
            n++;
        else
            cr_assert_eq(tg_rewind(w.g, mark), TG_OK);
    }
    choose(&w, pool, n);
    return w;
}

/* A mistake is no matter of digits. */
static void check_fast(void *library, struct compiled *c) {
    cr_expect_eq(run_case(library, c, 0xa5), 0);
    for (size_t i = 0; i < c->count; i++) {
        const tg_node a = tg_node_at(c->g, c->wanted[i]);
        const double near = tg_dtype_of(a) == TG_F32 ? 1e-3 : 1e-6; /* where a step goes through f32 */
        double size = 0;
        size_t wrong = 0;
        for (size_t k = 0; k < tg_size(a); k++) size = fmax(size, fabs(tg_item(a, k)));
        for (size_t k = 0; k < tg_size(a); k++) {
            const double x = tg_item(a, k), y = tg__load(tg_dtype_of(a), result_of(c, i), k);
            wrong += !same_number(x, y) && !(fabs(x - y) <= near * (1 + size));
        }
        cr_expect_eq(wrong, 0, "%s, fast: %zu of '%s' differ", c->what, wrong, tg_op_of(a));
    }
    clear_case(c);
}

static void check_part(uint64_t first, uint64_t graphs) {
    static char what[PART][24];
    begin();
    for (uint64_t seed = first; seed < first + graphs; seed++) {
        const struct whole w = graph(seed);
        char *text = what[seed - first];
        snprintf(text, sizeof *what, "graph %d", (int)seed);
        add_case(w.g, w.out, w.outs, TG_EXACT, text);
        if (seed % 4 == 0) add_all(w.g, TG_EXACT, text);
        if (seed % 2 == 0) add_case(w.g, w.out, w.outs, TG_FAST, text);
    }
    write_all();
    void *library = build_all(is_long() ? users : quick);
    for (int k = 0; k < count; k++)
        cases[k].fused.mode == TG_FAST ? check_fast(library, &cases[k]) : check_case(library, &cases[k]);
    dlclose(library);
    free_cases();
}

Test(exact_graphs, random) {
    for (uint64_t first = 0; first < (is_long() ? 4000 : 30); first += PART) check_part(first, PART);
}
