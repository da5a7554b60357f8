/* A reader of the TeX that formulas are written in, which writes MathML. Nothing recurses: what is open waits on
 * a stack of elements, each of which knows how many arguments are still to come. */
#include "tex.h"

#include <ctype.h>

enum { DEPTH = 128 }; /* a formula nests six levels, each of which opens a handful of elements */

struct frame {
    const char *close;
    int left; /* arguments to come; 0: it is a group, which its brace ends */
};

struct reader {
    struct tg__sheet *sheet;
    const char *from, *at, *end;
    struct frame stack[DEPTH];
    int depth;
};

static const struct symbol {
    const char *command, *element, *text;
} symbols[] = {{"\\cdot", "mo", "⋅"},  {"\\odot", "mo", "⊙"}, {"\\times", "mo", "×"}, {"\\neq", "mo", "≠"},
               {"\\leq", "mo", "≤"},   {"\\geq", "mo", "≥"},  {"\\sum", "mo", "∑"},   {"\\max", "mo", "max"},
               {"\\min", "mo", "min"}, {"\\ln", "mi", "ln"},  {"\\infty", "mi", "∞"}, {"\\top", "mi", "⊤"}};

/* What stands behind \left and \right. */
static const struct symbol delimiters[] = {{"(", "mo", "("},        {")", "mo", ")"},       {"[", "mo", "["},
                                           {"]", "mo", "]"},        {"|", "mo", "|"},       {"\\lfloor", "mo", "⌊"},
                                           {"\\rfloor", "mo", "⌋"}, {"\\lceil", "mo", "⌈"}, {"\\rceil", "mo", "⌉"}};

/* In the order of Unicode, from U+0391 and U+03B1. */
static void put_greek(struct tg__sheet *s, const char *command, size_t length) {
    static const char *const capitals[] = {"Gamma", "Delta",   "Theta", "Lambda", "Xi",   "Pi",
                                           "Sigma", "Upsilon", "Phi",   "Psi",    "Omega"};
    static const char *const letters[] = {"Γ", "Δ", "Θ", "Λ", "Ξ", "Π", "Σ", "Υ", "Φ", "Ψ", "Ω"};
    for (size_t i = 0; i < sizeof capitals / sizeof *capitals; i++)
        if (tg__is_word(capitals[i], command + 1, length - 1)) tg__put(s, letters[i]);
    for (unsigned u = 0x3b1; u <= 0x3c9; u++) {
        const char letter[] = {(char)(0xc0 | u >> 6), (char)(0x80 | (u & 0x3f)), 0};
        if (tg__is_word(tg__greek(letter, 2), command, length)) tg__put(s, letter);
    }
}

static size_t command_at(const char *s) {
    size_t n = 1;
    while (isalpha((unsigned char)s[n])) n++;
    return n > 1 ? n : 2;
}

/* ---------------------------------------------------------------------------------------------------- looking ahead */

/* Behind what a brace or a \left opens at s. */
static const char *behind_group(const char *s, const char *end) {
    int depth = 0;
    do {
        const size_t n = *s == '\\' ? command_at(s) : 1;
        depth += *s == '{' || tg__is_word("\\left", s, n);
        depth -= *s == '}' || tg__is_word("\\right", s, n);
        s += n;
        if (depth == 0 && tg__is_word("\\right", s - n, n) && s < end) s += *s == '\\' ? command_at(s) : 1;
    } while (depth > 0 && s < end);
    return s;
}

static int arguments_of(const char *s, size_t length) {
    if (tg__is_word("\\frac", s, length)) return 2;
    static const char *const one[] = {"\\sqrt", "\\hat", "\\mathrm", "\\mathit"};
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        if (tg__is_word(one[i], s, length)) return 1;
    return 0;
}

static const char *behind_atom(const char *s, const char *end) {
    if (*s == '{') return behind_group(s, end);
    if (isdigit((unsigned char)*s)) {
        while (s < end && (isdigit((unsigned char)*s) || *s == '.')) s++;
        return s;
    }
    if (*s != '\\') return s + (tg__printable(s) ? tg__printable(s) : 1);
    const size_t n = command_at(s);
    if (tg__is_word("\\left", s, n)) return behind_group(s, end);
    const int arguments = arguments_of(s, n);
    s += n;
    for (int i = 0; i < arguments && s < end; i++) s = behind_group(s, end);
    return s;
}

/* --------------------------------------------------------------------------------------------------------- writing */

static void open(struct reader *r, const char *tag, const char *close, int arguments) {
    if (r->depth == DEPTH) return;
    tg__put(r->sheet, tag);
    r->stack[r->depth++] = (struct frame){close, arguments};
}

/* An argument is complete, and with it perhaps what waited for it, and so on. */
static void complete(struct reader *r) {
    while (r->depth > 0 && r->stack[r->depth - 1].left > 0 && --r->stack[r->depth - 1].left == 0)
        tg__put(r->sheet, r->stack[--r->depth].close);
}

static void close_group(struct reader *r) {
    if (r->depth > 0 && r->stack[r->depth - 1].left == 0) tg__put(r->sheet, r->stack[--r->depth].close);
    complete(r);
}

