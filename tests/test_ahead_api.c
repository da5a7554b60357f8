/* Every function that makes nodes, with a sweep, as a program ahead of time: the bits of the tape. */
#include "ahead.h"
#include "variants.h"

TestSuite(ahead_api, .timeout = 120);

static void add(const struct program *p, uint64_t *state) {
    tg_graph *g = tg_graph_new();
    tg_node a[API_LEAVES] = {{0}}, outputs[API_LEAVES + 1];
    size_t count = 0;
    const int leaves = api_leaves(g, p->leaves, a);
    outputs[count++] = p->make(a);
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", p->name, tg_message(g));
    const tg_node out = outputs[0];
    if (p->smooth) {
        const tg_grads d = tg_backward(out, tg_expand(tg_scalar_like(out, 1.5), tg_dims(out)));
        for (int i = 0; i < leaves; i++)
            if (tg_has_grad(d, a[i])) outputs[count++] = tg_grad(d, a[i]);
    }
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node leaf = tg_node_at(g, id);
        const struct tg__node *n = tg__get(leaf);
        if (!tg__is_leaf(n) || n->op == &tg__op_const || tg__valid(g, id)) continue;
        cr_assert_eq(api_give(leaf, state), TG_OK, "%s", tg_message(g));
    }
    add_ahead(g, outputs, count, TG_EXACT, g->assigns.length > 1 ? TG_WITH_ASSIGNS : 0);
}

Test(ahead_api, gives_the_bits_of_the_tape) {
    uint64_t state = 7;
    open_folder();
    for (size_t i = 0; i < PROGRAMS; i++) /* a row of one's own says nothing of C */
        if (strcmp(programs[i].name, "apply") != 0) add(&programs[i], &state);
    cr_assert_gt(ahead_count, 100);
    check_aheads("cc -O1");
    close_folder();
}

/* Those that a writer treats apart: constants among the operands, a cotangent that is one, shapes that broadcast, f32.
 * Now and then one, in the short run. */
Test(ahead_api, and_with_constants_and_broadcasts) {
    static const unsigned one_of = 9;
    const bool longer = is_long();
    uint64_t state = 11;
    unsigned turn = 0;
    struct variant v = {0};
    open_folder();
    do {
        if (strcmp(programs[v.program].name, "apply") == 0 || v.constant == NO_CONSTANT) continue;
        if (turn++ % (longer ? 7 : one_of * 7) != 0) continue; /* no divisor of how many there are of anything */
        struct varied m = variant_make(v, &state);
        if (m.graph) add_ahead(m.graph, m.outputs, m.count, turn % 2 ? TG_EXACT : TG_FAST, 0);
    } while (variant_next(&v) && ahead_count < AHEADS);
    cr_assert_gt(ahead_count, 30);
    check_aheads("cc -O1");
    close_folder();
}
