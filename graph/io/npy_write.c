/* Writing a .npy file: version 1.0, C order, little endian. */
#include "io.h"

static void pour_data(const struct tg__drain *drain, const char *data, size_t item, size_t count) {
    if (!TG__BIG_HOST && count > 0) drain->put(drain->to, data, item * count); /* crc32 begins anew at NULL */
    if (!TG__BIG_HOST) return;
    char swapped[1024];
    for (size_t n, most = sizeof swapped / item; count > 0; count -= n, data += n * item) {
        n = count < most ? count : most;
        memcpy(swapped, data, n * item);
        tg__npy_swap(swapped, item, n);
        drain->put(drain->to, swapped, n * item);
    }
}

size_t tg__npy_pour(const struct tg__drain *drain, const tg_array *array, size_t count) {
    char header[TG__NPY_ROOM];
    const size_t length = tg__npy_format(header, array->dtype, &array->shape), item = tg__item_size(array->dtype);
    drain->put(drain->to, header, length);
    pour_data(drain, array->data, item, count);
    return length + item * count;
}

const struct tg__shape *tg__npy_check(tg_graph *g, const char *path, const tg_array *array) {
    const struct tg__shape *shape = tg__shape_of(g, &array->shape, "write");
    if (shape == NULL) return NULL;
    if ((unsigned)array->dtype > TG_I32) {
        tg__fail_file(g, path, "%d is no dtype that can be written", (int)array->dtype);
        return NULL;
    }
    if (array->data != NULL || shape->count == 0) return shape;
    tg__fail_file(g, path, "no data to write");
    return NULL;
}

static void put(void *to, const void *bytes, size_t count) { tg__write(to, bytes, count); }

static bool write_array(tg_graph *g, const char *path, const tg_array *array) {
    const struct tg__shape *shape = tg__npy_check(g, path, array);
    struct tg__writer w;
    if (shape == NULL || !tg__write_open(&w, g, path)) return false;
    tg__npy_pour(&(struct tg__drain){put, &w}, array, shape->count);
    return tg__write_commit(&w);
}

tg_status tg_write_npy(tg_graph *g, const char *path, tg_dtype dtype, tg_shape shape, const void *data) {
    if (g == NULL) return TG_HANDLE;
    tg__clear_run(g);
    g->busy = true; /* out of memory here is cured by a second try, not by a rewind */
    bool ok = write_array(g, path, &(tg_array){.dtype = dtype, .shape = shape, .data = data});
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
