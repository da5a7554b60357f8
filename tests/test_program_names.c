/* Names that would be something to a C compiler: words of the language and of its headers, what the written C calls its
 * own, and text that breaks out of a comment or a string and leaves a canary. A program that has them is compiled, and
 * right. */
#include "programs.h"

#include <unistd.h>

TestSuite(program_names, .init = setup, .fini = teardown, .timeout = 60);

#define CANARY "__attribute__((constructor)) void f(void) { char *s = 0; *s = 1; }"

static const char *const names[] = {"*/ " CANARY,
                                    "\"; " CANARY,
                                    "\n" CANARY,
                                    "a\\",
                                    "?\?/",
                                    "\n#include </etc/passwd>",
                                    "//",
                                    "/*",
                                    "%s%n",
                                    "\xff\xfe",
                                    "\x1b[31m",
                                    "\"",
                                    "'",
                                    "x[0]; system(\"true\");",
                                    "$(touch canary)",
                                    "`touch canary`",
                                    "I",
                                    "complex",
                                    "int",
                                    "void",
                                    "static",
                                    "unix",
                                    "linux",
                                    "NULL",
                                    "FLT_MAX",
                                    "INT32_MAX",
                                    "FP_FAST_FMA",
                                    "FP_FAST_FMAF",
                                    "HUGE_VAL",
                                    "assert",
                                    "memcpy",
                                    "memset",
                                    "sqrt",
                                    "hypot",
                                    "fdim",
                                    "size_t",
                                    "wchar_t",
                                    "uintptr_t",
                                    "stdin",
                                    "main",
                                    "select",
                                    "INLINE",
                                    "SIMD",
                                    "UNROLL",
                                    "PARALLEL",
                                    "STREAM",
                                    "STREAMED",
                                    "AROUND",
                                    "stream",
                                    "stream_f32",
                                    "f32_vector",
                                    "loop_t",
                                    "loop",
                                    "dtype",
                                    "T",
                                    "ps",
                                    "pd",
                                    "to",
                                    "from",
                                    "at",
                                    "work",
                                    "scratch",
                                    "call",
                                    "self",
                                    "row",
                                    "rows",
                                    "top",
                                    "top_1",
                                    "fold",
                                    "total",
                                    "unit",
                                    "units",
                                    "bits",
                                    "fill",
                                    "i",
                                    "j",
                                    "k",
                                    "n",
                                    "i_2",
                                    "i_e",
                                    "x",
                                    "x_e",
                                    "x_2",
                                    "x_e_2",
                                    "x_t",
                                    "x_s",
                                    "xb",
                                    "x_p",
                                    "x_r",
                                    "x_o",
                                    "tapegrad",
                                    "tapegrad_1",
                                    "tapegrad_rows_1",
                                    "tapegrad_forward",
                                    "tapegrad_BLOCK_1",
                                    "add",
                                    "mul",
                                    "sum",
                                    "exp"};

enum { NAMES = sizeof names / sizeof *names, COLUMNS = 7 };

static tg_node nameless(int rows) {
    const tg_node a = tg_param(g, TG_F32, tg_shape2(rows, COLUMNS));
    draw(a);
    return a;
}

/* Every name is a leaf, an element, a block of the library's, a sum, in one of the turns. */
static tg_node named(int i, int turn, tg_node a) {
    const int rows = 20 + turn, axis = i / 4 % 2;
    const tg_node wide = nameless(rows);
    switch ((i + turn) % 4) {
    case 0: return tg_add(a, tg_let(wide, names[i], names[i], i + 1));
    case 1: return tg_let(tg_mul(a, wide), names[i], names[i], i + 1);
    case 2: return tg_let(tg_tanh(tg_sub(a, wide)), names[i], names[i], i + 1);
    }
    const tg_node sum = tg_let(tg_sum(tg_mul(a, wide), tg_axis(axis)), names[i], names[i], i + 1);
    return tg_sub(a, axis ? tg_reshape(sum, tg_shape2(rows, 1)) : sum);
}

static void all_names(int turn, tg_mode mode) {
    tg_node a = nameless(20 + turn);
    for (int i = 0; i < NAMES; i++) a = named(i, turn, a);
    cr_assert_eq(tg_error(g), TG_OK, "%s", tg_message(g));
    const tg_node outputs[] = {a, tg_sum(a, tg_axes_all())};
    tg_program *p = compile(outputs, 2, mode, 0);
    run(p);
    cr_assert_eq(tg_run(g), TG_OK, "%s", tg_message(g));
    for (int i = 0; i < 2 && mode == TG_EXACT; i++) same_bits(p, outputs[i]);
}

Test(program_names, as_leaves_elements_blocks_and_sums) {
    for (int turn = 0; turn < 4; turn++) {
        teardown();
        setup();
        all_names(turn, turn == 3 ? TG_FAST : TG_EXACT);
    }
    cr_assert_eq(access("canary", F_OK), -1);
}
