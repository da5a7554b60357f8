/* The table of operators, and the graph that is made with it. */
#define _DEFAULT_SOURCE 1 /* madvise */
#include "ops.h"

#include <stdlib.h>
#include <sys/mman.h>

static const struct tg_op *const operators[] = {
#define OP(name) &tg__op_##name,
#include "elementwise.def"
#include "ops.def"
#undef OP
    NULL};

/* A long tape is gone through once from end to end: large pages save most of what touching it for the first time costs.
 */
static void *from_heap(void *user, size_t bytes) {
    (void)user;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    enum { LARGE_PAGE = 1 << 21 };
    if (bytes >= LARGE_PAGE) {
        void *p = NULL;
        if (posix_memalign(&p, LARGE_PAGE, bytes) != 0) return NULL;
        madvise(p, bytes, MADV_HUGEPAGE);
        return p;
    }
#endif
    return malloc(bytes);
}

static void to_heap(void *user, void *block, size_t bytes) {
    (void)user, (void)bytes;
    free(block);
}

tg_graph *tg_graph_new_with(tg_allocator allocator) {
    if (!allocator.alloc || !allocator.free) return NULL;
    return tg__graph_new(&(struct tg__calculus){.operators = operators, .add = tg_add, .sum = tg__sum, .where = tg_where,
                                                .expand = tg_expand},
                         allocator);
}

tg_graph *tg_graph_new(void) { return tg_graph_new_with((tg_allocator){.alloc = from_heap, .free = to_heap}); }

/* Length of the first of several forms. */
static int first_form(const struct tg_op *op, const char *forms) {
    const char *end = op->form ? strstr(forms, "; ") : NULL;
    return (int)(end ? (size_t)(end - forms) : strlen(forms));
}

void tg_print_operators(FILE *file) {
    if (!file) return;
    fprintf(file, "| operator | formula | gradient for g = dL/dz |\n|---|---|---|\n");
    for (size_t i = 0; operators[i]; i++)
        fprintf(file, "| %s | %.*s | %.*s |\n", operators[i]->name, first_form(operators[i], operators[i]->formula),
                operators[i]->formula, first_form(operators[i], operators[i]->gradient), operators[i]->gradient);
}
