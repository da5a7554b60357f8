/* Reductions as C. The order of a sum is graph/reduce.h's, here one term at a time. */
#include "kernel.h"
#include "ops.h"
#include "reduce.h"

static const char add_text[] =
    "/* Sums in pairs, the pairs in pairs, like a binary counter: where digit k of the number of terms is 1, sum[k] "
    "is\n"
    " * the sum of 2^k of them. More exact than one after the other, and the one order that tapegrad has. */\n"
    "static void add$(T *sum, ptrdiff_t term, T x) {\n"
    "    int k = 0;\n"
    "    for (; term >> k & 1; k++) x += sum[k];\n"
    "    sum[k] = x;\n"
    "}\n"
    "\n"
    "static T total$(const T *sum, ptrdiff_t terms) {\n"
    "    int k = 0;\n"
    "    while (!(terms >> k & 1)) k++;\n"
    "    T x = sum[k];\n"
    "    while (terms >> ++k)\n"
    "        if (terms >> k & 1) x += sum[k];\n"
    "    return x;\n"
    "}\n";

static const char lanes_text[] = "/* Along the last axis the terms are dealt into 16 such sums, the last round is "
                                 "filled up with 0, and they fold. */\n"
                                 "static void add_lane$(T *sum, ptrdiff_t digits, ptrdiff_t term, T x) {\n"
                                 "    add$(sum + term % 16 * digits, term / 16, x);\n"
                                 "}\n"
                                 "\n"
                                 "static T total_lanes$(T *sum, ptrdiff_t digits, ptrdiff_t terms) {\n"
                                 "    T lane[16];\n"
                                 "    for (; terms % 16; terms++) add_lane$(sum, digits, terms, 0);\n"
                                 "    for (int i = 0; i < 16; i++) lane[i] = total$(sum + i * digits, terms / 16);\n"
                                 "    for (int half = 8; half > 0; half /= 2)\n"
                                 "        for (int i = 0; i < half; i++) lane[i] += lane[i + half];\n"
                                 "    return lane[0];\n"
                                 "}\n";

static const char larger_text[] = "/* A NaN stays. */\n"
                                  "static T larger$(T most, T x) { return x > most || x != x ? x : most; }\n";

static const char smaller_text[] = "/* A NaN stays. */\n"
                                   "static T smaller$(T least, T x) { return x < least || x != x ? x : least; }\n";

static const struct tg__helper add = {"add", add_text}, lanes = {"add_lane", lanes_text},
                               larger = {"larger", larger_text}, smaller = {"smaller", smaller_text};

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
    const bool innermost = loops_of(e);
    e->helper[0] = &add;
    if (innermost) e->helper[1] = &lanes;
    e->digits = digits(innermost ? (e->terms + TG__SUM_LANES - 1) / TG__SUM_LANES : e->terms);
    e->begin = innermost ? "T sum[16 * digits] = {0};" : "T sum[digits] = {0};";
    e->step = innermost ? "add_lane$(sum, digits, term, a);" : "add$(sum, term, a);";
    e->code = innermost ? "total_lanes$(sum, digits, terms)" : "total$(sum, terms)";
    e->combine = "a + b";
    e->neutral = "0";
}

void tg__emit_max(struct tg__emit *e) {
    loops_of(e);
    e->helper[0] = &larger;
    e->math = true;
    e->begin = "T most = -INFINITY;";
    e->step = "most = larger$(most, a);";
    e->code = "most";
    e->combine = "b > a || b != b ? b : a";
    e->neutral = "-INFINITY";
    e->first = true;
}

void tg__emit_min(struct tg__emit *e) {
    loops_of(e);
    e->helper[0] = &smaller;
    e->math = true;
    e->begin = "T least = INFINITY;";
    e->step = "least = smaller$(least, a);";
    e->code = "least";
    e->combine = "b < a || b != b ? b : a";
    e->neutral = "INFINITY";
    e->first = true;
}
