/* TG_LET as C99 and as C++11: `tests/let` compiles this with every compiler that is installed, and runs it. The exit
 * status says which expectation failed, 0 for none. */
#include <tapegrad.h>

#include <string.h>

#define EXPECT(condition)                                                                                              \
    if (!(condition)) return __LINE__ % 100

static tg_node number(tg_graph *g, double v) { return tg_scalar(g, TG_F64, v); }

/* Layers in a loop: the h of an inner block is made from the h around it. */
static int inner_blocks(tg_graph *g) {
    static const char *const scope[] = {"one", "two"};
    TG_LET(h, tg_input(g, TG_F64, tg_shape1(3)));
    for (int i = 0; i < 2; i++) {
        tg_scope_open(g, scope[i]);
        TG_LET(h, tg_exp(h));
        EXPECT(tg_operand(h, 0).id == 1 && strcmp(tg_op_of(h), "exp") == 0);
        tg_scope_close(g);
    }
    EXPECT(tg_error(g) == TG_OK && tg_count(g) == 3 && h.id == 1);
    return 0;
}

static int scopes(tg_graph *g) {
    TG_LET(h, tg_input(g, TG_F64, tg_shape1(3)));
    tg_scope_open(g, "a");
    {
        TG_LET(h, tg_exp(h));
        tg_scope_open(g, "b");
        {
            TG_LET(h, tg_mul(h, h));
            EXPECT(strcmp(tg_op_of(tg_operand(h, 0)), "exp") == 0 && strcmp(tg_name(h), "a/b/h") == 0);
        }
        tg_scope_close(g);
        EXPECT(strcmp(tg_name(h), "a/h") == 0);
    }
    tg_scope_close(g);
    EXPECT(tg_error(g) == TG_OK && tg_count(g) == 3 && h.id == 1);
    return 0;
}

/* Several in one scope, also with names that begin alike, in the head of a loop, and of values that no TG_LET made. */
static int one_scope(tg_graph *g) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(x_, tg_exp(x));
    TG_LET(x__, tg_add(x_, x));
    const TG_LET(y, tg_add(x__, tg_add(x, number(g, 2))));
    TG_LET(unused, tg_neg(y));
    int rounds = 0;
    for (TG_LET(z, tg_mul(y, y)); rounds < 1; rounds++) EXPECT(tg_operand(z, 1).id == y.id);
    if (rounds == 1) {
        TG_LET(last, tg_find(g, "z"));
        EXPECT(strcmp(tg_alias(last, 1), "last") == 0);
    }
    EXPECT(tg_error(g) == TG_OK && strcmp(tg_name(x__), "x__") == 0 && tg_stage(y) == 3);
    return 0;
}

int main(void) {
    int (*const test[])(tg_graph *) = {inner_blocks, scopes, one_scope};
    for (int i = 0; i < 3; i++) {
        tg_graph *g = tg_graph_new();
        const int failed = test[i](g);
        if (failed) printf("let.c: part %d, line %d of its hundred: %s\n", i + 1, failed, tg_message(g));
        tg_graph_free(g);
        if (failed) return 1;
    }
    return 0;
}
