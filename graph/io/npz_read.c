/* Reading a .npz file: a ZIP archive with a .npy file for each array. */
#include "zip.h"

static bool read_array(const struct tg__reader *file, const struct tg__entry *e, tg_array *array) {
    tg_graph *g = file->graph;
    char *name = tg__keep(g, &g->kept, e->length + 1), path[TG__NPZ_PATH];
    if (name == NULL) return false;
    tg__npz_key(e->name, e->length, name);
    struct tg__unzip u;
    bool ok = tg__unzip_open(&u, file, e, tg__npz_path(file->path, name, path)) && tg__npy_read(&u.plain, array) &&
              tg__unzip_finish(&u);
    tg__unzip_close(&u);
    array->name = name;
    return ok;
}

static tg_array *read_arrays(struct tg__reader *file, const struct tg__zip *z) {
    tg_graph *g = file->graph;
    tg_array *arrays = tg__keep(g, &g->kept, z->count * sizeof *arrays);
    for (size_t i = 0; arrays != NULL && i < z->count; i++)
        if (!read_array(file, &z->entries[i], &arrays[i])) return NULL;
    return arrays != NULL && tg__npz_distinct(g, file->path, arrays, z->count) ? arrays : NULL;
}

tg_status tg_read_npz(tg_graph *g, const char *path, const tg_array **arrays, size_t *count) {
    if (arrays == NULL || count == NULL) return tg__fail_null(g, "read_npz", arrays ? "count" : "arrays");
    *arrays = NULL;
    *count = 0;
    if (g == NULL) return TG_HANDLE;
    tg__clear_run(g);
    g->busy = true; /* out of memory here is cured by a second try, not by a rewind */
    struct tg__reader r;
    struct tg__zip z = {0};
    struct tg__block *before = g->kept;
    if (tg__read_open(&r, g, path) && tg__zip_open(&z, &r)) *arrays = read_arrays(&r, &z);
    if (*arrays != NULL) *count = z.count;
    tg__zip_close(&z, g);
    tg__read_close(&r);
    if (*arrays == NULL) tg__blocks_cut(g, &g->kept, before);
    g->busy = false;
    return *arrays != NULL ? TG_OK : tg_error(g);
}
