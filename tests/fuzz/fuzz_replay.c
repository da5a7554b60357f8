/* Archives of leaves and states, nearly good ones: loading sets everything or nothing, and says why; what was saved
 * comes back into a tape that was built alike, to the last bit; also where memory runs out. */
#include "bytes.h"
#include "files.h"

enum { LEAVES = 9, MOST = 64, STATE = 0xea /* bit k: leaf k is state */ };
static const char data[MOST * sizeof(double)] = "some bytes that are numbers of any kind, if you like";

struct model {
    struct heap heap;
    tg_graph *g;
    tg_node leaf[LEAVES];
    char text[MOST * sizeof(double)]; /* what one leaf borrows */
};

/* -------------------------------------------------------------------------------------------------------- the tape */

static void build_model(struct model *m) {
    *m = (struct model){.g = NULL};
    tg_graph *g = m->g = tg_graph_new_with(heap_allocator(&m->heap));
    m->leaf[0] = tg_let(tg_input(g, TG_F64, tg_shape2(2, 3)), "x", __FILE__, __LINE__);
    m->leaf[1] = tg_let(tg_param(g, TG_F32, tg_shape1(3)), "w", __FILE__, __LINE__);
    m->leaf[2] = tg_let(tg_input(g, TG_I32, tg_shape1(2)), "label", __FILE__, __LINE__);
    m->leaf[3] = tg_let(tg_param(g, TG_F64, tg_shape0()), "#odd", __FILE__, __LINE__);
    m->leaf[4] = tg_input(g, TG_F64, tg_shape1(4)); /* without a name */
    m->leaf[5] = tg_let(tg_param(g, TG_F64, tg_shape2(0, 3)), "none", __FILE__, __LINE__);
    tg_scope_open(g, "bn");
    m->leaf[6] = tg_let(tg_state(g, TG_F64, tg_shape1(2), 1), "mean", __FILE__, __LINE__);
    tg_scope_close(g);
    m->leaf[7] = tg_let(tg_counter(g), "n", __FILE__, __LINE__);
    m->leaf[8] = tg_let(tg_input(g, TG_F64, tg_shape1(5)), "lent", __FILE__, __LINE__);
    tg_let(m->leaf[0], "alias", __FILE__, __LINE__);
    tg_assign(m->leaf[6], tg_let(tg_add(m->leaf[6], m->leaf[6]), "sum", __FILE__, __LINE__));
    require(tg_error(g) == TG_OK, "%s", tg_message(g));
}

/* Each bit of `which`: the leaf gets a value. */
static void give_model(struct model *m, unsigned which) {
    char bytes[MOST * sizeof(double)];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = m->text[i] = (char)(i * 29 + which);
    for (int k = 0; k < LEAVES; k++) {
        if (!(which >> k & 1)) continue;
        const tg_status status = k == 8 ? tg_bind(m->leaf[k], m->text) : tg_set(m->leaf[k], bytes);
        require(status == TG_OK, "%s", tg_message(m->g));
    }
}

static size_t bytes_of_leaf(tg_node a) { return tg_size(a) * (tg_dtype_of(a) == TG_F64 ? 8 : 4); }

/* Whether each leaf has a value, and its bits. */
static void snapshot(const struct model *m, char *to) {
    memset(to, 0, LEAVES * 64);
    for (int k = 0; k < LEAVES; k++, to += 64) {
        const void *value = tg_value(m->leaf[k]);
        to[0] = value != NULL;
        if (value && bytes_of_leaf(m->leaf[k])) memcpy(to + 1, value, bytes_of_leaf(m->leaf[k]));
    }
}

static void free_model(struct model *m) {
    tg_graph_free(m->g);
    require(m->heap.blocks == 0 && m->heap.wrong == 0, "%zu blocks are lost", m->heap.blocks);
}

/* ----------------------------------------------------------------------------------------------------- the archive */

/* An array for some leaf of the model, or nearly one. */
static tg_array any_array(struct bytes *in, const struct model *m) {
    static const char *const names[] = {"x",    "w",       "label",   "##odd", "#5", "none", "bn/mean", "n",
                                        "lent", "alias",   "sum",     "y",     "",   "#",    "#4294967301",
                                        "#1",   "../x",    "bn/mean/", "#odd", "a\nb"};
    const size_t k = choose(in, sizeof names / sizeof *names), odd = choose(in, 16);
    const tg_node leaf = m->leaf[k < LEAVES ? k : odd % LEAVES];
    tg_array a = {names[k], tg_dtype_of(leaf), tg_dims(leaf), data};
    if (odd == 1) a.dtype = (tg_dtype)choose(in, 3);
    if (odd == 2) a.shape = tg_shape1((int64_t)choose(in, 6));
    if (odd == 3) a.shape = tg_shape1((int64_t)tg_size(leaf));
    return a;
}

