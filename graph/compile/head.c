/* What the files of the jit begin with; several programs may stand in one. */
#include "source.h"

const char tg__includes[] =
    "#include <stddef.h>\n"
    "#include <stdint.h>\n"
    "#include <string.h>\n"
    "#include <tgmath.h>\n"
    "#undef I\n"
    "\n";

const char tg__macros[] =
    "#if defined(__clang__)\n"
    "#define INLINE_ static inline __attribute__((always_inline))\n"
    "#define NEST_ static __attribute__((noinline)) /* its arrays are on the stack only while it runs */\n"
    "#define SIMD_ _Pragma(\"clang loop vectorize(assume_safety)\")\n"
    "#define UNROLL_ _Pragma(\"clang loop unroll(full)\")\n"
    "#define UNROLL_16_ UNROLL_\n"
    "#elif defined(__GNUC__)\n"
    "#define INLINE_ static inline __attribute__((always_inline))\n"
    "#define NEST_ static __attribute__((noinline)) /* its arrays are on the stack only while it runs */\n"
    "#define SIMD_ _Pragma(\"GCC ivdep\")\n"
    "#define UNROLL_ _Pragma(\"GCC unroll 4\")\n"
    "#define UNROLL_16_ _Pragma(\"GCC unroll 16\")\n"
    "#else\n"
    "#define INLINE_ static inline\n"
    "#define NEST_ static\n"
    "#define SIMD_\n"
    "#define UNROLL_\n"
    "#define UNROLL_16_\n"
    "#endif\n"
    "#ifdef _OPENMP\n"
    "#define PARALLEL_ _Pragma(\"omp parallel for schedule(static)\")\n"
    "#define PARALLEL_SIMD_ _Pragma(\"omp parallel for simd schedule(static)\")\n"
    "#else\n"
    "#define PARALLEL_\n"
    "#define PARALLEL_SIMD_ SIMD_\n"
    "#endif\n";

/* Rounded once where the processor does that as fast as an addition. */
const char tg__multiply_add[] =
    "#ifndef MULTIPLY_ADD_f32_\n"
    "#if defined(__FP_FAST_FMAF) || defined(__FMA__)\n"
    "#define MULTIPLY_ADD_f32_(x, y, z) fmaf(x, y, z)\n"
    "#else\n"
    "#define MULTIPLY_ADD_f32_(x, y, z) ((x) * (y) + (z))\n"
    "#endif\n"
    "#if defined(__FP_FAST_FMA) || defined(__FMA__)\n"
    "#define MULTIPLY_ADD_f64_(x, y, z) (fma)(x, y, z)\n"
    "#else\n"
    "#define MULTIPLY_ADD_f64_(x, y, z) ((x) * (y) + (z))\n"
    "#endif\n"
    "#endif\n";

static const char around[] =
    "#if defined(__AVX__) && defined(__GNUC__)\n"
    "typedef float f32_vector_ __attribute__((vector_size(32), aligned(4), may_alias));\n"
    "typedef double f64_vector_ __attribute__((vector_size(32), aligned(8), may_alias));\n"
    "#if defined(__clang__)\n"
    "#define AROUND_(to, from, pd) __builtin_nontemporal_store(from, (__typeof__(from) *)(to))\n"
    "#else\n"
    "#define AROUND_(to, from, pd) __builtin_ia32_movnt##pd##256(to, from)\n"
    "#endif\n"
    "#define STREAMED_ __builtin_ia32_sfence();\n"
    "#define STREAM_(T, dtype, pd) \\\n"
    "    INLINE_ void stream_##dtype##_(T *to, const T *from, size_t n) { \\\n"
    "        size_t i = 0; \\\n"
    "        for (; i < n && (uintptr_t)(to + i) % 32; i++) to[i] = from[i]; \\\n"
    "        for (; i + 32 / sizeof(T) <= n; i += 32 / sizeof(T)) \\\n"
    "            AROUND_(to + i, *(const dtype##_vector_ *)(from + i), pd); \\\n"
    "        for (; i < n; i++) to[i] = from[i]; \\\n"
    "    }\n"
    "#else\n"
    "#define STREAMED_\n"
    "#define STREAM_(T, dtype, pd) \\\n"
    "    INLINE_ void stream_##dtype##_(T *to, const T *from, size_t n) { memcpy(to, from, n * sizeof *to); }\n"
    "#endif\n"
    "STREAM_(float, f32, ps)\n"
    "STREAM_(double, f64, pd)\n";

/* Without the hint, the compiler takes code after many calls for code that hardly ever runs, and leaves it scalar. */
static const char unlikely[] = "#if defined(__GNUC__)\n"
                               "#define UNLIKELY_(fails) __builtin_expect((fails), 0)\n"
                               "#else\n"
                               "#define UNLIKELY_(fails) (fails)\n"
                               "#endif\n";

static const char loop[] =
    "typedef void loop_t_(void *out, const void *const *in, const size_t *step, size_t count);\n"
    "#endif\n"
    "\n";

void tg__put_jit_head(struct tg__source *s) {
    tg__put(s->sheet, "#ifndef INLINE_\n");
    tg__put(s->sheet, tg__includes);
    tg__put(s->sheet, tg__macros);
    tg__put(s->sheet, tg__multiply_add);
    tg__put(s->sheet, around);
    tg__put(s->sheet, unlikely);
    tg__put(s->sheet, loop);
}
