/* Every allocation of every function that makes nodes fails in turn, once and from there on: there is a status and a
 * message, nothing leaks, nothing crashes, and with memory back the same call gives the same bits. */
#include "api.h"

#include <criterion/criterion.h>

TestSuite(memory_api, .timeout = 120);

static uint64_t mix(uint64_t hash, const void *bytes, size_t count) { /* FNV-1a */
    for (size_t i = 0; i < count; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
    return hash;
}

/* Operators, names and values of the whole tape as one number. */
static uint64_t story(tg_graph *g) {
    uint64_t hash = tg_count(g);
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node a = tg_node_at(g, id);
        hash = mix(hash, tg_op_of(a), strlen(tg_op_of(a)));
        hash = mix(hash, tg_name(a), strlen(tg_name(a)));
        if (tg_value(a)) hash = mix(hash, tg_value(a), tg_size(a) * (tg_dtype_of(a) == TG_F64 ? 8 : 4));
    }
    return hash;
}

/* Leaves, the call, a sweep where there is something to sweep, a run and a commit. */
static tg_status perform(tg_graph *g, const struct program *p) {
    uint64_t state = 5;
    tg_node a[API_LEAVES];
    const int n = api_leaves(g, p->leaves, a);
    const tg_node z = p->make(a);
    tg_status status = tg_error(g);
    if (status != TG_OK) return status;
    if (p->smooth) tg_backward(z, tg_size(z) == 1 && tg_dims(z).rank == 0 ? tg_nil(g) : tg_expand(tg_scalar_like(z, 1.5), tg_dims(z)));
    for (int i = 0; i < n && status == TG_OK; i++) status = tg_value(a[i]) ? TG_OK : api_give(a[i], &state);
    if (status == TG_OK) status = tg_run(g);
    return status == TG_OK ? tg_commit(g) : status;
}

/* True if allocation `point`, counted from the graph's own, was reached. */
static bool fails_at(const struct program *p, size_t point, bool onward, uint64_t want) {
    struct heap heap = {.calls = 0};
    tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
    const tg_mark mark = tg_mark_now(g);
    heap.onward = onward;
    heap.fail_at = heap.calls + point;
    const tg_status status = perform(g, p);
    const bool reached = heap.calls >= heap.fail_at;
    heap.fail_at = 0;
    if (reached) {
        cr_assert_eq(status, TG_MEMORY, "%s, point %zu: status %d: %s", p->name, point, (int)status, tg_message(g));
        cr_assert_eq(tg_error(g), TG_MEMORY, "%s, point %zu", p->name, point);
        cr_assert_not_null(strstr(tg_message(g), "out of memory"), "%s, point %zu: %s", p->name, point, tg_message(g));
        cr_assert_eq(tg_rewind(g, mark), TG_OK, "%s, point %zu: %s", p->name, point, tg_message(g));
        cr_assert_eq(perform(g, p), TG_OK, "%s, point %zu, once more: %s", p->name, point, tg_message(g));
    }
    cr_assert_eq(story(g), want, "%s, point %zu: it differs", p->name, point);
    tg_graph_free(g);
    cr_assert_eq(heap.live + heap.blocks, 0, "%s, point %zu: %zu bytes leak", p->name, point, heap.live);
    cr_assert_eq(heap.wrong, 0, "%s, point %zu: a block was given back with another size", p->name, point);
    return reached;
}

static size_t points(const struct program *p) {
    tg_graph *g = tg_graph_new();
    cr_assert_eq(perform(g, p), TG_OK, "%s: %s", p->name, tg_message(g));
    const uint64_t want = story(g);
    tg_graph_free(g);
    size_t n = 0;
    while (fails_at(p, n + 1, n % 2, want)) n++;
    return n;
}

Test(memory_api, every_constructor) {
    size_t all = 0;
    for (size_t i = 0; i < PROGRAMS; i++) all += points(&programs[i]);
    printf("%zu allocations of %d programs failed in turn\n", all, (int)PROGRAMS);
    fflush(stdout);
}
