/* Names in programs: no node's meets the writer's own, and nothing of anybody's text reaches a compiler. */
#include "exact.h"

#include <ctype.h>

TestSuite(exact_names, .timeout = 120);

static char *text; /* of a source */
static size_t texts;

static void to_text(struct tg__sheet *s, const char *from, size_t length) {
    (void)s;
    static size_t room;
    if (!text || texts + length + 1 > room) text = realloc(text, room = 2 * (texts + length) + 4096);
    memcpy(text + texts, from, length);
    texts += length;
    text[texts] = 0;
}

/* A bit of everything: columns, rows, calls of functions, two readings of one array, labels, a call of a kernel. */
static struct whole named(const char *const *name, size_t names, size_t turn) {
    struct whole w = softmax_loss(TG_F64, 17, 5);
    tg_graph *g = w.g;
    const tg_node x = tg_node_at(g, 1), label = tg_node_at(g, 2);
    tg_node a = tg_sum(tg_mul(x, tg_flip(tg_exp(x), tg_axes_all())), tg_keep(tg_axis(0)));
    tg_node b = tg_max(tg_sub(x, a), tg_keep(tg_axis(1)));
    tg_node c = tg_sum(tg_add(tg_square(x), b), tg_axis(0));
    const tg_node wave = tg_cumsum(tg_reshape(b, tg_shape1(17)), 0, false);
    tg_node d = tg_atan2(tg_gather(tg_scatter(wave, label, 3), label), tg_exp(tg_sum(c, tg_axes_all())));
    sweep(&w, tg_add(tg_sum(tg_div(tg_sub(x, b), c), tg_axes_all()), tg_sum(d, tg_axes_all())));
    for (size_t i = 0, k = 1; i < names && k <= tg_count(g); k++) {
        if (tg__is_shared_scalar(g, (uint32_t)k)) continue;
        if (!tg_is_nil(tg_find(g, name[(i + turn) % names])))
            i++;
        else
            tg_let(tg_node_at(g, (uint32_t)k), name[(i++ + turn) % names], "x", 1);
    }
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    return w;
}

/* The writer's own words, read off what it has written: all that end in an underscore, and all before a bracket. */
static size_t own_words(char (*word)[64], size_t room) {
    size_t n = 0;
    for (const char *s = text; *s; s++) {
        if (!isalpha((unsigned char)*s) || (s > text && (isalnum((unsigned char)s[-1]) || s[-1] == '_'))) continue;
        size_t length = 1;
        while (isalnum((unsigned char)s[length]) || s[length] == '_') length++;
        const bool own = s[length - 1] == '_' || s[length] == '(' || s[length] == ' ';
        while (length > 1 && s[length - 1] == '_') length--;
        char found[64];
        if (length >= sizeof found) continue;
        memcpy(found, s, length);
        found[length] = 0;
        bool seen = !own;
        for (size_t i = 0; i < n && !seen; i++) seen = strcmp(word[i], found) == 0;
        if (!seen && n < room) strcpy(word[n++], found);
    }
    return n;
}

Test(exact_names, names_of_its_own) {
    static char word[400][64];
    const char *name[400];
    begin();
    struct tg__sheet sheet = {.put = to_text};
    const struct whole plain = named(NULL, 0, 0);
    struct compiled *c = add_case(plain.g, plain.out, plain.outs, TG_EXACT, "names");
    cr_assert(tg__source(&sheet, &c->fused, "p1", &c->code));
    const size_t words = own_words(word, 400);
    cr_assert(words > 40, "%zu", words);
    for (size_t i = 0; i < words; i++) name[i] = word[i];
    for (size_t turn = 0; turn < words; turn += 31) add_whole(named(name, words, turn), "own words");
    check_all();
    free(text);
}

#define CANARY "__attribute__((constructor)) static void canary(void) { _exit(77); }"
static const char *const hostile[] = {"*/ " CANARY " /*",
                                      "\n" CANARY "\n//",
                                      "\\\n" CANARY,
                                      "?\?/\n" CANARY,
                                      "a\\",
                                      "b?\?/",
                                      "\"); " CANARY,
                                      "'",
                                      "\"",
                                      "#include </etc/passwd>",
                                      "\n#error\n",
                                      "int",
                                      "I",
                                      "complex",
                                      "i",
                                      "n",
                                      "t",
                                      "x_",
                                      "sum_f32_",
                                      "SIMD_",
                                      "SIMD",
                                      "%s%n",
                                      "\x1b[31m\xff\xfe",
                                      "\xe2\x80\xae",
                                      "a b",
                                      "a-b",
                                      "a+b",
                                      "a_b",
                                      "a__b",
                                      "_a_b_",
                                      "9",
                                      "_",
                                      "  ",
                                      "double",
                                      "size_t",
                                      "tapegrad_program",
                                      "p0",
                                      "p1_0",
                                      "memcpy",
                                      "sqrt",
                                      "defined",
                                      "_Pragma",
                                      "NULL",
                                      "uint8_t",
                                      "true",
                                      "stdin"};

Test(exact_names, hostile_names) {
    const size_t names = sizeof hostile / sizeof *hostile;
    begin();
    for (size_t turn = 0; turn < names; turn += 13) {
        struct whole w = named(hostile, names, turn);
        char *endless = malloc((1 << 20) + 1);
        memset(endless, turn % 2 ? '/' : 'z', 1 << 20);
        endless[1 << 20] = 0;
        tg_let(w.out[0], endless, "x", 1);
        free(endless);
        add_whole(w, "hostile");
    }
    struct tg__sheet sheet = {.put = to_text};
    texts = 0;
    for (int k = 0; k < count; k++) cr_assert(tg__source(&sheet, &cases[k].fused, "p0", &cases[k].code));
    cr_assert_null(strstr(text, "((constructor"));
    cr_assert_null(strstr(text, "_exit("));
    cr_assert_null(strstr(text, "</etc"));
    cr_assert_null(strstr(text, "?\?/"));
    for (size_t i = 0; i < texts; i++)
        cr_assert(text[i] == '\n' || (text[i] >= ' ' && text[i] < 127), "byte %d", text[i]);
    free(text);
    check_all();
}
