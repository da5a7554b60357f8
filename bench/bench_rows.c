/* Every elementwise operator and every reduction of the table by itself, forward and backward in one program, beside the
 * interpreter and memcpy of as many bytes. The rows are the table's own: what is added there is measured here. At the
 * end it names what lost: a program to the interpreter, or the fast one to the exact one. */
#include "ops.h"
#include "race.h"

#define WHO "bench_rows"

static const struct job shapes[] = {{.rank = 2, .dim = {64, 256}}, {.rank = 2, .dim = {1024, 1024}}};
enum { SHAPES = sizeof shapes / sizeof *shapes, LEAVES = TG__OPERANDS + 1, LOSSES = 400, NAME = 40 };

/* ------------------------------------------------------------------------------------------------------- what to run
 * One row at one place. along: the reduced axis; ALL: both; NONE: the row is elementwise. */

enum { NONE = -2, ALL = -1 };

struct entry {
    const tg_op *op;
    int along;
    char name[NAME];
};

/* The table says of a reduction that it has axes. */
static bool is_reduction(const tg_op *op) { return strstr(op->formula, "(x, axes)") != NULL; }

static void set_name(struct entry *e) {
    static const char *const axis[] = {"", ", all", ", axis 0", ", axis 1"};
    snprintf(e->name, sizeof e->name, "%s%s", e->op->name, axis[e->along - NONE]);
}

/* Moves e on to the next entry; the first call starts before the table. False: there is none. */
static bool next_entry(const tg_graph *g, size_t *row, struct entry *e) {
    if (e->op && e->along != NONE && e->along < 1) {
        e->along++;
        set_name(e);
        return true;
    }
    while ((e->op = tg_operator_at(g, (*row)++)))
        if (e->op->loop[0] || is_reduction(e->op)) {
            e->along = e->op->loop[0] ? NONE : ALL;
            set_name(e);
            return true;
        }
    return false;
}

/* ---------------------------------------------------------------------------------------------------------- a race */

struct work {
    const struct job *job;
    const struct entry *entry;
    void *v[LEAVES], *copy;
    struct tape tape;
};

static void *draw(const struct work *w, int k, size_t n) {
    const tg_op *op = w->entry->op;
    const bool f64 = w->job->dtype == TG_F64;
    void *v = room_for(w->job->dtype, n);
    for (size_t i = 0; v && i < n; i++) {
        const double x = op->low + (op->high - op->low) * (number_at((uint64_t)k + 1, i) + 0.5);
        f64 ? (void)(((double *)v)[i] = x) : (void)(((float *)v)[i] = (float)x);
    }
    return v;
}

static void lay_tape(struct work *w) {
    const tg_shape shape = tg_shape2(w->job->dim[0], w->job->dim[1]);
    const tg_op *op = w->entry->op;
    struct tape *t = &w->tape;
    tg_graph *g = t->g = tg_graph_new();
    tg_node in[TG__OPERANDS], z;
    for (int k = 0; k < op->operands; k++) in[k] = bound(g, w->job->dtype, shape, w->v[k]);
    if (w->entry->along == NONE)
        z = tg__apply(op, in, NULL);
    else
        z = tg__apply_reduction(op, in[0], w->entry->along == ALL ? tg_axes_all() : tg_axis(w->entry->along));
    t->out[t->outs++] = z;
    if (!op->vjp) return;
    const tg_grads d = tg_backward(z, bound(g, w->job->dtype, tg_dims(z), w->v[LEAVES - 1]));
    const struct tg__sweep *s = tg__sweep_get(d);
    for (int k = 0; k < op->operands && s; k++) {
        if (!tg__adjoint_of(s, in[k].id)) continue;
        const tg_node gradient = tg_grad(d, in[k]); /* the seed itself costs the tape nothing, a program a copy */
        if (tg__get(gradient) && !tg__is_leaf(tg__get(gradient))) t->out[t->outs++] = gradient;
    }
}

static bool open_work(struct work *w, const struct job *job, const struct entry *e) {
    *w = (struct work){.job = job, .entry = e};
    const size_t n = (size_t)(job->dim[0] * job->dim[1]);
    bool ok = (w->copy = room_for(job->dtype, n)) != NULL;
    for (int k = 0; k < LEAVES; k++) ok = ok && (w->v[k] = draw(w, k, n));
    if (ok) lay_tape(w);
    return ok && prepare_tape(&w->tape, WHO, 0);
}

