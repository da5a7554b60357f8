/* What the three writers of C write compiles, without a warning where a user would see it: for every function that makes
 * nodes, with constants among its operands, in shapes that broadcast, of both types, forward and backward. Here nothing
 * is run, so a compiler need not do more than read; numbers are compared by other tests. */
#include "variants.h"

#define state drawing /* both have one */
#include "compiled.h"
#undef state
#include "exact.h"
#include "folder.h"
#include "random_chain.h"
#include "row_tapes.h"

TestSuite(compiles, .timeout = 3000);

enum { BATCH = 400 };

static const char loose[] = "-std=c11 -w -fsyntax-only";
static const char strict[] = "-std=c99 -pedantic -Wall -Wextra -Wconversion -Werror -fsyntax-only";

/* Those that are tried in the short run: with shapes as they are, all; of the others, and of the second type, some. */
static bool is_tried(struct variant v) {
    if (strcmp(programs[v.program].name, "apply") == 0) return false; /* a row of one's own says nothing of C */
    if (is_long()) return v.constant_seed || v.pattern == 0;
    static unsigned turn;
    return v.pattern == 0 && v.dtype == TG_F64 && v.constant_seed ? true : turn++ % (SANITIZED ? 37 : 17) == 0;
}

struct batch {
    int written;
    const char *flags;
};

static void open_batch(struct batch *b) {
    folder_new(directory, "read");
    b->written = 0;
}

