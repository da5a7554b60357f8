/* One array for the page: statistics, a histogram, and as much of its corner as there is room for. */
#include "page.h"

#include <math.h>

enum { BINS = 24, WIDE = 16, HIGH = 16, SHORT = 6, NUMBER = 40 };

/* As printf, but a NaN has no sign. */
void tg__page_number(char *text, size_t room, int digits, double v) {
    if (isnan(v))
        snprintf(text, room, "nan");
    else
        snprintf(text, room, "%.*g", digits, v);
}

struct corner {
    size_t rows, columns; /* of the whole, its leading axes laid out one below the other */
    size_t high, wide;
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static struct corner corner_of(const tg_shape *dims, size_t count, size_t room) {
    const size_t columns = dims->rank ? (size_t)dims->dim[dims->rank - 1] : 1;
    struct corner c = {.rows = columns ? count / columns : 0, .columns = columns};
    c.wide = smaller(smaller(columns, WIDE), room);
    c.high = c.wide ? smaller(smaller(c.rows, HIGH), room / c.wide) : 0;
    return c;
}

/* digits 0: as many as come back to the same bits, and nothing where the short form does so too. */
static void put_corner(struct tg__sheet *s, tg_node a, struct corner c, int digits) {
    const tg_dtype dtype = tg_dtype_of(a);
    const void *data = tg_value(a);
    for (size_t i = 0; i < c.high * c.wide; i++) {
        const double v = tg__load(dtype, data, i / c.wide * c.columns + i % c.wide);
        char text[NUMBER], whole[NUMBER];
        tg__page_number(text, sizeof text, SHORT, v);
        tg__page_number(whole, sizeof whole, dtype == TG_F32 ? 9 : 17, v);
        double back = 0;
        const bool enough = !isfinite(v) || (sscanf(text, "%lf", &back) == 1 && back == v);
        tg__putf(s, "%s\"%s\"", i ? "," : "", digits ? text : enough ? "" : whole);
    }
}

/* Differences of halves, so that none overflows. */
static size_t bin_of(const struct tg__summary *m, double v) {
    const double width = m->max / 2 - m->min / 2;
    if (!(width > 0)) return 0;
    return smaller((size_t)((v / 2 - m->min / 2) / width * BINS), BINS - 1);
}

static void put_spread(struct tg__sheet *s, tg_node a, const struct tg__summary *m) {
    const tg_dtype dtype = tg_dtype_of(a);
    const void *data = tg_value(a);
    size_t bins[BINS] = {0};
    const double scale = fmax(fabs(m->min), fabs(m->max)); /* so that no square overflows */
    double squares = 0;
    for (size_t i = 0; i < m->count; i++) {
        const double v = tg__load(dtype, data, i);
        if (!isfinite(v)) continue;
        const double off = scale > 0 ? v / scale - m->mean / scale : 0;
        squares += off * off;
        bins[bin_of(m, v)]++;
    }
    char text[NUMBER];
    tg__page_number(text, sizeof text, SHORT, scale * sqrt(squares / (double)(m->count - m->nonfinite)));
    tg__putf(s, ",\"std\":\"%s\",\"bins\":[", text);
    for (int i = 0; i < BINS; i++) tg__putf(s, "%s%zu", i ? "," : "", bins[i]);
    tg__put(s, "]");
}

static void put_range(struct tg__sheet *s, const struct tg__summary *m) {
    const double of[] = {m->min, m->mean, m->max};
    static const char *const name[] = {"min", "mean", "max"};
    for (int i = 0; i < 3; i++) {
        char text[NUMBER];
        tg__page_number(text, sizeof text, SHORT, of[i]);
        tg__putf(s, ",\"%s\":\"%s\"", name[i], text);
    }
    tg__put(s, ",\"top\":");
    tg__put_json_number(s, fmax(fabs(m->min), fabs(m->max)));
}

void tg__page_value(struct tg__sheet *s, const struct tg__page *p, tg_node a) {
    struct tg__summary m;
    if (!tg__summarize(a, &m)) {
        tg__put(s, "null");
        return;
    }
    const tg_shape dims = tg_dims(a);
    const struct corner c = corner_of(&dims, m.count, p->room);
    tg__putf(s, "{\"count\":%zu,\"bad\":%zu,\"rows\":%zu,\"columns\":%zu,\"high\":%zu,\"wide\":%zu", m.count,
             m.nonfinite, c.rows, c.columns, c.high, c.wide);
    if (m.count > m.nonfinite) {
        put_range(s, &m);
        put_spread(s, a, &m);
    }
    tg__put(s, ",\"text\":[");
    put_corner(s, a, c, SHORT);
    tg__put(s, "],\"whole\":[");
    put_corner(s, a, c, 0);
    tg__put(s, "]}");
}
