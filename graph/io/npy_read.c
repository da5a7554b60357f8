/* Reading a .npy file: magic, version, header length, header, data, and not a byte behind it. */
#include "io.h"

static bool read_header(struct tg__reader *r, struct tg__npy *npy) {
    enum { MAGIC = 6, SHORT = 10, LONG = 12 };
    unsigned char start[LONG] = {0};
    if (r->size < SHORT)
        return tg__fail_file(r->graph, r->path, "%zu bytes are too few for a .npy file", r->size) == TG_OK;
    if (!tg__read(r, start, SHORT)) return false;
    if (memcmp(start, TG__NPY_MAGIC, MAGIC) != 0)
        return tg__fail_file(r->graph, r->path, "byte 0: does not begin like a .npy file") == TG_OK;
    unsigned major = start[MAGIC], minor = start[MAGIC + 1];
    if (major < 1 || major > 3 || minor != 0)
        return tg__fail_file(r->graph, r->path, "byte 6: .npy version %u.%u; what is read is 1.0, 2.0 and 3.0", major,
                             minor) == TG_OK;
    if (major > 1 && r->size < LONG)
        return tg__fail_file(r->graph, r->path, "byte 8: the file ends in the length of its header") == TG_OK;
    if (major > 1 && !tg__read(r, start + SHORT, LONG - SHORT)) return false;
    uint32_t length =
        (uint32_t)start[8] | (uint32_t)start[9] << 8 | (uint32_t)start[10] << 16 | (uint32_t)start[11] << 24;
    if (length > r->size - r->at)
        return tg__fail_file(r->graph, r->path, "byte 8: a header of %zu bytes is promised, %zu are left",
                             (size_t)length, r->size - r->at) == TG_OK;
    char *text = tg__alloc(r->graph, length);
    bool ok = text != NULL && tg__read(r, text, length) && tg__npy_parse(r, text, length, npy);
    tg__release(r->graph, text, length);
    return ok;
}

/* By division, so that no product wraps. */
static bool fits(const tg_shape *shape, size_t room) {
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] > 0) room = (size_t)(room / (uint64_t)shape->dim[i]);
    return room > 0;
}

/* The shape, when the rest of the file is exactly its data. */
static const struct tg__shape *match(const struct tg__reader *r, const struct tg__npy *npy) {
    size_t left = r->size - r->at, room = left / npy->item;
    for (int i = 0; i < npy->shape.rank; i++)
        if (npy->shape.dim[i] == 0) room = PTRDIFF_MAX / 64; /* no data, but strides are made of the other dimensions */
    char text[200];
    tg__shape_text(&npy->shape, text, sizeof text);
    if (!fits(&npy->shape, room)) {
        tg__fail_file(r->graph, r->path, "header: shape %s of %zu-byte elements, but %zu bytes of data", text,
                      npy->item, left);
        return NULL;
    }
    const struct tg__shape *shape = tg__shape_of(r->graph, &npy->shape, "read_npy");
    if (shape == NULL || left == shape->count * npy->item) return shape;
    size_t used = shape->count * npy->item;
    tg__fail_file(r->graph, r->path, "byte %zu: %zu bytes too many behind the data of shape %s", r->at + used,
                  left - used, text);
    return NULL;
}

/* One element into its place; false: an integer that does not fit. */
static bool place(void *to, const void *from, const struct tg__npy *npy) {
    if (npy->dtype != TG_I32 || npy->item == 4) {
        memcpy(to, from, npy->item);
        return true;
    }
    int64_t wide;
    memcpy(&wide, from, sizeof wide);
    int32_t narrow = (int32_t)wide;
    memcpy(to, &narrow, sizeof narrow);
    return wide == narrow;
}

static bool refuse_wide(const struct tg__reader *r, const void *from, const tg_shape *index) {
    int64_t wide;
    char text[200];
    memcpy(&wide, from, sizeof wide);
    return tg__fail_file(r->graph, r->path, "element %s is %lld, which does not fit into i32",
                         tg__shape_text(index, text, sizeof text), (long long)wide) == TG_OK;
}

