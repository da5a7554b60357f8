/* Where a NaN or an infinity came into being. Tape order is time, so the first node that has one made it. */
#include "inspect.h"

#include <math.h>

static bool first_bad(tg_node a, size_t *index) {
    const void *data = tg_value(a);
    if (!data || tg_dtype_of(a) == TG_I32) return false;
    for (*index = 0; *index < tg_size(a); ++*index)
        if (!isfinite(tg__load(tg_dtype_of(a), data, *index))) return true;
    return false;
}

struct text {
    char *at;
    size_t room;
};

TG_FORMAT_(2, 3) static void add(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = t->room ? vsnprintf(t->at, t->room, format, args) : 0;
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n < t->room ? (size_t)n : t->room;
    t->at += used;
    t->room -= used;
}

/* What vsnprintf cuts may be cut within a character. */
static void trim(char *text) {
    size_t n = strlen(text), start = n;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xc0) return;
    const unsigned char lead = (unsigned char)text[start - 1];
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (n - (start - 1) < length) text[start - 1] = 0;
}

static void describe(tg_node a, size_t index, struct text t) {
    char name[80], formula[160], shape[200], file[120];
    tg_shape dims;
    tg_place place = tg_where_is(a);
    tg_formula(a, formula, sizeof formula);
    const double v = tg_item(a, index);
    add(&t, "%s %s: element %zu is %g (%s)", tg_op_of(a), tg__quote(a.graph, a.id, name, sizeof name), index,
        isnan(v) ? fabs(v) : v, formula); /* no machine's "-nan" */
    if (place.file) add(&t, "\n  at %s:%d", tg__clean(tg__base(place.file), file, sizeof file), place.line);
    for (int i = 0; !tg_is_nil(tg_operand(a, i)); i++) {
        tg_node x = tg_operand(a, i);
        struct tg__summary s;
        dims = tg_dims(x);
        add(&t, "\n  %s %s", tg__quote(a.graph, x.id, name, sizeof name), tg__shape_text(&dims, shape, sizeof shape));
        if (tg__summarize(x, &s) && s.count) add(&t, " from %.6g to %.6g", s.min, s.max);
    }
}

tg_node tg_first_nonfinite(tg_graph *g, char *text, size_t room) {
    if (text && room) text[0] = 0;
    for (uint32_t id = 1; g && id < g->values.length; id++) {
        tg_node a = tg__handle(g, id);
        size_t index;
        if (!first_bad(a, &index)) continue;
        if (text) describe(a, index, (struct text){text, room});
        if (text && room) trim(text);
        return a;
    }
    return tg_nil(g);
}
