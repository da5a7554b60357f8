/* Formulas word for word: parentheses, attributes, names that look like words, and what is cut. */
#include "support.h"

#include <criterion/criterion.h>

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(formula_text, .init = setup, .fini = teardown, .timeout = 60);

static tg_node square(void) { return tg_input(g, TG_F64, tg_shape2(2, 2)); }

static void reads(tg_node a, const char *want) {
    char text[300];
    cr_expect_eq(tg_formula(a, text, sizeof text), strlen(want));
    cr_expect_str_eq(text, want);
}

Test(formula_text, parentheses) {
    TG_LET(x, square());
    TG_LET(y, square());
    TG_LET(z, square());
    const tg_node none = tg_scalar(g, TG_F64, -2), third = tg_scalar(g, TG_F64, 1.0 / 3);
    reads(tg_sub(x, tg_sub(y, z)), "x - (y - z)");
    reads(tg_sub(tg_sub(x, y), z), "x - y - z");
    reads(tg_mul(tg_add(x, y), z), "(x + y)*z");
    reads(tg_div(x, tg_mul(y, z)), "x/(y*z)");
    reads(tg_div(x, tg_div(y, z)), "x/(y/z)");
    reads(tg_neg(tg_add(x, y)), "-(x + y)");
    reads(tg_neg(tg_neg(x)), "-(-x)");
    reads(tg_neg(tg_mul(x, y)), "-x*y");
    reads(tg_transpose(tg_matmul(x, y), tg_axes_all()), "transpose(x @ y, 1, 0)");
    reads(tg_matmul(x, tg_matmul(y, z)), "x @ (y @ z)");
    reads(tg_matmul(tg_mul(x, y), z), "x*y @ z");
    reads(tg_mul(x, tg_matmul(y, z)), "x*(y @ z)");
    reads(tg_mul(tg_matmul(x, y), z), "(x @ y)*z");
    reads(tg_sub(x, tg_matmul(y, z)), "x - y @ z");
    reads(tg_sub(x, tg_identity(tg_add(y, z))), "x - (y + z)");
    reads(tg_neg(tg_identity(tg_identity(none))), "-(-2)");
    reads(tg_sub(x, none), "x - (-2)");
    reads(tg_div(x, third), "x/(1/3)");
    reads(tg_mul(x, third), "x*1/3");
    reads(tg_mul(x, tg_scalar(g, TG_F64, -0.0)), "x*(-0)");
    TG_LET(label, tg_input(g, TG_I32, tg_shape1(2)));
    reads(tg_gather(tg_add(x, y), label), "(x + y)[label]");
}

Test(formula_text, attributes) {
    TG_LET(x, tg_input(g, TG_F64, tg_shape3(2, 1, 3)));
    TG_LET(s, tg_input(g, TG_F64, tg_shape0()));
    TG_LET(label, tg_input(g, TG_I32, tg_shape2(2, 1)));
    TG_LET(none, tg_input(g, TG_F32, tg_shape2(0, 3)));
    reads(tg_sum(x, tg_axes_all()), "sum(x, axis=(0, 1, 2))");
    reads(tg_sum(x, tg_keep(tg_axis(-1))), "sum(x, axis=2, keepdims=True)");
    reads(tg_max(x, tg_axes2(2, 0)), "max(x, axis=(0, 2))");
    TG_LET(bias, tg_input(g, TG_F64, tg_shape2(4, 1)));
    TG_LET(seed, tg_input(g, TG_F64, tg_shape3(2, 4, 3)));
    reads(tg_grad(tg_backward(tg_add(x, bias), seed), bias), "reshape(sum(seed, axis=(0, 2)), [4, 1])");
    reads(tg_sum(s, tg_axes_all()), "sum(s, axis=())");
    reads(tg_argmax(x, tg_keep(tg_axis(-1))), "argmax(x, axis=2, keepdims=True)");
    reads(tg_argmin(x, tg_axes_all()), "argmin(x)");
    reads(tg_cumsum(x, -3, false), "cumsum(x, axis=0)");
    reads(tg_cumsum(x, 2, true), "cumsum(x, axis=2, reverse=True)");
    reads(tg_transpose(x, tg_axes3(2, 0, 1)), "transpose(x, 2, 0, 1)");
    reads(tg_transpose(s, tg_axes_all()), "transpose(s, ())");
    reads(tg_reshape(x, tg_shape2(-1, 2)), "reshape(x, [3, 2])");
    reads(tg_expand(none, tg_shape3(5, 0, 3)), "expand(none, [5, 0, 3])");
    reads(tg_cast(label, TG_F32), "cast(label, f32)");
    reads(tg_gather(x, label), "x[label]");
    reads(tg_scatter(s, tg_scalar(g, TG_I32, 2), 7), "scatter(s, 2, 7)");
    reads(tg_eq(s, s), "(s == s)");
    reads(x, "input");
    reads(tg_param(g, TG_F64, tg_shape0()), "param");
    reads(tg_const(g, TG_F64, tg_shape1(2), (double[]){1, 2}), "const");
    reads(tg_scalar(g, TG_F32, 0.1), "0.1");
    reads(tg_nil(g), "");
    reads((tg_node){0}, "");
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
}

/* Names that are words of formulas stand for themselves. */
Test(formula_text, names_like_words) {
    TG_LET(axes, square());
    TG_LET(x, square());
    TG_LET(sum, square());
    tg_node y = tg_let(square(), "y", NULL, 0);
    reads(tg_sub(y, x), "y - x");
    reads(tg_where(sum, y, axes), "where(sum, y, axes)");
    reads(tg_sum(tg_mul(axes, sum), tg_axis(0)), "sum(axes*sum, axis=0)");
    reads(tg_mul(tg_let(tg_exp(x), "shape", NULL, 0), tg_let(tg_exp(y), "number", NULL, 0)), "shape*number");
}

/* -------------------------------------------------------------------------------------------------- long and short */

/* In every room: what fits, ending in front of a character, and the same length. */
Test(formula_text, cut_to_any_room) {
    tg_node a = tg_let(square(), "größe…\xf0\x9d\x84\x9e", NULL, 0);
    tg_node z = tg_mul(tg_sub(a, a), tg_square(a));
    char whole[200], text[200];
    const size_t length = tg_formula(z, whole, sizeof whole);
    cr_assert_eq(tg_formula(z, NULL, 0), length);
    for (size_t room = 1; room < length + 3; room++) {
        memset(text, 'z', sizeof text);
        cr_assert_eq(tg_formula(z, text, room), length);
        const size_t n = strlen(text);
        cr_assert_lt(n, room);
        cr_assert_eq(text[room], 'z', "room %zu is overrun", room);
        cr_assert(memcmp(text, whole, n) == 0);
        cr_assert_neq((unsigned char)whole[n] & 0xc0, 0x80, "room %zu cuts a character", room);
        cr_assert(n == length || n + 4 >= room);
    }
}

Test(formula_text, depth_and_length_are_bounded) {
    TG_LET(x, square());
    tg_node z = x;
    for (int i = 0; i < 10; i++) z = tg_exp(z);
    reads(z, "exp(exp(exp(exp(exp(exp(#5))))))");
    for (int i = 0; i < 2000; i++) z = tg_where(z, z, z);
    cr_assert_lt(tg_formula(z, NULL, 0), 20000);

    char *name = malloc(1 << 20);
    memset(name, 'n', 1 << 20);
    name[(1 << 20) - 1] = 0;
    tg_node hostile = tg_let(tg_exp(x), name, NULL, 0);
    cr_assert_lt(tg_formula(tg_mul(hostile, hostile), NULL, 0), 300);
    free(name);
}
