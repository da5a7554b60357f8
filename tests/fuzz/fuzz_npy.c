/* Any bytes as a .npy file: refused with a message, or read, and then the same after being written and read again. */
#include "damage.h"
#include "files.h"

static void round_trip(tg_graph *g, const char *path, const tg_array *a) {
    tg_array b;
    require(tg_write_npy(g, path, a->dtype, a->shape, a->data) == TG_OK, "%s", tg_message(g));
    require(tg_read_npy(g, path, &b) == TG_OK, "%s", tg_message(g));
    require(same_array(a, &b), "what was written is read as something else");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    clear_files();
    const char *path = file_of("file");
    put_file(path, bytes, count);
    tg_graph *g = tg_graph_new();
    tg_array a;
    if (tg_read_npy(g, path, &a) == TG_OK)
        round_trip(g, path, &a);
    else
        require(tg_error(g) == TG_FILE && strncmp(tg_message(g), path, strlen(path)) == 0 && a.data == NULL, "%s",
                tg_message(g));
    tg_graph_free(g);
    return 0;
}

size_t fuzz_example(uint64_t seed, uint8_t *bytes) {
    uint64_t state = state_of(seed);
    static const double data[24] = {1, -0.0, 5e-324, 1e308};
    const tg_shape shapes[] = {tg_shape0(), tg_shape1(3), tg_shape2(2, 3), tg_shape3(2, 0, 4), tg_shape4(1, 2, 3, 4)};
    const tg_shape shape = shapes[random_below(&state, 5)];
    tg_graph *g = tg_graph_new();
    clear_files();
    require(tg_write_npy(g, file_of("file"), (tg_dtype)random_below(&state, 3), shape, data) == TG_OK, "%s",
            tg_message(g));
    tg_graph_free(g);
    return damage(&state, bytes, get_file(file_of("file"), bytes, EXAMPLE_ROOM));
}
