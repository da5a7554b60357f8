/* Reductions as C. The order of a sum is graph/reduce.h's, here one term at a time. */
#include "emit.h"
#include "ops.h"
#include "reduce.h"

static const struct tg__helper add = {
    "add", "/* Sums are taken in pairs, pairs in pairs, like the digits of a binary counter: digit k is a sum of 2^k terms. */\n"
           "static void add$(T *sum, size_t term, T x) {\n"
           "    for (; term & 1; term >>= 1) x += *sum++;\n"
           "    *sum = x;\n"
           "}\n\n"
           "static T total$(const T *sum, size_t terms) {\n"
           "    while (!(terms & 1)) terms >>= 1, sum++;\n"
           "    T x = *sum;\n"
           "    while (terms >>= 1)\n"
           "        if (sum++, terms & 1) x += *sum;\n"
           "    return x;\n"
           "}\n"};

static const struct tg__helper add_lane = {
    "add_lane", "/* Along the last axis terms are dealt into 16 lanes, each summed in pairs; in the end the lanes fold. */\n"
                "static void add_lane$(T (*sum)[16], size_t term, T x) {\n"
                "    const size_t lane = term % 16;\n"
                "    for (term /= 16; term & 1; term >>= 1) x += (*sum++)[lane];\n"
                "    (*sum)[lane] = x;\n"
                "}\n\n"
                "static T total_lanes$(T (*sum)[16], size_t terms) {\n"
                "    T lane[16] = {0};\n"
                "    for (; terms % 16; terms++) add_lane$(sum, terms, 0);\n"
                "    size_t rows = terms / 16;\n"
                "    for (; !(rows & 1); rows >>= 1) sum++;\n"
                "    for (int l = 0; l < 16; l++) lane[l] = (*sum)[l];\n"
                "    while (rows >>= 1) {\n"
                "        sum++;\n"
                "        for (int l = 0; rows & 1 && l < 16; l++) lane[l] += (*sum)[l];\n"
                "    }\n"
                "    for (int half = 8; half > 0; half /= 2)\n"
                "        for (int l = 0; l < half; l++) lane[l] += lane[l + half];\n"
                "    return lane[0];\n"
                "}\n"};

static const struct tg__helper larger = {
    "larger", "static T larger$(T most, T x) { return x > most || x != x ? x : most; } /* a NaN stays */\n"};

/* The loops go over the operand, i over its first axis; those that stay are the result's. */
static bool loops_of(struct tg__emit *e) {
    const tg_shape *x = &e->in[0]->shape->dims;
    bool innermost_reduced = false;
    e->loops = x->rank;
    for (int i = 0, own = 0; i < x->rank; i++) {
        const int fate = e->node->attr->axis[i];
        e->extent[i] = x->dim[i];
        tg__loop_along(e, e->at[0], i, i);
        if (fate == TG__STAYS) tg__loop_along(e, e->out, own, i);
        if (fate == TG__KEPT) e->out[own] = TG__FIRST;
        if (fate != TG__STAYS) e->terms *= x->dim[i];
        own += fate != TG__DROPPED;
        if (x->dim[i] != 1) innermost_reduced = fate != TG__STAYS;
    }
    return innermost_reduced;
}

static int64_t digits(int64_t n) {
    int64_t count = 0;
    for (; n > 0; n /= 2) count++;
    return count;
}

void tg__emit_sum(struct tg__emit *e) {
    const bool lanes = loops_of(e);
    e->helper[0] = lanes ? &add_lane : &add;
    e->digits = digits(lanes ? (e->terms + TG__SUM_LANES - 1) / TG__SUM_LANES : e->terms);
    e->begin = lanes ? "T sum[digits][16] = {{0}};" : "T sum[digits] = {0};";
    e->step = lanes ? "add_lane$(sum, term, a);" : "add$(sum, term, a);";
    e->code = lanes ? "total_lanes$(sum, terms)" : "total$(sum, terms)";
}

void tg__emit_max(struct tg__emit *e) {
    loops_of(e);
    e->helper[0] = &larger;
    e->begin = "T most = -INFINITY;";
    e->step = "most = larger$(most, a);";
    e->code = "most";
}
