/* The data: a matrix and, for a loss, the class of each row. */
#include "flagship.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double item(tg_dtype dtype, const void *data, size_t i) {
    return dtype == TG_F32   ? (double)((const float *)data)[i]
           : dtype == TG_F64 ? ((const double *)data)[i]
                             : ((const int32_t *)data)[i];
}

static void *convert(const void *from, tg_dtype has, tg_dtype wanted, size_t n) {
    void *to = malloc(n ? n * sizeof(double) : 1);
    for (size_t i = 0; to && i < n; i++) {
        if (wanted == TG_F32)
            ((float *)to)[i] = (float)item(has, from, i);
        else
            ((double *)to)[i] = item(has, from, i);
    }
    if (!to) complain("out of memory");
    return to;
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* --------------------------------------------------------------------------------------------------------- classes */

/* hint: what else the column may have been, or "". */
static bool add_class(struct data *d, const char *source, const char *hint, size_t row, double v) {
    if (!(v >= 0 && v < 1e6) || v != floor(v))
        return complain("%s: the class in row %zu is %g; 0, 1, 2 … are needed%s%s%s", source, row, v, *hint ? " (" : "",
                        hint, *hint ? ")" : "");
    d->label[row] = (int32_t)v;
    if (d->label[row] >= d->classes) d->classes = d->label[row] + 1;
    return true;
}

static bool new_labels(struct data *d) {
    d->label = d->memory[1] = malloc((size_t)d->rows * sizeof *d->label);
    return d->label || complain("out of memory");
}

static bool read_labels(tg_graph *g, const char *path, struct data *d) {
    tg_array a;
    if (tg_read_npy(g, path, &a)) return complain("%s", tg_message(g));
    if (a.shape.rank != 1 || a.shape.dim[0] != d->rows)
        return complain("%s: one class for each of the %lld rows is needed", path, (long long)d->rows);
    if (!new_labels(d)) return false;
    for (size_t i = 0; i < (size_t)d->rows; i++)
        if (!add_class(d, path, "", i, item(a.dtype, a.data, i))) return false;
    return true;
}

/* ------------------------------------------------------------------------------------------------------------- csv */

enum { HINT = 200 };

/* A name comes before an index. hint: where the two are different columns, which of them was taken, and how the other
 * is had; else "". */
static bool find_column(const char *wanted, const char *path, const tg_table *t, size_t *column, char hint[HINT]) {
    char *end;
    const unsigned long n = strtoul(wanted, &end, 10);
    const bool indexed = *wanted >= '0' && *wanted <= '9' && !*end && n < t->columns;
    hint[0] = '\0';
    for (*column = 0; t->names && *column < t->columns; ++*column) {
        if (strcmp(t->names[*column], wanted) != 0) continue;
        if (indexed && *column != n)
            snprintf(hint, HINT, "%s is the name of column %zu, counted from 0; column %lu has the name '%s'", wanted,
                     *column, n, t->names[n]);
        return true;
    }
    *column = n;
    return indexed || complain("--label-column %s: %s has no column of that name or index", wanted, path);
}

/* Everything but the label column, which goes to the classes. */
static bool split(const tg_table *t, const char *label_column, tg_dtype dtype, struct data *d) {
    size_t label = t->columns, width = t->columns;
    char hint[HINT] = "";
    d->rows = (int64_t)t->rows;
    if (label_column) {
        if (!find_column(label_column, d->source, t, &label, hint) || !new_labels(d)) return false;
        width--;
    }
    d->columns = (int64_t)width;
    double *x = d->memory[2] = malloc((t->rows * width + 1) * sizeof *x);
    const char **names = d->memory[3] = malloc((width + 1) * sizeof *names);
    if (!x || !names) return complain("out of memory");
    for (size_t r = 0; r < t->rows; r++)
        for (size_t c = 0, k = 0; c < t->columns; c++) {
            double v = t->data[r * t->columns + c];
            if (c != label)
                x[r * width + k++] = v;
            else if (!add_class(d, d->source, hint, r, v))
                return false;
        }
    for (size_t c = 0, k = 0; t->names && c < t->columns; c++)
        if (c != label) names[k++] = t->names[c];
    d->names = t->names ? names : NULL;
    if (*hint) complain("--label-column: %s", hint);
    d->x = d->memory[0] = convert(x, TG_F64, dtype, t->rows * width);
    return d->x != NULL;
}

/* ------------------------------------------------------------------------------------------------------------ both */

static bool read_matrix(tg_graph *g, const char *path, tg_dtype dtype, struct data *d) {
    tg_array a;
    if (tg_read_npy(g, path, &a)) return complain("%s", tg_message(g));
    if (a.shape.rank != 2) return complain("%s: a matrix is needed, this has rank %d", path, a.shape.rank);
    d->rows = a.shape.dim[0];
    d->columns = a.shape.dim[1];
    d->x = d->memory[0] = convert(a.data, a.dtype, dtype, (size_t)(d->rows * d->columns));
    return d->x != NULL;
}

bool read_data(tg_graph *g, const struct options *o, struct data *d) {
    const char *label_column = o->label_column;
    *d = (struct data){.source = o->x};
    if (!o->x) {
        d->source = EXAMPLE_DATA "/wine.csv";
        if (!label_column) label_column = "cultivar";
    }
    bool csv = ends_with(d->source, ".csv") || ends_with(d->source, ".csv.gz");
    if (!csv && !ends_with(d->source, ".npy"))
        return complain("--x %s: a .npy, .csv or .csv.gz file is needed", d->source);
    if (!csv && label_column) return complain("--label-column goes with a .csv file; for %s give --labels", d->source);
    tg_table t;
    if (csv && tg_read_csv(g, d->source, &t)) return complain("%s", tg_message(g));
    if (!(csv ? split(&t, label_column, o->dtype, d) : read_matrix(g, d->source, o->dtype, d))) return false;
    if (d->rows == 0 || d->columns == 0) return complain("%s: there is nothing in it to normalize", d->source);
    if (o->labels && !read_labels(g, o->labels, d)) return false;
    return true;
}

bool read_leaf(tg_graph *g, const char *path, tg_node leaf) {
    tg_array a;
    if (tg_read_npy(g, path, &a)) return complain("%s", tg_message(g));
    tg_shape has = a.shape, wanted = tg_dims(leaf);
    bool fits = has.rank == wanted.rank;
    for (int i = 0; i < wanted.rank && fits; i++) fits = has.dim[i] == wanted.dim[i];
    if (!fits) {
        fprintf(stderr, "batchnorm: %s: '%s' must have shape [", path, tg_name(leaf));
        for (int i = 0; i < wanted.rank; i++) fprintf(stderr, i ? ", %lld" : "%lld", (long long)wanted.dim[i]);
        fprintf(stderr, "], the file has [");
        for (int i = 0; i < has.rank; i++) fprintf(stderr, i ? ", %lld" : "%lld", (long long)has.dim[i]);
        fprintf(stderr, "]\n");
        return false;
    }
    void *data = convert(a.data, a.dtype, tg_dtype_of(leaf), tg_size(leaf));
    bool set = data && (tg_set(leaf, data) == TG_OK || complain("%s", tg_message(g)));
    free(data);
    return set;
}

void free_data(struct data *d) {
    for (size_t i = 0; i < sizeof d->memory / sizeof *d->memory; i++) free(d->memory[i]);
}
