/* The directory of an archive. Everything in it is a claim, and is held against the true size of the file before memory
 * is asked for: an archive of n bytes costs no more than a few times n here, and its entries share no byte. */
#include "zip.h"

#include <stdlib.h>

enum { ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13, SIZES_BEHIND = 1 << 3, COMMENT = 65535, MANY = 0xffff };

static bool refuse(const struct tg__reader *r, const char *what) {
    return tg__fail_file(r->graph, r->path, "%s", what) == TG_OK;
}

static bool read_at(struct tg__reader *r, uint64_t at, void *data, size_t bytes) {
    if (at > r->size || bytes > r->size - at)
        return tg__fail_file(r->graph, r->path, "the archive points to byte %llu, but has %zu", (unsigned long long)at,
                             r->size) == TG_OK;
    r->at = (size_t)at;
    return tg__read(r, data, bytes);
}

/* ----------------------------------------------------------------------------------------------------- the end */

struct end {
    size_t at;                     /* where the directory must have ended */
    uint64_t count, bytes, offset; /* of the directory */
};

/* The last mark whose comment is as long as the rest of the file. */
static const unsigned char *find_end(const unsigned char *tail, size_t length) {
    for (size_t left = TG__END_BYTES; left <= length; left++) {
        const unsigned char *mark = tail + (length - left);
        if (tg__get32(mark) == TG__END_MARK && tg__get16(mark + 20) == left - TG__END_BYTES) return mark;
    }
    return NULL;
}

static bool agrees(uint64_t narrow, uint64_t wide, uint64_t most) { return narrow == most || narrow == wide; }

/* Numbers too large for the end stand in a record before it, and the locator between the two says where that is. */
static bool widen_end(struct tg__reader *r, const struct end *narrow, struct end *e) {
    unsigned char locator[TG__LOCATOR_BYTES], wide[TG__END64_BYTES];
    *e = *narrow;
    if (narrow->at < TG__LOCATOR_BYTES) return true;
    const size_t at = narrow->at - TG__LOCATOR_BYTES;
    if (!read_at(r, at, locator, sizeof locator)) return false;
    if (tg__get32(locator) != TG__LOCATOR_MARK) return true;
    const uint64_t start = tg__get64(locator + 8);
    if (tg__get32(locator + 4) != 0 || tg__get32(locator + 16) > 1)
        return refuse(r, "is one disk of an archive of several");
    if (!read_at(r, start, wide, sizeof wide)) return false;
    const uint64_t bytes = start + 12 <= at ? at - start - 12 : 0; /* what its own length says */
    if (tg__get32(wide) != TG__END64_MARK || bytes == 0 || tg__get64(wide + 4) != bytes)
        return refuse(r, "the zip64 end of the archive is not where it is said to be");
    *e = (struct end){(size_t)start, tg__get64(wide + 32), tg__get64(wide + 40), tg__get64(wide + 48)};
    if (tg__get32(wide + 16) != 0 || tg__get32(wide + 20) != 0 || tg__get64(wide + 24) != e->count)
        return refuse(r, "is one disk of an archive of several");
    if (agrees(narrow->count, e->count, MANY) && agrees(narrow->bytes, e->bytes, UINT32_MAX) &&
        agrees(narrow->offset, e->offset, UINT32_MAX))
        return true;
    return refuse(r, "the two ends of the archive contradict each other");
}

static bool read_end(struct tg__reader *r, struct end *e) {
    if (r->size < TG__END_BYTES)
        return tg__fail_file(r->graph, r->path, "%zu bytes are too few for a .npz file", r->size) == TG_OK;
    const size_t most = TG__END_BYTES + COMMENT, length = r->size < most ? r->size : most;
    unsigned char *tail = tg__alloc(r->graph, length);
    if (tail == NULL) return false;
    const bool ok = read_at(r, r->size - length, tail, length);
    const unsigned char *end = ok ? find_end(tail, length) : NULL;
    struct end narrow = {0};
    bool whole = true;
    if (end != NULL) {
        narrow = (struct end){r->size - length + (size_t)(end - tail), tg__get16(end + 10), tg__get32(end + 12),
                              tg__get32(end + 16)};
        whole = tg__get32(end + 4) == 0 && tg__get16(end + 8) == narrow.count; /* both disks, and what is on this one */
    }
    tg__release(r->graph, tail, length);
    if (!ok) return false;
    if (end == NULL) return refuse(r, "does not end like a .npz file, which is a ZIP archive: cut short, or no .npz");
    if (!whole) return refuse(r, "is one disk of an archive of several");
    return widen_end(r, &narrow, e);
}

