/* Batch normalization as a program: what the optimizer leaves of the tape, what it costs to run, and that the numbers
 * are those of the tape.
 *
 *     13_compile [--source]    the C, too */
#include "tapegrad.h"

#include <math.h>
#include <string.h>

enum { N = 50, D = 3, OUTPUTS = 4 };

static tg_grads build(tg_graph *g) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape2(N, D)));
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(D)));
    TG_LET(beta, tg_param(g, TG_F64, tg_shape1(D)));
    TG_LET(dout, tg_input(g, TG_F64, tg_shape2(N, D)));
    tg_node share = tg_scalar(g, TG_F64, 1. / N), eps = tg_scalar(g, TG_F64, 1e-5);
    TG_LET(mu, tg_mul(tg_sum(x, tg_axis(0)), share));
    TG_LET(xmu, tg_sub(x, mu));
    TG_LET(sq, tg_square(xmu));
    TG_LET(var, tg_mul(tg_sum(sq, tg_axis(0)), share));
    TG_LET(sqrtvar, tg_sqrt(tg_add(var, eps)));
    TG_LET(ivar, tg_reciprocal(sqrtvar));
    TG_LET(xhat, tg_mul(xmu, ivar));
    TG_LET(gammax, tg_mul(gamma, xhat));
    TG_LET(out, tg_add(gammax, beta));
    return tg_backward(out, dout);
}

static bool fill(tg_graph *g) {
    static const char *const leaf[] = {"x", "gamma", "beta", "dout"};
    for (size_t i = 0; i < sizeof leaf / sizeof *leaf; i++)
        if (tg_fill_uniform(tg_find(g, leaf[i]), -1, 1, i + 1)) return false;
    return true;
}

static void print_traffic(const char *name, tg_traffic t, size_t nodes) {
    printf("%-12s  %5zu  %5zu  %6zu  %6.0f  %7.0f\n", name, nodes, t.nests, t.passes, t.read, t.written);
}

static void compare(const tg_program *p, tg_mode mode, tg_node a) {
    const double *ours = tg_program_value(p, a), *tape = tg_value(a);
    double most = 0;
    for (size_t i = 0; i < tg_size(a); i++) most = fmax(most, fabs(ours[i] - tape[i]));
    const bool same = mode == TG_EXACT ? memcmp(ours, tape, tg_size(a) * sizeof *ours) == 0 : most < 1e-12;
    printf("  %-6s  %s\n", tg_name(a), !same ? "differs" : mode == TG_EXACT ? "the same bits" : "to rounding");
}

static tg_program *compile(tg_graph *g, const tg_node *outputs, tg_mode mode, unsigned flags) {
    tg_program *p = tg_compile(g, outputs, OUTPUTS, (tg_compile_options){.mode = mode, .flags = flags});
    return p && tg_program_run(p) == TG_OK ? p : NULL;
}

static bool run(tg_graph *g, const tg_node *outputs, bool source) {
    /* The simplified tape: where the interpreter runs it, it has values, and can be looked at like any other. mu - mu
     * is on it, for it is NaN where mu is not finite: with TG_ASSUME_FINITE it goes. */
    const tg_program *small = compile(g, outputs, TG_FAST, TG_INTERPRET);
    const tg_program *finite = compile(g, outputs, TG_FAST, TG_INTERPRET | TG_ASSUME_FINITE);
    const tg_program *fast = compile(g, outputs, TG_FAST, 0), *exact = compile(g, outputs, TG_EXACT, 0);
    if (!small || !finite || !fast || !exact) return false;
    printf("What is left of the tape\n\n");
    tg_print(tg_program_graph(small), stdout);

    const tg_stats s = tg_program_stats(small);
    printf("\nWhat it moves, in bytes\n\n              nodes  nests  passes    read  written\n");
    print_traffic("the tape", s.staged, s.tape_nodes);
    print_traffic("simplified", s.fused, s.nodes);
    print_traffic("if finite", tg_program_stats(finite).fused, tg_program_stats(finite).nodes);
    if (!tg_program_stats(fast).compiled)
        fprintf(stderr, "not compiled, but interpreted: %s\n", tg_program_note(fast));
    else
        print_traffic("fused", tg_program_stats(fast).fused, s.nodes);

    printf("\nTG_EXACT beside the tape\n");
    for (int i = 0; i < OUTPUTS; i++) compare(exact, TG_EXACT, outputs[i]);
    printf("\nTG_FAST beside the tape\n");
    for (int i = 0; i < OUTPUTS; i++) compare(fast, TG_FAST, outputs[i]);
    if (source) printf("\n%s", tg_program_source(fast));
    return true;
}

int main(int argc, char **argv) {
    tg_graph *g = tg_graph_new();
    const tg_grads d = build(g);
    const tg_node outputs[OUTPUTS] = {tg_find(g, "out"), tg_grad(d, tg_find(g, "x")), tg_grad(d, tg_find(g, "gamma")),
                                      tg_grad(d, tg_find(g, "beta"))};
    const bool source = argc > 1 && strcmp(argv[1], "--source") == 0;
    const bool ok = fill(g) && !tg_run(g) && run(g, outputs, source);
    if (!ok) fprintf(stderr, "%s\n", tg_message(g));
    tg_graph_free(g); /* and its programs */
    return ok ? 0 : 1;
}
