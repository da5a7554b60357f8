/* Running sums along an axis, from either end: each direction is the other's vjp. */
#include "along.h"
#include "kernel.h"
#include "ops.h"

/* Rows of `inner` elements, each the sum of the one before it and its own of x. */
#define RUNNING(T)                                                                                                     \
    TG__HOT static void running_##T(T *z, const T *x, size_t length, size_t inner, bool reverse) {                     \
        size_t row = reverse ? (length - 1) * inner : 0;                                                               \
        T sum = x[row];                                                                                                \
        memcpy(z + row, x + row, inner * sizeof *z);                                                                   \
        for (size_t k = 1; k < length && inner == 1; k++) { /* in a register */                                        \
            row = reverse ? row - 1 : row + 1;                                                                         \
            z[row] = sum += x[row];                                                                                    \
        }                                                                                                              \
        for (size_t k = 1; k < length && inner > 1; k++) {                                                             \
            const T *before = z + row;                                                                                 \
            row = reverse ? row - inner : row + inner;                                                                 \
            for (size_t j = 0; j < inner; j++) z[row + j] = before[j] + x[row + j];                                    \
        }                                                                                                              \
    }
RUNNING(float)
RUNNING(double)

static bool from_the_end(const struct tg__node *n) { return n->attr->step[0] < 0; }

static tg_status cumsum_run(struct tg__call *c) {
    if (c->node->shape->count == 0) return TG_OK;
    const struct tg__along a = tg__along(&c->shape[0]->dims, c->node->attr->number);
    const bool f64 = c->node->dtype == TG_F64, reverse = from_the_end(c->node);
#pragma omp parallel for schedule(static) if (c->node->shape->count >= TG__PARALLEL)
    for (size_t i = 0; i < a.outer; i++) {
        const size_t at = i * a.length * a.inner;
        if (f64)
            running_double((double *)c->out + at, (const double *)c->in[0] + at, a.length, a.inner, reverse);
        else
            running_float((float *)c->out + at, (const float *)c->in[0] + at, a.length, a.inner, reverse);
    }
    return TG_OK;
}

static const char text[] =
    "/* Running sums along the middle of x [outer, length, inner], from its end if reverse is 1. */\n"
    "static void cumsum$(T *z, const T *x, size_t outer, size_t length, size_t inner, int reverse) {\n"
    "    for (size_t i = 0; i < outer * length * inner; i++) {\n"
    "        const size_t k = i / inner % length, row = reverse ? length - 1 - k : k;\n"
    "        const size_t at = i + row * inner - k * inner, before = reverse ? at + inner : at - inner;\n"
    "        z[at] = k ? z[before] + x[at] : x[at];\n"
    "    }\n"
    "}\n";
static const struct tg__helper helper = {"cumsum", text};

static void cumsum_emit(struct tg__emit *e) {
    const struct tg__along a = tg__along(&e->node->shape->dims, e->node->attr->number);
    tg__emit_call(e, &helper, 4,
                  (int64_t[]){(int64_t)a.outer, (int64_t)a.length, (int64_t)a.inner, from_the_end(e->node)});
}

static tg_node cumsum_vjp(tg_node z, tg_node g, int slot) {
    (void)slot;
    const struct tg__node *n = tg__node_of(z.graph, z.id);
    return tg_cumsum(g, (int)n->attr->number, !from_the_end(n));
}

static int form(const struct tg__node *n) { return from_the_end(n); }

const struct tg_op tg__op_cumsum = {
    .name = "cumsum",
    .formula = "z = cumsum(x, axis=number); z = cumsum(x, axis=number, reverse=True)",
    .gradient = "cumsum of g from the end; cumsum of g",
    .symbol = "cumsum",
    .numpy = "np.cumsum(x, number); "
             "np.flip(np.cumsum(np.flip(x, number), number), number)",
    .tex = "\\mathrm{cumsum}_{\\mathrm{axis}\\,number}\\left(x\\right); "
           "\\mathrm{cumsum}_{\\mathrm{axis}\\,number\\,\\mathrm{reversed}}\\left(x\\right)",
    .tex_back = "\\mathrm{cumsum}\\left(g\\right)",
    .operands = 1,
    .form = form,
    .shape = tg__rule_unary,
    .run = cumsum_run,
    .emit = cumsum_emit,
    .vjp = cumsum_vjp,
    .magnitude = &tg__op_cumsum,
    .nature = TG__MOVES | TG__LINEAR | TG__LIKE,
    .low = -2,
    .high = 2};

tg_node tg_cumsum(tg_node x, int axis, bool reverse) {
    const struct tg__node *n = tg__get(x);
    if (!n) return tg__apply(&tg__op_cumsum, &x, NULL);
    struct tg__attr attr = {.step = {reverse ? -1 : 1}};
    if (!tg__axis(x.graph, &tg__op_cumsum, x, n->shape->dims.rank, axis, &attr.number)) return tg_nil(x.graph);
    const struct tg__attr *kept = tg__intern(x.graph, &attr, sizeof attr);
    return kept ? tg__apply(&tg__op_cumsum, &x, kept) : tg_nil(x.graph);
}
