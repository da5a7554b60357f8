/* Programs: a part of a tape, simplified, compiled, and with memory for its results. A program reads the graph that it
 * was made from, and lives no longer. */
#include "program.h"

/* ------------------------------------------------------------------------------------------------------- asking */

static const char *fault_of(const tg_graph *g, tg_node a) {
    if (a.id == 0) return "nil";
    if (a.graph != g) return "of another graph";
    return tg__get(a) ? NULL : "stale: the tape was rewound below it";
}

static bool are_nodes(tg_graph *g, const tg_node *nodes, size_t count, const char *what) {
    for (size_t i = 0; i < count; i++) {
        const char *fault = nodes ? fault_of(g, nodes[i]) : "NULL";
        if (!fault) continue;
        tg__fail_run(g, TG_HANDLE, 0, "compile: %s %zu is %s", what, i + 1, fault);
        return false;
    }
    return true;
}

static bool is_asked_well(tg_graph *g, const tg_node *outputs, size_t count, const tg_compile_options *o) {
    const unsigned flags = TG_ASSUME_FINITE | TG_WITH_ASSIGNS | TG_INTERPRET | TG_MUST_COMPILE;
    const unsigned both = TG_INTERPRET | TG_MUST_COMPILE;
    if (o->mode != TG_FAST && o->mode != TG_EXACT)
        tg__fail_run(g, TG_ARGUMENT, 0, "compile: %d is no mode: TG_FAST and TG_EXACT are", (int)o->mode);
    else if (o->flags & ~flags)
        tg__fail_run(g, TG_ARGUMENT, 0, "compile: %#x is no flag", o->flags & ~flags);
    else if ((o->flags & both) == both)
        tg__fail_run(g, TG_ARGUMENT, 0, "compile: TG_INTERPRET and TG_MUST_COMPILE exclude each other");
    else if ((o->flags & TG_WITH_ASSIGNS) && g->assigns.length == 1)
        tg__fail_run(g, TG_ARGUMENT, 0,
                     "compile: TG_WITH_ASSIGNS, but nothing is assigned on this tape yet: tg_assign, or an optimizer, "
                     "comes before tg_compile");
    else if (count == 0 && !(o->flags & TG_WITH_ASSIGNS))
        tg__fail_run(g, TG_ARGUMENT, 0, "compile: there is nothing to compute: no outputs");
    else
        return are_nodes(g, outputs, count, "output") && are_nodes(g, o->given, o->givens, "given node");
    return false;
}

/* ------------------------------------------------------------------------------------------------------- making */

static void *room_for(tg_graph *g, size_t count, size_t size) {
    void *block = tg__alloc(g, (count + 1) * size);
    if (block) memset(block, 0, (count + 1) * size);
    return block;
}

static void give_back(tg_graph *g, void *block, size_t count, size_t size) {
    if (block) tg__release(g, block, (count + 1) * size);
}

/* Inputs, params and constants are read in any case, so they need not be given. */
static bool note_goal(tg_program *p, const tg_node *outputs, const tg_compile_options *o) {
    tg_graph *g = p->graph;
    p->wanted = room_for(g, p->count, sizeof *p->wanted);
    p->output = room_for(g, p->outputs, sizeof *p->output);
    p->given = room_for(g, o->givens, sizeof *p->given);
    p->givens = o->givens;
    if (!p->wanted || !p->output || !p->given) return false;
    size_t n = 0, givens = 0;
    for (; n < p->outputs; n++) p->wanted[n] = (p->output[n] = outputs[n]).id;
    for (uint32_t row = 1; row < p->assigns; row++) p->wanted[n++] = tg__assign_of(g, row)->value;
    for (size_t i = 0; i < o->givens; i++)
        if (!tg__is_leaf(tg__node_of(g, o->given[i].id))) p->given[givens++] = o->given[i].id;
    for (size_t i = 0; i < p->count; i++)
        if (p->wanted[i] > p->newest.id) p->newest = tg__handle(g, p->wanted[i]);
    const struct tg__goal goal = {g, p->wanted, p->given, p->count, givens, o->mode, o->flags};
    return tg__simplify(&goal, &p->small);
}

/* The machine writes each result into memory of the program's own; the interpreter has its own. */
static bool results_new(tg_program *p) {
    tg_graph *small = p->small.graph;
    for (size_t i = 0; i < p->count && p->compiled; i++) {
        const uint32_t id = p->small.result[i];
        const struct tg__node *n = tg__node_of(small, id);
        if (p->room[id]) continue;
        p->room[id] = tg__data_new(p->graph, tg__bytes(n));
        if (!p->room[id]) return false;
        if (!tg__is_leaf(n)) p->at[id] = p->room[id];
    }
    return true;
}

/* false: it was to be machine code and is none. */
static bool note_machine(tg_program *p, unsigned flags) {
    p->compiled = p->stats.compiled = tg__machine_runs(p->machine);
    if (p->compiled)
        tg__machine_stats(p->machine, &p->stats);
    else if (flags & TG_MUST_COMPILE)
        tg__fail_run(p->graph, TG_COMPILER, 0, "compile: no machine code: %s", tg__machine_note(p->machine));
    return p->compiled || !(flags & TG_MUST_COMPILE);
}

