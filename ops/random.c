/* Random numbers: a leaf that is not set but drawn. What is drawn is a function of seed, counter and place alone, so
 * that a run can be replayed, and threads take any part of it. */
#include "kernel.h"
#include "ops.h"
#include "philox.h"

/* Numbers in a block of four words: words are cut in two for f32. */
enum { OF_F64 = TG__PHILOX_WORDS, OF_F32 = 2 * TG__PHILOX_WORDS };

static bool uniform_shape(struct tg__rule *r) {
    const struct tg__node *counter = r->from[0];
    char name[80], shape[200];
    if (counter->dtype == TG_F64 && counter->shape->dims.rank == 0) return true; /* the rest was given */
    tg__fail(r->graph, counter->dtype == TG_F64 ? TG_SHAPE : TG_DTYPE, r->op, r->in, 1,
             "counter %s is %s %s; it must be an f64 scalar, as tg_counter gives",
             tg__quote(r->graph, r->in[0].id, name, sizeof name), tg__dtype_name((tg_dtype)counter->dtype),
             tg__shape_text(&counter->shape->dims, shape, sizeof shape));
    return false;
}

/* NumPy counts on before it computes a block: its first is number 1. */
static void fill(const struct tg__call *c, uint64_t counter, size_t block) {
    const uint64_t at[4] = {block + 1, counter, 0, 0};
    const size_t count = c->node->shape->count;
    uint64_t word[4];
    tg__philox(at, (uint64_t)c->node->attr->number, 0, word);
    if (c->node->dtype == TG_F64) {
        double *z = c->out;
        for (size_t i = 0, k = block * OF_F64; i < OF_F64 && k < count; i++, k++)
            z[k] = (double)(word[i] >> 11) * 0x1p-53;
    } else {
        float *z = c->out;
        for (size_t i = 0, k = block * OF_F32; i < OF_F32 && k < count; i++, k++)
            z[k] = (float)((uint32_t)(word[i / 2] >> 32 * (i % 2)) >> 8) * 0x1p-24f;
    }
}

static tg_status uniform_run(struct tg__call *c) {
    const double counter = *(const double *)c->in[0];
    const size_t of = c->node->dtype == TG_F64 ? OF_F64 : OF_F32, blocks = c->node->shape->count / of + 1;
    char name[80];
    if (!(counter >= 0 && counter <= 0x1p53) || (double)(uint64_t)counter != counter)
        return tg__fail_run(c->graph, TG_VALUE, c->id, "counter %s is %.17g, which is no whole number from 0 to 2^53",
                            tg__quote(c->graph, c->node->in[0], name, sizeof name), counter);
#pragma omp parallel for schedule(static) if (c->node->shape->count >= TG__PARALLEL)
    for (size_t block = 0; block < blocks; block++) fill(c, (uint64_t)counter, block);
    return TG_OK;
}

/* ---------------------------------------------------------------------------------------------------------- as C */

static const char philox_text[] =
    "/* Philox 4x64-10 (Salmon et al. 2011): four words of 64 bits from a counter and a key. */\n"
    "static unsigned long long high_product$(unsigned long long a, unsigned long long b) {\n"
    "    const unsigned long long low32 = 0xffffffffULL, al = a & low32, ah = a >> 32, bl = b & low32, bh = b >> 32;\n"
    "    const unsigned long long one = ah * bl + (al * bl >> 32), other = al * bh + (one & low32);\n"
    "    return ah * bh + (one >> 32) + (other >> 32);\n"
    "}\n"
    "\n"
    "static void philox$(unsigned long long *c, unsigned long long key) {\n"
    "    const unsigned long long m0 = 0xD2E7470EE14C6C93ULL, m1 = 0xCA5A826395121157ULL;\n"
    "    unsigned long long other = 0;\n"
    "    for (int round = 0; round < 10; round++) {\n"
    "        const unsigned long long h0 = high_product$(m0, c[0]), h1 = high_product$(m1, c[2]);\n"
    "        const unsigned long long l0 = m0 * c[0], l1 = m1 * c[2];\n"
    "        c[0] = h1 ^ c[1] ^ key;\n"
    "        c[1] = l1;\n"
    "        c[2] = h0 ^ c[3] ^ other;\n"
    "        c[3] = l0;\n"
    "        key += 0x9E3779B97F4A7C15ULL;\n"
    "        other += 0xBB67AE8584CAA73BULL;\n"
    "    }\n"
    "}\n";

