/* How much a composite reduces, and what is wrong with its axes, said in its own name. */
#include "compose.h"

const char *tg__described(tg_node x, char *text, size_t room) {
    const tg_shape dims = tg_dims(x);
    size_t used = *tg_name(x) ? (size_t)snprintf(text, room, "'%.60s' [", tg_name(x))
                              : (size_t)snprintf(text, room, "#%u (%s) [", x.id, tg_op_of(x));
    for (int i = 0; i < dims.rank && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, i ? ", %lld" : "%lld", (long long)dims.dim[i]);
    if (used < room) snprintf(text + used, room - used, "]");
    return text;
}

bool tg__is_of(tg_graph *g, tg_node a, const char *what, const char *who) {
    if (g && a.graph == g && *tg_op_of(a)) return true;
    tg_fail(g, TG_HANDLE, "%s: %s is %s", who, what,
            a.id == 0      ? "nil"
            : a.graph != g ? "of another graph"
                           : "stale: the tape was rewound below it");
    return false;
}

bool tg__lies_along(tg_node x, tg_node a, int last, const char *what, const char *who) {
    const tg_shape of = tg_dims(x), has = tg_dims(a);
    bool good = has.rank <= last && has.rank <= of.rank;
    for (int i = 1; good && i <= has.rank; i++)
        good = has.dim[has.rank - i] == 1 || has.dim[has.rank - i] == of.dim[of.rank - i];
    char xs[300], as[300];
    if (!good)
        tg_fail(x.graph, TG_SHAPE, "%s: %s %s does not lie along the last %s of %s", who, what,
                tg__described(a, as, sizeof as), last == 1 ? "axis" : "axes", tg__described(x, xs, sizeof xs));
    return good;
}

/* Marks the axes; false with the reason recorded. */
static bool read_axes(tg_node x, int rank, tg_axes axes, const char *who, bool *reduced) {
    char text[300];
    for (int i = 0; i < rank; i++) reduced[i] = axes.count == -1;
    if (axes.count == 0 && rank > 0) {
        tg_fail(x.graph, TG_ARGUMENT,
                "%s: no axes are given: tg_axis(0) is the first, tg_axes_all() all, tg_axes_n(0, NULL) none", who);
        return false;
    }
    if (axes.count < -2 || axes.count > TG_MAX_RANK) {
        tg_fail(x.graph, TG_SHAPE, "%s: more than %d axes were given", who, TG_MAX_RANK);
        return false;
    }
    for (int i = 0; i < axes.count; i++) {
        const int a = axes.axis[i] < 0 ? axes.axis[i] + rank : axes.axis[i];
        const bool inside = a >= 0 && a < rank;
        if (inside && !reduced[a]) {
            reduced[a] = true;
            continue;
        }
        tg_fail(x.graph, TG_SHAPE, inside ? "%s: axis %d of %s is given twice" : "%s: axis %d is outside %s", who,
                axes.axis[i], tg__described(x, text, sizeof text));
        return false;
    }
    return true;
}

int64_t tg__extent(tg_node x, tg_axes axes, bool some, const char *who) {
    char text[300];
    bool reduced[TG_MAX_RANK];
    if (!tg__is_of(x.graph, x, "x", who)) return -1;
    if (tg_dtype_of(x) == TG_I32) {
        tg_fail(x.graph, TG_DTYPE, "%s: %s is i32, which is for labels and indices; tg_cast it to f32 or f64 first",
                who, tg__described(x, text, sizeof text));
        return -1;
    }
    const tg_shape dims = tg_dims(x);
    if (!read_axes(x, dims.rank, axes, who, reduced)) return -1;
    int64_t count = 1, results = 1;
    for (int i = 0; i < dims.rank; i++) *(reduced[i] ? &count : &results) *= dims.dim[i];
    if (count > 0 || results == 0 || !some) return count;
    tg_fail(x.graph, TG_SHAPE, "%s: %s has nothing along the axes", who, tg__described(x, text, sizeof text));
    return -1;
}
