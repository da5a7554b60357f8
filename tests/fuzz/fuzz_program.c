/* Random tapes as compiled programs. Every program compiles; TG_EXACT has tg_run's bits; TG_FAST differs from them by
 * rounding only, and has a NaN where the tape has one; and two threads give the bits of one. Several tapes are made
 * into one program, for it is the compiler that takes the time. */
#include "bytes.h"
#include "network.h"
#include "nudge.h"
#include "random_tape.h"

#ifdef _OPENMP
#include <omp.h>
#else
#define omp_set_num_threads(n) ((void)(n))
#endif

enum { OUTPUTS = 256, WIDE = 1 << 18 };

struct trial {
    tg_graph *g;
    tg_node out[OUTPUTS];
    size_t outs;
    tg_compile_options how;
    tg_program *program;
    uint64_t state;
};

/* A finding ends the process, but with TAPEGRAD_FUZZ_ON in the environment it is only told, for a list of them. */
#define judge(truth, ...)                                                                                              \
    do {                                                                                                               \
        if (!(truth) && getenv("TAPEGRAD_FUZZ_ON"))                                                                    \
            fprintf(stderr, "finding: " __VA_ARGS__), fputc('\n', stderr);                                             \
        else                                                                                                           \
            require(truth, __VA_ARGS__);                                                                               \
    } while (0)

/* ------------------------------------------------------------------------------------------------------ the tapes */

static void give_rest(tg_graph *g, uint64_t *state, double low, double high) {
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const tg_node a = tg_node_at(g, id);
        if (!tg__is_leaf(tg__get(a)) || tg_value(a)) continue;
        double *v = random_array(state, tg_size(a), low, high);
        int32_t *label = calloc(tg_size(a) + 1, sizeof *label);
        for (size_t i = 0; i < tg_size(a); i++) label[i] = (int32_t)random_below(state, 2);
        require((tg_dtype_of(a) == TG_I32 ? tg_set(a, label) : set_doubles(a, v)) == TG_OK, "%s", tg_message(g));
        free(v);
        free(label);
    }
}

static void build_networks(struct trial *t, struct bytes *in, bool wide) {
    for (size_t k = wide ? 1 : 1 + choose(in, 4); k > 0; k--) {
        tg_scope_open(t->g, NULL);
        t->outs += build_network(t->g, in, wide, t->out + t->outs, OUTPUTS - t->outs);
        tg_scope_close(t->g);
    }
}

static void build_tapes(struct trial *t, struct bytes *in, bool wide) {
    const size_t tapes = wide ? 1 : 1 + choose(in, 5), share = in->left / tapes;
    uint64_t state = t->state;
    for (size_t k = 0; k < tapes; k++) {
        char scope[16];
        snprintf(scope, sizeof scope, "tape%zu", k);
        tg_scope_open(t->g, scope);
        struct tape tape = {.g = t->g, .state = (state += k) | 1, .choice = in->at + k * share, .choices = share};
        tape.longest = wide ? 700 : 3 + state % 3 * 20;
        tape.largest = wide ? 2 * WIDE : 2000;
        build_on(tape);
        tg_scope_close(t->g);
    }
    require(tg_error(t->g) == TG_OK || tg_error(t->g) == TG_VALUE, "%s", tg_message(t->g));
}

/* What has a value and is read by nothing else, as what a user asks for: with few outputs fusion does most. Or others
 * too, each of which has to be kept. */
static void choose_outputs(struct trial *t, size_t kind) {
    uint64_t state = t->state;
    char *read = calloc(tg_count(t->g) + 1, 1);
    for (uint32_t id = tg_count(t->g); id > 0 && t->outs < OUTPUTS; id--) {
        const tg_node a = tg_node_at(t->g, id);
        const struct tg__node *n = tg__get(a);
        const bool whim = random_below(&state, kind % 2 ? 1 : 3) == 0, wanted = kind < 6 ? !read[id] : whim;
        for (int i = 0; i < n->operands; i++) read[n->in[i]] = 1;
        if (!tg__is_leaf(n) && tg_value(a) && tg_size(a) && wanted && (whim || kind % 2)) t->out[t->outs++] = a;
    }
    free(read);
}

/* ---------------------------------------------------------------------------------------------------- the verdicts */

static double item_of(const struct trial *t, size_t k, size_t i) {
    return tg__load(tg_dtype_of(t->out[k]), tg_program_value(t->program, t->out[k]), i);
}

static bool same_item(double a, double b) { return isnan(a) ? isnan(b) : a == b && !signbit(a) == !signbit(b); }

static void judge_exact(const struct trial *t) {
    for (size_t k = 0; k < t->outs; k++)
        for (size_t i = 0; i < tg_size(t->out[k]); i++) {
            const double ours = item_of(t, k, i), tape = tg_item(t->out[k], i);
            judge(same_item(ours, tape), "EXACT: #%u '%s' (%s)[%zu] is %.17g, on the tape %.17g", t->out[k].id,
                  tg_name(t->out[k]), tg_op_of(t->out[k]), i, ours, tape);
            if (!same_item(ours, tape)) break;
        }
}

/* One byte for each node: nothing that it is made from is so large or small, or so little a number, that the order of
 * operations decides about infinity or 0. */
