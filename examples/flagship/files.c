/* The named nodes as files: writing ours, and laying somebody else's beside them. */
#include "flagship.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char *const forward_names[] = {"x",       "gamma", "beta", "mu",     "xmu", "sq", "var",
                                            "sqrtvar", "ivar",  "xhat", "gammax", "out", NULL};
static const char *const backward_names[] = {"dout",  "dbeta",    "dgammax", "dgamma", "dxhat", "divar",
                                             "dxmu1", "dsqrtvar", "dvar",    "dsq",    "dxmu2", "dxmu",
                                             "dx1",   "dmu",      "dx2",     "dx",     NULL};

static const char *const *const lists[] = {forward_names, backward_names};

static bool path_of(char *path, size_t room, const char *folder, const char *name, const char *kind) {
    int n = snprintf(path, room, "%s/%s.%s", folder, name, kind);
    return (n > 0 && (size_t)n < room) || complain("%s: the path is too long", folder);
}

static bool make_folder(const char *option, const char *folder) {
    return mkdir(folder, 0777) == 0 || errno == EEXIST || complain("%s %s: %s", option, folder, strerror(errno));
}

bool dump(const struct model *m, const char *folder) {
    char path[4096];
    if (!make_folder("--dump", folder)) return false;
    for (int l = 0; l < 2; l++)
        for (const char *const *name = lists[l]; *name; name++) {
            if (!path_of(path, sizeof path, folder, *name, "npy")) return false;
            if (tg_save(tg_find(m->g, *name), path)) return complain("%s", tg_message(m->g));
        }
    if (!path_of(path, sizeof path, folder, "replay", "npz")) return false;
    return tg_save_leaves(m->g, path) == TG_OK || complain("%s", tg_message(m->g));
}

bool export_all(const struct model *m, const char *folder) {
    static const char name[] = "batchnorm";
    char svg[4096], dot[4096], json[4096], py[4096], c[4096], tex[4096];
    const bool written = make_folder("--export", folder) && path_of(svg, sizeof svg, folder, name, "svg") &&
                         path_of(dot, sizeof dot, folder, name, "dot") &&
                         path_of(json, sizeof json, folder, name, "json") &&
                         path_of(py, sizeof py, folder, name, "py") && path_of(c, sizeof c, folder, name, "c") &&
                         path_of(tex, sizeof tex, folder, name, "tex");
    if (!written) return false;
    if (tg_write_svg(m->g, m->d, svg, NULL) || tg_write_dot(m->g, m->d, dot, NULL) || tg_write_json(m->g, json) ||
        tg_write_numpy(m->d, m->out, name, py) || tg_write_c_staged(m->d, m->out, name, c) ||
        tg_write_latex(m->d, m->out, name, tex))
        return complain("%s", tg_message(m->g));
    return true;
}

/* ------------------------------------------------------------------------------------------------ somebody else's */

static int64_t longer_than_1(const tg_shape *s, int *axis) {
    while (*axis < s->rank && s->dim[*axis] == 1) ++*axis;
    return *axis < s->rank ? s->dim[(*axis)++] : 0;
}

/* Equal but for axes of length 1: a mean may have been taken with keepdims. */
static bool take_shape(const char *path, tg_node own, tg_array *a) {
    const tg_shape wanted = tg_dims(own);
    int i = 0, j = 0;
    int64_t ours, theirs;
    do {
        ours = longer_than_1(&wanted, &i);
        theirs = longer_than_1(&a->shape, &j);
    } while (ours == theirs && ours != 0);
    if (ours != theirs) {
        complain("%s: the array does not have the shape of '%s', which is %lld x %lld in this run", path, tg_name(own),
                 (long long)(wanted.rank > 1 ? wanted.dim[0] : 1), (long long)wanted.dim[wanted.rank - 1]);
        return false;
    }
    a->shape = wanted;
    return true;
}

/* The arrays that are there, in the order of the steps. */
static bool collect(const struct model *m, const char *folder, tg_array *a, size_t *count) {
    char path[4096];
    for (int l = 0; l < 2; l++)
        for (const char *const *name = lists[l]; *name; name++) {
            struct stat there;
            if (!path_of(path, sizeof path, folder, *name, "npy")) return false;
            if (stat(path, &there) != 0 && errno == ENOENT) continue;
            if (tg_read_npy(m->g, path, &a[*count])) return complain("%s", tg_message(m->g));
            if (!take_shape(path, tg_find(m->g, *name), &a[*count])) return false;
            a[(*count)++].name = *name;
        }
    return *count > 0 || complain("--against %s: no NAME.npy of a step (mu, xmu, sq, … dx) is there", folder);
}

static bool is_step(const char *file) {
    for (int l = 0; l < 2; l++)
        for (const char *const *name = lists[l]; *name; name++)
            if (strncmp(file, *name, strlen(*name)) == 0 && strcmp(file + strlen(*name), ".npy") == 0) return true;
    return false;
}

/* A file whose name is misspelt would go unnoticed. */
static void tell_ignored(const char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        size_t n = strlen(e->d_name);
        if (n > 4 && strcmp(e->d_name + n - 4, ".npy") == 0 && !is_step(e->d_name))
            complain("%s/%s is not compared: no step has that name", folder, e->d_name);
    }
    if (dir) closedir(dir);
}

bool report_against(const struct model *m, const char *folder, bool quiet, struct findings *f) {
    enum { MOST = (sizeof forward_names + sizeof backward_names) / sizeof(char *) };
    tg_array a[MOST];
    tg_difference rows[MOST];
    size_t count = 0, first = 0;
    double tolerance = tolerance_of(tg_dtype_of(m->x));
    if (!collect(m, folder, a, &count)) return false;
    tell_ignored(folder);
    for (size_t i = 0; i < count; i++)
        if (a[i].dtype == TG_F32) tolerance = tolerance_of(TG_F32);
    if (tg_diverge(m->g, a, count, tolerance, rows, &first)) return complain("%s", tg_message(m->g));
    const bool agrees = first == count;
    f->agree &= agrees;
    if (!quiet || !agrees) printf("The staged tape beside %s\n", folder);
    tell_rows(m, rows, count, tolerance, quiet);
    return true;
}