static void close_batch(struct batch *b) {
    char command[400];
    const char *const compilers[] = {"cc", "clang"};
    for (int i = 0; i < (is_long() && has_other() ? 2 : 1); i++) {
        snprintf(command, sizeof command, "%s %s %s/all*.c", compilers[i], b->flags, directory);
        cr_expect_eq(system(command), 0, "%s", command);
    }
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

static void next_in_batch(struct batch *b) {
    if (b->written == BATCH) {
        close_batch(b);
        open_batch(b);
    }
    b->written++;
}

/* One of the files that the compiler reads. In what it complains of it names the tape. */
static FILE *open_all(const char *key, const char *what) {
    char name[40];
    snprintf(name, sizeof name, "all_%s.c", key);
    FILE *file = fopen(path_in(name), "a");
    cr_assert_not_null(file);
    fprintf(file, "#line 1 \"%s\"\n", what);
    return file;
}

/* A header that a file forgets must not come by way of another, so only those with equal headers are read together. */
static void add_file(const char *name, const char *what) {
    char line[400], key[20] = "";
    static const char *const headers[] = {"stddef", "stdint", "string", "math", "tgmath"};
    FILE *file = fopen(path_in(name), "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file))
        for (int i = 0; strncmp(line, "#include <", 10) == 0 && i < 5; i++)
            if (strncmp(line + 10, headers[i], strlen(headers[i])) == 0) strncat(key, (char[]){(char)('0' + i), 0}, 1);
    fclose(file);
    strcat(key, name[strlen(name) - 1] == 'h' ? "h" : "c");
    file = open_all(key, what);
    fprintf(file, "#include \"%s\"\n", name);
    cr_assert_eq(fclose(file), 0);
}

/* ------------------------------------------------------------------------------------------------------ the writers */

struct subject { /* a tape, and what is wanted of it; out: where a sweep begins, id 0: nowhere */
    tg_graph *graph;
    const tg_node *outputs;
    size_t count;
    tg_grads grads;
    tg_node out;
    const char *what;
};

static void write_jit(struct batch *b, const struct subject *t, tg_mode mode) {
    next_in_batch(b);
    uint32_t wanted[32];
    char name[16];
    struct tg__small small;
    struct tg__fused fused;
    struct tg__code code = {.slots = 0};
    for (size_t i = 0; i < t->count; i++) wanted[i] = t->outputs[i].id;
    const struct tg__goal goal = {.graph = t->graph, .wanted = wanted, .count = t->count, .mode = mode};
    cr_assert(tg__simplify(&goal, &small), "%s: %s", t->what, tg_message(t->graph));
    cr_assert(tg__fuse(&fused, small.graph, small.graph->nodes.length, small.result, small.count, mode));
    cr_assert_not_null(code.slot = calloc(small.graph->nodes.length, sizeof *code.slot));
    FILE *file = open_all("jit", t->what);
    struct tg__sheet sheet = {.put = to_file, .to = file};
    const struct tg__point point = tg__point_open();
    snprintf(name, sizeof name, "p%d", b->written);
    cr_assert(tg__source(&sheet, &fused, name, &code), "%s", t->what);
    cr_expect_not(code.stray, "%s: %s", t->what, tg__stray);
    tg__point_close(point);
    cr_assert_eq(fclose(file), 0);
    tg__fused_free(&fused);
    tg__small_free(&small, t->graph);
    free(code.slot);
}

static void write_ahead(struct batch *b, const struct subject *t, tg_mode mode) {
    next_in_batch(b);
    char name[32], path[40];
    const unsigned flags = TG_INTERPRET | (t->graph->assigns.length > 1 ? (unsigned)TG_WITH_ASSIGNS : 0);
    tg_program *p = tg_compile(t->graph, t->outputs, t->count, (tg_compile_options){.mode = mode, .flags = flags});
    cr_assert_not_null(p, "%s: %s", t->what, tg_message(t->graph));
    snprintf(name, sizeof name, "f%d", b->written);
    cr_assert_eq(tg_write_c(p, name, directory), TG_OK, "%s: %s", t->what, tg_message(t->graph));
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s.%c", name, "hc"[i]);
        add_file(path, t->what);
    }
    tg_program_free(p);
}

static void write_staged(struct batch *b, const struct subject *t) {
    if (!t->out.id) return; /* without a sweep there is nothing to stage */
    next_in_batch(b);
    char name[32], path[40];
    snprintf(name, sizeof name, "s%d", b->written);
    snprintf(path, sizeof path, "%s.c", name);
    cr_assert_eq(tg_write_c_staged(t->grads, t->out, name, path_in(path)), TG_OK, "%s: %s", t->what,
                 tg_message(t->graph));
    add_file(path, t->what);
}

static void both_jit(struct batch *b, const struct subject *t) {
    write_jit(b, t, TG_EXACT);
    if (is_turn(3)) write_jit(b, t, TG_FAST);
}

/* Two files each, and the strictest compiler: the short run has half of them, in one mode. */
static void both_ahead(struct batch *b, const struct subject *t) {
    static unsigned turn;
    turn++;
    if (is_long() || turn % 4 == 0) write_ahead(b, t, TG_EXACT);
    if (is_long() || turn % 4 == 2) write_ahead(b, t, TG_FAST);
}

typedef void writer(struct batch *b, const struct subject *t);

/* ------------------------------------------------------------------------------------------------- the constructors */

static void each_variant(struct batch *b, writer *write) {
    uint64_t numbers = 99;
    int written = 0;
    struct variant v = {0};
    open_batch(b);
    do {
        if (!is_tried(v)) continue;
        struct varied m = variant_make(v, &numbers);
        if (!m.graph) continue;
        const tg_node swept = m.count > 1 ? m.out : tg_nil(m.graph);
        struct subject t = {m.graph, m.outputs, m.count, m.grads, swept, variant_text(v)};
        write(b, &t);
        tg_graph_free(m.graph);
        written++;
    } while (variant_next(&v));
    close_batch(b);
    cr_assert_gt(written, 500);
}

Test(compiles, machine_code) { each_variant(&(struct batch){.flags = loose}, both_jit); }
Test(compiles, ahead_of_time) { each_variant(&(struct batch){.flags = strict}, both_ahead); }
Test(compiles, staged) { each_variant(&(struct batch){.flags = strict}, write_staged); }

/* ---------------------------------------------------------------------------------------------------- structured rows
 * With attributes that are not finite, without elements, of one element. */

static void write_row(struct batch *b, tg_node z, const char *what, writer *write) {
    tg_graph *g = z.graph;
    const tg_dtype t = tg_dtype_of(z) == TG_F32 ? TG_F32 : TG_F64;
    const tg_node weight = tg_input(g, t, tg_dims(z));
    const tg_node loss = tg_sum(tg_mul(tg_dtype_of(z) == TG_I32 ? tg_cast(z, t) : z, weight), tg_keep(tg_axes_all()));
    const tg_grads d = tg_backward(loss, tg_dims(loss).rank ? tg_input(g, t, tg_dims(loss)) : tg_nil(g));
    tg_node out[32];
    size_t n = 0;
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", what, tg_message(g));
    out[n++] = z;
    for (uint32_t id = 1; id < loss.id && n < 32; id++)
        if (tg_has_grad(d, tg_node_at(g, id))) out[n++] = tg_grad(d, tg_node_at(g, id));
    write(b, &(struct subject){g, out, n, d, loss, what});
    tg_graph_free(g);
}

static void each_row(struct batch *b, writer *write) {
    open_batch(b);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        for
            EACH_DTYPE(t) write_row(b, made[i].make(tg_graph_new(), t), made[i].op, write);
    close_batch(b);
}

Test(compiles, rows_as_machine_code) { each_row(&(struct batch){.flags = loose}, both_jit); }
Test(compiles, rows_ahead_of_time) { each_row(&(struct batch){.flags = strict}, both_ahead); }
Test(compiles, rows_staged) { each_row(&(struct batch){.flags = strict}, write_staged); }

/* ---------------------------------------------------------------------------------------------------- random chains */

enum { PART = 100 };

static void check_chains(uint64_t first) {
    static char what[PART][24];
    begin();
    for (uint64_t seed = first; seed < first + PART; seed++) {
        struct chain c = chain_build(seed);
        snprintf(what[seed - first], sizeof *what, "chain %d", (int)seed);
        add_case(c.g, c.out, c.outs, TG_EXACT, what[seed - first]);
    }
    check_all();
}

static void each_chain(struct batch *b, uint64_t first, uint64_t last, writer *write) {
    open_batch(b);
    for (uint64_t seed = first; seed < last; seed++) {
        char what[24];
        struct chain c = chain_build(seed);
        snprintf(what, sizeof what, "chain %d", (int)seed);
        write(b, &(struct subject){c.g, c.out, c.outs, c.grads, c.swept, what});
        tg_graph_free(c.g);
    }
    close_batch(b);
}

Test(compiles, chains_as_machine_code) {
    each_chain(&(struct batch){.flags = loose}, 5000, is_long() ? 12000 : SANITIZED ? 5100 : 5300, both_jit);
}
/* The short run has those in which a loop's variable was declared that nothing reads. */
Test(compiles, chains_ahead_of_time) {
    static const uint64_t brief[][2] = {{6390, 6420}, {6600, 6620}, {6920, 7000}}, whole[][2] = {{6000, 8000}};
    const uint64_t (*part)[2] = is_long() ? whole : brief;
    for (size_t i = 0; i < (is_long() ? 1 : 3); i++)
        each_chain(&(struct batch){.flags = strict}, part[i][0], part[i][1], both_ahead);
}
Test(compiles, chains_staged) {
    each_chain(&(struct batch){.flags = strict}, 7000, is_long() ? 9000 : 7100, write_staged);
}

Test(compiles, random_chains_with_the_bits_of_the_tape) {
    for (uint64_t first = 1; first < (is_long() ? 1000 : SANITIZED ? 100 : 200); first += PART) check_chains(first);
}

/* ------------------------------------------------------------------------------------------- what did not, each once */

static void add_one(tg_graph *g, const tg_node *out, size_t n, const char *what) {
    cr_assert_eq(tg_error(g), TG_OK, "%s: %s", what, tg_message(g));
    add_case(g, out, n, TG_EXACT, what);
}

/* The loss of a segmentation: scores [N, C, H, W], labels [N, H, W]; summed, or left as picked. */
static void add_picked(int64_t high, int64_t wide, bool constant, bool summed) {
    tg_graph *g = tg_graph_new();
    const tg_node x = tg_input(g, TG_F64, tg_shape4(2, 3, high, wide));
    const tg_shape s = tg_shape3(2, high, wide);
    int32_t *label = calloc((size_t)(2 * high * wide), sizeof *label);
    for (int64_t i = 0; i < 2 * high * wide; i++) label[i] = (int32_t)(i * 7 % 3);
    const tg_node labels = constant ? tg_const(g, TG_I32, s, label) : tg_input(g, TG_I32, s);
    if (!constant) cr_assert_eq(tg_set(labels, label), TG_OK);
    free(label);
    const tg_node picked = tg_gather(tg_transpose(x, tg_axes_n(4, (int[]){0, 2, 3, 1})), labels);
    const tg_node each[] = {picked, tg_sum(picked, tg_axis(2)), tg_max(picked, tg_axis(2)), tg_tanh(picked)};
    const tg_node all = tg_sum(picked, tg_axes_all());
    if (summed)
        add_one(g, &all, 1, "a label that picks from a turned array, summed");
    else
        add_one(g, each, 4, "a label that picks from a turned array");
}

Test(compiles, a_label_that_picks_from_a_turned_array) {
    static const int64_t size[][2] = {{1, 2}, {3, 5}, {4, 300}, {300, 3}};
    begin();
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) add_picked(size[i][0], size[i][1], k & 1, k & 2);
    check_all();
}

