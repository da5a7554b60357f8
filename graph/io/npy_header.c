/* The header of a .npy file: a Python dictionary with exactly the keys 'descr', 'fortran_order' and 'shape'.
 *
 *     {'descr': '<f8', 'fortran_order': False, 'shape': (4, 3), }
 *
 * Accepted is what NumPy's own reader accepts and any writer has a reason to write: either kind of quotes, keys in any
 * order, blanks anywhere, a comma behind the last entry. */
#include "io.h"

enum { KEYS = 3 };

struct cursor {
    const struct tg__reader *file;
    const char *text;
    size_t at, length;
};

struct word {
    const char *text;
    size_t length;
};

static size_t offset(const struct cursor *c) { return c->file->at - c->length + c->at; }

static bool refuse(const struct cursor *c, const char *what) {
    return tg__fail_file(c->file->graph, c->file->path, "byte %zu, in the header: %s", offset(c), what) == TG_OK;
}

static bool wanted(const struct cursor *c, const char *what) {
    char text[24];
    if (c->at == c->length)
        return tg__fail_file(c->file->graph, c->file->path, "byte %zu: %s expected, but the header ends", offset(c),
                             what) == TG_OK;
    tg__excerpt(c->text + c->at, c->length - c->at, text, sizeof text);
    return tg__fail_file(c->file->graph, c->file->path, "byte %zu, in the header: %s expected, but there is '%s'",
                         offset(c), what, text) == TG_OK;
}

/* The next byte that is not blank; 0 at the end. */
static char look(struct cursor *c) {
    while (c->at < c->length && memchr(" \t\r\n\f", c->text[c->at], 5) != NULL) c->at++;
    return c->at < c->length ? c->text[c->at] : '\0';
}

static bool take(struct cursor *c, char byte) {
    if (look(c) != byte) return false;
    c->at++;
    return true;
}

/* A quoted string. A backslash stands for itself, so that what needs one matches nothing. */
static bool quoted(struct cursor *c, struct word *w, const char *what) {
    char quote = look(c);
    if (quote != '\'' && quote != '"') return wanted(c, what);
    const char *start = c->text + c->at + 1, *end = memchr(start, quote, c->length - c->at - 1);
    if (end == NULL) return refuse(c, "a quoted text does not end");
    *w = (struct word){start, (size_t)(end - start)};
    c->at += w->length + 2;
    return true;
}

static bool is(struct word w, const char *text) { return w.length == strlen(text) && !memcmp(w.text, text, w.length); }

/* ------------------------------------------------------------------------------------------------- the entries */

static bool refuse_descr(const struct cursor *c, struct word w, const char *what) {
    char text[24];
    return tg__fail_file(c->file->graph, c->file->path,
                         "header: 'descr' is '%s'%s; what is read is f4, f8, i4 and i8, as in '<f4'",
                         tg__excerpt(w.text, w.length, text, sizeof text), what) == TG_OK;
}

static bool parse_descr(struct cursor *c, struct tg__npy *npy) {
    static const struct {
        char name[4];
        tg_dtype dtype;
        size_t item;
    } types[] = {{"f4", TG_F32, 4}, {"f8", TG_F64, 8}, {"i4", TG_I32, 4}, {"i8", TG_I32, 8}};
    struct word all = {NULL, 0};
    if (look(c) == '[') return refuse(c, "'descr' is a structured dtype; what is read is f4, f8, i4 and i8");
    if (!quoted(c, &all, "a quoted dtype like '<f4'")) return false;
    struct word type = all;
    char order = '=';
    if (type.length > 0 && memchr("<>=|", type.text[0], 4) != NULL) {
        order = type.text[0];
        type = (struct word){type.text + 1, type.length - 1};
    }
    if (type.length > 0 && type.text[0] == 'O') return refuse_descr(c, all, ", pickled Python objects");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!is(type, types[i].name)) continue;
        if (order == '|') return refuse_descr(c, all, ", without the byte order that it needs");
        npy->dtype = types[i].dtype;
        npy->item = types[i].item;
        npy->swapped = order != '=' && (order == '>') != TG__BIG_HOST;
        return true;
    }
    return refuse_descr(c, all, "");
}

static bool parse_order(struct cursor *c, struct tg__npy *npy) {
    look(c);
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "False" : "True";
        size_t length = strlen(name);
        if (c->length - c->at < length || memcmp(c->text + c->at, name, length) != 0) continue;
        c->at += length;
        npy->fortran = i == 1;
        return true;
    }
    return wanted(c, "True or False for 'fortran_order'");
}

