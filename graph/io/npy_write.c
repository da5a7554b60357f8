/* Writing a .npy file: version 1.0, C order, little endian. */
#include "io.h"

static void put_data(struct tg__writer *w, const char *data, size_t item, size_t count) {
    if (!TG__BIG_HOST) {
        tg__write(w, data, item * count);
        return;
    }
    char swapped[1024];
    for (size_t n, most = sizeof swapped / item; count > 0; count -= n, data += n * item) {
        n = count < most ? count : most;
        memcpy(swapped, data, n * item);
        tg__npy_swap(swapped, item, n);
        tg__write(w, swapped, n * item);
    }
}

static bool write_array(tg_graph *g, const char *path, tg_dtype dtype, const tg_shape *dims, const void *data) {
    const struct tg__shape *shape = tg__shape_of(g, dims, "write_npy");
    if (shape == NULL) return false;
    if ((unsigned)dtype > TG_I32)
        return tg__fail_file(g, path, "%d is no dtype that can be written", (int)dtype) == TG_OK;
    if (data == NULL && shape->count > 0) return tg__fail_file(g, path, "no data to write") == TG_OK;
    struct tg__writer w;
    if (!tg__write_open(&w, g, path)) return false;
    char header[TG__NPY_ROOM];
    tg__write(&w, header, tg__npy_format(header, dtype, &shape->dims));
    put_data(&w, data, tg__item_size(dtype), shape->count);
    return tg__write_commit(&w);
}

tg_status tg_write_npy(tg_graph *g, const char *path, tg_dtype dtype, tg_shape shape, const void *data) {
    if (g == NULL) return TG_HANDLE;
    tg__clear_run(g);
    g->busy = true; /* out of memory here is cured by a second try, not by a rewind */
    bool ok = write_array(g, path, dtype, &shape, data);
    g->busy = false;
    return ok ? TG_OK : tg_error(g);
}

tg_status tg_save(tg_node a, const char *path) {
    const struct tg__node *n = tg__want(a, "save");
    if (n == NULL) return tg_error(a.graph);
    const void *data = tg_value(a);
    if (data != NULL) return tg_write_npy(a.graph, path, tg_dtype_of(a), tg_dims(a), data);
    char name[80];
    tg__clear_run(a.graph);
    return tg__fail_file(a.graph, path, "%s has no value to save; run the graph first",
                         tg__quote(a.graph, a.id, name, sizeof name));
}
