/* Lines that are not too long. A sheet hands its text on to another, and breaks what would be longer than WIDTH behind
 * a comma, or else at a blank. A comment goes on as a comment, code behind the parenthesis that is open. */
#include "ahead.h"

enum { WIDTH = 120, DEEPEST = 60 };

static size_t indent_of(const struct tg__wrap *w) {
    size_t n = 0;
    while (n < w->used && w->line[n] == ' ') n++;
    return n;
}

/* Where the next line begins: 0: nowhere. */
static size_t find_break(const struct tg__wrap *w, size_t least) {
    size_t blank = 0, comma = 0;
    for (size_t i = least + 1; i < w->used && i <= WIDTH; i++) {
        if (w->line[i - 1] != ' ') continue;
        blank = i;
        if (i > 1 && w->line[i - 2] == ',') comma = i;
    }
    return comma > WIDTH / 2 && !w->comment ? comma : blank;
}

/* Behind the outermost parenthesis that is open there, if that is not far out. */
static size_t margin_of(const struct tg__wrap *w, size_t own) {
    size_t margin = own + 4;
    for (size_t i = own, depth = 0; i < w->used && i < WIDTH; i++) {
        if (w->line[i] == '(' && depth++ == 0) margin = i + 1;
        if (w->line[i] == ')' && depth > 0 && --depth == 0) margin = own + 4;
    }
    return margin < DEEPEST ? margin : own + 4;
}

static void put_line(struct tg__wrap *w, size_t length) {
    while (length > 0 && w->line[length - 1] == ' ') length--;
    tg__put_n(w->inner, w->line, length);
}

static void wrap(struct tg__wrap *w) {
    const size_t own = indent_of(w), least = w->begun ? w->margin : own;
    if (!w->begun) {
        const char *s = w->line + own;
        w->comment = (s[0] == '/' && s[1] == '*') || (s[0] == '*' && s[1] == ' ');
        w->margin = w->comment ? own + (s[0] == '/' ? 3 : 2) : margin_of(w, own);
    }
    const size_t at = w->line[0] == '#' ? 0 : find_break(w, least + w->comment * 3);
    if (at == 0) return;
    char rest[sizeof w->line];
    const size_t more = w->used - at;
    memcpy(rest, w->line + at, more);
    put_line(w, at);
    tg__put(w->inner, "\n");
    w->begun = true;
    memset(w->line, ' ', w->margin);
    if (w->comment) w->line[w->margin - 2] = '*';
    memcpy(w->line + w->margin, rest, more);
    w->used = w->margin + more;
}

static void put(struct tg__sheet *s, const char *text, size_t length) {
    struct tg__wrap *w = s->to;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            put_line(w, w->used);
            tg__put(w->inner, "\n");
            w->used = 0;
            w->begun = w->comment = false;
            continue;
        }
        w->line[w->used++] = text[i];
        if (w->used > WIDTH) wrap(w);
        if (w->used < sizeof w->line) continue;
        tg__put_n(w->inner, w->line, w->used); /* one word; not ours */
        w->used = 0;
    }
}

void tg__wrap_open(struct tg__wrap *w, struct tg__sheet *inner) {
    *w = (struct tg__wrap){.sheet = {.put = put}, .inner = inner};
    w->sheet.to = w;
}
