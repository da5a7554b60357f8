/* A part of a tape made smaller, and run by the interpreter on the same data. */
#ifndef TESTS_SIMPLIFIED_H
#define TESTS_SIMPLIFIED_H

#include "compile.h"
#include "support.h"

#include <criterion/criterion.h>

enum { WANTED = 64 };

struct simplified {
    tg_graph *of;
    struct tg__small s;
};

static inline struct simplified simplify(const tg_node *wanted, size_t count, const tg_node *given, size_t givens,
                                         tg_mode mode, unsigned flags) {
    uint32_t ids[2][WANTED];
    cr_assert(count <= WANTED && givens <= WANTED && count > 0);
    for (size_t i = 0; i < count; i++) ids[0][i] = wanted[i].id;
    for (size_t i = 0; i < givens; i++) ids[1][i] = given[i].id;
    struct simplified z = {.of = wanted[0].graph};
    const struct tg__goal goal = {z.of, ids[0], ids[1], count, givens, mode, flags};
    cr_assert(tg__simplify(&goal, &z.s), "%s", tg_message(z.of));
    cr_assert_eq(z.s.count, count);
    return z;
}

/* Leaves take what the tape's have now. */
static inline tg_status run_small(const struct simplified *z) {
    tg_graph *g = z->s.graph;
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node leaf = tg_node_at(g, id);
        if (!tg__is_leaf(tg__node_of(g, id)) || strcmp(tg_op_of(leaf), "const") == 0) continue;
        const void *data = tg_value(tg_node_at(z->of, z->s.origin[id]));
        if (data && tg_set(leaf, data) != TG_OK) return tg_error(g);
    }
    return tg_run(g);
}

static inline tg_node small_node(const struct simplified *z, size_t i) {
    return tg_node_at(z->s.graph, z->s.result[i]);
}

static inline void simplified_free(struct simplified *z) { tg__small_free(&z->s, z->of); }

/* How many nodes of this operator there are with at least so many elements in their first operand. */
static inline size_t count_op(const tg_graph *g, const char *op, size_t least) {
    size_t n = 0;
    for (uint32_t id = 1; id < g->nodes.length; id++) {
        const struct tg__node *a = tg__node_of(g, id);
        if (strcmp(a->op->name, op) == 0) n += !a->operands || tg__node_of(g, a->in[0])->shape->count >= least;
    }
    return n;
}

#endif
