/* The small tape as machine code: not yet, so a machine only says that it does not run. */
#include "compile.h"

struct tg__machine {
    bool compile;
};

struct tg__machine *tg__machine_new(tg_graph *g, const struct tg__small *s, tg_mode mode, bool compile) {
    (void)s, (void)mode;
    struct tg__machine *m = tg__alloc(g, sizeof *m);
    if (m) m->compile = compile;
    return m;
}

void tg__machine_free(tg_graph *g, struct tg__machine *m) { tg__release(g, m, sizeof *m); }
const char *tg__machine_source(const struct tg__machine *m) { return (void)m, ""; }
const char *tg__machine_note(const struct tg__machine *m) {
    return m->compile ? "nothing is compiled yet" : "TG_INTERPRET was asked for";
}
void tg__machine_stats(const struct tg__machine *m, tg_stats *stats) { (void)m, (void)stats; }
int tg__machine_run(const struct tg__machine *m, void *const *at) { return (void)m, (void)at, 1; }