/* Nothing is read along the axis, but its elements have places. */
Test(compiles, sums_of_one_number_along_both_axes) {
    static const int64_t size[][2] = {{3, 5}, {1, 4}, {300, 2}, {2, 300}};
    begin();
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) {
            tg_graph *g = tg_graph_new();
            const tg_shape s = tg_shape2(size[i][0], size[i][1]);
            const tg_node x = tg_input(g, TG_F64, s), number = tg_input(g, TG_F64, tg_shape0());
            const tg_node one = tg_expand(k & 1 ? number : tg_scalar(g, TG_F64, 1), s);
            const tg_node y = k & 2 ? tg_exp(one) : one;
            const tg_node out[] = {tg_sum(y, tg_axis(0)), tg_sum(y, tg_axis(1)), tg_sum(x, tg_axis(1)),
                                   tg_sum(y, tg_axes_all())};
            add_one(g, out, 2 + (size_t)(k % 3), "sums of one number along both axes");
        }
    check_all();
}

/* ------------------------------------------------------------------------------------------------------- the guard */

/* A term is read before it is declared, which no writer does: the source is marked, and nobody compiles it. */
Test(compiles, what_is_read_without_a_declaration_is_noticed) {
    begin();
    tg_graph *g = tg_graph_new();
    const tg_node x = tg_input(g, TG_F64, tg_shape1(5)), y = tg_neg(tg_square(x));
    struct compiled *c = add_case(g, &y, 1, TG_EXACT, "a term");
    const size_t nodes = c->small.graph->nodes.length;
    struct tg__part names = {.graph = c->small.graph, .last = (uint32_t)nodes - 1, .bytes = nodes};
    struct tg__written text = {.graph = c->small.graph};
    struct tg__sheet sheet = tg__sheet_written(&text);
    struct tg__source s = {.sheet = &sheet, .f = &c->fused, .names = &names, .name = "p", .block = 1};
    cr_assert_not_null(names.role = tg__alloc(names.graph, nodes));
    memset(names.role, TG__FORWARD, nodes);
    names.role[0] = TG__ABSENT;
    cr_assert(tg__idents_new(&names, "p") && tg__open_nest(&s, 0));
    const int root = tg__anchor_of(s.f, s.nest->newest)->root;
    tg__declare_term(&s, root, 1);
    tg__put_term(&s, root);
    cr_expect_not(s.stray);
    tg__forget(&s, 1);
    tg__put_term(&s, root);
    cr_expect(s.stray);
    tg__body_close(&s);
    tg__written_free(&text);
    tg__idents_free(&names);
    tg__release(names.graph, names.role, nodes);
    free_cases();
}