static void put_element(struct reader *r, const char *element, const char *text, size_t length) {
    struct tg__sheet html = tg__sheet_html(r->sheet);
    tg__putf(r->sheet, "<%s>", element);
    tg__put_n(&html, text, length);
    tg__putf(r->sheet, "</%.2s>", element);
    complete(r);
}

/* What \mathrm{} encloses, without the escapes of tg__put_tex_text. */
static void put_text(struct reader *r, const char *text, const char *end, bool upright) {
    struct tg__sheet html = tg__sheet_html(r->sheet);
    tg__put(r->sheet, upright ? "<mi mathvariant=\"normal\">" : "<mi>");
    while (text < end) {
        const size_t n = *text == '\\' ? command_at(text) : 1;
        if (tg__is_word("\\backslash", text, n))
            tg__put(&html, "\\");
        else if (n > 2)
            tg__put(&html, tg__is_word("\\wedge", text, n) ? "^" : "~");
        else if (*text == '\\')
            tg__put_n(&html, text[1] == ' ' ? "\xc2\xa0" : text + 1, text[1] == ' ' ? 2 : 1);
        else
            tg__put_n(&html, text, 1);
        text += n > 2 ? n + 2 : n; /* and its {} */
    }
    tg__put(r->sheet, "</mi>");
    complete(r);
}

static void put_delimiter(struct reader *r) {
    const size_t n = *r->at == '\\' ? command_at(r->at) : 1;
    for (size_t i = 0; i < sizeof delimiters / sizeof *delimiters; i++)
        if (tg__is_word(delimiters[i].command, r->at, n)) tg__putf(r->sheet, "<mo>%s</mo>", delimiters[i].text);
    r->at += n;
}

static void read_command(struct reader *r) {
    const char *s = r->at;
    const size_t n = command_at(s);
    r->at += n;
    if (tg__is_word("\\mathrm", s, n) || tg__is_word("\\mathit", s, n)) {
        const char *behind = behind_group(r->at, r->end);
        put_text(r, r->at + 1, behind - 1, s[5] == 'r');
        r->at = behind;
    } else if (tg__is_word("\\frac", s, n)) {
        open(r, "<mfrac>", "</mfrac>", 2);
    } else if (tg__is_word("\\sqrt", s, n)) {
        open(r, "<msqrt>", "</msqrt>", 1);
    } else if (tg__is_word("\\hat", s, n)) {
        open(r, "<mover accent=\"true\">", "<mo stretchy=\"false\">^</mo></mover>", 1);
    } else if (tg__is_word("\\left", s, n)) {
        open(r, "<mrow>", "</mrow>", 0);
        put_delimiter(r);
    } else if (tg__is_word("\\right", s, n)) {
        put_delimiter(r);
        close_group(r);
    } else if (tg__is_word("\\,", s, n)) {
        tg__put(r->sheet, "<mspace width=\"0.17em\"/>");
    } else {
        for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
            if (tg__is_word(symbols[i].command, s, n)) {
                put_element(r, symbols[i].element, symbols[i].text, strlen(symbols[i].text));
                return;
            }
        tg__put(r->sheet, "<mi>");
        put_greek(r->sheet, s, n);
        tg__put(r->sheet, "</mi>");
        complete(r);
    }
}

/* A minus with nothing before it is close to what follows. */
static bool is_sign(const struct reader *r) {
    const char *s = r->at - 1; /* which has been read */
    while (s > r->from && s[-1] == ' ') s--;
    return s == r->from || strchr("([{=,+", s[-1]);
}

static void read_atom(struct reader *r) {
    const char *s = r->at, *behind = behind_atom(s, r->end);
    if (*s == '\\') {
        read_command(r);
        return;
    }
    r->at = *s == '{' || *s == '}' ? s + 1 : behind;
    if (*s == '{')
        open(r, "<mrow>", "</mrow>", 0);
    else if (*s == '}')
        close_group(r);
    else if (*s == '-')
        put_element(r, is_sign(r) ? "mo form=\"prefix\"" : "mo", "−", strlen("−"));
    else if (isdigit((unsigned char)*s))
        put_element(r, "mn", s, (size_t)(behind - s));
    else
        put_element(r, strchr("+=<>,()", *s) ? "mo" : "mi", s, (size_t)(behind - s));
}

void tg__put_mathml(struct tg__sheet *s, const char *tex, size_t length) {
    struct reader r = {.sheet = s, .from = tex, .at = tex, .end = tex + length};
    while (r.at < r.end) {
        if (*r.at == ' ' || *r.at == '^' || *r.at == '_') {
            r.at++; /* a script was seen when its base was */
            continue;
        }
        const bool is_argument = r.depth > 0 && r.stack[r.depth - 1].left > 0; /* and no base of a script */
        const char *behind = *r.at == '}' || is_argument ? r.end : behind_atom(r.at, r.end);
        const bool big = strncmp(r.at, "\\sum", 4) == 0 || strncmp(r.at, "\\max", 4) == 0;
        if (behind < r.end && *behind == '^')
            open(&r, "<msup>", "</msup>", 2);
        else if (behind < r.end && *behind == '_')
            open(&r, big ? "<munder>" : "<msub>", big ? "</munder>" : "</msub>", 2);
        read_atom(&r);
    }
    while (r.depth > 0) tg__put(s, r.stack[--r.depth].close);
}
