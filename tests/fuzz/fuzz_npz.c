/* Any bytes as a .npz file: refused with a message, or read, and then the same after being written and read again. */
#include "damage.h"
#include "files.h"

static void round_trip(tg_graph *g, const char *path, const tg_array *a, size_t count) {
    const tg_array *b;
    size_t n;
    require(tg_write_npz(g, path, a, count) == TG_OK, "%s", tg_message(g));
    require(tg_read_npz(g, path, &b, &n) == TG_OK && n == count, "%s", tg_message(g));
    for (size_t i = 0; i < n; i++)
        require(strcmp(a[i].name, b[i].name) == 0 && same_array(&a[i], &b[i]), "array %zu is read as another", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    clear_files();
    const char *path = file_of("file");
    put_file(path, bytes, count);
    tg_graph *g = tg_graph_new();
    const tg_array *a;
    size_t n;
    if (tg_read_npz(g, path, &a, &n) == TG_OK)
        round_trip(g, path, a, n);
    else
        require(tg_error(g) == TG_FILE && strncmp(tg_message(g), path, strlen(path)) == 0 && a == NULL && n == 0, "%s",
                tg_message(g));
    const tg_status expected = n == 0 && a != NULL ? TG_OK : TG_FILE; /* the tape has no leaf */
    require(tg_load_leaves(g, path) == expected, "%s", tg_message(g));
    tg_graph_free(g);
    return 0;
}

size_t fuzz_example(uint64_t seed, uint8_t *bytes) {
    uint64_t state = state_of(seed);
    static const double data[24] = {1, -0.0, 5e-324, 1e308};
    static const char *const names[] = {"x", "bn/mu", "../x", "\xc3\xa9", "a*b"};
    tg_array arrays[3];
    const size_t count = random_below(&state, 4), first = random_below(&state, 5);
    for (size_t i = 0; i < count; i++)
        arrays[i] = (tg_array){names[(first + i) % 5], (tg_dtype)random_below(&state, 3),
                               tg_shape2(2, (int64_t)random_below(&state, 5)), data};
    tg_graph *g = tg_graph_new();
    clear_files();
    require(tg_write_npz(g, file_of("file"), arrays, count) == TG_OK, "%s", tg_message(g));
    tg_graph_free(g);
    return damage(&state, bytes, get_file(file_of("file"), bytes, EXAMPLE_ROOM));
}