/* ------------------------------------------------------------------------------------------------- the entries */

/* What a line and a local header have in common begins with the flags. */
static void read_common(const unsigned char *p, struct tg__entry *e) {
    e->flags = tg__get16(p);
    e->method = tg__get16(p + 2);
    e->crc = tg__get32(p + 8);
    e->packed = tg__get32(p + 12);
    e->size = tg__get32(p + 16);
    e->length = tg__get16(p + 20);
}

/* The zip64 field, with its length; NULL: the fields are damaged. */
static const unsigned char *find_wide(const unsigned char *extra, size_t length, size_t *bytes) {
    *bytes = 0;
    for (size_t at = 0, n; length - at >= 4; at += 4 + n) {
        n = tg__get16(extra + at + 2);
        if (n > length - at - 4) return NULL;
        if (tg__get16(extra + at) != TG__ZIP64_FIELD) continue;
        *bytes = n;
        return extra + at + 4;
    }
    return extra;
}

/* Numbers that do not fit their places stand in that field, in this order. */
static bool widen(const unsigned char *extra, size_t length, uint64_t **numbers, int count) {
    size_t left;
    const unsigned char *wide = find_wide(extra, length, &left);
    for (int i = 0; i < count && wide != NULL; i++) {
        if (*numbers[i] != UINT32_MAX) continue;
        if (left < 8) return false;
        *numbers[i] = tg__get64(wide);
        wide += 8;
        left -= 8;
    }
    return wide != NULL;
}

static bool refuse_entry(const struct tg__reader *r, const struct tg__entry *e, const char *what) {
    char name[100];
    return tg__fail_file(r->graph, r->path, "entry '%s' %s", tg__excerpt(e->name, e->length, name, sizeof name),
                         what) == TG_OK;
}

static bool check_entry(const struct tg__reader *r, const struct tg__entry *e) {
    if (memchr(e->name, '\0', e->length) != NULL) return refuse_entry(r, e, "has a 0 byte in its name");
    if (e->length < 4 || memcmp(e->name + e->length - 4, ".npy", 4) != 0)
        return refuse_entry(r, e, "is not a .npy file, and .npz files hold nothing else");
    if ((e->flags & ENCRYPTED) != 0) return refuse_entry(r, e, "is encrypted");
    return true;
}

/* One line of the directory; gives its length, 0 for a failure. */
static size_t read_line(const struct tg__reader *r, const unsigned char *p, size_t left, struct tg__entry *e) {
    static const char cut[] = "the directory of the archive is damaged";
    if (left < TG__LINE_BYTES || tg__get32(p) != TG__LINE_MARK) return refuse(r, cut);
    read_common(p + 8, e);
    const size_t extra = tg__get16(p + 30), line = TG__LINE_BYTES + e->length + extra + tg__get16(p + 32);
    if (line > left) return refuse(r, cut);
    e->name = (const char *)p + TG__LINE_BYTES;
    e->header = tg__get32(p + 42);
    if (!widen(p + TG__LINE_BYTES + e->length, extra, (uint64_t *[]){&e->size, &e->packed, &e->header}, 3))
        return refuse_entry(r, e, "has a damaged extra field");
    if (tg__get16(p + 34) != 0) return refuse_entry(r, e, "is on another disk of the archive");
    return check_entry(r, e) ? line : 0;
}

