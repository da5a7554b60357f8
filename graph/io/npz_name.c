/* The name of an array as the name of an entry: "bn1/x" is "bn1/x.npy". Whoever unpacks the archive makes files of the
 * entries' names, so they are harmless whatever an array is called: what is outside [A-Za-z0-9_.#-] is written %2A, and
 * so is a dot that begins a part and a slash that does not stand between two parts. */
#include "zip.h"

#include <stdlib.h>

static const char suffix[] = ".npy";
enum { SUFFIX = sizeof suffix - 1 };

/* Byte i of a name, as it is or escaped. */
static size_t escape(const char *name, size_t i, char to[3]) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-#",
                      hex[] = "0123456789ABCDEF";
    const unsigned char c = (unsigned char)name[i];
    const char before = i > 0 ? name[i - 1] : '/', after = name[i + 1];
    to[0] = name[i];
    if (c == '/' ? before != '/' && after != '/' && after != '\0' : c == '.' ? before != '/' : strchr(plain, c) != NULL)
        return 1;
    memcpy(to, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    return 3;
}

size_t tg__npz_entry(const char *name, char *entry) {
    size_t length = 0;
    char part[3];
    for (size_t i = 0; name[i] != '\0'; i++) {
        const size_t n = escape(name, i, part);
        if (entry != NULL) memcpy(entry + length, part, n);
        length += n;
    }
    if (entry != NULL) memcpy(entry + length, suffix, sizeof suffix);
    return length + SUFFIX;
}

/* -------------------------------------------------------------------------------------------------------- back */

static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static size_t unescape(const char *entry, size_t length, char *name) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        const int high = length - i > 2 && entry[i] == '%' ? digit(entry[i + 1]) : -1;
        const int low = high >= 0 ? digit(entry[i + 2]) : -1;
        name[used++] = entry[i];
        if (low < 0) continue;
        name[used - 1] = (char)(high << 4 | low);
        i += 2;
    }
    name[used] = '\0';
    return used;
}

/* A name that we would have written otherwise comes from another program, and means what it says: "50%" or "wört".
 * Where each byte would be written as the entry has it, nothing is left over: each was read from as many bytes. */
void tg__npz_key(const char *entry, size_t length, char *name) {
    length -= SUFFIX;
    const size_t used = unescape(entry, length, name);
    size_t at = 0;
    char part[3];
    bool ours = true;
    for (size_t i = 0; i < used && ours; i++) {
        const size_t n = escape(name, i, part);
        ours = n <= length - at && memcmp(entry + at, part, n) == 0;
        at += n;
    }
    if (ours) return;
    memcpy(name, entry, length);
    name[length] = '\0';
}

const char *tg__npz_path(const char *path, const char *name, char text[TG__NPZ_PATH]) {
    char file[280], part[100];
    snprintf(text, TG__NPZ_PATH, "%s: '%s'", tg__clean(path, file, sizeof file), tg__clean(name, part, sizeof part));
    return text;
}

/* ------------------------------------------------------------------------------------------------------- twins */

static int by_name(const void *a, const void *b) {
    return strcmp((*(const tg_array *const *)a)->name, (*(const tg_array *const *)b)->name);
}

bool tg__npz_distinct(tg_graph *g, const char *path, const tg_array *arrays, size_t count) {
    if (count < 2) return true;
    const size_t bytes = count * sizeof(tg_array *); /* no more than the arrays themselves */
    const tg_array **sorted = tg__alloc(g, bytes);
    if (sorted == NULL) return false;
    for (size_t i = 0; i < count; i++) sorted[i] = &arrays[i];
    qsort(sorted, count, sizeof *sorted, by_name);
    const char *twice = NULL;
    for (size_t i = 1; i < count && twice == NULL; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) twice = sorted[i]->name;
    tg__release(g, sorted, bytes);
    char text[100];
    if (twice == NULL) return true;
    return tg__fail_file(g, path, "two arrays are called '%s'", tg__clean(twice, text, sizeof text)) == TG_OK;
}
