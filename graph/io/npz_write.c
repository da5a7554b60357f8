/* Writing a .npz file: the arrays' .npy files, stored one behind the other, and the directory. The same arrays give the
 * same bytes: the date of all entries is the first that ZIP knows. */
#include "zip.h"

enum { PLAIN = 20, WIDE = 45, DAY_ONE = 1 << 5 | 1, MANY = 0xffff }; /* versions 2.0 and 4.5; 1980-01-01 */

struct written {
    uint64_t offset, size;
    size_t count; /* of elements */
    uint32_t crc;
};

struct job {
    struct tg__writer file;
    uint64_t at;
    char *entry; /* room for a name */
    const tg_array *arrays;
    struct written *entries;
    size_t count;
};

/* ----------------------------------------------------------------------------------------------------- numbers */

struct record {
    unsigned char bytes[96];
    size_t length;
};

static void put(struct record *r, uint64_t number, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) r->bytes[r->length++] = (unsigned char)(number >> 8 * i & 0xff);
}

static uint64_t narrow(uint64_t number) { return number < UINT32_MAX ? number : UINT32_MAX; }

static void emit(struct job *j, const void *bytes, size_t count) {
    tg__write(&j->file, bytes, count);
    j->at += count;
}

/* ----------------------------------------------------------------------------------------------------- entries */

/* From the version on; `extra`: bytes of the zip64 field. */
static void put_common(struct record *r, const struct written *w, size_t length, size_t extra) {
    put(r, extra > 0 ? WIDE : PLAIN, 2);
    put(r, 0, 2); /* no flags */
    put(r, 0, 2); /* stored */
    put(r, 0, 2);
    put(r, DAY_ONE, 2);
    put(r, w->crc, 4);
    put(r, narrow(w->size), 4);
    put(r, narrow(w->size), 4);
    put(r, length, 2);
    put(r, extra, 2);
}

static void put_wide(struct record *r, const struct written *w, bool size, bool offset) {
    if (!size && !offset) return;
    put(r, TG__ZIP64_FIELD, 2);
    put(r, (size ? 16u : 0u) + (offset ? 8u : 0u), 2);
    if (size) put(r, w->size, 8), put(r, w->size, 8);
    if (offset) put(r, w->offset, 8);
}

static void checksum(void *to, const void *bytes, size_t count) {
    uint32_t *crc = to;
    *crc = (uint32_t)crc32_z(*crc, bytes, count);
}

static void store(void *to, const void *bytes, size_t count) { emit(to, bytes, count); }

/* The header needs the checksum, so the bytes are gone through twice. */
static void write_entry(struct job *j, size_t i) {
    const tg_array *a = &j->arrays[i];
    struct written *w = &j->entries[i];
    w->crc = 0;
    w->offset = j->at;
    w->size = tg__npy_pour(&(struct tg__drain){checksum, &w->crc}, a, w->count);
    const bool wide = w->size >= UINT32_MAX;
    const size_t length = tg__npz_entry(a->name, j->entry);
    struct record head = {.length = 0}, field = {.length = 0};
    put_wide(&field, w, wide, false);
    put(&head, TG__LOCAL_MARK, 4);
    put_common(&head, w, length, field.length);
    emit(j, head.bytes, head.length);
    emit(j, j->entry, length);
    emit(j, field.bytes, field.length);
    tg__npy_pour(&(struct tg__drain){store, j}, a, w->count);
}

static void write_line(struct job *j, size_t i) {
    const struct written *w = &j->entries[i];
    const size_t length = tg__npz_entry(j->arrays[i].name, j->entry);
    struct record line = {.length = 0}, field = {.length = 0};
    put_wide(&field, w, w->size >= UINT32_MAX, w->offset >= UINT32_MAX);
    put(&line, TG__LINE_MARK, 4);
    put(&line, field.length > 0 ? WIDE : PLAIN, 2);
    put_common(&line, w, length, field.length);
    put(&line, 0, 2);     /* no comment */
    put(&line, 0, 2);     /* first disk */
    put(&line, 0, 2 + 4); /* no attributes */
    put(&line, narrow(w->offset), 4);
    emit(j, line.bytes, line.length);
    emit(j, j->entry, length);
    emit(j, field.bytes, field.length);
}