static const char uniform_text[] =
    "/* Uniform in [0, 1): what numpy.random.Generator(Philox(key=[seed, 0], counter=[0, counter, 0, 0])) draws. */\n"
    "static int uniform$(T *z, const double *counter, long long seed, long long count) {\n"
    "    const int halves = sizeof(T) == 4;\n"
    "    const long long in_block = halves ? 8 : 4;\n"
    "    unsigned long long c[4] = {0};\n"
    "    if (!(*counter >= 0 && *counter <= 9007199254740992.0)) return 1;\n"
    "    if ((double)(unsigned long long)*counter != *counter) return 1;\n"
    "    for (long long i = 0; i < count; i++) {\n"
    "        const long long at = i % in_block;\n"
    "        if (at == 0) {\n"
    "            c[0] = (unsigned long long)(i / in_block) + 1;\n"
    "            c[1] = (unsigned long long)*counter;\n"
    "            c[2] = c[3] = 0;\n"
    "            philox$(c, (unsigned long long)seed);\n"
    "        }\n"
    "        if (halves)\n"
    "            z[i] = (T)((c[at / 2] >> (at % 2 ? 32 : 0) & 0xffffffffULL) >> 8) / 16777216;\n"
    "        else\n"
    "            z[i] = (T)(c[at] >> 11) / 9007199254740992;\n"
    "    }\n"
    "    return 0;\n"
    "}\n";

static void uniform_emit(struct tg__emit *e) {
    static const struct tg__helper philox = {"philox", philox_text}, uniform = {"uniform", uniform_text};
    tg__emit_call(e, &uniform, 2, (const int64_t[]){e->node->attr->number, (int64_t)e->node->shape->count});
    e->helper[0] = &philox;
    e->helper[1] = &uniform;
    e->checks = true;
}

/* ----------------------------------------------------------------------------------------------------- the operator */

const struct tg_op tg__op_uniform = {
    .name = "uniform",
    .formula = "z = uniform(x, number, shape)",
    .gradient = "none",
    .symbol = "U",
    .numpy = "np.random.Generator(np.random.Philox(key=[number, 0], counter=[0, int(x), 0, 0])).random(shape, dtype)",
    .tex = "\\mathrm{uniform}_{shape}\\left(x, number\\right)",
    .operands = 1,
    .drawn = true,
    .shape = uniform_shape,
    .run = uniform_run,
    .emit = uniform_emit,
    .nature = TG__LINEAR | TG__GIVES_NOT_NEGATIVE,
    .low = 0,
    .high = 1};

tg_node tg_uniform(tg_node counter, uint64_t seed, tg_dtype dtype, tg_shape shape) {
    tg_graph *g = counter.graph;
    if (!tg__get(counter)) return tg__apply(&tg__op_uniform, &counter, NULL);
    if (dtype != TG_F32 && dtype != TG_F64)
        return tg__fail(g, TG_DTYPE, &tg__op_uniform, &counter, 1, "dtype %s is neither f32 nor f64",
                        tg__dtype_name(dtype));
    if (seed > INT64_MAX)
        return tg__fail(g, TG_ARGUMENT, &tg__op_uniform, &counter, 1, "seed %llu is beyond 2^63 - 1",
                        (unsigned long long)seed);
    const struct tg__shape *dims = tg__shape_of(g, &shape, tg__op_uniform.name);
    const struct tg__attr *attr = tg__intern(g, &(struct tg__attr){.number = (int64_t)seed}, sizeof *attr);
    return dims && attr ? tg__apply_shaped(&tg__op_uniform, &counter, attr, dims, dtype) : tg_nil(g);
}

tg_node tg_counter(tg_graph *g) {
    const tg_node c = tg_state(g, TG_F64, tg_shape0(), 0);
    return tg_is_nil(tg_assign(c, tg_add(c, tg_scalar(g, TG_F64, 1)))) ? tg_nil(g) : c;
}
