/* Names on their way into a language. */
#include "sheet.h"

#include <math.h>
#include <stdlib.h>

enum { WHOLE = 0 };

/* The next character of a cleaned name: itself, "?" for what nobody may obey, "..." where it is cut. Moves *at. */
static const char *next(const char **at, size_t *left, size_t *length) {
    const size_t n = tg__printable(*at), take = n ? n : 1;
    if (*left != WHOLE && take >= *left) {
        *at += strlen(*at);
        *length = 3;
        return "...";
    }
    const char *from = n ? *at : "?";
    *at += take;
    if (*left != WHOLE) *left -= take;
    *length = take;
    return from;
}

static size_t limit(size_t most) { return most == WHOLE ? WHOLE : most + 1; }

void tg__put_html(struct tg__sheet *s, const char *text, size_t most) {
    struct tg__sheet html = tg__sheet_html(s);
    size_t left = limit(most), n;
    while (*text) {
        const char *c = next(&text, &left, &n);
        tg__put_n(&html, c, n);
    }
}

/* A comment of C or Python ends neither here nor a line later. */
void tg__put_comment(struct tg__sheet *s, const char *text, size_t most) {
    size_t left = limit(most), n;
    char before = 0;
    while (*text) {
        const char *c = next(&text, &left, &n);
        if (*c == '\\') c = "/";
        const bool ends = (*c == '/' && before == '*') || (*c == '*' && before == '/') || (*c == '?' && before == '?');
        if (ends) tg__put(s, " ");
        tg__put_n(s, c, n);
        before = *c;
    }
}

/* -------------------------------------------------------------------------------------------------------- JSON */

/* Length of a well-formed UTF-8 sequence, controls and the invisible included; 0: ill-formed. */
static size_t well_formed(const char *s) {
    const unsigned char *u = (const unsigned char *)s;
    if (*u < 0x80) return 1;
    if (*u == 0xc2 && (u[1] & 0xc0) == 0x80) return 2; /* U+0080 to U+009F, which tg__printable refuses */
    if (*u == 0xe2 && (u[1] == 0x80 || u[1] == 0x81) && (u[2] & 0xc0) == 0x80) return 3;
    if (*u == 0xef && u[1] == 0xbb && u[2] == 0xbf) return 3;
    return tg__printable(s);
}

void tg__put_json(struct tg__sheet *s, const char *text) {
    for (const char *at = text; *at;) {
        const size_t n = well_formed(at);
        const unsigned char c = (unsigned char)*at;
        if (n == 0)
            tg__put(s, "\xef\xbf\xbd");
        else if (c == '"' || c == '\\')
            tg__putf(s, "\\%c", c);
        else if (c < 0x20 || c == 0x7f || strchr("<>&'", c) || (c == 0xe2 && (at[1] & 0xff) < 0x82))
            tg__putf(s, "\\u%04x", n == 3 ? 0x2000u | ((unsigned)at[1] & 0x3f) << 6 | ((unsigned)at[2] & 0x3f) : c);
        else
            tg__put_n(s, at, n);
        at += n ? n : 1;
    }
}

void tg__put_json_number(struct tg__sheet *s, double v) {
    char text[40];
    if (!isfinite(v)) {
        tg__put(s, isnan(v) ? "\"nan\"" : v > 0 ? "\"inf\"" : "\"-inf\"");
        return;
    }
    if (v == 0 && signbit(v)) { /* "-0" would be an integer to some, and theirs has no sign */
        tg__put(s, "-0.0");
        return;
    }
    for (int digits = 6; digits <= 17; digits += digits == 6 ? 9 : 1) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    tg__put(s, text);
}
