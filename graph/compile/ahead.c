/* Writing the two files: both, or none. */
#include "ahead.h"

enum { FILES = 2 };

/* ---------------------------------------------------------------------------------------------------- making ready */

static void *zeros(tg_graph *g, size_t bytes) {
    void *block = tg__alloc(g, bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

/* Only what is called has a statement of its own; numbers and tables stand where they are read. */
static void place(struct tg__ahead *a) {
    for (uint32_t id = 1; id <= a->fused.last; id++) {
        const struct tg__item *x = tg__item_of(&a->fused, id);
        struct tg__spot *spot = &a->places.spot[id];
        struct tg__emit e;
        a->names.role[id] = x->kind == TG__CALLED ? TG__FORWARD : TG__ARGUMENT;
        spot->place = x->kind == TG__VOID ? TG__NOWHERE : x->kind == TG__NUMERAL ? TG__NUMBER : TG__MEMBER;
        if (x->kind == TG__DATA && tg__is_static(a, id) && (x->loaded || a->ports.holder[id])) spot->place = TG__TABLE;
        a->places.tables |= spot->place == TG__TABLE;
        if (x->kind != TG__CALLED) continue;
        tg__kernel(a->small, id, &e);
        spot->inner = tg__reduces(&e) ? id : 0;
        a->places.helpers |= e.helper[0] != NULL;
        a->checks |= e.guard || e.checks;
        a->rounds |= e.rounds;
    }
}

static bool has_c(struct tg__ahead *a) {
    struct tg__emit e;
    for (uint32_t id = 1; id <= a->fused.last; id++) {
        if (a->fused.item[id].kind != TG__CALLED || tg__kernel(a->small, id, &e)) continue;
        tg__fail_run(a->g, TG_ARGUMENT, a->p->small.origin[id],
                     "the operator has no C: its row has neither code nor emit");
        return false;
    }
    return true;
}

static bool open(struct tg__ahead *a, tg_program *p, const char *function) {
    const size_t nodes = p->length;
    *a = (struct tg__ahead){.p = p, .g = p->graph, .small = p->small.graph};
    if (!tg__fuse(&a->fused, a->small, p->length, p->small.result, p->count, p->mode)) return false;
    if (!has_c(a) || !tg__ports_new(a, function)) return false;
    a->names = (struct tg__part){.graph = a->small, .last = p->length - 1, .bytes = nodes};
    a->names.role = zeros(a->small, nodes);
    a->places.bytes = nodes * sizeof *a->places.spot;
    a->places.spot = zeros(a->small, a->places.bytes);
    if (!a->names.role || !a->places.spot) return false;
    place(a);
    if (!tg__idents_new(&a->names, a->ports.part.function)) return false;
    a->c = (struct tg__c){.part = &a->names, .places = &a->places, .counter = "ptrdiff_t"};
    a->source =
        (struct tg__source){.f = &a->fused, .names = &a->names, .name = a->names.function, .block = 1, .c = &a->c};
    return tg__lay_out(&a->source);
}

static void close(struct tg__ahead *a) {
    tg__idents_free(&a->names);
    if (a->names.role) tg__release(a->small, a->names.role, a->names.bytes);
    if (a->places.spot) tg__release(a->small, a->places.spot, a->places.bytes);
    if (a->g) tg__ports_free(a);
    if (a->fused.g) tg__fused_free(&a->fused);
}

/* ------------------------------------------------------------------------------------------------------- the files */

static bool put_both(struct tg__ahead *a, struct tg__writer writer[FILES]) {
    bool ok = true;
    for (int i = FILES - 1; i >= 0 && ok; i--) { /* the header says what the program turned out to need */
        struct tg__sheet file = tg__sheet_writer(&writer[i]);
        struct tg__wrap wrap;
        tg__wrap_open(&wrap, &file);
        if (i == 0)
            tg__put_header(a, &wrap.sheet);
        else
            ok = tg__put_program(a, &wrap.sheet);
        ok =
            ok && !a->small->error.status && !a->g->error.status && tg__write_finish(&writer[i]); /* also a comment's */
    }
    return ok && tg__write_commit_both(&writer[0], &writer[1]);
}

static bool write_both(struct tg__ahead *a, const char *path[FILES]) {
    struct tg__writer writer[FILES];
    if (!tg__write_open(&writer[0], a->g, path[0])) return false;
    if (!tg__write_open(&writer[1], a->g, path[1])) {
        tg__write_abandon(&writer[0]);
        return false;
    }
    const bool written = put_both(a, writer);
    for (int i = 0; i < FILES && !written; i++) tg__write_abandon(&writer[i]);
    return written;
}

static bool write(struct tg__ahead *a, const char *directory) {
    static const char *const end[FILES] = {".h", ".c"};
    const size_t room = strlen(directory) + strlen(a->names.function) + 4;
    char *text[FILES] = {tg__alloc(a->g, room), tg__alloc(a->g, room)};
    const bool ok = text[0] && text[1];
    for (int i = 0; i < FILES && ok; i++) snprintf(text[i], room, "%s/%s%s", directory, a->names.function, end[i]);
    const bool written = ok && write_both(a, (const char *[]){text[0], text[1]});
    for (int i = 0; i < FILES; i++)
        if (text[i]) tg__release(a->g, text[i], room);
    return written;
}

tg_status tg_write_c(tg_program *p, const char *function, const char *directory) {
    struct tg__ahead a;
    if (!p) return TG_HANDLE;
    tg_graph *g = p->graph, *small = p->small.graph;
    tg__clear_run(g);
    if (g->error.status || !tg__stands(p, "write_c")) return g->error.status;
    if (function && !tg__names_function(g, function, "write_c")) return g->error.status;
    if (!directory || !*directory) return tg__fail_file(g, directory ? "''" : "NULL", "no directory to write to");
    g->busy = small->busy = true; /* what fails here can be tried again */
    const struct tg__point point = tg__point_open();
    const bool written = open(&a, p, function) && write(&a, directory);
    tg__point_close(point);
    close(&a);
    g->busy = small->busy = false;
    tg__clear_run(small);
    if (!written && !g->error.status) tg__fail_run(g, TG_MEMORY, 0, "write_c: out of memory");
    return g->error.status;
}