static bool build(tg_program *p, const tg_node *outputs, const tg_compile_options *o) {
    tg_graph *g = p->graph;
    if (!note_goal(p, outputs, o)) return false;
    p->length = p->small.graph->nodes.length;
    p->at = room_for(g, p->length, sizeof *p->at);
    p->room = room_for(g, p->length, sizeof *p->room);
    if (!p->at || !p->room || !tg__feeds_new(p) || !tg__traffic(p)) return false;
    p->machine = tg__machine_new(g, &p->small, o->mode, !(o->flags & TG_INTERPRET));
    return p->machine && note_machine(p, o->flags) && results_new(p);
}

static void leave(struct tg__tenant *t) { tg_program_free((tg_program *)t); }

tg_program *tg_compile(tg_graph *g, const tg_node *outputs, size_t count, tg_compile_options options) {
    if (!g) return NULL;
    tg__clear_run(g);
    if (g->error.status || !is_asked_well(g, outputs, count, &options)) return NULL;
    g->busy = true; /* what fails here can be tried again */
    tg_program *p = tg__alloc(g, sizeof *p);
    if (p) {
        *p = (tg_program){.tenant.leave = leave, .graph = g, .epoch = g->epoch, .outputs = count, .mode = options.mode};
        p->steps = (options.flags & TG_WITH_ASSIGNS) != 0;
        p->assigns = p->steps ? g->assigns.length : 1;
        p->assign_epoch = tg__assign_of(g, p->assigns - 1)->epoch;
        p->count = count + p->assigns - 1;
        tg__tenant_enter(g, &p->tenant);
        if (!build(p, outputs, &options)) {
            tg_program_free(p);
            p = NULL;
        }
    }
    g->busy = false;
    return p;
}

void tg_program_free(tg_program *p) {
    if (!p) return;
    tg_graph *g = p->graph;
    tg__tenant_go(&p->tenant);
    for (uint32_t id = 0; p->room && id < p->length; id++)
        if (p->room[id]) tg__data_free(g, p->room[id], tg__bytes(tg__node_of(p->small.graph, id)));
    if (p->machine) tg__machine_free(g, p->machine);
    give_back(g, p->room, p->length, sizeof *p->room);
    give_back(g, p->at, p->length, sizeof *p->at);
    give_back(g, p->feed, p->feeds, sizeof *p->feed);
    if (p->small.graph) tg__small_free(&p->small, g);
    give_back(g, p->given, p->givens, sizeof *p->given);
    give_back(g, p->output, p->outputs, sizeof *p->output);
    give_back(g, p->wanted, p->count, sizeof *p->wanted);
    tg__release(g, p, sizeof *p);
}

/* ------------------------------------------------------------------------------------------------------ running */

bool tg__stands(tg_program *p, const char *who) {
    tg_graph *g = p->graph;
    if (g->epoch == p->epoch) return true;
    const bool computed = tg__get(p->newest) && p->assigns <= g->assigns.length;
    if (computed && tg__assign_of(g, p->assigns - 1)->epoch == p->assign_epoch) {
        p->epoch = g->epoch;
        return true;
    }
    tg__fail_run(g, TG_HANDLE, 0, "%s: the program is stale: the tape was rewound below what it computes", who);
    return false;
}

void *tg__result(const tg_program *p, size_t i) {
    const uint32_t id = p->small.result[i];
    return p->compiled ? p->room[id] : (void *)(uintptr_t)tg__value_of(p->small.graph, id)->data;
}

static void copy(void *to, const void *from, size_t bytes) {
    if (bytes) memcpy(to, from, bytes);
}

/* Copies the results that the machine does not write: leaves, and after an interpretation all of them. */
static void keep(tg_program *p, bool all) {
    for (size_t i = 0; i < p->count; i++) {
        const uint32_t id = p->small.result[i];
        const struct tg__node *n = tg__node_of(p->small.graph, id);
        if (all || tg__is_leaf(n))
            copy(p->room[id], all ? tg__value_of(p->small.graph, id)->data : p->at[id], tg__bytes(n));
    }
}

tg_status tg__program_run(tg_program *p, const char *who) {
    tg_graph *g = p->graph;
    p->ran = p->due = false;
    tg__clear_run(g);
    if (g->error.status) return g->error.status;
    if (!tg__stands(p, who)) return g->error.status;
    if (!tg__values_ready(g) || !tg__feed(p)) return g->error.status;
    const bool done = p->compiled && tg__machine_run(p->machine, p->at) == 0;
    if (!done && tg__interpret(p)) return g->error.status;
    if (p->compiled) keep(p, !done);
    p->ran = p->due = true;
    return TG_OK;
}

tg_status tg_program_run(tg_program *p) { return p ? tg__program_run(p, "program_run") : TG_HANDLE; }

/* ------------------------------------------------------------------------------------------------------ reading */

const void *tg_program_value(const tg_program *p, tg_node output) {
    for (size_t i = 0; p && p->ran && i < p->outputs; i++) {
        const tg_node a = p->output[i];
        if (a.id == output.id && a.graph == output.graph && a.epoch == output.epoch) return tg__result(p, i);
    }
    return NULL;
}

const char *tg_program_note(const tg_program *p) { return p ? tg__machine_note(p->machine) : "no program"; }
const char *tg_program_source(const tg_program *p) { return p ? tg__machine_source(p->machine) : ""; }
tg_graph *tg_program_graph(const tg_program *p) { return p ? p->small.graph : NULL; }
tg_stats tg_program_stats(const tg_program *p) { return p ? p->stats : (tg_stats){0}; }
