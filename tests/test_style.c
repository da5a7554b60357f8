/* Colour and characters: who gets which, and that neither moves a column. */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "inspect.h"      /* before g is a name */

#include "printed.h"

#include <fcntl.h>
#include <locale.h>
#include <unistd.h>
#include <wchar.h>

TestSuite(style, .init = setup, .fini = teardown, .timeout = 60);

/* ------------------------------------------------------------------------------------------------------ variables */

static void set(const char *variable, const char *value) { value ? setenv(variable, value, 1) : unsetenv(variable); }

Test(style, colour) {
    FILE *file = sheet();
    const int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    FILE *terminal = fd >= 0 && isatty(fd) ? fdopen(fd, "r+") : NULL;
    const struct {
        const char *force, *no, *term;
        bool on_file, on_terminal;
    } cases[] = {
        {NULL, NULL, "xterm", false, true}, {NULL, NULL, "dumb", false, false}, {NULL, NULL, NULL, false, false},
        {NULL, NULL, "", false, false},     {NULL, "1", "xterm", false, false}, {NULL, "", "xterm", false, true},
        {"1", NULL, NULL, true, true},      {"1", "1", "dumb", true, true},     {"0", NULL, "xterm", false, true},
        {"", NULL, "xterm", false, true},   {"0", "1", "xterm", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set("FORCE_COLOR", cases[i].force);
        set("NO_COLOR", cases[i].no);
        set("TERM", cases[i].term);
        cr_expect_eq(tg_has_colour(file), cases[i].on_file, "case %zu", i);
        if (terminal) cr_expect_eq(tg_has_colour(terminal), cases[i].on_terminal, "case %zu", i);
    }
    cr_expect_not(tg_has_colour(NULL));
    char bytes[8];
    FILE *memory = fmemopen(bytes, sizeof bytes, "w"); /* which is no file of the system's */
    set("FORCE_COLOR", NULL);
    set("NO_COLOR", NULL);
    set("TERM", "xterm");
    cr_expect_not(tg_has_colour(memory));
    fclose(memory);
    fclose(file);
    if (terminal) fclose(terminal);
}

Test(style, unicode) {
    const struct {
        const char *all, *ctype, *lang;
        bool unicode;
    } cases[] = {{NULL, NULL, NULL, false},
                 {"C", NULL, "C.UTF-8", false},
                 {"C.UTF-8", "C", "C", true},
                 {NULL, "C.UTF-8", "C", true},
                 {NULL, NULL, "C.UTF-8", true},
                 {"", "", "C.UTF-8", true},
                 {"xx_YY.UTF-8", NULL, "C", true},
                 {"xx_YY.utf8", NULL, NULL, true},
                 {"xx_YY.ISO-8859-1", NULL, NULL, false},
                 {"POSIX", NULL, "xx_YY.utf8", false},
                 {NULL, NULL, "xx_YY.UTF-8", true},
                 {NULL, "xx_YY", "C.UTF-8", false}};
    char before[100];
    snprintf(before, sizeof before, "%s", setlocale(LC_ALL, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set("LC_ALL", cases[i].all);
        set("LC_CTYPE", cases[i].ctype);
        set("LANG", cases[i].lang);
        cr_expect_eq(tg_has_unicode(), cases[i].unicode, "case %zu", i);
        cr_expect_str_eq(setlocale(LC_ALL, NULL), before);
    }
}

/* --------------------------------------------------------------------------------------------------------- widths */

static size_t encode(uint32_t c, char *s) {
    const size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6) s[i] = (char)(0x80 | (c & 0x3f));
    s[0] = (char)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
    s[n] = 0;
    return n;
}

/* Every character that the installed C library knows, from a program that has set no locale. */
Test(style, widths_are_those_of_the_c_library) {
    const locale_t letters = tg__letters_open(), utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    const locale_t own = uselocale((locale_t)0);
    if (!utf8) return;
    cr_assert(letters);
    setlocale(LC_ALL, "C");
    size_t seen = 0, wrong = 0;
    for (uint32_t c = 0xa0; c <= 0x10ffff; c++) {
        char s[5];
        uselocale(utf8);
        const int width = wcwidth((wchar_t)c);
        uselocale(own);
        if (width < 0) continue;
        seen++;
        const int ours = tg__char_width(letters, s, encode(c, s));
        if (ours != width && wrong++ < 20) cr_log_warn("U+%04X: %d, not %d", c, ours, width);
    }
    cr_assert_gt(seen, 50000);
    cr_assert_eq(wrong, 0, "%zu of %zu", wrong, seen);
    cr_assert_eq(uselocale((locale_t)0), own);
    cr_assert_str_eq(setlocale(LC_ALL, NULL), "C");
    tg__letters_close(letters);
    freelocale(utf8);
}

Test(style, widths_without_a_utf8_locale_are_rough) {
    const struct {
        const char *s;
        int width;
    } cases[] = {{"a", 1}, {"é", 1}, {"\xcc\x81", 0}, {"色", 2}, {"가", 2}, {"Ｗ", 2}, {"😀", 2}, {"→", 1}, {"λ", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(tg__char_width((locale_t)0, cases[i].s, strlen(cases[i].s)), cases[i].width, "%s", cases[i].s);
}

Test(style, columns_line_up_in_columns) {
    const struct {
        const char *name;
        int width;
    } names[] = {{"plain", 5},  {"größe", 5}, {"色温", 4}, {"e\xcc\x81t\xcc\x81", 2},
                 {"가나다", 6}, {"Ｗ", 2},    {"😀", 2}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) tg_let(row(1), names[i].name, NULL, 0);
    const char *text = part(1, UINT32_MAX);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char line[200];
        snprintf(line, sizeof line, "%s", line_of(text, names[i].name));
        const char *name = strstr(line, names[i].name), *rest = name + strlen(names[i].name);
        cr_expect_eq(names[i].width + (int)strspn(rest, " "), 8, "%s", line);
    }
}

/* -------------------------------------------------------------------------------------------------- every reader */

static tg_grads network(void) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(3, 2)));
    TG_LET(gamma, row(2));
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(3)));
    tg_let(scalar(), "größe×…", NULL, 0);
    TG_LET(loss, tg_softmax_loss(tg_batchnorm(x, gamma, gamma, tg_axis(0), 0.5, "bn"), label, "head"));
    cr_assert(!tg_label_columns(x, (const char *const[]){"色", "b"}, 2));
    cr_assert(!tg_set(x, (double[]){1, 2, 3, 5, 8, 13}) && !tg_set(gamma, (double[]){1, NAN}));
    cr_assert(!tg_set(label, (int32_t[]){0, 1, 0}) && !tg_set(tg_find(g, "größe×…"), &(double){1.5}));
    const tg_grads d = tg_backward(loss, tg_nil(g));
    cr_assert_eq(tg_run(g), TG_OK);
    return d;
}

