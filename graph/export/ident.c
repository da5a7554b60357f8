/* Names as identifiers of C and Python: letters, digits and single underscores between them, so that nobody's macro is
 * hit and a writer that ends its own variables in an underscore meets none of these. */
#include "export.h"

#include <stdlib.h>

enum { LENGTH = 60, ROOM = LENGTH + 24 }; /* ROOM: with what tells it from others */

/* Sorted. Keywords of C, C++ and Python, macros of <tgmath.h>, and what generated code itself has to say. */
/* clang-format off */
static const char *const reserved[] = {
    "BUFSIZ", "CHAR_BIT", "DBL_DIG", "DBL_EPSILON", "EOF", "EXIT_FAILURE", "EXIT_SUCCESS", "FILE", "FLT_DIG",
    "FLT_EPSILON", "FP_FAST_FMA", "FP_FAST_FMAF", "FP_FAST_FMAL", "FP_ILOGB0", "FP_ILOGBNAN", "FP_INFINITE", "FP_NAN",
    "FP_NORMAL", "FP_SUBNORMAL", "FP_ZERO", "False", "HUGE_VAL", "HUGE_VALF", "HUGE_VALL", "I", "INFINITY",
    "MATH_ERREXCEPT", "MATH_ERRNO", "M_1_PI", "M_2_PI", "M_2_SQRTPI", "M_E", "M_LN10", "M_LN2", "M_LOG10E", "M_LOG2E",
    "M_PI", "M_PI_2", "M_PI_4", "M_SQRT1_2", "M_SQRT2", "NAN", "NULL", "None", "SEEK_CUR", "SEEK_END", "SEEK_SET",
    "True", "abort", "abs", "acos", "alignas", "alignof", "and", "as", "asin", "asm", "assert", "async", "atan",
    "atan2", "auto", "await", "bool", "break", "cache", "calloc", "case", "cbrt", "ceil", "char", "class", "complex",
    "const", "constexpr", "continue", "copysign", "cos", "cosh", "def", "default", "del", "delete", "do", "double",
    "elif", "else", "enum", "erf", "erfc", "errno", "except", "exit", "exp", "exp2", "expf", "explicit", "expm1",
    "export", "extern", "fabs", "fabsf", "false", "finally", "float", "floor", "fma", "fmax", "fmaxf", "fmin", "fminf",
    "fmod", "for", "fprintf", "free", "friend", "from", "global", "goto", "if", "imaginary", "import", "in", "inline",
    "int", "int32_t", "int64_t", "is", "isfinite", "isinf", "isnan", "lambda", "linux", "log", "log1p", "log2", "logf",
    "long", "main", "malloc", "math", "math_errhandling", "memcpy", "memmove", "memset", "mutable", "namespace", "nan",
    "new", "nonlocal", "not", "np", "nullptr", "offsetof", "operator", "or", "pass", "pow", "powf", "printf", "private",
    "protected", "ptrdiff_t", "public", "puts", "raise", "realloc", "register", "restrict", "return", "rint", "round",
    "short", "signbit", "signed", "sin", "sinh", "size_t", "sizeof", "sqrt", "sqrtf", "static", "stderr", "stdin",
    "stdout", "struct", "switch", "tan", "tanh", "template", "this", "throw", "true", "trunc", "try", "typedef",
    "typename", "typeof", "uint32_t", "uint64_t", "uint8_t", "union", "unix", "unsigned", "using", "virtual", "void",
    "volatile", "while", "with", "xor", "yield"};
/* clang-format on */

static int compare(const void *a, const void *b) { return strcmp(a, *(const char *const *)b); }

/* Macros of <limits.h>, <stdint.h> and <float.h>: INT_MAX, DBL_MIN. */
static bool is_limit(const char *word) {
    const size_t length = strlen(word), last = length < 4 ? length : 4;
    return strcmp(word + length - last, "_MAX") == 0 || strcmp(word + length - last, "_MIN") == 0;
}

static bool is_reserved(const char *word) {
    return is_limit(word) ||
           bsearch(word, reserved, sizeof reserved / sizeof *reserved, sizeof *reserved, compare) != NULL;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* What is left of a name; false if that is nothing, or begins with a digit. */
static bool whitelist(const char *name, char *text) {
    size_t used = 0;
    for (const char *s = name; *s && used + 1 < LENGTH; s++) {
        if (is_letter(*s) || is_digit(*s))
            text[used++] = *s;
        else if (used > 0 && text[used - 1] != '_')
            text[used++] = '_';
    }
    while (used > 0 && text[used - 1] == '_') used--;
    text[used] = 0;
    return is_letter(text[0]);
}

/* --------------------------------------------------------------------------------------------- no two of them alike
 * An open hash table of places in the text; it is made large enough and never grows. */

struct set {
    struct tg__part *part;
    uint32_t *slot;
    size_t slots, used; /* slots: a power of two; used: of the text */
};

static uint32_t *find(const struct set *t, const char *word) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a; Fowler, Noll, Vo */
    for (const char *s = word; *s; s++) hash = (hash ^ (unsigned char)*s) * 1099511628211u;
    size_t i = (size_t)(hash ^ hash >> 32) & (t->slots - 1);
    while (t->slot[i] && strcmp(t->part->text + t->slot[i], word) != 0) i = (i + 1) & (t->slots - 1);
    return &t->slot[i];
}

static bool grow(struct set *t, size_t more) {
    struct tg__part *p = t->part;
    if (t->used + more <= p->text_bytes) return true;
    const size_t bytes = 2 * p->text_bytes + more;
    if (bytes > UINT32_MAX) {
        tg__fail_memory(p->graph, bytes);
        return false;
    }
    char *text = tg__alloc(p->graph, bytes);
    if (!text) return false;
    memcpy(text, p->text, t->used);
    tg__release(p->graph, p->text, p->text_bytes);
    p->text = text;
    p->text_bytes = bytes;
    return true;
}