static char *tame_nodes(tg_graph *g) {
    char *tame = calloc(tg_count(g) + 1, 1);
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        const struct tg__node *n = tg__node_of(g, id);
        tame[id] = tg_value(tg_node_at(g, id)) != NULL;
        for (int i = 0; i < n->operands; i++) tame[id] &= tame[n->in[i]];
        for (size_t i = 0; tame[id] && i < n->shape->count; i++) {
            const double v = fabs(tg_item(tg_node_at(g, id), i));
            tame[id] = v == 0 || (v > 1e-10 && v < 1e10);
        }
    }
    return tame;
}

static void judge_nans(const struct trial *t, size_t k) {
    for (size_t i = 0; i < tg_size(t->out[k]); i++)
        if (isnan(tg_item(t->out[k], i)) && !isnan(item_of(t, k, i))) {
            judge(false, "FAST: #%u '%s' (%s)[%zu] is %.17g, NaN on the tape", t->out[k].id, tg_name(t->out[k]),
                  tg_op_of(t->out[k]), i, item_of(t, k, i));
            return;
        }
}

static void judge_fast(const struct trial *t) {
    double *floor[OUTPUTS];
    for (size_t k = 0; k < t->outs; k++) floor[k] = calloc(columns_of(t->out[k]), sizeof *floor[k]);
    const bool measured = measure_floors(t->g, t->out, t->outs, floor);
    char *tame = tame_nodes(t->g);
    for (size_t k = 0; k < t->outs; k++) {
        const tg_node a = t->out[k];
        const tg_array ours = {"program", tg_dtype_of(a), tg_dims(a), tg_program_value(t->program, a)};
        const double tolerance = tg_dtype_of(a) == TG_F32 ? 1e-5 : 1e-13;
        tg_difference d = {0};
        if (measured && tame[a.id]) {
            for (size_t j = 0; j < columns_of(a); j++) floor[k][j] *= 8;
            require(tg_compare(a, ours, tolerance, floor[k], &d) == TG_OK, "%s", tg_message(t->g));
            judge(!d.parts, "FAST: #%u '%s' (%s)[%zu] is %.17g, on the tape %.17g: off by %.2g of %.3g, floor %.2g",
                  a.id, tg_name(a), tg_op_of(a), d.index, d.theirs, d.ours, d.error, d.scale,
                  floor[k][d.index % columns_of(a)]);
        }
        if (!(t->how.flags & TG_ASSUME_FINITE)) judge_nans(t, k);
        free(floor[k]);
    }
    free(tame);
}

static void judge_threads(const struct trial *t) {
    void *one[OUTPUTS];
    for (size_t k = 0; k < t->outs; k++) {
        const size_t bytes = tg__bytes(tg__get(t->out[k]));
        one[k] = malloc(bytes);
        memcpy(one[k], tg_program_value(t->program, t->out[k]), bytes);
    }
    omp_set_num_threads(2);
    require(tg_program_run(t->program) == TG_OK, "%s", tg_message(t->g));
    for (size_t k = 0; k < t->outs; k++) {
        const bool same = memcmp(one[k], tg_program_value(t->program, t->out[k]), tg__bytes(tg__get(t->out[k]))) == 0;
        judge(same, "two threads: #%u '%s' (%s) has other bits", t->out[k].id, tg_name(t->out[k]), tg_op_of(t->out[k]));
        free(one[k]);
    }
    omp_set_num_threads(1);
}

static void judge_program(const struct trial *t) {
    const tg_status status = tg_program_run(t->program);
    judge(status == TG_OK, "the outputs run on the tape, but not as a program: %s", tg_message(t->g));
    if (status != TG_OK) return;
    if (t->how.mode == TG_EXACT)
        judge_exact(t);
    else
        judge_fast(t);
    judge_threads(t);
}

/* ---------------------------------------------------------------------------------------------------------- a trial */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct bytes in = {bytes, count};
    struct trial t = {.g = tg_graph_new()};
    setenv("TAPEGRAD_CACHE", "", 0); /* the programs are not kept */
    omp_set_num_threads(1);
    const size_t kind = choose(&in, 64), wanted = choose(&in, 8);
    const bool wide = kind >= 60, network = kind % 4 < 2;
    t.state = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++) t.state = (t.state ^ bytes[i]) * UINT64_C(0x100000001b3);
    t.how.mode = kind % 2 ? TG_EXACT : TG_FAST;
    t.how.flags = kind % 16 == 2 ? TG_ASSUME_FINITE : 0;
    if (network)
        build_networks(&t, &in, wide);
    else
        build_tapes(&t, &in, wide);
    t.state |= 1;
    give_rest(t.g, &t.state, network ? -1.5 : 0.25, 2);
    const tg_status status = tg_run(t.g);
    require(status == TG_OK || status == TG_VALUE, "%s", tg_message(t.g));
    if (!network || status != TG_OK) t.outs = 0;
    if (!network) choose_outputs(&t, wanted);
    if (t.outs) {
        t.program = tg_compile(t.g, t.out, t.outs, t.how);
        require(t.program != NULL, "%s", tg_message(t.g));
        const char *note = tg_program_note(t.program);
        judge(!*note || strstr(note, "TAPEGRAD_JIT=0"), "it was not compiled: %s", note);
        judge_program(&t);
    }
    tg_graph_free(t.g);
    return 0;
}

size_t fuzz_example(uint64_t seed, uint8_t *bytes) { return random_choices(seed, bytes, 300, 2000); }