static bool parse_dimension(struct cursor *c, int64_t *dimension) {
    char first = look(c);
    if (first == '-') return refuse(c, "'shape' has a negative dimension");
    if (first < '0' || first > '9') return wanted(c, "a dimension in 'shape'");
    size_t start = c->at;
    *dimension = 0;
    for (; c->at < c->length && c->text[c->at] >= '0' && c->text[c->at] <= '9'; c->at++) {
        int digit = c->text[c->at] - '0';
        if (*dimension > (INT64_MAX - digit) / 10) return refuse(c, "'shape' has a dimension beyond 64 bits");
        *dimension = *dimension * 10 + digit;
    }
    if (first == '0' && c->at - start > 1) return refuse(c, "'shape' has a dimension that begins with 0");
    return true;
}

static bool parse_shape(struct cursor *c, struct tg__npy *npy) {
    if (!take(c, '(')) return wanted(c, "a tuple of dimensions for 'shape'");
    bool comma = true;
    while (look(c) != ')') {
        if (!comma) return wanted(c, "',' or ')' in 'shape'");
        if (npy->shape.rank == TG_MAX_RANK) return refuse(c, "'shape' has more than 8 dimensions");
        if (!parse_dimension(c, &npy->shape.dim[npy->shape.rank])) return false;
        npy->shape.rank++;
        comma = take(c, ',');
    }
    /* In Python (3) is a number. */
    if (npy->shape.rank == 1 && !comma) return wanted(c, "the ',' of a tuple of one");
    return take(c, ')');
}

static const struct {
    const char *name;
    bool (*parse)(struct cursor *c, struct tg__npy *npy);
} keys[KEYS] = {{"descr", parse_descr}, {"fortran_order", parse_order}, {"shape", parse_shape}};

static bool parse_entry(struct cursor *c, struct tg__npy *npy, bool seen[KEYS]) {
    struct word key = {NULL, 0};
    if (!quoted(c, &key, "a quoted key")) return false;
    size_t k = 0;
    while (k < KEYS && !is(key, keys[k].name)) k++;
    char text[24];
    if (k == KEYS || seen[k])
        return tg__fail_file(c->file->graph, c->file->path, "byte %zu, in the header: the key '%s' %s", offset(c),
                             tg__excerpt(key.text, key.length, text, sizeof text),
                             k == KEYS ? "does not belong there" : "is there twice") == TG_OK;
    if (!take(c, ':')) return wanted(c, "':'");
    seen[k] = true;
    return keys[k].parse(c, npy);
}

bool tg__npy_parse(struct tg__reader *r, const char *text, size_t length, struct tg__npy *npy) {
    struct cursor c = {.file = r, .text = text, .length = length};
    bool seen[KEYS] = {false};
    *npy = (struct tg__npy){0};
    if (!take(&c, '{')) return wanted(&c, "'{'");
    while (look(&c) != '}') {
        if (!parse_entry(&c, npy, seen)) return false;
        if (!take(&c, ',')) break;
    }
    if (!take(&c, '}')) return wanted(&c, "',' or '}'");
    look(&c);
    if (c.at != c.length) return wanted(&c, "nothing behind the '}'");
    for (size_t k = 0; k < KEYS; k++)
        if (!seen[k]) return tg__fail_file(r->graph, r->path, "header: there is no '%s'", keys[k].name) == TG_OK;
    return true;
}

/* ----------------------------------------------------------------------------------------------------- writing */

size_t tg__npy_format(char header[TG__NPY_ROOM], tg_dtype dtype, const tg_shape *shape) {
    enum { START = 10, ALIGN = 64 };
    static const char descr[][4] = {[TG_F32] = "<f4", [TG_F64] = "<f8", [TG_I32] = "<i4"};
    char dims[TG_MAX_RANK * sizeof ", 9223372036854775807"] = "";
    for (int i = 0, at = 0; i < shape->rank; i++)
        at += snprintf(dims + at, sizeof dims - (size_t)at, "%s%lld", i > 0 ? ", " : "", (long long)shape->dim[i]);
    int used =
        snprintf(header + START, TG__NPY_ROOM - START, "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }",
                 descr[dtype], dims, shape->rank == 1 ? "," : "");
    size_t end = START + (size_t)used, length = (end + 1 + ALIGN - 1) / ALIGN * ALIGN;
    memset(header + end, ' ', length - end);
    header[length - 1] = '\n';
    memcpy(header, TG__NPY_MAGIC "\1\0", 8);
    header[8] = (char)((length - START) & 0xff);
    header[9] = (char)((length - START) >> 8);
    return length;
}

void tg__npy_swap(void *data, size_t item, size_t count) {
    unsigned char *p = data;
    for (size_t i = 0; i < count; i++, p += item) {
        for (size_t k = 0; k < item / 2; k++) {
            unsigned char byte = p[k];
            p[k] = p[item - 1 - k];
            p[item - 1 - k] = byte;
        }
    }
}
