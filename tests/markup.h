/* Whether markup is what it claims to be: TeX of the few commands that the rows use, and well-formed XML. */
#ifndef TESTS_MARKUP_H
#define TESTS_MARKUP_H

#include "printed.h"

#include <ctype.h>

static const char *const tex_commands[] = {
    "cdot",  "odot",  "times", "neq",   "leq",       "geq",      "lfloor", "rfloor", "lceil",   "rceil",   "sum",
    "max",   "ln",    "top",   "infty", "frac",      "sqrt",     "hat",    "mathrm", "mathit",  "left",    "right",
    "alpha", "beta",  "gamma", "delta", "epsilon",   "zeta",     "eta",    "theta",  "iota",    "kappa",   "lambda",
    "mu",    "nu",    "xi",    "pi",    "rho",       "varsigma", "sigma",  "tau",    "upsilon", "phi",     "chi",
    "psi",   "omega", "Gamma", "Delta", "Theta",     "Lambda",   "Xi",     "Pi",     "Sigma",   "Upsilon", "Phi",
    "Psi",   "Omega", "wedge", "sim",   "backslash", "min"};
static const char *const latex_commands[] = {"documentclass", "usepackage", "allowdisplaybreaks", "begin", "end",
                                             "section",       "tag"};

static inline bool is_command(const char *const *list, size_t count, const char *s, size_t length) {
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == length && strncmp(list[i], s, length) == 0) return true;
    return false;
}

/* NULL, or what is wrong. whole: a document, whose first line is a comment. */
static inline const char *tex_fault(const char *s, bool whole) {
    int braces = 0, sides = 0;
    static char fault[80];
    for (; *s; s++) {
        if ((unsigned char)*s >= 0x80 && whole) return "not ASCII";
        if ((unsigned char)*s < 0x20 && *s != '\n') return "a control character";
        if (*s == '%' && (!whole || strncmp(s, "% Written by", 12))) return "a comment";
        if (strchr("#~^$&", *s) && !whole && *s != '^') return "a special character";
        if (strchr("#~", *s)) return "a special character";
        if (*s == '^' && s[1] != '{') return "a ^ by itself";
        if (*s == '%') s = strchr(s, '\n');
        braces += (*s == '{') - (*s == '}');
        if (braces < 0) return "a } too many";
        if (*s != '\\') continue;
        size_t n = 0;
        while (isalpha((unsigned char)s[1 + n])) n++;
        const bool known =
            n ? is_command(tex_commands, sizeof tex_commands / sizeof *tex_commands, s + 1, n) ||
                    (whole && is_command(latex_commands, sizeof latex_commands / sizeof *latex_commands, s + 1, n))
              : strchr(whole ? ",_%#&${} \\" : ",_%#&${} ", s[1]) != NULL;
        snprintf(fault, sizeof fault, "unknown: %.40s", s);
        if (!known) return fault;
        sides += n == 4 && !strncmp(s + 1, "left", 4);
        sides -= n == 5 && !strncmp(s + 1, "right", 5);
        if (sides < 0) return "a \\right too many";
        s += n ? n : 1;
    }
    return braces ? "braces" : sides ? "\\left without \\right" : NULL;
}

/* NULL, or what is wrong. Elements nest, only the five entities occur, and nothing is empty that may not be. */
static inline const char *xml_fault(const char *s) {
    enum { DEEP = 200 };
    const char *stack[DEEP];
    size_t length[DEEP], depth = 0;
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20) return "a control character";
        if (*s == '>' || *s == '"' || *s == '\'') return "a bare > or quote";
        if (*s == '&' && strncmp(s, "&amp;", 5) && strncmp(s, "&lt;", 4) && strncmp(s, "&gt;", 4) &&
            strncmp(s, "&quot;", 6) && strncmp(s, "&#39;", 5))
            return "a bare &";
        if (*s != '<') continue;
        const bool closes = s[1] == '/';
        const char *name = s + 1 + closes, *end = strchr(s, '>');
        size_t n = 0;
        if (!end) return "a < by itself";
        while (isalpha((unsigned char)name[n])) n++;
        if (closes && (!depth || length[depth - 1] != n || strncmp(stack[depth - 1], name, n)))
            return "crossed elements";
        if (closes)
            depth--;
        else if (end[-1] != '/') {
            if (depth == DEEP) return "too deep";
            stack[depth] = name;
            length[depth++] = n;
        }
        s = end;
    }
    return depth ? "an element stays open" : NULL;
}

/* MathML's own rule: how many children an element has. */
static inline const char *mathml_fault(const char *s) {
    enum { DEEP = 200 };
    struct {
        char name[12];
        int children;
    } stack[DEEP];
    size_t depth = 0;
    if (xml_fault(s)) return xml_fault(s);
    static const char *const two[] = {"mfrac", "msup", "msub", "munder", "mover"};
    for (s = strchr(s, '<'); s; s = strchr(s + 1, '<')) {
        if (s[1] == '/') {
            depth--;
            for (size_t i = 0; i < sizeof two / sizeof *two; i++)
                if (!strcmp(stack[depth].name, two[i]) && stack[depth].children != 2) return "not two children";
            if (!strcmp(stack[depth].name, "mi") && s[-1] == '>') return "an empty name: an unknown command";
            continue;
        }
        if (depth) stack[depth - 1].children++;
        if (sscanf(s + 1, "%11[a-z]", stack[depth].name) != 1 || depth + 1 == DEEP) return "no element";
        stack[depth].children = 0;
        if (strchr(s, '>')[-1] != '/') depth++;
    }
    return NULL;
}

#endif
