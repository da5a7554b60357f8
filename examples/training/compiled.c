/* The flag, and what it asks for. */
#include "compiled.h"

#include <string.h>

static bool wanted;
static tg_mode mode;

/* TG_FAST has other last digits than the interpreter, which many steps may carry to the front; TG_EXACT has the same. */
void read_options(int *argc, char **argv) {
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        const bool fast = strcmp(argv[i], "--compile") == 0, exact = strcmp(argv[i], "--compile=exact") == 0;
        if (fast || exact)
            wanted = true, mode = exact ? TG_EXACT : TG_FAST;
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
}

bool wants_program(void) { return wanted; }

tg_program *make_program(tg_graph *g, const tg_node *outputs, size_t count, unsigned flags) {
    tg_program *p = tg_compile(g, outputs, count, (tg_compile_options){.mode = mode, .flags = flags});
    if (p && !tg_program_stats(p).compiled) fprintf(stderr, "not compiled, but interpreted: %s\n", tg_program_note(p));
    return p;
}

double item_of(const tg_program *p, tg_node a) { return *(const double *)(p ? tg_program_value(p, a) : tg_value(a)); }