static char *all_readers(tg_grads d) {
    FILE *file = sheet();
    tg_print(g, file);
    tg_print_folded(g, file, "bn/");
    tg_print_steps(d, NULL, file);
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        tg_print_ledger(d, tg_node_at(g, id), file);
        tg_explain(tg_node_at(g, id), file);
    }
    for (size_t k = 0; k < tg_moments(g); k++) tg_print_moment(d, k, file);
    return strdup(text_of(file));
}

static void strip(char *text) {
    char *to = text;
    for (const char *s = text; *s;)
        if (s[0] == '\033' && s[1] == '[')
            s += strcspn(s, "m") + 1;
        else
            *to++ = *s++;
    *to = 0;
}

Test(style, colour_is_all_that_colour_changes) {
    const tg_grads d = network();
    char *plain = all_readers(d);
    setenv("FORCE_COLOR", "1", 1);
    char *coloured = all_readers(d);
    cr_assert_gt(count_of(coloured, "\033[32m"), 100);
    cr_assert_gt(count_of(coloured, "\033[31m"), 100);
    cr_assert_gt(count_of(coloured, "\033[7m"), 100);
    strip(coloured);
    cr_assert_str_eq(coloured, plain);
    free(plain);
    free(coloured);
}

Test(style, ascii_is_ascii_and_as_long) {
    const tg_grads d = network();
    setenv("LC_ALL", "C", 1);
    char *text = all_readers(d);
    for (const char *s = text; *s; s++) cr_assert((unsigned char)*s < 0x80, "%.40s", s);
    has(text, "gr??ex...");
    has(text, "<- ");
    char rule[200], row_of_x[200];
    snprintf(rule, sizeof rule, "%s", line_of(text, "-----"));
    cr_assert_eq(strspn(rule, "-"), strlen(rule));
    snprintf(row_of_x, sizeof row_of_x, "%s", line_of(text, "  bn/xmu  "));
    cr_assert_leq(strlen(row_of_x), strlen(rule));
    free(text);
}

/* A program with a decimal comma of its own gets points, and keeps its comma. */
Test(style, numbers_have_a_point) {
    static const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    const tg_grads d = network();
    const locale_t own = uselocale((locale_t)0);
    char *plain = all_readers(d);
    int i = 0;
    while (i < 4 && !setlocale(LC_NUMERIC, commas[i])) i++;
    char *text = all_readers(d);
    cr_expect_eq(uselocale((locale_t)0), own);
    cr_expect_str_eq(text, plain);
    cr_expect_eq(*localeconv()->decimal_point, i < 4 ? ',' : '.');
    free(plain);
    free(text);
}
