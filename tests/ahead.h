/* Programs as C ahead of time: what tg_write_c writes is compiled, as strictly as can be, called on the tape's own
 * leaves through what its header says, and everything it gives compared with the tape. Many functions go into one
 * library, for a compiler costs more to start than to run. */
#ifndef TESTS_AHEAD_H
#define TESTS_AHEAD_H

#include "graph.h"
#include "support.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

enum { AHEADS = 400, MEMBERS = 64, MARGIN = 64, CANARY = 0xAA };

struct ahead {
    tg_graph *g;
    tg_mode mode;
    int status; /* what the function is to return */
};

static struct ahead aheads[AHEADS];
static int ahead_count;
static char folder[64];

static inline const char *in_folder(const char *name, int number, const char *end) {
    static char text[4][160];
    static unsigned turn;
    char *to = text[turn++ % 4];
    snprintf(to, sizeof text[0], number < 0 ? "%s/%s" : "%s/%s%d%s", folder, name, number, end);
    return to;
}

static inline void open_folder(void) {
    strcpy(folder, "/tmp/tapegrad-ahead-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    ahead_count = 0;
}

static inline void close_folder(void) {
    for (int k = 0; k < ahead_count; k++) {
        unlink(in_folder("f", k, ".c"));
        unlink(in_folder("f", k, ".h"));
        tg_graph_free(aheads[k].g);
    }
    unlink(in_folder("all.c", -1, ""));
    unlink(in_folder("all.so", -1, ""));
    cr_expect_eq(rmdir(folder), 0, "something else was left behind");
}

/* The graph goes with it. Its leaves have values. */
static inline void add_ahead(tg_graph *g, const tg_node *outputs, size_t count, tg_mode mode, unsigned flags) {
    char name[20];
    const tg_compile_options options = {.mode = mode, .flags = flags | TG_INTERPRET};
    const tg_status status = tg_run(g);
    cr_assert(status == TG_OK || status == TG_VALUE, "%s", tg_message(g));
    tg_program *p = tg_compile(g, outputs, count, options);
    cr_assert_not_null(p, "%s", tg_message(g));
    snprintf(name, sizeof name, "f%d", ahead_count);
    cr_assert_lt(ahead_count, AHEADS);
    cr_assert_eq(tg_write_c(p, name, folder), TG_OK, "%s", tg_message(g));
    aheads[ahead_count++] = (struct ahead){g, mode, status != TG_OK};
}

/* Those from `first` on, in steps. */
static inline void *build_aheads(const char *compiler, int first, int step) {
    char command[600];
    FILE *file = fopen(in_folder("all.c", -1, ""), "w");
    cr_assert_not_null(file);
    for (int k = first; k < ahead_count; k += step) fprintf(file, "#include \"f%d.c\"\n", k);
    fclose(file);
    snprintf(command, sizeof command,
             "%s -std=c99 -pedantic -Wall -Wextra -Werror -fno-math-errno -shared -fPIC %s -o %s -lm", compiler,
             in_folder("all.c", -1, ""), in_folder("all.so", -1, ""));
    cr_assert_eq(system(command), 0, "%s", command);
    void *library = dlopen(in_folder("all.so", -1, ""), RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(library, "%s", dlerror());
    unlink(in_folder("all.so", -1, ""));
    return library;
}

/* Each file by itself: only there a compiler minds functions that nobody calls. */
static inline void look_through_alone(const char *compiler) {
    char command[300];
    snprintf(command, sizeof command, "%s -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only %s", compiler,
             in_folder("f*.c", -1, ""));
    cr_assert_eq(system(command), 0, "%s", command);
}

/* ----------------------------------------------------------------------------------------------------- what it says */

struct port { /* a struct of the header: pointers, in this order */
    tg_node node[MEMBERS];
    void *at[MEMBERS], *room[MEMBERS];
    int count;
};

struct header {
    struct port in, out, next;
    size_t work;
};

static inline tg_node node_called(tg_graph *g, const char *ident) {
    for (uint32_t id = 1; id <= tg_count(g); id++) {
        char text[100];
        const char *name = tg_name(tg_node_at(g, id));
        snprintf(text, sizeof text, "t%u", id);
        if (name && *name) snprintf(text, sizeof text, "%s", name);
        for (char *s = text; *s; s++)
            if (!isalnum((unsigned char)*s)) *s = '_';
        if (strcmp(text, ident) == 0) return tg_node_at(g, id);
    }
    cr_assert(false, "no node is called %s", ident);
    return tg_nil(g);
}

static inline struct header read_header(int k) {
    struct header h = {.work = 0};
    char line[400], ident[100];
    struct port *port = NULL;
    FILE *file = fopen(in_folder("f", k, ".h"), "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file)) {
        cr_assert_leq(strlen(line), 121, "a line of %zu columns: %s", strlen(line), line);
        if (strncmp(line, "#define F", 9) == 0) sscanf(line, "%*s %*s %zu", &h.work);
        if (strncmp(line, "struct ", 7) == 0)
            port = strstr(line, "_inputs {") ? &h.in : strstr(line, "_outputs {") ? &h.out : &h.next;
        const char *star = strchr(line, '*');
        if (*line == '}') port = NULL;
        if (!port || strncmp(line, "    ", 4) != 0 || !star || sscanf(star, "*%99[^;];", ident) != 1) continue;
        if (strncmp(line + 4, "const ", 6) != 0 && port == &h.in) continue;
        if (line[4] == ' ') continue; /* a comment that goes on */
        cr_assert_lt(port->count, MEMBERS);
        port->node[port->count++] = node_called(aheads[k].g, ident);
    }
    fclose(file);
    cr_assert_gt(h.work, 0);
    return h;
}

/* ------------------------------------------------------------------------------------------------------- calling it */

static inline size_t bytes_at(tg_node a) { return tg_size(a) * (tg_dtype_of(a) == TG_F64 ? 8 : 4); }

static inline void *guarded(size_t bytes) {
    unsigned char *room = malloc(bytes + 2 * MARGIN);
    memset(room, CANARY, bytes + 2 * MARGIN);
    return room;
}

static inline void check_guards(const void *room, size_t bytes, const char *what) {
    const unsigned char *s = room;
    for (size_t i = 0; i < MARGIN; i++)
        cr_assert(s[i] == CANARY && s[MARGIN + bytes + i] == CANARY, "%s: written beside it", what);
}

static inline void make_room(struct port *port) {
    for (int i = 0; i < port->count; i++) {
        port->room[i] = guarded(bytes_at(port->node[i]));
        port->at[i] = (char *)port->room[i] + MARGIN;
    }
}

static inline int call_ahead(void *library, int k, struct header *h, void *work) {
    const void *arg[4];
    char name[20];
    int n = 0;
    void *symbol;
    snprintf(name, sizeof name, "f%d", k);
    cr_assert_not_null(symbol = dlsym(library, name));
    if (h->in.count) arg[n++] = h->in.at;
    if (h->out.count) arg[n++] = h->out.at;
    if (h->next.count) arg[n++] = h->next.at;
    arg[n++] = work;
    union {
        void *symbol;
        int (*two)(const void *, const void *);
        int (*three)(const void *, const void *, const void *);
        int (*four)(const void *, const void *, const void *, const void *);
    } f = {symbol};
    cr_assert(n >= 2 && n <= 4);
    return n == 2   ? f.two(arg[0], arg[1])
           : n == 3 ? f.three(arg[0], arg[1], arg[2])
                    : f.four(arg[0], arg[1], arg[2], arg[3]);
}

/* Whether functions of the library, whose bits are their own, are in it. */
static inline bool is_loose(tg_graph *g, uint32_t id, char *known) {
    for (uint32_t i = 1; i <= id; i++) {
        const struct tg__node *n = tg__node_of(g, i);
        known[i] = n->op->transcendent;
        for (int k = 0; k < n->operands; k++) known[i] |= known[n->in[k]];
    }
    return known[id];
}

/* Loose: 1000 units of roundoff of what is largest in the array, for sums and quotients of what is 4 units off. */
static inline void compare_ahead(int k, tg_node tape, const void *ours, const char *name) {
    char *known = calloc(tape.id + 1, 1);
    const bool loose = aheads[k].mode == TG_FAST || is_loose(aheads[k].g, tape.id, known);
    const double unit = tg_dtype_of(tape) == TG_F64 ? 0x1p-53 : 0x1p-24;
    double most = 1;
    free(known);
    for (size_t i = 0; i < tg_size(tape); i++) most = fmax(most, fabs(tg_item(tape, i)));
    for (size_t i = 0; i < tg_size(tape); i++) {
        const double x = tg_item(tape, i), y = tg__load(tg_dtype_of(tape), ours, i);
        const bool same = (x == y && !signbit(x) == !signbit(y)) || (isnan(x) && isnan(y));
        cr_assert(same || (loose && fabs(x - y) <= 1000 * unit * most), "f%d: %s[%zu] is %.17g, on the tape %.17g (%s)",
                  k, name, i, y, x, tg_op_of(tape));
    }
}

static inline void check_port(int k, struct port *port, bool next) {
    for (int i = 0; i < port->count; i++) {
        const tg_node a = port->node[i], tape = next ? tg_assigned(a) : a;
        check_guards(port->room[i], bytes_at(a), tg_name(a));
        if (!aheads[k].status) compare_ahead(k, tape, port->at[i], tg_name(a));
        free(port->room[i]);
    }
}

static inline void check_ahead(void *library, int k) {
    struct header h = read_header(k);
    for (int i = 0; i < h.in.count; i++) {
        h.in.at[i] = (void *)(uintptr_t)tg_value(h.in.node[i]);
        cr_assert_not_null(h.in.at[i]);
    }
    make_room(&h.out);
    make_room(&h.next);
    void *work = guarded(h.work);
    cr_assert_eq(call_ahead(library, k, &h, (char *)work + MARGIN), aheads[k].status, "f%d returns another status", k);
    check_guards(work, h.work, "the workspace");
    check_port(k, &h.out, false);
    check_port(k, &h.next, true);
    free(work);
}

static inline void check_some(const char *compiler, int first, int step) {
    void *library = build_aheads(compiler, first, step);
    for (int k = first; k < ahead_count; k += step) check_ahead(library, k);
    dlclose(library);
}

static inline void check_aheads(const char *compiler) { check_some(compiler, 0, 1); }

static inline bool has_clang(void) { return system("command -v clang >/dev/null") == 0; }

#endif