/* From the file's elements to ours, in our order: along each axis the file has its own step. */
static bool arrange(const struct tg__reader *r, const struct tg__npy *npy, size_t count, const char *raw, char *data) {
    const tg_shape *shape = &npy->shape;
    tg_shape index = {.rank = shape->rank};
    size_t step[TG_MAX_RANK], next = npy->item, from = 0, item = tg__item_size(npy->dtype);
    for (int i = 0; i < shape->rank; i++) {
        int axis = npy->fortran ? i : shape->rank - 1 - i;
        step[axis] = next;
        next *= (size_t)shape->dim[axis];
    }
    for (size_t i = 0; i < count; i++) {
        if (!place(data + i * item, raw + from, npy)) return refuse_wide(r, raw + from, &index);
        for (int axis = shape->rank - 1; axis >= 0; axis--) {
            from += step[axis];
            if (++index.dim[axis] < shape->dim[axis]) break;
            from -= step[axis] * (size_t)shape->dim[axis];
            index.dim[axis] = 0;
        }
    }
    return true;
}

static void *read_data(struct tg__reader *r, const struct tg__npy *npy, size_t count) {
    size_t item = tg__item_size(npy->dtype), raw_bytes = count * npy->item;
    bool as_is = npy->item == item && (!npy->fortran || npy->shape.rank < 2);
    char *raw = as_is ? tg__keep(r->graph, &r->graph->kept, raw_bytes) : tg__alloc(r->graph, raw_bytes);
    if (raw == NULL) return NULL;
    bool ok = tg__read(r, raw, raw_bytes);
    if (ok && npy->swapped) tg__npy_swap(raw, npy->item, count);
    if (as_is) return ok ? raw : NULL;
    char *data = ok ? tg__keep(r->graph, &r->graph->kept, count * item) : NULL;
    if (data != NULL && !arrange(r, npy, count, raw, data)) data = NULL;
    tg__release(r->graph, raw, raw_bytes);
    return data;
}

/* The name that a file x.npy gives to what is in it: x. */
static const char *name_of(tg_graph *g, const char *path) {
    const char *base = tg__base(path);
    size_t length = strlen(base);
    if (length > 4 && strcmp(base + length - 4, ".npy") == 0) length -= 4;
    char *name = tg__keep(g, &g->kept, length + 1);
    if (name == NULL) return NULL;
    memcpy(name, base, length);
    name[length] = '\0';
    return name;
}

bool tg__npy_read(struct tg__reader *r, tg_array *array) {
    struct tg__npy npy;
    if (!read_header(r, &npy)) return false;
    const struct tg__shape *shape = match(r, &npy);
    void *data = shape != NULL ? read_data(r, &npy, shape->count) : NULL;
    if (data == NULL) return false;
    *array = (tg_array){.dtype = npy.dtype, .shape = npy.shape, .data = data};
    return true;
}

static bool read_file(struct tg__reader *r, tg_array *array) {
    tg_array read;
    if (!tg__npy_read(r, &read)) return false;
    read.name = name_of(r->graph, r->path);
    if (read.name == NULL) return false;
    *array = read;
    return true;
}

tg_status tg_read_npy(tg_graph *g, const char *path, tg_array *array) {
    if (array == NULL) return tg__fail_null(g, "read_npy", "array");
    *array = (tg_array){0};
    if (g == NULL) return TG_HANDLE;
    tg__clear_run(g);
    g->busy = true; /* out of memory here is cured by a second try, not by a rewind */
    struct tg__reader r;
    struct tg__block *before = g->kept;
    bool ok = tg__read_open(&r, g, path) && read_file(&r, array);
    tg__read_close(&r);
    if (!ok) tg__blocks_cut(g, &g->kept, before);
    g->busy = false;
    return ok ? TG_OK : tg_error(g);
}
