/* What the README shows is what the program prints. */
#include "tapegrad.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

TestSuite(readme, .timeout = 30);

static char *read_all(FILE *file) {
    static char text[200000];
    cr_assert(file != NULL);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    char *copy = malloc(strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

Test(readme, table_of_operators) {
    FILE *file = tmpfile();
    cr_assert(file != NULL);
    tg_print_operators(file);
    char *table = read_all(file), *readme = read_all(fopen(SOURCE "/README.md", "r"));
    cr_assert(table && strlen(table) > 500);
    cr_assert(strstr(readme, table) != NULL, "README.md does not have this table:\n%s", table);
    free(table);
    free(readme);
}

/* All that the examples print, one behind the other. */
static char *outputs(void) {
    glob_t found;
    cr_assert_eq(glob(SOURCE "/examples/*.expected", 0, NULL, &found), 0);
    char *all = calloc(1, 1 << 20);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *text = read_all(fopen(found.gl_pathv[i], "r"));
        strcat(strcat(all, text), "\n");
        free(text);
    }
    globfree(&found);
    return all;
}

/* Every block without a language; those of shell and C say which they are. Returns how many there are. */
static size_t compare_blocks(const char *page, const char *all) {
    size_t count = 0;
    static const char fence[] = "\n```";
    char *text = read_all(fopen(page, "r"));
    for (char *at = strstr(text, fence), *end; at; at = strstr(end + strlen(fence), fence)) {
        char *block = at + strlen(fence);
        end = strstr(block, fence);
        cr_assert_not_null(end, "%s has a block without an end", page);
        if (*block != '\n') continue;
        *end = 0;
        cr_expect(strstr(all, block + 1) != NULL, "%s shows what no example prints:\n%s", page, block + 1);
        *end = '\n';
        count++;
    }
    free(text);
    return count;
}

Test(readme, output_of_the_flagship) {
    char *readme = read_all(fopen(SOURCE "/README.md", "r"));
    char *output = read_all(fopen(SOURCE "/examples/batchnorm.expected", "r"));
    char *block = strstr(readme, "\nbackward\n"), *end = block ? strstr(block, "```") : NULL;
    cr_assert(end != NULL, "README.md has no block of output");
    *end = 0;
    cr_assert(strstr(output, block) != NULL, "examples/batchnorm.expected does not have:\n%s", block);
    free(readme);
    free(output);
}

Test(readme, output_in_the_lesson) {
    char *all = outputs();
    cr_assert_eq(compare_blocks(SOURCE "/examples/README.md", all), 20);
    free(all);
}
