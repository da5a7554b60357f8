/* Every allocation of every function that makes nodes fails in turn, once and from there on: there is a status and a
 * message, nothing leaks, nothing crashes, and with memory back the same call gives the same bits. */
#include "api.h"
#include "graph.h"

#include <criterion/criterion.h>

TestSuite(memory_api, .timeout = 120);

static uint64_t mix(uint64_t hash, const void *bytes, size_t count) { /* FNV-1a */
    for (size_t i = 0; i < count; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
    return hash;
}

/* Operators, names and values of the tape behind a node as one number. */
static uint64_t story(tg_graph *g, uint32_t before) {
    uint64_t hash = tg_count(g) - before;
    for (uint32_t id = before + 1; id <= tg_count(g); id++) {
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
    if (p->smooth)
        tg_backward(z, tg_size(z) == 1 && tg_dims(z).rank == 0 ? tg_nil(g)
                                                               : tg_expand(tg_scalar_like(z, 1.5), tg_dims(z)));
    for (int i = 0; i < n && status == TG_OK; i++) status = tg_value(a[i]) ? TG_OK : api_give(a[i], &state);
    if (status == TG_OK) status = tg_run(g);
    bool assigns = false;
    for (uint32_t id = 1; id <= tg_count(g); id++) assigns |= !tg_is_nil(tg_assigned(tg_node_at(g, id)));
    return status == TG_OK && assigns ? tg_commit(g) : status;
}

/* ------------------------------------------------------------------------------------------- the allocator's calls */

#define AT    "%s, place %d, point %zu"
#define WHERE p->name, (int)place, point

/* What comes of a call for which there was no memory, and of another one. */
static void comes_back(const struct program *p, int place, size_t point, tg_graph *g, tg_status status, tg_mark mark) {
    cr_assert_eq(status, TG_MEMORY, AT ": status %d: %s", WHERE, (int)status, tg_message(g));
    cr_assert_eq(tg_error(g), TG_MEMORY, AT, WHERE);
    cr_assert_not_null(strstr(tg_message(g), "out of memory"), AT ": %s", WHERE, tg_message(g));
    cr_assert_eq(tg_rewind(g, mark), TG_OK, AT ": %s", WHERE, tg_message(g));
    cr_assert_eq(perform(g, p), TG_OK, AT ", once more: %s", WHERE, tg_message(g));
}

static void balanced(const struct program *p, int place, size_t point, const struct heap *heap) {
    cr_assert_eq(heap->live + heap->blocks, 0, AT ": %zu bytes leak", WHERE, heap->live);
    cr_assert_eq(heap->wrong, 0, AT ": a block was given back with another size", WHERE);
}

/* True if allocation `point`, counted from the graph's own, was reached. */
static bool fails_at(const struct program *p, size_t point, bool onward, uint64_t want) {
    struct heap heap = {.onward = onward};
    tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
    const tg_mark mark = tg_mark_now(g);
    heap.fail_at = heap.calls + point;
    const tg_status status = perform(g, p);
    const bool reached = heap.calls >= heap.fail_at;
    heap.fail_at = 0;
    if (reached) comes_back(p, -1, point, g, status, mark);
    cr_assert_eq(story(g, 0), want, "%s, point %zu: it differs", p->name, point);
    tg_graph_free(g);
    balanced(p, -1, point, &heap);
    return reached;
}

Test(memory_api, every_allocation) {
    size_t all = 0;
    for (size_t i = 0; i < PROGRAMS; i++) {
        tg_graph *g = tg_graph_new();
        cr_assert_eq(perform(g, &programs[i]), TG_OK, "%s: %s", programs[i].name, tg_message(g));
        const uint64_t want = story(g, 0);
        tg_graph_free(g);
        for (size_t onward = 0; onward < 2; onward++)
            for (size_t point = 1; fails_at(&programs[i], point, onward, want); point++) all++;
    }
    printf("%zu allocations of %d programs failed in turn\n", all, (int)PROGRAMS);
    fflush(stdout);
}

/* -------------------------------------------------------------------------------------------------- small pieces
 * Most of what a call asks for is cut from blocks. Here all tables exist, all blocks are almost full, and there are no
 * new ones: so each piece is the first for which there is no room. */

enum place { INTERNED, STRINGS, POOL, NODES, SITES, LOG, SCOPES, PLACES };

struct crowd {
    struct heap heap;
    bool full;
    size_t refused;
};

enum { BLOCK = 16384 }; /* of an arena, and the least that a pool or a table asks for */

/* Each sweep asks for a chunk of adjoints, however much room there is; every_allocation refuses that. */
static void *crowd_alloc(void *user, size_t bytes) {
    struct crowd *c = user;
    const bool refuse = c->full && bytes >= BLOCK / 2 && bytes != TG__CHUNK * sizeof(struct tg__adjoint);
    c->refused += refuse;
    return refuse ? NULL : heap_alloc(&c->heap, bytes);
}

static void leave_room(tg_graph *g, struct tg__arena *a, size_t room) {
    const size_t left = a->block ? BLOCK - a->used : 0;
    if (left > room) cr_assert_not_null(tg__carve(g, a, left - room));
}

/* A pool that no program here fills; and one that has `room` bytes left. The smallest piece has 8 bytes, the largest 4096,
 * and a gap follows each where AddressSanitizer watches. */
static void make_pool(tg_graph *g) {
    while (g->pool_size < 4 * BLOCK) cr_assert_not_null(tg__data_new(g, 4096));
}

static void leave_pool(tg_graph *g, size_t room) {
    static const size_t piece[] = {4096, 8};
    enum { GAP = SANITIZED ? 8 : 0 };
    for (int i = 0; i < 2; i++)
        while (g->pool_used + piece[i] + GAP + room <= g->pool_size) cr_assert_not_null(tg__data_new(g, piece[i]));
}

/* Rows of a table until only `room` are left in its chunk. */
static void leave_rows(tg_graph *g, tg_node a, enum place place, size_t room) {
    const struct tg__table *const tables[] = {&g->nodes, &g->sites, &g->log, &g->scopes}, *t = tables[place - NODES];
    char name[20];
    for (unsigned i = 0; t->length + room < TG__CHUNK; i++) {
        snprintf(name, sizeof name, "n%u", i);
        if (place == SCOPES) tg_scope_open(g, name), tg_scope_close(g);
        if (place == NODES) tg_neg(a);
        if (place == SITES) tg_let(tg_neg(a), name, __FILE__, __LINE__);
        if (place == LOG) tg_let(a, name, __FILE__, __LINE__);
    }
}

static const tg_op other = {.name = "other", .operands = 1, .shape = tg_rule_first, .run = api_double};

static void prepare(tg_graph *g, enum place place, size_t room) {
    TG_LET(first, tg_counter(g));
    tg_backward(tg_exp(first), tg_nil(g));
    cr_assert_eq(tg_register(g, &other), TG_OK);
    if (place >= NODES) leave_rows(g, first, place, room);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    if (place == INTERNED) leave_room(g, &g->interned, 32 * room);
    if (place == STRINGS) leave_room(g, &g->strings, 8 * room);
    make_pool(g);
    if (place == POOL) leave_pool(g, 64 * room);
}

static bool fails_with(const struct program *p, enum place place, size_t point) {
    struct crowd c = {.full = false};
    tg_graph *g = tg_graph_new_with((tg_allocator){.alloc = crowd_alloc, .free = heap_free, .user = &c});
    prepare(g, place, point);
    const tg_mark mark = tg_mark_now(g);
    c.full = true;
    const tg_status status = perform(g, p);
    c.full = false;
    if (c.refused) comes_back(p, (int)place, point, g, status, mark);
    cr_assert_eq(tg_error(g), TG_OK, AT ": %s", WHERE, tg_message(g));
    tg_graph_free(g);
    balanced(p, (int)place, point, &c.heap);
    return c.refused > 0;
}

Test(memory_api, every_piece) {
    const size_t step = is_long() ? 1 : 3;
    size_t all = 0;
    for (size_t i = 0; i < PROGRAMS; i++)
        for (enum place place = INTERNED; place < PLACES; place++)
            for (size_t point = 0; fails_with(&programs[i], place, point); point += step) {
                cr_assert_lt(point, 500, "%s", programs[i].name);
                all++;
            }
    printf("%zu pieces of %d programs failed in turn\n", all, (int)PROGRAMS);
    fflush(stdout);
}

/* A tape of more than a thousand leaves, none of which has a value: room for values is needed by whoever comes first.
 */
static tg_status set_last(tg_graph *g) { return tg_set(tg_node_at(g, tg_count(g)), &(double){2}); }

Test(memory_api, no_room_for_values) {
    tg_status (*const calls[])(tg_graph *) = {set_last, tg_run, tg_commit};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct heap heap = {0};
        tg_graph *g = tg_graph_new_with(heap_allocator(&heap));
        for (int k = 0; k < 1100; k++) tg_input(g, TG_F64, tg_shape0());
        heap.fail_at = heap.calls + 1;
        cr_assert_eq(calls[i](g), TG_MEMORY, "call %zu: %s", i, tg_message(g));
        cr_assert_not_null(strstr(tg_message(g), "out of memory"));
        heap.fail_at = 0;
        cr_assert_eq(set_last(g), TG_OK, "call %zu: %s", i, tg_message(g));
        cr_assert_eq(tg_item(tg_node_at(g, tg_count(g)), 0), 2);
        tg_graph_free(g);
        cr_assert_eq(heap.live, 0);
    }
    cr_assert_null(tg_graph_new_with((tg_allocator){.alloc = heap_alloc}), "what is not given back is not taken");
}
