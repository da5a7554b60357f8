/* tg_write_numpy: a gradient has its operand's shape, in every way in which an operand can be broadcast. */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#include "broadcast_shapes.h"
#include "by_numpy.h"

TestSuite(numpy_broadcast, .timeout = 120);

/* Each pattern beside a whole array, and expanded to its shape; the second derivatives expand what was summed. */
static void beside_whole(int rank, tg_dtype dtype, uint64_t *state) {
    tg_graph *g = tg_graph_new();
    const tg_shape whole = tg_shape_n(rank, dims);
    tg_shape shape[MOST];
    const size_t count = patterns(rank, shape);
    tg_node x = leaf(g, dtype, whole, state, -1, 1), out = x;
    for (size_t i = 0; i < count; i++) {
        tg_node b = leaf(g, dtype, shape[i], state, -1, 1), c = leaf(g, dtype, shape[i], state, -1, 1);
        out = tg_add(out, tg_mul(tg_add(x, b), tg_expand(c, whole)));
    }
    put_twice(out, state, "whole");
    tg_graph_free(g);
}

/* Each pattern beside each: both are broadcast, often to less than the whole. */
static void beside_each_other(int rank, tg_dtype dtype, uint64_t *state) {
    tg_graph *g = tg_graph_new();
    tg_shape shape[MOST];
    tg_node b[MOST], out = leaf(g, dtype, tg_shape_n(rank, dims), state, -1, 1);
    const size_t count = patterns(rank, shape);
    for (size_t i = 0; i < count; i++) b[i] = leaf(g, dtype, shape[i], state, -1, 1);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) out = tg_add(out, tg_sub(tg_mul(b[i], b[j]), b[j]));
    put_twice(out, state, "pairs");
    tg_graph_free(g);
}

/* The axes before the last two of a product broadcast as well. */
static void batches(int rank, tg_dtype dtype, uint64_t *state) {
    tg_graph *g = tg_graph_new();
    tg_shape shape[MOST], whole = tg_shape_n(rank, dims);
    const size_t count = patterns(rank, shape);
    whole.rank += 2;
    whole.dim[rank] = 2, whole.dim[rank + 1] = 5;
    tg_node x = leaf(g, dtype, whole, state, -1, 1), out = x;
    for (size_t i = 0; i < count; i++) {
        tg_shape s = shape[i];
        s.rank += 2;
        s.dim[s.rank - 2] = s.dim[s.rank - 1] = 5;
        out = tg_add(out, tg_matmul(x, leaf(g, dtype, s, state, -1, 1)));
        s.dim[s.rank - 2] = s.dim[s.rank - 1] = 2;
        out = tg_add(out, tg_matmul(leaf(g, dtype, s, state, -1, 1), x));
    }
    put_twice(out, state, "batches");
    tg_graph_free(g);
}

static void all(tg_dtype dtype) {
    uint64_t state = 123;
    begin();
    slack = 100; /* sums of up to a hundred terms, and their squares */
    for (int rank = 0; rank <= 4; rank++) beside_whole(rank, dtype, &state);
    for (int rank = 0; rank <= 3; rank++) beside_each_other(rank, dtype, &state);
    for (int rank = 0; rank <= 2; rank++) batches(rank, dtype, &state);
    end();
}

Test(numpy_broadcast, f64) { all(TG_F64); }
Test(numpy_broadcast, f32) { all(TG_F32); }