/* The leaves as they should be, some left out, some more, and then some bytes of the file changed. A bit for each leaf
 * that is in the file as it should be. */
static unsigned write_archive(struct bytes *in, const struct model *m, const char *path, bool *more) {
    static uint8_t bytes[EXAMPLE_ROOM];
    tg_array arrays[2 * LEAVES];
    size_t count = 0;
    const unsigned sets[] = {(1 << LEAVES) - 1, STATE, (unsigned)choose(in, 1 << LEAVES)}, set = sets[choose(in, 3)];
    static const char *const names[LEAVES] = {"x", "w", "label", "##odd", "#5", "none", "bn/mean", "n", "lent"};
    for (size_t k = 0; k < LEAVES; k++)
        if (set >> k & 1)
            arrays[count++] = (tg_array){names[k], tg_dtype_of(m->leaf[k]), tg_dims(m->leaf[k]), data};
    const size_t others = choose(in, 8);
    for (size_t i = 4; i < others; i++) arrays[count++] = any_array(in, m);
    *more = others > 4;
    require(tg_write_npz(m->g, path, arrays, count) == TG_OK || tg_error(m->g) == TG_FILE, "%s", tg_message(m->g));
    if (tg_error(m->g) != TG_OK) return 0;
    const size_t size = get_file(path, bytes, sizeof bytes), edits = choose(in, 8);
    for (size_t i = 5; i < edits; i++) bytes[choose(in, size)] = (uint8_t)next_byte(in);
    put_file(path, bytes, size);
    return edits > 5 ? 0 : set;
}

/* ---------------------------------------------------------------------------------------------------------- a trial */

static tg_status load(struct model *m, const char *path, size_t how) {
    return how % 3 == 0 ? tg_load_leaves(m->g, path) : tg_load_state(m->g, path, how % 3 == 1);
}

static void come_back(struct model *m, const char *path, unsigned which) {
    char before[LEAVES * 64], after[LEAVES * 64];
    struct model twin;
    build_model(&twin);
    give_model(&twin, which & 1u << 8);
    snapshot(m, before);
    require(tg_save_leaves(m->g, path) == TG_OK, "%s", tg_message(m->g));
    require(tg_load_leaves(twin.g, path) == TG_OK, "%s", tg_message(twin.g));
    snapshot(&twin, after);
    require(memcmp(before, after, sizeof after) == 0, "the leaves come back as others");
    free_model(&twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct bytes in = {bytes, count};
    struct model m;
    char before[LEAVES * 64], after[LEAVES * 64];
    clear_files();
    build_model(&m);
    const unsigned which = (unsigned)choose(&in, 1 << LEAVES);
    const size_t how = choose(&in, 6), hunger = choose(&in, 4) ? 0 : choose(&in, 64);
    const char *path = file_of("file");
    give_model(&m, which);
    snapshot(&m, before);
    bool more = false;
    const unsigned good = write_archive(&in, &m, path, &more);
    m.heap.fail_at = hunger ? m.heap.calls + hunger : 0;
    m.heap.onward = how > 2;
    const tg_status status = load(&m, path, how);
    m.heap.fail_at = 0;
    snapshot(&m, after);
    require(status == tg_error(m.g), "status %d, error %d", (int)status, (int)tg_error(m.g));
    if (status != TG_OK) {
        const bool told = strncmp(tg_message(m.g), path, strlen(path)) == 0 || (hunger && status == TG_MEMORY);
        require(told, "%d: %s", (int)status, tg_message(m.g));
        require(memcmp(before, after, sizeof after) == 0, "what was refused was set: %s", tg_message(m.g));
    }
    const unsigned wanted = how % 3 == 0 ? ~0u : STATE;
    for (int k = 0; k < LEAVES && status == TG_OK; k++) {
        const bool same = memcmp(after + 64 * k + 1, data, bytes_of_leaf(m.leaf[k])) == 0, set = tg_value(m.leaf[k]);
        require(!((good & wanted) >> k & 1) || (same && set), "leaf %d is not what is in the file", k);
    }
    const bool must = good == STATE && !hunger && how % 3 != 0;
    require(!must || status == TG_OK || more, "a state is refused: %s", tg_message(m.g));
    come_back(&m, path, which);
    free_model(&m);
    return 0;
}

size_t fuzz_example(uint64_t seed, uint8_t *bytes) { return random_choices(seed, bytes, 10, 40); }
