/* Any bytes as a table: refused with a message that names the place, or read, and every cell and name is there. */
#include "tapegrad.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void require(bool truth) {
    if (!truth) abort();
}

/* The graph keeps copies: a sanitizer would see a cell or a name that is not there. */
static void look(const tg_table *t, size_t count) {
    const size_t most = 1032 * count; /* packed by gzip */
    require(t->columns > 0 && t->columns <= most + 1 && t->rows <= most);
    double *copy = malloc(t->rows * t->columns * sizeof *copy + 1);
    require(copy != NULL);
    memcpy(copy, t->data, t->rows * t->columns * sizeof *copy);
    free(copy);
    for (size_t i = 0; t->names != NULL && i < t->columns; i++) require(strlen(t->names[i]) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    char path[] = "fuzz_csv.XXXXXX";
    int fd = mkstemp(path);
    require(fd >= 0 && write(fd, bytes, count) == (ssize_t)count && close(fd) == 0);
    tg_graph *g = tg_graph_new();
    tg_table t;
    if (tg_read_csv(g, path, &t) == TG_OK)
        look(&t, count);
    else
        require(tg_error(g) == TG_FILE && strncmp(tg_message(g), path, strlen(path)) == 0 && t.data == NULL);
    tg_graph_free(g);
    unlink(path);
    return 0;
}