/* Its place in the text; 0 if memory is out. number: what tells it from its namesakes when the small numbers are gone.
 */
static uint32_t put(struct set *t, const char *word, uint32_t number) {
    char text[ROOM];
    snprintf(text, sizeof text, "%s", word);
    for (uint64_t k = 2; is_reserved(text) || *find(t, text); k++)
        snprintf(text, sizeof text, "%s_%llu", word, (unsigned long long)(k < 6 ? k : number + k));
    const size_t length = strlen(text) + 1;
    if (!grow(t, length)) return 0;
    memcpy(t->part->text + t->used, text, length);
    uint32_t *slot = find(t, text);
    *slot = (uint32_t)t->used;
    t->used += length;
    return *slot;
}

/* ----------------------------------------------------------------------------------------------- who is called what */

static uint32_t first_name(const struct tg__part *p, uint32_t id) {
    return p->role[id] == TG__ABSENT ? 0 : tg__fact_of(p->graph, id)->name;
}

static size_t count(const struct tg__part *p) {
    size_t n = 5;
    for (uint32_t id = 1; id <= p->last; id++) {
        n += p->role[id] != TG__ABSENT;
        for (uint32_t row = first_name(p, id); row; row = tg__name_next(p->graph, row)) n++;
    }
    return n;
}

/* The nearest name that a function can have; in C it is the name of a struct, too. */
static void nearest(const char *function, char word[ROOM]) {
    if (!whitelist(function, word)) strcpy(word, "network");
    if (is_reserved(word)) strcat(word, "_network");
}

bool tg__names_function(tg_graph *g, const char *function, const char *who) {
    char word[ROOM], clean[ROOM];
    nearest(function, word);
    if (strcmp(function, word) == 0) return true;
    tg__fail_run(g, TG_ARGUMENT, 0,
                 "%s: a function cannot be called '%s': its name is a letter and then letters, digits and single "
                 "underscores between them, at most %d together, and is no word of C or Python; '%s' would do",
                 who, tg__clean(function, clean, sizeof clean), LENGTH - 1, word);
    return false;
}

/* The names of functions come first, so that no node gets theirs. */
static bool name_functions(struct set *t, const char *function) {
    static const char *const ends[] = {"forward", "backward", "constant"};
    struct tg__part *p = t->part;
    char word[ROOM], whole[ROOM + 16];
    nearest(function, word);
    p->function_bytes = strlen(word) + 1;
    char *own = tg__alloc(p->graph, p->function_bytes);
    if (!own) return false;
    p->function = memcpy(own, word, p->function_bytes);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(whole, sizeof whole, "%s_%s", word, ends[i]);
        if (!put(t, whole, 0)) return false;
    }
    return true;
}

static bool name_node(struct set *t, uint32_t id) {
    struct tg__part *p = t->part;
    char word[ROOM];
    for (uint32_t row = first_name(p, id), first = row; row; row = tg__name_next(p->graph, row)) {
        const bool fit = whitelist(tg__name_text(p->graph, row), word);
        if (!fit && row == first) continue; /* as good as nameless */
        if (!fit) snprintf(word, sizeof word, "t%u", id);
        uint32_t *place = row == first ? &p->ident[id] : &p->alias[row];
        *place = put(t, word, id);
        if (!*place) return false;
    }
    return true;
}

static bool name_nodes(struct set *t) {
    struct tg__part *p = t->part;
    char word[ROOM];
    for (uint32_t id = 1; id <= p->last; id++)
        if (!name_node(t, id)) return false;
    for (uint32_t id = 1; id <= p->last; id++) {
        if (p->role[id] == TG__ABSENT || p->ident[id]) continue;
        snprintf(word, sizeof word, "t%u", id);
        p->ident[id] = put(t, word, id);
        if (!p->ident[id]) return false;
    }
    return true;
}

static void *zeros(tg_graph *g, size_t bytes) {
    void *block = tg__alloc(g, bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

bool tg__idents_new(struct tg__part *p, const char *function) {
    tg_graph *g = p->graph;
    struct set t = {.part = p, .slots = 8, .used = 1};
    const size_t words = count(p);
    while (t.slots < 2 * words) t.slots *= 2;
    p->aliases = g->names.length;
    p->text_bytes = 16 * words;
    p->ident = zeros(g, p->bytes * sizeof *p->ident);
    p->alias = zeros(g, p->aliases * sizeof *p->alias);
    p->text = zeros(g, p->text_bytes);
    t.slot = zeros(g, t.slots * sizeof *t.slot);
    const bool named = p->ident && p->alias && p->text && t.slot && name_functions(&t, function) && name_nodes(&t);
    tg__release(g, t.slot, t.slots * sizeof *t.slot);
    return named;
}

void tg__idents_free(struct tg__part *p) {
    tg_graph *g = p->graph;
    tg__release(g, p->ident, p->bytes * sizeof *p->ident);
    tg__release(g, p->alias, p->aliases * sizeof *p->alias);
    tg__release(g, p->text, p->text_bytes);
    tg__release(g, (void *)(uintptr_t)p->function, p->function_bytes);
    p->ident = p->alias = NULL;
    p->text = NULL;
    p->function = NULL;
}

const char *tg__ident(const struct tg__part *p, uint32_t id) { return p->text + p->ident[id]; }
const char *tg__ident_alias(const struct tg__part *p, uint32_t row) { return p->text + p->alias[row]; }
