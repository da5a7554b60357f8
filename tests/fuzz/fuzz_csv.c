/* Any bytes as a table: refused with a message that names the place, or read, and every cell and name is there. */
#include "damage.h"
#include "files.h"

#include <zlib.h>

/* The graph keeps copies: a sanitizer would see a cell or a name that is not there. */
static void look(const tg_table *t, size_t count) {
    const size_t most = 1032 * count; /* packed by gzip */
    require(t->columns > 0 && t->columns <= most + 1 && t->rows <= most, "%zu x %zu cells", t->rows, t->columns);
    double *copy = malloc(t->rows * t->columns * sizeof *copy + 1);
    require(copy != NULL, "%zu x %zu cells", t->rows, t->columns);
    memcpy(copy, t->data, t->rows * t->columns * sizeof *copy);
    free(copy);
    for (size_t i = 0; t->names != NULL && i < t->columns; i++) require(*t->names[i], "column %zu has no name", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    clear_files();
    const char *path = file_of("file");
    put_file(path, bytes, count);
    tg_graph *g = tg_graph_new();
    tg_table t;
    if (tg_read_csv(g, path, &t) == TG_OK)
        look(&t, count);
    else
        require(tg_error(g) == TG_FILE && strncmp(tg_message(g), path, strlen(path)) == 0 && t.data == NULL, "%s",
                tg_message(g));
    tg_graph_free(g);
    return 0;
}

static size_t pack(uint8_t *bytes, size_t count) {
    gzFile file = gzopen(file_of("file"), "wb");
    require(file != NULL && gzwrite(file, bytes, (unsigned)count) == (int)count && gzclose(file) == Z_OK, "zlib");
    return get_file(file_of("file"), bytes, EXAMPLE_ROOM);
}

size_t fuzz_example(uint64_t seed, uint8_t *bytes) {
    static const char *const cells[] = {"1", "-2.5e3", "\"3\"", " 4 ", "nan", "-inf", "", "x", "\"a,b\"", "0x1p3"};
    static const char *const ends[] = {"\n", "\r\n", "\r", ""};
    uint64_t state = state_of(seed);
    const size_t rows = random_below(&state, 6), columns = 1 + random_below(&state, 4);
    const size_t sane = 1 + random_below(&state, sizeof cells / sizeof *cells);
    const char *end = ends[random_below(&state, 4)];
    size_t count = 0;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            const char *cell = i || random_below(&state, 2) ? cells[random_below(&state, sane)] : "name";
            count += (size_t)sprintf((char *)bytes + count, "%s%s", cell, j + 1 < columns ? "," : end);
        }
    count = damage(&state, bytes, count);
    if (random_below(&state, 4)) return count;
    return damage(&state, bytes, pack(bytes, count));
}
