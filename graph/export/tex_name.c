/* Names in TeX: Greek where the name is a letter's, hats, trailing digits as an index, the d of an adjoint upright.
 * What a name contains stays text. */
#include "tex.h"

static const char *const lower[] = {
    "alpha", "beta", "gamma", "delta", "epsilon",  "zeta",  "eta", "theta",   "iota", "kappa", "lambda", "mu",   "nu",
    "xi",    "o",    "pi",    "rho",   "varsigma", "sigma", "tau", "upsilon", "phi",  "chi",   "psi",    "omega"};
static const char *const commands[] = {"\\alpha", "\\beta", "\\gamma", "\\delta",    "\\epsilon", "\\zeta", "\\eta",
                                       "\\theta", "\\iota", "\\kappa", "\\lambda",   "\\mu",      "\\nu",   "\\xi",
                                       "o",       "\\pi",   "\\rho",   "\\varsigma", "\\sigma",   "\\tau",  "\\upsilon",
                                       "\\phi",   "\\chi",  "\\psi",   "\\omega"};
static const char *const upper[] = {"Gamma", "Delta",   "Theta", "Lambda", "Xi",   "Pi",
                                    "Sigma", "Upsilon", "Phi",   "Psi",    "Omega"};
static const char *const upper_commands[] = {"\\Gamma", "\\Delta",   "\\Theta", "\\Lambda", "\\Xi",   "\\Pi",
                                             "\\Sigma", "\\Upsilon", "\\Phi",   "\\Psi",    "\\Omega"};

const char *tg__greek(const char *word, size_t length) {
    if (tg__is_word("eps", word, length)) return "\\epsilon";
    for (size_t i = 0; i < sizeof lower / sizeof *lower; i++)
        if (length > 1 && tg__is_word(lower[i], word, length)) return commands[i];
    for (size_t i = 0; i < sizeof upper / sizeof *upper; i++)
        if (tg__is_word(upper[i], word, length)) return upper_commands[i];
    const unsigned char *u = (const unsigned char *)word; /* U+03B1 to U+03C9 */
    const int at = length != 2 ? -1 : u[0] == 0xce ? u[1] - 0xb1 : u[0] == 0xcf ? u[1] - 0x80 + 15 : -1;
    return at >= 0 && at < (int)(sizeof commands / sizeof *commands) ? commands[at] : NULL;
}

/* For the inside of \mathrm{}. */
void tg__put_tex_text(struct tg__sheet *s, const char *text, size_t length, bool ascii) {
    enum { MOST = 60 };
    for (size_t i = 0; i < length;) {
        const size_t n = tg__printable(text + i);
        const char c = text[i];
        if (i >= MOST) {
            tg__put(s, "...");
            return;
        }
        if (!n || n > length - i || (n > 1 && ascii))
            tg__put(s, "?");
        else if (n > 1 || strchr("./:;,!?*+-=()[]<>|@'\"`", c) || (c >= '0' && c <= '9') ||
                 ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
            tg__put_n(s, text + i, n);
        else if (c == '\\' || c == '^' || c == '~')
            tg__put(s, c == '\\' ? "\\backslash{}" : c == '^' ? "\\wedge{}" : "\\sim{}");
        else
            tg__putf(s, "\\%c", c); /* _ % # & $ { } and space */
        i += n ? n : 1;
    }
}

static void put_stem(struct tg__sheet *s, const char *stem, size_t length, bool ascii) {
    const char *greek = tg__greek(stem, length);
    const bool hat = length > 3 && tg__is_word("hat", stem + length - 3, 3);
    const size_t inner = hat ? length - 3 : 0;
    if (greek) {
        tg__put(s, greek);
    } else if (hat && (inner == 1 || tg__greek(stem, inner))) {
        tg__put(s, "\\hat{");
        put_stem(s, stem, inner, ascii);
        tg__put(s, "}");
    } else if (length == 1 && (*stem | 0x20) >= 'a' && (*stem | 0x20) <= 'z') {
        tg__put_n(s, stem, 1);
    } else {
        tg__put(s, "\\mathit{");
        tg__put_tex_text(s, stem, length, ascii);
        tg__put(s, "}");
    }
}

void tg__put_tex_name(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, uint32_t row) {
    if (!row) {
        tg__putf(s, "t_{%u}", node);
        return;
    }
    const char *name = tg__name_text(w->graph, row), *slash = strrchr(name, '/');
    const bool ascii = w->user != NULL;
    if (slash && slash[1]) {
        tg__put(s, "\\mathrm{");
        tg__put_tex_text(s, name, (size_t)(slash + 1 - name), ascii);
        tg__put(s, "}");
        name = slash + 1;
    }
    if (tg__name_of(w->graph, row) && *name == 'd' && name[1]) {
        tg__put(s, "\\mathrm{d}");
        name++;
    }
    size_t length = strlen(name), digits = 0;
    while (digits + 1 < length && digits < 9 && name[length - 1 - digits] >= '0' && name[length - 1 - digits] <= '9')
        digits++;
    put_stem(s, name, length - digits, ascii);
    if (digits) tg__putf(s, "_{%s}", name + length - digits);
}