static void close_work(struct work *w) {
    close_tape(&w->tape);
    for (int k = 0; k < LEAVES; k++) free(w->v[k]);
    free(w->copy);
}

/* ----------------------------------------------------------------------------------------------------------- losses */

struct loss {
    char what[NAME];
    struct job job;
    const char *of, *to;
    double ratio;
};

struct losses {
    struct loss list[LOSSES];
    int count;
};

/* Beyond noise: a tenth, and the quartiles do not meet. */
static void note_loss(struct losses *l, const struct race *r, int of, int to) {
    const struct contestant *a = &r->c[of], *b = &r->c[to];
    if (a->out || b->out || a->median < 1.1 * b->median || a->low < b->high || l->count == LOSSES) return;
    struct loss *x = &l->list[l->count++];
    *x = (struct loss){.job = *r->job, .of = a->name, .to = b->name, .ratio = a->median / b->median};
    snprintf(x->what, sizeof x->what, "%s", r->job->program);
}

static void print_losses(FILE *to, const struct losses *l) {
    for (int i = 0; i < l->count; i++) {
        const struct loss *x = &l->list[i];
        char shape[60];
        fprintf(to, "%s %s %s, %d thread%s: %s takes %.2f of %s\n", x->what,
                shape_name(x->job.dim, x->job.rank, shape, sizeof shape), dtype_name(x->job.dtype), x->job.threads,
                x->job.threads > 1 ? "s" : "", x->of, x->ratio, x->to);
    }
    if (l->count == 0) fprintf(to, "no program is slower than the interpreter, and no fast one than the exact one\n");
}

/* ------------------------------------------------------------------------------------------------------------- rows */

static bool run(const struct job *job, const struct entry *e, const struct options *o, struct report *out,
                struct summary *s, struct losses *l) {
    struct work w;
    struct race race;
    open_race(&race, job);
    bool ok = open_work(&w, job, e);
    if (ok) {
        const size_t bytes = (size_t)(job->dim[0] * job->dim[1]) * item_of(job->dtype);
        enter_tape(&race, &w.tape);
        enter_copy(&race, &w.tape,
                   (struct copy){.moved = 2 * (double)bytes,
                                 .size = bytes,
                                 .threads = job->threads,
                                 .pairs = 1,
                                 .from = {w.v[0]},
                                 .to = {w.copy}});
        ok = run_race(&race, o, out, s);
        note_loss(l, &race, FAST, INTERPRETER);
        note_loss(l, &race, EXACT, INTERPRETER);
        note_loss(l, &race, FAST, EXACT);
    }
    close_work(&w);
    return ok;
}

/* All rows at one shape, dtype and number of threads. */
static bool run_table(const tg_graph *g, struct job job, const struct options *o, struct report *out,
                      struct losses *l) {
    struct entry e = {.op = NULL};
    struct summary s = {.share = {0}};
    bool ok = true;
    for (size_t row = 0; next_entry(g, &row, &e);) {
        if (o->program && strcmp(o->program, e.op->name) != 0) continue;
        job.program = e.name;
        ok = run(&job, &e, o, out, &s, l) && ok;
    }
    char shape[60];
    shape_name(job.dim, job.rank, shape, sizeof shape);
    job.program = shape;
    print_summary(o->json ? stderr : stdout, &job, &s);
    return ok;
}

int main(int argc, char **argv) {
    struct options o;
    struct report out;
    struct losses *l = calloc(1, sizeof *l);
    tg_graph *g = tg_graph_new();
    if (!read_options(argc, argv, &o)) return usage(argv[0]);
    bool ok = l && g;
    open_report(&out, o.json);
    for (int i = 0; i < SHAPES * 4 && l && g; i++) {
        struct job job = shapes[i / 4];
        job.dtype = i % 2 ? TG_F64 : TG_F32;
        job.threads = i / 2 % 2 + 1;
        const char *program = o.program;
        o.program = NULL; /* it chooses among rows */
        const bool asked = is_asked(&o, &job);
        o.program = program;
        set_threads(job.threads);
        if (asked) ok = run_table(g, job, &o, &out, l) && ok;
    }
    close_report(&out);
    if (l) print_losses(o.json ? stderr : stdout, l);
    free(l);
    tg_graph_free(g);
    return !ok;
}
