/* Any sequence of calls of the public interface, with any handles, and with memory that runs out in between: no call
 * crashes, a status has a message, readers change nothing, programs have the tape's bits, and all memory comes back. */
#include "calls_build.h"
#include "calls_read.h"

static const struct act {
    void (*call)(struct session *s);
    size_t weight;
    bool reads; /* and must not change the tape */
} acts[] = {
    {call_constructor, 20, false}, {call_attributes, 20, false}, {call_leaf, 6, false},   {call_names, 4, false},
    {call_backward, 8, false},     {call_derivative, 2, false},  {call_mutate, 2, false}, {call_optimizer, 2, false},
    {call_own, 3, false},          {call_rewind, 4, false},      {call_set, 14, false},    {call_run, 10, false},
    {call_step, 3, false},         {call_program, 8, false},     {call_held, 6, false},   {call_exact, 6, false},
    {call_ask, 8, true},           {call_print, 6, true},        {call_write, 6, true},   {call_check, 3, true},
    {call_compare, 3, true},       {call_files, 4, false},       {call_hunger, 4, false},
};
enum { ACTS = sizeof acts / sizeof *acts };

static const struct act *any_act(struct session *s) {
    size_t all = 0, i = 0;
    for (size_t k = 0; k < ACTS; k++) all += acts[k].weight;
    size_t at = choose(&s->in, all);
    while (at >= acts[i].weight) at -= acts[i++].weight;
    return &acts[i];
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t n) { /* FNV-1a */
    for (size_t i = 0; i < n; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Nodes, names, values, and how long the history is. */
static uint64_t print_of(const struct session *s) {
    const uint64_t lengths[] = {tg_count(s->g), tg_moments(s->g)};
    uint64_t h = mix(UINT64_C(0xcbf29ce484222325), lengths, sizeof lengths);
    for (uint32_t id = 1; id <= tg_count(s->g); id++) {
        const tg_node a = tg_node_at(s->g, id);
        const void *value = tg_value(a);
        const char *name;
        for (size_t i = 0; (name = tg_alias(a, i)); i++) h = mix(h, name, strlen(name) + 1);
        h = mix(h, &(int){value != NULL}, sizeof(int));
        if (value && tg_size(a) < LENT) h = mix(h, value, tg_size(a) * (tg_dtype_of(a) == TG_F64 ? 8 : 4));
    }
    return h;
}

static void act(struct session *s) {
    const struct act *a = any_act(s);
    const uint64_t before = a->reads ? print_of(s) : 0;
    s->nowhere = false;
    a->call(s);
    require(!a->reads || print_of(s) == before, "act %d changed the tape", (int)(a - acts));
    if (a->call != call_hunger) s->heap.fail_at = 0;
    for (int i = 0; i < 2; i++) {
        tg_graph *g = i ? s->other : s->g;
        require((tg_error(g) == TG_OK) == !*tg_message(g), "status %d says '%s'", (int)tg_error(g), tg_message(g));
    }
    require(s->heap.wrong == 0, "act %d frees what it did not allocate", (int)(a - acts));
}

/* An expanded node may have 2^60 elements in the memory of one; a sum over it would run for years. */
static bool is_endless(const struct session *s) {
    const size_t most = (size_t)1 << 22;
    for (uint32_t id = 1; id <= tg_count(s->g); id++)
        if (tg_size(tg_node_at(s->g, id)) > most) return true;
    return false;
}

/* An error in building ends all that follows, so it is mostly rewound; a tape that is too large to run always is. */
static void recover(struct session *s) {
    const bool endless = is_endless(s);
    if (tg_error(s->g) == TG_OK && !endless)
        s->good = tg_mark_now(s->g);
    else if (choose(&s->in, 16) || endless)
        require(tg_rewind(s->g, s->good) == TG_OK, "the last good mark is refused: %s", tg_message(s->g));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct session s = {.in = {bytes, count}};
    clear_files();
    s.g = tg_graph_new_with(session_allocator(&s.heap));
    s.other = tg_graph_new_with(session_allocator(&s.heap));
    tg_input(s.other, TG_F64, tg_shape1(3));
    s.good = tg_mark_now(s.g);
    while (s.in.left) {
        act(&s);
        recover(&s);
    }
    tg_graph_free(s.g);
    tg_graph_free(s.other);
    require(s.heap.blocks == 0 && s.heap.live == 0, "%zu blocks are lost", s.heap.blocks);
    return 0;
}

size_t fuzz_example(uint64_t seed, uint8_t *bytes) { return random_choices(seed, bytes, 100, 1500); }
