/* Any bytes as a .npz file: refused with a message, or read, and then the same after being written and read again. */
#include "tapegrad.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void require(bool truth) {
    if (!truth) abort();
}

static void same(const tg_array *a, const tg_array *b) {
    size_t size = a->dtype == TG_F64 ? 8 : 4;
    for (int i = 0; i < a->shape.rank; i++) size *= a->shape.dim[i] > 0 ? (size_t)a->shape.dim[i] : 0;
    require(a->dtype == b->dtype && memcmp(&a->shape, &b->shape, sizeof b->shape) == 0);
    require(strcmp(a->name, b->name) == 0 && memcmp(a->data, b->data, size) == 0);
}

static void round_trip(tg_graph *g, const char *path, const tg_array *a, size_t count) {
    const tg_array *b;
    size_t n;
    require(tg_write_npz(g, path, a, count) == TG_OK);
    require(tg_read_npz(g, path, &b, &n) == TG_OK && n == count);
    for (size_t i = 0; i < n; i++) same(&a[i], &b[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    char path[] = "fuzz_npz.XXXXXX";
    int fd = mkstemp(path);
    require(fd >= 0 && write(fd, bytes, count) == (ssize_t)count && close(fd) == 0);
    tg_graph *g = tg_graph_new();
    const tg_array *a;
    size_t n;
    if (tg_read_npz(g, path, &a, &n) == TG_OK)
        round_trip(g, path, a, n);
    else
        require(tg_error(g) == TG_FILE && strncmp(tg_message(g), path, strlen(path)) == 0 && a == NULL && n == 0);
    require(tg_load_leaves(g, path) == (n == 0 && a != NULL ? TG_OK : TG_FILE)); /* the tape has no leaf */
    tg_graph_free(g);
    unlink(path);
    return 0;
}
