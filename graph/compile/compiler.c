/* The system's C compiler: which one it is, and its flags. No shell ever sees a word of this. */
#include "jit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(_OPENMP)
#define OPENMP "-fopenmp",
#else
#define OPENMP
#endif

/* Contraction would be the compiler's choice at each place: a node's bits are to be the same wherever it is computed. */
#define ALWAYS "-std=c11", "-fPIC", "-shared", "-fno-math-errno", "-ffp-contract=off", "-w"

/* A function of the object is never taken for one of the program or of libc that has its name; and the code is for this
 * processor. */
#define HERE "-Wl,-Bsymbolic", "-march=native"

/* gcc 12 makes wrong code at -O3 with AVX in two places. (double)(float)x loses its rounding where straight-line code
 * is vectorized. And where a loop of constant length was unrolled before the vectorizer saw it, conditional loads (m !=
 * 0 ? 0 : g[i]) of more than one vector all get the first one's mask. So straight-line code is left alone, and
 * unrolling (peeling) begins at -O2, which does it after the vectorizer: for our loops the code is no slower than
 * -O3's. Threaded jumps and partial redundancies join neighbouring selects into control flow that no vectorizer takes;
 * and a select whose comparison might trap stays a branch, which costs a misprediction for every other element. Nobody
 * reads the flags that a comparison could raise, and no value depends on them. clang knows other flags; and where the
 * compiler has no OpenMP library the code runs in one thread. */
#define GCC "-O2", "-ftree-loop-vectorize", "-fno-tree-slp-vectorize", "-fvect-cost-model=dynamic", "-fpeel-loops", \
            "-fno-thread-jumps", "-fno-trapping-math", "-fno-tree-pre"
static const char *const tries[][24] = {
    {ALWAYS, GCC, HERE, OPENMP},
    {ALWAYS, GCC, HERE},
    {ALWAYS, "-O3", HERE, OPENMP},
    {ALWAYS, "-O3", HERE},
    {ALWAYS, "-O2"},
};

const char *const *tg__flags(size_t n) { return n < sizeof tries / sizeof *tries ? tries[n] : NULL; }

bool tg__does_without(size_t n) {
    if (n == 0 || !tg__flags(n)) return false;
    const char *const *before = tries[n - 1], *const *flag = tries[n];
    while (*before && *flag && strcmp(*before, *flag) == 0) before++, flag++;
    return *before && !before[1] && !*flag;
}

/* ------------------------------------------------------------------------------------------------------- words */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

static size_t count_words(const char *s) {
    size_t n = 0;
    for (bool before = true; *s; before = is_blank(*s++)) n += before && !is_blank(*s);
    return n;
}

static void cut(struct tg__compiler *c) {
    size_t n = 0;
    for (char *s = c->text; n < c->words;) {
        while (is_blank(*s)) s++;
        c->word[n++] = s;
        while (*s && !is_blank(*s)) s++;
        if (*s) *s++ = 0;
    }
    c->word[n] = NULL;
}

/* -------------------------------------------------------------------------------------------------------- path */

static bool is_command(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode) && access(path, X_OK) == 0;
}

/* Relative directories in PATH are passed over: a file in the current directory is not the system's compiler. */
bool tg__command_path(const char *word, char path[TG__PATH]) {
    if (strchr(word, '/')) {
        const int n = snprintf(path, TG__PATH, "%s", word);
        return n < TG__PATH && is_command(path);
    }
    const char *list = getenv("PATH");
    if (!list) list = "/usr/local/bin:/usr/bin:/bin";
    for (;;) {
        const size_t length = strcspn(list, ":");
        if (*list == '/' && length + strlen(word) + 2 <= TG__PATH) {
            snprintf(path, TG__PATH, "%.*s/%s", (int)length, list, word);
            if (is_command(path)) return true;
        }
        if (!list[length]) return false;
        list += length + 1;
    }
}

bool tg__compiler_find(tg_graph *g, struct tg__compiler *c, struct tg__reason *r) {
    const char *cc = getenv("CC");
    if (!cc || count_words(cc) == 0) cc = "cc";
    *c = (struct tg__compiler){.bytes = strlen(cc) + 1, .words = count_words(cc)};
    c->text = tg__alloc(g, c->bytes);
    c->word = tg__alloc(g, (c->words + 1) * sizeof *c->word);
    if (!c->text || !c->word) {
        tg__compiler_free(g, c);
        return false;
    }
    memcpy(c->text, cc, c->bytes);
    cut(c);
    if (tg__command_path(c->word[0], c->path)) return true;
    tg__because(r, "there is no C compiler: '%s' is no program%s (the environment variable CC names another)",
                c->word[0], strchr(c->word[0], '/') ? "" : " in PATH");
    tg__compiler_free(g, c);
    return false;
}

void tg__compiler_free(tg_graph *g, struct tg__compiler *c) {
    if (c->word) tg__release(g, c->word, (c->words + 1) * sizeof *c->word);
    tg__release(g, c->text, c->bytes);
    *c = (struct tg__compiler){0};
}
