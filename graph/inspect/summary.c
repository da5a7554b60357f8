/* A value in a few numbers. */
#include "inspect.h"

#include <math.h>

enum { FEW = 8 }; /* so many numbers are shown one by one */

/* Squares that overflow, or vanish, are taken of the elements over the largest. */
static double norm_of(tg_node a, const void *data, double squares, double largest) {
    const double divisor = isfinite(squares) && squares > 1e-280 ? 0 : largest;
    if (!(divisor > 0)) return sqrt(squares);
    squares = 0;
    for (size_t i = 0; i < tg_size(a); i++) {
        const double v = tg__load(tg_dtype_of(a), data, i) / divisor;
        if (isfinite(v)) squares += v * v;
    }
    return divisor * sqrt(squares);
}

bool tg__summarize(tg_node a, struct tg__summary *s) {
    const void *data = tg_value(a);
    *s = (struct tg__summary){.count = tg_size(a), .min = INFINITY, .max = -INFINITY};
    if (!data) return false;
    tg_dtype dtype = tg_dtype_of(a);
    double mean = 0, seen = 0, squares = 0;
    for (size_t i = 0; i < s->count; i++) {
        double v = tg__load(dtype, data, i);
        if (!isfinite(v)) {
            s->nonfinite++;
            continue;
        }
        if (v < s->min) s->min = v;
        if (v > s->max) s->max = v;
        s->l1 += fabs(v);
        squares += v * v;
        seen++;
        mean += (v / 2 - mean / 2) / seen * 2; /* halves, so that no difference overflows */
    }
    s->mean = seen > 0 ? mean : NAN;
    s->norm = seen > 0 ? norm_of(a, data, squares, fmax(fabs(s->min), fabs(s->max))) : NAN;
    return true;
}

/* ----------------------------------------------------------------------------------------------------- as text */

static const char *all_of(tg_node a, size_t count, char *text, size_t room) {
    const tg_shape dims = tg_dims(a);
    const size_t columns = dims.rank ? (size_t)dims.dim[dims.rank - 1] : 1;
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < count; i++) {
        char number[TG__CELL];
        tg__number_cell(number, tg_item(a, i));
        const char *between = !i ? "" : dims.rank > 1 && i % columns == 0 ? " | " : " ";
        if (used + strlen(between) + strlen(number) >= room) break;
        used += (size_t)snprintf(text + used, room - used, "%s%s", between, number);
    }
    return text;
}

const char *tg__value_text(tg_node a, char *text, size_t room) {
    struct tg__summary s;
    char min[TG__CELL], max[TG__CELL];
    if (!tg__summarize(a, &s)) return strcpy(text, "–"); /* nothing has run: not the same as 0 */
    if (s.count == 0) return strcpy(text, "empty");
    if (s.count <= FEW) return all_of(a, s.count, text, room);
    if (s.nonfinite == s.count) return strcpy(text, "not finite");
    tg__number_cell(min, s.min);
    tg__number_cell(max, s.max);
    const int used = snprintf(text, room, "%s … %s", min, max);
    if (s.nonfinite) snprintf(text + used, room - (size_t)used, ", %zu not finite", s.nonfinite);
    return text;
}

enum tg__style tg__value_style(tg_node a, enum tg__style style) {
    struct tg__summary s;
    return tg__summarize(a, &s) && s.nonfinite ? TG__ALARM : style;
}
