/* inject_driver WHAT DIR [AGAIN]: does one thing that needs the system in DIR, where tests/injection lets a system call
 * fail, and then in AGAIN, where it does not, and says what came of each. getppid, which nothing else calls, marks in the
 * list of system calls where the first try begins and ends. The exit status is 0 if what was promised held. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static tg_graph *g;
static tg_node x, y;
static tg_grads d;
static tg_program *p; /* for tg_write_c */
static const char *dir;
static char note[1000]; /* of the last program */

static const char *in_dir(const char *name) {
    static char text[4000];
    snprintf(text, sizeof text, "%s/%s", dir, name);
    return text;
}

static bool build(void) {
    uint64_t state = 11;
    g = tg_graph_new();
    x = tg_let(tg_input(g, TG_F64, tg_shape2(4, 3)), "x", __FILE__, __LINE__);
    TG_LET(gamma, tg_param(g, TG_F64, tg_shape1(3)));
    TG_LET(beta, tg_state(g, TG_F64, tg_shape1(3), 0));
    TG_LET(dy, tg_input(g, TG_F64, tg_shape2(4, 3)));
    y = tg_batchnorm(x, gamma, beta, tg_axis(0), 1e-5, "bn");
    d = tg_backward(y, dy);
    const tg_node leaf[] = {x, gamma, dy};
    bool set = true;
    for (size_t i = 0; i < 3; i++) {
        double *v = random_array(&state, tg_size(leaf[i]), -2, 2);
        set = set && tg_set(leaf[i], v) == TG_OK;
        free(v);
    }
    return set && tg_run(g) == TG_OK;
}

/* ------------------------------------------------------------------------------------------------------- writers */

static tg_status write_html(void) { return tg_write_html(g, d, in_dir("out"), NULL); }
static tg_status write_json(void) { return tg_write_json(g, in_dir("out")); }
static tg_status write_dot(void) { return tg_write_dot(g, d, in_dir("out"), NULL); }
static tg_status write_svg(void) { return tg_write_svg(g, d, in_dir("out"), NULL); }
static tg_status write_numpy(void) { return tg_write_numpy(d, tg_nil(g), "f", in_dir("out")); }
static tg_status write_latex(void) { return tg_write_latex(d, tg_nil(g), "f", in_dir("out")); }
static tg_status write_staged(void) { return tg_write_c_staged(d, tg_nil(g), "f", in_dir("out")); }
static tg_status write_npy(void) { return tg_save(x, in_dir("out")); }
static tg_status write_npz(void) { return tg_save_leaves(g, in_dir("out")); }
static tg_status write_state(void) { return tg_save_state(g, in_dir("out")); }
static tg_status write_c(void) { return tg_write_c(p, "out", dir); }

/* ------------------------------------------------------------------------------------------------------- readers */

static tg_status read_npy(void) {
    tg_array array;
    return tg_read_npy(g, in_dir("in.npy"), &array);
}

static tg_status read_npz(void) { return tg_load_leaves(g, in_dir("in.npz")); }

static tg_status read_csv(void) {
    tg_table table;
    return tg_read_csv(g, in_dir("in.csv"), &table);
}

static tg_status read_gzip(void) {
    tg_table table;
    return tg_read_csv(g, in_dir("in.csv.gz"), &table);
}

/* ------------------------------------------------------------------------------------------------------ programs */

/* Compiled or interpreted, a program has the bits of the tape; where it was not compiled, or is not kept, it says why. */
static tg_status compile_with(unsigned flags) {
    const tg_node outputs[] = {y, tg_grad(d, x)};
    tg_program *q = tg_compile(g, outputs, 2, (tg_compile_options){.mode = TG_EXACT, .flags = flags});
    snprintf(note, sizeof note, "%s", q ? tg_program_note(q) : "");
    if (!q) return tg_error(g);
    bool same = tg_program_run(q) == TG_OK;
    for (size_t i = 0; i < 2 && same; i++)
        same = memcmp(tg_program_value(q, outputs[i]), tg_value(outputs[i]), 12 * sizeof(double)) == 0;
    const bool says = tg_program_stats(q).compiled || note[0];
    tg_program_free(q);
    if (same && says) return TG_OK;
    fprintf(stderr, "%s\n", says ? "a value differs" : "interpreted, and there is no note");
    exit(3);
}

static tg_status compile_may(void) { return compile_with(0); }
static tg_status compile_must(void) { return compile_with(TG_MUST_COMPILE); }

static const struct what {
    const char *name;
    tg_status (*run)(void);
} whats[] = {{"html", write_html},   {"json", write_json},   {"dot", write_dot},       {"svg", write_svg},
             {"numpy", write_numpy}, {"latex", write_latex}, {"staged", write_staged}, {"npy", write_npy},
             {"npz", write_npz},     {"state", write_state}, {"c", write_c},           {"read_npy", read_npy},
             {"read_npz", read_npz}, {"read_csv", read_csv}, {"read_gzip", read_gzip}, {"may", compile_may},
             {"must", compile_must}};

/* ---------------------------------------------------------------------------------------------------------- both */

static size_t descriptors(void) {
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Prints "status | message | note". */
static bool tell(tg_status status) {
    const char *message = tg_message(g);
    printf("%d | %s | %s\n", (int)status, message, note);
    return (status == TG_OK) == !*message && tg_error(g) == status;
}

int main(int argc, char **argv) {
    const struct what *what = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof whats / sizeof *whats; i++)
        if (strcmp(argv[1], whats[i].name) == 0) what = &whats[i];
    if (!what || argc < 3 || !build()) return 2;
    dir = argv[2];
    p = tg_compile(g, &y, 1, (tg_compile_options){.mode = TG_EXACT, .flags = TG_INTERPRET});
    if (!p) return 2;
    const size_t before = descriptors();
    (void)getppid();
    const tg_status first = what->run();
    (void)getppid();
    const size_t after = descriptors();
    bool kept = tell(first);
    dir = argv[argc - 1];
    kept &= tell(what->run());
    if (!kept) fputs("status and message do not fit\n", stderr);
    if (after != before) fprintf(stderr, "%zu descriptors became %zu\n", before, after);
    tg_graph_free(g);
    return !kept ? 3 : after != before ? 4 : 0;
}
