/* Any bytes as a .npy file: refused with a message, or read, and then the same after being written and read again. */
#include "tapegrad.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void require(bool truth) {
    if (!truth) abort();
}

static void round_trip(tg_graph *g, const char *path, const tg_array *a) {
    tg_array b;
    size_t size = a->dtype == TG_F64 ? 8 : 4;
    for (int i = 0; i < a->shape.rank; i++) size *= a->shape.dim[i] > 0 ? (size_t)a->shape.dim[i] : 0;
    require(tg_write_npy(g, path, a->dtype, a->shape, a->data) == TG_OK);
    require(tg_read_npy(g, path, &b) == TG_OK);
    require(a->dtype == b.dtype && memcmp(&a->shape, &b.shape, sizeof b.shape) == 0);
    require(memcmp(a->data, b.data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    char path[] = "fuzz_npy.XXXXXX";
    int fd = mkstemp(path);
    require(fd >= 0 && write(fd, bytes, count) == (ssize_t)count && close(fd) == 0);
    tg_graph *g = tg_graph_new();
    tg_array a;
    if (tg_read_npy(g, path, &a) == TG_OK)
        round_trip(g, path, &a);
    else
        require(tg_error(g) == TG_FILE && strncmp(tg_message(g), path, strlen(path)) == 0 && a.data == NULL);
    tg_graph_free(g);
    unlink(path);
    return 0;
}
