/* Calls that give leaves values, run the tape, and make and run programs. */
#ifndef TESTS_FUZZ_CALLS_RUN_H
#define TESTS_FUZZ_CALLS_RUN_H

#include "session.h"

/* Numbers to be lent or copied: most are ordinary. */
static inline const void *lent(tg_node leaf) {
    static double wide[LENT];
    static float narrow[LENT];
    static int32_t whole[LENT];
    for (int i = 0; i < LENT && narrow[LENT - 1] == 0; i++) {
        wide[i] = 0.25 + (i * 37 % 101) / 101.0;
        if (i % 41 == 40) wide[i] = i % 82 == 40 ? (double)NAN : -1e30;
        narrow[i] = (float)wide[i];
        whole[i] = i % 3;
    }
    if (tg_size(leaf) > LENT) return NULL;
    return tg_dtype_of(leaf) == TG_F64 ? (void *)wide : tg_dtype_of(leaf) == TG_F32 ? (void *)narrow : (void *)whole;
}

/* A call that reports by its status also does so by the graph. */
static inline bool went_well(const struct session *s, tg_status status) {
    const bool told = tg_error(s->g) != TG_OK || tg_error(s->other) != TG_OK || (s->nowhere && status == TG_HANDLE);
    require(status == TG_OK || told, "a failure %d without a message", (int)status);
    return status == TG_OK;
}

static inline void give_value(struct session *s, tg_node leaf) {
    const double a = any_number(s), b = any_number(s);
    switch (choose(&s->in, 8)) {
    case 0: went_well(s, tg_bind(leaf, lent(leaf))); break;
    case 1: went_well(s, tg_fill(leaf, a)); break;
    case 2: went_well(s, tg_fill_uniform(leaf, a, b, 7)); break;
    case 3: went_well(s, tg_fill_normal(leaf, a, b, 7)); break;
    default: went_well(s, tg_set(leaf, lent(leaf))); break;
    }
}

static inline void call_set(struct session *s) {
    if (choose(&s->in, 4) == 0) {
        give_value(s, any_node(s));
        return;
    }
    for (uint32_t id = 1; id <= tg_count(s->g); id++) { /* every leaf that has none */
        const tg_node a = tg_node_at(s->g, id);
        const bool leaf = strcmp(tg_op_of(a), "input") == 0 || strcmp(tg_op_of(a), "param") == 0;
        if (leaf && !tg_value(a)) went_well(s, tg_set(a, lent(a)));
    }
}

static inline void call_run(struct session *s) {
    if (choose(&s->in, 3) == 0)
        went_well(s, tg_run_to(any_node(s)));
    else if (went_well(s, tg_run(s->g)) && choose(&s->in, 2))
        went_well(s, tg_commit(s->g));
}

static inline void call_step(struct session *s) {
    for (size_t i = choose(&s->in, 16); i > 0; i--) {
        const tg_node next = tg_next(s->g);
        if (!went_well(s, tg_step(s->g))) return;
        require(tg_is_nil(next) || tg_value(next) || tg_size(next) == 0, "#%u was stepped over", next.id);
    }
    if (choose(&s->in, 4) == 0) went_well(s, tg_commit(s->g));
}

/* -------------------------------------------------------------------------------------------------------- programs */

static inline void call_program(struct session *s) {
    tg_program **held = &s->program[choose(&s->in, HELD)];
    tg_node out[4], given[3];
    for (int i = 0; i < 4; i++) out[i] = any_node(s);
    for (int i = 0; i < 3; i++) given[i] = any_node(s);
    const size_t kind = choose(&s->in, 32);
    tg_compile_options o = {.mode = (tg_mode)(kind == 31 ? 5 : kind % 2), .flags = TG_INTERPRET};
    o.flags |= (unsigned)choose(&s->in, 32) == 31 ? 64 : (unsigned)choose(&s->in, 4);
    o.given = given;
    o.givens = kind % 3 == 0 ? choose(&s->in, 4) : 0;
    tg_program_free(*held);
    *held = tg_compile(s->g, out, choose(&s->in, 4), o);
    require(*held || tg_error(s->g) != TG_OK, "no program without a reason");
}

/* What may be asked of a program, a stale one too. */
static inline void call_held(struct session *s) {
    tg_program *p = s->program[choose(&s->in, HELD)];
    const tg_node a = any_node(s);
    if (!p) return;
    if (choose(&s->in, 3) == 0) went_well(s, tg_program_give(p, a, lent(a)));
    if (choose(&s->in, 3) == 0) went_well(s, tg_program_step(p));
    const bool ran = went_well(s, tg_program_run(p));
    require(ran || !tg_program_value(p, a), "a program that failed has a value");
    require(tg_program_source(p) && tg_program_note(p), "a program without text");
    (void)tg_program_stats(p);
    tg_graph *small = tg_program_graph(p);
    for (uint32_t id = 1; id <= tg_count(small); id++) (void)tg_item(tg_node_at(small, id), 0);
    if (choose(&s->in, 4)) return;
    tg_program_free(p);
    for (size_t i = 0; i < HELD; i++)
        if (s->program[i] == p) s->program[i] = NULL;
}

static inline bool same_item(double a, double b) { return isnan(a) ? isnan(b) : a == b && !signbit(a) == !signbit(b); }

/* A program in TG_EXACT has the bits that the tape has. */
static inline void call_exact(struct session *s) {
    const tg_node a = any_node(s);
    if (a.graph != s->g || !went_well(s, tg_run_to(a)) || tg_size(a) == 0) return;
    tg_program *p = tg_compile(s->g, &a, 1, (tg_compile_options){.mode = TG_EXACT, .flags = TG_INTERPRET});
    const bool ran = p && went_well(s, tg_program_run(p));
    const bool hungry = tg_error(s->g) == TG_MEMORY;
    require(ran || hungry, "#%u (%s) runs on the tape, but not as a program: %s", a.id, tg_op_of(a), tg_message(s->g));
    for (size_t i = 0; ran && i < tg_size(a); i++) {
        const void *ours = tg_program_value(p, a);
        const double x = tg_dtype_of(a) == TG_F64   ? ((const double *)ours)[i]
                         : tg_dtype_of(a) == TG_F32 ? (double)((const float *)ours)[i]
                                                    : ((const int32_t *)ours)[i];
        require(same_item(x, tg_item(a, i)), "#%u (%s)[%zu] is %.17g as a program, %.17g on the tape", a.id,
                tg_op_of(a), i, x, tg_item(a, i));
    }
    tg_program_free(p);
}

/* The next allocations fail, one of them or all from one on; fuzz_api.c feeds it again after the next call. */
static inline void call_hunger(struct session *s) {
    s->heap.fail_at = s->heap.calls + 1 + choose(&s->in, 32);
    s->heap.onward = choose(&s->in, 2);
}

#endif
