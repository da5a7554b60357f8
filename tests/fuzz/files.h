/* Files of a target: in a folder of their own, in memory where there is a place for it, removed at the end. */
#ifndef TESTS_FUZZ_FILES_H
#define TESTS_FUZZ_FILES_H

#include "target.h"

#include <unistd.h>

static inline const char *folder_of_files(void) {
    static char folder[64];
    if (folder[0]) return folder;
    snprintf(folder, sizeof folder, "%s/tapegrad-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    require(mkdtemp(folder) != NULL, "%s", folder);
    return folder;
}

static inline const char *file_of(const char *name) {
    static char path[2][128];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder_of_files(), name);
    return path[turn];
}

static const char *const file_names[] = {"file", "leaves.npz", "state.npz", "f.c", "f.h"};

static inline void remove_files(void) {
    for (size_t i = 0; i < sizeof file_names / sizeof *file_names; i++) unlink(file_of(file_names[i]));
}

static inline void remove_folder(void) {
    remove_files();
    if (rmdir(folder_of_files()) != 0) {
        fprintf(stderr, "something was left behind in %s\n", folder_of_files());
        _exit(1);
    }
}

/* At the start of an example: no files of the one before. */
static inline void clear_files(void) {
    static bool called;
    if (!called) atexit(remove_folder);
    called = true;
    remove_files();
}

static inline void put_file(const char *path, const uint8_t *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    require(file != NULL, "%s", path);
    const bool written = fwrite(bytes, 1, count, file) == count;
    require((fclose(file) == 0) & written, "%s", path);
}

/* At most `room` bytes. */
static inline size_t get_file(const char *path, uint8_t *bytes, size_t room) {
    FILE *file = fopen(path, "rb");
    require(file != NULL, "%s", path);
    const size_t count = fread(bytes, 1, room, file);
    fclose(file);
    return count;
}

static inline bool same_shape(const tg_shape *a, const tg_shape *b) {
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) same = a->dim[i] == b->dim[i];
    return same;
}

static inline size_t array_bytes(const tg_array *a) {
    size_t size = a->dtype == TG_F64 ? 8 : 4;
    for (int i = 0; i < a->shape.rank; i++) size *= a->shape.dim[i] > 0 ? (size_t)a->shape.dim[i] : 0;
    return size;
}

static inline bool same_array(const tg_array *a, const tg_array *b) {
    const size_t bytes = array_bytes(a);
    return a->dtype == b->dtype && same_shape(&a->shape, &b->shape) && (!bytes || memcmp(a->data, b->data, bytes) == 0);
}

#endif
