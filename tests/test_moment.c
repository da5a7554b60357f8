/* Where a stepper stops, beside what the tape itself says: dependence by marks, terms by counting. */
#include "inspect.h" /* before g is a name */

#include "printed.h"

TestSuite(moment, .init = setup, .fini = teardown, .timeout = 60);

struct span {
    tg_grads d;
    uint32_t out;
    size_t first, end; /* of its moments */
};

static struct span sweep(tg_node out, tg_node seed) {
    struct span s = {.out = out.id, .first = tg_moments(g)};
    s.d = tg_backward(out, seed);
    s.end = tg_moments(g);
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    return s;
}

static void needed_by(uint32_t out, bool *needed) {
    needed[out] = true;
    for (uint32_t id = out; id > 0; id--)
        for (int slot = 0; needed[id] && !tg_is_nil(tg_operand(tg_node_at(g, id), slot)); slot++)
            needed[tg_operand(tg_node_at(g, id), slot).id] = true;
}

static void check(const struct span *s) {
    const uint32_t count = tg_count(g);
    bool *needed = calloc(count + 1, sizeof *needed);
    uint32_t *arrived = calloc(count + 1, sizeof *arrived);
    size_t terms = 0;
    needed_by(s->out, needed);
    for (size_t k = 0; k < tg_moments(g); k++) {
        const tg_moment m = tg_moment_at(g, k);
        const struct tg__stop stop = tg__stop_at(s->d, k);
        if (m.kind == TG_APPENDED) {
            const bool leaf = tg_is_nil(tg_operand(m.node, 0));
            cr_assert_eq(stop.kind, needed[m.node.id] && !leaf ? TG__COMPUTED : TG__PASSED, "#%u", m.node.id);
            if (stop.kind) cr_assert_eq(stop.node, m.node.id);
        } else if (m.kind == TG_DELIVERED && k >= s->first && k < s->end) {
            cr_assert_eq(stop.kind, TG__ARRIVED);
            cr_assert(stop.node == m.node.id && stop.term == m.term.id && stop.sender == m.sender.id);
            cr_assert_eq(stop.slot, m.slot);
            cr_assert_eq(stop.arrived, ++arrived[m.node.id]);
            cr_assert_eq(stop.awaited, tg_grad_terms(s->d, m.node, NULL, 0));
            terms++;
        } else {
            cr_assert_eq(stop.kind, TG__PASSED);
        }
    }
    for (uint32_t id = 1; id <= count; id++) cr_assert_eq(arrived[id], tg_grad_terms(s->d, tg_node_at(g, id), NULL, 0));
    cr_assert_gt(terms, 0);
    free(needed);
    free(arrived);
}

/* Random tapes, with nodes that lead nowhere and nodes that only a condition or a detach leads on from. */
Test(moment, random_tapes) {
    uint64_t state = 11;
    for (int round = 0; round < 60; round++) {
        const tg_mark mark = tg_mark_now(g);
        tg_node node[40];
        int n = 0;
        for (; n < 4; n++) node[n] = row(3);
        for (; n < 40; n++) {
            tg_node a = node[random_below(&state, (size_t)n)], b = node[random_below(&state, (size_t)n)];
            const size_t kind = random_below(&state, 7);
            node[n] = kind == 0   ? tg_add(a, b)
                      : kind == 1 ? tg_mul(a, b)
                      : kind == 2 ? tg_detach(a)
                      : kind == 3 ? tg_gt(a, b)
                      : kind == 4 ? tg_where(tg_detach(a), a, b)
                      : kind == 5 ? tg_where(tg_gt(a, b), a, b)
                                  : tg_max(tg_mul(a, b), tg_keep(tg_axis(0)));
            if (kind == 6) node[n] = tg_add(tg_sub(node[n], tg_detach(node[n])), a);
        }
        const tg_node seed = row(3), out = tg_add(node[39], node[0]), earlier = tg_mul(node[30], node[1]);
        const struct span a = sweep(out, seed), b = sweep(earlier, seed), c = sweep(out, seed);
        check(&a);
        check(&b);
        check(&c);
        cr_assert_eq(tg_rewind(g, mark), TG_OK);
    }
}

Test(moment, gradients_of_gradients) {
    const tg_node x = scalar(), y = tg_mul(tg_mul(x, x), tg_exp(x));
    const struct span a = sweep(y, tg_nil(g)), b = sweep(tg_grad(a.d, x), tg_nil(g));
    check(&a);
    check(&b);
}

Test(moment, nil_and_stale) {
    const tg_node x = scalar();
    const tg_mark mark = tg_mark_now(g);
    const tg_grads d = tg_backward(tg_exp(x), tg_nil(g));
    const size_t moments = tg_moments(g);
    cr_assert_eq(tg__stop_at(d, moments).kind, TG__PASSED);
    cr_assert_eq(tg__stop_at(d, SIZE_MAX).kind, TG__PASSED);
    cr_assert_eq(tg__stop_at((tg_grads){0}, 0).kind, TG__PASSED);
    cr_assert_eq(tg_rewind(g, mark), TG_OK);
    for (size_t k = 0; k <= moments; k++) cr_assert_eq(tg__stop_at(d, k).kind, TG__PASSED);
}
