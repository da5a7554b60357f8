/* Names on their way to a person: quoted, cut to a length, and with nothing in them that a terminal would obey. */
#include "graph.h"

/* U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F and U+FEFF: no width, or the power to turn a line around. */
static bool invisible(const unsigned char *s) {
    if (s[0] == 0xef) return s[1] == 0xbb && s[2] == 0xbf;
    if (s[0] != 0xe2) return false;
    if (s[1] == 0x81) return s[2] >= 0xa0 && s[2] <= 0xaf;
    return s[1] == 0x80 && ((s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae));
}

/* Length of the UTF-8 sequence at s if it is well-formed and printable, else 0. */
static size_t printable(const unsigned char *s) {
    if (s[0] < 0x80) return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
    size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
    bool beyond = s[0] == 0xf4 && s[1] >= 0x90;
    bool control = s[0] == 0xc2 && s[1] < 0xa0;
    return overlong || surrogate || beyond || control || (n == 3 && invisible(s)) ? 0 : n;
}

size_t tg__printable(const char *s) { return printable((const unsigned char *)s); }

const char *tg__clean(const char *name, char *text, size_t room) {
    const unsigned char *s = (const unsigned char *)(name ? name : "");
    size_t used = 0, dots = sizeof "...";
    while (*s) {
        size_t n = printable(s), take = n ? n : 1;
        if (used + take + dots > room) {
            memcpy(text + used, "...", dots);
            return text;
        }
        if (n)
            memcpy(text + used, s, n);
        else
            text[used] = '?';
        used += take;
        s += take;
    }
    text[used] = 0;
    return text;
}

const char *tg__quote(const tg_graph *g, uint32_t id, char *text, size_t room) {
    double v;
    const struct tg__fact *fact = tg__fact_of(g, id);
    if (fact->name) {
        text[0] = '\'';
        tg__clean(tg__name_text(g, fact->name), text + 1, room - 2);
        strcat(text, "'");
    } else if (tg__is_scalar_const(g, id, &v)) {
        const struct tg__point point = tg__point_open();
        snprintf(text, room, "%g", v);
        tg__point_close(point);
    } else {
        snprintf(text, room, "#%u (%s)", g->spoken ? g->spoken[id] : id, tg__node_of(g, id)->op->name);
    }
    return text;
}

struct tg__point tg__point_open(void) {
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return (struct tg__point){plain, plain ? uselocale(plain) : (locale_t)0};
}

void tg__point_close(struct tg__point point) {
    if (!point.plain) return;
    uselocale(point.own);
    freelocale(point.plain);
}

const char *tg__base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
