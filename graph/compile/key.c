/* What an object is made from: this library, the processor, the compiler, its flags, the source. Objects with equal
 * keys are interchangeable, so the key says whether one that is in the cache can be used. */
#include "jit.h"

#include <inttypes.h>
#include <sys/stat.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__linux__)
#include <sys/auxv.h>
#endif

/* ------------------------------------------------------------------------------------------------------ writing */

struct text { /* what has no room is counted only */
    char *at;
    size_t room, length;
};

static void put(struct text *t, const char *bytes, size_t count) {
    if (t->length <= t->room && count <= t->room - t->length) memcpy(t->at + t->length, bytes, count);
    t->length += count;
}

static void put_word(struct text *t, const char *word) {
    put(t, word, strlen(word));
    put(t, "\n", 1);
}

TG_FORMAT_(2, 3) static void put_line(struct text *t, const char *format, ...) {
    char line[160];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    put_word(t, line);
}

/* ---------------------------------------------------------------------------------------------------- processor */

/* A home directory may be shared by different machines, and -march=native means another thing on each. */
static void put_processor(struct text *t) {
#if defined(__x86_64__) || defined(__i386__)
    static const unsigned leaves[][2] = {{0, 0}, {1, 0}, {7, 0}, {7, 1}, {0x80000001, 0}};
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        unsigned a = 0, b = 0, c = 0, d = 0;
        __get_cpuid_count(leaves[i][0], leaves[i][1], &a, &b, &c, &d);
        if (leaves[i][0] == 1) b = 0; /* it has the number of the core that runs this */
        put_line(t, "cpu %x %x %x %x", a, b, c, d);
    }
#elif defined(__linux__)
    put_line(t, "cpu %lx %lx", getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
#endif
}

/* ----------------------------------------------------------------------------------------------------- compiler */

/* All words of $CC that name programs: with "ccache gcc" a new gcc makes another compiler, too. */
static void put_compiler(struct text *t, const struct tg__compiler *c) {
    char path[TG__PATH];
    for (size_t i = 0; i < c->words; i++) {
        struct stat s;
        put_word(t, c->word[i]);
        if ((i > 0 && c->word[i][0] == '-') || !tg__command_path(c->word[i], path) || stat(path, &s) != 0) continue;
        put_word(t, path);
        put_line(t, "%ju %ju %jd %jd.%09ld", (uintmax_t)s.st_dev, (uintmax_t)s.st_ino, (intmax_t)s.st_size,
                 (intmax_t)s.st_mtim.tv_sec, (long)s.st_mtim.tv_nsec);
    }
}

static void put_key(struct text *t, const struct tg__compiler *c, size_t n, const char *source, size_t length) {
    put_word(t, "tapegrad " TG_VERSION);
    put_processor(t);
    put_compiler(t, c);
    for (const char *const *flag = tg__flags(n); *flag; flag++) put_word(t, *flag);
    put(t, source, length);
}

bool tg__key_new(tg_graph *g, struct tg__key *k, const struct tg__compiler *c, size_t n, const char *source,
                 size_t length) {
    struct text t = {.room = 0};
    put_key(&t, c, n, source, length);
    *k = (struct tg__key){.text = tg__alloc(g, t.length), .length = t.length};
    if (!k->text) return false;
    memset(k->text, 0, k->length); /* if the compiler is replaced just now, less is written than was counted */
    t = (struct text){.at = k->text, .room = k->length};
    put_key(&t, c, n, source, length);
    uint64_t hash[2];
    tg__hash(k->text, k->length, hash);
    snprintf(k->name, sizeof k->name, "tapegrad-%016" PRIx64 "%016" PRIx64, hash[0], hash[1]);
    return true;
}

void tg__key_free(tg_graph *g, struct tg__key *k) {
    tg__release(g, k->text, k->length);
    k->text = NULL;
}

/* Eight bytes at a time through two independent multiplications. */
void tg__hash(const void *bytes, size_t count, uint64_t hash[2]) {
    uint64_t a = UINT64_C(0xcbf29ce484222325) ^ count, b = UINT64_C(0x9e3779b97f4a7c15) + count;
    for (const unsigned char *p = bytes; count > 0;) {
        const size_t n = count < 8 ? count : 8;
        uint64_t word = 0;
        memcpy(&word, p, n);
        a = (a ^ word) * UINT64_C(0x9fb21c651e98df25);
        a ^= a >> 32;
        b = (b + word) * UINT64_C(0xd6e8feb86659fd93);
        b ^= b >> 29;
        p += n;
        count -= n;
    }
    hash[0] = a;
    hash[1] = b;
}
