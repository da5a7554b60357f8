/* What a program assigns: its leaves take the values that the last run computed. */
#include "program.h"

static tg_status refuse(tg_program *p, const char *who, const char *why) {
    tg__clear_run(p->graph);
    return tg__fail_run(p->graph, TG_ARGUMENT, 0, "%s: %s", who, why);
}

/* Assigns that came after the program was compiled would be left out of the step without a word. */
static tg_status may_assign(tg_program *p, const char *who) {
    if (!p->steps) return refuse(p, who, "compiled without TG_WITH_ASSIGNS, it assigns nothing");
    if (p->graph->assigns.length > p->assigns && tg__stands(p, who))
        return refuse(p, who,
                      "the tape has assigns that the program does not know: call tg_compile after the last tg_assign "
                      "or optimizer");
    return TG_OK;
}

/* The results are in memory of the program's own, so no leaf that changes is read any more. */
static tg_status commit(tg_program *p) {
    tg_graph *g = p->graph;
    bool ready = true;
    g->busy = true; /* what fails here can be tried again */
    for (uint32_t row = 1; row < p->assigns && ready; row++) {
        const struct tg__assign *a = tg__assign_of(g, row);
        ready = tg__may_take(g, a) && tg__may_take_value(g, a, tg__result(p, p->outputs + row - 1));
    }
    g->busy = false;
    if (!ready) return g->error.status;
    for (uint32_t row = 1; row < p->assigns; row++)
        tg__take(g, tg__assign_of(g, row), tg__result(p, p->outputs + row - 1));
    p->due = false;
    return TG_OK;
}

tg_status tg_program_commit(tg_program *p) {
    static const char who[] = "program_commit";
    if (!p) return TG_HANDLE;
    tg_graph *g = p->graph;
    tg__clear_run(g);
    if (g->error.status) return g->error.status;
    const tg_status status = may_assign(p, who);
    if (status) return status;
    if (!tg__stands(p, who)) return g->error.status;
    if (!p->due) return refuse(p, who, "there is no run to commit: tg_program_run comes before each commit");
    return tg__values_ready(g) ? commit(p) : g->error.status;
}

tg_status tg_program_step(tg_program *p) {
    static const char who[] = "program_step";
    if (!p) return TG_HANDLE;
    tg_status status = may_assign(p, who);
    if (!status) status = tg__program_run(p, who);
    return status ? status : commit(p);
}