/* ----------------------------------------------------------------------------------------------------- the end */

static void write_end(struct job *j, uint64_t offset) {
    const uint64_t bytes = j->at - offset, end = j->at;
    struct record r = {.length = 0};
    if (j->count >= MANY || bytes >= UINT32_MAX || offset >= UINT32_MAX) {
        put(&r, TG__END64_MARK, 4);
        put(&r, TG__END64_BYTES - 12, 8);
        put(&r, WIDE, 2);
        put(&r, WIDE, 2);
        put(&r, 0, 4 + 4); /* first disk */
        put(&r, j->count, 8);
        put(&r, j->count, 8);
        put(&r, bytes, 8);
        put(&r, offset, 8);
        put(&r, TG__LOCATOR_MARK, 4);
        put(&r, 0, 4);
        put(&r, end, 8);
        put(&r, 1, 4);
        emit(j, r.bytes, r.length);
        r.length = 0;
    }
    const uint64_t count = j->count < MANY ? j->count : MANY;
    put(&r, TG__END_MARK, 4);
    put(&r, 0, 2 + 2); /* first disk */
    put(&r, count, 2);
    put(&r, count, 2);
    put(&r, narrow(bytes), 4);
    put(&r, narrow(offset), 4);
    put(&r, 0, 2); /* no comment */
    emit(j, r.bytes, r.length);
}

static bool write_all(struct job *j, tg_graph *g, const char *path) {
    if (!tg__write_open(&j->file, g, path)) return false;
    for (size_t i = 0; i < j->count; i++) write_entry(j, i);
    const uint64_t offset = j->at;
    for (size_t i = 0; i < j->count; i++) write_line(j, i);
    write_end(j, offset);
    return tg__write_commit(&j->file);
}

/* ------------------------------------------------------------------------------------------------------ arrays */

static bool check(tg_graph *g, const char *path, const tg_array *array, size_t i, struct written *w) {
    char text[TG__NPZ_PATH];
    if (array->name == NULL)
        return tg__fail_file(g, path, "array %zu has no name, which would be its key in the file", i) == TG_OK;
    tg__npz_path(path, array->name, text);
    const size_t length = tg__npz_entry(array->name, NULL);
    if (length > TG__ENTRY_NAME)
        return tg__fail_file(g, text, "the name becomes %zu bytes long; a ZIP archive has room for %d", length,
                             TG__ENTRY_NAME) == TG_OK;
    const struct tg__shape *shape = tg__npy_check(g, text, array);
    if (shape != NULL) w->count = shape->count;
    return shape != NULL;
}

static bool write_arrays(struct job *j, tg_graph *g, const char *path) {
    for (size_t i = 0; i < j->count; i++)
        if (!check(g, path, &j->arrays[i], i, &j->entries[i])) return false;
    return tg__npz_distinct(g, path, j->arrays, j->count) && write_all(j, g, path);
}

static bool write_npz(tg_graph *g, const char *path, const tg_array *arrays, size_t count) {
    if (path == NULL) return tg__fail_file(g, "NULL", "no file to write") == TG_OK;
    if (arrays == NULL && count > 0) return tg__fail_file(g, path, "no arrays to write") == TG_OK;
    struct job j = {.arrays = arrays, .count = count};
    const size_t bytes = count * sizeof *j.entries; /* smaller than the arrays, so the product fits */
    j.entry = tg__alloc(g, TG__ENTRY_NAME + 1);
    j.entries = tg__alloc(g, bytes);
    const bool ok = j.entry != NULL && j.entries != NULL && write_arrays(&j, g, path);
    tg__release(g, j.entries, bytes);
    tg__release(g, j.entry, TG__ENTRY_NAME + 1);
    return ok;
}

tg_status tg_write_npz(tg_graph *g, const char *path, const tg_array *arrays, size_t count) {
    if (g == NULL) return TG_HANDLE;
    tg__clear_run(g);
    g->busy = true; /* out of memory here is cured by a second try, not by a rewind */
    const bool ok = write_npz(g, path, arrays, count);
    g->busy = false;
    return ok ? TG_OK : tg_error(g);
}
