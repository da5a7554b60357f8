/* What the README shows is what the program prints. */
#include "tapegrad.h"

#include <criterion/criterion.h>
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
