/* Random tapes as programs, with every node that has a value as an output, and then with some of them given: the bits
 * of the tape. */
#include "random_tape.h"

#include <stdio.h>

TestSuite(program_random, .timeout = 120);

enum { TAPES = 60, MOST = 4000 };


static size_t outputs_of(tg_graph *g, tg_node *out) {
    size_t count = 0;
    for (uint32_t id = 1; id <= tg_count(g) && count < MOST; id++)
        if (tg_value(tg_node_at(g, id))) out[count++] = tg_node_at(g, id);
    return count;
}

static void same(tg_graph *g, const tg_node *out, size_t count, const tg_node *given, size_t givens, unsigned flags) {
    const tg_compile_options o = {TG_EXACT, must_compile(flags), given, givens};
    tg_program *p = tg_compile(g, out, count, o);
    cr_assert_not_null(p, "%s", tg_message(g));
    if (!(flags & TG_INTERPRET)) cr_assert_str_empty(tg_program_note(p), "%s", tg_program_note(p));
    for (int turn = 0; turn < 2; turn++) {
        cr_assert_eq(tg_program_run(p), TG_OK, "%s", tg_message(g));
        for (size_t i = 0; i < count; i++)
            cr_assert(same_bits_or_nan(tg_dtype_of(out[i]), tg_program_value(p, out[i]), tg_value(out[i]), tg_size(out[i])),
                      "#%u (%s) differs", out[i].id, tg_op_of(out[i]));
    }
    const tg_stats s = tg_program_stats(p);
    cr_assert_leq(s.nodes, s.tape_nodes);
    tg_program_free(p);
}

Test(program_random, have_the_bits_of_the_tape) {
    static tg_node out[MOST], given[MOST];
    size_t nodes = 0, tapes = 0;
    for (uint64_t seed = 0; seed < TAPES; seed++) {
        struct tape t = build(seed);
        const size_t count = outputs_of(t.g, out);
        size_t givens = 0;
        for (size_t i = 0; i < count; i++)
            if (draw(&t, 4) == 0) given[givens++] = out[i];
        if (count > 0) {
            same(t.g, out, count, NULL, 0, TG_INTERPRET);
            same(t.g, out, count, given, givens, TG_INTERPRET);
            same(t.g, out + count - 1, 1, given, givens, TG_INTERPRET);
        }
        nodes += count;
        tapes += count > 0;
        tg_graph_free(t.g);
    }
    cr_assert(tapes > TAPES / 2 && nodes > 20 * tapes, "%zu nodes on %zu tapes", nodes, tapes);
    printf("%zu nodes on %zu tapes\n", nodes, tapes);
    fflush(stdout);
}
