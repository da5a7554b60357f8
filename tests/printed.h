/* Tables as text: what was printed, and whether a terminal may have it. */
#ifndef TESTS_PRINTED_H
#define TESTS_PRINTED_H

#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* ------------------------------------------------------------------------------------------------ a graph to print */

static tg_graph *g;
static struct heap heap;

static inline void setup(void) { g = tg_graph_new_with(heap_allocator(&heap)); }
static inline void teardown(void) { tg_graph_free(g); }

static inline tg_node scalar(void) { return tg_input(g, TG_F64, tg_shape0()); }
static inline tg_node row(int64_t n) { return tg_input(g, TG_F64, tg_shape1(n)); }

/* ---------------------------------------------------------------------------------------------- what was printed */

static char printed[1 << 20];

static inline FILE *sheet(void) {
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    return file;
}

static inline const char *text_of(FILE *file) {
    rewind(file);
    printed[fread(printed, 1, sizeof printed - 1, file)] = 0;
    fclose(file);
    return printed;
}

static inline const char *part(uint32_t first, uint32_t count) {
    FILE *file = sheet();
    const size_t calls = heap.calls;
    tg_print_part(g, file, first, count);
    cr_assert_eq(heap.calls, calls, "printing needs no memory");
    return text_of(file);
}

static inline const char *steps(tg_grads d, const char *scope) {
    FILE *file = sheet();
    const size_t live = heap.live;
    tg_print_steps(d, scope, file);
    cr_assert_eq(heap.live, live);
    return text_of(file);
}

static inline const char *ledger(tg_grads d, tg_node a) {
    FILE *file = sheet();
    const size_t calls = heap.calls;
    tg_print_ledger(d, a, file);
    cr_assert_eq(heap.calls, calls);
    return text_of(file);
}

static inline size_t count_of(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)); text += strlen(what)) n++;
    return n;
}

static inline size_t lines(const char *text) { return count_of(text, "\n"); }

static inline void has(const char *text, const char *what) {
    cr_assert_not_null(strstr(text, what), "'%s' is not in:\n%s", what, text);
}

static inline void lacks(const char *text, const char *what) {
    cr_assert_null(strstr(text, what), "'%s' is in:\n%s", what, text);
}

static inline const char *line_of(const char *text, const char *start) {
    static char line[1000];
    const char *at = strstr(text, start);
    cr_assert_not_null(at, "'%s' is not in:\n%s", start, text);
    while (at > text && at[-1] != '\n') at--;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    return line;
}

/* ------------------------------------------------------------------------------------------- what it must look like */

/* Length of the character at s: well-formed UTF-8, and nothing that a terminal obeys. */
static inline size_t clean_char(const unsigned char *s) {
    const size_t n = *s < 0x80 ? 1 : *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;
    cr_assert((*s >= 0x20 || *s == '\n') && *s != 0x7f && (*s < 0x80 || (*s >= 0xc2 && *s < 0xf5)), "byte %02x", *s);
    for (size_t i = 1; i < n; i++) cr_assert_eq(s[i] & 0xc0, 0x80, "broken UTF-8: %s", (const char *)s);
    cr_assert(*s != 0xc2 || s[1] >= 0xa0, "a C1 control");
    cr_assert(n != 3 || memcmp(s, "\u202e", 3) != 0, "a line is turned around");
    return n;
}

static inline void is_clean(const char *text) {
    for (const unsigned char *s = (const unsigned char *)text; *s;) s += clean_char(s);
}

/* The same of a table: no line longer than the rule under the head. */
static inline void is_tame(const char *text) {
    size_t width = 0, widest = 0, rule = 0;
    for (const unsigned char *s = (const unsigned char *)text; *s; width++) {
        const size_t n = clean_char(s);
        rule += memcmp(s, "─", n) == 0;
        if (*s == '\n') {
            widest = width > widest ? width : widest;
            width = SIZE_MAX;
        }
        s += n;
    }
    cr_assert(rule == 0 || widest <= rule, "a row is %zu wide, the rule %zu:\n%s", widest, rule, text);
}

#endif
