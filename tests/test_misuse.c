/* Every function that makes nodes, given leaves of another dtype, shape or graph: the message begins with the name of the
 * function that the user called, and points at the user's line. What it is made of comes after that, and where in the
 * library it was noticed comes last. */
#include "api.h"

#include <criterion/criterion.h>

TestSuite(misuse, .timeout = 120);

/* ----------------------------------------------------------------------------------------- what a program is called */

/* A table row that makes nodes by other functions before its own, or has another name than it. */
static bool begins_as_called(const struct program *p, const char *message) {
    static const struct {
        const char *program, *also;
    } called[] = {{"batchnorm_running", "batchnorm: "},
                  {"batchnorm_test", "batchnorm: "},
                  {"norm_most", "norm: "},
                  {"mutate", "exp: "},
                  {"mutate", "sum: "},
                  {"mutate", "backward: "},
                  {"counter", "mul: "},
                  {"where", "gt: "},
                  {"std", "mul: "},
                  {"vjp", "exp: "},
                  {"jvp", "exp: "},
                  {"jacobian", "exp: "},
                  {"hvp", "square: "},
                  {"hessian", "square: "},
                  {"hvp", "exp: "},
                  {"apply", "twice: "},
                  {"custom", "square: "},
                  {"custom", "mul: "},
                  {"expand_axes", "expand: "},
                  {"matmul_t", "matmul: "},
                  {"slice_n", "slice: "},
                  {"sgd", "grad: "},
                  {"adam", "grad: "},
                  {"adamw", "grad: "},
                  {"clip_global_norm", "grad: "},
                  {"hessian", "exp: "},
                  {"sgd", "mul: "},
                  {"adam", "mul: "},
                  {"adamw", "mul: "},
                  {"clip_global_norm", "mul: "},
                  {"assign", "add: "},
                  {"assign", "mul: "},
                  {"fill", "mul: "},
                  {"fill", "fill_uniform: "},
                  {"hvp", "sum: "},
                  {"hessian", "sum: "}};
    const size_t n = strlen(p->name);
    if (strncmp(message, p->name, n) == 0 && strncmp(message + n, ": ", 2) == 0) return true;
    for (size_t i = 0; i < sizeof called / sizeof *called; i++)
        if (strcmp(called[i].program, p->name) == 0 && strncmp(message, called[i].also, strlen(called[i].also)) == 0)
            return true;
    return false;
}

/* ----------------------------------------------------------------------------------------------------- what is wrong */

enum { DTYPE, NARROW, SCALAR, DEEP, LONGER, FOREIGN, WAYS };

static tg_node wrong(tg_graph *g, tg_graph *other, tg_node right, int way) {
    tg_shape s = tg_dims(right);
    tg_dtype t = tg_dtype_of(right);
    if (way == DTYPE) t = t == TG_I32 ? TG_F64 : TG_I32;
    if (way == NARROW) t = TG_F32;
    if (way == SCALAR) s = tg_shape0();
    if (way == DEEP) s.dim[s.rank++] = 2;
    if (way == LONGER)
        for (int i = 0; i < s.rank; i++) s.dim[i] += 4;
    const bool param = tg_is_param(right);
    tg_graph *from = way == FOREIGN ? other : g;
    return tg_let(param ? tg_param(from, t, s) : tg_input(from, t, s), "wrong", "user.c", 8);
}

static int tried, refused;

static void try_program(const struct program *p, int slot, int way) {
    tg_graph *g = tg_graph_new(), *other = tg_graph_new();
    tg_node a[API_LEAVES] = {{0}};
    const int n = api_leaves(g, p->leaves, a);
    if (slot < n) {
        a[slot] = wrong(g, other, a[slot], way);
        tg_graph *where = a[0].graph;
        const tg_node z = tg_let(p->make(a), "z", "user.c", 9);
        tried++;
        if (tg_error(where)) {
            refused++;
            const char *message = tg_message(where), *line = strchr(message, '\n');
            cr_expect(tg_is_nil(z), "%s", p->name);
            cr_expect(begins_as_called(p, message), "%s(operand %d, way %d):\n%s", p->name, slot, way, message);
            cr_expect(line && strncmp(line, "\n  at user.c:9 in stage 'z'", 27) == 0, "%s(operand %d, way %d):\n%s",
                      p->name, slot, way, message);
        }
    }
    tg_graph_free(g);
    tg_graph_free(other);
}

Test(misuse, every_message_names_the_call) {
    for (size_t i = 0; i < PROGRAMS; i++)
        for (int slot = 0; slot < API_LEAVES; slot++)
            for (int way = 0; way < WAYS; way++) try_program(&programs[i], slot, way);
    cr_log_info("%d of %d are refused", refused, tried);
    cr_assert_gt(refused, 500);
}
