/* Every function that makes nodes as C, with two sweeps: what tg_write_c_staged writes gives the bits of the tape. */
#include "variants.h"

#define state drawing /* both have one */
#include "emitted.h"
#undef state

TestSuite(emit_api, .timeout = 120);

static void add(const struct program *p) {
    tg_graph *g = tg_graph_new();
    tg_node a[API_LEAVES] = {{0}};
    api_leaves(g, p->leaves, a);
    tg_node out = p->make(a);
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", p->name, tg_message(g));
    tg_grads d = tg_backward(out, tg_expand(tg_scalar_like(out, 1.5), tg_dims(out)));
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", p->name, tg_message(g));
    if (tg_has_grad(d, a[0])) { /* once more, where the gradient is a function of something */
        const tg_mark mark = tg_mark_now(g);
        const tg_node square = tg_sum(tg_square(tg_grad(d, a[0])), tg_axes_all());
        const tg_grads again = tg_backward(square, tg_nil(g));
        if (tg_error(g) != TG_OK)
            cr_assert_eq(tg_rewind(g, mark), TG_OK);
        else
            out = square, d = again;
    }
    add_case(d, out);
}

Test(emit_api, gives_the_bits_of_the_tape) {
    begin();
    for (size_t i = 0; i < PROGRAMS; i++) /* a row of one's own says nothing of C */
        if (programs[i].smooth && strcmp(programs[i].name, "apply") != 0) add(&programs[i]);
    cr_assert_gt(count, 100);
    check_all(false);
}

/* The same with constants among the operands, a cotangent that is one, and shapes that broadcast. */
Test(emit_api, and_with_constants_and_broadcasts) {
    const bool longer = is_long();
    uint64_t numbers = 12;
    unsigned turn = 0;
    struct variant v = {0};
    begin();
    do {
        if (strcmp(programs[v.program].name, "apply") == 0 || v.constant == NO_CONSTANT) continue;
        if (turn++ % (longer ? 5 : 67) != 0) continue;
        struct varied m = variant_make(v, &numbers);
        if (m.count > 1)
            add_case(m.grads, m.out);
        else if (m.graph)
            tg_graph_free(m.graph);
    } while (variant_next(&v) && count < CASES);
    cr_assert_gt(count, 30);
    check_all(false);
}
