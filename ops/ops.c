/* The table of operators, and the graph that is made with it. */
#include "ops.h"

#include <stdlib.h>

static const struct tg_op *const operators[] = {
#define OP(name)                &tg__op_##name,
#define UNARY(name, ...)        OP(name)
#define TRANSCENDENT(name, ...) OP(name)
#define BINARY(name, ...)       OP(name)
#define COMPARISON(name, ...)   OP(name)
#define TERNARY(name, ...)      OP(name)
#include "elementwise.def"
#include "ops.def"
    NULL};

static void *from_heap(void *user, size_t bytes) {
    (void)user;
    return malloc(bytes);
}

static void to_heap(void *user, void *block, size_t bytes) {
    (void)user, (void)bytes;
    free(block);
}

tg_graph *tg_graph_new_with(tg_allocator allocator) {
    return tg__graph_new(&(struct tg__calculus){.operators = operators, .add = tg_add, .sum = tg__sum}, allocator);
}

tg_graph *tg_graph_new(void) { return tg_graph_new_with((tg_allocator){.alloc = from_heap, .free = to_heap}); }

void tg_print_operators(FILE *file) {
    fprintf(file, "| operator | formula | gradient for g = dL/dz |\n|---|---|---|\n");
    for (size_t i = 0; operators[i]; i++)
        fprintf(file, "| %s | %s | %s |\n", operators[i]->name, operators[i]->formula, operators[i]->gradient);
}
