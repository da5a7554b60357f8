/* TG_EXACT gives the bits of the interpreter on random tapes: all that is computed wanted, or some of it. */
#include "compiled.h"

#define state drawing /* both have one */
#include "random_tape.h"
#undef state
#include "exact.h"

TestSuite(exact_random, .timeout = 3000);

enum { PART = 500 };

/* The newest nodes, some of them. */
static size_t choose(tg_graph *g, uint64_t seed, tg_node *wanted, size_t room) {
    uint64_t draws = seed * 77 + 5;
    size_t n = 0;
    for (uint32_t id = tg_count(g); id > 0 && n < room; id--)
        if (!tg__is_leaf(tg__node_of(g, id)) && random_below(&draws, 6) == 0) wanted[n++] = tg_node_at(g, id);
    if (n == 0) wanted[n++] = tg_node_at(g, tg_count(g));
    return n;
}

static void check_part(uint64_t first) {
    static char what[PART][24];
    begin();
    for (uint64_t seed = first; seed < first + PART; seed++) {
        struct tape t = build(seed);
        tg_node wanted[3];
        snprintf(what[seed - first], sizeof *what, "seed %d", (int)seed);
        if (seed % (is_long() ? 2 : 5) == 0)
            add_all(t.g, TG_EXACT, what[seed - first]);
        else
            add_case(t.g, wanted, choose(t.g, seed, wanted, 1 + seed % 3), TG_EXACT, what[seed - first]);
    }
    check_all();
}

Test(exact_random, tapes) {
    for (uint64_t first = 1; first < (is_long() ? 10000 : PART); first += PART) check_part(first);
}