/* The entry's own header must say what the directory said, or readers would differ about what is in the archive. */
static bool read_local(struct tg__reader *r, uint64_t limit, struct tg__entry *e) {
    static const char differs[] = "is not what the directory of the archive says";
    unsigned char start[TG__LOCAL_BYTES];
    struct tg__entry local = {0};
    if (e->header > limit || limit - e->header < TG__LOCAL_BYTES) return refuse_entry(r, e, "lies outside the archive");
    if (!read_at(r, e->header, start, sizeof start)) return false;
    read_common(start + 6, &local);
    const size_t extra = tg__get16(start + 28), bytes = e->length + extra;
    if (tg__get32(start) != TG__LOCAL_MARK || local.length != e->length) return refuse_entry(r, e, differs);
    e->data = e->header + TG__LOCAL_BYTES + bytes;
    if (e->data > limit || e->packed > limit - e->data) return refuse_entry(r, e, "lies outside the archive");
    unsigned char *rest = tg__alloc(r->graph, bytes);
    bool ok = rest != NULL && tg__read(r, rest, bytes);
    bool same = ok && memcmp(rest, e->name, e->length) == 0 && local.method == e->method &&
                (local.flags & ENCRYPTED) == 0 &&
                widen(rest + e->length, extra, (uint64_t *[]){&local.size, &local.packed}, 2);
    if (same && (local.flags & SIZES_BEHIND) == 0)
        same = local.crc == e->crc && local.packed == e->packed && local.size == e->size;
    tg__release(r->graph, rest, bytes);
    if (ok && !same) return refuse_entry(r, e, differs);
    return ok;
}

static int by_header(const void *a, const void *b) {
    const uint64_t x = (*(const struct tg__entry *const *)a)->header, y = (*(const struct tg__entry *const *)b)->header;
    return (x > y) - (x < y);
}

/* Entries that share bytes would let a small file unpack to any size. */
static bool apart(const struct tg__reader *r, const struct tg__zip *z) {
    const size_t bytes = z->count * sizeof(struct tg__entry *);
    const struct tg__entry **sorted = tg__alloc(r->graph, bytes);
    if (sorted == NULL) return false;
    for (size_t i = 0; i < z->count; i++) sorted[i] = &z->entries[i];
    qsort(sorted, z->count, sizeof *sorted, by_header);
    bool ok = true;
    for (size_t i = 1; i < z->count && ok; i++)
        if (sorted[i]->header < sorted[i - 1]->data + sorted[i - 1]->packed)
            ok = refuse_entry(r, sorted[i], "shares bytes with another entry");
    tg__release(r->graph, sorted, bytes);
    return ok;
}

static bool read_entries(struct tg__reader *r, const struct end *end, struct tg__zip *z) {
    const unsigned char *p = z->directory;
    size_t left = z->bytes;
    for (size_t i = 0; i < z->count; i++) {
        const size_t line = read_line(r, p, left, &z->entries[i]);
        if (line == 0 || !read_local(r, end->offset, &z->entries[i])) return false;
        p += line;
        left -= line;
    }
    return left == 0 ? apart(r, z) : refuse(r, "the directory of the archive is longer than its entries");
}

/* ------------------------------------------------------------------------------------------------- the archive */

bool tg__zip_open(struct tg__zip *z, struct tg__reader *file) {
    struct end end = {0};
    *z = (struct tg__zip){0};
    if (!read_end(file, &end)) return false;
    if (end.offset > end.at || end.bytes != end.at - end.offset)
        return refuse(file, "the directory of the archive is not where it is said to be");
    if (end.count > end.bytes / TG__LINE_BYTES || end.count > PTRDIFF_MAX / 128) /* of which products are made */
        return tg__fail_file(file->graph, file->path, "%llu entries are promised, but the directory has %llu bytes",
                             (unsigned long long)end.count, (unsigned long long)end.bytes) == TG_OK;
    z->count = (size_t)end.count;
    z->bytes = (size_t)end.bytes;
    z->directory = tg__alloc(file->graph, z->bytes);
    z->entries = z->directory != NULL ? tg__alloc(file->graph, z->count * sizeof *z->entries) : NULL;
    if (z->entries != NULL && read_at(file, end.offset, z->directory, z->bytes) && read_entries(file, &end, z))
        return true;
    tg__zip_close(z, file->graph);
    return false;
}

void tg__zip_close(struct tg__zip *z, tg_graph *g) {
    tg__release(g, z->directory, z->bytes);
    tg__release(g, z->entries, z->count * sizeof *z->entries);
    *z = (struct tg__zip){0};
}
