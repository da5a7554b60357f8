/* How text looks where it goes: in colour or not, in Unicode or in ASCII. */
#include "inspect.h"

#include <langinfo.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

static bool is_set(const char *variable) {
    const char *value = getenv(variable);
    return value && *value;
}

bool tg_has_colour(FILE *file) {
    const char *force = getenv("FORCE_COLOR"), *terminal = getenv("TERM");
    if (!file) return false;
    if (force && *force && strcmp(force, "0") != 0) return true;
    if (is_set("NO_COLOR") || !terminal || !*terminal || strcmp(terminal, "dumb") == 0) return false;
    const int fd = fileno(file);
    return fd >= 0 && isatty(fd);
}

static bool is_utf8(const char *codeset) { return !strcasecmp(codeset, "UTF-8") || !strcasecmp(codeset, "utf8"); }

/* A locale that is asked for and not installed still tells what the terminal shows: de_DE.UTF-8. */
static bool names_utf8(void) {
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    int i = 0;
    while (i < 2 && !is_set(variables[i])) i++;
    const char *dot = is_set(variables[i]) ? strchr(getenv(variables[i]), '.') : NULL;
    return dot && is_utf8(dot + 1);
}

/* The program need not have called setlocale, and what it has set stays as it is. */
bool tg_has_unicode(void) {
    const locale_t user = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (!user) return names_utf8();
    const bool unicode = is_utf8(nl_langinfo_l(CODESET, user));
    freelocale(user);
    return unicode;
}

/* -------------------------------------------------------------------------------------------------------- the pen */

void tg__pen_open(struct tg__pen *pen, FILE *file) {
    *pen = (struct tg__pen){.file = file, .colour = tg_has_colour(file), .unicode = tg_has_unicode()};
    pen->letters = tg__letters_open();
    pen->point = tg__point_open();
}

void tg__pen_close(struct tg__pen *pen) {
    tg__point_close(pen->point);
    tg__letters_close(pen->letters);
}

const char *tg__in_ascii(const char *s, size_t length) {
    static const char *const pairs[][2] = {{"–", "-"},   {"─", "-"}, {"←", "<-"}, {"→", "->"}, {"×", "x"},
                                           {"…", "..."}, {"├", "|"}, {"└", "`"},  {"│", "|"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (length == strlen(pairs[i][0]) && !memcmp(s, pairs[i][0], length)) return pairs[i][1];
    return "?";
}

static size_t length_at(const char *s) {
    const size_t n = tg__printable(s);
    return n ? n : 1;
}

static void put(const struct tg__pen *pen, const char *text) {
    if (pen->unicode) fputs(text, pen->file);
    for (const char *s = text; *s && !pen->unicode; s += length_at(s)) {
        const size_t n = length_at(s);
        n == 1 ? fputc(*s, pen->file) : fputs(tg__in_ascii(s, n), pen->file);
    }
}

static void put_styled(const struct tg__pen *pen, enum tg__style style, const char *text) {
    static const char *const code[] = {
        [TG__NAME] = "1", [TG__VALUE] = "32", [TG__GRADIENT] = "31", [TG__ALARM] = "7", [TG__FAINT] = "2"};
    const bool coloured = pen->colour && style != TG__PLAIN && *text;
    if (!pen->file) return;
    if (coloured) fprintf(pen->file, "\033[%sm", code[style]);
    put(pen, text);
    if (coloured) fputs("\033[0m", pen->file);
}

void tg__say(const struct tg__pen *pen, enum tg__style style, const char *format, ...) {
    char text[2 * TG__MESSAGE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_styled(pen, style, text);
}

size_t tg__width(const struct tg__pen *pen, const char *text) {
    size_t width = 0;
    for (const char *s = text; *s; s += length_at(s)) {
        const size_t n = length_at(s);
        width += n == 1 ? 1 : pen->unicode ? (size_t)tg__char_width(pen->letters, s, n) : strlen(tg__in_ascii(s, n));
    }
    return width;
}

void tg__say_padded(const struct tg__pen *pen, enum tg__style style, const char *text, size_t width) {
    const size_t own = tg__width(pen, text);
    put_styled(pen, style, text);
    if (pen->file) fprintf(pen->file, "%*s", own < width ? (int)(width - own) : 0, "");
}
