/* TG_EXACT in shapes that fit no block, and with numbers that are not like others. */
#include "exact.h"

TestSuite(exact_shapes, .timeout = 1800);

/* A length in every position, reduced and kept. */
static void add_length(tg_dtype t, int64_t n) {
    static const int axes[][2] = {{0, 0}, {0, 0}, {1, 1}, {0, 0}, {1, 1}, {1, 1}, {0, 2}, {0, 2}, {0, 1}, {0, 2}};
    const tg_shape shape[] = {tg_shape1(n),       tg_shape2(n, 3),      tg_shape2(n, 3),    tg_shape2(5, n),
                              tg_shape2(5, n),    tg_shape3(2, n, 3),   tg_shape3(2, n, 3), tg_shape3(n, 2, 3),
                              tg_shape3(2, 3, n), tg_shape4(2, 3, n, 2)};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        if (is_turn(10))
            add_whole(reductions(t, shape[i], tg_axes_n(1 + (axes[i][0] != axes[i][1]), axes[i])), "reductions");
    if (is_turn(10)) add_whole(moved(t, n, 3), "moved");
    if (is_turn(10)) add_whole(moved(t, 3, n), "moved");
}

/* A file for each length in the long run: optimizing all at once takes more memory than time. */
static void check_lengths(const int64_t *length, size_t lengths) {
    for (size_t i = 0; i < lengths; i++) {
        if (is_long() || i == 0) begin();
        for
            EACH_DTYPE(t) add_length(t, length[i]);
        if (is_long() || i + 1 == lengths) check_all();
    }
}

Test(exact_shapes, short_axes) { check_lengths((int64_t[]){1, 2, 3, 15, 16, 17}, 6); }
Test(exact_shapes, long_axes) { check_lengths((int64_t[]){255, 256, 257, 300, 1000, 4097}, 6); }

Test(exact_shapes, corners) {
    begin();
    for
        EACH_DTYPE(t) {
            add_whole(reductions(t, tg_shape0(), tg_axes_all()), "scalar");
            add_whole(reductions(t, tg_shape_n(8, (int64_t[]){2, 1, 3, 2, 1, 2, 5, 2}), tg_axes2(2, 5)), "rank 8");
            add_whole(reductions(t, tg_shape_n(8, (int64_t[]){2, 3, 1, 2, 2, 1, 2, 17}), tg_axes2(0, 7)), "rank 8");
            add_whole(reductions(t, tg_shape_n(8, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1}), tg_axes2(0, 7)), "ones");
            add_whole(reductions(t, tg_shape3(4, 0, 3), tg_axis(0)), "empty");
            add_whole(reductions(t, tg_shape2(0, 3), tg_axis(1)), "empty");
            add_whole(moved(t, 1, 1), "moved");
        }
    check_all();
}

/* Numbers of which many are the same, 0 and -0, infinite or none. */
static void give_odd(tg_graph *g) {
    static const double odd[] = {0.0, -0.0, 0.0, -0.0, 1, -1, 2, (double)INFINITY, -(double)INFINITY, (double)NAN};
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node a = tg_node_at(g, id);
        const struct tg__node *n = tg__get(a);
        if (!tg__is_leaf(n) || n->op == &tg__op_const || n->dtype == TG_I32 || tg__valid(g, id)) continue;
        double *v = calloc(tg_size(a) + 1, sizeof *v);
        const size_t kinds = (const size_t[]){4, 7, 10}[random_below(&state, 3)];
        for (size_t i = 0; i < tg_size(a); i++) v[i] = odd[random_below(&state, kinds)];
        cr_assert_eq(set_doubles(a, v), TG_OK);
        free(v);
    }
}

Test(exact_shapes, odd_numbers) {
    begin();
    for (int i = 0; i < 4; i++)
        for
            EACH_DTYPE(t) {
                static const int64_t lengths[] = {2, 17, 33, 300};
                struct whole w[] = {reductions(t, tg_shape2(lengths[i], 3), tg_axis(0)),
                                    reductions(t, tg_shape2(3, lengths[i]), tg_axis(1)),
                                    reductions(t, tg_shape3(2, lengths[i], 3), tg_axes2(0, 2)),
                                    moved(t, 5, lengths[i]),
                                    batchnorm(t, tg_shape2(lengths[i], 3), tg_axis(0), 3, NULL),
                                    softmax_loss(t, 4, lengths[i] + 1)};
                for (size_t k = 0; k < sizeof w / sizeof *w; k++) {
                    give_odd(w[k].g);
                    if (is_turn(4))
                        add_whole(w[k], "odd numbers");
                    else
                        tg_graph_free(w[k].g);
                }
            }
    check_all();
}
